//! One JSON object (RFC 8259) of one line: our own, and that of the vendor's log service.
//!
//! Values stay text as they stand in the line, so no digit of a number is lost. `null` is no value. Objects
//! and arrays inside are taken whole, as the text they are.

use memchr::memchr2;

use super::reject::Reject;
use crate::record::Span;

/// Calls `give` with the key and the value of each member.
pub(super) fn members(
    line: &str,
    from: usize,
    unescaped: &mut String,
    give: &mut dyn FnMut(&str, Span),
) -> Result<(), Reject> {
    let mut scanner = Scanner { bytes: line.as_bytes(), line, place: from, unescaped };
    scanner.take(b'{', "{")?;
    if scanner.peek() == Some(b'}') {
        scanner.place += 1;
        return scanner.end();
    }
    loop {
        let key = scanner.string("a name in double quotes")?;
        scanner.take(b':', ":")?;
        let value = scanner.value()?;
        let text = crate::record::Text { line, unescaped: scanner.unescaped };
        if let (Some(key), Some(value)) = (key.of(text), value) {
            give(key, value);
        }
        match scanner.peek() {
            Some(b',') => scanner.place += 1,
            Some(b'}') => {
                scanner.place += 1;
                return scanner.end();
            }
            _ => return Err(scanner.expected(", or }")),
        }
    }
}

struct Scanner<'a, 's> {
    bytes: &'a [u8],
    line: &'a str,
    place: usize,
    unescaped: &'s mut String,
}

impl Scanner<'_, '_> {
    /// The next byte that is no white space; the place is moved to it.
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.place).is_some_and(u8::is_ascii_whitespace) {
            self.place += 1;
        }
        self.bytes.get(self.place).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), Reject> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.place += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), Reject> {
        if self.peek().is_some() { Err(self.expected("the end of the line")) } else { Ok(()) }
    }

    fn expected(&self, expected: &'static str) -> Reject {
        Reject::Malformed { form: "JSON", at: self.place + 1, expected }
    }

    fn value(&mut self) -> Result<Option<Span>, Reject> {
        match self.peek() {
            Some(b'"') => self.string("a text").map(Some),
            Some(b'{' | b'[') => self.nested().map(Some),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                let rest = self.bytes.get(self.place..).unwrap_or_default();
                let length = rest
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
                    .count();
                let word = self.line.get(self.place..self.place + length).unwrap_or_default();
                if word.starts_with(|first: char| first.is_ascii_alphabetic())
                    && !["true", "false", "null"].contains(&word)
                {
                    return Err(self.expected("a value"));
                }
                let span = Span::line(self.place, self.place + length);
                self.place += length;
                Ok((word != "null").then_some(span))
            }
            _ => Err(self.expected("a value")),
        }
    }

    /// An object or array inside, up to the bracket that closes it.
    fn nested(&mut self) -> Result<Span, Reject> {
        let start = self.place;
        let mut depth = 0u32;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let kept = self.unescaped.len();
                    self.string("a text")?;
                    self.unescaped.truncate(kept);
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return Err(self.expected("the end of what began with a bracket")),
            }
            self.place += 1;
            if depth == 0 {
                return Ok(Span::line(start, self.place));
            }
        }
    }

    fn string(&mut self, expected: &'static str) -> Result<Span, Reject> {
        self.take(b'"', expected)?;
        let start = self.place;
        let begin = self.unescaped.len();
        let mut copied = start;
        loop {
            let rest = self.bytes.get(self.place..).unwrap_or_default();
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                self.place = self.bytes.len();
                return Err(self.expected("the quote that ends a text"));
            };
            self.place += found;
            let escape = self.bytes.get(self.place) == Some(&b'\\');
            if !escape && copied == start {
                self.place += 1;
                return Ok(Span::line(start, self.place - 1));
            }
            self.unescaped.push_str(self.line.get(copied..self.place).unwrap_or_default());
            self.place += 1;
            if !escape {
                return Ok(Span::unescaped(begin, self.unescaped.len()));
            }
            let character = self.escaped()?;
            self.unescaped.push(character);
            copied = self.place;
        }
    }

    /// The character after a backslash.
    fn escaped(&mut self) -> Result<char, Reject> {
        let kind = self.bytes.get(self.place).copied();
        let character = match kind {
            Some(b'"' | b'\\' | b'/') => char::from(kind.unwrap_or_default()),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.place += 1;
                return self.unicode();
            }
            _ => return Err(self.expected("one of \"\\/bfnrtu after a backslash")),
        };
        self.place += 1;
        Ok(character)
    }

    /// Four hexadecimal digits, or twice four with `\u` between where they are a surrogate pair. Half a pair
    /// becomes the replacement character.
    fn unicode(&mut self) -> Result<char, Reject> {
        let first = self.four_digits()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes.get(self.place..self.place + 2) == Some(b"\\u") {
            let before = self.place;
            self.place += 2;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.place = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_digits(&mut self) -> Result<u32, Reject> {
        let digits = self.line.get(self.place..self.place + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.place += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;

    fn read(line: &str) -> Result<Vec<(String, String)>, Reject> {
        let mut unescaped = String::new();
        let mut found = Vec::new();
        members(line, 0, &mut unescaped, &mut |key, span| found.push((key.to_owned(), span)))?;
        let text = Text { line, unescaped: &unescaped };
        Ok(found.into_iter().map(|(key, span)| (key, span.of(text).unwrap().to_owned())).collect())
    }

    #[test]
    fn members_of_all_kinds() {
        let line = [
            r#" { "a" : "x" , "b":-1.50e+3,"c":null,"d":true,"e":{"f":["}",1,{}]},"#,
            r#""gA":"\"\\\/\n\ud83d\ude00 ä\ud800"} "#,
        ]
        .concat();
        let expected = [
            ("a", "x"),
            ("b", "-1.50e+3"),
            ("d", "true"),
            ("e", r#"{"f":["}",1,{}]}"#),
            ("gA", "\"\\/\n😀 ä\u{fffd}"),
        ];
        let found = read(&line).unwrap();
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(read("{}"), Ok(vec![]));
    }

    #[test]
    fn what_is_wrong_is_shown_where() {
        for (line, at, expected) in [
            ("{", 2, "a name in double quotes"),
            (r#"{"a"}"#, 5, ":"),
            (r#"{"a":}"#, 6, "a value"),
            (r#"{"a":nul}"#, 6, "a value"),
            (r#"{"a":1"#, 7, ", or }"),
            (r#"{"a":1}x"#, 8, "the end of the line"),
            (r#"{"a":"b"#, 8, "the quote that ends a text"),
            (r#"{"a":"\x"}"#, 8, "one of \"\\/bfnrtu after a backslash"),
            (r#"{"a":"\u12g4"}"#, 9, "four hexadecimal digits"),
            (r#"{"a":"\u1é4"}"#, 9, "four hexadecimal digits"),
            (r#"{"a":[[1]"#, 10, "the end of what began with a bracket"),
        ] {
            assert_eq!(read(line), Err(Reject::Malformed { form: "JSON", at, expected }), "{line}");
        }
    }
}
