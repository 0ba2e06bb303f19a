//! The IP headers: where the transport begins, and whether the packet is a fragment.

use bifrons_model::DropReason;

use crate::{
    Reading, be16, be32,
    packet::{Addresses, Fragment, protocol},
};

/// What the IP header and its extensions say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IpHeader {
    pub addresses: Addresses,
    /// The transport protocol.
    pub protocol: u8,
    /// Where the transport header begins in the frame.
    pub transport: usize,
    /// Bytes from there to the end of the IP packet, as its header claims them.
    pub transport_length: usize,
    pub hop_limit: u8,
    pub fragment: Option<Fragment>,
}

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Extension headers before the transport; a longer chain is refused.
const EXTENSIONS_MAX: usize = 10;

/// RFC 791, section 3.1. `wire_end` is where the frame ended on the wire.
#[inline(always)]
pub(crate) fn v4(frame: &[u8], at: usize, wire_end: usize, reading: Reading) -> Result<IpHeader, DropReason> {
    let header: &[u8; IPV4_HEADER] =
        frame.get(at..).and_then(|rest| rest.first_chunk()).ok_or(DropReason::TruncatedHeader)?;
    if header[0] >> 4 != 4 {
        return Err(DropReason::BadIpVersion);
    }
    let header_length = usize::from(header[0] & 0x0f) * 4;
    if header_length < IPV4_HEADER {
        return Err(DropReason::BadIpHeaderLength);
    }
    let available = wire_end - at;
    let mut total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if total == 0 && reading == Reading::Lenient {
        // Segmentation offload leaves the length to the hardware.
        total = available;
    }
    if total < header_length || (total > available && reading == Reading::Strict) {
        return Err(DropReason::BadIpTotalLength);
    }
    let fragment_field = u16::from_be_bytes([header[6], header[7]]);
    let fragment = (fragment_field & 0x3fff != 0).then(|| Fragment {
        identification: u32::from(u16::from_be_bytes([header[4], header[5]])),
        offset: usize::from(fragment_field & 0x1fff) * 8,
        more: fragment_field & 0x2000 != 0,
    });
    Ok(IpHeader {
        addresses: Addresses::V4 {
            source: u32::from_be_bytes([header[12], header[13], header[14], header[15]]),
            destination: u32::from_be_bytes([header[16], header[17], header[18], header[19]]),
        },
        protocol: header[9],
        transport: at + header_length,
        transport_length: total - header_length,
        hop_limit: header[8],
        fragment,
    })
}

/// RFC 8200, sections 3 and 4.
pub(crate) fn v6(frame: &[u8], at: usize, wire_end: usize, reading: Reading) -> Result<IpHeader, DropReason> {
    let header: &[u8; IPV6_HEADER] =
        frame.get(at..).and_then(|rest| rest.first_chunk()).ok_or(DropReason::TruncatedHeader)?;
    if header[0] >> 4 != 6 {
        return Err(DropReason::BadIpVersion);
    }
    let available = wire_end.saturating_sub(at + IPV6_HEADER);
    let mut length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if length == 0 && reading == Reading::Lenient {
        length = available;
    }
    if length > available && reading == Reading::Strict {
        return Err(DropReason::BadIpTotalLength);
    }
    let mut found = IpHeader {
        addresses: Addresses::V6 { source: be128(header, 8), destination: be128(header, 24) },
        protocol: header[6],
        transport: at + IPV6_HEADER,
        transport_length: length,
        hop_limit: header[7],
        fragment: None,
    };
    for _ in 0..EXTENSIONS_MAX {
        if !skip_extension(frame, &mut found)? {
            return Ok(found);
        }
    }
    Err(DropReason::BadIpv6Extension)
}

/// Steps over one extension header; false when `protocol` is not one, or when a fragment's data follows.
fn skip_extension(frame: &[u8], found: &mut IpHeader) -> Result<bool, DropReason> {
    let at = found.transport;
    let length = match found.protocol {
        protocol::HOP_BY_HOP
        | protocol::ROUTING
        | protocol::DESTINATION_OPTIONS
        | protocol::MOBILITY
        | protocol::HIP
        | protocol::SHIM6 => {
            let units = *frame.get(at + 1).ok_or(DropReason::TruncatedHeader)?;
            (usize::from(units) + 1) * 8
        }
        protocol::FRAGMENT => {
            let field = be16(frame, at + 2).ok_or(DropReason::TruncatedHeader)?;
            let identification = be32(frame, at + 4).ok_or(DropReason::TruncatedHeader)?;
            let fragment =
                Fragment { identification, offset: usize::from(field & 0xfff8), more: field & 1 != 0 };
            // An atomic fragment is a whole packet (RFC 6946).
            if fragment.offset != 0 || fragment.more {
                found.fragment = Some(fragment);
            }
            8
        }
        _ => return Ok(false),
    };
    let is_fragment = found.protocol == protocol::FRAGMENT && found.fragment.is_some();
    if found.transport_length < length {
        return Err(DropReason::BadIpv6Extension);
    }
    found.protocol = *frame.get(at).ok_or(DropReason::TruncatedHeader)?;
    found.transport += length;
    found.transport_length -= length;
    // What lies behind it is a part of something: it is read when that is whole.
    Ok(!is_fragment)
}

/// The transport's protocol and place in `data`, which was put together from the fragments of an IPv6 packet
/// and begins with a header of type `protocol`: extension headers may come first (RFC 8200, section 4.5).
pub(crate) fn behind_extensions(
    data: &[u8],
    addresses: Addresses,
    protocol: u8,
) -> Result<(u8, usize), DropReason> {
    let mut found = IpHeader {
        addresses,
        protocol,
        transport: 0,
        transport_length: data.len(),
        hop_limit: 0,
        fragment: None,
    };
    for _ in 0..EXTENSIONS_MAX {
        let is_more = skip_extension(data, &mut found)?;
        if found.fragment.is_some() {
            break;
        }
        if !is_more {
            return Ok((found.protocol, found.transport));
        }
    }
    Err(DropReason::BadIpv6Extension)
}

fn be128(header: &[u8; IPV6_HEADER], at: usize) -> u128 {
    header[at..].first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}
