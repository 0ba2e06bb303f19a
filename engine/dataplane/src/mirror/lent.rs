//! Sessions that one device of an active/active pair sets up and the other one owns.
//!
//! ```text
//!  owner                                              setup device
//!  first packet ── setup request ───────────────────► way, address translation, rule
//!                                                     lent copy: silent, with a deadline
//!  own session ◄── setup reply: packet, description ──┘        │
//!       └── Created ── HA2 ───────────────────────────────────►│ a copy like any other
//!                                                              │ or HA2 works and nothing is told:
//!                                                              ▼ it goes, and its port with it
//! ```
//!
//! While HA2 is silent the owner may well use the session: then its port stays taken, unless the owner is
//! dead, and the session is this device's.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use bifrons_model::{SessionId, Timestamp};
use bifrons_session::SessionFlags;

use super::MirrorItem;
use crate::{EventKind, Outbox, Worker};

/// How long a session is lent when its owner, whom this device hears, tells nothing of it: the reply was
/// lost, or the session refused. What is told comes 200 ms after HA2 works again.
const LENT_FOR: Duration = Duration::from_secs(10);
/// HA2 was silent when nothing came for so long; devices that both forward say something every 2 s.
const SILENCE: Duration = Duration::from_secs(5);
/// One in so many sessions of a full table may be lent; of more the oldest goes.
const LENT_PART: usize = 8;

/// The sessions of the other device that were set up here and of which it has told nothing yet.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    until: BTreeMap<SessionId, Timestamp>,
    by_time: BTreeSet<(Timestamp, SessionId)>,
    /// Since when the other device is heard without a silence, and when it was last heard.
    heard: Option<[Timestamp; 2]>,
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

    /// Whether a session is lent.
    pub fn has(&self, id: SessionId) -> bool {
        self.until.contains_key(&id)
    }

    fn hear(&mut self, at: Timestamp) {
        let since = self.heard.filter(|[_, last]| *last + SILENCE > at).map_or(at, |[since, _]| since);
        self.heard = Some([since, at]);
    }

    /// One that the other device would have told of by now.
    fn pop_due(&mut self) -> Option<SessionId> {
        let [since, last] = self.heard?;
        let (until, id) = self.by_time.first().copied()?;
        let is_due = until <= last && since + LENT_FOR <= last;
        is_due.then(|| self.forget(id)).map(|()| id)
    }

    /// The oldest where there are more than `most`.
    fn pop_beyond(&mut self, most: usize) -> Option<SessionId> {
        let (_, id) = self.by_time.first().copied().filter(|_| self.until.len() > most)?;
        self.forget(id);
        Some(id)
    }
}

impl Worker {
    /// Takes note that the other device was heard on HA2, after what it has told was handed in.
    pub fn handle_heard(&mut self, now: Timestamp) {
        self.move_clock(now);
        self.mirroring.lent.hear(now);
        while let Some(id) = self.mirroring.lent.pop_due() {
            self.end_lent(id);
        }
    }

    /// Lends a new session to the other device.
    pub(crate) fn lend(&mut self, slot: u32) {
        self.table.give(slot, self.now);
        self.mirroring.lent.lend(self.table.get(slot).id, self.now + LENT_FOR);
        let most = (self.table.capacity() / LENT_PART).max(1);
        if let Some(oldest) = self.mirroring.lent.pop_beyond(most) {
            self.end_lent(oldest);
        }
    }

    /// Lends a session once more to who asks again, and may not have got it. False for a copy that is older:
    /// its session has ended there.
    pub(crate) fn lends_again(&mut self, slot: u32) -> bool {
        let (id, start) = (self.table.get(slot).id, self.table.get(slot).start);
        if self.mirroring.lent.has(id) {
            self.lend(slot);
            return true;
        }
        start + LENT_FOR > self.now
    }

    /// Removes what was lent in vain.
    fn end_lent(&mut self, id: SessionId) {
        if let Some(slot) = self.table.find_id(id)
            && self.table.get(slot).flags.has(SessionFlags::COPY)
        {
            self.remove_copy(slot);
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
