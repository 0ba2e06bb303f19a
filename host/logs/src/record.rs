//! A line of a log as a record: what kind it is, and its values by column.

mod column;
mod layout;
mod value;

use std::{borrow::Cow, net::IpAddr};

use bifrons_model::Timestamp;

use crate::text::push_csv;

pub use column::{Column, ColumnType};
pub use layout::{Layout, LogKind, Release};
pub use value::parse_time;

pub(crate) use layout::{CONFIG, CONFIG_SHORT, OTHER, SYSTEM, THREAT, TRAFFIC, by_name};
pub(crate) use value::{parse_number, push_time};

/// A line of a log, read. It borrows the line and the parser's memory.
#[derive(Clone, Copy)]
pub struct LogRecord<'a> {
    /// What kind of log the line is from.
    pub kind: LogKind,
    /// Which columns stand where.
    pub layout: &'static Layout,
    pub(crate) text: Text<'a>,
    pub(crate) fields: &'a [Span],
    /// How much of the line stands before the record.
    pub(crate) header_length: usize,
    pub(crate) named: bool,
}

/// Where the values of a record lie.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    /// The line as it came.
    pub(crate) line: &'a str,
    /// Values that stand in the line with escapes, without them.
    pub(crate) unescaped: &'a str,
}

/// The longest line that can be a record: places in it, and in the text unescaped from it, fit a [`Span`].
pub(crate) const LENGTH_MAX: usize = 1 << 30;

/// A value's place in a [`Text`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The value is not there, which is not the same as empty.
    pub(crate) const ABSENT: Self = Self { start: u32::MAX, end: 0 };
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };
    const UNESCAPED: u32 = 1 << 31;

    /// Of the line, which is shorter than [`LENGTH_MAX`].
    #[inline]
    pub(crate) fn line(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Of the unescaped text.
    pub(crate) fn unescaped(start: usize, end: usize) -> Self {
        Self { start: start as u32 | Self::UNESCAPED, end: end as u32 }
    }

    /// Absent or empty.
    pub(crate) fn is_blank(self) -> bool {
        self == Self::ABSENT || self.start & !Self::UNESCAPED == self.end
    }

    pub(crate) fn of<'a>(self, text: Text<'a>) -> Option<&'a str> {
        if self == Self::ABSENT {
            return None;
        }
        let from = if self.start & Self::UNESCAPED == 0 { text.line } else { text.unescaped };
        from.get((self.start & !Self::UNESCAPED) as usize..self.end as usize)
    }
}

impl<'a> LogRecord<'a> {
    /// The column's value; `None` where the record does not have the column, as those of older releases do
    /// not have newer ones. A column that is there and empty is `Some("")`.
    #[inline]
    pub fn get(&self, column: Column) -> Option<&'a str> {
        self.fields.get(self.layout.place(column)?)?.of(self.text)
    }

    /// The value as a whole number: in decimal (fractions are cut off), or in hexadecimal after `0x`.
    pub fn number(&self, column: Column) -> Option<u64> {
        parse_number(self.get(column)?)
    }

    /// The value as an address.
    pub fn address(&self, column: Column) -> Option<IpAddr> {
        self.get(column)?.parse().ok()
    }

    /// The value as a point in time. PAN-OS writes most times without a zone: they are taken as UTC.
    pub fn time(&self, column: Column) -> Option<Timestamp> {
        parse_time(self.get(column)?)
    }

    /// When the device wrote the record: to the millisecond and in UTC where it says so, else by its own
    /// clock, whose zone the record does not tell.
    pub fn generated(&self) -> Option<Timestamp> {
        self.time(Column::HIGH_RES_TIMESTAMP).or_else(|| self.time(Column::TIME_GENERATED))
    }

    /// The value at a place counted from 0, for records of kind [`LogKind::Other`] and for what follows the
    /// known columns. Records that name their values (JSON, CEF, LEEF) have no places.
    pub fn at(&self, place: usize) -> Option<&'a str> {
        if self.named {
            return None;
        }
        self.fields.get(place)?.of(self.text)
    }

    /// How many values the line has by place; 0 for records that name their values.
    pub fn columns(&self) -> usize {
        if self.named { 0 } else { self.fields.len() }
    }

    /// All values that have a name, in the order of the layout.
    pub fn values(&self) -> impl Iterator<Item = (Column, &'a str)> {
        let text = self.text;
        let columns = self.layout.columns().iter().copied();
        columns.zip(self.fields).filter_map(move |(column, span)| Some((column, span.of(text)?)))
    }

    /// The values after those that have a name.
    pub fn unnamed(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text;
        let from = self.layout.columns().len();
        self.fields.get(from..).unwrap_or_default().iter().filter_map(move |span| span.of(text))
    }

    /// [`LogRecord::unnamed`] as CSV, or what a record that names its values says of it; `None` without any.
    pub fn further_columns(&self) -> Option<Cow<'a, str>> {
        if self.named {
            return self.get(Column::FURTHER_COLUMNS).filter(|text| !text.is_empty()).map(Cow::Borrowed);
        }
        (self.fields.len() > self.layout.columns().len()).then(|| {
            let mut text = String::new();
            push_csv(self.unnamed(), &mut text);
            Cow::Owned(text)
        })
    }

    /// The release that wrote the record, as it says itself; else the oldest one that writes so many columns.
    pub fn release(&self) -> Option<Release> {
        let said = self.get(Column::FUTURE_USE_6).unwrap_or_default();
        let said = Release::from_code(said).or_else(|| Release::from_text(said));
        said.or_else(|| if self.named { None } else { self.layout.release_of(self.fields.len()) })
    }

    /// The line without its end, with all that collectors put before the record.
    pub fn line(&self) -> &'a str {
        self.text.line
    }

    /// What stands before the record, such as a syslog header; mostly empty.
    pub fn header(&self) -> &'a str {
        self.text.line.get(..self.header_length).unwrap_or_default()
    }
}

impl std::fmt::Debug for LogRecord<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} ", self.kind)?;
        f.debug_map().entries(self.values()).finish()
    }
}
