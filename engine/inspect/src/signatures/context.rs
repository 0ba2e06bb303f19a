//! Where a text was found.

use bifrons_catalog as catalog;
use bifrons_model::Direction;

use crate::PROBES;

/// Where a text or a number was found; a custom application's signature calls it by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Context(u16);

macro_rules! contexts {
    ($($(#[$doc:meta])* $constant:ident = $number:literal $(, $name:literal)*;)*) => {
        impl Context {
            $($(#[$doc])* pub const $constant: Self = Self($number);)*

            /// Names with which a configuration speaks of the contexts of a fixed kind.
            const NAMED: &[(&str, Self)] = &[$($(($name, Self::$constant),)*)*];
        }
    };
}

contexts! {
    /// The server's name, lower case, without a port: of TLS, of QUIC, of an HTTP request.
    SERVER_NAME = 0;
    /// A name in the server's certificate.
    CERTIFICATE_NAME = 1;
    /// A protocol that the client offers (RFC 7301).
    ALPN = 2;
    /// `http-req-host-header`: the `Host` field.
    HTTP_HOST = 3, "http-req-host-header";
    /// `http-req-uri`: the request's target as it was sent.
    HTTP_URI = 4, "http-req-uri";
    /// `http-req-uri-path`: the target's path.
    HTTP_PATH = 5, "http-req-uri-path";
    /// `http-req-params`: what follows the question mark.
    HTTP_PARAMS = 6, "http-req-params";
    /// `http-req-headers`: the fields of the request, line by line.
    HTTP_HEADERS = 7, "http-req-headers";
    /// `http-req-user-agent-header`: the `User-Agent` field.
    HTTP_USER_AGENT = 8, "http-req-user-agent-header";
    /// `http-req-cookie`: the `Cookie` field.
    HTTP_COOKIE = 9, "http-req-cookie";
    /// The `Content-Type` field of the request.
    HTTP_REQUEST_TYPE = 10;
    /// `http-rsp-headers`: the fields of the response, line by line.
    HTTP_RESPONSE_HEADERS = 11, "http-rsp-headers";
    /// The `Content-Type` field of the response.
    HTTP_RESPONSE_TYPE = 12;
    /// `http-rsp-reason`: the reason phrase.
    HTTP_REASON = 13, "http-rsp-reason";
    /// `ssl-req-client-hello`: the ClientHello message, header included.
    CLIENT_HELLO = 14, "ssl-req-client-hello";
    /// `ssl-rsp-server-hello`: the ServerHello message, header included.
    SERVER_HELLO = 15, "ssl-rsp-server-hello";
    /// `ssl-rsp-certificate`: the Certificate message, header included, where it is sent in the clear.
    CERTIFICATE = 16, "ssl-rsp-certificate";
    /// `unknown-req-tcp-payload`: what a client sent that no protocol claims.
    UNKNOWN_TCP_SENT = 17, "unknown-req-tcp-payload", "unknown-req-tcp";
    /// `unknown-rsp-tcp-payload`: what a server sent that no protocol claims.
    UNKNOWN_TCP_RECEIVED = 18, "unknown-rsp-tcp-payload", "unknown-rsp-tcp";
    /// `unknown-req-udp-payload`: a client's datagram that no protocol claims.
    UNKNOWN_UDP_SENT = 19, "unknown-req-udp-payload", "unknown-req-udp";
    /// `unknown-rsp-udp-payload`: a server's datagram that no protocol claims.
    UNKNOWN_UDP_RECEIVED = 20, "unknown-rsp-udp-payload", "unknown-rsp-udp";
}

/// Numbers stand behind the texts of a fixed kind.
const FIRST_NUMBER: u16 = 32;
/// The payload of each probe's protocol, in both directions, stands behind those.
const FIRST_PAYLOAD: u16 = 64;

/// The payload of a protocol by the names of its contexts: the name, the probe's name, whose it is.
const PAYLOADS: &[(&str, &str, Direction)] = {
    const SENT: Direction = Direction::ClientToServer;
    const RECEIVED: Direction = Direction::ServerToClient;
    &[
        ("dhcp-req-protocol-payload", "dhcp", SENT),
        ("dhcp-rsp-protocol-payload", "dhcp", RECEIVED),
        ("dns-req-protocol-payload", "dns", SENT),
        ("dns-rsp-protocol-payload", "dns", RECEIVED),
        ("ftp-req-protocol-payload", "ftp", SENT),
        ("ftp-rsp-banner", "ftp", RECEIVED),
        ("ftp-rsp-protocol-payload", "ftp", RECEIVED),
        ("imap-req-protocol-payload", "imap", SENT),
        ("imap-rsp-protocol-payload", "imap", RECEIVED),
        ("irc-req-protocol-payload", "irc", SENT),
        ("irc-rsp-protocol-payload", "irc", RECEIVED),
        ("ldap-req-protocol-payload", "ldap", SENT),
        ("ldap-rsp-protocol-payload", "ldap", RECEIVED),
        ("ms-ds-smb-req-protocol-payload", "smb", SENT),
        ("ms-ds-smb-rsp-protocol-payload", "smb", RECEIVED),
        ("mssql-db-req-protocol-payload", "tds", SENT),
        ("mssql-db-rsp-protocol-payload", "tds", RECEIVED),
        ("mysql-req-protocol-payload", "mysql", SENT),
        ("mysql-rsp-protocol-payload", "mysql", RECEIVED),
        ("netbios-req-protocol-payload", "netbios", SENT),
        ("netbios-rsp-protocol-payload", "netbios", RECEIVED),
        ("ntp-req-protocol-payload", "ntp", SENT),
        ("ntp-rsp-protocol-payload", "ntp", RECEIVED),
        ("pop3-req-protocol-payload", "pop3", SENT),
        ("pop3-rsp-protocol-payload", "pop3", RECEIVED),
        ("rtsp-req-protocol-payload", "rtsp", SENT),
        ("rtsp-rsp-protocol-payload", "rtsp", RECEIVED),
        ("sip-req-protocol-payload", "sip", SENT),
        ("sip-rsp-protocol-payload", "sip", RECEIVED),
        ("smtp-req-protocol-payload", "smtp", SENT),
        ("smtp-rsp-protocol-payload", "smtp", RECEIVED),
        ("snmp-req-protocol-payload", "snmp", SENT),
        ("snmp-rsp-protocol-payload", "snmp", RECEIVED),
        ("ssh-req-banner", "ssh", SENT),
        ("ssh-rsp-banner", "ssh", RECEIVED),
        ("telnet-req-client-data", "telnet", SENT),
        ("telnet-rsp-server-data", "telnet", RECEIVED),
    ]
};

impl Context {
    /// The context of text that a configuration calls `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        let named = Self::named().chain(Self::payload_names());
        named.into_iter().find(|(known, _)| *known == name).map(|(_, context)| context)
    }

    /// The contexts of a fixed kind, with their names.
    pub fn named() -> impl Iterator<Item = (&'static str, Self)> {
        Self::NAMED.iter().copied()
    }

    /// The contexts that are the payload of a protocol, with their names.
    pub fn payload_names() -> impl Iterator<Item = (&'static str, Self)> {
        PAYLOADS.iter().filter_map(|(name, probe, direction)| {
            let place = PROBES.iter().position(|known| known.name == *probe)?;
            Some((*name, Self::payload(place, *direction)))
        })
    }

    /// What one side sent in the protocol of the probe at this place.
    pub(crate) const fn payload(probe: usize, direction: Direction) -> Self {
        Self(FIRST_PAYLOAD + 2 * probe as u16 + direction.index() as u16)
    }

    /// Payload that no protocol claims.
    pub(crate) const fn unknown(transport: crate::Transport, direction: Direction) -> Self {
        match (transport, direction) {
            (crate::Transport::Tcp, Direction::ClientToServer) => Self::UNKNOWN_TCP_SENT,
            (crate::Transport::Tcp, Direction::ServerToClient) => Self::UNKNOWN_TCP_RECEIVED,
            (crate::Transport::Udp, Direction::ClientToServer) => Self::UNKNOWN_UDP_SENT,
            (crate::Transport::Udp, Direction::ServerToClient) => Self::UNKNOWN_UDP_RECEIVED,
        }
    }
}

/// A number that a protocol's reader hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// `http-req-content-length`
    HttpContentLength,
    /// `http-req-header-length`: bytes of the request's fields.
    HttpHeaderLength,
    /// `http-req-param-length`: bytes behind the question mark.
    HttpParamLength,
    /// `http-req-uri-path-length`
    HttpPathLength,
    /// `http-req-dst-port`: the server's port.
    HttpPort,
    /// `http-rsp-code`: the status code.
    HttpCode,
    /// `http-rsp-content-length`
    HttpResponseContentLength,
    /// `http-rsp-total-headers-len`: bytes of the response's fields.
    HttpResponseHeaderLength,
}

impl Number {
    const NAMED: [(&str, Self); 8] = [
        ("http-req-content-length", Self::HttpContentLength),
        ("http-req-header-length", Self::HttpHeaderLength),
        ("http-req-param-length", Self::HttpParamLength),
        ("http-req-uri-path-length", Self::HttpPathLength),
        ("http-req-dst-port", Self::HttpPort),
        ("http-rsp-code", Self::HttpCode),
        ("http-rsp-content-length", Self::HttpResponseContentLength),
        ("http-rsp-total-headers-len", Self::HttpResponseHeaderLength),
    ];

    /// Every number with its name.
    pub fn named() -> impl Iterator<Item = (&'static str, Self)> {
        Self::NAMED.into_iter()
    }

    /// The number that a configuration calls `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
    }

    /// The place in a set of contexts.
    pub const fn context(self) -> Context {
        Context(FIRST_NUMBER + self as u16)
    }
}

/// Where the text of a catalogue's signature must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// All of the text, or its end behind a dot.
    Domain(Context),
    /// All of it.
    Whole(Context),
    /// Its beginning.
    Beginning(Context),
    /// Anywhere.
    Inside(Context),
}

impl Place {
    pub(super) const fn of(context: catalog::Context) -> &'static [Self] {
        match context {
            catalog::Context::Host => {
                &[Self::Domain(Context::SERVER_NAME), Self::Domain(Context::CERTIFICATE_NAME)]
            }
            catalog::Context::Alpn => &[Self::Whole(Context::ALPN)],
            catalog::Context::UserAgent => &[Self::Inside(Context::HTTP_USER_AGENT)],
            catalog::Context::Path => &[Self::Beginning(Context::HTTP_PATH)],
            catalog::Context::Header => &[Self::Inside(Context::HTTP_HEADERS)],
            catalog::Context::RequestType => &[Self::Beginning(Context::HTTP_REQUEST_TYPE)],
            catalog::Context::ResponseType => &[Self::Beginning(Context::HTTP_RESPONSE_TYPE)],
        }
    }

    pub(super) const fn context(self) -> Context {
        match self {
            Self::Domain(context)
            | Self::Whole(context)
            | Self::Beginning(context)
            | Self::Inside(context) => context,
        }
    }

    /// Whether a literal from `start` to `end` of the text stands where it must.
    pub(super) fn fits(self, text: &[u8], start: usize, end: usize) -> bool {
        let begins = start == 0;
        let ends = end == text.len();
        match self {
            Self::Domain(_) => ends && (begins || text.get(start.wrapping_sub(1)) == Some(&b'.')),
            Self::Whole(_) => begins && ends,
            Self::Beginning(_) => begins,
            Self::Inside(_) => true,
        }
    }

    /// How good the evidence is, compared with that of other places.
    pub(super) fn weight(self) -> u8 {
        match self.context() {
            Context::HTTP_REQUEST_TYPE => 7,
            Context::SERVER_NAME => 6,
            Context::HTTP_USER_AGENT => 5,
            Context::ALPN => 4,
            Context::HTTP_PATH => 3,
            Context::CERTIFICATE_NAME | Context::HTTP_HEADERS => 2,
            _ => 1,
        }
    }
}

const CONTEXTS: usize = FIRST_PAYLOAD as usize + 2 * PROBES.len();

/// Contexts that some signature asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContextSet([u64; CONTEXTS.div_ceil(64)]);

impl Default for ContextSet {
    fn default() -> Self {
        Self([0; CONTEXTS.div_ceil(64)])
    }
}

impl ContextSet {
    pub(super) fn add(&mut self, context: Context) {
        if let Some(word) = self.0.get_mut(usize::from(context.0 / 64)) {
            *word |= 1 << (context.0 % 64);
        }
    }

    pub(super) fn has(&self, context: Context) -> bool {
        self.0.get(usize::from(context.0 / 64)).is_some_and(|word| word >> (context.0 % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_contexts() {
        assert_eq!(Context::by_name("http-req-host-header"), Some(Context::HTTP_HOST));
        assert_eq!(Context::by_name("unknown-req-tcp"), Some(Context::UNKNOWN_TCP_SENT));
        assert_eq!(Context::by_name("http-rsp-code"), None);
        assert_eq!(Number::by_name("http-rsp-code"), Some(Number::HttpCode));
        assert_eq!(
            Context::by_name("ftp-req-protocol-payload"),
            Context::by_name("ftp-req-protocol-payload")
        );
        assert_eq!(Context::by_name("ftp-rsp-banner"), Context::by_name("ftp-rsp-protocol-payload"));
        assert_eq!(Context::by_name("gopher-req-protocol-payload"), None);
        assert_eq!(Context::by_name("ftp-both-protocol-payload"), None);
        assert_eq!(Context::payload_names().count(), PAYLOADS.len());
    }

    #[test]
    fn each_context_has_its_place_in_a_set() {
        let last = Context::payload(PROBES.len() - 1, Direction::ServerToClient);
        let mut set = ContextSet::default();
        for context in [Context::SERVER_NAME, Number::HttpResponseHeaderLength.context(), last] {
            assert!(!set.has(context));
            set.add(context);
            assert!(set.has(context));
        }
        assert!(Number::HttpResponseHeaderLength.context().0 < FIRST_PAYLOAD);
    }

    #[test]
    fn domains_end_at_labels() {
        let place = Place::Domain(Context::SERVER_NAME);
        assert!(place.fits(b"a.test", 0, 6));
        assert!(place.fits(b"www.a.test", 4, 10));
        assert!(!place.fits(b"wwwa.test", 3, 9));
        assert!(!place.fits(b"a.test.example", 0, 6));
    }
}
