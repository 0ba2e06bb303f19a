use alloc::{string::String, vec, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{
        Ecmp, EcmpAlgorithm, Interface, InterfaceWeight, Prefix, Route, RouteMonitor, RouteTarget,
        VirtualRouter,
    },
};
use bifrons_model::{InterfaceId, VirtualRouterId};
use proptest::prelude::*;

use super::*;

const R0: VirtualRouterId = VirtualRouterId(0);
const R1: VirtualRouterId = VirtualRouterId(1);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').unwrap();
    Prefix { address: ip(address), length: length.parse().unwrap() }
}

fn interface(addresses: &[&str]) -> Interface {
    Interface { addresses: addresses.iter().map(|text| prefix(text)).collect(), ..Interface::default() }
}

fn route(destination: &str, next_hop: RouteTarget) -> Route {
    Route {
        name: destination.into(),
        destination: prefix(destination),
        next_hop,
        distance: 10,
        metric: 10,
        ..Route::default()
    }
}

fn via(address: &str, interface: usize) -> RouteTarget {
    RouteTarget::Gateway { address: ip(address), interface }
}

/// Interfaces are numbered by their places.
fn rib(config: &Config) -> Rib {
    Rib::from_config(config, &numbers(config.interfaces.len()))
}

fn numbers(count: usize) -> Vec<Option<InterfaceId>> {
    (0..count as u16).map(|number| Some(InterfaceId(number))).collect()
}

fn flow(source: &str, destination: &str, source_port: u16) -> Flow {
    Flow { source: ip(source), destination: ip(destination), source_port, destination_port: 443 }
}

fn look(fib: &Fib, router: VirtualRouterId, address: &str) -> Option<Forwarding> {
    fib.lookup(router, ip(address), &flow("192.0.2.1", "192.0.2.2", 1))
}

fn to(interface: u16, gateway: &str) -> Option<Forwarding> {
    let gateway = (!gateway.is_empty()).then(|| ip(gateway));
    Some(Forwarding::Via(Forward { interface: InterfaceId(interface), gateway }))
}

fn two_interfaces() -> Config {
    Config {
        interfaces: vec![
            interface(&["10.0.0.1/24", "2001:db8::1/64"]),
            interface(&["10.1.0.1/16", "2001:db8:1::1/64"]),
        ],
        routes: vec![
            route("0.0.0.0/0", via("10.1.0.254", 1)),
            route("10.0.0.0/24", via("10.1.0.9", 1)),
            route("10.0.0.128/25", RouteTarget::Interface(1)),
            route("255.255.255.255/32", RouteTarget::Interface(0)),
            route("10.9.0.0/16", RouteTarget::Discard),
            route("2001:db8:8000::/33", via("2001:db8:1::2", 1)),
        ],
        ..Config::default()
    }
}

#[test]
fn the_longest_prefix_decides_and_connected_comes_first() {
    let fib = rib(&two_interfaces()).fib();
    assert_eq!(look(&fib, R0, "10.0.0.5"), to(0, ""));
    assert_eq!(look(&fib, R0, "10.0.0.129"), to(1, ""));
    assert_eq!(look(&fib, R0, "10.0.1.0"), to(1, "10.1.0.254"));
    assert_eq!(look(&fib, R0, "10.9.1.1"), Some(Forwarding::Discard));
    assert_eq!(look(&fib, R0, "255.255.255.255"), to(0, ""));
    assert_eq!(look(&fib, R0, "0.0.0.0"), to(1, "10.1.0.254"));
    assert_eq!(look(&fib, R0, "2001:db8::ffff"), to(0, ""));
    assert_eq!(look(&fib, R0, "2001:db8:ffff::"), to(1, "2001:db8:1::2"));
    assert_eq!(look(&fib, R0, "2001:db8:0:1::"), None);
    assert_eq!(look(&fib, R1, "10.0.0.5"), None, "there is one virtual router");
    assert_eq!(look(&rib(&Config::default()).fib(), R0, "10.0.0.1"), None);
    assert_eq!(look(&Fib::default(), R0, "10.0.0.1"), None);
}

#[test]
fn what_is_down_gives_way_to_the_next_best_and_then_to_the_shorter_prefix() {
    let mut config = two_interfaces();
    config.routes.push(Route { distance: 20, ..route("198.51.100.0/24", via("10.1.0.7", 1)) });
    config.routes.push(Route { metric: 9, ..route("198.51.100.0/24", via("10.0.0.7", 0)) });
    config.routes.push(route("198.51.100.0/24", via("10.0.0.8", 0)));
    let mut rib = rib(&config);
    assert_eq!(look(&rib.fib(), R0, "198.51.100.1"), to(0, "10.0.0.7"));
    let before = rib.fib();
    rib.set_interface(InterfaceId(0), false);
    let fib = rib.fib();
    assert_eq!(look(&before, R0, "198.51.100.1"), to(0, "10.0.0.7"), "a table never changes");
    assert_eq!(look(&fib, R0, "198.51.100.1"), to(1, "10.1.0.7"));
    assert_eq!(look(&fib, R0, "10.0.0.5"), to(1, "10.1.0.9"), "the static route for the connected network");
    assert_eq!(look(&fib, R0, "2001:db8::1"), None);
    rib.set_interface(InterfaceId(1), false);
    assert_eq!(look(&rib.fib(), R0, "198.51.100.1"), None);
    assert_eq!(look(&rib.fib(), R0, "10.9.0.1"), Some(Forwarding::Discard));
    rib.set_interface(InterfaceId(0), true);
    rib.set_interface(InterfaceId(1), true);
    assert_eq!(look(&rib.fib(), R0, "198.51.100.1"), to(0, "10.0.0.7"));
    assert_eq!(look(&rib.fib(), R0, "192.0.2.1"), to(1, "10.1.0.254"));
}

#[test]
fn an_interface_that_is_taken_down_has_no_routes() {
    let mut config = two_interfaces();
    config.interfaces[0].link_up = false;
    let mut rib = rib(&config);
    assert_eq!(look(&rib.fib(), R0, "10.0.0.5"), to(1, "10.1.0.9"));
    config.interfaces[0].link_up = true;
    rib.apply(&config, &numbers(2));
    assert_eq!(look(&rib.fib(), R0, "10.0.0.5"), to(0, ""));
}

#[test]
fn a_monitored_route_goes_with_its_path_also_over_a_commit() {
    let mut config = two_interfaces();
    let monitored = Route {
        name: String::from("watched"),
        path_monitor: Some(RouteMonitor::default()),
        ..route("203.0.113.0/24", via("10.0.0.7", 0))
    };
    config.routes.push(monitored);
    let mut rib = rib(&config);
    assert_eq!(look(&rib.fib(), R0, "203.0.113.1"), to(0, "10.0.0.7"));
    rib.set_path(6, false);
    rib.set_path(0, false);
    assert_eq!(look(&rib.fib(), R0, "203.0.113.1"), to(1, "10.1.0.254"), "the default route has no monitor");
    config.routes.remove(1);
    rib.apply(&config, &numbers(2));
    assert_eq!(look(&rib.fib(), R0, "203.0.113.1"), to(1, "10.1.0.254"));
    rib.set_path(5, true);
    assert_eq!(look(&rib.fib(), R0, "203.0.113.1"), to(0, "10.0.0.7"));
}

#[test]
fn virtual_routers_know_nothing_of_each_other_but_by_their_routes() {
    let router = |name: &str, interfaces: &[usize]| VirtualRouter {
        name: name.into(),
        interfaces: interfaces.to_vec(),
        ecmp: None,
    };
    let of = |interface, virtual_router| Interface { virtual_router: Some(virtual_router), ..interface };
    let mut config = Config {
        interfaces: vec![of(interface(&["10.0.0.1/24"]), 0), of(interface(&["10.0.0.1/8"]), 1)],
        virtual_routers: vec![router("inside", &[0]), router("outside", &[1])],
        routes: vec![
            route("10.7.0.0/16", RouteTarget::Router(1)),
            Route { virtual_router: 1, ..route("192.0.2.0/24", RouteTarget::Router(0)) },
            route("192.0.2.0/24", RouteTarget::Router(1)),
        ],
        ..Config::default()
    };
    let mut rib = rib(&config);
    let fib = rib.fib();
    assert_eq!((fib.router_of(InterfaceId(0)), fib.router_of(InterfaceId(1))), (Some(R0), Some(R1)));
    assert_eq!(look(&fib, R0, "10.0.0.5"), to(0, ""));
    assert_eq!(look(&fib, R1, "10.0.0.5"), to(1, ""));
    assert_eq!(look(&fib, R0, "10.7.0.5"), to(1, ""));
    assert_eq!(look(&fib, R0, "10.8.0.5"), None);
    assert_eq!(look(&fib, R0, "192.0.2.1"), None, "from one to the other and back has no end");

    // Dynamic routes follow the name to its new place.
    let dynamic = DynamicRoute {
        router: R1,
        destination: prefix("8.8.8.0/24"),
        target: Target::Interface(InterfaceId(1)),
        distance: 20,
        metric: 0,
    };
    assert!(rib.add_route(&dynamic));
    assert!(!rib.add_route(&DynamicRoute { target: Target::Router(R0), ..dynamic }));
    config.virtual_routers.swap(0, 1);
    config.interfaces[0].virtual_router = Some(1);
    config.interfaces[1].virtual_router = Some(0);
    config.routes = vec![Route { virtual_router: 1, ..route("10.7.0.0/16", RouteTarget::Router(0)) }];
    rib.apply(&config, &numbers(2));
    assert_eq!((rib.router("inside"), rib.router("outside"), rib.router("none")), (Some(R1), Some(R0), None));
    assert_eq!(look(&rib.fib(), R1, "10.7.0.5"), to(1, ""));
    assert_eq!(look(&rib.fib(), R0, "8.8.8.8"), to(1, ""));
    config.virtual_routers.truncate(1);
    config.routes.clear();
    config.interfaces[0].virtual_router = Some(0);
    rib.apply(&config, &numbers(2));
    assert_eq!(look(&rib.fib(), R0, "10.0.0.5"), to(0, ""), "the longer of the two networks");
    assert_eq!(look(&rib.fib(), R1, "10.0.0.5"), None);
}

#[test]
fn dynamic_routes_come_and_go_and_outlive_a_commit() {
    let config = two_interfaces();
    let mut rib = rib(&config);
    let dynamic = |destination: &str, gateway: &str, metric| DynamicRoute {
        router: R0,
        destination: prefix(destination),
        target: Target::Gateway { address: ip(gateway), interface: InterfaceId(0) },
        distance: 20,
        metric,
    };
    let (near, far) = (dynamic("8.8.8.1/24", "10.0.0.2", 1), dynamic("8.8.8.0/24", "10.0.0.3", 2));
    assert!(rib.add_route(&far) && rib.add_route(&near));
    assert!(!rib.add_route(&near), "it is there already");
    assert!(!rib.add_route(&DynamicRoute { router: R1, ..near }), "there is no such virtual router");
    let fib = rib.fib();
    assert_eq!(look(&fib, R0, "8.8.8.8"), to(0, "10.0.0.2"));
    assert!(Arc::ptr_eq(&fib, &rib.fib()), "nothing has changed");
    rib.apply(&config, &numbers(2));
    assert_eq!(look(&rib.fib(), R0, "8.8.8.8"), to(0, "10.0.0.2"));
    assert!(rib.remove_route(&near) && !rib.remove_route(&near));
    assert_eq!(look(&rib.fib(), R0, "8.8.8.8"), to(0, "10.0.0.3"));
    assert!(rib.remove_route(&far));
    assert_eq!(look(&rib.fib(), R0, "8.8.8.8"), to(1, "10.1.0.254"));
    assert_eq!(rib.prefixes(), rib_prefixes(&config));
}

fn rib_prefixes(config: &Config) -> usize {
    rib(config).prefixes()
}

/// A device with routes over three interfaces to one network.
fn spread(max_paths: u8, algorithm: EcmpAlgorithm) -> Rib {
    let ecmp = Some(Ecmp { max_paths, algorithm, ..Ecmp::default() });
    let next = |number: usize| via(["10.0.0.2", "10.0.1.2", "10.0.2.2"][number], number);
    rib(&Config {
        interfaces: vec![
            interface(&["10.0.0.1/24"]),
            interface(&["10.0.1.1/24"]),
            interface(&["10.0.2.1/24"]),
        ],
        virtual_routers: vec![VirtualRouter { name: "one".into(), interfaces: vec![0, 1, 2], ecmp }],
        routes: (0..3).map(|number| route("198.51.100.0/24", next(number))).collect(),
        ..Config::default()
    })
}

/// How many of 3,000 flows leave by each interface.
fn shares(rib: &mut Rib) -> [usize; 3] {
    let fib = rib.fib();
    let mut shares = [0; 3];
    for number in 0..3000u16 {
        let source = IpAddr::from([192, 0, (number >> 8) as u8, number as u8]);
        let flow = Flow { source, ..flow("0.0.0.0", "198.51.100.1", number) };
        let Some(Forwarding::Via(forward)) = fib.lookup(R0, flow.destination, &flow) else { panic!() };
        shares[forward.interface.index()] += 1;
    }
    shares
}

#[test]
fn equal_paths_share_the_flows() {
    let about = |shares: [usize; 3], wanted: [usize; 3]| {
        shares.iter().zip(wanted).all(|(share, wanted)| share.abs_diff(wanted) < 120)
    };
    let hash = |use_ports| EcmpAlgorithm::IpHash { source_only: false, use_ports, seed: 7 };
    for algorithm in [EcmpAlgorithm::IpModulo, hash(false), hash(true), EcmpAlgorithm::BalancedRoundRobin] {
        let found = shares(&mut spread(4, algorithm.clone()));
        assert!(about(found, [1000; 3]), "{algorithm:?}: {found:?}");
    }
    let weights =
        vec![InterfaceWeight { interface: 0, weight: 200 }, InterfaceWeight { interface: 2, weight: 50 }];
    let mut rib = spread(3, EcmpAlgorithm::WeightedRoundRobin(weights));
    let found = shares(&mut rib);
    assert!(about(found, [1714, 857, 429]), "{found:?}");
    rib.set_interface(InterfaceId(1), false);
    let found = shares(&mut rib);
    assert!(about(found, [2400, 0, 600]), "{found:?}");
    assert_eq!(shares(&mut spread(2, EcmpAlgorithm::IpModulo))[2], 0, "at most two paths");
}

#[test]
fn modulo_and_hash_depend_on_what_they_say() {
    let choose = |algorithm: EcmpAlgorithm, source: &str, port: u16| {
        let flow = flow(source, "198.51.100.1", port);
        spread(3, algorithm).fib().lookup(R0, flow.destination, &flow).unwrap()
    };
    let modulo = |source| choose(EcmpAlgorithm::IpModulo, source, 1);
    assert_eq!(modulo("192.0.2.0"), modulo("192.0.2.3"));
    assert_ne!(modulo("192.0.2.0"), modulo("192.0.2.1"));
    let differ = |make: &dyn Fn(u32) -> Forwarding| (1..20).any(|number| make(number) != make(0));
    let hash = |source_only, use_ports, seed| EcmpAlgorithm::IpHash { source_only, use_ports, seed };
    assert!(differ(&|number| choose(hash(false, true, 0), "192.0.2.1", number as u16)));
    assert!(!differ(&|number| choose(hash(false, false, 0), "192.0.2.1", number as u16)));
    assert!(differ(&|number| choose(hash(true, false, number), "192.0.2.1", 1)));
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    // Few bits vary, so that prefixes nest, repeat and touch each end of the address space.
    let v4 = (any::<u8>(), 0u8..=24, 0u8..=32).prop_map(|(bits, shift, length)| Prefix {
        address: IpAddr::from((u32::from(bits) << shift).to_be_bytes()),
        length,
    });
    let v6 = (any::<u8>(), 0u8..=120, 0u8..=128).prop_map(|(bits, shift, length)| Prefix {
        address: IpAddr::from((u128::from(bits) << shift).to_be_bytes()),
        length,
    });
    prop_oneof![v4, v6]
}

/// The scan of all routes: the longest prefix with a usable one, of these the lowest rank, then the first.
fn scan(routes: &[DynamicRoute], down: &[bool], address: IpAddr) -> Option<Forwarding> {
    let is_usable = |route: &&DynamicRoute| match route.target {
        Target::Interface(interface) => !down[interface.index()],
        Target::Gateway { .. } | Target::Router(_) | Target::Discard => true,
    };
    let holds = |route: &&DynamicRoute| route.destination.contains(address);
    let best = routes
        .iter()
        .filter(holds)
        .filter(is_usable)
        .min_by_key(|route| (u8::MAX - route.destination.length, route.distance, route.metric))?;
    match best.target {
        Target::Interface(interface) => Some(Forwarding::Via(Forward { interface, gateway: None })),
        Target::Gateway { .. } | Target::Router(_) => None,
        Target::Discard => Some(Forwarding::Discard),
    }
}

const INTERFACES: u16 = 4;

fn any_route() -> impl Strategy<Value = DynamicRoute> {
    let target = prop_oneof![
        4 => (0..INTERFACES).prop_map(|interface| Target::Interface(InterfaceId(interface))),
        1 => Just(Target::Discard),
    ];
    (any_prefix(), target, 1u8..3, 1u32..3).prop_map(|(destination, target, distance, metric)| DynamicRoute {
        router: R0,
        destination,
        target,
        distance,
        metric,
    })
}

#[derive(Clone, Debug)]
enum Change {
    Add(DynamicRoute),
    /// The route at this place among those that are there.
    Remove(usize),
    Flip(u16),
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => any_route().prop_map(Change::Add),
        2 => any::<usize>().prop_map(Change::Remove),
        1 => (0..INTERFACES).prop_map(Change::Flip),
    ]
}

proptest! {
    #[test]
    fn agrees_with_a_scan_after_every_change(
        changes in prop::collection::vec(any_change(), 0..48),
        probes in prop::collection::vec(any_prefix(), 1..48),
    ) {
        let mut rib = Rib::from_config(&Config::default(), &[]);
        let mut routes: Vec<DynamicRoute> = Vec::new();
        let mut down = [false; INTERFACES as usize];
        for change in changes {
            match change {
                Change::Add(route) => {
                    let same = |other: &DynamicRoute| {
                        rib::place(route.destination) == rib::place(other.destination)
                            && (route.distance, route.metric, route.target)
                                == (other.distance, other.metric, other.target)
                    };
                    let is_new = !routes.iter().any(same);
                    prop_assert_eq!(rib.add_route(&route), is_new);
                    routes.extend(is_new.then_some(route));
                }
                Change::Remove(place) if !routes.is_empty() => {
                    prop_assert!(rib.remove_route(&routes.remove(place % routes.len())));
                }
                Change::Remove(_) => {}
                Change::Flip(interface) => {
                    let is_down = &mut down[usize::from(interface)];
                    *is_down = !*is_down;
                    rib.set_interface(InterfaceId(interface), !*is_down);
                }
            }
            let fib = rib.fib();
            let queries: Vec<FibQuery> = probes.iter().map(|probe| FibQuery {
                router: R0,
                destination: probe.address,
                flow: flow("192.0.2.1", "192.0.2.2", 1),
            }).collect();
            let mut found = vec![None; queries.len()];
            fib.lookup_batch(&queries, &mut found);
            for (query, found) in queries.iter().zip(found) {
                let wanted = scan(&routes, &down, query.destination);
                prop_assert_eq!(fib.lookup(R0, query.destination, &query.flow), wanted);
                prop_assert_eq!(found, wanted);
            }
        }
    }
}

/// Sebastiano Vigna's splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// Prefixes so close together that nodes have many answers and nodes below them, tried against a search of
/// every length in turn.
#[test]
fn crowded_tables_find_the_longest_prefix() {
    for (is_v6, width, first) in [(false, 32, 0x0a00_0000_u128 << 96), (true, 128, 0x2001_0db8_u128 << 96)] {
        let mut random = Random(9);
        let mut rib = Rib::from_config(&Config::default(), &[]);
        let mut known = alloc::collections::BTreeMap::new();
        // In the 24 bits behind the common ones, and in those of IPv6 behind the half, so that they meet.
        let spread = |random: &mut Random| match is_v6 {
            true => first | u128::from(random.next() >> 40) << 72 | u128::from(random.next() & 0xff) << 56,
            false => first | u128::from(random.next() >> 40) << 96,
        };
        let address = |bits: u128| match is_v6 {
            true => IpAddr::from(bits.to_be_bytes()),
            false => IpAddr::from(((bits >> 96) as u32).to_be_bytes()),
        };
        for _ in 0..4000 {
            let length = 8 + (random.next() % (if is_v6 { 90 } else { 25 })) as u8;
            let mask = u128::MAX << (128 - u32::from(length));
            let bits = spread(&mut random) & mask;
            let interface = InterfaceId((random.next() % 7) as u16);
            let destination = Prefix { address: address(bits), length };
            let (router, target) = (R0, Target::Interface(interface));
            if known.insert((bits, length), interface).is_none() {
                assert!(rib.add_route(&DynamicRoute { router, destination, target, distance: 1, metric: 1 }));
            } else {
                known.remove(&(bits, length));
                for number in 0..7 {
                    let target = Target::Interface(InterfaceId(number));
                    rib.remove_route(&DynamicRoute { router, destination, target, distance: 1, metric: 1 });
                }
            }
        }
        let fib = rib.fib();
        assert_eq!(rib.prefixes(), known.len());
        for _ in 0..20_000 {
            let bits = spread(&mut random);
            let wanted = (0..=width as u8).rev().find_map(|length| {
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                known.get(&(bits & mask, length))
            });
            let forward = |interface| Forwarding::Via(Forward { interface, gateway: None });
            let found = fib.lookup(R0, address(bits), &flow("192.0.2.1", "192.0.2.2", 1));
            assert_eq!(found, wanted.copied().map(forward), "{}", address(bits));
        }
    }
}
