//! STUN (RFC 8489, and RFC 3489 before it) and TURN (RFC 8656).
//!
//! The magic cookie is known on any port. Messages of the older form have none, and neither has TURN's
//! channel data, so those count on the port of STUN only.
//!
//! Two ends that checked their path with STUN often go on with DTLS on it (RFC 5764), which is another
//! application.

use alloc::boxed::Box;

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Decoder, Evidence, Finding, Findings, Keep, Probe, ProbeAnswer, Transport};

pub(super) const PROBE: Probe = Probe { name: "stun", tcp: true, udp: true, probe, decoder: Some(decoder) };

const PORT: u16 = 3478;
/// The other port of a server that tells of translators (RFC 5780, section 7).
const PORT_OTHER: u16 = 3479;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const HEADER_LENGTH: usize = 20;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Udp => datagrams(evidence),
        Transport::Tcp => stream(evidence),
    }
}

fn datagrams(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.uses_port(PORT) || evidence.uses_port(PORT_OTHER);
    let mut channels = [None, None];
    for (direction, datagram) in evidence.each_datagram() {
        let is_message = match message_length(datagram) {
            Some(length) => has_cookie(datagram) && length <= datagram.len(),
            None => false,
        };
        if is_message || is_unpadded(datagram) || (at_home && is_older_message(datagram)) {
            return ProbeAnswer::Certain(app::STUN);
        }
        if let (true, Some(channel)) = (at_home, channel(datagram)) {
            if channels.contains(&Some(channel)) {
                return ProbeAnswer::Certain(app::STUN);
            }
            let [sent, received] = &mut channels;
            match direction {
                Direction::ClientToServer => *sent = Some(channel),
                Direction::ServerToClient => *received = Some(channel),
            }
        }
    }
    // The first two bits tell STUN from what may share its path (RFC 7983 section 7).
    let may_follow =
        evidence.each_datagram().all(|(_, datagram)| datagram.first().is_none_or(|first| first >> 6 == 0));
    if at_home || may_follow { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
}

fn decoder() -> Box<dyn Decoder> {
    Box::new(Path { pieces: 0 })
}

/// Waits for DTLS on a path that STUN has checked.
struct Path {
    pieces: u32,
}

impl Decoder for Path {
    fn data(&mut self, _: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        const MOST_PIECES: u32 = 64;
        self.pieces += 1;
        if begins_dtls(bytes) {
            findings.push(Finding::Shift(app::DTLS));
            Keep::Done
        } else if self.pieces < MOST_PIECES {
            Keep::Reading
        } else {
            Keep::Done
        }
    }
}

/// A handshake record of DTLS 1.0 or 1.2 before any encryption, which is epoch 0 (RFC 6347 section 4.1), or
/// data of a connection that was set up on another path.
fn begins_dtls(datagram: &[u8]) -> bool {
    match datagram {
        [22, 0xfe, 0xff | 0xfd, 0, 0, _, _, _, _, _, _, _, _, 1..=3, ..] => true,
        [23, 0xfe, 0xff | 0xfd, 0, 1, 0, 0, _, _, _, _, high, low, data @ ..] => {
            usize::from(u16::from_be_bytes([*high, *low])) <= data.len()
        }
        _ => false,
    }
}

/// Over TCP messages follow one another without anything between them (RFC 8489 section 6.2.2); between the
/// ends of a call each has its length before it (RFC 6544 section 3, RFC 4571).
fn stream(evidence: &Evidence<'_>) -> ProbeAnswer {
    evidence.judge(|bytes| match bytes.first() {
        Some(first) if bytes.len() < HEADER_LENGTH + 2 && first & 0xc0 == 0 => {
            if is_message(bytes) {
                ProbeAnswer::Certain(app::STUN)
            } else {
                ProbeAnswer::Unsure
            }
        }
        Some(_) if is_message(bytes) || is_framed(bytes) => ProbeAnswer::Certain(app::STUN),
        Some(_) | None => ProbeAnswer::NotMine,
    })
}

fn is_message(bytes: &[u8]) -> bool {
    message_length(bytes).is_some() && has_cookie(bytes)
}

fn is_framed(bytes: &[u8]) -> bool {
    bytes.split_first_chunk().is_some_and(|(length, message)| {
        has_cookie(message) && message_length(message) == Some(usize::from(u16::from_be_bytes(*length)))
    })
}

/// A message of some clients does not fill its last attribute up to a whole word.
fn is_unpadded(datagram: &[u8]) -> bool {
    let length = datagram.get(2..4).and_then(|field| field.try_into().ok()).map(u16::from_be_bytes);
    matches!(datagram, [0 | 1, 1..=0x1f, ..])
        && has_cookie(datagram)
        && length.is_some_and(|length| HEADER_LENGTH + usize::from(length) == datagram.len())
}

/// The length of the message that begins here: two zero bits, a method in use, attributes in whole words.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let ([kind_high, kind_low, length_high, length_low], _) = bytes.split_first_chunk()?;
    let kind = u16::from_be_bytes([*kind_high, *kind_low]);
    let length = u16::from_be_bytes([*length_high, *length_low]);
    // The two bits of the class lie between those of the method (RFC 8489 section 5).
    let method = (kind & 0x000f) | (kind & 0x00e0) >> 1 | (kind & 0x3e00) >> 2;
    let is_header = kind & 0xc000 == 0 && length % 4 == 0 && bytes.len() >= HEADER_LENGTH;
    (is_header && (1..=0x0fff).contains(&method)).then(|| HEADER_LENGTH + usize::from(length))
}

fn has_cookie(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(&COOKIE)
}

/// Binding or shared secret, with attributes that fill the datagram exactly.
fn is_older_message(datagram: &[u8]) -> bool {
    let kind_known = matches!(datagram, [0 | 1, 1 | 2 | 0x11 | 0x12, ..]);
    if !kind_known || message_length(datagram) != Some(datagram.len()) {
        return false;
    }
    let mut attributes = datagram.get(HEADER_LENGTH..).unwrap_or_default();
    while let Some(([_, _, high, low], rest)) = attributes.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).next_multiple_of(4);
        match rest.get(length..) {
            Some(after) => attributes = after,
            None => return false,
        }
    }
    attributes.is_empty()
}

/// The channel of a datagram of channel data (RFC 8656 section 12.4).
fn channel(datagram: &[u8]) -> Option<u16> {
    let ([high, low, length_high, length_low], data) = datagram.split_first_chunk()?;
    let channel = u16::from_be_bytes([*high, *low]);
    let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
    let fits = length == data.len() || length.next_multiple_of(4) == data.len();
    (matches!(channel, 0x4000..=0x4fff) && length > 0 && fits).then_some(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"\x00\x01\x00\x08\x21\x12\xa4\x42ABCDEFGHIJKL\x80\x22\x00\x04test";
    const OLDER: &[u8] = b"\x00\x01\x00\x08ABCDEFGHIJKLMNOP\x00\x03\x00\x04\0\0\0\0";
    const CHANNEL: &[u8] = b"\x40\x01\x00\x04data";

    fn answer(transport: Transport, port: u16, direction: Direction, datagrams: &[&[u8]]) -> ProbeAnswer {
        let bytes = datagrams.concat();
        let (sent, received) = match direction {
            Direction::ClientToServer => (&bytes[..], &[][..]),
            Direction::ServerToClient => (&[][..], &bytes[..]),
        };
        let mut lengths = [(direction, 0); 4];
        for (length, datagram) in lengths.iter_mut().zip(datagrams) {
            length.1 = datagram.len();
        }
        let lengths = if transport == Transport::Udp { &lengths[..datagrams.len()] } else { &[] };
        probe(&Evidence {
            transport,
            client_port: 40000,
            server_port: port,
            sent,
            received,
            datagrams: lengths,
        })
    }

    #[test]
    fn the_cookie_is_known_on_any_port_and_either_way() {
        let mut response = REQUEST.to_vec();
        response[0] = 1;
        for message in [REQUEST, &response] {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                for transport in [Transport::Udp, Transport::Tcp] {
                    assert_eq!(
                        answer(transport, 5000, direction, &[message]),
                        ProbeAnswer::Certain(app::STUN)
                    );
                }
            }
        }
    }

    #[test]
    fn the_older_form_and_channels_count_at_home_only() {
        let way = Direction::ClientToServer;
        assert_eq!(answer(Transport::Udp, 3478, way, &[OLDER]), ProbeAnswer::Certain(app::STUN));
        assert_eq!(answer(Transport::Udp, 5000, way, &[OLDER]), ProbeAnswer::Unsure);
        assert_eq!(answer(Transport::Udp, 3478, way, &[CHANNEL]), ProbeAnswer::Unsure);
        assert_eq!(answer(Transport::Udp, 3478, way, &[CHANNEL, CHANNEL]), ProbeAnswer::Certain(app::STUN));
        assert_eq!(answer(Transport::Udp, 5000, way, &[CHANNEL, CHANNEL]), ProbeAnswer::NotMine);
    }

    #[test]
    fn messages_that_are_framed_or_not_padded() {
        let framed = [&[0, REQUEST.len() as u8][..], REQUEST].concat();
        let way = Direction::ClientToServer;
        assert_eq!(answer(Transport::Tcp, 5000, way, &[&framed]), ProbeAnswer::Certain(app::STUN));
        assert_ne!(answer(Transport::Udp, 5000, way, &[&framed]), ProbeAnswer::Certain(app::STUN));
        let mut wrong = framed;
        wrong[1] += 4;
        assert_eq!(answer(Transport::Tcp, 5000, way, &[&wrong]), ProbeAnswer::NotMine);
        let mut unpadded = REQUEST[..REQUEST.len() - 1].to_vec();
        unpadded[3] -= 1;
        assert_eq!(answer(Transport::Udp, 5000, way, &[&unpadded]), ProbeAnswer::Certain(app::STUN));
        unpadded[3] -= 1;
        assert_ne!(answer(Transport::Udp, 5000, way, &[&unpadded]), ProbeAnswer::Certain(app::STUN));
    }

    #[test]
    fn truncations_are_not_certain() {
        for length in 0..REQUEST.len() {
            let cut = &REQUEST[..length];
            assert_eq!(
                answer(Transport::Udp, 5000, Direction::ClientToServer, &[cut]),
                ProbeAnswer::Unsure,
                "{length} bytes"
            );
            let on_tcp = answer(Transport::Tcp, 5000, Direction::ClientToServer, &[cut]);
            assert_eq!(on_tcp == ProbeAnswer::Certain(app::STUN), length >= HEADER_LENGTH, "{length} bytes");
        }
    }

    #[test]
    fn dtls_on_the_path_is_a_shift() {
        let mut hello = [0; 60];
        hello[..14].copy_from_slice(&[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 47, 1]);
        let mut decoder = decoder();
        let mut findings = Findings::default();
        assert_eq!(decoder.data(Direction::ClientToServer, REQUEST, &mut findings), Keep::Reading);
        assert_eq!(decoder.data(Direction::ServerToClient, &hello[..13], &mut findings), Keep::Reading);
        assert_eq!(findings.take(), []);
        assert_eq!(decoder.data(Direction::ServerToClient, &hello, &mut findings), Keep::Done);
        assert_eq!(findings.take(), [Finding::Shift(app::DTLS)]);
        let data = b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x05\0\x04data";
        assert!(begins_dtls(data) && !begins_dtls(&data[..data.len() - 1]));
    }

    #[test]
    fn a_path_without_dtls_is_given_up() {
        let mut decoder = decoder();
        let mut findings = Findings::default();
        let calls =
            (1..).find(|_| decoder.data(Direction::ClientToServer, CHANNEL, &mut findings) == Keep::Done);
        assert_eq!((calls, findings.take().len()), (Some(64), 0));
    }

    #[test]
    fn look_alikes_are_left_alone() {
        let mut other = REQUEST.to_vec();
        other[4] = 0x22;
        for message in [&other[..], &[0; 40], &[0xff; 40]] {
            assert_eq!(
                answer(Transport::Udp, 3478, Direction::ClientToServer, &[message]) == ProbeAnswer::Unsure,
                message != other,
            );
            assert_ne!(
                answer(Transport::Tcp, 3478, Direction::ClientToServer, &[message]),
                ProbeAnswer::Certain(app::STUN)
            );
        }
        assert_eq!(
            answer(Transport::Tcp, 80, Direction::ClientToServer, &[b"GET / HTTP/1.1\r\n\r\n"]),
            ProbeAnswer::NotMine
        );
    }
}
