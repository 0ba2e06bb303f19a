//! One line into one record.

use memchr::{memmem, memrchr};

use super::{csv, header, header::Body, keyed, reject::Reject};
use crate::record::{
    CONFIG, CONFIG_SHORT, Column, LENGTH_MAX, Layout, LogKind, LogRecord, OTHER, SYSTEM, Span, THREAT,
    TRAFFIC, Text, by_name, parse_time,
};

/// Reads lines one by one. It keeps the memory that a record lies in, so one parser serves many lines.
#[derive(Default)]
pub struct Parser {
    values: Values,
    /// A line that stood in another one.
    inner: String,
}

/// The values of a line.
#[derive(Default)]
struct Values {
    fields: Vec<Span>,
    unescaped: String,
}

/// Where the type stands, counted from 0.
const TYPE: usize = 3;

impl Parser {
    /// A parser.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one line; line breaks and blanks at its ends do not matter. Of a JSON object that a collector
    /// has put around a line, the line is read.
    ///
    /// # Errors
    /// Why the line is no record.
    pub fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<LogRecord<'a>, Reject> {
        let line = trim(line);
        if line.len() > LENGTH_MAX {
            return Err(Reject::TooLong { limit: LENGTH_MAX });
        }
        let line =
            std::str::from_utf8(line).map_err(|error| Reject::NotUtf8 { at: error.valid_up_to() + 1 })?;
        let Self { values, inner } = self;
        values.clear();
        let body = header::body(line);
        if let Body::Json(start) = body {
            values.name_all();
            let message = keyed::json(line, start, &mut values.fields, &mut values.unescaped)?;
            let message = message.filter(|_| values.named(line, Column::TYPE).is_empty());
            let Some(message) = message.and_then(|span| span.of(values.text(line))) else {
                return values.keyed(line, start);
            };
            inner.clear();
            inner.push_str(message.trim());
            values.clear();
            return values.read(inner, header::body(inner));
        }
        values.read(line, body)
    }
}

impl Values {
    fn clear(&mut self) {
        self.fields.clear();
        self.unescaped.clear();
    }

    fn read<'a>(&'a mut self, line: &'a str, body: Body) -> Result<LogRecord<'a>, Reject> {
        match body {
            Body::Csv(start) => return self.csv(line, start),
            Body::Json(start) => {
                self.name_all();
                keyed::json(line, start, &mut self.fields, &mut self.unescaped)?;
            }
            Body::Cef(start) => {
                self.name_all();
                keyed::cef(line, start, &mut self.fields, &mut self.unescaped)?;
            }
            Body::Leef(start) => {
                self.name_all();
                keyed::leef(line, start, &mut self.fields)?;
            }
        }
        self.keyed(line, body.start())
    }

    fn text<'a>(&'a self, line: &'a str) -> Text<'a> {
        Text { line, unescaped: &self.unescaped }
    }

    /// Makes room for values by the numbers of their columns.
    fn name_all(&mut self) {
        self.fields.resize(Column::COUNT, Span::ABSENT);
    }

    fn named<'a>(&'a self, line: &'a str, column: Column) -> &'a str {
        self.value(line, column.index())
    }

    /// The record, where values stand by the numbers of their columns.
    fn keyed<'a>(&'a self, line: &'a str, start: usize) -> Result<LogRecord<'a>, Reject> {
        let found = self.named(line, Column::TYPE);
        if !is_type(found) {
            return Err(Reject::NotARecord { found: found.to_owned() });
        }
        let kind = LogKind::from_type(found);
        Ok(LogRecord {
            kind,
            layout: by_name(kind),
            text: self.text(line),
            fields: &self.fields,
            header_length: start,
            named: true,
        })
    }

    fn csv<'a>(&'a mut self, line: &'a str, mut start: usize) -> Result<LogRecord<'a>, Reject> {
        csv::split(line, start, &mut self.fields, &mut self.unescaped)?;
        if !self.is_record(line) {
            start = self.find_record(line, start)?;
        }
        let layout = self.layout(line);
        let columns = self.fields.len();
        if columns < layout.kind.columns_min() {
            return Err(Reject::Truncated { kind: layout.kind, columns });
        }
        Ok(LogRecord {
            kind: layout.kind,
            layout,
            text: self.text(line),
            fields: &self.fields,
            header_length: start,
            named: false,
        })
    }

    fn value<'a>(&'a self, line: &'a str, place: usize) -> &'a str {
        self.fields.get(place).and_then(|span| span.of(self.text(line))).unwrap_or_default()
    }

    /// Whether the values begin as those of a record do: the type at its place, a time before it.
    fn is_record(&self, line: &str) -> bool {
        is_type(self.value(line, TYPE)) && is_time(self.value(line, 1))
    }

    /// Second thoughts on a line that is no record from `start` on: the first column may have been left out,
    /// and what stands before the record may hold commas.
    fn find_record(&mut self, line: &str, start: usize) -> Result<usize, Reject> {
        if is_type(self.value(line, TYPE - 1))
            && let Some(start) = without_first(line, start)
        {
            self.clear();
            self.fields.push(Span::EMPTY);
            csv::split(line, start, &mut self.fields, &mut self.unescaped)?;
            if self.is_record(line) {
                return Ok(start);
            }
        }
        for word in [",TRAFFIC,", ",THREAT,", ",SYSTEM,", ",CONFIG,"] {
            if let Some(start) = memmem::find(line.as_bytes(), word.as_bytes())
                .and_then(|place| three_values_before(line.as_bytes(), place))
                .filter(|found| *found > start)
            {
                self.clear();
                csv::split(line, start, &mut self.fields, &mut self.unescaped)?;
                if self.is_record(line) {
                    return Ok(start);
                }
            }
        }
        let found = self.value(line, TYPE);
        match found {
            "type" | "Type" => Err(Reject::Heading),
            _ => Err(Reject::NotARecord { found: found.to_owned() }),
        }
    }

    fn layout(&self, line: &str) -> &'static Layout {
        match LogKind::from_type(self.value(line, TYPE)) {
            LogKind::Traffic => &TRAFFIC,
            LogKind::Threat => &THREAT,
            LogKind::System => &SYSTEM,
            // The action flags tell whether two columns were left out in front of them.
            LogKind::Config if self.value(line, 15).starts_with("0x") => &CONFIG_SHORT,
            LogKind::Config => &CONFIG,
            LogKind::Other => &OTHER,
        }
    }
}

fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    // Some senders end a message with a NUL (RFC 6587, 3.4.2).
    let end = line.iter().rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n' | b' ' | b'\t'));
    let line = end.and_then(|end| line.get(..=end)).unwrap_or_default();
    line.trim_ascii_start()
}

/// Whether a word may be the type of a log.
pub(super) fn is_type(word: &str) -> bool {
    matches!(word, "TRAFFIC" | "THREAT" | "SYSTEM" | "CONFIG")
        || ((3..=24).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'))
}

fn is_time(text: &str) -> bool {
    // By its shape: some samples have been given days that do not exist.
    let bytes = text.as_bytes();
    (bytes.get(4) == Some(&b'/') && bytes.get(13) == Some(&b':')) || parse_time(text).is_some()
}

/// Where a record begins whose first column was left out: the second one is a time, which has a blank.
fn without_first(line: &str, start: usize) -> Option<usize> {
    let date = "2020/01/01 ".len();
    let begin = start.checked_sub(date)?;
    let comma = start + line.get(start..)?.find(',')?;
    is_time(line.get(begin..comma)?).then_some(begin)
}

/// Where the value begins that stands three before the comma at `place`.
fn three_values_before(bytes: &[u8], place: usize) -> Option<usize> {
    let serial = memrchr(b',', bytes.get(..place)?)?;
    let time = memrchr(b',', bytes.get(..serial)?)?;
    let first = bytes.get(..time)?;
    Some(first.iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |before| before + 1))
}

#[cfg(test)]
mod tests;
