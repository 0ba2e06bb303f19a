//! Why a session is judged as it is: all rules, one after the other.

use alloc::vec::Vec;

use bifrons_config::typed::TimeoutOverride;
use bifrons_model::RuleId;

use crate::{
    query::{Decision, Query},
    rule::{Fit, Mismatch},
    rules::{Rules, Verdict},
    users::Users,
};

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rules before the deciding one, in order, and why each did not decide. A zone that the
    /// configuration has no longer fits no rule.
    pub earlier: Vec<(RuleId, Mismatch)>,
    /// What `Policy::lookup` answers.
    pub decision: Decision,
}

impl Explanation {
    /// Asks every rule in turn up to the one that decides.
    pub(crate) fn new(rules: &Rules, query: &Query, users: &Users) -> Self {
        let Some(subject) = rules.subject(query, users, true) else {
            return Self::without_zone(rules, query);
        };
        let mut earlier = Vec::new();
        let mut verdict = Verdict::default();
        for (place, rule) in (0..).zip(&rules.rules) {
            let fit = rules.fit(place, &subject);
            if verdict.hear(place, fit, || rule.outcome.allows()) {
                break;
            }
            let mismatch = match fit {
                Fit::No(mismatch) => mismatch,
                Fit::Carried => Mismatch::CarriesOnly,
                Fit::Possibly | Fit::Surely => Mismatch::NotYetKnown,
            };
            earlier.push((rule.outcome.rule, mismatch));
        }
        let decision = rules.decide(&verdict, query);
        if decision.implicit {
            // The rule that carries stands before the one at which the search ended.
            let before = earlier.iter().position(|(rule, _)| *rule == decision.rule);
            earlier.truncate(before.unwrap_or(earlier.len()));
        }
        Self { earlier, decision }
    }

    fn without_zone(rules: &Rules, query: &Query) -> Self {
        let mismatch = match rules.zone_places.place_of(query.zone_from) {
            Some(_) => Mismatch::ToZone,
            None => Mismatch::FromZone,
        };
        let earlier = rules.rules.iter().map(|rule| (rule.outcome.rule, mismatch)).collect();
        let outcome = rules.default_of(query);
        let decision = outcome.decide(query, &rules.applications, TimeoutOverride::default(), true);
        Self { earlier, decision }
    }
}
