//! One worker's sessions: records, index, wheel and identity numbers behind one door.

use alloc::vec::Vec;

use bifrons_model::{Direction, SessionId, Timestamp, ZoneId};
use bifrons_wire::Addresses;

use crate::{
    HashSeed, Pressure,
    index::{Entry, Index},
    key::FlowKey,
    mirror::Mirror,
    session::{NONE, Session, SessionFlags, State},
    wheel::Wheel,
};

/// The sessions of one worker, at most `capacity` of them.
///
/// Capacity, expiry and eviction are three things: the capacity is fixed; sessions expire by their own
/// timers, sooner under `Pressure`; nothing is ever evicted to make room, a full table refuses.
pub struct SessionTable {
    pub(crate) sessions: Vec<Session>,
    /// Addresses of IPv6 sessions: both flows' source and destination.
    v6: Vec<[[u128; 2]; 2]>,
    free: Vec<u32>,
    free_v6: Vec<u32>,
    index: Index,
    pub(crate) wheel: Wheel,
    seed: HashSeed,
    capacity: usize,
    in_use: usize,
    pub(crate) last_id: u32,
    pub(crate) first_id: u32,
    pub(crate) id_step: u32,
    due: Vec<u32>,
    pub(crate) pressure: Pressure,
    /// Where the sweep that re-arms sessions under pressure goes on.
    pub(crate) sweep: usize,
    /// What concerns the other device of a pair.
    pub(crate) mirror: Mirror,
}

/// No session was made: the table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

/// A packet's session and the packet's way in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The session's slot.
    pub slot: u32,
    /// The packet's way.
    pub direction: Direction,
}

/// What the first look into the index found for a packet of a batch; to be confirmed when its turn comes,
/// as an earlier packet of the batch may have ended or made a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate(Option<Hit>);

impl Candidate {
    /// Whether the index knows nothing of the key: unless an earlier packet of the batch makes it, the
    /// packet opens a session.
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }
}

/// The wheel counts in milliseconds.
pub(crate) const NANOS_PER_TICK: u64 = 1_000_000;

/// The first tick that does not lie before `time`.
pub(crate) fn tick_at_or_after(time: Timestamp) -> u64 {
    time.as_nanos().div_ceil(NANOS_PER_TICK)
}

/// The last tick that does not lie after `time`.
pub(crate) fn tick_at_or_before(time: Timestamp) -> u64 {
    time.as_nanos() / NANOS_PER_TICK
}

impl SessionTable {
    /// For at most `capacity` sessions, 1 to 2^31 - 1; memory is used as sessions come.
    pub fn new(capacity: u32, seed: HashSeed) -> Self {
        let capacity = capacity.clamp(1, (1 << 31) - 1) as usize;
        Self {
            sessions: Vec::with_capacity(capacity),
            v6: Vec::new(),
            free: Vec::new(),
            free_v6: Vec::new(),
            index: Index::with_capacity(capacity),
            wheel: Wheel::with_capacity(capacity),
            seed,
            capacity,
            in_use: 0,
            last_id: 0,
            first_id: 1,
            id_step: 1,
            due: Vec::new(),
            pressure: Pressure::default(),
            sweep: 0,
            mirror: Mirror::default(),
        }
    }

    /// Takes a worker's share of what the device has: every `workers`th number, so that no two workers give
    /// one twice, and a part of the capacity, rounded up. To be called before the first session.
    pub fn share(&mut self, worker: u16, workers: u16) {
        self.capacity = self.capacity.div_ceil(usize::from(workers.max(1)));
        self.interleave(worker.into(), workers.max(1).into());
    }

    /// Gives of all numbers only every `places`th from now on, beginning at `place`, so that nobody at
    /// another place gives one of them. They lie beyond those given so far.
    pub fn interleave(&mut self, place: u32, places: u32) {
        let is_new = self.last_id.wrapping_add(self.id_step) == self.first_id;
        let given = SessionId(self.last_id);
        self.id_step = places.max(1);
        self.first_id = place.wrapping_add(1);
        // One step before the first.
        self.last_id = self.first_id.wrapping_sub(self.id_step);
        if !is_new {
            self.skip_ids(given);
        }
    }

    /// How many sessions there are.
    pub const fn len(&self) -> usize {
        self.in_use
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.in_use == 0
    }

    /// How many there can be.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// The session in `slot`.
    #[inline]
    pub fn get(&self, slot: u32) -> &Session {
        &self.sessions[slot as usize]
    }

    /// What is in `slot`, which may hold another session than it did, or none.
    pub fn slot(&self, slot: u32) -> Option<&Session> {
        self.sessions.get(slot as usize)
    }

    /// The session in `slot`, to be changed. Who changes its timeout calls `rearm`.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut Session {
        &mut self.sessions[slot as usize]
    }

    /// The slots of all sessions, in no useful order; for the operator's commands, not for packets.
    pub fn slots(&self) -> impl Iterator<Item = u32> {
        self.sessions
            .iter()
            .enumerate()
            .filter(|(_, session)| session.state != State::Init)
            .map(|(slot, _)| slot as u32)
    }

    /// The hash of a key.
    #[inline]
    pub fn hash(&self, key: &FlowKey) -> u64 {
        self.seed.hash(key)
    }

    /// Fetches what `candidate` reads.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Fetches where a session made for `packet_key`, whose answers come from `zone`, will put its other
    /// entry.
    pub fn prefetch_reply(&self, packet_key: &FlowKey, zone: ZoneId) {
        self.index.prefetch(self.seed.hash(&packet_key.reversed(zone)));
    }

    /// The session that the index suggests; its record is fetched but not read.
    #[inline]
    pub fn candidate(&self, hash: u64) -> Candidate {
        let found = self.index.candidates(hash).next();
        if let Some(Entry { slot, .. }) = found
            && let Some(session) = self.sessions.get(slot as usize)
        {
            session.prefetch();
        }
        Candidate(found.map(|Entry { slot, direction }| Hit { slot, direction }))
    }

    /// The session of `key`: the candidate when it is right, else what a full search finds.
    #[inline]
    pub fn confirm(&self, candidate: Candidate, key: &FlowKey, hash: u64) -> Option<Hit> {
        match candidate.0 {
            Some(hit) if self.is_at(hit, key) => Some(hit),
            _ => self.find(key, hash),
        }
    }

    /// The session of `key`.
    pub fn find(&self, key: &FlowKey, hash: u64) -> Option<Hit> {
        self.index
            .candidates(hash)
            .map(|Entry { slot, direction }| Hit { slot, direction })
            .find(|hit| self.is_at(*hit, key))
    }

    #[inline]
    fn is_at(&self, hit: Hit, key: &FlowKey) -> bool {
        let Some(session) = self.sessions.get(hit.slot as usize) else {
            return false;
        };
        if session.state == State::Init {
            return false;
        }
        let direction = hit.direction.index();
        if key.is_v6() {
            return session.keys[direction][1] == key.rest
                && self.v6.get(session.v6 as usize).is_some_and(|keys| keys[direction] == key.v6);
        }
        session.matches(direction, key)
    }

    /// Makes a session whose two flows are found by these keys, and arms its timer. The slot's number comes
    /// back.
    ///
    /// # Errors
    /// When the table is full.
    pub fn insert(
        &mut self,
        c2s: &FlowKey,
        s2c: &FlowKey,
        start: Timestamp,
        timeout: u32,
    ) -> Result<u32, TableFull> {
        if self.in_use >= self.capacity {
            return Err(TableFull);
        }
        let mut session = Session::new(self.next_id(), start);
        session.timeout = timeout;
        let deadline = self.pressure.deadline(&session);
        self.add(session, (c2s, s2c), start, deadline)
    }

    /// Puts a session into store, index and wheel. `now` is when that happens.
    pub(crate) fn add(
        &mut self,
        mut session: Session,
        (c2s, s2c): (&FlowKey, &FlowKey),
        now: Timestamp,
        deadline: Timestamp,
    ) -> Result<u32, TableFull> {
        if self.in_use >= self.capacity {
            return Err(TableFull);
        }
        if self.in_use == 0 {
            // Nothing waits, so nothing has turned the wheel.
            self.wheel.settle(tick_at_or_before(now));
        }
        session.keys = [[c2s.v4, c2s.rest], [s2c.v4, s2c.rest]];
        if c2s.is_v6() || s2c.is_v6() {
            session.v6 = self.insert_v6([c2s.v6, s2c.v6]);
        }
        session.flags.set(SessionFlags::IPV6, c2s.is_v6());
        let id = session.id;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.sessions[slot as usize] = session;
                slot
            }
            None => {
                self.sessions.push(session);
                self.sessions.len() as u32 - 1
            }
        };
        self.in_use += 1;
        self.mirror.add(id, slot);
        self.index.insert(self.seed.hash(c2s), Entry { slot, direction: Direction::ClientToServer });
        self.index.insert(self.seed.hash(s2c), Entry { slot, direction: Direction::ServerToClient });
        self.wheel.insert(slot, tick_at_or_after(deadline));
        Ok(slot)
    }

    /// The next session's number: none that a session has, as far as numbers are known.
    fn next_id(&mut self) -> SessionId {
        loop {
            self.last_id = match self.last_id.wrapping_add(self.id_step) {
                // It came round.
                next if next < self.id_step => self.first_id,
                next => next,
            };
            let id = SessionId(self.last_id);
            if !self.is_number_taken(id) {
                return id;
            }
        }
    }

    fn insert_v6(&mut self, keys: [[u128; 2]; 2]) -> u32 {
        match self.free_v6.pop() {
            Some(place) => {
                self.v6[place as usize] = keys;
                place
            }
            None => {
                self.v6.push(keys);
                self.v6.len() as u32 - 1
            }
        }
    }

    /// Takes a session out of index, wheel and store. Its handles are the caller's to free before.
    pub fn remove(&mut self, slot: u32) {
        self.wheel.remove(slot);
        self.forget(slot);
    }

    /// As `remove`, for a slot that the wheel has handed out.
    fn forget(&mut self, slot: u32) {
        let [c2s, s2c] = self.keys(slot);
        self.index.remove(self.seed.hash(&c2s), Entry { slot, direction: Direction::ClientToServer });
        self.index.remove(self.seed.hash(&s2c), Entry { slot, direction: Direction::ServerToClient });
        let session = &mut self.sessions[slot as usize];
        if session.v6 != NONE {
            self.free_v6.push(session.v6);
        }
        session.state = State::Init;
        let id = session.id;
        self.mirror.remove(id, slot);
        self.free.push(slot);
        self.in_use -= 1;
    }

    /// The two flow keys of a session: client to server and server to client, each as it arrives.
    pub fn keys(&self, slot: u32) -> [FlowKey; 2] {
        let session = self.get(slot);
        let v6 = self.v6.get(session.v6 as usize).copied().unwrap_or_default();
        [0, 1].map(|direction| FlowKey {
            v4: session.keys[direction][0],
            rest: session.keys[direction][1],
            v6: v6[direction],
        })
    }

    /// The client's and the server's address as the client knows them.
    pub fn addresses(&self, slot: u32) -> Addresses {
        self.keys(slot)[0].addresses()
    }

    /// The moment at which the session ends unless another packet comes.
    #[inline]
    pub fn deadline(&self, slot: u32) -> Timestamp {
        let session = self.get(slot);
        if session.flags.has(SessionFlags::COPY) {
            return self.deadline_of_copy(session);
        }
        self.pressure.deadline(session)
    }

    /// Whether the session's time is up. Time is compared in the wheel's ticks, so a packet and the wheel
    /// agree.
    #[inline]
    pub fn is_expired(&self, slot: u32, now: Timestamp) -> bool {
        let deadline = self.deadline(slot);
        deadline <= now && tick_at_or_after(deadline) <= tick_at_or_before(now)
    }

    /// Tells the wheel that the session's deadline may lie earlier than it did. Later ones need no word:
    /// the wheel finds out when the slot comes up.
    pub fn rearm(&mut self, slot: u32) {
        let tick = tick_at_or_after(self.deadline(slot));
        if tick < self.wheel.armed(slot) {
            self.wheel.remove(slot);
            self.wheel.insert(slot, tick);
        }
    }

    /// How the table's use shortens timeouts; the sessions already there are looked at again little by
    /// little.
    pub fn set_pressure(&mut self, pressure: Pressure) {
        // Each of the two kinds of pressure moves deadlines when it begins.
        let begins = (pressure.accelerated.is_some() && self.pressure.accelerated.is_none())
            || (pressure.scan.is_some() && self.pressure.scan.is_none());
        if begins {
            self.sweep = 0;
        }
        self.pressure = pressure;
    }

    /// The current pressure.
    pub const fn pressure(&self) -> Pressure {
        self.pressure
    }

    /// Re-arms sessions whose deadline moved because pressure began, at most about `budget` of them.
    pub fn sweep(&mut self, budget: usize) {
        if !self.is_sweeping() {
            return;
        }
        let end = self.sweep.saturating_add(budget).min(self.sessions.len());
        for slot in self.sweep..end {
            if self.sessions[slot].state != State::Init {
                self.rearm(slot as u32);
            }
        }
        self.sweep = end;
    }

    /// Whether the wheel does not know all deadlines yet that pressure has moved.
    pub const fn is_sweeping(&self) -> bool {
        self.pressure.is_on() && self.sweep < self.sessions.len()
    }

    /// The next time at which `expired` may have something; `None` while no session waits.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.in_use == 0 {
            return None;
        }
        let tick = self.wheel.next_tick()?;
        Some(Timestamp::from_nanos(tick.saturating_mul(NANOS_PER_TICK)))
    }

    /// Puts the slots of sessions whose time is up into `out`, in the order of (deadline, session id), and
    /// takes them off the wheel; the caller logs each and then calls `finish`. Stops after the tick in
    /// which `budget` slots were looked at; false then, true when nothing due is left.
    pub fn expired(&mut self, now: Timestamp, budget: usize, out: &mut Vec<u32>) -> bool {
        let now_tick = tick_at_or_before(now);
        let mut looked_at = 0;
        let mut due = core::mem::take(&mut self.due);
        let is_complete = loop {
            if looked_at >= budget {
                break false;
            }
            due.clear();
            let Some(tick) = self.wheel.take_due(now_tick, &mut due) else {
                self.wheel.settle(now_tick);
                break true;
            };
            looked_at += due.len();
            due.iter().for_each(|slot| self.sessions[*slot as usize].prefetch());
            let first = out.len();
            for slot in due.drain(..) {
                let deadline = tick_at_or_after(self.deadline(slot));
                if deadline > tick {
                    let again = self.look_again(slot, deadline, now_tick);
                    self.wheel.insert(slot, again);
                } else {
                    out.push(slot);
                }
            }
            out[first..].sort_unstable_by_key(|slot| (self.deadline(*slot), self.get(*slot).id));
            out[first..].iter().for_each(|slot| self.prefetch_entries(*slot));
        };
        self.due = due;
        is_complete
    }

    /// Lets a session that `expired` handed out live on, because its deadline has moved since.
    pub fn put_back(&mut self, slot: u32) {
        let tick = tick_at_or_after(self.deadline(slot));
        self.wheel.insert(slot, tick);
    }

    /// Fetches the two index entries of a session that is about to go.
    fn prefetch_entries(&self, slot: u32) {
        for key in self.keys(slot) {
            self.index.prefetch(self.seed.hash(&key));
        }
    }

    /// Frees a session that `expired` handed out.
    pub fn finish(&mut self, slot: u32) {
        self.forget(slot);
    }
}

#[cfg(test)]
mod tests;
