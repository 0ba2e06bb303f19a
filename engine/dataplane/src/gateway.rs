//! Application-level gateways: connections that a control session announces are let in without a rule of
//! their own, and what a translated session says of addresses is said in the addresses that its receiver
//! knows.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_catalog::app;
use bifrons_inspect::{Expectation, Progress, StreamEdits, Text, Transport, rewrite_message};
use bifrons_model::{AppId, Direction, DropReason, NatRuleId, SessionId, Timestamp};
use bifrons_session::{
    FlowKey, SessionFlags, State,
    nat::{NatRequest, Translated},
};
use bifrons_wire::{Addresses, Packet, TcpFlags, protocol};

use crate::{Worker, answer::Blocked};

/// Applications whose sessions announce connections.
pub(crate) const CONTROLS: [AppId; 2] = [app::FTP, app::SIP];

/// Connections that may be waited for at a time; announced ones beyond that are not let in.
const PREDICTIONS_MAX: usize = 65_536;

/// What is waited for.
#[derive(Default)]
pub(crate) struct Foretold {
    by_key: BTreeMap<PredictionKey, Prediction>,
    by_deadline: BTreeSet<(Timestamp, PredictionKey)>,
}

/// A connection as it will arrive, from any port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PredictionKey {
    zone: u16,
    protocol: u8,
    source: IpAddr,
    destination: IpAddr,
    destination_port: u16,
}

/// How a connection that was waited for is let in.
#[derive(Clone, Debug)]
pub(crate) struct Prediction {
    /// The application that it carries.
    pub app: AppId,
    /// The session that announced it.
    pub parent: Parent,
    /// Where it goes to: the end that announced it, by its own address and port.
    pub destination: (IpAddr, u16),
    /// What that end calls the one that opens it; `None`: whatever the parent's NAT rule gives.
    pub source: Option<IpAddr>,
    /// The port that was taken for it from the NAT rule's pool.
    pub taken: Option<Translated>,
    deadline: Timestamp,
}

/// The session that announced another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parent {
    pub slot: u32,
    pub id: SessionId,
    pub start: Timestamp,
    pub nat_rule: u16,
}

impl PredictionKey {
    /// What a packet with this key was announced as.
    pub fn of(key: &FlowKey) -> Self {
        let addresses = key.addresses();
        Self {
            zone: key.zone().0,
            protocol: key.protocol(),
            source: addresses.source(),
            destination: addresses.destination(),
            destination_port: key.destination_port(),
        }
    }

    /// Its ends; `None` where they are of two families, which never arrives.
    pub const fn addresses(&self) -> Option<Addresses> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Some(Addresses::V4 { source: source.to_bits(), destination: destination.to_bits() })
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Some(Addresses::V6 { source: source.to_bits(), destination: destination.to_bits() })
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }
}

impl Foretold {
    fn insert(&mut self, key: PredictionKey, prediction: Prediction) -> Option<Prediction> {
        self.by_deadline.insert((prediction.deadline, key));
        let old = self.by_key.insert(key, prediction);
        if let Some(old) = &old {
            let is_other = self.by_key.get(&key).is_some_and(|new| new.deadline != old.deadline);
            if is_other {
                self.by_deadline.remove(&(old.deadline, key));
            }
        }
        old
    }

    fn remove(&mut self, key: &PredictionKey) -> Option<Prediction> {
        let prediction = self.by_key.remove(key)?;
        self.by_deadline.remove(&(prediction.deadline, *key));
        Some(prediction)
    }

    /// One whose time is up.
    fn pop_due(&mut self, now: Timestamp) -> Option<Prediction> {
        let (deadline, key) = self.by_deadline.first().copied()?;
        if deadline > now { None } else { self.remove(&key) }
    }

    /// When the first is waited for no longer.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.by_deadline.first().map(|(deadline, _)| *deadline)
    }

    /// Whether something is waited for under this key.
    fn has(&self, key: &PredictionKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Whether nothing is waited for.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

impl Worker {
    /// Takes up what a packet announces. The payload that leaves instead of its own comes back where that
    /// names other addresses. An error drops the packet.
    pub(crate) fn follow_announcements(
        &mut self,
        packet: &Blocked<'_>,
        progress: &Progress,
    ) -> Result<Option<Vec<u8>>, DropReason> {
        let slot = packet.hit.slot;
        let session = self.table.get(slot);
        let is_translated = session.flags.has(SessionFlags::TRANSLATED);
        if is_translated && progress.is_ahead && CONTROLS.contains(&session.app) {
            // What it announces could not be said in other words when its turn comes.
            return Err(DropReason::AlgOutOfOrder);
        }
        let mut named: Vec<(u16, (IpAddr, u16))> = Vec::new();
        for expectation in &progress.expectations {
            if let Some((port, outside)) = self.foretell(packet, expectation) {
                named.push((port, outside));
            }
        }
        if !is_translated || progress.texts.is_empty() {
            return Ok(None);
        }
        let payload = packet.packet.payload_of(packet.bytes);
        Ok(rewrite_message(payload, &progress.texts, |text| self.say(packet, text, &named)))
    }

    /// Waits for an announced connection. What its receiver has to call it, where it is called otherwise:
    /// the port that was named, and address and port outside.
    fn foretell(&mut self, packet: &Blocked<'_>, expectation: &Expectation) -> Option<(u16, (IpAddr, u16))> {
        let slot = packet.hit.slot;
        let speaks = expectation.speaker;
        let keys = self.table.keys(slot);
        // Packets of one direction leave as the answers of the other arrive, turned round.
        let (arriving, answers) = (keys[speaks.index()], keys[speaks.reverse().index()]);
        let own = (arriving.addresses().source(), arriving.source_port());
        let predicted = expectation.resolve(own, arriving.addresses().destination()).ok()?;
        let session = self.table.get(slot);
        let is_translated = session.flags.has(SessionFlags::TRANSLATED);
        let parent = Parent { slot, id: session.id, start: session.start, nat_rule: session.nat_rule };
        let is_source_translated = answers.addresses().destination() != own.0;
        if is_source_translated && !expectation.is_rewritable {
            return None;
        }
        let number = match expectation.transport {
            Transport::Tcp => protocol::TCP,
            Transport::Udp => protocol::UDP,
        };
        // The port that the speaker speaks from has its name outside already.
        let port = expectation.port.unwrap_or(answers.destination_port());
        let mut outside = (answers.addresses().destination(), port);
        let mut taken = None;
        if is_source_translated && speaks == Direction::ClientToServer && expectation.port.is_some() {
            let peer = (answers.addresses().source(), answers.source_port());
            let given = self.take_port(&parent, number, (own.0, predicted.destination_port), peer)?;
            outside = (given.translation.source, given.translation.source_port);
            taken = Some(given);
        }
        // Where the peer itself is hidden from the speaker by a pool, the pool gives it a port when it comes.
        let is_peer_pooled = is_translated && speaks == Direction::ServerToClient;
        let prediction = Prediction {
            app: predicted.app,
            parent,
            destination: (predicted.destination, predicted.destination_port),
            source: (!is_peer_pooled).then_some(predicted.source),
            taken,
            deadline: self.now.after_secs(predicted.lifetime),
        };
        let key = PredictionKey {
            zone: answers.zone().0,
            protocol: number,
            source: answers.addresses().source(),
            destination: outside.0,
            destination_port: outside.1,
        };
        if self.foretold.by_key.len() >= PREDICTIONS_MAX {
            self.release_taken(taken);
            return None;
        }
        self.look_at(prediction.deadline);
        self.claim_foretold(key, prediction.deadline);
        if let Some(old) = self.foretold.insert(key, prediction) {
            self.release_taken(old.taken);
        }
        Some((predicted.destination_port, outside))
    }

    /// Takes a port from the pool of the parent's NAT rule for an end inside.
    fn take_port(
        &mut self,
        parent: &Parent,
        number: u8,
        inside: (IpAddr, u16),
        peer: (IpAddr, u16),
    ) -> Option<Translated> {
        let request = NatRequest {
            rule: NatRuleId(parent.nat_rule.into()),
            is_reverse: false,
            protocol: number,
            source: inside.0,
            source_port: inside.1,
            destination: peer.0,
            destination_port: peer.1,
        };
        let translation = self.nat.allocate(self.now, &request, peer, |_| true).ok()?;
        Some(Translated {
            rule: request.rule,
            protocol: number,
            source: inside.0,
            source_port: inside.1,
            translation,
        })
    }

    /// How the receiver has to be told of an address and port of the speaker's side.
    fn say(
        &self,
        packet: &Blocked<'_>,
        text: &Text,
        named: &[(u16, (IpAddr, u16))],
    ) -> Option<(IpAddr, Option<u16>)> {
        let keys = self.table.keys(packet.hit.slot);
        let direction = packet.hit.direction;
        let (arriving, answers) = (keys[direction.index()], keys[direction.reverse().index()]);
        let (own, peer) = (arriving.addresses().source(), arriving.addresses().destination());
        let address = text.address.unwrap_or(own);
        let announced = text.port.and_then(|port| named.iter().find(|(known, _)| *known == port));
        if address == own {
            let outside = answers.addresses().destination();
            return Some(match (announced, text.port) {
                (Some((_, (address, port))), _) => (*address, Some(*port)),
                (None, Some(port)) if port == arriving.source_port() => {
                    (outside, Some(answers.destination_port()))
                }
                (None, port) => (outside, port),
            });
        }
        if address == peer {
            let port = text
                .port
                .map(|port| if port == arriving.destination_port() { answers.source_port() } else { port });
            return Some((answers.addresses().source(), port));
        }
        None
    }

    /// The prediction that a packet without session fulfils; it is taken out.
    pub(crate) fn take_prediction(&mut self, key: &FlowKey) -> Option<Prediction> {
        if self.foretold.is_empty() {
            return None;
        }
        self.foretold.remove(&PredictionKey::of(key))
    }

    /// Whether a packet with this key begins a connection that is waited for.
    pub(crate) fn is_foretold(&self, key: &FlowKey) -> bool {
        !self.foretold.is_empty() && self.foretold.has(&PredictionKey::of(key))
    }

    /// Gives up the connections that were waited for in vain.
    pub(crate) fn forget_late_predictions(&mut self) {
        while let Some(late) = self.foretold.pop_due(self.now) {
            self.release_taken(late.taken);
        }
    }

    /// Gives back a port that was taken for a prediction.
    pub(crate) fn release_taken(&mut self, taken: Option<Translated>) {
        if let Some(taken) = taken {
            self.nat.release(self.now, &taken);
        }
    }

    /// Whether the session that announced another is still there.
    pub(crate) fn is_alive(&self, parent: &Parent) -> bool {
        let session = self.table.slot(parent.slot);
        session.is_some_and(|session| session.state != State::Init && session.id == parent.id)
    }

    /// The packet's numbers as its receiver's own: a session whose payload changed in length on the way is
    /// tracked in the numbers of the sender of each direction.
    pub(crate) fn unshifted(&self, slot: u32, direction: Direction, packet: &Packet) -> Packet {
        let mut packet = *packet;
        if packet.tcp.flags.has(TcpFlags::ACK)
            && let Some(edits) = self.edits(slot)
        {
            let acknowledged = edits[direction.reverse().index()].acknowledged(packet.tcp.acknowledgement);
            packet.tcp.acknowledgement = acknowledged;
        }
        packet
    }

    /// What was replaced in a session's two directions.
    pub(crate) fn edits(&self, slot: u32) -> Option<&[StreamEdits; 2]> {
        self.notes_of(slot)?.edits.as_deref()
    }

    /// Notes that `payload` leaves instead of a segment's own; false when it cannot.
    pub(crate) fn edit(&mut self, slot: u32, direction: Direction, packet: &Packet, payload: &[u8]) -> bool {
        self.table.get_mut(slot).flags.set(SessionFlags::SHIFTED, true);
        let edits = self.notes_of_mut(slot).edits.get_or_insert_with(Box::default);
        edits[direction.index()].replace(packet.tcp.sequence, packet.payload_length, payload)
    }
}
