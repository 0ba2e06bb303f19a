//! Reading and explaining traffic log lines of 115 columns that lie in memory.

use std::hint::black_box;

use anyhow::{Context, Result};
use bifrons_explain::{
    Facts, Field, Timeouts, explain,
    json::JsonLines,
    pile::{Limits, Pile},
};
use bifrons_logs::{
    read::Reader,
    record::{Column, ColumnType, LogRecord},
};

use super::processor_nanos;

/// Enough lines to be far larger than the caches: about 60 MB.
const LINES: u32 = 100_000;

/// What is made of each explanation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nothing.
    Explanation,
    /// A line of JSON with every column and all that is said of the record.
    Json,
    /// An entry in the counts over all records.
    Pile,
}

/// Records a second, one core, from bytes to what `output` says.
pub fn measure(output: Output) -> Result<f64> {
    let text = text();
    let timeouts = Timeouts::default();
    let mut columns = [None; Field::ALL.len()];
    for field in Field::ALL {
        columns[*field as usize] = Column::from_name(field.name());
    }
    let names = Column::ALL.iter().map(|column| (column.name(), column.column_type() == ColumnType::Number));
    let lines = JsonLines::new(names);
    let mut pile = Pile::new(Limits::default(), 1);
    let (mut out, mut diagnosed) = (Vec::new(), 0_u64);
    let begin = processor_nanos()?;
    let mut reader = Reader::new(&text[..])?;
    while let Some(record) = reader.next()? {
        let record = record.ok().context("every line is a record")?;
        let facts = facts(&record, &columns);
        let explanation = explain(&facts, &timeouts);
        diagnosed += u64::from(explanation.place.is_some());
        match output {
            Output::Explanation => {}
            Output::Pile => pile.add(&facts, &explanation),
            Output::Json => {
                let values = record.values().map(|(column, value)| (column.index(), value));
                lines.write(values, &facts, &explanation, &mut out);
                if out.len() > 256 << 10 {
                    black_box(&out);
                    out.clear();
                }
            }
        }
    }
    black_box((diagnosed, pile.totals().records));
    let seconds = (processor_nanos()? - begin) as f64 / 1e9;
    anyhow::ensure!(diagnosed == reader.counts().records, "every record has a diagnosis");
    Ok(reader.counts().records as f64 / seconds)
}

fn facts<'r>(record: &LogRecord<'r>, columns: &[Option<Column>; Field::ALL.len()]) -> Facts<'r> {
    Facts::gather(|field| record.get(columns[field as usize]?))
}

/// What differs between the kinds of session in the mix.
struct Kind {
    subtype: &'static str,
    rule: &'static str,
    app: &'static str,
    port: u16,
    protocol: &'static str,
    action: &'static str,
    sent: (u32, u32),
    received: (u32, u32),
    reason: &'static str,
}

/// Of twenty sessions so many of each kind: web, names, unanswered, reset, denied.
const MIX: [(u32, Kind); 5] = [
    (10, kind("end", "outbound", "ssl", (443, "tcp"), "allow", (785, 10), (6_312, 9), "tcp-fin")),
    (6, kind("end", "names", "dns-base", (53, "udp"), "allow", (80, 1), (160, 1), "aged-out")),
    (2, kind("end", "outbound", "incomplete", (8443, "tcp"), "allow", (296, 4), (0, 0), "aged-out")),
    (1, kind("end", "outbound", "ssl", (443, "tcp"), "allow", (900, 8), (4_000, 7), "tcp-rst-from-server")),
    (1, kind("drop", "deny all", "not-applicable", (445, "tcp"), "deny", (70, 1), (0, 0), "policy-deny")),
];

#[allow(clippy::too_many_arguments, reason = "a row of a table")]
const fn kind(
    subtype: &'static str,
    rule: &'static str,
    app: &'static str,
    (port, protocol): (u16, &'static str),
    action: &'static str,
    sent: (u32, u32),
    received: (u32, u32),
    reason: &'static str,
) -> Kind {
    Kind { subtype, rule, app, port, protocol, action, sent, received, reason }
}

/// Lines as a device of release 10.2 sends them, with the syslog header.
fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..LINES {
        let mut place = number % 20;
        let kind = MIX.iter().find(|(share, _)| match place.checked_sub(*share) {
            Some(rest) => {
                place = rest;
                false
            }
            None => true,
        });
        if let Some((_, kind)) = kind {
            line(number, kind, &mut text);
        }
    }
    text
}

fn line(number: u32, kind: &Kind, text: &mut Vec<u8>) {
    let Kind { subtype, rule, app, port, protocol, action, sent, received, reason } = kind;
    let (host, client, minute) = (number % 250, 1_024 + number % 60_000, number / 2_000 % 60);
    let line = format!(
        "<14>Nov 30 16:09:08 PA-VM 1,2026/02/18 07:{minute:02}:24,012001041645,TRAFFIC,{subtype},2562,\
         2026/02/18 07:{minute:02}:24,10.76.90.{host},192.0.2.{host},198.51.100.7,192.0.2.{host},{rule},,\
         ,{app},vsys1,trust,untrust,ethernet1/2.610,ethernet1/1,forward,2026/02/18 07:{minute:02}:24,\
         {number},1,{client},{port},{client},{port},0x53,{protocol},{action},{},{},{},{},\
         2026/02/18 07:{minute:02}:09,{},any,,73450748414677{number:05},0x8000000000000000,\
         10.0.0.0-10.255.255.255,United States,,{},{},{reason},15,0,0,0,,PA-VM,from-policy,,,0,,0,,N/A,0,\
         0,0,0,ec14df0b-c845-4435-87a2-d207730f5ae8,0,0,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\
         2026-02-18T07:32:24.455+01:00,,,encrypted-tunnel,networking,browser-based,4,\"used-by-malware,\
         able-to-transfer-file,has-known-vulnerability\",,{app},no,no,0\n",
        sent.0 + received.0,
        sent.0,
        received.0,
        sent.1 + received.1,
        number % 3,
        sent.1,
        received.1,
    );
    text.extend_from_slice(line.as_bytes());
}
