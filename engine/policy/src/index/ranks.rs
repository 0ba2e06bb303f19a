//! IPv6 addresses as 32-bit numbers that keep their order.

use alloc::{boxed::Box, vec::Vec};

use crate::rule::Ends;

/// Where the answer of any rule's address list can change, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranks(Box<[u128]>);

impl Ranks {
    pub(super) fn new(ends: &[Ends]) -> Self {
        let mut points: Vec<u128> = Vec::new();
        for addresses in ends.iter().flat_map(|ends| [&ends.source, &ends.destination]) {
            for (first, last) in addresses.ranges_v6() {
                points.extend(first.checked_sub(1).map(|_| first));
                points.extend(last.checked_add(1));
            }
        }
        points.sort_unstable();
        points.dedup();
        Self(points.into_boxed_slice())
    }

    /// How many points lie at or below the address: equal for addresses that no rule tells apart.
    pub(super) fn of(&self, address: u128) -> u32 {
        u32::try_from(self.0.partition_point(|point| *point <= address)).unwrap_or(u32::MAX)
    }
}
