//! Devices that die, come back, or cannot reach each other.

use std::net::Ipv6Addr;

use bifrons_dataplane::{PairView, PeerFrame, Verdict};
use bifrons_model::{DropReason, InterfaceId, ZoneId};
use bifrons_wire::Ha3Kind;

use crate::{
    device::{INSIDE, OUTSIDE, compiled, compiled_without_nat},
    packets::{Way, udp},
    sharing::{ACK, ADMITTED, BOTH, Connection, FIRST, MODULO, One, PRIMARY, Pair, SYN, Zero, packets, way},
};

/// Whoever owns and whoever dies: traffic goes on, and each session is logged once.
#[test]
fn the_survivor_goes_on_with_everything() {
    for combination in ADMITTED {
        for (at, dead) in BOTH.into_iter().flat_map(|at| BOTH.map(|dead| (at, dead))) {
            let mut pair = Pair::new(&compiled(""), combination);
            pair.is_told = true;
            let mut talk = Connection::new(way(40_000, 7), [at, at.peer()]);
            talk.open(&mut pair);
            pair.kill(dead);
            talk.at = [dead.peer(); 2];
            talk.talk(&mut pair);
            talk.close(&mut pair);
            let mut next = Connection::new(way(40_001, 7), talk.at);
            assert!(next.open(&mut pair).iter().all(|fate| fate.crossed.is_empty()));
            next.close(&mut pair);
            let alive = pair.device(dead.peer());
            alive.run_on();
            let records = &alive.records;
            assert_eq!(records.len(), 2, "{combination:?} {at:?} {dead:?}");
            assert_eq!(packets(records), talk.sent + next.sent);
            assert!(alive.worker.nat().is_idle());
        }
    }
}

/// A tentative device gives everything that comes to the other one.
#[test]
fn a_tentative_device_owns_nothing() {
    for combination in ADMITTED {
        for tentative in BOTH {
            let mut pair = Pair::new(&compiled(""), combination);
            pair.is_told = true;
            let mut before = Connection::new(way(40_000, 7), [tentative, tentative]);
            before.open(&mut pair);
            pair.become_tentative(tentative);
            before.talk(&mut pair);
            before.close(&mut pair);
            let mut new = Connection::new(way(40_001, 7), [tentative, tentative]);
            for fate in new.open(&mut pair) {
                assert_eq!((fate.at, fate.crossed.len()), (tentative.peer(), 1), "{combination:?}");
            }
            new.close(&mut pair);
            let records = pair.records();
            assert!(records[usize::from(tentative.number())].is_empty(), "{combination:?} {tentative:?}");
            let records = &records[usize::from(tentative.peer().number())];
            assert_eq!((records.len(), packets(records)), (2, before.sent + new.sent));
        }
    }
}

/// Not even what may begin in mid-connection, as after the other device's death.
#[test]
fn a_tentative_device_picks_nothing_up() {
    let mut pair = Pair::new(&compiled_without_nat(""), FIRST);
    pair.kill(One);
    pair.set_views([true, true], Some(Zero));
    let mut talk = Connection::new(way(40_000, 7), [One; 2]);
    talk.open(&mut pair);
    // Zero has not been told of the connection yet.
    let now = pair.now;
    pair.device(Zero).worker.handle_stand_down(now);
    pair.set_views([false, true], Some(One));
    talk.at = [Zero; 2];
    let fate = talk.client_sends(&mut pair, ACK, b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((fate.at, fate.crossed), (One, vec![(Ha3Kind::ForwardToOwner, 0)]));
    assert_eq!(pair.sessions(), [0, 1]);
}

/// What was set up for a device that there is not any more goes as its other sessions do.
#[test]
fn nothing_stays_lent_to_nobody() {
    let mut pair = Pair::new(&compiled(""), MODULO);
    pair.loses = Some(Ha3Kind::SetupReply);
    let syn = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    let fate = pair.send(Zero, INSIDE, &syn);
    assert_eq!((fate.crossed.len(), pair.sessions()), (2, [0, 1]));
    let now = pair.now;
    let device = pair.device(One);
    device.worker.set_pair_view(PairView::ALONE);
    device.worker.handle_join_begin(now);
    device.worker.handle_join_end(now);
    device.worker.handle_timeout(now, &mut device.outbox);
    device.collect();
    assert!(device.worker.nat().is_idle() && device.records.is_empty());
    assert_eq!(pair.sessions(), [0, 0]);
}

/// A packet that came to the other device is judged by this one's configuration.
#[test]
fn ipv6_does_not_pass_by_way_of_the_other_device() {
    let mut pair = Pair::new(&compiled("set deviceconfig setting session ipv6-firewalling no"), FIRST);
    let address = |last: u16| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into();
    let frame = udp(Way { source: (address(1), 9), destination: (address(2), 9) }, b"?");
    let mut frame = PeerFrame {
        kind: Ha3Kind::ForwardToOwner,
        interface: INSIDE,
        zone: ZoneId(0),
        session: 0,
        description: Vec::new(),
        frame,
    };
    let now = pair.now;
    let device = pair.device(Zero);
    let verdict = device.worker.handle_peer_frame(now, &mut frame, &mut device.outbox);
    assert_eq!(verdict, Verdict::Drop(DropReason::Ipv6Disabled));
}

/// Frames that were on their way when their receiver had stopped to forward.
#[test]
fn who_does_not_forward_takes_nothing_from_its_peer() {
    for view in [PairView::PASSIVE, PairView::ALONE] {
        let mut pair = Pair::new(&compiled(""), PRIMARY);
        pair.device(Zero).worker.set_pair_view(view);
        let syn = Connection::new(way(40_000, 7), [One, One]).segment(0, SYN, b"");
        let fate = pair.send(One, INSIDE, &syn);
        assert_eq!((fate.at, fate.verdict), (Zero, Verdict::Drop(DropReason::HaNotActive)));
    }
}

#[test]
fn without_ha3_the_receiver_does_everything() {
    for combination in ADMITTED {
        for (at, has_link) in BOTH.into_iter().flat_map(|at| [(at, false), (at, true)]) {
            let mut pair = Pair::new(&compiled(""), combination);
            if has_link {
                // `packet-forwarding no`
                BOTH.into_iter().for_each(|device| pair.set_view(device, [true; 2], Some(Zero), false));
            } else {
                pair.set_view(Zero, [true, false], Some(Zero), true);
                pair.set_view(One, [false, true], Some(Zero), true);
            }
            let mut talk = Connection::new(way(40_000, 7), [at, at]);
            assert!(talk.open(&mut pair).iter().all(|fate| fate.crossed.is_empty()));
            talk.talk(&mut pair);
            talk.close(&mut pair);
            let records = pair.records();
            assert_eq!(records[usize::from(at.number())].len(), 1, "{combination:?}");
            assert!(records[usize::from(at.peer().number())].is_empty());
        }
    }
}

/// Without HA3 both devices may take a session for their own. Once they are told of each other's, device 0
/// has it.
#[test]
fn a_session_that_both_own_falls_to_device_0() {
    for first in BOTH {
        let mut pair = Pair::new(&compiled(""), FIRST);
        let mut talk = Connection::new(way(40_000, 7), [first, first]);
        talk.open(&mut pair);
        pair.tell();
        pair.set_view(Zero, [true, false], Some(Zero), true);
        pair.set_view(One, [false, true], Some(Zero), true);
        talk.at = [first.peer(); 2];
        talk.talk(&mut pair);
        let owned = |pair: &Pair| {
            [0, 1].map(|at| {
                let sessions = pair.devices[at].worker.sessions();
                sessions.slots().filter(|slot| !sessions.is_copy(*slot)).count()
            })
        };
        assert_eq!(owned(&pair), [1, 1]);
        pair.set_views([true, true], Some(Zero));
        // What Zero tells next may be no more than that packets came.
        pair.tell();
        talk.at = [Zero; 2];
        talk.close(&mut pair);
        pair.tell();
        assert_eq!(owned(&pair), [1, 0], "owned by {first:?} first");
        let [zero, one] = pair.records();
        assert_eq!((zero.len(), one.len()), (1, 0), "owned by {first:?} first");
        assert_eq!(packets(&zero), talk.sent, "owned by {first:?} first");
    }
}

/// While HA3 is down each device passes what comes to it, and the log has all, whoever owns the session and
/// however often each has heard of the other one's packets.
#[test]
fn what_both_pass_without_ha3_is_logged_once_and_whole() {
    for (first, told) in BOTH.into_iter().flat_map(|first| [1, 2, 5, usize::MAX].map(|told| (first, told))) {
        let mut pair = Pair::new(&compiled_without_nat(""), FIRST);
        let (query, answer) = (udp(way(5_353, 7), b"query"), udp(way(5_353, 7).back(), b"answer"));
        pair.send(first, INSIDE, &query);
        pair.tell();
        pair.set_view(Zero, [true, false], Some(Zero), true);
        pair.set_view(One, [false, true], Some(Zero), true);
        for round in 1..10_usize {
            assert_eq!(pair.send(first, INSIDE, &query).at, first);
            assert_eq!(pair.send(first.peer(), OUTSIDE, &answer).at, first.peer());
            if round.is_multiple_of(told) {
                pair.tell();
            }
        }
        pair.set_views([true, true], Some(Zero));
        (0..3).for_each(|_| pair.tell());
        for at in BOTH {
            assert_eq!(pair.send(at, OUTSIDE, &answer).at, Zero, "owned by {first:?} first, told by {told}");
        }
        let [zero, one] = pair.records();
        assert_eq!((zero.len(), one.len()), (1, 0), "owned by {first:?} first, told by {told}");
        let counted = [zero[0].sent.packets, zero[0].received.packets];
        assert_eq!(counted, [10, 11], "owned by {first:?} first, told by {told}");
    }
}

/// Each device has taken the other one for dead, and has gone on with the session or not. Once they hear each
/// other one owns it, and logs what both have passed.
#[test]
fn what_went_on_apart_is_logged_once_and_whole() {
    for (first, went_on) in BOTH.into_iter().flat_map(|first| {
        [[true, false], [false, true], [true, true], [false, false]].map(|went_on| (first, went_on))
    }) {
        let mut pair = Pair::new(&compiled_without_nat(""), FIRST);
        let (query, answer) = (udp(way(5_353, 7), b"query"), udp(way(5_353, 7).back(), b"answer"));
        pair.send(first, INSIDE, &query);
        pair.tell();
        // Nothing is told of these.
        (0..3).for_each(|_| drop(pair.send(first, OUTSIDE, &answer)));
        BOTH.into_iter().for_each(|dead| pair.kill(dead));
        for at in BOTH.into_iter().filter(|at| at.of_two(went_on)) {
            (0..5).for_each(|_| drop(pair.send(at, INSIDE, &query)));
        }
        pair.set_views([true, true], Some(Zero));
        BOTH.into_iter().for_each(|from| pair.join(from));
        (0..3).for_each(|_| pair.tell());
        let owner = if went_on[0] {
            Zero
        } else if went_on[1] {
            One
        } else {
            first
        };
        let owner = if first == Zero { Zero } else { owner };
        for at in BOTH {
            assert_eq!(pair.send(at, OUTSIDE, &answer).at, owner, "{first:?} {went_on:?}");
        }
        let [zero, one] = pair.records();
        let all = [zero, one].concat();
        assert_eq!(all.len(), 1, "{first:?} {went_on:?}");
        let apart = 5 * went_on.iter().filter(|went_on| **went_on).count() as u64;
        assert_eq!([all[0].sent.packets, all[0].received.packets], [1 + apart, 5], "{first:?} {went_on:?}");
    }
}

/// An answer that comes to the other device before anything was told, and that a rule allows to begin a
/// session, is one for that device.
#[test]
fn a_session_that_both_have_begun_falls_to_device_0() {
    const BACK: &str = "
        set rulebase security rules in from untrust to trust source any destination any application any
        set rulebase security rules in service any action allow log-end yes";
    for first in BOTH {
        let mut pair = Pair::new(&compiled_without_nat(BACK), FIRST);
        let (query, answer) = (udp(way(5_353, 7), b"query"), udp(way(5_353, 7).back(), b"answer"));
        let begun = pair.send(first, INSIDE, &query);
        let begun_again = pair.send(first.peer(), OUTSIDE, &answer);
        assert_eq!([begun.at, begun_again.at], [first, first.peer()]);
        pair.tell();
        let owned = |pair: &Pair, at: usize| {
            let sessions = pair.devices[at].worker.sessions();
            sessions.slots().filter(|slot| !sessions.is_copy(*slot)).count()
        };
        assert_eq!([owned(&pair, 0), owned(&pair, 1)], [1, 0], "begun by {first:?}");
        for at in BOTH {
            assert_eq!(pair.send(at, INSIDE, &query).at, Zero);
            assert_eq!(pair.send(at, OUTSIDE, &answer).at, Zero);
        }
        pair.tell();
        assert_eq!(pair.sessions(), [1, 1]);
        let [zero, one] = pair.records();
        assert_eq!((zero.len(), one.len(), packets(&zero)), (1, 0, 6), "begun by {first:?}");
    }
}

/// The owner says that a session is not its any more.
#[test]
fn who_is_given_a_packet_of_a_copy_owns_the_session() {
    let mut pair = Pair::new(&compiled(""), FIRST);
    let mut talk = Connection::new(way(40_000, 7), [Zero, Zero]);
    talk.open(&mut pair);
    pair.tell();
    // Zero has stood down, and One was not told.
    let now = pair.now;
    pair.device(Zero).worker.handle_stand_down(now);
    pair.set_view(Zero, [false, true], Some(One), true);
    let fate = talk.client_sends(&mut pair, ACK, b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((fate.at, fate.verdict), (One, Verdict::Transmit(OUTSIDE)));
    pair.set_view(One, [false, true], Some(One), true);
    talk.at = [One; 2];
    talk.close(&mut pair);
    let [zero, one] = pair.records();
    assert_eq!((zero.len(), one.len()), (0, 1));
}

/// Whatever the other device sends, nothing but a counter comes of what cannot be.
#[test]
fn frames_that_cannot_be() {
    let kinds =
        [Ha3Kind::SetupRequest, Ha3Kind::SetupReply, Ha3Kind::ForwardToOwner, Ha3Kind::ReturnToReceiver];
    let good = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    let mut pair = Pair::new(&compiled(""), MODULO);
    let now = pair.now;
    let device = pair.device(One);
    for kind in kinds {
        for (interface, zone) in [(7, 0), (0, 7), (u16::MAX, u16::MAX), (0, 1)] {
            let mut frame = PeerFrame {
                kind,
                interface: InterfaceId(interface),
                zone: ZoneId(zone),
                session: u64::MAX,
                description: vec![0x11; 3],
                frame: good.clone(),
            };
            let verdict = device.worker.handle_peer_frame(now, &mut frame, &mut device.outbox);
            assert_eq!(verdict, Verdict::Drop(DropReason::HaOtherConfiguration), "{kind:?}");
        }
        for length in 0..good.len() {
            let mut frame = PeerFrame {
                kind,
                interface: INSIDE,
                zone: ZoneId(0),
                session: 5,
                description: good[..length].to_vec(),
                frame: good[..length].to_vec(),
            };
            let verdict = device.worker.handle_peer_frame(now, &mut frame, &mut device.outbox);
            assert!(matches!(verdict, Verdict::Drop(_)), "{kind:?} {length}: {verdict:?}");
        }
    }
    device.collect();
    assert_eq!(pair.sessions(), [0, 0]);
    assert!(pair.devices[1].outbox.to_peer.is_empty());
}

/// A description that means nothing: the owner sets the session up itself.
#[test]
fn a_reply_that_cannot_be_read() {
    let good = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    let mut pair = Pair::new(&compiled(""), MODULO);
    let now = pair.now;
    let device = pair.device(Zero);
    for description in [vec![], vec![0x11; 3], vec![0xff; 900]] {
        let mut frame = PeerFrame {
            kind: Ha3Kind::SetupReply,
            interface: INSIDE,
            zone: ZoneId(0),
            session: 5,
            description,
            frame: good.clone(),
        };
        let verdict = device.worker.handle_peer_frame(now, &mut frame, &mut device.outbox);
        assert_eq!(verdict, Verdict::Transmit(OUTSIDE));
    }
    device.collect();
    assert_eq!(pair.sessions(), [1, 0]);
    assert_eq!(pair.devices[0].worker.mirror_counters().refused, 2);
}
