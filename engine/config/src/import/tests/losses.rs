//! What becomes of an entry that loses a statement.

use alloc::{format, string::String};

use super::{imported, left_out, lines};
use crate::import::{Changed, Effect, Import};

const ZONES: &str = "set zone in network layer3\nset zone out network layer3\n";

/// Imports one security rule with these settings, after these objects.
fn rule(objects: &str, settings: &[&str]) -> Import {
    let mut text = format!("{ZONES}{objects}");
    for setting in settings {
        text.push_str(&format!("set rulebase security rules r {setting}\n"));
    }
    imported(&text)
}

fn is_disabled(import: &Import) -> bool {
    lines(import, "rulebase security rules r disabled") == ["rulebase security rules r disabled yes"]
}

#[test]
fn a_rule_that_loses_a_condition_is_disabled() {
    for condition in [
        "from nowhere",
        "to [ nowhere nobody ]",
        "source fqdn-object",
        "destination 192.0.2.300",
        "application no-such-thing",
        "service no-such-thing",
        "source-hip some-profile",
        "category no-such-thing",
        "schedule no-such-thing",
        "target devices 0123",
        "frobnicate 7",
        "source [ ]",
        "action perhaps",
        "rule-type sometimes",
        "disabled perhaps",
    ] {
        let objects = "set address fqdn-object fqdn www.example.com\n";
        let import = rule(objects, &["log-end no", condition, "action allow"]);
        assert!(is_disabled(&import), "{condition}: {}", import.document.to_set());
        assert!(import.notes.iter().any(|note| note.changed == Changed::Disabled), "{condition}");
        assert!(lines(&import, "rulebase security rules r log-end").len() == 1, "the rest of it is kept");
    }
}

#[test]
fn what_is_no_condition_disables_nothing() {
    for setting in [
        "tag no-such-tag",
        "profile-setting profiles virus no-such-profile",
        "log-setting nowhere",
        "qos marking ip-dscp af11",
        "option disable-server-response-inspection yes",
        "target negate no",
        "log-start perhaps",
    ] {
        let import = rule("", &["from in", setting, "action allow"]);
        assert!(!is_disabled(&import), "{setting}: {}", import.document.to_set());
    }
}

/// Fewer addresses are less traffic: an allowing rule becomes stricter, a blocking one looser, and blocking
/// something is better than blocking nothing.
#[test]
fn a_list_that_has_members_left_stays() {
    for (action, effect) in [("allow", Effect::Stricter), ("drop", Effect::Looser), ("deny", Effect::Looser)]
    {
        let action = format!("action {action}");
        let import = rule("", &["source [ 192.0.2.1 nobody ]", &action]);
        assert!(!is_disabled(&import));
        assert_eq!(left_out(&import), [(3, "unknown-name")]);
        assert_eq!(import.left_out[0].effect, effect);
        assert_eq!(
            lines(&import, "rulebase security rules r source"),
            ["rulebase security rules r source 192.0.2.1"]
        );
    }
}

#[test]
fn a_list_of_exceptions_must_be_whole() {
    let import = rule("", &["source [ 192.0.2.1 nobody ]", "negate-source yes", "action allow"]);
    assert!(is_disabled(&import));
    let groups = "set address h ip-netmask 192.0.2.1\n\
                  set address-group g static [ h nobody ]\n\
                  set address-group above static [ g ]\n";
    for group in ["g", "above"] {
        let source = format!("source {group}");
        assert!(!is_disabled(&rule(groups, &[&source, "action allow"])), "{group}");
        let import = rule(groups, &[&source, "negate-source yes", "action allow"]);
        assert!(is_disabled(&import), "{group}: {}", import.document.to_set());
        assert!(!is_disabled(&rule(groups, &[&source, "negate-source no", "action allow"])), "{group}");
    }
}

#[test]
fn a_rule_of_which_nothing_is_left_is_seen_where_it_stood() {
    let text = format!(
        "{ZONES}set rulebase security rules a from nowhere\nset rulebase security rules b from in\n\
         set rulebase nat rules n frobnicate yes\n"
    );
    let import = imported(&text);
    let expected = ["a disabled yes", "b from in"].map(|rule| format!("rulebase security rules {rule}"));
    assert_eq!(lines(&import, "rulebase security rules"), expected);
    assert_eq!(lines(&import, "rulebase nat rules"), ["rulebase nat rules n disabled yes"]);
}

#[test]
fn a_rule_that_was_enabled_in_so_many_words_is_not() {
    let import = rule("", &["from nowhere", "disabled no", "action allow"]);
    assert!(is_disabled(&import));
    assert_eq!(left_out(&import), [(3, "unknown-name"), (4, "rule-disabled")]);
    let import = rule("", &["from nowhere", "disabled yes", "action allow"]);
    assert!(is_disabled(&import));
    assert_eq!(import.notes, [], "it was disabled before");
}

#[test]
fn translation_that_loses_its_pool_is_disabled() {
    let text = format!(
        "{ZONES}set rulebase nat rules n from in to out source any destination any\n\
         set rulebase nat rules n source-translation dynamic-ip-and-port translated-address nobody\n"
    );
    let import = imported(&text);
    assert_eq!(lines(&import, "rulebase nat rules n disabled"), ["rulebase nat rules n disabled yes"]);
}

#[test]
fn an_object_that_would_match_more_goes() {
    for (objects, setting, gone) in [
        (
            "set service s protocol tcp port 80\nset service s protocol tcp source-port x\n",
            "service s",
            "service s",
        ),
        (
            "set address-group a static 192.0.2.1\nset address-group a frobnicate yes\n",
            "source a",
            "address-group a",
        ),
        (
            "set application-filter f risk 5\nset application-filter f frobnicate yes\n",
            "application f",
            "application-filter f",
        ),
    ] {
        let import = rule(objects, &[setting, "action allow"]);
        assert_eq!(lines(&import, gone), [] as [String; 0], "{}", import.document.to_set());
        assert!(is_disabled(&import), "{gone}");
        assert!(left_out(&import).contains(&(3, "entry-not-complete")), "{:?}", left_out(&import));
    }
}

#[test]
fn interfaces_and_zones_stay_without_what_is_left_out() {
    let text = "set network interface ethernet ethernet1/1 layer3 dhcp-client enable yes\n\
                set zone in network layer3 ethernet1/1\n\
                set zone vpn network layer3 tunnel.1\n\
                set rulebase security rules r from vpn\n\
                set rulebase security rules r to in\n";
    let import = imported(text);
    assert_eq!(left_out(&import), [(1, "not-supported"), (3, "unknown-name")]);
    assert_eq!(import.notes, []);
    assert_eq!(lines(&import, "zone vpn").len(), 1);
}

#[test]
fn groups_that_go_round_names_twice_and_names_of_nothing_are_left_out() {
    let text = "\
set address-group a static b
set address-group b static a
set address twice ip-netmask 192.0.2.1
set address-group twice static twice
set service-group s members s
set application-group p members q
set application-group q members p
set rulebase security rules r source a
set rulebase security rules r service s
set rulebase security rules r application p
set rulebase security rules r action allow
";
    let import = imported(text);
    assert!(is_disabled(&import), "{}", import.document.to_set());
    assert!(lines(&import, "service-group").is_empty());
    let codes = left_out(&import);
    for line in [8, 9, 10] {
        assert!(codes.iter().any(|(at, _)| *at == line), "line {line} in {codes:?}");
    }
}
