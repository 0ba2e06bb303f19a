//! What a router changes in a packet that it forwards: the hop limit, the Ethernet header, a too large
//! segment size.

use bifrons_model::MacAddress;

use crate::{
    be16,
    difference::Difference,
    packet::{Addresses, Packet, TcpFlags, protocol},
    rewrite::segment_mut,
};

/// The EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// The EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// The EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;

const UNTAGGED: usize = 14;
const TAGGED: usize = 18;

/// An Ethernet header with at most one IEEE 802.1Q tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EthernetHeader {
    /// The receiver.
    pub destination: MacAddress,
    /// The sender.
    pub source: MacAddress,
    /// The VLAN of the tag, 1 to 4094; 0 in a tag that gives a priority only.
    pub tag: Option<u16>,
    /// What follows: an EtherType, or a length.
    pub ethertype: u16,
}

impl EthernetHeader {
    /// Reads the header of a frame and tells its length; `None` when the frame ends within it.
    #[inline]
    pub fn read(frame: &[u8]) -> Option<(Self, usize)> {
        let destination = MacAddress(*frame.first_chunk()?);
        let source = MacAddress(*frame.get(6..)?.first_chunk()?);
        let first = be16(frame, 12)?;
        if first == ETHERTYPE_VLAN {
            let tag = be16(frame, 14)? & 0x0fff;
            return Some((Self { destination, source, tag: Some(tag), ethertype: be16(frame, 16)? }, TAGGED));
        }
        Some((Self { destination, source, tag: None, ethertype: first }, UNTAGGED))
    }

    /// Its length: 14 bytes, or 18 with a tag.
    #[inline]
    pub const fn length(&self) -> usize {
        if self.tag.is_some() { TAGGED } else { UNTAGGED }
    }

    /// Its bytes; the first `length` count.
    pub const fn bytes(&self) -> [u8; 18] {
        let mut bytes = [0; 18];
        let mut at = 0;
        while at < 6 {
            bytes[at] = self.destination.0[at];
            bytes[at + 6] = self.source.0[at];
            at += 1;
        }
        let ethertype = self.ethertype.to_be_bytes();
        let (place, tag) = match self.tag {
            Some(tag) => (16, tag.to_be_bytes()),
            None => (12, [0, 0]),
        };
        if place == 16 {
            let vlan = ETHERTYPE_VLAN.to_be_bytes();
            (bytes[12], bytes[13], bytes[14], bytes[15]) = (vlan[0], vlan[1], tag[0], tag[1]);
        }
        (bytes[place], bytes[place + 1]) = (ethertype[0], ethertype[1]);
        bytes
    }
}

/// Takes one hop from an IP packet, given from its header on, the IPv4 checksum with it (RFC 1812, section
/// 5.3.1; RFC 8200, section 3). False when none is left or it is no packet; then nothing has changed.
#[inline(always)]
pub fn take_hop(ip: &mut [u8]) -> bool {
    match ip {
        [0x40..=0x4f, _, _, _, _, _, _, _, hops @ 2..=255, _, high, low, ..] => {
            *hops -= 1;
            // RFC 1624, equation 3, for a word that becomes 0x100 less.
            let (sum, carry) = (!u16::from_be_bytes([*high, *low])).overflowing_add(0xfeff);
            [*high, *low] = (!(sum + u16::from(carry))).to_be_bytes();
            true
        }
        [0x60..=0x6f, _, _, _, _, _, _, hops @ 2..=255, ..] => {
            *hops -= 1;
            true
        }
        _ => false,
    }
}

/// Lowers the maximum segment size that a SYN announces to at most `max` bytes, the checksum with it. True
/// when it was higher.
pub fn lower_segment_size(frame: &mut [u8], packet: &Packet, max: u16) -> bool {
    const HEADER: usize = 20;
    const CHECKSUM: usize = 16;
    const OPTION_END: u8 = 0;
    const OPTION_NO_OPERATION: u8 = 1;
    const OPTION_SEGMENT_SIZE: u8 = 2;
    if packet.protocol != protocol::TCP || !packet.tcp.flags.has(TcpFlags::SYN) {
        return false;
    }
    let end = HEADER + usize::from(packet.tcp.options_length);
    let Some(segment) = segment_mut(frame, packet) else { return false };
    let mut at = HEADER;
    while at < end {
        let (kind, length) = match segment.get(at..end) {
            Some([OPTION_END, ..] | []) | None => return false,
            Some([OPTION_NO_OPERATION, ..]) => (OPTION_NO_OPERATION, 1),
            Some([_]) => return false,
            Some([kind, length, ..]) => (*kind, usize::from(*length).max(2)),
        };
        if kind == OPTION_SEGMENT_SIZE
            && length == 4
            && let Some(old) = be16(segment, at + 2)
            && old > max
            && let Some(checksum) = be16(segment, CHECKSUM)
        {
            // An option at an odd place has its bytes in two words of the sum: both are swapped.
            let difference = if at.is_multiple_of(2) {
                Difference::word(old, max)
            } else {
                Difference::word(old.swap_bytes(), max.swap_bytes())
            };
            let checksum = difference.applied(checksum).to_be_bytes();
            for (place, new) in [(at + 2, max.to_be_bytes()), (CHECKSUM, checksum)] {
                if let Some(bytes) = segment.get_mut(place..).and_then(|rest| rest.first_chunk_mut()) {
                    *bytes = new;
                }
            }
            return true;
        }
        at += length;
    }
    false
}

/// The length of the IP packet in a frame, as its header claims it.
#[inline]
pub fn ip_length(packet: &Packet) -> u32 {
    u32::from(packet.payload - packet.network) + packet.payload_length
}

/// The EtherType of a packet's family.
#[inline]
pub const fn ethertype_of(addresses: Addresses) -> u16 {
    match addresses {
        Addresses::V4 { .. } => ETHERTYPE_IPV4,
        Addresses::V6 { .. } => ETHERTYPE_IPV6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FrameInfo, LinkType, Reading, internet_checksum, parse, verify};
    use alloc::vec::Vec;

    const HEADER: EthernetHeader = EthernetHeader {
        destination: MacAddress([2, 0, 0, 0, 0, 1]),
        source: MacAddress([2, 0, 0, 0, 0, 2]),
        tag: None,
        ethertype: ETHERTYPE_IPV4,
    };

    #[test]
    fn headers_with_and_without_tag_read_as_written() {
        for (header, length) in [(HEADER, 14), (EthernetHeader { tag: Some(100), ..HEADER }, 18)] {
            let bytes = header.bytes();
            assert_eq!(header.length(), length);
            assert_eq!(EthernetHeader::read(&bytes[..length]), Some((header, length)));
            assert_eq!(EthernetHeader::read(&bytes[..length - 1]), None);
        }
    }

    #[test]
    fn a_hop_changes_any_checksum_as_any_difference_does() {
        for checksum in 0..=u16::MAX {
            let [high, low] = checksum.to_be_bytes();
            let mut ip = [0x45, 0, 0, 20, 0, 1, 0, 0, 64, 17, high, low, 10, 0, 0, 1, 10, 0, 0, 2];
            assert!(take_hop(&mut ip));
            let expected = Difference::word(0x4011, 0x3f11).applied(checksum);
            assert_eq!(u16::from_be_bytes([ip[10], ip[11]]), expected, "{checksum:#06x}");
        }
    }

    #[test]
    fn a_hop_is_taken_and_the_checksum_follows() {
        let mut ip = [0x45, 0, 0, 20, 0, 1, 0, 0, 2, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        let checksum = internet_checksum(&[&ip]);
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert!(take_hop(&mut ip));
        assert_eq!((ip[8], internet_checksum(&[&ip])), (1, 0));
        let before = ip;
        assert!(!take_hop(&mut ip), "the last hop is not given away");
        assert_eq!(ip, before);
        let mut v6 = [0x60, 0, 0, 0, 0, 0, 59, 64];
        assert!(take_hop(&mut v6));
        assert_eq!(v6[7], 63);
        assert!(!take_hop(&mut []));
        assert!(!take_hop(&mut [0x10; 40]));
    }

    /// A SYN in Ethernet and IPv4 with these options.
    fn syn(options: &[u8]) -> Vec<u8> {
        let mut tcp = alloc::vec![0, 80, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 255, 255, 0, 0, 0, 0];
        tcp[12] = ((20 + options.len()) as u8 / 4) << 4;
        tcp.extend(options);
        let addresses = [10, 0, 0, 1, 10, 0, 0, 2];
        let pseudo = [0, 6, 0, tcp.len() as u8];
        let sum = internet_checksum(&[&addresses, &pseudo, &tcp]);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        let mut ip = alloc::vec![0x45, 0, 0, 20 + tcp.len() as u8, 0, 0, 0x40, 0, 64, 6, 0, 0];
        ip.extend(addresses);
        let sum = internet_checksum(&[&ip]);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        [&HEADER.bytes()[..14], &ip, &tcp].concat()
    }

    #[test]
    fn a_segment_size_is_lowered_wherever_the_option_stands() {
        for options in [
            &[2, 4, 0x05, 0xb4][..],
            &[1, 2, 4, 0x05, 0xb4, 1, 1, 0],
            &[4, 2, 1, 1, 1, 2, 4, 0x05, 0xb4, 1, 1, 1],
        ] {
            let mut frame = syn(options);
            let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
            let packet = parse(&frame, info, Reading::Strict).unwrap();
            assert!(verify(&packet, &frame).is_ok());
            assert!(!lower_segment_size(&mut frame, &packet, 1460), "{options:?}");
            assert!(lower_segment_size(&mut frame, &packet, 1360), "{options:?}");
            assert!(verify(&packet, &frame).is_ok(), "{options:?}");
            assert!(frame.windows(4).any(|bytes| bytes == [2, 4, 0x05, 0x50]));
        }
        for broken in [&[0, 0, 0, 0][..], &[2, 0, 0, 0], &[2, 3, 5, 5], &[1, 1, 1, 2], &[8, 200, 2, 4]] {
            let mut frame = syn(broken);
            let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
            let packet = parse(&frame, info, Reading::Strict).unwrap();
            assert!(!lower_segment_size(&mut frame, &packet, 100), "{broken:?}");
        }
    }
}
