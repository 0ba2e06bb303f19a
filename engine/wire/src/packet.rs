//! One packet's meaning: addresses, ports, flags and where things lie in the frame.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_model::DropReason;

use crate::{
    LinkType, be16, be32, icmp,
    icmp::Embedded,
    ip::{self, IpHeader},
    link::{self, Network},
};

/// IP protocol numbers (IANA "Assigned Internet Protocol Numbers").
pub mod protocol {
    #![allow(missing_docs, reason = "the names are the registry's")]
    pub const HOP_BY_HOP: u8 = 0;
    pub const ICMP: u8 = 1;
    pub const TCP: u8 = 6;
    pub const UDP: u8 = 17;
    pub const ROUTING: u8 = 43;
    pub const FRAGMENT: u8 = 44;
    pub const ESP: u8 = 50;
    pub const AH: u8 = 51;
    pub const ICMPV6: u8 = 58;
    pub const NO_NEXT_HEADER: u8 = 59;
    pub const DESTINATION_OPTIONS: u8 = 60;
    pub const SCTP: u8 = 132;
    pub const MOBILITY: u8 = 135;
    pub const UDP_LITE: u8 = 136;
    pub const HIP: u8 = 139;
    pub const SHIM6: u8 = 140;
}

/// How forgiving `parse` is about lengths that captures get wrong innocently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// A length that contradicts the frame is an error.
    #[default]
    Strict,
    /// A zero IP length means the rest of the frame (segmentation offload), a longer one than the frame is
    /// cut.
    Lenient,
}

/// Source and destination of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addresses {
    /// IPv4, in host order.
    V4 {
        /// The sender.
        source: u32,
        /// The receiver.
        destination: u32,
    },
    /// IPv6, in host order.
    V6 {
        /// The sender.
        source: u128,
        /// The receiver.
        destination: u128,
    },
}

impl Addresses {
    /// The sender.
    pub fn source(self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(Ipv4Addr::from_bits(source)),
            Self::V6 { source, .. } => IpAddr::V6(Ipv6Addr::from_bits(source)),
        }
    }

    /// The receiver.
    pub fn destination(self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(Ipv4Addr::from_bits(destination)),
            Self::V6 { destination, .. } => IpAddr::V6(Ipv6Addr::from_bits(destination)),
        }
    }

    /// The same with the ends swapped.
    pub const fn reversed(self) -> Self {
        match self {
            Self::V4 { source, destination } => Self::V4 { source: destination, destination: source },
            Self::V6 { source, destination } => Self::V6 { source: destination, destination: source },
        }
    }
}

/// A fragment's place in its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The identification that all fragments of the packet share.
    pub identification: u32,
    /// Where its data belongs, in bytes.
    pub offset: usize,
    /// Whether another fragment follows it.
    pub more: bool,
}

/// The flags of a TCP header (RFC 9293, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement field counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);

    /// Whether any flag of `other` is set.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These flags and those of `other`.
    #[inline]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What a TCP header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    /// The sequence number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// The next byte that the sender expects.
    pub acknowledgement: u32,
    /// The window as the header has it, not scaled.
    pub window: u16,
    /// The flags.
    pub flags: TcpFlags,
    /// Length of the option area in bytes, 0 to 40.
    pub options_length: u8,
}

/// What an ICMP or ICMPv6 header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Icmp {
    /// The message type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// Whether it is an echo request or reply.
    pub is_echo: bool,
    /// The identifier of echoes and their like, else 0.
    pub identifier: u16,
    /// Whether it reports on another packet: ICMPv4 3, 4, 5, 11, 12; ICMPv6 1 to 4, 137.
    pub is_error: bool,
}

/// What is known of a frame apart from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// What it begins with.
    pub link: LinkType,
    /// Its length on the wire without frame check sequence; at least the number of bytes at hand.
    pub wire_length: u32,
}

/// A packet's meaning. Offsets count from the start of the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packet {
    /// Source and destination.
    pub addresses: Addresses,
    /// The transport protocol, behind IPv6 extension headers.
    pub protocol: u8,
    /// The remaining hops.
    pub hop_limit: u8,
    /// The source port; the identifier of an ICMP echo; 0 where there is none.
    pub source_port: u16,
    /// The destination port; the identifier of an ICMP echo; 0 where there is none.
    pub destination_port: u16,
    /// Where the IP header begins.
    pub network: u16,
    /// Where the transport header begins.
    pub transport: u16,
    /// Where the payload begins.
    pub payload: u16,
    /// The payload's length as the headers claim it.
    pub payload_length: u32,
    /// How many of these bytes are at hand; fewer when the capture cut the frame.
    pub payload_captured: u32,
    /// The frame's length on the wire; the sum of all frames for a reassembled packet.
    pub wire_length: u32,
    /// How many frames it came in: more than one for a reassembled packet.
    pub frames: u32,
    /// The TCP header; zeros for other protocols.
    pub tcp: Tcp,
    /// The ICMP header; zeros for other protocols.
    pub icmp: Icmp,
    /// Set when the packet is a fragment; ports, TCP and payload are not known then.
    pub fragment: Option<Fragment>,
}

impl Tcp {
    const EMPTY: Self =
        Self { sequence: 0, acknowledgement: 0, window: 0, flags: TcpFlags(0), options_length: 0 };
}

impl Icmp {
    const EMPTY: Self = Self { kind: 0, code: 0, is_echo: false, identifier: 0, is_error: false };
}

impl Packet {
    /// Nothing: what a packet is before a frame was read into it.
    pub const BLANK: Self = Self {
        addresses: Addresses::V4 { source: 0, destination: 0 },
        protocol: 0,
        hop_limit: 0,
        source_port: 0,
        destination_port: 0,
        network: 0,
        transport: 0,
        payload: 0,
        payload_length: 0,
        payload_captured: 0,
        wire_length: 0,
        frames: 0,
        tcp: Tcp::EMPTY,
        icmp: Icmp::EMPTY,
        fragment: None,
    };

    /// The payload bytes at hand, given the frame that was parsed.
    #[inline]
    pub fn payload_of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.payload);
        frame.get(start..start + self.payload_captured as usize).unwrap_or(&[])
    }

    /// The TCP option area, given the frame that was parsed.
    pub fn tcp_options_of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.transport) + TCP_HEADER;
        frame.get(start..start + usize::from(self.tcp.options_length)).unwrap_or(&[])
    }

    /// The bytes of the IP packet behind its header that are at hand: what a fragment carries.
    pub fn transport_of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        frame
            .get(usize::from(self.transport)..(u32::from(self.payload) + self.payload_captured) as usize)
            .unwrap_or(&[])
    }

    /// Whether the capture kept less than the whole packet.
    pub const fn is_cut(&self) -> bool {
        self.payload_captured < self.payload_length
    }

    /// The flow that an ICMP error reports on, given the frame that was parsed.
    pub fn embedded(&self, frame: &[u8]) -> Option<Embedded> {
        if !self.icmp.is_error {
            return None;
        }
        icmp::embedded(frame, usize::from(self.transport), self.icmp.kind, self.protocol)
    }
}

const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// Ports, sequence numbers and flags: what is still worth reading of a TCP header that the capture cut.
const TCP_HEADER_CUT: usize = 14;

/// Reads the headers of a frame.
///
/// # Errors
/// The reason for which the packet cannot be forwarded: the frame ends inside a header, is not IP, or its
/// lengths contradict each other.
#[inline]
pub fn parse(frame: &[u8], info: FrameInfo, reading: Reading) -> Result<Packet, DropReason> {
    let mut packet = Packet::BLANK;
    parse_into(frame, info, reading, &mut packet)?;
    Ok(packet)
}

/// As [`parse`], into a packet that lies where it is wanted: a batch reads each frame into its lane without
/// a copy. What is left in `packet` after an error means nothing.
///
/// # Errors
/// As `parse`.
#[inline(always)]
pub fn parse_into(
    frame: &[u8],
    info: FrameInfo,
    reading: Reading,
    packet: &mut Packet,
) -> Result<(), DropReason> {
    let wire_end = (info.wire_length as usize).max(frame.len());
    let (header, network) = match link::network(info.link, frame)? {
        Network::V4(at) => (ip::v4(frame, at, wire_end, reading)?, at),
        Network::V6(at) => (ip::v6(frame, at, wire_end, reading)?, at),
    };
    blank(&header, network, info.wire_length, packet);
    let end = (header.transport + header.transport_length).min(frame.len());
    if header.fragment.is_some() {
        packet.payload_captured = end.saturating_sub(header.transport) as u32;
        return Ok(());
    }
    transport(frame, end, header.transport_length, reading, packet)
}

/// Reads the transport header of a packet that was put together from fragments: `first` is the parsed first
/// fragment, `data` what lay behind the IP headers, `frames` and `wire_length` the number of frames and the
/// sum of their lengths.
///
/// # Errors
/// As `parse`.
pub fn parse_ip_payload(
    first: &Packet,
    data: &[u8],
    (frames, wire_length): (u32, u32),
    reading: Reading,
) -> Result<Packet, DropReason> {
    let (protocol, at) = match first.addresses {
        Addresses::V4 { .. } => (first.protocol, 0),
        Addresses::V6 { .. } => ip::behind_extensions(data, first.addresses, first.protocol)?,
    };
    let claimed = data.len() - at;
    let mut packet = Packet {
        fragment: None,
        protocol,
        transport: at as u16,
        payload: at as u16,
        payload_length: claimed as u32,
        frames,
        wire_length,
        ..*first
    };
    transport(data, data.len(), claimed, reading, &mut packet)?;
    Ok(packet)
}

#[inline(always)]
fn blank(header: &IpHeader, network: usize, wire_length: u32, packet: &mut Packet) {
    packet.addresses = header.addresses;
    packet.protocol = header.protocol;
    packet.hop_limit = header.hop_limit;
    packet.source_port = 0;
    packet.destination_port = 0;
    packet.network = network as u16;
    packet.transport = header.transport as u16;
    packet.payload = header.transport as u16;
    packet.payload_length = header.transport_length as u32;
    packet.payload_captured = 0;
    packet.wire_length = wire_length;
    packet.frames = 1;
    packet.tcp = Tcp::EMPTY;
    packet.icmp = Icmp::EMPTY;
    packet.fragment = header.fragment;
}

/// Fills in ports, flags and payload from the transport header; `end` is where the captured part of the
/// packet ends.
#[inline(always)]
fn transport(
    frame: &[u8],
    end: usize,
    claimed: usize,
    reading: Reading,
    packet: &mut Packet,
) -> Result<(), DropReason> {
    let at = usize::from(packet.transport);
    let bytes = frame.get(at..end).ok_or(DropReason::TruncatedHeader)?;
    let is_cut = bytes.len() < claimed;
    let header_length = match packet.protocol {
        protocol::TCP => tcp(bytes, claimed, is_cut, packet)?,
        protocol::UDP => {
            ports(bytes, packet)?;
            udp_length(bytes, claimed, reading, packet)?;
            UDP_HEADER
        }
        protocol::SCTP | protocol::UDP_LITE => {
            ports(bytes, packet)?;
            if packet.protocol == protocol::SCTP { 12 } else { UDP_HEADER }
        }
        protocol::ICMP | protocol::ICMPV6 => {
            packet.icmp = icmp::read(bytes, 0, packet.protocol).ok_or(DropReason::TruncatedHeader)?;
            packet.source_port = packet.icmp.identifier;
            packet.destination_port = packet.icmp.identifier;
            8.min(claimed)
        }
        _ => 0,
    };
    packet.payload = (at + header_length) as u16;
    packet.payload_length = packet.payload_length.min(claimed as u32).saturating_sub(header_length as u32);
    packet.payload_captured = packet.payload_length.min(bytes.len().saturating_sub(header_length) as u32);
    Ok(())
}

/// RFC 9293, section 3.1; returns the header's length.
#[inline(always)]
fn tcp(bytes: &[u8], claimed: usize, is_cut: bool, packet: &mut Packet) -> Result<usize, DropReason> {
    let window = match bytes.first_chunk::<TCP_HEADER>() {
        Some(header) => u16::from_be_bytes([header[14], header[15]]),
        None if is_cut && bytes.len() >= TCP_HEADER_CUT => 0,
        None if is_cut => return Err(DropReason::TruncatedHeader),
        None => return Err(DropReason::BadTcpHeader),
    };
    let header: &[u8; TCP_HEADER_CUT] = bytes.first_chunk().ok_or(DropReason::TruncatedHeader)?;
    let header_length = usize::from(header[12] >> 4) * 4;
    if header_length < TCP_HEADER || header_length > claimed {
        return Err(DropReason::BadTcpHeader);
    }
    packet.source_port = u16::from_be_bytes([header[0], header[1]]);
    packet.destination_port = u16::from_be_bytes([header[2], header[3]]);
    packet.tcp = Tcp {
        sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        acknowledgement: u32::from_be_bytes([header[8], header[9], header[10], header[11]]),
        window,
        flags: TcpFlags(header[13]),
        options_length: (header_length - TCP_HEADER) as u8,
    };
    Ok(header_length)
}

fn ports(bytes: &[u8], packet: &mut Packet) -> Result<(), DropReason> {
    let both = be32(bytes, 0).ok_or(DropReason::TruncatedHeader)?;
    packet.source_port = (both >> 16) as u16;
    packet.destination_port = both as u16;
    Ok(())
}

/// RFC 768. A zero length stands for the rest of the packet (RFC 2675 and segmentation offload).
fn udp_length(bytes: &[u8], claimed: usize, reading: Reading, packet: &mut Packet) -> Result<(), DropReason> {
    let Some(length) = be16(bytes, 4).map(usize::from) else {
        return Ok(());
    };
    match reading {
        Reading::Lenient if length < UDP_HEADER || length > claimed => {}
        Reading::Strict if length < UDP_HEADER || length > claimed => return Err(DropReason::BadUdpLength),
        Reading::Strict | Reading::Lenient => packet.payload_length = length as u32,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
