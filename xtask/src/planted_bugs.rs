//! `cargo xtask planted-bugs [--pair] [SEEDS [NAME]…]`: bugs that are planted in the simulated firewall, or
//! in the devices of a pair, and how many seeds it takes until the checks notice each.
#![allow(clippy::disallowed_types, reason = "the table says how long it took")]

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::{Result, bail};
use bifrons_model::Timestamp;
use bifrons_sim::{
    device::{Blueprint, Device},
    firewall,
    plan::{Mix, Plan},
    run::run,
    sabotage::{
        Bug, Sabotaged,
        pair::{self, PairBug},
    },
    shadow::Failure,
};

/// Seeds after which a bug counts as not found.
const SEEDS: u64 = 10_000;

/// Bugs that may stay hidden.
const MISSED_MAX: usize = 1;

/// A bug of a device alone, or of one in a pair.
#[derive(Clone, Copy)]
enum Planted {
    Alone(Bug),
    InPair(PairBug),
}

impl Planted {
    const fn name(self) -> &'static str {
        match self {
            Self::Alone(bug) => bug.name(),
            Self::InPair(bug) => bug.name(),
        }
    }
}

/// Looks for each bug in up to so many worlds: of devices alone, or of pairs with `--pair`. Names behind the
/// number are those of the bugs to look for.
pub fn look(arguments: &[String]) -> Result<()> {
    let is_pair = arguments.first().is_some_and(|word| word == "--pair");
    let rest = if is_pair { &arguments[1..] } else { arguments };
    let (seeds, names) = match rest.split_first() {
        Some((seeds, names)) => (seeds.parse()?, names),
        None => (SEEDS, rest),
    };
    let all: Vec<Planted> = if is_pair {
        PairBug::ALL.into_iter().map(Planted::InPair).collect()
    } else {
        Bug::ALL.into_iter().map(Planted::Alone).collect()
    };
    let bugs: Vec<Planted> = all
        .into_iter()
        .filter(|bug| names.is_empty() || names.iter().any(|name| name == bug.name()))
        .collect();
    println!("{:<22} {:>6} {:>8}  noticed as", "bug", "seed", "seconds");
    let mut found = 0;
    for bug in &bugs {
        let began = Instant::now();
        let first = first_failure(*bug, seeds)?;
        let seconds = began.elapsed().as_secs_f64();
        match first {
            Some((seed, failure)) => {
                found += 1;
                println!("{:<22} {seed:>6} {seconds:>8.1}  {}", bug.name(), failure.what.text());
            }
            None => println!("{:<22} {:>6} {seconds:>8.1}  not noticed", bug.name(), "-"),
        }
    }
    println!("{found} of {} found in {seeds} seeds", bugs.len());
    if found + MISSED_MAX < bugs.len() {
        bail!("more than {MISSED_MAX} of {} planted bugs were not found", bugs.len());
    }
    Ok(())
}

/// The first seed whose world notices the bug. Blocks of seeds run on all processors, so the answer is the
/// same on each machine.
fn first_failure(bug: Planted, seeds: u64) -> Result<Option<(u64, Failure)>> {
    let jobs = thread::available_parallelism().map_or(1, usize::from) as u64;
    let next = AtomicU64::new(0);
    let best = AtomicU64::new(seeds);
    let found = thread::scope(|scope| {
        let work = || -> Result<Option<(u64, Failure)>> {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= best.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                if let Some(failure) = play(bug, seed)? {
                    best.fetch_min(seed, Ordering::Relaxed);
                    return Ok(Some((seed, failure)));
                }
            }
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(found) => all.extend(found?),
                Err(_) => bail!("a world ended in a panic"),
            }
        }
        Ok(all)
    })?;
    Ok(found.into_iter().min_by_key(|(seed, _)| *seed))
}

fn play(bug: Planted, seed: u64) -> Result<Option<Failure>> {
    let build = |blueprint: &Blueprint<'_>, now: Timestamp| -> Result<Box<dyn Device>, String> {
        match bug {
            Planted::Alone(bug) => Ok(Box::new(Sabotaged::new(firewall::build(blueprint, now)?, bug, seed))),
            Planted::InPair(bug) => pair::Sabotaged::build(blueprint, now, &firewall::build, (bug, seed)),
        }
    };
    let mix = match bug {
        Planted::Alone(_) => Mix::Everything,
        Planted::InPair(_) => Mix::Pair,
    };
    match run(&Plan::draw(seed, None, mix), &build) {
        Ok(course) => Ok(course.failure),
        Err(why) => bail!("seed {seed}: {why}"),
    }
}
