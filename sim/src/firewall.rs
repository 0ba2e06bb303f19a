//! The firewall of the engine as a device of the world.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::BuildHasher as _,
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use bifrons_config::{CommitError, CommitRequest, Document, Sources};
use bifrons_dataplane::ClearFilter;
use bifrons_ha::{
    HaLinkId, HaState, SoftwareVersion, SystemRecord,
    config_sync::ConfigMark,
    sync::{ItemKind, SyncStatus},
};
use bifrons_inspect::Signatures;
use bifrons_model::{DropReason, MacAddress, Names, Timestamp};
use bifrons_node::{
    Command, CommandError, Node, Notice, Output, PairIdentity, PortId, PortInfo, Secrets, ShowPair, Startup,
};
use bifrons_session::{HashSeed, SessionTable};
use foldhash::quality::FixedState;

use crate::{
    device::{Blueprint, Device, DeviceOutput, Figures, Order, Seat, SharedCount, Written},
    plan::interface,
};

/// Those of the catalogue, for all firewalls: plans define no applications of their own.
static SIGNATURES: LazyLock<Arc<Signatures>> = LazyLock::new(|| Arc::new(Signatures::builtin()));

/// A document that shares its table of settings with those of all firewalls.
static EMPTY: LazyLock<Document> = LazyLock::new(Document::default);

/// Makes a firewall.
///
/// # Errors
/// What is wrong with the configuration.
pub fn build(blueprint: &Blueprint<'_>, now: Timestamp) -> Result<Box<dyn Device>, String> {
    let device = blueprint.seat.map_or(0, |seat| seat.device);
    let ports: Vec<PortInfo> = (0..blueprint.ports).map(|number| port(device, number)).collect();
    let member = blueprint.seat.map(Member::new);
    let text = blueprint.configuration;
    Ok(Box::new(Firewall::start(text, ports, blueprint.workers, member, now)?))
}

/// The port in a zone, with a station address of its own.
fn port(device: u8, number: usize) -> PortInfo {
    let mac = MacAddress([0x02, 0xb1, 0xf0, 0xff, device, number as u8 + 1]);
    PortInfo { name: interface(number), mac, is_up: true }
}

/// A node, and what it takes to begin it anew.
pub struct Firewall {
    node: Node,
    text: String,
    ports: Vec<PortInfo>,
    workers: usize,
    member: Option<Member>,
    names: Arc<Names>,
    /// Which rules run, and what they are called.
    running: u64,
    rules: BTreeSet<String>,
    /// Sessions that all workers have room for together.
    capacity: u64,
    system_log: Vec<SystemRecord>,
    /// Whether its ports have power; with `passive-link-state shutdown` the passive device's have none.
    has_ports: bool,
}

/// One of two.
#[derive(Clone, Debug)]
struct Member {
    device: u8,
    /// The links to the other device and whether they have a carrier.
    links: Vec<(HaLinkId, bool)>,
    /// How often it began.
    starts: u64,
    /// The mark of the configuration that runs.
    mark: Option<ConfigMark>,
    /// What runs on it, or will from the next start on.
    software: SoftwareVersion,
}

impl Member {
    fn new(seat: Seat<'_>) -> Self {
        let links = seat.links.iter().map(|link| (*link, true)).collect();
        Self { device: seat.device, links, starts: 0, mark: None, software: SoftwareVersion::default() }
    }

    /// What the keys between the devices are made of, another one at each start.
    fn secret(&self) -> [u8; 32] {
        let mut secret = [self.device; 32];
        secret[..8].copy_from_slice(&self.starts.to_be_bytes());
        secret
    }

    fn identity(&self) -> PairIdentity {
        PairIdentity {
            ha1_mac: MacAddress([0x02, 0xb1, 0xf0, 0xfe, self.device, 1]),
            software: self.software,
            configuration: self.mark,
        }
    }
}

impl Firewall {
    /// A firewall with these ports and so many workers.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(text: &str, ports: Vec<PortInfo>, workers: usize, now: Timestamp) -> Result<Self, String> {
        Self::start(text, ports, workers, None, now)
    }

    fn start(
        text: &str,
        ports: Vec<PortInfo>,
        workers: usize,
        member: Option<Member>,
        now: Timestamp,
    ) -> Result<Self, String> {
        let device = member.as_ref().map_or(0, |member| member.device);
        let secrets = Secrets {
            hash: HashSeed::new(0x1f3a_77c1_0b5e_42d8 ^ u128::from(device)),
            pair: member.as_ref().map_or([0; 32], Member::secret),
        };
        let document = document(text)?;
        let lines = document.to_set();
        let (running, rules) = (key(&lines), rule_names(&lines));
        let startup = Startup {
            document,
            sources: Sources::default(),
            signatures: Arc::clone(&SIGNATURES),
            serial: member.as_ref().map(|member| format!("{:012}", member.device)).unwrap_or_default(),
            ports: ports.clone(),
            workers,
            secrets,
            identity: member.as_ref().map(Member::identity).unwrap_or_default(),
        };
        let node = Node::new(now, startup).map_err(|error| error.to_string())?;
        let names = Arc::new(node.policy().names().clone());
        // Each worker has its share, rounded up.
        let count = workers.max(1) as u64;
        let capacity = (node.policy().session().capacity as u64).div_ceil(count) * count;
        let links = member.as_ref().map(|member| member.links.clone()).unwrap_or_default();
        let text = text.to_owned();
        let system_log = Vec::new();
        let mut firewall = Self {
            node,
            text,
            ports,
            workers,
            member,
            names,
            running,
            rules,
            capacity,
            system_log,
            has_ports: true,
        };
        for (link, is_up) in links {
            firewall.command(now, Command::PairLink { link, is_up })?;
        }
        Ok(firewall)
    }

    fn command(&mut self, now: Timestamp, command: Command) -> Result<(), String> {
        self.node.handle_command(now, command).map(|_| ()).map_err(|error| error.to_string())
    }

    /// The cable of a port is pulled or plugged. It is as it is when the firewall begins anew, too.
    fn link(&mut self, port: usize, is_up: bool) -> Command {
        let behind = port.checked_sub(self.ports.len());
        let links = self.member.as_mut().map(|member| &mut member.links);
        if let Some((link, known)) = behind.zip(links).and_then(|(place, links)| links.get_mut(place)) {
            *known = is_up;
            return Command::PairLink { link: *link, is_up };
        }
        if let Some(info) = self.ports.get_mut(port) {
            info.is_up = is_up;
        }
        Command::Carrier { port: PortId(port as u16), is_up }
    }

    /// The link to the other device behind a port.
    fn pair_link(&self, port: usize) -> Option<HaLinkId> {
        let place = port.checked_sub(self.ports.len())?;
        self.member.as_ref()?.links.get(place).map(|(link, _)| *link)
    }

    /// The port behind which a link to the other device is.
    fn pair_port(&self, link: HaLinkId) -> Option<usize> {
        let place = self.member.as_ref()?.links.iter().position(|(known, _)| *known == link)?;
        Some(self.ports.len() + place)
    }

    fn commit(&mut self, now: Timestamp, text: &str) -> Result<(), String> {
        let document = document(text)?;
        let command = Command::Commit { document, request: CommitRequest::default() };
        match self.node.handle_command(now, command) {
            Ok(_) | Err(CommandError::Commit(CommitError::NoChanges)) => {}
            Err(error) => return Err(error.to_string()),
        }
        self.names = Arc::new(self.node.policy().names().clone());
        Ok(())
    }
}

fn document(text: &str) -> Result<Document, String> {
    EMPTY.parse_another(text, "plan").map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        errors.join("; ")
    })
}

/// A number over the security rules of a configuration.
///
/// # Errors
/// What is wrong with the text.
pub fn rules_key(text: &str) -> Result<u64, String> {
    document(text).map(|document| key(&document.to_set()))
}

/// The names of the security rules of `set` lines.
fn rule_names(text: &str) -> BTreeSet<String> {
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("set rulebase security rules ")?.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// A number over the security rules of `set` lines as a document prints them.
fn key(lines: &str) -> u64 {
    let of = |base: &'static str| lines.lines().filter(move |line| line.starts_with(base));
    // The order of rules matters, that of services does not.
    let rules: Vec<&str> = of("set rulebase security").collect();
    let services: BTreeSet<&str> = of("set service").collect();
    FixedState::with_seed(0).hash_one((rules, services))
}

impl Device for Firewall {
    fn handle_frame(&mut self, now: Timestamp, port: usize, frame: Vec<u8>) {
        match self.pair_link(port) {
            Some(link) => self.node.handle_pair_message(now, link, &frame),
            None if !self.has_ports => {}
            None => self.node.handle_frame(now, PortId(port as u16), frame),
        }
    }

    fn handle_order(&mut self, now: Timestamp, order: &Order) -> Result<(), String> {
        let command = match order {
            Order::Commit(text) => return self.commit(now, text),
            Order::Clear(filter) => Command::ClearSessions(ClearFilter::clone(filter)),
            Order::Link { port, up } => self.link(*port, *up),
            Order::Pair(request) => Command::PairState(*request),
            Order::Install(software) => {
                if let Some(member) = &mut self.member {
                    member.software = *software;
                }
                return Ok(());
            }
        };
        self.command(now, command)
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.node.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.node.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        loop {
            match self.node.poll_output()? {
                // A port without power sends nothing.
                Output::Frame { .. } if !self.has_ports => {}
                Output::Frame { port, bytes } => {
                    return Some(DeviceOutput::Frame { port: port.index(), bytes });
                }
                Output::Record(record) => {
                    let written = Written { record: *record, names: Arc::clone(&self.names) };
                    return Some(DeviceOutput::Record(Box::new(written)));
                }
                Output::Pair { link, bytes } => {
                    // What has no cable is lost.
                    if let Some(port) = self.pair_port(link) {
                        return Some(DeviceOutput::Frame { port, bytes });
                    }
                }
                Output::Notice(Notice::PairPorts { are_up }) => self.has_ports = are_up,
                Output::Notice(Notice::Pair(record)) => self.system_log.push(record),
                // Another configuration runs, of an order or of the other device.
                Output::Notice(Notice::Keep { text, .. }) => {
                    self.names = Arc::new(self.node.policy().names().clone());
                    self.text = text.to_string();
                    self.running = key(&self.text);
                    self.rules = rule_names(&self.text);
                }
                Output::Notice(Notice::PairMark(mark)) => {
                    if let Some(member) = &mut self.member {
                        member.mark = Some(mark);
                    }
                }
                // Nobody listens on the firewall itself, and notices are for its operator.
                Output::Host { .. } | Output::Notice(_) => {}
            }
        }
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures { capacity: self.capacity, ..Figures::default() };
        for worker in self.node.workers() {
            let counters = worker.counters();
            // What one worker hands to another is counted as received by both.
            figures.received += counters.received.saturating_sub(counters.handed_over);
            figures.transmitted += counters.transmitted;
            figures.dropped += counters.dropped_total();
            figures.held += counters.held;
            figures.own += counters.to_host;
            figures.to_peer += counters.to_peer;
            figures.emitted += counters.emitted;
            figures.refused += counters.sessions_refused;
            figures.sessions += worker.sessions().len() as u64;
        }
        figures
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        let count = |reason| self.node.counters().map(|counters| counters.dropped_for(reason)).sum();
        let all = DropReason::ALL.iter().map(|reason| (reason.name(), count(*reason)));
        all.filter(|(_, count)| *count > 0).collect()
    }

    fn restart(&mut self, now: Timestamp) {
        let member = self.member.clone().map(|member| Member { starts: member.starts + 1, ..member });
        // A configuration that ran before runs again.
        if let Ok(anew) = Self::start(&self.text, self.ports.clone(), self.workers, member, now) {
            *self = anew;
        }
    }

    fn pair(&self) -> Option<(HaState, SyncStatus)> {
        Some((self.node.pair_state()?, self.node.pair_sync()?.status()))
    }

    fn running(&self) -> Option<u64> {
        Some(self.running)
    }

    fn take_system_log(&mut self) -> Vec<SystemRecord> {
        std::mem::take(&mut self.system_log)
    }

    fn told(&self) -> Vec<(&'static str, u64)> {
        let Some(sync) = self.node.pair_sync() else { return Vec::new() };
        ItemKind::ALL.iter().map(|kind| (kind.name(), sync.counters().items(*kind).sent)).collect()
    }

    fn show_pair(&self, now: Timestamp, words: &str) -> Option<String> {
        self.node.show_pair(now, ShowPair::of(words)?).map(|page| page.to_string())
    }

    fn is_dark(&self, port: usize) -> bool {
        !self.has_ports && self.pair_link(port).is_none()
    }

    fn shared_sessions(&self) -> BTreeSet<String> {
        let tables = self.node.workers().iter().map(bifrons_dataplane::Worker::sessions);
        let names = &self.names;
        tables
            .flat_map(|table| table.slots().filter_map(|slot| shared(table, slot, names, &self.rules)))
            .collect()
    }

    fn shared_counts(&self) -> BTreeMap<u32, SharedCount> {
        let tables = self.node.workers().iter().map(bifrons_dataplane::Worker::sessions);
        let count = |table: &SessionTable, slot| {
            let session = table.slot(slot).filter(|session| session.is_mirrorable())?;
            let [forth, back] = session.volume;
            let counted = [forth.packets, forth.bytes, back.packets, back.bytes];
            Some((session.id.0, SharedCount { is_copy: table.is_copy(slot), counted }))
        };
        tables.flat_map(|table| table.slots().filter_map(move |slot| count(table, slot))).collect()
    }
}

/// What both devices know alike of a session: its number, its two flows, which are its translation too, its
/// rule, state and application. What is counted is told with the next word only.
fn shared(table: &SessionTable, slot: u32, names: &Names, rules: &BTreeSet<String>) -> Option<String> {
    let session = table.slot(slot).filter(|session| session.is_mirrorable())?;
    // The devices may have other numbers for the same names.
    let [forth, back] = table.keys(slot).map(|key| {
        let addresses = key.addresses();
        let from = SocketAddr::new(addresses.source(), key.source_port());
        let to = SocketAddr::new(addresses.destination(), key.destination_port());
        format!("{} {from} > {to}", names.zone(key.zone()))
    });
    let protocol = table.keys(slot)[0].protocol();
    // A rule that is not there any more is one until the session's next packet.
    let rule = Some(names.rule(session.rule)).filter(|rule| rules.contains(*rule)).unwrap_or("-");
    let (state, app) = (session.state, session.app);
    Some(format!("{:?} protocol {protocol} {forth}, {back} {rule} {state:?} {app:?}", session.id))
}
