//! `--format html`: one page that needs no network.
//!
//! The page holds its data as JSON and builds itself from it, with text nodes only: nothing from a log is
//! ever read as markup. Its size is bounded: of each diagnosis so many records are embedded, and the page
//! says so.

use std::path::PathBuf;

use bifrons_explain::{DIAGNOSES, Outcome, seconds_of};
use serde_json::{Value, json};

use super::{
    Explained,
    report::{Report, clean, second_text, thousands},
    summary,
};

const HTML: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Records of each diagnosis that are embedded.
const RECORDS: usize = 200;

/// Characters of a value that are embedded.
const LONGEST: usize = 120;

/// Gathers what the page shows of single records.
pub struct Page {
    failing: bool,
    records: Vec<Value>,
    /// By diagnosis, and last those without one: how many are embedded.
    embedded: Vec<usize>,
    examples: Vec<Option<Vec<String>>>,
    judged: u64,
}

impl Page {
    pub fn new(failing: bool) -> Self {
        Self {
            failing,
            records: Vec::new(),
            embedded: vec![0; DIAGNOSES.len() + 1],
            examples: vec![None; DIAGNOSES.len()],
            judged: 0,
        }
    }

    pub fn add(&mut self, explained: &Explained<'_>) {
        let Some(outcome) = explained.explanation.outcome else { return };
        if self.failing && !matches!(outcome, Outcome::NotDelivered | Outcome::PartlyDelivered) {
            return;
        }
        self.judged += 1;
        let place = explained.explanation.place;
        let Some(count) = self.embedded.get_mut(place.unwrap_or(DIAGNOSES.len())) else { return };
        if *count >= RECORDS {
            return;
        }
        *count += 1;
        self.records.push(record(explained, outcome));
        if let Some(example) = place.and_then(|place| self.examples.get_mut(place))
            && example.is_none()
            && let Some(diagnosis) = explained.explanation.diagnosis()
        {
            let commands = diagnosis.commands(explained.facts);
            *example = Some(commands.map(|command| clean(&command.to_string(), 400)).collect());
        }
    }

    /// The whole page.
    pub fn finish(self, report: &Report<'_>, files: &[PathBuf]) -> String {
        let note = format!(
            "{} of {} records are in this page: at most {RECORDS} of each cause, the first that came. The \
             counts and charts are of all records.",
            thousands(self.records.len() as u64),
            thousands(self.judged),
        );
        let data = json!({
            "files": files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
            "summary": summary::json(report),
            "diagnoses": summary::diagnoses(&report.after.pile, &self.examples),
            "records": self.records,
            "note": note,
        });
        // Inside a script element only `</script` and `<!--` could end the text.
        let data = data.to_string().replace('<', "\\u003c");
        let fill = |page: String, place: &str, text: &str| match page.split_once(place) {
            Some((before, after)) => format!("{before}{text}{after}"),
            None => page,
        };
        let page = fill(HTML.to_owned(), "/* style */", STYLE);
        let page = fill(page, "/* script */", SCRIPT);
        fill(page, "{data}", &data)
    }
}

/// A record as the page's table has it; the order is known to the script.
fn record(explained: &Explained<'_>, outcome: Outcome) -> Value {
    let facts = explained.facts;
    let time = if facts.time_generated.is_empty() { facts.receive_time } else { facts.time_generated };
    let text = |text: &str| clean(text, LONGEST);
    let evidence = explained.explanation.diagnosis().map(|diagnosis| {
        let evidence = diagnosis.evidence(facts);
        let said = evidence.map(|(field, value)| match value {
            bifrons_explain::Value::Text(value) => format!("{} {}", field.name(), text(value)),
            bifrons_explain::Value::Number(number) => format!("{} {number}", field.name()),
            bifrons_explain::Value::Absent => String::new(),
        });
        said.collect::<Vec<_>>().join(", ")
    });
    json!([
        seconds_of(time).map_or_else(|| text(time), second_text),
        text(facts.src),
        text(facts.dst),
        facts.dport,
        text(facts.proto),
        text(facts.app),
        text(facts.rule),
        text(facts.action),
        text(facts.session_end_reason),
        facts.bytes_sent,
        facts.bytes_received,
        outcome as u8,
        explained.explanation.place,
        evidence.unwrap_or_default(),
    ])
}
