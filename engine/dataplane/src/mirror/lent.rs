//! Sessions that one device of an active/active pair sets up and the other one owns.
//!
//! ```text
//!  owner                                              setup device
//!  first packet ── setup request ───────────────────► way, address translation, rule
//!                                                     lent copy: silent, with a deadline
//!  own session ◄── setup reply: packet, description ──┘        │
//!       └── Created ── HA2 ───────────────────────────────────►│ a copy like any other
//!                                                              │ or nothing is told in time:
//!                                                              ▼ it goes, and its port with it
//! ```

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use bifrons_model::{SessionId, Timestamp};
use bifrons_session::SessionFlags;

use super::MirrorItem;
use crate::{EventKind, Outbox, Worker};

/// How long a session is lent when its owner tells nothing of it: the reply was lost, or the owner has died.
const LENT_FOR: Duration = Duration::from_secs(10);

/// The sessions of the other device that were set up here and of which it has told nothing yet.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    until: BTreeMap<SessionId, Timestamp>,
    by_time: BTreeSet<(Timestamp, SessionId)>,
}

impl Lent {
    fn lend(&mut self, id: SessionId, until: Timestamp) {
        self.forget(id);
        self.until.insert(id, until);
        self.by_time.insert((until, id));
    }

    /// The session is no lent one any more.
    pub fn forget(&mut self, id: SessionId) {
        if let Some(until) = self.until.remove(&id) {
            self.by_time.remove(&(until, id));
        }
    }

    /// Nothing is lent: who would tell of it is dead.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// When the first runs out.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(until, _)| *until)
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<SessionId> {
        let (until, id) = self.by_time.first().copied().filter(|(until, _)| *until <= now)?;
        self.by_time.remove(&(until, id));
        self.until.remove(&id);
        Some(id)
    }
}

impl Worker {
    /// Lends a new session to the other device.
    pub(crate) fn lend(&mut self, slot: u32) {
        self.table.give(slot, self.now);
        let until = self.now + LENT_FOR;
        self.mirroring.lent.lend(self.table.get(slot).id, until);
        self.look_at(until);
    }

    /// Lends a session once more to who asks again, and may not have got it. False for a copy that is older:
    /// its session has ended there.
    pub(crate) fn lends_again(&mut self, slot: u32) -> bool {
        let (id, start) = (self.table.get(slot).id, self.table.get(slot).start);
        if self.mirroring.lent.until.contains_key(&id) {
            self.lend(slot);
            return true;
        }
        start + LENT_FOR > self.now
    }

    /// Removes what was lent in vain.
    pub(crate) fn end_lent(&mut self) {
        while let Some(id) = self.mirroring.lent.pop_due(self.now) {
            if let Some(slot) = self.table.find_id(id)
                && self.table.get(slot).flags.has(SessionFlags::COPY)
            {
                self.remove_copy(slot);
            }
        }
    }

    /// Makes a session that the other device has set up this one's own; one that is here already stays as it
    /// is. Where that cannot be, nothing is made.
    pub(crate) fn take_lent(&mut self, item: &MirrorItem, outbox: &mut Outbox) {
        let Some(who) = item.who.as_ref().filter(|_| self.table.find_id(item.id).is_none()) else { return };
        let has_own = |key| {
            let found = self.table.find(key, self.table.hash(key));
            found.is_some_and(|hit| !self.table.get(hit.slot).flags.has(SessionFlags::COPY))
        };
        if who.keys.iter().any(has_own) || self.mirror_session(item, who).is_err() {
            self.mirroring.counters.refused += 1;
            return;
        }
        if let Some(slot) = self.table.find_id(item.id) {
            self.adopt(slot);
            // Nothing of it has happened at the other device.
            self.table.get_mut(slot).flags.set(SessionFlags::PEER, false);
            self.tell(slot, EventKind::Created, outbox);
        }
    }
}
