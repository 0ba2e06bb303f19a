//! TCP sessions that policy allowed and that never got as far as an application.

use bifrons_model::{EndReason, HandshakeOutcome};

use crate::{
    case::Case,
    diagnosis::{Alternative, Diagnosis},
    facts::Field,
};

const EVIDENCE: &[Field] = &[
    Field::App,
    Field::EndReason,
    Field::PacketsSent,
    Field::PacketsReceived,
    Field::Elapsed,
    Field::Handshake,
    Field::HandshakeOutcome,
];

const SESSION: &str =
    "show session all filter source $src destination $dst destination-port $dport protocol 6";
const CAPTURE: &str = "debug dataplane packet-diag set filter match source $src destination $dst";
const DROPS: &str = "show counter global filter packet-filter yes delta yes severity drop";
const CLEAR: &str =
    "clear session all filter source $src destination $dst destination-port $dport protocol 6";

pub static STALE_SESSION: Diagnosis = Diagnosis {
    name: "stale-session-at-server",
    cause: "The server answered the SYN with an ACK of an older connection and the client reset it: the \
            server still holds a session on these addresses and ports that the client has forgotten.",
    evidence: EVIDENCE,
    next_step: "Clear the old session at the server and here; the client's next attempt then gets a SYN-ACK.",
    commands: &[CLEAR, "ss -K src $dst sport = $dport dst $src dport = $sport   (at a Linux server)"],
    alternatives: &[Alternative {
        cause: "Another host answers with the server's address.",
        told_by: "The answer's MAC address in a capture is not the server's.",
    }],
    test: |case| case.is_allowed_end() && case.handshake == HandshakeOutcome::ChallengeAck,
};

pub static REFUSED: Diagnosis = Diagnosis {
    name: "connection-refused",
    cause: "The server's side answered the SYN with a reset: nothing there accepts connections on this port.",
    evidence: EVIDENCE,
    next_step: "Check at the server that the service runs and listens on this address and port.",
    commands: &["ss -ltn sport = $dport   (at the server)", SESSION],
    alternatives: &[
        Alternative {
            cause: "A device between here and the server sent the reset.",
            told_by: "The reset's TTL in a capture differs from that of the server's other packets.",
        },
        Alternative {
            cause: "The server's queue of new connections is full and it is set to answer with resets.",
            told_by: "Other connections to the same port succeed in the same minutes.",
        },
    ],
    test: |case| {
        let by_counters = case.is_incomplete()
            && case.handshake == HandshakeOutcome::None
            && case.ended(EndReason::TcpRstFromServer)
            && Case::within(case.facts.pkts_received, 0, 2);
        case.is_allowed_end() && (case.handshake == HandshakeOutcome::Refused || by_counters)
    },
};

pub static ASYMMETRIC: Diagnosis = Diagnosis {
    name: "asymmetric-handshake",
    cause: "The client went on although no answer of the server was seen here: the answers take another \
            path.",
    evidence: EVIDENCE,
    next_step: "Make both directions pass this device. Where that cannot be, `tcp-reject-non-syn no` lets a \
                session begin without its SYN (stray and forged segments then open sessions too), and \
                `asymmetric-path bypass` lets segments outside the tracked window pass (the checks of \
                sequence numbers are then off).",
    commands: &[
        "test routing fib-lookup virtual-router default ip $src",
        "show counter global filter delta yes | match tcp_drop_out_of_wnd\\|flow_tcp_non_syn",
        "set deviceconfig setting session tcp-reject-non-syn no",
        "set deviceconfig setting tcp asymmetric-path bypass",
    ],
    alternatives: &[Alternative {
        cause: "The answers arrive on an interface of another zone and are dropped there.",
        told_by: "A capture at the drop stage shows the SYN-ACK.",
    }],
    test: |case| {
        let by_counters = case.is_incomplete()
            && case.handshake == HandshakeOutcome::None
            && case.is_unanswered()
            && case.ended(EndReason::TcpFin);
        case.is_allowed_end() && (case.handshake == HandshakeOutcome::Asymmetric || by_counters)
    },
};

pub static ABANDONED: Diagnosis = Diagnosis {
    name: "attempt-taken-back",
    cause: "The client took its attempt back with a reset before any answer of the server was seen.",
    evidence: EVIDENCE,
    next_step: "Look for a client that tries several addresses at once and drops the slower ones, then for \
                a server that answers late.",
    commands: &[SESSION, "ping host $dst"],
    alternatives: &[
        Alternative {
            cause: "The server's answer took another path and the client closed that connection.",
            told_by: "A capture at the client shows a SYN-ACK.",
        },
        Alternative {
            cause: "A scanner that reads the answer elsewhere.",
            told_by: "The same source does this to many ports or hosts within a minute.",
        },
    ],
    test: |case| {
        let by_counters = case.is_incomplete()
            && case.handshake == HandshakeOutcome::None
            && case.is_unanswered()
            && case.ended(EndReason::TcpRstFromClient);
        case.is_allowed_end() && (case.handshake == HandshakeOutcome::Abandoned || by_counters)
    },
};

pub static RESET_AFTER_ANSWER: Diagnosis = Diagnosis {
    name: "reset-after-first-answer",
    cause: "The client reset the connection on the server's first answer; the record does not show what kind \
            of answer that was.",
    evidence: EVIDENCE,
    next_step: "Capture one attempt. If the answer is an ACK without SYN, the server holds a stale session: \
                clear it on both sides.",
    commands: &[CAPTURE, CLEAR],
    alternatives: &[
        Alternative {
            cause: "A stale session at the server (SYN, ACK, RST).",
            told_by: "The capture shows an ACK without SYN, with a number that does not fit the SYN.",
        },
        Alternative {
            cause: "A SYN scan or a health check that stops after the SYN-ACK.",
            told_by: "The source does it at a steady pace, or to many ports and hosts.",
        },
        Alternative {
            cause: "The client's answer to a SYN-ACK that it did not ask for, as behind a wrong translation.",
            told_by: "The SYN-ACK's addresses in a capture at the client are not those it connects to.",
        },
    ],
    test: |case| {
        case.is_incomplete()
            && matches!(case.handshake, HandshakeOutcome::None | HandshakeOutcome::HalfOpen)
            && case.is_answered()
            && case.ended(EndReason::TcpRstFromClient)
            && Case::within(case.facts.pkts_received, 1, 2)
    },
};

pub static TRANSLATED_UNANSWERED: Diagnosis = Diagnosis {
    name: "translated-syn-unanswered",
    cause: "The SYN left with a translated address and nothing came back.",
    evidence: &[
        Field::App,
        Field::EndReason,
        Field::NatSource,
        Field::NatDestination,
        Field::NatRule,
        Field::Flags,
        Field::PacketsSent,
        Field::PacketsReceived,
    ],
    next_step: "Check that the translated address is routed back to this device, or that it answers ARP for \
                it, and that the destination is the server's own address.",
    commands: &[
        "test nat-policy-match from $from to $to source $src destination $dst destination-port $dport \
         protocol 6",
        "show arp all | match $natdst",
        "ping source $natsrc host $dst",
    ],
    alternatives: &[Alternative {
        cause: "The server does not answer, translation or not.",
        told_by: "A capture at the transmit stage shows the translated SYN leave with the right addresses.",
    }],
    test: |case| UNANSWERED.applies(case) && case.is_translated(),
};

pub static LONE_SYN: Diagnosis = Diagnosis {
    name: "single-syn-unanswered",
    cause: "One SYN went out, was not answered and not repeated; a client that wants to connect repeats it \
            after about a second.",
    evidence: EVIDENCE,
    next_step: "See what else the source does in these minutes: many destinations mean a scan, one means a \
                probe or a client that gives up at once.",
    commands: &["show log traffic query equal \"( addr.src in $src ) and ( app eq incomplete )\"", SESSION],
    alternatives: &[
        Alternative {
            cause: "A scan.",
            told_by: "The source tries many ports or hosts; the summary over all records lists such sources.",
        },
        Alternative {
            cause: "The client was told by an ICMP message that the server cannot be reached.",
            told_by: "A record of ICMP from the server's side to this client stands beside it.",
        },
    ],
    test: |case| UNANSWERED.applies(case) && case.facts.pkts_sent == Some(1),
};

pub static UNANSWERED: Diagnosis = Diagnosis {
    name: "server-never-answered",
    cause: "The SYN was let through and the server never answered it.",
    evidence: EVIDENCE,
    next_step: "Check the route to the server and whether it gets the SYN: first from here, then at the \
                server itself.",
    commands: &[
        "test routing fib-lookup virtual-router default ip $dst",
        "show arp all | match $dst",
        "ping host $dst",
        "tcpdump -n host $src and port $dport   (at the server)",
    ],
    alternatives: &[
        Alternative {
            cause: "The server is down or a filter before it drops the SYN.",
            told_by: "The SYN is not seen at the server, or no other client gets an answer.",
        },
        Alternative {
            cause: "The server answers and the answer takes another path.",
            told_by: "A capture at the server shows the SYN-ACK leave.",
        },
        Alternative {
            cause: "The server's own firewall drops the SYN.",
            told_by: "The SYN is seen at the server and no answer leaves it.",
        },
    ],
    test: |case| {
        let by_counters =
            case.is_incomplete() && case.handshake == HandshakeOutcome::None && case.is_unanswered();
        case.is_allowed_end() && (case.handshake == HandshakeOutcome::NoAnswer || by_counters)
    },
};

pub static HALF_OPEN: Diagnosis = Diagnosis {
    name: "half-open",
    cause: "The server answered the SYN and the client never acknowledged: the connection stayed half open.",
    evidence: EVIDENCE,
    next_step: "Check that the server's answer reaches the client: its route, its translation, and what \
                lies between.",
    commands: &["test routing fib-lookup virtual-router default ip $src", CAPTURE, DROPS],
    alternatives: &[
        Alternative {
            cause: "A SYN scan that never completes what it opens.",
            told_by: "The source does the same to many ports or hosts.",
        },
        Alternative {
            cause: "A SYN flood with forged sources.",
            told_by: "Many sources, each once, to one server within a minute.",
        },
    ],
    test: |case| {
        let by_counters = case.is_incomplete()
            && case.handshake == HandshakeOutcome::None
            && case.ended(EndReason::AgedOut)
            && case.is_answered()
            && case.facts.pkts_sent == Some(1);
        case.is_allowed_end() && (case.handshake == HandshakeOutcome::HalfOpen || by_counters)
    },
};

pub static MIDSTREAM: Diagnosis = Diagnosis {
    name: "picked-up-midstream",
    cause: "The session was picked up without its SYN: it began before this device saw it, or its SYN took \
            another path.",
    evidence: EVIDENCE,
    next_step: "See whether the device was restarted, failed over or was rerouted at the session's start; \
                if not, look for the path that the SYN took.",
    commands: &[
        "show system info | match uptime",
        "show high-availability state",
        "test routing fib-lookup virtual-router default ip $dst",
    ],
    alternatives: &[Alternative {
        cause: "Asymmetric routing: one direction passes elsewhere.",
        told_by: "New connections between the two hosts also lack their SYN or their answers.",
    }],
    test: |case| case.is_incomplete() && case.handshake == HandshakeOutcome::Midstream,
};

pub static OPENED_WITHOUT_DATA: Diagnosis = Diagnosis {
    name: "opened-without-data",
    cause: "The connection was opened and no data followed from which an application could be known.",
    evidence: EVIDENCE,
    next_step: "See whether the client is a health check or a port probe, for which this is all there is; \
                if not, look at the client's log for what it waited for.",
    commands: &[SESSION, "show log traffic query equal \"( addr.src in $src ) and ( port.dst eq $dport )\""],
    alternatives: &[
        Alternative {
            cause: "A health check of a load balancer or of monitoring.",
            told_by: "The same source comes at a steady pace.",
        },
        Alternative {
            cause: "Full-sized segments are lost on the way: the handshake fits, the data does not.",
            told_by: "A capture shows the first data sent again and again.",
        },
        Alternative {
            cause: "Each side waits for the other to speak first, as when a TLS port is used without TLS.",
            told_by: "The client's protocol and the server's service on this port differ.",
        },
    ],
    test: |case| case.is_incomplete() && case.opened(),
};

pub static INCOMPLETE: Diagnosis = Diagnosis {
    name: "handshake-incomplete",
    cause: "The handshake did not complete, or no data followed it; the record does not show which.",
    evidence: EVIDENCE,
    next_step: "Capture one attempt to see which of the three segments is missing.",
    commands: &[CAPTURE, DROPS],
    alternatives: &[Alternative {
        cause: "The server does not answer, refuses, or answers by another path.",
        told_by: "The first missing segment in the capture.",
    }],
    test: |case| case.is_incomplete(),
};

#[cfg(test)]
mod tests {
    use crate::{
        facts::Facts,
        samples::{self, name_of},
    };

    fn incomplete(reason: &'static str, sent: u64, received: u64) -> Facts<'static> {
        Facts {
            session_end_reason: reason,
            pkts_sent: Some(sent),
            pkts_received: Some(received),
            bytes_received: Some(received * 60),
            ..samples::unanswered_syn()
        }
    }

    #[test]
    fn by_counters_as_devices_log_them() {
        assert_eq!(name_of(&incomplete("aged-out", 4, 0)), "server-never-answered");
        assert_eq!(name_of(&incomplete("aged-out", 1, 0)), "single-syn-unanswered");
        assert_eq!(name_of(&incomplete("tcp-rst-from-server", 1, 1)), "connection-refused");
        assert_eq!(name_of(&incomplete("tcp-rst-from-client", 2, 1)), "reset-after-first-answer");
        assert_eq!(name_of(&incomplete("tcp-rst-from-client", 2, 0)), "attempt-taken-back");
        assert_eq!(name_of(&incomplete("tcp-fin", 4, 0)), "asymmetric-handshake");
        assert_eq!(name_of(&incomplete("aged-out", 1, 3)), "half-open");
        assert_eq!(name_of(&incomplete("tcp-fin", 4, 3)), "opened-without-data");
        let uncounted = Facts {
            pkts_sent: None,
            pkts_received: None,
            bytes_received: None,
            ..incomplete("aged-out", 1, 1)
        };
        assert_eq!(name_of(&uncounted), "handshake-incomplete");
    }

    #[test]
    fn by_the_handshake_as_bifrons_logs_it() {
        for (outcome, expected) in [
            ("challenge-ack", "stale-session-at-server"),
            ("refused", "connection-refused"),
            ("asymmetric", "asymmetric-handshake"),
            ("abandoned", "attempt-taken-back"),
            ("no-answer", "server-never-answered"),
            ("half-open", "half-open"),
            ("midstream", "picked-up-midstream"),
            ("complete", "opened-without-data"),
        ] {
            let facts = Facts { handshake_outcome: outcome, ..incomplete("aged-out", 3, 2) };
            assert_eq!(name_of(&facts), expected, "{outcome}");
        }
    }

    #[test]
    fn translation_is_looked_at_first() {
        let facts = Facts { flags: "0x400000", natsrc: "198.51.100.1", ..samples::unanswered_syn() };
        assert_eq!(name_of(&facts), "translated-syn-unanswered");
    }

    #[test]
    fn a_session_with_an_application_had_its_handshake() {
        assert_eq!(name_of(&samples::web()), "tcp-closed");
    }
}
