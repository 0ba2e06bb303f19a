//! Formats that name their values: each value goes where its column's number is.

use super::{json, names, pairs, reject::Reject};
use crate::record::{Column, Span, Text};

/// Of JSON. Also gives a member that holds a whole line, as collectors call it.
pub(super) fn json(
    line: &str,
    start: usize,
    fields: &mut [Span],
    unescaped: &mut String,
) -> Result<Option<Span>, Reject> {
    let mut message = None;
    json::members(line, start, unescaped, &mut |key, span| {
        if MESSAGES.contains(&key) {
            message = message.or(Some(span));
        }
        let column = Column::from_name(key).or_else(|| names::column(key));
        put(fields, column, span);
    })?;
    Ok(message)
}

/// What collectors call the line that they put into a JSON object.
const MESSAGES: [&str; 5] = ["message", "_raw", "raw", "log", "event.original"];

/// Of CEF.
pub(super) fn cef(
    line: &str,
    start: usize,
    fields: &mut [Span],
    unescaped: &mut String,
) -> Result<(), Reject> {
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

/// Of LEEF.
pub(super) fn leef(line: &str, start: usize, fields: &mut [Span]) -> Result<(), Reject> {
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
    let is = |range: &std::ops::Range<usize>| line.get(range.clone()).is_some_and(super::parser::is_type);
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
