//! What only many records show: top causes, who fails with whom, scans, the minute of a change.
//!
//! A pile takes records one by one and keeps counts, never records. Each of its tables has a capacity
//! ([`Limits`]); a full table forgets its least telling quarter, and how many entries were forgotten is
//! counted, so that a summary can say what it does not know. The totals, the causes and the timeline
//! forget nothing; a timeline that grows too long counts in longer steps instead.

mod bounded;
mod changes;
mod compare;
mod pairs;
mod scans;
mod timeline;

pub use changes::Change;
pub use compare::{Comparison, PairChange, Shift};
pub use pairs::{Half, Pair, Service};
pub use scans::{Scan, ScanKind};
pub use timeline::{Bucket, Timeline};

use alloc::vec::Vec;
use core::hash::{BuildHasher as _, Hash};

use bifrons_model::FinalAction;
use foldhash::fast::FixedState;

use crate::{DIAGNOSES, Explanation, facts::Facts, outcome::Outcome, rules::COUNT, time::seconds_of};
use pairs::{Halves, Pairs};
use scans::Sources;

/// How much a pile may keep.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pairs of hosts with a service; about 300 bytes each.
    pub pairs: usize,
    /// Services of servers; about 200 bytes each.
    pub services: usize,
    /// Sources of failing attempts; about 250 bytes each.
    pub sources: usize,
    /// Steps of the timeline; about 300 bytes each.
    pub minutes: usize,
    /// One-sided sessions that wait for their other half; about 20 bytes each.
    pub halves: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pairs: 65_536, services: 16_384, sources: 16_384, minutes: 4_096, halves: 65_536 }
    }
}

/// Counts of a pile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records taken.
    pub records: u64,
    /// Records by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; 4],
    /// Records of logs that tell of no traffic.
    pub unjudged: u64,
    /// Records with an outcome for which no diagnosis fits.
    pub undiagnosed: u64,
    /// Bytes of both directions, where counted, of records of an end.
    pub bytes: u64,
}

/// How much each table forgot because it was full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Pairs.
    pub pairs: u64,
    /// Services.
    pub services: u64,
    /// Sources.
    pub sources: u64,
}

/// Many records, counted.
pub struct Pile {
    totals: Totals,
    causes: [u64; COUNT],
    timeline: Timeline,
    pairs: Pairs,
    sources: Sources,
    halves: Halves,
    hash: FixedState,
}

/// What a pile keeps of one record while it adds it.
struct Entry<'a> {
    src: &'a str,
    dst: &'a str,
    proto: &'a str,
    app: &'a str,
    sport: u16,
    dport: u16,
    seconds: Option<u64>,
    outcome: Outcome,
    place: Option<usize>,
    /// Whether policy let it pass: what it stopped says nothing about the service.
    was_allowed: bool,
    one_sided: bool,
}

impl Pile {
    /// An empty pile. The seed keeps whoever writes the logs from choosing what falls together in its
    /// tables.
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            totals: Totals::default(),
            causes: [0; COUNT],
            timeline: Timeline::new(limits.minutes),
            pairs: Pairs::new(limits),
            sources: Sources::new(limits.sources),
            halves: Halves::new(limits.halves),
            hash: FixedState::with_seed(seed),
        }
    }

    /// Takes one record with its explanation.
    pub fn add(&mut self, facts: &Facts<'_>, explanation: &Explanation) {
        self.totals.records += 1;
        let Some(outcome) = explanation.outcome else {
            self.totals.unjudged += 1;
            return;
        };
        self.totals.outcomes[outcome as usize] += 1;
        if facts.subtype != "start" {
            self.totals.bytes = self.totals.bytes.saturating_add(facts.bytes.unwrap_or(0));
        }
        match explanation.place.and_then(|place| self.causes.get_mut(place)) {
            Some(count) => *count += 1,
            None => self.totals.undiagnosed += 1,
        }
        let seconds = seconds_of(facts.time_generated).or_else(|| seconds_of(facts.receive_time));
        if let Some(seconds) = seconds {
            self.timeline.add(seconds / 60, outcome, explanation.place);
        }
        let is_settled = explanation.diagnosis().is_some_and(|diagnosis| diagnosis.name == "start-record");
        if is_settled {
            return;
        }
        let entry = Entry {
            src: clip(facts.src),
            dst: clip(facts.dst),
            proto: clip(facts.proto),
            app: clip(facts.app),
            sport: port(facts.sport),
            dport: port(facts.dport),
            seconds,
            outcome,
            place: explanation.place,
            was_allowed: was_allowed(facts, explanation),
            one_sided: facts.proto == "tcp" && facts.pkts_received == Some(0),
        };
        self.pairs.add(&entry, &self.hash);
        self.sources.add(&entry, &self.hash);
        self.halves.add(&entry, &self.hash);
    }

    /// The counts.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How often each diagnosis was made, most often first, those never made left out: its place in
    /// [`DIAGNOSES`] and the count.
    pub fn causes(&self) -> Vec<(usize, u64)> {
        let mut causes: Vec<_> =
            self.causes.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect();
        causes.sort_by_key(|(place, count)| (core::cmp::Reverse(*count), *place));
        causes
    }

    /// As [`Self::causes`], without those of traffic that went well or is not judged.
    pub fn failing_causes(&self) -> Vec<(usize, u64)> {
        self.causes().into_iter().filter(|(place, _)| is_failure(*place)).collect()
    }

    /// Counts over time.
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// What rose or fell, and when, the clearest first.
    pub fn changes(&self) -> Vec<Change> {
        changes::of(&self.timeline)
    }

    /// The pairs of hosts whose traffic failed, most failures first, at most `count`.
    pub fn failing_pairs(&self, count: usize) -> Vec<&Pair> {
        self.pairs.failing(count)
    }

    /// The services that fail for several clients, most failures first, at most `count`.
    pub fn failing_services(&self, count: usize) -> Vec<&Service> {
        self.pairs.failing_services(count)
    }

    /// The sources that look like scanners, most attempts first, at most `count`.
    pub fn scans(&self, count: usize) -> Vec<Scan> {
        self.sources.scans(count)
    }

    /// Conversations of which each direction was logged as a session of its own: how many, and the first
    /// of them.
    pub fn both_halves(&self) -> (u64, &[Half]) {
        self.halves.found()
    }

    /// What full tables forgot.
    pub fn forgotten(&self) -> Forgotten {
        Forgotten {
            pairs: self.pairs.forgotten(),
            services: self.pairs.forgotten_services(),
            sources: self.sources.forgotten(),
        }
    }
}

/// Whether a traffic record's session was let through, and not cut by policy, inspection or decryption.
fn was_allowed(facts: &Facts<'_>, explanation: &Explanation) -> bool {
    facts.kind != "THREAT"
        && facts.action == "allow"
        && explanation.final_actions.overall() == Some(FinalAction::Allowed)
}

/// Whether the diagnosis at `place` is of traffic that failed or needs a look.
pub fn is_failure(place: usize) -> bool {
    const FINE: [&str; 9] = [
        "answered",
        "start-record",
        "tcp-closed",
        "datagrams-answered",
        "one-way-by-nature",
        "new-connection-inside",
        "delivered-on-foreign-port",
        "client-reset",
        "finding-logged-only",
    ];
    DIAGNOSES.get(place).is_some_and(|diagnosis| !FINE.contains(&diagnosis.name))
}

/// At most 64 bytes: no address, protocol or application is longer, and a log's text may be.
fn clip(text: &str) -> &str {
    const LONGEST: usize = 64;
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

fn port(number: Option<u64>) -> u16 {
    number.and_then(|number| u16::try_from(number).ok()).unwrap_or(0)
}

fn hash_of(state: &FixedState, key: impl Hash) -> u64 {
    state.hash_one(key)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Timeouts, explain, samples};

    pub fn pile() -> Pile {
        Pile::new(Limits::default(), 1)
    }

    pub fn add(pile: &mut Pile, facts: &Facts<'_>) {
        pile.add(facts, &explain(facts, &Timeouts::default()));
    }

    #[test]
    fn counts_and_causes() {
        let mut pile = pile();
        for _ in 0..3 {
            add(&mut pile, &samples::unanswered_syn());
        }
        add(&mut pile, &samples::web());
        add(&mut pile, &Facts { kind: "SYSTEM", ..samples::web() });
        let totals = pile.totals();
        assert_eq!((totals.records, totals.unjudged, totals.outcomes), (5, 1, [1, 0, 3, 0]));
        assert_eq!(totals.bytes, 3 * 296 + 6_000);
        let names = |causes: Vec<(usize, u64)>| -> Vec<_> {
            causes.into_iter().map(|(place, count)| (DIAGNOSES[place].name, count)).collect()
        };
        assert_eq!(names(pile.causes()), [("server-never-answered", 3), ("tcp-closed", 1)]);
        assert_eq!(names(pile.failing_causes()), [("server-never-answered", 3)]);
    }

    #[test]
    fn long_text_is_clipped_between_characters() {
        let text = alloc::format!("{}ä{}", "x".repeat(63), "y".repeat(100));
        assert_eq!(clip(&text).len(), 63);
        assert_eq!(clip("10.0.0.1"), "10.0.0.1");
    }

    #[test]
    fn every_name_among_the_fine_is_a_diagnosis() {
        assert_eq!((0..COUNT).filter(|place| !is_failure(*place)).count(), 9);
        assert!(!is_failure(COUNT));
    }
}
