//! What a filter is made of.

use std::net::IpAddr;

use super::span::microsecond;
use crate::record::{Column, parse_number, parse_time};

/// A filter's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All of them; of none, every record.
    And(Vec<Self>),
    /// At least one of them; of none, no record.
    Or(Vec<Self>),
    /// What the other is not.
    Not(Box<Self>),
    /// What passes the test.
    Test(Test),
}

/// A question to one column, which a value answers with yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    pub(super) column: Column,
    pub(super) predicate: Predicate,
}

/// Ranges include both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Predicate {
    Is(String),
    Contains(String),
    Numbers(u64, u64),
    /// Exactly these bits.
    Bits(u64),
    /// At least these bits, and there are some.
    Has(u64),
    /// Both of one family.
    Addresses(IpAddr, IpAddr),
    /// Microseconds since 1970.
    Times(u64, u64),
}

impl Expression {
    /// Whether a record is meant whose values `value` gives; an absent one is empty.
    pub fn matches<'v>(&self, value: &dyn Fn(Column) -> &'v str) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(value)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(value)),
            Self::Not(part) => !part.matches(value),
            Self::Test(test) => test.passes(value(test.column)),
        }
    }

    /// All tests, in the order of the text.
    pub fn tests(&self) -> Vec<&Test> {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::tests).collect(),
            Self::Not(part) => part.tests(),
            Self::Test(test) => vec![test],
        }
    }
}

impl Test {
    /// The column that is asked.
    pub fn column(&self) -> Column {
        self.column
    }

    /// Whether a value, written as logs write it, passes. Values that are not what their column's type says,
    /// and empty ones, pass no test but those for texts.
    pub fn passes(&self, value: &str) -> bool {
        let within = |number: Option<u64>, from: u64, to: u64| {
            number.is_some_and(|number| from <= number && number <= to)
        };
        match &self.predicate {
            Predicate::Is(text) => value == text,
            Predicate::Contains(text) => memchr::memmem::find(value.as_bytes(), text.as_bytes()).is_some(),
            Predicate::Numbers(from, to) => within(parse_number(value), *from, *to),
            Predicate::Bits(bits) => parse_number(value) == Some(*bits),
            Predicate::Has(bits) => parse_number(value).is_some_and(|number| number & bits == *bits),
            Predicate::Addresses(from, to) => {
                let address = value.parse::<IpAddr>().ok();
                address.is_some_and(|address| {
                    address.is_ipv4() == from.is_ipv4() && *from <= address && address <= *to
                })
            }
            Predicate::Times(from, to) => within(parse_time(value).map(microsecond), *from, *to),
        }
    }

    /// Where the values that pass are a range of numbers: its ends, both included. Times are microseconds
    /// since 1970, flags their bits as a signed number. `None` for texts, addresses, and bits among others.
    pub fn numbers(&self) -> Option<(i64, i64)> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        match &self.predicate {
            // A range that begins above all that is stored holds nothing of it.
            Predicate::Numbers(from, _) | Predicate::Times(from, _) if i64::try_from(*from).is_err() => {
                Some((1, 0))
            }
            Predicate::Numbers(from, to) | Predicate::Times(from, to) => Some((signed(*from), signed(*to))),
            Predicate::Bits(bits) => Some((*bits as i64, *bits as i64)),
            Predicate::Is(_) | Predicate::Contains(_) | Predicate::Has(_) | Predicate::Addresses(..) => None,
        }
    }
}
