//! A rule's address list, ready for lookup.

use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;

use bifrons_config::typed::AddressRange;

/// Which addresses a rule is for.
#[derive(Clone, Debug)]
pub(crate) enum AddressSet {
    /// Every address.
    Any,
    /// Those in (or, negated, outside) these ranges, which are sorted, disjoint and not adjacent.
    Listed { ranges_v4: Box<[(u32, u32)]>, ranges_v6: Box<[(u128, u128)]>, negate: bool },
}

impl AddressSet {
    /// From a rule's list, of which an empty one means `any`. A negated `any` matches nothing.
    pub(crate) fn new(ranges: &[AddressRange], negate: bool) -> Self {
        if ranges.is_empty() && !negate {
            return Self::Any;
        }
        if ranges.is_empty() {
            return Self::Listed { ranges_v4: Box::new([]), ranges_v6: Box::new([]), negate: false };
        }
        let (mut ranges_v4, mut ranges_v6) = (Vec::new(), Vec::new());
        for range in ranges {
            match (range.first, range.last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => ranges_v4.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) => ranges_v6.push((first.to_bits(), last.to_bits())),
                // A range across families holds no address.
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
            }
        }
        Self::Listed {
            ranges_v4: merge(ranges_v4, |last| last.checked_add(1)),
            ranges_v6: merge(ranges_v6, |last| last.checked_add(1)),
            negate,
        }
    }

    /// The IPv4 addresses that it holds.
    pub(crate) fn ranges_v4(&self) -> Vec<(u32, u32)> {
        match self {
            Self::Any => Vec::from([(0, u32::MAX)]),
            Self::Listed { ranges_v4, negate: false, .. } => ranges_v4.to_vec(),
            Self::Listed { ranges_v4, negate: true, .. } => {
                complement(ranges_v4, (0, u32::MAX), |first| first.checked_sub(1), |last| last.checked_add(1))
            }
        }
    }

    /// The IPv6 addresses that it holds.
    pub(crate) fn ranges_v6(&self) -> Vec<(u128, u128)> {
        match self {
            Self::Any => Vec::from([(0, u128::MAX)]),
            Self::Listed { ranges_v6, negate: false, .. } => ranges_v6.to_vec(),
            Self::Listed { ranges_v6, negate: true, .. } => complement(
                ranges_v6,
                (0, u128::MAX),
                |first| first.checked_sub(1),
                |last| last.checked_add(1),
            ),
        }
    }

    #[inline]
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Listed { ranges_v4, ranges_v6, negate } => {
                let listed = match address {
                    IpAddr::V4(address) => is_within(ranges_v4, address.to_bits()),
                    IpAddr::V6(address) => is_within(ranges_v6, address.to_bits()),
                };
                listed != *negate
            }
        }
    }
}

/// What lies outside sorted, disjoint, not adjacent ranges.
fn complement<T: Ord + Copy>(
    ranges: &[(T, T)],
    (least, greatest): (T, T),
    before: impl Fn(T) -> Option<T>,
    after: impl Fn(T) -> Option<T>,
) -> Vec<(T, T)> {
    let mut outside = Vec::with_capacity(ranges.len() + 1);
    let mut from = Some(least);
    for (first, last) in ranges {
        if let (Some(from), Some(until)) = (from, before(*first))
            && from <= until
        {
            outside.push((from, until));
        }
        from = after(*last);
    }
    outside.extend(from.map(|from| (from, greatest)));
    outside
}

fn is_within<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|place| ranges.get(place)).is_some_and(|(_, last)| address <= *last)
}

fn merge<T: Ord + Copy>(mut ranges: Vec<(T, T)>, next: impl Fn(T) -> Option<T>) -> Box<[(T, T)]> {
    ranges.retain(|(first, last)| first <= last);
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if next(*end).is_none_or(|next| first <= next) => *end = (*end).max(last),
            _ => merged.push((first, last)),
        }
    }
    merged.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }

    fn holds(set: &AddressSet, address: &str) -> bool {
        set.contains(address.parse().unwrap())
    }

    #[test]
    fn overlapping_and_adjacent_ranges_become_one() {
        let set = AddressSet::new(
            &[
                range("10.0.0.5", "10.0.0.9"),
                range("10.0.0.0", "10.0.0.4"),
                range("10.0.0.2", "10.0.0.3"),
                range("255.255.255.255", "255.255.255.255"),
                range("255.0.0.0", "255.255.255.255"),
            ],
            false,
        );
        let AddressSet::Listed { ranges_v4, ranges_v6, .. } = &set else { panic!("listed") };
        assert_eq!((ranges_v4.len(), ranges_v6.len()), (2, 0));
        assert!(holds(&set, "10.0.0.0") && holds(&set, "10.0.0.9") && holds(&set, "255.255.255.255"));
        assert!(!holds(&set, "10.0.0.10") && !holds(&set, "9.255.255.255") && !holds(&set, "::1"));
    }

    #[test]
    fn ranges_are_what_is_contained() {
        let listed = [range("0.0.0.0", "0.0.0.9"), range("10.0.0.0", "10.0.0.4")];
        let last = [range("10.0.0.0", "255.255.255.255")];
        let start = 10 << 24;
        assert_eq!(AddressSet::new(&listed, false).ranges_v4(), [(0, 9), (start, start + 4)]);
        assert_eq!(AddressSet::new(&listed, true).ranges_v4(), [(10, start - 1), (start + 5, u32::MAX)]);
        assert_eq!(AddressSet::new(&last, true).ranges_v4(), [(0, start - 1)]);
        assert_eq!(AddressSet::new(&last, true).ranges_v6(), [(0, u128::MAX)]);
        assert_eq!(AddressSet::new(&last, false).ranges_v6(), []);
    }

    #[test]
    fn negation_turns_the_answer_round_in_both_families() {
        let set = AddressSet::new(&[range("2001:db8::", "2001:db8::ffff")], true);
        assert!(!holds(&set, "2001:db8::1"));
        assert!(holds(&set, "2001:db8::1:0") && holds(&set, "10.0.0.1"));
        assert!(!holds(&AddressSet::new(&[], true), "10.0.0.1"));
        assert!(holds(&AddressSet::new(&[], false), "10.0.0.1"));
    }
}
