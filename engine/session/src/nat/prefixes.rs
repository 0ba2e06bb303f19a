//! Addresses that are computed from others: NPTv6 and NAT64.

use core::net::{IpAddr, Ipv6Addr};

use bifrons_config::typed::{AddressRange, Prefix};

/// The prefix that `range` is, if it is one.
pub(super) fn prefix_of(range: &AddressRange) -> Option<Prefix> {
    let (bits, width) = match (range.first, range.last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (u128::from(first.to_bits() ^ last.to_bits()), 32),
        (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits() ^ last.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    let hosts = 128 - bits.leading_zeros();
    let mask = 1_u128.checked_shl(hosts).map_or(u128::MAX, |size| size - 1);
    let first = match range.first {
        IpAddr::V4(first) => u128::from(first.to_bits()),
        IpAddr::V6(first) => first.to_bits(),
    };
    let is_prefix = bits == mask && first & mask == 0;
    is_prefix.then(|| Prefix { address: range.first, length: (width - hosts) as u8 })
}

/// NPTv6 (RFC 6296, section 3): the prefix is exchanged, and one 16-bit word is changed so that the
/// address's checksum stays the same and no transport checksum need be touched. `None` for an address that
/// cannot be translated (section 3.4: subnet 0xffff below a prefix of at most 48 bits; section 3.5: no
/// word of the interface identifier to change) or does not lie in `from`.
pub(super) fn exchange_prefix(address: Ipv6Addr, from: &Prefix, to: &Prefix) -> Option<Ipv6Addr> {
    let (IpAddr::V6(_), IpAddr::V6(to_network)) = (from.address, to.address) else { return None };
    if !from.contains(IpAddr::V6(address)) {
        return None;
    }
    // The shorter prefix is extended with zeros to the length of the longer (section 3.1).
    let length = from.length.max(to.length);
    let hosts = u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    let networks = !u128::MAX.checked_shr(u32::from(to.length)).unwrap_or(0);
    let exchanged = to_network.to_bits() & networks | address.to_bits() & hosts;
    let mut words = Ipv6Addr::from_bits(exchanged).segments();
    let adjusted = if length <= 48 {
        (words[3] != 0xffff).then_some(3)
    } else {
        let identifier = words.get(4..)?;
        if identifier.iter().all(|word| *word == 0) {
            return None;
        }
        identifier.iter().position(|word| *word != 0xffff).map(|place| place + 4)
    }?;
    let difference = ones_complement(sum(address.segments()), !sum(words));
    let word = words.get_mut(adjusted)?;
    *word = ones_complement(*word, difference);
    if *word == 0xffff {
        *word = 0;
    }
    Some(Ipv6Addr::from(words))
}

fn sum(words: [u16; 8]) -> u16 {
    words.into_iter().fold(0, ones_complement)
}

const fn ones_complement(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(carry as u16)
}

/// The IPv4 address's place behind a prefix of this length (RFC 6052, section 2.2): in byte order, without
/// the byte of bits 64 to 71, which stays zero. `None` for a length that is not among the six.
fn places(length: u8) -> Option<[u32; 4]> {
    let bytes: [u32; 4] = match length {
        32 => [4, 5, 6, 7],
        40 => [5, 6, 7, 9],
        48 => [6, 7, 9, 10],
        56 => [7, 9, 10, 11],
        64 => [9, 10, 11, 12],
        96 => [12, 13, 14, 15],
        _ => return None,
    };
    Some(bytes.map(|byte| (15 - byte) * 8))
}

/// The IPv6 address in which an IPv4 address stands behind a prefix (RFC 6052, section 2.2).
pub(super) fn embed(prefix: &Prefix, address: u32) -> Option<u128> {
    let IpAddr::V6(network) = prefix.address else { return None };
    let bytes = places(prefix.length)?.into_iter().zip(address.to_be_bytes());
    let networks = !(u128::MAX >> prefix.length);
    // Of a prefix of 96 bits, bits 64 to 71 must be zero too.
    let kept = network.to_bits() & networks & !(0xff << 56);
    Some(bytes.fold(kept, |embedded, (shift, byte)| embedded | u128::from(byte) << shift))
}

/// The IPv4 address that stands behind a prefix of this length.
pub(super) fn extract(length: u8, address: u128) -> Option<u32> {
    let bytes = places(length)?.map(|shift| (address >> shift) as u8);
    Some(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').unwrap();
        Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
    }

    fn v6(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    /// RFC 6296, section 3.2 and appendix B.
    #[test]
    fn the_rfc_6296_example() {
        let (inside, outside) = (prefix("fd01:203:405::/48"), prefix("2001:db8:1::/48"));
        let translated = exchange_prefix(v6("fd01:203:405:1::1234"), &inside, &outside);
        assert_eq!(translated, Some(v6("2001:db8:1:d550::1234")));
        let back = exchange_prefix(v6("2001:db8:1:d550::1234"), &outside, &inside);
        assert_eq!(back, Some(v6("fd01:203:405:1::1234")));
    }

    #[test]
    fn what_nptv6_cannot_translate() {
        let (inside, outside) = (prefix("fd01:203:405::/48"), prefix("2001:db8:1::/48"));
        assert_eq!(exchange_prefix(v6("fd01:203:405:ffff::1"), &inside, &outside), None);
        assert_eq!(exchange_prefix(v6("fd01:203:406::1"), &inside, &outside), None);
        let (inside, outside) = (prefix("fd00:0:0:1::/64"), prefix("2001:db8:0:2::/64"));
        assert_eq!(exchange_prefix(v6("fd00:0:0:1::"), &inside, &outside), None);
        assert_eq!(exchange_prefix(v6("fd00:0:0:1:ffff:ffff:ffff:ffff"), &inside, &outside), None);
        assert!(exchange_prefix(v6("fd00:0:0:1:ffff::1"), &inside, &outside).is_some());
    }

    /// RFC 6052, section 2.4.
    #[test]
    fn the_rfc_6052_examples() {
        for (network, embedded) in [
            ("2001:db8::/32", "2001:db8:c000:221::"),
            ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
        ] {
            let network = prefix(network);
            assert_eq!(embed(&network, 0xc000_0221), Some(v6(embedded).to_bits()));
            assert_eq!(extract(network.length, v6(embedded).to_bits()), Some(0xc000_0221));
        }
        assert_eq!(embed(&prefix("2001:db8::/33"), 1), None);
        assert_eq!(extract(0, 1), None);
    }

    #[test]
    fn ranges_that_are_prefixes() {
        let range = |first: &str, last: &str| AddressRange {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
        };
        assert_eq!(prefix_of(&range("10.0.0.0", "10.0.0.255")), Some(prefix("10.0.0.0/24")));
        assert_eq!(prefix_of(&range("10.0.0.1", "10.0.0.1")), Some(prefix("10.0.0.1/32")));
        assert_eq!(prefix_of(&range("0.0.0.0", "255.255.255.255")), Some(prefix("0.0.0.0/0")));
        assert_eq!(prefix_of(&range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), Some(prefix("::/0")));
        assert_eq!(prefix_of(&range("10.0.0.1", "10.0.0.2")), None);
        assert_eq!(prefix_of(&range("10.0.0.128", "10.0.1.127")), None);
    }

    proptest! {
        #[test]
        fn nptv6_keeps_the_checksum_and_turns_back(
            address in any::<u128>(), inside in any::<u128>(), outside in any::<u128>(), length in 1u8..=64,
        ) {
            let hosts = u128::MAX >> length;
            let first = |bits: u128| IpAddr::from((bits & !hosts).to_be_bytes());
            let network = |bits: u128| Prefix { address: first(bits), length };
            let (inside, outside) = (network(inside), network(outside));
            let IpAddr::V6(first) = inside.address else { unreachable!() };
            let address = Ipv6Addr::from_bits(first.to_bits() | address & hosts);
            if let Some(translated) = exchange_prefix(address, &inside, &outside) {
                prop_assert!(outside.contains(IpAddr::V6(translated)));
                // In ones' complement, 0 and 0xffff are the same number.
                prop_assert_eq!(sum(translated.segments()) % 0xffff, sum(address.segments()) % 0xffff);
                prop_assert_eq!(exchange_prefix(translated, &outside, &inside), Some(address));
            }
        }

        #[test]
        fn what_is_embedded_comes_out(address in any::<u32>(), network in any::<u128>(), which in 0usize..6) {
            let length = [32, 40, 48, 56, 64, 96][which];
            let prefix = Prefix { address: IpAddr::from(network.to_be_bytes()), length };
            let embedded = embed(&prefix, address).unwrap();
            prop_assert_eq!(extract(length, embedded), Some(address));
            prop_assert_eq!(embedded >> 56 & 0xff, 0);
        }
    }
}
