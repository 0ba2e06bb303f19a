//! Sessions whose application the configuration fixes.

use alloc::{boxed::Box, vec::Vec};

use bifrons_config::{Config, typed::ApplicationOverride};
use bifrons_model::AppId;

use crate::{addresses::AddressSet, applications::renumber, policy::Numbers, query::Query, zones::ZoneSet};

/// The application override rules in order; disabled ones are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides(Box<[Override]>);

#[derive(Clone, Debug)]
struct Override {
    from: ZoneSet,
    to: ZoneSet,
    source: AddressSet,
    destination: AddressSet,
    protocol: u8,
    ports: Box<[(u16, u16)]>,
    application: AppId,
}

impl Overrides {
    pub(crate) fn new(config: &Config, numbers: &Numbers) -> Self {
        let enabled = config.application_overrides.iter().filter(|rule| !rule.disabled);
        let rules = enabled.filter_map(|rule| Override::new(rule, config.zones.len(), numbers));
        Self(rules.collect::<Vec<_>>().into_boxed_slice())
    }

    /// `from` and `to` are the places of the zones in the configuration.
    pub(crate) fn lookup(&self, query: &Query, from: u32, to: u32) -> Option<AppId> {
        self.0.iter().find(|rule| rule.matches(query, from, to)).map(|rule| rule.application)
    }
}

impl Override {
    /// `None` where the application has no number.
    fn new(rule: &ApplicationOverride, zones: usize, numbers: &Numbers) -> Option<Self> {
        Some(Self {
            from: ZoneSet::new(&rule.from, zones),
            to: ZoneSet::new(&rule.to, zones),
            source: AddressSet::new(&rule.source, rule.negate_source),
            destination: AddressSet::new(&rule.destination, rule.negate_destination),
            protocol: rule.protocol,
            ports: rule.ports.clone().into_boxed_slice(),
            application: renumber(rule.application, &numbers.applications)?,
        })
    }

    fn matches(&self, query: &Query, from: u32, to: u32) -> bool {
        self.protocol == query.protocol
            && self.ports.iter().any(|(first, last)| (*first..=*last).contains(&query.destination_port))
            && self.from.contains(from)
            && self.to.contains(to)
            && self.source.contains(query.source)
            && self.destination.contains(query.destination)
    }
}
