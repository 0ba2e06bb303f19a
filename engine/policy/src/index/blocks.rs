//! Rules as boxes.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use bifrons_config::typed::RuleType;

use super::{
    Bounds, DESTINATION, DESTINATION_PORT, FROM, PROTOCOL, SOURCE, SOURCE_PORT, TO,
    ranks::Ranks,
    tree::{Checks, Signature},
};
use crate::{
    addresses::AddressSet,
    rule::{ANY, Ends, Rule},
    services::{PortSet, Services},
    sets::{APPLICATION_DEFAULT, Sets},
    zones::ZoneSet,
};

/// Which addresses the boxes are of.
pub(super) enum Family<'a> {
    V4,
    V6(&'a Ranks),
}

/// One box of a rule.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) bounds: Bounds,
    /// The rule's place.
    pub(super) rule: u32,
    pub(super) signature: Signature,
    /// What is left to ask of the rule for a packet in the box.
    pub(super) checks: Checks,
}

/// Boxes of one rule at most; longer lists are rounded up to fewer, larger ranges and asked themselves.
const BLOCKS_OF_RULE_MAX: usize = 64;
/// Ranges of zones on either side; more are rounded up before they are paired.
const ZONE_RANGES_MAX: usize = 8;
/// Boxes of all rules: so many for each, and so many more.
const BLOCKS_PER_RULE: usize = 4;
const BLOCKS_BASE: usize = 1 << 16;

/// The boxes of all enabled rules in the order of the rules.
pub(super) fn blocks(rules: &[Rule], ends: &[Ends], sets: &Sets, family: &Family<'_>) -> Vec<Block> {
    let limit = rules.len().saturating_mul(BLOCKS_PER_RULE).saturating_add(BLOCKS_BASE);
    let mut of_rule = BLOCKS_OF_RULE_MAX;
    loop {
        let mut blocks = Vec::with_capacity(rules.len());
        for ((place, rule), ends) in (0..).zip(rules).zip(ends) {
            if !rule.is_disabled {
                Shape::new(rule, ends, sets, family).push_blocks(place, of_rule, &mut blocks);
            }
            if blocks.len() > limit && of_rule > 1 {
                break;
            }
        }
        if blocks.len() <= limit || of_rule == 1 {
            return blocks;
        }
        of_rule /= 2;
    }
}

/// A rule's ranges in each of its dimensions: the boxes are all their combinations.
struct Shape {
    source: Vec<(u32, u32)>,
    destination: Vec<(u32, u32)>,
    zones: Vec<[(u32, u32); 2]>,
    services: Vec<ServiceBounds>,
    signature: Signature,
    checks: Checks,
}

/// Protocol, destination port, source port.
type ServiceBounds = [(u32, u32); 3];

const ANY_PORT: (u32, u32) = (0, 0xffff);
const ANY_SERVICE: ServiceBounds = [(0, 0xff), ANY_PORT, ANY_PORT];
const EVERYTHING: (u32, u32) = (0, u32::MAX);

impl Shape {
    fn new(rule: &Rule, ends: &Ends, sets: &Sets, family: &Family<'_>) -> Self {
        let mut checks = match ends.rule_type {
            RuleType::Universal => Checks::NONE,
            RuleType::Intrazone => Checks::INTRAZONE,
            RuleType::Interzone => Checks::INTERZONE,
        };
        let conditions = [rule.applications, rule.users, rule.categories, rule.schedule];
        let services = sets.services.get(rule.services as usize);
        if conditions.iter().any(|own| *own != ANY) || rule.services == APPLICATION_DEFAULT {
            checks = checks.with(Checks::CONDITIONS);
        }
        let applications =
            (rule.applications != ANY).then(|| sets.applications.get(rule.applications as usize)).flatten();
        let (from, to) = (runs(&ends.from), runs(&ends.to));
        if from.len().max(to.len()) > ZONE_RANGES_MAX {
            checks = checks.with(Checks::ENDS);
        }
        Self {
            source: addresses(&ends.source, family),
            destination: addresses(&ends.destination, family),
            zones: zones(ends.rule_type, &fewer(&from, ZONE_RANGES_MAX), &fewer(&to, ZONE_RANGES_MAX)),
            services: match services {
                Some(Services::Listed(listed)) => listed.iter().flat_map(service_bounds).collect(),
                Some(Services::ApplicationDefault) => match applications.map(|set| &set.home) {
                    Some(Some(home)) => homes(home),
                    Some(None) | None => vec![ANY_SERVICE],
                },
                Some(Services::Any) | None => vec![ANY_SERVICE],
            },
            signature: signature(rule, ends, sets),
            checks,
        }
    }

    fn push_blocks(mut self, rule: u32, limit: usize, blocks: &mut Vec<Block>) {
        self.round(limit);
        for source in &self.source {
            for destination in &self.destination {
                for [from, to] in &self.zones {
                    for [protocol, destination_port, source_port] in &self.services {
                        let mut bounds = Bounds::default();
                        bounds[SOURCE] = *source;
                        bounds[DESTINATION] = *destination;
                        bounds[SOURCE_PORT] = *source_port;
                        bounds[DESTINATION_PORT] = *destination_port;
                        bounds[PROTOCOL] = *protocol;
                        bounds[FROM] = *from;
                        bounds[TO] = *to;
                        blocks.push(Block { bounds, rule, signature: self.signature, checks: self.checks });
                    }
                }
            }
        }
    }

    /// Makes the combinations few: the longest list is halved, again and again. A rounded list is asked
    /// itself.
    fn round(&mut self, limit: usize) {
        loop {
            let counts = [self.source.len(), self.destination.len(), self.zones.len(), self.services.len()];
            let longest = counts.iter().copied().max().unwrap_or(0);
            if longest <= 1 || counts.iter().product::<usize>() <= limit {
                return;
            }
            let [source, destination, zones, _] = counts;
            if source == longest {
                self.source = fewer(&self.source, longest / 2);
                self.checks = self.checks.with(Checks::ENDS);
            } else if destination == longest {
                self.destination = fewer(&self.destination, longest / 2);
                self.checks = self.checks.with(Checks::ENDS);
            } else if zones == longest {
                self.zones = self.zones.chunks(2).map(around).collect();
                self.checks = self.checks.with(Checks::ENDS);
            } else {
                self.services = self.services.chunks(2).map(around).collect();
                self.checks = self.checks.with(Checks::SERVICE);
            }
        }
    }
}

fn signature(rule: &Rule, ends: &Ends, sets: &Sets) -> Signature {
    let applications = match sets.applications.get(rule.applications as usize) {
        Some(set) if rule.applications != ANY => {
            let carriers = set.carriers().filter(|_| rule.outcome.allows());
            let named = set.listed.iter().copied().chain(carriers);
            named.fold(0, |all, id| all | Signature::of_application(id))
        }
        Some(_) | None => Signature::ALL,
    };
    let users = match sets.users.get(rule.users as usize) {
        Some(set) if rule.users != ANY => set.signature(),
        Some(_) | None => Signature::ALL,
    };
    let zones = |set: &ZoneSet| match set {
        ZoneSet::Any => Signature::ALL_ZONES,
        ZoneSet::Few(_) | ZoneSet::Many(_) => {
            let places = runs(set).into_iter().flat_map(|(first, last)| first..=last);
            places.fold(0, |all, place| all | Signature::of_zone(place))
        }
    };
    Signature::new(applications, users, zones(&ends.from), zones(&ends.to))
}

/// The smallest ranges around all of these in each dimension.
fn around<const N: usize>(boxes: &[[(u32, u32); N]]) -> [(u32, u32); N] {
    core::array::from_fn(|dimension| {
        let ranges = || boxes.iter().filter_map(|bounds| bounds.get(dimension));
        let first = ranges().map(|(first, _)| *first).min().unwrap_or(0);
        (first, ranges().map(|(_, last)| *last).max().unwrap_or(u32::MAX))
    })
}

/// At most `count` ranges that hold all of these sorted ones: the widest gaps stay.
fn fewer(ranges: &[(u32, u32)], count: usize) -> Vec<(u32, u32)> {
    let mut gaps: Vec<(u32, usize)> =
        ranges.windows(2).enumerate().map(|(place, pair)| (pair[1].0 - pair[0].1, place + 1)).collect();
    gaps.sort_unstable_by(|one, other| other.cmp(one));
    gaps.truncate(count.max(1) - 1);
    let mut cuts: Vec<usize> = gaps.into_iter().map(|(_, place)| place).collect();
    cuts.sort_unstable();
    cuts.push(ranges.len());
    let mut from = 0;
    let mut joined = Vec::with_capacity(cuts.len());
    for cut in cuts {
        if let Some([(first, _), .., (_, last)] | [(first, last)]) = ranges.get(from..cut) {
            joined.push((*first, *last));
        }
        from = cut;
    }
    joined
}

fn addresses(set: &AddressSet, family: &Family<'_>) -> Vec<(u32, u32)> {
    match family {
        Family::V4 => set.ranges_v4(),
        Family::V6(ranks) => {
            let rank_of_end = |last: u128| last.checked_add(1).map_or(u32::MAX, |next| ranks.of(next) - 1);
            set.ranges_v6().into_iter().map(|(first, last)| (ranks.of(first), rank_of_end(last))).collect()
        }
    }
}

/// The pairs of zones that the rule is for, but for what its type says of two that are not single.
fn zones(rule_type: RuleType, from: &[(u32, u32)], to: &[(u32, u32)]) -> Vec<[(u32, u32); 2]> {
    let mut pairs = Vec::with_capacity(from.len() * to.len());
    for from in from {
        for to in to {
            match rule_type {
                RuleType::Universal | RuleType::Interzone => pairs.push([*from, *to]),
                RuleType::Intrazone => {
                    let common = (from.0.max(to.0), from.1.min(to.1));
                    if common.0 <= common.1 {
                        pairs.push([common, common]);
                    }
                }
            }
        }
    }
    pairs
}

/// The places in the set as ranges.
fn runs(set: &ZoneSet) -> Vec<(u32, u32)> {
    let words = match set {
        ZoneSet::Any => return vec![EVERYTHING],
        ZoneSet::Few(word) => core::slice::from_ref(word),
        ZoneSet::Many(words) => words,
    };
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for place in (0..).take(words.len() * 64).filter(|place| set.contains(*place)) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == place => *last = place,
            _ => runs.push((place, place)),
        }
    }
    runs
}

fn service_bounds(ports: &crate::services::Ports) -> Vec<ServiceBounds> {
    let wide = |(first, last): (u16, u16)| (u32::from(first), u32::from(last));
    let protocol = (u32::from(ports.protocol), u32::from(ports.protocol));
    let any = [(0, u16::MAX)];
    let sources = if ports.source.is_empty() { &any[..] } else { &ports.source[..] };
    let destinations = ports.destination.iter().filter(|(first, last)| first <= last);
    destinations
        .flat_map(|destination| {
            let sources = sources.iter().filter(|(first, last)| first <= last);
            sources.map(move |source| [protocol, wide(*destination), wide(*source)])
        })
        .collect()
}

/// Where any of a rule's applications is at home. A port of several protocols is one range, since the rule
/// is asked about its application anyway.
fn homes(home: &PortSet) -> Vec<ServiceBounds> {
    let mut by_port: BTreeMap<(u32, u32), (u32, u32)> = BTreeMap::new();
    for (protocol, first, last) in home.ranges() {
        let protocol = u32::from(protocol);
        let protocols = by_port.entry((first.into(), last.into())).or_insert((protocol, protocol));
        *protocols = (protocols.0.min(protocol), protocols.1.max(protocol));
    }
    by_port.into_iter().map(|(ports, protocols)| [protocols, ports, ANY_PORT]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_gaps_stay() {
        let ranges = [(0, 1), (3, 4), (100, 110), (111, 120), (1000, 1000)];
        assert_eq!(fewer(&ranges, 3), [(0, 4), (100, 120), (1000, 1000)]);
        assert_eq!(fewer(&ranges, 2), [(0, 120), (1000, 1000)]);
        assert_eq!(fewer(&ranges, 1), [(0, 1000)]);
        assert_eq!(fewer(&ranges, 9), ranges);
    }

    #[test]
    fn zones_next_to_each_other_are_one_range() {
        assert_eq!(runs(&ZoneSet::new(&[5, 3, 4, 70, 0], 80)), [(0, 0), (3, 5), (70, 70)]);
        assert_eq!(runs(&ZoneSet::new(&[], 80)), [EVERYTHING]);
    }
}
