//! What the other device of a pair has beside sessions: names, neighbors, security associations; and the
//! paths that are watched for it.

use alloc::{sync::Arc, vec::Vec};
use core::net::IpAddr;

use bifrons_ha::{PathId, config_sync::ConfigMark, sync::ItemKind};
use bifrons_model::Timestamp;

use super::Node;
use crate::{CommandError, copies::Copies};

impl Node {
    /// The IPsec security associations of the pair, by their numbers: this device's and those that the other
    /// one has told.
    pub fn security_associations(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.ledger.associations.iter()
    }

    /// An association is this now, or is no more.
    pub(super) fn set_association(
        &mut self,
        now: Timestamp,
        id: u64,
        state: Option<Vec<u8>>,
    ) -> Result<(), CommandError> {
        let room = self.with_pair(|pair| pair.room())?;
        if let Some(length) = state.as_ref().map(Vec::len).filter(|length| *length > room) {
            return Err(CommandError::SecurityAssociation { length, most: room });
        }
        let kind =
            if state.is_some() { ItemKind::SecurityAssociation } else { ItemKind::SecurityAssociationGone };
        if !self.ledger.associations.set(id, state) {
            return Err(CommandError::NoAssociation(id));
        }
        self.with_pair(|pair| pair.mark(now, kind, id))
    }

    /// There is no pair any more: what the peer has is not this device's matter, as if it had told that it
    /// has nothing.
    pub(super) fn forget_peer(&mut self, now: Timestamp) {
        self.obey_orders();
        let Self { ledger, controller, workers, .. } = self;
        let mut copies = Copies { ledger, controller, workers, now, room: 0 };
        copies.begin_join();
        copies.end_join();
    }

    /// Asks a destination of a path group. One that nothing can be sent to counts as well.
    pub(super) fn ping(&mut self, now: Timestamp, path: PathId, address: IpAddr) {
        if !self.controller.ping_path(now, path, address) {
            let _ = self.with_pair(|pair| pair.handle_path(now, path));
        }
    }

    /// What has changed at neighbors and paths is the pair's matter too.
    pub(super) fn follow_stations(&mut self, now: Timestamp) {
        let (news, answered) = (self.controller.known.take_news(), self.controller.take_answered());
        let Some(pair) = &mut self.pair else { return };
        if pair.tells() {
            news.into_iter().for_each(|(kind, number)| pair.mark(now, kind, number));
        }
        answered.into_iter().for_each(|path| pair.handle_path(now, path));
    }

    /// What the policy calls by numbers is told, and what the peer calls by its own is found there.
    pub(super) fn follow_names(&mut self, now: Timestamp) {
        if self.pair.is_none() || self.ledger.own_numbers.are_those_of(self.policy()) {
            return;
        }
        let digest = ConfigMark::digest_of(&self.common());
        let policy = Arc::clone(self.policy());
        self.ledger.numbers.unsettle();
        for item in self.ledger.own_numbers.follow(&policy, digest) {
            if let Some(pair) = &mut self.pair {
                pair.mark(now, ItemKind::Name, item);
            }
        }
    }
}
