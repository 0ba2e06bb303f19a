//! What both devices of a pair know of the management plane: dynamic routes, users, leases.
//!
//! ```text
//!  commands ──► RuntimeState ◄──► HA1, in order, behind a byte 0 where configurations have their version
//!                    │
//!                    └── the peer's are newer ──► routes, users of addresses; notices of the rest
//! ```
//!
//! A route is told by names, which both devices have in common, and not by numbers:
//! `router ⇥ prefix ⇥ length ⇥ next router or - ⇥ interface or - ⇥ distance ⇥ metric`.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{HaMode, Prefix},
};
use bifrons_ha::{
    DeviceId,
    config_sync::{RuntimeKind, RuntimeSettings, RuntimeState},
};
use bifrons_model::{InterfaceId, Names, VirtualRouterId};
use bifrons_policy::{DynamicRoute, Target};

/// How many entries are held.
const CAPACITY: usize = 1 << 20;

/// The state that devices with this configuration hold.
pub(crate) const fn settings(config: &Config, device: DeviceId) -> RuntimeSettings {
    let routes = matches!(config.high_availability.mode, HaMode::ActivePassive { .. });
    RuntimeSettings { device, routes, dns_cache: false, capacity: CAPACITY }
}

/// Without entries.
pub(crate) const fn begin(config: &Config) -> RuntimeState {
    RuntimeState::new(settings(config, DeviceId::Zero))
}

/// A route by names; `None` for one of a router or an interface that is not there.
pub(crate) fn key_of(route: &DynamicRoute, config: &Config, names: &Names) -> Option<Vec<u8>> {
    let router = &config.virtual_routers.get(route.router.index())?.name;
    let Prefix { address, length } = route.destination;
    let (gateway, interface) = match route.target {
        Target::Gateway { address, interface } => (address.to_string(), names.interface(interface)),
        Target::Interface(interface) => ("-".into(), names.interface(interface)),
        Target::Discard => ("-".into(), "-"),
        Target::Router(_) => return None,
    };
    let DynamicRoute { distance, metric, .. } = route;
    let text = format!("{router}\t{address}\t{length}\t{gateway}\t{interface}\t{distance}\t{metric}");
    Some(text.into_bytes())
}

/// The route that a key stands for; `None` where it stands for none, and for one of a router or an interface
/// that this device does not have.
pub(crate) fn route_of(key: &[u8], config: &Config, names: &Names) -> Option<DynamicRoute> {
    let mut words = str::from_utf8(key).ok()?.split('\t');
    let router = words.next()?;
    let router = config.virtual_routers.iter().position(|own| own.name == router)?;
    let address: IpAddr = words.next()?.parse().ok()?;
    let length: u8 = words.next()?.parse().ok()?;
    let (gateway, interface) = (words.next()?, words.next()?);
    let number = || {
        let place = names.interfaces.iter().position(|own| own == interface)?;
        u16::try_from(place).ok().map(InterfaceId)
    };
    let target = match (gateway, interface) {
        ("-", "-") => Target::Discard,
        ("-", _) => Target::Interface(number()?),
        (gateway, _) => Target::Gateway { address: gateway.parse().ok()?, interface: number()? },
    };
    let (distance, metric) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if length > longest || words.next().is_some() {
        return None;
    }
    Some(DynamicRoute {
        router: VirtualRouterId(u16::try_from(router).ok()?),
        destination: Prefix { address, length },
        target,
        distance,
        metric,
    })
}

/// The key of an address whose user is known.
pub(crate) fn address_key(address: IpAddr) -> Vec<u8> {
    address.to_string().into_bytes()
}

/// The users by address, of all entries that are such.
pub(crate) fn users(state: &RuntimeState) -> impl Iterator<Item = (IpAddr, String)> {
    state.entries(RuntimeKind::UserMapping).filter_map(|(key, value)| {
        let address = str::from_utf8(key).ok()?.parse().ok()?;
        Some((address, str::from_utf8(value).ok()?.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_config::typed::VirtualRouter;

    #[test]
    fn routes_are_told_by_names() {
        let router = |name: &str| VirtualRouter { name: name.into(), ..VirtualRouter::default() };
        let config = |routers: &[&str]| Config {
            virtual_routers: routers.iter().map(|name| router(name)).collect(),
            ..Config::default()
        };
        let names = |interfaces: &[&str]| Names {
            interfaces: interfaces.iter().map(|name| (*name).into()).collect(),
            ..Names::default()
        };
        let here = (config(&["default", "two words"]), names(&["ethernet1/1", "ethernet1/2"]));
        let there = (config(&["two words"]), names(&["ethernet1/2"]));
        let address = |text: &str| text.parse().unwrap();
        let route = |target| DynamicRoute {
            router: VirtualRouterId(1),
            destination: Prefix { address: address("203.0.113.0"), length: 24 },
            target,
            distance: 110,
            metric: 20,
        };
        for target in [
            Target::Gateway { address: address("192.0.2.1"), interface: InterfaceId(1) },
            Target::Interface(InterfaceId(1)),
            Target::Discard,
        ] {
            let route = route(target);
            let key = key_of(&route, &here.0, &here.1).unwrap();
            assert_eq!(route_of(&key, &here.0, &here.1), Some(route));
            let other = route_of(&key, &there.0, &there.1).unwrap();
            assert_eq!(other.router, VirtualRouterId(0));
            assert_eq!(key_of(&other, &there.0, &there.1).unwrap(), key);
            for length in 0..key.len() - 2 {
                assert_eq!(route_of(&key[..length], &here.0, &here.1), None);
            }
        }
        let unknown = key_of(&route(Target::Interface(InterfaceId(0))), &here.0, &here.1).unwrap();
        assert_eq!(route_of(&unknown, &there.0, &there.1), None);
        assert_eq!(route_of(b"default\t192.0.2.0\t33\t-\t-\t1\t1", &here.0, &here.1), None);
    }
}
