//! `cargo xtask COMMAND`: what this repository checks about itself, and what it generates.
//!
//! A check prints one line per finding, `place: what is wrong and what to do`, and ends with exit status 1
//! when there is any. Status 2 means that the command line was not understood.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

mod bare;
mod bench;
mod manual;
mod metadata;
mod planted_bugs;
mod rings;
mod tidy;

#[global_allocator]
static ALLOCATOR: bifrons_alloc::HugePages = bifrons_alloc::HugePages;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy [--statistics]  style that can be measured; --statistics adds the share of comments per crate
  rings                which crate may use which
  bare                 the engine builds for a target without an operating system
  manual               write the generated pages of docs/manual
  bench [NAME…]        speed and memory, one line a figure: name value unit
  planted-bugs [--pair] [N [NAME…]]
                       whether the simulator notices bugs that are planted, in N seeds; --pair: in pairs
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = repository_root();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(&root, false),
        ["tidy", "--statistics"] => tidy::run(&root, true),
        ["rings"] => rings::run(&root),
        ["bare"] => bare::run(&root),
        ["bench", names @ ..] => return report(bench::run(&root, names)),
        ["bench-once", name] => return report(bench::run_once(&root, name)),
        ["planted-bugs", ..] => return report(planted_bugs::look(&arguments[1..])),
        ["manual"] => manual::write(&root).map(|()| Vec::new()),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    conclude(words.first().copied().unwrap_or_default(), outcome)
}

/// The exit status of a command that prints for itself.
fn report(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Print what a check found and turn it into the exit status.
fn conclude(command: &str, outcome: Result<Vec<Finding>>) -> ExitCode {
    match outcome {
        Ok(findings) if findings.is_empty() => {
            println!("xtask {command}: in order");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!("xtask {command}: {} to put right", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("xtask {command}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder that holds the workspace manifest.
///
/// Cargo names it when it starts the program. The place at build time is only the second choice, because
/// two checkouts may share one folder of build products.
fn repository_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let package = Path::new(&package);
    package.parent().unwrap_or(package).to_path_buf()
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// Path below the root of the repository.
    path: String,
    /// Counted from 1; 0 speaks of the file as a whole.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.path, self.message),
            line => write!(formatter, "{}:{line}: {}", self.path, self.message),
        }
    }
}
