//! The end of a session and the record that says why.

use alloc::{boxed::Box, format};

use bifrons_catalog::{app, is_unidentified};
use bifrons_inspect::{Ja4, StreamEdits};
use bifrons_model::{
    AppId, CategoryId, Direction, EndReason, Flags, Handshake, HandshakeOutcome, InterfaceId, NatRuleId,
    SessionId, Subtype, Timestamp, Tracker, TrafficRecord, Translation, UserId, Volume, ZoneId,
};
use bifrons_policy::{Decision, Forward};
use bifrons_session::{FlowKey, NO_NUMBER, NONE, Session, SessionFlags, State, nat::Translated};
use bifrons_wire::{Packet, protocol};

use crate::{EventKind, Outbox, Worker, gateway::Parent, protection::Joining, stage::Return};

/// What only the log record and slow work need of a session.
#[derive(Default)]
pub(crate) struct Notes {
    pub server_name: Option<Box<str>>,
    pub user: UserId,
    /// Of the server's name; `None` while that may still be learnt.
    pub category: Option<CategoryId>,
    /// The session that foretold this one.
    pub parent: Option<Parent>,
    /// What was taken from a pool when it was foretold.
    pub taken: Option<Translated>,
    /// What was replaced in its payload, by direction.
    pub edits: Option<Box<[StreamEdits; 2]>>,
    /// The client's TLS fingerprint.
    pub ja4: Option<Ja4>,
    /// The way that a forwarding rule with a monitored path gave it.
    pub forced: Option<Forward>,
    /// Where its answers go, whatever routes say.
    pub returns: Option<Return>,
    /// The handshake that the firewall makes in place of both ends.
    pub joining: Option<Joining>,
    /// Something was noted that the other device of a pair was not told of.
    pub is_news: bool,
}

impl Worker {
    /// Writes the closing record of a session whose time is up and frees its handles; the slot is the
    /// caller's to free.
    pub(crate) fn close_aged(&mut self, slot: u32, outbox: &mut Outbox) {
        let deadline = self.table.deadline(slot);
        self.table.get_mut(slot).causes.add(Tracker::AgedOut);
        self.close(slot, deadline, outbox);
    }

    /// Ends a session before its time.
    pub(crate) fn close_now(&mut self, slot: u32, cause: Tracker, outbox: &mut Outbox) {
        self.table.get_mut(slot).causes.add(cause);
        self.close(slot, self.now, outbox);
        self.table.remove(slot);
    }

    fn close(&mut self, slot: u32, at: Timestamp, outbox: &mut Outbox) {
        self.adopt(slot);
        self.tell(slot, EventKind::Ended, outbox);
        let session = self.table.get(slot);
        if session.flags.has(SessionFlags::LOG_END) && !session.flags.has(SessionFlags::LOGGED) {
            self.write_record(slot, Subtype::End, at, outbox);
        }
        self.free_handles(slot);
    }

    /// Gives back what a session that ends holds beside its slot.
    pub(crate) fn free_handles(&mut self, slot: u32) {
        self.mirroring.counts.forget(self.table.get(slot).id);
        self.free_inspection(slot);
        self.claim_session(slot, false);
        self.reopenings.remove(&slot);
        let notes = core::mem::replace(&mut self.table.get_mut(slot).notes, NONE);
        let notes = self.notes.try_remove(notes as usize);
        self.release_taken(notes.and_then(|notes| notes.taken));
        self.release_translation(slot);
        self.counters.sessions_ended += 1;
    }

    pub(crate) fn free_inspection(&mut self, slot: u32) {
        let handle = core::mem::replace(&mut self.table.get_mut(slot).inspection, NONE);
        self.inspections.end(handle);
    }

    /// What is noted of a session.
    pub(crate) fn notes_of(&self, slot: u32) -> Option<&Notes> {
        self.notes.get(self.table.get(slot).notes as usize)
    }

    /// What is noted of a session, to be added to.
    pub(crate) fn notes_of_mut(&mut self, slot: u32) -> &mut Notes {
        let handle = self.table.get(slot).notes as usize;
        let handle = if self.notes.contains(handle) { handle } else { self.notes.insert(Notes::default()) };
        self.table.get_mut(slot).notes = handle as u32;
        let notes = &mut self.notes[handle];
        notes.is_news = true;
        notes
    }

    /// Writes a record of a session as it stands.
    pub(crate) fn write_record(&mut self, slot: u32, subtype: Subtype, at: Timestamp, outbox: &mut Outbox) {
        self.sequence_number += 1;
        let session = self.table.get(slot);
        let key = self.table.keys(slot)[Direction::ClientToServer.index()];
        let app = self.app_to_log(session);
        let tracker = session.causes.decisive();
        let (source_port, destination_port) = logged_ports(&key);
        let notes = self.notes_of(slot);
        let parent = notes.and_then(|notes| notes.parent);
        outbox.records.push(TrafficRecord {
            subtype,
            session_id: session.id,
            sequence_number: self.sequence_number,
            generated: at,
            start: session.start,
            last_packet: session.last_packet,
            source: key.addresses().source(),
            destination: key.addresses().destination(),
            source_port,
            destination_port,
            protocol: key.protocol(),
            translation: self.translation(slot),
            nat_rule: (session.nat_rule != NO_NUMBER).then_some(NatRuleId(session.nat_rule.into())),
            source_user: notes.map_or(UserId(0), |notes| notes.user),
            category: notes.and_then(|notes| notes.category).unwrap_or_default(),
            parent_session: parent.map_or(SessionId(0), |parent| parent.id),
            parent_start: parent.map(|parent| parent.start),
            app,
            rule: session.rule,
            zone_from: session.zone_from(),
            zone_to: session.zone_to(),
            interface_in: session.interface_in,
            interface_out: session.interface_out,
            action: session.action,
            action_source: session.action_source,
            sent: session.volume[0],
            received: session.volume[1],
            end_reason: match subtype {
                Subtype::Start => EndReason::NotApplicable,
                Subtype::End | Subtype::Drop | Subtype::Deny => tracker.end_reason(),
            },
            tracker: if subtype == Subtype::Start { Tracker::None } else { tracker },
            handshake: session.handshake,
            flags: self.flags(session, app, &key),
            server_name: notes.and_then(|notes| notes.server_name.clone()),
            ja4: notes.and_then(|notes| notes.ja4).map(|ja4| format!("{ja4}").into_boxed_str()),
        });
    }

    /// The application, or the word for why there is none ("Manage custom or unknown applications").
    fn app_to_log(&self, session: &Session) -> AppId {
        let known = match self.inspections.get(session.inspection) {
            Some(inspection) if session.app == app::UNDECIDED => undecided_if_little(inspection.app_at_end()),
            _ => session.app,
        };
        if known != app::UNDECIDED && known != app::UNKNOWN_TCP {
            return known;
        }
        match session.protocol() {
            protocol::TCP if session.handshake.outcome() == HandshakeOutcome::Midstream => app::NON_SYN_TCP,
            protocol::TCP if !session.tcp.is_handshake_complete() => app::INCOMPLETE,
            protocol::TCP if !session.flags.has(SessionFlags::PAYLOAD) => app::INCOMPLETE,
            _ if known == app::UNKNOWN_TCP => known,
            _ => app::INSUFFICIENT_DATA,
        }
    }

    fn flags(&self, session: &Session, app: AppId, key: &FlowKey) -> Flags {
        debug_assert!(session.state != State::Init, "a free slot has nothing to log");
        let is_foreign_port = !is_unidentified(app)
            && !self.policy.application(app).is_default_port(key.protocol(), key.destination_port());
        let returns = self.notes.get(session.notes as usize).is_some_and(|notes| notes.returns.is_some());
        let facts = [
            (key.is_v6(), Flags::IPV6),
            (session.flags.has(SessionFlags::TRANSLATED), Flags::NAT),
            (session.flags.has(SessionFlags::IMPLICIT), Flags::IMPLICIT_DEPENDENCY),
            (is_foreign_port, Flags::NON_STANDARD_PORT),
            (returns, Flags::SYMMETRIC_RETURN),
        ];
        let set = facts.into_iter().filter(|(holds, _)| *holds);
        set.fold(Flags::default(), |flags, (_, flag)| flags.with(flag))
    }

    /// Addresses and ports after translation, where there is one.
    fn translation(&self, slot: u32) -> Option<Translation> {
        if !self.table.get(slot).flags.has(SessionFlags::TRANSLATED) {
            return None;
        }
        let reply = self.table.keys(slot)[Direction::ServerToClient.index()];
        let (destination_port, source_port) = logged_ports(&reply);
        Some(Translation {
            source: reply.addresses().destination(),
            source_port,
            destination: reply.addresses().source(),
            destination_port,
        })
    }

    /// The record of a session that never was, because the table is full: `cause` says whether it would have
    /// been allowed.
    pub(crate) fn refusal_record(
        &mut self,
        key: &FlowKey,
        interfaces: (InterfaceId, InterfaceId),
        (zone_to, cause): (ZoneId, Tracker),
        packet: &Packet,
        decision: &Decision,
    ) -> TrafficRecord {
        self.sequence_number += 1;
        let (source_port, destination_port) = logged_ports(key);
        TrafficRecord {
            subtype: Subtype::Drop,
            session_id: SessionId(0),
            sequence_number: self.sequence_number,
            generated: self.now,
            start: self.now,
            last_packet: self.now,
            source: key.addresses().source(),
            destination: key.addresses().destination(),
            source_port,
            destination_port,
            protocol: key.protocol(),
            translation: None,
            nat_rule: None,
            source_user: UserId(0),
            category: CategoryId(0),
            parent_session: SessionId(0),
            parent_start: None,
            app: app::NOT_APPLICABLE,
            rule: decision.rule,
            zone_from: key.zone(),
            zone_to,
            interface_in: interfaces.0,
            interface_out: interfaces.1,
            action: decision.action,
            action_source: decision.action_source,
            sent: Volume { packets: u64::from(packet.frames), bytes: u64::from(packet.wire_length) },
            received: Volume::default(),
            end_reason: cause.end_reason(),
            tracker: cause,
            handshake: Handshake::default(),
            flags: if key.is_v6() { Flags::IPV6 } else { Flags::default() },
            server_name: None,
            ja4: None,
        }
    }
}

/// The table of words for unidentified sessions says more precisely why there was too little data.
fn undecided_if_little(app: AppId) -> AppId {
    if app == app::INSUFFICIENT_DATA { app::UNDECIDED } else { app }
}

/// Logs show ports of TCP, UDP and SCTP; what stands in for them elsewhere is 0 there.
fn logged_ports(key: &FlowKey) -> (u16, u16) {
    match key.protocol() {
        protocol::ICMP | protocol::ICMPV6 => (0, 0),
        _ => (key.source_port(), key.destination_port()),
    }
}
