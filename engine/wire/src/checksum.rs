//! The internet checksum (RFC 1071) over headers, pseudo-headers and payload.

use bifrons_model::DropReason;

use crate::packet::{Addresses, Packet, protocol};

/// The ones' complement sum of 16-bit words, folded and complemented, over several parts. Each part but the
/// last has an even length.
#[inline]
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let sum = parts.iter().fold(0, |sum, part| sum + u64::from(fold(swapped_sum(part)).swap_bytes()));
    !fold(sum)
}

/// The sum of a part's words with their bytes swapped, not folded. Eight bytes are added at a time, with
/// the carry above; the sum of swapped words is the swapped sum (RFC 1071, section 2B).
#[inline]
fn swapped_sum(part: &[u8]) -> u64 {
    let (chunks, rest) = part.as_chunks::<8>();
    let mut sum = chunks.iter().fold(0_u128, |sum, chunk| sum + u128::from(u64::from_le_bytes(*chunk)));
    if !rest.is_empty() {
        let last = match part.last_chunk::<8>() {
            // The end once more, without the bytes that were added already.
            Some(end) => u64::from_le_bytes(*end) >> (64 - 8 * rest.len()),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        sum += u128::from(last);
    }
    halves(sum as u64) + (sum >> 64) as u64
}

#[inline]
const fn halves(word: u64) -> u64 {
    (word & 0xffff_ffff) + (word >> 32)
}

/// The sum of 16-bit words in one word, its carries added again.
#[inline]
pub(crate) const fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    ((sum >> 16) + (sum & 0xffff)) as u16
}

/// Checks the IPv4 header's checksum and, where the whole packet is at hand, that of TCP, UDP or ICMP. A
/// UDP checksum of zero over IPv4 means none was made.
///
/// # Errors
/// The reason for which a wrong one drops the packet.
#[inline]
pub fn verify(packet: &Packet, frame: &[u8]) -> Result<(), DropReason> {
    let network = usize::from(packet.network);
    let is_v4 = matches!(packet.addresses, Addresses::V4 { .. });
    if is_v4 {
        const WITHOUT_OPTIONS: u8 = 0x45;
        let rest = frame.get(network..).unwrap_or(&[]);
        let sum = match rest.first_chunk::<20>() {
            Some(header) if header[0] == WITHOUT_OPTIONS => swapped_sum(header),
            Some(header) => {
                let length = usize::from(header[0] & 0x0f) * 4;
                swapped_sum(rest.get(..length).ok_or(DropReason::TruncatedHeader)?)
            }
            None => return Err(DropReason::TruncatedHeader),
        };
        if fold(sum) != RIGHT {
            return Err(DropReason::BadIpChecksum);
        }
    }
    verify_transport(packet, frame)
}

/// Checks the checksum of TCP, UDP or ICMP alone, where the whole packet is at hand; `bytes` is what the
/// packet's offsets count in.
///
/// # Errors
/// The reason for which a wrong one drops the packet.
#[inline(always)]
pub fn verify_transport(packet: &Packet, bytes: &[u8]) -> Result<(), DropReason> {
    if packet.fragment.is_some() || packet.is_cut() {
        return Ok(());
    }
    let is_v4 = matches!(packet.addresses, Addresses::V4 { .. });
    let (reason, has_pseudo_header) = match packet.protocol {
        protocol::TCP => (DropReason::BadTcpChecksum, true),
        protocol::UDP => (DropReason::BadUdpChecksum, true),
        protocol::ICMP => (DropReason::BadIcmpChecksum, false),
        protocol::ICMPV6 => (DropReason::BadIcmpChecksum, true),
        _ => return Ok(()),
    };
    let segment = packet.transport_of(bytes);
    if packet.protocol == protocol::UDP && is_v4 && segment.get(6..8) == Some(&[0, 0]) {
        return Ok(());
    }
    let pseudo = if has_pseudo_header { pseudo_header(packet, segment.len()) } else { 0 };
    if fold(pseudo + swapped_sum(segment)) == RIGHT { Ok(()) } else { Err(reason) }
}

/// What a part sums up to that holds its own right checksum; the same with its bytes swapped.
const RIGHT: u16 = 0xffff;

/// The sum of the pseudo-header's words, bytes swapped: RFC 9293, section 3.1 for IPv4; RFC 8200, section
/// 8.1 for IPv6.
#[inline]
fn pseudo_header(packet: &Packet, length: usize) -> u64 {
    let addresses = match packet.addresses {
        Addresses::V4 { source, destination } => {
            u64::from(source.swap_bytes()) + u64::from(destination.swap_bytes())
        }
        Addresses::V6 { source, destination } => {
            let halves_of = |address: u128| {
                halves((address as u64).swap_bytes()) + halves(((address >> 64) as u64).swap_bytes())
            };
            halves_of(source) + halves_of(destination)
        }
    };
    let length = length as u32;
    addresses + u64::from(u16::from(packet.protocol).swap_bytes()) + u64::from(length.swap_bytes())
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
        fn agrees_with_the_definition(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            split in 0_usize..100,
        ) {
            if bytes.len() > 1 {
                bytes.truncate(bytes.len() / 2 * 2);
            }
            let split = (split * 2).min(bytes.len() / 2 * 2);
            let parts: Vec<&[u8]> = alloc::vec![&bytes[..split], &bytes[split..]];
            prop_assert_eq!(internet_checksum(&parts), plain(&bytes));
        }
    }
}
