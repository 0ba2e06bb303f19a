//! A set of small numbers that finds a free one in constant time.

use alloc::{boxed::Box, vec};
use core::ops::Range;

/// A bitmap with a summary: one bit of the summary for each word that has no room. 65,536 numbers take
/// 8 KiB and 128 bytes, and a search reads at most two words and the summary.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: Box<[u64]>,
    full: Box<[u64]>,
    used: u32,
}

impl Bits {
    /// For the numbers below 64 times `words`, all of them free.
    pub fn new(words: usize) -> Self {
        Self {
            words: vec![0; words].into_boxed_slice(),
            full: vec![0; words.div_ceil(64)].into_boxed_slice(),
            used: 0,
        }
    }

    /// How many numbers are in the set.
    pub const fn used(&self) -> u32 {
        self.used
    }

    /// Whether `number` is in the set; those beyond its size are not.
    pub fn has(&self, number: u32) -> bool {
        self.words.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    /// Adds `number`; false where it was there already or lies beyond the size.
    pub fn add(&mut self, number: u32) -> bool {
        let place = number as usize / 64;
        let Some(word) = self.words.get_mut(place) else { return false };
        let bit = 1 << (number % 64);
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        if *word == u64::MAX {
            self.full[place / 64] |= 1 << (place % 64);
        }
        self.used += 1;
        true
    }

    /// Takes `number` out; false where it was not there.
    pub fn remove(&mut self, number: u32) -> bool {
        let place = number as usize / 64;
        let Some(word) = self.words.get_mut(place) else { return false };
        let bit = 1 << (number % 64);
        if *word & bit == 0 {
            return false;
        }
        *word &= !bit;
        self.full[place / 64] &= !(1 << (place % 64));
        self.used -= 1;
        true
    }

    /// The first free number at or after `start`, then from the beginning of the range. `within` counts
    /// words of 64 numbers.
    pub fn first_free(&self, within: &Range<usize>, start: u32) -> Option<u32> {
        let within = within.start..within.end.min(self.words.len());
        let place = start as usize / 64;
        if within.contains(&place)
            && let Some(free) = lowest(!self.words[place] & u64::MAX << (start % 64))
        {
            return Some(place as u32 * 64 + free);
        }
        let after = place.max(within.start).saturating_add(usize::from(place >= within.start));
        let word = self.word_with_room(after..within.end).or_else(|| self.word_with_room(within.clone()))?;
        lowest(!self.words[word]).map(|free| word as u32 * 64 + free)
    }

    fn word_with_room(&self, within: Range<usize>) -> Option<usize> {
        let mut place = within.start;
        while place < within.end {
            let room = !self.full.get(place / 64)? & u64::MAX << (place % 64);
            if let Some(found) = lowest(room) {
                let found = place / 64 * 64 + found as usize;
                return (found < within.end).then_some(found);
            }
            place = (place / 64 + 1) * 64;
        }
        None
    }
}

const fn lowest(bits: u64) -> Option<u32> {
    if bits == 0 { None } else { Some(bits.trailing_zeros()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    #[test]
    fn a_search_wraps_and_ends_when_nothing_is_free() {
        let mut bits = Bits::new(4);
        for number in 64..192 {
            assert!(bits.add(number));
        }
        assert_eq!(bits.first_free(&(1..3), 70), None);
        assert_eq!(bits.first_free(&(0..4), 70), Some(192));
        bits.remove(65);
        assert_eq!(bits.first_free(&(1..3), 70), Some(65));
        assert!(!bits.add(256) && !bits.has(256) && !bits.remove(256));
    }

    proptest! {
        #[test]
        fn agrees_with_a_plain_set(
            numbers in prop::collection::vec((0u32..640, any::<bool>()), 0..1500),
            start in 0u32..640,
            edges in (0usize..10, 0usize..11),
        ) {
            let (mut bits, mut plain) = (Bits::new(10), BTreeSet::new());
            for (number, add) in numbers {
                if add {
                    prop_assert_eq!(bits.add(number), plain.insert(number));
                } else {
                    prop_assert_eq!(bits.remove(number), plain.remove(&number));
                }
            }
            prop_assert_eq!(bits.used() as usize, plain.len());
            let within = edges.0..edges.1.max(edges.0);
            let numbers = within.start as u32 * 64..within.end as u32 * 64;
            let free: BTreeSet<u32> = numbers.filter(|number| !plain.contains(number)).collect();
            let expected = free.range(start..).next().or_else(|| free.first());
            prop_assert_eq!(bits.first_free(&within, start), expected.copied());
        }
    }
}
