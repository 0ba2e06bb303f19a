//! Protocols and ports, ready for lookup.

use alloc::{boxed::Box, vec::Vec};

use bifrons_config::typed::{ServiceMatch, TimeoutOverride};

use crate::query::Query;

/// Which services a rule is for.
#[derive(Clone, Debug)]
pub(crate) enum Services {
    Any,
    ApplicationDefault,
    /// In the order of the rule's list: the first that matches gives its timeouts.
    Listed(Box<[Ports]>),
}

impl Services {
    pub(crate) fn new(service: &ServiceMatch) -> Self {
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

    /// The timeouts of the first listed service that is the query's; `None` where the list has none.
    #[inline]
    pub(crate) fn timeouts(&self, query: &Query) -> Option<TimeoutOverride> {
        match self {
            Self::Any | Self::ApplicationDefault => Some(TimeoutOverride::default()),
            Self::Listed(ports) => {
                ports.iter().find(|ports| ports.matches(query)).map(|ports| ports.timeouts)
            }
        }
    }
}

/// One service.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    pub(crate) protocol: u8,
    pub(crate) destination: Box<[(u16, u16)]>,
    /// Empty for any.
    pub(crate) source: Box<[(u16, u16)]>,
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

/// Ports of protocols as one set of numbers: the protocol's number above the port's.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortSet(Vec<(u32, u32)>);

impl PortSet {
    pub(crate) fn insert(&mut self, protocol: u8, first: u16, last: u16) {
        let base = u32::from(protocol) << 16;
        self.0.push((base | u32::from(first), base | u32::from(last)));
    }

    /// Those of both.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Sorts the ranges and joins those of one protocol that touch.
    pub(crate) fn normalize(&mut self) {
        self.0.retain(|(first, last)| first <= last);
        self.0.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(self.0.len());
        for (first, last) in self.0.drain(..) {
            match joined.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) && first >> 16 == *end >> 16 => {
                    *end = last.max(*end);
                }
                _ => joined.push((first, last)),
            }
        }
        self.0 = joined;
    }

    /// Whether the port is in it, which has been normalized.
    pub(crate) fn contains(&self, protocol: u8, port: u16) -> bool {
        let place = u32::from(protocol) << 16 | u32::from(port);
        let after = self.0.partition_point(|(first, _)| *first <= place);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, last)| place <= *last)
    }

    /// (protocol, first port, last port)
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (u8, u16, u16)> {
        self.0.iter().map(|(first, last)| ((first >> 16) as u8, *first as u16, *last as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_join_within_their_protocol_only() {
        let mut set = PortSet::default();
        set.insert(6, 65_000, 65_535);
        set.insert(7, 0, 10);
        set.insert(6, 100, 64_999);
        set.insert(17, 53, 53);
        set.insert(17, 60, 50);
        set.normalize();
        assert_eq!(set.ranges().collect::<Vec<_>>(), [(6, 100, 65_535), (7, 0, 10), (17, 53, 53)]);
        assert!(set.contains(6, 100) && set.contains(6, 65_535) && set.contains(7, 10));
        assert!(!set.contains(6, 99) && !set.contains(17, 54) && !set.contains(7, 11));
    }
}
