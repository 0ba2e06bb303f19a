//! What a worker does for a pair of devices.

use crate::ActiveActiveView;

/// A worker's part in a pair. The controller sets it with [`Worker::set_pair_view`](crate::Worker); without a
/// pair it stays [`PairView::ALONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PairView {
    /// Frames are taken. Otherwise each is dropped with `ha-not-active` before anything else is done.
    pub forwards: bool,
    /// What becomes of own sessions stands in `Outbox::session_events`, for the other device.
    pub mirrors: bool,
    /// Active/active: both devices forward, and each session has an owner and a setup device.
    pub shared: Option<ActiveActiveView>,
}

impl PairView {
    /// A device without another one.
    pub const ALONE: Self = Self { forwards: true, mirrors: false, shared: None };
    /// Active/passive: it forwards and the other one follows.
    pub const ACTIVE: Self = Self { forwards: true, mirrors: true, shared: None };
    /// Active/passive: it follows.
    pub const PASSIVE: Self = Self { forwards: false, mirrors: false, shared: None };

    /// Active/active: it takes frames, and tells of its sessions. A tentative device does so, too, and gives
    /// its frames to the other one, as `view` says.
    pub const fn sharing(view: ActiveActiveView) -> Self {
        Self { forwards: true, mirrors: true, shared: Some(view) }
    }
}

impl Default for PairView {
    fn default() -> Self {
        Self::ALONE
    }
}
