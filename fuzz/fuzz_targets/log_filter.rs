//! Filters: any text is one, or says what is wrong with it; one that is can be asked and be written as SQL.
#![no_main]

use bifrons_logs::{
    filter::{Expression, Filter},
    read::Parser,
};
use bifrons_model::Timestamp;
use libfuzzer_sys::fuzz_target;

const RECORD: &str = r#"{"type":"TRAFFIC","src":"10.1.2.3","dst":"2001:db8::5","app":"dns","sport":51000,
    "dport":53,"flags":"0x400019","receive_time":"2026/01/31 10:00:00","rule":"a b","bytes":298}"#;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Filter::parse(text, Timestamp::from_secs(1_769_853_600)) {
        Ok(filter) => {
            let mut parser = Parser::new();
            let record = parser.parse(RECORD.as_bytes()).expect("the record above");
            let verdict = filter.matches(&record);
            let negated = Expression::Not(Box::new(filter.expression().clone()));
            assert_ne!(negated.matches(&|column| record.get(column).unwrap_or_default()), verdict);
            for test in filter.expression().tests() {
                let value = record.get(test.column()).unwrap_or_default();
                if let (Some((from, to)), true) = (test.numbers(), test.passes(value)) {
                    assert!(from <= to);
                }
            }
            let sql = filter.to_sql();
            if !text.contains(['\'', '"']) {
                assert_eq!(sql.matches('(').count(), sql.matches(')').count(), "{sql}");
            }
        }
        Err(error) => {
            assert!(text.get(error.place.clone()).is_some());
            assert_eq!(error.to_string().lines().count(), 4);
        }
    }
});
