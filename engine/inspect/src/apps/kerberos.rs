//! Kerberos version 5 (RFC 4120) and its password change protocol (RFC 3244), over UDP and, with a length
//! before each message, over TCP.

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Evidence, Probe, ProbeAnswer, Transport,
    ber::{SEQUENCE, Values},
};

pub(super) const PROBE: Probe = Probe { name: "kerberos", tcp: true, udp: true, probe, decoder: None };

const PORT_PASSWORD: u16 = 464;
const VERSION: i32 = 5;
/// Enough for the nested tags and lengths up to the message's type.
const ENOUGH: usize = 40;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let is_mine = |message: &[u8]| {
        is_message(message) || (evidence.uses_port(PORT_PASSWORD) && is_password_change(message))
    };
    match evidence.transport {
        Transport::Udp => {
            if evidence.each_datagram().any(|(_, datagram)| is_mine(datagram)) {
                return ProbeAnswer::Certain(app::KERBEROS);
            }
            if evidence.datagrams.is_empty() { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
        }
        Transport::Tcp => stream(evidence, is_mine),
    }
}

fn stream(evidence: &Evidence<'_>, is_mine: impl Fn(&[u8]) -> bool) -> ProbeAnswer {
    const LONGEST: u32 = 1 << 20;
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        let bytes = evidence.bytes(direction);
        let Some((length, message)) = bytes.split_first_chunk() else {
            continue;
        };
        if is_mine(message) {
            return ProbeAnswer::Certain(app::KERBEROS);
        }
        if u32::from_be_bytes(*length) > LONGEST || message.len() >= ENOUGH {
            return ProbeAnswer::NotMine;
        }
    }
    ProbeAnswer::Unsure
}

/// An application tag whose number is that of the message type inside, beside the protocol version.
fn is_message(bytes: &[u8]) -> bool {
    let Some(outer) = Values::new(bytes).next() else {
        return false;
    };
    let kind = i32::from(outer.tag & 0x1f);
    if outer.tag & 0xe0 != 0x60 || !matches!(kind, 10..=15 | 20..=22 | 30) {
        return false;
    }
    let Some(sequence) = Values::new(outer.content).expect(SEQUENCE) else {
        return false;
    };
    let mut fields = Values::new(sequence.content);
    // KDC requests number their fields from 1, all others from 0 (RFC 4120 section 5.4.1).
    let first_tag = if matches!(kind, 10 | 12) { 0xa1 } else { 0xa0 };
    let version = fields.expect(first_tag).and_then(|field| Values::new(field.content).integer());
    let message_type = fields.expect(first_tag + 1).and_then(|field| Values::new(field.content).integer());
    version == Some(VERSION) && message_type == Some(kind)
}

/// Length, version 1 or 0xff80, the length of the ticket message, then that message.
fn is_password_change(bytes: &[u8]) -> bool {
    match bytes {
        [_, _, 0, 1, _, _, ticket @ ..] | [_, _, 0xff, 0x80, _, _, ticket @ ..] => {
            let answered_with_error = bytes.get(4..6) == Some(&[0, 0]);
            answered_with_error || is_message(ticket)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// A ticket request (from 1) and an error (from 0), as far as their types.
    const REQUEST: &[u8] = &[
        0x6a, 0x81, 0x82, 0x30, 0x7f, 0xa1, 3, 2, 1, 5, 0xa2, 3, 2, 1, 10, 0xa3, 0x20, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    const ERROR: &[u8] = &[
        0x7e, 0x30, 0x30, 0x2e, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0xa4, 0x11, 0x18, 0x0f, b'2', b'0',
        b'2', b'0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];

    fn answer(transport: Transport, port: u16, direction: Direction, bytes: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (bytes, &[][..]),
            Direction::ServerToClient => (&[][..], bytes),
        };
        let datagrams = [(direction, bytes.len())];
        let datagrams = if transport == Transport::Udp { &datagrams[..] } else { &[] };
        probe(&Evidence { transport, client_port: 40000, server_port: port, sent, received, datagrams })
    }

    fn record(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u32).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn requests_and_errors_are_known_either_way() {
        for message in [REQUEST, ERROR] {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                for port in [88, 5000] {
                    assert_eq!(
                        answer(Transport::Udp, port, direction, message),
                        ProbeAnswer::Certain(app::KERBEROS)
                    );
                    assert_eq!(
                        answer(Transport::Tcp, port, direction, &record(message)),
                        ProbeAnswer::Certain(app::KERBEROS)
                    );
                }
            }
        }
    }

    #[test]
    fn truncations_before_the_type_wait_on_tcp_and_fail_on_udp() {
        let stream = record(REQUEST);
        for length in 0..19 {
            assert_eq!(
                answer(Transport::Tcp, 88, Direction::ClientToServer, &stream[..length]),
                ProbeAnswer::Unsure,
                "{length} bytes"
            );
        }
        for length in 0..15 {
            assert_eq!(
                answer(Transport::Udp, 88, Direction::ClientToServer, &REQUEST[..length]),
                ProbeAnswer::NotMine,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn password_changes_are_known_on_their_port() {
        let request = [&[0, 48, 0xff, 0x80, 0, 42][..], ERROR].concat();
        assert_eq!(
            answer(Transport::Udp, 464, Direction::ClientToServer, &request),
            ProbeAnswer::Certain(app::KERBEROS)
        );
        assert_eq!(answer(Transport::Udp, 5000, Direction::ClientToServer, &request), ProbeAnswer::NotMine);
    }

    #[test]
    fn look_alikes_are_left_alone() {
        let mut other_version = REQUEST.to_vec();
        other_version[9] = 4;
        let mut other_type = REQUEST.to_vec();
        other_type[14] = 11;
        for message in [&other_version[..], &other_type, &[0xff; 60], &[0; 60]] {
            assert_eq!(answer(Transport::Udp, 88, Direction::ClientToServer, message), ProbeAnswer::NotMine);
            assert_eq!(
                answer(Transport::Tcp, 88, Direction::ClientToServer, &record(message)),
                ProbeAnswer::NotMine
            );
        }
    }
}
