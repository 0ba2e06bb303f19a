//! Chance that can be repeated: everything that is drawn comes from a seed.

use std::{hash::BuildHasher, time::Duration};

use foldhash::quality::FixedState;

/// One million: chances are given in parts of it.
pub const MILLION: u32 = 1_000_000;

/// A stream of numbers, the same for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Random(fastrand::Rng);

impl Random {
    /// The stream called `purpose` of a seed. Streams are independent: what one part of a world draws does
    /// not move what another draws.
    pub fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let mixed = FixedState::with_seed(seed).hash_one((purpose, number));
        Self(fastrand::Rng::with_seed(mixed))
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.u64(0..bound) }
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// True in so many of a million cases.
    pub fn chance(&mut self, of_million: u32) -> bool {
        of_million > 0 && self.0.u32(0..MILLION) < of_million
    }

    /// True in half of the cases.
    pub fn coin(&mut self) -> bool {
        self.0.bool()
    }

    /// A span from nothing to `most`.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_nanos(self.below(nanos(most).saturating_add(1)))
    }

    /// One of several; the first where there are none to choose from is never asked for.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len() as u64) as usize)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }
}

/// A span in nanoseconds.
pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A number that depends on all bytes.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    FixedState::with_seed(0).hash_one(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, purpose: &str, number| {
            let mut random = Random::new(seed, purpose, number);
            (0..4).map(|_| random.number()).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, "link", 0), draw(7, "link", 0));
        assert_ne!(draw(7, "link", 0), draw(7, "link", 1));
        assert_ne!(draw(7, "link", 0), draw(8, "link", 0));
        assert_ne!(draw(7, "link", 0), draw(7, "host", 0));
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::new(1, "bounds", 0);
        assert!((0..1000).all(|_| (3..=5).contains(&random.between(3, 5))));
        assert!((0..1000).all(|_| !random.chance(0)));
        assert!((0..1000).all(|_| random.chance(MILLION)));
        assert_eq!(random.below(0), 0);
    }
}
