//! An operator suspends the active device of a pair in the middle of transfers, later takes it in again, and
//! suspends the other one: the network loses nothing, and nobody starts anew.

use std::time::Duration;

use bifrons_ha::{HaEvent, HaState, StateRequest};

use super::{Figure, Findings, Laboratory, failover::OPENING, transfers};
use crate::{
    device::Order,
    pair::{Couple, Profile, Setup},
    plan::Action,
    random::Random,
    run::Build,
    world::Watch,
};

/// How long a device that takes part again needs until it has all sessions.
const RETURN: Duration = Duration::from_secs(15);
/// How long the sessions of transfers last at most, with the time that a closed one stays.
const REST: Duration = Duration::from_secs(60);

/// How large the experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchOver {
    /// How many pairs are made to change there and back.
    pub trials: u32,
    /// Transfers around each change.
    pub transfers: usize,
    /// The pair's timers.
    pub profile: Profile,
    /// What the first trial is drawn from; the others from the numbers behind.
    pub first_seed: u64,
}

impl Default for SwitchOver {
    fn default() -> Self {
        Self { trials: 50, transfers: 20, profile: Profile::Fast, first_seed: 1 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trial {
    changes: usize,
    packets_lost: u64,
    broken: usize,
    not_logged_once: usize,
    /// Records of an accident, which this is not.
    split_brains: usize,
}

impl SwitchOver {
    /// Makes the experiment.
    ///
    /// # Errors
    /// When a device refuses its configuration or an order, or a pair does not come to stand.
    pub fn conduct(&self, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
        let trials = laboratory
            .trials(self.trials, |number| self.trial(self.first_seed + u64::from(number), laboratory.build));
        Ok(self.findings(&trials?))
    }

    fn trial(&self, seed: u64, build: Build<'_>) -> Result<Trial, String> {
        let stands = self.profile.stands_after();
        let (first, second) = (stands, stands + RETURN + RETURN);
        let mut plan = transfers::plan(seed, self.transfers, first, OPENING);
        let mut later = transfers::plan(!seed, self.transfers, second, OPENING).lines;
        for line in &mut later {
            if let Action::Talk(talk) = &mut line.action {
                talk.number += self.transfers;
            }
        }
        plan.lines.extend(later);
        let mut random = Random::new(seed, "order", 0);
        let setup = Setup { watch: Watch::Everything, ..Setup::new(plan, self.profile) };
        let mut pair = Couple::standing(&setup, build)?;
        let mut changes = 0;
        for (active, begin) in [(0, first), (1, second)] {
            pair.run_until(begin + random.up_to(OPENING + OPENING));
            pair.order(active, &Order::Pair(StateRequest::Suspend))?;
            pair.run_until(begin + RETURN);
            changes += usize::from(pair.states()[1 - active] == Some(HaState::Active));
            pair.order(active, &Order::Pair(StateRequest::Functional))?;
        }
        pair.run_until(second + RETURN + REST);
        let is_split = |event: HaEvent| event == HaEvent::PeerSplitBrain;
        let split_brains = pair.history.system_log.iter().filter(|(_, _, record)| is_split(record.event));
        let fates = || pair.history.fates.values();
        Ok(Trial {
            changes,
            packets_lost: pair.history.segments_lost(),
            broken: 2 * self.transfers - pair.history.finished(),
            split_brains: split_brains.count(),
            not_logged_once: fates().filter(|fate| fate.records != 1).count(),
        })
    }

    fn findings(&self, trials: &[Trial]) -> Findings {
        let total = |count: fn(&Trial) -> usize| trials.iter().map(count).sum::<usize>();
        let lost: u64 = trials.iter().map(|trial| trial.packets_lost).sum();
        let (changes, broken) = (total(|trial| trial.changes), total(|trial| trial.broken));
        let wrongly_logged = total(|trial| trial.not_logged_once);
        let split_brains = total(|trial| trial.split_brains);
        let expected = 2 * trials.len();
        let mut unmet = Vec::new();
        let mut expect = |is_met: bool, text: String| {
            if !is_met {
                unmet.push(text);
            }
        };
        expect(changes == expected, format!("the other device led after {changes} of {expected} orders"));
        expect(lost == 0, format!("{lost} packets were lost"));
        expect(broken == 0, format!("{broken} transfers broke"));
        expect(wrongly_logged == 0, format!("{wrongly_logged} sessions are not in the log once"));
        expect(split_brains == 0, format!("{split_brains} records tell of two leaders by accident"));
        let figure = |name, value: u64| Figure { name, value: value as f64, unit: "" };
        Findings {
            figures: vec![
                figure("switch_overs", changes as u64),
                figure("transfers", (expected * self.transfers) as u64),
                figure("transfers_broken", broken as u64),
                figure("packets_lost", lost),
                figure("sessions_not_logged_once", wrongly_logged as u64),
            ],
            unmet,
            failure: None,
        }
    }
}
