//! `bifrons sim`: the firewall in a simulated world.

mod experiment;
mod seeds;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow, bail};
use bifrons_sim::{
    experiment::{EXPERIMENTS, Extent, Laboratory},
    firewall,
    pair::Profile,
    plan::{Mix, Plan, Topology},
    run::{Build, run, trace},
    shadow::Failure,
    shrink::shrink,
    story,
};
use clap::Args;

/// Runs the firewall in simulated worlds, each made from a seed, and checks everything it does
///
/// A world has hosts with real network stacks, switches, links that lose, double and delay frames, and an
/// operator who commits and clears; the firewall in it freezes, restarts and has a wrong clock. Equal seeds
/// are equal in every event. The exit code is 1 when an expectation was not met; the seed is told then, and a
/// short script that shows the same.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Arguments {
    /// Plays these seeds, the last one not included
    #[arg(long, value_name = "A..B", group = "what", value_parser = range)]
    seeds: Option<(u64, u64)>,
    /// Plays a script, such as a failing run prints
    #[arg(long, value_name = "FILE", group = "what")]
    script: Option<PathBuf>,
    /// With --script: tells every frame and record
    #[arg(long, requires = "script")]
    trace: bool,
    /// Tells a small run step by step
    #[arg(long, value_name = "NAME", group = "what", value_parser = story::STORIES)]
    story: Option<String>,
    /// Prints the plan of a seed as a script, without playing it
    #[arg(long, value_name = "SEED", group = "what")]
    plan: Option<u64>,
    /// Makes an experiment and prints what it measured
    ///
    /// flood: a million SYNs in a second upon a full session table, while a thousand transfers stand.
    /// failover: the active device of a pair dies in the middle of transfers. link-down: it loses a link
    /// instead. switch-over: an operator suspends it, there and back. false-failover: a pair with busy
    /// processors and links that lose messages, in which nobody may take over. sync-loss: a pair with a bad
    /// HA2 link. handshakes: both devices of a pair forward; SYNs come to one, the answers to the other.
    /// owner-death: the device that owns sessions dies; applications, rules and log are compared with a world
    /// in which it lives
    #[arg(long, value_name = "NAME", group = "what", value_parser = EXPERIMENTS)]
    experiment: Option<String>,
    /// With --experiment: how often it is made; of false-failover the hours, of handshakes their number
    #[arg(long, value_name = "N", requires = "experiment")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    trials: Option<u32>,
    /// With --experiment: transfers in each trial, where it has any
    #[arg(long, value_name = "N", requires = "experiment")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    transfers: Option<u16>,
    /// With --experiment: the timers of the pair
    #[arg(long, value_name = "NAME", requires = "experiment", default_value = "fast", value_parser = profile)]
    profile: Profile,
    /// With --experiment: prints the figures as JSON
    #[arg(long, requires = "experiment")]
    json: bool,
    /// What seeds are drawn from
    ///
    /// everything: all kinds of traffic and of faults. transfers: TCP transfers that the rules allow, over
    /// links that lose 5 % of the frames, double and reorder others, with a commit in every simulated second;
    /// all of them have to come through. pair: an active/passive pair, with devices that die, stall and lose
    /// cables, links between them that fail, and an operator at both
    #[arg(long, value_name = "MIX", default_value = "everything", value_parser = Mix::ALL.map(Mix::name))]
    mix: String,
    /// How the firewall stands in the network: routed or virtual-wire [default: as the seed draws]
    #[arg(long, value_name = "TOPOLOGY", value_parser = topology)]
    topology: Option<Topology>,
    /// Worlds that run at the same time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let expected = || "expected A..B with A below B, such as 0..256".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(expected)?;
    let from = from.parse().map_err(|_| expected())?;
    let to = to.parse().map_err(|_| expected())?;
    if from < to { Ok((from, to)) } else { Err(expected()) }
}

fn profile(text: &str) -> Result<Profile, String> {
    Profile::from_name(text).ok_or_else(|| "expected fast, recommended or aggressive".to_owned())
}

fn topology(text: &str) -> Result<Topology, String> {
    Topology::from_name(text).ok_or_else(|| "expected routed or virtual-wire".to_owned())
}

pub fn run_command(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let build: Build<'_> = &firewall::build;
    let mix = Mix::from_name(&arguments.mix).unwrap_or_default();
    if let Some(name) = &arguments.experiment {
        let extent = Extent {
            trials: arguments.trials,
            transfers: arguments.transfers.map(usize::from),
            profile: arguments.profile,
        };
        let laboratory = Laboratory::new(build);
        let jobs = arguments.jobs.map_or(laboratory.jobs, usize::from);
        return experiment::conduct(name, extent, arguments.json, Laboratory { jobs, ..laboratory });
    }
    if let Some(name) = &arguments.story {
        print!("{}", story::tell(name, build).map_err(|why| anyhow!(why))?);
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(seed) = arguments.plan {
        print!("{}", Plan::draw(seed, arguments.topology, mix));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &arguments.script {
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read the script {name}"))?;
        let plan = Plan::parse(&text).with_context(|| format!("cannot read the script {name}"))?;
        return play(&plan, build, arguments.trace);
    }
    let Some((from, to)) = arguments.seeds else {
        bail!("expected --seeds, --script, --story, --experiment or --plan")
    };
    seeds::play(from..to, (arguments.topology, mix), arguments.jobs.map(usize::from), build)
}

/// One plan, and what came of it.
fn play(plan: &Plan, build: Build<'_>, is_told: bool) -> anyhow::Result<ExitCode> {
    let course = if is_told { trace(plan, build, &mut |line| println!("{line}")) } else { run(plan, build) };
    let course = course.map_err(|why| anyhow!(why))?;
    println!(
        "{} events, {} frames and {} records in {:.3} simulated seconds, digest {:016x}",
        course.events,
        course.frames,
        course.records,
        course.simulated.as_secs_f64(),
        course.digest
    );
    for (what, times) in &course.coverage {
        println!("  {what:<20} {times:>8}");
    }
    match &course.failure {
        None => Ok(ExitCode::SUCCESS),
        Some(failure) => {
            eprintln!("bifrons: {}", show(failure));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn show(failure: &Failure) -> String {
    format!(
        "after {:.6} s: expected that {}: {}",
        failure.at.as_secs_f64(),
        failure.what.text(),
        failure.text
    )
}

/// Tells a failing seed, and the shortest script that shows the same.
fn tell_failure(plan: &Plan, mix: Mix, failure: &Failure, build: Build<'_>) {
    let topology = plan.topology.name();
    eprintln!("bifrons: seed {}, {topology}: {}", plan.seed, show(failure));
    let seed = plan.seed;
    let mix = mix.name();
    eprintln!("play it again: bifrons sim --seeds {seed}..{} --topology {topology} --mix {mix}", seed + 1);
    let (short, runs) = shrink(plan, failure.what, build);
    eprintln!(
        "{} of {} lines are enough ({runs} runs); in a file, `bifrons sim --script FILE` plays them:\n",
        short.lines.len(),
        plan.lines.len()
    );
    eprintln!("{short}");
}
