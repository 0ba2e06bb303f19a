//! What names of applications stand for: the catalogue, custom applications, groups, filters.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec, vec::Vec};
use core::cell::Cell;

use bifrons_catalog::{self as catalog, Characteristics};
use bifrons_model::AppId;

use super::{Value, View, custom, groups, tags::Tags};
use crate::{Problem, parse::Report, typed::CustomApplication};

/// The applications that rules may name.
pub(super) struct Applications {
    known: BTreeMap<String, Vec<AppId>>,
    /// How many more applications groups and rules may stand for.
    room: Cell<usize>,
}

/// What filters ask of an application.
pub(super) struct Facts<'a> {
    pub(super) id: AppId,
    pub(super) category: &'a str,
    pub(super) subcategory: &'a str,
    pub(super) technology: &'a str,
    pub(super) risk: u8,
    pub(super) has: [bool; FILTERS.len()],
}

/// A filter's word, the word of a custom application, and the catalogue's characteristic.
pub(super) const FILTERS: [(&str, &str, Characteristics); 9] = [
    ("evasive", "evasive-behavior", Characteristics::EVASIVE),
    ("excessive-bandwidth-use", "consume-big-bandwidth", Characteristics::EXCESSIVE_BANDWIDTH),
    ("used-by-malware", "used-by-malware", Characteristics::USED_BY_MALWARE),
    ("transfers-files", "able-to-transfer-file", Characteristics::ABLE_TO_TRANSFER_FILE),
    ("has-known-vulnerabilities", "has-known-vulnerability", Characteristics::HAS_KNOWN_VULNERABILITY),
    ("tunnels-other-apps", "tunnel-other-application", Characteristics::TUNNELS_OTHER_APPLICATION),
    ("prone-to-misuse", "prone-to-misuse", Characteristics::PRONE_TO_MISUSE),
    ("pervasive", "pervasive-use", Characteristics::PERVASIVE_USE),
    ("is-saas", "is-saas", Characteristics::SAAS),
];

/// Groups and rules together may stand for so many applications, however they name them.
const MOST_APPLICATIONS: usize = 8_000_000;

impl Applications {
    /// The names, and the custom applications by their places.
    pub(super) fn read(
        root: &View<'_>,
        tags: &Tags<'_>,
        report: &mut Report<'_>,
    ) -> (Self, Vec<CustomApplication>) {
        let mut applications = Self { known: BTreeMap::new(), room: Cell::new(MOST_APPLICATIONS) };
        for application in catalog::applications().iter().skip(1) {
            applications.known.insert(application.name.into(), vec![application.id]);
        }
        let custom = custom::read(root, tags, report);
        for (place, application) in custom.iter().enumerate() {
            if let Some(id) = custom::id(place) {
                applications.known.insert(application.name.clone(), vec![id]);
            }
        }
        applications.filters(root, &custom, report);
        applications.groups(root, tags, report);
        (applications, custom)
    }

    /// Adds what the value stands for; false where that is nothing, which is reported.
    pub(super) fn add(
        &self,
        view: &View<'_>,
        value: Value<'_>,
        apps: &mut Vec<AppId>,
        report: &mut Report<'_>,
    ) -> bool {
        let older;
        let found = match self.known.get(value.text) {
            Some(found) => found.as_slice(),
            None => match catalog::by_name(value.text) {
                Some(id) => {
                    older = [id];
                    &older
                }
                None => {
                    view.unknown(report, "application", value, self.names());
                    return false;
                }
            },
        };
        let has_room = self.take(found.len(), view, value.line, report);
        if has_room {
            apps.extend_from_slice(found);
        }
        has_room
    }

    /// The one application that the value names.
    pub(super) fn one(&self, view: &View<'_>, value: Value<'_>, report: &mut Report<'_>) -> Option<AppId> {
        let mut apps = Vec::new();
        if !self.add(view, value, &mut apps, report) {
            return None;
        }
        let [app] = apps.as_slice() else {
            let what = format!("`{}` is not one application", value.text);
            view.gap(report, value.line, Problem::Conflict { what });
            return None;
        };
        Some(*app)
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.keys().map(String::as_str)
    }

    fn take(&self, count: usize, view: &View<'_>, line: u32, report: &mut Report<'_>) -> bool {
        let rest = self.room.get().checked_sub(count);
        match rest {
            Some(rest) => self.room.set(rest),
            None => {
                let what = format!(
                    "groups, filters and rules name more than {MOST_APPLICATIONS} applications in all, each \
                     counted wherever it is named"
                );
                report.error(line, view.path(), Problem::Conflict { what });
            }
        }
        rest.is_some()
    }

    /// Whether the entry's name is free.
    fn accepts(&self, name: &str, entry: &View<'_>, report: &mut Report<'_>) -> bool {
        let taken = self.known.contains_key(name) || catalog::by_name(name).is_some();
        if taken {
            let what = format!("an application or filter is called `{name}` too");
            entry.gap(report, entry.line(), Problem::Conflict { what });
        }
        !taken && !entry.is_reserved(name, report)
    }

    fn filters(&mut self, root: &View<'_>, custom: &[CustomApplication], report: &mut Report<'_>) {
        let entries = root.below("application-filter").entries();
        if entries.is_empty() {
            return;
        }
        let facts = all_facts(root, custom);
        for (name, entry) in entries {
            if !self.accepts(name, &entry, report) {
                continue;
            }
            let Some(filter) = Filter::read(&entry) else {
                entry.gap(report, entry.line(), Problem::Incomplete { what: "a filter needs a condition" });
                continue;
            };
            let excluded = entry.below("exclude");
            let mut without = Vec::new();
            let known =
                excluded.values().into_iter().all(|value| self.add(&excluded, value, &mut without, report));
            // A filter that does not leave out what it should would stand for more than is written.
            if !known {
                continue;
            }
            let fits = facts.iter().filter(|facts| filter.fits(facts) && !without.contains(&facts.id));
            let apps: Vec<AppId> = fits.map(|facts| facts.id).collect();
            if self.take(apps.len(), &entry, entry.line(), report) {
                self.known.insert(name.to_owned(), apps);
            }
        }
    }

    fn groups(&mut self, root: &View<'_>, tags: &Tags<'_>, report: &mut Report<'_>) {
        let mut groups = BTreeMap::new();
        for (name, entry) in root.below("application-group").entries() {
            tags.check(&entry.below("tag"), report);
            if self.accepts(name, &entry, report) {
                groups.insert(name, entry.below("members"));
            }
        }
        for name in groups::in_order(&groups, "holds", report) {
            let Some(members) = groups.get(name) else { continue };
            let mut apps = Vec::new();
            for member in members.values() {
                // A group that waits in vain has been reported.
                if self.known.contains_key(member.text) || !groups.contains_key(member.text) {
                    self.add(members, member, &mut apps, report);
                }
            }
            apps.sort_unstable();
            apps.dedup();
            self.known.insert(name.to_owned(), apps);
        }
    }
}

/// What is known of all applications that a filter may stand for.
fn all_facts<'a>(root: &View<'a>, custom: &'a [CustomApplication]) -> Vec<Facts<'a>> {
    let mut all: Vec<Facts<'a>> = catalog::applications()
        .iter()
        .filter(|application| !catalog::is_unidentified(application.id))
        .map(|application| Facts {
            id: application.id,
            category: application.category,
            subcategory: application.subcategory,
            technology: application.technology,
            risk: application.risk,
            has: FILTERS.map(|(_, _, characteristic)| application.characteristics.has(characteristic)),
        })
        .collect();
    let entries: BTreeMap<&str, View<'a>> = root.below("application").entries().into_iter().collect();
    for (place, application) in custom.iter().enumerate() {
        if let (Some(id), Some(entry)) = (custom::id(place), entries.get(application.name.as_str())) {
            all.push(Facts {
                id,
                category: &application.category,
                subcategory: &application.subcategory,
                technology: &application.technology,
                risk: application.risk,
                has: FILTERS.map(|(_, word, _)| entry.below(word).is_yes()),
            });
        }
    }
    all
}

/// A filter's conditions; an empty list is none.
struct Filter<'a> {
    category: Vec<&'a str>,
    subcategory: Vec<&'a str>,
    technology: Vec<&'a str>,
    risk: Vec<u8>,
    needs: [bool; FILTERS.len()],
}

impl<'a> Filter<'a> {
    /// The filter, if it has any condition.
    fn read(entry: &View<'a>) -> Option<Self> {
        let words = |word| entry.below(word).values().into_iter().map(|value| value.text).collect();
        let risk = entry.below("risk").values().into_iter();
        let filter = Self {
            category: words("category"),
            subcategory: words("subcategory"),
            technology: words("technology"),
            risk: risk.filter_map(|value| value.text.parse().ok()).collect(),
            needs: FILTERS.map(|(word, _, _)| entry.below(word).is_yes()),
        };
        let lists = [&filter.category, &filter.subcategory, &filter.technology];
        let has_any = lists.iter().any(|list| !list.is_empty())
            || !filter.risk.is_empty()
            || filter.needs.contains(&true);
        has_any.then_some(filter)
    }

    /// Within a list any value will do; every list and every characteristic must be met.
    fn fits(&self, facts: &Facts<'_>) -> bool {
        let in_list = |list: &[&str], value: &str| list.is_empty() || list.contains(&value);
        in_list(&self.category, facts.category)
            && in_list(&self.subcategory, facts.subcategory)
            && in_list(&self.technology, facts.technology)
            && (self.risk.is_empty() || self.risk.contains(&facts.risk))
            && self.needs.iter().zip(facts.has).all(|(needed, has)| !needed || has)
    }
}
