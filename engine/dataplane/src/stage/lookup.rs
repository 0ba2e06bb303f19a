//! From a flow key to its session, and from an ICMP error to the session it reports on.

use bifrons_model::{Direction, DropReason, ZoneId};
use bifrons_session::{FlowKey, Hit, SessionFlags, State};
use bifrons_wire::Packet;

use super::Exit;
use crate::{
    Outbox, Step, Verdict, Worker,
    worker::{Body, Lane, Wiring},
};

impl Worker {
    /// The early half: fetches the record that the index suggests, or what a new session will need.
    #[inline]
    pub(crate) fn suggest(&self, lane: &mut Lane) {
        if lane.fate.is_none() {
            let candidate = self.table.candidate(lane.hash);
            lane.candidate = Some(candidate);
            lane.way_ahead = None;
            if candidate.is_none()
                && let Some(zone) = self.zone_ahead(lane)
            {
                self.table.prefetch_reply(&FlowKey::of(&lane.packet, lane.zone), zone);
            }
        }
    }

    /// The zone that a packet without session will most likely go to.
    fn zone_ahead(&self, lane: &mut Lane) -> Option<ZoneId> {
        match lane.wiring {
            Wiring::Capture => {
                lane.way_ahead = self.policy.egress(lane.packet.addresses.destination());
                self.policy.zone_of(lane.way_ahead?)
            }
            Wiring::Wire(peer) => self.policy.zone_of(peer),
            Wiring::Tap => Some(lane.zone),
            Wiring::Routed => {
                let key = FlowKey::of(&lane.packet, lane.zone);
                self.policy.zone_of(self.way_towards(lane.interface, &key).ok()?.interface)
            }
        }
    }

    /// The late half, in frame order: the session, unless its time is up; then it ends now and the packet
    /// is a miss.
    #[inline(always)]
    pub(crate) fn lookup(&mut self, lane: &Lane, packet: &Packet, outbox: &mut Outbox) -> Option<Hit> {
        let key = FlowKey::of(packet, lane.zone);
        let hit = match lane.candidate {
            Some(candidate) => self.table.confirm(candidate, &key, lane.hash)?,
            None => self.table.find(&key, lane.hash)?,
        };
        if self.table.get(hit.slot).flags.has(SessionFlags::COPY) && !self.takes_copy(hit.slot, lane, outbox)
        {
            return None;
        }
        if self.table.is_expired(hit.slot, self.now) {
            self.close_aged(hit.slot, outbox);
            self.table.remove(hit.slot);
            return None;
        }
        outbox.note(|| Step::Hit { session: self.table.get(hit.slot).id, direction: hit.direction });
        Some(hit)
    }

    /// Lets an ICMP error pass on behalf of the session it reports on; `None` when there is none and the
    /// error may open a session of its own.
    pub(crate) fn match_icmp_error(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Option<Verdict> {
        let Some((slot, direction)) = self.reported_on(body.bytes, lane, packet) else {
            if let Some(owner) = self.owner_of_quoted(body.bytes, lane, packet) {
                return Some(Verdict::HandOver(owner));
            }
            if let Some(verdict) = self.give_error(None, body, lane, packet, outbox) {
                return Some(verdict);
            }
            if self.policy.session().icmp_error_own_session {
                self.counters.notice(DropReason::IcmpErrorWithoutSession);
                return None;
            }
            return Some(Verdict::Drop(DropReason::IcmpErrorWithoutSession));
        };
        if let Some(verdict) = self.give_error(Some(slot), body, lane, packet, outbox) {
            return Some(verdict);
        }
        let session = self.table.get(slot);
        if session.state == State::Discard {
            return Some(Verdict::Drop(DropReason::SessionDiscard));
        }
        outbox.note(|| Step::Hit { session: session.id, direction });
        let exit = match self.forward(Hit { slot, direction }, body, lane, packet, outbox) {
            Ok(Exit::Host) => return Some(Verdict::Host(lane.interface)),
            Ok(exit) => exit,
            Err(verdict) => return Some(verdict),
        };
        let mark = outbox.replaced.len();
        if let Err(reason) = self.translate_error(slot, direction, body, packet, outbox) {
            return Some(Verdict::Drop(reason));
        }
        self.counters.icmp_errors_matched += 1;
        Some(self.egress(exit, body, lane, packet, mark, outbox))
    }

    /// The worker that owns the session that an ICMP error reports on.
    fn owner_of_quoted(&self, bytes: &[u8], lane: &Lane, packet: &Packet) -> Option<u16> {
        let quoted = packet.embedded(bytes)?;
        let answer = FlowKey::new(
            quoted.addresses.reversed(),
            quoted.destination_port,
            quoted.source_port,
            quoted.protocol,
            lane.zone,
        );
        self.owner_of(&answer)
    }

    /// The session that an ICMP error reports on, and the error's way in it. The quoted packet is one that
    /// left here: its answers would arrive where the error does, or, from a router on another path,
    /// with the same addresses elsewhere.
    fn reported_on(&self, bytes: &[u8], lane: &Lane, packet: &Packet) -> Option<(u32, Direction)> {
        let quoted = packet.embedded(bytes)?;
        let (source_port, destination_port) = (quoted.source_port, quoted.destination_port);
        let key = |addresses, ports: (u16, u16), zone| {
            FlowKey::new(addresses, ports.0, ports.1, quoted.protocol, zone)
        };
        let answer = key(quoted.addresses.reversed(), (destination_port, source_port), lane.zone);
        let live = |key: FlowKey| {
            self.table
                .find(&key, self.table.hash(&key))
                .filter(|hit| !self.table.is_expired(hit.slot, self.now))
        };
        if let Some(hit) = live(answer) {
            return Some((hit.slot, hit.direction));
        }
        // The quoted packet came from where its error goes now.
        let zone = match lane.wiring {
            Wiring::Capture => self.policy.zone_of(self.policy.egress(quoted.addresses.source())?)?,
            Wiring::Wire(peer) => self.policy.zone_of(peer)?,
            Wiring::Tap => lane.zone,
            Wiring::Routed => {
                self.policy.zone_of(self.way_towards(lane.interface, &answer).ok()?.interface)?
            }
        };
        let hit = live(key(quoted.addresses, (source_port, destination_port), zone))?;
        Some((hit.slot, hit.direction.reverse()))
    }
}
