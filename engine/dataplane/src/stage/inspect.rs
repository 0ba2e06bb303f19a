//! What is in the stream: payload goes to the session's identification, its answer back to the policy.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_inspect::{Inspection, Opening, Payload, Progress, Transport};
use bifrons_model::{Direction, DropReason, Subtype, Tracker};
use bifrons_session::{Hit, NONE, Session, SessionFlags, Timer};
use bifrons_wire::{Packet, TcpFlags, protocol};

use crate::{EventKind, Outbox, Step, Worker, answer::Blocked, worker::Lane};

impl Worker {
    /// Shows a packet's payload to the session's identification. The payload that leaves instead comes back
    /// where it does not leave as it came. An error drops the packet.
    #[inline(always)]
    pub(crate) fn inspect(
        &mut self,
        hit: Hit,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Option<Vec<u8>>, DropReason> {
        let session = self.table.get(hit.slot);
        if packet.payload_length > 0 && is_no_data(session, hit.direction, packet) {
            return Ok(None);
        }
        // What was learnt holds once the receivers have what it rests on: until then the inspection stays.
        let is_over = session.flags.has(SessionFlags::INSPECTED) && session.inspection == NONE;
        if packet.payload_captured == 0 || is_over {
            self.counters.fast += 1;
            if session.inspection != NONE && session.flags.has(SessionFlags::INSPECTED) {
                self.release_inspection(hit.slot);
                return Ok(None);
            }
            // Nearly every session has had payload: what is asked first is what seldom changes.
            if (!session.flags.has(SessionFlags::PAYLOAD) || session.flags.has(SessionFlags::LOG_START))
                && packet.payload_length > 0
            {
                let before = self.mirrored_facts(hit.slot);
                self.note_payload(hit.slot, outbox);
                if before != self.mirrored_facts(hit.slot) {
                    self.tell(hit.slot, EventKind::Changed, outbox);
                }
            }
            return Ok(None);
        }
        self.look_into(hit, bytes, lane, packet, outbox)
    }

    /// The same for payload that the identification has to see; apart, since few packets come here.
    #[inline(never)]
    fn look_into(
        &mut self,
        hit: Hit,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Option<Vec<u8>>, DropReason> {
        self.counters.inspected += 1;
        let handle = match self.table.get(hit.slot).inspection {
            NONE if self.is_past_inspection(hit.slot) => {
                self.table.get_mut(hit.slot).flags.set(SessionFlags::INSPECTED, true);
                self.note_payload(hit.slot, outbox);
                self.tell(hit.slot, EventKind::Changed, outbox);
                return Ok(None);
            }
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
        let session = self.table.get(hit.slot);
        let (acknowledged, is_translated) =
            (session.tcp.acknowledged(), session.flags.has(SessionFlags::TRANSLATED));
        let progress = match self.inspections.get_mut(handle) {
            Some(inspection) => {
                inspection.acknowledge(acknowledged);
                if is_translated {
                    inspection.rewrite_texts();
                }
                inspection.payload(payload, &self.limits)
            }
            None => Progress { finished: true, released: true, ..Progress::default() },
        };
        if !self.pair.mirrors {
            return self.apply(&Blocked { hit, bytes, lane, packet }, progress, outbox);
        }
        let has_more = self.inspections.get(handle).is_some_and(Inspection::has_more_to_tell);
        let is_noted = progress.server_name.is_some() || progress.ja4.is_some();
        let before = self.mirrored_facts(hit.slot);
        let outcome = self.apply(&Blocked { hit, bytes, lane, packet }, progress, outbox);
        if is_noted || has_more || before != self.mirrored_facts(hit.slot) {
            self.tell(hit.slot, EventKind::Changed, outbox);
        }
        outcome
    }

    /// An acknowledgement may be the one that the inspection has waited for.
    fn release_inspection(&mut self, slot: u32) {
        let session = self.table.get(slot);
        let (handle, acknowledged) = (session.inspection, session.tcp.acknowledged());
        let inspection = self.inspections.get_mut(handle);
        if inspection.is_none_or(|inspection| inspection.is_released(acknowledged)) {
            self.free_inspection(slot);
        }
    }

    pub(crate) fn begin_inspection(&mut self, slot: u32) -> u32 {
        let opening = self.opening_of(slot);
        let handle = self.inspections.begin(opening, &self.signatures);
        let session = self.table.get_mut(slot);
        session.inspection = handle;
        if (self.pair.mirrors || session.flags.has(SessionFlags::COPY))
            && let Some(inspection) = self.inspections.get_mut(handle)
        {
            inspection.keep_journal();
        }
        handle
    }

    /// Whether the other device has begun an identification that cannot go on here, and knew the application:
    /// it stays, for what comes now would be taken for something else without what was before.
    fn is_past_inspection(&self, slot: u32) -> bool {
        let session = self.table.get(slot);
        session.flags.has(SessionFlags::PEER) && session.app != app::UNDECIDED
    }

    /// What is known of a session when its first payload comes.
    pub(crate) fn opening_of(&self, slot: u32) -> Opening {
        let session = self.table.get(slot);
        let (client_port, server_port) = session.ports();
        // What was shown to the other device before it died is not known here: whatever comes is the first.
        let is_late = session.flags.has(SessionFlags::PEER)
            && !session.flags.has(SessionFlags::COPY)
            && session.flags.has(SessionFlags::PAYLOAD);
        Opening {
            transport: if session.protocol() == protocol::TCP { Transport::Tcp } else { Transport::Udp },
            client_port,
            server_port,
            first_sequence: [Direction::ClientToServer, Direction::ServerToClient]
                .map(|direction| session.tcp.first_sequence(direction).filter(|_| !is_late)),
        }
    }

    /// Takes over what was learnt from a packet, and blocks it and its session if the rules say so now.
    fn apply(
        &mut self,
        packet: &Blocked<'_>,
        mut progress: Progress,
        outbox: &mut Outbox,
    ) -> Result<Option<Vec<u8>>, DropReason> {
        let slot = packet.hit.slot;
        if progress.contradiction {
            return Err(DropReason::TcpContradiction);
        }
        if progress.out_of_order_exceeded {
            self.exceed_out_of_order(slot)?;
        }
        let mut is_news = self.learn_name(slot, progress.server_name.take());
        if let Some(ja4) = progress.ja4 {
            self.notes_of_mut(slot).ja4 = Some(ja4);
        }
        if progress.new_connection {
            self.table.get_mut(slot).causes.add(Tracker::Decoder);
        }
        if progress.released {
            self.free_inspection(slot);
        }
        if progress.finished {
            self.table.get_mut(slot).flags.set(SessionFlags::INSPECTED, true);
            // A name that did not come will not come, and nothing will come out of what this is.
            let is_implicit = self.table.get(slot).flags.has(SessionFlags::IMPLICIT);
            is_news |= is_implicit || self.policy.has_categories();
        }
        if let Some(app) = progress.app {
            let session = self.table.get_mut(slot);
            session.app = app;
            // A change of application is a start of its own.
            session.flags.set(SessionFlags::STARTED, false);
            outbox.note(|| Step::Identified(app));
            is_news = true;
        }
        if is_news {
            self.judge_news(packet, outbox)?;
        }
        let payload = self.follow_announcements(packet, &progress)?;
        self.note_payload(slot, outbox);
        Ok(payload)
    }

    /// Notes the server's name; true when that puts it into a URL category.
    fn learn_name(&mut self, slot: u32, name: Option<Box<str>>) -> bool {
        let Some(name) = name else { return false };
        let category = self.policy.has_categories().then(|| self.policy.category_of(&name));
        let notes = self.notes_of_mut(slot);
        notes.server_name = Some(name);
        let is_news = category.is_some() && notes.category != category;
        notes.category = category.or(notes.category);
        is_news
    }

    /// What the rules ask about is known, or is another than it was: they are asked again.
    fn judge_news(&mut self, packet: &Blocked<'_>, outbox: &mut Outbox) -> Result<(), DropReason> {
        let slot = packet.hit.slot;
        if self.table.get(slot).flags.has(SessionFlags::CERTAIN) {
            self.follow_timeouts(slot);
            return Ok(());
        }
        let decision = self.ask(slot, outbox);
        if !decision.action.passes() {
            self.deny(packet, &decision, Subtype::Deny, outbox);
            return Err(DropReason::PolicyDeny);
        }
        self.follow(slot, &decision);
        Ok(())
    }

    /// Too many segments wait for a gap: uninspected from here, or over, as configured.
    fn exceed_out_of_order(&mut self, slot: u32) -> Result<(), DropReason> {
        // What is missing may have passed at the other device, before that died.
        let is_peer_s = self.table.get(slot).flags.has(SessionFlags::PEER);
        if is_peer_s || self.policy.tcp().bypass_exceed_oo_queue {
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

/// Bytes that are none of the stream: the text of a reset (RFC 9293, section 3.5.3), of a segment without
/// ACK and of a SYN that is not the connection's own (section 3.10.7.4), the byte of a keep-alive probe,
/// which repeats a number from before the first data (RFC 1122, section 4.2.3.6).
#[inline]
fn is_no_data(session: &Session, direction: Direction, packet: &Packet) -> bool {
    const USUAL: u8 = TcpFlags::ACK.0;
    const DECIDING: u8 = USUAL | TcpFlags::SYN.0 | TcpFlags::RST.0;
    if packet.protocol != protocol::TCP {
        return false;
    }
    let flags = packet.tcp.flags;
    let is_usual = flags.0 & DECIDING == USUAL;
    if is_usual && session.flags.has(SessionFlags::PAYLOAD) {
        return false;
    }
    let first = session.tcp.first_sequence(direction);
    if flags.has(TcpFlags::SYN) && !flags.has(TcpFlags::RST) {
        let is_own = first.is_none_or(|first| first == packet.tcp.sequence.wrapping_add(1));
        return !is_own || session.tcp.is_handshake_complete();
    }
    let end = packet.tcp.sequence.wrapping_add(packet.payload_length);
    !is_usual || first.is_some_and(|first| end.wrapping_sub(first) as i32 <= 0)
}
