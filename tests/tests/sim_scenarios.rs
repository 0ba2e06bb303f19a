//! Every scenario once more, in a simulated network: a whole device, links and neighbors instead of a worker
//! alone. The records are equal but for what may differ between two runs.

use std::{collections::BTreeMap, fs, panic::catch_unwind, path::Path};

use bifrons_tests::{scenario::Scenario, world};

/// Scenarios that must be played both ways; fewer mean that some are skipped that need not be.
const PLAYED_MIN: usize = 400;

#[test]
fn scenarios_are_logged_alike_both_ways() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(&folder).expect("a folder with scenarios");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "scenario"));
    files.sort();
    let mut played = 0;
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences = Vec::new();
    for file in &files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let text = fs::read_to_string(file).expect("a readable file");
        let scenario = match Scenario::parse(&name, &text) {
            Ok(scenario) => scenario,
            Err(mistake) => {
                differences.push(format!("{name}: {mistake}"));
                continue;
            }
        };
        // A panic is a difference like others: the rest is played all the same.
        let outcome = catch_unwind(|| world::compare(&scenario));
        match outcome.unwrap_or_else(|_| Ok(vec!["ends in a panic, told above".to_owned()])) {
            Ok(found) if found.is_empty() => played += 1,
            Ok(found) => differences.push(format!("{name}:\n  {}", found.join("\n  "))),
            Err(skip) => *skipped.entry(skip.text()).or_default() += 1,
        }
    }
    println!("{played} of {} scenarios are logged alike both ways", files.len());
    for (why, count) in &skipped {
        println!("  {count:3} skipped: {why}");
    }
    let count = differences.len();
    assert!(differences.is_empty(), "{count} are logged otherwise:\n{}", differences.join("\n"));
    assert!(played >= PLAYED_MIN, "only {played} were played");
}
