//! What in the NAT rules is likely not meant.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::typed::{AddressRange, DeviceBinding, SourceTranslation};
use bifrons_model::{InterfaceId, NatRuleId, ZoneId};

use super::{Entry, NatRules, conditions::number};
use crate::Policy;

/// How many warnings of one kind are given.
const EACH_MAX: usize = 1_000;

/// What a commit says of NAT rules besides carrying them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatWarning {
    /// Two rules translate to the same addresses and do not both choose ports, so that sessions of the one
    /// can be in the way of the other's. Rules that choose ports share those of a common address.
    PoolsOverlap {
        /// The rule above.
        first: NatRuleId,
        /// The rule below.
        second: NatRuleId,
    },
    /// A rule that gives whole addresses, or one of several, has an interface's own among them.
    PoolHasInterfaceAddress {
        /// The rule.
        rule: NatRuleId,
        /// The interface.
        interface: InterfaceId,
        /// Its address.
        address: IpAddr,
    },
    /// A static rule never matches, because a dynamic one above it takes all of its traffic.
    StaticBelowDynamic {
        /// The static rule.
        rule: NatRuleId,
        /// The dynamic rule.
        by: NatRuleId,
    },
    /// A rule never matches, because one above it takes all of its traffic.
    Shadowed {
        /// The rule.
        rule: NatRuleId,
        /// The rule above.
        by: NatRuleId,
    },
}

impl NatWarning {
    /// The warning in words, with the policy's names.
    pub fn text(&self, policy: &Policy) -> String {
        let name = |rule: NatRuleId| policy.names().nat_rule(rule);
        match *self {
            Self::PoolsOverlap { first, second } => format!(
                "NAT rules \"{}\" and \"{}\" translate to the same addresses and can be in each other's way",
                name(first),
                name(second)
            ),
            Self::PoolHasInterfaceAddress { rule, interface, address } => format!(
                "NAT rule \"{}\" translates to {address}, which interface {} has",
                name(rule),
                policy.names().interface(interface)
            ),
            Self::StaticBelowDynamic { rule, by } => format!(
                "static NAT rule \"{}\" never matches: the dynamic rule \"{}\" above it takes its traffic",
                name(rule),
                name(by)
            ),
            Self::Shadowed { rule, by } => {
                format!(
                    "NAT rule \"{}\" never matches: rule \"{}\" above it takes its traffic",
                    name(rule),
                    name(by)
                )
            }
        }
    }
}

pub(super) fn of(compiled: &NatRules, policy: &Policy) -> Vec<NatWarning> {
    let mut warnings = overlaps(compiled);
    warnings.extend(interface_addresses(compiled, policy).take(EACH_MAX));
    warnings.extend(shadowed(compiled, policy).take(EACH_MAX));
    warnings
}

/// How a rule uses an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Ports,
    Whole,
}

fn pools(compiled: &NatRules) -> impl Iterator<Item = (usize, NatRuleId, Use, &AddressRange)> {
    compiled.rules().enumerate().flat_map(|(order, (id, rule))| {
        let (whole, ports): (&[AddressRange], &[AddressRange]) = match &rule.source_translation {
            Some(SourceTranslation::DynamicIpAndPort { pool, .. }) => (&[], pool),
            Some(SourceTranslation::DynamicIp { pool, fallback }) => {
                (pool, fallback.as_ref().map_or(&[], |fallback| &fallback.pool))
            }
            Some(SourceTranslation::StaticIp { translated, .. }) => (core::slice::from_ref(translated), &[]),
            None => (&[], &[]),
        };
        let whole = whole.iter().map(move |range| (order, id, Use::Whole, range));
        whole.chain(ports.iter().map(move |range| (order, id, Use::Ports, range)))
    })
}

/// One sweep over all pools by their first addresses.
fn overlaps(compiled: &NatRules) -> Vec<NatWarning> {
    let mut ranges: Vec<_> = pools(compiled).collect();
    ranges.sort_by_key(|(order, _, _, range)| (range.first.is_ipv6(), number(range.first), *order));
    let mut pairs = BTreeSet::new();
    let mut open: Vec<&(usize, NatRuleId, Use, &AddressRange)> = Vec::new();
    for entry in &ranges {
        let (order, id, how, range) = entry;
        open.retain(|(_, _, _, before)| {
            before.first.is_ipv6() == range.first.is_ipv6() && number(before.last) >= number(range.first)
        });
        for (other_order, other, other_how, _) in open.iter().take(EACH_MAX) {
            let may_share = *how == Use::Ports && *other_how == Use::Ports;
            if id != other && !may_share && pairs.len() < EACH_MAX {
                let in_order = (*order, *id, *other_order, *other);
                let swapped = (*other_order, *other, *order, *id);
                pairs.insert(if order < other_order { in_order } else { swapped });
            }
        }
        open.push(entry);
    }
    pairs.into_iter().map(|(_, first, _, second)| NatWarning::PoolsOverlap { first, second }).collect()
}

fn interface_addresses<'a>(
    compiled: &'a NatRules,
    policy: &Policy,
) -> impl Iterator<Item = NatWarning> + use<'a> {
    let interfaces = policy.names().interfaces.len().min(usize::from(u16::MAX) + 1);
    let interfaces = (0..=u16::MAX).take(interfaces).map(InterfaceId);
    let own =
        interfaces.flat_map(|id| policy.interface_addresses(id).iter().map(move |own| (id, own.address)));
    let mut own: Vec<(InterfaceId, IpAddr)> = own.collect();
    own.sort_by_key(|(_, address)| (address.is_ipv6(), number(*address)));
    // To translate to nothing but an interface's address with ports is what most rules do.
    let suspicious =
        pools(compiled).filter(|(_, _, how, range)| *how == Use::Whole || range.first != range.last);
    suspicious.flat_map(move |(_, rule, _, range)| {
        let key = |address: IpAddr| (address.is_ipv6(), number(address));
        let begin = own.partition_point(|(_, address)| key(*address) < key(range.first));
        let within = own.get(begin..).unwrap_or_default();
        let within = within.iter().take_while(|(_, address)| key(*address) <= key(range.last));
        let warning = |(interface, address): &(InterfaceId, IpAddr)| NatWarning::PoolHasInterfaceAddress {
            rule,
            interface: *interface,
            address: *address,
        };
        within.map(warning).collect::<Vec<_>>()
    })
}

fn shadowed(compiled: &NatRules, policy: &Policy) -> impl Iterator<Item = NatWarning> {
    let kinds: BTreeMap<NatRuleId, &Option<SourceTranslation>> =
        compiled.rules().map(|(id, rule)| (id, &rule.source_translation)).collect();
    // A zone that the configuration has stands for any.
    let known = |zone: &ZoneId| policy.zone_places().place_of(*zone).is_some();
    let zones = policy.names().zones.len().min(usize::from(u16::MAX)) as u16;
    let any_zone = (0..zones).map(ZoneId).find(known);
    let entries = (0..).zip(&compiled.entries);
    let forward = entries.filter(|(_, entry)| !entry.is_disabled && !entry.decision.is_reverse);
    forward.filter_map(move |(place, entry)| {
        let by = shadow(compiled, policy, any_zone?, place)?;
        let (rule, by) = (entry.decision.rule, by.decision.rule);
        let is_static = matches!(kinds.get(&rule)?, Some(SourceTranslation::StaticIp { .. }));
        let is_dynamic = matches!(
            kinds.get(&by)?,
            Some(SourceTranslation::DynamicIpAndPort { .. } | SourceTranslation::DynamicIp { .. })
        );
        Some(if is_static && is_dynamic {
            NatWarning::StaticBelowDynamic { rule, by }
        } else {
            NatWarning::Shadowed { rule, by }
        })
    })
}

/// The rule above that takes every packet which is for this one, in each family. Only those need be asked
/// that take one packet of its.
fn shadow<'a>(compiled: &'a NatRules, policy: &Policy, any_zone: ZoneId, place: u32) -> Option<&'a Entry> {
    let entry = compiled.entries.get(place as usize)?;
    let families = compiled.conditions.get(place as usize)?;
    let mut found = None;
    for (family, conditions) in families.iter().enumerate() {
        let Some((conditions, sample)) =
            conditions.as_ref().and_then(|own| Some((own, own.sample(family == 1, any_zone)?)))
        else {
            continue;
        };
        let mut by = None;
        policy.nat_search(&sample, |at| {
            let other = compiled.entries.get(at as usize);
            let covers = other.is_some_and(|other| {
                let is_bound = other.binding == entry.binding || other.binding == DeviceBinding::Both;
                let leads = other.interface_out.is_none() || other.interface_out == entry.interface_out;
                is_bound && leads
            }) && compiled.conditions.get(at as usize).is_some_and(|families| {
                families.get(family).and_then(Option::as_ref).is_some_and(|own| own.cover(conditions))
            });
            if at < by.unwrap_or(place) && covers {
                by = Some(at);
            }
            by.unwrap_or(place)
        });
        found = Some(by?);
    }
    compiled.entries.get(found? as usize)
}
