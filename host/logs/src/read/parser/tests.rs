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
