//! `bifrons config diff`.

use std::{path::PathBuf, process::ExitCode};

use bifrons_config::{Change, Diff};
use clap::Args;
use serde_json::json;

use super::file;

/// Tells how a configuration differs from another one
///
/// Exits with 0 where both say the same, 1 where they differ, 2 where one cannot be read.
#[derive(Args)]
pub struct Arguments {
    /// The configuration before; `-` reads standard input
    before: PathBuf,
    /// The configuration after
    after: PathBuf,
    /// Print lines that make the first into the second: `set`, `delete` and `move`
    #[arg(long, conflicts_with = "json")]
    set: bool,
    /// Print one JSON object for each change
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> ExitCode {
    match compare(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("bifrons: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether both say the same.
fn compare(arguments: &Arguments) -> anyhow::Result<bool> {
    let before = file::told(file::open(&arguments.before, false))?;
    let after = file::told(file::open(&arguments.after, false))?;
    let diff = bifrons_config::diff(&before.document, &after.document);
    let text = if arguments.json {
        as_json(&diff)
    } else if arguments.set {
        diff.to_set()
    } else {
        diff.to_string()
    };
    file::print(&text)?;
    Ok(diff.is_empty())
}

fn as_json(diff: &Diff) -> String {
    let mut text = String::new();
    for change in &diff.changes {
        let change = match change {
            Change::Added { line } => json!({ "change": "added", "line": line }),
            Change::Removed { path, lines } => json!({ "change": "removed", "path": path, "lines": lines }),
            Change::Replaced { before, after } => {
                json!({ "change": "replaced", "before": before, "after": after })
            }
            Change::Moved { path, position } => {
                json!({ "change": "moved", "path": path, "position": position })
            }
        };
        text.push_str(&format!("{change}\n"));
    }
    text
}
