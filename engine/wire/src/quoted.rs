//! ICMP errors on their way through address translation: the outer addresses and those of the quoted packet.

use crate::{
    be16,
    difference::Difference,
    icmp,
    ip::IpHeader,
    packet::{Addresses, Packet, protocol},
    rewrite::{Rewrite, rewrite, segment_mut},
};

/// Rewrites an ICMP error in its frame (RFC 5508, REQ-4 and REQ-5; RFC 4443): the outer addresses become
/// `outer`; the quoted packet's become `quoted`, told in the quoted packet's own direction. All checksums
/// follow: of the outer IPv4 header, of the message, of the quoted IPv4 header and, where the quotation
/// reaches so far, of the quoted transport header.
///
/// Of a quoted fragment that is not the first only the addresses are rewritten.
///
/// False, and the frame as it was, when `packet` is no such error, families differ, or too little of the
/// quoted packet is at hand.
#[must_use]
pub fn rewrite_error(frame: &mut [u8], packet: &Packet, outer: Addresses, quoted: &Rewrite) -> bool {
    let transport = usize::from(packet.transport);
    let Some((at, header)) = icmp::quoted(frame, transport, packet.icmp.kind, packet.protocol) else {
        return false;
    };
    let outer = Rewrite { addresses: outer, ..Rewrite::of(packet) };
    if !packet.icmp.is_error
        || !is_same_family(header.addresses, quoted.addresses)
        || !rewrite(frame, packet, &outer)
    {
        return false;
    }
    let Some(message) = segment_mut(frame, packet) else {
        return true;
    };
    let Some((head, quotation)) = message.split_at_mut_checked(at - transport) else {
        return true;
    };
    let difference = rewrite_quotation(quotation, at, &header, quoted);
    if let Some(checksum) = head.get_mut(2..4).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *checksum = difference.applied(u16::from_be_bytes(*checksum)).to_be_bytes();
    }
    true
}

/// Rewrites the quoted packet; `at` is where it begins in what the header's places count in.
fn rewrite_quotation(quotation: &mut [u8], at: usize, header: &IpHeader, to: &Rewrite) -> Difference {
    let packet = quoted_packet(quotation, at, header);
    let end = quotation.len().min(usize::from(packet.transport) + LONGEST_REWRITTEN);
    let Some(before) = quotation.get(..end).map(<[u8]>::to_vec) else {
        return Difference::NONE;
    };
    if !rewrite(quotation, &packet, to) {
        return Difference::NONE;
    }
    Difference::bytes(&before, quotation.get(..end).unwrap_or(&[]))
}

/// Bytes of a transport header that rewriting touches, an even number.
const LONGEST_REWRITTEN: usize = 20;

/// The quoted packet as one that was parsed from where it begins. A later fragment is one without a
/// transport.
pub(crate) fn quoted_packet(quotation: &[u8], at: usize, header: &IpHeader) -> Packet {
    let transport = header.transport - at;
    let is_later = header.fragment.is_some_and(|fragment| fragment.offset != 0);
    let mut packet = Packet {
        addresses: header.addresses,
        protocol: if is_later { protocol::NO_NEXT_HEADER } else { header.protocol },
        hop_limit: header.hop_limit,
        transport: transport as u16,
        payload: transport as u16,
        payload_length: header.transport_length.min(usize::from(u16::MAX)) as u32,
        payload_captured: quotation.len().saturating_sub(transport) as u32,
        frames: 1,
        ..Packet::BLANK
    };
    match packet.protocol {
        protocol::ICMP | protocol::ICMPV6 => {
            packet.icmp = icmp::read(quotation, transport, packet.protocol).unwrap_or_default();
            (packet.source_port, packet.destination_port) = (packet.icmp.identifier, packet.icmp.identifier);
        }
        protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::SCTP => {
            packet.source_port = be16(quotation, transport).unwrap_or(0);
            packet.destination_port = be16(quotation, transport + 2).unwrap_or(0);
        }
        _ => {}
    }
    packet
}

const fn is_same_family(one: Addresses, other: Addresses) -> bool {
    matches!(
        (one, other),
        (Addresses::V4 { .. }, Addresses::V4 { .. }) | (Addresses::V6 { .. }, Addresses::V6 { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    use crate::testing::{V4, V6, crc32c, echo_over, error_over, read, sctp_over, tcp_over, udp_over};

    const V4_INSIDE: Addresses = Addresses::V4 { source: 0xc0a8_0001, destination: 0xcb00_7101 };
    const V6_INSIDE: Addresses = Addresses::V6 { source: 0xfd00 << 112 | 5, destination: 0x2001 << 112 | 9 };

    fn inside(addresses: Addresses) -> Addresses {
        if matches!(addresses, Addresses::V4 { .. }) { V4_INSIDE } else { V6_INSIDE }
    }

    fn quotable(payload: &[u8]) -> Vec<Vec<u8>> {
        [V4, V6]
            .into_iter()
            .flat_map(|addresses| {
                [
                    tcp_over(addresses, 0x18, &[], payload),
                    udp_over(addresses, protocol::UDP, payload),
                    sctp_over(addresses, payload),
                    echo_over(addresses, 77, payload),
                ]
            })
            .collect()
    }

    fn kind(quoted: &[u8]) -> u8 {
        if quoted[0] >> 4 == 4 { 3 } else { 1 }
    }

    proptest! {
        #[test]
        fn errors_are_right_and_go_back(
            payload in proptest::collection::vec(any::<u8>(), 0..60),
            kept in 8_usize..80,
            port: u16,
        ) {
            for original in quotable(&payload) {
                let transport = usize::from(read(&original).transport);
                let quotation = &original[..original.len().min(transport + kept)];
                let before = error_over(kind(&original), 3, quotation);
                let mut frame = before.clone();
                let packet = read(&frame);
                let was = packet.embedded(&frame).unwrap();
                let outer = inside(packet.addresses).reversed();
                let is_echo = matches!(was.protocol, protocol::ICMP | protocol::ICMPV6);
                let to = Rewrite {
                    addresses: inside(was.addresses),
                    source_port: port,
                    destination_port: if is_echo { port } else { was.destination_port },
                };
                prop_assert!(rewrite_error(&mut frame, &packet, outer, &to));
                let rewritten = read(&frame);
                prop_assert_eq!(rewritten.addresses, outer);
                let embedded = rewritten.embedded(&frame).unwrap();
                prop_assert_eq!(
                    (embedded.addresses, embedded.source_port, embedded.destination_port),
                    (to.addresses, to.source_port, to.destination_port)
                );
                if quotation.len() == original.len() {
                    let whole = &frame[usize::from(rewritten.payload)..];
                    let quoted = read(whole);
                    if quoted.protocol == protocol::SCTP {
                        let segment = quoted.transport_of(whole);
                        prop_assert_eq!(&segment[8..12], &crc32c(segment).to_le_bytes());
                    }
                }
                let back = Rewrite {
                    addresses: was.addresses,
                    source_port: was.source_port,
                    destination_port: was.destination_port,
                };
                prop_assert!(rewrite_error(&mut frame, &rewritten, packet.addresses, &back));
                prop_assert_eq!(frame, before);
            }
        }
    }

    #[test]
    fn of_a_later_fragment_only_the_addresses_change() {
        let mut original = udp_over(V4, protocol::UDP, b"payload");
        original[6..8].copy_from_slice(&[0, 9]);
        let data = original[20..].to_vec();
        let mut frame = error_over(11, 0, &original);
        let packet = read(&frame);
        let to = Rewrite { addresses: V4_INSIDE, source_port: 1, destination_port: 2 };
        assert!(rewrite_error(&mut frame, &packet, V4_INSIDE.reversed(), &to));
        assert_eq!(read(&frame).addresses, V4_INSIDE.reversed());
        assert_eq!(frame[28 + 12..28 + 16], [192, 168, 0, 1]);
        assert_eq!(frame[48..], data[..]);
    }

    #[test]
    fn what_is_no_error_stays() {
        let before = echo_over(V4, 7, b"ping");
        let mut frame = before.clone();
        let packet = read(&frame);
        assert!(!rewrite_error(&mut frame, &packet, V4_INSIDE, &Rewrite::of(&packet)));
        assert_eq!(frame, before);
    }
}
