//! Interfaces, wires, management profiles, zones.

use alloc::{string::String, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};

use bifrons_model::MacAddress;

use super::AddressRange;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// `ethernet1/1`, `ethernet1/1.100`, `loopback.1`, `vlan.1`, `tunnel.1`, `ae1`, `ae1.7`
    pub name: String,
    /// What it does with packets.
    pub kind: InterfaceKind,
    /// The IEEE 802.1Q tag of a subinterface, 1 to 4094.
    pub tag: Option<u16>,
    /// The interface whose wire a subinterface shares: an index into `Config::interfaces`, where it stands
    /// before its subinterfaces. `None` for an interface with a wire of its own, and for one without any.
    pub parent: Option<usize>,
    /// Its addresses with their prefixes; each prefix is a connected route.
    pub addresses: Vec<Prefix>,
    /// The virtual router that it belongs to: an index into `Config::virtual_routers`. `None` is the first
    /// one, also where none is configured.
    pub virtual_router: Option<usize>,
    /// The longest packet, in bytes from the IP header, that leaves in one piece: 576 to 9,216.
    pub mtu: u16,
    /// Whether the MSS of TCP handshakes is lowered to what fits the MTU; `None` leaves it.
    pub adjust_mss: Option<AdjustMss>,
    /// Which services of the device it offers: an index into `Config::management_profiles`. `None` offers
    /// none.
    pub management_profile: Option<usize>,
    /// Whether it is to be up: false is `link-state down`. A subinterface is as its parent.
    pub link_up: bool,
    /// IPv6 on this interface.
    pub ipv6: Ipv6Settings,
    /// Neighbors whose link-layer address is known without asking: static ARP and ND entries.
    pub neighbors: Vec<StaticNeighbor>,
    /// Whether it answers neighbor solicitations for others; `None` for none.
    pub nd_proxy: Option<NdProxy>,
}

impl Default for Interface {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: InterfaceKind::default(),
            tag: None,
            parent: None,
            addresses: Vec::new(),
            virtual_router: None,
            mtu: 1500,
            adjust_mss: None,
            management_profile: None,
            link_up: true,
            ipv6: Ipv6Settings::default(),
            neighbors: Vec::new(),
            nd_proxy: None,
        }
    }
}

/// `adjust-tcp-mss`: how much shorter than the MTU a segment's payload is made, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdjustMss {
    /// Over IPv4, 40 to 300.
    pub ipv4: u16,
    /// Over IPv6, 60 to 300.
    pub ipv6: u16,
}

impl Default for AdjustMss {
    fn default() -> Self {
        Self { ipv4: 40, ipv6: 60 }
    }
}

/// `ipv6 …` of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Settings {
    /// Whether the interface takes part in IPv6; its IPv6 addresses are left out where it does not.
    pub enabled: bool,
    /// Neighbor solicitations sent for an own address before it is used (RFC 4862 §5.4), 0 to 10; 0 uses it
    /// at once.
    pub dad_attempts: u8,
    /// Seconds between two neighbor solicitations (RFC 4861 RetransTimer), 1 to 3,600.
    pub ns_interval: u16,
    /// Seconds that a neighbor counts as reachable (RFC 4861 ReachableTime), 10 to 36,000.
    pub reachable_time: u16,
}

impl Default for Ipv6Settings {
    fn default() -> Self {
        Self { enabled: true, dad_attempts: 1, ns_interval: 1, reachable_time: 30 }
    }
}

/// A neighbor that is known without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticNeighbor {
    /// Its address.
    pub address: IpAddr,
    /// Its link-layer address.
    pub mac: MacAddress,
}

/// `ndp-proxy`: for which addresses an interface answers neighbor solicitations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NdProxy {
    /// These; none answers for nothing but what translation needs.
    pub addresses: Vec<AddressRange>,
    /// Except for these.
    pub except: Vec<AddressRange>,
}

/// An address and a prefix length: a network, or an interface's address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The address; bits beyond the length may be set.
    pub address: IpAddr,
    /// 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub length: u8,
}

/// Every IPv4 address.
impl Default for Prefix {
    fn default() -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), length: 0 }
    }
}

impl Prefix {
    /// Whether `address` lies in this network; never across the two families.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.length)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.length)).unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// What an interface does with packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InterfaceKind {
    /// It routes.
    #[default]
    Layer3,
    /// It listens to copies.
    Tap,
    /// It is one end of a wire.
    VirtualWire,
    /// It has addresses but no wire.
    Loopback,
    /// It is the end of a tunnel.
    Tunnel,
    /// It leads to the other device of a pair and carries no traffic.
    Ha,
}

/// `network virtual-wire`: two interfaces of which one sends out what the other receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualWire {
    /// The wire's name.
    pub name: String,
    /// Its two ends: indices into `Config::interfaces`. An interface is an end of at most one wire.
    pub interfaces: [usize; 2],
    /// Inclusive ranges of the IEEE 802.1Q tags of the frames that pass; 0 is a frame without tag. They say
    /// nothing of frames that belong to subinterfaces.
    pub tags: Vec<(u16, u16)>,
    /// Whether rules judge multicast; otherwise it passes.
    pub multicast_firewalling: bool,
    /// Whether one end goes down with the other.
    pub link_state_pass_through: bool,
}

impl Default for VirtualWire {
    fn default() -> Self {
        Self {
            name: String::new(),
            interfaces: [0, 0],
            tags: alloc::vec![(0, 0)],
            multicast_firewalling: false,
            link_state_pass_through: true,
        }
    }
}

/// `network profiles interface-management-profile`: what an interface offers of the device itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagementProfile {
    /// The profile's name.
    pub name: String,
    /// The services.
    pub services: ManagementServices,
    /// Who may use them; empty for everyone.
    pub permitted: Vec<Prefix>,
}

/// A set of services of the device itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ManagementServices(u16);

impl ManagementServices {
    /// ICMP and ICMPv6 echo.
    pub const PING: Self = Self(1);
    /// TCP 22.
    pub const SSH: Self = Self(1 << 1);
    /// TCP 23.
    pub const TELNET: Self = Self(1 << 2);
    /// TCP 80.
    pub const HTTP: Self = Self(1 << 3);
    /// TCP 443.
    pub const HTTPS: Self = Self(1 << 4);
    /// UDP 161.
    pub const SNMP: Self = Self(1 << 5);
    /// Certificate states over HTTP, TCP 80.
    pub const HTTP_OCSP: Self = Self(1 << 6);
    /// Pages for users, TCP 6080 to 6083.
    pub const RESPONSE_PAGES: Self = Self(1 << 7);
    /// Names of users for other firewalls, TCP 5007.
    pub const USER_ID: Self = Self(1 << 8);
    /// Names of users by syslog over TLS, TCP 6514.
    pub const USER_ID_SYSLOG_SSL: Self = Self(1 << 9);
    /// Names of users by syslog, UDP 514.
    pub const USER_ID_SYSLOG_UDP: Self = Self(1 << 10);

    /// The services of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether at least one service of `other` is in this set.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The services that a packet of this IP protocol to this destination port asks for; none for any that
    /// the device does not have. Echo requests are for the caller to know by their ICMP type.
    pub const fn at_port(protocol: u8, port: u16) -> Self {
        match (protocol, port) {
            (6, 22) => Self::SSH,
            (6, 23) => Self::TELNET,
            (6, 80) => Self::HTTP.with(Self::HTTP_OCSP),
            (6, 443) => Self::HTTPS,
            (6, 5007) => Self::USER_ID,
            (6, 6080..=6083) => Self::RESPONSE_PAGES,
            (6, 6514) => Self::USER_ID_SYSLOG_SSL,
            (17, 161) => Self::SNMP,
            (17, 514) => Self::USER_ID_SYSLOG_UDP,
            _ => Self(0),
        }
    }
}

/// A security zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// The zone's name, at most 31 characters.
    pub name: String,
    /// Its interfaces: indices into `Config::interfaces`. An interface belongs to at most one zone.
    pub interfaces: Vec<usize>,
    /// Whether `tcp-reject-non-syn` differs from the global value here.
    pub tcp_reject_non_syn: Option<bool>,
    /// Whether `asymmetric-path bypass` differs from the global value here.
    pub asymmetric_path_bypass: Option<bool>,
    /// What holds for packets that come in from the zone: an index into
    /// `Config::zone_protection_profiles`. `None` protects from nothing.
    pub protection: Option<usize>,
}
