//! What holds for every probe: hostile bytes never panic, and noise is nobody's.

use alloc::{vec, vec::Vec};

use bifrons_model::Direction;

use super::PROBES;
use crate::{Evidence, Inspection, Limits, Opening, Payload, ProbeAnswer, Transport};

/// SplitMix64, so that a failure can be repeated from its seed.
struct Noise(u64);

impl Noise {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound as u64) as usize
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most) + 1;
        (0..length).map(|_| self.number() as u8).collect()
    }
}

/// Beginnings of conversations of many kinds.
const SAMPLES: &[&[u8]] = &[
    b"GET /index.html HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"\x16\x03\x01\x00\x7a\x01\x00\x00\x76\x03\x03",
    b"\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10\x01\x00\x80\x00\x00\x05",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"220 a.test ESMTP ready\r\n",
    b"220 (vsFTPd 3.0.5)\r\n",
    b"+OK POP3 ready <1.2@a.test>\r\n",
    b"* OK IMAP4rev1 ready\r\n",
    b"\xff\xfb\x01\xff\xfd\x03\xff\xfa\x18\x01\xff\xf0",
    b"\x00\x00\x00\x2f\xffSMBr\x00\x00\x00\x00\x18\x01\x28",
    b"\x81\x00\x00\x44 CACACACACACACACACACACACACACACACA\x00 ",
    b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00",
    b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
    b"\x3c\x00\x00\x00\x0a8.0.36\x00\x09\x00\x00\x00abcdefgh\x00\xff\xf7",
    b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
    b"\x13BitTorrent protocol\x00\x00\x00\x00\x00\x10\x00\x05",
    b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x04test\x00\x00\x01\x00\x01",
    b"INVITE sip:b@a.test SIP/2.0\r\nVia: SIP/2.0/UDP a.test\r\n\r\n",
    b"<34>1 2003-10-11T22:14:15.003Z a.test su - ID47 - text",
];

fn ask_all(
    transport: Transport,
    ports: [u16; 2],
    sent: &[u8],
    received: &[u8],
) -> Vec<(&'static str, ProbeAnswer)> {
    let datagrams = [(Direction::ClientToServer, sent.len()), (Direction::ServerToClient, received.len())];
    let present = if received.is_empty() { &datagrams[..1] } else { &datagrams };
    let evidence = Evidence {
        transport,
        client_port: ports[0],
        server_port: ports[1],
        sent,
        received,
        datagrams: if transport == Transport::Udp { present } else { &[] },
    };
    PROBES
        .iter()
        .filter(|probe| if transport == Transport::Udp { probe.udp } else { probe.tcp })
        .map(|probe| (probe.name, (probe.probe)(&evidence)))
        .collect()
}

#[test]
fn every_prefix_of_everything_is_survived() {
    for sent in SAMPLES {
        for received in SAMPLES.iter().chain(&[&b""[..]]) {
            for length in 1..=sent.len() {
                let received = received.get(..length).unwrap_or(received);
                ask_all(Transport::Tcp, [40_000, 40_001], &sent[..length], received);
                ask_all(Transport::Udp, [40_000, 40_001], &sent[..length], received);
            }
        }
    }
}

#[test]
fn damaged_conversations_are_survived() {
    const PORTS: [u16; 8] = [40_001, 21, 25, 53, 110, 443, 3306, 3389];
    let limits = Limits { packets: 20, bytes: 5000, out_of_order_segments: 4 };
    let mut noise = Noise(1);
    for _ in 0..4000 {
        let transport = if noise.below(2) == 0 { Transport::Tcp } else { Transport::Udp };
        let mut inspection = Inspection::new(Opening {
            transport,
            client_port: 40_000,
            server_port: PORTS[noise.below(PORTS.len())],
            first_sequence: [Some(0), (noise.below(2) == 0).then_some(0)],
        });
        let mut next = [0_u32; 2];
        for _ in 0..12 {
            let mut bytes = SAMPLES[noise.below(SAMPLES.len())].to_vec();
            let place = noise.below(bytes.len());
            bytes[place] = noise.number() as u8;
            bytes.truncate(noise.below(bytes.len()) + 1);
            let direction =
                if noise.below(2) == 0 { Direction::ClientToServer } else { Direction::ServerToClient };
            let sequence = next[direction.index()].wrapping_add(noise.below(8) as u32).wrapping_sub(3);
            next[direction.index()] += bytes.len() as u32;
            let cut = if noise.below(10) == 0 { noise.below(50) as u32 } else { 0 };
            let progress = inspection.payload(Payload { direction, sequence, bytes: &bytes, cut }, &limits);
            inspection.app_at_end();
            if progress.finished {
                break;
            }
        }
    }
}

#[test]
fn noise_is_nobodys() {
    let mut noise = Noise(2);
    for case in 0..20_000 {
        let transport = if case % 2 == 0 { Transport::Tcp } else { Transport::Udp };
        let sent = noise.bytes(200);
        let received = if case % 3 == 0 { vec![] } else { noise.bytes(200) };
        for (name, answer) in ask_all(transport, [40_000, 40_001], &sent, &received) {
            assert!(
                !matches!(answer, ProbeAnswer::Certain(_)),
                "{name}: {answer:?} in case {case}: {sent:?} {received:?}"
            );
        }
    }
}

#[test]
fn places_in_the_set_of_probes_are_unique() {
    for (place, probe) in PROBES.iter().enumerate() {
        assert!(probe.tcp || probe.udp, "{}", probe.name);
        assert!(PROBES.iter().skip(place + 1).all(|other| other.name != probe.name), "{}", probe.name);
    }
}

#[test]
fn probes_and_the_catalogue_know_each_other() {
    let named = |probe: &str| {
        bifrons_catalog::applications().iter().any(|application| application.probe == Some(probe))
    };
    for probe in PROBES {
        assert!(named(probe.name), "no application is told by the probe {}", probe.name);
    }
    for application in bifrons_catalog::applications() {
        let known = application.probe.is_none_or(|name| PROBES.iter().any(|probe| probe.name == name));
        assert!(known, "{} names a probe that is not there", application.name);
    }
}
