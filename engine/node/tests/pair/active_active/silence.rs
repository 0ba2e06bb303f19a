//! A device that takes no part says nothing on the ports that carry traffic.

use std::{net::Ipv4Addr, time::Duration};

use bifrons_ha::{HaLinkId, HaState, StateRequest};
use bifrons_node::Command;

use super::{BOTH_WORK, COMBINATIONS, MODE, SERVER_IP, WEB, client, held, own_mac, segment};
use crate::{INSIDE, OUTSIDE, Pair};

/// A route that depends on a path, for which a device has to ask somebody again and again.
const WATCHED: &str = "
set network virtual-router default routing-table ip static-route far destination 198.51.100.0/24
set network virtual-router default routing-table ip static-route far nexthop ip-address 192.0.2.1
set network virtual-router default routing-table ip static-route far path-monitor enable yes
set network virtual-router default routing-table ip static-route far path-monitor \
     monitor-destinations one destination 192.0.2.1
";

/// Device 1 knows both hosts, each by a frame of its own.
fn opens_at_1(pair: &mut Pair) {
    let syn = segment(client(21), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
    assert_eq!(pair.through(1, INSIDE, syn).len(), 1);
    let answer = segment(WEB, (client(21).address, 40_000), own_mac(1, OUTSIDE), ("SA", 500, 101), b"");
    assert_eq!(pair.through(1, OUTSIDE, answer).len(), 1);
}

#[test]
fn who_takes_no_part_asks_for_nobody() {
    for (state, begins, ends) in [
        (
            HaState::Suspended,
            Command::PairState(StateRequest::Suspend),
            Command::PairState(StateRequest::Functional),
        ),
        (
            HaState::NonFunctional,
            Command::PairLink { link: HaLinkId::Ha3, is_up: false },
            Command::PairLink { link: HaLinkId::Ha3, is_up: true },
        ),
    ] {
        let mut pair = Pair::sharing(1, COMBINATIONS[2], WATCHED);
        opens_at_1(&mut pair);
        pair.command(1, begins);
        pair.run(Duration::from_millis(200));
        assert_eq!((pair.state(0), pair.state(1)), (HaState::ActivePrimary, state));
        pair.frames = Default::default();
        pair.asked = [0; 2];
        // What is known of the hosts becomes old, and the path's requests become due.
        for number in 0..12 {
            let syn = segment(client(30 + number), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 1, 0), b"");
            pair.give(1, INSIDE, syn);
            let own = Ipv4Addr::new(10, 0, 0, 4);
            assert_eq!(pair.asked(1, INSIDE, client(30 + number).address, own), None, "{state:?}");
            assert!(pair.frames[1].is_empty(), "{state:?}: {:?}", pair.frames[1]);
            pair.run(Duration::from_secs(10));
        }
        assert_eq!(pair.asked[1], 0, "{state:?}: it asks for nobody");
        assert!(pair.frames[1].is_empty(), "{state:?}: {:?}", pair.frames[1]);
        assert!(!pair.frames[0].is_empty(), "{state:?}: the other one goes on");

        pair.command(1, ends);
        pair.run(Duration::from_secs(16));
        assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK, "{state:?}");
        assert_eq!(pair.floating_at(), held([0, 1]));
        for (port, address) in [(INSIDE, [10, 0, 0, 4]), (OUTSIDE, [192, 0, 2, 4])] {
            let found = pair.asked(1, port, SERVER_IP, Ipv4Addr::from(address));
            assert_eq!(found, Some(own_mac(1, port)), "{state:?}: its own addresses");
        }
        let syn = segment(client(25), (SERVER_IP, 9_999), own_mac(1, INSIDE), ("S", 100, 0), b"");
        assert_eq!(pair.through(1, INSIDE, syn).len(), 1, "{state:?}");
    }
}

/// A tentative device has its own addresses, and what is for it comes to it.
#[test]
fn a_tentative_device_speaks_for_itself() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], &format!("{MODE} tentative-hold-time 60\n"));
    pair.carrier(1, OUTSIDE, false);
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.state(1), HaState::Tentative);
    let found = pair.asked(1, INSIDE, client(21).address, Ipv4Addr::new(10, 0, 0, 4));
    assert_eq!(found, Some(own_mac(1, INSIDE)));
}
