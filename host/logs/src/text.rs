//! Values as text, straight into a byte vector: what the standard formatting machinery does, without its
//! cost.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use bifrons_model::Timestamp;

/// Appends values with commas between, and quotes around those that need them.
pub(crate) fn push_csv<'v>(values: impl Iterator<Item = &'v str>, out: &mut String) {
    for (place, value) in values.enumerate() {
        if place > 0 {
            out.push(',');
        }
        if value.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&value.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(value);
        }
    }
}

/// `YYYY/MM/DD HH:MM:SS`, UTC.
pub(crate) type DateTime = [u8; 19];

/// Two digits for each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// The two digits of a number below 100.
const fn pair(number: u64) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// A number in decimal digits.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = number;
    while rest >= 10 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&pair(rest));
        rest /= 100;
    }
    if rest > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b'0' + rest as u8;
    }
    out.extend_from_slice(&digits[start..]);
}

/// A number in lower-case hexadecimal digits after `0x`, without leading zeros.
pub(crate) fn push_hex(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(b"0x");
    let digits = (32 - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(number >> (place * 4) & 0xf) as usize]);
    }
}

/// Nanoseconds as seconds with nine decimals: `0.020000000`.
pub(crate) fn push_seconds(out: &mut Vec<u8>, nanos: u64) {
    push_number(out, nanos / 1_000_000_000);
    let mut fraction = [b'.', 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut rest = nanos % 1_000_000_000;
    for place in [8, 6, 4, 2] {
        fraction[place..place + 2].copy_from_slice(&pair(rest));
        rest /= 100;
    }
    fraction[1] = b'0' + rest as u8;
    out.extend_from_slice(&fraction);
}

/// An IP address in its usual form.
pub(crate) fn push_address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => push_ipv4(out, address),
        // Writing to a vector cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

fn push_ipv4(out: &mut Vec<u8>, address: Ipv4Addr) {
    let [first, rest @ ..] = address.octets();
    push_number(out, first.into());
    for octet in rest {
        out.push(b'.');
        push_number(out, octet.into());
    }
}

/// A moment as the log's date and time.
pub(crate) fn date_time(moment: Timestamp) -> DateTime {
    let (year, month, day, hour, minute, second) = moment.civil();
    let mut text = *b"0000/00/00 00:00:00";
    text[0..2].copy_from_slice(&pair(u64::from(year / 100)));
    for (place, number) in [
        (2, year % 100),
        (5, month.into()),
        (8, day.into()),
        (11, hour.into()),
        (14, minute.into()),
        (17, second.into()),
    ] {
        text[place..place + 2].copy_from_slice(&pair(u64::from(number)));
    }
    text
}

/// A moment as ISO 8601 in UTC with milliseconds: `2023-11-14T22:13:40.020Z`.
pub(crate) fn push_iso(out: &mut Vec<u8>, moment: Timestamp, mut text: DateTime) {
    text[4] = b'-';
    text[7] = b'-';
    text[10] = b'T';
    out.extend_from_slice(&text);
    push_milliseconds(out, moment);
    out.push(b'Z');
}

/// `.020`: the milliseconds within the second.
pub(crate) fn push_milliseconds(out: &mut Vec<u8>, moment: Timestamp) {
    let milliseconds = u64::from(moment.subsec_nanos() / 1_000_000);
    out.extend_from_slice(&[b'.', b'0' + (milliseconds / 100) as u8]);
    out.extend_from_slice(&pair(milliseconds));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_read_like_the_standard_ones() {
        for number in (0..2_000).chain([9_999, 10_000, 99_999, 100_000, 1 << 32, u64::MAX - 1, u64::MAX]) {
            assert_eq!(text(|out| push_number(out, number)), number.to_string());
        }
        for number in [0, 1, 0xf, 0x10, 0x19, 0x40_0000, 0x0200_0000, 0x8000_0000, u32::MAX] {
            assert_eq!(text(|out| push_hex(out, number)), format!("{number:#x}"));
        }
    }

    #[test]
    fn times() {
        for nanos in [0, 1, 20_000_000, 999_999_999, 1_000_000_000, 1_700_000_020_123_456_789, u64::MAX] {
            let moment = Timestamp::from_nanos(nanos);
            assert_eq!(text(|out| push_seconds(out, nanos)), moment.to_string());
        }
        let moment = Timestamp::from_nanos(1_700_000_020_007_999_999);
        assert_eq!(&date_time(moment), b"2023/11/14 22:13:40");
        assert_eq!(text(|out| push_iso(out, moment, date_time(moment))), "2023-11-14T22:13:40.007Z");
        assert_eq!(&date_time(Timestamp::ZERO), b"1970/01/01 00:00:00");
        assert_eq!(&date_time(Timestamp::MAX), b"2554/07/21 23:34:33");
    }

    #[test]
    fn addresses() {
        for address in ["0.0.0.0", "192.168.1.10", "255.255.255.255", "::", "2001:db8::1", "::ffff:192.0.2.1"]
        {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(text(|out| push_address(out, parsed)), address);
        }
    }
}
