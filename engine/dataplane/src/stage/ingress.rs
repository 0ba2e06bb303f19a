//! From bytes to a packet with a flow key: headers, checksums, interface and zone.

use bifrons_model::{DropReason, InterfaceId, ZoneId};
use bifrons_session::FlowKey;
use bifrons_wire::{Addresses, FrameInfo, Packet, parse_into, verify};

use crate::{Frame, Worker, worker::Lane};

impl Worker {
    /// Reads a frame into its lane and fetches where its session will be looked for.
    #[inline]
    pub(crate) fn ingress(&self, frame: &Frame<'_>, lane: &mut Lane) {
        lane.candidate = None;
        lane.problem = self.read(frame, lane).err();
    }

    #[inline(always)]
    fn read(&self, frame: &Frame<'_>, lane: &mut Lane) -> Result<(), DropReason> {
        let link = frame.link.ok_or(DropReason::UnsupportedLinkType)?;
        let info = FrameInfo { link, wire_length: frame.wire_length };
        parse_into(frame.bytes, info, self.reading, &mut lane.packet)?;
        if self.policy.session().strict_checksum {
            verify(&lane.packet, frame.bytes)?;
        }
        (lane.interface, lane.zone) = self.origin(frame, &lane.packet)?;
        lane.hash = self.table.hash(&FlowKey::of(&lane.packet, lane.zone));
        self.table.prefetch_bucket(lane.hash);
        Ok(())
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
