//! The sending side: what is dirty becomes batches, and batches are sent until the peer has them.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use bifrons_model::Timestamp;
use foldhash::fast::FixedState;

use super::dirty::{DirtySet, Marked};
use super::item::{RECORD_OVERHEAD, Record, append_record};
use super::join::{Join, Step};
use super::receiver::{Acknowledgement, WINDOW};
use super::seal::{HEADER, Seal, TAG};
use super::{Counters, ItemKind, Settings, Source, Space};

/// Batches made in one call, so that forwarding is never kept waiting for long.
const BATCHES_PER_TURN: usize = 64;
/// A batch is suspect when so many that were sent later have arrived.
const REORDERING: u64 = 3;
const FIRST_TIMEOUT: Duration = Duration::from_millis(30);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(10);
const LONGEST_TIMEOUT: Duration = Duration::from_millis(200);
/// Used up batches whose memory is used again.
const SPARE: usize = 32;

struct InFlight {
    /// As it was sent; empty once the peer has it.
    bytes: Vec<u8>,
    sent_at: Timestamp,
    transmissions: u32,
    /// Its place among all transmissions.
    order: u64,
    /// It stands in the line of those to be sent.
    queued: bool,
    acknowledged: bool,
}

pub(super) struct Sender {
    dirty: [DirtySet; 4],
    /// What had no room in the last batch: it was asked for once and may not be asked for again.
    held: Option<Held>,
    join: Option<Join>,
    joins: u32,
    in_flight: VecDeque<InFlight>,
    /// The sequence of the first in flight.
    first: u64,
    transmissions: u64,
    /// The latest transmission that is known to have arrived.
    arrived: u64,
    to_send: VecDeque<u64>,
    round_trip: Option<(Duration, Duration)>,
    retransmit_at: Option<Timestamp>,
    /// Whether the join comes first in the next batch.
    join_first: bool,
    /// How many entries filled the last full batch.
    entries_per_batch: usize,
    scratch: Vec<u8>,
    ids: Vec<u64>,
    spare: Vec<Vec<u8>>,
}

/// An item that waits for the next batch.
struct Held {
    kind: ItemKind,
    id: u64,
    since: Timestamp,
    payload: Vec<u8>,
}

/// How the filling of a batch went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    Full,
    NothingLeft,
}

struct Batch {
    bytes: Vec<u8>,
    limit: usize,
    previous: u64,
    entries: usize,
}

impl Sender {
    pub fn new(seed: u64) -> Self {
        let seed = FixedState::with_seed(seed);
        Self {
            dirty: core::array::from_fn(|_| DirtySet::new(seed.clone())),
            held: None,
            join: None,
            joins: 0,
            in_flight: VecDeque::new(),
            first: 0,
            transmissions: 0,
            arrived: 0,
            to_send: VecDeque::new(),
            round_trip: None,
            retransmit_at: None,
            join_first: false,
            entries_per_batch: 24,
            scratch: Vec::new(),
            ids: Vec::new(),
            spare: Vec::new(),
        }
    }

    pub fn mark(&mut self, now: Timestamp, kind: ItemKind, id: u64) -> Marked {
        let [names, neighbors, associations, sessions] = &mut self.dirty;
        match kind.space() {
            Space::Names => names.mark(now, kind, id),
            Space::Neighbors => neighbors.mark(now, kind, id),
            Space::SecurityAssociations => associations.mark(now, kind, id),
            Space::Sessions => sessions.mark(now, kind, id),
        }
    }

    /// Entries that have changed and are in no batch yet.
    pub fn dirty(&self) -> usize {
        self.dirty.iter().map(DirtySet::len).sum::<usize>() + usize::from(self.held.is_some())
    }

    pub fn oldest(&self) -> Option<Timestamp> {
        let held = self.held.as_ref().map(|held| held.since);
        self.dirty.iter().filter_map(DirtySet::oldest).chain(held).min()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub fn bytes_in_flight(&self) -> usize {
        self.in_flight.iter().map(|batch| batch.bytes.len()).sum()
    }

    pub fn is_joining(&self) -> bool {
        self.join.is_some()
    }

    /// Tell everything anew. What is dirty is part of that.
    pub fn begin_join(&mut self) -> u32 {
        self.forget_dirty();
        self.joins = self.joins.wrapping_add(1);
        self.join = Some(Join::new(self.joins));
        self.joins
    }

    pub fn end_join(&mut self) {
        self.join = None;
    }

    pub fn forget_dirty(&mut self) {
        self.dirty.iter_mut().for_each(DirtySet::clear);
        self.held = None;
    }

    /// The number of a join that the peer has now completely.
    pub fn joined(&mut self) -> Option<u32> {
        let acknowledged = self.first;
        self.join.take_if(|join| join.is_complete(acknowledged)).map(|join| join.number)
    }

    /// When the next batch is to be made; never while the window is full.
    pub fn build_at(&self, now: Timestamp, settings: &Settings) -> Option<Timestamp> {
        if self.is_full(settings) {
            return None;
        }
        if self.join.as_ref().is_some_and(Join::is_telling) || self.dirty() >= self.entries_per_batch {
            return Some(now);
        }
        self.oldest().map(|since| since + settings.flush)
    }

    pub fn is_full(&self, settings: &Settings) -> bool {
        self.in_flight.len() >= settings.window.clamp(1, WINDOW)
    }

    pub const fn retransmit_at(&self) -> Option<Timestamp> {
        self.retransmit_at
    }

    /// Make the batches that are due.
    pub fn build(
        &mut self,
        now: Timestamp,
        settings: &Settings,
        seal: &Seal,
        source: &mut impl Source,
        counters: &mut Counters,
    ) {
        for _ in 0..BATCHES_PER_TURN {
            if self.build_at(now, settings).is_none_or(|due| due > now) {
                break;
            }
            let sequence = self.first + self.in_flight.len() as u64;
            let mut bytes = self.spare.pop().unwrap_or_default();
            bytes.clear();
            bytes.resize(HEADER, 0);
            let limit = settings.datagram().saturating_sub(TAG);
            let mut batch = Batch { bytes, limit, previous: 0, entries: 0 };
            self.fill(&mut batch, sequence, source, counters);
            if batch.bytes.len() == HEADER {
                self.spare.push(batch.bytes);
                continue;
            }
            seal.batch(sequence, &mut batch.bytes);
            self.in_flight.push_back(InFlight {
                bytes: batch.bytes,
                sent_at: now,
                transmissions: 0,
                order: 0,
                queued: true,
                acknowledged: false,
            });
            self.to_send.push_back(sequence);
        }
    }

    /// Changes and the join take turns in being first, so that neither waits for the other's end; but the
    /// join's names come before all.
    fn fill(&mut self, batch: &mut Batch, sequence: u64, source: &mut impl Source, counters: &mut Counters) {
        self.join_first = !self.join_first || self.join.as_ref().is_some_and(Join::is_naming);
        let filled = if self.join_first {
            match self.fill_from_join(batch, sequence, source, counters) {
                Filled::Full => Filled::Full,
                Filled::NothingLeft => self.fill_from_dirty(batch, source, counters),
            }
        } else {
            match self.fill_from_dirty(batch, source, counters) {
                Filled::Full => Filled::Full,
                Filled::NothingLeft => self.fill_from_join(batch, sequence, source, counters),
            }
        };
        if filled == Filled::Full {
            self.entries_per_batch = batch.entries.max(1);
        }
    }

    fn fill_from_dirty(
        &mut self,
        batch: &mut Batch,
        source: &mut impl Source,
        counters: &mut Counters,
    ) -> Filled {
        if let Some(held) = self.held.take() {
            if !batch.append(Record::Item(held.kind), held.id, &held.payload) {
                self.held = Some(held);
                return Filled::Full;
            }
            counters.item_sent(held.kind);
        }
        for set in &mut self.dirty {
            while let Some((kind, id, since)) = set.pop() {
                let joining = self.join.as_ref().is_some_and(|join| join.has_before_it(kind.space(), id));
                let mut told = match kind {
                    // The peer may not hold what would be updated.
                    ItemKind::SessionUpdate if joining => ItemKind::SessionCreate,
                    ItemKind::SessionUpdate
                    | ItemKind::SessionCreate
                    | ItemKind::SessionEnd
                    | ItemKind::Neighbor
                    | ItemKind::NeighborGone
                    | ItemKind::SecurityAssociation
                    | ItemKind::SecurityAssociationGone
                    | ItemKind::Name
                    | ItemKind::NameGone => kind,
                };
                self.scratch.clear();
                if !source.encode(told, id, &mut self.scratch) {
                    told = kind.space().gone();
                    self.scratch.clear();
                }
                if self.scratch.len() > batch.largest_payload() {
                    counters.oversized += 1;
                } else if batch.append(Record::Item(told), id, &self.scratch) {
                    counters.item_sent(told);
                } else {
                    let payload = core::mem::take(&mut self.scratch);
                    self.held = Some(Held { kind: told, id, since, payload });
                    return Filled::Full;
                }
            }
        }
        Filled::NothingLeft
    }

    fn fill_from_join(
        &mut self,
        batch: &mut Batch,
        sequence: u64,
        source: &mut impl Source,
        counters: &mut Counters,
    ) -> Filled {
        let Some(join) = &mut self.join else { return Filled::NothingLeft };
        while let Some(step) = join.peek(source, &mut self.ids) {
            self.scratch.clear();
            let number = u64::from(join.number);
            let placed = match step {
                Step::Begins => batch.append(Record::JoinBegins, number, &[]),
                Step::Ends => batch.append(Record::JoinEnds, number, &[]),
                Step::Entry(space, id) => {
                    let kind = space.whole();
                    if !source.encode(kind, id, &mut self.scratch) {
                        true
                    } else if self.scratch.len() > batch.largest_payload() {
                        counters.oversized += 1;
                        true
                    } else {
                        let placed = batch.append(Record::Item(kind), id, &self.scratch);
                        if placed {
                            counters.item_sent(kind);
                        }
                        placed
                    }
                }
            };
            if !placed {
                return Filled::Full;
            }
            join.placed(sequence);
        }
        Filled::NothingLeft
    }

    /// What the peer says has come.
    pub fn acknowledge(&mut self, now: Timestamp, acknowledgement: Acknowledgement<'_>) {
        if acknowledgement.next > self.first + self.in_flight.len() as u64 {
            return;
        }
        while self.first < acknowledgement.next {
            let Some(batch) = self.in_flight.pop_front() else { break };
            self.first += 1;
            self.note_arrival(now, batch);
        }
        for sequence in acknowledgement.later() {
            let Some(batch) = self.slot(sequence).filter(|batch| !batch.acknowledged) else { continue };
            batch.acknowledged = true;
            let bytes = core::mem::take(&mut batch.bytes);
            let copy = InFlight { bytes, acknowledged: false, ..*batch };
            self.note_arrival(now, copy);
        }
        self.schedule();
    }

    /// What an arrival says about the way.
    fn note_arrival(&mut self, now: Timestamp, batch: InFlight) {
        if batch.acknowledged {
            return;
        }
        // Of a batch that was sent twice nobody knows which one has come.
        if batch.transmissions == 1 {
            self.arrived = self.arrived.max(batch.order);
            self.measure(now.since(batch.sent_at));
        }
        if self.spare.len() < SPARE && batch.bytes.capacity() > 0 {
            self.spare.push(batch.bytes);
        }
    }

    /// RFC 6298 section 2.
    fn measure(&mut self, sample: Duration) {
        self.round_trip = Some(match self.round_trip {
            None => (sample, sample / 2),
            Some((smoothed, variation)) => {
                ((smoothed * 7 + sample) / 8, (variation * 3 + smoothed.abs_diff(sample)) / 4)
            }
        });
    }

    /// When a batch is held for lost: soon if later ones have arrived, else after a time that doubles.
    fn deadline(&self, batch: &InFlight) -> Timestamp {
        let (smoothed, variation) = match self.round_trip {
            None => return batch.sent_at + backed_off(FIRST_TIMEOUT, batch.transmissions),
            Some(measured) => measured,
        };
        let overtaken = batch.order + REORDERING <= self.arrived;
        let span = smoothed + variation * 4;
        batch.sent_at
            + if overtaken { span } else { backed_off(span.max(SHORTEST_TIMEOUT), batch.transmissions) }
    }

    /// Send again what has not been acknowledged in time.
    pub fn retransmit(&mut self, now: Timestamp) {
        if self.retransmit_at.is_none_or(|due| due > now) {
            return;
        }
        self.requeue(|sender, batch| sender.deadline(batch) <= now);
        self.schedule();
    }

    /// Send everything again: the way to the peer is another one.
    pub fn retransmit_all(&mut self) {
        self.requeue(|_, _| true);
        self.schedule();
    }

    fn requeue(&mut self, lost: impl Fn(&Self, &InFlight) -> bool) {
        let mut again: Vec<u64> = Vec::new();
        for (batch, sequence) in self.in_flight.iter().zip(self.first..) {
            if !batch.acknowledged && !batch.queued && lost(self, batch) {
                again.push(sequence);
            }
        }
        for sequence in again {
            if let Some(batch) = self.slot(sequence) {
                batch.queued = true;
                self.to_send.push_back(sequence);
            }
        }
    }

    fn schedule(&mut self) {
        let waiting = self.in_flight.iter().filter(|batch| !batch.acknowledged && !batch.queued);
        self.retransmit_at = waiting.map(|batch| self.deadline(batch)).min();
    }

    fn slot(&mut self, sequence: u64) -> Option<&mut InFlight> {
        let place = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        self.in_flight.get_mut(place)
    }

    /// The next batch to hand to the link: its sequence, and whether it goes out anew.
    pub fn poll(&mut self, now: Timestamp) -> Option<(u64, bool)> {
        while let Some(sequence) = self.to_send.pop_front() {
            self.transmissions += 1;
            let order = self.transmissions;
            let Some(batch) = self.slot(sequence).filter(|batch| !batch.acknowledged) else { continue };
            batch.queued = false;
            batch.sent_at = now;
            batch.order = order;
            batch.transmissions += 1;
            let again = batch.transmissions > 1;
            // Not later than the deadline; the timer sets itself right when it fires.
            let due = now + SHORTEST_TIMEOUT;
            self.retransmit_at = Some(self.retransmit_at.map_or(due, |earlier| earlier.min(due)));
            return Some((sequence, again));
        }
        None
    }

    /// The bytes of a batch that [`Self::poll`] has named.
    pub fn bytes(&mut self, sequence: u64) -> &[u8] {
        self.slot(sequence).map(|batch| batch.bytes.as_slice()).unwrap_or_default()
    }

    /// Whether anything waits for a link.
    pub fn has_output(&self) -> bool {
        !self.to_send.is_empty()
    }
}

fn backed_off(span: Duration, transmissions: u32) -> Duration {
    (span * (1 << transmissions.saturating_sub(1).min(5))).min(LONGEST_TIMEOUT)
}

impl Batch {
    fn largest_payload(&self) -> usize {
        self.limit.saturating_sub(HEADER + RECORD_OVERHEAD)
    }

    /// Whether the record had room.
    fn append(&mut self, record: Record, id: u64, payload: &[u8]) -> bool {
        let before = self.bytes.len();
        append_record(&mut self.bytes, record, self.previous, id, payload);
        if self.bytes.len() > self.limit {
            self.bytes.truncate(before);
            return false;
        }
        self.previous = id;
        self.entries += 1;
        true
    }
}
