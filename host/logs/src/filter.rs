//! The filter language of PAN-OS logs: `( addr.src in 10.0.0.0/8 ) and not ( app eq dns )`.
//!
//! A filter is parsed once, then asked of records ([`Filter::matches`]), of columns ([`Filter::expression`]),
//! or handed to another engine as SQL ([`Filter::to_sql`]). The manual's page on it is made by
//! [`crate::manual::filters`].

mod error;
mod expression;
mod fields;
mod lexer;
mod parser;
mod span;
mod sql;
#[cfg(test)]
mod tests;

use bifrons_model::Timestamp;

pub use error::FilterError;
pub use expression::{Expression, Test};

pub(crate) use fields::{Class, FIELDS, FLAG_NAMES};
pub(crate) use span::TIME_WORDS;

use crate::record::LogRecord;

/// Which records are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expression: Expression,
}

impl Filter {
    /// The filter that `text` says; an empty one means all records. `now` is what relative times such as
    /// `last-hour` end at.
    ///
    /// # Errors
    /// What is wrong, where, and what was expected there.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, FilterError> {
        Ok(Self { expression: parser::parse(text, now)? })
    }

    /// Whether the record is meant. A column that the record does not have counts as empty.
    pub fn matches(&self, record: &LogRecord<'_>) -> bool {
        self.expression.matches(&|column| record.get(column).unwrap_or_default())
    }

    /// What the filter is made of.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// The filter as a condition of SQL, to stand after `WHERE`, on a table with the columns' names, text as
    /// strings, numbers and flags as 64-bit integers, times as timestamps in UTC, and NULL for what is absent
    /// or empty.
    ///
    /// It is SQL with `strpos`, `split_part`, `TRY_CAST` and `&`, and for ranges of IPv6 addresses with
    /// `address_key`, which has to be registered (see [`address_key`]).
    pub fn to_sql(&self) -> String {
        sql::condition(&self.expression)
    }
}

/// The SQL function `address_key`: an address as text that sorts as addresses do, IPv4 ones first: `4` or
/// `6`, and 8 or 32 hexadecimal digits. `None` for what is no address.
pub fn address_key(text: &str) -> Option<String> {
    Some(match text.parse().ok()? {
        std::net::IpAddr::V4(address) => format!("4{:08x}", u32::from(address)),
        std::net::IpAddr::V6(address) => format!("6{:032x}", u128::from(address)),
    })
}
