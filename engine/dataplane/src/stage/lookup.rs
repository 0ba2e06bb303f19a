//! From a flow key to its session, and from an ICMP error to the session it reports on.

use bifrons_model::DropReason;
use bifrons_session::{FlowKey, Hit, State};
use bifrons_wire::Packet;

use crate::{Outbox, Verdict, Worker, worker::Lane};

impl Worker {
    /// The early half: fetches the record that the index suggests, or what a new session will need.
    #[inline]
    pub(crate) fn suggest(&self, lane: &mut Lane) {
        if lane.problem.is_none() {
            let packet = &lane.packet;
            let candidate = self.table.candidate(lane.hash);
            if candidate.is_none()
                && let Some(interface) = self.policy.egress(packet.addresses.destination())
                && let Some(zone) = self.policy.zone_of(interface)
            {
                self.table.prefetch_reply(&FlowKey::of(packet, lane.zone), zone);
            }
            lane.candidate = Some(candidate);
        }
    }

    /// The late half, in frame order: the session, unless its time is up; then it ends now and the packet
    /// is a miss.
    #[inline]
    pub(crate) fn lookup(&mut self, lane: &Lane, packet: &Packet, outbox: &mut Outbox) -> Option<Hit> {
        let key = FlowKey::of(packet, lane.zone);
        let hit = match lane.candidate {
            Some(candidate) => self.table.confirm(candidate, &key, lane.hash)?,
            None => self.table.find(&key, lane.hash)?,
        };
        if self.table.is_expired(hit.slot, self.now) {
            self.close_aged(hit.slot, outbox);
            self.table.remove(hit.slot);
            return None;
        }
        Some(hit)
    }

    /// Lets an ICMP error pass on behalf of the session it reports on; `None` when there is none and the
    /// error may open a session of its own.
    pub(crate) fn match_icmp_error(&mut self, bytes: &[u8], packet: &Packet) -> Option<Verdict> {
        let session = packet.embedded(bytes).and_then(|embedded| {
            // The reported packet came from where its error goes now.
            let interface = self.policy.egress(embedded.addresses.source())?;
            let zone = self.policy.zone_of(interface)?;
            let key = FlowKey::new(
                embedded.addresses,
                embedded.source_port,
                embedded.destination_port,
                embedded.protocol,
                zone,
            );
            let hit = self.table.find(&key, self.table.hash(&key))?;
            (!self.table.is_expired(hit.slot, self.now)).then_some((hit, interface))
        });
        match session {
            Some((hit, _)) if self.table.get(hit.slot).state == State::Discard => {
                Some(Verdict::Drop(DropReason::SessionDiscard))
            }
            Some((_, interface)) => {
                self.counters.icmp_errors_matched += 1;
                Some(Verdict::Transmit(interface))
            }
            None if self.policy.session().icmp_error_own_session => {
                self.counters.notice(DropReason::IcmpErrorWithoutSession);
                None
            }
            None => Some(Verdict::Drop(DropReason::IcmpErrorWithoutSession)),
        }
    }
}
