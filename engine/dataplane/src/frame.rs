//! What goes into a worker and what comes out.

use alloc::vec::Vec;

use bifrons_model::{DropReason, InterfaceId, Timestamp, TrafficRecord};
use bifrons_wire::LinkType;

/// A frame as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its bytes, as far as they are at hand.
    pub bytes: &'a [u8],
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
    /// It leaves by this interface, as it is or as `Outbox::rewritten` has it.
    Transmit(InterfaceId),
    /// It goes no further.
    Drop(DropReason),
    /// It is a fragment that waits for the rest of its packet; the last one's verdict holds for all.
    Held,
}

/// A frame that leaves with other bytes than it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Its place among the frames of the call.
    pub frame: usize,
    /// What leaves instead.
    pub bytes: Vec<u8>,
}

/// What happened besides the verdicts. The driver empties it after each call; the worker only appends.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Records of sessions, in the order of their writing.
    pub records: Vec<TrafficRecord>,
    /// Frames that leave changed.
    pub rewritten: Vec<Rewritten>,
}

impl Outbox {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.rewritten.clear();
    }
}
