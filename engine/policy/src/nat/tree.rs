//! Which rules may be for a packet: a tree that halves the space of packets until few rules are left.

use alloc::{boxed::Box, vec, vec::Vec};

use super::conditions::{Conditions, DIMENSIONS, Dimension};

/// A leaf with no more rules than this is not cut again.
const LEAF: usize = 8;
/// How deep the tree may be.
const DEPTH_MAX: u32 = 48;
/// How often, on average, a rule may stand in the leaves.
const COPIES_MAX: usize = 32;

/// A decision tree over the rules of one family. A rule stands in every leaf whose packets it may be for;
/// leaves are in the order of the rules. Rules behind one that takes all of a leaf's packets are left out.
#[derive(Clone, Debug)]
pub(super) struct Tree(Box<[Node]>);

#[derive(Clone, Debug)]
enum Node {
    /// Numbers below `at` go to one side, the others to the other.
    Cut {
        dimension: usize,
        at: u128,
        below: u32,
        above: u32,
    },
    Leaf(Box<[u32]>),
}

impl Default for Tree {
    fn default() -> Self {
        Self(vec![Node::Leaf(Box::default())].into_boxed_slice())
    }
}

impl Tree {
    /// From the rules in order: their conditions, and whether these are all that they ask. `None` for a
    /// rule that is not for the family.
    pub fn new(rules: &[Option<(&Conditions, bool)>], is_v6: bool) -> Self {
        let is_possible = |rule: &Option<(&Conditions, bool)>| {
            rule.is_some_and(|(own, _)| (0..DIMENSIONS).all(|dimension| !own.ranges(dimension).is_empty()))
        };
        let possible = (0..).zip(rules).filter(|(_, rule)| is_possible(rule));
        let numbers: Vec<u32> = possible.map(|(at, _)| at).collect();
        let mut builder = Builder { rules, nodes: Vec::new(), budget: rules.len() * COPIES_MAX + 1024 };
        builder.grow(numbers, Dimension::ALL.map(|dimension| (0, dimension.limit(is_v6))), 0);
        Self(builder.nodes.into_boxed_slice())
    }

    /// The places of the rules that may be for the packet, in order.
    pub fn candidates(&self, point: &[u128; DIMENSIONS]) -> &[u32] {
        let mut node = self.0.first();
        loop {
            node = match node {
                Some(Node::Cut { dimension, at, below, above }) => {
                    let number = point.get(*dimension).copied().unwrap_or(0);
                    self.0.get(if number < *at { *below } else { *above } as usize)
                }
                Some(Node::Leaf(rules)) => return rules,
                None => return &[],
            };
        }
    }
}

type Cell = [(u128, u128); DIMENSIONS];

struct Builder<'a> {
    rules: &'a [Option<(&'a Conditions, bool)>],
    nodes: Vec<Node>,
    /// How many more places in leaves there may be.
    budget: usize,
}

impl Builder<'_> {
    fn grow(&mut self, mut rules: Vec<u32>, cell: Cell, depth: u32) -> u32 {
        if let Some(last) = rules.iter().position(|rule| self.takes_all(*rule, &cell)) {
            rules.truncate(last + 1);
        }
        let number = self.nodes.len() as u32;
        let cut = if rules.len() <= LEAF || depth >= DEPTH_MAX { None } else { self.best_cut(&rules, &cell) };
        let Some((dimension, at)) = cut else {
            self.nodes.push(Node::Leaf(rules.into_boxed_slice()));
            return number;
        };
        self.nodes.push(Node::Leaf(Box::default()));
        let (mut lower, mut upper) = (cell, cell);
        lower[dimension].1 = at - 1;
        upper[dimension].0 = at;
        let of = |side: &Cell| -> Vec<u32> {
            let (first, last) = side[dimension];
            rules.iter().copied().filter(|rule| self.touches(*rule, dimension, first, last)).collect()
        };
        let (of_lower, of_upper) = (of(&lower), of(&upper));
        self.budget =
            self.budget.saturating_sub((of_lower.len() + of_upper.len()).saturating_sub(rules.len()));
        drop(rules);
        let below = self.grow(of_lower, lower, depth + 1);
        let above = self.grow(of_upper, upper, depth + 1);
        if let Some(node) = self.nodes.get_mut(number as usize) {
            *node = Node::Cut { dimension, at, below, above };
        }
        number
    }

    /// Of the cuts through the middle of each dimension's edges the one that parts the rules best; `None`
    /// where none makes both sides smaller or there would be too many copies.
    fn best_cut(&self, rules: &[u32], cell: &Cell) -> Option<(usize, u128)> {
        let mut best: Option<(usize, (usize, u128))> = None;
        for (dimension, (first, last)) in cell.iter().enumerate() {
            let Some(at) = self.middle_edge(rules, dimension, *first, *last) else { continue };
            let count = |first, last| {
                rules.iter().filter(|rule| self.touches(**rule, dimension, first, last)).count()
            };
            let (below, above) = (count(*first, at - 1), count(at, *last));
            if below.max(above) == rules.len() || (below + above).saturating_sub(rules.len()) > self.budget {
                continue;
            }
            let cost = below * below + above * above;
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, (dimension, at)));
            }
        }
        best.map(|(_, cut)| cut)
    }

    fn middle_edge(&self, rules: &[u32], dimension: usize, first: u128, last: u128) -> Option<u128> {
        let mut edges = Vec::new();
        for rule in rules {
            let Some((conditions, _)) = self.rule(*rule) else { continue };
            let ranges = conditions.ranges(dimension);
            let begin = ranges.partition_point(|(_, end)| *end < first);
            for (begin, end) in ranges.get(begin..)?.iter().take_while(|(begin, _)| *begin <= last) {
                if *begin > first {
                    edges.push(*begin);
                }
                if *end < last {
                    edges.push(end + 1);
                }
            }
        }
        edges.sort_unstable();
        edges.dedup();
        edges.get(edges.len() / 2).copied()
    }

    fn touches(&self, rule: u32, dimension: usize, first: u128, last: u128) -> bool {
        let Some((conditions, _)) = self.rule(rule) else { return false };
        let ranges = conditions.ranges(dimension);
        let at = ranges.partition_point(|(_, end)| *end < first);
        ranges.get(at).is_some_and(|(begin, _)| *begin <= last)
    }

    /// Whether the rule is for every packet of the cell.
    fn takes_all(&self, rule: u32, cell: &Cell) -> bool {
        let Some((conditions, true)) = self.rule(rule) else { return false };
        cell.iter().enumerate().all(|(dimension, (first, last))| {
            let ranges = conditions.ranges(dimension);
            let at = ranges.partition_point(|(_, end)| *end < *first);
            ranges.get(at).is_some_and(|(begin, end)| begin <= first && last <= end)
        })
    }

    fn rule(&self, rule: u32) -> Option<(&Conditions, bool)> {
        self.rules.get(rule as usize).copied().flatten()
    }
}
