//! Addresses, ports and numbers as they are written.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::typed::{AddressRange, PortPattern, Prefix};

/// More ranges than this are not made of one wildcard.
const MOST_WILDCARD_RANGES: u32 = 4096;

/// `10.0.0.1/24`, or an address alone, which means its own prefix of full length.
pub(crate) fn parse_prefix(text: &str) -> Option<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, Some(digits(length)?)),
        None => (text.parse().ok()?, None),
    };
    let width = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length = u8::try_from(length.unwrap_or(width)).ok()?;
    (u32::from(length) <= width).then_some(Prefix { address, length })
}

/// The prefix length of `255.255.255.0`, or of `24`.
pub(crate) fn parse_mask(text: &str) -> Option<u8> {
    if let Ok(mask) = text.parse::<Ipv4Addr>() {
        let bits = mask.to_bits();
        return (bits.leading_ones() + bits.trailing_zeros() >= 32).then_some(bits.leading_ones() as u8);
    }
    u8::try_from(digits(text)?).ok().filter(|length| *length <= 128)
}

/// `10.0.0.1-10.0.0.9`.
pub(crate) fn parse_range(text: &str) -> Option<AddressRange> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(AddressRange { first, last })
}

/// The addresses of the network that the prefix lies in.
pub(crate) fn range_of(prefix: Prefix) -> AddressRange {
    match prefix.address {
        IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
            let first = address.to_bits() & !hosts;
            AddressRange { first: Ipv4Addr::from(first).into(), last: Ipv4Addr::from(first | hosts).into() }
        }
        IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
            let first = address.to_bits() & !hosts;
            AddressRange { first: Ipv6Addr::from(first).into(), last: Ipv6Addr::from(first | hosts).into() }
        }
    }
}

/// `80,8000-8080`.
pub(crate) fn parse_ports(text: &str) -> Option<alloc::vec::Vec<(u16, u16)>> {
    let port = |text: &str| u16::try_from(digits(text.trim())?).ok();
    text.split(',')
        .map(|part| {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (port(first)?, port(last)?),
                None => (port(part)?, port(part)?),
            };
            (first <= last).then_some((first, last))
        })
        .collect()
}

/// `0,100-199`: IEEE 802.1Q tags, 0 for a frame without one.
pub(crate) fn parse_vlan_tags(text: &str) -> Option<Vec<(u16, u16)>> {
    parse_ports(text).filter(|tags| tags.iter().all(|(_, last)| *last <= 4094))
}

/// `10.0.0.1/0.0.255.0`: set bits of the mask are free. As ranges, in order.
pub(crate) fn parse_wildcard(text: &str) -> Option<Vec<AddressRange>> {
    let (address, mask) = text.split_once('/')?;
    let (address, mask): (Ipv4Addr, Ipv4Addr) = (address.parse().ok()?, mask.parse().ok()?);
    let mask = mask.to_bits();
    let tail = mask & !mask.wrapping_add(1);
    let tail = if mask == u32::MAX { mask } else { tail };
    let scattered = mask & !tail;
    if scattered.count_ones() > MOST_WILDCARD_RANGES.ilog2() {
        return None;
    }
    let base = address.to_bits() & !mask;
    let mut ranges = Vec::new();
    let mut free = 0_u32;
    loop {
        let (first, last) = (base | free, base | free | tail);
        ranges.push(AddressRange { first: Ipv4Addr::from(first).into(), last: Ipv4Addr::from(last).into() });
        // Counts through the free bits alone.
        free = free.wrapping_sub(scattered) & scattered;
        if free == 0 {
            return Some(ranges);
        }
    }
}

/// `tcp/80,8000-8080`, `udp/dynamic`.
pub(crate) fn parse_app_ports(text: &str) -> Option<Vec<PortPattern>> {
    let (protocol, ports) = text.split_once('/')?;
    let pattern = match protocol {
        "tcp" => PortPattern::Tcp,
        "udp" => PortPattern::Udp,
        _ => return None,
    };
    if ports == "dynamic" {
        return Some(alloc::vec![pattern(0, u16::MAX)]);
    }
    Some(parse_ports(ports)?.into_iter().map(|(first, last)| pattern(first, last)).collect())
}

/// `0x0a0b0c0d`, or a decimal number.
pub(crate) fn parse_hex(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) if (1..=8).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u32::from_str_radix(hex, 16).ok()
        }
        Some(_) => None,
        None => digits(text),
    }
}

pub(super) fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String};

    #[test]
    fn a_prefix_covers_its_network() {
        for (prefix, first, last) in [
            ("10.0.0.9/24", "10.0.0.0", "10.0.0.255"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("10.0.0.9", "10.0.0.9", "10.0.0.9"),
            ("2001:db8::1/112", "2001:db8::", "2001:db8::ffff"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let range = range_of(parse_prefix(prefix).unwrap());
            assert_eq!(
                (range.first, range.last),
                (first.parse().unwrap(), last.parse().unwrap()),
                "{prefix}"
            );
        }
    }

    #[test]
    fn wildcards() {
        let ranges = |text: &str| -> Option<Vec<String>> {
            let ranges = parse_wildcard(text)?;
            Some(ranges.iter().map(|range| format!("{}-{}", range.first, range.last)).collect())
        };
        let list = |texts: &[&str]| Some(texts.iter().map(|text| String::from(*text)).collect());
        assert_eq!(ranges("10.0.0.9/0.0.0.255"), list(&["10.0.0.0-10.0.0.255"]));
        assert_eq!(ranges("10.0.0.9/0.0.0.0"), list(&["10.0.0.9-10.0.0.9"]));
        assert_eq!(ranges("1.2.3.4/255.255.255.255"), list(&["0.0.0.0-255.255.255.255"]));
        assert_eq!(ranges("10.0.1.0/0.0.2.3"), list(&["10.0.1.0-10.0.1.3", "10.0.3.0-10.0.3.3"]));
        assert_eq!(parse_wildcard("10.0.0.1/0.15.240.0").map(|ranges| ranges.len()), Some(256));
        assert_eq!(parse_wildcard("10.0.0.1/0.255.248.0"), None);
        for wrong in ["10.0.0.1", "10.0.0.1/24", "::/::", "10.0.0.1/0.0.0.256"] {
            assert_eq!(parse_wildcard(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ports_of_applications() {
        use PortPattern::{Tcp, Udp};
        assert_eq!(parse_app_ports("tcp/80,8000-8080"), Some(alloc::vec![Tcp(80, 80), Tcp(8000, 8080)]));
        assert_eq!(parse_app_ports("udp/dynamic"), Some(alloc::vec![Udp(0, 65_535)]));
        for wrong in ["80", "sctp/80", "tcp/", "tcp/90-80", "tcp/70000", "TCP/80"] {
            assert_eq!(parse_app_ports(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn four_bytes() {
        assert_eq!(parse_hex("0xfF"), Some(255));
        assert_eq!(parse_hex("4294967295"), Some(u32::MAX));
        for wrong in ["", "0x", "0x123456789", "4294967296", "-1", "0x+1"] {
            assert_eq!(parse_hex(wrong), None, "{wrong}");
        }
    }
}
