//! Log lines of real devices, as other collectors' tests have them, through our parser: nearly all of them
//! are read, values are those that a plain CSV reader finds, and those that the collectors themselves found.
//!
//! Needs a collection of captures and logs in the folder that `BIFRONS_CORPUS` names, real log lines in its
//! `panos-logs`; skipped without.

#[path = "real_records/fields.rs"]
mod fields;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bifrons_logs::{
    read::{Parser, Reader, Reject},
    record::{Column, ColumnType, LogKind, LogRecord, parse_time},
};
use fields::{ELASTIC, SEKOIA};
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    let corpus = std::env::var_os("BIFRONS_CORPUS");
    if corpus.is_none() {
        println!("skipped: BIFRONS_CORPUS is not set");
    }
    Some(PathBuf::from(corpus?).join("panos-logs"))
}

/// What a line holds by its looks alone: the words that a PAN-OS record cannot do without.
fn looks_like_a_record(line: &str) -> bool {
    let kinds = [
        "TRAFFIC",
        "THREAT",
        "SYSTEM",
        "CONFIG",
        "GLOBALPROTECT",
        "USERID",
        "HIPMATCH",
        "CORRELATION",
        "DECRYPTION",
        "AUTH",
        "IPTAG",
        "START",
        "DNS",
    ];
    let kind = |kind: &&str| ["|", ",", "\""].iter().any(|mark| line.contains(&format!("{mark}{kind}")));
    kinds.iter().any(kind)
}

/// Every line of the collection and the file that it is from.
fn lines(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for file in files(folder) {
        let text =
            String::from_utf8_lossy(&std::fs::read(&file).expect("a file of the collection")).into_owned();
        let kind = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_owned();
        match kind.as_str() {
            "log" | "samplelog" => found.extend(text.lines().map(|line| (file.clone(), line.to_owned()))),
            "json" => {
                let test: Value = serde_json::from_str(&text).expect("JSON");
                found.push((file, test["input"]["message"].as_str().expect("a test's message").to_owned()));
            }
            _ => {}
        }
    }
    found.retain(|(_, line)| !line.trim().is_empty());
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn nearly_all_lines_are_read() {
    let Some(folder) = corpus() else { return };
    let mut parser = Parser::new();
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let mut rejected = Vec::new();
    let mut records = 0;
    for (file, line) in lines(&folder) {
        if !looks_like_a_record(&line) {
            assert!(parser.parse(line.as_bytes()).is_err(), "{line}");
            continue;
        }
        records += 1;
        match parser.parse(line.as_bytes()) {
            Ok(record) => *kinds.entry(format!("{:?}", record.kind)).or_default() += 1,
            Err(reject) => rejected.push(format!("{}: {reject}: {line}", file.display())),
        }
    }
    println!("{records} records, {} rejected, {kinds:?}", rejected.len());
    rejected.iter().for_each(|reject| println!("{reject}"));
    assert!(records > 1_000 && rejected.len() * 100 <= records);
}

/// The same values as those of a plain CSV reader at the same places.
#[test]
fn values_are_those_of_plain_csv() {
    let Some(folder) = corpus() else { return };
    let mut parser = Parser::new();
    let mut compared = 0;
    for (_, line) in lines(&folder) {
        let Ok(record) = parser.parse(line.as_bytes()) else { continue };
        if record.columns() == 0 || record.get(Column::FUTURE_USE_1) == Some("") {
            continue;
        }
        let body = &record.line()[record.header().len()..];
        let mut plain = csv::ReaderBuilder::new().has_headers(false).from_reader(body.as_bytes());
        let plain = plain.records().next().unwrap().unwrap();
        assert_eq!(plain.len(), record.columns(), "{line}");
        for (place, value) in plain.iter().enumerate() {
            assert_eq!(record.at(place), Some(value), "place {place} of {line}");
            compared += 1;
        }
    }
    println!("{compared} values compared");
    assert!(compared > 50_000);
}

/// Typed columns hold what their type says.
#[test]
fn values_have_their_columns_type() {
    let Some(folder) = corpus() else { return };
    let mut parser = Parser::new();
    let (mut right, mut wrong) = (0, BTreeMap::<String, u32>::new());
    for (_, line) in lines(&folder) {
        let Ok(record) = parser.parse(line.as_bytes()) else { continue };
        for (column, value) in record.values().filter(|(_, value)| !value.trim().is_empty()) {
            let typed = match column.column_type() {
                ColumnType::Number | ColumnType::Flags => record.number(column).is_some(),
                ColumnType::Address => record.address(column).is_some(),
                ColumnType::Time => record.time(column).is_some(),
                ColumnType::Text | ColumnType::Word => continue,
            };
            right += u32::from(typed);
            if !typed {
                *wrong.entry(format!("{column:?}={value}")).or_default() += 1;
            }
        }
    }
    let wrong_all: u32 = wrong.values().sum();
    println!("{right} values of their type, {wrong_all} not: {wrong:?}");
    assert!(wrong_all * 100 < right);
}

/// The values that the collectors' own parsers found.
#[test]
fn values_are_those_that_collectors_found() {
    let Some(folder) = corpus() else { return };
    let mut tally = Tally::default();
    for file in files(&folder) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        let name = file.to_string_lossy().into_owned();
        if name.ends_with(".expected.jsonl") {
            for line in text.lines() {
                let expected: Value = serde_json::from_str(line).unwrap();
                let original = expected["event"]["original"].as_str().unwrap();
                tally.compare(original, &expected, ELASTIC);
            }
        } else if name.ends_with(".json") {
            let test: Value = serde_json::from_str(&text).unwrap();
            let message = test["input"]["message"].as_str().unwrap();
            tally.compare(message, &test["expected"], SEKOIA);
        }
    }
    println!("{} records, {} values equal, {} not", tally.records, tally.equal, tally.differ.len());
    for (path, count) in &tally.per_path {
        println!("  {path}: {count}");
    }
    tally.differ.iter().for_each(|difference| println!("{difference}"));
    assert!(tally.differ.is_empty());
    assert!(tally.equal > 10_000);
}

#[derive(Default)]
struct Tally {
    records: u32,
    equal: u32,
    per_path: BTreeMap<String, u32>,
    differ: Vec<String>,
}

impl Tally {
    fn compare(&mut self, line: &str, expected: &Value, fields: &[(&str, &str, Column)]) {
        let mut parser = Parser::new();
        let Ok(record) = parser.parse(line.as_bytes()) else { return };
        self.records += 1;
        for (path, kinds, column) in fields {
            let kind = format!("{:?}", record.kind);
            let (Some(expected), true) =
                (at(expected, path), kinds.split(' ').any(|word| word == kind || word == "*"))
            else {
                continue;
            };
            if is_known_to_differ(&record, path) {
                continue;
            }
            let Some(value) = record.get(*column) else {
                if record.kind != LogKind::Other {
                    self.differ
                        .push(format!("{path}: expected {expected}, found nothing in {column:?}: {line}"));
                }
                continue;
            };
            if same(&record, *column, value, &expected) {
                self.equal += 1;
                *self.per_path.entry((*path).to_owned()).or_default() += 1;
            } else {
                self.differ.push(format!("{path}: expected {expected}, found {value} in {column:?}: {line}"));
            }
        }
    }
}

/// What the collectors themselves got wrong.
fn is_known_to_differ(record: &LogRecord<'_>, path: &str) -> bool {
    let short_config = record.kind == LogKind::Config && record.get(Column::AFTER_CHANGE_DETAIL).is_none();
    // Records without the two columns for details, read as if they had them.
    let details =
        ["before_change", "after_change", "sequence_number", "action_flags", "DGHierarchy", "device_group"];
    // A record whose sample was cut within the zone of its last time, which they guessed.
    let cut_zone = record.get(Column::HIGH_RES_TIMESTAMP).is_some_and(|time| parse_time(time).is_none());
    (short_config && details.iter().any(|detail| path.contains(detail))) || (cut_zone && path == "@timestamp")
}

/// The value at a path of names joined by dots; lists of one stand for their element.
fn at(value: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(value, |value, name| value.get(name))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Equal but for how collectors write things: times in ISO 8601 and with the zone that their test assumes, no
/// blanks around, words joined by hyphens, numbers without leading zeros, addresses in their canonical form,
/// users without their domain, threats by their number, the reason in a message.
fn same(record: &LogRecord<'_>, column: Column, value: &str, expected: &str) -> bool {
    let (value, expected) = (value.trim(), expected.trim());
    if value.eq_ignore_ascii_case(expected) {
        return true;
    }
    match column {
        Column::SRCUSER | Column::DSTUSER => {
            value.rsplit_once('\\').is_some_and(|(_, user)| user == expected)
                || value.split_once('@').is_some_and(|(user, _)| user == expected)
        }
        Column::ACTION => value.to_lowercase().replace(' ', "-") == expected,
        Column::THREATID => value.ends_with(&format!("({expected})")),
        Column::OPAQUE => value.contains(&format!("Reason: {expected}")),
        _ => match column.column_type() {
            ColumnType::Time => same_time(record, column, value, expected),
            ColumnType::Number => value.parse::<u64>().ok() == expected.parse().ok(),
            ColumnType::Address => value.parse::<std::net::IpAddr>().ok() == expected.parse().ok(),
            ColumnType::Text | ColumnType::Word | ColumnType::Flags => false,
        },
    }
}

fn same_time(record: &LogRecord<'_>, column: Column, value: &str, expected: &str) -> bool {
    let seconds = |text: &str| parse_time(text).map(|time| time.as_secs());
    // The clock without its zone, which is the one that the collector's test assumes.
    let clock = expected.get(..19).and_then(seconds);
    let point = seconds(expected);
    // Of the times that a record has, some collectors take the finest, and some that of its receipt.
    let generated = column == Column::TIME_GENERATED;
    let others = [
        record.generated().map(|time| time.as_secs()).filter(|_| generated),
        record
            .time(Column::RECEIVE_TIME)
            .map(|time| time.as_secs())
            .filter(|_| generated && record.columns() == 0),
    ];
    let value = seconds(value);
    let by_clock = column != Column::HIGH_RES_TIMESTAMP && value == clock;
    point.is_some() && (value == point || by_clock || others.contains(&point))
}

/// The collection's files as a stream, with what does not belong there.
#[test]
fn files_are_read_as_streams() {
    let Some(folder) = corpus() else { return };
    let mut records = 0;
    for file in files(&folder).into_iter().filter(|file| file.extension().is_some_and(|name| name == "log")) {
        let mut reader = Reader::new(std::fs::File::open(&file).unwrap()).unwrap();
        while let Some(next) = reader.next().unwrap() {
            match next {
                Ok(_) => records += 1,
                Err(rejected) => {
                    assert!(matches!(rejected.reason, Reject::NotARecord { .. }), "{file:?} {rejected:?}");
                }
            }
        }
        let counts = reader.counts();
        assert_eq!(counts.lines, counts.records + counts.rejected + counts.blank + counts.headings);
    }
    assert!(records > 400, "{records}");
}
