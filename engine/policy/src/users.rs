//! Who is behind an address, and which rules speak of him.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::typed::{AddressRange, UserMatch};
use bifrons_model::UserId;

/// Which user is behind which address, and who is in which group. Names are compared in lower case.
///
/// ```
/// # use bifrons_policy::UserMap;
/// # use bifrons_config::typed::AddressRange;
/// # let address = "10.0.0.7".parse().unwrap();
/// let mut map = UserMap::default();
/// map.map(AddressRange { first: address, last: address }, "acme\\alice");
/// map.add_member("acme\\staff", "acme\\alice");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserMap {
    ranges: Vec<(AddressRange, String)>,
    /// Groups by member.
    groups: BTreeMap<String, BTreeSet<String>>,
}

impl UserMap {
    /// From now on the user is behind these addresses, whoever was before.
    pub fn map(&mut self, range: AddressRange, user: &str) {
        self.ranges.push((range, user.to_lowercase()));
    }

    /// Puts a user or a group into a group.
    pub fn add_member(&mut self, group: &str, member: &str) {
        self.groups.entry(member.to_lowercase()).or_default().insert(group.to_lowercase());
    }

    /// Every user that has an address, in the order of his first.
    fn users(&self) -> impl Iterator<Item = &str> {
        let mut seen = BTreeSet::new();
        self.ranges.iter().map(|(_, user)| user.as_str()).filter(move |user| seen.insert(*user))
    }

    /// The names that a rule may call the user by: his own, and those of all groups he is in, by himself or
    /// through other groups.
    fn names_of(&self, user: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::from([user.to_owned()]);
        let mut pending = vec![user.to_owned()];
        while let Some(member) = pending.pop() {
            for group in self.groups.get(&member).into_iter().flatten() {
                if names.insert(group.clone()) {
                    pending.push(group.clone());
                }
            }
        }
        names
    }
}

/// A `UserMap` ready for lookup, with the numbers that a policy's rules give to the names in them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    map: Arc<UserMap>,
    starts_v4: Vec<(u32, UserId)>,
    starts_v6: Vec<(u128, UserId)>,
    /// What rules call each user, by `UserId`: places in `names` that end at one of `ends`.
    ends: Vec<u32>,
    names: Vec<u32>,
    /// By `UserId`: see `signature`.
    signatures: Vec<u16>,
}

/// The signature of who is not known.
const UNKNOWN: u16 = 1 << 11;
/// The signature of whoever is known.
const KNOWN: u16 = UNKNOWN - 1;

/// The bit of a name that rules use, one of eleven.
const fn bit_of(name: u32) -> u16 {
    1 << (name % 11)
}

impl Users {
    /// `numbers` gives each user of the map his number; `known` are all names by number, those of earlier
    /// maps too; `vocabulary` has what the rules call users and groups.
    pub(crate) fn new(map: Arc<UserMap>, known: &[String], vocabulary: &BTreeMap<String, u32>) -> Self {
        let by_name: BTreeMap<&str, UserId> =
            (0..).zip(known).map(|(number, name)| (name.as_str(), UserId(number))).collect();
        let (mut ranges_v4, mut ranges_v6) = (Vec::new(), Vec::new());
        for (range, user) in &map.ranges {
            let user = by_name.get(user.as_str()).copied().unwrap_or_default();
            match (range.first, range.last) {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    ranges_v4.push((u128::from(first.to_bits()), u128::from(last.to_bits()), user));
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    ranges_v6.push((first.to_bits(), last.to_bits(), user));
                }
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
            }
        }
        let starts_v4 = starts(&ranges_v4).into_iter();
        let mut users = Self {
            starts_v4: starts_v4.filter_map(|(at, user)| Some((u32::try_from(at).ok()?, user))).collect(),
            starts_v6: starts(&ranges_v6),
            ..Self::default()
        };
        for name in known {
            let names = map.names_of(name);
            let called = names.iter().filter_map(|name| vocabulary.get(name).copied());
            let from = users.names.len();
            users.names.extend(called);
            let bits = users.names.iter().skip(from).fold(0, |all, name| all | bit_of(*name));
            // Rules for any known user have all of the bits, and one of them must be his.
            users.signatures.push(if bits == 0 { 1 } else { bits });
            users.ends.push(u32::try_from(users.names.len()).unwrap_or(u32::MAX));
        }
        users.map = map;
        users
    }

    /// The map that it was made from.
    pub(crate) const fn map(&self) -> &Arc<UserMap> {
        &self.map
    }

    /// The users of `map` in the order in which they are numbered.
    pub(crate) fn names_in(map: &UserMap) -> Vec<&str> {
        map.users().collect()
    }

    pub(crate) fn user_of(&self, address: IpAddr) -> UserId {
        match address {
            IpAddr::V4(address) => latest(&self.starts_v4, address.to_bits()),
            IpAddr::V6(address) => latest(&self.starts_v6, address.to_bits()),
        }
    }

    /// Bits of which a rule that is for the user has one: see `UserSet::signature`.
    pub(crate) fn signature(&self, user: UserId) -> u16 {
        if user == UserId(0) {
            return UNKNOWN;
        }
        self.signatures.get(user.index()).copied().unwrap_or(KNOWN)
    }

    /// What rules call the user.
    fn names_of(&self, user: UserId) -> &[u32] {
        let end = |place: Option<usize>| place.and_then(|place| self.ends.get(place)).copied();
        let (first, last) = (end(user.index().checked_sub(1)), end(Some(user.index())));
        match last {
            Some(last) => self.names.get(first.unwrap_or(0) as usize..last as usize).unwrap_or(&[]),
            None => &[],
        }
    }
}

fn latest<T: Ord + Copy>(starts: &[(T, UserId)], address: T) -> UserId {
    let after = starts.partition_point(|(at, _)| *at <= address);
    after.checked_sub(1).and_then(|place| starts.get(place)).map_or(UserId(0), |(_, user)| *user)
}

/// Where the user changes, in order. Of ranges that overlap the later one counts.
fn starts(ranges: &[(u128, u128, UserId)]) -> Vec<(u128, UserId)> {
    let mut events: Vec<(u128, bool, usize)> = Vec::with_capacity(ranges.len() * 2);
    for (place, (first, last, _)) in ranges.iter().enumerate().filter(|(_, (first, last, _))| first <= last) {
        events.push((*first, true, place));
        events.extend(last.checked_add(1).map(|after| (after, false, place)));
    }
    events.sort_unstable();
    let mut open = BTreeSet::new();
    let mut starts: Vec<(u128, UserId)> = Vec::new();
    for (at, begins, place) in events {
        if begins {
            open.insert(place);
        } else {
            open.remove(&place);
        }
        let user = open.last().and_then(|place| ranges.get(*place)).map_or(UserId(0), |(_, _, user)| *user);
        match starts.last_mut() {
            Some(last) if last.0 == at => last.1 = user,
            _ => starts.push((at, user)),
        }
    }
    starts
}

/// Whom a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserSet {
    known: bool,
    unknown: bool,
    /// Names by their numbers in the rules, sorted.
    names: Vec<u32>,
}

impl UserSet {
    /// From a rule's list; new names get the next numbers.
    pub(crate) fn new(listed: &[UserMatch], vocabulary: &mut BTreeMap<String, u32>) -> Self {
        let mut set = Self::default();
        for entry in listed {
            match entry {
                UserMatch::Known => set.known = true,
                UserMatch::Unknown => set.unknown = true,
                UserMatch::Name(name) => {
                    let next = u32::try_from(vocabulary.len()).unwrap_or(u32::MAX);
                    set.names.push(*vocabulary.entry(name.to_lowercase()).or_insert(next));
                }
            }
        }
        set.names.sort_unstable();
        set.names.dedup();
        set
    }

    /// Bits of which every user in it has one.
    pub(crate) fn signature(&self) -> u16 {
        let unknown = if self.unknown { UNKNOWN } else { 0 };
        let known = if self.known { KNOWN } else { 0 };
        self.names.iter().fold(unknown | known, |all, name| all | bit_of(*name))
    }

    /// Whether it has everyone who is in the other, as far as names tell.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let names = || other.names.iter().all(|name| self.names.binary_search(name).is_ok());
        (self.unknown || !other.unknown) && (self.known || !other.known && names())
    }

    pub(crate) fn contains(&self, user: UserId, users: &Users) -> bool {
        if user == UserId(0) {
            return self.unknown;
        }
        self.known || users.names_of(user).iter().any(|name| self.names.binary_search(name).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> AddressRange {
        AddressRange { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }

    fn users(map: &UserMap) -> (Users, Vec<String>, BTreeMap<String, u32>) {
        let mut known = vec![String::new()];
        known.extend(map.users().map(String::from));
        let vocabulary = BTreeMap::from([("staff".into(), 0), ("all".into(), 1), ("bob".into(), 2)]);
        (Users::new(Arc::new(map.clone()), &known, &vocabulary), known, vocabulary)
    }

    #[test]
    fn the_later_of_overlapping_ranges_counts() {
        let mut map = UserMap::default();
        map.map(range("10.0.0.0", "10.0.0.255"), "Alice");
        map.map(range("10.0.0.16", "10.0.0.31"), "bob");
        map.map(range("10.0.0.20", "10.0.0.20"), "alice");
        map.map(range("255.255.255.255", "255.255.255.255"), "carol");
        map.map(range("2001:db8::", "2001:db8::f"), "carol");
        let (users, known, _) = users(&map);
        assert_eq!(known, ["", "alice", "bob", "carol"]);
        for (address, user) in [
            ("9.255.255.255", 0),
            ("10.0.0.0", 1),
            ("10.0.0.16", 2),
            ("10.0.0.20", 1),
            ("10.0.0.31", 2),
            ("10.0.0.32", 1),
            ("10.0.1.0", 0),
            ("255.255.255.255", 3),
            ("2001:db8::f", 3),
            ("2001:db8::10", 0),
        ] {
            assert_eq!(users.user_of(address.parse().unwrap()), UserId(user), "{address}");
        }
    }

    #[test]
    fn groups_hold_groups_even_in_a_circle() {
        let mut map = UserMap::default();
        map.map(range("10.0.0.1", "10.0.0.1"), "alice");
        map.map(range("10.0.0.2", "10.0.0.2"), "bob");
        map.add_member("Staff", "alice");
        map.add_member("all", "staff");
        map.add_member("staff", "all");
        let (users, _, mut vocabulary) = users(&map);
        let mut set = |names: &[&str]| {
            let listed: Vec<UserMatch> = names.iter().map(|name| UserMatch::Name((*name).into())).collect();
            UserSet::new(&listed, &mut vocabulary)
        };
        let (alice, bob) = (UserId(1), UserId(2));
        assert!(set(&["all"]).contains(alice, &users) && set(&["STAFF"]).contains(alice, &users));
        assert!(!set(&["all", "staff"]).contains(bob, &users) && set(&["bob"]).contains(bob, &users));
        assert!(!set(&["nobody"]).contains(alice, &users));
        assert!(!set(&["all"]).contains(UserId(0), &users) && !set(&["all"]).contains(UserId(9), &users));
        let listed = |entry| UserSet::new(&[entry], &mut BTreeMap::new());
        assert!(listed(UserMatch::Known).contains(bob, &users));
        assert!(!listed(UserMatch::Known).contains(UserId(0), &users));
        assert!(listed(UserMatch::Unknown).contains(UserId(0), &users));
        assert!(!listed(UserMatch::Unknown).contains(bob, &users));
    }
}
