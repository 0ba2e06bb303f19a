//! A device with routed ports, VLANs, a wire, translation and SYN cookies takes any frames at any times, gets
//! its own frames back changed, and is committed to, cleared and unplugged under way: every frame has one
//! fate, no table is larger than it may be, each session is closed once, and all comes to rest.
#![no_main]

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bifrons_config::{CommitRequest, Document, Sources};
use bifrons_dataplane::{Block, ClearFilter};
use bifrons_fuzz::Input;
use bifrons_model::{MacAddress, Subtype, Timestamp};
use bifrons_node::{Command, Node, Output, PairIdentity, PortId, PortInfo, Secrets, Startup};
use bifrons_session::HashSeed;
use libfuzzer_sys::fuzz_target;

const CAPACITY: usize = 24;
const PORTS: u8 = 4;
/// The VLAN of the second port's zone.
const TAG: u16 = 100;
/// Frames of the device that may be sent back to it.
const REMEMBERED: usize = 8;
/// Commits of an input: each compiles a configuration.
const COMMITS: u32 = 3;
/// Frames and records that one frame or one moment may lead to.
const OUTPUTS_MAX: usize = 50_000;
/// Packets that may wait in one worker: for neighbors, and as fragments.
const HELD_MAX: u64 = 4_096;

/// Two configurations; the second denies what the first allows and protects more.
static DOCUMENTS: LazyLock<[Document; 2]> = LazyLock::new(|| {
    let unit = format!("set network interface ethernet ethernet1/2 layer3 units ethernet1/2.{TAG}");
    let profile = "set network profiles zone-protection-profile shield";
    let base = format!(
        "set deviceconfig setting session capacity {CAPACITY}
         set deviceconfig setting session strict-checksum no
         set network interface ethernet ethernet1/1 layer3 ip 192.0.2.1/24
         set network interface ethernet ethernet1/1 layer3 ipv6 enabled yes
         set network interface ethernet ethernet1/1 layer3 ipv6 address 2001:db8:1::1/64
         set network interface ethernet ethernet1/1 layer3 adjust-tcp-mss enable yes
         {unit} tag {TAG}
         {unit} ip 198.51.100.1/24
         {unit} ipv6 enabled yes
         {unit} ipv6 address 2001:db8:2::1/64
         {unit} mtu 1300
         set network virtual-router default interface ethernet1/1
         set network virtual-router default interface ethernet1/2.{TAG}
         set network virtual-router default routing-table ip static-route all destination 0.0.0.0/0
         set network virtual-router default routing-table ip static-route all nexthop ip-address 198.51.100.9
         set network interface ethernet ethernet1/3 virtual-wire
         set network interface ethernet ethernet1/4 virtual-wire
         set network virtual-wire wire interface1 ethernet1/3 interface2 ethernet1/4
         set zone trust network layer3 ethernet1/1
         set zone untrust network layer3 ethernet1/2.{TAG}
         set zone left network virtual-wire ethernet1/3
         set zone right network virtual-wire ethernet1/4
         {profile} flood tcp-syn syn-cookies activate-rate 2
         {profile} flood tcp-syn syn-cookies maximal-rate 900
         {profile} flood tcp-syn enable yes
         {profile} flood udp red activate-rate 50
         {profile} flood udp enable yes
         set zone trust network zone-protection-profile shield
         set rulebase nat rules hide from trust to untrust source any destination any service any
         set rulebase nat rules hide source-translation dynamic-ip-and-port translated-address 198.51.100.1
         set rulebase nat rules in from untrust to untrust source any destination 198.51.100.1 service any
         set rulebase nat rules in destination-translation translated-address 192.0.2.11\n"
    );
    let allow = "set rulebase security rules rest from any to any source any destination any application any
         set rulebase security rules rest service any action allow log-start yes log-end yes";
    let deny = "set rulebase security rules rest from any to any source any destination any application any
         set rulebase security rules rest service any action reset-both log-end yes";
    [allow, deny].map(|rules| Document::parse(&format!("{base}{rules}"), "fuzz").expect("a configuration"))
});

/// The device's station address at a port.
const fn mac(port: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0xff, port + 1]
}

fn node(now: Timestamp, workers: usize) -> Node {
    let port =
        |port| PortInfo { name: format!("ethernet1/{}", port + 1), mac: MacAddress(mac(port)), is_up: true };
    let startup = Startup {
        document: DOCUMENTS[0].clone(),
        sources: Sources::default(),
        signatures: Arc::default(),
        serial: String::new(),
        ports: (0..PORTS).map(port).collect(),
        workers,
        secrets: Secrets { hash: HashSeed::new(7), pair: [0; 32] },
        identity: PairIdentity::default(),
    };
    Node::new(now, startup).expect("a configuration that is accepted")
}

struct Trial {
    node: Node,
    now: Timestamp,
    workers: usize,
    given: u64,
    /// What it sent last, by port.
    sent: Vec<(u8, Vec<u8>)>,
    closed: HashSet<u32>,
    commits: u32,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let now = Timestamp::from_secs(1_000_000);
    let workers = [1, 2, 8, 1][usize::from(input.byte() & 3)];
    let mut trial = Trial {
        node: node(now, workers),
        now,
        workers,
        given: 0,
        sent: Vec::new(),
        closed: HashSet::new(),
        commits: 0,
    };
    // Its addresses become its own.
    trial.pass(Duration::from_secs(10));
    let mut steps = 0;
    while !input.is_empty() && steps < 400 {
        trial.step(&mut input);
        trial.check();
        steps += 1;
    }
    trial.rest();
});

impl Trial {
    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte();
        let port = kind >> 3 & 3;
        match kind & 7 {
            0..=3 => {
                let length = usize::from(input.u16() & 0x3fff);
                let mut frame = input.bytes(length).to_vec();
                if kind & 0x20 != 0 {
                    address(&mut frame, port);
                }
                if kind & 0x40 != 0 {
                    tag(&mut frame);
                }
                self.give(port, frame);
            }
            4 => {
                let unit = [1_000, 1_000_000, 100_000_000, 10_000_000_000][usize::from(port)];
                self.pass(Duration::from_nanos(u64::from(input.u16()) * unit));
            }
            5 => self.send_back(kind, input),
            6 => self.order(port, input),
            _ => self.give(port, syn(port, input)),
        }
    }

    /// What the device sent comes back as the answer of its receiver.
    fn send_back(&mut self, kind: u8, input: &mut Input<'_>) {
        let place = usize::from(input.byte()) % REMEMBERED;
        let Some((port, frame)) = self.sent.get(place).cloned() else { return };
        let (change, value) = (usize::from(input.u16()), input.byte());
        let mut frame = reversed(frame);
        if kind & 0x80 != 0
            && let Some(byte) = frame.get_mut(change)
        {
            *byte ^= value;
        }
        self.give(port, frame);
    }

    fn order(&mut self, port: u8, input: &mut Input<'_>) {
        let value = input.byte();
        let command = match value & 7 {
            0 if self.commits < COMMITS => {
                self.commits += 1;
                let document = DOCUMENTS[usize::from(value >> 3 & 1)].clone();
                Command::Commit { document, request: CommitRequest::default() }
            }
            1 => Command::ClearSessions(ClearFilter::default()),
            2 => Command::Block(Block {
                zone: None,
                source: std::net::IpAddr::from([192, 0, 2, input.byte()]),
                destination: None,
                end: self.now + Duration::from_secs(u64::from(value)),
            }),
            3 => Command::Unblock(std::net::IpAddr::from([192, 0, 2, input.byte()])),
            _ => Command::Carrier { port: PortId(port.into()), is_up: value & 8 != 0 },
        };
        let _ = self.node.handle_command(self.now, command);
        self.take();
    }

    fn give(&mut self, port: u8, frame: Vec<u8>) {
        self.given += 1;
        self.node.handle_frame(self.now, PortId(port.into()), frame);
        self.take();
    }

    /// Time passes, and everything that is due happens when it is due.
    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        let mut turns = 0;
        while let Some(due) = self.node.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now);
            self.take();
            turns += 1;
            assert!(turns < 1_000_000, "time stands still");
        }
        self.now = until;
    }

    fn take(&mut self) {
        let mut taken = 0;
        while let Some(output) = self.node.poll_output() {
            taken += 1;
            assert!(taken < OUTPUTS_MAX, "it does not stop");
            match output {
                Output::Frame { port, bytes } => {
                    self.sent.insert(0, (port.index() as u8, bytes));
                    self.sent.truncate(REMEMBERED);
                }
                Output::Record(record) => {
                    assert!(record.start <= record.generated);
                    let is_closing = record.subtype != Subtype::Start && record.session_id.0 != 0;
                    assert!(!is_closing || self.closed.insert(record.session_id.0), "closed twice");
                }
                Output::Host { .. } | Output::Notice(_) | Output::Pair { .. } => {}
            }
        }
    }

    fn check(&self) {
        let mut received = 0;
        for worker in self.node.workers() {
            let counters = worker.counters();
            assert!(counters.is_conserved(), "{counters:?}");
            assert!(counters.held <= HELD_MAX, "{counters:?}");
            received += counters.received - counters.handed_over;
            assert!(worker.sessions().len() <= CAPACITY.div_ceil(self.workers));
        }
        assert_eq!(received, self.given, "frames that were given and frames that count");
    }

    /// Nothing happens any more: in the end there are no sessions.
    fn rest(&mut self) {
        let mut turns = 0;
        while self.node.workers().iter().any(|worker| !worker.sessions().is_empty()) {
            let due = self.node.poll_timeout().expect("sessions have timeouts");
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now);
            self.take();
            turns += 1;
            assert!(turns < 1_000_000, "time runs on for ever");
        }
        self.check();
    }
}

/// Lets a frame be for the device's port.
fn address(frame: &mut [u8], port: u8) {
    if let Some(place) = frame.first_chunk_mut() {
        *place = mac(port);
    }
}

/// Gives a frame the tag of the second port's VLAN.
fn tag(frame: &mut Vec<u8>) {
    if frame.len() >= 12 {
        let [high, low] = TAG.to_be_bytes();
        frame.splice(12..12, [0x81, 0, high, low]);
    }
}

/// The frame that its receiver would answer with: an answer to ARP, or the same packet back.
fn reversed(mut frame: Vec<u8>) -> Vec<u8> {
    let ip = if frame.get(12..14) == Some(&[0x81, 0]) { 18 } else { 14 };
    let kind = frame.get(ip - 2..ip).map(<[u8]>::to_vec);
    let swap = |frame: &mut Vec<u8>, first: usize, second: usize, length: usize| {
        for at in 0..length {
            if first.max(second) + at < frame.len() {
                frame.swap(first + at, second + at);
            }
        }
    };
    swap(&mut frame, 0, 6, 6);
    match kind.as_deref() {
        Some([8, 6]) => {
            swap(&mut frame, ip + 8, ip + 18, 10);
            let station = [2, 0, 0, 0, 0, 9];
            for place in [6, ip + 8] {
                if let Some(place) = frame.get_mut(place..place + 6) {
                    place.copy_from_slice(&station);
                }
            }
            if let Some(operation) = frame.get_mut(ip + 7) {
                *operation = 2;
            }
        }
        Some([8, 0]) => {
            swap(&mut frame, ip + 12, ip + 16, 4);
            answer_segment(&mut frame, ip + 20, ip + 9);
        }
        Some([0x86, 0xdd]) => {
            swap(&mut frame, ip + 8, ip + 24, 16);
            answer_segment(&mut frame, ip + 40, ip + 6);
        }
        Some(_) | None => {}
    }
    frame
}

/// Ports change places; a TCP segment acknowledges what it answers.
fn answer_segment(frame: &mut [u8], at: usize, protocol: usize) {
    let is_tcp = frame.get(protocol) == Some(&6);
    let Some(head) = frame.get_mut(at..at + 20) else { return };
    let [a, b, c, d] = [head[0], head[1], head[2], head[3]];
    head[..4].copy_from_slice(&[c, d, a, b]);
    if is_tcp {
        let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        let (sequence, acknowledgement) = (number(&head[4..8]), number(&head[8..12]));
        head[8..12].copy_from_slice(&sequence.wrapping_add(1).to_be_bytes());
        head[4..8].copy_from_slice(&acknowledgement.to_be_bytes());
        head[13] |= 0x10;
    }
}

/// A SYN of somebody: over one, two or three bytes of input.
fn syn(port: u8, input: &mut Input<'_>) -> Vec<u8> {
    let (source, number, to) = (input.byte(), input.byte(), input.byte());
    let mut frame = vec![0; 54];
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 1, source]);
    frame[12..18].copy_from_slice(&[8, 0, 0x45, 0, 0, 40]);
    frame[22..24].copy_from_slice(&[64, 6]);
    let (from, behind) =
        if port == 1 { ([198, 51, 100], [192, 0, 2]) } else { ([192, 0, 2], [198, 51, 100]) };
    frame[26..29].copy_from_slice(&from);
    frame[29] = source;
    frame[30..33].copy_from_slice(&behind);
    frame[33] = to;
    frame[34..38].copy_from_slice(&[0x90, number, 0, 80]);
    frame[46..50].copy_from_slice(&[0x50, 2, 0xff, 0xff]);
    address(&mut frame, port);
    let sum: u32 = frame[14..34].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
    if port == 1 {
        tag(&mut frame);
    }
    frame
}
