//! One direction of a TCP session whose payload changes on its way: which sequence numbers the receiver has
//! for the sender's.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

/// Ranges that were replaced and may be sent again; older ones only count by the shift that they left.
const MOST_EDITS: usize = 16;

/// The replaced ranges of one direction. What is sent again is replaced again, however it is cut.
///
/// Sequence numbers are the sender's unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEdits {
    edits: VecDeque<Edit>,
    /// What the ranges that are forgotten add to each number.
    base: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    start: u32,
    old_length: u32,
    new: Box<[u8]>,
}

impl Edit {
    const fn end(&self) -> u32 {
        self.start.wrapping_add(self.old_length)
    }

    fn shift(&self) -> u32 {
        (self.new.len() as u32).wrapping_sub(self.old_length)
    }
}

impl StreamEdits {
    /// A direction in which nothing is replaced, but whose receiver has had other numbers from the start:
    /// the sender's and `shift`, modulo 2^32.
    pub const fn shifted(shift: u32) -> Self {
        Self { edits: VecDeque::new(), base: shift }
    }

    /// Whether nothing was ever replaced.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.base == 0
    }

    /// Replaces the `old_length` bytes from `start` on, which lie behind all that were replaced before and
    /// are not passed on yet. False, and nothing, when they do not.
    pub fn replace(&mut self, start: u32, old_length: u32, new: &[u8]) -> bool {
        if self.edits.back().is_some_and(|last| distance(last.end(), start) < 0) {
            return false;
        }
        if self.edits.len() >= MOST_EDITS
            && let Some(oldest) = self.edits.pop_front()
        {
            self.base = self.base.wrapping_add(oldest.shift());
        }
        self.edits.push_back(Edit { start, old_length, new: new.into() });
        true
    }

    /// What the receiver's numbers have in common ahead of the sender's, and the replaced ranges: where each
    /// begins, how long it was, what stands there instead. For another device.
    pub fn parts(&self) -> (u32, impl ExactSizeIterator<Item = (u32, u32, &[u8])>) {
        (self.base, self.edits.iter().map(|edit| (edit.start, edit.old_length, &*edit.new)))
    }

    /// The newest replaced ranges, of at most so many new bytes together; older ones count by their shift
    /// only.
    #[must_use]
    pub fn recent(&self, bytes: usize) -> Self {
        let mut recent = Self { edits: VecDeque::new(), base: self.base };
        let mut left = bytes;
        for edit in self.edits.iter().rev() {
            match left.checked_sub(edit.new.len()) {
                Some(rest) => left = rest,
                None => break,
            }
            recent.edits.push_front(edit.clone());
        }
        let forgotten = self.edits.len() - recent.edits.len();
        let shifts = self.edits.iter().take(forgotten).map(Edit::shift);
        recent.base = shifts.fold(recent.base, u32::wrapping_add);
        recent
    }

    /// What leaves for a segment with this payload: the receiver's sequence number of its first byte, and the
    /// payload if it changes. A segment that holds a part of a replaced range leaves with the whole
    /// replacement.
    pub fn outgoing(&self, sequence: u32, payload: &[u8]) -> (u32, Option<Vec<u8>>) {
        let end = sequence.wrapping_add(payload.len() as u32);
        let before = self.edits.iter().take_while(|edit| distance(edit.end(), sequence) >= 0);
        let (passed, shift) =
            before.fold((0, self.base), |(count, shift), edit| (count + 1, shift.wrapping_add(edit.shift())));
        let mut inside =
            self.edits.iter().skip(passed).take_while(|edit| distance(edit.start, end) > 0).peekable();
        let Some(first) = inside.peek() else {
            return (sequence.wrapping_add(shift), None);
        };
        let behind = distance(sequence, first.start).min(0);
        let number = sequence.wrapping_add(shift).wrapping_add_signed(behind);
        if payload.is_empty() {
            return (number, None);
        }
        let mut made = Vec::with_capacity(payload.len() + 32);
        let mut at = sequence;
        for edit in inside {
            made.extend(part(payload, sequence, at, edit.start));
            made.extend(&edit.new);
            at = edit.end();
        }
        made.extend(part(payload, sequence, at, end));
        (number, Some(made))
    }

    /// The sender's number for one that the receiver acknowledges, told in the receiver's numbers. A
    /// replacement of which a part only is acknowledged counts as not begun.
    pub fn acknowledged(&self, number: u32) -> u32 {
        let mut shift = self.base;
        for edit in &self.edits {
            let start = edit.start.wrapping_add(shift);
            let end = start.wrapping_add(edit.new.len() as u32);
            if distance(start, number) <= 0 {
                break;
            }
            if distance(number, end) > 0 {
                return edit.start;
            }
            shift = shift.wrapping_add(edit.shift());
        }
        number.wrapping_sub(shift)
    }
}

/// The bytes of a segment from one sequence number to another.
fn part(payload: &[u8], sequence: u32, from: u32, to: u32) -> &[u8] {
    let place = |number| usize::try_from(distance(sequence, number)).unwrap_or(0).min(payload.len());
    payload.get(place(from)..place(to)).unwrap_or(&[])
}

/// How far `to` is ahead of `from`, modulo 2^32; negative when it is behind.
const fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_move_behind_what_was_replaced() {
        let mut edits = StreamEdits::default();
        assert_eq!(edits.outgoing(7, b"abc"), (7, None));
        assert!(edits.replace(100, 3, b"longer"));
        assert_eq!(edits.outgoing(90, b"0123456789abcdef"), (90, Some(b"0123456789longerdef".to_vec())));
        assert_eq!(edits.outgoing(103, b"x"), (106, None));
        assert_eq!(edits.outgoing(95, b"01234"), (95, None));
        assert_eq!(edits.outgoing(103, b""), (106, None));
        for (number, old) in [(90, 90), (100, 100), (101, 100), (105, 100), (106, 103), (110, 107)] {
            assert_eq!(edits.acknowledged(number), old);
        }
        assert!(!edits.replace(102, 1, b""), "inside");
        assert!(edits.replace(103, 2, b""));
        assert_eq!(edits.outgoing(105, b"x"), (106, None));
    }

    #[test]
    fn what_is_sent_again_is_replaced_again_however_it_is_cut() {
        let start = u32::MAX - 5;
        let sent = b"PORT 10,0,0,1,4,1\r\nLIST\r\nPORT 10,0,0,1,4,2\r\nQUIT\r\n";
        let first = (5_usize..17, &b"192,0,2,1,200,1"[..]);
        let second = (30_usize..42, &b"1,1,1,1,1,1"[..]);
        let mut edits = StreamEdits::default();
        let mut expected: Vec<u8> = Vec::new();
        let mut at = 0;
        for (place, new) in [first, second] {
            assert!(edits.replace(start.wrapping_add(place.start as u32), place.len() as u32, new));
            expected.extend(&sent[at..place.start]);
            expected.extend(new);
            at = place.end;
        }
        expected.extend(&sent[at..]);
        for from in 0..sent.len() {
            for to in from..=sent.len() {
                let sequence = start.wrapping_add(from as u32);
                let (number, made) = edits.outgoing(sequence, &sent[from..to]);
                let made = made.unwrap_or_else(|| sent[from..to].to_vec());
                let place = number.wrapping_sub(start) as usize;
                assert_eq!(expected[place..place + made.len()], made, "{from}..{to}");
                let acknowledged = edits.acknowledged(number.wrapping_add(made.len() as u32));
                assert!(distance(start.wrapping_add(to as u32), acknowledged) >= 0 || made.is_empty());
            }
        }
    }

    #[test]
    fn numbers_may_be_other_ones_from_the_start() {
        let edits = StreamEdits::shifted(0_u32.wrapping_sub(10));
        assert!(!edits.is_empty());
        assert_eq!(edits.outgoing(7, b"abc"), (u32::MAX - 2, None));
        assert_eq!(edits.acknowledged(0), 10);
    }

    #[test]
    fn old_replacements_leave_their_shift() {
        let mut edits = StreamEdits::default();
        for number in 0..1000 {
            assert!(edits.replace(100 * number, 1, b"xyz"));
        }
        assert!(edits.edits.len() <= MOST_EDITS && !edits.is_empty());
        assert_eq!(edits.outgoing(100_000, b"a"), (102_000, None));
        assert_eq!(edits.acknowledged(102_001), 100_001);
    }
}
