//! Copies of the other device's sessions: made, kept equal, removed, taken over.

use alloc::vec::Vec;
use core::time::Duration;

use bifrons_catalog::app;
use bifrons_inspect::{Opening, Shown};
use bifrons_model::{
    DeviceId, Direction, DropReason, SessionId, Subtype, Timestamp, Tracker, TrafficRecord, Volume,
};
use bifrons_session::{FlowKey, Hit, NO_NUMBER, NONE, Session, SessionFlags, tcp::Tracking};
use bifrons_wire::protocol;

use super::{
    Life, MirrorItem, NoteState, Who,
    controls::Controls,
    counts::{self, Counts},
    lent::Lent,
};
use crate::{ActiveActiveView, Outbox, Worker, close::Notes, gateway::Parent};

/// How long after a take-over TCP may begin in mid-connection.
const PICK_UP_FOR: Duration = Duration::from_secs(60);

/// What a worker keeps for the other device.
#[derive(Default)]
pub(crate) struct Mirroring {
    /// Until when TCP may begin in mid-connection.
    pub pick_up_until: Timestamp,
    /// Whether the zones' settings of TCP are those of that time.
    pub has_loose_knobs: bool,
    pub counters: MirrorCounters,
    pub refreshed: Vec<u32>,
    /// Records of sessions that another one has taken the place of.
    pub records: Vec<TrafficRecord>,
    /// What the other device is to be told of once more: of what both had or have counted it knows less than
    /// this one, or does not know that it is this one's.
    pub again: Vec<SessionId>,
    /// The sessions that a join tells of, while it does.
    pub ids: Vec<SessionId>,
    forgotten: Vec<u32>,
    pub lent: Lent,
    pub counts: Counts,
    pub controls: Controls,
}

impl Mirroring {
    /// Whether there is something to be told, or logged, of what the other device has told.
    pub fn has_news(&self) -> bool {
        !self.again.is_empty() || !self.records.is_empty()
    }
}

/// What was done for the other device since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorCounters {
    /// Copies that were made.
    pub copies_made: u64,
    /// Copies that were removed because their owner said so, or did not tell of them in a join.
    pub copies_removed: u64,
    /// Copies whose port or address someone here had already.
    pub nat_conflicts: u64,
    /// Descriptions without the older texts that were replaced: of these the other device knows what they
    /// shift, and cannot send them again.
    pub edits_shortened: u64,
    /// What was refused (`MirrorRefusal`).
    pub refused: u64,
    /// Connections that began in the middle after a take-over.
    pub picked_up: u64,
}

/// Why nothing was made of what the other device told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorRefusal {
    /// The session table is full.
    #[error("session {0}: the session table is full")]
    TableFull(SessionId),
    /// A session of this device's own has this number, or these addresses and ports.
    #[error("session {0}: this device has a session of its own in its place")]
    Own(SessionId),
    /// Its zone or interface is not one of this device's configuration.
    #[error("session {0}: the other device runs a configuration with other zones or interfaces")]
    OtherConfiguration(SessionId),
}

impl Worker {
    /// Makes or changes what the other device has told of, as of `now`. False for a session that is not
    /// known here: one worker of several has it, or a join is needed.
    ///
    /// # Errors
    /// Why nothing was made of it.
    pub fn handle_mirrored(&mut self, now: Timestamp, item: &MirrorItem) -> Result<bool, MirrorRefusal> {
        self.move_clock(now);
        self.mirroring.lent.forget(item.id);
        if item.is_given {
            return Ok(self.take_given(item));
        }
        let is_yielded = !item.is_inherited && self.yield_session(item.id);
        if is_yielded && self.is_newer_here(item) {
            // The other device is to know first what has happened here.
            self.tell_again(item.id);
            return Ok(true);
        }
        let outcome = match &item.who {
            Some(who) if self.catches_up(item, who) => Ok(true),
            Some(who) => self.mirror_session(item, who).map(|()| true),
            None => self.with_copy(item.id, |worker, slot| worker.change_copy(slot, item)),
        };
        if outcome.is_err() {
            self.mirroring.counters.refused += 1;
            if !item.is_inherited {
                self.learn_apart(item);
            }
        } else if self.table.find_id(item.id).is_some_and(|slot| self.has_counted_more(slot, item)) {
            self.tell_again(item.id);
        }
        outcome
    }

    /// Removes the copy of a session that has ended, in silence; false where there is none.
    pub fn handle_mirrored_end(&mut self, id: SessionId) -> bool {
        self.yield_session(id);
        self.with_copy(id, Self::remove_copy).unwrap_or(false)
    }

    /// The other device is dead: its sessions are this one's from now on. Costs the same however many they
    /// are. The caller lets the worker forward (`set_pair_view`).
    pub fn handle_take_over(&mut self, now: Timestamp) {
        self.move_clock(now);
        self.mirroring.lent.clear();
        self.table.take_over(self.now);
        self.mirroring.pick_up_until = self.now + PICK_UP_FOR;
        self.take_knobs();
        self.look_at(self.now);
    }

    /// The other device forwards from now on: this one's sessions become copies of that one's, and what has
    /// waited for a neighbor is lost. Looks at every session. The caller takes the worker's frames from it
    /// (`set_pair_view`).
    pub fn handle_stand_down(&mut self, now: Timestamp) {
        self.move_clock(now);
        self.table.set_mirrored(false);
        // What was told may be on its way yet, and what the other device tells meanwhile is older.
        let is_shared = self.pair.shared.is_some();
        let is_own = |slot: &u32| is_shared && !self.table.get(*slot).flags.has(SessionFlags::COPY);
        let counted: Vec<_> =
            self.table.slots().filter(is_own).map(|slot| (slot, self.counted_there(slot))).collect();
        self.table.stand_down(self.now);
        counted.into_iter().for_each(|(slot, there)| self.keep_counts(slot, there));
        for waiting in self.adjacencies.forget() {
            self.counters.drop(DropReason::HaNotActive, u64::from(waiting.frames));
        }
        self.count_held();
    }

    /// The other device lives and begins to tell of all its sessions.
    pub fn handle_join_begin(&mut self, now: Timestamp) {
        self.move_clock(now);
        self.table.begin_join();
    }

    /// It has told of all: copies that it has not told of are removed in silence, little by little.
    pub fn handle_join_end(&mut self, now: Timestamp) {
        self.move_clock(now);
        self.table.end_join();
        self.look_at(self.now);
    }

    /// Takes note of the highest number that the other device gave a session, whichever worker has that: the
    /// next one that this worker gives lies beyond.
    pub fn skip_session_ids(&mut self, given: SessionId) {
        self.table.skip_ids(given);
    }

    /// What was done for the other device.
    pub const fn mirror_counters(&self) -> &MirrorCounters {
        &self.mirroring.counters
    }

    /// A copy that a packet has found, or whose time has come, is this device's own from now on.
    #[cold]
    pub(crate) fn adopt(&mut self, slot: u32) {
        self.mirroring.lent.forget(self.table.get(slot).id);
        let there = self.counted_there(slot);
        self.table.adopt(slot, self.now);
        self.keep_counts(slot, there);
    }

    /// The other device tells of a session that it takes for this one's. Whether it is here.
    fn take_given(&mut self, item: &MirrorItem) -> bool {
        let Some(slot) = self.table.find_id(item.id) else { return false };
        if !self.table.get(slot).flags.has(SessionFlags::COPY) {
            self.learn_apart(item);
            return true;
        }
        let is_inherited = !self.table.is_copy(slot);
        self.change_copy(slot, item);
        // Each takes it for the other one's: nobody would end it.
        let owns =
            |view: ActiveActiveView| view.device == DeviceId::Zero && view.device.of_two(view.can_work);
        if self.table.is_copy(slot) && (is_inherited || self.pair.shared.is_some_and(owns)) {
            self.adopt(slot);
            self.tell_again(item.id);
        }
        true
    }

    /// Learns what the other device has seen of a session of this one's: the segments are no reason to drop
    /// those that come here now, it does not end while packets come there, and they are logged. That one is
    /// told again, so that it knows whose the session is.
    fn learn_apart(&mut self, item: &MirrorItem) {
        let Some(slot) = self.table.find_id(item.id).filter(|_| self.pair.shared.is_some()) else { return };
        if item.who.as_ref().is_some_and(|who| self.table.keys(slot) != who.keys) {
            return;
        }
        self.learn_counts(slot, item);
        if item.life.idle < self.table.idle(slot, self.now) {
            let session = self.table.get_mut(slot);
            session.last_packet = self.now - Duration::from_millis(item.life.idle.into());
            if let Some(image) = item.life.tcp.filter(|_| session.protocol() == protocol::TCP) {
                session.tcp = Tracking::from_image(&image);
            }
        }
        self.tell_again(item.id);
    }

    fn tell_again(&mut self, id: SessionId) {
        self.mirroring.again.push(id);
        self.look_at(self.now);
    }

    /// Of an active/passive pair both may have led while they could not reach each other. A session that went
    /// on at the other device goes on here with what is known there.
    fn catches_up(&mut self, item: &MirrorItem, who: &Who) -> bool {
        // What the other device has only inherited did not go on there: its idle time is an old one.
        let may = self.pair.forwards && self.pair.shared.is_none() && !item.is_inherited;
        let Some(slot) = self.table.find_id(item.id).filter(|_| may) else { return false };
        let is_own = !self.table.get(slot).flags.has(SessionFlags::COPY);
        if !is_own || self.table.keys(slot) != who.keys || item.life.idle >= self.table.idle(slot, self.now) {
            return false;
        }
        self.table.give(slot, self.now);
        self.free_inspection(slot);
        self.change_copy(slot, item);
        self.adopt(slot);
        true
    }

    /// Two devices may take a session for their own after they could not reach each other: then device 0
    /// keeps it, and here it becomes the copy. Whether it does so now.
    fn yield_session(&mut self, id: SessionId) -> bool {
        let yields = self.pair.shared.is_some_and(|view| view.device == DeviceId::One);
        if yields
            && let Some(slot) = self.table.find_id(id)
            && !self.table.get(slot).flags.has(SessionFlags::COPY)
            && self.table.get(slot).is_mirrorable()
        {
            let there = self.counted_there(slot);
            self.table.give(slot, self.now);
            self.keep_counts(slot, there);
            return true;
        }
        false
    }

    /// Whether packets of a session have come here since the last that the other device has seen.
    fn is_newer_here(&self, item: &MirrorItem) -> bool {
        self.table.find_id(item.id).is_some_and(|slot| self.table.idle(slot, self.now) < item.life.idle)
    }

    /// Removes copies that the last join has left out.
    pub(crate) fn forget_copies(&mut self, budget: usize) {
        if !self.table.is_forgetting() {
            return;
        }
        let mut forgotten = core::mem::take(&mut self.mirroring.forgotten);
        self.table.forgotten(budget, &mut forgotten);
        for slot in forgotten.drain(..) {
            // Whoever told of all may not have had the answer to its request yet.
            if !self.mirroring.lent.has(self.table.get(slot).id) {
                self.remove_copy(slot);
            }
        }
        self.mirroring.forgotten = forgotten;
    }

    /// Whether TCP may begin in mid-connection at the moment, for it was another device's until lately.
    pub(crate) fn picks_up(&self) -> bool {
        self.now < self.mirroring.pick_up_until
    }

    fn with_copy(&mut self, id: SessionId, act: impl FnOnce(&mut Self, u32)) -> Result<bool, MirrorRefusal> {
        let Some(slot) = self.table.find_id(id) else { return Ok(false) };
        if !self.table.get(slot).flags.has(SessionFlags::COPY) {
            return Err(MirrorRefusal::Own(id));
        }
        act(self, slot);
        Ok(true)
    }

    fn change_copy(&mut self, slot: u32, item: &MirrorItem) {
        match &item.notes {
            Some(notes) => self.apply_notes(slot, notes),
            // Who tells everything tells only of notes that are there.
            None if item.who.is_some() => self.apply_notes(slot, &NoteState::default()),
            None => {}
        }
        self.apply_life(slot, &item.life);
        self.learn_counts(slot, item);
        if let Some(shown) = &item.shown {
            self.show_copy(slot, shown);
        }
    }

    pub(super) fn mirror_session(&mut self, item: &MirrorItem, who: &Who) -> Result<(), MirrorRefusal> {
        let id = item.id;
        let names = self.policy.names();
        let is_known = who.keys.iter().all(|key| key.zone().index() < names.zones.len())
            && [who.interface_in, who.interface_out]
                .iter()
                .all(|interface| interface.index() < names.interfaces.len());
        if !is_known {
            return Err(MirrorRefusal::OtherConfiguration(id));
        }
        self.table.skip_ids(id);
        let slot = match self.table.find_id(id) {
            Some(slot) if !self.table.get(slot).flags.has(SessionFlags::COPY) => {
                return Err(MirrorRefusal::Own(id));
            }
            Some(slot) if self.table.keys(slot) == who.keys => {
                // What it was shown here may be more than the new owner knows of.
                self.free_inspection(slot);
                slot
            }
            other => {
                other.into_iter().for_each(|slot| self.remove_copy(slot));
                self.make_copy(item, who)?
            }
        };
        self.change_copy(slot, item);
        let session = self.table.get_mut(slot);
        session.start = who.start;
        (session.interface_in, session.interface_out) = (who.interface_in, who.interface_out);
        Ok(())
    }

    fn make_copy(&mut self, item: &MirrorItem, who: &Who) -> Result<u32, MirrorRefusal> {
        let [c2s, s2c] = &who.keys;
        let [client, mut server] = [self.displace(c2s, item)?, self.displace(s2c, item)?];
        // The answers' way is the second.
        server.reverse();
        let displaced = counts::sum(&client, &server);
        let mut session = Session::new(item.id, who.start);
        session.timeout = self.timeout_of(&item.life);
        let slot = self
            .table
            .insert_copy(session, (c2s, s2c), self.now, item.life.idle)
            .map_err(|_| MirrorRefusal::TableFull(item.id))?;
        self.counters.sessions_created += 1;
        self.mirroring.counters.copies_made += 1;
        let is_translated = *s2c != c2s.reversed(s2c.zone());
        let session = self.table.get_mut(slot);
        session.flags.set(SessionFlags::TRANSLATED, is_translated);
        session.nat_rule = short_number(who.nat_rule);
        session.flags.set(SessionFlags::NAT_TAKEN, who.has_taken);
        self.reserve_translation(slot);
        if let Some(notes) = &item.notes {
            self.reserve_announced(slot, notes);
        }
        if displaced != <[Volume; 2]>::default() {
            self.begin_counts(slot, displaced);
        }
        self.claim_session(slot, true);
        self.follow_pressure();
        Ok(slot)
    }

    /// Another copy with this key is one whose end was not told. An own session stays, but for one that both
    /// devices of an active/active pair have begun, each from a packet of its own: device 0 keeps its. What
    /// was counted here of such a session, in the key's direction and the other one.
    fn displace(&mut self, key: &FlowKey, item: &MirrorItem) -> Result<[Volume; 2], MirrorRefusal> {
        let nothing = <[Volume; 2]>::default();
        let Some(Hit { slot, direction }) = self.table.find(key, self.table.hash(key)) else {
            return Ok(nothing);
        };
        let is_copy = self.table.get(slot).flags.has(SessionFlags::COPY);
        if !is_copy && (item.is_inherited || !self.yield_session(self.table.get(slot).id)) {
            return Err(MirrorRefusal::Own(item.id));
        }
        let mut counted = if is_copy { nothing } else { self.counted_here(slot) };
        // What was logged already, or never is, takes no counts.
        let flags = SessionFlags::default().with_portable(item.life.flags);
        if !is_copy && (flags.has(SessionFlags::LOGGED) || !flags.has(SessionFlags::LOG_END)) {
            self.log_displaced(slot);
            counted = nothing;
        }
        if direction == Direction::ServerToClient {
            counted.reverse();
        }
        self.remove_copy(slot);
        Ok(counted)
    }

    /// Logs a session of this device's own that another one takes the place of.
    fn log_displaced(&mut self, slot: u32) {
        let session = self.table.get_mut(slot);
        session.causes.add(Tracker::AgedOut);
        if !session.flags.has(SessionFlags::LOG_END) || session.flags.has(SessionFlags::LOGGED) {
            return;
        }
        let mut outbox = Outbox::default();
        self.write_record(slot, Subtype::End, self.now, &mut outbox);
        self.mirroring.records.append(&mut outbox.records);
        self.look_at(self.now);
    }

    /// Keeps what a copy has taken from a pool from being given here.
    fn reserve_translation(&mut self, slot: u32) {
        let Some(translated) = self.translated(slot) else { return };
        if !self.nat.reserve(&translated) {
            // Whoever has it gives it back.
            self.table.get_mut(slot).flags.set(SessionFlags::NAT_TAKEN, false);
            self.mirroring.counters.nat_conflicts += 1;
        }
    }

    fn reserve_announced(&mut self, slot: u32, notes: &NoteState) {
        let Some(taken) = notes.taken else { return };
        if self.nat.reserve(&taken) {
            self.notes_of_mut(slot).taken = Some(taken);
        } else {
            self.mirroring.counters.nat_conflicts += 1;
        }
    }

    fn apply_notes(&mut self, slot: u32, state: &NoteState) {
        if state.is_empty() && self.notes_of(slot).is_none() {
            return;
        }
        let parent = state.parent.map(|parent| Parent {
            slot: self.table.find_id(parent.id).unwrap_or(NONE),
            id: parent.id,
            start: parent.start,
            nat_rule: parent.nat_rule,
        });
        let is_shifted = state.edits.is_some();
        let notes = self.notes_of_mut(slot);
        *notes = Notes {
            user: state.user,
            server_name: state.server_name.clone(),
            category: state.category,
            ja4: state.ja4,
            parent,
            taken: notes.taken,
            edits: state.edits.clone(),
            joining: None,
            forced: notes.forced,
            returns: notes.returns,
            is_news: false,
        };
        self.table.get_mut(slot).flags.set(SessionFlags::SHIFTED, is_shifted);
    }

    fn apply_life(&mut self, slot: u32, life: &Life) {
        let service = self.intern(life.service);
        let timeout = self.timeout_of(life);
        let session = self.table.get_mut(slot);
        session.generation = life.generation;
        session.rule = life.rule;
        session.app = life.app;
        session.state = life.state;
        session.action = life.action;
        session.action_source = life.action_source;
        session.flags = session.flags.with_portable(life.flags);
        session.causes = life.causes;
        session.handshake = life.handshake;
        session.timer = life.timer;
        session.service = service;
        session.timeout = timeout;
        if let Some(image) = &life.tcp {
            session.tcp = Tracking::from_image(image);
        }
        let is_over = session.flags.has(SessionFlags::INSPECTED);
        self.table.renew_copy(slot, self.now, life.idle);
        if is_over {
            self.free_inspection(slot);
        }
        self.note_control(slot);
        self.look_at(self.now);
    }

    fn timeout_of(&mut self, life: &Life) -> u32 {
        let service = self.intern(life.service);
        life.timeout.unwrap_or_else(|| self.timeout(life.timer, life.app, service))
    }

    /// Shows a copy's identification what the owner's was shown.
    fn show_copy(&mut self, slot: u32, shown: &Shown) {
        if self.table.get(slot).flags.has(SessionFlags::INSPECTED) {
            return;
        }
        let handle = match self.table.get(slot).inspection {
            NONE => self.begin_inspection(slot),
            handle => handle,
        };
        let limits = self.limits;
        let is_shown = match self.inspections.get_mut(handle) {
            Some(inspection) if shown.from != Shown::LOST => inspection.resume(shown, &limits),
            Some(_) | None => false,
        };
        if is_shown {
            return;
        }
        self.free_inspection(slot);
        if self.table.get(slot).app == app::UNDECIDED {
            // What comes is all that its identification will have.
            let opening = Opening { first_sequence: [None, None], ..self.opening_of(slot) };
            let handle = self.inspections.begin(opening, &self.signatures);
            self.table.get_mut(slot).inspection = handle;
        }
    }

    pub(crate) fn remove_copy(&mut self, slot: u32) {
        self.mirroring.lent.forget(self.table.get(slot).id);
        self.free_handles(slot);
        self.table.remove(slot);
        self.mirroring.counters.copies_removed += 1;
        self.follow_pressure();
    }
}

fn short_number(rule: Option<bifrons_model::NatRuleId>) -> u16 {
    rule.and_then(|rule| u16::try_from(rule.0).ok()).unwrap_or(NO_NUMBER)
}
