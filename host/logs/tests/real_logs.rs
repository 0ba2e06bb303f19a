//! Our lines against those of real devices: a column holds the same kind of value in both.
//!
//! Needs a collection of captures and logs in the folder that `BIFRONS_CORPUS` names, real log lines in its
//! `panos-logs`; skipped without.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use bifrons_catalog::app;
use bifrons_logs::{CsvFormat, LogVersion};
use bifrons_model::{
    Action, ActionSource, CategoryId, EndReason, Flags, Handshake, InterfaceId, Names, RuleId, SessionId,
    Subtype, Timestamp, Tracker, TrafficRecord, Translation, UserId, Volume, ZoneId,
};

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Empty,
    Number,
    Hexadecimal,
    DateTime,
    Iso,
    Address,
    Word,
}

#[test]
fn columns_hold_what_real_devices_put_there() {
    let Some(corpus) = std::env::var_os("BIFRONS_CORPUS") else {
        println!("skipped: BIFRONS_CORPUS is not set");
        return;
    };
    let format = CsvFormat::new(LogVersion::V10_1, false);
    let names: Vec<&str> = format.header().trim_end().split(',').collect();
    let ours: Vec<Shape> = our_line().iter().map(|value| shape(value)).collect();
    let mut compared = 0;
    for file in files(&PathBuf::from(corpus).join("panos-logs")) {
        let text = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        for values in text.lines().filter_map(traffic) {
            for ((value, ours), name) in values.iter().zip(&ours).zip(&names) {
                let theirs = shape(value);
                let comparable = theirs != Shape::Empty && *ours != Shape::Empty && !is_free(name);
                assert!(
                    !comparable || theirs == *ours,
                    "{name}: {value:?} in {values:?} of {}",
                    file.display()
                );
                compared += u32::from(comparable);
            }
        }
    }
    assert!(compared > 1_000, "only {compared} values were found to compare");
    println!("{compared} values compared");
}

/// Names that anybody may choose, and places that hold a country's name where ours hold a range.
fn is_free(name: &str) -> bool {
    ["serial", "rule", "from", "to", "device_name", "srcloc", "dstloc", "inbound_if", "outbound_if", "vsys"]
        .contains(&name)
}

/// The values of a complete TRAFFIC line, whatever stands before it. Lines of 78 columns leave some out.
fn traffic(line: &str) -> Option<Vec<String>> {
    let kind = line.find(",TRAFFIC,")?;
    let before: Vec<usize> = line.get(..kind)?.rmatch_indices(',').map(|(place, _)| place).collect();
    let begin = before.get(1)?.checked_sub(1)?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(line.get(begin..)?.trim_end_matches('"').as_bytes());
    let values: Vec<String> = reader.records().next()?.ok()?.iter().map(str::to_owned).collect();
    let complete = [46, 65, 75, 115].contains(&values.len()) && shape(values.get(1)?) == Shape::DateTime;
    complete.then_some(values)
}

fn shape(value: &str) -> Shape {
    let value = value.trim();
    let pattern: String = value.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    if value.is_empty() {
        Shape::Empty
    } else if pattern.trim_start_matches('-').chars().all(|c| c == '9') {
        Shape::Number
    } else if value.starts_with("0x") {
        Shape::Hexadecimal
    } else if pattern == "9999/99/99 99:99:99" {
        Shape::DateTime
    } else if pattern.starts_with("9999-99-99T99:99:99") {
        Shape::Iso
    } else if value.parse::<IpAddr>().is_ok() {
        Shape::Address
    } else {
        Shape::Word
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "log") {
            found.push(path);
        }
    }
    found
}

fn our_line() -> Vec<String> {
    let [source, destination, translated] =
        [[192, 168, 1, 10], [203, 0, 113, 80], [198, 51, 100, 1]].map(|octets: [u8; 4]| IpAddr::from(octets));
    let start = Timestamp::from_secs(1_700_000_020);
    let record = TrafficRecord {
        subtype: Subtype::End,
        session_id: SessionId(7),
        sequence_number: 1_001,
        generated: Timestamp::from_secs(1_700_000_036),
        start,
        last_packet: start,
        source,
        destination,
        source_port: 51_000,
        destination_port: 443,
        protocol: 6,
        translation: Some(Translation {
            source: translated,
            source_port: 1_024,
            destination,
            destination_port: 443,
        }),
        nat_rule: None,
        source_user: UserId(0),
        category: CategoryId(0),
        parent_session: SessionId(0),
        parent_start: None,
        app: app::DNS_BASE,
        rule: RuleId(0),
        zone_from: ZoneId(0),
        zone_to: ZoneId(0),
        interface_in: InterfaceId(0),
        interface_out: InterfaceId(0),
        action: Action::Allow,
        action_source: ActionSource::Policy,
        sent: Volume { packets: 9, bytes: 1_234 },
        received: Volume { packets: 11, bytes: 5_678 },
        end_reason: EndReason::TcpFin,
        tracker: Tracker::TcpFin,
        handshake: Handshake::default(),
        flags: Flags::NAT,
        server_name: None,
        ja4: None,
    };
    let names = Names {
        zones: vec!["trust".into()],
        interfaces: vec!["ethernet1/1".into()],
        rules: vec!["outbound".into()],
        device: "gate".into(),
        serial: "0042".into(),
        ..Names::default()
    };
    let mut line = Vec::new();
    CsvFormat::new(LogVersion::V10_1, false).write(&record, &names, &mut line);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_slice());
    reader
        .records()
        .flatten()
        .flat_map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}
