//! Paths that a device cannot do without, and what the survivor knows beside sessions.

use std::time::Duration;

use bifrons_config::Document;
use bifrons_ha::{HaState, StateRequest};
use bifrons_model::MacAddress;
use bifrons_node::{Command, CommandError, Reply};
use bifrons_wire::{EthernetHeader, echo_reply};

use super::{INSIDE, OUTSIDE, Pair, SERVER, config, node, node_with, open, packets, segment};

const GROUP: &str = "
set deviceconfig high-availability group monitoring path-monitoring path-group virtual-router default \
ping-interval 200
set deviceconfig high-availability group monitoring path-monitoring path-group virtual-router default \
ping-count 3
set deviceconfig high-availability group monitoring path-monitoring path-group virtual-router default \
destination-ip-group isp destination-ip 192.0.2.1
";

impl Pair {
    /// Lets time pass while the server answers pings of some devices; how many each has sent.
    pub fn run_with_answers(&mut self, span: Duration, answered: [bool; 2]) -> [usize; 2] {
        let end = self.now + span;
        let mut pings = [0; 2];
        while self.now < end {
            self.run(Duration::from_millis(1));
            for device in [0, 1] {
                for (port, frame) in std::mem::take(&mut self.frames[device]) {
                    let Some((header, length)) = EthernetHeader::read(&frame) else { continue };
                    let Some(reply) = echo_reply(&frame[length..]) else { continue };
                    assert_eq!((port, header.destination), (OUTSIDE, SERVER));
                    pings[device] += 1;
                    if answered[device] {
                        let back = EthernetHeader {
                            destination: header.source,
                            source: header.destination,
                            ..header
                        };
                        let frame = [&back.bytes()[..back.length()], &reply].concat();
                        self.give(device, OUTSIDE, frame);
                    }
                }
            }
        }
        pings
    }
}

#[test]
fn a_device_that_reaches_nobody_steps_back() {
    let mut pair = Pair::new(2);
    for device in [0, 1] {
        pair.nodes[device] = None;
        pair.run(Duration::from_millis(1));
    }
    pair.wire.clear();
    pair.nodes = [0, 1].map(|device| Some(node_with(device, pair.now, 2, &(config(device) + GROUP))));
    let pings = pair.run_with_answers(Duration::from_secs(40), [true, true]);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    assert!(pings[0] > 50 && pings[1] == 0, "{pings:?}");
    let status = pair.node(0).pair_status().unwrap();
    let path = &status.path_groups[0].destinations[0].paths[0];
    assert!(path.answered + 1 >= path.sent && !path.has_failed, "{path:?}");

    pair.run_with_answers(Duration::from_millis(550), [false, true]);
    assert_eq!(pair.state(0), HaState::Active, "two lost pings are none too many");
    let pings = pair.run_with_answers(Duration::from_secs(30), [false, true]);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::NonFunctional, HaState::Active]);
    assert!(pings[0] < 5 && pings[1] > 5, "{pings:?}");
}

#[test]
fn groups_that_are_pinged_are_not_warned_of() {
    let mut pair = Pair::new(1);
    let document = Document::parse(&(config(0) + GROUP), "test").unwrap();
    let Reply::Valid(warnings) = pair.order(0, Command::Validate(document)).unwrap() else { panic!() };
    assert!(!warnings.iter().any(|warning| warning.contains("pinged")), "{warnings:?}");
}

#[test]
fn the_survivor_knows_the_stations() {
    let mut pair = Pair::new(2);
    let port = open(&mut pair, 0);
    assert!(pair.asked[0] > 0);
    pair.run(Duration::from_millis(20));
    // Longer than an unused one is remembered.
    for _ in 0..30 {
        pair.run(Duration::from_secs(60));
        assert_eq!(pair.passes(0, OUTSIDE, segment(false, port, "A", 501, 106, b"")), 1);
        assert_eq!(pair.passes(0, INSIDE, segment(true, 0, "A", 106, 501, b"")), 1);
    }
    pair.run(Duration::from_millis(20));
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    assert_eq!(pair.state(1), HaState::Active);
    assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "A", 501, 106, b"world")), 1);
    assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "A", 106, 506, b"")), 1);
    assert_eq!(pair.asked[1], 0, "nobody was asked for his station address");
}

#[test]
fn a_station_that_moves_is_known_to_the_survivor() {
    let mut pair = Pair::new(1);
    let port = open(&mut pair, 0);
    let moved = MacAddress([2, 0, 0, 0, 0, 0x33]);
    let told = bifrons_wire::Arp {
        is_request: true,
        sender_mac: moved,
        sender: [192, 0, 2, 1].into(),
        target_mac: MacAddress::default(),
        target: [192, 0, 2, 1].into(),
    };
    pair.give(0, OUTSIDE, told.frame(MacAddress([0xff; 6])));
    pair.run(Duration::from_millis(20));
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    assert_eq!(pair.passes(1, INSIDE, segment(true, port, "A", 106, 501, b"")), 1);
    let (_, frame) = pair.frames[1].last().unwrap();
    assert_eq!(EthernetHeader::read(frame).unwrap().0.destination, moved);
}

#[test]
fn security_associations_are_kept_for_the_survivor() {
    let mut pair = Pair::new(1);
    let set =
        |id, state: Option<&[u8]>| Command::SecurityAssociation { id, state: state.map(<[u8]>::to_vec) };
    pair.order(0, set(7, Some(b"seven"))).unwrap();
    pair.order(0, set(8, Some(b"eight"))).unwrap();
    pair.run(Duration::from_millis(20));
    pair.order(0, set(8, None)).unwrap();
    pair.order(0, set(7, Some(b"more"))).unwrap();
    pair.run(Duration::from_millis(20));
    assert!(pair.node(1).security_associations().eq([(7, &b"more"[..])]));
    assert_eq!(pair.order(0, set(9, None)).unwrap_err(), CommandError::NoAssociation(9));
    let long = pair.order(0, set(9, Some(&[0; 2_000]))).unwrap_err();
    assert!(matches!(long, CommandError::SecurityAssociation { length: 2_000, .. }), "{long:?}");

    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    assert!(pair.node(1).security_associations().eq([(7, &b"more"[..])]));
    pair.order(1, set(9, Some(b"nine"))).unwrap();
    pair.nodes[0] = Some(node(0, pair.now, 1));
    pair.run(Duration::from_secs(14));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Passive, HaState::Active]);
    assert!(pair.node(0).security_associations().eq([(7, &b"more"[..]), (9, b"nine")]));
}

const WATCHED: &str = "
set deviceconfig high-availability group monitoring link-monitoring link-group all interface ethernet1/2
";

/// A device that is about to step back, for the other one leads, and loses a watched link before that: it
/// never speaks for addresses that are the other one's already.
#[test]
fn a_device_that_breaks_while_it_steps_back_is_silent() {
    let mut pair = Pair::with(1, |device| config(device) + WATCHED);
    let suspend = Command::PairState(StateRequest::Suspend);
    pair.order(0, suspend).unwrap();
    pair.run(Duration::from_millis(5));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Active]);
    pair.frames[0].clear();
    let asked = pair.asked[0];
    pair.order(0, Command::Carrier { port: OUTSIDE, is_up: false }).unwrap();
    pair.run(Duration::from_millis(20));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Suspended, HaState::Active]);
    assert_eq!((pair.frames[0].len(), pair.asked[0]), (0, asked), "{:?}", pair.frames[0]);
}

/// A device that has lost a watched link leads no more at once, and still tells what it has counted.
#[test]
fn what_a_broken_device_has_counted_is_not_lost() {
    let mut pair = Pair::with(1, |device| config(device) + WATCHED);
    let port = open(&mut pair, 0);
    pair.run(Duration::from_millis(20));
    for _ in 0..5 {
        assert_eq!(pair.passes(0, OUTSIDE, segment(false, port, "A", 501, 106, b"")), 1);
        pair.run(Duration::from_millis(1));
    }
    let counted = packets(&pair, 0);
    assert!(packets(&pair, 1) < counted, "not told yet");
    pair.order(0, Command::Carrier { port: OUTSIDE, is_up: false }).unwrap();
    pair.run(Duration::from_millis(50));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::NonFunctional, HaState::Active]);
    assert_eq!(packets(&pair, 1), counted);
}
