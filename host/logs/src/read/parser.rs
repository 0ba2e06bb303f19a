//! One line into one record.

use memchr::{memmem, memrchr};

use super::{csv, header, header::Body, reject::Reject};
use crate::record::{
    CONFIG, CONFIG_SHORT, Layout, LogKind, LogRecord, OTHER, SYSTEM, Span, THREAT, TRAFFIC, Text, parse_time,
};

/// Reads lines one by one. It keeps the memory that a record lies in, so one parser serves many lines.
#[derive(Default)]
pub struct Parser {
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

    /// Reads one line; line breaks and blanks at its ends do not matter.
    ///
    /// # Errors
    /// Why the line is no record.
    pub fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<LogRecord<'a>, Reject> {
        let line = trim(line);
        let line =
            std::str::from_utf8(line).map_err(|error| Reject::NotUtf8 { at: error.valid_up_to() + 1 })?;
        self.fields.clear();
        self.unescaped.clear();
        match header::body(line) {
            Body::Csv(start) => self.csv(line, start),
            body @ (Body::Json(_) | Body::Cef(_) | Body::Leef(_)) => Err(not_a_record(line, body.start())),
        }
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
            text: Text { line, unescaped: &self.unescaped },
            fields: &self.fields,
            header_length: start,
            named: false,
        })
    }

    fn value<'a>(&'a self, line: &'a str, place: usize) -> &'a str {
        let text = Text { line, unescaped: &self.unescaped };
        self.fields.get(place).and_then(|span| span.of(text)).unwrap_or_default()
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
            self.fields.clear();
            self.unescaped.clear();
            self.fields.push(Span::EMPTY);
            csv::split(line, start, &mut self.fields, &mut self.unescaped)?;
            return Ok(start);
        }
        for word in [",TRAFFIC,", ",THREAT,", ",SYSTEM,", ",CONFIG,"] {
            if let Some(start) = memmem::find(line.as_bytes(), word.as_bytes())
                .and_then(|place| three_values_before(line.as_bytes(), place))
                .filter(|found| *found > start)
            {
                self.fields.clear();
                self.unescaped.clear();
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

fn not_a_record(line: &str, start: usize) -> Reject {
    Reject::NotARecord { found: line.get(start..).unwrap_or_default().chars().take(80).collect() }
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
