//! What a log record means: was the traffic delivered, why did it end, what to look at next.
//!
//! A record comes in as [`Facts`], plain borrowed text and numbers, from whatever log it was read. From
//! them [`explain`] makes an [`Explanation`]:
//!
//! - the **final actions** by action, by application and by end reason, from the project's tables, and the
//!   overall one ([`FinalActions`]);
//! - the **outcome** ([`Outcome`]): the tables first, in the administrators' order, then counters and flags
//!   confirm or contradict them;
//! - the **diagnosis** ([`Diagnosis`]): the first entry of one table ([`DIAGNOSES`]) that fits. It holds the
//!   likely cause, the fields that show it, the next step with its commands, and other causes that the
//!   record cannot tell from this one, each with what would.
//!
//! Explaining a record allocates nothing: diagnoses are static text, evidence is read from the record when
//! it is written. What only many records show (a scan, a service that fails for all, both halves of a
//! conversation on two paths, the minute of a change) is the work of a [`Pile`], whose memory is bounded.
#![no_std]

extern crate alloc;

mod case;
mod diagnosis;
mod facts;
pub mod json;
pub mod manual;
mod outcome;
mod payload;
pub mod pile;
mod rules;
mod time;

#[cfg(test)]
mod samples;

pub use case::Timeouts;
pub use diagnosis::{Alternative, Diagnosis, Text};
pub use facts::{Facts, Field, Value};
pub use outcome::{FinalActions, Outcome};
pub use pile::Pile;
pub use rules::{COUNT, DIAGNOSES};
pub use time::{civil_minute, seconds_of};

use case::Case;

/// What is said of one record.
#[derive(Clone, Copy, Debug)]
pub struct Explanation {
    /// The final action by each of the three tables, and what follows.
    pub final_actions: FinalActions,
    /// What became of the traffic; `None` for records that are not of traffic (system, configuration).
    pub outcome: Option<Outcome>,
    /// The place of the diagnosis in [`DIAGNOSES`].
    pub place: Option<usize>,
}

impl Explanation {
    /// The diagnosis; `None` where no entry of the table fits the record.
    pub fn diagnosis(&self) -> Option<&'static Diagnosis> {
        self.place.and_then(|place| DIAGNOSES.get(place)).copied()
    }
}

/// Explains one record. `timeouts` are those of the device that wrote it.
pub fn explain(facts: &Facts<'_>, timeouts: &Timeouts) -> Explanation {
    let case = Case::new(facts, timeouts);
    let final_actions = FinalActions::of(&case);
    Explanation {
        final_actions,
        outcome: outcome::judge(&case, final_actions),
        place: DIAGNOSES.iter().position(|diagnosis| diagnosis.applies(&case)),
    }
}
