//! Style that can be measured.
//!
//! Reads every file that git tracks or would track, so the answer is the same in a fresh clone. What is
//! checked:
//!
//! | where | what |
//! |---|---|
//! | [`text`] | lengths of lines and files, blanks, tabs, unfinished business, words that must not appear |
//! | [`tokens`] | length of functions, placeholders, lints off without a reason, `unsafe`, clocks, `anyhow` |
//! | [`documents`] | local links, the stages of a packet's life, the generated manual |
//!
//! [`statistics`] counts comments and judges nothing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::Finding;

mod documents;
mod statistics;
mod text;
mod tokens;

/// One file of the repository.
struct Source {
    /// Path below the root, with `/` between the parts.
    path: String,
    /// Empty when the file is not text.
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }
}

/// Check every file of the repository at `root`; with `statistics`, print the share of comments too.
pub fn run(root: &Path, statistics: bool) -> Result<Vec<Finding>> {
    let sources = read_sources(root)?;
    if statistics {
        print!("{}", statistics::table(&sources));
    }
    let mut findings = check(&sources);
    findings.sort();
    Ok(findings)
}

fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        text::check(&source.path, &source.text, &mut findings);
        if source.is_rust() {
            tokens::check(&source.path, &source.text, &mut findings);
        }
    }
    text::check_allowances(sources, &mut findings);
    documents::check(sources, &mut findings);
    findings
}

/// The files that git tracks, and those that it would track.
fn read_sources(root: &Path) -> Result<Vec<Source>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git cannot be started")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let listing = String::from_utf8(output.stdout).context("a path is not UTF-8")?;
    let mut sources = Vec::new();
    for path in listing.split_terminator('\0') {
        // A file that is deleted but not yet committed is still listed.
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        let text = String::from_utf8(bytes).unwrap_or_default();
        sources.push(Source { path: path.to_owned(), text });
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_git_knows() {
        let root = crate::repository_root();
        if !root.join(".git").exists() {
            println!("skipped: the sources stand outside a git repository");
            return;
        }
        let sources = read_sources(&root).unwrap();
        let this = sources.iter().find(|source| source.path == "xtask/src/tidy.rs").unwrap();
        assert!(this.is_rust() && this.text.contains("fn reads_what_git_knows"));
        assert!(!sources.iter().any(|source| source.path.starts_with("target/")));
    }

    #[test]
    fn each_kind_of_check_is_asked() {
        let long = format!("{}\n", "x".repeat(200));
        let sources = [
            Source {
                path: "engine/a/src/lib.rs".to_owned(),
                text: format!("// {long}fn f() {{ todo!() }}\n"),
            },
            Source { path: "README.md".to_owned(), text: "[gone](gone.md)\n".to_owned() },
        ];
        let places: Vec<String> =
            check(&sources).iter().map(|finding| format!("{}:{}", finding.path, finding.line)).collect();
        for place in ["engine/a/src/lib.rs:1", "engine/a/src/lib.rs:2", "README.md:1"] {
            assert!(places.iter().any(|known| known == place), "{place} is missing in {places:?}");
        }
    }
}
