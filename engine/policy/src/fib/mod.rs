//! Which way a packet goes: the forwarding table, and the routes it is made of.
//!
//! A `Rib` belongs to the Controller: connected and static routes of the configuration, dynamic ones, which
//! interfaces and monitored paths are up. From it comes a `Fib`, which never changes and which workers hold
//! behind an `Arc`. A new one shares with the one before all parts that are alike, so that one changed route
//! costs the making of the part it lies in: a /10 of IPv4, a /12 of IPv6.
//!
//! Of routes to one prefix those that can be used count; of these the one of the lowest distance, then of
//! the lowest metric, then the first: connected before static before dynamic, then as they came. Where the
//! virtual router spreads flows over equal paths, those of the same distance and metric that lead to an
//! interface form a group. A prefix whose routes are all down is as if it were not there: the next shorter
//! one holds.
//!
//! The answer at a prefix is a number for the list of its routes, and lists that are alike have one number.
//! What a list leads to stands in a small table beside, so an interface that goes down changes that table
//! and no prefix, except for those that lose their only route.

mod configured;
mod ecmp;
mod offers;
mod prefixes;
mod rib;
mod table;
mod trie;

#[cfg(test)]
mod tests;

use alloc::{boxed::Box, sync::Arc};
use core::net::IpAddr;

use bifrons_model::{InterfaceId, VirtualRouterId};

pub use ecmp::{Balance, Flow, Preference};
pub use rib::{DynamicRoute, Rib, Target};

use ecmp::Choice;
use table::{Search, Table, bits_of};

/// Where a packet is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forward {
    /// The interface that it leaves by.
    pub interface: InterfaceId,
    /// The next router; without one the destination itself is on the interface's network.
    pub gateway: Option<IpAddr>,
}

/// What a route says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarding {
    /// Send it there.
    Via(Forward),
    /// Drop it without an answer.
    Discard,
}

/// One question of many.
#[derive(Clone, Copy, Debug)]
pub struct FibQuery {
    /// The virtual router of the interface that the packet came in by.
    pub router: VirtualRouterId,
    /// Where it wants to go, after destination translation.
    pub destination: IpAddr,
    /// What decides between equal paths.
    pub flow: Flow,
}

/// The forwarding tables of a device.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    routers: Box<[Arc<Router>]>,
    router_of_interface: Arc<[Option<VirtualRouterId>]>,
}

/// One virtual router's.
#[derive(Clone, Debug)]
struct Router {
    v4: Table,
    v6: Table,
    /// By the answers in the tables; the first is for no prefix at all.
    choices: Arc<[Choice]>,
}

impl Fib {
    /// How many questions `lookup_batch` follows side by side.
    pub const BATCH: usize = 64;
    /// A packet is handed from router to router at most so often: what goes in circles has no route.
    const ROUTERS_MAX: usize = 8;

    /// The way of the longest prefix that holds the destination and has a usable route; `None` without one.
    #[inline]
    pub fn lookup(&self, router: VirtualRouterId, destination: IpAddr, flow: &Flow) -> Option<Forwarding> {
        let answer = self.answer(router, destination);
        self.follow(router, answer, destination, flow, None)
    }

    /// The same where an interface may be preferred of several equal paths.
    pub fn lookup_preferring(
        &self,
        router: VirtualRouterId,
        destination: IpAddr,
        flow: &Flow,
        preference: &Preference,
    ) -> Option<Forwarding> {
        let answer = self.answer(router, destination);
        self.follow(router, answer, destination, flow, Some(preference))
    }

    /// As `lookup` for each of the queries, in less time: while one waits for memory the others go on. The
    /// answers are written to the same places of `found`; what is longer of the two stays as it is.
    pub fn lookup_batch(&self, queries: &[FibQuery], found: &mut [Option<Forwarding>]) {
        for (queries, found) in queries.chunks(Self::BATCH).zip(found.chunks_mut(Self::BATCH)) {
            let mut searches = [Search::NOWHERE; Self::BATCH];
            for (search, query) in searches.iter_mut().zip(queries) {
                *search = self.search(query.router, query.destination);
            }
            let (searches, _) = searches.split_at_mut(queries.len().min(Self::BATCH));
            touch(searches.iter().map(Search::touch_first));
            // Those under way are kept together, so that no branch depends on how long each takes.
            let mut under_way = [0; Self::BATCH];
            let mut count = 0;
            for (number, search) in searches.iter_mut().enumerate() {
                under_way[count % Self::BATCH] = number;
                count += usize::from(search.enter());
            }
            while count > 0 {
                let before = core::mem::take(&mut count);
                let numbers = under_way.iter().take(before);
                touch(numbers.map(|number| searches.get(*number).map_or(0, Search::touch_node)));
                for at in 0..before {
                    let number = under_way[at % Self::BATCH];
                    under_way[count % Self::BATCH] = number;
                    count += searches.get_mut(number).map_or(0, |search| usize::from(search.step()));
                }
            }
            let mut answers = [0; Self::BATCH];
            for (answer, search) in answers.iter_mut().zip(&*searches) {
                *answer = search.answer();
            }
            for ((query, answer), found) in queries.iter().zip(answers).zip(found) {
                *found = self.follow(query.router, answer, query.destination, &query.flow, None);
            }
        }
    }

    /// The interface by which the first virtual router that knows `address` reaches it.
    pub(crate) fn interface_towards(&self, address: IpAddr) -> Option<InterfaceId> {
        let flow = Flow { source: address, destination: address, source_port: 0, destination_port: 0 };
        let routers = (0..=u16::MAX).take(self.routers.len()).map(VirtualRouterId);
        let found = routers.filter_map(|router| self.lookup(router, address, &flow)).next()?;
        match found {
            Forwarding::Via(forward) => Some(forward.interface),
            Forwarding::Discard => None,
        }
    }

    /// The virtual router that the interface belongs to.
    #[inline]
    pub fn router_of(&self, interface: InterfaceId) -> Option<VirtualRouterId> {
        self.router_of_interface.get(interface.index()).copied().flatten()
    }

    /// How many virtual routers there are.
    pub fn routers(&self) -> usize {
        self.routers.len()
    }

    /// Bytes that the tables take.
    pub fn bytes(&self) -> usize {
        let of_router = |router: &Arc<Router>| {
            size_of::<Router>() + router.v4.bytes() + router.v6.bytes() + size_of_val(&*router.choices)
        };
        self.routers.iter().map(of_router).sum()
    }

    #[inline]
    fn search(&self, router: VirtualRouterId, destination: IpAddr) -> Search<'_> {
        let Some(router) = self.routers.get(router.index()) else { return Search::NOWHERE };
        let table = if destination.is_ipv4() { &router.v4 } else { &router.v6 };
        table.search(bits_of(destination))
    }

    /// The answer of a table.
    #[inline]
    fn answer(&self, router: VirtualRouterId, destination: IpAddr) -> u32 {
        let mut search = self.search(router, destination);
        let mut is_under_way = search.enter();
        while is_under_way {
            is_under_way = search.step();
        }
        search.answer()
    }

    #[inline]
    fn follow(
        &self,
        router: VirtualRouterId,
        answer: u32,
        destination: IpAddr,
        flow: &Flow,
        preference: Option<&Preference>,
    ) -> Option<Forwarding> {
        match self.choice(router, answer)? {
            Choice::Nothing => None,
            Choice::Discard => Some(Forwarding::Discard),
            Choice::One(forward) => Some(Forwarding::Via(*forward)),
            Choice::Several(group) => group.select(flow, preference).map(Forwarding::Via),
            Choice::Router(next) => self.lookup_elsewhere(*next, destination, flow, preference),
        }
    }

    #[cold]
    fn lookup_elsewhere(
        &self,
        mut router: VirtualRouterId,
        destination: IpAddr,
        flow: &Flow,
        preference: Option<&Preference>,
    ) -> Option<Forwarding> {
        for _ in 0..Self::ROUTERS_MAX {
            match self.choice(router, self.answer(router, destination))? {
                Choice::Nothing => return None,
                Choice::Discard => return Some(Forwarding::Discard),
                Choice::One(forward) => return Some(Forwarding::Via(*forward)),
                Choice::Several(group) => return group.select(flow, preference).map(Forwarding::Via),
                Choice::Router(next) => router = *next,
            }
        }
        None
    }

    #[inline]
    fn choice(&self, router: VirtualRouterId, answer: u32) -> Option<&Choice> {
        self.routers.get(router.index())?.choices.get(answer as usize)
    }
}

/// Waits for many reads at once. They stand close together and do nothing else, so that the processor has
/// as many under way as it can; where each is followed by its work, few fit into what it looks ahead.
#[inline]
fn touch(reads: impl Iterator<Item = u64>) {
    core::hint::black_box(reads.fold(0, |sum, read| sum ^ read));
}
