//! Both devices forward: addresses that move, sessions that two devices work on.

use std::{net::Ipv4Addr, time::Duration};

use bifrons_ha::{DeviceId, HaLinkId, HaState, InterfaceNumber, VirtualMac};
use bifrons_model::{EndReason, MacAddress};
use bifrons_node::{Command, PortId};
use bifrons_wire::{Arp, EthernetHeader, FrameInfo, LinkType, Reading, fragment, parse};
use etherparse::PacketBuilder;

use super::{CLIENT, INSIDE, OUTSIDE, Pair, SERVER, node_with};

mod failures;
mod forwarding;
mod pools;
mod random;
mod silence;

/// The gateway that both devices are, and the addresses at home with each of them.
const SHARED: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FLOATING: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 11), Ipv4Addr::new(192, 0, 2, 12)];
const SERVER_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const MODE: &str = "set deviceconfig high-availability group mode active-active";
const MILLISECOND: Duration = Duration::from_millis(1);

/// The five ways to choose the devices of a session.
const COMBINATIONS: [&str; 5] = [
    "primary-device",
    "first-packet session-setup primary-device",
    "first-packet session-setup first-packet",
    "first-packet session-setup ip-modulo",
    "first-packet session-setup ip-hash hash-key source-and-destination hash-seed 5",
];

fn config(device: usize, owner: &str) -> String {
    let (own, other) = (device + 1, 2 - device);
    let group = "set deviceconfig high-availability group";
    let floating = format!("{MODE} virtual-address ethernet1/2 ip");
    format!(
        "set network interface ethernet ethernet1/1 layer3 ip 10.0.0.{}/24\n\
         set network interface ethernet ethernet1/2 layer3 ip 192.0.2.{}/24\n\
         set network interface ethernet ethernet1/2 layer3 interface-management-profile ping\n\
         set network profiles interface-management-profile ping ping yes\n\
         set network virtual-router default interface [ ethernet1/1 ethernet1/2 ]\n\
         set zone inside network layer3 ethernet1/1\n\
         set zone outside network layer3 ethernet1/2\n\
         set rulebase security rules out from inside to outside source any destination any\n\
         set rulebase security rules out application any service any action allow log-end yes\n\
         set rulebase security rules ping from outside to outside source any destination any\n\
         set rulebase security rules ping application any service any action allow\n\
         set deviceconfig high-availability enabled yes\n\
         set deviceconfig high-availability interface ha1 port ha1 ip-address 10.255.0.{own} netmask 30\n\
         set deviceconfig high-availability interface ha2 port ha2\n\
         set deviceconfig high-availability interface ha3 port ha3\n\
         {group} group-id 7 election-option timers fast\n\
         {group} peer-ip 10.255.0.{other}\n\
         {group} monitoring link-monitoring link-group way interface ethernet1/2\n\
         {MODE} device-id {device} tentative-hold-time 10\n\
         {MODE} session-owner-selection {owner}\n\
         {MODE} virtual-address ethernet1/1 ip {SHARED} arp-load-sharing ip-modulo\n\
         {floating} {} floating device-priority device-0 10 device-1 20\n\
         {floating} {} floating device-priority device-0 20 device-1 10\n",
        own + 2,
        own + 2,
        FLOATING[0],
        FLOATING[1],
    )
}

/// Translation to the floating address of the device that owns the session.
const NAT: &str = "
set rulebase nat rules hide0 from inside to outside source any destination any service any
set rulebase nat rules hide0 source-translation dynamic-ip-and-port translated-address 192.0.2.11
set rulebase nat rules hide0 active-active-device-binding 0
set rulebase nat rules hide1 from inside to outside source any destination any service any
set rulebase nat rules hide1 source-translation dynamic-ip-and-port translated-address 192.0.2.12
set rulebase nat rules hide1 active-active-device-binding 1
";

const BOTH_WORK: [HaState; 2] = [HaState::ActivePrimary, HaState::ActiveSecondary];

fn virtual_mac(device: u8, interface: &str) -> MacAddress {
    VirtualMac::new(DeviceId::of(device), 7, InterfaceNumber::of(interface).unwrap()).mac()
}

/// The Ethernet address of an interface's own address.
fn own_mac(device: usize, port: PortId) -> MacAddress {
    MacAddress([2, 0, 0, 0, 1 + device as u8, 1 + port.0 as u8])
}

/// An IP packet that came out of a device.
#[derive(Clone, Debug)]
struct Passed {
    device: usize,
    port: PortId,
    frame: Vec<u8>,
}

impl Passed {
    fn flags(&self) -> u8 {
        self.frame[47]
    }

    fn source(&self) -> (Ipv4Addr, u16) {
        let address: [u8; 4] = self.frame[26..30].try_into().unwrap();
        (address.into(), u16::from_be_bytes([self.frame[34], self.frame[35]]))
    }
}

const SYN: u8 = 2;
const SYN_ACK: u8 = 18;

/// One end of a connection: its station and address, and the port that it is reached by.
#[derive(Clone, Copy)]
struct End {
    mac: MacAddress,
    address: Ipv4Addr,
    tcp_port: u16,
}

const WEB: End = End { mac: SERVER, address: SERVER_IP, tcp_port: 9_999 };

fn client(number: u8) -> End {
    End { mac: CLIENT, address: Ipv4Addr::new(10, 0, 0, number), tcp_port: 40_000 }
}

fn segment(
    from: End,
    to: (Ipv4Addr, u16),
    gateway: MacAddress,
    (flags, sequence, acknowledged): (&str, u32, u32),
    data: &[u8],
) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(from.mac.0, gateway.0)
        .ipv4(from.address.octets(), to.0.octets(), 64)
        .tcp(from.tcp_port, to.1, sequence, 8_192);
    let builder = if flags.contains('S') { builder.syn() } else { builder };
    let builder = if flags.contains('F') { builder.fin() } else { builder };
    let builder = if flags.contains('A') { builder.ack(acknowledged) } else { builder };
    let mut frame = Vec::new();
    builder.write(&mut frame, data).unwrap();
    frame
}

/// A UDP packet of 1,500 bytes or less, or its fragments.
fn datagram(from: End, to: (Ipv4Addr, u16), gateway: MacAddress, data: &[u8]) -> Vec<Vec<u8>> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(from.mac.0, gateway.0)
        .ipv4(from.address.octets(), to.0.octets(), 64)
        .udp(from.tcp_port, to.1)
        .write(&mut frame, data)
        .unwrap();
    if frame.len() <= 1_514 {
        return vec![frame];
    }
    let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
    let packet = parse(&frame, info, Reading::Strict).unwrap();
    fragment(&frame, &packet, 1_500, 77).unwrap()
}

impl Pair {
    fn sharing(workers: usize, owner: &str, lines: &str) -> Self {
        let pair = Self::with(workers, |device| config(device, owner) + lines);
        assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
        pair
    }

    fn command(&mut self, device: usize, command: Command) {
        let now = self.now;
        self.nodes[device].as_mut().unwrap().handle_command(now, command).unwrap();
        self.drain(device);
    }

    fn carrier(&mut self, device: usize, port: PortId, is_up: bool) {
        self.command(device, Command::Carrier { port, is_up });
    }

    /// A host asks for an address at one device: which Ethernet address it is told.
    fn asked(&mut self, device: usize, port: PortId, who: Ipv4Addr, target: Ipv4Addr) -> Option<MacAddress> {
        self.frames[device].clear();
        let ask = Arp {
            is_request: true,
            sender_mac: MacAddress([2, 0, 0, 0, 3, who.octets()[3]]),
            sender: who,
            target_mac: MacAddress::default(),
            target,
        };
        self.give(device, port, ask.frame(MacAddress([0xff; 6])));
        let replies = self.frames[device].iter().filter_map(|(_, frame)| Arp::read(frame.get(14..)?));
        let mut replies = replies.filter(|arp| !arp.is_request && arp.sender == target);
        replies.next().map(|arp| arp.sender_mac)
    }

    /// What both devices say to that question.
    fn answers(&mut self, port: PortId, who: Ipv4Addr, target: Ipv4Addr) -> [Option<MacAddress>; 2] {
        [0, 1].map(|device| self.asked(device, port, who, target))
    }

    /// The addresses that a device has announced since its frames were cleared, with their senders.
    fn announced(&self, device: usize) -> Vec<(Ipv4Addr, MacAddress)> {
        let frames = self.frames[device].iter().filter_map(|(_, frame)| {
            let (header, length) = EthernetHeader::read(frame)?;
            Some((header.source, Arp::read(frame.get(length..)?)?))
        });
        let said = frames.filter(|(_, arp)| arp.is_request && arp.sender == arp.target);
        said.map(|(source, arp)| (arp.sender, source)).collect()
    }

    /// Gives a frame to a device; the IP packets that leave either device before long.
    fn through(&mut self, device: usize, port: PortId, frame: Vec<u8>) -> Vec<Passed> {
        self.frames = Default::default();
        self.give(device, port, frame);
        self.run(6 * MILLISECOND);
        self.take_passed()
    }

    fn take_passed(&mut self) -> Vec<Passed> {
        let mut passed = Vec::new();
        for device in [0, 1] {
            for (port, frame) in self.frames[device].drain(..) {
                if frame.get(12..14) == Some(&[8, 0]) {
                    passed.push(Passed { device, port, frame });
                }
            }
        }
        passed
    }

    fn floating_at(&mut self) -> [[Option<MacAddress>; 2]; 2] {
        FLOATING.map(|address| self.answers(OUTSIDE, SERVER_IP, address))
    }
}

/// Which device answers for the floating addresses, each with its own virtual Ethernet address.
fn held(by: [usize; 2]) -> [[Option<MacAddress>; 2]; 2] {
    [0, 1].map(|home| {
        let mac = virtual_mac(home as u8, "ethernet1/2");
        [0, 1].map(|device| (by[home] == device).then_some(mac))
    })
}

#[test]
fn one_leads_and_both_forward() {
    let mut pair = Pair::sharing(1, COMBINATIONS[3], "");
    for (device, number) in [(0, 20), (1, 20), (0, 21), (1, 21)] {
        let syn = segment(
            client(number),
            (SERVER_IP, 1 + device as u16),
            own_mac(device, INSIDE),
            ("S", 9, 0),
            b"",
        );
        let passed = pair.through(device, INSIDE, syn);
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert_eq!((passed[0].device, passed[0].port, passed[0].flags()), (device, OUTSIDE, SYN));
    }
    assert_eq!([pair.sessions(0), pair.sessions(1)], [4, 4], "each device knows of all");
}

#[test]
fn floating_addresses_move_at_a_death_and_return() {
    let mut pair = Pair::sharing(1, COMBINATIONS[3], "");
    assert_eq!(pair.floating_at(), held([0, 1]));
    // Interface addresses stay with their devices.
    for device in [0, 1] {
        let own = Ipv4Addr::new(192, 0, 2, 3 + device as u8);
        assert_eq!(pair.asked(device, OUTSIDE, SERVER_IP, own), Some(own_mac(device, OUTSIDE)));
        assert_eq!(pair.asked(1 - device, OUTSIDE, SERVER_IP, own), None);
    }
    pair.nodes[0] = None;
    pair.frames = Default::default();
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.state(1), HaState::ActivePrimary);
    let mac = virtual_mac(0, "ethernet1/2");
    let announced = pair.announced(1);
    assert_eq!(announced.iter().filter(|one| **one == (FLOATING[0], mac)).count(), 2, "{announced:?}");
    assert!(announced.iter().all(|(address, _)| *address != FLOATING[1]), "what was here is not news");
    assert_eq!(pair.asked(1, OUTSIDE, SERVER_IP, FLOATING[0]), Some(mac));

    pair.nodes[0] = Some(node_with(0, pair.now, 1, &config(0, COMBINATIONS[3])));
    pair.frames = Default::default();
    pair.run(Duration::from_secs(12));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActiveSecondary, HaState::ActivePrimary]);
    assert!(pair.announced(0).contains(&(FLOATING[0], mac)));
    assert_eq!(pair.floating_at(), held([0, 1]), "at home again, whoever leads");
}

#[test]
fn a_shared_address_is_answered_by_the_parity_of_the_requester() {
    let mut pair = Pair::sharing(1, COMBINATIONS[3], "");
    let macs = [0, 1].map(|device| Some(virtual_mac(device, "ethernet1/1")));
    for number in 20..30 {
        let wanted = if number % 2 == 0 { [macs[0], None] } else { [None, macs[1]] };
        assert_eq!(pair.answers(INSIDE, Ipv4Addr::new(10, 0, 0, number), SHARED), wanted);
    }
    // Frames to each share are taken by the device that has it, and by nobody else.
    for (device, is_taken) in [(0, true), (1, false)] {
        let syn = segment(client(20), (SERVER_IP, 7), virtual_mac(0, "ethernet1/1"), ("S", 9, 0), b"");
        assert_eq!(pair.through(device, INSIDE, syn).len(), usize::from(is_taken));
    }
    pair.nodes[1] = None;
    pair.run(Duration::from_millis(100));
    for number in 20..30_u8 {
        let asked = pair.asked(0, INSIDE, Ipv4Addr::new(10, 0, 0, number), SHARED);
        assert_eq!(asked, macs[usize::from(number % 2)], "as before, but here");
    }
}

#[test]
fn an_address_moves_with_its_interface() {
    let mut pair = Pair::sharing(
        1,
        COMBINATIONS[3],
        "set deviceconfig high-availability group monitoring link-monitoring enabled no\n",
    );
    pair.carrier(1, OUTSIDE, false);
    pair.run(10 * MILLISECOND);
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK, "nobody watches the link");
    assert_eq!(pair.asked(0, OUTSIDE, SERVER_IP, FLOATING[1]), Some(virtual_mac(1, "ethernet1/2")));
    pair.carrier(1, OUTSIDE, true);
    pair.run(10 * MILLISECOND);
    assert_eq!(pair.floating_at(), held([0, 1]));
}

#[test]
fn a_floating_address_is_the_devices_own_where_it_is_held() {
    let mut pair = Pair::sharing(1, COMBINATIONS[3], "");
    let ping = |gateway: MacAddress, identifier: u16| {
        let builder = PacketBuilder::ethernet2(SERVER.0, gateway.0)
            .ipv4(SERVER_IP.octets(), FLOATING[0].octets(), 64)
            .icmpv4_echo_request(identifier, 1);
        let mut frame = Vec::new();
        builder.write(&mut frame, b"there?").unwrap();
        frame
    };
    let answered = |passed: &[Passed]| {
        passed.iter().any(|packet| packet.frame[34] == 0 && packet.source().0 == FLOATING[0])
    };
    let passed = pair.through(0, OUTSIDE, ping(virtual_mac(0, "ethernet1/2"), 7));
    assert!(answered(&passed), "{passed:?}");
    let passed = pair.through(1, OUTSIDE, ping(own_mac(1, OUTSIDE), 8));
    assert!(!answered(&passed), "it is not here: {passed:?}");
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(100));
    let passed = pair.through(1, OUTSIDE, ping(virtual_mac(0, "ethernet1/2"), 9));
    assert!(answered(&passed), "{passed:?}");
}

#[test]
fn what_rules_translate_to_is_answered_by_the_device_that_they_are_bound_to() {
    let dynamic = "source any source-translation dynamic-ip-and-port";
    let fixed = "source 10.0.0.50 source-translation static-ip";
    let rules =
        [(dynamic, "0", "192.0.2.100"), (dynamic, "1", "192.0.2.101"), (fixed, "both", "192.0.2.102")];
    let lines = rules.map(|(translation, binding, address)| {
        let rule = format!("set rulebase nat rules of-{binding}");
        format!(
            "{rule} from inside to outside destination any service any {translation} translated-address \
             {address}\n{rule} active-active-device-binding {binding}\n"
        )
    });
    let mut pair = Pair::sharing(1, COMBINATIONS[3], &lines.concat());
    let macs = [0, 1].map(|device| Some(virtual_mac(device, "ethernet1/2")));
    let wanted = [[macs[0], None], [None, macs[1]], [macs[0], None]];
    let all = rules.map(|(.., address)| address.parse().unwrap());
    assert_eq!(all.map(|address| pair.answers(OUTSIDE, SERVER_IP, address)), wanted);
    // Hosts know the way to them still when their device is dead.
    pair.nodes[0] = None;
    pair.frames = Default::default();
    pair.run(Duration::from_millis(100));
    let searches = pair.frames[1].iter().filter_map(|(_, frame)| {
        let (header, length) = EthernetHeader::read(frame)?;
        Some((header.source, Arp::read(frame.get(length..)?)?.target))
    });
    assert_eq!(searches.filter(|search| Some(search.0) == macs[0] && search.1 == all[0]).count(), 2);
    let wanted = [macs[0], macs[1], macs[0]];
    assert_eq!(all.map(|address| pair.asked(1, OUTSIDE, SERVER_IP, address)), wanted);
}

/// A handshake of which one device sees the client and the other one the server, who answers at once. Then
/// data and the end.
fn connect(pair: &mut Pair, receiver: usize, from: End, owner: usize, what: &str) {
    let other = 1 - receiver;
    let to_server =
        |what, data: &[u8]| segment(from, (SERVER_IP, WEB.tcp_port), own_mac(receiver, INSIDE), what, data);
    let to_client =
        |what, data: &[u8]| segment(WEB, (from.address, from.tcp_port), own_mac(other, OUTSIDE), what, data);
    pair.frames = Default::default();
    pair.give(receiver, INSIDE, to_server(("S", 100, 0), b""));
    let mut seen = pair.take_passed();
    for _ in 0..6 {
        if !seen.is_empty() {
            break;
        }
        pair.run(MILLISECOND);
        seen = pair.take_passed();
    }
    assert_eq!(seen.len(), 1, "{what}: {seen:?}");
    assert_eq!((seen[0].device, seen[0].port, seen[0].flags()), (owner, OUTSIDE, SYN), "{what}");
    let mut expect = |device: usize, port: PortId, frame: Vec<u8>, wanted: (PortId, u8)| {
        let passed = pair.through(device, port, frame);
        assert_eq!(passed.len(), 1, "{what}: {wanted:?} {passed:?}");
        assert_eq!(
            (passed[0].device, passed[0].port, passed[0].flags()),
            (owner, wanted.0, wanted.1),
            "{what}"
        );
    };
    expect(other, OUTSIDE, to_client(("SA", 500, 101), b""), (INSIDE, SYN_ACK));
    expect(receiver, INSIDE, to_server(("A", 101, 501), b"hello"), (OUTSIDE, 16));
    expect(other, OUTSIDE, to_client(("A", 501, 106), b"world"), (INSIDE, 16));
    expect(receiver, INSIDE, to_server(("FA", 106, 506), b""), (OUTSIDE, 17));
    expect(other, OUTSIDE, to_client(("FA", 506, 107), b""), (INSIDE, 17));
    expect(receiver, INSIDE, to_server(("A", 107, 507), b""), (OUTSIDE, 16));
}

#[test]
fn a_handshake_through_both_devices_in_all_combinations() {
    for workers in [1, 3] {
        for (place, combination) in COMBINATIONS.into_iter().enumerate() {
            let mut pair = Pair::sharing(workers, combination, "");
            let mut owners = Vec::new();
            for (receiver, number) in [(0, 20), (0, 21), (1, 22), (1, 23)] {
                let owner = if place == 0 { 0 } else { receiver };
                let what = format!("{combination}, {workers} workers, client {number} at {receiver}");
                connect(&mut pair, receiver, client(number), owner, &what);
                owners.push(owner);
            }
            pair.run(Duration::from_secs(40));
            let mut records: Vec<_> = pair
                .records
                .iter()
                .map(|(device, record)| {
                    (*device, record.end_reason, record.sent.packets, record.received.packets)
                })
                .collect();
            records.sort_unstable_by_key(|(device, ..)| *device);
            owners.sort_unstable();
            let wanted: Vec<_> = owners.iter().map(|owner| (*owner, EndReason::TcpFin, 4, 3)).collect();
            assert_eq!(records, wanted, "{combination}: logged once each, by the owner");
            assert_eq!([pair.sessions(0), pair.sessions(1)], [0, 0]);
        }
    }
}

#[test]
fn devices_may_have_other_numbers_for_the_same_interfaces() {
    for combination in COMBINATIONS {
        let text = |device: usize| {
            let text = config(device, combination);
            let mut lines: Vec<_> = text.lines().collect();
            if device == 1 {
                // Interfaces and zones the other way round.
                lines.reverse();
            }
            lines.join("\n") + "\n"
        };
        let mut pair = Pair::with(2, text);
        assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
        let numbers = [0, 1].map(|device| {
            let names = &pair.nodes[device].as_ref().unwrap().policy().names().interfaces;
            names.iter().position(|name| **name == *"ethernet1/1")
        });
        assert_ne!(numbers[0], numbers[1]);
        for (receiver, number) in [(0, 20), (0, 21), (1, 22), (1, 23)] {
            let owner = if combination == COMBINATIONS[0] { 0 } else { receiver };
            connect(&mut pair, receiver, client(number), owner, combination);
        }
    }
}

#[test]
fn a_setup_device_translates_for_the_owner() {
    for workers in [1, 3] {
        for (receiver, number) in [(0, 20), (0, 21), (1, 20), (1, 21)] {
            let mut pair = Pair::sharing(workers, COMBINATIONS[3], NAT);
            let gateway = own_mac(receiver, INSIDE);
            let from = client(number);
            let syn = segment(from, (SERVER_IP, 9_999), gateway, ("S", 100, 0), b"");
            let passed = pair.through(receiver, INSIDE, syn);
            let what = format!("{workers} workers, client {number} at {receiver}");
            assert_eq!(passed.len(), 1, "{what}: {passed:?}");
            let (address, port) = passed[0].source();
            assert_eq!((passed[0].device, address), (receiver, FLOATING[receiver]), "{what}");
            let mac = virtual_mac(receiver as u8, "ethernet1/2");
            let answer = segment(WEB, (address, port), mac, ("SA", 500, 101), b"");
            assert_eq!(pair.through(receiver, OUTSIDE, answer).len(), 1, "{what}");
            let asked = pair.nodes[receiver].as_ref().unwrap().pair_forwarding().unwrap().sent;
            let sets_up = usize::from((number ^ SERVER_IP.octets()[3]) & 1);
            assert_eq!(asked > 0, sets_up != receiver, "{what}");
        }
    }
}

/// The answer comes to the device that does not own the session; its ends lead to other workers than the
/// question's did.
#[test]
fn a_packet_in_fragments_finds_the_worker_that_has_its_session() {
    let mut pair = Pair::sharing(3, COMBINATIONS[2], NAT);
    for number in 20..32 {
        let question = datagram(client(number), (SERVER_IP, 9_999), own_mac(0, INSIDE), b"?");
        let [asked] = &pair.through(0, INSIDE, question.concat())[..] else { panic!("it passes") };
        let source = asked.source();
        assert_eq!((asked.device, source.0), (0, FLOATING[0]));
        let mut passed = Vec::new();
        for piece in datagram(WEB, source, own_mac(1, OUTSIDE), &[7; 2_500]) {
            passed.extend(pair.through(1, OUTSIDE, piece));
        }
        let left: Vec<_> = passed.iter().map(|packet| (packet.device, packet.port)).collect();
        assert_eq!(left, [(0, INSIDE); 2], "client {number}");
    }
}

#[test]
fn without_packet_forwarding_each_device_is_for_itself() {
    let lines = format!("{MODE} packet-forwarding no\n");
    let mut pair = Pair::sharing(1, COMBINATIONS[3], &lines);
    for (receiver, number) in [(0, 20), (1, 20), (0, 21), (1, 21)] {
        let syn = segment(client(number), (SERVER_IP, 80), own_mac(receiver, INSIDE), ("S", 100, 0), b"");
        let passed = pair.through(receiver, INSIDE, syn);
        assert_eq!(passed.iter().map(|packet| packet.device).collect::<Vec<_>>(), [receiver]);
        pair.command(receiver, Command::ClearSessions(Default::default()));
        pair.run(10 * MILLISECOND);
    }
    for device in [0, 1] {
        pair.command(device, Command::PairLink { link: HaLinkId::Ha3, is_up: false });
        assert_eq!(pair.nodes[device].as_ref().unwrap().pair_forwarding().unwrap().sent, 0);
    }
    pair.run(Duration::from_millis(100));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK, "nobody needs HA3");
}

#[test]
fn what_nobody_has_authenticated_changes_nothing() {
    let mut pair = Pair::sharing(1, COMBINATIONS[0], "");
    let syn = segment(client(21), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    pair.give(1, INSIDE, syn);
    let on_ha3 = |pair: &Pair| {
        let frames = pair.wire.iter().filter(|(_, link, _)| *link == HaLinkId::Ha3);
        frames.map(|(_, _, bytes)| bytes.clone()).collect::<Vec<_>>()
    };
    let [sent] = &on_ha3(&pair)[..] else { panic!("one frame on HA3") };
    let mut forged = sent.clone();
    *forged.last_mut().unwrap() ^= 1;
    let now = pair.now;
    let node = pair.nodes[0].as_mut().unwrap();
    node.handle_pair_message(now, HaLinkId::Ha3, &forged);
    assert_eq!(node.pair_forwarding().unwrap().forged, 1);
    assert_eq!(pair.sessions(0), 0);
    pair.run(5 * MILLISECOND);
    assert_eq!(pair.sessions(0), 1, "the real one is taken");
    pair.frames = Default::default();
    let now = pair.now;
    let node = pair.nodes[0].as_mut().unwrap();
    let before = node.pair_forwarding().unwrap();
    node.handle_pair_message(now, HaLinkId::Ha3, sent);
    let after = node.pair_forwarding().unwrap();
    assert_eq!((after.replayed - before.replayed, after.received - before.received), (1, 0));
    pair.drain(0);
    assert!(pair.take_passed().is_empty());
}

#[test]
fn a_commit_reaches_both_and_leaves_each_its_addresses() {
    let mut pair = Pair::sharing(1, COMBINATIONS[3], "");
    let rule = "set rulebase security rules ADDED from outside to inside source any destination any\n\
                set rulebase security rules ADDED application any service any action deny\n";
    let text = config(1, COMBINATIONS[3]) + rule;
    let document = bifrons_config::Document::parse(&text, "test").unwrap();
    pair.command(1, Command::Commit { document, request: Default::default() });
    pair.run(Duration::from_secs(1));
    for device in [0, 1] {
        let policy = pair.nodes[device].as_ref().unwrap().policy();
        assert!(policy.names().rules.iter().any(|name| **name == *"ADDED"), "{device}");
        let own = Ipv4Addr::new(192, 0, 2, 3 + device as u8);
        assert_eq!(pair.asked(device, OUTSIDE, SERVER_IP, own), Some(own_mac(device, OUTSIDE)));
    }
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    assert_eq!(pair.floating_at(), held([0, 1]));
    // Frames of the peer mean the same interfaces as before.
    connect(&mut pair, 0, client(21), 0, "after a commit");
}
