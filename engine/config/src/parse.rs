//! Lines to tree. Each line is checked against the schema as it is read.

use alloc::{string::String, vec::Vec};

use crate::{
    Accepted, Config, ConfigError, Problem, build,
    schema::{Kind, Schema},
    tree::{Position, Tree},
    words::{Part, quoted, split},
};

/// A configuration that was read although not all of it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// What was understood.
    pub config: Config,
    /// What was not.
    pub warnings: Vec<ConfigError>,
}

/// Reads a configuration: one setting or more on a line, `delete` and `move` as they come. `file` is the
/// name that errors carry.
///
/// # Errors
///
/// Everything that is wrong, up to 50 mistakes, in the order of the lines; then no configuration exists.
/// Settings of PAN-OS that this engine does not have are mistakes too.
pub fn parse(text: &str, file: &str) -> Result<Config, Vec<ConfigError>> {
    let Lenient { config, .. } = read(text, file, false)?;
    Ok(config)
}

/// Reads what it understands of a configuration written for another device. Settings that this engine does
/// not have, and names of things it does not know, become warnings. A rule whose conditions could not all
/// be read is disabled rather than applied to traffic that it was not meant for. Traffic that a disabled
/// rule would have blocked may then be allowed by a later one: this reading is for looking at captures and
/// logs, not for running a firewall.
///
/// # Errors
///
/// Values that the settings cannot have, and lines that cannot be read, up to 50.
pub fn parse_lenient(text: &str, file: &str) -> Result<Lenient, Vec<ConfigError>> {
    read(text, file, true)
}

/// Errors and warnings of one reading.
pub(crate) struct Report<'a> {
    file: &'a str,
    pub(crate) lenient: bool,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

/// More mistakes than this are not listed.
const MOST_ERRORS: usize = 50;

impl Report<'_> {
    /// Whether it is still worth looking for the word that was meant.
    pub(crate) fn wants_hints(&self) -> bool {
        self.errors.len() + self.warnings.len() < MOST_ERRORS
    }

    /// What makes the configuration invalid however it is read.
    pub(crate) fn error(&mut self, line: u32, path: String, problem: Problem) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(ConfigError { file: self.file.into(), line, path, problem });
        }
    }

    /// What a lenient reading leaves out.
    pub(crate) fn gap(&mut self, line: u32, path: String, problem: Problem) {
        if self.lenient {
            self.warnings.push(ConfigError { file: self.file.into(), line, path, problem });
        } else {
            self.error(line, path, problem);
        }
    }
}

fn read(text: &str, file: &str, lenient: bool) -> Result<Lenient, Vec<ConfigError>> {
    let schema = Schema::new();
    let mut reader = Reader {
        schema: &schema,
        tree: Tree::default(),
        report: Report { file, lenient, errors: Vec::new(), warnings: Vec::new() },
    };
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            reader.line(number, line);
        }
    }
    let Reader { tree, mut report, .. } = reader;
    let config = build::config(&schema, &tree.root, &mut report);
    report.errors.sort_by_key(|error| error.line);
    report.warnings.sort_by_key(|warning| warning.line);
    if report.errors.is_empty() {
        Ok(Lenient { config, warnings: report.warnings })
    } else {
        Err(report.errors)
    }
}

struct Reader<'a> {
    schema: &'a Schema,
    tree: Tree,
    report: Report<'a>,
}

/// How far along a line the reader is.
struct Cursor<'a> {
    line: u32,
    path: Vec<String>,
    /// The schema at each word of the path, the root first, and whether the word names an entry.
    steps: Vec<(&'a Schema, bool)>,
    /// Whether a setting on this line has been taken.
    settled: bool,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: u32, line: &str) {
        let parts = match split(line) {
            Ok(parts) => parts,
            Err(problem) => return self.report.gap(number, String::new(), problem),
        };
        match parts.as_slice() {
            [Part::Word(verb), rest @ ..] if verb == "delete" => self.delete(number, without_prefixes(rest)),
            [Part::Word(verb), rest @ ..] if verb == "move" => {
                self.move_entry(number, without_prefixes(rest))
            }
            [Part::Word(verb), rest @ ..] if verb == "set" => self.set(number, without_prefixes(rest)),
            _ => self.set(number, without_prefixes(&parts)),
        }
    }

    fn set(&mut self, line: u32, parts: &[Part]) {
        let mut cursor =
            Cursor { line, path: Vec::new(), steps: alloc::vec![(self.schema, false)], settled: false };
        let mut rest = parts;
        while let [part, after @ ..] = rest {
            let below = match part {
                Part::Word(word) => self.step(&mut cursor, word),
                Part::List(_) => {
                    self.unsupported(&cursor, "[");
                    None
                }
            };
            let Some(schema) = below else { return };
            rest = match schema.leaf {
                Some(leaf) => match self.value(&mut cursor, leaf.kind, after) {
                    Some(rest) => rest,
                    None => return,
                },
                None => after,
            };
        }
        if !cursor.settled {
            self.tree.insert(&cursor.path, line);
        }
    }

    /// Goes on by one word: below the last one, or, once a setting was taken, to another setting of the
    /// same entry.
    fn step(&mut self, cursor: &mut Cursor<'a>, word: &str) -> Option<&'a Schema> {
        if cursor.settled {
            while let Some((schema, is_entry)) = cursor.steps.last()
                && schema.word(word).is_none()
                && !is_entry
                && cursor.path.len() > 1
            {
                cursor.steps.pop();
                cursor.path.pop();
            }
        }
        let (schema, _) = cursor.steps.last().copied()?;
        if let Some(below) = schema.word(word) {
            cursor.path.push(word.into());
            cursor.steps.push((below, false));
            return Some(below);
        }
        let Some((key, below)) = schema.key.as_ref() else {
            self.unsupported(cursor, word);
            return None;
        };
        if key.kind.check(word).is_err() {
            let problem = Problem::BadValue {
                value: word.into(),
                expected: key.kind.describe(),
                accepted: Accepted::Unknown,
            };
            self.report.error(cursor.line, text_of(&cursor.path), problem);
            return None;
        }
        cursor.path.push(word.into());
        cursor.steps.push((below, true));
        Some(below)
    }

    /// Takes the value of the setting that the cursor has reached; what is left of the line.
    fn value<'p>(&mut self, cursor: &mut Cursor<'a>, kind: Kind, rest: &'p [Part]) -> Option<&'p [Part]> {
        let (values, after): (Vec<&str>, &[Part]) = match rest {
            _ if kind == Kind::Presence => (Vec::new(), rest),
            [Part::Word(word), after @ ..] => (alloc::vec![word.as_str()], after),
            [Part::List(words), after @ ..] => (words.iter().map(String::as_str).collect(), after),
            [] if kind.is_list() => (Vec::new(), &[]),
            [] if kind.check("").is_ok() => (alloc::vec![""], &[]),
            [] => {
                let problem = Problem::MissingValue { expected: kind.describe() };
                self.report.error(cursor.line, text_of(&cursor.path), problem);
                return None;
            }
        };
        if !kind.is_list() && values.len() != 1 && kind != Kind::Presence {
            let problem = Problem::TooManyValues { count: values.len() };
            self.report.error(cursor.line, text_of(&cursor.path), problem);
            return None;
        }
        for value in &values {
            self.check(cursor, kind, value);
        }
        let node = self.tree.insert(&cursor.path, cursor.line);
        node.line = cursor.line;
        if !kind.is_list() {
            node.clear();
        }
        for value in values {
            cursor.path.push(value.into());
            self.tree.insert(&cursor.path, cursor.line);
            cursor.path.pop();
        }
        cursor.settled = true;
        cursor.path.pop();
        cursor.steps.pop();
        Some(after)
    }

    fn check(&mut self, cursor: &Cursor<'a>, kind: Kind, value: &str) {
        if kind.check(value).is_ok() {
            return;
        }
        let accepted = if let Kind::Words(words) = kind {
            Accepted::near(value, words.iter().copied())
        } else {
            Accepted::Unknown
        };
        let problem = Problem::BadValue { value: value.into(), expected: kind.describe(), accepted };
        if kind == Kind::OnlyAny {
            self.mark_unread(cursor);
            self.report.gap(cursor.line, text_of(&cursor.path), problem);
        } else {
            self.report.error(cursor.line, text_of(&cursor.path), problem);
        }
    }

    /// A word that the schema does not have at this place.
    fn unsupported(&mut self, cursor: &Cursor<'a>, word: &str) {
        let known = cursor.steps.last().into_iter().flat_map(|(schema, _)| schema.words.iter());
        let accepted = Accepted::for_word(word, known.map(|(word, _)| *word));
        // These say nothing of which traffic a rule is for.
        let is_neutral = matches!(
            word,
            "tag" | "group-tag" | "profile-setting" | "log-setting" | "option" | "qos" | "uuid" | "target"
        );
        if cursor.settled || !is_neutral {
            self.mark_unread(cursor);
        }
        let problem = Problem::NotSupported { word: word.into(), accepted };
        self.report.gap(cursor.line, text_of(&cursor.path), problem);
    }

    /// Marks the rule that the line is about.
    fn mark_unread(&mut self, cursor: &Cursor<'a>) {
        if let [first, second, third, name, ..] = cursor.path.as_slice()
            && [first, second, third] == ["rulebase", "security", "rules"]
        {
            self.tree.insert(&[first, second, third, name], cursor.line).unread = true;
        }
    }

    fn delete(&mut self, line: u32, parts: &[Part]) {
        let mut path: Vec<&str> = Vec::new();
        let mut values: &[String] = &[];
        for part in parts {
            match part {
                Part::Word(word) => path.push(word),
                Part::List(words) => values = words,
            }
        }
        if values.is_empty() {
            if !self.tree.remove(&path) {
                self.report.gap(line, text_of(&path), Problem::NothingThere);
            }
            return;
        }
        for value in values {
            path.push(value);
            if !self.tree.remove(&path) {
                self.report.gap(line, text_of(&path), Problem::NothingThere);
            }
            path.pop();
        }
    }

    fn move_entry(&mut self, line: u32, parts: &[Part]) {
        let words: Vec<&str> = parts
            .iter()
            .map(|part| match part {
                Part::Word(word) => word.as_str(),
                Part::List(_) => "[",
            })
            .collect();
        let (path, name, position) = match words.as_slice() {
            [path @ .., name, "top"] => (path, name, Position::Top),
            [path @ .., name, "bottom"] => (path, name, Position::Bottom),
            [path @ .., name, "before", other] => (path, name, Position::Before(other)),
            [path @ .., name, "after", other] => (path, name, Position::After(other)),
            _ => {
                let expected = "an entry, then `top`, `bottom`, `before NAME` or `after NAME`".into();
                return self.report.gap(line, text_of(&words), Problem::MissingValue { expected });
            }
        };
        if path != ["rulebase", "security", "rules"] || !self.tree.move_to(path, name, position) {
            self.report.gap(line, text_of(&words), Problem::NothingThere);
        }
    }
}

/// The path without the words that exports put before it: `config`, `devices NAME`, `vsys vsys1`, `shared`.
fn without_prefixes(parts: &[Part]) -> &[Part] {
    let mut rest = parts;
    loop {
        rest = match rest {
            [Part::Word(word), after @ ..] if word == "config" || word == "shared" => after,
            [Part::Word(word), Part::Word(_), after @ ..] if word == "devices" => after,
            [Part::Word(word), Part::Word(name), after @ ..] if word == "vsys" && name == "vsys1" => after,
            _ => return rest,
        };
    }
}

fn text_of<W: AsRef<str>>(path: &[W]) -> String {
    let words: Vec<String> = path.iter().map(|word| quoted(word.as_ref())).collect();
    words.join(" ")
}
