//! Answers that go back to where their session came from.

use std::{collections::BTreeSet, net::Ipv4Addr};

use bifrons_model::MacAddress;
use bifrons_node::PortId;
use bifrons_wire::EthernetHeader;
use etherparse::{PacketBuilder, PacketBuilderStep};

use crate::{
    CLIENT, CONFIG, INSIDE, OUTSIDE, OWN,
    network::{Network, station},
};

const INBOUND: &str = "
set rulebase security rules in from outside to inside source any destination any
set rulebase security rules in application any service any action allow
set network profiles interface-management-profile ping ping yes
set network interface ethernet ethernet1/2 layer3 interface-management-profile ping
";
const BACK: &str = "
set rulebase pbf rules back from interface ethernet1/2.7
set rulebase pbf rules back action no-pbf
set rulebase pbf rules back enforce-symmetric-return enabled yes
";
const EQUAL: &str = "
set network virtual-router default routing-table ip static-route two destination 203.0.113.0/24
set network virtual-router default routing-table ip static-route two nexthop ip-address 198.51.100.1
set network virtual-router default ecmp enable yes
";
const SERVER: [u8; 4] = [10, 0, 0, 1];
/// A router of which nobody knows an address.
const STRANGER: MacAddress = MacAddress([2, 5, 5, 5, 5, 5]);
/// Where answers go by routes.
const ROUTED: (PortId, Option<u16>, MacAddress) = (OUTSIDE, None, MacAddress([2, 9, 9, 9, 2, 1]));

/// A link of the device's to the outside: the tag.
type Link = Option<u16>;

fn client(number: u8) -> [u8; 4] {
    [203, 0, 113, number]
}

/// A packet of a client's that comes in by a link from a router.
fn inbound(
    (link, router): (Link, MacAddress),
    finish: impl Fn(PacketBuilderStep<etherparse::Ethernet2Header>) -> Vec<u8>,
) -> Vec<u8> {
    let frame = finish(PacketBuilder::ethernet2(router.0, OWN[1].0));
    let (header, length) = EthernetHeader::read(&frame).unwrap();
    let header = EthernetHeader { tag: link, ..header };
    [&header.bytes()[..header.length()], &frame[length..]].concat()
}

fn udp_in(from: (Link, MacAddress), number: u8) -> Vec<u8> {
    inbound(from, |builder| written(builder.ipv4(client(number), SERVER, 64).udp(5000, 53)))
}

fn written(builder: PacketBuilderStep<etherparse::UdpHeader>) -> Vec<u8> {
    let mut frame = Vec::new();
    builder.write(&mut frame, b"question").unwrap();
    frame
}

/// The server's answer.
fn udp_back(number: u8) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(CLIENT.0, OWN[0].0).ipv4(SERVER, client(number), 64);
    let mut frame = Vec::new();
    builder.udp(53, 5000).write(&mut frame, b"answer").unwrap();
    frame
}

/// Where the answers of a session go that comes in there.
fn answered(network: &mut Network, from: (Link, MacAddress), number: u8) -> (PortId, Link, MacAddress) {
    assert_eq!(network.give(OUTSIDE, udp_in(from, number)).len(), 1, "it gets in");
    back(network, number)
}

fn back(network: &mut Network, number: u8) -> (PortId, Link, MacAddress) {
    let sent = network.give(INSIDE, udp_back(number));
    let [sent] = sent.as_slice() else { panic!("one answer: {sent:?}") };
    *sent
}

#[test]
fn answers_go_back_to_the_station_that_the_session_came_from() {
    let plain = format!("{CONFIG}{INBOUND}");
    let mut network = Network::new(&plain);
    assert_eq!(answered(&mut network, (Some(7), STRANGER), 9), ROUTED);
    let forced = format!("{plain}{BACK}");
    let mut network = Network::new(&forced);
    assert_eq!(answered(&mut network, (Some(7), STRANGER), 9), (OUTSIDE, Some(7), STRANGER));
    // The rule is not for the other link.
    assert_eq!(answered(&mut network, (None, STRANGER), 10), ROUTED);
    // After other routes and commits an answer may come before the client's next packet.
    network.commit(&format!("{forced}set network virtual-router default ecmp max-path 3\n"));
    assert_eq!(back(&mut network, 9), (OUTSIDE, Some(7), STRANGER));
    network.give(OUTSIDE, udp_in((Some(7), STRANGER), 9));
    assert_eq!(back(&mut network, 9), (OUTSIDE, Some(7), STRANGER));
    // Without the rule the client's next packet lets them go as routes say.
    network.commit(&plain);
    network.give(OUTSIDE, udp_in((Some(7), STRANGER), 9));
    network.commit(&format!("{plain}set network virtual-router default ecmp max-path 3\n"));
    assert_eq!(back(&mut network, 9), ROUTED);
    // The log tells which sessions were sent back.
    network.run(60);
    let returned: Vec<bool> = network
        .bench
        .records
        .iter()
        .map(|record| record.flags.has(bifrons_model::Flags::SYMMETRIC_RETURN))
        .collect();
    assert_eq!(returned, [false, false], "as it was at the end");
}

#[test]
fn answers_go_to_the_listed_router_that_the_session_came_from() {
    let list = "set rulebase pbf rules back enforce-symmetric-return \
                nexthop-address-list [ 198.51.100.1 198.51.100.2 ]\n";
    let mut network = Network::new(&format!("{CONFIG}{INBOUND}{BACK}{list}"));
    let [one, two] = [1, 2].map(|last| station(Ipv4Addr::new(198, 51, 100, last)));
    for (number, sender, wanted) in [(9, two, two), (10, one, one), (11, two, two), (12, STRANGER, one)] {
        let sent = answered(&mut network, (Some(7), sender), number);
        assert_eq!(sent, (OUTSIDE, Some(7), wanted), "{number}");
    }
    network.run(60);
    let flags: Vec<_> = network.bench.records.iter().map(|record| record.flags).collect();
    assert_eq!(flags.len(), 4);
    assert!(flags.iter().all(|flags| flags.has(bifrons_model::Flags::SYMMETRIC_RETURN)));
}

#[test]
fn a_syn_that_is_answered_with_a_cookie_is_answered_where_it_came_from() {
    let cookies = "
set network profiles zone-protection-profile shield flood tcp-syn enable yes
set network profiles zone-protection-profile shield flood tcp-syn syn-cookies activate-rate 0
set network profiles zone-protection-profile shield flood tcp-syn syn-cookies alarm-rate 100000
set network profiles zone-protection-profile shield flood tcp-syn syn-cookies maximal-rate 1000000
set zone outside network zone-protection-profile shield
";
    let mut network = Network::new(&format!("{CONFIG}{INBOUND}{BACK}{cookies}"));
    let syn = inbound((Some(7), STRANGER), |builder| {
        let mut frame = Vec::new();
        builder.ipv4(client(9), SERVER, 64).tcp(5000, 80, 77, 1000).syn().write(&mut frame, b"").unwrap();
        frame
    });
    assert_eq!(network.give(OUTSIDE, syn), [(OUTSIDE, Some(7), STRANGER)]);
}

#[test]
fn equal_paths_send_answers_by_the_interface_that_the_session_came_in_by() {
    for (line, is_symmetric) in [("", false), ("ecmp symmetric-return yes", true)] {
        let line = if line.is_empty() {
            String::new()
        } else {
            format!("set network virtual-router default {line}\n")
        };
        let mut network = Network::new(&format!("{CONFIG}{INBOUND}{EQUAL}{line}"));
        let mut links = BTreeSet::new();
        for number in 0..40 {
            let link = [None, Some(7)][usize::from(number / 2 % 2)];
            let (port, tag, mac) = answered(&mut network, (link, STRANGER), number);
            let router = if tag.is_some() { [198, 51, 100, 1] } else { [192, 0, 2, 1] };
            assert_eq!((port, mac), (OUTSIDE, station(router.into())));
            links.insert((link, tag));
        }
        let ways = if is_symmetric { 2 } else { 4 };
        assert_eq!(links.len(), ways, "{links:?}");
        assert!(!is_symmetric || links.iter().all(|(link, tag)| link == tag));
    }
}

#[test]
fn packets_of_the_device_leave_by_the_interface_of_their_source() {
    for (line, ways) in [
        ("", BTreeSet::from([None, Some(7)])),
        ("ecmp strict-source-path yes", BTreeSet::from([None])),
        // What comes in by an interface is answered there.
        ("ecmp symmetric-return yes", BTreeSet::from([Some(7)])),
    ] {
        let line = if line.is_empty() {
            String::new()
        } else {
            format!("set network virtual-router default {line}\n")
        };
        let allow = "set rulebase security rules ping from outside to outside source any destination any
set rulebase security rules ping application any service any action allow\n";
        let mut network = Network::new(&format!("{CONFIG}{INBOUND}{EQUAL}{allow}{line}"));
        let mut links = BTreeSet::new();
        for number in 0..40 {
            let ask = inbound((Some(7), STRANGER), |builder| {
                let step = builder.ipv4(client(number), [192, 0, 2, 254], 64);
                let mut frame = Vec::new();
                step.icmpv4_echo_request(5, 1).write(&mut frame, b"hello").unwrap();
                frame
            });
            let sent = network.give(OUTSIDE, ask);
            let [(OUTSIDE, tag, _)] = sent.as_slice() else { panic!("one answer: {sent:?}") };
            links.insert(*tag);
        }
        assert_eq!(links, ways, "{line}");
    }
}
