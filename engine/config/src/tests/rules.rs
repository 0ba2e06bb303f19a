//! What rules say besides which traffic they are for, and decryption rules.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::errors;
use crate::{
    Sources, parse, parse_with,
    typed::{DecryptionKind, NatSettings, Oversubscription, ServiceMatch, UserMatch},
};

#[test]
fn what_protects_not_yet_is_said_once() {
    let text = "\
        set tag t\n\
        set rulebase security rules a tag t group-tag t log-setting far uuid 1-2 disable-inspect no\n\
        set rulebase security rules a option disable-server-response-inspection yes\n\
        set rulebase security rules a profile-setting group default action allow\n\
        set rulebase security rules b profile-setting profiles virus v spyware s log-setting fair\n\
        set rulebase security rules c profile-setting profiles url-filtering [ u ]\n\
        set rulebase default-security-rules rules interzone-default icmp-unreachable yes tag t\n\
        set log-settings profiles fair description x\n\
        set rulebase default-security-rules rules intrazone-default log-setting fair";
    let read = parse_with(text, "x.set", &Sources::new()).unwrap();
    let warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "x.set:2: rulebase security rules a log-setting: unknown log profile `far`; did you mean `fair`?",
            "x.set:4: rulebase security rules a profile-setting: profiles have no effect: what they \
          protect from is not looked for, here and in 2 more rules"
        ]
    );
    assert_eq!(read.config.rules.iter().filter(|rule| rule.disabled).count(), 0);
    assert_eq!((read.config.rules[0].log_setting, read.config.rules[1].log_setting), (None, Some(0)));
    assert_eq!(read.config.intrazone_default.log_setting, Some(0));
    assert!(
        read.config.interzone_default.icmp_unreachable && !read.config.intrazone_default.icmp_unreachable
    );
}

#[test]
fn users() {
    let text = "set rulebase security rules a source-user [ known-user acme\\Joe \"cn=web ops,dc=acme\" ]\n\
                set rulebase security rules b source-user unknown\n\
                set rulebase security rules c source-user any";
    let rules = parse(text, "x.set").unwrap().rules;
    let name = |text: &str| UserMatch::Name(text.into());
    assert_eq!(rules[0].source_user, [UserMatch::Known, name("acme\\joe"), name("cn=web ops,dc=acme")]);
    assert_eq!(rules[1].source_user, [UserMatch::Unknown]);
    assert_eq!(rules[2].source_user, []);
    assert_eq!(
        errors("set rulebase security rules a source-user pre-logon"),
        "x.set:1: rulebase security rules a source-user: not supported: `pre-logon`, the user of a tunnel \
         that is not there"
    );
    assert_eq!(
        errors("set rulebase security rules a source-user [ any joe ]"),
        "x.set:1: rulebase security rules a source-user: `any` cannot stand beside other values"
    );
}

#[test]
fn decryption_rules_are_read_and_have_no_effect() {
    let text = "\
        set profiles custom-url-category bank list bank.example\n\
        set rulebase decryption rules keep category bank action no-decrypt type ssl-forward-proxy\n\
        set rulebase decryption rules in type ssl-inbound-inspection \"own cert\" action decrypt profile p\n\
        set rulebase decryption rules in service service-https log-success yes\n\
        set rulebase decryption rules ssh type ssh-proxy action decrypt source 10.0.0.1 negate-source yes";
    let read = parse_with(text, "x.set", &Sources::new()).unwrap();
    let warnings: Vec<String> = read.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["x.set:2: rulebase decryption rules: the rules have no effect: nothing is decrypted"]
    );
    let [keep, inbound, ssh] = read.config.decryption_rules.as_slice() else { panic!("three rules") };
    assert_eq!(
        (&keep.kind, keep.decrypt, &*keep.category),
        (&DecryptionKind::SslForwardProxy, false, &[0][..])
    );
    assert_eq!(inbound.kind, DecryptionKind::SslInboundInspection("own cert".into()));
    assert!(matches!(&inbound.service, ServiceMatch::Services(services) if services.len() == 1));
    assert_eq!((&*inbound.profile, inbound.decrypt), ("p", true));
    assert!(ssh.negate_source && ssh.kind == DecryptionKind::SshProxy);
    assert_eq!(
        errors(
            "set rulebase decryption rules a type ssh-proxy\n\
             set rulebase decryption rules a type ssl-forward-proxy"
        ),
        "x.set:1: rulebase decryption rules a type ssh-proxy: a decryption rule is of one type"
    );
    assert_eq!(
        errors("set rulebase decryption rules a category financial-services"),
        "x.set:1: rulebase decryption rules a category: unknown URL category `financial-services`"
    );
}

#[test]
fn settings() {
    let text = "set deviceconfig setting nat dipp-oversub 4x reserve-ip yes reserve-time 60\n\
                set deviceconfig setting application cache no heuristics yes traceroute enable yes";
    let config = parse(text, "x.set").unwrap();
    assert_eq!(
        config.nat,
        NatSettings { oversubscription: Oversubscription::FourTimes, reserve_ip: true, reserve_time: 60 }
    );
    for (line, expected) in [
        ("nat dipp-oversub 3x", "nat dipp-oversub: `3x` is not accepted; expected `1x`, `2x`, `4x` or `8x`"),
        (
            "nat reserve-time 604801",
            "nat reserve-time: `604801` is not accepted; expected seconds from 1 to 604,800",
        ),
        (
            "application identify-unknown-traffic-by-port yes",
            "application identify-unknown-traffic-by-port: `yes` is not accepted; expected `no`",
        ),
    ] {
        let text = alloc::format!("set deviceconfig setting {line}");
        assert_eq!(errors(&text), alloc::format!("x.set:1: deviceconfig setting {expected}"));
    }
}
