//! One session's identification, from its first payload to the verdict.
//!
//! ```text
//! Probing --certain, decoder--> Reading --decoder done, bound reached, hole--> Finished
//!    \------certain, no decoder-------------------------------------------------^
//!     \-----budget used up: unknown---------------------------------------------^
//! ```
//!
//! While probing, what came is held, up to the budget; probes that said no are not asked again. When one is
//! certain its decoder is shown what was held, in the order it came, and the held bytes are freed.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction};

use crate::{
    Decoder, Finding, Keep, PROBES, Transport,
    peer_noise::PeerNoise,
    probing::Probing,
    stream::{Arrival, Ready, Stream},
};

/// Bytes of both directions that a decoder is shown at most.
const DECODED_BYTES: usize = 32 * 1024;

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
    /// TCP: the sequence number of each direction's first payload byte (that of the SYN plus one), where
    /// the SYN was seen. `[client to server, server to client]`.
    pub first_sequence: [Option<u32>; 2],
}

impl Opening {
    /// Whether no SYN told who the client is.
    pub(crate) const fn is_client_guessed(&self) -> bool {
        matches!(self.transport, Transport::Tcp) && matches!(self.first_sequence, [None, None])
    }
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
    /// The application, when this packet decided it or shifted it: one that a probe is certain of, or
    /// `unknown-tcp`, `unknown-udp`, `unknown-p2p` when the budget is used up.
    pub app: Option<AppId>,
    /// The server's name, when this packet told it.
    pub server_name: Option<Box<str>>,
    /// A new connection began inside the protocol.
    pub new_connection: bool,
    /// The limit of waiting segments was exceeded: the stream cannot be put in order. Who goes on all the
    /// same gets what there is: the gap is skipped.
    pub out_of_order_exceeded: bool,
    /// Nothing more can be learnt: the inspection can be freed.
    pub finished: bool,
}

/// One session's identification. Made at the first payload, freed when `Progress::finished`.
pub struct Inspection {
    opening: Opening,
    streams: [Stream; 2],
    stage: Stage,
    seen: Seen,
    peers: PeerNoise,
    /// The last budget given, for the verdict at the end.
    budget: (u32, u32),
    app: Option<AppId>,
}

enum Stage {
    Probing(Probing),
    Reading { decoder: Box<dyn Decoder>, bytes: usize },
    Finished,
}

/// Payload that came in order, repeats not included.
#[derive(Clone, Copy, Default)]
struct Seen {
    packets: u32,
    bytes: u32,
}

impl Inspection {
    /// For a session that opened like this.
    pub fn new(opening: Opening) -> Self {
        Self {
            opening,
            streams: opening.first_sequence.map(Stream::new),
            stage: Stage::Probing(Probing::new(opening.transport)),
            seen: Seen::default(),
            peers: PeerNoise::new(opening.client_port, opening.server_port),
            budget: (u32::MAX, u32::MAX),
            app: None,
        }
    }

    /// Takes one packet's payload.
    pub fn payload(&mut self, payload: Payload<'_>, limits: &Limits) -> Progress {
        self.budget = (limits.packets, limits.bytes);
        let mut progress = Progress::default();
        match self.opening.transport {
            Transport::Udp => self.take(payload.direction, payload.bytes, &mut progress),
            Transport::Tcp => self.segment(payload, limits, &mut progress),
        }
        if matches!(self.stage, Stage::Probing(_)) && self.is_budget_used(self.seen) {
            self.stage = Stage::Finished;
            progress.app = Some(self.unknown());
        }
        progress.finished = matches!(self.stage, Stage::Finished);
        self.app = progress.app.or(self.app);
        progress
    }

    /// The word for a session that ends now: its application if that is known; else what can be said with
    /// the segments that still wait for a gap; else `unknown-tcp` and the like if it carried as much as
    /// the budget allows, and `insufficient-data` if it carried less.
    pub fn app_at_end(&self) -> AppId {
        if let Some(app) = self.app {
            return app;
        }
        let mut seen = self.seen;
        self.streams.iter().flat_map(Stream::waiting).for_each(|bytes| seen.count(bytes.len()));
        let waits = seen.packets > self.seen.packets;
        if let (Stage::Probing(probing), true) = (&self.stage, waits)
            && let Some(app) = probing.ask_with(&self.opening, &self.streams)
        {
            return app;
        }
        if self.is_budget_used(seen) { self.unknown() } else { app::INSUFFICIENT_DATA }
    }

    fn segment(&mut self, payload: Payload<'_>, limits: &Limits, progress: &mut Progress) {
        let direction = payload.direction;
        match self.stream(direction).segment(payload.sequence, payload.bytes, payload.cut) {
            Arrival::InOrder(bytes) => return self.take(direction, bytes, progress),
            Arrival::Queued => (),
            Arrival::Repeated => return,
        }
        self.take_ready(direction, progress);
        while self.stream(direction).is_exceeded(limits.out_of_order_segments) {
            progress.out_of_order_exceeded = true;
            self.hole(direction);
            self.stream(direction).skip_gap();
            self.take_ready(direction, progress);
        }
    }

    fn take_ready(&mut self, direction: Direction, progress: &mut Progress) {
        while let Some(ready) = self.stream(direction).next_ready() {
            match ready {
                Ready::Bytes(bytes) => self.take(direction, &bytes, progress),
                Ready::Hole => self.hole(direction),
            }
        }
    }

    /// Takes the next bytes of one direction, or one datagram.
    fn take(&mut self, direction: Direction, bytes: &[u8], progress: &mut Progress) {
        self.seen.count(bytes.len());
        match &mut self.stage {
            Stage::Finished => (),
            Stage::Reading { .. } => self.read(direction, bytes, progress),
            Stage::Probing(probing) => {
                if let Some((place, app)) = probing.weigh(&self.opening, direction, bytes) {
                    progress.app = Some(app);
                    self.replay(place, direction, bytes, progress);
                } else {
                    self.peers.see(direction, bytes);
                }
            }
        }
    }

    /// A range of one direction is missing for good: what follows no longer continues what was held or
    /// read.
    fn hole(&mut self, direction: Direction) {
        match &mut self.stage {
            Stage::Probing(probing) => probing.close(direction),
            Stage::Reading { .. } => self.stage = Stage::Finished,
            Stage::Finished => (),
        }
    }

    /// Shows the winner's decoder what was held, then the bytes that decided.
    fn replay(&mut self, place: usize, direction: Direction, bytes: &[u8], progress: &mut Progress) {
        let Stage::Probing(probing) = core::mem::replace(&mut self.stage, Stage::Finished) else {
            return;
        };
        let Some(make) = PROBES.get(place).and_then(|probe| probe.decoder) else {
            return;
        };
        self.stage = Stage::Reading { decoder: make(), bytes: 0 };
        for (direction, bytes) in probing.each_held() {
            self.read(direction, bytes, progress);
        }
        if !probing.is_current_held() {
            self.read(direction, bytes, progress);
        }
    }

    fn read(&mut self, direction: Direction, data: &[u8], progress: &mut Progress) {
        let Stage::Reading { decoder, bytes } = &mut self.stage else {
            return;
        };
        if data.is_empty() {
            return;
        }
        let data = data.get(..DECODED_BYTES - *bytes).unwrap_or(data);
        *bytes += data.len();
        let mut findings = Vec::new();
        let keep = decoder.data(direction, data, &mut findings);
        if keep == Keep::Done || *bytes >= DECODED_BYTES {
            self.stage = Stage::Finished;
        }
        for finding in findings {
            match finding {
                Finding::ServerName(name) => progress.server_name = Some(name),
                Finding::Shift(app) => progress.app = Some(app),
                Finding::NewConnection => progress.new_connection = true,
            }
        }
    }

    fn stream(&mut self, direction: Direction) -> &mut Stream {
        &mut self.streams[direction.index()]
    }

    const fn is_budget_used(&self, seen: Seen) -> bool {
        seen.packets >= self.budget.0 || seen.bytes >= self.budget.1
    }

    fn unknown(&self) -> AppId {
        match self.opening.transport {
            Transport::Tcp if self.peers.is_mutual() => app::UNKNOWN_P2P,
            Transport::Tcp => app::UNKNOWN_TCP,
            Transport::Udp => app::UNKNOWN_UDP,
        }
    }
}

impl Seen {
    fn count(&mut self, bytes: usize) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests;
