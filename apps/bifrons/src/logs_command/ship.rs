//! `bifrons logs ship`.

use std::{
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use bifrons_logs::{
    read::Counts,
    record::LogRecord,
    sinks::WhenFull,
    store::{Query, StoreReader},
};
use clap::Args;

use super::{
    destination::Target,
    forward::{Forwarder, Sending},
    source::{Rejects, each_record},
};

/// Send the records of log files and stores to a syslog server, a web server or a file
///
/// Reading waits for a destination that is slow. To one that takes nothing for as long as `--patience` says,
/// what waits stays in the folder of `--spool`, and what there is no room for is dropped, counted, and makes
/// the command fail.
#[derive(Args)]
pub struct Arguments {
    /// The log files and the folders of stores; `-` is standard input
    #[arg(required = true, value_name = "FILE|STORE")]
    sources: Vec<PathBuf>,
    /// Where to: `syslog+udp://HOST:PORT`, `syslog+tcp://HOST:PORT`, `syslog+tls://HOST:PORT`,
    /// `http://HOST:PORT/PATH`, `https://HOST:PORT/PATH` or `file:PATH`
    #[arg(long, value_name = "URL", value_parser = Target::parse)]
    to: Target,
    /// Write the lines that could not be read to a file, each with its reason
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    #[command(flatten)]
    sending: Box<Sending>,
}

/// The destination is looked at after so many records.
const LOOK_EVERY: u64 = 10_000;

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    for source in arguments.sources.iter().filter(|source| source.as_os_str() != "-") {
        File::open(source).with_context(|| format!("cannot read {}", source.display()))?;
    }
    let mut rejects = Rejects::open(arguments.rejects.as_deref())?;
    let when_full = WhenFull::Wait(arguments.sending.patience());
    let mut forwarder = Forwarder::start(&arguments.to, &arguments.sending, when_full)?;
    let mut total = Counts::default();
    for source in &arguments.sources {
        let mut count = 0;
        let mut send = |record: &LogRecord<'_>| {
            forwarder.send(record);
            count += 1;
            if count % LOOK_EVERY == 0 {
                forwarder.look();
            }
        };
        let counts = if source.is_dir() {
            each_stored(source, &arguments.sending, send)
        } else {
            each_record(source, &mut rejects, |record| {
                send(record);
                Ok(())
            })
        };
        let counts = counts.with_context(|| format!("cannot send {}", source.display()))?;
        total.records += counts.records;
        total.rejected += counts.rejected;
    }
    rejects.flush()?;
    eprintln!("{} records, {} lines could not be read", total.records, total.rejected);
    let lost = forwarder.close().dropped;
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Hands out the records of a store that are to be sent, the oldest hour first.
fn each_stored(
    folder: &Path,
    sending: &Sending,
    mut each: impl FnMut(&LogRecord<'_>),
) -> anyhow::Result<Counts> {
    let reader = StoreReader::open(folder)?;
    let query = Query { filter: sending.filter()?, ..Query::default() };
    let mut records = 0;
    reader.each(&query, None, |record| {
        records += 1;
        each(record);
        ControlFlow::Continue(())
    })?;
    Ok(Counts { records, ..Counts::default() })
}
