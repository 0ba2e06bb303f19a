//! Counts by minute.

use alloc::vec::Vec;

use crate::{outcome::Outcome, rules::COUNT};

/// The counts of one step of the timeline.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The step's first minute since 1970.
    pub minute: u64,
    /// Records by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u32; 4],
    /// Records by diagnosis.
    pub causes: [u32; COUNT],
}

impl Bucket {
    const fn new(minute: u64) -> Self {
        Self { minute, outcomes: [0; 4], causes: [0; COUNT] }
    }

    fn merge(&mut self, other: &Self) {
        let sum = |to: &mut [u32], from: &[u32]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = to.saturating_add(*from));
        };
        sum(&mut self.outcomes, &other.outcomes);
        sum(&mut self.causes, &other.causes);
    }
}

/// Counts over time, in steps of one minute. Only steps in which there are records are kept; when they
/// become too many, steps are joined in twos, so nothing is lost but sharpness.
pub struct Timeline {
    /// In order of time.
    buckets: Vec<Bucket>,
    step: u64,
    capacity: usize,
    /// Where the latest record went: the next one goes there or nearby.
    latest: usize,
}

impl Timeline {
    pub(super) fn new(capacity: usize) -> Self {
        Self { buckets: Vec::new(), step: 1, capacity: capacity.max(2), latest: 0 }
    }

    pub(super) fn add(&mut self, minute: u64, outcome: Outcome, place: Option<usize>) {
        let place_in_time = self.find(minute - minute % self.step);
        let Some(bucket) = self.buckets.get_mut(place_in_time) else { return };
        if let Some(count) = bucket.outcomes.get_mut(outcome as usize) {
            *count = count.saturating_add(1);
        }
        if let Some(count) = place.and_then(|place| bucket.causes.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }

    fn find(&mut self, minute: u64) -> usize {
        if self.buckets.get(self.latest).is_some_and(|bucket| bucket.minute == minute) {
            return self.latest;
        }
        let place = match self.buckets.binary_search_by_key(&minute, |bucket| bucket.minute) {
            Ok(place) => place,
            Err(place) if self.buckets.len() < self.capacity => {
                self.buckets.insert(place, Bucket::new(minute));
                place
            }
            Err(_) => {
                self.coarsen();
                return self.find(minute - minute % self.step);
            }
        };
        self.latest = place;
        place
    }

    /// Doubles the step until there is room for a new one.
    fn coarsen(&mut self) {
        while self.buckets.len() >= self.capacity {
            self.step *= 2;
            let step = self.step;
            let mut joined: Vec<Bucket> = Vec::with_capacity(self.capacity);
            for bucket in self.buckets.drain(..) {
                let minute = bucket.minute - bucket.minute % step;
                match joined.last_mut() {
                    Some(last) if last.minute == minute => last.merge(&bucket),
                    Some(_) | None => joined.push(Bucket { minute, ..bucket }),
                }
            }
            self.buckets = joined;
        }
    }

    /// The steps that have records, in order of time.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// How many minutes a step is long: a power of two.
    pub const fn step(&self) -> u64 {
        self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_become_longer_and_nothing_is_lost() {
        let mut timeline = Timeline::new(8);
        for minute in [5, 6, 6, 4, 1_000_000] {
            timeline.add(minute, Outcome::Delivered, Some(1));
        }
        let minutes: Vec<_> = timeline.buckets().iter().map(|bucket| bucket.minute).collect();
        assert_eq!((minutes, timeline.step()), (alloc::vec![4, 5, 6, 1_000_000], 1));
        for minute in 0..100 {
            timeline.add(minute, Outcome::NotDelivered, None);
        }
        assert!(timeline.buckets().len() <= 8 && timeline.step() >= 16, "{}", timeline.step());
        let sum = |place: usize| timeline.buckets().iter().map(|bucket| bucket.outcomes[place]).sum::<u32>();
        assert_eq!((sum(0), sum(2)), (5, 100));
        assert!(timeline.buckets().is_sorted_by_key(|bucket| bucket.minute));
    }
}
