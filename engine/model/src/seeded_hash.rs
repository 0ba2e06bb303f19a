//! A hash that a seed of the configuration begins.

/// A hash for choices that two devices must make alike, or an operator repeat: it depends on the seed and
/// on the numbers in their order, on nothing else. It is no secret: who knows the seed can choose numbers
/// that meet.
///
/// It begins with `mix(seed + 1)`. Each number of 128 bits makes `h` into `mix(mix(h ^ high) ^ low)`. `mix`
/// is the finish of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014),
/// of whose result each bit depends on each of its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeededHash(u64);

impl SeededHash {
    /// Of no number yet.
    pub const fn new(seed: u32) -> Self {
        Self(mix(seed as u64 + 1))
    }

    /// With one more number.
    #[must_use]
    pub const fn with(self, number: u128) -> Self {
        Self(mix(mix(self.0 ^ (number >> 64) as u64) ^ number as u64))
    }

    /// The hash of all numbers.
    pub const fn value(self) -> u64 {
        self.0
    }
}

const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two devices of different versions must choose alike: these values never change.
    #[test]
    fn the_hash_is_the_documented_one() {
        let hash = |seed: u32, numbers: &[u128]| {
            numbers.iter().fold(SeededHash::new(seed), |hash, number| hash.with(*number)).value()
        };
        // SplitMix64 of the reference implementation, seeded with 1: its first output.
        assert_eq!(hash(0, &[]), 0x910a_2dec_8902_5cc1);
        assert_ne!(hash(0, &[1]), hash(1, &[1]));
        assert_ne!(hash(0, &[1, 2]), hash(0, &[2, 1]));
        assert_ne!(hash(0, &[1 << 64]), hash(0, &[1]));
        assert_eq!(hash(u32::MAX, &[7]), hash(u32::MAX, &[7]));
    }

    #[test]
    fn the_lowest_bit_is_even() {
        let odd = (0..10_000_u128).filter(|number| SeededHash::new(9).with(*number).value() & 1 == 1).count();
        assert!((4_800..5_200).contains(&odd), "{odd}");
    }
}
