//! Many short TCP connections at little cost: both ends follow a script and do not repeat what is lost.
//!
//! The server keeps nothing: whatever it is asked it answers from the segment itself.

use std::{
    collections::{BTreeMap, VecDeque},
    net::Ipv4Addr,
    time::Duration,
};

use bifrons_model::Timestamp;

use super::{Addresses, Host, HostOutput, Report};
use crate::{
    frame::{
        Body, Content, Tcp, View,
        build::{self, Ends},
        flag,
    },
    random::{Random, nanos},
    switch::Mac,
};

/// How long a connection that is not answered is remembered.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer to ARP is waited for before it is asked again.
const ASKS_AGAIN: Duration = Duration::from_secs(1);
/// How long the first connection is alone: until all neighbors on the way know each other. Only few packets
/// wait for a neighbor's answer, and a crowd repeats nothing.
const FIRST_ALONE: Duration = Duration::from_millis(300);
/// Bytes of a request and of its answer.
const PAYLOADS: (usize, usize) = (120, 700);
/// The ports that connections come from, one after the other.
const PORTS: (u16, u16) = (1_024, 65_535);

/// How many connections, how fast, how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throng {
    /// How many connections in all.
    pub count: u32,
    /// The time between two on average.
    pub interval: Duration,
    /// Requests of a connection, each with its answer, at least and at most.
    pub requests: (u32, u32),
}

/// Link and address of a light host, with the neighbor that leads on.
#[derive(Debug)]
pub(super) struct Footing {
    pub mac: Mac,
    pub address: Ipv4Addr,
    next_hop: Ipv4Addr,
    neighbor: Option<Mac>,
    asks_at: Timestamp,
    pub out: VecDeque<Vec<u8>>,
}

impl Footing {
    /// On the way to `peer`: by the gateway where there is one.
    pub fn new(addresses: &Addresses, peer: Ipv4Addr) -> Self {
        let is_near = peer.octets()[..2] == addresses.v4.octets()[..2];
        let gateway = addresses.gateway.filter(|_| !is_near);
        Self {
            mac: addresses.mac,
            address: addresses.v4,
            next_hop: gateway.map_or(peer, |(v4, _)| v4),
            neighbor: None,
            asks_at: Timestamp::ZERO,
            out: VecDeque::new(),
        }
    }

    /// The neighbor's address; asks for it where it is not known.
    pub fn neighbor(&mut self, now: Timestamp) -> Option<Mac> {
        if self.neighbor.is_none() && self.asks_at <= now {
            self.out.push_back(build::arp((self.mac, self.address), self.next_hop, None));
            self.asks_at = now + ASKS_AGAIN;
        }
        self.neighbor
    }

    /// Takes ARP; true where the frame was nothing else.
    pub fn handle_arp(&mut self, view: &View) -> bool {
        let Content::Arp { is_request, sender, sender_mac, target } = view.content else { return false };
        if sender == self.next_hop {
            self.neighbor = Some(sender_mac);
        }
        if is_request && target == self.address {
            self.out.push_back(build::arp((self.mac, self.address), sender, Some(sender_mac)));
        }
        true
    }
}

/// The end that opens connections.
pub struct CrowdClient {
    talk: usize,
    server: (Ipv4Addr, u16),
    throng: Throng,
    footing: Footing,
    random: Random,
    next: Timestamp,
    next_port: u16,
    opened: u32,
    done: u32,
    /// By source port.
    open: BTreeMap<u16, Conversation>,
    reports: VecDeque<Report>,
    is_over: bool,
}

struct Conversation {
    requests_left: u32,
    begun: Timestamp,
}

impl CrowdClient {
    /// A crowd that begins at `begin`.
    pub fn new(
        talk: usize,
        begin: Timestamp,
        addresses: &Addresses,
        server: (Ipv4Addr, u16),
        throng: Throng,
        seed: u64,
    ) -> Self {
        Self {
            talk,
            server,
            throng,
            footing: Footing::new(addresses, server.0),
            random: Random::new(seed, "crowd", talk as u64),
            next: begin,
            next_port: PORTS.0,
            opened: 0,
            done: 0,
            open: BTreeMap::new(),
            reports: VecDeque::new(),
            is_over: false,
        }
    }

    fn open(&mut self, now: Timestamp) {
        let Some(gateway) = self.footing.neighbor(now) else {
            self.next = now + Duration::from_millis(10);
            return;
        };
        if self.opened == 0 {
            self.reports.push_back(Report::Begun { talk: self.talk, port: 0 });
        }
        let port = self.next_port;
        self.next_port = if port == PORTS.1 { PORTS.0 } else { port + 1 };
        let requests = self.random.between(self.throng.requests.0.into(), self.throng.requests.1.into());
        self.open.insert(port, Conversation { requests_left: requests as u32, begun: now });
        self.opened += 1;
        let sequence = self.random.number() as u32;
        self.send(gateway, &build::header((port, self.server.1), (sequence, 0), flag::SYN), 0);
        let average = nanos(self.throng.interval);
        let pause = Duration::from_nanos(average / 2 + self.random.below(average + 1));
        self.next = now + if self.opened == 1 { pause.max(FIRST_ALONE) } else { pause };
    }

    fn send(&mut self, gateway: Mac, header: &Tcp, payload: usize) {
        let ends = Ends {
            from: self.footing.mac,
            to: gateway,
            source: self.footing.address,
            destination: self.server.0,
        };
        self.footing.out.push_back(build::tcp(&ends, header, payload));
    }

    fn answer(&mut self, gateway: Mac, segment: &Tcp, length: usize) {
        if !self.open.contains_key(&segment.destination) {
            return;
        }
        let ports = (segment.destination, segment.source);
        let step = u32::from(segment.has(flag::SYN)) + u32::from(segment.has(flag::FIN)) + length as u32;
        let numbers = (segment.acknowledgement, segment.sequence.wrapping_add(step));
        if segment.has(flag::RST) {
            self.open.remove(&segment.destination);
            return;
        }
        if segment.has(flag::FIN) {
            self.open.remove(&segment.destination);
            self.done += 1;
            self.send(gateway, &build::header(ports, numbers, flag::ACK), 0);
            return;
        }
        if segment.has(flag::SYN) {
            self.send(gateway, &build::header(ports, numbers, flag::ACK), 0);
        } else if length == 0 {
            return;
        }
        let Some(conversation) = self.open.get_mut(&ports.0) else { return };
        if conversation.requests_left > 0 {
            conversation.requests_left -= 1;
            self.send(gateway, &build::header(ports, numbers, flag::PSH | flag::ACK), PAYLOADS.0);
        } else {
            self.send(gateway, &build::header(ports, numbers, flag::FIN | flag::ACK), 0);
        }
    }

    fn conclude(&mut self, now: Timestamp) {
        if self.opened < self.throng.count || self.is_over {
            return;
        }
        self.open.retain(|_, conversation| now.since(conversation.begun) < PATIENCE);
        if self.open.is_empty() {
            self.is_over = true;
            let (sent, answered) = (self.opened, self.done);
            self.reports.push_back(Report::Answered { talk: self.talk, sent, answered });
        }
    }
}

impl Host for CrowdClient {
    fn handle_frame(&mut self, now: Timestamp, frame: &[u8]) {
        let view = View::of(frame);
        if self.footing.handle_arp(&view) {
            return;
        }
        let Some(packet) = view.packet().filter(|packet| packet.destination == self.footing.address) else {
            return;
        };
        if let (Body::Tcp(segment), Some(gateway)) = (packet.body, self.footing.neighbor(now)) {
            self.answer(gateway, &segment, packet.payload_length);
        }
        self.conclude(now);
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        while self.opened < self.throng.count && self.next <= now {
            self.open(now);
        }
        self.conclude(now);
    }

    fn poll_timeout(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.is_over {
            return None;
        }
        if self.opened < self.throng.count { Some(self.next) } else { Some(now + PATIENCE) }
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        let frame = self.footing.out.pop_front().map(HostOutput::Frame);
        frame.or_else(|| self.reports.pop_front().map(HostOutput::Report))
    }
}

/// The end that answers, on every port.
pub struct CrowdServer {
    mac: Mac,
    address: Ipv4Addr,
    out: VecDeque<Vec<u8>>,
}

impl CrowdServer {
    /// A server with these addresses.
    pub const fn new(addresses: &Addresses) -> Self {
        Self { mac: addresses.mac, address: addresses.v4, out: VecDeque::new() }
    }

    fn answer(&mut self, to: Mac, peer: Ipv4Addr, segment: &Tcp, length: usize) {
        let step = u32::from(segment.has(flag::SYN)) + u32::from(segment.has(flag::FIN)) + length as u32;
        if step == 0 || segment.has(flag::RST) {
            return;
        }
        let own = if segment.has(flag::SYN) {
            segment.sequence.rotate_left(13) ^ 0x5bd1_e995
        } else {
            segment.acknowledgement
        };
        let (flags, payload) = match (segment.has(flag::SYN), segment.has(flag::FIN)) {
            (true, _) => (flag::SYN | flag::ACK, 0),
            (false, true) => (flag::FIN | flag::ACK, 0),
            (false, false) => (flag::PSH | flag::ACK, PAYLOADS.1),
        };
        let ends = Ends { from: self.mac, to, source: self.address, destination: peer };
        let ports = (segment.destination, segment.source);
        let header = build::header(ports, (own, segment.sequence.wrapping_add(step)), flags);
        self.out.push_back(build::tcp(&ends, &header, payload));
    }
}

impl Host for CrowdServer {
    fn handle_frame(&mut self, _: Timestamp, frame: &[u8]) {
        let view = View::of(frame);
        match view.content {
            Content::Arp { is_request: true, sender, sender_mac, target } if target == self.address => {
                self.out.push_back(build::arp((self.mac, self.address), sender, Some(sender_mac)));
            }
            Content::Ip(packet) if packet.destination == self.address => {
                if let (Body::Tcp(segment), std::net::IpAddr::V4(peer)) = (packet.body, packet.source) {
                    self.answer(view.source, peer, &segment, packet.payload_length);
                }
            }
            Content::Arp { .. } | Content::Ip(_) | Content::Other(_) | Content::Broken => {}
        }
    }

    fn handle_timeout(&mut self, _: Timestamp) {}

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        None
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.out.pop_front().map(HostOutput::Frame)
    }
}
