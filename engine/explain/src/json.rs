//! A record and its explanation as one line of JSON.

use alloc::{format, string::String, vec::Vec};

use bifrons_model::FinalAction;

use crate::{
    DIAGNOSES, Explanation,
    diagnosis::Diagnosis,
    facts::{Facts, Value},
};

/// The members that an explanation adds to a record's own; a column of one of these names is left out.
pub const MEMBERS: [&str; 11] = [
    "final_action_by_action",
    "final_action_by_app",
    "final_action_by_reason",
    "final_action",
    "outcome",
    "diagnosis",
    "cause",
    "evidence",
    "next_step",
    "commands",
    "alternatives",
];

/// Writes records with their explanations as lines of JSON. What is the same in each line is rendered once.
pub struct JsonLines {
    /// By column: the member's beginning up to its value, and whether the value is a number. Empty for
    /// columns that are left out.
    columns: Vec<(String, bool)>,
    /// By diagnosis: the members before the evidence, and those after it up to the commands.
    diagnoses: Vec<(String, String, String)>,
}

impl JsonLines {
    /// `columns` are the names of the columns by their numbers, each with whether it holds numbers.
    pub fn new<'n>(columns: impl Iterator<Item = (&'n str, bool)>) -> Self {
        let member = |(name, is_number): (&str, bool)| match MEMBERS.contains(&name) {
            true => (String::new(), is_number),
            false => (format!("\"{name}\":"), is_number),
        };
        Self {
            columns: columns.map(member).collect(),
            diagnoses: DIAGNOSES.iter().map(|d| rendered(d)).collect(),
        }
    }

    /// Appends one line, newline included. `values` are the record's values with their columns' numbers;
    /// `facts` and `explanation` are of the same record.
    pub fn write<'v>(
        &self,
        values: impl Iterator<Item = (usize, &'v str)>,
        facts: &Facts<'_>,
        explanation: &Explanation,
        out: &mut Vec<u8>,
    ) {
        out.push(b'{');
        for (column, value) in values {
            let Some((member, is_number)) = self.columns.get(column) else { continue };
            if member.is_empty() {
                continue;
            }
            out.extend_from_slice(member.as_bytes());
            match (*is_number, value) {
                (true, "") => out.extend_from_slice(b"null"),
                (true, number) if is_json_number(number) => out.extend_from_slice(number.as_bytes()),
                (_, text) => push_string(text, out),
            }
            out.push(b',');
        }
        self.explanation(facts, explanation, out);
        out.extend_from_slice(b"}\n");
    }

    fn explanation(&self, facts: &Facts<'_>, explanation: &Explanation, out: &mut Vec<u8>) {
        let tables = explanation.final_actions;
        for (name, action) in
            MEMBERS.iter().zip([tables.by_action, tables.by_app, tables.by_reason, tables.overall()])
        {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":\"");
            out.extend_from_slice(action.map_or("-", FinalAction::name).as_bytes());
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"outcome\":");
        match explanation.outcome {
            Some(outcome) => push_string(outcome.name(), out),
            None => out.extend_from_slice(b"null"),
        }
        let rendered = explanation.place.and_then(|place| self.diagnoses.get(place));
        let (Some(diagnosis), Some((before, middle, after))) = (explanation.diagnosis(), rendered) else {
            const NOTHING: &[u8] = b",\"diagnosis\":null,\"cause\":null,\"evidence\":{},\"next_step\":null,\
                                     \"commands\":[],\"alternatives\":[]";
            out.extend_from_slice(NOTHING);
            return;
        };
        out.extend_from_slice(before.as_bytes());
        for (number, (field, value)) in diagnosis.evidence(facts).enumerate() {
            out.extend_from_slice(if number == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(field.name().as_bytes());
            out.extend_from_slice(b"\":");
            match value {
                Value::Text(text) => push_string(text, out),
                Value::Number(number) => push_number(number, out),
                Value::Absent => out.extend_from_slice(b"null"),
            }
        }
        out.extend_from_slice(middle.as_bytes());
        for (number, command) in diagnosis.commands(facts).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.push(b'"');
            command.push_json(out);
            out.push(b'"');
        }
        out.extend_from_slice(after.as_bytes());
    }
}

fn rendered(diagnosis: &Diagnosis) -> (String, String, String) {
    let string = |text: &str| {
        let mut quoted = Vec::new();
        push_string(text, &mut quoted);
        String::from_utf8(quoted).unwrap_or_default()
    };
    let before = format!(
        ",\"diagnosis\":{},\"cause\":{},\"evidence\":{{",
        string(diagnosis.name),
        string(diagnosis.cause)
    );
    let middle = format!("}},\"next_step\":{},\"commands\":[", string(diagnosis.next_step));
    let alternatives: Vec<String> = diagnosis
        .alternatives
        .iter()
        .map(|other| format!("{{\"cause\":{},\"told_by\":{}}}", string(other.cause), string(other.told_by)))
        .collect();
    (before, middle, format!("],\"alternatives\":[{}]", alternatives.join(",")))
}

/// Digits without a leading zero, with or without a fraction.
fn is_json_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

fn push_number(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut rest = number;
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        first -= 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Appends a JSON string with its quotes.
pub fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    push_inside(text, out);
    out.push(b'"');
}

/// The inside of a JSON string. Most text needs no escape and is copied whole.
pub(crate) fn push_inside(text: &str, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if !text.bytes().any(needs_escape) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                let digits = [byte >> 4, byte & 15].map(|digit| HEX.get(usize::from(digit)).copied());
                out.extend(digits.into_iter().flatten());
            }
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timeouts, explain, samples};

    fn line(values: &[(usize, &str)], facts: &Facts<'_>) -> String {
        let columns = [("app", false), ("bytes", true), ("final_action", false)];
        let mut out = Vec::new();
        let explanation = explain(facts, &Timeouts::default());
        JsonLines::new(columns.into_iter()).write(values.iter().copied(), facts, &explanation, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_and_what_is_said_of_it() {
        let facts = Facts { bytes: None, ..samples::dns() };
        let expected = concat!(
            r#"{"app":"dn\"s","bytes":240,"final_action_by_action":"Allowed","#,
            r#""final_action_by_app":"Allowed","final_action_by_reason":"Allowed","final_action":"Allowed","#,
            r#""outcome":"delivered","diagnosis":"datagrams-answered","#,
            r#""cause":"Both sides were heard and the session aged out, which is how traffic without a "#,
            r#"handshake ends.","evidence":{"app":"dns-base","proto":"udp","pkts_sent":1,"#,
            r#""pkts_received":1,"session_end_reason":"aged-out"},"next_step":"Nothing to do.","#,
            r#""commands":[],"alternatives":[]}"#,
            "\n"
        );
        assert_eq!(line(&[(0, "dn\"s"), (1, "240"), (2, "Blocked"), (9, "x")], &facts), expected);
    }

    #[test]
    fn what_is_no_number_is_text_or_null() {
        let facts = samples::web();
        for (value, expected) in [
            ("", "null"),
            ("0", "0"),
            ("1.25", "1.25"),
            ("007", "\"007\""),
            ("-1", "\"-1\""),
            ("1e5", "\"1e5\""),
            (".5", "\".5\""),
        ] {
            let start = format!("{{\"bytes\":{expected},");
            assert!(line(&[(1, value)], &facts).starts_with(&start), "{value}");
        }
    }

    #[test]
    fn strings_are_escaped() {
        let mut out = Vec::new();
        push_string("a\u{1}\n\"\\ä", &mut out);
        push_number(u64::MAX, &mut out);
        push_number(0, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"a\\u0001\\n\\\"\\\\ä\"184467440737095516150");
    }

    #[test]
    fn a_hostile_value_stays_inside_its_string() {
        let facts = Facts { dst: "a\"b\\\n", ..samples::unanswered_syn() };
        let text = line(&[], &facts);
        assert_eq!(text.matches('\n').count(), 1);
        assert!(text.contains(r#"ping host \"a?b??\""#), "{text}");
    }
}
