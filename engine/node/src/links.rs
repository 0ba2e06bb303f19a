//! From the configuration and the state of the ports to the table of links that workers hold.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use bifrons_config::{
    Config,
    typed::{Interface, InterfaceKind, ManagementProfile, Prefix},
};
use bifrons_dataplane::{Link, Links, Own, Port, PortMode, Wire};
use bifrons_ha::{AddressPlan, AddressTable};
use bifrons_model::{InterfaceId, MacAddress, VirtualRouterId};

use crate::PortInfo;

/// The configuration with what the device has.
pub(crate) struct Plan<'a> {
    pub config: &'a Config,
    /// The interfaces' numbers by their places in the configuration.
    pub numbers: &'a [Option<InterfaceId>],
    pub ports: &'a [PortInfo],
    /// The Ethernet addresses of a pair of devices.
    pub stations: &'a AddressPlan,
    /// Their virtual addresses, and which of them are here.
    pub virtuals: &'a AddressTable,
    /// Ethernet addresses that have gone to the other device a moment ago, by places of interfaces.
    pub lingering: &'a [(usize, MacAddress)],
    /// Whether the other device has these now: switches must not find them here any more, and what is still
    /// on its way here is taken.
    pub is_relieved: bool,
}

impl Plan<'_> {
    pub fn links(&self) -> Links {
        Links::new(self.port_table(), self.link_table(), self.managements(), self.own())
    }

    /// The interface of a port, where the configuration has one of its name.
    pub fn interface_of(&self, port: &PortInfo) -> Option<InterfaceId> {
        self.place_of(port).and_then(|place| self.number(place))
    }

    /// Whether the interface at this place of the configuration can pass frames.
    pub fn is_up(&self, place: usize) -> bool {
        let Some(interface) = self.config.interfaces.get(place) else { return false };
        if matches!(interface.kind, InterfaceKind::Loopback) {
            return interface.link_up;
        }
        let (Some(port), Some(own)) = (self.port_of(place), self.config.interfaces.get(self.owner(place)))
        else {
            return false;
        };
        port.is_up && own.link_up && self.is_through(self.owner(place))
    }

    /// A wire that passes on the state of its ends is up where both are.
    fn is_through(&self, place: usize) -> bool {
        let wire = self.config.virtual_wires.iter().find(|wire| wire.interfaces.contains(&place));
        wire.filter(|wire| wire.link_state_pass_through)
            .is_none_or(|wire| wire.interfaces.iter().all(|end| self.has_carrier(*end)))
    }

    fn has_carrier(&self, place: usize) -> bool {
        self.port_of(place).is_some_and(|port| port.is_up)
            && self.config.interfaces.get(place).is_some_and(|interface| interface.link_up)
    }

    fn number(&self, place: usize) -> Option<InterfaceId> {
        self.numbers.get(place).copied().flatten()
    }

    fn place_of(&self, port: &PortInfo) -> Option<usize> {
        self.config.interfaces.iter().position(|interface| interface.name == port.name)
    }

    /// The interface that owns the wire: a subinterface's parent, else itself.
    fn owner(&self, place: usize) -> usize {
        self.config.interfaces.get(place).and_then(|interface| interface.parent).unwrap_or(place)
    }

    fn port_of(&self, place: usize) -> Option<&PortInfo> {
        let name = &self.config.interfaces.get(self.owner(place))?.name;
        self.ports.iter().find(|port| port.name == *name)
    }

    fn port_table(&self) -> Vec<(InterfaceId, Port)> {
        let ports = self.ports.iter().filter_map(|port| {
            let place = self.place_of(port)?;
            let mode = self.mode(place)?;
            Some((self.number(place)?, Port { is_up: self.is_up(place), mode }))
        });
        ports.collect()
    }

    /// What a port does with frames; `None` for one that carries no traffic.
    fn mode(&self, place: usize) -> Option<PortMode> {
        match self.config.interfaces.get(place)?.kind {
            InterfaceKind::Layer3 => {
                Some(PortMode::Routed { untagged: self.number(place), tagged: self.subinterfaces(place) })
            }
            InterfaceKind::Tap => Some(PortMode::Tap),
            InterfaceKind::VirtualWire => self.wire(place).map(PortMode::Wire),
            InterfaceKind::Loopback | InterfaceKind::Tunnel | InterfaceKind::Ha => None,
        }
    }

    fn subinterfaces(&self, parent: usize) -> Vec<(u16, InterfaceId)> {
        let all = self.config.interfaces.iter().enumerate();
        let mut tagged: Vec<_> = all
            .filter(|(_, interface)| interface.parent == Some(parent))
            .filter_map(|(place, interface)| Some((interface.tag?, self.number(place)?)))
            .collect();
        tagged.sort_unstable();
        tagged
    }

    fn wire(&self, place: usize) -> Option<Wire> {
        let wire = self.config.virtual_wires.iter().find(|wire| wire.interfaces.contains(&place))?;
        let peer = wire.interfaces.into_iter().find(|end| *end != place)?;
        Some(Wire {
            peer: self.number(peer)?,
            tags: wire.tags.clone(),
            judges_multicast: wire.multicast_firewalling,
        })
    }

    fn link_table(&self) -> Vec<(InterfaceId, Link)> {
        let all = self.config.interfaces.iter().enumerate();
        all.filter(|(_, interface)| interface.kind == InterfaceKind::Layer3)
            .filter_map(|(place, interface)| {
                let port = self.port_of(place)?;
                let station = self.stations.station(place);
                let link = Link {
                    port: self.number(self.owner(place))?,
                    tag: interface.tag,
                    router: router_of(interface),
                    mac: station.filter(|_| !self.is_relieved).unwrap_or(port.mac),
                    virtual_macs: self.virtual_macs(place),
                    mtu: interface.mtu,
                    segment_size: interface.adjust_mss.map(|less| {
                        [interface.mtu.saturating_sub(less.ipv4), interface.mtu.saturating_sub(less.ipv6)]
                    }),
                };
                Some((self.number(place)?, link))
            })
            .collect()
    }

    /// Further addresses that frames to an interface come to.
    fn virtual_macs(&self, place: usize) -> Vec<MacAddress> {
        let relieved = self.stations.station(place).filter(|_| self.is_relieved);
        let lingering = self.lingering.iter().filter(|(own, _)| *own == place).map(|(_, mac)| *mac);
        relieved.into_iter().chain(self.virtuals.macs(place)).chain(lingering).collect()
    }

    fn managements(&self) -> Vec<(InterfaceId, ManagementProfile)> {
        let all = self.config.interfaces.iter().enumerate();
        all.filter_map(|(place, interface)| {
            let profile = self.config.management_profiles.get(interface.management_profile?)?;
            Some((self.number(place)?, profile.clone()))
        })
        .collect()
    }

    fn own(&self) -> Vec<((VirtualRouterId, IpAddr), Own)> {
        let (mut groups, mut own) = (Vec::new(), Vec::new());
        for (place, interface) in self.config.interfaces.iter().enumerate() {
            let Some(number) = self.number(place) else { continue };
            if !matches!(interface.kind, InterfaceKind::Layer3 | InterfaceKind::Loopback) {
                continue;
            }
            let router = router_of(interface);
            for prefix in &interface.addresses {
                own.push(((router, prefix.address), Own::Address(number)));
                groups.extend(all_hosts(*prefix).map(|all| ((router, all), Own::Broadcast)));
            }
        }
        for address in self.virtuals.addresses.iter().filter(|address| address.is_here()) {
            let place = address.interface;
            let (Some(interface), Some(number)) = (self.config.interfaces.get(place), self.number(place))
            else {
                continue;
            };
            own.push(((router_of(interface), address.prefix.address), Own::Address(number)));
        }
        // Of equal ones the last counts.
        groups.extend(own);
        groups
    }
}

/// The virtual router that an interface belongs to.
pub(crate) fn router_of(interface: &Interface) -> VirtualRouterId {
    VirtualRouterId(interface.virtual_router.and_then(|place| u16::try_from(place).ok()).unwrap_or(0))
}

/// The addresses that mean all hosts of a network: the last one, and the first one as old hosts use it
/// (RFC 1812, section 5.3.5). Networks of two hosts or one have none (RFC 3021).
fn all_hosts(prefix: Prefix) -> impl Iterator<Item = IpAddr> {
    let ends = match prefix.address {
        IpAddr::V4(address) if prefix.length <= 30 => {
            let hosts = u32::MAX.checked_shr(u32::from(prefix.length)).unwrap_or(0);
            let bits = address.to_bits();
            [Some(bits | hosts), Some(bits & !hosts)]
        }
        IpAddr::V4(_) | IpAddr::V6(_) => [None, None],
    };
    ends.into_iter().flatten().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
}
