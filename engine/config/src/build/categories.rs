//! URL categories: those that are written, and external lists of URLs.

use alloc::{format, string::String, vec::Vec};

use super::{View, external};
use crate::{Problem, parse::Report, typed::UrlCategory};

pub(super) fn categories(root: &View<'_>, report: &mut Report<'_>) -> Vec<UrlCategory> {
    let mut categories: Vec<UrlCategory> = Vec::new();
    for (name, entry) in root.at(&["profiles", "custom-url-category"]).entries() {
        if entry.is_reserved(name, report) {
            continue;
        }
        let list = entry.below("list");
        let mut hosts = Vec::new();
        for value in list.values() {
            match host(value.text) {
                Some(host) => hosts.push(host),
                None => {
                    let what = format!(
                        "not supported: `{}`; an entry is a host name without path and port, `*` only as \
                         its first label",
                        value.text
                    );
                    list.gap(report, value.line, Problem::Conflict { what });
                }
            }
        }
        categories.push(UrlCategory { name: name.into(), hosts });
    }
    let written = categories.len();
    for (entry, list) in external::categories(root, report) {
        if categories.iter().take(written).any(|category| category.name == list.name) {
            let what = format!("a URL category is called `{}` too", list.name);
            entry.gap(report, entry.line(), Problem::Conflict { what });
        } else {
            categories.push(list);
        }
    }
    categories
}

/// The host of an entry. An entry that asks for more, a path or a port, is none: what is compared is the
/// server's name, and a rule must not match more than the entry says.
pub(super) fn host(text: &str) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
    let labels = text.strip_prefix("*.").unwrap_or(&text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (labels.split('.').all(is_label) && text.len() <= 253).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("Example.COM", Some("example.com")),
            ("*.example.com/", Some("*.example.com")),
            ("10.0.0.1", Some("10.0.0.1")),
            ("example.com/private", None),
            ("example.com:8443", None),
            ("https://example.com", None),
            ("a.*.com", None),
            ("*", None),
            ("", None),
            ("a..b", None),
        ] {
            assert_eq!(host(text).as_deref(), expected, "{text}");
        }
    }
}
