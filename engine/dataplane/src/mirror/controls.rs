//! The other device's sessions that announce connections, by the hosts between which they are.
//!
//! Only the owner of such a session knows what it has announced. A connection that begins at this device
//! between the same hosts may be one of those: it is the owner's to let in.

use alloc::collections::BTreeSet;
use core::net::IpAddr;

use bifrons_model::SessionId;
use bifrons_wire::Addresses;

use crate::{Worker, gateway::CONTROLS};

/// Two hosts, the lower address first: both directions are the same.
type Hosts = [IpAddr; 2];

/// So many that are out of date may stay before all are looked at.
const STALE_MAX: usize = 64;

/// Sessions by their hosts, as each side knows these. One that has ended, or is this device's own now, is
/// taken out when somebody comes upon it.
#[derive(Debug, Default)]
pub(crate) struct Controls(BTreeSet<(Hosts, SessionId)>);

fn hosts(addresses: Addresses) -> Hosts {
    let (source, destination) = (addresses.source(), addresses.destination());
    [source.min(destination), source.max(destination)]
}

impl Worker {
    /// Takes note of a copy whose application announces connections.
    pub(super) fn note_control(&mut self, slot: u32) {
        let session = self.table.get(slot);
        if self.pair.shared.is_none() || !CONTROLS.contains(&session.app) {
            return;
        }
        let id = session.id;
        if self.mirroring.controls.0.len() > 2 * self.table.len() + STALE_MAX {
            let table = &self.table;
            let is_copy = |id: SessionId| table.find_id(id).is_some_and(|slot| table.is_copy(slot));
            self.mirroring.controls.0.retain(|(_, id)| is_copy(*id));
        }
        for key in self.table.keys(slot) {
            self.mirroring.controls.0.insert((hosts(key.addresses()), id));
        }
    }

    /// Whether the other device may have been told of a connection between these addresses.
    pub(crate) fn may_be_foretold_there(&mut self, addresses: Addresses) -> bool {
        if self.mirroring.controls.0.is_empty() {
            return false;
        }
        let hosts = hosts(addresses);
        let all = (hosts, SessionId(0))..=(hosts, SessionId(u32::MAX));
        while let Some((_, id)) = self.mirroring.controls.0.range(all.clone()).next().copied() {
            if self.table.find_id(id).is_some_and(|slot| self.table.is_copy(slot)) {
                return true;
            }
            self.mirroring.controls.0.remove(&(hosts, id));
        }
        false
    }
}
