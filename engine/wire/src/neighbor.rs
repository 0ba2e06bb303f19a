//! Neighbor solicitations and advertisements of IPv6 over Ethernet (RFC 4861).

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use bifrons_model::MacAddress;

use crate::{ETHERTYPE_IPV6, be16, internet_checksum, packet::protocol};

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// What no router lets through: the message comes from the link itself (RFC 4861, section 7.1).
const HOP_LIMIT: u8 = 255;
const IP_HEADER: usize = 40;
/// Type, code, checksum, flags, target.
const MESSAGE: usize = 24;
/// Type, length in units of eight bytes, Ethernet address.
const OPTION: usize = 8;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;

const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// The address of all nodes on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The group in which those listen that may have the address (RFC 4291, section 2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | address.to_bits() & 0xff_ffff)
}

/// The link-local address made of an Ethernet address (RFC 2464, section 5).
pub const fn link_local(mac: MacAddress) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    Ipv6Addr::from_bits(0xfe80 << 112 | u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]) as u128)
}

/// A neighbor solicitation or advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborMessage {
    /// The source address; unspecified where the sender looks for duplicates of its own.
    pub source: Ipv6Addr,
    /// The destination address.
    pub destination: Ipv6Addr,
    /// Whom it is about.
    pub target: Ipv6Addr,
    /// The Ethernet address that it tells: of a solicitation's sender, of an advertisement's target.
    pub mac: Option<MacAddress>,
    /// What it does.
    pub kind: NeighborMessageKind,
}

/// What a message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborMessageKind {
    /// It asks for the target's Ethernet address.
    Solicitation,
    /// It tells it.
    Advertisement {
        /// The sender routes.
        is_router: bool,
        /// It answers a solicitation.
        is_solicited: bool,
        /// It takes the place of what is known.
        is_override: bool,
    },
}

impl NeighborMessage {
    /// Reads a message from an IPv6 packet on. `None` where it is none, or is one that RFC 4861 has
    /// receivers discard (sections 7.1.1 and 7.1.2).
    pub fn read(packet: &[u8]) -> Option<Self> {
        let (header, rest) = packet.split_first_chunk::<IP_HEADER>()?;
        let is_from_link = header[0] >> 4 == 6 && header[6] == protocol::ICMPV6 && header[7] == HOP_LIMIT;
        let message = rest.get(..usize::from(be16(header, 4)?))?;
        if !is_from_link || message.len() < MESSAGE || checksum(header, message)? != 0 {
            return None;
        }
        let address = |from: usize| Some(Ipv6Addr::from(*header.get(from..)?.first_chunk::<16>()?));
        let (source, destination) = (address(8)?, address(24)?);
        let target = Ipv6Addr::from(*message.get(8..)?.first_chunk::<16>()?);
        let kind = kind(message)?;
        let wanted = match kind {
            NeighborMessageKind::Solicitation => SOURCE_LINK_ADDRESS,
            NeighborMessageKind::Advertisement { .. } => TARGET_LINK_ADDRESS,
        };
        let mac = link_address(message.get(MESSAGE..)?, wanted)?;
        let is_valid = match kind {
            NeighborMessageKind::Solicitation => {
                !source.is_unspecified() || destination == solicited_node(target) && mac.is_none()
            }
            NeighborMessageKind::Advertisement { is_solicited, .. } => {
                !(source.is_unspecified() || is_solicited && destination.is_multicast())
            }
        };
        let is_sound = is_valid
            && !target.is_multicast()
            && !source.is_multicast()
            && !mac.is_some_and(MacAddress::is_multicast);
        is_sound.then_some(Self { source, destination, target, mac, kind })
    }

    /// The Ethernet frame between these two.
    pub fn frame(&self, from: MacAddress, to: MacAddress) -> Vec<u8> {
        let mut message = Vec::with_capacity(MESSAGE + OPTION);
        let (kind, flags, option) = match self.kind {
            NeighborMessageKind::Solicitation => (SOLICITATION, 0, SOURCE_LINK_ADDRESS),
            NeighborMessageKind::Advertisement { is_router, is_solicited, is_override } => {
                let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
                let flags = flag(is_router, ROUTER) | flag(is_solicited, SOLICITED);
                (ADVERTISEMENT, flags | flag(is_override, OVERRIDE), TARGET_LINK_ADDRESS)
            }
        };
        message.extend([kind, 0, 0, 0, flags, 0, 0, 0]);
        message.extend(self.target.octets());
        if let Some(mac) = self.mac {
            message.extend([option, 1]);
            message.extend(mac.0);
        }
        let mut header = [0; IP_HEADER];
        header[0] = 0x60;
        header[4..6].copy_from_slice(&(message.len() as u16).to_be_bytes());
        header[6] = protocol::ICMPV6;
        header[7] = HOP_LIMIT;
        header[8..24].copy_from_slice(&self.source.octets());
        header[24..].copy_from_slice(&self.destination.octets());
        let sum = checksum(&header, &message).unwrap_or(0);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut frame = Vec::with_capacity(14 + IP_HEADER + message.len());
        frame.extend(to.0);
        frame.extend(from.0);
        frame.extend(ETHERTYPE_IPV6.to_be_bytes());
        frame.extend(header);
        frame.extend(message);
        frame
    }
}

fn kind(message: &[u8]) -> Option<NeighborMessageKind> {
    match message {
        [SOLICITATION, 0, ..] => Some(NeighborMessageKind::Solicitation),
        [ADVERTISEMENT, 0, _, _, flags, ..] => Some(NeighborMessageKind::Advertisement {
            is_router: flags & ROUTER != 0,
            is_solicited: flags & SOLICITED != 0,
            is_override: flags & OVERRIDE != 0,
        }),
        _ => None,
    }
}

/// The Ethernet address in the first option of this type. The outer `None` is for options of length 0 or
/// beyond the end.
fn link_address(mut options: &[u8], wanted: u8) -> Option<Option<MacAddress>> {
    let mut found = None;
    while let [kind, units, ..] = options {
        let (option, rest) = options.split_at_checked(usize::from(*units) * 8).filter(|_| *units > 0)?;
        if *kind == wanted && found.is_none() && option.len() == OPTION {
            found = option.last_chunk::<6>().map(|mac| MacAddress(*mac));
        }
        options = rest;
    }
    options.is_empty().then_some(found)
}

/// The checksum over the pseudo-header and the message (RFC 4443, section 2.3); 0 where the message holds
/// the right one.
fn checksum(header: &[u8; IP_HEADER], message: &[u8]) -> Option<u16> {
    let length = (message.len() as u32).to_be_bytes();
    Some(internet_checksum(&[header.get(8..)?, &length, &[0, 0, 0, protocol::ICMPV6], message]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const A: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xa]);
    const B: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xb]);

    fn ip(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn solicitation() -> NeighborMessage {
        NeighborMessage {
            source: ip("fe80::a"),
            destination: solicited_node(ip("2001:db8::1:2345")),
            target: ip("2001:db8::1:2345"),
            mac: Some(A),
            kind: NeighborMessageKind::Solicitation,
        }
    }

    fn advertisement() -> NeighborMessage {
        NeighborMessage {
            source: ip("fe80::b"),
            destination: ip("fe80::a"),
            target: ip("2001:db8::1:2345"),
            mac: Some(B),
            kind: NeighborMessageKind::Advertisement {
                is_router: true,
                is_solicited: true,
                is_override: true,
            },
        }
    }

    /// Reads the message after `change`, with a checksum that is right.
    fn changed(message: NeighborMessage, change: impl FnOnce(&mut Vec<u8>)) -> Option<NeighborMessage> {
        let mut packet = message.frame(A, B).split_off(14);
        change(&mut packet);
        let length = packet.len() - IP_HEADER;
        packet[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        packet[42..44].fill(0);
        let (header, body) = packet.split_first_chunk::<IP_HEADER>().unwrap();
        let sum = checksum(header, body).unwrap();
        packet[42..44].copy_from_slice(&sum.to_be_bytes());
        NeighborMessage::read(&packet)
    }

    #[test]
    fn groups_and_link_local_addresses() {
        assert_eq!(solicited_node(ip("2001:db8::1:2345")), ip("ff02::1:ff01:2345"));
        assert_eq!(link_local(MacAddress([0, 0x1b, 0x21, 1, 2, 3])), ip("fe80::21b:21ff:fe01:203"));
    }

    #[test]
    fn what_is_built_is_read() {
        for message in [
            solicitation(),
            advertisement(),
            NeighborMessage { mac: None, ..advertisement() },
            NeighborMessage { mac: None, source: Ipv6Addr::UNSPECIFIED, ..solicitation() },
        ] {
            assert_eq!(NeighborMessage::read(&message.frame(A, B)[14..]), Some(message));
            assert_eq!(changed(message, |_| ()), Some(message));
        }
    }

    #[test]
    fn messages_that_receivers_discard() {
        let (ask, tell) = (solicitation(), advertisement());
        let unspecified = Ipv6Addr::UNSPECIFIED;
        assert_eq!(changed(ask, |packet| packet[7] = 254), None, "it has crossed a router");
        assert_eq!(changed(ask, |packet| packet[41] = 1), None, "code");
        assert_eq!(changed(ask, |packet| packet.truncate(60)), None, "too short");
        assert_eq!(changed(ask, |packet| packet[65] = 0), None, "an option of no length");
        assert_eq!(changed(ask, |packet| packet[65] = 2), None, "an option beyond the end");
        assert_eq!(changed(ask, |packet| packet.push(1)), None, "half an option");
        assert_eq!(changed(ask, |packet| packet[66] |= 1), None, "a group's Ethernet address");
        assert_eq!(changed(ask, |packet| packet[48] = 0xff), None, "a group as target");
        let target_less = NeighborMessage { source: unspecified, ..ask };
        assert_eq!(changed(target_less, |_| ()), None, "a duplicate search tells no address");
        let astray = NeighborMessage { mac: None, destination: ALL_NODES, ..target_less };
        assert_eq!(changed(astray, |_| ()), None, "a duplicate search goes to the target's group");
        let to_all = NeighborMessage { destination: ALL_NODES, ..tell };
        assert_eq!(changed(to_all, |_| ()), None, "an answer has one receiver");
        assert_eq!(changed(NeighborMessage { source: unspecified, ..tell }, |_| ()), None);
        let mut wrong = ask.frame(A, B).split_off(14);
        wrong[50] ^= 1;
        assert_eq!(NeighborMessage::read(&wrong), None, "checksum");
    }

    #[test]
    fn other_options_are_passed_over() {
        let nonce = |packet: &mut Vec<u8>| {
            packet.splice(64..64, [14, 1, 1, 2, 3, 4, 5, 6]);
        };
        assert_eq!(changed(solicitation(), nonce), Some(solicitation()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..96),
            at in 0_usize..72,
            value: u8,
        ) {
            let _ = NeighborMessage::read(&bytes);
            let mut near = solicitation().frame(A, B).split_off(14);
            near[at] = value;
            let _ = NeighborMessage::read(&near);
            let mut cut = vec![0x60; at];
            cut.extend(near);
            let _ = NeighborMessage::read(&cut);
        }
    }
}
