//! Static routes.

use alloc::{format, vec::Vec};

use super::{
    View,
    addresses::Addresses,
    network::{family, interface},
};
use crate::{
    Problem,
    parse::Report,
    typed::{Interface, Prefix, Route},
};

pub(super) fn routes(
    root: &View<'_>,
    addresses: &Addresses,
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
            let mut found = Vec::new();
            for (name, entry) in router.at(&["routing-table", word, "static-route"]).entries() {
                if let Some((destination, interface)) = route(&entry, is_ipv6, addresses, interfaces, report)
                {
                    let rank = (entry.below("admin-dist").number(), entry.below("metric").number());
                    found.push((rank, Route { name: name.into(), destination, interface }));
                }
            }
            // Forwarding takes the first of equal destinations.
            found.sort_by_key(|(rank, _)| *rank);
            routes.extend(found.into_iter().map(|(_, route)| route));
        }
    }
    routes
}

/// Destination and interface of one route.
fn route(
    entry: &View<'_>,
    is_ipv6: bool,
    addresses: &Addresses,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> Option<(Prefix, usize)> {
    let view = entry.below("destination");
    let Some(destination) = view.value() else {
        entry.gap(report, entry.line(), Problem::Incomplete { what: "a route needs a `destination`" });
        return None;
    };
    let prefix = addresses.prefix(destination.text)?;
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
    let Some(hop) = addresses.prefix(value.text) else {
        addresses.unknown(&view, value, report);
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
