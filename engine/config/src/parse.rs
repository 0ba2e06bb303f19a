//! Lines to tree. Each line is checked against the schema as it is read.

use alloc::{borrow::Cow, string::String, vec::Vec};

use crate::{
    Accepted, Config, ConfigError, Document, Problem, Sources,
    edit::{self, Stray},
    schema::{Kind, Schema},
    scopes::Scopes,
    tree::Tree,
    words::{Part, excerpt, split, text_of},
};

/// A configuration that was read although not all of it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// What was understood.
    pub config: Config,
    /// What was not.
    pub warnings: Vec<ConfigError>,
}

/// A longer text, in bytes, is refused before it is read. 100,000 rules of eight settings each fit.
pub const MOST_BYTES: usize = 64 << 20;

/// More words than this, each at one place of the tree, are refused: a text of short values would otherwise
/// take a multiple of its size in memory.
pub const MOST_WORDS: usize = 4_000_000;

/// Reads a configuration: one setting or more on a line, `delete` and `move` as they come. `file` is the
/// name that errors carry. `Document::parse` and `Document::build` do the same in two steps.
///
/// # Errors
///
/// Everything that is wrong, up to 50 mistakes, in the order of the lines; then no configuration exists.
/// Settings of PAN-OS that this engine does not have are mistakes too.
pub fn parse(text: &str, file: &str) -> Result<Config, Vec<ConfigError>> {
    let mut report = Report::new(file, false);
    let document = read(Document::default(), text, &mut report);
    let config = document.typed(&mut report);
    report.finish().map(|_| config)
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
    let mut report = Report::new(file, true);
    let document = read(Document::default(), text, &mut report);
    let config = document.typed(&mut report);
    report.finish().map(|warnings| Lenient { config, warnings })
}

/// Reads a whole text into a document that sets nothing.
pub(crate) fn read(mut document: Document, text: &str, report: &mut Report<'_>) -> Document {
    document.set_file(report.file);
    if text.len() > MOST_BYTES {
        let problem = Problem::TooLong { bytes: text.len(), most: MOST_BYTES };
        report.error(1, String::new(), problem);
        return document;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (header, body, first) = header(text);
    document.header = header;
    read_lines(&mut document, body, first, report);
    document.disable_unread();
    document.leave_out_unread(report);
    document
}

/// Reads the lines of a text into a document, the first of which has the number `first`.
pub(crate) fn read_lines(document: &mut Document, text: &str, first: u32, report: &mut Report<'_>) {
    let schema = document.schema();
    let mut reader = Reader::new(&schema, &mut document.tree, report);
    for (number, line) in (first..).zip(text.lines()) {
        let line = line.trim();
        if reader.report.is_full() {
            break;
        } else if line.starts_with('#') {
            add_line(&mut reader.comment, line);
        } else if !line.is_empty() {
            reader.line(number, line);
        }
    }
    let rest = core::mem::take(&mut reader.comment);
    if !rest.is_empty() {
        add_line(&mut document.footer, &rest);
    }
}

/// Reads one line, of which either all is taken or nothing.
pub(crate) fn read_parts(document: &mut Document, parts: &[Part], report: &mut Report<'_>) {
    let schema = document.schema();
    let mut reader = Reader::new(&schema, &mut document.tree, report);
    reader.whole_lines = true;
    reader.parts(0, parts);
}

/// The comment at the beginning of a text, if an empty line sets it apart from what follows; the rest, and
/// the number of its first line.
fn header(text: &str) -> (String, &str, u32) {
    let mut header = String::new();
    let mut rest = text;
    for number in 1.. {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        match line.trim() {
            "" if rest.is_empty() => break,
            "" if !header.is_empty() => return (header, rest, number),
            "" => {}
            comment if comment.starts_with('#') => add_line(&mut header, comment),
            _ => break,
        }
        rest = after;
    }
    (String::new(), text, 1)
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

/// Errors and warnings of one reading.
pub(crate) struct Report<'a> {
    file: &'a str,
    pub(crate) lenient: bool,
    sources: Option<&'a Sources>,
    most_errors: usize,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

/// A text of which more is left out is refused.
const MOST_WARNINGS: usize = 500_000;

/// More mistakes than this are not listed.
const MOST_ERRORS: usize = 50;

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str, lenient: bool) -> Self {
        Self {
            file,
            lenient,
            sources: None,
            most_errors: MOST_ERRORS,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// For a reader that takes back what each mistake is about.
    pub(crate) fn without_limit(self) -> Self {
        Self { most_errors: usize::MAX, ..self }
    }

    /// With files that the configuration may name.
    pub(crate) fn with_sources(self, sources: &'a Sources) -> Self {
        Self { sources: Some(sources), ..self }
    }

    /// What is in the file that `url` names.
    pub(crate) fn source(&self, url: &str) -> Option<&'a str> {
        self.sources.and_then(|sources| sources.get(url))
    }

    /// What is no mistake, but has no effect.
    pub(crate) fn warn(&mut self, line: u32, path: String, problem: Problem) {
        self.warn_in(self.file, line, path, problem);
    }

    /// As `warn`, about another file.
    pub(crate) fn warn_in(&mut self, file: &str, line: u32, path: String, problem: Problem) {
        self.warnings.push(ConfigError { file: file.into(), line, path, problem });
    }

    /// The warnings in the order of the lines.
    ///
    /// # Errors
    ///
    /// The errors, if there are any.
    pub(crate) fn finish(mut self) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
        self.errors.sort_by_key(|error| error.line);
        self.warnings.sort_by_key(|warning| warning.line);
        if self.errors.is_empty() { Ok(self.warnings) } else { Err(self.errors) }
    }

    /// Whether it is still worth looking for the word that was meant.
    pub(crate) fn wants_hints(&self) -> bool {
        self.errors.len() + self.warnings.len() < MOST_ERRORS
    }

    /// Whether nothing more would be listed.
    fn is_full(&self) -> bool {
        let is_lost = self.warnings.len() >= MOST_WARNINGS && !self.errors.is_empty();
        self.errors.len() >= self.most_errors || is_lost
    }

    /// What makes the configuration invalid however it is read.
    pub(crate) fn error(&mut self, line: u32, path: String, problem: Problem) {
        if self.errors.len() < self.most_errors {
            self.errors.push(ConfigError { file: self.file.into(), line, path, problem });
        }
    }

    /// What a lenient reading leaves out.
    pub(crate) fn gap(&mut self, line: u32, path: String, problem: Problem) {
        if self.lenient && self.warnings.len() >= MOST_WARNINGS {
            if self.errors.is_empty() {
                self.error(line, path, Problem::TooManyGaps { most: MOST_WARNINGS });
            }
        } else if self.lenient {
            self.warnings.push(ConfigError { file: self.file.into(), line, path, problem });
        } else {
            self.error(line, path, problem);
        }
    }
}

struct Reader<'a, 'r> {
    schema: &'a Schema,
    tree: &'a mut Tree,
    report: &'a mut Report<'r>,
    /// Comment lines that wait for the setting they stand before.
    comment: String,
    /// Whether a line with a mistake changes nothing. Else what can be read of it is taken, so that the lines
    /// after it are not wrong for its sake.
    whole_lines: bool,
    /// Whether there are as many words as there may be.
    is_full: bool,
    scopes: Scopes,
}

/// One setting of a line, or an entry that is only named.
struct Setting {
    path: Vec<String>,
    /// What kind of value it has; none where the path ends before a setting.
    kind: Option<Kind>,
    values: Vec<String>,
}

/// How far along a line the reader is.
struct Cursor<'a> {
    line: u32,
    path: Vec<String>,
    /// The schema at each word of the path, the root first, and whether the word names an entry.
    steps: Vec<(&'a Schema, bool)>,
    settings: Vec<Setting>,
}

impl Cursor<'_> {
    /// Whether a setting on this line has been taken.
    fn settled(&self) -> bool {
        !self.settings.is_empty()
    }
}

impl<'a, 'r> Reader<'a, 'r> {
    fn new(schema: &'a Schema, tree: &'a mut Tree, report: &'a mut Report<'r>) -> Self {
        Self {
            schema,
            tree,
            report,
            comment: String::new(),
            whole_lines: false,
            is_full: false,
            scopes: Scopes::default(),
        }
    }

    fn line(&mut self, number: u32, line: &str) {
        match split(line) {
            Ok(parts) => self.parts(number, &parts),
            Err(problem) => self.report.gap(number, String::new(), problem),
        }
    }

    fn parts(&mut self, number: u32, parts: &[Part]) {
        let (verb, rest) = match parts {
            [Part::Word(verb), rest @ ..] => (verb.as_str(), rest),
            rest => ("", rest),
        };
        let (verb, rest) = match verb {
            "delete" | "move" | "rename" | "copy" | "set" => (verb, rest),
            _ => ("set", parts),
        };
        let Some(rest) = self.scopes.strip(number, rest, self.report) else { return };
        match verb {
            "delete" => self.delete(number, &in_todays_form(rest, false)),
            "set" => self.set(number, &in_todays_form(rest, true)),
            _ => self.arrange(verb, number, rest),
        }
    }

    fn set(&mut self, line: u32, parts: &[Part]) {
        let before = self.report.errors.len();
        let mut cursor =
            Cursor { line, path: Vec::new(), steps: alloc::vec![(self.schema, false)], settings: Vec::new() };
        let is_read = self.settings(&mut cursor, parts).is_some();
        if is_read && !cursor.settled() {
            let path = core::mem::take(&mut cursor.path);
            cursor.settings.push(Setting { path, kind: None, values: Vec::new() });
        }
        if !(self.whole_lines && self.report.errors.len() > before) {
            for setting in cursor.settings {
                self.take(line, setting);
            }
        }
    }

    /// The settings of a line; `None` when the rest of it cannot be read.
    fn settings(&mut self, cursor: &mut Cursor<'a>, parts: &[Part]) -> Option<()> {
        let mut rest = parts;
        while let [part, after @ ..] = rest {
            let schema = match part {
                Part::Word(word) => self.step(cursor, word)?,
                Part::List(_) => {
                    self.unsupported(cursor, "[");
                    return None;
                }
            };
            rest = match schema.leaf {
                Some(leaf) if !goes_on(schema, after) => self.value(cursor, leaf.kind, after)?,
                _ => after,
            };
        }
        Some(())
    }

    /// Puts a setting into the tree, with the comment that stands before it.
    fn take(&mut self, line: u32, setting: Setting) {
        if self.is_full {
            return;
        }
        let Setting { mut path, kind, values } = setting;
        // What is neither a setting nor in an entry says nothing.
        if kind.is_none() && !edit::is_in_entry(self.schema, &path) {
            return;
        }
        if self.tree.size() + path.len() + values.len() > MOST_WORDS {
            self.is_full = true;
            return self.report.error(line, text_of(&path), Problem::TooManyWords { most: MOST_WORDS });
        }
        let is_list = kind.is_none_or(Kind::is_list) || kind == Some(Kind::Presence);
        if !is_list {
            self.tree.clear(&path);
        }
        if self.whole_lines {
            edit::drop_alternatives(self.schema, self.tree, &path);
        }
        let node = self.tree.insert(&path, line);
        if kind.is_some() {
            node.line = line;
        }
        if !self.comment.is_empty() {
            node.add_comment(&self.comment);
            self.comment.clear();
        }
        for value in values {
            path.push(value);
            self.tree.insert(&path, line);
            path.pop();
        }
    }

    /// Goes on by one word: below the last one, or, once a setting was taken, to another setting of the
    /// same entry.
    fn step(&mut self, cursor: &mut Cursor<'a>, word: &str) -> Option<&'a Schema> {
        if cursor.settled() {
            while let Some((schema, is_entry)) = cursor.steps.last()
                && schema.word(word).is_none()
                && schema.key.is_none()
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
                value: excerpt(word),
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
        let asked = values.len();
        let values: Vec<String> =
            values.into_iter().filter(|value| self.check(cursor, kind, value)).map(String::from).collect();
        if asked == 0 || !values.is_empty() {
            cursor.settings.push(Setting { path: cursor.path.clone(), kind: Some(kind), values });
        }
        cursor.path.pop();
        cursor.steps.pop();
        Some(after)
    }

    /// Whether the value is to be taken. One that the setting cannot have is reported, and taken nevertheless
    /// where the whole text is refused for it: else the entry would seem to lack it.
    fn check(&mut self, cursor: &Cursor<'a>, kind: Kind, value: &str) -> bool {
        if kind.check(value).is_ok() {
            return true;
        }
        let accepted = if let Kind::Words(words) = kind
            && self.report.wants_hints()
        {
            Accepted::near(value, words.iter().copied())
        } else {
            Accepted::Unknown
        };
        let problem = Problem::BadValue { value: excerpt(value), expected: kind.describe(), accepted };
        if matches!(kind, Kind::OnlyAny | Kind::Only(_)) {
            self.mark_unread(cursor);
            self.report.gap(cursor.line, text_of(&cursor.path), problem);
            return false;
        }
        self.report.error(cursor.line, text_of(&cursor.path), problem);
        !self.whole_lines
    }

    /// A word that the schema does not have at this place.
    fn unsupported(&mut self, cursor: &Cursor<'a>, word: &str) {
        // These say nothing of which traffic a rule is for.
        let is_neutral = matches!(
            word,
            "tag" | "group-tag" | "profile-setting" | "log-setting" | "option" | "qos" | "uuid" | "target"
        );
        if cursor.settled() || !is_neutral {
            self.mark_unread(cursor);
        }
        let (schema, _) = cursor.steps.last().copied().unwrap_or((self.schema, false));
        let problem = Stray::problem(schema, word, self.report.wants_hints());
        self.report.gap(cursor.line, text_of(&cursor.path), problem);
    }

    /// Marks the rule that the line is about, or an entry that would mean more without what could not be
    /// read, if it is to be read nevertheless.
    fn mark_unread(&mut self, cursor: &Cursor<'a>) {
        let words: Vec<&str> = cursor.path.iter().map(String::as_str).collect();
        let length = match words.as_slice() {
            ["rulebase", _, "rules", _, ..] => 4,
            ["application" | "application-filter" | "external-list", _, ..] => 2,
            ["profiles", "custom-url-category", _, ..] => 3,
            ["network", "virtual-router", _, "routing-table", _, "static-route", _, ..] => 7,
            _ => return,
        };
        if let Some(entry) = words.get(..length)
            && self.report.lenient
            && matches!(cursor.steps.get(length), Some((_, true)))
        {
            self.tree.insert(entry, cursor.line).unread = true;
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
        let paths: Vec<Vec<&str>> = if values.is_empty() {
            alloc::vec![path]
        } else {
            values.iter().map(|value| path.iter().copied().chain([value.as_str()]).collect()).collect()
        };
        let is_missing = |path: &Vec<&str>| self.tree.at(path).is_none();
        if self.whole_lines
            && let Some(missing) = paths.iter().find(|path| is_missing(path))
        {
            let problem = edit::missing(self.schema, missing);
            return self.report.error(line, text_of(missing), problem);
        }
        for path in paths {
            if let Err(problem) = edit::delete(self.schema, self.tree, &path) {
                self.report.gap(line, text_of(&path), problem);
            }
        }
    }

    /// `move`, `rename` and `copy`.
    fn arrange(&mut self, verb: &str, line: u32, parts: &[Part]) {
        let words: Vec<&str> = parts
            .iter()
            .map(|part| match part {
                Part::Word(word) => word.as_str(),
                Part::List(_) => "[",
            })
            .collect();
        let done = edit::arrange(self.schema, self.tree, verb, line, &words);
        match done {
            Ok(path) => {
                if let Some(node) = self.tree.at_mut(&path)
                    && !self.comment.is_empty()
                {
                    node.add_comment(&self.comment);
                    self.comment.clear();
                }
            }
            Err(problem) => self.report.gap(line, text_of(&words), problem),
        }
    }
}

/// Whether the line goes on below a word that is a setting already by itself.
fn goes_on(schema: &Schema, rest: &[Part]) -> bool {
    matches!(rest.first(), Some(Part::Word(word)) if schema.word(word).is_some())
}

/// Before version 8.1 the number of a pair of devices stood as an entry: `high-availability group N …`. Today
/// it is a setting, which a line that sets something says first.
fn in_todays_form(parts: &[Part], sets: bool) -> Cow<'_, [Part]> {
    let is = |part: &Part, expected: &str| matches!(part, Part::Word(word) if word == expected);
    let [device, pair, group, Part::Word(number), rest @ ..] = parts else { return Cow::Borrowed(parts) };
    let is_old = is(device, "deviceconfig") && is(pair, "high-availability") && is(group, "group");
    if !is_old || number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(parts);
    }
    let mut todays = alloc::vec![device.clone(), pair.clone(), group.clone()];
    if sets {
        todays.extend([Part::Word("group-id".into()), Part::Word(number.clone())]);
    }
    todays.extend_from_slice(rest);
    Cow::Owned(todays)
}
