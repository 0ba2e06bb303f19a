//! Interfaces, their units, wires, zones.

use alloc::{format, string::String, vec, vec::Vec};

use super::{errors, last_line_is_wrong};
use crate::{
    Document, parse, parse_lenient,
    typed::{AdjustMss, Ipv6Settings, ManagementServices, NdProxy, StaticNeighbor, VirtualWire},
};

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
            "ethernet1/4 Ha None ",
            "ethernet1/5 Layer3 None ",
            "ae1 Layer3 None 10.0.2.1/24",
            "ae1.7 Layer3 Some(7) 10.0.3.1/24",
            "loopback.1 Loopback None 192.0.2.1/32",
            "vlan.1 Layer3 None 10.0.4.1/24",
            "tunnel Tunnel None 10.0.5.1/30",
            "tunnel.1 Tunnel None ",
        ]
    );
    let units: Vec<_> =
        config.interfaces.iter().filter_map(|own| Some((&*own.name, own.parent?, own.mtu))).collect();
    assert_eq!(units, [("ethernet1/1.100", 0, 1400), ("ethernet1/1.200", 0, 1400), ("ae1.7", 7, 1500)]);
    assert_eq!(config.interfaces[0].management_profile, Some(0));
    let profile = &config.management_profiles[0];
    assert_eq!((profile.services, profile.permitted.len()), (ManagementServices::PING, 1));
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
                "set network interface ethernet ethernet1/2 virtual-wire units ethernet1/2.1 tag 5\n\
                 set network interface ethernet ethernet1/2 virtual-wire units ethernet1/2.2 tag 5",
                "ethernet ethernet1/2 virtual-wire units ethernet1/2.2: `ethernet1/2.1` has the tag 5 \
                 already",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 ipv6 address 2001:db8::1/64\n\
                 set network interface ethernet ethernet1/2 layer3 mtu 1279",
                "ethernet ethernet1/2 layer3 mtu: an interface with IPv6 needs an `mtu` of at least \
                 1280, not 1279",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 ip 10.0.0.1/16",
                "ethernet ethernet1/2 layer3 ip: `ethernet1/1` has the address 10.0.0.1 already",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 ip 224.0.0.1/24",
                "ethernet ethernet1/2 layer3 ip: `224.0.0.1/24` is no address of one host",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 arp 10.0.0.9",
                "ethernet ethernet1/2 layer3 arp 10.0.0.9: a neighbor needs a `hw-address`",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 arp 10.0.0.9 hw-address 03:00:00:00:00:01",
                "ethernet ethernet1/2 layer3 arp 10.0.0.9 hw-address: `03:00:00:00:00:01` is the Ethernet \
                 address of a group, not of one station",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 arp ::1 hw-address 02:00:00:00:00:01",
                "ethernet ethernet1/2 layer3 arp ::1: `::1` is not an IPv4 address",
            ),
            (
                "set network interface ethernet ethernet1/2 layer3 dhcp-client enable yes",
                "ethernet ethernet1/2 layer3: not supported: `dhcp-client`; accepted here: `ip`, `ipv6`, \
                 `mtu`, `adjust-tcp-mss`, `interface-management-profile`, `arp`, `ndp-proxy`, `lldp`, \
                 `units`",
            ),
        ],
    );
}

#[test]
fn what_an_interface_does_with_packets() {
    let on = "network interface ethernet ethernet1/1 layer3";
    let text = format!(
        "set {on} ip 10.0.0.1/24 adjust-tcp-mss enable yes ipv6-mss-adjustment 80\n\
         set {on} arp 10.0.0.9 hw-address 02:00:00:00:00:09\n\
         set {on} ipv6 neighbor-discovery neighbor fe80::9 hw-address 02:00:00:00:00:0a\n\
         set {on} ipv6 neighbor-discovery dad-attempts 3 ns-interval 2 reachable-time 60\n\
         set {on} ipv6 neighbor-discovery router-advertisement enable no\n\
         set {on} ndp-proxy enabled yes\n\
         set {on} ndp-proxy address 2001:db8::/64 negate no\n\
         set {on} ndp-proxy address 2001:db8::1 negate yes\n\
         set network interface ethernet ethernet1/1 link-state down\n\
         set {on} units ethernet1/1.5 tag 5 mtu 9000 ipv6 neighbor-discovery enable-dad no\n\
         set network profiles interface-management-profile m ssh yes https yes"
    );
    let config = parse(&text, "x.set").unwrap();
    let [own, unit] = config.interfaces.as_slice() else { panic!("two") };
    assert_eq!(own.adjust_mss, Some(AdjustMss { ipv4: 40, ipv6: 80 }));
    let neighbor = |address: &str, last: u8| StaticNeighbor {
        address: address.parse().unwrap(),
        mac: bifrons_model::MacAddress([2, 0, 0, 0, 0, last]),
    };
    assert_eq!(own.neighbors, [neighbor("10.0.0.9", 9), neighbor("fe80::9", 10)]);
    let expected = Ipv6Settings { enabled: true, dad_attempts: 3, ns_interval: 2, reachable_time: 60 };
    assert_eq!(own.ipv6, expected);
    let range = |text: &str| crate::typed::AddressRange::from_text(text).unwrap();
    let proxy = NdProxy { addresses: vec![range("2001:db8::/64")], except: vec![range("2001:db8::1")] };
    assert_eq!(own.nd_proxy, Some(proxy));
    assert!(!own.link_up && !unit.link_up && unit.nd_proxy.is_none());
    assert_eq!((unit.mtu, unit.ipv6.dad_attempts, unit.adjust_mss), (9000, 0, None));
    let services = config.management_profiles[0].services;
    assert!(services.has_any(ManagementServices::at_port(6, 22)));
    assert!(services.has_any(ManagementServices::at_port(6, 443)));
    assert!(
        !services.has_any(ManagementServices::PING) && !services.has_any(ManagementServices::at_port(6, 9))
    );
}

#[test]
fn a_profile_whose_clients_are_not_known_offers_nothing() {
    let text = "set network profiles interface-management-profile m ping yes permitted-ip nobody";
    assert!(errors(text).contains("unknown address `nobody`"));
    let profile = &parse_lenient(text, "x.set").unwrap().config.management_profiles[0];
    assert_eq!((profile.services, profile.permitted.as_slice()), (ManagementServices::default(), &[][..]));
}

const WIRE: &str = "\
    set network interface ethernet ethernet1/1 virtual-wire\n\
    set network interface ethernet ethernet1/2 virtual-wire\n\
    set network interface ethernet ethernet1/3 virtual-wire units ethernet1/3.7 tag 7\n\
    set network interface ethernet ethernet1/4 virtual-wire units ethernet1/4.7 tag 7\n\
    set network interface ethernet ethernet1/5 layer3\n\
    set network virtual-wire one interface1 ethernet1/1 interface2 ethernet1/2\n";

#[test]
fn wires() {
    let text = format!(
        "{WIRE}set network virtual-wire two interface1 ethernet1/3.7 interface2 ethernet1/4.7\n\
         set network virtual-wire two tag-allowed 0,100-199 multicast-firewalling enable yes\n\
         set network virtual-wire two link-state-pass-through enable no"
    );
    let config = parse(&text, "x.set").unwrap();
    let wire =
        |name: &str, interfaces| VirtualWire { name: name.into(), interfaces, ..VirtualWire::default() };
    let expected = VirtualWire {
        tags: vec![(0, 0), (100, 199)],
        multicast_firewalling: true,
        link_state_pass_through: false,
        ..wire("two", [3, 5])
    };
    assert_eq!(config.virtual_wires, [wire("one", [0, 1]), expected]);
    assert_eq!((config.interfaces[3].parent, config.interfaces[3].tag), (Some(2), Some(7)));
    for (line, expected) in [
        ("w interface1 ethernet1/3", "w: a wire has two ends, `interface1` and `interface2`"),
        ("w interface1 ethernet1/3 interface2 ethernet1/3", "w: the two ends of a wire are two interfaces"),
        (
            "w interface1 ethernet1/3 interface2 ethernet1/1",
            "w interface2: `ethernet1/1` is an end of the wire `one` already",
        ),
        (
            "w interface1 ethernet1/3 interface2 ethernet1/5",
            "w interface2: `ethernet1/5` is no `virtual-wire` interface",
        ),
    ] {
        let text = format!("{WIRE}set network virtual-wire {line}");
        assert_eq!(errors(&text), format!("x.set:7: network virtual-wire {expected}"));
    }
}

#[test]
fn a_zone_has_interfaces_of_its_kind() {
    let text = format!("{WIRE}set zone a network layer3 [ ethernet1/5 ethernet1/1 ]");
    assert_eq!(errors(&text), "x.set:7: zone a network layer3: `ethernet1/1` is no `layer3` interface");
}

/// What is told of a configuration that is in order.
fn warnings(text: &str) -> Vec<String> {
    let document = Document::parse(text, "x.set").unwrap();
    document.build().unwrap();
    let warnings = document.build_lenient().unwrap().warnings;
    warnings.iter().map(|warning| format!("{warning}")).collect()
}

#[test]
fn what_an_administrator_is_told() {
    let on = "set network interface ethernet ethernet1/";
    let text = format!(
        "{on}1 layer3 ip 10.0.0.1/8\n{on}2 layer3 ip [ 10.1.0.1/16 10.1.0.9/32 ]\n{on}3 layer3 ip \
         192.0.2.0/24\n\
         {on}4 virtual-wire\n{on}5 layer3 mtu 1400 units ethernet1/5.1 tag 1 mtu 1500\n\
         {on}6 layer3 ip 198.51.100.1/24\n\
         set zone a network layer3 [ ethernet1/1 ethernet1/2 ethernet1/3 ]\n\
         set network virtual-wire w interface1 ethernet1/7 interface2 ethernet1/8\n\
         {on}7 virtual-wire\n{on}8 virtual-wire"
    );
    assert_eq!(
        warnings(&text),
        [
            "x.set:2: network interface ethernet ethernet1/2 layer3 ip: 10.1.0.1/16 and a network of \
             `ethernet1/1` overlap: some of the hosts are not reached",
            "x.set:3: network interface ethernet ethernet1/3 layer3 ip: 192.0.2.0/24 names the network \
             itself, \
             and should not be of one host",
            "x.set:5: network interface ethernet ethernet1/5 layer3 units ethernet1/5.1 mtu: packets of 1500 \
             bytes do not fit the `mtu` 1400 of `ethernet1/5`",
            "x.set:6: network interface ethernet ethernet1/6 layer3: the interface belongs to no zone: \
             no rule \
             allows what comes in by it",
            "x.set:8: network virtual-wire: `ethernet1/4` is an end of no wire: what comes in by it is \
             dropped",
        ]
    );
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
