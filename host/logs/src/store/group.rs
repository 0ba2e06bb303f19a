//! A group of rows that is looked at: of a file, of which columns are read when they are needed, or of what
//! stands in no file yet.

use std::path::Path;

use parquet::file::statistics::Statistics;

use crate::{
    record::{Column, LogKind, LogRecord, Span, Text, by_name},
    store::{
        Damaged, StoreError,
        column::Values,
        segment::{Segment, SegmentError},
        table::Table,
    },
};

/// Rows of one kind and one hour.
pub(crate) struct Group<'s> {
    pub(crate) table: Table,
    source: Option<Source<'s>>,
}

#[derive(Clone, Copy)]
struct Source<'s> {
    segment: &'s Segment,
    path: &'s Path,
    group: usize,
}

/// The least and the greatest number of a group's column.
pub(crate) type Bounds = (i64, i64);

impl<'s> Group<'s> {
    /// Rows that stand in no file yet.
    pub(crate) fn open(table: Table) -> Self {
        Self { table, source: None }
    }

    /// A group of a file, without columns yet.
    pub(crate) fn of(segment: &'s Segment, path: &'s Path, group: usize) -> Self {
        let table = Table::empty(segment.schema(), segment.rows(group));
        Self { table, source: Some(Source { segment, path, group }) }
    }

    pub(crate) fn kind(&self) -> LogKind {
        self.table.schema.kind
    }

    pub(crate) fn rows(&self) -> usize {
        self.table.rows
    }

    /// Makes sure that columns are there.
    pub(crate) fn load(&mut self, columns: impl IntoIterator<Item = Column>) -> Result<(), StoreError> {
        let Some(source) = self.source else { return Ok(()) };
        source.segment.read(source.group, columns, &mut self.table).map_err(|error| source.error(error))
    }

    /// Makes sure that all columns are there, and the values that no column can hold.
    pub(crate) fn load_all(&mut self) -> Result<(), StoreError> {
        self.load(self.table.schema.columns.iter().copied())?;
        self.load_misfits()
    }

    /// Makes sure that the values are there that no column can hold.
    pub(crate) fn load_misfits(&mut self) -> Result<(), StoreError> {
        let Some(source) = self.source else { return Ok(()) };
        source.segment.read_misfits(source.group, &mut self.table).map_err(|error| source.error(error))
    }

    /// Whether any row has values that no column can hold.
    pub(crate) fn has_misfits(&self) -> bool {
        match self.source {
            Some(source) => source.segment.has_misfits(source.group),
            None => self.table.other.as_ref().is_some_and(|other| other.dictionary.len() > 0),
        }
    }

    /// The bounds of a column's numbers, where they are known without reading it.
    pub(crate) fn number_bounds(&self, column: Column) -> Option<Bounds> {
        let source = self.source?;
        match source.segment.statistics(source.group, column)? {
            Statistics::Int64(statistics) => Some((*statistics.min_opt()?, *statistics.max_opt()?)),
            Statistics::Boolean(_)
            | Statistics::Int32(_)
            | Statistics::Int96(_)
            | Statistics::Float(_)
            | Statistics::Double(_)
            | Statistics::ByteArray(_)
            | Statistics::FixedLenByteArray(_) => None,
        }
    }
}

impl Source<'_> {
    fn error(&self, error: SegmentError) -> StoreError {
        match error {
            SegmentError::Library(source) => StoreError::parquet(self.path, source),
            SegmentError::Content(source) => StoreError::Damaged { path: self.path.to_owned(), source },
        }
    }
}

/// A row as a record: the memory that its values lie in.
#[derive(Default)]
pub struct RowBuffer {
    text: String,
    fields: Vec<Span>,
}

impl RowBuffer {
    /// The row with those of its columns that are loaded.
    pub(crate) fn record<'a>(&'a mut self, table: &Table, row: usize) -> LogRecord<'a> {
        self.text.clear();
        self.fields.clear();
        self.fields.resize(Column::COUNT, Span::ABSENT);
        for (column, values) in table.schema.columns.iter().zip(&table.columns) {
            if let Some(values) = values {
                let is_absent = match values {
                    Values::Text(values) => values.code(row) == 0,
                    Values::Number(values) => values.get(row).is_none(),
                };
                if !is_absent {
                    let begin = self.text.len();
                    table.push_text(*column, row, &mut self.text);
                    self.put(*column, begin);
                }
            }
        }
        let begin = self.text.len();
        self.text.push_str(crate::store::schema::type_of(table.schema.kind));
        self.put(Column::TYPE, begin);
        for (column, value) in table.misfits(row) {
            let begin = self.text.len();
            self.text.push_str(&value);
            self.put(column, begin);
        }
        let kind = table.schema.kind;
        LogRecord {
            kind,
            layout: by_name(kind),
            text: Text { line: &self.text, unescaped: "" },
            fields: &self.fields,
            header_length: 0,
            named: true,
        }
    }

    fn put(&mut self, column: Column, begin: usize) {
        if let Some(field) = self.fields.get_mut(column.index()) {
            *field = Span::line(begin, self.text.len());
        }
    }
}

impl From<Damaged> for SegmentError {
    fn from(source: Damaged) -> Self {
        Self::Content(source)
    }
}
