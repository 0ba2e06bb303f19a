//! The words that every part of Bifrons shares: time, ids, actions, reasons, records.
//!
//! Nothing here decides anything. A type lives in this crate when two crates that do not know each other
//! must mean the same thing by it. Closed lists (`DropReason`, `EndReason`, …) carry stable numbers: a
//! number is never reused, because counters, logs, the command line and a peer device all speak of it.
#![no_std]

extern crate alloc;

mod action;
mod device_id;
mod drop_reason;
mod end_reason;
mod final_action;
mod handshake;
mod ids;
mod mac;
mod name_kind;
mod record;
mod seeded_hash;
mod time;

pub use action::{Action, ActionSource};
pub use device_id::DeviceId;
pub use drop_reason::DropReason;
pub use end_reason::{EndReason, Tracker};
pub use final_action::{FinalAction, Verdicts, final_action_of_app, final_action_of_reason};
pub use handshake::{Handshake, HandshakeOutcome, HandshakeStep};
pub use ids::{
    AppId, CategoryId, Generation, InterfaceId, NatRuleId, RuleId, SessionId, UserId, VirtualRouterId, ZoneId,
};
pub use mac::MacAddress;
pub use name_kind::NameKind;
pub use record::{
    CustomName, Flags, Names, RUN_SPECIFIC_FIELDS, Subtype, TrafficRecord, Translation, Volume,
};
pub use seeded_hash::SeededHash;
pub use time::Timestamp;

/// The two ways through a session: from the side that opened it to the other, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Direction {
    /// Client to server: the way of the session's first packet.
    ClientToServer = 0,
    /// Server to client: the return way.
    ServerToClient = 1,
}

impl Direction {
    /// 0 for client to server, 1 for server to client: the place in a two-element array.
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The other way.
    #[inline]
    pub const fn reverse(self) -> Self {
        match self {
            Self::ClientToServer => Self::ServerToClient,
            Self::ServerToClient => Self::ClientToServer,
        }
    }
}
