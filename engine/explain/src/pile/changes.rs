//! What rose or fell, and at which minute.
//!
//! For each cause the timeline is split where the rates of the two sides differ most, by the chi-squared
//! statistic of two Poisson rates, and each side is looked at again. Only steps that have records are
//! counted, so a night without traffic is no change.

use alloc::vec::Vec;

use super::{Timeline, is_failure};
use crate::{outcome::Outcome, rules::COUNT};

/// One rise or fall.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The minute since 1970 from which the new rate holds.
    pub minute: u64,
    /// The diagnosis; `None` for all that was not delivered.
    pub place: Option<usize>,
    /// Records a minute before.
    pub before: f64,
    /// Records a minute from then on.
    pub after: f64,
    /// How clear it is: the chi-squared statistic.
    pub score: f64,
}

/// A change is told from chance at this score: one in two million for one cause and place, which leaves
/// room for trying all of them.
const CLEAR: f64 = 25.0;

/// Fewer records than this are no series.
const FEWEST: f64 = 10.0;

/// How often a series is split.
const DEPTH: u32 = 3;

pub fn of(timeline: &Timeline) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut series = Vec::new();
    let places = (0..COUNT).filter(|place| is_failure(*place)).map(Some);
    for place in core::iter::once(None).chain(places) {
        series.clear();
        series.extend(timeline.buckets().iter().map(|bucket| {
            let count = match place {
                None => bucket.outcomes.get(Outcome::NotDelivered as usize),
                Some(place) => bucket.causes.get(place),
            };
            (bucket.minute, f64::from(count.copied().unwrap_or(0)))
        }));
        split(&series, place, timeline.step() as f64, DEPTH, &mut changes);
    }
    changes.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.minute.cmp(&other.minute)));
    changes
}

fn split(series: &[(u64, f64)], place: Option<usize>, step: f64, depth: u32, changes: &mut Vec<Change>) {
    let total: f64 = series.iter().map(|(_, count)| count).sum();
    if depth == 0 || total < FEWEST {
        return;
    }
    let length = series.len() as f64;
    let (mut sum, mut best) = (0.0, (0.0, 0, 0.0));
    for (at, (_, count)) in series.iter().enumerate() {
        if at > 0 {
            let (left, right) = (at as f64, length - at as f64);
            let gap = sum * right - (total - sum) * left;
            let score = gap * gap / (total * left * right);
            if score > best.0 {
                best = (score, at, sum);
            }
        }
        sum += count;
    }
    let (score, at, sum) = best;
    let Some((before, after)) = series.split_at_checked(at) else { return };
    let Some((minute, _)) = after.first().filter(|_| score >= CLEAR) else { return };
    changes.push(Change {
        minute: *minute,
        place,
        before: sum / before.len() as f64 / step,
        after: (total - sum) / after.len() as f64 / step,
        score,
    });
    split(before, place, step, depth - 1, changes);
    split(after, place, step, depth - 1, changes);
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::tests::{add, pile};
    use super::*;
    use crate::{DIAGNOSES, facts::Facts, samples};

    #[test]
    fn the_minute_of_an_outage() {
        let mut pile = pile();
        for minute in 0..60 {
            let time = format!("2026/11/22 12:{minute:02}:30");
            for _ in 0..10 {
                let is_down = (20..40).contains(&minute);
                let record = if is_down { samples::unanswered_syn() } else { samples::web() };
                add(&mut pile, &Facts { time_generated: &time, ..record });
            }
        }
        let changes = pile.changes();
        let minute = |number: usize| crate::civil_minute(changes[number].minute).4;
        let mut minutes: Vec<_> = (0..changes.len()).map(minute).collect();
        minutes.sort_unstable();
        assert_eq!(minutes, [20, 20, 40, 40], "{changes:?}");
        let names: Vec<_> =
            changes.iter().filter_map(|change| change.place).map(|place| DIAGNOSES[place].name).collect();
        assert_eq!(names, ["server-never-answered"; 2]);
    }

    #[test]
    fn an_even_stream_has_none() {
        let mut pile = pile();
        for minute in 0..60 {
            let time = format!("2026/11/22 12:{minute:02}:30");
            for _ in 0..(8 + minute % 5) {
                add(&mut pile, &Facts { time_generated: &time, ..samples::unanswered_syn() });
            }
        }
        assert_eq!(pile.changes(), []);
    }
}
