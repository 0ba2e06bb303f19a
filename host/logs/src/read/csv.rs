//! One line of PAN-OS CSV into values.

use memchr::memchr;

use super::reject::Reject;
use crate::record::{Column, Span};

/// More columns than any release has.
pub(super) const COLUMNS_MAX: usize = 512;

/// Appends the values of the line from `from` on.
///
/// A value with commas stands in double quotes, with double quotes inside doubled. A double quote that is
/// neither at the value's begin nor before a comma is taken as it is. `link_switches` of traffic logs stands
/// in braces and holds commas without any quotes.
pub(super) fn split(
    line: &str,
    from: usize,
    fields: &mut Vec<Span>,
    unescaped: &mut String,
) -> Result<(), Reject> {
    let bytes = line.as_bytes();
    // Where the present value begins; nothing once the line is done.
    let mut start = special(line, from, fields, unescaped)?;
    let mut base = from;
    while let Some(word) = word(bytes, base) {
        let mut commas = commas(word);
        while commas != 0 {
            let comma = base + commas.trailing_zeros() as usize / 8;
            commas &= commas - 1;
            // Commas before the present value stand in one that has been taken as a whole.
            if let Some(begin) = start
                && begin <= comma
            {
                fields.push(Span::line(begin, comma));
                start = special(line, comma + 1, fields, unescaped)?;
            }
        }
        if fields.len() > COLUMNS_MAX {
            return Err(Reject::TooManyColumns { max: COLUMNS_MAX });
        }
        base += size_of::<u64>();
    }
    if let Some(begin) = start {
        fields.push(Span::line(begin, bytes.len()));
    }
    Ok(())
}

/// Takes the values from `start` on that are more than what stands before the next comma. Gives where the
/// first one begins that is not; nothing when the line ends before.
#[inline]
fn special(
    line: &str,
    start: usize,
    fields: &mut Vec<Span>,
    unescaped: &mut String,
) -> Result<Option<usize>, Reject> {
    match line.as_bytes().get(start) {
        Some(b'"' | b'{') => take_special(line, start, fields, unescaped),
        _ => Ok(Some(start)),
    }
}

#[cold]
fn take_special(
    line: &str,
    mut start: usize,
    fields: &mut Vec<Span>,
    unescaped: &mut String,
) -> Result<Option<usize>, Reject> {
    while fields.len() <= COLUMNS_MAX {
        let found = match line.as_bytes().get(start) {
            Some(b'"') => Some(quoted(line, start, unescaped)?),
            Some(b'{') if fields.len() == Column::LINK_SWITCHES.index() => braced(line, start),
            _ => None,
        };
        let Some((span, end)) = found else { break };
        fields.push(span);
        if end >= line.len() {
            return Ok(None);
        }
        start = end + 1;
    }
    Ok(Some(start))
}

/// The value in quotes that begins at `start`, and the place of the comma after it or of the line's end.
fn quoted(line: &str, start: usize, unescaped: &mut String) -> Result<(Span, usize), Reject> {
    let bytes = line.as_bytes();
    let mut place = start + 1;
    let mut doubled = false;
    loop {
        let rest = bytes.get(place..).unwrap_or_default();
        let quote = place + memchr(b'"', rest).ok_or(Reject::UnclosedQuote { at: start + 1 })?;
        match bytes.get(quote + 1) {
            None | Some(b',') => {
                let value = line.get(start + 1..quote).unwrap_or_default();
                if !doubled {
                    return Ok((Span::line(start + 1, quote), quote + 1));
                }
                let begin = unescaped.len();
                for (place, part) in value.split("\"\"").enumerate() {
                    unescaped.push_str(if place > 0 { "\"" } else { "" });
                    unescaped.push_str(part);
                }
                return Ok((Span::unescaped(begin, unescaped.len()), quote + 1));
            }
            Some(b'"') => {
                doubled = true;
                place = quote + 2;
            }
            Some(_) => place = quote + 1,
        }
    }
}

/// The value in braces that begins at `start`, braces included, if one does. There may be several pairs one
/// after the other, and in each other.
fn braced(line: &str, start: usize) -> Option<(Span, usize)> {
    let bytes = line.as_bytes();
    let mut depth = 0usize;
    for (place, byte) in (start..).zip(bytes.get(start..)?) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => return Some((Span::line(start, place), place)),
            _ => {}
        }
    }
    (depth == 0).then_some((Span::line(start, bytes.len()), bytes.len()))
}

/// The eight bytes from `base` on, zeros behind the end; nothing from there on. Values are too short for a
/// search that is set up for each of them.
#[inline]
fn word(bytes: &[u8], base: usize) -> Option<u64> {
    let rest = bytes.get(base..)?;
    match rest.first_chunk::<8>() {
        Some(word) => Some(u64::from_le_bytes(*word)),
        None if rest.is_empty() => None,
        None => {
            let mut word = [0; 8];
            word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            Some(u64::from_le_bytes(word))
        }
    }
}

/// The high bit of each byte that is a comma.
#[inline]
fn commas(word: u64) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // Bytes that are zero once the commas have been taken out of them.
    let other = word ^ 0x2c2c_2c2c_2c2c_2c2c;
    !(((other & LOW) + LOW) | other | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Text;

    fn values(line: &str) -> Result<Vec<String>, Reject> {
        let (mut fields, mut unescaped) = (Vec::new(), String::new());
        split(line, 0, &mut fields, &mut unescaped)?;
        let text = Text { line, unescaped: &unescaped };
        Ok(fields.iter().map(|span| span.of(text).unwrap().to_owned()).collect())
    }

    #[test]
    fn plain_quoted_and_odd_values() {
        for (line, expected) in [
            ("", vec![""]),
            (",", vec!["", ""]),
            ("a,b,,c", vec!["a", "b", "", "c"]),
            ("a,\"b,c\",d", vec!["a", "b,c", "d"]),
            ("\"\",\"\"", vec!["", ""]),
            ("\"say \"\"no, no\"\"\",x", vec!["say \"no, no\"", "x"]),
            ("a\"b,c", vec!["a\"b", "c"]),
            ("\"a\"b\",c", vec!["a\"b", "c"]),
            ("\" \", , ", vec![" ", " ", " "]),
            ("ä,\"ö,ü\",ß", vec!["ä", "ö,ü", "ß"]),
            ("1234567,1234567,1234567,12345678", vec!["1234567", "1234567", "1234567", "12345678"]),
        ] {
            assert_eq!(
                values(line),
                Ok(expected.iter().map(|value| (*value).to_owned()).collect()),
                "{line}"
            );
        }
        assert_eq!(values("a,\"b"), Err(Reject::UnclosedQuote { at: 3 }));
        assert_eq!(values(&",".repeat(600)), Err(Reject::TooManyColumns { max: COLUMNS_MAX }));
    }

    #[test]
    fn braces_hold_commas_in_one_column() {
        let line = format!("{{1,2}}{}{{3,{{4}},5}}{{6,7}},x", ",".repeat(68));
        let values = values(&line).unwrap();
        assert_eq!((values[0].as_str(), values[1].as_str()), ("{1", "2}"));
        assert_eq!(values[69..], ["{3,{4},5}{6,7}", "x"]);
        let unbalanced = format!("{}{{3,4,x", ",".repeat(69));
        assert_eq!(self::values(&unbalanced).unwrap()[69..], ["{3", "4", "x"]);
    }

    /// Against a search byte by byte.
    #[test]
    fn commas_are_found_wherever_they_are() {
        let mut state = 1u32;
        for length in 0..200 {
            let text: Vec<u8> = (0..length)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *b",ab,\x2d\x2b\xac\x00".get((state >> 24) as usize % 8).unwrap()
                })
                .collect();
            let mut found = Vec::new();
            let mut base = 0;
            while let Some(word) = word(&text, base) {
                let commas = commas(word);
                found.extend((0..8).filter(|byte| commas >> (byte * 8) & 0x80 != 0).map(|byte| base + byte));
                base += 8;
            }
            let expected: Vec<usize> = (0..length).filter(|place| text[*place] == b',').collect();
            assert_eq!(found, expected);
        }
    }
}
