//! The header walk against packets built by another library, and against every way of cutting them.

use alloc::vec::Vec;

use etherparse::PacketBuilder;
use proptest::prelude::*;

use super::*;
use crate::{checksum, tcp_options};

const ETHERNET: FrameInfo = FrameInfo { link: LinkType::Ethernet, wire_length: 0 };

fn info(frame: &[u8]) -> FrameInfo {
    FrameInfo { wire_length: frame.len() as u32, ..ETHERNET }
}

fn strict(frame: &[u8]) -> Result<Packet, DropReason> {
    parse(frame, info(frame), Reading::Strict)
}

fn tcp_frame(payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([192, 0, 2, 1], [198, 51, 100, 7], 63)
        .tcp(4321, 443, 0x0102_0304, 65_000)
        .psh()
        .ack(77);
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn udp6_frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv6([7; 16], [9; 16], 5)
        .udp(53, 999)
        .write(&mut frame, payload)
        .unwrap();
    frame
}

#[test]
fn tcp_over_ipv4() {
    let frame = tcp_frame(b"hello");
    let packet = strict(&frame).unwrap();
    assert_eq!(packet.addresses.source(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!((packet.source_port, packet.destination_port, packet.hop_limit), (4321, 443, 63));
    assert_eq!((packet.tcp.sequence, packet.tcp.acknowledgement), (0x0102_0304, 77));
    assert_eq!(packet.tcp.flags, TcpFlags::PSH.with(TcpFlags::ACK));
    assert_eq!(packet.payload_of(&frame), b"hello");
    assert_eq!(checksum::verify(&packet, &frame), Ok(()));
    assert_eq!(tcp_options(packet.tcp_options_of(&frame)).count(), 0);
}

#[test]
fn udp_over_ipv6() {
    let frame = udp6_frame(b"query");
    let packet = strict(&frame).unwrap();
    assert_eq!((packet.protocol, packet.source_port, packet.destination_port), (protocol::UDP, 53, 999));
    assert_eq!(packet.payload_of(&frame), b"query");
    assert_eq!(checksum::verify(&packet, &frame), Ok(()));
}

#[test]
fn ethernet_padding_is_not_payload() {
    let mut frame = tcp_frame(b"");
    frame.resize(60, 0xee);
    let packet = strict(&frame).unwrap();
    assert_eq!((packet.payload_length, packet.wire_length), (0, 60));
}

#[test]
fn a_flipped_bit_is_noticed_by_one_checksum() {
    let frame = tcp_frame(b"hello");
    for (at, reason) in [(22, DropReason::BadIpChecksum), (55, DropReason::BadTcpChecksum)] {
        let mut wrong = frame.clone();
        wrong[at] ^= 0x10;
        assert_eq!(checksum::verify(&strict(&wrong).unwrap(), &wrong), Err(reason));
    }
}

#[test]
fn a_cut_frame_keeps_its_length_on_the_wire() {
    let whole = tcp_frame(&[7; 500]);
    let cut = &whole[..68];
    let packet = parse(cut, info(&whole), Reading::Strict).unwrap();
    assert_eq!((packet.payload_length, packet.payload_captured, packet.wire_length), (500, 14, 554));
    assert!(packet.is_cut());
    let ports_and_flags = parse(&whole[..48], info(&whole), Reading::Strict).unwrap();
    assert_eq!((ports_and_flags.destination_port, ports_and_flags.tcp.window), (443, 0));
    assert_eq!(parse(&whole[..40], info(&whole), Reading::Strict), Err(DropReason::TruncatedHeader));
}

#[test]
fn lengths_that_contradict_the_frame() {
    let mut longer = tcp_frame(b"abc");
    longer[16..18].copy_from_slice(&1500_u16.to_be_bytes());
    assert_eq!(strict(&longer), Err(DropReason::BadIpTotalLength));
    let packet = parse(&longer, info(&longer), Reading::Lenient).unwrap();
    assert_eq!((packet.payload_captured, packet.is_cut()), (3, true));
    let mut offloaded = tcp_frame(b"abc");
    offloaded[16..18].fill(0);
    assert_eq!(strict(&offloaded), Err(DropReason::BadIpTotalLength));
    assert_eq!(parse(&offloaded, info(&offloaded), Reading::Lenient).unwrap().payload_length, 3);
}

#[test]
fn fragments_are_told_apart() {
    let mut frame = tcp_frame(b"12345678");
    frame[18..20].copy_from_slice(&0xbeef_u16.to_be_bytes());
    frame[20..22].copy_from_slice(&(0x2000_u16 | 185).to_be_bytes());
    let packet = strict(&frame).unwrap();
    assert_eq!(packet.fragment, Some(Fragment { identification: 0xbeef, offset: 1480, more: true }));
    assert_eq!(packet.transport_of(&frame).len(), 28);
    assert_eq!((packet.source_port, packet.destination_port), (0, 0));
}

#[test]
fn ipv6_extension_headers() {
    let mut frame = udp6_frame(b"x");
    let udp: Vec<u8> = frame.split_off(54);
    frame[20] = protocol::HOP_BY_HOP;
    frame[18..20].copy_from_slice(&((8 + 8 + udp.len()) as u16).to_be_bytes());
    frame.extend([protocol::FRAGMENT, 0, 1, 4, 0, 0, 0, 0]);
    let atomic_at = frame.len();
    frame.extend([protocol::UDP, 0, 0, 0, 0, 0, 0, 9]);
    frame.extend(&udp);
    let whole = strict(&frame).unwrap();
    assert_eq!((whole.fragment, whole.source_port), (None, 53));
    frame[atomic_at + 3] = 0x09;
    let fragment = strict(&frame).unwrap().fragment;
    assert_eq!(fragment, Some(Fragment { identification: 9, offset: 8, more: true }));
    let mut endless = frame[..54].to_vec();
    endless[20] = protocol::DESTINATION_OPTIONS;
    endless.extend([protocol::DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(20));
    endless[18..20].copy_from_slice(&160_u16.to_be_bytes());
    assert_eq!(strict(&endless), Err(DropReason::BadIpv6Extension));
}

#[test]
fn icmp_echo_and_error() {
    let mut echo = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([192, 0, 2, 1], [192, 0, 2, 2], 9)
        .icmpv4_echo_request(0x1234, 3)
        .write(&mut echo, b"ping")
        .unwrap();
    let packet = strict(&echo).unwrap();
    assert!(packet.icmp.is_echo && !packet.icmp.is_error);
    assert_eq!((packet.source_port, packet.destination_port), (0x1234, 0x1234));
    let quoted = tcp_frame(b"")[14..14 + 28].to_vec();
    let unreachable =
        etherparse::Icmpv4Type::DestinationUnreachable(etherparse::icmpv4::DestUnreachableHeader::Port);
    let mut error = Vec::new();
    PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([198, 51, 100, 7], [192, 0, 2, 1], 9)
        .icmpv4(unreachable)
        .write(&mut error, &quoted)
        .unwrap();
    let packet = strict(&error).unwrap();
    let embedded = packet.embedded(&error).unwrap();
    assert_eq!(
        (embedded.protocol, embedded.source_port, embedded.destination_port),
        (protocol::TCP, 4321, 443)
    );
    assert_eq!(embedded.addresses.source(), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    assert_eq!(packet.embedded(&error[..50]), None);
}

#[test]
fn a_reassembled_packet_reads_like_a_whole_one() {
    let frame = udp6_frame(b"query");
    let whole = strict(&frame).unwrap();
    let again = parse_ip_payload(&whole, whole.transport_of(&frame), (2, 200), Reading::Strict).unwrap();
    assert_eq!((again.source_port, again.payload_length, again.wire_length, again.frames), (53, 5, 200, 2));
    assert_eq!(again.payload_of(whole.transport_of(&frame)), b"query");
}

proptest! {
    #[test]
    fn noise_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        link in 0_u32..300,
        extra in 0_u32..2000,
    ) {
        if let Some(link) = LinkType::from_capture(link) {
            let info = FrameInfo { link, wire_length: bytes.len() as u32 + extra };
            for reading in [Reading::Strict, Reading::Lenient] {
                if let Ok(packet) = parse(&bytes, info, reading) {
                    let _ = (packet.payload_of(&bytes), packet.embedded(&bytes));
                    let _ = checksum::verify(&packet, &bytes);
                    prop_assert!(packet.payload_captured <= packet.payload_length);
                }
            }
        }
    }

    #[test]
    fn damaged_frames_never_panic(at in 0_usize..60, value: u8, keep in 0_usize..80) {
        for mut frame in [tcp_frame(b"some payload"), udp6_frame(b"some payload")] {
            if let Some(byte) = frame.get_mut(at) {
                *byte = value;
            }
            let info = info(&frame);
            let kept = &frame[..keep.min(frame.len())];
            if let Ok(packet) = parse(kept, info, Reading::Lenient) {
                let _ = (packet.payload_of(kept), tcp_options(packet.tcp_options_of(kept)).count());
            }
        }
    }
}
