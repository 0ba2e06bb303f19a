//! Whole configurations.
use crate::{Config, parse};

#[test]
fn tap() {
    let config = parse(include_str!("tap.set"), "tap.set").unwrap();
    assert_eq!(config, Config::tap());
}
