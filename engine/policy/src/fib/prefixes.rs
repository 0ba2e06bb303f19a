//! The prefixes of one family with the numbers of their lists, and the table that is made of them.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    table::{Shape, Table},
    trie::{Entry, NOTHING},
};

/// A prefix as a map's key, in order of bits, then length.
pub(super) trait Key: Copy + Ord {
    fn new(bits: u128, length: u8) -> Self;
    fn bits(self) -> u128;
    fn length(self) -> u8;
}

/// An IPv4 address above the length: small, because there are a million.
impl Key for u64 {
    fn new(bits: u128, length: u8) -> Self {
        (bits >> 88) as Self & !0xff | Self::from(length)
    }

    fn bits(self) -> u128 {
        u128::from(self & !0xff) << 88
    }

    fn length(self) -> u8 {
        self as u8
    }
}

impl Key for (u128, u8) {
    fn new(bits: u128, length: u8) -> Self {
        (bits, length)
    }

    fn bits(self) -> u128 {
        self.0
    }

    fn length(self) -> u8 {
        self.1
    }
}

/// One family's prefixes.
#[derive(Clone, Debug)]
pub(super) struct Prefixes<K> {
    shape: Shape,
    /// Those shorter than a part.
    around: BTreeMap<K, u32>,
    inside: BTreeMap<K, u32>,
    is_around_stale: bool,
    stale_parts: BTreeSet<usize>,
    table: Table,
}

impl<K: Key> Prefixes<K> {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            around: BTreeMap::new(),
            inside: BTreeMap::new(),
            is_around_stale: false,
            stale_parts: BTreeSet::new(),
            table: Table::new(shape),
        }
    }

    pub fn len(&self) -> usize {
        self.around.len() + self.inside.len()
    }

    /// The number of the prefix's list; 0 without one.
    pub fn get(&self, bits: u128, length: u8) -> u32 {
        let is_around = length < self.shape.part_bits;
        let map = if is_around { &self.around } else { &self.inside };
        map.get(&K::new(bits, length)).copied().unwrap_or(NOTHING)
    }

    /// Gives the prefix another list; 0 takes it away.
    pub fn set(&mut self, bits: u128, length: u8, number: u32) {
        let is_around = length < self.shape.part_bits;
        let map = if is_around { &mut self.around } else { &mut self.inside };
        let key = K::new(bits, length);
        let before = if number == NOTHING { map.remove(&key) } else { map.insert(key, number) };
        if before.unwrap_or(NOTHING) != number {
            self.touch(bits, length);
        }
    }

    /// The answers of all prefixes with one of these lists are to be made anew.
    pub fn touch_lists(&mut self, lists: &BTreeSet<u32>) {
        let all = self.around.iter().chain(&self.inside);
        let touched: Vec<K> = all.filter(|(_, number)| lists.contains(number)).map(|(key, _)| *key).collect();
        for key in touched {
            self.touch(key.bits(), key.length());
        }
    }

    fn touch(&mut self, bits: u128, length: u8) {
        if length < self.shape.part_bits {
            self.is_around_stale = true;
        } else {
            self.stale_parts.insert(self.shape.part_of(bits));
        }
    }

    pub fn is_stale(&self) -> bool {
        self.is_around_stale || !self.stale_parts.is_empty()
    }

    /// The table of the prefixes whose lists lead somewhere.
    pub fn table(&mut self, is_usable: impl Fn(u32) -> bool) -> &Table {
        let entry = |(key, number): (&K, &u32)| {
            let entry = Entry { bits: key.bits(), length: key.length(), answer: *number };
            is_usable(*number).then_some(entry)
        };
        if core::mem::take(&mut self.is_around_stale) {
            self.table.set_around(self.around.iter().filter_map(entry));
        }
        let mut entries = Vec::new();
        for part in core::mem::take(&mut self.stale_parts) {
            let first = (part as u128) << (128 - self.shape.part_bits);
            let last = first | u128::MAX >> self.shape.part_bits;
            entries.clear();
            entries.extend(self.inside.range(K::new(first, 0)..=K::new(last, u8::MAX)).filter_map(entry));
            self.table.set_part(part, &mut entries);
        }
        &self.table
    }
}
