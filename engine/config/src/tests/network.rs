//! Interfaces, their units, routes.

use alloc::{format, string::String, vec::Vec};

use super::{errors, last_line_is_wrong};
use crate::{parse, parse_lenient, typed::InterfaceKind};

#[test]
fn interfaces_of_every_kind() {
    let text = "\
        set network profiles interface-management-profile ping ping yes https no permitted-ip 10.0.0.0/8\n\
        set network interface ethernet ethernet1/1 layer3 mtu 1400 interface-management-profile ping\n\
        set network interface ethernet ethernet1/1 layer3 units ethernet1/1.100 tag 100 ip 10.0.0.1/24\n\
        set network interface ethernet ethernet1/1 layer3 units ethernet1/1.200 tag 7 comment x\n\
        set network interface ethernet ethernet1/1 layer3 units ethernet1/1.200 ipv6 address 2001:db8::1/64\n\
        set network interface ethernet ethernet1/2 tap\n\
        set network interface ethernet ethernet1/2 link-state up link-speed auto link-duplex full\n\
        set network interface ethernet ethernet1/3 virtual-wire\n\
        set network interface ethernet ethernet1/4 ha\n\
        set network interface ethernet ethernet1/5 layer3 ipv6 enabled no address 2001:db8:1::1/64\n\
        set network interface aggregate-ethernet ae1 layer3 ip 10.0.2.1/24\n\
        set network interface aggregate-ethernet ae1 layer3 units ae1.7 tag 7 ip 10.0.3.1/24\n\
        set network interface loopback units loopback.1 ip 192.0.2.1\n\
        set network interface vlan units vlan.1 ip 10.0.4.1/24\n\
        set network interface tunnel units tunnel.1 comment \"to the branch\"\n\
        set network interface tunnel ip 10.0.5.1/30\n\
        set import network interface [ ethernet1/1 ae1.7 ethernet1/4 ] virtual-router default";
    let config = parse(text, "x.set").unwrap();
    let interfaces: Vec<String> = config
        .interfaces
        .iter()
        .map(|own| {
            let addresses: Vec<String> =
                own.addresses.iter().map(|prefix| format!("{}/{}", prefix.address, prefix.length)).collect();
            format!("{} {:?} {:?} {}", own.name, own.kind, own.tag, addresses.join(" "))
        })
        .collect();
    assert_eq!(
        interfaces,
        [
            "ethernet1/1 Layer3 None ",
            "ethernet1/1.100 Layer3 Some(100) 10.0.0.1/24",
            "ethernet1/1.200 Layer3 Some(7) 2001:db8::1/64",
            "ethernet1/2 Tap None ",
            "ethernet1/3 VirtualWire None ",
            "ethernet1/5 Layer3 None ",
            "ae1 Layer3 None 10.0.2.1/24",
            "ae1.7 Layer3 Some(7) 10.0.3.1/24",
            "loopback.1 Loopback None 192.0.2.1/32",
            "vlan.1 Layer3 None 10.0.4.1/24",
            "tunnel Tunnel None 10.0.5.1/30",
            "tunnel.1 Tunnel None ",
        ]
    );
    assert_eq!(config.interfaces[8].kind, InterfaceKind::Loopback);
}

#[test]
fn interfaces_that_do_not_fit() {
    last_line_is_wrong(
        "network interface ",
        &[
            (
                "set network interface ethernet ethernet1/2 layer3 units ethernet1/3.1 tag 1",
                "ethernet ethernet1/2 layer3 units ethernet1/3.1: a unit of `ethernet1/2` is called \
                 `ethernet1/2.NUMBER`",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 units ethernet1/2.1 tag 5\n\
                 set network interface ethernet ethernet1/2 layer3 units ethernet1/2.2 tag 5",
                "ethernet ethernet1/2 layer3 units ethernet1/2.2: `ethernet1/2.1` has the tag 5 already",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 units ethernet1/2.1 tag 4095",
                "ethernet ethernet1/2 layer3 units ethernet1/2.1 tag: `4095` is not accepted; expected a \
                 number from 1 to 4,094",
            ),
            (
                "set network interface ethernet ethernet1/2 tap\n\
                 set network interface ethernet ethernet1/2 ha",
                "ethernet ethernet1/2 ha: an interface is one of `layer3`, `tap`, `virtual-wire` and `ha`",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 interface-management-profile ping",
                "ethernet ethernet1/2 layer3 interface-management-profile: unknown management profile `ping`",
            ),
            (
                "set network interface ethernet ethernet1/2 link-state down",
                "ethernet ethernet1/2 link-state: not supported: an interface that is down; leave it out of \
                 its zone",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 dhcp-client enable yes",
                "ethernet ethernet1/2 layer3: not supported: `dhcp-client`; accepted here: `ip`, `ipv6`, \
                 `mtu`, `interface-management-profile`, `units`",
            ),
        ],
    );
}

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
        ("nexthop discard", "nexthop: not supported: `discard`; accepted here: `ip-address`"),
        ("nexthop next-vr other", "nexthop: not supported: `next-vr`; accepted here: `ip-address`"),
        ("path-monitor enable yes", "path-monitor enable: `yes` is not accepted; expected `no`"),
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

#[test]
fn users_of_a_zone_that_knows_none() {
    let text = "set zone a network layer3\nset zone a enable-user-identification no\n\
                set rulebase security rules r source-user acme\\Joe from a";
    assert_eq!(
        errors(text),
        "x.set:2: zone a enable-user-identification: not supported: a zone without user identification \
         that rule `r` asks for users of"
    );
    let yes = text.replace("identification no", "identification yes");
    let users = &parse(&yes, "x.set").unwrap().rules[0].source_user;
    assert_eq!(*users, [crate::typed::UserMatch::Name("acme\\joe".into())]);
}
