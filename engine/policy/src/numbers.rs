//! Which number each name has, over one commit after another.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::String,
    vec,
    vec::Vec,
};

/// How many zones or interfaces can have a number: `ZoneId` and `InterfaceId` are 16 bits wide.
pub(crate) const ZONES_OR_INTERFACES_MAX: usize = 1 << 16;
/// How many custom applications can: their numbers begin at `CUSTOM_FIRST` and are 16 bits wide.
pub(crate) const CUSTOM_APPLICATIONS_MAX: usize = (1 << 16) - bifrons_catalog::CUSTOM_FIRST as usize;
/// How many rules can have one.
pub(crate) const RULES_MAX: usize = u32::MAX as usize;
/// How many NAT rules can: a session keeps 16 bits of the number, of which one value says that there is none.
pub(crate) const NAT_RULES_MAX: usize = u16::MAX as usize;

/// The numbers whose names the configuration has no longer, longest gone first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retired(VecDeque<u32>);

impl Retired {
    /// Gives every entry of a configuration its number, in the order of the entries: the one that its name
    /// has in `names`, else the next free one, up to `limit` numbers. After that the name that is longest
    /// gone loses its number; `None` when every number is in force. `names` becomes the list for the new
    /// numbers.
    ///
    /// Names are unique in what the parser makes; should one be there twice, the first has the lower
    /// number.
    pub(crate) fn assign<'a>(
        &mut self,
        names: &mut Vec<String>,
        entries: impl Iterator<Item = &'a str> + Clone,
        limit: usize,
    ) -> Vec<Option<u32>> {
        let mut numbers = surviving(names, entries.clone());
        self.retire(names.len(), &numbers);
        for (number, name) in numbers.iter_mut().zip(entries) {
            if number.is_none() {
                *number = self.give(names, name, limit);
            }
        }
        numbers
    }

    /// Gives a name that is not in force the number that it will have when it is: as if it had been there
    /// and gone. `None` when every number is in force.
    pub(crate) fn reserve(&mut self, names: &mut Vec<String>, name: &str, limit: usize) -> Option<u32> {
        let number = self.give(names, name, limit)?;
        self.0.push_back(number);
        Some(number)
    }

    /// Keeps what is still gone in its order, and adds what is newly gone.
    fn retire(&mut self, count: usize, in_force: &[Option<u32>]) {
        let mut is_settled = vec![false; count];
        let mut settle = |number: u32| {
            is_settled.get_mut(number as usize).is_some_and(|settled| !core::mem::replace(settled, true))
        };
        for number in in_force.iter().flatten() {
            settle(*number);
        }
        self.0.retain(|number| settle(*number));
        let gone = (0..).zip(&is_settled).filter(|(_, settled)| !**settled);
        self.0.extend(gone.map(|(number, _)| number));
    }

    fn give(&mut self, names: &mut Vec<String>, name: &str, limit: usize) -> Option<u32> {
        if names.len() < limit {
            let number = u32::try_from(names.len()).ok()?;
            names.push(name.into());
            return Some(number);
        }
        let number = self.0.pop_front()?;
        *names.get_mut(number as usize)? = name.into();
        Some(number)
    }
}

/// The numbers of those entries whose names have one.
fn surviving<'a>(names: &[String], entries: impl Iterator<Item = &'a str>) -> Vec<Option<u32>> {
    let mut known: BTreeMap<&str, VecDeque<u32>> = BTreeMap::new();
    for (number, name) in (0..).zip(names) {
        known.entry(name).or_default().push_back(number);
    }
    entries.map(|name| known.get_mut(name)?.pop_front()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of commits with at most this many numbers.
    struct Chain {
        names: Vec<String>,
        retired: Retired,
        limit: usize,
    }

    impl Chain {
        fn new(limit: usize) -> Self {
            Self { names: Vec::new(), retired: Retired::default(), limit }
        }

        fn commit(&mut self, entries: &[&str]) -> Vec<Option<u32>> {
            self.retired.assign(&mut self.names, entries.iter().copied(), self.limit)
        }
    }

    #[test]
    fn the_first_numbers_are_the_places() {
        let mut chain = Chain::new(10);
        assert_eq!(chain.commit(&["c", "a", "b"]), [Some(0), Some(1), Some(2)]);
        assert_eq!(chain.names, ["c", "a", "b"]);
        assert_eq!(Chain::new(10).commit(&["same", "same"]), [Some(0), Some(1)]);
    }

    #[test]
    fn names_keep_their_numbers_and_get_them_back() {
        let mut chain = Chain::new(10);
        chain.commit(&["a", "b", "c"]);
        assert_eq!(chain.commit(&["new", "c", "a"]), [Some(3), Some(2), Some(0)]);
        assert_eq!(chain.commit(&[]), []);
        assert_eq!(chain.commit(&["b", "newer", "new"]), [Some(1), Some(4), Some(3)]);
        assert_eq!(chain.names, ["a", "b", "c", "new", "newer"]);
    }

    #[test]
    fn a_reserved_number_waits_for_its_name() {
        let mut chain = Chain::new(3);
        chain.commit(&["a"]);
        assert_eq!(chain.retired.reserve(&mut chain.names, "b", 3), Some(1));
        assert_eq!(chain.commit(&["c", "b", "a"]), [Some(2), Some(1), Some(0)]);
        assert_eq!(chain.retired.reserve(&mut chain.names, "d", 3), None);
        chain.commit(&["c"]);
        assert_eq!(chain.retired.reserve(&mut chain.names, "d", 3), Some(0));
    }

    #[test]
    fn names_that_stand_twice_keep_their_order() {
        let mut chain = Chain::new(10);
        chain.commit(&["same", "other", "same"]);
        assert_eq!(chain.commit(&["same", "same", "same"]), [Some(0), Some(2), Some(3)]);
    }

    #[test]
    fn when_numbers_run_out_the_name_longest_gone_loses_its_own() {
        let mut chain = Chain::new(4);
        chain.commit(&["a", "b", "c", "d"]);
        chain.commit(&["a", "b", "d"]);
        chain.commit(&["b"]);
        // Gone are c, then a and d in the same commit.
        assert_eq!(chain.commit(&["e", "b"]), [Some(2), Some(1)]);
        assert_eq!(chain.commit(&["d", "f", "e", "b"]), [Some(3), Some(0), Some(2), Some(1)]);
        assert_eq!(chain.names, ["f", "b", "e", "d"]);
    }

    #[test]
    fn what_returns_is_gone_anew_when_it_goes_again() {
        let mut chain = Chain::new(3);
        chain.commit(&["a", "b", "c"]);
        chain.commit(&["b", "c"]);
        chain.commit(&["c"]);
        chain.commit(&["a", "c"]);
        chain.commit(&["c"]);
        assert_eq!(chain.commit(&["c", "d"]), [Some(2), Some(1)]);
        assert_eq!(chain.names, ["a", "d", "c"]);
    }

    #[test]
    fn names_that_go_with_the_same_commit_make_room_and_the_rest_gets_none() {
        let mut chain = Chain::new(2);
        chain.commit(&["a", "b"]);
        assert_eq!(chain.commit(&["c", "b", "d"]), [Some(0), Some(1), None]);
        assert_eq!(chain.commit(&["d", "b"]), [Some(0), Some(1)]);
        assert_eq!(chain.names, ["d", "b"]);
    }
}
