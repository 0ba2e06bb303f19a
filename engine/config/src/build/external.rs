//! External lists: files with one entry on a line.

use alloc::{format, string::String, vec::Vec};

use super::{View, categories::host};
use crate::{
    Problem,
    parse::Report,
    schema::{parse_prefix, parse_range, range_of},
    typed::{AddressRange, UrlCategory},
};

/// A longer list is refused.
const MOST_ENTRIES: usize = 250_000;

/// Of one list so many lines that are no entries are named.
const MOST_WARNINGS: usize = 10;

/// Each list of addresses; without ranges where its file is not at hand.
pub(super) fn addresses<'a>(
    root: &View<'a>,
    report: &mut Report<'_>,
) -> Vec<(&'a str, View<'a>, Option<Vec<AddressRange>>)> {
    let parse = |text: &str| parse_prefix(text).map(range_of).or_else(|| parse_range(text));
    lists(root, "ip", report)
        .into_iter()
        .map(|(name, entry)| {
            let ranges = content(&entry, "ip", "an address, a prefix or a range", parse, report);
            (name, entry, ranges)
        })
        .collect()
}

/// Each list of URLs. Lists of names are checked alike, although no rule can ask for them.
pub(super) fn categories<'a>(root: &View<'a>, report: &mut Report<'_>) -> Vec<(View<'a>, UrlCategory)> {
    let expected = "a host name without path and port, `*` only as its first label";
    for (_, entry) in lists(root, "domain", report) {
        content(&entry, "domain", expected, host, report);
    }
    let mut categories = Vec::new();
    for (name, entry) in lists(root, "url", report) {
        if let Some(hosts) = content(&entry, "url", expected, host, report) {
            categories.push((entry, UrlCategory { name: name.into(), hosts }));
        }
    }
    categories
}

/// The lists of one kind. A list of two kinds is reported with the first of them.
fn lists<'a>(root: &View<'a>, kind: &'static str, report: &mut Report<'_>) -> Vec<(&'a str, View<'a>)> {
    let mut found = Vec::new();
    for (name, entry) in root.below("external-list").entries() {
        let mut kinds = ["ip", "domain", "url"].into_iter().filter(|kind| entry.at(&["type", kind]).exists());
        let first = kinds.next();
        if kind == first.unwrap_or("ip") {
            if kinds.next().is_some() {
                let what = "an external list is of one type".into();
                entry.gap(report, entry.line(), Problem::Conflict { what });
            } else if first.is_none() {
                let what = "an external list needs `type ip url`, `type domain url` or `type url url`";
                entry.gap(report, entry.line(), Problem::Incomplete { what });
            } else if !entry.is_reserved(name, report) {
                found.push((name, entry));
            }
        }
    }
    found
}

/// The entries of a list, if its file is at hand.
fn content<T>(
    entry: &View<'_>,
    kind: &'static str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
    report: &mut Report<'_>,
) -> Option<Vec<T>> {
    let view = entry.at(&["type", kind, "url"]);
    let Some(url) = view.value() else {
        entry.gap(report, entry.line(), Problem::Incomplete { what: "an external list needs a `url`" });
        return None;
    };
    let Some(text) = report.source(url.text) else {
        let what = if url.text.starts_with("file://") {
            format!("the file `{}` cannot be read", url.text)
        } else {
            format!("not supported: `{}`; a list is a `file://` of this device", url.text)
        };
        view.gap(report, url.line, Problem::Conflict { what });
        return None;
    };
    let (mut entries, mut wrong) = (Vec::new(), 0_usize);
    for (number, line) in (1_u32..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let Some(word) = line.split_whitespace().next() else { continue };
        if entries.len() >= MOST_ENTRIES {
            let what = format!("`{}` has more than {MOST_ENTRIES} entries", url.text);
            view.gap(report, url.line, Problem::Conflict { what });
            return None;
        }
        match parse(word) {
            Some(value) => entries.push(value),
            None => {
                wrong += 1;
                if wrong <= MOST_WARNINGS {
                    let problem = Problem::BadValue {
                        value: excerpt(word),
                        expected: expected.into(),
                        accepted: crate::Accepted::Unknown,
                    };
                    report.warn_in(url.text, number, view.path(), problem);
                }
            }
        }
    }
    if wrong > MOST_WARNINGS {
        let what = format!("{} more lines of `{}` are no entries", wrong - MOST_WARNINGS, url.text);
        report.warn(url.line, view.path(), Problem::Conflict { what });
    }
    Some(entries)
}

/// As much of a word of a foreign file as a message needs.
fn excerpt(word: &str) -> String {
    word.chars().take(80).collect()
}
