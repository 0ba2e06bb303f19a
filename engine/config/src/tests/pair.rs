//! What the administrator of a pair is told.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{Document, parse};

const MODE: &str = "set deviceconfig high-availability group mode active-active";
const PAIR: &str = "\
    set network interface ethernet ethernet1/1 layer3 ip 192.0.2.2/24\n\
    set network interface ethernet ethernet1/2 layer3 ip 198.51.100.2/24\n\
    set network interface ethernet ethernet1/3 tap\n\
    set network interface loopback units loopback.1 ip 203.0.113.1/32\n\
    set zone a network layer3 [ ethernet1/1 ethernet1/2 loopback.1 ]\n\
    set deviceconfig high-availability enabled yes\n\
    set deviceconfig high-availability interface ha1 ip-address 10.255.0.1 netmask 30 port ha1-a\n\
    set deviceconfig high-availability interface ha3 port ethernet1/6 mtu 1570\n\
    set deviceconfig high-availability group group-id 7 peer-ip 10.255.0.2\n\
    set deviceconfig high-availability group mode active-active device-id 0\n";
const SHARED: &str = "virtual-address ethernet1/2 ip 198.51.100.1 arp-load-sharing ip-modulo";
const FLOATING: &str = "virtual-address ethernet1/1 ip 192.0.2.4 floating";

fn warnings(lines: &str) -> Vec<String> {
    let document = Document::parse(&format!("{PAIR}{lines}\n"), "x.set").unwrap();
    if let Err(errors) = document.build() {
        panic!("{}", errors[0]);
    }
    let warnings = document.build_lenient().unwrap().warnings;
    // Without file and line.
    let text = |warning: String| warning.splitn(3, ':').nth(2).unwrap().trim_start().into();
    warnings.iter().map(|warning| text(warning.to_string())).collect()
}

fn error(lines: &str) -> String {
    match parse(&format!("{PAIR}{lines}\n"), "x.set") {
        Ok(_) => panic!("{lines}"),
        Err(errors) => errors[0].to_string(),
    }
}

#[test]
fn a_pair_as_recommended_is_in_order() {
    let none: [&str; 0] = [];
    assert_eq!(warnings(&format!("{MODE} {FLOATING}\n{MODE} {SHARED}")), none);
    let named = "session-owner-selection first-packet session-setup ip-modulo";
    assert_eq!(warnings(&format!("{MODE} {named}")), none);
    // What is not used warns of nothing.
    let off = format!(
        "set deviceconfig high-availability enabled no\n{MODE} session-owner-selection primary-device\n\
         {MODE} {SHARED}"
    );
    assert_eq!(warnings(&off), none);
}

#[test]
fn the_recommended_choice_is_named_where_another_is_made() {
    let first = "session-owner-selection first-packet session-setup";
    for (choice, why) in [
        (
            "session-owner-selection primary-device".to_string(),
            "here the active-primary device works for both, and what comes to the other one goes over HA3",
        ),
        (format!("{first} primary-device"), "here the active-primary device sets up the sessions of both"),
        (
            format!("{first} first-packet"),
            "here a device that gets more sessions than the other one sets up more too",
        ),
        (
            format!("{first} ip-hash hash-seed 3"),
            "a hash divides better only where the addresses' parities are uneven",
        ),
    ] {
        let found = warnings(&format!("{MODE} {choice}"));
        let wanted = format!(
            "deviceconfig high-availability group mode active-active session-owner-selection: owner \
             `first-packet` with session setup `ip-modulo` is recommended: {why}"
        );
        assert_eq!(found, [wanted]);
    }
}

#[test]
fn sharing_by_arp_is_for_hosts_nearby_and_for_devices_that_both_work() {
    let of = "deviceconfig high-availability group mode active-active virtual-address ethernet1/2";
    for (choice, what) in [("primary-device", "own"), ("first-packet session-setup primary-device", "set up")]
    {
        let lines = format!("{MODE} {SHARED}\n{MODE} session-owner-selection {choice}");
        let wanted = format!(
            "{of}: `arp-load-sharing` divides the hosts between the devices, but the active-primary device \
             is to {what} every session: those of the other device's hosts go over HA3"
        );
        assert!(warnings(&lines).contains(&wanted), "{:?}", warnings(&lines));
    }
    let route = |network: &str, gateway: &str| {
        format!(
            "set network virtual-router default routing-table ip static-route branch destination {network} \
             nexthop ip-address {gateway}"
        )
    };
    let routed = format!("{MODE} {SHARED}\n{}", route("10.0.0.0/8", "198.51.100.9"));
    let wanted = format!(
        "{of}: `arp-load-sharing` is for hosts of the interface's own network, but route `branch` leads to \
         hosts behind `198.51.100.9`: that router asks once for all of them, and all come to one device"
    );
    assert_eq!(warnings(&routed), [wanted]);
    let elsewhere = format!("{MODE} {SHARED}\n{}", route("0.0.0.0/0", "192.0.2.1"));
    assert!(warnings(&elsewhere).is_empty());
}

#[test]
fn ha3_carries_whole_frames() {
    let ha3 = "deviceconfig high-availability interface";
    let two_pieces = format!(
        "{ha3} ha3: packets of 1500 bytes, the `mtu` of `ethernet1/2`, need an HA3 link with an `mtu` of \
         1570; over one of 1500 they go in two pieces, which costs both devices"
    );
    assert_eq!(warnings(&format!("set {ha3} ha3 mtu 1500")), [two_pieces]);
    let jumbo = warnings("set network interface ethernet ethernet1/1 layer3 mtu 9000");
    assert!(
        jumbo[0].contains("the `mtu` of `ethernet1/1`, need an HA3 link with an `mtu` of 9070"),
        "{jumbo:?}"
    );
    let missing = format!(
        "{ha3}: without `ha3` no packet goes to the other device, though `packet-forwarding` is on: packets \
         that come to the wrong device are lost"
    );
    assert_eq!(warnings(&format!("delete {ha3} ha3")), [missing]);
    assert!(warnings(&format!("delete {ha3} ha3\n{MODE} packet-forwarding no")).is_empty());
}

#[test]
fn translation_goes_to_an_address_that_moves() {
    let rule = "set rulebase nat rules out active-active-device-binding 0 source-translation";
    let of = "rulebase nat rules out source-translation dynamic-ip-and-port interface-address";
    let to = |more: &str| {
        warnings(&format!(
            "{MODE} {FLOATING}\n\
             {MODE} virtual-address ethernet1/1 ip 192.0.2.5 floating bind-to-active-primary yes\n\
             {rule} dynamic-ip-and-port {more}"
        ))
    };
    let interface = "interface-address interface ethernet1/1";
    let wanted = format!(
        "{of}: rule `out` translates to the address of `ethernet1/1`, which stays with a device that fails, \
         and its sessions end: put the floating address into `translated-address`, as `192.0.2.4`"
    );
    assert_eq!(to(interface), [wanted.as_str()]);
    assert_eq!(to(&format!("{interface} ip 192.0.2.2/24")), [wanted]);
    assert!(to(&format!("{interface} floating-ip 192.0.2.4")).is_empty());
    assert!(to("translated-address 192.0.2.4").is_empty());
    assert!(to("interface-address interface ethernet1/2").is_empty(), "no floating address there");
    let bound = format!(
        "{of}: `192.0.2.5` is bound to the active-primary device: a rule that the other device uses cannot \
         translate to it"
    );
    assert_eq!(to(&format!("{interface} floating-ip 192.0.2.5")), [bound]);
    let stranger = format!("{of}: `192.0.2.77` is no floating address of `ethernet1/1`");
    assert_eq!(to(&format!("{interface} floating-ip 192.0.2.77")), [stranger]);
}

#[test]
fn what_no_pair_can_be() {
    let mode = "deviceconfig high-availability group mode active-active";
    for (lines, expected) in [
        (
            format!(
                "{MODE} session-owner-selection primary-device\n\
                     {MODE} session-owner-selection first-packet session-setup ip-modulo"
            ),
            format!(
                "{mode} session-owner-selection first-packet: the owner is `primary-device`, which sets \
                     up every session too: there is no `first-packet` and no `session-setup` beside it"
            ),
        ),
        (
            format!(
                "{MODE} session-owner-selection first-packet session-setup ip-modulo\n\
                     {MODE} session-owner-selection first-packet session-setup first-packet"
            ),
            format!(
                "{mode} session-owner-selection first-packet session-setup ip-modulo: `first-packet` \
                     stands there too; only one of them can"
            ),
        ),
        (
            format!("delete {mode} device-id\n{MODE}"),
            format!("{mode}: an active/active pair needs a `device-id`"),
        ),
        (
            format!("{MODE} virtual-address ethernet1/1 ip 198.51.100.9 floating"),
            format!(
                "{mode} virtual-address ethernet1/1 ip 198.51.100.9: `198.51.100.9` is in no network of \
                     `ethernet1/1`: its hosts do not ask for it there"
            ),
        ),
        (
            format!("{MODE} virtual-address ethernet1/1 ip 192.0.2.2 floating"),
            format!(
                "{mode} virtual-address ethernet1/1 ip 192.0.2.2: `192.0.2.2` is this device's own \
                     address on `ethernet1/1`"
            ),
        ),
        (
            format!("{MODE} virtual-address ethernet1/1 ip 192.0.2.255 floating"),
            format!(
                "{mode} virtual-address ethernet1/1 ip 192.0.2.255: `192.0.2.255` is the first or last \
                     of its network, which no host has"
            ),
        ),
        (
            format!("{MODE} virtual-address loopback.1 ip 203.0.113.9 arp-load-sharing ip-modulo"),
            format!(
                "{mode} virtual-address loopback.1 ip 203.0.113.9: nobody asks `loopback.1` for an \
                     address by ARP"
            ),
        ),
        (
            format!("{MODE} virtual-address ethernet1/3 ip 203.0.113.9 floating"),
            format!(
                "{mode} virtual-address ethernet1/3 ip 203.0.113.9: `ethernet1/3` has no addresses of a \
                     pair; only `layer3` and `loopback` have"
            ),
        ),
    ] {
        let found = error(&lines);
        assert_eq!(found.splitn(3, ':').nth(2).unwrap().trim_start(), expected);
    }
    assert!(warnings(&format!("{MODE} virtual-address loopback.1 ip 203.0.113.9 floating")).is_empty());
}

#[test]
fn path_groups_of_wires_are_not_watched() {
    let group = |through: &str| {
        format!(
            "set deviceconfig high-availability group monitoring path-monitoring path-group {through} \
             destination-ip-group isp destination-ip 203.0.113.9"
        )
    };
    let router = "set network virtual-router default ecmp enable no\n";
    assert!(warnings(&format!("{router}{}", group("virtual-router default"))).is_empty());
    let wire = group("virtual-wire wire") + "\n" + &group("virtual-wire wire source-ip 203.0.113.1");
    let warned = warnings(&wire);
    let what = "path groups of other things than virtual routers are not pinged, so none of them fails";
    assert!(warned.iter().any(|warning| warning.ends_with(what)), "{warned:?}");
    let off = "set deviceconfig high-availability group monitoring path-monitoring enabled no";
    assert!(warnings(&format!("{wire}\n{off}")).is_empty());
}
