//! From bytes to a packet with a flow key: headers, checksums, interface and zone; and what is for the device
//! itself before it is a packet to forward.

use core::net::IpAddr;

use bifrons_model::{DropReason, InterfaceId, ZoneId};
use bifrons_session::FlowKey;
use bifrons_wire::{
    Addresses, ETHERTYPE_ARP, EthernetHeader, FrameInfo, LinkType, Packet, parse_into, protocol, verify,
};

use crate::{
    Frame, Verdict, Worker,
    links::{Own, Port, PortMode},
    worker::{Lane, Wiring},
};

/// Router and neighbor solicitations and advertisements, redirects (RFC 4861, section 4).
const NEIGHBOR_DISCOVERY: core::ops::RangeInclusive<u8> = 133..=137;
/// What comes over a router has fewer hops left (RFC 4861, section 3.1).
const HOP_LIMIT_OF_NEIGHBORS: u8 = 255;

/// Where a frame came from.
struct Origin {
    wiring: Wiring,
    interface: InterfaceId,
    zone: ZoneId,
}

impl Worker {
    /// Reads a frame into its lane and fetches where its session will be looked for.
    #[inline]
    pub(crate) fn ingress(&self, frame: &Frame<'_>, lane: &mut Lane) {
        lane.candidate = None;
        lane.fate = self.read(frame, lane).err();
    }

    #[inline(always)]
    fn read(&self, frame: &Frame<'_>, lane: &mut Lane) -> Result<(), Verdict> {
        let drop = Verdict::Drop;
        let link = frame.link.ok_or(drop(DropReason::UnsupportedLinkType))?;
        let info = FrameInfo { link, wire_length: frame.wire_length };
        if let Err(reason) = parse_into(frame.bytes, info, self.reading, &mut lane.packet) {
            return Err(self.read_other(frame, reason));
        }
        if self.policy.session().strict_checksum {
            verify(&lane.packet, frame.bytes).map_err(drop)?;
        }
        let origin = if self.links.is_empty() {
            self.origin_in_capture(frame, &lane.packet).map_err(drop)?
        } else {
            self.origin(frame, &lane.packet)?
        };
        lane.link = link;
        lane.wiring = origin.wiring;
        lane.interface = origin.interface;
        lane.zone = origin.zone;
        lane.hash = self.table.hash(&FlowKey::of(&lane.packet, lane.zone));
        self.table.prefetch_bucket(lane.hash);
        Ok(())
    }

    /// The interface and zone that a packet of a capture comes from.
    #[inline]
    fn origin_in_capture(&self, frame: &Frame<'_>, packet: &Packet) -> Result<Origin, DropReason> {
        let is_v6 = matches!(packet.addresses, Addresses::V6 { .. });
        if is_v6 && !self.policy.session().ipv6_firewalling {
            return Err(DropReason::Ipv6Disabled);
        }
        let interface = match frame.interface {
            Some(interface) => interface,
            None => self.policy.ingress_of(packet.addresses.source()).ok_or(DropReason::NoRoute)?,
        };
        let zone = self.policy.zone_of(interface).ok_or(DropReason::NoZone)?;
        Ok(Origin { wiring: Wiring::Capture, interface, zone })
    }

    /// The interface and zone that a packet comes from whose frame came in by a port.
    #[inline]
    fn origin(&self, frame: &Frame<'_>, packet: &Packet) -> Result<Origin, Verdict> {
        if frame.link == Some(LinkType::Ethernet)
            && !is_discovery(packet)
            && let Some(port) = frame.interface
            && let Some(interface) = self.links.takes_usual(port, frame.bytes)
            && let Some(zone) = self.policy.zone_of(interface)
        {
            return Ok(Origin { wiring: Wiring::Routed, interface, zone });
        }
        self.origin_by_port(frame, packet)
    }

    /// The same for any frame.
    #[inline(never)]
    fn origin_by_port(&self, frame: &Frame<'_>, packet: &Packet) -> Result<Origin, Verdict> {
        let (at, port) = self.port(frame)?;
        let (interface, wiring) = match &port.mode {
            PortMode::Routed { .. } => {
                let interface = self.addressed(frame, port, packet)?;
                (interface, Wiring::Routed)
            }
            PortMode::Wire(wire) => {
                let Some((header, _)) = EthernetHeader::read(frame.bytes) else {
                    return Err(Verdict::Drop(DropReason::TruncatedHeader));
                };
                if !wire.admits(header.tag) {
                    return Err(Verdict::Drop(DropReason::UnknownVlan));
                }
                let is_unjudged_group = header.destination.is_multicast() && !wire.judges_multicast;
                if is_unjudged_group || is_discovery(packet) {
                    return Err(Verdict::Transmit(wire.peer));
                }
                (at, Wiring::Wire(wire.peer))
            }
            PortMode::Tap => (at, Wiring::Tap),
        };
        let is_v6 = matches!(packet.addresses, Addresses::V6 { .. });
        if is_v6 && !self.policy.session().ipv6_firewalling {
            return Err(Verdict::Drop(DropReason::Ipv6Disabled));
        }
        let zone = self.policy.zone_of(interface).ok_or(Verdict::Drop(DropReason::NoZone))?;
        Ok(Origin { wiring, interface, zone })
    }

    fn port(&self, frame: &Frame<'_>) -> Result<(InterfaceId, &Port), Verdict> {
        let down = Verdict::Drop(DropReason::InterfaceDown);
        let at = frame.interface.ok_or(down)?;
        let port = self.links.port(at).filter(|port| port.is_up).ok_or(down)?;
        if frame.link != Some(LinkType::Ethernet) {
            return Err(Verdict::Drop(DropReason::UnsupportedLinkType));
        }
        Ok((at, port))
    }

    /// The routed interface that a frame is sent to.
    #[inline]
    fn addressed(&self, frame: &Frame<'_>, port: &Port, packet: &Packet) -> Result<InterfaceId, Verdict> {
        let drop = Verdict::Drop;
        let Some((header, length)) = EthernetHeader::read(frame.bytes) else {
            return Err(drop(DropReason::TruncatedHeader));
        };
        let interface = port.interface_of(header.tag).map_err(drop)?;
        let link = self.links.link(interface).ok_or(drop(DropReason::InterfaceDown))?;
        if usize::from(packet.network) != length {
            // More tags, labels, or a session of PPP over Ethernet.
            return Err(drop(DropReason::NotIp));
        }
        if is_discovery(packet) {
            return Err(if packet.hop_limit == HOP_LIMIT_OF_NEIGHBORS {
                Verdict::Host(interface)
            } else {
                drop(DropReason::HopLimitExceeded)
            });
        }
        if link.answers_to(header.destination) {
            return Ok(interface);
        }
        let destination = packet.addresses.destination();
        Err(drop(match header.destination.is_multicast() {
            false => DropReason::OtherStation,
            true if destination.is_multicast() => DropReason::Multicast,
            true => DropReason::Broadcast,
        }))
    }

    /// A frame that cannot be read as an IP packet: ARP is the device's, and a wire carries what it is given.
    #[cold]
    fn read_other(&self, frame: &Frame<'_>, reason: DropReason) -> Verdict {
        let Ok((_, port)) = self.port(frame) else { return Verdict::Drop(reason) };
        let Some((header, _)) = EthernetHeader::read(frame.bytes) else { return Verdict::Drop(reason) };
        match &port.mode {
            PortMode::Wire(wire) if reason == DropReason::NotIp && wire.admits(header.tag) => {
                Verdict::Transmit(wire.peer)
            }
            PortMode::Routed { .. } if header.ethertype == ETHERTYPE_ARP => {
                port.interface_of(header.tag).map_or_else(Verdict::Drop, Verdict::Host)
            }
            PortMode::Wire(_) | PortMode::Routed { .. } | PortMode::Tap => Verdict::Drop(reason),
        }
    }

    /// Refuses the first packet of a session between addresses that no router forwards (RFC 1812, section
    /// 5.3.7; RFC 4291, sections 2.4 and 2.5).
    pub(crate) fn check_addresses(&self, lane: &Lane, packet: &Packet) -> Result<(), DropReason> {
        let (source, destination) = (packet.addresses.source(), packet.addresses.destination());
        let router = self.links.link(lane.interface).map(|link| link.router);
        let is_own = |address| router.and_then(|router| self.links.own(router, address));
        let is_limited_broadcast = destination == IpAddr::from([255; 4]);
        if is_limited_broadcast || is_own(destination) == Some(Own::Broadcast) {
            return Err(DropReason::Broadcast);
        }
        if destination.is_multicast() {
            return Err(DropReason::Multicast);
        }
        let is_impossible = is_martian(source) || is_martian(destination) || source.is_multicast();
        if is_impossible || matches!(is_own(source), Some(Own::Address(_) | Own::Broadcast)) {
            return Err(DropReason::MartianAddress);
        }
        Ok(())
    }
}

/// Whether the hosts of one link speak of their addresses: what ARP is to IPv4. It passes a wire as that
/// does.
#[inline]
fn is_discovery(packet: &Packet) -> bool {
    packet.protocol == protocol::ICMPV6
        && NEIGHBOR_DISCOVERY.contains(&packet.icmp.kind)
        && packet.fragment.is_none()
}

/// Whether no host on a network has this address, or only on its own link.
fn is_martian(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            first == 0 || first >= 240 || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_unspecified()
                || address.is_loopback()
                || address.is_unicast_link_local()
                || address.to_ipv4_mapped().is_some()
        }
    }
}
