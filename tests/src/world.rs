//! The other way to run a scenario: its frames go over links of a simulated world to a whole device, which
//! resolves neighbors and routes. The records must be those of the worker alone.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use bifrons_config::typed::InterfaceKind;
use bifrons_dataplane::Compiled;
use bifrons_model::{InterfaceId, MacAddress, SessionId};
use bifrons_node::PortInfo;
use bifrons_policy::{Policy, UserMap};
use bifrons_sim::{
    device::Order,
    firewall::Firewall,
    host::everyone::Everyone,
    link::{Endpoint, Place, Quality},
    world::{News, Watch, World},
};

use crate::{
    run::{self, Course, Written, filter_of, interface_of},
    scenario::{Event, Scenario, Sendable, Sent, ZERO, show_record},
};

/// The station address that the frames of scenarios are sent to.
const DEVICE: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);

/// How long before the scenario the world begins: until then the device's addresses are its own.
const AHEAD: Duration = Duration::from_secs(10);

/// How long a scenario's sessions may last.
const PATIENCE: Duration = Duration::from_secs(2_000_000);

/// Why a scenario is not for a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// A device is not told who the users are.
    Users,
    /// The interface is none that is wired.
    Interface,
    /// The frame has tags or labels that no interface is for, is for another station or is no IP packet.
    Link,
    /// A network delivers whole frames.
    Cut,
    /// The packet's time ends at a router.
    HopLimit,
    /// Sender or receiver is the device itself, or an address that no host has.
    Address,
    /// The packet is too long for its link.
    Length,
}

impl Skip {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Users => "users are known",
            Self::Interface => "an interface is not wired",
            Self::Link => "link headers that no interface takes, or no IP packet",
            Self::Cut => "a frame was cut by a capture",
            Self::HopLimit => "a packet's time ends at a router",
            Self::Address => "an address is the device's, a group's or nobody's",
            Self::Length => "a packet does not fit its link",
        }
    }
}

/// The records of a scenario in the world that differ from those of the worker alone, a line each.
///
/// # Errors
/// Why the scenario cannot be played there.
pub fn compare(scenario: &Scenario) -> Result<Vec<String>, Skip> {
    let prepared = run::prepare(scenario).map_err(|_| Skip::Interface)?;
    let alone = run::play(scenario).map_err(|_| Skip::Interface)?;
    let frames = frames(scenario, &prepared, &alone)?;
    let found = Player::new(scenario, &prepared).and_then(|player| player.play(scenario, &prepared, frames));
    let found = match found {
        Ok(found) => found,
        Err(why) => return Ok(vec![why]),
    };
    let (expected, found) = (canonical(&alone.records), canonical(&found));
    let missing = expected.difference(&found).map(|(_, record)| format!("only alone:        {record}"));
    let more = found.difference(&expected).map(|(_, record)| format!("only in the world: {record}"));
    Ok(missing.chain(more).collect())
}

/// A frame, and the name of the interface that it comes in on.
type Sending = (String, Vec<u8>);

/// What is sent, step by step.
fn frames(scenario: &Scenario, prepared: &[Compiled], course: &Course) -> Result<Vec<Sending>, Skip> {
    if scenario.users != UserMap::default() {
        return Err(Skip::Users);
    }
    let mut policies = prepared.iter().map(|compiled| &compiled.policy);
    let mut policy = policies.next().ok_or(Skip::Interface)?;
    let mut frames = Vec::new();
    for step in &scenario.steps {
        match &step.event {
            Event::Frame(sent) => frames.push(sending(sent, policy, course)?),
            Event::Commit(_) => policy = policies.next().unwrap_or(policy),
            Event::Clear(_) => {}
        }
    }
    Ok(frames)
}

fn sending(sent: &Sent, policy: &Policy, course: &Course) -> Result<Sending, Skip> {
    let came = sent.frame.bytes(&course.bindings);
    if came.wire_length != came.bytes.len() {
        return Err(Skip::Cut);
    }
    let Sendable::Packet(packet) = &sent.frame else { return Err(Skip::Link) };
    if !packet.tags.is_empty() {
        return Err(Skip::Link);
    }
    if packet.faults.hop_limit.is_some_and(|limit| limit < 2) {
        return Err(Skip::HopLimit);
    }
    let interface = interface_of(policy, sent, &course.bindings).ok_or(Skip::Interface)?;
    if policy.interface_kind(interface) != Some(InterfaceKind::Layer3) {
        return Err(Skip::Interface);
    }
    let packet = packet.bound(&course.bindings);
    for address in [packet.source, packet.destination] {
        if !is_of_a_host(address) || is_own(policy, address) {
            return Err(Skip::Address);
        }
    }
    if came.bytes.len() > Quality::default().mtu + 14 {
        return Err(Skip::Length);
    }
    let name = policy.names().interface(interface).to_owned();
    Ok((name, came.bytes))
}

fn is_of_a_host(address: IpAddr) -> bool {
    let is_special = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_link_local() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(is_special || address.is_multicast() || address.is_unspecified() || address.is_loopback())
}

fn is_own(policy: &Policy, address: IpAddr) -> bool {
    let interfaces = (0..policy.names().interfaces.len()).map(|number| InterfaceId(number as u16));
    interfaces.flat_map(|id| policy.interface_addresses(id)).any(|prefix| prefix.address == address)
}

struct Player {
    world: World,
    /// The interface of each port, in order; the host behind it has the same number.
    interfaces: Vec<String>,
    records: Vec<Written>,
}

impl Player {
    fn new(scenario: &Scenario, prepared: &[Compiled]) -> Result<Self, String> {
        let names: BTreeSet<String> = prepared
            .iter()
            .flat_map(|compiled| compiled.policy.names().interfaces.iter().cloned())
            .filter(|name| !name.contains('.'))
            .collect();
        let interfaces: Vec<String> = names.into_iter().collect();
        let begin = ZERO - AHEAD;
        let ports = interfaces.iter().map(|name| PortInfo { name: name.clone(), mac: DEVICE, is_up: true });
        let firewall = Firewall::new(&scenario.config, ports.collect(), 1, begin)?;
        let mut world = World::new(begin, 1, Watch::Results);
        let device = world.add_device(Box::new(firewall));
        let quality = Quality { latency: Duration::ZERO, mtu: 9_000, ..Quality::default() };
        for port in 0..interfaces.len() {
            let host = world.add_host(Box::new(Everyone::new([2, 0, 0, 0, 1, port as u8])));
            let ends = [
                Endpoint { place: Place::Device(device), port },
                Endpoint { place: Place::Host(host), port: 0 },
            ];
            world.connect(ends, quality);
        }
        Ok(Self { world, interfaces, records: Vec::new() })
    }

    fn play(
        mut self,
        scenario: &Scenario,
        prepared: &[Compiled],
        frames: Vec<Sending>,
    ) -> Result<Vec<Written>, String> {
        let mut frames = frames.into_iter();
        let mut compiled = prepared.iter();
        let mut names = compiled.next().map(|compiled| compiled.policy.names());
        for step in &scenario.steps {
            while self.world.step(step.at) {}
            match &step.event {
                Event::Frame(_) => {
                    let Some((interface, bytes)) = frames.next() else { continue };
                    let host = self.interfaces.iter().position(|name| *name == interface);
                    self.world.send_as(host.ok_or("an interface without port")?, bytes);
                }
                Event::Clear(clear) => {
                    let filter = names.map(|names| filter_of(clear, names)).unwrap_or_default();
                    self.world.order(0, &Order::Clear(Box::new(filter)))?;
                }
                Event::Commit(config) => {
                    names = compiled.next().map(|compiled| compiled.policy.names());
                    self.world.order(0, &Order::Commit(config.clone()))?;
                }
            }
            self.collect();
        }
        let limit = self.world.now() + PATIENCE;
        while self.world.step(self.world.now()) {}
        while self.world.devices[0].device.figures().sessions > 0 {
            if !self.world.step(limit) {
                return Err("sessions never end".into());
            }
            self.collect();
        }
        self.collect();
        Ok(self.records)
    }

    fn collect(&mut self) {
        for news in self.world.take_news() {
            if let News::Logged { written, .. } = news {
                let bifrons_sim::device::Written { record, names } = *written;
                self.records.push(Written { record, names });
            }
        }
    }
}

/// The records without what may differ between two runs, each with its place among equal ones.
fn canonical(records: &[Written]) -> BTreeSet<(usize, String)> {
    let mut all: Vec<String> = records.iter().map(line).collect();
    all.sort();
    let mut seen = std::collections::HashMap::new();
    let count = |line: String| {
        let place = seen.entry(line.clone()).or_insert(0);
        *place += 1;
        (*place, line)
    };
    all.into_iter().map(count).collect()
}

fn line(written: &Written) -> String {
    let mut record = written.record.clone();
    let has_parent = record.parent_session != SessionId(0);
    (record.session_id, record.parent_session) = (SessionId(0), SessionId(u32::from(has_parent)));
    (record.sequence_number, record.generated) = (0, ZERO);
    (record.interface_in, record.interface_out) = (InterfaceId(0), InterfaceId(0));
    let started = record.start;
    let (server, ja4) = (&record.server_name, &record.ja4);
    let details = format!("{started:?} {:?} {:?} {server:?} {ja4:?}", record.last_packet, record.flags);
    format!("{} {details}", show_record(&record, &written.names))
}
