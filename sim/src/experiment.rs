//! Worlds that are built to measure one thing. What comes of an experiment is a list of figures and whether
//! they are what they must be.

pub mod failover;
pub mod false_failover;
pub mod flood;
pub mod handshakes;
mod laboratory;
pub mod owner_death;
pub mod switch_over;
pub mod sync_loss;
mod transfers;

pub use laboratory::{Laboratory, Progress};

use crate::{pair::Profile, shadow::Failure};

/// The experiments there are, each with what happens in it.
pub const EXPERIMENTS: [(&str, &str); 8] = [
    ("flood", "a million SYNs in a second upon a table that is full"),
    ("failover", "the active device dies in the middle of transfers"),
    ("link-down", "the active device loses a link that it watches"),
    ("switch-over", "an operator suspends the active device, there and back"),
    ("false-failover", "busy processors, lossy links: nobody may take over"),
    ("sync-loss", "a bad HA2 link: what do both devices know a second later"),
    ("handshakes", "active/active: SYNs to one device, answers to the other"),
    ("owner-death", "the owner of sessions dies: are verdicts and log the same"),
];

/// How an experiment is to be made, where it is not as usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How often it is made; of `false-failover` the simulated hours, of `handshakes` how many of these.
    pub trials: Option<u32>,
    /// How many transfers are in each trial, where it has any.
    pub transfers: Option<usize>,
    /// The timers of a pair of firewalls.
    pub profile: Profile,
}

/// A number that an experiment has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// What was counted.
    pub name: &'static str,
    /// How much.
    pub value: f64,
    /// Of what; a count of things that the name says has none.
    pub unit: &'static str,
}

/// What came of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// What was measured.
    pub figures: Vec<Figure>,
    /// Expectations of the experiment that were not met, a sentence each.
    pub unmet: Vec<String>,
    /// What the shadow noticed.
    pub failure: Option<Failure>,
}

impl Findings {
    /// Whether everything is as it must be.
    pub fn are_good(&self) -> bool {
        self.unmet.is_empty() && self.failure.is_none()
    }

    /// The value of a figure.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }
}

/// Makes an experiment.
///
/// # Errors
/// When there is none of this name, or the firewall refuses its configuration.
pub fn conduct(name: &str, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
    conduct_with(name, Extent::default(), laboratory)
}

/// Makes an experiment as large as it is to be.
///
/// # Errors
/// When there is none of this name, or the firewall refuses its configuration.
pub fn conduct_with(name: &str, extent: Extent, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
    let Extent { trials, transfers, profile } = extent;
    match name {
        "flood" => {
            let usual = flood::Siege::default();
            flood::Siege { transfers: transfers.unwrap_or(usual.transfers), ..usual }.conduct(laboratory)
        }
        "failover" | "link-down" => {
            let cause = if name == "failover" { failover::Cause::Crash } else { failover::Cause::LinkDown };
            let usual = failover::Failover::default();
            let trials = trials.unwrap_or(usual.trials);
            let transfers = transfers.unwrap_or(usual.transfers);
            failover::Failover { trials, transfers, cause, profile, ..usual }.conduct(laboratory)
        }
        "switch-over" => {
            let usual = switch_over::SwitchOver::default();
            let trials = trials.unwrap_or(usual.trials);
            let transfers = transfers.unwrap_or(usual.transfers);
            switch_over::SwitchOver { trials, transfers, profile, ..usual }.conduct(laboratory)
        }
        "false-failover" => {
            let usual = false_failover::FalseFailover::default();
            let hours = trials.unwrap_or(usual.hours);
            false_failover::FalseFailover { hours, ..usual }.conduct(laboratory)
        }
        "sync-loss" => {
            let usual = sync_loss::SyncLoss::default();
            let trials = trials.unwrap_or(usual.trials);
            let transfers = transfers.unwrap_or(usual.transfers);
            sync_loss::SyncLoss { trials, transfers, ..usual }.conduct(laboratory)
        }
        "handshakes" => {
            let usual = handshakes::Handshakes::default();
            let handshakes = trials.unwrap_or(usual.handshakes);
            handshakes::Handshakes { handshakes, ..usual }.conduct(laboratory)
        }
        "owner-death" => {
            let usual = owner_death::OwnerDeath::default();
            let scenarios = trials.unwrap_or(usual.scenarios);
            owner_death::OwnerDeath { scenarios, ..usual }.conduct(laboratory)
        }
        _ => Err(format!("no experiment {name}; there are {}", EXPERIMENTS.map(|(name, _)| name).join(", "))),
    }
}
