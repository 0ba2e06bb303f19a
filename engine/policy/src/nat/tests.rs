//! Each condition, order, and random rules against a matcher that is plainly right.

use alloc::{format, vec, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{
        AddressRange, DestinationTranslation, DeviceBinding, Interface, NatKind, NatRule, Prefix, Service,
        ServiceMatch, SourceTranslation, TimeoutOverride, Zone,
    },
};
use bifrons_model::{Generation, InterfaceId, NatRuleId, ZoneId};
use proptest::prelude::*;

use super::{NatMismatch, NatOwner, NatQuery, NatWarning, ProxyArp};
use crate::Policy;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

fn one(address: &str) -> AddressRange {
    range(address, address)
}

fn named(name: &str) -> NatRule {
    NatRule { name: name.into(), ..NatRule::default() }
}

fn interface(name: &str, address: &str, length: u8) -> Interface {
    Interface {
        name: name.into(),
        addresses: vec![Prefix { address: ip(address), length }],
        ..Interface::default()
    }
}

/// trust and untrust, with 10.0.0.1/24 and 192.0.2.1/24.
fn config(nat_rules: Vec<NatRule>) -> Config {
    let zone = |name: &str, place| Zone { name: name.into(), interfaces: vec![place], ..Zone::default() };
    Config {
        interfaces: vec![interface("ethernet1/1", "10.0.0.1", 24), interface("ethernet1/2", "192.0.2.1", 24)],
        zones: vec![zone("trust", 0), zone("untrust", 1)],
        nat_rules,
        ..Config::default()
    }
}

fn compile(nat_rules: Vec<NatRule>) -> Policy {
    Policy::compile(&config(nat_rules), Generation(1))
}

const QUERY: NatQuery = NatQuery {
    zone_from: ZoneId(0),
    zone_to: ZoneId(1),
    interface_out: InterfaceId(1),
    source: IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 9)),
    destination: IpAddr::V4(core::net::Ipv4Addr::new(203, 0, 113, 1)),
    source_port: 50_000,
    destination_port: 443,
    protocol: 6,
};

fn mismatch(rule: NatRule) -> Option<NatMismatch> {
    mismatch_of(rule, NatOwner::ALONE)
}

fn mismatch_of(rule: NatRule, owner: NatOwner) -> Option<NatMismatch> {
    let policy = compile(vec![rule]);
    let explanation = policy.explain_nat(&QUERY, owner);
    assert_eq!(explanation.decision, policy.nat(&QUERY, owner));
    assert_eq!(explanation.decision.is_none(), explanation.earlier.len() == 1);
    explanation.earlier.first().map(|(_, _, mismatch)| *mismatch)
}

fn service(protocol: u8, ports: &[(u16, u16)], source_ports: &[(u16, u16)]) -> ServiceMatch {
    ServiceMatch::Services(vec![Service {
        name: "service".into(),
        protocol,
        ports: ports.to_vec(),
        source_ports: source_ports.to_vec(),
        timeouts: TimeoutOverride::default(),
    }])
}

#[test]
fn each_condition_tells_why_it_is_not_met() {
    use NatMismatch::*;
    let any = || named("rule");
    for (rule, expected) in [
        (any(), None),
        (NatRule { disabled: true, ..any() }, Some(Disabled)),
        (NatRule { kind: NatKind::Nptv6, ..any() }, Some(Family)),
        (NatRule { kind: NatKind::Nat64, ..any() }, None),
        (NatRule { from: vec![0], to: vec![1], to_interface: Some(1), ..any() }, None),
        (NatRule { from: vec![1], ..any() }, Some(FromZone)),
        (NatRule { to: vec![0], ..any() }, Some(ToZone)),
        (NatRule { to_interface: Some(0), ..any() }, Some(ToInterface)),
        (NatRule { source: vec![range("10.0.0.0", "10.0.0.255")], ..any() }, None),
        (NatRule { source: vec![one("10.0.0.8"), one("10.0.0.10")], ..any() }, Some(Source)),
        (NatRule { source: vec![range("::", "ffff::")], ..any() }, Some(Source)),
        (NatRule { destination: vec![one("203.0.113.2")], ..any() }, Some(Destination)),
        (NatRule { service: service(6, &[(400, 500)], &[]), ..any() }, None),
        (NatRule { service: service(17, &[(443, 443)], &[]), ..any() }, Some(Service)),
        (NatRule { service: service(6, &[(80, 80)], &[]), ..any() }, Some(Service)),
        (NatRule { service: service(6, &[(443, 443)], &[(1, 1023)]), ..any() }, Some(Service)),
        (NatRule { service: service(6, &[(443, 443)], &[(50_000, 50_001)]), ..any() }, None),
    ] {
        assert_eq!(mismatch(rule.clone()), expected, "{rule:?}");
    }
}

#[test]
fn rules_are_for_the_devices_that_they_are_bound_to() {
    let owner = |device_id, is_primary| NatOwner { device_id, is_primary };
    for (binding, of_zero, of_one_primary) in [
        (DeviceBinding::Both, true, true),
        (DeviceBinding::Device(0), true, false),
        (DeviceBinding::Device(1), false, true),
        (DeviceBinding::Primary, false, true),
    ] {
        let takes = |owner| mismatch_of(NatRule { binding, ..named("rule") }, owner).is_none();
        assert_eq!(takes(owner(0, false)), of_zero, "{binding:?}");
        assert_eq!(takes(owner(1, true)), of_one_primary, "{binding:?}");
    }
}

#[test]
fn the_first_match_decides_even_if_it_translates_nothing() {
    let translating = NatRule { source_translation: pool(&[one("192.0.2.9")]), ..named("dynamic") };
    let exempt = NatRule { destination: vec![one("203.0.113.1")], ..named("exempt") };
    let policy = compile(vec![exempt, translating]);
    let decision = policy.nat(&QUERY, NatOwner::ALONE).unwrap();
    assert_eq!((policy.names().nat_rule(decision.rule), decision.translates), ("exempt", false));
    let elsewhere = NatQuery { destination: ip("203.0.113.2"), ..QUERY };
    let decision = policy.nat(&elsewhere, NatOwner::ALONE).unwrap();
    assert_eq!((policy.names().nat_rule(decision.rule), decision.translates), ("dynamic", true));
    assert_eq!(compile(vec![]).nat(&QUERY, NatOwner::ALONE), None);
}

#[test]
fn rules_keep_their_numbers_over_commits() {
    let first = Policy::compile(&config(vec![named("a"), named("b")]), Generation(1));
    let second = Policy::compile_after(&first, &config(vec![named("new"), named("b")]), Generation(2));
    let numbers: Vec<_> = second.nat_rules().map(|(id, rule)| (id.0, rule.name.as_str())).collect();
    assert_eq!(numbers, [(2, "new"), (1, "b")]);
    assert_eq!(second.names().nat_rules, ["a", "b", "new"]);
}

fn pool(ranges: &[AddressRange]) -> Option<SourceTranslation> {
    Some(SourceTranslation::DynamicIpAndPort { pool: ranges.to_vec(), persistent: false })
}

fn static_ip(translated: AddressRange, bidirectional: bool) -> Option<SourceTranslation> {
    Some(SourceTranslation::StaticIp { translated, bidirectional })
}

#[test]
fn a_bidirectional_rule_is_two() {
    let rule = NatRule {
        from: vec![0],
        to: vec![1],
        source: vec![one("10.0.0.9")],
        source_translation: static_ip(one("192.0.2.9"), true),
        ..named("server")
    };
    let catch_all = NatRule { destination: vec![one("192.0.2.9")], ..named("late") };
    let policy = compile(vec![rule.clone(), catch_all.clone()]);
    let out = policy.nat(&QUERY, NatOwner::ALONE).unwrap();
    assert_eq!((out.rule, out.is_reverse, out.translates), (NatRuleId(0), false, true));
    let inbound =
        NatQuery { zone_from: ZoneId(1), source: ip("203.0.113.1"), destination: ip("192.0.2.9"), ..QUERY };
    let back = policy.nat(&inbound, NatOwner::ALONE).unwrap();
    assert_eq!((back.rule, back.is_reverse, back.translates), (NatRuleId(0), true, true));
    let from_inside =
        policy.nat(&NatQuery { source: ip("10.0.0.77"), zone_from: ZoneId(0), ..inbound }, NatOwner::ALONE);
    assert!(from_inside.unwrap().is_reverse);
    let one_way = NatRule { source_translation: static_ip(one("192.0.2.9"), false), ..rule };
    let decision = compile(vec![one_way, catch_all]).nat(&inbound, NatOwner::ALONE).unwrap();
    assert_eq!((decision.rule, decision.is_reverse), (NatRuleId(1), false));
}

#[test]
fn proxy_arp_is_for_translated_addresses_in_an_interface_network() {
    let policy = compile(vec![
        NatRule {
            from: vec![0],
            to: vec![1],
            source_translation: pool(&[range("192.0.2.0", "192.0.2.3")]),
            ..named("a")
        },
        NatRule {
            from: vec![1],
            to: vec![1],
            destination: vec![one("192.0.2.80"), one("198.51.100.80")],
            destination_translation: Some(DestinationTranslation::Static {
                translated: one("10.0.0.80"),
                port: None,
            }),
            binding: DeviceBinding::Primary,
            ..named("b")
        },
        NatRule { disabled: true, source_translation: pool(&[one("192.0.2.99")]), ..named("c") },
        NatRule { source_translation: pool(&[one("192.0.2.1")]), ..named("d") },
    ]);
    let entry = |addresses, binding| ProxyArp { addresses, binding };
    assert_eq!(
        policy.proxy_arp_addresses(InterfaceId(1)),
        [
            entry(one("192.0.2.0"), DeviceBinding::Both),
            entry(range("192.0.2.2", "192.0.2.3"), DeviceBinding::Both),
            entry(one("192.0.2.80"), DeviceBinding::Primary),
        ]
    );
    assert!(policy.proxy_arp_addresses(InterfaceId(0)).is_empty());
    assert!(policy.proxy_arp_addresses(InterfaceId(7)).is_empty());
}

#[test]
fn warnings() {
    let dynamic = |name: &str, first: &str, last: &str| NatRule {
        to: vec![1],
        source_translation: Some(SourceTranslation::DynamicIp {
            pool: vec![range(first, last)],
            fallback: None,
        }),
        ..named(name)
    };
    let policy = compile(vec![
        NatRule { from: vec![0], ..dynamic("dynamic", "192.0.2.1", "192.0.2.20") },
        NatRule {
            from: vec![0],
            to: vec![1],
            source: vec![one("10.0.0.9")],
            source_translation: static_ip(one("192.0.2.15"), false),
            ..named("static")
        },
        NatRule { from: vec![0], to: vec![1], source: vec![one("10.0.0.9")], ..named("exempt") },
        NatRule { source_translation: pool(&[one("192.0.2.1")]), ..named("interface") },
        NatRule { from: vec![1], source_translation: pool(&[one("192.0.2.1")]), ..named("again") },
    ]);
    let (first, second) = (NatRuleId(0), NatRuleId(1));
    assert_eq!(
        policy.nat_warnings(),
        [
            NatWarning::PoolsOverlap { first, second },
            NatWarning::PoolsOverlap { first, second: NatRuleId(3) },
            NatWarning::PoolsOverlap { first, second: NatRuleId(4) },
            NatWarning::PoolHasInterfaceAddress {
                rule: first,
                interface: InterfaceId(1),
                address: ip("192.0.2.1"),
            },
            NatWarning::StaticBelowDynamic { rule: second, by: first },
            NatWarning::Shadowed { rule: NatRuleId(2), by: first },
            NatWarning::Shadowed { rule: NatRuleId(4), by: NatRuleId(3) },
        ]
    );
    let fine = NatRule { source_translation: pool(&[one("192.0.2.1")]), ..named("interface") };
    assert!(compile(vec![fine]).nat_warnings().is_empty());
}

fn small_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        4 => (0..16_u8).prop_map(|host| IpAddr::from([10, 0, 0, host])),
        1 => (0..16_u16).prop_map(|host| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host])),
    ]
}

fn small_ranges() -> impl Strategy<Value = Vec<AddressRange>> {
    let range = (small_address(), 0..8_u8).prop_map(|(first, more)| {
        let last = match first {
            IpAddr::V4(first) => IpAddr::from((first.to_bits() + u32::from(more)).to_be_bytes()),
            IpAddr::V6(first) => IpAddr::from((first.to_bits() + u128::from(more)).to_be_bytes()),
        };
        AddressRange { first, last }
    });
    prop_oneof![2 => Just(vec![]), 3 => prop::collection::vec(range, 1..4)]
}

fn small_service() -> impl Strategy<Value = ServiceMatch> {
    let ports = |from: u16, more: u16| (from, from + more);
    let listed = (prop_oneof![Just(6_u8), Just(17)], 0..12_u16, 0..4_u16, prop::option::of(0..12_u16))
        .prop_map(move |(protocol, first, more, source)| {
            let source_ports: Vec<_> = source.map(|first| ports(first, 5)).into_iter().collect();
            service(protocol, &[ports(first, more), (9, 9)], &source_ports)
        });
    prop_oneof![2 => Just(ServiceMatch::Any), 3 => listed]
}

fn any_rule() -> impl Strategy<Value = NatRule> {
    let zones = || prop::collection::vec(0..4_usize, 0..3);
    let kind = prop_oneof![5 => Just(NatKind::Ipv4), 1 => Just(NatKind::Nat64), 1 => Just(NatKind::Nptv6)];
    let binding = prop_oneof![
        4 => Just(DeviceBinding::Both),
        1 => (0..2_u8).prop_map(DeviceBinding::Device),
        1 => Just(DeviceBinding::Primary),
    ];
    let translation = prop_oneof![3 => Just(None), 1 => small_address().prop_map(|at| {
        static_ip(AddressRange { first: at, last: at }, true)
    })];
    let places = (zones(), zones(), prop::option::weighted(0.2, 0..3_usize));
    let rest = (binding, prop::bool::weighted(0.1), translation);
    (kind, places, small_ranges(), small_ranges(), small_service(), rest).prop_map(
        |(kind, (from, to, to_interface), source, destination, service, rest)| NatRule {
            kind,
            from,
            to,
            to_interface,
            source,
            destination,
            service,
            binding: rest.0,
            disabled: rest.1,
            source_translation: rest.2,
            ..NatRule::default()
        },
    )
}

fn any_query() -> impl Strategy<Value = (NatQuery, NatOwner)> {
    let ends = (any::<bool>(), 0..16_u8, 0..16_u8).prop_map(|(is_v6, source, destination)| {
        let address = |host: u8| match is_v6 {
            false => IpAddr::from([10, 0, 0, host]),
            true => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(host)]),
        };
        (address(source), address(destination))
    });
    let ports = (0..14_u16, 0..14_u16, prop_oneof![Just(6_u8), Just(17), Just(1)]);
    (0..4_u16, 0..4_u16, 0..3_u16, ends, ports, (0..2_u8, any::<bool>())).prop_map(
        |(from, to, interface, (source, destination), (source_port, destination_port, protocol), owner)| {
            let query = NatQuery {
                zone_from: ZoneId(from),
                zone_to: ZoneId(to),
                interface_out: InterfaceId(interface),
                source,
                destination,
                source_port,
                destination_port,
                protocol,
            };
            (query, NatOwner { device_id: owner.0, is_primary: owner.1 })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_tree_finds_what_asking_every_rule_finds(
        rules in prop::collection::vec(any_rule(), 0..80),
        queries in prop::collection::vec(any_query(), 1..60),
    ) {
        let mut config = config(rules);
        let zone = |number| Zone { name: format!("zone{number}"), ..Zone::default() };
        config.zones = (0..4).map(zone).collect();
        config.interfaces.push(interface("ethernet1/3", "10.0.0.5", 8));
        let policy = Policy::compile(&config, Generation(1));
        for (query, owner) in queries {
            prop_assert_eq!(policy.nat(&query, owner), policy.explain_nat(&query, owner).decision);
        }
    }
}
