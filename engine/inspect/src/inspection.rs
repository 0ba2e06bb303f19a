//! One session's identification, from its first payload to the verdict.
//!
//! ```text
//! Probing --certain, decoder--> Reading --decoder done, bound reached, hole--> Finished
//!    \------certain, no decoder-------------------------------------------------^
//!     \-----budget used up: unknown---------------------------------------------^
//! ```
//!
//! While probing, what came is held, up to the budget; probes that said no are not asked again. When one is
//! certain its decoder is shown what was held, in the order it came, and the held bytes are freed. Texts that
//! the decoder comes across may name a service: then that is the application, at once if the name is in the
//! packet that decided, else by a shift. Payload that no probe claims is shown to the custom applications
//! that ask for it; one that is told by its port alone comes last, before unknown.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction};

use crate::{
    Context, Expectation, Finding, Findings, Ja4, Keep, Number, PROBES, Shown, Signatures, Text, Transport,
    journal::{self, Journal},
    peer_noise::PeerNoise,
    probing::Probing,
    reading::Reading,
    stream::{Arrival, Ready, Stream},
};

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
    /// The client's TLS fingerprint, when this packet completed its ClientHello.
    pub ja4: Option<Ja4>,
    /// A new connection began inside the protocol.
    pub new_connection: bool,
    /// The limit of waiting segments was exceeded: the stream cannot be put in order. Who goes on all the
    /// same gets what there is: the gap is skipped.
    pub out_of_order_exceeded: bool,
    /// The payload has other bytes than were seen before at the same sequence numbers, and its receiver may
    /// not have those: passed on, it would see another stream than was inspected. Nothing of it was taken.
    pub contradiction: bool,
    /// Connections that the payload announces.
    pub expectations: Vec<Expectation>,
    /// Where addresses and ports stand in this packet's payload, if it is of a protocol that announces
    /// connections.
    pub texts: Vec<Text>,
    /// The payload came ahead of its turn and was not read: what it announces is not known before the gap
    /// closes, and then this packet is gone.
    pub is_ahead: bool,
    /// Nothing more can be learnt from here on; set once.
    pub finished: bool,
    /// Nothing more can be learnt, and every receiver has what the verdict rests on: the inspection can be
    /// freed.
    pub released: bool,
}

/// One session's identification. Made at the first payload, freed when `Progress::released`.
pub struct Inspection {
    opening: Opening,
    streams: [Stream; 2],
    /// Up to where each direction's bytes are acknowledged; `None` where that is not known.
    acknowledged: [Option<u32>; 2],
    stage: Stage,
    seen: Seen,
    peers: PeerNoise,
    /// The last budget given, for the verdict at the end.
    budget: (u32, u32),
    /// The application of the protocol.
    base: Option<AppId>,
    /// The application that was told last: the protocol's, or the service that it carries.
    app: Option<AppId>,
    findings: Findings,
    /// Where the bytes that are being taken lie in the packet's payload; `None` when they came earlier.
    place: Option<usize>,
    are_texts_rewritten: bool,
    /// What it was shown, where another device wants to know.
    journal: Option<Box<Journal>>,
    /// Another device has begun it: what that one saw last may not be known here.
    is_resumed: bool,
}

enum Stage {
    Probing(Probing),
    Reading(Reading),
    Finished,
}

/// Payload that came in order, repeats not included.
#[derive(Clone, Copy, Default)]
struct Seen {
    packets: u32,
    bytes: u32,
}

impl Inspection {
    /// For a session that opened like this, told by its protocol alone.
    pub fn new(opening: Opening) -> Self {
        Self::begin(opening, None)
    }

    /// For a session that opened like this; services and custom applications are told by `signatures`.
    pub fn with_signatures(opening: Opening, signatures: &Arc<Signatures>) -> Self {
        Self::begin(opening, Some(Arc::clone(signatures)))
    }

    fn begin(opening: Opening, signatures: Option<Arc<Signatures>>) -> Self {
        Self {
            opening,
            streams: opening.first_sequence.map(Stream::new),
            acknowledged: [None; 2],
            stage: Stage::Probing(Probing::new(opening.transport)),
            seen: Seen::default(),
            peers: PeerNoise::new(opening.client_port, opening.server_port),
            budget: (u32::MAX, u32::MAX),
            base: None,
            app: None,
            findings: Findings::new(signatures),
            place: None,
            are_texts_rewritten: false,
            journal: None,
            is_resumed: false,
        }
    }

    /// Becomes the inspection of another session; what `clear` has kept is used again.
    pub(crate) fn restart(&mut self, opening: Opening, signatures: &Arc<Signatures>) {
        let [client, server] = &mut self.streams;
        client.restart(opening.first_sequence[0]);
        server.restart(opening.first_sequence[1]);
        self.opening = opening;
        self.acknowledged = [None; 2];
        self.stage = Stage::Probing(Probing::new(opening.transport));
        self.seen = Seen::default();
        self.peers = PeerNoise::new(opening.client_port, opening.server_port);
        self.budget = (u32::MAX, u32::MAX);
        self.base = None;
        self.app = None;
        self.findings.restart(signatures);
        self.place = None;
        self.are_texts_rewritten = false;
        self.is_resumed = false;
    }

    /// Frees what was held, but for small buffers that the next session can use.
    pub(crate) fn clear(&mut self) {
        self.stage = Stage::Finished;
        self.streams.iter_mut().for_each(Stream::clear);
        self.findings.clear();
        self.journal = None;
    }

    pub(crate) fn forget_signatures(&mut self) {
        self.findings.matching.forget_signatures();
    }

    /// Takes note of the sequence numbers up to which each direction's bytes are acknowledged by their
    /// receiver; `None` where its answers take another path.
    pub const fn acknowledge(&mut self, acknowledged: [Option<u32>; 2]) {
        self.acknowledged = acknowledged;
    }

    /// The texts of this session are rewritten on their way. Once it is known as one of a control protocol,
    /// payload that comes ahead of its turn is not taken: it has to be dropped (`Progress::is_ahead`) and is
    /// read when it comes again.
    pub const fn rewrite_texts(&mut self) {
        self.are_texts_rewritten = true;
    }

    /// Takes one packet's payload.
    pub fn payload(&mut self, payload: Payload<'_>, limits: &Limits) -> Progress {
        if let Some(journal) = &mut self.journal
            && !matches!(self.stage, Stage::Finished)
        {
            journal.add(self.opening.transport, &payload);
        }
        self.budget = (limits.packets, limits.bytes);
        let was_finished = matches!(self.stage, Stage::Finished);
        let mut progress = Progress::default();
        match self.opening.transport {
            Transport::Udp => {
                self.place = Some(0);
                self.take(payload.direction, payload.bytes, &mut progress);
            }
            Transport::Tcp => self.segment(payload, limits, &mut progress),
        }
        if let Stage::Probing(probing) = &self.stage
            && self.is_over(probing)
        {
            let app = self.unclaimed(probing, &mut self.findings.clone());
            self.base = Some(app.unwrap_or_else(|| self.unknown()));
            self.stage = Stage::Finished;
        }
        let app = self.findings.named().or(self.base);
        if app != self.app {
            self.app = app;
            progress.app = app;
        }
        let is_finished = matches!(self.stage, Stage::Finished);
        progress.finished = is_finished && !was_finished;
        progress.released = is_finished && !self.waits_for_receivers();
        progress
    }

    /// Whether nothing more can be learnt, and every receiver has what the verdict rests on, now that these
    /// numbers are acknowledged: the inspection can be freed.
    pub fn is_released(&mut self, acknowledged: [Option<u32>; 2]) -> bool {
        self.acknowledge(acknowledged);
        matches!(self.stage, Stage::Finished) && !self.waits_for_receivers()
    }

    /// Notes what it is shown from now on, for another device; to be called before the first payload.
    pub fn keep_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// Whether it notes what it is shown.
    pub const fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// What it was shown and another device does not know yet, at most `room` bytes; from the first payload
    /// on if `again` says so. `None` when there is nothing more to tell.
    pub fn tell(&mut self, again: bool, room: usize) -> Option<Shown> {
        self.journal.as_mut()?.tell(again, room)
    }

    /// Whether `tell` has more.
    pub fn has_more_to_tell(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.has_more())
    }

    /// Is shown what another device's inspection was shown; what it was shown already is skipped. False when
    /// a part is missing: it is to be given up then. To be called only where it keeps a journal.
    pub fn resume(&mut self, shown: &Shown, limits: &Limits) -> bool {
        self.is_resumed = true;
        let transport = self.opening.transport;
        let Some(journal) = self.journal.as_mut() else { return false };
        if !journal.hear(shown) {
            return false;
        }
        let whole = journal.take_whole(transport);
        let mut rest = whole.as_slice();
        while let Some((payload, behind)) = journal::entry(rest, transport) {
            self.payload(payload, limits);
            rest = behind;
        }
        true
    }

    /// Whether a receiver may still get other bytes than those that led to the verdict.
    fn waits_for_receivers(&mut self) -> bool {
        let known = self.streams.iter_mut().zip(self.acknowledged);
        self.opening.transport == Transport::Tcp
            && known.into_iter().any(|(stream, acknowledged)| stream.is_unacknowledged(acknowledged))
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
        if let Stage::Probing(probing) = &self.stage {
            let told = waits.then(|| probing.ask_with(&self.opening, &self.streams)).flatten();
            if let Some(app) = told.or_else(|| self.unclaimed(probing, &mut self.findings.clone())) {
                return app;
            }
        }
        if self.is_budget_used(seen) { self.unknown() } else { app::INSUFFICIENT_DATA }
    }

    /// The custom application that payload which no probe claims belongs to, or the session's port.
    fn unclaimed(&self, probing: &Probing, findings: &mut Findings) -> Option<AppId> {
        let signatures = findings.matching.signatures()?;
        let protocol = match self.opening.transport {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        };
        let by_port = signatures.by_port(protocol, self.opening.server_port);
        match self.opening.transport {
            Transport::Tcp => {
                for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                    let context = Context::unknown(Transport::Tcp, direction);
                    findings.text(context, probing.unclaimed(direction));
                }
            }
            Transport::Udp => {
                for (direction, datagram) in probing.each_held() {
                    findings.matching.next_message();
                    findings.text(Context::unknown(Transport::Udp, direction), datagram);
                }
            }
        }
        findings.named().or(by_port)
    }

    fn segment(&mut self, payload: Payload<'_>, limits: &Limits, progress: &mut Progress) {
        let direction = payload.direction;
        let acknowledged = self.acknowledged[direction.index()];
        if self.stream(direction).contradicts(payload.sequence, payload.bytes, acknowledged) {
            progress.contradiction = true;
            return;
        }
        if matches!(self.stage, Stage::Finished) {
            return;
        }
        if self.is_resumed
            && let Some(number) = acknowledged
            && self.stream(direction).skip_to(number)
        {
            self.hole(direction);
            self.take_ready(payload, progress);
        }
        let next = self.stream(direction).position();
        progress.is_ahead = next.is_some_and(|next| payload.sequence.wrapping_sub(next) as i32 > 0);
        let follows = matches!(&self.stage, Stage::Reading(reading) if reading.follows());
        if progress.is_ahead && follows && self.are_texts_rewritten {
            return;
        }
        match self.stream(direction).segment(payload.sequence, payload.bytes, payload.cut) {
            Arrival::InOrder(bytes) => {
                self.place = payload.bytes.len().checked_sub(bytes.len());
                self.take(direction, bytes, progress);
                return self.stream(direction).remember(bytes);
            }
            Arrival::Queued => (),
            Arrival::Repeated => return,
        }
        self.take_ready(payload, progress);
        while self.stream(direction).is_exceeded(limits.out_of_order_segments) {
            progress.out_of_order_exceeded = true;
            self.hole(direction);
            self.stream(direction).skip_gap();
            self.take_ready(payload, progress);
        }
    }

    fn take_ready(&mut self, payload: Payload<'_>, progress: &mut Progress) {
        let direction = payload.direction;
        while let Some(ready) = self.stream(direction).next_ready() {
            match ready {
                Ready::Bytes(bytes) => {
                    let end = self.stream(direction).position().unwrap_or_default();
                    let start = end.wrapping_sub(bytes.len() as u32);
                    let place = start.wrapping_sub(payload.sequence) as usize;
                    self.place = (place < payload.bytes.len()).then_some(place);
                    self.take(direction, &bytes, progress);
                    self.stream(direction).remember(&bytes);
                }
                Ready::Hole => self.hole(direction),
            }
        }
    }

    /// Takes the next bytes of one direction, or one datagram.
    fn take(&mut self, direction: Direction, bytes: &[u8], progress: &mut Progress) {
        self.seen.count(bytes.len());
        match &mut self.stage {
            Stage::Finished => (),
            Stage::Reading(_) => self.read(direction, bytes, progress),
            Stage::Probing(probing) => {
                if let Some((place, app)) = probing.weigh(&self.opening, direction, bytes) {
                    self.set_base(app);
                    self.replay(place, direction, bytes, progress);
                } else {
                    self.peers.see(direction, bytes);
                    self.show_unclaimed(direction, bytes);
                }
            }
        }
    }

    /// Once no probe asks any more, custom applications that ask for unknown payload see it as it comes.
    fn show_unclaimed(&mut self, direction: Direction, bytes: &[u8]) {
        let context = Context::unknown(self.opening.transport, direction);
        let Stage::Probing(probing) = &mut self.stage else {
            return;
        };
        let other = Context::unknown(self.opening.transport, direction.reverse());
        if !self.findings.wants(context) && !self.findings.wants(other) {
            probing.forget_unclaimed();
            return;
        }
        if probing.is_anybody_asked() {
            return;
        }
        let text = match self.opening.transport {
            Transport::Tcp => {
                probing.keep_unclaimed(direction, bytes);
                probing.unclaimed(direction)
            }
            Transport::Udp => bytes,
        };
        self.findings.matching.next_message();
        self.findings.text(context, text);
        if let Some(app) = self.findings.named() {
            self.set_base(app);
            self.stage = Stage::Finished;
        }
    }

    fn set_base(&mut self, app: AppId) {
        self.base = Some(app);
        self.findings.matching.set_base(app);
    }

    /// A range of one direction is missing for good: what follows no longer continues what was held or
    /// read.
    fn hole(&mut self, direction: Direction) {
        match &mut self.stage {
            Stage::Probing(probing) => probing.close(direction),
            Stage::Reading(_) => self.stage = Stage::Finished,
            Stage::Finished => (),
        }
    }

    /// Shows the winner's decoder what was held, then the bytes that decided.
    fn replay(&mut self, place: usize, direction: Direction, bytes: &[u8], progress: &mut Progress) {
        let decoder = PROBES.get(place).and_then(|probe| probe.decoder).map(|make| make());
        let Some(reading) = Reading::new(place, decoder, self.opening.transport, &self.findings) else {
            self.stage = Stage::Finished;
            return;
        };
        let Stage::Probing(probing) = core::mem::replace(&mut self.stage, Stage::Reading(reading)) else {
            return;
        };
        self.findings.number(Number::HttpPort, usize::from(self.opening.server_port));
        let place = self.place.take();
        let mut held = probing.each_held().peekable();
        while let Some((direction, bytes)) = held.next() {
            if held.peek().is_none() && probing.is_current_held() {
                self.place = place;
            }
            self.read(direction, bytes, progress);
        }
        self.place = place;
        if !probing.is_current_held() {
            self.read(direction, bytes, progress);
        }
    }

    fn read(&mut self, direction: Direction, data: &[u8], progress: &mut Progress) {
        let Stage::Reading(reading) = &mut self.stage else {
            return;
        };
        if data.is_empty() {
            return;
        }
        if reading.data(direction, data, &mut self.findings) == Keep::Done {
            self.stage = Stage::Finished;
        }
        for finding in self.findings.take() {
            match finding {
                Finding::ServerName(name) => progress.server_name = Some(name),
                Finding::Ja4(ja4) => progress.ja4 = Some(ja4),
                Finding::Shift(app) => self.set_base(app),
                Finding::NewConnection => progress.new_connection = true,
                Finding::Expect(mut expectation) => {
                    expectation.is_rewritable &= self.place.is_some();
                    progress.expectations.push(expectation);
                }
                Finding::Text(text) => progress.texts.extend(self.place.map(|place| text.moved(place))),
            }
        }
    }

    fn stream(&mut self, direction: Direction) -> &mut Stream {
        &mut self.streams[direction.index()]
    }

    /// Whether no more is waited for. Segments may be as small as their sender likes, so while a probe is
    /// unsure only their bytes count.
    const fn is_over(&self, probing: &Probing) -> bool {
        let may_wait = matches!(self.opening.transport, Transport::Tcp) && probing.is_anybody_asked();
        self.seen.bytes >= self.budget.1 || (self.seen.packets >= self.budget.0 && !may_wait)
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
