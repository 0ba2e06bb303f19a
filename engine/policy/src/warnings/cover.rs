//! Whether one rule takes whatever another one could.

use alloc::vec::Vec;

use bifrons_config::typed::RuleType;

use crate::{
    addresses::AddressSet,
    rule::{ANY, Ends, Mismatch, Rule},
    rules::Rules,
    services::{Ports, Services},
    users::UserSet,
    zones::ZoneSet,
};

/// What tells most pairs of rules apart at a glance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    /// The least and the greatest IPv4 address; the other way round where there is none.
    source: (u32, u32),
    destination: (u32, u32),
    /// Bits of what the rule is not open to: applications, users, categories, schedule.
    limits: u8,
}

impl Outline {
    pub(super) fn new(rule: &Rule, ends: &Ends) -> Self {
        let around = |set: &AddressSet| {
            let ranges = set.ranges_v4();
            let first = ranges.first().map_or(u32::MAX, |(first, _)| *first);
            (first, ranges.last().map_or(0, |(_, last)| *last))
        };
        let limits = [rule.applications, rule.users, rule.categories, rule.schedule];
        Self {
            source: around(&ends.source),
            destination: around(&ends.destination),
            limits: (0..).zip(limits).map(|(bit, own)| u8::from(own != ANY) << bit).sum(),
        }
    }

    /// Whether a rule of this outline could take all that one of the other could.
    #[inline]
    pub(super) const fn may_cover(&self, other: &Self) -> bool {
        let source = self.source.0 <= other.source.0 && other.source.1 <= self.source.1;
        let destination =
            self.destination.0 <= other.destination.0 && other.destination.1 <= self.destination.1;
        source && destination && self.limits & !other.limits == 0
    }
}

/// The condition of the rule that no packet can meet.
pub(super) fn never_matches(rules: &Rules, rule: &Rule, ends: &Ends) -> Option<Mismatch> {
    let sets = &rules.sets;
    let zones = rules.zone_places.count();
    let is_empty = |set: &AddressSet| set.ranges_v4().is_empty() && set.ranges_v6().is_empty();
    let v4 = !ends.source.ranges_v4().is_empty() && !ends.destination.ranges_v4().is_empty();
    let v6 = !ends.source.ranges_v6().is_empty() && !ends.destination.ranges_v6().is_empty();
    let applications = sets.applications.get(rule.applications as usize);
    if ZonePairs::new(ends, zones).is_empty() {
        Some(Mismatch::RuleType)
    } else if is_empty(&ends.source) {
        Some(Mismatch::Source)
    } else if is_empty(&ends.destination) || !v4 && !v6 {
        Some(Mismatch::Destination)
    } else if sets.schedules.get(rule.schedule as usize).is_some_and(|own| own.spans.is_empty())
        && rule.schedule != ANY
    {
        Some(Mismatch::Schedule)
    } else if matches!(
        sets.services.get(rule.services as usize),
        Some(Services::Listed(own)) if own.is_empty()
    ) {
        Some(Mismatch::Service)
    } else if rule.applications != ANY && applications.is_some_and(|set| set.listed.is_empty()) {
        Some(Mismatch::Application)
    } else {
        None
    }
}

/// Whether the rule at `earlier` matches whatever the one at `later` does, both of which match something.
/// What is said is so; where ports of many services only together hold those of one, or two rules are for
/// the same users by other names, it is not seen.
pub(super) fn covers(rules: &Rules, earlier: u32, later: u32) -> bool {
    let both = |place: u32| rules.rules.get(place as usize).zip(rules.ends.get(place as usize));
    let (Some((earlier, earlier_ends)), Some((later, later_ends))) = (both(earlier), both(later)) else {
        return false;
    };
    let zones = rules.zone_places.count();
    covers_conditions(rules, earlier, later)
        && covers_addresses(&earlier_ends.source, &later_ends.source)
        && covers_addresses(&earlier_ends.destination, &later_ends.destination)
        && ZonePairs::new(earlier_ends, zones).covers(&ZonePairs::new(later_ends, zones))
        && covers_services(rules, earlier, later)
}

fn covers_conditions(rules: &Rules, earlier: &Rule, later: &Rule) -> bool {
    let sets = &rules.sets;
    let users = of_sets(&sets.users, earlier.users, later.users, UserSet::covers);
    let applications =
        of_sets(&sets.applications, earlier.applications, later.applications, |earlier, later| {
            later.listed.iter().all(|id| earlier.contains(*id))
        });
    let categories = of_sets(&sets.categories, earlier.categories, later.categories, |earlier, later| {
        later.iter().all(|own| earlier.binary_search(own).is_ok())
    });
    let schedule = of_sets(&sets.schedules, earlier.schedule, later.schedule, |earlier, later| {
        earlier.spans == later.spans
    });
    users && applications && categories && schedule
}

/// Whether one of the interned sets takes what another does, `ANY` everything.
fn of_sets<T>(sets: &[T], earlier: u32, later: u32, covers: impl Fn(&T, &T) -> bool) -> bool {
    let pair = sets.get(earlier as usize).zip(sets.get(later as usize));
    earlier == ANY || later != ANY && pair.is_some_and(|(earlier, later)| covers(earlier, later))
}

fn covers_addresses(earlier: &AddressSet, later: &AddressSet) -> bool {
    holds_all(&earlier.ranges_v4(), &later.ranges_v4()) && holds_all(&earlier.ranges_v6(), &later.ranges_v6())
}

/// Whether each of the ranges lies in one of the others, which are sorted and not adjacent.
fn holds_all<T: Ord + Copy>(outer: &[(T, T)], inner: &[(T, T)]) -> bool {
    inner.iter().all(|(first, last)| {
        let after = outer.partition_point(|(own, _)| own <= first);
        after.checked_sub(1).and_then(|place| outer.get(place)).is_some_and(|(_, end)| last <= end)
    })
}

fn covers_services(rules: &Rules, earlier: &Rule, later: &Rule) -> bool {
    let services = |rule: &Rule| rules.sets.services.get(rule.services as usize);
    let later_applications = (later.applications != ANY)
        .then(|| rules.sets.applications.get(later.applications as usize))
        .flatten();
    match (services(earlier), services(later)) {
        (Some(Services::Any), Some(_)) => true,
        (Some(Services::ApplicationDefault), Some(Services::ApplicationDefault)) => true,
        (Some(Services::ApplicationDefault), Some(Services::Listed(listed))) => later_applications
            .is_some_and(|set| {
                set.listed.iter().all(|id| listed.iter().all(|ports| is_home_of(rules, *id, ports)))
            }),
        (Some(Services::Listed(earlier)), Some(Services::Listed(later))) => later.iter().all(|ports| {
            let sources = if ports.source.is_empty() { &[(0, u16::MAX)][..] } else { &ports.source[..] };
            ports.destination.iter().all(|range| {
                sources.iter().all(|source| holds_ports(earlier, ports.protocol, *range, *source))
            })
        }),
        (Some(Services::Listed(earlier)), Some(Services::ApplicationDefault)) => {
            let home = later_applications.and_then(|set| set.home.as_ref());
            home.is_some_and(|home| {
                home.ranges().all(|(protocol, first, last)| {
                    holds_ports(earlier, protocol, (first, last), (0, u16::MAX))
                })
            })
        }
        (Some(Services::ApplicationDefault | Services::Listed(_)), Some(Services::Any))
        | (None, _)
        | (_, None) => false,
    }
}

/// Whether all of the service's destination ports are the application's own.
fn is_home_of(rules: &Rules, id: bifrons_model::AppId, ports: &Ports) -> bool {
    let Some(home) = rules.applications.facts(id).home() else { return true };
    let own: Vec<(u16, u16)> = home
        .ranges()
        .filter(|(protocol, ..)| *protocol == ports.protocol)
        .map(|(_, first, last)| (first, last))
        .collect();
    ports.destination.iter().all(|range| are_in(own.clone(), *range))
}

/// Whether the services together hold the destination ports, those services that take all of the source
/// ports.
fn holds_ports(services: &[Ports], protocol: u8, destination: (u16, u16), source: (u16, u16)) -> bool {
    let takes_source = |ports: &&Ports| {
        let whole = (0, u16::MAX);
        let own = if ports.source.is_empty() { &[whole][..] } else { &ports.source[..] };
        ports.protocol == protocol && are_in(own.to_vec(), source)
    };
    let ranges = services.iter().filter(takes_source).flat_map(|ports| ports.destination.iter().copied());
    are_in(ranges.collect(), destination)
}

/// Whether the ranges together hold one range.
fn are_in(mut ranges: Vec<(u16, u16)>, (first, last): (u16, u16)) -> bool {
    ranges.sort_unstable();
    let mut next = u32::from(first);
    for (from, until) in ranges {
        if u32::from(from) <= next {
            next = next.max(u32::from(until) + 1);
        }
    }
    next > u32::from(last)
}

/// The pairs of zones that a rule is for.
struct ZonePairs {
    rule_type: RuleType,
    /// Those that some pair begins with.
    from: Vec<u32>,
    /// Those that some pair ends with.
    to: Vec<u32>,
}

impl ZonePairs {
    fn new(ends: &Ends, zones: u32) -> Self {
        let places = |set: &ZoneSet| (0..zones).filter(|place| set.contains(*place)).collect::<Vec<u32>>();
        let (mut from, mut to) = (places(&ends.from), places(&ends.to));
        match ends.rule_type {
            RuleType::Universal => {}
            RuleType::Intrazone => {
                from.retain(|place| ends.to.contains(*place));
                to.clone_from(&from);
            }
            RuleType::Interzone => {
                if let [only] = to[..] {
                    from.retain(|place| *place != only);
                }
                if let [only] = from[..] {
                    to.retain(|place| *place != only);
                }
            }
        }
        Self { rule_type: ends.rule_type, from, to }
    }

    fn is_empty(&self) -> bool {
        self.from.is_empty() || self.to.is_empty()
    }

    /// Whether all pairs are of one zone with itself.
    fn is_within(&self) -> bool {
        self.rule_type == RuleType::Intrazone || self.from.len() == 1 && self.from == self.to
    }

    /// Whether no pair is.
    fn is_between(&self) -> bool {
        self.rule_type == RuleType::Interzone
            || !self.is_within() && self.from.iter().all(|place| self.to.binary_search(place).is_err())
    }

    fn covers(&self, other: &Self) -> bool {
        let fits = match self.rule_type {
            RuleType::Universal => true,
            RuleType::Intrazone => other.is_within(),
            RuleType::Interzone => other.is_between(),
        };
        let holds = |own: &[u32], others: &[u32]| others.iter().all(|place| own.binary_search(place).is_ok());
        fits && holds(&self.from, &other.from) && holds(&self.to, &other.to)
    }
}
