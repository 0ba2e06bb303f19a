//! Custom applications, groups and filters.

use alloc::{format, string::String, vec, vec::Vec};

use bifrons_catalog::{self as catalog, CUSTOM_FIRST, app};
use bifrons_model::AppId;

use super::{errors, last_line_is_wrong};
use crate::{
    parse, parse_lenient,
    typed::{CustomApplication, PortPattern, Signature, SignatureCondition, SignatureTest},
};

const CUSTOM: &str = "\
    set application billing category business-systems subcategory erp-crm technology client-server risk 3\n\
    set application billing parent-app web-browsing default port [ tcp/80,8080-8081 udp/dynamic ]\n\
    set application billing tcp-timeout 900 udp-timeout 0\n\
    set application billing tcp-half-closed-timeout 30 tcp-time-wait-timeout 2\n\
    set application billing evasive-behavior yes description \"our own\"\n\
    set application billing signature s1 scope session order-free yes\n\
    set application billing signature s1 and-condition \"And Condition 1\" or-condition a operator \
    pattern-match context http-req-host-header pattern billing\\.example\n\
    set application billing signature s1 and-condition \"And Condition 1\" or-condition b operator \
    greater-than context http-req-content-length value 100\n\
    set application billing signature s1 and-condition c2 or-condition a operator less-than \
    context x value 7\n\
    set application billing signature s1 and-condition c2 or-condition b operator equal-to context \
    unknown-req-tcp position 4 mask 0xff00ff00 value 0x0a000b00\n\
    set application tunnel default ident-by-ip-protocol 99\n\
    set application pinger default ident-by-icmp-type type 8 code 0\n\
    set application pinger6 default ident-by-icmp6-type type 128\n\
    set application bare timeout 40\n\
    set application child parent-app bare\n";

#[test]
fn a_custom_application_with_all_it_may_have() {
    let config = parse(CUSTOM, "x.set").unwrap();
    let [billing, tunnel, pinger, pinger6, bare, child] = config.applications.as_slice() else {
        panic!("six applications")
    };
    let test = |text: &str| String::from(text);
    let expected = CustomApplication {
        name: "billing".into(),
        category: "business-systems".into(),
        subcategory: "erp-crm".into(),
        technology: "client-server".into(),
        risk: 3,
        parent: Some(app::WEB_BROWSING),
        ports: vec![PortPattern::Tcp(80, 80), PortPattern::Tcp(8080, 8081), PortPattern::Udp(0, 65_535)],
        udp_timeout: None,
        tcp_timeout: Some(900),
        tcp_half_closed_timeout: Some(30),
        tcp_time_wait_timeout: Some(2),
        signatures: vec![Signature {
            name: "s1".into(),
            scope_session: true,
            order_free: true,
            conditions: vec![
                SignatureCondition {
                    name: "And Condition 1".into(),
                    tests: vec![
                        SignatureTest::Pattern {
                            context: test("http-req-host-header"),
                            pattern: test("billing\\.example"),
                        },
                        SignatureTest::Greater { context: test("http-req-content-length"), value: 100 },
                    ],
                },
                SignatureCondition {
                    name: "c2".into(),
                    tests: vec![
                        SignatureTest::Less { context: test("x"), value: 7 },
                        SignatureTest::Equal {
                            context: test("unknown-req-tcp"),
                            position: 4,
                            mask: 0xff00_ff00,
                            value: 0x0a00_0b00,
                        },
                    ],
                },
            ],
        }],
    };
    assert_eq!(*billing, expected);
    assert_eq!(tunnel.ports, [PortPattern::Protocol(99)]);
    assert_eq!(pinger.ports, [PortPattern::Icmp(8, Some(0))]);
    assert_eq!(pinger6.ports, [PortPattern::Icmp6(128, None)]);
    assert_eq!((bare.udp_timeout, bare.tcp_timeout, bare.risk), (Some(40), Some(40), 1));
    assert_eq!(child.parent, Some(AppId(CUSTOM_FIRST + 4)));
}

/// The applications of the one rule.
fn applications(objects: &str, list: &str) -> Vec<AppId> {
    let text = format!("{objects}\nset rulebase security rules r application {list}");
    parse(&text, "x.set").unwrap().rules[0].application.clone()
}

#[test]
fn groups_and_filters_stand_for_their_applications() {
    let objects = format!(
        "{CUSTOM}\
         set application-group inner members [ ssl bare dns ]\n\
         set application-group outer members [ inner web-browsing own ]\n\
         set application-filter own category business-systems subcategory erp-crm risk [ 3 4 ] evasive yes\n\
         set application-filter not-ssl category networking subcategory encrypted-tunnel exclude ssl\n"
    );
    let own = AppId(CUSTOM_FIRST);
    assert!(applications(&objects, "[ billing own ]").starts_with(&[own, own]));
    let mut expected = vec![app::SSL, AppId(CUSTOM_FIRST + 4), app::DNS_BASE, app::WEB_BROWSING];
    expected.extend(applications(&objects, "own"));
    expected.sort_unstable();
    assert_eq!(applications(&objects, "outer"), expected);
    let tunnels = applications(&objects, "not-ssl");
    assert!(!tunnels.contains(&app::SSL) && !tunnels.is_empty());
    for id in tunnels {
        let found = catalog::application(id);
        assert_eq!((found.category, found.subcategory), ("networking", "encrypted-tunnel"));
    }
}

#[test]
fn a_filter_is_met_by_all_conditions() {
    let filter = |conditions: &str| {
        let objects = format!("set application-filter f {conditions}");
        applications(&objects, "f")
    };
    let p2p = filter("technology peer-to-peer");
    let bad = filter("technology peer-to-peer evasive yes used-by-malware yes");
    assert!(p2p.contains(&app::BITTORRENT) && bad.contains(&app::BITTORRENT));
    assert!(bad.iter().all(|id| p2p.contains(id)));
    let risky = filter("risk 5");
    let some = filter("risk [ 4 5 ]");
    assert!(risky.iter().all(|id| some.contains(id)) && risky.len() < some.len());
    assert!(filter("risk [ 1 2 3 4 5 ]").iter().all(|id| !catalog::is_unidentified(*id)));
}

#[test]
fn applications_that_do_not_fit() {
    last_line_is_wrong(
        "application",
        &[
            ("set application ssl risk 1", " ssl: the catalogue has an application `ssl`"),
            ("set application a parent-app nothing", " a parent-app: unknown application `nothing`"),
            (
                "set application a parent-app b\nset application b parent-app a",
                " b parent-app: `a` is a part of itself: `a` is a part of `b` is a part of `a`",
            ),
            ("set application a risk 6", " a risk: `6` is not accepted; expected a number from 1 to 5"),
            (
                "set application a default port sctp/80",
                " a default port: `sctp/80` is not accepted; expected ports like `tcp/80,8000-8080` or \
                 `udp/dynamic`",
            ),
            (
                "set application a default port tcp/1 ident-by-ip-protocol 3",
                " a default ident-by-ip-protocol: an application is known by ports, a protocol or an ICMP \
                 type",
            ),
            (
                "set application a default ident-by-icmp-type code 3",
                " a default ident-by-icmp-type: an ICMP \
                                                                    `type` is needed",
            ),
            ("set application a signature s", " a signature s: an `and-condition` is needed"),
            (
                "set application a signature s and-condition c",
                " a signature s and-condition c: an `or-condition` is needed",
            ),
            (
                "set application a signature s and-condition c or-condition o",
                " a signature s and-condition c or-condition o: a condition needs one operator",
            ),
            (
                "set application a signature s and-condition c or-condition o operator pattern-match \
                 context x",
                " a signature s and-condition c or-condition o operator pattern-match: an operator needs a \
                 `context` and a `pattern` or `value`",
            ),
            (
                "set application a signature s and-condition c or-condition o operator less-than context x \
                 value 1\n\
                 set application a signature s and-condition c or-condition o operator less-than qualifier \
                 http-method value GET",
                " a signature s and-condition c or-condition o operator less-than: not supported: \
                 `qualifier`; accepted here: `context`, `value`",
            ),
            ("set application-filter f", "-filter f: a filter needs a condition"),
            (
                "set application-filter ssl risk 1",
                "-filter ssl: an application or filter is called `ssl` too",
            ),
            (
                "set application-filter f risk 1\nset application-group f members ssl",
                "-group f: an application or filter is called `f` too",
            ),
            (
                "set application-group g members h\nset application-group h members g",
                "-group h members: `g` holds itself: `g` holds `h` holds `g`",
            ),
            ("set application-group g members nothing", "-group g members: unknown application `nothing`"),
        ],
    );
}

#[test]
fn what_could_not_be_read_of_an_application_never_widens_it() {
    let text = "\
        set application a signature s and-condition c or-condition o operator pattern-match \
        context x pattern abc\n\
        set application a signature s and-condition c or-condition o operator pattern-match \
        qualifier q value v\n\
        set application orphan parent-app nothing\n\
        set application-filter f risk 5 new-appid yes\n\
        set application-filter g risk 5 exclude nothing\n\
        set rulebase security rules r1 application a action allow\n\
        set rulebase security rules r2 application f action allow\n\
        set rulebase security rules r3 application g action allow\n\
        set rulebase security rules r4 application [ ssl orphan ] action allow\n";
    let read = parse_lenient(text, "x.set").unwrap();
    assert_eq!(read.config.applications, []);
    let rules: Vec<(bool, usize)> =
        read.config.rules.iter().map(|rule| (rule.disabled, rule.application.len())).collect();
    assert_eq!(rules, [(true, 0), (true, 0), (true, 0), (false, 1)]);
    assert!(errors(text).contains("not supported: `qualifier`"));
}

#[test]
fn an_override_takes_any_application() {
    let text = "\
        set application own\n\
        set rulebase application-override rules a protocol udp port 7000-7009,80 application own\n\
        set rulebase application-override rules b protocol tcp port 1 application ssl source 10.0.0.1 \
        negate-source yes disabled yes";
    let config = parse(text, "x.set").unwrap();
    let [a, b] = config.application_overrides.as_slice() else { panic!("two rules") };
    assert_eq!(
        (a.protocol, &*a.ports, a.application),
        (17, &[(7000, 7009), (80, 80)][..], AppId(CUSTOM_FIRST))
    );
    assert_eq!((b.protocol, b.application, b.negate_source, b.disabled), (6, app::SSL, true, true));
    last_line_is_wrong(
        "rulebase application-override rules a",
        &[
            (
                "set rulebase application-override rules a port 1 application ssl",
                ": an override needs a `protocol`, a `port` and an `application`",
            ),
            (
                "set application-group g members [ ssl ssh ]\n\
                 set rulebase application-override rules a protocol tcp port 1 application g",
                " application: `g` is not one application",
            ),
        ],
    );
}
