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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use bifrons_config::typed::TcpDrops;
    use bifrons_wire::{FrameInfo, LinkType, Reading, parse};

    const V6_SOURCE: u128 = 0x2001_0db8_0000_0000_0000_0000_0000_0001;
    const V6_DESTINATION: u128 = 0x2001_0db8_0000_0001_0000_0000_0000_0002;

    fn v6(source: u128, destination: u128, first: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet =
            [&[0x60, 0, 0, 0, 0, rest.len() as u8, first, 64][..], &source.to_be_bytes()].concat();
        packet.extend(destination.to_be_bytes());
        packet.extend(rest);
        packet
    }

    fn judge(profile: &ZoneProtection, bytes: &[u8]) -> Result<(), DropReason> {
        let info = FrameInfo { link: LinkType::RawIp, wire_length: bytes.len() as u32 };
        let packet = parse(bytes, info, Reading::Strict)?;
        check_ip(profile, bytes, &packet).and_then(|()| check_transport(profile, bytes, &packet))
    }

    /// Nothing is forbidden but what `forbid` forbids.
    fn only(forbid: impl Fn(&mut Ipv6Drops)) -> ZoneProtection {
        let mut ipv6 = Ipv6Drops {
            routing_header_0: false,
            routing_header_1: false,
            routing_header_4_to_252: false,
            routing_header_255: false,
            ..Ipv6Drops::default()
        };
        forbid(&mut ipv6);
        ZoneProtection { ipv6, tcp: TcpDrops::default(), ..ZoneProtection::default() }
    }

    type Case = (fn(&mut Ipv6Drops), Vec<u8>, DropReason);

    #[test]
    fn each_line_of_ipv6_forbids_its_packets_and_no_others() {
        let plain = v6(V6_SOURCE, V6_DESTINATION, 59, &[]);
        let header = |first, header: [u8; 8]| v6(V6_SOURCE, V6_DESTINATION, first, &header);
        let routing = |kind| header(43, [59, 0, kind, 0, 0, 0, 0, 0]);
        let options = |first, kind, length| header(first, [59, 0, kind, length, 0, 0, 0, 0]);
        let too_big = |mtu: u16| {
            let [high, low] = mtu.to_be_bytes();
            v6(V6_SOURCE, V6_DESTINATION, 58, &[2, 0, 0, 0, 0, 0, high, low])
        };
        let cases: [Case; 17] = [
            (|drops| drops.routing_header_0 = true, routing(0), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header_1 = true, routing(1), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header_3 = true, routing(3), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header_4_to_252 = true, routing(252), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header_253 = true, routing(253), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header_254 = true, routing(254), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header_255 = true, routing(255), DropReason::Ipv6RoutingHeader),
            (|drops| drops.routing_header = true, routing(2), DropReason::Ipv6RoutingHeader),
            (
                |drops| drops.ipv4_compatible = true,
                v6(0xc000_0201, V6_DESTINATION, 59, &[]),
                DropReason::Ipv4CompatibleAddress,
            ),
            (
                |drops| drops.anycast_source = true,
                v6(V6_SOURCE - 1, V6_DESTINATION, 59, &[]),
                DropReason::AnycastSource,
            ),
            (
                |drops| drops.needless_fragment_header = true,
                header(44, [59, 0, 0, 0, 0, 0, 0, 9]),
                DropReason::NeedlessFragmentHeader,
            ),
            (|drops| drops.small_too_big = true, too_big(1279), DropReason::PacketTooBigSmallMtu),
            (|drops| drops.hop_by_hop = true, options(0, 1, 4), DropReason::Ipv6HopByHop),
            (|drops| drops.destination_options = true, options(60, 1, 4), DropReason::Ipv6DestinationOptions),
            (|drops| drops.invalid_options = true, options(0, 1, 9), DropReason::Ipv6InvalidOption),
            (|drops| drops.invalid_options = true, options(60, 5, 4), DropReason::Ipv6InvalidOption),
            (
                |drops| drops.reserved_field = true,
                header(44, [59, 1, 0, 0, 0, 0, 0, 9]),
                DropReason::Ipv6ReservedField,
            ),
        ];
        let nothing = only(|_| {});
        for (place, (forbid, packet, reason)) in cases.iter().enumerate() {
            assert_eq!(judge(&nothing, packet), Ok(()), "{place}");
            assert_eq!(judge(&only(forbid), packet), Err(*reason), "{place}");
            assert_eq!(judge(&only(forbid), &plain), Ok(()), "{place}");
        }
        let small = only(|drops| drops.small_too_big = true);
        assert_eq!(judge(&small, &too_big(1280)), Ok(()));
    }

    #[test]
    fn a_profile_that_says_nothing_forbids_deprecated_routing_headers_only() {
        let profile = ZoneProtection::default();
        for kind in 0..=255 {
            let packet = v6(V6_SOURCE, V6_DESTINATION, 43, &[59, 0, kind, 0, 0, 0, 0, 0]);
            let forbidden = !matches!(kind, 2 | 3 | 253 | 254);
            let expected = if forbidden { Err(DropReason::Ipv6RoutingHeader) } else { Ok(()) };
            assert_eq!(judge(&profile, &packet), expected, "{kind}");
        }
    }
}
