//! Frames of hosts without a stack of their own.

use std::net::Ipv4Addr;

use smoltcp::wire::{
    ArpHardware, ArpOperation, ArpPacket, EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress,
    IpProtocol, Ipv4Packet, TcpPacket, TcpSeqNumber,
};

use super::Tcp;
use crate::{random::digest, switch::Mac};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: usize = 20;

/// Everybody on the link.
pub const BROADCAST: Mac = [0xff; 6];

/// The ends of a packet, on the link and beyond.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Who sends it on this link.
    pub from: Mac,
    /// Who takes it on this link.
    pub to: Mac,
    /// Its sender.
    pub source: Ipv4Addr,
    /// Its receiver.
    pub destination: Ipv4Addr,
}

/// A TCP segment without options, with a payload of zeros.
pub fn tcp(ends: &Ends, header: &Tcp, payload_length: usize) -> Vec<u8> {
    let total = IPV4 + TCP + payload_length;
    let mut frame = ethernet(ends, EthernetProtocol::Ipv4, total);
    let (_, ip) = frame.split_at_mut(ETHERNET);
    ipv4(ip, ends, IpProtocol::Tcp, total);
    let (_, segment) = ip.split_at_mut(IPV4);
    let mut packet = TcpPacket::new_unchecked(segment);
    packet.set_src_port(header.source);
    packet.set_dst_port(header.destination);
    packet.set_seq_number(TcpSeqNumber(header.sequence as i32));
    packet.set_ack_number(TcpSeqNumber(header.acknowledgement as i32));
    packet.set_header_len(TCP as u8);
    packet.set_window_len(header.window);
    let bytes = packet.into_inner();
    bytes[13] = header.flags;
    let mut packet = TcpPacket::new_unchecked(bytes);
    packet.fill_checksum(&IpAddress::Ipv4(ends.source), &IpAddress::Ipv4(ends.destination));
    frame
}

/// A TCP header without options.
pub fn header(ports: (u16, u16), numbers: (u32, u32), flags: u8) -> Tcp {
    Tcp {
        source: ports.0,
        destination: ports.1,
        sequence: numbers.0,
        acknowledgement: numbers.1,
        flags,
        window: 65_000,
        segment_size: None,
        options: digest(&[]),
    }
}

/// An ARP request (RFC 826) for `target`, or the answer to it where `answer_to` says who asked.
pub fn arp(own: (Mac, Ipv4Addr), target: Ipv4Addr, answer_to: Option<Mac>) -> Vec<u8> {
    let to = answer_to.unwrap_or(BROADCAST);
    let ends = Ends { from: own.0, to, source: own.1, destination: target };
    let mut frame = ethernet(&ends, EthernetProtocol::Arp, 28);
    let mut packet = ArpPacket::new_unchecked(&mut frame[ETHERNET..]);
    packet.set_hardware_type(ArpHardware::Ethernet);
    packet.set_protocol_type(EthernetProtocol::Ipv4);
    packet.set_hardware_len(6);
    packet.set_protocol_len(4);
    packet.set_operation(if answer_to.is_some() { ArpOperation::Reply } else { ArpOperation::Request });
    packet.set_source_hardware_addr(&own.0);
    packet.set_source_protocol_addr(&own.1.octets());
    packet.set_target_hardware_addr(&answer_to.unwrap_or_default());
    packet.set_target_protocol_addr(&target.octets());
    frame
}

fn ethernet(ends: &Ends, kind: EthernetProtocol, length: usize) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET + length];
    let mut head = EthernetFrame::new_unchecked(&mut frame);
    head.set_src_addr(EthernetAddress(ends.from));
    head.set_dst_addr(EthernetAddress(ends.to));
    head.set_ethertype(kind);
    frame
}

fn ipv4(bytes: &mut [u8], ends: &Ends, protocol: IpProtocol, total: usize) {
    let mut packet = Ipv4Packet::new_unchecked(bytes);
    packet.set_version(4);
    packet.set_header_len(IPV4 as u8);
    packet.set_total_len(total as u16);
    packet.set_dont_frag(true);
    packet.set_hop_limit(64);
    packet.set_next_header(protocol);
    packet.set_src_addr(ends.source);
    packet.set_dst_addr(ends.destination);
    packet.fill_checksum();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Body, Content, View, flag};

    #[test]
    fn what_is_built_is_read_again() {
        let ends = Ends {
            from: [2, 0, 0, 0, 0, 1],
            to: [2, 0, 0, 0, 0, 2],
            source: Ipv4Addr::new(10, 1, 0, 10),
            destination: Ipv4Addr::new(10, 2, 0, 10),
        };
        let segment = header((1000, 80), (5, 6), flag::PSH | flag::ACK);
        let mut frame = tcp(&ends, &segment, 100);
        let view = View::of(&frame);
        let packet = *view.packet().expect("an IP packet");
        assert_eq!((view.length, packet.payload_length, packet.is_sound), (154, 100, true));
        assert_eq!((packet.body, packet.hop_limit), (Body::Tcp(segment), 64));
        frame[40] ^= 1;
        assert!(!View::of(&frame).packet().expect("an IP packet").is_sound);
    }

    #[test]
    fn arp_is_read_again() {
        let own = ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(10, 1, 0, 10));
        let asked = Ipv4Addr::new(10, 1, 0, 1);
        let view = View::of(&arp(own, asked, None));
        assert_eq!(view.destination, BROADCAST);
        let expected = Content::Arp { is_request: true, sender: own.1, sender_mac: own.0, target: asked };
        assert_eq!(view.content, expected);
    }
}
