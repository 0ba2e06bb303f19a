//! Address translation.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use super::{AddressRange, Prefix, ServiceMatch};

/// A NAT rule ("NAT policy overview"). Conditions are on the packet as it arrives; an empty list means
/// `any`. A rule that matches and translates nothing exempts its traffic from later ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatRule {
    /// The rule's name, at most 63 characters.
    pub name: String,
    /// Between which families.
    pub kind: NatKind,
    /// Zones the traffic comes from: indices into `Config::zones`.
    pub from: Vec<usize>,
    /// The zones of the interface that leads to the original destination: indices into `Config::zones`.
    pub to: Vec<usize>,
    /// The interface that leads to the original destination: an index into `Config::interfaces`.
    pub to_interface: Option<usize>,
    /// Source addresses.
    pub source: Vec<AddressRange>,
    /// Destination addresses.
    pub destination: Vec<AddressRange>,
    /// The service; never `ApplicationDefault`.
    pub service: ServiceMatch,
    /// What becomes of the source; `None` leaves it.
    pub source_translation: Option<SourceTranslation>,
    /// What becomes of the destination; `None` leaves it.
    pub destination_translation: Option<DestinationTranslation>,
    /// Which device of an active/active pair uses the rule.
    pub binding: DeviceBinding,
    /// Whether the rule is skipped.
    pub disabled: bool,
    /// Free text.
    pub description: String,
}

/// Between which families a rule translates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NatKind {
    /// IPv4 to IPv4.
    #[default]
    Ipv4,
    /// IPv6 clients to IPv4 servers, or back (RFC 6146).
    Nat64,
    /// IPv6 prefix to IPv6 prefix, without state (RFC 6296).
    Nptv6,
}

/// What becomes of the source address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceTranslation {
    /// Many to few: address and port.
    DynamicIpAndPort {
        /// The pool.
        pool: Vec<AddressRange>,
        /// `persistent-dynamic-ip-and-port`: the same source address and port always gets the same
        /// translated ones, whatever the destination (endpoint-independent mapping, RFC 4787 REQ-1).
        persistent: bool,
    },
    /// One to one from a pool, ports kept.
    DynamicIp {
        /// The pool, at most 32,768 addresses.
        pool: Vec<AddressRange>,
        /// Where sessions go when the pool is used up; without one they are dropped.
        fallback: Option<Fallback>,
    },
    /// One to one by place, ports kept.
    StaticIp {
        /// As many addresses as the rule's source has; NPTv6: the translated prefix, as long as the
        /// source's; NAT64 from IPv4: the prefix of 96 bits that the source is put behind (RFC 6052).
        translated: AddressRange,
        /// Whether the other way is translated too.
        bidirectional: bool,
    },
}

/// Address and port for what a dynamic-ip pool has no room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The pool of a dynamic-ip-and-port translation.
    pub pool: Vec<AddressRange>,
}

/// What becomes of the destination address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationTranslation {
    /// One to one by place; a single address takes all.
    Static {
        /// The servers' own addresses.
        translated: AddressRange,
        /// The port, or where a range of ports begins.
        port: Option<u16>,
    },
    /// Sessions are spread over several servers.
    Dynamic {
        /// The servers, at most 32.
        servers: Vec<IpAddr>,
        /// The port.
        port: Option<u16>,
        /// How they are chosen.
        distribution: Distribution,
    },
    /// NAT64: the IPv4 address stands in the IPv6 one behind this prefix (RFC 6052).
    Embedded {
        /// 32, 40, 48, 56, 64 or 96 bits long.
        prefix: Prefix,
    },
}

/// How sessions are spread over servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// One after the other.
    #[default]
    RoundRobin,
    /// By a hash of the source address.
    SourceIpHash,
    /// By source XOR destination address, modulo the number of servers.
    IpModulo,
    /// By a hash of source and destination address.
    IpHash,
    /// The one with the fewest sessions.
    LeastSessions,
}

/// `active-active-device-binding`: which device of a pair uses a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceBinding {
    /// Sessions that either device owns; also where nothing is said.
    #[default]
    Both,
    /// Sessions that the device with this id owns.
    Device(u8),
    /// Sessions that the active-primary owns.
    Primary,
}

/// `deviceconfig setting nat`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatSettings {
    /// How many sessions to different destinations may share one translated address and port: 1, 2, 4 or 8.
    pub oversubscription: Oversubscription,
    /// Whether a dynamic-ip address stays reserved for its source after the last session.
    pub reserve_ip: bool,
    /// How long, in seconds, 1 to 604,800.
    pub reserve_time: u32,
}

/// Sessions to different destinations that may share one translated address and port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Oversubscription {
    /// One.
    #[default]
    Once = 1,
    /// Two.
    Twice = 2,
    /// Four.
    FourTimes = 4,
    /// Eight.
    EightTimes = 8,
}

impl Default for NatSettings {
    fn default() -> Self {
        Self { oversubscription: Oversubscription::Once, reserve_ip: false, reserve_time: 28_800 }
    }
}
