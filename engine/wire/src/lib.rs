//! Bytes and headers: from a frame to what a session needs to know of it.
#![no_std]

extern crate alloc;

mod link;

pub use link::LinkType;
