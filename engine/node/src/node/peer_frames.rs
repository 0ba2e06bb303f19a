//! Frames that go to the other device of an active/active pair over HA3, and those that come from it.

use bifrons_config::typed::HaMode;
use bifrons_dataplane::{PeerFrame, Verdict, steer};
use bifrons_ha::{Ha3Counters, HaLinkId};
use bifrons_model::{DeviceId, Timestamp};

use super::{Arrival, Node};
use crate::{
    Output,
    pair::Pair,
    sharing::{Part, Step},
};

impl Node {
    /// What HA3 has carried and refused; `None` without a pair.
    pub fn pair_forwarding(&self) -> Option<Ha3Counters> {
        self.pair.as_ref().map(Pair::forwarding)
    }

    /// The workers give session numbers and ports as one of two devices that forward, or as the only one.
    pub(super) fn follow_device(&mut self) {
        let config = &self.controller.config().high_availability;
        let device = match &config.mode {
            HaMode::ActiveActive(mode) if config.enabled => Some(DeviceId::of(mode.device_id)),
            HaMode::ActiveActive(_) | HaMode::ActivePassive { .. } => None,
        };
        for worker in &mut self.workers {
            worker.set_device(device);
        }
    }

    /// The workers do their part in an active/active pair.
    pub(super) fn share(&mut self, now: Timestamp, part: &Part, step: Option<Step>) {
        let has_copies = self.workers.iter().any(|worker| !worker.sessions().is_empty());
        match step {
            Some(Step::TakeOver) => self.ledger.associations.adopt(),
            Some(Step::StandDown) => self.ledger.associations.give_up(),
            None => {}
        }
        for worker in &mut self.workers {
            match step {
                Some(Step::TakeOver) if has_copies => worker.handle_take_over(now),
                Some(Step::StandDown) => worker.handle_stand_down(now),
                Some(Step::TakeOver) | None => {}
            }
            worker.set_pair_view(part.view);
        }
        if let (Some(Step::TakeOver), Some(pair)) = (step, &mut self.pair) {
            pair.tell_all(now);
        }
    }

    /// Puts a frame onto HA3.
    pub(super) fn send_to_peer(&mut self, frame: &PeerFrame) {
        let Some(pair) = &mut self.pair else { return };
        let messages = pair.seal(frame).into_iter();
        self.outputs.extend(messages.map(|bytes| Output::Pair { link: HaLinkId::Ha3, bytes }));
    }

    /// A message that came in by HA3.
    pub(super) fn handle_ha3(&mut self, now: Timestamp, message: &[u8]) {
        let Some(frame) = self.pair.as_mut().and_then(|pair| pair.open(now, message)) else { return };
        let frame = self.ledger.numbers.frame(now, frame);
        let worker = steer(&frame.frame, self.workers.len());
        self.process_peer_frame(now, worker, frame, true);
        self.collect(now);
    }

    /// Lets a worker take a frame of the peer's; what it hands over goes to another one, once.
    fn process_peer_frame(&mut self, now: Timestamp, worker: usize, mut frame: PeerFrame, is_first: bool) {
        let Some(at) = self.workers.get_mut(worker) else { return };
        let verdict = at.handle_peer_frame(now, &mut frame, &mut self.outbox);
        let port = self.port_of(frame.interface);
        let arrival = Arrival { now, port: port.unwrap_or_default(), interface: frame.interface };
        for bytes in self.take_replaced(core::mem::take(&mut frame.frame)) {
            match verdict {
                Verdict::Transmit(interface) => self.transmit(interface, bytes),
                Verdict::Host(interface) => self.handle_own(&arrival, interface, bytes),
                Verdict::HandOver(owner) if is_first => {
                    let frame = PeerFrame { frame: bytes, ..frame.clone() };
                    self.process_peer_frame(now, usize::from(owner), frame, false);
                }
                Verdict::HandOver(_)
                | Verdict::ToPeer
                | Verdict::Drop(_)
                | Verdict::Held
                | Verdict::Pending => {}
            }
        }
    }
}
