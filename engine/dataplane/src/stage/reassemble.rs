//! Fragments: they wait until their packet is whole, then it lives like any other.
//!
//! In an active/active pair a packet's fragments may come to both devices, and no fragment but the first one
//! has ports. So the addresses name the device where such a packet becomes whole:
//!
//! ```text
//!  fragment ──► whole here within 10 ms? ──► lives like any other
//!                   │ no
//!                   ▼
//!      source XOR destination names ── this device: it waits on, four seconds in all
//!                   │ the other one
//!                   ▼
//!      Fragment ══ HA3 ══► waits there with what came there ──► whole: lives there as if it had come there
//!                                                                   │ its session is this device's
//!      whole here once more: lives ◄══ HA3 ══ ForwardToOwner, OwnFragment
//! ```
//!
//! What was given as a fragment is never given as one again, and what belongs to the owner never goes back:
//! no fragment runs in a circle. Fragments for the device itself stay. On a wire each leaves the device that
//! it came to.

use alloc::vec::Vec;

use bifrons_model::DropReason;
use bifrons_session::{Assembled, FlowKey, FragmentArrival, FragmentFrame, FragmentOutcome, FragmentShare};
use bifrons_wire::{Ha3Kind, Packet, parse_ip_payload, verify_transport};

use super::peer::{given, returned};
use crate::{
    Frame, Outbox, Replaced, Verdict, Worker,
    worker::{Body, Lane, Wiring},
};

impl Worker {
    pub(crate) fn reassemble(
        &mut self,
        frame: &Frame<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        let share = self.fragment_share(lane, packet);
        let arrival = FragmentArrival { interface: lane.interface, zone: lane.zone, share };
        let outcome = self.fragments.handle_fragment(self.now, arrival, packet, frame.bytes);
        for deadline in [self.fragments.poll_timeout(), self.fragments.late_at()].into_iter().flatten() {
            self.look_at(deadline);
        }
        match outcome {
            FragmentOutcome::Held => Verdict::Held,
            FragmentOutcome::Dropped { reason, held } => {
                self.counters.drop(reason, u64::from(held));
                Verdict::Drop(reason)
            }
            FragmentOutcome::Complete(assembled) => {
                self.end_gathering();
                self.pass_assembled(*assembled, lane, outbox)
            }
        }
    }

    /// Gives the other device what is to become whole there.
    #[inline]
    pub(crate) fn give_late(&mut self, outbox: &mut Outbox) {
        if self.fragments.late_at().is_some_and(|at| at <= self.now) {
            self.give_fragments(outbox);
        }
    }

    #[cold]
    fn give_fragments(&mut self, outbox: &mut Outbox) {
        if !self.pair.shared.is_some_and(|view| view.gives_to_peer()) {
            return self.fragments.keep();
        }
        let late = self.fragments.take_late(self.now);
        self.counters.to_peer += late.len() as u64;
        outbox.to_peer.extend(late.into_iter().map(|fragment| given((Ha3Kind::Fragment, 0), fragment)));
    }

    /// The verdict of the whole packet holds for the frames that waited, too; the last one's is accounted
    /// by the caller.
    #[inline(never)]
    fn pass_assembled(&mut self, mut assembled: Assembled, lane: &Lane, outbox: &mut Outbox) -> Verdict {
        self.counters.reassembled += 1;
        let waited = u64::from(assembled.frames.saturating_sub(1));
        let mark = outbox.to_peer.len();
        let verdict = match self.read_assembled(&assembled) {
            Ok(packet) => {
                let key = FlowKey::of(&packet, lane.zone);
                let hash = self.table.hash(&key);
                let whole = Lane { packet, hash, candidate: None, ..*lane };
                let mut body = Body { bytes: &mut assembled.data, fragments: &mut assembled.fragments };
                self.pass(&mut body, &whole, &packet, outbox)
            }
            Err(reason) => Verdict::Drop(reason),
        };
        // The driver has the last frame only: all leave from here, but those that already have.
        let fragments = assembled.fragments.into_iter().filter(|fragment| !fragment.bytes.is_empty());
        if let (Verdict::Transmit(_), Wiring::Wire(_)) = (verdict, lane.wiring) {
            return self.return_fragments(verdict, fragments.collect(), waited, outbox);
        }
        let replaced = fragments.map(|fragment| Replaced { frame: 0, bytes: fragment.bytes });
        match verdict {
            Verdict::Drop(reason) => self.counters.drop(reason, waited),
            Verdict::Host(_) => {
                self.counters.to_host += waited;
                outbox.replaced.extend(replaced);
            }
            Verdict::HandOver(_) => {
                self.counters.handed_over += waited;
                // The packet is not whole before the last of them is there: repetitions count where it lives.
                let repeated = assembled.repeated.into_iter();
                outbox.replaced.extend(repeated.map(|again| Replaced { frame: 0, bytes: again.bytes }));
                outbox.replaced.extend(replaced);
            }
            Verdict::ToPeer => {
                self.counters.to_peer += waited;
                // The outbox has the others already; these, too, come before the packet is whole.
                let first = outbox.to_peer.get(mark).filter(|first| first.kind != Ha3Kind::ReturnToReceiver);
                if let Some(session) = first.map(|first| first.session) {
                    let repeated = assembled.repeated.into_iter();
                    let repeated = repeated.map(|again| given((Ha3Kind::ForwardToOwner, session), again));
                    outbox.to_peer.splice(mark..mark, repeated);
                }
            }
            // All of them wait, and are counted when they leave.
            Verdict::Held | Verdict::Pending => {}
            Verdict::Transmit(_) => {
                self.counters.transmitted += waited;
                outbox.replaced.extend(replaced);
            }
        }
        verdict
    }

    /// Behind a wire each fragment leaves the device that it came to.
    fn return_fragments(
        &mut self,
        verdict: Verdict,
        fragments: Vec<FragmentFrame>,
        waited: u64,
        outbox: &mut Outbox,
    ) -> Verdict {
        let is_from_peer = |fragment: &FragmentFrame| fragment.arrival.share == FragmentShare::FromPeer;
        let (theirs, own): (Vec<_>, Vec<_>) = fragments.into_iter().partition(is_from_peer);
        let count = theirs.len() as u64;
        outbox.to_peer.extend(
            theirs.into_iter().map(|fragment| {
                returned((fragment.arrival.interface, fragment.arrival.zone), fragment.bytes)
            }),
        );
        if own.is_empty() && count > 0 {
            self.counters.to_peer += waited;
            return Verdict::ToPeer;
        }
        self.counters.to_peer += count;
        self.counters.transmitted += waited.saturating_sub(count);
        outbox.replaced.extend(own.into_iter().map(|fragment| Replaced { frame: 0, bytes: fragment.bytes }));
        verdict
    }

    fn read_assembled(&self, assembled: &Assembled) -> Result<Packet, DropReason> {
        let size = (assembled.frames, assembled.wire_length);
        let mut packet = parse_ip_payload(&assembled.first, &assembled.data, size, self.reading)?;
        let behind_header = assembled.captured.saturating_sub(usize::from(packet.payload)) as u32;
        packet.payload_captured = packet.payload_captured.min(behind_header);
        if self.policy.session().strict_checksum {
            verify_transport(&packet, &assembled.data)?;
        }
        Ok(packet)
    }
}
