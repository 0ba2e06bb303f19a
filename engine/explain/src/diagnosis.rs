//! One entry of the table of diagnoses, and its text filled in from a record.

use alloc::vec::Vec;
use core::fmt;

use crate::{
    case::Case,
    facts::{Facts, Field, Value},
    json::push_inside,
};

/// The one name in commands that is no field.
pub(crate) const PROTOCOL_NUMBER: &str = "proto_number";

/// A likely cause: what it looks like in a record, what shows it, what to do.
#[derive(Debug)]
pub struct Diagnosis {
    /// Its name, in words joined by `-`; names stay.
    pub name: &'static str,
    /// The cause in one sentence.
    pub cause: &'static str,
    /// The fields that show it; those that a record lacks are left out.
    pub evidence: &'static [Field],
    /// What to check next, in a sentence.
    pub next_step: &'static str,
    /// The commands for that, with `$field` where the record's value goes.
    pub commands: &'static [&'static str],
    /// What else could look the same.
    pub alternatives: &'static [Alternative],
    pub(crate) test: fn(&Case<'_>) -> bool,
}

/// Another cause that a record cannot tell from the likely one.
#[derive(Clone, Copy, Debug)]
pub struct Alternative {
    /// The other cause.
    pub cause: &'static str,
    /// What would tell.
    pub told_by: &'static str,
}

impl Diagnosis {
    #[inline]
    pub(crate) fn applies(&self, case: &Case<'_>) -> bool {
        (self.test)(case)
    }

    /// The fields and values that show the cause in this record.
    pub fn evidence<'a>(&self, facts: &Facts<'a>) -> impl Iterator<Item = (Field, Value<'a>)> {
        let facts = *facts;
        self.evidence
            .iter()
            .map(move |field| (*field, facts.value(*field)))
            .filter(|(_, value)| *value != Value::Absent)
    }

    /// The commands with the record's values in them.
    pub fn commands<'a>(&self, facts: &'a Facts<'a>) -> impl Iterator<Item = Text<'a>> {
        self.commands.iter().map(|template| Text { template, facts })
    }
}

/// A text with `$field` in it, displayed with a record's values. A field that the record lacks stands as
/// its name in capitals. Values come from logs, which an attacker may have written a part of: one that is
/// not plainly a word is quoted, and what would end the quotation or act on a terminal becomes `?`.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    template: &'static str,
    facts: &'a Facts<'a>,
}

/// A place for text: the inside of a JSON string.
struct JsonInside<'a>(&'a mut Vec<u8>);

impl fmt::Write for JsonInside<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_inside(text, self.0);
        Ok(())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

impl Text<'_> {
    /// Appends the text as the inside of a JSON string.
    pub(crate) fn push_json(&self, out: &mut Vec<u8>) {
        // Writing to memory cannot fail.
        let _ = self.write(&mut JsonInside(out));
    }

    fn write(&self, f: &mut impl fmt::Write) -> fmt::Result {
        let mut parts = self.template.split('$');
        f.write_str(parts.next().unwrap_or(""))?;
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(part.len());
            let (name, rest) = part.split_at_checked(end).unwrap_or((part, ""));
            match value(name, self.facts) {
                Value::Text(text) => write_safely(text, f)?,
                Value::Number(number) => write!(f, "{number}")?,
                Value::Absent => {
                    name.chars().try_for_each(|c| f.write_char(c.to_ascii_uppercase()))?;
                }
            }
            f.write_str(rest)?;
        }
        Ok(())
    }
}

/// What stands for `$name`: a field, or the IP protocol's number as the `test` commands want it.
fn value<'a>(name: &str, facts: &Facts<'a>) -> Value<'a> {
    if name != PROTOCOL_NUMBER {
        return Field::from_name(name).map_or(Value::Absent, |field| facts.value(field));
    }
    match facts.proto {
        "tcp" => Value::Number(6),
        "udp" => Value::Number(17),
        "icmp" => Value::Number(1),
        "ipv6-icmp" | "icmp6" => Value::Number(58),
        "sctp" => Value::Number(132),
        "gre" => Value::Number(47),
        "esp" => Value::Number(50),
        other => other.into(),
    }
}

fn write_safely(text: &str, f: &mut impl fmt::Write) -> fmt::Result {
    let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:/_-".contains(&byte));
    if is_word {
        return f.write_str(text);
    }
    f.write_char('"')?;
    for c in text.chars() {
        let is_harmless = !c.is_control() && !matches!(c, '"' | '\\' | '$' | '`' | '!');
        f.write_char(if is_harmless { c } else { '?' })?;
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::samples;

    fn filled(template: &'static str, facts: &Facts<'_>) -> alloc::string::String {
        Text { template, facts }.to_string()
    }

    #[test]
    fn values_stand_in_commands() {
        let facts = samples::web();
        assert_eq!(filled("ping host $dst", &facts), "ping host 192.0.2.80");
        assert_eq!(filled("$dport/$proto, $nat_rule.", &facts), "80/tcp, NAT_RULE.");
        assert_eq!(filled("none", &facts), "none");
        assert_eq!(filled("protocol $proto_number", &facts), "protocol 6");
    }

    #[test]
    fn a_hostile_value_cannot_leave_its_place() {
        let rule = "a\" ; rm -rf / `x` $(y)\u{1b}[2J\n";
        let facts = Facts { rule, ..samples::web() };
        assert_eq!(filled("show $rule", &facts), "show \"a? ; rm -rf / ?x? ?(y)?[2J?\"");
    }

    #[test]
    fn evidence_is_only_what_the_record_has() {
        let diagnosis = Diagnosis {
            name: "",
            cause: "",
            evidence: &[Field::App, Field::NatRule, Field::BytesSent],
            next_step: "",
            commands: &[],
            alternatives: &[],
            test: |_| true,
        };
        let facts = samples::web();
        let mut evidence = diagnosis.evidence(&facts);
        assert_eq!(evidence.next(), Some((Field::App, Value::Text("web-browsing"))));
        assert_eq!(evidence.next(), Some((Field::BytesSent, Value::Number(1_000))));
        assert_eq!(evidence.next(), None);
    }
}
