//! Every capture of a corpus through the worker: nothing panics, every frame is accounted for, each session
//! ends once; the size of the batch and the seed of the hash do not show.

use std::path::{Path, PathBuf};

use bifrons_config::{Config, parse};
use bifrons_dataplane::{Compiled, Counters, Frame, Outbox, Verdict, Worker};
use bifrons_drivers::Capture;
use bifrons_model::{Generation, Subtype, Timestamp, TrafficRecord};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::LinkType;

/// A device without any setting, its one interface leading everywhere and everything logged.
const STRICT: &str = "
set network interface ethernet ethernet1/1 tap
set network virtual-router default routing-table ip static-route all destination 0.0.0.0/0
set network virtual-router default routing-table ip static-route all interface ethernet1/1
set network virtual-router default routing-table ipv6 static-route all destination ::/0
set network virtual-router default routing-table ipv6 static-route all interface ethernet1/1
set zone tap network tap ethernet1/1
set rulebase security rules all from any to any source any destination any application any
set rulebase security rules all service any action allow log-end yes
";

struct Packet {
    bytes: Vec<u8>,
    wire_length: u32,
    link: Option<LinkType>,
    arrival: Timestamp,
}

#[derive(Debug, PartialEq)]
struct Ran {
    verdicts: Vec<Verdict>,
    records: Vec<TrafficRecord>,
    counters: Counters,
}

fn policies() -> [(&'static str, Compiled); 2] {
    let strict = parse(STRICT, "strict").unwrap_or_else(|errors| panic!("{errors:?}"));
    let compile = |config: &Config| {
        // A table of the size that a capture needs, so that each run does not clear hundreds of megabytes.
        let mut config = config.clone();
        config.session.capacity = 1 << 16;
        Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own")
    };
    [("tap", compile(&Config::tap())), ("strict", compile(&strict))]
}

/// The captures below a folder, in the order of their names.
fn captures(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() { captures(&path, found) } else { found.push(path) }
    }
}

/// What of a capture can be read.
fn packets(path: &Path) -> Vec<Packet> {
    let mut packets = Vec::new();
    let Ok(mut capture) = Capture::open(path) else { return packets };
    while let Ok(Some(batch)) = capture.next_batch(256) {
        packets.extend(batch.iter().map(|packet| Packet {
            bytes: packet.data.to_vec(),
            wire_length: packet.original_length,
            link: packet.link.supported(),
            arrival: packet.time,
        }));
    }
    packets
}

fn run(policy: &Compiled, packets: &[Packet], batch: usize, seed: u128) -> Ran {
    let mut worker = Worker::new(policy, HashSeed::new(seed));
    let mut outbox = Outbox::default();
    let mut verdicts = Vec::with_capacity(packets.len());
    for chunk in packets.chunks(batch) {
        let mut bytes: Vec<Vec<u8>> = chunk.iter().map(|packet| packet.bytes.clone()).collect();
        let mut frames: Vec<Frame<'_>> = std::iter::zip(chunk, &mut bytes)
            .map(|(packet, bytes)| Frame {
                bytes,
                wire_length: packet.wire_length,
                link: packet.link,
                interface: None,
                arrival: packet.arrival,
                verdict: Verdict::Pending,
            })
            .collect();
        let latest = frames.last().map_or(Timestamp::ZERO, |frame| frame.arrival);
        worker.process(latest, &mut frames, &mut outbox);
        assert!(worker.counters().is_conserved(), "{:?}", worker.counters());
        verdicts.extend(frames.iter().map(|frame| frame.verdict));
    }
    while let Some(deadline) = worker.poll_timeout() {
        worker.handle_timeout(deadline, &mut outbox);
    }
    assert!(worker.sessions().is_empty());
    assert!(worker.counters().is_conserved() && worker.counters().held == 0, "{:?}", worker.counters());
    Ran { verdicts, records: outbox.records, counters: worker.counters().clone() }
}

fn check(ran: &Ran, packets: &[Packet]) {
    assert_eq!(ran.counters.received, packets.len() as u64);
    assert_eq!(ran.counters.sessions_created, ran.counters.sessions_ended);
    let mut ends: Vec<_> = ran
        .records
        .iter()
        .filter(|record| record.subtype != Subtype::Start && record.session_id.0 != 0)
        .collect();
    assert_eq!(ends.len() as u64, ran.counters.sessions_created, "one closing record for each session");
    ends.sort_unstable_by_key(|record| record.session_id);
    ends.dedup_by_key(|record| record.session_id);
    assert_eq!(ends.len() as u64, ran.counters.sessions_created, "and no second one");
    assert!(
        ends.iter()
            .all(|record| record.start <= record.last_packet && record.last_packet <= record.generated)
    );
    let bytes: u64 = ran.records.iter().map(|record| record.sent.bytes + record.received.bytes).sum();
    assert!(bytes <= ran.counters.received_bytes, "records count what came, at most");
}

#[test]
fn the_corpus_runs_through() {
    let Some(corpus) = std::env::var_os("BIFRONS_CORPUS") else {
        println!("skipped: BIFRONS_CORPUS is not set");
        return;
    };
    let mut files = Vec::new();
    captures(&Path::new(&corpus).join("pcap"), &mut files);
    assert!(!files.is_empty(), "no capture found");
    let policies = policies();
    let (mut packet_count, mut session_count) = (0, 0);
    for path in &files {
        let packets = packets(path);
        for (name, policy) in &policies {
            let ran = std::panic::catch_unwind(|| {
                let ran = run(policy, &packets, 256, 1);
                check(&ran, &packets);
                ran
            });
            let ran = ran.unwrap_or_else(|_| panic!("{}, configuration {name}", path.display()));
            session_count += ran.counters.sessions_created;
            compare(policy, &packets, &ran, path);
        }
        packet_count += packets.len();
    }
    println!("{} captures, {packet_count} packets, {session_count} sessions", files.len());
}

fn compare(policy: &Compiled, packets: &[Packet], one: &Ran, path: &Path) {
    for (batch, seed) in [(1, 1), (7, 2), (32, 1), (256, 2)] {
        let other = run(policy, packets, batch, seed);
        let place = one.records.iter().zip(&other.records).position(|(one, other)| one != other);
        let differing = place.map(|place| (&one.records[place], &other.records[place]));
        assert!(*one == other, "{}: batch {batch}, seed {seed}: {differing:#?}", path.display());
    }
}
