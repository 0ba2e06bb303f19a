//! What is in the stream: which application a session carries.
//!
//! Payload arrives packet by packet. For TCP it is put in order first (`stream`). What came so far is shown
//! to the probes of the applications that may still be it; each answers certain, not mine, or unsure. Bytes
//! are held while all are unsure and are replayed to the winner's decoder, which may read more out of them
//! (a server name, a new connection inside the protocol). When nobody is certain within the budget the
//! session is unknown.
//!
//! Everything here is bounded: bytes held, segments waiting for a gap, bytes a decoder may keep.
#![no_std]

extern crate alloc;

mod apps;
mod ber;
mod client_hello;
mod inspection;
mod peer_noise;
mod probe;
mod probing;
mod stream;

pub use apps::PROBES;
pub use inspection::{Inspection, Limits, Opening, Payload, Progress};
pub use probe::{Decoder, Evidence, Finding, Keep, Probe, ProbeAnswer, Transport};
