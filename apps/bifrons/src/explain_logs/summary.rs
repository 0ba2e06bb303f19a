//! A summary as JSON: for the page, and as the last line of a comparison.

use bifrons_explain::{
    COUNT, DIAGNOSES, Diagnosis, Outcome,
    pile::{Pair, PairChange, Pile, is_failure},
};
use serde_json::{Value, json};

use super::report::{
    Report, cause_name, change_text, endpoint, forgotten_text, minute_text, scan_text, second_text,
};

/// The summary as one object.
pub fn json(report: &Report<'_>) -> Value {
    let pile = &report.after.pile;
    let timeline = pile.timeline();
    let (halves, first_halves) = pile.both_halves();
    json!({
        "type": "summary",
        "records": pile.totals().records,
        "unjudged": pile.totals().unjudged,
        "undiagnosed": pile.totals().undiagnosed,
        "bytes": pile.totals().bytes,
        "lines": report.after.counts.lines,
        "rejected": report.after.counts.rejected,
        "outcomes": outcomes(pile.totals().outcomes),
        "causes": pile.causes().iter().map(|(place, count)| json!({
            "diagnosis": cause_name(Some(*place)), "records": count,
        })).collect::<Vec<_>>(),
        "pairs": pile.failing_pairs(report.top).iter().map(|pair| self::pair(pair)).collect::<Vec<_>>(),
        "services": pile.failing_services(report.top).iter().map(|service| json!({
            "dst": service.dst, "dport": service.dport, "proto": service.proto,
            "clients": service.clients(), "failures_in_a_row": service.failures_in_a_row,
            "failing_since": service.failing_since.map(second_text),
        })).collect::<Vec<_>>(),
        "scans": pile.scans(report.top).iter().map(|scan| json!({
            "src": scan.src, "attempts": scan.attempts, "hosts": scan.hosts, "ports": scan.ports,
            "most_in_a_minute": scan.most_in_a_minute, "text": scan_text(scan),
        })).collect::<Vec<_>>(),
        "asymmetric": {
            "conversations": halves,
            "first": first_halves.iter().map(|half| json!([
                endpoint(&half.one.0, half.one.1.into()), endpoint(&half.other.0, half.other.1.into()),
            ])).collect::<Vec<_>>(),
        },
        "changes": pile.changes().iter().take(report.top).map(|change| json!({
            "time": minute_text(change.minute), "what": cause_name(change.place),
            "before": change.before, "after": change.after, "text": change_text(change),
        })).collect::<Vec<_>>(),
        "step_minutes": timeline.step(),
        "timeline": self::timeline(pile),
        "forgotten": forgotten_text(pile.forgotten()),
        "comparison": comparison(report),
    })
}

/// Counts by outcome under the outcomes' names.
fn outcomes(counts: [u64; 4]) -> Value {
    Outcome::ALL
        .iter()
        .zip(counts)
        .map(|(outcome, count)| (outcome.name().to_owned(), json!(count)))
        .collect()
}

fn timeline(pile: &Pile) -> Vec<Value> {
    let steps = pile.timeline().buckets().iter();
    steps
        .map(|bucket| {
            let causes: serde_json::Map<String, Value> = (0..COUNT)
                .zip(bucket.causes)
                .filter(|(_, count)| *count > 0)
                .map(|(place, count)| (place.to_string(), json!(count)))
                .collect();
            json!({ "time": minute_text(bucket.minute), "outcomes": bucket.outcomes, "causes": causes })
        })
        .collect()
}

fn pair(pair: &Pair) -> Value {
    json!({
        "src": pair.src, "dst": pair.dst, "dport": pair.dport, "proto": pair.proto, "app": pair.app,
        "failures": pair.failures(), "deliveries": pair.deliveries(),
        "diagnosis": pair.cause.map(|place| cause_name(Some(place))),
        "first_failure": pair.first_failure.map(second_text),
        "last_failure": pair.last_failure.map(second_text),
        "last_delivery": pair.last_delivery.map(second_text),
    })
}

fn comparison(report: &Report<'_>) -> Value {
    let Some((before, comparison)) = report.comparison else { return Value::Null };
    let list = |changes: &[PairChange<'_>]| -> Vec<Value> {
        let changed = |change: &PairChange<'_>| {
            let (before, after) = (pair(change.before), change.after.map(pair));
            json!({ "before": before, "after": after })
        };
        changes.iter().map(changed).collect()
    };
    json!({
        "records_before": before.pile.totals().records,
        "outcomes_before": outcomes(before.pile.totals().outcomes),
        "causes": comparison.causes.iter().map(|shift| json!({
            "diagnosis": cause_name(Some(shift.place)), "before": shift.before, "after": shift.after,
            "change_of_share": shift.change,
        })).collect::<Vec<_>>(),
        "newly_failing": list(&comparison.newly_failing),
        "repaired": list(&comparison.repaired),
        "gone": list(&comparison.gone),
    })
}

/// The words of a diagnosis, with `commands` for its first record.
fn diagnosis(place: usize, diagnosis: &Diagnosis, count: u64, commands: &[String]) -> Value {
    json!({
        "name": diagnosis.name,
        "failing": is_failure(place),
        "cause": diagnosis.cause,
        "records": count,
        "next_step": diagnosis.next_step,
        "commands": commands,
        "alternatives": diagnosis.alternatives.iter().map(|other| json!({
            "cause": other.cause, "told_by": other.told_by,
        })).collect::<Vec<_>>(),
    })
}

/// Every diagnosis that was made, under its place in the table.
pub fn diagnoses(pile: &Pile, examples: &[Option<Vec<String>>]) -> Value {
    let all = pile.causes().into_iter();
    all.filter_map(|(place, count)| {
        let commands = examples.get(place)?.as_deref().unwrap_or_default();
        Some((place.to_string(), diagnosis(place, DIAGNOSES.get(place)?, count, commands)))
    })
    .collect()
}
