//! Between the devices of an active/active pair: what goes to the other one over HA3, and what comes from it.
//!
//! ```text
//!              packet without a session of this device's own
//!                                │
//!   ┌────────────────────────────┼─────────────────────────────┐
//!   │ copy of the other one's,   │ first packet, to be set up  │ first packet that this
//!   │ answer, to be owned there  │ there                       │ device sets up and owns
//!   ▼                            ▼                             ▼
//!  ForwardToOwner          SetupRequest                      admit
//! ═══╪════════════════════════════╪══════════════ HA3 ══════════════════════════════════
//!   ▼                            ▼
//!  lookup, admit, …        session lent to the asker
//!   │ behind a wire              │
//!   ▼                            ▼
//!  ReturnToReceiver        SetupReply: its own from now on
//! ```
//!
//! What came from the other device never goes back to it but as an answer: no frame runs in a circle.

use alloc::{vec, vec::Vec};

use bifrons_model::{DropReason, InterfaceId, Timestamp};
use bifrons_session::{FlowKey, Hit};
use bifrons_wire::{FrameInfo, Ha3Kind, LinkType, Packet, TcpFlags, parse_into, protocol, verify};

use crate::{
    ActiveActiveView, EventKind, FirstStep, Frame, Outbox, PeerFrame, Verdict, Worker,
    links::PortMode,
    worker::{AGER_BUDGET, Body, Lane, Wiring},
};

/// ICMP and ICMPv6 echo replies.
const ECHO_REPLIES: [u8; 2] = [0, 129];

/// What the other device says of a frame that it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FromPeer {
    kind: Ha3Kind,
    /// The session's number; 0 where it knows of none.
    session: u64,
}

/// What becomes of a packet that has no session of this device's own.
enum Beginning {
    /// A session begins here.
    Here,
    /// It is the other device's, whose session has this number; 0 where none is known.
    Peer(u64),
    /// The other device is asked to set it up.
    Ask,
}

impl Worker {
    /// Takes a frame that the other device has given, with the verdict of any frame: what leaves is
    /// `frame.frame` as it is then, or what `Outbox::replaced` has. One that is handed over goes to the same
    /// function of that worker; an answer stands in `Outbox::to_peer`. Then everything that is due by `now`
    /// happens.
    pub fn handle_peer_frame(
        &mut self,
        now: Timestamp,
        frame: &mut PeerFrame,
        outbox: &mut Outbox,
    ) -> Verdict {
        self.advance(now, AGER_BUDGET, outbox);
        let length = frame.frame.len() as u32;
        let verdict = if self.pair.forwards && self.pair.shared.is_some() {
            self.take_from_peer(frame, outbox)
        } else {
            Verdict::Drop(DropReason::HaNotActive)
        };
        self.from_peer = None;
        self.counters.from_peer += 1;
        self.account(length, verdict);
        outbox.events.extend(self.take_told());
        verdict
    }

    fn take_from_peer(&mut self, frame: &mut PeerFrame, outbox: &mut Outbox) -> Verdict {
        if frame.kind == Ha3Kind::ReturnToReceiver {
            return self.transmit_returned(frame.interface);
        }
        let mut lane = Lane::empty();
        if let Err(reason) = self.read_from_peer(frame, &mut lane) {
            return Verdict::Drop(reason);
        }
        self.from_peer = Some(FromPeer { kind: frame.kind, session: frame.session });
        self.live_from_peer(frame, &lane, outbox)
    }

    /// A frame that the other device has let pass leaves by the other end of its wire.
    fn transmit_returned(&self, interface: InterfaceId) -> Verdict {
        match self.links.port(interface).map(|port| &port.mode) {
            Some(PortMode::Wire(wire)) if self.links.is_up(wire.peer) => Verdict::Transmit(wire.peer),
            Some(PortMode::Wire(_)) => Verdict::Drop(DropReason::InterfaceDown),
            Some(PortMode::Routed { .. } | PortMode::Tap) | None => {
                Verdict::Drop(DropReason::HaOtherConfiguration)
            }
        }
    }

    /// Reads a frame as if it had come in here. Its station address is the other device's matter.
    fn read_from_peer(&self, frame: &PeerFrame, lane: &mut Lane) -> Result<(), DropReason> {
        let PeerFrame { interface, zone, .. } = *frame;
        if self.policy.zone_of(interface) != Some(zone) {
            return Err(DropReason::HaOtherConfiguration);
        }
        lane.wiring = if self.links.is_empty() {
            Wiring::Capture
        } else if self.links.link(interface).is_some() {
            Wiring::Routed
        } else {
            match self.links.port(interface).map(|port| &port.mode) {
                Some(PortMode::Wire(wire)) => Wiring::Wire(wire.peer),
                Some(PortMode::Routed { .. } | PortMode::Tap) | None => {
                    return Err(DropReason::HaOtherConfiguration);
                }
            }
        };
        let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.frame.len() as u32 };
        parse_into(&frame.frame, info, self.reading, &mut lane.packet)?;
        if self.policy.session().strict_checksum {
            verify(&lane.packet, &frame.frame)?;
        }
        (lane.link, lane.interface, lane.zone) = (LinkType::Ethernet, interface, zone);
        lane.hash = self.table.hash(&FlowKey::of(&lane.packet, zone));
        Ok(())
    }

    /// The life of a packet whose frame came to the other device.
    fn live_from_peer(&mut self, frame: &mut PeerFrame, lane: &Lane, outbox: &mut Outbox) -> Verdict {
        let (replaced, emitted) = (outbox.replaced.len(), outbox.emitted.len());
        let mut at_hand = Frame {
            wire_length: frame.frame.len() as u32,
            bytes: &mut frame.frame,
            link: Some(LinkType::Ethernet),
            interface: Some(lane.interface),
            arrival: self.now,
            verdict: Verdict::Pending,
        };
        let verdict = self.live(&mut at_hand, lane, outbox);
        if matches!(lane.wiring, Wiring::Wire(_)) && frame.kind != Ha3Kind::SetupReply {
            return self.return_over_wire(verdict, frame, (replaced, emitted), outbox);
        }
        verdict
    }

    /// What passes a wire of the other device leaves there: the packet, and what is sent because of it. The
    /// marks say from where on that stands in the outbox.
    fn return_over_wire(
        &self,
        verdict: Verdict,
        frame: &mut PeerFrame,
        (replaced, emitted): (usize, usize),
        outbox: &mut Outbox,
    ) -> Verdict {
        let zone = frame.zone;
        let returned = |interface, frame| PeerFrame {
            kind: Ha3Kind::ReturnToReceiver,
            interface,
            zone,
            session: 0,
            description: Vec::new(),
            frame,
        };
        for own in outbox.emitted.split_off(emitted.min(outbox.emitted.len())) {
            match self.links.port(own.interface).map(|port| &port.mode) {
                Some(PortMode::Wire(wire)) => outbox.to_peer.push(returned(wire.peer, own.packet)),
                Some(PortMode::Routed { .. } | PortMode::Tap) | None => outbox.emitted.push(own),
            }
        }
        if !matches!(verdict, Verdict::Transmit(_)) {
            return verdict;
        }
        let frames = if outbox.replaced.len() > replaced {
            outbox.replaced.drain(replaced..).map(|replaced| replaced.bytes).collect()
        } else {
            vec![core::mem::take(&mut frame.frame)]
        };
        outbox.to_peer.extend(frames.into_iter().map(|bytes| returned(frame.interface, bytes)));
        Verdict::ToPeer
    }

    /// A packet that has no session of this device's own: it gets one, or goes to the other device.
    #[cold]
    pub(crate) fn begin(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let Some(view) = self.pair.shared else { return self.admit(body.bytes, lane, packet, outbox) };
        match self.beginning(&view, lane, packet) {
            Beginning::Here | Beginning::Ask => self.admit(body.bytes, lane, packet, outbox),
            Beginning::Peer(session) => {
                Err(give((Ha3Kind::ForwardToOwner, session), body, lane, packet, outbox))
            }
        }
    }

    /// Where the session of such a packet is, or is to be.
    fn beginning(&self, view: &ActiveActiveView, lane: &Lane, packet: &Packet) -> Beginning {
        let key = FlowKey::of(packet, lane.zone);
        if self.may_give(view, lane, true)
            && let Some(copy) = self.table.find(&key, lane.hash)
        {
            return Beginning::Peer(self.table.get(copy.slot).id.0.into());
        }
        if !self.may_give(view, lane, false) {
            return Beginning::Here;
        }
        if self.owner_of(&key).is_some() || self.is_foretold(&key) {
            return Beginning::Here;
        }
        let is_tcp = packet.protocol == protocol::TCP;
        const OPENING: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);
        if is_tcp && packet.tcp.flags.0 & OPENING.0 != TcpFlags::SYN.0 {
            return if self.picks_up() { Beginning::Here } else { Beginning::Peer(0) };
        }
        if self.own_interface(lane, packet.addresses.destination()).is_some() {
            return Beginning::Here;
        }
        if packet.icmp.is_echo && ECHO_REPLIES.contains(&packet.icmp.kind) {
            return Beginning::Peer(0);
        }
        match view.duties(packet.addresses, view.device).first_step(view.device) {
            FirstStep::Here => Beginning::Here,
            FirstStep::AskPeer => Beginning::Ask,
            FirstStep::ForwardToOwner => Beginning::Peer(0),
        }
    }

    /// Whether the frame at hand may go to the other device: not where that one has given it, and not what
    /// goes nowhere. One that came back as an answer may where it is known to belong there.
    fn may_give(&self, view: &ActiveActiveView, lane: &Lane, is_known: bool) -> bool {
        let is_own = match self.from_peer.map(|from_peer| from_peer.kind) {
            None => true,
            Some(Ha3Kind::SetupReply) => is_known,
            Some(Ha3Kind::SetupRequest | Ha3Kind::ForwardToOwner | Ha3Kind::ReturnToReceiver) => false,
        };
        is_own && view.gives_to_peer() && lane.wiring != Wiring::Tap && lane.link == LinkType::Ethernet
    }

    /// Whether a copy that a packet has found is this device's own from now on: as its owner is dead, cannot
    /// be reached, or says that it is not its. One that the other device does not know any more is removed.
    #[cold]
    pub(crate) fn takes_copy(&mut self, slot: u32, lane: &Lane, outbox: &mut Outbox) -> bool {
        let is_alive = self.table.is_copy(slot);
        let Some(view) = self.pair.shared.filter(|_| is_alive) else {
            self.adopt(slot);
            return true;
        };
        if self.may_give(&view, lane, true) {
            return false;
        }
        if let Some(FromPeer { session: 0, .. }) = self.from_peer {
            self.remove_copy(slot);
            return false;
        }
        self.adopt(slot);
        self.tell(slot, EventKind::Created, outbox);
        true
    }

    /// Gives an ICMP error to the other device: one that reports on a copy of a session of that one's, or on
    /// none that is known here.
    pub(crate) fn give_error(
        &self,
        slot: Option<u32>,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Option<Verdict> {
        let view = self.pair.shared?;
        if !self.may_give(&view, lane, false) {
            return None;
        }
        let session = match slot {
            Some(slot) if self.table.is_copy(slot) => self.table.get(slot).id.0.into(),
            Some(_) => return None,
            None if self.own_interface(lane, packet.addresses.destination()).is_some() => return None,
            None => 0,
        };
        Some(give((Ha3Kind::ForwardToOwner, session), body, lane, packet, outbox))
    }
}

/// Puts the frames of a packet as they came into the outbox, for the other device.
fn give(
    (kind, session): (Ha3Kind, u64),
    body: &mut Body<'_>,
    lane: &Lane,
    packet: &Packet,
    outbox: &mut Outbox,
) -> Verdict {
    let frames = if packet.frames == 1 {
        vec![body.bytes.to_vec()]
    } else {
        body.fragments.iter_mut().map(|fragment| core::mem::take(&mut fragment.bytes)).collect()
    };
    let peer_frame = |frame| PeerFrame {
        kind,
        interface: lane.interface,
        zone: lane.zone,
        session,
        description: Vec::new(),
        frame,
    };
    outbox.to_peer.extend(frames.into_iter().map(peer_frame));
    Verdict::ToPeer
}
