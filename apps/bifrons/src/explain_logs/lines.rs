//! `--format json`: one object a record.

use std::io::{StdoutLock, Write as _};

use bifrons_explain::json::JsonLines;
use bifrons_logs::record::{Column, ColumnType};

use super::{Explained, is_watched};

/// Lines of JSON on standard output.
pub struct Lines {
    lines: JsonLines,
    buffer: Vec<u8>,
    /// How much is gathered before it is written.
    chunk: usize,
    out: StdoutLock<'static>,
}

impl Lines {
    pub fn new() -> Self {
        let columns = Column::ALL.into_iter();
        let columns = columns.map(|column| (column.name(), column.column_type() == ColumnType::Number));
        Self {
            lines: JsonLines::new(columns),
            buffer: Vec::new(),
            chunk: if is_watched() { 1 } else { 256 << 10 },
            out: std::io::stdout().lock(),
        }
    }

    pub fn add(&mut self, explained: &Explained<'_>) -> std::io::Result<()> {
        let values = explained.record.values().map(|(column, value)| (column.index(), value));
        self.lines.write(values, explained.facts, explained.explanation, &mut self.buffer);
        if self.buffer.len() >= self.chunk {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    pub fn finish(mut self) -> std::io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()
    }
}
