//! A writer that is killed at any moment loses no batch that it has acknowledged.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::{
    io::{BufRead as _, BufReader},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bifrons_logs::{
    read::Parser,
    record::Column,
    store::{Batch, Query, StoreReader, StoreWriter, WriterOptions},
};

/// Set in the child: the store that it writes to.
const STORE: &str = "BIFRONS_TEST_STORE";
/// Set in the child: the number of its first record.
const FIRST: &str = "BIFRONS_TEST_FIRST";

const BATCH: u64 = 50;

#[test]
fn kill_9_loses_no_acknowledged_batch() {
    let folder = Folder::new("kill");
    let mut acknowledged = 0;
    // Each round kills the writer a little later; some of these moments lie in a checkpoint.
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["writes_until_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(STORE, &folder.0)
            .env(FIRST, acknowledged.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 3 + round * 7;
        while left > 0 {
            let line = lines.next().expect("the child ended by itself").unwrap();
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = number.parse().unwrap();
                left -= 1;
            }
        }
        std::thread::sleep(std::time::Duration::from_micros(round * 400));
        child.kill().unwrap();
        child.wait().unwrap();
        // Batches that the child has acknowledged since stand in the pipe.
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = number.parse().unwrap();
            }
        }
        let found = sequence_numbers(&folder.0);
        acknowledged = check(&found, acknowledged);
    }
    // The next writer puts everything into files, and nothing twice.
    StoreWriter::open(&folder.0, small()).unwrap().close().unwrap();
    let found = sequence_numbers(&folder.0);
    check(&found, acknowledged);
    let waiting = std::fs::read_dir(folder.0.join("_wal")).unwrap().count();
    assert_eq!(waiting, 1, "only the lock is left");
}

/// Every acknowledged record once, in whole batches; a last one that was written but not yet acknowledged is
/// fine. Returns how many there are.
fn check(found: &[u64], acknowledged: u64) -> u64 {
    let expected: Vec<u64> = (0..found.len() as u64).collect();
    assert!(found == expected, "{} records, not each once", found.len());
    let count = found.len() as u64;
    assert!(
        count == acknowledged || count == acknowledged + BATCH,
        "{count} records, {acknowledged} acknowledged"
    );
    count
}

/// Not a test by itself: the child of the test above.
#[test]
fn writes_until_killed() {
    let Some(folder) = std::env::var_os(STORE) else { return };
    let mut number: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut writer = StoreWriter::open(Path::new(&folder), small()).unwrap();
    let mut batch = Batch::new();
    let mut parser = Parser::new();
    loop {
        for _ in 0..BATCH {
            batch.push(&parser.parse(line(number).as_bytes()).unwrap());
            number += 1;
        }
        writer.append(&mut batch).unwrap();
        println!("acknowledged {number}");
    }
}

/// So small that every few batches fill the write-ahead file.
fn small() -> WriterOptions {
    WriterOptions { write_ahead_bytes_max: 20_000, sync: false, group_rows_max: 100 }
}

fn sequence_numbers(folder: &Path) -> Vec<u64> {
    let mut numbers = Vec::new();
    let reader = StoreReader::open(folder).unwrap();
    reader
        .each(&Query::default(), Some(&[Column::SEQNO]), |record| {
            numbers.push(record.number(Column::SEQNO).unwrap());
            ControlFlow::Continue(())
        })
        .unwrap();
    numbers.sort_unstable();
    numbers
}

/// A line of 8.1; the records of one batch lie in two hours.
fn line(number: u64) -> String {
    let minute = 55 + number % 10;
    let time = format!("2026/01/31 {:02}:{:02}:00", 10 + minute / 60, minute % 60);
    let number = number.to_string();
    let usual = include_str!("support/traffic_8_1.csv").trim_end();
    let mut columns: Vec<&str> = usual.split(',').collect();
    columns[Column::TIME_GENERATED.index()] = &time;
    columns[Column::SESSIONID.index()] = &number;
    columns[Column::SEQNO.index()] = &number;
    columns.join(",")
}

/// A folder that is deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
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
