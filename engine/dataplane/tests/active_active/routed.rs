//! Devices on links: each has station addresses of its own, and its next stations.

use std::{net::IpAddr, sync::Arc};

use bifrons_dataplane::{Link, Links, Own, PeerFrame, Port, PortMode, Verdict};
use bifrons_model::{DeviceId, DropReason, InterfaceId, MacAddress, VirtualRouterId};
use bifrons_wire::Ha3Kind::{ForwardToOwner, ReturnToReceiver, SetupReply, SetupRequest};

use crate::{
    device::{INSIDE, OUTSIDE, START, compiled},
    packets::{Way, echo, udp},
    sharing::{BOTH, Connection, MODULO, One, PRIMARY, Pair, SYN, Zero, way},
};

const ROUTER: VirtualRouterId = VirtualRouterId(0);
const SERVER: MacAddress = MacAddress([2, 0, 0, 0, 9, 9]);

/// The station address of a device's interface.
fn mac(device: DeviceId, interface: InterfaceId) -> MacAddress {
    MacAddress([2, 0, 0, device.number() + 1, 0, interface.0 as u8 + 1])
}

fn address(device: DeviceId) -> IpAddr {
    [10, 0, 0, 11 + device.number()].into()
}

/// Devices with an address each on both links, that know the server.
fn pair(owner: bifrons_config::typed::SessionOwner) -> Pair {
    let mut pair = Pair::new(&compiled(""), owner);
    for device in BOTH {
        set_links(&mut pair, device, true);
        let server = way(1, 7).destination.0;
        let at = pair.device(device);
        at.worker.handle_neighbor((OUTSIDE, server), Some(SERVER), false, &mut at.outbox);
    }
    pair
}

/// The links of a device, of which the one outside may be down.
fn set_links(pair: &mut Pair, device: DeviceId, is_up: bool) {
    let own = |interface| Link {
        port: interface,
        tag: None,
        router: ROUTER,
        mac: mac(device, interface),
        virtual_macs: Vec::new(),
        mtu: 1_500,
        segment_size: None,
    };
    let port = |untagged| Port {
        is_up: is_up || untagged == INSIDE,
        mode: PortMode::Routed { untagged: Some(untagged), tagged: Vec::new() },
    };
    let links = Links::new(
        [INSIDE, OUTSIDE].map(|interface| (interface, port(interface))),
        [INSIDE, OUTSIDE].map(|interface| (interface, own(interface))),
        [],
        [((ROUTER, address(device)), Own::Address(INSIDE))],
    );
    let at = pair.device(device);
    at.worker.handle_links(Arc::new(links), &mut at.outbox);
}

/// A frame as the device's neighbor sends it.
fn to(device: DeviceId, interface: InterfaceId, mut frame: Vec<u8>) -> Vec<u8> {
    frame[..6].copy_from_slice(&mac(device, interface).0);
    frame
}

/// The owner transmits by its own interface, whoever got the frame.
#[test]
fn the_owner_routes_what_the_other_device_got() {
    let mut pair = pair(PRIMARY);
    for at in BOTH {
        let syn = Connection::new(way(40_000 + u16::from(at.number()), 7), [at, at]).segment(0, SYN, b"");
        let mut fate = pair.send(at, INSIDE, &to(at, INSIDE, syn));
        if fate.verdict == Verdict::Held {
            // The way to the server was not known before.
            let server = way(1, 7).destination.0;
            let device = pair.device(fate.at);
            device.worker.handle_neighbor((OUTSIDE, server), Some(SERVER), false, &mut device.outbox);
            fate.left = device.outbox.emitted.pop().expect("what has waited").packet;
            device.collect();
        } else {
            assert_eq!(fate.verdict, Verdict::Transmit(OUTSIDE));
        }
        assert_eq!(fate.at, Zero);
        assert_eq!(fate.crossed.len(), usize::from(at == One));
        assert_eq!((&fate.left[..6], &fate.left[6..12]), (&SERVER.0[..], &mac(Zero, OUTSIDE).0[..]));
        // One hop less, at one device only.
        assert_eq!(fate.left[14 + 8], 63);
    }
}

/// A frame for the device itself stays where it came, also that of another owner's.
#[test]
fn what_is_for_the_device_itself_stays_there() {
    for at in BOTH {
        let mut pair = pair(PRIMARY);
        let ends = |destination| Way { source: ([10, 0, 0, 2].into(), 9), destination: (destination, 9) };
        for frame in [echo(ends(address(at)), false, 9), udp(ends(address(at)), b"hello")] {
            let fate = pair.send(at, INSIDE, &to(at, INSIDE, frame));
            assert_eq!((fate.at, fate.crossed.len()), (at, 0), "{:?}", fate.verdict);
        }
        // The other device's address is one like any other.
        let fate = pair.send(at, INSIDE, &to(at, INSIDE, udp(ends(address(at.peer())), b"hello")));
        let kinds: Vec<_> = fate.crossed.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, if at == One { vec![ForwardToOwner] } else { vec![] });
    }
}

/// Whose frame it is, is judged where it came.
#[test]
fn a_frame_for_another_station_goes_nowhere() {
    let mut pair = pair(PRIMARY);
    let syn = Connection::new(way(40_000, 7), [One, One]).segment(0, SYN, b"");
    let fate = pair.send(One, INSIDE, &to(Zero, INSIDE, syn));
    assert_eq!((fate.at, fate.verdict), (One, Verdict::Drop(DropReason::OtherStation)));
}

/// The setup device changes nothing in the frame that it gives back.
#[test]
fn a_frame_comes_back_as_it_went() {
    let mut pair = pair(MODULO);
    let syn = Connection::new(way(40_000, 7), [Zero, Zero]).segment(0, SYN, b"");
    let fate = pair.send(Zero, INSIDE, &to(Zero, INSIDE, syn));
    let kinds: Vec<_> = fate.crossed.iter().map(|(kind, _)| *kind).collect();
    assert_eq!((kinds, fate.at), (vec![SetupRequest, SetupReply], Zero));
    assert!(matches!(fate.verdict, Verdict::Transmit(OUTSIDE) | Verdict::Held), "{:?}", fate.verdict);
}

/// The owner's link is down: it has let the packet pass, and the other device transmits it. Where that one
/// has no way either it is dropped there, once.
#[test]
fn what_has_no_way_out_here_leaves_by_the_other_device() {
    for (at, is_up_there) in BOTH.into_iter().flat_map(|at| [true, false].map(|is_up| (at, is_up))) {
        let mut pair = pair(PRIMARY);
        let there = way(5_000, 7);
        pair.send(Zero, INSIDE, &to(Zero, INSIDE, udp(there, b"before")));
        for (device, is_up) in [(Zero, false), (One, is_up_there)] {
            set_links(&mut pair, device, is_up);
        }
        let mut fate = pair.send(at, INSIDE, &to(at, INSIDE, udp(there, b"after")));
        if fate.verdict == Verdict::Held {
            let device = pair.device(One);
            device.worker.handle_neighbor(
                (OUTSIDE, there.destination.0),
                Some(SERVER),
                false,
                &mut device.outbox,
            );
            fate.left = device.outbox.emitted.pop().expect("what has waited").packet;
            fate.verdict = Verdict::Transmit(OUTSIDE);
            device.collect();
        }
        let crossed: Vec<_> = fate.crossed.iter().map(|(kind, _)| *kind).collect();
        let wanted = if at == One { vec![ForwardToOwner, ReturnToReceiver] } else { vec![ReturnToReceiver] };
        assert_eq!((fate.at, crossed), (One, wanted), "it ends there");
        if is_up_there {
            assert_eq!(fate.verdict, Verdict::Transmit(OUTSIDE));
            assert_eq!((&fate.left[..6], &fate.left[6..12]), (&SERVER.0[..], &mac(One, OUTSIDE).0[..]));
            assert_eq!(fate.left[14 + 8], 63, "one hop less, at one device only");
            assert_eq!(fate.way().source.0, IpAddr::from([192, 0, 2, 10]), "translated by the owner");
        } else {
            assert_eq!(fate.verdict, Verdict::Drop(DropReason::InterfaceDown));
        }
        let records = pair.records();
        assert_eq!(records.each_ref().map(Vec::len), [1, 0]);
    }
}

/// The way of the device that transmits leads to another zone than the owner has judged.
#[test]
fn what_leaves_by_the_other_device_leaves_to_the_zone_of_its_rule() {
    let mut pair = pair(PRIMARY);
    let device = pair.device(One);
    let policy = std::sync::Arc::clone(device.worker.policy());
    for (interface, zone, wanted) in [
        (INSIDE, policy.zone_of(INSIDE), DropReason::EgressZoneChanged),
        (InterfaceId(9), policy.zone_of(OUTSIDE), DropReason::HaOtherConfiguration),
    ] {
        let mut frame = PeerFrame {
            kind: ReturnToReceiver,
            interface,
            zone: zone.expect("a zone"),
            session: 0,
            description: Vec::new(),
            frame: udp(way(5_000, 7), b"hello"),
        };
        let verdict = device.worker.handle_peer_frame(START, &mut frame, &mut device.outbox);
        assert_eq!(verdict, Verdict::Drop(wanted));
    }
}
