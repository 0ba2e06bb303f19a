//! Virtual routers and their routes.

use alloc::{format, string::String, vec, vec::Vec};

use super::errors;
use crate::{
    Document, parse, parse_lenient,
    typed::{
        Ecmp, EcmpAlgorithm, FailureCondition, InterfaceWeight, MonitoredDestination, RouteMonitor,
        RouteTarget,
    },
};

#[test]
fn the_best_of_equal_routes_stands_first() {
    let route = "set network virtual-router v routing-table ip static-route";
    let text = format!(
        "set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/24\n\
         set network interface ethernet ethernet1/2 layer3 ip 10.0.1.1/24\n\
         {route} far destination 0.0.0.0/0 interface ethernet1/1 admin-dist 20\n\
         {route} dear destination 0.0.0.0/0 interface ethernet1/1 metric 11 bfd profile None\n\
         {route} near destination 0.0.0.0/0 interface ethernet1/2 nexthop ip-address 10.0.1.9\n\
         {route} near path-monitor enable no route-table unicast\n\
         {route} also destination 10.9.0.0/16 interface ethernet1/2"
    );
    let routes = parse(&text, "x.set").unwrap().routes;
    let names: Vec<&str> = routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["near", "also", "dear", "far"]);
}

#[test]
fn a_route_that_cannot_be_honoured_is_no_other_route() {
    let route = "set network virtual-router v routing-table ip static-route r";
    for (line, expected) in [
        (
            "nexthop fqdn a.example",
            "nexthop: not supported: `fqdn`; accepted here: `ip-address`, `discard`, `next-vr`",
        ),
        (
            "route-table multicast",
            "route-table: not supported: `multicast`; accepted here: `unicast`, `no-install`",
        ),
        ("bfd profile fast", "bfd profile: `fast` is not accepted; expected `None`"),
    ] {
        let text = format!(
            "set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/24\n\
             {route} destination 0.0.0.0/0 interface ethernet1/1\n{route} {line}"
        );
        assert!(errors(&text).ends_with(expected), "{}", errors(&text));
        let read = parse_lenient(&text, "x.set").unwrap();
        assert!(read.config.routes.is_empty(), "{line}");
        assert!(read.warnings.iter().any(|warning| format!("{warning}").ends_with(expected)), "{line}");
    }
}

const ROUTERS: &str = "\
    set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/24\n\
    set network interface ethernet ethernet1/2 layer3 ip 10.0.0.1/24\n\
    set network interface ethernet ethernet1/3 layer3 ip 10.2.0.1/24\n\
    set network interface ethernet ethernet1/4 layer3\n\
    set network virtual-router red interface ethernet1/1 admin-dists static 20\n\
    set network virtual-router blue interface ethernet1/2\n";

#[test]
fn interfaces_belong_to_one_virtual_router() {
    let config = parse(ROUTERS, "x.set").unwrap();
    let routers: Vec<(&str, &[usize])> =
        config.virtual_routers.iter().map(|own| (&*own.name, &*own.interfaces)).collect();
    assert_eq!(routers, [("red", &[0, 2, 3][..]), ("blue", &[1])]);
    let of: Vec<Option<usize>> = config.interfaces.iter().map(|own| own.virtual_router).collect();
    assert_eq!(of, [Some(0), Some(1), Some(0), Some(0)]);
    assert!(
        parse("set network interface ethernet ethernet1/1 layer3", "x.set")
            .unwrap()
            .virtual_routers
            .is_empty()
    );
    let twice = format!("{ROUTERS}set network virtual-router blue interface ethernet1/1");
    assert_eq!(
        errors(&twice),
        "x.set:7: network virtual-router blue interface: `ethernet1/1` belongs to virtual router `red` \
         already"
    );
}

#[test]
fn where_routes_lead() {
    let text = format!(
        "{ROUTERS}\
         set network virtual-router red routing-table ip static-route gone destination 10.9.0.0/16 \
         nexthop discard\n\
         set network virtual-router red routing-table ip static-route over destination 10.8.0.0/16\n\
         set network virtual-router red routing-table ip static-route over nexthop next-vr blue\n\
         set network virtual-router red routing-table ip static-route over admin-dist 30 metric 7\n\
         set network virtual-router red routing-table ip static-route idle destination 0.0.0.0/0 interface \
         ethernet1/1 route-table no-install\n\
         set network virtual-router blue routing-table ip static-route out destination 0.0.0.0/0 interface \
         ethernet1/2 nexthop ip-address 10.0.0.9\n\
         set network virtual-router red routing-table ipv6 static-route six destination ::/0 interface \
         ethernet1/1 nexthop ipv6-address fe80::1\n\
         set network virtual-router red routing-table ip static-route far destination 10.7.0.0/16 interface \
         ethernet1/4 nexthop ip-address 10.99.0.1"
    );
    let config = parse(&text, "x.set").unwrap();
    let routes: Vec<_> = config
        .routes
        .iter()
        .map(|route| (&*route.name, route.virtual_router, route.next_hop, route.distance, route.metric))
        .collect();
    let gateway =
        |address: &str, interface| RouteTarget::Gateway { address: address.parse().unwrap(), interface };
    assert_eq!(
        routes,
        [
            ("gone", 0, RouteTarget::Discard, 20, 10),
            ("far", 0, gateway("10.99.0.1", 3), 20, 10),
            ("over", 0, RouteTarget::Router(1), 30, 7),
            ("six", 0, gateway("fe80::1", 0), 10, 10),
            ("out", 1, gateway("10.0.0.9", 1), 10, 10),
        ]
    );
}

#[test]
fn ways_that_lead_nowhere() {
    let route = "network virtual-router red routing-table ip static-route r";
    for (line, expected) in [
        (
            "nexthop ip-address 10.5.0.1 interface ethernet1/1",
            " nexthop ip-address: no network of `ethernet1/1` holds the next hop `10.5.0.1`",
        ),
        (
            "nexthop ip-address 10.0.0.1",
            " nexthop ip-address: the next hop `10.0.0.1` is an address of this device",
        ),
        ("nexthop next-vr red", " nexthop next-vr: `red` is the route's own virtual router"),
        ("nexthop next-vr rde", " nexthop next-vr: unknown virtual router `rde`; did you mean `red`?"),
        ("interface ethernet1/2", " interface: `ethernet1/2` belongs to another virtual router"),
    ] {
        let text = format!("{ROUTERS}set {route} destination 0.0.0.0/0 {line}");
        assert_eq!(errors(&text), format!("x.set:7: {route}{expected}"));
        assert!(parse_lenient(&text, "x.set").unwrap().config.routes.is_empty(), "{line}");
    }
    let two = format!(
        "{ROUTERS}set {route} destination 0.0.0.0/0 nexthop discard\nset {route} nexthop next-vr blue"
    );
    assert_eq!(errors(&two), format!("x.set:8: {route} nexthop next-vr: a route has one `nexthop`"));
}

#[test]
fn routes_that_go_round_are_told_of() {
    let via = |from: &str, prefix: &str, to: &str| {
        format!(
            "set network virtual-router {from} routing-table ip static-route r destination {prefix} nexthop \
             next-vr {to}\n"
        )
    };
    let told = |text: String| -> Vec<u32> {
        let document = Document::parse(&format!("{ROUTERS}{text}"), "x.set").unwrap();
        document.build().unwrap();
        let warnings = document.build_lenient().unwrap().warnings.into_iter();
        warnings.filter(|told| format!("{told}").contains("go round")).map(|told| told.line).collect()
    };
    assert_eq!(told(via("red", "0.0.0.0/0", "blue") + &via("blue", "0.0.0.0/0", "red")), [7, 8]);
    assert_eq!(told(via("red", "10.2.0.0/16", "blue") + &via("blue", "0.0.0.0/0", "red")), [7]);
    assert_eq!(told(via("red", "10.0.0.0/24", "blue") + &via("blue", "10.2.0.0/24", "red")), [0; 0]);
    assert_eq!(told(via("blue", "10.2.0.0/24", "red") + &via("red", "0.0.0.0/0", "blue")), [0; 0]);
}

#[test]
fn how_equal_routes_share() {
    let ecmp = |lines: &[&str]| {
        let lines: Vec<String> =
            lines.iter().map(|line| format!("set network virtual-router red ecmp {line}\n")).collect();
        parse(&format!("{ROUTERS}{}", lines.concat()), "x.set")
            .map(|config| config.virtual_routers[0].ecmp.clone())
    };
    assert_eq!(ecmp(&["max-path 4"]).unwrap(), None);
    assert_eq!(ecmp(&["enable yes"]).unwrap(), Some(Ecmp::default()));
    let hash = EcmpAlgorithm::IpHash { source_only: false, use_ports: true, seed: 7 };
    assert_eq!(
        ecmp(&[
            "enable yes max-path 4",
            "algorithm ip-hash use-port yes hash-seed 7",
            "symmetric-return yes"
        ])
        .unwrap(),
        Some(Ecmp { max_paths: 4, algorithm: hash, symmetric_return: true, strict_source_path: false })
    );
    let weights =
        vec![InterfaceWeight { interface: 2, weight: 200 }, InterfaceWeight { interface: 0, weight: 100 }];
    assert_eq!(
        ecmp(&[
            "enable yes algorithm weighted-round-robin interface ethernet1/3 weight 200",
            "algorithm weighted-round-robin interface ethernet1/1"
        ])
        .unwrap()
        .unwrap()
        .algorithm,
        EcmpAlgorithm::WeightedRoundRobin(weights)
    );
    let balanced = ecmp(&["enable yes algorithm balanced-round-robin"]).unwrap().unwrap();
    assert_eq!(balanced.algorithm, EcmpAlgorithm::BalancedRoundRobin);
    let two = ecmp(&["algorithm ip-modulo", "algorithm balanced-round-robin"]).unwrap_err();
    assert_eq!(format!("{}", two[0].problem), "equal routes are chosen by one algorithm");
}

#[test]
fn routes_that_depend_on_answers() {
    let route = "network virtual-router red routing-table ip static-route r";
    let text = format!(
        "{ROUTERS}set {route} destination 0.0.0.0/0 nexthop ip-address 10.2.0.9\n\
         set {route} path-monitor enable yes failure-condition all hold-time 5\n\
         set {route} path-monitor monitor-destinations a destination 192.0.2.1\n\
         set {route} path-monitor monitor-destinations b destination 192.0.2.2 source 10.2.0.1/24 \
         interval 9\n\
         set {route} path-monitor monitor-destinations c destination 192.0.2.3 enable no\n"
    );
    let destination = |name: &str, last: u8, interval| MonitoredDestination {
        name: name.into(),
        source: Some([10, 2, 0, 1].into()),
        destination: [192, 0, 2, last].into(),
        interval,
        count: 5,
    };
    let expected = RouteMonitor {
        failure_condition: FailureCondition::All,
        hold_time: 300,
        destinations: vec![destination("a", 1, 3), destination("b", 2, 9)],
    };
    assert_eq!(parse(&text, "x.set").unwrap().routes[0].path_monitor, Some(expected));
    let monitor = format!("{route} path-monitor monitor-destinations d");
    for (line, expected) in [
        ("count 3", ": a monitored destination needs a `destination`"),
        ("destination ::1", " destination: `::1` is not an IPv4 address"),
        (
            "destination 192.0.2.1 source 10.0.0.1",
            " source: `10.0.0.1` is no address of the route's interface",
        ),
    ] {
        assert_eq!(errors(&format!("{text}set {monitor} {line}")), format!("x.set:12: {monitor}{expected}"));
    }
}
