use alloc::{vec, vec::Vec};
use core::{net::IpAddr, time::Duration};

use bifrons_config::typed::{AddressRange, DeviceBinding, Interface, NdProxy, Prefix, StaticNeighbor};
use bifrons_policy::ProxyArp;
use bifrons_wire::{ALL_NODES, Arp, NeighborMessage, NeighborMessageKind, link_local, solicited_node};
use proptest::prelude::*;

use super::{pair_tests::with_shares, *};

pub(super) const WAN: InterfaceId = InterfaceId(3);
pub(super) const OURS: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
pub(super) const A: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xa]);
pub(super) const B: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xb]);
pub(super) const START: Timestamp = Timestamp::from_secs(1000);
pub(super) const OUR_4: &str = "10.0.0.1";
pub(super) const OUR_6: &str = "2001:db8::1";

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn v4(text: &str) -> core::net::Ipv4Addr {
    text.parse().unwrap()
}

pub(super) fn v6(text: &str) -> core::net::Ipv6Addr {
    text.parse().unwrap()
}

pub(super) fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

pub(super) fn prefix(address: &str, length: u8) -> Prefix {
    Prefix { address: ip(address), length }
}

pub(super) fn interface() -> Interface {
    Interface { addresses: vec![prefix(OUR_4, 24), prefix(OUR_6, 64)], ..Interface::default() }
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

pub(super) fn settings() -> LinkSettings {
    let proxied = [
        ProxyArp { addresses: range("10.0.0.100", "10.0.0.110"), binding: DeviceBinding::default() },
        ProxyArp { addresses: range("2001:db8::100", "2001:db8::1ff"), binding: DeviceBinding::default() },
    ];
    let nd_proxy = NdProxy { except: vec![range("2001:db8::180", "2001:db8::180")], ..NdProxy::default() };
    LinkSettings::new(OURS, &Interface { nd_proxy: Some(nd_proxy), ..interface() }, &proxied)
}

/// A device whose addresses are all in use and announced.
fn settled() -> Neighbors {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, settings());
    neighbors.handle_timeout(after(1));
    neighbors.handle_timeout(after(2));
    outputs(&mut neighbors);
    assert_eq!(neighbors.poll_timeout(), None);
    neighbors
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// To whom on the link, and what.
    Arp(MacAddress, Arp),
    Nd(MacAddress, NeighborMessage),
    /// Address, place, whether its next use is to be told.
    Known(IpAddr, MacAddress, bool),
    Forgotten(IpAddr),
    Unreachable(IpAddr),
    Conflict(IpAddr, MacAddress, bool),
}

pub(super) fn outputs(neighbors: &mut Neighbors) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(output) = neighbors.poll_output() {
        seen.push(match output {
            NeighborOutput::Frame { interface, bytes } => {
                assert_eq!(interface, WAN);
                let to = MacAddress(*bytes.first_chunk().unwrap());
                match Arp::read(&bytes[14..]) {
                    Some(arp) => Seen::Arp(to, arp),
                    None => Seen::Nd(to, NeighborMessage::read(&bytes[14..]).unwrap()),
                }
            }
            NeighborOutput::Update(update) => match update.mac {
                Some(mac) => Seen::Known(update.address, mac, update.is_stale),
                None => Seen::Forgotten(update.address),
            },
            NeighborOutput::Unreachable { address, .. } => Seen::Unreachable(address),
            NeighborOutput::Conflict { address, mac, is_used, .. } => Seen::Conflict(address, mac, is_used),
        });
    }
    seen
}

pub(super) fn ask_4(sender_mac: MacAddress, sender: &str, target: &str) -> Arp {
    let (sender, target) = (v4(sender), v4(target));
    Arp { is_request: true, sender_mac, sender, target_mac: MacAddress::default(), target }
}

pub(super) fn tell_4(sender_mac: MacAddress, sender: &str, target_mac: MacAddress, target: &str) -> Arp {
    Arp { is_request: false, sender_mac, sender: v4(sender), target_mac, target: v4(target) }
}

pub(super) fn ask_6(source: &str, target: &str, mac: Option<MacAddress>) -> NeighborMessage {
    let (source, target) = (v6(source), v6(target));
    let destination = solicited_node(target);
    NeighborMessage { source, destination, target, mac, kind: NeighborMessageKind::Solicitation }
}

pub(super) fn tell_6(source: &str, destination: &str, mac: MacAddress, flags: [bool; 3]) -> NeighborMessage {
    let [is_router, is_solicited, is_override] = flags;
    let kind = NeighborMessageKind::Advertisement { is_router, is_solicited, is_override };
    let (source, destination) = (v6(source), v6(destination));
    NeighborMessage { source, destination, target: source, mac: Some(mac), kind }
}

#[test]
fn addresses_are_looked_for_and_announced() {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, settings());
    let local = link_local(OURS);
    let group = |address| MacAddress::of_ipv6_multicast(solicited_node(address));
    let search = |address: core::net::Ipv6Addr| NeighborMessage {
        source: v6("::"),
        destination: solicited_node(address),
        target: address,
        mac: None,
        kind: NeighborMessageKind::Solicitation,
    };
    let announcement = Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, OUR_4, OUR_4));
    let found = outputs(&mut neighbors);
    assert_eq!(found.len(), 3);
    assert!(found.contains(&announcement));
    assert!(found.contains(&Seen::Nd(group(v6(OUR_6)), search(v6(OUR_6)))));
    assert!(found.contains(&Seen::Nd(group(local), search(local))));
    assert!(neighbors.is_own(WAN, ip(OUR_4)) && !neighbors.is_own(WAN, ip(OUR_6)));
    assert_eq!(neighbors.poll_timeout(), Some(after(1)));
    neighbors.handle_timeout(after(1));
    let all = MacAddress::of_ipv6_multicast(ALL_NODES);
    let own = Seen::Nd(all, tell_6(OUR_6, "ff02::1", OURS, [true, false, true]));
    assert!(outputs(&mut neighbors).contains(&own));
    assert!(neighbors.is_own(WAN, ip(OUR_6)));
    neighbors.handle_timeout(after(2));
    let again = outputs(&mut neighbors);
    assert!(again.contains(&announcement) && again.contains(&own));
    // What is set once more as it was begins nothing; another Ethernet address does.
    neighbors.set_link(after(3), WAN, settings());
    assert_eq!((outputs(&mut neighbors), neighbors.poll_timeout()), (vec![], None));
    let moved = LinkSettings::new(B, &interface(), &[]);
    neighbors.set_link(after(3), WAN, moved);
    let announcement = Seen::Arp(MacAddress::BROADCAST, ask_4(B, OUR_4, OUR_4));
    assert!(outputs(&mut neighbors).contains(&announcement));
}

#[test]
fn an_arp_neighbor_is_asked_answers_ages_and_is_made_sure_of() {
    let mut neighbors = settled();
    let host = ip("10.0.0.7");
    let question = || Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, OUR_4, "10.0.0.7"));
    assert_eq!(neighbors.resolve(after(10), WAN, host), Resolution::Pending);
    assert_eq!(outputs(&mut neighbors), [question()]);
    assert_eq!(neighbors.resolve(after(10), WAN, host), Resolution::Pending);
    assert_eq!(outputs(&mut neighbors), [], "one question a second");
    neighbors.handle_timeout(after(11));
    assert_eq!(outputs(&mut neighbors), [question()]);
    neighbors.handle_arp(after(11), WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, A, false)]);
    assert_eq!(neighbors.resolve(after(12), WAN, host), Resolution::Known(A));
    assert_eq!(neighbors.poll_timeout(), Some(after(1811)));
    neighbors.handle_timeout(after(1811));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, A, true)]);
    // The next use makes sure of it, after time for other signs of life.
    assert_eq!(neighbors.resolve(after(1900), WAN, host), Resolution::Known(A));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, A, false)]);
    neighbors.handle_timeout(after(1905));
    assert_eq!(outputs(&mut neighbors), [Seen::Arp(A, ask_4(OURS, OUR_4, "10.0.0.7"))]);
    neighbors.handle_arp(after(1905), WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    assert_eq!(neighbors.neighbors(WAN).next().unwrap().state, NeighborState::Reachable);
    // Without a use it is forgotten.
    neighbors.handle_timeout(after(1905 + 1800));
    outputs(&mut neighbors);
    neighbors.handle_timeout(after(1905 + 1800 + 1200));
    assert_eq!(outputs(&mut neighbors), [Seen::Forgotten(host)]);
    assert_eq!(neighbors.neighbors(WAN).count(), 0);
}

#[test]
fn who_does_not_answer_is_asked_three_times_then_not_at_once_again() {
    for (host, family) in [(ip("10.0.0.7"), "ARP"), (ip("2001:db8::7"), "ND")] {
        let mut neighbors = settled();
        neighbors.resolve(after(10), WAN, host);
        let mut frames = outputs(&mut neighbors).len();
        for second in 11..13 {
            neighbors.handle_timeout(after(second));
            frames += outputs(&mut neighbors).len();
        }
        assert_eq!(frames, 3, "{family}");
        neighbors.handle_timeout(after(13));
        assert_eq!(outputs(&mut neighbors), [Seen::Unreachable(host)]);
        assert_eq!(neighbors.resolve(after(13), WAN, host), Resolution::Unreachable);
        assert_eq!(outputs(&mut neighbors), []);
        neighbors.handle_timeout(after(14));
        assert_eq!(neighbors.resolve(after(14), WAN, host), Resolution::Pending);
        assert_eq!(outputs(&mut neighbors).len(), 1);
    }
}

#[test]
fn a_neighbor_discovery_neighbor() {
    let mut neighbors = settled();
    let host = ip("2001:db8::7");
    neighbors.resolve(after(10), WAN, host);
    let to = MacAddress::of_ipv6_multicast(solicited_node(v6("2001:db8::7")));
    assert_eq!(outputs(&mut neighbors), [Seen::Nd(to, ask_6(OUR_6, "2001:db8::7", Some(OURS)))]);
    let answer = |mac, is_solicited, is_override| {
        tell_6("2001:db8::7", OUR_6, mac, [false, is_solicited, is_override])
    };
    neighbors.handle_nd(after(10), WAN, A, &answer(A, true, false));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, A, false)]);
    neighbors.handle_nd(after(11), WAN, B, &answer(B, false, false));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, A, true)], "contradicted, but not overridden");
    neighbors.handle_nd(after(12), WAN, B, &answer(B, false, true));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, B, true)]);
    neighbors.resolve(after(13), WAN, host);
    neighbors.confirm(after(14), WAN, host);
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, B, false)]);
    assert_eq!(neighbors.poll_timeout(), Some(after(44)));
    // A link-local neighbor is asked from the link-local address.
    neighbors.resolve(after(15), WAN, ip("fe80::7"));
    let local = alloc::format!("{}", link_local(OURS));
    let to = MacAddress::of_ipv6_multicast(solicited_node(v6("fe80::7")));
    assert_eq!(outputs(&mut neighbors), [Seen::Nd(to, ask_6(&local, "fe80::7", Some(OURS)))]);
}

#[test]
fn questions_for_our_addresses_and_those_we_answer_for_are_answered() {
    let mut neighbors = settled();
    for target in [OUR_4, "10.0.0.105"] {
        neighbors.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", target));
        let answer = Seen::Arp(A, tell_4(OURS, target, A, "10.0.0.7"));
        assert!(outputs(&mut neighbors).contains(&answer), "{target}");
    }
    for target in ["10.0.0.99", "10.0.0.111", "10.0.0.7"] {
        neighbors.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", target));
        assert_eq!(outputs(&mut neighbors), [], "{target}");
    }
    for (target, is_override) in [(OUR_6, true), ("2001:db8::105", false)] {
        neighbors.handle_nd(START, WAN, A, &ask_6("2001:db8::7", target, Some(A)));
        let source = if is_override { target } else { OUR_6 };
        let mut answer = tell_6(source, "2001:db8::7", OURS, [true, true, is_override]);
        answer.target = v6(target);
        assert!(outputs(&mut neighbors).contains(&Seen::Nd(A, answer)), "{target}");
    }
    for target in ["2001:db8::180", "2001:db8::200"] {
        neighbors.handle_nd(START, WAN, A, &ask_6("2001:db8::7", target, Some(A)));
        assert_eq!(outputs(&mut neighbors), [], "{target}");
    }
    // Who searches for duplicates of our address hears of us.
    neighbors.handle_arp(START, WAN, &ask_4(A, "0.0.0.0", OUR_4));
    assert_eq!(outputs(&mut neighbors), [Seen::Arp(A, tell_4(OURS, OUR_4, A, "0.0.0.0"))]);
    neighbors.handle_nd(START, WAN, A, &ask_6("::", OUR_6, None));
    let all = MacAddress::of_ipv6_multicast(ALL_NODES);
    let answer = tell_6(OUR_6, "ff02::1", OURS, [true, false, true]);
    assert_eq!(outputs(&mut neighbors), [Seen::Nd(all, answer)]);
}

#[test]
fn an_address_that_moves_between_devices_answers_with_its_own_place() {
    let mut neighbors = settled();
    let floating = OwnAddress { prefix: prefix("10.0.0.2", 24), mac: B, probes: 0 };
    let mut with = settings();
    with.addresses.push(floating);
    neighbors.set_link(after(5), WAN, with);
    assert_eq!(
        outputs(&mut neighbors),
        [Seen::Arp(MacAddress::BROADCAST, ask_4(B, "10.0.0.2", "10.0.0.2"))],
        "only the new one is announced"
    );
    neighbors.handle_arp(after(6), WAN, &ask_4(A, "10.0.0.7", "10.0.0.2"));
    assert!(outputs(&mut neighbors).contains(&Seen::Arp(A, tell_4(B, "10.0.0.2", A, "10.0.0.7"))));
    neighbors.set_link(after(7), WAN, settings());
    neighbors.handle_arp(after(8), WAN, &ask_4(A, "10.0.0.7", "10.0.0.2"));
    assert_eq!(outputs(&mut neighbors), [], "it has moved away");
}

#[test]
fn nobody_becomes_known_by_talking() {
    let mut neighbors = settled();
    let unheard = |neighbors: &mut Neighbors| {
        assert_eq!((outputs(neighbors), neighbors.neighbors(WAN).count()), (vec![], 0));
    };
    neighbors.handle_arp(START, WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    neighbors.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", "10.0.0.7"));
    neighbors.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", "10.0.0.8"));
    neighbors.handle_nd(START, WAN, A, &tell_6("2001:db8::7", OUR_6, A, [true, true, true]));
    neighbors.handle_nd(START, WAN, A, &ask_6("2001:db8::7", "2001:db8::8", Some(A)));
    unheard(&mut neighbors);
    // Who asks from another network, or as the network itself, is answered and not kept.
    for sender in ["192.0.2.7", "10.0.0.0", "10.0.0.255", "224.0.0.1"] {
        neighbors.handle_arp(START, WAN, &ask_4(A, sender, OUR_4));
        assert_eq!(outputs(&mut neighbors), [Seen::Arp(A, tell_4(OURS, OUR_4, A, sender))]);
        unheard(&mut neighbors);
    }
    neighbors.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", OUR_4));
    assert!(outputs(&mut neighbors).contains(&Seen::Known(ip("10.0.0.7"), A, true)));
    neighbors.handle_nd(START, WAN, A, &ask_6("2001:db8::7", OUR_6, Some(A)));
    assert!(outputs(&mut neighbors).contains(&Seen::Known(ip("2001:db8::7"), A, true)));
    // Who is known may tell his new place, and is made sure of.
    neighbors.resolve(after(1), WAN, ip("10.0.0.7"));
    neighbors.handle_timeout(after(6));
    outputs(&mut neighbors);
    neighbors.handle_arp(after(6), WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    neighbors.handle_arp(after(7), WAN, &ask_4(B, "10.0.0.7", "10.0.0.7"));
    assert_eq!(outputs(&mut neighbors), [Seen::Known(ip("10.0.0.7"), B, true)]);
}

#[test]
fn configured_neighbors_stay_as_they_are() {
    let mut neighbors = settled();
    let host = ip("10.0.0.7");
    let mut with = settings();
    with.fixed.push(StaticNeighbor { address: host, mac: A });
    neighbors.set_link(after(3), WAN, with.clone());
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, A, false)]);
    neighbors.handle_arp(after(4), WAN, &ask_4(B, "10.0.0.7", OUR_4));
    assert_eq!(outputs(&mut neighbors), [Seen::Arp(B, tell_4(OURS, OUR_4, B, "10.0.0.7"))]);
    neighbors.set_up(after(5), WAN, false);
    assert_eq!(outputs(&mut neighbors), []);
    assert_eq!(neighbors.resolve(after(5), WAN, host), Resolution::Unreachable, "the link is down");
    neighbors.set_up(after(6), WAN, true);
    assert_eq!(neighbors.resolve(after(6), WAN, host), Resolution::Known(A));
    neighbors.handle_timeout(after(7));
    neighbors.handle_timeout(after(8));
    outputs(&mut neighbors);
    with.fixed[0].mac = B;
    neighbors.set_link(after(8), WAN, with);
    assert_eq!(outputs(&mut neighbors), [Seen::Known(host, B, false)]);
    neighbors.set_link(after(8), WAN, settings());
    assert_eq!(outputs(&mut neighbors), [Seen::Forgotten(host)]);
}

#[test]
fn conflicts_are_told_and_addresses_in_use_defended() {
    let mut neighbors = settled();
    neighbors.handle_arp(after(10), WAN, &ask_4(OURS, OUR_4, OUR_4));
    assert_eq!(outputs(&mut neighbors), [], "an echo of our own words");
    neighbors.handle_arp(after(10), WAN, &ask_4(A, OUR_4, "10.0.0.9"));
    let defence = || Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, OUR_4, OUR_4));
    assert_eq!(outputs(&mut neighbors), [defence(), Seen::Conflict(ip(OUR_4), A, true)]);
    neighbors.handle_arp(after(19), WAN, &tell_4(A, OUR_4, B, "10.0.0.9"));
    assert_eq!(outputs(&mut neighbors), [], "every ten seconds");
    neighbors.handle_arp(after(20), WAN, &tell_4(A, OUR_4, B, "10.0.0.9"));
    assert_eq!(outputs(&mut neighbors), [defence(), Seen::Conflict(ip(OUR_4), A, true)]);
    neighbors.handle_nd(after(20), WAN, A, &tell_6(OUR_6, "ff02::1", A, [false, false, true]));
    assert!(outputs(&mut neighbors).contains(&Seen::Conflict(ip(OUR_6), A, true)));
    assert_eq!(neighbors.neighbors(WAN).count(), 0);
}

#[test]
fn a_duplicate_is_not_used() {
    let answers = [tell_6(OUR_6, "ff02::1", A, [false, false, true]), ask_6("::", OUR_6, None)];
    for answer in answers {
        let mut neighbors = Neighbors::new();
        neighbors.set_link(START, WAN, settings());
        outputs(&mut neighbors);
        neighbors.handle_nd(START, WAN, A, &answer);
        assert_eq!(outputs(&mut neighbors), [Seen::Conflict(ip(OUR_6), A, false)]);
        neighbors.handle_timeout(after(60));
        assert!(!neighbors.is_own(WAN, ip(OUR_6)));
        outputs(&mut neighbors);
        neighbors.handle_nd(after(61), WAN, B, &ask_6("2001:db8::7", OUR_6, Some(B)));
        assert_eq!(outputs(&mut neighbors), [], "it is not answered for");
    }
    let mut neighbors = Neighbors::new();
    let mut probing = settings();
    probing.addresses[0].probes = 2;
    neighbors.set_link(START, WAN, probing);
    let search = Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, "0.0.0.0", OUR_4));
    assert!(outputs(&mut neighbors).contains(&search));
    neighbors.handle_arp(after(1), WAN, &ask_4(A, "0.0.0.0", OUR_4));
    assert!(outputs(&mut neighbors).contains(&Seen::Conflict(ip(OUR_4), A, false)));
    assert!(!neighbors.is_own(WAN, ip(OUR_4)));
}

#[test]
fn a_link_that_goes_down_forgets_and_one_that_comes_up_announces() {
    let mut neighbors = settled();
    neighbors.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", OUR_4));
    neighbors.resolve(START, WAN, ip("10.0.0.8"));
    outputs(&mut neighbors);
    neighbors.set_up(after(5), WAN, false);
    assert_eq!(outputs(&mut neighbors), [Seen::Forgotten(ip("10.0.0.7")), Seen::Unreachable(ip("10.0.0.8"))]);
    assert_eq!(neighbors.poll_timeout(), None);
    neighbors.handle_arp(after(6), WAN, &ask_4(A, "10.0.0.7", OUR_4));
    assert_eq!(outputs(&mut neighbors), []);
    neighbors.set_up(after(7), WAN, true);
    assert_eq!(outputs(&mut neighbors).len(), 3);
    neighbors.remove_link(WAN);
    assert_eq!((neighbors.poll_timeout(), outputs(&mut neighbors)), (None, vec![]));
}

#[test]
fn a_link_that_is_down_at_the_start_says_nothing_until_it_comes_up() {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, LinkSettings { is_up: false, ..settings() });
    assert_eq!((neighbors.poll_timeout(), outputs(&mut neighbors)), (None, vec![]));
    neighbors.set_up(after(7), WAN, true);
    assert_eq!(outputs(&mut neighbors).len(), 3);
}

#[test]
fn addresses_that_nobody_on_the_link_has_are_not_asked_for() {
    let mut neighbors = settled();
    for address in [OUR_4, OUR_6, "0.0.0.0", "255.255.255.255", "10.0.0.255", "224.0.0.9", "ff02::9", "::"] {
        assert_eq!(neighbors.resolve(START, WAN, ip(address)), Resolution::Unreachable, "{address}");
    }
    assert_eq!(neighbors.resolve(START, InterfaceId(9), ip("10.0.0.7")), Resolution::Unreachable);
    assert_eq!(outputs(&mut neighbors), []);
    // A router may lie outside our networks.
    assert_eq!(neighbors.resolve(START, WAN, ip("192.0.2.1")), Resolution::Pending);
}

#[test]
fn a_scan_does_not_push_out_who_is_talked_to() {
    let mut neighbors = Neighbors::new();
    neighbors.set_link(START, WAN, LinkSettings { capacity: 16, ..settings() });
    for host in 10..18_u8 {
        let address = IpAddr::from([10, 0, 0, host]);
        neighbors.resolve(after(1), WAN, address);
        let name = alloc::format!("{address}");
        neighbors.handle_arp(after(1), WAN, &tell_4(A, &name, OURS, OUR_4));
    }
    outputs(&mut neighbors);
    let mut given_up = 0;
    for host in 20..200_u8 {
        neighbors.resolve(after(2), WAN, IpAddr::from([10, 0, 0, host]));
        let gone = |seen: &&Seen| matches!(seen, Seen::Unreachable(_));
        given_up += outputs(&mut neighbors).iter().filter(gone).count();
    }
    let all: Vec<Neighbor> = neighbors.neighbors(WAN).collect();
    let count = |state| all.iter().filter(|neighbor| neighbor.state == state).count();
    assert_eq!((count(NeighborState::Reachable), count(NeighborState::Incomplete)), (8, 4));
    assert_eq!(given_up, 176, "those that had to go are told of");
}

/// Bytes that are near to messages.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let arp = (any::<bool>(), 0_u8..12, 0_u8..4, 0_u8..4).prop_map(|(is_request, sender, target, mac)| {
        let address = |last| core::net::Ipv4Addr::new(10, 0, 0, last);
        let sender_mac = MacAddress([2, 0, 0, 0, 0, mac]);
        let (sender, target) = (address(sender), address(target));
        Arp { is_request, sender_mac, sender, target_mac: OURS, target }.frame(OURS)
    });
    let nd = (0_u8..12, 0_u8..12, 0_u8..4, any::<[bool; 5]>()).prop_map(|(source, target, mac, flags)| {
        let address = |last: u8| core::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
        let [is_solicitation, is_router, is_solicited, is_override, has_mac] = flags;
        let kind = match is_solicitation {
            true => NeighborMessageKind::Solicitation,
            false => NeighborMessageKind::Advertisement { is_router, is_solicited, is_override },
        };
        let (from, target) = (MacAddress([2, 0, 0, 0, 0, mac]), address(target));
        let source = if source == 0 { v6("::") } else { address(source) };
        let destination = if is_solicitation { solicited_node(target) } else { v6(OUR_6) };
        NeighborMessage { source, destination, target, mac: has_mac.then_some(from), kind }.frame(from, OURS)
    });
    let changed = (arp.clone(), any::<prop::sample::Index>(), any::<u8>(), 0_usize..50).prop_map(
        |(mut frame, at, value, length)| {
            let at = at.index(frame.len());
            frame[at] = value;
            frame.truncate(length);
            frame
        },
    );
    prop_oneof![4 => arp, 4 => nd, 1 => changed, 1 => prop::collection::vec(any::<u8>(), 0..90)]
}

#[derive(Clone, Debug)]
enum Step {
    Frame(Vec<u8>),
    Resolve(u8, bool),
    Wait(u64),
    Up(bool),
    Set(u8),
    Told(u8, bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_frame().prop_map(Step::Frame),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(host, is_v6)| Step::Resolve(host, is_v6)),
        3 => (0_u64..4).prop_map(Step::Wait),
        1 => (0_u64..4000).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Up),
        1 => (0_u8..5).prop_map(Step::Set),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(host, is_there)| Step::Told(host, is_there)),
    ]
}

proptest! {
    /// Workers that follow the updates know what the table knows; tables and timers stay small.
    #[test]
    fn any_frames_keep_copies_right_and_tables_small(steps in prop::collection::vec(any_step(), 0..120)) {
        let mut neighbors = Neighbors::new();
        let small = LinkSettings { capacity: 8, ..settings() };
        let kinds = [
            small.clone(),
            settings(),
            LinkSettings { is_silent: true, ..settings() },
            with_shares([true, false]),
            LinkSettings { is_silent: true, ..with_shares([true, true]) },
        ];
        let mut kind = &kinds[0];
        neighbors.set_link(START, WAN, kind.clone());
        outputs(&mut neighbors);
        let mut now = START;
        let mut copy: BTreeMap<IpAddr, MacAddress> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Frame(frame) => {
                    neighbors.handle_frame(now, WAN, &frame);
                }
                Step::Resolve(host, is_v6) => {
                    let address = match is_v6 {
                        true => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]),
                        false => IpAddr::from([10, 0, 0, host]),
                    };
                    neighbors.resolve(now, WAN, address);
                }
                Step::Wait(seconds) => {
                    let until = now + Duration::from_secs(seconds);
                    while let Some(at) = neighbors.poll_timeout().filter(|at| *at <= until) {
                        prop_assert!(at >= now);
                        now = at;
                        neighbors.handle_timeout(now);
                    }
                    now = until;
                }
                Step::Up(is_up) => neighbors.set_up(now, WAN, is_up),
                Step::Set(number) => {
                    kind = &kinds[usize::from(number)];
                    neighbors.set_link(now, WAN, kind.clone());
                }
                Step::Told(host, is_there) => {
                    let address = IpAddr::from([10, 0, 0, host]);
                    neighbors.handle_peer_entry(now, WAN, address, is_there.then_some(B));
                }
            }
            while let Some(output) = neighbors.poll_output() {
                let is_frame = matches!(output, NeighborOutput::Frame { .. });
                prop_assert!(!(is_frame && kind.is_silent), "a silent device sends nothing");
                if let NeighborOutput::Update(update) = output {
                    match update.mac {
                        Some(mac) => copy.insert(update.address, mac),
                        None => copy.remove(&update.address),
                    };
                }
            }
            let known = |neighbor: Neighbor| Some((neighbor.address, neighbor.mac?));
            let table: BTreeMap<IpAddr, MacAddress> = neighbors.neighbors(WAN).filter_map(known).collect();
            prop_assert_eq!(&copy, &table);
            prop_assert!(!table.values().any(|mac| mac.is_multicast()));
            prop_assert!(!table.contains_key(&ip(OUR_4)) && !table.contains_key(&ip(OUR_6)));
            let mut held = kind.virtual_addresses.iter().map(|own| own.prefix.address);
            prop_assert!(held.all(|address| !table.contains_key(&address)));
            let entries = neighbors.neighbors(WAN).count();
            let deadlines = neighbors.neighbors(WAN).filter(|one| one.deadline.is_some()).count();
            prop_assert_eq!(deadlines, entries, "each is forgotten one day");
            prop_assert!(neighbors.timers.len() <= entries + 3);
        }
    }
}
