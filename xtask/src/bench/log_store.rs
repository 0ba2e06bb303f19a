//! The store of log records: how fast records go in, how much room they take, how fast they are found.
//!
//! Times are those of the one thread that does the work, as the system counts them: what the disk takes to
//! make
//! writes last is not in them, what the system does for the thread is. Lines are made and parsed outside
//! them.
//! `BIFRONS_BENCH_LOG_ROWS` says how many records a store has, two million without it.

mod lines;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use bifrons_logs::{
    filter::Filter,
    read::Parser,
    record::Column,
    store::{Batch, Query, StoreReader, StoreWriter, WriterOptions},
};
use bifrons_model::Timestamp;

use super::processor_nanos;
use lines::Lines;

/// What writing a store showed.
pub struct Written {
    pub records_per_second: f64,
    pub bytes_per_record: f64,
}

/// Records that are acknowledged at once.
const BATCH: usize = 16_384;

/// Writes a store.
pub fn write(root: &Path) -> Result<Written> {
    let folder = Folder::new(root)?;
    let written = fill(&folder.0)?;
    Ok(written)
}

/// Rows per second of a filter that one record in a hundred passes and nothing helps with: its rows are
/// counted,
/// or handed out with seven columns.
pub fn query(root: &Path, hand_out: bool) -> Result<f64> {
    const COLUMNS: [Column; 7] = [
        Column::TIME_GENERATED,
        Column::SRC,
        Column::DST,
        Column::APP,
        Column::ACTION,
        Column::BYTES,
        Column::SESSION_END_REASON,
    ];
    let folder = Folder::new(root)?;
    fill(&folder.0)?;
    let reader = StoreReader::open(&folder.0)?;
    let filter = Filter::parse("( app eq not-applicable )", Timestamp::ZERO).ok();
    ensure!(filter.is_some(), "the filter is none");
    let query = Query { filter, ..Query::default() };
    let mut found = 0;
    let begin = processor_nanos()?;
    let figures = if hand_out {
        reader.each(&query, Some(&COLUMNS), |record| {
            found += u64::from(record.get(Column::SRC).is_some());
            ControlFlow::Continue(())
        })?
    } else {
        let figures = reader.count(&query)?;
        found = figures.matched;
        figures
    };
    let took = processor_nanos()? - begin;
    let share = found as f64 / figures.rows as f64;
    ensure!(figures.skipped == 0 && (0.005..0.02).contains(&share), "{share} of the rows match");
    Ok(figures.rows as f64 / took as f64 * 1e9)
}

/// Fills a store with full lines of 11.1.
fn fill(folder: &Path) -> Result<Written> {
    let rows = match std::env::var("BIFRONS_BENCH_LOG_ROWS") {
        Ok(text) => text.parse().context("BIFRONS_BENCH_LOG_ROWS is no number")?,
        Err(_) => 2_000_000,
    };
    let mut lines = Lines::new(42);
    let mut parsers: Vec<Parser> = (0..BATCH).map(|_| Parser::new()).collect();
    let mut writer = StoreWriter::open(folder, WriterOptions::default())?;
    let mut batch = Batch::new();
    let mut nanos = 0;
    for _ in 0..rows / BATCH {
        let texts: Vec<String> = (0..BATCH).map(|_| lines.next_line().to_owned()).collect();
        let mut records = Vec::with_capacity(BATCH);
        for (parser, text) in parsers.iter_mut().zip(&texts) {
            let record = parser.parse(text.as_bytes());
            records.push(record.map_err(|reason| anyhow::anyhow!("{reason}: {text}"))?);
        }
        let begin = processor_nanos()?;
        records.iter().for_each(|record| batch.push(record));
        writer.append(&mut batch)?;
        nanos += processor_nanos()? - begin;
    }
    let begin = processor_nanos()?;
    writer.close()?;
    nanos += processor_nanos()? - begin;
    let rows = (rows / BATCH * BATCH) as f64;
    Ok(Written {
        records_per_second: rows / nanos as f64 * 1e9,
        bytes_per_record: size(folder)? as f64 / rows,
    })
}

/// Bytes of all files in a folder and those below it.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// A folder for one run.
struct Folder(PathBuf);

impl Folder {
    fn new(root: &Path) -> Result<Self> {
        let path = root.join(format!("target/bench/log-store-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
