//! Values of columns as numbers and times.

use bifrons_model::Timestamp;

/// A whole number in decimal, fractions cut off, or in hexadecimal after `0x`.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let signed = digits.starts_with(['+', '-']);
        return if signed { None } else { u64::from_str_radix(digits, 16).ok() };
    }
    let (number, length) = leading_digits(text.as_bytes())?;
    match text.as_bytes().get(length..)? {
        [] => Some(number),
        [b'.', fraction @ ..] if fraction.iter().all(u8::is_ascii_digit) => Some(number),
        _ => None,
    }
}

/// A point in time, in any of the forms that logs have:
///
/// - `2026/01/31 10:00:00`, as in most columns;
/// - ISO 8601 with or without a zone: `2026-01-31T10:00:00.123+01:00`, `2026-01-31 10:00:00Z`;
/// - `Jan 31 2026 10:00:00`, as in CEF;
/// - `1/31/26 10:00`, as spreadsheets leave it;
/// - a number: seconds since 1970 with or without decimals, or, when too large for that, milliseconds,
///   microseconds or nanoseconds.
///
/// Times without a zone are UTC. Fractions are kept to the nanosecond. `None` for anything else, for days and
/// hours that do not exist, and for years before 1970 or after 2553.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let bytes = text.trim_ascii().as_bytes();
    let (first, length) = match leading_digits(bytes) {
        Some(found) => found,
        None => return worded(bytes),
    };
    match (bytes.get(length), length) {
        (Some(b'/'), 4) | (Some(b'-'), 4) => dated(first, bytes),
        (Some(b'/'), 1 | 2) => spreadsheet(bytes),
        (None | Some(b'.'), _) => counted(first, length, bytes.get(length..)?),
        _ => None,
    }
}

/// A time in the form of most columns, `2026/01/31 10:00:00`, with milliseconds where there are any.
pub(crate) fn push_time(out: &mut String, time: Timestamp) {
    let (year, month, day, hour, minute, second) = time.civil();
    out.push_str(&format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}"));
    match time.subsec_nanos() / 1_000_000 {
        0 => {}
        milliseconds => out.push_str(&format!(".{milliseconds:03}")),
    }
}

/// `2026/01/31 10:00:00` or `2026-01-31T10:00:00`, then perhaps a fraction and a zone.
fn dated(year: u64, bytes: &[u8]) -> Option<Timestamp> {
    let separator = *bytes.get(4)?;
    let (&[m1, m2, middle, d1, d2], rest) = bytes.get(5..)?.split_first_chunk()?;
    if middle != separator {
        return None;
    }
    let day = day_number(year, pair(m1, m2)?, pair(d1, d2)?)?;
    let (b' ' | b'T', rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))? else { return None };
    let (&[h1, h2, b':', n1, n2, b':', s1, s2], rest) = rest.split_first_chunk()? else { return None };
    let second = of_day(pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?)?;
    let (nanos, rest) = fraction(rest)?;
    let behind = zone(rest.trim_ascii_start())?;
    moment(day, second, nanos, behind)
}

/// `Jan 31 2026 10:00:00`, then perhaps a fraction and a zone.
fn worded(bytes: &[u8]) -> Option<Timestamp> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let (name, rest) = bytes.split_first_chunk::<3>()?;
    let month = (1..).zip(MONTHS).find(|(_, month)| *month == name)?.0;
    let mut parts = rest.split(|byte| *byte == b' ').filter(|part| !part.is_empty());
    let day = whole(parts.next()?)?;
    let year = whole(parts.next()?)?;
    let clock = parts.next()?;
    let (&[h1, h2, b':', n1, n2, b':', s1, s2], rest) = clock.split_first_chunk()? else { return None };
    let second = of_day(pair(h1, h2)?, pair(n1, n2)?, pair(s1, s2)?)?;
    let (nanos, rest) = fraction(rest)?;
    let behind = zone(if rest.is_empty() { parts.next().unwrap_or_default() } else { rest })?;
    moment(day_number(year, month, day)?, second, nanos, behind)
}

/// `1/31/26 10:00`, seconds if any.
fn spreadsheet(bytes: &[u8]) -> Option<Timestamp> {
    let mut halves = bytes.split(|byte| *byte == b' ');
    let (date, clock) = (halves.next()?, halves.next()?);
    let mut date = date.split(|byte| *byte == b'/').map(whole);
    let (month, day, year) = (date.next()??, date.next()??, date.next()??);
    let year = if year < 100 { 2000 + year } else { year };
    let mut clock = clock.split(|byte| *byte == b':').map(whole);
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    if date.next().is_some() || clock.next().is_some() || halves.next().is_some() {
        return None;
    }
    moment(day_number(year, month, day)?, of_day(hour, minute, second)?, 0, 0)
}

/// A number of seconds, or of a unit that its length tells.
fn counted(number: u64, length: usize, rest: &[u8]) -> Option<Timestamp> {
    let unit = match length {
        0..=11 => 1_000_000_000,
        12..=14 => 1_000_000,
        15..=17 => 1_000,
        _ => 1,
    };
    let (nanos, rest) = fraction(rest)?;
    let nanos = if unit == 1_000_000_000 { nanos } else { 0 };
    let whole = number.checked_mul(unit)?.checked_add(nanos)?;
    rest.is_empty().then_some(Timestamp::from_nanos(whole))
}

/// Seconds since 1970 from a day, the second in it and how many seconds the zone is behind UTC.
fn moment(day: u64, second: u64, nanos: u64, behind: i64) -> Option<Timestamp> {
    let seconds = (day * 86_400 + second).checked_add_signed(behind)?;
    Some(Timestamp::from_nanos(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

/// Days since 1970-01-01 of a day in the Gregorian calendar.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let before = *BEFORE.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    let days_in = match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1970..=2553).contains(&year) || !(1..=days_in).contains(&day) {
        return None;
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    Some(years + before + u64::from(leap && month > 2) + day - 1)
}

fn of_day(hour: u64, minute: u64, second: u64) -> Option<u64> {
    // Second 60 is a leap second (ISO 8601): it counts as the next minute's first.
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// The nanoseconds of `.123`, and what follows; 0 without a point.
fn fraction(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let Some(digits) = bytes.strip_prefix(b".") else { return Some((0, bytes)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = digits.split_at_checked(count)?;
    let mut nanos = 0;
    for place in 0..9 {
        nanos = nanos * 10 + digits.get(place).map_or(0, |digit| u64::from(digit - b'0'));
    }
    (count > 0).then_some((nanos, rest))
}

/// How many seconds to add to a local time of this zone to have UTC.
fn zone(bytes: &[u8]) -> Option<i64> {
    match bytes {
        b"" | b"Z" | b"z" | b"UTC" | b"GMT" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
            let ahead = (pair(*h1, *h2)? * 3_600 + pair(*m1, *m2)? * 60) as i64;
            Some(if *sign == b'+' { -ahead } else { ahead })
        }
        [sign @ (b'+' | b'-'), h1, h2] => zone(&[*sign, *h1, *h2, b'0', b'0']),
        _ => None,
    }
}

fn pair(tens: u8, ones: u8) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

fn whole(bytes: &[u8]) -> Option<u64> {
    let (number, length) = leading_digits(bytes)?;
    (length == bytes.len()).then_some(number)
}

/// The number that the text begins with and how many digits it has; `None` without any or above 64 bits.
fn leading_digits(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0u64;
    let mut length = 0;
    for byte in bytes.iter().take_while(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        length += 1;
    }
    (length > 0).then_some((number, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_all_forms() {
        for (text, nanos) in [
            ("2018/11/30 16:09:21", 1_543_594_161_000_000_000),
            ("1970/01/01 00:00:00", 0),
            ("2024-02-29T12:00:00.5Z", 1_709_208_000_500_000_000),
            ("2021-10-26T15:05:03.440-07:00", 1_635_285_903_440_000_000),
            ("2020-03-27T09:57:41+01:00", 1_585_299_461_000_000_000),
            ("2020-03-27T09:57:41+01", 1_585_299_461_000_000_000),
            ("2023-02-16T17:08:26.000000Z", 1_676_567_306_000_000_000),
            ("2026-01-31 10:00:00", 1_769_853_600_000_000_000),
            ("Mar 01 2021 20:48:21", 1_614_631_701_000_000_000),
            ("Mar 1 2021 20:48:21 UTC", 1_614_631_701_000_000_000),
            ("9/16/19 10:00", 1_568_628_000_000_000_000),
            ("1700000036.270000001", 1_700_000_036_270_000_001),
            ("1700000036", 1_700_000_036_000_000_000),
            ("1700000036270", 1_700_000_036_270_000_000),
            ("1700000036270000000", 1_700_000_036_270_000_000),
        ] {
            assert_eq!(parse_time(text), Some(Timestamp::from_nanos(nanos)), "{text}");
        }
        for text in [
            "",
            "x",
            "2020/00/00 00:00:00",
            "2023/02/29 00:00:00",
            "2020/01/01",
            "2020/01-01 00:00:00",
            "2020/01/01 24:00:00",
            "1969/12/31 23:59:59",
            "9999/12/31 23:59:59",
            "2020/01/01 00:00:00 Mars",
            "1970-01-01T00:00:00+01:00",
            "99999999999999999999",
            "1/2 3:4",
            "17.x",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    /// Every day of the range, against the model's own calendar.
    #[test]
    fn the_calendar_has_no_holes() {
        for day in (0..213_000).step_by(7) {
            let moment = Timestamp::from_secs(day * 86_400 + 3_723);
            let mut text = String::new();
            push_time(&mut text, moment);
            assert_eq!(parse_time(&text), Some(moment), "{text}");
        }
    }

    #[test]
    fn numbers() {
        for (text, number) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0x8000000000000000", Some(1 << 63)),
            ("0x-1", None),
            ("1.250000001", Some(1)),
            ("-7", None),
            ("1.2.3", None),
            ("", None),
            ("12 ", None),
        ] {
            assert_eq!(parse_number(text), number, "{text}");
        }
    }
}
