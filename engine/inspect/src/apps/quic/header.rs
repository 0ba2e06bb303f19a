//! Headers, as far as they are readable without keys (RFC 8999, RFC 9000 section 17.2), and Google's public
//! header.

/// The versions whose headers are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// RFC 9000, and drafts 33 and 34, which protect alike.
    One,
    /// RFC 9369.
    Two,
    /// Drafts 29 to 32.
    Draft29,
    /// Drafts 23 to 28, and what Facebook made of the latter.
    Draft23,
    /// Draft 22, and what Facebook made of it.
    Draft22,
    /// Google's Q050, with its own handshake.
    GoogleQ050,
    /// Google's T050.
    GoogleT050,
    /// Google's T051.
    GoogleT051,
    /// Google's Q043 to Q049, whose first packets are not encrypted; the number after the Q.
    GoogleClear,
}

impl Version {
    pub(super) fn from_number(number: u32) -> Option<Self> {
        match number {
            1 | 0xff00_0021 | 0xff00_0022 => Some(Self::One),
            0x6b33_43cf => Some(Self::Two),
            0xff00_001d..=0xff00_0020 => Some(Self::Draft29),
            0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => Some(Self::Draft23),
            0xff00_0016 | 0xface_b001 => Some(Self::Draft22),
            _ => match &number.to_be_bytes() {
                b"Q050" => Some(Self::GoogleQ050),
                b"T050" => Some(Self::GoogleT050),
                b"T051" => Some(Self::GoogleT051),
                [b'Q', b'0', b'4', b'3'..=b'9'] => Some(Self::GoogleClear),
                _ => None,
            },
        }
    }
}

/// What kind of packet a long header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
}

/// A packet with a long header of a known version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongPacket<'a> {
    pub(super) version: Version,
    pub(super) kind: Kind,
    /// The destination connection ID.
    pub(super) destination: &'a [u8],
    /// The packet from its first byte to its end, or to the end of what was captured.
    pub(super) bytes: &'a [u8],
    /// Where the packet number begins in `bytes`.
    pub(super) packet_number_at: usize,
    /// What follows in the datagram.
    pub(super) after: &'a [u8],
}

impl<'a> LongPacket<'a> {
    /// Reads the packet at the start of `bytes`.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first().filter(|(first, _)| **first & 0xc0 == 0xc0)?;
        let (number, rest) = rest.split_first_chunk()?;
        let version = Version::from_number(u32::from_be_bytes(*number))?;
        let bits = *first >> 4 & 3;
        if version == Version::GoogleClear {
            return Self::read_google_clear(bytes, rest, bits);
        }
        let kind = kind(version, bits);
        let (destination, rest) = connection_id(rest)?;
        let (_source, rest) = connection_id(rest)?;
        let mut fields = Fields { rest };
        match kind {
            Kind::Retry => {
                // A token and the 16 bytes that vouch for it.
                let packet_number_at = bytes.len();
                return (rest.len() >= 16).then_some(Self {
                    version,
                    kind,
                    destination,
                    bytes,
                    packet_number_at,
                    after: &[],
                });
            }
            Kind::Initial => {
                let token = fields.number()?;
                fields.skip(token)?;
            }
            Kind::ZeroRtt | Kind::Handshake => {}
        }
        let length = usize::try_from(fields.number()?).ok().filter(|length| *length >= 20)?;
        let packet_number_at = bytes.len() - fields.rest.len();
        let end = packet_number_at.saturating_add(length);
        let (packet, after) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        Some(Self { version, kind, destination, bytes: packet, packet_number_at, after })
    }

    /// Both connection IDs have their lengths in one byte, less 3 where there is one.
    fn read_google_clear(bytes: &'a [u8], rest: &'a [u8], bits: u8) -> Option<Self> {
        let (lengths, rest) = rest.split_first()?;
        let length = |nibble: u8| if nibble == 0 { 0 } else { usize::from(nibble) + 3 };
        let (destination, rest) = rest.split_at_checked(length(lengths >> 4))?;
        let (_source, rest) = rest.split_at_checked(length(lengths & 0xf))?;
        let packet_number_at = bytes.len() - rest.len();
        let version = Version::GoogleClear;
        (rest.len() >= 16).then_some(Self {
            version,
            kind: kind(version, bits),
            destination,
            bytes,
            packet_number_at,
            after: &[],
        })
    }
}

/// Whether a datagram says by its header that it is of a known version, or lists known versions to choose
/// from.
pub(super) fn names_known_version(datagram: &[u8]) -> bool {
    LongPacket::read(datagram).is_some()
        || lists_known_versions(datagram)
        || google_public_header(datagram).is_some()
        || is_google_rejection(datagram)
}

/// Bytes of the shortest packet that can be sent (RFC 9001 section 5.4.2): its first, the packet number and
/// the sample that protects it.
const SHORTEST_PACKET: usize = 21;

/// Whether it can be a packet with a short header: the highest bit clear, the next one set (RFC 9000 section
/// 17.3.1).
pub(super) fn may_be_short(datagram: &[u8]) -> bool {
    datagram.len() >= SHORTEST_PACKET && datagram.first().is_some_and(|first| first >> 6 == 1)
}

/// Whether two datagrams of one direction look like packets of one connection in the middle of its life:
/// short headers whose protected bits differ, with the same connection ID.
pub(super) fn share_connection_id(one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([first, one @ ..], [second, other @ ..]) => {
            let are_short = (first | second) & 0xc0 == 0x40 && first & second & 0x40 != 0 && first != second;
            let length = one.len().min(other.len());
            are_short
                && length >= SHORTEST_PACKET
                && one.get(..8) == other.get(..8)
                && one.get(8..) != other.get(8..)
        }
        _ => false,
    }
}

/// Whether the version is one of those reserved for exercising negotiation (RFC 9000 section 15), in a
/// packet large enough to be a client's first.
pub(super) fn names_reserved_version(datagram: &[u8]) -> bool {
    match datagram.split_first_chunk::<5>() {
        Some(([first, version @ ..], _)) => {
            first & 0x80 != 0 && is_reserved(*version) && datagram.len() >= 1200
        }
        None => false,
    }
}

/// The content of a packet with Google's public header (up to Q043) that names its version.
pub(super) fn google_public_header(datagram: &[u8]) -> Option<&[u8]> {
    const HAS_VERSION: u8 = 0x01;
    const HAS_RESET: u8 = 0x02;
    const HAS_CONNECTION_ID: u8 = 0x08;
    let (flags, rest) = datagram.split_first()?;
    if flags & HAS_VERSION == 0 || flags & (HAS_RESET | HAS_CONNECTION_ID | 0x80) != HAS_CONNECTION_ID {
        return None;
    }
    let (_connection_id, rest) = rest.split_at_checked(8)?;
    match rest.split_first_chunk()? {
        ([b'Q', b'0', b'0'..=b'9', b'0'..=b'9'], content) => Some(content),
        _ => None,
    }
}

/// Google's servers answer a first ClientHello with a message of tag `REJ`, behind a header without
/// version.
fn is_google_rejection(datagram: &[u8]) -> bool {
    const FARTHEST: usize = 64;
    let has_connection_id = datagram.first().is_some_and(|flags| flags & 0x8b == 0x08);
    has_connection_id && datagram.windows(4).take(FARTHEST).any(|window| window == b"REJ\0")
}

/// Version negotiation (RFC 8999 section 6): version 0, then nothing but versions, known and reserved ones
/// among them.
fn lists_known_versions(datagram: &[u8]) -> bool {
    let Some(([first, 0, 0, 0, 0], rest)) = datagram.split_first_chunk::<5>() else {
        return false;
    };
    let Some((_, rest)) = connection_id(rest) else {
        return false;
    };
    let Some((_, versions)) = connection_id(rest) else {
        return false;
    };
    let (versions, remainder) = versions.as_chunks::<4>();
    first & 0x80 != 0
        && remainder.is_empty()
        && versions.len() <= 64
        && versions.iter().any(|version| Version::from_number(u32::from_be_bytes(*version)).is_some())
}

fn is_reserved(version: [u8; 4]) -> bool {
    version.iter().all(|byte| byte & 0x0f == 0x0a)
}

/// Version 2 numbers the kinds anew (RFC 9369 section 3.2).
fn kind(version: Version, bits: u8) -> Kind {
    let shift = u8::from(version == Version::Two);
    match bits.wrapping_sub(shift) & 3 {
        0 => Kind::Initial,
        1 => Kind::ZeroRtt,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    }
}

fn connection_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first().filter(|(length, _)| **length <= 20)?;
    rest.split_at_checked(usize::from(*length))
}

/// Fields of variable length, one after the other.
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// A variable-length integer (RFC 9000 section 16).
    pub(super) fn number(&mut self) -> Option<u64> {
        let first = *self.rest.first()?;
        let (bytes, rest) = self.rest.split_at_checked(1 << (first >> 6))?;
        self.rest = rest;
        let value_bits = u64::from(first & 0x3f);
        Some(bytes.iter().skip(1).fold(value_bits, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(count).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, count: u64) -> Option<()> {
        self.take(count).map(|_| ())
    }
}
