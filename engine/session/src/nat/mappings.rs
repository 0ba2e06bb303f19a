//! Persistent mappings: one translated address and port for a source address and port, whatever the
//! destination (RFC 4787, REQ-1: endpoint-independent mapping).

use core::net::IpAddr;

use bifrons_model::NatRuleId;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map::Entry};

use super::ports::Space;

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    pub rule: NatRuleId,
    /// The source's address, and the protocol after translation.
    pub inside: Space,
    pub port: u16,
}

/// Where a source address and port is mapped to.
pub(super) type Outside = (IpAddr, u16);

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its mapping has other sessions: the port stays taken.
    Shared,
    /// It was the last: the port is free.
    Last,
    /// It had no mapping.
    Unmapped,
}

/// The live mappings.
#[derive(Debug)]
pub(super) struct Mappings {
    by_inside: HashMap<Endpoint, (Outside, u32), FixedState>,
    by_outside: HashMap<(Space, u16), Endpoint, FixedState>,
    /// Sessions of mappings that commits took the address from.
    departed: HashMap<(Endpoint, Outside), u32, FixedState>,
}

impl Mappings {
    pub fn new(seed: &FixedState) -> Self {
        Self {
            by_inside: HashMap::with_hasher(seed.clone()),
            by_outside: HashMap::with_hasher(seed.clone()),
            departed: HashMap::with_hasher(seed.clone()),
        }
    }

    /// The mapping of a source address and port.
    pub fn get(&self, endpoint: &Endpoint) -> Option<Outside> {
        self.by_inside.get(endpoint).map(|(outside, _)| *outside)
    }

    /// Which source address and port is mapped to this one.
    pub fn inside_of(&self, outside: Space, port: u16) -> Option<&Endpoint> {
        self.by_outside.get(&(outside, port))
    }

    /// Adds a session, to the mapping or to one that it makes. A mapping to another place lives on only
    /// for the sessions that it has.
    pub fn hold(&mut self, endpoint: Endpoint, outside: Outside) {
        match self.by_inside.entry(endpoint) {
            Entry::Occupied(mut entry) if entry.get().0 == outside => entry.get_mut().1 += 1,
            Entry::Occupied(mut entry) => {
                let (former, sessions) = entry.insert((outside, 1));
                *self.departed.entry((endpoint, former)).or_insert(0) += sessions;
                self.by_outside.remove(&outside_key(&endpoint, former));
                self.by_outside.insert(outside_key(&endpoint, outside), endpoint);
            }
            Entry::Vacant(entry) => {
                entry.insert((outside, 1));
                self.by_outside.insert(outside_key(&endpoint, outside), endpoint);
            }
        }
    }

    /// Takes a session away.
    pub fn release(&mut self, endpoint: Endpoint, outside: Outside) -> Ended {
        if let Entry::Occupied(mut entry) = self.by_inside.entry(endpoint)
            && entry.get().0 == outside
        {
            entry.get_mut().1 -= 1;
            if entry.get().1 > 0 {
                return Ended::Shared;
            }
            entry.remove();
            self.by_outside.remove(&outside_key(&endpoint, outside));
            return Ended::Last;
        }
        let Entry::Occupied(mut entry) = self.departed.entry((endpoint, outside)) else {
            return Ended::Unmapped;
        };
        *entry.get_mut() -= 1;
        if *entry.get() > 0 {
            return Ended::Shared;
        }
        entry.remove();
        Ended::Last
    }

    pub fn is_empty(&self) -> bool {
        self.by_inside.is_empty() && self.by_outside.is_empty() && self.departed.is_empty()
    }
}

fn outside_key(endpoint: &Endpoint, (address, port): Outside) -> (Space, u16) {
    (Space { address, protocol: endpoint.inside.protocol }, port)
}
