//! Who fails with whom: pairs of hosts with a service, services by themselves, and conversations whose two
//! directions were logged apart.

use alloc::{boxed::Box, vec::Vec};

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use super::{
    Entry, Limits,
    bounded::{Bounded, Weighed},
    hash_of,
};
use crate::outcome::Outcome;

/// Two hosts and a service of one of them.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The client.
    pub src: Box<str>,
    /// The server.
    pub dst: Box<str>,
    /// The protocol as the log spells it.
    pub proto: Box<str>,
    /// The server's port.
    pub dport: u16,
    /// The application of the pair's first record.
    pub app: Box<str>,
    /// Records by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; 4],
    /// Seconds since 1970 of the first record that failed, where records have times.
    pub first_failure: Option<u64>,
    /// Of the latest record that failed.
    pub last_failure: Option<u64>,
    /// Of the latest record that was delivered.
    pub last_delivery: Option<u64>,
    /// The place of the diagnosis that most of the failures share, if one has the majority.
    pub cause: Option<usize>,
    votes: u64,
}

/// A service of one server, over all its clients. Only records whose traffic policy let pass are counted.
#[derive(Clone, Debug)]
pub struct Service {
    /// The server.
    pub dst: Box<str>,
    /// The protocol as the log spells it.
    pub proto: Box<str>,
    /// The server's port.
    pub dport: u16,
    /// Records by outcome, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; 4],
    /// Since when every record failed, in seconds since 1970; `None` when the latest was delivered.
    pub failing_since: Option<u64>,
    /// How many records failed since the last that was delivered.
    pub failures_in_a_row: u64,
    clients: u128,
}

/// A conversation of which each direction was logged as a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Half {
    /// One host with its port.
    pub one: (Box<str>, u16),
    /// The other.
    pub other: (Box<str>, u16),
}

impl Pair {
    /// Records whose traffic was not or only partly delivered.
    pub fn failures(&self) -> u64 {
        failures(&self.outcomes)
    }

    /// Records that were delivered whole.
    pub fn deliveries(&self) -> u64 {
        deliveries(&self.outcomes)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.dport == other.dport
            && self.src == other.src
            && self.dst == other.dst
            && self.proto == other.proto
    }

    fn is_of(&self, entry: &Entry<'_>) -> bool {
        self.dport == entry.dport
            && *self.src == *entry.src
            && *self.dst == *entry.dst
            && *self.proto == *entry.proto
    }

    fn new(entry: &Entry<'_>) -> Self {
        Self {
            src: entry.src.into(),
            dst: entry.dst.into(),
            proto: entry.proto.into(),
            dport: entry.dport,
            app: entry.app.into(),
            outcomes: [0; 4],
            first_failure: None,
            last_failure: None,
            last_delivery: None,
            cause: None,
            votes: 0,
        }
    }

    fn count(&mut self, entry: &Entry<'_>) {
        self.outcomes[entry.outcome as usize] += 1;
        match entry.outcome {
            Outcome::Delivered => self.last_delivery = self.last_delivery.max(entry.seconds),
            Outcome::PartlyDelivered | Outcome::NotDelivered => {
                self.first_failure = match (self.first_failure, entry.seconds) {
                    (Some(known), Some(new)) => Some(known.min(new)),
                    (known, new) => known.or(new),
                };
                self.last_failure = self.last_failure.max(entry.seconds);
                self.vote(entry.place);
            }
            Outcome::NotYetKnown => {}
        }
    }

    /// The majority vote of Boyer and Moore: one candidate and one counter.
    fn vote(&mut self, place: Option<usize>) {
        if self.votes == 0 {
            self.cause = place;
            self.votes = 1;
        } else if self.cause == place {
            self.votes += 1;
        } else {
            self.votes -= 1;
        }
    }
}

impl Service {
    /// Records whose traffic was not or only partly delivered.
    pub fn failures(&self) -> u64 {
        failures(&self.outcomes)
    }

    /// Records that were delivered whole.
    pub fn deliveries(&self) -> u64 {
        deliveries(&self.outcomes)
    }

    /// At least so many different clients used it; at most 128 are told apart.
    pub const fn clients(&self) -> u32 {
        self.clients.count_ones()
    }

    fn is_of(&self, entry: &Entry<'_>) -> bool {
        self.dport == entry.dport && *self.dst == *entry.dst && *self.proto == *entry.proto
    }

    fn new(entry: &Entry<'_>) -> Self {
        Self {
            dst: entry.dst.into(),
            proto: entry.proto.into(),
            dport: entry.dport,
            outcomes: [0; 4],
            failing_since: None,
            failures_in_a_row: 0,
            clients: 0,
        }
    }

    fn count(&mut self, entry: &Entry<'_>, client: u64) {
        self.outcomes[entry.outcome as usize] += 1;
        self.clients |= 1 << (client % 128);
        match entry.outcome {
            Outcome::Delivered => {
                self.failing_since = None;
                self.failures_in_a_row = 0;
            }
            Outcome::PartlyDelivered | Outcome::NotDelivered => {
                self.failing_since = self.failing_since.or(entry.seconds);
                self.failures_in_a_row += 1;
            }
            Outcome::NotYetKnown => {}
        }
    }

    /// Whether it fails for several clients, and did so at least lately without exception.
    fn is_failing(&self) -> bool {
        const ROW: u64 = 5;
        self.failures_in_a_row >= ROW && self.clients() >= 2
    }
}

const fn failures(outcomes: &[u64; 4]) -> u64 {
    outcomes[Outcome::PartlyDelivered as usize] + outcomes[Outcome::NotDelivered as usize]
}

const fn deliveries(outcomes: &[u64; 4]) -> u64 {
    outcomes[Outcome::Delivered as usize]
}

/// Failures count more than anything else.
fn weight(outcomes: &[u64; 4]) -> u64 {
    failures(outcomes).saturating_mul(1_000).saturating_add(deliveries(outcomes).min(999))
}

impl Weighed for Pair {
    fn weight(&self) -> u64 {
        weight(&self.outcomes)
    }
}

impl Weighed for Service {
    fn weight(&self) -> u64 {
        weight(&self.outcomes)
    }
}

pub struct Pairs {
    pairs: Bounded<Pair>,
    services: Bounded<Service>,
}

impl Pairs {
    pub const fn new(limits: Limits) -> Self {
        Self { pairs: Bounded::new(limits.pairs), services: Bounded::new(limits.services) }
    }

    pub fn add(&mut self, entry: &Entry<'_>, state: &FixedState) {
        let hash = hash_of(state, (entry.src, entry.dst, entry.proto, entry.dport));
        self.pairs.entry(hash, |pair| pair.is_of(entry), || Pair::new(entry)).count(entry);
        if !entry.was_allowed {
            return;
        }
        let hash = hash_of(state, (entry.dst, entry.proto, entry.dport));
        let service = self.services.entry(hash, |service| service.is_of(entry), || Service::new(entry));
        service.count(entry, hash_of(state, entry.src));
    }

    pub fn failing(&self, count: usize) -> Vec<&Pair> {
        self.pairs.top(
            count,
            |pair| pair.failures() > 0,
            |pair| (pair.failures(), (pair.src.clone(), pair.dst.clone(), pair.dport)),
        )
    }

    pub fn failing_services(&self, count: usize) -> Vec<&Service> {
        self.services.top(count, Service::is_failing, |service| {
            (service.failures_in_a_row, (service.dst.clone(), service.dport))
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    /// The same pair in another pile that has the same seed.
    pub fn find(&self, state: &FixedState, pair: &Pair) -> Option<&Pair> {
        let hash = hash_of(state, (&*pair.src, &*pair.dst, &*pair.proto, pair.dport));
        self.pairs.find(hash, |known| known.is_same(pair))
    }

    pub const fn forgotten(&self) -> u64 {
        self.pairs.forgotten()
    }

    pub const fn forgotten_services(&self) -> u64 {
        self.services.forgotten()
    }
}

/// One-sided sessions that may be half of a conversation. The older generation is forgotten when the newer
/// is full, so a half is found if its other half came not much earlier.
pub struct Halves {
    newer: HashSet<u64, FixedState>,
    older: HashSet<u64, FixedState>,
    capacity: usize,
    count: u64,
    first: Vec<Half>,
}

impl Halves {
    const SHOWN: usize = 16;

    pub fn new(capacity: usize) -> Self {
        let empty = || HashSet::with_hasher(FixedState::default());
        Self { newer: empty(), older: empty(), capacity, count: 0, first: Vec::new() }
    }

    pub fn add(&mut self, entry: &Entry<'_>, state: &FixedState) {
        if !entry.one_sided || entry.sport == 0 {
            return;
        }
        let reversed = hash_of(state, (entry.dst, entry.dport, entry.src, entry.sport));
        if self.newer.contains(&reversed) || self.older.contains(&reversed) {
            self.count += 1;
            if self.first.len() < Self::SHOWN {
                let one = (entry.src.into(), entry.sport);
                self.first.push(Half { one, other: (entry.dst.into(), entry.dport) });
            }
            return;
        }
        if self.newer.len() >= (self.capacity / 2).max(1) {
            self.older = core::mem::replace(&mut self.newer, HashSet::with_hasher(FixedState::default()));
        }
        self.newer.insert(hash_of(state, (entry.src, entry.sport, entry.dst, entry.dport)));
    }

    pub fn found(&self) -> (u64, &[Half]) {
        (self.count, &self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{add, pile};
    use crate::{DIAGNOSES, facts::Facts, samples};

    #[test]
    fn pairs_that_fail() {
        let mut pile = pile();
        let syn = samples::unanswered_syn();
        for _ in 0..5 {
            add(&mut pile, &syn);
        }
        add(&mut pile, &Facts { session_end_reason: "tcp-rst-from-server", ..syn });
        add(&mut pile, &Facts { dport: Some(443), ..syn });
        add(&mut pile, &Facts { dst: "192.0.2.81", ..samples::web() });
        let pairs = pile.failing_pairs(10);
        assert_eq!(pairs.len(), 2);
        assert_eq!((pairs[0].failures(), pairs[0].deliveries(), pairs[0].dport), (6, 0, 80));
        assert_eq!(DIAGNOSES[pairs[0].cause.unwrap()].name, "server-never-answered");
        assert!(pairs[0].first_failure.is_some());
        assert_eq!(pile.failing_pairs(1).len(), 1);
    }

    #[test]
    fn a_service_that_went_down() {
        let mut pile = pile();
        add(&mut pile, &samples::web());
        for client in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"] {
            assert!(pile.failing_services(1).is_empty());
            add(
                &mut pile,
                &Facts { src: client, time_generated: "2026/11/22 12:07:00", ..samples::unanswered_syn() },
            );
        }
        let services = pile.failing_services(10);
        assert_eq!(services.len(), 1);
        assert_eq!(services[0].deliveries(), 1);
        assert_eq!(services[0].failing_since, crate::seconds_of("2026/11/22 12:07:00"));
        add(&mut pile, &samples::web());
        assert!(pile.failing_services(10).is_empty());
        for client in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"] {
            add(&mut pile, &Facts { src: client, ..samples::blocked_probe() });
        }
        assert!(pile.failing_services(10).is_empty(), "what policy stops is no failure of the service");
    }

    #[test]
    fn both_directions_seen_apart() {
        let mut pile = pile();
        let there = samples::unanswered_syn();
        let back = Facts { src: there.dst, dst: there.src, sport: there.dport, dport: there.sport, ..there };
        add(&mut pile, &there);
        assert_eq!(pile.both_halves().0, 0);
        add(&mut pile, &back);
        let (count, first) = pile.both_halves();
        assert_eq!((count, &*first[0].one.0), (1, "192.0.2.80"));
    }
}
