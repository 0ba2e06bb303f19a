//! `bifrons replay --against`: what a candidate configuration would change for the sessions of a capture.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    net::IpAddr,
};

use bifrons_dataplane::{Compiled, Frame, Outbox, Verdict, Worker};
use bifrons_drivers::Capture;
use bifrons_model::{InterfaceId, Subtype, Timestamp, TrafficRecord, Translation};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use serde_json::{Map, Value, json};

/// The configuration in force, and the one that might follow it.
pub struct WhatIf<'a> {
    pub running: &'a Compiled,
    pub candidate: &'a Compiled,
    /// Which interface of each configuration a packet of a capture interface (by name, by number) comes in
    /// on.
    pub interface_of: [&'a InterfaceOf<'a>; 2],
    pub json: bool,
}

/// From a capture interface's name and number to the configuration's.
type InterfaceOf<'a> = dyn Fn(Option<&str>, u32) -> Option<InterfaceId> + 'a;

/// Which session: both runs see it begin with the same packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    start: Timestamp,
    source: IpAddr,
    destination: IpAddr,
    ports: (u16, u16),
    protocol: u8,
}

/// What became of a session, as far as a configuration decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    final_action: &'static str,
    action: &'static str,
    rule: String,
    application: String,
    nat_rule: String,
    translation: Option<Translation>,
    end_reason: &'static str,
}

/// How many sessions there were, and how many would fare otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub sessions: u64,
    pub changed: u64,
}

/// Sessions that only one of the runs has closed so far: running, candidate.
type Open = BTreeMap<Key, [Vec<Outcome>; 2]>;

impl WhatIf<'_> {
    /// Runs a capture through both configurations and prints each session that would fare otherwise.
    pub fn compare(&self, name: &str) -> anyhow::Result<Totals> {
        let mut capture = Capture::open(name)?;
        let both = [self.running, self.candidate];
        let policies = both.map(|compiled| &*compiled.policy);
        let mut workers = both.map(|compiled| Worker::new(compiled, HashSeed::new(1)));
        let mut outbox = Outbox::default();
        let mut open = Open::new();
        let mut totals = Totals::default();
        let mut output = BufWriter::new(io::stdout().lock());
        while let Some(batch) = capture.next_batch(256)? {
            for (side, worker) in workers.iter_mut().enumerate() {
                // Each run may rewrite its frames.
                let mut bytes: Vec<Vec<u8>> = batch.iter().map(|packet| packet.data.to_vec()).collect();
                let mut frames: Vec<Frame<'_>> = std::iter::zip(batch.iter(), &mut bytes)
                    .map(|(packet, bytes)| {
                        let name = batch.interface(packet.interface).and_then(|known| known.name.as_deref());
                        Frame {
                            bytes,
                            wire_length: packet.original_length,
                            link: packet.link.supported(),
                            interface: self.interface_of[side](name, packet.interface),
                            arrival: packet.time,
                            verdict: Verdict::Pending,
                        }
                    })
                    .collect();
                let latest = frames.last().map_or(Timestamp::ZERO, |frame| frame.arrival);
                worker.process(latest, &mut frames, &mut outbox);
                self.take(side, policies[side], &mut outbox, &mut open);
            }
            self.settle(&mut open, false, &mut totals, &mut output)?;
        }
        for (side, worker) in workers.iter_mut().enumerate() {
            while let Some(deadline) = worker.poll_timeout() {
                worker.handle_timeout(deadline, &mut outbox);
                self.take(side, policies[side], &mut outbox, &mut open);
            }
        }
        self.settle(&mut open, true, &mut totals, &mut output)?;
        output.flush()?;
        Ok(totals)
    }

    fn take(&self, side: usize, policy: &Policy, outbox: &mut Outbox, open: &mut Open) {
        for record in outbox.records.drain(..) {
            if record.subtype != Subtype::Start {
                open.entry(Key::of(&record)).or_default()[side].push(Outcome::of(&record, policy));
            }
        }
        outbox.clear();
    }

    /// Prints and forgets the sessions that both runs have closed, in the end all.
    fn settle(
        &self,
        open: &mut Open,
        is_end: bool,
        totals: &mut Totals,
        output: &mut impl Write,
    ) -> io::Result<()> {
        let is_ready = |sides: &[Vec<Outcome>; 2]| is_end || sides.iter().all(|side| !side.is_empty());
        let ready: Vec<Key> = open.iter().filter(|(_, sides)| is_ready(sides)).map(|(key, _)| *key).collect();
        for key in ready {
            let Some([running, candidate]) = open.remove(&key) else { continue };
            let count = running.len().max(candidate.len());
            for place in 0..count {
                let (before, after) = (running.get(place), candidate.get(place));
                totals.sessions += 1;
                if before != after {
                    totals.changed += 1;
                    self.print(&key, before, after, output)?;
                }
            }
        }
        Ok(())
    }

    fn print(
        &self,
        key: &Key,
        before: Option<&Outcome>,
        after: Option<&Outcome>,
        output: &mut impl Write,
    ) -> io::Result<()> {
        let changes = changes(before, after);
        if self.json {
            let mut fields = Map::new();
            for (field, before, after) in &changes {
                fields.insert((*field).into(), json!({ "running": before, "candidate": after }));
            }
            let object = json!({
                "start": key.start.as_nanos() as f64 / 1e9,
                "src": key.source.to_string(),
                "sport": key.ports.0,
                "dst": key.destination.to_string(),
                "dport": key.ports.1,
                "proto": key.protocol,
                "changes": Value::Object(fields),
            });
            return writeln!(output, "{object}");
        }
        writeln!(output, "{key}")?;
        for (field, before, after) in &changes {
            writeln!(output, "  {field:<14}{before} -> {after}")?;
        }
        Ok(())
    }
}

/// The fields that differ: name, before, after.
fn changes(before: Option<&Outcome>, after: Option<&Outcome>) -> Vec<(&'static str, String, String)> {
    let (Some(before), Some(after)) = (before, after) else {
        let word = |outcome: Option<&Outcome>| {
            outcome.map_or_else(
                || "no record".to_owned(),
                |outcome| format!("{} by {}", outcome.action, outcome.rule),
            )
        };
        return vec![("log", word(before), word(after))];
    };
    let translation = |outcome: &Outcome| outcome.translation.as_ref().map_or_else(|| "none".into(), ends);
    let fields = [
        ("final action", before.final_action.to_owned(), after.final_action.to_owned()),
        ("action", before.action.to_owned(), after.action.to_owned()),
        ("rule", before.rule.clone(), after.rule.clone()),
        ("application", before.application.clone(), after.application.clone()),
        ("NAT rule", or_none(&before.nat_rule), or_none(&after.nat_rule)),
        ("translation", translation(before), translation(after)),
        ("end reason", before.end_reason.to_owned(), after.end_reason.to_owned()),
    ];
    fields.into_iter().filter(|(_, before, after)| before != after).collect()
}

fn or_none(name: &str) -> String {
    if name.is_empty() { "none".into() } else { name.to_owned() }
}

fn ends(translation: &Translation) -> String {
    let source = std::net::SocketAddr::new(translation.source, translation.source_port);
    let destination = std::net::SocketAddr::new(translation.destination, translation.destination_port);
    format!("{source} > {destination}")
}

impl Key {
    fn of(record: &TrafficRecord) -> Self {
        Self {
            start: record.start,
            source: record.source,
            destination: record.destination,
            ports: (record.source_port, record.destination_port),
            protocol: record.protocol,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = std::net::SocketAddr::new(self.source, self.ports.0);
        let destination = std::net::SocketAddr::new(self.destination, self.ports.1);
        let (year, month, day, hour, minute, second) = self.start.civil();
        write!(f, "{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}  ")?;
        write!(f, "{source} > {destination} protocol {}", self.protocol)
    }
}

impl Outcome {
    fn of(record: &TrafficRecord, policy: &Policy) -> Self {
        let names = policy.names();
        Self {
            final_action: record.action.final_action().name(),
            action: record.action.name(),
            rule: names.rule(record.rule).to_owned(),
            application: policy.application(record.app).name.to_owned(),
            nat_rule: record.nat_rule.map_or_else(String::new, |rule| names.nat_rule(rule).to_owned()),
            translation: record.translation,
            end_reason: record.end_reason.name(),
        }
    }
}
