//! The envelope of an HA2 message: version, kind, epoch and number in clear, the rest sealed by AES-128-GCM.
//!
//! ```text
//! 0         1      2              6                      12             n           n + 16
//! | version | kind | epoch: u32   | number: u48          | sealed body  | tag       |
//! |<------------ authenticated with the body ----------->|
//! ```
//!
//! The nonce is epoch, kind, side and number. Batches count with their sequence, all other messages with a
//! counter of their own, and a batch that is sent again is sent with the same bytes: no nonce ever covers two
//! texts. A key serves one epoch and one direction.

use alloc::vec::Vec;
use core::fmt;

use aes_gcm::{Aes128Gcm, KeyInit, Tag, aead::AeadInOut};

use super::Refusal;
use crate::DeviceId;

/// The version of the messages that this program writes; it reads this one and older ones.
pub const VERSION: u8 = 1;

/// Bytes before the sealed body.
pub(super) const HEADER: usize = 12;
/// Bytes behind it.
pub(super) const TAG: usize = 16;

/// What one connection of the two devices is sealed with; agreed on over HA1.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Grows with every connection; messages of any other epoch are refused.
    pub epoch: u32,
    /// Which end this device is; the other device has the other one.
    pub side: DeviceId,
    /// Seals what this device sends; used in this epoch only.
    pub send: [u8; 16],
    /// Opens what the peer sends; used in this epoch only.
    pub receive: [u8; 16],
}

impl Keys {
    /// The peer's view of the same keys.
    #[must_use]
    pub const fn for_peer(&self) -> Self {
        Self { epoch: self.epoch, side: self.side.peer(), send: self.receive, receive: self.send }
    }
}

/// Without the keys themselves.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("epoch", &self.epoch).field("side", &self.side).finish_non_exhaustive()
    }
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageKind {
    /// Items; its number is its place in the order of batches.
    Batch,
    /// What has arrived.
    Acknowledgement,
    /// Asks for an answer on the same link.
    KeepAlive,
    /// That answer.
    KeepAliveReply,
    /// Says only that the sender lives.
    SignOfLife,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::Batch, Self::Acknowledgement, Self::KeepAlive, Self::KeepAliveReply, Self::SignOfLife];

    /// The name that the operator sees.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Acknowledgement => "acknowledgement",
            Self::KeepAlive => "keep-alive",
            Self::KeepAliveReply => "keep-alive reply",
            Self::SignOfLife => "sign of life",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Batch => 1,
            Self::Acknowledgement => 2,
            Self::KeepAlive => 3,
            Self::KeepAliveReply => 4,
            Self::SignOfLife => 5,
        }
    }

    /// What a message says of itself, in clear; whether it is the peer's is not looked at.
    pub const fn of_message(message: &[u8]) -> Option<Self> {
        match message {
            [_, code, ..] => Self::of(*code),
            _ => None,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Batch),
            2 => Some(Self::Acknowledgement),
            3 => Some(Self::KeepAlive),
            4 => Some(Self::KeepAliveReply),
            5 => Some(Self::SignOfLife),
            _ => None,
        }
    }
}

/// Seals and opens the messages of one epoch.
pub(super) struct Seal {
    epoch: u32,
    side: DeviceId,
    send: Aes128Gcm,
    receive: Aes128Gcm,
    /// The number of the next message that is not a batch.
    next_number: u64,
    /// Which of the peer's messages that are not batches have come.
    seen: Seen,
}

impl Seal {
    pub fn new(keys: &Keys) -> Self {
        Self {
            epoch: keys.epoch,
            side: keys.side,
            send: Aes128Gcm::new(&keys.send.into()),
            receive: Aes128Gcm::new(&keys.receive.into()),
            next_number: 0,
            seen: Seen::default(),
        }
    }

    /// Seal a batch in place: `message` begins with [`HEADER`] bytes that are filled here.
    pub fn batch(&self, sequence: u64, message: &mut Vec<u8>) {
        self.seal(MessageKind::Batch, sequence, message);
    }

    /// Seal any other message in place.
    pub fn control(&mut self, kind: MessageKind, message: &mut Vec<u8>) {
        let number = self.next_number;
        self.next_number += 1;
        self.seal(kind, number, message);
    }

    fn seal(&self, kind: MessageKind, number: u64, message: &mut Vec<u8>) {
        let header = header(kind.code(), self.epoch, number);
        let nonce = nonce(self.epoch, kind.code(), self.side, number);
        let Some((clear, body)) = message.split_at_mut_checked(HEADER) else { return };
        clear.copy_from_slice(&header);
        // Fails only for texts of more than 64 gigabytes; without its tag a message is refused.
        if let Ok(tag) = self.send.encrypt_inout_detached(&nonce.into(), &header, body.into()) {
            message.extend_from_slice(&tag);
        }
    }

    /// Open a message; its body is left in `body`. The kind is `None` for one of a newer peer.
    pub fn open(
        &mut self,
        message: &[u8],
        body: &mut Vec<u8>,
    ) -> Result<(Option<MessageKind>, u64), Refusal> {
        let (header, rest) = message.split_first_chunk::<HEADER>().ok_or(Refusal::Truncated)?;
        let [version, code, e0, e1, e2, e3, n0, n1, n2, n3, n4, n5] = *header;
        if version == 0 || version > VERSION {
            return Err(Refusal::Version(version));
        }
        let epoch = u32::from_be_bytes([e0, e1, e2, e3]);
        if epoch != self.epoch {
            return Err(Refusal::Epoch { expected: self.epoch, found: epoch });
        }
        let number = u64::from_be_bytes([0, 0, n0, n1, n2, n3, n4, n5]);
        let (sealed, tag) = rest.split_last_chunk::<TAG>().ok_or(Refusal::Truncated)?;
        body.clear();
        body.extend_from_slice(sealed);
        let nonce = nonce(epoch, code, self.side.peer(), number);
        self.receive
            .decrypt_inout_detached(&nonce.into(), header, body.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| Refusal::Forged)?;
        let kind = MessageKind::of(code);
        if kind != Some(MessageKind::Batch) && !self.seen.insert(number) {
            return Err(Refusal::Replayed(number));
        }
        Ok((kind, number))
    }
}

const fn header(code: u8, epoch: u32, number: u64) -> [u8; HEADER] {
    let [e0, e1, e2, e3] = epoch.to_be_bytes();
    let [_, _, n0, n1, n2, n3, n4, n5] = number.to_be_bytes();
    [VERSION, code, e0, e1, e2, e3, n0, n1, n2, n3, n4, n5]
}

const fn nonce(epoch: u32, code: u8, side: DeviceId, number: u64) -> [u8; 12] {
    let [e0, e1, e2, e3] = epoch.to_be_bytes();
    let [_, _, n0, n1, n2, n3, n4, n5] = number.to_be_bytes();
    [e0, e1, e2, e3, code, side.number(), n0, n1, n2, n3, n4, n5]
}

/// Which numbers have been seen: the highest and the 64 below it. Anything older counts as seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// One above the highest.
    end: u64,
    /// Bit n: `end - 1 - n` has been seen.
    bits: u64,
}

impl Seen {
    /// Whether `number` is new; it is not any more.
    fn insert(&mut self, number: u64) -> bool {
        if number >= self.end {
            let step = number - self.end + 1;
            self.bits = if step < 64 { self.bits << step } else { 0 } | 1;
            self.end = number + 1;
            return true;
        }
        let age = self.end - 1 - number;
        if age >= 64 || self.bits >> age & 1 == 1 {
            return false;
        }
        self.bits |= 1 << age;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn keys(epoch: u32) -> Keys {
        Keys { epoch, side: DeviceId::Zero, send: [1; 16], receive: [2; 16] }
    }

    fn sealed(seal: &mut Seal, kind: MessageKind) -> Vec<u8> {
        let mut message = vec![0; HEADER];
        message.extend_from_slice(b"body");
        seal.control(kind, &mut message);
        message
    }

    #[test]
    fn the_peer_opens_what_was_sealed_once() {
        let mut here = Seal::new(&keys(7));
        let mut there = Seal::new(&keys(7).for_peer());
        let mut body = Vec::new();
        for (number, kind) in [MessageKind::KeepAlive, MessageKind::SignOfLife].into_iter().enumerate() {
            let message = sealed(&mut here, kind);
            assert_eq!(message.len(), HEADER + 4 + TAG);
            assert_eq!(there.open(&message, &mut body), Ok((Some(kind), number as u64)));
            assert_eq!(body, b"body");
            assert_eq!(there.open(&message, &mut body), Err(Refusal::Replayed(number as u64)));
            assert_eq!(here.open(&message, &mut body), Err(Refusal::Forged), "its own message comes back");
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let message = sealed(&mut Seal::new(&keys(7)), MessageKind::KeepAlive);
        let mut there = Seal::new(&keys(7).for_peer());
        let mut body = Vec::new();
        for bit in 0..message.len() * 8 {
            let mut forged = message.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(there.open(&forged, &mut body).is_err(), "bit {bit}");
        }
        for length in 0..message.len() {
            assert!(there.open(&message[..length], &mut body).is_err(), "{length} bytes");
        }
        assert!(there.open(&message, &mut body).is_ok());
    }

    #[test]
    fn epochs_and_versions_are_named_in_the_refusal() {
        let mut message = sealed(&mut Seal::new(&keys(6)), MessageKind::KeepAlive);
        let mut there = Seal::new(&keys(7).for_peer());
        let mut body = Vec::new();
        let refusal = there.open(&message, &mut body);
        assert_eq!(refusal, Err(Refusal::Epoch { expected: 7, found: 6 }));
        message[0] = VERSION + 1;
        assert_eq!(there.open(&message, &mut body), Err(Refusal::Version(VERSION + 1)));
    }

    #[test]
    fn numbers_may_come_out_of_order_but_once() {
        let mut seen = Seen::default();
        for number in [5, 3, 4, 70, 9, 200, 137] {
            assert!(seen.insert(number), "{number}");
            assert!(!seen.insert(number), "{number} again");
        }
        assert!(!seen.insert(136), "too old to be known");
    }
}
