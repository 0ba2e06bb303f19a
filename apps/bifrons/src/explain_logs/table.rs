//! `--format table`: a summary, then the first records, within 80 columns.

use std::fmt::Write as _;

use bifrons_explain::{
    DIAGNOSES, Diagnosis, Field, Outcome, Value,
    pile::{Bucket, Comparison, PairChange},
};

use super::{
    Explained, Side,
    report::{
        Report, cause_name, change_text, clean, endpoint, forgotten_text, minute_text, percent, scan_text,
        second_text, thousands,
    },
};

const WIDTH: usize = 80;

/// How many steps of the timeline are shown.
const STEPS: usize = 20;

/// Gathers what the table shows of single records.
pub struct Table {
    records: String,
    shown: usize,
    limit: usize,
    failing: bool,
    /// By diagnosis, its commands with the values of the first record that has it.
    examples: Vec<Option<Vec<String>>>,
}

impl Table {
    pub fn new(limit: usize, failing: bool) -> Self {
        Self { records: String::new(), shown: 0, limit, failing, examples: vec![None; DIAGNOSES.len()] }
    }

    pub fn add(&mut self, explained: &Explained<'_>) {
        let Some(outcome) = explained.explanation.outcome else { return };
        if let Some(example) = explained.explanation.place.and_then(|place| self.examples.get_mut(place))
            && example.is_none()
            && let Some(diagnosis) = explained.explanation.diagnosis()
        {
            let commands = diagnosis.commands(explained.facts);
            *example = Some(commands.map(|command| clean(&command.to_string(), 400)).collect());
        }
        let is_wanted = !self.failing || matches!(outcome, Outcome::NotDelivered | Outcome::PartlyDelivered);
        if self.shown < self.limit && is_wanted {
            self.shown += 1;
            record(explained, outcome, &mut self.records);
        }
    }

    /// The whole output.
    pub fn finish(self, report: &Report<'_>) -> String {
        let mut text = head(report.after);
        causes(report, &self.examples, &mut text);
        pairs(report, &mut text);
        findings(report, &mut text);
        timeline(report.after, &mut text);
        if let Some((before, comparison)) = report.comparison {
            compared(before, report.after, comparison, &mut text);
        }
        let forgotten = forgotten_text(report.after.pile.forgotten());
        if !forgotten.is_empty() {
            text.push('\n');
            wrap(&forgotten, 0, 0, &mut text);
        }
        if self.shown > 0 {
            let of = report.after.counts.records;
            let which = if self.failing { "First records that failed" } else { "First records" };
            let _ = writeln!(text, "\n{which} ({} of {}; --records N for more)", self.shown, thousands(of));
            text.push_str(&row(&[
                ("time", 8),
                ("from", 15),
                ("to", 21),
                ("application", 16),
                ("outcome", 16),
            ]));
            text.push_str(&self.records);
        }
        text
    }
}

/// One record: a line, and below it what is concluded.
fn record(explained: &Explained<'_>, outcome: Outcome, out: &mut String) {
    let facts = explained.facts;
    let time = match facts.time_generated {
        "" => facts.receive_time,
        time => time,
    };
    let time = bifrons_explain::seconds_of(time).map_or_else(String::new, second_text);
    let time = time.get(11..).unwrap_or_default();
    let target = endpoint(facts.dst, facts.dport.unwrap_or(0));
    out.push_str(&row(&[(time, 8), (facts.src, 15), (&target, 21), (facts.app, 16), (outcome.name(), 16)]));
    let Some(diagnosis) = explained.explanation.diagnosis() else { return };
    let evidence: Vec<String> = diagnosis.evidence(facts).map(|(field, value)| said(field, value)).collect();
    wrap(&format!("{}: {}", diagnosis.name, evidence.join(", ")), 2, 4, out);
}

fn said(field: Field, value: Value<'_>) -> String {
    match value {
        Value::Text(text) => format!("{} {}", field.name(), clean(text, 60)),
        Value::Number(number) => format!("{} {number}", field.name()),
        Value::Absent => String::new(),
    }
}

fn head(side: &Side) -> String {
    let totals = side.pile.totals();
    let mut text = format!("{} records", thousands(totals.records));
    if let [first, .., last] | [first @ last] = side.pile.timeline().buckets() {
        let _ = write!(text, ", {} to {}", minute_text(first.minute), minute_text(last.minute));
    }
    text.push('\n');
    let rejected = side.counts.rejected;
    if rejected > 0 {
        let _ = writeln!(text, "{} lines could not be read (--rejects FILE says why)", thousands(rejected));
    }
    text.push('\n');
    let judged = totals.records - totals.unjudged;
    for outcome in Outcome::ALL {
        let count = totals.outcomes[outcome as usize];
        let _ =
            writeln!(text, "{:<18}{:>14}{:>10}", outcome.name(), thousands(count), percent(count, judged));
    }
    if totals.unjudged > 0 {
        let _ = writeln!(text, "{:<18}{:>14}", "of other logs", thousands(totals.unjudged));
    }
    text
}

fn causes(report: &Report<'_>, examples: &[Option<Vec<String>>], out: &mut String) {
    let pile = &report.after.pile;
    let failing = pile.failing_causes();
    if failing.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nTop causes");
    let judged = pile.totals().records - pile.totals().unjudged;
    for (place, count) in failing.iter().take(report.top) {
        let Some(diagnosis) = DIAGNOSES.get(*place) else { continue };
        let line = format!("{} {}", thousands(*count), percent(*count, judged));
        let _ = writeln!(out, "\n{}{:>width$}", diagnosis.name, line, width = WIDTH - diagnosis.name.len());
        advice(diagnosis, examples.get(*place).and_then(Option::as_deref).unwrap_or_default(), out);
    }
    if failing.len() > report.top {
        let _ = writeln!(out, "\nand {} more (--top N lists them)", failing.len() - report.top);
    }
}

fn advice(diagnosis: &Diagnosis, commands: &[String], out: &mut String) {
    wrap(diagnosis.cause, 2, 2, out);
    wrap(&format!("Next: {}", diagnosis.next_step), 2, 2, out);
    for command in commands {
        wrap(command, 4, 8, out);
    }
    for other in diagnosis.alternatives {
        wrap(&format!("Or: {} What would tell: {}", other.cause, other.told_by), 2, 6, out);
    }
}

fn pairs(report: &Report<'_>, out: &mut String) {
    let pairs = report.after.pile.failing_pairs(report.top);
    if pairs.is_empty() {
        return;
    }
    out.push_str("\nWho fails with whom\n");
    let columns = |failed: &str, fine: &str, from: &str, to: &str, cause: &str| {
        let (from, to, cause) = (clean(from, 15), clean(to, 21), clean(cause, 26));
        format!("{failed:>7} {fine:>7} {from:<15} {to:<21} {cause}").trim_end().to_owned() + "\n"
    };
    out.push_str(&columns("failed", "well", "from", "to", "mostly"));
    for pair in pairs {
        let target = format!("{} {}", endpoint(&pair.dst, pair.dport.into()), pair.proto);
        let cause = pair.cause.map_or("", |place| cause_name(Some(place)));
        let (failed, well) = (thousands(pair.failures()), thousands(pair.deliveries()));
        out.push_str(&columns(&failed, &well, &pair.src, &target, cause));
    }
}

/// What only many records show.
fn findings(report: &Report<'_>, out: &mut String) {
    let pile = &report.after.pile;
    let mut lines: Vec<String> = Vec::new();
    for service in pile.failing_services(report.top) {
        let since =
            service.failing_since.map_or_else(String::new, |since| format!(" since {}", second_text(since)));
        lines.push(format!(
            "{} {} fails for all of at least {} clients{since}: {} records in a row",
            endpoint(&clean(&service.dst, 60), service.dport.into()),
            clean(&service.proto, 20),
            service.clients(),
            thousands(service.failures_in_a_row),
        ));
    }
    for scan in pile.scans(report.top) {
        lines.push(format!("{} looks like a scanner: {}", clean(&scan.src, 60), scan_text(&scan)));
    }
    let (halves, first) = pile.both_halves();
    if let Some(half) = first.first() {
        lines.push(format!(
            "{} conversations were logged as two sessions, one for each direction, as with asymmetric \
             routing; the first is {} with {}",
            thousands(halves),
            endpoint(&clean(&half.one.0, 60), half.one.1.into()),
            endpoint(&clean(&half.other.0, 60), half.other.1.into()),
        ));
    }
    for change in pile.changes().iter().take(report.top) {
        let (minute, cause) = (minute_text(change.minute), cause_name(change.place));
        lines.push(format!("at {minute} {cause} {}", change_text(change)));
    }
    if !lines.is_empty() {
        out.push_str("\nWhat all records together show\n");
        lines.iter().for_each(|line| wrap(line, 2, 4, out));
    }
}

fn timeline(side: &Side, out: &mut String) {
    let timeline = side.pile.timeline();
    let buckets = timeline.buckets();
    if buckets.len() < 2 {
        return;
    }
    let joined = buckets.len().div_ceil(STEPS);
    let _ = writeln!(
        out,
        "\n{:<16} {:>10} {:>10} {:>10} {:>10}  not delivered",
        "from", "delivered", "partly", "not", "unknown"
    );
    for steps in buckets.chunks(joined) {
        let Some(first) = steps.first() else { continue };
        let counts = Outcome::ALL.map(|outcome| sum(steps, outcome));
        let all: u64 = counts.iter().sum();
        let bar = (counts[Outcome::NotDelivered as usize] * 18).div_ceil(all.max(1)) as usize;
        let [delivered, partly, not, unknown] = counts.map(thousands);
        let line = format!(
            "{:<16} {delivered:>10} {partly:>10} {not:>10} {unknown:>10}  {}",
            minute_text(first.minute),
            "#".repeat(bar)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn sum(steps: &[Bucket], outcome: Outcome) -> u64 {
    steps.iter().map(|step| u64::from(step.outcomes[outcome as usize])).sum()
}

fn compared(before: &Side, after: &Side, comparison: &Comparison<'_>, out: &mut String) {
    out.push_str("\nCompared with before\n");
    let (old, new) = (before.pile.totals(), after.pile.totals());
    let _ = writeln!(out, "{:<18}{:>14}{:>14}", "", "before", "after");
    let _ = writeln!(out, "{:<18}{:>14}{:>14}", "records", thousands(old.records), thousands(new.records));
    for outcome in Outcome::ALL {
        let share = |totals: &bifrons_explain::pile::Totals| {
            percent(totals.outcomes[outcome as usize], totals.records - totals.unjudged)
        };
        let _ = writeln!(out, "{:<18}{:>14}{:>14}", outcome.name(), share(old), share(new));
    }
    for shift in comparison.causes.iter().take(10) {
        let name = cause_name(Some(shift.place));
        let (before, after) = (thousands(shift.before), thousands(shift.after));
        let points = format!("{:+.1} points", shift.change * 100.0);
        let _ = writeln!(out, "{name:<36}{before:>14}{after:>14}{points:>16}");
    }
    for (title, list) in [
        ("Delivered before, failing now", &comparison.newly_failing),
        ("Failing before, delivered now", &comparison.repaired),
        ("Delivered before, not seen now", &comparison.gone),
    ] {
        if list.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{title}");
        list.iter().for_each(|change| wrap(&pair_change(change), 2, 6, out));
    }
}

fn pair_change(change: &PairChange<'_>) -> String {
    let pair = change.before;
    let mut text = format!(
        "{} to {} {} {}",
        clean(&pair.src, 60),
        endpoint(&clean(&pair.dst, 60), pair.dport.into()),
        clean(&pair.proto, 20),
        clean(&pair.app, 40)
    );
    if let Some(after) = change.after.filter(|after| after.failures() > 0) {
        let cause = cause_name(after.cause);
        let _ = write!(text, ": {cause}, {} records", thousands(after.failures()));
        if let Some(first) = after.first_failure {
            let _ = write!(text, ", the first at {}", second_text(first));
        }
    }
    text
}

/// One line of cells, each cut to its width.
fn row(cells: &[(&str, usize)]) -> String {
    let mut line = String::new();
    for (text, width) in cells {
        if !line.is_empty() {
            line.push(' ');
        }
        let _ = write!(line, "{:<width$}", clean(text, *width));
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// Text broken between words, the first line indented by `first`, the others by `rest`. A word longer than
/// a line is broken inside.
fn wrap(text: &str, first: usize, rest: usize, out: &mut String) {
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let gap = usize::from(!is_empty);
        if !is_empty && line.chars().count() + gap + word.len() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(rest);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        while line.chars().count() + word.len() > WIDTH {
            let room = WIDTH.saturating_sub(line.chars().count()).max(1);
            line.extend(word.drain(..room.min(word.len())));
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(rest);
        }
        line.extend(word);
        is_empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        let mut out = String::new();
        wrap(&"word ".repeat(40), 2, 4, &mut out);
        assert!(out.lines().all(|line| line.len() <= WIDTH), "{out}");
        assert!(out.starts_with("  word word") && out.contains("\n    word"), "{out}");
        out.clear();
        wrap(&"x".repeat(200), 2, 4, &mut out);
        assert_eq!(out.matches('x').count(), 200);
        assert!(out.lines().all(|line| line.len() <= WIDTH), "{out}");
    }

    #[test]
    fn cells_are_cut() {
        assert_eq!(row(&[("a", 3), ("abcdef", 4), ("c", 5)]), "a   abc… c\n");
    }
}
