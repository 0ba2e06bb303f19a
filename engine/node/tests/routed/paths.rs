//! Routes and forwarding rules that depend on a monitored path.

use std::net::Ipv4Addr;

use bifrons_model::MacAddress;
use bifrons_node::{MonitoredPath, Notice};
use bifrons_wire::{Addresses, ETHERTYPE_IPV4, Echo, EthernetHeader};

use crate::{
    CONFIG, INSIDE, OUTSIDE, OWN,
    network::{Network, framed, station},
    udp,
};

const ROUTER: &str = "set network virtual-router default routing-table ip static-route";

/// The route `far` depends on these; `spare` is behind it.
fn monitored(lines: &[&str]) -> String {
    let mut text = format!(
        "{CONFIG}
        {ROUTER} spare destination 203.0.113.0/24
        {ROUTER} spare nexthop ip-address 192.0.2.2
        {ROUTER} spare metric 20
        {ROUTER} far path-monitor enable yes
        {ROUTER} far path-monitor hold-time 1\n"
    );
    for line in lines {
        text += &format!("{ROUTER} far path-monitor {line}\n");
    }
    text
}

fn destination(name: &str, address: &str) -> [String; 3] {
    ["destination ".to_owned() + address, "interval 1".into(), "count 3".into()]
        .map(|line| format!("monitor-destinations {name} {line}"))
}

fn one_destination() -> String {
    let lines = destination("one", "198.18.0.1");
    monitored(&lines.each_ref().map(String::as_str))
}

impl Network {
    /// The station that the next packet of a session goes to.
    fn way(&mut self, session: u8) -> Option<MacAddress> {
        let frame = udp(OWN[0], &format!("10.0.0.{session}"), "203.0.113.9", 64, 30);
        self.give(INSIDE, frame).last().map(|(.., mac)| *mac)
    }

    fn changes(&mut self) -> Vec<bool> {
        let notices = std::mem::take(&mut self.bench.notices);
        let changes = notices
            .into_iter()
            .filter_map(|notice| if let Notice::Path { is_up, .. } = notice { Some(is_up) } else { None });
        changes.collect()
    }
}

fn host(last: u8) -> MacAddress {
    station(Ipv4Addr::new(192, 0, 2, last))
}

#[test]
fn a_route_goes_with_its_path_and_comes_back_after_the_hold_time() {
    let mut network = Network::new(&one_destination());
    assert_eq!(network.way(1), Some(host(1)));
    network.silent.insert(Ipv4Addr::new(198, 18, 0, 1));
    network.run(2);
    assert_eq!((network.way(1), network.changes()), (Some(host(1)), vec![]));
    network.run(3);
    // Sessions move, new ones begin on the other route.
    assert_eq!([network.way(1), network.way(2)], [Some(host(2)); 2]);
    let route = MonitoredPath::Route { virtual_router: "default".into(), route: "far".into() };
    assert_eq!(network.bench.notices, [Notice::Path { path: route, is_up: false }]);
    network.changes();
    network.asked.clear();
    network.run(10);
    // The path is asked for all the time, over its own next router, from the address that speaks to it.
    assert_eq!(network.asked.len(), 10);
    for (port, tag, mac, echo) in &network.asked {
        assert_eq!((*port, *tag, *mac), (OUTSIDE, None, host(1)));
        assert_eq!(echo.addresses.source(), Ipv4Addr::new(192, 0, 2, 254));
    }
    network.silent.clear();
    network.run(60);
    assert_eq!((network.way(1), network.changes()), (Some(host(2)), vec![]));
    network.run(2);
    assert_eq!((network.way(1), network.changes()), (Some(host(1)), vec![true]));
}

#[test]
fn any_or_all_destinations() {
    for (condition, is_lost) in [("any", true), ("all", false)] {
        let condition = format!("failure-condition {condition}");
        let [one, two] = [destination("one", "198.18.0.1"), destination("two", "198.18.0.2")];
        let lines: Vec<&str> =
            one.iter().chain(&two).map(String::as_str).chain([condition.as_str()]).collect();
        let mut network = Network::new(&monitored(&lines));
        network.silent.insert(Ipv4Addr::new(198, 18, 0, 2));
        network.run(10);
        assert_eq!(network.way(1), Some(host(if is_lost { 2 } else { 1 })), "{condition}");
        network.silent.insert(Ipv4Addr::new(198, 18, 0, 1));
        network.run(10);
        assert_eq!((network.way(1), network.changes()), (Some(host(2)), vec![false]), "{condition}");
    }
}

#[test]
fn answers_that_were_not_asked_for_change_nothing() {
    let mut network = Network::new(&one_destination());
    network.run(1);
    let (.., right) = network.asked.last().copied().unwrap();
    network.silent.insert(Ipv4Addr::new(198, 18, 0, 1));
    let reply = Echo { is_reply: true, addresses: right.addresses.reversed(), ..right };
    let elsewhere = Addresses::V4 {
        source: u32::from_be_bytes([198, 18, 0, 9]),
        destination: u32::from_be_bytes([192, 0, 2, 254]),
    };
    for _ in 0..5 {
        network.run(1);
        for (wrong, identifier) in [
            (Echo { addresses: elsewhere, ..reply }, right.identifier),
            (reply, right.identifier + 1),
            (Echo { sequence: right.sequence.wrapping_add(20_000), ..reply }, right.identifier),
        ] {
            let header =
                EthernetHeader { destination: host(9), source: OWN[1], tag: None, ethertype: ETHERTYPE_IPV4 };
            let frame = framed(header, &Echo { identifier, ..wrong }.packet(b""));
            network.bench.node.handle_frame(network.bench.now, OUTSIDE, frame);
            network.deliver();
        }
    }
    assert_eq!((network.way(1), network.changes()), (Some(host(2)), vec![false]));
}

#[test]
fn a_host_that_is_watched_may_watch_the_device() {
    let mut network = Network::new(&one_destination());
    network.run(1);
    let (.., asked) = network.asked.last().copied().unwrap();
    // The same addresses and the same identifier: to the session table this is one flow.
    let request = Echo { addresses: asked.addresses.reversed(), sequence: 7, ..asked };
    for _ in 0..20 {
        let header =
            EthernetHeader { destination: host(1), source: OWN[1], tag: None, ethertype: ETHERTYPE_IPV4 };
        let frame = framed(header, &request.packet(b"and you?"));
        network.bench.node.handle_frame(network.bench.now, OUTSIDE, frame);
        network.deliver();
        network.run(1);
    }
    assert_eq!((network.way(1), network.changes()), (Some(host(1)), vec![]));
}

#[test]
fn a_commit_keeps_what_is_known_of_a_path() {
    let config = one_destination();
    let mut network = Network::new(&config);
    network.silent.insert(Ipv4Addr::new(198, 18, 0, 1));
    network.run(5);
    assert_eq!(network.changes(), [false]);
    network.commit(&format!("{config}set network virtual-router default ecmp max-path 3\n"));
    assert_eq!((network.way(1), network.changes()), (Some(host(2)), vec![]));
    // Without its monitor the route is there.
    network.commit(&config.replace("far path-monitor enable yes", "far path-monitor enable no"));
    assert_eq!(network.way(1), Some(host(1)));
}

#[test]
fn requests_carry_the_tag_of_their_interface() {
    let lines = [
        "set network virtual-router default routing-table ip static-route tag destination 100.64.0.0/10",
        "set network virtual-router default routing-table ip static-route tag nexthop ip-address 198.51.100.1",
        "set network virtual-router default routing-table ip static-route tag path-monitor enable yes",
        "set network virtual-router default routing-table ip static-route tag path-monitor \
         monitor-destinations own destination 198.51.100.1",
    ];
    let mut network = Network::new(&format!("{CONFIG}{}\n", lines.join("\n")));
    network.run(30);
    assert_eq!(network.asked.len(), 10);
    let next = station(Ipv4Addr::new(198, 51, 100, 1));
    assert!(network.asked.iter().all(|(port, tag, mac, _)| (*port, *tag, *mac) == (OUTSIDE, Some(7), next)));
    assert_eq!(network.changes(), []);
}

#[test]
fn forwarding_rules_wait_or_give_way() {
    // What a session does that was there before, and what a new one does, while the path is down.
    for (action, disables, old, new) in [
        ("wait-recover", "no", 77, 1),
        ("fail-over", "no", 1, 1),
        ("wait-recover", "yes", 77, 88),
        ("fail-over", "yes", 1, 88),
    ] {
        let rule = "set rulebase pbf rules watched";
        let config = format!(
            "{CONFIG}
            set network profiles monitor-profile own interval 2
            set network profiles monitor-profile own threshold 3
            set network profiles monitor-profile own action {action}
            {rule} from zone inside
            {rule} action forward egress-interface ethernet1/2
            {rule} action forward nexthop ip-address 192.0.2.77
            {rule} action forward monitor profile own
            {rule} action forward monitor disable-if-unreachable {disables}
            set rulebase pbf rules behind from zone inside
            set rulebase pbf rules behind action forward egress-interface ethernet1/2
            set rulebase pbf rules behind action forward nexthop ip-address 192.0.2.88\n"
        );
        let mut network = Network::new(&config);
        assert_eq!(network.way(1), Some(host(77)));
        network.silent.insert(Ipv4Addr::new(192, 0, 2, 77));
        network.run(9);
        assert_eq!([network.way(1), network.way(2)], [host(old), host(new)].map(Some), "{action} {disables}");
        assert_eq!(
            network.bench.notices,
            [Notice::Path { path: MonitoredPath::ForwardingRule("watched".into()), is_up: false }]
        );
        // Other routes and commits do not change that.
        network.commit(&format!("{config}set network virtual-router default ecmp max-path 3\n"));
        assert_eq!([network.way(1), network.way(2)], [host(old), host(new)].map(Some), "{action} {disables}");
        network.changes();
        network.silent.clear();
        network.run(3);
        assert_eq!(network.changes(), [true]);
        assert_eq!([network.way(1), network.way(3)], [host(77); 2].map(Some));
    }
}
