//! What the rules are asked, and what they answer.

use core::net::IpAddr;

use bifrons_config::typed::TimeoutOverride;
use bifrons_model::{Action, ActionSource, AppId, CategoryId, RuleId, Timestamp, UserId, ZoneId};

/// What a session is asked about. Addresses and ports are those before address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The zone that the first packet came from.
    pub zone_from: ZoneId,
    /// The zone that it goes to, after destination translation.
    pub zone_to: ZoneId,
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
    /// The application, or the word for why none is known; `None` as long as it may still turn out to be
    /// anything.
    pub app: Option<AppId>,
    /// The client's user; 0 where none is known.
    pub user: UserId,
    /// The custom URL category of the server's name, 0 for none; `None` as long as the name may still be
    /// learnt.
    pub category: Option<CategoryId>,
    /// When: schedules are read in UTC.
    pub time: Timestamp,
}

/// What the rules say of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule that decided.
    pub rule: RuleId,
    /// What happens: the rule's action; for `deny` the identified application's own deny action; for `drop`
    /// with ICMP unreachable `DropIcmp`. `Deny` stays where the application is not identified: discard
    /// without an answer.
    pub action: Action,
    /// What the rule says, before anything took its place.
    pub rule_action: Action,
    /// Where `action` came from.
    pub action_source: ActionSource,
    /// Whether a blocked packet may be answered with an ICMP unreachable; false where the rule allows.
    pub icmp_unreachable: bool,
    /// Whether a record is written at the first data and at each change of application.
    pub log_start: bool,
    /// Whether a record is written at the end.
    pub log_end: bool,
    /// Timeouts of the service by which the rule matched.
    pub timeouts: TimeoutOverride,
    /// Whether this answer stands whatever the application and the category turn out to be. Always true
    /// where the query gives both, unless `implicit`.
    pub certain: bool,
    /// Whether no rule is for the application itself, and it is let through for now because this rule
    /// allows one that may yet come out of it.
    pub implicit: bool,
}
