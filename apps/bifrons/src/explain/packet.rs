//! `bifrons explain-packet`: each packet of a capture, and which session, route, NAT rule and security rule
//! it met.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, anyhow};
use bifrons_dataplane::{Compiled, Frame, Outbox, Step, Verdict, Worker};
use bifrons_drivers::Capture;
use bifrons_model::Timestamp;
use bifrons_session::HashSeed;
use clap::Args;
use serde_json::json;

use super::{Words, flow, steps_json};
use crate::setup::Setup;

/// Says of each packet of a capture which session, route, NAT rule and security rule it met, and why the
/// earlier rules were not for it
///
/// The packets run through the engine as in `replay`; what is printed is what the engine noted on their
/// way.
#[derive(Args)]
pub struct Arguments {
    /// The capture: pcap or pcapng, gzip-compressed or not; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    setup: Setup,
    /// Only these packets are printed, counted from 1; those before run through the engine all the same
    #[arg(long, value_name = "N[-M]", value_parser = range)]
    packet: Option<(u64, u64)>,
    /// List every rule that came before the one that decided, with the reason
    #[arg(long)]
    all: bool,
    /// One JSON object for each packet
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err("expected a packet's number from 1, or two with a dash between them".into()),
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let compiled = arguments.setup.compile()?;
    let name = arguments.file.display().to_string();
    let mut capture = Capture::open(&name)?;
    let mut explainer = Explainer::new(&compiled, arguments);
    let mut output = BufWriter::new(io::stdout().lock());
    while let Some(mut batch) = capture.next_batch(256)? {
        for packet in batch.iter_mut() {
            let frame = Frame {
                wire_length: packet.original_length,
                link: packet.link.supported(),
                interface: None,
                arrival: packet.time,
                verdict: Verdict::Pending,
                bytes: packet.data,
            };
            if explainer.explain(frame, &mut output)? {
                output.flush()?;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    output.flush()?;
    match arguments.packet {
        Some((first, _)) if first > explainer.number => {
            Err(anyhow!("{name}: --packet {first}: the capture has {} packets", explainer.number))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

struct Explainer<'a> {
    words: Words<'a>,
    arguments: &'a Arguments,
    worker: Worker,
    outbox: Outbox,
    number: u64,
    first: Option<Timestamp>,
}

impl<'a> Explainer<'a> {
    fn new(compiled: &'a Compiled, arguments: &'a Arguments) -> Self {
        Self {
            words: Words { policy: &compiled.policy, shows_all: arguments.all },
            arguments,
            worker: Worker::new(compiled, HashSeed::new(1)),
            outbox: Outbox { trace: Some(Vec::new()), ..Outbox::default() },
            number: 0,
            first: None,
        }
    }

    /// Lets one packet through and prints what it met; true when no later one is asked for.
    fn explain(&mut self, frame: Frame<'_>, output: &mut impl Write) -> anyhow::Result<bool> {
        self.number += 1;
        let first = *self.first.get_or_insert(frame.arrival);
        let seconds = frame.arrival.since(first).as_secs_f64();
        let now = frame.arrival;
        let mut frames = [frame];
        self.worker.process(now, &mut frames, &mut self.outbox);
        let [Frame { verdict, .. }] = frames;
        let (from, to) = self.arguments.packet.unwrap_or((1, u64::MAX));
        if (from..=to).contains(&self.number) {
            self.print(seconds, verdict, output).context("cannot write the explanation")?;
        }
        self.outbox.clear();
        Ok(self.number >= to)
    }

    fn print(&self, seconds: f64, verdict: Verdict, output: &mut impl Write) -> io::Result<()> {
        let steps = self.outbox.trace.as_deref().unwrap_or_default();
        let lines = self.words.lines(steps);
        let read = steps.iter().find_map(|step| {
            if let Step::Read { key, interface } = step { Some((key, interface)) } else { None }
        });
        let names = self.words.names();
        let (text, origin) = match read {
            Some((key, interface)) => {
                (flow(key), Some((names.interface(*interface), names.zone(key.zone()))))
            }
            None => ("unreadable".to_owned(), None),
        };
        if self.arguments.json {
            let object = json!({
                "packet": self.number,
                "seconds": seconds,
                "flow": read.map(|_| &text),
                "interface": origin.map(|(interface, _)| interface),
                "zone": origin.map(|(_, zone)| zone),
                "steps": steps_json(&lines),
                "verdict": self.words.verdict(verdict),
                "emitted": self.outbox.emitted.len(),
            });
            return writeln!(output, "{object}");
        }
        let origin =
            origin.map_or_else(String::new, |(interface, zone)| format!("  from {interface} ({zone})"));
        writeln!(output, "packet {}  {seconds:.6} s  {text}{origin}", self.number)?;
        write!(output, "{}", self.words.print(&lines))?;
        for emitted in &self.outbox.emitted {
            let length = emitted.packet.len();
            let interface = names.interface(emitted.interface);
            writeln!(output, "  {:<12}a packet of {length} bytes leaves by {interface}", "answer")?;
        }
        for record in &self.outbox.records {
            let (session, reason) = (record.session_id, record.end_reason.name());
            writeln!(output, "  {:<12}session {session}, {}: {reason}", "log", record.subtype.name())?;
        }
        writeln!(output, "  {:<12}{}\n", "verdict", self.words.verdict(verdict))
    }
}
