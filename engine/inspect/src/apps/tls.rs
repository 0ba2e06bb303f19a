//! TLS and SSL 3.0: the record layer and the hello messages (RFC 8446 sections 4.1 and 5.1), and the hello
//! of SSL 2.0 that old clients begin with (RFC 5246 appendix E.2). The decoder reads the server's name out
//! of the ClientHello.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Decoder, Evidence, Finding, Keep, Probe, ProbeAnswer,
    client_hello::{ClientHelloAnswer, server_name},
};

pub(super) const PROBE: Probe =
    Probe { name: "tls", tcp: true, udp: false, probe, decoder: Some(|| Box::new(HelloReader::default())) };

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEADER: usize = 5;
/// The longest record on the wire: 2^14 and what compression and encryption may add (RFC 5246 section
/// 6.2.3).
const LONGEST_RECORD: usize = 16_384 + 2048;
/// Handshake bytes that are kept while the server's name is looked for.
const LONGEST_HELLO: usize = 16 * 1024;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    evidence.judge(side)
}

fn side(bytes: &[u8]) -> ProbeAnswer {
    match bytes {
        [HANDSHAKE, ..] => hello(bytes),
        [CHANGE_CIPHER_SPEC | ALERT | APPLICATION_DATA, ..] => records(bytes),
        [first, ..] if first & 0x80 != 0 => old_hello(bytes),
        _ => ProbeAnswer::NotMine,
    }
}

/// A handshake record that begins with a ClientHello, a ServerHello or a HelloRequest; of a session whose
/// beginning was not seen also one that another message fills exactly.
fn hello(bytes: &[u8]) -> ProbeAnswer {
    let fits = |place: usize, test: fn(u8) -> bool| bytes.get(place).is_none_or(|byte| test(*byte));
    let length = record_length(bytes);
    if !fits(1, |major| major == 3)
        || !fits(2, |minor| minor <= 4)
        || length.is_some_and(|length| !(4..=LONGEST_RECORD).contains(&length))
        || !fits(5, |kind| matches!(kind, 0..=2 | 4 | 8 | 11..=16 | 20))
        || !fits(6, |length| length == 0)
    {
        return ProbeAnswer::NotMine;
    }
    match bytes.get(HEADER..) {
        Some([0, 0, 0, 0, ..]) => ProbeAnswer::Certain(app::SSL),
        Some([0, _, _, _, ..]) => ProbeAnswer::NotMine,
        // The drafts of TLS 1.3 put 0x7f and their number into the ServerHello.
        Some([1 | 2, _, high, low, 3, 0..=4, ..] | [2, _, high, low, 0x7f, _, ..]) => {
            if u16::from_be_bytes([*high, *low]) >= 38 {
                ProbeAnswer::Certain(app::SSL)
            } else {
                ProbeAnswer::NotMine
            }
        }
        Some([4..=20, 0, high, low, ..]) => {
            let fills = length == Some(usize::from(u16::from_be_bytes([*high, *low])) + 4);
            if fills { ProbeAnswer::Certain(app::SSL) } else { ProbeAnswer::NotMine }
        }
        Some([_, _, _, _, _, _, ..]) => ProbeAnswer::NotMine,
        _ => ProbeAnswer::Unsure,
    }
}

/// Records of a session whose beginning was not seen: certain when the first one ends where the next one
/// begins, or with the packet.
fn records(bytes: &[u8]) -> ProbeAnswer {
    let [kind, rest @ ..] = bytes else {
        return ProbeAnswer::Unsure;
    };
    let fits = |place: usize, test: fn(u8) -> bool| rest.get(place).is_none_or(|byte| test(*byte));
    let Some(length) =
        record_length(bytes).filter(|_| fits(0, |major| major == 3) && fits(1, |minor| minor <= 3))
    else {
        let so_far = fits(0, |major| major == 3) && fits(1, |minor| minor <= 3);
        return if so_far { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine };
    };
    let plausible = match *kind {
        CHANGE_CIPHER_SPEC => length == 1,
        ALERT => length == 2 || (16..=96).contains(&length),
        _ => (16..=LONGEST_RECORD).contains(&length),
    };
    if !plausible {
        return ProbeAnswer::NotMine;
    }
    match bytes.get(HEADER + length..) {
        None => ProbeAnswer::Unsure,
        Some([]) => ProbeAnswer::Certain(app::SSL),
        Some([CHANGE_CIPHER_SPEC..=APPLICATION_DATA, 3, 0..=3, ..]) => ProbeAnswer::Certain(app::SSL),
        Some([_, _, _, ..]) => ProbeAnswer::NotMine,
        Some(_) => ProbeAnswer::Unsure,
    }
}

/// The ClientHello of SSL 2.0: its three lengths must add up to that of the record.
fn old_hello(bytes: &[u8]) -> ProbeAnswer {
    let number = |place: usize| match bytes.get(place..place + 2) {
        Some([high, low]) => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    };
    let kind_fits = bytes.get(2).is_none_or(|kind| *kind == 1);
    let version_fits = number(3).is_none_or(|version| matches!(version, 2 | 0x0300..=0x0303));
    if !kind_fits || !version_fits {
        return ProbeAnswer::NotMine;
    }
    let (Some(length), Some(ciphers), Some(session), Some(challenge)) =
        (number(0), number(5), number(7), number(9))
    else {
        return ProbeAnswer::Unsure;
    };
    let sum = 9 + u32::from(ciphers) + u32::from(session) + u32::from(challenge);
    let fits = u32::from(length & 0x7fff) == sum
        && ciphers > 0
        && ciphers % 3 == 0
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge);
    if fits { ProbeAnswer::Certain(app::SSL) } else { ProbeAnswer::NotMine }
}

fn record_length(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [_, _, _, high, low, ..] => Some(usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}

/// Puts the first handshake message together from its records and reads the server's name.
#[derive(Default)]
struct HelloReader {
    direction: Option<Direction>,
    header: Vec<u8>,
    left_of_record: usize,
    message: Vec<u8>,
}

impl Decoder for HelloReader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Vec<Finding>) -> Keep {
        if *self.direction.get_or_insert(direction) != direction {
            return Keep::Reading;
        }
        if !self.unpack(bytes) {
            return Keep::Done;
        }
        match server_name(&self.message) {
            ClientHelloAnswer::Incomplete if self.message.len() < LONGEST_HELLO => Keep::Reading,
            ClientHelloAnswer::Incomplete
            | ClientHelloAnswer::NoName
            | ClientHelloAnswer::NotAClientHello => Keep::Done,
            ClientHelloAnswer::Name(name) => {
                findings.push(Finding::ServerName(name));
                Keep::Done
            }
        }
    }
}

impl HelloReader {
    /// Adds what the records in `bytes` carry; false when one is no handshake record.
    fn unpack(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && self.message.len() < LONGEST_HELLO {
            if self.left_of_record == 0 {
                let missing = (HEADER - self.header.len()).min(bytes.len());
                let (now, rest) = bytes.split_at(missing);
                self.header.extend_from_slice(now);
                bytes = rest;
                let Some(length) = record_length(&self.header) else {
                    return true;
                };
                if self.header.first() != Some(&HANDSHAKE) || length == 0 {
                    return false;
                }
                self.header.clear();
                self.left_of_record = length;
            }
            let (now, rest) = bytes.split_at(self.left_of_record.min(bytes.len()));
            self.message.extend_from_slice(now);
            self.left_of_record -= now.len();
            bytes = rest;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised, findings};

    /// A ClientHello message that names `a.test`.
    fn message() -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0, 0, 15, 0, 0, 0, 11, 0, 9, 0, 0, 6]);
        body.extend(b"A.test");
        [&[1, 0, 0, body.len() as u8], &body[..]].concat()
    }

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, 3, 1], &(content.len() as u16).to_be_bytes()[..], content].concat()
    }

    #[test]
    fn hellos_of_either_side() {
        assert_recognised(PROBE, app::SSL, &record(HANDSHAKE, &message()), b"");
        let mut server_hello = vec![2, 0, 0, 38, 3, 3];
        server_hello.extend([9; 32]);
        server_hello.extend([0, 0x13, 1, 0]);
        assert_recognised(PROBE, app::SSL, b"", &record(HANDSHAKE, &server_hello));
        assert_recognised(PROBE, app::SSL, b"", &record(HANDSHAKE, &[0, 0, 0, 0]));
        let mut old = vec![0x80, 9 + 6 + 16, 1, 3, 1, 0, 6, 0, 0, 0, 16, 1, 0, 0x80, 0, 0, 5];
        old.extend([4; 16]);
        assert_recognised(PROBE, app::SSL, &old, b"");
    }

    #[test]
    fn records_of_a_session_already_running() {
        let data = record(APPLICATION_DATA, &[0xa5; 40]);
        assert_eq!(side(&data), ProbeAnswer::Certain(app::SSL));
        assert_eq!(side(&data[..30]), ProbeAnswer::Unsure);
        assert_eq!(side(&[&data[..], &data[..7]].concat()), ProbeAnswer::Certain(app::SSL));
        assert_eq!(side(&[&data[..], b"GET"].concat()), ProbeAnswer::NotMine);
        let ticket = record(HANDSHAKE, &[4, 0, 0, 6, 0, 0, 0, 9, 0, 0]);
        assert_eq!(side(&ticket), ProbeAnswer::Certain(app::SSL));
        assert_eq!(side(&record(ALERT, &[2, 40])), ProbeAnswer::Certain(app::SSL));
        assert_eq!(side(&record(CHANGE_CIPHER_SPEC, &[1, 1])), ProbeAnswer::NotMine);
    }

    #[test]
    fn look_alikes_are_not() {
        for bytes in [
            &[0x16, 3, 1, 0, 3, 1, 0, 0, 40, 3, 3, 0][..],
            &[0x16, 3, 1, 0, 60, 11, 0, 0, 40, 3, 3, 0],
            &[0x16, 3, 1, 0, 60, 9, 0, 0, 56, 3, 3, 0],
            &[0x16, 3, 1, 0, 60, 1, 0, 0, 40, 9, 3, 0],
            &[0x16, 0xfe, 0xff, 0, 60, 1, 0, 0, 40, 3, 3],
            &[0x80, 31, 1, 3, 1, 0, 6, 0, 0, 0, 15, 0],
            &[0x80, 31, 4, 3, 1, 0, 6, 0, 0, 0, 16, 0],
        ] {
            assert_never_certain(PROBE, bytes, b"");
        }
    }

    #[test]
    fn the_name_is_read_across_records_and_segments() {
        let message = message();
        let (first, second) = message.split_at(50);
        let stream = [record(HANDSHAKE, first), record(HANDSHAKE, second)].concat();
        for size in 1..=stream.len() {
            assert_eq!(
                findings(PROBE, &stream, b"", size),
                [Finding::ServerName("a.test".into())],
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn other_messages_end_the_reading() {
        assert_eq!(findings(PROBE, &record(HANDSHAKE, &[2, 0, 0, 4, 3, 3, 0, 0]), b"", 99), []);
        assert_eq!(findings(PROBE, &record(ALERT, &[2, 40]), b"", 99), []);
        let mut reader = HelloReader::default();
        let mut endless = vec![1, 0, 0xff, 0xff, 3, 3];
        endless.resize(16_000, 0);
        let endless = record(HANDSHAKE, &endless);
        for _ in 0..10 {
            reader.data(Direction::ClientToServer, &endless, &mut Vec::new());
        }
        assert!(reader.message.len() <= LONGEST_HELLO + endless.len());
    }
}
