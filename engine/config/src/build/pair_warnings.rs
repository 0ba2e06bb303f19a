//! What a pair is probably not meant to be.

use alloc::{collections::BTreeMap, format, string::String};
use core::net::IpAddr;

use bifrons_wire::HA3_OVERHEAD;

use super::View;
use crate::{
    Config, Problem,
    parse::Report,
    typed::{
        ActiveActive, AddressHolder, HaMode, InterfaceKind, PathGroup, PathThrough, RouteTarget,
        SessionOwner, SessionSetup, VirtualAddress,
    },
};

/// The Ethernet header of a frame that goes over HA3 as a whole, with a VLAN tag.
const ETHERNET: usize = 18;
const RECOMMENDED: &str = "owner `first-packet` with session setup `ip-modulo` is recommended";

pub(super) fn warn(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    let pair = &config.high_availability;
    if !pair.enabled {
        return;
    }
    unwatched_paths(root, config, report);
    let HaMode::ActiveActive(mode) = &pair.mode else { return };
    let view = root.at(&["deviceconfig", "high-availability", "group", "mode", "active-active"]);
    ownership(mode, &view, report);
    shared_by_primary(mode, config, &view, report);
    behind_a_router(mode, config, &view, report);
    link(mode, root, config, report);
    interface_translation(mode, root, config, report);
}

fn tell(view: &View<'_>, what: String, report: &mut Report<'_>) {
    report.warn(view.line(), view.path(), Problem::Conflict { what });
}

/// Path groups that are to be watched and through which nothing is sent.
fn unwatched_paths(root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    let paths = &config.high_availability.path_monitoring;
    let has_router = |name: &str| config.virtual_routers.iter().any(|router| router.name == name);
    let is_unwatched = |group: &PathGroup| match group.through {
        PathThrough::VirtualWire | PathThrough::Vlan => true,
        PathThrough::VirtualRouter | PathThrough::LogicalRouter => !has_router(&group.name),
    };
    if paths.enabled && paths.groups.iter().any(|group| group.enabled && is_unwatched(group)) {
        let view = root.at(&["deviceconfig", "high-availability", "group", "monitoring", "path-monitoring"]);
        tell(
            &view,
            "path groups of other things than virtual routers are not pinged, so none of them fails".into(),
            report,
        );
    }
}

/// Another choice of owner and setup device than the recommended one.
fn ownership(mode: &ActiveActive, view: &View<'_>, report: &mut Report<'_>) {
    let why = match mode.session_owner {
        SessionOwner::FirstPacket(SessionSetup::IpModulo) => return,
        SessionOwner::PrimaryDevice => {
            "here the active-primary device works for both, and what comes to the other one goes over HA3"
        }
        SessionOwner::FirstPacket(SessionSetup::PrimaryDevice) => {
            "here the active-primary device sets up the sessions of both"
        }
        SessionOwner::FirstPacket(SessionSetup::FirstPacket) => {
            "here a device that gets more sessions than the other one sets up more too"
        }
        SessionOwner::FirstPacket(SessionSetup::IpHash { .. }) => {
            "a hash divides better only where the addresses' parities are uneven"
        }
    };
    tell(&view.below("session-owner-selection"), format!("{RECOMMENDED}: {why}"), report);
}

/// Hosts are divided between two devices of which one does the work.
fn shared_by_primary(mode: &ActiveActive, config: &Config, view: &View<'_>, report: &mut Report<'_>) {
    let what = match mode.session_owner {
        SessionOwner::PrimaryDevice => "own",
        SessionOwner::FirstPacket(SessionSetup::PrimaryDevice) => "set up",
        SessionOwner::FirstPacket(
            SessionSetup::FirstPacket | SessionSetup::IpModulo | SessionSetup::IpHash { .. },
        ) => return,
    };
    for (name, _) in shared(mode, config) {
        let what = format!(
            "`arp-load-sharing` divides the hosts between the devices, but the active-primary device is to \
             {what} every session: those of the other device's hosts go over HA3"
        );
        tell(&of_interface(view, name), what, report);
    }
}

/// A router asks for itself, not for each of the hosts behind it.
fn behind_a_router(mode: &ActiveActive, config: &Config, view: &View<'_>, report: &mut Report<'_>) {
    for (name, place) in shared(mode, config) {
        let led = config.routes.iter().find_map(|route| match route.next_hop {
            RouteTarget::Gateway { address, interface } if interface == place => Some((route, address)),
            RouteTarget::Gateway { .. }
            | RouteTarget::Interface(_)
            | RouteTarget::Router(_)
            | RouteTarget::Discard => None,
        });
        if let Some((route, router)) = led {
            let what = format!(
                "`arp-load-sharing` is for hosts of the interface's own network, but route `{}` leads to \
                 hosts behind `{router}`: that router asks once for all of them, and all come to one device",
                route.name
            );
            tell(&of_interface(view, name), what, report);
        }
    }
}

/// HA3 is missing, or takes less than the longest packet.
fn link(mode: &ActiveActive, root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    let links = &config.high_availability.links;
    if !mode.packet_forwarding {
        return;
    }
    let view = root.at(&["deviceconfig", "high-availability", "interface"]);
    if links.ha3.is_none() {
        let what = "without `ha3` no packet goes to the other device, though `packet-forwarding` is on: \
                    packets that come to the wrong device are lost";
        return tell(&view, what.into(), report);
    }
    let forwards = |kind| matches!(kind, InterfaceKind::Layer3 | InterfaceKind::VirtualWire);
    let longest = config.interfaces.iter().filter(|interface| forwards(interface.kind));
    let Some(longest) = longest.max_by_key(|interface| interface.mtu) else { return };
    let needed = usize::from(longest.mtu) + ETHERNET + HA3_OVERHEAD;
    if needed > usize::from(links.ha3_mtu) {
        let what = format!(
            "packets of {} bytes, the `mtu` of `{}`, need an HA3 link with an `mtu` of {needed}; over one of \
             {} they go in two pieces, which costs both devices",
            longest.mtu, longest.name, links.ha3_mtu
        );
        tell(&view.below("ha3"), what, report);
    }
}

/// Source translation to an address that stays with a failed device, or is not for translation.
fn interface_translation(mode: &ActiveActive, root: &View<'_>, config: &Config, report: &mut Report<'_>) {
    for (rule, entry) in root.at(&["rulebase", "nat", "rules"]).entries() {
        let source = entry.below("source-translation");
        for kind in [
            source.below("dynamic-ip-and-port"),
            source.below("persistent-dynamic-ip-and-port"),
            source.at(&["dynamic-ip", "fallback"]),
        ] {
            let view = kind.below("interface-address");
            let Some(name) = view.below("interface").value() else { continue };
            let floating = mode.virtual_addresses.iter().filter(|own| !is_shared(own));
            let mut floating =
                floating.filter(|own| name_of(config, own.interface) == Some(name.text)).peekable();
            let chosen = view.below("floating-ip");
            let what = match (chosen.value(), floating.peek()) {
                (None, Some(other)) => format!(
                    "rule `{rule}` translates to the address of `{}`, which stays with a device that fails, \
                     and its sessions end: put the floating address into `translated-address`, as `{}`",
                    name.text, other.address
                ),
                (Some(value), _) => match floating.find(|own| is_address(value.text, own.address)) {
                    None => format!("`{}` is no floating address of `{}`", value.text, name.text),
                    Some(own) if own.holder == AddressHolder::BoundToActivePrimary => format!(
                        "`{}` is bound to the active-primary device: a rule that the other device uses \
                         cannot translate to it",
                        value.text
                    ),
                    Some(_) => continue,
                },
                (None, None) => continue,
            };
            tell(&view, what, report);
        }
    }
}

/// The interfaces with an address under `arp-load-sharing`, by name, and their places.
fn shared<'a>(mode: &ActiveActive, config: &'a Config) -> BTreeMap<&'a str, usize> {
    let shared = mode.virtual_addresses.iter().filter(|own| is_shared(own));
    shared.filter_map(|own| Some((name_of(config, own.interface)?, own.interface))).collect()
}

const fn is_shared(own: &VirtualAddress) -> bool {
    matches!(own.holder, AddressHolder::SharedByModulo | AddressHolder::SharedByHash { .. })
}

fn name_of(config: &Config, place: usize) -> Option<&str> {
    config.interfaces.get(place).map(|interface| interface.name.as_str())
}

/// Whether the text, with a prefix length or without, is this address.
fn is_address(text: &str, address: IpAddr) -> bool {
    let text = text.split_once('/').map_or(text, |(address, _)| address);
    text.parse() == Ok(address)
}

fn of_interface<'a>(view: &View<'a>, name: &str) -> View<'a> {
    let all = view.below("virtual-address");
    let found = all.entries().into_iter().find(|(own, _)| *own == name);
    found.map_or(all, |(_, entry)| entry)
}
