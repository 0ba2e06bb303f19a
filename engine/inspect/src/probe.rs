//! The vocabulary between the inspection and the applications: evidence in, an answer out.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use bifrons_model::{AppId, Direction};

use crate::{
    Expectation, Signatures, Text,
    alg::Announced,
    ja4::Ja4,
    signatures::{Context, Matching, Number},
};

/// What carries the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A byte stream in each direction.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What a probe may look at: everything held of one session so far. Hostile: any length, any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// TCP or UDP.
    pub transport: Transport,
    /// The client's port. A port alone is never enough to be certain.
    pub client_port: u16,
    /// The server's port.
    pub server_port: u16,
    /// Bytes from client to server, in order from the first. For UDP the datagrams one after the other.
    pub sent: &'a [u8],
    /// Bytes from server to client, likewise.
    pub received: &'a [u8],
    /// UDP only: the datagrams in the order they came, each with its way and its length in `sent` or
    /// `received`.
    pub datagrams: &'a [(Direction, usize)],
}

impl<'a> Evidence<'a> {
    /// The bytes of one direction.
    pub fn bytes(&self, direction: Direction) -> &'a [u8] {
        match direction {
            Direction::ClientToServer => self.sent,
            Direction::ServerToClient => self.received,
        }
    }

    /// The datagrams of a UDP session in the order they came.
    pub fn each_datagram(&self) -> impl Iterator<Item = (Direction, &'a [u8])> {
        let mut rest = [self.sent, self.received];
        self.datagrams.iter().map(move |(direction, length)| {
            let side = &mut rest[direction.index()];
            let (datagram, after) = side.split_at((*length).min(side.len()));
            *side = after;
            (*direction, datagram)
        })
    }

    /// What the directions that have bytes say together: not mine as soon as one of them says so, certain
    /// when one is. For protocols whose two directions can each be recognised alone.
    pub(crate) fn judge(&self, side: impl Fn(&'a [u8]) -> ProbeAnswer) -> ProbeAnswer {
        let mut answer = ProbeAnswer::Unsure;
        for bytes in [self.sent, self.received] {
            if bytes.is_empty() {
                continue;
            }
            match side(bytes) {
                ProbeAnswer::NotMine => return ProbeAnswer::NotMine,
                ProbeAnswer::Certain(app) => answer = ProbeAnswer::Certain(app),
                ProbeAnswer::Unsure => (),
            }
        }
        answer
    }

    /// The same seen from the other end.
    pub(crate) const fn turned(self) -> Self {
        Self {
            client_port: self.server_port,
            server_port: self.client_port,
            sent: self.received,
            received: self.sent,
            ..self
        }
    }

    /// Whether either end uses `port`.
    pub fn uses_port(&self, port: u16) -> bool {
        self.client_port == port || self.server_port == port
    }
}

/// What a probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It is this application; no later byte can change that.
    Certain(AppId),
    /// It is not; the probe will not be asked again for this session.
    NotMine,
    /// More bytes are needed.
    Unsure,
}

/// One application's (or one family's) way of being recognised and, once it is, of being read.
#[derive(Clone, Copy)]
pub struct Probe {
    /// The protocol's name, for fuzzing and traces.
    pub name: &'static str,
    /// Whether it can run over TCP.
    pub tcp: bool,
    /// Whether it can run over UDP.
    pub udp: bool,
    /// Looks at what is held. Never panics, allocates nothing, costs at most a pass over the evidence.
    pub probe: fn(&Evidence<'_>) -> ProbeAnswer,
    /// Makes the reader of the rest, where there is something to read.
    pub decoder: Option<fn() -> Box<dyn Decoder>>,
}

/// What a decoder found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The server's name: lower case, at most 255 bytes, no control characters.
    ServerName(Box<str>),
    /// The application is another than the one that was certain: an application shift.
    Shift(AppId),
    /// The client's fingerprint.
    Ja4(Ja4),
    /// A connection is announced.
    Expect(Expectation),
    /// An address or port stands in the bytes that were given, where the place counts from.
    Text(Text),
    /// A new connection begins inside the protocol (HTTP `CONNECT`): the session ends with reason
    /// `decoder`.
    NewConnection,
}

/// What a decoder tells: what it found, and the texts and numbers that signatures ask for.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    found: Vec<Finding>,
    pub(crate) matching: Matching,
}

impl Findings {
    /// For a session that is matched with these signatures.
    pub(crate) fn new(signatures: Option<Arc<Signatures>>) -> Self {
        Self { found: Vec::new(), matching: Matching::new(signatures) }
    }

    /// Forgets what was found and met.
    pub(crate) fn clear(&mut self) {
        self.found = Vec::new();
        self.matching.clear();
    }

    /// For another session, which is matched with these signatures; the last one's are cleared.
    pub(crate) fn restart(&mut self, signatures: &Arc<Signatures>) {
        self.matching.restart(signatures);
    }

    /// Something was found.
    pub fn push(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// Whether a signature asks for this context.
    pub fn wants(&self, context: Context) -> bool {
        self.matching.wants(context)
    }

    /// A text that signatures may ask for.
    pub fn text(&mut self, context: Context, text: &[u8]) {
        self.matching.text(context, text);
    }

    /// A number that signatures may ask for.
    pub fn number(&mut self, number: Number, value: usize) {
        self.matching.number(number, u32::try_from(value).unwrap_or(u32::MAX));
    }

    /// The application that the texts name.
    pub fn named(&self) -> Option<AppId> {
        self.matching.app()
    }

    /// What a message of a control protocol announced.
    pub(crate) fn announce(&mut self, announced: Announced) {
        self.found.extend(announced.expectations.into_iter().map(Finding::Expect));
        self.found.extend(announced.texts.into_iter().map(Finding::Text));
    }

    /// What was found since the last call.
    pub fn take(&mut self) -> Vec<Finding> {
        core::mem::take(&mut self.found)
    }
}

/// Whether a decoder wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// More bytes, please.
    Reading,
    /// More bytes, please, for as long as the session lasts: a control protocol may announce connections at
    /// any time. What is kept is bounded by the message.
    Following,
    /// Nothing more can be found: the session needs no inspection from here on.
    Done,
}

/// Reads on once an application is certain. Bytes come in order; for UDP one call is one datagram. A
/// decoder bounds what it keeps and gives up (`Keep::Done`) rather than grow.
pub trait Decoder: Send {
    /// Takes the next bytes; puts what it found into `findings`.
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep;
}
