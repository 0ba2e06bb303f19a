//! A filter's text into its tree, by recursive descent:
//!
//! ```text
//! filter = or
//! or     = and { "or" and }
//! and    = not { "and" not }
//! not    = ( "not" | "!" ) not | "(" or ")" | clause
//! clause = field operator value
//! ```

use std::{net::IpAddr, ops::Range};

use bifrons_model::Timestamp;

use super::{
    error::FilterError,
    expression::{Expression, Predicate, Test},
    fields::{self, Class, FLAG_NAMES, Operator, Target},
    lexer::{self, Piece, Token},
    span::{self, TIME_WORDS},
};
use crate::{protocol::protocol_name, record::parse_number};

/// How deep parentheses and negations may go into each other.
const DEPTH_MAX: usize = 100;

pub(super) fn parse(text: &str, now: Timestamp) -> Result<Expression, FilterError> {
    let mut parser = Parser { text, next: lexer::next(text, 0), now, depth: 0 };
    if parser.next.token == Token::End {
        return Ok(Expression::And(Vec::new()));
    }
    let expression = parser.or()?;
    match parser.next.token {
        Token::End => Ok(expression),
        Token::Close => Err(parser.wrong("a parenthesis closes that none opened", "and, or, or the end")),
        Token::Open | Token::Bang | Token::Word | Token::Quoted | Token::Unclosed => {
            Err(parser.wrong("two conditions with nothing between them", "and, or, or the end"))
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    next: Piece,
    now: Timestamp,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.and()?];
        while self.takes_word("or") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Expression::Or))
    }

    fn and(&mut self) -> Result<Expression, FilterError> {
        let mut parts = vec![self.not()?];
        while self.takes_word("and") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Expression::And))
    }

    fn not(&mut self) -> Result<Expression, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("too many conditions inside each other", "at most 100"));
        }
        let found = if self.takes(&Token::Bang) || self.takes_word("not") {
            Expression::Not(Box::new(self.not()?))
        } else if self.next.token == Token::Open {
            let open = self.advance();
            let inner = self.or()?;
            if !self.takes(&Token::Close) {
                let end = self.next.token == Token::End;
                let place = if end { open.place } else { self.next.place.clone() };
                let message = if end {
                    "a parenthesis is not closed"
                } else {
                    "two conditions with nothing between them"
                };
                return Err(self.error(place, message.to_owned(), "), and, or or".to_owned()));
            }
            inner
        } else {
            self.clause()?
        };
        self.depth -= 1;
        Ok(found)
    }

    fn clause(&mut self) -> Result<Expression, FilterError> {
        if self.next.token != Token::Word {
            let message = match self.next.token {
                Token::End => "the filter ends where a condition should begin",
                Token::Close => "nothing stands in these parentheses, or after this word",
                Token::Quoted | Token::Unclosed => "a field is not written in quotes",
                Token::Open | Token::Bang | Token::Word => "no condition begins like this",
            };
            return Err(self.wrong(message, "a condition such as ( addr.src in 10.0.0.0/8 )"));
        }
        let name = self.advance();
        let target = self.target(&name)?;
        let operator = self.operator(&name, target.class)?;
        let value = self.value(target.class, operator)?;
        let predicate = self.predicate(target.class, operator, &value)?;
        let test = |column| Expression::Test(Test { column, predicate: predicate.clone() });
        let tests: Vec<Expression> = target.columns.into_iter().flatten().map(test).collect();
        let any = one_or(tests, Expression::Or);
        Ok(match operator {
            Operator::Neq | Operator::NotIn => Expression::Not(Box::new(any)),
            Operator::Eq
            | Operator::Leq
            | Operator::Geq
            | Operator::In
            | Operator::Contains
            | Operator::Has => any,
        })
    }

    fn target(&self, name: &Piece) -> Result<Target, FilterError> {
        let word = name.text(self.text);
        fields::find(word).ok_or_else(|| {
            let similar = fields::similar(word);
            let expected = if similar.is_empty() {
                "a field such as addr.src, port.dst, zone.src, app, rule, action, or a column's name"
                    .to_owned()
            } else {
                format!("a field, perhaps {}", similar.join(" or "))
            };
            self.error(name.place.clone(), format!("no field is called {}", shown(word)), expected)
        })
    }

    fn operator(&mut self, field: &Piece, class: Class) -> Result<Operator, FilterError> {
        let names: Vec<&str> = class.operators().iter().map(|operator| operator.name()).collect();
        let expected = listed(&names);
        let field = field.text(self.text);
        if self.next.token != Token::Word {
            return Err(self.wrong(&format!("{field} is not followed by an operator"), &expected));
        }
        let word = self.next.text(self.text);
        match Operator::from_name(word) {
            Some(operator) if class.operators().contains(&operator) => {
                self.advance();
                Ok(operator)
            }
            Some(operator) => {
                Err(self.wrong(&format!("{} cannot be asked of {field}", operator.name()), &expected))
            }
            None => Err(self.wrong(&format!("{} is no operator", shown(word)), &expected)),
        }
    }

    fn value(&mut self, class: Class, operator: Operator) -> Result<Piece, FilterError> {
        let message = match self.next.token {
            Token::Quoted => return Ok(self.advance()),
            Token::Word => {
                let word = self.next.text(self.text);
                let reserved = ["and", "or", "not"].iter().any(|known| known.eq_ignore_ascii_case(word));
                if !reserved && Operator::from_name(word).is_none() {
                    return Ok(self.advance());
                }
                let expected = format!("it in quotes where it is meant as a value: '{word}'");
                return Err(self.wrong(&format!("{word} is a word of the language"), &expected));
            }
            Token::Unclosed => "the quotes are not closed".to_owned(),
            Token::End | Token::Close => format!("no value after {}", operator.name()),
            Token::Open | Token::Bang => "a value cannot begin like this without quotes".to_owned(),
        };
        Err(self.wrong(&message, expected_value(class, operator).as_str()))
    }

    /// What the value has to be for the operator's positive form.
    fn predicate(&self, class: Class, operator: Operator, value: &Piece) -> Result<Predicate, FilterError> {
        let text = value.text(self.text);
        let found = match (class, operator) {
            (Class::Address, _) => addresses(text).map(|(from, to)| Predicate::Addresses(from, to)),
            (Class::Number, Operator::Leq) => parse_number(text).map(|number| Predicate::Numbers(0, number)),
            (Class::Number, Operator::Geq) => {
                parse_number(text).map(|number| Predicate::Numbers(number, u64::MAX))
            }
            (Class::Number, _) => parse_number(text).map(|number| Predicate::Numbers(number, number)),
            (Class::Flags, Operator::Has) => flag_bits(text).filter(|bits| *bits != 0).map(Predicate::Has),
            (Class::Flags, _) => flag_bits(text).map(Predicate::Bits),
            (Class::Time, Operator::In) => {
                span::find(text, self.now).map(|(from, to)| Predicate::Times(from, to))
            }
            (Class::Time, Operator::Leq) => {
                span::point(text).map(|time| Predicate::Times(0, span::microsecond(time)))
            }
            (Class::Time, _) => {
                span::point(text).map(|time| Predicate::Times(span::microsecond(time), u64::MAX))
            }
            (Class::Text | Class::Protocol, Operator::Contains) => {
                (!text.is_empty()).then(|| Predicate::Contains(text.to_owned()))
            }
            (Class::Text, _) => Some(Predicate::Is(text.to_owned())),
            (Class::Protocol, _) => Some(Predicate::Is(protocol(text))),
        };
        found.ok_or_else(|| {
            let message = if text.is_empty() {
                "the value is empty".to_owned()
            } else {
                format!("{} does not fit here", shown(text))
            };
            self.error(value.place.clone(), message, expected_value(class, operator))
        })
    }

    fn advance(&mut self) -> Piece {
        let after = lexer::next(self.text, self.next.place.end);
        std::mem::replace(&mut self.next, after)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let found = self.next.token == *token;
        if found {
            self.advance();
        }
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = self.next.token == Token::Word && self.next.text(self.text).eq_ignore_ascii_case(word);
        if found {
            self.advance();
        }
        found
    }

    /// An error at the next piece.
    fn wrong(&self, message: &str, expected: &str) -> FilterError {
        self.error(self.next.place.clone(), message.to_owned(), expected.to_owned())
    }

    fn error(&self, place: Range<usize>, message: String, expected: String) -> FilterError {
        FilterError::new(self.text, place, message, expected)
    }
}

/// A piece of the filter as a message shows it: short, and on one line.
fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let visible = |letter: char| if letter.is_control() { ' ' } else { letter };
    let more = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    text.chars().take(SHOWN).map(visible).chain(more.chars()).collect()
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}

fn expected_value(class: Class, operator: Operator) -> String {
    match (class, operator) {
        (Class::Time, Operator::In) => {
            let words: Vec<&str> = TIME_WORDS.iter().map(|(word, _)| *word).collect();
            format!("{}, or a day such as 2026/01/31", words.join(", "))
        }
        (Class::Flags, _) => {
            let names: Vec<&str> = FLAG_NAMES.iter().map(|(name, ..)| *name).collect();
            format!("a number such as 0x400000, or one of {}", names.join(", "))
        }
        _ => class.value().to_owned(),
    }
}

/// Words as a list: `a, b or c`.
fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// An address, a network, or two addresses of one family with a hyphen between them, the lower one first.
fn addresses(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((from, to)) = text.split_once('-') {
        let (from, to) = (from.trim().parse::<IpAddr>().ok()?, to.trim().parse::<IpAddr>().ok()?);
        return (from.is_ipv4() == to.is_ipv4() && from <= to).then_some((from, to));
    }
    let Some((address, length)) = text.split_once('/') else {
        let address = text.parse().ok()?;
        return Some((address, address));
    };
    let length = length.parse::<u32>().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(length).unwrap_or(0);
            let bits = u32::from(address);
            (length <= 32).then(|| (IpAddr::V4((bits & !host).into()), IpAddr::V4((bits | host).into())))
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(length).unwrap_or(0);
            let bits = u128::from(address);
            (length <= 128).then(|| (IpAddr::V6((bits & !host).into()), IpAddr::V6((bits | host).into())))
        }
    }
}

fn flag_bits(text: &str) -> Option<u64> {
    let named = FLAG_NAMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(text));
    named.map(|(_, bits, _)| *bits).or_else(|| parse_number(text))
}

/// The protocol as logs write it: by its name, if it has one.
fn protocol(text: &str) -> String {
    let name = text.parse::<u8>().ok().and_then(protocol_name);
    name.map_or_else(|| text.to_ascii_lowercase(), str::to_owned)
}
