//! The internet checksum (RFC 1071) over headers, pseudo-headers and payload.

use bifrons_model::DropReason;

use crate::packet::{Addresses, Packet, protocol};

/// The ones' complement sum of 16-bit words, folded and complemented, over several parts. Each part but the last has an
/// even length.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        let (chunks, rest) = part.as_chunks::<2>();
        sum += chunks.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>();
        if let [last] = rest {
            sum += u64::from(u16::from_be_bytes([*last, 0]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Checks the IPv4 header's checksum and, where the whole packet is at hand, that of TCP, UDP or ICMP. A UDP checksum of
/// zero over IPv4 means none was made.
///
/// # Errors
/// The reason for which a wrong one drops the packet.
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
    let mut pseudo = [0_u8; 40];
    let pseudo_length = if has_pseudo_header { pseudo_header(packet, segment.len(), &mut pseudo) } else { 0 };
    let pseudo = pseudo.get(..pseudo_length).unwrap_or(&[]);
    if internet_checksum(&[pseudo, segment]) == 0 { Ok(()) } else { Err(reason) }
}

/// RFC 9293, section 3.1 for IPv4; RFC 8200, section 8.1 for IPv6. Returns the length used.
fn pseudo_header(packet: &Packet, length: usize, out: &mut [u8; 40]) -> usize {
    match packet.addresses {
        Addresses::V4 { source, destination } => {
            out[..4].copy_from_slice(&source.to_be_bytes());
            out[4..8].copy_from_slice(&destination.to_be_bytes());
            out[9] = packet.protocol;
            out[10..12].copy_from_slice(&(length as u16).to_be_bytes());
            12
        }
        Addresses::V6 { source, destination } => {
            out[..16].copy_from_slice(&source.to_be_bytes());
            out[16..32].copy_from_slice(&destination.to_be_bytes());
            out[32..36].copy_from_slice(&(length as u32).to_be_bytes());
            out[39] = packet.protocol;
            40
        }
    }
}
