//! RFC 5382: TCP.

use std::collections::BTreeSet;

use bifrons_dataplane::Verdict;

use crate::{
    gate::{Gate, INSIDE, OUTSIDE, Seen, ip, ports, published, way},
    packets::{self, Header, Way},
};

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

const CLIENT: (&str, u16) = ("10.0.0.2", 5_000);
const SERVER: (&str, u16) = ("203.0.113.1", 443);

fn persistent() -> Gate {
    Gate::new([ports("192.0.2.10", "192.0.2.10", true)])
}

fn segment(way: Way, flags: u8, sequence: u32, acknowledgement: u32, payload: &[u8]) -> Vec<u8> {
    packets::tcp(way, Header { sequence, acknowledgement, flags, options: &[] }, payload)
}

/// A handshake from inside; the SYN as the server saw it.
fn connect(gate: &mut Gate, client: (&str, u16), server: (&str, u16)) -> Seen {
    let out = way(client, server);
    let syn = gate.pass(INSIDE, &segment(out, SYN, 100, 0, b""));
    let syn_ack = gate.pass(OUTSIDE, &segment(syn.way.back(), SYN | ACK, 900, 101, b""));
    assert_eq!((syn_ack.way.source, syn_ack.way.destination), (out.destination, out.source));
    gate.pass(INSIDE, &segment(out, ACK, 101, 901, b""));
    syn
}

/// One byte each way on a connection that was made by `connect`.
fn talk(gate: &mut Gate, client: (&str, u16), syn: &Seen, said: u32) {
    let out = Way { source: (ip(client.0), client.1), destination: syn.way.destination };
    let seen = gate.pass(INSIDE, &segment(out, ACK, 101 + said, 901 + said, b"?"));
    assert_eq!((seen.way.source, seen.payload()), (syn.way.source, &b"?"[..]));
    let seen = gate.pass(OUTSIDE, &segment(syn.way.back(), ACK, 901 + said, 102 + said, b"!"));
    assert_eq!((seen.way.destination, seen.payload()), (out.source, &b"!"[..]));
}

#[test]
pub fn rfc5382_req_1_endpoint_independent_mapping() {
    let mut gate = persistent();
    let sources: BTreeSet<_> = [SERVER, ("203.0.113.1", 80), ("198.51.100.7", 443)]
        .map(|server| connect(&mut gate, CLIENT, server).way.source)
        .into();
    assert_eq!(sources.len(), 1);
    assert_eq!(gate.sessions(), 3);
}

#[test]
pub fn rfc5382_req_2_all_valid_sequences_from_inside() {
    let mut gate = persistent();
    let syn = connect(&mut gate, CLIENT, SERVER);
    talk(&mut gate, CLIENT, &syn, 0);
    let out = way(CLIENT, SERVER);
    gate.pass(INSIDE, &segment(out, FIN | ACK, 102, 902, b""));
    gate.pass(OUTSIDE, &segment(syn.way.back(), ACK, 902, 103, b"late"));
    gate.pass(OUTSIDE, &segment(syn.way.back(), FIN | ACK, 906, 103, b""));
    gate.pass(INSIDE, &segment(out, ACK, 103, 907, b""));
}

#[test]
pub fn rfc5382_req_2_all_valid_sequences_from_outside() {
    let mut gate = Gate::new(published("192.0.2.80", "10.0.0.80"));
    let inbound = way(("198.51.100.7", 40_000), ("192.0.2.80", 80));
    let syn = gate.pass(OUTSIDE, &segment(inbound, SYN, 100, 0, b""));
    assert_eq!((syn.interface, syn.way.destination), (INSIDE, (ip("10.0.0.80"), 80)));
    let syn_ack = gate.pass(INSIDE, &segment(syn.way.back(), SYN | ACK, 900, 101, b""));
    assert_eq!((syn_ack.interface, syn_ack.way.source), (OUTSIDE, inbound.destination));
    let data = gate.pass(OUTSIDE, &segment(inbound, ACK, 101, 901, b"GET"));
    assert_eq!(data.payload(), b"GET");
}

#[test]
pub fn rfc5382_req_2_simultaneous_open() {
    let mut gate = persistent();
    let out = way(CLIENT, SERVER);
    let syn = gate.pass(INSIDE, &segment(out, SYN, 100, 0, b""));
    let crossing = gate.pass(OUTSIDE, &segment(syn.way.back(), SYN, 900, 0, b""));
    assert_eq!(crossing.way.destination, out.source);
    gate.pass(INSIDE, &segment(out, SYN | ACK, 100, 901, b""));
    gate.pass(OUTSIDE, &segment(syn.way.back(), SYN | ACK, 900, 101, b""));
    gate.pass(INSIDE, &segment(out, ACK, 101, 901, b"?"));
    gate.pass(OUTSIDE, &segment(syn.way.back(), ACK, 901, 102, b"!"));
    assert_eq!(gate.sessions(), 1);
}

#[test]
pub fn rfc5382_req_3_only_the_endpoint_that_was_called_may_answer() {
    let mut gate = persistent();
    let syn = connect(&mut gate, CLIENT, SERVER);
    for (address, port) in [("203.0.113.1", 444), ("203.0.113.2", 443)] {
        let stranger = Way { source: (ip(address), port), destination: syn.way.source };
        assert!(gate.send(OUTSIDE, &segment(stranger, SYN, 1, 0, b"")).is_silently_dropped());
    }
    talk(&mut gate, CLIENT, &syn, 0);
}

#[test]
pub fn rfc5382_req_4_an_unsolicited_syn_is_not_answered() {
    let mut gate = persistent();
    let taken = connect(&mut gate, CLIENT, ("203.0.113.9", 80)).way.source;
    let server = (ip(SERVER.0), SERVER.1);
    let unsolicited = Way { source: server, destination: taken };
    assert!(gate.send(OUTSIDE, &segment(unsolicited, SYN, 900, 0, b"")).is_silently_dropped());
    // The blocked one does not stand in the way of a connection from inside (simultaneous open, REQ-2).
    let syn = connect(&mut gate, CLIENT, SERVER);
    assert_eq!(syn.way.source, taken);
    talk(&mut gate, CLIENT, &syn, 0);
}

#[test]
pub fn rfc5382_req_5_established_timer_is_configurable_beyond_two_hours() {
    let rule = ports("192.0.2.10", "192.0.2.10", false);
    let mut gate = Gate::with([rule], |config| config.session.timeout_tcp = 7_440);
    let syn = connect(&mut gate, CLIENT, SERVER);
    talk(&mut gate, CLIENT, &syn, 0);
    gate.wait(7_439);
    talk(&mut gate, CLIENT, &syn, 1);
    gate.wait(7_441);
    assert_eq!(gate.sessions(), 0);
    assert!(gate.worker().nat().is_idle());
}

#[test]
pub fn rfc5382_req_7_no_port_overloading() {
    let mut gate = Gate::new([ports("192.0.2.10", "192.0.2.10", false)]);
    let sources: BTreeSet<_> = (2..200)
        .map(|host| {
            let server = format!("203.0.113.{host}");
            connect(&mut gate, (&format!("10.0.0.{host}"), 5_000), (&server, 443)).way.source
        })
        .collect();
    assert_eq!(sources.len(), 198);
}

#[test]
pub fn rfc5382_req_8_hairpinning_with_the_external_source() {
    let mut gate = persistent();
    let callee = connect(&mut gate, CLIENT, SERVER).way.source;
    let caller = connect(&mut gate, ("10.0.0.3", 6_000), SERVER).way.source;
    let call = Way { source: (ip("10.0.0.3"), 6_000), destination: callee };
    let syn = gate.pass(INSIDE, &segment(call, SYN, 100, 0, b""));
    assert_eq!((syn.interface, syn.way.destination), (INSIDE, (ip("10.0.0.2"), 5_000)));
    assert_eq!(syn.way.source, caller);
    let syn_ack = gate.pass(INSIDE, &segment(syn.way.back(), SYN | ACK, 900, 101, b""));
    assert_eq!((syn_ack.way.source, syn_ack.way.destination), (callee, call.source));
    let data = gate.pass(INSIDE, &segment(call, ACK, 101, 901, b"hello"));
    assert_eq!(data.payload(), b"hello");
}

#[test]
pub fn rfc5382_req_9_destination_unreachable_is_translated() {
    let mut gate = persistent();
    let syn = connect(&mut gate, CLIENT, SERVER);
    let error = gate.pass(OUTSIDE, &packets::unreachable(syn.way, &syn.frame));
    assert_eq!((error.interface, error.way.destination.0), (INSIDE, ip(CLIENT.0)));
    let quoted = error.packet.embedded(&error.frame).unwrap();
    assert_eq!((quoted.addresses.source(), quoted.source_port), (ip(CLIENT.0), CLIENT.1));
    assert_eq!((quoted.addresses.destination(), quoted.destination_port), (ip(SERVER.0), SERVER.1));
}

#[test]
pub fn rfc5382_req_10_icmp_does_not_end_the_connection() {
    let mut gate = persistent();
    let syn = connect(&mut gate, CLIENT, SERVER);
    let from_router = Way { source: syn.way.source, destination: (ip("198.51.100.254"), 0) };
    for reporter in [syn.way, from_router] {
        gate.pass(OUTSIDE, &packets::unreachable(reporter, &syn.frame));
    }
    talk(&mut gate, CLIENT, &syn, 0);
    assert_eq!(gate.sessions(), 1);
    let other = connect(&mut gate, CLIENT, ("203.0.113.5", 443));
    assert_eq!(other.way.source, syn.way.source);
    let verdict = gate.send(OUTSIDE, &segment(syn.way.back(), ACK, 902, 102, b"!")).verdict;
    assert_eq!(verdict, Verdict::Transmit(INSIDE));
}
