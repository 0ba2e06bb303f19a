//! Virtual routers, routes, policy-based forwarding.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use bifrons_model::AppId;

use super::{AddressRange, DeviceBinding, FailureCondition, Prefix, Schedule, ServiceMatch, UserMatch};

/// `network virtual-router`: interfaces and routes that know nothing of those of other virtual routers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VirtualRouter {
    /// The virtual router's name.
    pub name: String,
    /// Its interfaces: indices into `Config::interfaces`. An interface belongs to at most one; those that
    /// none names are the first one's and stand here too.
    pub interfaces: Vec<usize>,
    /// Whether several routes of one network, distance and metric share its sessions; `None` uses the one
    /// that stands first.
    pub ecmp: Option<Ecmp>,
}

/// `ecmp`: how sessions are spread over equal routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecmp {
    /// How many equal routes count, 2 to 4.
    pub max_paths: u8,
    /// Which of them a session takes.
    pub algorithm: EcmpAlgorithm,
    /// Whether answers leave by the interface that the session's first packet came in by.
    pub symmetric_return: bool,
    /// Whether packets of the device itself leave by the interface that has their source address.
    pub strict_source_path: bool,
}

impl Default for Ecmp {
    fn default() -> Self {
        Self {
            max_paths: 2,
            algorithm: EcmpAlgorithm::default(),
            symmetric_return: false,
            strict_source_path: false,
        }
    }
}

/// Which of several equal routes a session takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum EcmpAlgorithm {
    /// By source and destination address modulo the number of routes.
    #[default]
    IpModulo,
    /// By a hash of source and destination address.
    IpHash {
        /// Whether the source address alone counts.
        source_only: bool,
        /// Whether the ports count too.
        use_ports: bool,
        /// Makes the hash another one, 0 to 4,294,967,295.
        seed: u32,
    },
    /// One after the other, each as often as the weight of its interface says; 100 where none is given.
    WeightedRoundRobin(Vec<InterfaceWeight>),
    /// The one with the fewest sessions.
    BalancedRoundRobin,
}

/// The share of an interface in weighted round robin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceWeight {
    /// An index into `Config::interfaces`.
    pub interface: usize,
    /// 1 to 255.
    pub weight: u8,
}

/// A static route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The route's name.
    pub name: String,
    /// Whose route it is: an index into `Config::virtual_routers`.
    pub virtual_router: usize,
    /// The network that it leads to.
    pub destination: Prefix,
    /// The way there.
    pub next_hop: RouteTarget,
    /// Of routes to one network those of the lowest distance count, 1 to 255; connected ones have 0.
    pub distance: u8,
    /// Of these, those of the lowest metric, 1 to 65,535.
    pub metric: u16,
    /// Whether the route goes while destinations do not answer; `None` keeps it.
    pub path_monitor: Option<RouteMonitor>,
}

/// Where a route leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RouteTarget {
    /// To the next router.
    Gateway {
        /// Its address, of either family.
        address: IpAddr,
        /// The interface that it is behind: an index into `Config::interfaces`.
        interface: usize,
    },
    /// To hosts that are directly behind this interface: an index into `Config::interfaces`.
    Interface(usize),
    /// To the table of another virtual router: an index into `Config::virtual_routers`.
    Router(usize),
    /// Nowhere: packets are dropped.
    #[default]
    Discard,
}

/// `path-monitor`: a route that depends on answers to echo requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMonitor {
    /// Whether one failed destination is enough, or all must fail.
    pub failure_condition: FailureCondition,
    /// How long, in seconds, destinations must answer again before the route comes back: 0 to 86,400.
    pub hold_time: u32,
    /// The destinations, at most 8.
    pub destinations: Vec<MonitoredDestination>,
}

impl Default for RouteMonitor {
    fn default() -> Self {
        Self { failure_condition: FailureCondition::Any, hold_time: 120, destinations: Vec::new() }
    }
}

/// A destination that a route depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoredDestination {
    /// Its name.
    pub name: String,
    /// Where echo requests come from: an address of the route's egress interface.
    pub source: Option<IpAddr>,
    /// Where they go.
    pub destination: IpAddr,
    /// Seconds between two of them, 1 to 60.
    pub interval: u8,
    /// How many must stay unanswered in a row before the destination counts as failed, 3 to 10.
    pub count: u8,
}

/// A policy-based forwarding rule: which way sessions go, before any route is asked. The first that matches
/// decides. An empty list means `any`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardingRule {
    /// The rule's name, at most 63 characters.
    pub name: String,
    /// Where the traffic comes from.
    pub from: ForwardingSource,
    /// Source addresses.
    pub source: Vec<AddressRange>,
    /// Destination addresses.
    pub destination: Vec<AddressRange>,
    /// Whether the source list says which addresses do not match.
    pub negate_source: bool,
    /// Whether the destination list says which addresses do not match.
    pub negate_destination: bool,
    /// The client's user.
    pub source_user: Vec<UserMatch>,
    /// Applications. They are not known with a session's first packet; a rule that names some holds for
    /// destinations of which an earlier session has shown the application.
    pub application: Vec<AppId>,
    /// Services; never `ApplicationDefault`.
    pub service: ServiceMatch,
    /// When the rule holds; `None` always.
    pub schedule: Option<Schedule>,
    /// Which way sessions go.
    pub action: ForwardingAction,
    /// Whether answers go back where the session came from, and not as routes say.
    pub symmetric_return: Option<SymmetricReturn>,
    /// Which device of an active/active pair uses the rule; never `Primary`.
    pub binding: DeviceBinding,
    /// Whether the rule is skipped.
    pub disabled: bool,
    /// Free text.
    pub description: String,
}

/// Where the traffic of a forwarding rule comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForwardingSource {
    /// From these zones: indices into `Config::zones`; empty for any.
    Zones(Vec<usize>),
    /// By these interfaces: indices into `Config::interfaces`.
    Interfaces(Vec<usize>),
}

impl Default for ForwardingSource {
    fn default() -> Self {
        Self::Zones(Vec::new())
    }
}

/// Which way the sessions of a forwarding rule go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ForwardingAction {
    /// As routes say.
    #[default]
    NoPbf,
    /// Nowhere: they are dropped.
    Discard,
    /// Out by this interface.
    Forward {
        /// An index into `Config::interfaces`.
        interface: usize,
        /// The next router; `None` for hosts that are directly behind the interface.
        next_hop: Option<IpAddr>,
        /// Whether the rule depends on answers to echo requests.
        monitor: Option<ForwardingMonitor>,
    },
}

/// `action forward monitor`: a forwarding rule that depends on answers to echo requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardingMonitor {
    /// Where they go.
    pub address: IpAddr,
    /// Seconds between two of them, 2 to 100.
    pub interval: u8,
    /// How many must stay unanswered in a row before the address counts as failed, 2 to 100.
    pub threshold: u8,
    /// Whether sessions that are already forwarded go as routes say while it fails; otherwise they wait for
    /// it.
    pub fail_over: bool,
    /// Whether the rule is skipped for new sessions while it fails.
    pub disable_if_unreachable: bool,
}

/// `enforce-symmetric-return`: answers go back to where the session came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymmetricReturn {
    /// Routers on the ingress interface that answers go to, at most 8; none sends them to the link-layer
    /// address that the session's packets came from.
    pub next_hops: Vec<IpAddr>,
}
