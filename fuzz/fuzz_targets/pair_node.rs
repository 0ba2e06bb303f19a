//! What comes over the links of a pair to a device that forwards. Bytes that are no message of the peer's,
//! and messages of its that were changed on the way over HA2 or HA3, alter neither what the device is nor a
//! session or its copy; the device goes on to forward. HA1 is authenticated before the device has it: what
//! comes by it may be anything, and the device keeps its bounds.
#![no_main]

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bifrons_config::{Document, Sources};
use bifrons_dataplane::Counters;
use bifrons_fuzz::Input;
use bifrons_ha::{HaLinkId, HaState};
use bifrons_model::{MacAddress, Timestamp};
use bifrons_node::{Command, Node, Output, PairIdentity, PortId, PortInfo, Secrets, Startup};
use bifrons_session::HashSeed;
use bifrons_wire::{Arp, EthernetHeader, internet_checksum};
use libfuzzer_sys::fuzz_target;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const CAPACITY: usize = 8;
const CLIENT: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x11]);
const SERVER: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x22]);
const LINKS: [HaLinkId; 3] = [HaLinkId::Ha1, HaLinkId::Ha2, HaLinkId::Ha3];

/// Two devices, the first of which forwards.
struct Pair {
    nodes: [Node; 2],
    now: Timestamp,
    /// Messages on their way: to whom.
    wire: VecDeque<(usize, HaLinkId, Vec<u8>)>,
    /// What the second device has said lately.
    said: VecDeque<(HaLinkId, Vec<u8>)>,
    forwarded: u64,
}

fn config(device: u8) -> String {
    format!(
        "set deviceconfig setting session capacity {CAPACITY}
         set network interface ethernet ethernet1/1 layer3 ip 10.0.0.254/24
         set network interface ethernet ethernet1/2 layer3 ip 192.0.2.254/24
         set network virtual-router default interface [ ethernet1/1 ethernet1/2 ]
         set zone inside network layer3 ethernet1/1
         set zone outside network layer3 ethernet1/2
         set rulebase security rules out from inside to outside source any destination any
         set rulebase security rules out application any service any action allow log-end yes
         set deviceconfig high-availability enabled yes
         set deviceconfig high-availability interface ha1 port ha1 ip-address 10.255.0.{} netmask \
         255.255.255.252
         set deviceconfig high-availability interface ha2 port ha2
         set deviceconfig high-availability group group-id 7 peer-ip 10.255.0.{}
         set deviceconfig high-availability group election-option device-priority {}",
        device + 1,
        2 - device,
        100 + device,
    )
}

fn node(device: u8) -> Node {
    let port = |number: u8| PortInfo {
        name: format!("ethernet1/{number}"),
        mac: MacAddress([2, 0, 0, 0, 1 + device, number]),
        is_up: true,
    };
    let startup = Startup {
        document: Document::parse(&config(device), "pair").expect("a configuration"),
        sources: Sources::default(),
        signatures: Arc::default(),
        serial: format!("00000{device}"),
        ports: [1, 2].map(port).to_vec(),
        workers: 1,
        secrets: Secrets { hash: HashSeed::new(7), pair: [device; 32] },
        identity: PairIdentity { ha1_mac: MacAddress([2, 0, 0, 0, 9, device]), ..PairIdentity::default() },
    };
    let mut node = Node::new(START, startup).expect("a device");
    for link in LINKS {
        node.handle_command(START, Command::PairLink { link, is_up: true }).expect("a pair");
    }
    node
}

/// All that a message which is not the peer's leaves as it is.
#[derive(Debug, PartialEq)]
struct Facts {
    states: (HaState, HaState),
    sessions: usize,
    items: u64,
    policy: usize,
    associations: usize,
}

impl Pair {
    fn new() -> Self {
        let mut pair = Self {
            nodes: [node(0), node(1)],
            now: START,
            wire: VecDeque::new(),
            said: VecDeque::new(),
            forwarded: 0,
        };
        for _ in 0..80 {
            if [pair.state(0), pair.state(1)] == [HaState::Active, HaState::Passive] {
                break;
            }
            pair.run(Duration::from_secs(1));
        }
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.state(0), HaState::Active);
        pair
    }

    /// From one deadline to the next; messages take a millisecond.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            (0..2).for_each(|device| self.drain(device));
            let due = self.nodes.iter().filter_map(Node::poll_timeout).min();
            let arrival = (!self.wire.is_empty()).then(|| self.now + Duration::from_millis(1));
            let Some(next) = due.into_iter().chain(arrival).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for (to, link, bytes) in std::mem::take(&mut self.wire) {
                self.nodes[to].handle_pair_message(self.now, link, &bytes);
            }
            for node in &mut self.nodes {
                if node.poll_timeout().is_some_and(|due| due <= self.now) {
                    node.handle_timeout(self.now);
                }
            }
        }
        self.now = end;
    }

    fn drain(&mut self, device: usize) {
        while let Some(output) = self.nodes[device].poll_output() {
            match output {
                Output::Pair { link, bytes } => {
                    if device == 1 {
                        self.said.push_back((link, bytes.clone()));
                        self.said.drain(..self.said.len().saturating_sub(64));
                    }
                    self.wire.push_back((1 - device, link, bytes));
                }
                Output::Frame { port, bytes } => match answer(port, &bytes) {
                    Some(reply) => self.nodes[device].handle_frame(self.now, port, reply),
                    None => self.forwarded += u64::from(bytes.get(12..14) == Some(&[8, 0])),
                },
                Output::Host { .. } | Output::Record(_) | Output::Notice(_) => {}
            }
        }
        assert!(self.nodes[device].counters().all(Counters::is_conserved));
    }

    /// The client sends a datagram.
    fn send(&mut self, port: u8) {
        let interface = bifrons_ha::InterfaceNumber::of("ethernet1/1").expect("a port");
        let mac = bifrons_ha::VirtualMac::new(bifrons_ha::DeviceId::Zero, 7, interface).mac();
        self.nodes[0].handle_frame(self.now, PortId(0), datagram(mac, port));
        self.drain(0);
    }

    fn state(&self, device: usize) -> HaState {
        self.nodes[device].pair_state().expect("a pair")
    }

    fn facts(&self) -> Facts {
        let node = &self.nodes[0];
        let status = node.pair_status().expect("a pair");
        let counters = node.pair_sync().expect("a pair").counters();
        let kinds = bifrons_ha::sync::ItemKind::ALL.into_iter();
        Facts {
            states: (status.state, status.peer.hello.map_or(HaState::Initial, |hello| hello.state)),
            sessions: node.workers().iter().map(|worker| worker.sessions().len()).sum(),
            items: kinds.map(|kind| counters.items(kind).received).sum(),
            policy: node.policy().names().rules.len(),
            associations: node.security_associations().count(),
        }
    }

    /// A message that is not the peer's comes to the first device.
    fn forge(&mut self, link: HaLinkId, bytes: &[u8]) {
        let before = self.facts();
        self.nodes[0].handle_pair_message(self.now, link, bytes);
        assert_eq!(self.facts(), before, "{link:?} {bytes:02x?}");
        self.drain(0);
    }
}

/// A host's answer to a question for its address.
fn answer(port: PortId, frame: &[u8]) -> Option<Vec<u8>> {
    let (header, length) = EthernetHeader::read(frame)?;
    let ask = Arp::read(frame.get(length..)?).filter(|ask| ask.is_request && ask.sender != ask.target)?;
    let reply = Arp {
        is_request: false,
        sender_mac: if port == PortId(0) { CLIENT } else { SERVER },
        sender: ask.target,
        target_mac: ask.sender_mac,
        target: ask.sender,
    };
    Some(reply.frame(header.source))
}

fn datagram(gateway: MacAddress, port: u8) -> Vec<u8> {
    let mut ip = [0x45, 0, 0, 29, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1];
    let sum = internet_checksum(&[&ip]).to_be_bytes();
    ip[10..12].copy_from_slice(&sum);
    let udp = [0x9c, port, 0x27, 0x0f, 0, 9, 0, 0, b'x'];
    [&gateway.0[..], &CLIENT.0, &[8, 0], &ip, &udp].concat()
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut pair = Pair::new();
    let mut is_peer_true = true;
    while !input.is_empty() {
        match input.byte() % 8 {
            0 => pair.send(input.byte() % 16),
            1 => pair.run(Duration::from_millis(u64::from(input.byte()))),
            // Nobody else's bytes mean anything on the links that the device seals itself.
            2 => {
                let link = [HaLinkId::Ha2, HaLinkId::Ha2Backup, HaLinkId::Ha3][usize::from(input.byte() % 3)];
                let count = usize::from(input.byte());
                pair.forge(link, input.bytes(count));
            }
            3 => {
                let (place, at, bits) = (input.byte(), usize::from(input.u16()), input.byte().max(1));
                let place = usize::from(place) % pair.said.len().max(1);
                let Some((link, mut bytes)) = pair.said.get(place).cloned() else { continue };
                let length = bytes.len().max(1);
                if let (HaLinkId::Ha2 | HaLinkId::Ha3, Some(byte)) = (link, bytes.get_mut(at % length)) {
                    *byte ^= bits;
                    pair.forge(link, &bytes);
                }
            }
            // What is of no kind that HA1 carries.
            4 => {
                let count = usize::from(input.byte());
                let bytes = [&[input.byte() | 0x80], input.bytes(count)].concat();
                pair.forge(HaLinkId::Ha1, &bytes);
            }
            5 => {
                is_peer_true = false;
                let count = usize::from(input.u16() % 2_048);
                pair.nodes[0].handle_pair_message(pair.now, HaLinkId::Ha1, input.bytes(count));
                pair.drain(0);
            }
            6 => {
                is_peer_true = false;
                let place = usize::from(input.byte()) % pair.said.len().max(1);
                let (at, byte) = (usize::from(input.u16()), input.byte());
                let Some((HaLinkId::Ha1, mut bytes)) = pair.said.get(place).cloned() else { continue };
                let length = bytes.len().max(1);
                if let Some(changed) = bytes.get_mut(at % length) {
                    *changed = byte;
                }
                pair.nodes[0].handle_pair_message(pair.now, HaLinkId::Ha1, &bytes);
                pair.drain(0);
            }
            _ => {
                let place = usize::from(input.byte()) % pair.said.len().max(1);
                let Some((link @ (HaLinkId::Ha2 | HaLinkId::Ha3), bytes)) = pair.said.get(place).cloned()
                else {
                    continue;
                };
                // It has come already.
                if pair.wire.is_empty() {
                    pair.forge(link, &bytes);
                }
            }
        }
        let sessions: usize = pair.nodes[0].workers().iter().map(|worker| worker.sessions().len()).sum();
        assert!(sessions <= CAPACITY);
    }
    if is_peer_true {
        let before = pair.forwarded;
        assert_eq!(pair.state(0), HaState::Active);
        pair.run(Duration::from_millis(50));
        pair.send(0);
        pair.run(Duration::from_millis(50));
        assert!(pair.forwarded > before, "it forwards");
    }
});
