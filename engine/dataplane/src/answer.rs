//! What the firewall sends of its own when it blocks: resets, ICMP unreachables.

use alloc::vec::Vec;

use bifrons_catalog::app;
use bifrons_config::typed::InterfaceKind;
use bifrons_model::{Action, Direction, DropReason, InterfaceId, ZoneId};
use bifrons_policy::{Decision, Preference};
use bifrons_session::{FlowKey, Hit, SessionFlags, tcp::Connection};
use bifrons_wire::{
    EthernetHeader, FrameInfo, HOP_LIMIT, IcmpError, LinkType, Packet, Reading, Reset, fragment, icmp_error,
    may_report_on, parse, protocol, tcp_reset,
};

use crate::{
    Emitted, Outbox, Step, Worker,
    adjacency::Waiting,
    links::Own,
    worker::{Lane, Wiring},
};

/// A packet that is blocked, and what is known of it.
#[derive(Clone, Copy)]
pub(crate) struct Blocked<'a> {
    pub hit: Hit,
    pub bytes: &'a [u8],
    pub lane: &'a Lane,
    pub packet: &'a Packet,
}

impl Worker {
    /// Answers a blocked session's packet as its action says ("Security policy actions"): a TCP session
    /// that was formed is reset at one end or both; what is dropped, and may be reported, is reported
    /// to the client.
    pub(crate) fn answer(&mut self, blocked: &Blocked<'_>, decision: &Decision, outbox: &mut Outbox) {
        let (to_client, to_server) = match decision.action {
            Action::ResetClient => (true, false),
            Action::ResetServer => (false, true),
            Action::ResetBoth => (true, true),
            Action::Allow | Action::Deny | Action::Drop | Action::DropIcmp => (false, false),
        };
        if to_client {
            self.reset(blocked, Direction::ServerToClient, outbox);
        }
        if to_server {
            self.reset(blocked, Direction::ClientToServer, outbox);
        }
        // A TCP session with a reset action gets no ICMP message.
        let is_reported = decision.icmp_unreachable
            && (decision.action == Action::DropIcmp || blocked.packet.protocol != protocol::TCP);
        if is_reported && blocked.hit.direction == Direction::ClientToServer {
            self.report(blocked.lane, blocked.bytes, blocked.packet, IcmpError::Prohibited, outbox);
        }
    }

    /// Sends a reset to the receiver of `direction`'s packets, in the name of their sender as the receiver
    /// knows it. Nothing is sent before the handshake is complete: a session that was never formed is
    /// just dropped.
    fn reset(&mut self, blocked: &Blocked<'_>, direction: Direction, outbox: &mut Outbox) {
        let session = self.table.get(blocked.hit.slot);
        let is_formed = matches!(session.tcp.connection(), Connection::Established | Connection::HalfClosed);
        if session.protocol() != protocol::TCP || !is_formed {
            return;
        }
        let segment = super::stage::segment_of(blocked.packet, blocked.bytes, blocked.hit.direction);
        let (sequence, acknowledgement) = session.tcp.reset_numbers(direction, &segment);
        let sequence = match self.edits(blocked.hit.slot) {
            Some(edits) => edits[direction.index()].outgoing(sequence, &[]).0,
            None => sequence,
        };
        let leaving = self.table.keys(blocked.hit.slot)[direction.reverse().index()];
        let packet = tcp_reset(&Reset {
            addresses: leaving.addresses().reversed(),
            source_port: leaving.destination_port(),
            destination_port: leaving.source_port(),
            sequence,
            acknowledgement: Some(acknowledgement),
            hop_limit: HOP_LIMIT,
        });
        match blocked.lane.wiring {
            Wiring::Capture => {
                let interface = self.interface_towards(Hit { direction, ..blocked.hit });
                self.emit(interface, LinkType::RawIp, packet, outbox);
            }
            Wiring::Routed => self.send_in_session(blocked, direction, packet, outbox),
            Wiring::Wire(peer) => self.send_on_wire(blocked, peer, direction, &packet, outbox),
            Wiring::Tap => {}
        }
    }

    /// Sends an ICMP error about a packet back to its sender, from the address of the interface it came in
    /// on, within `icmp-unreachable-rate`. Interfaces without a place in the network send none.
    pub(crate) fn report(
        &mut self,
        lane: &Lane,
        bytes: &[u8],
        packet: &Packet,
        error: IcmpError,
        outbox: &mut Outbox,
    ) {
        // What came in fragments is not at hand as a packet that could be quoted.
        if packet.frames == 1 {
            let quoted = bytes.get(usize::from(packet.network)..).unwrap_or_default();
            self.report_on(lane.interface, packet, quoted, error, outbox);
        }
    }

    /// The same about a packet that is given from its IP header on and came in by `interface`.
    pub(crate) fn report_packet(
        &mut self,
        interface: InterfaceId,
        quoted: &[u8],
        error: IcmpError,
        outbox: &mut Outbox,
    ) {
        let info = FrameInfo { link: LinkType::RawIp, wire_length: quoted.len() as u32 };
        if let Ok(packet) = parse(quoted, info, Reading::Lenient) {
            self.report_on(interface, &packet, quoted, error, outbox);
        }
    }

    fn report_on(
        &mut self,
        interface: InterfaceId,
        packet: &Packet,
        quoted: &[u8],
        error: IcmpError,
        outbox: &mut Outbox,
    ) {
        if self.suppresses(interface, error) {
            return;
        }
        let is_routed = self.policy.interface_kind(interface) == Some(InterfaceKind::Layer3);
        let source = packet.addresses.source();
        let Some(from) = self.policy.interface_address(interface, source).filter(|_| is_routed) else {
            return;
        };
        if !may_report_on(packet)
            || !self.unreachables.admit(self.now, self.policy.session().icmp_unreachable_rate)
        {
            return;
        }
        if let Some(packet) = icmp_error(error, from, quoted) {
            self.send(interface, packet, outbox);
        }
    }

    /// Sends a packet the way that packets of a session's direction go.
    fn send_in_session(
        &mut self,
        blocked: &Blocked<'_>,
        direction: Direction,
        packet: Vec<u8>,
        outbox: &mut Outbox,
    ) {
        let session = self.table.get(blocked.hit.slot);
        if session.flags.has(SessionFlags::HOST) {
            return self.send(blocked.lane.interface, packet, outbox);
        }
        let from = match direction {
            _ if direction == blocked.hit.direction => blocked.lane.interface,
            Direction::ClientToServer => session.interface_in,
            Direction::ServerToClient => session.interface_out,
        };
        let place = match session.hops.get(direction, self.adjacencies.epoch()) {
            Some(place) => Ok(place),
            None => self.find_hop(Hit { direction, ..blocked.hit }, from, None, outbox),
        };
        if let (Ok(place), Ok(read)) = (place, read_own(&packet)) {
            self.send_to(place, &packet, &read, outbox);
        }
    }

    /// Sends a packet of the firewall's own to its destination, by the routes of the router that `interface`
    /// belongs to; by the interface itself where that has no link.
    pub(crate) fn send(&mut self, interface: InterfaceId, packet: Vec<u8>, outbox: &mut Outbox) {
        self.send_preferring(interface, None, packet, outbox);
    }

    /// The same for an answer to what came in by `interface`.
    pub(crate) fn send_answer(&mut self, interface: InterfaceId, packet: Vec<u8>, outbox: &mut Outbox) {
        self.send_preferring(interface, Some(interface), packet, outbox);
    }

    fn send_preferring(
        &mut self,
        interface: InterfaceId,
        came_by: Option<InterfaceId>,
        packet: Vec<u8>,
        outbox: &mut Outbox,
    ) {
        let Some(router) = self.links.link(interface).map(|link| link.router) else {
            return self.emit(interface, LinkType::RawIp, packet, outbox);
        };
        let Ok(read) = read_own(&packet) else { return };
        let source = match self.links.own(router, read.addresses.source()) {
            Some(Own::Address(own)) => Some(own),
            Some(Own::Broadcast) | None => None,
        };
        let leaving = FlowKey::of(&read, ZoneId(0));
        let preference = Preference { came_by, source };
        let Ok(way) = self.way_preferring(interface, &leaving, &preference) else { return };
        let place = self.station(way, read.addresses.destination(), outbox);
        self.send_to(place, &packet, &read, outbox);
    }

    /// Sends a packet to a station.
    fn send_to(&mut self, place: u16, packet: &[u8], read: &Packet, outbox: &mut Outbox) {
        let Some(station) = self.adjacencies.station(place).copied() else { return };
        let mtu = usize::from(station.mtu);
        let identification = if packet.len() > mtu { self.identification() } else { 0 };
        let Some(packets) = fragment(packet, read, mtu, identification.into()) else { return };
        if station.is_known() {
            for packet in packets {
                self.emit(station.interface, LinkType::Ethernet, station.frame(&packet), outbox);
            }
        } else {
            self.counters.emitted += packets.len() as u64;
            self.adjacencies.wait(place, Waiting { packets, frames: 0, report_to: None });
        }
    }

    /// Sends a packet to where the packet at hand came from.
    pub(crate) fn send_back(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        answer: Vec<u8>,
        outbox: &mut Outbox,
    ) {
        match lane.wiring {
            Wiring::Capture => self.emit(lane.interface, LinkType::RawIp, answer, outbox),
            Wiring::Routed => self.send_back_routed(bytes, lane, packet, answer, outbox),
            Wiring::Wire(_) => {
                let mut frame = bytes.get(..usize::from(packet.network)).unwrap_or_default().to_vec();
                swap_stations(&mut frame);
                frame.extend(answer);
                self.emit(lane.interface, LinkType::Ethernet, frame, outbox);
            }
            Wiring::Tap => {}
        }
    }

    fn send_back_routed(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        answer: Vec<u8>,
        outbox: &mut Outbox,
    ) {
        let key = FlowKey::of(packet, lane.zone);
        let forced = self.forced_way(lane.interface, (&key, app::UNDECIDED), None).unwrap_or_default();
        let sender = EthernetHeader::read(bytes).map(|(header, _)| header.source);
        let sender = sender.filter(|sender| !sender.is_multicast());
        if let (Some(listed), Some(sender), Ok(read)) = (forced.symmetric_return, sender, read_own(&answer)) {
            let back = self.return_to(lane.interface, sender, (&listed, key.is_v6()), outbox);
            let place = self.place(back.interface, back.next, outbox);
            return self.send_to(place, &answer, &read, outbox);
        }
        self.send_answer(lane.interface, answer, outbox);
    }

    /// Sends a packet to one end of a wire, in a frame like those that the packet at hand came in.
    fn send_on_wire(
        &mut self,
        blocked: &Blocked<'_>,
        peer: InterfaceId,
        direction: Direction,
        packet: &[u8],
        outbox: &mut Outbox,
    ) {
        let header = blocked.bytes.get(..usize::from(blocked.packet.network)).unwrap_or_default();
        let mut frame = header.to_vec();
        let interface = if direction == blocked.hit.direction { peer } else { blocked.lane.interface };
        if direction != blocked.hit.direction {
            swap_stations(&mut frame);
        }
        frame.extend_from_slice(packet);
        self.emit(interface, LinkType::Ethernet, frame, outbox);
    }

    fn emit(&mut self, interface: InterfaceId, link: LinkType, packet: Vec<u8>, outbox: &mut Outbox) {
        self.counters.emitted += 1;
        outbox.note(|| Step::Emitted);
        outbox.emitted.push(Emitted { interface, link, packet });
    }
}

fn read_own(packet: &[u8]) -> Result<Packet, DropReason> {
    let info = FrameInfo { link: LinkType::RawIp, wire_length: packet.len() as u32 };
    parse(packet, info, Reading::Strict)
}

/// Turns an Ethernet header round.
fn swap_stations(frame: &mut [u8]) {
    if let Some((one, other)) = frame.split_at_mut_checked(6)
        && let Some(other) = other.get_mut(..6)
    {
        one.swap_with_slice(other);
    }
}
