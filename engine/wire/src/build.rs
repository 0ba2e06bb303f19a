//! Packets that the firewall sends itself, each beginning with its IP header: resets, ICMP errors, echo
//! replies.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::{
    FrameInfo, LinkType, Reading, internet_checksum,
    packet::{Addresses, Packet, TcpFlags, protocol},
    parse,
};

/// The hops that a packet of our own may take.
pub const HOP_LIMIT: u8 = 64;

/// An IPv4 ICMP error is at most this long (RFC 1812, section 4.3.2.3).
const ICMP_ERROR_LONGEST: usize = 576;
/// An ICMPv6 error is at most this long: the least MTU (RFC 4443, section 2.4 c).
const ICMPV6_ERROR_LONGEST: usize = 1280;

pub(crate) const IPV4_HEADER: usize = 20;
pub(crate) const IPV6_HEADER: usize = 40;

/// A TCP reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// From the end it seems to come from to the one that gets it.
    pub addresses: Addresses,
    /// The port of the end it seems to come from.
    pub source_port: u16,
    /// The port of the one that gets it.
    pub destination_port: u16,
    /// The sequence number: what the receiver expects next.
    pub sequence: u32,
    /// The acknowledgement number; the flag is set with it.
    pub acknowledgement: Option<u32>,
    /// The remaining hops.
    pub hop_limit: u8,
}

/// Builds a reset (RFC 9293, section 3.10.7).
pub fn tcp_reset(reset: &Reset) -> Vec<u8> {
    tcp_control(&TcpControl {
        addresses: reset.addresses,
        source_port: reset.source_port,
        destination_port: reset.destination_port,
        sequence: reset.sequence,
        acknowledgement: reset.acknowledgement,
        flags: TcpFlags::RST,
        window: 0,
        segment_size: None,
        hop_limit: reset.hop_limit,
    })
}

/// A TCP segment without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpControl {
    /// From the end it seems to come from to the one that gets it.
    pub addresses: Addresses,
    /// The port of the end it seems to come from.
    pub source_port: u16,
    /// The port of the one that gets it.
    pub destination_port: u16,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number; the flag is set with it.
    pub acknowledgement: Option<u32>,
    /// The other flags.
    pub flags: TcpFlags,
    /// The window, not scaled.
    pub window: u16,
    /// The option of a SYN for the largest segment that its sender takes, in bytes.
    pub segment_size: Option<u16>,
    /// The remaining hops.
    pub hop_limit: u8,
}

impl TcpControl {
    /// One between the ends of `packet`, which says nothing.
    pub const fn like(packet: &Packet) -> Self {
        Self {
            addresses: packet.addresses,
            source_port: packet.source_port,
            destination_port: packet.destination_port,
            sequence: 0,
            acknowledgement: None,
            flags: TcpFlags(0),
            window: 0,
            segment_size: None,
            hop_limit: packet.hop_limit,
        }
    }

    /// One the other way, with as many hops as a packet of our own has.
    pub fn answer(packet: &Packet) -> Self {
        Self {
            addresses: packet.addresses.reversed(),
            source_port: packet.destination_port,
            destination_port: packet.source_port,
            hop_limit: HOP_LIMIT,
            ..Self::like(packet)
        }
    }
}

/// Builds a TCP segment without data (RFC 9293, section 3.1).
pub fn tcp_control(control: &TcpControl) -> Vec<u8> {
    const HEADER: u8 = 20;
    const SEGMENT_SIZE: [u8; 2] = [2, 4];
    let length = if control.segment_size.is_some() { HEADER + 4 } else { HEADER };
    let flags = match control.acknowledgement {
        Some(_) => control.flags.with(TcpFlags::ACK),
        None => control.flags,
    };
    let mut segment = Vec::with_capacity(usize::from(length));
    segment.extend(control.source_port.to_be_bytes());
    segment.extend(control.destination_port.to_be_bytes());
    segment.extend(control.sequence.to_be_bytes());
    segment.extend(control.acknowledgement.unwrap_or(0).to_be_bytes());
    segment.extend([(length / 4) << 4, flags.0]);
    segment.extend(control.window.to_be_bytes());
    segment.extend([0; 4]);
    if let Some(size) = control.segment_size {
        segment.extend(SEGMENT_SIZE);
        segment.extend(size.to_be_bytes());
    }
    ip_packet(control.addresses, protocol::TCP, control.hop_limit, 0, &mut segment, TCP_CHECKSUM)
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// The rule forbids it: ICMPv4 type 3 code 13, ICMPv6 type 1 code 1.
    Prohibited,
    /// No route leads there: type 3 code 0; type 1 code 0.
    NoRoute,
    /// The neighbor does not answer: type 3 code 1; type 1 code 3.
    HostUnreachable,
    /// Nobody listens: type 3 code 3; type 1 code 4.
    PortUnreachable,
    /// The hops were used up: type 11 code 0; type 3 code 0.
    HopLimitExceeded,
    /// The packet does not fit into the next link, whose MTU in bytes this is: type 3 code 4 (RFC 1191);
    /// type 2 code 0.
    TooBig(u32),
    /// Any other, with the four bytes behind the checksum.
    Other {
        /// The message type in the family of the packet that is reported on.
        kind: u8,
        /// Its code.
        code: u8,
        /// What follows the checksum.
        rest: u32,
    },
}

impl IcmpError {
    const fn fields(self, is_v4: bool) -> (u8, u8, u32) {
        match (self, is_v4) {
            (Self::Prohibited, true) => (3, 13, 0),
            (Self::Prohibited, false) => (1, 1, 0),
            (Self::NoRoute, true) => (3, 0, 0),
            (Self::NoRoute, false) => (1, 0, 0),
            (Self::HostUnreachable, true) => (3, 1, 0),
            (Self::HostUnreachable, false) => (1, 3, 0),
            (Self::PortUnreachable, true) => (3, 3, 0),
            (Self::PortUnreachable, false) => (1, 4, 0),
            (Self::HopLimitExceeded, true) => (11, 0, 0),
            (Self::HopLimitExceeded, false) => (3, 0, 0),
            (Self::TooBig(mtu), true) => (3, 4, if mtu > 0xffff { 0xffff } else { mtu }),
            (Self::TooBig(mtu), false) => (2, 0, mtu),
            (Self::Other { kind, code, rest }, _) => (kind, code, rest),
        }
    }
}

/// Builds an ICMP or ICMPv6 error from `from` to the source of `original`, a packet from its IP header on,
/// of which it quotes as much as fits (RFC 1812, section 4.3.2.3; RFC 4443, section 2.4 c).
///
/// `None` where no error may be sent ([`may_report_on`]), the families differ or `original` is no packet.
pub fn icmp_error(error: IcmpError, from: IpAddr, original: &[u8]) -> Option<Vec<u8>> {
    // Precedence "internetwork control" (RFC 1812, section 4.3.2.5).
    const PRECEDENCE: u8 = 0xc0;
    const ICMP_HEADER: usize = 8;
    let packet = read(original)?;
    if !may_report_on(&packet) {
        return None;
    }
    let (addresses, protocol, precedence, longest) = match (from, packet.addresses) {
        (IpAddr::V4(from), Addresses::V4 { source, .. }) => (
            Addresses::V4 { source: from.to_bits(), destination: source },
            protocol::ICMP,
            PRECEDENCE,
            ICMP_ERROR_LONGEST - IPV4_HEADER,
        ),
        (IpAddr::V6(from), Addresses::V6 { source, .. }) => (
            Addresses::V6 { source: from.to_bits(), destination: source },
            protocol::ICMPV6,
            0,
            ICMPV6_ERROR_LONGEST - IPV6_HEADER,
        ),
        (IpAddr::V4(_), Addresses::V6 { .. }) | (IpAddr::V6(_), Addresses::V4 { .. }) => return None,
    };
    let end = (u32::from(packet.payload) + packet.payload_captured) as usize;
    let original = original.get(..end).unwrap_or(original);
    let quoted = original.get(..longest - ICMP_HEADER).unwrap_or(original);
    let (kind, code, rest) = error.fields(matches!(from, IpAddr::V4(_)));
    let mut message = Vec::with_capacity(ICMP_HEADER + quoted.len());
    message.extend([kind, code, 0, 0]);
    message.extend(rest.to_be_bytes());
    message.extend(quoted);
    Some(ip_packet(addresses, protocol, HOP_LIMIT, precedence, &mut message, ICMP_CHECKSUM))
}

/// Builds the answer to an echo request, given from its IP header on; `None` where it is none, is cut or a
/// fragment, or was sent to more than one host.
pub fn echo_reply(request: &[u8]) -> Option<Vec<u8>> {
    let packet = read(request)?;
    if packet.is_cut() || packet.fragment.is_some() {
        return None;
    }
    answer_echo(packet.addresses, packet.protocol, packet.transport_of(request))
}

/// The same for the message of a request between these addresses, which may have come in fragments. `None`
/// as well where the answer is longer than a packet can be.
pub fn answer_echo(addresses: Addresses, protocol: u8, request: &[u8]) -> Option<Vec<u8>> {
    let (reply, header) = match (protocol, request.first()?) {
        (protocol::ICMP, 8) => (0, IPV4_HEADER),
        (protocol::ICMPV6, 128) => (129, 0),
        _ => return None,
    };
    if !names_one_host(addresses) || request.len() + header > usize::from(u16::MAX) {
        return None;
    }
    let mut message = request.to_vec();
    *message.first_mut()? = reply;
    message.get_mut(2..4)?.fill(0);
    Some(ip_packet(addresses.reversed(), protocol, HOP_LIMIT, 0, &mut message, ICMP_CHECKSUM))
}

/// Whether an ICMP error may be sent about a packet: never about an ICMP error or redirect, a fragment but
/// the first, or a packet whose source or destination is not one host (RFC 1122, section 3.2.2; RFC 4443,
/// section 2.4 e). A broadcast address of a subnet, and of the link, only the caller knows.
pub fn may_report_on(packet: &Packet) -> bool {
    let is_icmp_error = match packet.protocol {
        // Unknown types below 128 are errors (RFC 4443, section 2.1).
        protocol::ICMPV6 => packet.icmp.kind < 128 || packet.icmp.is_error,
        protocol::ICMP => packet.icmp.is_error,
        _ => false,
    };
    let is_icmp = matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6);
    match packet.fragment {
        // What the message is stands in the first fragment, but is not read of a fragment.
        Some(fragment) if fragment.offset != 0 || is_icmp => false,
        Some(_) | None => !is_icmp_error && names_one_host(packet.addresses),
    }
}

fn names_one_host(addresses: Addresses) -> bool {
    match (addresses.source(), addresses.destination()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            const RESERVED: u8 = 240;
            let is_one = !source.is_multicast()
                && !source.is_loopback()
                && source.octets()[0] != 0
                && source.octets()[0] < RESERVED;
            is_one && !destination.is_multicast() && !destination.is_broadcast()
        }
        (source, destination) => {
            !source.is_unspecified()
                && !source.is_multicast()
                && !source.is_loopback()
                && !destination.is_multicast()
        }
    }
}

pub(crate) fn read(packet: &[u8]) -> Option<Packet> {
    let info = FrameInfo { link: LinkType::RawIp, wire_length: packet.len() as u32 };
    parse(packet, info, Reading::Lenient).ok()
}

const TCP_CHECKSUM: usize = 16;
const ICMP_CHECKSUM: usize = 2;

/// An IP packet around a transport segment, whose checksum at `checksum` is zero before.
pub(crate) fn ip_packet(
    addresses: Addresses,
    protocol: u8,
    hop_limit: u8,
    traffic_class: u8,
    segment: &mut [u8],
    checksum: usize,
) -> Vec<u8> {
    let sum = match protocol {
        protocol::ICMP => internet_checksum(&[segment]),
        _ => internet_checksum(&[&pseudo_header(addresses, protocol, segment.len()), segment]),
    };
    if let Some(place) = segment.get_mut(checksum..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *place = sum.to_be_bytes();
    }
    let mut packet = Vec::with_capacity(IPV6_HEADER + segment.len());
    match addresses {
        Addresses::V4 { source, destination } => {
            let header = Ipv4Header {
                traffic_class,
                length: IPV4_HEADER + segment.len(),
                // A packet that is not to be fragmented needs no identification (RFC 6864, section 4).
                identification: 0,
                fragment: DONT_FRAGMENT,
                hop_limit,
                protocol,
                source,
                destination,
            };
            packet.extend(header.bytes());
        }
        Addresses::V6 { source, destination } => {
            packet.extend(ipv6_header(
                traffic_class,
                segment.len(),
                protocol,
                hop_limit,
                source,
                destination,
            ));
        }
    }
    packet.extend(&*segment);
    packet
}

/// The fields of an IPv4 header without options.
pub(crate) struct Ipv4Header {
    pub traffic_class: u8,
    /// Of header and data.
    pub length: usize,
    pub identification: u16,
    /// Flags and offset.
    pub fragment: u16,
    pub hop_limit: u8,
    pub protocol: u8,
    pub source: u32,
    pub destination: u32,
}

pub(crate) const DONT_FRAGMENT: u16 = 0x4000;
pub(crate) const MORE_FRAGMENTS: u16 = 0x2000;

impl Ipv4Header {
    /// The header with its checksum (RFC 791, section 3.1).
    pub(crate) fn bytes(&self) -> [u8; IPV4_HEADER] {
        let mut header = [0; IPV4_HEADER];
        header[0] = 0x45;
        header[1] = self.traffic_class;
        header[2..4].copy_from_slice(&(self.length as u16).to_be_bytes());
        header[4..6].copy_from_slice(&self.identification.to_be_bytes());
        header[6..8].copy_from_slice(&self.fragment.to_be_bytes());
        header[8] = self.hop_limit;
        header[9] = self.protocol;
        header[12..16].copy_from_slice(&self.source.to_be_bytes());
        header[16..].copy_from_slice(&self.destination.to_be_bytes());
        let checksum = internet_checksum(&[&header]);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }
}

/// RFC 8200, section 3; `length` is that of what follows the header.
pub(crate) fn ipv6_header(
    traffic_class: u8,
    length: usize,
    next_header: u8,
    hop_limit: u8,
    source: u128,
    destination: u128,
) -> [u8; IPV6_HEADER] {
    let mut header = [0; IPV6_HEADER];
    header[0] = 6 << 4 | traffic_class >> 4;
    header[1] = traffic_class << 4;
    header[4..6].copy_from_slice(&(length as u16).to_be_bytes());
    header[6] = next_header;
    header[7] = hop_limit;
    header[8..24].copy_from_slice(&source.to_be_bytes());
    header[24..].copy_from_slice(&destination.to_be_bytes());
    header
}

/// What TCP, UDP and ICMPv6 sum besides the segment (RFC 9293, section 3.1; RFC 8200, section 8.1). In the
/// form of IPv6 for both families: the zeros between add nothing.
pub(crate) fn pseudo_header(addresses: Addresses, protocol: u8, length: usize) -> [u8; IPV6_HEADER] {
    let (source, destination) = match addresses {
        Addresses::V4 { source, destination } => (u128::from(source), u128::from(destination)),
        Addresses::V6 { source, destination } => (source, destination),
    };
    let mut header = [0; IPV6_HEADER];
    header[..16].copy_from_slice(&source.to_be_bytes());
    header[16..32].copy_from_slice(&destination.to_be_bytes());
    header[32..36].copy_from_slice(&(length as u32).to_be_bytes());
    header[39] = protocol;
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    use crate::testing::{V4, V6, echo_over, error_over, tcp_over, udp_over};

    const FROM_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const FROM_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9));

    #[test]
    fn resets_say_what_was_asked() {
        for addresses in [V4, V6] {
            for acknowledgement in [None, Some(0xfeed_0001)] {
                let reset = Reset {
                    addresses,
                    source_port: 443,
                    destination_port: 50_000,
                    sequence: 0xdead_beef,
                    acknowledgement,
                    hop_limit: 61,
                };
                let frame = tcp_reset(&reset);
                let packet = crate::testing::read(&frame);
                assert_eq!((packet.addresses, packet.hop_limit), (addresses, 61));
                assert_eq!((packet.source_port, packet.destination_port), (443, 50_000));
                assert_eq!(packet.tcp.sequence, 0xdead_beef);
                assert_eq!(packet.tcp.acknowledgement, acknowledgement.unwrap_or(0));
                assert_eq!(packet.tcp.flags.has(TcpFlags::ACK), acknowledgement.is_some());
                assert!(packet.tcp.flags.has(TcpFlags::RST) && packet.payload_length == 0);
            }
        }
    }

    #[test]
    fn segments_without_data_say_what_was_asked() {
        for addresses in [V4, V6] {
            let asked = crate::testing::read(&tcp_over(addresses, 0x02, &[], &[]));
            let answer = TcpControl {
                sequence: 0xdead_beef,
                acknowledgement: Some(9),
                flags: TcpFlags::SYN,
                window: 0x1234,
                segment_size: Some(1400),
                ..TcpControl::answer(&asked)
            };
            let frame = tcp_control(&answer);
            let packet = crate::testing::read(&frame);
            assert_eq!((packet.addresses, packet.hop_limit), (addresses.reversed(), HOP_LIMIT));
            let ports = (asked.destination_port, asked.source_port);
            assert_eq!((packet.source_port, packet.destination_port), ports);
            assert_eq!((packet.tcp.sequence, packet.tcp.acknowledgement), (0xdead_beef, 9));
            assert_eq!(packet.tcp.flags, TcpFlags::SYN.with(TcpFlags::ACK));
            assert_eq!((packet.tcp.window, packet.payload_length), (0x1234, 0));
            assert_eq!(packet.tcp_options_of(&frame), [2, 4, 5, 120]);
        }
    }

    #[test]
    fn errors_quote_as_much_as_fits() {
        for (addresses, from, longest, kind) in [(V4, FROM_V4, 576, 3), (V6, FROM_V6, 1280, 1)] {
            for payload in [0, 1, 100, 2000] {
                let original = udp_over(addresses, protocol::UDP, &alloc::vec![7; payload]);
                let frame = icmp_error(IcmpError::Prohibited, from, &original).unwrap();
                let packet = crate::testing::read(&frame);
                assert_eq!((packet.addresses.source(), packet.icmp.kind), (from, kind));
                assert_eq!(packet.addresses.destination(), addresses.source());
                assert!(original.starts_with(packet.payload_of(&frame)));
                let header = usize::from(packet.payload);
                assert_eq!(frame.len(), longest.min(header + original.len()));
                let embedded = packet.embedded(&frame).unwrap();
                assert_eq!((embedded.addresses, embedded.destination_port), (addresses, 53));
            }
        }
    }

    #[test]
    fn the_mtu_of_the_next_link_is_told() {
        let v4 = icmp_error(IcmpError::TooBig(1400), FROM_V4, &tcp_over(V4, 0x10, &[], b"")).unwrap();
        assert_eq!(v4[20..22], [3, 4]);
        assert_eq!(v4[24..28], [0, 0, 5, 120]);
        let v6 = icmp_error(IcmpError::TooBig(1400), FROM_V6, &tcp_over(V6, 0x10, &[], b"")).unwrap();
        assert_eq!(v6[40..42], [2, 0]);
        assert_eq!(v6[44..48], [0, 0, 5, 120]);
    }

    #[test]
    fn some_packets_are_not_reported_on() {
        let original = tcp_over(V4, 0x10, &[], b"text");
        let report = |original: &[u8]| icmp_error(IcmpError::NoRoute, FROM_V4, original);
        assert!(report(&original).is_some());
        assert!(report(&error_over(3, 1, &original)).is_none(), "an error");
        assert!(report(&echo_over(V4, 1, b"")).is_some(), "an echo");
        for (place, value) in
            [(16, 224), (16, 255), (12, 0), (12, 127), (12, 230), (12, 250), (7, 1), (0, 0x25)]
        {
            let mut other = original.clone();
            other[place] = value;
            if (place, value) == (16, 255) {
                other[16..20].fill(255);
            }
            assert!(report(&other).is_none(), "{value} at {place}");
        }
        let mut first = original.clone();
        first[6] = 0x20;
        assert!(report(&first).is_some(), "a first fragment");
        assert!(icmp_error(IcmpError::NoRoute, FROM_V6, &original).is_none(), "the other family");
        let mut redirect = echo_over(V6, 1, b"");
        redirect[40] = 137;
        assert!(icmp_error(IcmpError::NoRoute, FROM_V6, &redirect).is_none(), "a redirect");
        assert!(report(&[]).is_none());
    }

    #[test]
    fn echoes_are_answered() {
        for addresses in [V4, V6] {
            let request = echo_over(addresses, 0x1234, b"abc");
            let frame = echo_reply(&request).unwrap();
            let packet = crate::testing::read(&frame);
            assert_eq!(packet.addresses, addresses.reversed());
            assert_eq!((packet.icmp.identifier, packet.payload_of(&frame)), (0x1234, &b"abc"[..]));
            assert!(packet.icmp.is_echo);
            assert_eq!(echo_reply(&frame), None);
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 1..100), is_v4: bool) {
            bytes[0] = if is_v4 { 0x45 } else { 0x60 };
            for from in [FROM_V4, FROM_V6] {
                if let Some(frame) = icmp_error(IcmpError::HopLimitExceeded, from, &bytes) {
                    crate::testing::read(&frame);
                }
            }
            if let Some(frame) = echo_reply(&bytes) {
                crate::testing::read(&frame);
            }
        }
    }
}
