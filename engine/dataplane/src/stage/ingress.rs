//! From bytes to a packet with a flow key: headers, checksums, interface and zone.

use bifrons_model::{DropReason, InterfaceId, ZoneId};
use bifrons_session::FlowKey;
use bifrons_wire::{Addresses, FrameInfo, Packet, parse, verify};

use crate::{Frame, Worker, worker::Lane};

impl Worker {
    /// Reads a frame into its lane and fetches where its session will be looked for.
    #[inline]
    pub(crate) fn ingress(&self, frame: &Frame<'_>, lane: &mut Lane) {
        lane.packet = self.read(frame);
        lane.candidate = None;
        let Ok(packet) = &lane.packet else {
            return;
        };
        match self.origin(frame, packet) {
            Ok((interface, zone)) => {
                lane.interface = interface;
                lane.zone = zone;
                lane.hash = self.table.hash(&FlowKey::of(packet, zone));
                self.table.prefetch_bucket(lane.hash);
            }
            Err(reason) => lane.packet = Err(reason),
        }
    }

    #[inline(always)]
    fn read(&self, frame: &Frame<'_>) -> Result<Packet, DropReason> {
        let link = frame.link.ok_or(DropReason::UnsupportedLinkType)?;
        let packet = parse(frame.bytes, FrameInfo { link, wire_length: frame.wire_length }, self.reading)?;
        if self.policy.session().strict_checksum {
            verify(&packet, frame.bytes)?;
        }
        Ok(packet)
    }

    /// The interface and zone that a packet comes from.
    #[inline]
    fn origin(&self, frame: &Frame<'_>, packet: &Packet) -> Result<(InterfaceId, ZoneId), DropReason> {
        let is_v6 = matches!(packet.addresses, Addresses::V6 { .. });
        if is_v6 && !self.policy.session().ipv6_firewalling {
            return Err(DropReason::Ipv6Disabled);
        }
        let interface = match frame.interface {
            Some(interface) => interface,
            None => self.policy.ingress_of(packet.addresses.source()).ok_or(DropReason::NoRoute)?,
        };
        let zone = self.policy.zone_of(interface).ok_or(DropReason::NoZone)?;
        Ok((interface, zone))
    }
}
