//! Reading traffic log lines of 115 columns that lie in memory.

use std::hint::black_box;

use anyhow::{Context, Result};
use bifrons_logs::{read::Reader, record::Column};

use super::processor_nanos;

/// Enough lines to be far larger than the caches: about 60 MB.
const LINES: u32 = 100_000;

/// Records a second, one core: lines found, values found, and the five that a verdict needs looked at.
pub fn parse() -> Result<f64> {
    let text = text();
    let begin = processor_nanos()?;
    let mut reader = Reader::new(&text[..])?;
    let mut length = 0;
    while let Some(record) = reader.next()? {
        let record = record.ok().context("every line is a record")?;
        for column in [
            Column::ACTION,
            Column::APP,
            Column::SESSION_END_REASON,
            Column::BYTES_RECEIVED,
            Column::PKTS_RECEIVED,
        ] {
            length += record.get(column).map_or(0, str::len);
        }
    }
    black_box(length);
    let seconds = (processor_nanos()? - begin) as f64 / 1e9;
    Ok(reader.counts().records as f64 / seconds)
}

/// Lines as a device of release 10.2 sends them, with the syslog header.
fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..LINES {
        let (host, port) = (number % 250, 1_024 + number % 60_000);
        let line = format!(
            "<14>Nov 30 16:09:08 PA-VM 1,2026/02/18 07:32:24,012001041645,TRAFFIC,end,2562,\
             2026/02/18 07:32:24,10.76.90.{host},192.0.2.{host},198.51.100.7,192.0.2.{host},\
             \"any to web, logged\",,,ssl,vsys1,trust,untrust,ethernet1/2.610,ethernet1/1,forward,\
             2026/02/18 07:32:24,{number},1,{port},443,{port},443,0x400053,tcp,allow,{},785,6312,\
             19,2026/02/18 07:32:09,{},any,,73450748414677{number:05},\
             0x8000000000000000,10.0.0.0-10.255.255.255,United States,,10,9,tcp-fin,15,0,0,0,,PA-VM,\
             from-policy,,,0,,0,,N/A,0,0,0,0,\
             ec14df0b-c845-4435-87a2-d207730f5ae8,0,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\
             2026-02-18T07:32:24.455+01:00,,,encrypted-tunnel,networking,browser-based,4,\
             \"used-by-malware,able-to-transfer-file,has-known-vulnerability\",,ssl,no,no,0\n",
            7_097 + number % 977,
            number % 100,
        );
        text.extend_from_slice(line.as_bytes());
    }
    text
}
