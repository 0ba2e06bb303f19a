//! `bifrons logs query`, `top` and `tail`.

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use bifrons_logs::{
    record::Column,
    store::{Figures, Query, StoreReader, Weight},
};
use clap::Args;

use super::{
    Selection,
    output::{Form, Format, Output},
};

/// Find records
#[derive(Args)]
pub struct QueryArguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    form: Form,
    /// At most so many records; 0 is all
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// The newest records first
    #[arg(long)]
    newest_first: bool,
    /// Only say how many records match
    #[arg(long)]
    count: bool,
}

/// Find the values that most records have, or that most bytes went with
#[derive(Args)]
pub struct TopArguments {
    #[command(flatten)]
    selection: Selection,
    /// The column whose values are compared: `src`, `app`, `rule`, …
    #[arg(value_parser = super::column)]
    column: Column,
    /// Compare the sums of this column in place of numbers of records: `bytes`, `packets`, …
    #[arg(long, value_parser = super::column, value_name = "COLUMN")]
    by: Option<Column>,
    /// How many values
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 10)]
    limit: usize,
}

/// Show the newest records
#[derive(Args)]
pub struct TailArguments {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    form: Form,
    /// How many records
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 10)]
    limit: usize,
    /// Go on with those that come
    #[arg(long)]
    follow: bool,
}

/// How often a store that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub fn query(arguments: &QueryArguments) -> anyhow::Result<ExitCode> {
    let (reader, query) = arguments.selection.open()?;
    let query = Query { newest_first: arguments.newest_first, ..query };
    if arguments.count {
        let figures = reader.count(&query)?;
        writeln!(io::stdout(), "{}", figures.matched)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut output = arguments.form.output(io::stdout().lock(), Format::Table)?;
    let limit = if arguments.limit == 0 { usize::MAX } else { arguments.limit };
    write_some(&reader, &query, &mut output, limit)?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Writes what matches, at most `limit` records.
pub fn write_some<W: io::Write>(
    reader: &StoreReader,
    query: &Query,
    output: &mut Output<W>,
    limit: usize,
) -> anyhow::Result<(Figures, u64)> {
    let mut written = 0;
    let mut failed = None;
    let columns = output.columns.clone();
    let figures = reader.each(query, columns.as_deref(), |record| {
        if written as usize >= limit {
            return ControlFlow::Break(());
        }
        written += 1;
        match output.write(record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok((figures, written)), |error| Err(error).context("cannot write the records"))
}

pub fn top(arguments: &TopArguments) -> anyhow::Result<ExitCode> {
    let (reader, query) = arguments.selection.open()?;
    let weight = arguments.by.map_or(Weight::Records, Weight::Column);
    let (shares, figures) = reader.top(&query, arguments.column, weight, arguments.limit)?;
    let mut out = io::stdout().lock();
    let by = arguments.by.map(|column| format!("{:>20}  ", column.name())).unwrap_or_default();
    writeln!(out, "{by}{:>12}  {}", "records", arguments.column.name())?;
    for share in shares {
        if arguments.by.is_some() {
            write!(out, "{:>20}  ", share.weight)?;
        }
        writeln!(out, "{:>12}  {}", share.records, share.value)?;
    }
    writeln!(out, "{} of {} records", figures.matched, figures.rows)?;
    Ok(ExitCode::SUCCESS)
}

pub fn tail(arguments: &TailArguments) -> anyhow::Result<ExitCode> {
    let (reader, query) = arguments.selection.open()?;
    // What comes while the newest are looked for is shown afterwards.
    let mut cursor = reader.end()?;
    let mut output = arguments.form.output(io::stdout().lock(), Format::Table)?;
    let mut newest: Vec<Vec<u8>> = Vec::new();
    let backwards = Query { newest_first: true, ..query.clone() };
    let columns = output.columns.clone();
    reader.each(&backwards, columns.as_deref(), |record| {
        if newest.len() >= arguments.limit {
            return ControlFlow::Break(());
        }
        newest.push(output.line(record).to_vec());
        ControlFlow::Continue(())
    })?;
    for line in newest.iter().rev() {
        output.write_line(line)?;
    }
    output.flush()?;
    if !arguments.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(LOOK_EVERY);
        let mut written = Ok(());
        reader.each_since(&mut cursor, &query, |record| {
            written = output.write(record);
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        output.flush()?;
    }
}
