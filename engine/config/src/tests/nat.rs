//! Rules of address translation.

use alloc::{format, string::String, vec, vec::Vec};
use core::net::IpAddr;

use super::{errors, range};
use crate::{
    parse, parse_lenient,
    typed::{
        AddressRange, DestinationTranslation, DeviceBinding, Distribution, Fallback, NatKind, NatRule,
        ServiceMatch, SourceTranslation,
    },
};

const NETWORK: &str = "\
    set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/24\n\
    set network interface ethernet ethernet1/2 layer3 ip [ 198.51.100.1/24 198.51.100.9/24 ]\n\
    set network interface ethernet ethernet1/3 layer3\n\
    set zone trust network layer3 ethernet1/1\n\
    set zone untrust network layer3 [ ethernet1/2 ethernet1/3 ]\n\
    set address pool ip-range 198.51.100.16-198.51.100.31\n\
    set address server ip-netmask 10.0.0.80\n\
    set address-group servers static [ server server2 ]\n\
    set address server2 ip-netmask 10.0.0.82\n\
    set service-group web members [ service-http service-https ]\n";

/// The one rule `r`, made of `lines`.
fn rule(lines: &[&str]) -> NatRule {
    let lines: String = lines.iter().map(|line| format!("set rulebase nat rules r {line}\n")).collect();
    parse(&format!("{NETWORK}{lines}"), "x.set").unwrap().nat_rules.remove(0)
}

fn one(address: &str) -> AddressRange {
    range(address, address)
}

#[test]
fn what_a_rule_is_for() {
    let rule = rule(&[
        "from trust to untrust to-interface ethernet1/2 source [ 10.0.0.0/24 server ] destination any",
        "service web nat-type ipv4 active-active-device-binding primary description \"no change\"",
    ]);
    assert_eq!(
        (rule.kind, &*rule.from, &*rule.to, rule.to_interface),
        (NatKind::Ipv4, &[0][..], &[1][..], Some(1))
    );
    assert_eq!(rule.source, [range("10.0.0.0", "10.0.0.255"), one("10.0.0.80")]);
    assert_eq!(rule.destination, []);
    assert!(matches!(&rule.service, ServiceMatch::Services(services) if services.len() == 2));
    assert_eq!(
        (rule.binding, rule.disabled, &*rule.description),
        (DeviceBinding::Primary, false, "no change")
    );
    assert_eq!((rule.source_translation, rule.destination_translation), (None, None));
}

#[test]
fn sources() {
    let pool = |first: &str, last: &str| vec![range(first, last)];
    let port = |pool, persistent| Some(SourceTranslation::DynamicIpAndPort { pool, persistent });
    let outside = pool("198.51.100.16", "198.51.100.31");
    for (line, expected) in [
        ("dynamic-ip-and-port translated-address pool", port(outside.clone(), false)),
        (
            "persistent-dynamic-ip-and-port translated-address [ pool 198.51.100.16 ]",
            port(outside.clone(), true),
        ),
        (
            "dynamic-ip-and-port interface-address interface ethernet1/2",
            port(vec![one("198.51.100.1")], false),
        ),
        (
            "dynamic-ip-and-port interface-address interface ethernet1/2 ip 198.51.100.9/24",
            port(vec![one("198.51.100.9")], false),
        ),
        (
            "dynamic-ip-and-port interface-address interface ethernet1/2 floating-ip 198.51.100.77",
            port(vec![one("198.51.100.77")], false),
        ),
        (
            "dynamic-ip translated-address 203.0.113.0/25",
            Some(SourceTranslation::DynamicIp { pool: pool("203.0.113.0", "203.0.113.127"), fallback: None }),
        ),
        (
            "dynamic-ip translated-address 203.0.113.0/25 fallback translated-address pool",
            Some(SourceTranslation::DynamicIp {
                pool: pool("203.0.113.0", "203.0.113.127"),
                fallback: Some(Fallback { pool: outside.clone() }),
            }),
        ),
        (
            "dynamic-ip translated-address 203.0.113.0/25 fallback interface-address interface ethernet1/2",
            Some(SourceTranslation::DynamicIp {
                pool: pool("203.0.113.0", "203.0.113.127"),
                fallback: Some(Fallback { pool: vec![one("198.51.100.1")] }),
            }),
        ),
        (
            "static-ip translated-address 198.51.100.0/24 bi-directional yes",
            Some(SourceTranslation::StaticIp {
                translated: range("198.51.100.0", "198.51.100.255"),
                bidirectional: true,
            }),
        ),
    ] {
        let rule = rule(&["source 10.0.0.0/24", &format!("source-translation {line}")]);
        assert_eq!(rule.source_translation, expected, "{line}");
        assert!(!rule.disabled);
    }
}

#[test]
fn destinations() {
    let fixed = |translated, port| Some(DestinationTranslation::Static { translated, port });
    let servers: Vec<IpAddr> = ["10.0.0.80", "10.0.0.82"].map(|text| text.parse().unwrap()).to_vec();
    for (line, expected) in [
        ("destination-translation translated-address server", fixed(one("10.0.0.80"), None)),
        (
            "destination-translation translated-address 10.0.0.80 translated-port 8080",
            fixed(one("10.0.0.80"), Some(8080)),
        ),
        (
            "destination-translation translated-address 10.0.0.16-10.0.0.31",
            fixed(range("10.0.0.16", "10.0.0.31"), None),
        ),
        (
            "dynamic-destination-translation translated-address servers translated-port 80 \
             distribution ip-hash",
            Some(DestinationTranslation::Dynamic {
                servers: servers.clone(),
                port: Some(80),
                distribution: Distribution::IpHash,
            }),
        ),
        (
            "dynamic-destination-translation translated-address servers",
            Some(DestinationTranslation::Dynamic {
                servers,
                port: None,
                distribution: Distribution::RoundRobin,
            }),
        ),
    ] {
        let rule = rule(&["destination pool", line]);
        assert_eq!(rule.destination_translation, expected, "{line}");
    }
}

#[test]
fn between_the_families() {
    let rule64 = rule(&[
        "nat-type nat64 destination 64:ff9b::/96 source 2001:db8::/64",
        "source-translation dynamic-ip-and-port translated-address pool",
    ]);
    let Some(DestinationTranslation::Embedded { prefix }) = rule64.destination_translation else {
        panic!("embedded")
    };
    assert_eq!((rule64.kind, prefix.length), (NatKind::Nat64, 96));
    let rule46 = rule(&[
        "nat-type nat64 destination 198.51.100.80",
        "source-translation static-ip translated-address 64:ff9b::/96",
        "destination-translation translated-address 2001:db8::80 translated-port 80",
    ]);
    assert!(matches!(rule46.destination_translation, Some(DestinationTranslation::Static { .. })));
    let prefixes = rule(&[
        "nat-type nptv6 source fd00:1::/48",
        "source-translation static-ip translated-address 2001:db8:1::/48 bi-directional yes",
    ]);
    assert_eq!(prefixes.kind, NatKind::Nptv6);
}

/// What is wrong with a rule, without the path.
fn wrong(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("set rulebase nat rules r {line}\n")).collect();
    let text = errors(&format!("{NETWORK}{lines}"));
    let start = text.find("rules r").map_or(0, |place| place + "rules r".len());
    text.get(start..).unwrap_or_default().into()
}

#[test]
fn sources_that_do_not_fit() {
    let dipp = "source-translation dynamic-ip-and-port";
    for (lines, expected) in [
        (
            &["source-translation static-ip translated-address 198.51.100.0/24", "source 10.0.0.0/25"][..],
            " source-translation static-ip: `static-ip` needs as many translated addresses as the \
             source has: 128 and 256",
        ),
        (
            &["source-translation static-ip translated-address 198.51.100.5"],
            " source-translation static-ip: `static-ip` needs as many translated addresses as the \
             source has: 0 and 1",
        ),
        (
            &[
                "source-translation static-ip translated-address 198.51.100.5",
                &format!("{dipp} translated-address pool"),
            ],
            " source-translation static-ip: a source translation is of one type",
        ),
        (
            &[&format!("{dipp} translated-address 198.51.0.0/16")],
            " source-translation dynamic-ip-and-port translated-address: 65536 addresses, where at most 256 \
             may be",
        ),
        (
            &["source-translation dynamic-ip translated-address 198.50.0.0/16"],
            " source-translation dynamic-ip translated-address: 65536 addresses, where at most 32768 may be",
        ),
        (
            &[dipp],
            " source-translation dynamic-ip-and-port translated-address: the translation needs a \
             `translated-address`",
        ),
        (
            &[&format!("{dipp} translated-address nowhere")],
            " source-translation dynamic-ip-and-port translated-address: unknown address `nowhere`; accepted \
             here: `pool`, `server`, `server2`, `servers`",
        ),
        (
            &[&format!("{dipp} interface-address interface ethernet1/3")],
            " source-translation dynamic-ip-and-port interface-address interface: `ethernet1/3` has no \
             address",
        ),
        (
            &[&format!("{dipp} interface-address interface ethernet1/2 ip 10.0.0.1/24")],
            " source-translation dynamic-ip-and-port interface-address ip: `10.0.0.1/24` is not an address \
             of this interface",
        ),
        (
            &[&format!("{dipp} interface-address ip 10.0.0.1/24")],
            " source-translation dynamic-ip-and-port interface-address: an interface's address needs an \
             `interface`",
        ),
        (
            &[&format!("{dipp} translated-address 2001:db8::1")],
            ": a rule of type `ipv4` is for IPv4; 2001:db8::1 is not",
        ),
    ] {
        assert_eq!(wrong(lines), expected, "{lines:?}");
    }
}

#[test]
fn destinations_that_do_not_fit() {
    for (lines, expected) in [
        (
            &["destination 10.9.0.0/24", "destination-translation translated-address 10.0.0.0/25"][..],
            " destination-translation: a destination translation needs one address, or as many as the \
             destination has: 256 and 128",
        ),
        (
            &["dynamic-destination-translation translated-address 10.0.0.0/26"],
            " dynamic-destination-translation translated-address: 64 addresses, where at most 32 may be",
        ),
        (
            &[
                "destination-translation translated-address 10.0.0.1",
                "dynamic-destination-translation translated-address 10.0.0.1",
            ],
            " dynamic-destination-translation: a destination translation is of one type",
        ),
        (
            &["destination-translation translated-address 10.0.0.1 translated-port 0"],
            " destination-translation translated-port: `0` is not accepted; expected a number from 1 \
             to 65,535",
        ),
        (&["destination 2001:db8::1"], ": a rule of type `ipv4` is for IPv4; 2001:db8::1 is not"),
    ] {
        assert_eq!(wrong(lines), expected, "{lines:?}");
    }
}

#[test]
fn families_that_do_not_fit() {
    for (lines, expected) in [
        (
            &[
                "nat-type nptv6 source fd00:1::/48",
                "source-translation static-ip translated-address 2001:db8:1::/56",
            ][..],
            " source-translation static-ip: `static-ip` needs as many translated addresses as the \
             source has: 1208925819614629174706176 and 4722366482869645213696",
        ),
        (
            &[
                "nat-type nptv6 source fd00:1::/96",
                "source-translation static-ip translated-address 2001:db8:1::/96",
            ],
            ": `nptv6` needs one source prefix and a translated prefix of the same length, 32 to 64 bits",
        ),
        (
            &[
                "nat-type nptv6 source fd00:1::/48",
                "source-translation dynamic-ip translated-address 2001:db8::1",
            ],
            ": `nptv6` translates by `static-ip` only",
        ),
        (
            &[
                "nat-type nat64 destination 64:ff9b::/90",
                "source-translation dynamic-ip translated-address pool",
            ],
            ": `nat64` from IPv6 needs one destination prefix of 32, 40, 48, 56, 64 or 96 bits, or an IPv4 \
             destination translation",
        ),
        (
            &["nat-type nat64 destination 64:ff9b::/96"],
            ": `nat64` needs a source translation to IPv4 addresses",
        ),
        (
            &["nat-type nat64", "source-translation dynamic-ip translated-address pool"],
            ": `nat64` needs a destination, and source and destination of one family",
        ),
        (
            &["service application-default"],
            " service: such a rule is for services, not for `application-default`",
        ),
        (
            &["to-interface ethernet1/9"],
            " to-interface: unknown interface `ethernet1/9`; did you mean `ethernet1/1`?",
        ),
    ] {
        assert_eq!(wrong(lines), expected, "{lines:?}");
    }
}

#[test]
fn of_two_active_devices_each_has_its_own_dynamic_rules() {
    let pair = "set deviceconfig high-availability enabled yes\n\
                set deviceconfig high-availability group group-id 1 peer-ip 10.9.9.9\n\
                set deviceconfig high-availability group mode active-active device-id 0\n";
    let dynamic = "set rulebase nat rules r source-translation dynamic-ip-and-port translated-address pool\n";
    let text = |more: &str| format!("{NETWORK}{pair}{dynamic}{more}");
    let found = crate::Document::parse(&text(""), "x.set").unwrap().build().unwrap_err();
    assert!(
        found.iter().any(|error| format!("{error}").ends_with(
            "rulebase nat rules r: of two active devices each has its own dynamic translation: \
             `active-active-device-binding` must be `0` or `1`"
        )),
        "{found:?}"
    );
    let bound = "set rulebase nat rules r active-active-device-binding";
    for (binding, is_right) in [("0", true), ("1", true), ("both", false), ("primary", false)] {
        let read = parse_lenient(&text(&format!("{bound} {binding}")), "x.set").unwrap();
        assert_eq!(!read.config.nat_rules[0].disabled, is_right, "{binding}");
    }
    let passive = text("").replace("active-active device-id 0", "active-passive");
    assert!(!parse_lenient(&passive, "x.set").unwrap().config.nat_rules[0].disabled);
}

#[test]
fn a_rule_that_could_not_be_read_translates_nothing() {
    let rule = "set rulebase nat rules";
    let text = format!(
        "{NETWORK}{rule} r source-translation dynamic-ip-and-port translated-address nowhere\n\
         {rule} s destination-translation translated-address server dns-rewrite direction reverse"
    );
    let rules = parse_lenient(&text, "x.set").unwrap().config.nat_rules;
    assert_eq!(rules.iter().map(|rule| rule.disabled).collect::<Vec<_>>(), [true, true]);
    assert_eq!(rules[0].source_translation, None);
}
