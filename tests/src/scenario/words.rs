//! A line as words, and errors that say where and what was expected.

use std::str::FromStr;

use bifrons_model::Timestamp;

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}")]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub text: String,
}

/// A word, or a text in quotation marks with its escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Plain(String),
    Text(Vec<u8>),
}

/// The words of a line, read from left to right.
#[derive(Clone, Debug)]
pub struct Words {
    line: usize,
    words: Vec<Word>,
    at: usize,
}

impl Words {
    /// Splits a line; a `#` outside quotation marks begins a comment.
    ///
    /// # Errors
    /// A text that is not closed, or an escape that is not known.
    pub fn split(line: usize, text: &str) -> Result<Self, Mistake> {
        let mut words = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(next) = chars.peek().copied() {
            if next.is_whitespace() {
                chars.next();
            } else if next == '#' {
                break;
            } else if next == '"' {
                chars.next();
                words.push(Word::Text(quoted(line, &mut chars)?));
            } else {
                let mut word = String::new();
                while let Some(letter) = chars.next_if(|letter| !letter.is_whitespace()) {
                    word.push(letter);
                }
                words.push(Word::Plain(word));
            }
        }
        Ok(Self { line, words, at: 0 })
    }

    /// The line they stand on.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.at >= self.words.len()
    }

    /// The next word, without taking it; a text has none.
    pub fn peek(&self) -> Option<&str> {
        match self.words.get(self.at) {
            Some(Word::Plain(word)) => Some(word),
            Some(Word::Text(_)) | None => None,
        }
    }

    /// The word behind the next one.
    pub fn peek_second(&self) -> Option<&str> {
        match self.words.get(self.at + 1) {
            Some(Word::Plain(word)) => Some(word),
            Some(Word::Text(_)) | None => None,
        }
    }

    /// Takes the next word if it is this one.
    pub fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// The next word.
    ///
    /// # Errors
    /// When there is none; `expected` says what it should have been.
    pub fn word(&mut self, expected: &str) -> Result<String, Mistake> {
        let Some(word) = self.peek().map(String::from) else {
            return Err(self.mistake(expected));
        };
        self.at += 1;
        Ok(word)
    }

    /// The next word as a value.
    ///
    /// # Errors
    /// When it is missing or cannot be read as one.
    pub fn value<T: FromStr>(&mut self, expected: &str) -> Result<T, Mistake> {
        let Some(value) = self.peek().and_then(|word| word.parse().ok()) else {
            return Err(self.mistake(expected));
        };
        self.at += 1;
        Ok(value)
    }

    /// The next word by `read`.
    ///
    /// # Errors
    /// When it is missing or `read` does not know it.
    pub fn known<T>(&mut self, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Mistake> {
        let Some(value) = self.peek().and_then(read) else {
            return Err(self.mistake(expected));
        };
        self.at += 1;
        Ok(value)
    }

    /// A text in quotation marks.
    ///
    /// # Errors
    /// When the next word is none.
    pub fn text(&mut self, expected: &str) -> Result<Vec<u8>, Mistake> {
        let Some(Word::Text(text)) = self.words.get(self.at).cloned() else {
            return Err(self.mistake(expected));
        };
        self.at += 1;
        Ok(text)
    }

    /// Bytes in hexadecimal: one word or several.
    ///
    /// # Errors
    /// When the next word is not an even number of hexadecimal digits.
    pub fn hex(&mut self) -> Result<Vec<u8>, Mistake> {
        let mut bytes = self.known("bytes in hexadecimal, such as `16030100`", hex)?;
        while let Some(more) = self.peek().and_then(hex) {
            bytes.extend(more);
            self.at += 1;
        }
        Ok(bytes)
    }

    /// Seconds with up to nine decimals, as nanoseconds.
    ///
    /// # Errors
    /// When the next word is none.
    pub fn time(&mut self, expected: &str) -> Result<u64, Mistake> {
        self.known(expected, seconds)
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// When something does.
    pub fn end(&self, expected: &str) -> Result<(), Mistake> {
        if self.is_empty() { Ok(()) } else { Err(self.mistake(expected)) }
    }

    /// The mistake that something else than `expected` stands here.
    pub fn mistake(&self, expected: &str) -> Mistake {
        let found = match self.words.get(self.at) {
            Some(Word::Plain(word)) => format!("`{word}`"),
            Some(Word::Text(text)) => format!("the text \"{}\"", text.escape_ascii()),
            None => "the end of the line".into(),
        };
        Mistake { line: self.line, text: format!("expected {expected}, found {found}") }
    }
}

/// Seconds with up to nine decimals, as nanoseconds.
pub fn seconds(word: &str) -> Option<u64> {
    let (whole, decimals) = word.split_once('.').unwrap_or((word, ""));
    if decimals.len() > 9 || !decimals.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanos: u64 = format!("{decimals:0<9}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// A moment as seconds since `zero`, with as many decimals as it needs but at least three.
pub fn show_time(zero: Timestamp, at: Timestamp) -> String {
    let span = at.since(zero);
    let decimals = format!("{:09}", span.subsec_nanos());
    let kept = decimals.trim_end_matches('0').len().max(3);
    format!("{}.{}", span.as_secs(), &decimals[..kept])
}

fn hex(word: &str) -> Option<Vec<u8>> {
    if word.is_empty()
        || !word.len().is_multiple_of(2)
        || !word.bytes().all(|digit| digit.is_ascii_hexdigit())
    {
        return None;
    }
    (0..word.len()).step_by(2).map(|at| u8::from_str_radix(&word[at..at + 2], 16).ok()).collect()
}

fn quoted(line: usize, chars: &mut impl Iterator<Item = char>) -> Result<Vec<u8>, Mistake> {
    let mistake = |text: &str| Mistake { line, text: text.into() };
    let mut bytes = Vec::new();
    loop {
        let next = chars.next().ok_or_else(|| mistake("expected a quotation mark at the text's end"))?;
        match next {
            '"' => return Ok(bytes),
            '\\' => match chars.next() {
                Some('r') => bytes.push(b'\r'),
                Some('n') => bytes.push(b'\n'),
                Some('t') => bytes.push(b'\t'),
                Some('0') => bytes.push(0),
                Some(same @ ('"' | '\\')) => bytes.push(same as u8),
                Some('x') => {
                    let digits: String = chars.take(2).collect();
                    let byte = u8::from_str_radix(&digits, 16);
                    bytes.push(byte.map_err(|_| mistake("expected two hexadecimal digits after `\\x`"))?);
                }
                _ => return Err(mistake("expected one of r n t 0 \" \\ xHH after a backslash")),
            },
            letter => bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_texts_numbers_and_times() {
        let mut words = Words::split(3, r#"0.25 tcp hex 0aff 10 text "a\r\n\x00\"" # comment"#).unwrap();
        assert_eq!(words.time("a time"), Ok(250_000_000));
        assert!(words.take("tcp") && !words.take("udp") && words.take("hex"));
        assert_eq!(words.hex(), Ok(vec![10, 255, 16]));
        assert!(words.take("text"));
        assert_eq!(words.text("a text"), Ok(b"a\r\n\0\"".to_vec()));
        assert_eq!(
            words.word("a port").unwrap_err().to_string(),
            "line 3: expected a port, found the end of the line"
        );
    }

    #[test]
    fn times_read_and_show() {
        assert_eq!(seconds("3600.0005"), Some(3_600_000_500_000));
        assert_eq!(seconds("1.x"), None);
        assert_eq!(show_time(Timestamp::ZERO, Timestamp::from_nanos(3_600_000_500_000)), "3600.0005");
        assert_eq!(show_time(Timestamp::ZERO, Timestamp::from_secs(5)), "5.000");
    }

    #[test]
    fn an_open_text_is_a_mistake() {
        assert_eq!(Words::split(1, "text \"abc").unwrap_err().line, 1);
    }
}
