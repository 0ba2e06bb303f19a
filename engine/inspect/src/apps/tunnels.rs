//! Tunnels and the addresses they need: WireGuard, OpenVPN, L2TP (RFC 2661), PPTP (RFC 2637), SOCKS (RFC
//! 1928), DTLS (RFC 6347), VXLAN (RFC 7348), Geneve (RFC 8926), Teredo (RFC 4380), GTP (3GPP TS 29.060,
//! 29.274, 29.281), NAT-PMP and PCP (RFC 6886, 6887).

mod dtls;

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, both, datagrams, either, uses_any},
    text::Fit,
};

pub(super) use dtls::PROBE as DTLS;

pub(super) const WIREGUARD: Probe =
    Probe { name: "wireguard", tcp: false, udp: true, probe: wireguard, decoder: None };
pub(super) const OPENVPN: Probe =
    Probe { name: "openvpn", tcp: true, udp: true, probe: openvpn, decoder: None };
pub(super) const L2TP: Probe = Probe { name: "l2tp", tcp: false, udp: true, probe: l2tp, decoder: None };
pub(super) const PPTP: Probe = Probe { name: "pptp", tcp: true, udp: false, probe: pptp, decoder: None };
pub(super) const SOCKS: Probe = Probe { name: "socks", tcp: true, udp: false, probe: socks, decoder: None };
pub(super) const VXLAN: Probe = Probe { name: "vxlan", tcp: false, udp: true, probe: vxlan, decoder: None };
pub(super) const GENEVE: Probe =
    Probe { name: "geneve", tcp: false, udp: true, probe: geneve, decoder: None };
pub(super) const TEREDO: Probe =
    Probe { name: "teredo", tcp: false, udp: true, probe: teredo, decoder: None };
pub(super) const GTP: Probe = Probe { name: "gtp", tcp: false, udp: true, probe: gtp, decoder: None };
pub(super) const NAT_PMP: Probe =
    Probe { name: "nat-pmp", tcp: false, udp: true, probe: nat_pmp, decoder: None };

/// Type, three zeros, and the length that the type has. Data alone must come both ways or twice.
fn wireguard(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |datagram: &[u8]| match datagram {
        [1, 0, 0, 0, ..] => Fit::of(datagram.len() == 148),
        [2, 0, 0, 0, ..] => Fit::of(datagram.len() == 92),
        [3, 0, 0, 0, ..] => Fit::of(datagram.len() == 64),
        [4, 0, 0, 0, ..] if datagram.len() >= 32 && datagram.len().is_multiple_of(16) => Fit::Open,
        _ => Fit::No,
    };
    let mut data = 0;
    for (_, datagram) in evidence.each_datagram() {
        match message(datagram) {
            Fit::Yes => return ProbeAnswer::Certain(app::WIREGUARD),
            Fit::No => return ProbeAnswer::NotMine,
            Fit::Open => data += 1,
        }
    }
    if data >= 3 { ProbeAnswer::Certain(app::WIREGUARD) } else { ProbeAnswer::Unsure }
}

const RESET_CLIENT: [u8; 2] = [0x38, 0x50];
const RESET_SERVER: u8 = 0x40;
const SESSION: usize = 8;

/// The server's first packet names the session that the client's first one opened, or is wrapped like it. Of
/// one direction alone the packets tell that follow the first, or the server's first by its fixed fields.
fn openvpn(evidence: &Evidence<'_>) -> ProbeAnswer {
    let [sent, received] = match evidence.transport {
        Transport::Udp => {
            let first = |wanted: Direction| {
                evidence.each_datagram().find(|(direction, _)| *direction == wanted).map(|(_, bytes)| bytes)
            };
            [first(Direction::ClientToServer), first(Direction::ServerToClient)]
        }
        // Over TCP each packet has its length before it.
        Transport::Tcp => [evidence.sent, evidence.received].map(|bytes| {
            let length = big(bytes, 0, 2)?;
            bytes.get(2..2 + length)
        }),
    };
    let is_first = |packet: &[u8]| {
        packet.first().is_some_and(|opcode| RESET_CLIENT.contains(opcode))
            && (14..=1200).contains(&packet.len())
    };
    match (sent, received) {
        (Some(sent), None) if is_plain_answer(sent) => ProbeAnswer::Certain(app::OPEN_VPN),
        (Some(sent), _) if !is_first(sent) => ProbeAnswer::NotMine,
        (Some(sent), Some(received)) => {
            let session = sent.get(1..1 + SESSION).unwrap_or_default();
            let answers = received.first() == Some(&RESET_SERVER)
                && received
                    .get(1 + SESSION..)
                    .is_some_and(|rest| rest.windows(SESSION).any(|own| own == session));
            let is_wrapped = received.first() == Some(&RESET_SERVER) && are_wrapped(sent, received);
            if answers || is_wrapped { ProbeAnswer::Certain(app::OPEN_VPN) } else { ProbeAnswer::NotMine }
        }
        (Some(sent), None) => {
            let bare = sent.len() == 14 && sent.get(9..) == Some(&[0; 5]);
            let goes_on =
                bare && evidence.each_datagram().nth(1).is_some_and(|(_, next)| follows(sent, next));
            if goes_on || (bare && uses_any(evidence, &[1194])) {
                ProbeAnswer::Certain(app::OPEN_VPN)
            } else if sent.get(1..1 + SESSION) == Some(&[0; SESSION]) {
                ProbeAnswer::NotMine
            } else {
                ProbeAnswer::Unsure
            }
        }
        (None, _) => match evidence.transport {
            Transport::Tcp if evidence.sent.get(2).is_none_or(|opcode| RESET_CLIENT.contains(opcode)) => {
                if evidence.sent.first().is_some_and(|high| *high > 4) {
                    ProbeAnswer::NotMine
                } else {
                    ProbeAnswer::Unsure
                }
            }
            Transport::Tcp | Transport::Udp => ProbeAnswer::NotMine,
        },
    }
}

/// The server's first packet without any wrapping: its session, one acknowledgement, that of packet zero, the
/// client's session, its own packet zero.
fn is_plain_answer(packet: &[u8]) -> bool {
    const PACKET_ZERO: [u8; 4] = [0; 4];
    packet.len() == 26
        && packet.first() == Some(&RESET_SERVER)
        && packet.get(9..14) == Some(&[1, 0, 0, 0, 0])
        && packet.get(22..) == Some(&PACKET_ZERO)
}

/// Whether this is the same session's next packet, control or acknowledgement, which acknowledges packet
/// zero.
fn follows(first: &[u8], next: &[u8]) -> bool {
    matches!(next.first(), Some(0x20 | 0x28))
        && next.get(1..1 + SESSION) == first.get(1..1 + SESSION)
        && next.get(9..14) == Some(&[1, 0, 0, 0, 0])
}

/// Both ends' first packets under `tls-crypt`: behind the session the number one and the time, which the ends
/// agree on within a day.
fn are_wrapped(sent: &[u8], received: &[u8]) -> bool {
    const DAY: usize = 24 * 60 * 60;
    let is_one = |packet: &[u8]| big(packet, 9, 4) == Some(1);
    match (big(sent, 13, 4), big(received, 13, 4)) {
        (Some(one), Some(other)) => is_one(sent) && is_one(received) && one.abs_diff(other) < DAY,
        _ => false,
    }
}

/// Control messages give their length; data counts at home only.
fn l2tp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[1701]);
    datagrams(evidence, app::L2TP, 1, |_, datagram| match datagram {
        [0xc8, 0x02, ..] => datagram.len() >= 12 && big(datagram, 2, 2) == Some(datagram.len()),
        [flags, 0x02, ..] => at_home && flags & 0xb4 == 0,
        [flags, 0x03, ..] => at_home && flags & 0x7f == 0x48,
        _ => false,
    })
}

/// Length, control message, the magic cookie (section 1.4).
fn pptp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let shape = [B::Is(0), B::Any, B::Is(0), B::Is(1), B::Is(0x1a), B::Is(0x2b), B::Is(0x3c), B::Is(0x4d)];
    either(evidence, app::PPTP, |bytes| begins(bytes, &shape), |bytes| begins(bytes, &shape))
}

fn socks(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[1080]);
    let sent = match evidence.sent.first() {
        Some(4) => socks_4(evidence.sent),
        _ => socks_5(evidence.sent),
    };
    let is_4 = evidence.sent.first() == Some(&4);
    both(
        evidence,
        app::SOCKS,
        at_home && evidence.sent.len() >= 3,
        |_| sent,
        |bytes| {
            if is_4 {
                begins(bytes, &[B::Is(0), B::In(0x5a, 0x5d)])
            } else {
                begins(bytes, &[B::Is(5), B::Of(&[0, 1, 2, 0xff])])
            }
        },
    )
}

/// How many methods, then that many.
fn socks_5(bytes: &[u8]) -> Fit {
    begins(bytes, &[B::Is(5), B::In(1, 12)]).and(|| {
        let count = bytes.get(1).copied().map_or(0, usize::from);
        match bytes.get(2..2 + count) {
            Some(methods) => Fit::of(methods.iter().all(|method| *method <= 9 || *method >= 0x80)),
            None => Fit::Open,
        }
    })
}

/// Connect or bind, port, address, a name that ends with zero.
fn socks_4(bytes: &[u8]) -> Fit {
    let shape = [B::Is(4), B::In(1, 2), B::Any, B::Any, B::Any, B::Any, B::Any, B::Any];
    begins(bytes, &shape).and(|| {
        let rest = bytes.get(8..).unwrap_or_default();
        let name = rest.iter().take_while(|byte| **byte != 0).count();
        if rest.iter().take(name).any(|byte| !byte.is_ascii_graphic()) || name > 255 {
            Fit::No
        } else if rest.len() > name {
            Fit::Yes
        } else {
            Fit::Open
        }
    })
}

fn vxlan(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[4789, 8472]) {
        return ProbeAnswer::NotMine;
    }
    // The flag of the identifier; the rest is reserved. Then an Ethernet header.
    let shape = [B::Is(8), B::Is(0), B::Is(0), B::Is(0), B::Any, B::Any, B::Any, B::Is(0)];
    datagrams(evidence, app::VXLAN, 1, |_, datagram| {
        begins(datagram, &shape) == Fit::Yes && datagram.len() >= 22
    })
}

fn geneve(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[6081]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::GENEVE, 1, |_, datagram| {
        begins(datagram, &[B::In(0, 0x3f), B::Of(&[0, 0x40, 0x80]), B::Is(0x65), B::Is(0x58)]) == Fit::Yes
    })
}

const PORT_TEREDO: u16 = 3544;

/// A whole IPv6 packet, perhaps behind an indication of authentication or origin (section 5.1.1).
fn teredo(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[PORT_TEREDO]);
    datagrams(evidence, app::TEREDO, 1, |_, datagram| {
        let mut packet = datagram;
        if let [0, 1, identifier, value, ..] = packet {
            let length = 13 + usize::from(*identifier) + usize::from(*value);
            packet = packet.get(length..).unwrap_or_default();
        }
        if let [0, 0, ..] = packet {
            packet = packet.get(8..).unwrap_or_default();
        }
        let is_whole = packet.first().is_some_and(|first| first >> 4 == 6)
            && big(packet, 4, 2).is_some_and(|length| match packet.get(length + 40..) {
                Some([]) => true,
                Some(rest) => at_home && are_trailers(rest),
                None => false,
            });
        let is_teredo = |place: usize| packet.get(place..place + 4) == Some(&[0x20, 1, 0, 0]);
        is_whole && (at_home || is_teredo(8) || is_teredo(24))
    })
}

/// What may follow the packet: each with its kind and its length (RFC 6081, section 4). Believed at home
/// only.
fn are_trailers(mut rest: &[u8]) -> bool {
    while let [1..=6, length, value @ ..] = rest {
        match value.get(usize::from(*length)..) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Versions 0 and 1 and what is charged count what follows their header, version 2 what follows four bytes.
fn gtp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let user = uses_any(evidence, &[2152]);
    if !user && !uses_any(evidence, &[2123, 3386]) {
        return ProbeAnswer::NotMine;
    }
    let mut answer = ProbeAnswer::Unsure;
    for (_, datagram) in evidence.each_datagram() {
        let (Some(flags), Some(length)) = (datagram.first().copied(), big(datagram, 2, 2)) else {
            return ProbeAnswer::NotMine;
        };
        let is_charged = uses_any(evidence, &[3386]) && flags & 0x10 == 0;
        let (app, header) = match flags >> 5 {
            0..=2 if is_charged => (app::GTP_PRIME, if flags & 1 == 0 && flags >> 5 == 0 { 20 } else { 6 }),
            0 => (app::GTPV0, 20),
            1 if user => (app::GTP_U, 8),
            1 => (app::GTPV1_C, 8),
            2 => (app::GTPV2_C, 4),
            _ => return ProbeAnswer::NotMine,
        };
        // Version 2 may carry a second message behind the first.
        let fits = match header {
            4 => length + header <= datagram.len() && length >= 4,
            _ => length + header == datagram.len(),
        };
        if !fits {
            return ProbeAnswer::NotMine;
        }
        answer = ProbeAnswer::Certain(app);
    }
    answer
}

fn nat_pmp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[5350, 5351]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::NAT_PMP, 1, |_, datagram| match datagram {
        [0, 0] => true,
        [0, 1 | 2, 0, 0, ..] => datagram.len() == 12,
        [0, 128, 0, _, ..] => datagram.len() == 12,
        [0, 129 | 130, 0, _, ..] => datagram.len() == 16,
        [1 | 2, operation, ..] => operation & 0x7f <= 2 && datagram.len() >= 24 && datagram.len() % 4 == 0,
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
    fn wireguard_by_type_and_length() {
        let mut hello = vec![1, 0, 0, 0];
        hello.resize(148, 7);
        assert_datagrams(WIREGUARD, app::WIREGUARD, 40_001, &[&hello]);
        assert_no_datagram(WIREGUARD, 51_820, &hello[..147]);
        let mut data = vec![4, 0, 0, 0];
        data.resize(96, 7);
        assert_no_datagram(WIREGUARD, 51_820, &data);
        assert_datagrams(WIREGUARD, app::WIREGUARD, 40_001, &[&data, &data, &data]);
    }

    #[test]
    fn openvpn_by_the_session_that_is_named() {
        let client = b"\x38abcdefgh\0\0\0\0\0";
        let server = b"\x40ijklmnop\x01\0\0\0\0abcdefgh\0\0\0\0";
        assert_datagrams(OPENVPN, app::OPEN_VPN, 40_001, &[client, server]);
        assert_datagrams(OPENVPN, app::OPEN_VPN, 1194, &[client]);
        assert_no_datagram(OPENVPN, 40_001, client);
        assert_no_datagram(OPENVPN, 1194, b"\x39abcdefgh\0\0\0\0\0");
        let stream = |packet: &[u8]| [&(packet.len() as u16).to_be_bytes()[..], packet].concat();
        assert_recognised(OPENVPN, app::OPEN_VPN, &stream(client), &stream(server));
        assert_never_certain(OPENVPN, &stream(client), &stream(b"\x40ijklmnop\x01\0\0\0\0abcdefgX\0\0\0\0"));
    }

    #[test]
    fn openvpn_of_one_direction_or_wrapped() {
        let server = b"\x40ijklmnop\x01\0\0\0\0abcdefgh\0\0\0\0";
        assert_datagrams(OPENVPN, app::OPEN_VPN, 443, &[server]);
        assert_no_datagram(OPENVPN, 443, b"\x40ijklmnop\x01\0\0\0\x01abcdefgh\0\0\0\0");
        let client = b"\x38abcdefgh\0\0\0\0\0";
        assert!(follows(client, b"\x28abcdefgh\x01\0\0\0\0ijklmnop"));
        assert!(!follows(client, b"\x28abcdefgX\x01\0\0\0\0ijklmnop"));
        let wrapped = |opcode: u8, time: &[u8; 4], length: usize| {
            let mut packet = vec![opcode];
            packet.extend(b"abcdefgh\0\0\0\x01");
            packet.extend(time);
            packet.resize(length, opcode);
            packet
        };
        let (sent, received) = (wrapped(0x38, b"\x63\xcf\0\0", 54), wrapped(0x40, b"\x63\xcf\0\x09", 66));
        assert_datagrams(OPENVPN, app::OPEN_VPN, 443, &[&sent, &received]);
        let stream = |packet: &[u8]| [&(packet.len() as u16).to_be_bytes()[..], packet].concat();
        assert_recognised(OPENVPN, app::OPEN_VPN, &stream(&sent), &stream(&received));
        let late = wrapped(0x40, b"\x64\xcf\0\x09", 66);
        assert_never_certain(OPENVPN, &stream(&sent), &stream(&late));
    }

    #[test]
    fn trailers_of_teredo() {
        assert!(are_trailers(b"\x04\x04\x01\0\0\0\x05\x02\x7a\x96"));
        assert!(!are_trailers(b"1234"));
        assert!(!are_trailers(b"\x04\x04\x01"));
    }

    #[test]
    fn l2tp_and_pptp() {
        let request = b"\xc8\x02\0\x0c\0\0\0\0\0\0\0\0";
        assert_datagrams(L2TP, app::L2TP, 40_001, &[request]);
        assert_no_datagram(L2TP, 40_001, b"\xc8\x02\0\x0d\0\0\0\0\0\0\0\0");
        assert_no_datagram(L2TP, 40_001, b"\x40\x02\0\x0d");
        let start = b"\0\x9c\0\x01\x1a\x2b\x3c\x4d\0\x01\0\0";
        assert_recognised(PPTP, app::PPTP, start, b"");
        assert_recognised(PPTP, app::PPTP, b"", start);
        assert_never_certain(PPTP, b"\0\x9c\0\x01\x1a\x2b\x3c\x4e", b"");
    }

    #[test]
    fn socks_greetings() {
        assert_recognised(SOCKS, app::SOCKS, b"\x05\x02\0\x02", b"\x05\x02");
        assert_recognised_at(SOCKS, app::SOCKS, 1080, b"\x05\x01\0", b"");
        let connect = b"\x04\x01\0\x50\xc0\0\x02\x01user\0";
        assert_recognised(SOCKS, app::SOCKS, connect, b"\0\x5a\0\0\0\0\0\0");
        assert_recognised_at(SOCKS, app::SOCKS, 1080, connect, b"");
        assert_never_certain(SOCKS, connect, b"");
        assert_never_certain(SOCKS, b"\x05\x02\0\x02", b"");
        assert_never_certain(SOCKS, b"\x05\x02\0\x10", b"\x05\x02");
        assert_never_certain(SOCKS, b"\x05\x02\0\x02", b"\x05\x03");
    }

    #[test]
    fn encapsulations_at_their_ports() {
        let mut frame = vec![8, 0, 0, 0, 0, 0, 42, 0];
        frame.resize(60, 2);
        assert_datagrams(VXLAN, app::VXLAN, 4789, &[&frame]);
        assert_no_datagram(VXLAN, 40_001, &frame);
        frame[7] = 1;
        assert_no_datagram(VXLAN, 4789, &frame);
        assert_datagrams(GENEVE, app::GENEVE, 6081, &[b"\0\0\x65\x58\0\0\x0a\0abc"]);
        assert_no_datagram(GENEVE, 6081, b"\0\0\x65\x59\0\0\x0a\0abc");
        let mut packet = vec![0x60, 0, 0, 0, 0, 4, 59, 21];
        packet.extend([0x20, 1, 0, 0]);
        packet.resize(44, 9);
        assert_datagrams(TEREDO, app::TEREDO, 40_001, &[&packet]);
        let indicated =
            [&[0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 9, 9, 9, 9, 9, 9][..], &packet].concat();
        assert_datagrams(TEREDO, app::TEREDO, PORT_TEREDO, &[&indicated]);
        assert_no_datagram(TEREDO, PORT_TEREDO, &packet[..43]);
    }

    #[test]
    fn gtp_versions() {
        let version_1 = |kind: u8| [&[0x30, kind, 0, 4, 0, 0, 0, 1][..], b"data"].concat();
        assert_datagrams(GTP, app::GTP_U, 2152, &[&version_1(255)]);
        assert_datagrams(GTP, app::GTPV1_C, 2123, &[&version_1(16)]);
        assert_datagrams(GTP, app::GTPV2_C, 2123, &[b"\x48\x20\0\x08\0\0\0\x01\0\0\x07\0"]);
        assert_datagrams(GTP, app::GTP_PRIME, 3386, &[b"\x2e\xf0\0\x02\0\x04\x7e\x01"]);
        assert_no_datagram(GTP, 40_001, &version_1(255));
        assert_no_datagram(GTP, 2152, &version_1(255)[..11]);
    }

    #[test]
    fn ports_are_mapped() {
        assert_datagrams(NAT_PMP, app::NAT_PMP, 5351, &[&[0, 0], &[0, 128, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1]]);
        let mut map = Vec::from([2, 1]);
        map.resize(60, 0);
        assert_datagrams(NAT_PMP, app::NAT_PMP, 5351, &[&map]);
        assert_no_datagram(NAT_PMP, 5351, &[0, 3]);
        assert_no_datagram(NAT_PMP, 40_001, &[0, 0]);
    }
}
