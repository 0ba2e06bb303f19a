//! A filter as SQL finds the rows that the filter itself finds.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

#[path = "../../../host/logs/tests/support/filters.rs"]
mod strategy;

use bifrons_logs::{
    filter::Filter,
    read::Parser,
    store::{Batch, Query, StoreReader, StoreWriter, WriterOptions},
};
use bifrons_model::Timestamp;
use bifrons_sql::Engine;
use proptest::{prelude::*, test_runner::TestRunner};
use strategy::filters;

/// A line of the release 8.1.
fn lines() -> impl Strategy<Value = Vec<String>> {
    let one_of = |values: &'static [&'static str]| prop::sample::select(values);
    let values = (
        one_of(&["10.1.2.3", "10.1.200.1", "2001:db8::9", "192.0.2.1", "::ffff:10.1.2.3", ""]),
        one_of(&["198.51.100.2", "2001:db8::1", "2001:db8::10"]),
        one_of(&["ssl", "dns-base", "", "web-browsing"]),
        one_of(&["0", "999", "1000", ""]),
        one_of(&["0x0", "0x400000", "0x400019", "0x8000000000000000"]),
        one_of(&["2026/01/31 09:10:00", "2026/01/31 10:30:00", "2026/01/31 11:59:59"]),
        one_of(&["50000", "443", "80"]),
        one_of(&["out", "it's 100 % out", "in"]),
    );
    let line = values.prop_map(|(src, dst, app, bytes, flags, time, port, rule)| {
        format!(
            "1,2026/01/31 11:30:00,0042,TRAFFIC,end,2049,{time},{src},{dst},,,{rule},,,{app},vsys1,trust,\
             untrust,\
             ethernet1/1,ethernet1/2,,{time},7,1,{port},443,0,0,{flags},tcp,allow,{bytes},60,40,2,{time},\
             1,any,,9,0x0,\
             ,,,1,1,tcp-fin"
        )
    });
    prop::collection::vec(line, 1..60)
}

#[test]
fn sql_and_filter_agree() {
    let folder = std::env::temp_dir().join(format!("bifrons-sql-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 16, ..ProptestConfig::default() });
    let agree = |(lines, texts): (Vec<String>, Vec<String>)| {
        let _ = std::fs::remove_dir_all(&folder);
        let mut writer = StoreWriter::open(&folder, WriterOptions::default()).unwrap();
        let mut batch = Batch::new();
        let mut parser = Parser::new();
        lines.iter().for_each(|line| batch.push(&parser.parse(line.as_bytes()).unwrap()));
        writer.append(&mut batch).unwrap();
        writer.close().unwrap();
        let reader = StoreReader::open(&folder).unwrap();
        let engine = runtime.block_on(Engine::open(&folder, 1 << 28)).unwrap();
        for text in texts {
            // 2026/01/31 12:00:00.
            let filter = Filter::parse(&text, Timestamp::from_secs(1_769_860_800)).unwrap();
            let sql = format!("SELECT count(*) AS found FROM traffic WHERE {}", filter.to_sql());
            let rows = runtime.block_on(engine.query(&sql)).unwrap_or_else(|error| panic!("{sql}: {error}"));
            let found = bifrons_sql::csv(&rows).unwrap();
            let expected = reader.count(&Query { filter: Some(filter), ..Query::default() }).unwrap().matched;
            prop_assert_eq!(found, format!("found\n{}\n", expected), "{}\n{}", text, sql);
        }
        Ok(())
    };
    runner.run(&(lines(), prop::collection::vec(filters(), 25)), agree).unwrap();
    let _ = std::fs::remove_dir_all(&folder);
}
