//! Links that fail and come back, keep-alives, signs of life.

use super::*;

fn watched(action: KeepAliveAction) -> Settings {
    let keep_alive = Some(Ha2KeepAlive { action, threshold_ms: 5_000 });
    Settings { keep_alive, ..Settings::default() }
}

#[test]
fn the_backup_takes_over_and_gives_back() {
    let mut world = World::connected(31, &Settings::default());
    (0..2).for_each(|device| world.link(device, HaLinkId::Ha2Backup, true));
    let steps = [(HaLinkId::Ha2, true), (HaLinkId::Ha2Backup, false), (HaLinkId::Ha2, true)];
    for (used, ha2_up) in steps {
        (0..2).for_each(|device| world.link(device, HaLinkId::Ha2, used == HaLinkId::Ha2));
        world.recorded.clear();
        world.traffic(0, 20 * MILLISECOND, 300);
        world.run(100 * MILLISECOND);
        world.assert_equal_copies();
        assert!(world.recorded.iter().all(|(_, link, _)| *link == used), "{used:?} {ha2_up}");
        assert!(!world.recorded.is_empty());
    }
    let joins = world.devices[0].logs.iter().filter(|log| matches!(log, SyncLog::JoinBegins(_))).count();
    assert_eq!(joins, 1, "another link is no reason to tell everything anew");
}

#[test]
fn without_any_link_changes_wait_as_ids() {
    let mut world = World::connected(33, &Settings::default());
    world.run(50 * MILLISECOND);
    (0..2).for_each(|device| world.link(device, HaLinkId::Ha2, false));
    world.traffic(0, 20 * MILLISECOND, 300);
    let backlog = world.devices[0].machine.backlog();
    assert!(backlog.dirty > 0 && backlog.in_flight == 0, "{backlog:?}");
    assert_eq!(world.devices[0].machine.status(), SyncStatus::LinkDown);
    assert_eq!(world.devices[0].machine.poll_timeout(), None);
    (0..2).for_each(|device| world.link(device, HaLinkId::Ha2, true));
    world.run(100 * MILLISECOND);
    world.assert_equal_copies();
}

#[test]
fn a_link_that_is_deaf_in_one_direction_is_left_by_both() {
    let mut world = World::new(35, &Settings::default());
    world.devices[0] = Device::new(watched(KeepAliveAction::LogOnly));
    for device in 0..2 {
        world.link(device, HaLinkId::Ha2, true);
        world.link(device, HaLinkId::Ha2Backup, true);
        world.devices[device].machine.handle_sending(world.now, true);
    }
    world.connect();
    world.run(Duration::from_secs(3));
    world.deaf.push((1, HaLinkId::Ha2));
    world.run(Duration::from_secs(7));
    assert!(world.devices[0].logs.contains(&SyncLog::KeepAliveFailed(HaLinkId::Ha2)));
    for device in &world.devices {
        assert_eq!(device.machine.link(), Some(HaLinkId::Ha2Backup));
    }
    world.traffic(1, 10 * MILLISECOND, 100);
    world.run(100 * MILLISECOND);
    world.assert_equal_copies();
    world.deaf.clear();
    world.run(Duration::from_secs(3));
    for device in &world.devices {
        assert_eq!(device.machine.link(), Some(HaLinkId::Ha2));
    }
    let asked = |device: usize| world.devices[device].machine.counters().messages(MessageKind::KeepAlive);
    assert!(asked(0).sent > 0 && asked(0).received == 0, "only the enabled side asks");
    assert_eq!(asked(1).sent, 0);
}

#[test]
fn when_no_link_answers_nothing_is_told_until_one_does() {
    for action in [KeepAliveAction::LogOnly, KeepAliveAction::SplitDatapath] {
        let mut world = World::connected(37, &watched(action));
        world.run(Duration::from_secs(3));
        world.deaf.extend([(0, HaLinkId::Ha2), (1, HaLinkId::Ha2)]);
        world.run(Duration::from_secs(7));
        for device in &world.devices {
            assert_eq!(device.machine.status(), SyncStatus::Stopped);
            assert!(device.events.contains(&alloc::format!("Lost({action:?})")));
            assert!(device.logs.contains(&SyncLog::Stopped(action)));
            assert_eq!(SyncLog::Stopped(action).severity(), crate::Severity::Critical);
        }
        world.traffic(0, 20 * MILLISECOND, 300);
        assert_eq!(world.devices[0].machine.backlog().dirty, 0);
        world.deaf.clear();
        world.run(Duration::from_secs(3));
        assert!(world.devices[0].events.contains(&"Resumed".to_string()));
        world.assert_equal_copies();
        assert_eq!(world.devices[0].machine.status(), SyncStatus::Complete);
    }
}

#[test]
fn a_quiet_device_gives_a_sign_of_life_as_often_as_asked() {
    let sign_of_life = Some(Duration::from_millis(15));
    let mut world = World::connected(39, &Settings { sign_of_life, ..Settings::default() });
    world.run(100 * MILLISECOND);
    let heard = |world: &World| world.devices[1].machine.heard_at().unwrap();
    for _ in 0..100 {
        world.run(7 * MILLISECOND);
        assert!(world.now.since(heard(&world)) <= Duration::from_millis(17));
    }
    let signs = world.devices[0].machine.counters().messages(MessageKind::SignOfLife).sent;
    assert!((40..=60).contains(&signs), "{signs} in 800 ms");
    assert_eq!(world.devices[0].machine.next_timer().map(|(_, timer)| timer), Some(Timer::SignOfLife));
}

#[test]
fn a_passive_device_tells_nothing_and_is_complete_when_it_has_everything() {
    let mut world = World::new(41, &Settings::default());
    for device in 0..2 {
        world.link(device, HaLinkId::Ha2, true);
    }
    world.devices[0].machine.handle_sending(world.now, true);
    world.connect();
    assert_eq!(world.devices[1].machine.status(), SyncStatus::Incomplete);
    world.traffic(0, 20 * MILLISECOND, 300);
    world.traffic(1, 20 * MILLISECOND, 300);
    world.run(100 * MILLISECOND);
    assert_eq!(world.devices[0].own.entries, world.devices[1].copy);
    assert!(world.devices[0].copy.is_empty());
    assert_eq!(world.devices[1].machine.status(), SyncStatus::Complete);
    assert!(world.devices[1].machine.report().disabled_reason == Some("device not in active state"));
    world.devices[1].machine.handle_sending(world.now, true);
    world.run(100 * MILLISECOND);
    world.assert_equal_copies();
}
