//! ICMP errors between the families, with the packet that they quote.

use alloc::vec::Vec;

use super::{Untranslatable, assemble, header, translate_segment};
use crate::{
    build::pseudo_header,
    icmp, internet_checksum,
    packet::{Addresses, Packet, protocol},
    quoted::quoted_packet,
    rewrite::{Change, Rewrite},
};

/// Translates an ICMP error and the start of the packet that it quotes (RFC 7915, sections 4.2, 4.3, 5.2 and
/// 5.3). `outer` are the new addresses of the message, `quoted` those and the ports of the quoted packet,
/// told in its own direction. Extensions behind the quoted packet (RFC 4884) are left out.
///
/// # Errors
/// The reason for which the message has no equivalent.
pub fn translate_error(
    frame: &[u8],
    packet: &Packet,
    outer: Addresses,
    quoted: &Rewrite,
    identification: u16,
) -> Result<Vec<u8>, Untranslatable> {
    let refused = Untranslatable::Message { kind: packet.icmp.kind, code: packet.icmp.code };
    if packet.fragment.is_some() || packet.frames != 1 {
        return Err(Untranslatable::Fragment);
    }
    if !packet.icmp.is_error || packet.is_cut() {
        return Err(if packet.icmp.is_error { Untranslatable::Cut } else { refused });
    }
    let message = packet.transport_of(frame);
    let (head, quotation) = message.split_first_chunk::<8>().ok_or(Untranslatable::Cut)?;
    let is_v4 = matches!(packet.addresses, Addresses::V4 { .. });
    let new_head = if is_v4 { to_v6(*head, quotation) } else { to_v4(*head) }.ok_or(refused)?;
    let longest = if is_v4 { 1280 - 40 - 8 } else { 576 - 20 - 8 };
    let mut made = new_head.to_vec();
    made.extend(translate_quotation(without_extensions(*head, quotation, is_v4), quoted)?);
    made.truncate(8 + longest);
    let checksum = if is_v4 {
        internet_checksum(&[&pseudo_header(outer, protocol::ICMPV6, made.len()), &made])
    } else {
        internet_checksum(&[&made])
    };
    if let Some(place) = made.get_mut(2..4) {
        place.copy_from_slice(&checksum.to_be_bytes());
    }
    let header = header(frame, packet, outer, made.len(), None, identification)?;
    Ok(assemble(frame, packet, &header, &made))
}

/// The quoted packet in the other family, as far as it goes.
fn translate_quotation(quotation: &[u8], to: &Rewrite) -> Result<Vec<u8>, Untranslatable> {
    let (_, ip) = icmp::quoted_at(quotation, 0).ok_or(Untranslatable::Cut)?;
    let packet = quoted_packet(quotation, 0, &ip);
    let mut segment = quotation.get(usize::from(packet.transport)..).unwrap_or(&[]).to_vec();
    let length = packet.payload_length as usize;
    segment.truncate(length);
    let is_later = ip.fragment.is_some_and(|fragment| fragment.offset != 0);
    let is_icmp = matches!(ip.protocol, protocol::ICMP | protocol::ICMPV6);
    if is_icmp && !is_later {
        translate_segment(&mut segment, &packet, to)?;
    } else if !is_later {
        Change::new(&packet, to).write_transport(&mut segment, 0);
    }
    let packet = Packet { protocol: ip.protocol, ..packet };
    let mut made = header(quotation, &packet, to.addresses, length, ip.fragment, 0)?;
    made.extend(segment);
    Ok(made)
}

/// The quoted packet without the extensions behind it: where there are some, the message tells the packet's
/// length in words of four bytes, in ICMPv6 of eight (RFC 4884, section 4).
fn without_extensions(head: [u8; 8], quotation: &[u8], is_v4: bool) -> &[u8] {
    let length = match (is_v4, head[0]) {
        (true, 3 | 11 | 12) => usize::from(head[5]) * 4,
        (false, 1 | 3) => usize::from(head[4]) * 8,
        _ => 0,
    };
    if length == 0 { quotation } else { quotation.get(..length).unwrap_or(quotation) }
}

/// The first eight bytes of the ICMPv6 message (RFC 7915, section 4.2), its checksum zero.
fn to_v6(head: [u8; 8], quotation: &[u8]) -> Option<[u8; 8]> {
    const LEAST_MTU: u32 = 1280;
    const NEXT_HEADER: u32 = 6;
    let (kind, code, rest) = match (head[0], head[1]) {
        (3, 2) => (4, 1, NEXT_HEADER),
        (3, 3) => (1, 4, 0),
        (3, 4) => {
            let told = u16::from_be_bytes([head[6], head[7]]);
            let mtu = if told == 0 { plateau(quotation) } else { u32::from(told) };
            (2, 0, LEAST_MTU.max(mtu + 20))
        }
        (3, 0 | 1 | 5..=8 | 11 | 12) => (1, 0, 0),
        (3, 9 | 10 | 13 | 15) => (1, 1, 0),
        (11, code @ (0 | 1)) => (3, code, 0),
        (12, 0 | 2) => {
            let pointer = match head[4] {
                0 => 0,
                1 => 1,
                2 | 3 => 4,
                8 => 7,
                9 => 6,
                12..=15 => 8,
                16..=19 => 24,
                _ => return None,
            };
            (4, 0, pointer)
        }
        _ => return None,
    };
    Some(assembled(kind, code, rest))
}

/// The next lower usual MTU than the quoted packet's length, where a router tells none (RFC 1191, section
/// 7.1).
fn plateau(quotation: &[u8]) -> u32 {
    const PLATEAUS: [u16; 10] = [65_535, 32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296];
    let length = crate::be16(quotation, 2).unwrap_or(0);
    PLATEAUS.into_iter().find(|plateau| *plateau < length).unwrap_or(68).into()
}

/// The first eight bytes of the ICMPv4 message (RFC 7915, section 5.2), its checksum zero.
fn to_v4(head: [u8; 8]) -> Option<[u8; 8]> {
    const LEAST_MTU: u32 = 68;
    let rest = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
    let (kind, code, rest) = match (head[0], head[1]) {
        (1, 0 | 2 | 3) => (3, 1, 0),
        (1, 1) => (3, 10, 0),
        (1, 4) => (3, 3, 0),
        (2, _) => (3, 4, rest.saturating_sub(20).clamp(LEAST_MTU, 0xffff)),
        (3, code @ (0 | 1)) => (11, code, 0),
        (4, 0) => {
            let pointer = match rest {
                0 => 0,
                1 => 1,
                4 | 5 => 2,
                6 => 9,
                7 => 8,
                8..=23 => 12,
                24..=39 => 16,
                _ => return None,
            };
            (12, 0, pointer << 24)
        }
        (4, 1) => (3, 2, 0),
        _ => return None,
    };
    Some(assembled(kind, code, rest))
}

const fn assembled(kind: u8, code: u8, rest: u32) -> [u8; 8] {
    let [a, b, c, d] = rest.to_be_bytes();
    [kind, code, 0, 0, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_equivalents() {
        let v6 = |kind, code, rest| to_v6(assembled(kind, code, rest), &[0x45, 0, 5, 220]);
        let v4 = |kind, code, rest| to_v4(assembled(kind, code, rest));
        let made = |kind, code, rest| Some(assembled(kind, code, rest));
        for (code, expected) in [(0, 0), (1, 0), (3, 4), (8, 0), (9, 1), (13, 1), (15, 1)] {
            assert_eq!(v6(3, code, 0), made(1, expected, 0));
        }
        assert_eq!(v6(3, 2, 0), made(4, 1, 6));
        assert_eq!(v6(3, 4, 1400), made(2, 0, 1420));
        assert_eq!(v6(3, 4, 576), made(2, 0, 1280));
        assert_eq!(v6(3, 4, 0), made(2, 0, 1512), "the plateau below 1500");
        assert_eq!(v6(11, 1, 0), made(3, 1, 0));
        assert_eq!(v6(12, 0, 9 << 24), made(4, 0, 6));
        for none in [v6(3, 14, 0), v6(4, 0, 0), v6(5, 1, 0), v6(12, 1, 0), v6(12, 0, 5 << 24)] {
            assert_eq!(none, None);
        }
        for (code, expected) in [(0, 1), (1, 10), (2, 1), (3, 1), (4, 3)] {
            assert_eq!(v4(1, code, 0), made(3, expected, 0));
        }
        assert_eq!(v4(2, 0, 1420), made(3, 4, 1400));
        assert_eq!(v4(2, 0, u32::MAX), made(3, 4, 0xffff));
        assert_eq!(v4(3, 0, 0), made(11, 0, 0));
        assert_eq!(v4(4, 0, 6), made(12, 0, 9 << 24));
        assert_eq!(v4(4, 1, 6), made(3, 2, 0));
        for none in [v4(1, 5, 0), v4(4, 2, 0), v4(4, 0, 2), v4(137, 0, 0)] {
            assert_eq!(none, None);
        }
    }
}
