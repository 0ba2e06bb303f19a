//! Frames of a link, questions, time and changes of the link in any order: the copy that a worker makes of
//! the updates is what the table knows, tables stay bounded, none of our own addresses is a neighbor, and a
//! silent device sends nothing.
#![no_main]

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use bifrons_config::typed::{Interface, Prefix};
use bifrons_dataplane::neighbor::{
    Answers, LinkSettings, NeighborOutput, Neighbors, Sharing, VirtualAddress,
};
use bifrons_fuzz::Input;
use bifrons_model::{InterfaceId, MacAddress, Timestamp};
use libfuzzer_sys::fuzz_target;

const INTERFACE: InterfaceId = InterfaceId(1);
const CAPACITY: usize = 8;
/// The settings of a device that says nothing, and of one that shares an address with another.
const SILENT: u8 = 3;
const SHARES: u8 = 2;
const OURS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut neighbors = Neighbors::new();
    let mut now = Timestamp::from_secs(1000);
    let mut last = 1;
    neighbors.set_link(now, INTERFACE, settings(last));
    while neighbors.poll_output().is_some() {}
    let mut copy: BTreeMap<IpAddr, MacAddress> = BTreeMap::new();
    while !input.0.is_empty() {
        let value = input.byte();
        match input.byte() % 8 {
            0..=3 => {
                let length = usize::from(value).min(input.0.len());
                let (frame, rest) = input.0.split_at(length);
                input.0 = rest;
                neighbors.handle_frame(now, INTERFACE, frame);
            }
            4 => {
                neighbors.resolve(now, INTERFACE, IpAddr::from([10, 0, 0, value]));
            }
            5 => {
                let address = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(value)]);
                neighbors.resolve(now, INTERFACE, address);
            }
            6 => {
                now += Duration::from_millis(u64::from(value) * 100);
                neighbors.handle_timeout(now);
                assert!(neighbors.poll_timeout().is_none_or(|at| at > now));
            }
            _ if value < 128 => neighbors.set_up(now, INTERFACE, value & 1 == 1),
            _ => {
                last = value & 3;
                neighbors.set_link(now, INTERFACE, settings(last));
            }
        }
        while let Some(output) = neighbors.poll_output() {
            assert!(last != SILENT || !matches!(output, NeighborOutput::Frame { .. }));
            if let NeighborOutput::Update(update) = output {
                match update.mac {
                    Some(mac) => copy.insert(update.address, mac),
                    None => copy.remove(&update.address),
                };
            }
        }
        let known = neighbors.neighbors(INTERFACE).filter_map(|one| Some((one.address, one.mac?)));
        assert_eq!(copy, known.collect());
        assert!(copy.len() <= CAPACITY && OURS.iter().all(|own| !copy.contains_key(own)));
    }
});

fn settings(last: u8) -> LinkSettings {
    let lengths = [24, 64];
    let addresses = OURS.into_iter().zip(lengths).map(|(address, length)| Prefix { address, length });
    let interface = Interface { addresses: addresses.collect(), ..Interface::default() };
    let mac = MacAddress([2, 0, 0, 0, 0, last]);
    let address = Prefix { address: IpAddr::from([10, 0, 0, 2]), length: 24 };
    let answers =
        Answers::Requesters { by: Sharing::Modulo, macs: [mac, MacAddress([2; 6])], has: [true, false] };
    let virtual_addresses =
        if last == SHARES { vec![VirtualAddress { prefix: address, answers }] } else { vec![] };
    LinkSettings {
        capacity: CAPACITY,
        is_silent: last == SILENT,
        virtual_addresses,
        ..LinkSettings::new(mac, &interface, &[])
    }
}
