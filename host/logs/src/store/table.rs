//! Rows of one kind of log in memory, a column at a time.

use std::collections::BTreeMap;

use crate::{
    record::{Column, LogKind, parse_number, parse_time},
    store::{
        column::{NO_NUMBER, NumberValues, TextBuilder, TextValues, Values},
        frame::Frame,
        parquet::Damaged,
        schema::{Schema, Stored},
    },
};

/// A table that rows are added to.
pub(crate) struct TableBuilder {
    schema: &'static Schema,
    columns: Vec<Builder>,
    /// Values of the current row that no column can hold.
    misfits: BTreeMap<Column, String>,
    other: TextBuilder,
    rows: usize,
    /// The last time that was read and what it meant: most columns of times hold the same one.
    last_time: (String, Option<i64>),
}

/// Columns of a group of rows: all of them, or those that were asked for.
pub(crate) struct Table {
    pub(crate) schema: &'static Schema,
    pub(crate) columns: Vec<Option<Values>>,
    /// Texts of values that no column can hold, if they were asked for.
    pub(crate) other: Option<TextValues>,
    pub(crate) rows: usize,
}

enum Builder {
    Text(TextBuilder),
    Number(Stored, NumberValues),
}

impl TableBuilder {
    pub(crate) fn new(kind: LogKind) -> Self {
        let schema = Schema::of(kind);
        let builder = |column: &Column| match Stored::of(*column) {
            Stored::Text => Builder::Text(TextBuilder::default()),
            stored @ (Stored::Number | Stored::Bits | Stored::Microseconds) => {
                Builder::Number(stored, NumberValues::default())
            }
        };
        let columns = schema.columns.iter().map(builder).collect();
        Self {
            schema,
            columns,
            misfits: BTreeMap::new(),
            other: TextBuilder::default(),
            rows: 0,
            last_time: (String::new(), None),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the rows of `frame`, which is of the table's kind.
    pub(crate) fn add(&mut self, frame: &Frame<'_>) -> Result<(), Damaged> {
        self.forget_values();
        let mut rows = frame.rows();
        while let Some(changes) = rows.next_row()? {
            let mut misfits_changed = false;
            for (column, text) in changes {
                misfits_changed |= self.set(*column, text);
            }
            if misfits_changed {
                self.set_other();
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Adds rows of a table that has all its columns.
    pub(crate) fn add_rows(&mut self, table: &Table, rows: std::ops::Range<usize>) {
        self.forget_values();
        let at = self.rows;
        for (builder, values) in self.columns.iter_mut().zip(&table.columns) {
            match (builder, values) {
                (Builder::Text(builder), Some(Values::Text(values))) => {
                    builder.extend(at, values, rows.clone())
                }
                (Builder::Number(_, builder), Some(Values::Number(values))) => {
                    for (row, from) in (at..).zip(rows.clone()) {
                        if builder.get(row) != values.get(from) {
                            builder.set(row, values.get(from));
                        }
                    }
                }
                // A column that is not there has no values, nor has the builder any.
                (Builder::Text(_) | Builder::Number(..), _) => {}
            }
        }
        if let Some(other) = &table.other {
            self.other.extend(at, other, rows.clone());
        }
        self.rows += rows.len();
    }

    /// Gives the next row, and those after it until the next change, a value. Says whether the values without
    /// a column changed.
    fn set(&mut self, column: Column, text: &str) -> bool {
        let Some(builder) = self.schema.place(column).and_then(|place| self.columns.get_mut(place)) else {
            let is_known = column == Column::TYPE && self.schema.kind != LogKind::Other;
            return !is_known && self.set_misfit(column, text);
        };
        match builder {
            Builder::Text(builder) => {
                builder.set(self.rows, text);
                false
            }
            Builder::Number(stored, values) => {
                let number = match stored {
                    Stored::Microseconds => {
                        if self.last_time.0 != text {
                            self.last_time.0.clear();
                            self.last_time.0.push_str(text);
                            self.last_time.1 = number_of(*stored, text);
                        }
                        self.last_time.1
                    }
                    Stored::Text | Stored::Number | Stored::Bits => number_of(*stored, text),
                };
                values.set(self.rows, number);
                let fits = number.is_some() || text.is_empty();
                self.set_misfit(column, if fits { "" } else { text })
            }
        }
    }

    fn set_misfit(&mut self, column: Column, text: &str) -> bool {
        if text.is_empty() {
            return !self.misfits.is_empty() && self.misfits.remove(&column).is_some();
        }
        self.misfits.insert(column, text.to_owned());
        true
    }

    fn set_other(&mut self) {
        let mut text = String::new();
        for (column, value) in &self.misfits {
            // A line each; what would break the lines is written with a backslash.
            let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
            text.push_str(if text.is_empty() { "" } else { "\n" });
            text.push_str(column.name());
            text.push('=');
            text.push_str(&value);
        }
        self.other.set(self.rows, &text);
    }

    /// Each frame says again what its first row holds.
    fn forget_values(&mut self) {
        for builder in &mut self.columns {
            match builder {
                Builder::Text(builder) if builder.values().rest != 0 => builder.set(self.rows, ""),
                Builder::Number(_, values) if values.rest != NO_NUMBER => values.set(self.rows, None),
                Builder::Text(_) | Builder::Number(..) => {}
            }
        }
        self.misfits.clear();
        if self.other.values().rest != 0 {
            self.other.set(self.rows, "");
        }
    }

    pub(crate) fn finish(self) -> Table {
        let values = |builder| match builder {
            Builder::Text(builder) => Some(Values::Text(TextBuilder::finish(builder))),
            Builder::Number(_, values) => Some(Values::Number(values)),
        };
        Table {
            schema: self.schema,
            columns: self.columns.into_iter().map(values).collect(),
            other: Some(self.other.finish()),
            rows: self.rows,
        }
    }
}

impl Table {
    /// A table without columns yet.
    pub(crate) fn empty(schema: &'static Schema, rows: usize) -> Self {
        Self { schema, columns: schema.columns.iter().map(|_| None).collect(), other: None, rows }
    }

    pub(crate) fn values(&self, column: Column) -> Option<&Values> {
        self.columns.get(self.schema.place(column)?)?.as_ref()
    }

    /// The rows with values that no column can hold.
    pub(crate) fn rows_with_misfits(&self) -> impl Iterator<Item = usize> {
        let has_some = |row: &usize| self.other.as_ref().is_some_and(|other| other.code(*row) != 0);
        (0..self.rows).filter(has_some)
    }

    /// The values of a row that no column can hold, and their columns.
    pub(crate) fn misfits(&self, row: usize) -> Vec<(Column, String)> {
        let text = self.other.as_ref().and_then(|other| other.get(row)).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.filter_map(|(name, value)| Some((Column::from_name(name)?, unescaped(value)))).collect()
    }

    /// Appends the text of a row's value as logs have it; nothing without a value.
    pub(crate) fn push_text(&self, column: Column, row: usize, out: &mut String) {
        match self.values(column) {
            Some(Values::Text(values)) => out.push_str(values.get(row).unwrap_or_default()),
            Some(Values::Number(values)) => {
                if let Some(value) = values.get(row) {
                    push_number(column, value, out);
                }
            }
            None => {}
        }
    }
}

/// Appends a stored number as logs write the column's values.
pub(crate) fn push_number(column: Column, value: i64, out: &mut String) {
    use std::fmt::Write as _;
    // Writing into a string does not fail.
    let _ = match Stored::of(column) {
        Stored::Microseconds => {
            crate::record::push_time(out, time_of(value));
            Ok(())
        }
        Stored::Bits => write!(out, "{:#x}", value as u64),
        Stored::Text | Stored::Number => write!(out, "{value}"),
    };
}

/// The point in time of a stored number.
pub(crate) fn time_of(microseconds: i64) -> bifrons_model::Timestamp {
    let nanoseconds = u64::try_from(microseconds).unwrap_or(0).saturating_mul(1_000);
    bifrons_model::Timestamp::from_nanos(nanoseconds)
}

fn number_of(stored: Stored, text: &str) -> Option<i64> {
    let number = match stored {
        Stored::Text => None,
        Stored::Number => parse_number(text).and_then(|number| i64::try_from(number).ok()),
        Stored::Bits => parse_number(text).map(|number| number as i64),
        Stored::Microseconds => i64::try_from(parse_time(text)?.as_nanos() / 1_000).ok(),
    };
    number.filter(|number| *number != NO_NUMBER)
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, if letter == '\\' { letters.next() } else { None }) {
            (_, Some('n')) => text.push('\n'),
            (_, Some('r')) => text.push('\r'),
            (_, Some(escaped)) => text.push(escaped),
            (letter, None) => text.push(letter),
        }
    }
    text
}
