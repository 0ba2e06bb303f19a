//! What is told of own sessions, and when.

use alloc::vec::Vec;

use bifrons_inspect::Shown;
use bifrons_model::{SessionId, Timestamp};
use bifrons_session::NONE;

use super::{BatchContext, SessionState, wire};
use crate::{Outbox, PairView, Worker};

/// Something that the other device is to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionEvent {
    /// The session.
    pub id: SessionId,
    /// What has happened to it.
    pub kind: EventKind,
}

/// What has happened to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EventKind {
    /// It is new, or it is told of in a join: everything.
    Created = 1,
    /// Its state, application, rule or timer is another.
    Changed = 2,
    /// The same, and its notes are others: server's name, category, fingerprint, replaced texts.
    Noted = 3,
    /// Its identification was shown more payload.
    Inspected = 4,
    /// Packets came, and a quarter of its timeout is over.
    Refreshed = 5,
    /// It has ended.
    Ended = 6,
}

/// What became of an event in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The session is gone, or there is nothing to tell: nothing was added.
    Nothing,
    /// An item was added.
    Whole,
    /// An item was added; the rest of the session's journal wants another event of kind `Inspected`.
    More,
}

impl Worker {
    /// Gives the worker its part in a pair. The first call with another device looks at every session.
    pub fn set_pair_view(&mut self, view: PairView) {
        self.pair = view;
        if !view.forwards || view.mirrors {
            self.table.set_mirrored(view.mirrors);
        }
    }

    /// The worker's part in a pair.
    pub const fn pair_view(&self) -> PairView {
        self.pair
    }

    /// What an event says, for a batch with this context. The session may have changed further since: then
    /// that is told.
    pub fn encode_event(
        &mut self,
        event: &SessionEvent,
        context: &BatchContext,
        out: &mut Vec<u8>,
    ) -> Encoded {
        match event.kind {
            EventKind::Ended => {
                super::encode_end(event.id, out);
                Encoded::Whole
            }
            EventKind::Inspected => self.encode_inspection(event.id, false, out),
            EventKind::Created | EventKind::Changed | EventKind::Noted | EventKind::Refreshed => {
                let Some(state) = self.state_of(event.id) else { return Encoded::Nothing };
                wire::encode(&state, event.kind, context, out);
                Encoded::Whole
            }
        }
    }

    /// Everything of a session, whatever was told before: for a join.
    pub fn encode_whole(&mut self, id: SessionId, context: &BatchContext, out: &mut Vec<u8>) -> Encoded {
        let Some(state) = self.state_of(id) else { return Encoded::Nothing };
        wire::encode(&state, EventKind::Created, context, out);
        match self.encode_inspection(id, true, out) {
            Encoded::More => Encoded::More,
            Encoded::Whole | Encoded::Nothing => Encoded::Whole,
        }
    }

    /// The sessions that a join tells of, of at most `count` places of the table from `from` on; where to go
    /// on, `None` at the end. Sessions that are made meanwhile are told of by events.
    pub fn sessions_to_join(&self, from: u32, count: u32, out: &mut Vec<SessionId>) -> Option<u32> {
        let end = from.saturating_add(count);
        for slot in from..end {
            let session = self.table.slot(slot)?;
            if session.state != bifrons_session::State::Init
                && session.is_mirrorable()
                && !self.table.is_copy(slot)
            {
                out.push(session.id);
            }
        }
        Some(end)
    }

    fn encode_inspection(&mut self, id: SessionId, again: bool, out: &mut Vec<u8>) -> Encoded {
        let Some(slot) = self.table.find_id(id) else { return Encoded::Nothing };
        let handle = self.table.get(slot).inspection;
        if handle == NONE {
            return Encoded::Nothing;
        }
        let Some(inspection) = self.inspections.get_mut(handle) else { return Encoded::Nothing };
        let shown = if inspection.has_journal() {
            inspection.tell(again)
        } else {
            // It began before there was another device.
            again.then(|| Shown { from: Shown::LOST, entries: Vec::new() })
        };
        let Some(shown) = shown else { return Encoded::Nothing };
        wire::encode_shown(id, &shown, out);
        if inspection.has_more_to_tell() { Encoded::More } else { Encoded::Whole }
    }

    /// Leaves word of what happened to an own session.
    #[inline]
    pub(crate) fn tell(&mut self, slot: u32, kind: EventKind, outbox: &mut Outbox) {
        if self.pair.mirrors {
            self.tell_peer(slot, kind, outbox);
        }
    }

    #[cold]
    fn tell_peer(&mut self, slot: u32, kind: EventKind, outbox: &mut Outbox) {
        let session = self.table.get(slot);
        if !session.is_mirrorable() || self.table.is_copy(slot) {
            return;
        }
        outbox.session_events.push(SessionEvent { id: session.id, kind });
        if kind == EventKind::Created {
            let look_at = self.table.arm_telling(slot, self.now);
            self.look_at(look_at);
        }
    }

    /// Leaves word of sessions whose packets have been counted for a quarter of their timeout.
    pub(crate) fn tell_refreshed(&mut self, outbox: &mut Outbox) {
        if !self.pair.mirrors {
            return;
        }
        let mut refreshed = core::mem::take(&mut self.mirroring.refreshed);
        self.table.take_refreshed(&mut refreshed);
        for slot in refreshed.drain(..) {
            self.tell_peer(slot, EventKind::Refreshed, outbox);
        }
        self.mirroring.refreshed = refreshed;
    }

    /// What of a session is worth an event when it changes while a packet is looked into.
    pub(crate) fn mirrored_facts(&self, slot: u32) -> impl PartialEq + use<> {
        let session = self.table.get(slot);
        (session.app, session.rule, session.state, session.flags, session.causes, session.timer)
    }

    /// The state of a session as the other device is to know it; `None` for one that is not told of or not
    /// there. Sessions are found by number only with another device (`set_pair_view`).
    pub fn state_of(&self, id: SessionId) -> Option<SessionState> {
        let slot = self.table.find_id(id)?;
        self.table.get(slot).is_mirrorable().then(|| self.read_state(slot))
    }

    /// Moves the clock; a capture's may go back.
    pub(crate) fn move_clock(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }
}
