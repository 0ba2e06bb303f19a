//! Numbers over chains of commits: what keeps its number, what matches nothing any more, and random chains
//! against a policy that is compiled afresh.

use alloc::collections::BTreeMap;

use bifrons_config::typed::{Prefix, Route, RouteTarget};

use super::*;

/// Interfaces as (name, prefix), zones as (name, places of interfaces), rules as (name, rule).
fn edited(
    interfaces: &[(&str, &str)],
    zones: &[(&str, &[usize])],
    rules: Vec<(&str, SecurityRule)>,
) -> Config {
    Config {
        interfaces: interfaces.iter().map(|(name, network)| interface(name, network)).collect(),
        zones: zones.iter().map(|(name, interfaces)| zone(name, interfaces)).collect(),
        rules: rules.into_iter().map(|(name, rule)| SecurityRule { name: name.into(), ..rule }).collect(),
        ..config(vec![])
    }
}

fn interface(name: &str, network: &str) -> Interface {
    Interface {
        name: name.into(),
        addresses: vec![Prefix { address: ip(network), length: 24 }],
        ..Interface::default()
    }
}

fn chain(configs: &[Config]) -> Policy {
    let first = Policy::compile(&configs[0], Generation(1));
    configs[1..].iter().zip(2..).fold(first, |previous, (config, generation)| {
        Policy::compile_after(&previous, config, Generation(generation))
    })
}

fn before() -> Config {
    edited(
        &[("ethernet1/1", "10.0.0.1"), ("ethernet1/2", "192.0.2.1")],
        &[("trust", &[0]), ("untrust", &[1])],
        vec![("web", SecurityRule { application: vec![app::SSL], ..rule(Action::Allow) })],
    )
}

#[test]
fn rules_are_numbered_by_name_and_tried_in_order() {
    let stop = ("stop", rule(Action::Drop));
    let after =
        Config { rules: edited(&[], &[], vec![stop, ("web", rule(Action::Allow))]).rules, ..before() };
    let first = Policy::compile(&before(), Generation(1)).with_serial(String::from("0123"));
    let policy = Policy::compile_after(&first, &after, Generation(2));
    assert_eq!(policy.names().rules, ["web", "intrazone-default", "interzone-default", "stop"]);
    assert_eq!((policy.intrazone_default(), policy.interzone_default()), (RuleId(1), RuleId(2)));
    assert_eq!((policy.generation(), policy.names().serial.as_str()), (Generation(2), "0123"));
    assert_eq!((first.lookup(&QUERY).rule, policy.lookup(&QUERY).rule), (RuleId(0), RuleId(3)));
    let last = Policy::compile_after(&policy, &Config { rules: vec![], ..before() }, Generation(3));
    assert_eq!(last.names().rules, policy.names().rules);
    assert_eq!(last.lookup(&QUERY).rule, RuleId(2));
    assert_eq!(last.lookup(&Query { zone_to: ZoneId(0), ..QUERY }).rule, RuleId(1));
}

#[test]
fn a_retired_interface_has_no_route_and_no_zone_until_it_returns() {
    let without = edited(&[("ethernet1/2", "192.0.2.1")], &[("trust", &[]), ("untrust", &[0])], vec![]);
    let policy = chain(&[before(), without.clone()]);
    assert_eq!(policy.names().interfaces, ["ethernet1/1", "ethernet1/2"]);
    assert_eq!(policy.egress(ip("10.0.0.9")), None);
    assert_eq!(policy.zone_of(InterfaceId(0)), None);
    assert_eq!(policy.egress(ip("192.0.2.9")), Some(InterfaceId(1)));
    assert_eq!(policy.zone_of(InterfaceId(1)), Some(ZoneId(1)));
    let returned = chain(&[before(), without, before()]);
    assert_eq!(returned.ingress_of(ip("10.0.0.9")), Some(InterfaceId(0)));
    assert_eq!(returned.zone_of(InterfaceId(0)), Some(ZoneId(0)));
}

#[test]
fn a_retired_zone_is_in_no_rule_not_even_one_for_any() {
    let mut renamed = before();
    renamed.session.tcp_reject_non_syn = false;
    renamed.rules = vec![rule(Action::Allow)];
    renamed.zones[0] = Zone { tcp_reject_non_syn: Some(true), ..zone("inside", &[0]) };
    let policy = chain(&[before(), renamed]);
    assert_eq!(policy.names().zones, ["trust", "untrust", "inside"]);
    assert_eq!(policy.zone_of(InterfaceId(0)), Some(ZoneId(2)));
    assert!(policy.zone_settings(ZoneId(2)).tcp_reject_non_syn);
    assert!(!policy.zone_settings(ZoneId(0)).tcp_reject_non_syn);
    let decided = |from, to| {
        let (zone_from, zone_to) = (ZoneId(from), ZoneId(to));
        let rule = policy.lookup(&Query { zone_from, zone_to, ..QUERY }).rule;
        policy.names().rule(rule)
    };
    assert_eq!((decided(2, 1), decided(1, 2)), ("rule", "rule"));
    assert_eq!((decided(0, 1), decided(1, 0)), (Policy::INTERZONE_DEFAULT, Policy::INTERZONE_DEFAULT));
    assert_eq!(decided(0, 0), Policy::INTRAZONE_DEFAULT);
}

#[test]
fn the_last_zones_of_65_536_numbers() {
    let many = |word: &str, count: usize| {
        let zones = (0..count).map(|number| zone(&format!("{word}{number}"), &[])).collect();
        Config { zones, ..before() }
    };
    let mut last = before();
    last.zones.push(zone("late", &[]));
    last.zones[0].name = String::from("inside");
    let policy = chain(&[before(), many("z", 65_534), last.clone()]);
    assert_eq!(policy.names().zones.len(), 65_536);
    // `trust` and `untrust` went first; `untrust` came back.
    assert_eq!(policy.names().zone(ZoneId(0)), "inside");
    assert_eq!(policy.names().zone(ZoneId(1)), "untrust");
    assert_eq!(policy.names().zone(ZoneId(2)), "late");
    let full = chain(&[many("z", 65_536), {
        let mut full = many("z", 65_536);
        full.zones.extend(last.zones);
        full
    }]);
    assert_eq!(full.names().zones.len(), 65_536);
    assert_eq!((full.zone_of(InterfaceId(0)), full.zone_of(InterfaceId(1))), (None, None));
}

const INTERFACE_NAMES: [&str; 4] = ["ethernet1/1", "ethernet1/2", "ethernet1/3", "ethernet1/4"];
const ZONE_NAMES: [&str; 5] = ["trust", "untrust", "dmz", "guest", "lab"];
const RULE_NAMES: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

/// Some of the names in any order.
fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(names, 0..=names.len()).prop_shuffle()
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    (any_address(), 0u8..=4).prop_map(|(address, short)| Prefix {
        address,
        length: if address.is_ipv4() { 32 - short } else { 128 - short },
    })
}

fn any_override() -> impl Strategy<Value = Option<bool>> {
    prop::option::of(any::<bool>())
}

prop_compose! {
    fn any_config()(
        interfaces in some_of(&INTERFACE_NAMES),
        zones in some_of(&ZONE_NAMES),
        rules in some_of(&RULE_NAMES),
    )(
        addresses in prop::collection::vec(prop::collection::vec(any_prefix(), 0..3), interfaces.len()),
        routes in prop::collection::vec((any_prefix(), 0..interfaces.len().max(1)), 0..4),
        members in prop::collection::vec(0..zones.len() + 1, interfaces.len()),
        settings in prop::collection::vec((any_override(), any_override()), zones.len()),
        bodies in prop::collection::vec(any_rule(), rules.len()),
        actions in prop::collection::vec(prop::option::of(prop::sample::select(Action::ALL.to_vec())), 2),
        interfaces in Just(interfaces),
        zones in Just(zones),
        rules in Just(rules),
    ) -> Config {
        let within = |places: &[usize]| -> Vec<usize> {
            places.iter().copied().filter(|place| *place < zones.len()).collect()
        };
        let default = |action: &Option<Action>| DefaultRule { action: *action, ..DefaultRule::default() };
        Config {
            interfaces: interfaces.iter().zip(addresses)
                .map(|(name, addresses)| {
                    Interface { name: String::from(*name), addresses, ..Interface::default() }
                })
                .collect(),
            routes: routes.into_iter().filter(|(_, interface)| *interface < interfaces.len())
                .map(|(destination, interface)| Route {
                    destination,
                    next_hop: RouteTarget::Interface(interface),
                    ..Route::default()
                })
                .collect(),
            zones: zones.iter().zip(settings).enumerate().map(|(place, (name, settings))| Zone {
                name: String::from(*name),
                interfaces: (0..members.len()).filter(|interface| members[*interface] == place).collect(),
                tcp_reject_non_syn: settings.0,
                asymmetric_path_bypass: settings.1,
                protection: None,
            }).collect(),
            rules: rules.iter().zip(bodies).map(|(name, rule)| SecurityRule {
                name: String::from(*name),
                from: within(&rule.from),
                to: within(&rule.to),
                ..rule
            }).collect(),
            intrazone_default: default(&actions[0]),
            interzone_default: default(&actions[1]),
            ..config(vec![])
        }
    }
}

/// A number's place in a list of names.
fn number_of(names: &[String], name: &str) -> Option<u16> {
    names.iter().position(|known| known == name).and_then(|place| u16::try_from(place).ok())
}

/// A decision and the name of its rule, with the number taken out.
fn told(policy: &Policy, query: &Query, from: &str, to: &str) -> Option<(String, Decision)> {
    let zone = |name: &str| number_of(&policy.names().zones, name).map(ZoneId);
    let query = Query { zone_from: zone(from)?, zone_to: zone(to)?, ..*query };
    let decision = policy.lookup(&query);
    Some((policy.names().rule(decision.rule).into(), Decision { rule: RuleId(0), ..decision }))
}

/// What a policy says of an address: interface, zone and the zone's settings, by name.
fn way_to(policy: &Policy, address: IpAddr) -> Option<(&str, Option<(&str, crate::ZoneSettings)>)> {
    let interface = policy.egress(address)?;
    let zone = policy.zone_of(interface);
    let zone = zone.map(|zone| (policy.names().zone(zone), policy.zone_settings(zone)));
    Some((policy.names().interface(interface), zone))
}

fn check_against_fresh(policy: &Policy, config: &Config, queries: &[Query]) -> Result<(), TestCaseError> {
    let fresh = Policy::compile(config, policy.generation());
    for query in queries {
        for from in &config.zones {
            for to in &config.zones {
                let found = told(policy, query, &from.name, &to.name);
                prop_assert!(found.is_some());
                prop_assert_eq!(found, told(&fresh, query, &from.name, &to.name));
            }
        }
        for address in [query.source, query.destination] {
            prop_assert_eq!(way_to(policy, address), way_to(&fresh, address));
        }
    }
    for interface in &config.interfaces {
        let zone = |policy: &Policy| {
            let number = number_of(&policy.names().interfaces, &interface.name).map(InterfaceId);
            number.map(|number| policy.zone_of(number).map(|zone| String::from(policy.names().zone(zone))))
        };
        prop_assert!(zone(policy).is_some());
        prop_assert_eq!(zone(policy), zone(&fresh));
    }
    let names = policy.names();
    prop_assert_eq!(names.rule(policy.intrazone_default()), Policy::INTRAZONE_DEFAULT);
    prop_assert_eq!(names.rule(policy.interzone_default()), Policy::INTERZONE_DEFAULT);
    Ok(())
}

/// What the configuration has no longer is on no way and in no rule but the default ones.
fn check_retired(policy: &Policy, config: &Config, queries: &[Query]) -> Result<(), TestCaseError> {
    let names = policy.names();
    for (name, number) in names.interfaces.iter().zip(0..) {
        if !config.interfaces.iter().any(|interface| interface.name == *name) {
            prop_assert_eq!(policy.zone_of(InterfaceId(number)), None);
        }
    }
    let is_retired = |name: &str| !config.zones.iter().any(|zone| zone.name == name);
    for query in queries {
        for from in &names.zones {
            for to in names.zones.iter().filter(|to| is_retired(from) || is_retired(to)) {
                let rule = told(policy, query, from, to).map(|(rule, _)| rule);
                let default = if from == to { Policy::INTRAZONE_DEFAULT } else { Policy::INTERZONE_DEFAULT };
                prop_assert_eq!(rule.as_deref(), Some(default));
            }
        }
    }
    Ok(())
}

/// Notes each name's number and holds later policies to it.
fn check_numbers(known: &mut BTreeMap<String, usize>, names: &[String]) -> Result<(), TestCaseError> {
    for (number, name) in names.iter().enumerate() {
        prop_assert_eq!(*known.entry(name.clone()).or_insert(number), number, "{}", name);
    }
    prop_assert_eq!(known.len(), names.len());
    Ok(())
}

proptest! {
    #[test]
    fn chains_of_commits_decide_as_if_compiled_afresh_and_numbers_stay(
        configs in prop::collection::vec(any_config(), 1..6),
        queries in prop::collection::vec(any_query(), 1..8),
    ) {
        let (mut zones, mut interfaces, mut rules) = Default::default();
        let mut policy = Policy::compile(&configs[0], Generation(1));
        for (config, generation) in configs.iter().zip(1..) {
            if generation > 1 {
                policy = Policy::compile_after(&policy, config, Generation(generation));
            }
            prop_assert_eq!(policy.generation(), Generation(generation));
            check_numbers(&mut zones, &policy.names().zones)?;
            check_numbers(&mut interfaces, &policy.names().interfaces)?;
            check_numbers(&mut rules, &policy.names().rules)?;
            check_against_fresh(&policy, config, &queries)?;
            check_retired(&policy, config, &queries)?;
        }
    }
}
