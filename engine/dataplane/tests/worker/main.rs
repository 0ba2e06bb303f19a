//! The worker as a driver sees it: frames in, verdicts and records out.

mod batches;
mod flood;
mod packets;
mod protection;
mod traffic;

use bifrons_config::parse;
use bifrons_dataplane::{Compiled, Counters, Frame, Outbox, Verdict, Worker};
use bifrons_model::{Generation, Timestamp, TrafficRecord};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::LinkType;

/// When all tests begin.
const START: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Two zones with everything between them that the tests need; further lines may change it.
const NETWORK: &str = "
set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/8
set network interface ethernet ethernet1/1 layer3 ipv6 address fd00::1/16
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/24
set network interface ethernet ethernet1/2 layer3 ipv6 address 2001:db8::1/32
set zone trust network layer3 ethernet1/1
set zone untrust network layer3 ethernet1/2
";

fn policy(lines: &str, generation: u32) -> Compiled {
    let text = format!("{NETWORK}{lines}");
    let config = parse(&text, "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    compiled(Policy::compile(&config, Generation(generation)))
}

fn compiled(policy: Policy) -> Compiled {
    Compiled::new(policy).expect("no signatures of its own")
}

/// The policy of a later commit: what it has in common with `previous` keeps its numbers.
fn policy_after(previous: &Compiled, lines: &str, generation: u32) -> Compiled {
    let text = format!("{NETWORK}{lines}");
    let config = parse(&text, "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    compiled(Policy::compile_after(&previous.policy, &config, Generation(generation)))
}

/// A frame that the tests made.
#[derive(Clone, Debug)]
struct Packet {
    bytes: Vec<u8>,
    wire_length: u32,
    arrival: Timestamp,
}

/// What a driver does between two calls.
#[derive(Clone, Debug)]
enum Event {
    Packet(Packet),
    Commit,
    /// Ends the sessions from or to a port.
    Clear(u16),
}

/// Everything that came out of a worker.
#[derive(Debug, Default, PartialEq)]
struct Output {
    verdicts: Vec<Verdict>,
    records: Vec<TrafficRecord>,
    /// The frames as they left.
    frames: Vec<Vec<u8>>,
    counters: Counters,
}

/// A worker with its outbox and what came out of it so far.
struct Bench {
    worker: Worker,
    outbox: Outbox,
    output: Output,
}

impl Bench {
    fn new(policy: &Compiled, seed: u128) -> Self {
        let worker = Worker::new(policy, HashSeed::new(seed));
        Self { worker, outbox: Outbox::default(), output: Output::default() }
    }

    fn process(&mut self, packets: &[Packet]) {
        if packets.is_empty() {
            return;
        }
        let mut bytes: Vec<Vec<u8>> = packets.iter().map(|packet| packet.bytes.clone()).collect();
        let mut frames: Vec<Frame<'_>> = std::iter::zip(packets, &mut bytes)
            .map(|(packet, bytes)| Frame {
                bytes,
                wire_length: packet.wire_length,
                link: Some(LinkType::Ethernet),
                interface: None,
                arrival: packet.arrival,
                verdict: Verdict::Pending,
            })
            .collect();
        let latest = frames.last().map_or(Timestamp::ZERO, |frame| frame.arrival);
        self.worker.process(latest, &mut frames, &mut self.outbox);
        self.output.verdicts.extend(frames.iter().map(|frame| frame.verdict));
        self.output.frames.extend(bytes);
        self.collect();
    }

    /// Takes over what the last call left behind, and checks what holds after every call.
    fn collect(&mut self) {
        self.output.records.append(&mut self.outbox.records);
        let counters = self.worker.counters();
        assert!(counters.is_conserved(), "{counters:?}");
        assert!(!self.output.verdicts.contains(&Verdict::Pending));
        let sessions = self.worker.sessions();
        assert!(sessions.len() <= sessions.capacity());
        assert_eq!(counters.sessions_created - counters.sessions_ended, sessions.len() as u64);
    }

    /// Lets time run until nothing waits any more.
    fn run_on(&mut self) {
        let mut turns = 0;
        while let Some(deadline) = self.worker.poll_timeout() {
            self.worker.handle_timeout(deadline, &mut self.outbox);
            self.collect();
            turns += 1;
            assert!(turns < 1_000_000, "time runs on for ever");
        }
        let counters = self.worker.counters();
        assert!(self.worker.sessions().is_empty() && counters.held == 0);
        self.output.counters = counters.clone();
    }
}

/// Plays events to a worker in batches of at most `batch` frames.
fn play(policies: &[Compiled], events: &[Event], batch: usize, seed: u128) -> Output {
    let mut bench = Bench::new(&policies[0], seed);
    let mut waiting: Vec<Packet> = Vec::new();
    let mut commits = 0;
    for event in events {
        match event {
            Event::Packet(packet) => {
                waiting.push(packet.clone());
                if waiting.len() == batch {
                    bench.process(&std::mem::take(&mut waiting));
                }
                continue;
            }
            Event::Commit | Event::Clear(_) => bench.process(&std::mem::take(&mut waiting)),
        }
        match event {
            Event::Packet(_) => {}
            Event::Commit => {
                commits += 1;
                bench.worker.handle_commit(&policies[commits % policies.len()]);
            }
            Event::Clear(port) => {
                let filter =
                    bifrons_dataplane::ClearFilter { destination_port: Some(*port), ..Default::default() };
                bench.worker.clear(&filter, &mut bench.outbox);
                bench.collect();
            }
        }
    }
    bench.process(&waiting);
    bench.run_on();
    bench.output
}

/// Frames that waited for the rest of their packet are dropped when its time is over, and counted once.
#[test]
fn fragments_that_time_out_are_accounted_for() {
    let policy = policy("", 1);
    let mut bench = Bench::new(&policy, 1);
    let way = packets::Way {
        source: (std::net::Ipv4Addr::new(10, 0, 0, 2).into(), 5_000),
        destination: (std::net::Ipv4Addr::new(192, 0, 2, 7).into(), 53),
    };
    let mut parts = packets::fragments(way, 1, &[7; 1_000], 512);
    parts.pop();
    let packets: Vec<Packet> = parts
        .into_iter()
        .map(|bytes| Packet { wire_length: bytes.len() as u32, bytes, arrival: START })
        .collect();
    bench.process(&packets);
    assert_eq!(bench.worker.counters().held, packets.len() as u64);
    bench.run_on();
    let counters = &bench.output.counters;
    assert_eq!(counters.dropped_for(bifrons_model::DropReason::FragmentTimeout), packets.len() as u64);
}
