//! Virtual wires: what comes in at one device leaves there, whoever owns the session.

use std::sync::Arc;

use bifrons_config::parse;
use bifrons_dataplane::{Compiled, Links, Port, PortMode, Verdict, Wire};
use bifrons_model::{DropReason, Generation};
use bifrons_policy::Policy;
use bifrons_wire::Ha3Kind::{ForwardToOwner, ReturnToReceiver, SetupReply, SetupRequest};

use crate::{
    device::{INSIDE, OUTSIDE},
    packets::fragments,
    sharing::{ACK, ADMITTED, BOTH, Connection, FIRST, MODULO, One, PRIMARY, Pair, SYN, Zero, packets, way},
};

const NETWORK: &str = "
set network interface ethernet ethernet1/1 virtual-wire
set network interface ethernet ethernet1/2 virtual-wire
set network virtual-wire one interface1 ethernet1/1 interface2 ethernet1/2
set zone trust network virtual-wire ethernet1/1
set zone untrust network virtual-wire ethernet1/2
set rulebase security rules no-ssh from trust to untrust source any destination any application ssh
set rulebase security rules no-ssh service any action reset-both log-end yes
set rulebase security rules out from trust to untrust source any destination any application any
set rulebase security rules out service any action allow log-end yes
";

/// Both devices have the wire.
pub fn pair(owner: bifrons_config::typed::SessionOwner) -> Pair {
    let config = parse(NETWORK, "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    let compiled = Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own");
    let mut pair = Pair::new(&compiled, owner);
    let end = |peer| Port {
        is_up: true,
        mode: PortMode::Wire(Wire { peer, tags: vec![(0, 0)], judges_multicast: false }),
    };
    let ports = [(INSIDE, end(OUTSIDE)), (OUTSIDE, end(INSIDE))];
    let links = Arc::new(Links::new(ports, [], [], []));
    for device in &mut pair.devices {
        device.worker.handle_links(Arc::clone(&links), &mut device.outbox);
    }
    pair
}

#[test]
fn every_packet_leaves_where_it_came() {
    for combination in ADMITTED {
        for at in BOTH.into_iter().flat_map(|client| BOTH.map(|server| [client, server])) {
            let mut pair = pair(combination);
            let mut talk = Connection::new(way(40_000, 7), at);
            let owner = if combination == PRIMARY { Zero } else { at[0] };
            let frames = [(0, SYN), (1, SYN | ACK), (0, ACK), (1, ACK)];
            for (side, flags) in frames {
                let payload: &[u8] = if flags == ACK && side == 1 { b"hello" } else { b"" };
                let frame = talk.segment(side, flags, payload);
                let (interface, out) = [(INSIDE, OUTSIDE), (OUTSIDE, INSIDE)][side];
                let fate = pair.send(at[side], interface, &frame);
                assert_eq!((fate.at, fate.verdict), (at[side], Verdict::Transmit(out)), "{combination:?}");
                assert_eq!(fate.left, frame, "the frame leaves as it came");
                let last = fate.crossed.last().map(|(kind, _)| *kind);
                if at[side] != owner {
                    assert_eq!(last, Some(ReturnToReceiver));
                }
            }
            let records = pair.records();
            assert_eq!(packets(&records[usize::from(owner.number())]), 4);
            assert!(records[usize::from(owner.peer().number())].is_empty());
        }
    }
}

#[test]
fn a_session_that_is_set_up_elsewhere_does_not_return() {
    let mut pair = pair(MODULO);
    let syn = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    let fate = pair.send(Zero, INSIDE, &syn);
    let kinds: Vec<_> = fate.crossed.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [SetupRequest, SetupReply]);
    assert_eq!((fate.at, fate.verdict), (Zero, Verdict::Transmit(OUTSIDE)));
}

#[test]
fn fragments_return_one_by_one() {
    let mut pair = pair(PRIMARY);
    let pieces = fragments(way(5_000, 7), 9, &[7; 4_000], 1_480);
    let [.., last] = [0, 1, 2].map(|place| pair.send(One, INSIDE, &pieces[place]));
    let kinds: Vec<_> = last.crossed.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [[ForwardToOwner; 3], [ReturnToReceiver; 3]].concat());
    assert_eq!((last.at, last.verdict, &last.left), (One, Verdict::Transmit(OUTSIDE), &pieces[2]));
}

/// Resets leave where the refused packet came, to both ends.
#[test]
fn what_the_owner_sends_of_its_own_leaves_there_too() {
    let mut pair = pair(FIRST);
    let mut talk = Connection::new(way(40_000, 7), [Zero, One]);
    for (side, flags) in [(0, SYN), (1, SYN | ACK), (0, ACK)] {
        let frame = talk.segment(side, flags, b"");
        pair.send(talk.at[side], [INSIDE, OUTSIDE][side], &frame);
    }
    let banner = talk.segment(1, ACK, b"SSH-2.0-server\r\n");
    let fate = pair.send(One, OUTSIDE, &banner);
    let kinds: Vec<_> = fate.crossed.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [ForwardToOwner, ReturnToReceiver, ReturnToReceiver]);
    assert!(pair.devices.iter().all(|device| device.outbox.emitted.is_empty()));
    assert!(matches!(fate.verdict, Verdict::Transmit(_)));
    let [own, other] = pair.records();
    assert_eq!((own.len(), other.len()), (1, 0));
}

/// The wire's other end is down, or there is no wire any more.
#[test]
fn a_frame_that_cannot_leave() {
    let mut pair = pair(PRIMARY);
    let syn = Connection::new(way(40_000, 7), [One, One]).segment(0, SYN, b"");
    let one = pair.device(One);
    let down = Port {
        is_up: false,
        mode: PortMode::Wire(Wire { peer: INSIDE, tags: vec![(0, 0)], judges_multicast: false }),
    };
    let up = Port {
        is_up: true,
        mode: PortMode::Wire(Wire { peer: OUTSIDE, tags: vec![(0, 0)], judges_multicast: false }),
    };
    let links = Links::new([(INSIDE, up), (OUTSIDE, down)], [], [], []);
    one.worker.handle_links(Arc::new(links), &mut one.outbox);
    let fate = pair.send(One, INSIDE, &syn);
    assert_eq!((fate.at, fate.verdict), (One, Verdict::Drop(DropReason::InterfaceDown)));
}
