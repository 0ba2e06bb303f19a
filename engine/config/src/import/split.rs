//! Statements to settings, as far as the schema knows them.

use alloc::{format, string::String, vec::Vec};

use super::{
    known,
    reason::{Reason, shortened, unknown_setting},
    statement::Word,
};
use crate::{
    schema::{Kind, Schema},
    words::Part,
};

/// One setting, or what remains of a statement where the schema does not know a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its words; a value is the last.
    pub(crate) path: Vec<Word>,
    pub(crate) fit: Fit,
}

/// How a piece fits into the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// The one value of a setting.
    Single,
    /// One value of a list.
    Member,
    /// A setting without a value.
    Presence,
    /// The name of an entry, or something in one that needs no value.
    Entry,
    /// It does not; the word at this place of the path is the first to fail.
    Not { at: usize, reason: Reason },
}

/// One word or list of a statement.
#[derive(Clone, Debug)]
pub(crate) enum Token {
    Word(Word),
    List(Vec<Word>),
}

impl From<&Part> for Token {
    fn from(part: &Part) -> Self {
        match part {
            Part::Word(word) => Self::Word(word.as_str().into()),
            Part::List(words) => Self::List(words.iter().map(|word| word.as_str().into()).collect()),
        }
    }
}

/// Splits a statement. With `one`, its words are one path and nothing follows a value, as in XML.
pub(crate) fn split(schema: &Schema, tokens: &[Token], one: bool) -> Vec<Piece> {
    let mut splitter =
        Splitter { path: Vec::new(), steps: alloc::vec![(schema, false)], pieces: Vec::new(), one };
    splitter.run(tokens);
    splitter.pieces
}

struct Splitter<'s> {
    path: Vec<Word>,
    /// The schema at each word of the path, the root first, and whether the word names an entry.
    steps: Vec<(&'s Schema, bool)>,
    pieces: Vec<Piece>,
    one: bool,
}

impl<'s> Splitter<'s> {
    fn run(&mut self, tokens: &[Token]) {
        let mut rest = tokens;
        while let [token, after @ ..] = rest {
            let Token::Word(word) = token else { return self.fail(rest, None) };
            let schema = match self.step(word) {
                Ok(schema) => schema,
                Err(reason) => return self.fail(rest, reason),
            };
            let goes_on = matches!(after.first(), Some(Token::Word(next)) if schema.word(next).is_some());
            rest = match schema.leaf {
                Some(leaf) if !goes_on => self.value(leaf.kind, after),
                _ => after,
            };
            if self.one && !self.pieces.is_empty() && !rest.is_empty() {
                return self.fail(rest, None);
            }
        }
        if self.pieces.is_empty() {
            let in_entry = self.steps.iter().any(|(_, is_entry)| *is_entry);
            let path = core::mem::take(&mut self.path);
            let fit = if in_entry { Fit::Entry } else { Fit::Not { at: path.len(), reason: Reason::Empty } };
            self.pieces.push(Piece { path, fit });
        }
    }

    /// Goes on by one word: below the last one or, once a setting was taken, to another one of the entry.
    fn step(&mut self, word: &Word) -> Result<&'s Schema, Option<Reason>> {
        if !self.pieces.is_empty() {
            while let Some((schema, is_entry)) = self.steps.last()
                && schema.word(word).is_none()
                && !is_entry
                && self.path.len() > 1
            {
                self.steps.pop();
                self.path.pop();
            }
        }
        let Some((schema, _)) = self.steps.last().copied() else { return Err(None) };
        let (below, is_entry) = match (schema.word(word), schema.key.as_ref()) {
            (Some(below), _) => (below, false),
            (None, Some((key, below))) if key.kind.check(word).is_ok() => (&**below, true),
            (None, Some((key, _))) => return Err(Some(bad_value(word, key.kind))),
            (None, None) => return Err(None),
        };
        self.path.push(word.clone());
        self.steps.push((below, is_entry));
        Ok(below)
    }

    /// Takes the value of the setting that was reached; what is left.
    fn value<'t>(&mut self, kind: Kind, rest: &'t [Token]) -> &'t [Token] {
        let (values, after): (Vec<Word>, &[Token]) = match rest {
            _ if kind == Kind::Presence => (Vec::new(), rest),
            [Token::Word(word), after @ ..] => (alloc::vec![word.clone()], after),
            [Token::List(words), after @ ..] => (words.clone(), after),
            [] => (Vec::new(), &[]),
        };
        let at = self.path.len();
        let mut push = |value: Option<Word>, fit: Fit| {
            let path = self.path.iter().cloned().chain(value).collect();
            self.pieces.push(Piece { path, fit });
        };
        match values.as_slice() {
            [] if kind == Kind::Presence => push(None, Fit::Presence),
            // The check of the whole configuration says what an empty list means there.
            [] if kind.is_list() => push(None, Fit::Entry),
            [] if kind.check("").is_ok() => push(Some("".into()), Fit::Single),
            [] => push(None, Fit::Not { at, reason: missing(kind) }),
            [_, _, ..] if !kind.is_list() => {
                for value in &values {
                    let what = format!("{} values where one is expected", values.len());
                    push(Some(value.clone()), Fit::Not { at, reason: Reason::Value { what } });
                }
            }
            values => {
                for value in values {
                    let fit = match kind.check(value) {
                        Ok(()) if kind.is_list() => Fit::Member,
                        Ok(()) => Fit::Single,
                        Err(()) => Fit::Not { at, reason: bad_value(value, kind) },
                    };
                    push(Some(value.clone()), fit);
                }
            }
        }
        self.path.pop();
        self.steps.pop();
        after
    }

    /// What is left cannot be read.
    fn fail(&mut self, rest: &[Token], reason: Option<Reason>) {
        let at = self.path.len();
        let mut path = core::mem::take(&mut self.path);
        if self.one
            && let Some(taken) = self.pieces.last()
        {
            path.clone_from(&taken.path);
        }
        for token in rest {
            match token {
                Token::Word(word) => path.push(word.clone()),
                Token::List(words) => path.extend(words.iter().cloned()),
            }
        }
        let reason = reason.unwrap_or_else(|| {
            let word = path.get(at).cloned().unwrap_or_else(|| "[".into());
            known::reason(&path).unwrap_or_else(|| unknown_setting(&word))
        });
        self.pieces.push(Piece { path, fit: Fit::Not { at, reason } });
    }
}

/// The text without line breaks and other control characters, if it has any and is free text.
pub(crate) fn without_breaks(schema: &Schema, path: &[Word], value: &str) -> Option<String> {
    let mut at = schema;
    for word in path {
        at = match (at.word(word), at.key.as_ref()) {
            (Some(below), _) => below,
            (None, Some((_, below))) => below,
            (None, None) => return None,
        };
    }
    let is_text = matches!(at.leaf.map(|leaf| leaf.kind), Some(Kind::Text { .. }));
    if !is_text || !value.contains(char::is_control) {
        return None;
    }
    let words: Vec<&str> = value.split(char::is_control).filter(|part| !part.is_empty()).collect();
    Some(words.join(" "))
}

fn missing(kind: Kind) -> Reason {
    Reason::Value { what: format!("a value is missing; expected {}", kind.describe()) }
}

fn bad_value(value: &str, kind: Kind) -> Reason {
    let what = format!("`{}`; expected {}", shortened(value), kind.describe());
    Reason::Value { what }
}
