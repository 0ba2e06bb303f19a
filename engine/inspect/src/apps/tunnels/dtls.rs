//! DTLS: the handshake's first messages (RFC 6347, RFC 9147), the server's name and the fingerprint in them.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Context, Decoder, Evidence, Finding, Findings, Ja4, Keep, Probe, ProbeAnswer,
    apps::shape::big,
    client_hello::{ClientHello, ClientHelloAnswer, server_name},
    ja4::Carrier,
};

pub(in crate::apps) const PROBE: Probe =
    Probe { name: "dtls", tcp: false, udp: true, probe, decoder: Some(|| Box::new(Hellos { datagrams: 0 })) };

const HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Records that follow one another to the end of the datagram; a handshake's first is enough, others must
/// come twice.
fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut others = 0;
    for (_, datagram) in evidence.each_datagram() {
        if !are_records(datagram) {
            return ProbeAnswer::NotMine;
        }
        if is_hello(datagram) {
            return ProbeAnswer::Certain(app::DTLS);
        }
        others += 1;
    }
    if others >= 2 { ProbeAnswer::Certain(app::DTLS) } else { ProbeAnswer::Unsure }
}

fn are_records(datagram: &[u8]) -> bool {
    let mut rest = datagram;
    while let [20..=23, 0xfe, 0xff | 0xfd, ..] | [20..=23, 1, 0, ..] = rest {
        let Some(length) = big(rest, 11, 2).filter(|length| *length > 0) else {
            return false;
        };
        match rest.get(HEADER + length..) {
            Some([]) => return true,
            Some(after) => rest = after,
            None => return false,
        }
    }
    // What follows an encrypted record of DTLS 1.3 has a shorter header.
    rest.len() < datagram.len() && rest.first().is_some_and(|first| first >> 5 == 1)
}

/// A ClientHello, ServerHello or HelloVerifyRequest before any encryption, from its beginning.
fn is_hello(datagram: &[u8]) -> bool {
    let fragment = big(datagram, HEADER + 9, 3);
    matches!(datagram, [HANDSHAKE, _, _, 0, 0, _, _, _, _, _, _, _, _, 1..=3, ..])
        && big(datagram, HEADER + 6, 3) == Some(0)
        && fragment
            .is_some_and(|fragment| big(datagram, HEADER + 1, 3).is_some_and(|whole| fragment <= whole))
}

/// Reads the client's hellos: the second one, with the cookie, says the same.
struct Hellos {
    datagrams: u32,
}

impl Decoder for Hellos {
    fn data(&mut self, _: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        const MOST_DATAGRAMS: u32 = 8;
        self.datagrams += 1;
        match client_hello(bytes) {
            Some(message) => {
                tell(&message, findings);
                Keep::Done
            }
            None if self.datagrams < MOST_DATAGRAMS => Keep::Reading,
            None => Keep::Done,
        }
    }
}

/// A ClientHello in one piece, in the form that TLS has it.
fn client_hello(datagram: &[u8]) -> Option<Vec<u8>> {
    if !is_hello(datagram) || datagram.get(HEADER) != Some(&CLIENT_HELLO) {
        return None;
    }
    let length = big(datagram, HEADER + 1, 3)?;
    let body = datagram.get(HEADER + MESSAGE_HEADER..)?.get(..length)?;
    Some([datagram.get(HEADER..HEADER + 4)?, body].concat())
}

fn tell(message: &[u8], findings: &mut Findings) {
    if let ClientHelloAnswer::Name(name) = server_name(message) {
        findings.text(Context::SERVER_NAME, name.as_bytes());
        findings.push(Finding::ServerName(name));
    }
    if let Some(hello) = ClientHello::read(message) {
        hello.protocols().for_each(|protocol| findings.text(Context::ALPN, protocol));
        findings.text(Context::CLIENT_HELLO, hello.message);
        findings.push(Finding::Ja4(Ja4::of(&hello, Carrier::Dtls)));
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::apps::testing::{assert_datagrams, assert_no_datagram};

    /// A record with a whole ClientHello that names `a.test`.
    fn hello() -> Vec<u8> {
        let mut body = vec![0xfe, 0xfd];
        body.extend([7; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0, 0, 15, 0, 0, 0, 11, 0, 9, 0, 0, 6]);
        body.extend(b"a.test");
        let length = [0, 0, body.len() as u8];
        let mut record = vec![HANDSHAKE, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        record.extend(((body.len() + MESSAGE_HEADER) as u16).to_be_bytes());
        record.push(CLIENT_HELLO);
        record.extend(length);
        record.extend([0, 0, 0, 0, 0]);
        record.extend(length);
        record.extend(body);
        record
    }

    #[test]
    fn hellos_and_other_records() {
        assert_datagrams(PROBE, app::DTLS, 40_001, &[&hello()]);
        let data = b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x05\0\x03abc";
        assert_no_datagram(PROBE, 40_001, data);
        assert_datagrams(PROBE, app::DTLS, 40_001, &[data, data]);
        assert_no_datagram(PROBE, 40_001, &hello()[..40]);
        assert_no_datagram(PROBE, 40_001, b"\x16\xfe\xfe\0\0\0\0\0\0\0\0\0\x01\x01");
    }

    #[test]
    fn the_name_and_the_fingerprint_are_read() {
        let mut findings = Findings::default();
        let mut hellos = Hellos { datagrams: 0 };
        assert_eq!(hellos.data(Direction::ClientToServer, &hello(), &mut findings), Keep::Done);
        let found = findings.take();
        assert_eq!(found.first(), Some(&Finding::ServerName("a.test".into())));
        let Some(Finding::Ja4(ja4)) = found.last() else {
            panic!("no fingerprint");
        };
        assert!(ja4.as_str().starts_with("dd2d0101"), "{ja4}");
        for length in 0..hello().len() {
            assert_eq!(client_hello(&hello()[..length]), None);
        }
    }
}
