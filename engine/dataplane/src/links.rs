//! The wire side of the interfaces: which port and VLAN an interface is, its station address, what fits.
//!
//! A device makes the table from its configuration and its ports. Where packets come from a capture there is
//! none: an interface without a link has no place in a network, and its packets pass with the link headers
//! that they came with.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use bifrons_config::typed::{ManagementProfile, ManagementServices};
use bifrons_model::{DropReason, InterfaceId, MacAddress, VirtualRouterId};
use bifrons_wire::{ETHERTYPE_IPV4, protocol};

/// The links of a device, immutable; a change makes another table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    ports: Box<[Option<Port>]>,
    interfaces: Box<[Option<Link>]>,
    /// By the number of a routed port that is up: what takes its frames without a tag.
    untagged: Box<[Option<Untagged>]>,
    managements: Box<[Option<ManagementProfile>]>,
    /// By virtual router: networks of two may overlap.
    own: BTreeMap<(VirtualRouterId, IpAddr), Own>,
}

/// A place where frames come in and go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Whether frames can pass.
    pub is_up: bool,
    /// What it does with frames.
    pub mode: PortMode,
}

/// What a port does with frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortMode {
    /// It routes what is sent to its interfaces.
    Routed {
        /// The interface of frames without a tag, and of those with VLAN 0.
        untagged: Option<InterfaceId>,
        /// The interfaces of VLANs, in the order of these.
        tagged: Vec<(u16, InterfaceId)>,
    },
    /// What comes in leaves by another port.
    Wire(Wire),
    /// It listens.
    Tap,
}

/// One end of a virtual wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// The port at the other end.
    pub peer: InterfaceId,
    /// The VLANs that pass, as first and last of each run; 0 stands for frames without a tag.
    pub tags: Vec<(u16, u16)>,
    /// Whether IP multicast is judged by the rules; else it passes as it is.
    pub judges_multicast: bool,
}

/// The link of a routed interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its port, by the port's own interface.
    pub port: InterfaceId,
    /// Its VLAN.
    pub tag: Option<u16>,
    /// The virtual router that it belongs to.
    pub router: VirtualRouterId,
    /// Its station address.
    pub mac: MacAddress,
    /// Further station addresses that it answers to, such as those of floating addresses.
    pub virtual_macs: Vec<MacAddress>,
    /// The longest IP packet that leaves in one piece, in bytes.
    pub mtu: u16,
    /// The largest TCP segment that hosts behind it may announce, over IPv4 and over IPv6, in bytes.
    pub segment_size: Option<[u16; 2]>,
}

/// An interface and its station address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Untagged {
    interface: InterfaceId,
    mac: MacAddress,
}

/// An address with a meaning of its own to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// It is the device's, at this interface.
    Address(InterfaceId),
    /// It is all hosts of a network that the device is connected to.
    Broadcast,
}

impl Links {
    /// From ports, links and what is offered by the numbers of their interfaces, and the addresses that have
    /// a meaning of their own.
    pub fn new(
        ports: impl IntoIterator<Item = (InterfaceId, Port)>,
        links: impl IntoIterator<Item = (InterfaceId, Link)>,
        managements: impl IntoIterator<Item = (InterfaceId, ManagementProfile)>,
        own: impl IntoIterator<Item = ((VirtualRouterId, IpAddr), Own)>,
    ) -> Self {
        let ports: Box<[Option<Port>]> = table(ports);
        let interfaces: Box<[Option<Link>]> = table(links);
        let untagged = |port: &Option<Port>| {
            let interface = port.as_ref().filter(|port| port.is_up)?.interface_of(None).ok()?;
            let link = interfaces.get(interface.index())?.as_ref()?;
            Some(Untagged { interface, mac: link.mac })
        };
        Self {
            untagged: ports.iter().map(untagged).collect(),
            ports,
            interfaces,
            managements: table(managements),
            own: own.into_iter().collect(),
        }
    }

    /// Whether packets come from a capture.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ports.is_empty()
    }

    /// The port, by its own interface.
    #[inline]
    pub fn port(&self, interface: InterfaceId) -> Option<&Port> {
        self.ports.get(interface.index())?.as_ref()
    }

    /// The link of a routed interface.
    #[inline]
    pub fn link(&self, interface: InterfaceId) -> Option<&Link> {
        self.interfaces.get(interface.index())?.as_ref()
    }

    /// The routed interface that takes an Ethernet frame, where that is seen at a glance: of IPv4, without a
    /// tag, to the interface's own station address. `port` is the port that it came in by.
    #[inline]
    pub(crate) fn takes_usual(&self, port: InterfaceId, frame: &[u8]) -> Option<InterfaceId> {
        const IPV4: [u8; 2] = ETHERTYPE_IPV4.to_be_bytes();
        let untagged = self.untagged.get(port.index())?.as_ref()?;
        let header: &[u8; 14] = frame.first_chunk()?;
        let is_usual = header.starts_with(&untagged.mac.0) && header.ends_with(&IPV4);
        is_usual.then_some(untagged.interface)
    }

    /// What the address is to the device, seen from a virtual router.
    pub fn own(&self, router: VirtualRouterId, address: IpAddr) -> Option<Own> {
        self.own.get(&(router, address)).copied()
    }

    /// What the device offers at an interface.
    pub(crate) fn management(&self, interface: InterfaceId) -> Option<&ManagementProfile> {
        self.managements.get(interface.index())?.as_ref()
    }

    /// The port that an interface's frames leave by; the interface itself where it is a port.
    pub fn port_of(&self, interface: InterfaceId) -> InterfaceId {
        self.link(interface).map_or(interface, |link| link.port)
    }

    /// Whether an interface can send.
    #[inline]
    pub(crate) fn is_up(&self, interface: InterfaceId) -> bool {
        self.port(self.port_of(interface)).is_some_and(|port| port.is_up)
    }
}

impl Port {
    /// The interface whose VLAN this is; `None` for a frame without tag.
    pub(crate) fn interface_of(&self, tag: Option<u16>) -> Result<InterfaceId, DropReason> {
        match &self.mode {
            PortMode::Routed { untagged, tagged } => match tag {
                None | Some(0) => untagged.ok_or(DropReason::UnknownVlan),
                Some(tag) => {
                    let place = tagged.binary_search_by_key(&tag, |(tag, _)| *tag);
                    let found = place.ok().and_then(|place| tagged.get(place));
                    found.map(|(_, interface)| *interface).ok_or(DropReason::UnknownVlan)
                }
            },
            PortMode::Wire(_) | PortMode::Tap => Err(DropReason::InterfaceDown),
        }
    }
}

impl Wire {
    /// Whether frames of this VLAN pass.
    pub(crate) fn admits(&self, tag: Option<u16>) -> bool {
        let tag = tag.unwrap_or(0);
        self.tags.iter().any(|(first, last)| (*first..=*last).contains(&tag))
    }
}

impl Link {
    /// Whether a frame to this station address is for the interface.
    #[inline]
    pub(crate) fn answers_to(&self, mac: MacAddress) -> bool {
        self.mac == mac || self.virtual_macs.contains(&mac)
    }

    /// The largest segment that a SYN may announce.
    #[inline]
    pub(crate) fn segment_size(&self, is_v6: bool) -> Option<u16> {
        self.segment_size.map(|sizes| sizes[usize::from(is_v6)])
    }
}

/// Whether a profile offers the service that a packet from `source` asks for. `echo` says that it is an echo
/// request.
pub(crate) fn offers(
    profile: &ManagementProfile,
    source: IpAddr,
    (number, port): (u8, u16),
    echo: bool,
) -> bool {
    let asked = match number {
        protocol::ICMP | protocol::ICMPV6 if echo => ManagementServices::PING,
        _ => ManagementServices::at_port(number, port),
    };
    let permitted = &profile.permitted;
    let is_permitted = permitted.is_empty() || permitted.iter().any(|network| network.contains(source));
    profile.services.has_any(asked) && is_permitted
}

/// A table by number.
fn table<T: Clone>(entries: impl IntoIterator<Item = (InterfaceId, T)>) -> Box<[Option<T>]> {
    let mut all: Vec<Option<T>> = Vec::new();
    for (interface, entry) in entries {
        if all.len() <= interface.index() {
            all.resize(interface.index() + 1, None);
        }
        all[interface.index()] = Some(entry);
    }
    all.into_boxed_slice()
}
