//! `bifrons-sql`: SQL over a store of log records.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use bifrons_sql::Engine;
use clap::{Parser, ValueEnum};

/// Ask a store of log records in SQL
///
/// Tables: traffic, threat, system, config, other. Columns: those of the logs, and date and hour.
/// What still waits in the store's write-ahead file is not found; `bifrons logs compact` puts it into files.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The store's folder
    store: PathBuf,
    /// The statement, such as `SELECT app, count(*) FROM traffic GROUP BY app`
    sql: String,
    /// How rows are written
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Megabytes of memory for what has to be gathered; beyond that the disk is used
    #[arg(long, default_value_t = 1024)]
    memory: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Csv,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bifrons-sql: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().context("no threads")?;
    let batches = runtime.block_on(async {
        let engine = Engine::open(&arguments.store, arguments.memory.saturating_mul(1 << 20)).await?;
        engine.query(&arguments.sql).await
    })?;
    let text = match arguments.format {
        Format::Table => bifrons_sql::table(&batches)? + "\n",
        Format::Csv => bifrons_sql::csv(&batches)?,
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
