//! What of a plan is about two firewalls.

use std::{fmt, time::Duration};

use bifrons_ha::HaLinkId;

use super::{Fault, Plan, Rule, Topology};
use crate::{
    link::Quality,
    pair::{
        Profile, Setup,
        mode::{ActiveActive, COMBINATIONS, Choice, Gateway, Mode},
    },
    world::Watch,
};

/// The mode in which one device forwards.
const ACTIVE_PASSIVE: &str = "active-passive";

/// Two firewalls in the place of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairPlan {
    /// The timers.
    pub profile: Profile,
    /// Whether one device forwards or both, who owns sessions then and who sets them up: a place in
    /// [`COMBINATIONS`].
    pub combination: Option<usize>,
    /// The links between the devices.
    pub links: Vec<HaLinkId>,
    /// How good these are.
    pub quality: Quality,
    /// Whether the loss of any zone's port takes a device out.
    pub monitors: bool,
    /// Whether the ports of a device that does not forward have no power (`passive-link-state shutdown`).
    pub is_dark: bool,
}

/// What happens to one device of a pair, or is ordered there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Something goes wrong. Cables are those of this device.
    Fault(Fault),
    /// The operator commits other rules.
    Commit(Vec<Rule>),
    /// The operator clears all sessions.
    Clear,
    /// `request high-availability state suspend`
    Suspend,
    /// `request high-availability state functional`
    Functional,
}

/// How a link between the devices breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// What device 0 sends is lost, and what device 1 sends.
    Cut([bool; 2]),
    /// The cable is pulled: both devices notice.
    Pull,
}

impl PairPlan {
    /// A pair with HA1 and HA2 on good links.
    pub fn new(profile: Profile) -> Self {
        let links = vec![HaLinkId::Ha1, HaLinkId::Ha2];
        // HA2 is a network of its own, with longer frames than those of hosts.
        let quality = Quality { mtu: 9_000, ..Quality::default() };
        Self { profile, combination: None, links, quality, monitors: false, is_dark: false }
    }

    /// The pair of a plan.
    pub fn setup(&self, plan: &Plan, watch: Watch) -> Setup {
        let (links, quality) = (self.links.clone(), self.quality);
        let monitors = self.monitors && plan.topology == Topology::Routed;
        let combination = self.combination.and_then(|place| COMBINATIONS.get(place));
        let mode = combination.map_or(Mode::ActivePassive, |(_, owner)| {
            let usual = ActiveActive::default();
            // So that each device owns some of the sessions that are hidden.
            let gateways = if plan.hides { [Gateway::Floating(Choice::Drawn); 3] } else { usual.gateways };
            Mode::ActiveActive(ActiveActive { owner: *owner, gateways, ..usual })
        });
        let is_dark = self.is_dark && mode == Mode::ActivePassive;
        Setup { mode, links, quality, monitors, is_dark, watch, ..Setup::new(plan.clone(), self.profile) }
    }

    /// The name of its mode.
    pub fn mode_name(&self) -> &'static str {
        self.combination.and_then(|place| COMBINATIONS.get(place)).map_or(ACTIVE_PASSIVE, |(name, _)| *name)
    }

    /// The combination of a mode's name; `None` inside for active/passive.
    pub(super) fn combination(name: &str) -> Option<Option<usize>> {
        if name == ACTIVE_PASSIVE {
            return Some(None);
        }
        COMBINATIONS.iter().position(|(known, _)| *known == name).map(Some)
    }
}

impl fmt::Display for PairPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = |span: Duration| crate::random::nanos(span);
        let links: Vec<&str> = self.links.iter().map(|link| link.name()).collect();
        let Quality { latency, jitter, loss, duplicate, reorder, mtu, bandwidth } = self.quality;
        write!(
            f,
            "pair {} mode {} monitors {} links {} latency {} jitter {} loss {loss} duplicate {duplicate} \
             reorder {reorder} mtu {mtu} bandwidth {bandwidth}",
            self.profile.name(),
            self.mode_name(),
            self.monitors,
            links.join(","),
            nanos(latency),
            nanos(jitter),
        )?;
        f.write_str(if self.is_dark { " passive-ports down" } else { "" })
    }
}

impl Breach {
    /// As scripts spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut([true, true]) => "cut-both",
            Self::Cut([true, false]) => "cut-from-0",
            Self::Cut([false, true]) => "cut-from-1",
            Self::Cut([false, false]) => "cut-none",
            Self::Pull => "pull",
        }
    }

    /// The breach of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let cuts = [[true, true], [true, false], [false, true]].map(Self::Cut);
        cuts.into_iter().chain([Self::Pull]).find(|breach| breach.name() == name)
    }
}

/// The link of a name.
pub(super) fn link(name: &str) -> Option<HaLinkId> {
    HaLinkId::ALL.into_iter().find(|link| link.name() == name)
}
