//! What is in the stream: payload goes to the session's identification, its answer back to the policy.

use bifrons_inspect::{Inspection, Opening, Payload, Progress, Transport};
use bifrons_model::{AppId, Direction, DropReason, Subtype, Tracker};
use bifrons_policy::Query;
use bifrons_session::{Hit, NONE, SessionFlags, Timer};
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
        let key = self.table.keys(slot)[Direction::ClientToServer.index()];
        let session = self.table.get_mut(slot);
        session.app = app;
        let zone_to = session.zone_to;
        let decision = self.policy.lookup(&Query {
            zone_from: key.zone(),
            zone_to,
            source: key.addresses().source(),
            destination: key.addresses().destination(),
            source_port: key.source_port(),
            destination_port: key.destination_port(),
            protocol: packet.protocol,
            app: Some(app),
        });
        if !decision.action.passes() {
            self.deny(slot, packet, &decision, Subtype::Deny, outbox);
            return Err(DropReason::PolicyDeny);
        }
        let session = self.table.get_mut(slot);
        session.rule = decision.rule;
        session.flags.set(SessionFlags::LOG_END, decision.log_end);
        session.flags.set(SessionFlags::LOG_START, decision.log_start);
        // A change of application is a start of its own.
        session.flags.set(SessionFlags::STARTED, false);
        let timer = session.timer;
        match timer {
            Timer::Tcp | Timer::Udp => self.run_timer(slot, timer),
            Timer::TcpInit
            | Timer::TcpHandshake
            | Timer::TcpHalfClosed
            | Timer::TcpTimeWait
            | Timer::TcpUnverifiedReset
            | Timer::Icmp
            | Timer::SctpInit
            | Timer::SctpCookie
            | Timer::Sctp
            | Timer::SctpShutdown
            | Timer::Other
            | Timer::DiscardTcp
            | Timer::DiscardUdp
            | Timer::DiscardSctp
            | Timer::DiscardOther => {}
        }
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
