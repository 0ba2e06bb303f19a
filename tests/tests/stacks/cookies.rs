//! SYN cookies between real stacks: the handshake that the firewall makes in place of both ends is one to
//! each, and what they say afterwards arrives whole.

use bifrons_model::{EndReason, Subtype};
use smoltcp::socket::tcp::State;

use crate::{Gate, host::Host};

const HOSTS: [[&str; 2]; 2] = [["10.0.0.9", "192.0.2.9"], ["fd00::9", "2001:db8::9"]];

const COOKIES: &str = "
set network profiles zone-protection-profile shield flood tcp-syn enable yes
set network profiles zone-protection-profile shield flood tcp-syn syn-cookies activate-rate 0
set zone trust network zone-protection-profile shield
";
const ALLOW_ALL: &str = "set rulebase security rules all action allow\n";
const HIDE: &str = "
set rulebase nat rules hide from trust to untrust source any destination any service any
set rulebase nat rules hide source-translation dynamic-ip-and-port translated-address 192.0.2.200
";

fn connected(lines: &str, [client, server]: [&str; 2]) -> Gate {
    let mut gate = Gate::new(&format!("{COOKIES}{lines}"), client, server);
    gate.server.listen(2222);
    gate.client.connect(&gate.server, 2222);
    gate.run(10);
    assert_eq!((gate.client.state(), gate.server.state()), (State::Established, State::Established));
    // The SYN-ACK to the client, the ACK to the server.
    assert_eq!((gate.emitted, gate.worker.sessions().len()), (2, 1));
    gate
}

fn bytes(length: usize, factor: usize) -> Vec<u8> {
    (0..length).map(|place| ((place * factor) >> 3) as u8).collect()
}

#[test]
fn what_both_ends_say_arrives_whole() {
    for (hosts, nat) in [(HOSTS[0], ""), (HOSTS[1], ""), (HOSTS[0], HIDE)] {
        let mut gate = connected(&format!("{ALLOW_ALL}{nat}"), hosts);
        let (up, down) = (bytes(60_000, 7), bytes(60_000, 11));
        for (up, down) in std::iter::zip(up.chunks(6_000), down.chunks(6_000)) {
            gate.client.say(up);
            gate.server.say(down);
            gate.run(60);
        }
        assert!(gate.server.heard == up, "{} of {} bytes", gate.server.heard.len(), up.len());
        assert!(gate.client.heard == down, "{} of {} bytes", gate.client.heard.len(), down.len());
        assert_eq!(gate.emitted, 2);
    }
}

#[test]
fn the_server_may_speak_first() {
    let mut gate = connected(ALLOW_ALL, HOSTS[0]);
    gate.server.say(b"SSH-2.0-OpenSSH_9.2\r\n");
    gate.run(10);
    assert_eq!(gate.client.heard, b"SSH-2.0-OpenSSH_9.2\r\n");
}

#[test]
fn a_server_that_hears_nothing_of_the_first_syn_hears_the_next() {
    let [client, server] = HOSTS[0];
    let mut gate = Gate::new(&format!("{COOKIES}{ALLOW_ALL}"), client, server);
    gate.server.listen(2222);
    gate.client.connect(&gate.server, 2222);
    let mut deaf = Host::new("192.0.2.77".parse().unwrap());
    std::mem::swap(&mut gate.server, &mut deaf);
    gate.run(10);
    assert_eq!((gate.client.state(), gate.worker.sessions().len()), (State::Established, 1));
    std::mem::swap(&mut gate.server, &mut deaf);
    gate.client.say(b"hello");
    gate.run(4_000);
    assert_eq!(gate.server.heard, b"hello");
}

#[test]
fn a_server_that_does_not_listen_resets_the_client() {
    let [client, server] = HOSTS[0];
    let mut gate = Gate::new(&format!("{COOKIES}{ALLOW_ALL}"), client, server);
    gate.client.connect(&gate.server, 2222);
    gate.run(10);
    assert_eq!((gate.client.state(), gate.worker.sessions().len()), (State::Closed, 0));
    assert_eq!(gate.records[0].end_reason, EndReason::TcpRstFromServer);
}

#[test]
fn a_reset_of_the_firewall_has_the_numbers_that_each_end_knows() {
    let lines = format!(
        "set rulebase security rules block application ssh\n\
         set rulebase security rules block action reset-both\n{ALLOW_ALL}"
    );
    for hosts in HOSTS {
        let mut gate = connected(&lines, hosts);
        gate.server.say(b"SSH-2.0-OpenSSH_9.2\r\n");
        gate.run(10);
        assert_eq!((gate.client.state(), gate.server.state()), (State::Closed, State::Closed));
        assert_eq!((gate.client.heard.len(), gate.emitted), (0, 4));
        let record = &gate.records[0];
        assert_eq!((record.subtype, record.end_reason), (Subtype::Deny, EndReason::PolicyDeny));
    }
}
