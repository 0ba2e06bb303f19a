//! One direction's TCP payload, put in order.
//!
//! Bytes that are in order pass straight through; a copy is kept until the receiver has acknowledged them.
//! What comes ahead of its turn waits, bounded in segments and bytes. Where two segments claim the same
//! sequence numbers the first one wins: bytes already passed on or already waiting are never replaced, later
//! ones only fill gaps. RFC 9293, section 3.10.7.4, leaves the choice open and hosts differ, and a first copy
//! may never have reached its host (a small TTL, say). So a segment whose bytes contradict what was seen and
//! is not acknowledged is told apart: whoever drops it makes sure that the receiver sees what was inspected.
//! A range that the capture cut off is a gap that closes itself.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

/// Bytes that may wait for a gap in one direction.
const WAITING_BYTES: usize = 32 * 1024;

/// Bytes passed on that are remembered in one direction while their receiver has not acknowledged them.
const PASSED_BYTES: usize = 32 * 1024;

/// The largest buffer that is kept for another session.
const KEPT_BYTES: usize = 2 * 1024;

/// One direction of a TCP session.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    next: Option<u32>,
    waiting: VecDeque<Segment>,
    waiting_bytes: usize,
    passed: Passed,
}

/// What was passed on and is not acknowledged.
#[derive(Debug, Default)]
struct Passed {
    /// The last bytes, without a hole.
    run: VecDeque<u8>,
    /// The sequence number behind them.
    end: u32,
    /// Runs before a hole, in order.
    earlier: Vec<Segment>,
}

/// What became of one packet's payload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival<'a> {
    /// These bytes come next. Nothing waits.
    InOrder(&'a [u8]),
    /// Something new was put into the queue: `Stream::next_ready` may have bytes now.
    Queued,
    /// Nothing new in it.
    Repeated,
}

/// What comes next out of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A range that will never come.
    Hole,
}

#[derive(Debug)]
struct Segment {
    sequence: u32,
    length: u32,
    /// Empty where the range was not captured.
    bytes: Box<[u8]>,
}

impl Stream {
    /// A direction whose first byte has this sequence number; `None`: whatever comes first is the first.
    pub(crate) fn new(first: Option<u32>) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Becomes another session's, after `clear`.
    pub(crate) const fn restart(&mut self, first: Option<u32>) {
        self.next = first;
    }

    /// Forgets everything; a small buffer is kept.
    pub(crate) fn clear(&mut self) {
        if !self.waiting.is_empty() {
            self.waiting = VecDeque::new();
            self.waiting_bytes = 0;
        }
        self.passed.clear();
    }

    /// Whether a segment has other bytes than were seen before at the same sequence numbers, and the receiver
    /// has not acknowledged them: it may not have them yet. `acknowledged` is the highest number that it has.
    pub(crate) fn contradicts(&mut self, sequence: u32, bytes: &[u8], acknowledged: Option<u32>) -> bool {
        if self.passed.is_empty() && self.waiting.is_empty() {
            return false;
        }
        let (sequence, bytes) = match acknowledged {
            None => (sequence, bytes),
            Some(number) => {
                self.passed.forget_until(number);
                match after(number, sequence, bytes, 0) {
                    Some((sequence, bytes, _)) => (sequence, bytes),
                    None => return false,
                }
            }
        };
        self.passed.differs(sequence, bytes)
            || self.waiting.iter().any(|known| known.differs(sequence, bytes))
    }

    /// Remembers bytes that were passed on, the last of which is the one before `next`.
    pub(crate) fn remember(&mut self, bytes: &[u8]) {
        if let Some(next) = self.next {
            self.passed.add(next, bytes);
        }
    }

    /// Whether bytes are remembered that the receiver has not acknowledged. Where it has acknowledged nothing
    /// at all its answers take another path, and nothing can be told.
    pub(crate) fn is_unacknowledged(&mut self, acknowledged: Option<u32>) -> bool {
        match acknowledged {
            None => false,
            Some(number) => {
                self.passed.forget_until(number);
                !self.passed.is_empty()
            }
        }
    }

    /// Takes the payload of one segment, and the number of bytes after it that were not captured.
    pub(crate) fn segment<'a>(&mut self, sequence: u32, bytes: &'a [u8], cut: u32) -> Arrival<'a> {
        let next = *self.next.get_or_insert(sequence);
        let Some((sequence, bytes, cut)) = after(next, sequence, bytes, cut) else {
            return Arrival::Repeated;
        };
        if sequence == next && cut == 0 && self.waiting.is_empty() {
            self.next = Some(end_of(sequence, bytes));
            return Arrival::InOrder(bytes);
        }
        let before = self.waiting.len();
        self.fill(sequence, bytes.len() as u32, bytes);
        self.fill(end_of(sequence, bytes), cut, &[]);
        if self.waiting.len() == before { Arrival::Repeated } else { Arrival::Queued }
    }

    /// Takes out of the queue what is in order now.
    pub(crate) fn next_ready(&mut self) -> Option<Ready> {
        let segment = self.waiting.pop_front_if(|first| self.next == Some(first.sequence))?;
        self.next = Some(segment.sequence.wrapping_add(segment.length));
        self.waiting_bytes -= segment.bytes.len();
        Some(if segment.bytes.is_empty() { Ready::Hole } else { Ready::Bytes(segment.bytes) })
    }

    /// The sequence number of the byte that comes next.
    pub(crate) const fn position(&self) -> Option<u32> {
        self.next
    }

    /// Whether more waits than `segments` or than the bound in bytes.
    pub(crate) fn is_exceeded(&self, segments: u32) -> bool {
        self.waiting.len() > segments as usize || self.waiting_bytes > WAITING_BYTES
    }

    /// Gives up the gap at the front, so that what waits behind it is in order. False if nothing waits.
    pub(crate) fn skip_gap(&mut self) -> bool {
        match self.waiting.front() {
            Some(first) => {
                self.next = Some(first.sequence);
                true
            }
            None => false,
        }
    }

    /// Goes on at a sequence number if what is missing before it was acknowledged by its receiver and so
    /// never comes here; true when something was missing.
    pub(crate) fn skip_to(&mut self, acknowledged: u32) -> bool {
        match (self.next, self.waiting.front()) {
            (Some(next), _) if distance(next, acknowledged) <= 0 => false,
            (Some(next), Some(first)) if distance(next, first.sequence) <= 0 => false,
            (Some(_), Some(first)) if distance(first.sequence, acknowledged) > 0 => self.skip_gap(),
            (Some(_), _) => {
                self.next = Some(acknowledged);
                true
            }
            (None, _) => false,
        }
    }

    /// The bytes that wait, in order, whatever is missing between them.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &[u8]> {
        self.waiting.iter().map(|segment| &*segment.bytes).filter(|bytes| !bytes.is_empty())
    }

    /// Puts those parts of a range into the queue that nothing there covers. Empty `bytes`: the range has
    /// none.
    fn fill(&mut self, sequence: u32, length: u32, bytes: &[u8]) {
        let (mut sequence, mut length, mut bytes) = (sequence, length, bytes);
        let mut place = 0;
        while length > 0 {
            let Some(other) = self.waiting.get(place) else {
                self.insert(place, sequence, length, bytes);
                return;
            };
            let ahead = distance(sequence, other.sequence);
            if ahead > 0 {
                let part = length.min(ahead as u32);
                let (now, rest) = bytes.split_at((part as usize).min(bytes.len()));
                self.insert(place, sequence, part, now);
                (sequence, length, bytes) = (sequence.wrapping_add(part), length - part, rest);
            } else {
                let covered = other.length.saturating_sub(ahead.unsigned_abs()).min(length);
                let rest = bytes.get(covered as usize..).unwrap_or_default();
                (sequence, length, bytes) = (sequence.wrapping_add(covered), length - covered, rest);
            }
            place += 1;
        }
    }

    fn insert(&mut self, place: usize, sequence: u32, length: u32, bytes: &[u8]) {
        self.waiting_bytes += bytes.len();
        self.waiting.insert(place, Segment { sequence, length, bytes: bytes.into() });
    }
}

impl Passed {
    fn clear(&mut self) {
        if self.run.capacity() > KEPT_BYTES {
            self.run = VecDeque::new();
        }
        self.run.clear();
        self.earlier = Vec::new();
    }

    /// Adds bytes, the last of which is the one before `end`. The oldest beyond the bound are forgotten.
    fn add(&mut self, end: u32, bytes: &[u8]) {
        if self.end != end.wrapping_sub(bytes.len() as u32) && !self.run.is_empty() {
            let run = core::mem::take(&mut self.run);
            let length = run.len() as u32;
            let bytes = Vec::from(run).into_boxed_slice();
            self.earlier.push(Segment { sequence: self.end.wrapping_sub(length), length, bytes });
        }
        self.run.extend(bytes);
        self.end = end;
        let mut excess = self.len().saturating_sub(PASSED_BYTES);
        while excess > 0 && !self.earlier.is_empty() {
            excess = excess.saturating_sub(self.earlier.remove(0).bytes.len());
        }
        self.run.drain(..excess.min(self.run.len()));
    }

    /// Forgets what lies before the sequence number `acknowledged`.
    fn forget_until(&mut self, acknowledged: u32) {
        if self.is_empty() {
            return;
        }
        self.earlier.retain(|run| distance(acknowledged, run.end()) > 0);
        match usize::try_from(distance(acknowledged, self.end)) {
            Ok(left @ 1..) if left < self.run.len() => drop(self.run.drain(..self.run.len() - left)),
            Ok(1..) => (),
            Ok(0) | Err(_) => self.run.clear(),
        }
    }

    fn is_empty(&self) -> bool {
        self.run.is_empty() && self.earlier.is_empty()
    }

    fn len(&self) -> usize {
        self.run.len() + self.earlier.iter().map(|run| run.bytes.len()).sum::<usize>()
    }

    /// Whether these bytes differ from those at the same sequence numbers.
    fn differs(&self, sequence: u32, bytes: &[u8]) -> bool {
        let (first, second) = self.run.as_slices();
        let middle = self.end.wrapping_sub(second.len() as u32);
        let start = middle.wrapping_sub(first.len() as u32);
        differ((start, first), (sequence, bytes))
            || differ((middle, second), (sequence, bytes))
            || self.earlier.iter().any(|run| run.differs(sequence, bytes))
    }
}

impl Segment {
    const fn end(&self) -> u32 {
        self.sequence.wrapping_add(self.length)
    }

    /// Whether these bytes differ from its own where both are at hand.
    fn differs(&self, sequence: u32, bytes: &[u8]) -> bool {
        differ((self.sequence, &self.bytes), (sequence, bytes))
    }
}

/// Whether two ranges, each with the sequence number of its first byte, differ where they overlap.
fn differ(one: (u32, &[u8]), other: (u32, &[u8])) -> bool {
    let ahead = distance(one.0, other.0);
    let skipped = ahead.unsigned_abs() as usize;
    let (one, other) = if ahead >= 0 {
        (one.1.get(skipped..), Some(other.1))
    } else {
        (Some(one.1), other.1.get(skipped..))
    };
    let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
    let common = one.len().min(other.len());
    one.get(..common) != other.get(..common)
}

/// The part of a segment from `next` on: its sequence number, its bytes, and what is cut off behind them.
fn after(next: u32, sequence: u32, bytes: &[u8], cut: u32) -> Option<(u32, &[u8], u32)> {
    let behind = distance(sequence, next);
    if behind <= 0 {
        return Some((sequence, bytes, cut));
    }
    let behind = behind as u32;
    let length = bytes.len() as u32;
    match bytes.get(behind as usize..) {
        Some(rest) if !rest.is_empty() => Some((next, rest, cut)),
        _ => match cut.checked_sub(behind - length) {
            None | Some(0) => None,
            Some(cut) => Some((next, &[], cut)),
        },
    }
}

fn end_of(sequence: u32, bytes: &[u8]) -> u32 {
    sequence.wrapping_add(bytes.len() as u32)
}

/// How far `to` is ahead of `from`; negative when it is behind. Sequence numbers wrap (RFC 9293 section
/// 3.4).
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Feeds segments and collects what comes out; a hole shows as `_`.
    fn run(first: Option<u32>, segments: &[(u32, &[u8], u32)]) -> Vec<u8> {
        let mut stream = Stream::new(first);
        let mut out = Vec::new();
        for (sequence, bytes, cut) in segments {
            if let Arrival::InOrder(bytes) = stream.segment(*sequence, bytes, *cut) {
                out.extend_from_slice(bytes);
            }
            drain(&mut stream, &mut out);
        }
        out
    }

    fn drain(stream: &mut Stream, out: &mut Vec<u8>) {
        while let Some(ready) = stream.next_ready() {
            match ready {
                Ready::Bytes(bytes) => out.extend_from_slice(&bytes),
                Ready::Hole => out.push(b'_'),
            }
        }
    }

    #[test]
    fn in_order_segments_pass_straight_through() {
        let mut stream = Stream::new(Some(10));
        assert_eq!(stream.segment(10, b"abc", 0), Arrival::InOrder(b"abc"));
        assert_eq!(stream.segment(13, b"de", 0), Arrival::InOrder(b"de"));
        assert_eq!(stream.segment(10, b"abc", 0), Arrival::Repeated);
        assert_eq!(stream.next_ready(), None);
        assert_eq!(stream.waiting_bytes, 0);
    }

    #[test]
    fn without_a_syn_the_first_payload_is_the_first() {
        assert_eq!(run(None, &[(500, b"abc", 0), (503, b"d", 0), (499, b"x", 0)]), b"abcd");
    }

    #[test]
    fn segments_out_of_order_wait_for_the_gap() {
        assert_eq!(run(Some(0), &[(6, b"gh", 0), (3, b"def", 0), (0, b"abc", 0)]), b"abcdefgh");
    }

    #[test]
    fn sequence_numbers_wrap() {
        let first = u32::MAX - 1;
        assert_eq!(run(Some(first), &[(2, b"ef", 0), (first, b"abcd", 0)]), b"abcdef");
        assert_eq!(run(Some(first), &[(1, b"defg", 0), (first, b"abc", 0), (first, b"XXXX", 0)]), b"abcdefg");
    }

    #[test]
    fn bytes_already_passed_on_win() {
        assert_eq!(run(Some(0), &[(0, b"abc", 0), (0, b"XYZ", 0)]), b"abc", "the same range");
        assert_eq!(run(Some(0), &[(0, b"abc", 0), (1, b"XYZ", 0)]), b"abcZ", "overlap to the right");
        assert_eq!(run(Some(0), &[(0, b"abcd", 0), (1, b"XY", 0)]), b"abcd", "inside");
        assert_eq!(run(Some(1), &[(1, b"abc", 0), (0, b"WXYZV", 0)]), b"abcV", "around");
    }

    #[test]
    fn bytes_already_waiting_win() {
        let wait: (u32, &[u8], u32) = (4, b"efgh", 0);
        assert_eq!(run(Some(0), &[wait, (4, b"EFGH", 0), (0, b"abcd", 0)]), b"abcdefgh", "the same range");
        assert_eq!(run(Some(0), &[wait, (2, b"cdEF", 0), (0, b"ab", 0)]), b"abcdefgh", "left");
        assert_eq!(run(Some(0), &[wait, (6, b"GHij", 0), (0, b"abcd", 0)]), b"abcdefghij", "right");
        assert_eq!(run(Some(0), &[wait, (5, b"FG", 0), (0, b"abcd", 0)]), b"abcdefgh", "inside");
        assert_eq!(run(Some(0), &[wait, (0, b"abcdEFGHij", 0)]), b"abcdefghij", "around");
        let two: (u32, &[u8], u32) = (10, b"kl", 0);
        assert_eq!(run(Some(0), &[two, wait, (0, b"abcdEFGHijKLmn", 0)]), b"abcdefghijklmn", "around two");
    }

    #[test]
    fn other_bytes_contradict_what_waits_and_what_is_not_acknowledged() {
        let mut stream = Stream::new(Some(u32::MAX));
        assert_eq!(stream.segment(u32::MAX, b"abcd", 0), Arrival::InOrder(b"abcd"));
        stream.remember(b"abcd");
        assert_eq!(stream.segment(5, b"ghij", 0), Arrival::Queued);
        let none = Some(u32::MAX);
        for (sequence, bytes, contradicts) in [
            (u32::MAX, &b"abcd"[..], false),
            (u32::MAX, b"abcdXXghij", false),
            (1, b"cdXXghijklm", false),
            (0, b"bX", true),
            (2, b"dXXgX", true),
            (8, b"X", true),
            (3, b"XX", false),
            (9, b"X", false),
            (u32::MAX - 1, b"Xa", false),
            (u32::MAX - 1, b"XX", true),
        ] {
            assert_eq!(stream.contradicts(sequence, bytes, none), contradicts, "{sequence} {bytes:?}");
        }
        assert!(stream.is_unacknowledged(none));
        assert!(!stream.contradicts(0, b"XX", Some(2)), "the receiver has these two");
        assert!(stream.contradicts(0, b"XXX", Some(2)));
        assert!(!stream.is_unacknowledged(Some(3)));
        assert!(stream.passed.is_empty());
    }

    #[test]
    fn bytes_before_a_hole_are_remembered_too() {
        let mut stream = Stream::new(Some(0));
        for (sequence, bytes) in [(0, &b"abc"[..]), (5, b"fg"), (7, b"h"), (10, b"kl")] {
            stream.segment(sequence, bytes, 0);
            stream.skip_gap();
            while stream.next_ready().is_some() {}
            stream.remember(bytes);
        }
        for (acknowledged, contradicts) in
            [(0, [true; 4]), (3, [false, true, true, true]), (10, [false, false, false, true])]
        {
            let others: [(u32, &[u8]); 4] = [(2, b"X"), (6, b"Xh"), (6, b"gX"), (10, b"kX")];
            let told =
                others.map(|(sequence, bytes)| stream.contradicts(sequence, bytes, Some(acknowledged)));
            assert_eq!(told, contradicts, "{acknowledged}");
            assert!(!stream.contradicts(0, b"abcXXfghXXkl", Some(acknowledged)), "holes hold anything");
        }
        assert!(!stream.is_unacknowledged(Some(12)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut stream = Stream::new(Some(0));
        let block = [7; 1000];
        for sequence in (0..100_000).step_by(block.len()) {
            stream.segment(sequence, &block, 0);
            stream.remember(&block);
            assert!(stream.passed.len() <= PASSED_BYTES);
        }
        assert!(!stream.contradicts(0, &[8; 1000], Some(0)), "forgotten");
        assert!(stream.contradicts(99_000, &[8; 1000], Some(0)));
    }

    #[test]
    fn a_cut_segment_leaves_a_hole() {
        assert_eq!(run(Some(0), &[(0, b"ab", 3), (5, b"fg", 0)]), b"ab_fg");
        assert_eq!(run(Some(0), &[(5, b"fg", 0), (0, b"ab", 3)]), b"ab_fg");
        assert_eq!(run(Some(0), &[(0, b"ab", 3), (0, b"abcdef", 0)]), b"ab_f", "a hole already passed stays");
        assert_eq!(run(Some(3), &[(0, b"ab", 5), (7, b"h", 0)]), b"_h", "cut across the first byte");
    }

    #[test]
    fn a_gap_can_be_given_up() {
        let mut stream = Stream::new(Some(0));
        assert!(!stream.skip_gap());
        for segment in 0..5 {
            assert_eq!(stream.segment(10 + 2 * segment, b"xy", 0), Arrival::Queued);
        }
        assert!(stream.is_exceeded(4));
        assert!(!stream.is_exceeded(5));
        assert_eq!(stream.waiting().count(), 5);
        assert!(stream.skip_gap());
        let mut out = Vec::new();
        drain(&mut stream, &mut out);
        assert_eq!(out, b"xyxyxyxyxy");
        assert_eq!(stream.segment(20, b"z", 0), Arrival::InOrder(b"z"));
    }

    #[test]
    fn waiting_bytes_are_bounded() {
        let mut stream = Stream::new(Some(0));
        let block = [0_u8; 1400];
        let mut sequence = 1_u32;
        while !stream.is_exceeded(u32::MAX) {
            assert_eq!(stream.segment(sequence, &block, 0), Arrival::Queued);
            sequence += 1400;
        }
        assert!(sequence < 36_000);
    }

    #[test]
    fn any_order_gives_the_same_bytes() {
        let text: Vec<u8> = (0..=255).collect();
        let mut seed = 7_u32;
        for _ in 0..300 {
            let mut stream = Stream::new(Some(u32::MAX - 100));
            let mut out = Vec::new();
            for round in 0..400 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (from, len) =
                    if round == 399 { (0, 256) } else { ((seed >> 24) as usize, seed as usize % 9 + 1) };
                let bytes = &text[from..(from + len).min(256)];
                let sequence = (u32::MAX - 100).wrapping_add(from as u32);
                if let Arrival::InOrder(bytes) = stream.segment(sequence, bytes, 0) {
                    out.extend_from_slice(bytes);
                }
                drain(&mut stream, &mut out);
            }
            assert_eq!(out, text);
            assert_eq!(stream.waiting_bytes, 0);
        }
    }
}
