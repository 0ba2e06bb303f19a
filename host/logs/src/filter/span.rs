//! Spans of time that a filter names.

use bifrons_model::Timestamp;

use crate::record::parse_time;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The words for spans of time and what they mean. The two of the calendar mean the whole day, or month,
/// before the present one, in UTC.
pub(crate) const TIME_WORDS: &[(&str, &str)] = &[
    ("last-60-seconds", "the last minute"),
    ("last-15-minutes", "the last quarter of an hour"),
    ("last-hour", "the last hour"),
    ("last-6-hrs", "the last 6 hours"),
    ("last-12-hrs", "the last 12 hours"),
    ("last-24-hrs", "the last 24 hours"),
    ("last-calendar-day", "yesterday, from midnight to midnight UTC"),
    ("last-7-days", "the last 7 times 24 hours"),
    ("last-30-days", "the last 30 times 24 hours"),
    ("last-calendar-month", "the month before this one, UTC"),
];

/// Microseconds since 1970, the first and the last that belong to the span.
pub(super) type Span = (u64, u64);

/// The microsecond of a time.
pub(super) fn microsecond(time: Timestamp) -> u64 {
    time.as_nanos() / 1_000
}

/// The span that a word means at `now`, or a day such as `2026/01/31`.
pub(super) fn find(word: &str, now: Timestamp) -> Option<Span> {
    let seconds = |from: u64, to: u64| (from.saturating_mul(1_000_000), to.saturating_mul(1_000_000) - 1);
    let last = |seconds: u64| {
        let now = microsecond(now);
        Some((now.saturating_sub(seconds * 1_000_000), now))
    };
    let today = now.as_secs() / DAY * DAY;
    match word {
        "last-60-seconds" => last(MINUTE),
        "last-15-minutes" => last(15 * MINUTE),
        "last-hour" => last(HOUR),
        "last-6-hrs" => last(6 * HOUR),
        "last-12-hrs" => last(12 * HOUR),
        "last-24-hrs" => last(24 * HOUR),
        "last-7-days" => last(7 * DAY),
        "last-30-days" => last(30 * DAY),
        "last-calendar-day" => Some(seconds(today.saturating_sub(DAY), today.max(1))),
        "last-calendar-month" => {
            let this = today - (u64::from(now.civil().2) - 1) * DAY;
            let before = Timestamp::from_secs(this.saturating_sub(DAY));
            let begin = this.saturating_sub(u64::from(before.civil().2) * DAY);
            Some(seconds(begin, this.max(1)))
        }
        _ => {
            let day = date(word)?.as_secs();
            Some(seconds(day, day + DAY))
        }
    }
}

/// A point in time; a date alone is its midnight.
pub(super) fn point(text: &str) -> Option<Timestamp> {
    parse_time(text).or_else(|| date(text))
}

fn date(text: &str) -> Option<Timestamp> {
    (text.len() == "2026/01/31".len()).then(|| parse_time(&format!("{text} 00:00:00")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_days() {
        let now = parse_time("2026/03/01 10:20:30").unwrap();
        for (word, from, to) in [
            ("last-60-seconds", "2026/03/01 10:19:30", "2026/03/01 10:20:30"),
            ("last-hour", "2026/03/01 09:20:30", "2026/03/01 10:20:30"),
            ("last-30-days", "2026/01/30 10:20:30", "2026/03/01 10:20:30"),
            ("last-calendar-day", "2026/02/28 00:00:00", "2026-02-28 23:59:59.999999"),
            ("last-calendar-month", "2026/02/01 00:00:00", "2026-02-28 23:59:59.999999"),
            ("2026/01/31", "2026/01/31 00:00:00", "2026-01-31 23:59:59.999999"),
        ] {
            let time = |text| microsecond(parse_time(text).unwrap());
            assert_eq!(find(word, now), Some((time(from), time(to))), "{word}");
        }
        for (word, _) in TIME_WORDS {
            assert!(find(word, now).is_some() && find(word, Timestamp::ZERO).is_some(), "{word}");
        }
        assert_eq!(find("last-decade", now), None);
        assert_eq!(point("2026/01/31").unwrap().as_secs() % DAY, 0);
    }
}
