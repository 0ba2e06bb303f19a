//! Pings to the destinations of a pair's path groups.
//!
//! ```text
//!  Member ── ping ──► route of the group's router ──► echo request ──► neighbor
//!    ▲                                                                    │
//!    └──────────────────────────── answered ◄──────── echo reply ◄────────┘
//! ```
//!
//! `bifrons_ha` knows when to ask and when a destination has failed. A ping without a way is one without an
//! answer.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{PathGroup, PathThrough},
};
use bifrons_dataplane::AwaitedEcho;
use bifrons_ha::PathId;
use bifrons_model::{InterfaceId, Timestamp, VirtualRouterId};
use bifrons_policy::{Flow, Forward, Forwarding};
use bifrons_wire::{Addresses, Echo};

use crate::controller::{Controller, Order};

/// What the requests carry.
const CONTENT: &[u8] = b"bifrons path group";

/// How many requests ago the one may be that an answer is to.
const LATEST: u16 = 3;

/// The destinations that have been asked since the last commit.
#[derive(Debug, Default)]
pub(crate) struct GroupPaths {
    pings: BTreeMap<PathId, Ping>,
    /// The first identifier that no other monitor has.
    first: u16,
    answered: Vec<PathId>,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    identifier: u16,
    /// Of the last request.
    sequence: u16,
    addresses: Addresses,
    interface: InterfaceId,
}

impl GroupPaths {
    /// Another configuration runs, whose other monitors have the identifiers below `first`.
    pub fn begin(&mut self, first: u16) {
        *self = Self { first, ..Self::default() };
    }

    /// The answers that are waited for, in order of identifiers.
    pub fn awaited(&self) -> impl Iterator<Item = AwaitedEcho> {
        let mut all: Vec<_> = self.pings.values().map(Ping::awaited).collect();
        all.sort_unstable_by_key(|awaited| awaited.identifier);
        all.into_iter()
    }

    /// The next request to a destination, and whether another answer is waited for than before. `None` where
    /// identifiers have run out.
    fn next(&mut self, path: PathId, interface: InterfaceId, addresses: Addresses) -> Option<(Ping, bool)> {
        let identifier = self.first.checked_add(u16::try_from(self.pings.len()).ok()?);
        let before = self.pings.get(&path).copied();
        let ping = match before {
            Some(before) => {
                Ping { sequence: before.sequence.wrapping_add(1), addresses, interface, ..before }
            }
            None => Ping { identifier: identifier?, sequence: 1, addresses, interface },
        };
        self.pings.insert(path, ping);
        Some((ping, before.is_none_or(|before| before.awaited() != ping.awaited())))
    }

    /// Takes an answer; false where it is none to a request of these.
    pub fn handle_echo(&mut self, echo: &Echo) -> bool {
        let is_asked = |ping: &Ping| {
            ping.identifier == echo.identifier
                && ping.addresses.reversed() == echo.addresses
                && ping.sequence.wrapping_sub(echo.sequence) < LATEST
        };
        let found = self.pings.iter().find(|(_, ping)| is_asked(ping));
        let path = found.map(|(path, _)| *path);
        self.answered.extend(path);
        path.is_some()
    }
}

impl Ping {
    const fn awaited(&self) -> AwaitedEcho {
        AwaitedEcho {
            identifier: self.identifier,
            addresses: self.addresses.reversed(),
            interface: self.interface,
        }
    }
}

impl Controller {
    /// Asks a destination of a path group; false where nothing is sent through what the group names.
    pub fn ping_path(&mut self, now: Timestamp, path: PathId, address: IpAddr) -> bool {
        let groups = &self.config.high_availability.path_monitoring.groups;
        let Some(router) = groups.get(path.group).and_then(|group| router_of(group, &self.config)) else {
            return false;
        };
        let Some((forward, addresses)) = self.way_to(router, address) else { return true };
        let next = self.group_paths.next(path, forward.interface, addresses);
        let Some((Ping { identifier, sequence, .. }, is_news)) = next else { return true };
        if is_news {
            self.await_echoes();
        }
        let packet = Echo { addresses, is_reply: false, identifier, sequence }.packet(CONTENT);
        self.probe(now, forward, addresses, packet);
        true
    }

    /// The destinations that have answered.
    pub fn take_answered(&mut self) -> Vec<PathId> {
        core::mem::take(&mut self.group_paths.answered)
    }

    /// Tells the workers which answers are for the device, where they are others than before.
    pub fn await_echoes(&mut self) {
        let awaited: Arc<[AwaitedEcho]> = self.paths.awaited().chain(self.group_paths.awaited()).collect();
        if self.awaited != awaited {
            self.awaited = Arc::clone(&awaited);
            self.orders.push(Order::Awaited(awaited));
        }
    }

    fn way_to(&self, router: VirtualRouterId, address: IpAddr) -> Option<(Forward, Addresses)> {
        let policy = &self.compiled().policy;
        let nobody = Flow { source: address, destination: address, source_port: 0, destination_port: 0 };
        let Forwarding::Via(forward) = policy.fib().lookup(router, address, &nobody)? else { return None };
        let source = policy.interface_address(forward.interface, forward.gateway.unwrap_or(address))?;
        let addresses = match (source, address) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Addresses::V4 { source: source.to_bits(), destination: destination.to_bits() }
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Addresses::V6 { source: source.to_bits(), destination: destination.to_bits() }
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
        };
        Some((forward, addresses))
    }
}

/// The router of a group; `None` for one whose pings go through something else.
fn router_of(group: &PathGroup, config: &Config) -> Option<VirtualRouterId> {
    match group.through {
        PathThrough::VirtualRouter | PathThrough::LogicalRouter => {
            let place = config.virtual_routers.iter().position(|router| router.name == group.name)?;
            u16::try_from(place).ok().map(VirtualRouterId)
        }
        PathThrough::VirtualWire | PathThrough::Vlan => None,
    }
}
