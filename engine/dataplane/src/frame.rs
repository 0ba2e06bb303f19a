//! What goes into a worker and what comes out.

use alloc::vec::Vec;
use core::net::IpAddr;

use bifrons_model::{DropReason, InterfaceId, Timestamp, TrafficRecord, ZoneId};
use bifrons_wire::{Ha3Kind, LinkType};

use crate::{Alarm, Block, Claim, SessionEvent, Step};

/// A frame as it arrived.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Its bytes, as far as they are at hand. What the firewall changes in a packet that passes is changed
    /// here.
    pub bytes: &'a mut [u8],
    /// Its length on the wire without frame check sequence; at least `bytes.len()`.
    pub wire_length: u32,
    /// What it begins with; `None` for a link type that the engine does not read.
    pub link: Option<LinkType>,
    /// The interface it came in on; `None` on a tap, where the route back to its source tells.
    pub interface: Option<InterfaceId>,
    /// When it arrived. Captures go backwards at times; the worker's time does not.
    pub arrival: Timestamp,
    /// What is to become of it: written by the worker.
    pub verdict: Verdict,
}

/// A frame's fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// The worker has not seen it.
    #[default]
    Pending,
    /// It leaves by this interface: its bytes as they are now, or what `Outbox::replaced` has in its place.
    Transmit(InterfaceId),
    /// It goes no further.
    Drop(DropReason),
    /// It waits: a fragment for the rest of its packet, whose last one's verdict holds for all, or a packet
    /// for the next station's address.
    Held,
    /// It is for the device itself, on this interface: ARP and neighbor discovery, or a service that the
    /// interface offers. What came in fragments is in `Outbox::replaced`, all of it.
    Host(InterfaceId),
    /// It is of a session that the worker at this place owns: the device gives it to that one, its bytes or
    /// what `Outbox::replaced` has in its place.
    HandOver(u16),
    /// It is for the other device of an active/active pair: it stands in `Outbox::to_peer`.
    ToPeer,
}

/// What leaves in the place of a frame that cannot be changed where it lies: a packet that gets longer or
/// shorter, or one that waited as fragments. Several with the same place leave one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The frame's place among the frames of the call.
    pub frame: usize,
    /// What leaves instead.
    pub bytes: Vec<u8>,
}

/// What leaves without a frame of this call: a packet of the firewall's own, such as a reset or an ICMP
/// error, or one that has waited for the next station's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// The interface that it leaves by.
    pub interface: InterfaceId,
    /// What it begins with: Ethernet where the interface has a link, else the IP header.
    pub link: LinkType,
    /// The packet.
    pub packet: Vec<u8>,
}

/// A frame on its way between the devices of an active/active pair, over HA3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFrame {
    /// What the receiver is asked to do.
    pub kind: Ha3Kind,
    /// The interface that the frame came in by, by this device's own number. Of one that returns, the one
    /// opposite to which it leaves: the other end of the wire. Returned to a routed interface, it leaves as
    /// routes say.
    pub interface: InterfaceId,
    /// Its zone; of one that returns to a routed interface, the zone that it is to leave to.
    pub zone: ZoneId,
    /// The number of the session that it belongs to; 0 where the sender knows of none.
    pub session: u64,
    /// Of a setup reply: the session, as `MirrorItem` reads it. Empty where the setup device has made none:
    /// then the owner sets it up itself.
    pub description: Vec<u8>,
    /// The frame as it came in, from its Ethernet header on.
    pub frame: Vec<u8>,
}

impl PeerFrame {
    /// A frame of a session that is not described.
    pub(crate) const fn new(
        (kind, session): (Ha3Kind, u64),
        (interface, zone): (InterfaceId, ZoneId),
        frame: Vec<u8>,
    ) -> Self {
        Self { kind, interface, zone, session, description: Vec::new(), frame }
    }
}

/// What a worker asks or tells the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The station address of a neighbor is wanted; `Worker::handle_neighbor` takes the answer.
    Resolve {
        /// The interface that the neighbor is on.
        interface: InterfaceId,
        /// Its address.
        address: IpAddr,
    },
    /// Something that a zone protection profile watches for has happened.
    Alarm(Alarm),
    /// A sender came into this worker's block table; `Worker::block` takes it into those of others.
    Blocked(Block),
    /// A flow is to be handed over; `Worker::handle_claim` of the worker that it names takes it.
    Claim(Claim),
}

/// What happened besides the verdicts. The driver empties it after each call; the worker only appends.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Records of sessions, in the order of their writing.
    pub records: Vec<TrafficRecord>,
    /// What leaves in the place of frames.
    pub replaced: Vec<Replaced>,
    /// Packets of the firewall's own, and those that have waited.
    pub emitted: Vec<Emitted>,
    /// What the device is asked or told.
    pub events: Vec<Event>,
    /// What the other device of a pair is to know of own sessions (`PairView::mirrors`).
    pub session_events: Vec<SessionEvent>,
    /// Frames for the other device of an active/active pair.
    pub to_peer: Vec<PeerFrame>,
    /// What packets met on their way, where somebody wants to know: an explanation gives frames one at a
    /// time.
    pub trace: Option<Vec<Step>>,
}

impl Outbox {
    /// Whether nothing is in it, apart from a trace.
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.replaced.is_empty()
            && self.emitted.is_empty()
            && self.events.is_empty()
            && self.session_events.is_empty()
            && self.to_peer.is_empty()
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.replaced.clear();
        self.emitted.clear();
        self.events.clear();
        self.session_events.clear();
        self.to_peer.clear();
        if let Some(trace) = &mut self.trace {
            trace.clear();
        }
    }

    /// Notes a step if somebody wants to know.
    #[inline]
    pub(crate) fn note(&mut self, step: impl FnOnce() -> Step) {
        if let Some(trace) = &mut self.trace {
            trace.push(step());
        }
    }
}
