//! Fragments put together, within bounds.
//!
//! Policy for overlaps: an exact repetition of a fragment is ignored; any other overlap drops the whole
//! packet and what still comes of it (RFC 5722 for IPv6, applied to IPv4 as well). A packet that is not
//! whole four seconds after its first fragment is dropped (knowledge base, "Fragmentation").

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};
use core::time::Duration;

use bifrons_model::{DropReason, InterfaceId, Timestamp, ZoneId};
use bifrons_wire::{Addresses, Fragment, Packet};

/// What the fragments of one packet share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentKey {
    /// Sender and receiver.
    pub addresses: Addresses,
    /// The protocol.
    pub protocol: u8,
    /// The identification.
    pub identification: u32,
    /// The zone they came from.
    pub zone: ZoneId,
}

/// Where a fragment came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentArrival {
    /// The interface.
    pub interface: InterfaceId,
    /// Its zone.
    pub zone: ZoneId,
    /// What that is to the two devices of a pair.
    pub share: FragmentShare,
}

/// Where a fragment came, of the two devices of an active/active pair, and where its packet is to become
/// whole if it comes to both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentShare {
    /// It came here, and stays.
    Here,
    /// It came here, and goes to the other device unless its packet is whole soon
    /// ([`Reassembler::take_late`]).
    ForPeer,
    /// It came to the other device, which has given it.
    FromPeer,
}

/// What became of a fragment.
#[derive(Clone, Debug, PartialEq)]
pub enum FragmentOutcome {
    /// It waits for the others.
    Held,
    /// It was the last one missing.
    Complete(Box<Assembled>),
    /// It is dropped, and with it `held` fragments that waited.
    Dropped {
        /// Why.
        reason: DropReason,
        /// How many frames waited and are dropped with it.
        held: u32,
    },
}

/// A whole packet.
#[derive(Clone, Debug, PartialEq)]
pub struct Assembled {
    /// The first fragment's headers.
    pub first: Packet,
    /// What lay behind the IP headers, in order.
    pub data: Vec<u8>,
    /// How much of the start of `data` was captured; the rest is zeros.
    pub captured: usize,
    /// The frames it came in.
    pub frames: u32,
    /// The sum of their lengths on the wire.
    pub wire_length: u32,
    /// The fragments in the order of their data, repetitions left out: they leave one by one.
    pub fragments: Vec<FragmentFrame>,
    /// Fragments that came again.
    pub repeated: Vec<FragmentFrame>,
}

/// One fragment as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct FragmentFrame {
    /// Its headers, as they were read from `bytes`.
    pub packet: Packet,
    /// Where it came.
    pub arrival: FragmentArrival,
    /// The frame.
    pub bytes: Vec<u8>,
}

struct Pending {
    key: FragmentKey,
    since: Timestamp,
    first: Option<Packet>,
    /// By offset.
    parts: Vec<Part>,
    /// Parts that came again.
    repeated: Vec<Part>,
    /// The packet's length, once its last fragment came.
    length: Option<usize>,
    frames: u32,
    wire_length: u32,
    bytes: usize,
    /// An overlap was met: everything that still comes is dropped too.
    is_spoilt: bool,
    /// All of them are [`FragmentShare::ForPeer`].
    is_for_peer: bool,
}

struct Part {
    offset: usize,
    length: usize,
    frame: FragmentFrame,
}

impl Part {
    /// The bytes behind the IP headers.
    fn data(&self) -> &[u8] {
        self.frame.packet.transport_of(&self.frame.bytes)
    }
}

/// The fragments of one worker.
pub struct Reassembler {
    /// By the time of the first fragment.
    pending: VecDeque<Pending>,
    bytes: usize,
    held: u64,
    late_at: Option<Timestamp>,
}

/// How long a packet may take to become whole.
const TIMEOUT: Duration = Duration::from_secs(4);

/// How long fragments wait for others that come the same way before they go to the other device of a pair.
/// A packet's fragments are sent at one moment; what they lie apart here is what queues did to them.
const PATIENCE: Duration = Duration::from_millis(10);

/// Packets that may be incomplete at a time.
const PACKETS_MAX: usize = 1024;

/// Fragments that one packet may come in, and as many repetitions.
const PARTS_MAX: usize = 128;

/// Bytes held for all packets together.
const BYTES_MAX: usize = 4 << 20;

/// The longest IP packet.
const PACKET_MAX: usize = 65_535;

impl Default for Reassembler {
    fn default() -> Self {
        Self::new()
    }
}

impl Reassembler {
    /// Without any fragment.
    pub const fn new() -> Self {
        Self { pending: VecDeque::new(), bytes: 0, held: 0, late_at: None }
    }

    /// How many frames wait at the moment.
    pub const fn held(&self) -> u64 {
        self.held
    }

    /// Takes the fragment that `packet` is; `frame` are its bytes.
    pub fn handle_fragment(
        &mut self,
        now: Timestamp,
        arrival: FragmentArrival,
        packet: &Packet,
        frame: &[u8],
    ) -> FragmentOutcome {
        let Some(fragment) = packet.fragment else {
            return FragmentOutcome::Dropped { reason: DropReason::FragmentMalformed, held: 0 };
        };
        let key = FragmentKey {
            addresses: packet.addresses,
            protocol: packet.protocol,
            identification: fragment.identification,
            zone: arrival.zone,
        };
        let length = packet.payload_length as usize;
        let is_odd = fragment.more && !length.is_multiple_of(8);
        if length == 0 || is_odd || fragment.offset + length > PACKET_MAX {
            return FragmentOutcome::Dropped { reason: DropReason::FragmentMalformed, held: 0 };
        }
        let place = match self.pending.iter().rposition(|pending| is_same(&pending.key, &key)) {
            Some(place) => place,
            None if self.pending.len() >= PACKETS_MAX => {
                return FragmentOutcome::Dropped { reason: DropReason::FragmentLimit, held: 0 };
            }
            None => {
                self.pending.push_back(Pending::new(key, now));
                if arrival.share == FragmentShare::ForPeer {
                    self.late_at = self.late_at.or(Some(now + PATIENCE));
                }
                self.pending.len() - 1
            }
        };
        let frame = FragmentFrame { packet: *packet, arrival, bytes: frame.to_vec() };
        self.add(place, fragment, Part { offset: fragment.offset, length, frame })
    }

    fn add(&mut self, place: usize, fragment: Fragment, part: Part) -> FragmentOutcome {
        let pending = &mut self.pending[place];
        if pending.is_spoilt {
            return FragmentOutcome::Dropped { reason: DropReason::FragmentOverlap, held: 0 };
        }
        let FragmentFrame { packet, arrival, .. } = part.frame;
        let part_bytes = part.frame.bytes.len();
        if pending.parts.len().max(pending.repeated.len()) >= PARTS_MAX || self.bytes + part_bytes > BYTES_MAX
        {
            return self.spoil(place, DropReason::FragmentLimit);
        }
        match pending.add(part, fragment.more) {
            Added::Overlaps => return self.spoil(place, DropReason::FragmentOverlap),
            Added::Repeats(part) => {
                pending.repeated.push(part);
                pending.bytes += part_bytes;
                self.bytes += part_bytes;
            }
            Added::New => {
                pending.bytes += part_bytes;
                self.bytes += part_bytes;
                // The quick way to the ports: only the first fragment has them.
                if fragment.offset == 0 {
                    pending.first = Some(packet);
                }
            }
        }
        pending.is_for_peer &= arrival.share == FragmentShare::ForPeer;
        pending.frames += 1;
        pending.wire_length = pending.wire_length.saturating_add(packet.wire_length);
        self.held += 1;
        if !pending.is_whole() {
            return FragmentOutcome::Held;
        }
        let Some(pending) = self.pending.remove(place) else {
            return FragmentOutcome::Held;
        };
        self.bytes -= pending.bytes;
        self.held -= u64::from(pending.frames);
        match pending.assemble() {
            Some(assembled) => FragmentOutcome::Complete(Box::new(assembled)),
            None => FragmentOutcome::Dropped { reason: DropReason::FragmentMalformed, held: 0 },
        }
    }

    /// Drops what waits and remembers that the packet is lost.
    fn spoil(&mut self, place: usize, reason: DropReason) -> FragmentOutcome {
        let pending = &mut self.pending[place];
        let held = pending.frames;
        self.bytes -= pending.bytes;
        self.held -= u64::from(held);
        pending.parts = Vec::new();
        pending.repeated = Vec::new();
        pending.bytes = 0;
        pending.frames = 0;
        pending.is_spoilt = true;
        FragmentOutcome::Dropped { reason, held }
    }

    /// Gives up packets whose time is over; returns how many frames that drops.
    pub fn handle_timeout(&mut self, now: Timestamp) -> u32 {
        let mut dropped = 0;
        while let Some(oldest) = self.pending.front() {
            if oldest.since + TIMEOUT > now {
                break;
            }
            dropped += oldest.frames;
            self.bytes -= oldest.bytes;
            self.held -= u64::from(oldest.frames);
            self.pending.pop_front();
        }
        dropped
    }

    /// Fragments that are to become whole at the other device of a pair, as they have waited long enough for
    /// others to come here; repetitions among them.
    pub fn take_late(&mut self, now: Timestamp) -> Vec<FragmentFrame> {
        let (mut late, mut place) = (Vec::new(), 0);
        while self.pending.get(place).is_some_and(|pending| pending.since + PATIENCE <= now) {
            let goes = self.pending.get(place).is_some_and(Pending::may_go);
            let Some(pending) = goes.then(|| self.pending.remove(place)).flatten() else {
                place += 1;
                continue;
            };
            self.bytes -= pending.bytes;
            self.held -= u64::from(pending.frames);
            late.extend(pending.parts.into_iter().chain(pending.repeated).map(|part| part.frame));
        }
        let next = self.pending.iter().skip(place).find(|pending| pending.may_go());
        self.late_at = next.map(|pending| pending.since + PATIENCE);
        late
    }

    /// What waits stays here: the other device cannot be reached.
    pub fn keep(&mut self) {
        self.pending.iter_mut().for_each(|pending| pending.is_for_peer = false);
        self.late_at = None;
    }

    /// When `take_late` may have something to do next.
    pub const fn late_at(&self) -> Option<Timestamp> {
        self.late_at
    }

    /// When `handle_timeout` has something to do next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.pending.front().map(|oldest| oldest.since + TIMEOUT)
    }
}

/// IPv6 fragments are told apart without the protocol, which only the first one names for sure (RFC 8200,
/// section 4.5).
fn is_same(one: &FragmentKey, other: &FragmentKey) -> bool {
    one.identification == other.identification
        && one.addresses == other.addresses
        && one.zone == other.zone
        && (one.protocol == other.protocol || matches!(one.addresses, Addresses::V6 { .. }))
}

enum Added {
    New,
    Repeats(Part),
    Overlaps,
}

impl Pending {
    const fn new(key: FragmentKey, since: Timestamp) -> Self {
        Self {
            key,
            since,
            first: None,
            parts: Vec::new(),
            repeated: Vec::new(),
            length: None,
            frames: 0,
            wire_length: 0,
            bytes: 0,
            is_spoilt: false,
            is_for_peer: true,
        }
    }

    /// Whether what waits goes to the other device if it is not whole soon.
    const fn may_go(&self) -> bool {
        self.is_for_peer && !self.is_spoilt
    }

    fn add(&mut self, part: Part, more: bool) -> Added {
        let end = part.offset + part.length;
        let beyond_end = self.length.is_some_and(|length| end > length || (!more && end != length));
        let last = self.parts.last().map_or(0, |last| last.offset + last.length);
        if beyond_end || (!more && last > end) {
            return Added::Overlaps;
        }
        let place = self.parts.partition_point(|other| other.offset < part.offset);
        if let Some(same) = self.parts.get(place)
            && same.offset == part.offset
        {
            let is_same = same.length == part.length && same.data() == part.data();
            // A repetition that says more follows, or says it no longer, contradicts the first.
            let was_last = self.length == Some(end);
            return if is_same && was_last != more { Added::Repeats(part) } else { Added::Overlaps };
        }
        let before = place.checked_sub(1).and_then(|before| self.parts.get(before));
        let overlaps_before = before.is_some_and(|before| before.offset + before.length > part.offset);
        let overlaps_after = self.parts.get(place).is_some_and(|after| end > after.offset);
        if overlaps_before || overlaps_after {
            return Added::Overlaps;
        }
        if !more {
            self.length = Some(end);
        }
        self.parts.insert(place, part);
        Added::New
    }

    fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.parts.iter().map(|part| part.length).sum::<usize>() == length)
    }

    fn assemble(self) -> Option<Assembled> {
        let length = self.length?;
        let mut data = alloc::vec![0; length];
        let mut captured = 0;
        for part in &self.parts {
            let bytes = part.data();
            data.get_mut(part.offset..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
            if part.offset <= captured {
                captured = captured.max(part.offset + bytes.len());
            }
        }
        Some(Assembled {
            first: self.first?,
            data,
            captured,
            frames: self.frames,
            wire_length: self.wire_length,
            fragments: self.parts.into_iter().map(|part| part.frame).collect(),
            repeated: self.repeated.into_iter().map(|part| part.frame).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
