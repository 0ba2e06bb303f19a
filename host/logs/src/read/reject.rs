//! Why a line is not a record.

use crate::record::LogKind;

/// Why a line could not be read. Places count bytes from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The line is longer than the reader accepts. What is beyond the limit was skipped.
    #[error("the line is longer than {limit} bytes")]
    TooLong {
        /// The longest line that is accepted.
        limit: usize,
    },
    /// The line is not UTF-8.
    #[error("byte {at} is not UTF-8: another encoding, or no text at all")]
    NotUtf8 {
        /// The first byte that does not fit.
        at: usize,
    },
    /// The line names columns, as the first line of an exported file does, and is no record.
    #[error("the line names columns and is no record")]
    Heading,
    /// Nothing says that the line is a record.
    #[error(
        "no log record: column 4 of PAN-OS CSV is TRAFFIC, THREAT, SYSTEM, CONFIG or another type{}",
        but(.found)
    )]
    NotARecord {
        /// What stands there.
        found: String,
    },
    /// The line has lost its end.
    #[error(
        "cut off: {columns} columns, {kind:?} records of every release have at least {}",
        .kind.columns_min()
    )]
    Truncated {
        /// The kind of log that the line says it is.
        kind: LogKind,
        /// How many columns it has.
        columns: usize,
    },
    /// A value that begins with a double quote does not end.
    #[error("cut off: the quoted value that begins at byte {at} does not end")]
    UnclosedQuote {
        /// Where it begins.
        at: usize,
    },
    /// There are more columns than any release has, by far.
    #[error("more than {max} columns")]
    TooManyColumns {
        /// The most that are read.
        max: usize,
    },
    /// The text in JSON, CEF or LEEF is not right.
    #[error("{form}, byte {at}: expected {expected}")]
    Malformed {
        /// `JSON`, `CEF` or `LEEF`.
        form: &'static str,
        /// Where.
        at: usize,
        /// What would have been right there.
        expected: &'static str,
    },
}

/// What was found in place of a type, short enough for a message.
fn but(found: &str) -> String {
    const SHOWN: usize = 40;
    if found.is_empty() {
        return String::new();
    }
    let shown: String = found.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if found.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!(", not \"{shown}{more}\"")
}
