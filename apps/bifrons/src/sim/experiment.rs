//! An experiment and its figures.

use std::{
    io::{IsTerminal as _, stderr},
    process::ExitCode,
};

use anyhow::anyhow;
use bifrons_sim::experiment::{self, Extent, Figure, Findings, Laboratory};
use serde_json::{Map, Value, json};

/// Makes an experiment and prints its figures; the exit code is 1 where they are not what they must be.
/// Who looks at a terminal is told how far it is.
pub fn conduct(
    name: &str,
    extent: Extent,
    as_json: bool,
    laboratory: Laboratory<'_>,
) -> anyhow::Result<ExitCode> {
    let is_watched = stderr().is_terminal();
    let tell = |over: u32, count: u32| {
        // Every hundredth part, and the end of the line behind the last one.
        if over == count {
            eprintln!("\r{over} of {count} trials");
        } else if over.is_multiple_of(count.div_ceil(100).max(1)) {
            eprint!("\r{over} of {count} trials");
        }
    };
    let laboratory = if is_watched { Laboratory { progress: Some(&tell), ..laboratory } } else { laboratory };
    let findings = experiment::conduct_with(name, extent, &laboratory).map_err(|why| anyhow!(why))?;
    if as_json {
        println!("{:#}", to_json(name, &findings));
    } else {
        print!("{}", table(&findings.figures));
    }
    for text in &findings.unmet {
        eprintln!("bifrons: experiment {name}: {text}");
    }
    if let Some(failure) = &findings.failure {
        eprintln!("bifrons: experiment {name}: {}", super::show(failure));
    }
    Ok(if findings.are_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A line for each figure: name, value, unit.
pub fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or_default();
    let line = |figure: &Figure| {
        let line = format!("{:<width$} {:>12} {}", figure.name, number(figure.value), figure.unit);
        format!("{}\n", line.trim_end())
    };
    figures.iter().map(line).collect()
}

/// Whole numbers without, others with three decimals.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn to_json(name: &str, findings: &Findings) -> Value {
    let figures = findings.figures.iter().map(|figure| {
        let text = number(figure.value);
        let value = text.parse::<u64>().map_or_else(|_| json!(figure.value), |whole| json!(whole));
        (figure.name.to_owned(), json!({ "value": value, "unit": figure.unit }))
    });
    json!({
        "experiment": name,
        "good": findings.are_good(),
        "figures": figures.collect::<Map<String, Value>>(),
        "unmet": findings.unmet,
        "failure": findings.failure.as_ref().map(super::show),
    })
}
