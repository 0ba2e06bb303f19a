//! The bugs of pairs by name.

/// A bug of a device in a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PairBug {
    /// The second device takes itself for the better one.
    TieBreakWrong,
    /// What the other device tells is not acknowledged.
    AcknowledgementLost,
    /// From some moment on what the other device tells is not taken.
    ToldNotTaken,
    /// After a take-over connections are held to windows of long ago.
    StaleWindow,
    /// After a take-over new sessions get ports that others have.
    PortOverlap,
    /// After a take-over sessions get other ports.
    TranslationChanged,
    /// After a take-over some sessions are logged twice.
    LoggedTwice,
    /// After a take-over some sessions are not logged.
    LogLost,
    /// A take-over is not announced.
    AnnouncementMissing,
    /// A device that has stood down goes on forwarding.
    StandsDownForwards,
    /// The passive device answers questions for the common addresses.
    PassiveAnswers,
    /// Now and then nothing is heard from the other device.
    HeartbeatIgnored,
    /// A suspended device takes part again by itself.
    SuspendedTakesPart,
    /// The second device does not hear of configurations.
    ConfigurationOnOne,
    /// After a take-over packets pass that no rule allows.
    RulesForgotten,
    /// An order of long ago is carried out again.
    OrderReplayed,
    /// A device that has taken over does not hear that the other one leads too.
    SplitBrainStays,
    /// A take-over comes too late.
    TakeOverLate,
    /// A device that has taken over ends the sessions that it has got.
    SessionsDropped,
    /// A device that leads does not notice that a link is down.
    LinkLossIgnored,
    /// The first device takes the lead back without being asked.
    PreemptsUnasked,
    /// Each device that forwards translates by the rules that are bound to the other one.
    BindingsSwapped,
}

impl PairBug {
    /// All bugs.
    pub const ALL: [Self; 22] = [
        Self::TieBreakWrong,
        Self::AcknowledgementLost,
        Self::ToldNotTaken,
        Self::StaleWindow,
        Self::PortOverlap,
        Self::TranslationChanged,
        Self::LoggedTwice,
        Self::LogLost,
        Self::AnnouncementMissing,
        Self::StandsDownForwards,
        Self::PassiveAnswers,
        Self::HeartbeatIgnored,
        Self::SuspendedTakesPart,
        Self::ConfigurationOnOne,
        Self::RulesForgotten,
        Self::OrderReplayed,
        Self::SplitBrainStays,
        Self::TakeOverLate,
        Self::SessionsDropped,
        Self::LinkLossIgnored,
        Self::PreemptsUnasked,
        Self::BindingsSwapped,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TieBreakWrong => "tie-break-wrong",
            Self::AcknowledgementLost => "acknowledgement-lost",
            Self::ToldNotTaken => "told-not-taken",
            Self::StaleWindow => "stale-window",
            Self::PortOverlap => "port-overlap",
            Self::TranslationChanged => "translation-changed",
            Self::LoggedTwice => "logged-twice",
            Self::LogLost => "log-lost",
            Self::AnnouncementMissing => "announcement-missing",
            Self::StandsDownForwards => "stands-down-forwards",
            Self::PassiveAnswers => "passive-answers",
            Self::HeartbeatIgnored => "heartbeat-ignored",
            Self::SuspendedTakesPart => "suspended-takes-part",
            Self::ConfigurationOnOne => "configuration-on-one",
            Self::RulesForgotten => "rules-forgotten",
            Self::OrderReplayed => "order-replayed",
            Self::SplitBrainStays => "split-brain-stays",
            Self::TakeOverLate => "take-over-late",
            Self::SessionsDropped => "sessions-dropped",
            Self::LinkLossIgnored => "link-loss-ignored",
            Self::PreemptsUnasked => "preempts-unasked",
            Self::BindingsSwapped => "bindings-swapped",
        }
    }

    /// A configuration as a device with the bug reads it.
    pub(super) fn misread(self, text: &str) -> String {
        match self {
            Self::TieBreakWrong => text.replace("device-priority 101", "device-priority 50"),
            Self::BindingsSwapped => {
                let [zero, one] = ["binding 0", "binding 1"];
                text.replace(zero, "binding -").replace(one, zero).replace("binding -", one)
            }
            _ => text.to_owned(),
        }
    }
}
