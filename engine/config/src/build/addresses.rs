//! What names of addresses stand for: objects, groups, external lists.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec, vec::Vec};
use core::{cell::Cell, net::IpAddr};

use super::{Value, View, external, groups, tag_filter::TagFilter, tags::Tags};
use crate::{
    Problem,
    parse::Report,
    schema::{parse_prefix, parse_range, parse_wildcard, range_of},
    typed::{AddressRange, Prefix},
};

/// The addresses that rules, interfaces and routes may name.
pub(super) struct Addresses {
    known: BTreeMap<String, Meaning>,
    /// The objects that are one address or network.
    netmasks: BTreeMap<String, Prefix>,
    /// How many more ranges groups and rules may stand for.
    room: Cell<usize>,
}

/// Groups and rules together may stand for so many ranges of addresses, however they name them. Each takes
/// 34 bytes here and some more when rules are compiled.
const MOST_RANGES: usize = 4_000_000;

/// What one name stands for.
struct Meaning {
    ranges: Vec<AddressRange>,
    /// Whether nothing of it is missing.
    complete: bool,
}

/// What was found under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    All,
    /// Some members could not be read.
    Part,
    Nothing,
}

impl Addresses {
    pub(super) fn read(root: &View<'_>, tags: &Tags<'_>, report: &mut Report<'_>) -> Self {
        let mut addresses =
            Self { known: BTreeMap::new(), netmasks: BTreeMap::new(), room: Cell::new(MOST_RANGES) };
        // Objects by the tags that they have: a filter looks at each set of tags once.
        let mut tagged: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
        for (name, entry) in root.below("address").entries() {
            let meaning =
                if entry.is_reserved(name, report) { None } else { addresses.object(name, &entry, report) };
            let missing = Meaning { ranges: Vec::new(), complete: false };
            addresses.known.insert(name.into(), meaning.unwrap_or(missing));
            let mut own = tags.check(&entry.below("tag"), report);
            own.sort_unstable();
            tagged.entry(own).or_default().push(name);
        }
        addresses.groups(root, &tagged, tags, report);
        for (name, entry, ranges) in external::addresses(root, report) {
            if addresses.known.contains_key(name) {
                let what = format!("an address object or group is called `{name}` too");
                entry.gap(report, entry.line(), Problem::Conflict { what });
                continue;
            }
            let ranges = ranges.filter(|ranges| addresses.take(ranges.len(), &entry, entry.line(), report));
            let complete = ranges.is_some();
            let meaning = Meaning { ranges: merged(ranges.unwrap_or_default()), complete };
            addresses.known.insert(name.into(), meaning);
        }
        addresses
    }

    /// Adds what the value stands for: an object, a group, or the address, prefix or range itself. What is
    /// missing is reported.
    pub(super) fn add(
        &self,
        view: &View<'_>,
        value: Value<'_>,
        ranges: &mut Vec<AddressRange>,
        report: &mut Report<'_>,
    ) -> Found {
        if let Some(meaning) = self.known.get(value.text) {
            if !self.take(meaning.ranges.len(), view, value.line, report) {
                return Found::Nothing;
            }
            ranges.extend_from_slice(&meaning.ranges);
            return match (meaning.complete, meaning.ranges.is_empty()) {
                (true, _) => Found::All,
                (false, false) => Found::Part,
                (false, true) => {
                    let what = format!("`{}` is not usable, as said where it is defined", value.text);
                    view.gap(report, value.line, Problem::Conflict { what });
                    Found::Nothing
                }
            };
        }
        let literal = parse_prefix(value.text).map(range_of).or_else(|| parse_range(value.text));
        let Some(literal) = literal else {
            self.unknown(view, value, report);
            return Found::Nothing;
        };
        if !self.take(1, view, value.line, report) {
            return Found::Nothing;
        }
        ranges.push(literal);
        Found::All
    }

    /// The address with its prefix length that `text` stands for.
    pub(super) fn prefix(&self, text: &str) -> Option<Prefix> {
        self.netmasks.get(text).copied().or_else(|| parse_prefix(text))
    }

    /// Reports a name that belongs to nothing.
    pub(super) fn unknown(&self, view: &View<'_>, value: Value<'_>, report: &mut Report<'_>) {
        view.unknown(report, "address", value, self.known.keys().map(String::as_str));
    }

    /// Whether there is room for so many ranges; the first lack is reported.
    fn take(&self, count: usize, view: &View<'_>, line: u32, report: &mut Report<'_>) -> bool {
        match self.room.get().checked_sub(count) {
            Some(rest) => {
                self.room.set(rest);
                true
            }
            None => {
                let what = format!(
                    "groups and rules name more than {MOST_RANGES} ranges of addresses in all, each counted \
                     wherever it is named"
                );
                report.error(line, view.path(), Problem::Conflict { what });
                false
            }
        }
    }

    fn object(&mut self, name: &str, entry: &View<'_>, report: &mut Report<'_>) -> Option<Meaning> {
        let kinds = ["ip-netmask", "ip-range", "ip-wildcard", "fqdn"].map(|kind| entry.below(kind));
        let mut used = kinds.iter().filter(|view| view.exists());
        let Some(kind) = used.next() else {
            let what = "an address needs an `ip-netmask`, an `ip-range` or an `ip-wildcard`";
            entry.gap(report, entry.line(), Problem::Incomplete { what });
            return None;
        };
        if let Some(second) = used.next() {
            let what = "an address is one of `ip-netmask`, `ip-range`, `ip-wildcard` and `fqdn`".into();
            entry.gap(report, second.line(), Problem::Conflict { what });
            return None;
        }
        let [netmask, range, wildcard, _] = &kinds;
        let text = kind.value()?.text;
        let ranges = if netmask.exists() {
            let prefix = parse_prefix(text)?;
            self.netmasks.insert(name.into(), prefix);
            vec![range_of(prefix)]
        } else if range.exists() {
            vec![parse_range(text)?]
        } else if wildcard.exists() {
            parse_wildcard(text)?
        } else {
            let what = format!("not supported: `fqdn`; `{text}` is not resolved, so nothing matches it");
            kind.gap(report, kind.line(), Problem::Conflict { what });
            return None;
        };
        Some(Meaning { ranges, complete: true })
    }

    fn groups(
        &mut self,
        root: &View<'_>,
        tagged: &BTreeMap<Vec<&str>, Vec<&str>>,
        tags: &Tags<'_>,
        report: &mut Report<'_>,
    ) {
        let mut fixed = BTreeMap::new();
        for (name, entry) in root.below("address-group").entries() {
            let (members, filter) = (entry.below("static"), entry.at(&["dynamic", "filter"]));
            tags.check(&entry.below("tag"), report);
            let twice = self.known.contains_key(name);
            if twice {
                let what = format!("an address object is called `{name}` too");
                entry.gap(report, entry.line(), Problem::Conflict { what });
            }
            if twice || entry.is_reserved(name, report) {
                continue;
            }
            if members.exists() && filter.exists() {
                let what = "a group is either `static` or `dynamic`".into();
                entry.gap(report, filter.line(), Problem::Conflict { what });
            } else if let Some(value) = filter.value() {
                match TagFilter::parse(value.text) {
                    Ok(filter) => self.dynamic(name, &entry, &filter, tagged, report),
                    Err(what) => {
                        filter.gap(report, value.line, Problem::Conflict { what });
                        self.missing(name);
                    }
                }
            } else {
                if members.values().is_empty() {
                    let what = "a group needs members, or a filter";
                    entry.gap(report, entry.line(), Problem::Incomplete { what });
                }
                fixed.insert(name, members);
            }
        }
        for name in groups::in_order(&fixed, "holds", report) {
            if let Some(members) = fixed.get(name) {
                self.fixed(name, members, &fixed, report);
            }
        }
        for name in fixed.keys() {
            if !self.known.contains_key(*name) {
                self.missing(name);
            }
        }
    }

    /// A name that is there, but means nothing that could be read.
    fn missing(&mut self, name: &str) {
        self.known.insert(name.into(), Meaning { ranges: Vec::new(), complete: false });
    }

    fn dynamic(
        &mut self,
        name: &str,
        entry: &View<'_>,
        filter: &TagFilter,
        tagged: &BTreeMap<Vec<&str>, Vec<&str>>,
        report: &mut Report<'_>,
    ) {
        let objects = tagged.iter().filter(|(tags, _)| filter.matches(tags)).flat_map(|(_, names)| names);
        let mut group = Meaning { ranges: Vec::new(), complete: true };
        for object in objects.filter_map(|object| self.known.get(*object)) {
            self.add_member(&mut group, object, entry, entry.line(), report);
        }
        group.ranges = merged(group.ranges);
        self.known.insert(name.to_owned(), group);
    }

    fn fixed(
        &mut self,
        name: &str,
        members: &View<'_>,
        groups: &groups::Groups<'_>,
        report: &mut Report<'_>,
    ) {
        let mut group = Meaning { ranges: Vec::new(), complete: true };
        for member in members.values() {
            match self.known.get(member.text) {
                Some(known) => self.add_member(&mut group, known, members, member.line, report),
                None => {
                    group.complete = false;
                    if !groups.contains_key(member.text) {
                        let known = self.known.keys().map(String::as_str).chain(groups.keys().copied());
                        members.unknown(report, "address object or group", member, known);
                    }
                }
            }
        }
        group.ranges = merged(group.ranges);
        self.known.insert(name.to_owned(), group);
    }

    fn add_member(
        &self,
        group: &mut Meaning,
        member: &Meaning,
        view: &View<'_>,
        line: u32,
        report: &mut Report<'_>,
    ) {
        let has_room = self.take(member.ranges.len(), view, line, report);
        if has_room {
            group.ranges.extend_from_slice(&member.ranges);
        }
        group.complete &= member.complete && has_room;
    }
}

/// The same addresses in as few ranges as may be, in order.
pub(super) fn merged(mut ranges: Vec<AddressRange>) -> Vec<AddressRange> {
    ranges.sort_unstable_by_key(|range| (range.first, range.last));
    let mut merged: Vec<AddressRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if touches(last.last, range.first) => last.last = last.last.max(range.last),
            _ => merged.push(range),
        }
    }
    merged
}

/// Whether a range that begins at `next` leaves no gap after one that ends at `last`; it begins no earlier.
fn touches(last: IpAddr, next: IpAddr) -> bool {
    match (last, next) {
        (IpAddr::V4(last), IpAddr::V4(next)) => next.to_bits() <= last.to_bits().saturating_add(1),
        (IpAddr::V6(last), IpAddr::V6(next)) => next.to_bits() <= last.to_bits().saturating_add(1),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
