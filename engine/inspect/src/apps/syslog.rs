//! Syslog (RFC 5424, RFC 3164), over UDP and, with or without counted octets (RFC 6587), over TCP.
//!
//! A message begins with its priority in angle brackets. Followed by a version or a date it is known on any
//! port; followed by other text, on the ports of syslog.

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

pub(super) const PROBE: Probe = Probe { name: "syslog", tcp: true, udp: true, probe, decoder: None };

const PORTS: [u16; 3] = [514, 601, 1468];
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
/// Enough to see version, date or the beginning of the text.
const ENOUGH: usize = 32;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = PORTS.iter().any(|port| evidence.uses_port(*port));
    match evidence.transport {
        Transport::Udp => {
            let found = evidence.each_datagram().any(|(_, datagram)| match judge(datagram) {
                Form::Dated => true,
                Form::Text => at_home,
                Form::Other => false,
            });
            if found {
                ProbeAnswer::Certain(app::SYSLOG)
            } else if at_home || evidence.datagrams.is_empty() {
                ProbeAnswer::Unsure
            } else {
                ProbeAnswer::NotMine
            }
        }
        Transport::Tcp => stream(evidence, at_home),
    }
}

fn stream(evidence: &Evidence<'_>, at_home: bool) -> ProbeAnswer {
    let bytes = match evidence.bytes(Direction::ClientToServer) {
        [] => evidence.bytes(Direction::ServerToClient),
        sent => sent,
    };
    let message = without_count(bytes);
    match judge(message) {
        Form::Dated => ProbeAnswer::Certain(app::SYSLOG),
        Form::Text if at_home && message.len() >= ENOUGH => ProbeAnswer::Certain(app::SYSLOG),
        Form::Text | Form::Other => {
            let begins = message.first().is_none_or(|first| *first == b'<');
            if begins && message.len() < ENOUGH { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
        }
    }
}

/// The message behind its length in decimal digits and a space.
fn without_count(bytes: &[u8]) -> &[u8] {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits..) {
        Some([b' ', message @ ..]) if (1..=5).contains(&digits) => message,
        Some([]) if digits <= 5 => &[],
        _ => bytes,
    }
}

enum Form {
    /// Priority, then what the two standards have next.
    Dated,
    /// Priority, then text.
    Text,
    Other,
}

fn judge(message: &[u8]) -> Form {
    let Some(text) = after_priority(message) else {
        return Form::Other;
    };
    let is_dated = match text {
        [b'1', b' ', b'-', b' ', ..] => true,
        [b'1', b' ', year @ ..] => {
            matches!(year, [b'1' | b'2', b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'-', ..])
        }
        _ if text.get(..3).is_some_and(|month| MONTHS.contains(&month)) => {
            matches!(text.get(3..), Some([b' ', b' ' | b'0'..=b'3', b'0'..=b'9', b' ', ..]))
        }
        _ => false,
    };
    let is_text = text.iter().take(ENOUGH).all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    match (is_dated, is_text && !text.is_empty()) {
        (true, _) => Form::Dated,
        (false, true) => Form::Text,
        (false, false) => Form::Other,
    }
}

/// What follows a priority of 0 to 191, or nothing if the message does not begin with one.
fn after_priority(message: &[u8]) -> Option<&[u8]> {
    let (b'<', rest) = message.split_first()? else {
        return None;
    };
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = rest.split_at_checked(digits).filter(|_| (1..=3).contains(&digits))?;
    let priority = number.iter().fold(0, |priority, digit| priority * 10 + u32::from(digit - b'0'));
    let (b'>', text) = rest.split_first()? else {
        return None;
    };
    (priority <= 191).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(transport: Transport, port: u16, direction: Direction, bytes: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (bytes, &[][..]),
            Direction::ServerToClient => (&[][..], bytes),
        };
        let datagrams = [(direction, bytes.len())];
        let datagrams = if transport == Transport::Udp { &datagrams[..] } else { &[] };
        probe(&Evidence { transport, client_port: 40000, server_port: port, sent, received, datagrams })
    }

    const DATED: [&[u8]; 3] = [
        b"<34>Oct  1 22:14:15 host su: failed",
        b"<165>1 2023-10-11T22:14:15.003Z host app - - - text",
        b"<13>1 - host app - - - text",
    ];

    #[test]
    fn dated_messages_are_known_either_way_and_on_any_port() {
        for message in DATED {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                for transport in [Transport::Udp, Transport::Tcp] {
                    assert_eq!(
                        answer(transport, 5000, direction, message),
                        ProbeAnswer::Certain(app::SYSLOG)
                    );
                }
            }
        }
        assert_eq!(
            answer(
                Transport::Tcp,
                5000,
                Direction::ClientToServer,
                b"35 <34>Oct 11 22:14:15 host su: failed"
            ),
            ProbeAnswer::Certain(app::SYSLOG)
        );
    }

    #[test]
    fn other_text_counts_at_home_only() {
        let message = b"<189>123: %SYS-5-CONFIG_I: Configured from console";
        for transport in [Transport::Udp, Transport::Tcp] {
            assert_eq!(
                answer(transport, 514, Direction::ClientToServer, message),
                ProbeAnswer::Certain(app::SYSLOG)
            );
            assert_eq!(answer(transport, 5000, Direction::ClientToServer, message), ProbeAnswer::NotMine);
        }
    }

    #[test]
    fn truncations_before_the_date_wait_on_tcp() {
        for message in DATED {
            for length in 0..8 {
                let cut = &message[..length];
                assert_eq!(
                    answer(Transport::Tcp, 5000, Direction::ClientToServer, cut),
                    ProbeAnswer::Unsure,
                    "{length} bytes"
                );
                assert_eq!(
                    answer(Transport::Udp, 5000, Direction::ClientToServer, cut),
                    ProbeAnswer::NotMine
                );
            }
        }
    }

    #[test]
    fn look_alikes_are_left_alone() {
        for message in [
            &b"<html><body>a page that is not a log message"[..],
            b"<999>Oct  1 22:14:15 host su: failed",
            &[0xff; 60],
        ] {
            for transport in [Transport::Udp, Transport::Tcp] {
                assert_ne!(
                    answer(transport, 514, Direction::ClientToServer, message),
                    ProbeAnswer::Certain(app::SYSLOG)
                );
            }
        }
    }
}
