//! What an active/active pair adds: which device can work for the other one, and the way to it.
//!
//! ```text
//!  states of both ──┐
//!  HA3, its keys ───┼──► can each device work? ──► view of the workers, take-over, stand-down
//!  HA2 keep-alives ─┘
//!
//!  worker ──► frame for the peer ──► Ha3Channel ──► HA3 ──► Ha3Channel ──► the peer's worker
//! ```
//!
//! | state | frames | sessions |
//! |---|---|---|
//! | active-primary, active-secondary | taken; those of the peer's sessions go to it | owns, sets up |
//! | tentative | taken; all but those for the device itself go to the peer | are the peer's |
//! | initial, non-functional, suspended | refused | are the peer's |
//!
//! Keep-alives watch HA3: one that has a carrier and passes nothing is as one without.
//!
//! A device that works while the peer does not has the sessions of both. With `split-datapath` that is so
//! on both devices while HA2 answers no keep-alives: each has a table of its own.

use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use bifrons_config::{
    Config,
    typed::{HaMode, HighAvailability, KeepAliveAction},
};
use bifrons_dataplane::{ActiveActiveView, Ownership, PairView, PeerFrame};
use bifrons_ha::{
    AddressChanges, Announcement, DeviceId, HA3_FRAGMENTS, HA3_KEEP_ALIVE, Ha3Channel, Ha3Counters,
    Ha3KeepAlive, HaState, active_active_view, sync::Keys, takes_peer_share,
};
use bifrons_model::{InterfaceId, MacAddress, Timestamp, ZoneId};
use bifrons_wire::{Ha3Header, Ha3Kind, Ha3Message};

/// What the two devices do for each other.
pub(crate) struct SharedWork {
    /// `None` in an active/passive pair.
    rule: Option<Rule>,
    channel: Ha3Channel,
    keep_alive: Ha3KeepAlive,
    is_link_up: bool,
    /// Nothing is told over HA2 and the devices go on apart.
    is_split: bool,
    told: Option<Part>,
}

/// What the configuration says.
#[derive(Clone, Copy)]
struct Rule {
    device: DeviceId,
    ownership: Ownership,
    /// Whether packets may go to the peer at all.
    has_link: bool,
    /// Whether it is told of sessions.
    is_told: bool,
}

/// What the workers are to do from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub device: DeviceId,
    pub view: PairView,
    /// Whether this device owns and sets up sessions.
    works: bool,
    /// Whether it does so alone.
    is_alone: bool,
}

/// What becomes of the sessions that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Those of the peer are this device's.
    TakeOver,
    /// Those of this device are the peer's.
    StandDown,
}

impl SharedWork {
    /// For a device that begins, without a peer.
    pub fn new(config: &Config) -> Self {
        let rule = Rule::of(&config.high_availability);
        let (device, group, mtu) = channel_settings(&config.high_availability, rule.as_ref());
        let channel = Ha3Channel::new(device, group, mtu);
        let keep_alive = Ha3KeepAlive::new(&config.high_availability);
        Self { rule, channel, keep_alive, is_link_up: false, is_split: false, told: None }
    }

    /// Another configuration runs.
    pub fn handle_config(&mut self, config: &Config) {
        self.rule = Rule::of(&config.high_availability);
        if self.rule.is_none() {
            self.told = None;
        }
        let (device, group, mtu) = channel_settings(&config.high_availability, self.rule.as_ref());
        self.channel.handle_settings(device, group, mtu);
        self.keep_alive.handle_settings(&config.high_availability);
    }

    /// Whether both devices forward.
    pub const fn is_active_active(&self) -> bool {
        self.rule.is_some()
    }

    /// HA3 went up or down.
    pub const fn handle_link(&mut self, is_up: bool) {
        self.is_link_up = is_up;
    }

    /// Keys for another connection; `None` when the peer is lost.
    pub fn handle_keys(&mut self, keys: Option<&Keys>) {
        self.channel.handle_keys(keys);
        self.is_split = false;
    }

    /// Keep-alives on HA2 stay unanswered.
    pub fn handle_silence(&mut self, action: KeepAliveAction) {
        self.is_split = action == KeepAliveAction::SplitDatapath;
    }

    /// They are answered again.
    pub const fn handle_resumed(&mut self) {
        self.is_split = false;
    }

    /// Whether HA3 has a carrier and passes nothing nevertheless, as far as a peer of these capabilities can
    /// tell.
    pub fn is_silent(&mut self, now: Timestamp, offered: u64) -> bool {
        let is_watched = offered & HA3_KEEP_ALIVE != 0 && self.has_channel();
        self.keep_alive.watch(now, is_watched);
        self.keep_alive.is_lost()
    }

    /// The keep-alive that is to be sent now.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        let Some(hears) = self.keep_alive.handle_timeout(now) else { return Vec::new() };
        let header = header(Ha3Kind::KeepAlive, (InterfaceId(0), ZoneId(0)), hears.into());
        self.channel.seal(&header, &[], &[]).unwrap_or_default()
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.keep_alive.poll_timeout()
    }

    /// What the workers are to do now that the devices are in these states and the peer has these
    /// capabilities, where it is something else.
    pub fn follow(
        &mut self,
        own: HaState,
        peer: Option<HaState>,
        offered: u64,
    ) -> Option<(Part, Option<Step>)> {
        let Rule { device, ownership, is_told, .. } = self.rule?;
        // A device whose sessions are not told gives ports of which the other one would not know.
        let has_peer_share = is_told && takes_peer_share(own, peer);
        let peer = peer.filter(|_| !self.is_split);
        let is_ha3_up = self.has_channel() && !self.keep_alive.is_lost();
        let gathers = offered & HA3_FRAGMENTS != 0;
        let takes_frames = own.forwards() || own == HaState::Tentative;
        let view = active_active_view(device, ownership, (own, peer), (is_ha3_up, gathers));
        let shared = ActiveActiveView { has_peer_share, ..view };
        let part = Part {
            device,
            view: PairView { forwards: takes_frames, mirrors: takes_frames, shared: Some(shared) },
            works: own.forwards(),
            is_alone: own.forwards() && !peer.is_some_and(HaState::forwards),
        };
        let before = self.told.replace(part).filter(|before| before.device == device);
        if before == Some(part) {
            return None;
        }
        let (worked, was_alone) = before.map_or((false, false), |before| (before.works, before.is_alone));
        let step = match (worked && !part.works, part.is_alone && !was_alone) {
            (true, _) => Some(Step::StandDown),
            (false, true) => Some(Step::TakeOver),
            (false, false) => None,
        };
        Some((part, step))
    }

    /// The messages that carry a frame to the peer; none where it cannot be carried, which is counted.
    pub fn seal(&mut self, frame: &PeerFrame) -> Vec<Vec<u8>> {
        let header = header(frame.kind, (frame.interface, frame.zone), frame.session);
        self.channel.seal(&header, &frame.description, &frame.frame).unwrap_or_default()
    }

    /// The frame that a message completes. One that is refused is counted and changes nothing.
    pub fn open(&mut self, now: Timestamp, message: &[u8]) -> Option<PeerFrame> {
        let opened = self.channel.open(message).ok()?;
        self.keep_alive.handle_heard(now);
        let Ha3Message { header, description, frame } = opened.filter(|_| self.rule.is_some())?;
        if header.kind == Ha3Kind::KeepAlive {
            self.keep_alive.handle_view(header.session != 0);
            return None;
        }
        Some(PeerFrame {
            kind: header.kind,
            interface: header.interface,
            zone: header.zone,
            session: header.session,
            description,
            frame,
        })
    }

    /// What HA3 has carried and refused.
    pub const fn counters(&self) -> Ha3Counters {
        self.channel.counters()
    }
}

impl SharedWork {
    /// Whether frames can be sent on HA3 at all.
    fn has_channel(&self) -> bool {
        self.rule.is_some_and(|rule| rule.has_link) && self.is_link_up && self.channel.is_connected()
    }
}

/// What is told of a frame; the channel adds the rest.
const fn header(kind: Ha3Kind, (interface, zone): (InterfaceId, ZoneId), session: u64) -> Ha3Header {
    Ha3Header { kind, sender: 0, interface, zone, epoch: 0, sequence: 0, session }
}

impl Rule {
    fn of(config: &HighAvailability) -> Option<Self> {
        match &config.mode {
            HaMode::ActivePassive { .. } => None,
            HaMode::ActiveActive(mode) => Some(Self {
                device: DeviceId::of(mode.device_id),
                ownership: Ownership::new(mode),
                has_link: mode.packet_forwarding && config.links.ha3.is_some(),
                is_told: config.state_sync.enabled
                    && (config.links.ha2.is_some() || config.links.ha2_backup.is_some()),
            }),
        }
    }
}

fn channel_settings(config: &HighAvailability, rule: Option<&Rule>) -> (DeviceId, u8, u16) {
    (rule.map(|rule| rule.device).unwrap_or_default(), config.group_id, config.links.ha3_mtu)
}

/// How long a device takes frames to an Ethernet address that has gone to the other one: they are on their
/// way, and switches have yet to learn.
const LINGER: Duration = Duration::from_millis(50);

/// The Ethernet addresses of an active/active pair that were here until lately.
#[derive(Debug, Default)]
pub(crate) struct Lingering(BTreeMap<(usize, MacAddress), Timestamp>);

impl Lingering {
    /// Addresses have come and gone.
    pub fn handle_changes(&mut self, now: Timestamp, changes: &AddressChanges) {
        let place = |announcement: &Announcement| (announcement.interface, announcement.mac);
        self.0.extend(changes.lost.iter().map(|lost| (place(lost), now + LINGER)));
        for gained in &changes.gained {
            self.0.remove(&place(gained));
        }
    }

    /// Whether any are over now.
    pub fn expire(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|_, until| *until > now);
        self.0.len() != before
    }

    /// When the first one is over.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.0.values().min().copied()
    }

    /// Them, with the places of their interfaces in the configuration.
    pub fn macs(&self) -> Vec<(usize, MacAddress)> {
        self.0.keys().copied().collect()
    }
}
