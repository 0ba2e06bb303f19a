//! The active device of a pair dies in the middle of transfers, or loses a link.
//!
//! ```text
//!  trial: the pair stands ─ transfers open ─┬─ crash ─ take-over ─ first packets ─ all are whole, logged
//!                                           └───── gap of a transfer ────┘
//! ```
//!
//! Each trial is a world of its own. Transfers that were well under way when the device died never stop
//! sending before the survivor can have noticed, so the time until it forwards something of one is the pair's
//! gap, and not the patience of a host but for the pause between two pieces. Transfers that were still
//! opening count with those that have to come through.

use std::time::Duration;

use bifrons_ha::HaState;

use super::{Figure, Findings, Laboratory, transfers};
use crate::{
    pair::{Couple, Profile, Setup, history::Fate},
    random::Random,
    run::{BEGIN, Build},
};

/// The span in which the transfers open.
pub(super) const OPENING: Duration = Duration::from_millis(500);
/// When the device dies at the earliest and the latest, from the first transfer on.
const CRASH: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(600));
/// Transfers that the server has heard of for so long are well under way.
const SETTLED: Duration = Duration::from_millis(30);
/// How long hosts may take to repeat what was lost, and sessions to be over.
const PATIENCE: Duration = Duration::from_secs(400);

/// What happens to the active device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is gone at once and for good.
    Crash,
    /// The cable of one of its ports is pulled, which its configuration monitors.
    LinkDown,
}

/// How large the experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// How often a device dies.
    pub trials: u32,
    /// Transfers in each trial.
    pub transfers: usize,
    /// What happens in it.
    pub cause: Cause,
    /// The pair's timers.
    pub profile: Profile,
    /// What the first trial is drawn from; the others from the numbers behind.
    pub first_seed: u64,
}

impl Default for Failover {
    fn default() -> Self {
        Self { trials: 100, transfers: 200, cause: Cause::Crash, profile: Profile::Fast, first_seed: 1 }
    }
}

/// What came of a trial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Trial {
    /// From the crash until the survivor led.
    take_over: Option<Duration>,
    /// From the crash until the survivor forwarded something, of each transfer under way that went on.
    gaps: Vec<Duration>,
    under_way: usize,
    broken: usize,
    /// Transfers that came through and are not in the log, or not once.
    unlogged: usize,
    logged_twice: usize,
    records: usize,
}

impl Failover {
    /// Makes the experiment.
    ///
    /// # Errors
    /// When a device refuses its configuration, or a pair does not come to stand.
    pub fn conduct(&self, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
        let trials = laboratory
            .trials(self.trials, |number| self.trial(self.first_seed + u64::from(number), laboratory.build));
        Ok(self.findings(&trials?))
    }

    fn trial(&self, seed: u64, build: Build<'_>) -> Result<Trial, String> {
        let mut random = Random::new(seed, "crash", 0);
        // No trial is like another to the heartbeats.
        let begin = self.profile.stands_after() + random.up_to(Duration::from_secs(2));
        let plan = transfers::plan(seed, self.transfers, begin, OPENING);
        let setup = Setup { monitors: self.cause == Cause::LinkDown, ..Setup::new(plan, self.profile) };
        let mut pair = Couple::standing(&setup, build)?;
        let crash = begin + CRASH.0 + random.up_to(CRASH.1.saturating_sub(CRASH.0));
        pair.run_until(crash);
        let is_under_way = |fate: &&Fate| {
            fate.finished.is_none() && fate.heard.is_some_and(|at| at + SETTLED <= BEGIN + crash)
        };
        let under_way: Vec<usize> =
            pair.history.fates.iter().filter(|(_, fate)| is_under_way(fate)).map(|(talk, _)| *talk).collect();
        match self.cause {
            Cause::Crash => pair.crash(0, None),
            Cause::LinkDown => pair.pull(0, random.below(2) as usize, true)?,
        }
        pair.history.watch_for_first(1);
        let transfers = self.transfers;
        pair.run_while(crash + PATIENCE, |pair| pair.history.over < transfers || pair.sessions()[1] > 0);
        let history = &pair.history;
        if let Some(device) = history.unaccounted {
            return Err(format!("seed {seed}: device {device} does not account for every frame"));
        }
        let gap = |talk| {
            let passed = history.fates.get(talk)?.first_passed[1]?;
            Some(passed.since(BEGIN + crash))
        };
        let came_through = history.fates.values().filter(|fate| fate.finished.is_some() && !fate.is_broken);
        let (unlogged, logged_twice) = came_through.fold((0, 0), |(none, twice), fate| {
            (none + usize::from(fate.records == 0), twice + usize::from(fate.records > 1))
        });
        Ok(Trial {
            take_over: history.first(1, HaState::Active, crash).map(|at| at.saturating_sub(crash)),
            gaps: under_way.iter().filter_map(gap).collect(),
            under_way: under_way.len(),
            broken: transfers - history.finished(),
            unlogged,
            logged_twice,
            records: history.records.len(),
        })
    }

    fn findings(&self, trials: &[Trial]) -> Findings {
        let total = |count: fn(&Trial) -> usize| trials.iter().map(count).sum::<usize>();
        let mut gaps: Vec<Duration> = trials.iter().flat_map(|trial| trial.gaps.iter().copied()).collect();
        let mut longest: Vec<Duration> =
            trials.iter().filter_map(|trial| trial.gaps.iter().copied().max()).collect();
        let mut take_overs: Vec<Duration> = trials.iter().filter_map(|trial| trial.take_over).collect();
        gaps.sort_unstable();
        longest.sort_unstable();
        take_overs.sort_unstable();
        let (broken, twice) = (total(|trial| trial.broken), total(|trial| trial.logged_twice));
        let unlogged = total(|trial| trial.unlogged);
        let mut unmet = Vec::new();
        let mut expect = |is_met: bool, text: String| {
            if !is_met {
                unmet.push(text);
            }
        };
        expect(broken == 0, format!("{broken} transfers broke"));
        expect(unlogged == 0, format!("{unlogged} sessions are not in the log"));
        expect(twice == 0, format!("{twice} sessions are in the log more than once"));
        let led = take_overs.len();
        expect(led == trials.len(), format!("the survivor led in {led} of {} trials", trials.len()));
        let (went_on, under_way) = (gaps.len(), total(|trial| trial.under_way));
        expect(went_on == under_way, format!("{went_on} of {under_way} transfers under way went on"));
        let (gap_p50, gap_p99) = (percentile(&gaps, 50), percentile(&gaps, 99));
        let last_led = take_overs.last().map_or(0.0, milliseconds);
        match self.profile {
            Profile::Fast => {
                expect(gap_p50 <= 50.0, format!("half of the gaps are longer than {gap_p50:.1} ms"));
                expect(gap_p99 <= 80.0, format!("one of a hundred gaps is longer than {gap_p99:.1} ms"));
            }
            // Three heartbeats and the promotion hold.
            Profile::Recommended => expect(last_led <= 8_100.0, format!("one took over after {last_led} ms")),
            Profile::Aggressive => expect(last_led <= 5_100.0, format!("one took over after {last_led} ms")),
        }
        let count = |name, value: usize| Figure { name, value: value as f64, unit: "" };
        let span = |name, value| Figure { name, value, unit: "ms" };
        Findings {
            figures: vec![
                count("trials", trials.len()),
                count("transfers", trials.len() * self.transfers),
                count("transfers_under_way", under_way),
                count("transfers_broken", broken),
                span("gap_p50_ms", gap_p50),
                span("gap_p99_ms", gap_p99),
                span("gap_max_ms", gaps.last().map_or(0.0, milliseconds)),
                span("longest_gap_p50_ms", percentile(&longest, 50)),
                span("longest_gap_p99_ms", percentile(&longest, 99)),
                span("take_over_p50_ms", percentile(&take_overs, 50)),
                span("take_over_p99_ms", percentile(&take_overs, 99)),
                span("take_over_max_ms", last_led),
                count("records", total(|trial| trial.records)),
                count("sessions_not_logged", unlogged),
                count("sessions_logged_twice", twice),
            ],
            unmet,
            failure: None,
        }
    }
}

/// The value below or at which so many of a hundred are; the values are in order.
fn percentile(sorted: &[Duration], of_hundred: usize) -> f64 {
    let place = (sorted.len() * of_hundred).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0.0, milliseconds)
}

fn milliseconds(span: &Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let spans: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!([50, 99, 100].map(|rank| percentile(&spans, rank)), [100.0, 198.0, 200.0]);
        assert_eq!(percentile(&spans[..1], 50), 1.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
