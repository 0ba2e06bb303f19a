//! From bytes to a packet with a flow key: headers, checksums, interface and zone.

use bifrons_model::{DropReason, InterfaceId, ZoneId};
use bifrons_session::FlowKey;
use bifrons_wire::{Addresses, FrameInfo, Packet, parse, verify};

use crate::{Frame, Worker, worker::Lane};

impl Worker {
    /// Reads a frame and fetches where its session will be looked for.
    #[inline]
    pub(crate) fn ingress(&self, frame: &Frame<'_>) -> Lane {
        match self.read(frame) {
            Ok((packet, interface, zone)) => {
                let hash = self.table.hash(&FlowKey::of(&packet, zone));
                self.table.prefetch_bucket(hash);
                Lane { packet: Ok(packet), interface, zone, hash, candidate: None }
            }
            Err(reason) => {
                let (interface, zone) = (InterfaceId(0), ZoneId(0));
                Lane { packet: Err(reason), interface, zone, hash: 0, candidate: None }
            }
        }
    }

    #[inline(always)]
    fn read(&self, frame: &Frame<'_>) -> Result<(Packet, InterfaceId, ZoneId), DropReason> {
        let link = frame.link.ok_or(DropReason::UnsupportedLinkType)?;
        let packet = parse(frame.bytes, FrameInfo { link, wire_length: frame.wire_length }, self.reading)?;
        let session = self.policy.session();
        if session.strict_checksum {
            verify(&packet, frame.bytes)?;
        }
        if !session.ipv6_firewalling && matches!(packet.addresses, Addresses::V6 { .. }) {
            return Err(DropReason::Ipv6Disabled);
        }
        let interface = match frame.interface {
            Some(interface) => interface,
            None => self.policy.ingress_of(packet.addresses.source()).ok_or(DropReason::NoRoute)?,
        };
        let zone = self.policy.zone_of(interface).ok_or(DropReason::NoZone)?;
        Ok((packet, interface, zone))
    }
}
