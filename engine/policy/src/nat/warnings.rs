//! What in the NAT rules is likely not meant.

use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{AddressRange, SourceTranslation},
};
use bifrons_model::{InterfaceId, NatRuleId};

use super::{
    Entry, NatRules,
    conditions::{DIMENSIONS, number},
};
use crate::policy::Numbers;

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

pub(super) fn of(config: &Config, numbers: &Numbers, compiled: &NatRules) -> Box<[NatWarning]> {
    let mut warnings = overlaps(compiled);
    warnings.extend(interface_addresses(config, numbers, compiled).take(EACH_MAX));
    warnings.extend(shadowed(compiled).take(EACH_MAX));
    warnings.into_boxed_slice()
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
    config: &'a Config,
    numbers: &'a Numbers,
    compiled: &'a NatRules,
) -> impl Iterator<Item = NatWarning> + 'a {
    let own = config.interfaces.iter().zip(&numbers.interfaces).filter_map(|(own, id)| Some((own, (*id)?)));
    let own = own.flat_map(|(own, id)| own.addresses.iter().map(move |prefix| (id, prefix.address)));
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

/// A rule above another one shadows it when it takes every packet that is for it. Of the rules above only
/// those need be asked that take one packet of its.
fn shadowed(compiled: &NatRules) -> impl Iterator<Item = NatWarning> {
    let forward = compiled.entries.iter().enumerate();
    let forward = forward.filter(|(_, entry)| !entry.is_disabled && !entry.decision.is_reverse);
    forward.filter_map(|(place, entry)| {
        let by = shadow(compiled, place, entry)?;
        let (rule, by) = (entry.decision.rule, by.decision.rule);
        let of = |id: NatRuleId| compiled.rules().find(|(own, _)| *own == id).map(|(_, rule)| rule);
        let is_static = matches!(of(rule)?.source_translation, Some(SourceTranslation::StaticIp { .. }));
        let is_dynamic = matches!(
            of(by)?.source_translation,
            Some(SourceTranslation::DynamicIpAndPort { .. } | SourceTranslation::DynamicIp { .. })
        );
        Some(if is_static && is_dynamic {
            NatWarning::StaticBelowDynamic { rule, by }
        } else {
            NatWarning::Shadowed { rule, by }
        })
    })
}

fn shadow<'a>(compiled: &'a NatRules, place: usize, entry: &Entry) -> Option<&'a Entry> {
    let mut found = None;
    for (family, conditions) in entry.conditions.iter().enumerate() {
        let Some(conditions) = conditions else { continue };
        let firsts = [0, 1, 2, 3, 4].map(|dimension| conditions.ranges(dimension).first());
        if firsts.contains(&None) {
            continue;
        }
        let sample: [u128; DIMENSIONS] = firsts.map(|first| first.map_or(0, |(number, _)| *number));
        let above = compiled.trees[family].candidates(&sample).iter();
        let mut above = above.map(|at| *at as usize).take_while(|at| *at < place);
        let by = above.find_map(|at| {
            let other = compiled.entries.get(at)?;
            let covers = (other.binding == entry.binding
                || other.binding == bifrons_config::typed::DeviceBinding::Both)
                && (other.interface_out.is_none() || other.interface_out == entry.interface_out)
                && other.conditions[family].as_ref()?.cover(conditions);
            covers.then_some(other)
        })?;
        found = Some(by);
    }
    found
}
