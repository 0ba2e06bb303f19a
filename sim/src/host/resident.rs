//! A host whose ARP table can be looked at: it asks for its neighbors as RFC 826 says, opens connections at
//! given times, repeats what is not answered, and serves every port.
//!
//! ```text
//!  a call:  SYN ─ SYN,ACK ─ ACK │ request ─ answer ─ ACK │ … │ FIN ─ FIN ─ ACK
//!           └────────── what is not answered is repeated after 200 ms, 400 ms, 800 ms … ──────────┘
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bifrons_model::Timestamp;

use super::{Host, HostOutput};
use crate::{
    frame::{
        Body, Content, Tcp, View,
        build::{self, Ends},
        flag,
    },
    switch::Mac,
};

/// How long an answer is waited for before it is asked again; twice as long each time.
const REPEATS: Duration = Duration::from_millis(200);
/// How long an answer to ARP is waited for.
const ASKS_AGAIN: Duration = Duration::from_secs(1);
/// Bytes of a request and of its answer.
const PAYLOADS: (usize, usize) = (100, 700);
/// Frames that wait for an answer to ARP, for each neighbor.
const WAITING: usize = 16;

/// Where a host lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residence {
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// How many bits of the address are its network's.
    pub length: u8,
    /// Where it sends what is for other networks.
    pub gateway: Option<Ipv4Addr>,
}

/// A connection that a host opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The port that it comes from.
    pub port: u16,
    /// The server's address and port.
    pub server: (Ipv4Addr, u16),
    /// When it is opened.
    pub opens: Timestamp,
    /// When requests are sent, each not before the answer to the one before.
    pub requests: Vec<Timestamp>,
    /// When it is closed; never, where there is no time.
    pub closes: Option<Timestamp>,
}

/// A host.
pub struct Resident {
    residence: Residence,
    arp: BTreeMap<Ipv4Addr, Mac>,
    /// What waits for a neighbor, and when it was last asked for.
    waiting: BTreeMap<Ipv4Addr, Waiting>,
    questions: VecDeque<(Timestamp, Ipv4Addr)>,
    calls: Vec<Talking>,
    out: VecDeque<Vec<u8>>,
}

#[derive(Debug)]
struct Waiting {
    asked: Timestamp,
    segments: VecDeque<(Ipv4Addr, Tcp, usize)>,
}

/// A call as far as it has come.
#[derive(Debug)]
struct Talking {
    call: Call,
    stage: Stage,
    /// The next number to send, and the next one to come.
    next: (u32, u32),
    asked: usize,
    unanswered: Option<Unanswered>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Closed,
    Opening,
    Open,
    Closing,
    Over,
}

/// What is repeated until it is answered.
#[derive(Clone, Copy, Debug)]
struct Unanswered {
    segment: (Tcp, usize),
    again: Timestamp,
    patience: Duration,
}

impl Resident {
    /// A host that opens these connections, and asks for neighbors at these times without having anything
    /// for them.
    pub fn new(residence: Residence, calls: Vec<Call>, mut questions: Vec<(Timestamp, Ipv4Addr)>) -> Self {
        questions.sort_by_key(|(at, _)| *at);
        let talking = |call: Call| {
            let number = u32::from(call.port).wrapping_mul(1_000);
            Talking { call, stage: Stage::Closed, next: (number, 0), asked: 0, unanswered: None }
        };
        Self {
            residence,
            arp: BTreeMap::new(),
            waiting: BTreeMap::new(),
            questions: questions.into(),
            calls: calls.into_iter().map(talking).collect(),
            out: VecDeque::new(),
        }
    }

    /// The neighbor by which an address is reached.
    fn next_hop(&self, address: Ipv4Addr) -> Ipv4Addr {
        let bits = u32::MAX.checked_shl(32 - u32::from(self.residence.length)).unwrap_or(0);
        let is_near = (address.to_bits() ^ self.residence.address.to_bits()) & bits == 0;
        self.residence.gateway.filter(|_| !is_near).unwrap_or(address)
    }

    fn send(&mut self, now: Timestamp, to: Ipv4Addr, header: Tcp, payload: usize) {
        let hop = self.next_hop(to);
        if let Some(mac) = self.arp.get(&hop).copied() {
            self.send_to(mac, to, &header, payload);
            return;
        }
        let is_new = !self.waiting.contains_key(&hop);
        let waiting =
            self.waiting.entry(hop).or_insert_with(|| Waiting { asked: now, segments: VecDeque::new() });
        if waiting.segments.len() < WAITING {
            waiting.segments.push_back((to, header, payload));
        }
        if is_new {
            self.ask(hop);
        }
    }

    fn send_to(&mut self, mac: Mac, to: Ipv4Addr, header: &Tcp, payload: usize) {
        let Residence { mac: from, address: source, .. } = self.residence;
        let ends = Ends { from, to: mac, source, destination: to };
        self.out.push_back(build::tcp(&ends, header, payload));
    }

    fn ask(&mut self, address: Ipv4Addr) {
        self.out.push_back(build::arp((self.residence.mac, self.residence.address), address, None));
    }

    /// RFC 826, "Packet Reception".
    fn handle_arp(&mut self, is_request: bool, sender: (Ipv4Addr, Mac), target: Ipv4Addr) {
        let own = self.residence.address;
        let (address, mac) = sender;
        // A search for duplicates comes from nobody (RFC 5227).
        let is_known = self.arp.contains_key(&address) || self.waiting.contains_key(&address);
        if !address.is_unspecified() && address != own && (is_known || target == own) {
            self.arp.insert(address, mac);
            let waiting = self.waiting.remove(&address);
            for (to, header, payload) in waiting.into_iter().flat_map(|waiting| waiting.segments) {
                self.send_to(mac, to, &header, payload);
            }
        }
        if is_request && target == own {
            self.out.push_back(build::arp((self.residence.mac, own), address, Some(mac)));
        }
    }

    /// The answer to a segment that belongs to no call: this host serves every port and keeps nothing.
    fn serve(&mut self, now: Timestamp, peer: Ipv4Addr, segment: &Tcp, length: usize) {
        let step = u32::from(segment.has(flag::SYN)) + u32::from(segment.has(flag::FIN)) + length as u32;
        if step == 0 || segment.has(flag::RST) {
            return;
        }
        let (own, flags, payload) = match (segment.has(flag::SYN), segment.has(flag::FIN)) {
            (true, _) => (segment.sequence.wrapping_mul(7), flag::SYN | flag::ACK, 0),
            (false, true) => (segment.acknowledgement, flag::FIN | flag::ACK, 0),
            (false, false) => (segment.acknowledgement, flag::PSH | flag::ACK, PAYLOADS.1),
        };
        let ports = (segment.destination, segment.source);
        let header = build::header(ports, (own, segment.sequence.wrapping_add(step)), flags);
        self.send(now, peer, header, payload);
    }

    /// Lets the calls go on; what they send.
    fn converse(&mut self, now: Timestamp) {
        let sent: Vec<_> = self
            .calls
            .iter_mut()
            .filter_map(|talking| Some((talking.call.server.0, talking.advance(now)?)))
            .collect();
        for (to, (header, payload)) in sent {
            self.send(now, to, header, payload);
        }
    }
}

impl Talking {
    fn header(&self, flags: u8) -> Tcp {
        build::header((self.call.port, self.call.server.1), self.next, flags)
    }

    /// Sends something that is to be answered.
    fn say(&mut self, now: Timestamp, flags: u8, payload: usize) -> (Tcp, usize) {
        let segment = (self.header(flags), payload);
        self.unanswered = Some(Unanswered { segment, again: now + REPEATS, patience: REPEATS });
        segment
    }

    /// When something is to be said.
    fn due(&self) -> Option<Timestamp> {
        if let Some(unanswered) = &self.unanswered {
            return Some(unanswered.again);
        }
        match self.stage {
            Stage::Closed => Some(self.call.opens),
            Stage::Open => self.call.requests.get(self.asked).copied().or(self.call.closes),
            Stage::Opening | Stage::Closing | Stage::Over => None,
        }
    }

    /// What is to be said now.
    fn advance(&mut self, now: Timestamp) -> Option<(Tcp, usize)> {
        self.due().filter(|due| *due <= now)?;
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.patience *= 2;
            unanswered.again = now + unanswered.patience;
            return Some(unanswered.segment);
        }
        match self.stage {
            Stage::Closed => {
                self.stage = Stage::Opening;
                Some(self.say(now, flag::SYN, 0))
            }
            Stage::Open if self.asked < self.call.requests.len() => {
                self.asked += 1;
                Some(self.say(now, flag::PSH | flag::ACK, PAYLOADS.0))
            }
            Stage::Open => {
                self.stage = Stage::Closing;
                Some(self.say(now, flag::FIN | flag::ACK, 0))
            }
            Stage::Opening | Stage::Closing | Stage::Over => None,
        }
    }

    /// Whether a segment is of this call.
    fn is_of(&self, peer: Ipv4Addr, segment: &Tcp) -> bool {
        let is_there = !matches!(self.stage, Stage::Closed | Stage::Over);
        is_there && (peer, segment.source) == self.call.server && segment.destination == self.call.port
    }

    /// Takes a segment; what is answered at once.
    fn handle(&mut self, segment: &Tcp, length: usize) -> Option<Tcp> {
        if segment.has(flag::RST) {
            (self.stage, self.unanswered) = (Stage::Over, None);
            return None;
        }
        let step = u32::from(segment.has(flag::SYN)) + u32::from(segment.has(flag::FIN)) + length as u32;
        if step == 0 {
            return None;
        }
        let is_new =
            self.unanswered.is_some() && (self.stage == Stage::Opening || segment.sequence == self.next.1);
        if is_new {
            self.unanswered = None;
            self.next = (segment.acknowledgement, segment.sequence.wrapping_add(step));
            self.stage = match self.stage {
                Stage::Opening => Stage::Open,
                Stage::Closing => Stage::Over,
                Stage::Closed | Stage::Open | Stage::Over => self.stage,
            };
        }
        Some(self.header(flag::ACK))
    }
}

impl Host for Resident {
    fn handle_frame(&mut self, now: Timestamp, frame: &[u8]) {
        let view = View::of(frame);
        match view.content {
            Content::Arp { is_request, sender, sender_mac, target } => {
                self.handle_arp(is_request, (sender, sender_mac), target);
            }
            Content::Ip(packet) if packet.destination == self.residence.address => {
                let (Body::Tcp(segment), IpAddr::V4(peer)) = (packet.body, packet.source) else { return };
                let length = packet.payload_length;
                match self.calls.iter_mut().find(|talking| talking.is_of(peer, &segment)) {
                    Some(talking) => {
                        if let Some(header) = talking.handle(&segment, length) {
                            self.send(now, peer, header, 0);
                        }
                        self.converse(now);
                    }
                    None => self.serve(now, peer, &segment, length),
                }
            }
            Content::Ip(_) | Content::Other(_) | Content::Broken => {}
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, address)) = self.questions.pop_front_if(|(at, _)| *at <= now) {
            self.waiting.entry(address).or_insert(Waiting { asked: now, segments: VecDeque::new() });
            self.ask(address);
        }
        let late: Vec<_> = self.waiting.iter_mut().filter(|(_, it)| it.asked + ASKS_AGAIN <= now).collect();
        let mut asked = Vec::new();
        for (address, waiting) in late {
            waiting.asked = now;
            asked.push(*address);
        }
        for address in asked {
            self.ask(address);
        }
        self.converse(now);
    }

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        let calls = self.calls.iter().filter_map(Talking::due);
        let neighbors = self.waiting.values().map(|waiting| waiting.asked + ASKS_AGAIN);
        let question = self.questions.front().map(|(at, _)| *at);
        calls.chain(neighbors).chain(question).min()
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.out.pop_front().map(HostOutput::Frame)
    }

    fn neighbors(&self) -> Vec<(Ipv4Addr, Mac)> {
        self.arp.iter().map(|(address, mac)| (*address, *mac)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100);
    const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn resident(address: Ipv4Addr, calls: Vec<Call>) -> Resident {
        let [.., last] = address.octets();
        let mac = [2, 0, 0, 0, 0, last];
        Resident::new(Residence { mac, address, length: 24, gateway: None }, calls, Vec::new())
    }

    fn sent(host: &mut Resident) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| host.poll_output())
            .map(|output| match output {
                HostOutput::Frame(frame) => frame,
                HostOutput::Report(report) => panic!("{report:?}"),
            })
            .collect()
    }

    /// Lets both speak until neither has more to say; how many frames there were.
    fn converse(now: Timestamp, client: &mut Resident, server: &mut Resident) -> usize {
        let mut count = 0;
        loop {
            let (there, back) = (sent(client), sent(server));
            if there.is_empty() && back.is_empty() {
                return count;
            }
            count += there.len() + back.len();
            there.iter().for_each(|frame| server.handle_frame(now, frame));
            back.iter().for_each(|frame| client.handle_frame(now, frame));
        }
    }

    #[test]
    fn a_call_goes_from_its_opening_to_its_end() {
        let later = NOW + Duration::from_secs(1);
        let call = Call {
            port: 40_000,
            server: (SERVER, 80),
            opens: NOW,
            requests: vec![NOW, later],
            closes: Some(later),
        };
        let (mut client, mut server) = (resident(CLIENT, vec![call]), resident(SERVER, Vec::new()));
        assert_eq!(client.poll_timeout(NOW), Some(NOW));
        client.handle_timeout(NOW);
        // ARP, the handshake, a request with its answer.
        assert_eq!(converse(NOW, &mut client, &mut server), 2 + 3 + 3);
        assert_eq!(client.neighbors(), [(SERVER, [2, 0, 0, 0, 0, 2])]);
        assert_eq!(server.neighbors(), [(CLIENT, [2, 0, 0, 0, 0, 1])]);
        assert_eq!(client.poll_timeout(NOW), Some(later));
        client.handle_timeout(later);
        assert_eq!(converse(later, &mut client, &mut server), 3 + 3);
        assert_eq!(client.poll_timeout(later), None);
    }

    #[test]
    fn what_is_not_answered_is_repeated_and_an_answer_counts_once() {
        let call = Call { port: 1, server: (SERVER, 80), opens: NOW, requests: vec![NOW], closes: None };
        let (mut client, mut server) = (resident(CLIENT, vec![call]), resident(SERVER, Vec::new()));
        client.handle_timeout(NOW);
        let question = sent(&mut client).remove(0);
        server.handle_frame(NOW, &question);
        let told = sent(&mut server).remove(0);
        client.handle_frame(NOW, &told);
        let first = sent(&mut client);
        assert_eq!(first.len(), 1);
        let again = NOW + REPEATS;
        assert_eq!(client.poll_timeout(NOW), Some(again));
        client.handle_timeout(again);
        assert_eq!(sent(&mut client), first);
        assert_eq!(client.poll_timeout(again), Some(again + REPEATS * 2));
        // Both copies of the SYN are answered; the second answer is only acknowledged.
        server.handle_frame(again, &first[0]);
        server.handle_frame(again, &first[0]);
        assert_eq!(converse(again, &mut client, &mut server), 2 + 3 + 2);
        assert_eq!(client.poll_timeout(again), None);
    }

    #[test]
    fn an_announcement_moves_an_entry_and_makes_none() {
        let mut host = resident(CLIENT, Vec::new());
        let mac = [2, 0, 0, 0, 0, 9];
        host.handle_frame(NOW, &build::arp((mac, SERVER), SERVER, None));
        assert!(host.neighbors().is_empty());
        host.handle_frame(NOW, &build::arp(([2, 0, 0, 0, 0, 2], SERVER), CLIENT, None));
        host.handle_frame(NOW, &build::arp((mac, SERVER), SERVER, None));
        assert_eq!(host.neighbors(), [(SERVER, mac)]);
        assert_eq!(sent(&mut host).len(), 1);
    }
}
