//! One worker or several: the same records.

use std::{collections::BTreeSet, net::Ipv4Addr};

use bifrons_model::TrafficRecord;
use bifrons_wire::{Arp, ETHERTYPE_ARP, EthernetHeader};
use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

use crate::{Bench, CLIENT, CONFIG, INSIDE, OUTSIDE, OWN, SERVER};

const POOL: &str = "
set rulebase nat rules out from inside to outside source any destination any service any
set rulebase nat rules out source-translation dynamic-ip-and-port translated-address 192.0.2.100
";
const PERSISTENT: &str = "
set rulebase nat rules out from inside to outside source any destination any service any
set rulebase nat rules out source-translation dynamic-ip translated-address 100.64.0.0/24
";
const STATIC: &str = "
set rulebase nat rules out from inside to outside source 10.0.0.0/24 destination any service any
set rulebase nat rules out source-translation static-ip translated-address 100.64.7.0/24
";

/// What of a record does not depend on which worker wrote it, or which port a pool gave.
fn essence(record: &TrafficRecord) -> String {
    format!(
        "{:?} {} {}:{} > {}:{} {:?} {:?} {:?} {:?} nat {}",
        record.subtype,
        record.protocol,
        record.source,
        record.source_port,
        record.destination,
        record.destination_port,
        record.sent,
        record.received,
        record.end_reason,
        record.start,
        record.translation.is_some(),
    )
}

/// A frame from the server's side with the ends of another turned round; `error` reports on it instead.
fn answer_to(frame: &[u8], error: bool) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(NetSlice::Ipv4(ip)) = &packet.net else { return None };
    let (source, destination) = (ip.header().source(), ip.header().destination());
    let Some(TransportSlice::Udp(udp)) = &packet.transport else { return None };
    let mut answer = Vec::new();
    if error {
        let builder = PacketBuilder::ethernet2(SERVER.0, OWN[1].0)
            .ipv4([203, 0, 113, 1], source, 64)
            .icmpv4_raw(3, 3, [0; 4]);
        builder.write(&mut answer, &frame[14..]).unwrap();
    } else {
        let builder = PacketBuilder::ethernet2(SERVER.0, OWN[1].0)
            .ipv4(destination, source, 64)
            .udp(udp.destination_port(), udp.source_port());
        builder.write(&mut answer, b"answer").unwrap();
    }
    Some(answer)
}

/// Answers questions for neighbors, and packets on the server's side, until nothing more comes.
fn settle(bench: &mut Bench, frames: Vec<(bifrons_node::PortId, Vec<u8>)>) -> usize {
    let mut waiting = frames;
    let mut reached = 0;
    while let Some((port, frame)) = waiting.pop() {
        let (header, length) = EthernetHeader::read(&frame).unwrap();
        if header.ethertype == ETHERTYPE_ARP {
            let ask = Arp::read(&frame[length..]).unwrap();
            if ask.is_request && ask.sender != ask.target {
                let mac = if port == INSIDE { CLIENT } else { SERVER };
                waiting.extend(bench.answer(port, &frame, mac));
            }
        } else if port == OUTSIDE {
            let is_reported = frame.len() % 3 == 0;
            if let Some(answer) = answer_to(&frame, is_reported) {
                waiting.extend(bench.give(OUTSIDE, answer));
            }
        } else {
            assert_eq!(header.destination, CLIENT);
            reached += 1;
        }
    }
    reached
}

fn run(config: &str, workers: usize) -> (Vec<String>, usize) {
    let mut bench = Bench::with(config, workers);
    let mut reached = 0;
    for number in 0_u16..400 {
        let (client, server) = ((number * 7 % 100) as u8 + 1, (number * 13 % 50) as u8 + 2);
        let mut frame = Vec::new();
        PacketBuilder::ethernet2(CLIENT.0, OWN[0].0)
            .ipv4([10, 0, 0, client], Ipv4Addr::new(203, 0, 113, server).octets(), 64)
            .udp(2000 + number % 17, 4000 + number % 5)
            .write(&mut frame, &vec![1; 20 + usize::from(number % 30)])
            .unwrap();
        let left = bench.give(INSIDE, frame);
        reached += settle(&mut bench, left);
        bench.now = bench.now.after_secs(u32::from(number % 10 == 0));
    }
    bench.now = bench.now.after_secs(100);
    bench.node.handle_timeout(bench.now);
    bench.drain();
    let ids: BTreeSet<_> = bench.records.iter().map(|record| record.session_id).collect();
    assert_eq!(ids.len(), bench.records.len(), "no number is given twice");
    let numbers: Vec<u64> = bench.records.iter().map(|record| record.sequence_number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    let mut records: Vec<String> = bench.records.iter().map(essence).collect();
    records.sort();
    (records, reached)
}

#[test]
fn the_number_of_workers_does_not_show() {
    for (name, nat) in [("none", ""), ("pool", POOL), ("addresses", PERSISTENT), ("static", STATIC)] {
        let config = format!("{CONFIG}{nat}");
        let (records, reached) = run(&config, 1);
        assert_eq!(reached, 400, "{name}: each packet was answered");
        for workers in [2, 8] {
            let (others, also_reached) = run(&config, workers);
            assert_eq!(also_reached, reached, "{name} with {workers} workers");
            let differing = records.iter().zip(&others).find(|(one, other)| one != other);
            assert_eq!((differing, others.len()), (None, records.len()), "{name} with {workers} workers");
        }
    }
}
