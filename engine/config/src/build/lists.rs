//! The lists in rules: what each of their words stands for.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use bifrons_model::AppId;

use super::{
    Value, View,
    addresses::{Addresses, Found},
    applications::Applications,
    services::Services,
    tags::Tags,
};
use crate::{
    Accepted, Problem,
    parse::Report,
    typed::{
        AddressRange, Interface, LogProfile, Schedule, Service, ServiceMatch, UrlCategory, UserMatch, Zone,
    },
};

/// What rules may name.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    pub(super) tags: &'a Tags<'a>,
    pub(super) addresses: &'a Addresses,
    pub(super) services: &'a Services,
    pub(super) applications: &'a Applications,
    pub(super) interfaces: &'a [Interface],
    pub(super) zones: &'a [Zone],
    pub(super) categories: &'a [UrlCategory],
    pub(super) log_profiles: &'a [LogProfile],
    pub(super) schedules: &'a BTreeMap<String, Schedule>,
}

/// One of a rule's lists.
pub(super) struct List<T> {
    pub(super) values: T,
    /// Whether the rule is still for no other traffic than the one it was written for. An empty list means
    /// `any`, so a list of which nothing could be read must not be taken for one.
    pub(super) usable: bool,
}

impl Names<'_> {
    pub(super) fn zones(self, view: &View<'_>, report: &mut Report<'_>) -> List<Vec<usize>> {
        list(view, report, |value, report, places| {
            let place = self.zones.iter().position(|zone| zone.name == value.text);
            if place.is_none() {
                view.unknown(report, "zone", value, self.zones.iter().map(|zone| zone.name.as_str()));
            }
            places.extend(place);
            place.is_some()
        })
    }

    /// Addresses that a rule is for, and whether it is for all others instead.
    pub(super) fn negatable(
        self,
        rule: &View<'_>,
        list: &'static str,
        negation: &'static str,
        report: &mut Report<'_>,
    ) -> (List<Vec<AddressRange>>, bool) {
        let is_negated = rule.below(negation).is_yes();
        let addresses = self.addresses(&rule.below(list), is_negated, report);
        let is_negated = is_negated && !addresses.values.is_empty();
        (addresses, is_negated)
    }

    pub(super) fn addresses(
        self,
        view: &View<'_>,
        negate: bool,
        report: &mut Report<'_>,
    ) -> List<Vec<AddressRange>> {
        let mut complete = true;
        let mut list = list(view, report, |value, report, ranges| {
            let found = self.addresses.add(view, value, ranges, report);
            complete &= found == Found::All;
            found != Found::Nothing
        });
        if negate && list.values.is_empty() {
            let what = "a negated list needs addresses: without them the rule is for nothing";
            view.gap(report, view.line(), Problem::Incomplete { what });
        }
        // What is missing in a negated list would be matched.
        list.usable &= !negate || (complete && !list.values.is_empty());
        list
    }

    pub(super) fn applications(self, view: &View<'_>, report: &mut Report<'_>) -> List<Vec<AppId>> {
        list(view, report, |value, report, apps| self.applications.add(view, value, apps, report))
    }

    pub(super) fn services(self, view: &View<'_>, report: &mut Report<'_>) -> List<ServiceMatch> {
        let values = view.values();
        if let Some(value) = values.iter().find(|value| value.text == "application-default") {
            let usable = values.len() == 1;
            if !usable {
                view.gap(report, value.line, Problem::NotAlone { word: "application-default" });
            }
            return List { values: ServiceMatch::ApplicationDefault, usable };
        }
        let services: List<Vec<Service>> = list(view, report, |value, report, services| {
            let Some(known) = self.services.get(value.text) else {
                let known = self.services.names().chain(["any", "application-default"]);
                view.unknown(report, "service", value, known);
                return false;
            };
            let has_room = self.services.take(known.len(), view, report);
            if has_room {
                services.extend_from_slice(known);
            }
            has_room
        });
        let usable = services.usable;
        let values = if services.values.is_empty() {
            ServiceMatch::Any
        } else {
            ServiceMatch::Services(services.values)
        };
        List { values, usable }
    }

    /// Services of a rule that cannot have `application-default`.
    pub(super) fn services_only(self, view: &View<'_>, report: &mut Report<'_>) -> List<ServiceMatch> {
        let list = self.services(view, report);
        if list.values != ServiceMatch::ApplicationDefault {
            return list;
        }
        let what = "such a rule is for services, not for `application-default`".into();
        view.gap(report, view.line(), Problem::Conflict { what });
        List { values: ServiceMatch::Any, usable: false }
    }

    pub(super) fn users(self, view: &View<'_>, report: &mut Report<'_>) -> List<Vec<UserMatch>> {
        list(view, report, |value, report, users| {
            users.push(match value.text {
                "known-user" => UserMatch::Known,
                "unknown" => UserMatch::Unknown,
                "pre-logon" => {
                    let what = "not supported: `pre-logon`, the user of a tunnel that is not there".into();
                    view.gap(report, value.line, Problem::Conflict { what });
                    return false;
                }
                name => UserMatch::Name(name.to_lowercase()),
            });
            true
        })
    }

    pub(super) fn categories(self, view: &View<'_>, report: &mut Report<'_>) -> List<Vec<usize>> {
        list(view, report, |value, report, places| {
            let place = self.categories.iter().position(|category| category.name == value.text);
            if place.is_none() {
                let known = self.categories.iter().map(|category| category.name.as_str());
                view.unknown(report, "URL category", value, known);
            }
            places.extend(place);
            place.is_some()
        })
    }

    /// The schedule that a rule names; not usable where there is none of that name.
    pub(super) fn schedule(self, view: &View<'_>, report: &mut Report<'_>) -> List<Option<Schedule>> {
        let Some(value) = view.value() else { return List { values: None, usable: true } };
        let schedule = self.schedules.get(value.text);
        if schedule.is_none() {
            view.unknown(report, "schedule", value, self.schedules.keys().map(String::as_str));
        }
        List { values: schedule.cloned(), usable: schedule.is_some() }
    }

    /// The log profile that a rule names. Without it the rule judges alike, so it is only told.
    pub(super) fn log_profile(self, view: &View<'_>, report: &mut Report<'_>) -> Option<usize> {
        let value = view.value()?;
        let place = self.log_profiles.iter().position(|profile| profile.name == value.text);
        if place.is_none() && report.wants_hints() {
            let accepted = Accepted::near(value.text, self.log_profiles.iter().map(|own| own.name.as_str()));
            let problem = Problem::UnknownName { kind: "log profile", name: value.text.into(), accepted };
            report.warn(value.line, view.path(), problem);
        }
        place
    }

    /// The interface that the value names.
    pub(super) fn interface(
        self,
        view: &View<'_>,
        value: Value<'_>,
        report: &mut Report<'_>,
    ) -> Option<usize> {
        super::interfaces::interface(view, value, self.interfaces, report)
    }
}

/// Reads a list of which `any` is the empty one. `resolve` adds what a value stands for; false where that
/// is not known.
pub(super) fn list<T>(
    view: &View<'_>,
    report: &mut Report<'_>,
    mut resolve: impl FnMut(Value<'_>, &mut Report<'_>, &mut Vec<T>) -> bool,
) -> List<Vec<T>> {
    let values = view.values();
    if let Some(any) = values.iter().find(|value| value.text == "any") {
        let alone = values.len() == 1;
        if !alone {
            view.gap(report, any.line, Problem::NotAlone { word: "any" });
        }
        return List { values: Vec::new(), usable: alone };
    }
    let (mut resolved, mut complete) = (Vec::new(), true);
    for value in &values {
        complete &= resolve(*value, report, &mut resolved);
    }
    if resolved.is_empty() && complete && view.exists() {
        let what = "the list is empty: the rule is for nothing";
        let problem = Problem::Incomplete { what };
        // A dynamic group, a filter or an external list may stand for nothing today.
        if values.is_empty() {
            view.gap(report, view.line(), problem);
        } else {
            report.warn(view.line(), view.path(), problem);
        }
    }
    let usable = !view.exists() || !resolved.is_empty();
    List { values: resolved, usable }
}
