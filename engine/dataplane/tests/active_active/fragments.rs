//! Packets whose fragments come to both devices.

use std::{collections::BTreeMap, time::Duration};

use bifrons_dataplane::{Frame, Verdict};
use bifrons_model::{DeviceId, DropReason, InterfaceId};
use bifrons_wire::{
    FrameInfo,
    Ha3Kind::{self, ForwardToOwner, Fragment, OwnFragment, ReturnToReceiver},
    LinkType, Reading, parse,
};
use proptest::prelude::*;

use crate::{
    device::{INSIDE, compiled},
    packets::{fragments, udp},
    sharing::{ADMITTED, BOTH, FIRST, One, PRIMARY, Pair, Zero, dropped, packets, way},
    wires,
};

/// A pair, and all that leaves it.
struct Course {
    pair: Pair,
    left: Vec<(DeviceId, Vec<u8>)>,
    crossed: Vec<Ha3Kind>,
}

impl Course {
    fn new(pair: Pair) -> Self {
        Self { pair, left: Vec::new(), crossed: Vec::new() }
    }

    fn give(&mut self, to: DeviceId, interface: InterfaceId, frame: &[u8]) {
        let now = self.pair.now;
        let device = self.pair.device(to);
        let mut bytes = frame.to_vec();
        let mut frames = [Frame {
            wire_length: bytes.len() as u32,
            bytes: &mut bytes,
            link: Some(LinkType::Ethernet),
            interface: Some(interface),
            arrival: now,
            verdict: Verdict::Pending,
        }];
        device.worker.process(now, &mut frames, &mut device.outbox);
        let [Frame { verdict, .. }] = frames;
        self.follow(to, verdict, bytes);
    }

    /// Lets time pass on both devices.
    fn wait(&mut self, span: Duration) {
        self.pair.now += span;
        let now = self.pair.now;
        for at in BOTH {
            let device = self.pair.device(at);
            device.worker.handle_timeout(now, &mut device.outbox);
            self.follow(at, Verdict::Held, Vec::new());
        }
        self.pair.tell();
    }

    /// Carries what a device has left in its outbox.
    fn follow(&mut self, at: DeviceId, verdict: Verdict, bytes: Vec<u8>) {
        let device = self.pair.device(at);
        device.collect();
        let replaced: Vec<_> = device.outbox.replaced.drain(..).map(|replaced| replaced.bytes).collect();
        let to_peer = std::mem::take(&mut device.outbox.to_peer);
        let frames = if replaced.is_empty() { vec![bytes] } else { replaced };
        if matches!(verdict, Verdict::Transmit(_)) {
            self.left.extend(frames.into_iter().map(|bytes| (at, bytes)));
        }
        for mut frame in to_peer {
            self.crossed.push(frame.kind);
            if self.pair.loses == Some(frame.kind) {
                continue;
            }
            let now = self.pair.now;
            let device = self.pair.device(at.peer());
            let verdict = device.worker.handle_peer_frame(now, &mut frame, &mut device.outbox);
            self.follow(at.peer(), verdict, frame.frame);
        }
    }

    fn held(&self) -> [u64; 2] {
        [0, 1].map(|at| self.pair.devices[at].worker.counters().held)
    }
}

const PIECES: usize = 3;

/// A datagram of three fragments to a server whose address names a device.
fn pieces(server: u8, identification: u16) -> [Vec<u8>; PIECES] {
    let pieces = fragments(way(5_000, server), identification, &[7; 4_000], 1_480);
    pieces.try_into().expect("three fragments")
}

/// Identification and offset of a fragment.
fn place(frame: &[u8]) -> (u32, usize) {
    let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
    let packet = parse(frame, info, Reading::Strict).expect("a fragment");
    let fragment = packet.fragment.expect("a fragment");
    (fragment.identification, fragment.offset)
}

/// How often each fragment has left.
fn left(course: &Course) -> BTreeMap<(u32, usize), usize> {
    let mut left = BTreeMap::new();
    for (_, frame) in &course.left {
        *left.entry(place(frame)).or_default() += 1;
    }
    left
}

/// All ways to divide three fragments among two devices, and orders in which they come.
fn divisions() -> impl Iterator<Item = ([DeviceId; PIECES], [usize; PIECES])> {
    let orders = [[0, 1, 2], [2, 1, 0], [1, 2, 0]];
    (0..1 << PIECES).flat_map(move |bits: u8| {
        let at = [0, 1, 2].map(|piece| DeviceId::of(bits >> piece & 1));
        orders.map(|order| (at, order))
    })
}

#[test]
fn a_packet_is_whole_wherever_its_fragments_come() {
    for (combination, (at, order)) in
        ADMITTED.into_iter().flat_map(|one| divisions().map(move |all| (one, all)))
    {
        for server in [6, 7] {
            let mut course = Course::new(Pair::new(&compiled(""), combination));
            for identification in [9, 10] {
                let pieces = pieces(server, identification);
                for piece in order {
                    course.give(at[piece], INSIDE, &pieces[piece]);
                }
                course.wait(Duration::from_millis(20));
            }
            let what = format!("{combination:?} {at:?} {order:?} server {server}: {:?}", course.crossed);
            let wanted = [9, 10].into_iter().flat_map(|id| [0, 1_480, 2_960].map(|offset| ((id, offset), 1)));
            assert_eq!(left(&course), wanted.collect(), "{what}");
            assert_eq!(course.held(), [0, 0], "{what}");
            let is_split = at != [at[0]; PIECES];
            assert_eq!(course.crossed.contains(&Fragment), is_split, "{what}");
            // Each crosses twice at most.
            assert!(course.crossed.len() <= 4 * PIECES, "{what}");
            let records = course.pair.records();
            let logged: Vec<_> = records.iter().flatten().collect();
            assert_eq!(logged.len(), 1, "{what}: {logged:?}");
            assert_eq!(packets(&records.concat()), 6, "{what}");
        }
    }
}

/// A session that both devices know: its owner gets the whole packet, and says what was its own.
#[test]
fn the_owner_has_the_packet_in_the_end() {
    for owner in BOTH {
        let mut course = Course::new(Pair::new(&compiled(""), FIRST));
        // Addresses that name device One.
        course.give(owner, INSIDE, &udp(way(5_000, 7), b"first"));
        course.wait(Duration::from_millis(1));
        course.crossed.clear();
        let pieces = pieces(7, 9);
        for (at, piece) in [(Zero, &pieces[0]), (One, &pieces[1]), (One, &pieces[2])] {
            course.give(at, INSIDE, piece);
        }
        course.wait(Duration::from_millis(9));
        assert!(course.crossed.is_empty(), "they may come yet");
        course.wait(Duration::from_millis(1));
        let wanted = match owner {
            Zero => vec![Fragment, OwnFragment, ForwardToOwner, ForwardToOwner],
            One => vec![Fragment],
        };
        assert_eq!(course.crossed, wanted);
        assert!(course.left.iter().all(|(at, _)| *at == owner), "the owner transmits");
        assert_eq!(course.left.len(), 1 + PIECES);
        let records = course.pair.records();
        assert_eq!(packets(&records[usize::from(owner.number())]), 4);
        assert!(records[usize::from(owner.peer().number())].is_empty());
    }
}

#[test]
fn behind_a_wire_each_fragment_leaves_where_it_came() {
    for combination in ADMITTED {
        for (at, order) in divisions() {
            for server in [6, 7] {
                let mut course = Course::new(wires::pair(combination));
                let pieces = pieces(server, 9);
                for piece in order {
                    course.give(at[piece], INSIDE, &pieces[piece]);
                }
                course.wait(Duration::from_millis(20));
                let what = format!("{combination:?} {at:?} {order:?} server {server}: {:?}", course.crossed);
                let mut wanted: Vec<_> = at.into_iter().zip(pieces).collect();
                wanted.sort();
                course.left.sort();
                assert_eq!(course.left, wanted, "{what}");
                assert_eq!(packets(&course.pair.records().concat()), 3, "{what}");
            }
        }
    }
}

/// A device that cannot work has none of it; one that comes back gives all.
#[test]
fn a_tentative_device_gives_what_it_has() {
    for server in [6, 7] {
        let mut course = Course::new(Pair::new(&compiled(""), FIRST));
        course.pair.become_tentative(One);
        let pieces = pieces(server, 9);
        course.give(One, INSIDE, &pieces[0]);
        course.give(Zero, INSIDE, &pieces[1]);
        course.give(One, INSIDE, &pieces[2]);
        course.wait(Duration::from_millis(20));
        assert_eq!(course.crossed, [Fragment; 2]);
        assert!(course.left.len() == PIECES && course.left.iter().all(|(at, _)| *at == Zero));
    }
}

/// HA3 loses it, the other device is of a version that does not know of it, or has no HA3: it is given up
/// after four seconds, and counted.
#[test]
fn what_cannot_become_whole_is_dropped_in_the_end() {
    for (loses, gathers, has_link) in [(Some(Fragment), true, true), (None, false, true), (None, true, false)]
    {
        let mut course = Course::new(Pair::new(&compiled(""), FIRST));
        course.pair.gathers = gathers;
        course.pair.loses = loses;
        for device in BOTH {
            let can_work = if has_link { [true; 2] } else { [device == Zero, device == One] };
            course.pair.set_view(device, can_work, Some(Zero), true);
        }
        let pieces = pieces(7, 9);
        for (at, piece) in [(Zero, &pieces[0]), (One, &pieces[1]), (Zero, &pieces[2])] {
            course.give(at, INSIDE, piece);
        }
        course.wait(Duration::from_millis(20));
        assert_eq!(course.crossed, if loses.is_some() { vec![Fragment; 2] } else { vec![] });
        assert_eq!(course.held().iter().sum::<u64>(), if loses.is_some() { 1 } else { 3 });
        course.wait(Duration::from_secs(4));
        let lost = dropped(&course.pair, DropReason::FragmentTimeout);
        assert_eq!(lost, if loses.is_some() { [0, 1] } else { [2, 1] });
        assert_eq!((course.held(), course.left.len()), ([0, 0], 0));
    }
}

/// HA3 fails while fragments wait for their moment: they stay, for the others may come yet.
#[test]
fn fragments_stay_where_ha3_fails() {
    let mut course = Course::new(Pair::new(&compiled(""), FIRST));
    let pieces = pieces(7, 9);
    course.give(Zero, INSIDE, &pieces[0]);
    course.pair.set_view(Zero, [true, false], Some(Zero), true);
    course.wait(Duration::from_millis(20));
    assert_eq!((&course.crossed, course.held()), (&vec![], [1, 0]));
    course.give(Zero, INSIDE, &pieces[1]);
    course.give(Zero, INSIDE, &pieces[2]);
    assert_eq!(course.left.len(), PIECES);
}

/// Both take the other one for the one that puts it together, as may be while states change.
#[test]
fn nothing_runs_in_a_circle_where_the_devices_do_not_agree() {
    let mut course = Course::new(Pair::new(&compiled(""), PRIMARY));
    course.pair.set_view(Zero, [false, true], Some(One), true);
    course.pair.set_view(One, [true, false], Some(Zero), true);
    let pieces = pieces(7, 9);
    course.give(Zero, INSIDE, &pieces[0]);
    course.give(One, INSIDE, &pieces[1]);
    for _ in 0..100 {
        course.wait(Duration::from_millis(50));
    }
    assert_eq!(course.crossed, [Fragment; 2]);
    assert_eq!((course.held(), course.left.len()), ([0, 0], 0));
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    Piece { number: usize, at: DeviceId, is_repeated: bool },
    Wait(u16),
    Lose(bool),
    Link(bool),
}

fn event() -> impl Strategy<Value = Event> {
    let piece = (0..PIECES * 4, any::<bool>(), prop::bool::weighted(0.1));
    prop_oneof![
        12 => piece.prop_map(|(number, is_one, is_repeated)| {
            Event::Piece { number, at: if is_one { One } else { Zero }, is_repeated }
        }),
        4 => (0..30_u16).prop_map(Event::Wait),
        1 => any::<bool>().prop_map(Event::Lose),
        1 => any::<bool>().prop_map(Event::Link),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Datagrams come in pieces to both devices, in any order and some twice.
    #[test]
    fn whatever_order(owner in 0..5_usize, events in prop::collection::vec(event(), 0..120)) {
        let mut course = Course::new(Pair::new(&compiled(""), ADMITTED[owner]));
        let mut sent: BTreeMap<(u16, usize), u32> = BTreeMap::new();
        let mut is_calm = true;
        let mut first = Duration::ZERO;
        for event in events {
            match event {
                Event::Piece { number, at, is_repeated } => {
                    let (datagram, piece) = ((number / PIECES) as u16, number % PIECES);
                    let count = sent.entry((datagram, piece)).or_default();
                    if *count > 0 && !is_repeated {
                        continue;
                    }
                    *count += 1;
                    course.give(at, INSIDE, &pieces(6 + (datagram % 2) as u8, datagram)[piece]);
                }
                Event::Wait(millis) => {
                    first += Duration::from_millis(millis.into());
                    course.wait(Duration::from_millis(millis.into()));
                }
                Event::Lose(loses) => {
                    is_calm &= !loses;
                    course.pair.loses = loses.then_some(Fragment);
                }
                Event::Link(is_up) => {
                    is_calm &= is_up;
                    course.pair.set_view(Zero, [true, is_up], Some(Zero), true);
                    course.pair.set_view(One, [is_up, true], Some(Zero), true);
                }
            }
            prop_assert!(course.crossed.len() <= 4 * sent.values().sum::<u32>() as usize);
        }
        course.wait(Duration::from_millis(20));
        prop_assert!(!course.crossed.contains(&ReturnToReceiver));
        let left = left(&course);
        for datagram in 0..4_u16 {
            let counts = [0, 1, 2].map(|piece| sent.get(&(datagram, piece)).copied().unwrap_or(0));
            let whole = counts.iter().all(|count| *count == 1);
            if is_calm && whole && first < Duration::from_secs(3) {
                for offset in [0, 1_480, 2_960] {
                    let count = left.get(&(datagram.into(), offset));
                    prop_assert_eq!(count, Some(&1), "{} {}", datagram, offset);
                }
            }
        }
        course.wait(Duration::from_secs(5));
        prop_assert_eq!(course.held(), [0, 0]);
        course.pair.records();
    }
}
