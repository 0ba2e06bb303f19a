//! Devices that come and go.
//!
//! A failure soon after the last one is a flap (PAN-OS, "HA Timers"): one that takes out a preemptive device
//! within 20 minutes after it began to lead, and one that a monitored link or path causes within 10 minutes
//! after the device became functional. One that comes later starts the count anew. With the limit reached the
//! device is suspended, so that a pair does not swing for ever.

use core::time::Duration;

use bifrons_model::Timestamp;

const PREEMPTION_WINDOW: Duration = Duration::from_secs(20 * 60);
const FUNCTIONAL_WINDOW: Duration = Duration::from_secs(10 * 60);

/// Flaps since the counters were reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaps {
    /// Failures of a device that preempts, soon after it began to lead.
    pub preemptions: u8,
    /// Monitored failures soon after it became functional.
    pub non_functional: u8,
}

/// Which count has reached the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// It preempts and fails.
    Preemption,
    /// It recovers and fails.
    NonFunctional,
}

/// A failure that takes a device out of its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub now: Timestamp,
    /// Whether a monitored link or path caused it.
    pub is_monitored: bool,
    /// Since when the device leads, if it does and is preemptive.
    pub leads_since: Option<Timestamp>,
    /// Since when it is functional.
    pub functional_since: Option<Timestamp>,
}

impl Flaps {
    /// The counts with one failure more.
    #[must_use]
    pub(crate) fn with(self, failure: &Failure) -> Self {
        let count = |before: u8, since: Option<Timestamp>, window: Duration| match since {
            Some(since) if failure.now.since(since) < window => before.saturating_add(1),
            Some(_) => 0,
            None => before,
        };
        let functional_since = failure.functional_since.filter(|_| failure.is_monitored);
        Self {
            preemptions: count(self.preemptions, failure.leads_since, PREEMPTION_WINDOW),
            non_functional: count(self.non_functional, functional_since, FUNCTIONAL_WINDOW),
        }
    }

    /// Which count has reached a limit; `None` for no limit too.
    pub fn limit_reached(self, limit: Option<u8>) -> Option<Loop> {
        let limit = limit.filter(|limit| *limit > 0)?;
        if self.preemptions >= limit {
            return Some(Loop::Preemption);
        }
        (self.non_functional >= limit).then_some(Loop::NonFunctional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(minute: u64, leads: Option<u64>, functional: u64) -> Failure {
        let at = |minute: u64| Timestamp::from_secs(minute * 60);
        Failure {
            now: at(minute),
            is_monitored: true,
            leads_since: leads.map(at),
            functional_since: Some(at(functional)),
        }
    }

    #[test]
    fn three_failures_in_a_row_are_too_many() {
        let mut flaps = Flaps::default();
        for minute in [5, 10] {
            flaps = flaps.with(&failure(minute, None, minute - 3));
            assert_eq!(flaps.limit_reached(Some(3)), None);
        }
        flaps = flaps.with(&failure(15, None, 12));
        assert_eq!(flaps.limit_reached(Some(3)), Some(Loop::NonFunctional));
        assert_eq!(flaps.limit_reached(None), None);
        assert_eq!(flaps.limit_reached(Some(0)), None);
    }

    #[test]
    fn a_failure_after_a_long_time_starts_the_count_anew() {
        let flaps = Flaps { preemptions: 2, non_functional: 2 };
        assert_eq!(flaps.with(&failure(100, Some(80), 90)), Flaps::default());
        let soon = flaps.with(&failure(100, Some(81), 91));
        assert_eq!(soon, Flaps { preemptions: 3, non_functional: 3 });
        assert_eq!(soon.limit_reached(Some(3)), Some(Loop::Preemption));
    }
}
