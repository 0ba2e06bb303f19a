//! One NAT rule's translation, as a worker computes it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use alloc::{boxed::Box, vec, vec::Vec};
use bifrons_config::typed::{
    self, DestinationTranslation, Distribution, NatKind, Prefix, ServiceMatch, SourceTranslation,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{
    addresses::AddressPool,
    places::Places,
    prefixes::{embed, exchange_prefix, extract, prefix_of},
};

/// A rule and what it has given out.
#[derive(Debug)]
pub(super) struct Rule {
    pub source: Source,
    pub destination: Destination,
    /// Live dynamic-ip bindings by family, whatever the rule says now.
    pub bindings: [Option<AddressPool>; 2],
    /// Whether it ever gave ports: sessions that end may hold one.
    pub had_ports: bool,
    /// Whose turn it is among the servers.
    pub turn: usize,
    /// Live sessions by server.
    pub sessions: HashMap<IpAddr, u32, FixedState>,
    /// Sessions that it found no place for.
    pub failures: u64,
}

/// What becomes of the source.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Kept,
    /// IPv4 and IPv6 addresses.
    Ports {
        pool: [Places; 2],
        persistent: bool,
    },
    /// The pools are in `Rule::bindings`.
    Addresses {
        fallback: Option<[Places; 2]>,
    },
    Static(Static),
}

/// A translation without choice.
#[derive(Clone, Debug)]
pub(super) enum Static {
    /// By place in two lists, IPv4 and IPv6; a list of one takes all.
    Places { from: [Places; 2], to: [Places; 2] },
    /// NPTv6.
    Exchanged { from: Prefix, to: Prefix },
    /// NAT64: IPv4 behind a prefix.
    Embedded(Prefix),
}

/// What becomes of the destination.
#[derive(Clone, Debug)]
pub(super) enum Destination {
    Kept,
    Static {
        to: Static,
        port: Option<Ports>,
    },
    Dynamic {
        servers: Box<[IpAddr]>,
        port: Option<u16>,
        distribution: Distribution,
    },
    /// NAT64: IPv4 from behind a prefix of one of these lengths.
    Extracted(Box<[Prefix]>),
}

/// The port, or where ranges of ports begin.
#[derive(Clone, Debug)]
pub(super) struct Ports {
    first: u16,
    /// The original ranges: a port keeps its distance from where its range begins.
    ranges: Box<[(u16, u16)]>,
}

impl Rule {
    pub fn new(rule: &typed::NatRule, seed: &FixedState) -> Self {
        Self {
            source: Source::new(rule),
            destination: Destination::new(rule),
            bindings: bindings(rule, [None, None], seed),
            had_ports: gives_ports(rule),
            turn: 0,
            sessions: HashMap::with_hasher(seed.clone()),
            failures: 0,
        }
    }

    /// The same rule after a commit, with what it has given out.
    pub fn replaced_by(self, rule: &typed::NatRule, seed: &FixedState) -> Self {
        Self {
            source: Source::new(rule),
            destination: Destination::new(rule),
            bindings: bindings(rule, self.bindings, seed),
            had_ports: self.had_ports || gives_ports(rule),
            turn: self.turn,
            sessions: self.sessions,
            failures: self.failures,
        }
    }

    /// Where the reverse rule of a bidirectional one sends a packet for `destination`.
    pub fn reversed(&self, destination: IpAddr) -> Option<IpAddr> {
        match &self.source {
            Source::Static(translation) => translation.backward(destination),
            Source::Kept | Source::Ports { .. } | Source::Addresses { .. } => None,
        }
    }

    /// Whether sources may get this address.
    pub fn gives(&self, address: IpAddr) -> bool {
        let has = |pool: &[Places; 2]| pool[usize::from(address.is_ipv6())].place_of(address).is_some();
        match &self.source {
            Source::Kept => false,
            Source::Static(translation) => translation.backward(address).is_some(),
            Source::Ports { pool, .. } => has(pool),
            Source::Addresses { fallback } => {
                let own = &self.bindings[usize::from(address.is_ipv6())];
                own.as_ref().is_some_and(|own| own.has(address)) || fallback.as_ref().is_some_and(has)
            }
        }
    }

    /// Which server takes a session from `source` to `destination`.
    pub fn server(
        &self,
        servers: &[IpAddr],
        how: Distribution,
        source: IpAddr,
        destination: IpAddr,
    ) -> usize {
        let count = servers.len().max(1);
        let modulo = |number: u128| (number % count as u128) as usize;
        match how {
            Distribution::RoundRobin => self.turn % count,
            Distribution::SourceIpHash => modulo(u128::from(spread(number(source)))),
            Distribution::IpModulo => modulo(number(source) ^ number(destination)),
            Distribution::IpHash => {
                modulo(u128::from(spread(number(source)) ^ spread(number(destination)).rotate_left(32)))
            }
            Distribution::LeastSessions => (0..count)
                .map(|step| (self.turn + step) % count)
                .min_by_key(|place| servers.get(*place).and_then(|server| self.sessions.get(server)))
                .unwrap_or(0),
        }
    }
}

fn gives_ports(rule: &typed::NatRule) -> bool {
    matches!(
        rule.source_translation,
        Some(
            SourceTranslation::DynamicIpAndPort { .. }
                | SourceTranslation::DynamicIp { fallback: Some(_), .. }
        )
    )
}

fn bindings(
    rule: &typed::NatRule,
    former: [Option<AddressPool>; 2],
    seed: &FixedState,
) -> [Option<AddressPool>; 2] {
    let [v4, v6] = match &rule.source_translation {
        Some(SourceTranslation::DynamicIp { pool, .. }) => families(pool),
        Some(SourceTranslation::DynamicIpAndPort { .. } | SourceTranslation::StaticIp { .. }) | None => {
            Default::default()
        }
    };
    let renew = |places: Places, former: Option<AddressPool>| match former {
        Some(former) => Some(former.replaced_by(places, seed)),
        None => (!places.is_empty()).then(|| AddressPool::new(places, seed)),
    };
    let [former_v4, former_v6] = former;
    [renew(v4, former_v4), renew(v6, former_v6)]
}

impl Source {
    fn new(rule: &typed::NatRule) -> Self {
        match &rule.source_translation {
            None => Self::Kept,
            Some(SourceTranslation::DynamicIpAndPort { pool, persistent }) => {
                Self::Ports { pool: families(pool), persistent: *persistent }
            }
            Some(SourceTranslation::DynamicIp { fallback, .. }) => {
                Self::Addresses { fallback: fallback.as_ref().map(|fallback| families(&fallback.pool)) }
            }
            Some(SourceTranslation::StaticIp { translated, .. }) => {
                Self::Static(Static::new(rule.kind, &rule.source, translated))
            }
        }
    }
}

impl Static {
    fn new(kind: NatKind, from: &[typed::AddressRange], to: &typed::AddressRange) -> Self {
        let places = || Self::Places { from: families(from), to: families(&[*to]) };
        match (kind, prefix_of(to)) {
            (NatKind::Nptv6, Some(to)) => match from {
                [from] => prefix_of(from).map_or_else(places, |from| Self::Exchanged { from, to }),
                _ => places(),
            },
            (NatKind::Nat64, Some(to)) if to.address.is_ipv6() && to.length < 128 => Self::Embedded(to),
            (NatKind::Ipv4 | NatKind::Nptv6 | NatKind::Nat64, _) => places(),
        }
    }

    /// The translation of an address; `None` where it has none.
    pub fn forward(&self, address: IpAddr) -> Option<IpAddr> {
        match (self, address) {
            (Self::Places { from, to }, _) => by_place(from, to, address),
            (Self::Exchanged { from, to }, IpAddr::V6(address)) => {
                exchange_prefix(address, from, to).map(IpAddr::V6)
            }
            (Self::Embedded(prefix), IpAddr::V4(address)) => embed_in(prefix, address),
            (Self::Exchanged { .. }, IpAddr::V4(_)) | (Self::Embedded(_), IpAddr::V6(_)) => None,
        }
    }

    fn backward(&self, address: IpAddr) -> Option<IpAddr> {
        match (self, address) {
            (Self::Places { from, to }, _) => by_place(to, from, address),
            (Self::Exchanged { from, to }, IpAddr::V6(address)) => {
                exchange_prefix(address, to, from).map(IpAddr::V6)
            }
            (Self::Embedded(prefix), IpAddr::V6(_)) => extract_from(prefix, address),
            (Self::Exchanged { .. } | Self::Embedded(_), IpAddr::V4(_)) => None,
        }
    }
}

/// By place within the family; where `to` has one address, or the family is translated to the other one,
/// all that is left to do is to take it.
fn by_place(from: &[Places; 2], to: &[Places; 2], address: IpAddr) -> Option<IpAddr> {
    let family = usize::from(address.is_ipv6());
    let own = if to[family].is_empty() { &to[1 - family] } else { &to[family] };
    if own.len() == 1 { own.at(0) } else { own.at(from[family].place_of(address)?) }
}

fn embed_in(prefix: &Prefix, address: Ipv4Addr) -> Option<IpAddr> {
    embed(prefix, address.to_bits()).map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits)))
}

/// The IPv4 address behind `prefix`.
pub(super) fn extract_from(prefix: &Prefix, address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(bits) = address else { return None };
    if !prefix.contains(address) {
        return None;
    }
    extract(prefix.length, bits.to_bits()).map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
}

impl Destination {
    fn new(rule: &typed::NatRule) -> Self {
        match &rule.destination_translation {
            Some(DestinationTranslation::Static { translated, port }) => Self::Static {
                to: Static::new(rule.kind, &rule.destination, translated),
                port: port.map(|first| Ports { first, ranges: service_ports(&rule.service) }),
            },
            Some(DestinationTranslation::Dynamic { servers, port, distribution }) => Self::Dynamic {
                servers: servers.clone().into_boxed_slice(),
                port: *port,
                distribution: *distribution,
            },
            Some(DestinationTranslation::Embedded { prefix }) => Self::Extracted(Box::new([*prefix])),
            // A NAT64 rule for IPv6 destinations that says nothing else: its destinations are the prefixes.
            None if rule.kind == NatKind::Nat64 => {
                let prefixes = rule.destination.iter().filter_map(prefix_of);
                let prefixes: Box<[Prefix]> = prefixes.filter(|prefix| embed(prefix, 0).is_some()).collect();
                if prefixes.is_empty() { Self::Kept } else { Self::Extracted(prefixes) }
            }
            None => Self::Kept,
        }
    }
}

impl Ports {
    /// The translated port; `None` where the range would go beyond 65,535.
    pub fn translate(&self, port: u16) -> Option<u16> {
        let range = self.ranges.iter().find(|(first, last)| (*first..=*last).contains(&port));
        self.first.checked_add(range.map_or(0, |(first, _)| port - first))
    }
}

fn service_ports(service: &ServiceMatch) -> Box<[(u16, u16)]> {
    match service {
        ServiceMatch::Services(services) => {
            let mut ranges: Vec<(u16, u16)> = vec![];
            for service in services {
                ranges.extend(&service.ports);
            }
            ranges.into_boxed_slice()
        }
        ServiceMatch::Any | ServiceMatch::ApplicationDefault => Box::new([]),
    }
}

/// IPv4 and IPv6.
fn families(ranges: &[typed::AddressRange]) -> [Places; 2] {
    [Places::new(ranges, false), Places::new(ranges, true)]
}

pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A hash that two devices agree on: the finaliser of SplitMix64 over both halves.
pub(super) fn spread(number: u128) -> u64 {
    let mix = |bits: u64| {
        let bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    };
    mix(mix((number >> 64) as u64 ^ 0x9e37_79b9_7f4a_7c15) ^ number as u64)
}
