//! Where two devices do not fit each other.

use core::fmt;

use bifrons_config::typed::{ActiveActive, HaMode, HighAvailability, SessionOwner, SessionSetup};

use crate::{election::Mode, hello::Hello};

/// What does not fit. The words are PAN-OS's, of the reasons for non-functional and suspended devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mismatch {
    /// Both devices have one serial number.
    Serial,
    /// The devices are of two models.
    Model,
    /// The peer speaks only words that this device has forgotten.
    PeerTooOld,
    /// The peer speaks only words that this device does not know yet.
    Version,
    /// One lacks what the other cannot do without.
    Capability,
    /// The devices are of two pairs.
    Group,
    /// One device forwards here, both there.
    Mode,
    /// Both are device 0, or both device 1.
    DeviceId,
    /// One tells of sessions, the other does not, or over another transport.
    StateSynchronization,
    /// One forwards packets over HA3, the other does not.
    PacketForwarding,
    /// They choose a session's devices by different rules.
    SessionLoadShare,
    /// One has the peer's routing configuration, the other its own.
    RouterSync,
    /// The same for the choice of traffic classes.
    QosSync,
}

/// What a mismatch does to the device that gives way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// It is non-functional for as long as they do not fit.
    NonFunctional,
    /// It is suspended: nothing but an operator's doing mends this.
    Suspended,
}

impl Mismatch {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Serial,
        Self::Model,
        Self::PeerTooOld,
        Self::Version,
        Self::Capability,
        Self::Group,
        Self::Mode,
        Self::DeviceId,
        Self::StateSynchronization,
        Self::PacketForwarding,
        Self::SessionLoadShare,
        Self::RouterSync,
        Self::QosSync,
    ];

    /// The first of what does not fit. Which running configuration each device has is not part of it: that
    /// is told, and mended by a commit.
    pub fn between(own: &Hello, peer: &Hello) -> Option<Self> {
        let ours = &own.pairing;
        let theirs = &peer.pairing;
        let is_active_active = own.mode == Mode::ActiveActive && peer.mode == Mode::ActiveActive;
        let lacks = |offered: u64, required: u64| required & !offered != 0;
        let found = [
            (own.serial == peer.serial, Self::Serial),
            (peer.versions.highest < own.versions.lowest, Self::PeerTooOld),
            (own.versions.highest < peer.versions.lowest, Self::Version),
            (own.model != peer.model, Self::Model),
            (lacks(peer.offered, own.required) || lacks(own.offered, peer.required), Self::Capability),
            (own.group != peer.group, Self::Group),
            (own.mode != peer.mode, Self::Mode),
            (is_active_active && own.device_id == peer.device_id, Self::DeviceId),
            (ours.state_sync != theirs.state_sync, Self::StateSynchronization),
            (is_active_active && ours.forwarding != theirs.forwarding, Self::PacketForwarding),
            (is_active_active && ours.session_devices != theirs.session_devices, Self::SessionLoadShare),
            (is_active_active && ours.routers != theirs.routers, Self::RouterSync),
            (is_active_active && ours.qos != theirs.qos, Self::QosSync),
        ];
        found.into_iter().find_map(|(is_so, mismatch)| is_so.then_some(mismatch))
    }

    /// What it does to the device that gives way.
    pub const fn consequence(self) -> Consequence {
        match self {
            Self::Serial | Self::Model | Self::PeerTooOld => Consequence::Suspended,
            Self::Version
            | Self::Capability
            | Self::Group
            | Self::Mode
            | Self::DeviceId
            | Self::StateSynchronization
            | Self::PacketForwarding
            | Self::SessionLoadShare
            | Self::RouterSync
            | Self::QosSync => Consequence::NonFunctional,
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serial => "Serial number match",
            Self::Model => "Platform model mismatch",
            Self::PeerTooOld => "Peer version too old",
            Self::Version => "Version mismatch",
            Self::Capability => "Capability mismatch",
            Self::Group => "Group ID mismatch",
            Self::Mode => "Mode mismatch",
            Self::DeviceId => "A/A device-id overlap",
            Self::StateSynchronization => "State synchronization mismatch",
            Self::PacketForwarding => "A/A packet-forward mismatch",
            Self::SessionLoadShare => "A/A session-load-share mismatch",
            Self::RouterSync => "A/A router-sync mismatch",
            Self::QosSync => "A/A QoS-sync mismatch",
        })
    }
}

/// Settings that must be the same on both devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairing {
    /// Whether sessions are told, and in what: 0 for not at all, else 1 + the transport's number.
    pub state_sync: u8,
    /// Whether packets go over HA3.
    pub forwarding: bool,
    /// How a session's devices are chosen: the rule's number, and the seed where it has one.
    pub session_devices: (u8, u32),
    /// Which routing configuration is shared: bit 0 virtual routers, bit 1 logical routers.
    pub routers: u8,
    /// Whether the choice of traffic classes is.
    pub qos: bool,
}

impl Pairing {
    /// Of a configuration.
    pub fn of(config: &HighAvailability) -> Self {
        let sync = &config.state_sync;
        let state_sync = if sync.enabled { 1 + sync.transport as u8 } else { 0 };
        match &config.mode {
            HaMode::ActivePassive { .. } => Self { state_sync, ..Self::default() },
            HaMode::ActiveActive(settings) => Self {
                state_sync,
                forwarding: settings.packet_forwarding,
                session_devices: session_devices(settings),
                routers: u8::from(settings.sync_virtual_router) | u8::from(settings.sync_logical_router) << 1,
                qos: settings.sync_qos,
            },
        }
    }
}

const fn session_devices(settings: &ActiveActive) -> (u8, u32) {
    match settings.session_owner {
        SessionOwner::PrimaryDevice => (1, 0),
        SessionOwner::FirstPacket(SessionSetup::PrimaryDevice) => (2, 0),
        SessionOwner::FirstPacket(SessionSetup::FirstPacket) => (3, 0),
        SessionOwner::FirstPacket(SessionSetup::IpModulo) => (4, 0),
        SessionOwner::FirstPacket(SessionSetup::IpHash { with_destination: false, seed }) => (5, seed),
        SessionOwner::FirstPacket(SessionSetup::IpHash { with_destination: true, seed }) => (6, seed),
    }
}
