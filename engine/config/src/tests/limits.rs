//! What a short text may not make large, and what a long one may not make slow.

use alloc::{format, string::String};

use super::errors;
use crate::parse;

#[test]
fn names_are_as_long_as_they_may_be() {
    for (path, most) in [
        ("zone NAME network layer3", 31),
        ("address NAME ip-netmask 10.0.0.1", 63),
        ("service NAME protocol tcp port 1", 63),
        ("application NAME risk 1", 31),
        ("application-filter NAME risk 1", 63),
        ("schedule NAME schedule-type recurring daily 08:00-09:00", 31),
        ("tag NAME comments x", 127),
        ("rulebase security rules NAME action drop", 63),
        ("rulebase nat rules NAME nat-type ipv4", 63),
        ("profiles custom-url-category NAME list a", 31),
    ] {
        let with = |length: usize| format!("set {}", path.replace("NAME", &"n".repeat(length)));
        assert!(parse(&with(most), "x.set").is_ok(), "{path}");
        assert!(errors(&with(most + 1)).contains("is not accepted; expected"), "{path}");
    }
}

#[test]
fn groups_of_groups_do_not_explode() {
    let mut text = String::new();
    for number in 0..2000 {
        text.push_str(&format!(
            "set address a{number} ip-netmask 10.{}.{}.0/31\n",
            number / 256,
            number % 256
        ));
        text.push_str(&format!("set address-group g0 static a{number}\n"));
    }
    for group in 1..3000 {
        text.push_str(&format!("set address-group g{group} static g{}\n", group - 1));
    }
    let found = errors(&text);
    assert!(
        found.contains(
            "address-group g2000 static: groups and rules name more than 4000000 ranges of addresses in all, \
             each counted wherever it is named"
        ),
        "{found}"
    );
}

#[test]
fn filters_in_many_rules_do_not_explode() {
    let mut text = String::from("set application-filter all risk [ 1 2 3 4 5 ]\n");
    for rule in 0..1000 {
        text.push_str(&format!("set rulebase security rules r{rule} application all\n"));
    }
    assert_eq!(parse(&text, "x.set").map(|config| config.rules.len()), Ok(1000));
    let mut groups = String::new();
    for group in 0..31 {
        groups.push_str(&format!("set application-group g{group} members [ ssl "));
        for inner in 0..group {
            groups.push_str(&format!("g{inner} "));
        }
        groups.push_str("]\n");
    }
    groups.push_str("set rulebase security rules r application g30");
    assert_eq!(parse(&groups, "x.set").map(|config| config.rules[0].application.len()), Ok(1));
}

#[test]
fn a_thousand_loops_are_fifty_errors() {
    let mut text = String::new();
    for group in 0..1000 {
        text.push_str(&format!("set address-group a{group} static b{group}\n"));
        text.push_str(&format!("set address-group b{group} static a{group}\n"));
    }
    assert_eq!(errors(&text).lines().count(), 50);
}
