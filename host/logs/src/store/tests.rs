//! Records go in and come out.

use std::{ops::ControlFlow, path::PathBuf, time::Duration};

use bifrons_model::Timestamp;

use super::*;
use crate::{
    read::Parser,
    record::{Column, LogKind, LogRecord},
    sinks::RecordFormat,
};

/// A folder that is deleted at the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bifrons-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A line of 8.1 with these values of `(column, value)`, all others as they are in most logs.
pub(super) fn line(values: &[(Column, &str)]) -> String {
    let usual = include_str!("../../tests/support/traffic_8_1.csv").trim_end();
    let mut columns: Vec<String> = usual.split(',').map(str::to_owned).collect();
    for (column, value) in values {
        columns[column.index()] =
            if value.contains(',') { format!("\"{value}\"") } else { (*value).to_owned() };
    }
    columns.join(",")
}

pub(super) fn put(writer: &mut StoreWriter, lines: &[String]) {
    let mut parser = Parser::new();
    let mut batch = Batch::new();
    for line in lines {
        batch.push(&parser.parse(line.as_bytes()).unwrap());
    }
    assert_eq!(batch.len(), lines.len());
    writer.append(&mut batch).unwrap();
    assert!(batch.is_empty());
}

/// All values that have one, by name, of every record.
fn contents(folder: &Folder, query: &Query) -> Vec<Vec<(&'static str, String)>> {
    let mut found = Vec::new();
    let reader = StoreReader::open(&folder.0).unwrap();
    reader
        .each(query, None, |record| {
            let values = record.values().filter(|(_, text)| !text.is_empty());
            found.push(values.map(|(column, text)| (column.name(), text.to_owned())).collect());
            ControlFlow::Continue(())
        })
        .unwrap();
    found
}

fn expected(lines: &[String]) -> Vec<Vec<(&'static str, String)>> {
    let mut parser = Parser::new();
    let mut found = Vec::new();
    for line in lines {
        let record = parser.parse(line.as_bytes()).unwrap();
        let values = record.values().filter(|(_, text)| !text.is_empty());
        found.push(values.map(|(column, text)| (column.name(), text.to_owned())).collect());
    }
    found
}

/// Values of every kind, among them such as no column of their type can hold.
fn odd_lines() -> Vec<String> {
    vec![
        line(&[]),
        line(&[(Column::SRC, "2001:db8::1"), (Column::BYTES, "9223372036854775807")]),
        line(&[(Column::BYTES, "18446744073709551615"), (Column::FLAGS, "0x8000000000000001")]),
        line(&[(Column::BYTES, "many"), (Column::START, "yesterday, or so"), (Column::RULE, "a, \\ \\n b")]),
        line(&[(Column::BYTES, ""), (Column::APP, ""), (Column::FLAGS, "0xdeadbeef")]),
        line(&[(Column::SPORT, "65535")]),
    ]
}

#[test]
fn columns_without_a_name_are_kept() {
    let folder = Folder::new("further");
    let lines = [
        "1,2026/01/31 10:00:00,0042,GLOBALPROTECT,0,2561,2026/01/31 10:00:00,vsys1,\"a, \"\"b\"\"\",,x"
            .to_owned(),
        "1,2026/01/31 10:00:00,0042,USERID,login,2561,2026/01/31 10:00:01,10.0.0.1".to_owned(),
        "1,2026/01/31 10:00:00,0042,HIPMATCH,0,2561,2026/01/31 10:00:02,jane".to_owned(),
        // A release that writes more columns than are known.
        format!("{}{}", line(&[]), ",".repeat(90) + "last"),
    ];
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    put(&mut writer, &lines);
    writer.checkpoint().unwrap();
    let mut found = Vec::new();
    let each = |record: &LogRecord<'_>| {
        let mut text = String::new();
        RecordFormat::PanOs.write(record, &mut text);
        found.push(text);
        ControlFlow::Continue(())
    };
    StoreReader::open(&folder.0).unwrap().each(&Query::default(), None, each).unwrap();
    found.sort();
    let mut expected = lines.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_was_put_in_comes_out_before_and_after_it_is_a_file() {
    let folder = Folder::new("round");
    let lines = odd_lines();
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    put(&mut writer, &lines);
    assert_eq!(contents(&folder, &Query::default()), expected(&lines));
    writer.checkpoint().unwrap();
    assert_eq!(contents(&folder, &Query::default()), expected(&lines));
    put(&mut writer, &lines);
    let both = [expected(&lines), expected(&lines)].concat();
    assert_eq!(contents(&folder, &Query::default()), both);
    writer.close().unwrap();
    assert_eq!(contents(&folder, &Query::default()), both);
    let newest_first = Query { newest_first: true, ..Query::default() };
    let turned: Vec<_> = both.into_iter().rev().collect();
    assert_eq!(contents(&folder, &newest_first), turned);
}

#[test]
fn kinds_and_hours_have_folders_of_their_own() {
    let folder = Folder::new("folders");
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    let late = line(&[(Column::TIME_GENERATED, "2026/01/31 23:59:59")]);
    let later = line(&[(Column::TIME_GENERATED, "2026/02/01 00:00:00")]);
    let system = "1,2026/01/31 10:00:00,0042,SYSTEM,general,2049,2026/01/31 10:00:00,,boot,,0,0,general,\
                  informational,\"up, and running\",5,0x0,0,0,0,0,,gate";
    put(&mut writer, &[late, later, system.to_owned()]);
    writer.close().unwrap();
    for path in [
        "type=traffic/date=2026-01-31/hour=23/0000000001.parquet",
        "type=traffic/date=2026-02-01/hour=00/0000000001.parquet",
        "type=system/date=2026-01-31/hour=10/0000000001.parquet",
    ] {
        assert!(folder.0.join(path).is_file(), "{path}");
    }
    let reader = StoreReader::open(&folder.0).unwrap();
    let of = |kinds: Vec<LogKind>| reader.count(&Query { kinds, ..Query::default() }).unwrap().matched;
    assert_eq!([of(vec![]), of(vec![LogKind::Traffic]), of(vec![LogKind::System])], [3, 2, 1]);
}

#[test]
fn two_writers_do_not_share_a_store() {
    let folder = Folder::new("lock");
    let writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    let second = StoreWriter::open(&folder.0, WriterOptions::default());
    assert!(matches!(second, Err(StoreError::Busy { .. })));
    drop(writer);
    StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
}

#[test]
fn half_an_entry_at_the_end_of_the_write_ahead_file_is_left_out() {
    let folder = Folder::new("half");
    let lines = odd_lines();
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    put(&mut writer, &lines);
    let path = folder.0.join("_wal/0000000001.log");
    let whole = std::fs::read(&path).unwrap();
    put(&mut writer, &lines);
    let both = std::fs::read(&path).unwrap();
    drop(writer);
    let again = |bytes: &[u8]| {
        std::fs::remove_dir_all(folder.0.join("type=traffic")).unwrap();
        std::fs::write(&path, bytes).unwrap();
        StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
        contents(&folder, &Query::default()).len()
    };
    assert_eq!(again(&both), 12);
    assert_eq!(again(&both[..both.len() - 1]), 6);
    assert_eq!(again(&both[..whole.len() + 5]), 6);
    let mut turned = both.clone();
    turned[whole.len() + 20] ^= 1;
    assert_eq!(again(&turned), 6);
}

#[test]
fn merged_files_hold_the_same_in_the_same_order() {
    let folder = Folder::new("merge");
    let mut all = Vec::new();
    let options = WriterOptions { group_rows_max: 4, ..WriterOptions::default() };
    let mut writer = StoreWriter::open(&folder.0, options).unwrap();
    for part in 0..5 {
        let mut lines = odd_lines();
        lines.push(line(&[(Column::SEQNO, &part.to_string()), (Column::APP, &format!("app-{part}"))]));
        put(&mut writer, &lines);
        writer.checkpoint().unwrap();
        all.extend(lines);
    }
    let done = writer.compact(1_000).unwrap();
    assert_eq!(done, Upkeep { files_before: 5, files_after: 1, rows: 35 });
    assert_eq!(contents(&folder, &Query::default()), expected(&all));
    assert_eq!(writer.compact(1_000).unwrap(), Upkeep::default());
    // What a merge was interrupted in does not count twice.
    let hour = folder.0.join("type=traffic/date=2026-01-31/hour=10");
    std::fs::copy(hour.join("0000000001-0000000005.parquet"), hour.join("0000000002.parquet")).unwrap();
    assert_eq!(contents(&folder, &Query::default()).len(), 35);
    drop(writer);
    StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    assert!(!hour.join("0000000002.parquet").exists());
}

#[test]
fn old_hours_go_first() {
    let folder = Folder::new("retain");
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    let at = |hour: u32| line(&[(Column::TIME_GENERATED, &format!("2026/01/31 {hour:02}:30:00"))]);
    put(&mut writer, &[at(10), at(11), at(12), at(13)]);
    writer.checkpoint().unwrap();
    let now = crate::record::parse_time("2026/01/31 14:00:00").unwrap();
    let reader = StoreReader::open(&folder.0).unwrap();
    let count = || reader.count(&Query::default()).unwrap().rows;
    let by_age = Retention { age: Some(Duration::from_secs(2 * 3_600)), bytes_max: None };
    assert_eq!(writer.retain(by_age, now).unwrap().rows, 1);
    assert_eq!(count(), 3);
    let size = std::fs::metadata(folder.0.join("type=traffic/date=2026-01-31/hour=13/0000000001.parquet"));
    let by_size = Retention { age: None, bytes_max: Some(size.unwrap().len() + 100) };
    assert_eq!(writer.retain(by_size, Timestamp::from_secs(0)).unwrap().rows, 2);
    assert_eq!(count(), 1);
    assert!(!folder.0.join("type=traffic/date=2026-01-31/hour=11").exists());
    assert_eq!(writer.retain(Retention::default(), now).unwrap(), Upkeep::default());
}

#[test]
fn values_are_counted() {
    let folder = Folder::new("top");
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    let lines: Vec<String> = [("ssl", "10"), ("dns", "5"), ("ssl", "20"), ("", "1"), ("dns", "500")]
        .iter()
        .map(|(app, bytes)| line(&[(Column::APP, app), (Column::BYTES, bytes)]))
        .collect();
    put(&mut writer, &lines[..3]);
    writer.checkpoint().unwrap();
    put(&mut writer, &lines[3..]);
    let reader = StoreReader::open(&folder.0).unwrap();
    let top = |column, weight| {
        let (shares, _) = reader.top(&Query::default(), column, weight, 2).unwrap();
        shares.into_iter().map(|share| (share.value, share.records, share.weight)).collect::<Vec<_>>()
    };
    let share = |value: &str, records, weight| (value.to_owned(), records, weight);
    assert_eq!(top(Column::APP, Weight::Records), [share("dns", 2, 2), share("ssl", 2, 2)]);
    let by_bytes = Weight::Column(Column::BYTES);
    assert_eq!(top(Column::APP, by_bytes), [share("dns", 2, 505), share("ssl", 2, 30)]);
    assert_eq!(top(Column::DPORT, by_bytes), [share("443", 5, 536)]);
}
