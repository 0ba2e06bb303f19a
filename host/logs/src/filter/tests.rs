use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::{
    read::Parser,
    record::{Column, parse_time},
};

fn now() -> Timestamp {
    parse_time("2026/01/31 12:00:00").unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, now()).unwrap_or_else(|error| panic!("{error}"))
}

fn error(text: &str) -> String {
    Filter::parse(text, now()).unwrap_err().to_string()
}

/// A record as JSON, which needs no more columns than a test is about.
fn matches(filter: &Filter, values: &[(Column, String)]) -> bool {
    let members = values.iter().map(|(column, value)| (column.name().to_owned(), value.clone().into()));
    let mut object: serde_json::Map<String, serde_json::Value> = members.collect();
    object.insert("type".into(), "TRAFFIC".into());
    let line = serde_json::Value::Object(object).to_string();
    let mut parser = Parser::new();
    filter.matches(&parser.parse(line.as_bytes()).unwrap())
}

fn session() -> Vec<(Column, String)> {
    [
        (Column::SRC, "10.1.2.3"),
        (Column::DST, "2001:db8::5"),
        (Column::FROM, "trust"),
        (Column::TO, "untrust"),
        (Column::APP, "dns-base"),
        (Column::RULE, "all, \"out\" (new)"),
        (Column::SPORT, "51000"),
        (Column::DPORT, "53"),
        (Column::PROTO, "udp"),
        (Column::FLAGS, "0x400019"),
        (Column::BYTES, "298"),
        (Column::ACTION, "allow"),
        (Column::SESSION_END_REASON, "aged-out"),
        (Column::RECEIVE_TIME, "2026/01/31 11:30:00"),
        (Column::HIGH_RES_TIMESTAMP, "2026-01-31T12:30:00.500+01:00"),
        (Column::SRCUSER, "example\\ann"),
    ]
    .map(|(column, value)| (column, value.to_owned()))
    .to_vec()
}

#[test]
fn operators_of_every_kind_of_field() {
    for (text, expected) in [
        ("", true),
        ("( addr.src in 10.0.0.0/8 )", true),
        ("addr.src in 10.0.0.0/8", true),
        ("( addr.src in 10.1.2.4/31 )", false),
        ("( addr.src in 10.1.2.0-10.1.2.3 )", true),
        ("( addr.src in 0.0.0.0/0 )", true),
        ("( addr.dst in 0.0.0.0/0 )", false),
        ("( addr.dst in ::/0 )", true),
        ("( addr in 2001:db8::/32 )", true),
        ("( addr notin 2001:db8::/32 )", false),
        ("( addr.src notin 2001:db8::/32 )", true),
        ("( addr.src eq 10.1.2.3 )", true),
        ("( natsrc in 0.0.0.0/0 )", false),
        ("( natsrc notin 0.0.0.0/0 )", true),
        ("( port eq 53 )", true),
        ("( port neq 53 )", false),
        ("( port.src geq 1024 ) and ( port.dst leq 1023 )", true),
        ("( zone eq untrust )", true),
        ("( zone.src eq untrust )", false),
        ("( user.src contains ann )", true),
        ("( user eq 'example\\ann' )", true),
        ("( user.dst eq '' )", true),
        ("( rule eq \"all, \\\" )", false),
        ("( rule eq 'all, \"out\" (new)' )", true),
        ("( rule contains out )", true),
        ("( app contains base )", true),
        ("( app eq dns )", false),
        ("( proto eq 17 )", true),
        ("( proto eq UDP )", true),
        ("( flags has nat )", true),
        ("( flags has 0x400001 )", true),
        ("( flags has decrypted )", false),
        ("( flags eq 0x400019 )", true),
        ("( bytes geq 298 ) and ( bytes leq 298 ) and ( bytes eq 298 )", true),
        ("( packets leq 5 )", false),
        ("( packets neq 5 )", true),
        ("( session_end_reason neq tcp-fin )", true),
        ("( receive_time in last-hour )", true),
        ("( receive_time in last-15-minutes )", false),
        ("( receive_time in last-calendar-day )", false),
        ("( receive_time in 2026/01/31 )", true),
        ("( receive_time geq '2026/01/31 11:30:00' )", true),
        ("( receive_time leq '2026/01/31' )", false),
        ("( high_res_timestamp leq '2026/01/31 11:30:00.5' )", true),
        ("( high_res_timestamp leq '2026/01/31 11:30:00.499999' )", false),
        ("( dstloc eq 'IN' )", false),
    ] {
        assert_eq!(matches(&filter(text), &session()), expected, "{text}");
    }
}

#[test]
fn words_between_conditions() {
    for (text, expected) in [
        // `and` binds closer than `or`, `not` closer than both.
        ("(app eq x) and (app eq x) or (port eq 53)", true),
        ("(port eq 53) or (app eq x) and (app eq x)", true),
        ("((port eq 53) or (app eq x)) and (app eq x)", false),
        ("not (app eq x) and (port eq 53)", true),
        ("not ((app eq x) or (port eq 53))", false),
        ("!(app eq x)", true),
        ("! not (port eq 53)", true),
        ("!!app eq dns-base AND NOT port EQ 54", true),
        ("(((port eq 53)))", true),
        ("(app eq 'and')", false),
    ] {
        assert_eq!(matches(&filter(text), &session()), expected, "{text}");
    }
}

#[test]
fn errors_show_the_place_and_what_was_expected() {
    for (text, expected) in [
        (
            "( addr.source in 10.0.0.0/8 )",
            "no field is called addr.source\n  ( addr.source in 10.0.0.0/8 )\n    ^^^^^^^^^^^\n\
             expected a field, perhaps addr.src",
        ),
        (
            "( port.dst contains 4 )",
            "contains cannot be asked of port.dst\n  ( port.dst contains 4 )\n             ^^^^^^^^\n\
             expected eq, neq, leq or geq",
        ),
        ("( app is dns )", "is is no operator\n  ( app is dns )\n        ^^\nexpected eq, neq or contains"),
        (
            "( port.dst eq https )",
            "https does not fit here\n  ( port.dst eq https )\n                ^^^^^\n\
             expected a whole number",
        ),
        (
            "( dstloc eq in )",
            "in is a word of the language\n  ( dstloc eq in )\n              ^^\n\
             expected it in quotes where it is meant as a value: 'in'",
        ),
        (
            "( app eq dns ) ( port eq 53 )",
            "two conditions with nothing between them\n  ( app eq dns ) ( port eq 53 )\n                 ^\n\
             expected and, or, or the end",
        ),
        ("( app eq dns", "a parenthesis is not closed\n  ( app eq dns\n  ^\nexpected ), and, or or"),
        (
            "( app eq dns ))",
            "a parenthesis closes that none opened\n  ( app eq dns ))\n                ^\n\
             expected and, or, or the end",
        ),
        (
            "( app eq dns ) and",
            "the filter ends where a condition should begin\n  ( app eq dns ) and\n                    ^\n\
             expected a condition such as ( addr.src in 10.0.0.0/8 )",
        ),
        (
            "( app eq\n 'dns )",
            "the quotes are not closed\n   'dns )\n   ^^^^^^\n\
             expected a text, in quotes where it has blanks or parentheses",
        ),
        (
            "( addr in 10.0.0.0/33 )",
            "10.0.0.0/33 does not fit here\n  ( addr in 10.0.0.0/33 )\n            ^^^^^^^^^^^\n\
             expected an address, a network such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9",
        ),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
    assert_eq!(error("addr in 'a\nb'").lines().count(), 4);
    assert!(error("( receive_time in yesterday )").contains("last-calendar-day"));
    assert!(error("( flags has nats )").contains("nat, captive-portal"));
    assert!(error(&"(".repeat(1_000)).starts_with("too many conditions inside each other"));
    assert!(error(&"! ".repeat(1_000)).starts_with("too many conditions inside each other"));
    let long = format!("{}( appp eq x )", "( app eq dns ) or ".repeat(100));
    assert!(error(&long).lines().all(|line| line.chars().count() < 130));
}

#[test]
fn ranges_for_those_who_look_at_columns() {
    for (text, expected) in [
        ("bytes eq 7", Some((7, 7))),
        ("bytes leq 7", Some((0, 7))),
        ("bytes geq 7", Some((7, i64::MAX))),
        ("bytes geq 18446744073709551615", Some((1, 0))),
        ("flags eq 0x10", Some((16, 16))),
        ("actionflags eq 0x8000000000000000", Some((i64::MIN, i64::MIN))),
        ("flags has 0x10", None),
        ("receive_time geq '1970/01/01 00:00:01'", Some((1_000_000, i64::MAX))),
        ("app eq dns", None),
    ] {
        let filter = filter(text);
        assert_eq!(filter.expression().tests()[0].numbers(), expected, "{text}");
    }
    let columns =
        |text| filter(text).expression().tests().iter().map(|test| test.column()).collect::<Vec<_>>();
    assert_eq!(
        columns("not (port neq 1) or addr in ::1"),
        [Column::SPORT, Column::DPORT, Column::SRC, Column::DST]
    );
}

#[test]
fn filters_as_sql() {
    for (text, expected) in [
        ("", "TRUE"),
        ("app eq dns", r#""app" = 'dns'"#),
        ("rule eq \"it's\"", r#""rule" = 'it''s'"#),
        ("rule eq ''", r#"("rule" IS NULL OR "rule" = '')"#),
        ("rule neq ''", r#"("rule" IS NOT NULL AND "rule" <> '')"#),
        ("app contains dns", r#"strpos("app", 'dns') > 0"#),
        ("app neq dns", r#"("app" IS NULL OR NOT ("app" = 'dns'))"#),
        ("bytes geq 10 and bytes leq 20", r#"("bytes" >= 10 AND "bytes" <= 20)"#),
        ("bytes geq 9223372036854775808", r#""bytes" <> "bytes""#),
        ("flags has nat", r#"("flags" & 4194304) = 4194304"#),
        ("actionflags eq 0x8000000000000000", r#""actionflags" = (-9223372036854775807 - 1)"#),
        ("addr.src in 10.0.0.0/8", r#""src" LIKE '10.%'"#),
        ("addr.src in 10.1.0.0/16", r#""src" LIKE '10.1.%'"#),
        ("addr.src in 10.1.2.3", r#""src" = '10.1.2.3'"#),
        ("addr.src in 0.0.0.0/0", r#"(strpos("src", ':') = 0 AND strpos("src", '.') > 0)"#),
        (
            "addr.src in 10.1.0.0/15",
            "coalesce(strpos(\"src\", ':') = 0 AND \
             TRY_CAST(split_part(\"src\", '.', 1) AS BIGINT) * 16777216 + \
             TRY_CAST(split_part(\"src\", '.', 2) AS BIGINT) * 65536 + \
             TRY_CAST(split_part(\"src\", '.', 3) AS BIGINT) * 256 + \
             TRY_CAST(split_part(\"src\", '.', 4) AS BIGINT) * 1 BETWEEN 167772160 AND 167903231, FALSE)",
        ),
        (
            "addr.src in 2001:db8::/32",
            "address_key(\"src\") BETWEEN '620010db8000000000000000000000000' AND \
             '620010db8ffffffffffffffffffffffff'",
        ),
        ("type eq TRAFFIC", r#"upper("type") = 'TRAFFIC'"#),
        (
            "receive_time in last-hour",
            "\"receive_time\" BETWEEN TIMESTAMP '2026-01-31T11:00:00.000000Z' AND \
             TIMESTAMP '2026-01-31T12:00:00.000000Z'",
        ),
        (
            "not (port neq 53 or not (app eq a and app eq b))",
            r#"(("sport" = 53 OR "dport" = 53) AND ("app" = 'a' AND "app" = 'b'))"#,
        ),
        (
            "port neq 53",
            r#"(("sport" IS NULL OR NOT ("sport" = 53)) AND ("dport" IS NULL OR NOT ("dport" = 53)))"#,
        ),
    ] {
        assert_eq!(filter(text).to_sql(), expected, "{text}");
    }
}

#[test]
fn keys_sort_as_addresses() {
    let key = |text| address_key(text).unwrap();
    let sorted =
        ["0.0.0.0", "10.0.0.2", "10.0.0.10", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "fe80::"];
    assert!(sorted.map(key).is_sorted());
    assert_eq!(address_key("10.0.0"), None);
}

/// A filter of the test's own: what is asked, and how it is written.
#[derive(Clone, Debug)]
enum Asked {
    Clause { text: String, verdict: bool },
    Not(Box<Asked>, bool),
    Both(Box<Asked>, Box<Asked>),
    Either(Box<Asked>, Box<Asked>),
}

impl Asked {
    fn verdict(&self) -> bool {
        match self {
            Self::Clause { verdict, .. } => *verdict,
            Self::Not(part, _) => !part.verdict(),
            Self::Both(one, other) => one.verdict() & other.verdict(),
            Self::Either(one, other) => one.verdict() | other.verdict(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Clause { text, .. } => format!("({text})"),
            Self::Not(part, true) => format!("!{}", part.text()),
            Self::Not(part, false) => format!("not({})", part.text()),
            Self::Both(one, other) => format!("( {} and {})", one.text(), other.text()),
            Self::Either(one, other) => format!("({} OR\n{} )", one.text(), other.text()),
        }
    }
}

/// A clause over [`session`], judged here by other means than the filter's own.
fn clause() -> impl Strategy<Value = Asked> {
    let number = |column: Column| {
        let values = session();
        values.iter().find(|(known, _)| *known == column).map(|(_, value)| value.parse::<u64>().unwrap())
    };
    let numbers = (
        prop::sample::select(vec![
            ("sport", Column::SPORT),
            ("port.dst", Column::DPORT),
            ("elapsed", Column::ELAPSED),
        ]),
        prop::sample::select(vec!["eq", "neq", "leq", "geq"]),
        prop::sample::select(vec![0u64, 52, 53, 54, 50_999, 51_000, 51_001, u64::MAX]),
    )
        .prop_map(move |((field, column), operator, wanted)| {
            let value = number(column);
            let verdict = match operator {
                "eq" => value == Some(wanted),
                "neq" => value != Some(wanted),
                "leq" => value.is_some_and(|value| value <= wanted),
                _ => value.is_some_and(|value| value >= wanted),
            };
            Asked::Clause { text: format!("{field} {operator} {wanted}"), verdict }
        });
    let addresses = (prop::bool::ANY, prop::bool::ANY, any::<[u8; 2]>(), 0u32..=32).prop_map(
        |(negated, known, octets, length)| {
            let source = u32::from_be_bytes([10, 1, 2, 3]);
            let network =
                if known { source } else { u32::from_be_bytes([10, octets[0] % 4, octets[1] % 4, 3]) };
            let inside = (0..length).all(|bit| (network ^ source) >> (31 - bit) & 1 == 0);
            let operator = if negated { "notin" } else { "in" };
            let text = format!("addr.src {operator} {}/{length}", IpAddr::V4(network.into()));
            Asked::Clause { text, verdict: inside != negated }
        },
    );
    let texts = (
        prop::sample::select(vec![
            ("app", "dns-base"),
            ("zone.src", "trust"),
            ("srcuser", "example\\ann"),
            ("dstuser", ""),
        ]),
        prop::sample::select(vec!["eq", "neq", "contains"]),
        "[a-z]{0,2}|dns-base|trust|example[\\\\a]ann|rust",
    )
        .prop_map(|((field, value), operator, wanted)| {
            let wanted = if operator == "contains" && wanted.is_empty() { "s".to_owned() } else { wanted };
            let verdict = match operator {
                "eq" => value == wanted,
                "neq" => value != wanted,
                _ => value.contains(&wanted),
            };
            Asked::Clause { text: format!("{field} {operator} '{wanted}'"), verdict }
        });
    prop_oneof![numbers, addresses, texts]
}

proptest! {
    /// What the filter says of a record is what an evaluator says that knows nothing of its tree.
    #[test]
    fn filters_mean_what_they_say(asked in clause().prop_recursive(5, 30, 2, |inner| prop_oneof![
        (inner.clone(), any::<bool>()).prop_map(|(part, bang)| Asked::Not(Box::new(part), bang)),
        (inner.clone(), inner.clone()).prop_map(|(one, other)| Asked::Both(Box::new(one), Box::new(other))),
        (inner.clone(), inner).prop_map(|(one, other)| Asked::Either(Box::new(one), Box::new(other))),
    ])) {
        let text = asked.text();
        prop_assert_eq!(matches(&filter(&text), &session()), asked.verdict(), "{}", text);
    }

    /// Any text is a filter or an error that can be shown.
    #[test]
    fn any_text_is_judged(text in prop_oneof![
        "[ ()!'\"a-z.0-9/:äß\n-]{0,60}",
        "( |\\(|\\)|!|and|or|not|app|eq|in|addr|'){0,20}",
    ]) {
        if let Err(error) = Filter::parse(&text, now()) {
            prop_assert!(error.to_string().lines().count() == 4);
            prop_assert!(text.get(error.place.clone()).is_some());
        }
    }
}
