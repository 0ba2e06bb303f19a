//! Whole frames for the other device of an active/active pair, in Ethernet frames of their own (HA3).
//!
//! ```text
//!  byte   0        1        2        3        4                 6
//!       ┌────────┬────────┬────────┬────────┬─────────────────┬─────────────────┐
//!     0 │ version│ kind   │ sender │ piece  │ interface       │ zone            │
//!     8 │ epoch                             │ sequence …                        │
//!    16 │ … sequence                        │ session …                         │
//!    24 │ … session                         │ description     │ whole           │
//!    32 │ offset          │ length          │ tag …                             │
//!    40 │ … tag …                                                               │
//!    48 │ … tag                             │ length bytes of the body …        │
//!       └───────────────────────────────────┴───────────────────────────────────┘
//! ```
//!
//! The outer EtherType is one of the two that IEEE 802 leaves to local experiments. All numbers are in
//! network order. The body is a description of the session, whose meaning is the devices' matter (empty
//! except in a setup reply), and behind it the frame as it came in, from its Ethernet header on. A body that
//! is longer than the link takes travels in several pieces with sequence numbers that follow each other,
//! and is put together by [`Ha3Assembler`]; none is dropped without being counted. Version, kind and all
//! that follows, but for the tag itself, is under the tag.

use alloc::{
    collections::{BTreeSet, VecDeque},
    vec,
    vec::Vec,
};

use bifrons_model::{InterfaceId, MacAddress, ZoneId};

use crate::{EthernetHeader, be16, be32};

/// The EtherType of HA3 frames (IEEE 802, local experimental EtherType 2).
pub const ETHERTYPE_HA3: u16 = 0x88b6;
/// How much longer a frame becomes on HA3, beside the outer Ethernet header, in bytes.
pub const HA3_OVERHEAD: usize = HEADER + TAG;
/// The version that is written.
const VERSION: u8 = 1;
const HEADER: usize = 36;
const TAG: usize = 16;
/// More pieces than these a body does not have.
const MOST_PIECES: usize = 256;
/// How many bodies may be in pieces at once.
const MOST_PARTIAL: usize = 64;

/// What a message asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ha3Kind {
    /// The owner has got the first packet of a session: the receiver is to set it up.
    SetupRequest = 1,
    /// The packet comes back, with the session that it belongs to now.
    SetupReply = 2,
    /// The packet belongs to a session of the receiver, or to one that the receiver is to own.
    ForwardToOwner = 3,
    /// The owner has let the packet pass: the receiver transmits it, as its way out is there. Behind routed
    /// interfaces the zone is the one that it is to leave to.
    ReturnToReceiver = 4,
    /// A fragment of a packet that came to both devices: the receiver puts it together with those it has.
    /// Only for a peer that says that it does (`HA3_FRAGMENTS` of `bifrons_ha`).
    Fragment = 5,
    /// A fragment that came to the receiver itself, of a packet that is whole at the sender and belongs to
    /// the receiver as in [`Self::ForwardToOwner`].
    OwnFragment = 6,
    /// The sender is there; the session is 1 where it has heard from the receiver lately, else 0. The body is
    /// empty. Only for a peer that says that it takes such (`HA3_KEEP_ALIVE` of `bifrons_ha`).
    KeepAlive = 7,
}

impl Ha3Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::SetupRequest,
        Self::SetupReply,
        Self::ForwardToOwner,
        Self::ReturnToReceiver,
        Self::Fragment,
        Self::OwnFragment,
        Self::KeepAlive,
    ];

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// What a message says beside its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ha3Header {
    /// What it asks for.
    pub kind: Ha3Kind,
    /// The device that sends it, 0 or 1.
    pub sender: u8,
    /// The interface that the packet came in by, by the sender's number.
    pub interface: InterfaceId,
    /// Its zone, by the sender's number.
    pub zone: ZoneId,
    /// The life of the key.
    pub epoch: u32,
    /// Counts the frames of an epoch.
    pub sequence: u64,
    /// The session in the owner's table; 0 where there is none yet.
    pub session: u64,
}

/// The keyed function that makes tags. It comes from outside: this crate knows no keys.
pub trait Ha3Key {
    /// The tag over a header and a piece of a body. The header holds epoch and sequence, so that no two
    /// calls with one key have equal arguments.
    fn tag(&self, header: &[u8], piece: &[u8]) -> [u8; 16];
}

impl<F: Fn(&[u8], &[u8]) -> [u8; 16]> Ha3Key for F {
    fn tag(&self, header: &[u8], piece: &[u8]) -> [u8; 16] {
        self(header, piece)
    }
}

/// A frame that came in by HA3 and whose tag is right: a piece of a body, often all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ha3Piece<'a> {
    /// What the message says; the sequence number is that of this frame.
    pub header: Ha3Header,
    place: u8,
    description: u16,
    whole: u16,
    offset: u16,
    bytes: &'a [u8],
}

/// A message with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ha3Message {
    /// What it says; the sequence number is that of its first frame.
    pub header: Ha3Header,
    /// The session that it tells of.
    pub description: Vec<u8>,
    /// The packet's frame.
    pub frame: Vec<u8>,
}

/// A frame that is none of HA3, or not one of our peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ha3Error {
    /// Its EtherType is another one.
    #[error("no HA3 frame")]
    Foreign,
    /// Another version of the protocol.
    #[error("HA3 version {0}; this device speaks version {VERSION}")]
    Version(u8),
    /// It ends before its end, or its lengths and numbers contradict each other.
    #[error("an HA3 frame with a header that cannot be")]
    Malformed,
    /// Its tag is not that of its bytes.
    #[error("an HA3 frame with a wrong tag")]
    Forged,
}

/// A body that the link cannot carry in pieces either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{body} bytes do not fit an HA3 link with an MTU of {mtu} bytes")]
pub struct Ha3TooLong {
    /// The body's length in bytes.
    pub body: usize,
    /// The link's MTU in bytes.
    pub mtu: usize,
}

/// How many frames a body of this length becomes on a link whose frames carry `mtu` bytes behind the
/// Ethernet header: 1 where it fits.
///
/// # Errors
///
/// A body of more than 65,535 bytes, of more than 256 pieces, or an MTU without room for any.
pub const fn ha3_pieces(body: usize, mtu: usize) -> Result<usize, Ha3TooLong> {
    let room = mtu.saturating_sub(HA3_OVERHEAD);
    if room == 0 || body > u16::MAX as usize || body.div_ceil(room) > MOST_PIECES {
        return Err(Ha3TooLong { body, mtu });
    }
    Ok(if body == 0 { 1 } else { body.div_ceil(room) })
}

/// The Ethernet frames that carry a message from one HA3 port to the other, in order. The first one has the
/// header's sequence number, each further one the next.
///
/// # Errors
///
/// See [`ha3_pieces`].
pub fn ha3_frames(
    (from, to): (MacAddress, MacAddress),
    header: &Ha3Header,
    (description, frame): (&[u8], &[u8]),
    mtu: usize,
    key: &impl Ha3Key,
) -> Result<Vec<Vec<u8>>, Ha3TooLong> {
    let length = description.len() + frame.len();
    let too_long = Ha3TooLong { body: length, mtu };
    let count = ha3_pieces(length, mtu)?;
    let whole = u16::try_from(length).map_err(|_| too_long)?;
    let outer = EthernetHeader { destination: to, source: from, tag: None, ethertype: ETHERTYPE_HA3 };
    let ethernet = outer.bytes();
    let ethernet = ethernet.get(..outer.length()).unwrap_or_default();
    let body = [description, frame].concat();
    let room = mtu - HA3_OVERHEAD;
    let mut frames = Vec::with_capacity(count);
    for (place, start) in (0..count).map(|place| (place, place * room)) {
        let bytes = body.get(start..body.len().min(start + room)).unwrap_or_default();
        let piece = Ha3Piece {
            header: Ha3Header { sequence: header.sequence.wrapping_add(place as u64), ..*header },
            place: place as u8,
            description: description.len() as u16,
            whole,
            offset: start as u16,
            bytes,
        };
        let head = piece.head();
        let tag = key.tag(&head, bytes);
        frames.push([ethernet, &head, &tag, bytes].concat());
    }
    Ok(frames)
}

/// Reads a frame from its Ethernet header on. Whether its epoch and sequence number are new is for
/// [`Ha3Window`] to judge.
///
/// # Errors
///
/// See [`Ha3Error`]; a frame without a right tag changes nothing.
pub fn ha3_read<'a>(frame: &'a [u8], key: &impl Ha3Key) -> Result<Ha3Piece<'a>, Ha3Error> {
    let (outer, length) = EthernetHeader::read(frame).ok_or(Ha3Error::Foreign)?;
    if outer.ethertype != ETHERTYPE_HA3 {
        return Err(Ha3Error::Foreign);
    }
    let inner = frame.get(length..).unwrap_or_default();
    match inner.first() {
        Some(&VERSION) => {}
        Some(version) => return Err(Ha3Error::Version(*version)),
        None => return Err(Ha3Error::Malformed),
    }
    let (head, rest) = inner.split_first_chunk::<HEADER>().ok_or(Ha3Error::Malformed)?;
    let (tag, rest) = rest.split_first_chunk::<TAG>().ok_or(Ha3Error::Malformed)?;
    let piece = Ha3Piece::read(head, rest).ok_or(Ha3Error::Malformed)?;
    // Every byte is looked at, so that the time tells nothing of where the first wrong one is.
    let wrong = key.tag(head, piece.bytes).iter().zip(tag).fold(0, |wrong, (a, b)| wrong | (a ^ b));
    if wrong == 0 { Ok(piece) } else { Err(Ha3Error::Forged) }
}

/// The epoch that a frame names, whether its tag is right or not; `None` where it is none of HA3.
pub fn ha3_epoch(frame: &[u8]) -> Option<u32> {
    let (outer, length) = EthernetHeader::read(frame)?;
    let inner = frame.get(length..).filter(|_| outer.ethertype == ETHERTYPE_HA3)?;
    be32(inner, 8)
}

impl<'a> Ha3Piece<'a> {
    /// The session's description and the packet's frame, where this is all of the body.
    pub fn parts(&self) -> Option<(&'a [u8], &'a [u8])> {
        let is_whole = self.offset == 0 && self.bytes.len() == usize::from(self.whole);
        self.bytes.split_at_checked(usize::from(self.description)).filter(|_| is_whole)
    }

    /// `None` where the numbers contradict each other.
    fn read(head: &[u8; HEADER], rest: &'a [u8]) -> Option<Self> {
        let [_, kind, sender, place, ..] = *head;
        let long = |at: usize| Some(u64::from(be32(head, at)?) << 32 | u64::from(be32(head, at + 4)?));
        let header = Ha3Header {
            kind: Ha3Kind::of(kind)?,
            sender,
            interface: InterfaceId(be16(head, 4)?),
            zone: ZoneId(be16(head, 6)?),
            epoch: be32(head, 8)?,
            sequence: long(12)?,
            session: long(20)?,
        };
        let (description, whole, offset) = (be16(head, 28)?, be16(head, 30)?, be16(head, 32)?);
        // Behind the last piece there may be padding.
        let bytes = rest.get(..usize::from(be16(head, 34)?))?;
        let end = usize::from(offset) + bytes.len();
        let is_sound = sender < 2
            && description <= whole
            && end <= usize::from(whole)
            && (place == 0) == (offset == 0)
            && (whole == 0 || !bytes.is_empty());
        is_sound.then_some(Self { header, place, description, whole, offset, bytes })
    }

    fn head(&self) -> [u8; HEADER] {
        let header = &self.header;
        let mut head = [0; HEADER];
        let parts: [&[u8]; 10] = [
            &[VERSION, header.kind as u8, header.sender, self.place],
            &header.interface.0.to_be_bytes(),
            &header.zone.0.to_be_bytes(),
            &header.epoch.to_be_bytes(),
            &header.sequence.to_be_bytes(),
            &header.session.to_be_bytes(),
            &self.description.to_be_bytes(),
            &self.whole.to_be_bytes(),
            &self.offset.to_be_bytes(),
            &(self.bytes.len() as u16).to_be_bytes(),
        ];
        for (place, byte) in head.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        head
    }
}

/// Which frames of a key's life have been taken: none is taken twice, none of another life at all.
///
/// A frame that is more than 128 behind the newest counts as taken, as nothing is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ha3Window {
    epoch: u32,
    /// The number behind the newest one.
    next: u64,
    /// The newest 128, the newest of all in the lowest bit.
    taken: u128,
}

impl Ha3Window {
    /// Nothing of this epoch has been taken.
    pub const fn new(epoch: u32) -> Self {
        Self { epoch, next: 0, taken: 0 }
    }

    /// Whether a frame is to be taken; then it counts as taken. Ask only for frames whose tag is right.
    pub const fn take(&mut self, header: &Ha3Header) -> bool {
        if header.epoch != self.epoch || header.sequence == u64::MAX {
            return false;
        }
        let bit = if header.sequence >= self.next {
            let ahead = header.sequence - self.next + 1;
            self.taken = if ahead < 128 { self.taken << ahead } else { 0 };
            self.next = header.sequence + 1;
            1
        } else {
            let behind = self.next - 1 - header.sequence;
            if behind < 128 { 1 << behind } else { return false }
        };
        let is_new = self.taken & bit == 0;
        self.taken |= bit;
        is_new
    }
}

/// Bodies that come in pieces.
///
/// It keeps 64 unfinished ones at most, four megabytes; for one more the oldest is given up and counted.
#[derive(Clone, Debug, Default)]
pub struct Ha3Assembler {
    partial: VecDeque<Partial>,
    lost: u64,
}

#[derive(Clone, Debug)]
struct Partial {
    /// That of the first piece.
    header: Ha3Header,
    description: u16,
    body: Vec<u8>,
    /// The places of the pieces that are there.
    places: BTreeSet<u8>,
    missing: usize,
}

impl Ha3Assembler {
    /// Nothing is in pieces.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a frame that was read and found to be new; the message when it is complete.
    pub fn handle_piece(&mut self, piece: &Ha3Piece<'_>) -> Option<Ha3Message> {
        if let Some((description, frame)) = piece.parts() {
            let (description, frame) = (description.to_vec(), frame.to_vec());
            return Some(Ha3Message { header: piece.header, description, frame });
        }
        let sequence = piece.header.sequence.wrapping_sub(piece.place.into());
        let header = Ha3Header { sequence, ..piece.header };
        let place = match self.partial.iter().position(|own| own.is_of(&header, piece)) {
            Some(place) => place,
            None => self.begin(header, piece),
        };
        let own = self.partial.get_mut(place)?;
        own.take(piece);
        if own.missing > 0 {
            return None;
        }
        let own = self.partial.remove(place)?;
        let mut description = own.body;
        let frame = description.split_off(usize::from(own.description).min(description.len()));
        Some(Ha3Message { header: own.header, description, frame })
    }

    /// How many messages wait for pieces.
    pub fn waiting(&self) -> usize {
        self.partial.len()
    }

    /// How many messages were given up before they were complete.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn begin(&mut self, header: Ha3Header, piece: &Ha3Piece<'_>) -> usize {
        if self.partial.len() >= MOST_PARTIAL {
            self.partial.pop_front();
            self.lost += 1;
        }
        let whole = usize::from(piece.whole);
        self.partial.push_back(Partial {
            header,
            description: piece.description,
            body: vec![0; whole],
            places: BTreeSet::new(),
            missing: whole,
        });
        self.partial.len() - 1
    }
}

impl Partial {
    fn is_of(&self, header: &Ha3Header, piece: &Ha3Piece<'_>) -> bool {
        self.header == *header
            && self.description == piece.description
            && self.body.len() == usize::from(piece.whole)
    }

    fn take(&mut self, piece: &Ha3Piece<'_>) {
        let start = usize::from(piece.offset);
        let target = self.body.get_mut(start..start + piece.bytes.len());
        if let Some(target) = target.filter(|_| !self.places.contains(&piece.place)) {
            target.copy_from_slice(piece.bytes);
            self.places.insert(piece.place);
            self.missing = self.missing.saturating_sub(piece.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    const ENDS: (MacAddress, MacAddress) = (MacAddress([2, 0, 0, 0, 0, 1]), MacAddress([2, 0, 0, 0, 0, 2]));
    const REQUEST: Ha3Header = Ha3Header {
        kind: Ha3Kind::SetupRequest,
        sender: 1,
        interface: InterfaceId(0x0102),
        zone: ZoneId(0x0304),
        epoch: 0x0506_0708,
        sequence: 0x090a_0b0c_0d0e_0f10,
        session: 0x1112_1314_1516_1718,
    };

    /// No cryptography: a sum in which places and values matter.
    fn key(header: &[u8], piece: &[u8]) -> [u8; 16] {
        let mut sum = 0xcbf2_9ce4_8422_2325_u128;
        for byte in header.iter().chain(piece) {
            sum = (sum ^ u128::from(*byte)).wrapping_mul(0x0100_0000_01b3_0000_0001_0001).rotate_left(7);
        }
        sum.to_be_bytes()
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 % 251) as u8).collect()
    }

    fn sent(description: usize, frame: usize, mtu: usize) -> Vec<Vec<u8>> {
        ha3_frames(ENDS, &REQUEST, (&bytes(description), &bytes(frame)), mtu, &key).unwrap()
    }

    #[test]
    fn the_bytes_are_as_drawn() {
        let [frame] = sent(2, 3, 1500).try_into().unwrap();
        let head = [
            &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb6, 1, 1, 1, 0][..],
            &(1..=24).collect::<Vec<u8>>(),
            &[0, 2, 0, 5, 0, 0, 0, 5],
        ]
        .concat();
        assert_eq!(frame[..50], head);
        assert_eq!((frame.len(), &frame[66..]), (14 + HA3_OVERHEAD + 5, &[0, 7, 0, 7, 14][..]));
        let piece = ha3_read(&frame, &key).unwrap();
        assert_eq!((piece.header, piece.parts()), (REQUEST, Some((&[0, 7][..], &[0, 7, 14][..]))));
        // Padding behind it does no harm.
        let padded = [&frame[..], &[0; 20]].concat();
        assert_eq!(ha3_read(&padded, &key), Ok(piece));
    }

    #[test]
    fn every_kind_is_told_apart() {
        for (kind, number) in Ha3Kind::ALL.into_iter().zip(1..) {
            assert_eq!((kind as u8, Ha3Kind::of(number)), (number, Some(kind)));
            let header = Ha3Header { kind, ..REQUEST };
            let [frame] = ha3_frames(ENDS, &header, (&[], &[]), 1500, &key).unwrap().try_into().unwrap();
            assert_eq!(ha3_read(&frame, &key).map(|piece| piece.header), Ok(header));
        }
        assert_eq!([0, 8, 255].map(Ha3Kind::of), [None; 3]);
    }

    #[test]
    fn what_does_not_fit_goes_in_pieces() {
        for (body, mtu, wanted) in [
            (1514, 1514 + HA3_OVERHEAD, Ok(1)),
            (1515, 1514 + HA3_OVERHEAD, Ok(2)),
            (1514, 1500, Ok(2)),
            (0, HA3_OVERHEAD + 1, Ok(1)),
            (256, HA3_OVERHEAD + 1, Ok(256)),
            (257, HA3_OVERHEAD + 1, Err(())),
            (1, HA3_OVERHEAD, Err(())),
            (1, 0, Err(())),
            (65_535, 9_000, Ok(8)),
            (65_536, 9_000, Err(())),
        ] {
            assert_eq!(ha3_pieces(body, mtu).map_err(|_| ()), wanted, "{body} in {mtu}");
        }
        let error = ha3_pieces(70_000, 1500).unwrap_err();
        assert_eq!(error.to_string(), "70000 bytes do not fit an HA3 link with an MTU of 1500 bytes");
        let frames = sent(100, 9_018, 1500);
        assert_eq!(frames.len(), 7);
        assert!(frames.iter().all(|frame| frame.len() <= 14 + 1500));
    }

    #[test]
    fn pieces_in_any_order_twice_and_mixed_with_others_make_the_message() {
        let frames = sent(100, 4_000, 1500);
        let later = Ha3Header { sequence: 7, kind: Ha3Kind::ForwardToOwner, ..REQUEST };
        let others = ha3_frames(ENDS, &later, (&[], &bytes(2_000)), 1500, &key).unwrap();
        let mut assembler = Ha3Assembler::new();
        let mut found = Vec::new();
        for frame in [&frames[2], &others[1], &frames[0], &frames[2], &frames[0], &others[0], &frames[1]] {
            found.extend(assembler.handle_piece(&ha3_read(frame, &key).unwrap()));
        }
        let [other, whole] = found.try_into().unwrap();
        assert_eq!((other.header, other.frame), (later, bytes(2_000)));
        assert_eq!((whole.header, whole.description, whole.frame), (REQUEST, bytes(100), bytes(4_000)));
        assert_eq!((assembler.partial.len(), assembler.lost()), (0, 0));
    }

    #[test]
    fn too_many_unfinished_messages_are_counted() {
        let mut assembler = Ha3Assembler::new();
        for number in 0..100 {
            let header = Ha3Header { sequence: number * 10, ..REQUEST };
            let frames = ha3_frames(ENDS, &header, (&[], &bytes(2_000)), 1500, &key).unwrap();
            assert_eq!(assembler.handle_piece(&ha3_read(&frames[0], &key).unwrap()), None);
        }
        assert_eq!((assembler.partial.len(), assembler.lost()), (MOST_PARTIAL, 36));
    }

    #[test]
    fn no_frame_is_taken_twice_and_none_of_another_epoch() {
        let frame = |epoch, sequence| Ha3Header { epoch, sequence, ..REQUEST };
        let mut window = Ha3Window::new(5);
        for (epoch, sequence, is_new) in [
            (4, 0, false),
            (6, 0, false),
            (5, 0, true),
            (5, 0, false),
            (5, 3, true),
            (5, 1, true),
            (5, 3, false),
            (5, 1, false),
            (5, 130, true),
            (5, 3, false),
            (5, 4, true),
            (5, 2, false),
            (5, 129, true),
            (5, 5_000, true),
            (5, 130, false),
            (5, 4_873, true),
            (5, 4_872, false),
            (5, u64::MAX, false),
            (5, u64::MAX - 1, true),
            (5, u64::MAX - 1, false),
            (5, u64::MAX - 2, true),
        ] {
            assert_eq!(window.take(&frame(epoch, sequence)), is_new, "{epoch} {sequence}");
        }
    }

    #[test]
    fn what_is_cut_changed_or_of_others_is_told_apart() {
        let [frame] = sent(4, 60, 1500).try_into().unwrap();
        for length in 0..frame.len() {
            let wanted = if length < 14 { Ha3Error::Foreign } else { Ha3Error::Malformed };
            assert_eq!(ha3_read(&frame[..length], &key), Err(wanted), "{length}");
        }
        for at in 12..frame.len() {
            for bit in 0..8 {
                let mut changed = frame.clone();
                changed[at] ^= 1 << bit;
                assert!(ha3_read(&changed, &key).is_err(), "byte {at} bit {bit}");
            }
        }
        let mut newer = frame.clone();
        newer[14] = 2;
        assert_eq!(ha3_read(&newer, &key), Err(Ha3Error::Version(2)));
        assert_eq!(Ha3Error::Version(2).to_string(), "HA3 version 2; this device speaks version 1");
        let mut wrong = frame.clone();
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(ha3_read(&wrong, &key), Err(Ha3Error::Forged));
        let other = |header: &[u8], piece: &[u8]| key(piece, header);
        assert_eq!(ha3_read(&frame, &other), Err(Ha3Error::Forged));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_put_together_without_panic(
            heads in prop::collection::vec(prop::collection::vec(any::<u8>(), 35), 1..40),
            lengths in prop::collection::vec(0_u16..40, 40),
            tail in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            // A key that a careless peer would have: every tag is right.
            let open = |_: &[u8], _: &[u8]| [0; 16];
            let mut assembler = Ha3Assembler::new();
            for (head, length) in heads.iter().zip(lengths) {
                let mut head = head.clone();
                head[0] %= 9;
                head[1] %= 3;
                head[33..35].copy_from_slice(&length.to_be_bytes());
                let frame =
                    [&[2; 12][..], &ETHERTYPE_HA3.to_be_bytes(), &[VERSION], &head, &[0; 16], &tail].concat();
                let _ = ha3_read(&frame, &key);
                if let Ok(piece) = ha3_read(&frame, &open) {
                    let _ = piece.parts();
                    let _ = assembler.handle_piece(&piece);
                }
            }
            prop_assert!(assembler.partial.len() <= MOST_PARTIAL);
        }

        #[test]
        fn any_message_arrives(
            description in prop::collection::vec(any::<u8>(), 0..300),
            frame in prop::collection::vec(any::<u8>(), 0..3_000),
            mtu in 600_usize..2_000,
            sequence: u64,
        ) {
            let header = Ha3Header { sequence, ..REQUEST };
            let frames = ha3_frames(ENDS, &header, (&description, &frame), mtu, &key).unwrap();
            prop_assert_eq!(Ok(frames.len()), ha3_pieces(description.len() + frame.len(), mtu));
            let mut assembler = Ha3Assembler::new();
            let mut found = Vec::new();
            for frame in frames.iter().rev() {
                prop_assert!(frame.len() <= 14 + mtu);
                found.extend(assembler.handle_piece(&ha3_read(frame, &key).unwrap()));
            }
            prop_assert_eq!(found, [Ha3Message { header, description, frame }]);
        }
    }
}
