//! What the peer has not been told yet: ids in the order in which they first changed, each with the strongest
//! change since then. The state itself is asked for when it is sent.

use alloc::collections::VecDeque;

use bifrons_model::Timestamp;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map::Entry};

use super::ItemKind;

/// Room that is kept when the set has run empty.
const KEPT_CAPACITY: usize = 1 << 16;

/// The changed entries of one table.
pub(super) struct DirtySet {
    pending: HashMap<u64, ItemKind, FixedState>,
    /// Each pending id once, with the time of its first change.
    order: VecDeque<(u64, Timestamp)>,
}

/// What a mark has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marked {
    /// The id was not pending.
    New,
    /// It was; the older change will not be told.
    Coalesced,
}

impl DirtySet {
    pub fn new(seed: FixedState) -> Self {
        Self { pending: HashMap::with_hasher(seed), order: VecDeque::new() }
    }

    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// When the entry that waits longest has changed.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.order.front().map(|(_, since)| *since)
    }

    pub fn mark(&mut self, now: Timestamp, kind: ItemKind, id: u64) -> Marked {
        match self.pending.entry(id) {
            Entry::Occupied(mut pending) => {
                let merged = merge(*pending.get(), kind);
                pending.insert(merged);
                Marked::Coalesced
            }
            Entry::Vacant(vacant) => {
                vacant.insert(kind);
                self.order.push_back((id, now));
                Marked::New
            }
        }
    }

    pub fn pop(&mut self) -> Option<(ItemKind, u64, Timestamp)> {
        let (id, since) = self.order.pop_front()?;
        let kind = self.pending.remove(&id)?;
        if self.order.is_empty() && self.pending.capacity() > KEPT_CAPACITY {
            self.clear();
        }
        Some((kind, id, since))
    }

    pub fn clear(&mut self) {
        self.pending.clear();
        self.pending.shrink_to(KEPT_CAPACITY);
        self.order.clear();
        self.order.shrink_to(KEPT_CAPACITY);
    }
}

/// What is told of an entry that has changed twice. An ended session cannot change any more, only begin anew.
const fn merge(pending: ItemKind, newer: ItemKind) -> ItemKind {
    match newer {
        ItemKind::SessionUpdate => match pending {
            ItemKind::SessionCreate | ItemKind::SessionEnd => pending,
            ItemKind::SessionUpdate
            | ItemKind::Neighbor
            | ItemKind::NeighborGone
            | ItemKind::SecurityAssociation
            | ItemKind::SecurityAssociationGone
            | ItemKind::Name
            | ItemKind::NameGone => newer,
        },
        ItemKind::SessionCreate
        | ItemKind::SessionEnd
        | ItemKind::Neighbor
        | ItemKind::NeighborGone
        | ItemKind::SecurityAssociation
        | ItemKind::SecurityAssociationGone
        | ItemKind::Name
        | ItemKind::NameGone => newer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_change_is_told_once() {
        use ItemKind::{SessionCreate, SessionEnd, SessionUpdate};
        let table = [
            (SessionCreate, SessionUpdate, SessionCreate),
            (SessionCreate, SessionEnd, SessionEnd),
            (SessionUpdate, SessionUpdate, SessionUpdate),
            (SessionUpdate, SessionEnd, SessionEnd),
            (SessionUpdate, SessionCreate, SessionCreate),
            (SessionEnd, SessionUpdate, SessionEnd),
            (SessionEnd, SessionCreate, SessionCreate),
        ];
        for (first, second, told) in table {
            let mut dirty = DirtySet::new(FixedState::with_seed(1));
            assert_eq!(dirty.mark(Timestamp::from_secs(1), first, 9), Marked::New);
            assert_eq!(dirty.mark(Timestamp::from_secs(2), second, 9), Marked::Coalesced);
            assert_eq!(dirty.oldest(), Some(Timestamp::from_secs(1)));
            assert_eq!(dirty.pop(), Some((told, 9, Timestamp::from_secs(1))));
            assert_eq!(dirty.pop(), None);
        }
    }

    #[test]
    fn entries_leave_in_the_order_of_their_first_change() {
        let mut dirty = DirtySet::new(FixedState::with_seed(1));
        for id in [5, 3, 5, 8] {
            dirty.mark(Timestamp::ZERO, ItemKind::Neighbor, id);
        }
        let order: alloc::vec::Vec<u64> = core::iter::from_fn(|| dirty.pop().map(|(_, id, _)| id)).collect();
        assert_eq!(order, [5, 3, 8]);
    }
}
