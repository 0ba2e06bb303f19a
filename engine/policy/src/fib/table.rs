//! One family's prefixes of one virtual router: parts that are exchanged one by one.

use alloc::{boxed::Box, sync::Arc, vec};
use core::net::IpAddr;

use super::trie::{Entry, NOTHING, Trie, first_bits};

/// How a family's table is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Addresses alike in so many first bits are in one part.
    pub part_bits: u8,
    /// The most bits that a part's first array takes.
    first_max: u8,
}

impl Shape {
    /// Nodes end at /18, /24, /30.
    pub const IPV4: Self = Self { part_bits: 10, first_max: 8 };
    /// Nodes end at /30, /36, /42, /48, …
    pub const IPV6: Self = Self { part_bits: 12, first_max: 18 };

    /// The part that holds the address.
    pub const fn part_of(self, bits: u128) -> usize {
        first_bits(bits, self.part_bits)
    }

    /// How many there are.
    pub const fn parts(self) -> usize {
        1 << self.part_bits
    }
}

/// The number of an address whose first bit is the highest.
#[inline]
pub(super) const fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => (address.to_bits() as u128) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// A family's prefixes. Nothing in it changes; a new table shares the parts that are alike.
#[derive(Clone, Debug)]
pub(super) struct Table {
    shape: Shape,
    slots: Box<[Slot]>,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    part: Option<Arc<Trie>>,
    /// The answer of the longest prefix around the part, for addresses that none inside it holds.
    around: u32,
}

impl Table {
    pub fn new(shape: Shape) -> Self {
        Self { shape, slots: vec![Slot::default(); shape.parts()].into_boxed_slice() }
    }

    /// Exchanges one part: all prefixes of at least `part_bits` in it, in order.
    pub fn set_part(&mut self, part: usize, entries: &mut [Entry]) {
        let Self { shape, slots } = self;
        let Some(slot) = slots.get_mut(part) else { return };
        for entry in &mut *entries {
            entry.bits <<= shape.part_bits;
            entry.length -= shape.part_bits.min(entry.length);
        }
        slot.part = (!entries.is_empty()).then(|| Arc::new(Trie::new(entries, shape.first_max)));
    }

    /// Exchanges all prefixes that are shorter than `part_bits`, in order.
    pub fn set_around(&mut self, entries: impl Iterator<Item = Entry>) {
        self.slots.iter_mut().for_each(|slot| slot.around = NOTHING);
        for entry in entries {
            let count = 1usize << (self.shape.part_bits - entry.length.min(self.shape.part_bits));
            let inside = self.slots.iter_mut().skip(self.shape.part_of(entry.bits)).take(count);
            inside.for_each(|slot| slot.around = entry.answer);
        }
    }

    /// Begins a search.
    #[inline]
    pub fn search(&self, bits: u128) -> Search<'_> {
        let Some(slot) = self.slots.get(self.shape.part_of(bits)) else { return Search::NOWHERE };
        let rest = bits << self.shape.part_bits;
        Search { part: slot.part.as_deref(), around: slot.around, rest, at: NOTHING, is_place: false }
    }

    /// Bytes that it takes, with its parts.
    pub fn bytes(&self) -> usize {
        let parts = self.slots.iter().filter_map(|slot| slot.part.as_deref());
        size_of_val(&*self.slots) + parts.map(Trie::bytes).sum::<usize>()
    }
}

/// A search in steps, each of which waits for memory once, so that many can go side by side: `enter`, then
/// `step`, as long as they say that there is more to do, then `answer`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search<'a> {
    part: Option<&'a Trie>,
    around: u32,
    /// The bits that are not decided yet, the next one highest.
    rest: u128,
    /// A node while there is more to do; then the answer, or its place.
    at: u32,
    /// Whether `at` is a place.
    is_place: bool,
}

impl Search<'_> {
    /// One that finds nothing.
    pub const NOWHERE: Self = Self { part: None, around: NOTHING, rest: 0, at: NOTHING, is_place: false };

    /// Reads what `enter` will read; the number is of no meaning.
    #[inline]
    pub fn touch_first(&self) -> u64 {
        self.part.map_or(0, |part| part.touch_first(self.rest))
    }

    #[inline]
    pub fn enter(&mut self) -> bool {
        let Some(part) = self.part else { return false };
        let entered = part.enter(&mut self.rest);
        let answer = entered.answer();
        self.at = answer.unwrap_or(entered.node());
        answer.is_none()
    }

    /// Reads what `step` will read.
    #[inline]
    pub fn touch_node(&self) -> u64 {
        self.part.map_or(0, |part| part.touch_node(self.at))
    }

    #[inline]
    pub fn step(&mut self) -> bool {
        let Some(part) = self.part else { return false };
        let found = part.step(self.at, &mut self.rest);
        self.at = found.at;
        self.is_place = found.is_place;
        found.is_node
    }

    #[inline]
    pub fn answer(&self) -> u32 {
        let inside = match self.part {
            Some(part) if self.is_place => part.answer(self.at),
            Some(_) | None => self.at,
        };
        if inside == NOTHING { self.around } else { inside }
    }
}
