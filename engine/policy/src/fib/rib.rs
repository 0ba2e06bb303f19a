//! All routes that the device knows.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::typed::Prefix;
use bifrons_model::{InterfaceId, VirtualRouterId};

use super::{
    Fib, Router,
    ecmp::Choice,
    offers::{Offer, OfferLists, Origin, Outages, Spread},
    prefixes::Prefixes,
    table::{Shape, bits_of},
};

/// Where a route leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// To a router on an interface's network.
    Gateway {
        /// The router's address.
        address: IpAddr,
        /// The interface.
        interface: InterfaceId,
    },
    /// To the destinations themselves, on an interface's network.
    Interface(InterfaceId),
    /// To where another virtual router sends it.
    Router(VirtualRouterId),
    /// Nowhere.
    Discard,
}

/// A route that no configuration holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DynamicRoute {
    /// The virtual router that knows it.
    pub router: VirtualRouterId,
    /// Where it leads; bits beyond the length do not count.
    pub destination: Prefix,
    /// How.
    pub target: Target,
    /// Of routes to one prefix, those of the lowest distance count.
    pub distance: u8,
    /// Of those, the ones of the lowest metric.
    pub metric: u32,
}

/// All routes, and which of them can be used.
///
/// `fib` gives the table after any number of changes; only what they touched is made anew.
#[derive(Clone, Debug, Default)]
pub struct Rib {
    /// By their places in the configuration.
    routers: Vec<Routes>,
    router_of_interface: Arc<[Option<VirtualRouterId>]>,
    outages: Outages,
    /// The routes whose paths are monitored, by their places in `Config::routes`.
    monitored: BTreeMap<u32, PathName>,
    fib: Arc<Fib>,
    is_stale: bool,
}

/// What a monitored route is known by over commits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PathName {
    /// `None` where the configuration names no virtual router.
    pub router: Option<String>,
    pub route: String,
    /// Routes of both families may have one name.
    pub is_v6: bool,
}

/// A prefix: whether it is one of IPv6, its bits, its length.
pub(super) type Place = (bool, u128, u8);

/// What a configuration says of one virtual router.
#[derive(Debug)]
pub(super) struct Configured {
    pub name: String,
    pub spread: Option<Spread>,
    /// In order of rank.
    pub routes: BTreeMap<Place, Vec<Offer>>,
}

impl Rib {
    /// The virtual router of this name.
    pub fn router(&self, name: &str) -> Option<VirtualRouterId> {
        let number = self.routers.iter().position(|routes| routes.name == name)?;
        u16::try_from(number).ok().map(VirtualRouterId)
    }

    /// How many prefixes have a route, be it usable or not.
    pub fn prefixes(&self) -> usize {
        self.routers.iter().map(|routes| routes.v4.len() + routes.v6.len()).sum()
    }

    /// An interface has gone up or down. All are up at the start.
    pub fn set_interface(&mut self, interface: InterfaceId, is_up: bool) {
        let interfaces = &mut self.outages.interfaces;
        if if is_up { interfaces.remove(&interface) } else { interfaces.insert(interface) } {
            self.choose_again();
        }
    }

    /// The monitored path of a route, by its place in `Config::routes`, has gone up or down. All are up at
    /// the start. A route without a monitor stays as it is.
    pub fn set_path(&mut self, route: usize, is_up: bool) {
        let Some(route) = u32::try_from(route).ok().filter(|route| self.monitored.contains_key(route)) else {
            return;
        };
        let paths = &mut self.outages.paths;
        if if is_up { paths.remove(&route) } else { paths.insert(route) } {
            self.choose_again();
        }
    }

    /// Adds a dynamic route; false where it is there already, where its virtual router is not, and for one
    /// that leads to another virtual router.
    pub fn add_route(&mut self, route: &DynamicRoute) -> bool {
        let Some(routes) = self.routers.get_mut(route.router.index()) else { return false };
        if let Target::Router(_) = route.target {
            return false;
        }
        self.is_stale = true;
        routes.change(place(route.destination), &self.outages, |offers| {
            let offer = Offer::from(route);
            let is_new = !offers.contains(&offer);
            if is_new {
                let at = offers.partition_point(|other| other.rank() <= offer.rank());
                offers.insert(at, offer);
            }
            is_new
        })
    }

    /// Takes a dynamic route away; false where it is not there.
    pub fn remove_route(&mut self, route: &DynamicRoute) -> bool {
        let Some(routes) = self.routers.get_mut(route.router.index()) else { return false };
        self.is_stale = true;
        routes.change(place(route.destination), &self.outages, |offers| {
            let offer = Offer::from(route);
            let at = offers.iter().position(|other| *other == offer);
            at.map(|at| offers.remove(at)).is_some()
        })
    }

    /// The table of all routes that can be used now; the same one until something changes.
    pub fn fib(&mut self) -> Arc<Fib> {
        if core::mem::take(&mut self.is_stale) {
            let routers = self.routers.iter_mut().map(Routes::table).collect();
            let router_of_interface = Arc::clone(&self.router_of_interface);
            self.fib = Arc::new(Fib { routers, router_of_interface });
        }
        Arc::clone(&self.fib)
    }

    pub(super) fn set_interfaces(
        &mut self,
        routers: Vec<Option<VirtualRouterId>>,
        disabled: impl Iterator<Item = InterfaceId>,
    ) {
        self.router_of_interface = routers.into();
        self.outages.disabled = disabled.collect();
    }

    pub(super) fn set_monitored(&mut self, monitored: BTreeMap<u32, PathName>) {
        let failed: BTreeSet<&PathName> =
            self.outages.paths.iter().filter_map(|route| self.monitored.get(route)).collect();
        let still = monitored.iter().filter(|(_, name)| failed.contains(name)).map(|(route, _)| *route);
        self.outages.paths = still.collect();
        self.monitored = monitored;
    }

    /// Virtual routers that are not among them go with all their routes.
    pub(super) fn replace_configured(&mut self, routers: Vec<Configured>) {
        let mut old = core::mem::take(&mut self.routers);
        for router in routers {
            let known = old.iter().position(|routes| routes.name == router.name);
            let known = known.map(|place| old.swap_remove(place));
            let mut routes = known.unwrap_or_else(|| Routes::new(router.name.clone()));
            routes.replace_configured(router, &self.outages);
            self.routers.push(routes);
        }
        self.is_stale = true;
    }

    fn choose_again(&mut self) {
        for routes in &mut self.routers {
            routes.choose_again(&self.outages);
        }
        self.is_stale = true;
    }
}

/// One virtual router's routes.
#[derive(Clone, Debug)]
struct Routes {
    name: String,
    spread: Option<Spread>,
    lists: OfferLists,
    v4: Prefixes<u64>,
    v6: Prefixes<(u128, u8)>,
    configured: BTreeMap<Place, Vec<Offer>>,
    choices: Arc<[Choice]>,
    table: Option<Arc<Router>>,
}

impl Routes {
    fn new(name: String) -> Self {
        Self {
            name,
            spread: None,
            lists: OfferLists::new(),
            v4: Prefixes::new(Shape::IPV4),
            v6: Prefixes::new(Shape::IPV6),
            configured: BTreeMap::new(),
            choices: Arc::new([]),
            table: None,
        }
    }

    fn replace_configured(&mut self, new: Configured, outages: &Outages) {
        self.spread = new.spread;
        let old = core::mem::replace(&mut self.configured, new.routes);
        let new = self.configured.clone();
        let gone = old.keys().filter(|place| !new.contains_key(place)).map(|place| (*place, None));
        let here = new.iter().map(|(place, offers)| (*place, Some(offers)));
        for (place, wanted) in gone.chain(here) {
            if old.get(&place) != wanted {
                self.change(place, outages, |offers| {
                    offers.retain(|offer| offer.origin == Origin::Dynamic);
                    offers.extend(wanted.into_iter().flatten().cloned());
                    offers.sort_by_key(Offer::rank);
                    true
                });
            }
        }
        self.choose_again(outages);
    }

    /// Changes the routes to a prefix; `change` says whether it did.
    fn change(
        &mut self,
        (is_v6, bits, length): Place,
        outages: &Outages,
        change: impl FnOnce(&mut Vec<Offer>) -> bool,
    ) -> bool {
        let number = if is_v6 { self.v6.get(bits, length) } else { self.v4.get(bits, length) };
        let mut offers = self.lists.offers(number).to_vec();
        if !change(&mut offers) {
            return false;
        }
        let new = self.lists.take(&offers, outages, self.spread.as_ref());
        if is_v6 {
            self.v6.set(bits, length, new);
        } else {
            self.v4.set(bits, length, new);
        }
        self.lists.release(number);
        true
    }

    fn choose_again(&mut self, outages: &Outages) {
        let turned = self.lists.choose_again(outages, self.spread.as_ref());
        if !turned.is_empty() {
            self.v4.touch_lists(&turned);
            self.v6.touch_lists(&turned);
        }
    }

    fn table(&mut self) -> Arc<Router> {
        let choices = self.lists.changed_choices();
        let is_stale = choices.is_some() || self.v4.is_stale() || self.v6.is_stale();
        if let Some(table) = self.table.as_ref().filter(|_| !is_stale) {
            return Arc::clone(table);
        }
        if let Some(choices) = choices {
            self.choices = choices;
        }
        let is_usable = |number| self.lists.is_usable(number);
        let (v4, v6) = (self.v4.table(is_usable).clone(), self.v6.table(is_usable).clone());
        let table = Arc::new(Router { v4, v6, choices: Arc::clone(&self.choices) });
        self.table = Some(Arc::clone(&table));
        table
    }
}

impl From<&DynamicRoute> for Offer {
    fn from(route: &DynamicRoute) -> Self {
        Self {
            distance: route.distance,
            metric: route.metric,
            origin: Origin::Dynamic,
            target: route.target,
            monitored: None,
        }
    }
}

/// Bits beyond the length do not count, nor a length beyond the family's.
pub(super) fn place(prefix: Prefix) -> Place {
    let (is_v6, width) = if prefix.address.is_ipv6() { (true, 128) } else { (false, 32) };
    let length = prefix.length.min(width);
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    (is_v6, bits_of(prefix.address) & mask, length)
}
