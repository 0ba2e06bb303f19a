//! The regions, and the way to the one that holds a packet.

use alloc::vec::Vec;

use bifrons_model::AppId;

use super::{DESTINATION, DESTINATION_PORT, PROTOCOL, Point, SOURCE};

/// The ways that one node parts.
pub(super) const WIDTH: usize = 16;
/// Leaves that one lookup may come to.
pub(super) const SEARCHES_MAX: usize = 16;

/// A tree of cuts. Where boxes would have to be repeated in too many regions, it forks: both branches are
/// searched.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) root: Branch,
    forks: Vec<Fork>,
    /// Nodes and leaves; the leaves of a node stand behind it.
    lines: Vec<Line>,
}

/// A cache line: half a node, or two entries of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
struct Line([u32; WIDTH]);

/// A place in one of the lists of a `Tree`, the upper bits saying what is there: 0 a leaf's first line, 1 to
/// 7 a node that cuts dimension 0 to 6, 8 a fork.
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

/// A cut of one dimension: child `n` is for values from key `n - 1` on and below key `n`. It takes two lines.
#[derive(Clone, Copy, Debug)]
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

/// A box in a leaf, by its least corner and its extent. Half a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Which applications, users and zones may be the rule's.
    pub(super) signature: Signature,
    /// The rule's place.
    pub(super) rule: u32,
}

/// What of a rule its box leaves open, and whether the entry is its leaf's last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checks(u8);

impl Checks {
    pub(crate) const NONE: Self = Self(0);
    /// Its zones, addresses and type.
    pub(crate) const ENDS: Self = Self(1);
    /// Its zones alone.
    pub(crate) const ZONES: Self = Self(2);
    /// Both zones must be one.
    pub(crate) const INTRAZONE: Self = Self(4);
    /// They must be two.
    pub(crate) const INTERZONE: Self = Self(8);
    /// Its services.
    pub(crate) const SERVICE: Self = Self(16);
    /// Applications, users, categories, schedule.
    pub(crate) const CONDITIONS: Self = Self(32);
    pub(super) const LAST: Self = Self(128);

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

/// Which applications, users and zones a rule may be for, or a query is of: in each of the four groups a bit
/// for each of them, which several share. Where two have no bit in common in a group, they do not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signature(u64);

impl Signature {
    /// The bits that all applications or all users share, and those of all zones.
    pub(crate) const ALL: u16 = 0xfff;
    pub(crate) const ALL_ZONES: u8 = 0xff;
    /// So many zones have a bit of their own.
    pub(super) const ZONES: u32 = 8;

    /// Of applications and users twelve bits count.
    pub(crate) const fn new(applications: u16, users: u16, from: u8, to: u8) -> Self {
        let named = (applications & Self::ALL) as u64 | ((users & Self::ALL) as u64) << 12;
        Self(named | (from as u64) << 24 | (to as u64) << 32)
    }

    /// The application's bit.
    pub(crate) const fn of_application(app: AppId) -> u16 {
        let mixed = app.0.wrapping_mul(0x9e37) >> 8;
        1 << ((mixed * 12) >> 8)
    }

    /// The bit of the zone at this place in the configuration.
    pub(crate) const fn of_zone(place: u32) -> u8 {
        1 << (place % Self::ZONES)
    }

    #[inline]
    const fn meets(self, other: Self) -> bool {
        let common = self.0 & other.0;
        (common & 0xfff != 0)
            & (common & 0xfff << 12 != 0)
            & (common & 0xff << 24 != 0)
            & (common & 0xff << 32 != 0)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Branch::NONE, forks: Vec::new(), lines: Vec::new() }
    }
}

impl Tree {
    /// Whether another node fits.
    pub(super) fn has_room(&self) -> bool {
        self.lines.len() + 2 < Branch::PLACES
    }

    /// Makes room for a node, so that what is pushed from now on stands behind it.
    pub(super) fn reserve_node(&mut self) -> usize {
        let place = self.lines.len();
        self.lines.extend([Line([0; WIDTH]); 2]);
        place
    }

    pub(super) fn set_node(&mut self, place: usize, dimension: usize, node: &Node) -> Branch {
        if let Some([keys, children]) = self.lines.get_mut(place..).and_then(<[_]>::first_chunk_mut) {
            (keys.0, children.0) = (node.keys, node.children.map(|child| child.0));
        }
        Branch::node(place, dimension)
    }

    pub(super) fn reserve_fork(&mut self) -> usize {
        self.forks.push(Fork { first: Branch::NONE, second: Branch::NONE });
        self.forks.len() - 1
    }

    pub(super) fn set_fork(&mut self, place: usize, fork: Fork) -> Branch {
        if let Some(own) = self.forks.get_mut(place) {
            *own = fork;
        }
        Branch::fork(place)
    }

    /// A leaf of these entries, which stand in the order of their rules.
    pub(super) fn push_leaf(&mut self, entries: &[Entry]) -> Branch {
        let place = self.lines.len();
        let Some((last, others)) = entries.split_last() else { return Branch::NONE };
        if place + entries.len() >= Branch::PLACES {
            return Branch::NONE;
        }
        let last = Entry { checks: last.checks.with(Checks::LAST), ..*last };
        let mut words = others.iter().copied().chain([last]).map(Entry::words);
        while let Some(first) = words.next() {
            let mut line = [0; WIDTH];
            let halves = [first, words.next().unwrap_or_default()];
            line.as_chunks_mut().0.copy_from_slice(&halves);
            self.lines.push(Line(line));
        }
        Branch::leaf(place)
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.lines.shrink_to_fit();
        self.forks.shrink_to_fit();
    }

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
                        let lines = self.lines.get(at.place()..).and_then(<[_]>::first_chunk);
                        let Some([keys, children]) = lines else { return };
                        let value = point[(kind as usize - 1) & 7];
                        branches[number % SEARCHES_MAX] = child(keys, children, value);
                    }
                    _ => {
                        if let Some(line) = self.lines.get(at.place()) {
                            let [.., rule] = line.halves()[0];
                            leaves[count % SEARCHES_MAX] = (rule, at.place() as u32);
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
                bound = self.search_leaf(*leaf as usize, point, signature, bound, &mut visit);
            }
        }
    }

    /// Returns the bound that is in force after it.
    #[inline]
    fn search_leaf(
        &self,
        first: usize,
        point: &Point,
        signature: Signature,
        mut bound: u32,
        visit: &mut impl FnMut(u32, Checks) -> u32,
    ) -> u32 {
        for words in self.lines.get(first..).unwrap_or(&[]).iter().flat_map(Line::halves) {
            let entry = Entry::from_words(words);
            if entry.rule >= bound {
                return bound;
            }
            if entry.signature.meets(signature) && entry.holds(point) {
                bound = visit(entry.rule, entry.checks.without(Checks::LAST));
            }
            if entry.checks.has(Checks::LAST) {
                return bound;
            }
        }
        bound
    }
}

impl Line {
    /// The two entries.
    #[inline]
    fn halves(&self) -> &[[u32; WIDTH / 2]] {
        self.0.as_chunks().0
    }
}

#[inline]
fn child(keys: &Line, children: &Line, value: u32) -> Branch {
    let passed: u32 = keys.0.iter().map(|key| u32::from(*key <= value)).sum();
    Branch(children.0[(passed as usize).min(WIDTH - 1)])
}

impl Entry {
    /// Its form in a leaf.
    fn words(self) -> [u32; WIDTH / 2] {
        let ports = u32::from(self.port) | u32::from(self.port_extent) << 16;
        let protocols = u32::from(self.protocol) | u32::from(self.protocol_extent) << 8;
        let checks = protocols | u32::from(self.checks.0) << 16 | ((self.signature.0 >> 32) as u32) << 24;
        [
            self.source,
            self.source_extent,
            self.destination,
            self.destination_extent,
            ports,
            checks,
            self.signature.0 as u32,
            self.rule,
        ]
    }

    #[inline]
    fn from_words(words: &[u32; WIDTH / 2]) -> Self {
        let [source, source_extent, destination, destination_extent, ports, checks, signature, rule] = *words;
        Self {
            source,
            source_extent,
            destination,
            destination_extent,
            port: ports as u16,
            port_extent: (ports >> 16) as u16,
            protocol: checks as u8,
            protocol_extent: (checks >> 8) as u8,
            checks: Checks((checks >> 16) as u8),
            signature: Signature(u64::from(signature) | u64::from(checks >> 24) << 32),
            rule,
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_half_a_line() {
        let entry = Entry {
            source: 1,
            source_extent: u32::MAX,
            destination: 2,
            destination_extent: 3,
            port: 0xffff,
            port_extent: 4,
            protocol: 0xfe,
            protocol_extent: 5,
            checks: Checks::INTERZONE.with(Checks::LAST),
            signature: Signature::new(6, 7, 8, 9),

            rule: 8,
        };
        assert_eq!(Entry::from_words(&entry.words()), entry);
    }
}
