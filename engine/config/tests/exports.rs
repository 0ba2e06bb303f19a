//! Configurations in set format that nobody here wrote.
//!
//! Needs a collection of configurations in `panos-configs` of the folder that `BIFRONS_CORPUS` names.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use bifrons_config::{Document, parse, parse_lenient};

/// Every file below `folder` with at least one line that begins with `set `.
fn in_set_format(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            in_set_format(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path)
            && text.lines().any(|line| line.starts_with("set "))
        {
            found.push((path, text));
        }
    }
}

#[test]
fn exports_are_read_and_printed_alike() {
    let Some(corpus) = env::var_os("BIFRONS_CORPUS") else {
        println!("skipped: BIFRONS_CORPUS is not set");
        return;
    };
    let mut files = Vec::new();
    in_set_format(&Path::new(&corpus).join("panos-configs"), &mut files);
    assert!(!files.is_empty(), "no configuration in set format");
    let (mut read, mut warnings, mut rules) = (0, 0, 0);
    for (path, text) in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match parse_lenient(text, &name) {
            Ok(lenient) => {
                read += 1;
                warnings += lenient.warnings.len();
                rules += lenient.config.rules.len();
                if lenient.warnings.is_empty() {
                    assert_eq!(parse(text, &name).as_ref(), Ok(&lenient.config), "{name}");
                }
                let (document, _) = Document::parse_lenient(text, &name).expect("it was read before");
                let printed = document.to_set();
                let again = parse_lenient(&printed, "printed").map(|lenient| lenient.config);
                assert_eq!(again, Ok(lenient.config), "{name}\n{printed}");
                let document = Document::parse(&printed, "printed").expect("only what is known is printed");
                assert_eq!(document.to_set(), printed, "{name}");
            }
            Err(errors) => {
                for error in errors {
                    println!("{error}");
                }
            }
        }
    }
    println!("{read} of {} files read, {rules} rules, {warnings} warnings", files.len());
    assert!(read * 10 >= files.len() * 9, "{read} of {} files read", files.len());
}
