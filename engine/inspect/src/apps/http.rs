//! HTTP/1 (RFC 9112) and the preface of HTTP/2 without TLS (RFC 9113 section 3.4). The decoder reads the
//! heads of the first request and of its response.

mod heads;

use alloc::boxed::Box;

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

use heads::HeadReader;

pub(super) const PROBE: Probe =
    Probe { name: "http", tcp: true, udp: false, probe, decoder: Some(|| Box::new(HeadReader::default())) };

/// Methods that are believed before the end of the request line is there.
const METHODS: [&[u8]; 9] =
    [b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND"];
const LONGEST_METHOD: usize = 20;
/// Bytes of a request line after which its method and the beginning of its target are enough.
const LONG_LINE: usize = 200;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    // HTTP/0.9: the answer is the document itself, and some clients leave out even the end of the line.
    if evidence.sent.starts_with(b"GET /") && evidence.received.first() == Some(&b'<') {
        return ProbeAnswer::Certain(app::WEB_BROWSING);
    }
    evidence.judge(side)
}

fn side(bytes: &[u8]) -> ProbeAnswer {
    let line = without_empty_lines(bytes);
    match line.first() {
        None => ProbeAnswer::Unsure,
        Some(b'H') if common_prefix(line, b"HTTP/1.") => status_line(line),
        Some(first) if first.is_ascii_alphabetic() => request_line(line),
        Some(_) => ProbeAnswer::NotMine,
    }
}

/// `HTTP/1.`, a digit, a space, three digits. The reason phrase may be missing.
fn status_line(line: &[u8]) -> ProbeAnswer {
    match line.get(7..) {
        None | Some([]) => ProbeAnswer::Unsure,
        Some([b'0'..=b'9', b' ', b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', ..]) => {
            ProbeAnswer::Certain(app::WEB_BROWSING)
        }
        Some(rest) if rest.len() < 5 && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ') => {
            ProbeAnswer::Unsure
        }
        Some(_) => ProbeAnswer::NotMine,
    }
}

/// A method, a target and `HTTP/1.x` or `HTTP/2.0`. Other protocols of this shape (RTSP, SIP, ICAP) name
/// themselves at the end of the line, so the end is waited for.
fn request_line(line: &[u8]) -> ProbeAnswer {
    let method_length =
        line.iter().take(LONGEST_METHOD + 1).take_while(|byte| is_method_byte(**byte)).count();
    let (method, rest) = line.split_at(method_length);
    let target = match rest {
        [] if method_length <= LONGEST_METHOD => return ProbeAnswer::Unsure,
        [b' ', target @ ..] if method_length >= 3 => target,
        _ => return ProbeAnswer::NotMine,
    };
    let Some(end) = target.iter().position(|byte| *byte == b'\n') else {
        return unfinished_line(method, target);
    };
    let target = target.get(..end).unwrap_or_default().trim_ascii_end();
    let version = target.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] if target.len() > version.len() => {
            ProbeAnswer::Certain(app::WEB_BROWSING)
        }
        b"HTTP/2.0" if method == b"PRI" => ProbeAnswer::Certain(app::WEB_BROWSING),
        _ => simple_request(method, target, version),
    }
}

/// HTTP/0.9: no version at all (RFC 1945 section 4.1). One of another protocol at the end of the line says
/// that it is not.
fn simple_request(method: &[u8], target: &[u8], version: &[u8]) -> ProbeAnswer {
    let other_protocol = matches!(version, [b'A'..=b'Z', .., b'/', b'0'..=b'9', b'.', b'0'..=b'9']);
    let visible = target.iter().all(|byte| *byte >= b' ');
    if METHODS.contains(&method) && target.starts_with(b"/") && visible && !other_protocol {
        ProbeAnswer::Certain(app::WEB_BROWSING)
    } else {
        ProbeAnswer::NotMine
    }
}

fn unfinished_line(method: &[u8], target: &[u8]) -> ProbeAnswer {
    if !target.iter().all(|byte| *byte >= b' ' || *byte == b'\r') {
        return ProbeAnswer::NotMine;
    }
    let is_web_target = target.starts_with(b"/") || target.starts_with(b"http://");
    if target.len() >= LONG_LINE && is_web_target && METHODS.contains(&method) {
        return ProbeAnswer::Certain(app::WEB_BROWSING);
    }
    ProbeAnswer::Unsure
}

const fn is_method_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')
}

fn without_empty_lines(bytes: &[u8]) -> &[u8] {
    let empty = bytes.iter().take(4).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(empty..).unwrap_or_default()
}

/// Whether as much as both have is the same.
fn common_prefix(bytes: &[u8], text: &[u8]) -> bool {
    bytes.iter().zip(text).all(|(byte, expected)| byte == expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{ask_tcp, assert_never_certain, assert_recognised};

    #[test]
    fn requests_and_responses() {
        for request in [
            &b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"[..],
            b"\r\nPOST /x HTTP/1.0\r\n\r\n",
            b"BASELINE-CONTROL /dav HTTP/1.1\r\n\r\n",
            b"NOTIFY /event HTTP/1.1\r\n\r\n",
            b"CONNECT a.test:443 HTTP/1.1\r\n\r\n",
            b"OPTIONS * HTTP/1.1\n\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /index.html\r\n",
            b"get / HTTP/1.1\r\n\r\n",
        ] {
            assert_recognised(PROBE, app::WEB_BROWSING, request, b"");
            assert_recognised(PROBE, app::WEB_BROWSING, b"", request);
        }
        assert_recognised(PROBE, app::WEB_BROWSING, b"", b"HTTP/1.1 200 OK\r\n\r\n");
        assert_recognised(PROBE, app::WEB_BROWSING, b"", b"HTTP/1.0 404\r\n");
        assert_eq!(ask_tcp(PROBE, b"GET /", b"<html>"), ProbeAnswer::Certain(app::WEB_BROWSING));
        let long = [&b"GET /"[..], &[b'a'; LONG_LINE]].concat();
        assert_recognised(PROBE, app::WEB_BROWSING, &long, b"");
    }

    #[test]
    fn look_alikes_are_not() {
        for text in [
            &b"OPTIONS rtsp://a.test/x RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..],
            b"DESCRIBE /x RTSP/1.0\r\n\r\n",
            b"OPTIONS /x RTSP/1.0\r\n\r\n",
            b"OPTIONS sip:a@a.test SIP/2.0\r\n\r\n",
            b"RTSP/1.0 200 OK\r\n",
            b"ICY 200 OK\r\n",
            b"GNUTELLA CONNECT/0.6\r\n",
            b"USER anonymous\r\n",
            b"EHLO HTTP/1.1 \r\nHTTP/1.1",
            b"GET HTTP/1.1\r\n",
            b"GET /\x00\x01\x02 HTTP/1.1",
            b"HTTP/1.1 abc",
            b"HTTPS",
            b"get / http/1.1\r\n",
        ] {
            assert_never_certain(PROBE, text, b"");
            assert_never_certain(PROBE, b"", text);
        }
        assert_never_certain(PROBE, b"\x00\x01\x02\x03", b"HTTP/1.1 400 Bad Request\r\n");
    }
}
