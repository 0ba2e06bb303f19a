//! One line into one record.

use memchr::{memmem, memrchr};

use super::{csv, header, header::Body, json, names, pairs, reject::Reject};
use crate::record::{
    CONFIG, CONFIG_SHORT, Column, LENGTH_MAX, Layout, LogKind, LogRecord, OTHER, SYSTEM, Span, THREAT,
    TRAFFIC, Text, by_name, parse_time,
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
        if line.len() > LENGTH_MAX {
            return Err(Reject::TooLong { limit: LENGTH_MAX });
        }
        let line =
            std::str::from_utf8(line).map_err(|error| Reject::NotUtf8 { at: error.valid_up_to() + 1 })?;
        self.fields.clear();
        self.unescaped.clear();
        match header::body(line) {
            Body::Csv(start) => self.csv(line, start),
            Body::Json(start) => self.named(line, start, json_values),
            Body::Cef(start) => self.named(line, start, cef_values),
            Body::Leef(start) => self.named(line, start, leef_values),
        }
    }

    /// A record that names its values.
    fn named<'a>(&'a mut self, line: &'a str, start: usize, read: Read) -> Result<LogRecord<'a>, Reject> {
        self.fields.resize(Column::COUNT, Span::ABSENT);
        let Self { fields, unescaped } = self;
        read(line, start, fields, unescaped)?;
        let text = Text { line, unescaped: &self.unescaped };
        let found = self.fields.get(Column::TYPE.index()).and_then(|span| span.of(text)).unwrap_or_default();
        if !is_type(found) {
            return Err(Reject::NotARecord { found: found.to_owned() });
        }
        let kind = LogKind::from_type(found);
        let layout = by_name(kind);
        Ok(LogRecord { kind, layout, text, fields: &self.fields, header_length: start, named: true })
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

/// Puts the values of a line, from a place on, where the columns have their numbers.
type Read = fn(&str, usize, &mut [Span], &mut String) -> Result<(), Reject>;

fn json_values(line: &str, start: usize, fields: &mut [Span], unescaped: &mut String) -> Result<(), Reject> {
    json::members(line, start, unescaped, &mut |key, span| {
        let column = Column::from_name(key).or_else(|| names::column(key));
        put(fields, column, span);
    })
}

fn cef_values(line: &str, start: usize, fields: &mut [Span], unescaped: &mut String) -> Result<(), Reject> {
    let header = pairs::header(line, start + "CEF:".len(), 7, "CEF")?;
    event(line, &header, fields);
    // Keys such as `cs1`, and what their labels say they are.
    let mut custom: Vec<(String, Span)> = Vec::new();
    let mut labels: Vec<(String, Span)> = Vec::new();
    pairs::cef(line, header.end, unescaped, &mut |key, span| {
        let list = match key.strip_suffix("Label") {
            Some(labelled) => Some((labelled, &mut labels)),
            None if is_custom(key) => Some((key, &mut custom)),
            None => None,
        };
        match list {
            Some((key, list)) if list.len() < CUSTOM_MAX => list.push((key.to_owned(), span)),
            Some(_) => {}
            None => put(fields, names::cef_column(key), span),
        }
    });
    let text = Text { line, unescaped };
    for (key, span) in custom {
        let label = labels.iter().find(|(labelled, _)| *labelled == key);
        let label = label.and_then(|(_, label)| label.of(text)).unwrap_or_default();
        put(fields, names::column(label), span);
    }
    Ok(())
}

/// More custom keys than CEF has.
const CUSTOM_MAX: usize = 64;

/// Whether the key is one whose meaning its label says: `cs1`, `cn1`, `c6a2`, `flexString1` and such.
fn is_custom(key: &str) -> bool {
    let name = key.trim_end_matches(|last: char| last.is_ascii_digit());
    name.len() < key.len()
        && ["cs", "cn", "cfp", "flexString", "flexNumber", "deviceCustomDate"].contains(&name)
}

fn leef_values(line: &str, start: usize, fields: &mut [Span], _: &mut String) -> Result<(), Reject> {
    let header = pairs::header(line, start + "LEEF:".len(), 5, "LEEF")?;
    let version = header.values.first().and_then(|range| line.get(range.clone())).unwrap_or_default();
    pairs::leef(line, header.end, version, &mut |key, span| {
        put(fields, names::leef_column(key), span);
    });
    Ok(())
}

/// Type and subtype from the header of CEF: the event's class and its name, in either order. A threat's class
/// is the threat.
fn event(line: &str, header: &pairs::Header, fields: &mut [Span]) {
    let [Some(class), Some(name)] = [4, 5].map(|place| header.values.get(place).cloned()) else { return };
    let is = |range: &std::ops::Range<usize>| line.get(range.clone()).is_some_and(is_type);
    let (log, event) = if is(&class) { (class, name) } else { (name, class) };
    let threat = line.get(event.clone()).is_some_and(|text| text.ends_with(')'));
    put(fields, Some(Column::TYPE), Span::line(log.start, log.end));
    let column = if threat { Column::THREATID } else { Column::SUBTYPE };
    put(fields, Some(column), Span::line(event.start, event.end));
}

/// The first value of a column that says something is the one that counts.
fn put(fields: &mut [Span], column: Option<Column>, span: Span) {
    if let Some(field) = column.and_then(|column| fields.get_mut(column.index()))
        && field.is_blank()
    {
        *field = span;
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
