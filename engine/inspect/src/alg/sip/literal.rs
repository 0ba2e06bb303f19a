//! Addresses written as numbers in the fields of a message.

use core::{net::IpAddr, ops::Range};

use crate::alg::{address, number};

/// Visits each `192.0.2.1`, `192.0.2.1:5060`, `[2001:db8::1]` and `[2001:db8::1]:5060` of the text: where it
/// stands, its address, its port.
pub(super) fn each(text: &[u8], mut visit: impl FnMut(Range<usize>, IpAddr, Option<u16>)) {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let begins = match byte {
            b'[' => true,
            b'0'..=b'9' => at.checked_sub(1).and_then(|before| text.get(before)).is_none_or(is_boundary),
            _ => false,
        };
        match text.get(at..).filter(|_| begins).and_then(read) {
            Some((length, address, port)) => {
                visit(at..at + length, address, port);
                at += length;
            }
            None => at += 1,
        }
    }
}

/// What may stand beside an address: not what continues a name or a number.
const fn is_boundary(byte: &u8) -> bool {
    !byte.is_ascii_alphanumeric() && !matches!(byte, b'.' | b'-' | b'_' | b'[')
}

fn read(text: &[u8]) -> Option<(usize, IpAddr, Option<u16>)> {
    const LONGEST: usize = 45;
    let (length, address) = if let [b'[', rest @ ..] = text {
        let end = rest.iter().take(LONGEST).position(|byte| *byte == b']')?;
        (end + 2, address(rest.get(..end)?).filter(IpAddr::is_ipv6)?)
    } else {
        let end = text.iter().take(16).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        (end, address(text.get(..end)?)?)
    };
    let rest = text.get(length..).unwrap_or(&[]);
    if let [b':', digits @ ..] = rest
        && let Some((port, count)) = number(digits)
        && digits.get(count).is_none_or(is_boundary)
    {
        return Some((length + 1 + count, address, Some(port)));
    }
    rest.first().is_none_or(is_boundary).then_some((length, address, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, string::ToString, vec::Vec};

    fn all(text: &str) -> Vec<(String, String, Option<u16>)> {
        let mut found = Vec::new();
        each(text.as_bytes(), |place, address, port| {
            found.push((text[place].to_string(), address.to_string(), port));
        });
        found
    }

    #[test]
    fn addresses_are_found_between_other_words() {
        let one =
            |text: &str, address: &str, port| alloc::vec![(text.to_string(), address.to_string(), port)];
        assert_eq!(all("SIP/2.0/UDP 10.0.0.1:5060;branch=z"), one("10.0.0.1:5060", "10.0.0.1", Some(5060)));
        assert_eq!(all("<sip:a@10.0.0.1;x=1>"), one("10.0.0.1", "10.0.0.1", None));
        assert_eq!(all("<sip:[2001:db8::1]:99>"), one("[2001:db8::1]:99", "2001:db8::1", Some(99)));
        assert_eq!(all("received=10.0.0.1"), one("10.0.0.1", "10.0.0.1", None));
        assert_eq!(all("10.0.0.1 10.0.0.2").len(), 2);
        for text in
            ["host10.0.0.1", "10.0.0.1.example", "10.0.0.999", "1.2.3", "[10.0.0.1]", "[", "v10.0.0.1"]
        {
            assert_eq!(all(text), [], "{text}");
        }
    }
}
