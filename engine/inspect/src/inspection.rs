//! One session's identification, from its first payload to the verdict.

use alloc::{boxed::Box, vec::Vec};

use bifrons_model::{AppId, Direction};

use crate::{Decoder, Finding, Transport};

/// How much identification may look at; `deviceconfig setting application` and `… tcp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets with payload after which an unidentified session is unknown.
    pub packets: u32,
    /// Payload bytes after which it is.
    pub bytes: u32,
    /// TCP segments that may wait for a gap.
    pub out_of_order_segments: u32,
}

/// What is known when the first payload comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// TCP or UDP.
    pub transport: Transport,
    /// The client's port.
    pub client_port: u16,
    /// The server's port.
    pub server_port: u16,
    /// TCP: the sequence number of each direction's first payload byte (that of the SYN plus one), where the SYN was seen.
    /// `[client to server, server to client]`.
    pub first_sequence: [Option<u32>; 2],
}

/// One packet's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// Its way.
    pub direction: Direction,
    /// TCP: the sequence number of its first byte. UDP: ignored.
    pub sequence: u32,
    /// The bytes; at least one.
    pub bytes: &'a [u8],
    /// How many bytes of this payload follow on the wire but were not captured (snaplen).
    pub cut: u32,
}

/// What one packet's payload led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The application, when this packet decided it or shifted it: one that a probe is certain of, or `unknown-tcp`,
    /// `unknown-udp`, `unknown-p2p` when the budget is used up.
    pub app: Option<AppId>,
    /// The server's name, when this packet told it.
    pub server_name: Option<Box<str>>,
    /// A new connection began inside the protocol.
    pub new_connection: bool,
    /// The limit of waiting segments was exceeded: the stream cannot be put in order.
    pub out_of_order_exceeded: bool,
    /// Nothing more can be learnt: the inspection can be freed.
    pub finished: bool,
}

/// One session's identification. Made at the first payload, freed when `Progress::finished`.
pub struct Inspection {
    decoder: Option<Box<dyn Decoder>>,
    findings: Vec<Finding>,
}

impl Inspection {
    /// For a session that opened like this.
    pub fn new(_opening: Opening) -> Self {
        Self { decoder: None, findings: Vec::new() }
    }

    /// Takes one packet's payload.
    pub fn payload(&mut self, _payload: Payload<'_>, _limits: &Limits) -> Progress {
        let _ = (&self.decoder, &self.findings);
        Progress { finished: true, ..Progress::default() }
    }

    /// The word for a session that ends now without having been identified, although it carried payload:
    /// `insufficient-data`.
    pub fn app_at_end(&self) -> AppId {
        AppId(2)
    }
}
