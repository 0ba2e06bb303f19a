//! What is no whole packet of a connection: fragments, echoes, ICMP errors.

use std::time::Duration;

use bifrons_dataplane::Verdict;
use bifrons_model::DropReason;
use bifrons_wire::Ha3Kind::{ForwardToOwner, SetupRequest};

use crate::{
    device::{INSIDE, OUTSIDE, compiled},
    packets::{Header, Way, echo, fragments, tcp, udp, unreachable},
    sharing::{ACK, ADMITTED, BOTH, Connection, FIRST, MODULO, One, PRIMARY, Pair, SYN, Zero, packets, way},
};

/// Every fragment goes to the owner, where the packet becomes whole.
#[test]
fn fragments_follow_their_packet_to_the_owner() {
    let mut pair = Pair::new(&compiled(""), PRIMARY);
    let pieces = fragments(way(5_000, 7), 9, &[7; 4_000], 1_480);
    assert_eq!(pieces.len(), 3);
    let [first, second, last] = [0, 1, 2].map(|place| pair.send(One, INSIDE, &pieces[place]));
    assert_eq!((first.verdict, second.verdict), (Verdict::Held, Verdict::Held));
    assert_eq!(last.crossed, [(ForwardToOwner, 0); 3]);
    assert_eq!((last.at, last.verdict), (Zero, Verdict::Transmit(OUTSIDE)));
    let [own, other] = pair.records();
    assert_eq!((own.len(), other.len(), packets(&own)), (1, 0, 3));
}

/// Fragments that came twice are given twice: the owner counts as many frames as were received.
#[test]
fn repeated_fragments_go_with_the_others() {
    let mut pair = Pair::new(&compiled(""), PRIMARY);
    let pieces = fragments(way(5_000, 7), 9, &[7; 4_000], 1_480);
    let [.., last] = [0, 0, 2, 1].map(|place| pair.send(One, INSIDE, &pieces[place]));
    assert_eq!(last.crossed, [(ForwardToOwner, 0); 4]);
    assert_eq!((last.at, last.verdict), (Zero, Verdict::Transmit(OUTSIDE)));
    assert_eq!(pair.devices[1].worker.counters().to_peer, 4);
    assert_eq!(pair.devices[0].worker.counters().from_peer, 4);
}

/// The owner does not ask for what came to it in fragments.
#[test]
fn the_owner_sets_up_what_comes_in_fragments() {
    let mut pair = Pair::new(&compiled(""), MODULO);
    pair.pace = Duration::from_millis(1);
    let pieces = fragments(way(5_000, 7), 9, &[7; 4_000], 1_480);
    let [.., last] = [0, 1, 2].map(|place| pair.send(Zero, INSIDE, &pieces[place]));
    assert_eq!((last.at, last.verdict), (Zero, Verdict::Transmit(OUTSIDE)));
    assert!(last.crossed.is_empty());
    // The same session's whole packets are not asked for either.
    assert!(pair.send(Zero, INSIDE, &udp(way(5_000, 7), b"more")).crossed.is_empty());
    pair.records();
}

/// Of pings nothing is told; the answer finds its session all the same.
#[test]
fn an_echo_reply_goes_to_who_has_sent_the_request() {
    for combination in ADMITTED {
        for (at, back) in BOTH.into_iter().flat_map(|at| BOTH.map(|back| (at, back))) {
            let mut pair = Pair::new(&compiled(""), combination);
            pair.is_told = true;
            let there = Way { source: ([10, 0, 0, 2].into(), 0), destination: ([203, 0, 113, 7].into(), 0) };
            let request = pair.send(at, INSIDE, &echo(there, false, 77));
            assert!(request.crossed.iter().all(|(kind, _)| *kind != SetupRequest));
            let identifier = u16::from_be_bytes([request.left[38], request.left[39]]);
            let reply = pair.send(back, OUTSIDE, &echo(request.way().back(), true, identifier));
            assert_eq!(reply.verdict, Verdict::Transmit(INSIDE), "{combination:?} {at:?} {back:?}");
            assert_eq!(u16::from_be_bytes([reply.left[38], reply.left[39]]), 77);
            let records = pair.records();
            assert_eq!(records.iter().map(Vec::len).sum::<usize>(), 1);
        }
    }
}

/// An error about a session of the other device's, with and without a copy of it.
#[test]
fn an_icmp_error_goes_to_the_owner_of_what_it_reports_on() {
    for is_told in [false, true] {
        let mut pair = Pair::new(&compiled(""), FIRST);
        pair.is_told = is_told;
        let query = pair.send(Zero, INSIDE, &udp(way(5_353, 7), b"query"));
        let error = unreachable(query.way(), &query.left);
        let fate = pair.send(One, OUTSIDE, &error);
        assert_eq!((fate.at, fate.verdict), (Zero, Verdict::Transmit(INSIDE)), "told {is_told}");
        assert_eq!(fate.crossed.len(), 1);
        assert_eq!(fate.way().destination.0, way(5_353, 7).source.0);
        assert_eq!(pair.devices[0].worker.counters().icmp_errors_matched, 1);
    }
}

#[test]
fn an_icmp_error_about_nothing_is_dropped_once() {
    let mut pair = Pair::new(&compiled(""), FIRST);
    let syn = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    let fate = pair.send(One, OUTSIDE, &unreachable(way(40_000, 7), &syn));
    assert_eq!(fate.crossed, [(ForwardToOwner, 0)]);
    assert_eq!((fate.at, fate.verdict), (Zero, Verdict::Drop(DropReason::IcmpErrorWithoutSession)));
}

/// A SYN that was answered with a cookie: only the device that answered knows it, and makes the session
/// wherever its acknowledgement comes.
#[test]
fn a_cookie_is_known_to_who_has_made_it() {
    let shield = "
        set network profiles zone-protection-profile shield flood tcp-syn enable yes
        set network profiles zone-protection-profile shield flood tcp-syn syn-cookies activate-rate 0
        set zone trust network zone-protection-profile shield
    ";
    for (at, next) in BOTH.into_iter().flat_map(|at| BOTH.map(|next| (at, next))) {
        let mut pair = Pair::new(&compiled(shield), MODULO);
        let client = way(40_000, 7);
        let syn = Header { sequence: 100, acknowledgement: 0, flags: SYN, options: &[] };
        let fate = pair.send(at, INSIDE, &tcp(client, syn, b""));
        assert_eq!((fate.at, fate.verdict), (at, Verdict::Drop(DropReason::SynCookie)));
        let answer = pair.device(at).outbox.emitted.pop().expect("a SYN-ACK").packet;
        // Without links it begins with its IP header.
        let cookie = u32::from_be_bytes(answer[24..28].try_into().expect("a sequence number"));
        let third =
            Header { sequence: 101, acknowledgement: cookie.wrapping_add(1), flags: ACK, options: &[] };
        let fate = pair.send(next, INSIDE, &tcp(client, third, b""));
        assert_eq!((fate.at, fate.verdict), (at, Verdict::Transmit(OUTSIDE)), "the SYN goes on");
        let server = fate.way().back();
        let answer = Header { sequence: 9_000, acknowledgement: 101, flags: SYN | ACK, options: &[] };
        let fate = pair.send(next, OUTSIDE, &tcp(server, answer, b""));
        assert_eq!((fate.at, fate.verdict), (at, Verdict::Transmit(INSIDE)));
        let records = pair.records();
        assert_eq!(records[usize::from(at.number())].len(), 1);
        assert!(records[usize::from(at.peer().number())].is_empty());
    }
}
