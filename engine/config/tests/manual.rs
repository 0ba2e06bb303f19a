//! The reference page of the manual is what the table of settings says.

use std::{env, fs, path::Path};

#[test]
fn the_page_is_current() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual/configuration.md");
    let page = bifrons_config::manual();
    if env::var_os("BIFRONS_BLESS").is_some() {
        fs::write(&place, &page).expect("the page can be written");
    }
    let stored = fs::read_to_string(&place).unwrap_or_default();
    assert_eq!(stored, page, "run BIFRONS_BLESS=1 cargo test -p bifrons-config");
}
