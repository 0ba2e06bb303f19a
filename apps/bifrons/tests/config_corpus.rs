//! Every configuration of a corpus: imported or refused with a line, every statement accounted for, and the
//! result in order.

use std::path::{Path, PathBuf};

use bifrons_config::{Count, Document, Form, ImportOptions, diff, import};

/// The files below a folder, in the order of their names.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// How many statements a file has, as far as a count without reader can tell.
fn counted(text: &str, form: Form) -> Option<usize> {
    match form {
        // A text in quotation marks may go on over the next line.
        Form::Set if text.lines().any(|line| line.matches('"').count() % 2 == 1) => None,
        Form::Set => Some(text.lines().filter(|line| !line.trim().trim_matches('#').is_empty()).count()),
        Form::Braces => {
            let comments = text
                .lines()
                .filter(|line| line.trim().starts_with('#') && !line.trim().trim_matches('#').is_empty());
            let words: String = text.split_whitespace().collect();
            Some(text.matches(';').count() + words.matches("{}").count() + comments.count())
        }
        Form::Xml => Some(leaves(text)),
    }
}

/// Ends of elements that no other element ends in, empty elements, attributes but entries' names, comments.
fn leaves(text: &str) -> usize {
    let mut number = 0;
    let mut has_begun = false;
    for tag in text.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap_or_default();
        if inside.starts_with('?') {
            continue;
        }
        if tag.starts_with("!--") {
            number += 1;
            continue;
        }
        let is_entry = inside.starts_with("entry ");
        let attributes = inside.matches("=\"").count();
        number += attributes - usize::from(is_entry && attributes > 0);
        if inside.starts_with('/') {
            number += usize::from(has_begun);
            has_begun = false;
        } else if inside.ends_with('/') {
            number += 1;
            has_begun = false;
        } else {
            has_begun = true;
        }
    }
    number
}

#[test]
fn every_configuration_is_imported_or_refused_with_a_line() {
    let Some(corpus) = std::env::var_os("BIFRONS_CORPUS") else {
        eprintln!("skipped: BIFRONS_CORPUS names no corpus");
        return;
    };
    let mut found = Vec::new();
    files(&Path::new(&corpus).join("panos-configs"), &mut found);
    assert!(!found.is_empty(), "configurations in {}", corpus.display());
    let mut sum = Count::default();
    let mut imported = 0;
    for file in &found {
        let name = file.display();
        let bytes = std::fs::read(file).unwrap();
        let result = match import(&bytes, &ImportOptions::default()) {
            Ok(result) => result,
            Err(error) => {
                let line = error.to_string();
                let number = line.split(':').next().and_then(|number| number.parse::<u32>().ok());
                assert!(number.is_some_and(|number| number > 0), "{name}: {line}");
                continue;
            }
        };
        imported += 1;
        let text = String::from_utf8(bytes).unwrap();
        if let Some(counted) = counted(&text, result.form) {
            assert_eq!(result.count.read, counted, "{name}: {:?}", result.form);
        }
        assert_eq!(result.count.read, result.count.carried + result.count.listed, "{name}");
        let lines = result.document.to_set();
        let read = Document::parse(&lines, "result").unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        read.build().unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        assert_eq!(read.to_set(), lines, "{name}: showing the result gives the same");
        let again = import(lines.as_bytes(), &ImportOptions::default()).unwrap();
        assert_eq!(again.document.to_set(), lines, "{name}: importing the result gives the same");
        assert_eq!(again.left_out, [], "{name}");
        assert!(diff(&read, &again.document).is_empty(), "{name}");
        sum.lines += result.count.lines;
        sum.read += result.count.read;
        sum.carried += result.count.carried;
        sum.listed += result.count.listed;
    }
    eprintln!(
        "{imported} of {} files imported: {} statements = {} carried over + {} listed",
        found.len(),
        sum.read,
        sum.carried,
        sum.listed,
    );
    assert_eq!(sum.read, sum.carried + sum.listed);
}
