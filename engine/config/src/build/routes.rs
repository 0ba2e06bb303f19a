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
    typed::{Interface, Prefix, Route, RouteTarget},
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
                if let Some((destination, next_hop)) = route(&entry, is_ipv6, addresses, interfaces, report) {
                    let number = |word| entry.below(word).number();
                    let (distance, metric) = (number("admin-dist"), number("metric"));
                    found.push(Route {
                        name: name.into(),
                        destination,
                        next_hop,
                        distance: distance.and_then(|number| u8::try_from(number).ok()).unwrap_or(10),
                        metric: metric.and_then(|number| u16::try_from(number).ok()).unwrap_or(10),
                        ..Route::default()
                    });
                }
            }
            // Forwarding takes the first of equal destinations.
            found.sort_by_key(|route| (route.distance, route.metric));
            routes.extend(found);
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
) -> Option<(Prefix, RouteTarget)> {
    let view = entry.below("destination");
    let Some(destination) = view.value() else {
        entry.gap(report, entry.line(), Problem::Incomplete { what: "a route needs a `destination`" });
        return None;
    };
    let prefix = addresses.prefix(destination.text)?;
    let prefix = family(&view, destination, prefix, is_ipv6, report)?;
    let view = entry.below("interface");
    if let Some(value) = view.value() {
        return interface(&view, value, interfaces, report)
            .map(|interface| (prefix, RouteTarget::Interface(interface)));
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
    longest.map(|(_, interface)| (prefix, RouteTarget::Gateway { address: hop.address, interface }))
}
