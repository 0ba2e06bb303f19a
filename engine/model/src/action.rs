//! What a security rule says is to happen.

use crate::FinalAction;

/// The action that a session's rule gave it, as the log's `action` field spells it.
///
/// PAN-OS administrator's guide, "Security policy actions".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// The traffic passes.
    #[default]
    Allow = 0,
    /// Blocked by the application's own deny action.
    Deny = 1,
    /// Discarded without an answer.
    Drop = 2,
    /// Discarded, with an ICMP unreachable to the client.
    DropIcmp = 3,
    /// Ended with a TCP reset to the client.
    ResetClient = 4,
    /// Ended with a TCP reset to the server.
    ResetServer = 5,
    /// Ended with a TCP reset to both sides.
    ResetBoth = 6,
}

impl Action {
    /// Every action, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::Allow,
        Self::Deny,
        Self::Drop,
        Self::DropIcmp,
        Self::ResetClient,
        Self::ResetServer,
        Self::ResetBoth,
    ];

    /// The spelling of configuration and log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Drop => "drop",
            Self::DropIcmp => "drop-icmp",
            Self::ResetClient => "reset-client",
            Self::ResetServer => "reset-server",
            Self::ResetBoth => "reset-both",
        }
    }

    /// The action spelled `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether packets of the session go on to their destination.
    pub const fn passes(self) -> bool {
        matches!(self, Self::Allow)
    }

    /// How the project's table counts this action.
    pub const fn final_action(self) -> FinalAction {
        match self {
            Self::Allow | Self::ResetClient | Self::ResetServer => FinalAction::Allowed,
            Self::Deny | Self::Drop | Self::DropIcmp | Self::ResetBoth => FinalAction::Blocked,
        }
    }
}

/// Where the action came from, as the log's `action_source` field spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ActionSource {
    /// The rule.
    #[default]
    Policy = 0,
    /// The application's own deny action.
    Application = 1,
}

impl ActionSource {
    /// The log's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "from-policy",
            Self::Application => "from-application",
        }
    }
}
