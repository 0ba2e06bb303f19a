//! Many seeds at the same time.
#![allow(clippy::disallowed_types, reason = "the summary says how long it took")]

use std::{
    collections::BTreeMap,
    ops::Range,
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Instant,
};

use anyhow::anyhow;
use bifrons_sim::{
    plan::{Mix, Plan, Topology},
    run::{Build, Course, run},
};
use serde_json::{Map, Value, json};

/// What several runs came to.
#[derive(Default)]
struct Sums {
    runs: u64,
    simulated_seconds: f64,
    frames: u64,
    records: u64,
    /// By kind: seeds that had it, and how often.
    coverage: BTreeMap<&'static str, (u64, u64)>,
    failed: Option<u64>,
}

impl Sums {
    fn add(&mut self, course: &Course) {
        self.runs += 1;
        self.simulated_seconds += course.simulated.as_secs_f64();
        self.frames += course.frames;
        self.records += course.records;
        for (what, times) in &course.coverage {
            let (seeds, all) = self.coverage.entry(what).or_default();
            *seeds += 1;
            *all += times;
        }
    }

    fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.simulated_seconds += other.simulated_seconds;
        self.frames += other.frames;
        self.records += other.records;
        for (what, (seeds, times)) in &other.coverage {
            let sum = self.coverage.entry(what).or_default();
            *sum = (sum.0 + seeds, sum.1 + times);
        }
        self.failed = [self.failed, other.failed].into_iter().flatten().min();
    }

    /// The same as [`Self::print`] tells.
    fn to_json(&self, seconds: f64) -> Value {
        let kinds = self
            .coverage
            .iter()
            .map(|(what, (seeds, times))| ((*what).to_owned(), json!({ "seeds": seeds, "times": times })));
        json!({
            "seeds": self.runs,
            "seconds": seconds,
            "simulated_seconds": self.simulated_seconds,
            "frames": self.frames,
            "records": self.records,
            "kinds": kinds.collect::<Map<String, Value>>(),
            "failed_seed": self.failed,
        })
    }

    fn print(&self, seconds: f64) {
        let per_second = |count: f64| count / seconds.max(f64::MIN_POSITIVE);
        println!(
            "{} seeds in {seconds:.1} s, {:.1} in a second; {:.1} simulated hours, {:.0} times real time",
            self.runs,
            per_second(self.runs as f64),
            self.simulated_seconds / 3_600.0,
            per_second(self.simulated_seconds)
        );
        println!(
            "{} frames, {:.0} in a second; {} records",
            self.frames,
            per_second(self.frames as f64),
            self.records
        );
        println!("\n  {:<20} {:>8} {:>10}", "kind", "seeds", "times");
        for (what, (seeds, times)) in &self.coverage {
            println!("  {what:<20} {seeds:>8} {times:>10}");
        }
    }
}

/// Plays seeds of a mix, as many at a time as there are `jobs`. The first failure ends it.
pub fn play(
    seeds: Range<u64>,
    (topology, mix): (Option<Topology>, Mix),
    jobs: Option<usize>,
    as_json: bool,
    build: Build<'_>,
) -> anyhow::Result<ExitCode> {
    let jobs = jobs.or_else(|| thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let next = AtomicU64::new(seeds.start);
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    let sums = thread::scope(|scope| {
        let work = || {
            let mut sums = Sums::default();
            while !is_over.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    break;
                }
                let course = run(&Plan::draw(seed, topology, mix), build);
                let course = course.map_err(|why| anyhow!("seed {seed}: {why}"))?;
                sums.add(&course);
                if course.failure.is_some() {
                    sums.failed = Some(seed);
                    is_over.store(true, Ordering::Relaxed);
                }
            }
            Ok(sums)
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut all = Sums::default();
        for worker in workers {
            let sums: anyhow::Result<Sums> =
                worker.join().map_err(|_| anyhow!("a world ended in a panic; its seed stands above"))?;
            all.merge(&sums?);
        }
        anyhow::Ok(all)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    if as_json {
        println!("{:#}", sums.to_json(seconds));
    } else {
        sums.print(seconds);
    }
    let Some(seed) = sums.failed else { return Ok(ExitCode::SUCCESS) };
    let plan = Plan::draw(seed, topology, mix);
    if let Some(failure) = run(&plan, build).map_err(|why| anyhow!(why))?.failure {
        super::tell_failure(&plan, mix, &failure, build);
    }
    Ok(ExitCode::FAILURE)
}
