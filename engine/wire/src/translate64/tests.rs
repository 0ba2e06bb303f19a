//! Packets that went to the other family are right there, and come back as they were.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::testing::{
    V4, V6, corrected, crc32c, echo_over, error_over, read, read_unverified, sctp_over, tcp_over, udp_over,
};
use crate::{Reading, parse_ip_payload};

const fn to(addresses: Addresses, source_port: u16, destination_port: u16) -> Rewrite {
    Rewrite { addresses, source_port, destination_port }
}

fn other(addresses: Addresses) -> Addresses {
    if matches!(addresses, Addresses::V4 { .. }) { V6 } else { V4 }
}

fn packets(payload: &[u8]) -> Vec<Vec<u8>> {
    [V4, V6]
        .into_iter()
        .flat_map(|addresses| {
            [
                tcp_over(addresses, 0x18, &[1, 1, 1, 1], payload),
                udp_over(addresses, protocol::UDP, payload),
                udp_over(addresses, protocol::UDP_LITE, payload),
                sctp_over(addresses, payload),
                echo_over(addresses, 0x55, payload),
            ]
        })
        .collect()
}

proptest! {
    #[test]
    fn packets_are_right_there_and_come_back(
        payload in proptest::collection::vec(any::<u8>(), 0..90),
        ports: (u16, u16),
    ) {
        for before in packets(&payload) {
            let packet = read(&before);
            let is_echo = packet.icmp.is_echo;
            let ports = if is_echo { (ports.0, ports.0) } else { ports };
            let there = to(other(packet.addresses), ports.0, ports.1);
            let frame = translate(&before, &packet, &there, 0x1234).unwrap();
            let translated = read(&frame);
            prop_assert_eq!(Rewrite::of(&translated), there);
            prop_assert_eq!((translated.icmp.is_echo, translated.hop_limit), (is_echo, packet.hop_limit));
            prop_assert_eq!(translated.payload_of(&frame), packet.payload_of(&before));
            if packet.protocol == protocol::SCTP {
                let segment = translated.transport_of(&frame);
                prop_assert_eq!(&segment[8..12], &crc32c(segment).to_le_bytes());
            }
            let back = translate(&frame, &translated, &Rewrite::of(&packet), 0x1234).unwrap();
            prop_assert_eq!(back, before);
        }
    }

    #[test]
    fn errors_are_right_there(
        payload in proptest::collection::vec(any::<u8>(), 0..60),
        kept in 8_usize..90,
        port: u16,
    ) {
        for original in packets(&payload) {
            let quoted_packet = read(&original);
            let is_v4 = matches!(quoted_packet.addresses, Addresses::V4 { .. });
            let quotation = &original[..original.len().min(usize::from(quoted_packet.transport) + kept)];
            let frame = error_over(if is_v4 { 3 } else { 1 }, if is_v4 { 13 } else { 1 }, quotation);
            let packet = read(&frame);
            let second = if quoted_packet.icmp.is_echo { port } else { 99 };
            let there = to(other(quoted_packet.addresses), port, second);
            let made =
                translate_error(&frame, &packet, there.addresses.reversed(), &there, 7).unwrap();
            let translated = read(&made);
            prop_assert_eq!(translated.addresses, there.addresses.reversed());
            prop_assert!(translated.icmp.is_error);
            let embedded = translated.embedded(&made).unwrap();
            prop_assert_eq!(
                (embedded.addresses, embedded.source_port, embedded.destination_port),
                (there.addresses, there.source_port, there.destination_port)
            );
            if quotation.len() == original.len() {
                let whole = translated.payload_of(&made);
                read(whole);
            }
        }
    }

    #[test]
    fn fragments_go_over_with_their_places(length in 80_usize..400, is_v4: bool) {
        let payload: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        let frame = udp_over(if is_v4 { V4 } else { V6 }, protocol::UDP, &payload);
        let whole = read(&frame);
        let segment = whole.transport_of(&frame);
        let reassembled = parse_ip_payload(&whole, segment, (2, 500), Reading::Strict).unwrap();
        let there = to(other(whole.addresses), 1, 2);
        let mut data: Vec<u8> = Vec::new();
        for piece in crate::fragment(&frame, &whole, 92, 0x1_2345).unwrap() {
            let packet = read(&piece);
            let made = translate_fragment(&piece, &packet, &reassembled, &there).unwrap();
            let translated = read(&made);
            let place = translated.fragment.unwrap();
            prop_assert_eq!((place.offset, translated.protocol), (data.len(), protocol::UDP));
            prop_assert_eq!(place.more, packet.fragment.unwrap().more);
            data.extend(translated.transport_of(&made));
        }
        let expected = translate(&frame, &whole, &there, 0).unwrap();
        let translated = read(&expected);
        prop_assert_eq!(&data[..], translated.transport_of(&expected));
    }

    #[test]
    fn noise_never_panics(
        mut bytes in proptest::collection::vec(any::<u8>(), 1..160),
        is_v4: bool,
        number in 0_usize..6,
        kind in 0_u8..20,
    ) {
        let number = [1, 6, 17, 58, 44, 132][number];
        bytes[0] = if is_v4 { 0x45 } else { 0x60 };
        for (place, value) in [(9, number), (6, if is_v4 { 0 } else { number }), (20, kind), (40, kind)] {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = value;
            }
        }
        if let Some(packet) = crate::build::read(&bytes) {
            for addresses in [V4, V6] {
                let there = to(addresses, 1, 2);
                let _ = translate(&bytes, &packet, &there, 3);
                let _ = translate_error(&bytes, &packet, addresses, &there, 3);
                let _ = translate_fragment(&bytes, &packet, &packet, &there);
            }
        }
    }
}

#[test]
fn udp_without_checksum_gets_one() {
    let mut frame = udp_over(V4, protocol::UDP, b"query");
    frame[26..28].fill(0);
    let made = translate(&frame, &read(&frame), &to(V6, 1, 2), 0).unwrap();
    assert_ne!(made[46..48], [0, 0]);
    read(&made);
}

#[test]
fn long_packets_are_not_to_be_fragmented_further_on() {
    for (payload, identification, flags) in [(1232, 0x1234_u16, [0, 0]), (1233, 0, [0x40, 0])] {
        let frame = udp_over(V6, protocol::UDP, &alloc::vec![0; payload]);
        let made = translate(&frame, &read(&frame), &to(V4, 1, 2), 0x1234).unwrap();
        assert_eq!(made[4..6], identification.to_be_bytes());
        assert_eq!(made[6..8], flags);
    }
}

#[test]
fn traffic_class_is_kept() {
    let mut frame = udp_over(V4, protocol::UDP, b"x");
    frame[1] = 0xb9;
    let frame = corrected(frame);
    let made = translate(&frame, &read(&frame), &to(V6, 1, 2), 0).unwrap();
    assert_eq!(made[..2], [0x6b, 0x90]);
    let back = translate(&made, &read(&made), &to(V4, 1, 2), 0).unwrap();
    assert_eq!(back[1], 0xb9);
}

#[test]
fn what_has_no_equivalent_says_why() {
    let frame = udp_over(V4, protocol::UDP, b"x");
    let packet = read(&frame);
    assert_eq!(translate(&frame, &packet, &to(V4, 1, 2), 0), Err(Untranslatable::SameFamily));
    let mut timestamp = echo_over(V4, 1, &[0; 12]);
    timestamp[20] = 13;
    let message = Untranslatable::Message { kind: 13, code: 0 };
    assert_eq!(translate(&timestamp, &read_unverified(&timestamp), &to(V6, 1, 2), 0), Err(message));
    let mut routed = udp_over(V4, protocol::UDP, b"x");
    routed.splice(20..20, [131, 7, 4, 10, 0, 0, 9, 0]);
    routed[0] = 0x47;
    routed[3] += 8;
    let routed = corrected(routed);
    assert_eq!(translate(&routed, &read(&routed), &to(V6, 1, 2), 0), Err(Untranslatable::SourceRoute));
    let extension = crate::testing::ip_packet(V4, protocol::FRAGMENT, &[0; 16]);
    let refused = Err(Untranslatable::Protocol(protocol::FRAGMENT));
    assert_eq!(translate(&extension, &read(&extension), &to(V6, 1, 2), 0), refused);
    let echo = echo_over(V4, 1, &[0; 200]);
    let whole = read(&echo);
    let first = &crate::fragment(&echo, &whole, 100, 0).unwrap()[0];
    let refused = Err(Untranslatable::Protocol(protocol::ICMP));
    assert_eq!(translate_fragment(first, &read(first), &whole, &to(V6, 1, 1)), refused);
}

#[test]
fn the_link_says_the_other_family() {
    let mut frame = alloc::vec![2; 12];
    frame.extend([0x08, 0x00]);
    frame.extend(udp_over(V4, protocol::UDP, b"x"));
    let info = crate::FrameInfo { link: crate::LinkType::Ethernet, wire_length: frame.len() as u32 };
    let packet = crate::parse(&frame, info, crate::Reading::Strict).unwrap();
    let made = translate(&frame, &packet, &to(V6, 1, 2), 0).unwrap();
    assert_eq!(made[12..15], [0x86, 0xdd, 0x60]);
    let info = crate::FrameInfo { wire_length: made.len() as u32, ..info };
    let packet = crate::parse(&made, info, crate::Reading::Strict).unwrap();
    assert_eq!(crate::verify(&packet, &made), Ok(()));
}
