//! Which interface leads to an address.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{Prefix, Route, RouteTarget},
};
use bifrons_model::InterfaceId;

/// The forwarding table: the longest prefix that holds the address decides. Both families are kept as the
/// points where the answer changes, sorted, so that a lookup is one binary search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    changes_v4: Box<[(u32, Option<InterfaceId>)]>,
    changes_v6: Box<[(u128, Option<InterfaceId>)]>,
}

impl Routes {
    /// From interface addresses and static routes. Of two equal prefixes a connected one wins, then the one
    /// that stands first. `numbers` are the interfaces' by their places in the configuration.
    pub(crate) fn new(config: &Config, numbers: &[Option<InterfaceId>]) -> Self {
        let mut prefixes: [BTreeMap<(u128, u8), InterfaceId>; 2] = [BTreeMap::new(), BTreeMap::new()];
        let connected =
            config.interfaces.iter().enumerate().flat_map(|(index, interface)| {
                interface.addresses.iter().map(move |prefix| (*prefix, index))
            });
        let routed = config.routes.iter().filter_map(|route| Some((route.destination, interface_of(route)?)));
        for (prefix, interface) in connected.chain(routed) {
            let Some(Some(interface)) = numbers.get(interface) else { continue };
            let family = usize::from(prefix.address.is_ipv6());
            prefixes[family].entry(first_and_length(prefix)).or_insert(*interface);
        }
        let [prefixes_v4, prefixes_v6] = prefixes;
        let changes_v4 = changes(&prefixes_v4, 32);
        Self {
            changes_v4: changes_v4
                .into_iter()
                .filter_map(|(at, to)| Some((u32::try_from(at).ok()?, to)))
                .collect(),
            changes_v6: changes(&prefixes_v6, 128).into_boxed_slice(),
        }
    }

    #[inline]
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<InterfaceId> {
        match address {
            IpAddr::V4(address) => latest(&self.changes_v4, address.to_bits()),
            IpAddr::V6(address) => latest(&self.changes_v6, address.to_bits()),
        }
    }
}

/// The interface that the route leads to, if it leads to one.
fn interface_of(route: &Route) -> Option<usize> {
    match route.next_hop {
        RouteTarget::Gateway { interface, .. } | RouteTarget::Interface(interface) => Some(interface),
        RouteTarget::Router(_) | RouteTarget::Discard => None,
    }
}

#[inline]
fn latest<T: Ord + Copy>(changes: &[(T, Option<InterfaceId>)], address: T) -> Option<InterfaceId> {
    let after = changes.partition_point(|(from, _)| *from <= address);
    changes.get(after.checked_sub(1)?).and_then(|(_, interface)| *interface)
}

/// The network's first address as a number, and the prefix length; bits beyond the length are cleared.
fn first_and_length(prefix: Prefix) -> (u128, u8) {
    let (bits, width) = match prefix.address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let length = prefix.length.min(width);
    (bits & !host_bits(length, width), length)
}

/// The bits that a prefix of this length leaves to hosts.
fn host_bits(length: u8, width: u8) -> u128 {
    1u128.checked_shl(u32::from(width - length)).map_or(u128::MAX, |size| size - 1)
}

/// Prefixes nest or are apart, so one pass in order of (first address, length) with the enclosing prefixes
/// on a stack finds each point where another prefix becomes the longest.
fn changes(prefixes: &BTreeMap<(u128, u8), InterfaceId>, width: u8) -> Vec<(u128, Option<InterfaceId>)> {
    let mut changes: Vec<(u128, Option<InterfaceId>)> = Vec::new();
    let mut enclosing: Vec<(u128, InterfaceId)> = Vec::new();
    let mut change = |at: u128, to: Option<InterfaceId>| match changes.last_mut() {
        Some(last) if last.0 == at => last.1 = to,
        _ => changes.push((at, to)),
    };
    for ((first, length), interface) in prefixes {
        while let Some((last, _)) = enclosing.pop_if(|(last, _)| *last < *first) {
            change(last + 1, enclosing.last().map(|(_, outer)| *outer));
        }
        enclosing.push((first | host_bits(*length, width), *interface));
        change(*first, Some(*interface));
    }
    let end = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
    while let Some((last, _)) = enclosing.pop() {
        if last < end {
            change(last + 1, enclosing.last().map(|(_, outer)| *outer));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use bifrons_config::typed::Interface;
    use proptest::prelude::*;

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').unwrap();
        Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
    }

    fn interface(addresses: &[&str]) -> Interface {
        Interface { addresses: addresses.iter().map(|text| prefix(text)).collect(), ..Interface::default() }
    }

    fn route(destination: Prefix, interface: usize) -> Route {
        Route { destination, next_hop: RouteTarget::Interface(interface), ..Route::default() }
    }

    /// Interfaces that are numbered by their places.
    fn numbers(count: u16) -> Vec<Option<InterfaceId>> {
        (0..count).map(|number| Some(InterfaceId(number))).collect()
    }

    fn found(config: &Config, address: &str) -> Option<u16> {
        Routes::new(config, &numbers(2)).lookup(address.parse().unwrap()).map(|interface| interface.0)
    }

    #[test]
    fn the_longest_prefix_decides_and_connected_comes_first() {
        let config = Config {
            interfaces: vec![interface(&["10.0.0.1/24", "2001:db8::1/64"]), interface(&["10.1.0.1/16"])],
            routes: vec![
                route(prefix("0.0.0.0/0"), 1),
                route(prefix("10.0.0.0/24"), 1),
                route(prefix("10.0.0.128/25"), 1),
                route(prefix("255.255.255.255/32"), 0),
            ],
            ..Config::default()
        };
        assert_eq!(found(&config, "10.0.0.5"), Some(0));
        assert_eq!(found(&config, "10.0.0.129"), Some(1));
        assert_eq!(found(&config, "10.0.1.0"), Some(1));
        assert_eq!(found(&config, "255.255.255.255"), Some(0));
        assert_eq!(found(&config, "2001:db8::ffff"), Some(0));
        assert_eq!(found(&config, "2001:db8:0:1::"), None);
        assert_eq!(found(&Config::default(), "10.0.0.1"), None);
    }

    fn any_prefix() -> impl Strategy<Value = Prefix> {
        // Few bits vary, so that prefixes nest, repeat and touch each end of the address space.
        let v4 = (any::<u8>(), any::<bool>(), 0u8..=32).prop_map(|(bits, low, length)| Prefix {
            address: IpAddr::from((u32::from(bits) << if low { 0 } else { 24 }).to_be_bytes()),
            length,
        });
        let v6 = (any::<u8>(), any::<bool>(), 0u8..=128).prop_map(|(bits, low, length)| Prefix {
            address: IpAddr::from((u128::from(bits) << if low { 0 } else { 120 }).to_be_bytes()),
            length,
        });
        prop_oneof![v4, v6]
    }

    proptest! {
        #[test]
        fn agrees_with_a_scan_of_all_prefixes(
            prefixes in prop::collection::vec(any_prefix(), 0..24),
            probes in prop::collection::vec(any_prefix(), 1..24),
        ) {
            let routes: Vec<Route> =
                prefixes.iter().enumerate().map(|(index, prefix)| route(*prefix, index)).collect();
            let table = Routes::new(&Config { routes: routes.clone(), ..Config::default() }, &numbers(24));
            for probe in probes {
                let mut best: Option<&Route> = None;
                for route in routes.iter().filter(|route| route.destination.contains(probe.address)) {
                    if best.is_none_or(|best| route.destination.length > best.destination.length) {
                        best = Some(route);
                    }
                }
                prop_assert_eq!(
                    table.lookup(probe.address).map(InterfaceId::index),
                    best.and_then(interface_of)
                );
            }
        }
    }
}
