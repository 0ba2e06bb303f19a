//! `bifrons config`: is a configuration right, and what does it say?

use std::{io::Read, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, anyhow};
use bifrons_config::{Config, Document};
use clap::Subcommand;

/// Checks and shows configurations of `set` lines.
#[derive(Subcommand)]
pub enum Command {
    /// Checks a configuration; every mistake is named with file, line, path, value and what is accepted
    Check {
        /// The configuration; `-` reads standard input
        file: PathBuf,
        /// Skip settings that Bifrons does not have, as in a configuration exported from another device
        #[arg(long)]
        lenient: bool,
    },
    /// Prints the built-in configuration that `replay` uses without `--config`
    ShowBuiltIn,
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { file, lenient } => {
            let config = read(file, *lenient)?;
            let parts = [
                count(config.zones.len(), "zone"),
                count(config.interfaces.len(), "interface"),
                count(config.routes.len(), "route"),
                count(config.rules.len(), "security rule"),
            ];
            println!("{}: in order, {}", file.display(), parts.join(", "));
        }
        Command::ShowBuiltIn => print!("{}", Document::tap().to_set()),
    }
    Ok(ExitCode::SUCCESS)
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Reads a configuration file. All mistakes go to standard error, one line each; the error counts them.
pub fn read(file: &std::path::Path, lenient: bool) -> anyhow::Result<Config> {
    let name = file.display().to_string();
    let text = if name == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the configuration from standard input")?;
        text
    } else {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read the configuration {name}"))?;
        String::from_utf8(bytes).map_err(|error| {
            anyhow!("{name}: byte {}: expected UTF-8 text", error.utf8_error().valid_up_to())
        })?
    };
    let result = if lenient {
        bifrons_config::parse_lenient(&text, &name).map(|lenient| {
            for warning in &lenient.warnings {
                eprintln!("bifrons: warning: {warning}");
            }
            lenient.config
        })
    } else {
        bifrons_config::parse(&text, &name)
    };
    result.map_err(|errors| {
        for error in &errors {
            eprintln!("bifrons: {error}");
        }
        anyhow!("{name}: {}, nothing was taken over", count(errors.len(), "mistake"))
    })
}
