//! What is told of sessions as bytes: items of a batch, one behind the other.
//!
//! ```text
//!  created                          changed, noted, refreshed      shown            ended
//! ├ version, kind   1              ├ version, kind   1            ├ as left   1    ├ as left   1
//! ├ number          4              ├ number          4            ├ number    4    ├ number    4
//! ├ who             26 and more    ├ life                         ├ place     1–5
//! ├ life                           ├ notes (noted only)           ├ length    1–2
//! ├ notes                                                         ├ entries
//! ```
//!
//! Numbers that are mostly small are varints (seven bits a byte, the lowest first); what most sessions do not
//! have is a bit of a presence word. What all items of a batch share stands in its header once
//! ([`BatchContext`]).

use alloc::{boxed::Box, vec::Vec};

use bifrons_inspect::{Shown, TOLD_BYTES};
use bifrons_model::{Generation, SessionId, Timestamp};

use super::{EventKind, Life, NoteState, SessionState};

mod life;
mod notes;
mod read;
mod who;

pub use read::DecodeError;
use read::{Reader, put_varint};

/// The version that this device speaks. One that speaks a newer one is asked for this by the machines of HA2.
const VERSION: u8 = 1;

/// What all items of a batch share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchContext {
    /// The configuration that the sender runs. Whoever runs another hands no items to its workers.
    pub generation: Generation,
    /// A time that the sessions' beginnings are told by: the sender's when it made the batch.
    pub time: Timestamp,
}

/// One item of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MirrorItem {
    /// Everything of a session.
    Created(Box<SessionState>),
    /// What has changed of it.
    Changed {
        /// The session.
        id: SessionId,
        /// What changes in its life.
        life: Box<Life>,
        /// Its notes, where they have changed.
        notes: Option<Box<NoteState>>,
    },
    /// What its identification was shown.
    Inspected {
        /// The session.
        id: SessionId,
        /// What that was.
        shown: Shown,
    },
    /// It has ended.
    Ended {
        /// The session.
        id: SessionId,
    },
}

impl MirrorItem {
    /// The session that it is about.
    pub const fn id(&self) -> SessionId {
        match self {
            Self::Created(state) => state.id,
            Self::Changed { id, .. } | Self::Inspected { id, .. } | Self::Ended { id } => *id,
        }
    }

    /// The first item of a batch, and the bytes behind it.
    ///
    /// # Errors
    /// What is wrong with the bytes, which may hold anything.
    pub fn decode<'a>(bytes: &'a [u8], context: &BatchContext) -> Result<(Self, &'a [u8]), DecodeError> {
        let mut reader = Reader::new(bytes);
        let head = reader.byte()?;
        if head >> 4 != VERSION {
            return Err(DecodeError::Version(head >> 4));
        }
        let id = SessionId(reader.number()?);
        let item = match head & 0xf {
            kind if kind == EventKind::Created as u8 => {
                let who = who::read(&mut reader, context)?;
                let life = life::read(&mut reader, context, who.protocol())?;
                let notes = notes::read(&mut reader)?;
                Self::Created(Box::new(who.state(id, life, notes)))
            }
            kind if kind == EventKind::Changed as u8 || kind == EventKind::Refreshed as u8 => {
                Self::Changed { id, life: Box::new(read_life(&mut reader, context)?), notes: None }
            }
            kind if kind == EventKind::Noted as u8 => {
                let life = Box::new(read_life(&mut reader, context)?);
                Self::Changed { id, life, notes: Some(Box::new(notes::read(&mut reader)?)) }
            }
            kind if kind == EventKind::Inspected as u8 => {
                let from = reader.varint_u32()?;
                let length = reader.varint_u32()? as usize;
                if length > TOLD_BYTES {
                    return Err(DecodeError::TooLong(length));
                }
                let entries = reader.bytes(length)?.to_vec();
                Self::Inspected { id, shown: Shown { from, entries } }
            }
            kind if kind == EventKind::Ended as u8 => Self::Ended { id },
            kind => return Err(DecodeError::Kind(kind)),
        };
        Ok((item, reader.rest()))
    }
}

impl SessionState {
    /// Appends it as an item of a batch with this context: everything for `EventKind::Created`, what changes
    /// for the others, with the notes for `EventKind::Noted`. Nothing for those that have no state.
    pub fn encode(&self, kind: EventKind, context: &BatchContext, out: &mut Vec<u8>) {
        encode(self, kind, context, out);
    }
}

pub(super) fn encode(state: &SessionState, kind: EventKind, context: &BatchContext, out: &mut Vec<u8>) {
    let protocol = state.keys[0].protocol();
    match kind {
        EventKind::Created => {
            head(kind, state.id, out);
            who::write(state, context, out);
            life::write(&state.life, context, protocol, out);
            notes::write(&state.notes, out);
        }
        EventKind::Changed | EventKind::Refreshed | EventKind::Noted => {
            head(kind, state.id, out);
            out.push(protocol);
            life::write(&state.life, context, protocol, out);
            if kind == EventKind::Noted {
                notes::write(&state.notes, out);
            }
        }
        EventKind::Inspected | EventKind::Ended => {}
    }
}

/// Appends that a session has ended.
pub fn encode_end(id: SessionId, out: &mut Vec<u8>) {
    head(EventKind::Ended, id, out);
}

pub(super) fn encode_shown(id: SessionId, shown: &Shown, out: &mut Vec<u8>) {
    head(EventKind::Inspected, id, out);
    put_varint(out, shown.from.into());
    put_varint(out, shown.entries.len() as u64);
    out.extend(&shown.entries);
}

fn head(kind: EventKind, id: SessionId, out: &mut Vec<u8>) {
    out.push(VERSION << 4 | kind as u8);
    out.extend(id.0.to_be_bytes());
}

fn read_life(reader: &mut Reader<'_>, context: &BatchContext) -> Result<Life, DecodeError> {
    let protocol = reader.byte()?;
    life::read(reader, context, protocol)
}
