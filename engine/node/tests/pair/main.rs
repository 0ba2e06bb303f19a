//! Two devices as one: who forwards, what the other one knows, who goes on.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc, time::Duration};

use bifrons_config::{CommitRequest, Document, Sources};
use bifrons_ha::{HaLinkId, HaState, StateRequest};
use bifrons_model::{EndReason, MacAddress, Timestamp, TrafficRecord};
use bifrons_node::{
    Command, CommandError, Node, Notice, Output, PairIdentity, PortId, PortInfo, Secrets, Startup,
};
use bifrons_session::HashSeed;
use bifrons_wire::{Arp, EthernetHeader};
use etherparse::PacketBuilder;

mod active_active;
mod configuration;
mod late;
mod numbers;
mod runtime;
mod shows;
mod untold;
mod versions;
mod watched;

const CONFIG: &str = "
set network interface ethernet ethernet1/1 layer3 ip 10.0.0.254/24
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.254/24
set network virtual-router default interface [ ethernet1/1 ethernet1/2 ]
set zone inside network layer3 ethernet1/1
set zone outside network layer3 ethernet1/2
set rulebase security rules out from inside to outside source any destination any
set rulebase security rules out application any service any action allow log-end yes
set rulebase nat rules hide from inside to outside source any destination any service any
set rulebase nat rules hide source-translation dynamic-ip-and-port interface-address interface ethernet1/2
set deviceconfig high-availability enabled yes
set deviceconfig high-availability interface ha2 port ha2
set deviceconfig high-availability group group-id 7 election-option timers fast
";

const LINKS: [HaLinkId; 3] = [HaLinkId::Ha1, HaLinkId::Ha2, HaLinkId::Ha3];
const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);
const CLIENT: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x11]);
const SERVER: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x22]);
const STEP: Duration = Duration::from_millis(1);

/// A pair of devices, with hosts that answer ARP, and what came out.
struct Pair {
    nodes: [Option<Node>; 2],
    now: Timestamp,
    /// Messages between the devices: to whom.
    wire: VecDeque<(usize, HaLinkId, Vec<u8>)>,
    frames: [Vec<(PortId, Vec<u8>)>; 2],
    records: Vec<(usize, TrafficRecord)>,
    notices: [Vec<Notice>; 2],
    /// Whether messages on HA1 are lost.
    is_cut: bool,
    /// Another link whose messages are lost.
    lost: Option<HaLinkId>,
    /// A device that hears nothing on HA2, and is heard.
    deaf: Option<usize>,
    /// A device that does nothing for a while; what comes to it waits.
    frozen: Option<usize>,
    /// Questions for station addresses.
    asked: [usize; 2],
}

fn config(device: usize) -> String {
    let other = 1 - device;
    format!(
        "{CONFIG}set deviceconfig high-availability interface ha1 port ha1 ip-address 10.255.0.{} \
         netmask 255.255.255.252\n\
         set deviceconfig high-availability group peer-ip 10.255.0.{}\n\
         set deviceconfig high-availability group election-option device-priority {}\n",
        device + 1,
        other + 1,
        100 + device,
    )
}

fn node(device: usize, now: Timestamp, workers: usize) -> Node {
    node_with(device, now, workers, &config(device))
}

fn node_with(device: usize, now: Timestamp, workers: usize, text: &str) -> Node {
    let port = |number: u8| PortInfo {
        name: format!("ethernet1/{number}"),
        mac: MacAddress([2, 0, 0, 0, 1 + device as u8, number]),
        is_up: true,
    };
    let startup = Startup {
        document: Document::parse(text, "test").unwrap(),
        sources: Sources::default(),
        signatures: Arc::default(),
        serial: format!("00000{device}"),
        ports: [1, 2].map(port).to_vec(),
        workers,
        secrets: Secrets { hash: HashSeed::new(7 + device as u128), pair: [device as u8; 32] },
        identity: PairIdentity {
            ha1_mac: MacAddress([2, 0, 0, 0, 9, device as u8]),
            ..PairIdentity::default()
        },
    };
    let mut node = Node::new(now, startup).unwrap();
    for link in LINKS {
        node.handle_command(now, Command::PairLink { link, is_up: true }).unwrap();
    }
    node
}

impl Pair {
    fn new(workers: usize) -> Self {
        Self::with(workers, config)
    }

    fn with(workers: usize, config: impl Fn(usize) -> String) -> Self {
        let now = Timestamp::from_secs(1_000);
        let nodes = [0, 1].map(|device| Some(node_with(device, now, workers, &config(device))));
        let mut pair = Self {
            nodes,
            now,
            wire: VecDeque::new(),
            frames: Default::default(),
            records: Vec::new(),
            notices: Default::default(),
            is_cut: false,
            lost: None,
            deaf: None,
            frozen: None,
            asked: [0; 2],
        };
        pair.run(Duration::from_secs(12));
        pair
    }

    /// Lets time pass.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.now += STEP;
            for _ in 0..self.wire.len() {
                let Some((to, link, bytes)) = self.wire.pop_front() else { break };
                if self.frozen == Some(to) {
                    self.wire.push_back((to, link, bytes));
                    continue;
                }
                let is_lost = self.is_cut && link == HaLinkId::Ha1
                    || self.lost == Some(link)
                    || self.deaf == Some(to) && link == HaLinkId::Ha2;
                if let Some(node) = self.nodes[to].as_mut().filter(|_| !is_lost) {
                    node.handle_pair_message(self.now, link, &bytes);
                }
            }
            for device in [0, 1] {
                if let Some(node) = &mut self.nodes[device]
                    && self.frozen != Some(device)
                    && node.poll_timeout().is_some_and(|due| due <= self.now)
                {
                    node.handle_timeout(self.now);
                }
                self.drain(device);
            }
        }
    }

    fn drain(&mut self, device: usize) {
        let mut asked = Vec::new();
        let Some(node) = &mut self.nodes[device] else { return };
        while let Some(output) = node.poll_output() {
            match output {
                Output::Frame { port, bytes } => match answer(port, &bytes) {
                    Some(reply) => {
                        self.asked[device] += 1;
                        asked.push((port, reply));
                    }
                    None => self.frames[device].push((port, bytes)),
                },
                Output::Pair { link, bytes } => self.wire.push_back((1 - device, link, bytes)),
                Output::Record(record) => self.records.push((device, *record)),
                Output::Notice(notice) => self.notices[device].push(notice),
                Output::Host { .. } => {}
            }
        }
        assert!(node.counters().all(bifrons_dataplane::Counters::is_conserved));
        for (port, reply) in asked {
            self.give(device, port, reply);
        }
    }

    fn give(&mut self, device: usize, port: PortId, frame: Vec<u8>) {
        let Some(node) = &mut self.nodes[device] else { return };
        node.handle_frame(self.now, port, frame);
        self.drain(device);
    }

    /// Gives a frame to the device; the IP packets that leave.
    fn passes(&mut self, device: usize, port: PortId, frame: Vec<u8>) -> usize {
        self.frames[device].clear();
        self.give(device, port, frame);
        let is_ip = |frame: &Vec<u8>| frame.get(12..14) == Some(&[8, 0]);
        self.frames[device].iter().filter(|(_, frame)| is_ip(frame)).count()
    }

    fn state(&self, device: usize) -> HaState {
        self.nodes[device].as_ref().unwrap().pair_state().unwrap()
    }

    fn sessions(&self, device: usize) -> usize {
        let node = self.nodes[device].as_ref().unwrap();
        node.workers().iter().map(|worker| worker.sessions().len()).sum()
    }
}

/// A host's answer to a question for its address.
fn answer(port: PortId, frame: &[u8]) -> Option<Vec<u8>> {
    let (header, length) = EthernetHeader::read(frame)?;
    let ask = Arp::read(frame.get(length..)?).filter(|ask| ask.is_request && ask.sender != ask.target)?;
    if ask.sender.is_unspecified() {
        return None;
    }
    let mac = if port == INSIDE { CLIENT } else { SERVER };
    let reply = Arp {
        is_request: false,
        sender_mac: mac,
        sender: ask.target,
        target_mac: ask.sender_mac,
        target: ask.sender,
    };
    Some(reply.frame(header.source))
}

/// The address that both devices have at an interface.
fn gateway(interface: &str) -> MacAddress {
    let interface = bifrons_ha::InterfaceNumber::of(interface).unwrap();
    bifrons_ha::VirtualMac::new(bifrons_ha::DeviceId::Zero, 7, interface).mac()
}

/// A TCP segment of the client, or of the server to the address that the client is hidden behind.
fn segment(
    from_client: bool,
    port: u16,
    flags: &str,
    sequence: u32,
    acknowledged: u32,
    data: &[u8],
) -> Vec<u8> {
    let gateway = |interface| gateway(interface).0;
    let builder = if from_client {
        PacketBuilder::ethernet2(CLIENT.0, gateway("ethernet1/1")).ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64)
    } else {
        PacketBuilder::ethernet2(SERVER.0, gateway("ethernet1/2")).ipv4([192, 0, 2, 1], [192, 0, 2, 254], 64)
    };
    let (source, destination) = if from_client { (40_000, 9_999) } else { (9_999, port) };
    let mut tcp = builder.tcp(source, destination, sequence, 8_192);
    tcp = if flags.contains('S') { tcp.syn() } else { tcp };
    tcp = if flags.contains('F') { tcp.fin() } else { tcp };
    tcp = if flags.contains('A') { tcp.ack(acknowledged) } else { tcp };
    let mut frame = Vec::new();
    tcp.write(&mut frame, data).unwrap();
    frame
}

/// Opens a connection through a device; the port that the client is hidden behind.
fn open(pair: &mut Pair, device: usize) -> u16 {
    assert_eq!(pair.passes(device, INSIDE, segment(true, 0, "S", 100, 0, b"")), 1);
    let (_, syn) = pair.frames[device].iter().find(|(port, _)| *port == OUTSIDE).unwrap().clone();
    assert_eq!(syn[26..30], Ipv4Addr::new(192, 0, 2, 254).octets());
    let port = u16::from_be_bytes([syn[34], syn[35]]);
    assert_eq!(pair.passes(device, OUTSIDE, segment(false, port, "SA", 500, 101, b"")), 1);
    assert_eq!(pair.passes(device, INSIDE, segment(true, 0, "A", 101, 501, b"hello")), 1);
    port
}

#[test]
fn one_device_forwards_and_the_other_one_goes_on_with_its_sessions() {
    for workers in [1, 2] {
        let mut pair = Pair::new(workers);
        assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
        let port = open(&mut pair, 0);
        // The passive device is silent, whatever it gets.
        assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "A", 106, 501, b"")), 0);
        pair.run(Duration::from_millis(20));
        assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);

        pair.nodes[0] = None;
        pair.frames[1].clear();
        pair.run(Duration::from_millis(60));
        assert_eq!(pair.state(1), HaState::Active);
        let announced = pair.frames[1].iter().filter_map(|(_, frame)| Arp::read(frame.get(14..)?));
        assert!(
            announced.filter(|arp| arp.sender == arp.target).count() >= 4,
            "two at once on each interface"
        );

        assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "A", 501, 106, b"world")), 1);
        assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "FA", 106, 506, b"")), 1);
        assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "FA", 506, 107, b"")), 1);
        assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "A", 107, 507, b"")), 1);
        pair.run(Duration::from_secs(40));
        let records: Vec<_> = pair
            .records
            .iter()
            .map(|(device, record)| (*device, record.end_reason, record.sent.packets))
            .collect();
        assert_eq!(
            records,
            [(1, EndReason::TcpFin, 4)],
            "logged once, by the survivor, with what both have seen"
        );
    }
}

#[test]
fn a_planned_change_moves_sessions_there_and_back() {
    let mut pair = Pair::new(1);
    let port = open(&mut pair, 0);
    pair.run(Duration::from_millis(20));
    for (from, to) in [(0, 1), (1, 0)] {
        let suspend = Command::PairState(StateRequest::Suspend);
        pair.nodes[from].as_mut().unwrap().handle_command(pair.now, suspend).unwrap();
        pair.run(Duration::from_secs(3));
        assert_eq!(pair.state(to), HaState::Active);
        assert_eq!(pair.passes(to, OUTSIDE, segment(false, port, "A", 501, 106, b"")), 1);
        let functional = Command::PairState(StateRequest::Functional);
        pair.nodes[from].as_mut().unwrap().handle_command(pair.now, functional).unwrap();
        pair.run(Duration::from_secs(15));
        assert_eq!([pair.state(to), pair.state(from)], [HaState::Active, HaState::Passive]);
        assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);
    }
    assert!(pair.records.is_empty());
}

/// The packets of all sessions that a device with one worker knows of.
fn packets(pair: &Pair, device: usize) -> u64 {
    let sessions = pair.nodes[device].as_ref().unwrap().workers()[0].sessions();
    sessions.slots().flat_map(|slot| sessions.get(slot).volume).map(|volume| volume.packets).sum()
}

/// Packets of an established session leave no event.
#[test]
fn who_takes_over_by_plan_knows_of_every_packet() {
    let mut pair = Pair::new(1);
    let port = open(&mut pair, 0);
    pair.run(Duration::from_millis(20));
    for _ in 0..5 {
        assert_eq!(pair.passes(0, OUTSIDE, segment(false, port, "A", 501, 106, b"")), 1);
        pair.run(Duration::from_millis(1));
    }
    let counted = packets(&pair, 0);
    assert!(packets(&pair, 1) < counted, "not told yet");
    let suspend = Command::PairState(StateRequest::Suspend);
    pair.nodes[0].as_mut().unwrap().handle_command(pair.now, suspend).unwrap();
    pair.run(Duration::from_secs(3));
    assert_eq!((pair.state(1), packets(&pair, 1)), (HaState::Active, counted));
}

#[test]
fn who_has_handed_over_forwards_without_the_common_address() {
    let mut pair = Pair::new(1);
    let port = open(&mut pair, 0);
    pair.run(Duration::from_millis(20));
    let suspend = Command::PairState(StateRequest::Suspend);
    pair.nodes[0].as_mut().unwrap().handle_command(pair.now, suspend).unwrap();
    pair.run(Duration::from_millis(5));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Active]);
    // A frame that was on its way passes, and no switch looks for the common address at its sender.
    for (device, own) in [(0, MacAddress([2, 0, 0, 0, 1, 1])), (1, gateway("ethernet1/1"))] {
        assert_eq!(pair.passes(device, OUTSIDE, segment(false, port, "A", 501, 106, b"")), 1);
        let sources = pair.frames[device].iter().filter_map(|(_, frame)| EthernetHeader::read(frame));
        assert!(sources.map(|(header, _)| header.source).all(|source| source == own), "{device}");
    }
    pair.frames[1].clear();
    pair.run(Duration::from_millis(30));
    let announced = pair.frames[1].iter().filter_map(|(_, frame)| Arp::read(frame.get(14..)?));
    assert_eq!(announced.filter(|arp| arp.sender == arp.target).count(), 2, "once more on each interface");
}

#[test]
fn an_answer_is_the_first_that_the_survivor_sees() {
    // Among so many workers some have the answers of what others own.
    for workers in 2..=6 {
        let mut pair = Pair::new(workers);
        let port = open(&mut pair, 0);
        pair.run(Duration::from_millis(20));
        pair.nodes[0] = None;
        pair.run(Duration::from_millis(60));
        let passed = pair.passes(1, OUTSIDE, segment(false, port, "A", 501, 106, b"world"));
        assert_eq!(passed, 1, "{workers} workers");
    }
}

#[test]
fn a_device_that_returns_gets_all_sessions() {
    let mut pair = Pair::new(1);
    open(&mut pair, 0);
    pair.nodes[1] = None;
    pair.run(Duration::from_secs(2));
    pair.nodes[1] = Some(node(1, pair.now, 1));
    pair.run(Duration::from_secs(12));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);
}

/// What a device has for its peer goes when there is no pair any more; what is its own stays.
#[test]
fn without_a_pair_a_device_has_no_copies() {
    let mut pair = Pair::new(2);
    open(&mut pair, 0);
    pair.order(0, Command::SecurityAssociation { id: 7, state: Some(b"seven".to_vec()) }).unwrap();
    pair.run(Duration::from_millis(20));
    assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);
    for device in [0, 1] {
        let text = config(device).replace("enabled yes", "enabled no");
        pair.commit(device, &text).unwrap();
    }
    pair.run(Duration::from_millis(20));
    assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 0]);
    let associations = [0, 1].map(|device| pair.node(device).security_associations().count());
    assert_eq!(associations, [1, 0]);
    assert!(pair.records.is_empty());
}

#[test]
fn without_a_pair_there_is_nobody_to_suspend() {
    let mut pair = Pair::new(1);
    let text = config(0).replace("enabled yes", "enabled no");
    let document = Document::parse(&text, "test").unwrap();
    let command = Command::Commit { document, request: CommitRequest::default() };
    let node = pair.nodes[0].as_mut().unwrap();
    node.handle_command(pair.now, command).unwrap();
    let suspend = node.handle_command(pair.now, Command::PairState(StateRequest::Suspend));
    assert_eq!(suspend.unwrap_err(), CommandError::NoPair);
}
