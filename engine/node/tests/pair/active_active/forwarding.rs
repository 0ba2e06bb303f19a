//! HA3 itself: what it carries, and what becomes of a pair when it carries nothing.

use std::{net::Ipv4Addr, time::Duration};

use bifrons_ha::{HaLinkId, HaState};
use bifrons_node::Notice;
use bifrons_wire::EthernetHeader;

use super::{
    BOTH_WORK, COMBINATIONS, End, MILLISECOND, Passed, SERVER_IP, WEB, client, held, own_mac, segment,
};
use crate::{CLIENT, INSIDE, OUTSIDE, Pair, SERVER};

/// Fragments of a datagram from a client to the server.
fn fragments(from: End, gateway: bifrons_model::MacAddress, identification: u16) -> Vec<Vec<u8>> {
    let mut datagram = vec![0x9c, 0x40, 0, 80, 0, 0, 0, 0];
    datagram.extend([7; 3_000]);
    let length = datagram.len() as u16;
    datagram[4..6].copy_from_slice(&length.to_be_bytes());
    let count = datagram.chunks(1_200).count();
    let pieces = datagram.chunks(1_200).enumerate().map(|(place, piece)| {
        let field = (place * 150) as u16 | u16::from(place + 1 < count) << 13;
        let mut header = vec![0x45, 0];
        header.extend((20 + piece.len() as u16).to_be_bytes());
        header.extend(identification.to_be_bytes());
        header.extend(field.to_be_bytes());
        header.extend([64, 17, 0, 0]);
        header.extend(from.address.octets());
        header.extend(SERVER_IP.octets());
        let sum: u32 =
            header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        [&gateway.0[..], &from.mac.0, &[8, 0], &header, piece].concat()
    });
    pieces.collect()
}

#[test]
fn a_packet_whose_fragments_come_to_both_devices_is_whole() {
    for workers in [1, 3] {
        for combination in COMBINATIONS {
            let mut pair = Pair::sharing(workers, combination, super::NAT);
            for number in [20, 21, 22, 23] {
                for (identification, split) in
                    [(1, [0, 1, 1]), (2, [1, 0, 0]), (3, [0, 1, 0]), (4, [1, 1, 1])]
                {
                    pair.frames = Default::default();
                    let own = [0, 1]
                        .map(|device| fragments(client(number), own_mac(device, INSIDE), identification));
                    for (piece, device) in split.into_iter().enumerate() {
                        pair.give(device, INSIDE, own[device][piece].clone());
                    }
                    pair.run(25 * MILLISECOND);
                    let passed = pair.take_passed();
                    let what = format!("{workers} workers, {combination}, client {number}, {split:?}");
                    let mut offsets: Vec<_> = passed
                        .iter()
                        .map(|packet| {
                            (packet.port, u16::from_be_bytes([packet.frame[20], packet.frame[21]]) & 0x1fff)
                        })
                        .collect();
                    offsets.sort_unstable();
                    assert_eq!(offsets, [0, 150, 300].map(|offset| (OUTSIDE, offset)), "{what}");
                }
            }
            pair.run(Duration::from_secs(40));
            let packets: Vec<_> = pair.records.iter().map(|(_, record)| record.sent.packets).collect();
            assert_eq!(packets, [12; 4], "{combination}: logged once each");
        }
    }
}

#[test]
fn an_ha3_that_carries_nothing_is_noticed() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], "");
    let syn = |device| segment(client(21), (SERVER_IP, 9_999), own_mac(device, INSIDE), ("S", 100, 0), b"");
    let answer = |device, what, data: &[u8]| {
        segment(WEB, (client(21).address, 40_000), own_mac(device, OUTSIDE), what, data)
    };
    assert_eq!(pair.through(1, INSIDE, syn(1)).len(), 1);
    assert_eq!(pair.through(1, OUTSIDE, answer(1, ("SA", 500, 101), b"")).len(), 1);
    let hello = segment(client(21), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("A", 101, 501), b"hello");
    assert_eq!(pair.through(1, INSIDE, hello).len(), 1);
    pair.run(Duration::from_secs(5));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    let counters =
        |pair: &Pair, device: usize| pair.nodes[device].as_ref().unwrap().pair_forwarding().unwrap();
    for device in [0, 1] {
        assert!(counters(&pair, device).keep_alives_received > 30, "{:?}", counters(&pair, device));
    }
    // Its carrier stays.
    pair.lost = Some(HaLinkId::Ha3);
    pair.run(Duration::from_millis(800));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK, "not yet");
    pair.run(Duration::from_millis(400));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActivePrimary, HaState::NonFunctional]);
    for device in [0, 1] {
        let lost = pair.notices[device].iter().filter(|notice| {
            matches!(notice, Notice::Pair(record) if record.text.contains("ha3 keep-alive threshold"))
        });
        assert_eq!(lost.count(), 1, "{device}");
    }
    // The session goes on at the other device, and so do its addresses.
    assert_eq!(pair.through(0, OUTSIDE, answer(0, ("A", 501, 106), b"world")).len(), 1);
    assert_eq!(pair.through(1, INSIDE, syn(1)).len(), 0, "it takes nothing");
    pair.lost = None;
    pair.run(Duration::from_secs(12));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    assert_eq!(pair.floating_at(), held([0, 1]));
}

/// Both ends of a wire at each device.
fn wires(device: usize, owner: &str) -> String {
    let text = super::config(device, owner);
    let kept = text.lines().filter(|line| {
        !["ethernet1/1", "ethernet1/2", "virtual-address"].iter().any(|word| line.contains(word))
    });
    let wire = "set network interface ethernet ethernet1/1 virtual-wire\n\
                set network interface ethernet ethernet1/2 virtual-wire\n\
                set network virtual-wire one interface1 ethernet1/1 interface2 ethernet1/2\n\
                set zone inside network virtual-wire ethernet1/1\n\
                set zone outside network virtual-wire ethernet1/2\n";
    kept.map(|line| format!("{line}\n")).collect::<String>() + wire
}

/// What comes in by a wire leaves by its other end at the same device, with the same bytes, whichever device
/// works on it.
#[test]
fn a_wire_stays_a_wire() {
    for workers in [1, 3] {
        for (place, combination) in COMBINATIONS.into_iter().enumerate() {
            let mut pair = Pair::with(workers, |device| wires(device, combination));
            assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
            let (mut owners, mut clients) = ([0; 2], 0);
            for (at, number) in [([0, 0], 20), ([0, 1], 21), ([1, 0], 22), ([1, 1], 23), ([0, 1], 24)] {
                let to_server =
                    |what, data: &[u8]| segment(client(number), (SERVER_IP, 9_999), SERVER, what, data);
                let to_client =
                    |what, data: &[u8]| segment(WEB, (client(number).address, 40_000), CLIENT, what, data);
                let mut expect = |side: usize, frame: Vec<u8>| {
                    let (port, out) = [(INSIDE, OUTSIDE), (OUTSIDE, INSIDE)][side];
                    let passed = pair.through(at[side], port, frame.clone());
                    let what = format!("{workers} workers, {combination}, {at:?}, client {number}");
                    let found: Vec<_> =
                        passed.iter().map(|Passed { device, port, frame }| (*device, *port, frame)).collect();
                    assert_eq!(found, [(at[side], out, &frame)], "{what}");
                };
                expect(0, to_server(("S", 100, 0), b""));
                expect(1, to_client(("SA", 500, 101), b""));
                expect(0, to_server(("A", 101, 501), b"hello"));
                expect(1, to_client(("A", 501, 106), b"world"));
                expect(0, to_server(("FA", 106, 506), b""));
                expect(1, to_client(("FA", 506, 107), b""));
                expect(0, to_server(("A", 107, 507), b""));
                owners[if place == 0 { 0 } else { at[0] }] += 1;
                clients += 1;
            }
            // Fragments too, each where it came.
            pair.frames = Default::default();
            let pieces = fragments(client(25), SERVER, 9);
            for (piece, device) in pieces.iter().zip([0, 1, 0]) {
                pair.give(device, INSIDE, piece.clone());
            }
            pair.run(25 * MILLISECOND);
            let mut passed: Vec<_> =
                pair.take_passed().into_iter().map(|packet| (packet.device, packet.frame)).collect();
            passed.sort();
            let mut wanted: Vec<_> = [0, 1, 0].into_iter().zip(pieces).collect();
            wanted.sort();
            assert_eq!(passed, wanted, "{combination}");
            pair.run(Duration::from_secs(40));
            let of = |device: usize| pair.records.iter().filter(|(at, _)| *at == device).count();
            assert_eq!(pair.records.len(), clients + 1, "{combination}: logged once each");
            assert!((0..2).all(|device| of(device) >= owners[device]), "{combination}: by the owner");
            for (_, record) in &pair.records {
                let packets = record.sent.packets + record.received.packets;
                assert_eq!(packets, if record.protocol == 17 { 3 } else { 7 }, "{combination}: {record:?}");
            }
        }
    }
}

/// What arrives at a device that is not for anybody there passes its wires all the same: ARP.
#[test]
fn arp_passes_the_wire_that_it_came_by() {
    let mut pair = Pair::with(1, |device| wires(device, COMBINATIONS[0]));
    let ask = bifrons_wire::Arp {
        is_request: true,
        sender_mac: CLIENT,
        sender: Ipv4Addr::new(10, 0, 0, 20),
        target_mac: Default::default(),
        target: SERVER_IP,
    };
    for device in [0, 1] {
        pair.frames = Default::default();
        pair.asked = [0; 2];
        pair.give(device, INSIDE, ask.frame(bifrons_model::MacAddress::BROADCAST));
        pair.run(6 * MILLISECOND);
        // The harness answers it as the server would.
        assert_eq!((pair.asked[device], pair.asked[1 - device]), (1, 0));
        let (port, reply) = pair.frames[device].pop().unwrap();
        assert_eq!(port, INSIDE);
        assert!(EthernetHeader::read(&reply).is_some());
        assert!(pair.frames[1 - device].is_empty());
    }
}
