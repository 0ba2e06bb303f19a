//! Runs every scenario of `tests/scenarios`.
//!
//! `BIFRONS_SCENARIO=NAME cargo test -p bifrons-tests --test scenarios -- --nocapture` runs one and
//! prints what happened.

use std::{
    fs,
    path::{Path, PathBuf},
};

use bifrons_tests::{
    compare,
    perturb::{expectations, perturb},
    run,
    scenario::Scenario,
};

/// Fewer files than this mean that some were not found.
const SCENARIOS_MIN: usize = 500;

/// Expectations of a scenario that are turned wrong in their turn, drawn at random.
const DRAWN: usize = 12;

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

/// Whatever a scenario expects counts: turned into something else, it is found out.
#[test]
fn an_expectation_that_is_changed_in_any_scenario_makes_it_fail() {
    let mut random = Random(0x5eed);
    let mut changed = 0;
    let mut unnoticed = Vec::new();
    for file in files(&folder()) {
        let name = file.display();
        let scenario = load(&file).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
        let course = run::play(&scenario).unwrap_or_else(|errors| panic!("{name}: {}", errors.join("\n")));
        let all = expectations(&scenario);
        assert!(!all.is_empty(), "{name} expects nothing");
        for _ in 0..DRAWN.min(all.len()) {
            let drawn = all[random.below(all.len())];
            let mut wrong = scenario.clone();
            perturb(&mut wrong, drawn);
            changed += 1;
            if compare::differences(&wrong, &course).is_empty() {
                unnoticed.push(format!("{name}: {drawn:?}"));
            }
        }
    }
    println!("{changed} expectations changed, {} unnoticed", unnoticed.len());
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

/// Numbers that are the same in every run (G. Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
