//! A device between two networks: what it forwards, answers and refuses.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

mod network;
mod paths;
mod protection;
mod returns;
mod workers;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use bifrons_config::{CommitRequest, Document, Sources, typed::Prefix};
use bifrons_model::{DropReason, MacAddress, Timestamp, TrafficRecord, VirtualRouterId};
use bifrons_node::{Command, Node, Notice, Output, PairIdentity, PortId, PortInfo, Secrets, Startup};
use bifrons_policy::{DynamicRoute, Target};
use bifrons_session::HashSeed;
use bifrons_wire::{Arp, EthernetHeader};
use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};

const CONFIG: &str = "
set network interface ethernet ethernet1/1 layer3 ip 10.0.0.254/24
set network interface ethernet ethernet1/1 layer3 interface-management-profile ping
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.254/24
set network interface ethernet ethernet1/2 layer3 units ethernet1/2.7 tag 7
set network interface ethernet ethernet1/2 layer3 units ethernet1/2.7 ip 198.51.100.254/24
set network profiles interface-management-profile ping ping yes
set network virtual-router default interface [ ethernet1/1 ethernet1/2 ethernet1/2.7 ]
set network virtual-router default routing-table ip static-route far destination 203.0.113.0/24
set network virtual-router default routing-table ip static-route far nexthop ip-address 192.0.2.1
set zone inside network layer3 ethernet1/1
set zone outside network layer3 [ ethernet1/2 ethernet1/2.7 ]
set rulebase security rules out from inside
set rulebase security rules out to outside
set rulebase security rules out source any
set rulebase security rules out destination any
set rulebase security rules out application any
set rulebase security rules out service any
set rulebase security rules out action allow
";

const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);
const CLIENT: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x11]);
const SERVER: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x22]);
const OWN: [MacAddress; 2] = [MacAddress([2, 0, 0, 0, 1, 1]), MacAddress([2, 0, 0, 0, 1, 2])];

/// A device and what came out of it.
struct Bench {
    node: Node,
    now: Timestamp,
    frames: Vec<(PortId, Vec<u8>)>,
    records: Vec<TrafficRecord>,
    notices: Vec<Notice>,
}

impl Bench {
    fn new() -> Self {
        Self::with(CONFIG, 1)
    }

    fn with(config: &str, workers: usize) -> Self {
        let ports = ["ethernet1/1", "ethernet1/2"].into_iter().zip(OWN);
        let startup = Startup {
            document: Document::parse(config, "test").unwrap(),
            sources: Sources::default(),
            signatures: Arc::default(),
            serial: String::new(),
            ports: ports.map(|(name, mac)| PortInfo { name: name.into(), mac, is_up: true }).collect(),
            workers,
            secrets: Secrets { hash: HashSeed::new(7), pair: [0; 32] },
            identity: PairIdentity::default(),
        };
        let now = Timestamp::from_secs(1_000);
        let mut bench = Self {
            node: Node::new(now, startup).unwrap(),
            now,
            frames: Vec::new(),
            records: Vec::new(),
            notices: Vec::new(),
        };
        bench.settle();
        bench
    }

    /// Lets the device announce its addresses.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.now = self.now.after_secs(1);
            self.node.handle_timeout(self.now);
        }
        self.drain();
        self.frames.clear();
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::Frame { port, bytes } => self.frames.push((port, bytes)),
                Output::Record(record) => self.records.push(*record),
                Output::Notice(Notice::Keep { .. }) | Output::Host { .. } | Output::Pair { .. } => {}
                Output::Notice(notice) => self.notices.push(notice),
            }
        }
        assert!(self.node.counters().all(bifrons_dataplane::Counters::is_conserved));
    }

    /// Gives a frame to the device; what left since the last call comes back.
    fn give(&mut self, port: PortId, frame: Vec<u8>) -> Vec<(PortId, Vec<u8>)> {
        self.node.handle_frame(self.now, port, frame);
        self.drain();
        std::mem::take(&mut self.frames)
    }

    /// Answers the device's question for a neighbor.
    fn answer(&mut self, port: PortId, asked: &[u8], mac: MacAddress) -> Vec<(PortId, Vec<u8>)> {
        let (header, length) = EthernetHeader::read(asked).unwrap();
        let ask = Arp::read(&asked[length..]).unwrap();
        assert!(ask.is_request && header.destination == MacAddress::BROADCAST);
        let reply = Arp {
            is_request: false,
            sender_mac: mac,
            sender: ask.target,
            target_mac: ask.sender_mac,
            target: ask.sender,
        };
        let untagged = reply.frame(ask.sender_mac);
        let header = EthernetHeader { tag: header.tag, ..EthernetHeader::read(&untagged).unwrap().0 };
        self.give(port, [&header.bytes()[..header.length()], &untagged[14..]].concat())
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.node.counters().map(|counters| counters.dropped_for(reason)).sum()
    }
}

fn udp(to: MacAddress, source: &str, destination: &str, hops: u8, length: usize) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let builder = PacketBuilder::ethernet2(CLIENT.0, to.0)
        .ipv4(address(source), address(destination), hops)
        .udp(1000, 2000);
    let mut frame = Vec::new();
    builder.write(&mut frame, &vec![0x5a; length]).unwrap();
    frame
}

fn echo(to: MacAddress, source: &str, destination: &str) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let builder = PacketBuilder::ethernet2(CLIENT.0, to.0)
        .ipv4(address(source), address(destination), 64)
        .icmpv4_echo_request(5, 1);
    let mut frame = Vec::new();
    builder.write(&mut frame, b"hello").unwrap();
    frame
}

/// Type and code of an ICMP message in a frame.
fn icmp_of(frame: &[u8]) -> (u8, u8) {
    match SlicedPacket::from_ethernet(frame).unwrap().transport {
        Some(TransportSlice::Icmpv4(icmp)) => (icmp.type_u8(), icmp.code_u8()),
        other => panic!("no ICMP: {other:?}"),
    }
}

#[test]
fn a_packet_waits_for_its_neighbor_and_leaves_with_a_hop_less() {
    let mut bench = Bench::new();
    let asked = bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 30));
    let [(OUTSIDE, ask)] = asked.as_slice() else { panic!("one question: {asked:?}") };
    assert_eq!(Arp::read(&ask[14..]).unwrap().target, Ipv4Addr::new(192, 0, 2, 1));
    let left = bench.answer(OUTSIDE, ask, SERVER);
    let [(OUTSIDE, frame)] = left.as_slice() else { panic!("one packet: {left:?}") };
    let (header, _) = EthernetHeader::read(frame).unwrap();
    assert_eq!((header.destination, header.source, header.tag), (SERVER, OWN[1], None));
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::NetSlice::Ipv4(ip)) = packet.net else { panic!() };
    assert_eq!(ip.header().ttl(), 63);
    assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
    // From now on no question is asked, and the frame is changed where it lies.
    let left = bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 31));
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, OUTSIDE);
    // The answer goes back.
    let mut answer = Vec::new();
    PacketBuilder::ethernet2(SERVER.0, OWN[1].0)
        .ipv4([203, 0, 113, 9], [10, 0, 0, 1], 64)
        .udp(2000, 1000)
        .write(&mut answer, b"x")
        .unwrap();
    let asked = bench.give(OUTSIDE, answer);
    let left = bench.answer(INSIDE, &asked[0].1, CLIENT);
    assert_eq!(left.len(), 1);
    assert_eq!(EthernetHeader::read(&left[0].1).unwrap().0.destination, CLIENT);
    bench.now = bench.now.after_secs(31);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    let [record] = bench.records.as_slice() else { panic!("one record") };
    assert_eq!((record.sent.packets, record.received.packets), (2, 1));
}

#[test]
fn a_tagged_interface_sends_tagged_frames() {
    let mut bench = Bench::new();
    let asked = bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "198.51.100.7", 64, 30));
    let (header, _) = EthernetHeader::read(&asked[0].1).unwrap();
    assert_eq!((asked[0].0, header.tag), (OUTSIDE, Some(7)));
    let left = bench.answer(OUTSIDE, &asked[0].1, SERVER);
    let (header, _) = EthernetHeader::read(&left[0].1).unwrap();
    assert_eq!((header.destination, header.tag), (SERVER, Some(7)));
    // Another header than it came with: each later frame is made anew.
    let left = bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "198.51.100.7", 64, 30));
    assert_eq!(EthernetHeader::read(&left[0].1).unwrap().0.tag, Some(7));
}

#[test]
fn what_cannot_be_forwarded_is_reported_to_its_sender() {
    let mut bench = Bench::new();
    // The device learns the client's station address by its question.
    let question = Arp {
        is_request: true,
        sender_mac: CLIENT,
        sender: Ipv4Addr::new(10, 0, 0, 1),
        target_mac: MacAddress::default(),
        target: Ipv4Addr::new(10, 0, 0, 254),
    };
    let answered = bench.give(INSIDE, question.frame(MacAddress::BROADCAST));
    let reply = Arp::read(&answered[0].1[14..]).unwrap();
    assert_eq!((reply.is_request, reply.sender_mac, reply.sender), (false, OWN[0], question.target));

    let hole = DynamicRoute {
        router: VirtualRouterId(0),
        destination: Prefix { address: IpAddr::from([203, 0, 113, 128]), length: 25 },
        target: Target::Discard,
        distance: 20,
        metric: 1,
    };
    bench.node.handle_command(bench.now, Command::AddRoute(hole)).unwrap();
    assert!(bench.node.handle_command(bench.now, Command::AddRoute(hole)).is_err());

    for (frame, reason, message) in [
        (udp(OWN[0], "10.0.0.1", "203.0.113.9", 1, 30), DropReason::HopLimitExceeded, Some((11, 0))),
        (udp(OWN[0], "10.0.0.1", "172.16.0.1", 64, 30), DropReason::NoRoute, Some((3, 0))),
        (udp(OWN[0], "10.0.0.1", "203.0.113.200", 64, 30), DropReason::BlackholeRoute, None),
        (udp(OWN[0], "10.0.0.1", "10.0.0.255", 64, 30), DropReason::Broadcast, None),
        (udp(OWN[0], "10.0.0.1", "224.1.1.1", 64, 30), DropReason::Multicast, None),
        (udp(OWN[0], "127.0.0.1", "203.0.113.9", 64, 30), DropReason::MartianAddress, None),
        (udp(OWN[0], "10.0.0.254", "203.0.113.9", 64, 30), DropReason::MartianAddress, None),
        (udp(SERVER, "10.0.0.1", "203.0.113.9", 64, 30), DropReason::OtherStation, None),
        (udp(OWN[0], "10.0.0.1", "10.0.0.254", 64, 30), DropReason::HostService, None),
    ] {
        let before = bench.dropped(reason);
        let left = bench.give(INSIDE, frame);
        assert_eq!(bench.dropped(reason), before + 1, "{reason:?}");
        let sent: Vec<_> =
            left.iter().filter(|(port, _)| *port == INSIDE).map(|(_, frame)| icmp_of(frame)).collect();
        assert_eq!(sent.first().copied(), message, "{reason:?}");
    }
}

#[test]
fn the_device_answers_pings_where_its_profile_says_so() {
    let mut bench = Bench::new();
    let asked = bench.give(INSIDE, echo(OWN[0], "10.0.0.1", "10.0.0.254"));
    let left = bench.answer(INSIDE, &asked[0].1, CLIENT);
    assert_eq!(icmp_of(&left[0].1), (0, 0));
    // The other interface offers nothing.
    let left = bench.give(INSIDE, echo(OWN[0], "10.0.0.1", "192.0.2.254"));
    assert!(left.is_empty());
    bench.now = bench.now.after_secs(100);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    let trackers: Vec<_> = bench.records.iter().map(|record| record.tracker.name()).collect();
    // The rule for traffic within a zone allows the first one and writes no log.
    assert_eq!(trackers, ["host service"]);
}

/// The fragments of an IPv4 packet put together: what they carry, and their identification.
fn joined(frames: &[(PortId, Vec<u8>)]) -> (Vec<u8>, u16) {
    let mut content = Vec::new();
    let mut identifications = Vec::new();
    for (_, frame) in frames {
        assert!(frame.len() <= 1514);
        let packet = SlicedPacket::from_ethernet(frame).unwrap();
        let Some(etherparse::NetSlice::Ipv4(ip)) = packet.net else { panic!() };
        assert_eq!(usize::from(ip.header().fragments_offset().value()) * 8, content.len());
        assert!(!ip.header().dont_fragment());
        identifications.push(ip.header().identification());
        content.extend_from_slice(&frame[34..14 + usize::from(ip.header().total_len())]);
    }
    identifications.dedup();
    let [identification] = identifications[..] else { panic!("one packet: {identifications:?}") };
    (content, identification)
}

#[test]
fn pings_beyond_the_mtu_are_answered() {
    let mut bench = Bench::new();
    let asked = bench.give(INSIDE, echo(OWN[0], "10.0.0.1", "10.0.0.254"));
    bench.answer(INSIDE, &asked[0].1, CLIENT);
    let content: Vec<u8> = (0..5000).map(|place: u32| (place % 251) as u8).collect();
    let mut identifications = Vec::new();
    for _ in 0..2 {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(CLIENT.0, OWN[0].0)
            .ipv4([10, 0, 0, 1], [10, 0, 0, 254], 64)
            .icmpv4_echo_request(5, 1)
            .write(&mut frame, &content)
            .unwrap();
        let wire_length = frame.len() as u32;
        let info = bifrons_wire::FrameInfo { link: bifrons_wire::LinkType::Ethernet, wire_length };
        let packet = bifrons_wire::parse(&frame, info, bifrons_wire::Reading::Strict).unwrap();
        let mut pieces = bifrons_wire::fragment(&frame, &packet, 1500, 77).unwrap();
        assert_eq!(pieces.len(), 4);
        let last = pieces.pop().unwrap();
        for piece in pieces {
            assert!(bench.give(INSIDE, piece).is_empty());
        }
        let left = bench.give(INSIDE, last);
        assert_eq!(left.len(), 4);
        let (message, identification) = joined(&left);
        assert_eq!(message[..2], [0, 0]);
        assert_eq!(message[8..], content);
        identifications.push(identification);
    }
    identifications.dedup();
    assert_eq!(identifications.len(), 2, "fragments of two answers must not be mixed up");
}

/// A router should take packets beyond the MTU (RFC 1812, section 3.3.4).
#[test]
fn a_frame_beyond_its_own_ports_mtu_is_taken() {
    let mut bench = Bench::new();
    let mut frame = udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 3000);
    let report = bench.give(INSIDE, frame.clone());
    assert_eq!(bench.dropped(DropReason::PacketTooBig), 1, "{report:?}");
    frame[20] &= !0x40;
    let sum = bifrons_wire::internet_checksum(&[&frame[14..24], &frame[26..34]]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    bench.give(INSIDE, frame.clone());
    let ask = Arp {
        is_request: false,
        sender_mac: SERVER,
        sender: Ipv4Addr::new(192, 0, 2, 1),
        target_mac: OWN[1],
        target: Ipv4Addr::new(192, 0, 2, 254),
    };
    let left = bench.give(OUTSIDE, ask.frame(OWN[1]));
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(joined(&left).0, frame[34..]);
}

#[test]
fn long_packets_are_cut_or_reported() {
    let mut bench = Bench::new();
    let document = |mtu: u32| {
        let line = format!("set network interface ethernet ethernet1/2 layer3 mtu {mtu}\n");
        Document::parse(&format!("{CONFIG}{line}"), "test").unwrap()
    };
    let commit = Command::Commit { document: document(600), request: CommitRequest::default() };
    bench.node.handle_command(bench.now, commit).unwrap();
    bench.settle();
    let asked = bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 1000));
    let asked: Vec<_> = asked.into_iter().filter(|(port, _)| *port == OUTSIDE).collect();
    // The builder sets "don't fragment".
    assert_eq!(bench.dropped(DropReason::PacketTooBig), 1, "{asked:?}");
    let mut frame = udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 1000);
    frame[20] &= !0x40;
    let sum = bifrons_wire::internet_checksum(&[&frame[14..24], &frame[26..34]]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    let mut left = bench.give(INSIDE, frame);
    if let Some((_, ask)) = asked.first() {
        left.extend(bench.answer(OUTSIDE, ask, SERVER));
    }
    let pieces: Vec<_> = left.iter().filter(|(port, _)| *port == OUTSIDE).collect();
    assert_eq!(pieces.len(), 2, "{left:?}");
    assert!(pieces.iter().all(|(_, frame)| frame.len() <= 614));
}

#[test]
fn a_refused_commit_changes_nothing() {
    let mut bench = Bench::new();
    let broken = CONFIG.replace("rules out source any", "rules out source nobody");
    let commit = Command::Commit {
        document: Document::parse(&broken, "test").unwrap(),
        request: CommitRequest::default(),
    };
    let before = bench.node.policy().generation();
    assert!(bench.node.handle_command(bench.now, commit).is_err());
    assert_eq!(bench.node.policy().generation(), before);
    assert_eq!(bench.node.policy().interface_addresses(bifrons_model::InterfaceId(0)).len(), 1);
}

#[test]
fn a_forwarding_rule_sees_what_a_first_packet_shows() {
    let rule = "set rulebase pbf rules r";
    let lines = format!(
        "{rule} from zone inside\n{rule} application [ ping ssl ]\n\
         {rule} action forward egress-interface ethernet1/2\n\
         {rule} action forward nexthop ip-address 192.0.2.77\n"
    );
    let mut bench = Bench::with(&format!("{CONFIG}{lines}"), 1);
    for (frame, target) in [
        (echo(OWN[0], "10.0.0.1", "203.0.113.9"), [192, 0, 2, 77]),
        (udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 30), [192, 0, 2, 1]),
    ] {
        let asked = bench.give(INSIDE, frame);
        assert_eq!(Arp::read(&asked[0].1[14..]).unwrap().target, Ipv4Addr::from(target));
    }
}

#[test]
fn a_forwarding_rule_comes_before_routes() {
    let mut bench = Bench::new();
    let lines = "
set rulebase pbf rules web from zone inside
set rulebase pbf rules web source 10.0.0.1
set rulebase pbf rules web action forward egress-interface ethernet1/2
set rulebase pbf rules web action forward nexthop ip-address 192.0.2.77
set rulebase pbf rules none from zone inside
set rulebase pbf rules none source 10.0.0.2
set rulebase pbf rules none action discard
";
    let document = Document::parse(&format!("{CONFIG}{lines}"), "test").unwrap();
    let commit = Command::Commit { document, request: CommitRequest::default() };
    bench.node.handle_command(bench.now, commit).unwrap();
    bench.settle();
    for (source, target) in [("10.0.0.1", [192, 0, 2, 77]), ("10.0.0.3", [192, 0, 2, 1])] {
        let asked = bench.give(INSIDE, udp(OWN[0], source, "203.0.113.9", 64, 30));
        assert_eq!(Arp::read(&asked[0].1[14..]).unwrap().target, Ipv4Addr::from(target), "{source}");
    }
    assert!(bench.give(INSIDE, udp(OWN[0], "10.0.0.2", "203.0.113.9", 64, 30)).is_empty());
    assert_eq!(bench.dropped(DropReason::ForwardingDiscard), 1);
}
