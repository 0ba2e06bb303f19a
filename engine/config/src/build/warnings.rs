//! What is no mistake, but probably not what was meant.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_catalog as catalog;
use bifrons_model::AppId;

use super::{View, interfaces::is_routed, pair_warnings, routers::view_of};
use crate::{
    Config, Problem,
    parse::Report,
    schema::range_of,
    typed::{InterfaceKind, PortPattern, Prefix, Route, RouteTarget},
};

pub(super) fn warn(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    without_zone(root, config, report);
    not_of_a_host(root, config, report);
    without_wire(root, config, report);
    rounds(root, config, report);
    late_applications(root, config, report);
    pair_warnings::warn(root, config, report);
}

/// Nothing is allowed by an interface without a zone.
fn without_zone(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    let zoned: BTreeSet<usize> = config.zones.iter().flat_map(|zone| &zone.interfaces).copied().collect();
    for (place, interface) in config.interfaces.iter().enumerate() {
        let carries = is_routed(interface.kind) && !interface.addresses.is_empty();
        if zoned.contains(&place) || !carries {
            continue;
        }
        if let Some(view) = view_of(root, &interface.name) {
            let what = "the interface belongs to no zone: no rule allows what comes in by it";
            report.warn(view.line(), view.path(), Problem::Incomplete { what });
        }
    }
}

/// An IPv4 network's first address names it, its last one all of its hosts.
fn not_of_a_host(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    for interface in &config.interfaces {
        for own in interface.addresses.iter().filter(|own| own.address.is_ipv4() && own.length < 31) {
            let range = range_of(*own);
            let what = match own.address {
                address if address == range.first => "names the network itself",
                address if address == range.last => "is for all hosts of the network",
                _ => continue,
            };
            if let Some(view) = view_of(root, &interface.name).map(|view| view.below("ip")) {
                let what = format!("{}/{} {what}, and should not be of one host", own.address, own.length);
                report.warn(view.line(), view.path(), Problem::Conflict { what });
            }
        }
    }
}

/// What comes in by one end of no wire leaves by no other.
fn without_wire(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    let wired: BTreeSet<usize> = config.virtual_wires.iter().flat_map(|wire| wire.interfaces).collect();
    let parents: BTreeSet<usize> = config.interfaces.iter().filter_map(|unit| unit.parent).collect();
    for (place, interface) in config.interfaces.iter().enumerate() {
        let is_alone = !wired.contains(&place) && !parents.contains(&place);
        if interface.kind != InterfaceKind::VirtualWire || !is_alone {
            continue;
        }
        let wires = root.at(&["network", "virtual-wire"]);
        let what = format!("`{}` is an end of no wire: what comes in by it is dropped", interface.name);
        report.warn(wires.line(), wires.path(), Problem::Conflict { what });
    }
}

/// A forwarding rule is asked with a session's first packet, which shows an application only where the IP
/// protocol or the kind of ICMP message does.
fn late_applications(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    const NAMED: usize = 3;
    let entries = root.at(&["rulebase", "pbf", "rules"]).entries();
    for (rule, (_, entry)) in config.forwarding_rules.iter().zip(entries) {
        let listed = &rule.application;
        let late: Vec<&str> = listed.iter().filter_map(|app| late_name(config, *app)).collect();
        if rule.disabled || late.is_empty() {
            continue;
        }
        let named = late.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let others = late.len().saturating_sub(NAMED);
        let more = if others > 0 { format!(" and {others} more") } else { String::new() };
        let end = if late.len() == listed.len() { ": the rule is for no session" } else { "" };
        let what = format!(
            "a session's first packet, which is all that the rule sees, does not show {named}{more}{end}"
        );
        let view = entry.below("application");
        report.warn(view.line(), view.path(), Problem::Conflict { what });
    }
}

/// The name of an application that a first packet cannot show.
fn late_name(config: &Config, app: AppId) -> Option<&str> {
    let Some(place) = app.0.checked_sub(catalog::CUSTOM_FIRST) else {
        let known = catalog::application(app);
        let shows = known.ports.iter().any(|port| matches!(port, catalog::Port::Protocol(_)));
        return (!shows && app != catalog::app::UNKNOWN_IP).then_some(known.name);
    };
    let own = config.applications.get(usize::from(place))?;
    let shows = own.ports.iter().any(|port| match port {
        PortPattern::Protocol(_) | PortPattern::Icmp(..) | PortPattern::Icmp6(..) => true,
        PortPattern::Tcp(..) | PortPattern::Udp(..) => false,
    });
    (!shows).then_some(&own.name)
}

/// Routes that lead through other virtual routers and back: a packet would go round until it is dropped.
fn rounds(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    let leads_on = |route: &&Route| matches!(route.next_hop, RouteTarget::Router(_));
    if !config.routes.iter().any(|route| leads_on(&route)) {
        return;
    }
    let table = Table::new(config);
    for route in config.routes.iter().filter(leads_on) {
        let (mut seen, mut at) = (BTreeSet::new(), Some(route.virtual_router));
        while let Some(router) = at.filter(|router| seen.insert(*router)) {
            at = table.next_router(router, route.destination);
        }
        if at.is_some()
            && let Some(view) = view_of_route(root, config, route)
        {
            let what = format!(
                "packets to {}/{} that no better route leads out go round in the virtual routers and are \
                 lost",
                route.destination.address, route.destination.length
            );
            report.warn(view.line(), view.path(), Problem::Conflict { what });
        }
    }
}

/// The networks of each virtual router, and the virtual router that each leads to.
struct Table {
    networks: BTreeMap<(usize, IpAddr, u8), Option<usize>>,
}

impl Table {
    fn new(config: &Config) -> Self {
        let mut networks = BTreeMap::new();
        let key = |router: usize, prefix: Prefix| (router, range_of(prefix).first, prefix.length);
        for interface in &config.interfaces {
            for own in &interface.addresses {
                networks.insert(key(interface.virtual_router.unwrap_or(0), *own), None);
            }
        }
        for route in &config.routes {
            let next = match route.next_hop {
                RouteTarget::Router(next) => Some(next),
                RouteTarget::Gateway { .. } | RouteTarget::Interface(_) | RouteTarget::Discard => None,
            };
            // Connected networks, and of equal routes the first, are the better.
            networks.entry(key(route.virtual_router, route.destination)).or_insert(next);
        }
        Self { networks }
    }

    /// The virtual router that the longest prefix around the whole of `network` leads to.
    fn next_router(&self, router: usize, network: Prefix) -> Option<usize> {
        let mut around = (0..=network.length).rev().filter_map(|length| {
            let first = range_of(Prefix { length, ..network }).first;
            self.networks.get(&(router, first, length))
        });
        around.next().copied().flatten()
    }
}

fn view_of_route<'a>(root: &View<'a>, config: &Config, route: &Route) -> Option<View<'a>> {
    let family = match route.destination.address {
        IpAddr::V4(_) => "ip",
        IpAddr::V6(_) => "ipv6",
    };
    let name = &config.virtual_routers.get(route.virtual_router)?.name;
    let routers = root.at(&["network", "virtual-router"]).entries();
    let (_, router) = routers.into_iter().find(|(own, _)| own == name)?;
    let routes = router.at(&["routing-table", family, "static-route"]).entries();
    routes.into_iter().find(|(own, _)| *own == route.name).map(|(_, entry)| entry)
}
