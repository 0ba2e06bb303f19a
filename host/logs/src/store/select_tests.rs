//! A filter finds in a store the records that it finds among lines.

use proptest::prelude::*;

#[path = "../../tests/support/filters.rs"]
mod strategy;

use strategy::filters;

use super::{
    tests::{Folder, line, put},
    *,
};
use crate::{
    filter::Filter,
    read::Parser,
    record::{Column, parse_time},
};

fn lines() -> impl Strategy<Value = Vec<String>> {
    let one_of = |values: &'static [&'static str]| prop::sample::select(values);
    let values = (
        one_of(&["10.1.2.3", "10.1.200.1", "2001:db8::9", "192.0.2.1", "nowhere", ""]),
        one_of(&["198.51.100.2", "2001:db8::1", "10.9.9.9"]),
        one_of(&["ssl", "dns-base", "", "web-browsing"]),
        one_of(&["0", "999", "1000", "18446744073709551615", "many", ""]),
        one_of(&["0x0", "0x400000", "0x400019", "0x8000000000000001", "none"]),
        one_of(&["2026/01/31 09:10:00", "2026/01/31 10:30:00", "2026/01/31 11:59:59", "soon"]),
        one_of(&["50000", "443", "80"]),
        one_of(&["out", "way out, far", "in"]),
    );
    let line = values.prop_map(|(src, dst, app, bytes, flags, time, port, rule)| {
        line(&[
            (Column::SRC, src),
            (Column::DST, dst),
            (Column::APP, app),
            (Column::BYTES, bytes),
            (Column::FLAGS, flags),
            (Column::TIME_GENERATED, time),
            (Column::RECEIVE_TIME, "2026/01/31 11:30:00"),
            (Column::START, time),
            (Column::SPORT, port),
            (Column::RULE, rule),
        ])
    });
    prop::collection::vec(line, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_store_and_its_lines_agree(lines in lines(), texts in prop::collection::vec(filters(), 8)) {
        let folder = Folder::new("agree");
        let options = WriterOptions { group_rows_max: 40, sync: false, ..WriterOptions::default() };
        let mut writer = StoreWriter::open(&folder.0, options).unwrap();
        let (files, waiting) = lines.split_at(lines.len() * 3 / 4);
        put(&mut writer, files);
        writer.checkpoint().unwrap();
        put(&mut writer, waiting);
        let reader = StoreReader::open(&folder.0).unwrap();
        for text in texts {
            let filter = Filter::parse(&text, parse_time("2026/01/31 12:00:00").unwrap()).unwrap();
            let mut parser = Parser::new();
            let expected = lines
                .iter()
                .filter(|line| filter.matches(&parser.parse(line.as_bytes()).unwrap()))
                .count() as u64;
            let query = Query { filter: Some(filter.clone()), ..Query::default() };
            prop_assert_eq!(reader.count(&query).unwrap().matched, expected, "{}", text);
            let mut found = 0;
            reader
                .each(&query, None, |record| {
                    found += u64::from(filter.matches(record));
                    std::ops::ControlFlow::Continue(())
                })
                .unwrap();
            prop_assert_eq!(found, expected, "{}", text);
        }
    }
}

#[test]
fn hours_and_groups_that_cannot_match_are_not_read() {
    let folder = Folder::new("prune");
    let mut writer = StoreWriter::open(&folder.0, WriterOptions::default()).unwrap();
    for hour in 8..12 {
        let time = format!("2026/01/31 {hour:02}:10:00");
        let bytes = (hour * 100).to_string();
        put(&mut writer, &[line(&[(Column::TIME_GENERATED, &time), (Column::BYTES, &bytes)])]);
    }
    writer.checkpoint().unwrap();
    let reader = StoreReader::open(&folder.0).unwrap();
    let count = |text: &str| {
        let filter = Filter::parse(text, bifrons_model::Timestamp::ZERO).unwrap();
        reader.count(&Query { filter: Some(filter), ..Query::default() }).unwrap()
    };
    let figures = |rows, skipped, matched| Figures { rows, skipped, matched };
    assert_eq!(count("( time_generated geq '2026/01/31 11:00:00' )"), figures(1, 0, 1));
    assert_eq!(count("( time_generated leq '2026/01/31 09:10:00' )"), figures(2, 0, 2));
    assert_eq!(count("( bytes geq 1000 )"), figures(4, 2, 2));
    assert_eq!(count("( bytes geq 1000 ) or ( app eq ssl )"), figures(4, 0, 4));
    assert_eq!(count("not ( bytes geq 1000 )"), figures(4, 0, 2));
}
