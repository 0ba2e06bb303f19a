//! Blocked sessions: which end is reset, and that its stack takes the reset for real ("Security policy
//! actions").

use bifrons_model::{EndReason, Subtype};
use smoltcp::socket::tcp::State;

use crate::Gate;

const HOSTS: [[&str; 2]; 2] = [["10.0.0.9", "192.0.2.9"], ["fd00::9", "2001:db8::9"]];

const ALLOW_ALL: &str = "set rulebase security rules all action allow\n";

/// A rule that blocks one application with this action, before one that allows the rest.
fn blocking(application: &str, action: &str) -> String {
    format!(
        "set rulebase security rules block application {application}\n\
         set rulebase security rules block action {action}\n{ALLOW_ALL}"
    )
}

fn connected(lines: &str, [client, server]: [&str; 2]) -> Gate {
    let mut gate = Gate::new(lines, client, server);
    gate.server.listen(2222);
    gate.client.connect(&gate.server, 2222);
    gate.run(6);
    assert_eq!((gate.client.state(), gate.server.state()), (State::Established, State::Established));
    gate
}

/// Which of client and server are reset, by action.
const ACTIONS: [(&str, [bool; 2]); 5] = [
    ("drop", [false, false]),
    ("reset-client", [true, false]),
    ("reset-server", [false, true]),
    ("reset-both", [true, true]),
    // Telnet's own deny action is to drop, that of SSH to reset both ends.
    ("deny", [true, true]),
];

fn check(gate: &Gate, action: &str, resets: [bool; 2], subtype: Subtype) {
    let closed = [&gate.client, &gate.server].map(|host| host.state() == State::Closed);
    assert_eq!(closed, resets, "{action}: client {}, server {}", gate.client.state(), gate.server.state());
    assert_eq!(gate.emitted, resets.into_iter().filter(|reset| *reset).count(), "{action}");
    assert_eq!(gate.records.len(), 1, "{action}");
    let record = &gate.records[0];
    assert_eq!((record.subtype, record.end_reason), (subtype, EndReason::PolicyDeny), "{action}");
    let logged = if action == "deny" { "reset-both" } else { action };
    assert_eq!(record.action.name(), logged);
}

#[test]
fn the_client_s_first_data_tells_the_application() {
    for hosts in HOSTS {
        for (action, resets) in ACTIONS {
            let mut gate = connected(&blocking("ssh", action), hosts);
            gate.client.say(b"SSH-2.0-OpenSSH_9.2\r\n");
            gate.run(10);
            check(&gate, action, resets, Subtype::Deny);
            assert_eq!(gate.server.heard, b"", "{action}: what is blocked does not arrive");
        }
    }
}

#[test]
fn the_server_s_banner_tells_it() {
    for hosts in HOSTS {
        for (action, resets) in ACTIONS {
            let mut gate = connected(&blocking("ssh", action), hosts);
            gate.server.say(b"SSH-2.0-OpenSSH_9.2\r\n");
            gate.run(10);
            check(&gate, action, resets, Subtype::Deny);
            assert_eq!(gate.client.heard, b"", "{action}: what is blocked does not arrive");
        }
    }
}

/// Bytes have passed both ways, and some are on their way, when a commit forbids the session.
#[test]
fn a_commit_forbids_a_session_in_full_flow() {
    for hosts in HOSTS {
        for (action, resets) in ACTIONS {
            let mut gate = connected(ALLOW_ALL, hosts);
            gate.server.say(b"SSH-2.0-OpenSSH_9.2\r\n");
            gate.client.say(b"SSH-2.0-PuTTY_0.78\r\n");
            gate.run(4);
            gate.client.say(&[7; 3_000]);
            gate.server.say(&[9; 5_000]);
            gate.run(1);
            gate.commit(&blocking("ssh", action));
            gate.run(10);
            check(&gate, action, resets, Subtype::Deny);
        }
    }
}

/// "A TCP session that is blocked before the handshake is complete is just dropped."
#[test]
fn nothing_is_sent_before_the_session_is_formed() {
    for hosts in HOSTS {
        for (action, _) in ACTIONS {
            let lines = format!("set rulebase security rules block action {action}\n");
            let mut gate = Gate::new(&lines, hosts[0], hosts[1]);
            gate.server.listen(2222);
            gate.client.connect(&gate.server, 2222);
            gate.run(20);
            assert_eq!(gate.client.state(), State::SynSent, "{action}");
            assert_eq!((gate.emitted, gate.records.len()), (0, 1), "{action}");
            assert_eq!(gate.records[0].subtype, Subtype::Drop, "{action}");
        }
    }
}
