//! HA3: whole frames for the other device of an active/active pair, authenticated.
//!
//! ```text
//!  frame ──► pieces that fit ──► number, tag ──► HA3 ──► tag right? ──► of this connection, new? ──► whole?
//!              │ too long            │ no keys            │ no            │ no                        │
//!              └─────────────────────┴────── refused: counted, nothing changes ◄──────────────────────┘
//! ```
//!
//! The frames are those of `bifrons_wire`; here are their keys and their numbers. A tag is that of
//! AES-128-GCM over header and piece with nothing encrypted (GMAC, NIST SP 800-38D); its nonce is epoch and
//! number, which the header holds. A key serves one epoch and one direction, and a number is given once in
//! it.

use alloc::vec::Vec;

use aes_gcm::{Aes128Gcm, KeyInit, aead::AeadInOut};
use bifrons_wire::{
    Ha3Assembler, Ha3Error, Ha3Header, Ha3Key, Ha3Kind, Ha3Message, Ha3TooLong, Ha3Window, ha3_epoch,
    ha3_frames, ha3_read,
};

use crate::{DeviceId, VirtualMac, sync::Keys};

mod keep_alive;

pub use keep_alive::Ha3KeepAlive;

/// Where epoch and number stand in a header that a tag is over.
const NONCE: core::ops::Range<usize> = 8..20;

/// One device's end of HA3.
pub struct Ha3Channel {
    device: DeviceId,
    group: u8,
    mtu: usize,
    life: Option<Life>,
    assembler: Ha3Assembler,
    /// What assemblers of earlier connections have given up.
    lost: u64,
    counters: Ha3Counters,
}

/// What HA3 carried since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ha3Counters {
    /// Frames that were given to the peer.
    pub sent: u64,
    /// The pieces that they travelled in.
    pub pieces_sent: u64,
    /// Frames that came from the peer.
    pub received: u64,
    /// The pieces that they came in.
    pub pieces_received: u64,
    /// Not sent, or not taken, for there were no keys.
    pub no_peer: u64,
    /// Not sent, for they do not fit the link's MTU in pieces either.
    pub too_long: u64,
    /// Not taken: no HA3 frames of a version that is spoken here.
    pub malformed: u64,
    /// Not taken: their tag is not that of the peer.
    pub forged: u64,
    /// Not taken: they name another connection.
    pub other_epoch: u64,
    /// Not taken: they have come before, or are too old to tell.
    pub replayed: u64,
    /// Given up, for pieces of them did not come.
    pub incomplete: u64,
    /// Keep-alives that were sent; they are none of the frames.
    pub keep_alives_sent: u64,
    /// Keep-alives that came from the peer.
    pub keep_alives_received: u64,
}

/// Why a frame was not sent or not taken. It changes nothing but a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ha3Refusal {
    /// There are no keys yet, or no more.
    #[error("no peer is connected")]
    NoPeer,
    /// It cannot be sent.
    #[error(transparent)]
    TooLong(#[from] Ha3TooLong),
    /// It cannot be read, or is not the peer's.
    #[error(transparent)]
    Unreadable(#[from] Ha3Error),
    /// It belongs to another connection.
    #[error("HA3 frame of epoch {found}, expected {expected}")]
    Epoch {
        /// The epoch of the keys in use.
        expected: u32,
        /// The one in the frame.
        found: u32,
    },
    /// It has come before, or is too old to tell.
    #[error("HA3 frame {0} has come before")]
    Replayed(u64),
}

/// One connection with the peer.
struct Life {
    epoch: u32,
    send: Tagger,
    receive: Tagger,
    next: u64,
    window: Ha3Window,
}

struct Tagger(Aes128Gcm);

impl Ha3Key for Tagger {
    fn tag(&self, header: &[u8], piece: &[u8]) -> [u8; 16] {
        let nonce = header.get(NONCE).and_then(<[u8]>::first_chunk::<12>).copied().unwrap_or_default();
        let text = [header, piece].concat();
        // Fails only for texts of more than two exabytes.
        self.0.encrypt_inout_detached(&nonce.into(), &text, (&mut [][..]).into()).map_or([0; 16], Into::into)
    }
}

impl Ha3Channel {
    /// The end of this device of a pair. `mtu` is what a frame of the link holds behind its Ethernet header,
    /// in bytes.
    pub fn new(device: DeviceId, group: u8, mtu: u16) -> Self {
        Self {
            device,
            group,
            mtu: usize::from(mtu),
            life: None,
            assembler: Ha3Assembler::new(),
            lost: 0,
            counters: Ha3Counters::default(),
        }
    }

    /// Other values, after a commit. The connection goes on.
    pub fn handle_settings(&mut self, device: DeviceId, group: u8, mtu: u16) {
        (self.device, self.group, self.mtu) = (device, group, usize::from(mtu));
    }

    /// Keys for another connection with the peer, whose epoch is above all before; `None` when the peer is
    /// gone. What came in pieces so far is given up.
    pub fn handle_keys(&mut self, keys: Option<&Keys>) {
        self.life = keys.map(|keys| Life {
            epoch: keys.epoch,
            send: Tagger(Aes128Gcm::new(&keys.send.into())),
            receive: Tagger(Aes128Gcm::new(&keys.receive.into())),
            next: 0,
            window: Ha3Window::new(keys.epoch),
        });
        self.lost += self.assembler.lost() + self.assembler.waiting() as u64;
        self.assembler = Ha3Assembler::new();
    }

    /// Whether there are keys.
    pub const fn is_connected(&self) -> bool {
        self.life.is_some()
    }

    /// The Ethernet frames that carry a frame to the peer, in order. Of the header kind, interface, zone and
    /// session count.
    ///
    /// # Errors
    /// Why none do.
    pub fn seal(
        &mut self,
        header: &Ha3Header,
        description: &[u8],
        frame: &[u8],
    ) -> Result<Vec<Vec<u8>>, Ha3Refusal> {
        let sealed = self.try_seal(header, (description, frame));
        match &sealed {
            Ok(_) if header.kind == Ha3Kind::KeepAlive => self.counters.keep_alives_sent += 1,
            Ok(pieces) => {
                self.counters.sent += 1;
                self.counters.pieces_sent += pieces.len() as u64;
            }
            Err(refusal) => self.count(refusal),
        }
        sealed
    }

    /// Takes an Ethernet frame that came in by the link; what the peer gives, once all pieces of it are here.
    ///
    /// # Errors
    /// Why it was not taken.
    pub fn open(&mut self, bytes: &[u8]) -> Result<Option<Ha3Message>, Ha3Refusal> {
        let opened = self.try_open(bytes);
        match &opened {
            Ok(Some(message)) if message.header.kind == Ha3Kind::KeepAlive => {
                self.counters.keep_alives_received += 1;
            }
            Ok(message) => {
                self.counters.pieces_received += 1;
                self.counters.received += u64::from(message.is_some());
            }
            Err(refusal) => self.count(refusal),
        }
        opened
    }

    /// What was carried and refused.
    pub const fn counters(&self) -> Ha3Counters {
        Ha3Counters { incomplete: self.lost + self.assembler.lost(), ..self.counters }
    }

    fn try_seal(&mut self, header: &Ha3Header, body: (&[u8], &[u8])) -> Result<Vec<Vec<u8>>, Ha3Refusal> {
        let life = self.life.as_mut().ok_or(Ha3Refusal::NoPeer)?;
        let end = |device| VirtualMac::ha3_end(device, self.group);
        let sender = self.device.number();
        let header = Ha3Header { sender, epoch: life.epoch, sequence: life.next, ..*header };
        let ends = (end(self.device), end(self.device.peer()));
        let pieces = ha3_frames(ends, &header, body, self.mtu, &life.send)?;
        life.next = life.next.saturating_add(pieces.len() as u64);
        Ok(pieces)
    }

    fn try_open(&mut self, bytes: &[u8]) -> Result<Option<Ha3Message>, Ha3Refusal> {
        let life = self.life.as_mut().ok_or(Ha3Refusal::NoPeer)?;
        let piece = match ha3_read(bytes, &life.receive) {
            Ok(piece) => piece,
            Err(Ha3Error::Forged) => return Err(forged(life.epoch, bytes)),
            Err(error) => return Err(error.into()),
        };
        let header = piece.header;
        if header.epoch != life.epoch {
            return Err(Ha3Refusal::Epoch { expected: life.epoch, found: header.epoch });
        }
        if !life.window.take(&header) {
            return Err(Ha3Refusal::Replayed(header.sequence));
        }
        Ok(self.assembler.handle_piece(&piece))
    }

    const fn count(&mut self, refusal: &Ha3Refusal) {
        let counters = &mut self.counters;
        let counter = match refusal {
            Ha3Refusal::NoPeer => &mut counters.no_peer,
            Ha3Refusal::TooLong(_) => &mut counters.too_long,
            Ha3Refusal::Unreadable(Ha3Error::Forged) => &mut counters.forged,
            Ha3Refusal::Unreadable(Ha3Error::Foreign | Ha3Error::Version(_) | Ha3Error::Malformed) => {
                &mut counters.malformed
            }
            Ha3Refusal::Epoch { .. } => &mut counters.other_epoch,
            Ha3Refusal::Replayed(_) => &mut counters.replayed,
        };
        *counter += 1;
    }
}

/// A frame of an earlier connection has a tag by another key.
fn forged(expected: u32, bytes: &[u8]) -> Ha3Refusal {
    match ha3_epoch(bytes) {
        Some(found) if found != expected => Ha3Refusal::Epoch { expected, found },
        Some(_) | None => Ha3Refusal::Unreadable(Ha3Error::Forged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use bifrons_model::{InterfaceId, ZoneId};
    use bifrons_wire::Ha3Kind;

    const HEADER: Ha3Header = Ha3Header {
        kind: Ha3Kind::ForwardToOwner,
        sender: 0,
        interface: InterfaceId(3),
        zone: ZoneId(2),
        epoch: 0,
        sequence: 0,
        session: 77,
    };

    fn keys(epoch: u32) -> Keys {
        Keys { epoch, side: DeviceId::One, send: [epoch as u8; 16], receive: [epoch as u8 + 100; 16] }
    }

    /// Two ends with the same keys.
    fn ends(mtu: u16) -> [Ha3Channel; 2] {
        let mut ends = [DeviceId::Zero, DeviceId::One].map(|device| Ha3Channel::new(device, 7, mtu));
        ends[0].handle_keys(Some(&keys(5)));
        ends[1].handle_keys(Some(&keys(5).for_peer()));
        ends
    }

    #[test]
    fn the_peer_gets_what_was_given_once() {
        let [mut here, mut there] = ends(1_500);
        let sealed = here.seal(&HEADER, b"session", b"frame").unwrap();
        assert_eq!(sealed.len(), 1);
        let message = there.open(&sealed[0]).unwrap().unwrap();
        assert_eq!((&message.description[..], &message.frame[..]), (&b"session"[..], &b"frame"[..]));
        assert_eq!(message.header, Ha3Header { epoch: 5, ..HEADER });
        assert_eq!(there.open(&sealed[0]), Err(Ha3Refusal::Replayed(0)));
        assert_eq!(
            here.open(&sealed[0]),
            Err(Ha3Refusal::Unreadable(Ha3Error::Forged)),
            "its own comes back"
        );
        let answer = there.seal(&HEADER, b"", b"answer").unwrap();
        assert_eq!(here.open(&answer[0]).unwrap().unwrap().header.sender, 1);
        assert_eq!(
            here.counters(),
            Ha3Counters {
                sent: 1,
                pieces_sent: 1,
                received: 1,
                pieces_received: 1,
                forged: 1,
                ..Ha3Counters::default()
            }
        );
        assert_eq!(there.counters().replayed, 1);
    }

    #[test]
    fn keep_alives_are_authentic_and_counted_for_themselves() {
        let [mut here, mut there] = ends(1_500);
        let header = Ha3Header { kind: Ha3Kind::KeepAlive, session: 1, ..HEADER };
        let [sealed] = here.seal(&header, b"", b"").unwrap().try_into().unwrap();
        let mut forged = sealed.clone();
        // Whether the sender hears the receiver.
        forged[14 + 27] ^= 1;
        assert_eq!(there.open(&forged), Err(Ha3Refusal::Unreadable(Ha3Error::Forged)));
        let message = there.open(&sealed).unwrap().unwrap();
        assert_eq!((message.header.kind, message.header.session), (Ha3Kind::KeepAlive, 1));
        assert_eq!(there.open(&sealed), Err(Ha3Refusal::Replayed(0)));
        let of = |counters: Ha3Counters| (counters.sent, counters.pieces_sent, counters.keep_alives_sent);
        assert_eq!(of(here.counters()), (0, 0, 1));
        let found = there.counters();
        assert_eq!((found.received, found.pieces_received, found.keep_alives_received), (0, 0, 1));
    }

    #[test]
    fn no_forged_cut_or_old_frame_is_taken() {
        let [mut here, mut there] = ends(1_500);
        let sealed = here.seal(&HEADER, b"", b"frame").unwrap().remove(0);
        let mut refused = 0;
        // The Ethernet addresses are not under the tag.
        for bit in 12 * 8..sealed.len() * 8 {
            let mut forged = sealed.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(there.open(&forged).is_err(), "bit {bit}");
            refused += 1;
        }
        for length in 0..sealed.len() {
            assert!(there.open(&sealed[..length]).is_err(), "{length} bytes");
            refused += 1;
        }
        let counters = there.counters();
        assert_eq!(counters.malformed + counters.forged + counters.other_epoch, refused);
        assert_eq!((counters.received, counters.pieces_received), (0, 0));
        assert!(there.open(&sealed).unwrap().is_some(), "nothing of it has changed anything");
        // Another connection.
        let late = here.seal(&HEADER, b"", b"late").unwrap().remove(0);
        there.handle_keys(Some(&keys(6).for_peer()));
        assert_eq!(there.open(&late), Err(Ha3Refusal::Epoch { expected: 6, found: 5 }));
        assert_eq!(there.open(&sealed), Err(Ha3Refusal::Epoch { expected: 6, found: 5 }));
        there.handle_keys(None);
        assert_eq!(there.open(&late), Err(Ha3Refusal::NoPeer));
        assert_eq!(there.seal(&HEADER, b"", b"frame"), Err(Ha3Refusal::NoPeer));
        assert_eq!((there.counters().other_epoch - counters.other_epoch, there.counters().no_peer), (2, 2));
    }

    #[test]
    fn what_is_longer_than_the_link_comes_in_pieces_or_is_refused() {
        let [mut here, mut there] = ends(576);
        let frame: Vec<u8> = (0..1_514_u32).map(|number| number as u8).collect();
        let mut sealed = here.seal(&HEADER, b"", &frame).unwrap();
        assert_eq!(sealed.len(), 3);
        assert!(sealed.iter().all(|piece| piece.len() <= 14 + 576));
        let last = sealed.pop().unwrap();
        for piece in &sealed {
            assert_eq!(there.open(piece), Ok(None));
        }
        assert_eq!(there.open(&last).unwrap().unwrap().frame, frame);
        assert_eq!((there.counters().received, there.counters().pieces_received), (1, 3));
        let refused = here.seal(&HEADER, b"", &vec![0; 70_000]);
        assert_eq!(refused, Err(Ha3Refusal::TooLong(Ha3TooLong { body: 70_000, mtu: 576 })));
        assert_eq!(here.counters().too_long, 1);
        // A piece without the rest is lost with its connection.
        let sealed = here.seal(&HEADER, b"", &frame).unwrap();
        assert_eq!(there.open(&sealed[0]), Ok(None));
        there.handle_keys(None);
        assert_eq!(there.counters().incomplete, 1);
    }

    #[test]
    fn frames_may_overtake_each_other() {
        let [mut here, mut there] = ends(1_500);
        let mut sealed: Vec<_> =
            (0..20_u8).map(|number| here.seal(&HEADER, b"", &[number]).unwrap().remove(0)).collect();
        sealed.reverse();
        for (frame, number) in sealed.iter().zip((0..20).rev()) {
            assert_eq!(there.open(frame).unwrap().unwrap().frame, [number]);
        }
    }
}
