//! One configuration on two devices, over HA1: both apply a change or neither does.
//!
//! ```text
//!              propose                                    peer's vote: yes, own check: yes
//!   idle ─────────────────► proposing (check here, pieces ─────────────────────────────► idle
//!    │  ◄──────────────────  and vote over there)           Apply here, then tell the peer
//!    │   refused, cut, late
//!    │
//!    │   Propose comes                          all pieces, check: yes        Apply comes
//!    └───────────────────► following (receiving ───────────────────► voted) ────────────► idle
//!        ◄───────────────────────────────────────────────────────────┘         Apply here
//!          check: no; Abort comes; cut (the vote binds nobody: nothing is applied)
//! ```
//!
//! A cut between the two applications leaves the proposer ahead. That state has a name, *not synchronized*,
//! and heals: when the devices meet again they compare what runs, and the one whose commit is the later one
//! brings the other to it. Later is the higher generation; between equal ones, of devices that committed
//! apart from each other, the later time of the commit, then the greater digest. Both devices find the same
//! one.

use alloc::{collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use bifrons_model::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{ConfigurationMark, DeviceId};

mod compatibility;
mod filter;
mod message;
mod runtime;
mod words;

#[cfg(test)]
mod tests;

pub use compatibility::{Block, Compatibility};
pub use filter::Common;
pub use runtime::{RuntimeKind, RuntimeOutput, RuntimeSettings, RuntimeState};
pub use words::{ConfigLog, ConfigState, Difference, Refused};

use message::{Message, PIECE, Read};

/// How long a peer may take to check a configuration.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which configuration runs, as far as both devices have it in common. The greater one is the later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigMark {
    /// Grows with every commit of either device.
    pub generation: u32,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Of the common part's text.
    pub digest: u64,
}

impl ConfigMark {
    /// The digest of a common part: the first eight bytes of its SHA-256.
    pub fn digest_of(text: &str) -> u64 {
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
    }
}

/// What the hello tells of it.
impl From<ConfigMark> for ConfigurationMark {
    fn from(mark: ConfigMark) -> Self {
        Self { generation: mark.generation, digest: mark.digest }
    }
}

/// How a [`ConfigSync`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigSettings {
    /// `configuration-synchronization enabled`
    pub enabled: bool,
    /// Which device this is; of two that propose at once, device 0 goes on.
    pub device: DeviceId,
    /// The longest text that is taken from the peer, in bytes.
    pub longest_text: u32,
}

/// A configuration's number among those proposed; it names what questions and answers are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transaction(u64);

/// What the driver must do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigOutput {
    /// Send over HA1.
    Message(Vec<u8>),
    /// Check this common part together with the device's own lines; answer by [`ConfigSync::handle_answer`].
    Validate {
        /// To be named in the answer.
        transaction: Transaction,
        /// The common part.
        text: Arc<str>,
    },
    /// Do all that can fail, so that applying cannot; answer likewise.
    Prepare {
        /// The one that was validated.
        transaction: Transaction,
    },
    /// Make it the running configuration and keep it with its mark through a restart.
    Apply {
        /// The one that was prepared.
        transaction: Transaction,
        /// What [`ConfigSync::new`] is to be given after a restart.
        mark: ConfigMark,
        /// The common part.
        text: Arc<str>,
    },
    /// Forget what was validated or prepared.
    Discard {
        /// The one.
        transaction: Transaction,
    },
    /// The commit that was proposed here is done.
    Committed {
        /// The one that [`ConfigSync::propose`] gave.
        transaction: Transaction,
        /// Whether the peer was told to apply it too; else it is brought to it later.
        with_peer: bool,
    },
    /// The commit that was proposed here is not done, on neither device.
    Refused {
        /// The one that [`ConfigSync::propose`] gave.
        transaction: Transaction,
        /// Why.
        reason: Refused,
    },
    /// For the system log.
    Log(ConfigLog),
}

/// Another configuration is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("configuration synchronization is in progress")]
pub struct Busy;

/// The peer has sent what is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("malformed configuration synchronization message")]
pub struct MalformedMessage;

/// The machine. After each `handle_*`, [`Self::propose`] and [`Self::sync_to_remote`] take
/// [`Self::poll_output`] until it is empty. A cut of HA1 is told, and messages sent before it never arrive
/// after it.
pub struct ConfigSync {
    settings: ConfigSettings,
    compatibility: Compatibility,
    mark: ConfigMark,
    text: Arc<str>,
    peer: Option<Peer>,
    role: Role,
    /// Why the two differ, if something is known about it.
    difference: Option<Difference>,
    /// The generation of a commit that only this device has made.
    apart: Option<u32>,
    transactions: u64,
    outputs: VecDeque<ConfigOutput>,
}

/// A connected peer; until its status has come nothing is known of it.
#[derive(Default)]
struct Peer {
    status: Option<Status>,
    /// What the peer has refused to be brought to.
    refused: Option<ConfigMark>,
}

#[derive(Clone, Copy)]
struct Status {
    mark: ConfigMark,
    compatibility: Compatibility,
    enabled: bool,
}

enum Role {
    Idle,
    Proposing(Proposal),
    Following(Following),
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Validating,
    Preparing,
    Done,
}

struct Proposal {
    transaction: Transaction,
    mark: ConfigMark,
    text: Arc<str>,
    /// A commit, to be applied here too; else the peer is brought to what runs here.
    commit: bool,
    check: Check,
    vote: Vote,
    give_up_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    /// There is nobody to ask.
    NotAsked,
    /// So many bytes of the text have been sent.
    Telling(usize),
    Awaited,
    Yes,
}

struct Following {
    transaction: Transaction,
    mark: ConfigMark,
    length: usize,
    received: Vec<u8>,
    text: Option<Arc<str>>,
    check: Check,
}

impl ConfigSync {
    /// A device that runs the common part `text` under `mark`, as it was last applied.
    pub fn new(
        settings: ConfigSettings,
        compatibility: Compatibility,
        mark: ConfigMark,
        text: Arc<str>,
    ) -> Self {
        Self {
            settings,
            compatibility,
            mark,
            text,
            peer: None,
            role: Role::Idle,
            difference: None,
            apart: None,
            transactions: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Propose a commit: `text` is the common part. With a peer that can follow both apply it or neither
    /// does; alone, this device does and the peer is brought to it when it can.
    pub fn propose(&mut self, now: Timestamp, text: Arc<str>) -> Result<Transaction, Busy> {
        let with_peer = self.peer_status().is_some_and(|status| status.mark.digest == self.mark.digest)
            && self.block().is_none();
        self.open_commit(now, text, with_peer, with_peer.then_some(self.mark.digest))
    }

    /// `request high-availability sync-to-remote running-config`: the peer gets what runs here, whatever
    /// runs there.
    pub fn sync_to_remote(&mut self, now: Timestamp) -> Result<Transaction, Refused> {
        let Some(_) = self.peer_status() else { return Err(Refused::PeerLost) };
        if let Some(block) = self.block() {
            return Err(Refused::Blocked(block));
        }
        let text = Arc::clone(&self.text);
        self.open_commit(now, text, true, None).map_err(|_| Refused::Busy)
    }

    /// HA1 connects the devices, or no longer does.
    pub fn handle_peer(&mut self, now: Timestamp, connected: bool) {
        if self.peer.take().is_some() {
            self.abandon();
        }
        if connected {
            self.peer = Some(Peer::default());
            self.tell_status();
        }
        self.settle(now);
    }

    /// Other settings or capabilities. What is under way goes on.
    pub fn handle_settings(
        &mut self,
        now: Timestamp,
        settings: ConfigSettings,
        compatibility: Compatibility,
    ) {
        (self.settings, self.compatibility) = (settings, compatibility);
        self.tell_status();
        self.settle(now);
    }

    /// The answer to [`ConfigOutput::Validate`] or [`ConfigOutput::Prepare`]; one that comes late is ignored.
    pub fn handle_answer(&mut self, now: Timestamp, transaction: Transaction, answer: Result<(), String>) {
        let check = match &mut self.role {
            Role::Proposing(proposal) if proposal.transaction == transaction => &mut proposal.check,
            Role::Following(following) if following.transaction == transaction => &mut following.check,
            Role::Idle | Role::Proposing(_) | Role::Following(_) => return,
        };
        match (answer, *check) {
            (_, Check::Done) => {}
            (Err(reason), Check::Validating | Check::Preparing) => self.check_failed(reason),
            (Ok(()), Check::Validating) => {
                *check = Check::Preparing;
                self.outputs.push_back(ConfigOutput::Prepare { transaction });
            }
            (Ok(()), Check::Preparing) => {
                *check = Check::Done;
                if let Role::Following(_) = self.role {
                    self.send(&Message::Vote { transaction: transaction.0, refused: None });
                }
                self.decide();
            }
        }
        self.settle(now);
    }

    /// A message has come over HA1.
    pub fn handle_message(&mut self, now: Timestamp, message: &[u8]) -> Result<(), MalformedMessage> {
        let message = match Message::read(message) {
            Read::Known(message) if self.peer.is_some() => message,
            Read::Known(_) | Read::Unknown => return Ok(()),
            Read::Malformed => return Err(MalformedMessage),
        };
        match message {
            Message::Status { mark, compatibility, enabled } => {
                self.peer =
                    Some(Peer { status: Some(Status { mark, compatibility, enabled }), refused: None });
            }
            Message::Propose { transaction, mark, base, length } => {
                self.follow(Transaction(transaction), mark, base, length);
            }
            Message::Piece { transaction, bytes } => self.receive(Transaction(transaction), &bytes),
            Message::Vote { transaction, refused } => self.voted(Transaction(transaction), refused),
            Message::Apply { transaction } => self.apply_followed(Transaction(transaction)),
            Message::Abort { transaction } => {
                if self.is_following(Transaction(transaction)) {
                    self.stop_following();
                }
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Give up a proposal that the peer does not answer.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.refuse(Refused::TimedOut);
            self.settle(now);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match &self.role {
            Role::Proposing(proposal) if proposal.vote != Vote::NotAsked => Some(proposal.give_up_at),
            Role::Idle | Role::Proposing(_) | Role::Following(_) => None,
        }
    }

    /// What is to be done next. Pieces of a text are made one by one here.
    pub fn poll_output(&mut self) -> Option<ConfigOutput> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let Role::Proposing(proposal) = &mut self.role else { return None };
        let Vote::Telling(sent) = proposal.vote else { return None };
        let rest = proposal.text.as_bytes().get(sent..)?;
        let piece = rest.get(..PIECE).unwrap_or(rest);
        proposal.vote =
            if piece.len() == rest.len() { Vote::Awaited } else { Vote::Telling(sent + piece.len()) };
        let message = Message::Piece { transaction: proposal.transaction.0, bytes: Vec::from(piece) };
        Some(ConfigOutput::Message(message.write()))
    }

    /// The common part that runs here.
    pub const fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Whether a configuration is on its way from or to the peer; then no other one can be proposed.
    pub const fn is_busy(&self) -> bool {
        !matches!(self.role, Role::Idle)
    }

    /// What runs here.
    pub const fn mark(&self) -> ConfigMark {
        self.mark
    }

    /// The state that the operator sees.
    pub fn state(&self) -> ConfigState {
        if !self.settings.enabled {
            return ConfigState::Disabled;
        }
        let in_progress = match &self.role {
            Role::Idle => false,
            Role::Proposing(proposal) => proposal.vote != Vote::NotAsked,
            Role::Following(_) => true,
        };
        let Some(status) = self.peer_status() else {
            return match &self.difference {
                Some(difference @ Difference::InDoubt) => ConfigState::NotSynchronized(difference.clone()),
                Some(_) | None => ConfigState::Unknown,
            };
        };
        if in_progress {
            ConfigState::InProgress
        } else if let Some(block) = self.block() {
            ConfigState::NotSynchronized(Difference::Blocked(block))
        } else if status.mark.digest == self.mark.digest {
            ConfigState::Synchronized
        } else {
            ConfigState::NotSynchronized(self.difference.clone().unwrap_or(Difference::Unequal))
        }
    }

    fn open_commit(
        &mut self,
        now: Timestamp,
        text: Arc<str>,
        with_peer: bool,
        base: Option<u64>,
    ) -> Result<Transaction, Busy> {
        let Role::Idle = self.role else { return Err(Busy) };
        let known = self.peer_status().map_or(0, |status| status.mark.generation);
        let generation = self.mark.generation.max(known).saturating_add(1);
        let mark = ConfigMark { generation, committed_at: now, digest: ConfigMark::digest_of(&text) };
        let transaction = self.open(now, mark, Arc::clone(&text), base, with_peer, true);
        self.outputs.push_back(ConfigOutput::Validate { transaction, text });
        Ok(transaction)
    }

    fn open(
        &mut self,
        now: Timestamp,
        mark: ConfigMark,
        text: Arc<str>,
        base: Option<u64>,
        with_peer: bool,
        commit: bool,
    ) -> Transaction {
        self.transactions += 1;
        let transaction = Transaction(self.transactions << 1 | u64::from(self.settings.device.number()));
        if with_peer {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            self.send(&Message::Propose { transaction: transaction.0, mark, base, length });
        }
        let vote = if with_peer { Vote::Telling(0) } else { Vote::NotAsked };
        let check = if commit { Check::Validating } else { Check::Done };
        let give_up_at = now + PATIENCE;
        self.role = Role::Proposing(Proposal { transaction, mark, text, commit, check, vote, give_up_at });
        transaction
    }

    /// Apply the own proposal when nothing is missing.
    fn decide(&mut self) {
        let Role::Proposing(proposal) = &self.role else { return };
        let agreed = match proposal.vote {
            Vote::Yes | Vote::NotAsked => proposal.check == Check::Done,
            Vote::Telling(_) | Vote::Awaited => false,
        };
        if !agreed {
            return;
        }
        let Role::Proposing(proposal) = core::mem::replace(&mut self.role, Role::Idle) else { return };
        let (transaction, with_peer) = (proposal.transaction, proposal.vote == Vote::Yes);
        if proposal.commit {
            self.apply(transaction, proposal.mark, proposal.text);
            self.apart = (!with_peer).then_some(proposal.mark.generation);
        }
        // Only now: what the peer applies is kept here already.
        if with_peer {
            self.send(&Message::Apply { transaction: transaction.0 });
            self.peer_runs(proposal.mark);
        }
        if proposal.commit {
            self.outputs.push_back(ConfigOutput::Committed { transaction, with_peer });
        }
        self.tell_status();
    }

    fn apply(&mut self, transaction: Transaction, mark: ConfigMark, text: Arc<str>) {
        (self.mark, self.text) = (mark, Arc::clone(&text));
        self.difference = None;
        self.outputs.push_back(ConfigOutput::Apply { transaction, mark, text });
    }

    /// The peer proposes. Of two that propose at once, device 0 goes on.
    fn follow(&mut self, transaction: Transaction, mark: ConfigMark, base: Option<u64>, length: u32) {
        let refused = match &self.role {
            _ if self.block().is_some() => Some("blocked"),
            Role::Proposing(proposal) if proposal.vote == Vote::NotAsked => Some("a commit is in progress"),
            Role::Proposing(_) if self.settings.device == DeviceId::Zero => Some("a commit is in progress"),
            Role::Following(_) => Some("another configuration is being checked"),
            Role::Idle | Role::Proposing(_) if length > self.settings.longest_text => Some("it is too long"),
            Role::Idle | Role::Proposing(_) if base.is_some_and(|base| base != self.mark.digest) => {
                Some("the configurations are not in sync")
            }
            Role::Idle | Role::Proposing(_) => None,
        };
        if let Some(reason) = refused {
            self.send(&Message::Vote { transaction: transaction.0, refused: Some(reason.into()) });
            return;
        }
        self.refuse(Refused::PeerCommits);
        let following = Following {
            transaction,
            mark,
            length: length as usize,
            received: Vec::new(),
            text: None,
            check: Check::Validating,
        };
        self.role = Role::Following(following);
        self.receive(transaction, &[]);
    }

    fn receive(&mut self, transaction: Transaction, bytes: &[u8]) {
        let Role::Following(following) = &mut self.role else { return };
        if following.transaction != transaction || following.text.is_some() {
            return;
        }
        following.received.extend_from_slice(bytes);
        if following.received.len() < following.length {
            return;
        }
        let text = String::from_utf8(core::mem::take(&mut following.received)).ok();
        let whole = text.filter(|text| {
            text.len() == following.length && ConfigMark::digest_of(text) == following.mark.digest
        });
        let Some(text) = whole else {
            self.check_failed("the text is not what was announced".into());
            return;
        };
        let text: Arc<str> = text.into();
        following.text = Some(Arc::clone(&text));
        self.outputs.push_back(ConfigOutput::Validate { transaction, text });
    }

    fn voted(&mut self, transaction: Transaction, refused: Option<String>) {
        let Role::Proposing(proposal) = &mut self.role else { return };
        if proposal.transaction != transaction {
            return;
        }
        match refused {
            Some(reason) => {
                if let (false, Some(peer)) = (proposal.commit, &mut self.peer) {
                    peer.refused = Some(proposal.mark);
                    self.difference = Some(Difference::RefusedByPeer(reason.clone()));
                }
                self.refuse(Refused::Peer(reason));
            }
            // A vote before the whole text has been sent is worth nothing.
            None if proposal.vote == Vote::Awaited => {
                proposal.vote = Vote::Yes;
                self.decide();
            }
            None => {}
        }
    }

    fn apply_followed(&mut self, transaction: Transaction) {
        let ready = match &self.role {
            Role::Following(following) => {
                following.transaction == transaction && following.check == Check::Done
            }
            Role::Idle | Role::Proposing(_) => false,
        };
        if !ready {
            return;
        }
        if let Role::Following(Following { mark, text: Some(text), .. }) =
            core::mem::replace(&mut self.role, Role::Idle)
        {
            if let Some(generation) = self.apart.take() {
                self.outputs.push_back(ConfigOutput::Log(ConfigLog::Replaced(generation)));
            }
            self.apply(transaction, mark, text);
            self.peer_runs(mark);
            self.outputs.push_back(ConfigOutput::Log(ConfigLog::AppliedFromPeer(mark.generation)));
            self.tell_status();
        }
    }

    fn is_following(&self, transaction: Transaction) -> bool {
        match &self.role {
            Role::Following(following) => following.transaction == transaction,
            Role::Idle | Role::Proposing(_) => false,
        }
    }

    fn stop_following(&mut self) {
        if let Role::Following(following) = core::mem::replace(&mut self.role, Role::Idle)
            && following.text.is_some()
        {
            self.outputs.push_back(ConfigOutput::Discard { transaction: following.transaction });
        }
    }

    /// This device cannot take the configuration.
    fn check_failed(&mut self, reason: String) {
        match &self.role {
            Role::Idle => {}
            Role::Proposing(_) => self.refuse(Refused::Here(reason)),
            Role::Following(following) => {
                let transaction = following.transaction;
                self.send(&Message::Vote { transaction: transaction.0, refused: Some(reason.clone()) });
                self.outputs.push_back(ConfigOutput::Log(ConfigLog::RefusedHere(reason.clone())));
                self.difference = Some(Difference::RefusedHere(reason));
                self.stop_following();
            }
        }
    }

    /// The own proposal comes to nothing.
    fn refuse(&mut self, reason: Refused) {
        let Role::Proposing(_) = &self.role else { return };
        let Role::Proposing(proposal) = core::mem::replace(&mut self.role, Role::Idle) else { return };
        let transaction = proposal.transaction;
        if proposal.vote != Vote::NotAsked {
            self.send(&Message::Abort { transaction: transaction.0 });
        }
        if proposal.commit {
            self.outputs.push_back(ConfigOutput::Discard { transaction });
            self.outputs.push_back(ConfigOutput::Refused { transaction, reason });
            // A peer that waited to bring its own configuration may try again.
            self.tell_status();
        }
    }

    /// The connection is cut: nothing that needs it goes on.
    fn abandon(&mut self) {
        match &self.role {
            Role::Idle => {}
            Role::Proposing(proposal) if proposal.vote == Vote::NotAsked => {}
            Role::Proposing(_) => self.refuse(Refused::PeerLost),
            Role::Following(following) => {
                if following.check == Check::Done {
                    self.difference = Some(Difference::InDoubt);
                    self.outputs.push_back(ConfigOutput::Log(ConfigLog::InDoubt(following.mark.generation)));
                }
                self.stop_following();
            }
        }
    }

    /// When nothing is under way: bring the peer to what runs here if that is the later one. What no commit
    /// made, generation 0, is brought to nobody: of two devices that have just begun none is the later one.
    fn settle(&mut self, now: Timestamp) {
        let (Role::Idle, None, Some(status)) = (&self.role, self.block(), self.peer_status()) else { return };
        if status.mark.digest == self.mark.digest {
            self.mark = self.mark.max(status.mark);
            self.difference = None;
            self.apart = None;
            return;
        }
        let refused = self.peer.as_ref().and_then(|peer| peer.refused);
        let is_later = self.mark.generation > 0 && self.mark > status.mark;
        if is_later && refused != Some(self.mark) {
            self.outputs.push_back(ConfigOutput::Log(ConfigLog::BringsPeer(self.mark.generation)));
            self.open(now, self.mark, Arc::clone(&self.text), None, true, false);
        }
    }

    fn block(&self) -> Option<Block> {
        let status = self.peer_status()?;
        if !(self.settings.enabled && status.enabled) {
            return Some(Block::Disabled);
        }
        self.compatibility.block(&status.compatibility)
    }

    /// What the peer runs is known before it says so.
    fn peer_runs(&mut self, mark: ConfigMark) {
        if let Some(status) = self.peer.as_mut().and_then(|peer| peer.status.as_mut()) {
            status.mark = mark;
        }
    }

    fn peer_status(&self) -> Option<Status> {
        self.peer.as_ref().and_then(|peer| peer.status)
    }

    fn tell_status(&mut self) {
        let (mark, compatibility) = (self.mark, self.compatibility);
        self.send(&Message::Status { mark, compatibility, enabled: self.settings.enabled });
    }

    fn send(&mut self, message: &Message) {
        if self.peer.is_some() {
            self.outputs.push_back(ConfigOutput::Message(message.write()));
        }
    }
}
