//! Cuts the space so that few boxes reach into each region.
//!
//! From the whole space down, each region is cut along the dimension that leaves the fewest boxes to the
//! parts, weighted by how many they are; the cuts are where boxes begin and end. A box that reaches into
//! several parts is in each of them, so a part of the tree may hold so many entries and no more: its
//! allowance. Where every good cut would repeat too many boxes, those that are wide in a dimension get a
//! tree of their own beside the others: a fork. A long list for which neither is possible is cut from the
//! tree's reserve as long as that lasts; else the region becomes a leaf, however long its list. So the size
//! is bounded whatever the rules, and the same rules always give the same tree.

use alloc::{vec, vec::Vec};

use super::{
    Bounds, DESTINATION, DESTINATION_PORT, DIMENSIONS, FROM, PROTOCOL, SOURCE, SOURCE_PORT, TO,
    blocks::Block,
    tree::{Branch, Checks, Entry, Fork, Node, SEARCHES_MAX, Signature, Tree, WIDTH},
};

/// A list so short is not cut further.
const LEAF: usize = 12;
/// Entries that the whole tree may have: so many for each box, and so many more.
const ENTRIES_PER_BLOCK: usize = 8;
const ENTRIES_BASE: usize = 1 << 10;
/// A list so long is cut even where its region's allowance is used up, as long as the reserve lasts: as many
/// entries again.
const LONG: usize = 4 * LEAF;
/// So few wide boxes are repeated rather than searched apart.
const REPEATED: usize = 4;
/// Cuts on the way to any leaf.
const DEPTH_MAX: u32 = 24;
/// Boxes whose ends are looked at to find where to cut.
const SAMPLE: usize = 256;

/// The tree of these boxes, which stand in the order of their rules.
pub(super) fn tree(blocks: &[Block], zones: usize) -> Tree {
    let mut bounds = [(0, u32::MAX); DIMENSIONS];
    bounds[SOURCE_PORT] = (0, 0xffff);
    bounds[DESTINATION_PORT] = (0, 0xffff);
    bounds[PROTOCOL] = (0, 0xff);
    let last_zone = u32::try_from(zones).unwrap_or(u32::MAX).saturating_sub(1);
    bounds[FROM] = (0, last_zone);
    bounds[TO] = (0, last_zone);
    let all: Vec<u32> = (0..).take(blocks.len()).collect();
    let allowance = all.len().saturating_mul(ENTRIES_PER_BLOCK).saturating_add(ENTRIES_BASE);
    let allowance = allowance.min(Branch::PLACES / 2 - 1);
    let has_many_zones = zones > Signature::ZONES as usize;
    let mut builder = Builder { blocks, tree: Tree::default(), reserve: allowance, has_many_zones };
    let region = Region { bounds, allowance, depth: 0, searches: SEARCHES_MAX };
    builder.tree.root = builder.branch(all, region);
    builder.tree.shrink_to_fit();
    builder.tree
}

struct Builder<'a> {
    blocks: &'a [Block],
    tree: Tree,
    /// Entries beyond their allowance that regions with long lists may still have.
    reserve: usize,
    /// Whether zones share bits in signatures, so that those do not tell them apart.
    has_many_zones: bool,
}

#[derive(Clone, Copy)]
struct Region {
    bounds: Bounds,
    /// How many entries it may have.
    allowance: usize,
    depth: u32,
    /// How many searches a lookup in it may come to.
    searches: usize,
}

impl Region {
    /// The same region for one side of a fork.
    const fn fork(self, allowance: usize, searches: usize) -> Self {
        Self { bounds: self.bounds, allowance, depth: self.depth + 1, searches }
    }
}

/// A way to cut a region.
struct Cut {
    dimension: usize,
    keys: Vec<u32>,
    /// How many boxes reach into each part.
    sizes: Vec<usize>,
    /// All of them together.
    total: usize,
}

impl Cut {
    /// The boxes that a packet finds in its part, where parts with more boxes see more packets.
    fn expected(&self) -> f64 {
        let squares: f64 = self.sizes.iter().map(|size| (*size as f64) * (*size as f64)).sum();
        squares / (self.total.max(1) as f64)
    }

    fn part_of(&self, value: u32) -> usize {
        self.keys.partition_point(|key| *key <= value)
    }

    /// The first and the last part that the range reaches into.
    fn parts_of(&self, (first, last): (u32, u32)) -> (usize, usize) {
        (self.part_of(first), self.part_of(last))
    }
}

impl Builder<'_> {
    fn branch(&mut self, mut list: Vec<u32>, region: Region) -> Branch {
        self.cut_off_hidden(&mut list, &region.bounds);
        if list.len() <= LEAF || region.depth >= DEPTH_MAX {
            return self.leaf(&list, &region.bounds);
        }
        let cuts: Vec<Cut> =
            (0..DIMENSIONS).filter_map(|dimension| self.cut(&list, &region.bounds, dimension)).collect();
        let permitted = permitted(list.len(), region.allowance);
        let better = |one: &&Cut, other: &&Cut| one.expected().total_cmp(&other.expected());
        let best = cuts.iter().filter(|cut| cut.total <= permitted).min_by(better);
        if let Some(best) = best.filter(|best| best.expected() < list.len() as f64 * 0.6) {
            return self.node(&list, best, region);
        }
        if region.searches > 1
            && let Some((narrow, wide)) = self.part(&list, &cuts)
        {
            return self.fork(narrow, wide, region);
        }
        let limit = region.allowance + if list.len() > LONG { self.reserve } else { 0 };
        let best = cuts.iter().filter(|cut| cut.total <= limit).min_by(better);
        match best.filter(|best| best.expected() < list.len() as f64 * 0.9) {
            Some(best) => {
                self.reserve -= best.total.saturating_sub(region.allowance);
                let allowance = region.allowance.max(best.total);
                self.node(&list, best, Region { allowance, ..region })
            }
            None => self.leaf(&list, &region.bounds),
        }
    }

    /// Drops what stands behind a box that takes the whole region whatever the packet.
    fn cut_off_hidden(&self, list: &mut Vec<u32>, bounds: &Bounds) {
        let takes_all = |place: &u32| {
            let block = self.blocks.get(*place as usize);
            block.is_some_and(|block| block.checks == Checks::NONE && is_inside(bounds, &block.bounds))
        };
        if let Some(place) = list.iter().position(takes_all) {
            list.truncate(place + 1);
        }
    }

    fn range(&self, place: u32, dimension: usize) -> (u32, u32) {
        let block = self.blocks.get(place as usize);
        block.and_then(|block| block.bounds.get(dimension)).copied().unwrap_or((0, u32::MAX))
    }

    /// A good cut along one dimension; `None` where no box begins or ends within the region.
    fn cut(&self, list: &[u32], bounds: &Bounds, dimension: usize) -> Option<Cut> {
        let (first, last) = *bounds.get(dimension)?;
        let stride = list.len().div_ceil(SAMPLE);
        let (mut begins, mut ends) = (Vec::with_capacity(SAMPLE), Vec::with_capacity(SAMPLE));
        for place in list.iter().step_by(stride) {
            let range = self.range(*place, dimension);
            begins.extend((range.0 > first && range.0 <= last).then_some(range.0));
            ends.extend((range.1 >= first && range.1 < last).then(|| range.1 + 1));
        }
        if begins.is_empty() && ends.is_empty() {
            return None;
        }
        let keys = keys(begins, ends);
        let mut cut = Cut { dimension, sizes: vec![0; keys.len() + 1], keys, total: 0 };
        let mut changes = [0isize; WIDTH + 1];
        for place in list {
            let (from, to) = cut.parts_of(self.range(*place, dimension));
            changes[from.min(WIDTH)] += 1;
            changes[(to + 1).min(WIDTH)] -= 1;
        }
        let mut running = 0;
        for (size, change) in cut.sizes.iter_mut().zip(changes) {
            running += change;
            *size = running as usize;
        }
        cut.total = cut.sizes.iter().sum();
        Some(cut)
    }

    fn node(&mut self, list: &[u32], cut: &Cut, region: Region) -> Branch {
        let mut parts: Vec<Vec<u32>> = cut.sizes.iter().map(|size| Vec::with_capacity(*size)).collect();
        for place in list {
            let (from, to) = cut.parts_of(self.range(*place, cut.dimension));
            for part in parts.iter_mut().take(to + 1).skip(from) {
                part.push(*place);
            }
        }
        if !self.tree.has_room() {
            return self.leaf(list, &region.bounds);
        }
        let place = self.tree.reserve_node();
        let mut keys = [u32::MAX; WIDTH];
        for (key, own) in keys.iter_mut().zip(&cut.keys) {
            *key = *own;
        }
        let mut children = [Branch::NONE; WIDTH];
        let mut from = region.bounds[cut.dimension].0;
        let count = parts.len();
        for (number, part) in parts.into_iter().enumerate() {
            let next = cut.keys.get(number).copied();
            let mut bounds = region.bounds;
            bounds[cut.dimension] = (from, next.map_or(region.bounds[cut.dimension].1, |next| next - 1));
            from = next.unwrap_or(from);
            let allowance = share(region.allowance, part.len(), cut.total);
            let child = self.branch(part, Region { bounds, allowance, depth: region.depth + 1, ..region });
            for slot in
                children.iter_mut().take(if number + 1 == count { WIDTH } else { number + 1 }).skip(number)
            {
                *slot = child;
            }
        }
        self.tree.set_node(place, cut.dimension, &Node { keys, children })
    }

    /// The list in two, so that the first can be cut well: those boxes that reach over less than a third of
    /// the parts of a cut, and the others.
    fn part(&self, list: &[u32], cuts: &[Cut]) -> Option<(Vec<u32>, Vec<u32>)> {
        let is_narrow = |cut: &Cut, place: u32| {
            let (from, to) = cut.parts_of(self.range(place, cut.dimension));
            (to - from) * 3 < cut.sizes.len()
        };
        let narrow_count = |cut: &&Cut| list.iter().filter(|place| is_narrow(cut, **place)).count();
        let counted = cuts.iter().map(|cut| (narrow_count(&cut), cut));
        // The first of equals: `max_by_key` would take the last.
        let (count, cut) = counted.rev().max_by_key(|(count, _)| *count)?;
        if list.len() - count <= REPEATED || count * 8 < list.len() || count <= LEAF {
            return None;
        }
        Some(list.iter().partition(|place| is_narrow(cut, **place)))
    }

    fn fork(&mut self, narrow: Vec<u32>, wide: Vec<u32>, region: Region) -> Branch {
        let place = self.tree.reserve_fork();
        let total = narrow.len() + wide.len();
        let of_narrow = (region.searches / 2).max(1);
        let of_wide = (region.searches - of_narrow).max(1);
        let narrow_region = region.fork(share(region.allowance, narrow.len(), total), of_narrow);
        let wide_region = region.fork(share(region.allowance, wide.len(), total), of_wide);
        let first = self.branch(narrow, narrow_region);
        let second = self.branch(wide, wide_region);
        self.tree.set_fork(place, Fork { first, second })
    }

    fn leaf(&mut self, list: &[u32], bounds: &Bounds) -> Branch {
        let blocks = list.iter().filter_map(|place| self.blocks.get(*place as usize));
        let entries: Vec<Entry> =
            blocks.filter_map(|block| entry(block, bounds, self.has_many_zones)).collect();
        self.tree.push_leaf(&entries)
    }
}

/// How many entries one more cut may come to, so that the cuts below it may repeat boxes as freely.
fn permitted(count: usize, allowance: usize) -> usize {
    let mut levels = 1;
    let mut reach = LEAF * WIDTH / 2;
    while reach < count {
        reach = reach.saturating_mul(WIDTH / 2);
        levels += 1;
    }
    let room = allowance as f64 / count as f64;
    // The largest factor in steps of an eighth whose power stays within the room.
    let mut factor = 1.0;
    while factor < 16.0 && (0..levels).fold(1.0, |power, _| power * (factor + 0.125)) <= room {
        factor += 0.125;
    }
    (count as f64 * factor) as usize
}

fn share(allowance: usize, part: usize, total: usize) -> usize {
    ((allowance as u128 * part as u128) / total.max(1) as u128) as usize
}

/// At most `WIDTH - 1` places among those where boxes begin or end, about equally many between them; of
/// those near to where one should be, the one that the fewest boxes reach across.
fn keys(mut begins: Vec<u32>, mut ends: Vec<u32>) -> Vec<u32> {
    begins.sort_unstable();
    ends.sort_unstable();
    let mut all: Vec<u32> = begins.iter().chain(&ends).copied().collect();
    all.sort_unstable();
    let mut distinct = all.clone();
    distinct.dedup();
    if distinct.len() < WIDTH {
        return distinct;
    }
    let reach_across = |key: u32| {
        let begun = begins.partition_point(|begin| *begin < key);
        // Boxes that were open before the region count for every key alike.
        begun as isize - ends.partition_point(|end| *end <= key) as isize
    };
    let mut keys: Vec<u32> = Vec::with_capacity(WIDTH - 1);
    for part in 1..WIDTH {
        let from = (4 * part - 1) * all.len() / (4 * WIDTH);
        let until = ((4 * part + 1) * all.len() / (4 * WIDTH)).max(from + 1);
        let near = all.get(from..until).unwrap_or(&[]);
        keys.extend(near.iter().copied().min_by_key(|key| reach_across(*key)));
    }
    keys.dedup();
    keys
}

fn is_inside(inner: &Bounds, outer: &Bounds) -> bool {
    inner.iter().zip(outer).all(|(inner, outer)| outer.0 <= inner.0 && inner.1 <= outer.1)
}

/// The box as a leaf keeps it; `None` where the rule's type keeps it out of the region.
fn entry(block: &Block, region: &Bounds, has_many_zones: bool) -> Option<Entry> {
    let mut checks = block.checks;
    let is_covered = |dimension: usize| is_inside_one(region[dimension], block.bounds[dimension]);
    if !is_covered(SOURCE_PORT) {
        checks = checks.with(Checks::SERVICE);
    }
    if has_many_zones && !(is_covered(FROM) && is_covered(TO)) {
        checks = checks.with(Checks::ZONES);
    }
    let is_single = region[FROM].0 == region[FROM].1 && region[TO].0 == region[TO].1;
    let is_apart = region[FROM].1 < region[TO].0 || region[TO].1 < region[FROM].0;
    let is_within = is_single && !is_apart;
    if checks.has(Checks::INTRAZONE) && is_apart || checks.has(Checks::INTERZONE) && is_within {
        return None;
    }
    if is_apart || is_within {
        checks = checks.without(Checks::INTRAZONE).without(Checks::INTERZONE);
    }
    let [source, destination] = [block.bounds[SOURCE], block.bounds[DESTINATION]];
    let [port, protocol] = [block.bounds[DESTINATION_PORT], block.bounds[PROTOCOL]];
    Some(Entry {
        source: source.0,
        source_extent: source.1 - source.0,
        destination: destination.0,
        destination_extent: destination.1 - destination.0,
        port: port.0 as u16,
        port_extent: (port.1 - port.0) as u16,
        protocol: protocol.0 as u8,
        protocol_extent: (protocol.1 - protocol.0) as u8,
        checks,
        signature: block.signature,
        rule: block.rule,
    })
}

fn is_inside_one(inner: (u32, u32), outer: (u32, u32)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}
