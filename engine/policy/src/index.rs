//! Which rules can be for a packet: found without asking all of them.
//!
//! A rule's zones, addresses, protocol and ports make it a box, or a few, in a space of seven dimensions.
//! `blocks` turns rules into boxes, `build` cuts the space into regions that few boxes reach into, `tree`
//! finds a packet's region. A leaf lists its boxes in the order of the rules, each entry small and beside
//! the next, so that a lookup reads a handful of cache lines. What a box cannot say (applications, users,
//! categories, schedules, lists too long for boxes) is asked of the rule itself where its box holds the
//! packet: the entry's checks say what.
//!
//! IPv4 and IPv6 have a tree each. IPv6 addresses are replaced by their ranks among the addresses that
//! rules name, so that both trees cut 32-bit numbers.

mod blocks;
mod build;
mod ranks;
mod tree;

use alloc::boxed::Box;
use core::net::IpAddr;

use blocks::Family;
use ranks::Ranks;
use tree::{Signature, Tree};

use crate::{
    query::Query,
    rule::{Ends, Rule},
    rules::Subject,
    sets::Sets,
};

pub(crate) use tree::Checks;

/// The dimensions of the space.
const SOURCE: usize = 0;
const DESTINATION: usize = 1;
const SOURCE_PORT: usize = 2;
const DESTINATION_PORT: usize = 3;
const PROTOCOL: usize = 4;
const FROM: usize = 5;
const TO: usize = 6;
const DIMENSIONS: usize = 7;

/// First and last value in each dimension.
type Bounds = [(u32, u32); DIMENSIONS];

/// A packet's place in the space. The eighth entry lets a dimension be a place without a check.
type Point = [u32; DIMENSIONS + 1];

/// All enabled rules by where they apply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    v4: Tree,
    v6: Tree,
    ranks: Ranks,
    /// The places of enabled rules.
    enabled: Box<[u32]>,
}

impl Index {
    /// `zones` is how many the configuration has.
    pub(crate) fn new(rules: &[Rule], ends: &[Ends], sets: &Sets, zones: usize) -> Self {
        let ranks = Ranks::new(ends);
        let v4 = build::tree(&blocks::blocks(rules, ends, sets, &Family::V4), zones);
        let v6 = build::tree(&blocks::blocks(rules, ends, sets, &Family::V6(&ranks)), zones);
        let enabled =
            (0..).zip(rules).filter(|(_, rule)| !rule.is_disabled).map(|(place, _)| place).collect();
        Self { v4, v6, ranks, enabled }
    }

    /// Calls `visit` for boxes that hold the packet and whose rule may name its application, with the
    /// rule's place and what is left to check, until it returns a place that no later one matters after;
    /// within a leaf in the order of the rules. A rule may come more than once.
    #[inline]
    pub(crate) fn search(&self, subject: &Subject<'_>, mut visit: impl FnMut(u32, Checks) -> u32) {
        let Query { source, destination, source_port, destination_port, protocol, .. } = *subject.query;
        let signature = Signature::new(
            subject.query.app.map_or(Signature::ALL, Signature::of_application),
            subject.users.signature(subject.query.user),
            Signature::of_zone(subject.from),
            Signature::of_zone(subject.to),
        );
        let point = |source, destination| {
            let ports = [u32::from(source_port), u32::from(destination_port)];
            [source, destination, ports[0], ports[1], u32::from(protocol), subject.from, subject.to, 0]
        };
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.v4.search(&point(source.to_bits(), destination.to_bits()), signature, visit);
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let point = point(self.ranks.of(source.to_bits()), self.ranks.of(destination.to_bits()));
                self.v6.search(&point, signature, visit);
            }
            // No packet has addresses of both families, so such a question may take its time.
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                for place in &self.enabled {
                    if visit(*place, Checks::ENDS.with(Checks::CONDITIONS).with(Checks::SERVICE)) <= *place {
                        return;
                    }
                }
            }
        }
    }
}
