//! One firewall: a Controller that knows the configuration, the routes and the neighbors, and Workers that
//! forward, joined by values.
//!
//! ```text
//!  frames ──► steer ──► Worker ──► frames, records
//!                        │   ▲
//!                  Event │   │ policies, links, routes, neighbors
//!                        ▼   │
//!  commands ─────────► Controller ──► frames (ARP, neighbor discovery), notices
//! ```
//!
//! A [`Node`] has no clock and no sockets: whoever drives it hands in frames, commands and the time, and
//! takes what came of them from `poll_output`. A program that runs workers on threads of their own joins the
//! same parts by rings instead.
#![no_std]

extern crate alloc;

mod associations;
mod command;
mod config_channel;
mod controller;
mod copies;
mod group_paths;
mod links;
mod node;
mod numbers;
mod pair;
mod paths;
mod runtime;
mod sharing;
mod stations;

pub use command::{
    Command, CommandError, MonitoredPath, Notice, Output, PairCommit, PairIdentity, PortId, PortInfo, Reply,
    Secrets, Startup,
};
pub use node::{Node, ShowPair};
