//! TLS and SSL 3.0: the record layer and the hello messages (RFC 8446 sections 4.1 and 5.1), and the hello
//! of SSL 2.0 that old clients begin with (RFC 5246 appendix E.2). The decoder reads the ClientHello (the
//! server's name, the protocols offered, the fingerprint) and the names in a certificate sent in the clear.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Context, Decoder, Evidence, Finding, Findings, Ja4, Keep, Probe, ProbeAnswer, certificate,
    client_hello::{ClientHello, ClientHelloAnswer, server_name},
    ja4::Carrier,
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
    let Some((content, known)) = beginning(bytes) else {
        return ProbeAnswer::NotMine;
    };
    let fits = |place: usize, test: fn(u8) -> bool| {
        place >= known || content.get(place).is_some_and(|byte| test(*byte))
    };
    if !fits(0, |kind| matches!(kind, 0..=2 | 4 | 8 | 11..=16 | 20)) || !fits(1, |length| length == 0) {
        return ProbeAnswer::NotMine;
    }
    let length = record_length(bytes);
    match content.get(..known) {
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

/// The first bytes of a handshake, and how many are known. They may lie in several records (RFC 8446, section
/// 5.1); nothing where these are none of a handshake.
fn beginning(mut bytes: &[u8]) -> Option<([u8; 6], usize)> {
    const HELLO_REQUEST: usize = 4;
    let mut content = [0; 6];
    let mut known = 0;
    while known < content.len() && !bytes.is_empty() {
        let fits = |place: usize, test: fn(u8) -> bool| bytes.get(place).is_none_or(|byte| test(*byte));
        let length = record_length(bytes);
        if !fits(0, |kind| kind == HANDSHAKE)
            || !fits(1, |major| major == 3)
            || !fits(2, |minor| minor <= 4)
            || length.is_some_and(|length| !(1..=LONGEST_RECORD).contains(&length))
        {
            return (known >= HELLO_REQUEST).then_some((content, known));
        }
        let (Some(length), Some(rest)) = (length, bytes.get(HEADER..)) else { break };
        for (to, from) in content.iter_mut().skip(known).zip(rest.iter().take(length)) {
            *to = *from;
            known += 1;
        }
        bytes = rest.get(length..).unwrap_or_default();
    }
    Some((content, known))
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

/// Reads the ClientHello and, where the certificate may be in the clear and still matters, the server's
/// first messages.
#[derive(Default)]
struct HelloReader {
    client: Option<Direction>,
    hello: Messages,
    answer: Messages,
    is_named: bool,
    /// The ClientHello is read; the server's messages are not.
    waits_for_answer: bool,
}

impl Decoder for HelloReader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        let from_client = *self.client.get_or_insert(direction) == direction;
        match (from_client, self.waits_for_answer) {
            (true, false) => self.client(bytes, findings),
            (false, true) => self.server(bytes, findings),
            (true, true) | (false, false) => Keep::Reading,
        }
    }
}

impl HelloReader {
    fn client(&mut self, bytes: &[u8], findings: &mut Findings) -> Keep {
        let is_handshake = self.hello.unpack(bytes);
        let message = &*self.hello.bytes;
        if !self.is_named {
            match server_name(message) {
                ClientHelloAnswer::Name(name) => {
                    self.is_named = true;
                    findings.text(Context::SERVER_NAME, name.as_bytes());
                    findings.push(Finding::ServerName(name));
                }
                ClientHelloAnswer::NotAClientHello => return Keep::Done,
                ClientHelloAnswer::Incomplete | ClientHelloAnswer::NoName => (),
            }
        }
        let Some((1, body)) = first_message(message) else {
            let may_go_on = is_handshake && message.len() < LONGEST_HELLO;
            return if may_go_on { Keep::Reading } else { Keep::Done };
        };
        let Some(hello) = ClientHello::read(message.get(..4 + body.len()).unwrap_or_default()) else {
            return Keep::Done;
        };
        hello.protocols().for_each(|protocol| findings.text(Context::ALPN, protocol));
        findings.text(Context::CLIENT_HELLO, hello.message);
        findings.push(Finding::Ja4(Ja4::of(&hello, Carrier::Tcp)));
        self.waits_for_answer = findings.wants(Context::SERVER_HELLO)
            || findings.wants(Context::CERTIFICATE)
            || (findings.named().is_none() && findings.wants(Context::CERTIFICATE_NAME));
        if self.waits_for_answer { Keep::Reading } else { Keep::Done }
    }

    fn server(&mut self, bytes: &[u8], findings: &mut Findings) -> Keep {
        let is_handshake = self.answer.unpack(bytes);
        while let Some((kind, body)) = first_message(self.answer.unread()) {
            let whole = self.answer.unread().get(..4 + body.len()).unwrap_or_default();
            match kind {
                SERVER_HELLO => {
                    findings.text(Context::SERVER_HELLO, whole);
                    if is_tls_1_3(body) {
                        return Keep::Done;
                    }
                }
                CERTIFICATE => {
                    findings.text(Context::CERTIFICATE, whole);
                    certificate_name(body, findings);
                    return Keep::Done;
                }
                _ => return Keep::Done,
            }
            self.answer.read += 4 + body.len();
        }
        let may_go_on = is_handshake && self.answer.bytes.len() < LONGEST_HELLO;
        if may_go_on { Keep::Reading } else { Keep::Done }
    }
}

const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

fn certificate_name(message: &[u8], findings: &mut Findings) {
    if findings.named().is_some() || !findings.wants(Context::CERTIFICATE_NAME) {
        return;
    }
    if let Some(name) = certificate::name(message) {
        findings.text(Context::CERTIFICATE_NAME, name.as_bytes());
    }
}

/// Whether a ServerHello chooses one of the cipher suites that only TLS 1.3 has.
fn is_tls_1_3(body: &[u8]) -> bool {
    const SESSION_ID: usize = 2 + 32;
    let after = body.get(SESSION_ID).map(|length| SESSION_ID + 1 + usize::from(*length));
    after.and_then(|place| body.get(place)) == Some(&0x13)
}

/// Kind and content of the first handshake message, if all of it is there.
fn first_message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let ([kind, high, middle, low], rest) = bytes.split_first_chunk()?;
    let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
    Some((*kind, rest.get(..length)?))
}

/// One side's handshake messages, put together from their records.
#[derive(Default)]
struct Messages {
    header: Vec<u8>,
    left_of_record: usize,
    bytes: Vec<u8>,
    read: usize,
}

impl Messages {
    /// Adds what the records in `bytes` carry; false when one is no handshake record.
    fn unpack(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && self.bytes.len() < LONGEST_HELLO {
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
            self.bytes.extend_from_slice(now);
            self.left_of_record -= now.len();
            bytes = rest;
        }
        true
    }

    fn unread(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        apps::testing::{assert_never_certain, assert_recognised, findings, named, read},
        certificate::tests::message as certificate_of,
    };

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
    fn a_hello_in_records_of_any_size() {
        for size in 1..20 {
            let records: Vec<u8> = message().chunks(size).flat_map(|part| record(HANDSHAKE, part)).collect();
            assert_recognised(PROBE, app::SSL, &records, b"");
        }
        assert_never_certain(PROBE, &[record(HANDSHAKE, &[1]), b"GET / HTTP/1.1\r\n".to_vec()].concat(), b"");
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

    fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0], &(body.len() as u16).to_be_bytes()[..], body].concat()
    }

    fn server_hello(cipher: [u8; 2]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.push(0);
        body.extend(cipher);
        body.push(0);
        handshake(SERVER_HELLO, &body)
    }

    #[test]
    fn a_certificate_in_the_clear_names_the_service() {
        let hello = record(HANDSHAKE, &message());
        let certificate = handshake(CERTIFICATE, &certificate_of(b"*.dropbox.com", &[b"a.test"]));
        for (cipher, expected) in [([0xc0, 0x2f], Some(app::DROPBOX_BASE)), ([0x13, 1], None)] {
            let flight = [server_hello(cipher), certificate.clone()].concat();
            let (first, second) = flight.split_at(60);
            let answer = [record(HANDSHAKE, first), record(HANDSHAKE, second)].concat();
            for size in [1, 50, 9999] {
                assert_eq!(named(PROBE, &hello, &answer, size), expected, "pieces of {size}");
            }
        }
    }

    #[test]
    fn the_fingerprint_is_told_once_the_hello_is_whole() {
        let mut findings = Findings::default();
        read(PROBE, &record(HANDSHAKE, &message()), b"", 10, &mut findings);
        let Some(Finding::Ja4(ja4)) = findings.take().pop() else {
            panic!("no fingerprint");
        };
        assert!(ja4.as_str().starts_with("t12d010100_"), "{ja4}");
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
            reader.data(Direction::ClientToServer, &endless, &mut Findings::default());
        }
        assert!(reader.hello.bytes.len() <= LONGEST_HELLO + endless.len());
    }
}
