//! The owner dies before any packet of a conversation, and the other device goes on.

use bifrons_catalog::app;
use bifrons_dataplane::{PairView, Verdict};
use bifrons_model::{DropReason, TrafficRecord};

use crate::{
    packets::{Header, Way, tcp, udp},
    pair::{INSIDE, OUTSIDE, Pair},
};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const OPTIONS: &[u8] = &[2, 4, 5, 180, 3, 3, 7, 1];

fn way(client_port: u16, server_port: u16) -> Way {
    Way { source: ([10, 0, 0, 2].into(), client_port), destination: ([203, 0, 113, 7].into(), server_port) }
}

/// A connection as its hosts see it.
struct Connection {
    client: Way,
    /// As the server knows it, turned round.
    server: Way,
    next: [u32; 2],
}

impl Connection {
    fn open(pair: &mut Pair, client: Way) -> Self {
        let mut all = Self { client, server: client.back(), next: [1_000, 70_000] };
        all.server = all.client_sends(pair, SYN, b"").back();
        all.server_sends(pair, SYN | ACK, b"");
        all.client_sends(pair, ACK, b"");
        all
    }

    fn segment(&mut self, side: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
        let options = if flags & SYN != 0 { OPTIONS } else { &[] };
        let acknowledgement = if flags & ACK != 0 { self.next[1 - side] } else { 0 };
        let header = Header { sequence: self.next[side], acknowledgement, flags, options };
        let controls = u32::from(flags & (SYN | FIN) != 0);
        self.next[side] = self.next[side].wrapping_add(payload.len() as u32 + controls);
        tcp(if side == 0 { self.client } else { self.server }, header, payload)
    }

    fn client_sends(&mut self, pair: &mut Pair, flags: u8, payload: &[u8]) -> Way {
        let frame = self.segment(0, flags, payload);
        pair.pass(INSIDE, &frame)
    }

    fn server_sends(&mut self, pair: &mut Pair, flags: u8, payload: &[u8]) {
        let frame = self.segment(1, flags, payload);
        let seen = pair.pass(OUTSIDE, &frame);
        assert_eq!((seen.source, seen.destination), (self.client.destination, self.client.source));
    }

    fn close(&mut self, pair: &mut Pair) {
        self.client_sends(pair, FIN | ACK, b"");
        self.server_sends(pair, FIN | ACK, b"");
        self.client_sends(pair, ACK, b"");
    }
}

/// A request that is recognised by its second segment only, and an answer in three.
fn web(pair: &mut Pair) {
    let mut web = Connection::open(pair, way(40_000, 8_080));
    web.client_sends(pair, ACK, b"GE");
    web.client_sends(pair, ACK, b"T /index.html HTTP/1.1\r\nHo");
    web.server_sends(pair, ACK, b"");
    web.client_sends(pair, ACK, b"st: www.example.com\r\n\r\n");
    web.server_sends(
        pair,
        ACK,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nabc",
    );
    web.server_sends(pair, ACK, b"def");
    web.client_sends(pair, ACK, b"");
    web.server_sends(pair, ACK, b"ghi");
    web.close(pair);
}

/// A request whose head is longer than what is kept of a stream for the other device.
fn long_head(pair: &mut Pair) {
    let mut web = Connection::open(pair, way(40_005, 8_081));
    web.client_sends(pair, ACK, b"GET / HTTP/1.1\r\nHost: www.example.com\r\n");
    for place in 0..15_u8 {
        let line = [&[b'a' + place, b':'][..], &[b'v'; 1_200], b"\r\n"].concat();
        web.client_sends(pair, ACK, &line);
        web.server_sends(pair, ACK, b"");
    }
    web.client_sends(pair, ACK, b"\r\n");
    web.server_sends(pair, ACK, b"HTTP/1.1 204 No Content\r\n\r\n");
    web.close(pair);
}

/// Three conversations at once, one of which nobody recognises.
fn several(pair: &mut Pair) {
    let mut web = Connection::open(pair, way(40_001, 80));
    let query =
        [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3][..], b"www\x07example\x03com\0\0\x01\0\x01"].concat();
    let answer = [&[0, 7, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0][..], &query[12..]].concat();
    let name = pair.pass(INSIDE, &udp(way(5_353, 53), &query));
    let mut odd = Connection::open(pair, way(40_002, 9_999));
    web.client_sends(pair, ACK, b"GET / HTTP/1.0\r\n\r\n");
    odd.server_sends(pair, ACK, &[1, 2, 3, 4]);
    pair.pass(OUTSIDE, &udp(name.back(), &answer));
    odd.client_sends(pair, ACK, &[0xee; 900]);
    web.server_sends(pair, FIN | ACK, b"HTTP/1.0 404 Not Found\r\n\r\n");
    odd.server_sends(pair, ACK, &[0xdd; 900]);
    web.client_sends(pair, FIN | ACK, b"");
    odd.client_sends(pair, RST | ACK, b"");
}

/// What the log says of a session whoever writes it.
fn essence(record: &TrafficRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    let ends = (record.source, record.source_port, record.destination, record.destination_port);
    let identity = (record.session_id, record.start, record.translation, record.nat_rule, record.handshake);
    let verdict = (record.app, record.rule, record.action, record.end_reason, record.server_name.clone());
    (ends, identity, verdict, record.flags)
}

/// Packets that were counted; those since the owner last told of them died with it.
fn packets(records: &[TrafficRecord]) -> u64 {
    records.iter().map(|record| record.sent.packets + record.received.packets).sum()
}

fn play(conversation: fn(&mut Pair), kill_at: usize) -> (usize, Vec<Verdict>, Vec<TrafficRecord>) {
    let mut pair = Pair::new("", kill_at, 0);
    conversation(&mut pair);
    (pair.sent, pair.verdicts.clone(), pair.records())
}

#[test]
fn a_dead_owner_changes_nothing_but_who_logs() {
    for conversation in [web as fn(&mut Pair), several, long_head] {
        let (count, verdicts, whole) = play(conversation, usize::MAX);
        assert!(whole.iter().any(|record| record.app == app::WEB_BROWSING));
        for kill_at in 1..=count {
            let (_, other_verdicts, records) = play(conversation, kill_at);
            assert_eq!(other_verdicts, verdicts, "killed before packet {kill_at}");
            let [told, expected] = [&records, &whole].map(|all| all.iter().map(essence).collect::<Vec<_>>());
            // What began after the take-over has another number.
            if told.len() == expected.len() && records.iter().all(|record| record.session_id.0 < 1_000) {
                assert_eq!(told, expected, "killed before packet {kill_at}");
            }
            let verdict = |record: &TrafficRecord| (record.app, record.rule, record.end_reason);
            assert!(packets(&records) <= packets(&whole));
            let sorted = |all: &[TrafficRecord]| {
                let mut all: Vec<_> = all.iter().map(verdict).collect();
                all.sort_unstable();
                all
            };
            assert_eq!(sorted(&records), sorted(&whole), "killed before packet {kill_at}");
        }
    }
}

/// The last things that the owner had to tell are lost with it.
#[test]
fn packets_pass_although_the_last_words_are_lost() {
    let (count, ..) = play(web, usize::MAX);
    for lost in 1..4 {
        for kill_at in lost + 1..count {
            let mut pair = Pair::new("", kill_at, lost);
            web(&mut pair);
            let records = pair.records();
            assert_eq!(records.len(), 1, "{lost} lost, killed before packet {kill_at}: {records:#?}");
        }
    }
}

/// A session that is blocked stays blocked, and is not logged again.
#[test]
fn what_was_blocked_stays_blocked() {
    for kill_at in [usize::MAX, 5, 6, 7] {
        let mut pair = Pair::new("", kill_at, 0);
        let mut ssh = Connection::open(&mut pair, way(40_003, 22));
        let frame = ssh.segment(1, ACK, b"SSH-2.0-server\r\n");
        assert_eq!(pair.send(OUTSIDE, &frame).0, Verdict::Drop(DropReason::PolicyDeny));
        for _ in 0..3 {
            let (verdict, _) = pair.send(OUTSIDE, &frame);
            assert_eq!(verdict, Verdict::Drop(DropReason::SessionDiscard), "killed at {kill_at}");
        }
        let records = pair.records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].app, app::SSH);
    }
}

/// A connection of which nothing was told goes on without a handshake where a rule allows it, for a minute.
#[test]
fn what_was_never_told_of_is_picked_up() {
    for (waited, is_picked_up) in [(0, true), (59, true), (61, false)] {
        for is_server_first in [false, true] {
            let mut pair = Pair::new("", usize::MAX, 0);
            let compiled = crate::pair::compiled_without_nat("");
            for device in &mut pair.devices {
                device.worker.handle_commit(&compiled);
            }
            let mut talk =
                Connection { client: way(40_004, 443), server: way(40_004, 443).back(), next: [1, 2] };
            pair.devices[1].worker.handle_take_over(pair.now);
            pair.devices[1].worker.set_pair_view(PairView::ALONE);
            pair.now = pair.now.after_secs(waited);
            let now = pair.now;
            let client = talk.segment(0, ACK, b"hello");
            let server = talk.segment(1, ACK, b"world");
            let both = if is_server_first {
                [(OUTSIDE, server), (INSIDE, client)]
            } else {
                [(INSIDE, client), (OUTSIDE, server)]
            };
            for (interface, frame) in both {
                let (verdict, _) = pair.devices[1].send(now, interface, &frame);
                let passes = matches!(verdict, Verdict::Transmit(_));
                assert_eq!(passes, is_picked_up, "{waited} s, {is_server_first}: {verdict:?}");
            }
        }
    }
}

/// What a NAT rule translates does not leave as it came because its sender might be a server. The client's
/// next segment tells that it is one.
#[test]
fn what_is_translated_is_not_picked_up_as_it_is() {
    let inwards = "set rulebase security rules in from untrust to trust source any destination any\n\
                   set rulebase security rules in application any service any action allow";
    let mut pair = Pair::new(inwards, usize::MAX, 0);
    let outside = Way { source: ([203, 0, 113, 7].into(), 40_004), destination: ([10, 0, 0, 2].into(), 443) };
    let mut talk = Connection { client: outside, server: outside.back(), next: [1, 2] };
    pair.devices[1].worker.handle_take_over(pair.now);
    pair.devices[1].worker.set_pair_view(PairView::ALONE);
    let now = pair.now;
    let server = talk.segment(1, ACK, b"world");
    let (verdict, _) = pair.devices[1].send(now, INSIDE, &server);
    assert_eq!(verdict, Verdict::Drop(DropReason::TcpNonSyn));
    let client = talk.segment(0, ACK, b"hello");
    for (interface, frame) in [(OUTSIDE, client), (INSIDE, server)] {
        let (verdict, _) = pair.devices[1].send(now, interface, &frame);
        assert!(matches!(verdict, Verdict::Transmit(_)), "{verdict:?}");
    }
}

/// The rules let out and nothing in: a segment from a client's port outside to a service inside is no answer.
#[test]
fn what_no_rule_allows_is_not_picked_up_the_other_way_round() {
    for (port_outside, passes) in [(50_000, false), (40_000, true)] {
        let mut pair = Pair::new("", usize::MAX, 0);
        let compiled = crate::pair::compiled_without_nat("");
        pair.devices[1].worker.handle_commit(&compiled);
        pair.devices[1].worker.handle_take_over(pair.now);
        pair.devices[1].worker.set_pair_view(PairView::ALONE);
        let back = way(8_000, port_outside).back();
        let mut talk = Connection { client: back.back(), server: back, next: [1, 2] };
        let frame = talk.segment(1, ACK, b"hello");
        let (verdict, _) = pair.devices[1].send(pair.now, OUTSIDE, &frame);
        let has_passed = matches!(verdict, Verdict::Transmit(_));
        assert_eq!(has_passed, passes, "from {port_outside}, which may be a service's: {verdict:?}");
    }
}

#[test]
fn who_does_not_forward_drops_everything() {
    let mut pair = Pair::new("", usize::MAX, 0);
    let syn = tcp(way(1, 2), Header { sequence: 1, acknowledgement: 0, flags: SYN, options: OPTIONS }, b"");
    for frame in [&syn[..], b"", &[0xff; 14]] {
        let (verdict, _) = pair.devices[1].send(pair.now, INSIDE, frame);
        assert_eq!(verdict, Verdict::Drop(DropReason::HaNotActive));
    }
    let passive = &pair.devices[1];
    assert_eq!(passive.worker.counters().dropped_for(DropReason::HaNotActive), 3);
    assert!(passive.outbox.events.is_empty() && passive.outbox.emitted.is_empty());
    assert!(passive.worker.sessions().is_empty());
}
