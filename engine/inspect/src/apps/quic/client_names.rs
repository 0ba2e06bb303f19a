//! The ClientHello out of a client's first packets: the server's name, the protocols offered, the
//! fingerprint.

use alloc::{boxed::Box, vec::Vec};

use bifrons_model::Direction;

use crate::{
    Context, Decoder, Finding, Findings, Ja4, Keep,
    client_hello::{self, ClientHello, ClientHelloAnswer},
    ja4::Carrier,
};

use super::{
    header::{Fields, Kind, LongPacket, Version, google_public_header},
    initial::ClientKeys,
};

/// Reads the client's Initial packets until the name is there. The ClientHello may be spread over several
/// of them and its parts may come in any order.
#[derive(Default)]
pub(super) struct ClientNames {
    keys: Option<ClientKeys>,
    hello: Pieces,
    is_named: bool,
    opened: u32,
    datagrams: u32,
}

/// Packets that are decrypted for one session.
const MOST_OPENED: u32 = 3;
/// Datagrams after which the first flight is over.
const MOST_DATAGRAMS: u32 = 16;

impl Decoder for ClientNames {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        self.datagrams += 1;
        let answer = match direction {
            Direction::ClientToServer => self.client_datagram(bytes),
            Direction::ServerToClient => ClientHelloAnswer::Incomplete,
        };
        let is_over = match answer {
            ClientHelloAnswer::Name(name) => {
                if !self.is_named {
                    self.is_named = true;
                    findings.text(Context::SERVER_NAME, name.as_bytes());
                    findings.push(Finding::ServerName(name));
                }
                // Google's own hello is no more than this.
                self.hello.bytes.is_empty()
            }
            ClientHelloAnswer::NoName => self.hello.bytes.is_empty(),
            ClientHelloAnswer::NotAClientHello => true,
            ClientHelloAnswer::Incomplete => false,
        };
        if let Some(hello) = ClientHello::read(self.hello.beginning()) {
            hello.protocols().for_each(|protocol| findings.text(Context::ALPN, protocol));
            findings.text(Context::CLIENT_HELLO, hello.message);
            findings.push(Finding::Ja4(Ja4::of(&hello, Carrier::Quic)));
            return Keep::Done;
        }
        if is_over || self.opened >= MOST_OPENED || self.datagrams >= MOST_DATAGRAMS {
            Keep::Done
        } else {
            Keep::Reading
        }
    }
}

impl ClientNames {
    fn client_datagram(&mut self, datagram: &[u8]) -> ClientHelloAnswer {
        if let Some(content) = google_public_header(datagram) {
            return google_name(content);
        }
        let mut rest = datagram;
        while let Some(packet) = LongPacket::read(rest) {
            rest = packet.after;
            if packet.kind != Kind::Initial || self.opened >= MOST_OPENED {
                continue;
            }
            match self.initial(&packet) {
                ClientHelloAnswer::Incomplete => {}
                answer @ (ClientHelloAnswer::Name(_)
                | ClientHelloAnswer::NoName
                | ClientHelloAnswer::NotAClientHello) => return answer,
            }
        }
        ClientHelloAnswer::Incomplete
    }

    fn initial(&mut self, packet: &LongPacket<'_>) -> ClientHelloAnswer {
        if packet.version == Version::GoogleClear {
            return google_name(packet.bytes.get(packet.packet_number_at..).unwrap_or_default());
        }
        self.opened += 1;
        let Some(frames) = self.open(packet) else {
            return ClientHelloAnswer::Incomplete;
        };
        if packet.version == Version::GoogleQ050 {
            return google_name(&frames);
        }
        if self.hello.add_frames(packet.version, &frames).is_none() {
            return ClientHelloAnswer::NotAClientHello;
        }
        client_hello::server_name(self.hello.beginning())
    }

    /// The keys stay those of the first packet, except after a Retry.
    fn open(&mut self, packet: &LongPacket<'_>) -> Option<Vec<u8>> {
        if let Some(frames) = self.keys.as_ref().and_then(|keys| keys.open(packet)) {
            return Some(frames);
        }
        let keys = ClientKeys::derive(packet.version, packet.destination)?;
        let frames = keys.open(packet)?;
        self.keys = Some(keys);
        self.hello = Pieces::default();
        Some(frames)
    }
}

/// What has come of the stream that CRYPTO frames carry.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    /// Start and end of each stretch that is there, in order and without contact.
    stretches: Vec<(usize, usize)>,
}

const LONGEST_HELLO: usize = 8192;
const MOST_STRETCHES: usize = 64;

impl Pieces {
    /// Takes the CRYPTO frames out of a packet's frames. `None` if a frame has no place in a client's
    /// Initial packet or the stream outgrows its bounds.
    fn add_frames(&mut self, version: Version, frames: &[u8]) -> Option<()> {
        let crypto = match version {
            Version::GoogleQ050 | Version::GoogleT050 | Version::GoogleT051 => GOOGLE_CRYPTO,
            Version::One
            | Version::Two
            | Version::Draft29
            | Version::Draft23
            | Version::Draft22
            | Version::GoogleClear => CRYPTO,
        };
        let mut fields = Fields { rest: frames };
        while !fields.rest.is_empty() {
            match fields.number()? {
                PADDING | PING => {}
                kind @ (ACK | ACK_ECN) => {
                    fields.number()?;
                    fields.number()?;
                    let ranges = fields.number()?;
                    let counts = if kind == ACK_ECN { 3 } else { 0 };
                    let numbers = ranges.checked_mul(2)?.checked_add(1 + counts)?;
                    // Each number takes a byte at least, so that a huge count ends with the packet.
                    for _ in 0..numbers {
                        fields.number()?;
                    }
                }
                kind if kind == crypto => {
                    let offset = usize::try_from(fields.number()?).ok()?;
                    let length = fields.number()?;
                    self.add(offset, fields.take(length)?)?;
                }
                CONNECTION_CLOSE => return Some(()),
                _ => return None,
            }
        }
        Some(())
    }

    fn add(&mut self, start: usize, piece: &[u8]) -> Option<()> {
        let end = start.checked_add(piece.len()).filter(|end| *end <= LONGEST_HELLO)?;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(start..end)?.copy_from_slice(piece);
        self.stretches.push((start, end));
        self.stretches.sort_unstable();
        self.stretches.dedup_by(|next, previous| {
            let touches = next.0 <= previous.1;
            if touches {
                previous.1 = previous.1.max(next.1);
            }
            touches
        });
        (self.stretches.len() <= MOST_STRETCHES).then_some(())
    }

    /// The bytes from the stream's start to the first gap.
    fn beginning(&self) -> &[u8] {
        match self.stretches.first() {
            Some((0, end)) => self.bytes.get(..*end).unwrap_or_default(),
            _ => &[],
        }
    }
}

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const ACK_ECN: u64 = 0x03;
const CRYPTO: u64 = 0x06;
const GOOGLE_CRYPTO: u64 = 0x08;
const CONNECTION_CLOSE: u64 = 0x1c;

/// The name in Google's own ClientHello: a table of tags and of the ends of their values, then the values.
/// All of it fits one packet.
fn google_name(content: &[u8]) -> ClientHelloAnswer {
    const FARTHEST: usize = 64;
    let Some(place) = content.windows(4).take(FARTHEST).position(|window| window == b"CHLO") else {
        return ClientHelloAnswer::Incomplete;
    };
    let name = || -> Option<Box<str>> {
        let message = content.get(place + 4..)?;
        let (count, rest) = message.split_first_chunk::<2>()?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (table, values) = rest.get(2..)?.split_at_checked(count.checked_mul(8)?)?;
        let mut start = 0;
        for [tag @ .., first, second, third, fourth] in table.as_chunks::<8>().0 {
            let end = usize::try_from(u32::from_le_bytes([*first, *second, *third, *fourth])).ok()?;
            if tag == b"SNI\0" {
                return client_hello::usable(values.get(start..end)?);
            }
            start = end;
        }
        None
    };
    name().map_or(ClientHelloAnswer::NoName, ClientHelloAnswer::Name)
}
