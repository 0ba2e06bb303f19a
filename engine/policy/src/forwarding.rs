//! Policy-based forwarding: which way sessions go, before any route is asked.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{DeviceBinding, ForwardingAction, ForwardingMonitor, ForwardingRule, ForwardingSource, Schedule},
};
use bifrons_model::{AppId, InterfaceId};

use crate::{
    addresses::AddressSet,
    applications::renumber,
    fib::{Forward, Forwarding},
    nat::NatOwner,
    policy::Numbers,
    query::Query,
    schedules,
    services::Services,
    users::{UserSet, Users},
    zones::ZoneSet,
};

/// What a policy-based forwarding rule says of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// Where its packets go; `None` as routes say.
    pub way: Option<Forwarding>,
    /// Whether the rule depends on a monitored path: what becomes of the session while that is down depends
    /// on whether the session has gone this way.
    pub is_monitored: bool,
    /// The routers that its answers go back to, any where none is listed; `None` where they go as routes say.
    pub symmetric_return: Option<Arc<[IpAddr]>>,
}

/// The forwarding rules in order; disabled ones are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardingRules(Box<[Rule]>);

#[derive(Clone, Debug)]
struct Rule {
    /// Its place in `Config::forwarding_rules`.
    place: usize,
    from: From,
    source: AddressSet,
    destination: AddressSet,
    users: Option<UserSet>,
    applications: Box<[AppId]>,
    services: Services,
    schedule: Option<Schedule>,
    binding: DeviceBinding,
    /// `None` goes as routes say.
    way: Option<Forwarding>,
    monitor: Option<ForwardingMonitor>,
    symmetric_return: Option<Arc<[IpAddr]>>,
}

#[derive(Clone, Debug)]
enum From {
    Zones(ZoneSet),
    Interfaces(Box<[InterfaceId]>),
}

impl ForwardingRules {
    /// New user names get the next numbers of `vocabulary`.
    pub(crate) fn new(config: &Config, numbers: &Numbers, vocabulary: &mut BTreeMap<String, u32>) -> Self {
        let enabled = config.forwarding_rules.iter().enumerate().filter(|(_, rule)| !rule.disabled);
        let rules = enabled.filter_map(|(place, rule)| Rule::new((place, rule), config, numbers, vocabulary));
        Self(rules.collect::<Vec<_>>().into_boxed_slice())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the first rule that matches says; `from` is the place of the ingress zone in the configuration.
    /// `failed` has the places of the rules whose paths are down, in order. While it is down, a rule keeps
    /// the sessions that go its way already, where its monitor waits for recovery; new ones go as routes
    /// say, or as the rules behind it do where it counts as disabled ("Path Monitoring for PBF").
    pub(crate) fn lookup(
        &self,
        query: &Query,
        (interface, from): (InterfaceId, u32),
        users: &Users,
        owner: NatOwner,
        (failed, going): (&[usize], Option<Forward>),
    ) -> Option<Forced> {
        for rule in self.0.iter().filter(|rule| rule.matches(query, interface, from, users, owner)) {
            let forced = rule.forced();
            let failed = rule.monitor.filter(|_| failed.binary_search(&rule.place).is_ok());
            let Some(monitor) = failed else { return forced };
            match going {
                Some(going) if rule.way == Some(Forwarding::Via(going)) => {
                    return forced.filter(|_| !monitor.fail_over);
                }
                Some(_) | None if monitor.disable_if_unreachable => {}
                Some(_) | None => return None,
            }
        }
        None
    }
}

impl Rule {
    /// `None` where an interface has no number.
    fn new(
        (place, rule): (usize, &ForwardingRule),
        config: &Config,
        numbers: &Numbers,
        vocabulary: &mut BTreeMap<String, u32>,
    ) -> Option<Self> {
        let interface = |place: &usize| numbers.interfaces.get(*place).copied().flatten();
        let (way, monitor) = match &rule.action {
            ForwardingAction::NoPbf => (None, None),
            ForwardingAction::Discard => (Some(Forwarding::Discard), None),
            ForwardingAction::Forward { interface: place, next_hop, monitor } => {
                let forward = Forward { interface: interface(place)?, gateway: *next_hop };
                (Some(Forwarding::Via(forward)), *monitor)
            }
        };
        let users = &rule.source_user;
        let applications = rule.application.iter().filter_map(|app| renumber(*app, &numbers.applications));
        Some(Self {
            place,
            monitor,
            from: match &rule.from {
                ForwardingSource::Zones(zones) => From::Zones(ZoneSet::new(zones, config.zones.len())),
                ForwardingSource::Interfaces(places) => {
                    From::Interfaces(places.iter().filter_map(interface).collect())
                }
            },
            source: AddressSet::new(&rule.source, rule.negate_source),
            destination: AddressSet::new(&rule.destination, rule.negate_destination),
            users: (!users.is_empty()).then(|| UserSet::new(users, vocabulary)),
            applications: applications.collect(),
            services: Services::new(&rule.service),
            schedule: rule.schedule.clone(),
            binding: rule.binding,
            way,
            symmetric_return: rule.symmetric_return.as_ref().map(|back| back.next_hops.as_slice().into()),
        })
    }

    fn forced(&self) -> Option<Forced> {
        let says_nothing = self.way.is_none() && self.symmetric_return.is_none();
        let symmetric_return = self.symmetric_return.clone();
        (!says_nothing).then(|| Forced {
            way: self.way,
            is_monitored: self.monitor.is_some(),
            symmetric_return,
        })
    }

    fn matches(
        &self,
        query: &Query,
        interface: InterfaceId,
        from: u32,
        users: &Users,
        owner: NatOwner,
    ) -> bool {
        let comes_from = match &self.from {
            From::Zones(zones) => zones.contains(from),
            From::Interfaces(interfaces) => interfaces.contains(&interface),
        };
        let is_application =
            self.applications.is_empty() || query.app.is_some_and(|app| self.applications.contains(&app));
        comes_from
            && self.source.contains(query.source)
            && self.destination.contains(query.destination)
            && is_application
            && self.services.timeouts(query).is_some()
            && self.users.as_ref().is_none_or(|listed| listed.contains(query.user, users))
            && self.schedule.as_ref().is_none_or(|schedule| schedules::is_active(schedule, query.time))
            && owner.uses(self.binding)
    }
}
