//! Filters at random, for tests that compare two ways of finding what passes them.

use proptest::prelude::*;

const CLAUSES: [&str; 34] = [
    "( addr.src in 10.0.0.0/8 )",
    "( addr.src in 10.1.0.0/17 )",
    "( addr.src notin 10.1.0.0/17 )",
    "( addr in 2001:db8::/32 )",
    "( addr.dst in 2001:db8::2-2001:db8::ff )",
    "( addr.dst eq 198.51.100.2 )",
    "( addr.src in 0.0.0.0/0 )",
    "( natsrc in 0.0.0.0/0 )",
    "( app eq dns-base )",
    "( app eq '' )",
    "( app neq ssl )",
    "( app neq '' )",
    "( rule contains \"it's\" )",
    "( rule contains '%' )",
    "( bytes geq 1000 )",
    "( bytes leq 1000 )",
    "( bytes eq 0 )",
    "( bytes neq 0 )",
    "( port eq 443 )",
    "( flags has nat )",
    "( flags has 0x8000000000000000 )",
    "( flags eq 0x8000000000000000 )",
    "( flags neq 0x0 )",
    "( receive_time in last-hour )",
    "( time_generated geq '2026/01/31 10:30:00' )",
    "( time_generated leq '2026/01/31 09:59:59' )",
    "( type eq TRAFFIC )",
    "( server_name contains example )",
    "( rule contains out )",
    "( port.src geq 40000 )",
    "( flags has 0x1 )",
    "( flags eq 0x8000000000000001 )",
    "( actionflags has 0x8000000000000000 )",
    "( start leq '2026/01/31 10:00:00' )",
];

/// Clauses, and what `and`, `or` and `not` make of them.
pub fn filters() -> impl Strategy<Value = String> {
    let clause = prop::sample::select(&CLAUSES[..]).prop_map(str::to_owned);
    clause.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}
