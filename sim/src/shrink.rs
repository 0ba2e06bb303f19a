//! A failing plan made short: what it fails without is left out.

use crate::{
    link::Quality,
    plan::{Action, Deed, Plan},
    run::{Build, run},
    shadow::What,
};

/// Runs that a search may take.
const RUNS_MAX: usize = 400;

/// The shortest plan that this finds which fails as `plan` does, and how many runs it took.
pub fn shrink(plan: &Plan, what: What, build: Build<'_>) -> (Plan, usize) {
    let mut search = Search { best: plan.clone(), what, build, runs: 0 };
    let mut size = search.best.lines.len().div_ceil(2);
    while size > 0 && search.runs < RUNS_MAX {
        let before = search.best.lines.len();
        search.leave_out(size);
        let has_worked = search.best.lines.len() < before;
        if size == 1 && !has_worked {
            break;
        }
        size = if has_worked { size.min(search.best.lines.len()) } else { size / 2 };
    }
    search.simplify();
    (search.best, search.runs)
}

struct Search<'a> {
    best: Plan,
    what: What,
    build: Build<'a>,
    runs: usize,
}

impl Search<'_> {
    /// Takes a plan that still fails in the same way.
    fn take_if_fails(&mut self, plan: Plan) -> bool {
        if self.runs >= RUNS_MAX || plan == self.best {
            return false;
        }
        self.runs += 1;
        let failure = run(&plan, self.build).ok().and_then(|course| course.failure);
        let fails = failure.is_some_and(|failure| failure.what == self.what);
        if fails {
            self.best = plan;
        }
        fails
    }

    /// Leaves out lines, `size` at a time.
    fn leave_out(&mut self, size: usize) {
        let mut from = 0;
        while from < self.best.lines.len() {
            let mut plan = self.best.clone();
            let until = (from + size).min(plan.lines.len());
            plan.lines.drain(from..until);
            if !self.take_if_fails(plan) {
                from += size;
            }
        }
    }

    /// Makes the network better and the rules fewer.
    fn simplify(&mut self) {
        let mut still = self.best.clone();
        for zone in &mut still.zones {
            (zone.quality.loss, zone.quality.duplicate, zone.quality.reorder) = (0, 0, 0);
            (zone.quality.jitter, zone.quality.bandwidth) = (std::time::Duration::ZERO, 0);
        }
        if !self.take_if_fails(still) {
            for change in [
                |plan: &mut Plan| plan.zones.iter_mut().for_each(|zone| zone.quality.loss = 0),
                |plan: &mut Plan| plan.zones.iter_mut().for_each(|zone| zone.quality.duplicate = 0),
                |plan: &mut Plan| plan.zones.iter_mut().for_each(|zone| zone.quality.reorder = 0),
                |plan: &mut Plan| plan.zones.iter_mut().for_each(|zone| zone.quality.bandwidth = 0),
            ] {
                let mut plan = self.best.clone();
                change(&mut plan);
                self.take_if_fails(plan);
            }
        }
        let mut good = self.best.clone();
        if let Some(pair) = &mut good.pair {
            pair.quality = Quality { mtu: pair.quality.mtu, ..Quality::default() };
        }
        self.take_if_fails(good);
        let mut open = self.best.clone();
        open.hides = false;
        self.take_if_fails(open);
        let mut place = 0;
        while place < self.best.rules.len() {
            let mut plan = self.best.clone();
            let rule = plan.rules.remove(place);
            for line in &mut plan.lines {
                if let Action::Commit(rules) | Action::Device(_, Deed::Commit(rules)) = &mut line.action {
                    rules.retain(|other| *other != rule);
                }
            }
            if !self.take_if_fails(plan) {
                place += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bifrons_model::Timestamp;

    use super::*;
    use crate::{
        device::{Blueprint, Cable, Device, DeviceOutput, Figures, Order},
        plan::{Mix, Rule, Service, Topology, Verdict},
    };

    /// A cable that turns one bit after so many frames.
    struct Flaw {
        cable: Cable,
        left: u32,
    }

    impl Device for Flaw {
        fn handle_frame(&mut self, now: Timestamp, port: usize, mut frame: Vec<u8>) {
            self.left = self.left.saturating_sub(1);
            if let (0, Some(last)) = (self.left, frame.last_mut()) {
                *last ^= 1;
            }
            self.cable.handle_frame(now, port, frame);
        }
        fn handle_order(&mut self, _: Timestamp, _: &Order) -> Result<(), String> {
            Ok(())
        }
        fn handle_timeout(&mut self, _: Timestamp) {}
        fn poll_timeout(&self) -> Option<Timestamp> {
            None
        }
        fn poll_output(&mut self) -> Option<DeviceOutput> {
            self.cable.poll_output()
        }
        fn figures(&self) -> Figures {
            self.cable.figures()
        }
        fn restart(&mut self, _: Timestamp) {}
    }

    #[test]
    fn a_failing_plan_gets_short_and_can_be_played_again() {
        let build = |_: &Blueprint<'_>, _: Timestamp| -> Result<Box<dyn Device>, String> {
            Ok(Box::new(Flaw { cable: Cable::default(), left: 20 }))
        };
        let mut plan = Plan::draw(3, Some(Topology::VirtualWire), Mix::Everything);
        plan.rules = vec![Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow }];
        let failure = run(&plan, &build).ok().and_then(|course| course.failure).expect("it fails");
        let (short, runs) = shrink(&plan, failure.what, &build);
        assert!(short.lines.len() <= 2, "{runs} runs\n{short}");
        let again = Plan::parse(&short.to_string()).expect("a script");
        let course = run(&again, &build).expect("a configuration");
        assert_eq!(course.failure.map(|failure| failure.what), Some(failure.what));
        assert!(course.simulated < Duration::from_secs(100_000));
    }
}
