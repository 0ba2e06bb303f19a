//! The manual's pages on the traffic log and on filters, made from the tables of fields so that they cannot
//! lag behind.

use std::fmt::Write as _;

use crate::{
    columns::{COLUMNS, Content, Field, Json, OWN_FIELDS},
    filter::{Class, FIELDS, FLAG_NAMES, TIME_WORDS},
    record::Column,
    version::LogVersion,
};

const TOP: &str = include_str!("manual/top.md");
const JSON: &str = include_str!("manual/json.md");
const END: &str = include_str!("manual/end.md");
const FILTERS: &str = include_str!("manual/filters.md");
const FILTERS_END: &str = include_str!("manual/filters_end.md");

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

/// The page `filters.md`.
pub fn filters() -> String {
    let mut page = FILTERS.to_owned();
    page.push_str("\n| field | columns | operators | example |\n|---|---|---|---|\n");
    for field in FIELDS {
        let columns: Vec<String> =
            field.columns.iter().map(|column| format!("`{}`", column.name())).collect();
        let row = [columns.join(", "), operators(field.class), format!("`{}`", field.example)];
        let _ = writeln!(page, "| `{}` | {} |", field.name, row.join(" | "));
    }
    page.push_str("\n## Spans of time\n\n| word | means |\n|---|---|\n");
    for (word, meaning) in TIME_WORDS {
        let _ = writeln!(page, "| `{word}` | {meaning} |");
    }
    page.push_str("\n## Flags\n\n| name | bit | means |\n|---|---|---|\n");
    for (name, bits, meaning) in FLAG_NAMES {
        let _ = writeln!(page, "| `{name}` | `{bits:#x}` | {meaning} |");
    }
    let _ = write!(page, "\n{FILTERS_END}\n| column | operators | holds |\n|---|---|---|\n");
    for column in Column::ALL {
        let operators = operators(Class::of(column));
        let _ = writeln!(page, "| `{}` | {operators} | {} |", column.name(), column.meaning());
    }
    page
}

fn operators(class: Class) -> String {
    let names: Vec<String> =
        class.operators().iter().map(|operator| format!("`{}`", operator.name())).collect();
    names.join(", ")
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

    /// `BIFRONS_BLESS=1` writes the pages anew.
    #[test]
    fn the_pages_in_the_manual_are_these() {
        for (name, page) in [("traffic-log", traffic_log()), ("filters", filters())] {
            let path = format!("{}/../../docs/manual/{name}.md", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("BIFRONS_BLESS").is_some() {
                std::fs::write(&path, &page).unwrap();
            }
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(found == page, "{path} is not current: run this test with BIFRONS_BLESS=1");
        }
    }

    #[test]
    fn examples_are_filters() {
        for field in FIELDS {
            let parsed = crate::filter::Filter::parse(field.example, bifrons_model::Timestamp::ZERO);
            assert!(parsed.is_ok(), "{}", field.example);
        }
    }
}
