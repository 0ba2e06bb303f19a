//! Sessions: where they are kept, how they are found, when they age, and what TCP does to them.
//!
//! A `SessionTable` owns everything of one worker's sessions: the records, the index that finds a record by
//! either of its two flow keys, and the timing wheel. Nothing in it is shared or locked. The TCP tracker
//! (`tcp`) and the reassembly of fragments (`fragment`) are machines of their own beside it.
#![no_std]

extern crate alloc;

mod ageing;
mod fragment;
mod index;
mod key;
mod mirror;
pub mod nat;
mod prefetch;
mod session;
mod table;
pub mod tcp;
mod timer;
mod wheel;

pub use ageing::Pressure;
pub use fragment::{
    Assembled, FragmentArrival, FragmentFrame, FragmentKey, FragmentOutcome, FragmentShare, Reassembler,
};
pub use key::{FlowKey, HashSeed};
pub use prefetch::prefetch;
pub use session::{Causes, Hops, NO_NUMBER, NONE, Session, SessionFlags, State};
pub use table::{Candidate, Hit, SessionTable, TableFull};
pub use timer::{ApplicationTimeouts, Timeouts, Timer};
