//! Random configurations, printed and read back.

use super::*;
use crate::{
    parse, parse_lenient,
    schema::Kind,
    typed::{Interface, Route, TimeoutOverride, Zone},
};
use alloc::vec;
use core::net::IpAddr;
use proptest::prelude::*;

const RULE_TYPES: [RuleType; 3] = [RuleType::Universal, RuleType::Intrazone, RuleType::Interzone];
const NAMES: [&str; 6] = ["a", "web servers", "10.0.0.1", "x_y-z.1", "Ä", "any"];

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
    ]
}

fn any_prefix() -> impl Strategy<Value = Prefix> {
    (any_address(), 0u8..=128).prop_map(|(address, length)| Prefix {
        address,
        length: if address.is_ipv4() { length % 33 } else { length },
    })
}

fn any_range() -> impl Strategy<Value = AddressRange> {
    (any_address(), any_address()).prop_map(|(one, other)| {
        let other = if one.is_ipv4() == other.is_ipv4() { other } else { one };
        AddressRange { first: one.min(other), last: one.max(other) }
    })
}

fn any_ports() -> impl Strategy<Value = (u16, u16)> {
    any::<(u16, u16)>().prop_map(|(one, other)| (one.min(other), one.max(other)))
}

prop_compose! {
    fn any_service(number: usize)(
        udp in any::<bool>(),
        ports in prop::collection::vec(any_ports(), 1..3),
        source_ports in prop::collection::vec(any_ports(), 0..3),
        timeouts in prop::option::of((1u32..=604_800, 1u32..=604_800, 1u32..=600)),
    ) -> Service {
        let tcp = |seconds| if udp { None } else { seconds };
        Service {
            name: format!("service {number}"),
            protocol: if udp { 17 } else { 6 },
            ports,
            source_ports,
            timeouts: TimeoutOverride {
                timeout: timeouts.map(|(timeout, _, _)| timeout),
                half_closed: tcp(timeouts.map(|(_, half_closed, _)| half_closed)),
                time_wait: tcp(timeouts.map(|(_, _, time_wait)| time_wait)),
            },
        }
    }
}

prop_compose! {
    fn any_rule(zones: usize, services: Vec<Service>)(
        from in prop::sample::subsequence((0..zones).collect::<Vec<_>>(), 0..=zones),
        to in prop::sample::subsequence((0..zones).collect::<Vec<_>>(), 0..=zones),
        source in prop::collection::vec(any_range(), 0..3),
        destination in prop::collection::vec(any_range(), 0..3),
        application in prop::collection::btree_set(1..catalog::applications().len(), 0..4),
        listed in prop::sample::subsequence(services.clone(), 0..=services.len()),
        application_default in any::<bool>(),
        action in any_action(),
        rule_type in prop::sample::select(&RULE_TYPES[..]),
        flags in any::<[bool; 6]>(),
        description in "[a-z \"#\\[\\]]{0,20}|[a-z '#]{0,20}",
    ) -> SecurityRule {
        SecurityRule {
            name: String::new(),
            from,
            to,
            negate_source: flags[0] && !source.is_empty(),
            negate_destination: flags[1] && !destination.is_empty(),
            source,
            destination,
            application: application.into_iter().map(|place| catalog::applications()[place].id).collect(),
            service: match (application_default, listed.is_empty()) {
                (true, _) => ServiceMatch::ApplicationDefault,
                (false, true) => ServiceMatch::Any,
                (false, false) => ServiceMatch::Services(listed),
            },
            rule_type,
            action,
            icmp_unreachable: flags[2],
            log_start: flags[3],
            log_end: flags[4],
            disabled: flags[5],
            description,
            ..SecurityRule::default()
        }
    }
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(&[Action::Allow, Action::Deny, Action::Drop, Action::ResetBoth][..])
}

fn any_default_rule() -> impl Strategy<Value = DefaultRule> {
    (prop::option::of(any_action()), any::<(bool, bool)>())
        .prop_map(|(action, (log_start, log_end))| DefaultRule { action, log_start, log_end })
}

/// A configuration whose single fields hold other values than the defaults, wherever `changed` says so.
fn with_fields(mut config: Config, changed: &[u32]) -> Config {
    let fields = SECTIONS.iter().flat_map(|section| section.leaves).filter_map(|leaf| match leaf.home {
        Home::Field(field) => Some((leaf.kind, field)),
        Home::Entry(_) => None,
    });
    for ((kind, field), change) in fields.zip(changed.iter().cycle()) {
        let value = if let Kind::Integer { min, max, .. } = kind {
            (min + change % (max - min + 1)).to_string()
        } else if let Kind::Words(words) = kind {
            words[*change as usize % words.len()].into()
        } else if kind == Kind::YesNo {
            String::from(["yes", "no"][*change as usize % 2])
        } else {
            format!("gate-{change}")
        };
        field.write(&mut config, &value);
    }
    config
}

fn any_interface(number: usize) -> impl Strategy<Value = Interface> {
    prop::collection::vec(any_prefix(), 0..4).prop_map(move |mut addresses| {
        addresses.sort_by_key(|prefix| prefix.address.is_ipv6());
        Interface { name: format!("ethernet1/{number}"), addresses, ..Interface::default() }
    })
}

fn any_zone(number: usize) -> impl Strategy<Value = Zone> {
    any::<(bool, Option<bool>, Option<bool>)>().prop_map(move |(used, tcp_reject_non_syn, bypass)| Zone {
        name: NAMES[number].into(),
        interfaces: if used { vec![number] } else { vec![] },
        tcp_reject_non_syn,
        asymmetric_path_bypass: bypass,
    })
}

fn any_routes(interfaces: usize) -> impl Strategy<Value = Vec<Route>> {
    prop::collection::vec((any_prefix(), 0..interfaces), 0..4).prop_map(|routes| {
        let named = |(place, (destination, interface)): (usize, (Prefix, usize))| Route {
            name: NAMES[place].into(),
            destination,
            interface,
        };
        let mut routes: Vec<Route> = routes.into_iter().enumerate().map(named).collect();
        routes.sort_by_key(|route| route.destination.address.is_ipv6());
        routes
    })
}

prop_compose! {
    fn any_config()(
        services in (any_service(1), any_service(2)).prop_map(|(one, other)| vec![one, other]),
    )(
        interfaces in [any_interface(1), any_interface(2), any_interface(3), any_interface(4)],
        zones in [any_zone(0), any_zone(1), any_zone(2)],
        routes in any_routes(4),
        mut rules in prop::collection::vec(any_rule(3, services), 0..4),
        defaults in (any_default_rule(), any_default_rule()),
        changed in prop::collection::vec(any::<u32>(), 1..80),
    ) -> Config {
        for (place, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("{} {place}", NAMES[place]);
        }
        let config = Config {
            interfaces: interfaces.into(),
            routes,
            zones: zones.into(),
            rules,
            intrazone_default: defaults.0,
            interzone_default: defaults.1,
            ..Config::default()
        };
        with_fields(config, &changed)
    }
}

fn duplicates(config: &Config) -> bool {
    config.interfaces.iter().any(|interface| {
        let addresses = &interface.addresses;
        addresses.iter().enumerate().any(|(place, prefix)| addresses[..place].contains(prefix))
    }) || config.rules.iter().any(|rule| {
        let twice = |ranges: &[AddressRange]| {
            ranges.iter().enumerate().any(|(place, range)| ranges[..place].contains(range))
        };
        twice(&rule.source) || twice(&rule.destination)
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(config in any_config()) {
        prop_assume!(!duplicates(&config));
        let text = config.to_set();
        match parse(&text, "printed.set") {
            Ok(read) => prop_assert_eq!(read, config, "{}", text),
            Err(errors) => prop_assert!(false, "{}\n{}", errors[0], text),
        }
    }
}

/// A line for some setting with some value, right or wrong.
fn any_line() -> impl Strategy<Value = String> {
    const VALUES: &[&str] = &[
        "any",
        "a",
        "b",
        "yes",
        "no",
        "10",
        "70000",
        "10.0.0.1",
        "10.0.0.0/8",
        "::/0",
        "10.0.0.1-10.0.0.9",
        "ssl",
        "80,90-99",
        "ethernet1/1",
        "ethernet1/2",
        "allow",
        "global",
        "service-http",
        "application-default",
        "[ a b ]",
        "[ ]",
        "\"b c\"",
        "nonsense",
        "",
    ];
    const NAMES: &[&str] = &["a", "b", "any", "ethernet1/1", "intrazone-default", "\"b c\""];
    let leaves: Vec<&str> =
        SECTIONS.iter().flat_map(|section| section.leaves).map(|leaf| leaf.path).collect();
    let verb = prop::sample::select(&["set ", "", "delete ", "set vsys vsys1 "][..]);
    let choice = any::<bool>();
    (verb, prop::sample::select(leaves), prop::sample::select(VALUES), prop::sample::select(NAMES), choice)
        .prop_map(|(verb, path, value, name, second)| {
            let step = |step: &str| match (step.starts_with('<'), step.split_once('|')) {
                (true, _) => String::from(name),
                (false, Some((one, other))) => String::from(if second { other } else { one }),
                (false, None) => step.into(),
            };
            let path: Vec<String> = path.split(' ').map(step).collect();
            format!("{verb}{} {value}", path.join(" "))
        })
}

proptest! {
    #[test]
    fn whatever_a_lenient_reading_takes_reads_back(lines in prop::collection::vec(any_line(), 0..60)) {
        let mut text = lines.join("\n");
        while let Err(errors) = parse_lenient(&text, "random.set") {
            let wrong: Vec<usize> = errors.iter().map(|error| error.line as usize - 1).collect();
            let kept = text.lines().enumerate().filter(|(number, _)| !wrong.contains(number));
            text = kept.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        }
        let read = parse_lenient(&text, "random.set").unwrap();
        if read.warnings.is_empty() {
            prop_assert_eq!(parse(&text, "random.set"), Ok(read.config.clone()));
        } else {
            prop_assert!(parse(&text, "random.set").is_err());
        }
        let printed = read.config.to_set();
        prop_assert_eq!(parse(&printed, "printed.set"), Ok(read.config), "{}\n{}", text, printed);
    }
}

#[test]
fn defaults_are_left_out() {
    assert_eq!(Config::default().to_set(), "");
}
