//! Checksums that follow a change without a look at the rest (RFC 1624).

use crate::{
    checksum::{fold, internet_checksum},
    packet::Addresses,
};

/// What a change of summed words adds to the ones' complement sum over them: the complement of what was
/// there, and what is there now (RFC 1624, equation 3).
///
/// A sum of many of them does not overflow: each is below 2^35.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Difference(u64);

impl Difference {
    pub(crate) const NONE: Self = Self(0);

    /// One word, at an even place.
    #[inline]
    pub(crate) const fn word(old: u16, new: u16) -> Self {
        Self(!old as u64 + new as u64)
    }

    /// Two words, at an even place.
    #[inline]
    pub(crate) const fn double(old: u32, new: u32) -> Self {
        Self(!old as u64 + new as u64)
    }

    /// Source and destination, of one family or of two.
    #[inline]
    pub(crate) const fn addresses(old: Addresses, new: Addresses) -> Self {
        match (old, new) {
            (
                Addresses::V4 { source, destination },
                Addresses::V4 { source: new_source, destination: new_destination },
            ) => Self::double(source, new_source).and(Self::double(destination, new_destination)),
            (Addresses::V4 { .. } | Addresses::V6 { .. }, _) => {
                Self(complement(sum_of(old)) as u64 + sum_of(new))
            }
        }
    }

    /// Bytes that begin at an even place; their numbers may differ where nothing follows them.
    pub(crate) fn bytes(old: &[u8], new: &[u8]) -> Self {
        Self(u64::from(internet_checksum(&[old])) + u64::from(!internet_checksum(&[new])))
    }

    /// Both changes.
    #[inline]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The checksum after the change.
    #[inline]
    pub(crate) const fn applied(self, checksum: u16) -> u16 {
        !fold(!checksum as u64 + self.0)
    }

    /// The same for UDP and UDP-Lite, where zero says that there is no checksum: it stays, and does not
    /// come about (RFC 768; RFC 3828, section 3.1).
    #[inline]
    pub(crate) const fn applied_to_udp(self, checksum: u16) -> u16 {
        match (checksum, self.applied(checksum)) {
            (0, _) => 0,
            (_, 0) => 0xffff,
            (_, adjusted) => adjusted,
        }
    }
}

#[inline]
const fn sum_of(addresses: Addresses) -> u64 {
    match addresses {
        Addresses::V4 { source, destination } => source as u64 + destination as u64,
        Addresses::V6 { source, destination } => quarters(source) + quarters(destination),
    }
}

#[inline]
const fn quarters(address: u128) -> u64 {
    let (high, low) = ((address >> 64) as u64, address as u64);
    (high >> 32) + (high & 0xffff_ffff) + (low >> 32) + (low & 0xffff_ffff)
}

#[inline]
const fn complement(sum: u64) -> u16 {
    !fold(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1624() {
        assert_eq!(Difference::word(0x5555, 0x3285).applied(0xdd2f), 0x0000);
    }

    #[test]
    fn no_checksum_stays_none_and_none_comes_about() {
        assert_eq!(Difference::word(1, 2).applied_to_udp(0), 0);
        assert_eq!(Difference::word(0x5555, 0x3285).applied_to_udp(0xdd2f), 0xffff);
    }

    proptest! {
        #[test]
        fn agrees_with_a_new_sum(
            bytes in proptest::collection::vec(any::<u8>(), 32),
            at in 0_usize..7,
            value: u32,
        ) {
            let mut after = bytes.clone();
            after[4 * at..4 * at + 4].copy_from_slice(&value.to_be_bytes());
            let old = crate::be32(&bytes, 4 * at).unwrap();
            let before = internet_checksum(&[&bytes]);
            let expected = internet_checksum(&[&after]);
            prop_assert_eq!(Difference::double(old, value).applied(before), expected);
            prop_assert_eq!(Difference::bytes(&bytes, &after).applied(before), expected);
        }

        #[test]
        fn agrees_over_families(v4: (u32, u32), v6: (u128, u128), checksum in 1_u16..0xffff) {
            let old = Addresses::V4 { source: v4.0, destination: v4.1 };
            let new = Addresses::V6 { source: v6.0, destination: v6.1 };
            let there = Difference::addresses(old, new);
            let back = Difference::addresses(new, old);
            prop_assert_eq!(back.applied(there.applied(checksum)), checksum);
        }
    }
}
