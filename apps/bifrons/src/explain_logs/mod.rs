//! `bifrons explain`: what log records mean, one by one and all together.
#![allow(clippy::disallowed_types, reason = "a filter's `last-hour` ends at the wall clock's time")]

mod html;
mod lines;
mod report;
mod summary;
mod table;

use std::{
    fs::File,
    hash::BuildHasher as _,
    io::{BufWriter, IsTerminal as _, Read, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::SystemTime,
};

use anyhow::Context as _;
use bifrons_explain::{
    Explanation, Facts, Field, Pile, Timeouts, explain,
    pile::{Comparison, Limits},
};
use bifrons_logs::{
    filter::Filter,
    read::{Counts, Reader, RejectFile},
    record::{Column, LogRecord},
};
use bifrons_model::Timestamp;
use clap::{Args, ValueEnum};

use html::Page;
use lines::Lines;
use table::Table;

/// Explain log records: was the traffic delivered, why did it end, what to look at next.
///
/// Reads logs of PAN-OS (CSV with or without syslog headers, CEF, LEEF) and of Bifrons, plain or
/// compressed. A line that is no record is counted and passed over.
#[derive(Args)]
pub struct Arguments {
    /// The log files; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A summary with the first records, one JSON object a record, or a page for the browser.
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    format: OutputFormat,
    /// Take only records that match, in the language of the log viewer: `( addr.src in 10.0.0.0/8 )`.
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Compare with the log of an earlier time: what broke, what was repaired, what is gone.
    #[arg(long, value_name = "BEFORE")]
    compare: Option<PathBuf>,
    /// Write the lines that could not be read to a file, each with its reason.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// How many records a table shows, after the summary.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    records: usize,
    /// Show only records that were not, or only partly, delivered.
    #[arg(long)]
    failing: bool,
    /// How many causes, pairs and such a summary lists.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    top: usize,
    /// The idle timeout of TCP sessions on the device that wrote the logs, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Timeouts::default().tcp)]
    tcp_timeout: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    Table,
    Json,
    Html,
}

/// A record with its explanation, on its way to the output.
struct Explained<'a> {
    record: &'a LogRecord<'a>,
    facts: &'a Facts<'a>,
    explanation: &'a Explanation,
}

/// What takes the records of a run.
enum Output {
    Table(Table),
    Lines(Lines),
    Page(Page),
}

/// What all files of one side came to.
struct Side {
    pile: Pile,
    counts: Counts,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let seed = std::hash::RandomState::new().hash_one(0);
    let mut run = Run::new(arguments)?;
    let before = match &arguments.compare {
        None => None,
        Some(file) => Some(run.side(std::slice::from_ref(file), seed, &mut None)?),
    };
    let mut output = Some(match arguments.format {
        OutputFormat::Table => Output::Table(Table::new(arguments.records, arguments.failing)),
        OutputFormat::Json => Output::Lines(Lines::new()),
        OutputFormat::Html => Output::Page(Page::new(arguments.failing)),
    });
    let after = run.side(&arguments.files, seed, &mut output)?;
    if let Some(rejects) = &mut run.rejects {
        rejects.flush().context("cannot write the rejects")?;
    }
    let comparison =
        before.as_ref().map(|before| (before, Comparison::of(&before.pile, &after.pile, arguments.top)));
    let report = report::Report { after: &after, comparison: comparison.as_ref(), top: arguments.top };
    match output {
        Some(Output::Table(table)) => print(&table.finish(&report))?,
        Some(Output::Page(page)) => print(&page.finish(&report, &arguments.files))?,
        Some(Output::Lines(lines)) => {
            lines.finish()?;
            if arguments.compare.is_some() {
                println!("{}", summary::json(&report));
            }
        }
        None => {}
    }
    if arguments.format != OutputFormat::Table && after.counts.rejected > 0 {
        eprintln!("bifrons: {} of {} lines could not be read", after.counts.rejected, after.counts.lines);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// What reading needs besides the files.
struct Run<'a> {
    arguments: &'a Arguments,
    columns: [Option<Column>; Field::ALL.len()],
    timeouts: Timeouts,
    filter: Option<Filter>,
    rejects: Option<RejectFile<BufWriter<File>>>,
}

impl<'a> Run<'a> {
    fn new(arguments: &'a Arguments) -> anyhow::Result<Self> {
        let mut columns = [None; Field::ALL.len()];
        for field in Field::ALL {
            columns[*field as usize] = Column::from_name(field.name());
        }
        let rejects = match &arguments.rejects {
            None => None,
            Some(path) => {
                let file = File::create(path)
                    .with_context(|| format!("cannot write the rejects to {}", path.display()))?;
                Some(RejectFile::new(BufWriter::new(file)))
            }
        };
        let filter = match &arguments.filter {
            None => None,
            Some(text) => {
                Some(Filter::parse(text, now()?).map_err(|error| anyhow::anyhow!("--filter: {error}"))?)
            }
        };
        Ok(Self { arguments, columns, timeouts: Timeouts { tcp: arguments.tcp_timeout }, filter, rejects })
    }

    /// Reads the files of one side. JSON lines need no pile unless there is something to compare.
    fn side(&mut self, files: &[PathBuf], seed: u64, output: &mut Option<Output>) -> anyhow::Result<Side> {
        let mut side = Side { pile: Pile::new(Limits::default(), seed), counts: Counts::default() };
        let keeps_pile = self.arguments.format != OutputFormat::Json || self.arguments.compare.is_some();
        for file in files {
            let name = file.display().to_string();
            let source: Box<dyn Read + Send> = if name == "-" {
                Box::new(std::io::stdin())
            } else {
                Box::new(File::open(file).with_context(|| format!("cannot read {name}"))?)
            };
            let mut reader = Reader::new(source).with_context(|| format!("cannot read {name}"))?;
            while let Some(line) = reader.next().with_context(|| format!("cannot read {name}"))? {
                let record = match line {
                    Ok(record) => record,
                    Err(rejected) => {
                        if let Some(rejects) = &mut self.rejects {
                            rejects.add(&name, &rejected).context("cannot write the rejects")?;
                        }
                        continue;
                    }
                };
                if self.filter.as_ref().is_some_and(|filter| !filter.matches(&record)) {
                    continue;
                }
                let facts = self.facts(&record);
                let explanation = explain(&facts, &self.timeouts);
                if keeps_pile {
                    side.pile.add(&facts, &explanation);
                }
                let explained = Explained { record: &record, facts: &facts, explanation: &explanation };
                match output {
                    Some(Output::Table(table)) => table.add(&explained),
                    Some(Output::Lines(lines)) => lines.add(&explained)?,
                    Some(Output::Page(page)) => page.add(&explained),
                    None => {}
                }
            }
            let counts = reader.counts();
            side.counts.lines += counts.lines;
            side.counts.records += counts.records;
            side.counts.rejected += counts.rejected;
        }
        Ok(side)
    }

    #[inline]
    fn facts<'r>(&self, record: &LogRecord<'r>) -> Facts<'r> {
        Facts::gather(|field| record.get(self.columns[field as usize]?))
    }
}

fn now() -> anyhow::Result<Timestamp> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Timestamp::from_nanos(u64::try_from(since.as_nanos())?))
}

/// Whether people watch the output.
fn is_watched() -> bool {
    std::io::stdout().is_terminal()
}
