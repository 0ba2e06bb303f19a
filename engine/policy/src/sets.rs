//! What many rules name alike is kept once.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec, vec::Vec};

use bifrons_config::typed::{Schedule, SecurityRule, Service, ServiceMatch, TimeoutOverride};
use bifrons_model::{AppId, CategoryId};

use crate::{
    applications::{ApplicationSet, Applications, renumber},
    policy::Numbers,
    rule::{ANY, Rule},
    schedules,
    services::Services,
    users::UserSet,
};

/// The sets that rules name by place; what stands at place `ANY` is never asked.
#[derive(Clone, Debug)]
pub(crate) struct Sets {
    pub(crate) applications: Box<[ApplicationSet]>,
    pub(crate) users: Box<[UserSet]>,
    /// What the rules call users and groups.
    pub(crate) vocabulary: BTreeMap<String, u32>,
    pub(crate) categories: Box<[Box<[CategoryId]>]>,
    pub(crate) services: Box<[Services]>,
    pub(crate) schedules: Box<[Schedule]>,
}

/// Collects the sets of one configuration.
pub(crate) struct Collector<'a> {
    numbers: &'a Numbers,
    applications: Interned<Box<[AppId]>>,
    users: Interned<UserSet>,
    vocabulary: BTreeMap<String, u32>,
    categories: Interned<Box<[CategoryId]>>,
    service_places: BTreeMap<Vec<ServiceKey<'a>>, u32>,
    services: Vec<Services>,
    schedule_places: BTreeMap<&'a str, u32>,
    schedules: Vec<Schedule>,
}

/// What tells a service from another but its name.
type ServiceKey<'a> = (u8, &'a [(u16, u16)], &'a [(u16, u16)], [Option<u32>; 3]);

/// Where `application-default` stands among the services.
pub(crate) const APPLICATION_DEFAULT: u32 = 1;

impl<'a> Collector<'a> {
    pub(crate) fn new(numbers: &'a Numbers) -> Self {
        Self {
            numbers,
            applications: Interned::default(),
            users: Interned::default(),
            vocabulary: BTreeMap::new(),
            categories: Interned::default(),
            service_places: BTreeMap::new(),
            services: vec![Services::Any, Services::ApplicationDefault],
            schedule_places: BTreeMap::new(),
            schedules: vec![Schedule::default()],
        }
    }

    /// The rule with its sets. An entry whose number ran out is no entry, but makes no list `any`.
    pub(crate) fn rule(&mut self, rule: &'a SecurityRule, outcome: crate::rule::Outcome) -> Rule {
        let numbers = self.numbers;
        let place_of_category = |place: &usize| numbers.categories.get(*place).copied().flatten();
        Rule {
            applications: self.applications.place(rule.application.is_empty(), || {
                sorted(rule.application.iter().filter_map(|id| renumber(*id, &numbers.applications)))
            }),
            users: self
                .users
                .place(rule.source_user.is_empty(), || UserSet::new(&rule.source_user, &mut self.vocabulary)),
            categories: self.categories.place(rule.category.is_empty(), || {
                sorted(rule.category.iter().filter_map(place_of_category))
            }),
            services: self.service(&rule.service),
            has_timeouts: has_timeouts(&rule.service),
            schedule: rule.schedule.as_ref().map_or(ANY, |schedule| self.schedule(schedule)),
            outcome,
            is_disabled: rule.disabled,
        }
    }

    pub(crate) fn finish(self, applications: &Applications) -> Sets {
        let listed = self.applications.values.into_iter();
        Sets {
            applications: listed.map(|listed| ApplicationSet::new(listed, applications)).collect(),
            users: self.users.values.into_boxed_slice(),
            vocabulary: self.vocabulary,
            categories: self.categories.values.into_boxed_slice(),
            services: self.services.into_boxed_slice(),
            schedules: self.schedules.into_boxed_slice(),
        }
    }

    fn service(&mut self, service: &'a ServiceMatch) -> u32 {
        let services = match service {
            ServiceMatch::Any => return ANY,
            ServiceMatch::ApplicationDefault => return APPLICATION_DEFAULT,
            ServiceMatch::Services(services) => services,
        };
        let next = u32::try_from(self.services.len()).unwrap_or(u32::MAX);
        let place = *self.service_places.entry(services.iter().map(service_key).collect()).or_insert(next);
        if place == next {
            self.services.push(Services::new(service));
        }
        place
    }

    fn schedule(&mut self, schedule: &'a Schedule) -> u32 {
        let next = u32::try_from(self.schedules.len()).unwrap_or(u32::MAX);
        let place = *self.schedule_places.entry(&schedule.name).or_insert(next);
        if self.schedules.get(place as usize) == Some(schedule) {
            return place;
        }
        self.schedules.push(schedule.clone());
        next
    }
}

fn has_timeouts(service: &ServiceMatch) -> bool {
    match service {
        ServiceMatch::Any | ServiceMatch::ApplicationDefault => false,
        ServiceMatch::Services(services) => {
            services.iter().any(|service| service.timeouts != TimeoutOverride::default())
        }
    }
}

fn service_key(service: &Service) -> ServiceKey<'_> {
    let timeouts = [service.timeouts.timeout, service.timeouts.half_closed, service.timeouts.time_wait];
    (service.protocol, &service.ports, &service.source_ports, timeouts)
}

fn sorted<T: Ord>(entries: impl Iterator<Item = T>) -> Box<[T]> {
    let mut entries: Vec<T> = entries.collect();
    entries.sort_unstable();
    entries.dedup();
    entries.into_boxed_slice()
}

/// Gives equal values equal places; the first stands for `any`.
struct Interned<T> {
    places: BTreeMap<T, u32>,
    values: Vec<T>,
}

impl<T: Default> Default for Interned<T> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), values: vec![T::default()] }
    }
}

impl<T: Ord + Clone> Interned<T> {
    fn place(&mut self, is_any: bool, value: impl FnOnce() -> T) -> u32 {
        if is_any {
            return ANY;
        }
        let value = value();
        if let Some(place) = self.places.get(&value) {
            return *place;
        }
        let place = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.places.insert(value.clone(), place);
        self.values.push(value);
        place
    }
}

impl Sets {
    /// Whether the rule's schedule holds; one without always does.
    #[inline]
    pub(crate) fn is_active(&self, rule: &Rule, time: bifrons_model::Timestamp) -> bool {
        rule.schedule == ANY
            || self.schedules.get(rule.schedule as usize).is_some_and(|own| schedules::is_active(own, time))
    }
}
