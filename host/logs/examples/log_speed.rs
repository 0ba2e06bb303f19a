//! How many records a second each format writes into memory, on one core.
//! `cargo run --release -p bifrons-logs --example log_speed`
#![allow(clippy::disallowed_types, reason = "a measurement reads the clock")]

use std::{net::IpAddr, time::Instant};

use bifrons_catalog::app;
use bifrons_logs::{CsvFormat, JsonFormat, LogVersion, TableFormat};
use bifrons_model::{
    Action, ActionSource, CategoryId, EndReason, Flags, Handshake, HandshakeStep, InterfaceId, Names, RuleId,
    SessionId, Subtype, Timestamp, Tracker, TrafficRecord, UserId, Volume, ZoneId,
};

const RECORDS: u32 = 1_000_000;

fn main() {
    let names = Names {
        zones: vec!["trust".into(), "untrust".into()],
        interfaces: vec!["ethernet1/1".into(), "ethernet1/2".into()],
        rules: vec!["outbound".into()],
        device: "gate".into(),
        serial: "001234567890".into(),
        ..Names::default()
    };
    let csv = CsvFormat::new(LogVersion::V10_1, false);
    let csv_11 = CsvFormat::new(LogVersion::V11_1, false);
    let json = JsonFormat::new(false);
    let mut table = TableFormat::new(160, false);
    for version in ["IPv4", "IPv6"] {
        let records = records(version == "IPv6");
        measure(&format!("csv 10.1 {version}"), &records, |record, out| csv.write(record, &names, out));
        measure(&format!("csv 11.1 {version}"), &records, |record, out| csv_11.write(record, &names, out));
        measure(&format!("json {version}"), &records, |record, out| {
            json.write(record, &names, "captures/one.pcap", out);
        });
        measure(&format!("table {version}"), &records, |record, out| table.write(record, &names, out));
    }
}

fn measure(name: &str, records: &[TrafficRecord], mut write: impl FnMut(&TrafficRecord, &mut Vec<u8>)) {
    let mut best = f64::MAX;
    let mut bytes = 0;
    for _ in 0..5 {
        let mut out = Vec::with_capacity(1 << 20);
        bytes = 0;
        let begin = Instant::now();
        for turn in 0..RECORDS {
            if let Some(record) = records.get(turn as usize % records.len()) {
                write(record, &mut out);
            }
            if out.len() > 1 << 19 {
                bytes += out.len();
                out.clear();
            }
        }
        bytes += out.len();
        best = best.min(begin.elapsed().as_secs_f64());
    }
    let rate = f64::from(RECORDS) / best;
    let length = bytes as f64 / f64::from(RECORDS);
    println!(
        "{name:<14} {:6.2} million records/s  {:5.0} ns  {length:4.0} bytes each",
        rate / 1e6,
        1e9 / rate
    );
}

fn records(ipv6: bool) -> Vec<TrafficRecord> {
    (0..1_024_u32)
        .map(|number| {
            let address = |side: u32| -> IpAddr {
                if ipv6 {
                    (0x2001_0db8_u128 << 96 | u128::from(side) << 32 | u128::from(number))
                        .to_be_bytes()
                        .into()
                } else {
                    (0x0a00_0000 | side << 16 | number).to_be_bytes().into()
                }
            };
            let mut handshake = Handshake::default();
            for step in [HandshakeStep::Syn, HandshakeStep::SynAck, HandshakeStep::Ack] {
                handshake.push(step);
            }
            let start = Timestamp::from_nanos(1_700_000_020_020_000_000 + u64::from(number) * 1_234_567);
            TrafficRecord {
                subtype: Subtype::End,
                session_id: SessionId(number + 1),
                sequence_number: u64::from(number) + 7_000_000_000,
                generated: start + std::time::Duration::from_millis(15_123),
                start,
                last_packet: start + std::time::Duration::from_micros(123_456),
                source: address(1),
                destination: address(2),
                source_port: 1_024 + number as u16,
                destination_port: 443,
                protocol: 6,
                translation: None,
                nat_rule: None,
                source_user: UserId(0),
                category: CategoryId(0),
                parent_session: SessionId(0),
                parent_start: None,
                app: app::SSL,
                rule: RuleId(0),
                zone_from: ZoneId(0),
                zone_to: ZoneId(1),
                interface_in: InterfaceId(0),
                interface_out: InterfaceId(1),
                action: Action::Allow,
                action_source: ActionSource::Policy,
                sent: Volume { packets: 12, bytes: 1_234 + u64::from(number) },
                received: Volume { packets: 15, bytes: 12_345 + u64::from(number) },
                end_reason: EndReason::TcpFin,
                tracker: Tracker::TcpFin,
                handshake,
                flags: Flags::default(),
                server_name: Some("www.example.com".into()),
                ja4: None,
            }
        })
        .collect()
}
