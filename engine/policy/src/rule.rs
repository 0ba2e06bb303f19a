//! One rule: its conditions, and what it says.

use bifrons_catalog::is_unidentified;
use bifrons_config::typed::{RuleType, SecurityRule, TimeoutOverride};
use bifrons_model::{Action, ActionSource, AppId, RuleId};

use crate::{
    addresses::AddressSet,
    applications::Applications,
    query::{Decision, Query},
    zones::ZoneSet,
};

/// What stands for `any` among the places of interned sets.
pub(crate) const ANY: u32 = 0;

/// What a lookup may ask of a rule once its zones, addresses and ports have been found to fit: small, because
/// each one is a cache line from memory. Sets are places in the lists of `Rules`; `ANY` for any.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(crate) struct Rule {
    pub(crate) applications: u32,
    pub(crate) users: u32,
    pub(crate) categories: u32,
    pub(crate) services: u32,
    pub(crate) schedule: u32,
    pub(crate) outcome: Outcome,
    pub(crate) is_disabled: bool,
    /// Whether any of its services has timeouts of its own.
    pub(crate) has_timeouts: bool,
}

/// Where a rule's traffic comes from and goes to.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) rule_type: RuleType,
    pub(crate) from: ZoneSet,
    pub(crate) to: ZoneSet,
    pub(crate) source: AddressSet,
    pub(crate) destination: AddressSet,
}

impl Ends {
    pub(crate) fn new(rule: &SecurityRule, zones: usize) -> Self {
        Self {
            rule_type: rule.rule_type,
            from: ZoneSet::new(&rule.from, zones),
            to: ZoneSet::new(&rule.to, zones),
            source: AddressSet::new(&rule.source, rule.negate_source),
            destination: AddressSet::new(&rule.destination, rule.negate_destination),
        }
    }
}

/// How far a rule is for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// Not at all; the first condition that says so.
    No(Mismatch),
    /// It allows, and its conditions are met but for the application, which carries one that it names.
    Carried,
    /// Some application and category would make it match.
    Possibly,
    /// Whatever the application and the category, as far as they are open.
    Surely,
}

/// Why a rule that stands before the deciding one did not decide: the first of its conditions that is not
/// met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// It is disabled.
    Disabled,
    /// It is for traffic within a zone and this is between two, or the other way round.
    RuleType,
    /// It is not for the zone that the traffic comes from.
    FromZone,
    /// It is not for the zone that the traffic goes to.
    ToZone,
    /// It is not for the client's address.
    Source,
    /// It is not for the server's address.
    Destination,
    /// It is not for the client's user.
    User,
    /// Its schedule does not hold now.
    Schedule,
    /// It is not for protocol and ports, or the application is not on its default port.
    Service,
    /// It is not for the application.
    Application,
    /// It is not for the server's URL category.
    Category,
    /// It blocks some applications or categories, and which one this is is not known yet.
    NotYetKnown,
    /// It allows an application that this one carries; a later rule is for this one itself.
    CarriesOnly,
}

impl Mismatch {
    /// In words, for people: what follows "does not match:".
    pub const fn text(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::RuleType => "rule type",
            Self::FromZone => "source zone",
            Self::ToZone => "destination zone",
            Self::Source => "source address",
            Self::Destination => "destination address",
            Self::User => "source user",
            Self::Schedule => "schedule",
            Self::Service => "service",
            Self::Application => "application",
            Self::Category => "URL category",
            Self::NotYetKnown => "blocks what is not known yet",
            Self::CarriesOnly => "allows only what this application carries",
        }
    }
}

/// What a rule says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) rule: RuleId,
    pub(crate) action: Action,
    icmp_unreachable: bool,
    log_start: bool,
    log_end: bool,
}

impl Outcome {
    pub(crate) fn new(
        rule: RuleId,
        action: Action,
        icmp_unreachable: bool,
        (log_start, log_end): (bool, bool),
    ) -> Self {
        let icmp_unreachable = (icmp_unreachable || action == Action::DropIcmp) && !action.passes();
        Self { rule, action, icmp_unreachable, log_start, log_end }
    }

    #[inline]
    pub(crate) const fn allows(&self) -> bool {
        self.action.passes()
    }

    #[inline]
    pub(crate) fn decide(
        &self,
        query: &Query,
        applications: &Applications,
        timeouts: TimeoutOverride,
        certain: bool,
    ) -> Decision {
        let (action, action_source) = self.resolve(query.app, applications);
        Decision {
            rule: self.rule,
            action,
            rule_action: self.action,
            action_source,
            icmp_unreachable: self.icmp_unreachable,
            log_start: self.log_start,
            log_end: self.log_end,
            timeouts,
            certain,
            implicit: false,
        }
    }

    #[inline]
    fn resolve(&self, app: Option<AppId>, applications: &Applications) -> (Action, ActionSource) {
        match (self.action, app) {
            (Action::Drop, _) if self.icmp_unreachable => (Action::DropIcmp, ActionSource::Policy),
            (Action::Deny, Some(app)) if !is_unidentified(app) => {
                (applications.facts(app).deny_action, ActionSource::Application)
            }
            (action, _) => (action, ActionSource::Policy),
        }
    }
}
