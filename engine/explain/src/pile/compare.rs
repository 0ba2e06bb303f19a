//! Two piles side by side: before and after.

use alloc::vec::Vec;

use super::{Pair, Pile, is_failure};
use crate::rules::COUNT;

/// How often one diagnosis was made before and after.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Its place in the table.
    pub place: usize,
    /// Records before.
    pub before: u64,
    /// Records after.
    pub after: u64,
    /// By how much its share of all judged records changed, between -1 and 1.
    pub change: f64,
}

/// A pair of hosts before and after.
#[derive(Clone, Copy, Debug)]
pub struct PairChange<'a> {
    /// As it was.
    pub before: &'a Pair,
    /// As it is; `None` when no record of it came any more.
    pub after: Option<&'a Pair>,
}

/// What differs between two piles.
#[derive(Clone, Debug, Default)]
pub struct Comparison<'a> {
    /// Causes of failure whose share changed, the largest change first.
    pub causes: Vec<Shift>,
    /// Pairs that were delivered and now fail without exception.
    pub newly_failing: Vec<PairChange<'a>>,
    /// Pairs that failed without exception and are now delivered.
    pub repaired: Vec<PairChange<'a>>,
    /// Pairs that were delivered and of which there is no record any more. Where a table forgot entries,
    /// a pair may be missing for that reason.
    pub gone: Vec<PairChange<'a>>,
}

impl<'a> Comparison<'a> {
    /// Compares. Both piles must have been made with the same seed. At most `count` pairs of each kind are
    /// listed, those with most records first.
    pub fn of(before: &'a Pile, after: &'a Pile, count: usize) -> Self {
        let mut comparison = Self { causes: shifts(before, after), ..Self::default() };
        for old in before.pairs.iter() {
            let new = after.pairs.find(&after.hash, old);
            let change = PairChange { before: old, after: new };
            let was_fine = old.deliveries() > 0;
            let failed = old.failures() > 0 && !was_fine;
            match new {
                None if was_fine => comparison.gone.push(change),
                Some(new) if was_fine && new.failures() > 0 && new.deliveries() == 0 => {
                    comparison.newly_failing.push(change);
                }
                Some(new) if failed && new.deliveries() > 0 => comparison.repaired.push(change),
                Some(_) | None => {}
            }
        }
        for list in [&mut comparison.newly_failing, &mut comparison.repaired, &mut comparison.gone] {
            list.sort_by(|one, other| {
                let weight = |change: &PairChange<'_>| -> u64 { change.before.outcomes.iter().sum() };
                let name =
                    |change: &PairChange<'a>| (&change.before.src, &change.before.dst, change.before.dport);
                weight(other).cmp(&weight(one)).then(name(one).cmp(&name(other)))
            });
            list.truncate(count);
        }
        comparison
    }
}

fn shifts(before: &Pile, after: &Pile) -> Vec<Shift> {
    let judged = |pile: &Pile| pile.totals().outcomes.iter().sum::<u64>().max(1) as f64;
    let (all_before, all_after) = (judged(before), judged(after));
    let mut shifts: Vec<Shift> = (0..COUNT)
        .filter(|place| is_failure(*place))
        .filter_map(|place| {
            let (before, after) = (*before.causes.get(place)?, *after.causes.get(place)?);
            let change = after as f64 / all_after - before as f64 / all_before;
            (change.abs() > f64::EPSILON).then_some(Shift { place, before, after, change })
        })
        .collect();
    shifts.sort_by(|one, other| {
        other.change.abs().total_cmp(&one.change.abs()).then(one.place.cmp(&other.place))
    });
    shifts
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, pile};
    use super::*;
    use crate::{DIAGNOSES, facts::Facts, samples};

    #[test]
    fn what_broke_what_was_repaired_and_what_is_gone() {
        let (mut before, mut after) = (pile(), pile());
        let (web, syn) = (samples::web(), samples::unanswered_syn());
        add(&mut before, &web);
        add(&mut after, &syn);
        add(&mut before, &Facts { dport: Some(443), ..syn });
        add(&mut after, &Facts { dport: Some(443), ..web });
        add(&mut before, &Facts { dport: Some(22), ..web });
        add(&mut before, &Facts { dport: Some(25), ..web });
        add(&mut after, &Facts { dport: Some(25), ..web });
        let comparison = Comparison::of(&before, &after, 10);
        let ports =
            |list: &[PairChange<'_>]| -> Vec<u16> { list.iter().map(|change| change.before.dport).collect() };
        assert_eq!(ports(&comparison.newly_failing), [80]);
        assert_eq!(ports(&comparison.repaired), [443]);
        assert_eq!(ports(&comparison.gone), [22]);
        assert_eq!(comparison.causes.len(), 1);
        let shift = comparison.causes[0];
        assert_eq!((DIAGNOSES[shift.place].name, shift.before, shift.after), ("server-never-answered", 1, 1));
        assert!((shift.change - (1.0 / 3.0 - 1.0 / 4.0)).abs() < 1e-9);
    }
}
