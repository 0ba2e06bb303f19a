//! Virtual routers and how they spread sessions over equal routes.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::net::IpAddr;

use super::{
    Value, View,
    addresses::Addresses,
    interfaces::{is_routed, routed},
};
use crate::{
    Problem,
    parse::Report,
    schema::range_of,
    typed::{Ecmp, EcmpAlgorithm, Interface, InterfaceWeight, Prefix, VirtualRouter},
};

/// The virtual routers. Each interface gets its own.
pub(super) fn routers(
    root: &View<'_>,
    interfaces: &mut [Interface],
    report: &mut Report<'_>,
) -> Vec<VirtualRouter> {
    let entries = root.at(&["network", "virtual-router"]).entries();
    let mut routers: Vec<VirtualRouter> = Vec::new();
    for (own, (name, entry)) in entries.iter().enumerate() {
        let view = entry.below("interface");
        for value in view.values() {
            let Some(place) = routed(&view, value, interfaces, report) else { continue };
            let Some(interface) = interfaces.get_mut(place) else { continue };
            match interface.virtual_router.and_then(|other| routers.get(other)) {
                Some(other) => {
                    let what = format!("`{}` belongs to virtual router `{}` already", value.text, other.name);
                    view.gap(report, value.line, Problem::Conflict { what });
                }
                None => interface.virtual_router = Some(own),
            }
        }
        routers.push(VirtualRouter { name: (*name).into(), ..VirtualRouter::default() });
    }
    for (place, interface) in interfaces.iter_mut().enumerate() {
        if routers.is_empty() || !is_routed(interface.kind) {
            continue;
        }
        let own = *interface.virtual_router.get_or_insert(0);
        if let Some(router) = routers.get_mut(own) {
            router.interfaces.push(place);
        }
    }
    for (router, (_, entry)) in routers.iter_mut().zip(&entries) {
        router.ecmp = ecmp(&entry.below("ecmp"), interfaces, report);
    }
    routers
}

fn ecmp(view: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> Option<Ecmp> {
    let kinds = ["ip-modulo", "ip-hash", "weighted-round-robin", "balanced-round-robin"]
        .map(|kind| view.at(&["algorithm", kind]));
    let mut used = kinds.iter().filter(|view| view.exists());
    if let (Some(_), Some(second)) = (used.next(), used.next()) {
        let what = "equal routes are chosen by one algorithm".into();
        second.gap(report, second.line(), Problem::Conflict { what });
    }
    let [_, hash, weighted, balanced] = &kinds;
    let algorithm = if hash.exists() {
        EcmpAlgorithm::IpHash {
            source_only: hash.below("src-only").is_yes(),
            use_ports: hash.below("use-port").is_yes(),
            seed: hash.below("hash-seed").number().unwrap_or(0),
        }
    } else if weighted.exists() {
        EcmpAlgorithm::WeightedRoundRobin(weights(&weighted.below("interface"), interfaces, report))
    } else if balanced.exists() {
        EcmpAlgorithm::BalancedRoundRobin
    } else {
        EcmpAlgorithm::IpModulo
    };
    view.below("enable").is_yes().then(|| Ecmp {
        max_paths: view.below("max-path").number().and_then(|paths| u8::try_from(paths).ok()).unwrap_or(2),
        algorithm,
        symmetric_return: view.below("symmetric-return").is_yes(),
        strict_source_path: view.below("strict-source-path").is_yes(),
    })
}

fn weights(view: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> Vec<InterfaceWeight> {
    let mut weights = Vec::new();
    for (text, entry) in view.entries() {
        let value = Value { text, line: entry.line() };
        let weight = entry.below("weight").number().and_then(|weight| u8::try_from(weight).ok());
        if let Some(interface) = routed(&entry, value, interfaces, report) {
            weights.push(InterfaceWeight { interface, weight: weight.unwrap_or(100) });
        }
    }
    weights
}

/// Looks for addresses that two interfaces of one virtual router have, which are taken from the second, and
/// for networks that lie in another interface's.
pub(super) fn check_addresses(
    root: &View<'_>,
    addresses: &Addresses,
    interfaces: &mut [Interface],
    report: &mut Report<'_>,
) {
    let mut seen = Seen::default();
    for place in 0..interfaces.len() {
        let Some(interface) = interfaces.get_mut(place) else { continue };
        let (router, name) = (interface.virtual_router, interface.name.clone());
        let mut kept = core::mem::take(&mut interface.addresses);
        kept.retain(|own| {
            let name_of = |place: usize| interfaces.get(place).map_or("", |other| other.name.as_str());
            if let Some(holder) = seen.hosts.get(&(router, own.address)) {
                let what = format!("`{}` has the address {} already", name_of(*holder), own.address);
                at_address(root, addresses, &name, *own, |view, line| {
                    view.gap(report, line, Problem::Conflict { what: what.clone() });
                });
                return false;
            }
            if let Some(holder) = seen.overlapping(router, *own).filter(|holder| *holder != place) {
                let what = format!(
                    "{}/{} and a network of `{}` overlap: some of the hosts are not reached",
                    own.address,
                    own.length,
                    name_of(holder)
                );
                at_address(root, addresses, &name, *own, |view, line| {
                    report.warn(line, view.path(), Problem::Conflict { what: what.clone() });
                });
            }
            seen.add(router, *own, place);
            true
        });
        if let Some(interface) = interfaces.get_mut(place) {
            interface.addresses = kept;
        }
    }
}

/// Addresses and networks by virtual router, and the interface that has them.
#[derive(Default)]
struct Seen {
    hosts: BTreeMap<(Option<usize>, IpAddr), usize>,
    /// By first address and length, those of one host excepted.
    networks: BTreeMap<(Option<usize>, IpAddr, u8), usize>,
}

impl Seen {
    /// An interface with a network that holds `prefix` or lies in it.
    fn overlapping(&self, router: Option<usize>, prefix: Prefix) -> Option<usize> {
        if is_host(prefix) {
            return None;
        }
        let range = range_of(prefix);
        let inside =
            self.networks.range((router, range.first, prefix.length)..=(router, range.last, u8::MAX));
        let mut around = (0..prefix.length).filter_map(|length| {
            let first = range_of(Prefix { length, ..prefix }).first;
            self.networks.get(&(router, first, length))
        });
        inside.map(|(_, holder)| holder).next().or_else(|| around.next()).copied()
    }

    fn add(&mut self, router: Option<usize>, prefix: Prefix, place: usize) {
        self.hosts.insert((router, prefix.address), place);
        if !is_host(prefix) {
            self.networks.entry((router, range_of(prefix).first, prefix.length)).or_insert(place);
        }
    }
}

fn is_host(prefix: Prefix) -> bool {
    prefix.length == if prefix.address.is_ipv6() { 128 } else { 32 }
}

/// Calls `tell` with the place and the line of an interface's address.
fn at_address(
    root: &View<'_>,
    addresses: &Addresses,
    name: &str,
    prefix: Prefix,
    mut tell: impl FnMut(&View<'_>, u32),
) {
    let Some(view) = view_of(root, name) else { return };
    for list in [view.below("ip"), view.at(&["ipv6", "address"])] {
        let values = list.values();
        let found = values.iter().find(|value| addresses.prefix(value.text) == Some(prefix));
        if let Some(value) = found {
            tell(&list, value.line);
            return;
        }
    }
}

/// Where the addresses of an interface stand.
pub(super) fn view_of<'a>(root: &View<'a>, name: &str) -> Option<View<'a>> {
    let network = root.at(&["network", "interface"]);
    let parent = name.rsplit_once('.').map_or(name, |(parent, _)| parent);
    let entry = |kind: &'static str| -> Option<View<'a>> {
        let entries = network.below(kind).entries();
        entries.into_iter().find(|(own, _)| *own == parent).map(|(_, entry)| entry.below("layer3"))
    };
    let above = match parent {
        "loopback" => network.below("loopback"),
        "vlan" => network.below("vlan"),
        "tunnel" => network.below("tunnel"),
        _ => entry("ethernet").or_else(|| entry("aggregate-ethernet"))?,
    };
    if parent == name {
        return Some(above);
    }
    let units = above.below("units").entries();
    units.into_iter().find(|(own, _)| *own == name).map(|(_, entry)| entry)
}

/// The place of the virtual router that the value names.
pub(super) fn router(
    view: &View<'_>,
    value: Value<'_>,
    names: &[String],
    report: &mut Report<'_>,
) -> Option<usize> {
    let place = names.iter().position(|name| name == value.text);
    if place.is_none() {
        view.unknown(report, "virtual router", value, names.iter().map(String::as_str));
    }
    place
}
