//! The internet checksum (RFC 1071) over headers, pseudo-headers and payload.

use bifrons_model::DropReason;

use crate::packet::{Addresses, Packet, protocol};

/// The ones' complement sum of 16-bit words, folded and complemented, over several parts. Each part but the last has an
/// even length.
#[inline]
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let sum = parts.iter().fold(0, |sum, part| sum + partial(part));
    !fold(sum)
}

/// The sum of a part's words, not folded. Eight bytes are added at a time, in the byte order of the machine: the sum of
/// swapped words is the swapped sum (RFC 1071, section 2B).
#[inline]
fn partial(part: &[u8]) -> u64 {
    let (chunks, rest) = part.as_chunks::<8>();
    let mut sum = 0_u64;
    for chunk in chunks {
        let word = u64::from_ne_bytes(*chunk);
        sum += (word & 0xffff_ffff) + (word >> 32);
    }
    let mut rest = rest;
    if let Some((word, after)) = rest.split_first_chunk::<4>() {
        sum += u64::from(u32::from_ne_bytes(*word));
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk::<2>() {
        sum += u64::from(u16::from_ne_bytes(*word));
        rest = after;
    }
    if let [last] = rest {
        sum += u64::from(u16::from_ne_bytes([*last, 0]));
    }
    u64::from(u16::from_be(fold(sum)))
}

#[inline]
const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

/// Checks the IPv4 header's checksum and, where the whole packet is at hand, that of TCP, UDP or ICMP. A UDP checksum of
/// zero over IPv4 means none was made.
///
/// # Errors
/// The reason for which a wrong one drops the packet.
#[inline]
pub fn verify(packet: &Packet, frame: &[u8]) -> Result<(), DropReason> {
    let network = packet.network as usize;
    let is_v4 = matches!(packet.addresses, Addresses::V4 { .. });
    if is_v4 {
        let header_end = network + usize::from(frame.get(network).map_or(0, |first| first & 0x0f)) * 4;
        let header = frame.get(network..header_end).ok_or(DropReason::TruncatedHeader)?;
        if internet_checksum(&[header]) != 0 {
            return Err(DropReason::BadIpChecksum);
        }
    }
    if packet.fragment.is_some() || packet.is_cut() {
        return Ok(());
    }
    let (reason, has_pseudo_header) = match packet.protocol {
        protocol::TCP => (DropReason::BadTcpChecksum, true),
        protocol::UDP => (DropReason::BadUdpChecksum, true),
        protocol::ICMP => (DropReason::BadIcmpChecksum, false),
        protocol::ICMPV6 => (DropReason::BadIcmpChecksum, true),
        _ => return Ok(()),
    };
    let segment = packet.transport_of(frame);
    if packet.protocol == protocol::UDP && is_v4 && segment.get(6..8) == Some(&[0, 0]) {
        return Ok(());
    }
    let pseudo = if has_pseudo_header { pseudo_header(packet, segment.len()) } else { 0 };
    if fold(pseudo + partial(segment)) == 0xffff { Ok(()) } else { Err(reason) }
}

/// The sum of the pseudo-header's words: RFC 9293, section 3.1 for IPv4; RFC 8200, section 8.1 for IPv6.
#[inline]
fn pseudo_header(packet: &Packet, length: usize) -> u64 {
    let halves = |word: u32| u64::from(word >> 16) + u64::from(word & 0xffff);
    let addresses = match packet.addresses {
        Addresses::V4 { source, destination } => halves(source) + halves(destination),
        Addresses::V6 { source, destination } => [source, destination]
            .into_iter()
            .flat_map(|address| [0, 32, 64, 96].map(|shift| halves((address >> shift) as u32)))
            .sum(),
    };
    addresses + u64::from(packet.protocol) + halves(length as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// The definition, word by word.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(internet_checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), split in 0_usize..100) {
            if bytes.len() > 1 {
                bytes.truncate(bytes.len() / 2 * 2);
            }
            let split = (split * 2).min(bytes.len() / 2 * 2);
            let parts: Vec<&[u8]> = alloc::vec![&bytes[..split], &bytes[split..]];
            prop_assert_eq!(internet_checksum(&parts), plain(&bytes));
        }
    }
}
