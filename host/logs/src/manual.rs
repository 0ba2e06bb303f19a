//! The manual's page on the traffic log, made from the table of fields so that it cannot lag behind.

use std::fmt::Write as _;

use crate::{
    columns::{COLUMNS, Content, Field, Json, OWN_FIELDS},
    version::LogVersion,
};

const TOP: &str = include_str!("manual/top.md");
const JSON: &str = include_str!("manual/json.md");
const END: &str = include_str!("manual/end.md");

/// The page `traffic-log.md`.
pub fn traffic_log() -> String {
    let mut page = TOP.to_owned();
    page.push_str("\n| # | name | since | JSON | same in every run | holds |\n|---|---|---|---|---|---|\n");
    for (position, field) in (1..).zip(COLUMNS) {
        let since = LogVersion::since(position).name();
        let row = format!(
            "| {position} | `{}` | {since} | {} | {} | {} |",
            field.column.name(),
            json(field),
            steady(field),
            holds(field)
        );
        let _ = writeln!(page, "{row}");
    }
    let _ = write!(page, "\n{JSON}\n| name | JSON | holds |\n|---|---|---|\n");
    for field in OWN_FIELDS {
        let _ =
            writeln!(page, "| `{}` | {} | {} |", field.column.name(), json(field), field.column.meaning());
    }
    page + "\n" + END
}

fn json(field: &Field) -> &'static str {
    match field.json {
        Json::Absent => "",
        Json::Text => "string",
        Json::TextWhen(_) => "string, if any",
        Json::Number => "number",
        Json::NumberWhen(_) => "number, if any",
        Json::Seconds(_) => "seconds",
    }
}

fn steady(field: &Field) -> &'static str {
    if field.is_run_specific() { "no" } else { "yes" }
}

fn holds(field: &Field) -> String {
    match field.content {
        Content::Fixed("") => format!("{} Always empty.", field.column.meaning()),
        Content::Fixed(text) => format!("{} Always `{text}`.", field.column.meaning()),
        Content::Release(code) => {
            let codes = LogVersion::ALL.map(|version| format!("`{}` for {}", code(version), version.name()));
            format!("{} {}.", field.column.meaning(), codes.join(", "))
        }
        Content::Plain(_) | Content::Named(_) => field.column.meaning().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `BIFRONS_BLESS=1` writes the page anew.
    #[test]
    fn the_page_in_the_manual_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/traffic-log.md");
        if std::env::var_os("BIFRONS_BLESS").is_some() {
            std::fs::write(path, traffic_log()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == traffic_log(), "{path} is not current: run this test with BIFRONS_BLESS=1");
    }
}
