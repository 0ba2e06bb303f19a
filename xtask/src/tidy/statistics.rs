//! How much of each crate is comment. Good code of this field has 3 to 6 % comments and 8 to 12 %
//! documentation; the figures help a review and fail nothing.

use std::collections::BTreeMap;
use std::fmt;

use super::Source;

/// Lines of one crate that are not blank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lines {
    code: usize,
    comment: usize,
    documentation: usize,
}

impl Lines {
    fn count(&mut self, text: &str) {
        for line in text.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
            if line.starts_with("///") || line.starts_with("//!") {
                self.documentation += 1;
            } else if line.starts_with("//") {
                self.comment += 1;
            } else {
                self.code += 1;
            }
        }
    }

    fn percent(&self, part: usize) -> f64 {
        100.0 * part as f64 / (self.code + self.comment + self.documentation).max(1) as f64
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (comment, documentation) = (self.percent(self.comment), self.percent(self.documentation));
        write!(formatter, "{:>7} {comment:>10.1} {documentation:>15.1}", self.code)
    }
}

/// One row per crate, in the order of its folder.
pub fn table(sources: &[Source]) -> String {
    let mut crates: BTreeMap<&str, Lines> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_rust()) {
        if let Some(folder) = crate_folder(&source.path, sources) {
            crates.entry(folder).or_default().count(&source.text);
        }
    }
    let mut table = format!("{:<20} {:>7} {:>10} {:>15}\n", "crate", "code", "comment %", "documentation %");
    for (folder, lines) in crates {
        table.push_str(&format!("{folder:<20} {lines}\n"));
    }
    table
}

/// The nearest folder above `path` that holds a manifest.
fn crate_folder<'path>(path: &'path str, sources: &[Source]) -> Option<&'path str> {
    let mut folder = path;
    loop {
        folder = folder.rsplit_once('/')?.0;
        if sources.iter().any(|source| source.path.strip_prefix(folder) == Some("/Cargo.toml")) {
            return Some(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_each_kind_of_line() {
        let mut lines = Lines::default();
        lines.count("//! header\n\n/// doc\nfn f() {} // trailing\n    // why\n");
        assert_eq!(lines, Lines { code: 1, comment: 1, documentation: 2 });
        assert_eq!(lines.percent(lines.documentation), 50.0);
    }

    #[test]
    fn one_row_per_crate() {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let table = table(&[
            source("a/b/Cargo.toml", ""),
            source("a/b/src/lib.rs", "// why\n"),
            source("a/b/src/deep/x.rs", "code\n"),
            source("stray.rs", "code\n"),
        ]);
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows.len(), 2, "{table}");
        assert_eq!(rows[1].split_whitespace().collect::<Vec<_>>(), ["a/b", "1", "50.0", "0.0"]);
    }
}
