//! The reading of a protocol that is known: its decoder, and the payload that signatures ask for.

use alloc::{boxed::Box, vec::Vec};

use bifrons_model::Direction;

use crate::{Context, Decoder, Findings, Keep, Transport};

/// Bytes of both directions that are read at most.
const READ_BYTES: usize = 32 * 1024;
/// Bytes of one direction that signatures are shown at most.
const SHOWN_BYTES: usize = 4 * 1024;

pub(crate) struct Reading {
    decoder: Option<Box<dyn Decoder>>,
    transport: Transport,
    bytes: usize,
    /// The decoder reads on however many they are.
    follows: bool,
    shown: [Shown; 2],
}

/// One direction's payload, as far as signatures ask for it.
struct Shown {
    context: Context,
    is_wanted: bool,
    bytes: Vec<u8>,
}

impl Reading {
    /// Of the protocol whose probe stands at `place`. Nothing if nobody wants to read.
    pub(crate) fn new(
        place: usize,
        decoder: Option<Box<dyn Decoder>>,
        transport: Transport,
        findings: &Findings,
    ) -> Option<Self> {
        let shown = [Direction::ClientToServer, Direction::ServerToClient].map(|direction| {
            let context = Context::payload(place, direction);
            Shown { context, is_wanted: findings.wants(context), bytes: Vec::new() }
        });
        let wanted = decoder.is_some() || shown.iter().any(|shown| shown.is_wanted);
        wanted.then_some(Self { decoder, transport, bytes: 0, follows: false, shown })
    }

    /// Whether it reads on for as long as the session lasts.
    pub(crate) const fn follows(&self) -> bool {
        self.follows
    }

    /// Takes the next bytes of one direction, or one datagram.
    pub(crate) fn data(&mut self, direction: Direction, data: &[u8], findings: &mut Findings) -> Keep {
        let left = READ_BYTES.saturating_sub(self.bytes);
        let data = if self.follows { data } else { data.get(..left).unwrap_or(data) };
        self.bytes = self.bytes.saturating_add(data.len());
        if self.transport == Transport::Udp {
            findings.matching.next_message();
        }
        if let Some(decoder) = &mut self.decoder {
            let keep = decoder.data(direction, data, findings);
            self.follows = keep == Keep::Following;
            if keep == Keep::Done {
                self.decoder = None;
            }
        }
        if let Some(shown) = self.shown.get_mut(direction.index()) {
            shown.add(data, self.transport, findings);
        }
        let done = self.decoder.is_none() && !self.shown.iter().any(|shown| shown.is_wanted);
        if self.follows {
            Keep::Following
        } else if done || self.bytes >= READ_BYTES {
            Keep::Done
        } else {
            Keep::Reading
        }
    }
}

impl Shown {
    fn add(&mut self, data: &[u8], transport: Transport, findings: &mut Findings) {
        if !self.is_wanted {
            return;
        }
        if transport == Transport::Udp {
            findings.text(self.context, data);
            return;
        }
        self.bytes.extend(data.iter().take(SHOWN_BYTES - self.bytes.len()));
        findings.text(self.context, &self.bytes);
        if self.bytes.len() >= SHOWN_BYTES {
            self.is_wanted = false;
            self.bytes = Vec::new();
        }
    }
}
