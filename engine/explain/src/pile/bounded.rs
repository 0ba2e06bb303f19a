//! A table that forgets its least telling entries when it is full.

use alloc::vec::Vec;

use hashbrown::{HashTable, hash_table::Entry};

/// What a [`Bounded`] table holds.
pub trait Weighed {
    /// How telling the entry is: the lightest are forgotten first.
    fn weight(&self) -> u64;
}

pub struct Bounded<T> {
    table: HashTable<(u64, T)>,
    capacity: usize,
    forgotten: u64,
}

impl<T: Weighed> Bounded<T> {
    pub const fn new(capacity: usize) -> Self {
        Self { table: HashTable::new(), capacity, forgotten: 0 }
    }

    /// The entry for which `is_it`, made by `make` if there is none.
    pub fn entry(&mut self, hash: u64, is_it: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &mut T {
        if self.table.len() >= self.capacity.max(4) && self.find(hash, &is_it).is_none() {
            self.forget_a_quarter();
        }
        match self.table.entry(hash, |(_, item)| is_it(item), |(hash, _)| *hash) {
            Entry::Occupied(occupied) => &mut occupied.into_mut().1,
            Entry::Vacant(vacant) => &mut vacant.insert((hash, make())).into_mut().1,
        }
    }

    pub fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<&T> {
        self.table.find(hash, |(_, item)| is_it(item)).map(|(_, item)| item)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.table.iter().map(|(_, item)| item)
    }

    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The entries that pass `wanted`, heaviest first by `weight`, at most `count`. Equal ones are ordered
    /// by `name`, so that two runs over the same records show the same.
    pub fn top<K: Ord>(
        &self,
        count: usize,
        wanted: impl Fn(&T) -> bool,
        key: impl Fn(&T) -> (u64, K),
    ) -> Vec<&T> {
        let mut found: Vec<&T> = self.iter().filter(|item| wanted(item)).collect();
        found.sort_by(|one, other| {
            let ((one_weight, one_name), (other_weight, other_name)) = (key(one), key(other));
            other_weight.cmp(&one_weight).then(one_name.cmp(&other_name))
        });
        found.truncate(count);
        found
    }

    fn forget_a_quarter(&mut self) {
        let mut weights: Vec<u64> = self.iter().map(Weighed::weight).collect();
        let quarter = weights.len() / 4;
        let (_, limit, _) = weights.select_nth_unstable(quarter);
        let limit = *limit;
        let lighter = weights.iter().filter(|weight| **weight < limit).count();
        let mut equal_left = quarter.saturating_sub(lighter).max(1);
        let before = self.table.len();
        self.table.retain(|(_, item)| {
            let weight = item.weight();
            if weight == limit && equal_left > 0 {
                equal_left -= 1;
                return false;
            }
            weight >= limit
        });
        self.forgotten += (before - self.table.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(u64, u64);

    impl Weighed for Item {
        fn weight(&self) -> u64 {
            self.1
        }
    }

    #[test]
    fn the_heavy_stay() {
        let mut table = Bounded::new(100);
        for number in 0..1_000_u64 {
            let weight = if number < 10 { 50 } else { 1 };
            table.entry(number, |item: &Item| item.0 == number, || Item(number, weight));
        }
        let kept = table.iter().count();
        assert!(kept <= 100, "{kept}");
        assert_eq!(table.forgotten() as usize + kept, 1_000);
        assert!((0..10).all(|number| table.find(number, |item| item.0 == number).is_some()));
        let top = table.top(3, |_| true, |item| (item.1, item.0));
        assert_eq!(top.iter().map(|item| item.0).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn what_is_known_needs_no_room() {
        let mut table = Bounded::new(4);
        for number in [1, 2, 3, 4, 1, 2, 3, 4] {
            table.entry(number, |item: &Item| item.0 == number, || Item(number, 0));
        }
        assert_eq!(table.forgotten(), 0);
    }
}
