//! `bifrons logs import`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use bifrons_logs::{
    read::Counts,
    store::{Batch, StoreWriter, WriterOptions},
};
use clap::Args;

use super::source::{Rejects, each_record};

/// Put the records of log files into a store, which is made if it is not there
///
/// Reads logs of PAN-OS (CSV with or without syslog headers, CEF, LEEF) and of Bifrons, plain or compressed.
#[derive(Args)]
pub struct Arguments {
    /// The store's folder
    store: PathBuf,
    /// The log files; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the lines that could not be read to a file, each with its reason
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

/// So many records are acknowledged at once.
const BATCH: usize = 10_000;

/// Or so many bytes, whatever comes first.
const BATCH_BYTES: usize = 16 << 20;

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut rejects = Rejects::open(arguments.rejects.as_deref())?;
    let mut writer = StoreWriter::open(&arguments.store, WriterOptions::default())?;
    let mut batch = Batch::new();
    let mut total = Counts::default();
    for path in &arguments.files {
        let counts = each_record(path, &mut rejects, |record| {
            batch.push(record);
            if batch.len() >= BATCH || batch.size() >= BATCH_BYTES {
                writer.append(&mut batch)?;
            }
            Ok(())
        });
        let counts = counts.with_context(|| format!("cannot import {}", path.display()))?;
        writer.append(&mut batch)?;
        total.lines += counts.lines;
        total.records += counts.records;
        total.rejected += counts.rejected;
    }
    writer.close()?;
    rejects.flush()?;
    eprintln!("{} records of {} lines, {} could not be read", total.records, total.lines, total.rejected);
    Ok(ExitCode::SUCCESS)
}
