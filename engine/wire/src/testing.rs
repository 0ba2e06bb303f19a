//! Packets for the tests of this crate, each beginning with its IP header.

use alloc::vec::Vec;

use crate::{
    Addresses, FrameInfo, LinkType, Packet, Reading, internet_checksum, ip, parse, protocol, verify,
};

pub const V4: Addresses = Addresses::V4 { source: 0x0a00_0001, destination: 0xc633_6407 };
pub const V6: Addresses = Addresses::V6 {
    source: 0x2001_0db8_0000_0000_0000_0000_0000_0001,
    destination: 0x2001_0db8_ffff_0000_0000_0000_0000_0002,
};

/// Reads a frame that must be right in every length and checksum.
#[track_caller]
pub fn read(frame: &[u8]) -> Packet {
    let packet = read_unverified(frame);
    assert_eq!(verify(&packet, frame), Ok(()), "{frame:02x?}");
    packet
}

#[track_caller]
pub fn read_unverified(frame: &[u8]) -> Packet {
    match parse(frame, raw(frame.len()), Reading::Strict) {
        Ok(packet) => packet,
        Err(reason) => panic!("{}: {frame:02x?}", reason.name()),
    }
}

pub const fn raw(length: usize) -> FrameInfo {
    FrameInfo { link: LinkType::RawIp, wire_length: length as u32 }
}

/// A packet around a transport segment whose checksum is not yet right.
pub fn ip_packet(addresses: Addresses, protocol: u8, segment: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    match addresses {
        Addresses::V4 { source, destination } => {
            packet.extend([0x45, 0]);
            packet.extend((segment.len() as u16 + 20).to_be_bytes());
            packet.extend([0x12, 0x34, 0, 0, 64, protocol, 0, 0]);
            packet.extend(source.to_be_bytes());
            packet.extend(destination.to_be_bytes());
        }
        Addresses::V6 { source, destination } => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((segment.len() as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(source.to_be_bytes());
            packet.extend(destination.to_be_bytes());
        }
    }
    packet.extend(segment);
    corrected(packet)
}

/// The packet with all its checksums made right.
pub fn corrected(mut frame: Vec<u8>) -> Vec<u8> {
    if frame[0] >> 4 == 4 {
        let header = usize::from(frame[0] & 15) * 4;
        frame[10..12].fill(0);
        let sum = internet_checksum(&[&frame[..header]]);
        frame[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let packet = read_unverified(&frame);
    let at = usize::from(packet.transport);
    let place = match packet.protocol {
        protocol::TCP => at + 16,
        protocol::UDP | protocol::UDP_LITE => at + 6,
        protocol::ICMP | protocol::ICMPV6 => at + 2,
        _ => return frame,
    };
    frame[place..place + 2].fill(0);
    let segment = packet.transport_of(&frame);
    let mut pseudo = Vec::new();
    match packet.addresses {
        _ if packet.protocol == protocol::ICMP => {}
        Addresses::V4 { source, destination } => {
            pseudo.extend(source.to_be_bytes());
            pseudo.extend(destination.to_be_bytes());
        }
        Addresses::V6 { source, destination } => {
            pseudo.extend(source.to_be_bytes());
            pseudo.extend(destination.to_be_bytes());
        }
    }
    if packet.protocol != protocol::ICMP {
        pseudo.extend((segment.len() as u32).to_be_bytes());
        pseudo.extend([0, 0, 0, packet.protocol]);
    }
    let mut sum = internet_checksum(&[&pseudo, segment]);
    if sum == 0 && matches!(packet.protocol, protocol::UDP | protocol::UDP_LITE) {
        sum = 0xffff;
    }
    frame[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    frame
}

pub fn tcp_over(addresses: Addresses, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut segment = alloc::vec![0x04, 0xd2, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2];
    segment.extend([((5 + options.len() / 4) << 4) as u8, flags, 1, 0, 0, 0, 0, 0]);
    segment.extend(options);
    segment.extend(payload);
    ip_packet(addresses, protocol::TCP, &segment)
}

pub fn tcp(flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
    tcp_over(V4, flags, options, payload)
}

/// UDP or UDP-Lite.
pub fn udp_over(addresses: Addresses, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = alloc::vec![0x04, 0xd2, 0, 53];
    segment.extend((payload.len() as u16 + 8).to_be_bytes());
    segment.extend([0, 0]);
    segment.extend(payload);
    ip_packet(addresses, protocol, &segment)
}

/// An echo request, ICMP or ICMPv6 by the family.
pub fn echo_over(addresses: Addresses, identifier: u16, payload: &[u8]) -> Vec<u8> {
    let (kind, protocol) = match addresses {
        Addresses::V4 { .. } => (8, protocol::ICMP),
        Addresses::V6 { .. } => (128, protocol::ICMPV6),
    };
    let [high, low] = identifier.to_be_bytes();
    let mut message = alloc::vec![kind, 0, 0, 0, high, low, 0, 1];
    message.extend(payload);
    ip_packet(addresses, protocol, &message)
}

/// An ICMP error from the destination of the quoted packet to its source.
pub fn error_over(kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    let addresses = addresses_of(quoted).reversed();
    let protocol = match addresses {
        Addresses::V4 { .. } => protocol::ICMP,
        Addresses::V6 { .. } => protocol::ICMPV6,
    };
    let mut message = alloc::vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend(quoted);
    ip_packet(addresses, protocol, &message)
}

/// SCTP with its CRC-32c.
pub fn sctp_over(addresses: Addresses, payload: &[u8]) -> Vec<u8> {
    let mut segment = alloc::vec![0x04, 0xd2, 0x0b, 0x59, 0, 0, 0, 7, 0, 0, 0, 0];
    segment.extend(payload);
    let check = crc32c(&segment);
    segment[8..12].copy_from_slice(&check.to_le_bytes());
    ip_packet(addresses, protocol::SCTP, &segment)
}

/// The check of an SCTP packet as it should be.
pub fn crc32c(segment: &[u8]) -> u32 {
    let mut plain = segment.to_vec();
    plain[8..12].fill(0);
    crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&plain)
}

fn addresses_of(packet: &[u8]) -> Addresses {
    let header = match packet[0] >> 4 {
        4 => ip::v4(packet, 0, 2000, Reading::Lenient),
        _ => ip::v6(packet, 0, 2000, Reading::Lenient),
    };
    match header {
        Ok(header) => header.addresses,
        Err(reason) => panic!("{}: {packet:02x?}", reason.name()),
    }
}
