//! PAN-OS CSV: one line a record, every column of the release.

use bifrons_model::{Names, TrafficRecord};

use crate::{
    columns::{COLUMNS, Content, Field},
    plan::Plan,
    row::Row,
    version::LogVersion,
};

/// Writes records as lines of PAN-OS CSV.
pub struct CsvFormat {
    header: String,
    plan: Plan,
}

impl CsvFormat {
    /// The columns of `version`; with `canonical` those that may differ between two runs are left out.
    pub fn new(version: LogVersion, canonical: bool) -> Self {
        let chosen: Vec<&Field> = COLUMNS
            .iter()
            .take(version.columns())
            .filter(|field| !(canonical && field.is_run_specific()))
            .collect();
        let mut plan = Plan::new(push_quoted);
        for (place, field) in chosen.iter().enumerate() {
            if place > 0 {
                plan.text(",");
            }
            match field.content {
                Content::Fixed(text) => plan.text(text),
                Content::Release(text) => plan.text(text(version)),
                Content::Plain(plain) => plan.plain(plain),
                Content::Named(named) => plan.named(named),
            }
        }
        plan.text("\n");
        let names: Vec<&str> = chosen.iter().map(|field| field.column.name()).collect();
        Self { header: names.join(",") + "\n", plan }
    }

    /// The line of column names, newline included.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Appends the record's line, newline included.
    pub fn write(&self, record: &TrafficRecord, names: &Names, out: &mut Vec<u8>) {
        self.write_row(&Row::new(record, names, ""), out);
    }

    pub(crate) fn write_row(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        self.plan.run(row, out);
    }
}

/// A value with a comma or a double quote is put in double quotes, with inner ones doubled. A line break,
/// which PAN-OS names cannot hold but other sources' may, is treated likewise, so that a record stays one.
fn push_quoted(text: &str, out: &mut Vec<u8>) {
    if !text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn line(version: LogVersion, record: &TrafficRecord) -> String {
        let mut out = Vec::new();
        CsvFormat::new(version, false).write(record, &samples::names(), &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The line as a reader of CSV sees it: one value for each column.
    fn parsed(version: LogVersion, record: &TrafficRecord) -> Vec<String> {
        let line = line(version, record);
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
        let lines: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(lines.len(), 1);
        lines.iter().flatten().map(str::to_owned).collect()
    }

    #[test]
    fn an_ended_session_of_10_1() {
        let expected = "\
            1,2023/11/14 22:13:56,0042,TRAFFIC,end,2561,2023/11/14 22:13:56,192.168.1.10,203.0.113.80,,,\
            outbound,,,ssl,vsys1,trust,untrust,ethernet1/1,ethernet1/2,,2023/11/14 22:13:56,7,1,\
            51000,443,0,0,0x0,tcp,allow,9877777,1234,9876543,20,2023/11/14 22:13:40,1,any,,1001,0x0,\
            192.168.0.0-192.168.255.255,,,9,11,tcp-fin,0,0,0,0,,gate,from-policy,,,0,,0,,N/A,0,0,0,0,,0,0,\
            ,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,2023-11-14T22:13:56.270Z,,,\
            encrypted-tunnel,networking,browser-based,4,,,ssl,no,no,0\n";
        assert_eq!(line(LogVersion::V10_1, &samples::ended()), expected);
    }

    #[test]
    fn later_releases_only_add_columns() {
        for (version, added) in
            [(LogVersion::V10_1, ""), (LogVersion::V11_1, ",NonProxyTraffic,,no,0,0,0,0,0,0,0,0,0,0")]
        {
            let oldest = line(LogVersion::V10_1, &samples::ended());
            let expected =
                oldest.trim_end().replace(",2561,", &format!(",{},", version.code())) + added + "\n";
            assert_eq!(line(version, &samples::ended()), expected);
        }
    }

    #[test]
    fn every_kind_of_record_reads_back_by_position() {
        let records = [
            samples::started(),
            samples::ended(),
            samples::dropped(),
            samples::denied(),
            samples::ipv6(),
            samples::ping(),
            samples::translated(samples::ended()),
        ];
        // subtype, src, natsrc, rule, app, sport, natsport, flags, proto, action, bytes, elapsed, reason,
        // source, tunneled
        let expected = [
            "start|192.168.1.10||outbound|ssl|51000|0|0x0|tcp|allow|785|0|n/a|from-policy|ssl",
            "end|192.168.1.10||outbound|ssl|51000|0|0x0|tcp|allow|9877777|1|tcp-fin|from-policy|ssl",
            "drop|192.168.1.10||deny, \"all\"|not-applicable|51000|0|0x0|tcp|drop|74|0|policy-deny|\
                from-policy|not-applicable",
            "deny|192.168.1.10||outbound|ssl|51000|0|0x0|tcp|reset-both|9877777|1|policy-deny|\
                from-application|ssl",
            "end|2001:db8:0:1:2:3:4:5||outbound|dns-base|65535|0|0x0|udp|allow|196|0|aged-out|\
                from-policy|dns-base",
            "end|192.168.1.10|198.51.100.1|outbound|ping|0|0|0x400000|icmp|allow|196|0|aged-out|\
                from-policy|untunneled",
            "end|192.168.1.10|198.51.100.1|outbound|ssl|51000|1024|0x400000|tcp|allow|9877777|1|\
                tcp-fin|from-policy|ssl",
        ];
        let positions = [5, 8, 10, 12, 15, 25, 27, 29, 30, 31, 32, 37, 47, 54, 112];
        for version in LogVersion::ALL {
            for (record, expected) in records.iter().zip(expected) {
                let values = parsed(version, record);
                assert_eq!(values.len(), version.columns());
                let found: Vec<&str> =
                    positions.iter().map(|position| values[position - 1].as_str()).collect();
                assert_eq!(found.join("|"), expected);
                assert_eq!(values[35], "2023/11/14 22:13:40");
            }
        }
        let ipv6 = parsed(LogVersion::V10_1, &samples::ipv6());
        assert_eq!((ipv6[8].as_str(), ipv6[41].as_str(), ipv6[110].as_str()), ("2001:db8::53", "", "dns"));
    }

    #[test]
    fn quoting_is_for_commas_quotes_and_line_breaks() {
        for (name, expected) in [
            ("plain name", "plain name"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            let mut out = Vec::new();
            push_quoted(name, &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn the_header_names_the_columns_that_follow() {
        for version in LogVersion::ALL {
            for canonical in [false, true] {
                let format = CsvFormat::new(version, canonical);
                let mut out = Vec::new();
                format.write(&samples::ended(), &samples::names(), &mut out);
                let columns = format.header().split(',').count();
                assert_eq!(out.iter().filter(|byte| **byte == b',').count() + 1, columns);
            }
        }
        let canonical = CsvFormat::new(LogVersion::V10_1, true);
        assert!(canonical.header().starts_with("future_use_1,type,subtype,future_use_6,src,dst,natsrc,"));
        assert!(canonical.header().ends_with(",sanctioned_state_of_app,offloaded\n"));
    }

    #[test]
    fn the_canonical_line_does_not_show_the_run() {
        let format = CsvFormat::new(LogVersion::V11_1, true);
        let line = |record: &TrafficRecord, names: &Names| {
            let mut out = Vec::new();
            format.write(record, names, &mut out);
            out
        };
        let other_run = TrafficRecord {
            session_id: bifrons_model::SessionId(99),
            sequence_number: 5,
            generated: bifrons_model::Timestamp::from_secs(1),
            ..samples::ended()
        };
        let other_names = Names {
            serial: "1".into(),
            device: "other".into(),
            interfaces: vec!["a".into(), "b".into()],
            ..samples::names()
        };
        assert_eq!(line(&samples::ended(), &samples::names()), line(&other_run, &other_names));
    }
}
