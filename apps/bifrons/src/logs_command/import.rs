//! `bifrons logs import`.

use std::{
    fs::File,
    io::{self, BufWriter, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use bifrons_logs::{
    read::{Counts, Reader, RejectFile},
    store::{Batch, StoreWriter, WriterOptions},
};
use clap::Args;

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
    let mut rejects = match &arguments.rejects {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Some(RejectFile::new(BufWriter::new(file)))
        }
        None => None,
    };
    let mut writer = StoreWriter::open(&arguments.store, WriterOptions::default())?;
    let mut total = Counts::default();
    for path in &arguments.files {
        let counts = import(path, &mut writer, &mut rejects)
            .with_context(|| format!("cannot import {}", path.display()))?;
        total.lines += counts.lines;
        total.records += counts.records;
        total.rejected += counts.rejected;
    }
    writer.close()?;
    if let Some(rejects) = &mut rejects {
        rejects.flush().context("cannot write the rejects")?;
    }
    eprintln!("{} records of {} lines, {} could not be read", total.records, total.lines, total.rejected);
    Ok(ExitCode::SUCCESS)
}

fn import(
    path: &Path,
    writer: &mut StoreWriter,
    rejects: &mut Option<RejectFile<BufWriter<File>>>,
) -> anyhow::Result<Counts> {
    let source: Box<dyn Read + Send> =
        if path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut reader = Reader::new(source)?;
    let mut batch = Batch::new();
    while let Some(line) = reader.next()? {
        match line {
            Ok(record) => batch.push(&record),
            Err(rejected) => {
                if let Some(rejects) = rejects {
                    rejects.add(&path.display().to_string(), &rejected)?;
                }
            }
        }
        if batch.len() >= BATCH || batch.size() >= BATCH_BYTES {
            writer.append(&mut batch)?;
        }
    }
    writer.append(&mut batch)?;
    Ok(reader.counts())
}
