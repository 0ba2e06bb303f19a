//! Every field of a rule, and random rules against a matcher that is plainly right.

use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::net::IpAddr;

use bifrons_catalog::{CUSTOM_FIRST, app, application, applications, is_unidentified};
use bifrons_config::{
    Config,
    typed::{AddressRange, DefaultRule, Interface, RuleType, SecurityRule, Service, ServiceMatch},
    typed::{CustomApplication, PortPattern, Schedule, TimeSpan, UrlCategory, UserMatch},
    typed::{TimeoutOverride, Zone},
};
use bifrons_model::{
    Action, ActionSource, AppId, CategoryId, Generation, InterfaceId, RuleId, Timestamp, UserId, ZoneId,
};
use proptest::prelude::*;

use crate::{Decision, Policy, Query, UserMap};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

fn rule(action: Action) -> SecurityRule {
    SecurityRule { name: String::from("rule"), action, log_end: true, ..SecurityRule::default() }
}

fn zone(name: &str, interfaces: &[usize]) -> Zone {
    Zone { name: String::from(name), interfaces: interfaces.to_vec(), ..Zone::default() }
}

fn config(rules: Vec<SecurityRule>) -> Config {
    Config {
        hostname: String::from("gate"),
        interfaces: (1..=2)
            .map(|number| Interface { name: format!("ethernet1/{number}"), ..Interface::default() })
            .collect(),
        zones: vec![zone("trust", &[0]), zone("untrust", &[1]), zone("empty", &[])],
        rules,
        ..Config::default()
    }
}

fn compile(rules: Vec<SecurityRule>) -> Policy {
    Policy::compile(&config(rules), Generation(7))
}

/// From trust to untrust, TCP 443.
const QUERY: Query = Query {
    zone_from: ZoneId(0),
    zone_to: ZoneId(1),
    source: IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 1)),
    destination: IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)),
    source_port: 50_000,
    destination_port: 443,
    protocol: 6,
    app: Some(app::SSL),
    user: UserId(0),
    category: Some(CategoryId(0)),
    time: Timestamp::ZERO,
};

/// Whether a single allow rule takes the session.
fn takes(rule: SecurityRule, query: Query) -> bool {
    compile(vec![rule]).lookup(&query).rule == RuleId(0)
}

#[test]
fn the_default_rules_come_last() {
    let policy = compile(vec![]);
    assert_eq!(policy.names().rules, ["intrazone-default", "interzone-default"]);
    assert_eq!((policy.intrazone_default(), policy.interzone_default()), (RuleId(0), RuleId(1)));
    let between = policy.lookup(&QUERY);
    assert_eq!((between.rule, between.rule_action, between.certain), (RuleId(1), Action::Deny, true));
    let within = policy.lookup(&Query { zone_to: ZoneId(0), ..QUERY });
    assert_eq!((within.rule, within.action, within.log_end), (RuleId(0), Action::Allow, false));
}

#[test]
fn the_default_rules_can_be_changed() {
    let mut config = config(vec![]);
    config.intrazone_default =
        DefaultRule { action: Some(Action::Drop), log_end: true, ..DefaultRule::default() };
    config.interzone_default =
        DefaultRule { action: Some(Action::Allow), log_start: true, ..DefaultRule::default() };
    let policy = Policy::compile(&config, Generation(1));
    let within = policy.lookup(&Query { zone_to: ZoneId(0), ..QUERY });
    assert_eq!((within.action, within.log_start, within.log_end), (Action::Drop, false, true));
    let between = policy.lookup(&QUERY);
    assert_eq!((between.action, between.log_start, between.log_end), (Action::Allow, true, false));
}

#[test]
fn the_first_match_wins_and_disabled_rules_are_skipped() {
    let policy = compile(vec![
        SecurityRule { disabled: true, ..rule(Action::Drop) },
        SecurityRule { application: vec![app::SSH], ..rule(Action::Drop) },
        rule(Action::Allow),
        rule(Action::Drop),
    ]);
    assert_eq!(policy.lookup(&QUERY).rule, RuleId(2));
    assert_eq!(policy.lookup(&Query { app: Some(app::SSH), ..QUERY }).rule, RuleId(1));
}

#[test]
fn zones() {
    assert!(takes(SecurityRule { from: vec![2, 0], ..rule(Action::Allow) }, QUERY));
    assert!(!takes(SecurityRule { from: vec![1], ..rule(Action::Allow) }, QUERY));
    assert!(takes(SecurityRule { to: vec![1], ..rule(Action::Allow) }, QUERY));
    assert!(!takes(SecurityRule { to: vec![0], ..rule(Action::Allow) }, QUERY));
}

#[test]
fn more_than_sixty_four_zones() {
    let mut config = config(vec![SecurityRule { from: vec![3, 100], ..rule(Action::Allow) }]);
    config.zones = (0..130).map(|number| zone(&format!("z{number}"), &[])).collect();
    let policy = Policy::compile(&config, Generation(1));
    for (number, expected) in [(3, 0), (100, 0), (36, 2), (67, 2), (129, 2)] {
        let query = Query { zone_from: ZoneId(number), ..QUERY };
        assert_eq!(policy.lookup(&query).rule, RuleId(expected), "zone {number}");
    }
}

#[test]
fn rule_types() {
    let within = Query { zone_to: ZoneId(0), ..QUERY };
    for (rule_type, on_between, on_within) in [
        (RuleType::Universal, true, true),
        (RuleType::Interzone, true, false),
        (RuleType::Intrazone, false, true),
    ] {
        let rule = SecurityRule { rule_type, log_start: true, ..rule(Action::Allow) };
        let policy = compile(vec![rule]);
        assert_eq!(policy.lookup(&QUERY).log_start, on_between, "{rule_type:?}");
        assert_eq!(policy.lookup(&within).log_start, on_within, "{rule_type:?}");
    }
}

#[test]
fn addresses_and_their_negation() {
    let listed = |negate_source| SecurityRule {
        source: vec![range("10.0.0.0", "10.0.0.255"), range("2001:db8::", "2001:db8::ff")],
        negate_source,
        ..rule(Action::Allow)
    };
    assert!(takes(listed(false), QUERY));
    assert!(!takes(listed(true), QUERY));
    assert!(takes(listed(true), Query { source: ip("2001:db8::100"), ..QUERY }));
    assert!(takes(listed(false), Query { source: ip("2001:db8::1"), ..QUERY }));
    let destination = |negate_destination| SecurityRule {
        destination: vec![range("192.0.2.1", "192.0.2.1")],
        negate_destination,
        ..rule(Action::Allow)
    };
    assert!(takes(destination(false), QUERY));
    assert!(!takes(destination(true), QUERY));
    assert!(!takes(destination(false), Query { destination: ip("192.0.2.2"), ..QUERY }));
}

fn service(protocol: u8, ports: &[(u16, u16)], source_ports: &[(u16, u16)]) -> Service {
    Service {
        name: String::from("service"),
        protocol,
        ports: ports.to_vec(),
        source_ports: source_ports.to_vec(),
        timeouts: TimeoutOverride { timeout: Some(protocol.into()), ..TimeoutOverride::default() },
    }
}

#[test]
fn services_and_their_timeouts() {
    let of = |services| SecurityRule { service: ServiceMatch::Services(services), ..rule(Action::Allow) };
    assert!(takes(of(vec![service(6, &[(80, 80), (440, 450)], &[])]), QUERY));
    assert!(!takes(of(vec![service(17, &[(443, 443)], &[])]), QUERY));
    assert!(!takes(of(vec![service(6, &[(80, 80)], &[])]), QUERY));
    assert!(takes(of(vec![service(6, &[(443, 443)], &[(1024, 65_535)])]), QUERY));
    assert!(!takes(of(vec![service(6, &[(443, 443)], &[(1, 1023)])]), QUERY));
    assert!(!takes(of(vec![]), QUERY));
    let policy = compile(vec![of(vec![service(17, &[(443, 443)], &[]), service(6, &[(443, 443)], &[])])]);
    assert_eq!(policy.lookup(&QUERY).timeouts.timeout, Some(6));
    assert_eq!(policy.lookup(&Query { app: None, ..QUERY }).timeouts.timeout, Some(6));
    assert_eq!(policy.lookup(&Query { protocol: 17, ..QUERY }).timeouts.timeout, Some(17));
}

#[test]
fn application_default_holds_each_application_to_its_own_ports() {
    let home = |application| SecurityRule {
        application,
        service: ServiceMatch::ApplicationDefault,
        ..rule(Action::Allow)
    };
    assert!(takes(home(vec![app::SSL]), QUERY));
    assert!(!takes(home(vec![app::SSL]), Query { destination_port: 8443, ..QUERY }));
    assert!(takes(home(vec![]), QUERY));
    assert!(!takes(home(vec![]), Query { destination_port: 8443, ..QUERY }));
    assert!(takes(home(vec![]), Query { destination_port: 8443, app: Some(app::UNKNOWN_TCP), ..QUERY }));
    let unknown = Query { app: None, ..QUERY };
    assert!(takes(home(vec![app::SSH, app::SSL]), unknown));
    assert!(!takes(home(vec![app::SSH]), unknown));
    assert!(takes(home(vec![]), Query { destination_port: 8443, ..unknown }));
}

#[test]
fn pseudo_applications_match_any_or_their_own_name() {
    for unidentified in [app::INCOMPLETE, app::INSUFFICIENT_DATA, app::UNKNOWN_TCP, app::NON_SYN_TCP] {
        let query = Query { app: Some(unidentified), ..QUERY };
        assert!(takes(rule(Action::Allow), query));
        assert!(takes(SecurityRule { application: vec![unidentified], ..rule(Action::Allow) }, query));
        assert!(!takes(SecurityRule { application: vec![app::SSL], ..rule(Action::Allow) }, query));
    }
}

#[test]
fn before_the_application_is_known() {
    let only = |application, action| SecurityRule { application: vec![application], ..rule(action) };
    let unknown = Query { app: None, ..QUERY };
    let decided = |rules| {
        let decision = compile(rules).lookup(&unknown);
        (decision.rule.0, decision.action, decision.certain)
    };
    let (allow, deny) = (Action::Allow, Action::Deny);
    assert_eq!(decided(vec![only(app::SSH, allow), rule(deny)]), (0, allow, false));
    assert_eq!(decided(vec![only(app::SSH, deny), rule(allow)]), (1, allow, false));
    assert_eq!(decided(vec![rule(deny), only(app::SSH, allow)]), (0, deny, true));
    assert_eq!(decided(vec![rule(allow), only(app::SSH, deny)]), (0, allow, true));
    assert_eq!(decided(vec![only(app::SSH, deny), only(app::SSL, allow)]), (1, allow, false));
    assert_eq!(decided(vec![only(app::SSH, deny)]), (2, deny, false));
}

#[test]
fn actions_are_resolved() {
    let decide = |action, icmp_unreachable, app| {
        let decision =
            compile(vec![SecurityRule { icmp_unreachable, ..rule(action) }]).lookup(&Query { app, ..QUERY });
        (decision.action, decision.action_source, decision.icmp_unreachable)
    };
    let (policy, from_application) = (ActionSource::Policy, ActionSource::Application);
    assert_eq!(decide(Action::Deny, false, Some(app::SSL)), (Action::ResetBoth, from_application, false));
    assert_eq!(decide(Action::Deny, true, Some(app::DNS_BASE)), (Action::Drop, from_application, true));
    assert_eq!(decide(Action::Deny, false, Some(app::INCOMPLETE)), (Action::Deny, policy, false));
    assert_eq!(decide(Action::Deny, false, None), (Action::Deny, policy, false));
    assert_eq!(decide(Action::Drop, false, Some(app::SSL)), (Action::Drop, policy, false));
    assert_eq!(decide(Action::Drop, true, Some(app::SSL)), (Action::DropIcmp, policy, true));
    assert_eq!(decide(Action::ResetClient, true, None), (Action::ResetClient, policy, true));
    assert_eq!(decide(Action::Allow, true, None), (Action::Allow, policy, false));
}

#[test]
fn the_built_in_configuration_allows_everything() {
    let policy = Policy::compile(&Config::tap(), Generation(1));
    let interface = InterfaceId(0);
    assert_eq!(
        (policy.egress(QUERY.destination), policy.ingress_of(ip("2001:db8::1"))),
        (Some(interface), Some(interface))
    );
    let zone = policy.zone_of(interface).unwrap();
    let decision = policy.lookup(&Query { zone_from: zone, zone_to: zone, app: None, ..QUERY });
    assert_eq!((decision.action, decision.certain, decision.log_end), (Action::Allow, true, true));
    assert_eq!(policy.names().rule(decision.rule), "any-any");
    let settings = policy.zone_settings(zone);
    assert_eq!((settings.tcp_reject_non_syn, settings.asymmetric_path_bypass), (false, true));
}

#[test]
fn names_zones_and_their_settings() {
    let mut config = config(vec![rule(Action::Allow)]);
    config.zones[1].tcp_reject_non_syn = Some(false);
    config.zones[0].asymmetric_path_bypass = Some(true);
    let policy = Policy::compile(&config, Generation(7)).with_serial(String::from("0123"));
    assert_eq!(policy.generation(), Generation(7));
    let names = policy.names();
    assert_eq!((names.device.as_str(), names.serial.as_str()), ("gate", "0123"));
    assert_eq!(names.rules, ["rule", "intrazone-default", "interzone-default"]);
    assert_eq!(policy.zone_of(InterfaceId(1)), Some(ZoneId(1)));
    assert_eq!(policy.zone_of(InterfaceId(2)), None);
    let settings = |zone| {
        let settings = policy.zone_settings(ZoneId(zone));
        (settings.tcp_reject_non_syn, settings.asymmetric_path_bypass)
    };
    assert_eq!(settings(0), (true, true));
    assert_eq!(settings(1), (false, false));
    assert_eq!(settings(9), (true, false));
}

/// What the rules say, spelled out: no sorting, no bits, and what is possible or sure before application and
/// category are known is found by asking about every one there is.
mod reference {
    use super::*;

    type IsHome<'a> = Box<dyn Fn(u8, u16) -> bool + 'a>;

    /// As which its sessions may begin, and where it is at home.
    fn facts(config: &Config, app: AppId) -> (Vec<AppId>, IsHome<'_>) {
        if app.0 < CUSTOM_FIRST {
            let own = application(app);
            let carriers = own.parent.into_iter().chain(own.implicit.iter().copied()).collect();
            return (carriers, Box::new(move |protocol, port| own.is_default_port(protocol, port)));
        }
        let own = &config.applications[usize::from(app.0 - CUSTOM_FIRST)];
        let is_home = move |protocol: u8, port: u16| {
            own.ports.is_empty()
                || own.ports.iter().any(|pattern| {
                    let PortPattern::Tcp(first, last) = *pattern else { panic!("only TCP is made here") };
                    protocol == 6 && first <= port && port <= last
                })
        };
        (own.parent.into_iter().collect(), Box::new(is_home))
    }

    fn carries(config: &Config, carrier: AppId, app: AppId) -> bool {
        facts(config, app).0.into_iter().any(|own| own == carrier || carries(config, carrier, own))
    }

    fn matches_but_application(config: &Config, rule: &SecurityRule, query: &Query, app: AppId) -> bool {
        let named = |zones: &[usize], zone: ZoneId| zones.is_empty() || zones.contains(&zone.index());
        let inside = |ranges: &[AddressRange], address: IpAddr| {
            ranges.iter().any(|range| {
                range.first.is_ipv4() == address.is_ipv4() && range.first <= address && address <= range.last
            })
        };
        let address =
            |ranges: &[AddressRange], negate: bool, address: IpAddr| match (ranges.is_empty(), negate) {
                (true, _) => !negate,
                (false, _) => inside(ranges, address) != negate,
            };
        let port = |ports: &[(u16, u16)], port: u16| {
            ports.iter().any(|(first, last)| *first <= port && port <= *last)
        };
        // Numbers as `random::users` has them: alice, who is staff and so one of all, and bob.
        let user = |entry: &UserMatch| match entry {
            UserMatch::Known => query.user != UserId(0),
            UserMatch::Unknown => query.user == UserId(0),
            UserMatch::Name(name) => match query.user.0 {
                1 => ["alice", "staff", "all"].contains(&name.as_str()),
                2 => name == "bob",
                _ => false,
            },
        };
        let seconds = query.time.as_secs();
        let is_on = |span: &TimeSpan| match *span {
            TimeSpan::Once { from, until } => from <= seconds && seconds < until,
            TimeSpan::Recurring { .. } => panic!("only one kind is made here"),
        };
        !rule.disabled
            && match rule.rule_type {
                RuleType::Universal => true,
                RuleType::Intrazone => query.zone_from == query.zone_to,
                RuleType::Interzone => query.zone_from != query.zone_to,
            }
            && query.zone_from.index() < config.zones.len()
            && named(&rule.from, query.zone_from)
            && named(&rule.to, query.zone_to)
            && address(&rule.source, rule.negate_source, query.source)
            && address(&rule.destination, rule.negate_destination, query.destination)
            && (rule.source_user.is_empty() || rule.source_user.iter().any(user))
            && rule.schedule.as_ref().is_none_or(|schedule| schedule.spans.iter().any(is_on))
            && match &rule.service {
                ServiceMatch::Any => true,
                ServiceMatch::ApplicationDefault => {
                    facts(config, app).1(query.protocol, query.destination_port)
                }
                ServiceMatch::Services(services) => services.iter().any(|service| {
                    service.protocol == query.protocol
                        && port(&service.ports, query.destination_port)
                        && (service.source_ports.is_empty() || port(&service.source_ports, query.source_port))
                }),
            }
    }

    /// Whether the rule is for this very application and category.
    fn matches(config: &Config, rule: &SecurityRule, query: &Query, app: AppId, category: u16) -> bool {
        (rule.application.is_empty() || rule.application.contains(&app))
            && is_in_category(rule, category)
            && matches_but_application(config, rule, query, app)
    }

    fn is_in_category(rule: &SecurityRule, category: u16) -> bool {
        rule.category.is_empty() || rule.category.iter().any(|place| place + 1 == usize::from(category))
    }

    /// Whether the rule allows an application that this one carries.
    fn allows_carried(config: &Config, rule: &SecurityRule, query: &Query, categories: &[u16]) -> bool {
        let Some(carrier) = query.app else { return false };
        rule.action == Action::Allow
            && !rule.application.is_empty()
            && !rule.application.contains(&carrier)
            && rule.application.iter().any(|app| {
                carries(config, carrier, *app) && matches_but_application(config, rule, query, *app)
            })
            && categories.iter().any(|category| is_in_category(rule, *category))
    }

    /// Rule, action of the rule, certain, implicit.
    pub fn lookup(config: &Config, query: &Query) -> (usize, Action, bool, bool) {
        let custom = (CUSTOM_FIRST..).take(config.applications.len()).map(AppId);
        let apps: Vec<AppId> = match query.app {
            Some(app) => vec![app],
            None => applications().iter().map(|application| application.id).chain(custom).collect(),
        };
        let categories: Vec<u16> = match query.category {
            Some(category) => vec![category.0],
            None => (0..=config.categories.len() as u16).collect(),
        };
        let mut certain = true;
        let mut carried = None;
        let mut decided = None;
        for (index, rule) in config.rules.iter().enumerate() {
            let all = apps.iter().flat_map(|app| categories.iter().map(move |category| (*app, *category)));
            let count = all.filter(|(app, category)| matches(config, rule, query, *app, *category)).count();
            let (possible, sure) = (count > 0, count == apps.len() * categories.len());
            if sure || possible && rule.action == Action::Allow {
                decided = Some((index, rule.action, certain && sure, false));
                break;
            }
            certain &= !possible;
            if carried.is_none() && allows_carried(config, rule, query, &categories) {
                carried = Some((index, rule.action, false, true));
            }
        }
        let count = config.rules.len();
        let default = if query.zone_from == query.zone_to {
            (count, Action::Allow, certain, false)
        } else {
            (count + 1, Action::Deny, certain, false)
        };
        let decided = decided.unwrap_or(default);
        if decided.1 == Action::Allow { decided } else { carried.unwrap_or(decided) }
    }
}

fn any_v4() -> impl Strategy<Value = IpAddr> {
    (0u8..8).prop_map(|low| IpAddr::from([10, 0, 0, low]))
}

fn any_v6() -> impl Strategy<Value = IpAddr> {
    (0u16..4).prop_map(|low| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, low]))
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any_v4(), any_v6()]
}

fn any_ranges() -> impl Strategy<Value = Vec<AddressRange>> {
    let range = prop_oneof![(any_v4(), any_v4()), (any_v6(), any_v6())]
        .prop_map(|(one, other)| AddressRange { first: one.min(other), last: one.max(other) });
    prop::collection::vec(range, 0..4)
}

fn any_app() -> impl Strategy<Value = AppId> {
    prop::sample::select(vec![app::SSL, app::WEB_BROWSING, app::PING, app::DNS_BASE, app::UNKNOWN_TCP])
}

fn any_ports() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let port = || prop::sample::select(vec![53u16, 80, 443, 50_000]);
    prop::collection::vec((port(), port()).prop_map(|(one, other)| (one.min(other), one.max(other))), 1..3)
}

fn any_service() -> impl Strategy<Value = ServiceMatch> {
    let service = (prop::sample::select(vec![6u8, 17]), any_ports(), prop::option::of(any_ports())).prop_map(
        |(protocol, ports, source_ports)| service(protocol, &ports, &source_ports.unwrap_or_default()),
    );
    prop_oneof![
        Just(ServiceMatch::Any),
        Just(ServiceMatch::ApplicationDefault),
        prop::collection::vec(service, 1..3).prop_map(ServiceMatch::Services),
    ]
}

const ALL_RULE_TYPES: [RuleType; 3] = [RuleType::Universal, RuleType::Intrazone, RuleType::Interzone];

prop_compose! {
    fn any_rule()(
        from in prop::collection::vec(0usize..3, 0..3),
        to in prop::collection::vec(0usize..3, 0..3),
        source in any_ranges(),
        destination in any_ranges(),
        negate in any::<(bool, bool)>(),
        application in prop::collection::vec(any_app(), 0..3),
        service in any_service(),
        rule_type in prop::sample::select(ALL_RULE_TYPES.to_vec()),
        action in prop::sample::select(Action::ALL.to_vec()),
        disabled in prop::bool::weighted(0.1),
    ) -> SecurityRule {
        SecurityRule {
            from, to, source, destination, application, service, rule_type, disabled,
            negate_source: negate.0,
            negate_destination: negate.1,
            ..rule(action)
        }
    }
}

prop_compose! {
    fn any_query()(
        zones in (0u16..3, 0u16..3),
        addresses in (any_address(), any_address()),
        ports in prop::sample::select(vec![(50_000u16, 443u16), (50_000, 80), (53, 53), (0, 0), (1, 8443)]),
        protocol in prop::sample::select(vec![6u8, 17, 1]),
        app in prop::option::of(any_app()),
    ) -> Query {
        Query {
            zone_from: ZoneId(zones.0),
            zone_to: ZoneId(zones.1),
            source: addresses.0,
            destination: addresses.1,
            source_port: ports.0,
            destination_port: ports.1,
            protocol,
            app,
            ..QUERY
        }
    }
}

proptest! {
    #[test]
    fn random_rules_agree_with_the_plain_matcher(
        rules in prop::collection::vec(any_rule(), 0..12),
        queries in prop::collection::vec(any_query(), 1..24),
    ) {
        let config = config(rules);
        let policy = Policy::compile(&config, Generation(1));
        for query in queries {
            let Decision { rule, rule_action, certain, implicit, .. } = policy.lookup(&query);
            let expected = reference::lookup(&config, &query);
            prop_assert_eq!((rule.index(), rule_action, certain, implicit), expected, "{:?}", query);
        }
    }
}

#[test]
fn the_words_for_unidentified_have_no_ports_of_their_own() {
    for application in applications().iter().filter(|application| is_unidentified(application.id)) {
        assert!(application.ports.is_empty(), "{}", application.name);
    }
}

mod commits;
mod index;
mod random;
mod warnings;
