//! Routes, users and leases that one device learns and both know.

use std::{net::IpAddr, time::Duration};

use bifrons_config::typed::Prefix;
use bifrons_ha::{HaState, config_sync::RuntimeKind};
use bifrons_model::VirtualRouterId;
use bifrons_node::{Command, Notice};
use bifrons_policy::{DynamicRoute, Flow, Forwarding, Target};

use super::{INSIDE, OUTSIDE, Pair, config, node, open, segment};

const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

impl Pair {
    fn route(&mut self) -> DynamicRoute {
        let names = self.node(0).policy().names();
        let interface = names.interfaces.iter().position(|name| name == "ethernet1/2").unwrap();
        DynamicRoute {
            router: VirtualRouterId(0),
            destination: Prefix { address: "203.0.113.0".parse().unwrap(), length: 24 },
            target: Target::Gateway {
                address: "192.0.2.1".parse().unwrap(),
                interface: bifrons_model::InterfaceId(interface as u16),
            },
            distance: 110,
            metric: 20,
        }
    }

    /// Whether each device has a way to the network behind.
    fn reach(&mut self) -> [bool; 2] {
        [0, 1].map(|device| {
            let flow = Flow { source: FAR, destination: FAR, source_port: 0, destination_port: 0 };
            let found = self.node(device).policy().fib().lookup(VirtualRouterId(0), FAR, &flow);
            matches!(found, Some(Forwarding::Via(_)))
        })
    }

    fn user(&mut self, device: usize, address: &str) -> String {
        let policy = self.node(device).policy();
        policy.names().user(policy.user_of(address.parse().unwrap())).to_string()
    }
}

#[test]
fn a_learnt_route_is_at_the_survivor() {
    let mut pair = Pair::new(1);
    let route = pair.route();
    pair.order(0, Command::AddRoute(route)).unwrap();
    assert_eq!(pair.reach(), [true, false]);
    pair.run(Duration::from_millis(20));
    assert_eq!(pair.reach(), [true, true]);
    pair.order(0, Command::RemoveRoute(route)).unwrap();
    pair.run(Duration::from_millis(20));
    assert_eq!(pair.reach(), [false, false]);
    pair.order(0, Command::AddRoute(route)).unwrap();
    pair.run(Duration::from_millis(20));

    // Whoever comes back has it from the other one.
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    pair.nodes[0] = Some(node(0, pair.now, 1));
    pair.run(Duration::from_secs(14));
    assert_eq!(pair.reach(), [true, true]);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Passive, HaState::Active]);
}

#[test]
fn a_route_outlives_a_cut_of_the_control_link() {
    let mut pair = Pair::new(1);
    pair.cut(true);
    let route = pair.route();
    pair.order(0, Command::AddRoute(route)).unwrap();
    pair.run(Duration::from_millis(500));
    assert_eq!(pair.reach(), [true, false]);
    pair.cut(false);
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.reach(), [true, true]);
}

#[test]
fn both_know_users_and_leases() {
    let mut pair = Pair::new(1);
    let map = |user: Option<&str>| Command::MapUser {
        address: "10.0.0.1".parse().unwrap(),
        user: user.map(String::from),
    };
    pair.order(0, map(Some("alice"))).unwrap();
    pair.order(0, Command::Lease { key: b"10.0.0.1".to_vec(), lease: Some(b"a day".to_vec()) }).unwrap();
    pair.run(Duration::from_millis(20));
    assert_eq!([pair.user(0, "10.0.0.1"), pair.user(1, "10.0.0.1")], ["alice", "alice"]);
    let lease = Notice::PairLease { key: b"10.0.0.1".to_vec(), lease: Some(b"a day".to_vec()) };
    assert_eq!(pair.notices[1].iter().filter(|notice| **notice == lease).count(), 1);
    assert!(pair.node(1).runtime_entries(RuntimeKind::DhcpLease).eq([(&b"10.0.0.1"[..], &b"a day"[..])]));

    // A commit forgets nobody, and the copy of a session has its user.
    let text = config(0) + "set deviceconfig setting session timeout-udp 40\n";
    pair.commit(0, &text).unwrap();
    pair.run(Duration::from_secs(1));
    let port = open(&mut pair, 0);
    pair.run(Duration::from_millis(20));
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "FA", 501, 106, b"")), 1);
    assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "FA", 106, 502, b"")), 1);
    pair.run(Duration::from_secs(40));
    let [(1, record)] = &pair.records[..] else { panic!("one record of device 1") };
    let user = record.source_user;
    assert_eq!(pair.node(1).policy().names().user(user), "alice");
    pair.order(1, map(None)).unwrap();
    assert_eq!(pair.user(1, "10.0.0.1"), "");
}
