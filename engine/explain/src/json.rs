//! A record and its explanation as one line of JSON.

use alloc::{format, string::String, vec::Vec};

use bifrons_model::FinalAction;

use crate::{
    DIAGNOSES, Explanation, FinalActions,
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
    columns: Vec<Member>,
    /// The members of all columns as they are when empty, one after the other: most columns of most records
    /// are, and a run of them is copied at once.
    empty: String,
    /// The final actions, by [`Self::tables_at`].
    tables: Vec<String>,
    /// By diagnosis: the members before the evidence, those after it, and those after the commands.
    diagnoses: Vec<(String, String, String)>,
}

/// Longer keys are copied as they are.
const KEY_ROOM: usize = 32;

/// A column's member.
struct Member {
    /// Up to the value as text, its quote included; empty for a column that is left out.
    key: String,
    /// The key with zeros after it. A copy of known length is cheaper than one that fits, so the key is
    /// written with its zeros and these are cut off again.
    padded: [u8; KEY_ROOM],
    is_number: bool,
    /// Where it begins in [`JsonLines::empty`].
    empty_from: usize,
}

impl JsonLines {
    /// `columns` are the names of the columns by their numbers, each with whether it holds numbers.
    pub fn new<'n>(columns: impl Iterator<Item = (&'n str, bool)>) -> Self {
        let mut empty = String::new();
        let mut members = Vec::new();
        for (name, is_number) in columns {
            let is_left_out = MEMBERS.contains(&name);
            let key = if is_left_out { String::new() } else { format!("\"{name}\":\"") };
            let empty_from = empty.len();
            if !is_left_out {
                empty += &format!("\"{name}\":{},", if is_number { "null" } else { "\"\"" });
            }
            members.push(Member::new(key, is_number, empty_from));
        }
        members.push(Member::new(String::new(), false, empty.len()));
        let diagnoses = DIAGNOSES.iter().map(|diagnosis| rendered(diagnosis)).collect();
        Self { columns: members, empty, tables: rendered_tables(), diagnoses }
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
        let mut run = 0..0;
        for (column, value) in values {
            if value.is_empty() && column == run.end {
                run.end += 1;
                continue;
            }
            self.empty_run(run, out);
            run = column..column;
            if value.is_empty() {
                run.end += 1;
            } else {
                self.value(column, value, out);
                run = column + 1..column + 1;
            }
        }
        self.empty_run(run, out);
        self.explanation(facts, explanation, out);
        out.extend_from_slice(b"}\n");
    }

    fn empty_run(&self, run: core::ops::Range<usize>, out: &mut Vec<u8>) {
        if run.is_empty() {
            return;
        }
        let from = self.columns.get(run.start).map_or(0, |member| member.empty_from);
        let to = self.columns.get(run.end).map_or(self.empty.len(), |member| member.empty_from);
        out.extend_from_slice(self.empty.get(from..to).unwrap_or("").as_bytes());
    }

    #[inline]
    fn value(&self, column: usize, value: &str, out: &mut Vec<u8>) {
        let Some(member) = self.columns.get(column).filter(|member| !member.key.is_empty()) else { return };
        if member.is_number && is_json_number(value) {
            member.push_key(out);
            // Numbers have no quote.
            out.pop();
            match value.as_bytes() {
                // Most numbers are a single 0, for which copying would be a call.
                [digit] => out.extend_from_slice(&[*digit, b',']),
                digits => {
                    out.extend_from_slice(digits);
                    out.push(b',');
                }
            }
        } else {
            member.push_key(out);
            push_inside(value, out);
            out.extend_from_slice(b"\",");
        }
    }

    /// Where the final actions of an explanation stand among the rendered ones.
    fn tables_at([by_action, by_app, by_reason]: [Option<FinalAction>; 3]) -> usize {
        let digit = |action: Option<FinalAction>| match action {
            None => 0,
            Some(FinalAction::Allowed) => 1,
            Some(FinalAction::Blocked) => 2,
        };
        digit(by_action) * 9 + digit(by_app) * 3 + digit(by_reason)
    }

    fn explanation(&self, facts: &Facts<'_>, explanation: &Explanation, out: &mut Vec<u8>) {
        let tables = explanation.final_actions;
        let at = Self::tables_at([tables.by_action, tables.by_app, tables.by_reason]);
        out.extend_from_slice(self.tables.get(at).map_or("", String::as_str).as_bytes());
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

impl Member {
    fn new(key: String, is_number: bool, empty_from: usize) -> Self {
        let mut padded = [0; KEY_ROOM];
        padded.iter_mut().zip(key.bytes()).for_each(|(place, byte)| *place = byte);
        Self { key, padded, is_number, empty_from }
    }

    #[inline]
    fn push_key(&self, out: &mut Vec<u8>) {
        if self.key.len() <= KEY_ROOM {
            let end = out.len() + self.key.len();
            out.extend_from_slice(&self.padded);
            out.truncate(end);
        } else {
            out.extend_from_slice(self.key.as_bytes());
        }
    }
}

/// Every combination of final actions, in the order of [`JsonLines::tables_at`].
fn rendered_tables() -> Vec<String> {
    let all = [None, Some(FinalAction::Allowed), Some(FinalAction::Blocked)];
    let mut tables = Vec::new();
    for by_action in all {
        for by_app in all {
            for by_reason in all {
                let actions = FinalActions { by_action, by_app, by_reason };
                let mut text = String::new();
                for (name, action) in MEMBERS.iter().zip([by_action, by_app, by_reason, actions.overall()]) {
                    text += &format!("\"{name}\":\"{}\",", action.map_or("-", FinalAction::name));
                }
                tables.push(text);
            }
        }
    }
    tables
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
    let bytes = text.as_bytes();
    let whole = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_whole = whole > 0 && (whole == 1 || bytes.first() != Some(&b'0'));
    is_whole
        && match bytes.get(whole..) {
            Some([b'.', fraction @ ..]) => !fraction.is_empty() && fraction.iter().all(u8::is_ascii_digit),
            Some([]) => true,
            Some(_) | None => false,
        }
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
#[inline]
pub(crate) fn push_inside(text: &str, out: &mut Vec<u8>) {
    if needs_escape(text.as_bytes()) {
        push_escaped(text, out);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cold]
fn push_escaped(text: &str, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
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

/// Whether a byte is a control character, a double quote or a backslash; eight bytes are looked at together.
#[inline]
fn needs_escape(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let rest = match (bytes.last_chunk::<8>(), rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        // The last eight overlap with those before them.
        (Some(last), _, _) => word_needs_escape(u64::from_le_bytes(*last)),
        (None, Some(first), Some(last)) => {
            let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
            word_needs_escape(u64::from(first) | u64::from(last) << 32)
        }
        (None, _, _) => rest.iter().any(|byte| matches!(byte, 0..0x20 | b'"' | b'\\')),
    };
    rest || words.iter().any(|word| word_needs_escape(u64::from_le_bytes(*word)))
}

#[inline]
const fn word_needs_escape(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES * 0x80;
    let below_blank = word.wrapping_sub(ONES * 0x20) & !word;
    let (quote, backslash) = (word ^ (ONES * b'"' as u64), word ^ (ONES * b'\\' as u64));
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (below_blank | is_quote | is_backslash) & HIGH != 0
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
    fn keys_of_every_length() {
        let facts = samples::web();
        let explanation = explain(&facts, &Timeouts::default());
        for length in 1..60 {
            let name = "n".repeat(length);
            for (is_number, value) in [(true, "12"), (true, "7"), (false, "\"12\"")] {
                let mut out = Vec::new();
                let lines = JsonLines::new([(name.as_str(), is_number)].into_iter());
                lines.write([(0, value.trim_matches('"'))].into_iter(), &facts, &explanation, &mut out);
                let expected = format!("{{\"{name}\":{value},\"final_action_by_action\":");
                assert!(out.starts_with(expected.as_bytes()), "{expected}");
            }
        }
    }

    #[test]
    fn runs_of_empty_columns() {
        let facts = samples::web();
        let text = line(&[(0, ""), (1, ""), (2, "")], &facts);
        assert!(text.starts_with("{\"app\":\"\",\"bytes\":null,\"final_action_by_action\":"), "{text}");
        let text = line(&[(1, ""), (0, "x"), (1, "")], &facts);
        assert!(text.starts_with("{\"bytes\":null,\"app\":\"x\",\"bytes\":null,\"final_action_by"), "{text}");
        assert!(line(&[], &facts).starts_with("{\"final_action_by_action\":"));
    }

    #[test]
    fn what_needs_an_escape_is_found_at_every_place() {
        for length in 0..20 {
            let plain = alloc::vec![0xc3_u8; length];
            assert!(!needs_escape(&plain));
            for place in 0..length {
                for byte in [0, 0x1f, b'"', b'\\'] {
                    let mut bytes = plain.clone();
                    bytes[place] = byte;
                    assert!(needs_escape(&bytes), "{bytes:?}");
                }
                for byte in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff] {
                    let mut bytes = plain.clone();
                    bytes[place] = byte;
                    assert!(!needs_escape(&bytes), "{bytes:?}");
                }
            }
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
