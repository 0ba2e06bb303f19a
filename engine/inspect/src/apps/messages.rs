//! Carrying messages: MQTT, AMQP, Kafka, XMPP (RFC 6120), IRC (RFC 2812), NATS, SMPP, FIX, HL7 (MLLP), DICOM,
//! Thrift, NNTP (RFC 3977), CoAP (RFC 7252).

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, client_first, datagrams, either, little, magic, server_first, uses_any},
    text::{self, Fit},
};

pub(super) const MQTT: Probe = Probe { name: "mqtt", tcp: true, udp: false, probe: mqtt, decoder: None };
pub(super) const AMQP: Probe = Probe { name: "amqp", tcp: true, udp: false, probe: amqp, decoder: None };
pub(super) const KAFKA: Probe = Probe { name: "kafka", tcp: true, udp: false, probe: kafka, decoder: None };
pub(super) const XMPP: Probe = Probe { name: "xmpp", tcp: true, udp: false, probe: xmpp, decoder: None };
pub(super) const IRC: Probe = Probe { name: "irc", tcp: true, udp: false, probe: irc, decoder: None };
pub(super) const NATS: Probe = Probe { name: "nats", tcp: true, udp: false, probe: nats, decoder: None };
pub(super) const SMPP: Probe = Probe { name: "smpp", tcp: true, udp: false, probe: smpp, decoder: None };
pub(super) const FIX: Probe = Probe { name: "fix", tcp: true, udp: false, probe: fix, decoder: None };
pub(super) const HL7: Probe = Probe { name: "hl7", tcp: true, udp: false, probe: hl7, decoder: None };
pub(super) const DICOM: Probe = Probe { name: "dicom", tcp: true, udp: false, probe: dicom, decoder: None };
pub(super) const THRIFT: Probe = Probe { name: "thrift", tcp: true, udp: true, probe: thrift, decoder: None };
pub(super) const NNTP: Probe = Probe { name: "nntp", tcp: true, udp: false, probe: nntp, decoder: None };
pub(super) const COAP: Probe = Probe { name: "coap", tcp: false, udp: true, probe: coap, decoder: None };

/// CONNECT names the protocol; its answer counts at home.
fn mqtt(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[1883]);
    either(
        evidence,
        app::MQTT,
        |bytes| {
            let connect = begins(bytes, &[B::Is(0x10)]).and(|| {
                let size = bytes.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count();
                match bytes.get(size + 2..) {
                    _ if size > 3 => Fit::No,
                    Some(rest) => magic(rest, b"\0\x04MQTT").or(magic(rest, b"\0\x06MQIsdp")),
                    None => Fit::Open,
                }
            });
            let publish = begins(bytes, &[B::In(0x30, 0x3d), B::In(4, 127), B::Is(0), B::In(1, 100)]);
            if at_home { connect.or(publish) } else { connect }
        },
        |bytes| {
            let accept = begins(bytes, &[B::Is(0x20), B::In(2, 60), B::In(0, 1), B::Any]);
            let publish = begins(bytes, &[B::In(0x30, 0x3d), B::In(4, 127), B::Is(0), B::In(1, 100)]);
            if at_home { accept.or(publish) } else { accept.at_most_open() }
        },
    )
}

fn amqp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let header = |bytes: &[u8]| {
        magic(bytes, b"AMQP").and(|| match bytes.get(4) {
            Some(kind) => Fit::of(*kind <= 3),
            None => Fit::Open,
        })
    };
    // The server may begin with Connection.Start on channel zero, class 10, method 10.
    let start = |bytes: &[u8]| {
        let shape = [
            B::Is(1),
            B::Is(0),
            B::Is(0),
            B::Is(0),
            B::Is(0),
            B::Any,
            B::Any,
            B::Is(0),
            B::Is(10),
            B::Is(0),
            B::Is(10),
        ];
        header(bytes).or(begins(bytes, &shape))
    };
    either(evidence, app::AMQP, header, start)
}

/// Length, operation and its version, number, the client's name.
fn kafka(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[9092, 9093]);
    let request = |bytes: &[u8]| {
        begins(
            bytes,
            &[B::Is(0), B::In(0, 0x0f), B::Any, B::Any, B::Is(0), B::In(0, 90), B::Is(0), B::In(0, 17)],
        )
        .and(|| {
            let Some(name) = big(bytes, 12, 2) else {
                return Fit::Open;
            };
            const NONE: usize = 0xffff;
            if name == NONE {
                // The client's name may be missing.
                return Fit::of(at_home && big(bytes, 0, 4).is_some_and(|length| length >= 10));
            }
            let Some(text) = bytes.get(14..14 + name) else {
                return if (1..=255).contains(&name) { Fit::Open } else { Fit::No };
            };
            let least = if at_home { 1 } else { 4 };
            let length_fits = big(bytes, 0, 4)
                .is_some_and(|length| length >= 10 + name && length + 4 >= bytes.len().min(14 + name));
            Fit::of(length_fits && name >= least && text.iter().all(u8::is_ascii_graphic))
        })
    };
    client_first(evidence, app::KAFKA, request, |_| Fit::Open)
}

/// A stream's opening, perhaps behind an XML declaration.
fn xmpp(evidence: &Evidence<'_>) -> ProbeAnswer {
    const NAMESPACES: [&[u8]; 3] = [b"jabber:", b"etherx.jabber.org/streams", b"xmlns:stream="];
    let opening = |bytes: &[u8]| {
        let xml = magic(bytes, b"<?xml").or(magic(bytes, b"<stream:stream"));
        xml.and(|| {
            let stream = text::contains(bytes, b"<stream:stream");
            let jabber = NAMESPACES.iter().any(|name| text::contains(bytes, name));
            match (stream && jabber, bytes.len() > 512) {
                (true, _) => Fit::Yes,
                (false, true) => Fit::No,
                (false, false) => Fit::Open,
            }
        })
    };
    either(evidence, app::JABBER, opening, opening)
}

/// A client that gives a nick and a user, or a server that greets in the way of IRC.
fn irc(evidence: &Evidence<'_>) -> ProbeAnswer {
    let client = |bytes: &[u8]| {
        text::command(bytes, &[b"NICK", b"USER", b"PASS", b"CAP"]).and(|| {
            let has = |word: &[u8]| text::lines(bytes).any(|line| text::command(line, &[word]) == Fit::Yes);
            match (has(b"NICK") && (has(b"USER") || has(b"CAP")), bytes.len() > 600 || !text::is_text(bytes))
            {
                (true, _) => Fit::Yes,
                (false, true) => Fit::No,
                (false, false) => Fit::Open,
            }
        })
    };
    let server = |bytes: &[u8]| {
        let notice = text::command(bytes, &[b"NOTICE AUTH", b"NOTICE *"]);
        let prefixed =
            begins(bytes, &[B::Is(b':'), B::In(b'!', b'~')]).and(|| match text::first_line(bytes) {
                Some(line) => {
                    let mut words = line.split(|byte| *byte == b' ').skip(1);
                    Fit::of(matches!(
                        words.next(),
                        Some(b"001" | b"020" | b"NOTICE" | b"CAP" | b"451" | b"433")
                    ))
                }
                None if text::is_text(bytes) => Fit::Open,
                None => Fit::No,
            });
        // A server may also ask first.
        let ping = text::command(bytes, &[b"PING"]).at_most_open();
        notice.or(prefixed).or(ping)
    };
    either(evidence, app::IRC_BASE, client, server)
}

fn nats(evidence: &Evidence<'_>) -> ProbeAnswer {
    server_first(
        evidence,
        app::NATS,
        |bytes| text::command(bytes, &[b"CONNECT", b"PING", b"SUB"]).at_most_open(),
        |bytes| magic(bytes, b"INFO {\"server_id\"").or(magic(bytes, b"INFO {\"version\"")),
    )
}

/// Length, operation, status, number; a bind comes first.
fn smpp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let unit = |high: u8| {
        move |bytes: &[u8]| {
            let shape = [
                B::Is(0),
                B::Is(0),
                B::In(0, 3),
                B::Any,
                B::Is(high),
                B::Is(0),
                B::Is(0),
                B::Of(&[1, 2, 9]),
                B::Is(0),
                B::Is(0),
                B::Is(0),
                B::Any,
                B::Is(0),
                B::Is(0),
                B::Any,
                B::Any,
            ];
            begins(bytes, &shape).and(|| {
                let length = big(bytes, 0, 4).unwrap_or_default();
                if high == 0 && bytes.get(11) != Some(&0) {
                    return Fit::No;
                }
                match bytes.get(16..length) {
                    // The system's name ends with zero.
                    Some(body) => Fit::of(length > 16 && body.contains(&0)),
                    None if length < 16 => Fit::No,
                    None => Fit::Open,
                }
            })
        }
    };
    either(evidence, app::SMPP, unit(0), unit(0x80))
}

fn fix(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        magic(bytes, b"8=FIX").and(|| {
            let begin = bytes.iter().take(20).position(|byte| *byte == 1);
            match begin.and_then(|end| bytes.get(end + 1..)) {
                Some(rest) => magic(rest, b"9="),
                None if bytes.len() > 20 => Fit::No,
                None => Fit::Open,
            }
        })
    };
    either(evidence, app::FIX, message, message)
}

fn hl7(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| magic(bytes, b"\x0bMSH|");
    either(evidence, app::HL7, message, message)
}

/// An association asked for or accepted: type, zero, length, version, zeros, two titles.
fn dicom(evidence: &Evidence<'_>) -> ProbeAnswer {
    let unit = |kind: u8| {
        move |bytes: &[u8]| {
            let shape = [
                B::Is(kind),
                B::Is(0),
                B::Is(0),
                B::Is(0),
                B::Any,
                B::Any,
                B::Is(0),
                B::Is(1),
                B::Is(0),
                B::Is(0),
            ];
            begins(bytes, &shape).and(|| match bytes.get(10..42) {
                Some(titles) => Fit::of(titles.iter().all(|byte| (b' '..=b'~').contains(byte))),
                None => Fit::Open,
            })
        }
    };
    either(evidence, app::DICOM, unit(1), unit(2))
}

/// The strict binary and the compact encoding, perhaps behind a frame's length; then a method's name.
fn thrift(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        thrift_message(bytes).or(match bytes.get(4..) {
            Some(rest) => begins(bytes, &[B::Is(0), B::In(0, 0x0f)]).and(|| thrift_message(rest)),
            None => begins(bytes, &[B::Is(0), B::In(0, 0x0f)]).and(|| Fit::Open),
        })
    };
    match evidence.transport {
        Transport::Tcp => either(evidence, app::THRIFT, message, message),
        Transport::Udp => {
            datagrams(evidence, app::THRIFT, 1, |_, datagram| thrift_message(datagram) == Fit::Yes)
        }
    }
}

fn thrift_message(bytes: &[u8]) -> Fit {
    let method = |start: usize, length: usize| match bytes.get(start..start.saturating_add(length)) {
        _ if !(2..=100).contains(&length) => Fit::No,
        Some(name) => Fit::of(name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.:".contains(byte))),
        None => Fit::Open,
    };
    let binary = begins(bytes, &[B::Is(0x80), B::Is(1), B::Is(0), B::In(1, 4)])
        .and(|| big(bytes, 4, 4).map_or(Fit::Open, |length| method(8, length)));
    let compact = begins(bytes, &[B::Is(0x82), B::Of(&[0x21, 0x41, 0x61, 0x81])]).and(|| {
        // The number takes up to five bytes of seven bits each.
        let number = bytes.iter().skip(2).take(5).take_while(|byte| **byte & 0x80 != 0).count() + 1;
        little(bytes, 2 + number, 1).map_or(Fit::Open, |length| method(3 + number, length))
    });
    binary.or(compact)
}

fn nntp(evidence: &Evidence<'_>) -> ProbeAnswer {
    const COMMANDS: [&[u8]; 7] =
        [b"MODE READER", b"MODE STREAM", b"GROUP", b"ARTICLE", b"NEWGROUPS", b"IHAVE", b"AUTHINFO"];
    let greeting = |bytes: &[u8]| {
        text::reply(bytes, b"200").or(text::reply(bytes, b"201")).and(|| match text::first_line(bytes) {
            Some(line) => {
                Fit::of([&b"nntp"[..], b"news", b"inn"].iter().any(|word| text::contains(line, word)))
            }
            None if text::is_text(bytes) => Fit::Open,
            None => Fit::No,
        })
    };
    let at_home = uses_any(evidence, &[119]);
    either(
        evidence,
        app::NNTP,
        |bytes| {
            let command = text::command(bytes, &COMMANDS);
            if at_home { command } else { command.at_most_open() }
        },
        greeting,
    )
}

/// Version 1, a token of at most eight bytes, a code in use, options in their order.
fn coap(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[5683]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::COAP, 1, |_, datagram| match datagram {
        [first, code, _, _, rest @ ..] => {
            let code_known = matches!(code, 0..=7 | 0x40..=0x5f | 0x80..=0xa5);
            let token = usize::from(first & 0xf);
            let empty = *code == 0 && rest.is_empty();
            first >> 6 == 1
                && token <= 8
                && code_known
                && (empty || rest.get(token..).is_some_and(are_options))
        }
        _ => false,
    })
}

fn are_options(mut rest: &[u8]) -> bool {
    let mut number = 0_usize;
    while let Some((first, after)) = rest.split_first() {
        if *first == 0xff {
            return !after.is_empty();
        }
        let mut at = 0;
        let mut extended = |nibble: u8| {
            let width = match nibble {
                0..=12 => return Some(usize::from(nibble)),
                13 => 1,
                14 => 2,
                _ => return None,
            };
            let more = big(after, at, width)?;
            at += width;
            Some(more + if width == 1 { 13 } else { 269 })
        };
        let (Some(delta), Some(length)) = (extended(first >> 4), extended(first & 0xf)) else {
            return false;
        };
        number += delta;
        match after.get(at + length..) {
            Some(next) if number <= 0xffff => rest = next,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn brokers() {
        assert_recognised(MQTT, app::MQTT, b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test", b"");
        assert_recognised(MQTT, app::MQTT, b"\x10\x80\x01\0\x06MQIsdp\x03", b"");
        assert_recognised_at(MQTT, app::MQTT, 1883, b"", b"\x20\x02\0\0");
        assert_never_certain(MQTT, b"", b"\x20\x02\0\0");
        assert_never_certain(MQTT, b"\x10\x10\0\x04MQTX", b"");
        assert_recognised(AMQP, app::AMQP, b"AMQP\0\0\x09\x01", b"");
        assert_never_certain(AMQP, b"AMQP REST API", b"");
        let versions = b"\0\0\0\x14\0\x12\0\0\0\0\0\x01\0\x0aconsumer-1";
        assert_recognised(KAFKA, app::KAFKA, versions, b"");
        assert_recognised_at(KAFKA, app::KAFKA, 9092, b"\0\0\0\x4b\0\x02\0\0\0\0\0\0\xff\xff\xff", b"");
        assert_never_certain(KAFKA, b"\0\0\0\x4b\0\x02\0\0\0\0\0\0\xff\xff\xff", b"");
        assert_never_certain(KAFKA, b"\0\0\0\x14\0\x7f\0\0\0\0\0\x01\0\x0aconsumer-1", b"");
        assert_never_certain(KAFKA, b"\0\0\0\x14\0\x12\0\0\0\0\0\x01\0\x0acons\0mer-1", b"");
        let info = b"INFO {\"server_id\":\"x\"}\r\n";
        assert_recognised(NATS, app::NATS, b"", info);
        assert_never_certain(NATS, b"CONNECT {}\r\n", b"INFO: hello");
    }

    #[test]
    fn chats() {
        let stream = b"<?xml version='1.0'?><stream:stream to='a.test' xmlns='jabber:client'>";
        assert_recognised(XMPP, app::JABBER, stream, b"");
        assert_recognised(XMPP, app::JABBER, b"", stream);
        assert_never_certain(XMPP, b"<?xml version='1.0'?><html>", b"");
        assert_recognised(IRC, app::IRC_BASE, b"NICK me\r\nUSER me 0 * :Me\r\n", b"");
        assert_recognised(IRC, app::IRC_BASE, b"", b":irc.a.test NOTICE AUTH :*** Looking up\r\n");
        assert_recognised(IRC, app::IRC_BASE, b"", b"NOTICE AUTH :*** Looking up\r\n");
        assert_never_certain(IRC, b"USER me\r\nPASS x\r\n", b"");
        assert_never_certain(IRC, b"", b":) hello\r\n");
        assert_recognised(NNTP, app::NNTP, b"", b"200 news.a.test InterNetNews ready\r\n");
        assert_recognised_at(NNTP, app::NNTP, 119, b"GROUP a.b\r\n", b"");
        assert_never_certain(NNTP, b"", b"200 OK\r\n");
    }

    #[test]
    fn trades_and_records() {
        let bind = b"\0\0\0\x17\0\0\0\x02\0\0\0\0\0\0\0\x01abc\0\0\0\0";
        assert_recognised(SMPP, app::SMPP, bind, b"");
        assert_recognised(SMPP, app::SMPP, b"", b"\0\0\0\x14\x80\0\0\x02\0\0\0\0\0\0\0\x01abc\0");
        assert_never_certain(SMPP, b"\0\0\0\x17\0\0\0\x02\0\0\0\x01\0\0\0\x01abc\0\0\0\0", b"");
        assert_recognised(FIX, app::FIX, b"8=FIX.4.4\x019=65\x0135=A\x01", b"");
        assert_never_certain(FIX, b"8=FIX.4.4 9=65 35=A and so on", b"");
        assert_recognised(HL7, app::HL7, b"\x0bMSH|^~\\&|", b"");
        assert_never_certain(HL7, b"MSH|^~\\&|", b"");
        let associate = b"\x01\0\0\0\0\xcd\0\x01\0\0ARCHIVE         MODALITY        ";
        assert_recognised(DICOM, app::DICOM, associate, b"");
        assert_never_certain(DICOM, b"\x01\0\0\0\0\xcd\0\x02\0\0ARCHIVE", b"");
    }

    #[test]
    fn calls() {
        let binary = b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0";
        assert_recognised(THRIFT, app::THRIFT, binary, b"");
        assert_recognised(THRIFT, app::THRIFT, &[&b"\0\0\0\x11"[..], binary].concat(), b"");
        assert_datagrams(THRIFT, app::THRIFT, 6831, &[b"\x82\x81\xb2\x81\x01\x09emitBatch\x1c"]);
        assert_never_certain(THRIFT, b"\x80\x01\0\x01\0\0\0\x04pi\x01g", b"");
        assert_no_datagram(THRIFT, 6831, b"\x82\x82\xb2\x81\x01\x09emitBatch\x1c");
        assert_datagrams(COAP, app::COAP, 5683, &[b"\x42\x01\x12\x34ab\xb1x\xff7"]);
        assert_datagrams(COAP, app::COAP, 5683, &[b"\x70\0\x12\x34"]);
        assert_no_datagram(COAP, 5683, b"\x42\x01\x12\x34ab\xf1x");
        assert_no_datagram(COAP, 40_001, b"\x42\x01\x12\x34ab\xb1x");
    }
}
