//! `cargo xtask planted-bugs [SEEDS]`: bugs that are planted in the simulated firewall, and how many seeds it
//! takes until the checks notice each.
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
    sabotage::{Bug, Sabotaged},
    shadow::Failure,
};

/// Seeds after which a bug counts as not found.
const SEEDS: u64 = 10_000;

/// Bugs that must be found.
const FOUND_MIN: usize = 9;

/// Looks for each bug in up to `seeds` worlds.
pub fn look(seeds: Option<&str>) -> Result<()> {
    let seeds: u64 = seeds.map_or(Ok(SEEDS), str::parse)?;
    println!("{:<20} {:>6} {:>8}  noticed as", "bug", "seed", "seconds");
    let mut found = 0;
    for bug in Bug::ALL {
        let began = Instant::now();
        let first = first_failure(bug, seeds)?;
        let seconds = began.elapsed().as_secs_f64();
        match first {
            Some((seed, failure)) => {
                found += 1;
                println!("{:<20} {seed:>6} {seconds:>8.1}  {}", bug.name(), failure.what.text());
            }
            None => println!("{:<20} {:>6} {seconds:>8.1}  not noticed", bug.name(), "-"),
        }
    }
    println!("{found} of {} found in {seeds} seeds", Bug::ALL.len());
    if found < FOUND_MIN {
        bail!("fewer than {FOUND_MIN} planted bugs were found");
    }
    Ok(())
}

/// The first seed whose world notices the bug. Blocks of seeds run on all processors, so the answer is the
/// same on each machine.
fn first_failure(bug: Bug, seeds: u64) -> Result<Option<(u64, Failure)>> {
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

fn play(bug: Bug, seed: u64) -> Result<Option<Failure>> {
    let build = |blueprint: &Blueprint<'_>, now: Timestamp| -> Result<Box<dyn Device>, String> {
        Ok(Box::new(Sabotaged::new(firewall::build(blueprint, now)?, bug, seed)))
    };
    match run(&Plan::draw(seed, None, Mix::Everything), &build) {
        Ok(course) => Ok(course.failure),
        Err(why) => bail!("seed {seed}: {why}"),
    }
}
