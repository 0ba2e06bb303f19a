//! Sessions of the workers as HA2 asks for them, and what it tells of the other device's.

use alloc::{sync::Arc, vec::Vec};

use bifrons_dataplane::{EventKind, MirrorItem, SessionEvent, Telling, Told, Worker, steer_addresses};
use bifrons_ha::sync::{ItemKind, Source, Space};
use bifrons_model::{SessionId, Timestamp};

use crate::{
    associations::Associations,
    controller::Controller,
    numbers::{OwnNumbers, PeerNumbers},
    stations::Stations,
};

/// What is kept between two batches.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Sessions of which there is more to tell than an item holds.
    more: Vec<SessionId>,
    /// Items that could not be read, or that no worker took.
    pub refused: u64,
    /// What the peer calls by its numbers, and what it is told of the own ones.
    pub numbers: PeerNumbers,
    pub own_numbers: OwnNumbers,
    pub associations: Associations,
}

impl Ledger {
    /// Sessions of which there is more to tell.
    pub fn take_more(&mut self) -> Vec<SessionId> {
        core::mem::take(&mut self.more)
    }
}

/// What an event is on HA2.
pub(crate) const fn kind_of(event: &SessionEvent) -> ItemKind {
    match event.kind {
        EventKind::Created => ItemKind::SessionCreate,
        EventKind::Changed => ItemKind::SessionUpdate,
        EventKind::Ended => ItemKind::SessionEnd,
    }
}

/// The workers, for HA2.
pub(crate) struct Copies<'a> {
    pub ledger: &'a mut Ledger,
    pub controller: &'a mut Controller,
    pub workers: &'a mut [Worker],
    pub now: Timestamp,
    /// The longest item, in bytes.
    pub room: usize,
}

impl Source for Copies<'_> {
    fn encode(&mut self, kind: ItemKind, id: u64, out: &mut Vec<u8>) -> bool {
        let telling = match kind {
            ItemKind::SessionCreate => Telling::Whole,
            ItemKind::SessionUpdate => Telling::News,
            ItemKind::SessionEnd => return true,
            ItemKind::Name => return self.ledger.own_numbers.encode(id, out),
            ItemKind::Neighbor => return self.controller.known.encode(id, out),
            ItemKind::SecurityAssociation => return self.ledger.associations.encode(id, out),
            // There is nothing to say of what is gone.
            ItemKind::NameGone | ItemKind::NeighborGone | ItemKind::SecurityAssociationGone => return true,
        };
        let Some(id) = number(id) else { return false };
        for worker in &mut *self.workers {
            match worker.encode_mirrored(id, telling, self.room, out) {
                Told::Gone => {}
                Told::All => return true,
                Told::Part => {
                    self.ledger.more.push(id);
                    return true;
                }
            }
        }
        false
    }

    fn next_ids(&mut self, space: Space, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        match space {
            Space::Names => return self.ledger.own_numbers.next_items(after, limit, out),
            Space::Neighbors => return self.controller.known.next_numbers(after, limit, out),
            Space::SecurityAssociations => {
                return self.ledger.associations.next_numbers(after, limit, out);
            }
            Space::Sessions => {}
        }
        let mut ids = Vec::new();
        for worker in &mut *self.workers {
            worker.next_session_ids(after.and_then(number), limit, &mut ids);
        }
        // Each worker's ascend; beyond the limit they are asked for again.
        ids.sort_unstable();
        out.extend(ids.iter().take(limit).map(|id| u64::from(id.0)));
    }
}

impl Copies<'_> {
    /// Makes of an item what it says, and whether that was anything. One that means nothing here changes
    /// nothing and is counted.
    pub fn apply(&mut self, kind: ItemKind, id: u64, payload: &[u8]) -> bool {
        let is_taken = match (kind, number(id)) {
            (ItemKind::Name, _) => self.ledger.numbers.learn(id, payload),
            (ItemKind::Neighbor, _) => self.learn_neighbor(id, payload),
            (ItemKind::NeighborGone, _) => {
                let place = self.controller.known.forget(id);
                place.map(|place| self.controller.handle_peer_neighbor(self.now, place, None)).is_some()
            }
            (ItemKind::SecurityAssociation, _) => self.ledger.associations.learn(id, Some(payload)),
            (ItemKind::SecurityAssociationGone, _) => self.ledger.associations.learn(id, None),
            (ItemKind::SessionCreate | ItemKind::SessionUpdate, Some(id)) => {
                self.settle_numbers();
                let item = self.ledger.numbers.session(id, payload, self.now);
                item.is_ok_and(|item| self.take(&item))
            }
            (ItemKind::SessionEnd, Some(id)) => {
                self.workers.iter_mut().any(|worker| worker.handle_mirrored_end(id))
            }
            (
                ItemKind::SessionCreate | ItemKind::SessionUpdate | ItemKind::SessionEnd | ItemKind::NameGone,
                _,
            ) => false,
        };
        self.ledger.refused += u64::from(!is_taken);
        is_taken
    }

    /// Finds what the peer's numbers are here, and lets the workers know of names that are new.
    pub fn settle_numbers(&mut self) {
        let Ledger { numbers, own_numbers, .. } = &mut *self.ledger;
        let Some(policy) = numbers.settle(&self.controller.compiled().policy, own_numbers) else { return };
        let policy = self.controller.reserve(policy);
        for worker in &mut *self.workers {
            worker.handle_names(Arc::clone(policy));
        }
    }

    /// The sessions whose packets the peer does not know the number of.
    pub fn untold(&self) -> Vec<u64> {
        self.workers.iter().flat_map(Worker::untold_sessions).map(|id| id.0.into()).collect()
    }

    /// There is a connection with the peer, which has started then.
    pub fn meet(&mut self, start: u64) {
        self.ledger.numbers.begin(start);
    }

    /// The peer tells of all its sessions.
    pub fn begin_join(&mut self) {
        self.begin_late_join();
        self.ledger.associations.begin_join();
        for worker in &mut *self.workers {
            worker.handle_join_begin(self.now);
        }
    }

    /// The peer began to tell of all when it led, and does so no more: only what it calls by numbers is anew.
    pub fn begin_late_join(&mut self) {
        self.controller.known.begin();
    }

    /// It has told of all.
    pub fn end_join(&mut self) {
        self.ledger.associations.end_join();
        for worker in &mut *self.workers {
            worker.handle_join_end(self.now);
        }
    }

    /// Whether a neighbor was told, on an interface that is known.
    fn learn_neighbor(&mut self, id: u64, payload: &[u8]) -> bool {
        let Some((interface, address, mac)) = Stations::read(payload) else { return false };
        self.settle_numbers();
        let Some(interface) = self.ledger.numbers.interface(interface) else { return false };
        self.controller.known.learn(id, interface, address);
        self.controller.handle_peer_neighbor(self.now, (interface, address), Some(mac));
        true
    }

    /// Whether a worker took it. A session that none has goes to the worker that its frames go to.
    fn take(&mut self, item: &MirrorItem) -> bool {
        let now = self.now;
        let takes = |worker: &mut Worker| worker.handle_mirrored(now, item).is_ok_and(|is_taken| is_taken);
        let Some(who) = &item.who else { return self.workers.iter_mut().any(takes) };
        for worker in &mut *self.workers {
            worker.skip_session_ids(item.id);
        }
        let has = |worker: &Worker| worker.sessions().find_id(item.id).is_some();
        let place = self.workers.iter().position(has);
        let place = place.unwrap_or_else(|| steer_addresses(who.keys[0].addresses(), self.workers.len()));
        self.workers.get_mut(place).is_some_and(takes)
    }
}

fn number(id: u64) -> Option<SessionId> {
    u32::try_from(id).ok().map(SessionId)
}
