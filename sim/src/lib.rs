//! A simulated world around the firewall: deterministic, from a seed.

pub mod chassis;
pub mod device;
pub mod frame;
pub mod host;
pub mod link;
pub mod queue;
pub mod random;
pub mod switch;
pub mod world;
