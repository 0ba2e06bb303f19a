//! Quantities as people read them: three significant digits and a unit.

/// Bytes with a decimal unit in at most five characters: `74B`, `1.2kB`, `123MB`.
pub(crate) fn bytes(count: u64) -> String {
    scaled(count, "B")
}

/// A count in at most five characters: `74`, `1.2k`, `123M`.
pub(crate) fn count(count: u64) -> String {
    scaled(count, "")
}

fn scaled(count: u64, unit: &str) -> String {
    if count < 1_000 {
        return format!("{count}{unit}");
    }
    let mut rest = u128::from(count) * 10;
    for prefix in ["k", "M", "G", "T", "P", "E"] {
        // In tenths of the prefix, rounded to what is shown: tenths below ten, else whole ones.
        let tenths = (rest + 500) / 1_000;
        if tenths < 100 {
            return format!("{}.{}{prefix}{unit}", tenths / 10, tenths % 10);
        }
        let whole = (rest + 5_000) / 10_000;
        if whole < 1_000 {
            return format!("{whole}{prefix}{unit}");
        }
        rest /= 1_000;
    }
    format!("{count}{unit}")
}

/// A span in at most six characters (seven beyond 273 years): `0s`, `850us`, `23.4ms`, `1.25s`, `12m05s`,
/// `3h59m`, `12d23h`.
pub(crate) fn duration(nanos: u64) -> String {
    let microseconds = nanos / 1_000;
    let seconds = nanos / 1_000_000_000;
    match nanos {
        0..1_000 => "0s".to_owned(),
        1_000..1_000_000 => format!("{microseconds}us"),
        1_000_000..100_000_000 => format!("{}.{}ms", microseconds / 1_000, microseconds / 100 % 10),
        100_000_000..10_000_000_000 => format!("{seconds}.{:02}s", microseconds / 10_000 % 100),
        10_000_000_000..600_000_000_000 => format!("{seconds}.{}s", microseconds / 100_000 % 10),
        _ if seconds < 3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ if seconds < 86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ if seconds < 100 * 86_400 => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `text` in at most `width` characters, its middle replaced by `…` where it is longer. The end gets the
/// odd character: it tells one address from another.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let Some(kept) = width.checked_sub(1) else { return String::new() };
    let head = kept / 2;
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(length - (kept - head)));
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_keep_their_width() {
        for (number, text) in [
            (0, "0B"),
            (999, "999B"),
            (1_000, "1.0kB"),
            (1_249, "1.2kB"),
            (9_949, "9.9kB"),
            (9_950, "10kB"),
            (999_499, "999kB"),
            (999_500, "1.0MB"),
            (123_456_789, "123MB"),
            (u64::MAX, "18EB"),
        ] {
            assert_eq!(bytes(number), text);
        }
        let powers = (0..20).map(|power| 10_u64.pow(power));
        for number in powers.flat_map(|power| [power - 1, power, (power / 10).saturating_mul(95)]) {
            assert!(bytes(number).len() <= 5, "{}", bytes(number));
            assert!(count(number).len() <= 4, "{}", count(number));
        }
    }

    #[test]
    fn spans_keep_their_width() {
        for (nanos, text) in [
            (0, "0s"),
            (850_000, "850us"),
            (23_456_000, "23.4ms"),
            (250_000_000, "0.25s"),
            (1_259_000_000, "1.25s"),
            (75_400_000_000, "75.4s"),
            (725_000_000_000, "12m05s"),
            (14_399_000_000_000, "3h59m"),
            (90_000_000_000_000, "1d01h"),
        ] {
            assert_eq!(duration(nanos), text);
        }
        let powers = (0..18).map(|power| 10_u64.pow(power));
        for nanos in powers.flat_map(|power| [power - 1, power, power * 2, power * 9]) {
            assert!(duration(nanos).len() <= 6, "{}", duration(nanos));
        }
    }

    #[test]
    fn long_text_loses_its_middle() {
        assert_eq!(shorten("aged-out", 8), "aged-out");
        assert_eq!(shorten("tcp-rst-from-client", 12), "tcp-r…client");
        assert_eq!(shorten("2001:db8:0:1:2:3:4:5", 15), "2001:db…2:3:4:5");
        assert_eq!((shorten("ab", 1), shorten("ab", 0)), ("…".to_owned(), String::new()));
    }
}
