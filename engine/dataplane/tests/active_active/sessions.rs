//! Who owns a session, who sets it up, and what goes over HA3 for that.

use bifrons_catalog::app;
use bifrons_dataplane::Verdict;
use bifrons_model::{DeviceId, DropReason};
use bifrons_wire::Ha3Kind::{ForwardToOwner, SetupReply, SetupRequest};

use crate::{
    device::{INSIDE, OUTSIDE, compiled, compiled_without_nat},
    packets::{Header, tcp, udp},
    sharing::{
        ACK, ADMITTED, BOTH, Connection, FIRST, MODULO, One, PRIMARY, Pair, SYN, Zero, dropped, packets, way,
    },
};

/// Every admitted combination, wherever the packets of each direction come, with sessions told of at once or
/// not at all: everything passes, and one record by the owner counts every packet.
#[test]
fn the_five_combinations_wherever_packets_come() {
    for combination in ADMITTED {
        for (at, is_told) in places().into_iter().flat_map(|at| [(at, false), (at, true)]) {
            for server in [6, 7] {
                let mut pair = Pair::new(&compiled(""), combination);
                pair.is_told = is_told;
                let mut talk = Connection::new(way(40_000, server), at);
                talk.open(&mut pair);
                talk.talk(&mut pair);
                talk.close(&mut pair);
                let context = format!("{combination:?} {at:?} told {is_told} server {server}");
                let owner = if combination == PRIMARY { Zero } else { at[0] };
                let records = pair.records();
                let [own, other] = [owner, owner.peer()].map(|device| &records[usize::from(device.number())]);
                assert_eq!((own.len(), other.len()), (1, 0), "{context}");
                assert_eq!((packets(own), own[0].app), (talk.sent, app::WEB_BROWSING), "{context}");
                assert_eq!(own[0].translation.map(|to| to.source_port), Some(talk.server.destination.1));
            }
        }
    }
}

fn places() -> [[DeviceId; 2]; 4] {
    [[Zero, Zero], [Zero, One], [One, Zero], [One, One]]
}

/// The kinds of frames that a connection's packets go to the other device as.
#[test]
fn only_what_is_needed_goes_over_ha3() {
    let id_of_one = |pair: &Pair| {
        let sessions = pair.devices[1].worker.sessions();
        sessions.slots().next().map(|slot| u64::from(sessions.get(slot).id.0)).expect("a session")
    };
    // 10.0.0.2 and 203.0.113.7 differ in the last bit: One sets up, and lends the session to Zero.
    let mut pair = Pair::new(&compiled(""), MODULO);
    let mut talk = Connection::new(way(40_000, 7), [Zero, Zero]);
    let [syn, answer, last] = talk.open(&mut pair);
    let id = id_of_one(&pair);
    assert_eq!(syn.crossed, [(SetupRequest, 0), (SetupReply, id)]);
    assert_eq!((syn.at, pair.sessions()), (Zero, [1, 1]));
    assert!(answer.crossed.is_empty() && last.crossed.is_empty());
    // The other device gives what is not its to the owner, whether it has a copy or not.
    talk.at = [One, One];
    let to_owner = talk.client_sends(&mut pair, ACK, b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!((to_owner.crossed, to_owner.at), (vec![(ForwardToOwner, id)], Zero));
    let mut own = Connection::new(way(40_001, 6), [Zero, One]);
    let [syn, answer, _] = own.open(&mut pair);
    assert!(syn.crossed.is_empty(), "Zero sets up itself");
    assert_eq!((answer.crossed, answer.at), (vec![(ForwardToOwner, 0)], Zero));
    let counters = [0, 1].map(|at| pair.devices[at].worker.counters().clone());
    assert_eq!(counters.each_ref().map(|one| (one.to_peer, one.from_peer)), [(1, 3), (3, 1)]);
}

/// The device that is not primary gives even the first packet away, and nothing comes back.
#[test]
fn the_primary_device_owns_everything_if_it_is_to() {
    let mut pair = Pair::new(&compiled(""), PRIMARY);
    let mut talk = Connection::new(way(40_000, 7), [One, One]);
    let [syn, answer, last] = talk.open(&mut pair);
    for fate in [syn, answer, last] {
        assert_eq!((fate.crossed.len(), fate.at), (1, Zero));
    }
    assert_eq!(pair.sessions(), [1, 0]);
    let mut other = Connection::new(way(40_001, 7), [Zero, Zero]);
    assert!(other.open(&mut pair).iter().all(|fate| fate.crossed.is_empty()));
}

#[test]
fn a_lost_setup_reply_is_made_up_for_by_the_next_syn() {
    let mut pair = Pair::new(&compiled(""), MODULO);
    let mut talk = Connection::new(way(40_000, 7), [Zero, Zero]);
    pair.loses = Some(SetupReply);
    let syn = talk.segment(0, SYN, b"");
    let lost = pair.send(Zero, INSIDE, &syn);
    assert_eq!((lost.verdict, pair.sessions()), (Verdict::ToPeer, [0, 1]));
    pair.loses = None;
    let ways = [0, 1].map(|_| pair.send(Zero, INSIDE, &syn).way());
    assert_eq!(ways[0].source, ways[1].source, "one session, one port");
    assert_eq!(pair.sessions(), [1, 1]);
    talk.server = ways[0].back();
    talk.server_sends(&mut pair, SYN | ACK, b"");
    talk.close(&mut pair);
    let [own, other] = pair.records();
    assert_eq!((own.len(), other.len()), (1, 0));
}

/// Two SYNs are under way to the setup device before the first answer.
#[test]
fn a_second_answer_changes_nothing() {
    let mut pair = Pair::new(&compiled(""), MODULO);
    let mut talk = Connection::new(way(40_000, 7), [Zero, Zero]);
    let syn = talk.segment(0, SYN, b"");
    let now = pair.now;
    let mut frames = Vec::new();
    for _ in 0..2 {
        assert_eq!(pair.device(Zero).send(now, INSIDE, &syn).0, Verdict::ToPeer);
        frames.append(&mut pair.device(Zero).outbox.to_peer);
    }
    for mut frame in std::mem::take(&mut frames) {
        let one = pair.device(One);
        assert_eq!(one.worker.handle_peer_frame(now, &mut frame, &mut one.outbox), Verdict::ToPeer);
        frames.append(&mut one.outbox.to_peer);
    }
    for mut frame in frames {
        let zero = pair.device(Zero);
        let verdict = zero.worker.handle_peer_frame(now, &mut frame, &mut zero.outbox);
        assert_eq!(verdict, Verdict::Transmit(OUTSIDE));
        pair.tell();
    }
    assert_eq!(pair.sessions(), [1, 1]);
    let [own, other] = pair.records();
    assert_eq!((own.len(), other.len(), packets(&own)), (1, 0, 2));
}

/// Ten sessions that One has lent to Zero, which has not got them.
fn lent_in_vain(table: usize) -> Pair {
    let mut pair =
        Pair::new(&compiled(&format!("set deviceconfig setting session capacity {table}")), MODULO);
    pair.loses = Some(SetupReply);
    for port in 40_000..40_010 {
        let syn = Connection::new(way(port, 7), [Zero, Zero]).segment(0, SYN, b"");
        pair.send(Zero, INSIDE, &syn);
    }
    pair
}

/// Lets time pass, a second at a time, in which both hear each other or not.
fn pass(pair: &mut Pair, seconds: u64, hears: bool) -> usize {
    for _ in 0..seconds {
        pair.now = pair.now.after_secs(1);
        let now = pair.now;
        let one = pair.device(One);
        one.worker.handle_timeout(now, &mut one.outbox);
        one.collect();
        if hears {
            pair.tell();
        }
    }
    pair.sessions()[1]
}

#[test]
fn what_is_lent_in_vain_gives_its_port_back() {
    let mut pair = lent_in_vain(1_000);
    pair.tell();
    assert_eq!(pair.sessions(), [0, 10]);
    assert!(!pair.devices[1].worker.nat().is_idle());
    // Asked once more in time, it is lent for as long again.
    assert_eq!(pass(&mut pair, 9, true), 10);
    let syn = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    pair.send(Zero, INSIDE, &syn);
    assert_eq!(pass(&mut pair, 2, true), 1);
    assert_eq!(pass(&mut pair, 9, true), 0);
    assert_eq!(pair.records().map(|records| records.len()), [0, 0]);
}

/// While HA2 is silent nobody knows whether the owner uses what was lent to it.
#[test]
fn what_is_lent_stays_while_ha2_is_silent() {
    let mut pair = lent_in_vain(1_000);
    assert_eq!(pass(&mut pair, 5, true), 10);
    assert_eq!(pass(&mut pair, 600, false), 10, "ten minutes of silence");
    assert_eq!(pass(&mut pair, 10, true), 10, "what waits may come now");
    assert_eq!(pass(&mut pair, 2, true), 0);
    assert_eq!(pair.records().map(|records| records.len()), [0, 0]);
}

/// An owner that HA2 has cut off goes on with its session, and its port is given to nobody else.
#[test]
fn a_lent_port_stays_the_owners_while_ha2_is_silent() {
    let mut pair = Pair::new(&compiled(""), MODULO);
    let query = udp(way(40_000, 7), b"query");
    let fate = pair.send(Zero, INSIDE, &query);
    assert_eq!((fate.at, fate.crossed.len()), (Zero, 2), "One has set it up");
    let port = fate.way().source.1;
    for _ in 0..3 {
        assert_eq!(pass(&mut pair, 20, false), 1);
        assert_eq!(pair.send(Zero, INSIDE, &query).way().source.1, port);
    }
    let now = pair.now;
    let mut client = way(40_000, 8);
    client.source.0 = [10, 0, 1, 1].into();
    let given = (1_024..).map_while(|number| {
        client.source.1 = number;
        let fate = pair.send(One, INSIDE, &udp(client, b"hello"));
        // Nothing is to run out meanwhile.
        pair.now = now;
        matches!(fate.verdict, Verdict::Transmit(_)).then(|| fate.way().source.1)
    });
    let given: Vec<u16> = given.collect();
    assert!(given.len() == 32_255 && !given.contains(&port), "all but one of its half: {}", given.len());
}

/// What is lent takes no more than a part of the table.
#[test]
fn only_some_sessions_are_lent_at_a_time() {
    let pair = lent_in_vain(40);
    assert_eq!(pair.sessions(), [0, 5]);
}

/// The first thing that the owner tells makes a lent session a copy like any other.
#[test]
fn what_the_owner_tells_of_is_lent_no_more() {
    let mut pair = Pair::new(&compiled(""), MODULO);
    let mut talk = Connection::new(way(40_000, 7), [Zero, Zero]);
    talk.open(&mut pair);
    pair.tell();
    pair.now = pair.now.after_secs(60);
    let now = pair.now;
    let one = pair.device(One);
    one.worker.handle_timeout(now, &mut one.outbox);
    one.collect();
    assert_eq!(pair.sessions(), [1, 1]);
}

#[test]
fn a_stray_segment_is_dropped_once() {
    for owner in ADMITTED {
        for at in BOTH {
            let mut pair = Pair::new(&compiled(""), owner);
            for flags in [ACK, SYN | ACK, 4, 17] {
                let header = Header { sequence: 1, acknowledgement: 1, flags, options: &[] };
                let fate = pair.send(at, INSIDE, &tcp(way(1_000, 7), header, b""));
                assert_eq!(fate.crossed, [(ForwardToOwner, 0)], "{owner:?}");
                assert_eq!((fate.at, fate.verdict), (at.peer(), Verdict::Drop(DropReason::TcpNonSyn)));
            }
            assert_eq!(dropped(&pair, DropReason::TcpNonSyn).iter().sum::<u64>(), 4);
            assert_eq!(pair.records().map(|records| records.len()), [0, 0]);
        }
    }
}

/// Whoever sets up, a denied session has one record, and the owner writes it.
#[test]
fn what_a_rule_denies_is_logged_once_by_the_owner() {
    let compiled = compiled(
        "
        set rulebase security rules no from trust to untrust source any destination 203.0.113.99/32
        set rulebase security rules no application any service any action deny log-end yes
        move rulebase security rules no top
        ",
    );
    for combination in ADMITTED {
        for (at, is_udp) in BOTH.into_iter().flat_map(|at| [(at, false), (at, true)]) {
            let mut pair = Pair::new(&compiled, combination);
            pair.is_told = true;
            let way = way(40_000, 99);
            let syn =
                if is_udp { udp(way, b"hello") } else { Connection::new(way, [at, at]).segment(0, SYN, b"") };
            let owner = if combination == PRIMARY { Zero } else { at };
            let fate = pair.send(at, INSIDE, &syn);
            assert_eq!((fate.verdict, fate.at), (Verdict::Drop(DropReason::PolicyDeny), owner));
            // It stays blocked, wherever it comes.
            for at in BOTH {
                let again = pair.send(at, INSIDE, &syn);
                assert_eq!((again.verdict, again.at), (Verdict::Drop(DropReason::SessionDiscard), owner));
            }
            let records = pair.records();
            let [own, other] = [owner, owner.peer()].map(|device| &records[usize::from(device.number())]);
            assert_eq!((own.len(), other.len()), (1, 0), "{combination:?} {at:?} {is_udp}");
        }
    }
}

/// An answer without a connection looks like a first packet of the other direction, which no rule allows:
/// the other device is asked before it is refused.
#[test]
fn an_answer_that_comes_before_anything_was_told() {
    for at in BOTH {
        for owner in [FIRST, MODULO] {
            let mut pair = Pair::new(&compiled(""), owner);
            let query = pair.send(at, INSIDE, &udp(way(5_353, 7), b"query"));
            let answer = pair.send(at.peer(), OUTSIDE, &udp(query.way().back(), b"answer"));
            assert_eq!((answer.at, answer.verdict), (at, Verdict::Transmit(INSIDE)), "{owner:?}");
            let records = pair.records();
            assert_eq!(records.iter().map(Vec::len).sum::<usize>(), 1);
            assert_eq!(packets(&records[usize::from(at.number())]), 2);
        }
    }
}

/// A session of the other device that ended there, and whose end was not told yet.
#[test]
fn a_new_connection_over_a_stale_copy() {
    let mut pair = Pair::new(&compiled_without_nat(""), FIRST);
    let mut talk = Connection::new(way(40_000, 7), [Zero, Zero]);
    talk.open(&mut pair);
    pair.tell();
    let zero = pair.device(Zero);
    zero.worker.clear(&bifrons_dataplane::ClearFilter::default(), &mut zero.outbox);
    zero.outbox.session_events.clear();
    zero.collect();
    assert_eq!(pair.sessions(), [0, 1]);
    let mut next = Connection::new(way(40_000, 7), [One, One]);
    let [syn, ..] = next.open(&mut pair);
    assert_eq!((syn.at, syn.crossed.len()), (Zero, 1), "the copy's owner sets it up anew");
    pair.tell();
    assert_eq!(pair.sessions(), [1, 1]);
}

/// Sessions have numbers of their own device's, and keep them at the other one.
#[test]
fn no_number_is_given_twice() {
    let mut pair = Pair::new(&compiled(""), FIRST);
    let mut numbers = std::collections::BTreeSet::new();
    for port in 0..50 {
        for (at, server) in [(Zero, 6), (One, 7)] {
            let mut talk = Connection::new(way(40_000 + port, server), [at, at]);
            talk.client_sends(&mut pair, SYN, b"");
        }
        if port % 10 == 9 {
            pair.tell();
        }
    }
    for at in [0, 1] {
        let sessions = pair.devices[at].worker.sessions();
        let own = sessions.slots().filter(|slot| !sessions.is_copy(*slot));
        for slot in own {
            let id = sessions.get(slot).id;
            assert_eq!((id.0 as usize - 1) % 2, at);
            assert!(numbers.insert(id));
        }
    }
    assert_eq!(numbers.len(), 100);
}
