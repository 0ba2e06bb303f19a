//! Bytes and headers: from a frame to what a session needs to know of it.
//!
//! `parse` walks the header chain once and leaves a [`Packet`]: plain values and offsets, no borrow, so
//! that a batch of them can wait while memory is fetched. It judges only what makes the headers unreadable;
//! what policy may forgive (checksums, flags, windows) is left to later stages.
#![no_std]

extern crate alloc;

mod arp;
mod build;
mod checksum;
mod difference;
mod echo;
mod extensions;
mod forward;
mod fragment;
mod ha3;
mod icmp;
mod ip;
mod ip_options;
mod link;
mod neighbor;
mod options;
mod packet;
mod payload;
mod quoted;
mod rewrite;
mod tcp;
#[cfg(test)]
mod testing;
mod translate64;

pub use arp::Arp;
pub use build::{
    HOP_LIMIT, IcmpError, Reset, TcpControl, answer_echo, echo_reply, icmp_error, may_report_on, tcp_control,
    tcp_reset,
};
pub use checksum::{internet_checksum, verify, verify_transport};
pub use echo::Echo;
pub use forward::{
    ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, EthernetHeader, ethertype_of, ip_length,
    lower_segment_size, take_hop,
};
pub use fragment::{fragment, may_fragment, unfragment};
pub use ha3::{
    ETHERTYPE_HA3, HA3_OVERHEAD, Ha3Assembler, Ha3Error, Ha3Header, Ha3Key, Ha3Kind, Ha3Message, Ha3Piece,
    Ha3TooLong, Ha3Window, ha3_epoch, ha3_frames, ha3_pieces, ha3_read,
};
pub use icmp::Embedded;
pub use ip_options::{IpOption, Ipv6Extension, ipv4_options, ipv6_extensions};
pub use link::LinkType;
pub use neighbor::{ALL_NODES, NeighborMessage, NeighborMessageKind, link_local, solicited_node};
pub use options::{TcpOption, tcp_options};
pub use packet::{
    Addresses, Fragment, FrameInfo, Icmp, Packet, Reading, Tcp, TcpFlags, parse, parse_into,
    parse_ip_payload, protocol,
};
pub use payload::replace_payload;
pub use quoted::rewrite_error;
pub use rewrite::{Rewrite, rewrite, rewrite_fragment};
pub use tcp::{blank_fast_open, blank_multipath, blank_timestamps, clear_urgent, shift_sequence};
pub use translate64::{Untranslatable, translate, translate_error, translate_fragment};

/// Two bytes in network order.
#[inline]
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Four bytes in network order.
#[inline]
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
