//! What threat prevention and decryption ended, and threat records themselves.

use bifrons_model::{EndReason, Flags};

use crate::{
    case::{App, Case, Kind},
    diagnosis::{Alternative, Diagnosis},
    facts::Field,
    outcome::threat_blocks,
};

const FINDING: &[Field] =
    &[Field::Subtype, Field::Action, Field::Threat, Field::Misc, Field::Category, Field::Rule, Field::App];

const DECRYPTION: &[Field] = &[
    Field::EndReason,
    Field::App,
    Field::Flags,
    Field::Rule,
    Field::DestinationPort,
    Field::Category,
    Field::Elapsed,
];

const CERTIFICATES: &str = "openssl s_client -connect $dst:$dport -showcerts";
const DECRYPTION_LOG: &str = "show log decryption query equal \"( sessionid eq $sessionid )\"";
const TRAFFIC_LOG: &str = "show log traffic query equal \"( sessionid eq $sessionid )\"";

fn is_finding(case: &Case<'_>) -> bool {
    case.kind == Kind::Threat
}

fn is_blocked_finding(case: &Case<'_>) -> bool {
    is_finding(case) && threat_blocks(case.facts.action)
}

pub static SINKHOLED: Diagnosis = Diagnosis {
    name: "name-sinkholed",
    cause: "The client asked for a name on a list of malicious ones and was given the sinkhole's address.",
    evidence: FINDING,
    next_step: "Examine the client; if the query came from a resolver, find the client behind it by its \
                traffic to the sinkhole's address.",
    commands: &[
        "show log traffic query equal \"( addr.src in $src ) and ( action neq allow )\"",
        TRAFFIC_LOG,
    ],
    alternatives: &[Alternative {
        cause: "The name is listed wrongly.",
        told_by: "The threat's description and the name's owner; an exception lets it through.",
    }],
    test: |case| is_finding(case) && case.facts.action == "sinkhole",
};

pub static URL_BLOCKED: Diagnosis = Diagnosis {
    name: "url-blocked",
    cause: "The URL's category is blocked by the rule's profile.",
    evidence: FINDING,
    next_step: "If the site is wanted, allow its category, or the site itself in a custom category.",
    commands: &[
        "test url $dst",
        "set profiles custom-url-category NAME type \"URL List\" list HOST",
        TRAFFIC_LOG,
    ],
    alternatives: &[Alternative {
        cause: "The site is in the wrong category.",
        told_by: "`test url` with its host name; the vendor takes requests for changes.",
    }],
    test: |case| is_blocked_finding(case) && case.facts.subtype == "url",
};

pub static FINDING_BLOCKED: Diagnosis = Diagnosis {
    name: "threat-blocked",
    cause: "A threat was found in the session and its transfer was stopped.",
    evidence: FINDING,
    next_step: "Read what the threat is and whether the target is open to it; then examine the host that \
                sent it.",
    commands: &["show threat id THREAT_NUMBER", TRAFFIC_LOG],
    alternatives: &[Alternative {
        cause: "A false finding.",
        told_by: "The packet capture of the finding, if the profile takes one.",
    }],
    test: is_blocked_finding,
};

pub static FINDING_LOGGED: Diagnosis = Diagnosis {
    name: "finding-logged-only",
    cause: "Something was found in the session and the profile let it go on.",
    evidence: FINDING,
    next_step: "See in the traffic record of the same session what became of it.",
    commands: &[TRAFFIC_LOG, "show session id $sessionid"],
    alternatives: &[],
    test: is_finding,
};

pub static THREAT: Diagnosis = Diagnosis {
    name: "ended-by-threat-prevention",
    cause: "A threat was found and its action ended the session.",
    evidence: &[
        Field::EndReason,
        Field::Action,
        Field::Rule,
        Field::App,
        Field::BytesReceived,
        Field::Tracker,
    ],
    next_step: "Look for the finding in the threat log under the same session number.",
    commands: &[
        "show log threat query equal \"( sessionid eq $sessionid )\"",
        "show log url query equal \"( sessionid eq $sessionid )\"",
    ],
    alternatives: &[Alternative {
        cause: "The source was blocked for an earlier finding.",
        told_by: "`show dos-block-table all` lists the source.",
    }],
    test: |case| case.is_traffic() && case.ended(EndReason::Threat),
};

pub static CERTIFICATE: Diagnosis = Diagnosis {
    name: "certificate-refused",
    cause: "Decryption ended the session because of the server's certificate: expired, of an untrusted \
            issuer, of unknown status, or one side's alert said so.",
    evidence: DECRYPTION,
    next_step: "Look at the server's certificate and chain; then repair it, trust its issuer, or exempt the \
                server from decryption.",
    commands: &[
        CERTIFICATES,
        DECRYPTION_LOG,
        "show system setting ssl-decrypt exclude-cache",
        "set shared ssl-decrypt ssl-exclude-cert HOST exclude yes",
    ],
    alternatives: &[
        Alternative {
            cause: "The server does not send its intermediate certificate.",
            told_by: "`openssl s_client` shows a chain of one.",
        },
        Alternative {
            cause: "The server wants a certificate of the client.",
            told_by: "`openssl s_client` shows a certificate request.",
        },
    ],
    test: |case| case.is_traffic() && case.ended(EndReason::DecryptCertValidation),
};

pub static UNSUPPORTED_PARAMETERS: Diagnosis = Diagnosis {
    name: "decryption-parameters-unsupported",
    cause: "Decryption ended the session because of a protocol version, cipher or algorithm that the \
            decryption profile does not allow or the device does not know.",
    evidence: DECRYPTION,
    next_step: "See what client and server agree on without decryption, and compare the decryption profile.",
    commands: &[
        "openssl s_client -connect $dst:$dport",
        DECRYPTION_LOG,
        "set profiles decryption NAME ssl-protocol-settings min-version tls1-2 max-version max",
    ],
    alternatives: &[Alternative {
        cause: "The server is old and speaks only what the profile forbids.",
        told_by: "Which versions `openssl s_client -tls1_2` and its like can connect with.",
    }],
    test: |case| case.is_traffic() && case.ended(EndReason::DecryptUnsupportParam),
};

pub static DECRYPTION_FAILED: Diagnosis = Diagnosis {
    name: "decryption-failed",
    cause: "Decryption could not go on: its resources were used up, or one side sent a fatal alert.",
    evidence: DECRYPTION,
    next_step: "Compare the number of decrypted sessions with the device's limit, then look at the alert in \
                the decryption log.",
    commands: &[
        "show session all filter ssl-decrypt yes count yes",
        DECRYPTION_LOG,
        "show counter global filter delta yes | match proxy",
    ],
    alternatives: &[
        Alternative {
            cause: "Too many decrypted sessions at that time.",
            told_by: "Other servers' sessions end this way in the same minute.",
        },
        Alternative {
            cause: "The client pins its server's certificate and refuses the device's.",
            told_by: "Only this client program fails, and always.",
        },
    ],
    test: |case| case.is_traffic() && case.ended(EndReason::DecryptError),
};

pub static CLIENT_REFUSES_DECRYPTION: Diagnosis = Diagnosis {
    name: "client-refuses-decryption",
    cause: "The session was decrypted and the client reset it within two seconds, as programs do that do \
            not accept the certificate which the device shows them.",
    evidence: DECRYPTION,
    next_step: "See whether the device's issuing certificate is among those the client trusts; exempt \
                programs that pin certificates.",
    commands: &[CERTIFICATES, DECRYPTION_LOG, "set shared ssl-decrypt ssl-exclude-cert HOST exclude yes"],
    alternatives: &[Alternative {
        cause: "The client had what it wanted.",
        told_by: "Its own log shows success.",
    }],
    test: |case| {
        case.is_allowed_end()
            && case.app != App::Incomplete
            && case.flags.has(Flags::DECRYPTED)
            && case.ended(EndReason::TcpRstFromClient)
            && case.lasted_at_most(2)
    },
};

#[cfg(test)]
mod tests {
    use crate::{
        facts::Facts,
        samples::{self, name_of},
    };

    #[test]
    fn by_reason() {
        for (session_end_reason, expected) in [
            ("threat", "ended-by-threat-prevention"),
            ("decrypt-cert-validation", "certificate-refused"),
            ("decrypt-unsupport-param", "decryption-parameters-unsupported"),
            ("decrypt-error", "decryption-failed"),
        ] {
            let facts = Facts { session_end_reason, ..samples::web() };
            assert_eq!(name_of(&facts), expected);
        }
    }

    #[test]
    fn clients_that_refuse() {
        let facts = Facts {
            flags: "0x1000000",
            session_end_reason: "tcp-rst-from-client",
            elapsed: Some(1),
            ..samples::web()
        };
        assert_eq!(name_of(&facts), "client-refuses-decryption");
        assert_eq!(name_of(&Facts { elapsed: Some(60), ..facts }), "client-reset");
    }

    #[test]
    fn records_of_the_threat_log() {
        let finding = Facts { kind: "THREAT", subtype: "vulnerability", action: "alert", ..samples::web() };
        assert_eq!(name_of(&finding), "finding-logged-only");
        assert_eq!(name_of(&Facts { action: "reset-both", ..finding }), "threat-blocked");
        assert_eq!(name_of(&Facts { action: "sinkhole", ..finding }), "name-sinkholed");
        assert_eq!(name_of(&Facts { action: "block-url", subtype: "url", ..finding }), "url-blocked");
        assert_eq!(name_of(&Facts { kind: "SYSTEM", ..finding }), "");
    }
}
