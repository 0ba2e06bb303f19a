//! CEF and LEEF: a header of values between bars, then pairs of key and value.

use std::ops::Range;

use memchr::{memchr, memchr3};

use super::reject::Reject;
use crate::record::Span;

/// The header's values and where the pairs begin.
pub(super) struct Header {
    /// Version of the form, vendor, product, version of the product, and what the form has more: for CEF the
    /// event's class, its name and its severity, for LEEF the event.
    pub(super) values: Vec<Range<usize>>,
    pub(super) end: usize,
}

/// The first `count` values between bars, from after the form's name. A bar after a backslash is none.
pub(super) fn header(line: &str, from: usize, count: usize, form: &'static str) -> Result<Header, Reject> {
    let bytes = line.as_bytes();
    let mut values = Vec::with_capacity(count);
    let (mut start, mut place) = (from, from);
    while values.len() < count {
        match bytes.get(place) {
            Some(b'\\') => place += 1,
            Some(b'|') => {
                values.push(start..place);
                start = place + 1;
            }
            Some(_) => {}
            None => {
                return Err(Reject::Malformed {
                    form,
                    at: bytes.len() + 1,
                    expected: "| after a header's value",
                });
            }
        }
        place += 1;
    }
    Ok(Header { values, end: start })
}

/// Calls `give` with the key and the value of each pair of CEF: a blank, a key, `=`, and a value, which may
/// hold blanks. In values, a backslash takes the meaning from `=`, `\` and `|`, and makes `n` a line break.
pub(super) fn cef(line: &str, from: usize, unescaped: &mut String, give: &mut dyn FnMut(&str, Span)) {
    let bytes = line.as_bytes();
    let mut key = None::<Range<usize>>;
    let (mut word, mut place) = (from, from);
    let mut escaped = false;
    while let Some(found) = memchr3(b' ', b'=', b'\\', bytes.get(place..).unwrap_or_default()) {
        place += found;
        match bytes.get(place) {
            Some(b' ') => word = place + 1,
            Some(b'\\') => {
                place += 1;
                escaped = true;
            }
            _ if is_key(bytes.get(word..place).unwrap_or_default()) => {
                if let Some(key) = key.replace(word..place) {
                    pair(line, key, word, escaped, unescaped, give);
                }
                escaped = false;
            }
            // A `=` of the value that nobody escaped, as in URLs.
            _ => {}
        }
        place += 1;
    }
    if let Some(key) = key {
        pair(line, key, bytes.len(), escaped, unescaped, give);
    }
}

fn is_key(word: &[u8]) -> bool {
    !word.is_empty()
        && word.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn pair(
    line: &str,
    key: Range<usize>,
    end: usize,
    escaped: bool,
    unescaped: &mut String,
    give: &mut dyn FnMut(&str, Span),
) {
    let start = key.end + 1;
    let value = line.get(start..end).unwrap_or_default().trim_end();
    let span = if escaped && value.contains('\\') {
        let begin = unescaped.len();
        let mut characters = value.chars();
        while let Some(character) = characters.next() {
            unescaped.push(match character {
                '\\' => match characters.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some(other) => other,
                    None => '\\',
                },
                other => other,
            });
        }
        Span::unescaped(begin, unescaped.len())
    } else {
        Span::line(start, start + value.len())
    };
    give(line.get(key).unwrap_or_default(), span);
}

/// Calls `give` with the key and the value of each pair of LEEF. What stands between the pairs is said by the
/// header's last value, in LEEF 1.0 by custom only: a tab, or a bar where there is no tab.
pub(super) fn leef(line: &str, from: usize, version: &str, give: &mut dyn FnMut(&str, Span)) {
    let rest = line.get(from..).unwrap_or_default();
    let (delimiter, skip) =
        match memchr(b'|', rest.as_bytes()).map(|bar| (bar, rest.get(..bar).unwrap_or_default())) {
            Some((bar, said)) if !said.contains('=') && delimiter(said).is_some() => {
                (delimiter(said).unwrap_or(b'\t'), bar + 1)
            }
            // An empty value says that it is a tab.
            Some((0, _)) if version.starts_with('2') => (b'\t', 1),
            _ if rest.contains('\t') || version.starts_with('2') => (b'\t', 0),
            _ => (b'|', 0),
        };
    let mut start = from + skip;
    loop {
        let part = line.as_bytes().get(start..).unwrap_or_default();
        let end = memchr(delimiter, part).map_or(line.len(), |found| start + found);
        let equals = memchr(b'=', line.as_bytes().get(start..end).unwrap_or_default());
        if let Some(equals) = equals {
            let key = line.get(start..start + equals).unwrap_or_default().trim();
            give(key, Span::line(start + equals + 1, end));
        }
        if end >= line.len() {
            return;
        }
        start = end + 1;
    }
}

/// The delimiter that a header says: itself, or its code after `x` or `0x`. Only ASCII can be one.
fn delimiter(said: &str) -> Option<u8> {
    let code = said.strip_prefix("0x").or_else(|| said.strip_prefix('x'));
    let code = code.filter(|digits| (1..=4).contains(&digits.len()));
    let byte = match (code, said.as_bytes()) {
        (Some(digits), _) => u8::try_from(u32::from_str_radix(digits, 16).ok()?).ok()?,
        (None, [byte]) => *byte,
        (None, _) => return None,
    };
    byte.is_ascii().then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;

    fn all(line: &str, read: impl Fn(&mut String, &mut dyn FnMut(&str, Span))) -> Vec<(String, String)> {
        let mut unescaped = String::new();
        let mut found = Vec::new();
        read(&mut unescaped, &mut |key, span| found.push((key.to_owned(), span)));
        let text = Text { line, unescaped: &unescaped };
        found.into_iter().map(|(key, span)| (key, span.of(text).unwrap().to_owned())).collect()
    }

    #[test]
    fn pairs_of_cef() {
        let line =
            r"src=192.0.2.1 empty= msg=two words, a\=b c\\d e\|f\ng request=http://x/?a=b&c=d  last=1 ";
        let found = all(line, |unescaped, give| cef(line, 0, unescaped, give));
        let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let expected = [
            ("src", "192.0.2.1"),
            ("empty", ""),
            ("msg", "two words, a=b c\\d e|f\ng"),
            ("request", "http://x/?a=b&c=d"),
            ("last", "1"),
        ];
        assert_eq!(found, expected);
        assert!(all("", |unescaped, give| cef("", 0, unescaped, give)).is_empty());
        let odd = "=\\";
        assert!(all(odd, |unescaped, give| cef(odd, 0, unescaped, give)).is_empty());
    }

    #[test]
    fn pairs_of_leef() {
        for (line, version) in [
            ("a=1\tb=2=3\tc=\tno", "1.0"),
            ("a=1|b=2=3|c=|no", "1.0"),
            ("x7C|a=1|b=2=3|c=|no", "1.0"),
            ("^|a=1^b=2=3^c=^no", "2.0"),
            ("0x09|a=1\tb=2=3\tc=\tno", "2.0"),
            ("|a=1\tb=2=3\tc=\tno", "2.0"),
        ] {
            let found = all(line, |_, give| leef(line, 0, version, give));
            let found: Vec<_> = found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(found, [("a", "1"), ("b", "2=3"), ("c", "")], "{line}");
        }
    }

    #[test]
    fn headers_need_their_bars() {
        let line = r"0|Palo\|Alto|x|";
        let found = header(line, 0, 3, "CEF").unwrap();
        assert_eq!((found.values[1].clone(), found.end), (2..12, line.len()));
        let short = header(line, 0, 4, "CEF");
        assert!(matches!(short, Err(Reject::Malformed { form: "CEF", at: 16, .. })));
    }
}
