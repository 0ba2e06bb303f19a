//! Import as a whole: what is carried over, what is listed and why, what is refused.

mod forms;
mod losses;
mod places;
mod property;
mod refused;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{Import, ImportError, ImportOptions, import};
use crate::Document;

/// Imports a text that is a configuration, and checks what holds of every import.
fn imported(text: &str) -> Import {
    imported_with(text, &ImportOptions::default())
}

fn imported_with(text: &str, options: &ImportOptions<'_>) -> Import {
    let import = import(text.as_bytes(), options).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let count = import.count;
    assert_eq!(count.read, count.carried + count.listed, "{text}");
    let lines = import.document.to_set();
    let again = super::import(lines.as_bytes(), &ImportOptions::default()).unwrap();
    assert_eq!(again.document.to_set(), lines, "importing the result again gives the same");
    assert_eq!(again.left_out, [], "{lines}");
    assert_eq!(Document::parse(&lines, "").unwrap().to_set(), lines, "showing it gives the same");
    import
}

fn refused(bytes: &[u8]) -> ImportError {
    import(bytes, &ImportOptions::default()).expect_err("is refused")
}

/// What was left out: line and reason.
fn left_out(import: &Import) -> Vec<(u32, &'static str)> {
    import.left_out.iter().map(|left| (left.line, left.reason.code())).collect()
}

/// The lines of the result that begin with a path.
fn lines(import: &Import, path: &str) -> Vec<String> {
    let begin = format!("set {path}");
    let text = import.document.to_set();
    let found = text.lines().filter(|line| line.starts_with(&begin));
    found.map(|line| line.trim_start_matches("set ").to_string()).collect()
}
