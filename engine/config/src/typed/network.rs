//! Interfaces, routes, zones.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// `ethernet1/1`, `ethernet1/1.100`, `loopback.1`, `vlan.1`, `tunnel.1`, `ae1`, `ae1.7`
    pub name: String,
    /// What it does with packets.
    pub kind: InterfaceKind,
    /// The IEEE 802.1Q tag of a subinterface, 1 to 4094.
    pub tag: Option<u16>,
    /// Its addresses with their prefixes; each prefix is a connected route.
    pub addresses: Vec<Prefix>,
}

/// An address and a prefix length: a network, or an interface's address in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The address; bits beyond the length may be set.
    pub address: IpAddr,
    /// 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub length: u8,
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
}

/// A static route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The route's name.
    pub name: String,
    /// Where it leads.
    pub destination: Prefix,
    /// The egress interface: an index into `Config::interfaces`.
    pub interface: usize,
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
}
