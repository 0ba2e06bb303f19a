//! A line's words: quotes, lists, and how a word is written so that it reads back.

use alloc::{format, string::String, vec::Vec};

use crate::{Problem, parse::MOST_WORDS};

/// One part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Word(String),
    /// `[ a b ]`
    List(Vec<String>),
}

/// Splits a line. A quotation mark counts at the beginning of a word, and ends it where white space, `]` or
/// the end of the line follows: exports do not mark quotation marks inside a text.
pub(crate) fn split(line: &str) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if parts.len() >= MOST_WORDS {
            return Err(Problem::TooManyWords { most: MOST_WORDS });
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let (words, after) = list(inside)?;
            parts.push(Part::List(words));
            rest = after;
        } else {
            let (word, after) = word(rest, false)?;
            parts.push(Part::Word(word));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(parts)
}

/// The word as it is written in a line.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |letter: char| !letter.is_whitespace() && !matches!(letter, '[' | ']' | '"' | '\'' | '#');
    if !word.is_empty() && word.chars().all(is_plain) {
        word.into()
    } else if word.contains('"') {
        format!("'{word}'")
    } else {
        format!("\"{word}\"")
    }
}

/// A row of words as it is written in a line.
pub(crate) fn text_of<W: AsRef<str>>(path: &[W]) -> String {
    let words: Vec<String> = path.iter().map(|word| quoted(&excerpt(word.as_ref()))).collect();
    words.join(" ")
}

/// As much of a word as a message shows: a text from outside may be one word of many megabytes.
pub(crate) fn excerpt(word: &str) -> String {
    // No value is longer, and `Problem` shows less.
    const KEPT: usize = 1024;
    word.chars().take(KEPT).collect()
}

fn list(text: &str) -> Result<(Vec<String>, &str), Problem> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix(']') {
            return Ok((words, after));
        }
        if rest.is_empty() {
            return Err(Problem::OpenList);
        }
        if words.len() >= MOST_WORDS {
            return Err(Problem::TooManyWords { most: MOST_WORDS });
        }
        let (word, after) = word(rest, true)?;
        words.push(word);
        rest = after.trim_start();
    }
}

fn word(text: &str, in_list: bool) -> Result<(String, &str), Problem> {
    let ends = |letter: char| letter.is_whitespace() || (in_list && letter == ']');
    let Some(mark) = text.chars().next().filter(|letter| matches!(letter, '"' | '\'')) else {
        let end = text.find(ends).unwrap_or(text.len());
        let (word, after) = text.split_at(end);
        return Ok((word.into(), after));
    };
    let inside = text.strip_prefix(mark).unwrap_or(text);
    let closing = inside.match_indices(mark).find(|(place, _)| {
        inside.get(place + 1..).is_some_and(|after| after.chars().next().is_none_or(ends))
    });
    let (place, _) = closing.ok_or(Problem::OpenQuote)?;
    let (word, after) = inside.split_at(place);
    Ok((word.into(), after.strip_prefix(mark).unwrap_or(after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn word_part(text: &str) -> Part {
        Part::Word(text.into())
    }

    #[test]
    fn words_quotes_and_lists() {
        let list = |words: &[&str]| Part::List(words.iter().map(|word| String::from(*word)).collect());
        for (line, parts) in [
            ("  set a\tb ", vec![word_part("set"), word_part("a"), word_part("b")]),
            ("x \"a b\" 'c \"d\"'", vec![word_part("x"), word_part("a b"), word_part("c \"d\"")]),
            ("x \"\"", vec![word_part("x"), word_part("")]),
            ("\"say \"hello\", he said\"", vec![word_part("say \"hello\", he said")]),
            ("it's", vec![word_part("it's")]),
            ("x [ a \"b c\"]", vec![word_part("x"), list(&["a", "b c"])]),
            ("x [a b] y", vec![word_part("x"), list(&["a", "b"]), word_part("y")]),
            ("x [ ]", vec![word_part("x"), list(&[])]),
        ] {
            assert_eq!(split(line), Ok(parts), "{line}");
        }
        assert_eq!(split("x \"a"), Err(Problem::OpenQuote));
        assert_eq!(split("x [ a"), Err(Problem::OpenList));
    }

    proptest! {
        #[test]
        fn a_written_word_reads_back(word in "[^\"']{0,12}|[a\"b \\[#]{0,9}|[a'b \\]]{0,9}") {
            // A text that ends in its own kind of mark, or has a blank after one, is written with the other
            // kind.
            prop_assert_eq!(split(&quoted(&word)), Ok(vec![Part::Word(word)]));
        }

        #[test]
        fn no_line_panics(line in ".*") {
            let _ = split(&line);
        }
    }
}
