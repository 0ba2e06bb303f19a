//! Scenarios with one expectation turned wrong: each must be found out.

use bifrons_model::{DropReason, EndReason, Timestamp};

use crate::scenario::{Event, ExpectedRecord, Fate, Field, Scenario, Sent, Variable};

/// An expectation of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Something about the step's frame.
    Frame(usize, OfFrame),
    /// Something about a record.
    Record(usize, OfRecord),
    /// A counter.
    Counter(usize),
    /// A variable.
    Variable(usize),
}

/// What is expected of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfFrame {
    /// Its fate.
    Fate,
    /// What it leaves as.
    Leaves,
    /// One of the packets that it makes the firewall send.
    Emits(usize),
    /// That no packet more is sent.
    NoMore,
}

/// What is expected of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfRecord {
    /// That it is written at all.
    Existence,
    /// When.
    Time,
    /// About which session.
    Ends,
    /// A field.
    Field(usize),
}

/// Every expectation of a scenario.
pub fn expectations(scenario: &Scenario) -> Vec<Expectation> {
    let mut all = Vec::new();
    for (step, event) in scenario.steps.iter().map(|step| &step.event).enumerate() {
        let Event::Frame(sent) = event else { continue };
        let mut add = |what| all.push(Expectation::Frame(step, what));
        add(OfFrame::Fate);
        if matches!(&sent.expected, Fate::Pass { leaves, .. } if !leaves.is_empty()) {
            add(OfFrame::Leaves);
        }
        (0..sent.emits.len()).for_each(|place| add(OfFrame::Emits(place)));
        if !sent.emits.is_empty() {
            add(OfFrame::NoMore);
        }
    }
    for (place, record) in scenario.records.iter().enumerate() {
        let mut add = |what| all.push(Expectation::Record(place, what));
        [OfRecord::Existence, OfRecord::Time, OfRecord::Ends].into_iter().for_each(&mut add);
        (0..record.fields.len()).for_each(|field| add(OfRecord::Field(field)));
    }
    all.extend((0..scenario.counters.len()).map(Expectation::Counter));
    all.extend((0..scenario.variables.len()).map(Expectation::Variable));
    all
}

/// Turns one expectation into something else.
pub fn perturb(scenario: &mut Scenario, expectation: Expectation) {
    match expectation {
        Expectation::Frame(step, what) => {
            if let Event::Frame(sent) = &mut scenario.steps[step].event {
                perturb_frame(sent, what);
            }
        }
        Expectation::Record(place, what) => perturb_record(&mut scenario.records, place, what),
        Expectation::Counter(place) => scenario.counters[place].2 += 1,
        Expectation::Variable(place) => {
            let variable = &mut scenario.variables[place].1;
            *variable = match *variable {
                Variable::In(name, ..) => Variable::In(name, 1, 0),
                Variable::Even(name, is_even) => Variable::Even(name, !is_even),
                Variable::Same(name, other, is_same) => Variable::Same(name, other, !is_same),
            };
        }
    }
}

fn perturb_frame(sent: &mut Sent, what: OfFrame) {
    match what {
        OfFrame::Fate => sent.expected = other_fate(&sent.expected),
        OfFrame::Leaves => {
            if let Fate::Pass { leaves, .. } = &mut sent.expected
                && let Some(left) = leaves.first_mut()
            {
                left.payload.push(1);
                left.faults.hop_limit = Some(1);
            }
        }
        OfFrame::Emits(place) => sent.emits[place].packet.payload.push(1),
        OfFrame::NoMore => sent.emits.truncate(sent.emits.len() - 1),
    }
}

fn perturb_record(records: &mut Vec<ExpectedRecord>, place: usize, what: OfRecord) {
    let record = &mut records[place];
    match what {
        OfRecord::Existence => {
            records.remove(place);
        }
        OfRecord::Time => record.at = Timestamp::from_nanos(record.at.as_nanos() + 1_000_000),
        OfRecord::Ends => {
            let port = record.ends.0.port() ^ 1;
            record.ends.0.set_port(port);
        }
        OfRecord::Field(field) => record.fields[field] = other_field(&record.fields[field]),
    }
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
