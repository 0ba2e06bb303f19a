//! The sessions of the other device of a pair, and when that one is told of ours.
//!
//! ```text
//!            insert_copy             take_over           adopt: a packet, or the end
//! (nothing) ─────────────► copy ───────────────► orphan ─────────────────────────► own session
//!                           ▲                      │                                    │
//!                           └──────────────────────┴───────────── stand_down ───────────┘
//! ```
//!
//! A copy has no deadline while its owner lives. A take-over touches none of them: each copy has the number
//! of owners that had died before it was told of, and one whose owner is dead ends at the take-over's time
//! plus what was left of its timeout. The wheel looks at a copy whenever it would have ended had the owner
//! died the last time it looked, so it never comes too late.
//!
//! An own session comes up on the wheel once in a quarter of its timeout; when packets have come since it was
//! last told of, it is told of again. Packets themselves do nothing for this.

use alloc::vec::Vec;

use bifrons_model::{SessionId, Timestamp};
use core::time::Duration;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{
    FlowKey, Session, SessionFlags, SessionTable, State, TableFull,
    table::{tick_at_or_after, tick_at_or_before},
    tcp::Tracking,
};

/// A copy is looked at no more often than this, in ticks.
const LOOK_AT_COPY_MIN: u64 = 1_000;
/// An own session is told of no more often than this without a reason, in ticks.
const TELL_MIN: u64 = 250;
const MILLIS_PER_SECOND: u64 = 1_000;
/// What the ids of a new owner keep away from those that the old one has told of: it may have given more.
const ID_MARGIN: u32 = 1 << 16;

/// What a table knows of the other device.
#[derive(Default)]
pub(crate) struct Mirror {
    /// Slots by session number, once there is another device.
    slots: Option<HashMap<u32, u32, FixedState>>,
    /// Whether own sessions are told of.
    tells: bool,
    /// When each owner died, in order.
    take_overs: Vec<Timestamp>,
    /// Whether nobody owns what is told of now: it is told of late.
    is_peer_gone: bool,
    join: u16,
    /// Own sessions to be told of because of the time that has passed.
    refreshed: Vec<u32>,
    /// Where the search for copies goes on that the last join has left out.
    sweep: Option<usize>,
}

impl Mirror {
    #[inline]
    pub fn add(&mut self, id: SessionId, slot: u32) {
        if let Some(slots) = &mut self.slots {
            slots.insert(id.0, slot);
        }
    }

    #[inline]
    pub fn remove(&mut self, id: SessionId, slot: u32) {
        if let Some(slots) = &mut self.slots
            && slots.get(&id.0) == Some(&slot)
        {
            slots.remove(&id.0);
        }
    }

    fn epoch(&self) -> u16 {
        let dead = self.take_overs.len() as u16;
        if self.is_peer_gone { dead.saturating_sub(1) } else { dead }
    }
}

/// How long the session was idle then, in whole milliseconds.
fn idle(session: &Session, now: Timestamp) -> u32 {
    u32::try_from(now.since(session.last_packet).as_millis()).unwrap_or(u32::MAX)
}

impl SessionTable {
    /// There is another device: sessions are found by their numbers from now on, and `tells` says whether
    /// `take_refreshed` has own ones that are to be told of. Looks at every session when it is called for
    /// the first time.
    pub fn set_mirrored(&mut self, tells: bool) {
        self.mirror.tells = tells;
        if self.mirror.slots.is_none() {
            let mut slots = HashMap::with_capacity_and_hasher(self.len(), FixedState::with_seed(0));
            slots.extend(self.slots().map(|slot| (self.get(slot).id.0, slot)));
            self.mirror.slots = Some(slots);
        }
    }

    /// Nobody is told of own sessions from now on.
    pub fn stop_telling(&mut self) {
        self.mirror.tells = false;
        self.mirror.refreshed = Vec::new();
    }

    /// The slot of the session with this number that the other device is told of, or tells of; `None`, too,
    /// where nobody has called `set_mirrored`. One that neither is told of may have the same number: the
    /// other device does not know which of its numbers are taken here.
    #[inline]
    pub fn find_id(&self, id: SessionId) -> Option<u32> {
        let slot = self.mirror.slots.as_ref()?.get(&id.0).copied()?;
        self.get(slot).is_mirrorable().then_some(slot)
    }

    /// Whether a session here has this number; false where nobody has called `set_mirrored`.
    pub(crate) fn is_number_taken(&self, id: SessionId) -> bool {
        self.mirror.slots.as_ref().is_some_and(|slots| slots.contains_key(&id.0))
    }

    /// Makes the copy of a session of the other device, which was idle for so many milliseconds.
    ///
    /// # Errors
    /// When the table is full.
    pub fn insert_copy(
        &mut self,
        mut session: Session,
        keys: (&FlowKey, &FlowKey),
        now: Timestamp,
        idle: u32,
    ) -> Result<u32, TableFull> {
        session.flags.set(SessionFlags::COPY, true);
        session.flags.set(SessionFlags::PEER, true);
        session.last_packet = now - Duration::from_millis(idle.into());
        session.told = idle;
        session.epoch = self.mirror.epoch();
        session.join = self.mirror.join;
        let look_at = now + Duration::from_millis(look_at_copy(&session));
        self.add(session, keys, now, look_at)
    }

    /// Takes note that a copy was told of anew; its timeout may be another.
    pub fn renew_copy(&mut self, slot: u32, now: Timestamp, idle: u32) {
        let (epoch, join) = (self.mirror.epoch(), self.mirror.join);
        let session = self.get_mut(slot);
        session.last_packet = now - Duration::from_millis(idle.into());
        session.told = idle;
        (session.epoch, session.join) = (epoch, join);
        let look_at = tick_at_or_before(now) + look_at_copy(session);
        if look_at < self.wheel.armed(slot) {
            self.wheel.remove(slot);
            self.wheel.insert(slot, look_at);
        }
    }

    /// Whether a slot holds the copy of a session whose owner lives.
    pub fn is_copy(&self, slot: u32) -> bool {
        let session = self.get(slot);
        session.flags.has(SessionFlags::COPY) && usize::from(session.epoch) >= self.mirror.take_overs.len()
    }

    /// How long a session has been idle, in milliseconds; a copy, when it was last told of.
    pub fn idle(&self, slot: u32, now: Timestamp) -> u32 {
        let session = self.get(slot);
        if session.flags.has(SessionFlags::COPY) { session.told } else { idle(session, now) }
    }

    /// The other device is dead: what it owned is this device's from now on. No session is touched. New
    /// numbers keep away from those that it has told of.
    pub fn take_over(&mut self, now: Timestamp) {
        if self.mirror.take_overs.len() >= usize::from(u16::MAX) {
            // The counter would come round.
            self.slots().collect::<Vec<_>>().into_iter().for_each(|slot| self.adopt(slot, now));
            self.mirror.take_overs.clear();
        }
        self.mirror.take_overs.push(now);
        self.mirror.is_peer_gone = true;
        // Under pressure the deadlines of what were copies lie sooner than the wheel knows.
        self.sweep = 0;
        let margin = ID_MARGIN.wrapping_mul(self.id_step);
        self.last_id = match self.last_id.wrapping_add(margin) {
            next if next < margin => self.first_id,
            next => next,
        };
    }

    /// Makes a copy this device's own: its timeout goes on from what was left when its owner died. Does
    /// nothing for an own session.
    pub fn adopt(&mut self, slot: u32, now: Timestamp) {
        let session = &mut self.sessions[slot as usize];
        if session.state == State::Init || !session.flags.has(SessionFlags::COPY) {
            return;
        }
        let since = self.mirror.take_overs.get(usize::from(session.epoch)).copied().unwrap_or(now);
        session.last_packet = since - Duration::from_millis(session.told.into());
        session.told = low_tick(session.last_packet);
        session.flags.set(SessionFlags::COPY, false);
    }

    /// The other device owns this one's sessions from now on: those that it has a copy of become copies.
    /// Looks at every session.
    pub fn stand_down(&mut self, now: Timestamp) {
        self.mirror.is_peer_gone = false;
        for slot in 0..self.sessions.len() as u32 {
            if self.sessions[slot as usize].state == State::Init || self.is_copy(slot) {
                continue;
            }
            self.adopt(slot, now);
            if self.get(slot).is_mirrorable() {
                self.give(slot, now);
            }
        }
    }

    /// Gives an own session to the other device, which lives: what is here becomes a copy of it.
    pub fn give(&mut self, slot: u32, now: Timestamp) {
        let (epoch, join) = (self.mirror.epoch(), self.mirror.join);
        let session = self.get_mut(slot);
        session.flags.set(SessionFlags::COPY, true);
        session.flags.set(SessionFlags::PEER, true);
        session.told = idle(session, now);
        (session.epoch, session.join) = (epoch, join);
        // Should it come back, much has been said meanwhile.
        session.tcp = Tracking::from_image(&session.tcp.image());
    }

    /// The other device works: what it tells of is its own from now on.
    pub const fn know_owner(&mut self) {
        self.mirror.is_peer_gone = false;
    }

    /// The other device lives and begins to tell of all that it owns.
    pub fn begin_join(&mut self) {
        self.mirror.is_peer_gone = false;
        self.mirror.join = self.mirror.join.wrapping_add(1);
        self.mirror.sweep = None;
    }

    /// It has told of everything: `forgotten` has the copies that it has not told of.
    pub fn end_join(&mut self) {
        self.mirror.sweep = Some(0);
    }

    /// The slots of copies that the last join has left out, out of at most `budget` sessions that are looked
    /// at; true when all were. The caller removes them.
    pub fn forgotten(&mut self, budget: usize, out: &mut Vec<u32>) -> bool {
        let Some(from) = self.mirror.sweep else { return true };
        let end = from.saturating_add(budget).min(self.sessions.len());
        for slot in from..end {
            let session = &self.sessions[slot];
            if session.state != State::Init && session.join != self.mirror.join && self.is_copy(slot as u32) {
                out.push(slot as u32);
            }
        }
        self.mirror.sweep = (end < self.sessions.len()).then_some(end);
        self.mirror.sweep.is_none()
    }

    /// Whether `forgotten` has not looked at all sessions yet.
    pub const fn is_forgetting(&self) -> bool {
        self.mirror.sweep.is_some()
    }

    /// Takes note of a number that the other device has given: the next one that is given here lies beyond.
    pub fn skip_ids(&mut self, given: SessionId) {
        let ahead = given.0.wrapping_sub(self.last_id);
        if ahead.cast_signed() <= 0 {
            return;
        }
        let steps = given.0.saturating_sub(self.first_id).div_ceil(self.id_step);
        let id = steps.checked_mul(self.id_step).and_then(|distance| self.first_id.checked_add(distance));
        self.last_id = id.unwrap_or(self.first_id);
    }

    /// A new own session comes up for the first time after a quarter of its timeout; when that is.
    pub fn arm_telling(&mut self, slot: u32, now: Timestamp) -> Timestamp {
        let session = self.get_mut(slot);
        session.told = low_tick(session.last_packet);
        let look_at = tick_at_or_before(now) + quarter(session);
        if look_at < self.wheel.armed(slot) {
            self.wheel.remove(slot);
            self.wheel.insert(slot, look_at);
        }
        Timestamp::from_nanos(look_at.saturating_mul(crate::table::NANOS_PER_TICK))
    }

    /// Own sessions that have had packets since they were last told of. Looks at every session.
    pub fn untold(&self) -> impl Iterator<Item = SessionId> {
        let sessions = self.slots().map(|slot| self.get(slot));
        let is_untold = |session: &&Session| {
            session.is_mirrorable()
                && !session.flags.has(SessionFlags::COPY)
                && low_tick(session.last_packet) != session.told
        };
        sessions.filter(is_untold).map(|session| session.id)
    }

    /// Own sessions that are to be told of because packets came since they last were.
    pub fn take_refreshed(&mut self, out: &mut Vec<u32>) {
        out.append(&mut self.mirror.refreshed);
    }

    /// When a copy ends: never while its owner lives.
    #[cold]
    pub(crate) fn deadline_of_copy(&self, session: &Session) -> Timestamp {
        match self.mirror.take_overs.get(usize::from(session.epoch)) {
            None => Timestamp::MAX,
            Some(died) => {
                let last_packet = *died - Duration::from_millis(session.told.into());
                self.pressure.deadline_after(last_packet, session.timeout)
            }
        }
    }

    /// At which tick the wheel is to look at a session again that is not over yet.
    #[inline]
    pub(crate) fn look_again(&mut self, slot: u32, deadline: u64, now: u64) -> u64 {
        if self.mirror.slots.is_none() { deadline } else { self.look_again_with_peer(slot, deadline, now) }
    }

    fn look_again_with_peer(&mut self, slot: u32, deadline: u64, now: u64) -> u64 {
        let is_copy = self.is_copy(slot);
        let session = &mut self.sessions[slot as usize];
        if is_copy {
            return now + look_at_copy(session);
        }
        if !self.mirror.tells || !session.is_mirrorable() || session.flags.has(SessionFlags::COPY) {
            return deadline;
        }
        let latest = low_tick(session.last_packet);
        if latest != session.told {
            session.told = latest;
            self.mirror.refreshed.push(slot);
        }
        deadline.min(now + quarter(session))
    }
}

/// In how many ticks a copy would end if its owner died now.
fn look_at_copy(session: &Session) -> u64 {
    let timeout = u64::from(session.timeout) * MILLIS_PER_SECOND;
    timeout.saturating_sub(session.told.into()).max(LOOK_AT_COPY_MIN)
}

fn quarter(session: &Session) -> u64 {
    (u64::from(session.timeout) * MILLIS_PER_SECOND / 4).max(TELL_MIN)
}

fn low_tick(time: Timestamp) -> u32 {
    tick_at_or_after(time) as u32
}

#[cfg(test)]
mod tests;
