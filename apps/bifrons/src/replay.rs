//! `bifrons replay`: every packet of a capture through the engine, one record for every session.
#![allow(clippy::disallowed_types, reason = "the statistics say how long it took")]

use std::{
    fs::File,
    hash::{BuildHasher, RandomState},
    io::{self, BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context as _, bail};
use bifrons_dataplane::{Compiled, Counters, Frame, Outbox, Verdict, Worker};
use bifrons_drivers::{Batch, Capture, CaptureInterface};
use bifrons_logs::{Format, LogVersion, Options, RecordWriter};
use bifrons_model::{InterfaceId, Timestamp};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use clap::{Args, ValueEnum};

use crate::{
    progress::Progress,
    setup::Setup,
    stats::Stats,
    what_if::{Totals, WhatIf},
};

/// Reads captures and writes one traffic-log record for each session
///
/// Every packet runs through the engine in the capture's own time; after the last one time runs on until
/// every session has ended. Without --config a built-in configuration is used that judges nothing and loses
/// nothing (`bifrons config show-built-in`). Several captures are several independent runs. The exit code
/// is 1 when a capture could not be read to its end.
#[derive(Args)]
pub struct Arguments {
    /// Captures: pcap or pcapng, gzip-compressed or not; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    setup: Setup,
    /// A candidate configuration: instead of records, list the sessions whose action, rule, application,
    /// address translation or end reason it would change, with --format table or json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "stats", "canonical", "batch"])]
    against: Option<PathBuf>,
    /// The form of the records
    #[arg(long, value_enum, default_value_t = OutputFormat::Table)]
    format: OutputFormat,
    /// Where the records go [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write what was counted to this file, as JSON
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Which release's columns the CSV has
    #[arg(long, value_name = "VERSION", default_value = "11.1", value_parser = log_version)]
    log_version: LogVersion,
    /// Leave out what may differ between two runs of the same packets, and sort
    #[arg(long)]
    canonical: bool,
    /// Packets of this capture interface (its name or number) come in on this interface of the
    /// configuration; without it, on the interface that the route back to their source names
    #[arg(long, value_name = "CAPTURE-INTERFACE=INTERFACE", value_parser = mapping)]
    map: Vec<(String, String)>,
    /// When to colour the table
    #[arg(long, value_enum, default_value_t = Colour::Auto)]
    color: Colour,
    /// Packets that the engine is given at a time, 1 to 256; the records are the same
    #[arg(long, value_name = "N", default_value_t = 256)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    batch: u16,
    /// The number that keys the session table's hash, instead of one by chance; the records are the same
    #[arg(long, value_name = "N")]
    hash_seed: Option<u128>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// Aligned columns and a summary
    Table,
    /// The PAN-OS TRAFFIC fields
    Csv,
    /// One object a line
    Json,
    /// No records: only errors and --stats
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal
    Auto,
    Always,
    Never,
}

fn log_version(text: &str) -> Result<LogVersion, String> {
    LogVersion::from_name(text).ok_or_else(|| "expected 10.1 or 11.1".to_owned())
}

fn mapping(text: &str) -> Result<(String, String), String> {
    text.rsplit_once('=')
        .filter(|(from, to)| !from.is_empty() && !to.is_empty())
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .ok_or_else(|| "expected CAPTURE-INTERFACE=INTERFACE, such as eth0=ethernet1/1".to_owned())
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let compiled = arguments.setup.compile()?;
    let policy = &compiled.policy;
    let interfaces = interfaces(policy, &arguments.map)?;
    if let Some(candidate) = &arguments.against {
        return compare(arguments, &compiled, &interfaces, candidate);
    }
    let mut writer = writer(arguments)?;
    let mut stats = Stats::default();
    let mut has_failed = false;
    for file in &arguments.files {
        let name = file.display().to_string();
        let began = Instant::now();
        let mut run = Run { compiled: &compiled, policy, interfaces: &interfaces, arguments, name: &name };
        let (worker, outcome) = run.replay(writer.as_mut());
        let counters = worker.as_ref().map_or_else(Counters::default, |worker| worker.counters().clone());
        stats.add_hits(worker.as_ref().map_or(&[], Worker::rule_hits));
        let error = match outcome {
            Ok(()) => None,
            Err(Failure::Capture(error)) => Some(error),
            Err(Failure::Output(error)) => return Err(error.into()),
        };
        if let Some(error) = &error {
            eprintln!("bifrons: {error}");
            has_failed = true;
        }
        stats.add(&name, &counters, began.elapsed(), error.as_deref());
    }
    if let Some(writer) = writer {
        writer.finish()?;
    }
    if let Some(path) = &arguments.stats {
        stats.write(path, policy)?;
    }
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a candidate configuration would change.
fn compare(
    arguments: &Arguments,
    running: &Compiled,
    interfaces_of_running: &[(String, InterfaceId)],
    candidate: &Path,
) -> anyhow::Result<ExitCode> {
    if matches!(arguments.format, OutputFormat::Csv | OutputFormat::None) {
        bail!("--against: expected --format table or json");
    }
    let candidate = arguments.setup.compile_candidate(candidate)?;
    let interfaces_of_candidate = interfaces(&candidate.policy, &arguments.map)?;
    let what_if = WhatIf {
        running,
        candidate: &candidate,
        interface_of: [&|name, number| mapped(interfaces_of_running, name, number), &|name, number| {
            mapped(&interfaces_of_candidate, name, number)
        }],
        json: arguments.format == OutputFormat::Json,
    };
    let mut totals = Totals::default();
    for file in &arguments.files {
        let of_file = what_if.compare(&file.display().to_string())?;
        totals.sessions += of_file.sessions;
        totals.changed += of_file.changed;
    }
    if arguments.format == OutputFormat::Table {
        let sessions = if totals.sessions == 1 { "session" } else { "sessions" };
        println!("{} of {} {sessions} would fare otherwise", totals.changed, totals.sessions);
    }
    Ok(ExitCode::SUCCESS)
}

/// The configured interface that `--map` names for a capture interface, by its name or number.
fn mapped(map: &[(String, InterfaceId)], name: Option<&str>, number: u32) -> Option<InterfaceId> {
    if map.is_empty() {
        return None;
    }
    let number = number.to_string();
    let is_meant = |key: &str| name == Some(key) || key == number;
    map.iter().find(|(key, _)| is_meant(key)).map(|(_, interface)| *interface)
}

/// The configured interface behind each `--map`, by the capture interface's name.
fn interfaces(policy: &Policy, map: &[(String, String)]) -> anyhow::Result<Vec<(String, InterfaceId)>> {
    let known = &policy.names().interfaces;
    map.iter()
        .map(|(from, to)| match known.iter().position(|name| name == to) {
            Some(place) => Ok((from.clone(), InterfaceId(place as u16))),
            None => bail!("--map {from}={to}: no such interface, the configuration has {}", known.join(", ")),
        })
        .collect()
}

type Writer = RecordWriter<BufWriter<Box<dyn Write>>>;

fn writer(arguments: &Arguments) -> anyhow::Result<Option<Writer>> {
    let format = match arguments.format {
        OutputFormat::Table => Format::Table,
        OutputFormat::Csv => Format::Csv,
        OutputFormat::Json => Format::Json,
        OutputFormat::None => return Ok(None),
    };
    let is_terminal = arguments.output.is_none() && io::stdout().is_terminal();
    let (output, output_name): (Box<dyn Write>, String) = match &arguments.output {
        Some(path) => {
            let name = path.display().to_string();
            let file = File::create(path).with_context(|| format!("cannot write the records to {name}"))?;
            (Box::new(file), name)
        }
        None => (Box::new(io::stdout().lock()), "standard output".to_owned()),
    };
    let options = Options {
        output_name,
        canonical: arguments.canonical,
        version: arguments.log_version,
        width: terminal_width(),
        colour: match arguments.color {
            Colour::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none(),
            Colour::Always => true,
            Colour::Never => false,
        },
        ..Options::default()
    };
    Ok(Some(RecordWriter::new(BufWriter::new(output), format, options)))
}

/// The terminal's width as the environment tells it, or the width that everything fits in.
fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))).unwrap_or(80)
}

/// Why a capture's run ended early.
enum Failure {
    /// The capture: the next one may be better.
    Capture(String),
    /// The output: nothing more can be said.
    Output(io::Error),
}

/// One capture's run.
struct Run<'a> {
    compiled: &'a Compiled,
    policy: &'a Policy,
    interfaces: &'a [(String, InterfaceId)],
    arguments: &'a Arguments,
    name: &'a str,
}

impl Run<'_> {
    fn replay(&mut self, mut writer: Option<&mut Writer>) -> (Option<Worker>, Result<(), Failure>) {
        let mut capture = match Capture::open(self.name) {
            Ok(capture) => capture,
            Err(error) => return (None, Err(Failure::Capture(error.to_string()))),
        };
        let is_table_on_terminal = self.arguments.output.is_none() && io::stdout().is_terminal();
        let mut progress = Progress::new(self.name, capture.total_bytes(), is_table_on_terminal);
        let mut worker = Worker::new(self.compiled, self.hash_seed());
        let mut outbox = Outbox::default();
        let mut outcome = Ok(());
        loop {
            match capture.next_batch(usize::from(self.arguments.batch)) {
                Ok(Some(batch)) => self.feed(&mut worker, batch, &mut outbox),
                Ok(None) => break,
                Err(error) => {
                    outcome = Err(Failure::Capture(error.to_string()));
                    break;
                }
            }
            if let Err(error) = self.write(&mut outbox, writer.as_deref_mut()) {
                return (Some(worker), Err(Failure::Output(error)));
            }
            if let Some(progress) = &mut progress {
                progress.update(capture.bytes_read(), worker.counters().received);
            }
        }
        drop(progress);
        if let (Ok(()), Some(problem)) = (&outcome, capture.link_problem()) {
            outcome = Err(Failure::Capture(format!("{}: {problem}", self.name)));
        }
        if let Err(error) = self.run_on(&mut worker, &mut outbox, writer) {
            outcome = Err(Failure::Output(error));
        }
        (Some(worker), outcome)
    }

    fn feed(&self, worker: &mut Worker, mut batch: Batch<'_>, outbox: &mut Outbox) {
        let captured = batch.interfaces();
        let mut frames: Vec<Frame<'_>> = batch
            .iter_mut()
            .map(|packet| Frame {
                interface: self.interface_of(captured, packet.interface),
                wire_length: packet.original_length,
                link: packet.link.supported(),
                arrival: packet.time,
                verdict: Verdict::Pending,
                bytes: packet.data,
            })
            .collect();
        let latest = frames.last().map_or(Timestamp::ZERO, |frame| frame.arrival);
        worker.process(latest, &mut frames, outbox);
    }

    fn interface_of(&self, captured: &[CaptureInterface], number: u32) -> Option<InterfaceId> {
        let name = captured.get(number as usize).and_then(|interface| interface.name.as_deref());
        mapped(self.interfaces, name, number)
    }

    /// After the last packet time runs on until every session has ended.
    fn run_on(
        &self,
        worker: &mut Worker,
        outbox: &mut Outbox,
        mut writer: Option<&mut Writer>,
    ) -> io::Result<()> {
        while let Some(deadline) = worker.poll_timeout() {
            worker.handle_timeout(deadline, outbox);
            self.write(outbox, writer.as_deref_mut())?;
        }
        self.write(outbox, writer)
    }

    fn write(&self, outbox: &mut Outbox, writer: Option<&mut Writer>) -> io::Result<()> {
        if let Some(writer) = writer {
            for record in &outbox.records {
                writer.write(record, self.policy.names(), self.name)?;
            }
        }
        outbox.clear();
        Ok(())
    }

    fn hash_seed(&self) -> HashSeed {
        // The standard library keys its hashers with the system's entropy.
        let by_chance =
            || u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1));
        HashSeed::new(self.arguments.hash_seed.unwrap_or_else(by_chance))
    }
}
