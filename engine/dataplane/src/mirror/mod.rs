//! Two devices with the same sessions: what the owner tells, what the other one makes of it, and how that one
//! goes on when the owner is dead.
//!
//! ```text
//!  owner                                                        the other device
//!  packet ─► Worker ─► Outbox::session_events                   handle_mirrored ─► copy, silent, ageless
//!               ▲               │                                      ▲                │
//!               └ encode_mirrored ◄┘──────► batch ──── HA2 ─► decode ──┘                │ handle_take_over
//!                                                                                       ▼
//!                                                                      own session, logged at its end
//! ```
//!
//! Events hold numbers only; what is told is read when a batch is made, so a session that changes often is
//! told of once. ICMP and sessions of the device itself are not told of (PAN-OS, "HA Synchronization").
//!
//! *Take-over.* No session is touched: a copy becomes an own session at its next packet or at its end
//! (`SessionTable::take_over`). Its timeout goes on from what was left when it was last told of; TCP windows
//! are learnt anew; identification goes on where the journal ends, and a part of the stream that was told too
//! late is skipped as soon as its receiver has acknowledged it. For a minute TCP may begin in mid-connection
//! where a rule allows it, though non-SYN packets are rejected otherwise: that is for sessions of which
//! nothing was told any more.
//!
//! *Standing down.* The former owner keeps its sessions as copies of the new owner's, so that it could take
//! over again at once. The new owner then tells of all that it has (a join); what it does not tell of is
//! removed in silence. Sessions that are not told of stay the former owner's, age there and are logged there.

mod controls;
mod copies;
mod counts;
mod events;
mod lent;
mod numbers;
mod state;
mod wire;

pub use copies::{MirrorCounters, MirrorRefusal};
pub use events::{EventKind, SessionEvent, Telling, Told};
pub use numbers::{Renumber, UnknownNumber};
pub use state::{Life, NoteState, ParentState, SessionState};
pub use wire::{DecodeError, MirrorItem, Who};

pub(crate) use copies::Mirroring;
