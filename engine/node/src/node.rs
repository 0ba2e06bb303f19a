//! The device: frames to workers, what they ask to the controller, what it decides back to them.

use alloc::{boxed::Box, collections::VecDeque, sync::Arc, vec, vec::Vec};

use bifrons_dataplane::{Block, Counters, Event, Frame, Outbox, PairView, Place, Verdict, Worker};
use bifrons_ha::{
    AddressTable, ConfigurationMark, HaLinkId, HaState, Identity, Status,
    config_sync::{ConfigState, RuntimeState},
    sync::{ItemKind, Synchronizer},
};
use bifrons_model::{InterfaceId, Timestamp};
use bifrons_policy::Policy;
use bifrons_wire::LinkType;

use crate::{
    Command, CommandError, Notice, Output, PairIdentity, PortId, Reply, Startup,
    controller::{Controller, Order, is_silent_at_first},
    copies::{Copies, Ledger, kind_of},
    pair::{Beginning, Pair, PairOutput},
};

mod commits;
mod copied;
mod peer_frames;
mod runtime_state;
mod shows;

use commits::Commits;
pub use shows::ShowPair;

/// One firewall.
///
/// After each `handle_…` everything is taken from `poll_output`; `poll_timeout` says when `handle_timeout` is
/// due.
pub struct Node {
    controller: Controller,
    workers: Vec<Worker>,
    outbox: Outbox,
    outputs: VecDeque<Output>,
    /// The ports' interfaces, and the ports by interface.
    interfaces: Vec<Option<InterfaceId>>,
    ports: Vec<Option<PortId>>,
    last_record: u64,
    /// Where the configuration has a pair of devices.
    pair: Option<Pair>,
    ledger: Ledger,
    identity: PairIdentity,
    secret: [u8; 32],
    commits: Commits,
    runtime: RuntimeState,
}

/// Where and when a frame came in.
struct Arrival {
    now: Timestamp,
    port: PortId,
    interface: InterfaceId,
}

impl Node {
    /// A device that runs a configuration from `now` on.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(now: Timestamp, startup: Startup) -> Result<Self, CommandError> {
        let Startup { document, sources, signatures, serial, ports, workers, secrets, identity } = startup;
        let controller = Controller::new(now, document, sources, &signatures, &serial, ports)?;
        let count = u16::try_from(workers.max(1)).unwrap_or(u16::MAX);
        let workers = (0..count).map(|place| {
            let mut worker = Worker::new(controller.compiled(), secrets.hash);
            worker.set_place(Place { worker: place, workers: count });
            worker
        });
        let workers = workers.collect();
        let runtime = crate::runtime::begin(controller.config());
        let mut node = Self {
            controller,
            workers,
            outbox: Outbox::default(),
            outputs: VecDeque::new(),
            interfaces: Vec::new(),
            ports: Vec::new(),
            last_record: 0,
            pair: None,
            ledger: Ledger::default(),
            identity,
            secret: secrets.pair,
            commits: Commits::default(),
            runtime,
        };
        node.follow_config(now);
        node.follow(now);
        Ok(node)
    }

    /// Takes a frame that came in by a port.
    pub fn handle_frame(&mut self, now: Timestamp, port: PortId, bytes: Vec<u8>) {
        let Some(interface) = self.interfaces.get(port.index()).copied() else { return };
        // A port that the configuration does not have is one that is down.
        let arrival = Arrival { now, port, interface: interface.unwrap_or(InterfaceId(u16::MAX)) };
        let worker = bifrons_dataplane::steer(&bytes, self.workers.len());
        self.process(&arrival, worker, bytes, true);
        self.collect(now);
        self.follow(now);
    }

    /// Takes a message of the other device. HA1 brings it decrypted and authenticated.
    pub fn handle_pair_message(&mut self, now: Timestamp, link: HaLinkId, bytes: &[u8]) {
        match (&mut self.pair, link) {
            (Some(_), HaLinkId::Ha3) => self.handle_ha3(now, bytes),
            (Some(pair), _) => pair.handle_message(now, link, bytes),
            (None, _) => return,
        }
        self.follow(now);
    }

    /// Lets a worker take a frame; what it hands over goes to another one, once.
    fn process(&mut self, arrival: &Arrival, worker: usize, mut bytes: Vec<u8>, is_first: bool) {
        let Some(at) = self.workers.get_mut(worker) else { return };
        let mut frames = [Frame {
            wire_length: bytes.len() as u32,
            bytes: &mut bytes,
            link: Some(LinkType::Ethernet),
            interface: Some(arrival.interface),
            arrival: arrival.now,
            verdict: Verdict::Pending,
        }];
        at.process(arrival.now, &mut frames, &mut self.outbox);
        let [Frame { verdict, .. }] = frames;
        for bytes in self.take_replaced(bytes) {
            match verdict {
                Verdict::Transmit(interface) => self.transmit(interface, bytes),
                Verdict::Host(interface) => self.handle_own(arrival, interface, bytes),
                Verdict::HandOver(owner) if is_first => {
                    self.process(arrival, usize::from(owner), bytes, false);
                }
                Verdict::HandOver(_)
                | Verdict::ToPeer
                | Verdict::Drop(_)
                | Verdict::Held
                | Verdict::Pending => {}
            }
        }
    }

    /// What a worker has put in the place of a frame, or else the frame.
    fn take_replaced(&mut self, frame: Vec<u8>) -> Vec<Vec<u8>> {
        let replaced = core::mem::take(&mut self.outbox.replaced);
        if replaced.is_empty() {
            return vec![frame];
        }
        replaced.into_iter().map(|replaced| replaced.bytes).collect()
    }

    /// Does what it is told.
    ///
    /// # Errors
    /// Why it was not done; then nothing has changed.
    pub fn handle_command(&mut self, now: Timestamp, command: Command) -> Result<Reply, CommandError> {
        let reply = match command {
            Command::Commit { document, request } => self.commit(now, document, request),
            Command::SyncToRemote => self.sync_to_remote(now),
            Command::SecurityAssociation { id, state } => {
                self.set_association(now, id, state).map(|()| Reply::Done)
            }
            Command::Validate(document) => self.controller.validate(document).map(Reply::Valid),
            Command::Confirm => self.controller.confirm(now).map(|()| Reply::Done),
            Command::Carrier { port, is_up } => {
                let done = self.controller.set_carrier(now, port, is_up).map(|()| Reply::Done);
                self.follow_interfaces(now);
                done
            }
            Command::AddRoute(route) => self.change_route(now, &route, true).map(|()| Reply::Done),
            Command::RemoveRoute(route) => self.change_route(now, &route, false).map(|()| Reply::Done),
            Command::MapUser { address, user } => {
                self.map_user(now, address, user);
                Ok(Reply::Done)
            }
            Command::Lease { key, lease } => {
                self.set_lease(now, &key, lease);
                Ok(Reply::Done)
            }
            Command::ClearSessions(filter) => {
                let mut cleared = 0;
                for worker in &mut self.workers {
                    cleared += worker.clear(&filter, &mut self.outbox);
                }
                self.collect(now);
                Ok(Reply::Cleared(cleared))
            }
            Command::Block(block) => {
                self.block(block);
                Ok(Reply::Done)
            }
            Command::Unblock(source) => {
                let counts = self.workers.iter_mut().map(|worker| worker.unblock(source));
                Ok(Reply::Unblocked(counts.max().unwrap_or(0)))
            }
            Command::PairLink { link, is_up } => {
                self.with_pair(|pair| pair.handle_link(now, link, is_up)).map(|()| Reply::Done)
            }
            Command::PairState(request) => self
                .with_pair(|pair| pair.handle_request(now, request))
                .and_then(|done| done.map(|()| Reply::Done).map_err(CommandError::from)),
        };
        self.follow(now);
        reply
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        for worker in &mut self.workers {
            if worker.poll_timeout().is_some_and(|due| due <= now) {
                worker.handle_timeout(now, &mut self.outbox);
            }
        }
        self.collect(now);
        // The configuration that it goes back to has run before.
        let before = Arc::clone(self.controller.config());
        let _ = self.controller.handle_timeout(now);
        if !Arc::ptr_eq(&before, self.controller.config()) {
            self.follow_config(now);
            self.tell_taken_back(now);
        }
        self.with_copies(now, |pair, copies| pair.handle_timeout(now, copies));
        self.follow(now);
    }

    /// When something is due next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let workers = self.workers.iter().filter_map(Worker::poll_timeout);
        let pair = self.pair.as_ref().and_then(Pair::poll_timeout);
        workers.chain(self.controller.poll_timeout()).chain(pair).min()
    }

    /// What came of it, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The policy in force: what the numbers of records are called.
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.controller.compiled().policy
    }

    /// The workers, for their counters and sessions.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// What the workers count, each for itself.
    pub fn counters(&self) -> impl Iterator<Item = &Counters> {
        self.workers.iter().map(Worker::counters)
    }

    /// What the device is in its pair; `None` without a pair.
    pub fn pair_state(&self) -> Option<HaState> {
        self.pair.as_ref().map(Pair::state)
    }

    /// All that the device knows of itself in its pair and of the other one; `None` without a pair.
    pub fn pair_status(&self) -> Option<Status> {
        self.pair.as_ref().map(Pair::status)
    }

    /// How well the other device's copies follow; `None` without a pair.
    pub fn pair_sync(&self) -> Option<&Synchronizer> {
        self.pair.as_ref().map(Pair::sync)
    }

    /// How the running configurations of the two devices relate; `None` without a pair.
    pub fn pair_configuration(&self) -> Option<ConfigState> {
        self.pair.as_ref().map(Pair::configuration)
    }

    /// Puts a frame onto the port of an interface.
    fn transmit(&mut self, interface: InterfaceId, bytes: Vec<u8>) {
        if let Some(port) = self.port_of(interface) {
            self.outputs.push_back(Output::Frame { port, bytes });
        }
    }

    fn port_of(&self, interface: InterfaceId) -> Option<PortId> {
        let port = self.controller.links().port_of(interface);
        self.ports.get(port.index()).copied().flatten()
    }

    /// A frame for the device itself.
    fn handle_own(&mut self, arrival: &Arrival, interface: InterfaceId, bytes: Vec<u8>) {
        if !self.controller.handle_own_frame(arrival.now, interface, &bytes) {
            self.outputs.push_back(Output::Host { port: arrival.port, bytes });
        }
    }

    /// Takes what the workers have left in the outbox.
    fn collect(&mut self, now: Timestamp) {
        if self.outbox.is_empty() {
            return;
        }
        let mut outbox = core::mem::take(&mut self.outbox);
        for emitted in outbox.emitted.drain(..) {
            self.transmit(emitted.interface, emitted.packet);
        }
        for mut record in outbox.records.drain(..) {
            // Each worker counts its own.
            self.last_record += 1;
            record.sequence_number = self.last_record;
            self.outputs.push_back(Output::Record(Box::new(record)));
        }
        for frame in outbox.to_peer.drain(..) {
            self.send_to_peer(&frame);
        }
        if let Some(pair) = self.pair.as_mut().filter(|pair| pair.tells()) {
            for event in outbox.session_events.drain(..) {
                pair.mark(now, kind_of(&event), event.id.0.into());
            }
        }
        for event in outbox.events.drain(..) {
            match event {
                Event::Resolve { interface, address } => self.controller.resolve(now, interface, address),
                Event::Alarm(alarm) => self.outputs.push_back(Output::Notice(Notice::Alarm(alarm))),
                Event::Blocked(block) => self.block(block),
                Event::Claim(claim) => {
                    if let Some(worker) = self.workers.get_mut(usize::from(claim.at)) {
                        worker.handle_claim(&claim);
                    }
                }
            }
        }
        outbox.clear();
        self.outbox = outbox;
    }

    /// Lets the workers take over what controller and pair have decided, until nothing is left to say.
    fn follow(&mut self, now: Timestamp) {
        loop {
            self.follow_pair(now);
            self.collect(now);
            if !self.obey_orders() {
                break;
            }
            self.collect(now);
        }
        self.outputs.extend(self.controller.take_notices().into_iter().map(Output::Notice));
    }

    /// There is a pair where the configuration has one.
    fn follow_config(&mut self, now: Timestamp) {
        self.follow_runtime_config();
        self.follow_device();
        let config = Arc::clone(self.controller.config());
        if !config.high_availability.enabled {
            if let Some(pair) = self.pair.take() {
                self.abandon_proposal();
                if !pair.has_ports() {
                    self.power_ports(true);
                }
                self.controller.set_addresses(now, AddressTable::default(), Vec::new(), false);
                self.set_pair_view(PairView::ALONE);
                self.forget_peer(now);
            }
            return;
        }
        let identity = Identity {
            serial: self.policy().names().serial.clone(),
            model: "Bifrons".into(),
            software: self.identity.software,
            ha1_mac: self.identity.ha1_mac,
            configuration: ConfigurationMark::default(),
            ..Identity::default()
        };
        if let Some(pair) = &mut self.pair {
            pair.handle_config(now, &config, identity);
            return self.follow_interfaces(now);
        }
        let down = self.controller.interfaces_down();
        let (mark, common) = self.begin_configuration();
        let beginning = Beginning { config: &config, identity, secret: self.secret, down, mark, common };
        self.pair = Some(Pair::new(now, beginning));
        let is_silent = is_silent_at_first(&config);
        let table = AddressTable { is_silent, ..AddressTable::default() };
        self.controller.set_addresses(now, table, Vec::new(), false);
        self.set_pair_view(PairView::PASSIVE);
    }

    fn follow_interfaces(&mut self, now: Timestamp) {
        let down = self.controller.interfaces_down();
        let count = self.controller.config().interfaces.len();
        if let Some(pair) = &mut self.pair {
            (0..count).for_each(|place| pair.handle_interface(now, place, !down.contains(&place)));
        }
    }

    /// Does what the pair says.
    fn follow_pair(&mut self, now: Timestamp) {
        self.follow_stations(now);
        self.with_copies(now, |pair, copies| pair.settle(now, copies));
        self.follow_runtime();
        let runs_another = self.follow_configuration(now);
        if runs_another {
            self.with_copies(now, |pair, copies| pair.settle(now, copies));
        }
        while let Some(output) = self.pair.as_mut().and_then(Pair::poll_output) {
            match output {
                PairOutput::Message { link, bytes } => self.outputs.push_back(Output::Pair { link, bytes }),
                PairOutput::State { from, to } => self.change_state(now, from, to),
                PairOutput::Part(part, step) => self.share(now, &part, step),
                PairOutput::Heir => self.take_over(now),
                PairOutput::Addresses { table, lingering, is_relieved } => {
                    self.controller.set_addresses(now, table, lingering, is_relieved);
                }
                PairOutput::Ping { path, address } => self.ping(now, path, address),
                PairOutput::Ports { are_up } => self.power_ports(are_up),
                PairOutput::Announce(announcement) => self.controller.announce(&announcement),
                PairOutput::Log(record) => self.outputs.push_back(Output::Notice(Notice::Pair(record))),
            }
        }
        // Not before the peer has been told: there may be no pair any more.
        if runs_another {
            self.follow_config(now);
        }
    }

    /// The workers forward from now on, or no more.
    fn change_state(&mut self, now: Timestamp, from: HaState, to: HaState) {
        match (from.forwards(), to.forwards()) {
            (false, true) => {
                self.ledger.associations.adopt();
                let has_copies = self.workers.iter().any(|worker| !worker.sessions().is_empty());
                if has_copies {
                    self.take_over(now);
                }
                self.set_pair_view(PairView::ACTIVE);
            }
            (true, false) => {
                self.ledger.associations.give_up();
                for worker in &mut self.workers {
                    worker.handle_stand_down(now);
                }
                self.set_pair_view(PairView::PASSIVE);
            }
            // Another mode may have come with the state.
            (true, true) => self.set_pair_view(PairView::ACTIVE),
            (false, false) => self.set_pair_view(PairView::PASSIVE),
        }
    }

    fn power_ports(&mut self, are_up: bool) {
        self.outputs.push_back(Output::Notice(Notice::PairPorts { are_up }));
    }

    /// What the peer had is this device's.
    fn take_over(&mut self, now: Timestamp) {
        for worker in &mut self.workers {
            worker.handle_take_over(now);
        }
    }

    fn set_pair_view(&mut self, view: PairView) {
        for worker in &mut self.workers {
            worker.set_pair_view(view);
        }
    }

    fn with_pair<T>(&mut self, act: impl FnOnce(&mut Pair) -> T) -> Result<T, CommandError> {
        self.pair.as_mut().map(act).ok_or(CommandError::NoPair)
    }

    fn with_copies(&mut self, now: Timestamp, act: impl FnOnce(&mut Pair, &mut Copies<'_>)) {
        // Copies are of the policy that the workers have.
        self.obey_orders();
        self.follow_names(now);
        let Self { pair: Some(pair), ledger, workers, controller, .. } = self else { return };
        let room = pair.room();
        let mut copies = Copies { ledger, controller, workers, now, room };
        let heard = pair.sync().heard_at();
        act(pair, &mut copies);
        copies.settle_numbers();
        // What has come until then is applied.
        if let Some(at) = heard {
            workers.iter_mut().for_each(|worker| worker.handle_heard(at));
        }
        // A copy's answers may come to another worker than its packets.
        self.outbox.events.extend(self.workers.iter_mut().flat_map(Worker::take_told));
        for id in self.ledger.take_more() {
            if let Some(pair) = &mut self.pair {
                pair.mark(now, ItemKind::SessionUpdate, id.0.into());
            }
        }
    }

    /// Every worker has the whole block table.
    fn block(&mut self, block: Block) {
        for worker in &mut self.workers {
            worker.block(block);
        }
    }

    /// Does what the controller has decided; whether that was anything.
    fn obey_orders(&mut self) -> bool {
        let orders = self.controller.take_orders();
        for order in &orders {
            self.obey(order);
        }
        !orders.is_empty()
    }

    fn obey(&mut self, order: &Order) {
        if let Order::Links(_) = order {
            self.number_ports();
        }
        for worker in &mut self.workers {
            match order {
                Order::Commit(compiled) => worker.handle_commit(compiled),
                Order::Links(links) => worker.handle_links(Arc::clone(links), &mut self.outbox),
                Order::Routes(policy) => worker.handle_routes(Arc::clone(policy)),
                Order::Awaited(awaited) => worker.handle_awaited(Arc::clone(awaited)),
                Order::Frame { .. } => {}
                Order::Neighbor { interface, address, mac, is_stale } => {
                    worker.handle_neighbor((*interface, *address), *mac, *is_stale, &mut self.outbox);
                }
            }
        }
        if let Order::Frame { interface, bytes } = order {
            let bytes = self.controller.tagged(*interface, bytes);
            self.transmit(*interface, bytes);
        }
    }

    fn number_ports(&mut self) {
        self.interfaces = self.controller.port_interfaces();
        self.ports.clear();
        for (port, interface) in (0..).zip(&self.interfaces) {
            let Some(interface) = interface else { continue };
            if self.ports.len() <= interface.index() {
                self.ports.resize(interface.index() + 1, None);
            }
            self.ports[interface.index()] = Some(PortId(port));
        }
    }
}
