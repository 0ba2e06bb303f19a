//! What a NAT rule asks of a packet, as ranges of numbers.

use alloc::{boxed::Box, vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_config::typed::{AddressRange, NatKind, NatRule, ServiceMatch};
use bifrons_model::{InterfaceId, ZoneId};

use super::NatQuery;
use crate::policy::Numbers;

/// How many numbers a packet is.
pub(super) const DIMENSIONS: usize = 5;

/// Inclusive ranges: sorted, disjoint, not adjacent.
pub(super) type Ranges = Box<[(u128, u128)]>;

/// What the numbers mean, in the order in which an explanation names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    ZoneFrom = 0,
    ZoneTo = 1,
    Source = 2,
    Destination = 3,
    /// The protocol above the destination port.
    Service = 4,
}

impl Dimension {
    const ALL: [Self; DIMENSIONS] =
        [Self::ZoneFrom, Self::ZoneTo, Self::Source, Self::Destination, Self::Service];

    /// The highest number.
    const fn limit(self, is_v6: bool) -> u128 {
        match self {
            Self::ZoneFrom | Self::ZoneTo => u16::MAX as u128,
            Self::Source | Self::Destination => {
                if is_v6 {
                    u128::MAX
                } else {
                    u32::MAX as u128
                }
            }
            Self::Service => 0xff_ffff,
        }
    }
}

/// One rule's conditions for one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conditions {
    ranges: [Ranges; DIMENSIONS],
    /// Services of which one asks for source ports.
    services: Box<[Ports]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ports {
    protocol: u8,
    destination: Box<[(u16, u16)]>,
    source: Box<[(u16, u16)]>,
}

impl Conditions {
    /// `None` where the rule's kind excludes the family.
    pub fn new(rule: &NatRule, is_v6: bool, numbers: &Numbers) -> Option<Self> {
        let fits = match rule.kind {
            NatKind::Ipv4 => !is_v6,
            NatKind::Nptv6 => is_v6,
            NatKind::Nat64 => true,
        };
        fits.then(|| Self {
            ranges: [
                zones(&rule.from, &numbers.zones),
                zones(&rule.to, &numbers.zones),
                addresses(&rule.source, is_v6),
                addresses(&rule.destination, is_v6),
                service(&rule.service),
            ],
            services: source_ports(&rule.service),
        })
    }

    /// What a packet is to them.
    pub fn point(query: &NatQuery) -> [u128; DIMENSIONS] {
        [
            u128::from(query.zone_from.0),
            u128::from(query.zone_to.0),
            number(query.source),
            number(query.destination),
            u128::from(query.protocol) << 16 | u128::from(query.destination_port),
        ]
    }

    /// The first condition that the packet does not meet.
    pub fn mismatch(&self, query: &NatQuery, point: &[u128; DIMENSIONS]) -> Option<Dimension> {
        let missed = Dimension::ALL.into_iter().find(|dimension| {
            let place = *dimension as usize;
            !holds(&self.ranges[place], point[place])
        });
        missed.or_else(|| (!self.is_plain() && !self.is_service(query)).then_some(Dimension::Service))
    }

    /// A packet for which they are; `None` where there is none.
    pub fn sample(&self, is_v6: bool, any_zone: ZoneId) -> Option<NatQuery> {
        let first = |dimension: Dimension| Some(self.ranges[dimension as usize].first()?.0);
        let zone = |dimension: Dimension| {
            let listed = ZoneId(u16::try_from(first(dimension)?).ok()?);
            Some(if holds(&self.ranges[dimension as usize], any_zone.0.into()) { any_zone } else { listed })
        };
        let address = |bits: u128| match is_v6 {
            true => IpAddr::V6(Ipv6Addr::from_bits(bits)),
            false => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
        };
        let service = first(Dimension::Service)?;
        let with_source = self.services.first();
        let port = |ranges: &[(u16, u16)]| ranges.first().map(|(first, _)| *first);
        Some(NatQuery {
            zone_from: zone(Dimension::ZoneFrom)?,
            zone_to: zone(Dimension::ZoneTo)?,
            interface_out: InterfaceId(0),
            source: address(first(Dimension::Source)?),
            destination: address(first(Dimension::Destination)?),
            source_port: with_source.and_then(|own| port(&own.source)).unwrap_or(0),
            destination_port: with_source.and_then(|own| port(&own.destination)).unwrap_or(service as u16),
            protocol: with_source.map_or((service >> 16) as u8, |own| own.protocol),
        })
    }

    /// Whether the ranges are all that they ask.
    pub fn is_plain(&self) -> bool {
        self.services.is_empty()
    }

    /// Whether every packet that is for `other` is for these.
    pub fn cover(&self, other: &Self) -> bool {
        let ranges = self.ranges.iter().zip(&other.ranges);
        (self.is_plain() || self.services == other.services)
            && ranges.clone().all(|(own, other)| {
                other.iter().all(|(first, last)| {
                    let after = own.partition_point(|(begin, _)| begin <= first);
                    after.checked_sub(1).and_then(|at| own.get(at)).is_some_and(|(_, end)| last <= end)
                })
            })
    }

    fn is_service(&self, query: &NatQuery) -> bool {
        let has = |ranges: &[(u16, u16)], port: u16| {
            ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
        };
        self.services.iter().any(|ports| {
            ports.protocol == query.protocol
                && has(&ports.destination, query.destination_port)
                && (ports.source.is_empty() || has(&ports.source, query.source_port))
        })
    }
}

fn holds(ranges: &[(u128, u128)], number: u128) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= number);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| number <= *last)
}

pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An empty list means `any`; of zones without a number none is left.
fn zones(listed: &[usize], numbers: &[Option<ZoneId>]) -> Ranges {
    if listed.is_empty() {
        return all(Dimension::ZoneFrom, false);
    }
    let zones = listed.iter().filter_map(|place| numbers.get(*place).copied().flatten());
    merge(zones.map(|zone| (u128::from(zone.0), u128::from(zone.0))).collect())
}

fn addresses(listed: &[AddressRange], is_v6: bool) -> Ranges {
    if listed.is_empty() {
        return all(Dimension::Source, is_v6);
    }
    let own = listed.iter().filter(|range| range.first.is_ipv6() == is_v6 && range.last.is_ipv6() == is_v6);
    merge(own.map(|range| (number(range.first), number(range.last))).collect())
}

fn service(service: &ServiceMatch) -> Ranges {
    match service {
        ServiceMatch::Any | ServiceMatch::ApplicationDefault => all(Dimension::Service, false),
        ServiceMatch::Services(services) => {
            let mut ranges = Vec::new();
            for service in services {
                let base = u128::from(service.protocol) << 16;
                let numbers =
                    |(first, last): &(u16, u16)| (base | u128::from(*first), base | u128::from(*last));
                ranges.extend(service.ports.iter().map(numbers));
            }
            merge(ranges)
        }
    }
}

fn source_ports(service: &ServiceMatch) -> Box<[Ports]> {
    match service {
        ServiceMatch::Services(services) if services.iter().any(|own| !own.source_ports.is_empty()) => {
            services
                .iter()
                .map(|service| Ports {
                    protocol: service.protocol,
                    destination: service.ports.clone().into_boxed_slice(),
                    source: service.source_ports.clone().into_boxed_slice(),
                })
                .collect()
        }
        ServiceMatch::Any | ServiceMatch::ApplicationDefault | ServiceMatch::Services(_) => Box::default(),
    }
}

fn all(dimension: Dimension, is_v6: bool) -> Ranges {
    vec![(0, dimension.limit(is_v6))].into_boxed_slice()
}

fn merge(mut ranges: Vec<(u128, u128)>) -> Ranges {
    ranges.retain(|(first, last)| first <= last);
    ranges.sort_unstable();
    let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged.into_boxed_slice()
}
