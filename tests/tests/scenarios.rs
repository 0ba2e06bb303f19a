//! Runs every scenario of `tests/scenarios`.
//!
//! `BIFRONS_SCENARIO=NAME cargo test -p bifrons-tests --test scenarios -- --nocapture` runs one and
//! prints what happened.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bifrons_tests::{run, scenario::Scenario};

/// Fewer files than this mean that some were not found.
const SCENARIOS_MIN: usize = 80;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "scenario"));
    files.sort();
    files
}

fn load(file: &Path) -> Result<Scenario, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Scenario::parse(&name, &text).map_err(|mistake| mistake.to_string())
}

fn check(file: &Path) -> Result<(), String> {
    let scenario = load(file)?;
    run::check(&scenario).map_err(|differences| differences.join("\n  "))
}

fn show_one(name: &str) {
    let file = folder().join(format!("{name}.scenario"));
    let scenario = load(&file).unwrap_or_else(|mistake| panic!("{}: {mistake}", file.display()));
    match run::describe(&scenario) {
        Ok(course) => println!("{}:\n{course}", file.display()),
        Err(errors) => panic!("{}: {}", file.display(), errors.join("\n  ")),
    }
    if let Err(differences) = check(&file) {
        panic!("{}:\n  {differences}", file.display());
    }
}

#[test]
fn scenarios() {
    if let Ok(name) = std::env::var("BIFRONS_SCENARIO") {
        return show_one(&name);
    }
    let files = files(&folder());
    let failures: Vec<String> = files
        .iter()
        .filter_map(|file| {
            check(file).err().map(|differences| format!("{}:\n  {differences}", file.display()))
        })
        .collect();
    println!("{} scenarios, {} failed", files.len(), failures.len());
    for failure in &failures {
        println!("{failure}");
    }
    assert!(failures.is_empty(), "{} of {} scenarios failed", failures.len(), files.len());
    assert!(files.len() >= SCENARIOS_MIN, "only {} scenarios were found", files.len());
}
