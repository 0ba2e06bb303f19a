//! Whatever the links do, the copies are equal once they are calm.

use proptest::prelude::*;

use super::*;

#[test]
fn a_fresh_peer_gets_everything_while_changes_go_on() {
    let settings = Settings { window: 2, ..Settings::default() };
    let mut world = World::new(7, &settings);
    for id in 0..5_000u64 {
        let space = Space::ALL[(id % 4) as usize];
        world.devices[0].own.entries.insert((space, id << 3), id);
    }
    for device in 0..2 {
        world.link(device, HaLinkId::Ha2, true);
        world.devices[device].machine.handle_sending(world.now, true);
    }
    world.connect();
    world.traffic(0, 20 * MILLISECOND, 5_000);
    assert_eq!(world.devices[0].machine.status(), SyncStatus::Incomplete);
    world.traffic(0, 100 * MILLISECOND, 5_000);
    world.run(100 * MILLISECOND);
    assert_eq!(world.devices[0].machine.status(), SyncStatus::Complete);
    world.assert_equal_copies();
    assert!(world.devices[0].events.iter().any(|event| event == "Told(1)"));
    assert!(world.devices.iter().all(|device| device.machine.is_quiet() && device.surprises == 0));
}

#[test]
fn names_are_told_before_what_refers_to_them() {
    let settings = Settings { window: 2, ..Settings::default() };
    let mut world = World::new(7, &settings);
    for id in 0..2_000u64 {
        world.devices[0].own.entries.insert((Space::Names, id), id);
    }
    world.link(0, HaLinkId::Ha2, true);
    world.link(1, HaLinkId::Ha2, true);
    world.devices[0].machine.handle_sending(world.now, true);
    world.connect();
    let now = world.now;
    world.devices[0].set(now, Space::Sessions, 1 << 40, 1);
    world.run(100 * MILLISECOND);
    world.devices[0].set(world.now, Space::Sessions, 2 << 40, 1);
    world.devices[0].set(world.now, Space::Names, 2_000, 1);
    world.run(100 * MILLISECOND);
    world.assert_equal_copies();
    let told = &world.devices[1].order;
    let first = told.iter().position(|space| *space == Space::Sessions).unwrap();
    assert!(first >= 2_000 && told.iter().take(2_000).all(|space| *space == Space::Names));
    assert!(told.ends_with(&[Space::Names, Space::Sessions]));
}

#[test]
fn only_the_newest_state_is_told_and_asked_for_once() {
    let settings = Settings::default();
    let mut world = World::connected(3, &settings);
    world.run(50 * MILLISECOND);
    let asked = world.devices[0].own.asked;
    for revision in 1..=1_000 {
        let now = world.now;
        world.devices[0].set(now, Space::Sessions, 8, revision);
    }
    world.run(50 * MILLISECOND);
    world.assert_equal_copies();
    assert_eq!(world.devices[0].own.asked, asked + 1);
    assert_eq!(world.devices[0].machine.counters().items(ItemKind::SessionCreate).sent, 1);
}

#[test]
fn a_peer_that_answers_nothing_costs_the_changed_ids_only() {
    let settings = Settings { capacity: 10_000, window: 16, ..Settings::default() };
    let mut world = World::connected(5, &settings);
    world.run(50 * MILLISECOND);
    world.deaf.push((1, HaLinkId::Ha2));
    for _ in 0..20 {
        for _ in 0..3_000 {
            world.change(0, 1 << 40);
            world.assert_bounds(&settings);
        }
        world.run(5 * MILLISECOND);
    }
    assert!(world.devices[0].machine.counters().overflows > 0);
    assert!(world.devices[0].machine.counters().window_full > 0);
    assert!(world.devices[0].machine.backlog().waiting <= Duration::from_millis(200));
    world.deaf.clear();
    world.run(Duration::from_secs(2));
    world.assert_equal_copies();
}

#[test]
fn a_device_that_no_longer_sends_still_tells_what_had_changed() {
    let settings = Settings { flush: Duration::from_millis(50), ..Settings::default() };
    let mut world = World::connected(9, &settings);
    world.run(50 * MILLISECOND);
    let now = world.now;
    world.devices[0].set(now, Space::Sessions, 8, 1);
    world.devices[0].machine.handle_sending(now, false);
    world.devices[0].machine.mark(now, ItemKind::SessionCreate, 16);
    assert!(!world.devices[0].machine.is_quiet());
    world.run(100 * MILLISECOND);
    world.assert_equal_copies();
    assert_eq!(world.devices[0].machine.counters().items(ItemKind::SessionCreate).sent, 1);
}

#[test]
fn a_dead_peers_last_messages_are_picked_up() {
    let settings = Settings { largest_message: 576, ..Settings::default() };
    let mut world = World::connected(11, &settings);
    world.run(50 * MILLISECOND);
    world.devices[0].own.padding = 300;
    let now = world.now;
    for id in 1..=40 {
        world.devices[0].set(now, Space::Sessions, id << 3, id);
    }
    let Device { machine, own, .. } = &mut world.devices[0];
    machine.handle_timeout(now, own);
    let messages = world.devices[0].drain();
    assert!(messages.len() > 20, "one entry per message");
    for (link, bytes) in messages.iter().skip(1) {
        world.devices[1].machine.handle_message(now, *link, bytes).unwrap();
    }
    world.devices[1].drain();
    assert_eq!(world.devices[1].copy.len(), 0, "the first is missing");
    world.devices[1].machine.handle_peer(now, PeerEvent::Lost).unwrap();
    world.devices[1].drain();
    assert_eq!(world.devices[1].loose, messages.len() - 1);
    assert_eq!(world.devices[1].copy.len(), messages.len() - 1);
    assert_eq!(world.devices[1].machine.status(), SyncStatus::NoPeer);
}

#[test]
fn a_full_batch_amortises_what_is_around_it() {
    let settings = Settings::default();
    let mut world = World::connected(13, &settings);
    world.faults = Faults::default();
    world.run(50 * MILLISECOND);
    // With the revision 40 bytes, as a session with translation.
    world.devices[0].own.padding = 32;
    let before = world.devices[0].machine.counters().bytes_sent;
    let now = world.now;
    for place in 0..10_000u64 {
        let id = (1 << 47) | (place.wrapping_mul(0x9e37_79b9) % (1 << 24));
        world.devices[0].set(now, Space::Sessions, id, place);
    }
    let entries = world.devices[0].own.entries.len() as u64;
    world.run(200 * MILLISECOND);
    let sent = world.devices[0].machine.counters().bytes_sent - before;
    assert!(sent / entries <= 48, "{} bytes per session", sent as f64 / entries as f64);
}

#[test]
fn what_is_only_late_is_seldom_sent_again() {
    let mut world = World::connected(17, &Settings::default());
    world.faults = Faults { delay: 2, ..Faults::default() };
    for _ in 0..20 {
        world.traffic(0, 50 * MILLISECOND, 1 << 30);
    }
    let counters = world.devices[0].machine.counters();
    let batches = counters.messages(MessageKind::Batch).sent;
    assert!(counters.retransmitted * 50 <= batches, "{} of {batches} batches", counters.retransmitted);
}

#[test]
fn payloads_up_to_the_bound_are_sent_and_larger_ones_counted() {
    let settings = Settings { largest_message: 576, ..Settings::default() };
    for (longer, arrives) in [(0, true), (1, false)] {
        let mut world = World::connected(15, &settings);
        world.run(50 * MILLISECOND);
        world.devices[0].own.padding = settings.largest_payload() - 8 + longer;
        let now = world.now;
        world.devices[0].set(now, Space::Sessions, u64::MAX >> 1, 1);
        world.run(50 * MILLISECOND);
        assert_eq!(world.devices[1].copy.len(), usize::from(arrives));
        assert_eq!(world.devices[0].machine.counters().oversized, longer as u64);
        assert!(world.recorded.iter().all(|(.., bytes)| bytes.len() <= 576));
    }
}

/// A life of the pair: traffic at both devices, faults, links that come and go, restarts.
fn live(seed: u64, faults: Faults) -> World {
    let settings = Settings { capacity: 3_000, window: 32, largest_message: 600, ..Settings::default() };
    let mut world = World::connected(seed, &settings);
    world.faults = faults;
    for _ in 0..6 {
        let device = world.random(2) as usize;
        world.traffic(device, 15 * MILLISECOND, 400);
        world.traffic(1 - device, 5 * MILLISECOND, 400);
        let link = if world.random(2) == 0 { HaLinkId::Ha2 } else { HaLinkId::Ha2Backup };
        let up = world.random(2) == 0;
        match world.random(6) {
            0 | 1 => (0..2).for_each(|device| world.link(device, link, up)),
            2 => world.connect(),
            3 => {
                let old = Device::new(settings.clone());
                let old = core::mem::replace(&mut world.devices[device], old);
                world.devices[device].own = old.own;
                world.devices[device].machine.handle_sending(world.now, true);
                world.link(device, HaLinkId::Ha2, true);
                let now = world.now;
                world.devices[1 - device].machine.handle_peer(now, PeerEvent::Lost).unwrap();
                world.traffic(1 - device, 5 * MILLISECOND, 400);
                world.connect();
            }
            _ => {}
        }
        world.assert_bounds(&settings);
    }
    for device in 0..2 {
        world.link(device, HaLinkId::Ha2, true);
    }
    world.run(Duration::from_secs(1));
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn copies_are_equal_a_second_after_the_traffic_stops(
        seed in any::<u64>(),
        loss in 0..=15u64,
        repetition in 0..=30u64,
        delay in 1..=8u64,
    ) {
        let world = live(seed, Faults { loss, repetition, delay });
        world.assert_equal_copies();
        prop_assert!(world.devices.iter().all(|device| device.machine.is_quiet()));
    }

    #[test]
    fn two_runs_are_equal(seed in any::<u64>()) {
        let faults = Faults { loss: 5, repetition: 5, delay: 3 };
        let (first, second) = (live(seed, faults), live(seed, faults));
        prop_assert_eq!(first.recorded, second.recorded);
        prop_assert_eq!(first.devices[1].events.clone(), second.devices[1].events.clone());
    }
}
