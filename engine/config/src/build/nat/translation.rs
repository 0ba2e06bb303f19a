//! What a rule makes of source and destination.

use alloc::{format, vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Refused, prefix_length};
use crate::{
    Problem,
    build::{
        Value, View,
        addresses::{Found, merged},
        lists::Names,
    },
    parse::Report,
    typed::{
        AddressRange, DestinationTranslation, Distribution, Fallback, NatKind, NatRule, Prefix,
        SourceTranslation,
    },
};

/// Addresses of a dynamic-ip-and-port pool.
const MOST_PORT_ADDRESSES: u128 = 256;
/// Addresses of a dynamic-ip pool.
const MOST_DYNAMIC_ADDRESSES: u128 = 32_768;
/// Servers that share sessions.
const MOST_SERVERS: u128 = 32;

type Both = (Option<SourceTranslation>, Option<DestinationTranslation>);

/// Both translations of the rule at `entry`.
pub(super) fn read(
    entry: &View<'_>,
    rule: &NatRule,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Both, Refused> {
    let source = source(&entry.below("source-translation"), rule, names, report)?;
    let destination = destination(entry, rule, names, report)?;
    Ok((source, destination))
}

fn source(
    view: &View<'_>,
    rule: &NatRule,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Option<SourceTranslation>, Refused> {
    let kinds = ["dynamic-ip-and-port", "persistent-dynamic-ip-and-port", "dynamic-ip", "static-ip"]
        .map(|word| view.below(word));
    one_of(&kinds, "a source translation is of one type", report)?;
    let [plain, persistent, dynamic, fixed] = &kinds;
    if let Some(view) = [plain, persistent].into_iter().find(|view| view.exists()) {
        let pool = address_and_port(view, names, report)?;
        return Ok(Some(SourceTranslation::DynamicIpAndPort { pool, persistent: persistent.exists() }));
    }
    if dynamic.exists() {
        let pool = pool(&dynamic.below("translated-address"), MOST_DYNAMIC_ADDRESSES, names, report)?;
        let fallback = dynamic.below("fallback");
        let fallback = if fallback.exists() {
            Some(Fallback { pool: address_and_port(&fallback, names, report)? })
        } else {
            None
        };
        return Ok(Some(SourceTranslation::DynamicIp { pool, fallback }));
    }
    if !fixed.exists() {
        return Ok(None);
    }
    let translated = single(&fixed.below("translated-address"), names, report)?;
    let by_prefix = rule.kind == NatKind::Nat64;
    if !by_prefix && count(&rule.source) != count(&[translated]) {
        let what = format!(
            "`static-ip` needs as many translated addresses as the source has: {} and {}",
            count(&rule.source),
            count(&[translated])
        );
        return refuse(fixed, report, what);
    }
    let bidirectional = fixed.below("bi-directional").is_yes();
    Ok(Some(SourceTranslation::StaticIp { translated, bidirectional }))
}

fn destination(
    entry: &View<'_>,
    rule: &NatRule,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Option<DestinationTranslation>, Refused> {
    let kinds = ["destination-translation", "dynamic-destination-translation"].map(|word| entry.below(word));
    one_of(&kinds, "a destination translation is of one type", report)?;
    let [fixed, dynamic] = &kinds;
    let port = |view: &View<'_>| view.below("translated-port").number().and_then(|port| port.try_into().ok());
    if fixed.exists() {
        let translated = single(&fixed.below("translated-address"), names, report)?;
        let (new, old) = (count(&[translated]), count(&rule.destination));
        if new != 1 && new != old {
            let what = format!(
                "a destination translation needs one address, or as many as the destination has: {old} \
                 and {new}"
            );
            return refuse(fixed, report, what);
        }
        return Ok(Some(DestinationTranslation::Static { translated, port: port(fixed) }));
    }
    if dynamic.exists() {
        let ranges = pool(&dynamic.below("translated-address"), MOST_SERVERS, names, report)?;
        let distribution = match dynamic.below("distribution").word().as_str() {
            "source-ip-hash" => Distribution::SourceIpHash,
            "ip-modulo" => Distribution::IpModulo,
            "ip-hash" => Distribution::IpHash,
            "least-sessions" => Distribution::LeastSessions,
            _ => Distribution::RoundRobin,
        };
        let servers = ranges.into_iter().flat_map(each).collect();
        return Ok(Some(DestinationTranslation::Dynamic { servers, port: port(dynamic), distribution }));
    }
    Ok(embedded(rule).map(|prefix| DestinationTranslation::Embedded { prefix }))
}

/// RFC 6052: the prefix that the destinations of a rule from IPv6 to IPv4 lie behind.
fn embedded(rule: &NatRule) -> Option<Prefix> {
    let [destination] = rule.destination.as_slice() else { return None };
    let length = prefix_length(*destination)?;
    let fits = rule.kind == NatKind::Nat64
        && destination.first.is_ipv6()
        && matches!(length, 32 | 40 | 48 | 56 | 64 | 96);
    fits.then_some(Prefix { address: destination.first, length })
}

/// The pool of a translation of address and port: addresses, or an interface's own.
fn address_and_port(
    view: &View<'_>,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Vec<AddressRange>, Refused> {
    let kinds = ["translated-address", "interface-address"].map(|word| view.below(word));
    one_of(&kinds, "a pool is a `translated-address` or an `interface-address`", report)?;
    let [addresses, interface] = &kinds;
    if interface.exists() {
        return interface_address(interface, names, report);
    }
    pool(addresses, MOST_PORT_ADDRESSES, names, report)
}

fn interface_address(
    view: &View<'_>,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Vec<AddressRange>, Refused> {
    let below = view.below("interface");
    let Some(value) = below.value() else {
        let what = "an interface's address needs an `interface`";
        view.gap(report, view.line(), Problem::Incomplete { what });
        return Err(Refused);
    };
    let place = names.interface(&below, value, report).ok_or(Refused)?;
    let own = names.interfaces.get(place).map(|interface| interface.addresses.as_slice()).unwrap_or_default();
    let chosen = ["ip", "floating-ip"].map(|word| view.below(word));
    one_of(&chosen, "the address is an `ip` or a `floating-ip`", report)?;
    let [ip, floating] = &chosen;
    let address = if let Some(value) = floating.value() {
        prefix(floating, value, names, report)?.address
    } else if let Some(value) = ip.value() {
        let wanted = prefix(ip, value, names, report)?.address;
        if !own.iter().any(|own| own.address == wanted) {
            let what = format!("`{}` is not an address of this interface", value.text);
            return refuse(ip, report, what);
        }
        wanted
    } else {
        match own.first() {
            Some(first) => first.address,
            None => return refuse(&below, report, format!("`{}` has no address", value.text)),
        }
    };
    Ok(vec![AddressRange { first: address, last: address }])
}

fn prefix(
    view: &View<'_>,
    value: Value<'_>,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Prefix, Refused> {
    names.addresses.prefix(value.text).ok_or_else(|| {
        names.addresses.unknown(view, value, report);
        Refused
    })
}

/// At most so many addresses, at least one.
fn pool(
    view: &View<'_>,
    most: u128,
    names: Names<'_>,
    report: &mut Report<'_>,
) -> Result<Vec<AddressRange>, Refused> {
    let mut ranges = Vec::new();
    for value in view.values() {
        // Of a pool nothing may be missing: another address would take its place.
        if names.addresses.add(view, value, &mut ranges, report) != Found::All {
            return Err(Refused);
        }
    }
    // An address that is written twice is in the pool once.
    let ranges = merged(ranges);
    let addresses = count(&ranges);
    if addresses == 0 {
        let what = "the translation needs a `translated-address`";
        view.gap(report, view.line(), Problem::Incomplete { what });
        return Err(Refused);
    }
    if addresses > most {
        return refuse(view, report, format!("{addresses} addresses, where at most {most} may be"));
    }
    Ok(ranges)
}

/// Addresses in one row.
fn single(view: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> Result<AddressRange, Refused> {
    match pool(view, u128::MAX, names, report)?.as_slice() {
        [range] => Ok(*range),
        _ => refuse(view, report, "one address, prefix or range is needed".into()),
    }
}

fn one_of(views: &[View<'_>], what: &str, report: &mut Report<'_>) -> Result<(), Refused> {
    let mut used = views.iter().filter(|view| view.exists());
    match (used.next(), used.next()) {
        (Some(_), Some(second)) => refuse(second, report, what.into()),
        _ => Ok(()),
    }
}

fn refuse<T>(view: &View<'_>, report: &mut Report<'_>, what: alloc::string::String) -> Result<T, Refused> {
    view.gap(report, view.line(), Problem::Conflict { what });
    Err(Refused)
}

/// How many addresses these are.
fn count(ranges: &[AddressRange]) -> u128 {
    let size = |range: &AddressRange| bits(range.last).saturating_sub(bits(range.first)).saturating_add(1);
    ranges.iter().map(size).fold(0, u128::saturating_add)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Every address of a range that is known to be short.
fn each(range: AddressRange) -> impl Iterator<Item = IpAddr> {
    (bits(range.first)..=bits(range.last)).map(move |address| match range.first {
        IpAddr::V4(_) => u32::try_from(address).map_or(range.first, |bits| Ipv4Addr::from(bits).into()),
        IpAddr::V6(_) => Ipv6Addr::from(address).into(),
    })
}
