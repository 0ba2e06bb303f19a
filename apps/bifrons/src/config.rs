//! `bifrons config`: is a configuration right, what does it say, how do two differ, and what becomes of one
//! that was written for PAN-OS.

mod compare;
mod file;
mod import;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use bifrons_config::{Config, Document};
use bifrons_dataplane::Compiled;
use bifrons_model::Generation;
use bifrons_policy::Policy;
use clap::Subcommand;
use serde_json::json;

pub use file::read;
use file::{Opened, count};

/// Checks, shows, compares and imports configurations
///
/// A configuration is a text of `set` lines. Where a file is only looked at, XML and blocks in braces of
/// PAN-OS will do, too: what `import` would make of them is looked at.
#[derive(Subcommand)]
pub enum Command {
    /// Checks a configuration; every mistake is named with file, line, path, value and what is accepted
    Check {
        /// The configuration; `-` reads standard input
        file: PathBuf,
        /// Skip settings that Bifrons does not have, as in a configuration exported from another device
        #[arg(long)]
        lenient: bool,
        /// Print one JSON object, mistakes included
        #[arg(long)]
        json: bool,
    },
    /// Prints a configuration, or what stands at a path of it, in its one order and form
    Show {
        /// The configuration; `-` reads standard input
        file: PathBuf,
        /// What to show, such as `rulebase security rules`, in one argument or several; all without it
        path: Vec<String>,
    },
    Diff(compare::Arguments),
    Import(import::Arguments),
    /// Prints the built-in configuration that `replay` uses without `--config`
    ShowBuiltIn,
    /// Prints the manual's page of all settings, or the rows of those that begin with a path
    Manual {
        /// The path, such as `deviceconfig setting session`
        path: Vec<String>,
    },
}

pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { file, lenient, json } => return check(file, *lenient, *json),
        Command::Show { file, path } => {
            let Opened { document, .. } = file::told(file::open(file, false))?;
            let line = match path.as_slice() {
                [line] => line.clone(),
                words => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
            };
            let text = document
                .show(&line)
                .map_err(|error| anyhow::anyhow!("{}: `{line}`: {}", file.display(), error.problem))?;
            file::print(&text)?;
        }
        Command::Diff(arguments) => return Ok(compare::run(arguments)),
        Command::Import(arguments) => return import::run(arguments),
        Command::ShowBuiltIn => file::print(&Document::tap().to_set())?,
        Command::Manual { path } => file::print(&manual(&path.join(" "))?)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(file: &std::path::Path, lenient: bool, json: bool) -> anyhow::Result<ExitCode> {
    let name = file.display().to_string();
    let result = file::open(file, lenient).and_then(|opened| file::build(&opened, lenient));
    if json {
        let (config, errors) = match result {
            Ok(config) => (Some(config), Vec::new()),
            Err(error) => (None, error.downcast::<file::Mistakes>()?.errors),
        };
        let warnings = config.as_ref().map(judged).transpose().with_context(|| name.clone())?;
        let mistakes: Vec<_> = errors
            .iter()
            .map(|error| {
                json!({
                    "file": error.file,
                    "line": error.line,
                    "path": error.path,
                    "problem": error.problem.to_string(),
                })
            })
            .collect();
        let counts = config.as_ref().map(|config| {
            parts(config).into_iter().map(|(number, noun)| (format!("{noun}s"), json!(number))).collect()
        });
        let report = json!({
            "file": name,
            "in_order": config.is_some(),
            "mistakes": mistakes,
            "warnings": warnings.unwrap_or_default(),
            "counts": counts.map(serde_json::Value::Object),
        });
        file::print(&format!("{report}\n"))?;
        return Ok(if config.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let config = file::told(result)?;
    for warning in judged(&config).with_context(|| name.clone())? {
        eprintln!("bifrons: warning: {name}: {warning}");
    }
    let counts: Vec<String> = parts(&config).into_iter().map(|(number, noun)| count(number, noun)).collect();
    file::print(&format!("{name}: in order, {}\n", counts.join(", ")))?;
    Ok(ExitCode::SUCCESS)
}

/// What is good but hardly meant: rules that never decide, pools in each other's way.
///
/// # Errors
/// When a custom application's signature cannot be used.
fn judged(config: &Config) -> anyhow::Result<Vec<String>> {
    let compiled = Compiled::new(Policy::compile(config, Generation(1)))?;
    let policy = &compiled.policy;
    let security = policy.warnings().into_iter().map(|warning| warning.text(policy));
    let nat = policy.nat_warnings().into_iter().map(|warning| warning.text(policy));
    Ok(security.chain(nat).collect())
}

/// What a configuration has, counted.
fn parts(config: &Config) -> [(usize, &'static str); 6] {
    [
        (config.zones.len(), "zone"),
        (config.interfaces.len(), "interface"),
        (config.routes.len(), "route"),
        (config.rules.len(), "security rule"),
        (config.nat_rules.len(), "NAT rule"),
        (config.applications.len(), "application"),
    ]
}

/// A word of a path, in quotation marks where it needs them.
fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty() && !word.contains(char::is_whitespace);
    if is_plain || word.starts_with(['"', '\'']) {
        word.to_owned()
    } else if word.contains('"') {
        format!("'{word}'")
    } else {
        format!("\"{word}\"")
    }
}

/// The manual's page, or its rows of settings that begin with `path`.
fn manual(path: &str) -> anyhow::Result<String> {
    let page = bifrons_config::manual();
    if path.is_empty() {
        return Ok(page);
    }
    let begin = format!("| `{path}");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with(&begin)).collect();
    anyhow::ensure!(!rows.is_empty(), "there is no setting that begins with `{path}`");
    Ok(format!("| path | accepted | default | meaning |\n|---|---|---|---|\n{}\n", rows.join("\n")))
}
