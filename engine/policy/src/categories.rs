//! Which custom URL category a server's name is in.

use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};

use bifrons_config::typed::UrlCategory;
use bifrons_model::CategoryId;

/// The host patterns of all categories as a tree over labels, the last label first, so that a name is
/// looked up label by label whatever the number of patterns.
///
/// A pattern is a host name that matches itself; `*` in it stands for one or more whole labels. Of several
/// categories that match, the first in the order of the configuration is the name's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Categories {
    nodes: Vec<Node>,
    /// By place in the configuration.
    numbers: Box<[Option<CategoryId>]>,
}

/// How many labels a name of 255 bytes can have.
const LABELS_MAX: usize = 128;
const ROOT: u32 = 0;
const NO_PLACE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Node {
    children: BTreeMap<Box<str>, u32>,
    /// Where a `*` leads.
    star: Option<u32>,
    /// Whether this node is such a place: it holds on to further labels.
    is_star: bool,
    /// The first category that has a pattern which ends here, by its place.
    category: u32,
}

impl Node {
    const fn new(is_star: bool) -> Self {
        Self { children: BTreeMap::new(), star: None, is_star, category: NO_PLACE }
    }
}

impl Categories {
    pub(crate) fn new(categories: &[UrlCategory], numbers: &[Option<CategoryId>]) -> Self {
        let mut tree = Self { nodes: vec![Node::new(false)], numbers: numbers.into() };
        for (place, category) in (0..).zip(categories) {
            for host in &category.hosts {
                tree.insert(host, place);
            }
        }
        tree
    }

    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The category of a name in lower case; 0 for none. The work is bounded by the name's length times the
    /// number of patterns with a star in them that its labels follow.
    pub(crate) fn lookup(&self, host: &str) -> CategoryId {
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut reached = vec![ROOT];
        let mut next = Vec::new();
        for label in host.rsplit('.').take(LABELS_MAX) {
            next.clear();
            for place in &reached {
                let Some(node) = self.nodes.get(*place as usize) else { continue };
                next.extend(node.children.get(label));
                next.extend(node.star);
                if node.is_star {
                    next.push(*place);
                }
            }
            // Two ways can lead to one star only through itself.
            next.sort_unstable();
            next.dedup();
            core::mem::swap(&mut reached, &mut next);
            if reached.is_empty() {
                return CategoryId(0);
            }
        }
        let ends = reached.iter().filter_map(|place| self.nodes.get(*place as usize));
        let first = ends.map(|node| node.category).min().unwrap_or(NO_PLACE);
        self.numbers.get(first as usize).copied().flatten().unwrap_or(CategoryId(0))
    }

    fn insert(&mut self, host: &str, category: u32) {
        let mut at = ROOT;
        for label in host.rsplit('.') {
            at = self.child(at, label);
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.category = node.category.min(category);
        }
    }

    /// The node that the label leads to, made where there is none.
    fn child(&mut self, at: u32, label: &str) -> u32 {
        let fresh = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let Some(node) = self.nodes.get_mut(at as usize) else { return ROOT };
        let is_star = label == "*";
        if is_star {
            if let Some(star) = node.star {
                return star;
            }
            node.star = Some(fresh);
        } else {
            if let Some(child) = node.children.get(label) {
                return *child;
            }
            node.children.insert(label.into(), fresh);
        }
        self.nodes.push(Node::new(is_star));
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn categories(lists: &[&[&str]]) -> Categories {
        let categories: Vec<UrlCategory> = lists
            .iter()
            .map(|hosts| UrlCategory {
                name: String::new(),
                hosts: hosts.iter().map(|host| String::from(*host)).collect(),
            })
            .collect();
        let numbers: Vec<Option<CategoryId>> =
            (1..).zip(lists).map(|(number, _)| Some(CategoryId(number))).collect();
        Categories::new(&categories, &numbers)
    }

    #[test]
    fn names_and_stars() {
        let tree =
            categories(&[&["www.example.com", "*.example.com"], &["example.com", "*.com"], &["a.*.net"]]);
        for (host, expected) in [
            ("www.example.com", 1),
            ("x.y.example.com", 1),
            ("example.com", 2),
            ("example.com.", 2),
            ("other.com", 2),
            ("com", 0),
            ("a.b.c.net", 3),
            ("a.net", 0),
            ("b.a.b.net", 0),
            ("", 0),
            ("example.org", 0),
        ] {
            assert_eq!(tree.lookup(host), CategoryId(expected), "{host}");
        }
        assert!(categories(&[]).is_empty() && !tree.is_empty());
        assert_eq!(categories(&[]).lookup("example.com"), CategoryId(0));
    }

    /// The plain meaning of a pattern.
    fn matches(pattern: &[&str], labels: &[&str]) -> bool {
        match (pattern.split_first(), labels.split_first()) {
            (None, None) => true,
            (Some((&"*", rest)), Some(_)) => (1..=labels.len()).any(|taken| matches(rest, &labels[taken..])),
            (Some((first, rest)), Some((label, labels))) => first == label && matches(rest, labels),
            (None, Some(_)) | (Some(_), None) => false,
        }
    }

    fn any_labels(star: bool) -> impl Strategy<Value = Vec<&'static str>> {
        let words = if star { vec!["a", "b", "*"] } else { vec!["a", "b", "c"] };
        prop::collection::vec(prop::sample::select(words), 1..6)
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_meaning(
            lists in prop::collection::vec(prop::collection::vec(any_labels(true), 0..4), 0..5),
            host in any_labels(false),
        ) {
            let joined: Vec<Vec<String>> =
                lists.iter().map(|list| list.iter().map(|labels| labels.join(".")).collect()).collect();
            let borrowed: Vec<Vec<&str>> =
                joined.iter().map(|list| list.iter().map(String::as_str).collect()).collect();
            let slices: Vec<&[&str]> = borrowed.iter().map(Vec::as_slice).collect();
            let expected = lists.iter().position(|list| list.iter().any(|pattern| matches(pattern, &host)));
            let expected = expected.map_or(0, |place| place as u16 + 1);
            prop_assert_eq!(categories(&slices).lookup(&host.join(".")), CategoryId(expected));
        }
    }
}
