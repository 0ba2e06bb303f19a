//! Frames with right lengths and checksums.

use std::net::IpAddr;

use bifrons_wire::internet_checksum;

/// One way of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub source: (IpAddr, u16),
    pub destination: (IpAddr, u16),
}

impl Way {
    pub fn back(self) -> Self {
        Self { source: self.destination, destination: self.source }
    }
}

/// What a TCP header says besides the ports.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    pub sequence: u32,
    pub acknowledgement: u32,
    pub flags: u8,
    pub options: &'a [u8],
}

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

pub fn tcp(way: Way, header: Header<'_>, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + header.options.len() + payload.len());
    segment.extend(way.source.1.to_be_bytes());
    segment.extend(way.destination.1.to_be_bytes());
    segment.extend(header.sequence.to_be_bytes());
    segment.extend(header.acknowledgement.to_be_bytes());
    segment.extend([((20 + header.options.len()) / 4 * 16) as u8, header.flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(header.options);
    segment.extend(payload);
    ip(way, TCP, with_checksum(way, TCP, segment, 16))
}

pub fn udp(way: Way, payload: &[u8]) -> Vec<u8> {
    ip(way, UDP, datagram(way, payload))
}

fn datagram(way: Way, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(8 + payload.len());
    datagram.extend(way.source.1.to_be_bytes());
    datagram.extend(way.destination.1.to_be_bytes());
    datagram.extend(((8 + payload.len()) as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    with_checksum(way, UDP, datagram, 6)
}

/// An echo request, or a reply; the source port is the identifier.
pub fn echo(way: Way, is_reply: bool, identifier: u16) -> Vec<u8> {
    let (protocol, kind) = match (way.source.0.is_ipv4(), is_reply) {
        (true, false) => (1, 8),
        (true, true) => (1, 0),
        (false, false) => (58, 128),
        (false, true) => (58, 129),
    };
    let mut message = vec![kind, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend([0, 1, 1, 2, 3, 4]);
    ip(way, protocol, with_checksum(way, protocol, message, 2))
}

/// "Port unreachable" from the destination of `frame`, which it quotes.
pub fn unreachable(way: Way, frame: &[u8]) -> Vec<u8> {
    let (protocol, kind, code) = if way.source.0.is_ipv4() { (1, 3, 3) } else { (58, 1, 4) };
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend(frame.iter().skip(14).take(64));
    ip(way.back(), protocol, with_checksum(way.back(), protocol, message, 2))
}

/// A datagram in fragments of at most `step` bytes, a multiple of eight.
pub fn fragments(way: Way, identification: u16, payload: &[u8], step: usize) -> Vec<Vec<u8>> {
    let whole = datagram(way, payload);
    let pieces = whole.chunks(step).count();
    whole
        .chunks(step)
        .enumerate()
        .map(|(place, piece)| {
            let (offset, more) = (place * step, place + 1 < pieces);
            if way.source.0.is_ipv4() {
                let field = (offset / 8) as u16 | u16::from(more) << 13;
                return ipv4(way, UDP, identification, field, piece);
            }
            let mut data = vec![UDP, 0];
            data.extend((offset as u16 | u16::from(more)).to_be_bytes());
            data.extend(u32::from(identification).to_be_bytes());
            data.extend(piece);
            ip(way, 44, data)
        })
        .collect()
}

fn ip(way: Way, protocol: u8, payload: Vec<u8>) -> Vec<u8> {
    match (way.source.0, way.destination.0) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut frame = ethernet([0x86, 0xdd]);
            frame.extend([0x60, 0, 0, 0]);
            frame.extend((payload.len() as u16).to_be_bytes());
            frame.extend([protocol, 64]);
            frame.extend(source.octets());
            frame.extend(destination.octets());
            frame.extend(payload);
            frame
        }
        _ => ipv4(way, protocol, 1, 0, &payload),
    }
}

fn ipv4(way: Way, protocol: u8, identification: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x45, 0];
    header.extend(((20 + payload.len()) as u16).to_be_bytes());
    header.extend(identification.to_be_bytes());
    header.extend(fragment.to_be_bytes());
    header.extend([64, protocol, 0, 0]);
    header.extend(octets(way.source.0));
    header.extend(octets(way.destination.0));
    let checksum = internet_checksum(&[&header]);
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
    let mut frame = ethernet([8, 0]);
    frame.extend(header);
    frame.extend(payload);
    frame
}

fn ethernet(kind: [u8; 2]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    frame.extend(kind);
    frame
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Puts the checksum of a transport header into its place; ICMP over IPv4 has no pseudo-header.
fn with_checksum(way: Way, protocol: u8, mut bytes: Vec<u8>, place: usize) -> Vec<u8> {
    let mut pseudo = octets(way.source.0);
    pseudo.extend(octets(way.destination.0));
    pseudo.extend((bytes.len() as u32).to_be_bytes());
    pseudo.extend([0, 0, 0, protocol]);
    let pseudo: &[u8] = if protocol == 1 { &[] } else { &pseudo };
    let checksum = internet_checksum(&[pseudo, &bytes]);
    bytes[place..place + 2].copy_from_slice(&checksum.to_be_bytes());
    bytes
}
