//! What is in the stream: which application a session carries.
//!
//! Payload arrives packet by packet. For TCP it is put in order first (`stream`). What came so far is shown
//! to the probes of the applications that may still be it; each answers certain, not mine, or unsure. Bytes
//! are held while all are unsure and are replayed to the winner's decoder, which may read more out of them
//! (a server name, a new connection inside the protocol) and hands the texts it comes across to the
//! signatures, which may name a service. When nobody is certain within the budget the session is unknown.
//!
//! Everything here is bounded: bytes held, segments waiting for a gap, bytes a decoder may keep.
#![no_std]

extern crate alloc;

mod alg;
mod apps;
mod ber;
mod certificate;
mod client_hello;
mod inspection;
mod ja4;
mod journal;
pub mod manual;
mod peer_noise;
mod pool;
mod probe;
mod probing;
mod reading;
mod signatures;
mod stream;

pub use alg::{Expectation, Predicted, Refusal, StreamEdits, Text, TextForm, rewrite_message, rewrite_text};
pub use apps::PROBES;
pub use inspection::{Inspection, Limits, Opening, Payload, Progress};
pub use ja4::Ja4;
pub use journal::{Shown, TOLD_BYTES};
pub use pool::Inspections;
pub use probe::{Decoder, Evidence, Finding, Findings, Keep, Probe, ProbeAnswer, Transport};
pub use signatures::{Context, MOST_CONDITIONS, Number, SignatureError, SignatureProblem, Signatures};
