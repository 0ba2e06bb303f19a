//! The plan of a seed with two devices. As with one device a seed draws first which kinds of mishap it has.

use std::time::Duration;

use bifrons_ha::HaLinkId;

use super::{
    Action, Breach, Deed, Fault, PairPlan, Plan, Topology,
    draw::{AT_TIMES, OFTEN, SELDOM, draw_workers, draw_zones},
};
use crate::{
    link::Quality,
    pair::{Profile, mode::COMBINATIONS},
    random::Random,
};

/// The pair stands before anything happens.
const BEGIN: Duration = Duration::from_secs(6);
/// The span in which talks begin and things go wrong.
const SPAN: Duration = Duration::from_secs(30);
/// When operators take in again what they have suspended.
const AGAIN: Duration = Duration::from_secs(42);

/// Draws a fault of one of two devices; it is handed the number of zones.
type DrawFault = fn(&mut Random, usize) -> Fault;

impl Plan {
    /// The plan of a seed with two devices.
    pub(super) fn draw_pair(seed: u64) -> Self {
        let mut random = Random::new(seed, "pair", 0);
        let zones = random.between(2, 3) as usize;
        let mut plan = Self {
            seed,
            topology: Topology::Routed,
            workers: draw_workers(&mut random).min(2),
            adjusts: random.chance(SELDOM),
            hides: random.chance(OFTEN),
            zones: draw_zones(&mut random, zones),
            pair: Some(draw_links(&mut random)),
            ..Self::default()
        };
        let is_both = plan.pair.as_ref().is_some_and(|pair| pair.combination.is_some());
        if is_both {
            plan.simplify_for_both();
        }
        plan.darken();
        plan.rules = plan.draw_rules(&mut random);
        plan.draw_talks(&mut random);
        // A full table is tried with one device.
        let is_flood = |action: &Action| matches!(action, Action::Talk(talk) if talk.kind.is_flood());
        plan.lines.retain(|line| !is_flood(&line.action));
        plan.capacity = Self::default().capacity;
        for line in &mut plan.lines {
            line.at += BEGIN;
        }
        plan.draw_losses(&mut random);
        plan.draw_mishaps(&mut random);
        plan.draw_breaches(&mut random);
        plan.draw_pair_orders(&mut random);
        plan.lines.sort_by_key(|line| line.at);
        plan
    }

    /// Where both devices forward nothing is hidden, and they hear each other by some link unless all are
    /// cut.
    fn simplify_for_both(&mut self) {
        self.hides = false;
        if let Some(pair) = &mut self.pair {
            pair.monitors = false;
            pair.links = vec![HaLinkId::Ha1, HaLinkId::Ha2, HaLinkId::Ha3];
            pair.links.extend([HaLinkId::Ha1Backup, HaLinkId::HeartbeatBackup]);
        }
    }

    /// Whether the passive device's ports are down. With monitored links they never are here: after a
    /// take-over by such a device failures do not count for a while.
    fn darken(&mut self) {
        // Drawn apart, so that what else a seed has does not change with it.
        let is_dark = Random::new(self.seed, "passive ports", 0).chance(AT_TIMES);
        if let Some(pair) = &mut self.pair {
            pair.is_dark = is_dark && !pair.monitors && pair.combination.is_none();
        }
    }

    /// What takes a device out.
    fn draw_losses(&mut self, random: &mut Random) {
        self.draw_at_device(random, OFTEN, 2, |random, _| {
            let is_long = random.chance(300_000);
            Fault::Restart(random.up_to(Duration::from_secs(if is_long { 25 } else { 4 })))
        });
        self.draw_at_device(random, SELDOM, 3, |random, _| {
            let most = if random.coin() { 3_000 } else { 150 };
            Fault::Freeze(random.up_to(Duration::from_millis(most)))
        });
        if self.pair.as_ref().is_some_and(|pair| pair.monitors) {
            self.draw_at_device(random, OFTEN, 2, |random, zones| {
                let zone = random.below(zones as u64) as usize;
                Fault::Unplug(zone, random.up_to(Duration::from_secs(5)))
            });
        }
        if random.chance(AT_TIMES) {
            let device = random.below(2) as usize;
            let at = BEGIN + random.up_to(SPAN);
            self.push(at, Action::Device(device, Deed::Suspend));
            let again = if random.coin() { at + random.up_to(Duration::from_secs(20)) } else { AGAIN };
            self.push(again, Action::Device(device, Deed::Functional));
        }
    }

    /// What a device is to bear.
    fn draw_mishaps(&mut self, random: &mut Random) {
        self.draw_at_device(random, OFTEN, 30, |random, _| {
            Fault::Stall(random.up_to(Duration::from_millis(20)))
        });
        self.draw_at_device(random, AT_TIMES, 3, |random, _| {
            Fault::Drift(random.between(0, 1_000) as i32 - 500)
        });
        self.draw_at_device(random, SELDOM, 3, |random, zones| {
            let (inward, outward) = [(true, false), (false, true), (true, true)][random.below(3) as usize];
            let zone = random.below(zones as u64) as usize;
            Fault::Cut { zone, inward, outward, span: random.up_to(Duration::from_secs(2)) }
        });
    }

    /// What goes wrong between the devices.
    fn draw_breaches(&mut self, random: &mut Random) {
        let mut links = self.pair.as_ref().map(|pair| pair.links.clone()).unwrap_or_default();
        let is_both = links.contains(&HaLinkId::Ha3);
        if is_both {
            links.retain(|link| !matches!(link, HaLinkId::Ha1Backup | HaLinkId::HeartbeatBackup));
        }
        if random.chance(OFTEN) {
            for _ in 0..random.between(1, 4) {
                let Some(link) = random.pick(&links).copied() else { return };
                let breach = match random.below(4) {
                    0 => Breach::Cut([true, false]),
                    1 => Breach::Cut([false, true]),
                    2 => Breach::Cut([true, true]),
                    _ => Breach::Pull,
                };
                let span = random.up_to(Duration::from_secs(8));
                self.push(BEGIN + random.up_to(SPAN), Action::Between(link, breach, span));
            }
        }
        if random.chance(SELDOM) {
            let span = random.up_to(Duration::from_secs(6));
            self.push(BEGIN + random.up_to(SPAN), Action::Partition(span));
        }
    }

    fn draw_pair_orders(&mut self, random: &mut Random) {
        if random.chance(OFTEN) {
            for _ in 0..random.between(1, 8) {
                let rules = self.draw_rules(random);
                let device = usize::from(random.chance(300_000));
                self.push(BEGIN + random.up_to(SPAN), Action::Device(device, Deed::Commit(rules)));
            }
        }
        if random.chance(SELDOM) {
            let device = usize::from(random.chance(300_000));
            self.push(BEGIN + random.up_to(SPAN), Action::Device(device, Deed::Clear));
        }
    }

    fn draw_at_device(&mut self, random: &mut Random, of_million: u32, most: u64, draw: DrawFault) {
        if !random.chance(of_million) {
            return;
        }
        for _ in 0..random.between(1, most) {
            let at = BEGIN + random.up_to(SPAN);
            let device = random.below(2) as usize;
            let fault = draw(random, self.zones.len());
            self.push(at, Action::Device(device, Deed::Fault(fault)));
        }
    }
}

/// Profile and links: most pairs are fast, most have a backup of HA1, and most links are good.
fn draw_links(random: &mut Random) -> PairPlan {
    let profile = match random.below(8) {
        0 => Profile::Recommended,
        1 => Profile::Aggressive,
        _ => Profile::Fast,
    };
    let mut pair = PairPlan::new(profile);
    if random.chance(AT_TIMES) {
        pair.combination = Some(random.below(COMBINATIONS.len() as u64) as usize);
    }
    if random.chance(600_000) {
        pair.links.push(HaLinkId::Ha1Backup);
    }
    if random.chance(300_000) {
        pair.links.push(HaLinkId::HeartbeatBackup);
    }
    if random.chance(400_000) {
        pair.links.push(HaLinkId::Ha2Backup);
    }
    pair.monitors = random.chance(AT_TIMES);
    let mut some = |of_million: u32, most: u64| {
        if random.chance(of_million) { random.below(most + 1) as u32 } else { 0 }
    };
    let (loss, duplicate, reorder) = (some(OFTEN, 10_000), some(AT_TIMES, 50_000), some(AT_TIMES, 50_000));
    pair.quality = Quality { loss, duplicate, reorder, ..pair.quality };
    // Now and then links that no operator would leave as they are.
    if random.chance(SELDOM) {
        pair.quality.loss = 50_000;
    }
    pair
}
