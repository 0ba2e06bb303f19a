//! Who leads, when, and for how long nobody does.

use super::*;

const A: usize = 0;
const B: usize = 1;
const UP: [Option<HaState>; 2] = [Some(HaState::Active), Some(HaState::Passive)];
const CONTROL: [HaLinkId; 3] = [HaLinkId::Ha1, HaLinkId::Ha1Backup, HaLinkId::HeartbeatBackup];

#[test]
fn the_lower_priority_leads_and_a_tie_goes_to_the_lower_address() {
    assert_eq!(Pair::running(configuration(10), configuration(20)).states(), UP);
    let [a, b] = Pair::running(configuration(20), configuration(10)).states();
    assert_eq!([b, a], UP);
    assert_eq!(Pair::running(configuration(100), configuration(100)).states(), UP);
}

#[test]
fn a_device_alone_leads_after_one_hello_interval_and_stays_when_a_better_one_comes() {
    let mut pair = Pair::new(configuration(10), configuration(20));
    pair.boot(B);
    pair.run(Duration::from_millis(7_999));
    assert_eq!(pair.state(B), Some(HaState::Initial));
    pair.seconds(1);
    assert_eq!(pair.state(B), Some(HaState::Active));
    pair.boot(A);
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.state(A), Some(HaState::Initial), "it waits for the sessions");
    pair.seconds(300);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
}

#[test]
fn a_device_that_cannot_get_the_sessions_stays_initial_unless_ha2_is_down() {
    let mut pair = Pair::new(configuration(10), configuration(20));
    pair.join = None;
    pair.boot(B);
    pair.seconds(10);
    pair.boot(A);
    pair.seconds(60);
    assert_eq!(pair.state(A), Some(HaState::Initial));
    pair.with(A, |member, now| member.handle_link(now, HaLinkId::Ha2, false));
    pair.run(Duration::from_millis(2_900));
    assert_eq!(pair.state(A), Some(HaState::Initial));
    pair.seconds(1);
    assert_eq!(pair.state(A), Some(HaState::Passive));
    assert_eq!(pair.logged(A, "Ignoring session synchronization due to HA2-unavailable"), 1);
}

#[test]
fn both_must_want_preemption_and_it_waits_for_its_hold_time() {
    for (a, b) in [(true, true), (true, false), (false, true)] {
        let config = |priority, preemptive| {
            let mut config = configuration(priority);
            config.election.preemptive = preemptive;
            config
        };
        let mut pair = Pair::new(config(10, a), config(20, b));
        pair.boot(B);
        pair.seconds(20);
        pair.boot(A);
        pair.seconds(59);
        assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
        pair.seconds(3);
        assert_eq!(pair.states() == UP, a && b);
        if a && b {
            let (begins, ends) = (pair.entered(A, HaState::Active), pair.entered(B, HaState::Passive));
            assert!(ends.since(begins) >= crate::timers::LINGER, "the old one goes on for a moment");
            assert_eq!(pair.logged(A, "Split brain"), 0);
        }
    }
}

/// From the crash of the leading device to the take-over, over all phases of the heartbeat.
fn take_over_times(timers: &HaTimers) -> (Duration, Duration) {
    let pair = Pair::with_timers(timers);
    assert_eq!(pair.states(), UP);
    let beat = Duration::from_millis(u64::from(timers.heartbeat_interval_ms));
    let times = (0..20).map(|step| {
        let mut pair = pair.clone();
        pair.run(beat * step / 20);
        pair.crash(A);
        let at = pair.now;
        pair.seconds(20);
        assert_eq!(pair.state(B), Some(HaState::Active));
        pair.entered(B, HaState::Active).since(at)
    });
    let times: Vec<Duration> = times.collect();
    (*times.iter().min().expect("some"), *times.iter().max().expect("some"))
}

#[test]
fn a_crash_is_noticed_after_three_heartbeats_and_the_promotion_hold() {
    let milliseconds = Duration::from_millis;
    let with = |beat, hold| HaTimers {
        heartbeat_interval_ms: beat,
        promotion_hold_ms: hold,
        ..HaTimers::recommended()
    };
    // One millisecond more than the times, for messages on their way.
    for (timers, shortest, longest) in [
        (with(1_000, 2_000), 4_000, 5_001),
        (HaTimers::recommended(), 6_000, 8_001),
        (HaTimers::aggressive(), 2_500, 3_501),
        (HaTimers::fast(), 30, 46),
    ] {
        let (min, max) = take_over_times(&timers);
        assert!(min >= milliseconds(shortest) && max <= milliseconds(longest), "{timers:?}: {min:?} {max:?}");
    }
}

#[test]
fn any_control_link_keeps_the_peer_alive() {
    for alive in CONTROL {
        let mut config = [configuration(10), configuration(20)];
        config.iter_mut().for_each(|config| config.election.heartbeat_backup = true);
        let [a, b] = config;
        let mut pair = Pair::running(a, b);
        let others: Vec<HaLinkId> = CONTROL.into_iter().filter(|link| *link != alive).collect();
        pair.cut(&others);
        pair.seconds(600);
        assert_eq!(pair.states(), UP, "{alive:?}");
        assert!(pair.member(B).peer_is_alive());
    }
}

#[test]
fn with_the_fast_profile_ha2_keeps_the_peer_alive_too() {
    let mut pair = Pair::with_timers(&HaTimers::fast());
    pair.cut(&CONTROL);
    pair.seconds(5);
    assert_eq!(pair.states(), UP);
    pair.cut(&[HaLinkId::Ha2]);
    pair.seconds(1);
    assert_eq!(pair.state(B), Some(HaState::Active));
}

#[test]
fn a_split_brain_heals_to_the_better_device_with_one_word_to_the_log() {
    let mut pair = Pair::running(configuration(10), configuration(20));
    pair.cut(&CONTROL);
    pair.seconds(20);
    assert_eq!(pair.states(), [Some(HaState::Active); 2]);
    pair.heal();
    pair.seconds(3);
    assert_eq!(pair.states(), UP);
    assert_eq!((pair.logged(A, "Split brain"), pair.logged(B, "Split brain")), (1, 1));
    assert_eq!(
        pair.devices[A].story.iter().filter(|(_, it)| matches!(it, MemberOutput::State { .. })).count(),
        1
    );
}

#[test]
fn one_that_hears_and_is_not_heard_gives_way() {
    let mut pair = Pair::running(configuration(10), configuration(20));
    pair.silent[A].extend(CONTROL);
    pair.seconds(30);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
    pair.heal();
    pair.seconds(30);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
}

#[test]
fn all_control_links_down_counts_after_the_monitor_hold_time() {
    let mut pair = Pair::running(configuration(10), configuration(20));
    pair.cut(&CONTROL);
    for link in CONTROL {
        pair.with(B, |member, now| member.handle_link(now, link, false));
    }
    let at = pair.now;
    pair.seconds(10);
    let span = pair.entered(B, HaState::Active).since(at);
    assert_eq!(span, Duration::from_millis(3_000 + 2_000));
    assert_eq!(pair.logged(B, "HA1 link went down"), 1);
}

#[test]
fn a_planned_step_down_overlaps() {
    let mut pair = Pair::running(configuration(10), configuration(20));
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend)).expect("it is active");
    assert_eq!(pair.state(A), Some(HaState::Active));
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::Active)]);
    let overlap = pair.entered(A, HaState::Suspended).since(pair.entered(B, HaState::Active));
    assert!(overlap >= crate::timers::LINGER, "{overlap:?}");
    let again = pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend));
    assert_eq!(again, Err(RequestError::AlreadySuspended));
    pair.seconds(100);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::Active)]);
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Functional))
        .expect("it is suspended");
    pair.seconds(10);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
    let again = pair.with(A, |member, now| member.handle_request(now, StateRequest::Functional));
    assert_eq!(again, Err(RequestError::NotSuspended(HaState::Passive)));
}

#[test]
fn a_step_down_without_anybody_to_take_over_is_at_once() {
    let mut pair = Pair::new(configuration(10), configuration(20));
    pair.boot(A);
    pair.seconds(10);
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend)).expect("it is active");
    assert_eq!(pair.state(A), Some(HaState::Suspended));
    pair.seconds(1_000);
    assert_eq!(pair.state(A), Some(HaState::Suspended), "only an operator takes it in again");
}

#[test]
fn a_restart_that_is_faster_than_the_heartbeats_makes_the_peer_lead() {
    let mut pair = Pair::running(configuration(10), configuration(20));
    pair.crash(A);
    pair.run(Duration::from_millis(500));
    pair.boot(A);
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.state(B), Some(HaState::Active));
    pair.seconds(10);
    assert_eq!(pair.state(A), Some(HaState::Passive));
}

#[test]
fn a_dead_data_plane_gives_way_and_comes_back_as_passive() {
    let mut pair = Pair::running(configuration(10), configuration(20));
    pair.with(A, |member, now| member.handle_dataplane(now, false));
    pair.run(Duration::from_millis(10));
    assert_eq!(pair.states(), [Some(HaState::NonFunctional), Some(HaState::Active)]);
    pair.with(A, |member, now| member.handle_dataplane(now, true));
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
}
