//! Security rules.

use alloc::{format, string::String, vec::Vec};

use bifrons_catalog as catalog;
use bifrons_model::{Action, AppId};

use super::{Value, View, objects::Objects};
use crate::{
    Problem,
    parse::Report,
    typed::{AddressRange, DefaultRule, RuleType, SecurityRule, Service, ServiceMatch, Zone},
};

pub(super) fn security(
    root: &View<'_>,
    objects: &Objects,
    zones: &[Zone],
    report: &mut Report<'_>,
) -> Vec<SecurityRule> {
    let rules = root.at(&["rulebase", "security", "rules"]).entries();
    rules.into_iter().map(|(name, entry)| rule(name, &entry, objects, zones, report)).collect()
}

fn rule(
    name: &str,
    entry: &View<'_>,
    objects: &Objects,
    zones: &[Zone],
    report: &mut Report<'_>,
) -> SecurityRule {
    if matches!(name, "intrazone-default" | "interzone-default") {
        let what = format!("`{name}` is changed under `rulebase default-security-rules rules`");
        report.error(entry.line(), entry.path.clone(), Problem::Conflict { what });
    }
    let zone_list = |word, report: &mut Report<'_>| zone_list(&entry.below(word), zones, report);
    let (from, to) = (zone_list("from", report), zone_list("to", report));
    let negate_source = entry.below("negate-source").is_yes();
    let source = address_list(&entry.below("source"), objects, negate_source, report);
    let negate_destination = entry.below("negate-destination").is_yes();
    let destination = address_list(&entry.below("destination"), objects, negate_destination, report);
    let application = application_list(&entry.below("application"), report);
    let service = service_match(&entry.below("service"), objects, report);
    let lists_usable =
        [from.usable, to.usable, source.usable, destination.usable, application.usable, service.usable];
    SecurityRule {
        name: name.into(),
        from: from.values,
        to: to.values,
        negate_source: negate_source && !source.values.is_empty(),
        negate_destination: negate_destination && !destination.values.is_empty(),
        source: source.values,
        destination: destination.values,
        application: application.values,
        service: service.values,
        rule_type: match entry.below("rule-type").word().as_str() {
            "intrazone" => RuleType::Intrazone,
            "interzone" => RuleType::Interzone,
            _ => RuleType::Universal,
        },
        action: Action::from_name(&entry.below("action").word()).unwrap_or(Action::Deny),
        icmp_unreachable: entry.below("icmp-unreachable").is_yes(),
        log_start: entry.below("log-start").is_yes(),
        log_end: entry.below("log-end").is_yes(),
        disabled: entry.below("disabled").is_yes() || entry.is_unread() || lists_usable.contains(&false),
        description: entry.below("description").value().map_or_else(String::new, |value| value.text.into()),
        ..SecurityRule::default()
    }
}

pub(super) fn defaults(root: &View<'_>) -> [DefaultRule; 2] {
    ["intrazone-default", "interzone-default"].map(|name| {
        let entry = root.at(&["rulebase", "default-security-rules", "rules", name]);
        DefaultRule {
            action: entry.below("action").value().and_then(|value| Action::from_name(value.text)),
            log_start: entry.below("log-start").is_yes(),
            log_end: entry.below("log-end").is_yes(),
        }
    })
}

/// One of a rule's lists.
struct List<T> {
    values: T,
    /// Whether the rule is still for no other traffic than the one it was written for. An empty list means
    /// `any`, so a list of which nothing could be read must not be taken for one.
    usable: bool,
}

/// Reads a list of which `any` is the empty one. `resolve` gives what a value stands for.
fn list<T>(
    view: &View<'_>,
    report: &mut Report<'_>,
    mut resolve: impl FnMut(Value<'_>, &mut Report<'_>) -> Option<Vec<T>>,
) -> List<Vec<T>> {
    let values = view.values();
    if let Some(any) = values.iter().find(|value| value.text == "any") {
        let alone = values.len() == 1;
        if !alone {
            view.gap(report, any.line, Problem::NotAlone { word: "any" });
        }
        return List { values: Vec::new(), usable: alone };
    }
    let (mut resolved, mut complete) = (Vec::new(), true);
    for value in &values {
        match resolve(*value, report) {
            Some(more) => resolved.extend(more),
            None => complete = false,
        }
    }
    if resolved.is_empty() && complete && view.exists() {
        view.gap(
            report,
            view.line(),
            Problem::Incomplete { what: "the list is empty: the rule is for nothing" },
        );
    }
    let usable = !view.exists() || !resolved.is_empty();
    List { values: resolved, usable }
}

fn zone_list(view: &View<'_>, zones: &[Zone], report: &mut Report<'_>) -> List<Vec<usize>> {
    list(view, report, |value, report| {
        let place = zones.iter().position(|zone| zone.name == value.text);
        if place.is_none() {
            view.unknown(report, "zone", value, zones.iter().map(|zone| zone.name.as_str()));
        }
        place.map(|place| alloc::vec![place])
    })
}

fn address_list(
    view: &View<'_>,
    objects: &Objects,
    negate: bool,
    report: &mut Report<'_>,
) -> List<Vec<AddressRange>> {
    let mut complete = true;
    let mut list = list(view, report, |value, report| {
        let ranges = objects.addresses(value.text);
        if ranges.is_none() {
            complete = false;
            view.unknown(report, "address", value, objects.address_names());
        }
        ranges
    });
    if negate && list.values.is_empty() {
        let what = "a negated list needs addresses: without them the rule is for nothing";
        view.gap(report, view.line(), Problem::Incomplete { what });
    }
    // What is missing in a negated list would be matched.
    list.usable &= !negate || (complete && !list.values.is_empty());
    list
}

fn application_list(view: &View<'_>, report: &mut Report<'_>) -> List<Vec<AppId>> {
    list(view, report, |value, report| {
        let app = catalog::by_name(value.text);
        if app.is_none() {
            let known = catalog::applications().iter().skip(1).map(|application| application.name);
            view.unknown(report, "application", value, known);
        }
        app.map(|app| alloc::vec![app])
    })
}

fn service_match(view: &View<'_>, objects: &Objects, report: &mut Report<'_>) -> List<ServiceMatch> {
    let values = view.values();
    if let Some(value) = values.iter().find(|value| value.text == "application-default") {
        let usable = values.len() == 1;
        if !usable {
            view.gap(report, value.line, Problem::NotAlone { word: "application-default" });
        }
        return List { values: ServiceMatch::ApplicationDefault, usable };
    }
    let services: List<Vec<Service>> = list(view, report, |value, report| {
        let service = objects.service(value.text);
        if service.is_none() {
            let known = objects.service_names().chain(["any", "application-default"]);
            view.unknown(report, "service", value, known);
        }
        service.map(|service| alloc::vec![service.clone()])
    });
    let usable = services.usable;
    let values =
        if services.values.is_empty() { ServiceMatch::Any } else { ServiceMatch::Services(services.values) };
    List { values, usable }
}
