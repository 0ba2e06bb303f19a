//! What a bystander expects of a firewall, and notices when it is otherwise.
//!
//! The shadow is written from the rules and knows nothing of the engine: it reads frames with its own eyes
//! ([`crate::frame`]), has rules of its own ([`Rule`]), and keeps simple lists. [`entry`] is the one place
//! that reads the engine's records.

mod border;
pub mod entry;
pub(crate) mod ledger;
pub mod pair;
mod pieces;
pub mod roles;
mod talks;
mod translations;

use std::{collections::HashMap, net::IpAddr, time::Duration};

use bifrons_model::Timestamp;

pub use talks::Outcome;

use crate::{
    device::Figures,
    frame::{Packet, View},
    host::Report,
    pair::mode::Mode,
    plan::{Plan, Rule, Service, Topology, Verdict},
    switch::Mac,
};
use border::{Border, Spot};
use entry::Entry;
use ledger::Ledger;
use talks::Talks;

/// What must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How long after the beginning.
    pub at: Duration,
    /// The expectation that was not met.
    pub what: What,
    /// What was seen.
    pub text: String,
}

/// An expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// Every frame has one fate, and the counters say so.
    Conservation,
    /// There are never more sessions than there may be.
    Capacity,
    /// Nothing is forwarded that no rule allows.
    Allowed,
    /// What is forwarded is what came: once, one hop older, otherwise unchanged.
    Faithful,
    /// What is forwarded goes to the right neighbor.
    Delivered,
    /// The firewall answers for its own addresses.
    Neighbor,
    /// Each session is logged once, and what is logged is true.
    Logged,
    /// What is allowed arrives whole.
    Whole,
    /// When the traffic is over the firewall comes to rest.
    Rest,
    /// Of two devices one leads, and only it speaks.
    OneLeads,
    /// Who leads changes when there is a cause, and then it does.
    TakesOver,
    /// A device that takes over announces its addresses.
    Announced,
    /// Two devices that hear each other run one configuration.
    OneConfiguration,
    /// The device that follows knows what the one that leads does.
    Mirrored,
}

impl What {
    /// In a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Conservation => "every frame has one fate",
            Self::Capacity => "the session table keeps to its capacity",
            Self::Allowed => "nothing passes without a rule",
            Self::Faithful => "what leaves is what came",
            Self::Delivered => "what leaves goes to the right neighbor",
            Self::Neighbor => "the firewall answers for its own addresses",
            Self::Logged => "each session is logged once and truly",
            Self::Whole => "what is allowed arrives whole",
            Self::Rest => "the firewall comes to rest",
            Self::OneLeads => "of two devices one leads and speaks",
            Self::TakesOver => "a device takes over when it must",
            Self::Announced => "a device that takes over says so",
            Self::OneConfiguration => "two devices run one configuration",
            Self::Mirrored => "the follower knows what the leader does",
        }
    }
}

/// The bystander's view of a network with one firewall.
pub struct Shadow {
    begin: Timestamp,
    network: Network,
    rules: Rules,
    border: Border,
    ledger: Ledger,
    talks: Talks,
    failure: Option<Failure>,
}

/// Who is where.
pub(crate) struct Network {
    topology: Topology,
    /// Zone and Ethernet address, by IP address.
    places: HashMap<IpAddr, (usize, Mac)>,
    /// The firewall's own addresses.
    own: Vec<IpAddr>,
    /// The addresses behind which IPv4 of the first zone is hidden in the second.
    hidden: Vec<IpAddr>,
    /// The longest packet of each zone's link.
    mtus: Vec<usize>,
    /// Whether segment sizes are lowered to what fits both links.
    adjusts: bool,
}

impl Network {
    fn new(plan: &Plan) -> Self {
        let mut places = HashMap::new();
        let mut add = |zone: usize, place: usize| {
            let addresses = plan.addresses(zone, place);
            for address in [IpAddr::V4(addresses.v4), IpAddr::V6(addresses.v6)] {
                places.insert(address, (zone, addresses.mac));
            }
        };
        for (zone, hosts) in plan.zones.iter().enumerate() {
            (0..hosts.hosts).for_each(|place| add(zone, place));
        }
        for (_, talk) in plan.talks().filter(|(_, talk)| talk.kind.has_own_hosts()) {
            add(talk.client.0, talk.client.1);
            add(talk.server.0, talk.server.1);
        }
        let is_routed = plan.topology == Topology::Routed;
        let gateways = (0..plan.zones.len()).filter(|_| is_routed).map(|zone| plan.gateway(zone));
        let own = gateways.flat_map(|(v4, v6)| [IpAddr::V4(v4), IpAddr::V6(v6)]).collect();
        let hidden = (is_routed && plan.hides).then(|| plan.gateway(1).0.into()).into_iter().collect();
        let mtus = plan.zones.iter().map(|zone| zone.mtu).collect();
        Self { topology: plan.topology, places, own, hidden, mtus, adjusts: is_routed && plan.adjusts }
    }

    /// The same of a pair, whose devices may have more addresses.
    fn of_pair(plan: &Plan) -> Self {
        let mut network = Self::new(plan);
        let both = plan.pair.as_ref().is_some_and(|pair| pair.combination.is_some());
        if both && plan.hides {
            // Each session behind the floating address of the device that owns it.
            network.hidden = [0, 1].map(|owner| Mode::floating_address(plan, 1, owner).0.into()).into();
        }
        for zone in (0..plan.zones.len()).filter(|_| both) {
            let addresses = [0, 1].into_iter().flat_map(|device| Mode::addresses_of(plan, zone, device));
            network.own.extend(addresses.flat_map(|(v4, v6)| [IpAddr::V4(v4), IpAddr::V6(v6)]));
        }
        network
    }

    /// The zone of an address; addresses of nobody are in the second.
    fn zone(&self, address: IpAddr) -> usize {
        self.places.get(&address).map_or(1, |(zone, _)| *zone)
    }

    /// The largest segment that fits the links of two zones behind the headers of IPv4 or IPv6 and TCP.
    fn segment_size(&self, zones: [usize; 2], is_v6: bool) -> Option<u16> {
        let headers = if is_v6 { 60 } else { 40 };
        let mtu = zones.iter().filter_map(|zone| self.mtus.get(*zone)).min()?;
        u16::try_from(mtu.saturating_sub(headers)).ok()
    }

    /// Whether others are hidden behind an address.
    fn hides_behind(&self, address: IpAddr) -> bool {
        self.hidden.contains(&address)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains(&address)
    }

    fn is_wire(&self) -> bool {
        self.topology == Topology::VirtualWire
    }
}

/// The rules that are in force, and those that were.
pub(crate) struct Rules {
    history: Vec<Vec<Rule>>,
}

/// What a packet opens: from zone, to zone, protocol and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    pub from: usize,
    pub to: usize,
    pub protocol: u8,
    pub port: u16,
}

impl Rules {
    fn current(&self) -> &[Rule] {
        self.history.last().map_or(&[], Vec::as_slice)
    }

    /// Whether the rules in force let a connection open.
    pub fn allow(&self, opening: &Opening) -> bool {
        allows(self.current(), opening)
    }

    /// The place of the rules in force among all that were.
    fn number(&self) -> usize {
        self.history.len() - 1
    }

    /// The rules at a place.
    fn of(&self, number: usize) -> &[Rule] {
        self.history.get(number).map_or(&[], Vec::as_slice)
    }

    /// Whether any rules so far did so, or did not.
    pub fn have_ever(&self, opening: &Opening, allowed: bool) -> bool {
        self.history.iter().any(|rules| allows(rules, opening) == allowed)
    }
}

/// Whether rules let a connection open.
fn allows(rules: &[Rule], opening: &Opening) -> bool {
    judge(rules, opening) == Verdict::Allow
}

/// The first rule that matches decides; without one nothing passes.
fn judge(rules: &[Rule], opening: &Opening) -> Verdict {
    let matches = |rule: &&Rule| {
        rule.from.is_none_or(|zone| zone == opening.from)
            && rule.to.is_none_or(|zone| zone == opening.to)
            && match rule.service {
                Service::Any => true,
                Service::Tcp(first, last) => opening.protocol == 6 && (first..=last).contains(&opening.port),
                Service::Udp(first, last) => opening.protocol == 17 && (first..=last).contains(&opening.port),
            }
    };
    rules.iter().find(matches).map_or(Verdict::Drop, |rule| rule.verdict)
}

impl Shadow {
    /// A bystander of a plan.
    pub fn new(begin: Timestamp, plan: &Plan) -> Self {
        Self {
            begin,
            network: Network::new(plan),
            rules: Rules { history: vec![plan.rules.clone()] },
            border: Border::new(begin),
            ledger: Ledger::default(),
            talks: Talks::new(plan),
            failure: None,
        }
    }

    /// The first expectation that was not met.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// What came of the talks.
    pub fn outcomes(&self) -> impl Iterator<Item = (usize, Outcome)> + '_ {
        self.talks.outcomes()
    }

    /// Records so far.
    pub const fn records(&self) -> u64 {
        self.ledger.count()
    }

    /// Records of sessions that there was no room for, since the firewall began.
    pub const fn refusals(&self) -> u64 {
        self.ledger.refusals()
    }

    /// Transfers that stood when a flood began.
    pub const fn flooded_transfers(&self) -> u64 {
        self.talks.flooded_transfers()
    }

    /// A frame goes into the firewall.
    pub fn enters(&mut self, now: Timestamp, port: usize, view: &View) {
        self.border.enters(now, alone(port), view, &self.network, &[&self.rules]);
    }

    /// A frame has come out that is of no zone.
    pub fn strays(&mut self, now: Timestamp, port: usize, view: &View) {
        let text = format!("it sends {view} on port {port} with tag {:?}, where no zone is", view.tag);
        self.note(now, Err((What::Delivered, text)));
    }

    /// The cable of a zone was pulled or plugged.
    pub fn pulled(&mut self, now: Timestamp, zone: usize, is_pulled: bool) {
        self.border.pulled(now, alone(zone), is_pulled);
    }

    /// What was seen on the border how often, by name.
    pub fn sights(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.border.sights()
    }

    /// A frame has come out.
    pub fn leaves(&mut self, now: Timestamp, port: usize, view: &View) {
        let judged = self.border.leaves(now, alone(port), view, &self.network, &[&self.rules]);
        self.note(now, judged);
    }

    /// The firewall has done all that it had to do at the moment.
    pub fn settled(&mut self, now: Timestamp, given: u64, figures: &Figures) {
        let judged =
            self.border.settled(0, |_| !self.network.is_wire()).and_then(|()| self.count(given, figures));
        self.note(now, judged);
    }

    /// The firewall has written a record.
    pub fn logged(&mut self, now: Timestamp, entry: &Entry) {
        let judged = self.ledger.enter(entry, &self.network, &self.rules);
        self.note(now, judged);
    }

    /// A host tells something.
    pub fn reported(&mut self, now: Timestamp, report: &Report) {
        let judged = self.talks.reported(now, report, &[&self.rules]);
        self.note(now, judged);
    }

    /// Other rules are in force.
    pub fn committed(&mut self, rules: &[Rule]) {
        self.rules.history.push(rules.to_vec());
        self.rules.history.dedup();
        self.talks.committed(&[&self.rules]);
    }

    /// Something was done to the firewall that sessions do not survive.
    pub fn disturbed(&mut self) {
        self.talks.disturb();
    }

    /// The firewall began anew.
    pub fn restarted(&mut self, woke: Timestamp) {
        self.talks.disturb();
        self.border.forget(woke);
        self.ledger.forget();
    }

    /// Whether all talks are over.
    pub fn is_quiet(&self) -> bool {
        self.talks.are_over()
    }

    /// The end: everything that was open must have come to an end.
    pub fn finished(&mut self, now: Timestamp, figures: &Figures) {
        let rest = || match figures.sessions {
            0 => Ok(()),
            left => Err((What::Rest, format!("{left} sessions never end"))),
        };
        let judged = self
            .talks
            .finished()
            .and_then(|()| rest())
            .and_then(|()| self.ledger.balance(&self.border, &self.network))
            .and_then(|()| self.ledger.refused(figures.refused));
        self.note(now, judged);
    }

    fn count(&self, given: u64, figures: &Figures) -> Judged {
        let conserved = figures.is_conserved() && figures.received == given;
        if !conserved {
            return Err((
                What::Conservation,
                format!("{given} frames were given to it, it counts {figures:?}"),
            ));
        }
        if figures.transmitted != self.border.forwarded[0] {
            let text = format!("{} frames left it, it counts {figures:?}", self.border.forwarded[0]);
            return Err((What::Conservation, text));
        }
        if figures.sessions > figures.capacity {
            return Err((What::Capacity, format!("{} sessions of {}", figures.sessions, figures.capacity)));
        }
        Ok(())
    }

    fn note(&mut self, now: Timestamp, judged: Judged) {
        if let (Err((what, text)), None) = (judged, &self.failure) {
            self.failure = Some(Failure { at: now.since(self.begin), what, text });
        }
    }
}

/// A zone of a firewall that is one device.
const fn alone(zone: usize) -> Spot {
    Spot { device: 0, zone }
}

/// An expectation that was met, or one that was not and what was seen.
type Judged = Result<(), (What, String)>;

/// One direction of a conversation, as its packets arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flow {
    pub protocol: u8,
    pub source: (IpAddr, u16),
    pub destination: (IpAddr, u16),
}

impl Flow {
    fn of(packet: &Packet) -> Self {
        let (from, to) = packet.ports();
        Self {
            protocol: packet.protocol,
            source: (packet.source, from),
            destination: (packet.destination, to),
        }
    }

    const fn reversed(self) -> Self {
        Self { protocol: self.protocol, source: self.destination, destination: self.source }
    }

    /// Whether devices of a pair do not tell each other of it: ICMP is not synchronised.
    const fn is_untold(&self) -> bool {
        matches!(self.protocol, 1 | 58)
    }

    /// What passes in this direction between the same hosts, whatever its ports.
    const fn between(self) -> Self {
        let (source, destination) = ((self.source.0, 0), (self.destination.0, 0));
        Self { protocol: self.protocol, source, destination }
    }

    /// What its first packet asks for. Echoes have no ports that rules know.
    fn opening(&self, network: &Network) -> Opening {
        Opening {
            from: network.zone(self.source.0),
            to: network.zone(self.destination.0),
            protocol: self.protocol,
            port: self.destination.1,
        }
    }
}
