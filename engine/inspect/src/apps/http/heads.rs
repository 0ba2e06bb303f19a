//! The heads of the first request and of its response: the server's name, what signatures ask for, a tunnel
//! opened by `CONNECT`, a change to WebSocket (RFC 6455). How the server begins is looked at in any case: one
//! that answers a request as an SSH server does is one (RFC 4253, section 4.2).

use alloc::{boxed::Box, string::String, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Context, Decoder, Finding, Findings, Keep, Number};

use super::{common_prefix, without_empty_lines};

/// Bytes of a head that are kept.
const LONGEST_HEAD: usize = 8 * 1024;
const LONGEST_NAME: usize = 255;

const HTTP: &[u8] = b"HTTP/1.";
const SSH: &[u8] = b"SSH-";

/// Reads the head of the first request, then how the response begins, and its head if anybody wants it.
#[derive(Default)]
pub(super) struct HeadReader {
    requester: Option<Direction>,
    request: Vec<u8>,
    response: Vec<u8>,
    is_named: bool,
    is_connect: bool,
    /// A `CONNECT` before was refused: the client may ask again.
    is_refused: bool,
    waits_for_response: bool,
    wants_response_head: bool,
}

impl Decoder for HeadReader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        if self.requester.is_none() && common_prefix(bytes, HTTP) {
            return Keep::Done;
        }
        if *self.requester.get_or_insert(direction) == direction {
            if self.waits_for_response { Keep::Reading } else { self.request(bytes, findings) }
        } else if self.is_refused && !self.waits_for_response {
            Keep::Reading
        } else {
            self.response(bytes, findings)
        }
    }
}

impl HeadReader {
    fn request(&mut self, bytes: &[u8], findings: &mut Findings) -> Keep {
        let bytes = bytes.get(..LONGEST_HEAD - self.request.len()).unwrap_or(bytes);
        // Nearly every head is one packet: then nothing is copied.
        if self.request.is_empty() {
            let keep = self.request_head(bytes, findings);
            if keep == Keep::Reading && !self.waits_for_response {
                self.request.extend_from_slice(bytes);
            }
            return keep;
        }
        let mut request = core::mem::take(&mut self.request);
        request.extend_from_slice(bytes);
        let keep = self.request_head(&request, findings);
        self.request = request;
        keep
    }

    /// Looks at the head as far as it has come.
    fn request_head(&mut self, bytes: &[u8], findings: &mut Findings) -> Keep {
        let Some(head) = Head::read(without_empty_lines(bytes)) else {
            return if bytes.len() < LONGEST_HEAD { Keep::Reading } else { Keep::Done };
        };
        let (method, target) = request_line(head.first_line);
        self.is_connect = method == b"CONNECT";
        if !self.is_named {
            self.name(&head, method, target, findings);
        }
        if !head.is_complete && bytes.len() < LONGEST_HEAD {
            return Keep::Reading;
        }
        if self.is_connect || behind_scheme(target).is_some() {
            findings.push(Finding::Shift(app::HTTP_PROXY));
        }
        if !head.is_complete {
            return Keep::Done;
        }
        tell_request(&head, method, target, findings);
        self.waits_for_response = true;
        self.wants_response_head = self.is_connect || is_upgrade(&head) || wants_response(findings);
        Keep::Reading
    }

    /// Tells the server's name as soon as its line is there. A host in the target outranks the field, as it
    /// does for the server (RFC 9112, section 3.2.2).
    fn name(&mut self, head: &Head<'_>, method: &[u8], target: &[u8], findings: &mut Findings) {
        let name = host_of_target(method, target).or_else(|| head.field(b"host").and_then(host_name));
        let Some(name) = name else { return };
        self.is_named = true;
        if !self.is_connect {
            findings.text(Context::SERVER_NAME, name.as_bytes());
        }
        findings.push(Finding::ServerName(name));
    }

    fn response(&mut self, bytes: &[u8], findings: &mut Findings) -> Keep {
        const STATUS: usize = b"HTTP/1.1 200".len();
        self.response.extend(bytes.iter().take(LONGEST_HEAD - self.response.len()));
        if self.response.starts_with(SSH) {
            findings.push(Finding::Shift(app::SSH));
            return Keep::Done;
        }
        if common_prefix(&self.response, SSH) {
            return Keep::Reading;
        }
        if !self.wants_response_head || !common_prefix(&self.response, HTTP) {
            return Keep::Done;
        }
        if self.is_connect {
            return match self.response.get(..STATUS) {
                Some([.., b' ', b'2', _, _]) => {
                    findings.push(Finding::NewConnection);
                    Keep::Done
                }
                Some(_) => {
                    let requester = self.requester;
                    *self = Self { requester, is_named: true, is_refused: true, ..Self::default() };
                    Keep::Reading
                }
                None => Keep::Reading,
            };
        }
        let head = Head::read(&self.response).filter(|head| head.is_complete);
        let Some(head) = head else {
            return if self.response.len() < LONGEST_HEAD { Keep::Reading } else { Keep::Done };
        };
        tell_response(&head, findings);
        Keep::Done
    }
}

/// Whether a signature may still say something that counts about the response.
fn wants_response(findings: &Findings) -> bool {
    let asks_custom = findings.wants(Context::HTTP_RESPONSE_HEADERS)
        || findings.wants(Context::HTTP_REASON)
        || [Number::HttpCode, Number::HttpResponseContentLength, Number::HttpResponseHeaderLength]
            .iter()
            .any(|number| findings.wants(number.context()));
    asks_custom || (findings.named().is_none() && findings.wants(Context::HTTP_RESPONSE_TYPE))
}

fn tell_request(head: &Head<'_>, method: &[u8], target: &[u8], findings: &mut Findings) {
    let path_and_more = match behind_scheme(target) {
        Some(rest) => {
            rest.iter().position(|byte| *byte == b'/').and_then(|at| rest.get(at..)).unwrap_or(b"/")
        }
        None => target,
    };
    let mut parts = path_and_more.splitn(2, |byte| *byte == b'?');
    let path = parts.next().unwrap_or_default();
    let params = parts.next().unwrap_or_default();
    findings.text(Context::HTTP_URI, target);
    findings.text(Context::HTTP_PATH, path);
    findings.text(Context::HTTP_PARAMS, params);
    findings.text(Context::HTTP_HEADERS, head.fields);
    for (context, name) in [
        (Context::HTTP_HOST, &b"host"[..]),
        (Context::HTTP_USER_AGENT, b"user-agent"),
        (Context::HTTP_COOKIE, b"cookie"),
        (Context::HTTP_REQUEST_TYPE, b"content-type"),
    ] {
        if findings.wants(context)
            && let Some(value) = head.field(name)
        {
            findings.text(context, value);
        }
    }
    if method == b"GET" && carries_ocsp(path) {
        findings.text(Context::HTTP_REQUEST_TYPE, b"application/ocsp-request");
    }
    findings.number(Number::HttpPathLength, path.len());
    findings.number(Number::HttpParamLength, params.len());
    findings.number(Number::HttpHeaderLength, head.fields.len());
    if let Some(length) = head.field(b"content-length").and_then(decimal) {
        findings.number(Number::HttpContentLength, length);
    }
}

fn tell_response(head: &Head<'_>, findings: &mut Findings) {
    let mut words = head.first_line.splitn(3, |byte| *byte == b' ').skip(1);
    let code = words.next().and_then(decimal).unwrap_or(0);
    let reason = words.next().unwrap_or_default();
    let is_websocket = head.field(b"upgrade").is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"));
    if code == 101 && is_websocket {
        findings.push(Finding::Shift(app::WEBSOCKET));
    }
    findings.number(Number::HttpCode, code);
    findings.text(Context::HTTP_REASON, reason);
    findings.text(Context::HTTP_RESPONSE_HEADERS, head.fields);
    findings.number(Number::HttpResponseHeaderLength, head.fields.len());
    if let Some(kind) = head.field(b"content-type") {
        findings.text(Context::HTTP_RESPONSE_TYPE, kind);
    }
    if let Some(length) = head.field(b"content-length").and_then(decimal) {
        findings.number(Number::HttpResponseContentLength, length);
    }
}

/// Whether the path ends with a request of OCSP in base64 (RFC 6960, appendix A.1): a sequence, in which
/// SHA-1 is the algorithm that names the certificate (RFC 5019, section 2.1.1).
fn carries_ocsp(path: &[u8]) -> bool {
    /// Tag, length and value of SHA-1's identifier with its empty parameters, at each of the three places in
    /// which bytes can lie in base64.
    const SHA_1: [&[u8]; 3] = [b"BgUrDgMCGgUA", b"YFKw4DAhoFA", b"GBSsOAwIaBQ"];
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    last.starts_with(b"M")
        && SHA_1.iter().any(|known| last.windows(known.len()).any(|window| window == *known))
}

fn is_upgrade(head: &Head<'_>) -> bool {
    head.field(b"upgrade").is_some_and(|to| to.eq_ignore_ascii_case(b"websocket"))
}

fn decimal(text: &[u8]) -> Option<usize> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// Method and target.
fn request_line(line: &[u8]) -> (&[u8], &[u8]) {
    let mut words = line.split(|byte| *byte == b' ');
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// A head, as far as its lines have come to their end.
struct Head<'a> {
    first_line: &'a [u8],
    /// The lines of the fields.
    fields: &'a [u8],
    /// The empty line after the fields has come.
    is_complete: bool,
}

impl<'a> Head<'a> {
    /// Nothing if not even the first line has come to its end.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (first_line, rest) = bytes.split_at_checked(end + 1)?;
        let mut length = 0;
        let mut is_complete = false;
        for line in rest.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            if line.trim_ascii_end().is_empty() {
                is_complete = true;
                break;
            }
            length += line.len();
        }
        let fields = rest.get(..length).unwrap_or_default();
        Some(Self { first_line: first_line.trim_ascii_end(), fields, is_complete })
    }

    /// The value of the first field of this name, which is given in lower case.
    fn field(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut rest = self.fields;
        while !rest.is_empty() {
            let (line, after) = rest.split_at(folded_length(rest));
            rest = after;
            if let Some((own, value)) = line.split_at_checked(name.len())
                && let Some(value) = value.strip_prefix(b":")
                && own.eq_ignore_ascii_case(name)
            {
                return Some(value.trim_ascii());
            }
        }
        None
    }
}

/// The length of the first field: one that begins with a space goes on with the line above (RFC 9112, section
/// 5.2).
fn folded_length(fields: &[u8]) -> usize {
    let ends = fields.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let is_end = |end: &usize| !matches!(fields.get(*end), Some(b' ' | b'\t'));
    ends.into_iter().find(is_end).unwrap_or(fields.len())
}

/// What follows `http://` in the target of a request to a proxy (RFC 3986, section 3.1: in any case).
fn behind_scheme(target: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"http://";
    let (scheme, rest) = target.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// The authority in the target of a request to a proxy.
pub(super) fn host_of_target(method: &[u8], target: &[u8]) -> Option<Box<str>> {
    if method == b"CONNECT" {
        return host_name(target);
    }
    let authority = behind_scheme(target)?.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
    // A user may stand before the host (RFC 3986, section 3.2.1).
    host_name(authority.rsplit(|byte| *byte == b'@').next()?)
}

/// The name without the port, in lower case.
pub(super) fn host_name(authority: &[u8]) -> Option<Box<str>> {
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
    use crate::apps::{
        http::PROBE,
        testing::{findings, named},
    };

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
        let named = [Finding::ServerName("a.test".into()), Finding::Shift(app::HTTP_PROXY)];
        for size in [1, 3, 99] {
            let granted = findings(PROBE, request, b"HTTP/1.1 200 Connection established\r\n\r\n", size);
            assert_eq!(granted, [&named[..], &[Finding::NewConnection]].concat());
            let refused =
                findings(PROBE, request, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", size);
            assert_eq!(refused, named);
        }
    }

    #[test]
    fn a_refused_tunnel_may_be_asked_for_again() {
        let mut reader = HeadReader::default();
        let mut found = Findings::default();
        let request = b"CONNECT a.test:443 HTTP/1.1\r\n\r\n";
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\n";
        reader.data(Direction::ClientToServer, request, &mut found);
        assert_eq!(reader.data(Direction::ServerToClient, refusal, &mut found), Keep::Reading);
        assert_eq!(reader.data(Direction::ServerToClient, b"no", &mut found), Keep::Reading);
        assert_eq!(reader.data(Direction::ClientToServer, request, &mut found), Keep::Reading);
        found.take();
        assert_eq!(reader.data(Direction::ServerToClient, b"HTTP/1.1 200 OK\r\n", &mut found), Keep::Done);
        assert_eq!(found.take(), [Finding::NewConnection]);
    }

    #[test]
    fn without_a_host_field_the_target_names_the_server() {
        let request = b"GET http://A.test:81/x HTTP/1.0\r\n\r\n";
        let expected = [Finding::ServerName("a.test".into()), Finding::Shift(app::HTTP_PROXY)];
        assert_eq!(findings(PROBE, request, b"", 7), expected);
        assert_eq!(findings(PROBE, b"GET / HTTP/1.0\r\n\r\n", b"", 99), []);
        assert_eq!(findings(PROBE, b"", b"HTTP/1.0 200 OK\r\nHost: a\r\n\r\n", 99), []);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut reader = HeadReader::default();
        let endless = vec![b'a'; 5000];
        let mut findings = Findings::default();
        let keeps = [(); 3].map(|()| reader.data(Direction::ClientToServer, &endless, &mut findings));
        assert_eq!(keeps, [Keep::Reading, Keep::Done, Keep::Done]);
        assert_eq!(reader.request.len(), LONGEST_HEAD);
    }

    #[test]
    fn a_change_to_websocket_is_a_shift() {
        let request = b"GET /chat HTTP/1.1\r\nHost: a.test\r\nUpgrade: WebSocket\r\n\r\n";
        let name = Finding::ServerName("a.test".into());
        let accepted = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
        for size in [1, 7, 999] {
            let told = findings(PROBE, request, accepted, size);
            assert_eq!(told, [name.clone(), Finding::Shift(app::WEBSOCKET)]);
            let told = findings(PROBE, request, b"HTTP/1.1 400 Bad Request\r\n\r\n", size);
            assert_eq!(told, core::slice::from_ref(&name));
        }
    }

    #[test]
    fn a_server_that_answers_as_ssh_does_is_one() {
        let request = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let name = Finding::ServerName("a.test".into());
        for size in [1, 3, 999] {
            let told = findings(PROBE, request, b"SSH-2.0-x\r\n", size);
            assert_eq!(told, [name.clone(), Finding::Shift(app::SSH)]);
            for other in [&b"SS"[..], b"SSL error", b"HTTP/1.1 200 OK\r\n\r\nSSH-2.0-x", b"-SSH-"] {
                assert_eq!(findings(PROBE, request, other, size), core::slice::from_ref(&name));
            }
        }
        let early = findings(PROBE, b"GET / HTTP/1.1\r\nHost:", b"SSH-2.0-x\r\n", 99);
        assert_eq!(early, [Finding::Shift(app::SSH)]);
    }

    #[test]
    fn evidence_of_all_kinds() {
        for (request, response, expected) in [
            (
                &b"POST / HTTP/1.1\r\nContent-Type: application/ocsp-request\r\n\r\n"[..],
                &b""[..],
                Some(app::OCSP),
            ),
            (
                b"POST / HTTP/1.1\r\nHost: www.google.com\r\nContent-Type: application/ocsp-request\r\n\r\n",
                b"",
                Some(app::OCSP),
            ),
            (
                b"GET /ocsp/MEkwRzBFMEMwQTAJBgUrDgMCGgUABBQ%2Bx HTTP/1.1\r\nHost: www.google.com\r\n\r\n",
                b"",
                Some(app::OCSP),
            ),
            (b"GET /MEkwRzBFMEMwQTAJBgUrDgMCGgUBBBQ HTTP/1.1\r\n\r\n", b"", None),
            (b"GET / HTTP/1.1\r\nUser-Agent: Debian APT-HTTP/1.3\r\n\r\n", b"", Some(app::APT_GET)),
            (b"POST / HTTP/1.1\r\nSOAPAction: \"x\"\r\n\r\n", b"", Some(app::SOAP)),
            (b"OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\n\r\n", b"", Some(app::ACTIVESYNC)),
            (b"GET http://www.youtube.com/x HTTP/1.1\r\n\r\n", b"", Some(app::YOUTUBE_BASE)),
            (b"CONNECT www.youtube.com:443 HTTP/1.1\r\n\r\n", b"", None),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\n",
                Some(app::HTTP_AUDIO),
            ),
            (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-Type: audio/mpeg\r\n\r\n", None),
        ] {
            for size in [1, 10, 999] {
                assert_eq!(named(PROBE, request, response, size), expected, "{request:?}");
            }
        }
    }
}
