//! The neighbors on one link, no more than so many.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;

use bifrons_model::Timestamp;

use super::entry::{Entry, NeighborState};

/// How easily an entry gives way to another, the easiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It never answered.
    Unresolved,
    /// Nobody has talked to it for a while.
    Idle,
    /// It is talked to, or configured: it stays.
    Used,
}

const fn worth(state: NeighborState) -> Worth {
    match state {
        NeighborState::Incomplete | NeighborState::Failed => Worth::Unresolved,
        NeighborState::Stale => Worth::Idle,
        NeighborState::Reachable | NeighborState::Delay | NeighborState::Probe | NeighborState::Static => {
            Worth::Used
        }
    }
}

/// The neighbors by address.
///
/// Who scans a network through the device makes it ask for many that are not there: these have a quarter of
/// the places at most, and never take the place of one that is talked to.
#[derive(Clone, Debug)]
pub(super) struct Table {
    entries: BTreeMap<IpAddr, (Entry, Timestamp)>,
    /// Those that can give way, with the time since which they are worth so little.
    order: BTreeSet<(Worth, Timestamp, IpAddr)>,
    unresolved: usize,
    capacity: usize,
}

impl Table {
    pub const fn new(capacity: usize) -> Self {
        Self { entries: BTreeMap::new(), order: BTreeSet::new(), unresolved: 0, capacity }
    }

    pub const fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    pub fn get(&self, address: IpAddr) -> Option<&Entry> {
        self.entries.get(&address).map(|(entry, _)| entry)
    }

    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, &Entry)> {
        self.entries.iter().map(|(address, (entry, _))| (*address, entry))
    }

    /// Which neighbor has to go before an entry in this state can come; `Err` where none may.
    pub fn room_for(&self, state: NeighborState) -> Result<Option<IpAddr>, Full> {
        let quarter = (self.capacity / 4).max(1);
        let is_unresolved = worth(state) == Worth::Unresolved;
        if state == NeighborState::Static
            || self.entries.len() < self.capacity && !(is_unresolved && self.unresolved >= quarter)
        {
            return Ok(None);
        }
        let (_, _, address) = self.order.first().ok_or(Full)?;
        Ok(Some(*address))
    }

    /// Puts an entry in place of the one before.
    pub fn set(&mut self, now: Timestamp, address: IpAddr, entry: Entry) {
        let new = worth(entry.state);
        let since = match self.entries.get(&address) {
            Some((old, since)) if worth(old.state) == new => *since,
            Some(_) | None => now,
        };
        self.remove(address);
        self.entries.insert(address, (entry, since));
        if new != Worth::Used {
            self.order.insert((new, since, address));
        }
        self.unresolved += usize::from(new == Worth::Unresolved);
    }

    pub fn remove(&mut self, address: IpAddr) -> Option<Entry> {
        let (entry, since) = self.entries.remove(&address)?;
        let old = worth(entry.state);
        self.order.remove(&(old, since, address));
        self.unresolved -= usize::from(old == Worth::Unresolved);
        Some(entry)
    }
}

/// Every entry is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;
