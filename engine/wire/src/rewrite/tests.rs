//! Whatever is rewritten is right again, says what was asked, and can be rewritten back to the same bytes.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::{
    FrameInfo, LinkType, Reading, parse, parse_ip_payload,
    testing::{V4, V6, crc32c, echo_over, ip_packet, read, sctp_over, tcp_over, udp_over},
    verify,
};

fn ends(is_v6: bool) -> impl Strategy<Value = Rewrite> {
    let addresses = if is_v6 {
        (any::<u128>(), any::<u128>())
            .prop_map(|(source, destination)| Addresses::V6 { source, destination })
            .boxed()
    } else {
        (any::<u32>(), any::<u32>())
            .prop_map(|(source, destination)| Addresses::V4 { source, destination })
            .boxed()
    };
    (addresses, any::<u16>(), any::<u16>()).prop_map(|(addresses, source_port, destination_port)| Rewrite {
        addresses,
        source_port,
        destination_port,
    })
}

/// One packet of each protocol in each family.
fn packets(payload: &[u8]) -> Vec<Vec<u8>> {
    [V4, V6]
        .into_iter()
        .flat_map(|addresses| {
            [
                tcp_over(addresses, 0x18, &[1, 1, 1, 1], payload),
                udp_over(addresses, protocol::UDP, payload),
                udp_over(addresses, protocol::UDP_LITE, payload),
                sctp_over(addresses, payload),
                echo_over(addresses, 77, payload),
                ip_packet(addresses, protocol::ESP, payload),
            ]
        })
        .collect()
}

/// What of `to` applies to the packet.
fn expected(packet: &Packet, v4: &Rewrite, v6: &Rewrite) -> Rewrite {
    let to = if matches!(packet.addresses, Addresses::V4 { .. }) { v4 } else { v6 };
    match packet.protocol {
        protocol::ESP => Rewrite { source_port: 0, destination_port: 0, ..*to },
        protocol::ICMP | protocol::ICMPV6 => Rewrite { destination_port: to.source_port, ..*to },
        _ => *to,
    }
}

#[track_caller]
fn check_sctp(frame: &[u8], packet: &Packet) {
    if packet.protocol == protocol::SCTP {
        let segment = packet.transport_of(frame);
        assert_eq!(segment[8..12], crc32c(segment).to_le_bytes());
    }
}

proptest! {
    #[test]
    fn rewritten_packets_are_right_and_go_back(
        payload in proptest::collection::vec(any::<u8>(), 0..90),
        v4 in ends(false),
        v6 in ends(true),
    ) {
        for before in packets(&payload) {
            let mut frame = before.clone();
            let packet = read(&frame);
            check_sctp(&frame, &packet);
            let to = expected(&packet, &v4, &v6);
            prop_assert!(rewrite(&mut frame, &packet, &to));
            let rewritten = read(&frame);
            prop_assert_eq!(Rewrite::of(&rewritten), to);
            check_sctp(&frame, &rewritten);
            prop_assert!(rewrite(&mut frame, &rewritten, &Rewrite::of(&packet)));
            prop_assert_eq!(frame, before);
        }
    }

    #[test]
    fn a_cut_packet_is_rewritten_like_the_start_of_the_whole_one(
        v4 in ends(false),
        v6 in ends(true),
        kept in 0_usize..140,
    ) {
        for frame in packets(&[7; 60]) {
            let info = FrameInfo { link: LinkType::RawIp, wire_length: frame.len() as u32 };
            let mut cut = frame[..kept.min(frame.len())].to_vec();
            let Ok(packet) = parse(&cut, info, Reading::Strict) else { continue };
            let whole_packet = read(&frame);
            let to = expected(&whole_packet, &v4, &v6);
            let mut whole = frame.clone();
            prop_assert!(rewrite(&mut whole, &whole_packet, &to));
            prop_assert!(rewrite(&mut cut, &packet, &to));
            // A field that the capture cut apart stays as it is.
            let transport = usize::from(packet.transport);
            let at_odds: Vec<usize> =
                (0..cut.len()).filter(|place| cut[*place] != whole[*place]).collect();
            prop_assert!(at_odds.iter().all(|place| *place + 4 > cut.len() && *place > transport));
        }
    }

    #[test]
    fn fragments_are_rewritten_wherever_the_fields_lie(
        payload in proptest::collection::vec(any::<u8>(), 24..90),
        v4 in ends(false),
        v6 in ends(true),
        size in 1_usize..4,
    ) {
        for frame in packets(&payload) {
            let packet = read(&frame);
            let to = expected(&packet, &v4, &v6);
            let mut whole = frame.clone();
            prop_assert!(rewrite(&mut whole, &packet, &to));
            let transport = usize::from(packet.transport);
            let segment = frame[transport..].to_vec();
            let whole_packet = parse_ip_payload(&packet, &segment, (2, 200), Reading::Strict).unwrap();
            let mut put_together = Vec::new();
            for (number, part) in segment.chunks(8 * size).enumerate() {
                let fragment = crate::Fragment { identification: 1, offset: number * 8 * size, more: true };
                let mut bytes = [&frame[..transport], part].concat();
                let read = Packet {
                    fragment: Some(fragment),
                    payload: packet.transport,
                    payload_length: part.len() as u32,
                    payload_captured: part.len() as u32,
                    source_port: 0,
                    destination_port: 0,
                    ..packet
                };
                prop_assert!(!rewrite(&mut bytes, &read, &to));
                prop_assert!(rewrite_fragment(&mut bytes, &read, &whole_packet, &to));
                prop_assert_eq!(&bytes[..transport], &whole[..transport]);
                put_together.extend_from_slice(&bytes[transport..]);
            }
            prop_assert_eq!(&put_together[..], &whole[transport..]);
        }
    }

    #[test]
    fn noise_never_panics(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..120),
        version in 4_u8..7,
        number in 0_usize..8,
        beyond in 0_u32..100,
        v4 in ends(false),
        v6 in ends(true),
    ) {
        let protocols = [1, 6, 17, 44, 58, 132, 136, 0];
        if let [first, .., ] = &mut bytes[..] {
            *first = version << 4 | 5;
        }
        for place in [6, 9] {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = protocols[number];
            }
        }
        let info = FrameInfo { link: LinkType::RawIp, wire_length: bytes.len() as u32 + beyond };
        for reading in [Reading::Strict, Reading::Lenient] {
            let Ok(packet) = parse(&bytes, info, reading) else { continue };
            for to in [v4, v6] {
                let mut frame = bytes.clone();
                let right = verify(&packet, &frame).is_ok();
                if rewrite(&mut frame, &packet, &to) && packet.payload_length > 0 {
                    let again = parse(&frame, info, reading).unwrap();
                    prop_assert_eq!(verify(&again, &frame).is_ok(), right);
                }
                let _ = rewrite_fragment(&mut frame, &packet, &packet, &to);
                let _ = crate::rewrite_error(&mut frame, &packet, to.addresses, &to);
                let _ = crate::shift_sequence(&mut frame, &packet, 1, 2);
                let _ = crate::clear_urgent(&mut frame, &packet);
                let _ = crate::blank_multipath(&mut frame, &packet);
                let _ = rewrite(&mut frame[..bytes.len() / 2], &packet, &to);
            }
        }
    }
}

#[test]
fn extension_headers_in_fragments_are_stepped_over() {
    let mut segment = alloc::vec![protocol::UDP, 0, 1, 4, 0, 0, 0, 0];
    segment.extend(&udp_over(V6, protocol::UDP, &[5; 100])[40..]);
    let mut frame = ip_packet(V6, protocol::NO_NEXT_HEADER, &segment);
    frame[6] = protocol::DESTINATION_OPTIONS;
    let packet = read(&frame);
    let to = Rewrite { source_port: 7, ..Rewrite::of(&packet) };
    let mut expected = frame.clone();
    assert!(rewrite(&mut expected, &packet, &to));
    // The port lies in the second fragment.
    let mut frames = crate::fragment(&frame, &packet, 56, 9).unwrap();
    let first = read(&frames[0]);
    let whole = parse_ip_payload(&first, &segment, (2, 200), Reading::Strict).unwrap();
    let mut data = Vec::new();
    for frame in &mut frames {
        let fragment = read(frame);
        assert!(rewrite_fragment(frame, &fragment, &whole, &to));
        data.extend_from_slice(fragment.transport_of(frame));
        let there = Rewrite { addresses: V4, ..to };
        assert!(crate::translate_fragment(frame, &fragment, &whole, &there).is_err());
    }
    assert_eq!(data, expected[40..]);
}

#[test]
fn udp_without_checksum_stays_without() {
    let mut frame = udp_over(V4, protocol::UDP, b"query");
    frame[26..28].fill(0);
    let packet = read(&frame);
    let to = Rewrite { source_port: 9, ..Rewrite::of(&packet) };
    assert!(rewrite(&mut frame, &packet, &to));
    assert_eq!(frame[26..28], [0, 0]);
    assert_eq!(read(&frame).source_port, 9);
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    let mut frame = tcp_over(V4, 0x10, &[], b"text");
    frame[36] ^= 1;
    let packet = crate::testing::read_unverified(&frame);
    let to = Rewrite { source_port: 9, ..Rewrite::of(&packet) };
    assert!(rewrite(&mut frame, &packet, &to));
    assert!(verify(&packet, &frame).is_err());
}

#[test]
fn families_do_not_mix() {
    let before = tcp_over(V4, 0x10, &[], b"text");
    let mut frame = before.clone();
    let packet = read(&frame);
    assert!(!rewrite(&mut frame, &packet, &Rewrite { addresses: V6, ..Rewrite::of(&packet) }));
    assert_eq!(frame, before);
}

#[test]
fn the_identifier_is_the_number_that_differs() {
    let to = Rewrite { addresses: V4, source_port: 5, destination_port: 9 };
    assert_eq!((to.identifier(5), to.identifier(9), to.identifier(1)), (9, 5, 5));
    assert_eq!(to.reversed().reversed(), to);
}
