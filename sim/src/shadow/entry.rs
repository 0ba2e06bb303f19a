//! The engine's records in the shadow's words: the only file of the shadow that knows them.

use std::net::IpAddr;

use bifrons_model::{Action, Subtype};

use crate::device::Written;

/// A line of the traffic log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether it closes its session: everything but a `start` does.
    pub is_closing: bool,
    /// Whether the rule let the session pass.
    pub is_allowed: bool,
    /// The session's number.
    pub session: u32,
    /// The record's number.
    pub number: u64,
    /// The protocol.
    pub protocol: u8,
    /// The client.
    pub source: (IpAddr, u16),
    /// The server.
    pub destination: (IpAddr, u16),
    /// Client and server as the server's side knows them, where that is otherwise.
    pub translated: Option<[(IpAddr, u16); 2]>,
    /// The zones by name.
    pub zones: [String; 2],
    /// Packets and bytes from client to server.
    pub sent: (u64, u64),
    /// Packets and bytes from server to client.
    pub received: (u64, u64),
    /// Whether another session announced this one: it needs no rule of its own.
    pub is_announced: bool,
    /// Why it ended.
    pub reason: &'static str,
}

impl Entry {
    /// Reads a record.
    pub fn of(written: &Written) -> Self {
        let Written { record, names } = written;
        let end = |zone| names.zone(zone).to_owned();
        Self {
            is_closing: record.subtype != Subtype::Start,
            is_allowed: record.action == Action::Allow,
            session: record.session_id.0,
            number: record.sequence_number,
            protocol: record.protocol,
            source: (record.source, record.source_port),
            destination: (record.destination, record.destination_port),
            translated: record.translation.as_ref().map(|translation| {
                [
                    (translation.source, translation.source_port),
                    (translation.destination, translation.destination_port),
                ]
            }),
            zones: [end(record.zone_from), end(record.zone_to)],
            sent: (record.sent.packets, record.sent.bytes),
            received: (record.received.packets, record.received.bytes),
            is_announced: record.parent_session.0 != 0,
            reason: record.end_reason.name(),
        }
    }
}
