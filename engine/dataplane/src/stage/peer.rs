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
//!   │ behind a wire, or          │
//!   │ no way out here            │
//!   ▼                            ▼
//!  ReturnToReceiver        SetupReply: its own from now on
//! ```
//!
//! What came from the other device never goes back to it but as an answer: no frame runs in a circle.
//! Fragments that come to both devices: see [`super::reassemble`].

use alloc::{vec, vec::Vec};

use bifrons_model::{DropReason, InterfaceId, SessionId, Timestamp, ZoneId};
use bifrons_session::{FlowKey, FragmentFrame, FragmentShare, Hit};
use bifrons_wire::{Addresses, FrameInfo, Ha3Kind, LinkType, Packet, TcpFlags, parse_into, protocol, verify};

use super::Exit;
use crate::{
    ActiveActiveView, EventKind, FirstStep, Frame, MirrorItem, Outbox, PeerFrame, Step, Telling, Verdict,
    Worker,
    links::PortMode,
    worker::{AGER_BUDGET, Body, Lane, Wiring},
};

/// ICMP and ICMPv6 echo replies.
pub(super) const ECHO_REPLIES: [u8; 2] = [0, 129];
/// How long the description of a session may be, in bytes; there is room for any.
const DESCRIPTION_MAX: usize = 1_024;

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
    /// function of that worker; an answer stands in `Outbox::to_peer`. What is due by `now` happens before.
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
        self.count_held();
        outbox.events.extend(self.take_told());
        verdict
    }

    fn take_from_peer(&mut self, frame: &mut PeerFrame, outbox: &mut Outbox) -> Verdict {
        if frame.kind == Ha3Kind::ReturnToReceiver {
            return self.transmit_returned(frame, outbox);
        }
        let mut lane = Lane::empty();
        if let Err(reason) = self.read_from_peer(frame, &mut lane) {
            return Verdict::Drop(reason);
        }
        self.from_peer = Some(FromPeer { kind: frame.kind, session: frame.session });
        match frame.kind {
            Ha3Kind::SetupRequest => self.set_up_for_peer(frame, &lane, outbox),
            Ha3Kind::SetupReply => {
                self.take_setup(frame, outbox);
                self.live_from_peer(frame, &lane, outbox)
            }
            Ha3Kind::ForwardToOwner | Ha3Kind::Fragment | Ha3Kind::OwnFragment => {
                self.live_from_peer(frame, &lane, outbox)
            }
            // These are no packets of the life of a session.
            Ha3Kind::ReturnToReceiver | Ha3Kind::KeepAlive => Verdict::Drop(DropReason::HaNotActive),
        }
    }

    /// Sets up the session of a packet that the other device owns, and answers. A packet of a session of this
    /// device's goes on here.
    fn set_up_for_peer(&mut self, frame: &mut PeerFrame, lane: &Lane, outbox: &mut Outbox) -> Verdict {
        let packet = &lane.packet;
        let key = FlowKey::of(packet, lane.zone);
        if let Some(owner) = self.owner_of(&key) {
            return Verdict::HandOver(owner);
        }
        if packet.fragment.is_some() || self.is_foretold(&key) {
            return self.live_from_peer(frame, lane, outbox);
        }
        if let Some(hit) = self.table.find(&key, lane.hash) {
            if !self.table.is_copy(hit.slot) {
                return self.live_from_peer(frame, lane, outbox);
            }
            if self.lends_again(hit.slot) {
                return self.answer_setup(Some(hit.slot), frame, outbox);
            }
            self.remove_copy(hit.slot);
        }
        let opened = self.open_as_peer(lane, outbox);
        match opened {
            Ok(slot) => {
                self.lend(slot);
                self.answer_setup(Some(slot), frame, outbox)
            }
            Err(Verdict::HandOver(owner)) => Verdict::HandOver(owner),
            // The owner refuses it itself: it logs and answers.
            Err(_) => self.answer_setup(None, frame, outbox),
        }
    }

    /// The NAT rules are those that the other device uses.
    fn open_as_peer(&mut self, lane: &Lane, outbox: &mut Outbox) -> Result<u32, Verdict> {
        let refused = Verdict::Drop(DropReason::HaNotActive);
        let view = self.pair.shared.ok_or(refused)?;
        if !can_be_lent(&lane.packet) {
            return Err(refused);
        }
        let own = core::mem::replace(&mut self.nat_owner, view.nat_owner(view.device.peer()));
        let opened = self.open_for_peer(lane, &lane.packet, outbox);
        self.nat_owner = own;
        opened
    }

    /// Gives a packet back, with the session that was set up for it.
    fn answer_setup(&mut self, slot: Option<u32>, frame: &mut PeerFrame, outbox: &mut Outbox) -> Verdict {
        let (mut session, mut description) = (0, Vec::new());
        if let Some(slot) = slot {
            let id = self.table.get(slot).id;
            self.encode_mirrored(id, Telling::Whole, DESCRIPTION_MAX, &mut description);
            session = id.0.into();
        }
        let (place, bytes) = ((frame.interface, frame.zone), core::mem::take(&mut frame.frame));
        let reply = PeerFrame::new((Ha3Kind::SetupReply, session), place, bytes);
        outbox.to_peer.push(PeerFrame { description, ..reply });
        Verdict::ToPeer
    }

    /// Takes over the session that a setup reply describes. Without one this device sets it up itself.
    fn take_setup(&mut self, frame: &PeerFrame, outbox: &mut Outbox) {
        let can_own = self.pair.shared.is_some_and(|view| view.device.of_two(view.can_work));
        if frame.description.is_empty()
            || !can_own && self.pair.shared.is_some_and(|view| view.gives_to_peer())
        {
            return;
        }
        let id = u32::try_from(frame.session).ok().filter(|id| *id != 0).map(SessionId);
        let item = id.and_then(|id| MirrorItem::decode(id, &frame.description, self.now).ok());
        match item {
            Some(item) => self.take_lent(&item, outbox),
            None => self.mirroring.counters.refused += 1,
        }
    }

    /// A frame that the other device has let pass leaves: by the other end of its wire, or as routes say.
    fn transmit_returned(&mut self, frame: &mut PeerFrame, outbox: &mut Outbox) -> Verdict {
        match self.links.port(frame.interface).map(|port| &port.mode) {
            Some(PortMode::Wire(wire)) if self.links.is_up(wire.peer) => Verdict::Transmit(wire.peer),
            Some(PortMode::Wire(_)) => Verdict::Drop(DropReason::InterfaceDown),
            Some(PortMode::Routed { .. } | PortMode::Tap) | None => self.route_returned(frame, outbox),
        }
    }

    /// The owner has no way out for it. Its zone is the one that it may leave to.
    fn route_returned(&mut self, frame: &mut PeerFrame, outbox: &mut Outbox) -> Verdict {
        let PeerFrame { interface, zone, .. } = *frame;
        let refused = DropReason::HaOtherConfiguration;
        let Some(came_from) = self.policy.zone_of(interface).filter(|_| self.links.link(interface).is_some())
        else {
            return Verdict::Drop(refused);
        };
        let mut lane = Lane { wiring: Wiring::Routed, interface, zone: came_from, ..Lane::empty() };
        let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.frame.len() as u32 };
        if let Err(reason) = parse_into(&frame.frame, info, self.reading, &mut lane.packet) {
            return Verdict::Drop(reason);
        }
        let packet = lane.packet;
        let way = match self.way_towards(interface, &FlowKey::of(&packet, came_from)) {
            Ok(way) if self.policy.zone_of(way.interface) != Some(zone) => Err(DropReason::EgressZoneChanged),
            Ok(_) if packet.hop_limit <= 1 => Err(DropReason::HopLimitExceeded),
            way => way,
        };
        let way = match way {
            Ok(way) => way,
            Err(reason) => return Verdict::Drop(reason),
        };
        let place = self.station(way, packet.addresses.destination(), outbox);
        let mark = outbox.replaced.len();
        let body = &mut Body { bytes: &mut frame.frame, fragments: &mut [] };
        self.egress(Exit::Station { place, is_told: false }, body, &lane, &packet, mark, outbox)
    }

    /// The zone that a packet is to leave to by the other device, as there is no way out here: the link that
    /// it would leave by may be down here only, so that its addresses are at the other device.
    pub(crate) fn leaves_by_peer(
        &self,
        hit: Hit,
        lane: &Lane,
        packet: &Packet,
        reason: DropReason,
    ) -> Option<ZoneId> {
        let is_lacking =
            matches!(reason, DropReason::NoRoute | DropReason::InterfaceDown | DropReason::EgressZoneChanged);
        let view = self.pair.shared.filter(|view| is_lacking && view.gives_to_peer())?;
        if packet.hop_limit <= 1 || lane.link != LinkType::Ethernet {
            return None;
        }
        // One that cannot work does not own the session.
        let works = view.device.of_two(view.can_work);
        works.then(|| self.table.keys(hit.slot)[hit.direction.reverse().index()].zone())
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
        if matches!(lane.packet.addresses, Addresses::V6 { .. }) && !self.policy.session().ipv6_firewalling {
            return Err(DropReason::Ipv6Disabled);
        }
        (lane.link, lane.interface, lane.zone) = (LinkType::Ethernet, interface, zone);
        lane.hash = self.table.hash(&FlowKey::of(&lane.packet, zone));
        Ok(())
    }

    /// The life of a packet whose frame came to the other device.
    #[inline(never)]
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
            self.return_emitted(frame.zone, emitted, outbox);
            // Fragments have gone each its own way.
            if lane.packet.fragment.is_none() {
                return return_over_wire(verdict, frame, replaced, outbox);
            }
        }
        verdict
    }

    /// What is sent because of a packet that passes a wire of the other device leaves there; `mark` says from
    /// where on that stands in the outbox.
    fn return_emitted(&self, zone: ZoneId, mark: usize, outbox: &mut Outbox) {
        for own in outbox.emitted.split_off(mark.min(outbox.emitted.len())) {
            match self.links.port(own.interface).map(|port| &port.mode) {
                Some(PortMode::Wire(wire)) => outbox.to_peer.push(returned((wire.peer, zone), own.packet)),
                Some(PortMode::Routed { .. } | PortMode::Tap) | None => outbox.emitted.push(own),
            }
        }
    }

    /// A packet that has no session of this device's own: it gets one, or goes to the other device.
    pub(crate) fn begin(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let Some(view) = self.pair.shared else { return self.admit(body.bytes, lane, packet, outbox) };
        match self.beginning(&view, lane, packet) {
            // It was let through before the other device was asked.
            Beginning::Here if self.is_answered() => self.admit_opening(body.bytes, lane, packet, outbox),
            Beginning::Here => self.admit(body.bytes, lane, packet, outbox),
            Beginning::Peer(session) => {
                Err(give((Ha3Kind::ForwardToOwner, session), body, lane, packet, outbox))
            }
            Beginning::Ask => self.ask_peer(body, lane, packet, outbox),
        }
    }

    /// Asks the other device to set up a session, if the zone's protection and TCP let it begin.
    fn ask_peer(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        self.counters.slow += 1;
        outbox.note(|| Step::Miss);
        match self.guard_opening(body.bytes, lane, packet, outbox) {
            Ok(None) => {}
            // It is this device's cookie that the packet acknowledges.
            Ok(Some(recalled)) => return self.open_recalled(&recalled, body.bytes, lane, outbox),
            Err(reason) => return Err(Verdict::Drop(reason)),
        }
        if packet.protocol == protocol::TCP {
            self.may_open(lane.zone, packet).map_err(Verdict::Drop)?;
        }
        Err(give((Ha3Kind::SetupRequest, 0), body, lane, packet, outbox))
    }

    /// Asks the other device before a packet gets a session that may be the answer in one of that one's of
    /// which nothing was told yet: without connections it looks like a first packet. It does where no rule
    /// allows it, or where it goes to an address that sources are translated to, from the side where that is.
    pub(crate) fn ask_before_admission(
        &self,
        (bytes, is_passing): (&[u8], bool),
        zones: (ZoneId, ZoneId),
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Option<Verdict> {
        let view = self.pair.shared?;
        let destination = packet.addresses.destination();
        let is_answer = || !is_passing || zones.0 == zones.1 && self.nat.is_given(destination);
        let asks = self.may_give(&view, lane, false)
            && packet.protocol != protocol::TCP
            && packet.frames == 1
            && can_be_lent(packet)
            && is_answer();
        if !asks {
            return None;
        }
        let body = &mut Body { bytes: &mut bytes.to_vec(), fragments: &mut [] };
        Some(give((Ha3Kind::SetupRequest, 0), body, lane, packet, outbox))
    }

    fn is_answered(&self) -> bool {
        self.from_peer.is_some_and(|from_peer| from_peer.kind == Ha3Kind::SetupReply)
    }

    /// Where the session of such a packet is, or is to be.
    fn beginning(&mut self, view: &ActiveActiveView, lane: &Lane, packet: &Packet) -> Beginning {
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
            let can_own = view.device.of_two(view.can_work);
            let is_wanted = self.picks_up() && can_own || self.acknowledges_cookie(lane, packet);
            return if is_wanted { Beginning::Here } else { Beginning::Peer(0) };
        }
        if self.own_interface(lane, packet.addresses.destination()).is_some() {
            return Beginning::Here;
        }
        if packet.icmp.is_echo && ECHO_REPLIES.contains(&packet.icmp.kind) {
            return Beginning::Peer(0);
        }
        if self.may_be_foretold_there(packet.addresses) {
            return Beginning::Peer(0);
        }
        match view.duties(packet.addresses, view.device).first_step(view.device) {
            FirstStep::Here => Beginning::Here,
            // What came in fragments is whole at one device only.
            FirstStep::AskPeer if packet.frames != 1 || !can_be_lent(packet) => Beginning::Here,
            FirstStep::AskPeer => Beginning::Ask,
            FirstStep::ForwardToOwner => Beginning::Peer(0),
        }
    }

    /// Whether the frame at hand may go to the other device: not where that one has given it, and not what
    /// goes nowhere. One that came back as an answer may where it is known to belong there, or if this device
    /// can own nothing any more.
    fn may_give(&self, view: &ActiveActiveView, lane: &Lane, is_known: bool) -> bool {
        let is_own = match self.from_peer.map(|from_peer| from_peer.kind) {
            None => true,
            Some(Ha3Kind::SetupReply) => is_known || !view.device.of_two(view.can_work),
            Some(
                Ha3Kind::SetupRequest
                | Ha3Kind::ForwardToOwner
                | Ha3Kind::ReturnToReceiver
                | Ha3Kind::Fragment
                | Ha3Kind::OwnFragment
                | Ha3Kind::KeepAlive,
            ) => false,
        };
        is_own && view.gives_to_peer() && lane.wiring != Wiring::Tap && lane.link == LinkType::Ethernet
    }

    /// Where a fragment came, and where its packet becomes whole if fragments of it come to both devices.
    /// Those for the device itself do not go away.
    pub(crate) fn fragment_share(&self, lane: &Lane, packet: &Packet) -> FragmentShare {
        let Some(view) = self.pair.shared else { return FragmentShare::Here };
        match self.from_peer.map(|from_peer| from_peer.kind) {
            None => {
                let goes = self.may_give(&view, lane, false)
                    && view.is_whole_at_peer(packet.addresses)
                    && self.own_interface(lane, packet.addresses.destination()).is_none();
                if goes { FragmentShare::ForPeer } else { FragmentShare::Here }
            }
            Some(Ha3Kind::OwnFragment) => FragmentShare::Here,
            Some(
                Ha3Kind::SetupRequest
                | Ha3Kind::SetupReply
                | Ha3Kind::ForwardToOwner
                | Ha3Kind::ReturnToReceiver
                | Ha3Kind::Fragment
                | Ha3Kind::KeepAlive,
            ) => FragmentShare::FromPeer,
        }
    }

    /// A packet has become whole: if it was this device's to put together, it lives as one that came here.
    pub(crate) fn end_gathering(&mut self) {
        self.from_peer = self.from_peer.filter(|from_peer| from_peer.kind != Ha3Kind::Fragment);
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

/// Whether the other device would tell of the session, so that its setup device keeps what it has taken from
/// a pool: not of ICMP (`Session::is_mirrorable`).
const fn can_be_lent(packet: &Packet) -> bool {
    !matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6)
}

/// Puts the frames of a packet as they came into the outbox, for the other device.
fn give(
    (kind, session): (Ha3Kind, u64),
    body: &mut Body<'_>,
    lane: &Lane,
    packet: &Packet,
    outbox: &mut Outbox,
) -> Verdict {
    if packet.frames == 1 {
        let place = (lane.interface, lane.zone);
        outbox.to_peer.push(PeerFrame::new((kind, session), place, body.bytes.to_vec()));
    } else {
        let fragments = body.fragments.iter_mut().map(|fragment| {
            let bytes = core::mem::take(&mut fragment.bytes);
            given((kind, session), FragmentFrame { bytes, ..*fragment })
        });
        outbox.to_peer.extend(fragments);
    }
    Verdict::ToPeer
}

/// A fragment for the other device; it is told of one that it has given itself.
pub(crate) fn given((kind, session): (Ha3Kind, u64), fragment: FragmentFrame) -> PeerFrame {
    let is_own = fragment.arrival.share == FragmentShare::FromPeer;
    let kind = if is_own { Ha3Kind::OwnFragment } else { kind };
    PeerFrame::new((kind, session), (fragment.arrival.interface, fragment.arrival.zone), fragment.bytes)
}

/// What passes a wire of the other device leaves there; `mark` says from where on that stands in the outbox.
fn return_over_wire(verdict: Verdict, frame: &mut PeerFrame, mark: usize, outbox: &mut Outbox) -> Verdict {
    if !matches!(verdict, Verdict::Transmit(_)) {
        return verdict;
    }
    let frames = if outbox.replaced.len() > mark {
        outbox.replaced.drain(mark..).map(|replaced| replaced.bytes).collect()
    } else {
        vec![core::mem::take(&mut frame.frame)]
    };
    let place = (frame.interface, frame.zone);
    outbox.to_peer.extend(frames.into_iter().map(|bytes| returned(place, bytes)));
    Verdict::ToPeer
}

/// A frame that leaves by the other device, opposite to the interface that it came in by.
pub(crate) fn returned(place: (InterfaceId, ZoneId), bytes: Vec<u8>) -> PeerFrame {
    PeerFrame::new((Ha3Kind::ReturnToReceiver, 0), place, bytes)
}
