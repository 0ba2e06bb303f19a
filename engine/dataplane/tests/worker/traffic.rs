//! Random traffic of a few hosts: conversations that mostly make sense, and what else is on a network.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use bifrons_model::Timestamp;
use proptest::prelude::*;

use crate::{
    Event, Packet, START,
    packets::{self, Header, Way},
};

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Act {
    Tcp {
        flow: u8,
        step: u8,
        length: u16,
    },
    Udp {
        flow: u8,
        is_back: bool,
        length: u16,
    },
    Echo {
        flow: u8,
        is_back: bool,
    },
    Unreachable {
        flow: u8,
    },
    Fragments {
        flow: u8,
        length: u16,
        missing: u8,
    },
    Garbage(Vec<u8>),
    /// A frame of which only the beginning was captured.
    Cut {
        flow: u8,
        kept: u8,
    },
    Wait {
        millis: u32,
    },
    /// The next frame carries a time that lies this far back.
    Back {
        millis: u32,
    },
    Commit,
    Clear {
        flow: u8,
    },
}

pub fn acts(count: usize) -> impl Strategy<Value = Vec<Act>> {
    let flow = || 0..28_u8;
    let act = prop_oneof![
        24 => (flow(), prop_oneof![4 => Just(0_u8), 3 => 0..14_u8], 0..1_400_u16)
            .prop_map(|(flow, step, length)| Act::Tcp { flow, step, length }),
        6 => (flow(), any::<bool>(), 0..1_400_u16)
            .prop_map(|(flow, is_back, length)| Act::Udp { flow, is_back, length }),
        2 => (flow(), any::<bool>()).prop_map(|(flow, is_back)| Act::Echo { flow, is_back }),
        2 => flow().prop_map(|flow| Act::Unreachable { flow }),
        2 => (flow(), 1..4_000_u16, 0..12_u8)
            .prop_map(|(flow, length, missing)| Act::Fragments { flow, length, missing }),
        1 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Act::Garbage),
        1 => (flow(), any::<u8>()).prop_map(|(flow, kept)| Act::Cut { flow, kept }),
        4 => prop_oneof![0..100_u32, 0..40_000_u32, 0..400_000_u32].prop_map(|millis| Act::Wait { millis }),
        1 => (0..10_000_u32).prop_map(|millis| Act::Back { millis }),
        1 => Just(Act::Commit),
        1 => flow().prop_map(|flow| Act::Clear { flow }),
    ];
    proptest::collection::vec(act, 1..count)
}

/// The server's port of a flow: some have an application at home, some rules look at them.
pub const PORTS: [u16; 7] = [80, 22, 443, 53, 23, 9_999, 8_080];

fn server_port(flow: u8) -> u16 {
    PORTS[usize::from(flow) % PORTS.len()]
}

/// A flow from the trusted zone; every fourth one is IPv6.
fn way(flow: u8) -> Way {
    let (client, server): (IpAddr, IpAddr) = if flow % 4 == 3 {
        let client = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(flow) + 2);
        (client.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).into())
    } else {
        (Ipv4Addr::new(10, 0, 0, flow + 2).into(), Ipv4Addr::new(192, 0, 2, 7).into())
    };
    Way { source: (client, 40_000 + u16::from(flow)), destination: (server, server_port(flow)) }
}

/// A connection as its two hosts believe it to be.
#[derive(Clone, Copy, Default)]
struct Hosts {
    isn: u32,
    next: [u32; 2],
    /// 0: no SYN yet, 1: SYN, 2: SYN-ACK, 3: ACK.
    progress: u8,
}

/// Turns acts into frames.
pub struct Network {
    now: Timestamp,
    back: u32,
    identification: u16,
    connections: [Hosts; 256],
    pub events: Vec<Event>,
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const URG: u8 = 32;

impl Network {
    pub fn new() -> Self {
        let connections = [Hosts::default(); 256];
        Self { now: START, back: 0, identification: 0, connections, events: Vec::new() }
    }

    pub fn play(mut self, acts: &[Act]) -> Vec<Event> {
        acts.iter().for_each(|act| self.act(act));
        self.events
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Tcp { flow, step, length } => self.tcp(*flow, *step, usize::from(*length)),
            Act::Udp { flow, is_back, length } => {
                let way = if *is_back { way(*flow).back() } else { way(*flow) };
                self.send(packets::udp(way, &payload(*flow, usize::from(*length))));
            }
            Act::Echo { flow, is_back } => {
                let way = if *is_back { way(*flow).back() } else { way(*flow) };
                self.send(packets::echo(way, *is_back, u16::from(*flow)));
            }
            Act::Unreachable { flow } => {
                let quoted = packets::udp(way(*flow), b"?");
                self.send(packets::unreachable(way(*flow), &quoted));
            }
            Act::Fragments { flow, length, missing } => {
                self.identification += 1;
                let payload = payload(*flow, usize::from(*length));
                let parts = packets::fragments(way(*flow), self.identification, &payload, 512);
                for (place, part) in parts.into_iter().enumerate() {
                    if place != usize::from(*missing) {
                        self.send(part);
                    }
                }
            }
            Act::Garbage(bytes) => self.send(bytes.clone()),
            Act::Cut { flow, kept } => {
                let frame = packets::udp(way(*flow), &payload(*flow, 300));
                let wire_length = frame.len() as u32;
                let mut bytes = frame;
                bytes.truncate(usize::from(*kept));
                self.push(Packet { bytes, wire_length, arrival: self.now });
            }
            Act::Wait { millis } => self.now += Duration::from_millis(u64::from(*millis)),
            Act::Back { millis } => self.back = *millis,
            Act::Commit => self.events.push(Event::Commit),
            Act::Clear { flow } => self.events.push(Event::Clear(server_port(*flow))),
        }
    }

    fn tcp(&mut self, flow: u8, step: u8, length: usize) {
        let hosts = &mut self.connections[usize::from(flow)];
        if step == 8 || hosts.isn == 0 {
            let isn = hosts.isn.wrapping_add(0x7000_0001);
            *hosts = Hosts { isn, next: [isn, isn ^ 0x5555_5555], progress: 0 };
        }
        let data = if length.is_multiple_of(3) { Vec::new() } else { payload(flow, length) };
        let (side, flags, shift, data, options): (usize, u8, u32, &[u8], &[u8]) = match (step, hosts.progress)
        {
            (0 | 8, 0) => (0, SYN, 0, &[], &[2, 4, 5, 180, 3, 3, 7, 1]),
            (0, 1) => (1, SYN | ACK, 0, &[], &[2, 4, 5, 180]),
            (0, 2) => (0, ACK, 0, &[], &[]),
            (0 | 1, _) => (0, ACK, 0, &data, &[]),
            (2, _) => (1, ACK, 0, &data, &[]),
            (3, _) => (0, FIN | ACK, 0, &[], &[]),
            (4, _) => (1, FIN | ACK, 0, &[], &[]),
            (5, _) => (0, RST, 0, &[], &[]),
            (6, _) => (1, RST | ACK, 1, &[], &[]),
            (7, _) => (0, SYN, 0, &[], &[]),
            (9, _) => (0, ACK, 700, &data, &[]),
            (10, _) => (1, ACK, 1_000_000, &data, &[]),
            (11, _) => (0, 0, 0, &[], &[]),
            (12, _) => (0, ACK | URG, 0, &data, &[30, 8, 0, 0, 1, 2, 3, 4]),
            _ => (1, ACK, 0, &data, &[8, 10, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]),
        };
        let own = if step == 7 { hosts.isn } else { hosts.next[side] };
        let header = Header {
            sequence: own.wrapping_add(shift),
            acknowledgement: if flags & ACK != 0 { hosts.next[1 - side] } else { 0 },
            flags,
            options,
        };
        let way = if side == 0 { way(flow) } else { way(flow).back() };
        let frame = packets::tcp(way, header, data);
        if shift == 0 && step != 7 && flags & RST == 0 {
            let controls = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
            hosts.next[side] = own.wrapping_add(data.len() as u32).wrapping_add(controls);
            hosts.progress = (hosts.progress + u8::from(hosts.progress < 3)).min(3);
        }
        self.send(frame);
    }

    fn send(&mut self, bytes: Vec<u8>) {
        let wire_length = bytes.len() as u32;
        let back = std::mem::take(&mut self.back);
        let arrival = Timestamp::from_nanos(self.now.as_nanos() - u64::from(back) * 1_000_000);
        self.push(Packet { bytes, wire_length, arrival });
    }

    fn push(&mut self, packet: Packet) {
        self.now += Duration::from_micros(77);
        self.events.push(Event::Packet(packet));
    }
}

/// What a host of this flow says: an application's opening, or nothing that anybody knows.
fn payload(flow: u8, length: usize) -> Vec<u8> {
    let opening: &[u8] = match flow % 5 {
        0 => b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
        1 => b"SSH-2.0-example\r\n",
        2 => b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03org\x00\x00\x01\x00\x01",
        3 => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        _ => b"",
    };
    opening.iter().copied().chain((0..length).map(|place| (place * 31 + usize::from(flow)) as u8)).collect()
}
