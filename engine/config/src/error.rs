//! What is wrong with a configuration, for the person who wrote it.

use alloc::{format, string::String, vec::Vec};
use core::fmt;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The file's name, as it was given; empty where there is none.
    pub file: String,
    /// The line, from 1; 0 where what is wrong was not read from a line.
    pub line: u32,
    /// The setting as far as it is known; empty where the line has none.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
}

/// `gate.set:7: zone trust network layer3: …`
impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", _) => {}
            (file, 0) => write!(f, "{file}: ")?,
            (file, line) => write!(f, "{file}:{line}: ")?,
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        fmt::Display::fmt(&self.problem, f)
    }
}

/// What is wrong with a line, or with what several lines say together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A quotation mark is not closed on its line.
    #[error("a quotation mark is not closed on this line")]
    OpenQuote,
    /// A `[` is not closed on its line.
    #[error("a `[` is not closed on this line")]
    OpenList,
    /// The word leads nowhere: a mistake in writing, or a feature that this engine does not have.
    #[error("not supported: {}{}", Quoted(word), hint(accepted))]
    NotSupported {
        /// The word.
        word: String,
        /// The word that was probably meant, or the words that may stand there.
        accepted: Accepted,
    },
    /// The line ends, or a list stands, where a word is needed.
    #[error("a value is missing; expected {expected}")]
    MissingValue {
        /// What may stand there.
        expected: String,
    },
    /// The value is none that the setting may have.
    #[error("{} is not accepted; expected {expected}{}", Quoted(value), hint(accepted))]
    BadValue {
        /// The value.
        value: String,
        /// What may stand there.
        expected: String,
        /// The word that was probably meant.
        accepted: Accepted,
    },
    /// The setting takes one value.
    #[error("{count} values where one is expected")]
    TooManyValues {
        /// How many there are.
        count: usize,
    },
    /// The name belongs to nothing in this configuration.
    #[error("unknown {kind} {}{}", Quoted(name), hint(accepted))]
    UnknownName {
        /// What it should name.
        kind: &'static str,
        /// The name.
        name: String,
        /// The name that was probably meant.
        accepted: Accepted,
    },
    /// `any` or `application-default` stands beside other values.
    #[error("`{word}` cannot stand beside other values")]
    NotAlone {
        /// Which word.
        word: &'static str,
    },
    /// Two settings that exclude each other, or two things of one name.
    #[error("{what}")]
    Conflict {
        /// Which two.
        what: String,
    },
    /// Something without which the entry means nothing.
    #[error("{what}")]
    Incomplete {
        /// What is missing.
        what: &'static str,
    },
    /// `delete` or `move` of something that is not there.
    #[error("there is nothing of that name")]
    NothingThere,
    /// `rename` or `copy` to a name that another entry has.
    #[error("the name {} is taken", Quoted(name))]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The text is refused before it is read.
    #[error("the text has {bytes} bytes; at most {most} are read")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// What is left out is no longer listed, and nothing is left out unlisted.
    #[error("more than {most} lines are not understood")]
    TooManyGaps {
        /// How many may be left out.
        most: usize,
    },
    /// Reading stopped here.
    #[error("the configuration has more than {most} words")]
    TooManyWords {
        /// How many it may have.
        most: usize,
    },
}

/// Words that may stand where another one stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accepted {
    /// Nothing to say.
    #[default]
    Unknown,
    /// Probably this one was meant.
    Near(String),
    /// Any of these.
    Words(Vec<String>),
}

/// More words than this are looked up in the manual rather than read in a message.
const MOST_WORDS: usize = 16;

impl Accepted {
    /// What to say about `word` where these are known.
    pub(crate) fn for_word<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        match nearest(word, known.clone()) {
            Some(near) => Self::Near(near.into()),
            None if (1..=MOST_WORDS).contains(&known.clone().count()) => {
                Self::Words(known.map(String::from).collect())
            }
            None => Self::Unknown,
        }
    }

    /// Only the word that was probably meant.
    pub(crate) fn near<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Self {
        nearest(word, known).map_or(Self::Unknown, |near| Self::Near(near.into()))
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        write!(f, "`")?;
        for letter in self.0.chars().take(SHOWN) {
            write!(f, "{}", if letter.is_control() { '\u{fffd}' } else { letter })?;
        }
        write!(f, "{}`", if self.0.chars().nth(SHOWN).is_some() { "…" } else { "" })
    }
}

fn hint(accepted: &Accepted) -> String {
    match accepted {
        Accepted::Unknown => String::new(),
        Accepted::Near(word) => format!("; did you mean {}?", Quoted(word)),
        Accepted::Words(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("{}", Quoted(word))).collect();
            format!("; accepted here: {}", words.join(", "))
        }
    }
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (letters.len() / 3).min(2);
    known
        .map(|known| (distance(&letters, known), known))
        .filter(|(distance, known)| *distance <= allowed && *known != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbor (optimal string
/// alignment).
fn distance(letters: &[char], known: &str) -> usize {
    let known: Vec<char> = known.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=letters.len()).collect();
    for (line, other) in known.iter().enumerate() {
        let mut row = alloc::vec![line + 1];
        for (place, letter) in letters.iter().enumerate() {
            let replaced = above[place] + usize::from(letter != other);
            let mut best = replaced.min(above[place + 1] + 1).min(row[place] + 1);
            if line > 0 && place > 0 && known[line - 1] == *letter && letters[place - 1] == *other {
                best = best.min(before[place - 1] + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut above, row);
    }
    above[letters.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("trsut", "trust", 1),
            ("ab", "ba", 1),
            ("tcp", "", 3),
            ("", "tcp", 3),
            ("timeot", "timeout", 1),
            ("kitten", "sitting", 3),
        ] {
            let letters: Vec<char> = one.chars().collect();
            assert_eq!(distance(&letters, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_near_miss_is_suggested_and_anything_else_is_listed() {
        let known = ["drop", "bypass"];
        assert_eq!(Accepted::for_word("bypas", known.into_iter()), Accepted::Near("bypass".into()));
        assert_eq!(Accepted::for_word("Drop", known.into_iter()), Accepted::Near("drop".into()));
        let Accepted::Words(words) = Accepted::for_word("x", known.into_iter()) else { panic!("words") };
        assert_eq!(words, known);
    }
}
