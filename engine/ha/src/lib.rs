//! Two devices as one: election, monitoring, session synchronisation, the link for whole packets, addresses
//! that move, what the operator sees.
//!
//! Machines without input and output: messages, events and `now` in, messages and decisions out.
#![no_std]

extern crate alloc;

mod active_active;
mod addresses;
mod announce;
pub mod config_sync;
mod control;
mod election;
mod flaps;
mod ha3;
mod hello;
mod keying;
mod log;
mod member;
mod mismatch;
mod monitoring;
mod show;
pub mod sync;
mod timers;
mod virtual_mac;
mod words;

pub use active_active::{active_active_view, takes_peer_share};
pub use addresses::{AddressChanges, AddressPlan, AddressTable, Holding, PairAddress, PairRange, Standing};
pub use announce::{Announcement, Announcer};
pub use bifrons_model::DeviceId;
pub use control::CONTROL_LINKS;
pub use election::{Event, Mode, StateReason, Verdict, is_better, judge, next};
pub use flaps::{Flaps, Loop};
pub use ha3::{Ha3Channel, Ha3Counters, Ha3KeepAlive, Ha3Refusal};
pub use hello::{
    CAPABILITIES, ConfigurationMark, Envelope, HA3_FRAGMENTS, HA3_KEEP_ALIVE, Heartbeat, Hello, Message,
    Order, OrderKind, OrderReply, SoftwareVersion, Unreadable, VERSIONS, Versions,
};
pub use keying::{Keying, KeyingOutput, LinkKeys};
pub use log::{HaEvent, Severity, SystemRecord};
pub use member::{
    DownReason, Identity, LinkStatus, Member, MemberOutput, PeerStatus, RequestError, Settings, StateRequest,
    Status,
};
pub use mismatch::{Consequence, Mismatch, Pairing};
pub use monitoring::{DestinationGroupState, LinkGroupState, PathGroupState, PathId, PathState};
pub use show::{
    Alike, ConfigurationReport, ControlLinks, DestinationReport, DestinationsReport, Election,
    FlapStatistics, KnownPeer, LinkGroupReport, LinkMonitoringReport, LinkReport, LocalReport, ModeSettings,
    PairPage, PairReport, PathGroupReport, PathMonitoringReport, PeerAddress, PeerReport, Running,
    ShowHighAvailability, StateCount, StateSynchronization, SynchronizationReport, SynchronizationRow,
    Timers, Transitions, VersionReport, VersionsAlike, VirtualAddressReport, VirtualAddresses,
    VirtualInterface, WatchedLink,
};
pub use timers::Timer;
pub use virtual_mac::{InterfaceNumber, VirtualMac};
pub use words::{HaLinkId, HaState};
