//! Rules that never decide, and rules that lack another one.

use super::{
    random::{Random, question, rule_base, users},
    *,
};
use crate::{Mismatch, RuleHits, Warning};

fn warnings(rules: Vec<SecurityRule>) -> Vec<Warning> {
    compile(rules).warnings()
}

/// Whether the second of two rules is told to be shadowed.
fn shadows(earlier: &SecurityRule, later: &SecurityRule) -> bool {
    warnings(vec![earlier.clone(), later.clone()])
        .contains(&Warning::Shadowed { rule: RuleId(1), by: RuleId(0) })
}

fn only(application: AppId) -> SecurityRule {
    SecurityRule { application: vec![application], ..rule(Action::Allow) }
}

fn with_service(service: ServiceMatch) -> SecurityRule {
    SecurityRule { service, ..rule(Action::Allow) }
}

#[test]
fn a_wider_rule_shadows_in_each_condition() {
    let any = rule(Action::Deny);
    let listed = |list: &[(u16, u16)]| with_service(ServiceMatch::Services(vec![service(6, list, &[])]));
    let named = |names: &[&str]| SecurityRule {
        source_user: names.iter().map(|name| UserMatch::Name((*name).into())).collect(),
        ..any.clone()
    };
    let from = |from: &[usize]| SecurityRule { from: from.to_vec(), ..any.clone() };
    let source = |first, last| SecurityRule { source: vec![range(first, last)], ..any.clone() };
    let known = SecurityRule { source_user: vec![UserMatch::Known], ..any.clone() };
    let home = with_service(ServiceMatch::ApplicationDefault);
    let narrow_wide = [
        (from(&[1]), from(&[1, 0])),
        (source("10.0.0.5", "10.0.0.9"), source("10.0.0.0", "10.0.0.255")),
        (only(app::SSL), SecurityRule { application: vec![app::SSH, app::SSL], ..any.clone() }),
        (listed(&[(80, 80), (90, 95)]), listed(&[(80, 90), (91, 200)])),
        (named(&["bob"]), named(&["bob", "alice"])),
        (named(&["bob"]), known),
        (SecurityRule { rule_type: RuleType::Intrazone, ..from(&[1]) }, from(&[1])),
        (SecurityRule { application: vec![app::SSL], ..home.clone() }, listed(&[(443, 443)])),
        (SecurityRule { application: vec![app::SSL], ..listed(&[(443, 443)]) }, home),
    ];
    for (narrow, wide) in narrow_wide {
        assert!(shadows(&any, &narrow) && shadows(&any, &wide), "any before {narrow:?}");
        assert!(shadows(&wide, &narrow), "{wide:?} before {narrow:?}");
        assert!(!shadows(&narrow, &wide), "{narrow:?} before {wide:?}");
        assert!(!shadows(&narrow, &any), "{narrow:?} before any");
    }
    let disabled = SecurityRule { disabled: true, ..any.clone() };
    assert!(!shadows(&disabled, &any) && !shadows(&any, &disabled));
}

#[test]
fn conditions_that_cannot_be_met() {
    let any = rule(Action::Allow);
    let v6 = range("2001:db8::", "2001:db8::1");
    for (rule, because) in [
        (SecurityRule { negate_source: true, ..any.clone() }, Mismatch::Source),
        (SecurityRule { negate_destination: true, ..any.clone() }, Mismatch::Destination),
        (
            SecurityRule {
                source: vec![range("10.0.0.1", "10.0.0.1")],
                destination: vec![v6],
                ..any.clone()
            },
            Mismatch::Destination,
        ),
        (with_service(ServiceMatch::Services(vec![])), Mismatch::Service),
        (SecurityRule { schedule: Some(Schedule::default()), ..any.clone() }, Mismatch::Schedule),
        (
            SecurityRule { rule_type: RuleType::Intrazone, from: vec![0], to: vec![1], ..any.clone() },
            Mismatch::RuleType,
        ),
        (
            SecurityRule { rule_type: RuleType::Interzone, from: vec![0], to: vec![0], ..any.clone() },
            Mismatch::RuleType,
        ),
    ] {
        assert_eq!(warnings(vec![rule]), [Warning::NeverMatches { rule: RuleId(0), because }]);
    }
}

#[test]
fn an_application_needs_the_one_that_it_is_a_part_of() {
    let policy = compile(vec![only(app::MS_DS_SMBV2)]);
    let missing = Warning::MissingDependency {
        rule: RuleId(0),
        application: app::MS_DS_SMBV2,
        dependency: app::MS_DS_SMB_BASE,
    };
    assert_eq!(policy.warnings(), [missing]);
    assert_eq!(
        missing.text(&policy),
        "security rule \"rule\" allows ms-ds-smbv2, which requires ms-ds-smb-base: no rule allows it"
    );
    assert_eq!(warnings(vec![only(app::MS_DS_SMBV2), only(app::MS_DS_SMB_BASE)]), []);
    assert_eq!(warnings(vec![only(app::MS_DS_SMBV2), rule(Action::Allow)]), []);
    let denied = SecurityRule { action: Action::Deny, ..only(app::MS_DS_SMBV2) };
    assert_eq!(warnings(vec![denied]), []);
}

/// A rule that is told never to decide never does.
#[test]
fn what_is_told_of_random_rules_holds() {
    let mut told = 0;
    for seed in 0..30 {
        let mut random = Random(seed);
        let config = rule_base(&mut random, 60, 4);
        let policy = Policy::compile(&config, Generation(1)).with_users(&users());
        let useless: Vec<RuleId> = policy
            .warnings()
            .into_iter()
            .filter_map(|warning| match warning {
                Warning::Shadowed { rule, .. } | Warning::NeverMatches { rule, .. } => Some(rule),
                Warning::MissingDependency { .. } | Warning::NotCompared { .. } => None,
            })
            .collect();
        told += useless.len();
        for _ in 0..2000 {
            let query = Query { category: Some(CategoryId(0)), ..question(&mut random, &config, &policy) };
            let query = Query { app: query.app.or(Some(app::SSL)), ..query };
            let decision = policy.lookup(&query);
            let is_useless = useless.contains(&decision.rule) && !decision.implicit;
            assert!(!is_useless, "seed {seed}: {query:?} {decision:?}");
        }
    }
    assert!(told > 30, "{told} warnings");
}

#[test]
fn rules_that_decided_nothing() {
    let disabled = SecurityRule { disabled: true, ..rule(Action::Allow) };
    let policy = compile(vec![only(app::SSL), disabled, rule(Action::Deny)]);
    let mut hits = vec![RuleHits::default(); 1];
    let unused = |hits: &[RuleHits]| policy.unused_rules(hits).collect::<Vec<_>>();
    assert_eq!(unused(&hits), [RuleId(0), RuleId(2)]);
    hits[0].add(Timestamp::from_secs(5));
    assert_eq!(unused(&hits), [RuleId(2)]);
}
