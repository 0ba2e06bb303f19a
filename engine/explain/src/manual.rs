//! The manual's page on explanations, made from the table of diagnoses so that it cannot lag behind.

use alloc::{borrow::ToOwned as _, format, string::String};

use crate::{diagnosis::Diagnosis, rules::DIAGNOSES};

const TOP: &str = include_str!("manual/top.md");

/// The page `explain.md`.
pub fn explain_page() -> String {
    let mut page = TOP.to_owned();
    page.push_str("| name | cause | shown by |\n|---|---|---|\n");
    for diagnosis in DIAGNOSES {
        let fields: alloc::vec::Vec<_> =
            diagnosis.evidence.iter().map(|field| format!("`{}`", field.name())).collect();
        page += &format!("| `{}` | {} | {} |\n", diagnosis.name, diagnosis.cause, fields.join(", "));
    }
    page.push_str("\n## What to do about each\n");
    for diagnosis in DIAGNOSES {
        page += &steps(diagnosis);
    }
    page
}

fn steps(diagnosis: &Diagnosis) -> String {
    let mut text = format!("\n### {}\n\n{}\n", diagnosis.name, diagnosis.next_step);
    if !diagnosis.commands.is_empty() {
        text += &format!("\n```text\n{}\n```\n", diagnosis.commands.join("\n"));
    }
    if !diagnosis.alternatives.is_empty() {
        text.push_str("\nIt could also be:\n\n");
    }
    for alternative in diagnosis.alternatives {
        text += &format!("- {} What would tell: {}\n", alternative.cause, alternative.told_by);
    }
    text
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// `BIFRONS_BLESS=1` writes the page anew.
    #[test]
    fn the_page_in_the_manual_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/explain.md");
        if std::env::var_os("BIFRONS_BLESS").is_some() {
            std::fs::write(path, explain_page()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == explain_page(), "{path} is not current: run this test with BIFRONS_BLESS=1");
    }
}
