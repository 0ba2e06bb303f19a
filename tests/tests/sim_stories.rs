//! Each story is told as it is written in `stories/`. `BIFRONS_BLESS=1` writes them anew.

use std::{fs, path::Path};

use bifrons_sim::{firewall, story};

#[test]
fn stories_are_told_as_they_are_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
    let mut differences = Vec::new();
    for (name, _) in story::STORIES {
        let told = story::tell(name, &firewall::build).unwrap_or_else(|why| panic!("{name}: {why}"));
        let file = folder.join(format!("{name}.txt"));
        if std::env::var_os("BIFRONS_BLESS").is_some() {
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(&file, &told))
                .expect("stories can be written");
        }
        let written = fs::read_to_string(&file).unwrap_or_default();
        if told != written {
            differences.push(format!("{}:\n{told}", file.display()));
        }
    }
    assert!(differences.is_empty(), "told otherwise than written:\n{}", differences.join("\n"));
}

#[test]
fn a_story_that_is_not_there_is_told_by_name() {
    let told = story::tell("tea", &firewall::build).expect_err("there is none");
    assert!(told.contains("tea") && told.contains("handshake"), "{told}");
}
