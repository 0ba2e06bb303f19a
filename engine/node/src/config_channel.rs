//! Configuration synchronisation over HA1: connections for a machine that needs messages whole, in order, and
//! cuts that are told.
//!
//! ```text
//! | own connection: 8 | the peer's connection, 0 for unknown: 8 | messages before this one: 4 | message |
//! ```
//!
//! Each device numbers its connections; numbers grow, through restarts too. A message counts where it names
//! the receiver's connection, so none that was sent before a cut arrives after it. One that is missing shows
//! in the count of the next one: then the connection is begun anew. A message of length 0 only tells the
//! numbers; it is sent every two seconds.

use alloc::{collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use bifrons_ha::{
    DeviceId, HaLinkId,
    config_sync::{
        Busy, Compatibility, ConfigLog, ConfigMark, ConfigOutput, ConfigSettings, ConfigState, ConfigSync,
        Refused, Transaction,
    },
};
use bifrons_model::Timestamp;

/// How often the peer is told the numbers.
const BEAT: Duration = Duration::from_secs(2);

/// The longest configuration that is taken from a peer, in bytes.
const LONGEST_TEXT: u32 = 32 << 20;

/// The machine and its connection.
pub(crate) struct ConfigChannel {
    machine: ConfigSync,
    settings: ConfigSettings,
    compatibility: Compatibility,
    /// The link that messages leave by; none where there is no peer.
    link: Option<HaLinkId>,
    /// The number of the own connection.
    own: u64,
    /// The peer's, once it is known; from then on the machine is connected.
    peer: Option<u64>,
    sent: u32,
    received: u32,
    beat_at: Option<Timestamp>,
    outputs: VecDeque<ChannelOutput>,
    /// What the peer says besides.
    asides: VecDeque<Aside>,
}

/// What goes by the same connection and is no configuration.
#[derive(Debug)]
pub(crate) enum Aside {
    /// There is a connection from here on, or none; and which device this is.
    Connected { is_connected: bool, device: DeviceId },
    /// The peer says this.
    Message(Vec<u8>),
}

/// What a message that is no configuration begins with: no version of those that are.
const ASIDE: u8 = 0;

/// What comes out of it.
#[derive(Debug)]
pub(crate) enum ChannelOutput {
    /// Send this to the peer.
    Message { link: HaLinkId, bytes: Vec<u8> },
    /// Check this common part with the device's own lines, and answer.
    Validate { transaction: Transaction, text: Arc<str> },
    /// Run it.
    Apply { transaction: Transaction, mark: ConfigMark, text: Arc<str> },
    /// What was proposed here is done.
    Committed { with_peer: bool },
    /// What was proposed here is not done.
    Refused(Refused),
    /// For the system log.
    Log(ConfigLog),
}

/// The header of a message.
struct Header {
    theirs: u64,
    ours: u64,
    count: u32,
}

impl ConfigChannel {
    /// A device that runs the common part `text` under `mark`; there is no peer yet.
    pub fn new(enabled: bool, software: [u16; 3], mark: ConfigMark, text: Arc<str>) -> Self {
        let settings = ConfigSettings { enabled, device: DeviceId::Zero, longest_text: LONGEST_TEXT };
        let compatibility = Compatibility { software, dataplane_ready: true, ..Compatibility::default() };
        Self {
            machine: ConfigSync::new(settings, compatibility, mark, text),
            settings,
            compatibility,
            link: None,
            own: 0,
            peer: None,
            sent: 0,
            received: 0,
            beat_at: None,
            outputs: VecDeque::new(),
            asides: VecDeque::new(),
        }
    }

    /// `configuration-synchronization enabled`
    pub fn set_enabled(&mut self, now: Timestamp, enabled: bool) {
        if self.settings.enabled != enabled {
            self.settings.enabled = enabled;
            self.machine.handle_settings(now, self.settings, self.compatibility);
            self.follow();
        }
    }

    /// The peer is heard by this link, or by none.
    pub fn set_link(&mut self, now: Timestamp, link: Option<HaLinkId>, device: DeviceId) {
        if self.link != link {
            self.link = link;
            self.settings.device = device;
            self.begin(now);
        }
    }

    /// Runs another configuration that was not agreed with the peer, from which it takes it now if `mark` is
    /// the later one. What was under way is refused.
    pub fn restart(&mut self, now: Timestamp, mark: ConfigMark, text: Arc<str>) {
        // What was about to be done, and to be told, is not.
        self.outputs.clear();
        self.machine.handle_peer(now, false);
        self.follow();
        self.machine = ConfigSync::new(self.settings, self.compatibility, mark, text);
        self.begin(now);
    }

    /// `ConfigSync::propose`
    pub fn propose(&mut self, now: Timestamp, text: Arc<str>) -> Result<Transaction, Busy> {
        let transaction = self.machine.propose(now, text);
        self.follow();
        transaction
    }

    /// `ConfigSync::sync_to_remote`
    pub fn sync_to_remote(&mut self, now: Timestamp) -> Result<Transaction, Refused> {
        let transaction = self.machine.sync_to_remote(now);
        self.follow();
        transaction
    }

    /// Whether the configuration of [`ChannelOutput::Validate`] can run here.
    pub fn answer(&mut self, now: Timestamp, transaction: Transaction, answer: Result<(), String>) {
        let is_valid = answer.is_ok();
        self.machine.handle_answer(now, transaction, answer);
        if is_valid {
            // All that can fail is done when it is validated.
            self.machine.handle_answer(now, transaction, Ok(()));
        }
        self.follow();
    }

    /// A message of the peer's. What is none changes nothing.
    pub fn handle_message(&mut self, now: Timestamp, bytes: &[u8]) {
        let Some((header, message)) = Header::read(bytes).filter(|_| self.link.is_some()) else { return };
        if self.peer.is_some_and(|known| header.theirs < known) {
            return;
        }
        if self.peer != Some(header.theirs) {
            self.meet(now, header.theirs);
        }
        if header.ours != self.own || header.count < self.received {
            return;
        }
        if header.count > self.received {
            return self.begin(now);
        }
        if !message.is_empty() {
            self.received = self.received.wrapping_add(1);
            if let Some((&ASIDE, aside)) = message.split_first() {
                self.asides.push_back(Aside::Message(aside.to_vec()));
                return;
            }
            // A message that is none changes nothing.
            let _ = self.machine.handle_message(now, message);
            self.follow();
        }
    }

    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.machine.handle_timeout(now);
        self.follow();
        if self.beat_at.is_some_and(|due| due <= now) {
            self.beat_at = Some(now + BEAT);
            self.send(&[]);
        }
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        [self.machine.poll_timeout(), self.beat_at].into_iter().flatten().min()
    }

    pub fn poll_output(&mut self) -> Option<ChannelOutput> {
        self.outputs.pop_front()
    }

    /// What the peer says besides.
    pub fn poll_aside(&mut self) -> Option<Aside> {
        self.asides.pop_front()
    }

    /// Says something besides; without a connection nothing.
    pub fn say_aside(&mut self, message: &[u8]) {
        if self.peer.is_some() {
            self.send(&[&[ASIDE], message].concat());
            self.sent = self.sent.wrapping_add(1);
        }
    }

    /// Which device this is for the peer.
    pub const fn device(&self) -> DeviceId {
        self.settings.device
    }

    /// What the operator sees.
    pub fn state(&self) -> ConfigState {
        self.machine.state()
    }

    pub const fn mark(&self) -> ConfigMark {
        self.machine.mark()
    }

    /// The common part that runs here.
    pub const fn text(&self) -> &Arc<str> {
        self.machine.text()
    }

    /// Whether a configuration is on its way from or to the peer.
    pub const fn is_busy(&self) -> bool {
        self.machine.is_busy()
    }

    /// A new connection, by the link that there is.
    fn begin(&mut self, now: Timestamp) {
        self.machine.handle_peer(now, false);
        self.follow();
        self.own = now.as_nanos().max(self.own.saturating_add(1));
        (self.peer, self.sent, self.received) = (None, 0, 0);
        self.tell_connected(false);
        self.beat_at = self.link.map(|_| now + BEAT);
        self.send(&[]);
    }

    /// The peer has another connection than before.
    fn meet(&mut self, now: Timestamp, theirs: u64) {
        self.machine.handle_peer(now, false);
        // What it had still to say went by the old one.
        self.follow();
        (self.peer, self.sent, self.received) = (Some(theirs), 0, 0);
        self.send(&[]);
        self.machine.handle_settings(now, self.settings, self.compatibility);
        self.machine.handle_peer(now, true);
        self.follow();
        self.tell_connected(true);
    }

    fn tell_connected(&mut self, is_connected: bool) {
        let device = self.settings.device;
        self.asides.push_back(Aside::Connected { is_connected, device });
    }

    /// Takes what the machine says.
    fn follow(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            let output = match output {
                ConfigOutput::Message(message) => {
                    self.send(&message);
                    self.sent = self.sent.wrapping_add(1);
                    continue;
                }
                // The answer to the question before stands for this one too.
                ConfigOutput::Prepare { .. } | ConfigOutput::Discard { .. } => continue,
                ConfigOutput::Validate { transaction, text } => ChannelOutput::Validate { transaction, text },
                ConfigOutput::Apply { transaction, mark, text } => {
                    ChannelOutput::Apply { transaction, mark, text }
                }
                ConfigOutput::Committed { transaction: _, with_peer } => {
                    ChannelOutput::Committed { with_peer }
                }
                ConfigOutput::Refused { transaction: _, reason } => ChannelOutput::Refused(reason),
                ConfigOutput::Log(log) => ChannelOutput::Log(log),
            };
            self.outputs.push_back(output);
        }
    }

    fn send(&mut self, message: &[u8]) {
        let Some(link) = self.link else { return };
        let header = Header { theirs: self.own, ours: self.peer.unwrap_or(0), count: self.sent };
        self.outputs.push_back(ChannelOutput::Message { link, bytes: header.write(message) });
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (theirs, bytes) = bytes.split_first_chunk()?;
        let (ours, bytes) = bytes.split_first_chunk()?;
        let (count, message) = bytes.split_first_chunk()?;
        let header = Self {
            theirs: u64::from_be_bytes(*theirs),
            ours: u64::from_be_bytes(*ours),
            count: u32::from_be_bytes(*count),
        };
        Some((header, message))
    }

    fn write(&self, message: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20 + message.len());
        bytes.extend_from_slice(&self.theirs.to_be_bytes());
        bytes.extend_from_slice(&self.ours.to_be_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(message);
        bytes
    }
}
