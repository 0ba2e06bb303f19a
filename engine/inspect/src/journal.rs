//! What an inspection was shown, so that another device can be shown the same and go on from there.
//!
//! An inspection is what its payloads make it, decoders included, so nothing of its state is exported: the
//! other device shows its own inspection the same payloads. The journal is bounded; a session of which more
//! would be needed goes on at the other device with what is known of it and with what comes from then on.
//!
//! One entry: a varint of length and direction, the sequence number (TCP), a varint of what was cut off, the
//! bytes.

use alloc::vec::Vec;

use bifrons_model::Direction;

use crate::{Payload, Transport};

/// Bytes that a journal holds at most.
pub(crate) const JOURNAL_BYTES: usize = 16 * 1024;

/// Bytes of a journal that are told at a time, and that an entry has, at most.
pub const TOLD_BYTES: usize = 4 * 1024;

/// The payloads that an inspection was shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Journal {
    bytes: Vec<u8>,
    /// How many of them were told.
    told: usize,
    /// The beginning of an entry that another device tells of.
    partial: Vec<u8>,
    /// More came than it holds: it is of no use any more.
    is_lost: bool,
    /// Whether that was told.
    is_loss_told: bool,
}

/// A part of an inspection's journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The place of its first byte in the journal; `u32::MAX`: the journal is given up, and the inspection
    /// goes on with what comes.
    pub from: u32,
    /// Entries, of which the last may be continued in the next part; at most `TOLD_BYTES`.
    pub bytes: Vec<u8>,
}

impl Shown {
    /// What tells that a journal is given up.
    pub const LOST: u32 = u32::MAX;
}

impl Journal {
    /// Takes what another device tells, from what is not known yet; false where a part is missing. What is
    /// whole is to be taken out with `take_whole`.
    pub(crate) fn hear(&mut self, shown: &Shown) -> bool {
        let known = self.bytes.len() + self.partial.len();
        let Some(skipped) = known.checked_sub(shown.from as usize) else { return false };
        self.partial.extend(shown.bytes.get(skipped..).unwrap_or_default());
        self.partial.len() <= 2 * TOLD_BYTES
    }

    /// The entries that were heard whole.
    pub(crate) fn take_whole(&mut self, transport: Transport) -> Vec<u8> {
        let mut rest = self.partial.as_slice();
        while let Some((_, behind)) = entry(rest, transport) {
            rest = behind;
        }
        let (left, whole) = (rest.len(), self.partial.len() - rest.len());
        let partial = self.partial.split_off(whole);
        debug_assert_eq!(partial.len(), left, "what is not whole stays");
        core::mem::replace(&mut self.partial, partial)
    }

    pub(crate) fn add(&mut self, transport: Transport, payload: &Payload<'_>) {
        // Length and direction, sequence number, what was cut off.
        const HEAD_MAX: usize = 5 + 4 + 5;
        let length = payload.bytes.len();
        if self.is_lost || length + HEAD_MAX > TOLD_BYTES || self.bytes.len() + length > JOURNAL_BYTES {
            self.is_lost = true;
            self.bytes = Vec::new();
            return;
        }
        put(&mut self.bytes, (length as u32) << 1 | payload.direction.index() as u32);
        if transport == Transport::Tcp {
            self.bytes.extend(payload.sequence.to_be_bytes());
        }
        put(&mut self.bytes, payload.cut);
        self.bytes.extend(payload.bytes);
    }

    /// What is to be told next, at most `room` bytes; from the first entry again if `again` says so.
    pub(crate) fn tell(&mut self, again: bool, room: usize) -> Option<Shown> {
        if again {
            self.told = 0;
            self.is_loss_told = false;
        }
        if self.is_lost {
            let is_news = !core::mem::replace(&mut self.is_loss_told, true);
            return is_news.then_some(Shown { from: Shown::LOST, bytes: Vec::new() });
        }
        let rest = self.bytes.get(self.told..)?;
        let bytes = rest.get(..rest.len().min(room).min(TOLD_BYTES)).filter(|bytes| !bytes.is_empty())?;
        let shown = Shown { from: self.told as u32, bytes: bytes.to_vec() };
        self.told += shown.bytes.len();
        Some(shown)
    }

    /// Whether entries are left that were not told.
    pub(crate) const fn has_more(&self) -> bool {
        if self.is_lost { !self.is_loss_told } else { self.told < self.bytes.len() }
    }
}

/// The first entry, and what is behind it.
pub(crate) fn entry(bytes: &[u8], transport: Transport) -> Option<(Payload<'_>, &[u8])> {
    let (head, rest) = take(bytes)?;
    let direction = if head & 1 == 0 { Direction::ClientToServer } else { Direction::ServerToClient };
    let (sequence, rest) = match transport {
        Transport::Tcp => {
            let (number, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_be_bytes(*number), rest)
        }
        Transport::Udp => (0, rest),
    };
    let (cut, rest) = take(rest)?;
    let (bytes, rest) = rest.split_at_checked((head >> 1) as usize)?;
    Some((Payload { direction, sequence, bytes, cut }, rest))
}

fn put(out: &mut Vec<u8>, mut value: u32) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0_u32;
    for (place, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 0x7f).checked_shl(place as u32 * 7)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn payload(sequence: u32, bytes: &[u8]) -> Payload<'_> {
        Payload { direction: Direction::ServerToClient, sequence, bytes, cut: 300 }
    }

    #[test]
    fn entries_come_back_and_are_told_once() {
        for transport in [Transport::Tcp, Transport::Udp] {
            let mut journal = Journal::default();
            let long = vec![7; 2_000];
            for sequence in 0..4 {
                journal.add(transport, &payload(sequence, &long));
            }
            let mut heard = Journal::default();
            let (mut told, mut entries) = (0, Vec::new());
            while let Some(shown) = journal.tell(false, 700) {
                assert!(shown.bytes.len() <= 700 && shown.from == told);
                told += shown.bytes.len() as u32;
                for _ in 0..2 {
                    assert!(heard.hear(&shown));
                }
                let whole = heard.take_whole(transport);
                heard.bytes.extend(&whole);
                entries.extend(whole);
            }
            let mut rest = entries.as_slice();
            for sequence in 0..4 {
                let (found, behind) = entry(rest, transport).expect("an entry");
                let expected = if transport == Transport::Tcp { sequence } else { 0 };
                assert_eq!(found, payload(expected, &long));
                rest = behind;
            }
            assert!(rest.is_empty() && !journal.has_more() && heard.partial.is_empty());
            assert_eq!(journal.tell(true, 9).map(|shown| shown.from), Some(0));
            assert!(!heard.hear(&Shown { from: 90_000, bytes: vec![1] }), "a part is missing");
        }
    }

    #[test]
    fn a_journal_is_bounded_and_given_up() {
        let mut journal = Journal::default();
        for sequence in 0..100 {
            journal.add(Transport::Tcp, &payload(sequence, &[1; 1_400]));
            assert!(journal.bytes.len() <= JOURNAL_BYTES + 16);
        }
        assert_eq!(journal.bytes.capacity(), 0);
        let lost = journal.tell(false, 1_000).expect("news");
        assert_eq!((lost.from, lost.bytes.len()), (Shown::LOST, 0));
        assert_eq!(journal.tell(false, 1_000), None);
    }
}
