//! Traffic to the device itself: what the management profile of the interface offers, and to whom.

use bifrons_model::{Direction, DropReason, InterfaceId};
use bifrons_session::Hit;
use bifrons_wire::{Packet, echo_reply};

use crate::{
    Outbox, Verdict, Worker,
    links::{Own, offers},
    worker::{Body, Lane, Wiring},
};

/// ICMP and ICMPv6 echo requests.
const ECHO_REQUESTS: [u8; 2] = [8, 128];

impl Worker {
    /// The interface whose address a packet goes to, if it is one of the device's own.
    pub(crate) fn own_interface(&self, lane: &Lane, address: core::net::IpAddr) -> Option<InterfaceId> {
        if lane.wiring != Wiring::Routed {
            return None;
        }
        let router = self.links.link(lane.interface)?.router;
        match self.links.own(router, address)? {
            Own::Address(interface) => Some(interface),
            Own::Broadcast => None,
        }
    }

    /// Whether the interface that has the address offers the service that the packet asks for.
    pub(crate) fn offers(&self, interface: InterfaceId, packet: &Packet) -> bool {
        let is_echo = packet.icmp.is_echo && ECHO_REQUESTS.contains(&packet.icmp.kind);
        let service = (packet.protocol, packet.destination_port);
        self.links
            .management(interface)
            .is_some_and(|profile| offers(profile, packet.addresses.source(), service, is_echo))
    }

    /// A packet of a session with the device: an echo request is answered here, the rest is the device's.
    pub(crate) fn deliver(
        &mut self,
        hit: Hit,
        body: &Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        if !packet.icmp.is_echo {
            return Verdict::Host(lane.interface);
        }
        if hit.direction == Direction::ServerToClient || !ECHO_REQUESTS.contains(&packet.icmp.kind) {
            return Verdict::Drop(DropReason::HostService);
        }
        let request = body.bytes.get(usize::from(packet.network)..).unwrap_or_default();
        // What came in fragments lies behind no header.
        if let Some(reply) = (packet.frames == 1).then(|| echo_reply(request)).flatten() {
            let session = self.table.get_mut(hit.slot);
            let volume = &mut session.volume[Direction::ServerToClient.index()];
            volume.packets += 1;
            volume.bytes += u64::from(packet.wire_length);
            self.send(lane.interface, reply, outbox);
        }
        Verdict::Host(lane.interface)
    }
}
