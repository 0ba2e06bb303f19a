//! One core's work: the life of a packet, from a frame to a verdict.
//!
//! ```text
//! Frames ─► ingress ─► lookup ──hit──► forward ─► track ─► inspect ─► translate ─► egress ─► Verdict
//!              │          └─miss─► admit ─┘
//!              └─fragment─► reassemble
//! ```
//!
//! A [`Worker`] owns its sessions and shares nothing. [`Worker::process`] takes frames, writes each one's
//! [`Verdict`] into it and puts what else happened (records of ended sessions, packets of its own) into the
//! [`Outbox`]. The branches of a packet's life stand in one function, `Worker::live`; each stage is a file
//! of `stage/`.
#![no_std]

extern crate alloc;

mod adjacency;
mod answer;
mod clear;
mod close;
mod compiled;
mod counters;
mod frame;
mod gateway;
mod handover;
mod host;
mod links;
mod mirror;
mod nat;
pub mod neighbor;
mod ownership;
mod pair;
pub mod path_monitor;
mod protection;
mod stage;
mod steer;
mod timeouts;
mod trace;
mod worker;

pub use clear::ClearFilter;
pub use compiled::Compiled;
pub use counters::Counters;
pub use frame::{Emitted, Event, Frame, Outbox, PeerFrame, Replaced, Verdict};
pub use handover::{Claim, Place};
pub use host::AwaitedEcho;
pub use links::{Link, Links, Own, Port, PortMode, Wire};
pub use mirror::{
    DecodeError, EventKind, Life, MirrorCounters, MirrorItem, MirrorRefusal, NoteState, ParentState,
    Renumber, SessionEvent, SessionState, Telling, Told, UnknownNumber, Who,
};
pub use ownership::{ActiveActiveView, Duties, FirstStep, Ownership};
pub use pair::PairView;
pub use protection::{Alarm, AlarmCause, Block, FloodKind};
pub use steer::{steer, steer_addresses};
pub use trace::Step;
pub use worker::Worker;
