//! HA2: the peer's copy of sessions, neighbors and security associations is kept equal.
//!
//! ```text
//!   changed ids ──► dirty set ──► batch ──► sealed, in flight ──► HA2 or its backup
//!                      ▲            ▲              │  ▲
//!      join: all ids ──┘     newest state of       │  └ sent again until acknowledged
//!      (a fresh peer)        each id, asked for    ▼
//!                            only now         acknowledgement
//!
//!   HA2 or backup ──► opened ──► in order ──► items to apply ──► acknowledgement
//!                        │           └ behind a gap: kept, and handed out when the peer has died
//!                        └ forged, replayed, of another epoch: refused
//! ```
//!
//! Both sides run the same machine; each sends and receives. What an item holds is the driver's matter. A
//! peer that is slow costs no more memory than the set of changed ids: their state is asked for when a batch
//! is built, and a newer change replaces an older one that waits.

use alloc::{collections::VecDeque, vec, vec::Vec};
use core::time::Duration;

use bifrons_config::typed::{Ha2KeepAlive, KeepAliveAction};
use bifrons_model::Timestamp;
use thiserror::Error;

use crate::{HaLinkId, SynchronizationReport};

mod dirty;
mod figures;
mod item;
mod join;
mod paths;
mod receiver;
mod seal;
mod sender;
#[cfg(test)]
mod tests;

pub use figures::{Backlog, Both, Counters, SyncLog, SyncStatus};
pub use item::{ItemKind, Source, Space};
pub use seal::{Keys, MessageKind, VERSION};

use dirty::Marked;
use item::Record;
use paths::{PathEvent, Paths, Reach};
use receiver::{Acknowledgement, Receiver};
use seal::{HEADER, Seal};
use sender::Sender;

/// Answers to keep-alives that wait for the driver; a driver that takes none gets no more.
const MOST_WAITING: usize = 64;

/// How a [`Synchronizer`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The longest message that the HA2 links carry, 576 to 9,000 bytes; what is around it is not counted.
    pub largest_message: usize,
    /// Batches in flight, 1 to 256.
    pub window: usize,
    /// How long a change waits for others to share its batch.
    pub flush: Duration,
    /// Changed entries that may wait; beyond, they are forgotten and everything is told anew.
    pub capacity: usize,
    /// Whether this device asks for answers on HA2.
    pub keep_alive: Option<Ha2KeepAlive>,
    /// The longest time without any message to the peer, where it has to hear something.
    pub sign_of_life: Option<Duration>,
    /// Secret of the hash table of changed ids.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            largest_message: 1_440,
            window: 128,
            flush: Duration::from_millis(1),
            capacity: 1 << 21,
            keep_alive: None,
            sign_of_life: None,
            seed: 0,
        }
    }
}

impl Settings {
    /// The longest payload that an item may have.
    pub fn largest_payload(&self) -> usize {
        self.datagram() - HEADER - seal::TAG - item::RECORD_OVERHEAD
    }

    fn datagram(&self) -> usize {
        self.largest_message.clamp(576, 9_000)
    }
}

/// Why a message was refused. A refused message changes nothing but counters; one that is [`Self::Repeated`]
/// is answered with what has come, because the peer may not know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// State is not synchronised on this link.
    #[error("{} does not carry state synchronization", .0.name())]
    Link(HaLinkId),
    /// There are no keys yet.
    #[error("no peer is connected")]
    NoPeer,
    /// It ends within its header or tag.
    #[error("message is cut off")]
    Truncated,
    /// Its version is newer than ours, or 0.
    #[error("message version {0}, up to {VERSION} is known")]
    Version(u8),
    /// It belongs to another connection.
    #[error("message of epoch {found}, expected {expected}")]
    Epoch {
        /// The epoch of the keys in use.
        expected: u32,
        /// The one in the message.
        found: u32,
    },
    /// Its tag does not belong to it.
    #[error("message is not the peer's")]
    Forged,
    /// It has come before, or is too old to tell.
    #[error("message {0} has come before")]
    Replayed(u64),
    /// A batch that has come before.
    #[error("batch {0} has come before")]
    Repeated(u64),
    /// A batch too far ahead to be kept.
    #[error("batch {0} is too far ahead")]
    BeyondWindow(u64),
    /// Authentic, but not of the form it should have.
    #[error("message is malformed")]
    Malformed,
}

/// The keys' epoch is not above the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("epoch {found} of the keys is not above {last}")]
pub struct StaleKeys {
    /// The epoch in use before.
    pub last: u32,
    /// The one handed in.
    pub found: u32,
}

/// Whether there is a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerEvent {
    /// HA1 connects the devices and has agreed on keys.
    Connected(Keys),
    /// The peer is dead or has left.
    Lost,
}

/// What the driver must do. Messages are handed out after all items that came before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncOutput<'a> {
    /// Send the bytes on the link.
    Message {
        /// HA2 or its backup.
        link: HaLinkId,
        /// At most [`Settings::largest_message`] of them.
        bytes: &'a [u8],
    },
    /// Apply to the copy of the peer's state.
    Item {
        /// What is said.
        kind: ItemKind,
        /// Of which entry.
        id: u64,
        /// What [`Source::encode`] gave at the peer.
        payload: &'a [u8],
        /// The peer has died and messages before this one are missing.
        loose: bool,
    },
    /// The peer tells everything: from here on note which of its entries are told.
    JoinBegins(u32),
    /// The peer has told everything: drop what it has not told since the join of this number began.
    Joined(u32),
    /// The peer has everything that this device told in the join of this number.
    Told(u32),
    /// Keep-alives stay unanswered on all links and nothing is told any more.
    Lost(KeepAliveAction),
    /// That is over; a join follows.
    Resumed,
    /// For the system log.
    Log(SyncLog),
}

/// Why the machine wants to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Changes have waited long enough for others, or fill a batch.
    Flush,
    /// A batch was not acknowledged in time.
    Retransmit,
    /// The peer waits to hear what has come.
    Acknowledge,
    /// A keep-alive is due.
    KeepAlive,
    /// A link fails unless an answer comes.
    KeepAliveThreshold,
    /// The peer must hear something.
    SignOfLife,
}

/// The machine of the HA2 links.
///
/// Driver's duty: after any `handle_*` take [`Self::poll_output`] until it is empty, then call
/// [`Self::handle_timeout`] no later than [`Self::poll_timeout`] says, which may be at once.
pub struct Synchronizer {
    settings: Settings,
    seal: Option<Seal>,
    last_epoch: Option<u32>,
    /// Whether this device tells its state: an active one does.
    sending: bool,
    /// Keep-alives stay unanswered.
    stopped: bool,
    /// The peer's join is complete.
    joined: bool,
    sender: Sender,
    receiver: Receiver,
    paths: Paths,
    /// The link in use.
    link: Option<HaLinkId>,
    controls: VecDeque<(HaLinkId, MessageKind, Vec<u8>)>,
    events: VecDeque<SyncOutput<'static>>,
    /// The message being handed out.
    lent: Vec<u8>,
    counters: Counters,
    now: Timestamp,
    /// When something was last sent to the peer.
    sent_at: Timestamp,
    /// When something new last came from it.
    heard_at: Option<Timestamp>,
}

impl Synchronizer {
    /// A machine without a peer, all links down.
    pub fn new(settings: Settings) -> Self {
        Self {
            sender: Sender::new(settings.seed),
            receiver: Receiver::new(),
            paths: Paths::new(settings.keep_alive),
            settings,
            seal: None,
            last_epoch: None,
            sending: false,
            stopped: false,
            joined: false,
            link: None,
            controls: VecDeque::new(),
            events: VecDeque::new(),
            lent: Vec::new(),
            counters: Counters::default(),
            now: Timestamp::ZERO,
            sent_at: Timestamp::ZERO,
            heard_at: None,
        }
    }

    /// Other settings, after a commit; what is in flight stays.
    pub fn handle_settings(&mut self, now: Timestamp, settings: Settings) {
        self.now = now;
        if settings.keep_alive != self.settings.keep_alive {
            self.paths.set_keep_alive(now, settings.keep_alive);
        }
        self.settings = settings;
        self.choose_link();
    }

    /// The peer has come or gone. When it has gone, what waited behind gaps is handed out loosely.
    pub fn handle_peer(&mut self, now: Timestamp, event: PeerEvent) -> Result<(), StaleKeys> {
        self.now = now;
        match event {
            PeerEvent::Connected(keys) => {
                if let Some(last) = self.last_epoch.filter(|last| keys.epoch <= *last) {
                    return Err(StaleKeys { last, found: keys.epoch });
                }
                self.forget_peer();
                self.receiver = Receiver::new();
                self.last_epoch = Some(keys.epoch);
                self.seal = Some(Seal::new(&keys));
                self.sent_at = now;
                self.paths.begin(now);
                self.choose_link();
                self.begin_join();
            }
            PeerEvent::Lost => {
                self.receiver.drain();
                self.forget_peer();
                self.paths.end();
            }
        }
        Ok(())
    }

    /// Whether this device tells its state to the peer from now on (active/passive: the active one;
    /// active/active: both). One that begins tells everything; one that stops still tells what has changed
    /// until then.
    pub fn handle_sending(&mut self, now: Timestamp, sending: bool) {
        self.now = now;
        if self.sending == sending {
            return;
        }
        self.sending = sending;
        if sending {
            self.begin_join();
        } else {
            self.sender.end_join();
        }
    }

    /// An HA2 link has a carrier or not; other links are of no interest here.
    pub fn handle_link(&mut self, now: Timestamp, link: HaLinkId, up: bool) {
        self.now = now;
        if self.paths.handle_link(now, link, up) {
            self.log(if up { SyncLog::LinkUp(link) } else { SyncLog::LinkDown(link) });
            self.choose_link();
        }
    }

    /// An entry has changed. Costs a look into a hash table; nothing is encoded before it is sent.
    pub fn mark(&mut self, now: Timestamp, kind: ItemKind, id: u64) {
        self.now = now;
        if !self.sending || self.stopped || self.seal.is_none() {
            return;
        }
        let marked = self.sender.mark(now, kind, id);
        if marked == Marked::New && self.sender.dirty() > self.settings.capacity {
            self.counters.overflows += 1;
            self.log(SyncLog::Overflow);
            self.begin_join();
        }
    }

    /// A message has come on a link. `Ok` when the peer has just said something new, which is a sign of life.
    pub fn handle_message(&mut self, now: Timestamp, link: HaLinkId, message: &[u8]) -> Result<(), Refusal> {
        self.now = now;
        let result = self.receive(now, link, message);
        match result {
            Ok(()) => self.heard_at = Some(now),
            Err(refusal) => self.counters.refusal(refusal),
        }
        result
    }

    /// Do what is due.
    pub fn handle_timeout(&mut self, now: Timestamp, source: &mut impl Source) {
        self.now = now;
        for event in self.paths.expire(now) {
            self.path_event(event);
        }
        self.choose_link();
        for link in self.paths.questions(now) {
            let view = self.paths.view();
            self.control(link, MessageKind::KeepAlive, &[view]);
        }
        let (Some(link), Some(seal)) = (self.link, &self.seal) else { return };
        self.sender.retransmit(now);
        if self.sender.dirty() > 0 && self.sender.is_full(&self.settings) {
            self.counters.window_full += 1;
        }
        self.sender.build(now, &self.settings, seal, source, &mut self.counters);
        if self.sign_of_life_at().is_some_and(|due| due <= now) && !self.sender.has_output() {
            self.control(link, MessageKind::SignOfLife, &[]);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_timer().map(|(due, _)| due)
    }

    /// The same with its reason.
    pub fn next_timer(&self) -> Option<(Timestamp, Timer)> {
        self.seal.as_ref()?;
        let linked = |due: Option<Timestamp>| due.filter(|_| self.link.is_some());
        let timers = [
            (linked(self.sender.build_at(self.now, &self.settings)), Timer::Flush),
            (linked(self.sender.retransmit_at()), Timer::Retransmit),
            (linked(self.receiver.acknowledge_at()), Timer::Acknowledge),
            (self.paths.ask_at(), Timer::KeepAlive),
            (self.paths.fail_at(), Timer::KeepAliveThreshold),
            (self.sign_of_life_at(), Timer::SignOfLife),
        ];
        timers.iter().filter_map(|(due, timer)| Some(((*due)?, *timer))).min()
    }

    /// What is to be done next; `None` when there is nothing before the next call.
    pub fn poll_output(&mut self) -> Option<SyncOutput<'_>> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        while let Some(delivered) = self.receiver.poll() {
            let Ok(delivered) = delivered else {
                self.counters.refusal(Refusal::Malformed);
                continue;
            };
            let (id, loose) = (delivered.id, delivered.loose);
            match delivered.record {
                Record::Item(kind) => {
                    self.counters.item_received(kind);
                    let payload = self.receiver.payload(delivered.payload);
                    return Some(SyncOutput::Item { kind, id, payload, loose });
                }
                // With gaps in it a join says nothing of what it has not told.
                Record::JoinBegins | Record::JoinEnds if loose => {}
                Record::JoinBegins => {
                    self.joined = false;
                    return Some(SyncOutput::JoinBegins(id as u32));
                }
                Record::JoinEnds => {
                    self.joined = true;
                    return Some(SyncOutput::Joined(id as u32));
                }
                Record::Unknown => self.counters.unknown += 1,
            }
        }
        self.poll_message()
    }

    /// Whether everything that has changed has arrived at the peer.
    pub fn is_quiet(&self) -> bool {
        self.sender.dirty() == 0 && self.sender.in_flight() == 0 && !self.sender.is_joining()
    }

    /// How well the copies follow.
    pub fn status(&self) -> SyncStatus {
        if self.seal.is_none() {
            SyncStatus::NoPeer
        } else if self.stopped {
            SyncStatus::Stopped
        } else if self.link.is_none() {
            SyncStatus::LinkDown
        } else if self.sender.is_joining() || !(self.sending || self.joined) {
            SyncStatus::Incomplete
        } else {
            SyncStatus::Complete
        }
    }

    /// Whether the peer has told everything since it was connected.
    pub const fn peer_has_joined(&self) -> bool {
        self.joined
    }

    /// The link in use.
    pub const fn link(&self) -> Option<HaLinkId> {
        self.link
    }

    /// When something new last came from the peer.
    pub const fn heard_at(&self) -> Option<Timestamp> {
        self.heard_at
    }

    /// What has been sent and received.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How full the way to the peer is.
    pub fn backlog(&self) -> Backlog {
        Backlog {
            dirty: self.sender.dirty(),
            waiting: self.sender.oldest().map(|since| self.now.since(since)).unwrap_or_default(),
            in_flight: self.sender.in_flight(),
            bytes_in_flight: self.sender.bytes_in_flight(),
            behind_gap: self.receiver.behind_gap(),
        }
    }

    /// What `show high-availability state-synchronization` shows.
    pub fn report(&self) -> SynchronizationReport {
        let disabled = if self.seal.is_none() {
            Some("no peer is connected")
        } else if !self.sending {
            Some("device not in active state")
        } else if self.stopped {
            Some("HA2 keep-alive threshold exceeded")
        } else {
            None
        };
        let (status, link) = (self.status(), self.link);
        SynchronizationReport::new(status, disabled, link, &self.counters, &self.backlog())
    }

    fn receive(&mut self, now: Timestamp, link: HaLinkId, message: &[u8]) -> Result<(), Refusal> {
        if !self.paths.carries(link) {
            return Err(Refusal::Link(link));
        }
        let seal = self.seal.as_mut().ok_or(Refusal::NoPeer)?;
        let mut body = self.receiver.spare();
        let (kind, number) = match seal.open(message, &mut body) {
            Ok(opened) => opened,
            Err(refusal) => {
                self.receiver.recycle(body);
                return Err(refusal);
            }
        };
        match kind {
            Some(MessageKind::Batch) => self.receiver.accept(now, number, body)?,
            Some(MessageKind::Acknowledgement) => {
                let acknowledgement = Acknowledgement::parse(&body).ok_or(Refusal::Malformed)?;
                self.sender.acknowledge(now, acknowledgement);
                if let Some(number) = self.sender.joined() {
                    self.events.push_back(SyncOutput::Told(number));
                    self.log(SyncLog::JoinComplete(number));
                }
            }
            Some(MessageKind::KeepAlive) => {
                let view = body.first().copied().ok_or(Refusal::Malformed)?;
                self.paths.handle_view(view);
                self.choose_link();
                self.control(link, MessageKind::KeepAliveReply, &[]);
            }
            Some(MessageKind::KeepAliveReply) => {
                if let Some(event) = self.paths.handle_answer(now, link) {
                    self.path_event(event);
                    self.choose_link();
                }
            }
            Some(MessageKind::SignOfLife) => {}
            None => self.counters.unknown += 1,
        }
        if let Some(kind) = kind {
            self.counters.message_received(kind, message.len());
        }
        Ok(())
    }

    fn poll_message(&mut self) -> Option<SyncOutput<'_>> {
        let now = self.now;
        if let (Some(link), Some(_)) = (self.link, &self.seal)
            && self.receiver.acknowledge_at().is_some_and(|due| due <= now)
        {
            let mut body = vec![0; HEADER];
            self.receiver.acknowledge(&mut body);
            self.controls.push_back((link, MessageKind::Acknowledgement, body));
        }
        if let (Some((link, kind, mut message)), Some(seal)) = (self.controls.pop_front(), &mut self.seal) {
            seal.control(kind, &mut message);
            self.counters.message_sent(kind, message.len());
            self.sent_at = now;
            self.lent = message;
            return Some(SyncOutput::Message { link, bytes: &self.lent });
        }
        let link = self.link?;
        let (sequence, again) = self.sender.poll(now)?;
        let bytes = self.sender.bytes(sequence);
        self.counters.message_sent(MessageKind::Batch, bytes.len());
        self.counters.retransmitted += u64::from(again);
        self.sent_at = now;
        Some(SyncOutput::Message { link, bytes })
    }

    fn control(&mut self, link: HaLinkId, kind: MessageKind, content: &[u8]) {
        if self.controls.len() < MOST_WAITING && self.paths.is_up(link) {
            let mut message = vec![0; HEADER];
            message.extend_from_slice(content);
            self.controls.push_back((link, kind, message));
        }
    }

    fn sign_of_life_at(&self) -> Option<Timestamp> {
        self.link?;
        self.seal.as_ref()?;
        self.settings.sign_of_life.map(|longest| self.sent_at + longest)
    }

    fn begin_join(&mut self) {
        if self.sending && !self.stopped && self.seal.is_some() {
            let number = self.sender.begin_join();
            self.log(SyncLog::JoinBegins(number));
        }
    }

    fn forget_peer(&mut self) {
        self.seal = None;
        self.sender = Sender::new(self.settings.seed);
        self.controls.clear();
        self.stopped = false;
        self.joined = false;
        self.heard_at = None;
    }

    fn path_event(&mut self, event: PathEvent) {
        self.log(match event {
            PathEvent::Failed(link) => SyncLog::KeepAliveFailed(link),
            PathEvent::Recovered(link) => SyncLog::KeepAliveRecovered(link),
        });
    }

    /// Take the best link. What is in flight may have been lost on the one before.
    fn choose_link(&mut self) {
        match self.paths.reach() {
            Reach::Usable(link) => {
                if self.link != Some(link) {
                    self.link = Some(link);
                    self.log(SyncLog::UsesLink(link));
                    self.sender.retransmit_all();
                }
                if self.stopped {
                    self.stopped = false;
                    self.events.push_back(SyncOutput::Resumed);
                    self.log(SyncLog::Resumed);
                    self.begin_join();
                }
            }
            Reach::Down => self.link = None,
            Reach::Failed => {
                self.link = None;
                if !self.stopped && self.seal.is_some() {
                    self.stopped = true;
                    self.sender.end_join();
                    self.sender.forget_dirty();
                    let action = self.settings.keep_alive.map(|setting| setting.action).unwrap_or_default();
                    self.events.push_back(SyncOutput::Lost(action));
                    self.log(SyncLog::Stopped(action));
                }
            }
        }
    }

    fn log(&mut self, log: SyncLog) {
        self.events.push_back(SyncOutput::Log(log));
    }
}
