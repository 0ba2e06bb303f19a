//! Allowed and answered traffic whose application could not be named.

use crate::{
    case::{App, Case},
    diagnosis::{Alternative, Diagnosis},
    facts::Field,
};

const EVIDENCE: &[Field] = &[
    Field::App,
    Field::Protocol,
    Field::DestinationPort,
    Field::PacketsSent,
    Field::PacketsReceived,
    Field::BytesSent,
    Field::BytesReceived,
    Field::EndReason,
];

const DEFINE: &str = "set application NAME category business-systems subcategory general-business \
                      technology client-server risk 1";
const PORT: &str = "set application NAME default port $proto/$dport";
const OVERRIDE: &str = "set rulebase application-override rules NAME from $from to $to source any \
                        destination $dst protocol $proto port $dport application NAME";
const SHOW: &str = "show session all filter application $app destination $dst destination-port $dport";

pub static INSUFFICIENT_TCP: Diagnosis = Diagnosis {
    name: "too-little-data",
    cause: "The connection was opened and too little data passed to tell the application.",
    evidence: EVIDENCE,
    next_step: "See what the client does: a probe of a banner, or a protocol that was cut off early.",
    commands: &["show log traffic query equal \"( addr.src in $src ) and ( port.dst eq $dport )\"", SHOW],
    alternatives: &[
        Alternative {
            cause: "A monitoring probe that reads the greeting and closes.",
            told_by: "The same source comes at a steady pace.",
        },
        Alternative {
            cause: "The transfer was cut.",
            told_by: "The same pair of hosts has longer sessions at other times.",
        },
    ],
    test: |case| case.is_allowed_end() && case.is_tcp() && case.app == App::InsufficientData,
};

pub static INSUFFICIENT_OTHER: Diagnosis = Diagnosis {
    name: "too-few-datagrams",
    cause: "Too few datagrams passed to tell the application.",
    evidence: EVIDENCE,
    next_step: "See which service uses this port; a custom application names it if it is yours.",
    commands: &[SHOW, DEFINE, PORT, OVERRIDE],
    alternatives: &[Alternative {
        cause: "A single question and answer of a protocol that needs more to be recognised.",
        told_by: "Longer sessions to the same port carry an application's name.",
    }],
    test: |case| case.is_allowed_end() && case.app == App::InsufficientData,
};

pub static UNKNOWN_TCP: Diagnosis = Diagnosis {
    name: "unknown-tcp",
    cause: "Data passed over TCP and matched no known application.",
    evidence: EVIDENCE,
    next_step: "Find out what runs on this port. If it is yours, define it as an application; if not, block \
                unknown-tcp in a rule of its own.",
    commands: &[DEFINE, PORT, OVERRIDE, SHOW],
    alternatives: &[
        Alternative {
            cause: "A known application whose beginning was not seen.",
            told_by: "The handshake is missing, or the session began before the device did.",
        },
        Alternative {
            cause: "An encrypted protocol of its own, wanted or not.",
            told_by: "A capture shows no readable words from the first packet on.",
        },
    ],
    test: |case| case.is_allowed_end() && case.app == App::UnknownTcp,
};

pub static UNKNOWN_UDP: Diagnosis = Diagnosis {
    name: "unknown-udp",
    cause: "Datagrams passed and matched no known application.",
    evidence: EVIDENCE,
    next_step: "Find out what runs on this port. If it is yours, define it as an application; if not, block \
                unknown-udp in a rule of its own.",
    commands: &[DEFINE, PORT, OVERRIDE, SHOW],
    alternatives: &[Alternative {
        cause: "Voice or video in the middle of a call whose signalling was not seen.",
        told_by: "Packets of one size at a steady pace in both directions.",
    }],
    test: |case| case.is_allowed_end() && case.app == App::UnknownUdp,
};

pub static UNKNOWN_P2P: Diagnosis = Diagnosis {
    name: "unknown-p2p",
    cause: "The traffic looks like peer-to-peer and matched no known application.",
    evidence: EVIDENCE,
    next_step: "See which program at the client opens these sessions; block unknown-p2p if it is not wanted.",
    commands: &[
        "show session all filter source $src application unknown-p2p",
        "set rulebase security rules NAME from $from to $to source any destination any application \
         unknown-p2p service any action deny",
    ],
    alternatives: &[Alternative {
        cause: "A game, or a program that updates itself from its neighbors.",
        told_by: "The program that owns the port at the client.",
    }],
    test: |case: &Case<'_>| case.is_allowed_end() && case.app == App::UnknownP2p,
};

#[cfg(test)]
mod tests {
    use crate::{
        facts::Facts,
        samples::{self, name_of},
    };

    #[test]
    fn by_word() {
        let (web, dns) = (samples::web(), samples::dns());
        assert_eq!(name_of(&Facts { app: "insufficient-data", ..web }), "too-little-data");
        assert_eq!(name_of(&Facts { app: "insufficient-data", ..dns }), "too-few-datagrams");
        assert_eq!(name_of(&Facts { app: "unknown-tcp", ..web }), "unknown-tcp");
        assert_eq!(name_of(&Facts { app: "unknown-udp", ..dns }), "unknown-udp");
        assert_eq!(name_of(&Facts { app: "unknown-p2p", ..dns }), "unknown-p2p");
    }

    /// What cut a session says more than that nobody knows its application.
    #[test]
    fn a_cut_comes_first() {
        let cut = Facts {
            app: "unknown-tcp",
            session_end_reason: "tcp-rst-from-server",
            elapsed: Some(0),
            pkts_received: Some(3),
            packets: Some(11),
            ..samples::web()
        };
        assert_eq!(name_of(&cut), "server-reset-early");
    }
}
