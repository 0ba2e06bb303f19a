//! What can be seen line by line, without knowing the language.

use super::Source;
use crate::Finding;

/// Columns of a line of Rust; the formatter's `max_width`.
const LINE_COLUMNS: usize = 110;

/// Lines of a Rust file, tests included.
const FILE_LINES: usize = 800;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Tables of data that read best with one row per line; only their lines that hold a string are excused.
const WIDE_TABLES: &[&str] = &["engine/catalog/src/", "engine/model/src/drop_reason.rs"];

/// The one file that may know where captures lie on the machine that runs the checks.
const MACHINE_FILE: &str = ".ci/run";

// The words are written in parts so that this file does not find itself.
const MACHINE_PATHS: [&str; 3] =
    [concat!("../", "shared"), concat!("../.", "library"), concat!("/", "work/")];
const UNFINISHED: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
const TRACKER_WORDS: [&str; 6] = ["issue", "issues", "bug", "fixes", "closes", "pr"];

/// Check one file.
pub fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let rust = path.ends_with(".rs");
    for (line, number) in text.lines().zip(1..) {
        let mut report = |message: String| findings.push(Finding::new(path, number, message));
        if rust && too_long(path, line) {
            report(format!("{} columns, {LINE_COLUMNS} are allowed", line.chars().count()));
        }
        if rust && line.contains('\t') {
            report("tab; indent with spaces, write \\t in a string".to_owned());
        }
        if is_written_by_hand(path) && line.ends_with([' ', '\t']) {
            report("trailing blanks".to_owned());
        }
        if let Some(word) = unfinished(path, line) {
            report(format!("{word}: finish it or leave it out"));
        }
        if path != MACHINE_FILE
            && let Some(word) = MACHINE_PATHS.iter().find(|word| line.contains(**word))
        {
            report(format!("names {word}, which exists on one machine only"));
        }
        if let Some(number) = tracker_number(line) {
            report(format!("names {number}; say what is meant instead"));
        }
        if is_inner_manifest(path) && line.trim_start().starts_with("anyhow") {
            report("anyhow in a library; errors here are types".to_owned());
        }
    }
    let lines = text.lines().count();
    if rust && lines > FILE_LINES && !LONG_FILES.iter().any(|(known, _)| *known == path) {
        findings.push(Finding::new(
            path,
            0,
            format!("{lines} lines, {FILE_LINES} are allowed: split by story"),
        ));
    }
}

/// An allowance that no file needs any more is reported, so that the table stays true.
pub fn check_allowances(sources: &[Source], findings: &mut Vec<Finding>) {
    check_allowance_table(LONG_FILES, sources, findings);
}

fn check_allowance_table(table: &[(&str, &str)], sources: &[Source], findings: &mut Vec<Finding>) {
    for (path, _) in table {
        let needed =
            sources.iter().any(|source| source.path == *path && source.text.lines().count() > FILE_LINES);
        if !needed {
            findings.push(Finding::new(path, 0, "no longer needs its place among the long files of tidy"));
        }
    }
}

fn too_long(path: &str, line: &str) -> bool {
    let wide_table = line.contains('"') && WIDE_TABLES.iter().any(|table| path.starts_with(table));
    line.chars().count() > LINE_COLUMNS && !line.contains("://") && !wide_table && !is_only_text(line)
}

/// A row of expected output, for example: one literal from end to end, which reads worse when it is cut.
fn is_only_text(line: &str) -> bool {
    let line = line.trim().trim_start_matches(['b', 'r', '#']).trim_end_matches(['#', ',']);
    line.len() > 1 && line.starts_with('"') && line.ends_with('"')
}

fn is_written_by_hand(path: &str) -> bool {
    [".rs", ".md", ".toml", ".sh", "justfile", MACHINE_FILE].iter().any(|end| path.ends_with(end))
}

fn is_inner_manifest(path: &str) -> bool {
    (path.starts_with("engine/") || path.starts_with("host/")) && path.ends_with("Cargo.toml")
}

/// The word of unfinished business that a comment carries.
fn unfinished(path: &str, line: &str) -> Option<&'static str> {
    let opening = if path.ends_with(".rs") {
        "//"
    } else if is_written_by_hand(path) && !path.ends_with(".md") {
        "#"
    } else {
        return None;
    };
    let (_, comment) = line.split_once(opening)?;
    let mut words = comment.split(|character: char| !character.is_alphanumeric());
    words.find_map(|word| UNFINISHED.iter().find(|known| **known == word).copied())
}

/// A number in a tracker, such as a word for it followed by `#12`: the reader may have no access to it.
fn tracker_number(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(2).find_map(|pair| {
        let word = pair[0].trim_matches(|character: char| !character.is_alphabetic()).to_lowercase();
        let digits = pair[1].strip_prefix('#')?;
        let numbered = digits.starts_with(|character: char| character.is_ascii_digit());
        (numbered && TRACKER_WORDS.contains(&word.as_str())).then(|| format!("{word} {}", pair[1]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(path, text, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn line_length() {
        let fits = format!("// {}", "é".repeat(LINE_COLUMNS - 3));
        assert_eq!(messages("a.rs", &fits), [""; 0]);
        let long = format!("ok\n{fits}é\n");
        assert_eq!(messages("a.rs", &long), ["a.rs:2: 111 columns, 110 are allowed"]);
        assert_eq!(messages("a.md", &long), [""; 0]);
        assert_eq!(
            messages("a.rs", &format!("// https://example.org/{long}")).len(),
            1,
            "the second line only"
        );
        let row = format!("Row, \"{}\";", "x".repeat(120));
        assert_eq!(messages("engine/catalog/src/applications.rs", &row), [""; 0]);
        assert_eq!(messages("engine/wire/src/tcp.rs", &row).len(), 1);
        assert_eq!(messages("engine/catalog/src/lib.rs", &row.replace('"', "'")).len(), 1);
        for (start, end) in [("\"", "\","), ("br#\"", "\"#,"), ("\"", "\"")] {
            assert_eq!(messages("a.rs", &format!("    {start}{}{end}", "x".repeat(120))), [""; 0]);
        }
        assert_eq!(messages("a.rs", &format!("call(\"{}\");", "x".repeat(120))).len(), 1);
        assert_eq!(messages("a.rs", &format!("\"{}\\", "x".repeat(120))).len(), 1, "continues below");
    }

    #[test]
    fn file_length() {
        assert_eq!(messages("a.rs", &"x\n".repeat(FILE_LINES)), [""; 0]);
        assert_eq!(
            messages("a.rs", &"x\n".repeat(FILE_LINES + 1)),
            ["a.rs: 801 lines, 800 are allowed: split by story"]
        );
    }

    #[test]
    fn an_allowance_must_be_needed() {
        let table = [("long.rs", "a reason"), ("short.rs", "a reason"), ("gone.rs", "a reason")];
        let source = |path: &str, lines: usize| Source { path: path.to_owned(), text: "x\n".repeat(lines) };
        let mut findings = Vec::new();
        check_allowance_table(&table, &[source("long.rs", 801), source("short.rs", 8)], &mut findings);
        let paths: Vec<&str> = findings.iter().map(|finding| finding.path.as_str()).collect();
        assert_eq!(paths, ["short.rs", "gone.rs"]);
        assert!(LONG_FILES.iter().all(|(_, reason)| !reason.is_empty()));
    }

    #[test]
    fn blanks_and_tabs() {
        for path in ["a.rs", "a.md", "a/Cargo.toml", "justfile", ".ci/run"] {
            assert_eq!(messages(path, "good\nbad \n"), [format!("{path}:2: trailing blanks")]);
        }
        assert_eq!(messages("captures/a.csv", "kept \n"), [""; 0]);
        assert_eq!(messages("a.rs", "\tlet x = 1;\n").len(), 1);
        assert_eq!(messages("justfile", "\tcargo test\n"), [""; 0]);
    }

    #[test]
    fn unfinished_business() {
        for word in UNFINISHED {
            assert_eq!(messages("a.rs", &format!("let x = 1; // {word}: later\n")).len(), 1);
            assert_eq!(messages("a.toml", &format!("# {word}\n")).len(), 1);
            assert_eq!(messages("a.rs", &format!("let x = b\"{word}\";\n")), [""; 0]);
            assert_eq!(messages("a.rs", &format!("// A{word}B is a name\n")), [""; 0]);
        }
    }

    #[test]
    fn paths_of_one_machine() {
        for word in MACHINE_PATHS {
            let line = format!("see {word}x\n");
            for path in ["README.md", "a.rs", "tests/scenarios/a.scenario"] {
                assert_eq!(messages(path, &line).len(), 1, "{word} in {path}");
            }
            assert_eq!(messages(MACHINE_FILE, &line), [""; 0]);
        }
    }

    #[test]
    fn numbers_of_a_tracker() {
        for word in TRACKER_WORDS {
            assert_eq!(messages("a.md", &format!("as ({word} #{})\n", 12)).len(), 1, "{word}");
        }
        assert_eq!(messages("a.md", "frame #12, RFC 9293 and issue a warning\n"), [""; 0]);
    }

    #[test]
    fn anyhow_in_a_library_manifest() {
        assert_eq!(messages("host/logs/Cargo.toml", "anyhow.workspace = true\n").len(), 1);
        assert_eq!(messages("engine/wire/Cargo.toml", "anyhow = \"1\"\n").len(), 1);
        assert_eq!(messages("apps/bifrons/Cargo.toml", "anyhow.workspace = true\n"), [""; 0]);
    }
}
