//! What a worker does for a pair of devices.

/// A worker's part in a pair. The controller sets it with [`Worker::set_pair_view`](crate::Worker); without a
/// pair it stays [`PairView::ALONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairView {
    /// Frames are taken. Otherwise each is dropped with `ha-not-active` before anything else is done.
    pub forwards: bool,
    /// What becomes of own sessions stands in `Outbox::session_events`, for the other device.
    pub mirrors: bool,
}

impl PairView {
    /// A device without another one.
    pub const ALONE: Self = Self { forwards: true, mirrors: false };
    /// Active/passive: it forwards and the other one follows.
    pub const ACTIVE: Self = Self { forwards: true, mirrors: true };
    /// Active/passive: it follows.
    pub const PASSIVE: Self = Self { forwards: false, mirrors: false };
}

impl Default for PairView {
    fn default() -> Self {
        Self::ALONE
    }
}
