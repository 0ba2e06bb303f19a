use alloc::{borrow::ToOwned, format, string::ToString, sync::Arc, vec, vec::Vec};

use bifrons_catalog::{CUSTOM_FIRST, app};
use bifrons_config::typed::{PortPattern, SignatureCondition};
use bifrons_model::Direction;

use super::*;
use crate::{Inspection, Limits, Opening, Payload, Progress, Transport};

const LIMITS: Limits = Limits { packets: 4, bytes: 2000, out_of_order_segments: 64 };
const C: Direction = Direction::ClientToServer;
const S: Direction = Direction::ServerToClient;
const OWN: AppId = AppId(CUSTOM_FIRST);

fn pattern(context: &str, pattern: &str) -> SignatureTest {
    SignatureTest::Pattern { context: context.into(), pattern: pattern.into() }
}

/// All of the conditions, each met by its one test.
fn signature(tests: Vec<SignatureTest>) -> Signature {
    let conditions =
        tests.into_iter().map(|test| SignatureCondition { name: "c".into(), tests: vec![test] }).collect();
    Signature { name: "s".into(), scope_session: true, order_free: true, conditions }
}

fn application(signatures: Vec<Signature>) -> CustomApplication {
    CustomApplication { name: "own".into(), signatures, ..CustomApplication::default() }
}

fn compile(application: &CustomApplication) -> Arc<Signatures> {
    Arc::new(Signatures::new(&[(OWN, application)]).unwrap())
}

fn session(transport: Transport, server_port: u16, signatures: &Arc<Signatures>) -> Inspection {
    let first_sequence = match transport {
        Transport::Tcp => [Some(0), Some(0)],
        Transport::Udp => [None, None],
    };
    let opening = Opening { transport, client_port: 40_000, server_port, first_sequence };
    Inspection::with_signatures(opening, signatures)
}

/// What is told at each packet, and at the end.
fn run(mut inspection: Inspection, packets: &[(Direction, &[u8])]) -> (Vec<Option<AppId>>, AppId) {
    let mut next = [0, 0];
    let mut told = Vec::new();
    for (direction, bytes) in packets {
        let sequence = next[direction.index()];
        next[direction.index()] += bytes.len() as u32;
        let payload = Payload { direction: *direction, sequence, bytes, cut: 0 };
        told.push(inspection.payload(payload, &LIMITS).app);
    }
    (told, inspection.app_at_end())
}

fn http(request: &str, signatures: &Arc<Signatures>) -> AppId {
    run(session(Transport::Tcp, 80, signatures), &[(C, request.as_bytes())]).1
}

#[test]
fn signatures_are_those_of_what_they_were_compiled_from() {
    let own = application(vec![signature(vec![pattern("http-req-uri-path", "own-service")])]);
    let renamed = CustomApplication { name: "other".into(), ..own.clone() };
    let signatures = compile(&own);
    assert!(signatures.are_of(&[(OWN, &own)]));
    assert!(!signatures.are_of(&[(OWN, &renamed)]));
    assert!(!signatures.are_of(&[(AppId(CUSTOM_FIRST + 1), &own)]));
    assert!(!signatures.are_of(&[]));
    assert!(Signatures::builtin().are_of(&[]));
    assert!(!Signatures::default().are_of(&[]));
}

#[test]
fn a_host_names_a_service_in_the_packet_that_decides() {
    let signatures = Arc::new(Signatures::builtin());
    let mut inspection = session(Transport::Tcp, 80, &signatures);
    let bytes = b"GET / HTTP/1.1\r\nHost: WWW.youtube.com:80\r\n\r\n";
    let progress = inspection.payload(Payload { direction: C, sequence: 0, bytes, cut: 0 }, &LIMITS);
    let expected = Progress {
        app: Some(app::YOUTUBE_BASE),
        server_name: Some("www.youtube.com".into()),
        ..Progress::default()
    };
    assert_eq!(progress, expected);
}

#[test]
fn a_host_that_comes_later_shifts() {
    let signatures = Arc::new(Signatures::builtin());
    let packets = [(C, &b"GET / HTTP/1.1\r\nHost: m.youtube."[..]), (C, b"com\r\n\r\n")];
    let (told, _) = run(session(Transport::Tcp, 80, &signatures), &packets);
    assert_eq!(told, [Some(app::WEB_BROWSING), Some(app::YOUTUBE_BASE)]);
}

#[test]
fn domains_are_whole_labels_and_the_longest_wins() {
    let signatures = Arc::new(Signatures::builtin());
    for (host, expected) in [
        ("youtube.com", app::YOUTUBE_BASE),
        ("upload.youtube.com", app::YOUTUBE_UPLOADING),
        ("notyoutube.com", app::WEB_BROWSING),
        ("youtube.com.example", app::WEB_BROWSING),
        ("mail.google.com", app::GMAIL_BASE),
    ] {
        assert_eq!(http(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), &signatures), expected, "{host}");
    }
}

#[test]
fn the_content_of_the_response_counts() {
    let signatures = Arc::new(Signatures::builtin());
    let request = (C, &b"GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n"[..]);
    let video = (S, &b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n"[..]);
    let (told, _) = run(session(Transport::Tcp, 80, &signatures), &[request, video]);
    assert_eq!(told, [Some(app::WEB_BROWSING), Some(app::HTTP_VIDEO)]);
}

#[test]
fn a_custom_application_comes_before_the_catalogue() {
    let own = application(vec![signature(vec![pattern("http-req-host-header", r"www\.youtube\.com$")])]);
    let signatures = compile(&own);
    assert_eq!(http("GET / HTTP/1.1\r\nHost: www.youtube.com\r\n\r\n", &signatures), OWN);
    assert_eq!(http("GET / HTTP/1.1\r\nHost: m.youtube.com\r\n\r\n", &signatures), app::YOUTUBE_BASE);
}

#[test]
fn all_conditions_must_be_met() {
    let tests = vec![pattern("http-req-uri-path", "^/api/"), pattern("http-req-params", "key=[0-9]+")];
    let signatures = compile(&application(vec![signature(tests)]));
    assert_eq!(http("GET /api/x?key=1 HTTP/1.1\r\n\r\n", &signatures), OWN);
    assert_eq!(http("GET /api/x?key=a HTTP/1.1\r\n\r\n", &signatures), app::WEB_BROWSING);
    assert_eq!(http("GET /x?key=1 HTTP/1.1\r\n\r\n", &signatures), app::WEB_BROWSING);
}

#[test]
fn any_test_meets_a_condition_and_order_counts_where_asked_for() {
    let either = SignatureCondition {
        name: "either".into(),
        tests: vec![pattern("http-req-uri-path", "/one"), pattern("http-req-uri-path", "/two")],
    };
    let then = SignatureCondition { name: "then".into(), tests: vec![pattern("http-req-params", "last")] };
    let ordered = |conditions| Signature { order_free: false, conditions, ..signature(vec![]) };
    let forward = compile(&application(vec![ordered(vec![either.clone(), then.clone()])]));
    assert_eq!(http("GET /two?last HTTP/1.1\r\n\r\n", &forward), OWN);
    let backward = compile(&application(vec![ordered(vec![then, either])]));
    assert_eq!(http("GET /two?last HTTP/1.1\r\n\r\n", &backward), app::WEB_BROWSING);
}

#[test]
fn numbers_are_compared() {
    let context = || "http-req-uri-path-length".to_owned();
    let tests = vec![
        SignatureTest::Greater { context: context(), value: 3 },
        SignatureTest::Less { context: context(), value: 6 },
    ];
    let signatures = compile(&application(vec![signature(tests)]));
    for (path, expected) in [("/ab", app::WEB_BROWSING), ("/abc", OWN), ("/abcde", app::WEB_BROWSING)] {
        assert_eq!(http(&format!("GET {path} HTTP/1.1\r\n\r\n"), &signatures), expected, "{path}");
    }
}

#[test]
fn bytes_at_a_place_are_compared() {
    let equal = |position, mask, value| SignatureTest::Equal {
        context: "unknown-req-udp".into(),
        position,
        mask,
        value,
    };
    let tests = vec![equal(1, 0xff00_ffff, 0x0a00_0b0c), equal(5, u32::MAX, 1)];
    let signatures = compile(&application(vec![signature(tests)]));
    let udp = |bytes: &[u8]| run(session(Transport::Udp, 40_001, &signatures), &[(C, bytes)]).1;
    assert_eq!(udp(&[0xd7, 0x0a, 0xee, 0x0b, 0x0c, 0, 0, 0, 1]), OWN);
    assert_eq!(udp(&[0xd7, 0x0a, 0xee, 0x0b, 0x0d, 0, 0, 0, 1]), app::INSUFFICIENT_DATA);
    assert_eq!(udp(&[0xd7, 0x0a, 0xee, 0x0b, 0x0c, 0, 0, 0]), app::INSUFFICIENT_DATA);
}

#[test]
fn unknown_payload_is_seen_across_segments() {
    let own = application(vec![signature(vec![
        pattern("unknown-req-tcp-payload", r"^\x ee ee \x.*hello"),
        pattern("unknown-rsp-tcp-payload", "world"),
    ])]);
    let signatures = compile(&own);
    let packets = [
        (C, &b"\xee\xee\xee\xee\xee\xee\xee\xee\xee\xee\xee\xee hel"[..]),
        (S, b"wor"),
        (S, b"ld"),
        (C, b"lo"),
    ];
    let (told, at_end) = run(session(Transport::Tcp, 40_001, &signatures), &packets);
    assert_eq!(told, [None, None, None, Some(OWN)]);
    assert_eq!(at_end, OWN);
    let (_, at_end) = run(session(Transport::Tcp, 40_001, &signatures), &packets[..3]);
    assert_eq!(at_end, app::INSUFFICIENT_DATA);
    // What a protocol claims is not unknown.
    let greedy = compile(&application(vec![signature(vec![pattern("unknown-req-tcp-payload", "GET")])]));
    assert_eq!(http("GET / HTTP/1.1\r\n\r\n", &greedy), app::WEB_BROWSING);
}

#[test]
fn a_protocols_payload_is_seen_behind_its_verdict() {
    let own = application(vec![signature(vec![pattern("ssh-rsp-banner", "MyServer")])]);
    let signatures = compile(&own);
    let packets = [(C, &b"SSH-2.0-x\r\n"[..]), (S, b"SSH-2.0-MyS"), (S, b"erver\r\n")];
    let (told, _) = run(session(Transport::Tcp, 22, &signatures), &packets);
    assert_eq!(told, [Some(app::SSH), None, Some(OWN)]);
}

#[test]
fn a_parent_must_carry_it() {
    let mut own = application(vec![signature(vec![pattern("http-req-uri-path", "/own")])]);
    own.parent = Some(app::YOUTUBE_BASE);
    let signatures = compile(&own);
    assert_eq!(http("GET /own HTTP/1.1\r\nHost: a.test\r\n\r\n", &signatures), app::WEB_BROWSING);
    assert_eq!(http("GET /own HTTP/1.1\r\nHost: youtube.com\r\n\r\n", &signatures), OWN);
    own.parent = Some(app::WEB_BROWSING);
    assert_eq!(http("GET /own HTTP/1.1\r\nHost: a.test\r\n\r\n", &compile(&own)), OWN);
}

#[test]
fn one_message_or_the_session() {
    let conditions =
        || vec![pattern("dns-req-protocol-payload", "one"), pattern("dns-req-protocol-payload", "two")];
    let query = |name: &[u8]| {
        let header = [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3];
        [&header[..], name, &[0, 0, 1, 0, 1]].concat()
    };
    let (one, two) = (query(b"one"), query(b"two"));
    for (scope_session, expected) in [(true, OWN), (false, app::DNS_BASE)] {
        let own = application(vec![Signature { scope_session, ..signature(conditions()) }]);
        let packets = [(C, &one[..]), (C, &two[..])];
        assert_eq!(run(session(Transport::Udp, 53, &compile(&own)), &packets).1, expected);
    }
}

#[test]
fn a_port_counts_last() {
    let mut own = application(vec![]);
    own.ports = vec![PortPattern::Tcp(40_001, 40_001)];
    let signatures = compile(&own);
    let noise = [(C, &[0xee_u8; 12][..]); 4];
    let (told, _) = run(session(Transport::Tcp, 40_001, &signatures), &noise);
    assert_eq!(told, [None, None, None, Some(OWN)]);
    assert_eq!(run(session(Transport::Tcp, 40_001, &signatures), &noise[..1]).1, OWN);
    assert_eq!(run(session(Transport::Tcp, 40_002, &signatures), &noise).1, app::UNKNOWN_TCP);
    let ssh = [(S, &b"SSH-2.0-x\r\n"[..])];
    assert_eq!(run(session(Transport::Tcp, 40_001, &signatures), &ssh).1, app::SSH);
}

#[test]
fn what_cannot_be_used_is_refused() {
    let refusal = |tests: Vec<SignatureTest>| {
        let own = application(vec![signature(tests)]);
        Signatures::new(&[(OWN, &own)]).map(|_| ()).unwrap_err().to_string()
    };
    let told = refusal(vec![pattern("http-req-mood", "abc")]);
    assert_eq!(told, "application own, signature s: unknown context \"http-req-mood\" for pattern-match");
    let told = refusal(vec![pattern("http-req-params", "(ab")]);
    assert_eq!(told, "application own, signature s: pattern \"(ab\": unclosed group");
    let told = refusal(vec![SignatureTest::Less { context: "http-req-params".into(), value: 1 }]);
    assert_eq!(told, "application own, signature s: unknown context \"http-req-params\" for less-than");
    assert_eq!(refusal(vec![]), "application own, signature s: nothing to match");
    let many = vec![pattern("http-req-params", "abc"); MOST_CONDITIONS + 1];
    assert_eq!(refusal(many), "application own, signature s: 33 and-conditions: expected at most 32");
}

#[test]
fn a_text_full_of_hits_costs_each_expression_once() {
    let own = application(vec![signature(vec![pattern("unknown-req-tcp-payload", "aa.*bb")])]);
    let signatures = compile(&own);
    let full = [b'a'; 1900];
    let packets = [(C, &[0xee_u8; 12][..]), (C, &full)];
    assert_eq!(run(session(Transport::Tcp, 40_001, &signatures), &packets).1, app::INSUFFICIENT_DATA);
}

#[test]
fn threads_may_share_them() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Signatures::builtin());
}
