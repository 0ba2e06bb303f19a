//! What we are on a link: our addresses there, and those that we answer for.

use alloc::vec::Vec;
use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use bifrons_config::typed::{AddressRange, Interface, Prefix, StaticNeighbor};
use bifrons_model::{MacAddress, Timestamp};
use bifrons_policy::ProxyArp;
use bifrons_wire::link_local;

use super::{
    entry::Times,
    own::{Own, OwnAddress},
    pair::{Virtual, VirtualAddress},
    table::Table,
};

/// Between two ARP requests for one address.
const ARP_RETRANSMISSION: Duration = Duration::from_secs(1);
/// How long an ARP answer holds: the half hour of PAN-OS.
const ARP_REACHABLE: Duration = Duration::from_secs(1800);
/// How many neighbors an interface has at most, unless it is said otherwise.
const CAPACITY: usize = 16_384;

/// What an interface is to its neighbors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSettings {
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// Its addresses, and those that it has for a pair of devices.
    pub addresses: Vec<OwnAddress>,
    /// Addresses that it has, or has a share of, for a pair of devices. They are used at once: the pair
    /// has had them before.
    pub virtual_addresses: Vec<VirtualAddress>,
    /// Whether it sends nothing of its own, because the other device of a pair has all addresses. It listens
    /// and learns nevertheless. When the silence ends its addresses are used at once; who ends it
    /// announces them ([`Neighbors::announce_address`](super::Neighbors::announce_address)).
    pub is_silent: bool,
    /// Addresses that it answers for with `mac`.
    pub proxied: Vec<AddressRange>,
    /// Addresses that it answers for as long as it does so for a pair of devices, with Ethernet addresses
    /// that move between the two.
    pub proxied_for_pair: Vec<(AddressRange, MacAddress)>,
    /// Addresses among them that it does not answer for.
    pub excepted: Vec<AddressRange>,
    /// Neighbors that are known without asking.
    pub fixed: Vec<StaticNeighbor>,
    /// Between two neighbor solicitations for one address.
    pub retransmission: Duration,
    /// How long a neighbor advertisement holds.
    pub reachable: Duration,
    /// How many neighbors are kept. Configured ones find a place in any case.
    pub capacity: usize,
    /// Whether it is up when it is new; later `Neighbors::set_up` tells.
    pub is_up: bool,
}

impl LinkSettings {
    /// Those of an interface with this Ethernet address: its addresses, where it has IPv6 ones the
    /// link-local address made of `mac`, and what it answers for by translation rules (`proxied`) and by its
    /// `ndp-proxy`. Addresses of IPv4 are used at once, those of IPv6 after the search for duplicates.
    pub fn new(mac: MacAddress, interface: &Interface, proxied: &[ProxyArp]) -> Self {
        let ipv6 = &interface.ipv6;
        let own = |prefix: Prefix| {
            let probes = if prefix.address.is_ipv6() { ipv6.dad_attempts } else { 0 };
            OwnAddress { prefix, mac, probes }
        };
        let mut addresses: Vec<OwnAddress> = interface.addresses.iter().copied().map(own).collect();
        let mut six = interface.addresses.iter().map(|own| own.address).filter(IpAddr::is_ipv6).peekable();
        if six.peek().is_some() && !six.any(is_link_local) {
            addresses.push(own(Prefix { address: IpAddr::V6(link_local(mac)), length: 64 }));
        }
        let nd_proxy = interface.nd_proxy.as_ref();
        let translated = proxied.iter().map(|own| own.addresses);
        let translated = translated.filter(|range| range.first.is_ipv4() || nd_proxy.is_some());
        let listed = nd_proxy.into_iter().flat_map(|proxy| proxy.addresses.iter().copied());
        Self {
            mac,
            addresses,
            virtual_addresses: Vec::new(),
            is_silent: false,
            proxied: translated.chain(listed).collect(),
            proxied_for_pair: Vec::new(),
            excepted: nd_proxy.map(|proxy| proxy.except.clone()).unwrap_or_default(),
            fixed: interface.neighbors.clone(),
            retransmission: Duration::from_secs(ipv6.ns_interval.max(1).into()),
            reachable: Duration::from_secs(ipv6.reachable_time.max(1).into()),
            capacity: CAPACITY,
            is_up: true,
        }
    }
}

/// A link.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub settings: LinkSettings,
    pub own: Vec<Own>,
    pub virtuals: Vec<Virtual>,
    pub table: Table,
    pub is_up: bool,
}

impl Link {
    pub fn new(now: Timestamp, settings: LinkSettings) -> Self {
        let own = |address: &OwnAddress| {
            if settings.is_silent { Own::settled(*address) } else { Own::new(now, *address) }
        };
        let own = settings.addresses.iter().map(own).collect();
        let virtuals = settings.virtual_addresses.iter().copied().map(Virtual::new).collect();
        let table = Table::new(settings.capacity);
        let is_up = settings.is_up;
        Self { settings, own, virtuals, table, is_up }
    }

    pub const fn times(&self, address: IpAddr) -> Times {
        match address {
            IpAddr::V4(_) => Times { retransmission: ARP_RETRANSMISSION, reachable: ARP_REACHABLE },
            IpAddr::V6(_) => {
                Times { retransmission: self.settings.retransmission, reachable: self.settings.reachable }
            }
        }
    }

    pub fn own(&self, address: IpAddr) -> Option<&Own> {
        self.own.iter().find(|own| own.ip() == address)
    }

    pub fn own_mut(&mut self, address: IpAddr) -> Option<&mut Own> {
        self.own.iter_mut().find(|own| own.ip() == address)
    }

    pub fn virtual_of(&self, address: IpAddr) -> Option<&Virtual> {
        self.virtuals.iter().find(|own| own.ip() == address)
    }

    pub fn virtual_mut(&mut self, address: IpAddr) -> Option<&mut Virtual> {
        self.virtuals.iter_mut().find(|own| own.ip() == address)
    }

    /// The Ethernet address to answer `requester` with for this address, and whether it is really there and
    /// not only answered for; `None` where it is none of ours, or the other device of a pair answers.
    pub fn answers_for(&self, address: IpAddr, requester: IpAddr) -> Option<(MacAddress, bool)> {
        if let Some(own) = self.own(address) {
            return own.is_usable().then_some((own.address.mac, true));
        }
        if let Some(own) = self.virtual_of(address) {
            return own.address.answers.mac_for(requester).map(|mac| (mac, true));
        }
        let is_in = |ranges: &[AddressRange]| ranges.iter().any(|range| holds(range, address));
        if is_in(&self.settings.excepted) {
            return None;
        }
        let of_pair = self.proxied_for_pair(address);
        of_pair.or_else(|| is_in(&self.settings.proxied).then_some(self.settings.mac)).map(|mac| (mac, false))
    }

    /// The Ethernet address that the device answers with for an address that is none of its own, for a pair.
    pub fn proxied_for_pair(&self, address: IpAddr) -> Option<MacAddress> {
        let mut ranges = self.settings.proxied_for_pair.iter();
        ranges.find(|(range, _)| holds(range, address)).map(|(_, mac)| *mac)
    }

    /// Our address that asks for `neighbor`: the one in whose network it lies, else another of its scope.
    pub fn asker_of(&self, neighbor: IpAddr) -> Option<&Own> {
        let fits = |own: &&Own| {
            own.is_usable()
                && own.ip().is_ipv4() == neighbor.is_ipv4()
                && (is_link_local(own.ip()) || !is_link_local(neighbor))
        };
        let usable = self.own.iter().filter(fits);
        let nearest = usable.clone().find(|own| own.address.prefix.contains(neighbor));
        nearest
            .or_else(|| usable.clone().find(|own| !is_link_local(own.ip())))
            .or_else(|| usable.clone().next())
    }

    /// Whether an address can be that of a neighbor: one host's, and none of ours.
    pub fn may_be_neighbor(&self, address: IpAddr) -> bool {
        let is_host = match address {
            IpAddr::V4(host) => !(host.is_multicast() || host.is_broadcast() || host.is_loopback()),
            IpAddr::V6(host) => !(host.is_multicast() || host == Ipv6Addr::LOCALHOST),
        };
        is_host
            && !address.is_unspecified()
            && self.own(address).is_none()
            && self.virtual_of(address).is_none()
            && !self.own.iter().any(|own| is_edge(&own.address.prefix, address))
    }

    /// Whether a neighbor of this address lies in one of our networks here.
    pub fn is_on_link(&self, address: IpAddr) -> bool {
        self.may_be_neighbor(address)
            && (is_link_local(address) || self.own.iter().any(|own| own.address.prefix.contains(address)))
    }
}

pub(super) const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

fn holds(range: &AddressRange, address: IpAddr) -> bool {
    range.first.is_ipv4() == address.is_ipv4() && range.first <= address && address <= range.last
}

/// Whether the address is the first or last of an IPv4 network, which no host has (RFC 1122, section
/// 3.2.1.3); networks of one or two addresses have none such (RFC 3021).
fn is_edge(network: &Prefix, address: IpAddr) -> bool {
    let (IpAddr::V4(_), IpAddr::V4(host)) = (network.address, address) else { return false };
    let hosts = u32::MAX.checked_shr(network.length.into()).unwrap_or(0);
    let within = host.to_bits() & hosts;
    hosts > 1 && network.contains(address) && (within == 0 || within == hosts)
}
