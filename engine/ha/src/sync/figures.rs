//! What is counted and what the system log is told.

use core::{fmt, time::Duration};

use bifrons_config::typed::KeepAliveAction;
use serde::Serialize;

use super::{ItemKind, Refusal, seal::MessageKind};
use crate::{HaEvent, HaLinkId, Severity};

/// What has been sent and received since the machine was made; every kind is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    messages: [Both; 5],
    items: [Both; 9],
    /// Batches that were sent again.
    pub retransmitted: u64,
    /// Items that were not sent because they do not fit into a message.
    pub oversized: u64,
    /// Items and messages of kinds that only a newer peer knows.
    pub unknown: u64,
    /// Messages that changed nothing because they had come before.
    pub repeated: u64,
    /// Messages that were not the peer's or of another connection.
    pub refused: u64,
    /// Times that changes had to wait because the peer did not keep up.
    pub window_full: u64,
    /// Times that so much waited that everything is told anew instead.
    pub overflows: u64,
    /// Bytes of all messages sent.
    pub bytes_sent: u64,
    /// Bytes of all messages of the peer.
    pub bytes_received: u64,
}

/// Sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Both {
    /// To the peer.
    pub sent: u64,
    /// From the peer.
    pub received: u64,
}

impl Counters {
    /// The messages of one kind.
    pub fn messages(&self, kind: MessageKind) -> Both {
        self.messages.get(kind as usize).copied().unwrap_or_default()
    }

    /// The items of one kind.
    pub fn items(&self, kind: ItemKind) -> Both {
        self.items.get(kind as usize).copied().unwrap_or_default()
    }

    pub(super) fn message_sent(&mut self, kind: MessageKind, bytes: usize) {
        self.bytes_sent += bytes as u64;
        if let Some(both) = self.messages.get_mut(kind as usize) {
            both.sent += 1;
        }
    }

    pub(crate) fn message_received(&mut self, kind: MessageKind, bytes: usize) {
        self.bytes_received += bytes as u64;
        if let Some(both) = self.messages.get_mut(kind as usize) {
            both.received += 1;
        }
    }

    pub(crate) fn item_sent(&mut self, kind: ItemKind) {
        if let Some(both) = self.items.get_mut(kind as usize) {
            both.sent += 1;
        }
    }

    pub(super) fn item_received(&mut self, kind: ItemKind) {
        if let Some(both) = self.items.get_mut(kind as usize) {
            both.received += 1;
        }
    }

    pub(super) const fn refusal(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Repeated(_) | Refusal::Replayed(_) => self.repeated += 1,
            Refusal::Link(_)
            | Refusal::NoPeer
            | Refusal::Truncated
            | Refusal::Version(_)
            | Refusal::Epoch { .. }
            | Refusal::Forged
            | Refusal::BeyondWindow(_)
            | Refusal::Malformed => self.refused += 1,
        }
    }
}

/// How full the way to the peer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Entries that have changed and are in no batch yet.
    pub dirty: usize,
    /// How long the oldest of them has waited.
    pub waiting: Duration,
    /// Batches that the peer has not acknowledged.
    pub in_flight: usize,
    /// Their bytes.
    pub bytes_in_flight: usize,
    /// The peer's batches that wait for an earlier one.
    pub behind_gap: usize,
}

/// How well the peer's copy follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyncStatus {
    /// There is no peer.
    NoPeer,
    /// No link leads to it.
    LinkDown,
    /// Keep-alives stay unanswered; nothing is told.
    Stopped,
    /// Everything is being told.
    Incomplete,
    /// Everything was told, and changes are.
    Complete,
}

impl SyncStatus {
    /// The words that the operator sees.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPeer => "No peer",
            Self::LinkDown => "HA2 link down",
            Self::Stopped => "Stopped",
            Self::Incomplete => "Incomplete",
            Self::Complete => "Complete",
        }
    }
}

/// What the system log is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncLog {
    /// An HA2 link has a carrier again.
    LinkUp(HaLinkId),
    /// It has lost it.
    LinkDown(HaLinkId),
    /// Messages travel over this link now.
    UsesLink(HaLinkId),
    /// Keep-alives on this link stay unanswered.
    KeepAliveFailed(HaLinkId),
    /// They are answered again.
    KeepAliveRecovered(HaLinkId),
    /// No link is left: what happens, after the setting.
    Stopped(KeepAliveAction),
    /// State is told again.
    Resumed,
    /// Everything is told to the peer.
    JoinBegins(u32),
    /// The peer has everything.
    JoinComplete(u32),
    /// The peer did not keep up; everything is told anew.
    Overflow,
}

impl SyncLog {
    /// How much it matters.
    pub const fn severity(self) -> Severity {
        match self {
            Self::LinkUp(_)
            | Self::UsesLink(_)
            | Self::KeepAliveRecovered(_)
            | Self::Resumed
            | Self::JoinBegins(_)
            | Self::JoinComplete(_) => Severity::Informational,
            Self::Overflow => Severity::Medium,
            Self::LinkDown(_) => Severity::High,
            Self::KeepAliveFailed(_) | Self::Stopped(_) => Severity::Critical,
        }
    }

    /// What it is about.
    pub const fn event(self) -> HaEvent {
        match self {
            Self::LinkUp(_)
            | Self::LinkDown(_)
            | Self::UsesLink(_)
            | Self::KeepAliveFailed(_)
            | Self::KeepAliveRecovered(_) => HaEvent::Ha2LinkChange,
            Self::Stopped(_)
            | Self::Resumed
            | Self::JoinBegins(_)
            | Self::JoinComplete(_)
            | Self::Overflow => HaEvent::SessionSynch,
        }
    }
}

impl fmt::Display for SyncLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkUp(link) => write!(f, "{} link up", link.name()),
            Self::LinkDown(link) => write!(f, "{} link down", link.name()),
            Self::UsesLink(link) => write!(f, "State synchronization uses {}", link.name()),
            Self::KeepAliveFailed(link) => write!(f, "{} keep-alive threshold exceeded", link.name()),
            Self::KeepAliveRecovered(link) => write!(f, "{} keep-alive answered again", link.name()),
            Self::Stopped(KeepAliveAction::LogOnly) => f.write_str("State synchronization stopped"),
            Self::Stopped(KeepAliveAction::SplitDatapath) => {
                f.write_str("State synchronization stopped, each device goes on with sessions of its own")
            }
            Self::Resumed => f.write_str("State synchronization resumed"),
            Self::JoinBegins(_) => f.write_str("Synchronizing all state to the peer"),
            Self::JoinComplete(_) => f.write_str("State synchronization to the peer is complete"),
            Self::Overflow => f.write_str("The peer does not keep up, synchronizing all state anew"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_their_tables_at_their_own_place() {
        assert!(ItemKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
        assert!(MessageKind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
    }
}
