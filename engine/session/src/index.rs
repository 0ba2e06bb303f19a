//! From a hash to the slots that may hold its session.
//!
//! Buckets of one cache line hold eight entries: a 16-bit tag of the hash and a slot with the flow's
//! direction. A full bucket spills into the following ones and counts how many entries passed it, so a
//! search ends at the first bucket that nobody passed. The memory comes zeroed and untouched from the
//! allocator and costs only as it is used.

use alloc::{vec, vec::Vec};

use bifrons_model::Direction;

use crate::prefetch;

const ENTRIES: usize = 8;
const WORDS_PER_BUCKET: usize = 8;
/// Words 0 and 1 hold the tags, 2 to 5 the entries, 6 the number of entries that passed.
const FIRST_ENTRY_WORD: usize = 2;
const PASSED_WORD: usize = 6;

/// Share of the entries that are used when the table is at capacity: two entries a session.
const LOAD_PERCENT_MAX: usize = 55;

pub(crate) struct Index {
    words: Vec<u64>,
    /// The first word at the start of a cache line.
    start: usize,
    buckets: usize,
}

/// An entry: a slot and which of the session's flows it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub slot: u32,
    pub direction: Direction,
}

impl Entry {
    const fn pack(self) -> u32 {
        self.slot << 1 | self.direction as u32
    }

    const fn unpack(bits: u32) -> Self {
        let direction = if bits & 1 == 0 { Direction::ClientToServer } else { Direction::ServerToClient };
        Self { slot: bits >> 1, direction }
    }
}

impl Index {
    pub fn with_capacity(sessions: usize) -> Self {
        let entries = sessions * 2 * 100 / LOAD_PERCENT_MAX;
        let buckets = (entries / ENTRIES + 2).next_multiple_of(2);
        let words = vec![0_u64; buckets * WORDS_PER_BUCKET + WORDS_PER_BUCKET];
        let start = (64 - words.as_ptr().addr() % 64) % 64 / size_of::<u64>();
        Self { words, start, buckets }
    }

    /// Fetches the bucket in which a search for `hash` begins.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.words[self.word(self.home(hash))]);
    }

    /// The entries whose tag is that of `hash`, nearest bucket first.
    #[inline]
    pub fn candidates(&self, hash: u64) -> Candidates<'_> {
        let bucket = self.home(hash);
        Candidates {
            index: self,
            tag: tag(hash),
            bucket,
            matches: self.matching(bucket, tag(hash)),
            left: self.buckets,
        }
    }

    /// Adds an entry.
    ///
    /// The caller keeps the number of sessions within the capacity, so a free entry exists.
    pub fn insert(&mut self, hash: u64, entry: Entry) {
        let mut bucket = self.home(hash);
        for _ in 0..self.buckets {
            let free = self.matching(bucket, 0);
            if free != 0 {
                self.set(bucket, free.trailing_zeros() as usize, tag(hash), entry.pack());
                return;
            }
            let passed = self.word(bucket) + PASSED_WORD;
            self.words[passed] += 1;
            bucket = self.next(bucket);
        }
        debug_assert!(false, "more entries than the index was made for");
    }

    /// Takes an entry out. Does nothing when it is not there.
    pub fn remove(&mut self, hash: u64, entry: Entry) {
        let home = self.home(hash);
        let mut bucket = home;
        for _ in 0..self.buckets {
            let mut matches = self.matching(bucket, tag(hash));
            while matches != 0 {
                let place = matches.trailing_zeros() as usize;
                matches &= matches - 1;
                if self.entry(bucket, place) == entry.pack() {
                    self.set(bucket, place, 0, 0);
                    self.unpass(home, bucket);
                    return;
                }
            }
            if self.words[self.word(bucket) + PASSED_WORD] == 0 {
                return;
            }
            bucket = self.next(bucket);
        }
    }

    /// Takes back one passage of every bucket from `home` up to, not including, `end`.
    fn unpass(&mut self, home: usize, end: usize) {
        let mut bucket = home;
        while bucket != end {
            let passed = self.word(bucket) + PASSED_WORD;
            self.words[passed] -= 1;
            bucket = self.next(bucket);
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        // The low half of the hash, scaled to the number of buckets; the tag is in the high half.
        (((hash & 0xffff_ffff) * self.buckets as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, bucket: usize) -> usize {
        if bucket + 1 == self.buckets { 0 } else { bucket + 1 }
    }

    #[inline]
    fn word(&self, bucket: usize) -> usize {
        self.start + bucket * WORDS_PER_BUCKET
    }

    /// A bit for each entry of `bucket` whose tag is `wanted`.
    #[inline]
    fn matching(&self, bucket: usize, wanted: u16) -> u32 {
        let at = self.word(bucket);
        lanes_equal(self.words[at], wanted) | lanes_equal(self.words[at + 1], wanted) << 4
    }

    #[inline]
    fn entry(&self, bucket: usize, place: usize) -> u32 {
        (self.words[self.word(bucket) + FIRST_ENTRY_WORD + place / 2] >> (place % 2 * 32)) as u32
    }

    fn set(&mut self, bucket: usize, place: usize, tag: u16, entry: u32) {
        let at = self.word(bucket);
        put(&mut self.words[at + place / 4], place % 4 * 16, 0xffff, u64::from(tag));
        put(
            &mut self.words[at + FIRST_ENTRY_WORD + place / 2],
            place % 2 * 32,
            0xffff_ffff,
            u64::from(entry),
        );
    }
}

/// A bit for each of the four 16-bit lanes of `word` that is `wanted`; the first lane is the lowest bit.
#[inline]
const fn lanes_equal(word: u64, wanted: u16) -> u32 {
    const LOW_BITS: u64 = 0x7fff_7fff_7fff_7fff;
    /// Brings the bits 0, 16, 32 and 48 together at bit 48.
    const GATHER: u64 = 1 << 48 | 1 << 33 | 1 << 18 | 1 << 3;
    let difference = word ^ (wanted as u64 * 0x0001_0001_0001_0001);
    // The top bit of a lane stays clear only where the whole lane is zero.
    let unequal = ((difference & LOW_BITS) + LOW_BITS) | difference;
    let equal = (!unequal & !LOW_BITS) >> 15;
    (equal.wrapping_mul(GATHER) >> 48) as u32 & 0xf
}

/// Writes `value` into the bits of `word` that `mask`, shifted, names.
fn put(word: &mut u64, shift: usize, mask: u64, value: u64) {
    *word = *word & !(mask << shift) | value << shift;
}

/// 1 to 65,535; zero marks a free entry.
#[inline]
fn tag(hash: u64) -> u16 {
    ((hash >> 48) as u16).max(1)
}

/// A search's candidates, one after the other.
pub(crate) struct Candidates<'a> {
    index: &'a Index,
    tag: u16,
    bucket: usize,
    matches: u32,
    left: usize,
}

impl Iterator for Candidates<'_> {
    type Item = Entry;

    #[inline]
    fn next(&mut self) -> Option<Entry> {
        while self.matches == 0 {
            let passed = self.index.words[self.index.word(self.bucket) + PASSED_WORD];
            if passed == 0 || self.left == 0 {
                return None;
            }
            self.left -= 1;
            self.bucket = self.index.next(self.bucket);
            self.matches = self.index.matching(self.bucket, self.tag);
        }
        let place = self.matches.trailing_zeros() as usize;
        self.matches &= self.matches - 1;
        Some(Entry::unpack(self.index.entry(self.bucket, place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const C2S: Direction = Direction::ClientToServer;

    #[test]
    fn lanes_are_compared_whole() {
        let word = 0x0001_8000_0001_ffff;
        for (wanted, bits) in [(1, 0b1010), (0x8000, 0b0100), (0xffff, 0b0001), (0, 0), (2, 0)] {
            assert_eq!(lanes_equal(word, wanted), bits, "{wanted:x}");
        }
        assert_eq!(lanes_equal(0, 0), 0b1111);
    }

    #[test]
    fn full_buckets_spill_and_come_back() {
        let mut index = Index::with_capacity(100);
        // One hash for all: every entry wants the same bucket.
        let hash = 0xabcd_0000_1234_5678;
        for slot in 0..50 {
            index.insert(hash, Entry { slot, direction: C2S });
        }
        assert_eq!(index.candidates(hash).count(), 50);
        for slot in 0..50 {
            index.remove(hash, Entry { slot, direction: C2S });
            assert_eq!(index.candidates(hash).count(), 49 - slot as usize);
        }
        assert!(index.words.iter().all(|word| *word == 0), "nothing is left behind");
    }

    proptest! {
        #[test]
        fn behaves_like_a_list(
            steps in proptest::collection::vec((0_u64..40, 0_u32..20, any::<bool>()), 0..200),
        ) {
            let mut index = Index::with_capacity(200);
            let mut model: Vec<(u64, u32)> = Vec::new();
            for (key, slot, add) in steps {
                let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                if add {
                    index.insert(hash, Entry { slot, direction: C2S });
                    model.push((hash, slot));
                } else {
                    index.remove(hash, Entry { slot, direction: C2S });
                    if let Some(place) = model.iter().position(|pair| *pair == (hash, slot)) {
                        model.swap_remove(place);
                    }
                }
                let mut found: Vec<u32> = index.candidates(hash).map(|entry| entry.slot).collect();
                let same = model.iter().filter(|pair| pair.0 == hash);
                let mut expected: Vec<u32> = same.map(|pair| pair.1).collect();
                found.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
