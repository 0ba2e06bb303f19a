use std::net::Ipv4Addr;

use super::*;
use crate::frame::{Body, Packet, build::arp};

const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 2, 0, 10);
const LENGTH: usize = 98;

fn shadow(states: [HaState; 2]) -> PairShadow {
    let script = "
        seed 1
        topology routed
        pair fast mode active-passive monitors false links ha1,ha2 latency 50000 jitter 0 loss 0 duplicate 0 \
        reorder 0 mtu 9000 bandwidth 0
        zone hosts 1 mtu 1500 latency 1000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 1 mtu 1500 latency 1000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        rule allow any any any";
    let mut shadow = PairShadow::new(BEGIN, &Plan::parse(script).expect("a script"));
    for (device, state) in states.into_iter().enumerate() {
        shadow.changed(BEGIN, device, Some(state));
    }
    shadow.set_now(BEGIN + IN_FLIGHT);
    shadow
}

fn ping(shadow: &mut PairShadow, device: usize, number: u16) {
    let packet = Packet {
        source: CLIENT.into(),
        destination: SERVER.into(),
        protocol: 1,
        hop_limit: 64,
        is_sound: true,
        piece: None,
        body: Body::Icmp { kind: 8, code: 0, identifier: 7, number },
        payload_length: 56,
        payload: 1,
    };
    let view = View {
        source: [2, 0, 0, 0, 0, 1],
        destination: [2, 0, 0, 0, 0, 2],
        length: LENGTH,
        tag: None,
        content: Content::Ip(packet),
    };
    shadow.enters(BEGIN + IN_FLIGHT, device, 0, &view);
}

fn log(shadow: &mut PairShadow, device: usize, number: u64, packets: u64) {
    let entry = Entry {
        is_closing: true,
        is_allowed: true,
        session: 65_537,
        number,
        protocol: 1,
        source: (CLIENT.into(), 0),
        destination: (SERVER.into(), 0),
        translated: None,
        zones: ["trust".to_owned(), "untrust".to_owned()],
        sent: (packets, packets * LENGTH as u64),
        received: (0, 0),
        is_announced: false,
        reason: "aged-out",
    };
    // Long after anything that could have been wrong with the pair.
    shadow.logged(BEGIN + IN_FLIGHT * 60, device, &entry);
}

#[test]
fn two_that_led_at_a_time_log_what_each_has_seen_of_a_ping() {
    let mut shadow = shadow([HaState::Active; 2]);
    ping(&mut shadow, 1, 0);
    ping(&mut shadow, 0, 1);
    ping(&mut shadow, 0, 2);
    log(&mut shadow, 1, 1, 1);
    log(&mut shadow, 0, 1, 2);
    assert_eq!(shadow.failure(), None);
}

#[test]
fn a_ping_that_one_device_saw_is_not_logged_by_both() {
    for states in [[HaState::Active; 2], [HaState::Active, HaState::Passive]] {
        let mut shadow = shadow(states);
        ping(&mut shadow, 0, 0);
        // The passive device is shown frames that are on their way to everybody.
        if states[1] == HaState::Passive {
            ping(&mut shadow, 1, 0);
        }
        log(&mut shadow, 0, 1, 1);
        log(&mut shadow, 1, 1, 1);
        assert_eq!(shadow.failure().map(|failure| failure.what), Some(What::Logged));
    }
}

#[test]
fn nobody_logs_the_session_of_a_ping_twice_or_more_packets_than_it_had() {
    let mut shadow_of_two = shadow([HaState::Active, HaState::Passive]);
    ping(&mut shadow_of_two, 0, 0);
    ping(&mut shadow_of_two, 0, 1);
    log(&mut shadow_of_two, 0, 1, 1);
    log(&mut shadow_of_two, 0, 2, 1);
    assert_eq!(shadow_of_two.failure().map(|failure| failure.what), Some(What::Logged));
    let mut shadow_of_more = shadow([HaState::Active, HaState::Passive]);
    ping(&mut shadow_of_more, 0, 0);
    log(&mut shadow_of_more, 0, 1, 2);
    assert_eq!(shadow_of_more.failure().map(|failure| failure.what), Some(What::Logged));
}

#[test]
fn who_announces_an_address_is_not_owed_an_answer() {
    let gateway = Ipv4Addr::new(10, 1, 0, 1);
    let fails_after = |sender: Ipv4Addr| {
        let mut shadow = shadow([HaState::Active, HaState::Passive]);
        let view = View::of(&arp(([2, 0, 0, 0, 0, 9], sender), gateway, None));
        shadow.enters(BEGIN + IN_FLIGHT, 0, 0, &view);
        shadow.settled(
            BEGIN + IN_FLIGHT,
            0,
            1,
            &Figures { received: 1, dropped: 1, capacity: 1, ..Figures::default() },
        );
        shadow.failure().map(|failure| failure.what)
    };
    assert_eq!(fails_after(CLIENT), Some(What::Neighbor));
    assert_eq!(fails_after(gateway), None);
}
