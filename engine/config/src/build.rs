//! Tree to typed configuration: defaults filled in, names resolved, what several lines say together
//! checked.

mod lists;
mod nat;
mod network;
mod objects;
mod overrides;
mod rules;
mod schedules;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    Accepted, Config, Problem,
    parse::Report,
    schema::{Home, SECTIONS, Schema},
    tree::Node,
    words::quoted,
};

/// The typed configuration. What it reports as an error has no part in the result; what it reports as a gap
/// is left out of it, so that nothing is allowed that no line allows.
pub(crate) fn config(schema: &Schema, root: &Node, report: &mut Report<'_>) -> Config {
    let root = View { schema: Some(schema), node: Some(root), path: String::new() };
    let mut config = Config::default();
    fields(&root, &mut config);
    let objects = objects::Objects::read(&root, report);
    config.interfaces = network::interfaces(&root, &objects, report);
    config.routes = network::routes(&root, &objects, &config.interfaces, report);
    config.zones = network::zones(&root, &config.interfaces, report);
    config.categories = schedules::categories(&root, report);
    let schedules = schedules::schedules(&root, report);
    let names = lists::Names {
        objects: &objects,
        interfaces: &config.interfaces,
        zones: &config.zones,
        categories: &config.categories,
        schedules: &schedules,
    };
    config.rules = rules::security(&root, names, report);
    config.nat_rules = nat::rules(&root, names, report);
    config.application_overrides = overrides::rules(&root, names, report);
    [config.intrazone_default, config.interzone_default] = rules::defaults(&root);
    config
}

/// The settings that are single fields.
fn fields(root: &View<'_>, config: &mut Config) {
    for leaf in SECTIONS.iter().flat_map(|section| section.leaves) {
        let Home::Field(field) = leaf.home else { continue };
        let mut view = root.clone();
        for word in leaf.path.split(' ') {
            view = view.below(word);
        }
        if let Some(value) = view.values().first() {
            field.write(config, value.text);
        }
    }
}

/// A place in the tree together with what the schema says of it.
#[derive(Clone)]
struct View<'a> {
    schema: Option<&'a Schema>,
    node: Option<&'a Node>,
    path: String,
}

/// One value as it was written.
#[derive(Clone, Copy)]
struct Value<'a> {
    text: &'a str,
    line: u32,
}

impl<'a> View<'a> {
    /// What stands below `word`.
    fn below(&self, word: &str) -> Self {
        let path = if self.path.is_empty() { word.into() } else { format!("{} {word}", self.path) };
        Self {
            schema: self.schema.and_then(|schema| schema.word(word)),
            node: self.node.and_then(|node| node.child(word)),
            path,
        }
    }

    /// What stands below each of `words` in turn.
    fn at(&self, words: &[&str]) -> Self {
        words.iter().fold(self.clone(), |view, word| view.below(word))
    }

    /// The entries at this place, in order.
    fn entries(&self) -> Vec<(&'a str, Self)> {
        let below = self.schema.and_then(|schema| schema.key.as_ref());
        let entry = |name: &'a str, node: &'a Node| Self {
            schema: below.map(|(_, schema)| &**schema),
            node: Some(node),
            path: format!("{} {}", self.path, quoted(name)),
        };
        let children = self.node.map(Node::children).unwrap_or_default();
        children.into_iter().map(|(name, node)| (name, entry(name, node))).collect()
    }

    /// The values that lines gave, in order.
    fn values(&self) -> Vec<Value<'a>> {
        let children = self.node.map(Node::children).unwrap_or_default();
        children.into_iter().map(|(text, node)| Value { text, line: node.line }).collect()
    }

    /// The value that a line gave.
    fn value(&self) -> Option<Value<'a>> {
        self.values().first().copied()
    }

    /// The value, or the schema's default.
    fn word(&self) -> String {
        match self.value() {
            Some(value) => value.text.into(),
            None => self.schema.and_then(|schema| schema.leaf).map(|leaf| leaf.default()).unwrap_or_default(),
        }
    }

    fn is_yes(&self) -> bool {
        self.word() == "yes"
    }

    fn number(&self) -> Option<u32> {
        self.word().parse().ok()
    }

    /// Whether a line made it.
    fn exists(&self) -> bool {
        self.node.is_some()
    }

    fn line(&self) -> u32 {
        self.node.map_or(0, |node| node.line)
    }

    fn is_unread(&self) -> bool {
        self.node.is_some_and(|node| node.unread)
    }

    fn gap(&self, report: &mut Report<'_>, line: u32, problem: Problem) {
        report.gap(line, self.path.to_string(), problem);
    }

    /// Whether the entry's name is a word that means something where it would be used; that is reported.
    fn is_reserved(&self, name: &str, report: &mut Report<'_>) -> bool {
        let reserved = matches!(name, "any" | "application-default");
        if reserved {
            let what = format!("`{name}` has a meaning of its own and cannot be a name here");
            self.gap(report, self.line(), Problem::Conflict { what });
        }
        reserved
    }

    /// A name that belongs to nothing.
    fn unknown<'n>(
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
}
