//! What is known of each interface.

use alloc::{boxed::Box, vec};
use core::{iter, net::IpAddr};

use bifrons_config::{
    Config,
    typed::{InterfaceKind, Prefix},
};
use bifrons_model::InterfaceId;

/// The interfaces of a configuration by their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interfaces(Box<[Option<Facts>]>);

#[derive(Clone, Debug)]
struct Facts {
    kind: InterfaceKind,
    addresses: Box<[Prefix]>,
}

impl Interfaces {
    pub(crate) fn new(config: &Config, numbers: &[Option<InterfaceId>], count: usize) -> Self {
        let mut all = vec![None; count];
        for (interface, number) in iter::zip(&config.interfaces, numbers) {
            if let Some(place) = number.and_then(|number| all.get_mut(number.index())) {
                let addresses = interface.addresses.clone().into_boxed_slice();
                *place = Some(Facts { kind: interface.kind, addresses });
            }
        }
        Self(all.into_boxed_slice())
    }

    /// The same with room for so many numbers.
    pub(crate) fn with_count(&self, count: usize) -> Self {
        let missing = iter::repeat_n(None, count.saturating_sub(self.0.len()));
        Self(self.0.iter().cloned().chain(missing).collect())
    }

    pub(crate) fn kind(&self, interface: InterfaceId) -> Option<InterfaceKind> {
        self.facts(interface).map(|facts| facts.kind)
    }

    pub(crate) fn addresses(&self, interface: InterfaceId) -> &[Prefix] {
        self.facts(interface).map_or(&[], |facts| &facts.addresses)
    }

    /// The interface's address that speaks to `peer`: the one in whose network the peer lies, else the
    /// first of its family.
    pub(crate) fn address_towards(&self, interface: InterfaceId, peer: IpAddr) -> Option<IpAddr> {
        let own = self.addresses(interface).iter();
        let of_family = own.filter(|prefix| prefix.address.is_ipv6() == peer.is_ipv6());
        let nearest = of_family.clone().find(|prefix| prefix.contains(peer));
        nearest.or_else(|| of_family.clone().next()).map(|prefix| prefix.address)
    }

    fn facts(&self, interface: InterfaceId) -> Option<&Facts> {
        self.0.get(interface.index())?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_config::typed::Interface;

    #[test]
    fn an_interface_speaks_with_its_nearest_address() {
        let prefix = |text: &str, length| Prefix { address: text.parse().unwrap(), length };
        let config = Config {
            interfaces: vec![Interface {
                addresses: vec![prefix("10.0.0.1", 24), prefix("10.1.0.1", 16), prefix("2001:db8::1", 64)],
                ..Interface::default()
            }],
            ..Config::default()
        };
        let interfaces = Interfaces::new(&config, &[Some(InterfaceId(1))], 2);
        let towards = |peer: &str| {
            interfaces
                .address_towards(InterfaceId(1), peer.parse().unwrap())
                .map(|address| alloc::format!("{address}"))
        };
        assert_eq!(towards("10.1.2.3").as_deref(), Some("10.1.0.1"));
        assert_eq!(towards("192.0.2.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(towards("2001:db9::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(interfaces.kind(InterfaceId(0)), None);
        assert_eq!(interfaces.address_towards(InterfaceId(0), "10.0.0.1".parse().unwrap()), None);
    }
}
