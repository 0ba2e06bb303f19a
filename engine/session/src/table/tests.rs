use super::*;
use alloc::{collections::BTreeMap, vec};
use bifrons_config::typed::SessionSettings;
use core::time::Duration;
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);
const SEED: HashSeed = HashSeed::new(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
const IN: ZoneId = ZoneId(1);
const OUT: ZoneId = ZoneId(2);

fn after(millis: u64) -> Timestamp {
    START + Duration::from_millis(millis)
}

/// The key of the client's flow number `number`; every third one is IPv6.
fn key(number: u32) -> FlowKey {
    let addresses = if number % 3 == 2 {
        Addresses::V6 { source: 0xfd00 << 112 | u128::from(number), destination: 0xfd01 << 112 }
    } else {
        Addresses::V4 { source: 0x0a00_0000 + number, destination: 0xc000_0201 }
    };
    FlowKey::new(addresses, 1024 + number as u16, 443, 6, IN)
}

/// A table whose wheel runs since `START`.
fn table(capacity: u32) -> SessionTable {
    let mut table = SessionTable::new(capacity, SEED);
    assert!(due(&mut table, START).is_empty());
    table
}

fn insert(table: &mut SessionTable, number: u32, start: Timestamp, timeout: u32) -> Result<u32, TableFull> {
    let c2s = key(number);
    table.insert(&c2s, &c2s.reversed(OUT), start, timeout)
}

fn find(table: &SessionTable, key: &FlowKey) -> Option<Hit> {
    let hash = table.hash(key);
    let found = table.find(key, hash);
    assert_eq!(table.confirm(table.candidate(hash), key, hash), found, "two ways to look, one answer");
    found
}

/// Ends what is due and gives the sessions' numbers in the order in which they came.
fn due(table: &mut SessionTable, now: Timestamp) -> Vec<SessionId> {
    let mut slots = Vec::new();
    assert!(table.expired(now, usize::MAX, &mut slots));
    let ids = slots.iter().map(|slot| table.get(*slot).id).collect();
    slots.into_iter().for_each(|slot| table.finish(slot));
    ids
}

#[test]
fn workers_share_numbers_and_capacity() {
    let mut numbers = Vec::new();
    for worker in 0..3 {
        let mut table = table(10);
        table.share(worker, 3);
        assert_eq!(table.capacity(), 4, "a third, rounded up");
        for number in 0..4 {
            let slot = insert(&mut table, number, START, 30).unwrap();
            numbers.push(table.get(slot).id.0);
        }
        assert!(insert(&mut table, 4, START, 30).is_err());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
}

#[test]
fn both_flows_lead_to_a_session() {
    let mut table = table(8);
    for number in 0..6 {
        let slot = insert(&mut table, number, START, 30).unwrap();
        let c2s = key(number);
        let s2c = c2s.reversed(OUT);
        assert_eq!(find(&table, &c2s), Some(Hit { slot, direction: Direction::ClientToServer }));
        assert_eq!(find(&table, &s2c), Some(Hit { slot, direction: Direction::ServerToClient }));
        assert_eq!(find(&table, &c2s.reversed(IN)), None, "from the wrong zone");
        assert_eq!(table.keys(slot), [c2s, s2c]);
        assert_eq!(table.addresses(slot), c2s.addresses());
        assert_eq!(table.get(slot).zone_to(), OUT);
        assert_eq!(table.get(slot).protocol(), 6);
        assert_eq!(table.get(slot).ports(), (1024 + number as u16, 443));
    }
    assert_eq!((table.len(), table.slots().count()), (6, 6));
}

/// Two flows that differ in one IPv6 address have records that look alike.
#[test]
fn ipv6_addresses_count() {
    let mut table = table(8);
    let flow = |source| FlowKey::new(Addresses::V6 { source, destination: 9 }, 1, 2, 17, IN);
    let slot = table.insert(&flow(5), &flow(5).reversed(OUT), START, 30).unwrap();
    assert_eq!(find(&table, &flow(6)), None);
    assert_eq!(find(&table, &flow(5)).map(|hit| hit.slot), Some(slot));
    let v4 = FlowKey::new(Addresses::V4 { source: 0, destination: 0 }, 1, 2, 17, IN);
    assert_eq!(find(&table, &v4), None);
    table.remove(slot);
    let again = table.insert(&flow(6), &flow(6).reversed(OUT), START, 30).unwrap();
    assert_eq!(table.addresses(again), flow(6).addresses());
    assert_eq!(find(&table, &flow(5)), None);
}

#[test]
fn a_full_table_refuses_and_keeps_what_it_has() {
    let mut table = table(3);
    let slots: Vec<u32> = (0..3).map(|number| insert(&mut table, number, START, 30).unwrap()).collect();
    for number in 3..100 {
        assert_eq!(insert(&mut table, number, START, 30), Err(TableFull));
        assert_eq!(find(&table, &key(number)), None);
    }
    assert_eq!((table.len(), table.capacity()), (3, 3));
    assert!((0..3).all(|number| find(&table, &key(number)).is_some()));
    table.remove(slots[1]);
    let slot = insert(&mut table, 50, START, 30).unwrap();
    assert_eq!(slot, slots[1], "a slot is used again");
    assert_eq!(table.get(slot).id, SessionId(4), "a number is not");
    assert_eq!(find(&table, &key(1)), None);
    assert_eq!(find(&table, &key(50)).map(|hit| hit.slot), Some(slot));
}

#[test]
fn sessions_end_in_the_order_of_deadline_and_number() {
    let mut table = table(16);
    for (number, (millis, timeout)) in
        [(900, 30), (0, 31), (0, 30), (900, 30), (0, 30), (500, 1)].into_iter().enumerate()
    {
        insert(&mut table, number as u32, after(millis), timeout).unwrap();
    }
    assert_eq!(table.next_deadline().map(|next| next > START), Some(true));
    assert_eq!(due(&mut table, after(1_499)), []);
    assert_eq!(due(&mut table, after(1_501)), [SessionId(6)]);
    assert_eq!(due(&mut table, after(60_000)), [3, 5, 1, 4, 2].map(SessionId));
    assert!(table.is_empty());
    assert_eq!(table.next_deadline(), None);
}

/// Within one millisecond, too.
#[test]
fn nanoseconds_count_for_the_order() {
    let mut table = table(4);
    let base = Timestamp::from_nanos(START.as_nanos() / 1_000_000 * 1_000_000);
    for (number, nanos) in [900, 100, 500, 100].into_iter().enumerate() {
        insert(&mut table, number as u32, base + Duration::from_nanos(nanos), 10).unwrap();
    }
    assert_eq!(due(&mut table, base + Duration::from_secs(11)), [2, 4, 3, 1].map(SessionId));
}

/// Also where one of two sessions of a millisecond waited far away in the wheel, the other near.
#[test]
fn far_and_near_waits_come_up_together() {
    let mut table = table(4);
    // A place of the second wheel begins at this tick.
    let tick = (START.as_nanos() / 1_000_000 + 5_000).next_multiple_of(256);
    let end = |before: u64| Timestamp::from_nanos(tick * 1_000_000 - before);
    let start = |before| Timestamp::from_nanos(end(before).as_nanos() - 4_000_000_000);
    insert(&mut table, 0, start(900_000), 4).unwrap();
    assert_eq!(due(&mut table, end(100_000_000)), []);
    insert(&mut table, 1, start(100_000), 4).unwrap();
    assert_eq!(due(&mut table, end(0)), [1, 2].map(SessionId));
}

/// What a session took in the side table comes back with its slot.
#[test]
fn memory_does_not_grow_with_the_number_of_sessions_that_ever_were() {
    let mut table = table(3);
    for number in 0..1_000 {
        let slot = insert(&mut table, number, START, 30).unwrap();
        table.remove(slot);
    }
    assert_eq!((table.sessions.len(), table.free.len()), (1, 1));
    assert_eq!((table.v6.len(), table.free_v6.len()), (1, 1));
}

/// A hit on a session whose time is up says so, whether or not the wheel has come to it.
#[test]
fn an_expired_hit_is_seen_before_the_wheel_turns() {
    let mut table = table(4);
    let slot = insert(&mut table, 0, START, 30).unwrap();
    assert!(!table.is_expired(slot, after(29_999)));
    assert!(table.is_expired(slot, after(30_001)));
    assert!(find(&table, &key(0)).is_some(), "it is still there to be closed");
    table.remove(slot);
    assert_eq!(due(&mut table, after(40_000)), []);
}

#[test]
fn a_packet_puts_the_deadline_off_without_a_word() {
    let mut table = table(4);
    let slot = insert(&mut table, 0, START, 30).unwrap();
    for second in 1..100 {
        table.get_mut(slot).last_packet = after(second * 1_000);
        assert_eq!(due(&mut table, after(second * 1_000 + 900)), []);
    }
    assert_eq!(table.deadline(slot), after(129_000));
    assert_eq!(due(&mut table, after(129_002)), [SessionId(1)]);
}

#[test]
fn timeouts_change_both_ways() {
    let mut table = table(4);
    let slot = insert(&mut table, 0, START, 3600).unwrap();
    table.get_mut(slot).timeout = 15;
    table.rearm(slot);
    assert_eq!(due(&mut table, after(14_000)), []);
    table.get_mut(slot).timeout = 120;
    table.rearm(slot);
    assert_eq!(due(&mut table, after(119_000)), []);
    table.get_mut(slot).timeout = 119;
    table.rearm(slot);
    assert_eq!(due(&mut table, after(119_002)), [SessionId(1)]);
}

#[test]
fn a_bounded_number_of_sessions_ends_at_a_time() {
    let mut table = table(1_000);
    for number in 0..1_000 {
        insert(&mut table, number, after(u64::from(number)), 1).unwrap();
    }
    let mut calls = 0;
    let mut all = Vec::new();
    loop {
        let mut slots = Vec::new();
        let is_complete = table.expired(after(10_000), 10, &mut slots);
        assert!(slots.len() <= 10);
        all.extend(slots.iter().map(|slot| table.get(*slot).id.0));
        slots.into_iter().for_each(|slot| table.finish(slot));
        calls += 1;
        if is_complete {
            break;
        }
    }
    assert!((100..=101).contains(&calls), "{calls}");
    assert!(all.iter().copied().eq(1..=1_000));
}

fn settings(capacity: u32) -> SessionSettings {
    SessionSettings { capacity, ..SessionSettings::default() }
}

/// PAN-OS help, "Session Settings": above 80 % every timeout is halved, and idle sessions age eight times
/// as fast but not before they were idle for ten seconds.
#[test]
fn pressure_begins_and_ends_at_the_threshold() {
    let settings = settings(10);
    let none = Pressure::default();
    assert_eq!(none.next(START, 7, &settings), none);
    let on = none.next(START, 8, &settings);
    assert_eq!(on.accelerated, Some((START, 2)));
    assert_eq!(on.scan, Some((START, Duration::from_secs(10), 8)));
    assert_eq!(on.next(after(5), 10, &settings), on, "it goes on since it began");
    assert_eq!(on.next(after(5), 7, &settings), none);
    let off = SessionSettings { accelerated_aging_enable: false, ..settings };
    assert_eq!(on.next(after(5), 10, &off), none);
}

#[test]
fn pressure_divides_timeouts_and_nothing_ends_in_the_past() {
    let accelerated = |since| Pressure { accelerated: Some((since, 2)), scan: None };
    let scan = |since| Pressure { accelerated: None, scan: Some((since, Duration::from_secs(10), 8)) };
    let mut session = Session::new(SessionId(1), START);
    session.timeout = 3_600;
    assert_eq!(accelerated(START).deadline(&session), after(1_800_000));
    assert_eq!(
        accelerated(after(1_900_000)).deadline(&session),
        after(1_900_000),
        "not before the pressure began"
    );
    assert_eq!(
        accelerated(after(9_000_000)).deadline(&session),
        after(3_600_000),
        "never later than without"
    );
    assert_eq!(scan(START).deadline(&session), after(450_000));
    session.timeout = 30;
    assert_eq!(scan(START).deadline(&session), after(10_000), "idle for ten seconds at least");
    session.timeout = 5;
    assert_eq!(scan(START).deadline(&session), after(5_000));
    let both = Pressure { accelerated: Some((START, 2)), ..scan(START) };
    assert_eq!(both.deadline(&session), after(2_500));
}

#[test]
fn the_sweep_finds_the_sessions_that_pressure_shortens() {
    let mut table = table(500);
    for number in 0..400 {
        insert(&mut table, number, START, 3_600).unwrap();
    }
    let now = after(2_000_000);
    assert_eq!(due(&mut table, now), []);
    table.set_pressure(Pressure { accelerated: Some((now, 2)), scan: None });
    for _ in 0..400 / 32 + 1 {
        table.sweep(32);
    }
    let ended = due(&mut table, now + Duration::from_millis(1));
    assert!(ended.iter().map(|id| id.0).eq(1..=400), "all at the moment the pressure began");
}

/// What the table should do, done simply.
#[derive(Default)]
struct Model {
    sessions: BTreeMap<u32, Expected>,
    last_id: u32,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    slot: u32,
    id: SessionId,
    last_packet: Timestamp,
    timeout: u32,
}

impl Expected {
    fn deadline(&self) -> Timestamp {
        self.last_packet + Duration::from_secs(u64::from(self.timeout))
    }

    /// In whole milliseconds, as the table promises.
    fn is_due(&self, now: Timestamp) -> bool {
        self.deadline().as_nanos().div_ceil(1_000_000) <= now.as_nanos() / 1_000_000
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert { number: u32, timeout: u32 },
    Touch { number: u32 },
    Change { number: u32, timeout: u32 },
    Remove { number: u32 },
    Advance { nanos: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = || 0..40_u32;
    let timeout = || prop_oneof![1..4_u32, 1..200_u32, 3_600..100_000_u32];
    let nanos = prop_oneof![
        0..3_000_000_u64,
        0..3_000_000_000_u64,
        0..400_000_000_000_u64,
        0..90_000_000_000_000_u64
    ];
    let step = prop_oneof![
        3 => (number(), timeout()).prop_map(|(number, timeout)| Step::Insert { number, timeout }),
        2 => number().prop_map(|number| Step::Touch { number }),
        1 => (number(), timeout()).prop_map(|(number, timeout)| Step::Change { number, timeout }),
        1 => number().prop_map(|number| Step::Remove { number }),
        2 => nanos.prop_map(|nanos| Step::Advance { nanos }),
    ];
    proptest::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn behaves_like_a_sorted_map(steps in steps(), seed in any::<u128>()) {
        const CAPACITY: u32 = 24;
        let mut table = SessionTable::new(CAPACITY, HashSeed::new(seed));
        let mut now = START;
        prop_assert!(due(&mut table, now).is_empty());
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Insert { number, timeout } if !model.sessions.contains_key(&number) => {
                    let result = insert(&mut table, number, now, timeout);
                    prop_assert_eq!(result.is_err(), model.sessions.len() == CAPACITY as usize);
                    if let Ok(slot) = result {
                        model.last_id += 1;
                        let id = SessionId(model.last_id);
                        model.sessions.insert(number, Expected { slot, id, last_packet: now, timeout });
                    }
                }
                Step::Insert { number, .. } | Step::Touch { number } => {
                    if let Some(expected) = model.sessions.get_mut(&number) {
                        expected.last_packet = now;
                        table.get_mut(expected.slot).last_packet = now;
                    }
                }
                Step::Change { number, timeout } => {
                    if let Some(expected) = model.sessions.get_mut(&number) {
                        expected.timeout = timeout;
                        table.get_mut(expected.slot).timeout = timeout;
                        table.rearm(expected.slot);
                    }
                }
                Step::Remove { number } => {
                    if let Some(expected) = model.sessions.remove(&number) {
                        table.remove(expected.slot);
                    }
                }
                Step::Advance { nanos } => now += Duration::from_nanos(nanos),
            }
            let mut over: Vec<Expected> = model.sessions.values().copied().collect();
            over.retain(|one| one.is_due(now));
            over.sort_by_key(|one| (one.deadline(), one.id));
            for one in &over {
                prop_assert!(table.is_expired(one.slot, now));
            }
            let next = table.next_deadline();
            prop_assert!(over.is_empty() || next.is_some_and(|next| next <= now));
            let ended = due(&mut table, now);
            prop_assert_eq!(ended, over.iter().map(|one| one.id).collect::<Vec<_>>());
            model.sessions.retain(|_, one| !one.is_due(now));
            prop_assert_eq!(table.len(), model.sessions.len());
            prop_assert_eq!(table.next_deadline().is_none(), model.sessions.is_empty());
            for number in 0..40 {
                let found = find(&table, &key(number)).map(|hit| hit.slot);
                let found = found.map(|slot| (slot, table.get(slot).id, table.deadline(slot)));
                let expected = model.sessions.get(&number).map(|one| (one.slot, one.id, one.deadline()));
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// Under pressure that comes and goes sessions end no later than without it, none in the past, and none
    /// is lost.
    #[test]
    fn pressure_never_ends_anything_in_the_past(
        timeouts in proptest::collection::vec((1..5_000_u32, 0..100_000_u64), 1..80),
        turns in proptest::collection::vec((any::<bool>(), 1..500_000_u64), 1..40),
    ) {
        let mut table = table(80);
        let mut last = BTreeMap::new();
        for (number, (timeout, millis)) in timeouts.iter().enumerate() {
            let slot = insert(&mut table, number as u32, after(*millis), *timeout).unwrap();
            last.insert(table.get(slot).id, table.deadline(slot));
        }
        let mut now = after(100_000);
        let count = timeouts.len();
        let settings = SessionSettings { capacity: 80, ..SessionSettings::default() };
        let mut ended = due(&mut table, now);
        for (is_on, millis) in turns {
            let pressure = table.pressure().next(now, if is_on { 80 } else { 0 }, &settings);
            table.set_pressure(pressure);
            table.sweep(usize::MAX);
            let mut deadlines = vec![];
            for slot in table.slots() {
                let deadline = table.deadline(slot);
                prop_assert!(deadline <= last[&table.get(slot).id]);
                let began = pressure.accelerated.map_or(START, |(since, _)| since);
                prop_assert!(deadline >= began.min(last[&table.get(slot).id]));
                deadlines.push((deadline, table.get(slot).id));
            }
            now += Duration::from_millis(millis);
            deadlines.sort_unstable();
            let over = deadlines.into_iter().filter(|(deadline, _)| {
                deadline.as_nanos().div_ceil(1_000_000) <= now.as_nanos() / 1_000_000
            });
            let found = due(&mut table, now);
            prop_assert_eq!(&found, &over.map(|(_, id)| id).collect::<Vec<_>>());
            ended.extend(found);
        }
        ended.extend(due(&mut table, now + Duration::from_secs(100_000)));
        ended.sort_unstable();
        prop_assert!(ended.iter().map(|id| id.0).eq(1..=count as u32));
    }
}
