//! What fails, and what comes back: sessions go on at the other device.

use std::time::Duration;

use bifrons_ha::{HaLinkId, HaState, StateRequest};
use bifrons_node::Command;

use super::{
    BOTH_WORK, COMBINATIONS, FLOATING, MILLISECOND, NAT, Passed, SERVER_IP, WEB, client, config, held,
    own_mac, segment, virtual_mac,
};
use crate::{INSIDE, OUTSIDE, Pair, node_with};

/// Opens a connection that device 1 owns and translates to its floating address; the translated port.
fn open_at_1(pair: &mut Pair) -> u16 {
    let gateway = virtual_mac(1, "ethernet1/1");
    let syn = pair.through(1, INSIDE, segment(client(21), (SERVER_IP, 9_999), gateway, ("S", 100, 0), b""));
    assert_eq!(syn.len(), 1, "{syn:?}");
    let (address, port) = syn[0].source();
    assert_eq!((syn[0].device, address), (1, FLOATING[1]));
    let answer = segment(WEB, (FLOATING[1], port), virtual_mac(1, "ethernet1/2"), ("SA", 500, 101), b"");
    assert_eq!(pair.through(1, OUTSIDE, answer).len(), 1);
    let hello = segment(client(21), (SERVER_IP, 9_999), gateway, ("A", 101, 501), b"hello");
    assert_eq!(pair.through(1, INSIDE, hello).len(), 1);
    pair.run(20 * MILLISECOND);
    port
}

/// The connection goes on at a device, with the addresses that its hosts know.
fn goes_on(pair: &mut Pair, device: usize, port: u16, sequence: u32) -> [Vec<Passed>; 2] {
    let answer =
        segment(WEB, (FLOATING[1], port), virtual_mac(1, "ethernet1/2"), ("A", sequence, 106), b"world");
    let there = pair.through(device, OUTSIDE, answer);
    let gateway = virtual_mac(1, "ethernet1/1");
    let thanks = segment(client(21), (SERVER_IP, 9_999), gateway, ("A", 106, sequence + 5), b"");
    [there, pair.through(device, INSIDE, thanks)]
}

#[test]
fn a_session_survives_its_owner() {
    for workers in [1, 2] {
        let mut pair = Pair::sharing(workers, COMBINATIONS[2], NAT);
        let port = open_at_1(&mut pair);
        pair.nodes[1] = None;
        pair.run(Duration::from_millis(100));
        for passed in goes_on(&mut pair, 0, port, 501) {
            assert_eq!(passed.len(), 1, "{passed:?}");
        }
        // New sessions have the survivor's own address.
        let gateway = virtual_mac(1, "ethernet1/1");
        let syn = segment(client(23), (SERVER_IP, 9_999), gateway, ("S", 100, 0), b"");
        assert_eq!(pair.through(0, INSIDE, syn)[0].source().0, FLOATING[0]);
    }
}

#[test]
fn a_device_that_loses_a_watched_link_gives_all_to_the_other_one() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], NAT);
    let port = open_at_1(&mut pair);
    pair.carrier(1, OUTSIDE, false);
    pair.run(10 * MILLISECOND);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActivePrimary, HaState::Tentative]);
    assert_eq!(pair.asked(0, OUTSIDE, SERVER_IP, FLOATING[1]), Some(virtual_mac(1, "ethernet1/2")));
    for passed in goes_on(&mut pair, 0, port, 501) {
        assert_eq!(passed.len(), 1, "{passed:?}");
    }
    // What still comes to the tentative device leaves by the other one, old and new.
    let thanks = segment(client(21), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("A", 106, 506), b"more");
    let syn = segment(client(23), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    for frame in [thanks, syn] {
        let passed = pair.through(1, INSIDE, frame);
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert_eq!((passed[0].device, passed[0].port), (0, OUTSIDE));
    }
    // It comes back once the link has been there for the tentative hold.
    pair.carrier(1, OUTSIDE, true);
    pair.run(Duration::from_secs(9));
    assert_eq!(pair.state(1), HaState::Tentative);
    pair.run(Duration::from_secs(2));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    assert_eq!(pair.floating_at(), held([0, 1]));
    // The session stays with the device that took it over, wherever its packets come.
    for passed in goes_on(&mut pair, 1, port, 506) {
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert_eq!(passed[0].device, 0);
    }
}

#[test]
fn what_is_on_its_way_to_an_address_that_moves_is_not_lost() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], NAT);
    let port = open_at_1(&mut pair);
    let gateway = virtual_mac(1, "ethernet1/1");
    let thanks = || segment(client(21), (SERVER_IP, 9_999), gateway, ("A", 106, 501), b"");
    // Device 1 gives its addresses away, and device 0 gives them back; hosts behind slow switches notice
    // late.
    pair.carrier(1, OUTSIDE, false);
    pair.run(10 * MILLISECOND);
    assert_eq!(pair.state(1), HaState::Tentative);
    for device in [1, 0] {
        let passed = pair.through(device, INSIDE, thanks());
        assert_eq!(passed.iter().map(|packet| packet.device).collect::<Vec<_>>(), [0], "from {device}");
    }
    pair.run(Duration::from_millis(60));
    assert_eq!(pair.through(1, INSIDE, thanks()).len(), 0, "only for a moment");
    pair.carrier(1, OUTSIDE, true);
    while pair.state(1) == HaState::Tentative {
        pair.run(MILLISECOND);
    }
    for _ in 0..6 {
        for (place, frame) in [
            (INSIDE, thanks()),
            (OUTSIDE, segment(WEB, (FLOATING[1], port), virtual_mac(1, "ethernet1/2"), ("A", 501, 106), b"")),
        ] {
            for device in [0, 1] {
                assert_eq!(pair.through(device, place, frame.clone()).len(), 1, "{device} {place:?}");
            }
        }
        if pair.floating_at() == held([0, 1]) {
            return;
        }
    }
    panic!("the addresses come back");
}

/// The address goes to the other device for the interface's sake alone: its holder works still, and owns the
/// session, but has no way out for it any more.
#[test]
fn a_session_goes_on_where_its_address_is() {
    for workers in [1, 3] {
        let lines = NAT.to_owned()
            + "set deviceconfig high-availability group monitoring link-monitoring enabled no\n";
        let mut pair = Pair::sharing(workers, COMBINATIONS[2], &lines);
        let port = open_at_1(&mut pair);
        pair.carrier(1, OUTSIDE, false);
        pair.run(10 * MILLISECOND);
        assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
        assert_eq!(pair.asked(0, OUTSIDE, SERVER_IP, FLOATING[1]), Some(virtual_mac(1, "ethernet1/2")));
        let from_server = |sequence, acknowledged, data: &[u8]| {
            let mac = virtual_mac(1, "ethernet1/2");
            segment(WEB, (FLOATING[1], port), mac, ("A", sequence, acknowledged), data)
        };
        let from_client = |sequence, acknowledged, data: &[u8]| {
            let gateway = virtual_mac(1, "ethernet1/1");
            segment(client(21), (SERVER_IP, 9_999), gateway, ("A", sequence, acknowledged), data)
        };
        let passed = pair.through(0, OUTSIDE, from_server(501, 106, b"world"));
        assert_eq!(passed.len(), 1, "to the client: {passed:?}");
        for number in 0..3 {
            // The client's side of device 1 is there still.
            let passed = pair.through(1, INSIDE, from_client(106 + number * 4, 506, b"more"));
            assert_eq!(passed.len(), 1, "{workers} workers, {number}: {passed:?}");
            assert_eq!((passed[0].device, passed[0].port), (0, OUTSIDE));
            assert_eq!(passed[0].source(), (FLOATING[1], port), "as the server knows it");
            let passed = pair.through(0, OUTSIDE, from_server(506, 110 + number * 4, b""));
            assert_eq!(passed.len(), 1, "{workers} workers, {number}: {passed:?}");
        }
        // At home again; the session ends once, with all its packets.
        pair.carrier(1, OUTSIDE, true);
        pair.run(Duration::from_secs(5));
        assert_eq!(pair.floating_at(), held([0, 1]));
        let passed = pair.through(1, OUTSIDE, from_server(506, 118, b"again"));
        assert_eq!(passed.len(), 1, "{passed:?}");
        pair.command(0, Command::ClearSessions(Default::default()));
        pair.command(1, Command::ClearSessions(Default::default()));
        pair.run(Duration::from_millis(100));
        let ours: Vec<_> =
            pair.records.iter().filter(|(_, record)| record.source.to_string().ends_with(".21")).collect();
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert_eq!((ours[0].1.sent.packets, ours[0].1.received.packets), (5, 6));
        assert_eq!([pair.sessions(0), pair.sessions(1)], [0, 0]);
    }
}

#[test]
fn two_that_could_not_hear_each_other_share_again() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], "");
    let to_server = |device, what, data: &[u8]| {
        segment(client(21), (SERVER_IP, 9_999), own_mac(device, INSIDE), what, data)
    };
    let to_client = |device, what, data: &[u8]| {
        segment(WEB, (client(21).address, 40_000), own_mac(device, OUTSIDE), what, data)
    };
    assert_eq!(pair.through(1, INSIDE, to_server(1, ("S", 100, 0), b"")).len(), 1);
    assert_eq!(pair.through(1, OUTSIDE, to_client(1, ("SA", 500, 101), b"")).len(), 1);
    assert_eq!(pair.through(1, INSIDE, to_server(1, ("A", 101, 501), b"hello")).len(), 1);
    pair.run(20 * MILLISECOND);
    // Nothing but HA3 passes: each takes the other one for dead.
    (pair.is_cut, pair.lost) = (true, Some(HaLinkId::Ha2));
    pair.run(Duration::from_millis(200));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActivePrimary; 2]);
    for device in [0, 1] {
        assert_eq!(pair.through(device, OUTSIDE, to_client(device, ("A", 501, 106), b"")).len(), 1);
    }
    (pair.is_cut, pair.lost) = (false, None);
    pair.run(Duration::from_secs(5));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    assert_eq!(pair.floating_at(), held([0, 1]));
    // One owner again, and so one record.
    for device in [0, 1] {
        let passed = pair.through(device, OUTSIDE, to_client(device, ("A", 501, 106), b""));
        assert_eq!(passed.iter().map(|packet| packet.device).collect::<Vec<_>>(), [0], "from {device}");
    }
    assert_eq!(pair.through(1, INSIDE, to_server(1, ("FA", 106, 501), b"")).len(), 1);
    assert_eq!(pair.through(0, OUTSIDE, to_client(0, ("FA", 501, 107), b"")).len(), 1);
    assert_eq!(pair.through(0, INSIDE, to_server(0, ("A", 107, 502), b"")).len(), 1);
    pair.run(Duration::from_secs(40));
    assert_eq!(pair.records.len(), 1, "{:?}", pair.records);
    let (_, record) = &pair.records[0];
    assert_eq!([record.sent.packets, record.received.packets], [4, 6], "what both have passed");
    assert_eq!([pair.sessions(0), pair.sessions(1)], [0, 0]);
}

#[test]
fn what_nobody_has_used_meanwhile_stays_with_who_has_it() {
    for owner in [0, 1] {
        let short = "set deviceconfig setting session timeout-tcp 60\n";
        let mut pair = Pair::sharing(1, COMBINATIONS[2], short);
        let to_server =
            |what, data: &[u8]| segment(client(21), (SERVER_IP, 9_999), own_mac(owner, INSIDE), what, data);
        let to_client =
            segment(WEB, (client(21).address, 40_000), own_mac(owner, OUTSIDE), ("SA", 500, 101), b"");
        assert_eq!(pair.through(owner, INSIDE, to_server(("S", 100, 0), b"")).len(), 1);
        assert_eq!(pair.through(owner, OUTSIDE, to_client).len(), 1);
        assert_eq!(pair.through(owner, INSIDE, to_server(("A", 101, 501), b"hello")).len(), 1);
        pair.run(20 * MILLISECOND);
        (pair.is_cut, pair.lost) = (true, Some(HaLinkId::Ha2));
        pair.run(Duration::from_secs(2));
        (pair.is_cut, pair.lost) = (false, None);
        pair.run(Duration::from_secs(2));
        assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
        // It runs out there, and only there.
        pair.run(Duration::from_secs(62));
        let records: Vec<_> = pair.records.iter().map(|(device, _)| *device).collect();
        assert_eq!(records, [owner]);
        assert_eq!([pair.sessions(0), pair.sessions(1)], [0, 0]);
    }
}

#[test]
fn without_ha3_the_secondary_device_steps_back() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], NAT);
    let port = open_at_1(&mut pair);
    for device in [0, 1] {
        pair.command(device, Command::PairLink { link: HaLinkId::Ha3, is_up: false });
    }
    pair.run(Duration::from_millis(100));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActivePrimary, HaState::NonFunctional]);
    for passed in goes_on(&mut pair, 0, port, 501) {
        assert_eq!(passed.len(), 1, "{passed:?}");
    }
    let syn = segment(client(23), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    assert_eq!(pair.through(1, INSIDE, syn).len(), 0, "it takes nothing");
    for device in [0, 1] {
        pair.command(device, Command::PairLink { link: HaLinkId::Ha3, is_up: true });
    }
    pair.run(Duration::from_secs(12));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    assert_eq!(pair.floating_at(), held([0, 1]));
}

/// It has not noticed that it was taken for dead, and the network has its addresses elsewhere.
#[test]
fn who_was_frozen_announces_what_is_its_own() {
    for device in [0, 1] {
        let mut pair = Pair::sharing(1, COMBINATIONS[3], "");
        let here = (FLOATING[device], virtual_mac(device as u8, "ethernet1/2"));
        pair.frames = Default::default();
        pair.frozen = Some(device);
        pair.run(Duration::from_millis(200));
        assert_eq!(pair.state(1 - device), HaState::ActivePrimary);
        assert!(pair.announced(1 - device).contains(&here), "{device}");
        pair.frames = Default::default();
        pair.frozen = None;
        pair.run(Duration::from_secs(3));
        assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
        assert!(pair.announced(device).contains(&here), "{device}");
        assert!(!pair.announced(1 - device).contains(&here), "{device}");
        assert_eq!(pair.floating_at(), held([0, 1]));
    }
}

/// How many packets of its sessions a device knows of.
fn packets(pair: &Pair, device: usize) -> u64 {
    let tables = pair.nodes[device].as_ref().unwrap().workers().iter().map(|worker| worker.sessions());
    let volumes = tables.flat_map(|table| table.slots().flat_map(|slot| table.get(slot).volume));
    volumes.map(|volume| volume.packets).sum()
}

/// Packets of an established session leave no event, and who has seen them is asked no more.
#[test]
fn who_steps_back_tells_what_it_has_counted() {
    type Failure = fn(&mut Pair);
    let failures: [(HaState, Failure); 3] = [
        (HaState::NonFunctional, |pair| {
            for device in [0, 1] {
                pair.command(device, Command::PairLink { link: HaLinkId::Ha3, is_up: false });
            }
        }),
        (HaState::Tentative, |pair| pair.carrier(1, OUTSIDE, false)),
        (HaState::Suspended, |pair| pair.command(1, Command::PairState(StateRequest::Suspend))),
    ];
    for (state, fail) in failures {
        for workers in [1, 2] {
            let mut pair = Pair::sharing(workers, COMBINATIONS[2], NAT);
            let port = open_at_1(&mut pair);
            for _ in 0..5 {
                assert!(goes_on(&mut pair, 1, port, 501).iter().all(|passed| passed.len() == 1));
                pair.run(2 * MILLISECOND);
            }
            let counted = packets(&pair, 1);
            assert!(packets(&pair, 0) < counted, "{state:?}: not told yet");
            fail(&mut pair);
            pair.run(Duration::from_millis(200));
            assert_eq!((pair.state(0), pair.state(1)), (HaState::ActivePrimary, state));
            assert_eq!(packets(&pair, 0), counted, "{state:?}");
        }
    }
}

/// The other device has not got it, and tells what it knows before it does.
#[test]
fn what_was_told_in_vain_is_told_again() {
    let short = "set deviceconfig setting session timeout-tcp 20\n";
    let mut pair = Pair::sharing(1, COMBINATIONS[2], &format!("{NAT}{short}"));
    let port = open_at_1(&mut pair);
    pair.deaf = Some(0);
    for _ in 0..5 {
        assert!(goes_on(&mut pair, 1, port, 501).iter().all(|passed| passed.len() == 1));
        pair.run(2 * MILLISECOND);
    }
    // It is told after a quarter of its timeout.
    pair.run(Duration::from_secs(6));
    let counted = packets(&pair, 1);
    assert!(packets(&pair, 0) < counted);
    pair.command(1, Command::PairState(StateRequest::Suspend));
    pair.run(Duration::from_millis(500));
    pair.deaf = None;
    pair.run(Duration::from_secs(1));
    assert_eq!((pair.state(0), pair.state(1)), (HaState::ActivePrimary, HaState::Suspended));
    assert_eq!(packets(&pair, 0), counted);
}

#[test]
fn a_suspended_device_hands_its_sessions_over_and_returns() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], NAT);
    let port = open_at_1(&mut pair);
    for (device, other) in [(1, 0), (0, 1)] {
        pair.command(device, Command::PairState(StateRequest::Suspend));
        pair.run(Duration::from_millis(200));
        assert_eq!((pair.state(device), pair.state(other)), (HaState::Suspended, HaState::ActivePrimary));
        for passed in goes_on(&mut pair, other, port, 501) {
            assert_eq!(passed.len(), 1, "{device}: {passed:?}");
            assert_eq!(passed[0].device, other);
        }
        pair.command(device, Command::PairState(StateRequest::Functional));
        pair.run(Duration::from_secs(12));
        assert!(pair.state(device).forwards(), "{:?}", pair.state(device));
        assert_eq!(pair.floating_at(), held([0, 1]));
    }
    assert!(pair.records.is_empty(), "{:?}", pair.records);
}

#[test]
fn two_tables_while_nothing_is_told() {
    const KEEP_ALIVE: &str = "set deviceconfig high-availability group state-synchronization ha2-keep-alive";
    let lines = format!("{KEEP_ALIVE} enabled yes\n{KEEP_ALIVE} action split-datapath threshold 5000\n");
    let mut pair = Pair::sharing(1, COMBINATIONS[0], &lines);
    pair.lost = Some(HaLinkId::Ha2);
    pair.run(Duration::from_secs(7));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    let syn = |number| segment(client(number), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    let passed = pair.through(1, INSIDE, syn(21));
    assert_eq!(passed.iter().map(|packet| packet.device).collect::<Vec<_>>(), [1], "its own session");
    pair.lost = None;
    pair.run(Duration::from_secs(7));
    let passed = pair.through(1, INSIDE, syn(23));
    assert_eq!(
        passed.iter().map(|packet| packet.device).collect::<Vec<_>>(),
        [0],
        "the primary device's again"
    );
}

/// The survivor keeps what it was told beside sessions, and tells it to a peer that comes back.
#[test]
fn security_associations_survive_their_device() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], "");
    pair.command(1, Command::SecurityAssociation { id: 7, state: Some(b"seven".to_vec()) });
    pair.run(20 * MILLISECOND);
    pair.nodes[1] = None;
    pair.run(Duration::from_millis(100));
    pair.nodes[1] = Some(node_with(1, pair.now, 1, &config(1, COMBINATIONS[2])));
    pair.run(Duration::from_secs(14));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    for device in [0, 1] {
        assert!(pair.node(device).security_associations().eq([(7, &b"seven"[..])]), "{device}");
    }
}

/// A device that starts without a watched link owns nothing, and gives its frames to the other one by its own
/// numbers.
#[test]
fn a_device_that_starts_tentative_is_understood() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], "");
    pair.nodes[1] = None;
    pair.run(Duration::from_millis(100));
    // Interfaces and zones the other way round.
    let text = config(1, COMBINATIONS[2]);
    let lines: Vec<_> = text.lines().rev().collect();
    pair.nodes[1] = Some(node_with(1, pair.now, 1, &lines.join("\n")));
    pair.carrier(1, OUTSIDE, false);
    pair.run(Duration::from_secs(12));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActivePrimary, HaState::Tentative]);
    let syn = segment(client(23), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    let passed = pair.through(1, INSIDE, syn);
    assert_eq!(passed.iter().map(|packet| (packet.device, packet.port)).collect::<Vec<_>>(), [(0, OUTSIDE)]);
    // Then it works, and tells of its sessions.
    pair.carrier(1, OUTSIDE, true);
    pair.run(Duration::from_secs(12));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    let syn = segment(client(25), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    let passed = pair.through(1, INSIDE, syn);
    assert_eq!(passed.iter().map(|packet| packet.device).collect::<Vec<_>>(), [1]);
    assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);
}
