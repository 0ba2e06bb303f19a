//! IPv6 to IPv4 and back (RFC 7915), with ports changed on the way as stateful translation does (RFC 6146).
//!
//! What is made is a new frame: the link header with the other family's type, then the other IP header, then
//! the transport with its checksum brought after addresses and ports. The hop limit is carried over: whoever
//! forwards the packet counts it down once. A packet that comes out longer than the next link takes is the
//! caller's to fragment or to report: an IPv4 packet without "don't fragment" leaves as IPv6 fragments of at
//! most 1280 bytes (section 4), see [`may_fragment`](crate::may_fragment) and [`fragment`](crate::fragment).

use alloc::vec::Vec;

use crate::{
    Fragment, be16,
    build::{DONT_FRAGMENT, Ipv4Header, MORE_FRAGMENTS, ipv6_header, pseudo_header},
    difference::Difference,
    extensions::extensions,
    internet_checksum, link,
    packet::{Addresses, Packet, protocol},
    rewrite::{Change, Rewrite, transport_in},
};

mod error;

pub use error::translate_error;

/// Why a packet has no equivalent in the other family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untranslatable {
    /// The addresses asked for are of the packet's own family, or are not all of one.
    #[error("the new addresses are not of the other family")]
    SameFamily,
    /// It is a fragment or put together from several frames, and a whole packet in its frame is wanted.
    #[error("a fragment where a whole packet is wanted")]
    Fragment,
    /// The capture kept too little of it.
    #[error("the packet is cut")]
    Cut,
    /// It names the routers to pass: an IPv4 source route, or an IPv6 routing header with segments left.
    #[error("the packet carries a source route")]
    SourceRoute,
    /// This ICMP message exists in one family only.
    #[error("ICMP type {kind} code {code} exists in one family only")]
    Message {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// This protocol number means something else, or nothing, in the other family; or it is ICMP in
    /// fragments.
    #[error("protocol {0} is not translated")]
    Protocol(u8),
    /// UDP without a checksum, of which too little is at hand to make one.
    #[error("a UDP fragment without checksum")]
    NoUdpChecksum,
    /// The result would be longer than an IP packet can be.
    #[error("the result is too long")]
    TooLong,
}

/// Translates a whole packet that is no ICMP error. `to` has the addresses of the other family;
/// `identification` is that of the IPv4 packet if it may be fragmented further on (RFC 7915, section 5.1).
///
/// # Errors
/// The reason for which the packet has no equivalent.
pub fn translate(
    frame: &[u8],
    packet: &Packet,
    to: &Rewrite,
    identification: u16,
) -> Result<Vec<u8>, Untranslatable> {
    if packet.fragment.is_some() || packet.frames != 1 {
        return Err(Untranslatable::Fragment);
    }
    refuse_source_route(frame, packet)?;
    let end = ((u32::from(packet.payload) + packet.payload_captured) as usize).min(frame.len());
    let mut segment = frame.get(usize::from(packet.transport)..end).ok_or(Untranslatable::Cut)?.to_vec();
    translate_segment(&mut segment, packet, to)?;
    let length = u32::from(packet.payload - packet.transport) + packet.payload_length;
    let header = header(frame, packet, to.addresses, length as usize, None, identification)?;
    Ok(assemble(frame, packet, &header, &segment))
}

/// Translates one fragment: `fragment` is what `parse` read from the frame, `whole` the packet that all
/// fragments make as `parse_ip_payload` read it. The fragment header comes and goes with its identification
/// and offset.
///
/// # Errors
/// The reason for which the packet has no equivalent: as for whole packets; ICMP in fragments has none
/// (RFC 7915, sections 4.2 and 5.2).
pub fn translate_fragment(
    frame: &[u8],
    fragment: &Packet,
    whole: &Packet,
    to: &Rewrite,
) -> Result<Vec<u8>, Untranslatable> {
    let place = fragment.fragment.ok_or(Untranslatable::Fragment)?;
    if matches!(whole.protocol, protocol::ICMP | protocol::ICMPV6) {
        return Err(Untranslatable::Protocol(whole.protocol));
    }
    translated_protocol(whole.protocol)?;
    refuse_source_route(frame, fragment)?;
    let mut segment = fragment.transport_of(frame).to_vec();
    let is_v4 = matches!(fragment.addresses, Addresses::V4 { .. });
    if is_v4 && whole.protocol == protocol::UDP && place.offset == 0 && segment.get(6..8) == Some(&[0, 0]) {
        return Err(Untranslatable::NoUdpChecksum);
    }
    if whole.transport != 0 {
        // Extension headers are a part of what the fragments carry and cannot be taken out of it.
        return Err(Untranslatable::Protocol(fragment.protocol));
    }
    Change::new(whole, to).write_transport(&mut segment, transport_in(fragment, whole));
    let as_whole = Packet { protocol: whole.protocol, ..*fragment };
    let header = header(frame, &as_whole, to.addresses, segment.len(), Some(place), 0)?;
    Ok(assemble(frame, fragment, &header, &segment))
}

/// Brings a transport segment, or the start of one, into the other family.
fn translate_segment(segment: &mut [u8], packet: &Packet, to: &Rewrite) -> Result<(), Untranslatable> {
    match packet.protocol {
        protocol::ICMP | protocol::ICMPV6 => return translate_query(segment, packet, to),
        _ => translated_protocol(packet.protocol)?,
    };
    Change::new(packet, to).write_transport(segment, 0);
    let is_udp_to_v6 = packet.protocol == protocol::UDP && matches!(packet.addresses, Addresses::V4 { .. });
    if is_udp_to_v6 && segment.get(6..8) == Some(&[0, 0]) {
        if packet.is_cut() {
            return Err(Untranslatable::NoUdpChecksum);
        }
        // IPv6 wants one (RFC 8200, section 8.1).
        let pseudo = pseudo_header(to.addresses, protocol::UDP, segment.len());
        let checksum = match internet_checksum(&[&pseudo, segment]) {
            0 => 0xffff,
            checksum => checksum,
        };
        if let Some(place) = segment.get_mut(6..8) {
            place.copy_from_slice(&checksum.to_be_bytes());
        }
    }
    Ok(())
}

/// Echo request and reply, the only queries that both families have.
fn translate_query(segment: &mut [u8], packet: &Packet, to: &Rewrite) -> Result<(), Untranslatable> {
    let kind = match (packet.protocol, packet.icmp.kind) {
        (protocol::ICMP, 8) => 128,
        (protocol::ICMP, 0) => 129,
        (protocol::ICMPV6, 128) => 8,
        (protocol::ICMPV6, 129) => 0,
        (_, kind) => return Err(Untranslatable::Message { kind, code: packet.icmp.code }),
    };
    let length = u32::from(packet.payload - packet.transport) + packet.payload_length;
    let pseudo_header_of = |addresses| pseudo_header(addresses, protocol::ICMPV6, length as usize);
    // Only ICMPv6 sums a pseudo-header.
    let pseudo = match packet.addresses {
        Addresses::V4 { .. } => Difference::bytes(&[], &pseudo_header_of(to.addresses)),
        Addresses::V6 { .. } => Difference::bytes(&pseudo_header_of(packet.addresses), &[]),
    };
    let Some(head) = segment.first_chunk_mut::<6>() else {
        return Err(Untranslatable::Cut);
    };
    let before = *head;
    let identifier = to.identifier(packet.icmp.identifier);
    head[0] = kind;
    head[4..].copy_from_slice(&identifier.to_be_bytes());
    let difference = pseudo
        .and(Difference::word(
            u16::from_be_bytes([before[0], before[1]]),
            u16::from_be_bytes([kind, head[1]]),
        ))
        .and(Difference::word(packet.icmp.identifier, identifier));
    let checksum = difference.applied(u16::from_be_bytes([before[2], before[3]]));
    head[2..4].copy_from_slice(&checksum.to_be_bytes());
    Ok(())
}

/// The protocol's number in the other family. The extension headers of IPv6 are no protocols of IPv4, nor
/// the other way; IGMP has no equivalent.
fn translated_protocol(number: u8) -> Result<u8, Untranslatable> {
    const IGMP: u8 = 2;
    match number {
        protocol::ICMP => Ok(protocol::ICMPV6),
        protocol::ICMPV6 => Ok(protocol::ICMP),
        protocol::HOP_BY_HOP
        | IGMP
        | protocol::ROUTING
        | protocol::FRAGMENT
        | protocol::AH
        | protocol::NO_NEXT_HEADER
        | protocol::DESTINATION_OPTIONS
        | protocol::MOBILITY
        | protocol::HIP
        | protocol::SHIM6 => Err(Untranslatable::Protocol(number)),
        other => Ok(other),
    }
}

/// The IP header of the other family for `packet`, whose header lies in `frame` where the packet says, before
/// `length` bytes of transport.
fn header(
    frame: &[u8],
    packet: &Packet,
    to: Addresses,
    length: usize,
    fragment: Option<Fragment>,
    identification: u16,
) -> Result<Vec<u8>, Untranslatable> {
    let head = be16(frame, usize::from(packet.network)).ok_or(Untranslatable::Cut)?;
    let next = match (packet.addresses, packet.protocol) {
        (Addresses::V4 { .. }, protocol::ICMPV6) | (Addresses::V6 { .. }, protocol::ICMP) => {
            return Err(Untranslatable::Protocol(packet.protocol));
        }
        (Addresses::V4 { .. } | Addresses::V6 { .. }, number) => translated_protocol(number)?,
    };
    if length > LONGEST {
        return Err(Untranslatable::TooLong);
    }
    match (packet.addresses, to) {
        (Addresses::V4 { .. }, Addresses::V6 { source, destination }) => {
            let traffic_class = head as u8;
            let (first, extra) = if fragment.is_some() { (protocol::FRAGMENT, 8) } else { (next, 0) };
            let fixed =
                ipv6_header(traffic_class, length + extra, first, packet.hop_limit, source, destination);
            let mut header = fixed.to_vec();
            if let Some(fragment) = fragment {
                let field = fragment.offset as u16 & !7 | u16::from(fragment.more);
                header.extend([next, 0]);
                header.extend(field.to_be_bytes());
                header.extend(fragment.identification.to_be_bytes());
            }
            Ok(header)
        }
        (Addresses::V6 { .. }, Addresses::V4 { source, destination }) => {
            let length = length + 20;
            let (identification, fragment) = match fragment {
                Some(fragment) => {
                    let more = if fragment.more { MORE_FRAGMENTS } else { 0 };
                    (fragment.identification as u16, (fragment.offset / 8) as u16 | more)
                }
                None if length > UNFRAGMENTED_LONGEST => (0, DONT_FRAGMENT),
                None => (identification, 0),
            };
            let header = Ipv4Header {
                traffic_class: (head >> 4) as u8,
                length,
                identification,
                fragment,
                hop_limit: packet.hop_limit,
                protocol: next,
                source,
                destination,
            };
            Ok(header.bytes().to_vec())
        }
        (Addresses::V4 { .. }, Addresses::V4 { .. }) | (Addresses::V6 { .. }, Addresses::V6 { .. }) => {
            Err(Untranslatable::SameFamily)
        }
    }
}

/// What leaves room for any header of either family below 65,536 bytes.
const LONGEST: usize = 65_515;

/// An IPv4 packet of up to this length may be fragmented further on: IPv6 would carry it in its least MTU
/// (RFC 7915, section 5.1).
const UNFRAGMENTED_LONGEST: usize = 1260;

fn assemble(frame: &[u8], packet: &Packet, header: &[u8], data: &[u8]) -> Vec<u8> {
    let network = usize::from(packet.network);
    let mut made = Vec::with_capacity(network + header.len() + data.len());
    made.extend(frame.get(..network).unwrap_or(&[]));
    made.extend(header);
    made.extend(data);
    let old = (u32::from(packet.payload) + packet.payload_length) as usize;
    let is_v6 = matches!(packet.addresses, Addresses::V4 { .. });
    let new = header.len() + data.len();
    if let Some(link) = made.get_mut(..network) {
        link::refit(link, is_v6, old.saturating_sub(network), new);
    }
    made
}

/// RFC 7915, sections 4.1 and 5.1.
fn refuse_source_route(frame: &[u8], packet: &Packet) -> Result<(), Untranslatable> {
    let network = usize::from(packet.network);
    let transport = usize::from(packet.transport);
    let has_route = match packet.addresses {
        Addresses::V4 { .. } => has_unexpired_route(frame.get(network + 20..transport).unwrap_or(&[])),
        Addresses::V6 { .. } => extensions(frame, network, transport).any(|extension| {
            extension.kind == protocol::ROUTING && frame.get(extension.at + 3).is_none_or(|left| *left != 0)
        }),
    };
    if has_route { Err(Untranslatable::SourceRoute) } else { Ok(()) }
}

/// Whether the options hold a loose or strict source route whose pointer is not behind its end (RFC 791,
/// section 3.1).
fn has_unexpired_route(options: &[u8]) -> bool {
    const LOOSE: u8 = 131;
    const STRICT: u8 = 137;
    let mut rest = options;
    loop {
        let length = match *rest {
            [] | [0, ..] | [_] => return false,
            [1, ..] => 1,
            [LOOSE | STRICT, length, pointer, ..] if pointer <= length => return true,
            [_, length, ..] => usize::from(length).max(2),
        };
        rest = rest.get(length..).unwrap_or(&[]);
    }
}

#[cfg(test)]
mod tests;
