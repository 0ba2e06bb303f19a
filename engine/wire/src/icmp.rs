//! ICMP: which messages are echoes, which report an error, and on which packet they report.

use crate::{
    be16, be32,
    ip::{self, IpHeader},
    packet::{Addresses, Icmp, Reading, protocol},
};

/// The packet that an ICMP error quotes: the flow it reports on, as the packet's sender addressed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The quoted packet's addresses.
    pub addresses: Addresses,
    /// The quoted packet's protocol.
    pub protocol: u8,
    /// Its source port, or echo identifier.
    pub source_port: u16,
    /// Its destination port, or echo identifier.
    pub destination_port: u16,
}

/// Reads an ICMPv4 (RFC 792) or ICMPv6 (RFC 4443) header at `at`; `None` where fewer than four bytes are
/// there.
pub(crate) fn read(frame: &[u8], at: usize, protocol_number: u8) -> Option<Icmp> {
    let kind = *frame.get(at)?;
    let code = *frame.get(at + 1)?;
    let is_v6 = protocol_number == protocol::ICMPV6;
    let is_echo = if is_v6 { matches!(kind, 128 | 129) } else { matches!(kind, 0 | 8) };
    let is_error = if is_v6 { matches!(kind, 1..=4 | 137) } else { matches!(kind, 3 | 4 | 5 | 11 | 12) };
    Some(Icmp {
        kind,
        code,
        is_echo,
        identifier: if has_identifier(kind, protocol_number) { be16(frame, at + 4).unwrap_or(0) } else { 0 },
        is_error,
    })
}

/// Whether the message carries an identifier: echoes and, in ICMPv4, timestamp, information and address
/// mask messages.
pub(crate) const fn has_identifier(kind: u8, protocol_number: u8) -> bool {
    match protocol_number {
        protocol::ICMPV6 => matches!(kind, 128 | 129),
        _ => matches!(kind, 0 | 8 | 13..=18),
    }
}

/// The packet quoted behind an ICMP error header at `at`; `None` where too little of it is there.
pub(crate) fn embedded(frame: &[u8], at: usize, kind: u8, protocol_number: u8) -> Option<Embedded> {
    let (_, header) = quoted(frame, at, kind, protocol_number)?;
    if header.fragment.is_some_and(|fragment| fragment.offset != 0) {
        return None;
    }
    let (source_port, destination_port) = match header.protocol {
        protocol::TCP | protocol::UDP | protocol::SCTP | protocol::UDP_LITE => {
            let ports = be32(frame, header.transport)?;
            ((ports >> 16) as u16, ports as u16)
        }
        protocol::ICMP | protocol::ICMPV6 => {
            let quoted = read(frame, header.transport, header.protocol)?;
            (quoted.identifier, quoted.identifier)
        }
        _ => (0, 0),
    };
    Some(Embedded { addresses: header.addresses, protocol: header.protocol, source_port, destination_port })
}

/// Where the packet begins that is quoted behind an ICMP error header at `at`, and its IP header.
pub(crate) fn quoted(frame: &[u8], at: usize, kind: u8, protocol_number: u8) -> Option<(usize, IpHeader)> {
    let is_v6 = protocol_number == protocol::ICMPV6;
    // An ICMPv6 redirect names two addresses, then options; the quoted packet is in option 4 (RFC 4861,
    // section 4.6.3).
    quoted_at(frame, if is_v6 && kind == 137 { redirected(frame, at + 40)? } else { at + 8 })
}

/// As [`quoted`], where the packet's place is known.
pub(crate) fn quoted_at(frame: &[u8], inner: usize) -> Option<(usize, IpHeader)> {
    // The quoted packet is usually cut, so its own length says nothing about the frame.
    let header = match frame.get(inner)? >> 4 {
        4 => ip::v4(frame, inner, usize::MAX / 2, Reading::Lenient).ok()?,
        6 => ip::v6(frame, inner, usize::MAX / 2, Reading::Lenient).ok()?,
        _ => return None,
    };
    Some((inner, header))
}

fn redirected(frame: &[u8], options: usize) -> Option<usize> {
    let mut at = options;
    for _ in 0..8 {
        let kind = *frame.get(at)?;
        let length = usize::from(*frame.get(at + 1)?) * 8;
        match (kind, length) {
            (4, _) => return Some(at + 8),
            (_, 0) => return None,
            (_, length) => at += length,
        }
    }
    None
}
