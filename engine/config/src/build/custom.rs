//! Custom applications.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use bifrons_catalog as catalog;
use bifrons_model::AppId;

use super::{
    View,
    groups::{self, Groups},
    tags::Tags,
};
use crate::{
    Problem,
    parse::Report,
    schema::{parse_app_ports, parse_hex},
    typed::{CustomApplication, PortPattern, Signature, SignatureCondition, SignatureTest},
};

/// The number of the custom application at this place.
pub(super) fn id(place: usize) -> Option<AppId> {
    u16::try_from(place).ok().and_then(|place| catalog::CUSTOM_FIRST.checked_add(place)).map(AppId)
}

/// The custom applications in the order of their first line. One of which not all could be read is left
/// out: it might be taken for more traffic than was meant.
pub(super) fn read(root: &View<'_>, tags: &Tags<'_>, report: &mut Report<'_>) -> Vec<CustomApplication> {
    let mut found: Vec<(View<'_>, CustomApplication)> = Vec::new();
    let mut parents = Groups::new();
    for (name, entry) in root.below("application").entries() {
        tags.check(&entry.below("tag"), report);
        if catalog::by_name(name).is_some() {
            let what = format!("the catalogue has an application `{name}`");
            entry.gap(report, entry.line(), Problem::Conflict { what });
        } else if id(found.len()).is_none() {
            let what = format!("more than {} custom applications", u16::MAX - catalog::CUSTOM_FIRST);
            report.error(entry.line(), entry.path(), Problem::Conflict { what });
            break;
        } else if !entry.is_reserved(name, report)
            && let Some(application) = application(name, &entry, report)
        {
            found.push((entry, application));
            parents.insert(name, entry.below("parent-app"));
        }
    }
    let kept = with_parents(&parents, report);
    found.retain(|(_, application)| kept.contains(application.name.as_str()));
    let places: BTreeMap<String, usize> =
        found.iter().enumerate().map(|(place, (_, application))| (application.name.clone(), place)).collect();
    let mut applications = Vec::with_capacity(found.len());
    for (entry, mut application) in found {
        application.parent = entry.below("parent-app").value().and_then(|value| {
            let custom = places.get(value.text).and_then(|place| id(*place));
            custom.or_else(|| catalog::by_name(value.text))
        });
        applications.push(application);
    }
    applications
}

/// The applications whose parents are known: without its parent, one would be looked for everywhere.
fn with_parents<'a>(parents: &Groups<'a>, report: &mut Report<'_>) -> BTreeSet<&'a str> {
    let mut kept: BTreeSet<&str> = BTreeSet::new();
    for name in groups::in_order(parents, "is a part of", report) {
        let Some((view, value)) = parents.get(name).and_then(|view| Some((view, view.value()?))) else {
            kept.insert(name);
            continue;
        };
        let is_known = value.text == "None" || catalog::by_name(value.text).is_some();
        if is_known || kept.contains(value.text) {
            kept.insert(name);
        } else if !parents.contains_key(value.text) {
            let known = catalog::applications().iter().skip(1).map(|application| application.name);
            view.unknown(report, "application", value, known.chain(parents.keys().copied()));
        }
    }
    kept
}

fn application(name: &str, entry: &View<'_>, report: &mut Report<'_>) -> Option<CustomApplication> {
    let timeout = |words: [&'static str; 2]| {
        words.iter().find_map(|word| entry.below(word).number()).filter(|seconds| *seconds > 0)
    };
    let mut signatures = Vec::new();
    for (name, entry) in entry.below("signature").entries() {
        signatures.push(signature(name, &entry, report)?);
    }
    Some(CustomApplication {
        name: name.into(),
        category: entry.below("category").word(),
        subcategory: entry.below("subcategory").word(),
        technology: entry.below("technology").word(),
        risk: entry.below("risk").number().and_then(|risk| risk.try_into().ok()).unwrap_or(1),
        parent: None,
        ports: ports(&entry.below("default"), report)?,
        udp_timeout: timeout(["udp-timeout", "timeout"]),
        tcp_timeout: timeout(["tcp-timeout", "timeout"]),
        tcp_half_closed_timeout: entry.below("tcp-half-closed-timeout").number(),
        tcp_time_wait_timeout: entry.below("tcp-time-wait-timeout").number(),
        signatures,
    })
}

fn ports(view: &View<'_>, report: &mut Report<'_>) -> Option<Vec<PortPattern>> {
    let kinds = ["port", "ident-by-ip-protocol", "ident-by-icmp-type", "ident-by-icmp6-type"]
        .map(|word| view.below(word));
    let mut used = kinds.iter().filter(|view| view.exists());
    if let (Some(_), Some(second)) = (used.next(), used.next()) {
        let what = "an application is known by ports, a protocol or an ICMP type".into();
        second.gap(report, second.line(), Problem::Conflict { what });
        return None;
    }
    let byte = |view: &View<'_>| view.number().and_then(|number| u8::try_from(number).ok());
    let [ports, protocol, icmp, icmp6] = &kinds;
    let mut patterns: Vec<PortPattern> =
        ports.values().iter().filter_map(|value| parse_app_ports(value.text)).flatten().collect();
    patterns.extend(byte(protocol).map(PortPattern::Protocol));
    for (view, is_icmp6) in [(icmp, false), (icmp6, true)] {
        let (kind, code) = (byte(&view.below("type")), byte(&view.below("code")));
        match kind {
            Some(kind) if is_icmp6 => patterns.push(PortPattern::Icmp6(kind, code)),
            Some(kind) => patterns.push(PortPattern::Icmp(kind, code)),
            None if view.exists() => {
                view.gap(report, view.line(), Problem::Incomplete { what: "an ICMP `type` is needed" });
                return None;
            }
            None => {}
        }
    }
    Some(patterns)
}

fn signature(name: &str, entry: &View<'_>, report: &mut Report<'_>) -> Option<Signature> {
    let mut conditions = Vec::new();
    for (name, entry) in entry.below("and-condition").entries() {
        let mut tests = Vec::new();
        for (_, entry) in entry.below("or-condition").entries() {
            tests.push(test(&entry, report)?);
        }
        if tests.is_empty() {
            entry.gap(report, entry.line(), Problem::Incomplete { what: "an `or-condition` is needed" });
            return None;
        }
        conditions.push(SignatureCondition { name: name.into(), tests });
    }
    if conditions.is_empty() {
        entry.gap(report, entry.line(), Problem::Incomplete { what: "an `and-condition` is needed" });
        return None;
    }
    Some(Signature {
        name: name.into(),
        scope_session: entry.below("scope").word() == "session",
        order_free: entry.below("order-free").is_yes(),
        conditions,
    })
}

fn test(entry: &View<'_>, report: &mut Report<'_>) -> Option<SignatureTest> {
    let operator = entry.below("operator");
    let kinds = ["pattern-match", "greater-than", "less-than", "equal-to"].map(|word| operator.below(word));
    let mut used = kinds.iter().filter(|view| view.exists());
    let (Some(view), None) = (used.next(), used.next()) else {
        let what = "a condition needs one operator";
        entry.gap(report, entry.line(), Problem::Incomplete { what });
        return None;
    };
    let [pattern, greater, less, _] = &kinds;
    let context = view.below("context").value().map(|value| String::from(value.text));
    let number = view.below("value").value().and_then(|value| parse_hex(value.text));
    let test = if pattern.exists() {
        let pattern = pattern.below("pattern").value().map(|value| String::from(value.text));
        context.zip(pattern).map(|(context, pattern)| SignatureTest::Pattern { context, pattern })
    } else if greater.exists() {
        context.zip(number).map(|(context, value)| SignatureTest::Greater { context, value })
    } else if less.exists() {
        context.zip(number).map(|(context, value)| SignatureTest::Less { context, value })
    } else {
        let position = view.below("position").number();
        let mask = parse_hex(&view.below("mask").word());
        context.zip(number).zip(position.zip(mask)).map(|((context, value), (position, mask))| {
            SignatureTest::Equal { context, position, mask, value }
        })
    };
    if test.is_none() {
        let what = "an operator needs a `context` and a `pattern` or `value`";
        view.gap(report, view.line(), Problem::Incomplete { what });
    }
    test
}
