//! When a rule holds.

use bifrons_config::typed::{Schedule, TimeSpan};
use bifrons_model::Timestamp;

const SECONDS_A_DAY: u64 = 86_400;

/// Whether any span of the schedule holds `time`, read in UTC; one without spans never does.
pub(crate) fn is_active(schedule: &Schedule, time: Timestamp) -> bool {
    schedule.spans.iter().any(|span| holds(span, time))
}

fn holds(span: &TimeSpan, time: Timestamp) -> bool {
    let seconds = time.as_secs();
    match *span {
        TimeSpan::Once { from, until } => (from..until).contains(&seconds),
        TimeSpan::Recurring { days, from, until } => {
            // The first of January 1970 was a Thursday.
            let today = (seconds / SECONDS_A_DAY + 3) % 7;
            let yesterday = (today + 6) % 7;
            let is_on = |day: u64| days >> day & 1 == 1;
            let seconds_of_day = seconds % SECONDS_A_DAY;
            let (from, until) = (u64::from(from) * 60, u64::from(until) * 60);
            if from <= until {
                is_on(today) && (from..until).contains(&seconds_of_day)
            } else {
                is_on(today) && seconds_of_day >= from || is_on(yesterday) && seconds_of_day < until
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec};

    /// Seconds since 1970 of Monday 2023-11-13, midnight.
    const MONDAY: u64 = 1_699_833_600;

    fn is_on(span: TimeSpan, seconds: u64) -> bool {
        let schedule = Schedule { name: String::new(), spans: vec![span] };
        is_active(&schedule, Timestamp::from_secs(seconds))
    }

    #[test]
    fn days_and_minutes() {
        let office = TimeSpan::Recurring { days: 0b001_1111, from: 9 * 60, until: 17 * 60 };
        assert!(!is_on(office, MONDAY + 9 * 3600 - 1));
        assert!(is_on(office, MONDAY + 9 * 3600) && is_on(office, MONDAY + 17 * 3600 - 1));
        assert!(!is_on(office, MONDAY + 17 * 3600));
        assert!(is_on(office, MONDAY + 4 * SECONDS_A_DAY + 12 * 3600));
        assert!(!is_on(office, MONDAY + 5 * SECONDS_A_DAY + 12 * 3600));
        let whole = TimeSpan::Recurring { days: 1, from: 0, until: 1440 };
        assert!(is_on(whole, MONDAY) && is_on(whole, MONDAY + SECONDS_A_DAY - 1));
        assert!(!is_on(whole, MONDAY + SECONDS_A_DAY) && !is_on(whole, MONDAY - 1));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = TimeSpan::Recurring { days: 0b100_0000, from: 22 * 60, until: 6 * 60 };
        assert!(!is_on(night, MONDAY - 2 * 3600 - 1) && is_on(night, MONDAY - 2 * 3600));
        assert!(is_on(night, MONDAY + 6 * 3600 - 1) && !is_on(night, MONDAY + 6 * 3600));
        assert!(!is_on(night, MONDAY + 22 * 3600));
    }

    #[test]
    fn once() {
        let span = TimeSpan::Once { from: 100, until: 200 };
        assert!(!is_on(span, 99) && is_on(span, 100) && is_on(span, 199) && !is_on(span, 200));
        assert!(!is_active(&Schedule::default(), Timestamp::ZERO));
    }
}
