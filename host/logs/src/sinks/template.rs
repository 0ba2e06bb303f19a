//! Templates of administrators: text with `$names` of columns.

use crate::record::{Column, LogRecord};

/// A text in which `$src`, `$session_end_reason` and the like stand for a record's values, as in the custom
/// log formats of PAN-OS.
///
/// Names are those of the columns; the longest that is one counts, so that `$src-$dst` is two of them.
/// `$cef-formatted-receive_time` and `$cef-formatted-time_generated` are these times as CEF writes them,
/// `$number-of-severity` is the severity as a number from 1 to 5, and `$$` is a dollar sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    escaping: Escaping,
}

/// Characters of values that are written with another in front of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Escaping {
    /// These.
    pub characters: String,
    /// With this one.
    pub escape: Option<char>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Column),
    CefTime(Column),
    SeverityNumber,
}

/// A name that no column has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "column {at} of the template: no value is called ${name}; names are those of the log's columns, \
     and $$ is a dollar sign"
)]
pub struct TemplateError {
    /// What was found.
    pub name: String,
    /// Where its dollar sign stands, in characters from 1.
    pub at: usize,
}

impl Template {
    /// The template that `text` says.
    ///
    /// # Errors
    /// A name after a dollar sign that nothing is called.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            push_text(before, &mut parts);
            if let Some(after) = after.strip_prefix('$') {
                push_text("$", &mut parts);
                rest = after;
                continue;
            }
            let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
            let longest = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
            let found = (1..=longest).rev().find_map(|length| Some((length, part(after.get(..length)?)?)));
            let Some((length, part)) = found else {
                let at = text.len() - after.len() - 1;
                let at = text.get(..at).unwrap_or_default().chars().count() + 1;
                return Err(TemplateError { name: after.get(..longest).unwrap_or_default().to_owned(), at });
            };
            parts.push(part);
            rest = after.get(length..).unwrap_or_default();
        }
        push_text(rest, &mut parts);
        Ok(Self { parts, escaping: Escaping::default() })
    }

    /// The template with values escaped.
    pub fn with_escaping(self, escaping: Escaping) -> Self {
        Self { escaping, ..self }
    }

    /// Appends the record.
    pub fn write(&self, record: &LogRecord<'_>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(column) => self.push(record.get(*column).unwrap_or_default(), out),
                Part::CefTime(column) => {
                    if let Some(time) = record.time(*column) {
                        let (year, month, day, hour, minute, second) = time.civil();
                        let month = super::month_name(month);
                        self.push(
                            &format!("{month} {day:02} {year} {hour:02}:{minute:02}:{second:02} GMT"),
                            out,
                        );
                    }
                }
                Part::SeverityNumber => out.push_str(severity_number(record)),
            }
        }
    }

    fn push(&self, value: &str, out: &mut String) {
        match self.escaping.escape {
            None => out.push_str(value),
            Some(escape) => {
                for letter in value.chars() {
                    if self.escaping.characters.contains(letter) {
                        out.push(escape);
                    }
                    out.push(letter);
                }
            }
        }
    }
}

fn push_text(text: &str, parts: &mut Vec<Part>) {
    match parts.last_mut() {
        Some(Part::Text(before)) => before.push_str(text),
        Some(Part::Value(_) | Part::CefTime(_) | Part::SeverityNumber) | None if text.is_empty() => {}
        Some(Part::Value(_) | Part::CefTime(_) | Part::SeverityNumber) | None => {
            parts.push(Part::Text(text.to_owned()));
        }
    }
}

fn part(name: &str) -> Option<Part> {
    match name {
        "cef-formatted-receive_time" => Some(Part::CefTime(Column::RECEIVE_TIME)),
        "cef-formatted-time_generated" => Some(Part::CefTime(Column::TIME_GENERATED)),
        "number-of-severity" => Some(Part::SeverityNumber),
        _ => Column::from_name(name).map(Part::Value),
    }
}

/// 1 for informational to 5 for critical; records without a severity are informational.
fn severity_number(record: &LogRecord<'_>) -> &'static str {
    match record.get(Column::SEVERITY).unwrap_or_default() {
        "critical" => "5",
        "high" => "4",
        "medium" => "3",
        "low" => "2",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Parser;

    const LINE: &str = "1,2026/01/31 10:00:00,0042,SYSTEM,general,2049,2026/01/31 10:00:01,,boot,,0,0,\
    general,\
                        high,up=and|running,5,0x0,0,0,0,0,,gate";

    fn written(template: &Template) -> String {
        let mut parser = Parser::new();
        let mut out = String::new();
        template.write(&parser.parse(LINE.as_bytes()).unwrap(), &mut out);
        out
    }

    #[test]
    fn names_stand_for_values() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$eventid", "boot"),
            ("$eventid-$severity.", "boot-high."),
            ("${eventid", ""),
            ("cost $$5 $device_name$src!", "cost $5 gate!"),
            ("$cef-formatted-time_generated|$number-of-severity", "Jan 31 2026 10:00:01 GMT|4"),
            ("$eventidx", "bootx"),
        ] {
            match Template::parse(text) {
                Ok(template) => assert_eq!(written(&template), expected, "{text}"),
                Err(error) => assert_eq!((error.at, text), (1, "${eventid")),
            }
        }
        let error = Template::parse("é $sorce").unwrap_err();
        assert_eq!((error.at, error.name.as_str()), (3, "sorce"));
    }

    #[test]
    fn values_are_escaped_and_text_is_not() {
        let escaping = Escaping { characters: "|=\\".to_owned(), escape: Some('\\') };
        let template = Template::parse("msg=$opaque").unwrap().with_escaping(escaping);
        assert_eq!(written(&template), "msg=up\\=and\\|running");
    }
}
