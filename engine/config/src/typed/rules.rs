//! Rules about who may talk to whom.

use alloc::{string::String, vec::Vec};

use bifrons_model::{Action, AppId};

use super::{AddressRange, Schedule, Service};

/// A security rule. An empty list means `any`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityRule {
    /// The rule's name, at most 63 characters.
    pub name: String,
    /// Zones the traffic comes from: indices into `Config::zones`.
    pub from: Vec<usize>,
    /// Zones it goes to: indices into `Config::zones`.
    pub to: Vec<usize>,
    /// Source addresses.
    pub source: Vec<AddressRange>,
    /// Destination addresses.
    pub destination: Vec<AddressRange>,
    /// Whether the source list says which addresses do not match.
    pub negate_source: bool,
    /// Whether the destination list says which addresses do not match.
    pub negate_destination: bool,
    /// The client's user.
    pub source_user: Vec<UserMatch>,
    /// Applications, those of groups and filters included.
    pub application: Vec<AppId>,
    /// Services.
    pub service: ServiceMatch,
    /// URL categories of the server's name: indices into `Config::categories`.
    pub category: Vec<usize>,
    /// When the rule holds; `None` always.
    pub schedule: Option<Schedule>,
    /// Which zone pairs the rule is for.
    pub rule_type: RuleType,
    /// What happens.
    pub action: Action,
    /// Whether a drop or reset is answered with an ICMP unreachable.
    pub icmp_unreachable: bool,
    /// Whether a record is written at the first data and at each change of application.
    pub log_start: bool,
    /// Whether a record is written at the end.
    pub log_end: bool,
    /// Where its records go besides the device's own log: an index into `LogSettings::profiles`.
    pub log_setting: Option<usize>,
    /// Whether the rule is skipped.
    pub disabled: bool,
    /// Free text.
    pub description: String,
}

/// Which services a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServiceMatch {
    /// Any protocol and port.
    #[default]
    Any,
    /// Each application on its own ports only.
    ApplicationDefault,
    /// One of these.
    Services(Vec<Service>),
}

/// Which zone pairs a rule is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleType {
    /// Any of `from` with any of `to`.
    #[default]
    Universal,
    /// Only within one zone.
    Intrazone,
    /// Only between different zones.
    Interzone,
}

/// What may be changed of a default rule; nothing is logged unless it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultRule {
    /// `None` leaves the rule's own: allow within a zone, deny between zones.
    pub action: Option<Action>,
    /// Whether the session's first data is logged.
    pub log_start: bool,
    /// Whether the session's end is logged.
    pub log_end: bool,
    /// Whether a drop or reset is answered with an ICMP unreachable.
    pub icmp_unreachable: bool,
    /// Where its records go besides the device's own log: an index into `LogSettings::profiles`.
    pub log_setting: Option<usize>,
}

/// One entry of a rule's `source-user`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserMatch {
    /// `known-user`: any address that a user is known for.
    Known,
    /// `unknown`: any address that none is known for.
    Unknown,
    /// A user or a group by its name, such as `acme\\alice`; lower case.
    Name(String),
}

/// An application override rule: the application of a session is fixed before any payload is seen, and its
/// payload is not inspected. An empty list means `any`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationOverride {
    /// The rule's name.
    pub name: String,
    /// Zones the traffic comes from: indices into `Config::zones`.
    pub from: Vec<usize>,
    /// Zones it goes to: indices into `Config::zones`.
    pub to: Vec<usize>,
    /// Source addresses.
    pub source: Vec<AddressRange>,
    /// Destination addresses.
    pub destination: Vec<AddressRange>,
    /// Whether the source list says which addresses do not match.
    pub negate_source: bool,
    /// Whether the destination list says which addresses do not match.
    pub negate_destination: bool,
    /// 6 or 17.
    pub protocol: u8,
    /// Inclusive ranges of destination ports.
    pub ports: Vec<(u16, u16)>,
    /// The application that it is taken for.
    pub application: AppId,
    /// Whether the rule is skipped.
    pub disabled: bool,
}

/// A decryption rule; there is no decryption yet, so it has no effect. An empty list means `any`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecryptionRule {
    /// The rule's name, at most 63 characters.
    pub name: String,
    /// Zones of the client: indices into `Config::zones`.
    pub from: Vec<usize>,
    /// Zones of the server: indices into `Config::zones`.
    pub to: Vec<usize>,
    /// Source addresses.
    pub source: Vec<AddressRange>,
    /// Destination addresses.
    pub destination: Vec<AddressRange>,
    /// Whether the source list says which addresses do not match.
    pub negate_source: bool,
    /// Whether the destination list says which addresses do not match.
    pub negate_destination: bool,
    /// The client's user.
    pub source_user: Vec<UserMatch>,
    /// Services; never `ApplicationDefault`.
    pub service: ServiceMatch,
    /// URL categories of the server's name: indices into `Config::categories`.
    pub category: Vec<usize>,
    /// What would be decrypted.
    pub kind: DecryptionKind,
    /// Whether it would be decrypted, or is exempt.
    pub decrypt: bool,
    /// The decryption profile's name; empty where none is given.
    pub profile: String,
    /// Whether the rule is skipped.
    pub disabled: bool,
}

/// What a decryption rule is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DecryptionKind {
    /// TLS of the own network's clients.
    #[default]
    SslForwardProxy,
    /// TLS of the own network's servers, with this certificate.
    SslInboundInspection(String),
    /// SSH.
    SshProxy,
}
