//! Statements in the order of the file: what takes back, replaces, moves or hides what.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Changed, Note,
    place::{Place, Places, Rules},
    reason::Reason,
    split::{Fit, Piece, Token, split, without_breaks},
    statement::{Raw, Verb, Word},
};
use crate::schema::Schema;

/// One statement on its way into the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// Which statement of the file it is, or is a part of.
    pub(crate) raw: usize,
    pub(crate) line: u32,
    pub(crate) place: Place,
    /// The words of the file before the setting: which virtual system, device group and so on.
    pub(crate) prefix: Vec<Word>,
    /// The words of the native configuration, or those of the file where there are none.
    pub(crate) path: Vec<Word>,
    pub(crate) fit: Fit,
    pub(crate) fate: Fate,
    pub(crate) is_comment: bool,
    /// Whether its path is a text rather than words.
    pub(crate) is_text: bool,
}

/// What becomes of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It goes into the configuration.
    Live,
    /// A `delete` or `move` that was done.
    Applied,
    /// It is not carried over.
    Left(Reason),
}

/// All statements of a file.
pub(crate) struct Work<'s> {
    pub(crate) schema: &'s Schema,
    pub(crate) statements: Vec<Statement>,
    /// Places in `statements`, in the order in which they become lines.
    pub(crate) order: Vec<usize>,
    /// Comments: the statement that is one, and the statement that it stands before.
    pub(crate) comments: Vec<(usize, Option<usize>)>,
    pub(crate) notes: Vec<Note>,
    /// The last statement about each setting and value.
    latest: BTreeMap<(Place, Vec<Word>), usize>,
    /// The statement of the file that is being followed.
    raw: usize,
}

/// Follows the statements of a file in their order. With `one`, each is one setting.
pub(crate) fn apply<'s>(schema: &'s Schema, raws: Vec<Raw>, places: &Places, one: bool) -> Work<'s> {
    let mut work = Work {
        schema,
        statements: Vec::with_capacity(raws.len()),
        order: Vec::with_capacity(raws.len()),
        comments: Vec::new(),
        notes: Vec::new(),
        latest: BTreeMap::new(),
        raw: 0,
    };
    let mut waiting = 0;
    for (number, raw) in raws.into_iter().enumerate() {
        work.raw = number;
        let first = work.statements.len();
        match raw.verb {
            Verb::Comment => {
                work.comments.push((first, None));
                work.add(&raw, raw.path.clone(), None);
                continue;
            }
            Verb::Garbage => work.add(&raw, raw.path.clone(), Some(Reason::NotAStatement)),
            Verb::Attribute => work.add(&raw, raw.path.clone(), Some(Reason::Attribute)),
            Verb::Set => work.set(raw, places, one),
            Verb::Delete => work.delete(&raw, places),
            Verb::Move => work.arrange(&raw, places),
        }
        if raw_takes_comment(&work, first) {
            for (_, before) in work.comments.iter_mut().skip(waiting) {
                *before = Some(first);
            }
            waiting = work.comments.len();
        }
    }
    work.latest = BTreeMap::new();
    work.prefer_nearer_places();
    work.make_rule_names_unique();
    let statements = &work.statements;
    work.order.sort_by_key(|at| {
        let statement = statements.get(*at);
        statement.filter(|own| is_word(own.path.first(), "rulebase")).map_or(0, |own| own.place.order())
    });
    work
}

/// Whether comments before the statement belong to it: attributes stand in the way of none.
fn raw_takes_comment(work: &Work<'_>, first: usize) -> bool {
    work.statements.get(first).is_some_and(|statement| statement.fate != Fate::Left(Reason::Attribute))
}

impl Work<'_> {
    /// Takes in a statement with one path.
    fn add(&mut self, raw: &Raw, path: Vec<Word>, reason: Option<Reason>) {
        let place = Place { rank: 0, rules: Rules::Own };
        self.statements.push(Statement {
            raw: self.raw,
            line: raw.line,
            place,
            prefix: Vec::new(),
            path,
            fit: Fit::Entry,
            fate: reason.map_or(Fate::Live, Fate::Left),
            is_comment: raw.verb == Verb::Comment,
            is_text: matches!(raw.verb, Verb::Comment | Verb::Garbage),
        });
    }

    fn set(&mut self, raw: Raw, places: &Places, one: bool) {
        let (place, prefix, native, foreign) = located(&raw, places);
        if let Some(reason) = foreign {
            for path in paths(&raw) {
                self.add(&raw, path, Some(reason.clone()));
            }
            return;
        }
        let mut tokens: Vec<Token> = native.into_iter().map(Token::Word).collect();
        tokens.extend(raw.list.map(Token::List));
        tokens.extend(raw.after.iter().map(Token::from));
        for Piece { mut path, fit } in split(self.schema, &tokens, one) {
            let fit = self.without_breaks(raw.line, &mut path, fit);
            let fate = self.said_before(place, &path, &fit, raw.line);
            let at = self.statements.len();
            if fate == Fate::Live {
                self.latest.insert((place, setting(&path, &fit).to_vec()), at);
                self.order.push(at);
            }
            let prefix = prefix.clone();
            self.statements.push(Statement {
                raw: self.raw,
                line: raw.line,
                place,
                prefix,
                path,
                fit,
                fate,
                is_comment: false,
                is_text: false,
            });
        }
    }

    /// A free text with line breaks is taken without them.
    fn without_breaks(&mut self, line: u32, path: &mut [Word], fit: Fit) -> Fit {
        if let Fit::Not { reason: Reason::Value { .. }, .. } = &fit
            && let [setting @ .., value] = path
            && let Some(text) = without_breaks(self.schema, setting, value)
            && let Some(Piece { fit: Fit::Single, .. }) = {
                let words = setting.iter().cloned().chain([text.as_str().into()]);
                split(self.schema, &words.map(Token::Word).collect::<Vec<_>>(), true).pop()
            }
        {
            *value = text.as_str().into();
            let path = super::statement::path_text(setting);
            self.notes.push(Note { line, path, changed: Changed::LineBreaks });
            return Fit::Single;
        }
        fit
    }

    /// What an earlier statement about the same setting means for this one, or this one for that.
    fn said_before(&mut self, place: Place, path: &[Word], fit: &Fit, line: u32) -> Fate {
        let key = (place, setting(path, fit).to_vec());
        let Some(earlier) = self.latest.get(&key).and_then(|at| self.statements.get_mut(*at)) else {
            return Fate::Live;
        };
        if earlier.fate != Fate::Live {
            return Fate::Live;
        }
        if earlier.path == path {
            return Fate::Left(Reason::Repeated { line: earlier.line });
        }
        earlier.fate = Fate::Left(Reason::Replaced { line });
        Fate::Live
    }

    fn delete(&mut self, raw: &Raw, places: &Places) {
        let (place, _, native, foreign) = located(raw, places);
        let values = raw.list.as_deref().unwrap_or_default();
        for (shown, value) in paths(raw).into_iter().zip(or_none(values)) {
            if foreign.is_some() {
                self.add(raw, shown, foreign.clone());
                continue;
            }
            let path: Vec<Word> = native.iter().cloned().chain(value).collect();
            let mut found = false;
            for at in &self.order {
                if let Some(statement) = self.statements.get_mut(*at)
                    && statement.fate == Fate::Live
                    && statement.place == place
                    && statement.path.starts_with(&path)
                {
                    statement.fate = Fate::Left(Reason::Deleted { line: raw.line });
                    found = true;
                }
            }
            self.add(raw, shown, (!found).then_some(Reason::NothingThere));
            if found && let Some(own) = self.statements.last_mut() {
                own.fate = Fate::Applied;
            }
        }
    }

    /// `move RULE top|bottom|before OTHER|after OTHER`
    fn arrange(&mut self, raw: &Raw, places: &Places) {
        let (place, _, native, foreign) = located(raw, places);
        let moved = foreign.is_none() && self.moved(place, &native).is_some();
        let reason = foreign.or((!moved).then_some(Reason::NothingThere));
        self.add(raw, raw.path.clone(), reason);
        if moved && let Some(own) = self.statements.last_mut() {
            own.fate = Fate::Applied;
        }
    }

    fn moved(&mut self, place: Place, words: &[Word]) -> Option<()> {
        let (entry, position, other) = match words {
            [entry @ .., position, other] if is_one_of(position, ["before", "after"]) => {
                (entry, position, Some(other))
            }
            [entry @ .., position] if is_one_of(position, ["top", "bottom"]) => (entry, position, None),
            _ => return None,
        };
        let (_, siblings) = entry.split_last()?;
        if !is_word(siblings.first(), "rulebase") {
            return None;
        }
        let statements = &self.statements;
        let is_below = |at: &usize, path: &[Word]| {
            statements
                .get(*at)
                .is_some_and(|own| own.fate == Fate::Live && own.place == place && own.path.starts_with(path))
        };
        let other_path: Option<Vec<Word>> =
            other.map(|other| siblings.iter().chain([other]).cloned().collect());
        if other_path.as_deref() == Some(entry) {
            return None;
        }
        let (block, mut rest): (Vec<usize>, Vec<usize>) =
            self.order.iter().copied().partition(|at| is_below(at, entry));
        let target = match (&**position, other_path) {
            ("top", _) => rest.iter().position(|at| is_below(at, siblings)).unwrap_or(rest.len()),
            ("bottom", _) => rest.len(),
            (word, other) => {
                let other = other?;
                let first = rest.iter().position(|at| is_below(at, &other))?;
                first + usize::from(word == "after")
            }
        };
        if block.is_empty() {
            return None;
        }
        rest.splice(target..target, block);
        self.order = rest;
        Some(())
    }

    /// Of two places that say the same, only the nearer one counts: for objects as a whole, for anything
    /// else setting by setting.
    fn prefer_nearer_places(&mut self) {
        let mut nearest: BTreeMap<Vec<Word>, (i32, u32)> = BTreeMap::new();
        for at in &self.order {
            if let Some(own) = self.statements.get(*at)
                && own.fate == Fate::Live
                && let Some(key) = precedence(own)
            {
                let rank = (own.place.rank, own.line);
                let best = nearest.entry(key.to_vec()).or_insert(rank);
                *best = (*best).min(rank);
            }
        }
        for at in &self.order {
            if let Some(own) = self.statements.get_mut(*at)
                && own.fate == Fate::Live
                && let Some((rank, line)) = precedence(own).and_then(|key| nearest.get(key))
                && *rank < own.place.rank
            {
                own.fate = Fate::Left(Reason::Hidden { line: *line });
            }
        }
    }

    /// Rules of one name in several places would become one rule.
    fn make_rule_names_unique(&mut self) {
        let mut owners: BTreeMap<Vec<Word>, Vec<(Place, u32)>> = BTreeMap::new();
        for at in &self.order {
            if let Some(own) = self.statements.get(*at)
                && own.fate == Fate::Live
                && let Some(rule) = rule_of(&own.path)
            {
                let places = owners.entry(rule.to_vec()).or_default();
                if !places.iter().any(|(place, _)| *place == own.place) {
                    places.push((own.place, own.line));
                }
            }
        }
        let mut names: BTreeMap<(Place, Vec<Word>), Word> = BTreeMap::new();
        // The rule that comes first keeps its name.
        owners.values_mut().for_each(|places| places.sort_by_key(|(place, _)| place.order()));
        let clashing = owners.iter().filter(|(_, places)| places.len() > 1);
        for (rule, places) in clashing {
            for (place, line) in places.iter().skip(1) {
                let Some((name, siblings)) = rule.split_last() else { continue };
                let is_free = |new: &Word| {
                    let path: Vec<Word> = siblings.iter().chain([new]).cloned().collect();
                    let is_given = names.iter().any(|((_, path), own)| path == rule && own == new);
                    !owners.contains_key(&path) && !is_given
                };
                let Some(new) = (2..).map(|number| numbered(name, number)).find(is_free) else { continue };
                let path = super::statement::path_text(rule);
                self.notes.push(Note {
                    line: *line,
                    path,
                    changed: Changed::Renamed { name: new.to_string() },
                });
                names.insert((*place, rule.clone()), new);
            }
        }
        if names.is_empty() {
            return;
        }
        for statement in &mut self.statements {
            if let Some(rule) = rule_of(&statement.path)
                && let Some(new) = names.get(&(statement.place, rule.to_vec()))
                && let Some(name) = statement.path.get_mut(3)
            {
                *name = new.clone();
            }
        }
    }
}

/// The rule that a path belongs to: `rulebase KIND rules NAME`.
pub(crate) fn rule_of(path: &[Word]) -> Option<&[Word]> {
    let rule = path.get(..4)?;
    let is_rule = is_word(rule.first(), "rulebase") && is_word(rule.get(2), "rules");
    (is_rule && !is_word(rule.get(1), "default-security-rules")).then_some(rule)
}

/// Whether the word is there and is this one.
pub(crate) fn is_word(word: Option<&Word>, expected: &str) -> bool {
    word.is_some_and(|word| &**word == expected)
}

fn is_one_of<const N: usize>(word: &Word, words: [&str; N]) -> bool {
    words.contains(&&**word)
}

/// The place of a statement, the words before its setting, its setting, and why it is not carried over.
fn located(raw: &Raw, places: &Places) -> (Place, Vec<Word>, Vec<Word>, Option<Reason>) {
    let located = places.locate(&raw.path);
    let (prefix, native) = raw.path.split_at_checked(located.skip).unwrap_or((&raw.path, &[]));
    let mut native = native.to_vec();
    let mut foreign = located.foreign;
    if native.is_empty() && raw.list.is_none() {
        foreign.get_or_insert(Reason::Empty);
    }
    if located.place.rules != Rules::Own
        && let Some(first) = native.first_mut()
    {
        *first = "rulebase".into();
    }
    (located.place, prefix.to_vec(), native, foreign)
}

/// The paths of a statement as the file has it, one for each value.
fn paths(raw: &Raw) -> Vec<Vec<Word>> {
    let values = or_none(raw.list.as_deref().unwrap_or_default());
    values.map(|value| raw.path.iter().cloned().chain(value).collect()).collect()
}

/// Each value, or one time none.
fn or_none(values: &[Word]) -> impl Iterator<Item = Option<Word>> + use<'_> {
    let none = values.is_empty().then_some(None);
    values.iter().cloned().map(Some).chain(none)
}

/// What a statement is about: all of a path but the value that a later line would replace.
fn setting<'p>(path: &'p [Word], fit: &Fit) -> &'p [Word] {
    match fit {
        Fit::Single => path.split_last().map_or(path, |(_, setting)| setting),
        Fit::Member | Fit::Presence | Fit::Entry | Fit::Not { .. } => path,
    }
}

/// What of a statement must not come from two places; rules have an order instead.
fn precedence(statement: &Statement) -> Option<&[Word]> {
    let path = statement.path.as_slice();
    if rule_of(path).is_some() {
        return None;
    }
    let words = match &**path.first()? {
        "address" | "address-group" | "service" | "service-group" | "application" | "application-group"
        | "application-filter" | "external-list" | "schedule" | "tag" | "region" | "profile-group" => 2,
        "profiles" => 3,
        _ => usize::MAX,
    };
    match (path.get(..words), &statement.fit) {
        (Some(entry), _) if !statement.place.is_template() => Some(entry),
        (_, Fit::Not { .. }) => None,
        (_, Fit::Member) => path.split_last().map(|(_, setting)| setting),
        (_, fit) => Some(setting(path, fit)),
    }
}

/// The name with a number, as long as a rule's name may be.
fn numbered(name: &str, number: u32) -> Word {
    let tail = format!("-{number}");
    let head: String = name.chars().take(63 - tail.len()).collect();
    format!("{}{tail}", head.trim_end()).into()
}
