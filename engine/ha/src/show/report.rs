//! `show high-availability all` and `state`: the device, its peer, and what both agree on.
//!
//! `state` is `all` without links, timers, settings of the mode, versions and what is watched.

use alloc::{string::String, string::ToString, vec::Vec};
use core::net::IpAddr;

use bifrons_config::typed::{Ha2Transport, HaMode, SessionOwner, SessionSetup};
use bifrons_model::MacAddress;
use serde::Serialize;

use super::{
    counts::flap_max,
    link::{LinkReport, serialize_mac},
    monitoring::{LinkMonitoringReport, PathMonitoringReport},
};
use crate::{
    HaLinkId, HaState, Hello, Status,
    election::{Mode, StateReason},
};

/// The pair as this device sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairReport {
    /// Group id.
    pub group: u8,
    /// Whether one device forwards or both.
    pub mode: Mode,
    /// This device.
    pub local: LocalReport,
    /// The other one.
    pub peer: PeerReport,
    /// `all`: whether monitored failures do not count yet, so that network and links can settle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_monitor_hold: Option<bool>,
    /// `all`: the watched interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_monitoring: Option<LinkMonitoringReport>,
    /// `all`: the watched paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_monitoring: Option<PathMonitoringReport>,
    /// Whether both run the same configuration.
    pub configuration: ConfigurationReport,
}

/// This device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LocalReport {
    /// The version of the messages on HA1 that both speak; the newest own one without a peer.
    pub version: u16,
    /// Whether one device forwards or both.
    pub mode: Mode,
    /// Its state.
    pub state: HaState,
    /// Since when.
    pub state_seconds: u64,
    /// Why, where it is not functional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Why it was non-functional or tentative last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_reason: Option<String>,
    /// Its model.
    pub model: String,
    /// HA1 and its backups together.
    pub control_links: ControlLinks,
    /// `all`: the links that the configuration has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<LinkReport>>,
    /// What an election goes by.
    pub election: Election,
    /// `all`: the settings of its mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<ModeSettings>,
    /// `all`: what it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionReport>,
    /// Whether the peer runs the same.
    pub compatibility: VersionsAlike,
    /// Whether the peer has the sessions.
    pub synchronization: StateSynchronization,
}

/// HA1 and its backups together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ControlLinks {
    /// `all`: how long HA1 may be down before that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor_hold_ms: Option<u32>,
    /// Whether nobody between the devices can read or change what they say; always so.
    pub encrypted: bool,
}

/// What an election goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Election {
    /// 0 to 255; the lower one leads.
    pub priority: u8,
    /// Whether the better device is to lead as soon as it can.
    pub preemptive: bool,
    /// `all`: the device's timers.
    #[serde(flatten)]
    pub timers: Option<Timers>,
}

/// The timers of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Timers {
    /// From the loss of the peer to taking over.
    pub promotion_hold_ms: u32,
    /// Between two hellos.
    pub hello_interval_ms: u32,
    /// Between two heartbeats.
    pub heartbeat_interval_ms: u32,
    /// The profile `fast`: after how long a silence of all links the peer counts as lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u32>,
    /// After how many flaps the device is suspended; `null` for never.
    pub flap_max: Option<u8>,
    /// How long a recovered device waits before it preempts.
    pub preemption_hold_minutes: u8,
    /// How long a device stays what it is after a monitored failure.
    pub monitor_fail_hold_up_ms: u32,
    /// What the active device adds to that.
    pub additional_master_hold_up_ms: u32,
}

/// The settings of a mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ModeSettings {
    /// One device forwards.
    ActivePassive {
        /// What the ports of the passive device are: `auto`, which is up, or `shutdown`.
        passive_link_state: &'static str,
        /// How long a device that has lost what it watches keeps out.
        monitor_fail_hold_down_minutes: u8,
    },
    /// Both do.
    ActiveActive {
        /// 0 or 1.
        device_id: u8,
        /// How long a device that comes back forwards nothing of its own; `null` for not at all.
        tentative_hold_seconds: Option<u16>,
        /// Whether the configuration of virtual routers is the same on both devices.
        sync_virtual_router: bool,
        /// Whether that of logical routers is.
        sync_logical_router: bool,
        /// Whether the choice of traffic classes is.
        sync_qos: bool,
        /// Whether packets may go to the other device over HA3.
        packet_forwarding: bool,
        /// `first-packet` or `primary-device`.
        session_owner: &'static str,
        /// `primary-device`, `first-packet`, `ip-modulo` or `ip-hash`.
        session_setup: &'static str,
        /// `ip-hash`: `source` or `source-and-destination`.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash_key: Option<&'static str>,
        /// `ip-hash`: what the hash begins with.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash_seed: Option<u32>,
    },
}

/// What a device runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionReport {
    /// Its software.
    pub build_release: String,
    /// Its applications; nothing where they have no version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_content: Option<String>,
}

/// Whether both devices run the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VersionsAlike {
    /// The software.
    pub software: Alike,
    /// The applications.
    pub application_content: Alike,
}

/// Whether two things are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// They are.
    Match,
    /// They are not.
    Mismatch,
    /// The peer's is not known.
    Unknown,
}

/// Whether the peer has the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StateSynchronization {
    /// Whether sessions are told at all.
    pub enabled: bool,
    /// Whether all are.
    pub complete: bool,
    /// What HA2 messages travel in: `ethernet`, `ip` or `udp`.
    pub transport: &'static str,
}

/// The other device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerReport {
    /// Whether it is heard.
    pub connected: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_reason: Option<&'static str>,
    /// What it said of itself last; nothing while it is not known.
    #[serde(flatten)]
    pub known: Option<KnownPeer>,
}

/// What the peer says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownPeer {
    /// The newest version of the messages on HA1 that it speaks.
    pub version: u16,
    /// Whether one device forwards or both.
    pub mode: Mode,
    /// Its group id.
    pub group: u8,
    /// Its state.
    pub state: HaState,
    /// Since when it is in its state, or not heard.
    pub state_seconds: u64,
    /// Why, where it is not functional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Its model.
    pub model: String,
    /// `all`: where it is on HA1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_link: Option<PeerAddress>,
    /// `all`: the link on which state is told: `ha2` or `ha2-backup`. Nothing where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_link: Option<HaLinkId>,
    /// What an election goes by.
    pub election: Election,
    /// `all`: what it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<VersionReport>,
}

/// Where the peer is on HA1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PeerAddress {
    /// As configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// As it says, in front of the tie-break.
    #[serde(serialize_with = "serialize_mac")]
    pub mac: MacAddress,
    /// The first of HA1, its backup and the heartbeat backup that is up; `null` where none is.
    pub link: Option<HaLinkId>,
}

/// Whether both devices run the same configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigurationReport {
    /// Whether commits are made on both together.
    pub enabled: bool,
    /// How the running configurations compare.
    pub running: Running,
}

/// How the running configurations compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Running {
    /// They are the same.
    Synchronized,
    /// They are not.
    NotSynchronized,
    /// The peer's is not known.
    Unknown,
}

impl PairReport {
    pub(super) fn all(status: &Status) -> Self {
        let mut report = Self::state(status);
        let links = status.links.iter().map(|link| LinkReport::new(status, link.link));
        let local = &mut report.local;
        local.control_links.monitor_hold_ms = Some(status.settings.config.links.ha1_monitor_hold_ms);
        local.links = Some(links.filter(|link| link.title().is_some()).collect());
        local.election.timers = Some(timers(status));
        local.settings = Some(settings(&status.settings.config.mode));
        local.versions = Some(versions(&status.own));
        if let (Some(known), Some(hello)) = (&mut report.peer.known, &status.peer.hello) {
            known.control_link = Some(PeerAddress {
                address: status.settings.config.peer_address,
                mac: hello.ha1_mac,
                link: status.peer.control_link,
            });
            known.data_link = status.peer.data_link;
            known.versions = Some(versions(hello));
        }
        report.initial_monitor_hold = Some(status.settles_at.is_some());
        report.link_monitoring = Some(LinkMonitoringReport::new(status));
        report.path_monitoring = Some(PathMonitoringReport::new(status));
        report
    }

    pub(super) fn state(status: &Status) -> Self {
        Self {
            group: status.settings.config.group_id,
            mode: status.own.mode,
            local: local(status),
            peer: PeerReport {
                connected: status.peer.is_alive,
                down_reason: (!status.peer.is_alive).then(|| status.peer.down_reason.name()),
                known: status.peer.hello.as_ref().map(|hello| known(status, hello)),
            },
            initial_monitor_hold: None,
            link_monitoring: None,
            path_monitoring: None,
            configuration: configuration(status),
        }
    }
}

fn local(status: &Status) -> LocalReport {
    let agreed = status.peer.hello.as_ref().and_then(|peer| status.own.versions.agree(peer.versions));
    let last_failure = status.last_failure.filter(|reason| *reason != StateReason::Started);
    LocalReport {
        version: agreed.unwrap_or(status.own.versions.highest),
        mode: status.own.mode,
        state: status.state,
        state_seconds: status.now.since(status.since).as_secs(),
        state_reason: (!status.state.is_functional()).then(|| status.reason.to_string()),
        last_failure_reason: last_failure.map(|reason| reason.to_string()),
        model: status.own.model.clone(),
        control_links: ControlLinks { monitor_hold_ms: None, encrypted: true },
        links: None,
        election: election(&status.own),
        settings: None,
        versions: None,
        compatibility: compatibility(status),
        synchronization: synchronization(status),
    }
}

fn known(status: &Status, hello: &Hello) -> KnownPeer {
    KnownPeer {
        version: hello.versions.highest,
        mode: hello.mode,
        group: hello.group,
        state: hello.state,
        state_seconds: status.now.since(status.peer.since).as_secs(),
        state_reason: StateReason::text_of(hello.reason).filter(|_| !hello.state.is_functional()),
        model: hello.model.clone(),
        control_link: None,
        data_link: None,
        election: election(hello),
        versions: None,
    }
}

const fn election(hello: &Hello) -> Election {
    Election { priority: hello.priority, preemptive: hello.preemptive, timers: None }
}

fn timers(status: &Status) -> Timers {
    let timers = &status.settings.config.election.timers;
    Timers {
        promotion_hold_ms: timers.promotion_hold_ms,
        hello_interval_ms: timers.hello_interval_ms,
        heartbeat_interval_ms: timers.heartbeat_interval_ms,
        silence_ms: timers.silence_ms,
        flap_max: flap_max(status),
        preemption_hold_minutes: timers.preemption_hold_minutes,
        monitor_fail_hold_up_ms: timers.monitor_fail_hold_up_ms,
        additional_master_hold_up_ms: timers.additional_master_hold_up_ms,
    }
}

fn settings(mode: &HaMode) -> ModeSettings {
    match mode {
        HaMode::ActivePassive { passive_links_up, monitor_fail_hold_down_minutes } => {
            ModeSettings::ActivePassive {
                passive_link_state: if *passive_links_up { "auto" } else { "shutdown" },
                monitor_fail_hold_down_minutes: *monitor_fail_hold_down_minutes,
            }
        }
        HaMode::ActiveActive(settings) => {
            let (session_owner, setup) = match settings.session_owner {
                SessionOwner::PrimaryDevice => ("primary-device", SessionSetup::PrimaryDevice),
                SessionOwner::FirstPacket(setup) => ("first-packet", setup),
            };
            let (session_setup, hash_key, hash_seed) = match setup {
                SessionSetup::PrimaryDevice => ("primary-device", None, None),
                SessionSetup::FirstPacket => ("first-packet", None, None),
                SessionSetup::IpModulo => ("ip-modulo", None, None),
                SessionSetup::IpHash { with_destination, seed } => {
                    let key = if with_destination { "source-and-destination" } else { "source" };
                    ("ip-hash", Some(key), Some(seed))
                }
            };
            ModeSettings::ActiveActive {
                device_id: settings.device_id,
                tentative_hold_seconds: settings.tentative_hold_seconds,
                sync_virtual_router: settings.sync_virtual_router,
                sync_logical_router: settings.sync_logical_router,
                sync_qos: settings.sync_qos,
                packet_forwarding: settings.packet_forwarding,
                session_owner,
                session_setup,
                hash_key,
                hash_seed,
            }
        }
    }
}

fn versions(hello: &Hello) -> VersionReport {
    VersionReport {
        build_release: hello.software.to_string(),
        application_content: Some(hello.content.clone()).filter(|content| !content.is_empty()),
    }
}

fn compatibility(status: &Status) -> VersionsAlike {
    let alike = |is_alike: fn(&Hello, &Hello) -> bool| match &status.peer.hello {
        None => Alike::Unknown,
        Some(peer) if is_alike(&status.own, peer) => Alike::Match,
        Some(_) => Alike::Mismatch,
    };
    VersionsAlike {
        software: alike(|own, peer| own.software == peer.software),
        application_content: alike(|own, peer| own.content == peer.content),
    }
}

fn synchronization(status: &Status) -> StateSynchronization {
    let sync = &status.settings.config.state_sync;
    StateSynchronization {
        enabled: sync.enabled,
        complete: sync.enabled && status.own.is_synchronized,
        transport: match sync.transport {
            Ha2Transport::Ethernet => "ethernet",
            Ha2Transport::Ip => "ip",
            Ha2Transport::Udp => "udp",
        },
    }
}

fn configuration(status: &Status) -> ConfigurationReport {
    let own = status.own.configuration.digest;
    ConfigurationReport {
        enabled: status.settings.config.configuration_sync,
        running: match &status.peer.hello {
            None => Running::Unknown,
            Some(peer) if peer.configuration.digest == own => Running::Synchronized,
            Some(_) => Running::NotSynchronized,
        },
    }
}
