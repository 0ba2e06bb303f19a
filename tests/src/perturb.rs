//! Scenarios with one expectation turned wrong: each must be found out.

use bifrons_model::{DropReason, EndReason, Timestamp};

use crate::scenario::{Event, ExpectedRecord, Fate, Field, Scenario, Variable};

/// An expectation of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The fate of the step's frame.
    Fate(usize),
    /// What the step's frame leaves as.
    Leaves(usize),
    /// One of the packets that the step makes the firewall send.
    Emits(usize, usize),
    /// That no packet more is sent.
    NoMore(usize),
    /// A record's time.
    RecordTime(usize),
    /// A record's ends.
    RecordEnds(usize),
    /// A field of a record.
    RecordField(usize, usize),
    /// That a record is written at all.
    Record(usize),
    /// A counter.
    Counter(usize),
    /// A variable.
    Variable(usize),
}

/// Every expectation of a scenario.
pub fn expectations(scenario: &Scenario) -> Vec<Expectation> {
    let mut all = Vec::new();
    for (step, event) in scenario.steps.iter().map(|step| &step.event).enumerate() {
        let Event::Frame(sent) = event else { continue };
        all.push(Expectation::Fate(step));
        if matches!(&sent.expected, Fate::Pass { leaves, .. } if !leaves.is_empty()) {
            all.push(Expectation::Leaves(step));
        }
        all.extend((0..sent.emits.len()).map(|place| Expectation::Emits(step, place)));
        if !sent.emits.is_empty() {
            all.push(Expectation::NoMore(step));
        }
    }
    for (place, record) in scenario.records.iter().enumerate() {
        all.extend([
            Expectation::RecordTime(place),
            Expectation::RecordEnds(place),
            Expectation::Record(place),
        ]);
        all.extend((0..record.fields.len()).map(|field| Expectation::RecordField(place, field)));
    }
    all.extend((0..scenario.counters.len()).map(Expectation::Counter));
    all.extend((0..scenario.variables.len()).map(Expectation::Variable));
    all
}

/// Turns one expectation into something else; `false` where the scenario has no such one.
pub fn perturb(scenario: &mut Scenario, expectation: Expectation) -> bool {
    match expectation {
        Expectation::Fate(step)
        | Expectation::Leaves(step)
        | Expectation::Emits(step, _)
        | Expectation::NoMore(step) => {
            let Some(Event::Frame(sent)) = scenario.steps.get_mut(step).map(|step| &mut step.event) else {
                return false;
            };
            match expectation {
                Expectation::Fate(_) => sent.expected = other_fate(&sent.expected),
                Expectation::Leaves(_) => {
                    if let Fate::Pass { leaves, .. } = &mut sent.expected
                        && let Some(left) = leaves.first_mut()
                    {
                        left.payload.push(1);
                        left.faults.hop_limit = Some(1);
                    }
                }
                Expectation::Emits(_, place) => sent.emits[place].packet.payload.push(1),
                _ => sent.emits.truncate(sent.emits.len() - 1),
            }
            true
        }
        Expectation::RecordTime(place)
        | Expectation::RecordEnds(place)
        | Expectation::RecordField(place, _)
        | Expectation::Record(place) => perturb_record(&mut scenario.records, place, expectation),
        Expectation::Counter(place) => scenario.counters.get_mut(place).is_some_and(|(_, _, count)| {
            *count += 1;
            true
        }),
        Expectation::Variable(place) => scenario.variables.get_mut(place).is_some_and(|(_, variable)| {
            *variable = match *variable {
                Variable::In(name, ..) => Variable::In(name, 1, 0),
                Variable::Even(name, is_even) => Variable::Even(name, !is_even),
                Variable::Same(name, other, is_same) => Variable::Same(name, other, !is_same),
            };
            true
        }),
    }
}

fn perturb_record(records: &mut Vec<ExpectedRecord>, place: usize, expectation: Expectation) -> bool {
    let Some(record) = records.get_mut(place) else { return false };
    match expectation {
        Expectation::RecordTime(_) => record.at = Timestamp::from_nanos(record.at.as_nanos() + 1_000_000),
        Expectation::RecordEnds(_) => {
            let port = record.ends.0.port() ^ 1;
            record.ends.0.set_port(port);
        }
        Expectation::RecordField(_, field) => record.fields[field] = other_field(&record.fields[field]),
        _ => {
            records.remove(place);
        }
    }
    true
}

fn other_fate(fate: &Fate) -> Fate {
    match fate {
        Fate::Pass { interface: Some(name), leaves } => {
            Fate::Pass { interface: Some(format!("{name}0")), leaves: leaves.clone() }
        }
        Fate::Pass { interface: None, .. } => Fate::Drop(DropReason::PolicyDeny),
        Fate::Drop(DropReason::PolicyDeny) => Fate::Drop(DropReason::SessionDiscard),
        Fate::Drop(_) => Fate::Drop(DropReason::PolicyDeny),
        Fate::Held => Fate::Pass { interface: None, leaves: Vec::new() },
    }
}

fn other_field(field: &Field) -> Field {
    let other = |text: &String| format!("{text}x");
    match field {
        Field::App(name) => Field::App(other(name)),
        Field::Reason(EndReason::Unknown) => Field::Reason(EndReason::AgedOut),
        Field::Reason(_) => Field::Reason(EndReason::Unknown),
        Field::Tracker(_) => Field::Handshake("not a handshake".into()),
        Field::Sent(volume) | Field::Received(volume) => {
            let mut volume = *volume;
            volume.bytes += 1;
            if matches!(field, Field::Sent(_)) { Field::Sent(volume) } else { Field::Received(volume) }
        }
        Field::Handshake(text) => Field::Handshake(other(text)),
        Field::Outcome(text) => Field::Outcome(other(text)),
        Field::Rule(name) => Field::Rule(other(name)),
        Field::Action(_) | Field::ActionSource(_) => Field::Rule("not a rule".into()),
        Field::From(name) => Field::From(other(name)),
        Field::To(name) => Field::To(other(name)),
        Field::In(name) => Field::In(other(name)),
        Field::Out(name) => Field::Out(other(name)),
        Field::Started(at) => Field::Started(Timestamp::from_nanos(at.as_nanos() + 1)),
        Field::LastPacket(at) => Field::LastPacket(Timestamp::from_nanos(at.as_nanos() + 1)),
        Field::Session(number) => Field::Session(number + 1),
        Field::Server(name) => Field::Server(other(name)),
        Field::NonStandardPort(is_other) => Field::NonStandardPort(!is_other),
        Field::Nat(None) => Field::Nat(Some((([0, 0, 0, 0], 0).into(), ([0, 0, 0, 0], 0).into()))),
        Field::Nat(Some(_)) => Field::Nat(None),
        Field::NatRule(name) => Field::NatRule(other(name)),
        Field::User(name) => Field::User(other(name)),
        Field::Category(name) => Field::Category(other(name)),
        Field::Parent(number) => Field::Parent(number + 1),
        Field::Implicit => Field::Explicit,
        Field::Explicit => Field::Implicit,
    }
}
