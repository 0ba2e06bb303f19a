//! The application catalogue: what is known of each application before a packet is seen.
//!
//! Each application is a file of `applications/`; the build checks them all and turns them into one table.
//! An application's number stands in its file, is fixed for good and never reused, so that records, peers
//! and saved state agree on it. Names follow the PAN-OS application list of 2021 and later (`dns-base`,
//! `ntp-base`, …).
#![no_std]

mod characteristics;

pub use characteristics::Characteristics;

use bifrons_model::{Action, AppId};

include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// The first number of a custom application: those of the catalogue lie below, those that a configuration
/// defines at and above it.
pub const CUSTOM_FIRST: u16 = 0x8000;

/// What the catalogue says of one application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its number.
    pub id: AppId,
    /// Its name in rules and logs.
    pub name: &'static str,
    /// The log's `category_of_app`.
    pub category: &'static str,
    /// The log's `subcategory_of_app`.
    pub subcategory: &'static str,
    /// The log's `technology_of_app`.
    pub technology: &'static str,
    /// The log's `risk_of_app`, 1 to 5.
    pub risk: u8,
    /// The ports of `application-default`.
    pub ports: &'static [Port],
    /// The application that this one is a part of; allowed implicitly while this one is looked for.
    pub parent: Option<AppId>,
    /// Further applications as which its sessions begin (`ssl`, `web-browsing`, …); allowed implicitly
    /// while this one is looked for.
    pub implicit: &'static [AppId],
    /// What a rule's `deny` does to it: `Drop` or one of the resets.
    pub deny_action: Action,
    /// What application filters ask for.
    pub characteristics: Characteristics,
    /// The probe that is certain of it, where its own protocol tells it.
    pub probe: Option<&'static str>,
    /// What names it inside the protocol that carries it.
    pub signatures: &'static [Signature],
    /// Idle timeout of its UDP sessions in seconds, where it is not the global one.
    pub udp_timeout: Option<u32>,
    /// Idle timeout of its TCP sessions in seconds, where it is not the global one.
    pub tcp_timeout: Option<u32>,
    /// Half-closed timeout of its TCP sessions in seconds, where it is not the global one.
    pub tcp_half_closed_timeout: Option<u32>,
    /// Time-wait timeout of its TCP sessions in seconds, where it is not the global one.
    pub tcp_time_wait_timeout: Option<u32>,
}

/// One text that names an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Where it stands.
    pub context: Context,
    /// The text.
    pub text: &'static str,
}

/// Where a signature's text stands, and how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Context {
    /// The server's name as TLS, QUIC, an HTTP request or a certificate tells it: this domain or one below.
    Host,
    /// A protocol that a TLS or QUIC client offers (RFC 7301): the whole identifier.
    Alpn,
    /// The HTTP user agent: contained, in any case.
    UserAgent,
    /// The path of an HTTP request: its beginning, in any case.
    Path,
    /// The head of an HTTP request: contained, in any case.
    Header,
    /// The content type of an HTTP request: its beginning, in any case.
    RequestType,
    /// The content type of an HTTP response: its beginning, in any case.
    ResponseType,
}

/// One entry of an application's default ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// A TCP port.
    Tcp(u16),
    /// A UDP port.
    Udp(u16),
    /// Any TCP port.
    TcpDynamic,
    /// Any UDP port.
    UdpDynamic,
    /// An IP protocol without ports.
    Protocol(u8),
}

impl Port {
    /// Whether a session of `protocol` to `port` is on this entry.
    pub const fn matches(self, protocol: u8, port: u16) -> bool {
        match self {
            Self::Tcp(own) => protocol == 6 && own == port,
            Self::Udp(own) => protocol == 17 && own == port,
            Self::TcpDynamic => protocol == 6,
            Self::UdpDynamic => protocol == 17,
            Self::Protocol(own) => own == protocol,
        }
    }
}

impl Application {
    /// Whether `protocol` and `port` are among its default ports; an application without any is at home
    /// everywhere.
    pub fn is_default_port(&self, protocol: u8, port: u16) -> bool {
        self.ports.is_empty() || self.ports.iter().any(|own| own.matches(protocol, port))
    }
}

/// Every application; an application's number is its place.
pub fn applications() -> &'static [Application] {
    TABLE
}

/// The application with this number; the nameless one where there is none.
pub fn application(id: AppId) -> &'static Application {
    let all = applications();
    all.get(id.index()).unwrap_or(&all[0])
}

/// The application's name.
pub fn name(id: AppId) -> &'static str {
    application(id).name
}

/// The application called `name`; older names (`dns`, `ntp`, `quic`, `snmp`, `smtp`, `rtp`, `ms-ds-smb`)
/// are understood.
pub fn by_name(name: &str) -> Option<AppId> {
    let current = match name {
        "dns" => "dns-base",
        "ntp" => "ntp-base",
        "quic" => "quic-base",
        "snmp" => "snmp-base",
        "smtp" => "smtp-base",
        "rtp" => "rtp-base",
        "ms-ds-smb" => "ms-ds-smb-base",
        other => other,
    };
    applications()
        .iter()
        .skip(1)
        .find(|application| application.name == current)
        .map(|application| application.id)
}

/// Whether the value is not an application but the word for why none is known.
pub fn is_unidentified(id: AppId) -> bool {
    id.0 <= app::LAST_PSEUDO.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_places_and_names_are_unique() {
        for (place, application) in applications().iter().enumerate() {
            assert_eq!(application.id.index(), place, "{}", application.name);
            if place > 0 {
                assert_eq!(by_name(application.name), Some(application.id));
            }
        }
    }

    #[test]
    fn each_application_can_be_recognised() {
        for application in applications().iter().skip(usize::from(app::LAST_PSEUDO.0) + 1) {
            let by_protocol = application.ports.iter().any(|port| matches!(port, Port::Protocol(_)));
            let known = application.probe.is_some() || !application.signatures.is_empty() || by_protocol;
            assert!(known || application.id == app::UNKNOWN_IP, "{}", application.name);
        }
    }

    #[test]
    fn characteristics_and_signatures_come_from_the_files() {
        let bittorrent = application(app::BITTORRENT);
        assert!(bittorrent.characteristics.has(Characteristics::EVASIVE));
        assert!(!bittorrent.characteristics.has(Characteristics::SAAS));
        assert_eq!(bittorrent.probe, Some("bittorrent"));
        assert_eq!(application(app::QUIC_BASE).udp_timeout, Some(120));
        assert_eq!(application(app::MS_DS_SMBV2).parent, Some(app::MS_DS_SMB_BASE));
    }

    #[test]
    fn older_names_are_understood() {
        assert_eq!(by_name("dns"), Some(app::DNS_BASE));
        assert_eq!(by_name("no-such-application"), None);
    }

    #[test]
    fn default_ports() {
        assert!(application(app::SSL).is_default_port(6, 443));
        assert!(!application(app::SSL).is_default_port(6, 8443));
        assert!(application(app::PING).is_default_port(1, 0));
    }
}
