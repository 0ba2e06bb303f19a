//! For which addresses the device answers though no interface has them.

use alloc::{boxed::Box, vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_config::{
    Config,
    typed::{AddressRange, DeviceBinding, Interface, NatRule, Prefix, SourceTranslation},
};

use super::conditions::number;
use crate::policy::Numbers;

/// Addresses of translation rules that lie in the network of an interface: whoever asks there for one of
/// them (ARP, neighbor discovery) is answered with the interface's own hardware address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyArp {
    /// The addresses; the interface's own are never among them.
    pub addresses: AddressRange,
    /// Which device of a pair answers.
    pub binding: DeviceBinding,
}

/// Those of an interface, by its place in the configuration.
pub fn proxied_addresses(config: &Config, place: usize) -> Vec<ProxyArp> {
    let mut own = Vec::new();
    let Some(interface) = config.interfaces.get(place) else { return own };
    let zone = config.zones.iter().position(|zone| zone.interfaces.contains(&place));
    for rule in config.nat_rules.iter().filter(|rule| !rule.disabled && concerns(rule, zone)) {
        for addresses in answered(rule) {
            add(&mut own, interface, addresses, rule.binding);
        }
    }
    own
}

/// By interface number. An address counts where the interface's zone is one that the rule's traffic comes
/// from or goes to.
pub(super) fn of(config: &Config, numbers: &Numbers) -> Box<[Box<[ProxyArp]>]> {
    let count = numbers.interfaces.iter().flatten().map(|id| id.index() + 1).max().unwrap_or(0);
    let mut by_interface = vec![Vec::new(); count];
    for (place, id) in numbers.interfaces.iter().enumerate() {
        if let Some(own) = id.and_then(|id| by_interface.get_mut(id.index())) {
            own.extend(proxied_addresses(config, place));
        }
    }
    by_interface.into_iter().map(Vec::into_boxed_slice).collect()
}

fn concerns(rule: &NatRule, zone: Option<usize>) -> bool {
    let lists = |zones: &[usize]| zones.is_empty() || zone.is_some_and(|zone| zones.contains(&zone));
    lists(&rule.from) || lists(&rule.to)
}

/// What a rule makes of sources, and the destinations that it translates.
fn answered(rule: &NatRule) -> impl Iterator<Item = AddressRange> {
    let (pool, fallback): (&[AddressRange], &[AddressRange]) = match &rule.source_translation {
        Some(SourceTranslation::DynamicIpAndPort { pool, .. }) => (pool, &[]),
        Some(SourceTranslation::DynamicIp { pool, fallback }) => {
            (pool, fallback.as_ref().map_or(&[], |fallback| &fallback.pool))
        }
        Some(SourceTranslation::StaticIp { translated, .. }) => (core::slice::from_ref(translated), &[]),
        None => (&[], &[]),
    };
    let destinations: &[AddressRange] =
        if rule.destination_translation.is_some() { &rule.destination } else { &[] };
    [pool, fallback, destinations].into_iter().flatten().copied()
}

/// Adds what of the range lies in the interface's networks, without the interface's own addresses.
fn add(own: &mut Vec<ProxyArp>, interface: &Interface, range: AddressRange, binding: DeviceBinding) {
    for network in &interface.addresses {
        let Some((first, last)) = common(network, &range) else { continue };
        let taken = interface.addresses.iter().map(|prefix| prefix.address);
        let mut taken: Vec<u128> =
            taken.filter(|address| address.is_ipv6() == network.address.is_ipv6()).map(number).collect();
        taken.sort_unstable();
        let mut begin = Some(first);
        for taken in taken.into_iter().filter(|taken| (first..=last).contains(taken)) {
            if let Some(from) = begin.filter(|from| *from < taken) {
                push(own, network, (from, taken - 1), binding);
            }
            begin = taken.checked_add(1);
        }
        if let Some(from) = begin.filter(|from| *from <= last) {
            push(own, network, (from, last), binding);
        }
    }
}

fn push(own: &mut Vec<ProxyArp>, network: &Prefix, (first, last): (u128, u128), binding: DeviceBinding) {
    let address = |bits: u128| match network.address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    };
    let entry = ProxyArp { addresses: AddressRange { first: address(first), last: address(last) }, binding };
    if !own.contains(&entry) {
        own.push(entry);
    }
}

fn common(network: &Prefix, range: &AddressRange) -> Option<(u128, u128)> {
    if network.address.is_ipv6() != range.first.is_ipv6() || network.address.is_ipv6() != range.last.is_ipv6()
    {
        return None;
    }
    let width = if network.address.is_ipv6() { 128 } else { 32 };
    let hosts = 1_u128.checked_shl(width - u32::from(network.length)).map_or(u128::MAX, |size| size - 1);
    let begin = number(network.address) & !hosts;
    let (first, last) = (number(range.first).max(begin), number(range.last).min(begin | hosts));
    (first <= last).then_some((first, last))
}
