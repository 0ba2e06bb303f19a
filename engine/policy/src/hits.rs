//! How often a rule was used.

use bifrons_model::Timestamp;

/// The sessions that a rule admitted or blocked, since the start of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleHits {
    /// How many. A session counts once for each rule that it has come under.
    pub count: u64,
    /// When the first came under it; `None` without any.
    pub first: Option<Timestamp>,
    /// When the latest did.
    pub last: Option<Timestamp>,
}

impl RuleHits {
    /// One more, now.
    #[inline]
    pub fn add(&mut self, now: Timestamp) {
        self.count += 1;
        self.first = self.first.or(Some(now));
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
    }

    /// Those of another worker, too.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = [self.last, other.last].into_iter().flatten().max();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_of_two_workers_add_up() {
        let at = Timestamp::from_secs;
        let (mut one, mut other) = (RuleHits::default(), RuleHits::default());
        other.add(at(3));
        one.add(at(5));
        one.add(at(4));
        one.merge(&other);
        assert_eq!(one, RuleHits { count: 3, first: Some(at(3)), last: Some(at(5)) });
        one.merge(&RuleHits::default());
        assert_eq!(one.count, 3);
    }
}
