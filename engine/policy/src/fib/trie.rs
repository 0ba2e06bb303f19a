//! A part of a forwarding table: all its prefixes in three flat arrays, searched in few steps.
//!
//! The first bits of an address are a place in an array; from there on a node decides six bits. A node says
//! with one bit for each of its 64 places whether another node stands there or an answer; nodes below one
//! node lie side by side, and of equal answers side by side one is kept. So a place is found by counting
//! bits. (The structure is known as Poptrie: Asai and Ohara, SIGCOMM 2015.) Where only one prefix is left,
//! a node holds it instead: long prefixes far from others take no chain of nodes.

use alloc::{boxed::Box, vec, vec::Vec};
use core::ops::Range;

/// The answer where no prefix holds the address.
pub(super) const NOTHING: u32 = 0;

/// Set in a place of the first array that is an answer; any other is the number of a node.
const ANSWER: u32 = 1 << 31;
/// Answers are below this.
pub(super) const ANSWERS_MAX: u32 = ANSWER;
/// How many bits a node decides.
const STRIDE: u8 = 6;
/// The first array has at most so many places for each prefix.
const PLACES_PER_PREFIX: usize = 16;

/// A prefix and its answer. Addresses of both families are numbers whose highest bit is the first; bits
/// beyond the length are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub bits: u128,
    pub length: u8,
    pub answer: u32,
}

/// The prefixes of one part.
#[derive(Debug)]
pub(super) struct Trie {
    first_bits: u8,
    first: Box<[u32]>,
    nodes: Box<[Node]>,
    answers: Box<[u32]>,
}

/// Half a line of a cache.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(32))]
struct Node {
    /// Where another node stands; of a single prefix the later 64 of its bits that are not decided yet.
    inner: u64,
    /// Where an answer begins that differs from the one before; of a single prefix its next 64 bits.
    runs: u64,
    /// The number of the first node below; of a single prefix its answer.
    first_node: u32,
    /// The place of the first answer; of a single prefix the answer for all others.
    first_answer: u32,
    /// Of a single prefix how many bits are not decided yet; 0 for a node that decides.
    single: u8,
}

/// What stands at an address's place of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The number of a node, the place of an answer, or an answer.
    pub at: u32,
    /// Whether it is a node.
    pub is_node: bool,
    /// Whether it is the place of an answer.
    pub is_place: bool,
}

impl Trie {
    /// Of entries in the order of their bits, then their lengths, no two alike in both. The first array
    /// takes `first_max` bits, or less by whole nodes where it would be too large for so few entries.
    pub fn new(entries: &[Entry], first_max: u8) -> Self {
        let mut first_bits = first_max;
        while first_bits >= STRIDE && 1usize << first_bits > entries.len() * PLACES_PER_PREFIX {
            first_bits -= STRIDE;
        }
        let mut first = vec![NOTHING; 1 << first_bits];
        let mut builder = Builder::default();
        let below = split(entries, 0, first_bits, &mut first);
        first.iter_mut().for_each(|place| *place |= ANSWER);
        for (place, range) in below {
            if let (Some(place), Some(entries)) = (first.get_mut(place), entries.get(range)) {
                let inherited = *place & !ANSWER;
                *place = builder.append(entries, first_bits, inherited);
            }
        }
        Self {
            first_bits,
            first: first.into_boxed_slice(),
            nodes: builder.nodes.into_boxed_slice(),
            answers: builder.answers.into_boxed_slice(),
        }
    }

    /// The first array's place for the address; takes from `rest` the bits that it decides.
    #[inline]
    pub fn enter(&self, rest: &mut u128) -> Entered {
        let place = first_bits(*rest, self.first_bits);
        *rest <<= self.first_bits;
        Entered(self.first.get(place).copied().unwrap_or(ANSWER | NOTHING))
    }

    /// Reads the first array's place for the address, so that it is at hand when `enter` needs it.
    #[inline]
    pub fn touch_first(&self, rest: u128) -> u64 {
        self.first.get(first_bits(rest, self.first_bits)).map_or(0, |place| u64::from(*place))
    }

    /// As `touch_first`, for a node.
    #[inline]
    pub fn touch_node(&self, node: u32) -> u64 {
        self.nodes.get(node as usize).map_or(0, |node| node.runs)
    }

    /// Looks at a node; takes from `rest` the bits that it decides. It is made so that few branches depend
    /// on what is found, as none could be foretold.
    #[inline]
    pub fn step(&self, node: u32, rest: &mut u128) -> Found {
        let Some(node) = self.nodes.get(node as usize) else {
            return Found { at: NOTHING, is_node: false, is_place: false };
        };
        if node.single > 0 {
            let bits = u128::from(node.runs) << 64 | u128::from(node.inner);
            let is_same = (bits ^ *rest) >> (128 - node.single) == 0;
            let at = if is_same { node.first_node } else { node.first_answer };
            return Found { at, is_node: false, is_place: false };
        }
        let place = first_bits(*rest, STRIDE);
        *rest <<= STRIDE;
        let is_node = node.inner >> place & 1 == 1;
        let inner = u64::from(is_node).wrapping_neg();
        let marks = (node.inner & inner | node.runs & !inner) & u64::MAX >> (63 - place);
        let first = node.first_node & inner as u32 | node.first_answer & !inner as u32;
        Found { at: (first + marks.count_ones()).wrapping_sub(1), is_node, is_place: !is_node }
    }

    /// The answer at a place.
    #[inline]
    pub fn answer(&self, place: u32) -> u32 {
        self.answers.get(place as usize).copied().unwrap_or(NOTHING)
    }

    /// Bytes that the arrays take.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.first)
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.answers)
    }
}

/// The first `count` bits of an address, at most 63, as a number.
#[inline]
pub(super) const fn first_bits(address: u128, count: u8) -> usize {
    (((address >> 64) as u64 >> 1) >> (63 - count)) as usize
}

/// A place of the first array.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entered(u32);

impl Entered {
    /// The answer, if there is one.
    #[inline]
    pub const fn answer(self) -> Option<u32> {
        if self.0 & ANSWER == 0 { None } else { Some(self.0 & !ANSWER) }
    }

    /// The node, where there is no answer.
    #[inline]
    pub const fn node(self) -> u32 {
        self.0
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    answers: Vec<u32>,
}

impl Builder {
    /// Adds a node of entries that are alike in `depth` bits and longer, and all below it.
    fn append(&mut self, entries: &[Entry], depth: u8, inherited: u32) -> u32 {
        let number = self.nodes.len() as u32;
        self.nodes.push(Node::default());
        self.fill(number as usize, entries, depth, inherited);
        number
    }

    fn fill(&mut self, number: usize, entries: &[Entry], depth: u8, inherited: u32) {
        if let ([entry], Some(node)) = (entries, self.nodes.get_mut(number)) {
            let bits = entry.bits << depth;
            *node = Node {
                inner: bits as u64,
                runs: (bits >> 64) as u64,
                first_node: entry.answer,
                first_answer: inherited,
                single: entry.length - depth,
            };
            return;
        }
        let mut painted = [inherited; 1 << STRIDE];
        let below = split(entries, depth, STRIDE, &mut painted);
        let mut node = Node {
            first_node: self.nodes.len() as u32,
            first_answer: self.answers.len() as u32,
            ..Node::default()
        };
        for (place, _) in &below {
            node.inner |= 1 << place;
        }
        let mut last = None;
        for (place, answer) in painted.iter().enumerate() {
            if node.inner >> place & 1 == 0 && last != Some(answer) {
                node.runs |= 1 << place;
                self.answers.push(*answer);
                last = Some(answer);
            }
        }
        self.nodes.resize_with(self.nodes.len() + below.len(), Node::default);
        if let Some(place) = self.nodes.get_mut(number) {
            *place = node;
        }
        for ((place, range), number) in below.into_iter().zip(node.first_node as usize..) {
            if let (Some(inherited), Some(entries)) = (painted.get(place), entries.get(range)) {
                self.fill(number, entries, depth + STRIDE, *inherited);
            }
        }
    }
}

/// Divides entries that are alike in `depth` bits by the next `stride` bits: writes the answers of those
/// that end there to their places, and says which entries go on at which place.
fn split(entries: &[Entry], depth: u8, stride: u8, places: &mut [u32]) -> Vec<(usize, Range<usize>)> {
    let mut below: Vec<(usize, Range<usize>)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let place = first_bits(entry.bits << depth, stride);
        let spare = (depth + stride).checked_sub(entry.length);
        match (spare, below.last_mut()) {
            // What ends here stands before what goes on at the same place, so what is inside comes later.
            (Some(spare), _) => {
                places.iter_mut().skip(place).take(1 << spare).for_each(|place| *place = entry.answer);
            }
            (None, Some((last, range))) if *last == place => range.end = at + 1,
            (None, _) => below.push((place, at..at + 1)),
        }
    }
    below
}
