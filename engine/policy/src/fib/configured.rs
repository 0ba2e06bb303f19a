//! The routes that a configuration holds: connected and static ones.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use bifrons_config::{
    Config,
    typed::{Ecmp, EcmpAlgorithm, Route, RouteTarget},
};
use bifrons_model::{InterfaceId, VirtualRouterId};

use super::{
    Balance, Rib, Target,
    offers::{Offer, Origin, Spread},
    rib::{Configured, PathName, Place, place},
};

/// The virtual router of a configuration that names none.
const DEFAULT_ROUTER: &str = "default";

impl Rib {
    /// The configuration's routes. `interfaces` are the numbers of its interfaces by their places, as
    /// `Policy::interface_numbers` gives them.
    pub fn from_config(config: &Config, interfaces: &[Option<InterfaceId>]) -> Self {
        let mut rib = Self::default();
        rib.apply(config, interfaces);
        rib
    }

    /// Takes another configuration's routes in place of those of the one before. Dynamic routes stay as long
    /// as their virtual router keeps its name, and so does what is known of interfaces and monitored paths.
    pub fn apply(&mut self, config: &Config, interfaces: &[Option<InterfaceId>]) {
        let names: Vec<&str> = match config.virtual_routers.as_slice() {
            [] => vec![DEFAULT_ROUTER],
            routers => routers.iter().map(|router| router.name.as_str()).collect(),
        };
        let reader = Reader { config, interfaces };
        let mut routers: Vec<Configured> = names
            .iter()
            .enumerate()
            .map(|(place, name)| {
                let ecmp = config.virtual_routers.get(place).and_then(|router| router.ecmp.as_ref());
                let spread = ecmp.map(|ecmp| reader.spread(ecmp));
                Configured { name: (*name).into(), spread, routes: BTreeMap::new() }
            })
            .collect();
        for (router, place, offer) in reader.connected().chain(reader.routed()) {
            if let Some(router) = routers.get_mut(router) {
                let offers = router.routes.entry(place).or_default();
                let at = offers.partition_point(|other| other.rank() <= offer.rank());
                offers.insert(at, offer);
            }
        }
        self.set_interfaces(reader.router_of_interface(), reader.disabled());
        self.set_monitored(reader.monitored());
        self.replace_configured(routers);
    }
}

/// A configuration with the numbers of its entries.
struct Reader<'a> {
    config: &'a Config,
    interfaces: &'a [Option<InterfaceId>],
}

impl Reader<'_> {
    fn interface(&self, place: usize) -> Option<InterfaceId> {
        self.interfaces.get(place).copied().flatten()
    }

    /// The routes of the interfaces' own networks, each with the place of its virtual router.
    fn connected(&self) -> impl Iterator<Item = (usize, Place, Offer)> {
        let interfaces = self.config.interfaces.iter().enumerate();
        interfaces.filter_map(|(at, own)| Some((own, self.interface(at)?))).flat_map(|(own, number)| {
            own.addresses.iter().map(move |prefix| {
                let target = Target::Interface(number);
                let offer =
                    Offer { distance: 0, metric: 0, origin: Origin::Connected, target, monitored: None };
                (own.virtual_router.unwrap_or(0), place(*prefix), offer)
            })
        })
    }

    /// Static routes, each with the place of its virtual router.
    fn routed(&self) -> impl Iterator<Item = (usize, Place, Offer)> {
        (0..).zip(&self.config.routes).filter_map(|(number, route)| {
            let offer = Offer {
                distance: route.distance,
                metric: route.metric.into(),
                origin: Origin::Static,
                target: self.target(route)?,
                monitored: route.path_monitor.is_some().then_some(number),
            };
            Some((route.virtual_router, place(route.destination), offer))
        })
    }

    fn target(&self, route: &Route) -> Option<Target> {
        match route.next_hop {
            RouteTarget::Gateway { address, interface } => {
                Some(Target::Gateway { address, interface: self.interface(interface)? })
            }
            RouteTarget::Interface(interface) => self.interface(interface).map(Target::Interface),
            RouteTarget::Router(router) => number(router).map(Target::Router),
            RouteTarget::Discard => Some(Target::Discard),
        }
    }

    fn spread(&self, ecmp: &Ecmp) -> Spread {
        let mut weights = BTreeMap::new();
        let balance = match &ecmp.algorithm {
            EcmpAlgorithm::IpModulo => Balance::IpModulo,
            EcmpAlgorithm::IpHash { source_only, use_ports, seed } => {
                Balance::IpHash { source_only: *source_only, with_ports: *use_ports, seed: *seed }
            }
            EcmpAlgorithm::WeightedRoundRobin(configured) => {
                let numbered = configured.iter().map(|own| (self.interface(own.interface), own.weight));
                weights.extend(numbered.filter_map(|(interface, weight)| Some((interface?, weight))));
                Balance::Weighted
            }
            EcmpAlgorithm::BalancedRoundRobin => Balance::Balanced,
        };
        Spread {
            paths_max: ecmp.max_paths.into(),
            balance,
            symmetric_return: ecmp.symmetric_return,
            strict_source_path: ecmp.strict_source_path,
            weights,
        }
    }

    fn router_of_interface(&self) -> Vec<Option<VirtualRouterId>> {
        let count = self.interfaces.iter().flatten().map(|number| number.index() + 1).max().unwrap_or(0);
        let mut routers = vec![None; count];
        for (place, own) in self.config.interfaces.iter().enumerate() {
            let router = number(own.virtual_router.unwrap_or(0));
            let known = self.interface(place).and_then(|number| routers.get_mut(number.index()));
            if let Some(known) = known {
                *known = router;
            }
        }
        routers
    }

    fn disabled(&self) -> impl Iterator<Item = InterfaceId> {
        let down = self.config.interfaces.iter().enumerate().filter(|(_, own)| !own.link_up);
        down.filter_map(|(place, _)| self.interface(place))
    }

    fn monitored(&self) -> BTreeMap<u32, PathName> {
        let monitored = (0..).zip(&self.config.routes).filter(|(_, route)| route.path_monitor.is_some());
        let name = |route: &Route| PathName {
            router: self.config.virtual_routers.get(route.virtual_router).map(|own| own.name.clone()),
            route: route.name.clone(),
            is_v6: route.destination.address.is_ipv6(),
        };
        monitored.map(|(number, route)| (number, name(route))).collect()
    }
}

/// The number of the virtual router at a place.
fn number(place: usize) -> Option<VirtualRouterId> {
    u16::try_from(place).ok().map(VirtualRouterId)
}
