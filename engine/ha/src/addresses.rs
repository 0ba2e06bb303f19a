//! Which device of a pair has which address now.
//!
//! ```text
//!  configuration ─► AddressPlan ─► table(both devices' states) ─► AddressTable ─► changes ─► announcements
//!                                                                       │
//!                                                                       └► neighbors, links, the operator
//! ```
//!
//! | address | at home with | moves |
//! |---|---|---|
//! | interface, active/passive | the active device | with the role |
//! | interface, active/active | its own device | never: it is no part of the table |
//! | floating | the device of the lower priority number, else device 0 | while that one cannot; then back |
//! | bound to active-primary | the active-primary device | with the role |
//! | shared, share 0 and share 1 | device 0 and device 1 | while that one cannot; back when it can |
//! | of a NAT rule bound to a device | that device | while that one cannot; back when it can |
//! | of a NAT rule bound to primary or both | the active-primary device | with the role |
//!
//! A device can when it forwards (`HaState::forwards`) and its interface is up; floating addresses without
//! `failover-on-link-down` do not ask for the interface. Where neither can for its interface's sake, the
//! address stays at home. An address takes its Ethernet address along, so that hosts need not learn
//! anything: only switches do. A share is divided by requester for ever: the survivor answers each host as
//! the failed device did.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{AddressHolder, AddressRange, DeviceBinding, HaMode, Interface, InterfaceKind, Prefix},
};
use bifrons_dataplane::neighbor::{Answers, Hearers, Sharing, VirtualAddress};
use bifrons_model::MacAddress;
use bifrons_policy::{ProxyArp, proxied_addresses};

use crate::{Announcement, DeviceId, HaState, InterfaceNumber, VirtualMac};

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: HaState,
    /// Its interfaces that are down, as places in `Config::interfaces`. A unit is down with its port.
    pub down: BTreeSet<usize>,
}

/// The addresses of a pair, and which device each is at home with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPlan {
    device: DeviceId,
    /// Whether one device has all addresses and the other one is silent.
    is_active_passive: bool,
    planned: Vec<Planned>,
    /// The Ethernet address of each interface that has one, for each device.
    macs: BTreeMap<usize, [MacAddress; 2]>,
    /// The ports of units.
    parents: BTreeMap<usize, usize>,
    /// What the devices answer for, by interface, in an active/active pair.
    proxied: Vec<(usize, ProxyArp)>,
}

/// An address of the pair, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairAddress {
    /// The interface: a place in `Config::interfaces`.
    pub interface: usize,
    /// The address in its network.
    pub prefix: Prefix,
    /// What was configured; `None` for an interface's address in an active/passive pair.
    pub holder: Option<AddressHolder>,
    /// Who has it.
    pub holding: Holding,
}

/// Who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// One device.
    Whole {
        /// The Ethernet address that goes with it; `None` where the interface has none, as a loopback.
        mac: Option<MacAddress>,
        /// Whether this device has it.
        is_here: bool,
    },
    /// Each requester has one of the two shares.
    Shared {
        /// Which requesters have which share.
        by: Sharing,
        /// The Ethernet addresses of share 0 and share 1.
        macs: [MacAddress; 2],
        /// Which shares this device has.
        has: [bool; 2],
    },
}

/// Addresses of translation rules that no interface has and one device of an active/active pair answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairRange {
    /// The interface: a place in `Config::interfaces`.
    pub interface: usize,
    /// The addresses.
    pub addresses: AddressRange,
    /// The Ethernet address that goes with them.
    pub mac: MacAddress,
    /// Whether this device answers.
    pub is_here: bool,
}

/// Who has which address now, as one device sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressTable {
    /// All addresses of the pair, in the order of the configuration.
    pub addresses: Vec<PairAddress>,
    /// What one of the devices of an active/active pair answers for.
    pub proxied: Vec<PairRange>,
    /// Whether this device says nothing on any interface: the other one has all addresses, or this one takes
    /// no part.
    pub is_silent: bool,
}

/// What one table has that another one has not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressChanges {
    /// To be announced: they are here now.
    pub gained: Vec<Announcement>,
    /// Not to be announced any more.
    pub lost: Vec<Announcement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Planned {
    interface: usize,
    prefix: Prefix,
    holder: Option<AddressHolder>,
}

impl AddressPlan {
    /// What the configuration says. Without high availability there are no addresses of a pair.
    pub fn new(config: &Config) -> Self {
        let pair = &config.high_availability;
        if !pair.enabled {
            return Self::default();
        }
        let macs = config.interfaces.iter().enumerate().filter_map(|(place, interface)| {
            let number = InterfaceNumber::of(&interface.name)?;
            let mac = |device| VirtualMac::new(device, pair.group_id, number).mac();
            Some((place, [mac(DeviceId::Zero), mac(DeviceId::One)]))
        });
        let parents = config.interfaces.iter().enumerate();
        let parents = parents.filter_map(|(place, interface)| Some((place, interface.parent?)));
        let (device, planned) = match &pair.mode {
            HaMode::ActivePassive { .. } => (DeviceId::Zero, interface_addresses(&config.interfaces)),
            HaMode::ActiveActive(mode) => {
                let planned = mode.virtual_addresses.iter().filter_map(|own| {
                    let interface = config.interfaces.get(own.interface)?;
                    let prefix = network_of(interface, own.address);
                    Some(Planned { interface: own.interface, prefix, holder: Some(own.holder) })
                });
                (DeviceId::of(mode.device_id), planned.collect())
            }
        };
        let is_active_passive = matches!(pair.mode, HaMode::ActivePassive { .. });
        // One of an active/passive pair answers with the address that both have, like a device alone.
        let places = if is_active_passive { 0..0 } else { 0..config.interfaces.len() };
        let proxied = places.flat_map(|place| proxied_of(config, place, &planned));
        let proxied = proxied.collect();
        Self { device, is_active_passive, planned, macs: macs.collect(), parents: parents.collect(), proxied }
    }

    /// Which device this one is; 0 in an active/passive pair.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The Ethernet address that an interface uses for all that it sends: in an active/passive pair the one
    /// that both devices have. `None` where the interface uses its own.
    pub fn station(&self, interface: usize) -> Option<MacAddress> {
        self.macs.get(&interface).map(|[zero, _]| *zero).filter(|_| self.is_active_passive)
    }

    /// The Ethernet address that this device's share of an interface is at.
    pub fn virtual_mac(&self, interface: usize) -> Option<MacAddress> {
        self.macs.get(&interface).map(|macs| self.device.of_two(*macs))
    }

    /// Who has which address, when this device stands as `own` and the other one as `peer`: `None` while
    /// nothing is heard of it.
    pub fn table(&self, own: &Standing, peer: Option<&Standing>) -> AddressTable {
        let devices = match self.device {
            DeviceId::Zero => Devices { plan: self, standing: [Some(own), peer] },
            DeviceId::One => Devices { plan: self, standing: [peer, Some(own)] },
        };
        let here = |planned: &Planned| match planned.holder {
            Some(holder) => self.holding(planned.interface, holder, &devices),
            None => {
                let mac = self.station(planned.interface);
                Some(Holding::Whole { mac, is_here: own.state.forwards() })
            }
        };
        let addresses = self.planned.iter().filter_map(|planned| {
            let &Planned { interface, prefix, holder } = planned;
            Some(PairAddress { interface, prefix, holder, holding: here(planned)? })
        });
        AddressTable {
            addresses: addresses.collect(),
            proxied: self
                .proxied
                .iter()
                .filter_map(|(place, own)| self.range(*place, own, &devices))
                .collect(),
            is_silent: self.is_silent(own.state),
        }
    }

    /// A device of an active/active pair has addresses of its own. A tentative one is there for them; one
    /// that begins looks for duplicates.
    const fn is_silent(&self, state: HaState) -> bool {
        match state {
            HaState::Active | HaState::ActivePrimary | HaState::ActiveSecondary => false,
            HaState::Passive | HaState::Initial | HaState::Tentative => self.is_active_passive,
            HaState::NonFunctional | HaState::Suspended => true,
        }
    }

    fn range(&self, interface: usize, proxied: &ProxyArp, devices: &Devices<'_>) -> Option<PairRange> {
        let (home, at) = match proxied.binding {
            DeviceBinding::Device(number) => {
                let home = DeviceId::of(number);
                (home, devices.holder(interface, home, true))
            }
            DeviceBinding::Both | DeviceBinding::Primary => (DeviceId::Zero, devices.primary()),
        };
        let mac = home.of_two(*self.macs.get(&interface)?);
        Some(PairRange { interface, addresses: proxied.addresses, mac, is_here: at == Some(self.device) })
    }

    fn holding(&self, interface: usize, holder: AddressHolder, devices: &Devices<'_>) -> Option<Holding> {
        let macs = self.macs.get(&interface).copied();
        let whole = |home: DeviceId, at: Option<DeviceId>| Holding::Whole {
            mac: macs.map(|macs| home.of_two(macs)),
            is_here: at == Some(self.device),
        };
        let shared = |by| {
            let has = [DeviceId::Zero, DeviceId::One]
                .map(|home| devices.holder(interface, home, true) == Some(self.device));
            Some(Holding::Shared { by, macs: macs?, has })
        };
        match holder {
            AddressHolder::Floating { device_0, device_1, failover_on_link_down } => {
                let home = if device_1 < device_0 { DeviceId::One } else { DeviceId::Zero };
                Some(whole(home, devices.holder(interface, home, failover_on_link_down)))
            }
            AddressHolder::BoundToActivePrimary => Some(whole(DeviceId::Zero, devices.primary())),
            AddressHolder::SharedByModulo => shared(Sharing::Modulo),
            AddressHolder::SharedByHash { seed } => shared(Sharing::Hash { seed }),
        }
    }
}

impl AddressTable {
    /// What the neighbors of an interface are to be answered for, beside its own addresses. In an
    /// active/passive pair nothing: there the interface's own addresses are the pair's.
    pub fn virtual_addresses(&self, interface: usize) -> Vec<VirtualAddress> {
        let own = self.addresses.iter().filter(|own| own.interface == interface && own.holder.is_some());
        own.filter_map(|own| Some(VirtualAddress { prefix: own.prefix, answers: own.answers()? })).collect()
    }

    /// The Ethernet addresses of the pair that frames to this device come to on an interface.
    pub fn macs(&self, interface: usize) -> BTreeSet<MacAddress> {
        let own = self.addresses.iter().filter(|own| own.interface == interface);
        let held =
            own.filter_map(PairAddress::answers).flat_map(|answers| answers.held()).map(|(mac, _)| mac);
        held.chain(self.proxied_at(interface).map(|(_, mac)| mac)).collect()
    }

    /// What this device answers for on an interface, and with which Ethernet address.
    pub fn proxied_at(&self, interface: usize) -> impl Iterator<Item = (AddressRange, MacAddress)> {
        let here = self.proxied.iter().filter(move |own| own.interface == interface && own.is_here);
        here.map(|own| (own.addresses, own.mac))
    }

    /// What is here and was not before, and the other way round.
    pub fn changes_from(&self, before: &Self) -> AddressChanges {
        let (old, new) = (before.announcements(), self.announcements());
        AddressChanges {
            gained: new.difference(&old).copied().collect(),
            lost: old.difference(&new).copied().collect(),
        }
    }

    fn announcements(&self) -> BTreeSet<Announcement> {
        let held = |own: &PairAddress| {
            let (interface, address) = (own.interface, own.prefix.address);
            let held = own.answers().into_iter().flat_map(|answers| answers.held());
            held.map(move |(mac, hearers)| Announcement { interface, address, mac, hearers })
        };
        // Whose place switches learn, and nobody else.
        let proxied = self.proxied.iter().filter(|own| own.is_here).map(|own| Announcement {
            interface: own.interface,
            address: own.addresses.first,
            mac: own.mac,
            hearers: Hearers::Switches,
        });
        self.addresses.iter().flat_map(held).chain(proxied).collect()
    }
}

impl PairAddress {
    /// Whether this device has it, or a share of it.
    pub fn is_here(&self) -> bool {
        match self.holding {
            Holding::Whole { is_here, .. } => is_here,
            Holding::Shared { has, .. } => has.contains(&true),
        }
    }

    /// How neighbors are answered; `None` where the address is not here or has no Ethernet address.
    pub fn answers(&self) -> Option<Answers> {
        self.is_here().then_some(())?;
        match self.holding {
            Holding::Whole { mac, .. } => mac.map(Answers::All),
            Holding::Shared { by, macs, has } => Some(Answers::Requesters { by, macs, has }),
        }
    }
}

/// Both devices as one of them sees them.
struct Devices<'a> {
    plan: &'a AddressPlan,
    /// Of device 0 and device 1; `None` for one that is not heard.
    standing: [Option<&'a Standing>; 2],
}

impl Devices<'_> {
    fn of(&self, device: DeviceId) -> Option<&Standing> {
        device.of_two(self.standing).filter(|standing| standing.state.forwards())
    }

    /// The device at home if it can, else the other one if that can, else whoever forwards.
    fn holder(&self, interface: usize, home: DeviceId, asks_for_link: bool) -> Option<DeviceId> {
        let parent = self.plan.parents.get(&interface);
        let is_up = |standing: &Standing| {
            !standing.down.contains(&interface) && parent.is_none_or(|port| !standing.down.contains(port))
        };
        let can = |device: &DeviceId| self.of(*device).is_some_and(|own| !asks_for_link || is_up(own));
        let order = [home, home.peer()];
        let forwards = |device: &DeviceId| self.of(*device).is_some();
        order.into_iter().find(can).or_else(|| order.into_iter().find(forwards))
    }

    /// The active-primary device. Between two roles it is the one that forwards alone; of two that both say
    /// it of themselves, device 0.
    fn primary(&self) -> Option<DeviceId> {
        let both = [DeviceId::Zero, DeviceId::One];
        let is_primary = |device: &DeviceId| {
            self.of(*device).is_some_and(|standing| standing.state == HaState::ActivePrimary)
        };
        let is_alone = |device: &DeviceId| self.of(*device).is_some() && self.of(device.peer()).is_none();
        both.into_iter().find(is_primary).or_else(|| both.into_iter().find(is_alone))
    }
}

/// The addresses of all interfaces that have an Ethernet address.
fn interface_addresses(interfaces: &[Interface]) -> Vec<Planned> {
    let routed = interfaces.iter().enumerate().filter(|(_, interface)| {
        interface.kind == InterfaceKind::Layer3 && InterfaceNumber::of(&interface.name).is_some()
    });
    routed
        .flat_map(|(place, own)| own.addresses.iter().map(move |prefix| (place, *prefix)))
        .map(|(interface, prefix)| Planned { interface, prefix, holder: None })
        .collect()
}

/// What translation rules have an interface answer for, but for the pair's own addresses. Beyond IPv4 only
/// where it does so at all.
fn proxied_of(config: &Config, place: usize, planned: &[Planned]) -> Vec<(usize, ProxyArp)> {
    let has_nd_proxy = config.interfaces.get(place).is_some_and(|own| own.nd_proxy.is_some());
    let is_planned = |range: &AddressRange| {
        range.first == range.last && planned.iter().any(|own| own.prefix.address == range.first)
    };
    let all = proxied_addresses(config, place).into_iter();
    all.filter(|own| has_nd_proxy || own.addresses.first.is_ipv4())
        .filter(|own| !is_planned(&own.addresses))
        .map(|own| (place, own))
        .collect()
}

/// The address in the network that the interface has around it; on its own where there is none.
fn network_of(interface: &Interface, address: IpAddr) -> Prefix {
    let around = interface.addresses.iter().find(|own| own.contains(address));
    let alone = if address.is_ipv4() { 32 } else { 128 };
    Prefix { address, length: around.map_or(alone, |own| own.length) }
}

#[cfg(test)]
mod tests;
