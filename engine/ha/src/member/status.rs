//! What a member shows.

use alloc::vec::Vec;

use bifrons_model::Timestamp;

use super::{DownReason, Member, Settings};
use crate::{
    HaLinkId, HaState,
    control::CONTROL_LINKS,
    election::StateReason,
    flaps::Flaps,
    hello::Hello,
    monitoring::{LinkGroupState, PathGroupState},
};

/// All that the shows need, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// When it was taken.
    pub now: Timestamp,
    /// What the device acts by.
    pub settings: Settings,
    /// What it tells the peer.
    pub own: Hello,
    /// Its state.
    pub state: HaState,
    /// Why it is in it.
    pub reason: StateReason,
    /// Since when.
    pub since: Timestamp,
    /// Why it was non-functional or tentative last.
    pub last_failure: Option<StateReason>,
    /// What is known of the peer.
    pub peer: PeerStatus,
    /// The links that the configuration has.
    pub links: Vec<LinkStatus>,
    /// Until when monitored failures do not count; `None` when they do.
    pub settles_at: Option<Timestamp>,
    /// The watched interfaces.
    pub link_groups: Vec<LinkGroupState>,
    /// The watched paths.
    pub path_groups: Vec<PathGroupState>,
    /// Whether links have failed, as a whole.
    pub links_have_failed: bool,
    /// Whether paths have failed, as a whole.
    pub paths_have_failed: bool,
    /// Flaps since the last reset.
    pub flaps: Flaps,
    /// How often each state was entered.
    pub transitions: Vec<(HaState, u32)>,
    /// Messages that could not be read.
    pub unreadable_messages: u64,
    /// Messages that were here before.
    pub replayed_messages: u64,
}

/// What is known of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Whether it is heard.
    pub is_alive: bool,
    /// Why not.
    pub down_reason: DownReason,
    /// What it said last.
    pub hello: Option<Hello>,
    /// Since when it is heard or not, or in its state.
    pub since: Timestamp,
    /// The first link of HA1, its backup and the heartbeat backup that is up.
    pub control_link: Option<HaLinkId>,
    /// The first of HA2 and its backup that has a carrier.
    pub data_link: Option<HaLinkId>,
}

/// What is known of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// Which one.
    pub link: HaLinkId,
    /// Whether it is up.
    pub is_up: bool,
    /// Since when.
    pub since: Timestamp,
}

impl Member {
    /// Everything at once, for the shows.
    pub fn status(&self) -> Status {
        let links = HaLinkId::ALL.into_iter().filter_map(|id| {
            let link = self.link(id)?;
            Some(LinkStatus { link: id, is_up: link.is_up, since: link.since })
        });
        Status {
            now: self.now,
            settings: self.settings.clone(),
            own: self.own.clone(),
            state: self.state,
            reason: self.reason,
            since: self.entered,
            last_failure: self.last_failure,
            peer: PeerStatus {
                is_alive: self.peer.is_alive,
                down_reason: self.peer.down_reason,
                hello: self.peer.hello.clone(),
                since: self.peer.changed_at,
                control_link: CONTROL_LINKS.into_iter().find(|link| self.is_usable(*link)),
                data_link: [HaLinkId::Ha2, HaLinkId::Ha2Backup]
                    .into_iter()
                    .find(|id| self.link(*id).is_some_and(|link| link.is_up)),
            },
            links: links.collect(),
            settles_at: (self.marks.settled > self.now).then_some(self.marks.settled),
            link_groups: self.monitoring.links.clone(),
            path_groups: self.monitoring.paths.clone(),
            links_have_failed: self.monitoring.links_have_failed(),
            paths_have_failed: self.monitoring.paths_have_failed(),
            flaps: self.flaps,
            transitions: HaState::ALL.into_iter().zip(self.transitions).collect(),
            unreadable_messages: self.exchange.unreadable,
            replayed_messages: self.exchange.replayed,
        }
    }
}
