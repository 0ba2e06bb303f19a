//! Interfaces and their units.

use alloc::{collections::BTreeMap, format, vec::Vec};

use bifrons_model::MacAddress;

use super::{Value, View, addresses::Addresses};
use crate::{
    Problem,
    parse::Report,
    typed::{
        AdjustMss, Interface, InterfaceKind, Ipv6Settings, ManagementProfile, NdProxy, Prefix, StaticNeighbor,
    },
};

/// The least MTU of a link that carries IPv6 (RFC 8200, section 5).
const LEAST_IPV6_MTU: u16 = 1280;

pub(super) fn interfaces(
    root: &View<'_>,
    addresses: &Addresses,
    profiles: &[ManagementProfile],
    report: &mut Report<'_>,
) -> Vec<Interface> {
    let mut reader = Reader { addresses, profiles, found: Vec::new() };
    let network = root.at(&["network", "interface"]);
    for (name, entry) in network.below("ethernet").entries() {
        reader.ethernet(name, &entry, report);
    }
    for (name, entry) in network.below("aggregate-ethernet").entries() {
        let layer3 = entry.below("layer3");
        let place = reader.add(named(name, InterfaceKind::Layer3), &layer3, report);
        reader.units(Some(place), name, InterfaceKind::Layer3, &layer3.below("units"), report);
    }
    for (name, kind) in [
        ("loopback", InterfaceKind::Loopback),
        ("vlan", InterfaceKind::Layer3),
        ("tunnel", InterfaceKind::Tunnel),
    ] {
        let view = network.below(name);
        if view.below("ip").exists() || view.at(&["ipv6", "address"]).exists() {
            reader.add(named(name, kind), &view, report);
        }
        reader.units(None, name, kind, &view.below("units"), report);
    }
    let found = reader.found;
    let members = root.at(&["import", "network", "interface"]);
    for value in members.values() {
        interface(&members, value, &found, report);
    }
    found
}

fn named(name: &str, kind: InterfaceKind) -> Interface {
    Interface { name: name.into(), kind, ..Interface::default() }
}

struct Reader<'a> {
    addresses: &'a Addresses,
    profiles: &'a [ManagementProfile],
    found: Vec<Interface>,
}

impl Reader<'_> {
    fn ethernet(&mut self, name: &str, entry: &View<'_>, report: &mut Report<'_>) {
        let kinds = ["layer3", "tap", "virtual-wire", "ha"].map(|kind| entry.below(kind));
        let mut used = kinds.iter().filter(|view| view.exists());
        if let (Some(_), Some(second)) = (used.next(), used.next()) {
            let what = "an interface is one of `layer3`, `tap`, `virtual-wire` and `ha`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
        }
        let [layer3, tap, wire, other_device] = &kinds;
        let kind = if other_device.exists() {
            InterfaceKind::Ha
        } else if tap.exists() {
            InterfaceKind::Tap
        } else if wire.exists() {
            InterfaceKind::VirtualWire
        } else {
            InterfaceKind::Layer3
        };
        let link_up = entry.below("link-state").word() != "down";
        let place = self.add(Interface { link_up, ..named(name, kind) }, layer3, report);
        self.units(Some(place), name, InterfaceKind::Layer3, &layer3.below("units"), report);
        self.units(Some(place), name, InterfaceKind::VirtualWire, &wire.below("units"), report);
    }

    /// The units of the interface `name`. Those of interfaces with a wire, which stand at `parent`, know
    /// their frames by a tag of their own.
    fn units(
        &mut self,
        parent: Option<usize>,
        name: &str,
        kind: InterfaceKind,
        units: &View<'_>,
        report: &mut Report<'_>,
    ) {
        let mut used: BTreeMap<u16, &str> = BTreeMap::new();
        for (unit, entry) in units.entries() {
            if unit.rsplit_once('.').is_none_or(|(before, _)| before != name) {
                let what = format!("a unit of `{name}` is called `{name}.NUMBER`");
                entry.gap(report, entry.line(), Problem::Conflict { what });
                continue;
            }
            let tag = entry.below("tag").number().and_then(|tag| u16::try_from(tag).ok());
            match tag {
                None if parent.is_some() => {
                    let what = "a unit without a `tag` gets no frames";
                    report.warn(entry.line(), entry.path(), Problem::Incomplete { what });
                }
                Some(tag) => {
                    if let Some(other) = used.insert(tag, unit) {
                        let what = format!("`{other}` has the tag {tag} already");
                        entry.gap(report, entry.below("tag").line(), Problem::Conflict { what });
                        continue;
                    }
                }
                None => {}
            }
            let above = parent.and_then(|parent| self.found.get(parent));
            let (link_up, mtu) = above.map_or((true, 1500), |above| (above.link_up, above.mtu));
            let new = Interface { tag, parent, link_up, mtu, ..named(unit, kind) };
            self.add(new, &entry, report);
        }
    }

    /// An interface whose settings stand at `view`; its place.
    fn add(&mut self, new: Interface, view: &View<'_>, report: &mut Report<'_>) -> usize {
        let place = self.found.len();
        let ipv6 = ipv6_settings(&view.below("ipv6"));
        let mut addresses = Vec::new();
        let (four, six) = (view.below("ip"), view.at(&["ipv6", "address"]));
        for value in four.values() {
            addresses.extend(self.address(&four, value, false, report));
        }
        if ipv6.enabled {
            for value in six.values() {
                addresses.extend(self.address(&six, value, true, report));
            }
        }
        let mut neighbors = Vec::new();
        self.neighbors(&view.below("arp"), false, &mut neighbors, report);
        self.neighbors(&view.at(&["ipv6", "neighbor-discovery", "neighbor"]), true, &mut neighbors, report);
        let mut mtu = small(&view.below("mtu")).unwrap_or(new.mtu);
        if mtu < LEAST_IPV6_MTU && addresses.iter().any(|own| own.address.is_ipv6()) {
            let own = view.below("mtu");
            let at = if own.exists() { own } else { six };
            let what =
                format!("an interface with IPv6 needs an `mtu` of at least {LEAST_IPV6_MTU}, not {mtu}");
            at.gap(report, at.line(), Problem::Conflict { what });
            mtu = LEAST_IPV6_MTU;
        }
        self.check_mtu(&new, mtu, view, report);
        let management_profile = self.profile(&view.below("interface-management-profile"), report);
        self.found.push(Interface {
            addresses,
            mtu,
            adjust_mss: adjust_mss(&view.below("adjust-tcp-mss")),
            management_profile,
            ipv6,
            neighbors,
            nd_proxy: self.nd_proxy(&view.below("ndp-proxy"), report),
            ..new
        });
        place
    }

    /// What a unit may send, its interface must be able to carry.
    fn check_mtu(&self, unit: &Interface, mtu: u16, view: &View<'_>, report: &mut Report<'_>) {
        let above = unit.parent.and_then(|parent| self.found.get(parent));
        if let Some(above) = above.filter(|above| above.mtu < mtu) {
            let own = view.below("mtu");
            let what =
                format!("packets of {mtu} bytes do not fit the `mtu` {} of `{}`", above.mtu, above.name);
            report.warn(own.line(), own.path(), Problem::Conflict { what });
        }
    }

    fn address(
        &self,
        view: &View<'_>,
        value: Value<'_>,
        is_ipv6: bool,
        report: &mut Report<'_>,
    ) -> Option<Prefix> {
        let Some(prefix) = self.addresses.prefix(value.text) else {
            self.addresses.unknown(view, value, report);
            return None;
        };
        let prefix = family(view, value, prefix, is_ipv6, report)?;
        if prefix.address.is_multicast() || prefix.address.is_unspecified() {
            let what = format!("`{}` is no address of one host", value.text);
            view.gap(report, value.line, Problem::Conflict { what });
            return None;
        }
        Some(prefix)
    }

    fn neighbors(
        &self,
        view: &View<'_>,
        is_ipv6: bool,
        neighbors: &mut Vec<StaticNeighbor>,
        report: &mut Report<'_>,
    ) {
        for (text, entry) in view.entries() {
            let Some(mac) =
                entry.below("hw-address").value().and_then(|value| MacAddress::from_text(value.text))
            else {
                let what = "a neighbor needs a `hw-address`";
                entry.gap(report, entry.line(), Problem::Incomplete { what });
                continue;
            };
            let value = Value { text, line: entry.line() };
            let Some(prefix) = self.addresses.prefix(text) else { continue };
            let Some(prefix) = family(&entry, value, prefix, is_ipv6, report) else { continue };
            if mac.is_multicast() {
                let what = format!("`{mac}` is the Ethernet address of a group, not of one station");
                let at = entry.below("hw-address");
                at.gap(report, at.line(), Problem::Conflict { what });
                continue;
            }
            neighbors.push(StaticNeighbor { address: prefix.address, mac });
        }
    }

    fn profile(&self, view: &View<'_>, report: &mut Report<'_>) -> Option<usize> {
        let value = view.value()?;
        let place = self.profiles.iter().position(|profile| profile.name == value.text);
        if place.is_none() {
            let known = self.profiles.iter().map(|profile| profile.name.as_str());
            view.unknown(report, "management profile", value, known);
        }
        place
    }

    fn nd_proxy(&self, view: &View<'_>, report: &mut Report<'_>) -> Option<NdProxy> {
        let mut proxy = NdProxy::default();
        let addresses = view.below("address");
        for (text, entry) in addresses.entries() {
            let ranges =
                if entry.below("negate").is_yes() { &mut proxy.except } else { &mut proxy.addresses };
            self.addresses.add(&entry, Value { text, line: entry.line() }, ranges, report);
        }
        view.below("enabled").is_yes().then_some(proxy)
    }
}

fn small(view: &View<'_>) -> Option<u16> {
    view.number().and_then(|number| u16::try_from(number).ok())
}

fn ipv6_settings(view: &View<'_>) -> Ipv6Settings {
    let usual = Ipv6Settings::default();
    let discovery = view.below("neighbor-discovery");
    let attempts = small(&discovery.below("dad-attempts")).and_then(|number| u8::try_from(number).ok());
    let is_dad_off = discovery.below("enable-dad").value().is_some_and(|value| value.text == "no");
    Ipv6Settings {
        enabled: view.below("enabled").value().is_none_or(|value| value.text == "yes"),
        dad_attempts: if is_dad_off { 0 } else { attempts.unwrap_or(usual.dad_attempts) },
        ns_interval: small(&discovery.below("ns-interval")).unwrap_or(usual.ns_interval),
        reachable_time: small(&discovery.below("reachable-time")).unwrap_or(usual.reachable_time),
    }
}

fn adjust_mss(view: &View<'_>) -> Option<AdjustMss> {
    let usual = AdjustMss::default();
    view.below("enable").is_yes().then(|| AdjustMss {
        ipv4: small(&view.below("ipv4-mss-adjustment")).unwrap_or(usual.ipv4),
        ipv6: small(&view.below("ipv6-mss-adjustment")).unwrap_or(usual.ipv6),
    })
}

/// The prefix, if it is of the family that stands in the path.
pub(super) fn family(
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

/// The place of the interface that the value names.
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

/// The place of the interface that the value names, if it routes.
pub(super) fn routed(
    view: &View<'_>,
    value: Value<'_>,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> Option<usize> {
    let place = interface(view, value, interfaces, report)?;
    if interfaces.get(place).is_some_and(|interface| is_routed(interface.kind)) {
        return Some(place);
    }
    let what =
        format!("`{}` does not route: it is an end of a wire, or leads to the other device", value.text);
    view.gap(report, value.line, Problem::Conflict { what });
    None
}

/// Whether routes may lead to such an interface. Those to a tap say in which zone the servers are.
pub(super) fn is_routed(kind: InterfaceKind) -> bool {
    match kind {
        InterfaceKind::Layer3 | InterfaceKind::Loopback | InterfaceKind::Tunnel | InterfaceKind::Tap => true,
        InterfaceKind::VirtualWire | InterfaceKind::Ha => false,
    }
}
