//! What few sessions have.

use alloc::{boxed::Box, vec::Vec};

use bifrons_inspect::{Ja4, StreamEdits};
use bifrons_model::{CategoryId, NatRuleId, SessionId, Timestamp, Translation, UserId};
use bifrons_session::nat::Translated;

use super::{
    super::{NoteState, ParentState},
    DecodeError, Reader,
    read::{put_address, put_varint},
};

const SERVER_NAME: u8 = 1;
const USER: u8 = 2;
const CATEGORY: u8 = 4;
const JA4: u8 = 8;
const PARENT: u8 = 16;
const TAKEN: u8 = 32;
const EDITS: u8 = 64;

/// A server's name is a DNS name.
const NAME_BYTES: usize = 255;
/// Replaced ranges of one direction, and bytes in place of one.
const EDITS_MAX: u64 = 16;
const EDIT_BYTES: usize = 1_024;

pub(super) fn write(notes: &NoteState, out: &mut Vec<u8>) {
    let name = notes.server_name.as_deref().filter(|name| name.len() <= NAME_BYTES);
    let has = [
        (name.is_some(), SERVER_NAME),
        (notes.user != UserId(0), USER),
        (notes.category.is_some(), CATEGORY),
        (notes.ja4.is_some(), JA4),
        (notes.parent.is_some(), PARENT),
        (notes.taken.is_some(), TAKEN),
        (notes.edits.is_some(), EDITS),
    ];
    out.push(has.into_iter().fold(0, |has, (is_there, bit)| if is_there { has | bit } else { has }));
    if let Some(name) = name {
        out.push(name.len() as u8);
        out.extend(name.as_bytes());
    }
    if notes.user != UserId(0) {
        put_varint(out, notes.user.0.into());
    }
    if let Some(category) = notes.category {
        put_varint(out, category.0.into());
    }
    if let Some(ja4) = &notes.ja4 {
        out.push(ja4.as_str().len() as u8);
        out.extend(ja4.as_str().as_bytes());
    }
    if let Some(parent) = &notes.parent {
        out.extend(parent.id.0.to_be_bytes());
        out.extend(parent.start.as_nanos().to_be_bytes());
        out.extend(parent.nat_rule.to_be_bytes());
    }
    if let Some(taken) = &notes.taken {
        write_taken(taken, out);
    }
    if let Some(edits) = &notes.edits {
        edits.iter().for_each(|edits| write_edits(edits, out));
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<NoteState, DecodeError> {
    let has = reader.byte()?;
    let mut notes = NoteState::default();
    if has & SERVER_NAME != 0 {
        let length = usize::from(reader.byte()?);
        let name = str::from_utf8(reader.bytes(length)?).map_err(|_| DecodeError::Value("a name"))?;
        notes.server_name = Some(name.into());
    }
    if has & USER != 0 {
        notes.user = UserId(reader.varint_u32()?);
    }
    if has & CATEGORY != 0 {
        notes.category = Some(CategoryId(reader.varint_u16()?));
    }
    if has & JA4 != 0 {
        let length = usize::from(reader.byte()?);
        let text = reader.bytes(length)?;
        notes.ja4 = Some(Ja4::from_text(text).ok_or(DecodeError::Value("a fingerprint"))?);
    }
    if has & PARENT != 0 {
        notes.parent = Some(ParentState {
            id: SessionId(reader.number()?),
            start: Timestamp::from_nanos(reader.long()?),
            nat_rule: reader.short()?,
        });
    }
    if has & TAKEN != 0 {
        notes.taken = Some(read_taken(reader)?);
    }
    if has & EDITS != 0 {
        notes.edits = Some(Box::new([read_edits(reader)?, read_edits(reader)?]));
    }
    Ok(notes)
}

fn write_taken(taken: &Translated, out: &mut Vec<u8>) {
    let Translation { source, source_port, destination, destination_port } = taken.translation;
    put_varint(out, taken.rule.0.into());
    out.push(taken.protocol);
    for (address, port) in
        [(taken.source, taken.source_port), (source, source_port), (destination, destination_port)]
    {
        put_address(out, address);
        out.extend(port.to_be_bytes());
    }
}

fn read_taken(reader: &mut Reader<'_>) -> Result<Translated, DecodeError> {
    let rule = NatRuleId(reader.varint_u32()?);
    let protocol = reader.byte()?;
    let (own_source, own_port) = (reader.address()?, reader.short()?);
    let (source, source_port) = (reader.address()?, reader.short()?);
    let (destination, destination_port) = (reader.address()?, reader.short()?);
    let translation = Translation { source, source_port, destination, destination_port };
    Ok(Translated { rule, protocol, source: own_source, source_port: own_port, translation })
}

fn write_edits(edits: &StreamEdits, out: &mut Vec<u8>) {
    let (base, ranges) = edits.parts();
    out.extend(base.to_be_bytes());
    put_varint(out, ranges.len() as u64);
    for (start, old_length, new) in ranges {
        out.extend(start.to_be_bytes());
        put_varint(out, old_length.into());
        put_varint(out, new.len() as u64);
        out.extend(new);
    }
}

fn read_edits(reader: &mut Reader<'_>) -> Result<StreamEdits, DecodeError> {
    let mut edits = StreamEdits::shifted(reader.number()?);
    let count = reader.varint()?;
    if count > EDITS_MAX {
        return Err(DecodeError::Value("the number of replaced ranges"));
    }
    for _ in 0..count {
        let start = reader.number()?;
        let old_length = reader.varint_u32()?;
        let length = reader.varint_u32()? as usize;
        if length > EDIT_BYTES {
            return Err(DecodeError::TooLong(length));
        }
        if !edits.replace(start, old_length, reader.bytes(length)?) {
            return Err(DecodeError::Value("a replaced range"));
        }
    }
    Ok(edits)
}
