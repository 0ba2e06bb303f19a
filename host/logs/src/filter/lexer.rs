//! A filter's text in pieces.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Bang,
    /// A word without quotes: a field, an operator, or a value.
    Word,
    /// A value in quotes, which are not part of the range.
    Quoted,
    /// Quotes without an end.
    Unclosed,
    End,
}

/// A piece and its place in the text, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) token: Token,
    pub(super) place: Range<usize>,
}

impl Piece {
    /// The piece's text, without quotes.
    pub(super) fn text<'t>(&self, text: &'t str) -> &'t str {
        let Range { start, end } = self.place;
        let inner = if self.token == Token::Quoted { start + 1..end - 1 } else { start..end };
        text.get(inner).unwrap_or_default()
    }
}

/// The piece that begins at `from` or after the blanks there.
pub(super) fn next(text: &str, from: usize) -> Piece {
    let rest = text.get(from..).unwrap_or_default();
    let start = from + (rest.len() - rest.trim_start().len());
    let rest = text.get(start..).unwrap_or_default();
    let piece = |token, length| Piece { token, place: start..start + length };
    let Some(first) = rest.chars().next() else { return piece(Token::End, 0) };
    match first {
        '(' => piece(Token::Open, 1),
        ')' => piece(Token::Close, 1),
        '!' => piece(Token::Bang, 1),
        '\'' | '"' => match rest.get(1..).and_then(|inner| inner.find(first)) {
            Some(length) => piece(Token::Quoted, length + 2),
            None => piece(Token::Unclosed, rest.len()),
        },
        _ => {
            let ends = |letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '\'' | '"');
            piece(Token::Word, rest.find(ends).unwrap_or(rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let text = "!( a.b  eq 'x y\")' )\nor\"z\" 'q";
        let (mut from, mut found) = (0, Vec::new());
        loop {
            let piece = next(text, from);
            found.push(format!("{:?} {}", piece.token, piece.text(text)));
            from = piece.place.end;
            if piece.token == Token::End {
                break;
            }
        }
        let expected = [
            "Bang !",
            "Open (",
            "Word a.b",
            "Word eq",
            "Quoted x y\")",
            "Close )",
            "Word or",
            "Quoted z",
            "Unclosed 'q",
            "End ",
        ];
        assert_eq!(found, expected);
    }
}
