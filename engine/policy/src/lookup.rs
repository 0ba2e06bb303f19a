//! The security rules, and the first that matches.

use alloc::{boxed::Box, vec};
use core::{iter, net::IpAddr};

use bifrons_catalog::{application, is_unidentified};
use bifrons_config::{
    Config,
    typed::{DefaultRule, RuleType, SecurityRule, ServiceMatch, TimeoutOverride},
};
use bifrons_model::{Action, ActionSource, AppId, RuleId, ZoneId};

use crate::{addresses::AddressSet, policy::Numbers};

/// What a session is asked about. Addresses and ports are those before address translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The zone that the first packet came from.
    pub zone_from: ZoneId,
    /// The zone that it goes to.
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
    /// Whether every application would lead to this same rule; always true where `Query::app` was given.
    pub certain: bool,
}

/// All rules in order.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    rules: Box<[Rule]>,
    /// Where the zone with each number stands in the configuration; `None` for one that it has no longer.
    /// Rules name zones by place, so their sets stay as small as the configuration however many zones come
    /// and go.
    zone_places: Box<[Option<u32>]>,
    pub(crate) intrazone_default: Outcome,
    pub(crate) interzone_default: Outcome,
}

impl Rules {
    pub(crate) fn new(config: &Config, numbers: &Numbers) -> Self {
        let default = |place: usize, own: Action, rule: &DefaultRule| {
            let number = numbers.rules.get(config.rules.len() + place).copied().flatten();
            let number = number.unwrap_or(RuleId(u32::MAX));
            Outcome::new(number, rule.action.unwrap_or(own), false, (rule.log_start, rule.log_end))
        };
        let numbered = iter::zip(&config.rules, &numbers.rules).filter(|(rule, _)| !rule.disabled);
        Self {
            rules: numbered
                .filter_map(|(rule, number)| Some(Rule::new(rule, (*number)?, config.zones.len())))
                .collect(),
            zone_places: zone_places(&numbers.zones),
            intrazone_default: default(0, Action::Allow, &config.intrazone_default),
            interzone_default: default(1, Action::Deny, &config.interzone_default),
        }
    }

    pub(crate) fn lookup(&self, query: &Query) -> Decision {
        let mut certain = true;
        if let (Some(from), Some(to)) = (self.place_of(query.zone_from), self.place_of(query.zone_to)) {
            for rule in &self.rules {
                match rule.matches(query, from, to) {
                    Match::No => {}
                    Match::Possibly(timeouts) if rule.outcome.allows() => {
                        return rule.outcome.decide(query.app, timeouts, false);
                    }
                    Match::Possibly(_) => certain = false,
                    Match::Surely(timeouts) => return rule.outcome.decide(query.app, timeouts, certain),
                }
            }
        }
        let last =
            if query.zone_from == query.zone_to { &self.intrazone_default } else { &self.interzone_default };
        last.decide(query.app, TimeoutOverride::default(), certain)
    }

    #[inline]
    fn place_of(&self, zone: ZoneId) -> Option<u32> {
        self.zone_places.get(zone.index()).copied().flatten()
    }
}

fn zone_places(numbers: &[Option<ZoneId>]) -> Box<[Option<u32>]> {
    let count = numbers.iter().flatten().map(|zone| zone.index() + 1).max().unwrap_or(0);
    let mut places = vec![None; count];
    for (place, zone) in (0..).zip(numbers) {
        if let Some(zone_place) = zone.and_then(|zone| places.get_mut(zone.index())) {
            *zone_place = Some(place);
        }
    }
    places.into_boxed_slice()
}

/// Whether a rule is for a session, and the timeouts of the service by which it is.
enum Match {
    No,
    /// Some application would make it match.
    Possibly(TimeoutOverride),
    /// Whatever the application.
    Surely(TimeoutOverride),
}

/// One enabled rule.
#[derive(Clone, Debug)]
struct Rule {
    rule_type: RuleType,
    from: ZoneSet,
    to: ZoneSet,
    source: AddressSet,
    destination: AddressSet,
    /// Sorted; empty for any.
    applications: Box<[AppId]>,
    services: Services,
    outcome: Outcome,
}

impl Rule {
    fn new(rule: &SecurityRule, number: RuleId, zones: usize) -> Self {
        let mut applications = rule.application.clone();
        applications.sort_unstable();
        applications.dedup();
        Self {
            rule_type: rule.rule_type,
            from: ZoneSet::new(&rule.from, zones),
            to: ZoneSet::new(&rule.to, zones),
            source: AddressSet::new(&rule.source, rule.negate_source),
            destination: AddressSet::new(&rule.destination, rule.negate_destination),
            applications: applications.into_boxed_slice(),
            services: Services::new(&rule.service),
            outcome: Outcome::new(number, rule.action, rule.icmp_unreachable, (rule.log_start, rule.log_end)),
        }
    }

    /// `from` and `to` are the places of the zones in the configuration.
    #[inline]
    fn matches(&self, query: &Query, from: u32, to: u32) -> Match {
        let zones_fit = match self.rule_type {
            RuleType::Universal => true,
            RuleType::Intrazone => query.zone_from == query.zone_to,
            RuleType::Interzone => query.zone_from != query.zone_to,
        };
        let fits = zones_fit
            && self.from.contains(from)
            && self.to.contains(to)
            && self.source.contains(query.source)
            && self.destination.contains(query.destination);
        if !fits {
            return Match::No;
        }
        match query.app {
            Some(app) => self.matches_application(query, app),
            None => self.matches_before_application(query),
        }
    }

    fn matches_application(&self, query: &Query, app: AppId) -> Match {
        if !self.applications.is_empty() && self.applications.binary_search(&app).is_err() {
            return Match::No;
        }
        match &self.services {
            Services::Any => Match::Surely(TimeoutOverride::default()),
            Services::ApplicationDefault => {
                if application(app).is_default_port(query.protocol, query.destination_port) {
                    Match::Surely(TimeoutOverride::default())
                } else {
                    Match::No
                }
            }
            Services::Listed(ports) => match ports.iter().find(|ports| ports.matches(query)) {
                Some(ports) => Match::Surely(ports.timeouts),
                None => Match::No,
            },
        }
    }

    fn matches_before_application(&self, query: &Query) -> Match {
        let timeouts = match &self.services {
            Services::Any => TimeoutOverride::default(),
            Services::ApplicationDefault => {
                // With `any`, the words for "not identified" are at home on every port, so each port may
                // match.
                let is_at_home =
                    |app: &AppId| application(*app).is_default_port(query.protocol, query.destination_port);
                let possible = self.applications.is_empty() || self.applications.iter().any(is_at_home);
                return if possible { Match::Possibly(TimeoutOverride::default()) } else { Match::No };
            }
            Services::Listed(ports) => match ports.iter().find(|ports| ports.matches(query)) {
                Some(ports) => ports.timeouts,
                None => return Match::No,
            },
        };
        if self.applications.is_empty() { Match::Surely(timeouts) } else { Match::Possibly(timeouts) }
    }
}

/// What a rule says, ready to be handed out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    pub(crate) decision: Decision,
}

impl Outcome {
    fn new(rule: RuleId, action: Action, icmp_unreachable: bool, (log_start, log_end): (bool, bool)) -> Self {
        let replaced = if action == Action::Drop && icmp_unreachable { Action::DropIcmp } else { action };
        Self {
            decision: Decision {
                rule,
                action: replaced,
                rule_action: action,
                action_source: ActionSource::Policy,
                icmp_unreachable: (icmp_unreachable || action == Action::DropIcmp) && !action.passes(),
                log_start,
                log_end,
                timeouts: TimeoutOverride::default(),
                certain: true,
            },
        }
    }

    #[inline]
    fn allows(&self) -> bool {
        self.decision.action.passes()
    }

    #[inline]
    fn decide(&self, app: Option<AppId>, timeouts: TimeoutOverride, certain: bool) -> Decision {
        let mut decision = Decision { timeouts, certain, ..self.decision };
        if let (Action::Deny, Some(app)) = (decision.action, app)
            && !is_unidentified(app)
        {
            decision.action = application(app).deny_action;
            decision.action_source = ActionSource::Application;
        }
        decision
    }
}

/// Which zones a rule is for, by their places in the configuration.
#[derive(Clone, Debug)]
enum ZoneSet {
    Any,
    /// One bit per zone, of devices with at most 64 zones.
    Few(u64),
    /// One bit per zone.
    Many(Box<[u64]>),
}

impl ZoneSet {
    /// From a rule's list, of which an empty one means `any`.
    fn new(listed: &[usize], zones: usize) -> Self {
        if listed.is_empty() {
            return Self::Any;
        }
        let mut words = vec![0u64; zones.div_ceil(64)];
        for zone in listed {
            if let Some(word) = words.get_mut(zone / 64) {
                *word |= 1 << (zone % 64);
            }
        }
        match words.as_slice() {
            [word] => Self::Few(*word),
            _ => Self::Many(words.into_boxed_slice()),
        }
    }

    #[inline]
    fn contains(&self, place: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Few(word) => place < 64 && word >> place & 1 == 1,
            Self::Many(words) => {
                words.get(place as usize / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
            }
        }
    }
}

/// Which services a rule is for.
#[derive(Clone, Debug)]
enum Services {
    Any,
    ApplicationDefault,
    /// In the order of the rule's list: the first that matches gives its timeouts.
    Listed(Box<[Ports]>),
}

impl Services {
    fn new(service: &ServiceMatch) -> Self {
        match service {
            ServiceMatch::Any => Self::Any,
            ServiceMatch::ApplicationDefault => Self::ApplicationDefault,
            ServiceMatch::Services(services) => Self::Listed(
                services
                    .iter()
                    .map(|service| Ports {
                        protocol: service.protocol,
                        destination: service.ports.clone().into_boxed_slice(),
                        source: service.source_ports.clone().into_boxed_slice(),
                        timeouts: service.timeouts,
                    })
                    .collect(),
            ),
        }
    }
}

/// One service.
#[derive(Clone, Debug)]
struct Ports {
    protocol: u8,
    destination: Box<[(u16, u16)]>,
    /// Empty for any.
    source: Box<[(u16, u16)]>,
    timeouts: TimeoutOverride,
}

impl Ports {
    #[inline]
    fn matches(&self, query: &Query) -> bool {
        let holds = |ranges: &[(u16, u16)], port: u16| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
        };
        self.protocol == query.protocol
            && holds(&self.destination, query.destination_port)
            && (self.source.is_empty() || holds(&self.source, query.source_port))
    }
}
