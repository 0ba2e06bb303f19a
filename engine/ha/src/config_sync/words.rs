//! What the operator reads about configuration synchronisation.

use alloc::string::String;
use core::fmt;

use thiserror::Error;

use super::Block;
use crate::Severity;

/// How the running configurations of the two devices relate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigState {
    /// Switched off on this device.
    Disabled,
    /// There is no peer, or it has not said yet what it runs.
    Unknown,
    /// One is on its way.
    InProgress,
    /// Both are the same.
    Synchronized,
    /// They differ.
    NotSynchronized(Difference),
}

/// Why two configurations differ and stay so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Nothing more is known; the peer is about to act.
    Unequal,
    /// The connection was cut after this device had agreed to a configuration and before it heard whether to
    /// apply it.
    InDoubt,
    /// The devices do not fit together.
    Blocked(Block),
    /// This device cannot take the peer's.
    RefusedHere(String),
    /// The peer cannot take this device's.
    RefusedByPeer(String),
}

impl ConfigState {
    /// As in `Running Configuration: …` of `show high-availability all`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Unknown => "unknown",
            Self::InProgress => "synchronization in progress",
            Self::Synchronized => "synchronized",
            Self::NotSynchronized(_) => "not synchronized",
        }
    }
}

impl fmt::Display for ConfigState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Disabled | Self::Unknown | Self::InProgress | Self::Synchronized => Ok(()),
            Self::NotSynchronized(Difference::Unequal) => Ok(()),
            Self::NotSynchronized(Difference::InDoubt) => f.write_str(" (cut while the peer committed)"),
            Self::NotSynchronized(Difference::Blocked(block)) => write!(f, " ({})", block.text()),
            Self::NotSynchronized(Difference::RefusedHere(reason)) => {
                write!(f, " (refused by this device: {reason})")
            }
            Self::NotSynchronized(Difference::RefusedByPeer(reason)) => {
                write!(f, " (refused by the peer: {reason})")
            }
        }
    }
}

/// Why a commit was made on neither device.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// This device cannot apply it.
    #[error("{0}")]
    Here(String),
    /// The peer cannot.
    #[error("the peer refuses: {0}")]
    Peer(String),
    /// The peer commits at the same time, and goes first.
    #[error("the peer commits at the same time")]
    PeerCommits,
    /// The connection was cut.
    #[error("the connection to the peer is lost")]
    PeerLost,
    /// The peer did not answer.
    #[error("the peer does not answer")]
    TimedOut,
    /// The devices do not fit together.
    #[error("{}", .0.text())]
    Blocked(Block),
    /// Another configuration is on its way.
    #[error("configuration synchronization is in progress")]
    Busy,
}

/// What the system log is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigLog {
    /// The peer is brought to the configuration of this generation.
    BringsPeer(u32),
    /// This device has applied the peer's configuration of this generation.
    AppliedFromPeer(u32),
    /// A commit of this device, made while the peer could not be reached, gave way to the peer's.
    Replaced(u32),
    /// This device cannot take the peer's configuration.
    RefusedHere(String),
    /// Cut after agreeing to this generation.
    InDoubt(u32),
}

impl ConfigLog {
    /// How much it matters.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::BringsPeer(_) | Self::AppliedFromPeer(_) => Severity::Informational,
            Self::InDoubt(_) => Severity::Medium,
            Self::Replaced(_) | Self::RefusedHere(_) => Severity::High,
        }
    }
}

impl fmt::Display for ConfigLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BringsPeer(generation) => {
                write!(f, "Running configuration {generation} is sent to the peer")
            }
            Self::AppliedFromPeer(generation) => {
                write!(f, "Running configuration {generation} of the peer is applied")
            }
            Self::Replaced(generation) => {
                write!(f, "Running configuration {generation} of this device gives way to the peer's")
            }
            Self::RefusedHere(reason) => write!(f, "The peer's configuration cannot be applied: {reason}"),
            Self::InDoubt(generation) => {
                write!(f, "Connection lost while the peer committed configuration {generation}")
            }
        }
    }
}
