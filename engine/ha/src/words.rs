//! The words that all machines of the pair share.

use serde::Serialize;

/// A link between the two devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaLinkId {
    /// The control link: hellos, heartbeats, configuration.
    Ha1,
    /// Another way for the same.
    Ha1Backup,
    /// Hellos and heartbeats over the management ports.
    HeartbeatBackup,
    /// The data link: sessions.
    Ha2,
    /// Another way for the same.
    Ha2Backup,
    /// Whole packets for the other device.
    Ha3,
}

impl HaLinkId {
    /// All links.
    pub const ALL: [Self; 6] =
        [Self::Ha1, Self::Ha1Backup, Self::HeartbeatBackup, Self::Ha2, Self::Ha2Backup, Self::Ha3];

    /// The name that the operator knows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ha1 => "ha1",
            Self::Ha1Backup => "ha1-backup",
            Self::HeartbeatBackup => "heartbeat-backup",
            Self::Ha2 => "ha2",
            Self::Ha2Backup => "ha2-backup",
            Self::Ha3 => "ha3",
        }
    }
}

/// What a device is in its pair (PAN-OS, "HA Firewall States").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HaState {
    /// It looks for its peer.
    #[default]
    Initial,
    /// Active/passive: it forwards.
    Active,
    /// Active/passive: it is ready.
    Passive,
    /// Active/active: it forwards and leads.
    ActivePrimary,
    /// Active/active: it forwards.
    ActiveSecondary,
    /// Active/active: it comes back from a failure; the peer owns and sets up its sessions.
    Tentative,
    /// It cannot take part.
    NonFunctional,
    /// It was told not to take part.
    Suspended,
}

impl HaState {
    /// All states.
    pub const ALL: [Self; 8] = [
        Self::Initial,
        Self::Active,
        Self::Passive,
        Self::ActivePrimary,
        Self::ActiveSecondary,
        Self::Tentative,
        Self::NonFunctional,
        Self::Suspended,
    ];

    /// The word that the operator sees.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Active => "active",
            Self::Passive => "passive",
            Self::ActivePrimary => "active-primary",
            Self::ActiveSecondary => "active-secondary",
            Self::Tentative => "tentative",
            Self::NonFunctional => "non-functional",
            Self::Suspended => "suspended",
        }
    }

    /// Whether the device can forward or take over (PAN-OS, "Failover").
    pub const fn is_functional(self) -> bool {
        match self {
            Self::Active | Self::Passive | Self::ActivePrimary | Self::ActiveSecondary => true,
            Self::Initial | Self::Tentative | Self::NonFunctional | Self::Suspended => false,
        }
    }

    /// Whether the device forwards packets that arrive at it.
    pub const fn forwards(self) -> bool {
        match self {
            Self::Active | Self::ActivePrimary | Self::ActiveSecondary => true,
            Self::Passive | Self::Initial | Self::Tentative | Self::NonFunctional | Self::Suspended => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_states_and_links_apart() {
        for (place, state) in HaState::ALL.into_iter().enumerate() {
            assert!(HaState::ALL.iter().skip(place + 1).all(|other| other.name() != state.name()));
            assert!(!state.forwards() || state.is_functional());
        }
        for (place, link) in HaLinkId::ALL.into_iter().enumerate() {
            assert!(HaLinkId::ALL.iter().skip(place + 1).all(|other| other.name() != link.name()));
        }
    }

    #[test]
    fn json_has_the_same_names() {
        for state in HaState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        for link in HaLinkId::ALL {
            assert_eq!(serde_json::to_value(link).unwrap(), link.name());
        }
    }
}
