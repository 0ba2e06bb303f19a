//! What plans are drawn for: everything, or one thing often.

use std::time::Duration;

use super::{
    Action, IDLE_PORTS, Plan, Rule, Service, TRANSFER_PORTS, Talk, Topology, Verdict, ZonePlan,
    draw::{draw_transfer, draw_workers},
};
use crate::{link::Quality, random::Random};

/// A mix of what happens in a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mix {
    /// All kinds of traffic, all kinds of faults.
    #[default]
    Everything,
    /// TCP transfers that the rules allow, over links that lose one frame in twenty, double and reorder
    /// others, while the operator commits every second. All have to come through.
    Transfers,
    /// Two devices as one: all kinds of traffic, and what may happen to either device and between them.
    Pair,
}

/// The chance, of a million, that a link of the transfers' mix loses a frame.
const LOSS: u32 = 50_000;

impl Mix {
    /// All mixes.
    pub const ALL: [Self; 3] = [Self::Everything, Self::Transfers, Self::Pair];

    /// As the command line spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Transfers => "transfers",
            Self::Pair => "pair",
        }
    }

    /// The mix of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mix| mix.name() == name)
    }
}

impl Plan {
    /// The plan of a seed, in a given topology or in one that the seed draws.
    pub fn draw(seed: u64, topology: Option<Topology>, mix: Mix) -> Self {
        match mix {
            Mix::Everything => Self::draw_everything(seed, topology),
            Mix::Transfers => Self::draw_transfers(seed, topology),
            Mix::Pair => Self::draw_pair(seed),
        }
    }

    fn draw_transfers(seed: u64, topology: Option<Topology>) -> Self {
        let mut random = Random::new(seed, "transfers", 0);
        let drawn = if random.chance(250_000) { Topology::VirtualWire } else { Topology::Routed };
        let topology = topology.unwrap_or(drawn);
        let count = if topology == Topology::Routed { random.between(2, 3) } else { 2 };
        let all = Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow };
        let idle =
            Rule { service: Service::Tcp(IDLE_PORTS, IDLE_PORTS + 1), verdict: Verdict::ResetBoth, ..all };
        let mut plan = Self {
            seed,
            topology,
            workers: draw_workers(&mut random),
            hides: topology == Topology::Routed && random.chance(250_000),
            adjusts: topology == Topology::Routed && random.chance(250_000),
            zones: (0..count).map(|_| draw_bad_zone(&mut random)).collect(),
            rules: vec![idle, all],
            ..Self::default()
        };
        plan.push(Duration::from_secs(1), Action::Commits(Duration::from_secs(1)));
        for number in 0..random.between(3, 8) as usize {
            let from = random.below(count) as usize;
            let to = (from + random.between(1, count - 1) as usize) % count as usize;
            let talk = Talk {
                number,
                client: (from, random.below(plan.zones[from].hosts as u64) as usize),
                server: (to, random.below(plan.zones[to].hosts as u64) as usize),
                is_v6: random.chance(300_000),
                port: random.pick(&TRANSFER_PORTS).copied().unwrap_or(TRANSFER_PORTS[0]),
                kind: draw_transfer(&mut random),
            };
            let at = random.up_to(Duration::from_secs(20));
            plan.push(at, Action::Talk(talk));
        }
        plan.lines.sort_by_key(|line| line.at);
        plan
    }
}

/// A zone behind a bad link.
fn draw_bad_zone(random: &mut Random) -> ZonePlan {
    let mtu = if random.chance(250_000) { random.between(1_280, 1_500) as usize } else { 1_500 };
    ZonePlan {
        hosts: random.between(1, 3) as usize,
        mtu,
        quality: Quality {
            latency: Duration::from_micros(random.between(20, 20_000)),
            jitter: random.up_to(Duration::from_millis(10)),
            loss: LOSS,
            duplicate: random.between(1_000, 50_000) as u32,
            reorder: random.between(1_000, 50_000) as u32,
            mtu,
            bandwidth: 0,
        },
        tag: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TalkKind;

    #[test]
    fn transfers_lose_one_frame_in_twenty_and_are_committed_under() {
        for seed in 0..50 {
            let plan = Plan::draw(seed, None, Mix::Transfers);
            assert!(plan.zones.iter().all(|zone| zone.quality.loss == LOSS && zone.quality.reorder > 0));
            assert!(plan.zones.iter().all(|zone| zone.quality.duplicate > 0));
            assert!(plan.talks().all(|(_, talk)| matches!(talk.kind, TalkKind::Transfer(_))));
            assert!(plan.lines.iter().any(|line| line.action == Action::Commits(Duration::from_secs(1))));
        }
    }

    #[test]
    fn a_mix_has_a_name() {
        assert!(Mix::ALL.iter().all(|mix| Mix::from_name(mix.name()) == Some(*mix)));
        assert_eq!(Mix::from_name("tea"), None);
    }
}
