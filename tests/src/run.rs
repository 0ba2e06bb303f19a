//! A scenario's packets through a worker, and what came of them against what was expected.

use std::{fmt::Write as _, sync::Arc};

use bifrons_config::Config;
use bifrons_dataplane::{Counters, Frame, Outbox, Verdict, Worker};
use bifrons_model::{DropReason, Generation, InterfaceId, Names, RuleId, Timestamp, TrafficRecord, ZoneId};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::LinkType;

use crate::scenario::{Clear, Counter, Event, Fate, Scenario, Sent, Step, ZERO, show_record, show_time};

/// How many frames a worker takes at a time; the results must be the same.
const BATCHES: [usize; 4] = [1, 7, 32, 256];

/// Secrets of the hash; the results must be the same.
const SEEDS: [u128; 2] = [1, 0x9f3a_77c1_0b5e_42d8_6a91_e3f0_1c2d_845b];

/// Times that `handle_timeout` may be called at the end of a scenario.
const TURNS_MAX: usize = 1_000_000;

/// What a scenario led to.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    frames: Vec<Seen>,
    records: Vec<Written>,
    counters: Counters,
    /// What must never be, in words.
    broken: Vec<String>,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    verdict: Verdict,
    /// The interface that it left by.
    interface: String,
    /// What left instead of its own bytes: one frame, or the fragments of its packet.
    left: Vec<Vec<u8>>,
}

/// A record together with the words of the configuration under which it was written.
#[derive(Clone, Debug)]
struct Written {
    record: TrafficRecord,
    names: Arc<Names>,
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl Eq for Written {}

impl Seen {
    fn new(verdict: Verdict, names: &Names) -> Self {
        let interface = match verdict {
            Verdict::Transmit(interface) => names.interface(interface).into(),
            Verdict::Pending | Verdict::Drop(_) | Verdict::Held => String::new(),
        };
        Self { verdict, interface, left: Vec::new() }
    }

    fn show(&self) -> String {
        let rewritten = if self.left.is_empty() { "" } else { ", rewritten" };
        match self.verdict {
            Verdict::Pending => "no verdict".into(),
            Verdict::Transmit(_) => format!("pass to {}{rewritten}", self.interface),
            Verdict::Drop(reason) => format!("drop {}", reason.name()),
            Verdict::Held => "held".into(),
        }
    }
}

/// Runs a scenario with every batch size and seed.
///
/// # Errors
/// Everything that is otherwise than the scenario says, a line each.
pub fn check(scenario: &Scenario) -> Result<(), Vec<String>> {
    let course = run(scenario, BATCHES[0], SEEDS[0])?;
    let mut differences = course.broken.clone();
    compare_frames(scenario, &course, &mut differences);
    compare_records(scenario, &course, &mut differences);
    compare_counters(scenario, &course, &mut differences);
    for batch in BATCHES {
        for seed in SEEDS {
            let other = run(scenario, batch, seed)?;
            if other != course {
                differences
                    .push(format!("with {batch} frames at a time and seed {seed:#x} the results differ: "));
                differences.push(first_difference(&course, &other));
            }
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// What happens in a scenario, packet by packet and record by record.
///
/// # Errors
/// When the configuration cannot be read.
pub fn describe(scenario: &Scenario) -> Result<String, Vec<String>> {
    let course = run(scenario, BATCHES[0], SEEDS[0])?;
    let mut text = String::new();
    let frames = &mut course.frames.iter();
    for step in &scenario.steps {
        let what = match &step.event {
            Event::Frame(_) => frames.next().map_or("not sent".into(), Seen::show),
            Event::Clear(_) => "clear".into(),
            Event::Commit(_) => "commit".into(),
        };
        let _ = writeln!(text, "  line {:3}  {:>10}  {what}", step.line, show_time(ZERO, step.at));
    }
    for Written { record, names } in &course.records {
        let _ = writeln!(text, "  {}", show_record(record, names));
    }
    for (reason, count) in noticed(&course.counters) {
        let _ = writeln!(text, "  noticed {} {count}", reason.name());
    }
    Ok(text)
}

fn run(scenario: &Scenario, batch: usize, seed: u128) -> Result<Course, Vec<String>> {
    let policy = Arc::new(Policy::compile(&parsed(&scenario.config)?, Generation(1)));
    let names = Arc::new(policy.names().clone());
    let mut runner = Runner {
        worker: Worker::new(policy, HashSeed::new(seed)),
        outbox: Outbox::default(),
        generation: 1,
        names,
        course: Course {
            frames: Vec::new(),
            records: Vec::new(),
            counters: Counters::default(),
            broken: Vec::new(),
        },
    };
    let mut rest = scenario.steps.as_slice();
    while let [step, after @ ..] = rest {
        rest = match &step.event {
            Event::Frame(_) => {
                let frames =
                    rest.iter().take(batch).take_while(|step| matches!(step.event, Event::Frame(_))).count();
                let (now, later) = rest.split_at(frames);
                runner.frames(now);
                later
            }
            Event::Clear(clear) => {
                runner.clear(step, clear);
                after
            }
            Event::Commit(config) => {
                runner.commit(step.at, config)?;
                after
            }
        };
    }
    runner.finish();
    Ok(runner.course)
}

struct Runner {
    worker: Worker,
    outbox: Outbox,
    generation: u32,
    names: Arc<Names>,
    course: Course,
}

impl Runner {
    fn frames(&mut self, steps: &[Step]) {
        let policy = self.worker.policy().clone();
        let sent = steps.iter().filter_map(|step| match &step.event {
            Event::Frame(sent) => Some((step.at, sent)),
            Event::Clear(_) | Event::Commit(_) => None,
        });
        let mut bytes: Vec<Vec<u8>> = sent.clone().map(|(_, sent)| sent.frame.bytes.clone()).collect();
        let mut frames: Vec<Frame<'_>> = std::iter::zip(sent.clone(), &mut bytes)
            .map(|((arrival, sent), bytes)| Frame {
                bytes,
                wire_length: sent.frame.wire_length as u32,
                link: Some(LinkType::Ethernet),
                interface: interface_of(&policy, sent),
                arrival,
                verdict: Verdict::Pending,
            })
            .collect();
        let now = steps.last().map_or(ZERO, |step| step.at);
        self.worker.process(now, &mut frames, &mut self.outbox);
        let first = self.course.frames.len();
        let names = &self.names;
        self.course.frames.extend(std::iter::zip(sent, &frames).map(|((_, sent), frame)| {
            let is_changed = *frame.bytes != *sent.frame.bytes;
            let left = if is_changed { vec![frame.bytes.to_vec()] } else { Vec::new() };
            Seen { left, ..Seen::new(frame.verdict, names) }
        }));
        for changed in self.outbox.replaced.drain(..) {
            match self.course.frames.get_mut(first + changed.frame) {
                Some(seen) => seen.left.push(changed.bytes),
                None => {
                    self.course.broken.push(format!("a replaced frame {} of {}", changed.frame, frames.len()))
                }
            }
        }
        self.collect();
    }

    fn clear(&mut self, step: &Step, clear: &Clear) {
        self.worker.handle_timeout(step.at, &mut self.outbox);
        let names = self.worker.policy().names();
        let place = |list: &[String], name: &str| list.iter().position(|known| known == name);
        let mut filter = clear.filter.clone();
        if let Some(name) = &clear.rule {
            filter.rule = place(&names.rules, name).map(|at| RuleId(at as u32));
        }
        if let Some(name) = &clear.zone_from {
            filter.zone_from = place(&names.zones, name).map(|at| ZoneId(at as u16));
        }
        if let Some(name) = &clear.zone_to {
            filter.zone_to = place(&names.zones, name).map(|at| ZoneId(at as u16));
        }
        let count = self.worker.clear(&filter, &mut self.outbox);
        if let Some(expected) = clear.count.filter(|expected| *expected != count) {
            let text = format!("line {}: expected {expected} sessions cleared, found {count}", step.line);
            self.course.broken.push(text);
        }
        self.collect();
    }

    fn commit(&mut self, at: Timestamp, config: &str) -> Result<(), Vec<String>> {
        self.worker.handle_timeout(at, &mut self.outbox);
        self.collect();
        self.generation += 1;
        let generation = Generation(self.generation);
        let policy = Arc::new(Policy::compile_after(self.worker.policy(), &parsed(config)?, generation));
        self.names = Arc::new(policy.names().clone());
        self.worker.handle_commit(policy);
        Ok(())
    }

    /// Lets time pass until no session is left.
    fn finish(&mut self) {
        for _ in 0..TURNS_MAX {
            let Some(due) = self.worker.poll_timeout() else { break };
            self.worker.handle_timeout(due.max(self.worker.now()), &mut self.outbox);
            self.collect();
        }
        let counters = self.worker.counters();
        if !self.worker.sessions().is_empty() {
            self.course.broken.push(format!("{} sessions never end", self.worker.sessions().len()));
        }
        if counters.sessions_created != counters.sessions_ended {
            let (created, ended) = (counters.sessions_created, counters.sessions_ended);
            self.course.broken.push(format!("{created} sessions were made, {ended} ended"));
        }
        if !counters.is_conserved() {
            self.course.broken.push(format!("frames are lost or counted twice: {counters:?}"));
        }
        self.course.counters = counters.clone();
    }

    fn collect(&mut self) {
        let names = &self.names;
        let records = self.outbox.records.drain(..);
        self.course.records.extend(records.map(|record| Written { record, names: names.clone() }));
        self.outbox.clear();
    }
}

fn parsed(text: &str) -> Result<Config, Vec<String>> {
    bifrons_config::parse(text, "configuration")
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn interface_of(policy: &Policy, sent: &Sent) -> Option<InterfaceId> {
    match (&sent.interface, sent.source) {
        (Some(name), _) => {
            let place = policy.names().interfaces.iter().position(|known| known == name);
            Some(InterfaceId(place.unwrap_or(usize::from(u16::MAX)) as u16))
        }
        (None, Some(source)) => policy.ingress_of(source),
        (None, None) => Some(InterfaceId(0)),
    }
}

fn compare_frames(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    let sent = scenario.steps.iter().filter_map(|step| match &step.event {
        Event::Frame(sent) => Some((step.line, sent)),
        Event::Clear(_) | Event::Commit(_) => None,
    });
    let leaving: Vec<&Vec<u8>> = sent.clone().map(|(_, sent)| leaving_as(sent)).collect();
    for ((line, sent), seen) in sent.zip(&course.frames) {
        let expected = show_fate(&sent.expected);
        let is_same = match (&sent.expected, seen.verdict) {
            (Fate::Pass { interface, .. }, Verdict::Transmit(_)) => {
                interface.as_ref().is_none_or(|name| *name == seen.interface)
            }
            (Fate::Drop(reason), Verdict::Drop(found)) => *reason == found,
            (Fate::Held, Verdict::Held) => true,
            (Fate::Pass { .. } | Fate::Drop(_) | Fate::Held, _) => false,
        };
        if !is_same {
            let found = seen.show();
            differences.push(format!("line {line}: expected {expected}, found {found}"));
        }
        let is_whole = seen.left.len() < 2;
        if !is_whole && seen.left.iter().all(|left| leaving.contains(&left)) {
            // The fragments of a packet leave with the last of them.
            continue;
        }
        let wanted = match &sent.expected {
            Fate::Pass { rewritten, .. } => rewritten.as_ref(),
            Fate::Drop(_) | Fate::Held => None,
        };
        if !is_whole || wanted != seen.left.first() {
            let show = |bytes: Option<&Vec<u8>>| bytes.map_or("unchanged".into(), |bytes| show_bytes(bytes));
            differences.push(format!("line {line}: expected frame {}", show(wanted)));
            for left in &seen.left {
                differences.push(format!("         found frame    {}", show_bytes(left)));
            }
        }
    }
}

/// The frame as it leaves if it does.
fn leaving_as(sent: &Sent) -> &Vec<u8> {
    match &sent.expected {
        Fate::Pass { rewritten: Some(bytes), .. } => bytes,
        Fate::Pass { rewritten: None, .. } | Fate::Drop(_) | Fate::Held => &sent.frame.bytes,
    }
}

fn compare_records(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    for (place, expected) in scenario.records.iter().enumerate() {
        let Some(Written { record: found, names }) = course.records.get(place) else {
            differences.push(format!("line {}: the record is missing", expected.line));
            continue;
        };
        let fields = expected.differences(found, names);
        if !fields.is_empty() {
            differences.push(format!("line {}: {}", expected.line, fields.join("; ")));
            differences.push(format!("   found: {}", show_record(found, names)));
        }
    }
    for Written { record: extra, names } in course.records.iter().skip(scenario.records.len()) {
        differences.push(format!("unexpected record: {}", show_record(extra, names)));
    }
}

fn compare_counters(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    let counters = &course.counters;
    for (line, counter, expected) in &scenario.counters {
        let found = match counter {
            Counter::Noticed(reason) => counters.noticed_for(*reason),
            Counter::Dropped(reason) => counters.dropped_for(*reason),
            Counter::Transmitted => counters.transmitted,
            Counter::SessionsCreated => counters.sessions_created,
            Counter::SessionsRefused => counters.sessions_refused,
            Counter::Bypassed => counters.bypassed,
            Counter::Reassembled => counters.reassembled,
            Counter::IcmpErrorsMatched => counters.icmp_errors_matched,
        };
        if found != *expected {
            differences.push(format!("line {line}: expected {expected}, found {found}"));
        }
    }
    for (reason, count) in noticed(counters) {
        let is_listed = scenario.counters.iter().any(|(_, counter, _)| *counter == Counter::Noticed(reason));
        if !is_listed {
            differences.push(format!("counters: unexpected `noticed {} {count}`", reason.name()));
        }
    }
}

fn noticed(counters: &Counters) -> impl Iterator<Item = (DropReason, u64)> {
    DropReason::ALL
        .iter()
        .map(|reason| (*reason, counters.noticed_for(*reason)))
        .filter(|(_, count)| *count > 0)
}

fn first_difference(one: &Course, other: &Course) -> String {
    if let Some(place) = (0..one.frames.len()).find(|at| one.frames.get(*at) != other.frames.get(*at)) {
        return format!("   packet {}: {:?}", place + 1, other.frames.get(place));
    }
    let count = one.records.len().max(other.records.len());
    if let Some(place) = (0..count).find(|at| one.records.get(*at) != other.records.get(*at)) {
        let show = |course: &Course| {
            let written = course.records.get(place);
            written.map_or("no record".into(), |Written { record, names }| show_record(record, names))
        };
        return format!("   record {}: {}\n   instead of: {}", place + 1, show(other), show(one));
    }
    if one.counters != other.counters {
        return format!("   {:?}\n   instead of {:?}", other.counters, one.counters);
    }
    format!("   {:?}", other.broken)
}

fn show_fate(fate: &Fate) -> String {
    match fate {
        Fate::Pass { interface: Some(name), .. } => format!("pass to {name}"),
        Fate::Pass { interface: None, .. } => "pass".into(),
        Fate::Drop(reason) => format!("drop {}", reason.name()),
        Fate::Held => "held".into(),
    }
}

fn show_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNANSWERED: &str = "packets\n 0 tcp 10.0.0.1:1 > 192.0.2.1:80 syn pass to ethernet1/2\nrecords\n \
                              5 end tcp 10.0.0.1:1 > 192.0.2.1:80 app incomplete reason aged-out sent 1/54\n";

    fn differences(text: &str) -> Vec<String> {
        check(&Scenario::parse("test", text).unwrap()).err().unwrap_or_default()
    }

    #[test]
    fn what_is_as_expected_makes_no_difference() {
        assert_eq!(differences(UNANSWERED), Vec::<String>::new());
    }

    #[test]
    fn the_example_of_the_readme_holds() {
        let readme = include_str!("../scenarios/README.md");
        let example = readme.split("```").nth(1).unwrap_or_default();
        assert!(example.contains("records"));
        assert_eq!(differences(example), Vec::<String>::new());
    }

    /// Each expectation turned wrong in its turn is noticed, with its line.
    #[test]
    fn whatever_is_otherwise_is_noticed() {
        for (right, wrong, noticed) in [
            (
                "pass to ethernet1/2",
                "pass to ethernet1/1",
                "line 2: expected pass to ethernet1/1, found pass to ethernet1/2",
            ),
            ("pass to ethernet1/2", "drop no-route", "line 2: expected drop no-route"),
            ("pass to ethernet1/2", "held", "line 2: expected held"),
            ("pass to ethernet1/2", "pass as ack", "line 2: expected frame 02"),
            (" 5 end", " 6 end", "line 4: time: expected 6.000, found 5.000"),
            ("5 end tcp", "5 end udp", "line 4: session: expected udp"),
            ("incomplete", "ssl", "line 4: app: expected ssl, found incomplete"),
            ("aged-out", "tcp-fin", "line 4: reason: expected tcp-fin, found aged-out"),
            ("1/54", "1/55", "line 4: sent: expected 1/55, found 1/54"),
            (
                "records\n 5 end tcp 10.0.0.1:1 > 192.0.2.1:80 app incomplete reason aged-out sent 1/54\n",
                "",
                "unexpected record",
            ),
        ] {
            let text = UNANSWERED.replace(right, wrong);
            assert_ne!(text, UNANSWERED, "{right}");
            let found = differences(&text).join("\n");
            assert!(found.contains(noticed), "{wrong}: {found}");
        }
        let twice =
            format!("{UNANSWERED} 5 end tcp 10.0.0.1:1 > 192.0.2.1:80 app incomplete reason aged-out\n");
        assert!(differences(&twice).join("\n").contains("line 5: the record is missing"));
        let counted = format!("{UNANSWERED}counters\n sessions-created 2\n noticed tcp-non-syn 1\n");
        assert!(differences(&counted).join("\n").contains("line 6: expected 2, found 1"));
    }

    #[test]
    fn what_is_noticed_must_be_listed() {
        let text = "config\n set deviceconfig setting session tcp-reject-non-syn no\npackets\n \
                    0 tcp 10.0.0.1:1 > 192.0.2.1:80 ack pass\nrecords\n \
                    3600 end tcp 10.0.0.1:1 > 192.0.2.1:80 app non-syn-tcp reason aged-out\n";
        assert_eq!(differences(text), ["counters: unexpected `noticed tcp-non-syn 1`"]);
    }

    #[test]
    fn a_wrong_configuration_is_reported() {
        let text = UNANSWERED.replace("packets", "config\n set no such thing\npackets");
        assert!(differences(&text).join("\n").starts_with("configuration:"), "{:?}", differences(&text));
    }
}
