//! Records for tests, in the shape that devices write.

use crate::{Timeouts, explain, facts::Facts};

/// The name of the diagnosis; empty without one.
pub fn name_of(facts: &Facts<'_>) -> &'static str {
    explain(facts, &Timeouts::default()).diagnosis().map_or("", |diagnosis| diagnosis.name)
}

/// A web session that went well.
pub fn web() -> Facts<'static> {
    Facts {
        kind: "TRAFFIC",
        subtype: "end",
        time_generated: "2026/11/22 12:00:30",
        start: "2026/11/22 12:00:00",
        src: "10.1.2.3",
        dst: "192.0.2.80",
        rule: "outbound",
        app: "web-browsing",
        from: "trust",
        to: "untrust",
        flags: "0x0",
        proto: "tcp",
        action: "allow",
        session_end_reason: "tcp-fin",
        sessionid: Some(4711),
        sport: Some(50_000),
        dport: Some(80),
        elapsed: Some(15),
        bytes: Some(6_000),
        bytes_sent: Some(1_000),
        bytes_received: Some(5_000),
        packets: Some(16),
        pkts_sent: Some(8),
        pkts_received: Some(8),
        ..Facts::default()
    }
}

/// A name looked up.
pub fn dns() -> Facts<'static> {
    Facts {
        app: "dns-base",
        proto: "udp",
        session_end_reason: "aged-out",
        dport: Some(53),
        elapsed: Some(0),
        bytes: Some(240),
        bytes_sent: Some(80),
        bytes_received: Some(160),
        packets: Some(2),
        pkts_sent: Some(1),
        pkts_received: Some(1),
        ..web()
    }
}

/// Four SYNs without an answer.
pub fn unanswered_syn() -> Facts<'static> {
    Facts {
        app: "incomplete",
        session_end_reason: "aged-out",
        elapsed: Some(7),
        bytes: Some(296),
        bytes_sent: Some(296),
        bytes_received: Some(0),
        packets: Some(4),
        pkts_sent: Some(4),
        pkts_received: Some(0),
        ..web()
    }
}

/// A probe that no rule lets in.
pub fn blocked_probe() -> Facts<'static> {
    Facts {
        subtype: "drop",
        rule: "interzone-default",
        app: "not-applicable",
        action: "deny",
        session_end_reason: "policy-deny",
        dport: Some(445),
        elapsed: Some(0),
        bytes: Some(70),
        bytes_sent: Some(70),
        bytes_received: Some(0),
        packets: Some(1),
        pkts_sent: Some(1),
        pkts_received: Some(0),
        ..web()
    }
}
