//! UDP, ICMP and other traffic without a handshake.

use crate::{
    case::{App, Case, Transport},
    diagnosis::{Alternative, Diagnosis},
    facts::Field,
};

const EVIDENCE: &[Field] = &[
    Field::App,
    Field::Protocol,
    Field::DestinationPort,
    Field::PacketsSent,
    Field::PacketsReceived,
    Field::Elapsed,
    Field::EndReason,
];

fn is_unanswered(case: &Case<'_>) -> bool {
    case.is_allowed_end() && !case.is_tcp() && case.is_unanswered()
}

pub static ONE_WAY: Diagnosis = Diagnosis {
    name: "one-way-by-nature",
    cause: "The traffic is of a kind that nobody answers, so the record cannot show whether it arrived.",
    evidence: &[Field::App, Field::Destination, Field::PacketsSent, Field::PacketsReceived],
    next_step: "See at the receiver whether it gets the data.",
    commands: &["tcpdump -n host $src and port $dport   (at the receiver)"],
    alternatives: &[],
    test: |case| is_unanswered(case) && case.is_one_way(),
};

pub static NAME_UNANSWERED: Diagnosis = Diagnosis {
    name: "name-server-silent",
    cause: "The name server did not answer the query.",
    evidence: EVIDENCE,
    next_step: "Ask the server directly, from here and from the client, and see whether it answers others.",
    commands: &[
        "dig @$dst example.com   (from the client)",
        "ping host $dst",
        "show session all filter destination $dst destination-port $dport protocol 17",
    ],
    alternatives: &[
        Alternative {
            cause: "The server does not answer for this client.",
            told_by: "It answers other clients in the same minutes.",
        },
        Alternative {
            cause: "The answer came after the session had aged out.",
            told_by: "A record of a dropped packet from the server to the client's port follows.",
        },
    ],
    test: |case| {
        is_unanswered(case)
            && case.is_udp()
            && (case.facts.dport == Some(53) || matches!(case.facts.app, "dns" | "dns-base"))
    },
};

pub static ECHO_UNANSWERED: Diagnosis = Diagnosis {
    name: "echo-unanswered",
    cause: "The ICMP request was let through and not answered.",
    evidence: EVIDENCE,
    next_step: "Check the route to the host and back, and whether it answers requests from its own network.",
    commands: &[
        "ping host $dst",
        "traceroute host $dst",
        "test routing fib-lookup virtual-router default ip $dst",
    ],
    alternatives: &[
        Alternative { cause: "The host is down.", told_by: "Nothing else reaches it either." },
        Alternative { cause: "The host is set not to answer ICMP.", told_by: "Its TCP services answer." },
    ],
    test: |case| is_unanswered(case) && case.transport == Transport::Icmp,
};

pub static UNANSWERED: Diagnosis = Diagnosis {
    name: "datagrams-unanswered",
    cause: "What the client sent was let through and nothing came back.",
    evidence: EVIDENCE,
    next_step: "Check that the service runs at the server and that its answers come this way.",
    commands: &[
        "ping host $dst",
        "test routing fib-lookup virtual-router default ip $dst",
        "tcpdump -n host $src and port $dport   (at the server)",
    ],
    alternatives: &[
        Alternative {
            cause: "A protocol in which the receiver has nothing to say.",
            told_by: "The data arrives at the server.",
        },
        Alternative {
            cause: "The answers take another path.",
            told_by: "A capture at the server shows them leave.",
        },
        Alternative {
            cause: "The port is closed and the server's ICMP message does not come back.",
            told_by: "A capture at the server shows an ICMP port unreachable leave.",
        },
    ],
    test: is_unanswered,
};

pub static ANSWERED: Diagnosis = Diagnosis {
    name: "datagrams-answered",
    cause: "Both sides were heard and the session aged out, which is how traffic without a handshake ends.",
    evidence: &[Field::App, Field::Protocol, Field::PacketsSent, Field::PacketsReceived, Field::EndReason],
    next_step: "Nothing to do.",
    commands: &[],
    alternatives: &[],
    test: |case| {
        case.is_allowed_end()
            && !matches!(case.transport, Transport::Tcp | Transport::Unsaid)
            && case.app == App::Identified
            && case.is_answered()
    },
};

#[cfg(test)]
mod tests {
    use crate::{
        facts::Facts,
        samples::{self, name_of},
    };

    #[test]
    fn without_an_answer() {
        let dns = samples::dns();
        assert_eq!(name_of(&dns), "datagrams-answered");
        let lost = Facts {
            bytes: Some(80),
            packets: Some(1),
            pkts_received: Some(0),
            bytes_received: Some(0),
            ..dns
        };
        assert_eq!(name_of(&lost), "name-server-silent");
        assert_eq!(name_of(&Facts { app: "ntp", dport: Some(123), ..lost }), "datagrams-unanswered");
        assert_eq!(name_of(&Facts { app: "syslog", dport: Some(514), ..lost }), "one-way-by-nature");
        assert_eq!(name_of(&Facts { app: "ping", proto: "icmp", ..lost }), "echo-unanswered");
    }
}
