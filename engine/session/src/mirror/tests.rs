//! Copies, take-overs and joins, without a worker around the table.

use bifrons_model::ZoneId;
use bifrons_wire::Addresses;

use super::*;
use crate::HashSeed;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn table() -> SessionTable {
    let mut table = SessionTable::new(16, HashSeed::new(7));
    table.set_mirrored(true);
    table
}

fn keys(client: u32) -> (FlowKey, FlowKey) {
    let addresses = Addresses::V4 { source: client, destination: 1 };
    let c2s = FlowKey::new(addresses, 1_000, 80, 6, ZoneId(1));
    (c2s, c2s.reversed(ZoneId(2)))
}

fn copy(table: &mut SessionTable, id: u32, timeout: u32, idle: u32) -> u32 {
    let mut session = Session::new(SessionId(id), NOW);
    session.timeout = timeout;
    let (c2s, s2c) = keys(id);
    table.insert_copy(session, (&c2s, &s2c), NOW, idle).expect("there is room")
}

fn ends(table: &mut SessionTable, now: Timestamp) -> Vec<u32> {
    let mut out = Vec::new();
    assert!(table.expired(now, usize::MAX, &mut out));
    out.iter().for_each(|slot| table.finish(*slot));
    out
}

#[test]
fn a_copy_does_not_age_before_its_owner_dies() {
    let mut table = table();
    let slot = copy(&mut table, 5, 30, 10_000);
    assert!(ends(&mut table, NOW.after_secs(1_000)).is_empty());
    assert_eq!(table.deadline(slot), Timestamp::MAX);
    let died = NOW.after_secs(1_001);
    table.take_over(died);
    assert!(!table.is_copy(slot));
    assert_eq!(table.deadline(slot), died.after_secs(20));
    assert!(ends(&mut table, died.after_secs(19)).is_empty());
    assert_eq!(ends(&mut table, died.after_secs(20)), [slot]);
    assert_eq!(table.find_id(SessionId(5)), None);
}

#[test]
fn the_wheel_finds_the_end_of_what_was_a_copy_at_any_time() {
    for wait in 0..120_u64 {
        let mut table = table();
        let slot = copy(&mut table, 5, 30, 10_000);
        for second in 0..wait {
            assert!(ends(&mut table, NOW + Duration::from_secs(second)).is_empty());
        }
        let died = NOW + Duration::from_secs(wait);
        table.take_over(died);
        let deadline = table.next_deadline().expect("it waits");
        assert!(deadline <= died.after_secs(20), "{wait}");
        assert_eq!(ends(&mut table, died.after_secs(20)), [slot]);
    }
}

#[test]
fn an_adopted_copy_goes_on_from_what_was_left() {
    let mut table = table();
    let slot = copy(&mut table, 5, 30, 10_000);
    let died = NOW.after_secs(50);
    table.take_over(died);
    table.adopt(slot, died.after_secs(3));
    assert_eq!(table.deadline(slot), died.after_secs(20));
    assert!(table.get(slot).flags.has(SessionFlags::PEER));
    table.get_mut(slot).last_packet = died.after_secs(15);
    assert_eq!(table.deadline(slot), died.after_secs(45));
    // A second owner's death changes nothing for it.
    table.take_over(died.after_secs(16));
    assert_eq!(table.deadline(slot), died.after_secs(45));
}

#[test]
fn who_stands_down_has_copies_and_takes_them_back() {
    let mut table = table();
    let (c2s, s2c) = keys(9);
    let slot = table.insert(&c2s, &s2c, NOW, 30).expect("there is room");
    let id = table.get(slot).id;
    table.stand_down(NOW.after_secs(12));
    assert!(table.is_copy(slot));
    assert_eq!(table.find_id(id), Some(slot));
    table.take_over(NOW.after_secs(100));
    assert_eq!(table.deadline(slot), NOW.after_secs(118));
    table.stand_down(NOW.after_secs(110));
    assert!(table.is_copy(slot));
}

#[test]
fn a_join_forgets_what_it_does_not_tell() {
    let mut table = table();
    let (kept, left) = (copy(&mut table, 5, 30, 0), copy(&mut table, 6, 30, 0));
    table.begin_join();
    table.renew_copy(kept, NOW.after_secs(1), 0);
    let new = copy(&mut table, 7, 30, 0);
    table.end_join();
    let mut out = Vec::new();
    while !table.forgotten(1, &mut out) {}
    assert_eq!(out, [left]);
    assert!(!table.is_forgetting() && table.is_copy(new));
}

#[test]
fn what_is_told_late_is_nobody_s_copy() {
    let mut table = table();
    table.take_over(NOW);
    let slot = copy(&mut table, 5, 30, 0);
    assert_eq!(table.deadline(slot), NOW.after_secs(30));
    table.begin_join();
    assert!(!table.is_copy(slot));
    let other = copy(&mut table, 6, 30, 0);
    assert!(table.is_copy(other));
}

#[test]
fn numbers_are_given_once() {
    let mut table = table();
    table.skip_ids(SessionId(40));
    copy(&mut table, 40, 30, 0);
    copy(&mut table, 42, 30, 0);
    for (client, id) in [(100, 41), (101, 43)] {
        let (c2s, s2c) = keys(client);
        let slot = table.insert(&c2s, &s2c, NOW, 30).expect("there is room");
        assert_eq!(table.get(slot).id, SessionId(id));
    }
    table.take_over(NOW);
    let (c2s, s2c) = keys(102);
    let slot = table.insert(&c2s, &s2c, NOW, 30).expect("there is room");
    assert!(table.get(slot).id.0 > 60_000);
    let mut shared = SessionTable::new(8, HashSeed::new(1));
    shared.share(1, 4);
    shared.skip_ids(SessionId(17));
    let slot = shared.insert(&c2s, &s2c, NOW, 30).expect("there is room");
    assert_eq!(shared.get(slot).id.0 % 4, 2);
    assert!(shared.get(slot).id.0 > 17);
}

/// Two devices of two workers each, however late they learn which device they are.
#[test]
fn devices_and_their_workers_give_numbers_of_their_own() {
    let mut given = alloc::collections::BTreeSet::new();
    for before in [0, 3] {
        for place in 0..4 {
            let mut table = table();
            table.share((place % 2) as u16, 2);
            let mut client = 0;
            let mut next = |table: &mut SessionTable| {
                client += 1;
                let (c2s, s2c) = keys(client);
                let slot = table.insert(&c2s, &s2c, NOW, 30).expect("there is room");
                table.get(slot).id.0
            };
            let early = (0..before).map(|_| next(&mut table)).max();
            for _ in 0..2 {
                table.interleave(place, 4);
                let id = next(&mut table);
                assert_eq!((id - 1) % 4, place);
                assert!(early.is_none_or(|early| id > early));
                assert!(before > 0 || given.insert(id), "{id} twice");
            }
        }
    }
    assert_eq!(given.into_iter().collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
}

#[test]
fn a_session_that_is_given_away_waits_for_its_owner_s_end() {
    let mut table = table();
    let (c2s, s2c) = keys(1);
    let slot = table.insert(&c2s, &s2c, NOW, 30).expect("there is room");
    table.give(slot, NOW.after_secs(10));
    assert!(table.is_copy(slot) && ends(&mut table, NOW.after_secs(100)).is_empty());
    let died = NOW.after_secs(200);
    table.take_over(died);
    assert_eq!(table.deadline(slot), died.after_secs(20), "what was left when it was given away");
    assert_eq!(ends(&mut table, died.after_secs(20)), [slot]);
}

#[test]
fn an_own_session_is_told_of_each_quarter_if_packets_came() {
    let mut table = table();
    let (c2s, s2c) = keys(9);
    let slot = table.insert(&c2s, &s2c, NOW, 40).expect("there is room");
    let first = table.arm_telling(slot, NOW);
    assert_eq!(first, NOW.after_secs(10));
    let mut told = Vec::new();
    for second in 1..=100_u32 {
        let now = NOW.after_secs(second);
        if second <= 60 && second != 15 {
            table.get_mut(slot).last_packet = now;
        }
        ends(&mut table, now);
        let mut refreshed = Vec::new();
        table.take_refreshed(&mut refreshed);
        told.extend(refreshed.iter().map(|_| second));
    }
    assert_eq!(told, [10, 20, 30, 40, 50, 60]);
    assert!(table.is_empty());
}
