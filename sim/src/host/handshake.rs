//! Handshakes whose two directions take different ways: SYNs go by one gateway, the answers to them by the
//! other, at once.
//!
//! ```text
//!  opener ── SYN ──► gateway 0 ──────────────► answerer
//!     ▲                                           │
//!     └──────────── gateway 1 ◄──── SYN-ACK ──────┘      and the reverse for odd numbers
//! ```
//!
//! Connections have numbers. The number stands in the sequence numbers and says by which gateway the SYN
//! goes, so both ends know it from any segment, and each notes in a common [`Tally`] which segments came.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bifrons_model::Timestamp;

use super::{Host, HostOutput};
use crate::{
    frame::{
        Body, Content, Packet, Tcp, View,
        build::{self, Ends},
        flag,
    },
    random::Random,
    switch::Mac,
};

/// Between the first sequence numbers of two connections: room for the segments of one.
const STRIDE: u32 = 16;
/// What the answerer's sequence numbers begin behind the opener's.
const ANSWERS: u32 = 0x4000_0000;
/// Each address opens from these ports, one after the other.
const PORTS: (u16, u16) = (1_024, 65_535);
/// The port that all connections are opened to.
const SERVER_PORT: u16 = 4_242;
/// How long an answer to ARP is waited for before it is asked again.
const ASKS_AGAIN: Duration = Duration::from_millis(100);

/// The segments of a connection: a bit each.
const SYN: u8 = 1;
const SYN_ACK: u8 = 2;
const ACK: u8 = 4;
const RST: u8 = 8;
/// All of them, in the order in which they are sent.
const SEGMENTS: [u8; 4] = [SYN, SYN_ACK, ACK, RST];

/// What was sent and what arrived.
#[derive(Debug, Default)]
pub struct Tally {
    /// Segments sent, by connection.
    sent: Vec<u8>,
    /// Segments that arrived, by connection.
    got: Vec<u8>,
    /// Segments that arrived once more.
    doubled: u64,
    /// Segments of no connection.
    strange: u64,
}

/// A tally that both ends write to.
pub type CommonTally = Arc<Mutex<Tally>>;

impl Tally {
    fn send(&mut self, connection: usize, segment: u8) {
        if self.sent.len() <= connection {
            self.sent.resize(connection + 1, 0);
            self.got.resize(connection + 1, 0);
        }
        self.sent[connection] |= segment;
    }

    /// Takes note of a segment; false where it cannot be.
    fn get(&mut self, connection: usize, segment: u8) -> bool {
        let Some(got) = self.got.get_mut(connection) else {
            self.strange += 1;
            return false;
        };
        self.doubled += u64::from(*got & segment != 0);
        *got |= segment;
        true
    }

    /// Handshakes of which all three segments arrived.
    pub fn complete(&self) -> u64 {
        let all = SYN | SYN_ACK | ACK;
        self.got.iter().filter(|got| **got & all == all).count() as u64
    }

    /// Segments that were sent and arrived nowhere: SYN, SYN-ACK, ACK and RST.
    pub fn lost(&self) -> [u64; 4] {
        SEGMENTS.map(|segment| {
            let pairs = std::iter::zip(&self.sent, &self.got);
            pairs.filter(|(sent, got)| **sent & !**got & segment != 0).count() as u64
        })
    }

    /// Segments that arrived more than once, and those of no connection.
    pub const fn surplus(&self) -> u64 {
        self.doubled + self.strange
    }
}

fn write(tally: &CommonTally) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ways to other networks.
#[derive(Debug)]
struct Ways {
    gateways: [Ipv4Addr; 2],
    macs: [Option<Mac>; 2],
}

impl Ways {
    const fn new(gateways: [Ipv4Addr; 2]) -> Self {
        Self { gateways, macs: [None; 2] }
    }

    fn learn(&mut self, address: Ipv4Addr, mac: Mac) {
        for (gateway, known) in self.gateways.iter().zip(&mut self.macs) {
            if *gateway == address {
                *known = Some(mac);
            }
        }
    }

    /// The gateways' Ethernet addresses, where both are known.
    fn macs(&self) -> Option<[Mac; 2]> {
        let [Some(first), Some(second)] = self.macs else { return None };
        Some([first, second])
    }

    fn ask(&self, own: (Mac, Ipv4Addr), out: &mut VecDeque<Vec<u8>>) {
        for gateway in self.gateways {
            out.push_back(build::arp(own, gateway, None));
        }
    }
}

/// How many connections, how fast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rush {
    /// When it begins.
    pub begin: Timestamp,
    /// How many connections.
    pub count: u32,
    /// The time between two on average.
    pub interval: Duration,
    /// The addresses that open, all of one host.
    pub clients: Vec<Ipv4Addr>,
    /// The addresses that are opened to.
    pub servers: Vec<Ipv4Addr>,
    /// By which gateway a SYN goes.
    pub gateways: [Ipv4Addr; 2],
}

/// Opens connections from many addresses.
pub struct Opener {
    mac: Mac,
    rush: Rush,
    ways: Ways,
    random: Random,
    /// The next port of each address.
    ports: Vec<u16>,
    opened: u32,
    next: Timestamp,
    tally: CommonTally,
    out: VecDeque<Vec<u8>>,
}

impl Opener {
    /// A host that opens what `rush` says; what it draws comes from `seed`.
    pub fn new(mac: Mac, rush: Rush, tally: CommonTally, seed: u64) -> Self {
        let ways = Ways::new(rush.gateways);
        let ports = vec![PORTS.0; rush.clients.len()];
        let next = rush.begin;
        let random = Random::new(seed, "handshakes", 0);
        Self { mac, rush, ways, random, ports, opened: 0, next, tally, out: VecDeque::new() }
    }

    fn open(&mut self, now: Timestamp) {
        let Some(macs) = self.ways.macs() else {
            if let Some(own) = self.rush.clients.first() {
                self.ways.ask((self.mac, *own), &mut self.out);
            }
            self.next = now + ASKS_AGAIN;
            return;
        };
        let place = self.random.below(self.rush.clients.len() as u64) as usize;
        let (Some(source), Some(port)) = (self.rush.clients.get(place), self.ports.get_mut(place)) else {
            return;
        };
        let Some(destination) = self.random.pick(&self.rush.servers) else { return };
        let own_port = *port;
        *port = if own_port == PORTS.1 { PORTS.0 } else { own_port + 1 };
        let number = self.opened;
        self.opened += 1;
        let ends = Ends {
            from: self.mac,
            to: macs[(number & 1) as usize],
            source: *source,
            destination: *destination,
        };
        let header = build::header((own_port, SERVER_PORT), (number * STRIDE, 0), flag::SYN);
        write(&self.tally).send(number as usize, SYN);
        self.out.push_back(build::tcp(&ends, &header, 0));
        self.next = now + self.random.up_to(self.rush.interval * 2);
    }

    /// The handshake's last segment and the end of the connection.
    fn answer(&mut self, packet: &Packet, segment: &Tcp) {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.destination, packet.source) else {
            return;
        };
        let number = segment.sequence.wrapping_sub(ANSWERS) / STRIDE;
        let is_right = segment.has(flag::SYN) && segment.has(flag::ACK) && !segment.has(flag::RST);
        let mut tally = write(&self.tally);
        if !is_right || segment.acknowledgement != number * STRIDE + 1 {
            tally.strange += 1;
            return;
        }
        if !tally.get(number as usize, SYN_ACK) {
            return;
        }
        let Some(macs) = self.ways.macs() else { return };
        let ends = Ends { from: self.mac, to: macs[(number & 1) as usize], source, destination };
        let ports = (segment.destination, segment.source);
        let numbers = (segment.acknowledgement, segment.sequence.wrapping_add(1));
        for (kind, flags) in [(ACK, flag::ACK), (RST, flag::RST | flag::ACK)] {
            tally.send(number as usize, kind);
            self.out.push_back(build::tcp(&ends, &build::header(ports, numbers, flags), 0));
        }
    }
}

impl Host for Opener {
    fn handle_frame(&mut self, _: Timestamp, frame: &[u8]) {
        let view = View::of(frame);
        match view.content {
            Content::Arp { is_request, sender, sender_mac, target } => {
                self.ways.learn(sender, sender_mac);
                if is_request && sender != target && self.rush.clients.contains(&target) {
                    self.out.push_back(build::arp((self.mac, target), sender, Some(sender_mac)));
                }
            }
            Content::Ip(packet) if view.destination == self.mac => {
                if let Body::Tcp(segment) = packet.body {
                    self.answer(&packet, &segment);
                }
            }
            Content::Ip(_) | Content::Other(_) | Content::Broken => {}
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if self.opened < self.rush.count && self.next <= now {
            self.open(now);
        }
    }

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        (self.opened < self.rush.count).then_some(self.next)
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.out.pop_front().map(HostOutput::Frame)
    }
}

/// Answers each SYN in the same moment, by the gateway that it did not come by.
pub struct Answerer {
    mac: Mac,
    addresses: Vec<Ipv4Addr>,
    ways: Ways,
    begin: Timestamp,
    next: Option<Timestamp>,
    tally: CommonTally,
    out: VecDeque<Vec<u8>>,
    /// Answers whose gateway is not known yet, by connection.
    waiting: BTreeMap<u32, (Ends, Tcp)>,
}

impl Answerer {
    /// A host with the addresses that `rush` opens to; `gateways` are those of its own network, in the order
    /// of the opener's.
    pub fn new(mac: Mac, rush: &Rush, gateways: [Ipv4Addr; 2], tally: CommonTally) -> Self {
        Self {
            mac,
            addresses: rush.servers.clone(),
            ways: Ways::new(gateways),
            begin: rush.begin,
            next: Some(Timestamp::ZERO),
            tally,
            out: VecDeque::new(),
            waiting: BTreeMap::new(),
        }
    }

    fn take(&mut self, packet: &Packet, segment: &Tcp) {
        let (IpAddr::V4(source), IpAddr::V4(destination)) = (packet.destination, packet.source) else {
            return;
        };
        let number = segment.sequence / STRIDE;
        let kind = match segment.sequence % STRIDE {
            0 if segment.has(flag::SYN) => SYN,
            1 if segment.has(flag::RST) => RST,
            1 if segment.has(flag::ACK) => ACK,
            _ => {
                write(&self.tally).strange += 1;
                return;
            }
        };
        let mut tally = write(&self.tally);
        if !tally.get(number as usize, kind) || kind != SYN {
            return;
        }
        tally.send(number as usize, SYN_ACK);
        drop(tally);
        let ports = (segment.destination, segment.source);
        let numbers = (ANSWERS.wrapping_add(number * STRIDE), segment.sequence.wrapping_add(1));
        let header = build::header(ports, numbers, flag::SYN | flag::ACK);
        let ends = Ends { from: self.mac, to: build::BROADCAST, source, destination };
        self.waiting.insert(number, (ends, header));
        self.let_go();
    }

    fn let_go(&mut self) {
        let Some(macs) = self.ways.macs() else { return };
        while let Some((number, (ends, header))) = self.waiting.pop_first() {
            let ends = Ends { to: macs[(number & 1 ^ 1) as usize], ..ends };
            self.out.push_back(build::tcp(&ends, &header, 0));
        }
    }
}

impl Host for Answerer {
    fn handle_frame(&mut self, _: Timestamp, frame: &[u8]) {
        let view = View::of(frame);
        match view.content {
            Content::Arp { is_request, sender, sender_mac, target } => {
                self.ways.learn(sender, sender_mac);
                if is_request && sender != target && self.addresses.contains(&target) {
                    self.out.push_back(build::arp((self.mac, target), sender, Some(sender_mac)));
                }
                self.let_go();
            }
            Content::Ip(packet) if view.destination == self.mac => {
                if let Body::Tcp(segment) = packet.body {
                    self.take(&packet, &segment);
                }
            }
            Content::Ip(_) | Content::Other(_) | Content::Broken => {}
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if self.ways.macs().is_some() {
            self.next = None;
            return;
        }
        // The gateways are asked for when somebody is there to answer, just before the first SYN.
        let first = self.begin - ASKS_AGAIN;
        if now >= first
            && let Some(own) = self.addresses.first()
        {
            self.ways.ask((self.mac, *own), &mut self.out);
        }
        self.next = Some(first.max(now + ASKS_AGAIN));
    }

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        self.next
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.out.pop_front().map(HostOutput::Frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_and_what_is_doubled_is_counted() {
        let mut tally = Tally::default();
        for connection in 0..3 {
            tally.send(connection, SYN);
            assert!(tally.get(connection, SYN));
            tally.send(connection, SYN_ACK);
        }
        assert!(tally.get(1, SYN_ACK) && tally.get(1, SYN_ACK));
        tally.send(1, ACK);
        assert!(tally.get(1, ACK));
        assert!(!tally.get(3, SYN));
        assert_eq!((tally.complete(), tally.lost(), tally.surplus()), (1, [0, 2, 0, 0], 2));
    }
}
