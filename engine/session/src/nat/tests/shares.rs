//! What a pool holds, to the last port.

use super::*;

/// As many sessions to different servers as there are, each from a port of its own.
fn fill(world: &mut World, source_port: impl Fn(u32) -> u16) -> Vec<Translated> {
    let mut sessions = Vec::new();
    for number in 0_u32.. {
        let request = NatRequest {
            source: IpAddr::from((0x0a00_0000 + number).to_be_bytes()),
            source_port: source_port(number),
            destination: IpAddr::from((0xcb00_0000 + number).to_be_bytes()),
            ..tcp("10.0.0.1", 0)
        };
        match world.open(&request) {
            Ok(session) => sessions.push(session),
            Err(refusal) => {
                assert_eq!(refusal, NatRefusal::Exhausted);
                break;
            }
        }
    }
    sessions
}

fn source_port(number: u32) -> u16 {
    1_024 + (number % 60_000) as u16
}

fn ports_of(sessions: &[Translated]) -> BTreeSet<u16> {
    sessions.iter().map(|session| session.translation.source_port).collect()
}

#[test]
fn an_address_has_64512_ports_and_then_none() {
    let mut world = World::new(&[ports(&[one("192.0.2.1")])]);
    let sessions = fill(&mut world, source_port);
    assert_eq!(sessions.len(), 64_512);
    assert_eq!(ports_of(&sessions), (1024..=65_535).collect());
    assert_eq!(world.nat.counters().exhausted, 1);
    let usage = world.nat.usage(RULE).unwrap();
    assert_eq!((usage.taken, usage.addresses, usage.failures), (64_512, 1, 1));
    // Another protocol has ports of its own.
    assert!(world.open(&NatRequest { protocol: UDP, ..tcp("10.9.9.9", 5000) }).is_ok());
    for session in &sessions {
        world.close(session);
    }
    let udp = world.nat.usage(RULE).unwrap();
    assert_eq!(udp.taken, 1);
    assert!(world.open(&tcp("10.0.0.1", 5000)).is_ok());
}

#[test]
fn a_port_that_is_given_back_is_given_again() {
    let mut world = World::new(&[ports(&[one("192.0.2.1")])]);
    let sessions = fill(&mut world, source_port);
    let freed = sessions[4711];
    world.close(&freed);
    let again = world.open(&tcp("10.200.0.1", 6000)).unwrap();
    assert_eq!(again.translation.source_port, freed.translation.source_port);
    assert_eq!(world.open(&tcp("10.200.0.1", 6001)), Err(NatRefusal::Exhausted));
}

#[test]
fn parity_and_range_are_kept_while_there_is_room() {
    let mut world = World::new(&[ports(&[one("192.0.2.1")])]);
    for port in [1_u16, 2, 80, 443, 1022, 1023, 1024, 1025, 40_000, 65_535] {
        let session = world.open(&NatRequest { protocol: UDP, ..tcp("10.0.0.1", port) }).unwrap();
        let translated = session.translation.source_port;
        assert_eq!(translated % 2, port % 2, "{port}");
        assert_eq!(translated < 1024, port < 1024, "{port}");
        assert_ne!(translated, 0);
    }
}

#[test]
fn low_ports_give_way_to_high_ones_when_they_are_used_up() {
    let mut world = World::new(&[ports(&[one("192.0.2.1")])]);
    let mut low = Vec::new();
    for number in 0..1_100_u16 {
        let port = 2 + number % 500 * 2;
        low.push(world.open(&NatRequest { destination_port: number, ..tcp("10.9.9.9", port) }).unwrap());
    }
    let (even, rest) = low.split_at(511);
    assert!(even.iter().all(|session| session.translation.source_port % 2 == 0));
    assert_eq!(ports_of(&low).range(..1_024).count(), 1_023);
    assert!(rest[512..].iter().all(|session| session.translation.source_port >= 1_024));
    assert_eq!(fill(&mut world, source_port).len(), 64_512 - (1_100 - 1_023));
}

#[test]
fn a_full_address_is_followed_by_the_next() {
    let mut world = World::new(&[ports(&[range("192.0.2.1", "192.0.2.2")])]);
    let sessions = fill(&mut world, source_port);
    assert_eq!(sessions.len(), 2 * 64_512);
}

#[test]
fn a_source_keeps_its_address() {
    let mut world = World::new(&[ports(&[range("192.0.2.0", "192.0.2.15")])]);
    let mut used = BTreeSet::new();
    for host in 1..=200_u8 {
        let source = alloc::format!("10.0.0.{host}");
        let mut of_host = BTreeSet::new();
        for port in 2_000..2_020 {
            of_host.insert(world.open(&tcp(&source, port)).unwrap().translation.source);
        }
        assert_eq!(of_host.len(), 1, "paired pooling");
        used.extend(of_host);
    }
    assert_eq!(used.len(), 16, "all addresses are used");
}

#[test]
fn two_halves_never_meet() {
    let rule = [ports(&[one("192.0.2.1")])];
    let halves = [0, 1].map(|device| {
        let mut world = World::with(PortShare::half(device), &rule, &NatSettings::default());
        ports_of(&fill(&mut world, |number| (number % 60_000) as u16))
    });
    assert!(halves[0].is_disjoint(&halves[1]));
    let both: BTreeSet<u16> = halves[0].union(&halves[1]).copied().collect();
    assert_eq!(both, (1..=65_535).collect());
    assert_eq!(halves.map(|ports| ports.len()), [511 + 32_256, 512 + 32_256]);
}

#[test]
fn the_survivor_takes_over_without_a_clash() {
    let rule = [ports(&[one("192.0.2.1")])];
    let mut first = World::with(PortShare::half(0), &rule, &NatSettings::default());
    let mut second = World::with(PortShare::half(1), &rule, &NatSettings::default());
    let theirs: Vec<Translated> =
        (0..500).map(|port| second.open(&tcp("10.0.1.1", 2_000 + port)).unwrap()).collect();
    for session in &theirs {
        assert!(first.nat.reserve(session));
        first.table.insert(tuple_of(TCP, &session.translation));
    }
    let mine = fill(&mut first, source_port);
    assert_eq!(mine.len(), 32_256);
    first.nat.set_other_half(true);
    let more = fill(&mut first, source_port);
    assert_eq!(more.len(), 32_256 - 500);
    for session in &theirs {
        first.close(session);
    }
    assert_eq!(fill(&mut first, source_port).len(), 500);
    first.nat.set_other_half(false);
    first.close(&more[0]);
    assert_eq!(first.open(&tcp("10.0.3.1", 2_000)), Err(NatRefusal::Exhausted));
    assert!(!first.nat.reserve(&mine[0]), "a port that is taken cannot be reserved");
    assert_eq!(first.nat.counters().reserve_conflicts, 1);
}

/// The other device's half is not touched while anything of the own one is left, at whatever address.
#[test]
fn the_other_half_comes_last() {
    let mut world = World::with(
        PortShare::half(1),
        &[ports(&[range("192.0.2.1", "192.0.2.2")])],
        &NatSettings::default(),
    );
    world.nat.set_other_half(true);
    let sessions = fill(&mut world, source_port);
    let (own, other) = sessions.split_at(2 * 32_256);
    assert!(own.iter().all(|session| session.translation.source_port >= 33_280));
    assert!(other.iter().all(|session| session.translation.source_port < 33_280));
    assert_eq!(other.len(), 2 * 32_256);
}

/// Workers divide the other device's half as they divide their own.
#[test]
fn workers_take_over_without_a_clash() {
    let rule = [ports(&[one("192.0.2.1")])];
    let parts = [0, 1, 2].map(|worker| {
        let share = PortShare::half(0).of_worker(worker, 3);
        let mut world = World::with(share, &rule, &NatSettings::default());
        world.nat.set_other_half(true);
        ports_of(&fill(&mut world, source_port))
    });
    assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), 64_512);
    assert_eq!(parts.iter().flatten().collect::<BTreeSet<_>>().len(), 64_512);
}

/// A device that comes back learns of no ICMP sessions.
#[test]
fn icmp_keeps_to_the_own_half() {
    let mut world = World::with(PortShare::half(0), &[ports(&[one("192.0.2.1")])], &NatSettings::default());
    world.nat.set_other_half(true);
    let mut identifiers = BTreeSet::new();
    for number in 0_u32.. {
        let source = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let ping = NatRequest { protocol: ICMP, source, destination_port: 7, ..tcp("10.0.0.1", 7) };
        match world.open(&ping) {
            Ok(session) => assert!(identifiers.insert(session.translation.source_port)),
            Err(refusal) => {
                assert_eq!(refusal, NatRefusal::Exhausted);
                break;
            }
        }
    }
    assert_eq!(identifiers, (1_024..33_280).collect());
}

/// Of a pool of whole addresses, too, the other device's are given when the own ones are used up.
#[test]
fn addresses_of_the_other_device_come_last() {
    let pool = SourceTranslation::DynamicIp { pool: vec![range("192.0.2.0", "192.0.2.7")], fallback: None };
    let rule = [NatRule { source_translation: Some(pool), ..NatRule::default() }];
    let mut world = World::with(PortShare::half(0), &rule, &NatSettings::default());
    world.nat.set_other_half(true);
    let mut places = Vec::new();
    for number in 1..=8 {
        let session = world.open(&tcp(&alloc::format!("10.0.0.{number}"), 5_000)).unwrap();
        let IpAddr::V4(address) = session.translation.source else { panic!("{session:?}") };
        places.push(address.octets()[3]);
    }
    assert_eq!(places, [0, 2, 4, 6, 1, 3, 5, 7]);
    assert_eq!(world.open(&tcp("10.0.0.9", 5_000)), Err(NatRefusal::Exhausted));
}

#[test]
fn oversubscription_multiplies_the_ports_for_different_destinations() {
    for (times, factor) in [
        (Oversubscription::Once, 1),
        (Oversubscription::Twice, 2),
        (Oversubscription::FourTimes, 4),
        (Oversubscription::EightTimes, 8),
    ] {
        let rule = [ports(&[one("192.0.2.1")])];
        let mut world = World::with(PortShare::half(0), &rule, &oversubscribed(times));
        let sessions = fill(&mut world, source_port);
        assert_eq!(sessions.len(), factor * 32_256);
        for session in &sessions {
            world.close(session);
        }
        assert!(world.nat.is_idle());
    }
}

#[test]
fn one_destination_has_each_port_once_however_much_is_oversubscribed() {
    let rule = [ports(&[one("192.0.2.1")])];
    let settings = oversubscribed(Oversubscription::EightTimes);
    let mut world = World::with(PortShare::WHOLE, &rule, &settings);
    let mut taken = BTreeSet::new();
    for number in 0..20_000_u32 {
        let source = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        let session = world.open(&NatRequest { source, ..tcp("10.0.0.1", 5_000) }).unwrap();
        assert!(taken.insert(session.translation.source_port));
    }
}

#[test]
fn sessions_outlive_changes_of_pool_and_oversubscription() {
    let wide = [ports(&[range("192.0.2.1", "192.0.2.4")])];
    let mut world = World::with(PortShare::WHOLE, &wide, &oversubscribed(Oversubscription::EightTimes));
    let mut sessions = Vec::new();
    for number in 0..5_000_u32 {
        let destination = IpAddr::from((0xcb00_0000 + number).to_be_bytes());
        let source = IpAddr::from((0x0a00_0000 + number % 97).to_be_bytes());
        sessions.push(world.open(&NatRequest { source, destination, ..tcp("10.0.0.1", 5_000) }).unwrap());
    }
    world.commit(&[ports(&[one("198.51.100.1")])], &oversubscribed(Oversubscription::Once));
    let fresh = world.open(&tcp("10.0.0.1", 5_001)).unwrap();
    assert_eq!(fresh.translation.source, ip("198.51.100.1"));
    world.commit(&[], &NatSettings::default());
    assert_eq!(world.open(&tcp("10.0.0.1", 5_002)).map(|own| own.translation.source), Ok(ip("10.0.0.1")));
    for session in sessions.iter().chain([&fresh]) {
        world.close(session);
    }
    assert!(world.nat.is_idle());
}

#[test]
fn what_the_table_knows_is_not_given() {
    let mut world = World::new(&[ports(&[one("192.0.2.1")])]);
    // Sessions that no pool knows of have all ports to the server but one.
    for port in (1024..=65_535).filter(|port| *port != 30_001) {
        world.table.insert((TCP, ip("192.0.2.1"), port, ip("203.0.113.1"), 443));
    }
    let found = (0..10_000).find_map(|_| world.open(&tcp("10.0.0.1", 5_001)).ok());
    if let Some(session) = found {
        assert_eq!(session.translation.source_port, 30_001);
    }
    assert!(world.open(&NatRequest { destination_port: 80, ..tcp("10.0.0.1", 5_001) }).is_ok());
}
