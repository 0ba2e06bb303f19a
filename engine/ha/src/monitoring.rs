//! Interfaces and destinations without which a device steps back.
//!
//! A group fails when one of its members has failed, or all have (`failure-condition any|all`); the groups of
//! a kind fail together in the same way. A member counts as well until it is known to have failed, and a
//! group without members never fails (PAN-OS, "HA Link and Path Monitoring").
//!
//! A destination is pinged at its group's interval and has failed after so many unanswered pings in a row.
//! Any answer makes it well.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::{net::IpAddr, time::Duration};

use bifrons_config::typed::{FailureCondition, HighAvailability, PathThrough};
use bifrons_model::Timestamp;

/// A destination's place: of its path group, its destination group in that, and itself in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathId {
    /// Place in `PathMonitoring::groups`.
    pub group: usize,
    /// Place in `PathGroup::destinations`.
    pub destinations: usize,
    /// Place in `DestinationGroup::addresses`.
    pub address: usize,
}

/// A destination and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathState {
    /// Where pings go.
    pub address: IpAddr,
    /// Whether it has failed.
    pub has_failed: bool,
    /// Pings sent.
    pub sent: u64,
    /// Pings answered.
    pub answered: u64,
    /// Of the answers.
    pub shortest: Duration,
    /// Of the answers.
    pub longest: Duration,
    /// Of the answers, all together.
    pub total: Duration,
    unanswered: u8,
    /// When the last one was sent, until it is answered.
    asked: Option<Timestamp>,
}

impl PathState {
    const fn new(address: IpAddr) -> Self {
        Self {
            address,
            has_failed: false,
            sent: 0,
            answered: 0,
            shortest: Duration::ZERO,
            longest: Duration::ZERO,
            total: Duration::ZERO,
            unanswered: 0,
            asked: None,
        }
    }

    fn fail(&mut self, limit: u8) {
        self.asked = None;
        self.unanswered = self.unanswered.saturating_add(1);
        self.has_failed |= self.unanswered >= limit;
    }

    fn answer(&mut self, now: Timestamp) {
        if let Some(asked) = self.asked.take() {
            let span = now.since(asked);
            self.shortest = if self.answered == 0 { span } else { self.shortest.min(span) };
            self.longest = self.longest.max(span);
            self.total = self.total.saturating_add(span);
            self.answered += 1;
        }
        self.unanswered = 0;
        self.has_failed = false;
    }
}

/// A watched group of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkGroupState {
    /// Its name.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its interfaces must fail.
    pub condition: FailureCondition,
    /// Places in `Config::interfaces`, and whether they are up.
    pub interfaces: Vec<(usize, bool)>,
}

impl LinkGroupState {
    /// Whether it has failed.
    pub fn has_failed(&self) -> bool {
        self.enabled && fails(self.condition, self.interfaces.iter().map(|(_, is_up)| !is_up))
    }
}

/// A watched group of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGroupState {
    /// What its pings go through.
    pub through: PathThrough,
    /// The name of that.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its destination groups must fail.
    pub condition: FailureCondition,
    /// Between two pings.
    pub interval: Duration,
    /// Unanswered pings with which a destination has failed.
    pub count: u8,
    /// Its destination groups.
    pub destinations: Vec<DestinationGroupState>,
    next_ping: Timestamp,
}

impl PathGroupState {
    /// Whether it has failed.
    pub fn has_failed(&self) -> bool {
        self.enabled && fails(self.condition, self.destinations.iter().filter_map(|group| group.failed()))
    }
}

/// Destinations that are watched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationGroupState {
    /// Its name.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its destinations must fail.
    pub condition: FailureCondition,
    /// The destinations.
    pub paths: Vec<PathState>,
}

impl DestinationGroupState {
    /// `None` where it is not watched.
    fn failed(&self) -> Option<bool> {
        let paths = self.paths.iter().map(|path| path.has_failed);
        (self.enabled && !self.paths.is_empty()).then(|| fails(self.condition, paths))
    }
}

/// Whether members fail together; nothing fails where there are none.
fn fails(condition: FailureCondition, members: impl Iterator<Item = bool>) -> bool {
    let (mut count, mut failed) = (0_usize, 0_usize);
    for has_failed in members {
        count += 1;
        failed += usize::from(has_failed);
    }
    match condition {
        FailureCondition::Any => failed > 0,
        FailureCondition::All => count > 0 && failed == count,
    }
}

/// All that a device watches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Monitoring {
    link_condition: Option<FailureCondition>,
    path_condition: Option<FailureCondition>,
    pub links: Vec<LinkGroupState>,
    pub paths: Vec<PathGroupState>,
    /// What is known of interfaces, watched or not.
    interfaces: BTreeMap<usize, bool>,
    is_pinging: bool,
}

impl Monitoring {
    /// Takes a configuration in place of the one before. Interfaces keep what is known of them, and so do
    /// destinations that are in both.
    pub fn apply(&mut self, now: Timestamp, config: &HighAvailability) {
        let links = &config.link_monitoring;
        self.link_condition = links.enabled.then_some(links.condition);
        let group = |group: &bifrons_config::typed::LinkGroup| LinkGroupState {
            name: group.name.clone(),
            enabled: group.enabled,
            condition: group.condition,
            interfaces: group
                .interfaces
                .iter()
                .map(|place| (*place, self.interfaces.get(place).copied().unwrap_or(true)))
                .collect(),
        };
        self.links = links.groups.iter().map(group).collect();

        let paths = &config.path_monitoring;
        self.path_condition = paths.enabled.then_some(paths.condition);
        let before = core::mem::take(&mut self.paths);
        let group = |group: &bifrons_config::typed::PathGroup| {
            let old = before.iter().find(|it| it.through == group.through && it.name == group.name);
            let known = |name: &str, address: IpAddr| {
                let old = old?.destinations.iter().find(|it| it.name == name)?;
                old.paths.iter().find(|path| path.address == address).copied()
            };
            let destinations = group.destinations.iter().map(|group| DestinationGroupState {
                name: group.name.clone(),
                enabled: group.enabled,
                condition: group.condition,
                paths: (group.addresses.iter())
                    .map(|it| known(&group.name, *it).unwrap_or(PathState::new(*it)))
                    .collect(),
            });
            PathGroupState {
                through: group.through,
                name: group.name.clone(),
                enabled: group.enabled,
                condition: group.condition,
                interval: Duration::from_millis(u64::from(group.ping_interval_ms.max(1))),
                count: group.ping_count.max(1),
                destinations: destinations.collect(),
                next_ping: old.map_or(now, |old| old.next_ping),
            }
        };
        self.paths = paths.groups.iter().map(group).collect();
    }

    pub fn handle_interface(&mut self, place: usize, is_up: bool) {
        self.interfaces.insert(place, is_up);
        for group in &mut self.links {
            for (_, known) in group.interfaces.iter_mut().filter(|(at, _)| *at == place) {
                *known = is_up;
            }
        }
    }

    /// The answer to a ping, or that it could not be sent or answered.
    pub fn handle_path(&mut self, now: Timestamp, id: PathId, is_reached: bool) {
        if !self.is_pinging {
            return;
        }
        let Some(group) = self.paths.get_mut(id.group) else { return };
        let destinations = group.destinations.get_mut(id.destinations);
        let Some(path) = destinations.and_then(|it| it.paths.get_mut(id.address)) else { return };
        if is_reached {
            path.answer(now);
        } else if path.asked.is_some() {
            path.fail(group.count);
        }
    }

    /// Begins to ping after a while, all destinations being well.
    pub fn start(&mut self, at: Timestamp) {
        if core::mem::replace(&mut self.is_pinging, true) {
            return;
        }
        self.forget();
        for group in &mut self.paths {
            group.next_ping = at;
        }
    }

    /// Ends pinging; no destination is known to have failed.
    pub fn stop(&mut self) {
        self.is_pinging = false;
        self.forget();
    }

    fn forget(&mut self) {
        for path in self.paths.iter_mut().flat_map(|it| &mut it.destinations).flat_map(|it| &mut it.paths) {
            path.has_failed = false;
            path.unanswered = 0;
            path.asked = None;
        }
    }

    /// The pings that are due. One that was not answered before the next one is due is lost.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<(PathId, IpAddr)> {
        let mut pings = Vec::new();
        if !self.is_pinging || self.path_condition.is_none() {
            return pings;
        }
        for (at, group) in self.paths.iter_mut().enumerate() {
            if !group.enabled || group.next_ping > now {
                continue;
            }
            group.next_ping = now + group.interval;
            for (destinations, watched) in group.destinations.iter_mut().enumerate() {
                for (address, path) in watched.paths.iter_mut().enumerate() {
                    if !watched.enabled {
                        break;
                    }
                    if path.asked.is_some() {
                        path.fail(group.count);
                    }
                    path.asked = Some(now);
                    path.sent += 1;
                    pings.push((PathId { group: at, destinations, address }, path.address));
                }
            }
        }
        pings
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if !self.is_pinging || self.path_condition.is_none() {
            return None;
        }
        let watched = self.paths.iter().filter(|group| {
            group.enabled && group.destinations.iter().any(|it| it.enabled && !it.paths.is_empty())
        });
        watched.map(|group| group.next_ping).min()
    }

    pub fn links_have_failed(&self) -> bool {
        let watched = self.links.iter().filter(|group| group.enabled && !group.interfaces.is_empty());
        self.link_condition.is_some_and(|it| fails(it, watched.map(LinkGroupState::has_failed)))
    }

    pub fn paths_have_failed(&self) -> bool {
        let watched = self.paths.iter().filter(|group| {
            group.enabled && group.destinations.iter().any(|it| it.enabled && !it.paths.is_empty())
        });
        self.path_condition.is_some_and(|it| fails(it, watched.map(PathGroupState::has_failed)))
    }
}
