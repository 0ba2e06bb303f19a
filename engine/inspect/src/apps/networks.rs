//! What routers, switches and servers of access speak among themselves: BGP (RFC 4271), LDP (RFC 5036), RIP
//! (RFC 2453) and RIPng (RFC 2080), HSRP (RFC 2281), BFD (RFC 5880), RADIUS (RFC 2865), TACACS+ (RFC 8907),
//! Diameter (RFC 6733), PTP (IEEE 1588), CAPWAP (RFC 5415), WCCP.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, datagrams, either, uses_any},
    text::Fit,
};

pub(super) const BGP: Probe = Probe { name: "bgp", tcp: true, udp: false, probe: bgp, decoder: None };
pub(super) const LDP: Probe = Probe { name: "ldp", tcp: true, udp: true, probe: ldp, decoder: None };
pub(super) const RADIUS: Probe = Probe { name: "radius", tcp: true, udp: true, probe: radius, decoder: None };
pub(super) const TACACS: Probe =
    Probe { name: "tacacs", tcp: true, udp: false, probe: tacacs, decoder: None };
pub(super) const DIAMETER: Probe =
    Probe { name: "diameter", tcp: true, udp: false, probe: diameter, decoder: None };
pub(super) const NEIGHBOURS: Probe =
    Probe { name: "neighbors", tcp: false, udp: true, probe: neighbors, decoder: None };

fn bgp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        begins(bytes, &[B::Is(0xff); 16]).and(|| {
            let rest = bytes.get(16..).unwrap_or_default();
            begins(rest, &[B::In(0, 16), B::Any, B::In(1, 5)])
                .and(|| Fit::of((19..=4096).contains(&big(rest, 0, 2).unwrap_or_default())))
        })
    };
    either(evidence, app::BGP, message, message)
}

/// Version, length, identifier; then a message of a known type.
fn ldp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[646]) {
        return ProbeAnswer::NotMine;
    }
    let unit = |bytes: &[u8]| {
        let shape = [
            B::Is(0),
            B::Is(1),
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::Any,
            B::In(0, 4),
            B::Any,
        ];
        begins(bytes, &shape)
            .and(|| Fit::of(big(bytes, 2, 2).is_some_and(|length| (14..=4096).contains(&length))))
    };
    match evidence.transport {
        Transport::Tcp => either(evidence, app::LDP, unit, unit),
        Transport::Udp => datagrams(evidence, app::LDP, 1, |_, datagram| {
            unit(datagram) == Fit::Yes && big(datagram, 2, 2).map(|length| length + 4) == Some(datagram.len())
        }),
    }
}

/// RIP, HSRP, BFD, PTP, CAPWAP and WCCP: each counts on its own ports only.
fn neighbors(evidence: &Evidence<'_>) -> ProbeAnswer {
    let each: [fn(&Evidence<'_>) -> ProbeAnswer; 6] = [rip, hsrp, bfd, ptp, capwap, wccp];
    let mut answers = each.into_iter().map(|probe| probe(evidence));
    answers.find(|answer| *answer != ProbeAnswer::NotMine).unwrap_or(ProbeAnswer::NotMine)
}

/// Command, version, zeros, entries of twenty bytes.
fn rip(evidence: &Evidence<'_>) -> ProbeAnswer {
    let entries = |datagram: &[u8]| datagram.len() >= 24 && (datagram.len() - 4).is_multiple_of(20);
    if uses_any(evidence, &[520]) {
        let shape = [B::In(1, 2), B::In(1, 2), B::Is(0), B::Is(0)];
        datagrams(evidence, app::RIP, 1, |_, datagram| {
            begins(datagram, &shape) == Fit::Yes && entries(datagram)
        })
    } else if uses_any(evidence, &[521]) {
        let shape = [B::In(1, 2), B::Is(1), B::Is(0), B::Is(0)];
        datagrams(evidence, app::RIPNG, 1, |_, datagram| {
            begins(datagram, &shape) == Fit::Yes && entries(datagram)
        })
    } else {
        ProbeAnswer::NotMine
    }
}

fn hsrp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[1985, 2029]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::HSRP, 1, |_, datagram| match datagram {
        [0, 0..=2, 0 | 1 | 2 | 4 | 8 | 16, ..] => datagram.len() >= 20,
        [0, 3, 0, 1, ..] => datagram.len() >= 14,
        // Version 2: a group's state, 40 bytes.
        [1, 40, 2, ..] => datagram.len() >= 42,
        _ => false,
    })
}

/// Version 1, a multiplier, its own length.
fn bfd(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[3784, 4784, 6784, 7784]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::BFD, 1, |_, datagram| match datagram {
        [first, _, multiplier, length, ..] => {
            first >> 5 <= 1 && *multiplier > 0 && usize::from(*length) == datagram.len() && *length >= 24
        }
        _ => false,
    })
}

/// A code in use, the length, attributes that fill it exactly.
fn radius(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[1812, 1813, 1645, 1646, 3799, 2083]);
    match evidence.transport {
        // Some servers send attributes that do not keep to the rules: at home the header is enough.
        Transport::Udp => datagrams(evidence, app::RADIUS, 1, |_, datagram| {
            let is_sound = radius_packet(datagram) && datagram.len() > 26;
            let has_header = radius_code(datagram) && (20..=4096).contains(&datagram.len());
            big(datagram, 2, 2) == Some(datagram.len()) && (is_sound || (at_home && has_header))
        }),
        Transport::Tcp if at_home => {
            let packet = |bytes: &[u8]| {
                begins(bytes, &[B::In(1, 13), B::Any, B::In(0, 16), B::Any]).and(|| {
                    match big(bytes, 2, 2).and_then(|length| bytes.get(..length)) {
                        Some(packet) => Fit::of(radius_packet(packet)),
                        None => Fit::Open,
                    }
                })
            };
            either(evidence, app::RADIUS, packet, packet)
        }
        Transport::Tcp => ProbeAnswer::NotMine,
    }
}

const fn radius_code(packet: &[u8]) -> bool {
    matches!(packet.first(), Some(1..=5 | 11..=13 | 40..=45))
}

fn radius_packet(packet: &[u8]) -> bool {
    let attributes = packet.get(20..).filter(|_| radius_code(packet) && packet.len() <= 4096);
    let Some(mut attributes) = attributes else {
        return false;
    };
    while let [kind, length, ..] = attributes {
        match attributes.get(usize::from(*length)..) {
            Some(rest) if *kind > 0 && *length >= 2 => attributes = rest,
            _ => return false,
        }
    }
    attributes.is_empty()
}

/// Version, type, sequence, flags, session, length.
fn tacacs(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[49]);
    let packet = |parity: u8| {
        move |bytes: &[u8]| {
            let shape = [
                B::In(0xc0, 0xc1),
                B::In(1, 3),
                B::Any,
                B::Of(&[0, 1, 4, 5]),
                B::Any,
                B::Any,
                B::Any,
                B::Any,
                B::Is(0),
                B::Is(0),
                B::Any,
                B::Any,
            ];
            begins(bytes, &shape).and(|| {
                // The client's packets have odd numbers.
                let number_fits = bytes.get(2).is_some_and(|number| number & 1 == parity);
                let all = big(bytes, 10, 2).map(|length| length + 12);
                match all {
                    _ if !number_fits => Fit::No,
                    Some(all) if at_home || bytes.len() == all => Fit::Yes,
                    Some(all) if bytes.len() < all => Fit::Open,
                    _ => Fit::No,
                }
            })
        }
    };
    either(evidence, app::TACACS_PLUS, packet(1), packet(0))
}

/// Version, length, flags, a command in use.
fn diameter(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        let shape =
            [B::Is(1), B::Is(0), B::Any, B::Any, B::Of(&[0, 0x40, 0x80, 0x90, 0xc0, 0xd0, 0x20, 0x60])];
        begins(bytes, &shape).and(|| match (big(bytes, 1, 3), big(bytes, 5, 3)) {
            (Some(length), Some(command)) => {
                let known = matches!(command, 257..=303 | 306 | 316..=335 | 8_388_608..=8_388_750);
                Fit::of(known && length >= 20 && length % 4 == 0)
            }
            _ => Fit::Open,
        })
    };
    either(evidence, app::DIAMETER_BASE, message, message)
}

/// Version 2 and its length, or version 1's fixed beginning.
fn ptp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[319, 320]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::PTP, 1, |_, datagram| match datagram {
        [kind, 0x02 | 0x12, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            matches!(kind & 0xf, 0..=3 | 8..=13) && length >= 34 && length <= datagram.len()
        }
        [0, 1, 0, 1, ..] => datagram.len() >= 124,
        _ => false,
    })
}

/// A preamble: of version 0 in the clear, with its header's length; or DTLS behind it.
fn capwap(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[5246, 5247]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::CAPWAP, 1, |_, datagram| match datagram {
        [1, 0, 0, 0, 20..=23, 0xfe, 0xff | 0xfd, ..] => true,
        [0, length, ..] => length >> 3 >= 2 && usize::from(length >> 3) * 4 <= datagram.len(),
        _ => false,
    })
}

fn wccp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[2048]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::WCCP, 1, |_, datagram| match big(datagram, 0, 4) {
        Some(7..=9) => datagram.len() >= 8,
        Some(10..=13) => big(datagram, 6, 2).map(|length| length + 8) == Some(datagram.len()),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn bgp_messages() {
        let keepalive = [&[0xff; 16][..], &[0, 19, 4]].concat();
        assert_recognised(BGP, app::BGP, &keepalive, b"");
        assert_recognised(BGP, app::BGP, b"", &keepalive);
        assert_never_certain(BGP, &[&[0xff; 16][..], &[0, 18, 4]].concat(), b"");
        assert_never_certain(BGP, &[&[0xff; 16][..], &[0, 19, 6]].concat(), b"");
    }

    #[test]
    fn neighbors_at_their_ports() {
        let hello = b"\0\x01\0\x0e\x0a\0\0\x01\0\0\x01\0\0\x04\0\0\0\0";
        assert_datagrams(LDP, app::LDP, 646, &[hello]);
        assert_recognised_at(LDP, app::LDP, 646, hello, b"");
        assert_no_datagram(LDP, 40_001, hello);
        let rip = [&[1, 1, 0, 0][..], &[0; 20]].concat();
        assert_datagrams(NEIGHBOURS, app::RIP, 520, &[&rip]);
        assert_datagrams(NEIGHBOURS, app::RIPNG, 521, &[&rip]);
        assert_no_datagram(NEIGHBOURS, 520, &rip[..23]);
        let hsrp = b"\0\0\x10\x03\x0a\x78\x01\0cisco\0\0\0\xc0\0\x02\x01";
        assert_datagrams(NEIGHBOURS, app::HSRP, 1985, &[hsrp]);
        assert_no_datagram(NEIGHBOURS, 1985, &hsrp[..19]);
        let mut bfd = vec![0x20, 0x40, 3, 24];
        bfd.resize(24, 1);
        assert_datagrams(NEIGHBOURS, app::BFD, 3784, &[&bfd]);
        assert_no_datagram(NEIGHBOURS, 3784, &bfd[..23]);
        assert_no_datagram(NEIGHBOURS, 40_001, &bfd);
    }

    #[test]
    fn radius_by_its_attributes() {
        let mut request = Vec::from([1, 7, 0, 28]);
        request.extend([9; 16]);
        request.extend(b"\x01\x08user-x");
        assert_datagrams(RADIUS, app::RADIUS, 40_001, &[&request]);
        assert_recognised_at(RADIUS, app::RADIUS, 1812, &request, b"");
        request[21] = 7;
        assert_no_datagram(RADIUS, 40_001, &request);
        assert_datagrams(RADIUS, app::RADIUS, 1812, &[&request]);
        assert_no_datagram(RADIUS, 1812, &request[..27]);
        let bare = [&[5, 7, 0, 20][..], &[9; 16]].concat();
        assert_datagrams(RADIUS, app::RADIUS, 1813, &[&bare]);
        assert_no_datagram(RADIUS, 40_001, &bare);
    }

    #[test]
    fn tacacs_and_diameter() {
        let start = b"\xc0\x01\x01\0abcd\0\0\0\x02xy";
        assert_recognised_at(TACACS, app::TACACS_PLUS, 49, start, b"");
        assert_recognised(TACACS, app::TACACS_PLUS, start, b"");
        assert_never_certain(TACACS, b"\xc0\x01\x02\0abcd\0\0\0\x02xy", b"");
        let capabilities = b"\x01\0\0\x14\x80\0\x01\x01\0\0\0\0abcdefgh";
        assert_recognised(DIAMETER, app::DIAMETER_BASE, capabilities, b"");
        assert_never_certain(DIAMETER, b"\x01\0\0\x15\x80\0\x01\x01\0\0\0\0", b"");
        assert_never_certain(DIAMETER, b"\x01\0\0\x14\x80\0\0\x01\0\0\0\0", b"");
    }

    #[test]
    fn clocks_and_access_points() {
        let mut sync = Vec::from([0, 2, 0, 44]);
        sync.resize(44, 0);
        assert_datagrams(NEIGHBOURS, app::PTP, 319, &[&sync]);
        assert_no_datagram(NEIGHBOURS, 319, &sync[..40]);
        assert_no_datagram(NEIGHBOURS, 40_001, &sync);
        assert_datagrams(NEIGHBOURS, app::CAPWAP, 5246, &[b"\x01\0\0\0\x16\xfe\xff\0"]);
        assert_datagrams(NEIGHBOURS, app::CAPWAP, 5246, &[b"\0\x10\x02\0\0\0\0\0"]);
        assert_no_datagram(NEIGHBOURS, 5246, b"\0\x08\x02\0");
        assert_datagrams(NEIGHBOURS, app::WCCP, 2048, &[b"\0\0\0\x0a\x02\0\0\x02ab"]);
        assert_no_datagram(NEIGHBOURS, 2048, b"\0\0\0\x0a\x02\0\0\x03ab");
    }
}
