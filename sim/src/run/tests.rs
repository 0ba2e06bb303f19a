use super::*;
use crate::{
    device::Cable,
    plan::{Mix, Service, Topology, Verdict},
};

fn cable(_: &Blueprint<'_>, _: Timestamp) -> Result<Box<dyn Device>, String> {
    Ok(Box::new(Cable::default()))
}

/// A plan of a wire without rules of the operator's that a cable can follow.
fn open_plan(seed: u64) -> Plan {
    let mut plan = Plan::draw(seed, Some(Topology::VirtualWire), Mix::Everything);
    plan.rules = vec![Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow }];
    // A cable takes no orders, notices none that is pulled and does not forget who began what when it begins
    // anew.
    let is_for_a_cable = |action: &Action| {
        !matches!(
            action,
            Action::Commit(_) | Action::Clear | Action::Fault(Fault::Restart(_) | Fault::Unplug(..))
        )
    };
    // It passes the parts of a packet one by one, as they come.
    let is_in_parts = |action: &Action| match action {
        Action::Talk(Talk { kind: TalkKind::Udp(asked), .. }) => asked.length > 1_200,
        Action::Talk(_)
        | Action::Commit(_)
        | Action::Commits(_)
        | Action::Clear
        | Action::Fault(_)
        | Action::Device(..)
        | Action::Between(..)
        | Action::Partition(_) => false,
    };
    plan.lines.retain(|line| is_for_a_cable(&line.action) && !is_in_parts(&line.action));
    plan
}

/// What a cable cannot be blamed for: it logs nothing.
fn is_real(failure: &Failure) -> bool {
    failure.what != What::Logged
}

#[test]
fn a_cable_is_faithful() {
    for seed in 0..60 {
        let course = run(&open_plan(seed), &cable).expect("a cable has no configuration");
        let failure = course.failure.filter(is_real);
        assert_eq!(failure, None, "seed {seed}\n{}", open_plan(seed));
    }
}

#[test]
fn a_seed_is_a_run() {
    let course = |seed| run(&open_plan(seed), &cable).expect("a cable has no configuration");
    assert_eq!(course(5), course(5));
    assert_ne!(course(5).digest, course(6).digest);
}

#[test]
fn what_no_rule_allows_is_noticed() {
    let found = (0..10).filter_map(|seed| {
        let mut plan = open_plan(seed);
        plan.rules.clear();
        run(&plan, &cable).expect("a cable has no configuration").failure
    });
    let found: Vec<What> = found.map(|failure| failure.what).collect();
    assert!(found.len() == 10 && found.iter().all(|what| *what == What::Allowed), "{found:?}");
}
