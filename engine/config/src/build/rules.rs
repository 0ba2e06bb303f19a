//! Security rules.

use alloc::{format, vec::Vec};

use bifrons_model::Action;

use super::{View, lists::Names};
use crate::{
    Problem,
    parse::Report,
    typed::{DefaultRule, RuleType, SecurityRule},
};

pub(super) fn security(root: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> Vec<SecurityRule> {
    let rules = root.at(&["rulebase", "security", "rules"]).entries();
    let mut with_profiles = rules.iter().filter(|(_, entry)| entry.below("profile-setting").exists());
    if let Some((_, first)) = with_profiles.next() {
        let profiles = first.below("profile-setting");
        let what = match with_profiles.count() {
            0 => "profiles have no effect: what they protect from is not looked for".into(),
            more => format!(
                "profiles have no effect: what they protect from is not looked for, here and in {more} more \
                 rules"
            ),
        };
        report.warn(profiles.line(), profiles.path(), Problem::Conflict { what });
    }
    rules.into_iter().map(|(name, entry)| rule(name, &entry, names, report)).collect()
}

fn rule(name: &str, entry: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> SecurityRule {
    if matches!(name, "intrazone-default" | "interzone-default") {
        let what = format!("`{name}` is changed under `rulebase default-security-rules rules`");
        report.error(entry.line(), entry.path(), Problem::Conflict { what });
    }
    names.tags.check(&entry.below("tag"), report);
    let (from, to) = (names.zones(&entry.below("from"), report), names.zones(&entry.below("to"), report));
    let (source, negate_source) = names.negatable(entry, "source", "negate-source", report);
    let (destination, negate_destination) =
        names.negatable(entry, "destination", "negate-destination", report);
    let source_user = names.users(&entry.below("source-user"), report);
    let application = names.applications(&entry.below("application"), report);
    let service = names.services(&entry.below("service"), report);
    let category = names.categories(&entry.below("category"), report);
    let schedule = names.schedule(&entry.below("schedule"), report);
    let usable = from.usable
        && to.usable
        && source.usable
        && destination.usable
        && source_user.usable
        && application.usable
        && service.usable
        && category.usable
        && schedule.usable;
    SecurityRule {
        name: name.into(),
        from: from.values,
        to: to.values,
        negate_source,
        negate_destination,
        source: source.values,
        destination: destination.values,
        source_user: source_user.values,
        application: application.values,
        service: service.values,
        category: category.values,
        schedule: schedule.values,
        rule_type: match entry.below("rule-type").word().as_str() {
            "intrazone" => RuleType::Intrazone,
            "interzone" => RuleType::Interzone,
            _ => RuleType::Universal,
        },
        action: Action::from_name(&entry.below("action").word()).unwrap_or(Action::Deny),
        icmp_unreachable: entry.below("icmp-unreachable").is_yes(),
        log_start: entry.below("log-start").is_yes(),
        log_end: entry.below("log-end").is_yes(),
        log_setting: names.log_profile(&entry.below("log-setting"), report),
        disabled: entry.below("disabled").is_yes() || entry.is_unread() || !usable,
        description: entry.below("description").text(),
    }
}

pub(super) fn defaults(root: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> [DefaultRule; 2] {
    ["intrazone-default", "interzone-default"].map(|name| {
        let entry = root.at(&["rulebase", "default-security-rules", "rules", name]);
        names.tags.check(&entry.below("tag"), report);
        DefaultRule {
            action: entry.below("action").value().and_then(|value| Action::from_name(value.text)),
            log_start: entry.below("log-start").is_yes(),
            log_end: entry.below("log-end").is_yes(),
            icmp_unreachable: entry.below("icmp-unreachable").is_yes(),
            log_setting: names.log_profile(&entry.below("log-setting"), report),
        }
    })
}
