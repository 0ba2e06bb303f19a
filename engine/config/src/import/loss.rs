//! What the rest of an entry means when one of its statements is not carried over.

use super::{
    apply::{is_word, rule_of},
    reason::Effect,
    split::Fit,
    statement::Word,
};

/// What leaving out a statement does to its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// What the entry matches stays the same.
    Nothing,
    /// The group has fewer members.
    Narrows,
    /// The entry would match something else and goes as a whole.
    Entry,
    /// The rule would be for other traffic and is disabled, unless a list still has members.
    Condition,
}

/// Words of a rule that say nothing of which traffic it is for or what becomes of it.
const NEUTRAL_IN_RULES: &[&str] = &[
    "tag",
    "group-tag",
    "description",
    "audit-comment",
    "uuid",
    "log-start",
    "log-end",
    "log-setting",
    "profile-setting",
    "qos",
    "option",
    "disable-inspect",
    "icmp-unreachable",
];

/// Words of an object that say nothing of what it matches.
const NEUTRAL_IN_OBJECTS: &[&str] =
    &["description", "tag", "color", "comments", "disable-override", "override", "display-name", "id"];

/// Words of a custom application that say which traffic it is.
const IDENTIFYING: &[&str] = &["default", "signature", "parent-app"];

/// How an external list is fetched, rather than which part of it counts.
const FETCHING: &[&str] = &["recurring", "auth", "certificate-profile", "description", "expand-domain"];

/// What leaving out the statement does.
pub(crate) fn of(path: &[Word], fit: &Fit) -> Loss {
    if rule_of(path).is_some() {
        let word = path.get(4).map_or("", |word| &**word);
        let is_management = word == "target" && is_word(path.get(5), "negate") && is_word(path.get(6), "no");
        let is_neutral = NEUTRAL_IN_RULES.contains(&word) || is_management || path.len() <= 4;
        return if is_neutral { Loss::Nothing } else { Loss::Condition };
    }
    let [kind, _, word, ..] = path else { return Loss::Nothing };
    let is_neutral = NEUTRAL_IN_OBJECTS.contains(&&**word);
    match &**kind {
        _ if is_neutral => Loss::Nothing,
        _ if is_group(kind) && *fit == Fit::Member => Loss::Narrows,
        "address-group" | "service-group" | "application-group" | "address" | "application-filter"
        | "schedule" => Loss::Entry,
        "service" => match path.iter().any(|word| &**word == "override") {
            true => Loss::Nothing,
            false => Loss::Entry,
        },
        "application" if IDENTIFYING.contains(&&**word) => Loss::Entry,
        "external-list" => match path.iter().any(|word| FETCHING.contains(&&**word)) {
            true => Loss::Nothing,
            false => Loss::Entry,
        },
        _ => Loss::Nothing,
    }
}

/// Whether entries of this kind are lists of others.
pub(crate) fn is_group(kind: &Word) -> bool {
    matches!(&**kind, "address-group" | "service-group" | "application-group")
}

/// The entry that a path is about: a rule, an object, a zone, a part of the network.
pub(crate) fn entry_of(path: &[Word]) -> Option<&[Word]> {
    if let Some(rule) = rule_of(path) {
        return Some(rule);
    }
    let words = match (&**path.first()?, path.get(1).map_or("", |word| &**word)) {
        ("network", "interface") if is_word(path.get(5), "units") => 7,
        ("network", "interface" | "profiles") | ("rulebase", _) => 4,
        ("network", "virtual-router") if is_word(path.get(5), "static-route") => 7,
        ("network", _) | ("profiles", _) => 3,
        _ => 2,
    };
    path.get(..words)
}

/// What stays without the statement: an interface without addresses, a zone without interfaces, a rule that
/// is disabled.
pub(crate) fn kept_without<'p>(path: &'p [Word], fit: &Fit) -> Option<&'p [Word]> {
    let words: [&str; 5] = core::array::from_fn(|at| path.get(at).map_or("", |word| &**word));
    let kept = match words {
        ["network", "interface", "ethernet", _, "layer3" | "tap" | "virtual-wire"] => path.get(..5)?,
        ["zone", ..] => path.get(..2)?,
        _ => rule_of(path)?,
    };
    let is_below = match fit {
        Fit::Not { at, .. } => *at >= kept.len(),
        Fit::Single | Fit::Member | Fit::Presence | Fit::Entry => path.len() > kept.len(),
    };
    is_below.then_some(kept)
}

/// Whether an entry that is wrong as a whole goes as a whole: a rule, an object, a route, a wire. A zone
/// keeps what is right of it.
pub(crate) fn goes_as_a_whole(entry: &[Word]) -> bool {
    let kind = entry.first().map_or("", |word| &**word);
    let is_wire = is_word(entry.get(1), "virtual-wire");
    !matches!(kind, "network" | "zone" | "deviceconfig") || entry.len() == 7 || is_wire
}

/// What a firewall does otherwise when a rule with this action is for less traffic, or disabled.
pub(crate) fn effect_of_rule(action: Option<&Word>) -> Effect {
    match action.map(|action| &**action) {
        Some("allow") => Effect::Stricter,
        Some(_) => Effect::Looser,
        None => Effect::Unclear,
    }
}
