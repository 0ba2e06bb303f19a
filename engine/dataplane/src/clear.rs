//! The operator ends sessions: `clear session all filter …`.

use alloc::vec::Vec;

use bifrons_config::typed::Prefix;
use bifrons_model::{AppId, RuleId, SessionId, Tracker, ZoneId};
use bifrons_session::State;

use crate::{Outbox, Worker};

/// Which sessions to clear; what is `None` matches all, several conditions must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClearFilter {
    /// This session only.
    pub id: Option<SessionId>,
    /// The client's network.
    pub source: Option<Prefix>,
    /// The server's network.
    pub destination: Option<Prefix>,
    /// The client's port.
    pub source_port: Option<u16>,
    /// The server's port.
    pub destination_port: Option<u16>,
    /// The IP protocol.
    pub protocol: Option<u8>,
    /// The application as it is known now.
    pub application: Option<AppId>,
    /// The rule.
    pub rule: Option<RuleId>,
    /// The zone it came from.
    pub zone_from: Option<ZoneId>,
    /// The zone it goes to.
    pub zone_to: Option<ZoneId>,
    /// The state.
    pub state: Option<State>,
}

impl Worker {
    /// Ends the sessions that `filter` matches, in the order of their numbers; their end reason is
    /// `unknown` unless a cause of their own was seen before. Returns how many.
    pub fn clear(&mut self, filter: &ClearFilter, outbox: &mut Outbox) -> usize {
        // Copies are the other device's to end.
        let own = self.table.slots().filter(|slot| !self.table.is_copy(*slot));
        let mut slots: Vec<u32> = own.filter(|slot| self.is_to_clear(*slot, filter)).collect();
        slots.sort_unstable_by_key(|slot| self.table.get(*slot).id);
        for slot in &slots {
            self.close_now(*slot, Tracker::Cleared, outbox);
        }
        outbox.events.extend(self.take_told());
        slots.len()
    }

    fn is_to_clear(&self, slot: u32, filter: &ClearFilter) -> bool {
        let session = self.table.get(slot);
        let key = self.table.keys(slot)[0];
        let (source, destination) = (key.addresses().source(), key.addresses().destination());
        filter.id.is_none_or(|id| id == session.id)
            && filter.source.is_none_or(|network| network.contains(source))
            && filter.destination.is_none_or(|network| network.contains(destination))
            && filter.source_port.is_none_or(|port| port == key.source_port())
            && filter.destination_port.is_none_or(|port| port == key.destination_port())
            && filter.protocol.is_none_or(|number| number == key.protocol())
            && filter.application.is_none_or(|app| app == session.app)
            && filter.rule.is_none_or(|rule| rule == session.rule)
            && filter.zone_from.is_none_or(|zone| zone == session.zone_from())
            && filter.zone_to.is_none_or(|zone| zone == session.zone_to())
            && filter.state.is_none_or(|state| state == session.state)
    }
}
