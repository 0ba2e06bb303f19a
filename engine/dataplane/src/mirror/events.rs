//! What is told of own sessions, and when.

use alloc::vec::Vec;

use bifrons_inspect::Shown;
use bifrons_model::{SessionId, Timestamp};
use bifrons_policy::NatOwner;
use bifrons_session::{NONE, SessionFlags};

use super::{SessionState, wire};
use crate::{Outbox, PairView, Worker};

/// Replaced bytes of a direction that are told where there is no room for all, the first that has.
const EDITS_IN_LITTLE_ROOM: [usize; 4] = [512, 256, 64, 0];

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
pub enum EventKind {
    /// It is new.
    Created,
    /// Its state, application, rule, timer or notes are others, its identification was shown more, or packets
    /// came and a quarter of its timeout is over.
    Changed,
    /// It has ended.
    Ended,
}

/// How much of a session is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Everything: for a session that the other device does not have, or that a join comes to.
    Whole,
    /// What changes, and what of notes and identification was not told yet.
    News,
}

/// What was appended for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing: it is gone, or never told of.
    Gone,
    /// All there is to tell.
    All,
    /// What had room; `Telling::News` is wanted once more.
    Part,
}

impl Worker {
    /// Gives the worker its part in a pair. The first call with another device looks at every session.
    pub fn set_pair_view(&mut self, view: PairView) {
        self.pair = view;
        self.nat_owner = view.shared.map_or(NatOwner::ALONE, |shared| shared.nat_owner(shared.device));
        self.nat.set_other_half(view.shared.is_some_and(|shared| shared.has_peer_share));
        if view.shared.is_none() {
            // There is nobody who could tell of it.
            self.mirroring.lent.clear();
        }
        if !view.forwards || view.mirrors {
            self.table.set_mirrored(view.mirrors);
        } else {
            self.table.stop_telling();
        }
        if view.shared.is_some_and(|shared| shared.device.peer().of_two(shared.can_work)) {
            self.table.know_owner();
        }
    }

    /// Appends what the other device is to know of a session, as it is now, in at most `room` bytes; below
    /// 512 there is not always room for a whole session.
    pub fn encode_mirrored(
        &mut self,
        id: SessionId,
        telling: Telling,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Told {
        let Some(slot) = self.table.find_id(id) else { return Told::Gone };
        if !self.table.get(slot).is_mirrorable() {
            return Told::Gone;
        }
        let is_whole = telling == Telling::Whole;
        let has_news = self.notes_of(slot).is_some_and(|notes| notes.is_news);
        let start = out.len();
        let mut item = self.read_item(slot, is_whole, is_whole || has_news);
        let mut length = item.encode_into(self.now, out);
        // Texts that were replaced may be long; all else fits. The older ones count by their shift then.
        for most in EDITS_IN_LITTLE_ROOM {
            let Some(edits) = item.notes.as_mut().and_then(|notes| notes.edits.as_mut()) else { break };
            if length <= room {
                break;
            }
            self.mirroring.counters.edits_shortened += u64::from(most == EDITS_IN_LITTLE_ROOM[0]);
            edits.iter_mut().for_each(|edits| *edits = edits.recent(most));
            out.truncate(start);
            length = item.encode_into(self.now, out);
        }
        if has_news {
            self.notes_of_mut(slot).is_news = false;
        }
        self.append_shown(slot, is_whole, (start, room.saturating_sub(length)), out)
    }

    /// The sessions whose packets the other device does not know the number of. Looks at every session.
    pub fn untold_sessions(&self) -> impl Iterator<Item = SessionId> {
        self.table.untold()
    }

    /// The numbers of the sessions that a join tells of, ascending, above `after`, at most `limit`. With
    /// `None` the sessions are counted anew; those made meanwhile are told of by events.
    pub fn next_session_ids(&mut self, after: Option<SessionId>, limit: usize, out: &mut Vec<SessionId>) {
        let is_told = |slot: &u32| self.table.get(*slot).is_mirrorable() && !self.table.is_copy(*slot);
        if after.is_none() {
            let mut ids = core::mem::take(&mut self.mirroring.ids);
            ids.clear();
            ids.extend(self.table.slots().filter(is_told).map(|slot| self.table.get(slot).id));
            ids.sort_unstable();
            self.mirroring.ids = ids;
        }
        let ids = &self.mirroring.ids;
        let from = after.map_or(0, |after| ids.partition_point(|id| *id <= after));
        out.extend(ids.iter().skip(from).take(limit));
        if from >= ids.len() {
            self.mirroring.ids = Vec::new();
        }
    }

    /// Adds what the identification was shown to the item that begins at `start`.
    fn append_shown(
        &mut self,
        slot: u32,
        is_whole: bool,
        (start, room): (usize, usize),
        out: &mut Vec<u8>,
    ) -> Told {
        let handle = self.table.get(slot).inspection;
        let is_over = self.table.get(slot).flags.has(SessionFlags::INSPECTED);
        let Some(inspection) = self.inspections.get_mut(handle).filter(|_| handle != NONE && !is_over) else {
            return Told::All;
        };
        let Some(room) = room.checked_sub(wire::SHOWN_HEAD_MAX).filter(|room| *room > 0) else {
            return if is_whole || inspection.has_more_to_tell() { Told::Part } else { Told::All };
        };
        let shown = if inspection.has_journal() {
            inspection.tell(is_whole, room)
        } else {
            // It began before there was another device.
            is_whole.then(|| Shown { from: Shown::LOST, bytes: Vec::new() })
        };
        let has_more = inspection.has_more_to_tell();
        if let Some(shown) = shown {
            wire::put_shown(&shown, start, out);
        }
        if has_more { Told::Part } else { Told::All }
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
            self.mirroring.again.clear();
            return;
        }
        let mut refreshed = core::mem::take(&mut self.mirroring.refreshed);
        self.table.take_refreshed(&mut refreshed);
        for slot in refreshed.drain(..) {
            self.tell_peer(slot, EventKind::Changed, outbox);
        }
        self.mirroring.refreshed = refreshed;
        let again = self.mirroring.again.drain(..);
        outbox.session_events.extend(again.map(|id| SessionEvent { id, kind: EventKind::Changed }));
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
