//! What is told of sessions, and what comes of it.

use std::time::Duration;

use bifrons_dataplane::{
    DecodeError, EventKind, MirrorItem, MirrorRefusal, PairView, SessionState, Telling, Told, Verdict,
};
use bifrons_model::{InterfaceId, NatRuleId, SessionId, Tracker, Volume};
use bifrons_session::SessionFlags;
use proptest::prelude::*;

use crate::{
    packets::{Header, Way, echo, tcp, udp},
    pair::{Device, INSIDE, OUTSIDE, Pair, ROOM, START, compiled, compiled_without_nat},
};

const SYN: u8 = 2;
const ACK: u8 = 16;

fn way(client: u8, client_port: u16, server_port: u16) -> Way {
    Way {
        source: ([10, 0, 0, client].into(), client_port),
        destination: ([203, 0, 113, 7].into(), server_port),
    }
}

fn segment(way: Way, flags: u8, numbers: (u32, u32), payload: &[u8]) -> Vec<u8> {
    let options: &[u8] = if flags & SYN != 0 { &[3, 3, 7, 1] } else { &[] };
    tcp(way, Header { sequence: numbers.0, acknowledgement: numbers.1, flags, options }, payload)
}

fn states(device: &Device) -> Vec<SessionState> {
    let sessions = device.worker.sessions();
    let mut all: Vec<_> =
        sessions.slots().filter_map(|slot| device.worker.state_of(sessions.get(slot).id)).collect();
    all.sort_by_key(|state| state.id);
    all
}

/// A session that opens over IPv4 with source NAT, and each change of it.
#[test]
fn what_is_told_is_small() {
    let mut device = Device::new(&compiled(""), 1, PairView::ACTIVE);
    let mut now = START;
    let mut length = |device: &mut Device, interface, frame: &[u8], telling| {
        now += Duration::from_millis(1);
        assert!(matches!(device.send(now, interface, frame).0, Verdict::Transmit(_)));
        let mut out = Vec::new();
        assert_eq!(device.worker.encode_mirrored(SessionId(1), telling, 1_400, &mut out), Told::All);
        out.len()
    };
    let out = way(2, 40_000, 443);
    let whole = length(&mut device, INSIDE, &segment(out, SYN, (9, 0), b""), Telling::Whole);
    assert!(whole <= 48, "{whole} bytes");
    let reply = device.worker.sessions().keys(0)[1].addresses();
    let port = device.worker.sessions().keys(0)[1].destination_port();
    let back = Way { source: out.destination, destination: (reply.destination(), port) };
    let answered = segment(back, SYN | ACK, (99, 10), b"");
    let answered = length(&mut device, OUTSIDE, &answered, Telling::News);
    let established = length(&mut device, INSIDE, &segment(out, ACK, (10, 100), b""), Telling::News);
    assert!(answered <= 36 && established <= 36, "{answered} and {established} bytes");
    println!("a new session {whole} bytes, answered {answered}, established {established}");
}

#[test]
fn icmp_is_not_told_of() {
    let mut pair = Pair::new("", usize::MAX, 0);
    pair.pass(INSIDE, &echo(way(2, 7, 0), false, 7));
    assert_eq!(pair.devices[0].worker.sessions().len(), 1);
    assert!(pair.devices[0].outbox.session_events.is_empty());
    assert!(pair.devices[1].worker.sessions().is_empty());
    assert!(pair.devices[0].join().is_empty());
}

#[test]
fn a_copy_is_silent_and_does_not_age() {
    let mut pair = Pair::new("", usize::MAX, 0);
    pair.pass(INSIDE, &udp(way(2, 5_000, 9_999), b"?"));
    for _ in 0..100 {
        let passive = &mut pair.devices[1];
        pair.now += Duration::from_secs(20);
        passive.worker.handle_timeout(pair.now, &mut passive.outbox);
        passive.collect();
    }
    let passive = &pair.devices[1];
    assert_eq!((passive.worker.sessions().len(), passive.records.len()), (1, 0));
    assert!(passive.outbox.session_events.is_empty());
}

/// Counters of a session that only carries data are told once in a quarter of its timeout.
#[test]
fn packets_are_told_of_each_quarter() {
    let mut device = Device::new(&compiled(""), 1, PairView::ACTIVE);
    let mut told = Vec::new();
    for second in 0..30 {
        device.send(START.after_secs(second), INSIDE, &udp(way(2, 5_000, 9_999), &[0xee; 40]));
        told.extend(device.outbox.session_events.drain(..).map(|event| (second, event.kind)));
    }
    let changes: Vec<u32> = told.iter().filter(|told| told.0 > 20).map(|told| told.0).collect();
    assert_eq!(told[0], (0, EventKind::Created));
    assert_eq!(changes.len(), 1, "{told:?}");
}

/// Nothing is kept for somebody who is not told any more.
#[test]
fn who_is_alone_again_has_nothing_to_tell() {
    let mut device = Device::new(&compiled(""), 1, PairView::ACTIVE);
    let question = udp(way(2, 5_000, 9_999), &[0xee; 40]);
    device.send(START, INSIDE, &question);
    device.worker.set_pair_view(PairView::ALONE);
    device.outbox.session_events.clear();
    for second in 1..60 {
        device.send(START.after_secs(second), INSIDE, &question);
    }
    device.worker.set_pair_view(PairView::ACTIVE);
    device.worker.handle_timeout(START.after_secs(60), &mut device.outbox);
    assert_eq!(device.outbox.session_events, []);
    device.collect();
}

/// A copy goes with all that was noted of the session when it was this device's own.
#[test]
fn a_syn_that_waited_on_a_session_is_forgotten_with_its_copy() {
    let mut device = Device::new(&compiled_without_nat(""), 1, PairView::ACTIVE);
    let (out, mut now) = (way(2, 4_000, 80), START);
    let mut sends = |device: &mut Device, interface, way, flags, numbers| {
        now += Duration::from_millis(1);
        let (verdict, _) = device.send(now, interface, &segment(way, flags, numbers, b""));
        assert!(matches!(verdict, Verdict::Transmit(_)), "{verdict:?}");
        now
    };
    let mut open = |device: &mut Device| {
        sends(device, INSIDE, out, SYN, (100, 0));
        sends(device, OUTSIDE, out.back(), SYN | ACK, (500, 101));
        sends(device, INSIDE, out, ACK, (101, 501));
        // Another connection, perhaps.
        sends(device, INSIDE, out, SYN, (90_000, 0))
    };
    let at = open(&mut device);
    device.worker.handle_stand_down(at);
    assert!(device.worker.handle_mirrored_end(SessionId(1)));
    open(&mut device);
    let at = sends(&mut device, OUTSIDE, out.back(), SYN | ACK, (700, 90_001));
    sends(&mut device, INSIDE, out, ACK, (90_001, 701));
    device.worker.handle_take_over(at);
    device.run_on();
    let sent: Vec<u64> = device.records.iter().map(|record| record.sent.packets).collect();
    assert_eq!(sent, [2, 2], "each packet is counted once");
}

/// Both devices hold the same ports, and after the take-over none is given again.
#[test]
fn ports_are_given_once() {
    let pool =
        "set rulebase nat rules ports source-translation dynamic-ip-and-port translated-address 192.0.2.9";
    let mut pair = Pair::new(pool, 200, 0);
    let mut ports = std::collections::BTreeSet::new();
    for client in 0..200_u8 {
        let seen = pair.pass(INSIDE, &udp(way(client, 5_000, 9_999), b"?"));
        assert!(ports.insert(seen.source));
    }
    let [first, second] = &pair.devices;
    let usage = |device: &Device| device.worker.nat().usage(NatRuleId(0)).map(|usage| usage.taken);
    assert_eq!(usage(first), usage(second));
    for client in 0..200_u8 {
        let seen = pair.pass(INSIDE, &udp(way(client, 5_001, 9_999), b"?"));
        assert!(ports.insert(seen.source), "{seen:?} was given before");
    }
    pair.devices[1].run_on();
    assert!(pair.devices[1].worker.nat().is_idle());
}

/// The device that stands down follows the other one, and can take over again.
#[test]
fn devices_change_roles_and_back() {
    let mut pair = Pair::new("", usize::MAX, 0);
    for client in 2..6 {
        pair.pass(INSIDE, &udp(way(client, 5_000, 9_999), b"?"));
    }
    let now = pair.now;
    let [first, second] = &mut pair.devices;
    second.worker.handle_take_over(now);
    second.worker.set_pair_view(PairView::ACTIVE);
    first.worker.handle_stand_down(now);
    first.worker.set_pair_view(PairView::PASSIVE);
    // One more begins, and one ends unnoticed.
    second.send(now, INSIDE, &udp(way(7, 5_000, 9_999), b"?"));
    let port = bifrons_dataplane::ClearFilter { id: Some(SessionId(2)), ..Default::default() };
    second.worker.clear(&port, &mut second.outbox);
    second.outbox.session_events.clear();
    first.worker.handle_join_begin(now);
    let join = second.join();
    first.take(now, &join);
    first.worker.handle_join_end(now);
    first.worker.handle_timeout(now, &mut first.outbox);
    first.collect();
    assert_eq!(states(first), states(second));
    assert_eq!(states(first).len(), 4);
    first.worker.handle_take_over(now);
    first.worker.set_pair_view(PairView::ALONE);
    first.run_on();
    let ids: Vec<u32> = first.records.iter().map(|record| record.session_id.0).collect();
    assert_eq!(first.records.len(), 4, "{ids:?}");
    assert!(!ids.contains(&2) && ids.iter().any(|id| *id > 60_000));
    assert!(first.records.iter().all(|record| record.tracker == Tracker::AgedOut));
}

#[test]
fn own_sessions_and_other_configurations_are_safe() {
    let mut pair = Pair::new("", usize::MAX, 0);
    pair.pass(INSIDE, &udp(way(2, 5_000, 9_999), b"?"));
    let mut payload = Vec::new();
    let [first, second] = &mut pair.devices;
    assert_eq!(first.worker.encode_mirrored(SessionId(1), Telling::Whole, 1_400, &mut payload), Told::All);
    let item = MirrorItem::decode(SessionId(1), &payload, START).expect("an item");
    // The owner does not take its own session for a copy.
    let own = Err(MirrorRefusal::Own(SessionId(1)));
    assert_eq!(first.worker.handle_mirrored(START, &item), own);
    assert!(!first.worker.handle_mirrored_end(SessionId(1)));
    let other = MirrorItem { id: SessionId(9), ..item.clone() };
    assert_eq!(first.worker.handle_mirrored(START, &other), Err(MirrorRefusal::Own(SessionId(9))));
    // A copy whose end was not told makes room.
    assert_eq!(second.worker.handle_mirrored(START, &other), Ok(true));
    assert_eq!(second.worker.sessions().len(), 1);
    let mut foreign = item.clone();
    if let Some(who) = &mut foreign.who {
        who.interface_out = InterfaceId(40);
    }
    let refusal = Err(MirrorRefusal::OtherConfiguration(SessionId(1)));
    assert_eq!(second.worker.handle_mirrored(START, &foreign), refusal);
    let unknown = MirrorItem { id: SessionId(77), who: None, ..item };
    assert_eq!(second.worker.handle_mirrored(START, &unknown), Ok(false));
    assert!(second.worker.handle_mirrored_end(SessionId(9)));
    assert!(!second.worker.handle_mirrored_end(SessionId(9)));
    assert!(second.worker.nat().is_idle());
    second.collect();
}

/// Both have led, and the session has gone on at the second device only.
#[test]
fn a_session_that_went_on_at_the_other_device_goes_on_from_there() {
    let mut pair = Pair::new("", usize::MAX, 0);
    pair.pass(INSIDE, &udp(way(2, 5_000, 9_999), b"?"));
    let later = pair.now + Duration::from_secs(5);
    let [first, second] = &mut pair.devices;
    second.worker.handle_take_over(pair.now);
    second.worker.set_pair_view(PairView::ACTIVE);
    second.send(later, INSIDE, &udp(way(2, 5_000, 9_999), b"?"));
    let mut payload = Vec::new();
    assert_eq!(second.worker.encode_mirrored(SessionId(1), Telling::Whole, 1_400, &mut payload), Told::All);
    let item = MirrorItem::decode(SessionId(1), &payload, later).expect("an item");
    assert_eq!(first.worker.handle_mirrored(later, &item), Ok(true));
    // What is known here already is no news.
    assert_eq!(first.worker.handle_mirrored(later, &item), Err(MirrorRefusal::Own(SessionId(1))));
    first.run_on();
    let sent: Vec<u64> = first.records.iter().map(|record| record.sent.packets).collect();
    assert_eq!(sent, [2]);
}

/// Both lead, and the second device has seen nothing of the session but what it was told.
#[test]
fn what_the_other_device_has_only_inherited_is_no_news() {
    let mut pair = Pair::new("", usize::MAX, 0);
    let question = udp(way(2, 5_000, 9_999), b"?");
    pair.pass(INSIDE, &question);
    let now = pair.now;
    let [first, second] = &mut pair.devices;
    first.send(now, INSIDE, &question);
    let later = now + Duration::from_secs(5);
    second.worker.handle_take_over(later);
    second.worker.set_pair_view(PairView::ACTIVE);
    let mut payload = Vec::new();
    assert_eq!(second.worker.encode_mirrored(SessionId(1), Telling::Whole, 1_400, &mut payload), Told::All);
    let item = MirrorItem::decode(SessionId(1), &payload, later).expect("an item");
    first.worker.handle_timeout(later, &mut first.outbox);
    assert_eq!(first.worker.handle_mirrored(later, &item), Err(MirrorRefusal::Own(SessionId(1))));
    first.run_on();
    let sent: Vec<u64> = first.records.iter().map(|record| record.sent.packets).collect();
    assert_eq!(sent, [2]);
}

#[test]
fn a_full_table_takes_no_copy() {
    let lines = "set deviceconfig setting session capacity 3";
    let mut small = Device::new(&compiled(lines), 2, PairView::PASSIVE);
    let mut first = Device::new(&compiled(""), 1, PairView::ACTIVE);
    for client in 2..8 {
        first.send(START, INSIDE, &udp(way(client, 5_000, 9_999), b"?"));
    }
    for (id, payload) in first.join() {
        let item = MirrorItem::decode(id, &payload.expect("it lives"), START).expect("an item");
        let taken = small.worker.handle_mirrored(START, &item);
        assert_eq!(taken.is_err(), id > SessionId(3), "{taken:?}");
    }
    assert_eq!(small.worker.mirror_counters().refused, 3);
}

/// Everything that a session can be told to be.
fn item() -> impl Strategy<Value = (Vec<u8>, u8, u16, u16, u8)> {
    (
        proptest::collection::vec((0..8_u8, any::<u16>()), 1..40),
        2..250_u8,
        1_024..60_000_u16,
        1..1_024_u16,
        0..4_u8,
    )
        .prop_map(|(steps, client, port, server, kind)| {
            let bytes = steps.into_iter().flat_map(|(step, length)| [step, length as u8]).collect();
            (bytes, client, port, server, kind)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Told, read, copied and read again, a session is the same, whatever has happened to it.
    #[test]
    fn a_copy_is_what_was_told((steps, client, port, server, kind) in item()) {
        let mut pair = Pair::new("", usize::MAX, 0);
        let out = way(client, port, server);
        let mut back = out.back();
        let mut numbers = [7_u32, 70_000];
        for step in steps.chunks(2) {
            let (step, length) = (step[0], usize::from(step[1]));
            let payload = vec![if kind == 0 { b'G' } else { length as u8 }; length];
            let (interface, frame) = match (kind, step) {
                (3, 0..4) => (INSIDE, udp(out, &payload)),
                (3, _) => (OUTSIDE, udp(back, &payload)),
                (_, 0) => (INSIDE, segment(out, SYN, (numbers[0] - 1, 0), b"")),
                (_, 1) => (OUTSIDE, segment(back, SYN | ACK, (numbers[1] - 1, numbers[0]), b"")),
                (_, 2 | 3) => {
                    let frame = segment(out, ACK, (numbers[0], numbers[1]), &payload);
                    numbers[0] += length as u32;
                    (INSIDE, frame)
                }
                (_, 4 | 5) => {
                    let frame = segment(back, ACK, (numbers[1], numbers[0]), &payload);
                    numbers[1] += length as u32;
                    (OUTSIDE, frame)
                }
                (_, 6) => (INSIDE, segment(out, ACK | 1, (numbers[0], numbers[1]), b"")),
                (_, _) => (OUTSIDE, segment(back, ACK | 4, (numbers[1], numbers[0]), b"")),
            };
            pair.send(interface, &frame);
            let [first, second] = &mut pair.devices;
            let join = first.join();
            second.take(pair.now, &join);
            prop_assert_eq!(states(first), states(second));
            if let Some(state) = states(first).first() {
                let [_, s2c] = state.who.keys;
                back.destination = (s2c.addresses().destination(), s2c.destination_port());
            }
        }
        let [first, second] = &pair.devices;
        let taken = |device: &Device| device.worker.nat().usage(NatRuleId(0)).map(|usage| usage.taken);
        prop_assert_eq!(taken(first), taken(second));
    }

    /// Bytes from a broken or hostile device change nothing that they should not, and nobody falls over.
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        flips in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4),
        cut in any::<u16>(),
    ) {
        let mut pair = Pair::new("", usize::MAX, 0);
        pair.pass(INSIDE, &segment(way(2, 4_000, 80), SYN, (1, 0), b""));
        pair.pass(INSIDE, &udp(way(2, 5_000, 53), b"?"));
        let now = pair.now;
        let [first, second] = &mut pair.devices;
        let mut all: Vec<Vec<u8>> = first.join().into_iter().filter_map(|item| item.1).collect();
        for payload in &mut all {
            for (place, value) in &flips {
                let place = usize::from(*place) % payload.len();
                payload[place] ^= value;
            }
            payload.truncate(1 + usize::from(cut) % 200);
        }
        all.push(bytes.clone());
        all.push([&[0x10 | bytes.len() as u8 & 7], &bytes[..]].concat());
        for (place, payload) in all.iter().enumerate() {
            if let Ok(item) = MirrorItem::decode(SessionId(place as u32 + 1), payload, now) {
                let _ = second.worker.handle_mirrored(now, &item);
                second.collect();
            }
        }
        prop_assert!(second.worker.sessions().len() <= 4);
        second.worker.handle_take_over(now);
        second.worker.set_pair_view(PairView::ACTIVE);
        let request = segment(way(2, 4_000, 80), ACK, (2, 9), b"GET / HTTP/1.1\r\n\r\n");
        for frame in [request, udp(way(2, 5_000, 53), b"!")] {
            second.send(now, INSIDE, &frame);
        }
        second.items();
        let filter = bifrons_dataplane::ClearFilter::default();
        second.worker.clear(&filter, &mut second.outbox);
        second.collect();
        prop_assert!(second.worker.sessions().is_empty());
    }
}

#[test]
fn another_version_is_told_apart() {
    assert_eq!(MirrorItem::decode(SessionId(1), &[0x20, 1, 2], START), Err(DecodeError::Version(2)));
    assert_eq!(MirrorItem::decode(SessionId(1), &[], START), Err(DecodeError::Truncated));
}

/// Counts that packets are added to without a look.
#[test]
fn no_session_has_counted_more_than_can_be() {
    let mut device = Device::new(&compiled(""), 1, PairView::ACTIVE);
    device.send(START, INSIDE, &udp(way(2, 5_000, 9_999), b"?"));
    let mut payload = Vec::new();
    device.worker.encode_mirrored(SessionId(1), Telling::Whole, ROOM, &mut payload);
    let mut item = MirrorItem::decode(SessionId(1), &payload, START).expect("an item");
    let mut decode = |packets, bytes| {
        item.life.volume[1] = Volume { packets, bytes };
        let mut payload = Vec::new();
        item.encode(START, &mut payload);
        MirrorItem::decode(SessionId(1), &payload, START).map(|item| item.life.volume[1].bytes)
    };
    assert_eq!(decode(1 << 30, 1 << 55), Ok(1 << 55));
    for (packets, bytes) in [(u64::MAX, 1), (1, u64::MAX), (1, 1 << 57)] {
        assert_eq!(decode(packets, bytes), Err(DecodeError::Value("what was counted")));
    }
}

#[test]
fn flags_of_a_copy_are_those_of_this_device() {
    let mut pair = Pair::new("", usize::MAX, 0);
    pair.pass(INSIDE, &udp(way(2, 5_000, 9_999), b"?"));
    let copy = pair.devices[1].worker.sessions().get(0).flags;
    assert!(copy.has(SessionFlags::COPY) && copy.has(SessionFlags::PEER));
    assert!(copy.has(SessionFlags::TRANSLATED) && copy.has(SessionFlags::NAT_TAKEN));
    let own = pair.devices[0].worker.sessions().get(0).flags;
    assert!(!own.has(SessionFlags::COPY) && !own.has(SessionFlags::PEER));
}
