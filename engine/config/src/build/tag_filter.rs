//! Filters over tags: `'a' and ('b' or not 'c')`.

use alloc::{boxed::Box, format, string::String, vec::Vec};

/// A filter; `not` binds closer than `and`, `and` closer than `or`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TagFilter {
    Tag(String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

/// Parentheses and `not` may stand in each other this deep.
const MOST_LEVELS: usize = 32;

impl TagFilter {
    /// Reads a filter.
    ///
    /// # Errors
    ///
    /// A text for people that says at which character, from 1, something else was expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, place: 0 };
        let filter = reader.any(0)?;
        match reader.peek() {
            "" => Ok(filter),
            _ => Err(reader.expected("`and`, `or` or the end")),
        }
    }

    /// Whether something with exactly these tags is meant.
    pub(super) fn matches(&self, tags: &[&str]) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(&tag.as_str()),
            Self::Not(inner) => !inner.matches(tags),
            Self::All(parts) => parts.iter().all(|part| part.matches(tags)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(tags)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    place: usize,
}

impl<'a> Reader<'a> {
    fn any(&mut self, level: usize) -> Result<TagFilter, String> {
        self.row("or", level, Self::all, TagFilter::Any)
    }

    fn all(&mut self, level: usize) -> Result<TagFilter, String> {
        self.row("and", level, Self::one, TagFilter::All)
    }

    /// Parts with `word` between them; one part alone stands for itself.
    fn row(
        &mut self,
        word: &str,
        level: usize,
        mut part: impl FnMut(&mut Self, usize) -> Result<TagFilter, String>,
        row: impl FnOnce(Vec<TagFilter>) -> TagFilter,
    ) -> Result<TagFilter, String> {
        let first = part(self, level)?;
        let mut parts = Vec::new();
        while self.peek().eq_ignore_ascii_case(word) {
            self.take();
            parts.push(part(self, level)?);
        }
        if parts.is_empty() {
            return Ok(first);
        }
        parts.insert(0, first);
        Ok(row(parts))
    }

    fn one(&mut self, level: usize) -> Result<TagFilter, String> {
        if level > MOST_LEVELS {
            return Err(self.expected(&format!("at most {MOST_LEVELS} levels")));
        }
        let word = self.peek();
        if word == "(" {
            self.take();
            let inner = self.any(level + 1)?;
            if self.take() != ")" {
                return Err(self.expected("`)`"));
            }
            return Ok(inner);
        }
        if word.eq_ignore_ascii_case("not") {
            self.take();
            return Ok(TagFilter::Not(Box::new(self.one(level + 1)?)));
        }
        let tag = match word.chars().next() {
            Some(mark @ ('\'' | '"')) => word.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark)),
            Some(')') | None => None,
            Some(_) if word.eq_ignore_ascii_case("and") || word.eq_ignore_ascii_case("or") => None,
            Some(_) => Some(word),
        };
        match tag.filter(|tag| !tag.is_empty()) {
            Some(tag) => {
                self.take();
                Ok(TagFilter::Tag(tag.into()))
            }
            None => Err(self.expected("a tag")),
        }
    }

    /// The next word with its quotation marks, or parenthesis; empty at the end.
    fn peek(&mut self) -> &'a str {
        let rest = self.text.get(self.place..).unwrap_or_default();
        let rest = rest.trim_start();
        self.place = self.text.len() - rest.len();
        let length = match rest.chars().next() {
            None => 0,
            Some('(' | ')') => 1,
            Some(mark @ ('\'' | '"')) => {
                rest.match_indices(mark).nth(1).map_or(rest.len(), |(end, _)| end + 1)
            }
            Some(_) => rest
                .find(|letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '\'' | '"'))
                .unwrap_or(rest.len()),
        };
        rest.get(..length).unwrap_or_default()
    }

    fn take(&mut self) -> &'a str {
        let word = self.peek();
        if word != ")" && word != "(" && word.is_empty() {
            return word;
        }
        self.place += word.len();
        word
    }

    fn expected(&self, what: &str) -> String {
        let before = self.text.get(..self.place).unwrap_or_default();
        format!("the filter at character {}: expected {what}", before.chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (text, tags, expected) in [
            ("'a'", &["a"][..], true),
            ("'a'", &["b"], false),
            ("'a' and 'b'", &["a"], false),
            ("'a' and 'b'", &["b", "a"], true),
            ("'a' or 'b' and 'c'", &["a"], true),
            ("('a' or 'b') and 'c'", &["a"], false),
            ("('a' or 'b') and 'c'", &["b", "c"], true),
            ("not 'a'", &[], true),
            ("not 'a' and 'b'", &["a", "b"], false),
            ("not ('a' and 'b')", &["a"], true),
            ("'two words' AND plain", &["two words", "plain"], true),
            ("\"a\" Or b", &["b"], true),
            ("'and'", &["and"], true),
        ] {
            assert_eq!(TagFilter::parse(text).map(|filter| filter.matches(tags)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_say_where() {
        for (text, expected) in [
            ("", "the filter at character 1: expected a tag"),
            ("'a' and", "the filter at character 8: expected a tag"),
            ("'a' 'b'", "the filter at character 5: expected `and`, `or` or the end"),
            ("('a'", "the filter at character 5: expected `)`"),
            ("('ä' or 'b'))", "the filter at character 13: expected `and`, `or` or the end"),
            ("'a", "the filter at character 1: expected a tag"),
            ("''", "the filter at character 1: expected a tag"),
            ("or 'a'", "the filter at character 1: expected a tag"),
        ] {
            assert_eq!(TagFilter::parse(text), Err(String::from(expected)), "{text}");
        }
        let deep = |count| format!("{}'a'{}", "(".repeat(count), ")".repeat(count));
        assert!(TagFilter::parse(&deep(32)).is_ok());
        assert!(TagFilter::parse(&deep(33)).is_err());
        assert!(TagFilter::parse(&"not ".repeat(5000)).is_err());
    }
}
