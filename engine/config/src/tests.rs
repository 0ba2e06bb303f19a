//! Whole configurations: what they mean, and what is said of the wrong ones.

mod applications;
mod forwarding;
mod limits;
mod nat;
mod network;
mod objects;
mod pair;
mod protection;
mod routing;
mod rules;

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use bifrons_catalog::app;
use bifrons_model::Action;

use crate::{
    Config, parse, parse_lenient,
    typed::{AddressRange, DefaultRule, LimitBehavior, RouteTarget, RuleType, ServiceMatch, TimeoutOverride},
};

const GATE: &str = r#"
# A gate between two networks.
set deviceconfig system hostname gate-1
set deviceconfig setting session timeout-tcp 7200 timeout-udp 45
deviceconfig setting session resource-limit-behavior bypass
set deviceconfig setting tcp asymmetric-path bypass urgent-data oobinline
set network interface ethernet ethernet1/1 layer3 ip [ 10.0.0.1/24 10.0.1.1/24 ]
set network interface ethernet ethernet1/1 layer3 ipv6 address 2001:db8::1/64
set network interface ethernet ethernet1/2 layer3 ip uplink
set network virtual-router default interface [ ethernet1/1 ethernet1/2 ]
set network virtual-router default routing-table ip static-route out destination 0.0.0.0/0
set network virtual-router default routing-table ip static-route out nexthop ip-address 192.0.2.254
set network virtual-router default routing-table ipv6 static-route out6 destination ::/0 interface ethernet1/2
set network profiles zone-protection-profile loose tcp-reject-non-syn no asymmetric-path global
set zone trust network layer3 ethernet1/1
set zone untrust network layer3 [ ethernet1/2 ] zone-protection-profile loose
set address uplink ip-netmask 192.0.2.1/24
set shared address "web servers" ip-range 198.51.100.1-198.51.100.9
set address host ip-netmask 198.51.100.77
set vsys vsys1 address-group inner static [ host ]
set address-group outer static [ inner "web servers" ]
set service dns protocol udp port 53,5353 source-port 1024-65535 override yes timeout 10
set service slow protocol tcp port 9000-9010 override yes halfclose-timeout 300
set rulebase security rules web from trust to untrust source any destination [ outer 203.0.113.0/24 ]
set rulebase security rules web application [ web-browsing ssl ] service application-default action allow
set rulebase security rules web log-start yes
set rulebase security rules web description "what people do all day"
set rulebase security rules odd from any to any source 10.0.0.5 negate-source yes destination any
set rulebase security rules odd application any service [ service-http dns slow ] action drop
set rulebase security rules odd icmp-unreachable yes rule-type interzone log-end no disabled yes
set rulebase default-security-rules rules interzone-default action reset-both log-end yes
"#;

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: first.parse().unwrap(), last: last.parse().unwrap() }
}

#[test]
fn a_gate_device_and_network() {
    let config = parse(GATE, "gate.set").unwrap();
    assert_eq!(config.hostname, "gate-1");
    assert_eq!((config.session.timeout_tcp, config.session.timeout_udp), (7200, 45));
    assert_eq!(config.session.timeout_icmp, 6);
    assert_eq!(config.session.resource_limit_behavior, LimitBehavior::Bypass);
    assert!(config.tcp.asymmetric_path_bypass && !config.tcp.clear_urgent && config.tcp.drop_zero_flag);
    let addresses: Vec<Vec<String>> = config
        .interfaces
        .iter()
        .map(|interface| {
            interface.addresses.iter().map(|prefix| format!("{}/{}", prefix.address, prefix.length)).collect()
        })
        .collect();
    assert_eq!(addresses, [vec!["10.0.0.1/24", "10.0.1.1/24", "2001:db8::1/64"], vec!["192.0.2.1/24"]]);
    let routes: Vec<(&str, RouteTarget)> =
        config.routes.iter().map(|route| (route.name.as_str(), route.next_hop)).collect();
    let out = RouteTarget::Gateway { address: "192.0.2.254".parse().unwrap(), interface: 1 };
    assert_eq!(routes, [("out", out), ("out6", RouteTarget::Interface(1))]);
    let zones: Vec<_> = config
        .zones
        .iter()
        .map(|zone| (&*zone.name, &*zone.interfaces, zone.tcp_reject_non_syn, zone.asymmetric_path_bypass))
        .collect();
    assert_eq!(zones, [("trust", &[0][..], None, None), ("untrust", &[1][..], Some(false), None)]);
}

#[test]
fn a_next_hop_leads_out_of_the_nearest_network() {
    let text = "\
        set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/8\n\
        set network interface ethernet ethernet1/2 layer3 ip 10.1.0.1/16\n\
        set network interface ethernet ethernet1/3 layer3 ip 10.1.0.2/16\n\
        set address router ip-netmask 10.2.0.9\n\
        set network virtual-router v routing-table ip static-route near destination 192.0.2.0/24\n\
        set network virtual-router v routing-table ip static-route near nexthop ip-address 10.1.0.9\n\
        set network virtual-router v routing-table ip static-route far destination 198.51.100.0/24\n\
        set network virtual-router v routing-table ip static-route far nexthop ip-address router\n";
    let config = parse(text, "x.set").unwrap();
    let ways: Vec<RouteTarget> = config.routes.iter().map(|route| route.next_hop).collect();
    let gateway =
        |address: &str, interface| RouteTarget::Gateway { address: address.parse().unwrap(), interface };
    assert_eq!(ways, [gateway("10.1.0.9", 1), gateway("10.2.0.9", 0)]);
}

#[test]
fn a_gate_rules() {
    let config = parse(GATE, "gate.set").unwrap();
    let [web, odd] = config.rules.as_slice() else { panic!("two rules") };
    assert_eq!((&*web.name, &web.from, &web.to, web.action), ("web", &vec![0], &vec![1], Action::Allow));
    assert_eq!(
        web.destination,
        [
            range("198.51.100.1", "198.51.100.9"),
            range("198.51.100.77", "198.51.100.77"),
            range("203.0.113.0", "203.0.113.255")
        ]
    );
    assert_eq!(web.application, [app::WEB_BROWSING, app::SSL]);
    assert_eq!(web.service, ServiceMatch::ApplicationDefault);
    assert_eq!((web.log_start, web.log_end, web.rule_type), (true, true, RuleType::Universal));
    assert_eq!(web.description, "what people do all day");
    assert_eq!((odd.from.len(), odd.to.len(), odd.application.len()), (0, 0, 0));
    assert_eq!((odd.negate_source, odd.negate_destination, odd.disabled), (true, false, true));
    assert_eq!((odd.action, odd.icmp_unreachable, odd.log_end), (Action::Drop, true, false));
    assert_eq!(odd.rule_type, RuleType::Interzone);
    let ServiceMatch::Services(services) = &odd.service else { panic!("services") };
    let [http, dns, slow] = services.as_slice() else { panic!("three services") };
    assert_eq!((http.protocol, &*http.ports), (6, &[(80, 80), (8080, 8080)][..]));
    assert_eq!(
        (dns.protocol, &*dns.ports, &*dns.source_ports),
        (17, &[(53, 53), (5353, 5353)][..], &[(1024, 65_535)][..])
    );
    assert_eq!(dns.timeouts, TimeoutOverride { timeout: Some(10), half_closed: None, time_wait: None });
    assert_eq!(
        slow.timeouts,
        TimeoutOverride { timeout: Some(3600), half_closed: Some(300), time_wait: Some(15) }
    );
    assert_eq!(config.intrazone_default, DefaultRule::default());
    assert_eq!(
        config.interzone_default,
        DefaultRule { action: Some(Action::ResetBoth), log_end: true, ..DefaultRule::default() }
    );
}

#[test]
fn later_lines_add_replace_take_back_and_move() {
    let rules = |lines: &str| {
        let zones = "zone a network layer3\nzone b network layer3\n";
        let config = parse(&format!("{zones}{lines}"), "x.set").unwrap();
        config.rules.into_iter().map(|rule| (rule.name, rule.from, rule.action)).collect::<Vec<_>>()
    };
    let rule = "rulebase security rules";
    assert_eq!(
        rules(&format!("set {rule} r from a action drop\nset {rule} r from b\nset {rule} r action allow")),
        [("r".into(), vec![0, 1], Action::Allow)]
    );
    assert_eq!(
        rules(&format!(
            "set {rule} r from [ a b ] action drop\ndelete {rule} r from a\ndelete {rule} r action"
        )),
        [("r".into(), vec![1], Action::Deny)]
    );
    assert_eq!(rules(&format!("set {rule} r from a\ndelete vsys vsys1 {rule} r")), []);
    let moved = rules(&format!(
        "set {rule} one\nset {rule} two\nset {rule} three\nmove {rule} three top\nmove {rule} one after two"
    ));
    assert_eq!(moved.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["three", "two", "one"]);
}

/// What is wrong with `text`, one message a line.
fn errors(text: &str) -> String {
    let errors = parse(text, "x.set").expect_err("the text is wrong");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn wrong_lines() {
    for (text, expected) in [
        (
            "set deviceconfig setting session timeout-tcp 0",
            "x.set:1: deviceconfig setting session timeout-tcp: `0` is not accepted; expected seconds \
             from 1 to \
             15,999,999",
        ),
        (
            "set deviceconfig setting session timeot-tcp 10",
            "x.set:1: deviceconfig setting session: not supported: `timeot-tcp`; did you mean `timeout-tcp`?",
        ),
        (
            "set deviceconfig setting ctd x",
            "x.set:1: deviceconfig setting: not supported: `ctd`; accepted here: `session`, `tcp`, \
             `application`, `nat`",
        ),
        (
            "set deviceconfig setting tcp asymmetric-path bypas",
            "x.set:1: deviceconfig setting tcp asymmetric-path: `bypas` is not accepted; expected `drop` or \
             `bypass`; did you mean `bypass`?",
        ),
        (
            "\n\nset deviceconfig system hostname",
            "x.set:3: deviceconfig system hostname: a value is missing; expected 1 to 63 letters, digits, \
             `-`, \
             `_` and `.`",
        ),
        (
            "set deviceconfig setting tcp drop-zero-flag [ yes no ]",
            "x.set:1: deviceconfig setting tcp drop-zero-flag: 2 values where one is expected",
        ),
        (
            "set network interface ethernet eth0 layer3 ip 10.0.0.1/24",
            "x.set:1: network interface ethernet: `eth0` is not accepted; expected a name like `ethernet1/1`",
        ),
        ("set zone \"a network", "x.set:1: a quotation mark is not closed on this line"),
        ("set zone a network layer3 [ b", "x.set:1: a `[` is not closed on this line"),
        ("delete zone a", "x.set:1: zone a: there is nothing of that name"),
        (
            "move rulebase security rules a",
            "x.set:1: rulebase security rules a: a value is missing; expected an entry, then `top`, \
             `bottom`, \
             `before NAME` or `after NAME`",
        ),
        (
            "set rulebase security rules a schedule nights",
            "x.set:1: rulebase security rules a schedule: unknown schedule `nights`",
        ),
        (
            "set vsys vsys2 zone a network layer3\nset vsys vsys3 zone b network layer3",
            "x.set:2: vsys: not supported: a second virtual system, `vsys3`",
        ),
    ] {
        assert_eq!(errors(text), expected);
    }
}

/// After lines that make `ethernet1/1` and put it into the zone `trust`, the last line of each text has
/// this mistake. The message goes on from `above`.
fn last_line_is_wrong(above: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let text = format!(
            "set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/24\n\
             set zone trust network layer3 ethernet1/1\n{text}"
        );
        let number = text.lines().count();
        assert_eq!(errors(&text), format!("x.set:{number}: {above}{expected}"), "{text}");
    }
}

#[test]
fn zones_that_do_not_fit() {
    last_line_is_wrong(
        "zone dmz network ",
        &[
            (
                "set zone dmz network layer3 ethernet1/1",
                "layer3: `ethernet1/1` belongs to zone `trust` already",
            ),
            (
                "set zone dmz network layer3 ethernet1/2",
                "layer3: unknown interface `ethernet1/2`; did you mean `ethernet1/1`?",
            ),
            (
                "set zone dmz network zone-protection-profile p",
                "zone-protection-profile: unknown zone protection profile `p`",
            ),
            (
                "set zone dmz network layer3\nset zone dmz network tap",
                "tap: a zone has interfaces of one kind: `layer3`, `tap` or `virtual-wire`",
            ),
        ],
    );
}

#[test]
fn rules_that_do_not_fit() {
    last_line_is_wrong(
        "rulebase security rules a ",
        &[
            ("rulebase security rules a from trsut", "from: unknown zone `trsut`; did you mean `trust`?"),
            ("rulebase security rules a source 10.0.0.0/33", "source: unknown address `10.0.0.0/33`"),
            (
                "rulebase security rules a application sssl",
                "application: unknown application `sssl`; did you mean `ssl`?",
            ),
            (
                "rulebase security rules a service htpp",
                "service: unknown service `htpp`; accepted here: `service-http`, `service-https`, `any`, \
                 `application-default`",
            ),
            ("rulebase security rules a to [ any trust ]", "to: `any` cannot stand beside other values"),
            (
                "rulebase security rules a service [ application-default service-http ]",
                "service: `application-default` cannot stand beside other values",
            ),
            ("rulebase security rules a from [ ]", "from: the list is empty: the rule is for nothing"),
            (
                "rulebase security rules a source any negate-source yes",
                "source: a negated list needs addresses: without them the rule is for nothing",
            ),
        ],
    );
}

#[test]
fn objects_that_do_not_fit() {
    last_line_is_wrong(
        "",
        &[
            (
                "set address-group g static h\nset address-group h static g",
                "address-group h static: `g` holds itself: `g` holds `h` holds `g`",
            ),
            (
                "set address a ip-netmask 10.0.0.1 ip-range 10.0.0.1-10.0.0.2",
                "address a: an address is one of `ip-netmask`, `ip-range`, `ip-wildcard` and `fqdn`",
            ),
            (
                "set address a description x",
                "address a: an address needs an `ip-netmask`, an `ip-range` or an `ip-wildcard`",
            ),
            (
                "set service any protocol tcp port 1",
                "service any: `any` has a meaning of its own and cannot be a name here",
            ),
            ("set service s protocol tcp source-port 1", "service s protocol tcp: a service needs a `port`"),
        ],
    );
}

#[test]
fn routes_that_do_not_fit() {
    last_line_is_wrong(
        "network virtual-router ",
        &[
            (
                "network virtual-router v routing-table ip static-route r destination 0.0.0.0/0",
                "v routing-table ip static-route r: a route needs an `interface`, or a `nexthop` in an \
                 interface's network",
            ),
            (
                "network virtual-router v routing-table ip static-route r destination ::/0 interface x",
                "v routing-table ip static-route r destination: `::/0` is not an IPv4 address",
            ),
            (
                "network virtual-router v routing-table ip static-route r destination 0.0.0.0/0 nexthop \
                 ip-address 192.0.2.1",
                "v routing-table ip static-route r nexthop ip-address: no interface's network holds the \
                 next hop `192.0.2.1`",
            ),
        ],
    );
}

#[test]
fn every_mistake_is_listed_up_to_fifty() {
    let text = "set deviceconfig setting session timeout-tcp x\nset zone a network layer3 b\nset nothing\n";
    assert_eq!(errors(text).lines().count(), 3);
    let errors = parse(&"set deviceconfig setting session timeout-tcp x\n".repeat(60), "x.set").unwrap_err();
    assert_eq!((errors.len(), errors[49].line), (50, 50));
}

#[test]
fn a_lenient_reading_never_widens_a_rule() {
    let text = "\
        set mgt-config users admin phash x\n\
        set zone trust network layer3 tunnel.1\n\
        set address cloud fqdn example.com\n\
        set address-group dynamic dynamic filter x\n\
        set rulebase security rules kept from trust application [ ssl facebook ] qos x\n\
        set rulebase security rules kept action allow profile-setting group default\n\
        set rulebase security rules kept action allow\n\
        set rulebase security rules empty application facebook action allow\n\
        set rulebase security rules user source-user joe action allow\n\
        set rulebase security rules timed schedule nights\n\
        set rulebase security rules negated source [ 10.0.0.1 cloud ] negate-source yes action allow\n\
        set rulebase security rules group source dynamic action allow\n\
        set rulebase security rules tagged tag x\n\
        set rulebase security rules tagged source 10.0.0.1 action allow\n\
        set rulebase security rules lost source cloud negate-source yes action allow\n";
    assert!(parse(text, "x.set").is_err());
    let read = parse_lenient(text, "x.set").unwrap();
    let rules: Vec<(&str, bool)> =
        read.config.rules.iter().map(|rule| (rule.name.as_str(), rule.disabled)).collect();
    assert_eq!(
        rules,
        [
            ("kept", true),
            ("empty", true),
            ("user", false),
            ("timed", true),
            ("negated", true),
            ("group", true),
            ("tagged", false),
            ("lost", true)
        ]
    );
    assert_eq!(read.config.rules[0].application, [app::SSL]);
    assert!(read.warnings.iter().any(|warning| warning.line == 2), "the tunnel is not known");
    assert!(read.warnings.is_sorted_by_key(|warning| warning.line));
    assert!(parse_lenient("set deviceconfig setting session timeout-tcp 0", "x.set").is_err());
}

#[test]
fn tap_judges_nothing_and_loses_nothing() {
    let config = parse(include_str!("tap.set"), "tap.set").unwrap();
    assert_eq!(config, Config::tap());
    let [interface] = config.interfaces.as_slice() else { panic!("one interface") };
    assert_eq!((&*interface.name, interface.addresses.len()), ("ethernet1/1", 0));
    let routes: Vec<(String, u8)> = config
        .routes
        .iter()
        .map(|route| (route.destination.address.to_string(), route.destination.length))
        .collect();
    assert_eq!(routes, [("0.0.0.0".into(), 0), ("::".into(), 0)]);
    let [zone] = config.zones.as_slice() else { panic!("one zone") };
    assert_eq!((&*zone.name, &*zone.interfaces), ("tap", &[0][..]));
    let [rule] = config.rules.as_slice() else { panic!("one rule") };
    assert_eq!(
        (&*rule.name, rule.action, rule.log_end, rule.log_start),
        ("any-any", Action::Allow, true, false)
    );
    assert!(rule.from.is_empty() && rule.source.is_empty() && rule.application.is_empty());
    let (session, tcp) = (&config.session, &config.tcp);
    assert!(!session.tcp_reject_non_syn && !session.strict_checksum && !session.tcp_strict_rst);
    assert!(session.icmp_error_own_session && !session.accelerated_aging_enable);
    assert_eq!(session.capacity, 1_048_576);
    assert!(tcp.asymmetric_path_bypass && tcp.bypass_exceed_oo_queue && tcp.allow_challenge_ack);
    assert!(
        !tcp.drop_zero_flag && !tcp.check_timestamp_option && !tcp.clear_urgent && !tcp.strip_mptcp_option
    );
}
