//! What each kind of rule makes of a session.

use bifrons_config::typed::{
    DestinationTranslation, Distribution, Fallback, NatKind, Service, ServiceMatch, TimeoutOverride,
};

use super::*;

fn static_ip(source: &[AddressRange], translated: AddressRange) -> NatRule {
    NatRule {
        source: source.to_vec(),
        source_translation: Some(SourceTranslation::StaticIp { translated, bidirectional: true }),
        ..NatRule::default()
    }
}

fn to_servers(translated: AddressRange, port: Option<u16>) -> NatRule {
    NatRule {
        destination_translation: Some(DestinationTranslation::Static { translated, port }),
        ..NatRule::default()
    }
}

fn to(destination: &str, port: u16) -> NatRequest {
    NatRequest { destination: ip(destination), destination_port: port, ..tcp("198.51.100.7", 50_000) }
}

#[test]
fn static_ip_translates_by_place_and_back() {
    let rule =
        static_ip(&[range("10.0.0.10", "10.0.0.19"), one("10.0.1.1")], range("192.0.2.100", "192.0.2.110"));
    let mut world = World::new(&[rule]);
    for (source, translated) in
        [("10.0.0.10", "192.0.2.100"), ("10.0.0.19", "192.0.2.109"), ("10.0.1.1", "192.0.2.110")]
    {
        let session = world.open(&tcp(source, 4_321)).unwrap();
        assert_eq!((session.translation.source, session.translation.source_port), (ip(translated), 4_321));
        let inbound = NatRequest { is_reverse: true, ..to(translated, 80) };
        assert_eq!(world.nat.destination(&inbound), Ok((ip(source), 80)));
    }
    assert_eq!(world.open(&tcp("10.0.0.20", 1_000)), Err(NatRefusal::Untranslatable));
    let inbound = NatRequest { is_reverse: true, ..to("192.0.2.100", 80) };
    let session = world.open(&inbound).unwrap();
    assert_eq!(session.translation.source, ip("198.51.100.7"));
}

#[test]
fn a_static_translation_that_clashes_is_refused() {
    let mut world = World::new(&[static_ip(&[], one("192.0.2.1"))]);
    let first = world.open(&tcp("10.0.0.1", 4_000)).unwrap();
    assert_eq!(world.open(&tcp("10.0.0.2", 4_000)), Err(NatRefusal::Conflict));
    world.close(&first);
    assert!(world.open(&tcp("10.0.0.2", 4_000)).is_ok());
    assert_eq!(world.nat.counters().conflicts, 1);
}

#[test]
fn destinations_are_translated_by_place_with_their_ports() {
    let by_place = NatRule {
        destination: vec![range("192.0.2.10", "192.0.2.19")],
        ..to_servers(range("10.1.0.10", "10.1.0.19"), None)
    };
    let service = |ports: (u16, u16)| Service {
        name: "service".into(),
        protocol: TCP,
        ports: vec![ports],
        source_ports: vec![],
        timeouts: TimeoutOverride::default(),
    };
    let all_to_one = NatRule {
        service: ServiceMatch::Services(vec![service((80, 80)), service((8_000, 8_010))]),
        ..to_servers(one("10.1.0.1"), Some(9_000))
    };
    let world = World::new(&[by_place, all_to_one]);
    assert_eq!(world.nat.destination(&to("192.0.2.13", 8_080)), Ok((ip("10.1.0.13"), 8_080)));
    let second = |port| world.nat.destination(&NatRequest { rule: NatRuleId(1), ..to("192.0.2.1", port) });
    assert_eq!(second(8_000), Ok((ip("10.1.0.1"), 9_000)));
    assert_eq!(second(8_010), Ok((ip("10.1.0.1"), 9_010)));
    assert_eq!(second(80), Ok((ip("10.1.0.1"), 9_000)));
}

fn spread_over(servers: &[&str], distribution: Distribution) -> NatRule {
    let servers = servers.iter().map(|server| ip(server)).collect();
    NatRule {
        destination_translation: Some(DestinationTranslation::Dynamic {
            servers,
            port: Some(8_443),
            distribution,
        }),
        ..NatRule::default()
    }
}

const SERVERS: [&str; 3] = ["10.1.0.1", "10.1.0.2", "10.1.0.3"];

#[test]
fn round_robin_goes_on_with_each_session_that_is_allowed() {
    let mut world = World::new(&[spread_over(&SERVERS, Distribution::RoundRobin)]);
    let request = |port| NatRequest { source_port: port, ..to("192.0.2.1", 443) };
    for number in 0..6_u16 {
        // Asking takes nothing.
        let asked = world.nat.destination(&request(number)).unwrap();
        assert_eq!(asked, (ip(SERVERS[usize::from(number) % 3]), 8_443));
        assert_eq!(world.nat.destination(&request(number)), Ok(asked));
        let session = world.open(&request(number)).unwrap();
        assert_eq!((session.translation.destination, session.translation.destination_port), asked);
    }
}

#[test]
fn least_sessions_counts_those_that_live() {
    let mut world = World::new(&[spread_over(&SERVERS, Distribution::LeastSessions)]);
    let request = |port| NatRequest { source_port: port, ..to("192.0.2.1", 443) };
    let sessions: Vec<_> = (0..30).map(|port| world.open(&request(port)).unwrap()).collect();
    let second = ip(SERVERS[1]);
    let at_second = sessions.iter().filter(|session| session.translation.destination == second);
    assert_eq!(at_second.clone().count(), 10);
    for session in at_second {
        world.close(session);
    }
    for port in 100..110 {
        assert_eq!(world.open(&request(port)).unwrap().translation.destination, second);
    }
}

#[test]
fn hashes_and_modulo_stay_with_source_or_pair() {
    let of = |distribution, source: &str, destination: &str| {
        let world = World::new(&[spread_over(&SERVERS, distribution)]);
        let request = NatRequest { source: ip(source), ..to(destination, 443) };
        world.nat.destination(&request).unwrap().0
    };
    // (198.51.100.7 XOR 192.0.2.1) modulo 3, both as 32-bit numbers.
    let place = (0xc633_6407_u32 ^ 0xc000_0201) % 3;
    assert_eq!(of(Distribution::IpModulo, "198.51.100.7", "192.0.2.1"), ip(SERVERS[place as usize]));
    for host in 0..50 {
        let source = alloc::format!("198.51.100.{host}");
        let by_source = |destination| of(Distribution::SourceIpHash, &source, destination);
        assert_eq!(by_source("192.0.2.1"), by_source("192.0.2.2"));
    }
    let hosts = (0..50).map(|host| alloc::format!("198.51.100.{host}"));
    let used: BTreeSet<_> = hosts.map(|source| of(Distribution::IpHash, &source, "192.0.2.1")).collect();
    assert_eq!(used.len(), 3);
}

#[test]
fn dynamic_ip_keeps_ports_and_falls_back_when_it_is_used_up() {
    let rule = |fallback| NatRule {
        source_translation: Some(SourceTranslation::DynamicIp {
            pool: vec![range("192.0.2.1", "192.0.2.2")],
            fallback,
        }),
        ..NatRule::default()
    };
    let mut world = World::new(&[rule(None)]);
    let first = world.open(&tcp("10.0.0.1", 700)).unwrap();
    let second = world.open(&tcp("10.0.0.2", 700)).unwrap();
    assert_eq!((first.translation.source_port, second.translation.source_port), (700, 700));
    assert_ne!(first.translation.source, second.translation.source);
    assert_eq!(world.open(&tcp("10.0.0.3", 700)), Err(NatRefusal::Exhausted));
    world.commit(&[rule(Some(Fallback { pool: vec![one("192.0.2.9")] }))], &NatSettings::default());
    let third = world.open(&tcp("10.0.0.3", 700)).unwrap();
    assert_eq!(third.translation.source, ip("192.0.2.9"));
    assert_eq!(world.nat.counters().fallbacks, 1);
    for session in [first, second, third] {
        world.close(&session);
    }
    assert!(world.nat.is_idle());
    assert_eq!(world.nat.usage(RULE).unwrap().taken, 0);
}

#[test]
fn a_dynamic_ip_address_is_reserved_for_its_time() {
    let rule = [NatRule {
        source_translation: Some(SourceTranslation::DynamicIp {
            pool: vec![one("192.0.2.1")],
            fallback: None,
        }),
        ..NatRule::default()
    }];
    let settings = NatSettings { reserve_ip: true, reserve_time: 60, ..NatSettings::default() };
    let mut world = World::with(PortShare::WHOLE, &rule, &settings);
    let session = world.open(&tcp("10.0.0.1", 700)).unwrap();
    world.close(&session);
    let later = |seconds| NOW + core::time::Duration::from_secs(seconds);
    assert_eq!(world.open_at(later(59), &tcp("10.0.0.2", 700)), Err(NatRefusal::Exhausted));
    assert!(world.open_at(later(60), &tcp("10.0.0.2", 700)).is_ok());
}

#[test]
fn a_persistent_mapping_is_the_same_for_all_destinations() {
    let mut world = World::new(&[persistent(&[range("192.0.2.1", "192.0.2.8")])]);
    let towards = |host: u8| NatRequest {
        protocol: UDP,
        destination: IpAddr::from([203, 0, 113, host]),
        ..tcp("10.0.0.1", 5_061)
    };
    let sessions: Vec<_> = (0..40).map(|host| world.open(&towards(host)).unwrap()).collect();
    let outside = (sessions[0].translation.source, sessions[0].translation.source_port);
    for session in &sessions {
        assert_eq!((session.translation.source, session.translation.source_port), outside);
    }
    let mapped = Mapped { rule: RULE, address: ip("10.0.0.1"), port: 5_061 };
    assert_eq!(world.nat.mapped(UDP, outside.0, outside.1), Some(mapped));
    assert_eq!(world.nat.mapped(TCP, outside.0, outside.1), None);
    let (last, others) = sessions.split_last().unwrap();
    for session in others {
        world.close(session);
    }
    assert_eq!(world.nat.mapped(UDP, outside.0, outside.1), Some(mapped));
    let again = world.open(&towards(0)).unwrap();
    assert_eq!((again.translation.source, again.translation.source_port), outside);
    world.close(&again);
    world.close(last);
    assert!(world.nat.is_idle());
}

#[test]
fn a_mapping_whose_address_left_the_pool_lives_for_its_sessions_only() {
    let mut world = World::new(&[persistent(&[one("192.0.2.1")])]);
    let towards = |port| NatRequest { destination_port: port, ..tcp("10.0.0.1", 5_061) };
    let old = [1, 2].map(|port| world.open(&towards(port)).unwrap());
    world.commit(&[persistent(&[one("192.0.2.2")])], &NatSettings::default());
    let new = world.open(&towards(3)).unwrap();
    assert_eq!(new.translation.source, ip("192.0.2.2"));
    world.close(&old[0]);
    assert!(!world.nat.is_idle());
    world.close(&new);
    world.close(&old[1]);
    assert!(world.nat.is_idle());
}

#[test]
fn icmp_identifiers_are_ports_at_both_ends() {
    let mut world = World::new(&[ports(&[one("192.0.2.1")])]);
    let ping = |source: &str| NatRequest { protocol: ICMP, destination_port: 1, ..tcp(source, 1) };
    let sessions = ["10.0.0.1", "10.0.0.2"].map(|source| world.open(&ping(source)).unwrap());
    for session in &sessions {
        assert_eq!(session.translation.source_port, session.translation.destination_port);
        assert!(session.translation.source_port >= 1_024);
    }
    assert_ne!(sessions[0].translation.source_port, sessions[1].translation.source_port);
    for session in &sessions {
        world.close(session);
    }
    assert!(world.nat.is_idle());
}

#[test]
fn a_protocol_without_ports_has_one_session_for_each_pair_of_addresses() {
    let mut world = World::new(&[ports(&[range("192.0.2.1", "192.0.2.2")])]);
    let tunnel = |source: &str| NatRequest { protocol: GRE, destination_port: 0, ..tcp(source, 0) };
    let first = world.open(&tunnel("10.0.0.1")).unwrap();
    let second = world.open(&tunnel("10.0.0.2")).unwrap();
    assert_ne!(first.translation.source, second.translation.source);
    assert_eq!(world.open(&tunnel("10.0.0.3")), Err(NatRefusal::Exhausted));
    let elsewhere = NatRequest { destination: ip("203.0.113.2"), ..tunnel("10.0.0.3") };
    assert!(world.open(&elsewhere).is_ok());
    world.close(&first);
    assert!(world.open(&tunnel("10.0.0.3")).is_ok());
}

#[test]
fn nat64_from_either_side() {
    let prefix = Prefix { address: ip("64:ff9b::"), length: 96 };
    let to_v4 = NatRule {
        kind: NatKind::Nat64,
        destination: vec![range("64:ff9b::", "64:ff9b::ffff:ffff")],
        destination_translation: Some(DestinationTranslation::Embedded { prefix }),
        ..ports(&[one("192.0.2.1")])
    };
    let unsaid = NatRule { destination_translation: None, ..to_v4.clone() };
    let to_v6 = NatRule {
        kind: NatKind::Nat64,
        destination: vec![one("192.0.2.80")],
        source_translation: Some(SourceTranslation::StaticIp {
            translated: range("64:ff9b::", "64:ff9b::ffff:ffff"),
            bidirectional: false,
        }),
        ..to_servers(one("2001:db8::80"), None)
    };
    let mut world = World::new(&[to_v4, unsaid, to_v6]);
    for (rule, protocol) in [(0, TCP), (1, UDP), (0, ICMPV6)] {
        let request = NatRequest {
            rule: NatRuleId(rule),
            protocol,
            destination: ip("64:ff9b::198.51.100.9"),
            ..tcp("2001:db8::5", 3_333)
        };
        let session = world.open(&request).unwrap();
        assert_eq!(session.translation.source, ip("192.0.2.1"));
        assert_eq!(session.translation.destination, ip("198.51.100.9"));
        world.close(&session);
    }
    assert!(world.nat.is_idle());
    let session = world.open(&NatRequest { rule: NatRuleId(2), ..to("192.0.2.80", 80) }).unwrap();
    assert_eq!(session.translation.source, ip("64:ff9b::198.51.100.7"));
    assert_eq!(session.translation.destination, ip("2001:db8::80"));
}

#[test]
fn nptv6_out_and_back() {
    let rule = NatRule {
        kind: NatKind::Nptv6,
        ..static_ip(
            &[range("fd01:203:405::", "fd01:203:405:ffff:ffff:ffff:ffff:ffff")],
            range("2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff"),
        )
    };
    let mut world = World::new(&[rule]);
    let request = NatRequest { destination: ip("2001:db8:ffff::1"), ..tcp("fd01:203:405:1::1234", 5_000) };
    let session = world.open(&request).unwrap();
    assert_eq!(session.translation.source, ip("2001:db8:1:d550::1234"));
    let inbound = NatRequest {
        is_reverse: true,
        destination: ip("2001:db8:1:d550::1234"),
        ..tcp("2001:db8:ffff::1", 5_000)
    };
    assert_eq!(world.nat.destination(&inbound), Ok((ip("fd01:203:405:1::1234"), 443)));
}

#[test]
fn a_pool_of_the_other_family_translates_nothing() {
    let mut world = World::new(&[ports(&[one("2001:db8::1")])]);
    assert_eq!(world.open(&tcp("10.0.0.1", 1_000)), Err(NatRefusal::Untranslatable));
    assert_eq!(
        world.open(&NatRequest { rule: NatRuleId(9), ..tcp("10.0.0.1", 1) }),
        Err(NatRefusal::Untranslatable)
    );
}
