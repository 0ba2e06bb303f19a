//! Records of one kind and one hour in few bytes: each only says what differs from the one before.
//!
//! A frame is what the write-ahead file holds and what tables are built from, so a store that was
//! interrupted is rebuilt by the code that built it in the first place. Most of a log's columns seldom
//! change, so that this takes a third of the lines' bytes and spares the tables most of their work.
//!
//! ```text
//! frame   kind (1 byte)  hour (varint, since 1970)  rows (varint)  length of the rows (varint)  row…  text…
//! row     change…  0xff
//! change  column (1 byte)  length of its text (varint)
//! ```

use std::ops::Range;

use crate::{
    record::{Column, Layout, LogKind, LogRecord},
    store::{
        parquet::{Damaged, varint},
        schema::KINDS,
    },
};

/// The end of a row. No column has this number.
const END: u8 = u8::MAX;
const _: () = assert!(Column::COUNT < END as usize);

/// A frame that records are added to.
pub(crate) struct FrameBuilder {
    pub(crate) key: Key,
    pub(crate) rows: u64,
    changes: Vec<u8>,
    text: String,
    layout: Option<&'static Layout>,
    /// Where in `text` the last value of each column stands.
    last: Box<[Range<usize>; Column::COUNT]>,
}

/// Which records stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) kind: LogKind,
    /// Hours since 1970, of the time at which the record was generated.
    pub(crate) hour: u32,
}

/// A frame that was read.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) key: Key,
    pub(crate) row_count: u64,
    changes: &'a [u8],
    text: &'a str,
    /// What the numbers of columns mean in this frame: another release of the program may have had others.
    columns: &'a [Option<Column>],
}

/// Steps through a frame.
pub(crate) struct Rows<'a> {
    frame: Frame<'a>,
    left: u64,
    changes: Vec<(Column, &'a str)>,
}

impl FrameBuilder {
    pub(crate) fn new(key: Key) -> Self {
        let last = Box::new([const { 0..0 }; Column::COUNT]);
        Self { key, rows: 0, changes: Vec::new(), text: String::new(), layout: None, last }
    }

    pub(crate) fn add(&mut self, record: &LogRecord<'_>) {
        match self.layout.replace(record.layout) {
            // Columns that this record does not know may have had a value before.
            Some(before) if !std::ptr::eq(before, record.layout) => {
                for column in Column::ALL {
                    self.set(column, record.get(column).unwrap_or_default());
                }
            }
            Some(_) | None => {
                for (place, column) in record.layout.columns().iter().enumerate() {
                    let text = record.fields.get(place).and_then(|span| span.of(record.text));
                    self.set(*column, text.unwrap_or_default());
                }
            }
        }
        if !record.named {
            self.set(Column::FURTHER_COLUMNS, &record.further_columns().unwrap_or_default());
        }
        self.changes.push(END);
        self.rows += 1;
    }

    fn set(&mut self, column: Column, text: &str) {
        let Some(last) = self.last.get_mut(column.index()) else { return };
        // Most columns are empty in all records.
        if text.len() == last.len() && (text.is_empty() || self.text.get(last.clone()) == Some(text)) {
            return;
        }
        self.changes.push(column.index() as u8);
        varint::write(text.len() as u64, &mut self.changes);
        let begin = self.text.len();
        self.text.push_str(text);
        *last = begin..self.text.len();
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> usize {
        self.changes.len() + self.text.len()
    }

    /// Empties the frame for records of another kind and hour, and keeps its memory.
    pub(crate) fn restart(&mut self, key: Key) {
        self.key = key;
        self.rows = 0;
        self.changes.clear();
        self.text.clear();
        self.layout = None;
        self.last.fill(0..0);
    }

    /// Appends the frame.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(KINDS.iter().position(|kind| *kind == self.key.kind).unwrap_or(0) as u8);
        varint::write(u64::from(self.key.hour), out);
        varint::write(self.rows, out);
        varint::write(self.changes.len() as u64, out);
        out.extend_from_slice(&self.changes);
        out.extend_from_slice(self.text.as_bytes());
    }
}

impl<'a> Frame<'a> {
    pub(crate) fn read(mut bytes: &'a [u8], columns: &'a [Option<Column>]) -> Result<Self, Damaged> {
        let (kind, rest) = bytes.split_first().ok_or(Damaged("a frame is empty"))?;
        bytes = rest;
        let kind = *KINDS.get(usize::from(*kind)).ok_or(Damaged("a frame of an unknown kind"))?;
        let hour = varint::read(&mut bytes)?;
        let hour = u32::try_from(hour).map_err(|_| Damaged("a frame of no hour"))?;
        let row_count = varint::read(&mut bytes)?;
        let length = usize::try_from(varint::read(&mut bytes)?).map_err(|_| Damaged("a frame ends early"))?;
        let (changes, text) = bytes.split_at_checked(length).ok_or(Damaged("a frame ends early"))?;
        let text = str::from_utf8(text).map_err(|_| Damaged("a value is not UTF-8"))?;
        Ok(Self { key: Key { kind, hour }, row_count, changes, text, columns })
    }

    pub(crate) fn rows(&self) -> Rows<'a> {
        Rows { frame: *self, left: self.row_count, changes: Vec::new() }
    }
}

impl<'a> Rows<'a> {
    /// What the next row changes; `None` after the last.
    pub(crate) fn next_row(&mut self) -> Result<Option<&[(Column, &'a str)]>, Damaged> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.changes.clear();
        loop {
            let (number, rest) = self.frame.changes.split_first().ok_or(Damaged("a row ends early"))?;
            self.frame.changes = rest;
            if *number == END {
                return Ok(Some(&self.changes));
            }
            let length = varint::read(&mut self.frame.changes)?;
            let (text, rest) = usize::try_from(length)
                .ok()
                .and_then(|length| self.frame.text.split_at_checked(length))
                .ok_or(Damaged("a value ends early"))?;
            self.frame.text = rest;
            if let Some(column) = self.frame.columns.get(usize::from(*number)).copied().flatten() {
                self.changes.push((column, text));
            }
        }
    }
}
