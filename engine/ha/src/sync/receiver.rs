//! The receiving side: batches in order, whatever the links do to them.
//!
//! ```text
//!   sequence   …  41   42   43   44   45   46  …
//!                 └─ applied   │  └────┴──── kept until 43 comes
//!                              └ missing: each arrival behind it is answered at once with what has come
//! ```

use alloc::{collections::VecDeque, vec::Vec};
use core::{ops::Range, time::Duration};

use bifrons_model::Timestamp;

use super::Refusal;
use super::item::{Record, append_varint, parse_record, split_varint};

/// Batches beyond the first missing one that are kept; also the most that a sender has in flight.
pub(super) const WINDOW: usize = 256;
/// After how many batches an acknowledgement is due.
const BATCHES_PER_ACKNOWLEDGEMENT: u32 = 8;
/// After what time at the latest.
const ACKNOWLEDGEMENT_DELAY: Duration = Duration::from_millis(1);
/// Emptied batches whose memory is used again.
const SPARE: usize = 16;

/// A record that is handed out; its payload is read with [`Receiver::payload`].
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub record: Record,
    pub id: u64,
    pub payload: Range<usize>,
    pub loose: bool,
}

struct Opened {
    body: Vec<u8>,
    /// Taken from behind a gap that will not be filled.
    loose: bool,
}

pub(super) struct Receiver {
    /// The first sequence that has not come.
    next: u64,
    /// What has come from `next` on; the first place is empty.
    kept: VecDeque<Option<Vec<u8>>>,
    /// In order, not yet handed out.
    ready: VecDeque<Opened>,
    /// Being handed out.
    reading: Option<Opened>,
    at: usize,
    previous: u64,
    unacknowledged: u32,
    acknowledge_at: Option<Timestamp>,
    spare: Vec<Vec<u8>>,
}

impl Receiver {
    pub const fn new() -> Self {
        Self {
            next: 0,
            kept: VecDeque::new(),
            ready: VecDeque::new(),
            reading: None,
            at: 0,
            previous: 0,
            unacknowledged: 0,
            acknowledge_at: None,
            spare: Vec::new(),
        }
    }

    /// Memory for the next message's body.
    pub fn spare(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub fn recycle(&mut self, body: Vec<u8>) {
        if self.spare.len() < SPARE {
            self.spare.push(body);
        }
    }

    /// Batches that wait behind a gap.
    pub fn behind_gap(&self) -> usize {
        self.kept.iter().flatten().count()
    }

    /// When an acknowledgement is due.
    pub const fn acknowledge_at(&self) -> Option<Timestamp> {
        self.acknowledge_at
    }

    /// An authentic batch has come.
    pub fn accept(&mut self, now: Timestamp, sequence: u64, body: Vec<u8>) -> Result<(), Refusal> {
        match self.place(sequence, body) {
            Ok(()) => {}
            Err((refusal, body)) => {
                self.recycle(body);
                // The sender has not heard what has come; it must, or it will never stop.
                self.acknowledge_at = Some(now);
                return Err(refusal);
            }
        }
        while let Some(Some(_)) = self.kept.front() {
            if let Some(Some(body)) = self.kept.pop_front() {
                self.ready.push_back(Opened { body, loose: false });
                self.next += 1;
            }
        }
        self.unacknowledged += 1;
        let due = if self.kept.is_empty() && self.unacknowledged < BATCHES_PER_ACKNOWLEDGEMENT {
            now + ACKNOWLEDGEMENT_DELAY
        } else {
            now
        };
        self.acknowledge_at = Some(self.acknowledge_at.map_or(due, |earlier| earlier.min(due)));
        Ok(())
    }

    fn place(&mut self, sequence: u64, body: Vec<u8>) -> Result<(), (Refusal, Vec<u8>)> {
        let Some(distance) = sequence.checked_sub(self.next) else {
            return Err((Refusal::Repeated(sequence), body));
        };
        let place = usize::try_from(distance).unwrap_or(usize::MAX);
        if place >= WINDOW || self.ready.len() >= WINDOW {
            return Err((Refusal::BeyondWindow(sequence), body));
        }
        if self.kept.len() <= place {
            self.kept.resize_with(place + 1, || None);
        }
        match self.kept.get_mut(place) {
            Some(empty @ None) => {
                *empty = Some(body);
                Ok(())
            }
            Some(Some(_)) | None => Err((Refusal::Repeated(sequence), body)),
        }
    }

    /// Give up waiting: what stands behind gaps is handed out too.
    pub fn drain(&mut self) {
        for body in self.kept.drain(..).flatten() {
            self.ready.push_back(Opened { body, loose: true });
        }
        self.acknowledge_at = None;
    }

    /// The next record to apply. `Err` when the rest of a batch could not be read.
    pub fn poll(&mut self) -> Option<Result<Delivered, Refusal>> {
        loop {
            let Some(opened) = &self.reading else {
                self.reading = Some(self.ready.pop_front()?);
                (self.at, self.previous) = (0, 0);
                continue;
            };
            if self.at < opened.body.len() {
                let loose = opened.loose;
                if let Some(parsed) = parse_record(&opened.body, self.at, self.previous) {
                    (self.at, self.previous) = (parsed.payload.end, parsed.id);
                    let (record, id, payload) = (parsed.record, parsed.id, parsed.payload);
                    return Some(Ok(Delivered { record, id, payload, loose }));
                }
                self.at = usize::MAX;
                return Some(Err(Refusal::Malformed));
            }
            if let Some(read) = self.reading.take() {
                self.recycle(read.body);
            }
        }
    }

    /// The payload of the record that was handed out last.
    pub fn payload(&self, range: Range<usize>) -> &[u8] {
        self.reading.as_ref().and_then(|opened| opened.body.get(range)).unwrap_or_default()
    }

    /// Append the body of an acknowledgement. To be called when all has been handed out.
    pub fn acknowledge(&mut self, out: &mut Vec<u8>) {
        self.acknowledge_at = None;
        self.unacknowledged = 0;
        append_varint(out, self.next);
        let behind = self.kept.iter().skip(1);
        let start = out.len();
        out.resize(start + behind.len().div_ceil(8), 0);
        for (place, kept) in behind.enumerate() {
            if let (Some(byte), true) = (out.get_mut(start + place / 8), kept.is_some()) {
                *byte |= 1 << (place % 8);
            }
        }
    }
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Acknowledgement<'a> {
    /// All before this sequence have come; this one has not.
    pub next: u64,
    /// Bit n of the whole: `next + 1 + n` has come.
    later: &'a [u8],
}

impl<'a> Acknowledgement<'a> {
    pub fn parse(body: &'a [u8]) -> Option<Self> {
        let (next, later) = split_varint(body)?;
        (later.len() <= WINDOW.div_ceil(8)).then_some(Self { next, later })
    }

    /// The sequences behind the first missing one that have come, ascending.
    pub fn later(self) -> impl Iterator<Item = u64> {
        self.later.iter().enumerate().flat_map(move |(place, byte)| {
            let start = self.next.saturating_add(1 + 8 * place as u64);
            (0..8u64).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| start.saturating_add(bit))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::ItemKind;
    use crate::sync::item::append_record;

    fn batch(id: u64) -> Vec<u8> {
        let mut body = Vec::new();
        append_record(&mut body, Record::Item(ItemKind::SessionCreate), 0, id, b"state");
        body
    }

    fn ids(receiver: &mut Receiver) -> Vec<u64> {
        core::iter::from_fn(|| receiver.poll().map(|delivered| delivered.unwrap().id)).collect()
    }

    #[test]
    fn batches_are_handed_out_in_order_and_once() {
        let mut receiver = Receiver::new();
        let now = Timestamp::from_secs(1);
        for sequence in [2, 0, 3] {
            assert_eq!(receiver.accept(now, sequence, batch(sequence)), Ok(()));
        }
        assert_eq!(ids(&mut receiver), [0]);
        assert_eq!(receiver.accept(now, 2, batch(2)), Err(Refusal::Repeated(2)));
        assert_eq!(receiver.accept(now, 0, batch(0)), Err(Refusal::Repeated(0)));
        let mut body = Vec::new();
        assert_eq!(receiver.acknowledge_at(), Some(now), "a gap is told at once");
        receiver.acknowledge(&mut body);
        let acknowledgement = Acknowledgement::parse(&body).unwrap();
        assert_eq!(acknowledgement.next, 1);
        assert_eq!(acknowledgement.later().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(receiver.accept(now, 1, batch(1)), Ok(()));
        assert_eq!(ids(&mut receiver), [1, 2, 3]);
    }

    #[test]
    fn nothing_beyond_the_window_is_kept() {
        let mut receiver = Receiver::new();
        for sequence in 1..2_000 {
            let kept = receiver.accept(Timestamp::ZERO, sequence, batch(sequence)).is_ok();
            assert_eq!(kept, sequence < WINDOW as u64);
        }
        assert_eq!(receiver.behind_gap(), WINDOW - 1);
        for sequence in (0..1).chain(WINDOW as u64..4 * WINDOW as u64) {
            let _ = receiver.accept(Timestamp::ZERO, sequence, batch(sequence));
        }
        assert!(receiver.ready.len() <= 2 * WINDOW, "a driver that takes nothing");
    }

    #[test]
    fn after_the_peers_death_gaps_are_passed_over() {
        let mut receiver = Receiver::new();
        for sequence in [0, 2, 5] {
            receiver.accept(Timestamp::ZERO, sequence, batch(sequence)).unwrap();
        }
        receiver.drain();
        let loose: Vec<(u64, bool)> = core::iter::from_fn(|| {
            receiver
                .poll()
                .map(|delivered| delivered.map(|delivered| (delivered.id, delivered.loose)).unwrap())
        })
        .collect();
        assert_eq!(loose, [(0, false), (2, true), (5, true)]);
        assert_eq!(receiver.behind_gap(), 0);
    }

    #[test]
    fn a_batch_that_ends_amid_a_record_gives_what_stands_before() {
        let mut receiver = Receiver::new();
        let mut body = batch(4);
        body.extend_from_slice(&[1, 2, 200]);
        receiver.accept(Timestamp::ZERO, 0, body).unwrap();
        receiver.accept(Timestamp::ZERO, 1, batch(5)).unwrap();
        assert_eq!(receiver.poll().unwrap().unwrap().id, 4);
        assert_eq!(receiver.poll().unwrap().unwrap_err(), Refusal::Malformed);
        assert_eq!(receiver.poll().unwrap().unwrap().id, 5);
        assert!(receiver.poll().is_none());
    }

    #[test]
    fn acknowledgements_of_any_bytes_are_read_without_harm() {
        assert_eq!(Acknowledgement::parse(&[]), None);
        assert_eq!(Acknowledgement::parse(&[0; 40]), None);
        let far = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x81];
        assert!(Acknowledgement::parse(&far).unwrap().later().all(|sequence| sequence == u64::MAX));
    }
}
