//! One session's identification, from its first payload to the verdict.
//!
//! ```text
//! Probing --certain, decoder--> Reading --decoder done, bound reached, hole--> Finished
//!    \------certain, no decoder-------------------------------------------------^
//!     \-----budget used up: unknown---------------------------------------------^
//! ```
//!
//! While probing, what came is held, up to the budget; probes that said no are not asked again. When one is certain its
//! decoder is shown what was held, in the order it came, and the held bytes are freed.

use alloc::{boxed::Box, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction};

use crate::{
    Decoder, Evidence, Finding, Keep, PROBES, Probe, ProbeAnswer, Transport,
    stream::{Arrival, Ready, Stream},
};

/// Bytes of one direction that probes are shown at most, however large the budget is.
const HELD_BYTES: usize = 16 * 1024;
/// Bytes of both directions that a decoder is shown at most.
const DECODED_BYTES: usize = 32 * 1024;

const TCP_PROBES: u64 = probes_over(Transport::Tcp);
const UDP_PROBES: u64 = probes_over(Transport::Udp);

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
    /// TCP: the sequence number of each direction's first payload byte (that of the SYN plus one), where the SYN was
    /// seen. `[client to server, server to client]`.
    pub first_sequence: [Option<u32>; 2],
}

impl Opening {
    /// Whether no SYN told who the client is.
    const fn is_client_guessed(&self) -> bool {
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
    /// The application, when this packet decided it or shifted it: one that a probe is certain of, or `unknown-tcp`,
    /// `unknown-udp` when the budget is used up.
    pub app: Option<AppId>,
    /// The server's name, when this packet told it.
    pub server_name: Option<Box<str>>,
    /// A new connection began inside the protocol.
    pub new_connection: bool,
    /// The limit of waiting segments was exceeded: the stream cannot be put in order. Who goes on all the same gets
    /// what there is: the gap is skipped.
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

    /// The word for a session that ends now: its application if that is known; else what can be said with the segments
    /// that still wait for a gap; else `unknown-tcp` or `unknown-udp` if it carried as much as the budget allows, and
    /// `insufficient-data` if it carried less.
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
                }
            }
        }
    }

    /// A range of one direction is missing for good: what follows no longer continues what was held or read.
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
        let mut rest = [&*probing.held[0], &*probing.held[1]];
        for (direction, length) in &probing.arrivals {
            let side = &mut rest[direction.index()];
            let (now, later) = side.split_at((*length).min(side.len()));
            *side = later;
            self.read(*direction, now, progress);
        }
        if !probing.current_is_held {
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

    const fn unknown(&self) -> AppId {
        match self.opening.transport {
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

/// What is held while nobody is certain.
struct Probing {
    /// The probes that may still be right, by their place in `PROBES`.
    asked: u64,
    held: [Vec<u8>; 2],
    /// What is held, piece by piece in the order it came.
    arrivals: Vec<(Direction, usize)>,
    /// Directions whose further bytes are not shown: after a hole, or because enough is held.
    closed: [bool; 2],
    /// Whether the bytes that were just asked about are in `held` already.
    current_is_held: bool,
}

impl Probing {
    const fn new(transport: Transport) -> Self {
        Self {
            asked: match transport {
                Transport::Tcp => TCP_PROBES,
                Transport::Udp => UDP_PROBES,
            },
            held: [Vec::new(), Vec::new()],
            arrivals: Vec::new(),
            closed: [false; 2],
            current_is_held: false,
        }
    }

    /// Asks with these bytes added to what is held. Holds them if nobody is certain and somebody is unsure.
    fn weigh(&mut self, opening: &Opening, direction: Direction, bytes: &[u8]) -> Option<(usize, AppId)> {
        let index = direction.index();
        if self.asked == 0 || self.closed[index] {
            return None;
        }
        let first = self.arrivals.is_empty();
        let alone = [(direction, bytes.len())];
        if !first {
            self.arrivals.push(alone[0]);
        }
        self.current_is_held = !self.held[index].is_empty();
        if self.current_is_held {
            self.held[index].extend_from_slice(bytes);
        }
        let mut sides = [&*self.held[0], &*self.held[1]];
        if !self.current_is_held {
            sides[index] = bytes;
        }
        let datagrams = if first { &alone[..] } else { &self.arrivals };
        let evidence = evidence(opening, sides, datagrams);
        let certain = ask(&mut self.asked, &evidence, opening.is_client_guessed());
        if certain.is_some() {
            if !first && !self.current_is_held {
                self.arrivals.pop();
            }
            return certain;
        }
        self.hold(direction, bytes, first);
        None
    }

    fn hold(&mut self, direction: Direction, bytes: &[u8], first: bool) {
        let index = direction.index();
        if self.asked == 0 {
            self.held = [Vec::new(), Vec::new()];
            self.arrivals = Vec::new();
            return;
        }
        if first {
            self.arrivals.push((direction, bytes.len()));
        }
        if !self.current_is_held {
            self.held[index].extend_from_slice(bytes);
        }
        self.closed[index] = self.held[index].len() >= HELD_BYTES;
    }

    /// No more bytes of this direction belong to those held; if none are held yet, the next ones are the first.
    fn close(&mut self, direction: Direction) {
        let index = direction.index();
        self.closed[index] |= !self.held[index].is_empty();
    }

    /// Asks once more with what waits in the streams, whatever is missing before it.
    fn ask_with(&self, opening: &Opening, streams: &[Stream; 2]) -> Option<AppId> {
        let side = |index: usize| {
            let mut side = self.held[index].clone();
            if side.is_empty() {
                side.extend(streams[index].waiting().flatten().take(HELD_BYTES));
            }
            side
        };
        let sides = [side(0), side(1)];
        let mut asked = self.asked;
        let evidence = evidence(opening, [&sides[0], &sides[1]], &[]);
        ask(&mut asked, &evidence, opening.is_client_guessed()).map(|(_, app)| app)
    }
}

fn evidence<'a>(
    opening: &Opening,
    sides: [&'a [u8]; 2],
    datagrams: &'a [(Direction, usize)],
) -> Evidence<'a> {
    let [sent, received] = sides;
    Evidence {
        transport: opening.transport,
        client_port: opening.client_port,
        server_port: opening.server_port,
        sent,
        received,
        datagrams: match opening.transport {
            Transport::Tcp => &[],
            Transport::Udp => datagrams,
        },
    }
}

/// Asks the probes of the set, strikes those that say no, and stops at the first that is certain.
fn ask(asked: &mut u64, evidence: &Evidence<'_>, either_way: bool) -> Option<(usize, AppId)> {
    let mut rest = *asked;
    while rest != 0 {
        let place = rest.trailing_zeros() as usize;
        let bit = rest & rest.wrapping_neg();
        rest ^= bit;
        match PROBES.get(place).map(|probe| ask_one(probe, evidence, either_way)) {
            Some(ProbeAnswer::Certain(app)) => return Some((place, app)),
            Some(ProbeAnswer::NotMine) | None => *asked ^= bit,
            Some(ProbeAnswer::Unsure) => (),
        }
    }
    None
}

/// Without a SYN it is a guess who the client is: then the question is put from both ends.
fn ask_one(probe: &Probe, evidence: &Evidence<'_>, either_way: bool) -> ProbeAnswer {
    let answer = (probe.probe)(evidence);
    if !either_way {
        return answer;
    }
    match (answer, (probe.probe)(&evidence.turned())) {
        (ProbeAnswer::Certain(app), _) | (_, ProbeAnswer::Certain(app)) => ProbeAnswer::Certain(app),
        (ProbeAnswer::Unsure, _) | (_, ProbeAnswer::Unsure) => ProbeAnswer::Unsure,
        (ProbeAnswer::NotMine, ProbeAnswer::NotMine) => ProbeAnswer::NotMine,
    }
}

const fn probes_over(transport: Transport) -> u64 {
    let mut set = 0;
    let mut place = 0;
    while place < PROBES.len() {
        let fits = match transport {
            Transport::Tcp => PROBES[place].tcp,
            Transport::Udp => PROBES[place].udp,
        };
        if fits {
            set |= 1 << place;
        }
        place += 1;
    }
    set
}

#[cfg(test)]
mod tests;
