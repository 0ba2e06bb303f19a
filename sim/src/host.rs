//! What stands at the ends of the network.

pub mod actor;
pub mod content;
pub mod crowd;
pub mod dialogue;
pub mod everyone;
pub mod file_transfer;
pub mod flood;
pub mod handshake;
pub mod ping;
pub mod resident;
pub mod stack;
pub mod transfer;
pub mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_model::Timestamp;

use crate::switch::Mac;

/// A host: frames and time in, frames and reports out. It never asks for the time and never draws but from
/// its own seed.
///
/// After each `handle_…` the world takes everything from `poll_output`, then asks `poll_timeout` when it is
/// to call `handle_timeout` next.
pub trait Host: Send {
    /// Takes a frame from the link.
    fn handle_frame(&mut self, now: Timestamp, frame: &[u8]);
    /// Does what is due.
    fn handle_timeout(&mut self, now: Timestamp);
    /// When something is due next.
    fn poll_timeout(&mut self, now: Timestamp) -> Option<Timestamp>;
    /// What came of it, in order.
    fn poll_output(&mut self) -> Option<HostOutput>;
    /// Its ARP table, where that can be looked at.
    fn neighbors(&self) -> Vec<(Ipv4Addr, Mac)> {
        Vec::new()
    }
}

/// What a host lets out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostOutput {
    /// A frame onto its link.
    Frame(Vec<u8>),
    /// News for whoever runs the world.
    Report(Report),
}

/// What a host has to tell of a talk: something that was agreed on between two hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The client has begun.
    Begun {
        /// The talk's number.
        talk: usize,
        /// The port that it speaks from, or the identifier of its echoes.
        port: u16,
    },
    /// Everything came through, and right.
    Finished {
        /// The talk's number.
        talk: usize,
    },
    /// The client gave up.
    Failed {
        /// The talk's number.
        talk: usize,
        /// Why.
        why: &'static str,
    },
    /// The server has heard of it.
    Heard {
        /// The talk's number.
        talk: usize,
    },
    /// Bytes came that nobody sent.
    Wrong {
        /// The talk's number.
        talk: usize,
        /// Where.
        text: String,
    },
    /// A talk without repetition is over: how many of its questions were answered.
    Answered {
        /// The talk's number.
        talk: usize,
        /// How many were sent.
        sent: u32,
        /// How many answers came.
        answered: u32,
    },
}

/// A host's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// On the link.
    pub mac: Mac,
    /// IPv4, in a /16.
    pub v4: Ipv4Addr,
    /// IPv6, in a /64.
    pub v6: Ipv6Addr,
    /// Where to send what is for other networks; none where there are no others.
    pub gateway: Option<(Ipv4Addr, Ipv6Addr)>,
}

impl Addresses {
    /// Whether one of the addresses is `address`.
    pub fn has(&self, address: IpAddr) -> bool {
        address == IpAddr::V4(self.v4) || address == IpAddr::V6(self.v6)
    }
}
