//! Was the traffic allowed in the end? The project's own three tables: by action, by application value and
//! by end reason. A copy of their source lies beside this file as `final_action.tsv`; a test compares.

use crate::{Action, EndReason};

/// What a field of a record says about the traffic's fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinalAction {
    /// The traffic passed as far as this field tells.
    Allowed,
    /// The traffic was stopped.
    Blocked,
}

impl FinalAction {
    /// `Allowed` or `Blocked`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "Allowed",
            Self::Blocked => "Blocked",
        }
    }
}

/// The final action of an application value; a real application's name is allowed, as it was identified in
/// passing traffic.
pub fn final_action_of_app(app: &str) -> FinalAction {
    match app {
        "not-applicable" => FinalAction::Blocked,
        _ => FinalAction::Allowed,
    }
}

/// The final action of an end reason as a log spells it; `None` for `n/a` and for words that no log has.
pub fn final_action_of_reason(reason: &str) -> Option<FinalAction> {
    EndReason::from_name(reason).and_then(EndReason::final_action)
}

/// What each of the three tables says of one record, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdicts {
    /// By the action.
    pub action: FinalAction,
    /// By the application.
    pub app: FinalAction,
    /// By the end reason, where the record has one.
    pub reason: Option<FinalAction>,
}

impl Verdicts {
    /// Looks the three values up.
    pub fn of(action: Action, app: &str, reason: EndReason) -> Self {
        Self { action: action.final_action(), app: final_action_of_app(app), reason: reason.final_action() }
    }

    /// The administrators' procedure: look at the action, if that is allowed at the application, then at
    /// the end reason. The first that blocks decides.
    pub fn overall(self) -> FinalAction {
        let blocked = [Some(self.action), Some(self.app), self.reason].contains(&Some(FinalAction::Blocked));
        if blocked { FinalAction::Blocked } else { FinalAction::Allowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_those_of_the_project() {
        let mut compared = 0;
        for line in include_str!("final_action.tsv").lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let (Some(kind), Some(value), Some(expected)) = (columns.next(), columns.next(), columns.next())
            else {
                panic!("a line of the table without three columns: {line:?}");
            };
            let found = match kind {
                "action" => Action::from_name(value).map(Action::final_action),
                "app" => Some(final_action_of_app(value)),
                "session_end_reason" => final_action_of_reason(value),
                _ => panic!("an unknown kind: {line:?}"),
            };
            assert_eq!(found.map_or("-", FinalAction::name), expected, "{line}");
            compared += 1;
        }
        assert_eq!(compared, 27);
        for reason in EndReason::ALL {
            let row = alloc::format!("session_end_reason\t{}\t", reason.name());
            assert!(include_str!("final_action.tsv").contains(&row), "{row}");
        }
    }

    #[test]
    fn the_first_blocking_value_decides() {
        let overall = |action, app, reason| Verdicts::of(action, app, reason).overall();
        assert_eq!(overall(Action::Allow, "ssl", EndReason::TcpFin), FinalAction::Allowed);
        assert_eq!(overall(Action::Allow, "ssl", EndReason::Threat), FinalAction::Blocked);
        assert_eq!(overall(Action::Drop, "not-applicable", EndReason::PolicyDeny), FinalAction::Blocked);
        assert_eq!(overall(Action::Allow, "incomplete", EndReason::NotApplicable), FinalAction::Allowed);
    }
}
