//! A filter as a condition of SQL.
//!
//! Absent and empty values are NULL, and a comparison with NULL is neither true nor false. So negations are
//! carried down to the tests, where the absent values are said.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use bifrons_model::Timestamp;

use super::{
    address_key,
    expression::{Expression, Predicate, Test},
};
use crate::record::Column;

pub(super) fn condition(expression: &Expression) -> String {
    let mut out = String::new();
    write(expression, true, &mut out);
    out
}

fn write(expression: &Expression, positive: bool, out: &mut String) {
    match (expression, positive) {
        (Expression::And(parts), true) | (Expression::Or(parts), false) => join(parts, "AND", positive, out),
        (Expression::Or(parts), true) | (Expression::And(parts), false) => join(parts, "OR", positive, out),
        (Expression::Not(part), _) => write(part, !positive, out),
        (Expression::Test(test), true) => out.push_str(&passes(test)),
        (Expression::Test(test), false) => out.push_str(&fails(test)),
    }
}

fn join(parts: &[Expression], word: &str, positive: bool, out: &mut String) {
    if parts.is_empty() {
        out.push_str(if word == "AND" { "TRUE" } else { "FALSE" });
        return;
    }
    out.push('(');
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            let _ = write!(out, " {word} ");
        }
        write(part, positive, out);
    }
    out.push(')');
}

fn passes(test: &Test) -> String {
    let column = name(test.column);
    match &test.predicate {
        Predicate::Is(text) if text.is_empty() => format!("({column} IS NULL OR {column} = '')"),
        Predicate::Is(text) => format!("{column} = {}", quoted(text)),
        Predicate::Contains(text) => format!("strpos({column}, {}) > 0", quoted(text)),
        Predicate::Numbers(from, to) => range(&column, *from, *to, integer),
        Predicate::Bits(bits) => format!("{column} = {}", signed(*bits)),
        Predicate::Has(bits) => format!("({column} & {bits}) = {bits}", bits = signed(*bits)),
        Predicate::Addresses(from, to) => addresses(&column, *from, *to),
        Predicate::Times(from, to) => range(&column, *from, *to, time),
    }
}

fn fails(test: &Test) -> String {
    let column = name(test.column);
    match &test.predicate {
        Predicate::Is(text) if text.is_empty() => format!("({column} IS NOT NULL AND {column} <> '')"),
        Predicate::Is(_)
        | Predicate::Contains(_)
        | Predicate::Numbers(..)
        | Predicate::Bits(_)
        | Predicate::Has(_)
        | Predicate::Addresses(..)
        | Predicate::Times(..) => format!("({column} IS NULL OR NOT ({}))", passes(test)),
    }
}

/// The column. The type of log is the name of a directory, which is in small letters.
fn name(column: Column) -> String {
    if column == Column::TYPE { "upper(\"type\")".to_owned() } else { format!("\"{}\"", column.name()) }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A number as tables hold it: of 64 bits with a sign. `None` above that.
fn integer(number: u64) -> Option<String> {
    i64::try_from(number).ok().map(|number| number.to_string())
}

/// Bits as a number with a sign. The lowest one has no literal of its own.
fn signed(bits: u64) -> String {
    match bits as i64 {
        i64::MIN => "(-9223372036854775807 - 1)".to_owned(),
        number => number.to_string(),
    }
}

/// A microsecond as a timestamp; `None` beyond the calendar that logs have.
fn time(microsecond: u64) -> Option<String> {
    let nanos = microsecond.checked_mul(1_000)?;
    let moment = Timestamp::from_nanos(nanos);
    let (year, month, day, hour, minute, second) = moment.civil();
    let fraction = moment.subsec_nanos() / 1_000;
    Some(format!(
        "TIMESTAMP '{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z'"
    ))
}

/// From one value to another, each written by `literal`. An end that is the type's own is left out; a begin
/// above all that tables hold leaves nothing.
fn range(column: &str, from: u64, to: u64, literal: fn(u64) -> Option<String>) -> String {
    let Some(low) = literal(from) else { return format!("{column} <> {column}") };
    match literal(to).filter(|_| to < u64::MAX) {
        Some(_) if from == to => format!("{column} = {low}"),
        Some(high) if from > 0 => format!("{column} BETWEEN {low} AND {high}"),
        Some(high) => format!("{column} <= {high}"),
        None => format!("{column} >= {low}"),
    }
}

/// Addresses from one to another, in columns that hold them as text.
fn addresses(column: &str, from: IpAddr, to: IpAddr) -> String {
    match (from, to) {
        _ if from == to => format!("{column} = {}", quoted(&from.to_string())),
        (IpAddr::V4(from), IpAddr::V4(to)) => octets(column, from, to),
        _ => {
            let key = |address: IpAddr| quoted(&address_key(&address.to_string()).unwrap_or_default());
            format!("address_key({column}) BETWEEN {} AND {}", key(from), key(to))
        }
    }
}

/// IPv4 addresses: where whole octets are free, by the text that they begin with, else by their number.
fn octets(column: &str, from: Ipv4Addr, to: Ipv4Addr) -> String {
    let (low, high) = (from.octets(), to.octets());
    let same = low.iter().zip(high).take_while(|(low, high)| **low == *high).count();
    let free = low.iter().zip(high).skip(same).all(|(low, high)| (*low, high) == (0, 255));
    let is_ipv4 = format!("strpos({column}, ':') = 0");
    if free && same > 0 {
        let prefix: String = low.iter().take(same).map(|octet| format!("{octet}.")).collect();
        return format!("{column} LIKE '{prefix}%'");
    }
    if free {
        return format!("({is_ipv4} AND strpos({column}, '.') > 0)");
    }
    let octet = |place: u32| {
        let weight = 1_u64 << (8 * (4 - place));
        format!("TRY_CAST(split_part({column}, '.', {place}) AS BIGINT) * {weight}")
    };
    let number = [1, 2, 3, 4].map(octet).join(" + ");
    let (from, to) = (u32::from(from), u32::from(to));
    format!("coalesce({is_ipv4} AND {number} BETWEEN {from} AND {to}, FALSE)")
}
