//! `bifrons`: an application-aware stateful firewall.

mod config;
mod explain;
mod explain_logs;
mod logs_command;
mod progress;
mod replay;
mod setup;
mod sim;
mod stats;
mod what_if;

use std::process::ExitCode;

use bifrons_alloc::HugePages;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: HugePages = HugePages;

/// An application-aware, stateful firewall with the behaviour that PAN-OS administrators know.
#[derive(Parser)]
#[command(version, about, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Replay(replay::Arguments),
    Sim(sim::Arguments),
    Explain(explain_logs::Arguments),
    ExplainPacket(explain::packet::Arguments),
    #[command(subcommand)]
    Logs(logs_command::Command),
    #[command(subcommand)]
    Test(explain::policy_match::Command),
    #[command(subcommand)]
    Config(config::Command),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Sim(arguments) => sim::run_command(&arguments),
        Command::Explain(arguments) => explain_logs::run(&arguments),
        Command::Logs(command) => logs_command::run(&command),
        Command::ExplainPacket(arguments) => explain::packet::run(&arguments),
        Command::Test(command) => explain::policy_match::run(&command),
        Command::Config(command) => config::run(&command),
    };
    match outcome {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bifrons: {}", in_one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and what led to it; a cause that the message before quotes already is not said twice.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

/// Whoever read our output has seen enough, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut io_errors = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io_errors.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
