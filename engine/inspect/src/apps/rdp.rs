//! Remote Desktop: the X.224 connection of [MS-RDPBCGR] sections 2.2.1.1 and 2.2.1.2 in TPKT (RFC 2126),
//! and the first datagram of [MS-RDPEUDP]. TPKT and X.224 alone are shared with H.323, S7 and MMS, so the
//! cookie, the negotiation or, with an otherwise empty connection request, the port must say that it is
//! Remote Desktop.

use bifrons_catalog::app;

use super::text::{Fit, starts_with};
use crate::{Evidence, Probe, ProbeAnswer, Transport};

pub(super) const PROBE: Probe = Probe { name: "rdp", tcp: true, udp: true, probe, decoder: None };

const PORT: u16 = 3389;
const CONNECTION_REQUEST: u8 = 0xe0;
const CONNECTION_CONFIRM: u8 = 0xd0;
/// TPKT's header and the fixed part of X.224.
const FIXED: usize = 11;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Tcp => evidence.judge(|side| connection(side, evidence.uses_port(PORT))),
        Transport::Udp => match evidence.each_datagram().next() {
            Some((_, datagram)) if is_udp_opening(datagram) => ProbeAnswer::Certain(app::MS_RDP),
            Some(_) => ProbeAnswer::NotMine,
            None => ProbeAnswer::Unsure,
        },
    }
}

fn connection(bytes: &[u8], on_port: bool) -> ProbeAnswer {
    let fits = |place: usize, value: u8| bytes.get(place).is_none_or(|byte| *byte == value);
    let kind = bytes.get(5).map(|kind| kind & 0xf0);
    if !fits(0, 3)
        || !fits(1, 0)
        || kind.is_some_and(|kind| !matches!(kind, CONNECTION_REQUEST | CONNECTION_CONFIRM))
    {
        return ProbeAnswer::NotMine;
    }
    let Some(([_, _, high, low, indicator, kind, to_high, to_low, _, _, class], rest)) =
        bytes.split_first_chunk::<FIXED>()
    else {
        return ProbeAnswer::Unsure;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let is_request = kind & 0xf0 == CONNECTION_REQUEST;
    // The length indicator counts what follows it; a request goes to reference 0 and asks for class 0.
    if length != usize::from(*indicator) + 5 || (is_request && (*to_high, *to_low) != (0, 0)) || *class != 0 {
        return ProbeAnswer::NotMine;
    }
    let end_of_class = length.checked_sub(FIXED);
    match (end_of_class, is_request) {
        (None, _) => ProbeAnswer::NotMine,
        (Some(0), _) => {
            if on_port {
                ProbeAnswer::Certain(app::MS_RDP)
            } else {
                ProbeAnswer::NotMine
            }
        }
        (Some(_), true) => request(rest),
        (Some(_), false) => negotiation(rest, &[2, 3]),
    }
}

/// A routing token or cookie, or the negotiation.
fn request(rest: &[u8]) -> ProbeAnswer {
    let cookie =
        [&b"Cookie: mstshash="[..], b"Cookie: msts=", b"tsv://"].map(|cookie| starts_with(rest, cookie));
    if cookie.contains(&Fit::Yes) {
        ProbeAnswer::Certain(app::MS_RDP)
    } else if cookie.contains(&Fit::Open) {
        ProbeAnswer::Unsure
    } else {
        negotiation(rest, &[1])
    }
}

/// RDP_NEG_REQ, RDP_NEG_RSP or RDP_NEG_FAILURE: type, flags, length 8, a small number.
fn negotiation(rest: &[u8], kinds: &[u8]) -> ProbeAnswer {
    match rest {
        [kind, _, 8, 0, number, 0, 0, 0, ..] if kinds.contains(kind) && *number < 32 => {
            ProbeAnswer::Certain(app::MS_RDP)
        }
        [] => ProbeAnswer::Unsure,
        [kind, after @ ..] if kinds.contains(kind) && rest.len() < 8 => {
            let expected = [None, Some(8), Some(0), None, Some(0), Some(0)];
            let fits =
                after.iter().zip(expected).all(|(byte, value)| value.is_none_or(|value| value == *byte));
            if fits { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
        }
        _ => ProbeAnswer::NotMine,
    }
}

/// [MS-RDPEUDP] section 3.1.5.1.1: no acknowledgement yet, the SYN flag, two MTUs of 1132 to 1232, padded
/// to the MTU.
fn is_udp_opening(datagram: &[u8]) -> bool {
    const SYN: u16 = 0x0001;
    /// SYN, SYNLOSSY, CORRELATION_ID, SYNEX.
    const OPENING_FLAGS: u16 = 0x1a01;
    let number = |place: usize| match datagram.get(place..place + 2) {
        Some([high, low]) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    };
    let flags = number(6);
    datagram.starts_with(&[0xff; 4])
        && flags & SYN != 0
        && flags & !OPENING_FLAGS == 0
        && (1132..=1232).contains(&number(12))
        && (1132..=1232).contains(&number(14))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::apps::testing::{ask_tcp, ask_tcp_port, assert_never_certain, assert_recognised};

    fn connection_of(kind: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() + FIXED) as u8;
        [&[3, 0, 0, length, length - 5, kind, 0, 0, 0x12, 0x34, 0], rest].concat()
    }

    #[test]
    fn cookies_and_negotiations() {
        for rest in
            [&b"Cookie: mstshash=eltons\r\n"[..], b"Cookie: msts=1.2.3.0000\r\n", &[1, 0, 8, 0, 3, 0, 0, 0]]
        {
            assert_recognised(PROBE, app::MS_RDP, &connection_of(CONNECTION_REQUEST, rest), b"");
        }
        for rest in [[2, 0x1f, 8, 0, 2, 0, 0, 0], [3, 0, 8, 0, 5, 0, 0, 0]] {
            assert_recognised(PROBE, app::MS_RDP, b"", &connection_of(CONNECTION_CONFIRM, &rest));
        }
    }

    #[test]
    fn an_empty_request_needs_the_port() {
        let empty = connection_of(CONNECTION_REQUEST, b"");
        assert_eq!(ask_tcp(PROBE, &empty, b""), ProbeAnswer::NotMine);
        assert_eq!(ask_tcp_port(PROBE, PORT, &empty, b""), ProbeAnswer::Certain(app::MS_RDP));
    }

    #[test]
    fn other_users_of_tpkt_are_not() {
        let s7 = connection_of(CONNECTION_REQUEST, &[0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2]);
        assert_never_certain(PROBE, &s7, b"");
        assert_never_certain(PROBE, &[3, 0, 0, 100, 8, 2, 0, 1, 5, 4, 3, 0x88], b"");
        assert_never_certain(PROBE, &[3, 0, 0, 30, 2, 0xf0, 0x80, 0x7f, 0x65, 0, 0, 0], b"");
    }

    #[test]
    fn the_first_datagram() {
        let mut datagram = [0_u8; 1232];
        datagram[..16].copy_from_slice(&[255, 255, 255, 255, 0, 64, 0x18, 1, 9, 8, 7, 6, 4, 208, 4, 208]);
        assert!(is_udp_opening(&datagram));
        assert!((0..16).all(|length| !is_udp_opening(&datagram[..length])));
        datagram[7] = 4;
        assert!(!is_udp_opening(&datagram));
    }
}
