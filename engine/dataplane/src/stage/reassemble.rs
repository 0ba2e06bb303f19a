//! Fragments: they wait until their packet is whole, then it lives like any other.

use bifrons_model::DropReason;
use bifrons_session::{Assembled, FlowKey, FragmentOutcome};
use bifrons_wire::{Packet, parse_ip_payload, verify_transport};

use crate::{
    Frame, Outbox, PeerFrame, Replaced, Verdict, Worker,
    worker::{Body, Lane},
};

impl Worker {
    pub(crate) fn reassemble(
        &mut self,
        frame: &Frame<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        let outcome = self.fragments.handle_fragment(self.now, lane.zone, packet, frame.bytes);
        if let Some(deadline) = self.fragments.poll_timeout() {
            self.look_at(deadline);
        }
        match outcome {
            FragmentOutcome::Held => Verdict::Held,
            FragmentOutcome::Dropped { reason, held } => {
                self.counters.drop(reason, u64::from(held));
                Verdict::Drop(reason)
            }
            FragmentOutcome::Complete(assembled) => self.pass_assembled(*assembled, lane, outbox),
        }
    }

    /// The verdict of the whole packet holds for the frames that waited, too; the last one's is accounted
    /// by the caller.
    #[inline(never)]
    fn pass_assembled(&mut self, mut assembled: Assembled, lane: &Lane, outbox: &mut Outbox) -> Verdict {
        self.counters.reassembled += 1;
        let waited = u64::from(assembled.frames.saturating_sub(1));
        let given = outbox.to_peer.len();
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
                if let Some(first) = outbox.to_peer.get(given).cloned() {
                    let repeated = assembled.repeated.into_iter();
                    let repeated = repeated.map(|again| PeerFrame { frame: again.bytes, ..first.clone() });
                    outbox.to_peer.splice(given..given, repeated);
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
