//! What a reader finds: one statement after the other, in the words of the file.

use alloc::{string::String, sync::Arc, vec::Vec};

use super::{ImportError, MOST_STATEMENTS, MOST_WORDS};
use crate::words::Part;

/// A word of a path. Files repeat the same words, so they are shared.
pub(crate) type Word = Arc<str>;

/// One statement as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    /// The line it begins on, from 1.
    pub(crate) line: u32,
    pub(crate) verb: Verb,
    /// The words before the values.
    pub(crate) path: Vec<Word>,
    /// The values of a list in brackets; a single value is the last word of the path.
    pub(crate) list: Option<Vec<Word>>,
    /// What follows a list on the line: more settings of the same entry.
    pub(crate) after: Vec<Part>,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Set,
    Delete,
    /// Its path ends in `top`, `bottom`, `before NAME` or `after NAME`.
    Move,
    /// A comment; its text is the only word of the path.
    Comment,
    /// An attribute of an XML element, other than an entry's name.
    Attribute,
    /// Text that is no statement of the form.
    Garbage,
}

/// Collects statements, shares their words and counts them.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) raws: Vec<Raw>,
    words: alloc::collections::BTreeSet<Word>,
}

impl Collector {
    /// The shared copy of a word.
    pub(crate) fn word(&mut self, text: &str) -> Word {
        match self.words.get(text) {
            Some(word) => word.clone(),
            None => {
                let word: Word = text.into();
                self.words.insert(word.clone());
                word
            }
        }
    }

    /// Takes a statement.
    ///
    /// # Errors
    ///
    /// More statements, or a longer path, than an import takes.
    pub(crate) fn push(
        &mut self,
        line: u32,
        verb: Verb,
        path: Vec<Word>,
        list: Option<Vec<Word>>,
    ) -> Result<(), ImportError> {
        self.push_line(Raw { line, verb, path, list, after: Vec::new() })
    }

    /// Takes a statement that may have several settings; errors as [`Self::push`].
    pub(crate) fn push_line(&mut self, raw: Raw) -> Result<(), ImportError> {
        if self.raws.len() >= MOST_STATEMENTS {
            return Err(ImportError::TooManyStatements { line: raw.line });
        }
        if raw.path.len() > MOST_WORDS {
            return Err(ImportError::TooDeep { line: raw.line, path: path_text(&raw.path) });
        }
        self.raws.push(raw);
        Ok(())
    }

    pub(crate) fn push_text(&mut self, line: u32, verb: Verb, text: &str) -> Result<(), ImportError> {
        let word = self.word(text);
        self.push(line, verb, alloc::vec![word], None)
    }
}

/// The path as it would be written in a line.
pub(crate) fn path_text<W: AsRef<str>>(path: &[W]) -> String {
    let mut text = String::new();
    for word in path {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&crate::words::quoted(word.as_ref()));
    }
    text
}
