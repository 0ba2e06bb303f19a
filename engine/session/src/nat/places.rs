//! A list of address ranges as one sequence of addresses.

use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_config::typed::AddressRange;

/// The addresses of one family in a list of ranges, in the list's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    ranges: Box<[Stretch]>,
    /// How many addresses; the whole of IPv6 counts as one less than it has.
    total: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: IpAddr,
    /// How many places come before it.
    before: u128,
    count: u128,
}

impl Places {
    /// Of the ranges of one family.
    pub fn new(ranges: &[AddressRange], is_v6: bool) -> Self {
        let mut stretches = Vec::new();
        let mut total = 0_u128;
        for range in ranges.iter().filter(|range| range.first.is_ipv6() == is_v6) {
            let Some(steps) = distance(range.first, range.last) else { continue };
            let count = steps.saturating_add(1);
            stretches.push(Stretch { first: range.first, before: total, count });
            total = total.saturating_add(count);
        }
        Self { ranges: stretches.into_boxed_slice(), total }
    }

    /// How many addresses there are.
    pub const fn len(&self) -> u128 {
        self.total
    }

    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The address at a place.
    pub fn at(&self, place: u128) -> Option<IpAddr> {
        let after = self.ranges.partition_point(|stretch| stretch.before <= place);
        let stretch = self.ranges.get(after.checked_sub(1)?)?;
        let step = place - stretch.before;
        if step >= stretch.count {
            return None;
        }
        match stretch.first {
            IpAddr::V4(first) => {
                let bits = first.to_bits().checked_add(u32::try_from(step).ok()?)?;
                Some(IpAddr::V4(Ipv4Addr::from_bits(bits)))
            }
            IpAddr::V6(first) => Some(IpAddr::V6(Ipv6Addr::from_bits(first.to_bits().checked_add(step)?))),
        }
    }

    /// The first place at which an address stands.
    pub fn place_of(&self, address: IpAddr) -> Option<u128> {
        self.ranges.iter().find_map(|stretch| {
            let step = distance(stretch.first, address)?;
            (step < stretch.count).then(|| stretch.before + step)
        })
    }
}

fn distance(first: IpAddr, last: IpAddr) -> Option<u128> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => last.to_bits().checked_sub(first.to_bits()).map(u128::from),
        (IpAddr::V6(first), IpAddr::V6(last)) => last.to_bits().checked_sub(first.to_bits()),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange { first: ip(first), last: ip(last) }
    }

    #[test]
    fn places_follow_the_list() {
        let list = [
            range("10.0.0.8", "10.0.0.9"),
            range("2001:db8::1", "2001:db8::2"),
            range("10.0.0.1", "10.0.0.1"),
        ];
        let v4 = Places::new(&list, false);
        let addresses: Vec<_> = (0..v4.len()).map(|place| v4.at(place).unwrap()).collect();
        assert_eq!(addresses, ["10.0.0.8", "10.0.0.9", "10.0.0.1"].map(ip));
        for (place, address) in (0..).zip(&addresses) {
            assert_eq!(v4.place_of(*address), Some(place));
        }
        assert_eq!((v4.at(3), v4.place_of(ip("10.0.0.2"))), (None, None));
        assert_eq!(Places::new(&list, true).at(1), Some(ip("2001:db8::2")));
    }

    #[test]
    fn the_whole_of_ipv6_has_places() {
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        let all = Places::new(&[range("::", last)], true);
        assert_eq!(all.at(5), Some(ip("::5")));
        assert_eq!(all.place_of(ip("::7")), Some(7));
    }
}
