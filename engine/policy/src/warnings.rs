//! What a commit tells of rules that cannot do what they were written for.

mod cover;

use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

use bifrons_catalog::CUSTOM_FIRST;
use bifrons_model::{AppId, RuleId};

use crate::{
    Policy,
    rule::{ANY, Mismatch},
    rules::Rules,
};
use cover::{Outline, covers, never_matches};

/// A rule that does not do what it seems to; the configuration is good all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Warning {
    /// Whatever the rule matches, an earlier one matches as well.
    Shadowed {
        /// The rule that never decides.
        rule: RuleId,
        /// The first that stands before it and takes everything it could.
        by: RuleId,
    },
    /// No packet can meet the rule's conditions.
    NeverMatches {
        /// The rule.
        rule: RuleId,
        /// The first condition that cannot be met.
        because: Mismatch,
    },
    /// The rule allows an application that needs another one, and no rule allows that.
    MissingDependency {
        /// The rule.
        rule: RuleId,
        /// The application that it allows.
        application: AppId,
        /// The application that this one is a part of.
        dependency: AppId,
    },
    /// There are so many rules that not all were compared with those before them.
    NotCompared {
        /// The first that was not.
        from: RuleId,
    },
}

impl Warning {
    /// The warning in words, with the policy's names.
    pub fn text(&self, policy: &Policy) -> String {
        let name = |rule: RuleId| policy.names().rule(rule);
        match *self {
            Self::Shadowed { rule, by } => {
                format!("security rule \"{}\" is shadowed by rule \"{}\"", name(rule), name(by))
            }
            Self::NeverMatches { rule, because } => {
                format!(
                    "security rule \"{}\" never matches: its {} cannot be met",
                    name(rule),
                    because.text()
                )
            }
            Self::MissingDependency { rule, application, dependency } => format!(
                "security rule \"{}\" allows {}, which requires {}: no rule allows it",
                name(rule),
                policy.application(application).name,
                policy.application(dependency).name
            ),
            Self::NotCompared { from } => {
                format!(
                    "security rules from \"{}\" on were not looked at for earlier rules that shadow them",
                    name(from)
                )
            }
        }
    }
}

/// Pairs of rules that are compared by their outlines at most: half a second's work.
const COMPARISONS_MAX: usize = 400_000_000;
/// Pairs that are compared condition by condition at most.
const COVERS_MAX: usize = 1_000_000;

/// All warnings, those of one kind in the order of the rules.
pub(crate) fn warnings(rules: &Rules) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut enabled = Vec::new();
    for ((place, rule), ends) in (0u32..).zip(&rules.rules).zip(&rules.ends) {
        if rule.is_disabled {
            continue;
        }
        match never_matches(rules, rule, ends) {
            Some(because) => found.push(Warning::NeverMatches { rule: rule.outcome.rule, because }),
            None => enabled.push((place, Outline::new(rule, ends))),
        }
    }
    shadowed(rules, &enabled, &mut found);
    missing_dependencies(rules, &mut found);
    found
}

fn shadowed(rules: &Rules, enabled: &[(u32, Outline)], found: &mut Vec<Warning>) {
    let number =
        |place: u32| rules.rules.get(place as usize).map_or(RuleId(u32::MAX), |rule| rule.outcome.rule);
    let (mut comparisons, mut detailed) = (0usize, 0);
    for (count, (place, outline)) in enabled.iter().enumerate() {
        comparisons = comparisons.saturating_add(count);
        if comparisons > COMPARISONS_MAX || detailed > COVERS_MAX {
            found.push(Warning::NotCompared { from: number(*place) });
            return;
        }
        let earlier = enabled.iter().take(count).filter(|(_, earlier)| earlier.may_cover(outline));
        let by = earlier.map(|(earlier, _)| *earlier).find(|earlier| {
            detailed += 1;
            covers(rules, *earlier, *place)
        });
        if let Some(by) = by {
            found.push(Warning::Shadowed { rule: number(*place), by: number(by) });
        }
    }
}

/// An application of the catalogue needs the one that it is a part of, unless its sessions begin as that one
/// and so are let through for its sake.
fn missing_dependencies(rules: &Rules, found: &mut Vec<Warning>) {
    let allowing = || rules.rules.iter().filter(|rule| !rule.is_disabled && rule.outcome.allows());
    if allowing().any(|rule| rule.applications == ANY) {
        return;
    }
    let listed = |place: u32| rules.sets.applications.get(place as usize).map_or(&[][..], |set| &set.listed);
    let places: BTreeSet<u32> = allowing().map(|rule| rule.applications).collect();
    let allowed: BTreeSet<AppId> = places.iter().flat_map(|place| listed(*place)).copied().collect();
    for rule in allowing() {
        for application in listed(rule.applications).iter().filter(|id| id.0 < CUSTOM_FIRST) {
            let facts = rules.applications.facts(*application);
            let needed = facts.parent.filter(|parent| !facts.implicit.contains(parent));
            if let Some(dependency) = needed.filter(|parent| !allowed.contains(parent)) {
                let (rule, application) = (rule.outcome.rule, *application);
                found.push(Warning::MissingDependency { rule, application, dependency });
            }
        }
    }
}
