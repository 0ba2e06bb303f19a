//! Frames from a description, with the faults that it asks for.

use std::net::IpAddr;

use crate::bindings::Bindings;

/// One packet as a scenario describes it.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Tags and labels before the IP header, the outermost first.
    pub tags: Vec<Tag>,
    /// The sender.
    pub source: IpAddr,
    /// The receiver.
    pub destination: IpAddr,
    /// What it carries.
    pub body: Body,
    /// The transport's payload.
    pub payload: Vec<u8>,
    /// The packet that it quotes behind the payload, as an ICMP error does.
    pub quoted: Option<Quoted>,
    /// The part of the IP payload that this frame carries; `None` for all.
    pub fragment: Option<Fragment>,
    /// What is wrong with it.
    pub faults: Faults,
}

/// What an ICMP error quotes.
#[derive(Clone, Debug)]
pub enum Quoted {
    /// A packet that the scenario describes.
    Packet(Box<Packet>),
    /// Any bytes, from the IP header on.
    Bytes(Vec<u8>),
}

/// A tag or label before the IP header.
#[derive(Clone, Copy, Debug)]
pub enum Tag {
    /// IEEE 802.1Q.
    Vlan(u16),
    /// IEEE 802.1ad, the outer tag.
    Service(u16),
    /// A label stack entry (RFC 3032).
    Mpls(u32),
    /// A PPPoE session (RFC 2516).
    Pppoe(u16),
}

/// The transport.
#[derive(Clone, Debug)]
pub enum Body {
    /// RFC 9293.
    Tcp(Tcp),
    /// RFC 768: source and destination port.
    Udp(u16, u16),
    /// RFC 792 and RFC 4443: type, code and the four bytes behind the checksum.
    Icmp(u8, u8, [u8; 4]),
    /// RFC 9260: ports; the payload is chunks.
    Sctp(u16, u16),
    /// Anything else: the protocol's number.
    Other(u8),
}

/// A TCP header.
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    /// The source port.
    pub source: u16,
    /// The destination port.
    pub destination: u16,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number.
    pub acknowledgement: u32,
    /// The window.
    pub window: u16,
    /// The flags.
    pub flags: u8,
    /// The urgent pointer.
    pub urgent: u16,
    /// Options, padded to four bytes when the frame is made.
    pub options: Vec<u8>,
}

/// Which part of the IP payload a fragment carries.
#[derive(Clone, Copy, Debug)]
pub struct Fragment {
    /// The identification.
    pub identification: u32,
    /// Where the part begins, a multiple of eight.
    pub offset: usize,
    /// How long it is, at most to the end.
    pub size: usize,
    /// Whether it says that more follow; `None` for what is true.
    pub more: Option<bool>,
}

/// An IPv6 extension header of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Padding for every router (RFC 8200, section 4.3).
    HopByHop,
    /// Padding for the receiver (RFC 8200, section 4.6).
    DestinationOptions,
    /// A routing header whose way is done: segments left 0 (RFC 8200, section 4.4).
    Routing,
    /// A fragment header of a packet in one piece (RFC 6946).
    AtomicFragment,
}

/// What a frame has otherwise than it should.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The transport's checksum is wrong.
    pub checksum: bool,
    /// The UDP checksum is zero: none was made.
    pub no_checksum: bool,
    /// The IPv4 header checksum is wrong.
    pub ip_checksum: bool,
    /// The IP header claims this length (IPv6: payload length).
    pub ip_length: Option<u16>,
    /// The IPv4 header claims to be this long, in words of four bytes.
    pub ip_header: Option<u8>,
    /// The IP header claims this version.
    pub ip_version: Option<u8>,
    /// The UDP header claims this length.
    pub udp_length: Option<u16>,
    /// The TCP header claims to be this long, in words of four bytes.
    pub tcp_header: Option<u8>,
    /// The capture kept only this many bytes.
    pub cut: Option<usize>,
    /// The frame ends after this many bytes.
    pub short: Option<usize>,
    /// Bytes behind the IP packet.
    pub padding: usize,
    /// The remaining hops; `None` for 64.
    pub hop_limit: Option<u8>,
    /// IPv4 options, padded to four bytes when the frame is made.
    pub ip_options: Vec<u8>,
    /// IPv4 flags that are set besides: 4 is reserved, 2 forbids fragments.
    pub ip_flags: u8,
    /// IPv6 extension headers, before a fragment header if there is one.
    pub extensions: Vec<Extension>,
    /// IPv6 extension headers in the part that is cut into fragments.
    pub inner_extensions: Vec<Extension>,
}

/// A frame: the bytes at hand and its length on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// The bytes at hand.
    pub bytes: Vec<u8>,
    /// The length on the wire.
    pub wire_length: usize,
}

impl Packet {
    /// The frame.
    pub fn frame(&self) -> Bytes {
        let ip = self.ip();
        let mut bytes = self.link(ip.len());
        bytes.extend(ip);
        bytes.extend(std::iter::repeat_n(0, self.faults.padding));
        if let Some(length) = self.faults.short {
            bytes.truncate(length);
        }
        let wire_length = bytes.len();
        if let Some(length) = self.faults.cut {
            bytes.truncate(length);
        }
        Bytes { bytes, wire_length }
    }

    /// The IP packet.
    pub fn ip(&self) -> Vec<u8> {
        let inner = &self.faults.inner_extensions;
        let whole = [chain(inner, self.protocol()), self.transport()].concat();
        let (data, fragment) = match self.fragment {
            None => (whole, None),
            Some(fragment) => {
                let end = (fragment.offset + fragment.size).min(whole.len());
                let more = fragment.more.unwrap_or(end < whole.len());
                (whole[fragment.offset.min(end)..end].to_vec(), Some((fragment, more)))
            }
        };
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.v4(source.octets(), destination.octets(), &data, fragment)
            }
            (source, destination) => self.v6(octets(source), octets(destination), &data, fragment),
        }
    }

    /// The packet with the variables that are bound.
    pub fn bound(&self, bindings: &Bindings) -> Self {
        let mut packet = self.clone();
        packet.source = bindings.address(self.source);
        packet.destination = bindings.address(self.destination);
        match &mut packet.body {
            Body::Tcp(tcp) => {
                tcp.source = bindings.port(tcp.source);
                tcp.destination = bindings.port(tcp.destination);
            }
            Body::Udp(source, destination) | Body::Sctp(source, destination) => {
                *source = bindings.port(*source);
                *destination = bindings.port(*destination);
            }
            Body::Icmp(_, _, [high, low, ..]) => {
                [*high, *low] = bindings.port(u16::from_be_bytes([*high, *low])).to_be_bytes();
            }
            Body::Other(_) => {}
        }
        if let Some(Quoted::Packet(quoted)) = &mut packet.quoted {
            **quoted = quoted.bound(bindings);
        }
        packet
    }

    /// The ports; of ICMP the identifier, 0 where there is none.
    pub fn ports(&self) -> (u16, u16) {
        match &self.body {
            Body::Tcp(tcp) => (tcp.source, tcp.destination),
            Body::Udp(source, destination) | Body::Sctp(source, destination) => (*source, *destination),
            Body::Icmp(_, _, [high, low, ..]) => {
                let identifier = u16::from_be_bytes([*high, *low]);
                (identifier, identifier)
            }
            Body::Other(_) => (0, 0),
        }
    }

    /// Whether it is a part of a packet, and not the whole with a fragment header.
    pub fn is_part(&self) -> bool {
        let length = chain(&self.faults.inner_extensions, self.protocol()).len() + self.transport().len();
        self.fragment
            .is_some_and(|part| part.offset > 0 || part.more.unwrap_or(part.offset + part.size < length))
    }

    /// Gives the packet other ends, of the same or of the other family.
    pub fn readdress(&mut self, source: (IpAddr, u16), destination: (IpAddr, u16)) {
        let is_other_family = self.source.is_ipv4() != source.0.is_ipv4();
        (self.source, self.destination) = (source.0, destination.0);
        match &mut self.body {
            Body::Tcp(tcp) => (tcp.source, tcp.destination) = (source.1, destination.1),
            Body::Udp(from, to) | Body::Sctp(from, to) => (*from, *to) = (source.1, destination.1),
            Body::Icmp(kind, code, _) if is_other_family => {
                (*kind, *code) = icmp_in_other_family(*kind, *code, source.0.is_ipv4());
            }
            Body::Icmp(..) | Body::Other(_) => {}
        }
    }

    /// The protocol's number.
    pub fn protocol(&self) -> u8 {
        match self.body {
            Body::Tcp(_) => 6,
            Body::Udp(..) => 17,
            Body::Icmp(..) if self.source.is_ipv4() => 1,
            Body::Icmp(..) => 58,
            Body::Sctp(..) => 132,
            Body::Other(number) => number,
        }
    }

    fn link(&self, ip_length: usize) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
        let ip_type: u16 = if self.source.is_ipv4() { 0x0800 } else { 0x86dd };
        for (place, tag) in self.tags.iter().enumerate() {
            match tag {
                Tag::Vlan(id) => bytes.extend([0x81, 0, (id >> 8) as u8, *id as u8]),
                Tag::Service(id) => bytes.extend([0x88, 0xa8, (id >> 8) as u8, *id as u8]),
                Tag::Mpls(label) => {
                    let is_first =
                        !matches!(place.checked_sub(1).and_then(|at| self.tags.get(at)), Some(Tag::Mpls(_)));
                    let is_last = !matches!(self.tags.get(place + 1), Some(Tag::Mpls(_)));
                    if is_first {
                        bytes.extend([0x88, 0x47]);
                    }
                    bytes.extend((label << 12 | u32::from(is_last) << 8 | 64).to_be_bytes());
                }
                Tag::Pppoe(session) => {
                    let length = ip_length as u16 + 2;
                    bytes.extend([0x88, 0x64, 0x11, 0, (session >> 8) as u8, *session as u8]);
                    bytes.extend(length.to_be_bytes());
                    bytes.extend(if ip_type == 0x0800 { [0, 0x21] } else { [0, 0x57] });
                }
            }
        }
        match self.tags.last() {
            None | Some(Tag::Vlan(_) | Tag::Service(_)) => bytes.extend(ip_type.to_be_bytes()),
            Some(Tag::Mpls(_) | Tag::Pppoe(_)) => {}
        }
        bytes
    }

    fn v4(
        &self,
        source: [u8; 4],
        destination: [u8; 4],
        data: &[u8],
        fragment: Option<(Fragment, bool)>,
    ) -> Vec<u8> {
        let faults = &self.faults;
        let mut options = faults.ip_options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let length = faults.ip_length.unwrap_or((20 + options.len() + data.len()) as u16);
        let words = faults.ip_header.unwrap_or((5 + options.len() / 4) as u8);
        let version = faults.ip_version.unwrap_or(4);
        let mut header = vec![version << 4 | words, 0];
        header.extend(length.to_be_bytes());
        let (identification, place) = match fragment {
            None => (1, 0x4000),
            Some((part, more)) => {
                (part.identification as u16, (part.offset / 8) as u16 | u16::from(more) << 13)
            }
        };
        header.extend(identification.to_be_bytes());
        let place: u16 = place | u16::from(faults.ip_flags) << 13;
        header.extend(place.to_be_bytes());
        header.extend([faults.hop_limit.unwrap_or(64), self.protocol(), 0, 0]);
        header.extend(source);
        header.extend(destination);
        header.extend(options);
        let sum = checksum(&[&header]) ^ if faults.ip_checksum { 0x0101 } else { 0 };
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header.extend(data);
        header
    }

    fn v6(
        &self,
        source: [u8; 16],
        destination: [u8; 16],
        data: &[u8],
        fragment: Option<(Fragment, bool)>,
    ) -> Vec<u8> {
        let faults = &self.faults;
        let mut next = first_of(&faults.inner_extensions, self.protocol());
        let mut headers = Vec::new();
        if let Some((part, more)) = fragment {
            headers = vec![next, 0];
            headers.extend((part.offset as u16 | u16::from(more)).to_be_bytes());
            headers.extend(part.identification.to_be_bytes());
            next = 44;
        }
        let headers = [chain(&faults.extensions, next), headers].concat();
        let length = faults.ip_length.unwrap_or((headers.len() + data.len()) as u16);
        let mut header = vec![faults.ip_version.unwrap_or(6) << 4, 0, 0, 0];
        header.extend(length.to_be_bytes());
        header.extend([first_of(&faults.extensions, next), faults.hop_limit.unwrap_or(64)]);
        header.extend(source);
        header.extend(destination);
        header.extend(headers);
        header.extend(data);
        header
    }

    fn transport(&self) -> Vec<u8> {
        let (mut bytes, checksum_at) = match &self.body {
            Body::Tcp(tcp) => (self.tcp(tcp), Some(16)),
            Body::Udp(source, destination) => {
                let length = self.faults.udp_length.unwrap_or((8 + self.payload.len()) as u16);
                let mut header = Vec::from(source.to_be_bytes());
                header.extend(destination.to_be_bytes());
                header.extend(length.to_be_bytes());
                header.extend([0, 0]);
                (header, (!self.faults.no_checksum).then_some(6))
            }
            Body::Icmp(kind, code, rest) => {
                let mut header = vec![*kind, *code, 0, 0];
                header.extend(rest);
                (header, Some(2))
            }
            Body::Sctp(source, destination) => {
                let mut header = Vec::from(source.to_be_bytes());
                header.extend(destination.to_be_bytes());
                header.extend([0, 0, 0, 1, 0, 0, 0, 0]);
                (header, None)
            }
            Body::Other(_) => (Vec::new(), None),
        };
        bytes.extend(&self.payload);
        match &self.quoted {
            None => {}
            Some(Quoted::Packet(packet)) => bytes.extend(quote(packet.ip())),
            Some(Quoted::Bytes(quoted)) => bytes.extend(quote(quoted.clone())),
        }
        if let Some(at) = checksum_at {
            let mut sum = self.transport_checksum(&bytes);
            if sum == 0 && matches!(self.body, Body::Udp(..)) {
                sum = 0xffff;
            }
            sum ^= if self.faults.checksum { 0x0101 } else { 0 };
            bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        if matches!(self.body, Body::Sctp(..)) {
            let sum = crc32c(&bytes);
            bytes[8..12].copy_from_slice(&sum.to_le_bytes());
        }
        bytes
    }

    fn tcp(&self, tcp: &Tcp) -> Vec<u8> {
        let mut options = tcp.options.clone();
        options.resize(options.len().next_multiple_of(4), 0);
        let words = self.faults.tcp_header.unwrap_or((5 + options.len() / 4) as u8);
        let mut header = Vec::from(tcp.source.to_be_bytes());
        header.extend(tcp.destination.to_be_bytes());
        header.extend(tcp.sequence.to_be_bytes());
        header.extend(tcp.acknowledgement.to_be_bytes());
        header.extend([words << 4, tcp.flags]);
        header.extend(tcp.window.to_be_bytes());
        header.extend([0, 0]);
        header.extend(tcp.urgent.to_be_bytes());
        header.extend(options);
        header
    }

    fn transport_checksum(&self, bytes: &[u8]) -> u16 {
        let length = bytes.len() as u32;
        let protocol = u32::from(self.protocol());
        match (self.source, self.destination) {
            (IpAddr::V4(_), IpAddr::V4(_)) if matches!(self.body, Body::Icmp(..)) => checksum(&[bytes]),
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let rest = (protocol << 16 | length & 0xffff).to_be_bytes();
                checksum(&[&source.octets(), &destination.octets(), &rest, bytes])
            }
            (source, destination) => {
                let (length, protocol) = (length.to_be_bytes(), protocol.to_be_bytes());
                checksum(&[&octets(source), &octets(destination), &length, &protocol, bytes])
            }
        }
    }
}

impl Extension {
    const fn number(self) -> u8 {
        match self {
            Self::HopByHop => 0,
            Self::Routing => 43,
            Self::AtomicFragment => 44,
            Self::DestinationOptions => 60,
        }
    }

    /// The header before one of type `next`; options are one PadN of four bytes.
    const fn bytes(self, next: u8) -> [u8; 8] {
        match self {
            Self::HopByHop | Self::DestinationOptions => [next, 0, 1, 4, 0, 0, 0, 0],
            Self::Routing => [next, 0, 0, 0, 0, 0, 0, 0],
            Self::AtomicFragment => [next, 0, 0, 0, 0, 0, 0, 9],
        }
    }
}

fn first_of(extensions: &[Extension], protocol: u8) -> u8 {
    extensions.first().map_or(protocol, |first| first.number())
}

/// The extension headers one after the other, then a header of type `protocol`.
fn chain(extensions: &[Extension], protocol: u8) -> Vec<u8> {
    let next = extensions.iter().skip(1).map(|extension| extension.number()).chain([protocol]);
    extensions.iter().zip(next).flat_map(|(extension, next)| extension.bytes(next)).collect()
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// What an error quotes: IPv4 header and eight bytes (RFC 792), or what fits of an IPv6 packet (RFC 4443).
fn quote(mut packet: Vec<u8>) -> Vec<u8> {
    let is_v4 = packet.first().is_some_and(|first| first >> 4 == 4);
    packet.truncate(if is_v4 { 28 } else { 1232 });
    packet
}

/// The messages that scenarios send through a translator (RFC 7915, sections 4.2 and 5.2); others stay as
/// they are.
const fn icmp_in_other_family(kind: u8, code: u8, is_to_v4: bool) -> (u8, u8) {
    match (kind, code, is_to_v4) {
        (128, _, true) => (8, 0),
        (129, _, true) => (0, 0),
        (1, 4, true) => (3, 3),
        (1, 1, true) => (3, 10),
        (1, _, true) => (3, 1),
        (2, _, true) => (3, 4),
        (3, _, true) => (11, code),
        (8, _, false) => (128, 0),
        (0, _, false) => (129, 0),
        (3, 3, false) => (1, 4),
        (3, 4, false) => (2, 0),
        (3, 9 | 10 | 13, false) => (1, 1),
        (3, _, false) => (1, 0),
        (11, _, false) => (3, code),
        _ => (kind, code),
    }
}

/// RFC 1071; every part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum: u32 = 0;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// RFC 9260, appendix A.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value that RFC 3720, appendix B.4, gives for 32 zero bytes.
    #[test]
    fn checksums_of_known_bytes() {
        assert_eq!(crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
        // The example of RFC 1071, section 3.
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]), !0xddf2);
    }
}
