//! The configuration as the operator wrote it.

use alloc::{borrow::ToOwned, boxed::Box, collections::BTreeSet, string::String, sync::Arc, vec::Vec};
use core::fmt;

use crate::{
    Config, ConfigError, Lenient, Position, Problem, build, edit,
    parse::{self, Report},
    schema::{Kind, SECTIONS, Schema},
    tree::{Node, Tree},
    words::{Part, quoted, split, text_of},
};

/// A configuration as text: its settings, their order, and the comments. Every word of it is known and every
/// value has the form that its setting asks for; whether names lead anywhere and lines fit together is
/// known when `build` has made the typed `Config` of it.
///
/// It is written in one form only (`to_set`): one setting on a line, in the order of the manual, entries
/// in the order of their first line, each comment before the line that it stood before. Reading that form
/// and writing it gives the same text. The comment at the beginning stays there if an empty line follows
/// it, comments after the last line stay at the end.
///
/// `set`, `delete`, `rename`, `move_to`, `copy` and `edit` change it. Their paths are written as in a line.
/// What cannot be done is an error that names the path, and changes nothing.
#[derive(Clone)]
pub struct Document {
    pub(crate) tree: Tree,
    pub(crate) header: String,
    pub(crate) footer: String,
    file: String,
    schema: Arc<Schema>,
}

/// What one line of a document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The comment lines before it; empty where there are none.
    pub(crate) comment: &'a str,
    /// The path and the value, as they are written.
    pub(crate) text: &'a str,
}

impl Document {
    /// Reads a text. `file` is the name that errors carry.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, up to 50 mistakes, in the order of the lines: words that lead nowhere,
    /// values of the wrong form, a text of more than `MOST_BYTES` bytes or `MOST_WORDS` words.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<ConfigError>> {
        Self::default().parse_another(text, file)
    }

    /// Reads a text into a document of its own. The table of settings is shared with this one: to make it is
    /// most of the work for a short text.
    ///
    /// # Errors
    ///
    /// As of [`Self::parse`].
    pub fn parse_another(&self, text: &str, file: &str) -> Result<Self, Vec<ConfigError>> {
        let mut report = Report::new(file, false);
        let document = parse::read(Self::empty(self.schema()), text, &mut report);
        report.finish().map(|_| document)
    }

    /// Reads what it understands of a text written for another device; the rest are warnings. A rule of
    /// which a condition could not be read is disabled, with a comment that says so.
    ///
    /// # Errors
    ///
    /// Values that the settings cannot have, up to 50.
    pub fn parse_lenient(text: &str, file: &str) -> Result<(Self, Vec<ConfigError>), Vec<ConfigError>> {
        let mut report = Report::new(file, true);
        let document = parse::read(Self::default(), text, &mut report);
        report.finish().map(|warnings| (document, warnings))
    }

    /// What `replay` reads a capture with when no configuration is given: it judges nothing and loses
    /// nothing.
    pub fn tap() -> Self {
        // The text is part of the program; a test reads it.
        Self::parse(include_str!("tap.set"), "tap.set").unwrap_or_default()
    }

    /// The typed configuration.
    ///
    /// # Errors
    ///
    /// Names that lead nowhere and lines that do not fit together, up to 50, with the file and the line
    /// they were read from.
    pub fn build(&self) -> Result<Config, Vec<ConfigError>> {
        let mut report = Report::new(&self.file, false);
        let config = self.typed(&mut report);
        report.finish().map(|_| config)
    }

    /// The typed configuration without what leads nowhere. A rule that has lost a condition is disabled.
    ///
    /// # Errors
    ///
    /// What no reading can accept, up to 50.
    pub fn build_lenient(&self) -> Result<Lenient, Vec<ConfigError>> {
        let mut report = Report::new(&self.file, true);
        let config = self.typed(&mut report);
        report.finish().map(|warnings| Lenient { config, warnings })
    }

    /// The text.
    pub fn to_set(&self) -> String {
        let mut text = String::new();
        if !self.header.is_empty() {
            text.push_str(&self.header);
            text.push_str("\n\n");
        }
        self.lines(&mut |line| push(&mut text, &line));
        if !self.footer.is_empty() {
            text.push_str(&self.footer);
            text.push('\n');
        }
        text
    }

    /// The lines of what stands at `path`, which may be empty: then all.
    ///
    /// # Errors
    ///
    /// A path that leads nowhere.
    pub fn show(&self, path: &str) -> Result<String, Box<ConfigError>> {
        let words = words(path)?;
        let walk = edit::walk(&self.schema, &words)
            .map_err(|stray| error(words.get(..stray.place).unwrap_or(&words), stray.problem))?;
        // A value is shown with its setting.
        let above = words.get(..walk.steps.len()).unwrap_or(&words);
        let node = self.tree.at(above).filter(|_| self.tree.at(&words).is_some());
        let node = node.ok_or_else(|| error(&words, Problem::NothingThere))?;
        let (schema, _) = walk.steps.last().copied().unwrap_or((&self.schema, false));
        let mut text = String::new();
        Printer::new(text_of(above), &mut |line| push(&mut text, &line)).visit(schema, node);
        Ok(text)
    }

    /// Sets what a line says: a path and a value, or several settings of one entry. Of alternatives, like
    /// `ip-netmask` and `fqdn` of an address, the one that is set takes the place of the other.
    ///
    /// # Errors
    ///
    /// A word that leads nowhere, or a value of the wrong form.
    pub fn set(&mut self, line: &str) -> Result<(), Box<ConfigError>> {
        self.verb("set", line, &[])
    }

    /// Sets one setting; several `values` are a list.
    ///
    /// # Errors
    ///
    /// A word that leads nowhere, or a value of the wrong form.
    pub fn set_value(&mut self, path: &[&str], values: &[&str]) -> Result<(), Box<ConfigError>> {
        let mut parts: Vec<Part> = ["set"].iter().chain(path).map(|word| part(word)).collect();
        match values {
            [value] => parts.push(part(value)),
            values => parts.push(Part::List(values.iter().map(|value| String::from(*value)).collect())),
        }
        self.line(&parts)
    }

    /// Takes out an entry, a setting, or a value of a list.
    ///
    /// # Errors
    ///
    /// A path at which there is nothing.
    pub fn delete(&mut self, path: &str) -> Result<(), Box<ConfigError>> {
        self.verb("delete", path, &[])
    }

    /// Gives the entry at `path` another name; it keeps its place, and what named it names it still.
    ///
    /// # Errors
    ///
    /// A path that names no entry, or a name that is taken or cannot be one.
    pub fn rename(&mut self, path: &str, name: &str) -> Result<(), Box<ConfigError>> {
        self.verb("rename", path, &["to", name])
    }

    /// Puts a copy of the entry at `path` after all others, with its own name.
    ///
    /// # Errors
    ///
    /// A path that names no entry, or a name that is taken or cannot be one.
    pub fn copy(&mut self, path: &str, name: &str) -> Result<(), Box<ConfigError>> {
        self.verb("copy", path, &["to", name])
    }

    /// Puts the entry at `path` somewhere else among its siblings; rules are tried in this order.
    ///
    /// # Errors
    ///
    /// A path that names no entry, or a neighbor that there is not.
    pub fn move_to(&mut self, path: &str, position: Position<'_>) -> Result<(), Box<ConfigError>> {
        let position = match position {
            Position::Top => &["top"][..],
            Position::Bottom => &["bottom"],
            Position::Before(other) => &["before", other],
            Position::After(other) => &["after", other],
        };
        self.verb("move", path, position)
    }

    /// Does what a line says: `set`, `delete`, `move`, `rename` or `copy`.
    ///
    /// # Errors
    ///
    /// What is wrong with the line; then nothing has changed.
    pub fn edit(&mut self, line: &str) -> Result<(), Box<ConfigError>> {
        self.line(&split(line).map_err(|problem| error::<&str>(&[], problem))?)
    }

    /// Does what the lines of a text say, one after the other, on what there is already.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, up to 50 mistakes; then nothing has changed.
    pub fn load_merge(&mut self, text: &str, file: &str) -> Result<(), Vec<ConfigError>> {
        let mut report = Report::new(file, false);
        let mut merged = self.clone();
        if text.len() > parse::MOST_BYTES {
            report.error(1, String::new(), Problem::TooLong { bytes: text.len(), most: parse::MOST_BYTES });
        } else {
            parse::read_lines(&mut merged, text, 1, &mut report);
            // Line numbers of two texts would be mixed up.
            merged.tree.root.set_lines(0);
        }
        report.finish()?;
        *self = merged;
        Ok(())
    }

    /// What it sets that is accepted and has no effect yet: paths as they stand in the manual, or the titles
    /// of its sections.
    pub fn without_effect(&self) -> Vec<&'static str> {
        const MARK: &str = "ithout effect yet";
        let mut used = BTreeSet::new();
        collect_settings(&self.schema, &self.tree.root, &mut used);
        let mut found = Vec::new();
        for section in SECTIONS {
            let mut settings = section.leaves.iter().filter(|leaf| used.contains(leaf.path));
            if section.text.contains(MARK) {
                found.extend(settings.next().map(|_| section.title));
            } else {
                found.extend(settings.filter(|leaf| leaf.help.contains(MARK)).map(|leaf| leaf.path));
            }
        }
        found
    }

    /// The name of the file it was read from; empty where there is none.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// One that sets nothing.
    fn empty(schema: Arc<Schema>) -> Self {
        let (tree, [header, footer, file]) = (Tree::default(), Default::default());
        Self { tree, header, footer, file, schema }
    }

    pub(crate) fn set_file(&mut self, file: &str) {
        self.file = file.into();
    }

    pub(crate) fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema)
    }

    pub(crate) fn typed(&self, report: &mut Report<'_>) -> Config {
        build::config(&self.schema, &self.tree.root, report)
    }

    /// Hands out every line in order.
    pub(crate) fn lines(&self, sink: &mut dyn FnMut(Line<'_>)) {
        Printer::new(String::new(), sink).visit(&self.schema, &self.tree.root);
    }

    /// Writes down what a lenient reading decided: a rule whose conditions were not all read is disabled.
    pub(crate) fn disable_unread(&mut self) {
        let mut unread: Vec<[String; 4]> = Vec::new();
        for (rulebase, node) in self.tree.at(&["rulebase"]).map(Node::children).unwrap_or_default() {
            let rules = node.child("rules").map(Node::children).unwrap_or_default();
            let found = rules.into_iter().filter(|(_, rule)| rule.unread);
            unread
                .extend(found.map(|(name, _)| ["rulebase", rulebase, "rules", name].map(ToOwned::to_owned)));
        }
        for rule in unread {
            let mut path = rule.to_vec();
            path.push("disabled".into());
            self.tree.clear(&path);
            let line = self.tree.at(&rule).map_or(0, |rule| rule.line);
            self.tree.insert(&path, line).add_comment("# Not all conditions of this rule could be read.");
            path.push("yes".into());
            self.tree.insert(&path, line);
        }
    }

    /// Takes out the entries that would mean more without what was not read of them. A rule that names one
    /// names nothing then.
    pub(crate) fn leave_out_unread(&mut self, report: &mut Report<'_>) {
        let mut unread: Vec<Vec<String>> = Vec::new();
        for parent in [
            &["application"][..],
            &["application-filter"],
            &["external-list"],
            &["profiles", "custom-url-category"],
        ] {
            self.add_unread(parent, &mut unread);
        }
        let parent = ["network", "virtual-router"];
        let routers = self.tree.at(&parent).map(Node::children).unwrap_or_default();
        let routers: Vec<String> = routers.into_iter().map(|(name, _)| name.to_owned()).collect();
        for (router, family) in routers.iter().flat_map(|router| [(router, "ip"), (router, "ipv6")]) {
            let parent = ["network", "virtual-router", router, "routing-table", family, "static-route"];
            self.add_unread(&parent, &mut unread);
        }
        for path in unread {
            let line = self.tree.at(&path).map_or(0, |node| node.line);
            let words: Vec<&str> = path.iter().map(String::as_str).collect();
            // It is there: it was found there.
            let _ = edit::delete(&self.schema, &mut self.tree, &words);
            let what = "left out as a whole, since not all of it could be read".into();
            report.gap(line, text_of(&path), Problem::Conflict { what });
        }
    }

    /// Adds the paths of the unread entries below `parent`.
    fn add_unread(&self, parent: &[&str], unread: &mut Vec<Vec<String>>) {
        let entries = self.tree.at(parent).map(Node::children).unwrap_or_default();
        for (name, _) in entries.into_iter().filter(|(_, node)| node.unread) {
            unread.push(parent.iter().copied().chain([name]).map(ToOwned::to_owned).collect());
        }
    }

    fn verb(&mut self, verb: &str, path: &str, rest: &[&str]) -> Result<(), Box<ConfigError>> {
        let mut parts = alloc::vec![part(verb)];
        parts.extend(split(path).map_err(|problem| error::<&str>(&[], problem))?);
        parts.extend(rest.iter().map(|word| part(word)));
        self.line(&parts)
    }

    /// One line, which changes all it says or nothing.
    fn line(&mut self, parts: &[Part]) -> Result<(), Box<ConfigError>> {
        let mut report = Report::new("", false);
        parse::read_parts(self, parts, &mut report);
        match report.finish() {
            Ok(_) => Ok(()),
            Err(errors) => errors.into_iter().next().map_or(Ok(()), |error| Err(Box::new(error))),
        }
    }
}

impl Default for Document {
    fn default() -> Self {
        Self::empty(Arc::new(Schema::new()))
    }
}

/// Two documents are equal when they are written alike.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.to_set() == other.to_set()
    }
}

impl Eq for Document {}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({:?})", self.to_set())
    }
}

/// Hands out the lines of a node in order.
pub(crate) struct Printer<'a> {
    /// What leads to the node, as it is written.
    path: String,
    /// Comment lines that wait for the next setting.
    comment: String,
    sink: &'a mut dyn FnMut(Line<'_>),
}

impl<'a> Printer<'a> {
    pub(crate) fn new(path: String, sink: &'a mut dyn FnMut(Line<'_>)) -> Self {
        Self { path, comment: String::new(), sink }
    }

    /// The tree is as deep as the schema at most, and so is the recursion.
    pub(crate) fn visit(&mut self, schema: &Schema, node: &Node) {
        if let Some(comment) = node.comment() {
            if !self.comment.is_empty() {
                self.comment.push('\n');
            }
            self.comment.push_str(comment);
        }
        if schema.leaf.is_some_and(|leaf| leaf.kind != Kind::Presence) {
            let length = self.path.len();
            push_values(&mut self.path, &node.children());
            self.line();
            self.path.truncate(length);
            return;
        }
        if node.is_empty() && !self.path.is_empty() {
            self.line();
        }
        for (word, below) in &schema.words {
            if let Some(node) = node.child(word) {
                self.below(word, below, node);
            }
        }
        let Some((_, below)) = schema.key.as_ref() else { return };
        for (name, node) in node.children() {
            if schema.word(name).is_none() {
                self.below(name, below, node);
            }
        }
    }

    fn below(&mut self, word: &str, schema: &Schema, node: &Node) {
        let length = self.path.len();
        if length > 0 {
            self.path.push(' ');
        }
        self.path.push_str(&quoted(word));
        self.visit(schema, node);
        self.path.truncate(length);
    }

    fn line(&mut self) {
        (self.sink)(Line { comment: &self.comment, text: &self.path });
        self.comment.clear();
    }
}

fn push_values(path: &mut String, values: &[(&str, &Node)]) {
    if let [(value, _)] = values {
        path.push(' ');
        path.push_str(&quoted(value));
        return;
    }
    path.push_str(" [");
    for (value, _) in values {
        path.push(' ');
        path.push_str(&quoted(value));
    }
    path.push_str(" ]");
}

/// The paths, as they stand in the manual, of all settings at and below a node.
fn collect_settings(schema: &Schema, node: &Node, used: &mut BTreeSet<&'static str>) {
    used.extend(schema.leaf.map(|leaf| leaf.path));
    for (word, below) in &schema.words {
        if let Some(node) = node.child(word) {
            collect_settings(below, node, used);
        }
    }
    if let Some((_, below)) = schema.key.as_ref() {
        for (_, node) in node.children().into_iter().filter(|(name, _)| schema.word(name).is_none()) {
            collect_settings(below, node, used);
        }
    }
}

/// A line with its comment.
fn push(text: &mut String, line: &Line<'_>) {
    if !line.comment.is_empty() {
        text.push_str(line.comment);
        text.push('\n');
    }
    text.push_str("set ");
    text.push_str(line.text);
    text.push('\n');
}

/// The words of a path.
fn words(path: &str) -> Result<Vec<String>, Box<ConfigError>> {
    let parts = split(path).map_err(|problem| error::<&str>(&[], problem))?;
    let words = parts.into_iter().map(|part| match part {
        Part::Word(word) => word,
        Part::List(_) => "[".into(),
    });
    Ok(words.collect())
}

fn part(word: &str) -> Part {
    Part::Word(word.into())
}

fn error<W: AsRef<str>>(path: &[W], problem: Problem) -> Box<ConfigError> {
    Box::new(ConfigError { file: String::new(), line: 0, path: text_of(path), problem })
}

#[cfg(test)]
pub(crate) mod tests;
