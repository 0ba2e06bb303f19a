//! A packet of a known session: is it in order, does it change the session's state, what does it add up to.

use bifrons_catalog::app;
use bifrons_config::typed::TimeoutOverride;
use bifrons_model::{CategoryId, Direction, DropReason, Subtype, Tracker, UserId, Volume};
use bifrons_policy::{Decision, Query};
use bifrons_session::{Hit, SessionFlags, State, Timer, tcp};
use bifrons_wire::{Packet, TcpOption, protocol, tcp_options};

use super::admit::segment_of;
use crate::{
    EventKind, Outbox, Step, Verdict, Worker,
    answer::Blocked,
    worker::{Lane, Reopening},
};

/// SYNs that wait for the server's opinion at a time; more just pass.
const REOPENINGS_MAX: usize = 4096;

impl Worker {
    /// Judges, tracks and counts. The hit that comes back is another session when the packet began a new
    /// connection.
    #[inline(always)]
    pub(crate) fn track(
        &mut self,
        hit: Hit,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        if self.table.get(hit.slot).state == State::Discard {
            // Neither counted nor refreshed: its record is written, and its time runs from the denial.
            return Err(Verdict::Drop(DropReason::SessionDiscard));
        }
        if self.table.get(hit.slot).generation != self.generation {
            self.judge_again(&Blocked { hit, bytes, lane, packet }, outbox)?;
        }
        let mut hit = hit;
        match packet.protocol {
            protocol::TCP => {
                hit = self.track_tcp(hit, bytes, lane, packet, outbox)?;
            }
            protocol::SCTP => self.track_sctp(hit.slot, bytes, packet, outbox),
            _ => {}
        }
        self.count(hit, packet);
        Ok(hit)
    }

    #[inline(always)]
    fn track_tcp(
        &mut self,
        hit: Hit,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let knobs = self.knobs_of(lane.zone);
        let segment = segment_of(packet, bytes, hit.direction);
        if self.splits_handshake(self.table.get(hit.slot), hit.direction, packet) {
            return Err(Verdict::Drop(DropReason::TcpSplitHandshake));
        }
        let session = self.table.get_mut(hit.slot);
        let is_first = session.volume[0].packets + session.volume[1].packets == 0;
        let causes = session.causes;
        let outcome = if is_first {
            session.tcp.open(&segment, &knobs, &mut session.causes, &mut session.handshake)
        } else {
            session.tcp.track(&segment, &knobs, &mut session.causes, &mut session.handshake)
        };
        let (before, after) = (session.timer, session.tcp.connection().timer());
        let has_news = before != after || causes != session.causes;
        match outcome {
            tcp::Outcome::Pass => {}
            // That of the first packet was counted when it was admitted.
            tcp::Outcome::PassNoticed(_) if is_first => {}
            tcp::Outcome::PassNoticed(reason) => self.counters.notice(reason),
            tcp::Outcome::Drop(reason) => return Err(Verdict::Drop(reason)),
            tcp::Outcome::NewConnection => return self.reuse(hit, bytes, lane, packet, outbox),
            tcp::Outcome::MayReopen => {
                self.remember_reopening(hit.slot, segment, packet);
                self.tell(hit.slot, EventKind::Changed, outbox);
            }
            tcp::Outcome::Reopened => {
                return self.reopen(hit, &segment, &Blocked { hit, bytes, lane, packet }, outbox);
            }
        }
        if before != after {
            self.run_timer(hit.slot, after);
        }
        if has_news {
            self.tell(hit.slot, EventKind::Changed, outbox);
        }
        Ok(hit)
    }

    /// Another connection on the same ports: the old session ends, the packet opens a new one.
    #[inline(never)]
    fn reuse(
        &mut self,
        hit: Hit,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        self.close_now(hit.slot, Tracker::TcpReuse, outbox);
        let hit = self.admit(bytes, lane, packet, outbox)?;
        self.track_tcp(hit, bytes, lane, packet, outbox)
    }

    fn remember_reopening(&mut self, slot: u32, segment: tcp::Segment, packet: &Packet) {
        let is_full = self.reopenings.len() >= REOPENINGS_MAX;
        let volume = Volume { packets: u64::from(packet.frames), bytes: u64::from(packet.wire_length) };
        match self.reopenings.get_mut(&slot) {
            Some(known) if known.segment.tcp.sequence == segment.tcp.sequence => {
                known.volume.packets += volume.packets;
                known.volume.bytes += volume.bytes;
            }
            Some(known) => *known = Reopening { segment, arrival: self.now, volume },
            None if is_full => {}
            None => {
                self.reopenings.insert(slot, Reopening { segment, arrival: self.now, volume });
            }
        }
    }

    /// The server has answered a SYN that passed on the old session: that SYN belongs to a new one, which
    /// begins with it.
    fn reopen(
        &mut self,
        hit: Hit,
        answer: &tcp::Segment,
        packet: &Blocked<'_>,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let opening = self.reopenings.remove(&hit.slot);
        if let Some(opening) = opening {
            let old = self.table.get_mut(hit.slot);
            old.volume[0].packets = old.volume[0].packets.saturating_sub(opening.volume.packets);
            old.volume[0].bytes = old.volume[0].bytes.saturating_sub(opening.volume.bytes);
        }
        self.close_now(hit.slot, Tracker::TcpReuse, outbox);
        let hit = self.open_session(packet.bytes, packet.lane, packet.packet, outbox)?;
        let knobs = self.knobs_of(packet.lane.zone);
        let session = self.table.get_mut(hit.slot);
        let (causes, handshake) = (&mut session.causes, &mut session.handshake);
        if let Some(opening) = opening {
            session.start = opening.arrival;
            session.volume[0] = opening.volume;
            session.tcp.open(&opening.segment, &knobs, causes, handshake);
            session.tcp.track(answer, &knobs, causes, handshake);
        } else {
            session.tcp.open(answer, &knobs, causes, handshake);
        }
        let timer = session.tcp.connection().timer();
        self.run_timer(hit.slot, timer);
        Ok(hit)
    }

    /// The association's progress by the first chunk's type (RFC 9260, section 3.2).
    fn track_sctp(&mut self, slot: u32, bytes: &[u8], packet: &Packet, outbox: &mut Outbox) {
        let Some(chunk) = packet.payload_of(bytes).first() else {
            return;
        };
        let session = self.table.get(slot);
        let timer = match chunk {
            1 => Timer::SctpInit,
            2 => Timer::SctpCookie,
            7 | 8 | 14 | 6 => Timer::SctpShutdown,
            _ => Timer::Sctp,
        };
        if timer != session.timer {
            self.run_timer(slot, timer);
            self.tell(slot, EventKind::Changed, outbox);
        }
    }

    /// Puts a session on another timer.
    pub(crate) fn run_timer(&mut self, slot: u32, timer: Timer) {
        let session = self.table.get(slot);
        // Application timers count once the session is established.
        let app = if session.timer == Timer::TcpInit { app::UNDECIDED } else { session.app };
        let timeout = self.timeout(timer, app, session.service);
        let now = self.now;
        let session = self.table.get_mut(slot);
        let is_shorter = timeout < session.timeout;
        session.timer = timer;
        session.timeout = timeout;
        session.last_packet = now;
        if is_shorter {
            self.table.rearm(slot);
            self.look_at(now.after_secs(timeout));
        }
    }

    #[inline]
    pub(crate) fn count(&mut self, hit: Hit, packet: &Packet) {
        let now = self.now;
        let session = self.table.get_mut(hit.slot);
        session.last_packet = now;
        let volume = &mut session.volume[hit.direction.index()];
        volume.packets += u64::from(packet.frames);
        volume.bytes += u64::from(packet.wire_length);
    }

    /// A commit came since the session was judged.
    fn judge_again(&mut self, packet: &Blocked<'_>, outbox: &mut Outbox) -> Result<(), Verdict> {
        let slot = packet.hit.slot;
        let decision = self.ask(slot, outbox);
        self.table.get_mut(slot).generation = self.generation;
        if decision.action.passes() {
            let before = self.mirrored_facts(slot);
            self.follow(slot, &decision);
            if before != self.mirrored_facts(slot) {
                self.tell(slot, EventKind::Changed, outbox);
            }
            return Ok(());
        }
        self.count(packet.hit, packet.packet);
        self.deny(packet, &decision, Subtype::Deny, outbox);
        Err(Verdict::Drop(DropReason::PolicyDeny))
    }

    /// What the rules say of a session with what is known of it now.
    pub(crate) fn ask(&self, slot: u32, outbox: &mut Outbox) -> Decision {
        if let Some(parent) = self.notes_of(slot).and_then(|notes| notes.parent) {
            // No rule of its own let it in: it fares as the session that foretold it.
            return if self.is_alive(&parent) { self.ask(parent.slot, outbox) } else { self.standing(slot) };
        }
        let key = self.table.keys(slot)[Direction::ClientToServer.index()];
        let session = self.table.get(slot);
        let notes = self.notes_of(slot);
        let may_be_named = self.policy.has_categories() && !session.flags.has(SessionFlags::INSPECTED);
        let query = Query {
            zone_from: key.zone(),
            zone_to: session.zone_to(),
            source: key.addresses().source(),
            destination: key.addresses().destination(),
            source_port: key.source_port(),
            destination_port: key.destination_port(),
            protocol: key.protocol(),
            app: (session.app != app::UNDECIDED).then_some(session.app),
            user: notes.map_or(UserId(0), |notes| notes.user),
            category: match notes.and_then(|notes| notes.category) {
                Some(category) => Some(category),
                None if may_be_named => None,
                None => Some(CategoryId(0)),
            },
            time: self.now,
        };
        // What is not inspected any more stays the application it is.
        let is_settled = session.flags.has(SessionFlags::INSPECTED);
        let decision =
            if is_settled { self.policy.lookup_settled(&query) } else { self.policy.lookup(&query) };
        outbox.note(|| Step::Security { query, decision });
        decision
    }

    /// What was decided of a session.
    pub(crate) fn standing(&self, slot: u32) -> Decision {
        let session = self.table.get(slot);
        Decision {
            rule: session.rule,
            action: session.action,
            rule_action: session.action,
            action_source: session.action_source,
            icmp_unreachable: false,
            log_start: session.flags.has(SessionFlags::LOG_START),
            log_end: session.flags.has(SessionFlags::LOG_END),
            timeouts: TimeoutOverride::default(),
            certain: true,
            implicit: false,
        }
    }

    /// Lets a session go on under the rule that allows it: its logging, its service's timeouts.
    pub(crate) fn follow(&mut self, slot: u32, decision: &Decision) {
        let service = self.intern(decision.timeouts);
        let is_other_rule = self.table.get(slot).rule != decision.rule;
        if is_other_rule {
            self.hit_rule(decision.rule);
        }
        let session = self.table.get_mut(slot);
        session.rule = decision.rule;
        session.service = service;
        session.flags.set(SessionFlags::CERTAIN, decision.certain && session.app == app::UNDECIDED);
        session.flags.set(SessionFlags::IMPLICIT, decision.implicit);
        session.flags.set(SessionFlags::LOG_END, decision.log_end);
        session.flags.set(SessionFlags::LOG_START, decision.log_start);
        self.follow_timeouts(slot);
    }

    /// Lets a session's timer run as its application and service say.
    pub(crate) fn follow_timeouts(&mut self, slot: u32) {
        let session = self.table.get(slot);
        if self.timeout(session.timer, session.app, session.service) != session.timeout {
            self.run_timer(slot, session.timer);
        }
    }

    /// RFC 7323 gives a zero timestamp no meaning of its own; some stacks take it for none.
    #[inline]
    pub(crate) fn has_null_timestamp(&self, bytes: &[u8], packet: &Packet) -> bool {
        if packet.tcp.options_length < 10 || !self.policy.tcp().check_timestamp_option {
            return false;
        }
        tcp_options(packet.tcp_options_of(bytes))
            .any(|option| matches!(option, TcpOption::Timestamps { value: 0, .. }))
    }
}
