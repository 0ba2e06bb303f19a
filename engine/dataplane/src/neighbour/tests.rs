use alloc::{vec, vec::Vec};
use core::{net::IpAddr, time::Duration};

use bifrons_config::typed::{AddressRange, DeviceBinding, Interface, NdProxy, Prefix, StaticNeighbor};
use bifrons_policy::ProxyArp;
use bifrons_wire::{ALL_NODES, Arp, NeighborMessage, NeighborMessageKind, link_local, solicited_node};
use proptest::prelude::*;

use super::*;

const WAN: InterfaceId = InterfaceId(3);
const OURS: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
const A: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xa]);
const B: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xb]);
const START: Timestamp = Timestamp::from_secs(1000);
const OUR_4: &str = "10.0.0.1";
const OUR_6: &str = "2001:db8::1";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn v4(text: &str) -> core::net::Ipv4Addr {
    text.parse().unwrap()
}

fn v6(text: &str) -> core::net::Ipv6Addr {
    text.parse().unwrap()
}

fn after(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn prefix(address: &str, length: u8) -> Prefix {
    Prefix { address: ip(address), length }
}

fn interface() -> Interface {
    Interface { addresses: vec![prefix(OUR_4, 24), prefix(OUR_6, 64)], ..Interface::default() }
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

fn settings() -> LinkSettings {
    let proxied = [
        ProxyArp { addresses: range("10.0.0.100", "10.0.0.110"), binding: DeviceBinding::default() },
        ProxyArp { addresses: range("2001:db8::100", "2001:db8::1ff"), binding: DeviceBinding::default() },
    ];
    let nd_proxy = NdProxy { except: vec![range("2001:db8::180", "2001:db8::180")], ..NdProxy::default() };
    LinkSettings::new(OURS, &Interface { nd_proxy: Some(nd_proxy), ..interface() }, &proxied)
}

/// A device whose addresses are all in use and announced.
fn settled() -> Neighbours {
    let mut neighbours = Neighbours::new();
    neighbours.set_link(START, WAN, settings());
    neighbours.handle_timeout(after(1));
    neighbours.handle_timeout(after(2));
    outputs(&mut neighbours);
    assert_eq!(neighbours.poll_timeout(), None);
    neighbours
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// To whom on the link, and what.
    Arp(MacAddress, Arp),
    Nd(MacAddress, NeighborMessage),
    /// Address, place, whether its next use is to be told.
    Known(IpAddr, MacAddress, bool),
    Forgotten(IpAddr),
    Unreachable(IpAddr),
    Conflict(IpAddr, MacAddress, bool),
}

fn outputs(neighbours: &mut Neighbours) -> Vec<Seen> {
    let mut seen = Vec::new();
    while let Some(output) = neighbours.poll_output() {
        seen.push(match output {
            NeighbourOutput::Frame { interface, bytes } => {
                assert_eq!(interface, WAN);
                let to = MacAddress(*bytes.first_chunk().unwrap());
                match Arp::read(&bytes[14..]) {
                    Some(arp) => Seen::Arp(to, arp),
                    None => Seen::Nd(to, NeighborMessage::read(&bytes[14..]).unwrap()),
                }
            }
            NeighbourOutput::Update(update) => match update.mac {
                Some(mac) => Seen::Known(update.address, mac, update.is_stale),
                None => Seen::Forgotten(update.address),
            },
            NeighbourOutput::Unreachable { address, .. } => Seen::Unreachable(address),
            NeighbourOutput::Conflict { address, mac, is_used, .. } => Seen::Conflict(address, mac, is_used),
        });
    }
    seen
}

fn ask_4(sender_mac: MacAddress, sender: &str, target: &str) -> Arp {
    let (sender, target) = (v4(sender), v4(target));
    Arp { is_request: true, sender_mac, sender, target_mac: MacAddress::default(), target }
}

fn tell_4(sender_mac: MacAddress, sender: &str, target_mac: MacAddress, target: &str) -> Arp {
    Arp { is_request: false, sender_mac, sender: v4(sender), target_mac, target: v4(target) }
}

fn ask_6(source: &str, target: &str, mac: Option<MacAddress>) -> NeighborMessage {
    let (source, target) = (v6(source), v6(target));
    let destination = solicited_node(target);
    NeighborMessage { source, destination, target, mac, kind: NeighborMessageKind::Solicitation }
}

fn tell_6(source: &str, destination: &str, mac: MacAddress, flags: [bool; 3]) -> NeighborMessage {
    let [is_router, is_solicited, is_override] = flags;
    let kind = NeighborMessageKind::Advertisement { is_router, is_solicited, is_override };
    let (source, destination) = (v6(source), v6(destination));
    NeighborMessage { source, destination, target: source, mac: Some(mac), kind }
}

#[test]
fn addresses_are_looked_for_and_announced() {
    let mut neighbours = Neighbours::new();
    neighbours.set_link(START, WAN, settings());
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
    let found = outputs(&mut neighbours);
    assert_eq!(found.len(), 3);
    assert!(found.contains(&announcement));
    assert!(found.contains(&Seen::Nd(group(v6(OUR_6)), search(v6(OUR_6)))));
    assert!(found.contains(&Seen::Nd(group(local), search(local))));
    assert!(neighbours.is_own(WAN, ip(OUR_4)) && !neighbours.is_own(WAN, ip(OUR_6)));
    assert_eq!(neighbours.poll_timeout(), Some(after(1)));
    neighbours.handle_timeout(after(1));
    let all = MacAddress::of_ipv6_multicast(ALL_NODES);
    let own = Seen::Nd(all, tell_6(OUR_6, "ff02::1", OURS, [true, false, true]));
    assert!(outputs(&mut neighbours).contains(&own));
    assert!(neighbours.is_own(WAN, ip(OUR_6)));
    neighbours.handle_timeout(after(2));
    let again = outputs(&mut neighbours);
    assert!(again.contains(&announcement) && again.contains(&own));
    // What is set once more as it was begins nothing; another Ethernet address does.
    neighbours.set_link(after(3), WAN, settings());
    assert_eq!((outputs(&mut neighbours), neighbours.poll_timeout()), (vec![], None));
    let moved = LinkSettings::new(B, &interface(), &[]);
    neighbours.set_link(after(3), WAN, moved);
    let announcement = Seen::Arp(MacAddress::BROADCAST, ask_4(B, OUR_4, OUR_4));
    assert!(outputs(&mut neighbours).contains(&announcement));
}

#[test]
fn an_arp_neighbour_is_asked_answers_ages_and_is_made_sure_of() {
    let mut neighbours = settled();
    let host = ip("10.0.0.7");
    let question = || Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, OUR_4, "10.0.0.7"));
    assert_eq!(neighbours.resolve(after(10), WAN, host), Resolution::Pending);
    assert_eq!(outputs(&mut neighbours), [question()]);
    assert_eq!(neighbours.resolve(after(10), WAN, host), Resolution::Pending);
    assert_eq!(outputs(&mut neighbours), [], "one question a second");
    neighbours.handle_timeout(after(11));
    assert_eq!(outputs(&mut neighbours), [question()]);
    neighbours.handle_arp(after(11), WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, A, false)]);
    assert_eq!(neighbours.resolve(after(12), WAN, host), Resolution::Known(A));
    assert_eq!(neighbours.poll_timeout(), Some(after(1811)));
    neighbours.handle_timeout(after(1811));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, A, true)]);
    // The next use makes sure of it, after time for other signs of life.
    assert_eq!(neighbours.resolve(after(1900), WAN, host), Resolution::Known(A));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, A, false)]);
    neighbours.handle_timeout(after(1905));
    assert_eq!(outputs(&mut neighbours), [Seen::Arp(A, ask_4(OURS, OUR_4, "10.0.0.7"))]);
    neighbours.handle_arp(after(1905), WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    assert_eq!(neighbours.neighbours(WAN).next().unwrap().state, NeighbourState::Reachable);
    // Without a use it is forgotten.
    neighbours.handle_timeout(after(1905 + 1800));
    outputs(&mut neighbours);
    neighbours.handle_timeout(after(1905 + 1800 + 1200));
    assert_eq!(outputs(&mut neighbours), [Seen::Forgotten(host)]);
    assert_eq!(neighbours.neighbours(WAN).count(), 0);
}

#[test]
fn who_does_not_answer_is_asked_three_times_then_not_at_once_again() {
    for (host, family) in [(ip("10.0.0.7"), "ARP"), (ip("2001:db8::7"), "ND")] {
        let mut neighbours = settled();
        neighbours.resolve(after(10), WAN, host);
        let mut frames = outputs(&mut neighbours).len();
        for second in 11..13 {
            neighbours.handle_timeout(after(second));
            frames += outputs(&mut neighbours).len();
        }
        assert_eq!(frames, 3, "{family}");
        neighbours.handle_timeout(after(13));
        assert_eq!(outputs(&mut neighbours), [Seen::Unreachable(host)]);
        assert_eq!(neighbours.resolve(after(13), WAN, host), Resolution::Unreachable);
        assert_eq!(outputs(&mut neighbours), []);
        neighbours.handle_timeout(after(14));
        assert_eq!(neighbours.resolve(after(14), WAN, host), Resolution::Pending);
        assert_eq!(outputs(&mut neighbours).len(), 1);
    }
}

#[test]
fn a_neighbour_discovery_neighbour() {
    let mut neighbours = settled();
    let host = ip("2001:db8::7");
    neighbours.resolve(after(10), WAN, host);
    let to = MacAddress::of_ipv6_multicast(solicited_node(v6("2001:db8::7")));
    assert_eq!(outputs(&mut neighbours), [Seen::Nd(to, ask_6(OUR_6, "2001:db8::7", Some(OURS)))]);
    let answer = |mac, is_solicited, is_override| {
        tell_6("2001:db8::7", OUR_6, mac, [false, is_solicited, is_override])
    };
    neighbours.handle_nd(after(10), WAN, A, &answer(A, true, false));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, A, false)]);
    neighbours.handle_nd(after(11), WAN, B, &answer(B, false, false));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, A, true)], "contradicted, but not overridden");
    neighbours.handle_nd(after(12), WAN, B, &answer(B, false, true));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, B, true)]);
    neighbours.resolve(after(13), WAN, host);
    neighbours.confirm(after(14), WAN, host);
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, B, false)]);
    assert_eq!(neighbours.poll_timeout(), Some(after(44)));
    // A link-local neighbour is asked from the link-local address.
    neighbours.resolve(after(15), WAN, ip("fe80::7"));
    let local = alloc::format!("{}", link_local(OURS));
    let to = MacAddress::of_ipv6_multicast(solicited_node(v6("fe80::7")));
    assert_eq!(outputs(&mut neighbours), [Seen::Nd(to, ask_6(&local, "fe80::7", Some(OURS)))]);
}

#[test]
fn questions_for_our_addresses_and_those_we_answer_for_are_answered() {
    let mut neighbours = settled();
    for target in [OUR_4, "10.0.0.105"] {
        neighbours.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", target));
        let answer = Seen::Arp(A, tell_4(OURS, target, A, "10.0.0.7"));
        assert!(outputs(&mut neighbours).contains(&answer), "{target}");
    }
    for target in ["10.0.0.99", "10.0.0.111", "10.0.0.7"] {
        neighbours.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", target));
        assert_eq!(outputs(&mut neighbours), [], "{target}");
    }
    for (target, is_override) in [(OUR_6, true), ("2001:db8::105", false)] {
        neighbours.handle_nd(START, WAN, A, &ask_6("2001:db8::7", target, Some(A)));
        let source = if is_override { target } else { OUR_6 };
        let mut answer = tell_6(source, "2001:db8::7", OURS, [true, true, is_override]);
        answer.target = v6(target);
        assert!(outputs(&mut neighbours).contains(&Seen::Nd(A, answer)), "{target}");
    }
    for target in ["2001:db8::180", "2001:db8::200"] {
        neighbours.handle_nd(START, WAN, A, &ask_6("2001:db8::7", target, Some(A)));
        assert_eq!(outputs(&mut neighbours), [], "{target}");
    }
    // Who searches for duplicates of our address hears of us.
    neighbours.handle_arp(START, WAN, &ask_4(A, "0.0.0.0", OUR_4));
    assert_eq!(outputs(&mut neighbours), [Seen::Arp(A, tell_4(OURS, OUR_4, A, "0.0.0.0"))]);
    neighbours.handle_nd(START, WAN, A, &ask_6("::", OUR_6, None));
    let all = MacAddress::of_ipv6_multicast(ALL_NODES);
    let answer = tell_6(OUR_6, "ff02::1", OURS, [true, false, true]);
    assert_eq!(outputs(&mut neighbours), [Seen::Nd(all, answer)]);
}

#[test]
fn an_address_that_moves_between_devices_answers_with_its_own_place() {
    let mut neighbours = settled();
    let floating = OwnAddress { prefix: prefix("10.0.0.2", 24), mac: B, probes: 0 };
    let mut with = settings();
    with.addresses.push(floating);
    neighbours.set_link(after(5), WAN, with);
    assert_eq!(
        outputs(&mut neighbours),
        [Seen::Arp(MacAddress::BROADCAST, ask_4(B, "10.0.0.2", "10.0.0.2"))],
        "only the new one is announced"
    );
    neighbours.handle_arp(after(6), WAN, &ask_4(A, "10.0.0.7", "10.0.0.2"));
    assert!(outputs(&mut neighbours).contains(&Seen::Arp(A, tell_4(B, "10.0.0.2", A, "10.0.0.7"))));
    neighbours.set_link(after(7), WAN, settings());
    neighbours.handle_arp(after(8), WAN, &ask_4(A, "10.0.0.7", "10.0.0.2"));
    assert_eq!(outputs(&mut neighbours), [], "it has moved away");
}

#[test]
fn nobody_becomes_known_by_talking() {
    let mut neighbours = settled();
    let unheard = |neighbours: &mut Neighbours| {
        assert_eq!((outputs(neighbours), neighbours.neighbours(WAN).count()), (vec![], 0));
    };
    neighbours.handle_arp(START, WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    neighbours.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", "10.0.0.7"));
    neighbours.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", "10.0.0.8"));
    neighbours.handle_nd(START, WAN, A, &tell_6("2001:db8::7", OUR_6, A, [true, true, true]));
    neighbours.handle_nd(START, WAN, A, &ask_6("2001:db8::7", "2001:db8::8", Some(A)));
    unheard(&mut neighbours);
    // Who asks from another network, or as the network itself, is answered and not kept.
    for sender in ["192.0.2.7", "10.0.0.0", "10.0.0.255", "224.0.0.1"] {
        neighbours.handle_arp(START, WAN, &ask_4(A, sender, OUR_4));
        assert_eq!(outputs(&mut neighbours), [Seen::Arp(A, tell_4(OURS, OUR_4, A, sender))]);
        unheard(&mut neighbours);
    }
    neighbours.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", OUR_4));
    assert!(outputs(&mut neighbours).contains(&Seen::Known(ip("10.0.0.7"), A, true)));
    neighbours.handle_nd(START, WAN, A, &ask_6("2001:db8::7", OUR_6, Some(A)));
    assert!(outputs(&mut neighbours).contains(&Seen::Known(ip("2001:db8::7"), A, true)));
    // Who is known may tell his new place, and is made sure of.
    neighbours.resolve(after(1), WAN, ip("10.0.0.7"));
    neighbours.handle_timeout(after(6));
    outputs(&mut neighbours);
    neighbours.handle_arp(after(6), WAN, &tell_4(A, "10.0.0.7", OURS, OUR_4));
    neighbours.handle_arp(after(7), WAN, &ask_4(B, "10.0.0.7", "10.0.0.7"));
    assert_eq!(outputs(&mut neighbours), [Seen::Known(ip("10.0.0.7"), B, true)]);
}

#[test]
fn configured_neighbours_stay_as_they_are() {
    let mut neighbours = settled();
    let host = ip("10.0.0.7");
    let mut with = settings();
    with.fixed.push(StaticNeighbor { address: host, mac: A });
    neighbours.set_link(after(3), WAN, with.clone());
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, A, false)]);
    neighbours.handle_arp(after(4), WAN, &ask_4(B, "10.0.0.7", OUR_4));
    assert_eq!(outputs(&mut neighbours), [Seen::Arp(B, tell_4(OURS, OUR_4, B, "10.0.0.7"))]);
    neighbours.set_up(after(5), WAN, false);
    assert_eq!(outputs(&mut neighbours), []);
    assert_eq!(neighbours.resolve(after(5), WAN, host), Resolution::Unreachable, "the link is down");
    neighbours.set_up(after(6), WAN, true);
    assert_eq!(neighbours.resolve(after(6), WAN, host), Resolution::Known(A));
    neighbours.handle_timeout(after(7));
    neighbours.handle_timeout(after(8));
    outputs(&mut neighbours);
    with.fixed[0].mac = B;
    neighbours.set_link(after(8), WAN, with);
    assert_eq!(outputs(&mut neighbours), [Seen::Known(host, B, false)]);
    neighbours.set_link(after(8), WAN, settings());
    assert_eq!(outputs(&mut neighbours), [Seen::Forgotten(host)]);
}

#[test]
fn conflicts_are_told_and_addresses_in_use_defended() {
    let mut neighbours = settled();
    neighbours.handle_arp(after(10), WAN, &ask_4(OURS, OUR_4, OUR_4));
    assert_eq!(outputs(&mut neighbours), [], "an echo of our own words");
    neighbours.handle_arp(after(10), WAN, &ask_4(A, OUR_4, "10.0.0.9"));
    let defence = || Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, OUR_4, OUR_4));
    assert_eq!(outputs(&mut neighbours), [defence(), Seen::Conflict(ip(OUR_4), A, true)]);
    neighbours.handle_arp(after(19), WAN, &tell_4(A, OUR_4, B, "10.0.0.9"));
    assert_eq!(outputs(&mut neighbours), [], "every ten seconds");
    neighbours.handle_arp(after(20), WAN, &tell_4(A, OUR_4, B, "10.0.0.9"));
    assert_eq!(outputs(&mut neighbours), [defence(), Seen::Conflict(ip(OUR_4), A, true)]);
    neighbours.handle_nd(after(20), WAN, A, &tell_6(OUR_6, "ff02::1", A, [false, false, true]));
    assert!(outputs(&mut neighbours).contains(&Seen::Conflict(ip(OUR_6), A, true)));
    assert_eq!(neighbours.neighbours(WAN).count(), 0);
}

#[test]
fn a_duplicate_is_not_used() {
    let answers = [tell_6(OUR_6, "ff02::1", A, [false, false, true]), ask_6("::", OUR_6, None)];
    for answer in answers {
        let mut neighbours = Neighbours::new();
        neighbours.set_link(START, WAN, settings());
        outputs(&mut neighbours);
        neighbours.handle_nd(START, WAN, A, &answer);
        assert_eq!(outputs(&mut neighbours), [Seen::Conflict(ip(OUR_6), A, false)]);
        neighbours.handle_timeout(after(60));
        assert!(!neighbours.is_own(WAN, ip(OUR_6)));
        outputs(&mut neighbours);
        neighbours.handle_nd(after(61), WAN, B, &ask_6("2001:db8::7", OUR_6, Some(B)));
        assert_eq!(outputs(&mut neighbours), [], "it is not answered for");
    }
    let mut neighbours = Neighbours::new();
    let mut probing = settings();
    probing.addresses[0].probes = 2;
    neighbours.set_link(START, WAN, probing);
    let search = Seen::Arp(MacAddress::BROADCAST, ask_4(OURS, "0.0.0.0", OUR_4));
    assert!(outputs(&mut neighbours).contains(&search));
    neighbours.handle_arp(after(1), WAN, &ask_4(A, "0.0.0.0", OUR_4));
    assert!(outputs(&mut neighbours).contains(&Seen::Conflict(ip(OUR_4), A, false)));
    assert!(!neighbours.is_own(WAN, ip(OUR_4)));
}

#[test]
fn a_link_that_goes_down_forgets_and_one_that_comes_up_announces() {
    let mut neighbours = settled();
    neighbours.handle_arp(START, WAN, &ask_4(A, "10.0.0.7", OUR_4));
    neighbours.resolve(START, WAN, ip("10.0.0.8"));
    outputs(&mut neighbours);
    neighbours.set_up(after(5), WAN, false);
    assert_eq!(
        outputs(&mut neighbours),
        [Seen::Forgotten(ip("10.0.0.7")), Seen::Unreachable(ip("10.0.0.8"))]
    );
    assert_eq!(neighbours.poll_timeout(), None);
    neighbours.handle_arp(after(6), WAN, &ask_4(A, "10.0.0.7", OUR_4));
    assert_eq!(outputs(&mut neighbours), []);
    neighbours.set_up(after(7), WAN, true);
    assert_eq!(outputs(&mut neighbours).len(), 3);
    neighbours.remove_link(WAN);
    assert_eq!((neighbours.poll_timeout(), outputs(&mut neighbours)), (None, vec![]));
}

#[test]
fn addresses_that_nobody_on_the_link_has_are_not_asked_for() {
    let mut neighbours = settled();
    for address in [OUR_4, OUR_6, "0.0.0.0", "255.255.255.255", "10.0.0.255", "224.0.0.9", "ff02::9", "::"] {
        assert_eq!(neighbours.resolve(START, WAN, ip(address)), Resolution::Unreachable, "{address}");
    }
    assert_eq!(neighbours.resolve(START, InterfaceId(9), ip("10.0.0.7")), Resolution::Unreachable);
    assert_eq!(outputs(&mut neighbours), []);
    // A router may lie outside our networks.
    assert_eq!(neighbours.resolve(START, WAN, ip("192.0.2.1")), Resolution::Pending);
}

#[test]
fn a_scan_does_not_push_out_who_is_talked_to() {
    let mut neighbours = Neighbours::new();
    neighbours.set_link(START, WAN, LinkSettings { capacity: 16, ..settings() });
    for host in 10..18_u8 {
        let address = IpAddr::from([10, 0, 0, host]);
        neighbours.resolve(after(1), WAN, address);
        let name = alloc::format!("{address}");
        neighbours.handle_arp(after(1), WAN, &tell_4(A, &name, OURS, OUR_4));
    }
    outputs(&mut neighbours);
    let mut given_up = 0;
    for host in 20..200_u8 {
        neighbours.resolve(after(2), WAN, IpAddr::from([10, 0, 0, host]));
        let gone = |seen: &&Seen| matches!(seen, Seen::Unreachable(_));
        given_up += outputs(&mut neighbours).iter().filter(gone).count();
    }
    let all: Vec<Neighbour> = neighbours.neighbours(WAN).collect();
    let count = |state| all.iter().filter(|neighbour| neighbour.state == state).count();
    assert_eq!((count(NeighbourState::Reachable), count(NeighbourState::Incomplete)), (8, 4));
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
    Set(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_frame().prop_map(Step::Frame),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(host, is_v6)| Step::Resolve(host, is_v6)),
        3 => (0_u64..4).prop_map(Step::Wait),
        1 => (0_u64..4000).prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Up),
        1 => any::<bool>().prop_map(Step::Set),
    ]
}

proptest! {
    /// Workers that follow the updates know what the table knows; tables and timers stay small.
    #[test]
    fn any_frames_keep_copies_right_and_tables_small(steps in prop::collection::vec(any_step(), 0..120)) {
        let mut neighbours = Neighbours::new();
        let small = LinkSettings { capacity: 8, ..settings() };
        neighbours.set_link(START, WAN, small.clone());
        let mut now = START;
        let mut copy: BTreeMap<IpAddr, MacAddress> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Frame(frame) => {
                    neighbours.handle_frame(now, WAN, &frame);
                }
                Step::Resolve(host, is_v6) => {
                    let address = match is_v6 {
                        true => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]),
                        false => IpAddr::from([10, 0, 0, host]),
                    };
                    neighbours.resolve(now, WAN, address);
                }
                Step::Wait(seconds) => {
                    let until = now + Duration::from_secs(seconds);
                    while let Some(at) = neighbours.poll_timeout().filter(|at| *at <= until) {
                        prop_assert!(at >= now);
                        now = at;
                        neighbours.handle_timeout(now);
                    }
                    now = until;
                }
                Step::Up(is_up) => neighbours.set_up(now, WAN, is_up),
                Step::Set(is_small) => {
                    let settings = if is_small { small.clone() } else { settings() };
                    neighbours.set_link(now, WAN, settings);
                }
            }
            while let Some(output) = neighbours.poll_output() {
                if let NeighbourOutput::Update(update) = output {
                    match update.mac {
                        Some(mac) => copy.insert(update.address, mac),
                        None => copy.remove(&update.address),
                    };
                }
            }
            let known = |neighbour: Neighbour| Some((neighbour.address, neighbour.mac?));
            let table: BTreeMap<IpAddr, MacAddress> = neighbours.neighbours(WAN).filter_map(known).collect();
            prop_assert_eq!(&copy, &table);
            prop_assert!(!table.values().any(|mac| mac.is_multicast()));
            prop_assert!(!table.contains_key(&ip(OUR_4)) && !table.contains_key(&ip(OUR_6)));
            let entries = neighbours.neighbours(WAN).count();
            let deadlines = neighbours.neighbours(WAN).filter(|one| one.deadline.is_some()).count();
            prop_assert_eq!(deadlines, entries, "each is forgotten one day");
            prop_assert!(neighbours.timers.len() <= entries + 3);
        }
    }
}
