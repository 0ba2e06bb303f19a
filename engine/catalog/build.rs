//! Turns the files of `applications/` into the static table of the crate. A file that is wrong stops the
//! build with its name, the line and what was expected.

use std::{env, fs, path::Path, process::ExitCode};

#[path = "build/data.rs"]
mod data;
#[path = "build/table.rs"]
mod table;

const FOLDER: &str = "applications";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build");
    match write_table() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

fn write_table() -> Result<(), String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(FOLDER).map_err(|error| format!("{FOLDER}: {error}"))? {
        let path = entry.map_err(|error| format!("{FOLDER}: {error}"))?.path();
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push((path.display().to_string(), text));
    }
    files.sort();
    let entries = data::read(&files).map_err(|problem| problem.to_string())?;
    let out = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    let path = Path::new(&out).join("table.rs");
    fs::write(&path, table::render(&entries)).map_err(|error| format!("{}: {error}", path.display()))
}
