//! Frames as a bystander reads them. This is not the engine's parser on purpose: what checks the engine must
//! not err with it.

pub mod build;
mod describe;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetFrame, EthernetProtocol, Icmpv4Packet, Icmpv6Packet, IpAddress,
    Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
};

use crate::{random::digest, switch::Mac};

/// A frame taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its length, link header included.
    pub length: usize,
    /// Who sent it on this link.
    pub source: Mac,
    /// Who is to take it on this link.
    pub destination: Mac,
    /// The VLAN of its tag (IEEE 802.1Q), where it has one.
    pub tag: Option<u16>,
    /// What it carries.
    pub content: Content,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// ARP (RFC 826): whether it is a request, who asks and who is asked for.
    Arp {
        /// A request; otherwise an answer.
        is_request: bool,
        /// The sender's address.
        sender: Ipv4Addr,
        /// The sender's Ethernet address.
        sender_mac: Mac,
        /// The address that is asked for, or told.
        target: Ipv4Addr,
    },
    /// An IPv4 or IPv6 packet.
    Ip(Packet),
    /// Something else: the type field.
    Other(u16),
    /// A frame that ends too early or whose lengths contradict each other.
    Broken,
}

/// An IP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Its sender.
    pub source: IpAddr,
    /// Its receiver.
    pub destination: IpAddr,
    /// The protocol's number.
    pub protocol: u8,
    /// How many hops it may still take.
    pub hop_limit: u8,
    /// Whether all checksums are right.
    pub is_sound: bool,
    /// Which part of a packet it is, where it is not a whole one.
    pub piece: Option<Piece>,
    /// The transport header.
    pub body: Body,
    /// How long the payload behind the transport header is.
    pub payload_length: usize,
    /// A number that depends on all bytes of the payload. Those of a packet's parts add up to one that
    /// depends on the whole, without the UDP header.
    pub payload: u64,
}

/// A part of an IPv4 packet (RFC 791).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The packet's identification.
    pub identification: u16,
    /// Where it begins in the packet's payload, in bytes.
    pub offset: usize,
    /// Its length in bytes.
    pub length: usize,
    /// Whether others come behind it.
    pub has_more: bool,
}

/// A transport header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// RFC 9293.
    Tcp(Tcp),
    /// RFC 768: source and destination port.
    Udp(u16, u16),
    /// RFC 792 and RFC 4443.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// The identifier of an echo; otherwise the same two bytes.
        identifier: u16,
        /// The number of an echo; otherwise the same two bytes.
        number: u16,
    },
    /// A neighbor solicitation or advertisement (RFC 4861).
    Neighbor {
        /// A solicitation; otherwise an advertisement.
        is_question: bool,
        /// The address that is asked for, or told.
        target: Ipv6Addr,
    },
    /// Any other protocol, or a later part of a packet.
    Other,
}

/// A TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// The source port.
    pub source: u16,
    /// The destination port.
    pub destination: u16,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number.
    pub acknowledgement: u32,
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// The window as it stands in the header.
    pub window: u16,
    /// The largest segment that the sender takes, where it says so.
    pub segment_size: Option<u16>,
    /// A number that depends on the other options.
    pub options: u64,
}

/// The type of frames with a VLAN tag.
const TAGGED: u16 = 0x8100;
/// The length of a tag.
const TAG: usize = 4;

/// IP protocols by their numbers.
mod protocol {
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ICMPV6: u8 = 58;
}

/// Where the flags stand in a TCP header.
const FLAGS: usize = 13;

/// TCP flags by their bits.
pub mod flag {
    /// No more data.
    pub const FIN: u8 = 1;
    /// Begins a connection.
    pub const SYN: u8 = 2;
    /// Ends it at once.
    pub const RST: u8 = 4;
    /// Data to be handed over.
    pub const PSH: u8 = 8;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 16;
}

impl Tcp {
    /// Whether all of these flags are set.
    pub const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

impl Packet {
    /// Source and destination port; of an echo its identifier in both places; otherwise 0.
    pub const fn ports(&self) -> (u16, u16) {
        match self.body {
            Body::Tcp(tcp) => (tcp.source, tcp.destination),
            Body::Udp(source, destination) => (source, destination),
            Body::Icmp { kind, identifier, .. } if is_echo(kind) => (identifier, identifier),
            Body::Icmp { .. } | Body::Neighbor { .. } | Body::Other => (0, 0),
        }
    }

    /// Whether it is a TCP segment with all of these flags.
    pub const fn has(&self, flags: u8) -> bool {
        matches!(self.body, Body::Tcp(tcp) if tcp.has(flags))
    }
}

/// Whether an ICMP type of either family is an echo request or reply.
pub const fn is_echo(kind: u8) -> bool {
    matches!(kind, 0 | 8 | 128 | 129)
}

/// The flags of a TCP segment in a frame without a tag: for those who look at few frames.
pub fn tcp_flags(bytes: &[u8]) -> Option<u8> {
    let frame = EthernetFrame::new_checked(bytes).ok()?;
    let (protocol, segment) = match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            (packet.next_header(), packet.payload())
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
            (packet.next_header(), packet.payload())
        }
        EthernetProtocol::Arp | EthernetProtocol::Unknown(_) => return None,
    };
    segment.get(FLAGS).copied().filter(|_| u8::from(protocol) == protocol::TCP)
}

impl View {
    /// Reads a frame.
    pub fn of(bytes: &[u8]) -> Self {
        let mut view = Self {
            length: bytes.len(),
            source: [0; 6],
            destination: [0; 6],
            tag: None,
            content: Content::Broken,
        };
        let Ok(frame) = EthernetFrame::new_checked(bytes) else { return view };
        view.source = frame.src_addr().0;
        view.destination = frame.dst_addr().0;
        let (mut ethertype, mut payload) = (frame.ethertype(), frame.payload());
        if ethertype == EthernetProtocol::Unknown(TAGGED) {
            let Some(([high, low, first, second], rest)) = payload.split_first_chunk() else { return view };
            view.tag = Some(u16::from_be_bytes([*high, *low]) & 0x0fff);
            (ethertype, payload) = (u16::from_be_bytes([*first, *second]).into(), rest);
        }
        view.content = match ethertype {
            EthernetProtocol::Arp => arp(payload),
            EthernetProtocol::Ipv4 => v4(payload).map_or(Content::Broken, Content::Ip),
            EthernetProtocol::Ipv6 => v6(payload).map_or(Content::Broken, Content::Ip),
            EthernetProtocol::Unknown(number) => Content::Other(number),
        };
        view
    }

    /// The length of the frame without its tag.
    pub const fn untagged_length(&self) -> usize {
        if self.tag.is_some() { self.length.saturating_sub(TAG) } else { self.length }
    }

    /// The IP packet, if it carries one.
    pub const fn packet(&self) -> Option<&Packet> {
        match &self.content {
            Content::Ip(packet) => Some(packet),
            Content::Arp { .. } | Content::Other(_) | Content::Broken => None,
        }
    }
}

fn arp(bytes: &[u8]) -> Content {
    let repr = ArpPacket::new_checked(bytes).and_then(|packet| ArpRepr::parse(&packet));
    match repr {
        Ok(ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        }) => Content::Arp {
            is_request: operation == ArpOperation::Request,
            sender: source_protocol_addr,
            sender_mac: source_hardware_addr.0,
            target: target_protocol_addr,
        },
        Ok(_) | Err(_) => Content::Broken,
    }
}

fn v4(bytes: &[u8]) -> Option<Packet> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    let is_piece = packet.more_frags() || packet.frag_offset() > 0;
    let piece = is_piece.then(|| Piece {
        identification: packet.ident(),
        offset: packet.frag_offset().into(),
        length: packet.payload().len(),
        has_more: packet.more_frags(),
    });
    let (source, destination) = (packet.src_addr(), packet.dst_addr());
    let mut read = Packet {
        source: source.into(),
        destination: destination.into(),
        protocol: packet.next_header().into(),
        hop_limit: packet.hop_limit(),
        is_sound: packet.verify_checksum(),
        piece,
        body: Body::Other,
        payload_length: packet.payload().len(),
        payload: 0,
    };
    match u8::from(packet.next_header()) {
        number if is_piece => part(&mut read, number, packet.payload()),
        protocol::ICMP => {
            let icmp = Icmpv4Packet::new_checked(packet.payload()).ok()?;
            read.body = Body::Icmp {
                kind: icmp.msg_type().into(),
                code: icmp.msg_code(),
                identifier: icmp.echo_ident(),
                number: icmp.echo_seq_no(),
            };
            read.is_sound &= icmp.verify_checksum();
            read.payload_length = icmp.data().len();
            read.payload = digest(icmp.data());
        }
        number => transport(&mut read, number, packet.payload(), source.into(), destination.into())?,
    }
    Some(read)
}

fn v6(bytes: &[u8]) -> Option<Packet> {
    let packet = Ipv6Packet::new_checked(bytes).ok()?;
    let (source, destination) = (packet.src_addr(), packet.dst_addr());
    let mut read = Packet {
        source: source.into(),
        destination: destination.into(),
        protocol: packet.next_header().into(),
        hop_limit: packet.hop_limit(),
        is_sound: true,
        piece: None,
        body: Body::Other,
        payload_length: packet.payload().len(),
        payload: 0,
    };
    match u8::from(packet.next_header()) {
        protocol::ICMPV6 => {
            let bytes = packet.payload();
            let head: [u8; 8] = bytes.first_chunk().copied()?;
            let icmp = Icmpv6Packet::new_unchecked(bytes);
            read.body = match (head[0], bytes.get(8..24)) {
                (kind @ (135 | 136), Some(target)) => {
                    let target: [u8; 16] = target.try_into().ok()?;
                    Body::Neighbor { is_question: kind == 135, target: target.into() }
                }
                _ => Body::Icmp {
                    kind: head[0],
                    code: head[1],
                    identifier: u16::from_be_bytes([head[4], head[5]]),
                    number: u16::from_be_bytes([head[6], head[7]]),
                },
            };
            read.is_sound &= icmp.verify_checksum(&source, &destination);
            read.payload_length = bytes.len() - head.len();
            read.payload = digest(bytes.get(head.len()..).unwrap_or_default());
        }
        number => transport(&mut read, number, packet.payload(), source.into(), destination.into())?,
    }
    Some(read)
}

/// A part of a packet: the first one has the ports.
fn part(read: &mut Packet, protocol: u8, bytes: &[u8]) {
    let offset = read.piece.map_or(0, |piece| piece.offset);
    let mut content = (offset, bytes);
    if let (0, protocol::UDP, Some((head, rest))) = (offset, protocol, bytes.split_first_chunk::<8>()) {
        let [a, b, c, d, ..] = *head;
        read.body = Body::Udp(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        content = (head.len(), rest);
    }
    let (from, bytes) = content;
    read.payload = (from as u64..).zip(bytes).map(|(at, byte)| weight(at, *byte)).fold(0, u64::wrapping_add);
}

/// What a byte at a place adds to the number of a packet in parts: the mixing function of SplitMix64.
const fn weight(at: u64, byte: u8) -> u64 {
    let mut mixed = (at << 8 | byte as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

/// The segment size among a segment's options, and a number that depends on the others.
fn options(bytes: &[u8]) -> (Option<u16>, u64) {
    let mut at = 0;
    while let Some([kind, length, rest @ ..]) = bytes.get(at..) {
        match (kind, length, rest) {
            (0, ..) => break,
            (1, ..) => at += 1,
            (2, 4, [high, low, ..]) => {
                let mut others = bytes.to_vec();
                others.drain(at..at + 4);
                return (Some(u16::from_be_bytes([*high, *low])), digest(&others));
            }
            (_, length, _) => at += usize::from(*length).max(2),
        }
    }
    (None, digest(bytes))
}

/// TCP or UDP; other protocols are only compared as a whole.
fn transport(
    read: &mut Packet,
    protocol: u8,
    bytes: &[u8],
    source: IpAddress,
    destination: IpAddress,
) -> Option<()> {
    match protocol {
        protocol::TCP => {
            let tcp = TcpPacket::new_checked(bytes).ok()?;
            let (segment_size, options) = options(tcp.options());
            read.body = Body::Tcp(Tcp {
                source: tcp.src_port(),
                destination: tcp.dst_port(),
                sequence: tcp.seq_number().0 as u32,
                acknowledgement: tcp.ack_number().0 as u32,
                flags: bytes.get(FLAGS).copied().unwrap_or_default(),
                window: tcp.window_len(),
                segment_size,
                options,
            });
            read.is_sound &= tcp.verify_checksum(&source, &destination);
            read.payload_length = tcp.payload().len();
            read.payload = digest(tcp.payload());
        }
        protocol::UDP => {
            let udp = UdpPacket::new_checked(bytes).ok()?;
            read.body = Body::Udp(udp.src_port(), udp.dst_port());
            read.is_sound &= udp.verify_checksum(&source, &destination);
            read.payload_length = udp.payload().len();
            read.payload = digest(udp.payload());
        }
        _ => read.payload = digest(bytes),
    }
    Some(())
}
