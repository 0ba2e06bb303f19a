//! Which of several equal paths a flow takes.

use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;

use bifrons_model::SeededHash;

use bifrons_model::InterfaceId;

use super::{Forward, VirtualRouterId, offers::Spread, table::bits_of};

/// What decides between paths of equal cost. All of a flow's packets take one path, and which one depends
/// on nothing but the flow, the paths and this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The addresses, modulo the number of paths.
    #[default]
    IpModulo,
    /// A hash of the addresses.
    IpHash {
        /// The source alone counts.
        source_only: bool,
        /// The ports count as well.
        with_ports: bool,
        /// Other seeds make other choices.
        seed: u32,
    },
    /// A hash of addresses and ports, in proportion to the weights of the paths' interfaces.
    Weighted,
    /// A hash of addresses and ports, all paths alike.
    Balanced,
}

/// What of a packet decides between equal paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The source port, 0 where the protocol has none.
    pub source_port: u16,
    /// The destination port, 0 where the protocol has none.
    pub destination_port: u16,
}

/// What comes before the balance of equal paths, where the virtual router says so: a path by one of these
/// interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    /// The interface that the session came in by, for its answers (`symmetric-return`).
    pub came_by: Option<InterfaceId>,
    /// The interface that has the source address, for packets of the device's own (`strict-source-path`).
    pub source: Option<InterfaceId>,
}

/// What becomes of packets for a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// No route can be used.
    #[default]
    Nothing,
    Discard,
    /// Another virtual router knows.
    Router(VirtualRouterId),
    One(Forward),
    Several(Box<Group>),
}

/// Paths of equal cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    balance: Balance,
    symmetric_return: bool,
    strict_source_path: bool,
    /// At least two, each with the sum of the weights up to and including it.
    paths: Vec<(Forward, u32)>,
}

impl Group {
    /// Of at least one path with its weight. Without a weight above 0 all count alike.
    pub fn choice(spread: &Spread, paths: &[(Forward, u8)]) -> Choice {
        let Spread { balance, symmetric_return, strict_source_path, .. } = *spread;
        match paths {
            [] => Choice::Nothing,
            [(path, _)] => Choice::One(*path),
            _ => {
                let is_weighted = balance == Balance::Weighted && paths.iter().any(|(_, weight)| *weight > 0);
                let mut sum = 0;
                let summed = paths.iter().map(|(path, weight)| {
                    sum += if is_weighted { u32::from(*weight) } else { 1 };
                    (*path, sum)
                });
                let paths = summed.collect();
                Choice::Several(Box::new(Self { balance, symmetric_return, strict_source_path, paths }))
            }
        }
    }

    pub fn select(&self, flow: &Flow, preference: Option<&Preference>) -> Option<Forward> {
        if let Some(path) = preference.and_then(|preference| self.preferred(flow, preference)) {
            return Some(path);
        }
        let total = self.paths.last().map_or(1, |(_, sum)| *sum).max(1);
        let number = match self.balance {
            Balance::IpModulo => (modulo(flow.source, total) + modulo(flow.destination, total)) % total,
            Balance::IpHash { source_only, with_ports, seed } => {
                share(hash(flow, source_only, with_ports, seed), total)
            }
            Balance::Weighted | Balance::Balanced => share(hash(flow, false, true, 0), total),
        };
        self.paths.iter().find(|(_, sum)| number < *sum).map(|(path, _)| *path)
    }
}

impl Group {
    /// Of the paths by the interface that is preferred, one for all of the flow's packets.
    fn preferred(&self, flow: &Flow, preference: &Preference) -> Option<Forward> {
        let came_by = preference.came_by.filter(|_| self.symmetric_return);
        let source = preference.source.filter(|_| self.strict_source_path);
        [came_by, source].into_iter().flatten().find_map(|interface| {
            let paths = self.paths.iter().map(|(path, _)| *path);
            let mut paths = paths.filter(|path| path.interface == interface);
            let count = paths.clone().count() as u32;
            paths.nth(share(hash(flow, false, true, 0), count) as usize)
        })
    }
}

fn modulo(address: IpAddr, count: u32) -> u32 {
    let number = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    (number % u128::from(count)) as u32
}

/// A number below `count`, each as likely as the others.
const fn share(hash: u64, count: u32) -> u32 {
    (((hash >> 32) * count as u64) >> 32) as u32
}

fn hash(flow: &Flow, source_only: bool, with_ports: bool, seed: u32) -> u64 {
    let mut hash = SeededHash::new(seed).with(bits_of(flow.source));
    if !source_only {
        hash = hash.with(bits_of(flow.destination));
    }
    if with_ports {
        hash = hash.with(u128::from(flow.source_port) << 16 | u128::from(flow.destination_port));
    }
    hash.value()
}
