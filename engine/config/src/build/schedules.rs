//! Schedules.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::View;
use crate::{
    Problem,
    parse::Report,
    schema::{DAYS, parse_dates, parse_day_time},
    typed::{Schedule, TimeSpan},
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
        let is_written = [&daily, &once].iter().any(|view| !view.values().is_empty()) || weekly.exists();
        if spans.is_empty() && is_written {
            // What is written has been reported as no times.
        } else if spans.is_empty() {
            entry.gap(report, entry.line(), Problem::Incomplete { what: "a schedule needs times" });
        } else {
            schedules.insert(name.into(), Schedule { name: name.into(), spans });
        }
    }
    schedules
}

fn recurring_spans(view: &View<'_>, days: u8) -> Vec<TimeSpan> {
    let times = view.values().into_iter().filter_map(|value| parse_day_time(value.text));
    times.map(|(from, until)| TimeSpan::Recurring { days, from, until }).collect()
}
