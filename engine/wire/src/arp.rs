//! ARP for IPv4 over Ethernet (RFC 826).

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use bifrons_model::MacAddress;

use crate::{ETHERTYPE_ARP, be16};

/// Ethernet, IPv4, and the lengths of their addresses.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// An ARP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// Whether it asks; otherwise it answers.
    pub is_request: bool,
    /// The sender's Ethernet address.
    pub sender_mac: MacAddress,
    /// The sender's address; 0.0.0.0 in a probe (RFC 5227, section 1.1).
    pub sender: Ipv4Addr,
    /// The Ethernet address of the one that an answer is for; of no meaning in a request.
    pub target_mac: MacAddress,
    /// The address that is asked for, or the one that an answer is for.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Reads a message from behind the Ethernet header. `None` where it is cut, is about other kinds of
    /// addresses, neither asks nor answers, or comes from a group's Ethernet address.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first_chunk::<6>()?;
        let operation = be16(rest, 0)?;
        let (sender_mac, rest) = rest.get(2..)?.split_first_chunk::<6>()?;
        let (sender, rest) = rest.split_first_chunk::<4>()?;
        let (target_mac, rest) = rest.split_first_chunk::<6>()?;
        let target = rest.first_chunk::<4>()?;
        let sender_mac = MacAddress(*sender_mac);
        let is_known = *kind == KIND && matches!(operation, REQUEST | REPLY);
        (is_known && !sender_mac.is_multicast()).then_some(Self {
            is_request: operation == REQUEST,
            sender_mac,
            sender: Ipv4Addr::from(*sender),
            target_mac: MacAddress(*target_mac),
            target: Ipv4Addr::from(*target),
        })
    }

    /// The Ethernet frame, without padding, from the sender to `destination`.
    pub fn frame(&self, destination: MacAddress) -> Vec<u8> {
        let mut frame = Vec::with_capacity(42);
        frame.extend(destination.0);
        frame.extend(self.sender_mac.0);
        frame.extend(ETHERTYPE_ARP.to_be_bytes());
        frame.extend(KIND);
        frame.extend(if self.is_request { REQUEST } else { REPLY }.to_be_bytes());
        frame.extend(self.sender_mac.0);
        frame.extend(self.sender.octets());
        frame.extend(self.target_mac.0);
        frame.extend(self.target.octets());
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REPLY_OF_A: Arp = Arp {
        is_request: false,
        sender_mac: MacAddress([2, 0, 0, 0, 0, 1]),
        sender: Ipv4Addr::new(10, 0, 0, 1),
        target_mac: MacAddress([2, 0, 0, 0, 0, 2]),
        target: Ipv4Addr::new(10, 0, 0, 2),
    };

    #[test]
    fn the_bytes_are_those_of_the_rfc() {
        let frame = REPLY_OF_A.frame(REPLY_OF_A.target_mac);
        let wanted = [
            &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6][..],
            &[0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2],
        ]
        .concat();
        assert_eq!(frame, wanted);
        assert_eq!(Arp::read(&frame[14..]), Some(REPLY_OF_A));
    }

    #[test]
    fn what_is_not_understood_is_not_read() {
        let frame = REPLY_OF_A.frame(MacAddress::BROADCAST);
        for length in 14..frame.len() {
            assert_eq!(Arp::read(&frame[14..length]), None, "{length} bytes");
        }
        // Hardware, protocol, both lengths, operation, a group as sender.
        for (at, value) in [(15, 6), (16, 0x86), (18, 8), (19, 16), (21, 3), (22, 3)] {
            let mut wrong = frame.clone();
            wrong[at] = value;
            assert_eq!(Arp::read(&wrong[14..]), None, "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Arp::read(&bytes);
        }
    }
}
