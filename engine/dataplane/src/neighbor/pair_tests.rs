use alloc::{vec, vec::Vec};

use bifrons_wire::{ALL_NODES, Arp, NeighborMessage, NeighborMessageKind, solicited_node};

use super::{
    tests::{
        A, B, OUR_4, OUR_6, OURS, START, Seen, WAN, after, ask_4, ask_6, interface, ip, outputs, prefix,
        settings, tell_4, tell_6, v4, v6,
    },
    *,
};

const SHARE_0: MacAddress = MacAddress([2, 0xb1, 0xf0, 7, 1, 1]);
const SHARE_1: MacAddress = MacAddress([2, 0xb1, 0xf0, 0x87, 1, 1]);
const FLOATING: &str = "10.0.0.2";
const SHARED: &str = "10.0.0.3";
const FLOATING_6: &str = "2001:db8::2";
const SHARED_6: &str = "2001:db8::3";

/// A device with both floating addresses and these shares of the shared ones.
pub(super) fn with_shares(has: [bool; 2]) -> LinkSettings {
    let floating = Answers::All(SHARE_0);
    let shared = Answers::Requesters { by: Sharing::Modulo, macs: [SHARE_0, SHARE_1], has };
    let address = |text, length, answers| VirtualAddress { prefix: prefix(text, length), answers };
    let virtual_addresses = vec![
        address(FLOATING, 24, floating),
        address(SHARED, 24, shared),
        address(FLOATING_6, 64, floating),
        address(SHARED_6, 64, shared),
    ];
    LinkSettings { virtual_addresses, ..LinkSettings::new(OURS, &interface(), &[]) }
}

fn settled(settings: LinkSettings) -> Neighbors {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, settings);
    for second in [1, 2, 4] {
        neighbors.handle_timeout(after(second));
    }
    outputs(&mut neighbors);
    neighbors
}

/// Who answers an ARP request and a neighbor solicitation.
fn answers(neighbors: &mut Neighbors, requester: [&str; 2], target: [&str; 2]) -> Vec<Option<MacAddress>> {
    neighbors.handle_arp(after(9), WAN, &ask_4(A, requester[0], target[0]));
    let four = outputs(neighbors).into_iter().find_map(|seen| {
        let Seen::Arp(A, arp) = seen else { return None };
        (!arp.is_request && arp.sender == v4(target[0])).then_some(arp.sender_mac)
    });
    neighbors.handle_nd(after(9), WAN, A, &ask_6(requester[1], target[1], Some(A)));
    let six = outputs(neighbors).into_iter().find_map(|seen| {
        let Seen::Nd(A, message) = seen else { return None };
        message.mac.filter(|_| message.target == v6(target[1]))
    });
    vec![four, six]
}

#[test]
fn virtual_addresses_are_answered_for_with_their_virtual_mac() {
    let even = ["10.0.0.20", "2001:db8::20"];
    let odd = ["10.0.0.21", "2001:db8::21"];
    for (has, of_even, of_odd) in [
        ([true, true], Some(SHARE_0), Some(SHARE_1)),
        ([true, false], Some(SHARE_0), None),
        ([false, true], None, Some(SHARE_1)),
        ([false, false], None, None),
    ] {
        let mut neighbors = settled(with_shares(has));
        assert_eq!(answers(&mut neighbors, even, [FLOATING, FLOATING_6]), [Some(SHARE_0); 2], "{has:?}");
        assert_eq!(answers(&mut neighbors, even, [SHARED, SHARED_6]), [of_even; 2], "{has:?}");
        assert_eq!(answers(&mut neighbors, odd, [SHARED, SHARED_6]), [of_odd; 2], "{has:?}");
        assert_eq!(answers(&mut neighbors, odd, [OUR_4, OUR_6]), [Some(OURS); 2], "{has:?}");
    }
    // An address that the other device has is any neighbor's.
    let none = LinkSettings { virtual_addresses: vec![], ..with_shares([true, true]) };
    let mut neighbors = settled(none);
    assert_eq!(answers(&mut neighbors, even, [FLOATING, FLOATING_6]), [None; 2]);
    assert_eq!(neighbors.resolve(after(9), WAN, ip(FLOATING)), Resolution::Pending);
    assert!(!neighbors.is_own(WAN, ip(FLOATING)));
    outputs(&mut neighbors);
    // Once it is ours it is none any more, and used at once.
    neighbors.set_link(after(10), WAN, with_shares([true, false]));
    assert_eq!(outputs(&mut neighbors), [Seen::Unreachable(ip(FLOATING))]);
    assert!(neighbors.is_own(WAN, ip(FLOATING)) && neighbors.is_own(WAN, ip(FLOATING_6)));
    assert_eq!(neighbors.resolve(after(10), WAN, ip(FLOATING)), Resolution::Unreachable);
}

#[test]
fn hosts_hear_of_floating_addresses_and_switches_of_shares() {
    let mut neighbors = settled(with_shares([false, true]));
    let mut announced = |address: &str, mac, hearers| {
        neighbors.announce_address(WAN, ip(address), mac, hearers);
        outputs(&mut neighbors)
    };
    let everyone = MacAddress::BROADCAST;
    let to_all = MacAddress::of_ipv6_multicast(ALL_NODES);
    let search = |target: &str| {
        let destination = solicited_node(v6(target));
        let kind = NeighborMessageKind::Solicitation;
        let message = NeighborMessage { source: v6("::"), destination, target: v6(target), mac: None, kind };
        Seen::Nd(MacAddress::of_ipv6_multicast(destination), message)
    };
    let told = |address: &str| Seen::Arp(everyone, ask_4(SHARE_0, address, address));
    assert_eq!(announced(FLOATING, SHARE_0, Hearers::Hosts), [told(FLOATING)]);
    let told_6 = Seen::Nd(to_all, tell_6(FLOATING_6, "ff02::1", SHARE_0, [true, false, true]));
    assert_eq!(announced(FLOATING_6, SHARE_0, Hearers::Hosts), [told_6]);
    let taught = Seen::Arp(everyone, ask_4(SHARE_1, "0.0.0.0", SHARED));
    assert_eq!(announced(SHARED, SHARE_1, Hearers::Switches), [taught]);
    assert_eq!(announced(SHARED_6, SHARE_1, Hearers::Switches), [search(SHARED_6)]);
    assert_eq!(announced("10.0.0.77", SHARE_1, Hearers::Hosts), []);
    // A link that comes back announces all that it has.
    neighbors.set_up(after(20), WAN, false);
    neighbors.announce_address(WAN, ip(FLOATING), SHARE_0, Hearers::Hosts);
    assert_eq!(outputs(&mut neighbors), []);
    neighbors.set_up(after(21), WAN, true);
    let again = outputs(&mut neighbors);
    for wanted in [told(FLOATING), search(SHARED_6)] {
        assert!(again.contains(&wanted), "{again:?}");
    }
    assert!(!again.iter().any(|seen| matches!(seen, Seen::Arp(_, Arp { sender_mac: SHARE_0, sender, .. })
        if *sender == v4(SHARED))));
}

#[test]
fn the_other_device_is_no_stranger_and_a_stranger_is_told_of() {
    let mut neighbors = settled(with_shares([true, false]));
    let of_pair = [
        ask_4(SHARE_0, FLOATING, FLOATING),
        ask_4(SHARE_1, SHARED, SHARED),
        tell_4(SHARE_1, SHARED, A, "10.0.0.21"),
        ask_4(SHARE_1, "0.0.0.0", SHARED),
    ];
    for arp in of_pair {
        neighbors.handle_arp(after(5), WAN, &arp);
        assert_eq!(outputs(&mut neighbors), [], "{arp:?}");
    }
    let advertised = tell_6(SHARED_6, "ff02::1", SHARE_1, [true, false, true]);
    neighbors.handle_nd(after(5), WAN, SHARE_1, &advertised);
    let searched = NeighborMessage { mac: None, ..ask_6("::", SHARED_6, None) };
    neighbors.handle_nd(after(5), WAN, SHARE_1, &searched);
    assert_eq!(outputs(&mut neighbors), []);
    let everyone = MacAddress::BROADCAST;
    for (address, own) in [(FLOATING, SHARE_0), (SHARED, SHARE_0)] {
        neighbors.handle_arp(after(6), WAN, &ask_4(B, address, address));
        let defended = Seen::Arp(everyone, ask_4(own, address, address));
        assert_eq!(outputs(&mut neighbors), [defended, Seen::Conflict(ip(address), B, true)]);
        neighbors.handle_arp(after(7), WAN, &ask_4(B, address, address));
        assert_eq!(outputs(&mut neighbors), [], "not more often than every ten seconds");
    }
    // What the settings repeat keeps that in mind.
    neighbors.set_link(after(8), WAN, with_shares([true, false]));
    neighbors.handle_nd(after(8), WAN, B, &tell_6(FLOATING_6, "ff02::1", B, [true, false, true]));
    assert_eq!(outputs(&mut neighbors).len(), 2);
    neighbors.handle_arp(after(9), WAN, &ask_4(B, FLOATING, FLOATING));
    assert_eq!(outputs(&mut neighbors), []);
    neighbors.handle_arp(after(16), WAN, &ask_4(B, FLOATING, FLOATING));
    assert_eq!(outputs(&mut neighbors).len(), 2);
}

/// An active/passive device, whose interface addresses are at a virtual Ethernet address.
fn member(is_silent: bool) -> LinkSettings {
    LinkSettings { is_silent, ..LinkSettings::new(SHARE_0, &interface(), &[]) }
}

#[test]
fn a_passive_device_says_nothing_and_listens() {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, member(true));
    assert_eq!(neighbors.poll_timeout(), None);
    assert_eq!(answers(&mut neighbors, ["10.0.0.20", "2001:db8::20"], [OUR_4, OUR_6]), [None; 2]);
    assert_eq!(neighbors.resolve(after(9), WAN, ip("10.0.0.20")), Resolution::Known(A));
    assert_eq!(neighbors.resolve(after(9), WAN, ip("10.0.0.21")), Resolution::Unreachable);
    neighbors.handle_arp(after(9), WAN, &ask_4(SHARE_0, OUR_4, OUR_4));
    neighbors.handle_timeout(after(30));
    neighbors.set_up(after(30), WAN, false);
    neighbors.set_up(after(31), WAN, true);
    neighbors.announce_address(WAN, ip(OUR_4), SHARE_0, Hearers::Hosts);
    let frames = |seen: &Seen| matches!(seen, Seen::Arp(..) | Seen::Nd(..));
    assert!(!outputs(&mut neighbors).iter().any(frames));
}

#[test]
fn at_take_over_addresses_are_used_at_once() {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, member(true));
    neighbors.set_link(after(5), WAN, member(false));
    assert_eq!((outputs(&mut neighbors), neighbors.poll_timeout()), (vec![], None));
    let mac = Some(SHARE_0);
    assert_eq!(answers(&mut neighbors, ["10.0.0.20", "2001:db8::20"], [OUR_4, OUR_6]), [mac; 2]);
    neighbors.announce_address(WAN, ip(OUR_4), SHARE_0, Hearers::Hosts);
    let told = Seen::Arp(MacAddress::BROADCAST, ask_4(SHARE_0, OUR_4, OUR_4));
    assert_eq!(outputs(&mut neighbors), [told]);
    assert_eq!(neighbors.resolve(after(6), WAN, ip("10.0.0.30")), Resolution::Pending);
    let asked = Seen::Arp(MacAddress::BROADCAST, ask_4(SHARE_0, OUR_4, "10.0.0.30"));
    assert_eq!(outputs(&mut neighbors), [asked]);
    // It steps back in the middle of everything.
    neighbors.set_link(after(6), WAN, member(true));
    while let Some(at) = neighbors.poll_timeout().filter(|at| *at < after(60)) {
        neighbors.handle_timeout(at);
    }
    assert_eq!(outputs(&mut neighbors), [Seen::Unreachable(ip("10.0.0.30"))]);
    // A device that was never silent looks for duplicates as ever.
    let mut first = Neighbors::new();
    first.set_link(START, WAN, settings());
    assert!(!first.is_own(WAN, ip(OUR_6)));
}

#[test]
fn a_passive_device_knows_the_neighbors_of_the_active_one() {
    let mut neighbors = Neighbors::new();
    let fixed = vec![bifrons_config::typed::StaticNeighbor { address: ip("10.0.0.9"), mac: B }];
    neighbors.set_link(START, WAN, LinkSettings { fixed, ..member(true) });
    outputs(&mut neighbors);
    let mut tell = |now, address: &str, mac| {
        neighbors.handle_peer_entry(now, WAN, ip(address), mac);
        outputs(&mut neighbors)
    };
    let host = "10.0.0.20";
    assert_eq!(tell(after(1), host, Some(A)), [Seen::Known(ip(host), A, true)]);
    assert_eq!(tell(after(2), host, Some(A)), []);
    assert_eq!(tell(after(3), host, Some(B)), [Seen::Known(ip(host), B, true)]);
    assert_eq!(tell(after(4), host, None), [Seen::Forgotten(ip(host))]);
    for (address, mac) in
        [(OUR_4, Some(A)), ("10.0.0.255", Some(A)), ("10.0.0.9", Some(A)), ("10.0.0.9", None)]
    {
        assert_eq!(tell(after(5), address, mac), [], "{address}");
    }
    assert_eq!(tell(after(5), host, Some(MacAddress::BROADCAST)), []);
    tell(after(6), host, Some(A));
    // Once it is active it knows better.
    neighbors.set_link(after(7), WAN, member(false));
    outputs(&mut neighbors);
    neighbors.handle_peer_entry(after(8), WAN, ip(host), None);
    assert_eq!(neighbors.resolve(after(8), WAN, ip(host)), Resolution::Known(A));
}
