//! The regions, and the way to the one that holds a packet.

use alloc::vec::Vec;

use bifrons_model::AppId;

use super::{DESTINATION, DESTINATION_PORT, PROTOCOL, Point, SOURCE};

/// The ways that one node parts.
pub(super) const WIDTH: usize = 16;
/// Leaves that one lookup may come to.
pub(super) const SEARCHES_MAX: usize = 8;

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
    /// Which applications and users may be the rule's.
    pub(super) signature: Signature,
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
    /// Applications, users, categories, schedule.
    pub(crate) const CONDITIONS: Self = Self(2);
    /// Its services.
    pub(crate) const SERVICE: Self = Self(16);
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

/// Which applications and users a rule may be for, or a query is of: a bit for each of them, which several
/// share. Those that have no bit in common do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature(u32);

impl Signature {
    pub(crate) const fn new(applications: u16, users: u16) -> Self {
        Self(applications as u32 | (users as u32) << 16)
    }

    /// The application's bit.
    pub(crate) const fn of_application(app: AppId) -> u16 {
        1 << (app.0.wrapping_mul(0x9e37) >> 12)
    }

    #[inline]
    const fn meets(self, other: Self) -> bool {
        let common = self.0 & other.0;
        (common & 0xffff != 0) & (common >> 16 != 0)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Branch::NONE, nodes: Vec::new(), forks: Vec::new(), entries: Vec::new() }
    }
}

impl Tree {
    /// See `Index::search`.
    ///
    /// All branches advance by a step in turn, and only when every leaf is found are they read, so that the
    /// memory's answers overlap.
    #[inline]
    pub(super) fn search(
        &self,
        point: &Point,
        signature: Signature,
        mut visit: impl FnMut(u32, Checks) -> u32,
    ) {
        let mut leaves = [(0u32, 0u32); SEARCHES_MAX];
        let mut count = 0;
        let mut branches = [self.root; SEARCHES_MAX];
        let mut open = 1;
        while open > 0 {
            let mut number = 0;
            while number < open {
                let at = branches[number % SEARCHES_MAX];
                match at.kind() {
                    FORK => {
                        let Some(fork) = self.forks.get(at.place()) else { return };
                        branches[number % SEARCHES_MAX] = fork.first;
                        branches[open % SEARCHES_MAX] = fork.second;
                        open += 1;
                    }
                    kind @ 1..FORK => {
                        let Some(node) = self.nodes.get(at.place()) else { return };
                        branches[number % SEARCHES_MAX] = node.child(point[(kind as usize - 1) & 7]);
                    }
                    _ => {
                        if let Some(entry) = self.entries.get(at.place()) {
                            leaves[count % SEARCHES_MAX] = (entry.rule, at.place() as u32);
                            count += 1;
                        }
                        open -= 1;
                        branches[number % SEARCHES_MAX] = branches[open % SEARCHES_MAX];
                        continue;
                    }
                }
                number += 1;
            }
        }
        let mut bound = u32::MAX;
        for (first_rule, leaf) in leaves.iter().take(count) {
            if *first_rule < bound {
                self.search_leaf(*leaf as usize, point, signature, &mut bound, &mut visit);
            }
        }
    }

    #[inline]
    fn search_leaf(
        &self,
        first: usize,
        point: &Point,
        signature: Signature,
        bound: &mut u32,
        visit: &mut impl FnMut(u32, Checks) -> u32,
    ) {
        for entry in self.entries.get(first..).unwrap_or(&[]) {
            if entry.rule >= *bound {
                return;
            }
            if entry.signature.meets(signature) && entry.holds(point) {
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
