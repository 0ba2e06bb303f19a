//! The configuration as text: a tree of words. Entry names and values are words like any other.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};

/// One word and what stands below it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// The line that made it; 0 where none did.
    pub(crate) line: u32,
    /// Whether something was said of it that could not be read.
    pub(crate) unread: bool,
    comment: Option<Box<str>>,
    order: u64,
    children: Children,
}

/// The tree, and the counters that keep what was written first before what was written later and the whole
/// within bounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    next: u64,
    size: usize,
}

/// Where `move` puts an entry among its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position<'a> {
    /// Before all others.
    Top,
    /// After all others.
    Bottom,
    /// Before the entry of this name.
    Before(&'a str),
    /// After the entry of this name.
    After(&'a str),
}

/// Most words have one below them, a few have thousands: both are kept small and found fast.
#[derive(Clone, Debug)]
enum Children {
    Few(Vec<(Box<str>, Node)>),
    Many(BTreeMap<Box<str>, Node>),
}

/// More children than this are kept in a map.
const FEW: usize = 16;

impl Tree {
    /// The node at `path`, made where it is missing.
    pub(crate) fn insert<W: AsRef<str>>(&mut self, path: &[W], line: u32) -> &mut Node {
        let mut node = &mut self.root;
        for word in path {
            node = node.children.entry(word.as_ref(), || {
                self.next += 1;
                self.size += 1;
                Node { line, order: self.next, ..Node::default() }
            });
        }
        node
    }

    /// Takes out what stands at `path`; `None` when nothing does.
    pub(crate) fn remove<W: AsRef<str>>(&mut self, path: &[W]) -> Option<Node> {
        let (last, above) = path.split_last()?;
        let removed = self.at_mut(above)?.children.remove(last.as_ref())?;
        self.size = self.size.saturating_sub(removed.count());
        Some(removed)
    }

    /// Takes out everything below `path`.
    pub(crate) fn clear<W: AsRef<str>>(&mut self, path: &[W]) {
        let Some(node) = self.at_mut(path) else { return };
        let removed = node.count() - 1;
        node.children = Children::default();
        self.size = self.size.saturating_sub(removed);
    }

    /// Gives the entry `name` below `path` another name; it keeps its place. False when the name is missing
    /// or the new one is taken.
    pub(crate) fn rename<W: AsRef<str>>(&mut self, path: &[W], name: &str, new: &str) -> bool {
        let Some(parent) = self.at_mut(path) else { return false };
        if parent.child(new).is_some() {
            return false;
        }
        if parent.child(name).is_none() {
            return false;
        }
        parent.rename(name, new);
        true
    }

    /// Puts a copy of `name`, which stands below `path`, after its siblings. False when the name is missing
    /// or the new one is taken.
    pub(crate) fn copy<W: AsRef<str>>(&mut self, path: &[W], name: &str, new: &str) -> bool {
        self.next += 1;
        let order = self.next;
        let Some(parent) = self.at_mut(path) else { return false };
        if parent.child(new).is_some() {
            return false;
        }
        let Some(original) = parent.child(name) else { return false };
        let copy = Node { order, ..original.clone() };
        let count = copy.count();
        parent.children.insert(new, copy);
        self.size += count;
        true
    }

    /// Puts `name`, which stands below `path`, somewhere else among its siblings; false when a name is
    /// missing.
    pub(crate) fn move_to<W: AsRef<str>>(&mut self, path: &[W], name: &str, position: Position<'_>) -> bool {
        let Some(parent) = self.at_mut(path) else { return false };
        let mut names: Vec<String> = parent.children().into_iter().map(|(name, _)| name.into()).collect();
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

    /// What stands at `path`.
    pub(crate) fn at<W: AsRef<str>>(&self, path: &[W]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, word| node.child(word.as_ref()))
    }

    pub(crate) fn at_mut<W: AsRef<str>>(&mut self, path: &[W]) -> Option<&mut Node> {
        path.iter().try_fold(&mut self.root, |node, word| node.children.get_mut(word.as_ref()))
    }

    /// Takes note that so many words have gone.
    pub(crate) fn shrink(&mut self, words: usize) {
        self.size = self.size.saturating_sub(words);
    }

    /// How many words there are.
    pub(crate) fn size(&self) -> usize {
        self.size
    }
}

impl Node {
    pub(crate) fn child(&self, word: &str) -> Option<&Self> {
        self.children.get(word)
    }

    /// What stands below, in order.
    pub(crate) fn children(&self) -> Vec<(&str, &Self)> {
        let mut children: Vec<(&str, &Self)> = match &self.children {
            Children::Few(few) => few.iter().map(|(name, node)| (&**name, node)).collect(),
            Children::Many(many) => many.iter().map(|(name, node)| (&**name, node)).collect(),
        };
        children.sort_by_key(|(_, node)| node.order);
        children
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.children {
            Children::Few(few) => few.is_empty(),
            Children::Many(many) => many.is_empty(),
        }
    }

    /// The comment lines that stand before it, each with its `#`.
    pub(crate) fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Puts more comment lines after those that stand before it.
    pub(crate) fn add_comment(&mut self, lines: &str) {
        self.comment = Some(match self.comment.take() {
            Some(own) => alloc::format!("{own}\n{lines}").into(),
            None => lines.into(),
        });
    }

    /// It and all words below it. A path is as deep as the schema at most, and so is the recursion.
    pub(crate) fn count(&self) -> usize {
        let below: usize = match &self.children {
            Children::Few(few) => few.iter().map(|(_, node)| node.count()).sum(),
            Children::Many(many) => many.values().map(Self::count).sum(),
        };
        1 + below
    }

    /// Gives a word below it another name; it keeps its place. If the new name is there already, the old one
    /// goes, and the answer is true.
    pub(crate) fn rename(&mut self, old: &str, new: &str) -> bool {
        let Some(node) = self.children.remove(old) else { return false };
        let is_there = self.child(new).is_some();
        if !is_there {
            self.children.insert(new, node);
        }
        is_there
    }

    /// Calls `see` with each word directly below it.
    pub(crate) fn each_mut(&mut self, see: &mut dyn FnMut(&str, &mut Self)) {
        match &mut self.children {
            Children::Few(few) => few.iter_mut().for_each(|(name, node)| see(name, node)),
            Children::Many(many) => many.iter_mut().for_each(|(name, node)| see(name, node)),
        }
    }

    /// Says of it and all below it that this line made it; 0 where none did.
    pub(crate) fn set_lines(&mut self, line: u32) {
        self.line = line;
        match &mut self.children {
            Children::Few(few) => few.iter_mut().for_each(|(_, node)| node.set_lines(line)),
            Children::Many(many) => many.values_mut().for_each(|node| node.set_lines(line)),
        }
    }
}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Children {
    fn get(&self, word: &str) -> Option<&Node> {
        match self {
            Self::Few(few) => few.iter().find(|(name, _)| **name == *word).map(|(_, node)| node),
            Self::Many(many) => many.get(word),
        }
    }

    fn get_mut(&mut self, word: &str) -> Option<&mut Node> {
        match self {
            Self::Few(few) => few.iter_mut().find(|(name, _)| **name == *word).map(|(_, node)| node),
            Self::Many(many) => many.get_mut(word),
        }
    }

    /// What stands below `word`; `make` makes it where it is missing.
    fn entry(&mut self, word: &str, make: impl FnOnce() -> Node) -> &mut Node {
        if let Self::Few(few) = self
            && few.len() >= FEW
            && few.iter().all(|(name, _)| **name != *word)
        {
            *self = Self::Many(core::mem::take(few).into_iter().collect());
        }
        match self {
            Self::Few(few) => {
                let place = few.iter().position(|(name, _)| **name == *word).unwrap_or(few.len());
                if place == few.len() {
                    // Most words have one below them: the usual growth would begin with room for four.
                    few.reserve_exact(usize::from(place == 0));
                    few.push((word.into(), make()));
                }
                &mut few[place].1
            }
            Self::Many(many) => many.entry(word.into()).or_insert_with(make),
        }
    }

    /// Adds a word that is not there.
    fn insert(&mut self, word: &str, node: Node) {
        self.entry(word, || node);
    }

    fn remove(&mut self, word: &str) -> Option<Node> {
        match self {
            Self::Few(few) => {
                let place = few.iter().position(|(name, _)| **name == *word)?;
                Some(few.remove(place).1)
            }
            Self::Many(many) => many.remove(word),
        }
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
        assert_eq!(tree.size(), 4);
        assert!(tree.remove(&["rules", "a", "from"]).is_some());
        assert!(tree.remove(&["rules", "a", "from"]).is_none());
        assert!(tree.at(&["rules", "a"]).unwrap().is_empty());
        assert_eq!(tree.size(), 2);
    }

    #[test]
    fn a_new_name_keeps_the_place_and_a_copy_stands_last() {
        let mut tree = Tree::default();
        for name in ["a", "b", "c"] {
            tree.insert(&["rules", name, "x"], 1);
        }
        assert!(tree.rename(&["rules"], "a", "d"));
        assert!(!tree.rename(&["rules"], "d", "b") && !tree.rename(&["rules"], "a", "e"));
        assert!(tree.copy(&["rules"], "b", "e"));
        assert!(!tree.copy(&["rules"], "b", "e") && !tree.copy(&["rules"], "a", "f"));
        assert_eq!(names(&tree), ["d", "b", "c", "e"]);
        assert!(tree.at(&["rules", "e", "x"]).is_some());
        assert_eq!(tree.size(), tree.root.count() - 1);
    }

    #[test]
    fn many_are_found_and_ordered_like_few() {
        let mut tree = Tree::default();
        let expected: Vec<String> = (0..50).rev().map(|number| alloc::format!("r{number}")).collect();
        for name in &expected {
            tree.insert(&["rules", name], 1);
        }
        assert_eq!(names(&tree), expected);
        assert!(tree.move_to(&["rules"], "r0", Position::Top));
        assert!(tree.rename(&["rules"], "r0", "first") && tree.remove(&["rules", "r49"]).is_some());
        assert_eq!(names(&tree)[..2], ["first", "r48"]);
        assert_eq!(tree.size(), 50);
        tree.clear(&["rules"]);
        assert_eq!((tree.size(), tree.root.count()), (1, 2));
    }
}
