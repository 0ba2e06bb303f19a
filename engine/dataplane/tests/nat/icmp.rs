//! RFC 5508: ICMP.

use std::{collections::BTreeSet, net::IpAddr};

use bifrons_dataplane::Verdict;
use bifrons_model::{Action, DropReason};
use bifrons_wire::internet_checksum;

use crate::{
    gate::{Gate, INSIDE, OUTSIDE, Seen, Sent, ip, ports, published, way},
    packets::{self, Way},
};

const ETHERNET: usize = 14;
const IPV4: usize = 20;

const PORT_UNREACHABLE: [u8; 2] = [3, 3];
const TIME_EXCEEDED: [u8; 2] = [11, 0];

fn persistent() -> Gate {
    Gate::new([ports("192.0.2.10", "192.0.2.10", true)])
}

fn ping(gate: &mut Gate, from: &str, identifier: u16, to: &str) -> Seen {
    gate.pass(INSIDE, &packets::echo(way((from, 0), (to, 0)), false, identifier))
}

fn answer(gate: &mut Gate, asked: &Seen) -> Sent {
    let identifier = asked.way.source.1;
    gate.send(OUTSIDE, &packets::echo(asked.way.back(), true, identifier))
}

fn is_passed(sent: &Sent) -> bool {
    matches!(sent.verdict, Verdict::Transmit(_))
}

fn ask(gate: &mut Gate) -> Seen {
    gate.pass(INSIDE, &packets::udp(way(("10.0.0.2", 5_000), ("203.0.113.1", 5_004)), b"question"))
}

/// An ICMP message in a frame.
fn message(from: IpAddr, to: IpAddr, [kind, code]: [u8; 2], rest: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(rest);
    let checksum = internet_checksum(&[&message]);
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let (IpAddr::V4(from), IpAddr::V4(to)) = (from, to) else { panic!("IPv4 only") };
    let mut header = vec![0x45, 0];
    header.extend(((IPV4 + message.len()) as u16).to_be_bytes());
    header.extend([0, 1, 0, 0, 64, 1, 0, 0]);
    header.extend(from.octets());
    header.extend(to.octets());
    let checksum = internet_checksum(&[&header]);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend(header);
    frame.extend(message);
    frame
}

/// An error about a frame, from its receiver or someone else, to its sender.
fn error(kind: [u8; 2], about: &Seen, from: IpAddr) -> Vec<u8> {
    error_quoting(kind, about, from, &about.frame[ETHERNET..])
}

fn error_quoting(kind: [u8; 2], about: &Seen, from: IpAddr, quoted: &[u8]) -> Vec<u8> {
    let rest: Vec<u8> = [0; 4].into_iter().chain(quoted.iter().copied().take(64)).collect();
    message(from, about.way.source.0, kind, &rest)
}

/// The ends of the packet that an error quotes.
fn quoted(seen: &Seen) -> Way {
    let quoted = seen.packet.embedded(&seen.frame).expect("an error");
    Way {
        source: (quoted.addresses.source(), quoted.source_port),
        destination: (quoted.addresses.destination(), quoted.destination_port),
    }
}

#[test]
pub fn rfc5508_req_1_queries_pass_and_are_mapped_independently_of_the_host() {
    let mut gate = persistent();
    let mut sources = BTreeSet::new();
    for host in ["203.0.113.1", "203.0.113.2", "198.51.100.1"] {
        let asked = ping(&mut gate, "10.0.0.2", 77, host);
        sources.insert(asked.way.source);
        let answered = Seen::new(INSIDE, &answer(&mut gate, &asked).frames[0]);
        assert_eq!(answered.way.destination, (ip("10.0.0.2"), 77));
    }
    assert_eq!(sources.len(), 1);
    let other = ping(&mut gate, "10.0.0.3", 77, "203.0.113.1");
    assert!(!sources.contains(&other.way.source));
}

/// The answer to a query that passed elsewhere, or before the firewall forgot it, would come from somebody
/// who was not asked.
#[test]
fn an_answer_that_nobody_asked_for_is_not_translated() {
    let mut gate = Gate::new([ports("192.0.2.10", "192.0.2.10", false)]);
    let stray = packets::echo(way(("10.0.0.2", 0), ("203.0.113.1", 0)), true, 7);
    assert_eq!(gate.send(INSIDE, &stray).verdict, Verdict::Drop(DropReason::NatUntranslatable));
    ping(&mut gate, "10.0.0.2", 7, "203.0.113.1");
}

#[test]
pub fn rfc5508_req_2_query_timer_is_configurable_to_a_minute() {
    let rule = ports("192.0.2.10", "192.0.2.10", false);
    let mut gate = Gate::with([rule], |config| config.session.timeout_icmp = 60);
    let asked = ping(&mut gate, "10.0.0.2", 77, "203.0.113.1");
    gate.wait(59);
    assert!(is_passed(&answer(&mut gate, &asked)));
    gate.wait(61);
    assert_eq!(gate.sessions(), 0);
    assert!(gate.worker().nat().is_idle());
}

#[test]
pub fn rfc5508_req_3_a_wrong_checksum_of_the_error_is_dropped() {
    let mut gate = persistent();
    let asked = ask(&mut gate);
    let mut frame = error(PORT_UNREACHABLE, &asked, ip("203.0.113.1"));
    frame[ETHERNET + IPV4 + 2] ^= 1;
    assert!(gate.send(OUTSIDE, &frame).is_silently_dropped());
}

#[test]
pub fn rfc5508_req_3_quoted_options_are_passed_over() {
    let mut gate = persistent();
    let asked = ask(&mut gate);
    // Four bytes of no-operation and end of options behind the fixed header.
    let mut inner = asked.frame[ETHERNET..].to_vec();
    inner.splice(IPV4..IPV4, [1, 1, 1, 0]);
    inner[0] = 0x46;
    let length = inner.len() as u16;
    inner[2..4].copy_from_slice(&length.to_be_bytes());
    inner[10..12].fill(0);
    let checksum = internet_checksum(&[&inner[..IPV4 + 4]]);
    inner[10..12].copy_from_slice(&checksum.to_be_bytes());
    let seen = gate.pass(OUTSIDE, &error_quoting(PORT_UNREACHABLE, &asked, ip("203.0.113.1"), &inner));
    assert_eq!(quoted(&seen).source, (ip("10.0.0.2"), 5_000));
}

#[test]
pub fn rfc5508_req_3_the_quoted_transport_checksum_is_not_judged() {
    let mut gate = persistent();
    let asked = ask(&mut gate);
    let mut inner = asked.frame[ETHERNET..].to_vec();
    inner[IPV4 + 6] ^= 0x55;
    let seen = gate.pass(OUTSIDE, &error_quoting(PORT_UNREACHABLE, &asked, ip("203.0.113.1"), &inner));
    assert_eq!(quoted(&seen).source, (ip("10.0.0.2"), 5_000));
}

#[test]
pub fn rfc5508_req_4_errors_from_outside() {
    let mut gate = persistent();
    let asked = ask(&mut gate);
    for (kind, from) in [(PORT_UNREACHABLE, "203.0.113.1"), (TIME_EXCEEDED, "198.51.100.254")] {
        let seen = gate.pass(OUTSIDE, &error(kind, &asked, ip(from)));
        assert_eq!(seen.interface, INSIDE);
        assert_eq!((seen.way.source.0, seen.way.destination.0), (ip(from), ip("10.0.0.2")));
        assert_eq!([seen.packet.icmp.kind, seen.packet.icmp.code], kind);
        assert_eq!(quoted(&seen).source, (ip("10.0.0.2"), 5_000));
        assert_eq!(quoted(&seen).destination, (ip("203.0.113.1"), 5_004));
    }
    let mut unknown = asked.clone();
    unknown.frame[ETHERNET + IPV4..ETHERNET + IPV4 + 2].copy_from_slice(&9_u16.to_be_bytes());
    assert!(gate.send(OUTSIDE, &error(PORT_UNREACHABLE, &unknown, ip("203.0.113.1"))).is_silently_dropped());
}

#[test]
pub fn rfc5508_req_5_errors_from_inside() {
    let mut gate = persistent();
    let asked = ask(&mut gate);
    let answer = gate.pass(OUTSIDE, &packets::udp(asked.way.back(), b"answer"));
    for (kind, from) in [(PORT_UNREACHABLE, "10.0.0.2"), (TIME_EXCEEDED, "10.0.0.254")] {
        let seen = gate.pass(INSIDE, &error(kind, &answer, ip(from)));
        assert_eq!(seen.interface, OUTSIDE);
        // A router inside has no name outside but the mapping's.
        assert_eq!((seen.way.source.0, seen.way.destination.0), (ip("192.0.2.10"), ip("203.0.113.1")));
        assert_eq!([seen.packet.icmp.kind, seen.packet.icmp.code], kind);
        assert_eq!(quoted(&seen).source, (ip("203.0.113.1"), 5_004));
        assert_eq!(quoted(&seen).destination, asked.way.source);
    }
    let mut unknown = answer.clone();
    unknown.frame[ETHERNET + IPV4 + 2..ETHERNET + IPV4 + 4].copy_from_slice(&9_u16.to_be_bytes());
    assert!(gate.send(INSIDE, &error(PORT_UNREACHABLE, &unknown, ip("10.0.0.2"))).is_silently_dropped());
}

#[test]
pub fn rfc5508_req_6_an_error_neither_refreshes_nor_ends_the_query() {
    let rule = ports("192.0.2.10", "192.0.2.10", false);
    let mut gate = Gate::with([rule], |config| config.session.timeout_icmp = 60);
    let asked = ping(&mut gate, "10.0.0.2", 77, "203.0.113.1");
    gate.wait(40);
    let seen = gate.pass(OUTSIDE, &error([3, 1], &asked, ip("198.51.100.254")));
    assert_eq!(quoted(&seen).source, (ip("10.0.0.2"), 77));
    gate.wait(19);
    assert_eq!(gate.sessions(), 1, "the error does not end the session");
    gate.wait(2);
    assert_eq!(gate.sessions(), 0, "the error does not refresh the session");
}

#[test]
pub fn rfc5508_req_7_queries_and_errors_hairpin() {
    let mut gate = Gate::new(published("192.0.2.80", "10.0.0.80"));
    let asked = ping(&mut gate, "10.0.0.3", 77, "192.0.2.80");
    assert_eq!((asked.interface, asked.way.destination.0), (INSIDE, ip("10.0.0.80")));
    assert_eq!(asked.way.source.0, ip("192.0.2.10"));
    let reply = gate.pass(INSIDE, &packets::echo(asked.way.back(), true, asked.way.source.1));
    assert_eq!((reply.interface, reply.way.source.0), (INSIDE, ip("192.0.2.80")));
    assert_eq!(reply.way.destination, (ip("10.0.0.3"), 77));
    let question = way(("10.0.0.3", 6_000), ("192.0.2.80", 5_004));
    let heard = gate.pass(INSIDE, &packets::udp(question, b"hello"));
    let seen = gate.pass(INSIDE, &error(PORT_UNREACHABLE, &heard, ip("10.0.0.80")));
    assert_eq!((seen.interface, seen.way.destination.0), (INSIDE, ip("10.0.0.3")));
    assert_eq!(seen.way.source.0, ip("192.0.2.80"));
    let quoted = quoted(&seen);
    assert_eq!((quoted.source, quoted.destination), (question.source, question.destination));
}

#[test]
pub fn rfc5508_req_8_what_is_prohibited_is_reported_where_the_rule_says_so() {
    let mut gate = Gate::with([ports("192.0.2.10", "192.0.2.10", false)], |config| {
        config.rules[0].action = Action::Drop;
        config.rules[0].icmp_unreachable = true;
    });
    let sent = gate.send(INSIDE, &packets::udp(way(("10.0.0.2", 5_000), ("203.0.113.1", 53)), b"question"));
    assert_eq!(sent.verdict, Verdict::Drop(DropReason::PolicyDeny));
    let [emitted] = sent.emitted.as_slice() else { panic!("one message") };
    assert_eq!(emitted.interface, INSIDE);
    assert_eq!(emitted.packet.get(IPV4..IPV4 + 2), Some(&[3, 13][..]));
}

#[test]
pub fn rfc5508_req_9_what_is_prohibited_is_not_reported_by_default() {
    let mut gate = Gate::with([ports("192.0.2.10", "192.0.2.10", false)], |config| {
        config.rules[0].action = Action::Drop;
    });
    let sent = gate.send(INSIDE, &packets::udp(way(("10.0.0.2", 5_000), ("203.0.113.1", 53)), b"question"));
    assert!(sent.is_silently_dropped());
}

#[test]
pub fn rfc5508_req_10_which_messages_pass() {
    let mut gate = persistent();
    let asked = ask(&mut gate);
    let kinds = [[3, 0], [3, 1], [3, 3], [3, 4], [3, 13], [11, 0], [11, 1], [12, 0]];
    for kind in kinds {
        let seen = gate.pass(OUTSIDE, &error(kind, &asked, ip("198.51.100.254")));
        assert_eq!([seen.packet.icmp.kind, seen.packet.icmp.code], kind);
    }
    let pinged = ping(&mut gate, "10.0.0.2", 9, "203.0.113.1");
    assert!(is_passed(&answer(&mut gate, &pinged)));
    // A timestamp query (RFC 792) is mapped by its identifier as well.
    let timestamp = message(
        ip("10.0.0.2"),
        ip("203.0.113.1"),
        [13, 0],
        &[0, 9, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    assert_eq!(gate.pass(INSIDE, &timestamp).way.source, pinged.way.source);
}

#[test]
pub fn rfc5508_req_11_other_messages_are_judged_by_the_rules() {
    let mut gate = persistent();
    let other = message(ip("10.0.0.2"), ip("203.0.113.1"), [40, 0], &[0; 8]);
    assert_eq!(gate.pass(INSIDE, &other).way.source, (ip("192.0.2.10"), 0));
    let mut closed = Gate::with([], |config| config.rules.clear());
    assert!(closed.send(INSIDE, &other).is_silently_dropped());
}
