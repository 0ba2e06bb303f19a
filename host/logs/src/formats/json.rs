//! JSON lines: one object a record, with the names of the CSV columns and a few fields of our own.

use bifrons_model::{Names, TrafficRecord};

use crate::{
    columns::{COLUMNS, Content, Field, Json, OWN_FIELDS},
    plan::Plan,
    row::Row,
    version::LogVersion,
};

/// Writes records as JSON lines.
pub struct JsonFormat {
    plan: Plan,
}

impl JsonFormat {
    /// All fields; with `canonical` those that may differ between two runs are left out.
    pub fn new(canonical: bool) -> Self {
        let mut plan = Plan::new(push_escaped);
        let fields =
            || COLUMNS.iter().chain(OWN_FIELDS).filter(|field| !(canonical && field.is_run_specific()));
        // The brace goes with a field that every record has; those before it may be absent.
        let first = fields().position(is_in_every_record);
        for field in fields().skip(first.unwrap_or(0)).take(1) {
            add(&mut plan, "{", field);
        }
        for (place, field) in fields().enumerate() {
            if Some(place) != first {
                add(&mut plan, ",", field);
            }
        }
        plan.text("}\n");
        Self { plan }
    }

    /// Appends the record's line, newline included. `context` names the record's origin (the capture's
    /// path); empty where there is none.
    pub fn write(&self, record: &TrafficRecord, names: &Names, context: &str, out: &mut Vec<u8>) {
        self.write_row(&Row::new(record, names, context), out);
    }

    pub(crate) fn write_row(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        self.plan.run(row, out);
    }
}

fn is_in_every_record(field: &Field) -> bool {
    match field.json {
        Json::Text | Json::Number | Json::Seconds(_) => true,
        Json::Absent | Json::TextWhen(_) | Json::NumberWhen(_) => false,
    }
}

/// Adds the field's key and value to the plan, if JSON has the field.
fn add(plan: &mut Plan, separator: &str, field: &Field) {
    let key = format!("{separator}\"{}\":", field.column.name());
    let text = |plan: &mut Plan| {
        plan.text(&key);
        plan.text("\"");
        content(plan, field.content);
        plan.text("\"");
    };
    let number = |plan: &mut Plan| {
        plan.text(&key);
        content(plan, field.content);
    };
    match field.json {
        Json::Absent => {}
        Json::Text => text(plan),
        Json::TextWhen(guard) => plan.when(guard, text),
        Json::Number => number(plan),
        Json::NumberWhen(guard) => plan.when(guard, number),
        Json::Seconds(seconds) => {
            plan.text(&key);
            plan.plain(seconds);
        }
    }
}

fn content(plan: &mut Plan, content: Content) {
    match content {
        Content::Fixed(text) => plan.text(text),
        Content::Release(text) => plan.text(text(LogVersion::default())),
        Content::Plain(plain) => plan.plain(plain),
        Content::Named(named) => plan.named(named),
    }
}

/// The inside of a JSON string. Most names need no escape and are copied; the others take the long way.
fn push_escaped(text: &str, out: &mut Vec<u8>) {
    if !text.bytes().any(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let quoted = serde_json::Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    out.extend_from_slice(inside.unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn line(canonical: bool, record: &TrafficRecord, context: &str) -> String {
        let mut out = Vec::new();
        JsonFormat::new(canonical).write(record, &samples::names(), context, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_ended_session() {
        let expected = concat!(
            r#"{"type":"TRAFFIC","serial":"0042","subtype":"end","time_generated":1700000036.270000000,"#,
            r#""src":"192.168.1.10","dst":"203.0.113.80","rule":"outbound","app":"ssl","from":"trust","#,
            r#""to":"untrust","inbound_if":"ethernet1/1","outbound_if":"ethernet1/2","sessionid":7,"#,
            r#""sport":51000,"dport":443,"flags":"0x0","proto":"tcp","action":"allow","bytes":9877777,"#,
            r#""bytes_sent":1234,"bytes_received":9876543,"packets":20,"start":1700000020.020000000,"#,
            r#""elapsed":1.250000001,"seqno":1001,"pkts_sent":9,"pkts_received":11,"#,
            r#""session_end_reason":"tcp-fin","device_name":"gate","action_source":"from-policy","#,
            r#""tracker":"TCP FIN","final_action":"Allowed","handshake":"syn > syn-ack > ack","#,
            r#""handshake_outcome":"complete","server_name":"example.com","pcap":"a/b.pcap"}"#,
            "\n"
        );
        assert_eq!(line(false, &samples::ended(), "a/b.pcap"), expected);
    }

    #[test]
    fn the_canonical_line_leaves_out_what_a_run_decides() {
        let expected = concat!(
            r#"{"type":"TRAFFIC","subtype":"drop","src":"192.168.1.10","dst":"203.0.113.80","#,
            r#""rule":"deny, \"all\"","app":"not-applicable","from":"trust","to":"untrust","#,
            r#""sport":51000,"dport":443,"flags":"0x0","proto":"tcp","action":"drop","bytes":74,"#,
            r#""bytes_sent":74,"bytes_received":0,"packets":1,"start":1700000020.020000000,"#,
            r#""elapsed":0.000000000,"pkts_sent":1,"pkts_received":0,"session_end_reason":"policy-deny","#,
            r#""action_source":"from-policy","tracker":"appid policy lookup deny","#,
            r#""final_action":"Blocked","handshake":"syn","handshake_outcome":"no-answer"}"#,
            "\n"
        );
        assert_eq!(line(true, &samples::dropped(), ""), expected);
    }

    #[test]
    fn translation_is_written_only_where_there_is_one() {
        let parse = |record: TrafficRecord| {
            serde_json::from_str::<serde_json::Value>(&line(false, &record, "")).unwrap()
        };
        let plain = parse(samples::ended());
        assert!(plain.get("natsrc").is_none() && plain.get("natsport").is_none());
        let translated = parse(samples::translated(samples::ended()));
        assert_eq!(translated["natsrc"], "198.51.100.1");
        assert_eq!(translated["natsport"], 1_024);
        assert_eq!(translated["natdport"], 443);
        assert_eq!(translated["flags"], "0x400000");
    }

    #[test]
    fn a_device_without_serial_writes_json_too() {
        let names = Names { serial: String::new(), ..samples::names() };
        let mut out = Vec::new();
        JsonFormat::new(false).write(&samples::ended(), &names, "x", &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((value["type"].as_str(), value.get("serial")), (Some("TRAFFIC"), None));
    }

    #[test]
    fn every_kind_of_record_is_json() {
        for record in [samples::started(), samples::denied(), samples::ipv6(), samples::ping()] {
            for canonical in [false, true] {
                let value: serde_json::Value = serde_json::from_str(&line(canonical, &record, "x")).unwrap();
                assert_eq!(value["subtype"], record.subtype.name());
                assert_eq!(value["src"], record.source.to_string());
                assert_eq!(value.get("handshake").is_some(), record.protocol == 6);
            }
        }
    }

    #[test]
    fn strings_are_escaped() {
        for path in ["quote\".pcap", "back\\slash", "line\nbreak\u{1}\u{7f}", "Zürich/地.pcap", "\u{2028}"]
        {
            let value: serde_json::Value =
                serde_json::from_str(&line(false, &samples::ended(), path)).unwrap();
            assert_eq!(value["pcap"], path);
        }
    }
}
