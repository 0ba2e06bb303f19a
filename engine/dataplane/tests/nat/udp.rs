//! RFC 4787: UDP.

use std::collections::BTreeSet;

use bifrons_config::typed::{Oversubscription, SourceTranslation};
use bifrons_dataplane::Verdict;
use bifrons_model::{DropReason, EndReason};

use crate::{
    gate::{Gate, INSIDE, OUTSIDE, Seen, Sent, ip, ports, published, way},
    packets::{self, Way},
};

/// One address, mappings that depend on the source only.
fn persistent() -> Gate {
    Gate::new([ports("192.0.2.10", "192.0.2.10", true)])
}

fn ask(gate: &mut Gate, source: (&str, u16), server: (&str, u16)) -> Seen {
    gate.pass(INSIDE, &packets::udp(way(source, server), b"question"))
}

/// What the server's answer looks like inside.
fn answer(gate: &mut Gate, asked: &Seen) -> Sent {
    gate.send(OUTSIDE, &packets::udp(asked.way.back(), b"answer"))
}

fn is_passed(sent: &Sent) -> bool {
    matches!(sent.verdict, Verdict::Transmit(_))
}

#[test]
pub fn rfc4787_req_1_endpoint_independent_mapping() {
    let mut gate = persistent();
    let seen: Vec<Seen> = [("203.0.113.1", 53), ("203.0.113.1", 54), ("198.51.100.1", 53)]
        .into_iter()
        .map(|server| ask(&mut gate, ("10.0.0.2", 5_000), server))
        .collect();
    assert!(seen.iter().all(|own| own.way.source == seen[0].way.source));
    assert_eq!(seen[0].way.source.0, ip("192.0.2.10"));
    for own in &seen {
        let back = gate.pass(OUTSIDE, &packets::udp(own.way.back(), b"answer"));
        assert_eq!((back.interface, back.way.destination), (INSIDE, (ip("10.0.0.2"), 5_000)));
        assert_eq!(back.way.source, own.way.destination);
    }
}

#[test]
pub fn rfc4787_req_2_paired_pooling() {
    let mut gate = Gate::new([ports("192.0.2.16", "192.0.2.31", false)]);
    let mut used = BTreeSet::new();
    for host in 2..60 {
        let host = format!("10.0.0.{host}");
        let of_host: BTreeSet<_> = (0..12)
            .map(|number| ask(&mut gate, (&host, 4_000 + number), ("203.0.113.1", 53 + number)).way.source.0)
            .collect();
        assert_eq!(of_host.len(), 1, "{host}");
        used.extend(of_host);
    }
    assert!(used.len() > 8);
}

/// As many sources as there are mappings to one server, from ports of this range.
fn mapped_ports(gate: &mut Gate, range: std::ops::Range<u16>) -> BTreeSet<u16> {
    let map = |(host, port): (u16, u16)| {
        let host = format!("10.0.{}.{}", host / 250, host % 250 + 2);
        ask(gate, (&host, port), ("203.0.113.1", 53)).way.source.1
    };
    let hosts = (0..4_u16).flat_map(|host| range.clone().step_by(7).map(move |port| (host, port)));
    let mapped: Vec<u16> = hosts.map(map).collect();
    let distinct: BTreeSet<u16> = mapped.iter().copied().collect();
    assert_eq!(distinct.len(), mapped.len(), "no port stands for two sources");
    distinct
}

#[test]
pub fn rfc4787_req_3_no_port_overloading_and_ranges_are_kept() {
    let mut gate = Gate::new([ports("192.0.2.10", "192.0.2.10", false)]);
    assert!(mapped_ports(&mut gate, 1..1_024).iter().all(|port| *port < 1_024));
    assert!(mapped_ports(&mut gate, 1_024..9_000).iter().all(|port| *port >= 1_024));
    // Also for different servers: a port stands for one source at a time.
    let to = |gate: &mut Gate, host: &str, server: &str| ask(gate, (host, 5_000), (server, 53)).way.source;
    let mut gate = Gate::new([ports("192.0.2.10", "192.0.2.10", false)]);
    let sources: BTreeSet<_> = (1..200)
        .map(|number| to(&mut gate, &format!("10.0.1.{number}"), &format!("203.0.113.{number}")))
        .collect();
    assert_eq!(sources.len(), 199);
    assert_eq!(gate.worker().policy().nat_settings().oversubscription, Oversubscription::Once);
}

#[test]
pub fn rfc4787_req_4_port_parity_is_preserved() {
    let mut gate = Gate::new([ports("192.0.2.10", "192.0.2.10", false)]);
    for port in [80, 81, 5_000, 5_001, 16_384, 16_385, 65_534, 65_535] {
        let mapped = ask(&mut gate, ("10.0.0.2", port), ("203.0.113.1", 5_004)).way.source.1;
        assert_eq!(mapped % 2, port % 2, "{port} became {mapped}");
    }
}

#[test]
pub fn rfc4787_req_5_mapping_timer_is_configurable_to_five_minutes() {
    let rule = ports("192.0.2.10", "192.0.2.10", true);
    let mut gate = Gate::with([rule], |config| config.session.timeout_udp = 300);
    let asked = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004));
    gate.wait(299);
    assert!(is_passed(&answer(&mut gate, &asked)));
    gate.wait(301);
    assert_eq!(gate.sessions(), 0);
    assert!(!is_passed(&answer(&mut gate, &asked)));
    assert!(gate.worker().nat().is_idle());
    assert_eq!(Gate::new([]).worker().policy().session().timeout_udp, 30);
}

#[test]
pub fn rfc4787_req_6_outbound_packets_refresh_the_mapping() {
    let rule = ports("192.0.2.10", "192.0.2.10", true);
    let mut gate = Gate::with([rule], |config| config.session.timeout_udp = 120);
    let first = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004));
    for _ in 0..5 {
        gate.wait(100);
        let again = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004));
        assert_eq!(again.way.source, first.way.source);
    }
    gate.wait(100);
    assert!(is_passed(&answer(&mut gate, &first)));
    assert_eq!(gate.worker().counters().sessions_created, 1);
}

#[test]
pub fn rfc4787_req_8_only_the_endpoint_that_was_asked_may_answer() {
    let mut gate = persistent();
    let asked = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004));
    for (address, port) in [("203.0.113.1", 5_005), ("203.0.113.2", 5_004)] {
        let stranger = Way { source: (ip(address), port), destination: asked.way.source };
        assert!(gate.send(OUTSIDE, &packets::udp(stranger, b"hello")).is_silently_dropped());
    }
    assert!(is_passed(&answer(&mut gate, &asked)));
}

#[test]
pub fn rfc4787_req_9_hairpinning_with_the_external_source() {
    let mut gate = persistent();
    let callee = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 3_478)).way.source;
    let caller = ask(&mut gate, ("10.0.0.3", 6_000), ("203.0.113.1", 3_478)).way.source;
    let call = Way { source: (ip("10.0.0.3"), 6_000), destination: callee };
    let heard = gate.pass(INSIDE, &packets::udp(call, b"hello"));
    assert_eq!((heard.interface, heard.way.destination), (INSIDE, (ip("10.0.0.2"), 5_000)));
    assert_eq!(heard.way.source, caller, "the external source address and port");
    let reply = gate.pass(INSIDE, &packets::udp(heard.way.back(), b"hello yourself"));
    assert_eq!((reply.interface, reply.way.destination), (INSIDE, call.source));
    assert_eq!(reply.way.source, callee);
}

#[test]
pub fn rfc4787_req_9_hairpinning_to_a_published_server() {
    let mut gate = Gate::new(published("192.0.2.80", "10.0.0.80"));
    let call = way(("10.0.0.3", 6_000), ("192.0.2.80", 5_004));
    let heard = gate.pass(INSIDE, &packets::udp(call, b"hello"));
    assert_eq!((heard.interface, heard.way.destination), (INSIDE, (ip("10.0.0.80"), 5_004)));
    assert_eq!(heard.way.source.0, ip("192.0.2.10"));
    let reply = gate.pass(INSIDE, &packets::udp(heard.way.back(), b"hello yourself"));
    assert_eq!((reply.way.source, reply.way.destination), (call.destination, call.source));
}

#[test]
pub fn rfc4787_req_11_behaviour_does_not_depend_on_other_mappings() {
    let mut gate = persistent();
    let servers = [("203.0.113.1", 3_478), ("203.0.113.2", 3_478), ("203.0.113.2", 3_479)];
    let mut mapped = BTreeSet::new();
    // All from the same port, so that all but the first find what they might wish taken.
    for host in 2..40 {
        let host = format!("10.0.0.{host}");
        let seen = servers.map(|server| ask(&mut gate, (&host, 5_000), server).way.source);
        assert!(seen.iter().all(|own| *own == seen[0]), "{host}");
        assert_ne!(seen[0].1, 5_000, "ports are never kept");
        mapped.insert(seen[0]);
    }
    assert_eq!(mapped.len(), 38);
}

#[test]
pub fn rfc4787_req_12_icmp_does_not_end_the_mapping() {
    let mut gate = persistent();
    let asked = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004));
    let from_router = Way { source: asked.way.source, destination: (ip("198.51.100.254"), 0) };
    for reporter in [asked.way, from_router] {
        let error = gate.pass(OUTSIDE, &packets::unreachable(reporter, &asked.frame));
        assert_eq!((error.interface, error.way.destination.0), (INSIDE, ip("10.0.0.2")));
        assert_eq!(error.way.source.0, reporter.destination.0);
    }
    assert!(is_passed(&answer(&mut gate, &asked)));
    let again = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.9", 5_004));
    assert_eq!(again.way.source, asked.way.source);
}

#[test]
pub fn rfc4787_req_14_fragments_in_any_order() {
    let payload: Vec<u8> = (0..2_000_u16).map(|number| number as u8).collect();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let mut gate = persistent();
        let source = ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004)).way.source;
        let inside = packets::fragments(way(("10.0.0.2", 5_000), ("203.0.113.1", 5_004)), 7, &payload, 512);
        let left: Vec<Vec<u8>> =
            order.iter().flat_map(|place| gate.send(INSIDE, &inside[*place]).frames).collect();
        let outside = Way { source, destination: (ip("203.0.113.1"), 5_004) };
        let expected: BTreeSet<_> = packets::fragments(outside, 7, &payload, 512).into_iter().collect();
        assert_eq!(left.len(), 4);
        assert_eq!(left.into_iter().collect::<BTreeSet<_>>(), expected, "{order:?}");
    }
}

#[test]
fn a_pool_that_is_used_up_says_so() {
    let mut rule = ports("192.0.2.10", "192.0.2.10", false);
    rule.source_translation = Some(SourceTranslation::DynamicIp {
        pool: vec![crate::gate::range("192.0.2.10", "192.0.2.10")],
        fallback: None,
    });
    let mut gate = Gate::with([rule], |config| config.rules[0].log_end = true);
    ask(&mut gate, ("10.0.0.2", 5_000), ("203.0.113.1", 5_004));
    let refused = gate.send(INSIDE, &packets::udp(way(("10.0.0.3", 1), ("203.0.113.1", 5_004)), b"question"));
    assert_eq!(refused.verdict, Verdict::Drop(DropReason::NatPoolExhausted));
    assert_eq!(gate.worker().nat().counters().exhausted, 1);
    let record = gate.records().pop().unwrap();
    assert_eq!(record.end_reason, EndReason::ResourcesUnavailable);
    gate.wait(31);
    ask(&mut gate, ("10.0.0.3", 1), ("203.0.113.1", 5_004));
}
