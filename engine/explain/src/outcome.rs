//! Was the traffic delivered?
//!
//! The procedure is the one that administrators use with the project's three tables:
//!
//! 1. the action: if its final action is Blocked, the traffic was stopped;
//! 2. else the application: `not-applicable` is Blocked, all others are Allowed;
//! 3. else the end reason.
//!
//! What the tables call Allowed is then confirmed or contradicted by the record's counters: a session
//! without anything from the server was not delivered. `reset-client` and `reset-server` stand as Allowed
//! in the tables, and their traffic was cut by policy all the same: the outcome says so.

use bifrons_model::{Action, EndReason, FinalAction, final_action_of_app};

use crate::{
    case::{App, Case, Kind, Moment, Transport},
    payload::Payload,
};

/// What the tables say of a record; `None` where they have no row for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FinalActions {
    /// By the action.
    pub by_action: Option<FinalAction>,
    /// By the application.
    pub by_app: Option<FinalAction>,
    /// By the session end reason; the table gives none for `n/a`.
    pub by_reason: Option<FinalAction>,
}

impl FinalActions {
    pub(crate) fn of(case: &Case<'_>) -> Self {
        Self {
            by_action: case.action.map(Action::final_action),
            by_app: (case.app != App::Unsaid).then(|| final_action_of_app(case.facts.app)),
            by_reason: case.reason.and_then(EndReason::final_action),
        }
    }

    /// Blocked if one of the three is, in their order; `None` when none of them says anything.
    pub fn overall(self) -> Option<FinalAction> {
        let all = [self.by_action, self.by_app, self.by_reason];
        if all.contains(&Some(FinalAction::Blocked)) {
            return Some(FinalAction::Blocked);
        }
        all.into_iter().flatten().next()
    }
}

/// What became of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Outcome {
    /// Both sides were heard and nothing speaks against it.
    Delivered = 0,
    /// Some of it passed; then it was cut, or the far side said nothing of its own.
    PartlyDelivered = 1,
    /// It was stopped, or nobody answered.
    NotDelivered = 2,
    /// The record was written too early, or does not hold what would tell.
    NotYetKnown = 3,
}

impl Outcome {
    /// Every outcome, in the order of its number.
    pub const ALL: [Self; 4] =
        [Self::Delivered, Self::PartlyDelivered, Self::NotDelivered, Self::NotYetKnown];

    /// The words for people and for JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::PartlyDelivered => "partly delivered",
            Self::NotDelivered => "not delivered",
            Self::NotYetKnown => "not yet known",
        }
    }
}

/// The outcome of a record of traffic or of a threat; `None` for other logs.
pub(crate) fn judge(case: &Case<'_>, tables: FinalActions) -> Option<Outcome> {
    match case.kind {
        Kind::Traffic => Some(traffic(case, tables)),
        Kind::Threat => Some(threat(case)),
        Kind::Other => None,
    }
}

fn traffic(case: &Case<'_>, tables: FinalActions) -> Outcome {
    if tables.overall() == Some(FinalAction::Blocked) || case.is_cut_by_action() {
        return stopped(case);
    }
    if case.moment == Moment::Start {
        return Outcome::NotYetKnown;
    }
    match case.received() {
        Some(0) if case.is_one_way() => Outcome::NotYetKnown,
        Some(0) => Outcome::NotDelivered,
        None if case.app == App::Incomplete => Outcome::NotDelivered,
        None => Outcome::NotYetKnown,
        Some(_) => match case.transport {
            Transport::Tcp => tcp(case),
            Transport::Udp | Transport::Icmp | Transport::Other | Transport::Unsaid => Outcome::Delivered,
        },
    }
}

/// Whatever the server had answered before policy stepped in did pass.
fn stopped(case: &Case<'_>) -> Outcome {
    match case.server_payload {
        Payload::Surely => Outcome::PartlyDelivered,
        Payload::SurelyNot | Payload::Unclear => Outcome::NotDelivered,
    }
}

/// An allowed TCP session that the server answered.
fn tcp(case: &Case<'_>) -> Outcome {
    if case.app == App::Incomplete {
        return if case.opened() { Outcome::PartlyDelivered } else { Outcome::NotDelivered };
    }
    let is_identified = case.app == App::Identified;
    match (case.reason, case.server_payload) {
        (Some(EndReason::TcpRstFromServer), Payload::SurelyNot) => Outcome::NotDelivered,
        (Some(EndReason::TcpRstFromServer), Payload::Surely | Payload::Unclear) => Outcome::PartlyDelivered,
        (_, Payload::Surely) => Outcome::Delivered,
        (Some(EndReason::TcpRstFromClient), Payload::Unclear | Payload::SurelyNot) => {
            Outcome::PartlyDelivered
        }
        (_, Payload::Unclear) if is_identified => Outcome::Delivered,
        (_, Payload::Unclear | Payload::SurelyNot) => Outcome::PartlyDelivered,
    }
}

/// A threat record tells what was done about one finding, not how its session went on.
fn threat(case: &Case<'_>) -> Outcome {
    if threat_blocks(case.facts.action) { Outcome::NotDelivered } else { Outcome::NotYetKnown }
}

/// Whether an action word of the threat log stops the transfer (threat log fields, "Action").
pub(crate) fn threat_blocks(action: &str) -> bool {
    matches!(
        action,
        "deny"
            | "drop"
            | "drop-all"
            | "drop-all-packets"
            | "drop-packet"
            | "drop-reset"
            | "random-drop"
            | "reset-client"
            | "reset-server"
            | "reset-both"
            | "block"
            | "block-continue"
            | "block-override"
            | "block-url"
            | "block-ip"
            | "sinkhole"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Explanation, explain, facts::Facts, samples};

    fn explained(facts: &Facts<'_>) -> Explanation {
        explain(facts, &crate::Timeouts::default())
    }

    fn outcome(facts: &Facts<'_>) -> Outcome {
        explained(facts).outcome.unwrap()
    }

    /// Each row of the project's tables, through the whole of this crate.
    #[test]
    fn the_tables_to_the_letter() {
        let mut rows = 0;
        let table = include_str!("../../model/src/final_action.tsv");
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let [kind, value, expected] = [(); 3].map(|()| columns.next().unwrap());
            let mut facts = Facts::default();
            let found = match kind {
                "action" => {
                    facts.action = value;
                    explained(&facts).final_actions.by_action
                }
                "app" => {
                    facts.app = value;
                    explained(&facts).final_actions.by_app
                }
                _ => {
                    facts.session_end_reason = value;
                    explained(&facts).final_actions.by_reason
                }
            };
            assert_eq!(found.map_or("-", FinalAction::name), expected, "{line}");
            rows += 1;
        }
        assert_eq!(rows, 27);
    }

    #[test]
    fn the_first_table_that_blocks_decides() {
        let overall = |facts: Facts<'_>| explained(&facts).final_actions.overall();
        let web = samples::web();
        assert_eq!(overall(web), Some(FinalAction::Allowed));
        assert_eq!(overall(Facts { action: "drop", ..web }), Some(FinalAction::Blocked));
        assert_eq!(overall(Facts { app: "not-applicable", ..web }), Some(FinalAction::Blocked));
        assert_eq!(overall(Facts { session_end_reason: "threat", ..web }), Some(FinalAction::Blocked));
        assert_eq!(overall(Facts::default()), None);
    }

    #[test]
    fn counters_confirm_or_contradict() {
        let web = samples::web();
        assert_eq!(outcome(&web), Outcome::Delivered);
        let unanswered = Facts { pkts_received: Some(0), bytes_received: Some(0), ..web };
        assert_eq!(outcome(&unanswered), Outcome::NotDelivered);
        assert_eq!(explained(&unanswered).final_actions.overall(), Some(FinalAction::Allowed));
        let only_acknowledged = Facts { pkts_received: Some(4), bytes_received: Some(216), ..web };
        assert_eq!(outcome(&only_acknowledged), Outcome::PartlyDelivered);
        let uncounted = Facts { pkts_received: None, bytes_received: None, ..web };
        assert_eq!(outcome(&uncounted), Outcome::NotYetKnown);
    }

    #[test]
    fn resets_by_policy_are_allowed_in_the_table_and_cut_all_the_same() {
        for action in ["reset-client", "reset-server"] {
            let cut = Facts { action, ..samples::web() };
            assert_eq!(explained(&cut).final_actions.overall(), Some(FinalAction::Allowed), "{action}");
            assert_eq!(outcome(&cut), Outcome::PartlyDelivered, "{action}");
            let early = Facts { bytes_received: Some(74), pkts_received: Some(1), ..cut };
            assert_eq!(outcome(&early), Outcome::NotDelivered, "{action}");
        }
    }

    #[test]
    fn a_session_that_goes_on_is_not_judged() {
        let start = Facts { subtype: "start", session_end_reason: "n/a", ..samples::web() };
        assert_eq!(outcome(&start), Outcome::NotYetKnown);
        assert_eq!(outcome(&Facts { action: "deny", ..start }), Outcome::PartlyDelivered);
    }

    #[test]
    fn datagrams() {
        let dns = samples::dns();
        assert_eq!(outcome(&dns), Outcome::Delivered);
        let lost = Facts { pkts_received: Some(0), bytes_received: Some(0), ..dns };
        assert_eq!(outcome(&lost), Outcome::NotDelivered);
        assert_eq!(outcome(&Facts { app: "syslog", ..lost }), Outcome::NotYetKnown);
    }

    #[test]
    fn ends_by_reset() {
        let web = samples::web();
        let by = |session_end_reason| Facts { session_end_reason, ..web };
        assert_eq!(outcome(&by("tcp-rst-from-client")), Outcome::Delivered);
        assert_eq!(outcome(&by("tcp-rst-from-server")), Outcome::PartlyDelivered);
        let empty = Facts { pkts_received: Some(2), bytes_received: Some(108), ..by("tcp-rst-from-server") };
        assert_eq!(outcome(&empty), Outcome::NotDelivered);
    }

    #[test]
    fn other_logs() {
        let threat = Facts { kind: "THREAT", action: "alert", ..samples::web() };
        assert_eq!(outcome(&threat), Outcome::NotYetKnown);
        assert_eq!(outcome(&Facts { action: "sinkhole", ..threat }), Outcome::NotDelivered);
        assert_eq!(explained(&Facts { kind: "SYSTEM", ..threat }).outcome, None);
    }
}
