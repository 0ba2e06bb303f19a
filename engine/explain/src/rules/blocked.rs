//! Traffic that policy stopped.

use bifrons_model::{Action, EndReason, Flags};

use crate::{
    case::{App, Case, Moment},
    diagnosis::{Alternative, Diagnosis},
    facts::Field,
    payload::Payload,
};

const EVIDENCE: &[Field] = &[
    Field::Subtype,
    Field::Action,
    Field::App,
    Field::Rule,
    Field::From,
    Field::To,
    Field::Protocol,
    Field::DestinationPort,
    Field::EndReason,
];

const MATCH: &str = "test security-policy-match from $from to $to source $src destination $dst \
                     destination-port $dport protocol $proto_number";
const MATCH_APP: &str = "test security-policy-match from $from to $to source $src destination $dst \
                         destination-port $dport protocol $proto_number application $app";

/// The flag bit of sessions that URL filtering denied.
const URL_DENIED: Flags = Flags(0x0080_0000);

fn is_cut(case: &Case<'_>) -> bool {
    case.is_traffic() && case.is_cut_by_action()
}

pub static URL_FILTER: Diagnosis = Diagnosis {
    name: "denied-by-url-filtering",
    cause: "URL filtering denied the session.",
    evidence: &[Field::Flags, Field::Category, Field::Action, Field::Rule, Field::App],
    next_step: "See the URL and its category in the URL filtering log, and what the rule's profile does \
                with that category.",
    commands: &[
        "show log url query equal \"( sessionid eq $sessionid )\"",
        "test url $dst",
        "show config running xpath devices/entry/vsys/entry/profiles/url-filtering",
    ],
    alternatives: &[],
    test: |case| is_cut(case) && case.flags.has(URL_DENIED),
};

pub static RESET_TO_CLIENT: Diagnosis = Diagnosis {
    name: "reset-to-client-by-policy",
    cause: "Policy ended the session with a reset to the client; the table of final actions counts this \
            action as Allowed, and the session was cut all the same.",
    evidence: EVIDENCE,
    next_step: "Look at the rule that names this action.",
    commands: &[MATCH_APP, "show running security-policy | match $rule"],
    alternatives: &[],
    test: |case| case.is_traffic() && case.action == Some(Action::ResetClient),
};

pub static RESET_TO_SERVER: Diagnosis = Diagnosis {
    name: "reset-to-server-by-policy",
    cause: "Policy ended the session with a reset to the server; the table of final actions counts this \
            action as Allowed, and the session was cut all the same.",
    evidence: EVIDENCE,
    next_step: "Look at the rule that names this action; the client saw no reset and waits for its timeout.",
    commands: &[MATCH_APP, "show running security-policy | match $rule"],
    alternatives: &[],
    test: |case| case.is_traffic() && case.action == Some(Action::ResetServer),
};

pub static TRANSLATED_DESTINATION: Diagnosis = Diagnosis {
    name: "blocked-behind-translation",
    cause: "The destination is translated and no security rule lets the traffic in.",
    evidence: &[
        Field::Destination,
        Field::NatDestination,
        Field::DestinationPort,
        Field::From,
        Field::To,
        Field::Rule,
        Field::Action,
    ],
    next_step: "Check that the security rule names the address before translation and the zone after it: \
                the address the client uses and the zone in which the server stands.",
    commands: &[
        "test nat-policy-match from $from to $from source $src destination $dst destination-port $dport \
         protocol $proto_number",
        MATCH,
    ],
    alternatives: &[Alternative {
        cause: "No rule is meant to let this traffic in.",
        told_by: "Whether anybody asked for it: the source and port say what wants in.",
    }],
    test: |case| is_cut(case) && case.is_default_rule() && case.has_translated_server(),
};

pub static NO_RULE_FOR_PORT: Diagnosis = Diagnosis {
    name: "no-rule-for-port",
    cause: "No rule allows this port from that zone to this one, so the default rule discarded the first \
            packet before any application could be known.",
    evidence: EVIDENCE,
    next_step: "If the traffic is wanted, add a rule for it above the default rules; the application is \
                then identified and the rule can be narrowed to it.",
    commands: &[
        MATCH,
        "set rulebase security rules NAME from $from to $to source $src destination $dst application any \
         service SERVICE action allow",
        "set service SERVICE protocol $proto port $dport",
    ],
    alternatives: &[
        Alternative {
            cause: "The zones are not those that the rule's author thought of: a route leads elsewhere.",
            told_by: "`test routing fib-lookup` for the destination names another interface than expected.",
        },
        Alternative {
            cause: "Unwanted traffic, rightly stopped.",
            told_by: "The source tries many ports or hosts; the summary over all records lists such sources.",
        },
    ],
    test: |case| {
        is_cut(case)
            && case.app == App::NotApplicable
            && (case.is_default_rule() || case.facts.rule.is_empty())
    },
};

pub static PORT_BLOCKED: Diagnosis = Diagnosis {
    name: "blocked-before-identification",
    cause: "The rule blocks this traffic whatever its application is, so it was discarded before \
            identification.",
    evidence: EVIDENCE,
    next_step: "If the traffic is wanted, add a rule that allows it above the rule that blocks it.",
    commands: &[
        MATCH,
        "set rulebase security rules NAME from $from to $to source $src destination $dst application any \
         service SERVICE action allow",
        "move rulebase security rules NAME before $rule",
    ],
    alternatives: &[],
    test: |case| is_cut(case) && case.app == App::NotApplicable,
};

pub static NON_STANDARD_PORT: Diagnosis = Diagnosis {
    name: "denied-on-foreign-port",
    cause: "The application was identified on a port that is not its own, where rules with the service \
            application-default do not allow it.",
    evidence: &[Field::App, Field::DestinationPort, Field::Flags, Field::Rule, Field::Action],
    next_step: "Move the service to the application's own port, or allow the application on this port in a \
                rule of its own.",
    commands: &[
        MATCH_APP,
        "set rulebase security rules NAME from $from to $to source any destination $dst application $app \
         service SERVICE action allow",
    ],
    alternatives: &[Alternative {
        cause: "The rule denies the application on every port.",
        told_by: "The same application is denied on its own port too.",
    }],
    test: |case| is_cut(case) && case.is_on_foreign_port(),
};

pub static DENIED_AFTER_SHIFT: Diagnosis = Diagnosis {
    name: "denied-after-identification",
    cause: "The session was let through at first and denied once its application was known.",
    evidence: &[
        Field::Subtype,
        Field::Action,
        Field::ActionSource,
        Field::App,
        Field::Rule,
        Field::PacketsReceived,
        Field::BytesReceived,
        Field::EndReason,
        Field::Tracker,
    ],
    next_step: "If the application is wanted, allow it together with those it depends on; the first packets \
                passed because a rule could still have allowed them.",
    commands: &[
        MATCH_APP,
        "show application $app",
        "set rulebase security rules NAME from $from to $to source any destination any application $app \
         service application-default action allow",
    ],
    alternatives: &[Alternative {
        cause: "A commit changed the rules while the session lived.",
        told_by: "A configuration record stands between the session's start and its end.",
    }],
    test: |case| {
        let was_answered = case.is_answered() && (case.is_tcp() || case.server_payload == Payload::Surely);
        is_cut(case) && case.app == App::Identified && was_answered
    },
};

pub static NO_RULE_FOR_APPLICATION: Diagnosis = Diagnosis {
    name: "no-rule-for-application",
    cause: "No rule allows this application between these zones, so the default rule denied it.",
    evidence: EVIDENCE,
    next_step: "If the application is wanted, add a rule that allows it.",
    commands: &[
        MATCH_APP,
        "set rulebase security rules NAME from $from to $to source any destination any application $app \
         service application-default action allow",
    ],
    alternatives: &[],
    test: |case| is_cut(case) && case.app == App::Identified && case.is_default_rule(),
};

pub static UNREACHABLE_SENT: Diagnosis = Diagnosis {
    name: "dropped-with-icmp",
    cause: "The rule drops the traffic and tells the client by ICMP that the server cannot be reached.",
    evidence: EVIDENCE,
    next_step: "If the traffic is wanted, allow it above this rule; the client reports the destination as \
                unreachable or prohibited.",
    commands: &[MATCH, "show running security-policy | match $rule"],
    alternatives: &[],
    test: |case| case.is_traffic() && case.action == Some(Action::DropIcmp),
};

pub static RESET_TO_BOTH: Diagnosis = Diagnosis {
    name: "reset-to-both-by-policy",
    cause: "Policy ended the session with a reset to both sides.",
    evidence: EVIDENCE,
    next_step: "Look at the rule that names this action, or at the application's own deny action.",
    commands: &[MATCH_APP, "show application $app"],
    alternatives: &[],
    test: |case| case.is_traffic() && case.action == Some(Action::ResetBoth),
};

pub static APPLICATION_DENIED: Diagnosis = Diagnosis {
    name: "application-denied",
    cause: "The rule denies this application.",
    evidence: EVIDENCE,
    next_step: "If the application is wanted, allow it in a rule above this one.",
    commands: &[MATCH_APP, "show running security-policy | match $rule"],
    alternatives: &[Alternative {
        cause: "The application was identified wrongly.",
        told_by: "A capture shows another protocol than the one named.",
    }],
    test: |case| is_cut(case) && case.app == App::Identified,
};

pub static BLOCKED: Diagnosis = Diagnosis {
    name: "blocked-by-policy",
    cause: "Policy blocked the session before its application was known.",
    evidence: EVIDENCE,
    next_step: "Ask which rule the traffic matches, and allow it above that rule if it is wanted.",
    commands: &[MATCH, "show running security-policy | match $rule"],
    alternatives: &[],
    test: |case| is_cut(case) || (case.is_traffic() && case.app == App::NotApplicable),
};

pub static ENDED_BY_POLICY: Diagnosis = Diagnosis {
    name: "allowed-then-ended-by-policy",
    cause: "The rule allowed the session and policy ended it later.",
    evidence: &[
        Field::Action,
        Field::EndReason,
        Field::Rule,
        Field::App,
        Field::Elapsed,
        Field::BytesReceived,
        Field::Tracker,
    ],
    next_step: "Look for a commit during the session's life, and ask which rule its application matches now.",
    commands: &[MATCH_APP, "show log config direction equal backward"],
    alternatives: &[
        Alternative {
            cause: "The application changed and the new one is not allowed.",
            told_by: "A start record of the same session names another application.",
        },
        Alternative {
            cause: "A commit changed the rules and sessions were matched again.",
            told_by: "A configuration record stands between the session's start and its end.",
        },
    ],
    test: |case| {
        case.is_traffic()
            && case.moment != Moment::Start
            && case.action == Some(Action::Allow)
            && case.ended(EndReason::PolicyDeny)
    },
};

#[cfg(test)]
mod tests {
    use crate::{
        facts::Facts,
        samples::{self, name_of},
    };

    fn denied() -> Facts<'static> {
        Facts {
            subtype: "deny",
            action: "deny",
            app: "bittorrent",
            rule: "no-sharing",
            session_end_reason: "policy-deny",
            ..samples::web()
        }
    }

    #[test]
    fn before_identification() {
        let probe = samples::blocked_probe();
        assert_eq!(name_of(&probe), "no-rule-for-port");
        assert_eq!(name_of(&Facts { rule: "no-smb", ..probe }), "blocked-before-identification");
        assert_eq!(name_of(&Facts { natdst: "10.9.9.9", ..probe }), "blocked-behind-translation");
        assert_eq!(name_of(&Facts { natdst: "0.0.0.0", ..probe }), "no-rule-for-port");
        assert_eq!(name_of(&Facts { app: "incomplete", rule: "x", ..probe }), "blocked-by-policy");
    }

    #[test]
    fn after_identification() {
        let denied = denied();
        assert_eq!(name_of(&denied), "denied-after-identification");
        let at_once = Facts { pkts_received: Some(0), bytes_received: Some(0), ..denied };
        assert_eq!(name_of(&at_once), "application-denied");
        assert_eq!(name_of(&Facts { rule: "interzone-default", ..at_once }), "no-rule-for-application");
        assert_eq!(name_of(&Facts { flags: "0x100000", ..denied }), "denied-on-foreign-port");
        assert_eq!(name_of(&Facts { flags: "0x800000", ..denied }), "denied-by-url-filtering");
    }

    #[test]
    fn by_action() {
        let at_once = Facts { pkts_received: Some(0), bytes_received: Some(0), ..denied() };
        for (action, expected) in [
            ("reset-client", "reset-to-client-by-policy"),
            ("reset-server", "reset-to-server-by-policy"),
            ("reset-both", "reset-to-both-by-policy"),
            ("drop-icmp", "dropped-with-icmp"),
            ("drop ICMP", "dropped-with-icmp"),
            ("reset client", "reset-to-client-by-policy"),
            ("reset both", "reset-to-both-by-policy"),
            ("drop", "application-denied"),
        ] {
            assert_eq!(name_of(&Facts { action, ..at_once }), expected, "{action}");
        }
    }

    #[test]
    fn allowed_first() {
        let facts = Facts { session_end_reason: "policy-deny", ..samples::web() };
        assert_eq!(name_of(&facts), "allowed-then-ended-by-policy");
    }
}
