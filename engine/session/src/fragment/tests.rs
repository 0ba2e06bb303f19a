use super::*;
use alloc::{vec, vec::Vec};
use bifrons_wire::{Icmp, Tcp, TcpFlags};
use proptest::prelude::*;

const ZONE: ZoneId = ZoneId(1);
const HERE: FragmentArrival =
    FragmentArrival { interface: InterfaceId(3), zone: ZONE, share: FragmentShare::Here };
const START: Timestamp = Timestamp::from_secs(1_000);
const V4: Addresses = Addresses::V4 { source: 0x0a00_0001, destination: 0x0a00_0002 };
const V6: Addresses = Addresses::V6 { source: 1, destination: 2 };

/// A fragment as its header has it; the frame holds nothing but its data.
fn fragment(addresses: Addresses, identification: u32, offset: usize, length: usize, more: bool) -> Packet {
    Packet {
        frames: 1,
        addresses,
        protocol: 17,
        hop_limit: 64,
        source_port: 0,
        destination_port: 0,
        network: 0,
        transport: 0,
        payload: 0,
        payload_length: length as u32,
        payload_captured: length as u32,
        wire_length: length as u32 + 34,
        tcp: Tcp { sequence: 0, acknowledgement: 0, window: 0, flags: TcpFlags(0), options_length: 0 },
        icmp: Icmp::default(),
        fragment: Some(Fragment { identification, offset, more }),
    }
}

/// Byte `place` of every datagram in these tests.
const fn byte(place: usize) -> u8 {
    (place * 7 + place / 256) as u8
}

fn data(offset: usize, length: usize) -> Vec<u8> {
    (offset..offset + length).map(byte).collect()
}

/// One worker's fragments, and a datagram's fragments by offset, length and "more".
#[derive(Default)]
struct Bench {
    reassembler: Reassembler,
}

impl Bench {
    fn take(&mut self, identification: u32, (offset, length, more): (usize, usize, bool)) -> FragmentOutcome {
        let packet = fragment(V4, identification, offset, length, more);
        self.reassembler.handle_fragment(START, HERE, &packet, &data(offset, length))
    }

    fn is_empty(&self) -> bool {
        let Reassembler { pending, bytes, held, late_at: _ } = &self.reassembler;
        pending.is_empty() && *bytes == 0 && *held == 0
    }
}

fn complete(outcome: FragmentOutcome) -> Assembled {
    let FragmentOutcome::Complete(assembled) = outcome else { panic!("not complete: {outcome:?}") };
    *assembled
}

const fn overlap(held: u32) -> FragmentOutcome {
    FragmentOutcome::Dropped { reason: DropReason::FragmentOverlap, held }
}

const MALFORMED: FragmentOutcome =
    FragmentOutcome::Dropped { reason: DropReason::FragmentMalformed, held: 0 };

const PARTS: [(usize, usize, bool); 3] = [(0, 1480, true), (1480, 1480, true), (2960, 41, false)];

#[test]
fn any_order_gives_the_datagram() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2]] {
        let mut bench = Bench::default();
        assert_eq!(bench.take(7, PARTS[order[0]]), FragmentOutcome::Held);
        assert_eq!(bench.take(7, PARTS[order[1]]), FragmentOutcome::Held);
        assert_eq!(bench.reassembler.held(), 2);
        let whole = complete(bench.take(7, PARTS[order[2]]));
        assert_eq!(whole.data, data(0, 3001), "{order:?}");
        assert_eq!((whole.captured, whole.frames, whole.wire_length), (3001, 3, 3001 + 3 * 34));
        assert_eq!(whole.first.fragment.map(|first| first.offset), Some(0));
        assert!(bench.is_empty());
    }
}

#[test]
fn a_repetition_is_counted_and_ignored() {
    let mut bench = Bench::default();
    for _ in 0..3 {
        assert_eq!(bench.take(7, PARTS[0]), FragmentOutcome::Held);
    }
    assert_eq!(bench.take(7, PARTS[2]), FragmentOutcome::Held);
    let whole = complete(bench.take(7, PARTS[1]));
    assert_eq!((whole.data, whole.frames), (data(0, 3001), 5));
    assert_eq!((whole.fragments.len(), whole.repeated.len()), (3, 2));
    assert!(bench.is_empty());
}

#[test]
fn a_repetition_with_other_bytes_is_an_overlap() {
    let mut bench = Bench::default();
    bench.take(7, PARTS[0]);
    let packet = fragment(V4, 7, 0, 1480, true);
    assert_eq!(bench.reassembler.handle_fragment(START, HERE, &packet, &[0; 1480]), overlap(1));
}

/// RFC 5722: whatever overlaps spoils the packet, and what still comes of it is dropped as well.
#[test]
fn every_shape_of_overlap_drops_the_packet() {
    let middle = (800, 160, true);
    for (shape, other) in [
        ("reaches into its start", (720, 160, true)),
        ("begins inside", (880, 160, true)),
        ("lies inside", (840, 40, true)),
        ("covers it", (720, 320, true)),
        ("begins with it and is shorter", (800, 80, true)),
        ("begins with it and is longer", (800, 240, true)),
        ("ends with it", (880, 80, true)),
        ("ends the packet inside it", (880, 20, false)),
        ("ends the packet before it", (400, 20, false)),
    ] {
        let mut bench = Bench::default();
        assert_eq!(bench.take(7, middle), FragmentOutcome::Held);
        assert_eq!(bench.take(7, (0, 80, true)), FragmentOutcome::Held);
        assert_eq!(bench.take(7, other), overlap(2), "{shape}");
        assert_eq!((bench.reassembler.bytes, bench.reassembler.held), (0, 0), "{shape}");
        // What would have been innocent is dropped, too, and frees nothing twice.
        assert_eq!(bench.take(7, (80, 720, true)), overlap(0), "{shape}");
        assert_eq!(bench.take(7, middle), overlap(0), "{shape}");
        // Another packet is none of its business.
        assert_eq!(bench.take(8, middle), FragmentOutcome::Held, "{shape}");
        assert_eq!(bench.reassembler.handle_timeout(START + TIMEOUT), 1, "{shape}");
        assert!(bench.is_empty(), "{shape}");
    }
}

#[test]
fn nothing_may_lie_behind_the_end() {
    let mut bench = Bench::default();
    assert_eq!(bench.take(7, (800, 100, false)), FragmentOutcome::Held);
    assert_eq!(bench.take(7, (904, 8, true)), overlap(1));
    let mut bench = Bench::default();
    assert_eq!(bench.take(7, (800, 100, false)), FragmentOutcome::Held);
    assert_eq!(bench.take(7, (1600, 100, false)), overlap(1), "two ends");
}

#[test]
fn impossible_fragments() {
    let mut bench = Bench::default();
    for part in [(0, 0, true), (8, 0, false), (0, 12, true), (65_528, 8, false), (65_528, 8, true)] {
        assert_eq!(bench.take(7, part), MALFORMED, "{part:?}");
    }
    let whole = Packet { fragment: None, ..fragment(V4, 7, 0, 8, false) };
    assert_eq!(bench.reassembler.handle_fragment(START, HERE, &whole, &[0; 8]), MALFORMED);
    assert!(bench.is_empty());
    assert_eq!(
        bench.take(7, (65_520, 15, false)),
        FragmentOutcome::Held,
        "the last byte of the longest packet"
    );
}

#[test]
fn a_packet_comes_in_a_bounded_number_of_parts() {
    let mut bench = Bench::default();
    for part in 0..PARTS_MAX {
        assert_eq!(bench.take(7, (part * 16, 8, true)), FragmentOutcome::Held);
    }
    let limit = FragmentOutcome::Dropped { reason: DropReason::FragmentLimit, held: PARTS_MAX as u32 };
    assert_eq!(bench.take(7, (PARTS_MAX * 16, 8, true)), limit);
    assert_eq!(bench.reassembler.bytes, 0);
}

#[test]
fn a_bounded_number_of_packets_waits() {
    let mut bench = Bench::default();
    for identification in 0..PACKETS_MAX as u32 {
        assert_eq!(bench.take(identification, (8, 8, true)), FragmentOutcome::Held);
    }
    let limit = FragmentOutcome::Dropped { reason: DropReason::FragmentLimit, held: 0 };
    assert_eq!(bench.take(70_000, (8, 8, true)), limit);
    // Those that wait are not hindered.
    assert_eq!(bench.take(5, (0, 8, true)), FragmentOutcome::Held);
    assert_eq!(complete(bench.take(5, (16, 8, false))).data, data(0, 24));
    assert_eq!(bench.take(70_000, (8, 8, true)), FragmentOutcome::Held);
}

#[test]
fn a_bounded_number_of_bytes_waits() {
    let mut bench = Bench::default();
    let mut dropped = 0;
    for identification in 0..100 {
        let outcome = bench.take(identification, (0, 65_528, true));
        if outcome != FragmentOutcome::Held {
            assert_eq!(outcome, FragmentOutcome::Dropped { reason: DropReason::FragmentLimit, held: 0 });
            dropped += 1;
        }
        assert!(bench.reassembler.bytes <= BYTES_MAX);
    }
    assert_eq!(dropped, 100 - BYTES_MAX / 65_528);
    assert_eq!(bench.reassembler.handle_timeout(START + TIMEOUT), 100 - dropped as u32);
    assert!(bench.is_empty());
}

#[test]
fn four_seconds_and_no_more() {
    let mut bench = Bench::default();
    bench.take(7, PARTS[0]);
    bench.take(7, PARTS[1]);
    let late = fragment(V4, 8, 0, 8, true);
    let second = START + Duration::from_secs(1);
    bench.reassembler.handle_fragment(second, HERE, &late, &data(0, 8));
    assert_eq!(bench.reassembler.poll_timeout(), Some(START + TIMEOUT));
    assert_eq!(bench.reassembler.handle_timeout(START + Duration::from_nanos(3_999_999_999)), 0);
    assert_eq!(
        bench.reassembler.handle_timeout(START + Duration::from_secs(4)),
        2,
        "counted from the first fragment"
    );
    assert_eq!(bench.reassembler.poll_timeout(), Some(second + TIMEOUT));
    assert_eq!(bench.reassembler.held(), 1);
    // The rest of the packet that was given up begins a new wait.
    assert_eq!(bench.take(7, PARTS[2]), FragmentOutcome::Held);
    assert_eq!(bench.reassembler.handle_timeout(START + Duration::from_secs(60)), 2);
    assert_eq!(bench.reassembler.poll_timeout(), None);
    assert!(bench.is_empty());
}

/// Of two devices one puts a packet together; what comes to the other one waits a moment only.
#[test]
fn what_is_for_the_other_device_goes_there_unless_its_packet_is_whole() {
    let for_peer = FragmentArrival { share: FragmentShare::ForPeer, ..HERE };
    let mut bench = Bench::default();
    let take = |bench: &mut Bench, after: u64, arrival, identification, (offset, length, more)| {
        let packet = fragment(V4, identification, offset, length, more);
        let now = START + Duration::from_millis(after);
        bench.reassembler.handle_fragment(now, arrival, &packet, &data(offset, length))
    };
    // Whole in time.
    take(&mut bench, 0, for_peer, 1, (0, 8, true));
    assert_eq!(bench.reassembler.late_at(), Some(START + PATIENCE));
    assert_eq!(complete(take(&mut bench, 9, for_peer, 1, (8, 8, false))).frames, 2);
    // One that stays, one that the other device has given, one that goes and came twice, one that is spoilt.
    take(&mut bench, 9, HERE, 2, (0, 8, true));
    take(&mut bench, 9, FragmentArrival { share: FragmentShare::FromPeer, ..HERE }, 3, (0, 8, true));
    take(&mut bench, 10, for_peer, 4, (0, 8, true));
    take(&mut bench, 11, for_peer, 4, (0, 8, true));
    take(&mut bench, 12, for_peer, 5, (0, 8, true));
    assert_eq!(take(&mut bench, 12, for_peer, 5, (0, 16, true)), overlap(1));
    take(&mut bench, 15, for_peer, 6, (8, 8, true));
    // One that both have is for who has it.
    take(&mut bench, 15, for_peer, 3, (16, 8, true));
    assert_eq!(bench.reassembler.take_late(START + PATIENCE), []);
    assert_eq!(bench.reassembler.late_at(), Some(START + PATIENCE * 2));
    let late = bench.reassembler.take_late(START + PATIENCE * 2);
    assert_eq!(late.iter().map(|own| own.bytes.clone()).collect::<Vec<_>>(), [data(0, 8), data(0, 8)]);
    assert!(late.iter().all(|own| own.arrival == for_peer));
    assert_eq!((bench.reassembler.held(), bench.reassembler.bytes), (4, 32));
    assert_eq!(bench.reassembler.take_late(START + Duration::from_secs(1)).len(), 1);
    assert_eq!((bench.reassembler.late_at(), bench.reassembler.held()), (None, 3));
    // What comes later of it waits anew.
    take(&mut bench, 1_000, for_peer, 4, (8, 8, false));
    assert_eq!(bench.reassembler.late_at(), Some(START + Duration::from_secs(1) + PATIENCE));
    assert_eq!(bench.reassembler.handle_timeout(START + Duration::from_secs(60)), 4);
    assert!(bench.is_empty());
}

#[test]
fn packets_are_told_apart() {
    let mut bench = Bench::default();
    bench.take(7, (0, 8, true));
    let last = |change: fn(&mut Packet)| {
        let mut packet = fragment(V4, 7, 8, 8, false);
        change(&mut packet);
        packet
    };
    for (what, packet, zone) in [
        ("protocol", last(|packet| packet.protocol = 6), ZONE),
        ("sender", last(|packet| packet.addresses = V4.reversed()), ZONE),
        ("zone", last(|_| {}), ZoneId(2)),
        ("identification", fragment(V4, 6, 8, 8, false), ZONE),
    ] {
        let outcome =
            bench.reassembler.handle_fragment(START, FragmentArrival { zone, ..HERE }, &packet, &data(8, 8));
        assert_eq!(outcome, FragmentOutcome::Held, "{what}");
    }
    assert_eq!(complete(bench.take(7, (8, 8, false))).data, data(0, 16));
}

/// RFC 8200, section 4.5: the next header of a later fragment does not count.
#[test]
fn ipv6_goes_by_identification_alone() {
    let mut reassembler = Reassembler::new();
    let last = Packet { protocol: 60, ..fragment(V6, 0xdead_beef, 8, 8, false) };
    assert_eq!(reassembler.handle_fragment(START, HERE, &last, &data(8, 8)), FragmentOutcome::Held);
    let first = fragment(V6, 0xdead_beef, 0, 8, true);
    let whole = complete(reassembler.handle_fragment(START, HERE, &first, &data(0, 8)));
    assert_eq!((whole.data, whole.first.protocol), (data(0, 16), 17));
}

/// A capture that kept less than came: what is missing is zero, and only the part before the first gap
/// counts.
#[test]
fn cut_fragments() {
    let cut = |offset, length, kept: usize, more| {
        let mut packet = fragment(V4, 7, offset, length, more);
        packet.payload_captured = kept as u32;
        (packet, data(offset, kept))
    };
    let mut reassembler = Reassembler::new();
    for (packet, bytes) in [cut(0, 800, 100, true), cut(1600, 80, 80, false)] {
        assert_eq!(reassembler.handle_fragment(START, HERE, &packet, &bytes), FragmentOutcome::Held);
    }
    let (packet, bytes) = cut(800, 800, 0, true);
    let whole = complete(reassembler.handle_fragment(START, HERE, &packet, &bytes));
    let mut expected = vec![0; 1680];
    expected[..100].copy_from_slice(&data(0, 100));
    expected[1600..].copy_from_slice(&data(1600, 80));
    assert_eq!((whole.data, whole.captured), (expected, 100));
    assert_eq!((reassembler.bytes, reassembler.held), (0, 0));
}

proptest! {
    /// Random splits of random datagrams, in random order with repetitions, give the datagrams back.
    #[test]
    fn splits_come_back_together(
        datagrams in proptest::collection::vec((1..4_000_usize, 1..60_usize), 1..6),
        shuffle in proptest::collection::vec(any::<u32>(), 500),
    ) {
        let mut frames: Vec<(u32, (usize, usize, bool))> = Vec::new();
        for ((length, units), identification) in datagrams.iter().zip(0..) {
            let step = (units * 8).max(length.div_ceil(PARTS_MAX).next_multiple_of(8));
            for offset in (0..*length).step_by(step) {
                let end = (offset + step).min(*length);
                frames.push((identification, (offset, end - offset, end < *length)));
            }
        }
        for (place, random) in (0..frames.len()).rev().zip(&shuffle) {
            frames.swap(place, *random as usize % (place + 1));
        }
        let mut bench = Bench::default();
        let mut whole = 0;
        for ((identification, part), random) in frames.iter().zip(&shuffle) {
            let mut outcome = bench.take(*identification, *part);
            if random % 5 == 0 && outcome == FragmentOutcome::Held {
                outcome = bench.take(*identification, *part);
            }
            if outcome != FragmentOutcome::Held {
                let (length, _) = datagrams[*identification as usize];
                prop_assert_eq!(complete(outcome).data, data(0, length));
                whole += 1;
            }
        }
        prop_assert_eq!(whole, datagrams.len());
        prop_assert!(bench.is_empty());
    }

    /// Any fragments at all: the sums agree with what is kept, and time frees everything.
    #[test]
    fn the_sums_agree(
        parts in proptest::collection::vec((0..4_u32, 0..40_usize, 1..120_usize, any::<bool>()), 1..300),
    ) {
        let mut bench = Bench::default();
        let (mut taken, mut gone) = (0_u64, 0_u64);
        for (identification, unit, length, more) in parts {
            taken += 1;
            gone += match bench.take(identification, (unit * 8, length, more)) {
                FragmentOutcome::Held => 0,
                FragmentOutcome::Complete(assembled) => u64::from(assembled.frames),
                FragmentOutcome::Dropped { held, .. } => 1 + u64::from(held),
            };
            let kept = &bench.reassembler.pending;
            let parts = kept.iter().flat_map(|pending| pending.parts.iter().chain(&pending.repeated));
            let bytes: usize = parts.map(|part| part.frame.bytes.len()).sum();
            prop_assert_eq!(bench.reassembler.bytes, bytes);
            prop_assert_eq!(bench.reassembler.held(), taken - gone);
        }
        gone += u64::from(bench.reassembler.handle_timeout(START + TIMEOUT));
        prop_assert_eq!(gone, taken);
        prop_assert!(bench.is_empty());
    }
}
