//! ICMP echoes that the firewall sends itself, and the answers to them (RFC 792, RFC 4443).

use alloc::vec::Vec;

use crate::{
    be16,
    build::{HOP_LIMIT, ip_packet, read},
    packet::{Addresses, protocol},
    verify,
};

const CHECKSUM: usize = 2;
const SEQUENCE: usize = 6;

/// An echo request or reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// From whom to whom.
    pub addresses: Addresses,
    /// Whether it is a reply.
    pub is_reply: bool,
    /// Which asker it belongs to.
    pub identifier: u16,
    /// Which question of his.
    pub sequence: u16,
}

impl Echo {
    /// Reads a packet from its IP header on. `None` where it is no echo, is cut or a fragment, or a checksum
    /// is wrong.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let packet = read(bytes).filter(|packet| !packet.is_cut() && packet.fragment.is_none())?;
        let is_icmp = matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6);
        if !is_icmp || !packet.icmp.is_echo || packet.icmp.code != 0 || verify(&packet, bytes).is_err() {
            return None;
        }
        Some(Self {
            addresses: packet.addresses,
            is_reply: matches!(packet.icmp.kind, 0 | 129),
            identifier: packet.icmp.identifier,
            sequence: be16(packet.transport_of(bytes), SEQUENCE)?,
        })
    }

    /// The packet from its IP header on, with this content.
    pub fn packet(&self, content: &[u8]) -> Vec<u8> {
        let (protocol, kind) = match (self.addresses, self.is_reply) {
            (Addresses::V4 { .. }, false) => (protocol::ICMP, 8),
            (Addresses::V4 { .. }, true) => (protocol::ICMP, 0),
            (Addresses::V6 { .. }, false) => (protocol::ICMPV6, 128),
            (Addresses::V6 { .. }, true) => (protocol::ICMPV6, 129),
        };
        let mut message = Vec::with_capacity(8 + content.len());
        message.extend([kind, 0, 0, 0]);
        message.extend(self.identifier.to_be_bytes());
        message.extend(self.sequence.to_be_bytes());
        message.extend(content);
        ip_packet(self.addresses, protocol, HOP_LIMIT, 0, &mut message, CHECKSUM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answer_echo, echo_reply, fragment,
        testing::{V4, V6, udp_over},
    };
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_answered_and_the_answer_read() {
        for addresses in [V4, V6] {
            let request = Echo { addresses, is_reply: false, identifier: 0x1234, sequence: 0xfffe };
            let packet = request.packet(b"are you there?");
            assert_eq!(Echo::read(&packet), Some(request));
            let reply = Echo { addresses: addresses.reversed(), is_reply: true, ..request };
            let answer = echo_reply(&packet).unwrap();
            assert_eq!(Echo::read(&answer), Some(reply));
            assert_eq!(answer, reply.packet(b"are you there?"));
            let mut wrong = answer;
            *wrong.last_mut().unwrap() ^= 1;
            assert_eq!(Echo::read(&wrong), None, "checksum");
        }
        assert_eq!(Echo::read(&udp_over(V4, protocol::UDP, b"text")), None);
    }

    #[test]
    fn a_request_that_came_in_fragments_is_answered_in_fragments() {
        let content: Vec<u8> = (0..4000u32).map(|place| place as u8).collect();
        for addresses in [V4, V6] {
            let request = Echo { addresses, is_reply: false, identifier: 9, sequence: 1 };
            let packet = request.packet(&content);
            let read = super::read(&packet).unwrap();
            let answer = answer_echo(addresses, read.protocol, read.transport_of(&packet)).unwrap();
            let reply = Echo { addresses: addresses.reversed(), is_reply: true, ..request };
            assert_eq!(answer, reply.packet(&content));
            let read = super::read(&answer).unwrap();
            let pieces = fragment(&answer, &read, 1500, 0x0102).unwrap();
            assert_eq!(pieces.len(), 3);
            for piece in pieces {
                let fragment = super::read(&piece).unwrap().fragment.unwrap();
                assert_eq!(fragment.identification, 0x0102);
            }
            let message = read.transport_of(&answer);
            assert_eq!(answer_echo(addresses, read.protocol, message), None, "no request");
        }
        let mut longest = vec![0; 65_516];
        longest[0] = 8;
        assert_eq!(answer_echo(V4, protocol::ICMP, &longest), None);
        longest.pop();
        assert!(answer_echo(V4, protocol::ICMP, &longest).is_some());
        assert_eq!(answer_echo(V4, protocol::ICMP, &[]), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Echo::read(&bytes);
        }
    }
}
