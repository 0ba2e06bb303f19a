//! The pair of devices.

use alloc::{format, string::String, vec::Vec};
use core::net::IpAddr;

use super::{Value, View};
use crate::{
    Problem,
    parse::Report,
    schema::{parse_mask, range_of},
    typed::{
        ActiveActive, AddressHolder, DestinationGroup, Election, FailureCondition, Ha2KeepAlive,
        Ha2Transport, HaLink, HaLinks, HaMode, HaTimers, HighAvailability, Interface, InterfaceKind,
        KeepAliveAction, LinkGroup, LinkMonitoring, PathGroup, PathMonitoring, PathThrough, Prefix,
        SessionOwner, SessionSetup, StateSync, VirtualAddress,
    },
};

/// What a pair without an address of the other device, a number and a link would be.
const INCOMPLETE: &str =
    "high availability needs `group group-id`, `group peer-ip` and an address on `interface ha1`";

pub(super) fn high_availability(
    root: &View<'_>,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> HighAvailability {
    let pair = root.at(&["deviceconfig", "high-availability"]);
    let group = pair.below("group");
    let pair_of = HighAvailability {
        enabled: pair.below("enabled").is_yes(),
        group_id: small(&group.below("group-id")).unwrap_or(1),
        description: group.below("description").text(),
        peer_address: address(&group.below("peer-ip")),
        peer_address_backup: address(&group.below("peer-ip-backup")),
        configuration_sync: group.at(&["configuration-synchronization", "enabled"]).is_yes(),
        election: election(&group.below("election-option"), report),
        state_sync: state_sync(&group.below("state-synchronization")),
        mode: mode(&group.below("mode"), interfaces, report),
        links: links(&pair.below("interface"), report),
        link_monitoring: link_monitoring(&group.at(&["monitoring", "link-monitoring"]), interfaces, report),
        path_monitoring: path_monitoring(&group.at(&["monitoring", "path-monitoring"]), report),
    };
    check(&pair_of, &pair, report);
    pair_of
}

/// What several lines must say together.
fn check(pair_of: &HighAvailability, pair: &View<'_>, report: &mut Report<'_>) {
    let group = pair.below("group");
    let conflict = |view: &View<'_>, what: &str, report: &mut Report<'_>| {
        view.gap(report, view.line(), Problem::Conflict { what: what.into() });
    };
    let links = &pair_of.links;
    let own = |link: &Option<HaLink>| link.as_ref().and_then(|link| link.address);
    if pair_of.enabled {
        let on_management = links.ha1.as_ref().is_some_and(|ha1| ha1.port == "management");
        let is_reached = own(&links.ha1).is_some() || on_management;
        if !group.below("group-id").exists() || pair_of.peer_address.is_none() || !is_reached {
            pair.gap(report, pair.line(), Problem::Incomplete { what: INCOMPLETE });
        }
        let needs_address =
            pair_of.state_sync.enabled && pair_of.state_sync.transport != Ha2Transport::Ethernet;
        if needs_address && own(&links.ha2).is_none() {
            let what = "HA2 over `ip` or `udp` needs an `ip-address` on `interface ha2`";
            conflict(&group.at(&["state-synchronization", "transport"]), what, report);
        }
    }
    if let (Some(ha1), Some(backup)) = (own(&links.ha1), own(&links.ha1_backup))
        && (ha1.contains(backup.address) || backup.contains(ha1.address))
    {
        let what = "HA1 and its backup must be in different networks";
        conflict(&pair.at(&["interface", "ha1-backup"]), what, report);
    }
    for (link, peer, word) in [
        (&links.ha1, pair_of.peer_address, "peer-ip"),
        (&links.ha1_backup, pair_of.peer_address_backup, "peer-ip-backup"),
    ] {
        let (Some(link), Some(peer)) = (link, peer) else { continue };
        let Some(own) = link.address else { continue };
        if own.address == peer {
            conflict(&group.below(word), "that is this device's own address", report);
        } else if !own.contains(peer) && link.gateway.is_none() {
            conflict(&group.below(word), "that is in another network, so the link needs a `gateway`", report);
        }
    }
    let keep_alive = pair_of.state_sync.keep_alive.map(|keep_alive| keep_alive.action);
    if matches!(pair_of.mode, HaMode::ActivePassive { .. })
        && keep_alive == Some(KeepAliveAction::SplitDatapath)
    {
        let view = group.at(&["state-synchronization", "ha2-keep-alive", "action"]);
        conflict(&view, "`split-datapath` needs an active/active pair", report);
    }
}

fn election(view: &View<'_>, report: &mut Report<'_>) -> Election {
    Election {
        device_priority: small(&view.below("device-priority")).unwrap_or(100),
        preemptive: view.below("preemptive").is_yes(),
        heartbeat_backup: view.below("heartbeat-backup").is_yes(),
        timers: timers(&view.below("timers"), report),
    }
}

fn timers(view: &View<'_>, report: &mut Report<'_>) -> HaTimers {
    match choice(view, &["recommended", "aggressive", "advanced", "fast"], report) {
        Some("aggressive") => HaTimers::aggressive(),
        Some("fast") => HaTimers::fast(),
        Some("advanced") => {
            let advanced = view.below("advanced");
            let default = HaTimers::recommended();
            let milliseconds = |word, default| advanced.below(word).number().unwrap_or(default);
            HaTimers {
                promotion_hold_ms: milliseconds("promotion-hold-time", default.promotion_hold_ms),
                hello_interval_ms: milliseconds("hello-interval", default.hello_interval_ms),
                heartbeat_interval_ms: milliseconds("heartbeat-interval", default.heartbeat_interval_ms),
                // `infinite` is no number.
                flap_max: small(&advanced.below("flap-max")).filter(|flaps| *flaps > 0),
                preemption_hold_minutes: small(&advanced.below("preemption-hold-time")).unwrap_or(1),
                monitor_fail_hold_up_ms: milliseconds(
                    "monitor-fail-hold-up-time",
                    default.monitor_fail_hold_up_ms,
                ),
                additional_master_hold_up_ms: milliseconds(
                    "additional-master-hold-up-time",
                    default.additional_master_hold_up_ms,
                ),
                silence_ms: None,
            }
        }
        _ => HaTimers::recommended(),
    }
}

fn state_sync(view: &View<'_>) -> StateSync {
    let keep_alive = view.below("ha2-keep-alive");
    let action = keep_alive.below("action");
    let is_watched = keep_alive.below("enabled").is_yes();
    StateSync {
        enabled: view.below("enabled").is_yes(),
        transport: match view.below("transport").word().as_str() {
            "ip" => Ha2Transport::Ip,
            "udp" => Ha2Transport::Udp,
            _ => Ha2Transport::Ethernet,
        },
        keep_alive: is_watched.then(|| Ha2KeepAlive {
            action: match action.word().as_str() {
                "split-datapath" => KeepAliveAction::SplitDatapath,
                _ => KeepAliveAction::LogOnly,
            },
            threshold_ms: keep_alive.below("threshold").number().unwrap_or(10_000),
        }),
    }
}

fn mode(view: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> HaMode {
    if choice(view, &["active-passive", "active-active"], report) == Some("active-active") {
        return HaMode::ActiveActive(active_active(&view.below("active-active"), interfaces, report));
    }
    let passive = view.below("active-passive");
    HaMode::ActivePassive {
        passive_links_up: passive.below("passive-link-state").word() == "auto",
        monitor_fail_hold_down_minutes: small(&passive.below("monitor-fail-hold-down-time")).unwrap_or(1),
    }
}

fn active_active(view: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> ActiveActive {
    let id = view.below("device-id");
    if !id.exists() {
        view.gap(
            report,
            view.line(),
            Problem::Incomplete { what: "an active/active pair needs a `device-id`" },
        );
    }
    let sync = view.at(&["network-configuration", "sync"]);
    ActiveActive {
        device_id: small(&id).unwrap_or(0),
        // `disabled` is no number.
        tentative_hold_seconds: view.below("tentative-hold-time").word().parse().ok(),
        sync_virtual_router: sync.below("virtual-router").is_yes(),
        sync_logical_router: sync.below("logical-router").is_yes(),
        sync_qos: sync.below("qos").is_yes(),
        packet_forwarding: view.below("packet-forwarding").is_yes(),
        session_owner: session_owner(&view.below("session-owner-selection"), report),
        virtual_addresses: virtual_addresses(&view.below("virtual-address"), interfaces, report),
    }
}

fn session_owner(view: &View<'_>, report: &mut Report<'_>) -> SessionOwner {
    if view.below("primary-device").exists() {
        let other = view.below("first-packet");
        if other.exists() {
            let what = "the owner is `primary-device`, which sets up every session too: there is no \
                        `first-packet` and no `session-setup` beside it";
            other.gap(report, other.line(), Problem::Conflict { what: what.into() });
        }
        return SessionOwner::PrimaryDevice;
    }
    let setup = view.at(&["first-packet", "session-setup"]);
    let kinds = ["primary-device", "first-packet", "ip-modulo", "ip-hash"];
    SessionOwner::FirstPacket(match choice(&setup, &kinds, report) {
        Some("primary-device") => SessionSetup::PrimaryDevice,
        Some("first-packet") => SessionSetup::FirstPacket,
        Some("ip-hash") => {
            let hash = setup.below("ip-hash");
            SessionSetup::IpHash {
                with_destination: hash.below("hash-key").word() == "source-and-destination",
                seed: hash.below("hash-seed").number().unwrap_or(0),
            }
        }
        _ => SessionSetup::IpModulo,
    })
}

fn virtual_addresses(
    view: &View<'_>,
    interfaces: &[Interface],
    report: &mut Report<'_>,
) -> Vec<VirtualAddress> {
    let mut addresses: Vec<VirtualAddress> = Vec::new();
    for (name, entry) in view.entries() {
        let value = Value { text: name, line: entry.line() };
        let Some(interface) = interface(&entry, value, interfaces, report) else { continue };
        for (word, is_ipv6) in [("ip", false), ("ipv6", true)] {
            for (text, entry) in entry.below(word).entries() {
                let Ok(address) = text.parse::<IpAddr>() else { continue };
                if address.is_ipv6() != is_ipv6 {
                    let what =
                        format!("`{text}` is not an {} address", if is_ipv6 { "IPv6" } else { "IPv4" });
                    entry.gap(report, entry.line(), Problem::Conflict { what });
                } else if addresses.iter().any(|other| other.address == address) {
                    let what = format!("`{text}` is a virtual address already");
                    entry.gap(report, entry.line(), Problem::Conflict { what });
                } else if let Some(holder) = holder(&entry, report) {
                    let new = VirtualAddress { interface, address, holder };
                    match misplaced(&new, interfaces) {
                        Some(what) => entry.gap(report, entry.line(), Problem::Conflict { what }),
                        None => addresses.push(new),
                    }
                }
            }
        }
    }
    addresses
}

/// Why a virtual address cannot be where it is to be.
fn misplaced(new: &VirtualAddress, interfaces: &[Interface]) -> Option<String> {
    let address = new.address;
    if let Some(other) =
        interfaces.iter().find(|other| other.addresses.iter().any(|own| own.address == address))
    {
        return Some(format!("`{address}` is this device's own address on `{}`", other.name));
    }
    let interface = interfaces.get(new.interface)?;
    let name = &interface.name;
    let is_shared = match new.holder {
        AddressHolder::Floating { .. } | AddressHolder::BoundToActivePrimary => false,
        AddressHolder::SharedByModulo | AddressHolder::SharedByHash { .. } => true,
    };
    match interface.kind {
        InterfaceKind::Layer3 => {}
        InterfaceKind::Loopback if !is_shared => return None,
        InterfaceKind::Loopback => return Some(format!("nobody asks `{name}` for an address by ARP")),
        InterfaceKind::Tunnel | InterfaceKind::Tap | InterfaceKind::VirtualWire | InterfaceKind::Ha => {
            return Some(format!("`{name}` has no addresses of a pair; only `layer3` and `loopback` have"));
        }
    }
    let around = |own: &&Prefix| own.contains(address);
    let Some(network) = interface.addresses.iter().find(around) else {
        return Some(format!("`{address}` is in no network of `{name}`: its hosts do not ask for it there"));
    };
    let range = range_of(*network);
    let is_edge =
        address.is_ipv4() && network.length < 31 && (address == range.first || address == range.last);
    is_edge.then(|| format!("`{address}` is the first or last of its network, which no host has"))
}

fn holder(view: &View<'_>, report: &mut Report<'_>) -> Option<AddressHolder> {
    let Some(kind) = choice(view, &["floating", "arp-load-sharing"], report) else {
        let what = "a virtual address is `floating` or under `arp-load-sharing`";
        view.gap(report, view.line(), Problem::Incomplete { what });
        return None;
    };
    if kind == "arp-load-sharing" {
        let sharing = view.below("arp-load-sharing");
        return Some(match choice(&sharing, &["ip-modulo", "ip-hash"], report) {
            Some("ip-hash") => AddressHolder::SharedByHash {
                seed: sharing.at(&["ip-hash", "hash-seed"]).number().unwrap_or(0),
            },
            _ => AddressHolder::SharedByModulo,
        });
    }
    let floating = view.below("floating");
    let priority = floating.below("device-priority");
    if floating.below("bind-to-active-primary").is_yes() {
        return Some(AddressHolder::BoundToActivePrimary);
    }
    Some(AddressHolder::Floating {
        device_0: small(&priority.below("device-0")).unwrap_or(0),
        device_1: small(&priority.below("device-1")).unwrap_or(0),
        failover_on_link_down: priority.below("failover-on-link-down").is_yes(),
    })
}

fn links(view: &View<'_>, report: &mut Report<'_>) -> HaLinks {
    let ha1 = view.below("ha1");
    let ha3 = view.below("ha3");
    HaLinks {
        ha1: link(&ha1, report),
        ha1_backup: link(&view.below("ha1-backup"), report),
        ha2: link(&view.below("ha2"), report),
        ha2_backup: link(&view.below("ha2-backup"), report),
        ha3: ha3.exists().then(|| ha3.below("port").text()),
        ha3_mtu: ha3.below("mtu").number().and_then(|mtu| u16::try_from(mtu).ok()).unwrap_or(1_500),
        ha1_encryption: ha1.at(&["encryption", "enabled"]).is_yes(),
        ha1_monitor_hold_ms: ha1.below("monitor-hold-time").number().unwrap_or(3_000),
    }
}

fn link(view: &View<'_>, report: &mut Report<'_>) -> Option<HaLink> {
    if !view.exists() {
        return None;
    }
    let (own, mask) = (view.below("ip-address"), view.below("netmask"));
    let address = address(&own).map(|address| {
        let width = if address.is_ipv6() { 128 } else { 32 };
        let length = mask.value().and_then(|value| parse_mask(value.text)).filter(|length| *length <= width);
        if length.is_none() {
            let what = "the `ip-address` needs a `netmask` of its family".into();
            view.gap(report, own.line(), Problem::Conflict { what });
        }
        Prefix { address, length: length.unwrap_or(width) }
    });
    Some(HaLink { port: view.below("port").text(), address, gateway: self::address(&view.below("gateway")) })
}

fn link_monitoring(view: &View<'_>, interfaces: &[Interface], report: &mut Report<'_>) -> LinkMonitoring {
    let group = |(name, entry): (&str, View<'_>)| {
        let list = entry.below("interface");
        let watched = list.values().into_iter();
        LinkGroup {
            name: name.into(),
            enabled: entry.below("enabled").is_yes(),
            condition: condition(&entry),
            interfaces: watched.filter_map(|value| interface(&list, value, interfaces, report)).collect(),
        }
    };
    LinkMonitoring {
        enabled: view.below("enabled").is_yes(),
        condition: condition(view),
        groups: view.below("link-group").entries().into_iter().map(group).collect(),
    }
}

fn path_monitoring(view: &View<'_>, report: &mut Report<'_>) -> PathMonitoring {
    let mut groups = Vec::new();
    for (word, through) in [
        ("virtual-wire", PathThrough::VirtualWire),
        ("vlan", PathThrough::Vlan),
        ("virtual-router", PathThrough::VirtualRouter),
        ("logical-router", PathThrough::LogicalRouter),
    ] {
        for (name, entry) in view.at(&["path-group", word]).entries() {
            let source = address(&entry.below("source-ip"));
            let needs_source = matches!(through, PathThrough::VirtualWire | PathThrough::Vlan);
            if needs_source && source.is_none() {
                let what = "pings through a `virtual-wire` or a `vlan` need a `source-ip`";
                entry.gap(report, entry.line(), Problem::Incomplete { what });
            }
            let destinations = entry.below("destination-ip-group").entries();
            groups.push(PathGroup {
                through,
                name: name.into(),
                enabled: entry.below("enabled").is_yes(),
                condition: condition(&entry),
                source,
                ping_interval_ms: entry.below("ping-interval").number().unwrap_or(200),
                ping_count: small(&entry.below("ping-count")).unwrap_or(10),
                destinations: destinations.into_iter().map(destination_group).collect(),
            });
        }
    }
    PathMonitoring { enabled: view.below("enabled").is_yes(), condition: condition(view), groups }
}

fn destination_group((name, entry): (&str, View<'_>)) -> DestinationGroup {
    let addresses = entry.below("destination-ip").values().into_iter();
    DestinationGroup {
        name: name.into(),
        enabled: entry.below("enabled").is_yes(),
        condition: condition(&entry),
        addresses: addresses.filter_map(|value| value.text.parse().ok()).collect(),
    }
}

fn condition(view: &View<'_>) -> FailureCondition {
    match view.below("failure-condition").word().as_str() {
        "all" => FailureCondition::All,
        _ => FailureCondition::Any,
    }
}

/// Which of the words stands below; a second one is a mistake.
fn choice(view: &View<'_>, words: &[&'static str], report: &mut Report<'_>) -> Option<&'static str> {
    let mut there = words.iter().copied().filter(|word| view.below(word).exists());
    let first = there.next();
    if let (Some(first), Some(second)) = (first, there.next()) {
        let second = view.below(second);
        let what = format!("`{first}` stands there too; only one of them can");
        second.gap(report, second.line(), Problem::Conflict { what });
    }
    first
}

fn interface(
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

fn address(view: &View<'_>) -> Option<IpAddr> {
    view.value().and_then(|value| value.text.parse().ok())
}

/// A number that the schema keeps below 256.
fn small(view: &View<'_>) -> Option<u8> {
    view.number().and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::{Config, parse};

    const PAIR: &str = "\
        set network interface ethernet ethernet1/1 layer3 ip 192.0.2.2/24\n\
        set network interface ethernet ethernet1/2 layer3 ip 198.51.100.2/24\n\
        set deviceconfig high-availability enabled yes\n\
        set deviceconfig high-availability interface ha1 ip-address 10.255.0.1 netmask 255.255.255.252\n\
        set deviceconfig high-availability interface ha1 port ha1-a\n\
        set deviceconfig high-availability interface ha2 port ethernet1/5\n\
        set deviceconfig high-availability group group-id 7 peer-ip 10.255.0.2\n";
    const GROUP: &str = "set deviceconfig high-availability group";

    fn pair(lines: &str) -> HighAvailability {
        let text = format!("{PAIR}{lines}");
        match parse(&text, "x.set") {
            Ok(Config { high_availability, .. }) => high_availability,
            Err(errors) => panic!("{}", errors[0]),
        }
    }

    fn mistake(lines: &str) -> String {
        let errors = parse(&format!("{PAIR}{lines}"), "x.set").expect_err(lines);
        errors[0].to_string()
    }

    #[test]
    fn a_pair_with_few_lines_has_the_defaults() {
        let pair_of = pair("");
        assert_eq!(pair_of.links.ha1.as_ref().unwrap().address.unwrap().length, 30);
        let expected = HighAvailability {
            enabled: true,
            group_id: 7,
            peer_address: "10.255.0.2".parse().ok(),
            links: HaLinks {
                ha1: Some(HaLink {
                    port: "ha1-a".into(),
                    address: Some(Prefix { address: "10.255.0.1".parse().unwrap(), length: 30 }),
                    gateway: None,
                }),
                ha2: Some(HaLink { port: "ethernet1/5".into(), ..HaLink::default() }),
                ..HaLinks::default()
            },
            ..HighAvailability::default()
        };
        assert_eq!(pair_of, expected);
        assert_eq!(parse("", "x").unwrap().high_availability, HighAvailability::default());
    }

    #[test]
    fn timers_are_those_of_the_profile() {
        let timers = |line: &str| pair(&format!("{GROUP} election-option timers {line}\n")).election.timers;
        assert_eq!(timers("recommended"), HaTimers::recommended());
        assert_eq!(timers("aggressive"), HaTimers::aggressive());
        assert_eq!(timers("fast").silence_ms, Some(45));
        let advanced = timers("advanced promotion-hold-time 0 heartbeat-interval 1000 flap-max infinite");
        assert_eq!((advanced.promotion_hold_ms, advanced.heartbeat_interval_ms), (0, 1_000));
        assert_eq!((advanced.hello_interval_ms, advanced.flap_max), (8_000, None));
        assert_eq!(timers("advanced flap-max 0").flap_max, None);
        assert_eq!(timers("advanced flap-max 16").flap_max, Some(16));
        for line in
            ["advanced flap-max 17", "advanced hello-interval 7999", "advanced preemption-hold-time 0"]
        {
            assert!(mistake(&format!("{GROUP} election-option timers {line}\n")).contains("is not accepted"));
        }
    }

    #[test]
    fn an_active_active_pair() {
        let mode = |lines: &str| match pair(&format!("{GROUP} mode active-active device-id 1\n{lines}")).mode
        {
            HaMode::ActiveActive(mode) => mode,
            HaMode::ActivePassive { .. } => panic!("{lines}"),
        };
        assert_eq!(mode(""), ActiveActive { device_id: 1, ..ActiveActive::default() });
        let aa = format!("{GROUP} mode active-active");
        let lines = format!(
            "set network interface ethernet ethernet1/2 layer3 ipv6 address 2001:db8::2/64\n\
             {aa} tentative-hold-time disabled packet-forwarding no network-configuration sync qos yes\n\
             {aa} session-owner-selection first-packet session-setup ip-hash hash-seed 4294967295\n\
             {aa} session-owner-selection first-packet session-setup ip-hash hash-key \
             source-and-destination\n\
             {aa} virtual-address ethernet1/1 ip 192.0.2.1 floating device-priority device-0 10 device-1 20\n\
             {aa} virtual-address ethernet1/1 ip 192.0.2.3 floating bind-to-active-primary yes\n\
             {aa} virtual-address ethernet1/2 ip 198.51.100.1 arp-load-sharing ip-modulo\n\
             {aa} virtual-address ethernet1/2 ipv6 2001:db8::1 arp-load-sharing ip-hash hash-seed 5\n"
        );
        let found = mode(&lines);
        assert_eq!(
            (found.tentative_hold_seconds, found.packet_forwarding, found.sync_qos),
            (None, false, true)
        );
        let hash = SessionSetup::IpHash { with_destination: true, seed: u32::MAX };
        assert_eq!(found.session_owner, SessionOwner::FirstPacket(hash));
        let holders: Vec<(usize, String, AddressHolder)> = found
            .virtual_addresses
            .iter()
            .map(|one| (one.interface, one.address.to_string(), one.holder))
            .collect();
        assert_eq!(
            holders,
            [
                (
                    0,
                    "192.0.2.1".into(),
                    AddressHolder::Floating { device_0: 10, device_1: 20, failover_on_link_down: true }
                ),
                (0, "192.0.2.3".into(), AddressHolder::BoundToActivePrimary),
                (1, "198.51.100.1".into(), AddressHolder::SharedByModulo),
                (1, "2001:db8::1".into(), AddressHolder::SharedByHash { seed: 5 }),
            ]
        );
        let owner = format!("{aa} session-owner-selection primary-device\n");
        assert_eq!(mode(&owner).session_owner, SessionOwner::PrimaryDevice);
    }

    #[test]
    fn what_is_watched() {
        let m = format!("{GROUP} monitoring");
        let pair_of = pair(&format!(
            "{m} link-monitoring failure-condition all link-group up interface [ ethernet1/1 ethernet1/2 ]\n\
             {m} path-monitoring path-group virtual-router default ping-count 3 destination-ip-group isp \
             destination-ip [ 203.0.113.1 2001:db8::9 ]\n\
             {m} path-monitoring enabled no path-group vlan v source-ip 10.0.0.1\n"
        ));
        assert_eq!(pair_of.link_monitoring.condition, FailureCondition::All);
        assert_eq!(pair_of.link_monitoring.groups[0].interfaces, [0, 1]);
        let [vlan, router] = pair_of.path_monitoring.groups.as_slice() else { panic!("two groups") };
        assert_eq!((vlan.through, vlan.source.is_some(), vlan.ping_count), (PathThrough::Vlan, true, 10));
        assert_eq!((&*router.name, router.ping_count, router.ping_interval_ms), ("default", 3, 200));
        assert_eq!(router.destinations[0].addresses.len(), 2);
        assert!(!pair_of.path_monitoring.enabled && vlan.enabled);
    }

    #[test]
    fn the_form_before_8_1_is_read() {
        let old = "set deviceconfig high-availability group 9 peer-ip 10.255.0.2\n\
             set deviceconfig high-availability group 9 election-option device-priority 5\n";
        let text = PAIR.replace("group group-id 7 peer-ip 10.255.0.2", "enabled yes") + old;
        let pair_of = parse(&text, "x.set").unwrap().high_availability;
        assert_eq!((pair_of.group_id, pair_of.election.device_priority), (9, 5));
        assert!(parse(&(text + "delete deviceconfig high-availability group 9 peer-ip\n"), "x.set").is_err());
    }

    #[test]
    fn pairs_that_do_not_fit() {
        for (lines, expected) in [
            (
                "delete deviceconfig high-availability group peer-ip\n".into(),
                "deviceconfig high-availability: high availability needs `group group-id`, `group peer-ip` \
                 and an address on `interface ha1`",
            ),
            (
                format!("{GROUP} mode active-active packet-forwarding yes\n"),
                "deviceconfig high-availability group mode active-active: an active/active pair needs a \
                 `device-id`",
            ),
            (
                format!("{GROUP} mode active-active device-id 0\n{GROUP} mode active-passive\n"),
                "deviceconfig high-availability group mode active-active: `active-passive` stands there too; \
                 only one of them can",
            ),
            (
                format!("{GROUP} state-synchronization ha2-keep-alive enabled yes action split-datapath\n"),
                "deviceconfig high-availability group state-synchronization ha2-keep-alive action: \
                 `split-datapath` needs an active/active pair",
            ),
            (
                format!("{GROUP} state-synchronization transport udp\n"),
                "deviceconfig high-availability group state-synchronization transport: HA2 over `ip` or \
                 `udp` needs an `ip-address` on `interface ha2`",
            ),
            (
                format!("{GROUP} peer-ip 10.255.0.1\n"),
                "deviceconfig high-availability group peer-ip: that is this device's own address",
            ),
            (
                format!("{GROUP} peer-ip 10.255.9.1\n"),
                "deviceconfig high-availability group peer-ip: that is in another network, so the link needs \
                 a `gateway`",
            ),
            (
                format!("{GROUP} monitoring link-monitoring link-group g interface ethernet1/9\n"),
                "deviceconfig high-availability group monitoring link-monitoring link-group g interface: \
                 unknown interface `ethernet1/9`",
            ),
            (
                format!(
                    "{GROUP} mode active-active device-id 0 virtual-address ethernet1/1 ip 2001:db8::1 \
                     floating\n"
                ),
                "deviceconfig high-availability group mode active-active virtual-address ethernet1/1 ip \
                 2001:db8::1: `2001:db8::1` is not an IPv4 address",
            ),
        ] {
            let found = mistake(&lines);
            let (_, found) = found.split_once(": ").unwrap();
            assert!(found.starts_with(expected), "{found}");
        }
        let backup =
            "set deviceconfig high-availability interface ha1-backup ip-address 10.255.0.3 netmask 24\n";
        assert!(mistake(backup).ends_with("HA1 and its backup must be in different networks"));
        let mask =
            "set deviceconfig high-availability interface ha2 ip-address ::1 netmask 255.255.255.0.0\n";
        assert!(mistake(mask).contains("is not accepted"));
    }
}
