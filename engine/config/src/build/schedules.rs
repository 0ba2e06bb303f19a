//! Schedules and URL categories.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::{Value, View};
use crate::{
    Problem,
    parse::Report,
    schema::{DAYS, parse_dates, parse_day_time},
    typed::{Schedule, TimeSpan, UrlCategory},
};

/// All seven days.
const EVERY_DAY: u8 = 0x7f;

pub(super) fn schedules(root: &View<'_>, report: &mut Report<'_>) -> BTreeMap<String, Schedule> {
    let mut schedules = BTreeMap::new();
    for (name, entry) in root.below("schedule").entries() {
        let kind = entry.below("schedule-type");
        let recurring = kind.below("recurring");
        let (daily, weekly, once) =
            (recurring.below("daily"), recurring.below("weekly"), kind.below("non-recurring"));
        let mut used = [&daily, &weekly, &once].into_iter().filter(|view| view.exists());
        if let (Some(_), Some(second)) = (used.next(), used.next()) {
            let what = "a schedule is `daily`, `weekly` or `non-recurring`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
            continue;
        }
        let mut spans = recurring_spans(&daily, EVERY_DAY);
        for (bit, day) in (0..).zip(DAYS) {
            spans.extend(recurring_spans(&weekly.below(day), 1 << bit));
        }
        let dates = once.values().into_iter().filter_map(|value| parse_dates(value.text));
        spans.extend(dates.map(|(from, until)| TimeSpan::Once { from, until }));
        if spans.is_empty() {
            entry.gap(report, entry.line(), Problem::Incomplete { what: "a schedule needs times" });
        } else if !entry.is_unread() {
            schedules.insert(name.into(), Schedule { name: name.into(), spans });
        }
    }
    schedules
}

fn recurring_spans(view: &View<'_>, days: u8) -> Vec<TimeSpan> {
    let times = view.values().into_iter().filter_map(|value| parse_day_time(value.text));
    times.map(|(from, until)| TimeSpan::Recurring { days, from, until }).collect()
}

pub(super) fn categories(root: &View<'_>, report: &mut Report<'_>) -> Vec<UrlCategory> {
    let mut categories = Vec::new();
    for (name, entry) in root.at(&["profiles", "custom-url-category"]).entries() {
        if entry.is_reserved(name, report) || entry.is_unread() {
            continue;
        }
        let list = entry.below("list");
        let hosts = list.values().into_iter().filter_map(|value| host(&list, value, report)).collect();
        categories.push(UrlCategory { name: name.into(), hosts });
    }
    categories
}

/// The host of an entry; a rule that names a category must not match more than the entry says.
fn host(view: &View<'_>, value: Value<'_>, report: &mut Report<'_>) -> Option<String> {
    let text = value.text.strip_suffix('/').unwrap_or(value.text).to_ascii_lowercase();
    let labels = text.strip_prefix("*.").unwrap_or(&text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if labels.split('.').all(is_label) && text.len() <= 253 {
        return Some(text);
    }
    let what = format!(
        "not supported: `{}`; an entry is a host name without path and port, `*` only as its first label",
        value.text
    );
    view.gap(report, value.line, Problem::Conflict { what });
    None
}
