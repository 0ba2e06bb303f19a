//! The regions, and the way to the one that holds a packet.

use alloc::vec::Vec;

use bifrons_model::AppId;

use super::{DESTINATION, DESTINATION_PORT, PROTOCOL, Point, SOURCE};

/// The ways that one node parts.
pub(super) const WIDTH: usize = 16;
/// Forks that a lookup may have open at once.
pub(super) const FORKS_MAX: usize = 8;

/// A tree of cuts. Where boxes would have to be repeated in too many regions, it forks: both branches are
/// searched.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) root: Branch,
    pub(super) nodes: Vec<Node>,
    pub(super) forks: Vec<Fork>,
    pub(super) entries: Vec<Entry>,
}

/// A place in one of the lists of a `Tree`, the upper bits saying which: 0 a leaf's first entry, 1 to 7 a
/// node that cuts dimension 0 to 6, 8 a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Branch(u32);

const PLACE_BITS: u32 = 28;
const FORK: u32 = 8;

impl Branch {
    /// A leaf without entries.
    pub(super) const NONE: Self = Self(u32::MAX);
    /// Places must stay below this.
    pub(super) const PLACES: usize = 1 << PLACE_BITS;

    pub(super) const fn leaf(place: usize) -> Self {
        Self(place as u32)
    }

    pub(super) const fn node(place: usize, dimension: usize) -> Self {
        Self(place as u32 | (dimension as u32 + 1) << PLACE_BITS)
    }

    pub(super) const fn fork(place: usize) -> Self {
        Self(place as u32 | FORK << PLACE_BITS)
    }

    const fn kind(self) -> u32 {
        self.0 >> PLACE_BITS
    }

    const fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }
}

/// A cut of one dimension: child `n` is for values from key `n - 1` on and below key `n`. Two cache lines
/// that lie together.
#[derive(Clone, Debug)]
#[repr(C, align(128))]
pub(super) struct Node {
    /// Ascending; those not used are `u32::MAX`.
    pub(super) keys: [u32; WIDTH],
    /// Those not used repeat the last.
    pub(super) children: [Branch; WIDTH],
}

/// Two branches that are both searched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fork {
    pub(super) first: Branch,
    pub(super) second: Branch,
    /// The first rule in the second branch.
    pub(super) second_from: u32,
}

/// A box in a leaf, by its least corner and its extent.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(super) struct Entry {
    pub(super) source: u32,
    pub(super) source_extent: u32,
    pub(super) destination: u32,
    pub(super) destination_extent: u32,
    pub(super) port: u16,
    pub(super) port_extent: u16,
    pub(super) protocol: u8,
    pub(super) protocol_extent: u8,
    pub(super) checks: Checks,
    /// Which applications may be the rule's: see `signature`.
    pub(super) signature: u32,
    /// The rule's place.
    pub(super) rule: u32,
}

/// What of a rule its box leaves open, and whether the entry is its leaf's last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checks(u16);

impl Checks {
    pub(crate) const NONE: Self = Self(0);
    /// Its zones and addresses.
    pub(crate) const ENDS: Self = Self(1);
    /// Everything else: services, applications, users, categories, schedule.
    pub(crate) const CONDITIONS: Self = Self(2);
    /// Both zones must be one.
    pub(crate) const INTRAZONE: Self = Self(4);
    /// They must be two.
    pub(crate) const INTERZONE: Self = Self(8);
    pub(super) const LAST: Self = Self(0x8000);

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[inline]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The application's bit: a rule whose own signature lacks it does not name the application.
pub(crate) const fn signature(app: AppId) -> u32 {
    1u32 << (app.0.wrapping_mul(0x9e37) >> 11)
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Branch::NONE, nodes: Vec::new(), forks: Vec::new(), entries: Vec::new() }
    }
}

impl Tree {
    /// See `Index::search`.
    #[inline]
    pub(super) fn search(&self, point: &Point, signature: u32, mut visit: impl FnMut(u32, Checks) -> u32) {
        let mut bound = u32::MAX;
        let mut open = [0u32; FORKS_MAX];
        let mut open_count = 0;
        let mut at = self.root;
        loop {
            match at.kind() {
                0 => self.search_leaf(at.place(), point, signature, &mut bound, &mut visit),
                FORK => {
                    let Some(fork) = self.forks.get(at.place()) else { return };
                    if let Some(slot) = open.get_mut(open_count) {
                        *slot = at.place() as u32;
                        open_count += 1;
                    }
                    at = fork.first;
                    continue;
                }
                kind => {
                    if let Some(node) = self.nodes.get(at.place()) {
                        at = node.child(point[(kind as usize - 1) & 7]);
                        continue;
                    }
                }
            }
            loop {
                if open_count == 0 {
                    return;
                }
                open_count -= 1;
                let fork = open.get(open_count).and_then(|fork| self.forks.get(*fork as usize));
                if let Some(fork) = fork.filter(|fork| fork.second_from < bound) {
                    at = fork.second;
                    break;
                }
            }
        }
    }

    #[inline]
    fn search_leaf(
        &self,
        first: usize,
        point: &Point,
        signature: u32,
        bound: &mut u32,
        visit: &mut impl FnMut(u32, Checks) -> u32,
    ) {
        for entry in self.entries.get(first..).unwrap_or(&[]) {
            if entry.rule >= *bound {
                return;
            }
            if entry.signature & signature != 0 && entry.holds(point) {
                *bound = visit(entry.rule, entry.checks.without(Checks::LAST));
            }
            if entry.checks.has(Checks::LAST) {
                return;
            }
        }
    }
}

impl Node {
    #[inline]
    fn child(&self, value: u32) -> Branch {
        let passed: u32 = self.keys.iter().map(|key| u32::from(*key <= value)).sum();
        self.children[(passed as usize).min(WIDTH - 1)]
    }
}

impl Entry {
    #[inline]
    fn holds(&self, point: &Point) -> bool {
        let [source, destination] = [point[SOURCE], point[DESTINATION]];
        let (port, protocol) = (point[DESTINATION_PORT] as u16, point[PROTOCOL] as u8);
        (source.wrapping_sub(self.source) <= self.source_extent)
            & (destination.wrapping_sub(self.destination) <= self.destination_extent)
            & (port.wrapping_sub(self.port) <= self.port_extent)
            & (protocol.wrapping_sub(self.protocol) <= self.protocol_extent)
    }
}
