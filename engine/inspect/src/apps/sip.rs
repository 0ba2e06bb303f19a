//! SIP (RFC 3261) over UDP and TCP.

use alloc::boxed::Box;

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Decoder, Evidence, Findings, Keep, Probe, ProbeAnswer, Transport,
    alg::{Announced, sip::Messages},
};

pub(super) const PROBE: Probe = Probe { name: "sip", tcp: true, udp: true, probe, decoder: Some(decoder) };

const PORTS: [u16; 2] = [5060, 5080];
const VERSION: &[u8] = b"SIP/2.0";
const METHODS: [&[u8]; 15] = [
    b"INVITE",
    b"ACK",
    b"BYE",
    b"CANCEL",
    b"OPTIONS",
    b"REGISTER",
    b"PRACK",
    b"SUBSCRIBE",
    b"NOTIFY",
    b"PUBLISH",
    b"INFO",
    b"REFER",
    b"MESSAGE",
    b"UPDATE",
    b"DO",
];
const LONGEST_LINE: usize = 2048;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Udp => {
            let answers = evidence.each_datagram().map(|(_, datagram)| judge(datagram));
            let mut is_mine =
                evidence.datagrams.is_empty() || PORTS.iter().any(|port| evidence.uses_port(*port));
            for answer in answers {
                match answer {
                    Form::Message => return ProbeAnswer::Certain(app::SIP),
                    Form::KeepAlive => is_mine = true,
                    Form::Begins | Form::Other => {}
                }
            }
            if is_mine { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
        }
        Transport::Tcp => {
            let mut open = false;
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                match judge(evidence.bytes(direction)) {
                    Form::Message => return ProbeAnswer::Certain(app::SIP),
                    Form::KeepAlive | Form::Begins => open = true,
                    Form::Other => return ProbeAnswer::NotMine,
                }
            }
            if open { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
        }
    }
}

enum Form {
    /// Starts with a request line or a status line.
    Message,
    /// Nothing but line ends and zero bytes (RFC 5626 section 3.5.1), or nothing at all.
    KeepAlive,
    /// The first line may become one.
    Begins,
    Other,
}

fn judge(bytes: &[u8]) -> Form {
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    let Some(message) = start.and_then(|start| bytes.get(start..)) else {
        return Form::KeepAlive;
    };
    let end = message.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n');
    let line = match end {
        Some(end) => message.get(..end).unwrap_or(message).trim_ascii_end(),
        None => message,
    };
    if let Some(status) = line.strip_prefix(VERSION) {
        return match status {
            [b' ', b'1'..=b'6', b'0'..=b'9', b'0'..=b'9', ..] => Form::Message,
            [] | [b' '] | [b' ', b'1'..=b'6'] | [b' ', b'1'..=b'6', b'0'..=b'9'] if end.is_none() => {
                Form::Begins
            }
            _ => Form::Other,
        };
    }
    if end.is_none() && VERSION.starts_with(line) {
        return Form::Begins;
    }
    METHODS
        .iter()
        .map(|method| request(line, method, end.is_some()))
        .find(|form| !matches!(form, Form::Other))
        .unwrap_or(Form::Other)
}

/// Whether the line is a request with this method: to a SIP or telephone address, or with SIP's version at
/// its end.
fn request(line: &[u8], method: &[u8], is_whole: bool) -> Form {
    let Some(rest) = line.strip_prefix(method) else {
        return if !is_whole && method.starts_with(line) { Form::Begins } else { Form::Other };
    };
    match rest.split_first() {
        None if !is_whole => Form::Begins,
        Some((b' ', target)) => {
            let target = target.trim_ascii_start();
            let to_address = [&b"sip:"[..], b"sips:", b"tel:"].iter().any(|scheme| {
                target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            });
            if to_address || (is_whole && target.ends_with(VERSION)) {
                Form::Message
            } else if !is_whole && line.len() < LONGEST_LINE {
                Form::Begins
            } else {
                Form::Other
            }
        }
        _ => Form::Other,
    }
}

fn decoder() -> Box<dyn Decoder> {
    Box::new(Reader::default())
}

/// Follows where the media go.
#[derive(Default)]
struct Reader(Messages);

impl Decoder for Reader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        let mut announced = Announced::default();
        let keep = self.0.data(direction, bytes, &mut announced);
        findings.announce(announced);
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] =
        b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP client.example.com\r\n\r\n";
    const RESPONSE: &[u8] = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP client.example.com\r\n\r\n";

    fn answer(transport: Transport, port: u16, direction: Direction, bytes: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (bytes, &[][..]),
            Direction::ServerToClient => (&[][..], bytes),
        };
        let datagrams = [(direction, bytes.len())];
        let datagrams = if transport == Transport::Udp { &datagrams[..] } else { &[] };
        probe(&Evidence { transport, client_port: 40000, server_port: port, sent, received, datagrams })
    }

    #[test]
    fn requests_and_responses_are_known_either_way_and_on_any_port() {
        for message in
            [REQUEST, RESPONSE, b"\r\n\r\nOPTIONS x SIP/2.0\r\n", b"REGISTER sips:example.com SIP/2.0\r\n"]
        {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                for transport in [Transport::Udp, Transport::Tcp] {
                    assert_eq!(answer(transport, 5000, direction, message), ProbeAnswer::Certain(app::SIP));
                }
            }
        }
    }

    #[test]
    fn a_first_line_in_pieces_is_waited_for() {
        for (message, enough) in [(REQUEST, 11), (RESPONSE, 11)] {
            for length in 0..message.len() {
                let expected =
                    if length < enough { ProbeAnswer::Unsure } else { ProbeAnswer::Certain(app::SIP) };
                let cut = &message[..length];
                assert_eq!(
                    answer(Transport::Tcp, 5060, Direction::ClientToServer, cut),
                    expected,
                    "{length} bytes"
                );
                answer(Transport::Udp, 5060, Direction::ClientToServer, cut);
            }
        }
    }

    #[test]
    fn keep_alives_leave_it_open() {
        assert_eq!(answer(Transport::Udp, 5000, Direction::ClientToServer, b"\r\n\r\n"), ProbeAnswer::Unsure);
        assert_eq!(answer(Transport::Udp, 5060, Direction::ClientToServer, b"\0\0\0\0"), ProbeAnswer::Unsure);
    }

    #[test]
    fn look_alikes_are_left_alone() {
        for message in [
            &b"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n"[..],
            b"OPTIONS rtsp://example.com/ RTSP/1.0\r\n",
            b"NOTIFY * HTTP/1.1\r\n",
            b"MESSAGE hello\r\n",
            b"SIP/2.0 ok\r\n",
            &[0xff; 100],
        ] {
            for transport in [Transport::Udp, Transport::Tcp] {
                assert_eq!(answer(transport, 5000, Direction::ClientToServer, message), ProbeAnswer::NotMine);
            }
        }
        let endless = [&b"INVITE "[..], &[b'a'; 3000]].concat();
        assert_eq!(answer(Transport::Tcp, 5060, Direction::ClientToServer, &endless), ProbeAnswer::NotMine);
    }
}
