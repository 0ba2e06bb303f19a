use alloc::vec::Vec;

use super::*;

const LIMITS: Limits = Limits { packets: 4, bytes: 2000, out_of_order_segments: 64 };
const C: Direction = Direction::ClientToServer;
const S: Direction = Direction::ServerToClient;

fn tcp() -> Inspection {
    Inspection::new(Opening {
        transport: Transport::Tcp,
        client_port: 40_000,
        server_port: 40_001,
        first_sequence: [Some(0), Some(0)],
    })
}

fn udp() -> Inspection {
    Inspection::new(Opening {
        transport: Transport::Udp,
        client_port: 40_000,
        server_port: 40_001,
        first_sequence: [None, None],
    })
}

fn give(inspection: &mut Inspection, direction: Direction, sequence: u32, bytes: &[u8]) -> Progress {
    inspection.payload(Payload { direction, sequence, bytes, cut: 0 }, &LIMITS)
}

#[test]
fn one_packet_can_name_application_and_server() {
    let mut inspection = tcp();
    let progress = give(&mut inspection, C, 0, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let expected =
        Progress { app: Some(app::WEB_BROWSING), server_name: Some("a.test".into()), ..Progress::default() };
    assert_eq!(progress, expected);
    let progress = give(&mut inspection, S, 0, b"HTTP/1.1 200 OK\r\n");
    assert_eq!(progress, Progress { finished: true, released: true, ..Progress::default() });
    assert_eq!(inspection.app_at_end(), app::WEB_BROWSING);
}

#[test]
fn without_a_decoder_certain_is_finished() {
    let progress = give(&mut tcp(), S, 0, b"SSH-2.0-x\r\n");
    assert_eq!(
        progress,
        Progress { app: Some(app::SSH), finished: true, released: true, ..Progress::default() }
    );
}

#[test]
fn held_bytes_are_replayed_to_the_decoder() {
    let mut inspection = tcp();
    assert_eq!(give(&mut inspection, C, 0, b"GET /x HT"), Progress::default());
    let progress = give(&mut inspection, C, 9, b"TP/1.1\r\nHost: ");
    assert_eq!(progress, Progress { app: Some(app::WEB_BROWSING), ..Progress::default() });
    let progress = give(&mut inspection, C, 23, b"a.test\r\n\r\n");
    assert_eq!(progress, Progress { server_name: Some("a.test".into()), ..Progress::default() });
}

#[test]
fn a_tunnel_through_a_proxy_is_a_new_connection() {
    let mut inspection = tcp();
    let progress = give(&mut inspection, C, 0, b"CONNECT a.test:443 HTTP/1.1\r\n\r\n");
    assert_eq!(progress.app, Some(app::HTTP_PROXY));
    assert!(!progress.finished);
    let progress = give(&mut inspection, S, 0, b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(
        progress,
        Progress { new_connection: true, finished: true, released: true, ..Progress::default() }
    );
}

#[test]
fn the_budget_in_packets_ends_in_unknown() {
    for (mut inspection, unknown) in [(tcp(), app::UNKNOWN_TCP), (udp(), app::UNKNOWN_UDP)] {
        for packet in 0..3 {
            assert_eq!(give(&mut inspection, C, 12 * packet, &[0xee; 12]), Progress::default());
            assert_eq!(inspection.app_at_end(), app::INSUFFICIENT_DATA);
        }
        let progress = give(&mut inspection, C, 36, &[0xee; 12]);
        assert_eq!(
            progress,
            Progress { app: Some(unknown), finished: true, released: true, ..Progress::default() }
        );
        assert_eq!(inspection.app_at_end(), unknown);
    }
}

#[test]
fn small_packets_do_not_use_the_budget_up_while_a_probe_is_unsure() {
    let mut inspection = tcp();
    let banner = b"SSH-2.0-x\r\n";
    for (sequence, byte) in (0..7).zip(banner) {
        assert_eq!(give(&mut inspection, C, sequence, &[*byte]), Progress::default());
    }
    assert_eq!(give(&mut inspection, C, 7, b"-").app, Some(app::SSH));
}

#[test]
fn other_bytes_in_the_place_of_unacknowledged_ones_are_told_apart() {
    let mut inspection = tcp();
    inspection.acknowledge([Some(0), Some(0)]);
    let progress = give(&mut inspection, C, 0, b"SSH-2.0-x\r\n");
    assert_eq!(progress, Progress { app: Some(app::SSH), finished: true, ..Progress::default() });
    assert!(give(&mut inspection, C, 0, b"GET /").contradiction);
    assert!(give(&mut inspection, C, 5, b"xSSH").contradiction);
    assert!(!give(&mut inspection, C, 4, b"2.0-x").contradiction);
    assert!(!give(&mut inspection, S, 0, b"GET /").contradiction, "the other direction");
    inspection.acknowledge([Some(5), Some(0)]);
    assert!(!give(&mut inspection, C, 0, b"GET /").contradiction, "its receiver has it");
    inspection.acknowledge([Some(11), Some(0)]);
    assert_eq!(give(&mut inspection, C, 11, b"x"), Progress { released: true, ..Progress::default() });
}

#[test]
fn the_budget_in_bytes_ends_in_unknown() {
    let mut inspection = tcp();
    assert_eq!(give(&mut inspection, C, 0, &[1; 1000]), Progress::default());
    assert_eq!(give(&mut inspection, S, 0, &[1; 999]), Progress::default());
    assert_eq!(give(&mut inspection, S, 999, &[1; 1]).app, Some(app::UNKNOWN_TCP));
}

#[test]
fn repeats_do_not_use_the_budget() {
    let mut inspection = tcp();
    for _ in 0..9 {
        assert_eq!(give(&mut inspection, C, 0, b"\x01\x02"), Progress::default());
    }
}

#[test]
fn segments_out_of_order_are_put_in_order() {
    let mut inspection = tcp();
    assert_eq!(
        give(&mut inspection, C, 5, b" HTTP/1.0\r\n"),
        Progress { is_ahead: true, ..Progress::default() }
    );
    let progress = give(&mut inspection, C, 0, b"GET /");
    assert_eq!(progress.app, Some(app::WEB_BROWSING));
}

#[test]
fn a_gap_that_never_closes_is_reported_and_skipped() {
    let mut inspection = tcp();
    let limits = Limits { out_of_order_segments: 2, packets: 9, ..LIMITS };
    let pieces: [(u32, &[u8]); 3] = [(10, b"GET / "), (16, b"HTTP/1.0"), (24, b"\r\n")];
    for (place, (sequence, bytes)) in pieces.into_iter().enumerate() {
        let progress = inspection.payload(Payload { direction: C, sequence, bytes, cut: 0 }, &limits);
        assert_eq!(progress.out_of_order_exceeded, place == 2);
        assert_eq!(progress.app, (place == 2).then_some(app::WEB_BROWSING));
    }
}

#[test]
fn what_waits_at_the_end_is_payload() {
    let mut inspection = tcp();
    give(&mut inspection, C, 10, b"GET / HTTP/1.0\r\n");
    assert_eq!(inspection.app_at_end(), app::WEB_BROWSING);
    let mut inspection = tcp();
    give(&mut inspection, C, 10, b"\x01\x01");
    assert_eq!(inspection.app_at_end(), app::INSUFFICIENT_DATA);
    for packet in 0..3 {
        give(&mut inspection, C, 20 + 10 * packet, b"\x01\x01");
    }
    assert_eq!(inspection.app_at_end(), app::UNKNOWN_TCP);
}

#[test]
fn after_a_hole_nothing_is_appended() {
    let mut inspection = tcp();
    inspection.payload(Payload { direction: C, sequence: 0, bytes: b"GET /x", cut: 30 }, &LIMITS);
    assert_eq!(give(&mut inspection, C, 36, b" HTTP/1.0\r\n").app, None);
    let mut inspection = tcp();
    let head = b"GET / HTTP/1.0\r\nHo";
    inspection.payload(Payload { direction: C, sequence: 0, bytes: head, cut: 10 }, &LIMITS);
    assert_eq!(inspection.app_at_end(), app::WEB_BROWSING);
    let progress = give(&mut inspection, C, head.len() as u32 + 10, b"st: a.test\r\n");
    assert_eq!(progress.server_name, None);
    assert!(progress.released);
}

#[test]
fn noise_between_peers_has_its_own_word() {
    let noise = |seed: u32| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..300).map(|_| next()).collect::<Vec<u8>>()
    };
    for (server_port, unknown) in [(51_413, app::UNKNOWN_P2P), (443, app::UNKNOWN_TCP)] {
        let mut inspection = Inspection::new(Opening { server_port, ..tcp().opening });
        give(&mut inspection, C, 0, &noise(1));
        give(&mut inspection, S, 0, &noise(2));
        give(&mut inspection, C, 300, &noise(3));
        assert_eq!(give(&mut inspection, S, 300, &noise(4)).app, Some(unknown));
    }
}

#[test]
fn without_a_syn_either_end_may_be_the_server() {
    let mut inspection =
        Inspection::new(Opening { first_sequence: [None, None], client_port: 3306, ..tcp().opening });
    let greeting = b"\x3c\0\0\0\x0a8.0.36\0\x09\0\0\0abcdefgh\0\xff\xf7\x08\x02\0\xff\x81\x15";
    assert_eq!(give(&mut inspection, C, 77, greeting).app, Some(app::MYSQL));
    assert_eq!(give(&mut tcp(), C, 0, greeting).app, None);
}
