//! A record as text again: as PAN-OS writes it, as JSON, or as a template says.

use crate::{
    record::{Column, ColumnType, LogRecord},
    sinks::Template,
    text::push_csv,
};

/// How records are written.
#[derive(Clone, Debug)]
pub enum RecordFormat {
    /// All columns that the record's release has, in its order, with commas between: PAN-OS' own form.
    PanOs,
    /// These columns, with commas between.
    Csv(Vec<Column>),
    /// A JSON object with every value that is there, under its column's name; numbers as numbers.
    Json,
    /// As [`RecordFormat::Json`] with these columns only.
    JsonColumns(Vec<Column>),
    /// As the template says.
    Template(Template),
}

impl RecordFormat {
    /// Appends the record, without an end of the line.
    pub fn write(&self, record: &LogRecord<'_>, out: &mut String) {
        match self {
            Self::PanOs => write_pan_os(record, out),
            Self::Csv(columns) => {
                let values = columns.iter().map(|column| record.get(*column).unwrap_or_default());
                push_csv(values, out);
            }
            Self::Json => {
                let further = record.further_columns();
                let further = further.as_deref().map(|further| (Column::FURTHER_COLUMNS, further));
                write_json(record.values().chain(further.filter(|_| record.columns() > 0)), out);
            }
            Self::JsonColumns(columns) => {
                let values = columns.iter().filter_map(|column| Some((*column, record.get(*column)?)));
                write_json(values, out);
            }
            Self::Template(template) => template.write(record, out),
        }
    }

    /// The line that names the columns, without its end; `None` where there is none.
    pub fn header(&self) -> Option<String> {
        match self {
            Self::Csv(columns) => {
                let mut header = String::new();
                push_csv(columns.iter().map(|column| column.name()), &mut header);
                Some(header)
            }
            Self::PanOs | Self::Json | Self::JsonColumns(_) | Self::Template(_) => None,
        }
    }
}

fn write_pan_os(record: &LogRecord<'_>, out: &mut String) {
    if record.columns() > 0 {
        push_csv((0..record.columns()).map(|place| record.at(place).unwrap_or_default()), out);
        return;
    }
    let layout = crate::store::layout_of(record.kind);
    let columns = layout.columns();
    let further = record.get(Column::FURTHER_COLUMNS).filter(|further| !further.is_empty());
    let of_release = || record.release().and_then(|release| layout.columns_in(release));
    let written = if further.is_some() { None } else { of_release() }.unwrap_or(columns.len());
    let values = columns.iter().take(written);
    push_csv(values.map(|column| record.get(*column).unwrap_or_default()), out);
    if let Some(further) = further {
        out.push(',');
        out.push_str(further);
    }
}

fn write_json<'v>(values: impl Iterator<Item = (Column, &'v str)>, out: &mut String) {
    out.push('{');
    let mut is_first = true;
    for (column, value) in values.filter(|(_, value)| !value.is_empty()) {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
        out.push('"');
        out.push_str(column.name());
        out.push_str("\":");
        if column.column_type() == ColumnType::Number && is_json_number(value) {
            out.push_str(value);
        } else {
            push_json_string(value, out);
        }
    }
    out.push('}');
}

/// Whether a text of digits is a number to JSON as it stands.
fn is_json_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && (value == "0" || !value.starts_with('0'))
}

/// Appends a text as JSON has it (RFC 8259, section 7).
pub(crate) fn push_json_string(value: &str, out: &mut String) {
    out.push('"');
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Parser;

    const LINE: &str = "1,2026/01/31 10:00:00,0042,SYSTEM,general,2049,2026/01/31 10:00:00,,boot,,0,0,\
    general,\
                        informational,\"up, and \"\"running\"\"\",5,0x0,0,0,0,0,,gate";

    fn written(format: &RecordFormat) -> String {
        let mut parser = Parser::new();
        let mut out = String::new();
        format.write(&parser.parse(LINE.as_bytes()).unwrap(), &mut out);
        out
    }

    #[test]
    fn a_record_in_every_form() {
        assert_eq!(written(&RecordFormat::PanOs), LINE);
        let columns = vec![Column::EVENTID, Column::OPAQUE, Column::SRC];
        let csv = RecordFormat::Csv(columns.clone());
        assert_eq!(csv.header().unwrap(), "eventid,opaque,src");
        assert_eq!(written(&csv), "boot,\"up, and \"\"running\"\"\",");
        assert_eq!(
            written(&RecordFormat::JsonColumns(columns)),
            r#"{"eventid":"boot","opaque":"up, and \"running\""}"#
        );
        let json: serde_json::Value = serde_json::from_str(&written(&RecordFormat::Json)).unwrap();
        assert_eq!((json["seqno"].as_u64(), json["serial"].as_str()), (Some(5), Some("0042")));
        let template = Template::parse("$eventid|$opaque").unwrap();
        assert_eq!(written(&RecordFormat::Template(template)), "boot|up, and \"running\"");
    }

    #[test]
    fn values_without_a_name_are_written() {
        let line = "1,2026/01/31 10:00:00,0042,USERID,login,2561,2026/01/31 10:00:00,\"a,b\",,c";
        let mut parser = Parser::new();
        let mut json = String::new();
        RecordFormat::Json.write(&parser.parse(line.as_bytes()).unwrap(), &mut json);
        assert!(json.ends_with(r#","further_columns":"\"a,b\",,c"}"#), "{json}");
        // What was read from JSON is written in PAN-OS' form again.
        let mut csv = String::new();
        RecordFormat::PanOs.write(&parser.parse(json.as_bytes()).unwrap(), &mut csv);
        assert_eq!(csv, line);
    }
}
