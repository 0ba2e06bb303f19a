//! DNSCrypt, version 2: a resolver's answers begin with eight bytes that are always the same. What a client
//! sends begins with what the resolver's certificate says, which it asks for in plain DNS at first, by a name
//! that is the protocol's own.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::shape::big;

pub(super) const PROBE: Probe = Probe { name: "dnscrypt", tcp: true, udp: true, probe, decoder: None };

const ANSWER: &[u8] = b"r6fnvWj8";
/// The first labels of the certificate's name, at the place of a DNS message's first question.
const CERTIFICATE: &[u8] = b"\x012\x0ddnscrypt-cert";
const DNS_HEADER: usize = 12;

/// What a client's query has at least: its padding makes it 256 bytes or more.
const SHORTEST_QUERY: usize = 256;
/// Magic, nonce, the code that authenticates.
const SHORTEST_ANSWER: usize = 48;
const LONGEST: usize = 4096;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Udp => datagrams(evidence),
        Transport::Tcp => stream(evidence),
    }
}

fn datagrams(evidence: &Evidence<'_>) -> ProbeAnswer {
    if evidence.each_datagram().any(|(_, datagram)| is_own(datagram)) {
        ProbeAnswer::Certain(app::DNSCRYPT)
    } else if evidence.received.is_empty() && evidence.sent.len() >= SHORTEST_QUERY {
        ProbeAnswer::Unsure
    } else {
        ProbeAnswer::NotMine
    }
}

/// Over TCP each message has its length before it.
fn stream(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &'_ [u8]| big(bytes, 0, 2).map(|length| (length, bytes.len() - 2));
    let is_answer = |bytes: &[u8]| bytes.get(2..).is_some_and(|rest| rest.starts_with(ANSWER));
    match (message(evidence.sent), message(evidence.received)) {
        _ if evidence.sent.get(2..).is_some_and(is_own) => ProbeAnswer::Certain(app::DNSCRYPT),
        (Some((SHORTEST_QUERY..=LONGEST, _)), Some((SHORTEST_ANSWER..=LONGEST, _)))
            if is_answer(evidence.received) =>
        {
            ProbeAnswer::Certain(app::DNSCRYPT)
        }
        (Some((length @ 32..=LONGEST, held)), None) if held <= length => ProbeAnswer::Unsure,
        (Some((32..=LONGEST, _)), Some((SHORTEST_ANSWER..=LONGEST, held))) if held < ANSWER.len() => {
            ProbeAnswer::Unsure
        }
        (None, None) => ProbeAnswer::Unsure,
        _ => ProbeAnswer::NotMine,
    }
}

fn is_own(message: &[u8]) -> bool {
    let asks = message.get(DNS_HEADER..).is_some_and(|question| question.starts_with(CERTIFICATE));
    asks || (message.starts_with(ANSWER) && message.len() >= SHORTEST_ANSWER)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised,
    };

    #[test]
    fn answers_and_the_certificates_name() {
        let query = vec![7; 512];
        let mut answer = ANSWER.to_vec();
        answer.resize(240, 9);
        assert_datagrams(PROBE, app::DNSCRYPT, 443, &[&query, &answer]);
        assert_no_datagram(PROBE, 443, &query);
        assert_no_datagram(PROBE, 443, &answer[..40]);
        let mut ask = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        ask.extend(CERTIFICATE);
        ask.extend(b"\x01a\x04test\0\0\x10\0\x01");
        assert_datagrams(PROBE, app::DNSCRYPT, 53, &[&ask]);
        ask[14] = 13;
        ask[13] = b'3';
        assert_no_datagram(PROBE, 53, &ask);
    }

    #[test]
    fn streams() {
        let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes()[..], message].concat();
        let query = framed(&[7; 512]);
        let mut answer = ANSWER.to_vec();
        answer.resize(240, 9);
        assert_recognised(PROBE, app::DNSCRYPT, &query, &framed(&answer));
        assert_never_certain(PROBE, &query, &framed(&[9; 240]));
        assert_never_certain(PROBE, b"GET / HTTP/1.1\r\n\r\n", &framed(&answer));
    }
}
