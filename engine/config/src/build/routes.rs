//! Static routes and what they depend on.

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};
use core::net::IpAddr;

use super::{
    Value, View,
    addresses::Addresses,
    interfaces::{family, routed},
    routers::router,
};
use crate::{
    Problem,
    parse::Report,
    typed::{
        FailureCondition, Interface, MonitoredDestination, Prefix, Route, RouteMonitor, RouteTarget,
        VirtualRouter,
    },
};

/// More destinations than this are not asked for one route.
const MOST_DESTINATIONS: usize = 8;

pub(super) fn routes(
    root: &View<'_>,
    addresses: &Addresses,
    interfaces: &[Interface],
    routers: &[VirtualRouter],
    report: &mut Report<'_>,
) -> Vec<Route> {
    let names: Vec<String> = routers.iter().map(|router| router.name.clone()).collect();
    let addresses_of = |interface: &Interface| {
        let router = interface.virtual_router.unwrap_or(0);
        interface.addresses.iter().map(|own| (router, own.address)).collect::<Vec<_>>()
    };
    let hosts: BTreeSet<(usize, IpAddr)> = interfaces.iter().flat_map(addresses_of).collect();
    let mut routes = Vec::new();
    for (own, (_, entry)) in root.at(&["network", "virtual-router"]).entries().into_iter().enumerate() {
        for is_ipv6 in [false, true] {
            let reader = Reader { addresses, interfaces, routers: &names, hosts: &hosts, own, is_ipv6 };
            let family = if is_ipv6 { "ipv6" } else { "ip" };
            let distances = entry.below("admin-dists");
            let usual = distances.below(if is_ipv6 { "static-ipv6" } else { "static" }).number();
            let mut found = Vec::new();
            for (name, entry) in entry.at(&["routing-table", family, "static-route"]).entries() {
                found.extend(reader.route(name, &entry, usual.unwrap_or(10), report));
            }
            // Of equal routes the first counts, unless several share the sessions.
            found.sort_by_key(|route| (route.distance, route.metric));
            routes.extend(found);
        }
    }
    routes
}

struct Reader<'a> {
    addresses: &'a Addresses,
    interfaces: &'a [Interface],
    /// The names of the virtual routers.
    routers: &'a [String],
    /// The addresses of the device, by virtual router.
    hosts: &'a BTreeSet<(usize, IpAddr)>,
    /// The place of the routes' own virtual router.
    own: usize,
    is_ipv6: bool,
}

impl Reader<'_> {
    fn route(
        &self,
        name: &str,
        entry: &View<'_>,
        usual_distance: u32,
        report: &mut Report<'_>,
    ) -> Option<Route> {
        let view = entry.below("destination");
        let Some(value) = view.value() else {
            entry.gap(report, entry.line(), Problem::Incomplete { what: "a route needs a `destination`" });
            return None;
        };
        let prefix = self.addresses.prefix(value.text)?;
        let destination = family(&view, value, prefix, self.is_ipv6, report)?;
        let next_hop = self.next_hop(entry, report)?;
        let path_monitor = self.path_monitor(&entry.below("path-monitor"), next_hop, report);
        let is_idle =
            ["route-table", "option"].into_iter().any(|word| entry.at(&[word, "no-install"]).exists());
        let distance = entry.below("admin-dist").number().unwrap_or(usual_distance);
        let metric = entry.below("metric").number();
        (!is_idle).then(|| Route {
            name: name.into(),
            virtual_router: self.own,
            destination,
            next_hop,
            distance: u8::try_from(distance).unwrap_or(u8::MAX),
            metric: metric.and_then(|metric| u16::try_from(metric).ok()).unwrap_or(10),
            path_monitor,
        })
    }

    fn next_hop(&self, entry: &View<'_>, report: &mut Report<'_>) -> Option<RouteTarget> {
        let hops = entry.below("nexthop");
        let gateway = hops.below(if self.is_ipv6 { "ipv6-address" } else { "ip-address" });
        let (discard, other) = (hops.below("discard"), hops.below("next-vr"));
        let mut used = [&gateway, &discard, &other].into_iter().filter(|view| view.exists());
        if let (Some(_), Some(second)) = (used.next(), used.next()) {
            let what = "a route has one `nexthop`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
            return None;
        }
        if discard.exists() {
            return Some(RouteTarget::Discard);
        }
        if let Some(value) = other.value() {
            let place = router(&other, value, self.routers, report)?;
            if place == self.own {
                let what = format!("`{}` is the route's own virtual router", value.text);
                other.gap(report, value.line, Problem::Conflict { what });
                return None;
            }
            return Some(RouteTarget::Router(place));
        }
        let view = entry.below("interface");
        let interface = match view.value() {
            Some(value) => Some(self.interface(&view, value, report)?),
            None => None,
        };
        match (gateway.value(), interface) {
            (Some(value), interface) => self.gateway(&gateway, value, interface, report),
            (None, Some(interface)) => Some(RouteTarget::Interface(interface)),
            (None, None) => {
                let what = "a route needs an `interface`, or a `nexthop` in an interface's network";
                entry.gap(report, entry.line(), Problem::Incomplete { what });
                None
            }
        }
    }

    /// An interface of the route's own virtual router.
    fn interface(&self, view: &View<'_>, value: Value<'_>, report: &mut Report<'_>) -> Option<usize> {
        let place = routed(view, value, self.interfaces, report)?;
        if self.is_own(place) {
            return Some(place);
        }
        let what = format!("`{}` belongs to another virtual router", value.text);
        view.gap(report, value.line, Problem::Conflict { what });
        None
    }

    fn gateway(
        &self,
        view: &View<'_>,
        value: Value<'_>,
        interface: Option<usize>,
        report: &mut Report<'_>,
    ) -> Option<RouteTarget> {
        let address = self.one_address(view, value, report)?;
        let places = interface.map_or(0..self.interfaces.len(), |own| own..own + 1);
        let connected = places
            .filter(|place| self.is_own(*place))
            .filter_map(|place| Some((self.longest_network(place, address)?, place)));
        // Of two equal prefixes the first counts, as in forwarding.
        let nearest = connected.rev().max_by_key(|(length, _)| *length).map(|(_, place)| place);
        if self.hosts.contains(&(self.own, address)) {
            let what = format!("the next hop `{}` is an address of this device", value.text);
            view.gap(report, value.line, Problem::Conflict { what });
            return None;
        }
        let is_link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        let place = match (nearest, interface) {
            (Some(place), _) => place,
            (None, Some(place)) if is_link_local || self.has_no_network(place) => place,
            (None, Some(place)) => {
                let name = self.interfaces.get(place).map_or("", |interface| interface.name.as_str());
                let what = format!("no network of `{name}` holds the next hop `{}`", value.text);
                view.gap(report, value.line, Problem::Conflict { what });
                return None;
            }
            (None, None) => {
                let what = format!("no interface's network holds the next hop `{}`", value.text);
                view.gap(report, value.line, Problem::Conflict { what });
                return None;
            }
        };
        Some(RouteTarget::Gateway { address, interface: place })
    }

    fn path_monitor(
        &self,
        view: &View<'_>,
        next_hop: RouteTarget,
        report: &mut Report<'_>,
    ) -> Option<RouteMonitor> {
        if !view.below("enable").is_yes() {
            return None;
        }
        let entries = view.below("monitor-destinations").entries();
        if entries.len() > MOST_DESTINATIONS {
            let what = format!("a route depends on at most {MOST_DESTINATIONS} destinations");
            view.gap(report, view.line(), Problem::Conflict { what });
        }
        let mut destinations = Vec::new();
        for (name, entry) in entries.into_iter().take(MOST_DESTINATIONS) {
            if entry.below("enable").is_yes() {
                destinations.extend(self.destination(name, &entry, next_hop, report));
            }
        }
        if destinations.is_empty() {
            let what = "a monitored route without destinations never goes";
            report.warn(view.line(), view.path(), Problem::Incomplete { what });
            return None;
        }
        let minutes = view.below("hold-time").number().unwrap_or(2);
        Some(RouteMonitor {
            failure_condition: match view.below("failure-condition").word().as_str() {
                "all" => FailureCondition::All,
                _ => FailureCondition::Any,
            },
            hold_time: minutes * 60,
            destinations,
        })
    }

    fn destination(
        &self,
        name: &str,
        entry: &View<'_>,
        next_hop: RouteTarget,
        report: &mut Report<'_>,
    ) -> Option<MonitoredDestination> {
        let view = entry.below("destination");
        let Some(value) = view.value() else {
            let what = "a monitored destination needs a `destination`";
            entry.gap(report, entry.line(), Problem::Incomplete { what });
            return None;
        };
        let destination = self.one_address(&view, value, report)?;
        let interface = match next_hop {
            RouteTarget::Gateway { interface, .. } | RouteTarget::Interface(interface) => {
                self.interfaces.get(interface)
            }
            RouteTarget::Router(_) | RouteTarget::Discard => None,
        };
        let view = entry.below("source");
        let wanted = match view.value() {
            Some(value) => Some(self.one_address(&view, value, report)?),
            None => None,
        };
        let mut own = interface.into_iter().flat_map(|interface| &interface.addresses);
        let source = own.find(|own| match wanted {
            Some(wanted) => own.address == wanted,
            None => own.address.is_ipv6() == self.is_ipv6,
        });
        if let (Some(value), None) = (view.value(), source) {
            let what = format!("`{}` is no address of the route's interface", value.text);
            view.gap(report, value.line, Problem::Conflict { what });
            return None;
        }
        let number =
            |word: &'static str| entry.below(word).number().and_then(|number| u8::try_from(number).ok());
        Some(MonitoredDestination {
            name: name.into(),
            source: source.map(|prefix| prefix.address),
            destination,
            interval: number("interval").unwrap_or(3),
            count: number("count").unwrap_or(5),
        })
    }

    fn one_address(&self, view: &View<'_>, value: Value<'_>, report: &mut Report<'_>) -> Option<IpAddr> {
        let Some(prefix) = self.addresses.prefix(value.text) else {
            self.addresses.unknown(view, value, report);
            return None;
        };
        family(view, value, prefix, self.is_ipv6, report).map(|prefix| prefix.address)
    }

    fn longest_network(&self, place: usize, address: IpAddr) -> Option<u8> {
        let networks = self.interfaces.get(place).into_iter().flat_map(|interface| &interface.addresses);
        networks.filter(|own| own.contains(address)).map(|own| own.length).max()
    }

    fn has_no_network(&self, place: usize) -> bool {
        let interface = self.interfaces.get(place);
        let is_of_family = |prefix: &Prefix| prefix.address.is_ipv6() == self.is_ipv6;
        interface.is_some_and(|interface| !interface.addresses.iter().any(is_of_family))
    }

    fn is_own(&self, place: usize) -> bool {
        self.interfaces.get(place).is_some_and(|interface| interface.virtual_router.unwrap_or(0) == self.own)
    }
}
