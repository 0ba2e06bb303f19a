//! Traffic to the device itself: what the management profile of the interface offers, and to whom.

use alloc::sync::Arc;

use bifrons_model::{Direction, DropReason, InterfaceId};
use bifrons_session::Hit;
use bifrons_wire::{Addresses, Packet, answer_echo};

use crate::{
    Outbox, Verdict, Worker,
    links::{Own, offers},
    worker::{Body, Lane, Wiring},
};

/// ICMP and ICMPv6 echo requests.
const ECHO_REQUESTS: [u8; 2] = [8, 128];

/// An answer to an echo request of the device's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedEcho {
    /// The request's identifier.
    pub identifier: u16,
    /// From the one who is asked to the address that he is asked from.
    pub addresses: Addresses,
    /// The interface that has that address.
    pub interface: InterfaceId,
}

impl Worker {
    /// Takes the answers that the device waits for, in order of identifiers, in place of those before. They
    /// are the device's whatever rules say and sessions there are; other echo replies to it are refused.
    pub fn handle_awaited(&mut self, awaited: Arc<[AwaitedEcho]>) {
        self.awaited = awaited;
    }

    /// Whether an echo is an answer that the device waits for.
    #[cold]
    pub(crate) fn is_awaited(&self, lane: &Lane, packet: &Packet) -> bool {
        if ECHO_REQUESTS.contains(&packet.icmp.kind) || lane.wiring != Wiring::Routed || packet.frames != 1 {
            return false;
        }
        let router = |interface| self.links.link(interface).map(|link| link.router);
        let identifier = packet.icmp.identifier;
        let found = self.awaited.binary_search_by_key(&identifier, |awaited| awaited.identifier);
        let found = found.ok().and_then(|place| self.awaited.get(place));
        found.is_some_and(|awaited| {
            awaited.addresses == packet.addresses && router(awaited.interface) == router(lane.interface)
        })
    }

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
        let request = packet.transport_of(body.bytes);
        let reply = (!packet.is_cut()).then(|| answer_echo(packet.addresses, packet.protocol, request));
        if let Some(reply) = reply.flatten() {
            let session = self.table.get_mut(hit.slot);
            let volume = &mut session.volume[Direction::ServerToClient.index()];
            volume.packets += u64::from(packet.frames);
            volume.bytes += u64::from(packet.wire_length);
            self.send_answer(lane.interface, reply, outbox);
        }
        Verdict::Host(lane.interface)
    }
}
