//! What devices of a pair do not tell each other of.

use std::time::Duration;

use bifrons_ha::{HaLinkId, HaState};
use etherparse::PacketBuilder;

use super::{CLIENT, INSIDE, OUTSIDE, Pair, gateway, open, segment};

const MOMENT: Duration = Duration::from_millis(100);

fn ping() -> Vec<u8> {
    let gateway = gateway("ethernet1/1").0;
    let builder = PacketBuilder::ethernet2(CLIENT.0, gateway).ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64);
    let mut frame = Vec::new();
    builder.icmpv4_echo_request(7, 1).write(&mut frame, b"ping").unwrap();
    frame
}

/// Both count on from the same number while they cannot hear each other, and ICMP is never told of.
#[test]
fn a_session_has_a_copy_where_a_ping_has_its_number() {
    let mut pair = Pair::new(1);
    pair.lost = Some(HaLinkId::Ha2);
    pair.cut(true);
    pair.run(MOMENT);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active; 2]);
    assert_eq!(pair.passes(1, INSIDE, ping()), 1);
    pair.lost = None;
    pair.cut(false);
    pair.run(MOMENT);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    let port = open(&mut pair, 0);
    pair.run(MOMENT);
    let numbers = [0, 1].map(|device| {
        let sessions = pair.nodes[device].as_ref().unwrap().workers()[0].sessions();
        sessions.slots().map(|slot| sessions.get(slot).id).collect::<Vec<_>>()
    });
    assert_eq!(numbers[1], [numbers[0][0]; 2], "the ping and the copy");
    pair.nodes[0] = None;
    pair.run(MOMENT);
    assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "A", 501, 106, b"world")), 1);
}
