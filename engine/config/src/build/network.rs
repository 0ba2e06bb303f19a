//! Wires and zones: what interfaces belong to.

use alloc::{format, vec::Vec};

use super::{Value, View, interfaces::interface};
use crate::{
    Config, Problem,
    parse::Report,
    schema::parse_vlan_tags,
    typed::{Interface, InterfaceKind, VirtualWire, Zone},
};

pub(super) fn wires(root: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> Vec<VirtualWire> {
    let mut wires: Vec<VirtualWire> = Vec::new();
    for (name, entry) in root.at(&["network", "virtual-wire"]).entries() {
        let mut ends = Vec::new();
        for word in ["interface1", "interface2"] {
            let view = entry.below(word);
            match view.value() {
                Some(value) => ends.extend(end(&view, value, interfaces, &wires, report)),
                None => {
                    let what = "a wire has two ends, `interface1` and `interface2`";
                    entry.gap(report, entry.line(), Problem::Incomplete { what });
                    break;
                }
            }
        }
        let [one, other] = ends.as_slice() else { continue };
        if one == other {
            let what = "the two ends of a wire are two interfaces".into();
            entry.gap(report, entry.line(), Problem::Conflict { what });
            continue;
        }
        wires.push(VirtualWire {
            name: name.into(),
            interfaces: [*one, *other],
            tags: parse_vlan_tags(&entry.below("tag-allowed").word()).unwrap_or_default(),
            multicast_firewalling: entry.at(&["multicast-firewalling", "enable"]).is_yes(),
            link_state_pass_through: entry.at(&["link-state-pass-through", "enable"]).is_yes(),
        });
    }
    wires
}

/// The interface that the value names, if it can be an end of a further wire.
fn end(
    view: &View<'_>,
    value: Value<'_>,
    interfaces: &[Interface],
    wires: &[VirtualWire],
    report: &mut Report<'_>,
) -> Option<usize> {
    let place = interface(view, value, interfaces, report)?;
    if interfaces.get(place).is_some_and(|interface| interface.kind != InterfaceKind::VirtualWire) {
        let what = format!("`{}` is no `virtual-wire` interface", value.text);
        view.gap(report, value.line, Problem::Conflict { what });
        return None;
    }
    if let Some(other) = wires.iter().find(|wire| wire.interfaces.contains(&place)) {
        let what = format!("`{}` is an end of the wire `{}` already", value.text, other.name);
        view.gap(report, value.line, Problem::Conflict { what });
        return None;
    }
    Some(place)
}

/// The kinds of interfaces that a zone may have.
const KINDS: [&str; 3] = ["layer3", "tap", "virtual-wire"];

fn fits(kind: InterfaceKind, word: &str) -> bool {
    match kind {
        InterfaceKind::Tap => word == "tap",
        InterfaceKind::VirtualWire => word == "virtual-wire",
        InterfaceKind::Layer3 | InterfaceKind::Loopback | InterfaceKind::Tunnel => word == "layer3",
        InterfaceKind::Ha => false,
    }
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
        let kinds = KINDS.map(|kind| network.below(kind));
        let mut used = kinds.iter().filter(|view| view.exists());
        if let (Some(_), Some(second)) = (used.next(), used.next()) {
            let what = "a zone has interfaces of one kind: `layer3`, `tap` or `virtual-wire`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
        }
        for (view, word) in kinds.iter().zip(KINDS) {
            for value in view.values() {
                let place = interface(view, value, interfaces, report);
                let Some(place) = place.filter(|place| !zone.interfaces.contains(place)) else { continue };
                let kind = interfaces.get(place).map(|interface| interface.kind);
                if kind.is_some_and(|kind| !fits(kind, word)) {
                    let what = format!("`{}` is no `{word}` interface", value.text);
                    view.gap(report, value.line, Problem::Conflict { what });
                } else if let Some(other) = zones.iter().find(|zone| zone.interfaces.contains(&place)) {
                    let what = format!("`{}` belongs to zone `{}` already", value.text, other.name);
                    view.gap(report, value.line, Problem::Conflict { what });
                } else {
                    zone.interfaces.push(place);
                }
            }
        }
        let view = network.below("zone-protection-profile");
        if let Some(value) = view.value() {
            match profiles.iter().enumerate().find(|(_, (name, _))| *name == value.text) {
                Some((place, (_, profile))) => {
                    zone.protection = Some(place);
                    protect(&mut zone, profile);
                }
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
