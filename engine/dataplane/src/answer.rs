//! What the firewall sends of its own when it blocks: resets, ICMP unreachables.

use alloc::vec::Vec;

use bifrons_config::typed::InterfaceKind;
use bifrons_model::{Action, Direction, InterfaceId};
use bifrons_policy::Decision;
use bifrons_session::{Hit, tcp::Connection};
use bifrons_wire::{HOP_LIMIT, IcmpError, Packet, Reset, icmp_error, may_report_on, protocol, tcp_reset};

use crate::{Emitted, Outbox, Step, Worker, worker::Lane};

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
            self.report(blocked, IcmpError::Prohibited, outbox);
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
        let leaving = self.table.keys(blocked.hit.slot)[direction.reverse().index()];
        let packet = tcp_reset(&Reset {
            addresses: leaving.addresses().reversed(),
            source_port: leaving.destination_port(),
            destination_port: leaving.source_port(),
            sequence,
            acknowledgement: Some(acknowledgement),
            hop_limit: HOP_LIMIT,
        });
        self.emit(blocked.hit, direction, packet, outbox);
    }

    /// Sends an ICMP error about the packet back to its sender, from the address of the interface it came
    /// in on, within `icmp-unreachable-rate`. Interfaces without a place in the network send none.
    fn report(&mut self, blocked: &Blocked<'_>, error: IcmpError, outbox: &mut Outbox) {
        let interface = blocked.lane.interface;
        let is_routed = self.policy.interface_kind(interface) == Some(InterfaceKind::Layer3);
        let source = blocked.packet.addresses.source();
        let Some(from) = self.policy.interface_address(interface, source).filter(|_| is_routed) else {
            return;
        };
        // What came in fragments is not at hand as a packet that could be quoted.
        if blocked.packet.frames != 1
            || !may_report_on(blocked.packet)
            || !self.unreachables.admit(self.now, self.policy.session().icmp_unreachable_rate)
        {
            return;
        }
        let quoted = blocked.bytes.get(usize::from(blocked.packet.network)..).unwrap_or_default();
        if let Some(packet) = icmp_error(error, from, quoted) {
            self.send(interface, packet, outbox);
        }
    }

    fn emit(&mut self, hit: Hit, direction: Direction, packet: Vec<u8>, outbox: &mut Outbox) {
        let interface = self.interface_towards(Hit { direction, ..hit });
        self.send(interface, packet, outbox);
    }

    fn send(&mut self, interface: InterfaceId, packet: Vec<u8>, outbox: &mut Outbox) {
        self.counters.emitted += 1;
        outbox.note(|| Step::Emitted);
        outbox.emitted.push(Emitted { interface, packet });
    }
}
