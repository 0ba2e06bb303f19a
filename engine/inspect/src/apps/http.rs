//! HTTP/1 (RFC 9112) and the preface of HTTP/2 without TLS (RFC 9113 section 3.4). The decoder reads the
//! server's name out of the first request and notices a tunnel opened by `CONNECT`.

use alloc::{boxed::Box, string::String, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Decoder, Evidence, Finding, Keep, Probe, ProbeAnswer};

pub(super) const PROBE: Probe =
    Probe { name: "http", tcp: true, udp: false, probe, decoder: Some(|| Box::new(HeadReader::default())) };

/// Methods that are believed before the end of the request line is there.
const METHODS: [&[u8]; 9] =
    [b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND"];
const LONGEST_METHOD: usize = 20;
/// Bytes of a request line after which its method and the beginning of its target are enough.
const LONG_LINE: usize = 200;
/// Bytes of a request's head that are kept.
const LONGEST_HEAD: usize = 8 * 1024;
const LONGEST_NAME: usize = 255;

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
        Some(first) if first.is_ascii_uppercase() => request_line(line),
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
    byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_')
}

fn without_empty_lines(bytes: &[u8]) -> &[u8] {
    let empty = bytes.iter().take(4).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.get(empty..).unwrap_or_default()
}

/// Whether as much as both have is the same.
fn common_prefix(bytes: &[u8], text: &[u8]) -> bool {
    bytes.iter().zip(text).all(|(byte, expected)| byte == expected)
}

/// Reads the head of the first request; after a `CONNECT` also the first line of the answer.
#[derive(Default)]
struct HeadReader {
    requester: Option<Direction>,
    request: Vec<u8>,
    answer: Vec<u8>,
    is_named: bool,
    /// The request's head has come to its end, and it was a `CONNECT`.
    waits_for_answer: bool,
}

impl Decoder for HeadReader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Vec<Finding>) -> Keep {
        if self.requester.is_none() && common_prefix(bytes, b"HTTP/1.") {
            return Keep::Done;
        }
        if *self.requester.get_or_insert(direction) == direction {
            if self.waits_for_answer { Keep::Reading } else { self.request(bytes, findings) }
        } else if self.waits_for_answer {
            self.answer(bytes, findings)
        } else {
            Keep::Done
        }
    }
}

impl HeadReader {
    fn request(&mut self, bytes: &[u8], findings: &mut Vec<Finding>) -> Keep {
        let bytes = bytes.get(..LONGEST_HEAD - self.request.len()).unwrap_or(bytes);
        // Nearly every head is one packet: then nothing is copied.
        if self.request.is_empty() {
            let keep = self.head(bytes, findings);
            if keep == Keep::Reading {
                self.request.extend_from_slice(bytes);
            }
            return keep;
        }
        let mut request = core::mem::take(&mut self.request);
        request.extend_from_slice(bytes);
        let keep = self.head(&request, findings);
        self.request = request;
        keep
    }

    /// Looks at the head as far as it has come.
    fn head(&mut self, request: &[u8], findings: &mut Vec<Finding>) -> Keep {
        let head = without_empty_lines(request);
        let is_connect = head.starts_with(b"CONNECT ");
        let Head { host, is_complete } = read_head(head);
        if let (Some(name), false) = (host, self.is_named) {
            self.is_named = true;
            findings.push(Finding::ServerName(name));
        }
        if is_complete && is_connect {
            self.waits_for_answer = true;
            return Keep::Reading;
        }
        let enough = is_complete || (self.is_named && !is_connect) || request.len() >= LONGEST_HEAD;
        if enough { Keep::Done } else { Keep::Reading }
    }

    fn answer(&mut self, bytes: &[u8], findings: &mut Vec<Finding>) -> Keep {
        const STATUS: usize = b"HTTP/1.1 2".len();
        self.answer.extend(bytes.iter().take(STATUS - self.answer.len()));
        if self.answer.len() < STATUS {
            return Keep::Reading;
        }
        if self.answer.starts_with(b"HTTP/1.") && self.answer.ends_with(b" 2") {
            findings.push(Finding::NewConnection);
        }
        Keep::Done
    }
}

struct Head {
    host: Option<Box<str>>,
    is_complete: bool,
}

/// The host of a request, and whether the empty line after the fields has come.
fn read_head(head: &[u8]) -> Head {
    let mut host = None;
    let mut lines = head.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let request_line = lines.next().unwrap_or_default();
    for line in lines {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Head { host: host.or_else(|| host_of_target(request_line)), is_complete: true };
        }
        if let Some((name, value)) = line.split_at_checked(5)
            && name.eq_ignore_ascii_case(b"host:")
            && host.is_none()
        {
            host = host_name(value.trim_ascii());
            if host.is_some() && !request_line.starts_with(b"CONNECT ") {
                break;
            }
        }
    }
    Head { host, is_complete: false }
}

/// The authority in the target of a request to a proxy.
fn host_of_target(request_line: &[u8]) -> Option<Box<str>> {
    let mut words = request_line.trim_ascii().split(|byte| *byte == b' ');
    let (method, target) = (words.next()?, words.next()?);
    if method == b"CONNECT" {
        return host_name(target);
    }
    let rest = target.strip_prefix(b"http://")?;
    host_name(rest.split(|byte| *byte == b'/').next()?)
}

/// The name without the port, in lower case.
fn host_name(authority: &[u8]) -> Option<Box<str>> {
    let port = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before_port = authority.get(..authority.len() - port).unwrap_or_default();
    let name = before_port.strip_suffix(b":").unwrap_or(authority);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect::<String>().into_boxed_str())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::apps::testing::{ask_tcp, assert_never_certain, assert_recognised, findings};

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

    #[test]
    fn the_host_is_read_in_pieces_of_any_size() {
        let request = b"GET /x HTTP/1.1\r\nAccept: */*\r\nhOsT:  Www.A.test:8080 \r\nX: y\r\n\r\n";
        for size in 1..request.len() {
            let expected = [Finding::ServerName("www.a.test".into())];
            assert_eq!(findings(PROBE, request, b"", size), expected, "pieces of {size}");
        }
    }

    #[test]
    fn hosts_that_are_no_names_are_left_out() {
        assert_eq!(host_name(b""), None);
        assert_eq!(host_name(b":80"), None);
        assert_eq!(host_name(b"a b"), None);
        assert_eq!(host_name(b"a\xc3\xa4.test"), None);
        assert_eq!(host_name(&[b'a'; 256]), None);
        assert_eq!(host_name(b"192.0.2.1").as_deref(), Some("192.0.2.1"));
        assert_eq!(host_name(b"[2001:DB8::1]:81").as_deref(), Some("[2001:db8::1]"));
    }

    #[test]
    fn a_tunnel_is_a_new_connection_once_it_is_granted() {
        let request = b"CONNECT a.test:443 HTTP/1.1\r\n\r\n";
        let name = Finding::ServerName("a.test".into());
        for size in [1, 3, 99] {
            let granted = findings(PROBE, request, b"HTTP/1.1 200 Connection established\r\n\r\n", size);
            assert_eq!(granted, [name.clone(), Finding::NewConnection]);
            let refused =
                findings(PROBE, request, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", size);
            assert_eq!(refused, core::slice::from_ref(&name));
        }
    }

    #[test]
    fn without_a_host_field_the_target_names_the_server() {
        let request = b"GET http://A.test:81/x HTTP/1.0\r\n\r\n";
        assert_eq!(findings(PROBE, request, b"", 7), [Finding::ServerName("a.test".into())]);
        assert_eq!(findings(PROBE, b"GET / HTTP/1.0\r\n\r\n", b"", 99), []);
        assert_eq!(findings(PROBE, b"", b"HTTP/1.0 200 OK\r\nHost: a\r\n\r\n", 99), []);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut reader = HeadReader::default();
        let endless = vec![b'a'; 5000];
        let keeps = [(); 3].map(|()| reader.data(Direction::ClientToServer, &endless, &mut Vec::new()));
        assert_eq!(keeps, [Keep::Reading, Keep::Done, Keep::Done]);
        assert_eq!(reader.request.len(), LONGEST_HEAD);
    }
}
