//! Two devices as one: election, monitoring, session synchronisation, ownership, floating addresses.
//!
//! Machines without input and output: messages, events and `now` in, messages and decisions out.
#![no_std]

extern crate alloc;

mod words;

pub use words::{DeviceId, HaLinkId, HaState};
