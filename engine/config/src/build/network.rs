//! Interfaces, routes, zones.

use alloc::{format, vec::Vec};

use super::{Value, View, objects::Objects};
use crate::{
    Problem,
    parse::Report,
    typed::{Interface, Prefix, Route, Zone},
};

pub(super) fn interfaces(root: &View<'_>, objects: &Objects, report: &mut Report<'_>) -> Vec<Interface> {
    let mut interfaces = Vec::new();
    for (name, entry) in root.at(&["network", "interface", "ethernet"]).entries() {
        let mut addresses = Vec::new();
        for (view, is_ipv6) in
            [(entry.at(&["layer3", "ip"]), false), (entry.at(&["layer3", "ipv6", "address"]), true)]
        {
            for value in view.values() {
                addresses.extend(address(&view, value, is_ipv6, objects, report));
            }
        }
        interfaces.push(Interface { name: name.into(), addresses, ..Interface::default() });
    }
    interfaces
}

fn address(
    view: &View<'_>,
    value: Value<'_>,
    is_ipv6: bool,
    objects: &Objects,
    report: &mut Report<'_>,
) -> Option<Prefix> {
    let Some(prefix) = objects.prefix(value.text) else {
        view.unknown(report, "address", value, objects.address_names());
        return None;
    };
    family(view, value, prefix, is_ipv6, report)
}

/// The prefix, if it is of the family that stands in the path.
fn family(
    view: &View<'_>,
    value: Value<'_>,
    prefix: Prefix,
    is_ipv6: bool,
    report: &mut Report<'_>,
) -> Option<Prefix> {
    if prefix.address.is_ipv6() == is_ipv6 {
        return Some(prefix);
    }
    let what = format!("`{}` is not an {} address", value.text, if is_ipv6 { "IPv6" } else { "IPv4" });
    view.gap(report, value.line, Problem::Conflict { what });
    None
}

pub(super) fn routes(
    root: &View<'_>,
    objects: &Objects,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> Vec<Route> {
    let mut routes = Vec::new();
    for (place, (name, router)) in root.at(&["network", "virtual-router"]).entries().into_iter().enumerate() {
        if place > 0 {
            let what = format!("not supported: a second virtual router, `{name}`");
            router.gap(report, router.line(), Problem::Conflict { what });
            continue;
        }
        let members = router.below("interface");
        for value in members.values() {
            interface(&members, value, interfaces, report);
        }
        for (word, is_ipv6) in [("ip", false), ("ipv6", true)] {
            for (name, entry) in router.at(&["routing-table", word, "static-route"]).entries() {
                let found = route(&entry, is_ipv6, objects, interfaces, report);
                routes.extend(found.map(|(destination, interface)| Route {
                    name: name.into(),
                    destination,
                    interface,
                }));
            }
        }
    }
    routes
}

/// Destination and interface of one route.
fn route(
    entry: &View<'_>,
    is_ipv6: bool,
    objects: &Objects,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> Option<(Prefix, usize)> {
    let view = entry.below("destination");
    let Some(destination) = view.value() else {
        entry.gap(report, entry.line(), Problem::Incomplete { what: "a route needs a `destination`" });
        return None;
    };
    let prefix = objects.prefix(destination.text)?;
    let prefix = family(&view, destination, prefix, is_ipv6, report)?;
    let view = entry.below("interface");
    if let Some(value) = view.value() {
        return interface(&view, value, interfaces, report).map(|interface| (prefix, interface));
    }
    let view = entry.at(&["nexthop", if is_ipv6 { "ipv6-address" } else { "ip-address" }]);
    let Some(value) = view.value() else {
        let what = "a route needs an `interface`, or a `nexthop` in an interface's network";
        entry.gap(report, entry.line(), Problem::Incomplete { what });
        return None;
    };
    let Some(hop) = objects.prefix(value.text) else {
        view.unknown(report, "address", value, objects.address_names());
        return None;
    };
    let connected = interfaces.iter().enumerate().flat_map(|(place, interface)| {
        interface.addresses.iter().filter(|own| own.contains(hop.address)).map(move |own| (own.length, place))
    });
    // Of two equal prefixes the first counts, as in forwarding.
    let longest = connected.rev().max_by_key(|(length, _)| *length);
    if longest.is_none() {
        let what = format!("no interface's network holds the next hop `{}`", value.text);
        view.gap(report, value.line, Problem::Conflict { what });
    }
    longest.map(|(_, interface)| (prefix, interface))
}

pub(super) fn interface(
    view: &View<'_>,
    value: Value<'_>,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> Option<usize> {
    let place = interfaces.iter().position(|interface| interface.name == value.text);
    if place.is_none() {
        view.unknown(report, "interface", value, interfaces.iter().map(|interface| interface.name.as_str()));
    }
    place
}

pub(super) fn zones(root: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> Vec<Zone> {
    let profiles = root.at(&["network", "profiles", "zone-protection-profile"]).entries();
    let mut zones: Vec<Zone> = Vec::new();
    for (name, entry) in root.below("zone").entries() {
        if entry.is_reserved(name, report) {
            continue;
        }
        let network = entry.below("network");
        let mut zone = Zone {
            name: name.into(),
            interfaces: Vec::new(),
            tcp_reject_non_syn: None,
            asymmetric_path_bypass: None,
        };
        let kinds = ["layer3", "tap", "virtual-wire"].map(|kind| network.below(kind));
        let mut used = kinds.iter().filter(|view| view.exists());
        if let (Some(_), Some(second)) = (used.next(), used.next()) {
            let what = "a zone has interfaces of one kind: `layer3`, `tap` or `virtual-wire`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
        }
        for view in &kinds {
            for value in view.values() {
                let place = interface(view, value, interfaces, report);
                let Some(place) = place.filter(|place| !zone.interfaces.contains(place)) else { continue };
                if let Some(other) = zones.iter().find(|zone| zone.interfaces.contains(&place)) {
                    let what = format!("`{}` belongs to zone `{}` already", value.text, other.name);
                    view.gap(report, value.line, Problem::Conflict { what });
                } else {
                    zone.interfaces.push(place);
                }
            }
        }
        let view = network.below("zone-protection-profile");
        if let Some(value) = view.value() {
            match profiles.iter().find(|(name, _)| *name == value.text) {
                Some((_, profile)) => protect(&mut zone, profile),
                None => {
                    let known = profiles.iter().map(|(name, _)| *name);
                    view.unknown(report, "zone protection profile", value, known);
                }
            }
        }
        zones.push(zone);
    }
    zones
}

fn protect(zone: &mut Zone, profile: &View<'_>) {
    let differs = |setting: &str, on: &str| {
        let word = profile.below(setting).word();
        if word == "global" { None } else { Some(word == on) }
    };
    zone.tcp_reject_non_syn = differs("tcp-reject-non-syn", "yes");
    zone.asymmetric_path_bypass = differs("asymmetric-path", "bypass");
}
