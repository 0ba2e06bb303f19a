//! What is in the stream: payload goes to the session's identification, its answer back to the policy.

use bifrons_inspect::{Inspection, Opening, Payload, Progress, Transport};
use bifrons_model::{AppId, Direction, DropReason, Subtype, Tracker};
use bifrons_session::{Hit, NONE, Session, SessionFlags, Timer};
use bifrons_wire::{Packet, TcpFlags, protocol};

use crate::{Outbox, Worker, close::Notes};

impl Worker {
    /// Shows a packet's payload to the session's identification. An error drops the packet.
    #[inline]
    pub(crate) fn inspect(
        &mut self,
        hit: Hit,
        bytes: &[u8],
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let session = self.table.get(hit.slot);
        if packet.payload_length > 0 && is_no_data(session, hit.direction, packet) {
            return Ok(());
        }
        if packet.payload_captured == 0 || session.flags.has(SessionFlags::INSPECTED) {
            self.counters.fast += 1;
            // Nearly every session has had payload: what is asked first is what seldom changes.
            if (!session.flags.has(SessionFlags::PAYLOAD) || session.flags.has(SessionFlags::LOG_START))
                && packet.payload_length > 0
            {
                self.note_payload(hit.slot, outbox);
            }
            return Ok(());
        }
        self.counters.inspected += 1;
        let handle = match session.inspection {
            NONE => self.begin_inspection(hit.slot),
            handle => handle,
        };
        let is_syn = packet.tcp.flags.has(TcpFlags::SYN);
        let payload = Payload {
            direction: hit.direction,
            sequence: packet.tcp.sequence.wrapping_add(u32::from(is_syn)),
            bytes: packet.payload_of(bytes),
            cut: packet.payload_length - packet.payload_captured,
        };
        let progress = match self.inspections.get_mut(handle as usize) {
            Some(inspection) => inspection.payload(payload, &self.limits),
            None => Progress { finished: true, ..Progress::default() },
        };
        self.apply(hit.slot, progress, packet, outbox)
    }

    fn begin_inspection(&mut self, slot: u32) -> u32 {
        let session = self.table.get(slot);
        let (client_port, server_port) = session.ports();
        let inspection = Inspection::new(Opening {
            transport: if session.protocol() == protocol::TCP { Transport::Tcp } else { Transport::Udp },
            client_port,
            server_port,
            first_sequence: [Direction::ClientToServer, Direction::ServerToClient]
                .map(|direction| session.tcp.first_sequence(direction)),
        });
        let handle = self.inspections.insert(inspection) as u32;
        self.table.get_mut(slot).inspection = handle;
        handle
    }

    fn apply(
        &mut self,
        slot: u32,
        progress: Progress,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        if progress.out_of_order_exceeded {
            self.exceed_out_of_order(slot)?;
        }
        if let Some(name) = progress.server_name {
            let handle = self.notes.insert(Notes { server_name: name }) as u32;
            let session = self.table.get_mut(slot);
            let old = core::mem::replace(&mut session.notes, handle);
            self.notes.try_remove(old as usize);
        }
        if progress.new_connection {
            self.table.get_mut(slot).causes.add(Tracker::Decoder);
        }
        if progress.finished {
            self.free_inspection(slot);
            self.table.get_mut(slot).flags.set(SessionFlags::INSPECTED, true);
        }
        if let Some(app) = progress.app {
            self.identify(slot, app, packet, outbox)?;
        }
        self.note_payload(slot, outbox);
        Ok(())
    }

    /// The application is known, or is another than it was: the rules are asked again.
    fn identify(
        &mut self,
        slot: u32,
        app: AppId,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        self.table.get_mut(slot).app = app;
        // A change of application is a start of its own.
        self.table.get_mut(slot).flags.set(SessionFlags::STARTED, false);
        if self.table.get(slot).flags.has(SessionFlags::CERTAIN) {
            self.follow_timeouts(slot);
            return Ok(());
        }
        let decision = self.ask(slot);
        if !decision.action.passes() {
            self.deny(slot, packet, &decision, Subtype::Deny, outbox);
            return Err(DropReason::PolicyDeny);
        }
        self.follow(slot, &decision);
        Ok(())
    }

    /// Too many segments wait for a gap: uninspected from here, or over, as configured.
    fn exceed_out_of_order(&mut self, slot: u32) -> Result<(), DropReason> {
        if self.policy.tcp().bypass_exceed_oo_queue {
            self.counters.notice(DropReason::TcpOutOfOrderLimit);
            return Ok(());
        }
        self.free_inspection(slot);
        let session = self.table.get_mut(slot);
        session.flags.set(SessionFlags::PAYLOAD, true);
        session.causes.add(Tracker::ResourceLimit);
        session.state = bifrons_session::State::Discard;
        self.run_timer(slot, Timer::DiscardTcp);
        Err(DropReason::TcpOutOfOrderLimit)
    }

    /// Payload has passed; the first of it is a start to be logged.
    fn note_payload(&mut self, slot: u32, outbox: &mut Outbox) {
        let now = self.now;
        let session = self.table.get_mut(slot);
        session.flags.set(SessionFlags::PAYLOAD, true);
        if session.flags.has(SessionFlags::LOG_START) && !session.flags.has(SessionFlags::STARTED) {
            session.flags.set(SessionFlags::STARTED, true);
            self.write_record(slot, Subtype::Start, now, outbox);
        }
    }
}

/// Bytes that are none of the stream: the text of a reset (RFC 9293, section 3.5.3), the byte of a
/// keep-alive probe, which repeats a number from before the first data (RFC 1122, section 4.2.3.6).
#[inline]
fn is_no_data(session: &Session, direction: Direction, packet: &Packet) -> bool {
    if packet.protocol != protocol::TCP || session.flags.has(SessionFlags::PAYLOAD) {
        return false;
    }
    let end = packet.tcp.sequence.wrapping_add(packet.payload_length);
    let is_old =
        session.tcp.first_sequence(direction).is_some_and(|first| end.wrapping_sub(first) as i32 <= 0);
    packet.tcp.flags.has(TcpFlags::RST) || (is_old && !packet.tcp.flags.has(TcpFlags::SYN))
}
