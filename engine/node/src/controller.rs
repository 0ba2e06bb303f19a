//! The slow half of a device: configuration, routes, links, neighbors.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::{
    self as config, Cause, CommitRequest, Committed, Config, ConfigStore, Document, HistoryLimits, Sources,
    Validated,
};
use bifrons_dataplane::{Compiled, Links};
use bifrons_model::{Generation, InterfaceId, MacAddress, Timestamp};
use bifrons_policy::{DynamicRoute, Policy, Rib};
use bifrons_wire::{Arp, ETHERTYPE_ARP, EthernetHeader};

use crate::{CommandError, Notice, PortId, PortInfo, links::Plan};

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
    },
    /// A frame of the device's own, without VLAN tag, to be sent by an interface.
    Frame { interface: InterfaceId, bytes: Vec<u8> },
}

/// The controller.
pub(crate) struct Controller {
    store: ConfigStore,
    sources: Sources,
    config: Arc<Config>,
    compiled: Compiled,
    numbers: Vec<Option<InterfaceId>>,
    rib: Rib,
    links: Arc<Links>,
    ports: Vec<PortInfo>,
    orders: Vec<Order>,
    notices: Vec<Notice>,
    known: BTreeMap<(InterfaceId, IpAddr), MacAddress>,
}

impl Controller {
    pub fn new(
        now: Timestamp,
        document: Document,
        sources: Sources,
        serial: &str,
        ports: Vec<PortInfo>,
    ) -> Result<Self, CommandError> {
        let validated = Validated::new(document, &sources).map_err(CommandError::Config)?;
        let config = Arc::clone(validated.config());
        let policy = Policy::compile(&config, Generation(1)).with_serial(serial.to_string());
        let compiled = Compiled::new(policy)?;
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
            known: BTreeMap::new(),
            config,
            compiled,
        };
        controller.rib.apply(&controller.config, &controller.numbers);
        controller.follow_links();
        Ok(controller)
    }

    /// The configuration that the workers begin with.
    pub const fn compiled(&self) -> &Compiled {
        &self.compiled
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
        self.follow_store()?;
        outcome
    }

    fn try_commit(&mut self, now: Timestamp, request: CommitRequest) -> Result<Committed, CommandError> {
        let validated = self.store.validate(&self.sources).map_err(CommandError::Config)?;
        // What cannot be compiled is refused before it runs.
        Compiled::new(self.compile(validated.config()))?;
        Ok(self.store.commit(now, validated, request)?)
    }

    pub fn validate(&self, document: Document) -> Result<Vec<String>, CommandError> {
        let validated = Validated::new(document, &self.sources).map_err(CommandError::Config)?;
        Compiled::new(self.compile(validated.config()))?;
        Ok(validated.warnings)
    }

    pub fn confirm(&mut self) -> Result<(), CommandError> {
        self.store.confirm()?;
        self.follow_store()
    }

    pub fn set_carrier(&mut self, port: PortId, is_up: bool) -> Result<(), CommandError> {
        let count = self.ports.len();
        let found = self.ports.get_mut(port.index()).ok_or(CommandError::Port(port.0, count))?;
        if found.is_up != is_up {
            found.is_up = is_up;
            self.follow_links();
        }
        Ok(())
    }

    pub fn add_route(&mut self, route: &DynamicRoute) -> Result<(), CommandError> {
        if !self.rib.add_route(route) {
            return Err(refused(route, "there already, or its virtual router is not"));
        }
        self.follow_routes();
        Ok(())
    }

    pub fn remove_route(&mut self, route: &DynamicRoute) -> Result<(), CommandError> {
        if !self.rib.remove_route(route) {
            return Err(refused(route, "not there"));
        }
        self.follow_routes();
        Ok(())
    }

    pub fn handle_timeout(&mut self, now: Timestamp) -> Result<(), CommandError> {
        self.store.handle_timeout(now);
        self.follow_store()
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.store.poll_timeout()
    }

    /// Takes a frame that is for the device; false when it is none of a protocol that the controller speaks.
    pub fn handle_neighbor_frame(&mut self, _now: Timestamp, interface: InterfaceId, bytes: &[u8]) -> bool {
        let Some((header, length)) = EthernetHeader::read(bytes) else { return false };
        if header.ethertype != ETHERTYPE_ARP {
            return false;
        }
        let Some(arp) = bytes.get(length..).and_then(Arp::read) else { return true };
        let Some(mac) = self.links.link(interface).map(|link| link.mac) else { return true };
        self.known.insert((interface, IpAddr::V4(arp.sender)), arp.sender_mac);
        self.orders.push(Order::Neighbor {
            interface,
            address: IpAddr::V4(arp.sender),
            mac: Some(arp.sender_mac),
        });
        let is_own = self
            .compiled
            .policy
            .interface_addresses(interface)
            .iter()
            .any(|prefix| prefix.address == IpAddr::V4(arp.target));
        if arp.is_request && is_own {
            let reply = Arp {
                is_request: false,
                sender_mac: mac,
                sender: arp.target,
                target_mac: arp.sender_mac,
                target: arp.sender,
            };
            self.orders.push(Order::Frame { interface, bytes: reply.frame(arp.sender_mac) });
        }
        true
    }

    /// A worker wants a neighbor's station address.
    pub fn resolve(&mut self, _now: Timestamp, interface: InterfaceId, address: IpAddr) {
        if let Some(mac) = self.known.get(&(interface, address)) {
            self.orders.push(Order::Neighbor { interface, address, mac: Some(*mac) });
            return;
        }
        let (Some(link), IpAddr::V4(target)) = (self.links.link(interface), address) else { return };
        let Some(IpAddr::V4(sender)) = self.compiled.policy.interface_address(interface, address) else {
            return;
        };
        let ask =
            Arp { is_request: true, sender_mac: link.mac, sender, target_mac: MacAddress::default(), target };
        self.orders.push(Order::Frame { interface, bytes: ask.frame(MacAddress::BROADCAST) });
    }

    fn compile(&self, config: &Config) -> Policy {
        let previous = &self.compiled.policy;
        Policy::compile_after(previous, config, Generation(previous.generation().0.wrapping_add(1)))
    }

    fn plan(&self) -> Plan<'_> {
        Plan { config: &self.config, numbers: &self.numbers, ports: &self.ports }
    }

    /// Takes over what the configuration store says.
    fn follow_store(&mut self) -> Result<(), CommandError> {
        while let Some(output) = self.store.poll_output() {
            match output {
                config::Output::Run { version, config, cause } => {
                    self.run(config)?;
                    if cause == Cause::NotConfirmed {
                        self.notices.push(Notice::CommitTakenBack { version });
                    }
                }
                config::Output::Keep { version, text } => self.notices.push(Notice::Keep { version, text }),
            }
        }
        Ok(())
    }

    fn run(&mut self, config: Arc<Config>) -> Result<(), CommandError> {
        self.compiled = Compiled::new(self.compile(&config))?;
        self.config = config;
        self.numbers = self.compiled.policy.interface_numbers(&self.config);
        self.rib.apply(&self.config, &self.numbers);
        self.orders.push(Order::Commit(self.compiled.clone()));
        self.follow_links();
        Ok(())
    }

    /// Makes the table of links anew, and the routes that hang on it.
    fn follow_links(&mut self) {
        let plan = self.plan();
        let links = plan.links();
        let states: Vec<_> = (0..)
            .zip(&self.numbers)
            .filter_map(|(place, number)| Some(((*number)?, plan.is_up(place))))
            .collect();
        for (interface, is_up) in states {
            self.rib.set_interface(interface, is_up);
        }
        if *self.links != links {
            self.links = Arc::new(links);
            self.orders.push(Order::Links(Arc::clone(&self.links)));
        }
        self.follow_routes();
    }

    fn follow_routes(&mut self) {
        let policy = Policy::clone(&self.compiled.policy).with_fib(self.rib.fib());
        self.compiled.policy = Arc::new(policy);
        self.orders.push(Order::Routes(Arc::clone(&self.compiled.policy)));
    }
}

fn refused(route: &DynamicRoute, what: &'static str) -> CommandError {
    CommandError::Route(route.destination.address, route.destination.length, what)
}
