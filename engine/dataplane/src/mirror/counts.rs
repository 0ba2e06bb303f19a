//! Who of an active/active pair has counted what of a session.
//!
//! Both devices may pass packets of one session: while HA3 is down, while they cannot reach each other at
//! all, or where both have begun it. Each knows for certain what it has counted itself and tells that apart
//! from what it has heard of. Of two numbers of one device the larger is the later one: the sum is right
//! whatever was lost, repeated or told late, and whoever owns the session when it is logged.
//!
//! ```text
//!  told of a session
//!  volume         ├──── counted by the teller ────┼──── counted by who is told ────┤
//!                                                   counted_there
//! ```

use alloc::collections::BTreeMap;
use core::array;

use bifrons_model::{SessionId, Volume};
use bifrons_session::SessionFlags;

use super::MirrorItem;
use crate::Worker;

/// What was counted of a session, by direction.
type Volumes = [Volume; 2];

/// What the other device has counted of sessions, where it is something else than goes without saying: all of
/// a copy, and nothing of an own session.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<SessionId, Volumes>);

impl Counts {
    /// The session is gone.
    pub fn forget(&mut self, id: SessionId) {
        if !self.0.is_empty() {
            self.0.remove(&id);
        }
    }
}

impl Worker {
    /// What of a session's volume the other device has counted.
    pub(super) fn counted_there(&self, slot: u32) -> Volumes {
        let session = self.table.get(slot);
        match self.mirroring.counts.0.get(&session.id) {
            _ if self.pair.shared.is_none() => Volumes::default(),
            Some(there) => *there,
            None if session.flags.has(SessionFlags::COPY) => session.volume,
            None => Volumes::default(),
        }
    }

    /// What of it this device has counted.
    pub(super) fn counted_here(&self, slot: u32) -> Volumes {
        without(&self.table.get(slot).volume, &self.counted_there(slot))
    }

    /// Keeps what the other device has counted, by whether the session is a copy now.
    pub(super) fn keep_counts(&mut self, slot: u32, there: Volumes) {
        let session = self.table.get(slot);
        let is_copy = session.flags.has(SessionFlags::COPY);
        let implied = if is_copy { session.volume } else { Volumes::default() };
        if self.pair.shared.is_none() || there == implied {
            self.mirroring.counts.forget(session.id);
        } else {
            self.mirroring.counts.0.insert(session.id, there);
        }
    }

    /// A copy that is new here is of packets that this device has counted in a session of its own.
    pub(super) fn begin_counts(&mut self, slot: u32, here: Volumes) {
        self.table.get_mut(slot).volume = here;
        self.keep_counts(slot, Volumes::default());
    }

    /// Learns what the other device has counted of a session. Whether that is more than was known.
    pub(super) fn learn_counts(&mut self, slot: u32, item: &MirrorItem) -> bool {
        let (told, before) = (&item.life.volume, self.table.get(slot).volume);
        if self.pair.shared.is_none() {
            self.table.get_mut(slot).volume = *told;
            return *told != before;
        }
        let (here, there) = (item.counted_there, without(told, &item.counted_there));
        let is_copy = self.table.get(slot).flags.has(SessionFlags::COPY);
        // Of a copy of which this device has counted nothing the other one knows all.
        let is_known = !is_copy || self.mirroring.counts.0.contains_key(&self.table.get(slot).id);
        let (here, there) = if is_known {
            (most(&self.counted_here(slot), &here), most(&self.counted_there(slot), &there))
        } else {
            (here, there)
        };
        let volume = sum(&here, &there);
        self.table.get_mut(slot).volume = volume;
        self.keep_counts(slot, there);
        volume != before
    }

    /// Whether this device has counted more of a session than the other one knows.
    pub(super) fn has_counted_more(&self, slot: u32, item: &MirrorItem) -> bool {
        if self.pair.shared.is_none() || self.mirroring.counts.0.is_empty() {
            return false;
        }
        let here = self.counted_here(slot);
        most(&here, &item.counted_there) != item.counted_there
    }
}

fn each(one: &Volumes, other: &Volumes, of: impl Fn(u64, u64) -> u64) -> Volumes {
    array::from_fn(|way| Volume {
        packets: of(one[way].packets, other[way].packets),
        bytes: of(one[way].bytes, other[way].bytes),
    })
}

fn most(one: &Volumes, other: &Volumes) -> Volumes {
    each(one, other, u64::max)
}

pub(super) fn sum(one: &Volumes, other: &Volumes) -> Volumes {
    each(one, other, u64::saturating_add)
}

fn without(all: &Volumes, part: &Volumes) -> Volumes {
    each(all, part, u64::saturating_sub)
}
