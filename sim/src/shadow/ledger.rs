//! The traffic log, entry by entry and as a whole.

use std::collections::{HashMap, HashSet};

use super::{
    Flow, Judged, Network, Opening, Rules, What,
    border::{Border, Volume},
    entry::Entry,
};
use crate::plan::ZONES;

/// Sessions without room that are logged in a second at least, where there are as many.
pub(crate) const REFUSALS_LOGGED: u64 = 1_000;

#[derive(Default)]
pub(super) struct Ledger {
    count: u64,
    refusals: u64,
    last_number: Option<u64>,
    closed: HashSet<u32>,
    /// What was logged of each flow, by the direction in which it arrives.
    logged: HashMap<Flow, Volume>,
}

impl Ledger {
    /// The firewall began anew.
    pub fn forget(&mut self) {
        *self = Self { count: self.count, ..Self::default() };
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    pub const fn refusals(&self) -> u64 {
        self.refusals
    }

    pub fn enter(&mut self, entry: &Entry, network: &Network, rules: &Rules) -> Judged {
        self.count += 1;
        let wrong = |text: String| Err((What::Logged, format!("{text}: {entry:?}")));
        if self.last_number.is_some_and(|last| last + 1 != entry.number) {
            return wrong(format!("behind number {:?} comes", self.last_number));
        }
        self.last_number = Some(entry.number);
        // Sessions that there was no room for have no number.
        self.refusals += u64::from(entry.session == 0);
        if entry.is_closing && entry.session != 0 && !self.closed.insert(entry.session) {
            return wrong(format!("session {} is closed again", entry.session));
        }
        judge(entry, network, rules)?;
        if entry.is_closing {
            for (flow, volume) in volumes(entry) {
                self.add(flow, volume);
            }
        }
        Ok(())
    }

    fn add(&mut self, flow: Flow, volume: (u64, u64)) {
        let logged = self.logged.entry(flow).or_default();
        logged.packets += volume.0;
        logged.bytes += volume.1;
    }

    /// Sessions that there was no room for are logged; of many in one second the first ones are.
    pub fn refused(&self, refused: u64) -> Judged {
        if (refused.min(REFUSALS_LOGGED)..=refused).contains(&self.refusals) {
            return Ok(());
        }
        Err((What::Logged, format!("{refused} sessions were refused, {} are in the log", self.refusals)))
    }

    /// At the end the log tells of no more than arrived, and of no less than left.
    pub fn balance(&self, border: &Border, network: &Network) -> Judged {
        let of = |map: &HashMap<Flow, Volume>, flow| map.get(flow).copied().unwrap_or_default();
        let mut flows: Vec<&Flow> = border.arrived.keys().chain(self.logged.keys()).collect();
        flows.sort_unstable();
        flows.dedup();
        for flow in flows.into_iter().filter(|flow| matches!(flow.protocol, 6 | 17)) {
            let (arrived, left) = (of(&border.arrived, flow), of(&border.left, flow));
            let logged = of(&self.logged, flow);
            let is_much = logged.packets > arrived.packets || logged.bytes > arrived.bytes;
            // A translated packet may grow, so only packets are compared then.
            let is_little =
                logged.packets < left.packets || (network.hidden.is_empty() && logged.bytes < left.bytes);
            if is_much || is_little {
                let text = format!("{flow:?}: {arrived:?} arrived, {left:?} left, {logged:?} is in the log");
                return Err((What::Logged, text));
            }
        }
        Ok(())
    }
}

/// What a line says must be true: its zones, and that a rule let it pass or blocked it.
pub(super) fn judge(entry: &Entry, network: &Network, rules: &Rules) -> Judged {
    let wrong = |text: String| Err((What::Logged, format!("{text}: {entry:?}")));
    let opening = client_flow(entry).opening(network);
    let zones = [opening.from, opening.to].map(|zone| ZONES.get(zone).copied().unwrap_or_default());
    // What was announced to a hidden host names the address that hides it.
    let is_hidden = network.hides_behind(entry.destination.0);
    if entry.zones != zones && !is_hidden {
        return wrong(format!("between {} and {} was logged", zones[0], zones[1]));
    }
    if !entry.is_announced && !is_hidden && !is_true(entry, &opening, rules) {
        let word = if entry.is_allowed { "allows" } else { "blocks" };
        return wrong(format!("no rule {word} it"));
    }
    Ok(())
}

/// Blocked for want of room is not blocked by a rule.
fn is_true(entry: &Entry, opening: &Opening, rules: &Rules) -> bool {
    entry.reason == "resources-unavailable" || rules.have_ever(opening, entry.is_allowed)
}

/// A session's flow as its client calls it.
pub(super) const fn client_flow(entry: &Entry) -> Flow {
    Flow { protocol: entry.protocol, source: entry.source, destination: entry.destination }
}

/// What a line tells of both directions, as they arrive.
pub(super) fn volumes(entry: &Entry) -> [(Flow, (u64, u64)); 2] {
    let [client, server] = entry.translated.unwrap_or([entry.source, entry.destination]);
    let back = Flow { protocol: entry.protocol, source: server, destination: client };
    [(client_flow(entry), entry.sent), (back, entry.received)]
}
