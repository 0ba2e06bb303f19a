//! `bifrons config import`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use bifrons_config::{Changed, Effect, Form, Import, ImportOptions, MOST_IMPORT_BYTES, Note};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::file::{self, count};

/// Makes `set` lines of a configuration of PAN-OS: XML, `set` lines, or blocks in braces
///
/// Every statement that is not carried over is listed with its line and the reason. A rule that would be
/// for more traffic without what was left out is carried over disabled. The result has no mistakes.
#[derive(Args)]
pub struct Arguments {
    /// The configuration; `-` reads standard input
    file: PathBuf,
    /// Where the lines go; standard output without it, and the report on standard error
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// How the report is written
    #[arg(long, value_enum, default_value = "text")]
    report: ReportForm,
    /// The virtual system to carry over; else `vsys1`, or the first
    #[arg(long)]
    vsys: Option<String>,
    /// The device group to carry over, with its parents; else the only one
    #[arg(long)]
    device_group: Option<String>,
    /// The template, or the stack of templates, to carry over; else the only one
    #[arg(long)]
    template: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReportForm {
    /// A line for each statement that was left out, and a summary
    Text,
    /// One JSON object
    Json,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let name = arguments.file.display().to_string();
    let bytes = file::bytes(&arguments.file, MOST_IMPORT_BYTES)?;
    let options = ImportOptions {
        vsys: arguments.vsys.as_deref(),
        device_group: arguments.device_group.as_deref(),
        template: arguments.template.as_deref(),
    };
    let import =
        bifrons_config::import(&bytes, &options).map_err(|error| anyhow::anyhow!("{name}:{error}"))?;
    let report = match arguments.report {
        ReportForm::Text => as_text(&name, &import),
        ReportForm::Json => format!("{}\n", as_json(&name, &import)),
    };
    let lines = import.document.to_set();
    match &arguments.output {
        Some(output) => {
            write_whole(output, &lines)?;
            file::print(&report)?;
        }
        None => {
            eprint!("{report}");
            file::print(&lines)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes beside the file first: what was there stays whole if something goes wrong.
fn write_whole(output: &Path, text: &str) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", output.display());
    if !output.parent().is_some_and(Path::is_dir) && output.parent() != Some(Path::new("")) {
        return std::fs::write(output, text).with_context(context);
    }
    let mut beside = output.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, output)).with_context(context)
}

fn as_text(name: &str, import: &Import) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for left in &import.left_out {
        let effect = match left.effect {
            Effect::None => "",
            Effect::Looser => " (looser without it)",
            Effect::Stricter => " (stricter without it)",
            Effect::Unclear => " (may differ without it)",
        };
        let _ = writeln!(text, "{name}:{}: {}: {}{effect}", left.line, left.path, left.reason);
    }
    for note in &import.notes {
        let _ = writeln!(text, "{name}:{}: {}: {}", note.line, note.path, changed(note));
    }
    let numbers = import.count;
    let partly = match numbers.partly {
        0 => String::new(),
        partly => format!(" ({partly} of them in part)"),
    };
    let _ = writeln!(
        text,
        "{name}: {} in {} of {}: {} carried over + {} listed{partly}",
        count(numbers.read, "statement"),
        count(numbers.lines, "line"),
        form(import.form),
        numbers.carried,
        numbers.listed,
    );
    for (reason, number) in by_reason(import) {
        let _ = writeln!(text, "{number:8}  {reason}");
    }
    let looser = import.left_out.iter().filter(|left| left.effect == Effect::Looser).count();
    if looser > 0 {
        let _ = writeln!(text, "{looser:8}  of these may make the firewall looser");
    }
    text
}

fn as_json(name: &str, import: &Import) -> serde_json::Value {
    let left_out: Vec<_> = import
        .left_out
        .iter()
        .map(|left| {
            json!({
                "statement": left.statement,
                "line": left.line,
                "path": left.path,
                "reason": left.reason.code(),
                "message": left.reason.to_string(),
                "without_it": left.effect.name(),
            })
        })
        .collect();
    let notes: Vec<_> = import
        .notes
        .iter()
        .map(|note| json!({ "line": note.line, "path": note.path, "message": changed(note) }))
        .collect();
    json!({
        "file": name,
        "form": form(import.form),
        "lines": import.count.lines,
        "statements": import.count.read,
        "carried_over": import.count.carried,
        "listed": import.count.listed,
        "listed_in_part": import.count.partly,
        "reasons": by_reason(import).into_iter().collect::<BTreeMap<_, _>>(),
        "left_out": left_out,
        "notes": notes,
    })
}

/// How often each reason is given, the most frequent first.
fn by_reason(import: &Import) -> Vec<(&'static str, usize)> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for left in &import.left_out {
        *numbers.entry(left.reason.code()).or_default() += 1;
    }
    let mut numbers: Vec<_> = numbers.into_iter().collect();
    numbers.sort_by_key(|(_, number)| std::cmp::Reverse(*number));
    numbers
}

fn changed(note: &Note) -> String {
    match &note.changed {
        Changed::Disabled => "the rule is disabled: a condition of it was left out".into(),
        Changed::Renamed { name } => format!("now `{name}`: another rulebase has a rule of this name"),
        Changed::LineBreaks => "line breaks of the text are blanks now".into(),
        Changed::Warning { what } => what.clone(),
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Xml => "XML",
        Form::Set => "set lines",
        Form::Braces => "blocks in braces",
    }
}
