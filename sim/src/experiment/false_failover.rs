//! Two healthy devices whose processors are busy with something else now and then, and whose links lose some
//! of what they say: neither may take the other one for dead.

use std::time::Duration;

use bifrons_ha::{HaLinkId, HaState};

use super::{Figure, Findings, Laboratory, transfers};
use crate::{
    pair::{Couple, Profile, Setup},
    random::Random,
    run::Build,
    world::Watch,
};

/// The longest time for which a device does nothing.
const STALL_MAX: Duration = Duration::from_millis(25);
/// The longest time between two such; one is as likely to be short as long.
const CALM_MAX: Duration = Duration::from_secs(2);
/// What the links between the devices lose, in parts of a million.
const LOSS: u32 = 10_000;

/// How large the experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FalseFailover {
    /// Simulated hours.
    pub hours: u32,
    /// What it is drawn from.
    pub seed: u64,
}

impl Default for FalseFailover {
    fn default() -> Self {
        Self { hours: 1, seed: 1 }
    }
}

impl FalseFailover {
    /// Makes the experiment.
    ///
    /// # Errors
    /// When a device refuses its configuration, or the pair does not come to stand.
    pub fn conduct(&self, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
        self.play(Duration::from_secs(3_600) * self.hours, laboratory.build)
    }

    /// Lets a pair stand for a while.
    ///
    /// # Errors
    /// When a device refuses its configuration, or the pair does not come to stand.
    pub fn play(&self, span: Duration, build: Build<'_>) -> Result<Findings, String> {
        let plan = transfers::plan(self.seed, 0, Duration::ZERO, Duration::ZERO);
        let mut setup = Setup::new(plan, Profile::Fast);
        setup.links = vec![HaLinkId::Ha1, HaLinkId::Ha1Backup, HaLinkId::Ha2, HaLinkId::Ha2Backup];
        setup.quality.loss = LOSS;
        setup.watch = Watch::Results;
        let mut pair = Couple::standing(&setup, build)?;
        let begin = pair.elapsed();
        let end = begin + span;
        let mut random = Random::new(self.seed, "stalls", 0);
        let mut next = [0, 1].map(|_| begin + random.up_to(CALM_MAX));
        let mut stalls = 0;
        while let Some((device, at)) = (0..2).zip(next).min_by_key(|(_, at)| *at).filter(|(_, at)| *at < end)
        {
            pair.run_until(at);
            let stall = random.up_to(STALL_MAX);
            pair.world.freeze(device, stall);
            stalls += 1;
            // Behind this one: two that overlap are one that is longer than they may be.
            next[device] = at + stall + random.up_to(CALM_MAX);
        }
        pair.run_until(end);
        let is_take_over = |state: Option<HaState>| state == Some(HaState::Active);
        let changes = pair.history.changes.iter().filter(|change| change.at > begin);
        let take_overs = changes.filter(|change| is_take_over(change.state)).count();
        let lost: u64 = setup
            .links
            .iter()
            .filter_map(|link| pair.cable_between(*link))
            .filter_map(|cable| pair.world.links.get(cable))
            .map(|link| link.counters.lost)
            .sum();
        let is_met = take_overs == 0;
        let figure = |name, value, unit| Figure { name, value, unit };
        Ok(Findings {
            figures: vec![
                figure("simulated_hours", span.as_secs_f64() / 3_600.0, "h"),
                figure("stalls", f64::from(stalls), ""),
                figure("messages_lost", lost as f64, ""),
                figure("takeovers", take_overs as f64, ""),
            ],
            unmet: if is_met { Vec::new() } else { vec![format!("{take_overs} take-overs without a cause")] },
            failure: None,
        })
    }
}
