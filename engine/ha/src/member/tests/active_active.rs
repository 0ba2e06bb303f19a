//! Both forward, one leads.

use super::*;

const A: usize = 0;
const B: usize = 1;
const UP: [Option<HaState>; 2] = [Some(HaState::ActivePrimary), Some(HaState::ActiveSecondary)];

fn running() -> Pair {
    Pair::running(active_active(0), active_active(1))
}

#[test]
fn the_lower_device_id_leads_whatever_the_priorities() {
    assert_eq!(running().states(), UP);
    let mut config = [active_active(1), active_active(0)];
    config[0].election.device_priority = 1;
    let [a, b] = config;
    let [a, b] = Pair::running(a, b).states();
    assert_eq!([b, a], UP);
}

#[test]
fn the_survivor_leads_and_keeps_it() {
    let mut pair = running();
    pair.crash(A);
    pair.seconds(10);
    assert_eq!(pair.state(B), Some(HaState::ActivePrimary));
    pair.boot(A);
    pair.seconds(300);
    assert_eq!(pair.states(), [Some(HaState::ActiveSecondary), Some(HaState::ActivePrimary)]);
}

#[test]
fn preemption_is_about_leading() {
    let mut config = [active_active(0), active_active(1)];
    config.iter_mut().for_each(|config| config.election.preemptive = true);
    let [a, b] = config;
    let mut pair = Pair::running(a, b);
    pair.crash(A);
    pair.seconds(10);
    pair.boot(A);
    pair.seconds(30);
    assert_eq!(pair.states(), [Some(HaState::ActiveSecondary), Some(HaState::ActivePrimary)]);
    pair.seconds(35);
    assert_eq!(pair.states(), UP);
}

#[test]
fn two_of_one_id_do_not_fit_and_the_worse_gives_way() {
    let mut pair = Pair::running(active_active(0), active_active(0));
    assert_eq!(pair.states(), [Some(HaState::ActivePrimary), Some(HaState::NonFunctional)]);
    assert_eq!(pair.logged(B, "A/A device-id overlap"), 2, "as a mismatch, and as the reason of the state");
    pair.crash(A);
    pair.seconds(10);
    assert_eq!(pair.state(B), Some(HaState::ActivePrimary), "alone it is good enough");
}

#[test]
fn a_suspended_device_returns_by_the_tentative_hold() {
    let mut pair = running();
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend)).expect("it leads");
    pair.seconds(2);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::ActivePrimary)]);
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Functional))
        .expect("it is suspended");
    assert_eq!(pair.state(A), Some(HaState::Tentative));
    pair.run(Duration::from_millis(59_900));
    assert_eq!(pair.state(A), Some(HaState::Tentative));
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::ActiveSecondary), Some(HaState::ActivePrimary)]);
}

#[test]
fn a_tentative_device_leads_when_the_peer_dies() {
    let mut pair = running();
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend)).expect("it leads");
    pair.seconds(2);
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Functional))
        .expect("it is suspended");
    pair.seconds(5);
    pair.crash(B);
    pair.seconds(10);
    assert_eq!(pair.state(A), Some(HaState::ActivePrimary));
}

#[test]
fn a_lost_forwarding_link_takes_out_the_secondary_alone() {
    let mut pair = running();
    for device in [A, B] {
        pair.with(device, |member, now| member.handle_link(now, HaLinkId::Ha3, false));
    }
    pair.seconds(5);
    assert_eq!(pair.states(), [Some(HaState::ActivePrimary), Some(HaState::NonFunctional)]);
    for device in [A, B] {
        pair.with(device, |member, now| member.handle_link(now, HaLinkId::Ha3, true));
    }
    pair.seconds(1);
    assert_eq!(pair.state(B), Some(HaState::Tentative));
    pair.seconds(61);
    assert_eq!(pair.states(), UP);
}

#[test]
fn a_forwarding_link_that_passes_nothing_is_a_lost_one() {
    let mut pair = running();
    for device in [A, B] {
        pair.with(device, |member, now| member.handle_ha3_silence(now, true));
    }
    pair.seconds(5);
    assert_eq!(pair.states(), [Some(HaState::ActivePrimary), Some(HaState::NonFunctional)]);
    assert_eq!(pair.logged(B, "ha3 keep-alive threshold exceeded"), 1);
    for device in [A, B] {
        pair.with(device, |member, now| member.handle_ha3_silence(now, false));
    }
    pair.seconds(1);
    assert_eq!(pair.state(B), Some(HaState::Tentative));
    pair.seconds(61);
    assert_eq!(pair.states(), UP);
}

#[test]
fn the_forwarding_link_of_a_dead_peer_takes_out_nobody() {
    let mut pair = running();
    pair.crash(A);
    pair.with(B, |member, now| member.handle_link(now, HaLinkId::Ha3, false));
    pair.seconds(20);
    assert_eq!(pair.state(B), Some(HaState::ActivePrimary));
    let states = pair.devices[B].story.iter().filter(|(_, it)| matches!(it, MemberOutput::State { .. }));
    assert_eq!(states.count(), 2, "active-secondary, active-primary");
}

#[test]
fn without_packet_forwarding_nobody_needs_the_link() {
    let without = |device_id| {
        let mut config = active_active(device_id);
        config.mode = HaMode::ActiveActive(ActiveActive {
            device_id,
            packet_forwarding: false,
            ..ActiveActive::default()
        });
        config
    };
    let mut pair = Pair::running(without(0), without(1));
    pair.with(B, |member, now| member.handle_link(now, HaLinkId::Ha3, false));
    pair.seconds(20);
    assert_eq!(pair.states(), UP);
}

#[test]
fn a_split_brain_heals_to_the_lower_id() {
    let mut pair = running();
    pair.cut(&crate::CONTROL_LINKS);
    pair.seconds(20);
    assert_eq!(pair.states(), [Some(HaState::ActivePrimary); 2]);
    pair.heal();
    pair.seconds(3);
    assert_eq!(pair.states(), UP);
}

#[test]
fn the_peer_knows_which_ports_are_down() {
    let told = |pair: &mut Pair| pair.member(A).peer().map(|peer| peer.down.clone());
    let port = |number: u8| InterfaceNumber::of(&alloc::format!("ethernet1/{number}"));
    let mut pair = running();
    assert_eq!(told(&mut pair), Some(Vec::new()));
    let now = pair.now;
    for place in [3, 1] {
        pair.member(B).handle_interface(now, place, false);
    }
    pair.collect(B);
    pair.run(Duration::from_millis(10));
    assert_eq!(told(&mut pair), Some([2, 4].into_iter().filter_map(port).collect()));
    let now = pair.now;
    pair.member(B).handle_interface(now, 1, true);
    // A commit says nothing about ports.
    let settings = pair.devices[B].settings.clone();
    pair.member(B).handle_settings(now, settings);
    pair.collect(B);
    pair.run(Duration::from_millis(10));
    assert_eq!(told(&mut pair), Some(port(4).into_iter().collect()));
    assert_eq!(pair.states(), UP);
    // In an active/passive pair addresses do not move for a port.
    let mut pair = Pair::running(configuration(100), configuration(110));
    let now = pair.now;
    pair.member(B).handle_interface(now, 1, false);
    pair.collect(B);
    pair.run(Duration::from_millis(10));
    assert_eq!(told(&mut pair), Some(Vec::new()));
}
