//! Many connections whose packets come to either device at random, while devices fail and return.

use std::time::Duration;

use bifrons_ha::{HaLinkId, HaState, StateRequest};
use bifrons_model::{DropReason, EndReason};
use bifrons_node::Command;

use super::{COMBINATIONS, End, MILLISECOND, WEB, client, config, own_mac, segment};
use crate::{INSIDE, OUTSIDE, Pair, node_with};

/// Connections are forgotten before long.
const SHORT: &str = "set deviceconfig setting session timeout-tcp 120\n";

/// Numbers that nothing connects.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end as usize
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// Both ends of a connection through the pair.
struct Connection {
    client: End,
    /// The next byte of each direction, once it is open.
    next: [u32; 2],
}

impl Connection {
    /// A segment of one end, with what that one has received.
    fn frame(&self, from_client: bool, device: usize, flags: &str, data: &[u8]) -> Vec<u8> {
        let [ours, theirs] = self.next;
        if from_client {
            let to = (WEB.address, WEB.tcp_port);
            segment(self.client, to, own_mac(device, INSIDE), (flags, ours, theirs), data)
        } else {
            let to = (self.client.address, self.client.tcp_port);
            segment(WEB, to, own_mac(device, OUTSIDE), (flags, theirs, ours), data)
        }
    }

    /// Lets a segment pass a device, as often as its sender would repeat it; how often it did.
    fn send(&mut self, pair: &mut Pair, from_client: bool, device: usize, flags: &str, data: &[u8]) -> usize {
        let port = if from_client { INSIDE } else { OUTSIDE };
        let passed = pair.through(device, port, self.frame(from_client, device, flags, data)).len();
        if passed > 0 {
            let length = data.len() as u32 + u32::from(flags.contains('S') || flags.contains('F'));
            self.next[usize::from(!from_client)] += length;
        }
        passed
    }
}

fn open(pair: &mut Pair, random: &mut Random, number: usize, devices: &[usize]) -> Connection {
    let end = End { tcp_port: 40_000 + number as u16, ..client(20 + (number % 16) as u8) };
    let mut connection = Connection { client: end, next: [100, 500] };
    let mut pick = || devices[random.below(devices.len() as u64)];
    for (from_client, flags, data) in [(true, "S", &b""[..]), (false, "SA", b""), (true, "A", b"hello")] {
        let device = pick();
        let passed = connection.send(pair, from_client, device, flags, data);
        assert_eq!(passed, 1, "{number}: {flags} at {device} of {devices:?}");
    }
    connection
}

#[test]
fn packets_at_any_device_pass_once_and_sessions_are_logged_once() {
    for (seed, combination) in (1..).zip(COMBINATIONS) {
        let mut random = Random(seed * 0x9e37_79b9);
        let mut pair = Pair::sharing(2, combination, "");
        let both = [0, 1];
        let mut connections: Vec<_> =
            (0..12).map(|number| open(&mut pair, &mut random, number, &both)).collect();
        for _ in 0..100 {
            let place = random.below(12);
            let (from_client, device) = (random.one_in(2), random.below(2));
            let passed = connections[place].send(&mut pair, from_client, device, "A", b"data");
            assert_eq!(passed, 1, "{combination}: {place} at {device}");
        }
        for connection in &mut connections {
            for (from_client, flags) in [(true, "FA"), (false, "FA"), (true, "A")] {
                let device = random.below(2);
                assert_eq!(connection.send(&mut pair, from_client, device, flags, b""), 1, "{combination}");
            }
        }
        pair.run(Duration::from_secs(40));
        assert_eq!(pair.records.len(), 12, "{combination}");
        assert!(pair.records.iter().all(|(_, record)| record.end_reason == EndReason::TcpFin));
        let packets = pair.records.iter().map(|(_, record)| record.sent.packets + record.received.packets);
        assert_eq!(packets.sum::<u64>(), 12 * 6 + 100, "{combination}: each was counted once");
        assert_eq!([pair.sessions(0), pair.sessions(1)], [0, 0], "{combination}");
    }
}

/// What happens to a device, or between the two.
const TROUBLES: [&str; 5] = ["death", "link", "suspended", "ha3", "silence"];

/// Something happens to a device; which devices can be sent packets then.
fn disturb(pair: &mut Pair, trouble: &str, device: usize) -> Vec<usize> {
    match trouble {
        "death" => pair.nodes[device] = None,
        "link" => pair.carrier(device, OUTSIDE, false),
        "suspended" => pair.command(device, Command::PairState(StateRequest::Suspend)),
        "ha3" => (0..2).for_each(|at| {
            pair.command(at, Command::PairLink { link: HaLinkId::Ha3, is_up: false });
        }),
        _ => (pair.is_cut, pair.lost) = (true, Some(HaLinkId::Ha2)),
    }
    pair.run(Duration::from_millis(300));
    let works = |at: &usize| {
        let node = pair.nodes[*at].as_ref();
        node.is_some_and(|node| node.pair_state().is_some_and(HaState::forwards))
    };
    [0, 1].into_iter().filter(works).collect()
}

/// All is well again.
fn mend(pair: &mut Pair, combination: &str) {
    (pair.is_cut, pair.lost) = (false, None);
    for device in [0, 1] {
        if pair.nodes[device].is_none() {
            pair.nodes[device] = Some(node_with(device, pair.now, 2, &(config(device, combination) + SHORT)));
        }
        pair.carrier(device, OUTSIDE, true);
        pair.command(device, Command::PairLink { link: HaLinkId::Ha3, is_up: true });
        let functional = Command::PairState(StateRequest::Functional);
        let now = pair.now;
        let _ = pair.nodes[device].as_mut().unwrap().handle_command(now, functional);
        pair.drain(device);
    }
    pair.run(Duration::from_secs(14));
    for device in [0, 1] {
        assert!(pair.state(device).forwards(), "{device} is {:?}", pair.state(device));
    }
}

/// Whether all packets pass once, wherever they come.
fn exchange(
    pair: &mut Pair,
    random: &mut Random,
    connections: &mut [Connection],
    (devices, parts): (&[usize], usize),
) -> Result<(), String> {
    for _ in 0..30 {
        let place = random.below(connections.len() as u64);
        let any = devices[random.below(devices.len() as u64)];
        let (from_client, at) = (random.one_in(2), if parts == 2 { place % 2 } else { any });
        let dropped = |pair: &Pair| {
            let workers = pair.nodes.iter().flatten().flat_map(|node| node.counters());
            let of = |counters: &bifrons_dataplane::Counters| {
                let all = DropReason::ALL.iter().filter(|reason| counters.dropped_for(**reason) > 0);
                all.map(|reason| (reason.name(), counters.dropped_for(*reason))).collect::<Vec<_>>()
            };
            workers.map(of).collect::<Vec<_>>()
        };
        let before = dropped(pair);
        let passed = connections[place].send(pair, from_client, at, "A", b"data");
        if passed != 1 {
            return Err(format!(
                "{place} at {at}, from the client {from_client}: {passed} {before:?} {:?}",
                dropped(pair)
            ));
        }
    }
    Ok(())
}

fn play(seed: u64) -> Result<(), String> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ ((seed + 1) * 0x1234_5677));
    let combination = COMBINATIONS[seed as usize % 5];
    let mut pair = Pair::sharing(2, combination, SHORT);
    let mut connections: Vec<Connection> = Vec::new();
    let mut story = format!("seed {seed}, {combination}:");
    for _ in 0..3 {
        for _ in 0..4 {
            connections.push(open(&mut pair, &mut random, connections.len(), &[0, 1]));
        }
        pair.run(20 * MILLISECOND);
        let (trouble, device) = (TROUBLES[random.below(5)], random.below(2));
        story += &format!(" {trouble} of {device},");
        let working = disturb(&mut pair, trouble, device);
        let first = if trouble == "silence" { [connections.len() % 2] } else { [working[0]] };
        connections.push(open(&mut pair, &mut random, connections.len(), &first));
        // Two that do not hear of each other do not share the segments of a connection either.
        let parts = if trouble == "silence" { 2 } else { 1 };
        exchange(&mut pair, &mut random, &mut connections, (&working, parts))
            .map_err(|why| format!("{story} {working:?}: {why}"))?;
        mend(&mut pair, combination);
        exchange(&mut pair, &mut random, &mut connections, (&[0, 1], 1))
            .map_err(|why| format!("{story} mended: {why}"))?;
    }
    // Every second one is closed, the others run out.
    for (number, connection) in connections.iter_mut().enumerate().step_by(2) {
        for (from_client, flags) in [(true, "FA"), (false, "FA"), (true, "A")] {
            if connection.send(&mut pair, from_client, random.below(2), flags, b"") != 1 {
                return Err(format!("{story} closing {number}: {flags} is lost"));
            }
        }
    }
    pair.run(Duration::from_secs(130));
    for connection in &connections {
        let port = connection.client.tcp_port;
        let records: Vec<_> = pair.records.iter().filter(|(_, record)| record.source_port == port).collect();
        if records.len() != 1 {
            return Err(format!("{story} {port} was logged {} times: {records:?}", records.len()));
        }
    }
    match [pair.sessions(0), pair.sessions(1)] {
        [0, 0] => Ok(()),
        left => Err(format!("{story} sessions are left: {left:?}")),
    }
}

#[test]
fn connections_go_on_whatever_happens_to_a_device() {
    let failed: Vec<_> = (0..15).filter_map(|seed| play(seed).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
