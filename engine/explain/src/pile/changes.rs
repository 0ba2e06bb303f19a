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
    let (mut series, mut cuts) = (Vec::new(), Vec::new());
    let places = (0..COUNT).filter(|place| is_failure(*place)).map(Some);
    for place in core::iter::once(None).chain(places) {
        series.clear();
        series.extend(timeline.buckets().iter().map(|bucket| {
            let count = match place {
                None => bucket.outcomes.get(Outcome::NotDelivered as usize),
                Some(place) => bucket.causes.get(place),
            };
            f64::from(count.copied().unwrap_or(0))
        }));
        cuts.clear();
        split(&series, 0, DEPTH, &mut cuts);
        cuts.sort_unstable_by_key(|(at, _)| *at);
        for (number, (at, score)) in cuts.iter().enumerate() {
            let from = number.checked_sub(1).and_then(|before| cuts.get(before)).map_or(0, |(cut, _)| *cut);
            let to = cuts.get(number + 1).map_or(series.len(), |(cut, _)| *cut);
            let rate = |range: core::ops::Range<usize>| {
                let steps = range.len().max(1) as f64 * timeline.step() as f64;
                series.get(range).unwrap_or_default().iter().sum::<f64>() / steps
            };
            let Some(bucket) = timeline.buckets().get(*at) else { continue };
            let (before, after) = (rate(from..*at), rate(*at..to));
            changes.push(Change { minute: bucket.minute, place, before, after, score: *score });
        }
    }
    changes.sort_by(|one, other| other.score.total_cmp(&one.score).then(one.minute.cmp(&other.minute)));
    changes
}

/// Adds where the series changes, each place with its score; `offset` is where the series begins.
fn split(series: &[f64], offset: usize, depth: u32, cuts: &mut Vec<(usize, f64)>) {
    let total: f64 = series.iter().sum();
    if depth == 0 || total < FEWEST {
        return;
    }
    let length = series.len() as f64;
    let (mut sum, mut best) = (0.0, (0.0, 0));
    for (at, count) in series.iter().enumerate() {
        if at > 0 {
            let (left, right) = (at as f64, length - at as f64);
            let gap = sum * right - (total - sum) * left;
            let score = gap * gap / (total * left * right);
            if score > best.0 {
                best = (score, at);
            }
        }
        sum += count;
    }
    let (score, at) = best;
    let Some((before, after)) = series.split_at_checked(at).filter(|_| score >= CLEAR) else { return };
    cuts.push((offset + at, score));
    split(before, offset, depth - 1, cuts);
    split(after, offset + at, depth - 1, cuts);
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
        let rates = changes.iter().map(|change| (change.before, change.after));
        assert!(rates.into_iter().all(|rates| rates == (0.0, 10.0) || rates == (10.0, 0.0)), "{changes:?}");
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
