//! `deviceconfig high-availability`: two devices that stand in for each other.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use super::Prefix;

/// What a device knows of the pair it belongs to. Names, ranges and defaults are those of the PAN-OS 11.1
/// configuration command hierarchy and of its help pages on high availability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HighAvailability {
    /// Whether there is a pair at all.
    pub enabled: bool,
    /// 1 to 63, the same on both devices; part of the virtual MAC addresses.
    pub group_id: u8,
    /// Free text.
    pub description: String,
    /// The other device's address on HA1.
    pub peer_address: Option<IpAddr>,
    /// The other device's address on the HA1 backup link.
    pub peer_address_backup: Option<IpAddr>,
    /// Whether a commit is made on both devices.
    pub configuration_sync: bool,
    /// Which device leads.
    pub election: Election,
    /// What the devices tell each other of sessions.
    pub state_sync: StateSync,
    /// Whether one device forwards or both.
    pub mode: HaMode,
    /// How the devices are connected.
    pub links: HaLinks,
    /// Interfaces without which a device steps back.
    pub link_monitoring: LinkMonitoring,
    /// Destinations without which it does.
    pub path_monitoring: PathMonitoring,
}

impl Default for HighAvailability {
    fn default() -> Self {
        Self {
            enabled: false,
            group_id: 1,
            description: String::new(),
            peer_address: None,
            peer_address_backup: None,
            configuration_sync: true,
            election: Election::default(),
            state_sync: StateSync::default(),
            mode: HaMode::default(),
            links: HaLinks::default(),
            link_monitoring: LinkMonitoring::default(),
            path_monitoring: PathMonitoring::default(),
        }
    }
}

/// `group election-option`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Election {
    /// 0 to 255; the lower one leads.
    pub device_priority: u8,
    /// Whether the better device takes over again after it has recovered; both must say so.
    pub preemptive: bool,
    /// Whether heartbeats travel over the management ports too.
    pub heartbeat_backup: bool,
    /// How long things take.
    pub timers: HaTimers,
}

impl Default for Election {
    fn default() -> Self {
        Self {
            device_priority: 100,
            preemptive: false,
            heartbeat_backup: false,
            timers: HaTimers::recommended(),
        }
    }
}

/// `group election-option timers`, in milliseconds where nothing else is said. Help page "HA Timers".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaTimers {
    /// From the loss of the peer to taking over, 0 to 60,000.
    pub promotion_hold_ms: u32,
    /// Between two hellos, 8,000 to 60,000.
    pub hello_interval_ms: u32,
    /// Between two heartbeats, 1,000 to 60,000; in the profile `fast` less. The peer is lost after three.
    pub heartbeat_interval_ms: u32,
    /// After how many flaps a device is suspended, 1 to 16; `None` for never.
    pub flap_max: Option<u8>,
    /// How long a recovered device waits before it preempts, in minutes, 1 to 60.
    pub preemption_hold_minutes: u8,
    /// How long a device stays active after a monitored failure, 0 to 60,000.
    pub monitor_fail_hold_up_ms: u32,
    /// What the active device adds to that, 0 to 60,000.
    pub additional_master_hold_up_ms: u32,
    /// The peer is lost when nothing has come from it on any link for so long; `None` where only heartbeats
    /// and hellos count.
    pub silence_ms: Option<u32>,
}

impl HaTimers {
    /// What PAN-OS recommends for a virtual firewall.
    pub const fn recommended() -> Self {
        Self {
            promotion_hold_ms: 2_000,
            hello_interval_ms: 8_000,
            heartbeat_interval_ms: 2_000,
            flap_max: Some(3),
            preemption_hold_minutes: 1,
            monitor_fail_hold_up_ms: 0,
            additional_master_hold_up_ms: 500,
            silence_ms: None,
        }
    }

    /// The shorter times of PAN-OS.
    pub const fn aggressive() -> Self {
        Self { promotion_hold_ms: 500, heartbeat_interval_ms: 1_000, ..Self::recommended() }
    }

    /// Times for a take-over that a TCP transfer does not notice, which PAN-OS does not have.
    pub const fn fast() -> Self {
        Self {
            promotion_hold_ms: 0,
            heartbeat_interval_ms: 15,
            silence_ms: Some(45),
            additional_master_hold_up_ms: 0,
            ..Self::recommended()
        }
    }
}

/// `group state-synchronization`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSync {
    /// Whether sessions are told at all.
    pub enabled: bool,
    /// What HA2 messages travel in.
    pub transport: Ha2Transport,
    /// Whether HA2 is watched by messages of its own, and what happens when they stay away.
    pub keep_alive: Option<Ha2KeepAlive>,
}

impl Default for StateSync {
    fn default() -> Self {
        Self { enabled: true, transport: Ha2Transport::Ethernet, keep_alive: None }
    }
}

/// What HA2 messages travel in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ha2Transport {
    /// Ethernet frames of their own type.
    #[default]
    Ethernet,
    /// IP protocol 99.
    Ip,
    /// UDP port 29281.
    Udp,
}

/// `ha2-keep-alive`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ha2KeepAlive {
    /// What happens when they stay away.
    pub action: KeepAliveAction,
    /// After how many milliseconds, 5,000 to 60,000.
    pub threshold_ms: u32,
}

/// What happens when HA2 keep-alives stay away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepAliveAction {
    /// A critical log record.
    #[default]
    LogOnly,
    /// Each device goes on with a session table of its own; active/active only.
    SplitDatapath,
}

/// Whether one device forwards or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HaMode {
    /// One forwards, the other is ready.
    ActivePassive {
        /// Whether the passive device keeps its links up (`auto`) or down (`shutdown`).
        passive_links_up: bool,
        /// How long a device that lost a monitored link or path stays non-functional, in minutes, 1 to 60.
        monitor_fail_hold_down_minutes: u8,
    },
    /// Both forward.
    ActiveActive(ActiveActive),
}

impl Default for HaMode {
    fn default() -> Self {
        Self::ActivePassive { passive_links_up: false, monitor_fail_hold_down_minutes: 1 }
    }
}

/// `group mode active-active`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveActive {
    /// 0 or 1, not the peer's.
    pub device_id: u8,
    /// How long a recovered device forwards nothing of its own, in seconds, 10 to 600; `None` for not at all.
    pub tentative_hold_seconds: Option<u16>,
    /// Whether the routing configuration is the same on both devices.
    pub sync_virtual_router: bool,
    /// The same for logical routers.
    pub sync_logical_router: bool,
    /// Whether the choice of traffic classes is.
    pub sync_qos: bool,
    /// Whether packets may go to the other device over HA3.
    pub packet_forwarding: bool,
    /// Which device owns a session.
    pub session_owner: SessionOwner,
    /// `virtual-address INTERFACE …`
    pub virtual_addresses: Vec<VirtualAddress>,
}

impl Default for ActiveActive {
    fn default() -> Self {
        Self {
            device_id: 0,
            tentative_hold_seconds: Some(60),
            sync_virtual_router: false,
            sync_logical_router: false,
            sync_qos: false,
            packet_forwarding: true,
            session_owner: SessionOwner::FirstPacket(SessionSetup::IpModulo),
            virtual_addresses: Vec::new(),
        }
    }
}

/// Which device does application work and logging for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionOwner {
    /// The one that is active-primary; it sets the session up too.
    PrimaryDevice,
    /// The one that got the first packet.
    FirstPacket(SessionSetup),
}

impl SessionOwner {
    /// The five combinations of owner and setup device that there are (PAN-OS, "Session Owner" and "Session
    /// Setup"), the last one by this hash.
    pub const fn admitted(with_destination: bool, seed: u32) -> [Self; 5] {
        [
            Self::PrimaryDevice,
            Self::FirstPacket(SessionSetup::PrimaryDevice),
            Self::FirstPacket(SessionSetup::FirstPacket),
            Self::FirstPacket(SessionSetup::IpModulo),
            Self::FirstPacket(SessionSetup::IpHash { with_destination, seed }),
        ]
    }
}

/// Which device does routing, translation and the rule lookup for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionSetup {
    /// The one that is active-primary.
    PrimaryDevice,
    /// The one that got the first packet.
    FirstPacket,
    /// The one that the parity of the addresses names.
    IpModulo,
    /// The one that a hash names.
    IpHash {
        /// Whether the destination is part of it; else only the source is.
        with_destination: bool,
        /// What the hash begins with, the same on both devices.
        seed: u32,
    },
}

/// An address that hosts use, whichever device has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualAddress {
    /// The interface's place in `Config::interfaces`.
    pub interface: usize,
    /// The address.
    pub address: IpAddr,
    /// Which device has it.
    pub holder: AddressHolder,
}

/// Which device has a virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressHolder {
    /// The functional one whose priority, 0 to 255, is lower.
    Floating {
        /// Priority of device 0.
        device_0: u8,
        /// Priority of device 1.
        device_1: u8,
        /// Whether it moves when the interface goes down.
        failover_on_link_down: bool,
    },
    /// The one that is active-primary.
    BoundToActivePrimary,
    /// Both answer ARP; the parity of the asking address says who.
    SharedByModulo,
    /// Both answer ARP; a hash of the asking address says who.
    SharedByHash {
        /// What the hash begins with.
        seed: u32,
    },
}

/// `interface ha1|ha1-backup|ha2|ha2-backup|ha3`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HaLinks {
    /// Hellos, heartbeats, configuration.
    pub ha1: Option<HaLink>,
    /// Another way for the same; in another network.
    pub ha1_backup: Option<HaLink>,
    /// Sessions.
    pub ha2: Option<HaLink>,
    /// Another way for the same.
    pub ha2_backup: Option<HaLink>,
    /// The port of packets that the other device is to handle; active/active only.
    pub ha3: Option<String>,
    /// The longest packet that HA3 carries, in bytes behind the Ethernet header: 576 to 9,216. What is longer
    /// goes in pieces.
    pub ha3_mtu: u16,
    /// Whether HA1 is encrypted, in PAN-OS's sense; HA1 always is here.
    pub ha1_encryption: bool,
    /// How long HA1 may be down before that counts, in milliseconds, 1,000 to 60,000.
    pub ha1_monitor_hold_ms: u32,
}

impl Default for HaLinks {
    fn default() -> Self {
        Self {
            ha1: None,
            ha1_backup: None,
            ha2: None,
            ha2_backup: None,
            ha3: None,
            ha3_mtu: 1_500,
            ha1_encryption: false,
            ha1_monitor_hold_ms: 3_000,
        }
    }
}

/// One link between the devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HaLink {
    /// The port's name: `management`, `ha1-a`, `ethernet1/5`; empty where the device has one of its own.
    pub port: String,
    /// This device's address on it with its network.
    pub address: Option<Prefix>,
    /// The router to the peer, where it is in another network.
    pub gateway: Option<IpAddr>,
}

/// Whether one failure is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureCondition {
    /// One is.
    #[default]
    Any,
    /// All must fail.
    All,
}

/// `group monitoring link-monitoring`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkMonitoring {
    /// Whether links are watched.
    pub enabled: bool,
    /// How many of the groups must fail.
    pub condition: FailureCondition,
    /// `link-group NAME …`
    pub groups: Vec<LinkGroup>,
}

impl Default for LinkMonitoring {
    fn default() -> Self {
        Self { enabled: true, condition: FailureCondition::Any, groups: Vec::new() }
    }
}

/// Interfaces that are watched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkGroup {
    /// Its name.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its interfaces must fail.
    pub condition: FailureCondition,
    /// Places in `Config::interfaces`.
    pub interfaces: Vec<usize>,
}

/// `group monitoring path-monitoring`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathMonitoring {
    /// Whether paths are watched.
    pub enabled: bool,
    /// How many of the groups must fail.
    pub condition: FailureCondition,
    /// `path-group virtual-wire|vlan|virtual-router|logical-router NAME …`
    pub groups: Vec<PathGroup>,
}

impl Default for PathMonitoring {
    fn default() -> Self {
        Self { enabled: true, condition: FailureCondition::Any, groups: Vec::new() }
    }
}

/// Destinations that are pinged through one part of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathGroup {
    /// What the pings go through.
    pub through: PathThrough,
    /// The name of that.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its destination groups must fail.
    pub condition: FailureCondition,
    /// Where the pings come from; `None` for the address of the interface they leave on.
    pub source: Option<IpAddr>,
    /// Between two pings, in milliseconds, 200 to 60,000.
    pub ping_interval_ms: u32,
    /// After how many lost pings in a row a destination has failed, 3 to 10.
    pub ping_count: u8,
    /// `destination-ip-group NAME …`
    pub destinations: Vec<DestinationGroup>,
}

/// What pings go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathThrough {
    /// A wire of two interfaces.
    VirtualWire,
    /// A layer 2 network.
    Vlan,
    /// A router.
    VirtualRouter,
    /// A router of the newer kind.
    LogicalRouter,
}

/// Destinations that are watched together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationGroup {
    /// Its name.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its destinations must fail.
    pub condition: FailureCondition,
    /// The destinations.
    pub addresses: Vec<IpAddr>,
}
