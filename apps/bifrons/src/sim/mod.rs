//! `bifrons sim`: the firewall in a simulated world.

mod experiment;
mod named;
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
use named::Named;

/// What goes with what.
const USAGE: &str = "\
bifrons sim --seeds <A..B> [--mix <MIX>] [--topology <TOPOLOGY>]
                   [--jobs <N>] [--json]
       bifrons sim --plan <SEED> [--mix <MIX>] [--topology <TOPOLOGY>]
       bifrons sim --script <FILE> [--trace]
       bifrons sim --story <NAME>
       bifrons sim --experiment <NAME> [--trials <N>] [--transfers <N>]
                   [--profile <NAME>] [--jobs <N>] [--json]";

const MIXES: [(&str, &str); 3] = [
    ("everything", "all kinds of traffic and of faults"),
    (
        "transfers",
        "TCP transfers that the rules allow, over links that lose 5 % of the frames, double and reorder \
         others, with a commit in every simulated second; all of them have to come through",
    ),
    (
        "pair",
        "two devices as one, active/passive or active/active, that die, stall and lose cables, links between \
         them that fail, and an operator at both",
    ),
];
const TOPOLOGIES: [(&str, &str); 2] =
    [("routed", "between networks, as a router"), ("virtual-wire", "in the middle of a cable")];
const PROFILES: [(&str, &str); 3] = [
    ("fast", "the peer is lost after 45 ms of silence"),
    ("recommended", "three heartbeats of 2 s, then 2 s of hold"),
    ("aggressive", "three heartbeats of 1 s, then 0.5 s of hold"),
];

/// Runs the firewall in simulated worlds, each made from a seed, and checks everything it does
///
/// A world has hosts with real network stacks, switches, links that lose, double and delay frames, and an
/// operator who commits and clears; the firewall in it freezes, restarts and has a wrong clock. Equal seeds
/// are equal in every event. The exit code is 1 when an expectation was not met; the seed is told then, and a
/// short script that shows the same.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").required(true), override_usage = USAGE)]
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
    #[arg(long, value_name = "NAME", group = "what")]
    #[arg(value_parser = Named { what: "story", names: &story::STORIES })]
    story: Option<String>,
    /// Prints the plan of a seed as a script, without playing it
    #[arg(long, value_name = "SEED", group = "what")]
    plan: Option<u64>,
    /// Makes an experiment and prints what it measured, with units
    #[arg(long, value_name = "NAME", group = "what")]
    #[arg(value_parser = Named { what: "experiment", names: &EXPERIMENTS })]
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
    #[arg(long, value_name = "NAME", requires = "experiment", default_value = "fast")]
    #[arg(value_parser = Named { what: "profile", names: &PROFILES })]
    profile: String,
    /// With --experiment or --seeds: prints the figures as JSON
    #[arg(long, conflicts_with_all = ["script", "story", "plan"])]
    json: bool,
    /// With --seeds or --plan: what is drawn from the seed
    #[arg(long, value_name = "MIX", default_value = "everything")]
    #[arg(value_parser = Named { what: "mix", names: &MIXES })]
    mix: String,
    /// With --seeds or --plan: how the firewall stands in the network [default: as the seed draws]
    #[arg(long, value_name = "TOPOLOGY", value_parser = Named { what: "topology", names: &TOPOLOGIES })]
    topology: Option<String>,
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

pub fn run_command(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let build: Build<'_> = &firewall::build;
    let mix = Mix::from_name(&arguments.mix).unwrap_or_default();
    let topology = arguments.topology.as_deref().and_then(Topology::from_name);
    if let Some(name) = &arguments.experiment {
        let extent = Extent {
            trials: arguments.trials,
            transfers: arguments.transfers.map(usize::from),
            profile: Profile::from_name(&arguments.profile).unwrap_or_default(),
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
        print!("{}", Plan::draw(seed, topology, mix));
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
    seeds::play(from..to, (topology, mix), arguments.jobs.map(usize::from), arguments.json, build)
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

#[cfg(test)]
mod tests {
    use bifrons_sim::experiment::Figure;
    use clap::{Args as _, Command};

    use super::*;

    fn command() -> Command {
        Arguments::augment_args(Command::new("sim")).term_width(80)
    }

    #[test]
    fn help_fits_a_terminal_of_80_columns() {
        let text = command().render_long_help().to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for (name, about) in story::STORIES.iter().chain(&EXPERIMENTS) {
            let first = about.split(' ').next().unwrap_or_default();
            let line = text.lines().find(|line| line.trim().starts_with(&format!("- {name}:")));
            assert!(line.is_some_and(|line| line.contains(first)), "{name}\n{text}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_all_names() {
        for (option, known) in [("--story", "split-brain"), ("--experiment", "failover")] {
            let error = command().try_get_matches_from(["sim", option, "tea"]).unwrap_err().to_string();
            assert!(error.contains("`tea`") && error.contains(known), "{error}");
            let names = error.lines().filter(|line| line.starts_with("  "));
            assert!(names.clone().count() >= 8 && names.clone().all(|line| line.len() <= 80), "{error}");
        }
    }

    #[test]
    fn every_choice_is_one_of_the_simulator() {
        let names = |pairs: &[(&'static str, &str)]| pairs.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(&MIXES), Mix::ALL.map(Mix::name));
        assert_eq!(names(&PROFILES), Profile::ALL.map(Profile::name));
        assert!(TOPOLOGIES.iter().all(|(name, _)| Topology::from_name(name).is_some()));
    }

    #[test]
    fn figures_stand_in_columns() {
        let figure = |name, value, unit| Figure { name, value, unit };
        let text = experiment::table(&[figure("gap_p50_ms", 46.5, "ms"), figure("transfers", 12_000.0, "")]);
        assert_eq!(text, "gap_p50_ms       46.500 ms\ntransfers         12000\n");
    }
}
