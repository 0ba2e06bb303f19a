//! Address translation rules.

mod translation;

use alloc::{format, string::String, vec::Vec};

use super::{View, lists::Names};
use crate::{
    Problem,
    parse::Report,
    typed::{AddressRange, DestinationTranslation, DeviceBinding, NatKind, NatRule, SourceTranslation},
};

/// A mistake that has been reported.
struct Refused;

pub(super) fn rules(root: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> Vec<NatRule> {
    let group = root.at(&["deviceconfig", "high-availability", "group"]);
    let is_pair = root.at(&["deviceconfig", "high-availability", "enabled", "yes"]).exists()
        && group.at(&["mode", "active-active"]).exists();
    let rules = root.at(&["rulebase", "nat", "rules"]).entries();
    rules.into_iter().map(|(name, entry)| rule(name, &entry, is_pair, names, report)).collect()
}

fn rule(name: &str, entry: &View<'_>, is_pair: bool, names: Names<'_>, report: &mut Report<'_>) -> NatRule {
    let kind = match entry.below("nat-type").word().as_str() {
        "nat64" => NatKind::Nat64,
        "nptv6" => NatKind::Nptv6,
        _ => NatKind::Ipv4,
    };
    names.tags.check(&entry.below("tag"), report);
    let (from, to) = (names.zones(&entry.below("from"), report), names.zones(&entry.below("to"), report));
    let source = names.addresses(&entry.below("source"), false, report);
    let destination = names.addresses(&entry.below("destination"), false, report);
    let service = names.services_only(&entry.below("service"), report);
    let view = entry.below("to-interface");
    let wanted = view.value().filter(|value| value.text != "any");
    let to_interface = wanted.and_then(|value| names.interface(&view, value, report));
    let mut usable = [&from.usable, &to.usable, &source.usable, &destination.usable, &service.usable]
        .iter()
        .all(|usable| **usable)
        && to_interface.is_some() == wanted.is_some();
    let mut rule = NatRule {
        name: name.into(),
        kind,
        from: from.values,
        to: to.values,
        to_interface,
        source: source.values,
        destination: destination.values,
        service: service.values,
        binding: match entry.below("active-active-device-binding").word().as_str() {
            "primary" => DeviceBinding::Primary,
            "0" => DeviceBinding::Device(0),
            "1" => DeviceBinding::Device(1),
            _ => DeviceBinding::Both,
        },
        description: entry.below("description").text(),
        ..NatRule::default()
    };
    match translation::read(entry, &rule, names, report) {
        Ok((source, destination)) => {
            rule.source_translation = source;
            rule.destination_translation = destination;
        }
        Err(Refused) => usable = false,
    }
    usable &= usable && check(entry, &rule, is_pair, report).is_ok();
    rule.disabled = entry.below("disabled").is_yes() || entry.is_unread() || !usable;
    rule
}

/// What the parts of a rule say together.
fn check(entry: &View<'_>, rule: &NatRule, is_pair: bool, report: &mut Report<'_>) -> Result<(), Refused> {
    let is_dynamic = matches!(
        rule.source_translation,
        Some(SourceTranslation::DynamicIp { .. } | SourceTranslation::DynamicIpAndPort { .. })
    );
    if is_pair && is_dynamic && !matches!(rule.binding, DeviceBinding::Device(_)) {
        let what = "of two active devices each has its own dynamic translation: \
                    `active-active-device-binding` must be `0` or `1`";
        return refuse(entry, report, what.into());
    }
    match rule.kind {
        NatKind::Ipv4 => all_of(entry, rule, false, report),
        NatKind::Nptv6 => {
            all_of(entry, rule, true, report)?;
            prefixes(entry, rule, report)
        }
        NatKind::Nat64 => between_families(entry, rule, report),
    }
}

fn refuse(entry: &View<'_>, report: &mut Report<'_>, what: String) -> Result<(), Refused> {
    entry.gap(report, entry.line(), Problem::Conflict { what });
    Err(Refused)
}

/// The addresses that a source becomes.
fn source_pool(translation: Option<&SourceTranslation>) -> Vec<AddressRange> {
    match translation {
        None => Vec::new(),
        Some(SourceTranslation::StaticIp { translated, .. }) => alloc::vec![*translated],
        Some(SourceTranslation::DynamicIpAndPort { pool, .. }) => pool.clone(),
        Some(SourceTranslation::DynamicIp { pool, fallback }) => {
            let more = fallback.iter().flat_map(|fallback| &fallback.pool);
            pool.iter().chain(more).copied().collect()
        }
    }
}

/// Whether the destinations that a rule leads to are IPv6; `None` where it leads to no other.
fn new_destination_is_ipv6(translation: Option<&DestinationTranslation>) -> Option<bool> {
    match translation {
        None => None,
        Some(DestinationTranslation::Static { translated, .. }) => Some(translated.first.is_ipv6()),
        Some(DestinationTranslation::Dynamic { servers, .. }) => {
            servers.first().map(|server| server.is_ipv6())
        }
        Some(DestinationTranslation::Embedded { .. }) => Some(false),
    }
}

/// A rule within one family has addresses of that family only.
fn all_of(entry: &View<'_>, rule: &NatRule, is_ipv6: bool, report: &mut Report<'_>) -> Result<(), Refused> {
    let pool = source_pool(rule.source_translation.as_ref());
    let other = [&rule.source, &rule.destination, &pool]
        .into_iter()
        .flatten()
        .find(|range| range.first.is_ipv6() != is_ipv6)
        .map(|range| format!("{}", range.first));
    let wrong = other.or_else(|| {
        let differs = new_destination_is_ipv6(rule.destination_translation.as_ref())? != is_ipv6;
        differs.then(|| "the translated destination".into())
    });
    match wrong {
        None => Ok(()),
        Some(address) => {
            let (kind, family) = if is_ipv6 { ("nptv6", "IPv6") } else { ("ipv4", "IPv4") };
            refuse(entry, report, format!("a rule of type `{kind}` is for {family}; {address} is not"))
        }
    }
}

/// RFC 6296: one prefix becomes another of the same length.
fn prefixes(entry: &View<'_>, rule: &NatRule, report: &mut Report<'_>) -> Result<(), Refused> {
    if rule.destination_translation.is_some() {
        return refuse(entry, report, "not supported: destination translation with `nptv6`".into());
    }
    let translated = match &rule.source_translation {
        None => return Ok(()),
        Some(SourceTranslation::StaticIp { translated, .. }) => *translated,
        Some(SourceTranslation::DynamicIp { .. } | SourceTranslation::DynamicIpAndPort { .. }) => {
            return refuse(entry, report, "`nptv6` translates by `static-ip` only".into());
        }
    };
    let lengths = match rule.source.as_slice() {
        [source] => (prefix_length(*source), prefix_length(translated)),
        _ => (None, None),
    };
    match lengths {
        (Some(inside), Some(outside)) if inside == outside && (32..=64).contains(&inside) => Ok(()),
        _ => {
            let what = "`nptv6` needs one source prefix and a translated prefix of the same length, \
                        32 to 64 bits";
            refuse(entry, report, what.into())
        }
    }
}

/// RFC 6146, 6052: the two sides of the rule are of different families.
fn between_families(entry: &View<'_>, rule: &NatRule, report: &mut Report<'_>) -> Result<(), Refused> {
    let mut ranges = rule.source.iter().chain(&rule.destination).map(|range| range.first.is_ipv6());
    let first = ranges.next();
    let Some(is_ipv6) = first.filter(|first| ranges.all(|other| other == *first)) else {
        let what = "`nat64` needs a destination, and source and destination of one family";
        return refuse(entry, report, what.into());
    };
    let pool = source_pool(rule.source_translation.as_ref());
    if pool.is_empty() || pool.iter().any(|range| range.first.is_ipv6() == is_ipv6) {
        let other = if is_ipv6 { "IPv4" } else { "IPv6" };
        return refuse(entry, report, format!("`nat64` needs a source translation to {other} addresses"));
    }
    if new_destination_is_ipv6(rule.destination_translation.as_ref()) != Some(!is_ipv6) {
        let what = if is_ipv6 {
            "`nat64` from IPv6 needs one destination prefix of 32, 40, 48, 56, 64 or 96 bits, or an IPv4 \
             destination translation"
        } else {
            "`nat64` from IPv4 needs an IPv6 destination translation"
        };
        return refuse(entry, report, what.into());
    }
    let embeds = pool.iter().all(|range| prefix_length(*range).is_some_and(|length| length == 96));
    if !is_ipv6 && !embeds {
        let what = "`nat64` from IPv4 needs a `static-ip` source translation to a prefix of 96 bits";
        return refuse(entry, report, what.into());
    }
    Ok(())
}

/// The length of the prefix that the range is, if it is one.
fn prefix_length(range: AddressRange) -> Option<u8> {
    let (first, last, width) = match (range.first, range.last) {
        (core::net::IpAddr::V4(first), core::net::IpAddr::V4(last)) => {
            (u128::from(first.to_bits()), u128::from(last.to_bits()), 32)
        }
        (core::net::IpAddr::V6(first), core::net::IpAddr::V6(last)) => (first.to_bits(), last.to_bits(), 128),
        (core::net::IpAddr::V4(_), core::net::IpAddr::V6(_))
        | (core::net::IpAddr::V6(_), core::net::IpAddr::V4(_)) => return None,
    };
    let hosts = first ^ last;
    let is_prefix = hosts & hosts.wrapping_add(1) == 0 && first & hosts == 0;
    is_prefix.then(|| width - u8::try_from(hosts.count_ones()).unwrap_or(width))
}
