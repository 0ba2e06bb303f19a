//! What a profile forbids of a single packet: judged by the packet alone.

use bifrons_config::typed::{IcmpDrops, IpDrops, Ipv6Drops, ZoneProtection};
use bifrons_model::DropReason;
use bifrons_wire::{
    Addresses, IpOption, Ipv6Extension, Packet, TcpFlags, ipv4_options, ipv6_extensions, protocol,
};

const IPV4_HEADER: u16 = 20;
const IPV6_HEADER: u16 = 40;

/// Judges the IP header of a frame, be it a whole packet or a fragment.
#[inline]
pub(super) fn check_ip(profile: &ZoneProtection, frame: &[u8], packet: &Packet) -> Result<(), DropReason> {
    if packet.fragment.is_some() {
        refuse(profile.icmp.fragments && packet.protocol == protocol::ICMP, DropReason::IcmpFragment)?;
        refuse(profile.ip.fragments, DropReason::IpFragment)?;
    }
    let header = packet.transport - packet.network;
    match packet.addresses {
        Addresses::V4 { .. } if header > IPV4_HEADER => {
            ipv4_options(frame, packet).try_for_each(|option| check_option(&profile.ip, option))
        }
        Addresses::V4 { .. } => Ok(()),
        Addresses::V6 { source, destination } => {
            check_v6_addresses(&profile.ipv6, source, destination)?;
            if header > IPV6_HEADER {
                ipv6_extensions(frame, packet)
                    .try_for_each(|extension| check_extension(&profile.ipv6, extension))?;
            }
            Ok(())
        }
    }
}

/// Judges what a whole packet carries; `bytes` is what its offsets count in.
#[inline]
pub(super) fn check_transport(
    profile: &ZoneProtection,
    bytes: &[u8],
    packet: &Packet,
) -> Result<(), DropReason> {
    match packet.protocol {
        protocol::TCP if packet.tcp.flags.has(TcpFlags::SYN) && packet.payload_length > 0 => {
            if packet.tcp.flags.has(TcpFlags::ACK) {
                refuse(profile.tcp.syn_ack_with_data, DropReason::TcpSynAckWithData)
            } else {
                refuse(profile.tcp.syn_with_data, DropReason::TcpSynWithData)
            }
        }
        protocol::ICMP => check_icmp(&profile.icmp, packet),
        protocol::ICMPV6 if packet.icmp.kind == PACKET_TOO_BIG => {
            let is_small = mtu_of(bytes, packet).is_some_and(|mtu| mtu < LEAST_MTU);
            refuse(profile.ipv6.small_too_big && is_small, DropReason::PacketTooBigSmallMtu)
        }
        _ => Ok(()),
    }
}

fn check_option(drops: &IpDrops, option: IpOption) -> Result<(), DropReason> {
    let (is_forbidden, reason) = match option {
        IpOption::RecordRoute => (drops.record_route, DropReason::RecordRoute),
        IpOption::Timestamp => (drops.timestamp, DropReason::IpTimestampOption),
        IpOption::Security => (drops.security, DropReason::IpSecurityOption),
        IpOption::LooseSourceRoute => (drops.loose_source_route, DropReason::LooseSourceRoute),
        IpOption::StreamId => (drops.stream_id, DropReason::StreamIdOption),
        IpOption::StrictSourceRoute => (drops.strict_source_route, DropReason::StrictSourceRoute),
        IpOption::Other(_) => return Ok(()),
        IpOption::Unknown(_) => (drops.unknown_option, DropReason::UnknownIpOption),
        IpOption::Malformed => (drops.malformed_option, DropReason::MalformedIpOption),
    };
    refuse(is_forbidden, reason)
}

fn check_v6_addresses(drops: &Ipv6Drops, source: u128, destination: u128) -> Result<(), DropReason> {
    // Of ::/96, but neither the unspecified address nor the loopback one.
    let is_compatible = |address: u128| address >> 32 == 0 && address > 1;
    let has_compatible = is_compatible(source) || is_compatible(destination);
    refuse(drops.ipv4_compatible && has_compatible, DropReason::Ipv4CompatibleAddress)?;
    // A prefix, then zeros (RFC 4291, section 2.6.1): networks of hosts have prefixes of 64 bits.
    let is_anycast = source != 0 && source as u64 == 0;
    refuse(drops.anycast_source && is_anycast, DropReason::AnycastSource)
}

fn check_extension(drops: &Ipv6Drops, extension: Ipv6Extension) -> Result<(), DropReason> {
    match extension {
        Ipv6Extension::HopByHop { is_valid } => {
            refuse(drops.hop_by_hop, DropReason::Ipv6HopByHop)?;
            refuse(drops.invalid_options && !is_valid, DropReason::Ipv6InvalidOption)
        }
        Ipv6Extension::DestinationOptions { is_valid } => {
            refuse(drops.destination_options, DropReason::Ipv6DestinationOptions)?;
            refuse(drops.invalid_options && !is_valid, DropReason::Ipv6InvalidOption)
        }
        Ipv6Extension::Routing { kind } => {
            let is_forbidden = match kind {
                0 => drops.routing_header_0,
                1 => drops.routing_header_1,
                2 => false,
                3 => drops.routing_header_3,
                4..=252 => drops.routing_header_4_to_252,
                253 => drops.routing_header_253,
                254 => drops.routing_header_254,
                255 => drops.routing_header_255,
            };
            refuse(is_forbidden || drops.routing_header, DropReason::Ipv6RoutingHeader)
        }
        Ipv6Extension::Fragment { is_whole, is_reserved_zero } => {
            refuse(drops.needless_fragment_header && is_whole, DropReason::NeedlessFragmentHeader)?;
            refuse(drops.reserved_field && !is_reserved_zero, DropReason::Ipv6ReservedField)
        }
        Ipv6Extension::Other(_) => Ok(()),
    }
}

fn check_icmp(drops: &IcmpDrops, packet: &Packet) -> Result<(), DropReason> {
    const ECHO_REQUEST: u8 = 8;
    const LONGEST: u32 = 1024;
    let is_nameless = packet.icmp.kind == ECHO_REQUEST && packet.icmp.is_echo && packet.icmp.identifier == 0;
    refuse(drops.ping_zero_id && is_nameless, DropReason::IcmpPingZeroId)?;
    refuse(drops.fragments && packet.frames > 1, DropReason::IcmpFragment)?;
    // The header of a packet that came in fragments is not at hand: it had no options as a rule.
    let headers = u32::from(packet.payload - packet.transport) + u32::from(IPV4_HEADER);
    refuse(drops.large && packet.payload_length + headers > LONGEST, DropReason::IcmpLarge)?;
    refuse(drops.errors && packet.icmp.is_error, DropReason::IcmpError)
}

/// ICMPv6 "packet too big" (RFC 4443, section 3.2).
const PACKET_TOO_BIG: u8 = 2;
/// What every link of IPv6 carries (RFC 8200, section 5).
const LEAST_MTU: u32 = 1280;

fn mtu_of(bytes: &[u8], packet: &Packet) -> Option<u32> {
    const MTU: usize = 4;
    let field = bytes.get(usize::from(packet.transport) + MTU..)?.first_chunk()?;
    Some(u32::from_be_bytes(*field))
}

#[inline]
const fn refuse(is_forbidden: bool, reason: DropReason) -> Result<(), DropReason> {
    if is_forbidden { Err(reason) } else { Ok(()) }
}
