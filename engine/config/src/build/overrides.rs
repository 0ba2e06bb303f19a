//! Application override rules.

use alloc::vec::Vec;

use super::{View, lists::Names};
use crate::{Problem, parse::Report, schema::parse_ports, typed::ApplicationOverride};

pub(super) fn rules(root: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> Vec<ApplicationOverride> {
    let rules = root.at(&["rulebase", "application-override", "rules"]).entries();
    rules.into_iter().filter_map(|(name, entry)| rule(name, &entry, names, report)).collect()
}

fn rule(
    name: &str,
    entry: &View<'_>,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Option<ApplicationOverride> {
    names.tags.check(&entry.below("tag"), report);
    let (from, to) = (names.zones(&entry.below("from"), report), names.zones(&entry.below("to"), report));
    let (source, negate_source) = names.negatable(entry, "source", "negate-source", report);
    let (destination, negate_destination) =
        names.negatable(entry, "destination", "negate-destination", report);
    let (protocol, ports, application) =
        (entry.below("protocol").value(), entry.below("port").value(), entry.below("application"));
    let (Some(protocol), Some(ports), Some(wanted)) = (protocol, ports, application.value()) else {
        let what = "an override needs a `protocol`, a `port` and an `application`";
        entry.gap(report, entry.line(), Problem::Incomplete { what });
        return None;
    };
    let usable = from.usable && to.usable && source.usable && destination.usable;
    Some(ApplicationOverride {
        name: name.into(),
        from: from.values,
        to: to.values,
        negate_source,
        negate_destination,
        source: source.values,
        destination: destination.values,
        protocol: if protocol.text == "tcp" { 6 } else { 17 },
        ports: parse_ports(ports.text)?,
        application: names.applications.one(&application, wanted, report)?,
        disabled: entry.below("disabled").is_yes() || entry.is_unread() || !usable,
    })
}
