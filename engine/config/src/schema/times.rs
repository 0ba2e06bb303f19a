//! Times of schedules.

use alloc::vec::Vec;

use super::forms::digits;

/// The days of the week as schedules name them; a day's place is its bit in `TimeSpan::Recurring`.
pub(crate) const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// `08:00-17:30` as minutes of the day; the end lies on the next day where it is below the beginning.
pub(crate) fn parse_day_time(text: &str) -> Option<(u16, u16)> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (minute(from)?, minute(until)?);
    (from < 1440 && from != until).then_some((from, until))
}

/// `2030/01/31@08:00-2030/02/01@17:30` as seconds since 1970.
pub(crate) fn parse_dates(text: &str) -> Option<(u64, u64)> {
    let (from, until) = text.split_once('-')?;
    let (from, until) = (date(from)?, date(until)?);
    (from < until).then_some((from, until))
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute) = (number(hour, 2)?, number(minute, 2)?);
    let all = u16::try_from(hour * 60 + minute).ok()?;
    (minute < 60 && all <= 1440).then_some(all)
}

fn date(text: &str) -> Option<u64> {
    let (day, time) = text.split_once('@')?;
    let parts: Vec<&str> = day.split('/').collect();
    let [year, month, day] = parts.as_slice() else { return None };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    let years: u32 = (1970..year).map(|year| 365 + u32::from(is_leap(year))).sum();
    let months: u32 = (1..month).map(|month| days_in(year, month)).sum();
    let days = u64::from(years + months + day - 1);
    Some(days * 86_400 + u64::from(minute(time)?) * 60)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A number of exactly so many digits, or one digit less.
fn number(text: &str, width: usize) -> Option<u32> {
    let fits = (width == 4 && text.len() == 4) || (width == 2 && (1..=2).contains(&text.len()));
    if fits { digits(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        for (text, expected) in [
            ("08:00-17:30", Some((480, 1050))),
            ("22:00-6:00", Some((1320, 360))),
            ("00:00-24:00", Some((0, 1440))),
            ("24:00-01:00", None),
            ("08:00-08:00", None),
            ("08:60-09:00", None),
            ("25:00-26:00", None),
            ("0800-0900", None),
            ("08:00", None),
            ("-", None),
        ] {
            assert_eq!(parse_day_time(text), expected, "{text}");
        }
    }

    #[test]
    fn dates() {
        for (text, expected) in [
            ("1970/01/01@00:00-1970/01/02@00:01", Some((0, 86_460))),
            ("2000/02/29@12:00-2000/03/01@00:00", Some((951_825_600, 951_868_800))),
            ("2026/11/22@19:17-2026/11/22@19:18", Some((1_795_375_020, 1_795_375_080))),
            ("2001/02/29@12:00-2001/03/01@00:00", None),
            ("2001/13/01@12:00-2002/03/01@00:00", None),
            ("2002/01/01@12:00-2001/01/01@00:00", None),
            ("2002/01/01-2003/01/01", None),
            ("1969/12/31@00:00-2000/01/01@00:00", None),
        ] {
            assert_eq!(parse_dates(text), expected, "{text}");
        }
    }
}
