//! What is wrong with a filter, shown under the place.

use std::{fmt, ops::Range};

/// Why a text is no filter. Written out it shows the line, a caret under the place, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong, without a full stop.
    pub message: String,
    /// What would have been right there.
    pub expected: String,
    /// The place in the text, in bytes; empty at its end.
    pub place: Range<usize>,
    /// The line of the text that the place is in, and where it begins in it.
    line: String,
    column: usize,
}

impl std::error::Error for FilterError {}

impl FilterError {
    pub(super) fn new(text: &str, place: Range<usize>, message: String, expected: String) -> Self {
        let before = text.get(..place.start).unwrap_or_default();
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = before.get(begin..).unwrap_or_default().chars().count();
        Self { message, expected, place, line: line.to_owned(), column }
    }
}

/// How much of a long line is shown on each side of the place.
const SHOWN: usize = 60;

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.column.saturating_sub(SHOWN);
        let visible = |letter: char| if letter.is_control() { ' ' } else { letter };
        let shown: String = self.line.chars().skip(skipped).take(2 * SHOWN).map(visible).collect();
        let room = shown.chars().count().saturating_sub(self.column - skipped).max(1);
        let carets = "^".repeat(self.place.len().clamp(1, room));
        writeln!(f, "{}", self.message)?;
        writeln!(f, "  {shown}")?;
        writeln!(f, "  {:indent$}{carets}", "", indent = self.column - skipped)?;
        write!(f, "expected {}", self.expected)
    }
}
