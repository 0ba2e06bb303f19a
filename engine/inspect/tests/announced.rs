//! Connections that control protocols announce, seen through the whole inspection: pieces, gaps, and sessions
//! longer than any budget.

use bifrons_catalog::app;
use bifrons_inspect::{Inspection, Limits, Opening, Payload, Progress, Transport};
use bifrons_model::Direction::{self, ClientToServer, ServerToClient};

const LIMITS: Limits = Limits { packets: 2000, bytes: 64 * 1024, out_of_order_segments: 32 };

/// An FTP session whose greeting has passed: the inspection, and the next sequence numbers.
fn ftp() -> (Inspection, [u32; 2]) {
    let mut inspection = Inspection::new(Opening {
        transport: Transport::Tcp,
        client_port: 40_000,
        server_port: 21,
        first_sequence: [Some(1000), Some(5000)],
    });
    let mut next = [1000, 5000];
    let greeting = send(&mut inspection, &mut next, ServerToClient, b"220 FTP server ready\r\n");
    assert_eq!(greeting.app, Some(app::FTP));
    (inspection, next)
}

fn send(inspection: &mut Inspection, next: &mut [u32; 2], direction: Direction, bytes: &[u8]) -> Progress {
    let sequence = next[direction.index()];
    next[direction.index()] = sequence.wrapping_add(bytes.len() as u32);
    at(inspection, direction, sequence, bytes)
}

fn at(inspection: &mut Inspection, direction: Direction, sequence: u32, bytes: &[u8]) -> Progress {
    inspection.payload(Payload { direction, sequence, bytes, cut: 0 }, &LIMITS)
}

const PORT: &[u8] = b"PORT 192,0,2,1,19,137\r\n";

#[test]
fn a_long_control_connection_is_followed_to_its_end() {
    let (mut inspection, mut next) = ftp();
    for round in 0..3000 {
        let progress = send(&mut inspection, &mut next, ClientToServer, b"NOOP and what else there is\r\n");
        assert!(!progress.finished && progress.expectations.is_empty(), "{round}");
    }
    let progress = send(&mut inspection, &mut next, ClientToServer, PORT);
    assert_eq!(progress.expectations.len(), 1);
    assert_eq!(progress.expectations[0].app, app::FTP_DATA);
    assert!(progress.expectations[0].is_rewritable);
    assert_eq!(&PORT[progress.texts[0].place.clone()], b"192,0,2,1,19,137");
}

#[test]
fn places_count_in_the_packet_even_when_a_part_of_it_came_before() {
    let (mut inspection, next) = ftp();
    let bytes = [b"NOOP\r\n", PORT].concat();
    at(&mut inspection, ClientToServer, next[0], &bytes[..6]);
    let progress = at(&mut inspection, ClientToServer, next[0], &bytes);
    assert_eq!(&bytes[progress.texts[0].place.clone()], b"192,0,2,1,19,137");
    assert_eq!(at(&mut inspection, ClientToServer, next[0], &bytes), Progress::default(), "sent again");
}

#[test]
fn what_came_ahead_of_its_turn_cannot_be_rewritten_any_more() {
    let (mut inspection, next) = ftp();
    let ahead = at(&mut inspection, ClientToServer, next[0] + 6, PORT);
    assert!(ahead.is_ahead && ahead.expectations.is_empty());
    let progress = at(&mut inspection, ClientToServer, next[0], b"NOOP\r\n");
    assert!(!progress.is_ahead && progress.texts.is_empty());
    assert!(!progress.expectations[0].is_rewritable);
}

#[test]
fn where_texts_are_rewritten_what_came_ahead_is_read_when_it_comes_again() {
    let (mut inspection, next) = ftp();
    inspection.rewrite_texts();
    let ahead = at(&mut inspection, ClientToServer, next[0] + 6, PORT);
    assert_eq!(ahead, Progress { is_ahead: true, ..Progress::default() });
    let progress = at(&mut inspection, ClientToServer, next[0], b"NOOP\r\n");
    assert_eq!(progress, Progress::default());
    let progress = at(&mut inspection, ClientToServer, next[0] + 6, PORT);
    assert!(progress.expectations[0].is_rewritable);
    assert_eq!(&PORT[progress.texts[0].place.clone()], b"192,0,2,1,19,137");
}

#[test]
fn the_packet_that_closes_a_gap_can_be_rewritten() {
    let (mut inspection, next) = ftp();
    at(&mut inspection, ClientToServer, next[0] + PORT.len() as u32, b"LIST\r\n");
    let progress = at(&mut inspection, ClientToServer, next[0], PORT);
    assert!(progress.expectations[0].is_rewritable);
    assert_eq!(&PORT[progress.texts[0].place.clone()], b"192,0,2,1,19,137");
}

#[test]
fn the_datagram_that_is_recognised_is_read_at_once() {
    let request: &[u8] = b"INVITE sip:bob@198.51.100.9 SIP/2.0\r\nContent-Type: application/sdp\r\n\r\n\
        v=0\r\nc=IN IP4 10.0.0.5\r\nm=audio 49170 RTP/AVP 0\r\n";
    let opening = Opening {
        transport: Transport::Udp,
        client_port: 5060,
        server_port: 5060,
        first_sequence: [None; 2],
    };
    for held in [&[][..], &[(ServerToClient, &b"\r\n\r\n"[..])], &[(ClientToServer, b"\r\n\r\n")]] {
        let mut inspection = Inspection::new(opening);
        for (direction, bytes) in held {
            at(&mut inspection, *direction, 0, bytes);
        }
        let progress = at(&mut inspection, ClientToServer, 0, request);
        assert_eq!(progress.app, Some(app::SIP));
        assert_eq!(progress.expectations.len(), 2);
        assert!(progress.expectations.iter().all(|expectation| expectation.is_rewritable));
        let port = progress.texts.iter().find(|text| text.port == Some(49170)).unwrap();
        assert_eq!(&request[port.place.clone()], b"49170");
    }
}

#[test]
fn a_request_for_a_file_expects_the_answer_from_any_port() {
    let mut inspection = Inspection::new(Opening {
        transport: Transport::Udp,
        client_port: 40_000,
        server_port: 69,
        first_sequence: [None; 2],
    });
    let progress = at(&mut inspection, ClientToServer, 0, b"\0\x01startup.cfg\0octet\0");
    assert_eq!(progress.app, Some(app::TFTP));
    assert_eq!(progress.expectations.len(), 1);
    assert_eq!((progress.expectations[0].address, progress.expectations[0].port), (None, None));
}
