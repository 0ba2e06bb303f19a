//! What IP headers carry besides addresses: the options of IPv4, the extension headers of IPv6 and theirs.

use crate::{
    Addresses, Packet,
    extensions::{Extension, extensions},
    protocol,
};

/// An option of an IPv4 header (RFC 791, section 3.1), or what is wrong with the rest of the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpOption {
    /// The route that the packet takes is written into it (7).
    RecordRoute,
    /// The hours at which it passes are (68).
    Timestamp,
    /// How secret it is (130; RFC 1108).
    Security,
    /// The route is given as far as it lists gateways (131).
    LooseSourceRoute,
    /// The SATNET stream (136).
    StreamId,
    /// The route is given wholly (137).
    StrictSourceRoute,
    /// One that some standard knows (IANA "IP Option Numbers").
    Other(u8),
    /// One that none does.
    Unknown(u8),
    /// One whose length or pointer is impossible. Nothing behind it can be read.
    Malformed,
}

/// Those of the registry that have no variant.
const REGISTERED: [u8; 22] =
    [10, 11, 12, 15, 25, 30, 82, 94, 133, 134, 142, 144, 145, 147, 148, 149, 150, 151, 152, 158, 205, 222];

/// The options of an IPv4 packet, given the frame that was parsed; nothing for IPv6. No-operation options are
/// left out.
pub fn ipv4_options(frame: &[u8], packet: &Packet) -> impl Iterator<Item = IpOption> {
    const HEADER: usize = 20;
    let area = match packet.addresses {
        Addresses::V4 { .. } => {
            frame.get(usize::from(packet.network) + HEADER..usize::from(packet.transport))
        }
        Addresses::V6 { .. } => None,
    };
    let mut rest = area.unwrap_or_default();
    core::iter::from_fn(move || {
        loop {
            let (kind, length) = match *rest {
                [] | [0, ..] => return None,
                [1, ref after @ ..] => {
                    rest = after;
                    continue;
                }
                [kind, length, ..] => (kind, usize::from(length)),
                [_] => (0, 0),
            };
            let whole = rest.split_at_checked(length).filter(|_| length >= 2);
            let option = whole.map_or(IpOption::Malformed, |(option, _)| read(kind, option));
            rest = match whole {
                Some((_, after)) if option != IpOption::Malformed => after,
                Some(_) | None => &[],
            };
            return Some(option);
        }
    })
}

/// An option with its kind and length, which is right.
fn read(kind: u8, option: &[u8]) -> IpOption {
    let pointer = option.get(2).copied().unwrap_or_default();
    let is_route = option.len() >= 3 && option.len() % 4 == 3 && pointer >= 4 && pointer % 4 == 0;
    // The flag in the fourth byte says whether addresses stand beside the hours.
    let is_timestamp = (4..=40).contains(&option.len()) && option.len().is_multiple_of(4) && pointer >= 5;
    let (read, is_well_formed) = match kind {
        7 => (IpOption::RecordRoute, is_route),
        68 => (IpOption::Timestamp, is_timestamp),
        130 => (IpOption::Security, option.len() >= 3),
        131 => (IpOption::LooseSourceRoute, is_route),
        136 => (IpOption::StreamId, option.len() == 4),
        137 => (IpOption::StrictSourceRoute, is_route),
        // Router alert (RFC 2113).
        148 => (IpOption::Other(kind), option.len() == 4),
        _ if REGISTERED.contains(&kind) => (IpOption::Other(kind), true),
        _ => (IpOption::Unknown(kind), true),
    };
    if is_well_formed { read } else { IpOption::Malformed }
}

/// An extension header of an IPv6 packet (RFC 8200, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6Extension {
    /// Options for every router on the way.
    HopByHop {
        /// Whether the options fill the header and those that are known have the right length.
        is_valid: bool,
    },
    /// Options for the destination.
    DestinationOptions {
        /// The same.
        is_valid: bool,
    },
    /// The stations on the way.
    Routing {
        /// Its type (IANA "IPv6 Routing Types").
        kind: u8,
    },
    /// A part of a packet.
    Fragment {
        /// Whether the part is the whole (RFC 6946).
        is_whole: bool,
        /// Whether the fields that must be zero are.
        is_reserved_zero: bool,
    },
    /// Any other.
    Other(u8),
}

/// The extension headers of an IPv6 packet up to a fragment header, given the frame that was parsed; nothing
/// for IPv4.
pub fn ipv6_extensions(frame: &[u8], packet: &Packet) -> impl Iterator<Item = Ipv6Extension> {
    let network = usize::from(packet.network);
    let end = match packet.addresses {
        Addresses::V4 { .. } => network,
        Addresses::V6 { .. } => usize::from(packet.transport),
    };
    extensions(frame, network, end).map(|Extension { kind, at, length, .. }| {
        let header = frame.get(at..at + length).unwrap_or_default();
        match kind {
            protocol::HOP_BY_HOP => Ipv6Extension::HopByHop { is_valid: has_valid_options(header) },
            protocol::DESTINATION_OPTIONS => {
                Ipv6Extension::DestinationOptions { is_valid: has_valid_options(header) }
            }
            protocol::ROUTING => Ipv6Extension::Routing { kind: header.get(2).copied().unwrap_or_default() },
            protocol::FRAGMENT => {
                let [reserved, high, low] = match header {
                    [_, reserved, high, low, ..] => [*reserved, *high, *low],
                    _ => [0; 3],
                };
                Ipv6Extension::Fragment {
                    is_whole: high == 0 && low & 0xf9 == 0,
                    is_reserved_zero: reserved == 0 && low & 6 == 0,
                }
            }
            _ => Ipv6Extension::Other(kind),
        }
    })
}

/// Whether the options of a header fill it and have lengths that can be (RFC 8200, section 4.2; RFC 2711;
/// RFC 2675).
fn has_valid_options(header: &[u8]) -> bool {
    let Some(mut rest) = header.get(2..) else { return false };
    loop {
        let (kind, length) = match *rest {
            [] => return true,
            [0, ref after @ ..] => {
                rest = after;
                continue;
            }
            [_] => return false,
            [kind, length, ..] => (kind, length),
        };
        let is_possible = match kind {
            5 => length == 2,
            0xc2 => length == 4,
            _ => true,
        };
        match rest.get(2 + usize::from(length)..) {
            Some(after) if is_possible => rest = after,
            Some(_) | None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    use crate::testing::{V4, V6, ip_packet, read_unverified};

    fn options(area: &[u8]) -> Vec<IpOption> {
        let plain = ip_packet(V4, protocol::UDP, &[0, 7, 0, 9, 0, 8, 0, 0]);
        let mut frame = plain[..20].to_vec();
        frame[0] = 0x45 + (area.len() / 4) as u8;
        frame[3] += area.len() as u8;
        frame.extend(area);
        frame.extend(&plain[20..]);
        let packet = read_unverified(&frame);
        ipv4_options(&frame, &packet).collect()
    }

    fn headers(first: u8, chain: &[u8]) -> Vec<Ipv6Extension> {
        let mut frame = ip_packet(V6, protocol::NO_NEXT_HEADER, chain);
        frame[6] = first;
        let packet = read_unverified(&frame);
        ipv6_extensions(&frame, &packet).collect()
    }

    #[test]
    fn options_are_told_by_their_numbers() {
        assert_eq!(options(&[1, 7, 3, 4]), [IpOption::RecordRoute]);
        assert_eq!(options(&[131, 7, 4, 10, 0, 0, 1, 0]), [IpOption::LooseSourceRoute]);
        assert_eq!(options(&[137, 7, 4, 10, 0, 0, 1, 1]), [IpOption::StrictSourceRoute]);
        assert_eq!(options(&[68, 8, 5, 0, 0, 0, 0, 0]), [IpOption::Timestamp]);
        assert_eq!(options(&[136, 4, 0, 9, 148, 4, 0, 0]), [IpOption::StreamId, IpOption::Other(148)]);
        assert_eq!(options(&[130, 3, 0, 0]), [IpOption::Security]);
        assert_eq!(options(&[99, 2, 1, 1]), [IpOption::Unknown(99)]);
        assert_eq!(options(&[1, 1, 0, 7]), [], "nothing counts behind the end");
        assert_eq!(options(&[]), []);
    }

    #[test]
    fn impossible_options_end_the_list() {
        for area in [
            [7, 1, 4, 0],
            [7, 0, 4, 0],
            [7, 5, 4, 0],
            [7, 3, 3, 0],
            [68, 4, 4, 0],
            [136, 3, 0, 0],
            [148, 3, 0, 0],
            [1, 1, 1, 7],
        ] {
            assert_eq!(options(&area), [IpOption::Malformed], "{area:?}");
        }
    }

    #[test]
    fn extension_headers_are_told() {
        let routing = |kind| [59, 0, kind, 0, 0, 0, 0, 0];
        assert_eq!(headers(43, &routing(0)), [Ipv6Extension::Routing { kind: 0 }]);
        assert_eq!(headers(43, &routing(4)), [Ipv6Extension::Routing { kind: 4 }]);
        assert_eq!(headers(0, &[59, 0, 1, 4, 0, 0, 0, 0]), [Ipv6Extension::HopByHop { is_valid: true }]);
        assert_eq!(headers(0, &[59, 0, 1, 5, 0, 0, 0, 0]), [Ipv6Extension::HopByHop { is_valid: false }]);
        assert_eq!(headers(0, &[59, 0, 5, 2, 0, 0, 0, 0]), [Ipv6Extension::HopByHop { is_valid: true }]);
        assert_eq!(headers(0, &[59, 0, 5, 3, 0, 0, 0, 0]), [Ipv6Extension::HopByHop { is_valid: false }]);
        assert_eq!(
            headers(60, &[43, 0, 1, 4, 0, 0, 0, 0, 59, 0, 3, 0, 0, 0, 0, 0]),
            [Ipv6Extension::DestinationOptions { is_valid: true }, Ipv6Extension::Routing { kind: 3 }]
        );
        let atomic = Ipv6Extension::Fragment { is_whole: true, is_reserved_zero: true };
        assert_eq!(headers(44, &[59, 0, 0, 0, 0, 0, 0, 9]), [atomic]);
        let odd = Ipv6Extension::Fragment { is_whole: true, is_reserved_zero: false };
        assert_eq!(headers(44, &[59, 0, 0, 4, 0, 0, 0, 9]), [odd]);
        let part = Ipv6Extension::Fragment { is_whole: false, is_reserved_zero: true };
        assert_eq!(headers(44, &[59, 0, 0, 1, 0, 0, 0, 9]), [part]);
    }

    proptest! {
        #[test]
        fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 20..120), is_v4: bool) {
            bytes[0] = if is_v4 { 0x40 | bytes[0] & 15 } else { 0x60 };
            let info = crate::testing::raw(bytes.len());
            if let Ok(packet) = crate::parse(&bytes, info, crate::Reading::Lenient) {
                prop_assert!(ipv4_options(&bytes, &packet).count() <= 20);
                prop_assert!(ipv6_extensions(&bytes, &packet).count() <= 10);
            }
        }
    }
}
