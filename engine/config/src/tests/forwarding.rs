//! Policy-based forwarding rules.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::errors;
use crate::{
    Document, parse, parse_lenient,
    typed::{
        DeviceBinding, ForwardingAction, ForwardingMonitor, ForwardingRule, ForwardingSource, SymmetricReturn,
    },
};

const NETWORK: &str = "\
    set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/24\n\
    set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/24\n\
    set network interface ethernet ethernet1/3 virtual-wire\n\
    set zone in network layer3 ethernet1/1\n\
    set network profiles monitor-profile fast interval 2 action fail-over\n";
const RULE: &str = "rulebase pbf rules r";

fn rule(lines: &[&str]) -> ForwardingRule {
    let mut text = String::from(NETWORK);
    for line in lines {
        text.push_str(&format!("set {RULE} {line}\n"));
    }
    parse(&text, "x.set").unwrap().forwarding_rules[0].clone()
}

#[test]
fn a_rule_with_everything() {
    let own = rule(&[
        "from zone in source 10.0.0.0/24 negate-source yes application ssl source-user acme\\joe",
        "action forward egress-interface ethernet1/2 nexthop ip-address 192.0.2.9",
        "action forward monitor profile fast disable-if-unreachable yes",
        "enforce-symmetric-return enabled yes nexthop-address-list [ 10.0.0.8 10.0.0.9 ]",
        "active-active-device-binding 1 description x",
    ]);
    let monitor = ForwardingMonitor {
        address: [192, 0, 2, 9].into(),
        interval: 2,
        threshold: 5,
        fail_over: true,
        disable_if_unreachable: true,
    };
    let action = ForwardingAction::Forward {
        interface: 1,
        next_hop: Some([192, 0, 2, 9].into()),
        monitor: Some(monitor),
    };
    assert_eq!((own.from, own.action), (ForwardingSource::Zones(vec![0]), action));
    let next_hops = vec![[10, 0, 0, 8].into(), [10, 0, 0, 9].into()];
    assert_eq!(own.symmetric_return, Some(SymmetricReturn { next_hops }));
    assert_eq!((own.binding, own.negate_source, own.disabled), (DeviceBinding::Device(1), true, false));
    assert_eq!((own.source.len(), own.application.len(), own.source_user.len()), (1, 1, 1));
}

#[test]
fn other_actions_and_sources() {
    let own = rule(&["from interface [ ethernet1/2 ethernet1/1 ] action discard"]);
    assert_eq!(own.from, ForwardingSource::Interfaces(vec![1, 0]));
    assert_eq!(own.action, ForwardingAction::Discard);
    let own = rule(&["action no-pbf"]);
    assert_eq!((own.from, own.action), (ForwardingSource::default(), ForwardingAction::NoPbf));
    let own = rule(&["action forward egress-interface ethernet1/2"]);
    let action = ForwardingAction::Forward { interface: 1, next_hop: None, monitor: None };
    assert_eq!((own.action, own.symmetric_return), (action, None));
}

#[test]
fn rules_that_do_not_fit_are_for_nothing() {
    for (line, expected) in [
        ("from zone in", ": a forwarding rule needs an `action`"),
        (
            "from zone in action forward nexthop ip-address 192.0.2.9",
            " action forward: `forward` needs an `egress-interface`",
        ),
        (
            "action forward egress-interface ethernet1/2 nexthop ip-address 10.0.0.9",
            " action forward nexthop ip-address: no network of `ethernet1/2` holds the next hop `10.0.0.9`",
        ),
        (
            "action forward egress-interface ethernet1/3",
            " action forward egress-interface: `ethernet1/3` does not route: it is an end of a wire, or \
             leads \
             to the other device",
        ),
        (
            "action forward egress-interface ethernet1/2 monitor disable-if-unreachable yes",
            " action forward monitor: `monitor` needs an `ip-address` where the rule has no `nexthop`",
        ),
        (
            "action forward egress-interface ethernet1/2 nexthop ip-address 192.0.2.9 monitor profile slow",
            " action forward monitor profile: unknown monitor profile `slow`; accepted here: `fast`",
        ),
        (
            "action discard service application-default",
            " service: such a rule is for services, not for `application-default`",
        ),
        ("action discard from zone out", " from zone: unknown zone `out`; accepted here: `in`"),
    ] {
        let text = format!("{NETWORK}set {RULE} {line}");
        assert_eq!(errors(&text), format!("x.set:6: {RULE}{expected}"));
        assert!(parse_lenient(&text, "x.set").unwrap().config.forwarding_rules[0].disabled, "{line}");
    }
    let both =
        format!("{NETWORK}set {RULE} from zone in action discard\nset {RULE} from interface ethernet1/1");
    assert_eq!(
        errors(&both),
        format!("x.set:7: {RULE} from interface: traffic comes from zones or by interfaces")
    );
}

#[test]
fn a_new_action_takes_the_place_of_the_old_one_and_names_follow() {
    let text = format!(
        "{NETWORK}set {RULE} action forward egress-interface ethernet1/2 nexthop ip-address 192.0.2.9\n\
         set {RULE} action forward monitor profile fast\n"
    );
    let mut document = Document::parse(&text, "x.set").unwrap();
    document.rename("network profiles monitor-profile fast", "slow").unwrap();
    assert!(document.to_set().contains("monitor profile slow"));
    document.set(&format!("{RULE} action no-pbf")).unwrap();
    assert_eq!(document.build().unwrap().forwarding_rules[0].action, ForwardingAction::NoPbf);
}

#[test]
fn applications_that_show_too_late_are_told_of() {
    let warnings = |applications: &str| {
        let text = format!(
            "{NETWORK}set application own default ident-by-ip-protocol 99\n\
             set application other default port tcp/99\n\
             set {RULE} application {applications} action discard\n"
        );
        let read = Document::parse(&text, "x.set").unwrap().build_lenient().unwrap();
        read.warnings.iter().map(ToString::to_string).filter(|line| line.contains("pbf")).collect::<Vec<_>>()
    };
    assert!(warnings("any").is_empty());
    assert!(warnings("[ ping gre own ]").is_empty());
    let [some] = warnings("[ ping ssl ]").try_into().unwrap();
    assert!(some.ends_with("does not show ssl"), "{some}");
    let [none] = warnings("[ ssl dns-base ftp smtp other ]").try_into().unwrap();
    assert!(
        none.contains("does not show ssl, dns-base, ftp and 2 more: the rule is for no session"),
        "{none}"
    );
}
