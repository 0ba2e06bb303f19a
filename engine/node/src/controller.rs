//! The slow half of a device: configuration, routes, links, neighbors.

use alloc::{
    borrow::Cow,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::{
    self as config, Cause, CommitError, CommitRequest, Committed, Config, ConfigStore, Document,
    HistoryLimits, MOST_MINUTES, Sources, Validated,
    typed::{AddressRange, HaMode},
};
use bifrons_dataplane::{
    AwaitedEcho, Compiled, Links,
    neighbor::{LinkSettings, NeighborOutput, NeighborUpdate, Neighbors, Resolution},
};
use bifrons_ha::{AddressPlan, AddressTable, Announcement};
use bifrons_inspect::{SignatureError, Signatures};
use bifrons_model::{Generation, InterfaceId, MacAddress, Timestamp};
use bifrons_policy::{DynamicRoute, Policy, Rib, UserMap};
use bifrons_wire::EthernetHeader;

use crate::{
    CommandError, Notice, PortId, PortInfo, group_paths::GroupPaths, links::Plan, paths::Paths,
    stations::Stations,
};

/// What the workers are to take over, in this order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Another configuration.
    Commit(Compiled),
    /// Other links.
    Links(Arc<Links>),
    /// The same configuration with other routes.
    Routes(Arc<Policy>),
    /// What is known of a neighbor.
    Neighbor {
        interface: InterfaceId,
        address: IpAddr,
        /// `None` when it does not answer.
        mac: Option<MacAddress>,
        /// Whether its next use is to be told.
        is_stale: bool,
    },
    /// The echo replies to take for the device.
    Awaited(Arc<[AwaitedEcho]>),
    /// A frame of the device's own, without VLAN tag, to be sent by an interface.
    Frame { interface: InterfaceId, bytes: Vec<u8> },
}

/// The controller.
pub(crate) struct Controller {
    store: ConfigStore,
    sources: Sources,
    pub(crate) config: Arc<Config>,
    compiled: Compiled,
    pub(crate) numbers: Vec<Option<InterfaceId>>,
    pub(crate) rib: Rib,
    links: Arc<Links>,
    ports: Vec<PortInfo>,
    pub(crate) orders: Vec<Order>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) neighbors: Neighbors,
    pub(crate) paths: Paths,
    pub(crate) group_paths: GroupPaths,
    /// The echo replies that workers take for the device.
    pub(crate) awaited: Arc<[AwaitedEcho]>,
    pub(crate) known: Stations,
    /// The Ethernet addresses of a pair of devices.
    stations: AddressPlan,
    /// The virtual addresses of an active/active pair, and which of them are here.
    virtuals: AddressTable,
    /// The Ethernet addresses that were here until lately, by places of interfaces in the configuration.
    lingering: Vec<(usize, MacAddress)>,
    /// Whether the other device of a pair has all addresses, or this one takes no part in it.
    is_silent: bool,
    /// Whether the other device of a pair has taken over the addresses that both have, while this one still
    /// forwards what is on its way to it.
    is_relieved: bool,
}

impl Controller {
    pub fn new(
        now: Timestamp,
        document: Document,
        sources: Sources,
        signatures: &Arc<Signatures>,
        serial: &str,
        ports: Vec<PortInfo>,
    ) -> Result<Self, CommandError> {
        let validated = Validated::new(document, &sources).map_err(CommandError::Config)?;
        let config = Arc::clone(validated.config());
        let policy = Policy::compile(&config, Generation(1)).with_serial(serial.to_string());
        let compiled = Compiled::sharing(policy, signatures)?;
        let store = ConfigStore::new(now, validated, HistoryLimits::default());
        let mut controller = Self {
            store,
            sources,
            numbers: compiled.policy.interface_numbers(&config),
            rib: Rib::default(),
            links: Arc::default(),
            ports,
            orders: Vec::new(),
            notices: Vec::new(),
            neighbors: Neighbors::new(),
            paths: Paths::default(),
            group_paths: GroupPaths::default(),
            awaited: Arc::default(),
            known: Stations::default(),
            stations: AddressPlan::new(&config),
            virtuals: AddressTable::default(),
            lingering: Vec::new(),
            // Until the device knows what it is in its pair.
            is_silent: is_silent_at_first(&config),
            is_relieved: false,
            config,
            compiled,
        };
        controller.rib.apply(&controller.config, &controller.numbers);
        controller.watch_paths(now);
        controller.follow_links(now);
        controller.follow_paths(now);
        Ok(controller)
    }

    /// The configuration that the workers begin with.
    pub const fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// The same configuration runs, with numbers for more names.
    pub fn reserve(&mut self, policy: Policy) -> &Arc<Policy> {
        self.compiled.policy = Arc::new(policy);
        &self.compiled.policy
    }

    pub const fn links(&self) -> &Arc<Links> {
        &self.links
    }

    /// What the workers are to take over.
    pub fn take_orders(&mut self) -> Vec<Order> {
        core::mem::take(&mut self.orders)
    }

    /// What the operator should know.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        core::mem::take(&mut self.notices)
    }

    /// A frame of the device's own with the tag of the interface that it leaves by.
    pub fn tagged(&self, interface: InterfaceId, frame: &[u8]) -> Vec<u8> {
        let tag = self.links.link(interface).and_then(|link| link.tag);
        let Some((header, length)) = EthernetHeader::read(frame).filter(|_| tag.is_some()) else {
            return frame.to_vec();
        };
        let header = EthernetHeader { tag, ..header };
        let (bytes, behind) = (header.bytes(), frame.get(length..).unwrap_or_default());
        [bytes.get(..header.length()).unwrap_or_default(), behind].concat()
    }

    /// The interfaces of all ports.
    pub fn port_interfaces(&self) -> Vec<Option<InterfaceId>> {
        self.ports.iter().map(|port| self.plan().interface_of(port)).collect()
    }

    /// `commit`: validated, compiled, then run; an error leaves everything as it was.
    pub fn commit(
        &mut self,
        now: Timestamp,
        document: Document,
        request: CommitRequest,
    ) -> Result<Committed, CommandError> {
        let before = self.store.candidate().clone();
        self.store.load(document);
        let outcome = self.try_commit(now, request);
        if outcome.is_err() {
            self.store.load(before);
        }
        self.follow_store(now)?;
        outcome
    }

    fn try_commit(&mut self, now: Timestamp, request: CommitRequest) -> Result<Committed, CommandError> {
        let validated = self.store.validate(&self.sources).map_err(CommandError::Config)?;
        // What cannot be compiled is refused before it runs.
        self.compile(validated.config())?;
        Ok(self.store.commit(now, validated, request)?)
    }

    /// Whether `commit` would do it.
    pub fn check(&self, document: Document, request: &CommitRequest) -> Result<(), CommandError> {
        if let Some(minutes) = request.confirm_within.filter(|minutes| !(1..=MOST_MINUTES).contains(minutes))
        {
            return Err(CommitError::BadMinutes { minutes }.into());
        }
        self.validate(document).map(|_| ())
    }

    /// What a document says.
    pub fn read(&self, document: Document) -> Result<Arc<Config>, CommandError> {
        let validated = Validated::new(document, &self.sources).map_err(CommandError::Config)?;
        Ok(Arc::clone(validated.config()))
    }

    /// What runs, as it was written.
    pub fn document(&self) -> &Document {
        &self.store.running().document
    }

    pub fn validate(&self, document: Document) -> Result<Vec<String>, CommandError> {
        let validated = Validated::new(document, &self.sources).map_err(CommandError::Config)?;
        self.compile(validated.config())?;
        Ok(validated.warnings)
    }

    pub fn confirm(&mut self, now: Timestamp) -> Result<(), CommandError> {
        self.store.confirm()?;
        self.follow_store(now)
    }

    pub fn set_carrier(&mut self, now: Timestamp, port: PortId, is_up: bool) -> Result<(), CommandError> {
        let count = self.ports.len();
        let found = self.ports.get_mut(port.index()).ok_or(CommandError::Port(port.0, count))?;
        if found.is_up != is_up {
            found.is_up = is_up;
            self.follow_links(now);
        }
        Ok(())
    }

    /// The running configuration.
    pub const fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The interfaces that are down, as places in the configuration.
    pub fn interfaces_down(&self) -> Vec<usize> {
        let plan = self.plan();
        (0..self.config.interfaces.len()).filter(|place| !plan.is_up(*place)).collect()
    }

    /// Other addresses of the pair are here: all or none in an active/passive pair, the virtual ones in an
    /// active/active pair. Frames to `lingering` Ethernet addresses are taken nevertheless.
    pub fn set_addresses(
        &mut self,
        now: Timestamp,
        table: AddressTable,
        lingering: Vec<(usize, MacAddress)>,
        is_relieved: bool,
    ) {
        let is_silent = table.is_silent;
        let mut virtuals = table;
        // An interface's own addresses are in the configuration.
        virtuals.addresses.retain(|address| address.holder.is_some());
        let before = (&self.virtuals, &self.lingering, self.is_silent, self.is_relieved);
        if before != (&virtuals, &lingering, is_silent, is_relieved) {
            let was_silent = core::mem::replace(&mut self.is_silent, is_silent);
            (self.virtuals, self.lingering, self.is_relieved) = (virtuals, lingering, is_relieved);
            self.follow_links(now);
            if was_silent != is_silent {
                self.suspend_paths(now, is_silent);
            }
        }
    }

    /// Tells the neighbors that an address of the pair is here.
    pub fn announce(&mut self, announcement: &Announcement) {
        let Announcement { interface, address, mac, hearers } = *announcement;
        let Some(interface) = self.numbers.get(interface).copied().flatten() else { return };
        self.neighbors.announce_address(interface, address, mac, hearers);
        self.follow_neighbors();
    }

    pub fn add_route(&mut self, route: &DynamicRoute) -> Result<(), CommandError> {
        if !self.rib.add_route(route) {
            return Err(refused(route, "there already, or its virtual router is not"));
        }
        self.follow_routes();
        Ok(())
    }

    /// Other users are behind addresses.
    pub fn set_users(&mut self, users: impl Iterator<Item = (IpAddr, String)>) {
        let mut map = UserMap::default();
        for (address, user) in users {
            map.map(AddressRange { first: address, last: address }, &user);
        }
        let policy = Policy::clone(&self.compiled.policy).with_users(&map);
        self.compiled.policy = Arc::new(policy);
        self.orders.push(Order::Routes(Arc::clone(&self.compiled.policy)));
    }

    pub fn remove_route(&mut self, route: &DynamicRoute) -> Result<(), CommandError> {
        if !self.rib.remove_route(route) {
            return Err(refused(route, "not there"));
        }
        self.follow_routes();
        Ok(())
    }

    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<(), CommandError> {
        self.neighbors.handle_timeout(now);
        self.follow_neighbors();
        self.handle_path_timeout(now);
        self.store.handle_timeout(now);
        self.follow_store(now)
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let due = [self.store.poll_timeout(), self.neighbors.poll_timeout(), self.paths.poll_timeout()];
        due.into_iter().flatten().min()
    }

    /// Takes a frame that is for the device; false when it is none of a protocol that the controller speaks.
    pub fn handle_own_frame(&mut self, now: Timestamp, interface: InterfaceId, bytes: &[u8]) -> bool {
        let frame = untagged(bytes);
        let is_taken = self.neighbors.handle_frame(now, interface, &frame);
        self.follow_neighbors();
        is_taken || self.handle_echo(now, &frame)
    }

    /// The other device of a pair tells of a neighbor, or that it has forgotten it.
    pub fn handle_peer_neighbor(
        &mut self,
        now: Timestamp,
        (interface, address): (InterfaceId, IpAddr),
        mac: Option<MacAddress>,
    ) {
        self.neighbors.handle_peer_entry(now, interface, address, mac);
        self.follow_neighbors();
    }

    /// A worker wants a neighbor's station address.
    pub fn resolve(&mut self, now: Timestamp, interface: InterfaceId, address: IpAddr) {
        let resolution = self.neighbors.resolve(now, interface, address);
        self.follow_neighbors();
        let mac = match resolution {
            Resolution::Known(mac) => Some(mac),
            Resolution::Unreachable => None,
            Resolution::Pending => return,
        };
        self.orders.push(Order::Neighbor { interface, address, mac, is_stale: false });
    }

    pub(crate) fn follow_neighbors(&mut self) {
        while let Some(output) = self.neighbors.poll_output() {
            match output {
                NeighborOutput::Frame { interface, bytes } => {
                    self.orders.push(Order::Frame { interface, bytes })
                }
                NeighborOutput::Update(NeighborUpdate { interface, address, mac, is_stale }) => {
                    self.release_probes(interface, address, mac);
                    self.known.note(interface, address, mac);
                    self.orders.push(Order::Neighbor { interface, address, mac, is_stale });
                }
                NeighborOutput::Unreachable { interface, address } => {
                    self.release_probes(interface, address, None);
                    self.known.note(interface, address, None);
                    self.orders.push(Order::Neighbor { interface, address, mac: None, is_stale: false });
                }
                NeighborOutput::Conflict { interface, address, mac, is_used } => {
                    self.notices.push(Notice::AddressConflict { interface, address, station: mac, is_used });
                }
            }
        }
    }

    fn compile(&self, config: &Config) -> Result<Compiled, SignatureError> {
        let Compiled { policy: previous, signatures } = &self.compiled;
        let generation = Generation(previous.generation().0.wrapping_add(1));
        Compiled::sharing(Policy::compile_after(previous, config, generation), signatures)
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            config: &self.config,
            numbers: &self.numbers,
            ports: &self.ports,
            stations: &self.stations,
            virtuals: &self.virtuals,
            lingering: &self.lingering,
            is_relieved: self.is_relieved,
        }
    }

    /// Takes over what the configuration store says.
    fn follow_store(&mut self, now: Timestamp) -> Result<(), CommandError> {
        while let Some(output) = self.store.poll_output() {
            match output {
                config::Output::Run { version, config, cause } => {
                    self.run(now, config)?;
                    if cause == Cause::NotConfirmed {
                        self.notices.push(Notice::CommitTakenBack { version });
                    }
                }
                config::Output::Keep { version, text } => self.notices.push(Notice::Keep { version, text }),
            }
        }
        Ok(())
    }

    fn run(&mut self, now: Timestamp, config: Arc<Config>) -> Result<(), CommandError> {
        self.compiled = self.compile(&config)?;
        self.stations = AddressPlan::new(&config);
        self.config = config;
        self.numbers = self.compiled.policy.interface_numbers(&self.config);
        self.rib.apply(&self.config, &self.numbers);
        self.orders.push(Order::Commit(self.compiled.clone()));
        self.watch_paths(now);
        self.follow_links(now);
        self.follow_paths(now);
        Ok(())
    }

    /// Makes the table of links anew, and the routes and neighbors that hang on it.
    fn follow_links(&mut self, now: Timestamp) {
        let plan = self.plan();
        let links = plan.links();
        let states: Vec<_> = (0..)
            .zip(&self.numbers)
            .filter_map(|(place, number)| Some(((*number)?, plan.is_up(place))))
            .collect();
        if *self.links != links {
            self.links = Arc::new(links);
            self.orders.push(Order::Links(Arc::clone(&self.links)));
        }
        for (interface, is_up) in &states {
            self.rib.set_interface(*interface, *is_up);
        }
        self.follow_routes();
        self.set_neighbor_links(now, &states);
    }

    fn set_neighbor_links(&mut self, now: Timestamp, states: &[(InterfaceId, bool)]) {
        // First, for what is overdue is sent below: not by a link that has just gone down.
        for (interface, _) in states.iter().filter(|(_, is_up)| !is_up) {
            self.neighbors.set_up(now, *interface, false);
        }
        for (interface, is_up) in states {
            match self.link_settings(*interface) {
                Some(settings) => {
                    self.neighbors.set_link(now, *interface, LinkSettings { is_up: *is_up, ..settings });
                    self.neighbors.set_up(now, *interface, *is_up);
                }
                None => self.neighbors.remove_link(*interface),
            }
        }
        self.follow_neighbors();
    }

    /// What an interface is to its neighbors; `None` for one without a link.
    fn link_settings(&self, interface: InterfaceId) -> Option<LinkSettings> {
        let link = self.links.link(interface)?;
        let place = self.numbers.iter().position(|number| *number == Some(interface))?;
        let configured = self.config.interfaces.get(place)?;
        let is_shared = matches!(self.config.high_availability.mode, HaMode::ActiveActive(_));
        // Of two devices that forward one answers, for both.
        let is_shared = is_shared && self.config.high_availability.enabled;
        let proxied = self.compiled.policy.proxy_arp_addresses(interface);
        let proxied = if is_shared { &[] } else { proxied };
        let mut settings = LinkSettings::new(link.mac, configured, proxied);
        settings.is_silent = self.is_silent || self.is_relieved;
        settings.virtual_addresses = self.virtuals.virtual_addresses(place);
        settings.proxied_for_pair = self.virtuals.proxied_at(place).collect();
        // Translation to a virtual address is no reason to answer for it where it is not.
        let of_pair = self.virtuals.addresses.iter().filter(|address| address.interface == place);
        let of_pair = of_pair.map(|address| address.prefix.address);
        settings.excepted.extend(of_pair.map(|address| AddressRange { first: address, last: address }));
        Some(settings)
    }

    pub(crate) fn follow_routes(&mut self) {
        let policy = Policy::clone(&self.compiled.policy).with_fib(self.rib.fib());
        let policy = policy.with_failed_rules(self.paths.failed_rules());
        self.compiled.policy = Arc::new(policy);
        self.orders.push(Order::Routes(Arc::clone(&self.compiled.policy)));
    }
}

/// Whether a device that does not know yet what it is in its pair says nothing: where both devices have the
/// same addresses.
pub(crate) const fn is_silent_at_first(config: &Config) -> bool {
    let pair = &config.high_availability;
    pair.enabled && matches!(pair.mode, HaMode::ActivePassive { .. })
}

fn refused(route: &DynamicRoute, what: &'static str) -> CommandError {
    CommandError::Route(route.destination.address, route.destination.length, what)
}

/// A frame without its VLAN tag.
fn untagged(frame: &[u8]) -> Cow<'_, [u8]> {
    match EthernetHeader::read(frame) {
        Some((header @ EthernetHeader { tag: Some(_), .. }, length)) => {
            let header = EthernetHeader { tag: None, ..header };
            let behind = frame.get(length..).unwrap_or_default();
            Cow::Owned([header.bytes().get(..header.length()).unwrap_or_default(), behind].concat())
        }
        Some(_) | None => Cow::Borrowed(frame),
    }
}
