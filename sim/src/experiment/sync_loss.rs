//! HA2 links that lose, double and reorder what they carry: when the traffic stops, each device knows soon
//! what the other one does.
//!
//! ```text
//!  traffic over a bad HA2 link ─── cut ─── 1 s ──── a quarter of the longest timeout ────
//!                                    │       └─ tables equal         └─ and what is counted
//!                                    └─ no frame of a host arrives any more
//! ```
//!
//! The traffic stops at once and anywhere: sessions are left in all states. What is counted of a session is
//! told with each change, and where packets have come since at a quarter of its timeout; until then a copy
//! counts what was last told. Every second pair is active/active.

use std::{collections::BTreeMap, time::Duration};

use bifrons_ha::HaLinkId;

use super::{Figure, Findings, Laboratory, failover::OPENING, transfers};
use crate::{
    device::SharedCount,
    host::{crowd::Throng, udp::Questions},
    pair::{
        Couple, Profile, Setup,
        mode::{ActiveActive, COMBINATIONS, Mode},
    },
    plan::{Action, CROWD_PORT, Line, Plan, Rule, Service, Talk, TalkKind, UDP_PORT, Verdict},
    random::Random,
    run::Build,
};

/// What HA2 loses, doubles and reorders, each in parts of a million.
const MISHAPS: u32 = 50_000;
/// When the traffic stops, from the first talk on.
const CUT: (Duration, Duration) = (Duration::from_millis(700), Duration::from_secs(6));
/// How long the tables may differ after the traffic.
const EQUAL_WITHIN: Duration = Duration::from_secs(1);
/// Timeouts, so short that sessions are told of again while somebody waits for it.
const TIMEOUTS: &str = "\
    set deviceconfig setting session timeout-tcp 60\n\
    set deviceconfig setting session timeout-udp 40\n";
/// By then the counts of sessions have been told again: a quarter of the longest timeout, and what the link
/// takes to repeat something.
const COUNTED_WITHIN: Duration = Duration::from_secs(15 + 2);
/// UDP talks in each world.
const UDP_TALKS: usize = 12;

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
    /// Copies that count more than their owner does then.
    ahead: usize,
    /// Sessions compared when their counts had been told again, and those of them that differ.
    counted: usize,
    counted_differently: usize,
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
        // An answer in UDP that is ahead of its session would be one of its own where a rule lets it in.
        plan.rules =
            vec![Rule { from: Some(0), to: Some(1), service: Service::Any, verdict: Verdict::Allow }];
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
        let mut random = Random::new(seed, "questions", 0);
        for number in 0..UDP_TALKS {
            let questions = Questions { count: 40, interval: Duration::from_millis(150), length: 100 };
            let kind = TalkKind::Udp(questions);
            let hosts = plan.zones[0].hosts;
            let (client, server) = ((0, number % hosts), (1, random.below(hosts as u64) as usize));
            let number = self.transfers + 1 + number;
            let talk = Talk { number, client, server, is_v6: random.coin(), port: UDP_PORT, kind };
            plan.lines.push(Line { at: begin + random.up_to(OPENING), action: Action::Talk(talk) });
        }
        plan
    }

    fn setup(&self, seed: u64, begin: Duration) -> Setup {
        let plan = self.plan(seed, begin);
        let setup = if seed.is_multiple_of(2) {
            let (_, owner) = COMBINATIONS[(seed / 2) as usize % COMBINATIONS.len()];
            let mode = Mode::ActiveActive(ActiveActive { owner, ..ActiveActive::default() });
            Setup { mode, ..Setup::active_active(plan, Profile::Fast) }
        } else {
            Setup::new(plan, Profile::Fast)
        };
        Setup { lines: TIMEOUTS.to_owned(), ..setup }
    }

    fn trial(&self, seed: u64, build: Build<'_>) -> Result<Trial, String> {
        let begin = Profile::Fast.stands_after();
        let mut random = Random::new(seed, "cut", 0);
        let cut = begin + CUT.0 + random.up_to(CUT.1.saturating_sub(CUT.0));
        let mut pair = Couple::standing(&self.setup(seed, begin), build)?;
        let ha2 = pair.cable_between(HaLinkId::Ha2).ok_or("there is no HA2")?;
        let quality = &mut pair.world.links[ha2].quality;
        quality.loss = MISHAPS;
        quality.duplicate = MISHAPS;
        quality.reorder = MISHAPS;
        pair.run_until(cut);
        pair.silence();
        pair.run_until(cut + EQUAL_WITHIN);
        let [first, second] = [0, 1].map(|device| pair.world.devices[device].device.shared_sessions());
        let pairs = owners_and_copies(&pair);
        let is_ahead =
            |(owner, copy): &&Counts| std::iter::zip(owner, copy).any(|(owner, copy)| copy > owner);
        let ahead = pairs.iter().filter(is_ahead).count();
        pair.run_until(cut + COUNTED_WITHIN);
        let pairs = owners_and_copies(&pair);
        let counters = pair.world.links[ha2].counters;
        Ok(Trial {
            sessions: first.union(&second).count(),
            different: first.symmetric_difference(&second).count(),
            ahead,
            counted: pairs.len(),
            counted_differently: pairs.iter().filter(|(owner, copy)| owner != copy).count(),
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
        let ahead = total(|trial| trial.ahead as u64);
        if ahead > 0 {
            unmet.push(format!("{ahead} copies count more than their owners"));
        }
        let (counted, otherwise) =
            (total(|trial| trial.counted as u64), total(|trial| trial.counted_differently as u64));
        if otherwise > 0 {
            unmet
                .push(format!("of {counted} sessions {otherwise} are counted otherwise by the other device"));
        }
        if sessions == 0 || counted == 0 {
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
                figure("counters_compared", counted),
                figure("counters_different", otherwise),
                figure("counters_ahead", ahead),
            ],
            unmet,
            failure: None,
        }
    }
}

/// What the owner of a session counts, and what the other device does.
type Counts = ([u64; 4], [u64; 4]);

/// The counts of all sessions that both devices have.
fn owners_and_copies(pair: &Couple) -> Vec<Counts> {
    let [first, second] = [0, 1].map(|device| pair.world.devices[device].device.shared_counts());
    let of = |own: &BTreeMap<u32, SharedCount>, other: &BTreeMap<u32, SharedCount>| -> Vec<Counts> {
        let owned = own.iter().filter(|(_, count)| !count.is_copy);
        owned.filter_map(|(id, count)| Some((count.counted, other.get(id)?.counted))).collect()
    };
    [of(&first, &second), of(&second, &first)].concat()
}
