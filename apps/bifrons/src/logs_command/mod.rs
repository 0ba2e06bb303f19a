//! `bifrons logs`: a store of log records.

mod destination;
mod export;
mod forward;
mod import;
mod output;
mod query;
mod receive;
mod ship;
mod source;
mod upkeep;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use bifrons_logs::{
    filter::Filter,
    record::{Column, LogKind},
    store::{Query, StoreReader},
};
use bifrons_model::Timestamp;
use clap::{Args, Subcommand, ValueEnum};

/// Keep log records for years and find them again
///
/// A store is a folder of Parquet files by kind of log, day and hour. Filters are those of the log viewer,
/// such as `( addr.src in 10.0.0.0/8 ) and ( session_end_reason eq aged-out )`.
#[derive(Subcommand)]
pub enum Command {
    Query(query::QueryArguments),
    Top(query::TopArguments),
    Tail(query::TailArguments),
    Export(export::Arguments),
    Import(import::Arguments),
    Receive(receive::Arguments),
    Ship(ship::Arguments),
    Compact(upkeep::Arguments),
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Query(arguments) => query::query(arguments),
        Command::Top(arguments) => query::top(arguments),
        Command::Tail(arguments) => query::tail(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Receive(arguments) => receive::run(arguments),
        Command::Ship(arguments) => ship::run(arguments),
        Command::Compact(arguments) => upkeep::run(arguments),
    }
}

/// Which records of which store.
#[derive(Args)]
struct Selection {
    /// The store's folder
    store: PathBuf,
    /// Which records; all without it
    #[arg(long, short, value_name = "EXPR")]
    filter: Option<String>,
    /// Only logs of this kind; may be given more than once
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Traffic,
    Threat,
    System,
    Config,
    Other,
}

impl Selection {
    fn open(&self) -> anyhow::Result<(StoreReader, Query)> {
        let reader = StoreReader::open(&self.store).context("cannot open the store")?;
        let filter = filter(self.filter.as_deref())?;
        let kinds = self.kinds.iter().map(|kind| match kind {
            Kind::Traffic => LogKind::Traffic,
            Kind::Threat => LogKind::Threat,
            Kind::System => LogKind::System,
            Kind::Config => LogKind::Config,
            Kind::Other => LogKind::Other,
        });
        Ok((reader, Query { filter, kinds: kinds.collect(), newest_first: false }))
    }
}

/// The filter that a text says.
fn filter(text: Option<&str>) -> anyhow::Result<Option<Filter>> {
    let Some(text) = text else { return Ok(None) };
    Ok(Some(Filter::parse(text, now()?).map_err(|error| anyhow::anyhow!("{error}"))?))
}

/// The column called `name`, for the command line.
fn column(name: &str) -> Result<Column, String> {
    Column::from_name(name).ok_or_else(|| format!("no column is called {name}"))
}

/// What relative times such as `last-hour` end at.
#[allow(clippy::disallowed_types, reason = "a filter may be about the present")]
fn now() -> anyhow::Result<Timestamp> {
    use std::time::SystemTime;
    let since =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(Timestamp::from_nanos(u64::try_from(since.as_nanos()).context("the clock is beyond 2554")?))
}
