//! Interfaces and zones.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    vec::Vec,
};

use super::{Value, View, addresses::Addresses};
use crate::{
    Config, Problem,
    parse::Report,
    typed::{Interface, InterfaceKind, Prefix, Zone},
};

pub(super) fn interfaces<'a>(
    root: &View<'a>,
    addresses: &'a Addresses,
    report: &mut Report<'_>,
) -> Vec<Interface> {
    let profiles = root.at(&["network", "profiles", "interface-management-profile"]).entries();
    let profiles = profiles.into_iter().map(|(name, _)| name).collect();
    let mut reader = Reader { addresses, profiles, found: Vec::new(), idle: BTreeSet::new() };
    let network = root.at(&["network", "interface"]);
    for (name, entry) in network.below("ethernet").entries() {
        reader.ethernet(name, &entry, report);
    }
    for (name, entry) in network.below("aggregate-ethernet").entries() {
        let layer3 = entry.below("layer3");
        reader.add(name, InterfaceKind::Layer3, None, &layer3, report);
        reader.units(name, InterfaceKind::Layer3, &layer3.below("units"), report);
    }
    for (name, kind) in [
        ("loopback", InterfaceKind::Loopback),
        ("vlan", InterfaceKind::Layer3),
        ("tunnel", InterfaceKind::Tunnel),
    ] {
        let view = network.below(name);
        if view.below("ip").exists() {
            reader.add(name, kind, None, &view, report);
        }
        reader.units(name, kind, &view.below("units"), report);
    }
    let Reader { found, idle, .. } = reader;
    let members = root.at(&["import", "network", "interface"]);
    for value in members.values().into_iter().filter(|value| !idle.contains(value.text)) {
        interface(&members, value, &found, report);
    }
    found
}

struct Reader<'a> {
    addresses: &'a Addresses,
    /// Management profiles.
    profiles: BTreeSet<&'a str>,
    found: Vec<Interface>,
    /// Interfaces that are there, but carry no traffic.
    idle: BTreeSet<&'a str>,
}

impl<'a> Reader<'a> {
    fn ethernet(&mut self, name: &'a str, entry: &View<'_>, report: &mut Report<'_>) {
        let kinds = ["layer3", "tap", "virtual-wire", "ha"].map(|kind| entry.below(kind));
        let mut used = kinds.iter().filter(|view| view.exists());
        if let (Some(_), Some(second)) = (used.next(), used.next()) {
            let what = "an interface is one of `layer3`, `tap`, `virtual-wire` and `ha`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
        }
        let [layer3, tap, wire, other_device] = &kinds;
        let state = entry.below("link-state");
        if state.word() == "down" {
            let what = "not supported: an interface that is down; leave it out of its zone".into();
            state.gap(report, state.line(), Problem::Conflict { what });
        }
        if other_device.exists() {
            self.idle.insert(name);
            return;
        }
        let kind = if tap.exists() {
            InterfaceKind::Tap
        } else if wire.exists() {
            InterfaceKind::VirtualWire
        } else {
            InterfaceKind::Layer3
        };
        self.add(name, kind, None, layer3, report);
        self.units(name, InterfaceKind::Layer3, &layer3.below("units"), report);
    }

    /// The units of the interface `parent`. Those of interfaces with a wire know their frames by a tag of
    /// their own.
    fn units(&mut self, parent: &str, kind: InterfaceKind, units: &View<'_>, report: &mut Report<'_>) {
        let has_tags = !matches!(parent, "loopback" | "vlan" | "tunnel");
        let mut used: BTreeMap<u16, &str> = BTreeMap::new();
        for (name, entry) in units.entries() {
            if name.rsplit_once('.').is_none_or(|(before, _)| before != parent) {
                let what = format!("a unit of `{parent}` is called `{parent}.NUMBER`");
                entry.gap(report, entry.line(), Problem::Conflict { what });
                continue;
            }
            let tag = entry.below("tag").number().and_then(|tag| u16::try_from(tag).ok());
            match tag {
                None if has_tags => {
                    let what = "a unit without a `tag` gets no frames";
                    report.warn(entry.line(), entry.path(), Problem::Incomplete { what });
                }
                Some(tag) => {
                    if let Some(other) = used.insert(tag, name) {
                        let what = format!("`{other}` has the tag {tag} already");
                        entry.gap(report, entry.below("tag").line(), Problem::Conflict { what });
                        continue;
                    }
                }
                None => {}
            }
            self.add(name, kind, tag, &entry, report);
        }
    }

    /// An interface whose addresses stand at `view`.
    fn add(
        &mut self,
        name: &str,
        kind: InterfaceKind,
        tag: Option<u16>,
        view: &View<'_>,
        report: &mut Report<'_>,
    ) {
        let mut addresses = Vec::new();
        let (four, six) = (view.below("ip"), view.at(&["ipv6", "address"]));
        for value in four.values() {
            addresses.extend(self.address(&four, value, false, report));
        }
        if view.at(&["ipv6", "enabled"]).value().is_none_or(|value| value.text == "yes") {
            for value in six.values() {
                addresses.extend(self.address(&six, value, true, report));
            }
        }
        let profile = view.below("interface-management-profile");
        if let Some(value) = profile.value().filter(|value| !self.profiles.contains(value.text)) {
            profile.unknown(report, "management profile", value, self.profiles.iter().copied());
        }
        self.found.push(Interface { name: name.into(), kind, tag, addresses, ..Interface::default() });
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
        family(view, value, prefix, is_ipv6, report)
    }
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

pub(super) fn zones(root: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> Vec<Zone> {
    let profiles = root.at(&["network", "profiles", "zone-protection-profile"]).entries();
    let mut zones: Vec<Zone> = Vec::new();
    for (name, entry) in root.below("zone").entries() {
        if entry.is_reserved(name, report) {
            continue;
        }
        let network = entry.below("network");
        let mut zone = Zone { name: name.into(), ..Zone::default() };
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
    let differs = |setting: &'static str, on: &str| {
        let word = profile.below(setting).word();
        if word == "global" { None } else { Some(word == on) }
    };
    zone.tcp_reject_non_syn = differs("tcp-reject-non-syn", "yes");
    zone.asymmetric_path_bypass = differs("asymmetric-path", "bypass");
}

/// A zone without user identification knows no users: rules that name some would not hold for it.
pub(super) fn check_users(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    for (name, entry) in root.below("zone").entries() {
        let view = entry.below("enable-user-identification");
        let is_off = view.value().is_some_and(|value| value.text == "no");
        let Some(zone) = config.zones.iter().position(|zone| zone.name == name) else { continue };
        let names_users = |rule: &&crate::typed::SecurityRule| {
            !rule.source_user.is_empty() && (rule.from.is_empty() || rule.from.contains(&zone))
        };
        if is_off && let Some(rule) = config.rules.iter().find(names_users) {
            let what = format!(
                "not supported: a zone without user identification that rule `{}` asks for users of",
                rule.name
            );
            view.gap(report, view.line(), Problem::Conflict { what });
        }
    }
}
