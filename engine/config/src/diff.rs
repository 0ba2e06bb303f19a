//! What makes one document into another.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use core::fmt;

use crate::{
    Document,
    document::Printer,
    schema::{Kind, Schema},
    tree::Node,
    words::quoted,
};

/// The changes that make one document into another, in an order in which they can be made. Comments are no
/// settings: where only they differ, there is no change.
///
/// Written for people, it shows a line for each setting that goes (`-`), comes (`+`) or moves (`~`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// What happens, one after the other.
    pub changes: Vec<Change>,
}

/// One change. Paths and lines are as they are written, without the verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A setting or an entry comes, or values come to a list.
    Added {
        /// Path and value.
        line: String,
    },
    /// An entry or a setting goes with all below it, or values go from a list.
    Removed {
        /// What to delete.
        path: String,
        /// The lines that go.
        lines: Vec<String>,
    },
    /// A setting has another value.
    Replaced {
        /// Path and value that go.
        before: String,
        /// Path and value that come.
        after: String,
    },
    /// An entry stands at another place among its siblings.
    Moved {
        /// The entry.
        path: String,
        /// `top`, or `after OTHER`.
        position: String,
    },
}

/// What makes `before` into `after`.
pub fn diff(before: &Document, after: &Document) -> Diff {
    let mut comparison = Comparison { path: String::new(), changes: Vec::new() };
    comparison.nodes(&after.schema(), &before.tree.root, &after.tree.root);
    Diff { changes: comparison.changes }
}

impl Diff {
    /// Whether the two documents have the same settings in the same order.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes as lines. `Document::load_merge` of these into the first document gives the settings of
    /// the second.
    pub fn to_set(&self) -> String {
        let mut text = String::new();
        for change in &self.changes {
            let line = match change {
                Change::Added { line } | Change::Replaced { after: line, .. } => format!("set {line}\n"),
                Change::Removed { path, .. } => format!("delete {path}\n"),
                Change::Moved { path, position } => format!("move {path} {position}\n"),
            };
            text.push_str(&line);
        }
        text
    }
}

/// One line for each setting that goes, comes or moves.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            match change {
                Change::Added { line } => writeln!(f, "+ {line}")?,
                Change::Removed { lines, .. } => lines.iter().try_for_each(|line| writeln!(f, "- {line}"))?,
                Change::Replaced { before, after } => write!(f, "- {before}\n+ {after}\n")?,
                Change::Moved { path, position } => writeln!(f, "~ {path} {position}")?,
            }
        }
        Ok(())
    }
}

struct Comparison {
    /// What leads to the nodes that are compared, as it is written.
    path: String,
    changes: Vec<Change>,
}

impl Comparison {
    /// Compares two nodes at one place. The trees are as deep as the schema at most, and so is the recursion.
    fn nodes(&mut self, schema: &Schema, before: &Node, after: &Node) {
        if let Some(leaf) = schema.leaf
            && leaf.kind != Kind::Presence
        {
            return self.values(leaf.kind, &names(before), &names(after));
        }
        for (word, below) in &schema.words {
            self.below(word, below, before.child(word), after.child(word));
        }
        let Some((_, below)) = schema.key.as_ref() else { return };
        let is_entry = |name: &&str| schema.word(name).is_none();
        let before_names: Vec<&str> = names(before).into_iter().filter(is_entry).collect();
        let after_names: Vec<&str> = names(after).into_iter().filter(is_entry).collect();
        for name in &before_names {
            self.below(name, below, before.child(name), after.child(name));
        }
        for name in after_names.iter().filter(|name| before.child(name).is_none()) {
            self.below(name, below, None, after.child(name));
        }
        let kept = before_names.into_iter().filter(|name| after.child(name).is_some());
        let added = after_names.iter().copied().filter(|name| before.child(name).is_none());
        let now: Vec<&str> = kept.chain(added).collect();
        self.moves(&now, &after_names);
    }

    fn below(&mut self, word: &str, schema: &Schema, before: Option<&Node>, after: Option<&Node>) {
        let length = self.path.len();
        if length > 0 {
            self.path.push(' ');
        }
        self.path.push_str(&quoted(word));
        match (before, after) {
            (Some(before), Some(after)) => self.nodes(schema, before, after),
            (Some(before), None) => {
                let mut lines = Vec::new();
                Printer::new(self.path.clone(), &mut |line| lines.push(line.text.into()))
                    .visit(schema, before);
                self.changes.push(Change::Removed { path: self.path.clone(), lines });
            }
            (None, Some(after)) => {
                let changes = &mut self.changes;
                let mut add = |line: crate::document::Line<'_>| {
                    changes.push(Change::Added { line: line.text.into() });
                };
                Printer::new(self.path.clone(), &mut add).visit(schema, after);
            }
            (None, None) => {}
        }
        self.path.truncate(length);
    }

    fn values(&mut self, kind: Kind, before: &[&str], after: &[&str]) {
        if before == after {
            return;
        }
        if !kind.is_list() {
            let change = Change::Replaced { before: self.line(before), after: self.line(after) };
            return self.changes.push(change);
        }
        let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
            (before.iter().copied().collect(), after.iter().copied().collect());
        let (kept, removed): (Vec<&str>, Vec<&str>) = before.iter().partition(|value| new.contains(*value));
        let added: Vec<&str> = after.iter().copied().filter(|value| !old.contains(value)).collect();
        if kept.iter().chain(&added).ne(after) {
            // The order has no verb of its own.
            let lines = alloc::vec![self.line(before)];
            self.changes.push(Change::Removed { path: self.path.clone(), lines });
            return self.changes.push(Change::Added { line: self.line(after) });
        }
        if !removed.is_empty() {
            let line = self.line(&removed);
            self.changes.push(Change::Removed { path: line.clone(), lines: alloc::vec![line] });
        }
        if !added.is_empty() {
            self.changes.push(Change::Added { line: self.line(&added) });
        }
    }

    /// The fewest moves that bring the entries from one order into another.
    fn moves(&mut self, now: &[&str], then: &[&str]) {
        if now == then {
            return;
        }
        let places: BTreeMap<&str, usize> = (0..).zip(then).map(|(place, name)| (*name, place)).collect();
        let now: Vec<usize> = now.iter().filter_map(|name| places.get(name).copied()).collect();
        let stays = longest_rise(&now);
        let mut before: Option<&str> = None;
        for (place, name) in then.iter().enumerate() {
            if !stays.contains(&place) {
                let path = format!("{} {}", self.path, quoted(name));
                let position = match before {
                    Some(before) => format!("after {}", quoted(before)),
                    None => "top".into(),
                };
                self.changes.push(Change::Moved { path, position });
            }
            before = Some(name);
        }
    }

    fn line(&self, values: &[&str]) -> String {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        match values.as_slice() {
            [value] => format!("{} {value}", self.path),
            [] => format!("{} [ ]", self.path),
            values => format!("{} [ {} ]", self.path, values.join(" ")),
        }
    }
}

fn names(node: &Node) -> Vec<&str> {
    node.children().into_iter().map(|(name, _)| name).collect()
}

/// The members of a longest rising subsequence of distinct numbers.
fn longest_rise(numbers: &[usize]) -> BTreeSet<usize> {
    // For each length, the place of the smallest number that a rise of that length can end with.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = place,
            None => ends.push(place),
        }
    }
    let mut members = BTreeSet::new();
    let mut place = ends.last().copied();
    while let Some(member) = place {
        members.insert(numbers[member]);
        place = before[member];
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::any_document;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn document(text: &str) -> Document {
        Document::parse(text, "x.set").unwrap()
    }

    #[test]
    fn changes_are_the_lines_that_make_them() {
        let rule = "rulebase security rules";
        let before = document(&format!(
            "deviceconfig system hostname a\nzone a network tap [ ]\nzone b network layer3 [ e1 e2 ]\n\
             {rule} x action deny\n{rule} y log-end no\n{rule} z action drop\n"
        ));
        let after = document(&format!(
            "# Comments are no settings.\ndeviceconfig system hostname b\nzone b network layer3 [ e2 e3 ]\n\
             {rule} z action drop\n{rule} \"n w\" from any action allow\n{rule} x action deny\n\
             {rule} y log-end no\n"
        ));
        let difference = diff(&before, &after);
        assert_eq!(
            difference.to_set(),
            "set deviceconfig system hostname b\n\
             delete zone a\n\
             delete zone b network layer3 e1\n\
             set zone b network layer3 e3\n\
             set rulebase security rules \"n w\" from any\n\
             set rulebase security rules \"n w\" action allow\n\
             move rulebase security rules x after \"n w\"\n\
             move rulebase security rules y after x\n"
        );
        assert_eq!(
            difference.to_string(),
            "- deviceconfig system hostname a\n\
             + deviceconfig system hostname b\n\
             - zone a network tap [ ]\n\
             - zone b network layer3 e1\n\
             + zone b network layer3 e3\n\
             + rulebase security rules \"n w\" from any\n\
             + rulebase security rules \"n w\" action allow\n\
             ~ rulebase security rules x after \"n w\"\n\
             ~ rulebase security rules y after x\n"
        );
        assert!(diff(&after, &after).is_empty() && !difference.is_empty());
    }

    #[test]
    fn a_list_in_another_order_is_written_anew() {
        let (before, after) =
            (document("zone b network tap [ a b ]"), document("zone b network tap [ b a ]"));
        assert_eq!(
            diff(&before, &after).to_set(),
            "delete zone b network tap\nset zone b network tap [ b a ]\n"
        );
    }

    /// The text without its comments.
    fn settings(document: &Document) -> String {
        document
            .to_set()
            .lines()
            .filter(|line| line.starts_with("set "))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    proptest! {
        #[test]
        fn the_lines_make_the_one_into_the_other(before in any_document(), after in any_document()) {
            let difference = diff(&before, &after);
            let mut made = before.clone();
            made.load_merge(&difference.to_set(), "diff").unwrap();
            prop_assert_eq!(settings(&made), settings(&after), "{}", difference.to_set());
            prop_assert!(diff(&made, &after).is_empty());
            prop_assert_eq!(difference.is_empty(), settings(&before) == settings(&after));
        }

        #[test]
        fn any_order_is_reached(now in Just((0..12).collect::<Vec<usize>>()).prop_shuffle()) {
            let line = |number: &usize| format!("zone z{number}\n");
            let before = document(&(0..12).map(|number| line(&number)).collect::<String>());
            let after = document(&now.iter().map(line).collect::<String>());
            let mut made = before.clone();
            let difference = diff(&before, &after);
            made.load_merge(&difference.to_set(), "diff").unwrap();
            prop_assert_eq!(&made, &after);
            prop_assert_eq!(difference.changes.len(), 12 - longest_rise(&now).len());
        }
    }
}
