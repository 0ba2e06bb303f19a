//! Ports and addresses that a scenario leaves to the firewall, such as the port that a NAT rule takes from
//! its pool: `?a` to `?z`. A packet line that says how a packet leaves binds them; lines behind it use them.
//!
//! Until it is bound a variable stands in packets as a placeholder that no scenario uses otherwise.

use std::net::{IpAddr, Ipv4Addr};

/// How many variables there are: one for each letter.
const LETTERS: usize = 26;

/// The placeholder of port `?a`; that of `?z` is the last port but one.
const FIRST_PORT: u16 = 65_509;

/// The placeholder of address `?a` is the first behind this one, which is reserved (RFC 1112, section 4).
const BEFORE_ADDRESSES: u32 = 0xf0ff_0000;

/// What the variables stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    ports: [Option<u16>; LETTERS],
    addresses: [Option<IpAddr>; LETTERS],
}

/// A port, or the placeholder of `?a` to `?z`.
pub fn port(word: &str) -> Option<u16> {
    match letter(word) {
        Some(letter) => Some(FIRST_PORT + letter as u16),
        None => word.parse().ok(),
    }
}

/// An address, or the placeholder of `?a` to `?z`.
pub fn address(word: &str) -> Option<IpAddr> {
    match letter(word) {
        Some(letter) => Some(IpAddr::V4(Ipv4Addr::from_bits(BEFORE_ADDRESSES + letter as u32 + 1))),
        None => word.parse().ok(),
    }
}

impl Bindings {
    /// The port that a placeholder stands for; every other port, and one that is not bound, as it is.
    pub fn port(&self, port: u16) -> u16 {
        place_of_port(port).and_then(|place| self.ports[place]).unwrap_or(port)
    }

    /// The same for an address.
    pub fn address(&self, address: IpAddr) -> IpAddr {
        place_of_address(address).and_then(|place| self.addresses[place]).unwrap_or(address)
    }

    /// Binds the variable that `placeholder` stands for, if it is one and not bound yet.
    pub fn bind_port(&mut self, placeholder: u16, found: u16) {
        if let Some(place) = place_of_port(placeholder) {
            self.ports[place].get_or_insert(found);
        }
    }

    /// The same for an address.
    pub fn bind_address(&mut self, placeholder: IpAddr, found: IpAddr) {
        if let Some(place) = place_of_address(placeholder) {
            self.addresses[place].get_or_insert(found);
        }
    }
}

fn letter(word: &str) -> Option<usize> {
    match word.as_bytes() {
        [b'?', letter @ b'a'..=b'z'] => Some(usize::from(letter - b'a')),
        _ => None,
    }
}

fn place_of_port(port: u16) -> Option<usize> {
    let place = usize::from(port.checked_sub(FIRST_PORT)?);
    (place < LETTERS).then_some(place)
}

fn place_of_address(address: IpAddr) -> Option<usize> {
    let IpAddr::V4(address) = address else { return None };
    let place = address.to_bits().checked_sub(BEFORE_ADDRESSES + 1)? as usize;
    (place < LETTERS).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_for_what_was_found_first() {
        let mut bindings = Bindings::default();
        let (port_b, address_b) = (port("?b").unwrap(), address("?b").unwrap());
        assert_eq!(bindings.port(port_b), port_b);
        bindings.bind_port(port_b, 1024);
        bindings.bind_port(port_b, 1025);
        bindings.bind_port(80, 81);
        bindings.bind_address(address_b, "192.0.2.7".parse().unwrap());
        assert_eq!([bindings.port(port_b), bindings.port(80)], [1024, 80]);
        assert_eq!(bindings.address(address_b).to_string(), "192.0.2.7");
        assert_eq!((port("80"), port("?"), port("?B")), (Some(80), None, None));
        assert_ne!(port("?a"), port("?z"));
    }
}
