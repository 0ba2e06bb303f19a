//! What is told of a session as bytes: the payload of an item of HA2, which has the session's number.
//!
//! ```text
//!  new, or told of in a join       changed
//! ├ version, parts   1            ├ version, parts   1
//! ├ who              28 and more  ├ protocol         1
//! ├ life             14 and more  ├ life             5 and more
//! ├ notes            1 and more   ├ notes            where they are others
//! └ shown            where identification goes on
//! ```
//!
//! Numbers that are mostly small are varints (seven bits a byte, the lowest first); what most sessions do not
//! have is a bit of a presence word.

use alloc::{boxed::Box, vec::Vec};

use bifrons_inspect::{Shown, TOLD_BYTES};
use bifrons_model::{SessionId, Timestamp, Volume};

use super::{Life, NoteState};

mod life;
mod notes;
mod read;
mod who;

pub use read::DecodeError;
use read::{Reader, put_varint};
pub use who::Who;

/// The version that this device speaks; an item of another one is refused.
const VERSION: u8 = 1;

// The parts besides the life.
const WHO: u8 = 1;
const NOTES: u8 = 2;
const SHOWN: u8 = 4;
/// No part: what the item says of the session as a whole.
const INHERITED: u8 = 8;

/// The most bytes that stand before what an identification was shown.
pub(super) const SHOWN_HEAD_MAX: usize = 5 + 2;

/// What is told of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorItem {
    /// The session's number at both devices.
    pub id: SessionId,
    /// The other device had it, and as far as this one knows nothing has happened to it since that one was
    /// lost: if it lives and has the session still, it knows better.
    pub is_inherited: bool,
    /// In an active/active pair: the device that is told owns it, as far as this one knows.
    pub is_given: bool,
    /// How much of `life.volume` the device that is told has counted itself, by direction; nothing but in an
    /// active/active pair.
    pub counted_there: [Volume; 2],
    /// Who it is, where it may be new to the other device.
    pub who: Option<Who>,
    /// What changes.
    pub life: Life,
    /// Its notes, where they may be new.
    pub notes: Option<Box<NoteState>>,
    /// What its identification was shown.
    pub shown: Option<Shown>,
}

impl MirrorItem {
    /// Reads what was told of the session with this number. `now` is this device's time: the two devices'
    /// clocks are taken to differ by less than a day.
    ///
    /// # Errors
    /// What is wrong with the bytes, which may hold anything.
    pub fn decode(id: SessionId, bytes: &[u8], now: Timestamp) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let head = reader.byte()?;
        if head >> 4 != VERSION {
            return Err(DecodeError::Version(head >> 4));
        }
        let who = if head & WHO != 0 { Some(who::read(&mut reader, now)?) } else { None };
        let protocol = match &who {
            Some(who) => who.protocol(),
            None => reader.byte()?,
        };
        let (life, aside) = life::read(&mut reader, protocol)?;
        let notes = if head & NOTES != 0 { Some(Box::new(notes::read(&mut reader)?)) } else { None };
        let shown = if head & SHOWN != 0 { Some(read_shown(&mut reader)?) } else { None };
        if !reader.rest().is_empty() {
            return Err(DecodeError::Value("the item's parts"));
        }
        let life::Aside { is_given, counted_there } = aside;
        let is_inherited = head & INHERITED != 0;
        Ok(Self { id, is_inherited, is_given, counted_there, who, life, notes, shown })
    }

    /// Appends it; `now` is when that is.
    pub fn encode(&self, now: Timestamp, out: &mut Vec<u8>) {
        self.encode_into(now, out);
    }

    /// The same; how many bytes it takes.
    pub(super) fn encode_into(&self, now: Timestamp, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let notes = self.notes.as_deref().filter(|notes| self.who.is_none() || !notes.is_empty());
        let parts = [(self.who.is_some(), WHO), (notes.is_some(), NOTES), (self.is_inherited, INHERITED)];
        out.push(
            parts.into_iter().fold(VERSION << 4, |head, (has, bit)| if has { head | bit } else { head }),
        );
        match &self.who {
            Some(who) => who::write(who, now, out),
            None => out.push(self.life.protocol),
        }
        let aside = life::Aside { is_given: self.is_given, counted_there: self.counted_there };
        life::write(&self.life, &aside, out);
        if let Some(notes) = notes {
            notes::write(notes, out);
        }
        if let Some(shown) = &self.shown {
            put_shown(shown, start, out);
        }
        out.len() - start
    }
}

/// Adds what an identification was shown to the item that begins at `start` and ends here.
pub(super) fn put_shown(shown: &Shown, start: usize, out: &mut Vec<u8>) {
    if let Some(head) = out.get_mut(start) {
        *head |= SHOWN;
    }
    put_varint(out, shown.from.into());
    put_varint(out, shown.bytes.len() as u64);
    out.extend(&shown.bytes);
}

fn read_shown(reader: &mut Reader<'_>) -> Result<Shown, DecodeError> {
    let from = reader.varint_u32()?;
    let length = reader.varint_u32()? as usize;
    if length > TOLD_BYTES {
        return Err(DecodeError::TooLong(length));
    }
    Ok(Shown { from, bytes: reader.bytes(length)?.to_vec() })
}
