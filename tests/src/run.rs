//! A scenario's packets through a worker, and what came of them.

use std::{
    fmt::Write as _,
    sync::{Arc, OnceLock},
};

use bifrons_config::Config;
use bifrons_dataplane::{ClearFilter, Compiled, Counters, Frame, Outbox, Verdict, Worker};
use bifrons_model::{DropReason, Generation, InterfaceId, Names, RuleId, Timestamp, TrafficRecord, ZoneId};
use bifrons_policy::{Policy, UserMap};
use bifrons_session::HashSeed;
use bifrons_wire::LinkType;

use crate::{
    bindings::Bindings,
    compare,
    frame::Packet,
    meaning::Meaning,
    scenario::{Clear, DEFAULT_CONFIG, Event, Fate, Scenario, Sent, Step, ZERO, show_record, show_time},
};

/// How many frames a worker takes at a time; the results must be the same.
const BATCHES: [usize; 4] = [1, 7, 32, 256];

/// Secrets of the hash; the results must be the same.
const SEEDS: [u128; 2] = [1, 0x9f3a_77c1_0b5e_42d8_6a91_e3f0_1c2d_845b];

/// Times that `handle_timeout` may be called at the end of a scenario.
const TURNS_MAX: usize = 1_000_000;

/// What a scenario led to.
#[derive(Debug)]
pub struct Course {
    pub(crate) frames: Vec<Seen>,
    /// What the firewall sent of its own: the frame that it was sent for, the interface and the packet.
    pub(crate) emitted: Vec<(usize, String, Vec<u8>)>,
    pub(crate) records: Vec<Written>,
    pub(crate) counters: Counters,
    /// What must never be, in words.
    pub(crate) broken: Vec<String>,
    pub(crate) bindings: Bindings,
}

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub verdict: Verdict,
    /// The interface that it left by.
    pub interface: String,
    /// The frame as it came.
    pub came: Vec<u8>,
    /// What left instead of its own bytes: one frame, or the fragments of its packet.
    pub left: Vec<Vec<u8>>,
}

/// A record together with the words of the configuration under which it was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub record: TrafficRecord,
    pub names: Arc<Names>,
}

impl Course {
    /// Whether another run had the same results. Which frame a packet of the firewall's own was sent for is
    /// known with one frame at a time only.
    fn is_like(&self, other: &Self) -> bool {
        let sent = |course: &Self| {
            let packets =
                course.emitted.iter().map(|(_, interface, packet)| (interface.clone(), packet.clone()));
            packets.collect::<Vec<_>>()
        };
        self.frames == other.frames
            && sent(self) == sent(other)
            && self.records == other.records
            && self.counters == other.counters
            && self.broken == other.broken
    }
}

impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        self.record == other.record
    }
}

impl Eq for Written {}

impl Seen {
    fn new(verdict: Verdict, names: &Names, came: Vec<u8>) -> Self {
        let interface = match verdict {
            Verdict::Transmit(interface) => names.interface(interface).into(),
            Verdict::Pending
            | Verdict::Drop(_)
            | Verdict::Held
            | Verdict::Host(_)
            | Verdict::HandOver(_)
            | Verdict::ToPeer => String::new(),
        };
        Self { verdict, interface, came, left: Vec::new() }
    }

    /// In the words of a scenario.
    pub fn show(&self) -> String {
        let mut left = String::new();
        for frame in &self.left {
            let meaning = Meaning::of(LinkType::Ethernet, frame).map_or_else(|why| why, |left| left.show());
            let _ = write!(left, " as {meaning}");
        }
        match self.verdict {
            Verdict::Pending => "no verdict".into(),
            Verdict::Transmit(_) => format!("pass to {}{left}", self.interface),
            Verdict::Drop(reason) => format!("drop {}", reason.name()),
            Verdict::Held => "held".into(),
            Verdict::Host(_) => "for the device itself".into(),
            Verdict::HandOver(worker) => format!("for worker {worker}"),
            Verdict::ToPeer => "for the other device".into(),
        }
    }
}

/// Runs a scenario with every batch size and seed.
///
/// # Errors
/// Everything that is otherwise than the scenario says, a line each.
pub fn check(scenario: &Scenario) -> Result<(), Vec<String>> {
    let prepared = prepare(scenario)?;
    let course = run(scenario, &prepared, BATCHES[0], SEEDS[0], Bindings::default());
    let mut differences = compare::differences(scenario, &course);
    for batch in BATCHES {
        for seed in SEEDS {
            if (batch, seed) == (BATCHES[0], SEEDS[0]) {
                continue;
            }
            let other = run(scenario, &prepared, batch, seed, course.bindings.clone());
            if !other.is_like(&course) {
                differences
                    .push(format!("with {batch} frames at a time and seed {seed:#x} the results differ: "));
                differences.push(first_difference(&course, &other));
            }
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

/// Runs a scenario with one frame at a time.
///
/// # Errors
/// When the configuration cannot be read.
pub fn play(scenario: &Scenario) -> Result<Course, Vec<String>> {
    Ok(run(scenario, &prepare(scenario)?, BATCHES[0], SEEDS[0], Bindings::default()))
}

/// What happens in a scenario, packet by packet and record by record.
///
/// # Errors
/// When the configuration cannot be read.
pub fn describe(scenario: &Scenario) -> Result<String, Vec<String>> {
    let course = play(scenario)?;
    let mut text = String::new();
    let mut frames = course.frames.iter().enumerate();
    for step in &scenario.steps {
        let (place, what) = match &step.event {
            Event::Frame(_) => {
                frames.next().map_or((None, "not sent".into()), |(place, seen)| (Some(place), seen.show()))
            }
            Event::Clear(_) => (None, "clear".into()),
            Event::Commit(_) => (None, "commit".into()),
        };
        let _ = writeln!(text, "  line {:3}  {:>10}  {what}", step.line, show_time(ZERO, step.at));
        for (_, interface, packet) in course.emitted.iter().filter(|(by, ..)| Some(*by) == place) {
            let _ = writeln!(text, "    emits to {interface} {}", compare::show_own(packet));
        }
    }
    for Written { record, names } in &course.records {
        let _ = writeln!(text, "  {}", show_record(record, names));
    }
    for (reason, count) in noticed(&course.counters) {
        let _ = writeln!(text, "  noticed {} {count}", reason.name());
    }
    Ok(text)
}

/// The configurations of a scenario, compiled: the first one, then those of its commits.
pub(crate) fn prepare(scenario: &Scenario) -> Result<Vec<Compiled>, Vec<String>> {
    let mut all = vec![first_of(scenario)?];
    for step in &scenario.steps {
        if let (Event::Commit(config), Some(last)) = (&step.event, all.last()) {
            let generation = Generation(all.len() as u32 + 1);
            let policy = Policy::compile_after(&last.policy, &parsed(config)?, generation);
            all.push(compiled(policy.with_users(&scenario.users))?);
        }
    }
    Ok(all)
}

/// Nearly all scenarios begin with the same configuration, which is compiled once.
fn first_of(scenario: &Scenario) -> Result<Compiled, Vec<String>> {
    static DEFAULT: OnceLock<Result<Compiled, Vec<String>>> = OnceLock::new();
    let compile = || {
        let policy = Policy::compile(&parsed(&scenario.config)?, Generation(1));
        compiled(policy.with_users(&scenario.users))
    };
    if scenario.config == DEFAULT_CONFIG && scenario.users == UserMap::default() {
        DEFAULT.get_or_init(compile).clone()
    } else {
        compile()
    }
}

fn compiled(policy: Policy) -> Result<Compiled, Vec<String>> {
    Compiled::new(policy).map_err(|error| vec![error.to_string()])
}

fn run(scenario: &Scenario, prepared: &[Compiled], batch: usize, seed: u128, bindings: Bindings) -> Course {
    let [first, commits @ ..] = prepared else { unreachable!("a scenario has a configuration") };
    let mut runner = Runner {
        worker: Worker::new(first, HashSeed::new(seed)),
        outbox: Outbox::default(),
        names: Arc::new(first.policy.names().clone()),
        course: Course {
            frames: Vec::new(),
            emitted: Vec::new(),
            records: Vec::new(),
            counters: Counters::default(),
            broken: Vec::new(),
            bindings,
        },
    };
    let mut commits = commits.iter();
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
            Event::Commit(_) => {
                commits.next().into_iter().for_each(|compiled| runner.commit(step.at, compiled));
                after
            }
        };
    }
    runner.finish();
    runner.course
}

struct Runner {
    worker: Worker,
    outbox: Outbox,
    names: Arc<Names>,
    course: Course,
}

impl Runner {
    fn frames(&mut self, steps: &[Step]) {
        let policy = self.worker.policy().clone();
        let bindings = &self.course.bindings;
        let sent: Vec<(&Sent, Timestamp)> = steps
            .iter()
            .filter_map(|step| match &step.event {
                Event::Frame(sent) => Some((sent, step.at)),
                Event::Clear(_) | Event::Commit(_) => None,
            })
            .collect();
        let came: Vec<_> = sent.iter().map(|(sent, _)| sent.frame.bytes(bindings)).collect();
        let mut bytes: Vec<Vec<u8>> = came.iter().map(|frame| frame.bytes.clone()).collect();
        let mut frames: Vec<Frame<'_>> = std::iter::zip(&sent, std::iter::zip(&came, &mut bytes))
            .map(|((sent, arrival), (came, bytes))| Frame {
                bytes,
                wire_length: came.wire_length as u32,
                link: Some(LinkType::Ethernet),
                interface: interface_of(&policy, sent, bindings),
                arrival: *arrival,
                verdict: Verdict::Pending,
            })
            .collect();
        let now = steps.last().map_or(ZERO, |step| step.at);
        self.worker.process(now, &mut frames, &mut self.outbox);
        let first = self.course.frames.len();
        for (frame, came) in std::iter::zip(&frames, came) {
            let mut seen = Seen::new(frame.verdict, &self.names, came.bytes);
            if matches!(frame.verdict, Verdict::Transmit(_)) && *frame.bytes != *seen.came {
                seen.left.push(frame.bytes.to_vec());
            }
            self.course.frames.push(seen);
        }
        for changed in self.outbox.replaced.drain(..) {
            match self.course.frames.get_mut(first + changed.frame) {
                Some(seen) => seen.left.push(changed.bytes),
                None => {
                    self.course.broken.push(format!("a replaced frame {} of {}", changed.frame, frames.len()))
                }
            }
        }
        if let ([seen], [(sent, _)]) = (self.course.frames.get(first..).unwrap_or_default(), sent.as_slice())
            && let Fate::Pass { leaves, .. } = &sent.expected
        {
            std::iter::zip(leaves, &seen.left)
                .for_each(|(packet, left)| bind(packet, left, &mut self.course.bindings));
        }
        self.collect();
    }

    fn clear(&mut self, step: &Step, clear: &Clear) {
        self.worker.handle_timeout(step.at, &mut self.outbox);
        let filter = filter_of(clear, self.worker.policy().names());
        let count = self.worker.clear(&filter, &mut self.outbox);
        if let Some(expected) = clear.count.filter(|expected| *expected != count) {
            let text = format!("line {}: expected {expected} sessions cleared, found {count}", step.line);
            self.course.broken.push(text);
        }
        self.collect();
    }

    fn commit(&mut self, at: Timestamp, compiled: &Compiled) {
        self.worker.handle_timeout(at, &mut self.outbox);
        self.collect();
        self.names = Arc::new(compiled.policy.names().clone());
        self.worker.handle_commit(compiled);
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
        if counters.emitted != self.course.emitted.len() as u64 {
            let (counted, sent) = (counters.emitted, self.course.emitted.len());
            self.course.broken.push(format!("{sent} packets of its own were sent, {counted} counted"));
        }
        self.course.counters = counters.clone();
    }

    fn collect(&mut self) {
        let names = &self.names;
        let records = self.outbox.records.drain(..);
        self.course.records.extend(records.map(|record| Written { record, names: names.clone() }));
        let last = self.course.frames.len().saturating_sub(1);
        let emitted = self.outbox.emitted.drain(..);
        self.course
            .emitted
            .extend(emitted.map(|own| (last, names.interface(own.interface).to_string(), own.packet)));
        self.outbox.clear();
    }
}

/// Binds the variables of `packet` to what `left` has in their places.
fn bind(packet: &Packet, left: &[u8], bindings: &mut Bindings) {
    let Ok(found) = Meaning::of(LinkType::Ethernet, left) else { return };
    let (source_port, destination_port) = packet.ports();
    bindings.bind_port(source_port, found.ports().0);
    bindings.bind_port(destination_port, found.ports().1);
    bindings.bind_address(packet.source, found.addresses().source());
    bindings.bind_address(packet.destination, found.addresses().destination());
}

fn parsed(text: &str) -> Result<Config, Vec<String>> {
    bifrons_config::parse(text, "configuration")
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())
}

pub(crate) fn interface_of(policy: &Policy, sent: &Sent, bindings: &Bindings) -> Option<InterfaceId> {
    match (&sent.interface, sent.source) {
        (Some(name), _) => {
            let place = policy.names().interfaces.iter().position(|known| known == name);
            Some(InterfaceId(place.unwrap_or(usize::from(u16::MAX)) as u16))
        }
        (None, Some(source)) => policy.ingress_of(bindings.address(source)),
        (None, None) => Some(InterfaceId(0)),
    }
}

/// The filter of a clear command, with numbers for names.
pub(crate) fn filter_of(clear: &Clear, names: &Names) -> ClearFilter {
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
    filter
}

pub(crate) fn noticed(counters: &Counters) -> impl Iterator<Item = (DropReason, u64)> {
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
    format!("   {:?} {} packets of its own", other.broken, other.emitted.len())
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
