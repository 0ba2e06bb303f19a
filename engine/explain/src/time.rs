//! Times as logs write them.

/// Seconds of the log's clock since 1970, zone names and fractions left out: `2026/11/22 22:15:00`,
/// `2026-11-22T22:15:00.123Z` and `1795385700.25` are all understood. `None` for anything else.
pub fn seconds_of(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let Some((date, rest)) = bytes.split_first_chunk::<10>() else {
        return epoch(bytes);
    };
    let [y1, y2, y3, y4, slash, m1, m2, again, d1, d2] = *date;
    if !matches!((slash, again), (b'/', b'/') | (b'-', b'-')) {
        return epoch(bytes);
    }
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let [separator, h1, h2, colon, n1, n2, second_colon, s1, s2] = *rest.first_chunk::<9>()?;
    if !matches!(separator, b' ' | b'T') || (colon, second_colon) != (b':', b':') {
        return None;
    }
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    in_range.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// The date and time of a minute since 1970: (year, month, day, hour, minute).
pub fn civil_minute(minute: u64) -> (u32, u8, u8, u8, u8) {
    let (year, month, day, hour, minute, _) =
        bifrons_model::Timestamp::from_secs(minute.saturating_mul(60)).civil();
    (year, month, day, hour, minute)
}

fn two(tens: u8, ones: u8) -> Option<u64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
}

/// Days from 1970 to the date, after Howard Hinnant's "chrono-compatible low-level date algorithms".
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// Seconds with or without a fraction.
fn epoch(bytes: &[u8]) -> Option<u64> {
    let whole = bytes.split(|byte| *byte == b'.').next().filter(|digits| (1..=12).contains(&digits.len()))?;
    whole
        .iter()
        .try_fold(0_u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_logs_write_times() {
        assert_eq!(seconds_of("2023/11/14 22:13:40"), Some(1_700_000_020));
        assert_eq!(seconds_of("2023-11-14T22:13:40.123+01:00"), Some(1_700_000_020));
        assert_eq!(seconds_of("1700000020.250000000"), Some(1_700_000_020));
        assert_eq!(seconds_of("1700000020"), Some(1_700_000_020));
        assert_eq!(seconds_of("2000/02/29 00:00:00"), Some(951_782_400));
        for text in ["", "yesterday", "2023/11/14", "2023/13/14 22:13:40", "2023/11/14 24:13:40", "12a"] {
            assert_eq!(seconds_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_minute_reads_back() {
        assert_eq!(civil_minute(1_700_000_020 / 60), (2023, 11, 14, 22, 13));
    }
}
