//! One device of a pair.
//!
//! ```text
//!  links, messages ──► control, hello ──► what the peer is ──┐
//!  interfaces, pings ► monitoring ──────► own health ────────┼─► judge ─► election ─► State, Log
//!  requests ─────────────────────────────────────────────────┘                └─► hello to the peer
//! ```
//!
//! [`Member`] does no input or output. Its driver
//!
//! - hands in everything that has arrived before it calls `handle_timeout`: only there, the peer is given
//!   up;
//! - after each `handle_…` takes all outputs from `poll_output`, in order;
//! - calls `handle_timeout` at the time of `poll_timeout`, or later;
//! - hands in bytes that are decrypted and authenticated, and sends those of `MemberOutput::Message`
//!   likewise;
//! - says which links are up: until then they are down. Interfaces count as up, the data plane as well;
//! - says when the sessions are in step with a peer that leads: a joining device waits in `initial` (or
//!   `tentative`) for that, unless HA2 stays down or sessions are not told;
//! - keeps a `Member` only where the configuration has the pair enabled.
//!
//! **The peer is lost** when no new message has come for three heartbeat intervals over HA1, its backup or
//! the heartbeat backup, or when all of these have been down for the monitor hold time. With the profile
//! `fast` a sign of life on HA2 counts too. A follower then leads after the promotion hold. In `initial` a
//! device leads after one hello interval without a peer.
//!
//! **A planned change loses nothing.** A leading device that is suspended, or preempted, goes on until the
//! peer leads and a moment longer, for frames that are on their way to it.
//!
//! **A monitored failure** counts only while the peer can take over: the last device standing stays. It
//! counts once it has lasted for the hold-up time, and on devices that use their links: a passive device
//! that keeps them down does not watch them.
//!
//! **Two leaders** that hear each other again compare themselves as at the start; the better one stays. One
//! that hears and is not heard gives way, for the other cannot.

use alloc::{
    collections::{BTreeSet, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::typed::{HaMode, HighAvailability};
use bifrons_model::{MacAddress, Timestamp};

use crate::{
    DeviceId, HaLinkId, HaState, InterfaceNumber, Pairing,
    control::Receiver,
    election::{Event, Mode, StateReason, Verdict, judge, next},
    flaps::Flaps,
    hello::{CAPABILITIES, ConfigurationMark, Hello, MOST_DOWN, SoftwareVersion, VERSIONS, Versions},
    log::{HaEvent, Severity, SystemRecord},
    monitoring::{Monitoring, PathId},
    timers::{SETTLE, Timer, Times},
};

mod decide;
mod exchange;
mod status;
#[cfg(test)]
mod tests;

pub use status::{LinkStatus, PeerStatus, Status};

/// What a device is, apart from its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Serial number, at most 64 bytes; no two devices have the same one.
    pub serial: String,
    /// Model, at most 64 bytes; the same on both devices.
    pub model: String,
    /// Version of the software.
    pub software: SoftwareVersion,
    /// Version of the application content, at most 64 bytes.
    pub content: String,
    /// The address of the HA1 port, which breaks a tie.
    pub ha1_mac: MacAddress,
    /// The running configuration.
    pub configuration: ConfigurationMark,
    /// What this device can do that its peer may need: one bit each.
    pub offered: u64,
    /// What its peer must be able to do.
    pub required: u64,
    /// The versions of HA1 messages that it speaks.
    pub versions: Versions,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            serial: String::new(),
            model: String::new(),
            software: SoftwareVersion::default(),
            content: String::new(),
            ha1_mac: MacAddress::default(),
            configuration: ConfigurationMark::default(),
            offered: CAPABILITIES,
            required: 0,
            versions: VERSIONS,
        }
    }
}

/// What a member acts by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The configuration of the pair.
    pub config: Arc<HighAvailability>,
    /// What the device is.
    pub identity: Identity,
    /// The names of `Config::interfaces`, by their places, for shows.
    pub interfaces: Vec<String>,
}

/// What an operator can ask for: `request high-availability state …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateRequest {
    /// Take no part in the election.
    Suspend,
    /// Take part again.
    Functional,
    /// Tell the peer to take no part.
    SuspendPeer,
    /// Tell the peer to take part again.
    FunctionalPeer,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It is suspended, or about to be.
    #[error("the device is suspended already; `functional` takes it in again")]
    AlreadySuspended,
    /// Nothing is to be undone.
    #[error("the device is {}, not suspended", .0.name())]
    NotSuspended(HaState),
    /// Nobody to tell it to.
    #[error("the peer is not connected, so it cannot be told")]
    PeerNotConnected,
    /// The last order to the peer is unanswered.
    #[error("the peer has not answered the last order yet")]
    OrderPending,
}

/// What the driver is to do or to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberOutput {
    /// Send this to the peer over the link: HA1, its backup or the heartbeat backup.
    Message {
        /// Which link.
        link: HaLinkId,
        /// One message.
        bytes: Vec<u8>,
    },
    /// The device is in another state.
    State {
        /// What it was.
        from: HaState,
        /// What it is.
        to: HaState,
        /// Why.
        reason: StateReason,
    },
    /// The peer was lost or found, is in another state, or has other values ([`Member::peer`]).
    Peer {
        /// Whether it is heard.
        is_alive: bool,
        /// Its state; `None` as long as it is not known.
        state: Option<HaState>,
    },
    /// Send an echo request to a monitored destination through its path group and tell `handle_path` of the
    /// answer.
    Ping {
        /// Which destination.
        path: PathId,
        /// Its address.
        address: IpAddr,
    },
    /// A record for the system log, subtype `ha`.
    Log(SystemRecord),
}

/// One device of a pair. The [module](self) says what its driver owes it.
#[derive(Clone, Debug)]
pub struct Member {
    settings: Settings,
    times: Times,
    mode: Mode,
    /// The latest time that was handed in.
    now: Timestamp,
    state: HaState,
    reason: StateReason,
    entered: Timestamp,
    /// Since when it leads.
    leads_since: Option<Timestamp>,
    /// Since when it is functional.
    functional_since: Option<Timestamp>,
    /// Why it was non-functional last.
    last_failure: Option<StateReason>,
    /// By the places of `HaLinkId::ALL`.
    links: [Link; HaLinkId::ALL.len()],
    peer: Peer,
    exchange: Exchange,
    /// What it tells the peer.
    own: Hello,
    monitoring: Monitoring,
    /// Its interfaces that are down, as places in `Config::interfaces`.
    down: BTreeSet<usize>,
    dataplane_is_well: bool,
    is_synchronized: bool,
    marks: Marks,
    flaps: Flaps,
    /// It was told to step back, and waits for the peer to lead.
    leaving: Option<(Timestamp, StateReason)>,
    /// How often each state was entered, by the places of `HaState::ALL`.
    transitions: [u32; HaState::ALL.len()],
    outputs: VecDeque<MemberOutput>,
}

/// What is known of a link.
#[derive(Clone, Copy, Debug)]
struct Link {
    is_up: bool,
    since: Timestamp,
}

/// What is known of the peer.
#[derive(Clone, Debug, Default)]
struct Peer {
    is_alive: bool,
    /// Its last hello; none after it was lost or has started anew.
    hello: Option<Hello>,
    last_heard: Timestamp,
    /// When it answered a heartbeat last: it hears this device.
    last_reply: Timestamp,
    /// When it was lost.
    lost_at: Option<Timestamp>,
    /// It has been lost, or never heard, for so long that this device may lead.
    is_given_up: bool,
    down_reason: DownReason,
    changed_at: Timestamp,
}

/// Why there is no peer (PAN-OS, "Connection down reason").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DownReason {
    /// It has not been heard yet.
    #[default]
    NeverConnected,
    /// It is silent.
    Heartbeat,
    /// All control links are down.
    ControlLinks,
}

impl DownReason {
    /// The words that the operator knows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverConnected => "Never able to connect to peer",
            Self::Heartbeat => "Heartbeat ping failure",
            Self::ControlLinks => "HA1 link went down",
        }
    }
}

/// What is sent and received.
#[derive(Clone, Debug)]
struct Exchange {
    epoch: u64,
    sequence: u64,
    receiver: Receiver,
    beat: u64,
    next_beat: Timestamp,
    next_hello: Timestamp,
    /// Sequence number of the first hello with what `own` says now.
    hello_from: u64,
    /// `own` says something else than the last hello.
    is_news: bool,
    order: Option<exchange::PendingOrder>,
    order_number: u64,
    /// The last order of the peer, and whether it was carried out.
    answered: Option<(u64, bool)>,
    unreadable: u64,
    replayed: u64,
}

/// Since when conditions hold; none where they do not.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    /// Before that, monitored failures do not count.
    settled: Timestamp,
    monitor_failed: Option<Timestamp>,
    /// The peer could be preempted.
    preempt: Option<Timestamp>,
    /// The peer leads, and this device does.
    both_lead: Option<Timestamp>,
    /// A tentative device has nothing wrong.
    tentative_well: Option<Timestamp>,
    /// The devices do not fit, and this one is to give way.
    mismatch: Option<Timestamp>,
    control_down: Option<Timestamp>,
    ha2_down: Option<Timestamp>,
    /// HA3 has a carrier, but nothing passes.
    ha3_silent: Option<Timestamp>,
    /// The last device standing has said so.
    said_last: bool,
    said_mismatch: Option<crate::Mismatch>,
}

impl Member {
    /// A device that starts now. Its epoch is `now`: one that is started again must be given a later time.
    pub fn new(now: Timestamp, settings: Settings) -> Self {
        let times = Times::of(&settings.config);
        let epoch = now.as_nanos();
        let transitions = HaState::ALL.map(|state| u32::from(state == HaState::Initial));
        let mut member = Self {
            times,
            mode: Mode::of(&settings.config.mode),
            now,
            state: HaState::Initial,
            reason: StateReason::Started,
            entered: now,
            leads_since: None,
            functional_since: None,
            last_failure: None,
            links: [Link { is_up: false, since: now }; HaLinkId::ALL.len()],
            peer: Peer { changed_at: now, ..Peer::default() },
            exchange: Exchange::new(now, epoch),
            own: own_hello(&settings, epoch),
            monitoring: Monitoring::default(),
            down: BTreeSet::new(),
            dataplane_is_well: true,
            is_synchronized: false,
            marks: Marks { settled: now + SETTLE, ..Marks::default() },
            flaps: Flaps::default(),
            leaving: None,
            transitions,
            outputs: VecDeque::new(),
            settings,
        };
        member.monitoring.apply(now, &member.settings.config);
        member.mark_links(now);
        member
    }

    /// Takes the settings of a commit.
    pub fn handle_settings(&mut self, now: Timestamp, settings: Settings) {
        let now = self.advance(now);
        self.times = Times::of(&settings.config);
        self.settings = settings;
        let ha2_epoch = self.own.ha2_epoch;
        self.own = Hello { ha2_epoch, ..own_hello(&self.settings, self.exchange.epoch) };
        self.tell_ports();
        self.exchange.is_news = true;
        let mode = Mode::of(&self.settings.config.mode);
        let is_changed = core::mem::replace(&mut self.mode, mode) != mode;
        if let Some(state) = next(mode, self.state, Event::ModeChanged).filter(|_| is_changed) {
            self.enter(now, state, StateReason::ModeChanged);
        }
        self.exchange.next_beat = self.exchange.next_beat.min(now + self.times.heartbeat);
        self.exchange.next_hello = self.exchange.next_hello.min(now + self.times.hello);
        self.monitoring.apply(now, &self.settings.config);
        self.mark_links(now);
        self.settle(now);
    }

    /// A link went up or down: the port, and for HA1 and its backup the connection over it.
    pub fn handle_link(&mut self, now: Timestamp, link: HaLinkId, is_up: bool) {
        let now = self.advance(now);
        let known = self.links.iter_mut().zip(HaLinkId::ALL).find(|(_, id)| *id == link);
        let Some((known, _)) = known.filter(|(known, _)| known.is_up != is_up) else { return };
        *known = Link { is_up, since: now };
        let event = match link {
            HaLinkId::Ha1 | HaLinkId::Ha1Backup | HaLinkId::HeartbeatBackup => HaEvent::Ha1LinkChange,
            HaLinkId::Ha2 | HaLinkId::Ha2Backup => HaEvent::Ha2LinkChange,
            HaLinkId::Ha3 => HaEvent::Ha3LinkChange,
        };
        let (severity, word) =
            if is_up { (Severity::Informational, "up") } else { (Severity::Critical, "down") };
        self.log(now, severity, event, &format!("{} link {word}", label(link)));
        // Whoever is at the other end is told at once.
        self.exchange.is_news |= is_up;
        self.mark_links(now);
        self.settle(now);
    }

    /// Whether keep-alives pass HA3 while it has a carrier.
    pub fn handle_ha3_silence(&mut self, now: Timestamp, is_silent: bool) {
        let now = self.advance(now);
        if self.marks.ha3_silent.is_some() == is_silent {
            return;
        }
        self.marks.ha3_silent = is_silent.then_some(now);
        let (severity, text) = if is_silent {
            (Severity::Critical, "ha3 keep-alive threshold exceeded")
        } else {
            (Severity::Informational, "ha3 keep-alive is not lost any more")
        };
        self.log(now, severity, HaEvent::Ha3LinkChange, text);
        self.settle(now);
    }

    /// Something authentic came over HA2 or its backup. With the profile `fast` it is a sign of life.
    pub fn handle_heard(&mut self, now: Timestamp, link: HaLinkId) {
        let now = self.advance(now);
        let is_data = matches!(link, HaLinkId::Ha2 | HaLinkId::Ha2Backup);
        if self.times.counts_ha2 && self.peer.is_alive && is_data {
            self.peer.last_heard = now;
        }
    }

    /// An interface, by its place in `Config::interfaces`, went up or down.
    pub fn handle_interface(&mut self, now: Timestamp, place: usize, is_up: bool) {
        let now = self.advance(now);
        self.monitoring.handle_interface(place, is_up);
        let has_changed = if is_up { self.down.remove(&place) } else { self.down.insert(place) };
        if has_changed {
            self.exchange.is_news |= self.tell_ports();
        }
        self.settle(now);
    }

    /// A ping was answered, or cannot be. One without an answer is lost when the next one is due.
    pub fn handle_path(&mut self, now: Timestamp, path: PathId, is_reached: bool) {
        let now = self.advance(now);
        self.monitoring.handle_path(now, path, is_reached);
        self.settle(now);
    }

    /// Whether the device can forward at all.
    pub fn handle_dataplane(&mut self, now: Timestamp, is_well: bool) {
        let now = self.advance(now);
        self.dataplane_is_well = is_well;
        self.settle(now);
    }

    /// Whether this device has the sessions of the peer.
    pub fn handle_synchronized(&mut self, now: Timestamp, is_synchronized: bool) {
        let now = self.advance(now);
        self.is_synchronized = is_synchronized;
        self.settle(now);
    }

    /// The number under which this device's HA2 messages travel, for the hellos.
    pub fn handle_ha2_epoch(&mut self, now: Timestamp, epoch: u64) {
        let now = self.advance(now);
        self.exchange.is_news |= self.own.ha2_epoch != epoch;
        self.own.ha2_epoch = epoch;
        self.settle(now);
    }

    /// What an operator asks for.
    ///
    /// # Errors
    /// Why it cannot be; nothing has changed then.
    pub fn handle_request(&mut self, now: Timestamp, request: StateRequest) -> Result<(), RequestError> {
        let now = self.advance(now);
        match request {
            StateRequest::Suspend => self.suspend(now, StateReason::UserRequested)?,
            StateRequest::Functional => self.make_functional(now, StateReason::UserRequested)?,
            StateRequest::SuspendPeer => self.order(now, crate::OrderKind::Suspend)?,
            StateRequest::FunctionalPeer => self.order(now, crate::OrderKind::Functional)?,
        }
        self.settle(now);
        Ok(())
    }

    /// Time has passed. Everything that arrived before has been handed in.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let now = self.advance(now);
        let is_due = |deadline: Option<Timestamp>| deadline.is_some_and(|at| at <= now);
        if is_due(self.deadline(Timer::Silence)) {
            self.lose(now, DownReason::Heartbeat);
        } else if is_due(self.deadline(Timer::ControlDown)) {
            self.lose(now, DownReason::ControlLinks);
        }
        if is_due(self.deadline(Timer::Alone)) {
            self.peer.is_given_up = true;
        }
        if is_due(self.deadline(Timer::Order)) {
            self.repeat_order(now);
        }
        for (path, address) in self.monitoring.handle_timeout(now) {
            self.outputs.push_back(MemberOutput::Ping { path, address });
        }
        self.exchange.is_news |= is_due(self.deadline(Timer::Hello));
        self.settle(now);
        // A device that has just recovered may find itself alone.
        if is_due(self.deadline(Timer::Alone)) {
            self.peer.is_given_up = true;
            self.settle(now);
        }
        if is_due(self.deadline(Timer::Heartbeat)) {
            self.send_heartbeats(now);
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(at, _)| at)
    }

    /// When `handle_timeout` is due, and why.
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        Timer::ALL.into_iter().filter_map(|timer| Some((self.deadline(timer)?, timer))).min()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<MemberOutput> {
        self.outputs.pop_front()
    }

    /// The device's state.
    pub const fn state(&self) -> HaState {
        self.state
    }

    /// Why it is in it.
    pub const fn reason(&self) -> StateReason {
        self.reason
    }

    /// What the peer last said; `None` while it is not heard.
    pub fn peer(&self) -> Option<&Hello> {
        self.peer.hello.as_ref().filter(|_| self.peer.is_alive)
    }

    /// Whether the peer leads and this device, which still does, is about to step back: it forwards only what
    /// is on its way to it.
    pub fn is_relieved(&self) -> bool {
        let yields = || self.peer().is_some_and(|peer| judge(&self.own, peer) == Verdict::BothYield);
        self.marks.both_lead.is_some() && (self.leaving.is_some() || yields())
    }

    /// Whether this device, which leads, is about to step back for the peer to lead.
    pub const fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Whether the peer is heard.
    pub const fn peer_is_alive(&self) -> bool {
        self.peer.is_alive
    }

    /// What this device tells the peer.
    pub const fn own(&self) -> &Hello {
        &self.own
    }

    /// The device's start, which its messages carry.
    pub const fn epoch(&self) -> u64 {
        self.exchange.epoch
    }

    /// Time never goes back for a member.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        self.now = self.now.max(now);
        self.now
    }

    fn suspend(&mut self, now: Timestamp, reason: StateReason) -> Result<(), RequestError> {
        if self.state == HaState::Suspended || self.leaving.is_some() {
            return Err(RequestError::AlreadySuspended);
        }
        if self.state == self.mode.leader() && self.peer_can_take_over() {
            self.leaving = Some((now, reason));
        } else {
            self.enter(now, HaState::Suspended, reason);
        }
        Ok(())
    }

    fn make_functional(&mut self, now: Timestamp, reason: StateReason) -> Result<(), RequestError> {
        if self.leaving.take().is_some() {
            return Ok(());
        }
        let Some(state) = next(self.mode, self.state, Event::Functional) else {
            return Err(RequestError::NotSuspended(self.state));
        };
        self.flaps = Flaps::default();
        self.enter(now, state, reason);
        Ok(())
    }

    /// Logs and counts a change of state, and does what comes with it.
    fn enter(&mut self, now: Timestamp, to: HaState, reason: StateReason) {
        self.note_failure(now, reason);
        let from = core::mem::replace(&mut self.state, to);
        self.reason = reason;
        self.entered = now;
        self.leaving = None;
        let count = self.transitions.iter_mut().zip(HaState::ALL).find(|(_, state)| *state == to);
        if let Some((count, _)) = count {
            *count = count.saturating_add(1);
        }
        self.leads_since = (to == self.mode.leader()).then_some(now);
        self.functional_since = to.is_functional().then(|| self.functional_since.unwrap_or(now));
        if matches!(to, HaState::NonFunctional | HaState::Tentative) && from.is_functional() {
            self.last_failure = Some(reason);
        }
        if to == HaState::Initial {
            self.peer.is_given_up = false;
        }
        if to.forwards() && !from.forwards() && !self.passive_links_are_up() {
            self.marks.settled = self.marks.settled.max(now + SETTLE);
        }
        if to.forwards() || to == HaState::Tentative {
            self.monitoring.start(now + crate::timers::PING_DELAY);
        } else {
            self.monitoring.stop();
        }
        self.marks.monitor_failed = None;
        self.marks.tentative_well = None;
        self.outputs.push_back(MemberOutput::State { from, to, reason });
        let severity = match to {
            HaState::NonFunctional => Severity::Critical,
            HaState::Suspended | HaState::Tentative => Severity::High,
            HaState::Initial
            | HaState::Active
            | HaState::Passive
            | HaState::ActivePrimary
            | HaState::ActiveSecondary => Severity::Informational,
        };
        let text = format!("Moved from state {} to state {} ({reason})", from.name(), to.name());
        self.log(now, severity, HaEvent::StateChange, &text);
    }

    /// The peer of an active/active pair is to know which ports are down; whether that is news.
    fn tell_ports(&mut self) -> bool {
        let names = self.down.iter().filter_map(|place| self.settings.interfaces.get(*place));
        let ports: BTreeSet<_> = names.filter_map(|name| InterfaceNumber::of(name)).collect();
        let is_told = self.mode == Mode::ActiveActive;
        let down: Vec<_> = ports.into_iter().filter(|_| is_told).take(MOST_DOWN).collect();
        let is_news = self.own.down != down;
        self.own.down = down;
        is_news
    }

    fn log(&mut self, time: Timestamp, severity: Severity, event: HaEvent, text: &str) {
        let text = format!("HA Group {}: {text}", self.settings.config.group_id);
        self.outputs.push_back(MemberOutput::Log(SystemRecord { time, severity, event, text }));
    }

    /// Whether a device that does not forward keeps its links up.
    fn passive_links_are_up(&self) -> bool {
        match &self.settings.config.mode {
            HaMode::ActivePassive { passive_links_up, .. } => *passive_links_up,
            HaMode::ActiveActive(_) => true,
        }
    }

    /// Whether the configuration has the link.
    fn is_configured(&self, link: HaLinkId) -> bool {
        let links = &self.settings.config.links;
        match link {
            HaLinkId::Ha1 => links.ha1.is_some(),
            HaLinkId::Ha1Backup => links.ha1_backup.is_some(),
            HaLinkId::HeartbeatBackup => self.settings.config.election.heartbeat_backup,
            HaLinkId::Ha2 => links.ha2.is_some(),
            HaLinkId::Ha2Backup => links.ha2_backup.is_some(),
            HaLinkId::Ha3 => links.ha3.is_some(),
        }
    }

    fn link(&self, link: HaLinkId) -> Option<Link> {
        let known = self.links.iter().zip(HaLinkId::ALL).find(|(_, id)| *id == link);
        known.map(|(known, _)| *known).filter(|_| self.is_configured(link))
    }

    fn is_usable(&self, link: HaLinkId) -> bool {
        self.link(link).is_some_and(|link| link.is_up)
    }
}

/// The words of the links.
const fn label(link: HaLinkId) -> &'static str {
    match link {
        HaLinkId::Ha1 => "HA1",
        HaLinkId::Ha1Backup => "HA1-Backup",
        HaLinkId::HeartbeatBackup => "Heartbeat-Backup",
        HaLinkId::Ha2 => "HA2",
        HaLinkId::Ha2Backup => "HA2-Backup",
        HaLinkId::Ha3 => "HA3",
    }
}

/// What a device that starts tells the peer.
fn own_hello(settings: &Settings, epoch: u64) -> Hello {
    let Settings { config, identity, .. } = settings;
    let device_id = match &config.mode {
        HaMode::ActivePassive { .. } => DeviceId::Zero,
        HaMode::ActiveActive(mode) => DeviceId::of(mode.device_id),
    };
    Hello {
        epoch,
        serial: identity.serial.clone(),
        model: identity.model.clone(),
        software: identity.software,
        content: identity.content.clone(),
        versions: identity.versions,
        offered: identity.offered,
        required: identity.required,
        group: config.group_id,
        mode: Mode::of(&config.mode),
        device_id,
        priority: config.election.device_priority,
        preemptive: config.election.preemptive,
        state: HaState::Initial,
        reason: 0,
        can_lead: false,
        is_synchronized: false,
        ha1_mac: identity.ha1_mac,
        configuration: identity.configuration,
        pairing: Pairing::of(config),
        ha2_epoch: 0,
        down: Vec::new(),
    }
}
