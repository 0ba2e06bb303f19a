//! Route lookups: addresses drawn inside the routes of a generated full table, in an order that no cache
//! foresees, 64 at a time.
//!
//! The table has the size and the prefix lengths of the Internet's: networks of many sizes, most of them
//! cut into a few longer prefixes that lead the same way as the network or another one.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bifrons_config::{Config, typed::Prefix};
use bifrons_model::{InterfaceId, VirtualRouterId};
use bifrons_policy::{DynamicRoute, Fib, FibQuery, Flow, Rib, Target};

use super::policy::generate::Random;

const ROUTES_V4: usize = 1_000_000;
const ROUTES_V6: usize = 250_000;
/// Addresses that are looked up.
const ADDRESSES: usize = 1_000_000;
/// How often each is, and the median counts: other programs' turns on the processor fall out.
const PASSES: usize = 5;
/// Single changes, of which each gives a table of its own.
const CHANGES: usize = 200;
const GATEWAYS: u64 = 64;
const ROUTER: VirtualRouterId = VirtualRouterId(0);

/// Prefix lengths of networks and of what is inside them, each with its share of a thousand.
type Lengths = &'static [(u8, u64)];
const NETWORKS_V4: Lengths =
    &[(8, 1), (10, 3), (11, 6), (12, 15), (13, 30), (14, 55), (15, 90), (16, 600), (19, 80), (20, 120)];
const INSIDE_V4: Lengths = &[(17, 8), (18, 14), (19, 25), (20, 45), (21, 50), (22, 110), (23, 98), (24, 650)];
const NETWORKS_V6: Lengths = &[(20, 5), (24, 10), (28, 35), (29, 200), (32, 750)];
const INSIDE_V6: Lengths = &[
    (33, 20),
    (34, 15),
    (35, 10),
    (36, 60),
    (38, 20),
    (40, 110),
    (42, 30),
    (44, 130),
    (45, 15),
    (46, 35),
    (47, 35),
    (48, 515),
    (64, 5),
];

/// Nanoseconds a lookup among 1,000,000 IPv4 and 250,000 IPv6 routes, each as likely as the others. What
/// each family takes, memory, and what changes take go to standard error.
pub fn lookup() -> Result<f64> {
    let mut random = Random(1);
    let v4 = routes(&mut random, ROUTES_V4, false);
    let v6 = routes(&mut random, ROUTES_V6, true);
    let mut rib = Rib::from_config(&Config::default(), &[]);
    let start = Instant::now();
    for route in v4.iter().chain(&v6) {
        rib.add_route(route);
    }
    let added = start.elapsed();
    let start = Instant::now();
    let fib = rib.fib();
    eprintln!(
        "  {} routes: {:.0} ms to take in, {:.0} ms for the table, {:.1} MB",
        rib.prefixes(),
        added.as_secs_f64() * 1e3,
        start.elapsed().as_secs_f64() * 1e3,
        fib.bytes() as f64 / 1e6,
    );
    ensure!(rib.prefixes() == ROUTES_V4 + ROUTES_V6, "there are {} prefixes", rib.prefixes());
    let all: Vec<DynamicRoute> = v4.iter().chain(&v6).copied().collect();
    let [of_v4, of_v6, of_all] = [&v4, &v6, &all].map(|routes| measure(&mut random, &fib, routes));
    eprintln!("  IPv4 {of_v4:.1} ns, IPv6 {of_v6:.1} ns");
    change(&mut rib, &mut random, "an IPv4 route", &v4);
    change(&mut rib, &mut random, "an IPv6 route", &v6);
    let start = Instant::now();
    rib.set_interface(InterfaceId(1), false);
    drop(black_box(rib.fib()));
    eprintln!("  an interface with 1 of {GATEWAYS} gateways goes down: {:.1} ms", ms(start));
    Ok(of_all)
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Takes routes away and gives them back, one by one.
fn change(rib: &mut Rib, random: &mut Random, what: &str, routes: &[DynamicRoute]) {
    let mut times: Vec<f64> = (0..CHANGES)
        .map(|_| {
            let route = &routes[random.below(routes.len() as u64) as usize];
            let start = Instant::now();
            rib.remove_route(route);
            black_box(rib.fib());
            let elapsed = ms(start);
            rib.add_route(route);
            elapsed
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let (median, worst) = (times[CHANGES / 2], times[CHANGES - 1]);
    eprintln!("  {what} goes: {median:.2} ms, at worst {worst:.2} ms");
}

/// The questions are put together before the clock runs: a worker has its packets' headers at hand.
fn measure(random: &mut Random, fib: &Fib, routes: &[DynamicRoute]) -> f64 {
    let addresses: Vec<IpAddr> = (0..ADDRESSES).map(|_| address(random, routes)).collect();
    let mut passes: Vec<f64> = (0..PASSES)
        .map(|_| {
            let mut found = [None; Fib::BATCH];
            let mut elapsed = Duration::ZERO;
            for addresses in addresses.chunks(Fib::BATCH) {
                let queries: Vec<FibQuery> = addresses.iter().copied().map(query).collect();
                let start = Instant::now();
                fib.lookup_batch(black_box(&queries), &mut found);
                elapsed += start.elapsed();
                assert!(!black_box(&found).contains(&None), "every address lies in a route");
            }
            elapsed.as_nanos() as f64 / ADDRESSES as f64
        })
        .collect();
    passes.sort_by(f64::total_cmp);
    passes[PASSES / 2]
}

/// A flow to the address.
fn query(destination: IpAddr) -> FibQuery {
    let source = IpAddr::from([10, 0, 0, 1]);
    let flow = Flow { source, destination, source_port: 40_000, destination_port: 443 };
    FibQuery { router: ROUTER, destination, flow }
}

/// An address in one of the routes.
fn address(random: &mut Random, routes: &[DynamicRoute]) -> IpAddr {
    let Prefix { address, length } = routes[random.below(routes.len() as u64) as usize].destination;
    match address {
        IpAddr::V4(network) => {
            let host = (random.next() as u32).checked_shr(length.into()).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(network.to_bits() | host))
        }
        IpAddr::V6(network) => {
            let bits = u128::from(random.next()) << 64 | u128::from(random.next());
            let host = bits.checked_shr(length.into()).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(network.to_bits() | host))
        }
    }
}

/// Distinct routes of one family, network by network with what is inside it, the order then mixed.
fn routes(random: &mut Random, count: usize, is_v6: bool) -> Vec<DynamicRoute> {
    let (networks, inside) = if is_v6 { (NETWORKS_V6, INSIDE_V6) } else { (NETWORKS_V4, INSIDE_V4) };
    let mut known = std::collections::HashSet::new();
    let mut routes = Vec::new();
    while routes.len() < count {
        let length = pick(random, networks);
        let network = network(random, length, is_v6);
        let gateway = random.below(GATEWAYS);
        let mut add = |bits: u128, length: u8, gateway: u64| {
            if routes.len() < count && known.insert((bits, length)) {
                routes.push(route(bits, length, gateway, is_v6));
            }
        };
        add(network, length, gateway);
        for _ in 0..random.below(40) {
            let longer = pick(random, inside);
            if longer > length {
                let bits = u128::from(random.next()) << 64 | u128::from(random.next());
                let bits = network | (bits >> length & !(u128::MAX >> longer));
                add(bits, longer, if random.below(4) == 0 { random.below(GATEWAYS) } else { gateway });
            }
        }
    }
    for at in (1..routes.len()).rev() {
        routes.swap(at, random.below(at as u64 + 1) as usize);
    }
    routes
}

fn pick(random: &mut Random, lengths: Lengths) -> u8 {
    let mut at = random.below(lengths.iter().map(|(_, share)| share).sum());
    for (length, share) in lengths {
        match at.checked_sub(*share) {
            Some(rest) => at = rest,
            None => return *length,
        }
    }
    unreachable!("the number is below the sum")
}

/// Among unicast addresses; those of IPv6 in the blocks that the registries give out.
fn network(random: &mut Random, length: u8, is_v6: bool) -> u128 {
    let first = if is_v6 {
        const BLOCKS: [u128; 6] = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];
        let block = BLOCKS[random.below(6) as usize];
        (block | u128::from(random.below(if block == 0x2001 { 1 } else { 16 }))) << 112
            | u128::from(random.next()) << 48
    } else {
        u128::from(1 + random.below(222)) << 120 | u128::from(random.next()) << 56
    };
    first & !(u128::MAX >> length)
}

fn route(bits: u128, length: u8, gateway: u64, is_v6: bool) -> DynamicRoute {
    let address = if is_v6 {
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    } else {
        IpAddr::V4(Ipv4Addr::from_bits((bits >> 96) as u32))
    };
    let interface = InterfaceId(gateway as u16);
    let target = Target::Gateway { address: IpAddr::from([192, 0, 2, gateway as u8]), interface };
    DynamicRoute { router: ROUTER, destination: Prefix { address, length }, target, distance: 20, metric: 0 }
}
