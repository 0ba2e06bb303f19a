//! The traffic-log record: what is said of one session.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::net::IpAddr;

use crate::{
    Action, ActionSource, AppId, CategoryId, EndReason, Handshake, InterfaceId, NatRuleId, RuleId, SessionId,
    Timestamp, Tracker, UserId, ZoneId,
};

/// When in a session's life the record was written, as the log's `subtype` field spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Subtype {
    /// At the first application data, and at each change of application.
    Start = 0,
    /// At the session's end.
    #[default]
    End = 1,
    /// Blocked before the application was known.
    Drop = 2,
    /// Blocked after the application was known, by a rule or for lack of one.
    Deny = 3,
}

impl Subtype {
    /// The log's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Drop => "drop",
            Self::Deny => "deny",
        }
    }
}

/// Packets and bytes of one direction. Bytes are frame lengths: link header included, frame check sequence
/// not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Volume {
    /// Frames.
    pub packets: u64,
    /// Bytes of these frames on the wire, also where the capture kept less.
    pub bytes: u64,
}

/// The addresses and ports after address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Translation {
    /// The client's address as the server sees it.
    pub source: IpAddr,
    /// The client's port as the server sees it.
    pub source_port: u16,
    /// The server's own address.
    pub destination: IpAddr,
    /// The server's own port.
    pub destination_port: u16,
}

/// The log's `flags` bits that this engine sets (traffic log fields, "Flags").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub u32);

impl Flags {
    /// The session is IPv6.
    pub const IPV6: Self = Self(0x0200_0000);
    /// The session was decrypted.
    pub const DECRYPTED: Self = Self(0x0100_0000);
    /// An address or port was translated.
    pub const NAT: Self = Self(0x0040_0000);
    /// The application runs on a port that is not its own.
    pub const NON_STANDARD_PORT: Self = Self(0x0010_0000);
    /// Let through as an implicit dependency of an allowed application.
    pub const IMPLICIT_DEPENDENCY: Self = Self(0x0000_2000);

    /// Answers go back to where the session came from, whatever routes say.
    pub const SYMMETRIC_RETURN: Self = Self(0x0000_0800);

    /// These bits and those of `other`.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all bits of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One traffic-log record. Names are numbers here; `Names` and the application catalogue turn them into
/// words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrafficRecord {
    /// When in the session's life it was written.
    pub subtype: Subtype,
    /// The session.
    pub session_id: SessionId,
    /// The record's own number, rising by one for each record of a device.
    pub sequence_number: u64,
    /// When it was written: for an end, the moment the session ended.
    pub generated: Timestamp,
    /// The first packet's time.
    pub start: Timestamp,
    /// The latest packet's time so far.
    pub last_packet: Timestamp,
    /// The client's address.
    pub source: IpAddr,
    /// The server's address.
    pub destination: IpAddr,
    /// The client's port, 0 where the protocol has none.
    pub source_port: u16,
    /// The server's port, 0 where the protocol has none.
    pub destination_port: u16,
    /// The IP protocol number.
    pub protocol: u8,
    /// Where addresses were translated, the result.
    pub translation: Option<Translation>,
    /// The NAT rule that translated, or that exempted it from translation.
    pub nat_rule: Option<NatRuleId>,
    /// The client's user.
    pub source_user: UserId,
    /// The custom URL category of the server's name.
    pub category: CategoryId,
    /// The session that foretold this one, as an FTP control connection its data; 0 without.
    pub parent_session: SessionId,
    /// When that session began.
    pub parent_start: Option<Timestamp>,
    /// The application, or the word for why none is known.
    pub app: AppId,
    /// The rule that decided.
    pub rule: RuleId,
    /// The zone that the first packet came from.
    pub zone_from: ZoneId,
    /// The zone that it went to.
    pub zone_to: ZoneId,
    /// The interface that the first packet came in on.
    pub interface_in: InterfaceId,
    /// The interface that it went out on.
    pub interface_out: InterfaceId,
    /// What the rule said.
    pub action: Action,
    /// Where the action came from.
    pub action_source: ActionSource,
    /// Client to server.
    pub sent: Volume,
    /// Server to client.
    pub received: Volume,
    /// Why the session ended.
    pub end_reason: EndReason,
    /// What the session tracker saw.
    pub tracker: Tracker,
    /// How a TCP session opened.
    pub handshake: Handshake,
    /// The log's flag bits.
    pub flags: Flags,
    /// The server's name where the traffic told it: TLS or QUIC server name, HTTP host. Lower case, at most
    /// 255 bytes.
    pub server_name: Option<Box<str>>,
    /// The JA4 fingerprint of the client's TLS or QUIC hello.
    pub ja4: Option<Box<str>>,
}

/// The record fields that may differ between two runs of the same packets, by their names in JSON and CSV.
/// `--canonical` leaves them out; every comparison of two runs uses it.
pub const RUN_SPECIFIC_FIELDS: &[&str] = &[
    "receive_time",
    "time_generated",
    "high_res_timestamp",
    "serial",
    "inbound_if",
    "outbound_if",
    "sessionid",
    "parent_session_id",
    "seqno",
    "device_name",
    "session_owner",
];

/// The words behind the numbers of one committed configuration, and of those before it that sessions may
/// still hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Zones, by `ZoneId`.
    pub zones: Vec<String>,
    /// Interfaces, by `InterfaceId`.
    pub interfaces: Vec<String>,
    /// Rules, by `RuleId`.
    pub rules: Vec<String>,
    /// NAT rules, by `NatRuleId`.
    pub nat_rules: Vec<String>,
    /// Users, by `UserId`; the first is empty.
    pub users: Vec<String>,
    /// Custom URL categories, by `CategoryId`; the first is empty.
    pub categories: Vec<String>,
    /// Custom applications, by `AppId` less the catalogue's `CUSTOM_FIRST`.
    pub applications: Vec<CustomName>,
    /// The device's name.
    pub device: String,
    /// The device's serial number.
    pub serial: String,
}

/// What a log says of a custom application besides its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomName {
    /// Its name.
    pub name: String,
    /// `category_of_app`
    pub category: String,
    /// `subcategory_of_app`
    pub subcategory: String,
    /// `technology_of_app`
    pub technology: String,
    /// `risk_of_app`
    pub risk: u8,
    /// `container_of_app`: its parent's name.
    pub parent: String,
}

impl Names {
    /// The NAT rule's name; empty for a number that was never given.
    pub fn nat_rule(&self, id: NatRuleId) -> &str {
        self.nat_rules.get(id.index()).map_or("", String::as_str)
    }

    /// The user's name; empty for nobody.
    pub fn user(&self, id: UserId) -> &str {
        self.users.get(id.index()).map_or("", String::as_str)
    }

    /// The category's name; empty for none.
    pub fn category(&self, id: CategoryId) -> &str {
        self.categories.get(id.index()).map_or("", String::as_str)
    }

    /// The zone's name; empty for a number that was never given.
    pub fn zone(&self, id: ZoneId) -> &str {
        self.zones.get(id.index()).map_or("", String::as_str)
    }

    /// The interface's name; empty for a number that was never given.
    pub fn interface(&self, id: InterfaceId) -> &str {
        self.interfaces.get(id.index()).map_or("", String::as_str)
    }

    /// The rule's name; empty for a number that was never given.
    pub fn rule(&self, id: RuleId) -> &str {
        self.rules.get(id.index()).map_or("", String::as_str)
    }
}
