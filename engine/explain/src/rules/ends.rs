//! Allowed sessions by how they ended.

use bifrons_model::{Action, EndReason};

use crate::{
    case::{App, Case, Moment},
    diagnosis::{Alternative, Diagnosis},
    facts::Field,
    payload::Payload,
};

const EVIDENCE: &[Field] = &[
    Field::EndReason,
    Field::App,
    Field::Elapsed,
    Field::PacketsSent,
    Field::PacketsReceived,
    Field::BytesSent,
    Field::BytesReceived,
    Field::Tracker,
];

const SESSION: &str =
    "show session all filter source $src destination $dst destination-port $dport protocol 6";
const CAPTURE: &str = "debug dataplane packet-diag set filter match source $src destination $dst";
const LOG: &str = "show log traffic query equal \"( addr.src in $src ) and ( addr.dst in $dst ) and \
                   ( port.dst eq $dport )\"";

/// A reset in the first second, before more than a greeting or a hello has passed.
fn is_early(case: &Case<'_>) -> bool {
    case.lasted_at_most(1) && Case::within(case.facts.pkts_received, 1, 6)
}

fn is_answered_tcp(case: &Case<'_>) -> bool {
    case.is_allowed_end() && case.is_tcp() && case.app != App::Incomplete && case.is_answered()
}

pub static CONTRADICTION: Diagnosis = Diagnosis {
    name: "contradictory-record",
    cause: "The record contradicts itself: its subtype says that the traffic was blocked, its action that it \
            was allowed.",
    evidence: &[Field::Subtype, Field::Action, Field::App, Field::EndReason],
    next_step: "Conclude nothing from it; look whether something between the device and this file rewrites \
                records.",
    commands: &[],
    alternatives: &[],
    test: |case| {
        let is_blocked = matches!(case.moment, Moment::Drop | Moment::Deny);
        case.is_traffic() && is_blocked && case.action == Some(Action::Allow)
    },
};

pub static BEGUN: Diagnosis = Diagnosis {
    name: "start-record",
    cause: "The record was written when the session began; how it ended stands in another record.",
    evidence: &[Field::Subtype, Field::EndReason, Field::SessionId, Field::App],
    next_step: "Look for the end record of the same session number, or for the session itself if it still \
                lives.",
    commands: &["show session id $sessionid", "show log traffic query equal \"( sessionid eq $sessionid )\""],
    alternatives: &[],
    test: |case| case.is_traffic() && case.moment == Moment::Start && !case.is_cut_by_action(),
};

pub static OUT_OF_ORDER: Diagnosis = Diagnosis {
    name: "out-of-order-limit",
    cause: "The device ended the TCP session for want of a resource; the usual one is its limit of segments \
            that wait for one that is missing.",
    evidence: EVIDENCE,
    next_step: "Look at the counters of out-of-order segments, and for loss or several paths before this \
                device.",
    commands: &[
        "show counter global filter delta yes | match tcp_exceed_flow_seg_limit\\|tcp_out_of_sync",
        "show running resource-monitor minute",
        "set deviceconfig setting tcp bypass-exceed-oo-queue yes",
    ],
    alternatives: &[
        Alternative {
            cause: "The content processors ran out of memory.",
            told_by: "`show running resource-monitor` shows full packet buffers at that minute.",
        },
        Alternative {
            cause: "The session table was full.",
            told_by: "`show session info` names as many active sessions as it supports.",
        },
    ],
    test: |case| case.is_traffic() && case.is_tcp() && case.ended(EndReason::ResourcesUnavailable),
};

pub static RESOURCES: Diagnosis = Diagnosis {
    name: "resources-exhausted",
    cause: "The device ended the session for want of a resource.",
    evidence: EVIDENCE,
    next_step: "See which resource was exhausted at that minute.",
    commands: &["show session info", "show running resource-monitor minute", "show session meter"],
    alternatives: &[],
    test: |case| case.is_traffic() && case.ended(EndReason::ResourcesUnavailable),
};

pub static ONE_DIRECTION: Diagnosis = Diagnosis {
    name: "only-client-heard",
    cause: "The client sent data and nothing of the server was seen here: the answers take another path, or \
            there are none.",
    evidence: EVIDENCE,
    next_step: "Find the path of the answers and make both directions pass this device. Where that cannot \
                be, `tcp-reject-non-syn no` lets a session begin without its SYN (stray and forged segments \
                then open sessions too), and `asymmetric-path bypass` lets segments outside the tracked \
                window pass (the checks of sequence numbers are then off).",
    commands: &[
        "test routing fib-lookup virtual-router default ip $src",
        CAPTURE,
        "set deviceconfig setting session tcp-reject-non-syn no",
        "set deviceconfig setting tcp asymmetric-path bypass",
    ],
    alternatives: &[Alternative {
        cause: "The session is older than this device's knowledge of it and the server is gone.",
        told_by: "The record's handshake is missing or `midstream`, and later attempts are unanswered too.",
    }],
    test: |case| case.is_allowed_end() && case.is_tcp() && case.is_unanswered(),
};

pub static SERVER_RESET_EARLY: Diagnosis = Diagnosis {
    name: "server-reset-early",
    cause: "The server reset the connection within a second of its opening: it took the connection and then \
            refused what the client said.",
    evidence: EVIDENCE,
    next_step: "Look at the server's log for that second: a protocol or a name that it does not serve, a \
                client that it does not trust.",
    commands: &[LOG, CAPTURE],
    alternatives: &[
        Alternative {
            cause: "A device between here and the server reset it.",
            told_by: "The reset's TTL in a capture differs from that of the server's other packets.",
        },
        Alternative {
            cause: "A load balancer without a living server behind it.",
            told_by: "All clients of this address are reset at that time.",
        },
    ],
    test: |case| is_answered_tcp(case) && case.ended(EndReason::TcpRstFromServer) && is_early(case),
};

pub static CLIENT_RESET_EARLY: Diagnosis = Diagnosis {
    name: "client-reset-early",
    cause: "The client reset the connection within a second of its opening: it did not want what the server \
            said.",
    evidence: EVIDENCE,
    next_step: "Look at the client: a certificate that it does not trust, a version that it does not speak, \
                or a program that opens connections and drops them.",
    commands: &["openssl s_client -connect $dst:$dport   (for TLS, from the client)", LOG, CAPTURE],
    alternatives: &[
        Alternative {
            cause: "A client that tries two connections and keeps the faster one.",
            told_by: "A second session of the same client to the same service in that second went well.",
        },
        Alternative {
            cause: "A short answer was complete, and the client closes by reset.",
            told_by: "The client's log shows success.",
        },
    ],
    test: |case| is_answered_tcp(case) && case.ended(EndReason::TcpRstFromClient) && is_early(case),
};

pub static IDLE_TIMEOUT: Diagnosis = Diagnosis {
    name: "idle-timeout",
    cause: "The session stood idle for exactly the device's TCP timeout and was removed; what either side \
            sends afterwards is dropped as it belongs to no session.",
    evidence: &[
        Field::EndReason,
        Field::App,
        Field::Start,
        Field::Elapsed,
        Field::TimeGenerated,
        Field::Tracker,
    ],
    next_step: "Let the application send keepalives within the timeout, or raise the timeout where it \
                belongs: for the service, for the application, or for all TCP sessions.",
    commands: &[
        "set service NAME protocol tcp port $dport override yes timeout 7200",
        "set shared override application $app tcp-timeout 7200",
        "set deviceconfig setting session timeout-tcp 7200",
    ],
    alternatives: &[Alternative {
        cause: "One side vanished without a word and nobody noticed.",
        told_by: "Neither side tries to use the connection afterwards.",
    }],
    test: |case| {
        is_answered_tcp(case)
            && case.ended(EndReason::AgedOut)
            && case.app != App::InsufficientData
            && case.met_tcp_timeout()
    },
};

pub static SERVER_SILENT: Diagnosis = Diagnosis {
    name: "server-sent-no-data",
    cause: "The client sent data and the server's packets were bare acknowledgements: it took the \
            connection and said nothing of its own.",
    evidence: EVIDENCE,
    next_step: "See at the server whether the request arrived whole and what the service waits for.",
    commands: &[
        CAPTURE,
        "ping size 1472 do-not-fragment yes host $dst",
        "set network interface ethernet INTERFACE layer3 adjust-tcp-mss enable yes",
    ],
    alternatives: &[
        Alternative {
            cause: "The service hangs.",
            told_by: "It takes connections of other clients and does not answer them either.",
        },
        Alternative {
            cause: "Full-sized segments are lost on the way to the server.",
            told_by: "The capture shows the same segment sent again and again; a large ping fails.",
        },
        Alternative {
            cause: "A protocol in which the server has nothing to say, such as log shipping.",
            told_by: "The application is of that kind.",
        },
    ],
    test: |case| {
        is_answered_tcp(case)
            && case.server_payload == Payload::SurelyNot
            && case.client_payload == Payload::Surely
    },
};

pub static SERVER_RESET: Diagnosis = Diagnosis {
    name: "server-reset",
    cause: "The server ended the session with a reset after data had passed.",
    evidence: EVIDENCE,
    next_step: "Look at the server's log at that time: a service that was restarted or ran into a limit, an \
                idle timeout of its own, or a close by reset as some servers do.",
    commands: &[LOG, CAPTURE],
    alternatives: &[
        Alternative {
            cause: "The server closes idle connections by reset.",
            told_by: "`elapsed` is much the same in all such records of this service.",
        },
        Alternative {
            cause: "A load balancer moved the connection.",
            told_by: "Many sessions of the service end in the same second.",
        },
    ],
    test: |case| is_answered_tcp(case) && case.ended(EndReason::TcpRstFromServer),
};

pub static CLIENT_RESET: Diagnosis = Diagnosis {
    name: "client-reset",
    cause: "The client ended the session with a reset after data had passed, as browsers do when they no \
            longer need a connection.",
    evidence: EVIDENCE,
    next_step: "Nothing if the client is content; otherwise its own log says why it gave up.",
    commands: &[LOG],
    alternatives: &[Alternative {
        cause: "The client gave up waiting.",
        told_by: "`elapsed` is a round number of seconds in all such records of this client.",
    }],
    test: |case| is_answered_tcp(case) && case.ended(EndReason::TcpRstFromClient),
};

pub static PORT_REUSED: Diagnosis = Diagnosis {
    name: "ports-reused",
    cause: "A new connection took the same addresses and ports, so the device closed this session for it.",
    evidence: &[
        Field::EndReason,
        Field::SourcePort,
        Field::DestinationPort,
        Field::NatSource,
        Field::Elapsed,
    ],
    next_step: "See whether the client takes its ports from a small range or in quick order, or whether many \
                clients stand behind one translated address.",
    commands: &[LOG, "show running ippool", "show running global-ippool"],
    alternatives: &[Alternative {
        cause: "The client restarted and began again at the same port.",
        told_by: "Its other sessions ended at that time too.",
    }],
    test: |case| case.is_allowed_end() && case.ended(EndReason::TcpReuse),
};

pub static DECODER: Diagnosis = Diagnosis {
    name: "new-connection-inside",
    cause: "The decoder found a new connection inside the protocol, as behind an HTTP proxy, and closed \
            this record for it.",
    evidence: &[Field::EndReason, Field::App, Field::SessionId, Field::DestinationPort, Field::Category],
    next_step: "Nothing is wrong: the connection goes on in the next record of the same addresses and ports.",
    commands: &[LOG],
    alternatives: &[Alternative {
        cause: "The URL category was known late and the session's attributes changed.",
        told_by: "The next record names another category.",
    }],
    test: |case| case.is_allowed_end() && case.ended(EndReason::Decoder),
};

pub static AGED_OUT_OPEN: Diagnosis = Diagnosis {
    name: "never-closed",
    cause: "Both sides were heard and neither closed the connection where this device could see it; the \
            session's timer ran out.",
    evidence: &[
        Field::EndReason,
        Field::App,
        Field::Start,
        Field::Elapsed,
        Field::TimeGenerated,
        Field::PacketsSent,
        Field::PacketsReceived,
    ],
    next_step: "See whether the application lost its connection at that time; if not, a host went away or \
                was content.",
    commands: &[SESSION, "show application $app"],
    alternatives: &[
        Alternative {
            cause: "The close took another path.",
            told_by: "A capture at a host shows a FIN or a reset that was not seen here.",
        },
        Alternative {
            cause: "An idle timeout of the application or the service.",
            told_by: "The time between the last packet and the record is that timeout: `show application` \
                      names it.",
        },
    ],
    test: |case| is_answered_tcp(case) && case.ended(EndReason::AgedOut),
};

pub static ENDED_OTHERWISE: Diagnosis = Diagnosis {
    name: "ended-otherwise",
    cause: "The session ended for none of the named reasons: an administrator cleared it, or the device \
            ended it with a change of its own state.",
    evidence: &[Field::EndReason, Field::App, Field::Elapsed, Field::Tracker],
    next_step: "Look in the system and configuration logs of that time for a clear, a restart or a failover.",
    commands: &["show log system direction equal backward", "show log config direction equal backward"],
    alternatives: &[],
    test: |case| case.is_allowed_end() && case.ended(EndReason::Unknown),
};

pub static DELIVERED_ON_FOREIGN_PORT: Diagnosis = Diagnosis {
    name: "delivered-on-foreign-port",
    cause: "The traffic was delivered, on a port that is not the application's own.",
    evidence: &[Field::App, Field::DestinationPort, Field::Flags, Field::Rule],
    next_step: "Decide whether that is meant; the service application-default in the rule would stop it.",
    commands: &["show application $app", "set rulebase security rules $rule service application-default"],
    alternatives: &[],
    test: |case| case.is_allowed_end() && case.is_answered() && case.is_on_foreign_port(),
};

pub static CLOSED: Diagnosis = Diagnosis {
    name: "tcp-closed",
    cause: "Both sides were heard and the connection was closed in order.",
    evidence: &[Field::EndReason, Field::App, Field::BytesSent, Field::BytesReceived, Field::Elapsed],
    next_step: "Nothing to do.",
    commands: &[],
    alternatives: &[],
    test: |case| is_answered_tcp(case) && case.ended(EndReason::TcpFin),
};

pub static END_UNSAID: Diagnosis = Diagnosis {
    name: "answered",
    cause: "Both sides were heard; the record does not say how the session ended, as those of old releases \
            do not.",
    evidence: &[Field::App, Field::BytesSent, Field::BytesReceived, Field::Elapsed],
    next_step: "Nothing to do.",
    commands: &[],
    alternatives: &[],
    test: is_answered_tcp,
};

#[cfg(test)]
mod tests {
    use crate::{
        facts::Facts,
        samples::{self, name_of},
    };

    fn ended(session_end_reason: &'static str) -> Facts<'static> {
        Facts { session_end_reason, ..samples::web() }
    }

    #[test]
    fn in_order() {
        assert_eq!(name_of(&ended("tcp-fin")), "tcp-closed");
        assert_eq!(name_of(&Facts { flags: "0x100000", ..ended("tcp-fin") }), "delivered-on-foreign-port");
        assert_eq!(name_of(&ended("decoder")), "new-connection-inside");
        assert_eq!(name_of(&ended("tcp-reuse")), "ports-reused");
        assert_eq!(name_of(&ended("unknown")), "ended-otherwise");
        assert_eq!(name_of(&ended("")), "answered");
    }

    #[test]
    fn resets_by_side_and_time() {
        let early =
            |reason| Facts { elapsed: Some(0), pkts_received: Some(3), packets: Some(11), ..ended(reason) };
        assert_eq!(name_of(&early("tcp-rst-from-server")), "server-reset-early");
        assert_eq!(name_of(&early("tcp-rst-from-client")), "client-reset-early");
        assert_eq!(name_of(&ended("tcp-rst-from-server")), "server-reset");
        assert_eq!(name_of(&ended("tcp-rst-from-client")), "client-reset");
    }

    #[test]
    fn timers() {
        let aged = ended("aged-out");
        assert_eq!(name_of(&aged), "never-closed");
        assert_eq!(name_of(&Facts { time_generated: "2026/11/22 13:00:18", ..aged }), "idle-timeout");
        assert_eq!(name_of(&Facts { time_generated: "2026/11/22 12:50:00", ..aged }), "never-closed");
        let whole = Facts { time_generated: "2026/11/22 13:00:01", elapsed: Some(3600), ..aged };
        assert_eq!(name_of(&whole), "idle-timeout");
    }

    #[test]
    fn one_side_only() {
        let unanswered = Facts {
            bytes: Some(1_000),
            packets: Some(8),
            pkts_received: Some(0),
            bytes_received: Some(0),
            ..ended("tcp-fin")
        };
        assert_eq!(name_of(&unanswered), "only-client-heard");
        let silent = Facts {
            bytes: Some(4_000),
            bytes_sent: Some(3_784),
            bytes_received: Some(216),
            pkts_received: Some(4),
            packets: Some(12),
            ..ended("tcp-fin")
        };
        assert_eq!(name_of(&silent), "server-sent-no-data");
    }

    #[test]
    fn resources() {
        assert_eq!(name_of(&ended("resources-unavailable")), "out-of-order-limit");
        assert_eq!(name_of(&Facts { proto: "udp", ..ended("resources-unavailable") }), "resources-exhausted");
    }

    #[test]
    fn no_end() {
        assert_eq!(name_of(&Facts { subtype: "start", ..ended("n/a") }), "start-record");
        assert_eq!(name_of(&Facts { subtype: "drop", ..ended("tcp-fin") }), "contradictory-record");
    }
}
