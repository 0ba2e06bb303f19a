//! Addresses, ports and echo identifiers replaced in place, with every checksum that covers them.
//!
//! Checksums follow by the difference: one that was right stays right, one that was wrong stays wrong, and
//! what the capture cut off is not needed. SCTP's CRC-32c is linear in its input and follows likewise.

use crc::{Algorithm, Crc, Table};

use crate::{
    difference::Difference,
    icmp,
    packet::{Addresses, Packet, protocol},
};

/// What a packet's ends are to be called: addresses of the packet's own family, ports in host order.
///
/// An ICMP query has one identifier where TCP has two ports. It becomes whichever of the two numbers differs
/// from the packet's identifier, the source's before the destination's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rewrite {
    /// Source and destination.
    pub addresses: Addresses,
    /// The source port or identifier; without meaning for protocols that have none.
    pub source_port: u16,
    /// The destination port or identifier; without meaning for protocols that have none.
    pub destination_port: u16,
}

impl Rewrite {
    /// As the packet has it.
    #[inline]
    pub const fn of(packet: &Packet) -> Self {
        Self {
            addresses: packet.addresses,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
        }
    }

    /// The same with the ends swapped.
    #[inline]
    pub const fn reversed(self) -> Self {
        Self {
            addresses: self.addresses.reversed(),
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }

    /// The identifier of an ICMP query that had `old`.
    pub(crate) const fn identifier(&self, old: u16) -> u16 {
        if self.source_port == old { self.destination_port } else { self.source_port }
    }
}

/// Rewrites a whole packet in its frame: the IPv4 header's checksum, those of TCP, UDP, UDP-Lite, SCTP,
/// ICMPv6 and of ICMP queries follow. `packet` is what `parse` read from this frame. Fields that the capture
/// cut off are left out.
///
/// False, and the frame as it was, when the families differ, the packet is a fragment or came in several
/// frames, or the frame is not the one that was parsed.
#[inline]
#[must_use]
pub fn rewrite(frame: &mut [u8], packet: &Packet, to: &Rewrite) -> bool {
    if packet.fragment.is_some() || packet.frames != 1 {
        return false;
    }
    let change = Change::new(packet, to);
    if !change.write_addresses(frame, packet) {
        return false;
    }
    if let Some(segment) = segment_mut(frame, packet) {
        change.write_transport(segment, 0);
    }
    true
}

/// Rewrites one fragment in its frame. `fragment` is what `parse` read from this frame, `whole` the packet
/// that all fragments make as `parse_ip_payload` read it: the transport's fields are rewritten in whichever
/// fragment holds them.
///
/// False, and the frame as it was, when the families differ or the frame is not the one that was parsed.
#[must_use]
pub fn rewrite_fragment(frame: &mut [u8], fragment: &Packet, whole: &Packet, to: &Rewrite) -> bool {
    let change = Change::new(whole, to);
    if !change.write_addresses(frame, fragment) {
        return false;
    }
    if let Some(data) = segment_mut(frame, fragment) {
        change.write_transport(data, transport_in(fragment, whole));
    }
    true
}

/// Where the transport of the packet that was put together begins in a fragment's data; negative when in an
/// earlier fragment.
pub(crate) fn transport_in(fragment: &Packet, whole: &Packet) -> isize {
    let offset = fragment.fragment.map_or(0, |fragment| fragment.offset);
    (usize::from(whole.transport) as isize).wrapping_sub_unsigned(offset)
}

/// From one packet's ends to others.
pub(crate) struct Change<'a> {
    whole: &'a Packet,
    to: &'a Rewrite,
    addresses: Difference,
}

/// Places of checksums in the transport headers.
const TCP_CHECKSUM: usize = 16;
const UDP_CHECKSUM: usize = 6;
const ICMP_CHECKSUM: usize = 2;
const ICMP_IDENTIFIER: usize = 4;
const SCTP_CHECKSUM: usize = 8;
const IPV4_CHECKSUM: usize = 10;

impl<'a> Change<'a> {
    #[inline]
    pub(crate) fn new(whole: &'a Packet, to: &'a Rewrite) -> Self {
        Self { whole, to, addresses: Difference::addresses(whole.addresses, to.addresses) }
    }

    #[inline]
    fn write_addresses(&self, frame: &mut [u8], packet: &Packet) -> bool {
        let network = usize::from(packet.network);
        match (packet.addresses, self.to.addresses) {
            (Addresses::V4 { .. }, Addresses::V4 { source, destination }) => {
                let Some(header) = frame.get_mut(network..).and_then(|rest| rest.first_chunk_mut::<20>())
                else {
                    return false;
                };
                let checksum = u16::from_be_bytes([header[IPV4_CHECKSUM], header[IPV4_CHECKSUM + 1]]);
                let checksum = self.addresses.applied(checksum);
                header[IPV4_CHECKSUM..12].copy_from_slice(&checksum.to_be_bytes());
                header[12..16].copy_from_slice(&source.to_be_bytes());
                header[16..20].copy_from_slice(&destination.to_be_bytes());
                true
            }
            (Addresses::V6 { .. }, Addresses::V6 { source, destination }) => {
                let Some(header) = frame.get_mut(network..).and_then(|rest| rest.first_chunk_mut::<40>())
                else {
                    return false;
                };
                header[8..24].copy_from_slice(&source.to_be_bytes());
                header[24..40].copy_from_slice(&destination.to_be_bytes());
                true
            }
            (Addresses::V4 { .. }, Addresses::V6 { .. }) | (Addresses::V6 { .. }, Addresses::V4 { .. }) => {
                false
            }
        }
    }

    /// Writes into bytes in which the transport begins at `start`, which may lie before them.
    #[inline]
    pub(crate) fn write_transport(&self, segment: &mut [u8], start: isize) {
        match self.whole.protocol {
            protocol::TCP => {
                let difference = self.addresses.and(self.write_ports(segment, start));
                adjust(segment, start, TCP_CHECKSUM, |checksum| difference.applied(checksum));
            }
            protocol::UDP | protocol::UDP_LITE => {
                let difference = self.addresses.and(self.write_ports(segment, start));
                adjust(segment, start, UDP_CHECKSUM, |checksum| difference.applied_to_udp(checksum));
            }
            _ => self.write_other(segment, start),
        }
    }

    /// Keeps what is seldom out of the way of what is not.
    #[inline(never)]
    fn write_other(&self, segment: &mut [u8], start: isize) {
        match self.whole.protocol {
            protocol::ICMP => {
                let difference = self.write_identifier(segment, start);
                adjust(segment, start, ICMP_CHECKSUM, |checksum| difference.applied(checksum));
            }
            protocol::ICMPV6 => {
                let difference = self.addresses.and(self.write_identifier(segment, start));
                adjust(segment, start, ICMP_CHECKSUM, |checksum| difference.applied(checksum));
            }
            protocol::SCTP => {
                self.write_ports(segment, start);
                self.follow_sctp(segment, start);
            }
            _ => {}
        }
    }

    #[inline]
    fn write_ports(&self, segment: &mut [u8], start: isize) -> Difference {
        if let Some(place) = field::<4>(segment, start, 0) {
            *place = joined(self.to.source_port, self.to.destination_port).to_be_bytes();
        }
        Difference::double(
            joined(self.whole.source_port, self.whole.destination_port),
            joined(self.to.source_port, self.to.destination_port),
        )
    }

    fn write_identifier(&self, segment: &mut [u8], start: isize) -> Difference {
        if !icmp::has_identifier(self.whole.icmp.kind, self.whole.protocol) {
            return Difference::NONE;
        }
        let old = self.whole.icmp.identifier;
        let new = self.to.identifier(old);
        if let Some(place) = field::<2>(segment, start, ICMP_IDENTIFIER) {
            *place = new.to_be_bytes();
        }
        Difference::word(old, new)
    }

    /// RFC 9260, appendix A: the check is stored with its low byte first.
    fn follow_sctp(&self, segment: &mut [u8], start: isize) {
        let Some(place) = field::<4>(segment, start, SCTP_CHECKSUM) else {
            return;
        };
        let old = joined(self.whole.source_port, self.whole.destination_port);
        let new = joined(self.to.source_port, self.to.destination_port);
        let header = usize::from(self.whole.payload - self.whole.transport);
        let length = (header + self.whole.payload_length as usize).min(usize::from(u16::MAX));
        let change = crc32c_change(old ^ new, length.saturating_sub(4));
        *place = (u32::from_le_bytes(*place) ^ change).to_le_bytes();
    }
}

/// CRC-32c without its complements: what the change of some bits does to the check.
const CHANGE: Algorithm<u32> = Algorithm { init: 0, xorout: 0, check: 0, residue: 0, ..crc::CRC_32_ISCSI };
const CRC32C_CHANGE: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CHANGE);

fn crc32c_change(bits: u32, behind: usize) -> u32 {
    const ZEROS: [u8; 64] = [0; 64];
    let mut digest = CRC32C_CHANGE.digest();
    digest.update(&bits.to_be_bytes());
    let mut left = behind;
    while let Some(zeros) = ZEROS.get(..left.min(ZEROS.len())).filter(|zeros| !zeros.is_empty()) {
        digest.update(zeros);
        left -= zeros.len();
    }
    digest.finalize()
}

/// The bytes behind the IP header that are at hand.
#[inline]
pub(crate) fn segment_mut<'a>(frame: &'a mut [u8], packet: &Packet) -> Option<&'a mut [u8]> {
    let end = (packet.payload as usize + packet.payload_captured as usize).min(frame.len());
    frame.get_mut(usize::from(packet.transport)..end)
}

/// A field at `at` of the transport that begins at `start` of the bytes.
#[inline]
fn field<const N: usize>(segment: &mut [u8], start: isize, at: usize) -> Option<&mut [u8; N]> {
    segment.get_mut(at.checked_add_signed(start)?..)?.first_chunk_mut()
}

#[inline]
fn adjust(segment: &mut [u8], start: isize, at: usize, new: impl Fn(u16) -> u16) {
    if let Some(place) = field::<2>(segment, start, at) {
        *place = new(u16::from_be_bytes(*place)).to_be_bytes();
    }
}

#[inline]
const fn joined(source_port: u16, destination_port: u16) -> u32 {
    (source_port as u32) << 16 | destination_port as u32
}

#[cfg(test)]
mod tests;
