use super::*;
use crate::record::{Column, Release};

fn traffic(columns: usize) -> String {
    let mut values: Vec<String> = (1..=columns).map(|place| format!("v{place}")).collect();
    for (place, value) in [
        (1, "1"),
        (2, "2026/01/31 10:00:00"),
        (4, "TRAFFIC"),
        (6, "2561"),
        (8, "2001:db8::1"),
        (29, "0x400019"),
    ] {
        values[place - 1] = value.to_owned();
    }
    values.join(",")
}

#[test]
fn values_by_column_and_by_place() {
    let line = traffic(132);
    let mut parser = Parser::new();
    let record = parser.parse(line.as_bytes()).unwrap();
    assert_eq!(record.kind, LogKind::Traffic);
    assert_eq!(record.get(Column::SESSION_END_REASON), Some("v47"));
    assert_eq!(record.get(Column::EVENTID), None);
    assert_eq!(record.address(Column::SRC), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(record.number(Column::FLAGS), Some(0x40_0019));
    assert_eq!(record.time(Column::RECEIVE_TIME).unwrap().as_secs(), 1_769_853_600);
    assert_eq!((record.at(130), record.at(132), record.columns()), (Some("v131"), None, 132));
    assert_eq!(record.values().count(), 130);
    assert_eq!(record.unnamed().collect::<Vec<_>>(), ["v131", "v132"]);
    assert_eq!(record.release(), Some(Release { major: 10, minor: 1 }));
}

#[test]
fn lines_of_older_releases_lack_the_newer_columns() {
    let line = traffic(46).replace(",2561,", ",1,");
    let mut parser = Parser::new();
    let record = parser.parse(line.as_bytes()).unwrap();
    assert_eq!(
        (record.get(Column::PKTS_RECEIVED), record.get(Column::SESSION_END_REASON)),
        (Some("v46"), None)
    );
    assert_eq!(record.release(), Some(Release { major: 4, minor: 1 }));
}

#[test]
fn headers_stay_outside() {
    let mut parser = Parser::new();
    for header in ["", "<14>Nov 30 16:09:08 FW ", "one, two, three ", "a,b,c,d "] {
        let line = format!("\u{feff}{header}{}\r\n\0", traffic(115));
        let record = parser.parse(line.as_bytes()).unwrap();
        assert_eq!((record.header(), record.columns()), (header, 115));
        assert_eq!(record.get(Column::OFFLOADED), Some("v115"));
    }
}

#[test]
fn a_line_without_its_first_column() {
    let line = traffic(75).split_off(2);
    let mut parser = Parser::new();
    let record = parser.parse(line.as_bytes()).unwrap();
    assert_eq!(record.get(Column::FUTURE_USE_1), Some(""));
    assert_eq!(record.get(Column::RECEIVE_TIME), Some("2026/01/31 10:00:00"));
    assert_eq!(record.get(Column::DYNUSERGROUP_NAME), Some("v75"));
}

#[test]
fn configuration_records_with_and_without_details() {
    let mut parser = Parser::new();
    let start =
        "1,2026/01/31 10:00:00,1,CONFIG,0,0,2026/01/31 10:00:00,192.0.2.1,,set,admin,Web,Succeeded,path";
    let line = format!("{start},7,0x0");
    let record = parser.parse(line.as_bytes()).unwrap();
    assert_eq!((record.get(Column::SEQNO), record.get(Column::AFTER_CHANGE_DETAIL)), (Some("7"), None));
    let line = format!("{start},,\"a {{ b \"\"c\"\"; }}\",7,0x0,0,0,0,0,,fw,0,");
    let record = parser.parse(line.as_bytes()).unwrap();
    assert_eq!(record.get(Column::SEQNO), Some("7"));
    assert_eq!(record.get(Column::AFTER_CHANGE_DETAIL), Some("a { b \"c\"; }"));
}

#[test]
fn what_is_no_record_says_why() {
    let mut parser = Parser::new();
    let mut reject = |line: &[u8]| parser.parse(line).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        reject(b"Use of this source code, and more"),
        "no log record: column 4 of PAN-OS CSV is TRAFFIC, THREAT, SYSTEM, CONFIG or another type"
    );
    assert!(reject(b"1,2,3,4").ends_with("another type, not \"4\""));
    let cut = traffic(30);
    assert_eq!(
        reject(cut.as_bytes()),
        "cut off: 30 columns, Traffic records of every release have at least 46"
    );
    let quote = format!("{},\"abc", traffic(30));
    assert!(reject(quote.as_bytes()).starts_with("cut off: the quoted value that begins at byte"));
    assert_eq!(reject(b"1,\xff\xfe"), "byte 3 is not UTF-8: another encoding, or no text at all");
    assert_eq!(
        reject(b"future_use_1,receive_time,serial,type,subtype"),
        "the line names columns and is no record"
    );
}

#[test]
fn our_own_json() {
    let names = crate::samples::names();
    let mut line = Vec::new();
    crate::JsonFormat::new(false).write(&crate::samples::ended(), &names, "a \"b\".pcap", &mut line);
    let mut parser = Parser::new();
    let record = parser.parse(&line).unwrap();
    assert_eq!(record.kind, LogKind::Traffic);
    assert_eq!(record.get(Column::SESSION_END_REASON), Some("tcp-fin"));
    assert_eq!(record.get(Column::HANDSHAKE), Some("syn > syn-ack > ack"));
    assert_eq!(record.get(Column::PCAP), Some("a \"b\".pcap"));
    assert_eq!(record.get(Column::NATSRC), None);
    assert_eq!(record.number(Column::ELAPSED), Some(1));
    assert_eq!(record.time(Column::TIME_GENERATED).unwrap().as_nanos(), 1_700_000_036_270_000_000);
    assert_eq!((record.at(7), record.columns()), (None, 0));
}

/// What our own writer puts into CSV, the parser finds.
#[test]
fn our_own_csv() {
    let names = crate::samples::names();
    for (version, columns) in [(crate::LogVersion::V10_1, 115), (crate::LogVersion::V11_1, 128)] {
        let mut line = Vec::new();
        crate::CsvFormat::new(version, false).write(&crate::samples::dropped(), &names, &mut line);
        let mut parser = Parser::new();
        let record = parser.parse(&line).unwrap();
        assert_eq!(record.columns(), columns);
        assert_eq!(record.get(Column::RULE), Some("deny, \"all\""));
        assert_eq!(record.get(Column::SUBTYPE), Some("drop"));
        assert_eq!(record.release().unwrap().to_string(), version.name());
    }
}

#[test]
fn cef_of_both_kinds() {
    let log_service = "CEF:0|Palo Alto Networks|LF|2.0|TRAFFIC|end|3|rt=Jul 31 2022 12:46:24 \
        PanOSConfigVersion=10.1 start=Jul 31 2022 12:46:07 src=192.0.2.1 cs1=any, to any cs1Label=Rule \
        PanOSSessionStartTime=Jul 31 2022 12:43:06 cn3=178 cn3Label=SessionDuration reason=tcp-fin in=6 \
        out=5 cat=from-policy PanOSX-Forwarded-ForIP= PanOSRuleUUID=2e259acc";
    let panorama = "<14>Jul 31 12:46:24 fw CEF:0|Palo Alto Networks|PAN-OS|10.1.6|end|TRAFFIC|1|\
        rt=1659271584000 start=Jul 31 2022 12:46:07 UTC src=192.0.2.1 cs1=any, to any cs1Label=Rule \
        PanOSRuleUUID=2e259acc reason=tcp-fin in=6 out=5 cn3=178 cn3Label=Elapsed time in seconds";
    let mut parser = Parser::new();
    for line in [log_service, panorama] {
        let record = parser.parse(line.as_bytes()).unwrap();
        assert_eq!(record.kind, LogKind::Traffic);
        for (column, value) in [
            (Column::SUBTYPE, "end"),
            (Column::SRC, "192.0.2.1"),
            (Column::RULE, "any, to any"),
            (Column::SESSION_END_REASON, "tcp-fin"),
            (Column::ELAPSED, "178"),
            (Column::BYTES_SENT, "6"),
            (Column::RULE_UUID, "2e259acc"),
        ] {
            assert_eq!(record.get(column), Some(value), "{column:?}");
        }
        assert_eq!(record.time(Column::RECEIVE_TIME).unwrap().as_secs(), 1_659_271_584);
        assert_eq!(record.time(Column::TIME_GENERATED).unwrap().as_secs(), 1_659_271_567);
    }
}

#[test]
fn leef_as_collectors_are_told() {
    let line = "<14>Jul 31 12:46:24 fw LEEF:1.0|Palo Alto Networks|PAN-OS Syslog Integration|10.1|allow|x7C|\
        cat=TRAFFIC|ReceiveTime=2022/07/31 12:46:24|SerialNumber=0042|Type=TRAFFIC|Subtype=end|src=192.0.2.1|\
        RuleName=a, b|SessionEndReason=aged-out|srcBytes=6|StartTime=2022/07/31 12:43:06";
    let mut parser = Parser::new();
    let record = parser.parse(line.as_bytes()).unwrap();
    assert_eq!((record.kind, record.get(Column::SERIAL)), (LogKind::Traffic, Some("0042")));
    assert_eq!(record.get(Column::SESSION_END_REASON), Some("aged-out"));
    assert_eq!(record.get(Column::RULE), Some("a, b"));
    assert_eq!(record.time(Column::START).unwrap().as_secs(), 1_659_271_386);
}

#[test]
fn named_values_of_something_else_are_rejected() {
    let mut parser = Parser::new();
    for line in [
        r#"{"level":"info","msg":"hello"}"#,
        "CEF:0|Other|Product|1|100|Login|3|src=192.0.2.1",
        "LEEF:1.0|Other|Product|1|login|src=192.0.2.1",
        "{",
        "CEF:0",
    ] {
        let reject = parser.parse(line.as_bytes()).map(|_| ()).unwrap_err();
        assert!(matches!(reject, Reject::NotARecord { .. } | Reject::Malformed { .. }), "{reject}");
    }
}

#[test]
fn a_line_in_a_collectors_object() {
    let line = traffic(115).replace("v12,", "\"a, \"\"b\"\"\",");
    let mut parser = Parser::new();
    for key in ["message", "_raw", "event.original"] {
        let object =
            serde_json::json!({"@timestamp": "2026", key: format!("<14>Nov 30 fw {line}\n"), "tags": ["a"]});
        let object = object.to_string();
        let record = parser.parse(object.as_bytes()).unwrap();
        assert_eq!((record.kind, record.columns()), (LogKind::Traffic, 115));
        assert_eq!(record.get(Column::RULE), Some("a, \"b\""));
        assert_eq!(record.header(), "<14>Nov 30 fw ");
    }
    for object in [r#"{"message":"hello"}"#, r#"{"message":"{\"message\":\"1,2\"}"}"#, r#"{"message":7}"#] {
        assert!(matches!(parser.parse(object.as_bytes()), Err(Reject::NotARecord { .. })), "{object}");
    }
}

#[test]
fn what_looks_like_a_time_after_a_header_is_not_enough() {
    let line = format!("x \"026/01/31 10:00:00,1,SYSTEM,a \"b\",7{}", ",c".repeat(30));
    let mut parser = Parser::new();
    assert!(matches!(parser.parse(line.as_bytes()), Err(Reject::NotARecord { .. })), "{line}");
}

/// Damage anywhere in a line, by one byte or by a cut, ends in a record or a reason.
#[test]
fn damaged_lines_are_records_or_say_why() {
    let csv = format!("<14>1 2026-01-31T10:00:00Z fw - - - - {}", traffic(115).replace("v12,", "\"a, b\","));
    let json = r#"{"type":"TRAFFIC","src":"192.0.2.1","rule":"a \u00e4","n":[1,{"b":null}]}"#.to_owned();
    let cef =
        "CEF:0|Palo Alto Networks|LF|2.0|TRAFFIC|end|3|src=192.0.2.1 cs1=a\\=b cs1Label=Rule".to_owned();
    let leef =
        "LEEF:2.0|Palo Alto Networks|PAN-OS|10.1|allow|^|cat=TRAFFIC^src=192.0.2.1^Subtype=end".to_owned();
    let mut parser = Parser::new();
    let mut records = 0;
    for line in [csv, json, cef, leef].map(String::into_bytes) {
        for place in 0..line.len() {
            let cut = line[..place].to_vec();
            let changed = b"\0,\"{}|=\\ 1\xff\xe4".map(|byte| {
                let mut changed = line.clone();
                changed[place] = byte;
                changed
            });
            for damaged in changed.iter().chain([&cut]) {
                match parser.parse(damaged) {
                    Ok(record) => records += u32::from(record.values().count() > 0),
                    Err(reject) => assert!(!reject.to_string().is_empty()),
                }
            }
        }
    }
    assert!(records > 1_000, "{records}");
}
