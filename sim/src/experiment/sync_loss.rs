//! HA2 links that lose, double and reorder what they carry: when the traffic stops, the passive device knows
//! soon what the active one does.

use std::time::Duration;

use super::{Figure, Findings, Laboratory, failover::OPENING, transfers};
use crate::{
    host::crowd::Throng,
    pair::{Couple, Profile, Setup},
    plan::{Action, CROWD_PORT, Line, Plan, Talk, TalkKind},
    run::Build,
};
use bifrons_ha::HaLinkId;

/// What HA2 loses, doubles and reorders, each in parts of a million.
const MISHAPS: u32 = 50_000;
/// By then all talks of a trial are over, from the first one on.
const TRAFFIC: Duration = Duration::from_secs(8);
/// How long the tables may differ after the traffic.
const EQUAL_WITHIN: Duration = Duration::from_secs(1);

/// How large the experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncLoss {
    /// Worlds.
    pub trials: u32,
    /// Transfers in each.
    pub transfers: usize,
    /// Short connections in each.
    pub connections: u32,
    /// What the first trial is drawn from; the others from the numbers behind.
    pub first_seed: u64,
}

impl Default for SyncLoss {
    fn default() -> Self {
        Self { trials: 50, transfers: 20, connections: 400, first_seed: 1 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trial {
    sessions: usize,
    /// Sessions that only one device has, or has otherwise, a second after the traffic.
    different: usize,
    mishaps: u64,
}

impl SyncLoss {
    /// Makes the experiment.
    ///
    /// # Errors
    /// When a device refuses its configuration, or a pair does not come to stand.
    pub fn conduct(&self, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
        let trials = laboratory
            .trials(self.trials, |number| self.trial(self.first_seed + u64::from(number), laboratory.build));
        Ok(self.findings(&trials?))
    }

    fn plan(&self, seed: u64, begin: Duration) -> Plan {
        let mut plan = transfers::plan(seed, self.transfers, begin, OPENING);
        let interval = Duration::from_secs(4) / self.connections.max(1);
        let throng = Throng { count: self.connections, interval, requests: (1, 4) };
        let mut talk = Talk {
            number: self.transfers,
            client: (0, 0),
            server: (1, 0),
            is_v6: false,
            port: CROWD_PORT,
            kind: TalkKind::Crowd(throng),
        };
        talk.client.1 = Plan::own_host(&talk, false);
        talk.server.1 = Plan::own_host(&talk, true);
        plan.lines.push(Line { at: begin, action: Action::Talk(talk) });
        plan
    }

    fn trial(&self, seed: u64, build: Build<'_>) -> Result<Trial, String> {
        let begin = Profile::Fast.stands_after();
        let setup = Setup::new(self.plan(seed, begin), Profile::Fast);
        let mut pair = Couple::standing(&setup, build)?;
        let ha2 = pair.cable_between(HaLinkId::Ha2).ok_or("there is no HA2")?;
        let quality = &mut pair.world.links[ha2].quality;
        quality.loss = MISHAPS;
        quality.duplicate = MISHAPS;
        quality.reorder = MISHAPS;
        pair.run_until(begin + TRAFFIC + EQUAL_WITHIN);
        let [active, passive] = [0, 1].map(|device| pair.world.devices[device].device.shared_sessions());
        let counters = pair.world.links[ha2].counters;
        Ok(Trial {
            sessions: active.len(),
            different: active.symmetric_difference(&passive).count(),
            mishaps: counters.lost + counters.duplicated + counters.reordered,
        })
    }

    fn findings(&self, trials: &[Trial]) -> Findings {
        let total = |count: fn(&Trial) -> u64| trials.iter().map(count).sum::<u64>();
        let sessions = total(|trial| trial.sessions as u64);
        let different = total(|trial| trial.different as u64);
        let equal = trials.iter().filter(|trial| trial.different == 0).count();
        let mut unmet = Vec::new();
        if equal < trials.len() {
            unmet.push(format!(
                "the tables differ in {} of {} trials, by {different} sessions",
                trials.len() - equal,
                trials.len()
            ));
        }
        if sessions == 0 {
            unmet.push("no session was left to compare".to_owned());
        }
        let figure = |name, value: u64| Figure { name, value: value as f64, unit: "" };
        Findings {
            figures: vec![
                figure("trials", trials.len() as u64),
                figure("mishaps_on_ha2", total(|trial| trial.mishaps)),
                figure("sessions_compared", sessions),
                figure("sessions_different", different),
                figure("tables_equal", equal as u64),
            ],
            unmet,
            failure: None,
        }
    }
}
