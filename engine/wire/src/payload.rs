//! Payload replaced by other payload, of any length.

use alloc::vec::Vec;

use crate::{
    be16,
    difference::Difference,
    fragment::set_length,
    link,
    packet::{Addresses, Packet, protocol},
};

/// The frame with another payload behind its TCP or UDP header; lengths and checksums follow, a UDP checksum
/// of zero stays. `packet` is what `parse` read from the frame; what lies behind the packet (padding of the
/// link) is left out.
///
/// `None` when the packet is neither TCP nor UDP, is a fragment, came in several frames, is cut by the
/// capture, or would be longer than an IP packet can be.
pub fn replace_payload(frame: &[u8], packet: &Packet, payload: &[u8]) -> Option<Vec<u8>> {
    let is_udp = packet.protocol == protocol::UDP;
    let is_whole = packet.fragment.is_none() && packet.frames == 1 && !packet.is_cut();
    if !is_whole || !(is_udp || packet.protocol == protocol::TCP) {
        return None;
    }
    let header = frame.get(..usize::from(packet.payload))?;
    let old = packet.payload_of(frame);
    let mut changed = Vec::with_capacity(header.len() + payload.len());
    changed.extend(header);
    changed.extend(payload);
    set_length(&mut changed, packet)?;
    let transport = usize::from(packet.transport);
    let header_length = header.len().checked_sub(transport)?;
    let new_length = u16::try_from(header_length + payload.len()).ok()?;
    let old_length = u16::try_from(header_length + old.len()).ok()?;
    let mut difference = Difference::bytes(old, payload).and(Difference::word(old_length, new_length));
    if is_udp {
        difference = difference.and(Difference::word(be16(frame, transport + 4)?, new_length));
        changed.get_mut(transport + 4..transport + 6)?.copy_from_slice(&new_length.to_be_bytes());
    }
    let checksum = changed.get_mut(transport + if is_udp { 6 } else { 16 }..)?.first_chunk_mut::<2>()?;
    let before = u16::from_be_bytes(*checksum);
    let after = if is_udp { difference.applied_to_udp(before) } else { difference.applied(before) };
    *checksum = after.to_be_bytes();
    let network = usize::from(packet.network);
    let ip_length = (header.len() - network, changed.len() - network);
    let is_v6 = matches!(packet.addresses, Addresses::V6 { .. });
    link::refit(changed.get_mut(..network)?, is_v6, ip_length.0 + old.len(), ip_length.1);
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::testing::{V4, V6, echo_over, read, tcp_over, udp_over};

    proptest! {
        #[test]
        fn the_new_payload_is_right_and_goes_back(
            old in proptest::collection::vec(any::<u8>(), 0..90),
            new in proptest::collection::vec(any::<u8>(), 0..90),
        ) {
            for addresses in [V4, V6] {
                for before in [
                    tcp_over(addresses, 0x18, &[1, 1, 1, 1], &old),
                    udp_over(addresses, protocol::UDP, &old),
                ] {
                    let packet = read(&before);
                    let frame = replace_payload(&before, &packet, &new).unwrap();
                    let replaced = read(&frame);
                    prop_assert_eq!(replaced.payload_of(&frame), &new[..]);
                    prop_assert_eq!(replaced.source_port, packet.source_port);
                    prop_assert_eq!(replace_payload(&frame, &replaced, &old).unwrap(), before);
                }
            }
        }
    }

    #[test]
    fn what_has_no_place_for_it_stays() {
        let echo = echo_over(V4, 1, b"ping");
        assert_eq!(replace_payload(&echo, &read(&echo), b"x"), None);
        let frame = udp_over(V4, protocol::UDP, b"x");
        assert_eq!(replace_payload(&frame, &read(&frame), &[0; 65_508]), None);
        assert!(replace_payload(&frame, &read(&frame), &[0; 65_507]).is_some());
    }

    #[test]
    fn the_link_header_follows() {
        let mut frame = alloc::vec![1; 12];
        frame.extend([0, 37, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
        frame.extend(udp_over(V4, protocol::UDP, b"x"));
        let info = crate::FrameInfo { link: crate::LinkType::Ethernet, wire_length: frame.len() as u32 };
        let packet = crate::parse(&frame, info, crate::Reading::Strict).unwrap();
        let changed = replace_payload(&frame, &packet, b"longer").unwrap();
        assert_eq!(changed[12..14], [0, 42]);
    }
}
