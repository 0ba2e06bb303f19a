//! What a worker counts.

use bifrons_model::DropReason;

/// A worker's counters since its start. Every frame is in exactly one of the sums:
/// `received = transmitted + dropped + held + to_host + handed_over + to_peer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Frames that came in.
    pub received: u64,
    /// Their bytes on the wire.
    pub received_bytes: u64,
    /// Frames that left.
    pub transmitted: u64,
    /// Frames that were dropped, by the reason's number.
    pub dropped: [u64; DropReason::TABLE_LEN],
    /// Frames that wait at the moment: fragments for the rest, packets for the next station's address.
    pub held: u64,
    /// Frames that were for the device itself.
    pub to_host: u64,
    /// Frames that were handed over to another worker, which counts them, too.
    pub handed_over: u64,
    /// Frames that were given to the other device of an active/active pair.
    pub to_peer: u64,
    /// Frames of `received` that the other device gave to this one.
    pub from_peer: u64,
    /// Frames that a stricter configuration would have dropped for this reason.
    pub noticed: [u64; DropReason::TABLE_LEN],
    /// Sessions made.
    pub sessions_created: u64,
    /// Sessions ended.
    pub sessions_ended: u64,
    /// New sessions refused because the table was full.
    pub sessions_refused: u64,
    /// Frames that passed without a session because the table was full.
    pub bypassed: u64,
    /// Packets put together from fragments.
    pub reassembled: u64,
    /// ICMP errors that were matched with the session they report on.
    pub icmp_errors_matched: u64,
    /// Packets of the firewall's own: resets, ICMP errors. They are none of `received` and `transmitted`.
    pub emitted: u64,
    /// Frames that left with other addresses or ports than they came with.
    pub translated: u64,
    /// New sessions refused because a NAT pool was used up.
    pub nat_exhausted: u64,
    /// Frames of the fast path: a known session that needs no inspection. About 60 ns each: one cache line
    /// of the index, three of the session.
    pub fast: u64,
    /// Frames whose payload was inspected: some hundred nanoseconds, as it is held and probed.
    pub inspected: u64,
    /// Frames that opened a session: about 300 ns for route, rule and a place in the tables.
    pub slow: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            received: 0,
            received_bytes: 0,
            transmitted: 0,
            dropped: [0; DropReason::TABLE_LEN],
            held: 0,
            to_host: 0,
            handed_over: 0,
            to_peer: 0,
            from_peer: 0,
            noticed: [0; DropReason::TABLE_LEN],
            sessions_created: 0,
            sessions_ended: 0,
            sessions_refused: 0,
            bypassed: 0,
            reassembled: 0,
            icmp_errors_matched: 0,
            emitted: 0,
            translated: 0,
            nat_exhausted: 0,
            fast: 0,
            inspected: 0,
            slow: 0,
        }
    }
}

impl Counters {
    /// How many frames were dropped for `reason`.
    pub const fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many frames passed although `reason` could have dropped them.
    pub const fn noticed_for(&self, reason: DropReason) -> u64 {
        self.noticed[reason as usize]
    }

    /// How many frames were dropped.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Whether every frame is accounted for.
    pub fn is_conserved(&self) -> bool {
        let gone = self.transmitted + self.dropped_total() + self.to_host + self.handed_over;
        self.received == gone + self.to_peer + self.held
    }

    pub(crate) const fn drop(&mut self, reason: DropReason, frames: u64) {
        self.dropped[reason as usize] += frames;
    }

    pub(crate) const fn notice(&mut self, reason: DropReason) {
        self.noticed[reason as usize] += 1;
    }
}
