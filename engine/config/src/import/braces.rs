//! The form that `show` prints by default, blocks in braces, to statements.

use alloc::{string::String, vec::Vec};

use super::{
    ImportError,
    statement::{Collector, Verb, Word, path_text},
};

/// Reads every block.
///
/// # Errors
///
/// Braces or brackets that have no counterpart, and more statements or deeper ones than an import takes.
pub(crate) fn read(text: &str) -> Result<Collector, ImportError> {
    let mut reader = Reader { lexer: Lexer { rest: text, line: 1 }, ..Reader::default() };
    while let Some((line, token)) = reader.lexer.next()? {
        reader.token(line, token)?;
    }
    if let Some(words) = reader.begun() {
        return Err(reader.broken(reader.line, "`;` or `{`", &words));
    }
    match reader.blocks.last() {
        Some(block) => Err(reader.broken(block.line, "`}` that closes this block", &[])),
        None => Ok(reader.collector),
    }
}

#[derive(Default)]
struct Reader<'a> {
    lexer: Lexer<'a>,
    collector: Collector,
    /// The words of all open blocks.
    path: Vec<Word>,
    blocks: Vec<Block>,
    /// The words of the statement that has begun, its line and its list.
    words: Vec<Word>,
    line: u32,
    list: Option<Vec<Word>>,
    in_list: bool,
}

/// A block that is open.
struct Block {
    line: u32,
    /// How many words of the path are its own.
    words: usize,
    is_empty: bool,
}

impl Reader<'_> {
    fn token(&mut self, line: u32, token: Token) -> Result<(), ImportError> {
        match token {
            Token::Comment(text) => {
                if !text.is_empty() {
                    self.collector.push_text(line, Verb::Comment, &text)?;
                }
                Ok(())
            }
            Token::Word(word) => self.word(line, &word),
            Token::Open => self.open(line),
            Token::Close => self.close(line),
            Token::ListOpen if self.list.is_none() && !self.words.is_empty() => {
                (self.in_list, self.list) = (true, Some(Vec::new()));
                Ok(())
            }
            Token::ListClose if self.in_list => {
                self.in_list = false;
                Ok(())
            }
            Token::End if !self.in_list && !self.words.is_empty() => self.end(),
            Token::ListOpen | Token::ListClose | Token::End => {
                Err(self.broken(line, "a word, `{` or `}`", &[]))
            }
        }
    }

    fn word(&mut self, line: u32, word: &str) -> Result<(), ImportError> {
        let word = self.collector.word(word);
        if self.words.is_empty() {
            self.line = line;
        }
        match &mut self.list {
            Some(list) if self.in_list => list.push(word),
            Some(_) => return Err(self.broken(line, "`;` after a list", &[])),
            None => self.words.push(word),
        }
        Ok(())
    }

    fn open(&mut self, line: u32) -> Result<(), ImportError> {
        if self.words.is_empty() || self.list.is_some() {
            return Err(self.broken(line, "a name before `{`", &[]));
        }
        self.fill();
        let words = core::mem::take(&mut self.words);
        self.blocks.push(Block { line: self.line, words: words.len(), is_empty: true });
        self.path.extend(words);
        if self.path.len() > super::MOST_WORDS {
            return Err(ImportError::TooDeep { line, path: path_text(&self.path) });
        }
        Ok(())
    }

    fn close(&mut self, line: u32) -> Result<(), ImportError> {
        if let Some(words) = self.begun() {
            return Err(self.broken(line, "`;`", &words));
        }
        let Some(block) = self.blocks.pop() else {
            return Err(self.broken(line, "the end of the file: no block is open", &[]));
        };
        if block.is_empty {
            self.collector.push(block.line, Verb::Set, self.path.clone(), None)?;
        }
        self.path.truncate(self.path.len().saturating_sub(block.words));
        Ok(())
    }

    fn end(&mut self) -> Result<(), ImportError> {
        self.fill();
        let mut path = self.path.clone();
        path.append(&mut self.words);
        self.collector.push(self.line, Verb::Set, path, self.list.take())
    }

    /// The innermost open block has something in it.
    fn fill(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.is_empty = false;
        }
    }

    fn begun(&self) -> Option<Vec<Word>> {
        (!self.words.is_empty()).then(|| self.words.clone())
    }

    fn broken(&self, line: u32, expected: &'static str, words: &[Word]) -> ImportError {
        let path: Vec<Word> = self.path.iter().chain(words).cloned().collect();
        ImportError::Braces { line, path: path_text(&path), expected }
    }
}

enum Token {
    Word(String),
    Comment(String),
    Open,
    Close,
    ListOpen,
    ListClose,
    End,
}

#[derive(Default)]
struct Lexer<'a> {
    rest: &'a str,
    line: u32,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Option<(u32, Token)>, ImportError> {
        let trimmed = self.rest.trim_start();
        let skipped = self.rest.len() - trimmed.len();
        self.advance(skipped);
        let line = self.line;
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let token = match first {
            '{' => Token::Open,
            '}' => Token::Close,
            '[' => Token::ListOpen,
            ']' => Token::ListClose,
            ';' => Token::End,
            '#' => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                let text = self.rest.get(1..end).unwrap_or_default().trim().into();
                self.advance(end);
                return Ok(Some((line, Token::Comment(text))));
            }
            mark @ ('"' | '\'') => return self.quoted(mark).map(|word| Some((line, Token::Word(word)))),
            _ => {
                let end = self.rest.find(ends_word).unwrap_or(self.rest.len());
                let word = self.rest.get(..end).unwrap_or_default().into();
                self.advance(end);
                return Ok(Some((line, Token::Word(word))));
            }
        };
        self.advance(1);
        Ok(Some((line, token)))
    }

    /// A text in quotation marks; the mark that ends it stands before white space or punctuation.
    fn quoted(&mut self, mark: char) -> Result<String, ImportError> {
        let inside = self.rest.get(1..).unwrap_or_default();
        let closing = inside.match_indices(mark).find(|(place, _)| {
            inside.get(place + 1..).is_some_and(|after| after.chars().next().is_none_or(ends_word))
        });
        let Some((place, _)) = closing else {
            let (line, expected) = (self.line, "a quotation mark that closes the text");
            return Err(ImportError::Braces { line, path: String::new(), expected });
        };
        let text = inside.get(..place).unwrap_or_default().into();
        self.advance(place + 2);
        Ok(text)
    }

    fn advance(&mut self, bytes: usize) {
        let (before, after) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        let breaks = before.bytes().filter(|byte| *byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        self.rest = after;
    }
}

fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ';' | '{' | '}' | ']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> Vec<(u32, String)> {
        let raws = read(text).unwrap().raws;
        raws.into_iter()
            .map(|raw| {
                let list: Vec<Word> = raw.list.into_iter().flatten().collect();
                (raw.line, alloc::format!("{} {}", path_text(&raw.path), path_text(&list)))
            })
            .collect()
    }

    #[test]
    fn blocks_lists_and_empty_blocks() {
        let text = "zone {\n  inside {\n    network {\n      layer3 [ a b];\n    }\n  }\n\
                    \"no thing\" {\n  }\n}\n\
                    address x ip-netmask 10.0.0.1;\n";
        let expected = [
            (4, "zone inside network layer3 a b"),
            (7, "zone \"no thing\" "),
            (10, "address x ip-netmask 10.0.0.1 "),
        ];
        let read = statements(text);
        let read: Vec<_> = read.iter().map(|(line, words)| (*line, words.as_str())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn what_does_not_close_is_refused_with_its_line() {
        for (text, line) in [
            ("a {\n b {\n }\n", 1),
            ("a {\n}\n}\n", 3),
            ("a {\n b c\n}\n", 3),
            ("a {\n b [ c;\n}\n", 2),
            ("a {\n b \"c;\n}\n", 2),
            ("{\n}\n", 1),
            ("a;\n;\n", 2),
            ("a [ b ] c;\n", 1),
        ] {
            let Err(ImportError::Braces { line: found, .. }) = read(text) else { panic!("{text:?}") };
            assert_eq!(found, line, "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let text = "a {\n".repeat(100_000);
        assert!(matches!(read(&text), Err(ImportError::TooDeep { line: 65, .. })));
    }
}
