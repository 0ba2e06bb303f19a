//! The configuration as text: a tree of words. Entry names and values are words like any other.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

/// One word and what stands below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// The line that made it.
    pub(crate) line: u32,
    /// Whether something was said of it that could not be read.
    pub(crate) unread: bool,
    order: u64,
    children: BTreeMap<String, Node>,
}

/// The tree, and the counter that keeps what was written first before what was written later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    next: u64,
}

/// Where `move` puts an entry among its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position<'a> {
    Top,
    Bottom,
    Before(&'a str),
    After(&'a str),
}

impl Tree {
    /// The node at `path`, made where it is missing.
    pub(crate) fn insert<W: AsRef<str>>(&mut self, path: &[W], line: u32) -> &mut Node {
        let mut node = &mut self.root;
        for word in path {
            node = node.children.entry(word.as_ref().to_owned()).or_insert_with(|| {
                self.next += 1;
                Node { line, order: self.next, ..Node::default() }
            });
        }
        node
    }

    /// Takes out what stands at `path`; false when nothing does.
    pub(crate) fn remove<W: AsRef<str>>(&mut self, path: &[W]) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        self.at_mut(above).is_some_and(|node| node.children.remove(last.as_ref()).is_some())
    }

    /// Puts `name`, which stands below `path`, somewhere else among its siblings; false when a name is
    /// missing.
    pub(crate) fn move_to<W: AsRef<str>>(&mut self, path: &[W], name: &str, position: Position<'_>) -> bool {
        let Some(parent) = self.at_mut(path) else { return false };
        let mut names: Vec<String> = parent.children().into_iter().map(|(name, _)| name.to_owned()).collect();
        let Some(from) = names.iter().position(|own| own == name) else { return false };
        let moved = names.remove(from);
        let place_of = |other: &str| names.iter().position(|own| own == other);
        let place = match position {
            Position::Top => Some(0),
            Position::Bottom => Some(names.len()),
            Position::Before(other) => place_of(other),
            Position::After(other) => place_of(other).map(|place| place + 1),
        };
        let Some(place) = place else { return false };
        names.insert(place, moved);
        for (order, name) in (0..).zip(&names) {
            if let Some(child) = parent.children.get_mut(name) {
                child.order = order;
            }
        }
        true
    }

    fn at_mut<W: AsRef<str>>(&mut self, path: &[W]) -> Option<&mut Node> {
        path.iter().try_fold(&mut self.root, |node, word| node.children.get_mut(word.as_ref()))
    }
}

impl Node {
    pub(crate) fn child(&self, word: &str) -> Option<&Self> {
        self.children.get(word)
    }

    /// What stands below, in order.
    pub(crate) fn children(&self) -> Vec<(&str, &Self)> {
        let mut children: Vec<_> = self.children.iter().map(|(name, node)| (name.as_str(), node)).collect();
        children.sort_by_key(|(_, node)| node.order);
        children
    }

    pub(crate) fn clear(&mut self) {
        self.children.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tree: &Tree) -> Vec<&str> {
        tree.root.child("rules").unwrap().children().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn order_is_that_of_the_first_line_until_moved() {
        let mut tree = Tree::default();
        for name in ["c", "a", "b", "a"] {
            tree.insert(&["rules", name], 1);
        }
        assert_eq!(names(&tree), ["c", "a", "b"]);
        let path = ["rules"];
        assert!(tree.move_to(&path, "b", Position::Top));
        assert_eq!(names(&tree), ["b", "c", "a"]);
        assert!(tree.move_to(&path, "b", Position::After("c")));
        assert_eq!(names(&tree), ["c", "b", "a"]);
        assert!(tree.move_to(&path, "a", Position::Before("b")));
        assert!(tree.move_to(&path, "c", Position::Bottom));
        assert_eq!(names(&tree), ["a", "b", "c"]);
        tree.insert(&["rules", "d"], 2);
        assert_eq!(names(&tree), ["a", "b", "c", "d"]);
        assert!(!tree.move_to(&path, "x", Position::Top));
        assert!(!tree.move_to(&path, "a", Position::Before("x")));
        assert_eq!(names(&tree), ["a", "b", "c", "d"]);
    }

    #[test]
    fn removal_takes_what_stands_below() {
        let mut tree = Tree::default();
        tree.insert(&["rules", "a", "from", "trust"], 1);
        assert!(tree.remove(&["rules", "a", "from"]));
        assert!(!tree.remove(&["rules", "a", "from"]));
        assert!(tree.root.child("rules").unwrap().child("a").unwrap().children().is_empty());
    }
}
