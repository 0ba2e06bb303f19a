//! What came of a scenario against what was expected.

use std::fmt::Write as _;

use bifrons_dataplane::Verdict;
use bifrons_wire::LinkType;

use crate::{
    frame::Packet,
    meaning::Meaning,
    run::{Course, Seen, Written, noticed},
    scenario::{Counter, Emits, Event, Fate, Scenario, Sent, Variable, show_record},
};

/// Everything that is otherwise than the scenario says, a line each.
pub fn differences(scenario: &Scenario, course: &Course) -> Vec<String> {
    let mut differences = course.broken.clone();
    compare_frames(scenario, course, &mut differences);
    compare_emitted(scenario, course, &mut differences);
    compare_records(scenario, course, &mut differences);
    compare_counters(scenario, course, &mut differences);
    compare_variables(scenario, course, &mut differences);
    differences
}

fn each_sent(scenario: &Scenario) -> impl Iterator<Item = (usize, &Sent)> {
    scenario.steps.iter().filter_map(|step| match &step.event {
        Event::Frame(sent) => Some((step.line, sent)),
        Event::Clear(_) | Event::Commit(_) => None,
    })
}

fn compare_frames(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    for ((line, sent), seen) in each_sent(scenario).zip(&course.frames) {
        let is_same = match (&sent.expected, seen.verdict) {
            (Fate::Pass { interface, .. }, Verdict::Transmit(_)) => {
                interface.as_ref().is_none_or(|name| *name == seen.interface)
            }
            (Fate::Drop(reason), Verdict::Drop(found)) => *reason == found,
            (Fate::Held, Verdict::Held) => true,
            (Fate::Pass { .. } | Fate::Drop(_) | Fate::Held, _) => false,
        };
        if !is_same {
            let (expected, found) = (show_fate(&sent.expected), seen.show());
            differences.push(format!("line {line}: expected {expected}, found {found}"));
        } else if let Fate::Pass { leaves, .. } = &sent.expected {
            let leaves: Vec<Packet> = leaves.iter().map(|packet| packet.bound(&course.bindings)).collect();
            compare_left(line, &leaves, seen, differences);
        }
    }
}

/// Compares what left with `leaves`; nothing expected means unchanged.
fn compare_left(line: usize, leaves: &[Packet], seen: &Seen, differences: &mut Vec<String>) {
    let unchanged = std::slice::from_ref(&seen.came);
    let left = if seen.left.is_empty() { unchanged } else { seen.left.as_slice() };
    let is_same = match leaves {
        [] => left == unchanged,
        leaves => {
            leaves.len() == left.len()
                && leaves.iter().zip(left).all(|(packet, left)| is_as(packet, left, seen))
        }
    };
    if is_same {
        return;
    }
    if leaves.is_empty() {
        differences.push(format!("line {line}: expected frame unchanged"));
    }
    for packet in leaves {
        differences.push(format!("line {line}: expected frame {}", show_bytes(&packet.frame().bytes)));
    }
    for left in left {
        let meaning = Meaning::of(LinkType::Ethernet, left).map_or_else(|why| why, |found| found.show());
        differences.push(format!("         found frame    {} ({meaning})", show_bytes(left)));
    }
}

/// A packet that stays in its family must leave with exactly these bytes; one that does not must say the
/// same.
fn is_as(packet: &Packet, left: &[u8], seen: &Seen) -> bool {
    let expected = packet.frame().bytes;
    if seen.came.get(12..14) == expected.get(12..14) {
        return expected == left;
    }
    match (Meaning::of(LinkType::Ethernet, &expected), Meaning::of(LinkType::Ethernet, left)) {
        (Ok(expected), Ok(found)) => expected.is_said_by(&found),
        _ => false,
    }
}

fn compare_emitted(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    let expected: Vec<(usize, &Emits)> = each_sent(scenario)
        .enumerate()
        .flat_map(|(place, (_, sent))| sent.emits.iter().map(move |emits| (place, emits)))
        .collect();
    for (at, (place, emits)) in expected.iter().enumerate() {
        let Some((by, interface, found)) = course.emitted.get(at) else {
            differences.push(format!("line {}: the packet was not sent", emits.line));
            continue;
        };
        let wanted = emits.packet.bound(&course.bindings).ip();
        let is_there = by == place && emits.interface.as_ref().is_none_or(|name| name == interface);
        let is_same = match (Meaning::of(LinkType::RawIp, &wanted), Meaning::of(LinkType::RawIp, found)) {
            (Ok(wanted), Ok(found)) => wanted.is_said_by(&found) && wanted.is_quoted_by(&found),
            _ => false,
        };
        if !is_there || !is_same {
            let found = format!("to {interface} {}", show_own(found));
            differences.push(format!("line {}: expected {}, found {found}", emits.line, show_own(&wanted)));
        }
    }
    for (by, interface, packet) in course.emitted.iter().skip(expected.len()) {
        let line = each_sent(scenario).nth(*by).map_or(0, |(line, _)| line);
        differences.push(format!("line {line}: unexpected: emits to {interface} {}", show_own(packet)));
    }
}

fn compare_records(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    for (place, expected) in scenario.records.iter().enumerate() {
        let Some(Written { record: found, names }) = course.records.get(place) else {
            differences.push(format!("line {}: the record is missing", expected.line));
            continue;
        };
        let fields = expected.differences(found, names, &course.bindings);
        if !fields.is_empty() {
            differences.push(format!("line {}: {}", expected.line, fields.join("; ")));
            differences.push(format!("   found: {}", show_record(found, names)));
        }
    }
    for Written { record: extra, names } in course.records.iter().skip(scenario.records.len()) {
        differences.push(format!("unexpected record: {}", show_record(extra, names)));
    }
}

fn compare_counters(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    let counters = &course.counters;
    for (line, counter, expected) in &scenario.counters {
        let found = match counter {
            Counter::Noticed(reason) => counters.noticed_for(*reason),
            Counter::Dropped(reason) => counters.dropped_for(*reason),
            Counter::Transmitted => counters.transmitted,
            Counter::SessionsCreated => counters.sessions_created,
            Counter::SessionsRefused => counters.sessions_refused,
            Counter::Bypassed => counters.bypassed,
            Counter::Reassembled => counters.reassembled,
            Counter::IcmpErrorsMatched => counters.icmp_errors_matched,
            Counter::Emitted => counters.emitted,
            Counter::Translated => counters.translated,
            Counter::NatExhausted => counters.nat_exhausted,
        };
        if found != *expected {
            differences.push(format!("line {line}: expected {expected}, found {found}"));
        }
    }
    for (reason, count) in noticed(counters) {
        let is_listed = scenario.counters.iter().any(|(_, counter, _)| *counter == Counter::Noticed(reason));
        if !is_listed {
            differences.push(format!("counters: unexpected `noticed {} {count}`", reason.name()));
        }
    }
}

fn compare_variables(scenario: &Scenario, course: &Course, differences: &mut Vec<String>) {
    let bound = |port: u16| course.bindings.port(port);
    for (line, variable) in &scenario.variables {
        let (found, holds) = match variable {
            Variable::In(name, low, high) => (bound(*name), (*low..=*high).contains(&bound(*name))),
            Variable::Even(name, is_even) => (bound(*name), bound(*name).is_multiple_of(2) == *is_even),
            Variable::Same(name, other, is_same) => {
                (bound(*name), (bound(*name) == bound(*other)) == *is_same)
            }
        };
        if !holds {
            differences.push(format!("line {line}: the port is {found}"));
        }
    }
}

/// A packet of the firewall's own, in the words of a scenario.
pub(crate) fn show_own(packet: &[u8]) -> String {
    Meaning::of(LinkType::RawIp, packet).map_or_else(|why| why, |meaning| meaning.show())
}

fn show_fate(fate: &Fate) -> String {
    match fate {
        Fate::Pass { interface: Some(name), .. } => format!("pass to {name}"),
        Fate::Pass { interface: None, .. } => "pass".into(),
        Fate::Drop(reason) => format!("drop {}", reason.name()),
        Fate::Held => "held".into(),
    }
}

fn show_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
