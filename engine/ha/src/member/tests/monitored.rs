//! Interfaces and paths that fail.

use core::net::IpAddr;

use bifrons_config::typed::{DestinationGroup, FailureCondition, LinkGroup, PathGroup, PathThrough};

use super::*;

const A: usize = 0;
const B: usize = 1;
const UP: [Option<HaState>; 2] = [Some(HaState::Active), Some(HaState::Passive)];
const OVER: [Option<HaState>; 2] = [Some(HaState::NonFunctional), Some(HaState::Active)];

fn link_group(name: &str, condition: FailureCondition, interfaces: &[usize]) -> LinkGroup {
    LinkGroup { name: String::from(name), enabled: true, condition, interfaces: interfaces.to_vec() }
}

/// Watches interfaces 0 and 1; passive links stay up.
fn watching(priority: u8) -> HighAvailability {
    let mut config = configuration(priority);
    config.mode = HaMode::ActivePassive { passive_links_up: true, monitor_fail_hold_down_minutes: 1 };
    config.link_monitoring.groups = [link_group("data", FailureCondition::Any, &[0, 1])].into();
    config
}

/// Pings two destinations every 200 milliseconds; three lost pings are a failure.
fn pinging(priority: u8, condition: FailureCondition) -> HighAvailability {
    let mut config = watching(priority);
    let addresses = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from).into();
    config.path_monitoring.groups = [PathGroup {
        through: PathThrough::VirtualRouter,
        name: String::from("default"),
        enabled: true,
        condition: FailureCondition::Any,
        source: None,
        ping_interval_ms: 200,
        ping_count: 3,
        destinations: [DestinationGroup {
            name: String::from("servers"),
            enabled: true,
            condition,
            addresses,
        }]
        .into(),
    }]
    .into();
    config
}

fn set(pair: &mut Pair, device: usize, interface: usize, is_up: bool) {
    pair.with(device, |member, now| member.handle_interface(now, interface, is_up));
}

#[test]
fn groups_of_any_and_all() {
    use FailureCondition::{All, Any};
    for (groups, of_groups, down, fails) in [
        ([Any, Any], Any, &[0][..], true),
        ([All, All], Any, &[0, 2], false),
        ([All, All], Any, &[0, 1], true),
        ([Any, Any], All, &[0, 1], false),
        ([Any, Any], All, &[0, 2], true),
        ([All, All], All, &[0, 1, 2], false),
        ([All, All], All, &[0, 1, 2, 3], true),
    ] {
        let mut config = configuration(1);
        config.link_monitoring.condition = of_groups;
        config.link_monitoring.groups = [
            link_group("one", groups[0], &[0, 1]),
            link_group("two", groups[1], &[2, 3]),
            link_group("empty", Any, &[]),
        ]
        .into();
        let mut monitoring = Monitoring::default();
        monitoring.apply(Timestamp::ZERO, &config);
        for place in down {
            monitoring.handle_interface(*place, false);
        }
        assert_eq!(monitoring.links_have_failed(), fails, "{groups:?} {of_groups:?} {down:?}");
        config.link_monitoring.enabled = false;
        monitoring.apply(Timestamp::ZERO, &config);
        assert!(!monitoring.links_have_failed());
    }
}

#[test]
fn a_failed_link_gives_way_after_the_hold_up_and_returns_after_the_hold_down() {
    let mut pair = Pair::running(watching(10), watching(20));
    set(&mut pair, A, 1, false);
    pair.run(Duration::from_millis(400));
    assert_eq!(pair.states(), UP);
    pair.run(Duration::from_millis(200));
    assert_eq!(pair.states(), OVER);
    assert_eq!(pair.member(A).reason(), StateReason::LinkDown);
    set(&mut pair, A, 1, true);
    pair.seconds(59);
    assert_eq!(pair.states(), OVER);
    pair.seconds(2);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
}

#[test]
fn a_link_that_is_up_again_within_the_hold_up_is_forgiven() {
    let mut pair = Pair::running(watching(10), watching(20));
    set(&mut pair, A, 1, false);
    pair.run(Duration::from_millis(400));
    set(&mut pair, A, 1, true);
    pair.seconds(5);
    assert_eq!(pair.states(), UP);
}

#[test]
fn the_last_device_standing_stays_until_the_other_can() {
    let mut pair = Pair::running(watching(10), watching(20));
    set(&mut pair, B, 0, false);
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::Active), Some(HaState::NonFunctional)]);
    set(&mut pair, A, 0, false);
    pair.seconds(10);
    assert_eq!(pair.state(A), Some(HaState::Active));
    assert_eq!(pair.logged(A, "Monitored failure ignored"), 1);
    set(&mut pair, B, 0, true);
    pair.seconds(61);
    assert_eq!(pair.states(), OVER);
}

#[test]
fn links_have_time_to_settle_where_the_passive_device_keeps_them_down() {
    let config = |priority| {
        let mut config = watching(priority);
        config.mode = HaMode::ActivePassive { passive_links_up: false, monitor_fail_hold_down_minutes: 1 };
        config
    };
    let mut pair = Pair::new(config(10), config(20));
    pair.boot(A);
    pair.boot(B);
    for interface in [0, 1] {
        set(&mut pair, B, interface, false);
    }
    pair.seconds(60);
    assert_eq!(pair.states(), UP, "a passive device does not watch links that it keeps down");
    pair.with(A, |member, now| member.handle_dataplane(now, false));
    pair.run(Duration::from_millis(10));
    assert_eq!(pair.state(B), Some(HaState::Active));
    pair.with(A, |member, now| member.handle_dataplane(now, true));
    pair.seconds(3);
    for interface in [0, 1] {
        set(&mut pair, B, interface, true);
    }
    pair.seconds(30);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
}

#[test]
fn paths_fail_after_so_many_lost_pings_and_one_answer_mends_them() {
    for (condition, fails) in [(FailureCondition::Any, true), (FailureCondition::All, false)] {
        let mut pair = Pair::running(pinging(10, condition), pinging(20, condition));
        let pings = |pair: &Pair, device: usize| {
            let is_ping = |output: &MemberOutput| matches!(output, MemberOutput::Ping { .. });
            pair.devices[device].story.iter().filter(|(_, output)| is_ping(output)).count()
        };
        assert_eq!(pings(&pair, B), 0, "a passive device has no addresses to ping from");
        assert_eq!(pings(&pair, A) % 2, 0);
        pair.answers = 1;
        pair.run(Duration::from_millis(550));
        assert_eq!(pair.states(), UP);
        pair.answers = 2;
        pair.seconds(2);
        assert_eq!(pair.states(), UP, "one answer mends it");
        pair.answers = 1;
        pair.seconds(2);
        assert_eq!(pair.states() == OVER, fails, "{condition:?}");
        pair.answers = 0;
        pair.seconds(2);
        assert_eq!(pair.state(A), Some(HaState::NonFunctional), "without any answer both fail");
        assert_eq!(pair.member(A).reason(), StateReason::PathDown);
    }
}

#[test]
fn a_ping_that_cannot_be_sent_is_lost_at_once() {
    let any = FailureCondition::Any;
    let mut pair = Pair::running(pinging(10, any), pinging(20, any));
    pair.answers = 0;
    let path = PathId { group: 0, destinations: 0, address: 1 };
    for _ in 0..3 {
        pair.run(Duration::from_millis(200));
        pair.with(A, |member, now| member.handle_path(now, path, false));
    }
    let state = pair.member(A).status().path_groups[0].destinations[0].paths[1];
    assert!(state.has_failed && pair.member(A).status().paths_have_failed);
    assert!(state.answered > 0 && state.answered < state.sent);
    assert_eq!((state.shortest, state.longest), (Duration::from_micros(500), Duration::from_micros(500)));
}

#[test]
fn the_first_ping_is_sent_a_second_after_the_take_over() {
    let any = FailureCondition::Any;
    let mut pair = Pair::running(watching(10), pinging(20, any));
    pair.crash(A);
    pair.seconds(20);
    let begins = pair.entered(B, HaState::Active);
    let is_ping = |output: &MemberOutput| matches!(output, MemberOutput::Ping { .. });
    let first = pair.devices[B].story.iter().find(|(_, output)| is_ping(output)).expect("a ping").0;
    assert_eq!(first.since(begins), Duration::from_secs(1));
}

#[test]
fn three_flaps_suspend_the_device() {
    let mut pair = Pair::running(watching(10), watching(20));
    for round in 1..=3 {
        let (fails, other) = (A, B);
        set(&mut pair, fails, 0, false);
        pair.seconds(1);
        assert_eq!(pair.state(fails) == Some(HaState::Suspended), round == 3, "{round}");
        set(&mut pair, fails, 0, true);
        pair.seconds(70);
        assert_eq!(pair.state(other), Some(HaState::Active));
    }
    assert_eq!(pair.member(A).reason(), StateReason::NonFunctionalLoop);
    assert_eq!(pair.member(A).status().flaps.non_functional, 3);
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Functional))
        .expect("it is suspended");
    assert_eq!(pair.member(A).status().flaps.non_functional, 0);
    pair.seconds(10);
    assert_eq!(pair.state(A), Some(HaState::Passive));
}

#[test]
fn preempting_and_failing_again_ends_in_suspension() {
    let config = |priority| {
        let mut config = watching(priority);
        config.election.preemptive = true;
        // Failures of the data plane are no monitored ones: only preemption counts.
        config.election.timers.flap_max = Some(2);
        config
    };
    let mut pair = Pair::running(config(10), config(20));
    for round in 1..=2 {
        pair.with(A, |member, now| member.handle_dataplane(now, false));
        pair.seconds(1);
        assert_eq!(pair.state(A) == Some(HaState::Suspended), round == 2, "{round}");
        pair.with(A, |member, now| member.handle_dataplane(now, true));
        pair.seconds(70);
        assert_eq!(pair.states() == UP, round == 1);
    }
    assert_eq!(pair.member(A).reason(), StateReason::PreemptionLoop);
}

#[test]
fn in_active_active_a_failed_link_makes_tentative() {
    let config = |id| {
        let mut config = active_active(id);
        config.link_monitoring.groups = [link_group("data", FailureCondition::Any, &[0])].into();
        config
    };
    let mut pair = Pair::running(config(0), config(1));
    set(&mut pair, A, 0, false);
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::Tentative), Some(HaState::ActivePrimary)]);
    pair.seconds(100);
    assert_eq!(pair.state(A), Some(HaState::Tentative), "for as long as the link is down");
    set(&mut pair, A, 0, true);
    pair.seconds(59);
    assert_eq!(pair.state(A), Some(HaState::Tentative));
    pair.seconds(2);
    assert_eq!(pair.states(), [Some(HaState::ActiveSecondary), Some(HaState::ActivePrimary)]);
}

#[test]
fn what_fails_while_a_device_steps_back_does_not_undo_the_order() {
    let mut pair = Pair::running(watching(10), watching(20));
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend)).expect("it is active");
    assert_eq!(pair.state(A), Some(HaState::Active), "until the other one leads");
    set(&mut pair, A, 0, false);
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::Active)]);
    set(&mut pair, A, 0, true);
    pair.seconds(100);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::Active)]);
}
