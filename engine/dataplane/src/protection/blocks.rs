//! The block table: senders whose packets are dropped for a time.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;

use bifrons_model::{Timestamp, ZoneId};

/// Entries at a time; one more takes the place of the one that ends first.
const BLOCKS_MAX: usize = 65_536;

/// An entry of the block table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Whose packets are dropped.
    pub source: IpAddr,
    /// The zone that they come in from; any zone without. Elsewhere the address may be another's.
    pub zone: Option<ZoneId>,
    /// The host that they go to; any host without.
    pub destination: Option<IpAddr>,
    /// From then on they pass again.
    pub end: Timestamp,
}

/// Ordered by source: one search tells that a sender is not in it.
type Key = (IpAddr, Option<ZoneId>, Option<IpAddr>);

#[derive(Default)]
pub(super) struct Blocks {
    by_key: BTreeMap<Key, Timestamp>,
    by_end: BTreeSet<(Timestamp, Key)>,
}

impl Blocks {
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Adds an entry, or lets the one that is there end later.
    pub fn insert(&mut self, block: Block) {
        let key = (block.source, block.zone, block.destination);
        match self.by_key.get(&key).copied() {
            Some(end) if end >= block.end => return,
            Some(end) => {
                self.by_end.remove(&(end, key));
            }
            None if self.by_key.len() >= BLOCKS_MAX => self.forget_first(),
            None => {}
        }
        self.by_key.insert(key, block.end);
        self.by_end.insert((block.end, key));
    }

    /// Takes out every entry of a sender; how many there were.
    pub fn remove(&mut self, source: IpAddr) -> usize {
        let of_source = self.by_key.range((source, None, None)..).take_while(|(key, _)| key.0 == source);
        let found: alloc::vec::Vec<(Timestamp, Key)> = of_source.map(|(key, end)| (*end, *key)).collect();
        for entry in &found {
            self.by_key.remove(&entry.1);
            self.by_end.remove(entry);
        }
        found.len()
    }

    /// Forgets what has ended.
    pub fn expire(&mut self, now: Timestamp) {
        while self.next_end().is_some_and(|end| end <= now) {
            self.forget_first();
        }
    }

    /// When the next entry ends.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.by_end.first().map(|(end, _)| *end)
    }

    /// Whether a packet's sender is blocked.
    pub fn has(&self, now: Timestamp, source: IpAddr, zone: ZoneId, destination: IpAddr) -> bool {
        let first = self.by_key.range((source, None, None)..).next();
        if first.is_none_or(|(key, _)| key.0 != source) {
            return false;
        }
        let zones = [None, Some(zone)];
        let mut keys =
            zones.into_iter().flat_map(|zone| [(source, zone, None), (source, zone, Some(destination))]);
        keys.any(|key| self.by_key.get(&key).is_some_and(|end| now < *end))
    }

    /// The entries by sender.
    pub fn iter(&self) -> impl Iterator<Item = Block> {
        let of = |(key, end): (&Key, &Timestamp)| Block {
            source: key.0,
            zone: key.1,
            destination: key.2,
            end: *end,
        };
        self.by_key.iter().map(of)
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.by_end.pop_first() {
            self.by_key.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use core::net::Ipv4Addr;
    use proptest::prelude::*;

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn block(source: u8, zone: Option<u16>, destination: Option<u8>, end: u64) -> Block {
        Block {
            source: address(source),
            zone: zone.map(ZoneId),
            destination: destination.map(address),
            end: Timestamp::from_secs(end),
        }
    }

    #[test]
    fn an_entry_holds_for_its_zone_and_host_until_it_ends() {
        let mut blocks = Blocks::default();
        blocks.insert(block(1, Some(7), Some(2), 10));
        let has = |blocks: &Blocks, second, zone, to| {
            blocks.has(Timestamp::from_secs(second), address(1), ZoneId(zone), address(to))
        };
        assert!(has(&blocks, 9, 7, 2));
        assert!(!has(&blocks, 10, 7, 2) && !has(&blocks, 9, 8, 2) && !has(&blocks, 9, 7, 3));
        blocks.insert(block(1, None, None, 20));
        assert!(has(&blocks, 19, 8, 3));
        blocks.expire(Timestamp::from_secs(10));
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [block(1, None, None, 20)]);
        assert_eq!(blocks.next_end(), Some(Timestamp::from_secs(20)));
        assert_eq!((blocks.remove(address(1)), blocks.remove(address(1))), (1, 0));
        assert!(blocks.is_empty() && blocks.next_end().is_none());
    }

    #[test]
    fn a_full_table_gives_up_what_ends_first() {
        let mut blocks = Blocks::default();
        let source = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(number));
        for number in 0..BLOCKS_MAX as u32 + 10 {
            let end = Timestamp::from_secs(u64::from(number) + 1);
            blocks.insert(Block { source: source(number), zone: None, destination: None, end });
        }
        assert_eq!(blocks.by_key.len(), BLOCKS_MAX);
        assert!(!blocks.has(Timestamp::ZERO, source(9), ZoneId(0), source(0)));
        assert!(blocks.has(Timestamp::ZERO, source(10), ZoneId(0), source(0)));
    }

    proptest! {
        #[test]
        fn it_says_what_a_list_says(
            entries in proptest::collection::vec(
                (0_u8..4, proptest::option::of(0_u16..2), proptest::option::of(0_u8..3), 0_u64..30), 0..40),
            second in 0_u64..30,
        ) {
            let mut blocks = Blocks::default();
            for (source, zone, destination, end) in &entries {
                blocks.insert(block(*source, *zone, *destination, *end));
            }
            blocks.expire(Timestamp::from_secs(second / 2));
            for (source, zone, destination) in (0..24).map(|at| (at / 6, at as u16 % 2, at % 3)) {
                let listed = entries.iter().any(|entry| {
                    entry.0 == source
                        && entry.1.is_none_or(|other| other == zone)
                        && entry.2.is_none_or(|other| other == destination)
                        && second < entry.3
                });
                let now = Timestamp::from_secs(second);
                let has = blocks.has(now, address(source), ZoneId(zone), address(destination));
                prop_assert_eq!(has, listed);
            }
            prop_assert_eq!(blocks.by_key.len(), blocks.by_end.len());
        }
    }
}
