//! Simulated worlds with two devices, each from a seed. A failure tells the seed; `bifrons sim --mix pair
//! --seeds A..B` plays it alone and shortens it.

use std::collections::BTreeSet;

use bifrons_sim::{
    firewall,
    plan::{Mix, Plan},
    run::{Course, run},
    shadow::Failure,
    shrink::shrink,
};

/// Seeds of each run of the tests.
const SEEDS: u64 = 48;

fn play(seed: u64) -> Course {
    let plan = Plan::draw(seed, None, Mix::Pair);
    run(&plan, &firewall::build).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{plan}"))
}

fn tell(seed: u64, failure: &Failure) -> ! {
    let (short, _) = shrink(&Plan::draw(seed, None, Mix::Pair), failure.what, &firewall::build);
    panic!("seed {seed} after {:?}: {}: {}\n{short}", failure.at, failure.what.text(), failure.text);
}

#[test]
fn two_devices_keep_the_promises_of_one() {
    let halves = [0..SEEDS / 2, SEEDS / 2..SEEDS];
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        let workers = halves.map(|half| {
            scope.spawn(move || {
                let mut seen = BTreeSet::new();
                for seed in half {
                    let course = play(seed);
                    if let Some(failure) = &course.failure {
                        tell(seed, failure);
                    }
                    seen.extend(course.coverage.into_keys());
                }
                seen
            })
        });
        for worker in workers {
            seen.extend(worker.join().expect("all seeds of a half are clean"));
        }
    });
    for kind in ["crash", "take-over", "suspend", "transfer-finished", "message-lost", "commit"] {
        assert!(seen.contains(kind), "{kind} is not in {seen:?}");
    }
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    for seed in [3, 8] {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
    assert_ne!(play(3).digest, play(8).digest);
}

#[test]
fn the_seeds_have_something_of_everything() {
    let mut kinds = BTreeSet::new();
    for seed in 0..256 {
        let plan = Plan::draw(seed, None, Mix::Pair).to_string();
        let words = plan.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        kinds.extend(words.filter_map(|words| match words.as_slice() {
            [_, "device", _, deed, ..] => Some((*deed).to_owned()),
            [_, "between", _, breach, ..] => Some((*breach).to_owned()),
            [_, "talk", _, _, _, _, _, _, _, kind, ..] => Some((*kind).to_owned()),
            [_, other, ..] => Some((*other).to_owned()),
            _ => None,
        }));
    }
    for kind in [
        "restart",
        "freeze",
        "stall",
        "drift",
        "cut",
        "unplug",
        "suspend",
        "functional",
        "commit",
        "clear",
        "cut-both",
        "cut-from-0",
        "cut-from-1",
        "pull",
        "partition",
        "transfer",
        "ftp",
        "udp",
        "ping",
        "crowd",
    ] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
}
