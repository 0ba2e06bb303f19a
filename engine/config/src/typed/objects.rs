//! What rules name: addresses, services, times, applications.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use bifrons_model::AppId;

use crate::schema::{parse_prefix, parse_range, range_of};

/// An inclusive range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressRange {
    /// The first address.
    pub first: IpAddr,
    /// The last address, of the same family and not below the first.
    pub last: IpAddr,
}

impl AddressRange {
    /// From an address, a prefix or a range `first-last`; `None` for any other text.
    pub fn from_text(text: &str) -> Option<Self> {
        parse_prefix(text).map(range_of).or_else(|| parse_range(text))
    }
}

/// A protocol with its destination (and perhaps source) ports, and timeouts of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The service object's name.
    pub name: String,
    /// 6 or 17.
    pub protocol: u8,
    /// Inclusive ranges of destination ports.
    pub ports: Vec<(u16, u16)>,
    /// Inclusive ranges of source ports; empty for any.
    pub source_ports: Vec<(u16, u16)>,
    /// Timeouts of sessions that a rule admits by this service.
    pub timeouts: TimeoutOverride,
}

/// Timeouts in seconds that take the place of less specific ones; `None` leaves them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeoutOverride {
    /// Established TCP or UDP.
    pub timeout: Option<u32>,
    /// TCP after the first FIN.
    pub half_closed: Option<u32>,
    /// TCP after the second FIN or a reset.
    pub time_wait: Option<u32>,
}

/// When a rule holds, in the device's time; of several spans any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The schedule object's name.
    pub name: String,
    /// The spans.
    pub spans: Vec<TimeSpan>,
}

/// One span of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSpan {
    /// On these days of the week (bit 0 is Monday), from the first up to but without the second minute of
    /// the day; an end below the beginning lies on the next day.
    Recurring {
        /// Days: bit 0 is Monday, bit 6 Sunday.
        days: u8,
        /// Minute of the day, 0 to 1439.
        from: u16,
        /// Minute of the day, 0 to 1440.
        until: u16,
    },
    /// Once: from and until these seconds since 1970.
    Once {
        /// The first second.
        from: u64,
        /// The first second after it.
        until: u64,
    },
}

/// `profiles custom-url-category NAME`: names of servers that rules speak of together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlCategory {
    /// Its name.
    pub name: String,
    /// Host names, lower case, `*` for any number of whole labels (`*.example.com`), as they are written
    /// without a path.
    pub hosts: Vec<String>,
}

/// `application NAME`: an application of the operator's own ("Custom applications").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomApplication {
    /// Its name, at most 31 characters.
    pub name: String,
    /// `category`, a word of the catalogue's.
    pub category: String,
    /// `subcategory`
    pub subcategory: String,
    /// `technology`
    pub technology: String,
    /// 1 to 5.
    pub risk: u8,
    /// The application whose traffic carries it: its signatures are matched only there.
    pub parent: Option<AppId>,
    /// Default ports; empty where it is told by signatures or protocol alone.
    pub ports: Vec<PortPattern>,
    /// Idle timeout in seconds, UDP; 0 or `None` means the global one.
    pub udp_timeout: Option<u32>,
    /// Idle timeout in seconds, TCP.
    pub tcp_timeout: Option<u32>,
    /// TCP half-closed timeout in seconds.
    pub tcp_half_closed_timeout: Option<u32>,
    /// TCP time-wait timeout in seconds.
    pub tcp_time_wait_timeout: Option<u32>,
    /// Any of these makes it this application; without one, its ports do.
    pub signatures: Vec<Signature>,
}

/// One default port of a custom application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortPattern {
    /// An inclusive range of TCP ports; 0 to 65,535 is `tcp/dynamic`.
    Tcp(u16, u16),
    /// An inclusive range of UDP ports; 0 to 65,535 is `udp/dynamic`.
    Udp(u16, u16),
    /// An IP protocol.
    Protocol(u8),
    /// An ICMP type and, if given, code.
    Icmp(u8, Option<u8>),
    /// An ICMPv6 type and, if given, code.
    Icmp6(u8, Option<u8>),
}

/// A custom application's signature: all conditions, each of which is met by any of its tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// `scope session`: the conditions may be met by different messages; else all by one.
    pub scope_session: bool,
    /// `order-free yes`: in any order.
    pub order_free: bool,
    /// All must be met.
    pub conditions: Vec<SignatureCondition>,
}

/// One and-condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureCondition {
    /// Its name.
    pub name: String,
    /// Any of these meets it.
    pub tests: Vec<SignatureTest>,
}

/// One or-condition's operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureTest {
    /// `pattern-match`: a regular expression in a context.
    Pattern {
        /// Where: `http-req-host-header`, `ssl-req-client-hello`, `unknown-req-tcp-payload`, …
        context: String,
        /// The expression.
        pattern: String,
    },
    /// `equal-to`: four bytes at a position.
    Equal {
        /// Where.
        context: String,
        /// Byte offset.
        position: u32,
        /// Bits that count.
        mask: u32,
        /// Their value.
        value: u32,
    },
    /// `greater-than`
    Greater {
        /// Where.
        context: String,
        /// Above this.
        value: u32,
    },
    /// `less-than`
    Less {
        /// Where.
        context: String,
        /// Below this.
        value: u32,
    },
}
