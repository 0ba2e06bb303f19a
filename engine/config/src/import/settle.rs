//! Statements to a document that is in order: what names nothing, or would make a rule wider, is left out.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Changed, ImportError, Note,
    account::comment_lines,
    apply::{Fate, Statement, Work, is_word, rule_of},
    loss::{self, Loss},
    reason::Reason,
    split::Fit,
    statement::{Word, path_text},
};
use crate::{
    ConfigError, Document, Problem, Sources,
    parse::Report,
    words::{Part, split},
};

/// What was settled so far.
pub(crate) struct Settling<'w, 's> {
    work: &'w mut Work<'s>,
    /// The statements of each rule, object and group.
    entries: BTreeMap<Vec<Word>, Vec<usize>>,
    /// Rules that are carried over disabled.
    disabled: BTreeSet<Vec<Word>>,
    /// Interfaces, zones and rules that stay although a statement about them is left out: the rules for a
    /// zone are to be for no other traffic, and a rule is to be seen where it stood.
    kept: BTreeMap<usize, Vec<Word>>,
    /// Groups that have lost a member: kind and name.
    narrowed: BTreeSet<(Word, Word)>,
}

/// Makes a document of what is live, and leaves out more until nothing is wrong with it.
///
/// # Errors
///
/// A mistake that no statement can be made out for.
pub(crate) fn settle(work: &mut Work<'_>) -> Result<Document, ImportError> {
    let mut entries: BTreeMap<Vec<Word>, Vec<usize>> = BTreeMap::new();
    for at in &work.order {
        if let Some(entry) = work.statements.get(*at).and_then(|own| loss::entry_of(&own.path)) {
            entries.entry(entry.to_vec()).or_default().push(*at);
        }
    }
    let mut settling = Settling {
        work,
        entries,
        disabled: BTreeSet::new(),
        kept: BTreeMap::new(),
        narrowed: BTreeSet::new(),
    };
    settling.leave_what_does_not_fit();
    loop {
        settling.disable_rules_that_exclude_less();
        let document = settling.document();
        let sources = empty_sources(&document);
        let mut report = Report::new("", false).without_limit().with_sources(&sources);
        document.typed(&mut report);
        let problems = match report.finish() {
            Ok(warnings) => {
                settling.note(&warnings);
                return Ok(document);
            }
            Err(problems) => problems,
        };
        let before = settling.live_count();
        for problem in &problems {
            settling.resolve(problem);
        }
        if settling.live_count() == before && !settling.give_up_kept(&problems) {
            let what = problems.first().map(ToString::to_string).unwrap_or_default();
            return Err(ImportError::Unsettled { what });
        }
    }
}

/// Files of this device that the document names: what is in them is not asked for here.
pub(crate) fn empty_sources(document: &Document) -> Sources {
    let mut sources = Sources::new();
    for wanted in document.sources_wanted() {
        if wanted.path().is_some() {
            sources.insert(&wanted.url, String::new());
        }
    }
    sources
}

impl Settling<'_, '_> {
    fn document(&self) -> Document {
        let mut document = Document::default();
        let mut comments: BTreeMap<usize, Vec<&Statement>> = BTreeMap::new();
        for (comment, before) in &self.work.comments {
            if let (Some(own), Some(before)) = (self.work.statements.get(*comment), before) {
                comments.entry(*before).or_default().push(own);
            }
        }
        for (line, at) in (1..).zip(&self.work.order) {
            let Some(own) = self.live(*at) else {
                if let Some(kept) = self.kept.get(at) {
                    document.tree.insert(kept, line);
                }
                continue;
            };
            document.tree.insert(&own.path, line);
            // A comment belongs to the setting, not to its value.
            let setting = match own.fit {
                Fit::Single | Fit::Member => own.path.split_last().map_or(&[][..], |(_, setting)| setting),
                Fit::Presence | Fit::Entry | Fit::Not { .. } => &own.path,
            };
            let Some(node) = document.tree.at_mut(setting) else { continue };
            for comment in comments.get(at).into_iter().flatten() {
                comment_lines(comment).iter().for_each(|line| node.add_comment(line));
            }
        }
        for rule in &self.disabled {
            let mut path = rule.clone();
            path.push("disabled".into());
            if document.tree.at(rule).is_none() || document.tree.at(&path).is_some() {
                continue;
            }
            document
                .tree
                .insert(&path, 0)
                .add_comment("# Not all conditions of this rule were carried over.");
            path.push("yes".into());
            document.tree.insert(&path, 0);
        }
        document
    }

    fn live(&self, at: usize) -> Option<&Statement> {
        self.work.statements.get(at).filter(|own| own.fate == Fate::Live)
    }

    fn leave_what_does_not_fit(&mut self) {
        for at in self.work.order.clone() {
            if let Some(Fit::Not { reason, .. }) = self.live(at).map(|own| own.fit.clone()) {
                self.leave(at, reason);
            }
        }
    }

    /// Leaves a statement out, and what would mean something else without it.
    fn leave(&mut self, at: usize, reason: Reason) {
        let Some(own) = self.work.statements.get_mut(at).filter(|own| own.fate == Fate::Live) else { return };
        own.fate = Fate::Left(reason);
        let (path, line, fit) = (own.path.clone(), own.line, own.fit.clone());
        if let Some(kept) = loss::kept_without(&path, &fit) {
            self.kept.insert(at, kept.to_vec());
        }
        match loss::of(&path, &fit) {
            Loss::Nothing => {}
            Loss::Narrows => {
                if let [kind, name, ..] = path.as_slice() {
                    self.narrowed.insert((kind.clone(), name.clone()));
                }
            }
            Loss::Entry => {
                let entry = loss::entry_of(&path).map(<[Word]>::to_vec).unwrap_or_default();
                for other in self.entries.get(&entry).cloned().unwrap_or_default() {
                    if let Some(other) = self.work.statements.get_mut(other)
                        && other.fate == Fate::Live
                        && !matches!(other.fit, Fit::Not { .. })
                    {
                        other.fate = Fate::Left(Reason::EntryLost { line });
                    }
                }
            }
            Loss::Condition => {
                if !(fit == Fit::Member && self.list_is_usable(&path)) {
                    self.disable(&path, line);
                }
            }
        }
    }

    /// Whether the rule's list still has members, and says what the rule is for rather than what it is not
    /// for.
    fn list_is_usable(&self, path: &[Word]) -> bool {
        let Some((_, list)) = path.split_last() else { return false };
        let rule = rule_of(path).map(|rule| self.entries.get(rule)).into_iter().flatten().flatten();
        let mut has_members = false;
        for own in rule.filter_map(|at| self.live(*at)) {
            if negates(own, list) {
                return false;
            }
            has_members |=
                own.fit == Fit::Member && own.path.len() == path.len() && own.path.starts_with(list);
        }
        has_members
    }

    fn disable(&mut self, path: &[Word], line: u32) {
        let Some(rule) = rule_of(path).map(<[Word]>::to_vec) else { return };
        let statements = self.entries.get(&rule).cloned().unwrap_or_default();
        if !self.disabled.insert(rule.clone()) {
            return;
        }
        let mut was_disabled = false;
        for at in statements {
            let Some(own) = self.work.statements.get_mut(at).filter(|own| own.fate == Fate::Live) else {
                continue;
            };
            if is_word(own.path.get(4), "disabled") {
                was_disabled = is_word(own.path.get(5), "yes");
                if !was_disabled {
                    own.fate = Fate::Left(Reason::RuleDisabled);
                }
            }
        }
        if !was_disabled {
            self.work.notes.push(Note { line, path: path_text(&rule), changed: Changed::Disabled });
        }
    }

    /// A rule for all addresses but those of a group is for more of them when the group loses members.
    fn disable_rules_that_exclude_less(&mut self) {
        loop {
            let before = self.narrowed.len();
            for at in &self.work.order {
                if let Some(Statement { path, .. }) = self.live(*at)
                    && let [kind, name, .., member] = path.as_slice()
                    && loss::is_group(kind)
                    && self.narrowed.contains(&(kind.clone(), member.clone()))
                {
                    self.narrowed.insert((kind.clone(), name.clone()));
                }
            }
            if self.narrowed.len() == before {
                break;
            }
        }
        let mut found = Vec::new();
        for statements in self.entries.values() {
            let live: Vec<&Statement> = statements.iter().filter_map(|at| self.live(*at)).collect();
            for own in &live {
                if let Some((member, setting)) = own.path.split_last()
                    && let Some(list) = setting.last()
                    && rule_of(&own.path).is_some()
                    && self.narrowed.iter().any(|(_, group)| group == member)
                    && is_address_list(list)
                    && live.iter().any(|other| negates(other, setting))
                {
                    found.push((own.path.clone(), own.line));
                }
            }
        }
        for (path, line) in found {
            self.disable(&path, line);
        }
    }

    /// Leaves out what a mistake is about: the line that it was found on, or the whole rule or object.
    fn resolve(&mut self, problem: &ConfigError) {
        let reason = reason_for(&problem.problem);
        let words = words(&problem.path);
        let entry = loss::entry_of(&words).filter(|entry| {
            let is_whole = entry.len() == words.len() && loss::goes_as_a_whole(entry);
            is_whole || problem.line == 0
        });
        let statements = match entry {
            Some(entry) => self.entries.get(entry).cloned().unwrap_or_default(),
            None => self.at_line(problem.line).into_iter().collect(),
        };
        let live: Vec<usize> = statements.into_iter().filter(|at| self.live(*at).is_some()).collect();
        for at in live {
            self.leave(at, reason.clone());
        }
    }

    /// Gives up interfaces, zones and rules of which nothing else is left, where they are wrong themselves.
    fn give_up_kept(&mut self, problems: &[ConfigError]) -> bool {
        let before = self.kept.len();
        let wrong: Vec<Vec<Word>> = problems.iter().map(|problem| words(&problem.path)).collect();
        self.kept
            .retain(|_, kept| !wrong.iter().any(|path| path.starts_with(kept) || kept.starts_with(path)));
        self.kept.len() < before
    }

    /// The statement that became this line of the document.
    fn at_line(&self, line: u32) -> Option<usize> {
        let place = usize::try_from(line).ok()?.checked_sub(1)?;
        self.work.order.get(place).copied()
    }

    /// What is carried over, but does less than it says.
    fn note(&mut self, warnings: &[ConfigError]) {
        for warning in warnings {
            let own = self.at_line(warning.line).and_then(|at| self.work.statements.get(at));
            let line = own.map_or(0, |own| own.line);
            let changed = Changed::Warning { what: warning.problem.to_string() };
            self.work.notes.push(Note { line, path: warning.path.clone(), changed });
        }
    }

    fn live_count(&self) -> usize {
        self.work.statements.iter().filter(|own| own.fate == Fate::Live).count()
    }
}

/// The words of a path as it is written in a line.
fn words(path: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for part in split(path).unwrap_or_default() {
        if let Part::Word(word) = part {
            words.push(word.as_str().into());
        }
    }
    words
}

/// Whether the statement says that the list is of what a rule is not for.
fn negates(own: &Statement, list: &[Word]) -> bool {
    let Some((word, rule)) = list.split_last() else { return false };
    matches!(own.path.as_slice(), [above @ .., negate, yes]
        if above == rule && &**yes == "yes" && negate.strip_prefix("negate-") == Some(&**word))
}

fn is_address_list(word: &Word) -> bool {
    matches!(&**word, "source" | "destination")
}

fn reason_for(problem: &Problem) -> Reason {
    if let Problem::UnknownName { kind, name, .. } = problem {
        return Reason::UnknownName { kind: kind.to_string(), name: name.clone() };
    }
    if let Problem::Incomplete { what } = problem {
        return Reason::Incomplete { what: what.to_string() };
    }
    if let Problem::BadValue { .. } | Problem::MissingValue { .. } | Problem::TooManyValues { .. } = problem {
        return Reason::Value { what: problem.to_string() };
    }
    let what = problem.to_string();
    match what.strip_prefix("not supported: ") {
        Some(what) => Reason::NotSupported { what: what.into() },
        None => Reason::Conflict { what },
    }
}
