//! A device among hosts that answer.

use std::{collections::BTreeSet, net::Ipv4Addr};

use bifrons_config::{CommitRequest, Document};
use bifrons_model::MacAddress;
use bifrons_node::{Command, PortId};
use bifrons_wire::{Addresses, Arp, ETHERTYPE_IPV4, Echo, EthernetHeader};

use crate::Bench;

/// The station of a host on a network of the device's.
pub fn station(address: Ipv4Addr) -> MacAddress {
    let [.., third, last] = address.octets();
    MacAddress([2, 9, 9, 9, third, last])
}

/// A device among hosts of which some do not answer echo requests.
pub struct Network {
    pub bench: Bench,
    pub silent: BTreeSet<Ipv4Addr>,
    /// Where echo requests went: port, tag, station, echo.
    pub asked: Vec<(PortId, Option<u16>, MacAddress, Echo)>,
    /// Where other packets went: port, tag, station.
    pub sent: Vec<(PortId, Option<u16>, MacAddress)>,
}

impl Network {
    pub fn new(config: &str) -> Self {
        let bench = Bench::with(config, 2);
        let mut network = Self { bench, silent: BTreeSet::new(), asked: Vec::new(), sent: Vec::new() };
        // What the device has lost until here it finds again.
        network.run(70);
        network.asked.clear();
        network.bench.notices.clear();
        network
    }

    pub fn run(&mut self, seconds: u32) {
        let end = self.bench.now.after_secs(seconds);
        while let Some(due) = self.bench.node.poll_timeout().filter(|due| *due <= end) {
            self.bench.now = due.max(self.bench.now);
            self.bench.node.handle_timeout(self.bench.now);
            self.deliver();
        }
        self.bench.now = end;
    }

    /// Lets the hosts answer, until nobody says anything.
    pub fn deliver(&mut self) {
        self.bench.drain();
        while !self.bench.frames.is_empty() {
            for (port, frame) in std::mem::take(&mut self.bench.frames) {
                if let Some(answer) = self.answer(port, &frame) {
                    self.bench.node.handle_frame(self.bench.now, port, answer);
                }
            }
            self.bench.drain();
        }
    }

    fn answer(&mut self, port: PortId, frame: &[u8]) -> Option<Vec<u8>> {
        let (header, length) = EthernetHeader::read(frame).unwrap();
        let tagged = |untagged: &[u8]| {
            let read = EthernetHeader::read(untagged).unwrap().0;
            let header = EthernetHeader { tag: header.tag, ..read };
            [&header.bytes()[..header.length()], &untagged[14..]].concat()
        };
        let packet = &frame[length..];
        if let Some(ask) = Arp::read(packet).filter(|ask| ask.is_request && ask.target != ask.sender) {
            let mac = station(ask.target);
            let answer = Arp {
                is_request: false,
                sender_mac: mac,
                sender: ask.target,
                target_mac: ask.sender_mac,
                target: ask.sender,
            };
            return Some(tagged(&answer.frame(ask.sender_mac)));
        }
        if let Some(echo) = Echo::read(packet).filter(|echo| !echo.is_reply) {
            self.asked.push((port, header.tag, header.destination, echo));
            let Addresses::V4 { destination, .. } = echo.addresses else { return None };
            let is_silent = self.silent.contains(&Ipv4Addr::from_bits(destination));
            return (!is_silent).then(|| tagged(&framed(header, &bifrons_wire::echo_reply(packet).unwrap())));
        }
        if header.ethertype == ETHERTYPE_IPV4 {
            self.sent.push((port, header.tag, header.destination));
        }
        None
    }

    /// Gives a frame to the device; where packets went since then.
    pub fn give(&mut self, port: PortId, frame: Vec<u8>) -> Vec<(PortId, Option<u16>, MacAddress)> {
        self.sent.clear();
        self.bench.node.handle_frame(self.bench.now, port, frame);
        self.deliver();
        std::mem::take(&mut self.sent)
    }

    pub fn commit(&mut self, config: &str) {
        let document = Document::parse(config, "test").unwrap();
        let command = Command::Commit { document, request: CommitRequest::default() };
        self.bench.node.handle_command(self.bench.now, command).unwrap();
        self.deliver();
    }
}

/// An IPv4 packet back to where a frame came from.
pub fn framed(header: EthernetHeader, packet: &[u8]) -> Vec<u8> {
    let header = EthernetHeader {
        destination: header.source,
        source: header.destination,
        tag: None,
        ethertype: ETHERTYPE_IPV4,
    };
    [&header.bytes()[..header.length()], packet].concat()
}
