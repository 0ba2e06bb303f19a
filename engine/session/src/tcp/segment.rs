//! What goes into the tracker and what comes out: a segment, the operator's choices, an outcome.

use bifrons_config::typed::{SessionSettings, TcpSettings};
use bifrons_model::{Direction, DropReason};
use bifrons_wire::{Tcp, TcpFlags};

/// What the operator chose about TCP, as it applies to one ingress zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knobs {
    /// Segments outside window or sync pass, and are counted, instead of being dropped.
    pub asymmetric_path_bypass: bool,
    /// A session may begin without a SYN.
    pub accept_non_syn: bool,
    /// A SYN with another sequence number on a live session is dropped.
    pub reject_different_syn: bool,
    /// A reset is verified only by the exact sequence number.
    pub strict_reset: bool,
    /// A segment without flags is dropped.
    pub drop_zero_flags: bool,
    /// An ACK may answer a SYN.
    pub allow_challenge_ack: bool,
    /// A SYN with a smaller window is dropped.
    pub initial_window_min: u16,
}

impl Knobs {
    /// From the device's settings and what the zone overrides.
    pub fn new(
        session: &SessionSettings,
        tcp: &TcpSettings,
        zone_reject_non_syn: Option<bool>,
        zone_asymmetric_path_bypass: Option<bool>,
    ) -> Self {
        let window_min = session.tcp_reject_small_initial_window_threshold.min(u32::from(u16::MAX)) as u16;
        Self {
            asymmetric_path_bypass: zone_asymmetric_path_bypass.unwrap_or(tcp.asymmetric_path_bypass),
            accept_non_syn: !zone_reject_non_syn.unwrap_or(session.tcp_reject_non_syn),
            reject_different_syn: session.tcp_reject_diff_syn,
            strict_reset: session.tcp_strict_rst,
            drop_zero_flags: tcp.drop_zero_flag,
            allow_challenge_ack: tcp.allow_challenge_ack,
            initial_window_min: if session.tcp_reject_small_initial_window_enable { window_min } else { 0 },
        }
    }
}

/// One segment as the tracker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its way.
    pub direction: Direction,
    /// Its header.
    pub tcp: Tcp,
    /// Its payload's length on the wire.
    pub payload_length: u32,
    /// A SYN's window scale option.
    pub window_scale: Option<u8>,
}

impl Segment {
    #[inline]
    pub(super) const fn has(&self, flag: TcpFlags) -> bool {
        self.tcp.flags.has(flag)
    }

    /// What a receiver that does not get this segment expects next, when it has acknowledged this much: the
    /// segment's first number that is new to it.
    pub(super) fn expected_behind(&self, acknowledged: Option<u32>) -> u32 {
        let first = self.tcp.sequence;
        match acknowledged {
            Some(number) if number.wrapping_sub(first).cast_signed() > 0 => number,
            Some(_) | None => first,
        }
    }

    /// The sequence number behind it: payload, SYN and FIN count.
    #[inline]
    pub(super) const fn end(&self) -> u32 {
        let controls = self.has(TcpFlags::SYN) as u32 + self.has(TcpFlags::FIN) as u32;
        self.tcp.sequence.wrapping_add(self.payload_length).wrapping_add(controls)
    }
}

/// What a segment leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passes.
    Pass,
    /// It passes although something is wrong with it that the configuration forgives; to be counted.
    PassNoticed(DropReason),
    /// It is dropped and changes nothing.
    Drop(DropReason),
    /// It begins another connection: the session ends with `tcp-reuse`, the packet opens a new one.
    NewConnection,
    /// It passes, and may begin another connection if the server agrees.
    MayReopen,
    /// The server has agreed: the session ends with `tcp-reuse`; the new one began with the segment of
    /// `MayReopen`.
    Reopened,
}
