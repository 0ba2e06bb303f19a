//! One side of a connection: what it has sent, what it takes, and whether a segment fits (after G. van
//! Rooij, "Real Stateful TCP Packet Filtering in IP Filter", 2001).

use bifrons_wire::TcpFlags;

use super::Segment;

/// What is known of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// The sequence number behind everything it has sent.
    next: u32,
    /// The highest acknowledgement it has sent.
    acknowledged: u32,
    /// The largest window it has announced, scaled.
    window: u32,
    /// The sequence number of its first payload byte.
    first: u32,
    /// How far its windows are shifted.
    scale: u8,
    facts: u8,
}

/// It has sent something.
const SEEN: u8 = 1;
/// Its SYN was seen, so `first` counts.
const SYN: u8 = 2;
/// Its FIN was seen.
const FIN: u8 = 4;
/// A reset in its name was seen.
const RST: u8 = 8;
/// It has acknowledged something.
const ACKED: u8 = 16;
/// Its SYN offered window scaling.
const SCALES: u8 = 32;
/// How its windows are shifted is not known: the handshake was not seen.
const UNKNOWN_SCALE: u8 = 64;

/// What the other device of a pair is told.
const IMAGE_FACTS: u8 = SYN | FIN | RST | SCALES;

/// The largest shift (RFC 7323, section 2.3), assumed where the handshake was not seen.
const SCALE_MAX: u8 = 14;

/// How old an acknowledgement may be at least, however small the windows are.
const ACKNOWLEDGEMENT_AGE_MIN: u32 = 66_000;

/// What the other device of a pair is told of one side of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SideImage {
    /// Bits: 2 its SYN was seen, 4 its FIN, 8 a reset in its name, 32 its SYN offered window scaling.
    pub facts: u8,
    /// The sequence number of its first payload byte; 0 where its SYN was not seen.
    pub first: u32,
    /// How far its windows are shifted, 0 to 14.
    pub scale: u8,
}

impl SideImage {
    /// Whether its SYN was seen, so that `first` counts.
    pub const fn has_first(&self) -> bool {
        self.facts & SYN != 0
    }
}

/// Where a segment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Inside,
    /// The sequence number is beyond what the receiver takes, or far behind.
    OutOfWindow,
    /// The acknowledgement is for what the receiver has not sent, or very old.
    OutOfSync,
}

/// Where a reset lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetFit {
    /// At the next expected sequence number.
    Exact,
    /// In the window, or the window is not known.
    InWindow,
    Outside,
}

/// How far `a` lies behind `b`, as a signed distance on the circle of sequence numbers.
const fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

impl Side {
    pub const fn is_seen(&self) -> bool {
        self.facts & SEEN != 0
    }

    pub const fn has_fin(&self) -> bool {
        self.facts & FIN != 0
    }

    pub const fn first_sequence(&self) -> Option<u32> {
        if self.facts & SYN != 0 { Some(self.first) } else { None }
    }

    /// The sequence number behind everything it has sent.
    pub const fn next(&self) -> u32 {
        self.next
    }

    /// The highest acknowledgement it has sent.
    pub const fn acknowledged(&self) -> Option<u32> {
        if self.facts & ACKED != 0 { Some(self.acknowledged) } else { None }
    }

    pub const fn has_reset(&self) -> bool {
        self.facts & RST != 0
    }

    pub const fn mark_fin(&mut self) {
        self.facts |= FIN;
    }

    pub const fn mark_reset(&mut self) {
        self.facts |= RST;
    }

    /// Whether a reset in its name was seen; forgets it.
    pub const fn take_reset(&mut self) -> bool {
        let was = self.facts & RST != 0;
        self.facts &= !RST;
        was
    }

    /// Whether a SYN with this sequence number is the one it has sent before.
    pub const fn is_own_syn(&self, sequence: u32) -> bool {
        self.facts & SYN != 0 && self.first.wrapping_sub(1) == sequence
    }

    /// Whether `acknowledgement` is for something it has sent since its SYN.
    pub const fn has_sent(&self, acknowledgement: u32) -> bool {
        self.facts & SEEN != 0
            && distance(acknowledgement, self.next) <= 0
            && (self.facts & SYN == 0 || distance(acknowledgement, self.first) >= 0)
    }

    /// What the other device of a pair is told of it: what the handshake has settled. Numbers and windows
    /// change with each segment and are learnt anew.
    pub const fn image(&self) -> SideImage {
        let first = if self.facts & SYN != 0 { self.first } else { 0 };
        SideImage { facts: self.facts & IMAGE_FACTS, first, scale: self.scale }
    }

    /// A side that nothing was seen of but its handshake.
    pub const fn from_image(image: &SideImage) -> Self {
        let scale = if image.scale > SCALE_MAX { SCALE_MAX } else { image.scale };
        let first = if image.facts & SYN != 0 { image.first } else { 0 };
        let facts = image.facts & IMAGE_FACTS;
        Self { next: first, acknowledged: 0, window: 0, first, scale, facts }
    }

    /// Its SYN is the last that was seen of it.
    pub const fn stand_at_syn(&mut self) {
        if self.facts & SYN != 0 {
            self.facts |= SEEN;
            self.next = self.first;
            self.window = u16::MAX as u32;
        }
    }

    /// The first segment that is seen of it after its handshake, which is known.
    pub fn resume(&mut self, segment: &Segment) {
        if self.facts & SYN == 0 {
            return self.begin(segment, false);
        }
        self.facts |= SEEN;
        self.next = segment.end();
        self.note_acknowledgement(segment);
        self.window = self.announced(segment);
    }

    /// Its first segment that is seen.
    pub fn begin(&mut self, segment: &Segment, is_syn: bool) {
        self.facts = (self.facts & (FIN | RST)) | SEEN;
        if is_syn {
            self.facts |= SYN;
            self.first = segment.tcp.sequence.wrapping_add(1);
            if let Some(scale) = segment.window_scale {
                self.facts |= SCALES;
                self.scale = scale.min(SCALE_MAX);
            }
        } else {
            self.facts |= UNKNOWN_SCALE;
        }
        self.next = segment.end();
        self.note_acknowledgement(segment);
        self.window = self.announced(segment);
    }

    /// Scaling counts only when both SYNs offered it (RFC 7323, section 2.2).
    pub const fn settle_scaling(&mut self, peer: &mut Self) {
        let both_syns = self.facts & peer.facts & SYN != 0;
        if both_syns && self.facts & peer.facts & SCALES == 0 {
            self.scale = 0;
            peer.scale = 0;
        }
    }

    /// It must have sent everything before `next`, although it was not seen.
    pub const fn assume_next(&mut self, next: u32) {
        self.facts |= SEEN | UNKNOWN_SCALE;
        self.next = next;
        self.window = u16::MAX as u32;
    }

    /// What the peer acknowledges was sent, although it was not seen.
    pub const fn catch_up(&mut self, acknowledged: u32) {
        if distance(acknowledged, self.next) > 0 {
            self.next = acknowledged;
        }
    }

    /// Its answer to a SYN is an acknowledgement of something else: the client's reset will quote that
    /// number.
    pub fn challenge(&mut self, segment: &Segment) {
        self.note_acknowledgement(segment);
    }

    /// A later segment that passes.
    #[inline(always)]
    pub fn update(&mut self, segment: &Segment) {
        let end = segment.end();
        if distance(end, self.next) > 0 {
            self.next = end;
        }
        self.note_acknowledgement(segment);
        self.window = self.window.max(self.announced(segment));
    }

    /// Whether a segment of this side fits what the peer takes and has sent.
    #[inline(always)]
    pub fn fit(&self, peer: &Self, segment: &Segment) -> Fit {
        if !peer.is_seen() {
            return Fit::Inside;
        }
        let takes = peer.takes(self);
        let is_beyond = peer.facts & ACKED != 0
            && distance(segment.tcp.sequence, peer.acknowledged.wrapping_add(takes)) > 0;
        let is_behind = distance(segment.end(), self.next.wrapping_sub(takes).wrapping_sub(1)) < 0;
        if is_beyond || is_behind {
            return Fit::OutOfWindow;
        }
        if segment.tcp.flags.has(TcpFlags::ACK) {
            let age_max = self.window.max(takes).max(ACKNOWLEDGEMENT_AGE_MIN);
            let age = distance(peer.next, segment.tcp.acknowledgement);
            if age < 0 || age as u32 > age_max {
                return Fit::OutOfSync;
            }
        }
        Fit::Inside
    }

    /// Where a reset of this side lies (RFC 5961, section 3).
    pub fn reset_fit(&self, peer: &Self, sequence: u32) -> ResetFit {
        let is_next = self.is_seen() && sequence == self.next;
        let is_expected = peer.facts & ACKED != 0 && sequence == peer.acknowledged;
        if is_next || is_expected {
            return ResetFit::Exact;
        }
        if !self.is_seen() {
            return ResetFit::InWindow;
        }
        let takes = peer.takes(self).max(1);
        let from = if peer.facts & ACKED != 0 { peer.acknowledged } else { self.next.wrapping_sub(takes) };
        let until =
            if peer.facts & ACKED != 0 { from.wrapping_add(takes) } else { self.next.wrapping_add(takes) };
        if distance(sequence, from) >= 0 && distance(sequence, until) < 0 {
            ResetFit::InWindow
        } else {
            ResetFit::Outside
        }
    }

    /// How many bytes of `sender` it takes behind its acknowledgement.
    fn takes(&self, sender: &Self) -> u32 {
        // Until both offers are known the largest shift is assumed.
        let is_unknown = (self.facts | sender.facts) & UNKNOWN_SCALE != 0;
        let window = if is_unknown { self.window.max(u32::from(u16::MAX)) << 8 } else { self.window };
        window.clamp(1, 1 << 30)
    }

    /// The window of a segment; a SYN's is never scaled (RFC 7323, section 2.2).
    fn announced(&self, segment: &Segment) -> u32 {
        let window = u32::from(segment.tcp.window);
        if segment.tcp.flags.has(TcpFlags::SYN) { window } else { window << self.scale }
    }

    fn note_acknowledgement(&mut self, segment: &Segment) {
        if !segment.tcp.flags.has(TcpFlags::ACK) {
            return;
        }
        let acknowledgement = segment.tcp.acknowledgement;
        if self.facts & ACKED == 0 || distance(acknowledgement, self.acknowledged) > 0 {
            self.acknowledged = acknowledgement;
            self.facts |= ACKED;
        }
    }
}
