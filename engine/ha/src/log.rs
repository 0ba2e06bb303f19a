//! What a device of a pair writes to the system log.

use alloc::string::String;

use bifrons_model::Timestamp;

/// How much a record matters (PAN-OS, "System Log Fields").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is to be done.
    Informational,
    /// A trifle.
    Low,
    /// Something to look at.
    Medium,
    /// Something that fails.
    High,
    /// Something that has failed.
    Critical,
}

impl Severity {
    /// The word in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a record is about: the event id of subtype `ha`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HaEvent {
    /// The device is in another state.
    StateChange,
    /// The peer was found or lost, or is in another state.
    ConnectChange,
    /// HA1, its backup or the heartbeat backup went up or down.
    Ha1LinkChange,
    /// HA2 or its backup did.
    Ha2LinkChange,
    /// HA3 did.
    Ha3LinkChange,
    /// Both devices led.
    PeerSplitBrain,
    /// The devices do not fit each other, or do again.
    Mismatch,
    /// Sessions are told, or cannot be.
    SessionSynch,
    /// Monitored links or paths have failed or recovered.
    Monitoring,
    /// An order was given, answered, or not answered.
    StateOrder,
    /// A configuration was brought to the other device, or could not be.
    ConfigSynch,
}

impl HaEvent {
    /// The word in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StateChange => "state-change",
            Self::ConnectChange => "connect-change",
            Self::Ha1LinkChange => "ha1-link-change",
            Self::Ha2LinkChange => "ha2-link-change",
            Self::Ha3LinkChange => "ha3-link-change",
            Self::PeerSplitBrain => "peer-split-brain",
            Self::Mismatch => "mismatch",
            Self::SessionSynch => "session-synch",
            Self::Monitoring => "monitoring",
            Self::StateOrder => "state-order",
            Self::ConfigSynch => "config-synch",
        }
    }
}

/// One record of the system log, subtype `ha`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemRecord {
    /// When it was written.
    pub time: Timestamp,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub event: HaEvent,
    /// What happened, after `HA Group N: `.
    pub text: String,
}
