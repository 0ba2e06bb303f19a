//! A place in the tree together with what the schema says of it.

use alloc::{format, string::String, vec::Vec};

use crate::{Accepted, Problem, parse::Report, schema::Schema, tree::Node, words::text_of};

/// The longest path of the schema has twelve words.
const MOST_STEPS: usize = 14;

/// A place in the tree, whether something stands there or not.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    schema: Option<&'a Schema>,
    node: Option<&'a Node>,
    /// The words of the path, and how many there are. Views are made by the million while rules are read,
    /// so they own nothing.
    steps: [&'a str; MOST_STEPS],
    length: usize,
}

/// One value as it was written.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    pub(super) line: u32,
}

impl<'a> View<'a> {
    pub(super) fn new(schema: &'a Schema, node: &'a Node) -> Self {
        Self { schema: Some(schema), node: Some(node), steps: [""; MOST_STEPS], length: 0 }
    }

    /// What stands below `word`.
    pub(super) fn below(&self, word: &'static str) -> Self {
        let schema = self.schema.and_then(|schema| schema.word(word));
        self.step(word, schema, self.node.and_then(|node| node.child(word)))
    }

    /// What stands below each of `words` in turn.
    pub(super) fn at(&self, words: &[&'static str]) -> Self {
        words.iter().fold(*self, |view, word| view.below(word))
    }

    /// The entries at this place, in order.
    pub(super) fn entries(&self) -> Vec<(&'a str, Self)> {
        let below = self.schema.and_then(|schema| schema.key.as_ref()).map(|(_, schema)| &**schema);
        let children = self.node.map(Node::children).unwrap_or_default();
        children.into_iter().map(|(name, node)| (name, self.step(name, below, Some(node)))).collect()
    }

    /// The values that lines gave, in order.
    pub(super) fn values(&self) -> Vec<Value<'a>> {
        let children = self.node.map(Node::children).unwrap_or_default();
        children.into_iter().map(|(text, node)| Value { text, line: node.line }).collect()
    }

    /// The value that a line gave.
    pub(super) fn value(&self) -> Option<Value<'a>> {
        self.values().first().copied()
    }

    /// The value, or the schema's default.
    pub(super) fn word(&self) -> String {
        match self.value() {
            Some(value) => value.text.into(),
            None => self.schema.and_then(|schema| schema.leaf).map(|leaf| leaf.default()).unwrap_or_default(),
        }
    }

    pub(super) fn is_yes(&self) -> bool {
        match self.value() {
            Some(value) => value.text == "yes",
            None => self.schema.and_then(|schema| schema.leaf).is_some_and(|leaf| leaf.default() == "yes"),
        }
    }

    pub(super) fn number(&self) -> Option<u32> {
        self.word().parse().ok()
    }

    /// The free text that a line gave; empty without one.
    pub(super) fn text(&self) -> String {
        self.value().map_or_else(String::new, |value| value.text.into())
    }

    /// Whether a line made it.
    pub(super) fn exists(&self) -> bool {
        self.node.is_some()
    }

    pub(super) fn line(&self) -> u32 {
        self.node.map_or(0, |node| node.line)
    }

    pub(super) fn is_unread(&self) -> bool {
        self.node.is_some_and(|node| node.unread)
    }

    /// The path as it is written in a line.
    pub(super) fn path(&self) -> String {
        text_of(self.steps.get(..self.length).unwrap_or(&self.steps))
    }

    pub(super) fn gap(&self, report: &mut Report<'_>, line: u32, problem: Problem) {
        report.gap(line, self.path(), problem);
    }

    /// Whether the entry's name is a word that means something where it would be used; that is reported.
    pub(super) fn is_reserved(&self, name: &str, report: &mut Report<'_>) -> bool {
        let reserved = matches!(name, "any" | "application-default");
        if reserved {
            let what = format!("`{name}` has a meaning of its own and cannot be a name here");
            self.gap(report, self.line(), Problem::Conflict { what });
        }
        reserved
    }

    /// A name that belongs to nothing.
    pub(super) fn unknown<'n>(
        &self,
        report: &mut Report<'_>,
        kind: &'static str,
        value: Value<'_>,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let accepted =
            if report.wants_hints() { Accepted::for_word(value.text, known) } else { Accepted::Unknown };
        self.gap(report, value.line, Problem::UnknownName { kind, name: value.text.into(), accepted });
    }

    fn step(&self, word: &'a str, schema: Option<&'a Schema>, node: Option<&'a Node>) -> Self {
        let mut view = Self { schema, node, ..*self };
        if let Some(step) = view.steps.get_mut(view.length) {
            *step = word;
            view.length += 1;
        }
        view
    }
}
