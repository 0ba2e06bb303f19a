//! Addresses, groups, tags, services, schedules, categories, external lists.

use alloc::{format, string::String, string::ToString, vec, vec::Vec};

use super::{errors, last_line_is_wrong, range};
use crate::{
    Document, Sources, parse, parse_lenient, parse_with,
    typed::{AddressRange, Service, ServiceMatch, TimeSpan},
};

/// What the last list of addresses in a rule of `text` stands for.
fn source(objects: &str, source: &str) -> Vec<AddressRange> {
    let text = format!("{objects}\nset rulebase security rules r source {source}");
    parse(&text, "x.set").unwrap().rules[0].source.clone()
}

#[test]
fn addresses_of_every_kind() {
    let objects = "\
        set tag red color color1 comments \"for tests\"\n\
        set address net ip-netmask 10.0.0.9/24 tag red description x\n\
        set address range ip-range 10.0.1.1-10.0.1.9\n\
        set address wild ip-wildcard 10.0.0.1/0.0.3.0";
    for (list, expected) in [
        ("net", vec![range("10.0.0.0", "10.0.0.255")]),
        ("[ range 10.0.1.0/31 ]", vec![range("10.0.1.1", "10.0.1.9"), range("10.0.1.0", "10.0.1.1")]),
        (
            "wild",
            vec![
                range("10.0.0.1", "10.0.0.1"),
                range("10.0.1.1", "10.0.1.1"),
                range("10.0.2.1", "10.0.2.1"),
                range("10.0.3.1", "10.0.3.1"),
            ],
        ),
    ] {
        assert_eq!(source(objects, list), expected, "{list}");
    }
}

#[test]
fn groups_are_merged_and_nest_to_any_depth() {
    let mut objects = String::from(
        "set address a ip-netmask 10.0.0.0/25\nset address b ip-netmask 10.0.0.128/25\n\
         set address c ip-range 10.0.0.77-10.0.0.99\nset address d ip-netmask 2001:db8::/64\n\
         set address-group g0 static [ a b c d ]\n",
    );
    for level in 1..200 {
        objects.push_str(&format!("set address-group g{level} static [ g{} ]\n", level - 1));
    }
    let all = vec![range("10.0.0.0", "10.0.0.255"), range("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff")];
    assert_eq!(source(&objects, "g0"), all);
    assert_eq!(source(&objects, "g199"), all);
}

#[test]
fn dynamic_groups_follow_the_tags() {
    let objects = "\
        set tag web\nset tag old\n\
        set address a ip-netmask 10.0.0.1 tag web\n\
        set address b ip-netmask 10.0.0.2 tag [ old web ]\n\
        set address c ip-netmask 10.0.0.9\n\
        set address-group new dynamic filter \"'web' and not 'old'\"\n\
        set address-group any-web dynamic filter web\n\
        set address-group untagged dynamic filter \"not ('web' or 'old')\"\n\
        set address-group all static [ any-web untagged ]";
    assert_eq!(source(objects, "new"), [range("10.0.0.1", "10.0.0.1")]);
    assert_eq!(source(objects, "any-web"), [range("10.0.0.1", "10.0.0.2")]);
    assert_eq!(source(objects, "untagged"), [range("10.0.0.9", "10.0.0.9")]);
    assert_eq!(source(objects, "all"), [range("10.0.0.1", "10.0.0.2"), range("10.0.0.9", "10.0.0.9")]);
}

#[test]
fn a_group_without_members_disables_its_rule() {
    let text = "set tag t\nset address-group none dynamic filter t\n\
                set rulebase security rules r source none action allow";
    let read = parse_with(text, "x.set", &Sources::new()).unwrap();
    assert!(read.config.rules[0].disabled && read.config.rules[0].source.is_empty());
    let warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["x.set:3: rulebase security rules r source: the list is empty: the rule is for nothing"]
    );
}

#[test]
fn a_tag_that_is_not_defined_counts_and_is_told() {
    let mut text = String::from("set tag blue\nset address-group g dynamic filter bleu\n");
    for number in 0..30 {
        text.push_str(&format!("set address a{number} ip-netmask 10.0.0.{number} tag bleu\n"));
    }
    text.push_str("set rulebase security rules r source g");
    let read = parse_with(&text, "x.set", &Sources::new()).unwrap();
    assert_eq!(read.config.rules[0].source, [range("10.0.0.0", "10.0.0.29")]);
    let warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[0], "x.set:1: tag: 10 more uses of tags that are not defined");
    assert_eq!(warnings[1], "x.set:3: address a0 tag: unknown tag `bleu`; did you mean `blue`?");
}

#[test]
fn addresses_that_do_not_fit() {
    last_line_is_wrong(
        "",
        &[
            (
                "set address a fqdn www.example.com",
                "address a fqdn: not supported: `fqdn`; `www.example.com` is not resolved, so nothing \
                 matches it",
            ),
            (
                "set address a ip-wildcard 10.0.0.1/0.255.255.1",
                "address a ip-wildcard: `10.0.0.1/0.255.255.1` is not accepted; expected an address and a \
                 mask of free bits, like `10.0.0.1/0.0.255.0`",
            ),
            (
                "set address-group g static [ x ]",
                "address-group g static: unknown address object or group `x`; accepted here: `g`",
            ),
            ("set address-group g static [ ]", "address-group g: a group needs members, or a filter"),
            (
                "set address x ip-netmask 10.0.0.1\nset address-group x static x",
                "address-group x: an address object is called `x` too",
            ),
            (
                "set tag t\nset address-group g dynamic filter \"'t' or\"",
                "address-group g dynamic filter: the filter at character 7: expected a tag",
            ),
            (
                "set address-group g dynamic filter t static x",
                "address-group g: a group is either `static` or `dynamic`",
            ),
            (
                "set address-group a static b\nset address-group b static c\nset address-group c static b",
                "address-group c static: `b` holds itself: `b` holds `c` holds `b`",
            ),
            ("set address-group a static a", "address-group a static: `a` holds itself: `a` holds `a`"),
        ],
    );
}

#[test]
fn what_is_missing_in_a_group_never_widens_a_rule() {
    let text = "\
        set address a ip-netmask 10.0.0.1\n\
        set address name fqdn www.example.com\n\
        set address-group part static [ a name ]\n\
        set address-group outer static part\n\
        set address-group loop static [ a loop ]\n\
        set rulebase security rules plain source outer action allow\n\
        set rulebase security rules negated source outer negate-source yes action allow\n\
        set rulebase security rules lost source name action allow\n\
        set rulebase security rules looping source loop action allow\n";
    let read = parse_lenient(text, "x.set").unwrap();
    let rules: Vec<(&str, bool, usize)> =
        read.config.rules.iter().map(|rule| (rule.name.as_str(), rule.disabled, rule.source.len())).collect();
    assert_eq!(rules, [("plain", false, 1), ("negated", true, 1), ("lost", true, 0), ("looping", true, 0)]);
}

/// Names of the services of the one rule.
fn services(objects: &str, service: &str) -> Vec<String> {
    let text = format!("{objects}\nset rulebase security rules r service {service}");
    let rules = parse(&text, "x.set").unwrap().rules;
    let ServiceMatch::Services(services) = &rules[0].service else { panic!("services") };
    services.iter().map(|service: &Service| service.name.clone()).collect()
}

#[test]
fn service_groups() {
    let objects = "\
        set service a protocol tcp port 1 tag t\nset tag t\n\
        set service b protocol udp port 2\n\
        set service-group inner members [ b service-http ] tag t\n\
        set service-group outer members [ inner a b ]";
    assert_eq!(services(objects, "outer"), ["a", "b", "service-http"]);
    assert_eq!(services(objects, "[ inner a ]"), ["b", "service-http", "a"]);
    last_line_is_wrong(
        "service-group g",
        &[
            (
                "set service-group g members x",
                " members: unknown service or service group `x`; accepted \
                                               here: `service-http`, `service-https`, `g`",
            ),
            (
                "set service g protocol tcp port 1\nset service-group g members g",
                ": a service is called `g` too",
            ),
            ("set service-group g members g", " members: `g` holds itself: `g` holds `g`"),
        ],
    );
}

#[test]
fn schedules() {
    let text = "\
        set schedule night schedule-type recurring daily [ 22:00-06:00 12:00-13:00 ]\n\
        set schedule work schedule-type recurring weekly monday 08:00-17:00\n\
        set schedule work schedule-type recurring weekly sunday [ 09:00-10:00 ]\n\
        set schedule once schedule-type non-recurring 1970/01/02@00:00-1970/01/02@00:01\n\
        set rulebase security rules a schedule night\n\
        set rulebase security rules b schedule work\n\
        set rulebase security rules c schedule once\n\
        set rulebase security rules d";
    let rules = parse(text, "x.set").unwrap().rules;
    let spans: Vec<Vec<TimeSpan>> =
        rules.iter().map(|rule| rule.schedule.clone().map(|own| own.spans).unwrap_or_default()).collect();
    let daily = |from, until| TimeSpan::Recurring { days: 0x7f, from, until };
    assert_eq!(spans[0], [daily(1320, 360), daily(720, 780)]);
    assert_eq!(
        spans[1],
        [
            TimeSpan::Recurring { days: 1, from: 480, until: 1020 },
            TimeSpan::Recurring { days: 0x40, from: 540, until: 600 }
        ]
    );
    assert_eq!(spans[2], [TimeSpan::Once { from: 86_400, until: 86_460 }]);
    assert_eq!(spans[3], []);
    last_line_is_wrong(
        "schedule s",
        &[
            ("set schedule s schedule-type recurring daily", ": a schedule needs times"),
            (
                "set schedule s schedule-type recurring daily 8-9",
                " schedule-type recurring daily: `8-9` is not accepted; expected times of day like \
                 `08:00-17:30`, from 00:00 to 24:00",
            ),
            (
                "set schedule s schedule-type recurring daily 08:00-09:00\n\
                 set schedule s schedule-type recurring weekly monday 08:00-09:00",
                " schedule-type recurring weekly: a schedule is `daily`, `weekly` or `non-recurring`",
            ),
        ],
    );
}

#[test]
fn categories() {
    let text = "\
        set profiles custom-url-category shops list [ *.shop.example Market.Example/ ] type \"URL List\"\n\
        set rulebase security rules a category shops";
    let config = parse(text, "x.set").unwrap();
    assert_eq!(config.categories[0].hosts, ["*.shop.example", "market.example"]);
    assert_eq!(config.rules[0].category, [0]);
    assert_eq!(
        errors("set profiles custom-url-category a list example.com/x"),
        "x.set:1: profiles custom-url-category a list: not supported: `example.com/x`; an entry is a host \
         name without path and port, `*` only as its first label"
    );
    assert_eq!(
        errors("set rulebase security rules r category gambling"),
        "x.set:1: rulebase security rules r category: unknown URL category `gambling`"
    );
}

const LISTS: &str = "\
    set external-list bad type ip url file:///lists/bad.txt recurring five-minute\n\
    set external-list sites type url url file:///lists/sites.txt description x\n\
    set external-list names type domain url file:///lists/names.txt recurring daily at 03\n\
    set rulebase security rules a source bad category sites";

#[test]
fn external_lists_come_from_outside() {
    let wanted = Document::parse(LISTS, "x.set").unwrap().sources_wanted();
    let paths: Vec<(&str, Option<&str>, u32)> =
        wanted.iter().map(|own| (own.list.as_str(), own.path(), own.line)).collect();
    assert_eq!(
        paths,
        [
            ("bad", Some("/lists/bad.txt"), 1),
            ("sites", Some("/lists/sites.txt"), 2),
            ("names", Some("/lists/names.txt"), 3)
        ]
    );
    let mut sources = Sources::new();
    sources.insert(
        "file:///lists/bad.txt",
        "# header\r\n10.0.0.1\n10.1.0.0/16 ; spam\n\n10.0.0.2-10.0.0.9 # more\nnonsense\n2001:db8::/32\n"
            .into(),
    );
    sources.insert("file:///lists/sites.txt", "*.example.com/\nexample.org/path\n".into());
    sources.insert("file:///lists/names.txt", "example.net\n".into());
    let read = parse_with(LISTS, "x.set", &sources).unwrap();
    assert_eq!(
        read.config.rules[0].source,
        [
            range("10.0.0.1", "10.0.0.9"),
            range("10.1.0.0", "10.1.255.255"),
            range("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff")
        ]
    );
    assert_eq!(read.config.categories[0].name, "sites");
    assert_eq!(read.config.categories[0].hosts, ["*.example.com"]);
    let warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "file:///lists/sites.txt:2: external-list sites type url url: `example.org/path` is not \
             accepted; expected a host name without path and port, `*` only as its first label",
            "file:///lists/bad.txt:6: external-list bad type ip url: `nonsense` is not accepted; expected an \
             address, a prefix or a range"
        ]
    );
}

#[test]
fn external_lists_that_do_not_fit() {
    last_line_is_wrong(
        "",
        &[
            (
                "set external-list l type ip url file:///a",
                "external-list l type ip url: the file `file:///a` cannot be read",
            ),
            (
                "set external-list l type ip url https://example.com/a",
                "external-list l type ip url: not supported: `https://example.com/a`; a list is a `file://` \
                 of this device",
            ),
            (
                "set external-list l",
                "external-list l: an external list needs `type ip url`, `type domain url` \
                                     or `type url url`",
            ),
            (
                "set external-list l type ip url file:///a type url url file:///b",
                "external-list l: an external list is of one type",
            ),
        ],
    );
}

#[test]
fn one_virtual_system_whatever_its_name() {
    let zones = |text: &str| parse(text, "x.set").unwrap().zones.len();
    assert_eq!(
        zones("set vsys gate zone a network layer3\nset config devices d vsys gate zone b network tap"),
        2
    );
    assert_eq!(
        errors("set vsys a zone x network layer3\nset vsys b zone y network layer3"),
        "x.set:2: vsys: not supported: a second virtual system, `b`"
    );
    assert_eq!(
        errors("set shared address a ip-netmask 10.0.0.1\nset vsys v address a ip-netmask 10.0.0.2"),
        "x.set:2: address: `a` stands in `shared` and in the virtual system"
    );
}
