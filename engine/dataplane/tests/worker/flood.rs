//! A flood of connections that nobody finishes: memory stays bounded, those who were there first go on.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use bifrons_dataplane::Verdict;
use bifrons_model::{DropReason, EndReason, Subtype, Timestamp, TrafficRecord};

use crate::{
    Bench, Packet, START,
    packets::{self, Header, Way},
    policy,
};

const CAPACITY: usize = 10_000;
const ESTABLISHED: u32 = 500;
const FLOOD: u32 = 1_000_000;
/// Attack packets between two rounds of the established connections.
const ROUND: u32 = 50_000;
const REFUSALS_PER_SECOND: usize = 1_000;

const SYN: u8 = 2;
const ACK: u8 = 16;

fn way(client: u32) -> Way {
    let client = Ipv4Addr::from_bits(0x0a00_0100 + client);
    Way { source: (client.into(), 5_000), destination: (Ipv4Addr::new(192, 0, 2, 7).into(), 443) }
}

fn segment(
    client: u32,
    is_back: bool,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    arrival: Timestamp,
) -> Packet {
    let way = if is_back { way(client).back() } else { way(client) };
    let bytes = packets::tcp(way, Header { sequence, acknowledgement, flags, options: &[] }, &[]);
    Packet { wire_length: bytes.len() as u32, bytes, arrival }
}

#[test]
fn a_flood_of_syns_at_capacity() {
    let policy = policy(
        "set deviceconfig setting session capacity 10000
         set deviceconfig setting session accelerated-aging-enable no
         set rulebase security rules all from any to any source any destination any application any
         set rulebase security rules all service any action allow log-end yes",
        1,
    );
    let mut bench = Bench::new(&policy, 7);
    for client in 0..ESTABLISHED {
        bench.process(&[
            segment(client, false, 100, 0, SYN, START),
            segment(client, true, 900, 101, SYN | ACK, START),
            segment(client, false, 101, 901, ACK, START),
        ]);
    }
    assert_eq!(bench.worker.sessions().len(), ESTABLISHED as usize);

    let mut now = START;
    let mut records: Vec<TrafficRecord> = Vec::new();
    for first in (0..FLOOD).step_by(ROUND as usize) {
        for batch in (first..first + ROUND).step_by(250) {
            now += Duration::from_millis(1);
            let packets: Vec<Packet> = (batch..batch + 250)
                .map(|number| segment(ESTABLISHED + number, false, 1, 0, SYN, now))
                .collect();
            bench.process(&packets);
            assert!(bench.worker.sessions().len() <= CAPACITY);
            // The verdicts of a million frames are not kept.
            bench.output.verdicts.clear();
            records.append(&mut bench.output.records);
        }
        let alive: Vec<Packet> = (0..ESTABLISHED)
            .map(|client| match client % 2 {
                0 => segment(client, false, 101, 901, ACK, now),
                _ => segment(client, true, 901, 101, ACK, now),
            })
            .collect();
        bench.process(&alive);
        assert!(bench.output.verdicts.iter().all(|verdict| matches!(verdict, Verdict::Transmit(_))));
        bench.output.verdicts.clear();
    }

    let counters = bench.worker.counters().clone();
    let refused = counters.dropped_for(DropReason::SessionTableFull);
    assert_eq!(counters.received, u64::from(FLOOD + ESTABLISHED * (3 + FLOOD / ROUND)));
    assert_eq!(counters.sessions_refused, refused);
    assert_eq!(counters.sessions_created + refused, u64::from(ESTABLISHED + FLOOD));
    assert!(refused > u64::from(FLOOD) / 2, "{refused}");

    let mut refusals: BTreeMap<u64, usize> = BTreeMap::new();
    for record in records.iter().filter(|record| record.end_reason == EndReason::ResourcesUnavailable) {
        assert_eq!(record.subtype, Subtype::Drop);
        *refusals.entry(record.generated.as_secs()).or_default() += 1;
    }
    assert!(!refusals.is_empty());
    assert!(refusals.values().all(|count| *count <= REFUSALS_PER_SECOND), "{refusals:?}");
    bench.run_on();
}
