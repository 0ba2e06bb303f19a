//! What changes in a session's life.

use alloc::vec::Vec;

use bifrons_config::typed::TimeoutOverride;
use bifrons_model::{Action, ActionSource, AppId, Generation, Handshake, RuleId, Volume};
use bifrons_session::{
    Causes, State, Timer,
    tcp::{Connection, Image, SideImage},
};
use bifrons_wire::protocol;

use super::{
    super::{Life, state::IDLE_STEP},
    DecodeError, Reader, put_varint,
};

// The presence word. What is not there is: no application known, active and allowed by a rule, no cause, the
// timer that is usual in the state, the timeout of the configuration, not idle, nothing counted, no timeouts
// of a service, no handshake; the device that is told does not own it and has counted nothing.
const APP: u16 = 1;
const FATE: u16 = 2;
const CAUSES: u16 = 4;
const TIMER: u16 = 8;
const TIMEOUT: u16 = 16;
const IDLE: u16 = 32;
const VOLUME: [u16; 2] = [64, 128];
const SERVICE: u16 = 256;
const HANDSHAKE: u16 = 512;
/// TCP: something is known of the server's side; of scaled windows.
const SERVER: u16 = 1024;
const SCALES: u16 = 2048;
/// What the device that is told has counted, and that it is the owner.
const THERE: u16 = 4096;
const GIVEN: u16 = 8192;
const ALL: u16 = 16_383;

/// The number that the state `incomplete` of no application has in this field.
const NO_APP: AppId = bifrons_catalog::app::UNDECIDED;

/// Centuries of traffic at any speed count no more than this.
const COUNT_MAX: u64 = 1 << 56;

/// What of an item stands in the presence word of its life, and is no part of it.
#[derive(Default)]
pub(super) struct Aside {
    pub is_given: bool,
    pub counted_there: [Volume; 2],
}

pub(super) fn write(life: &Life, aside: &Aside, out: &mut Vec<u8>) {
    let is_usual_fate =
        (life.state, life.action, life.action_source) == (State::Active, Action::Allow, ActionSource::Policy);
    let has = presence(life, is_usual_fate) | aside.presence();
    out.extend(has.to_be_bytes());
    out.push(life.flags);
    put_varint(out, life.generation.0.into());
    put_varint(out, u64::from(life.rule.0.wrapping_add(1)));
    if has & APP != 0 {
        put_varint(out, life.app.0.into());
    }
    if has & FATE != 0 {
        out.push((life.state as u8) << 4 | (life.action as u8) << 1 | life.action_source as u8);
    }
    if has & CAUSES != 0 {
        put_varint(out, life.causes.bits().into());
    }
    if has & TIMER != 0 {
        out.push(life.timer as u8);
    }
    if has & TIMEOUT != 0 {
        put_varint(out, life.timeout.unwrap_or_default().into());
    }
    if has & IDLE != 0 {
        put_varint(out, u64::from(life.idle / IDLE_STEP));
    }
    for (bit, volume) in core::iter::zip(VOLUME, &life.volume) {
        if has & bit != 0 {
            write_volume(volume, out);
        }
    }
    if has & THERE != 0 {
        aside.counted_there.iter().for_each(|volume| write_volume(volume, out));
    }
    if has & SERVICE != 0 {
        write_service(&life.service, out);
    }
    if has & HANDSHAKE != 0 {
        put_varint(out, life.handshake.0.into());
    }
    if let Some(image) = &life.tcp {
        write_tcp(image, has, out);
    }
}

impl Aside {
    fn presence(&self) -> u16 {
        let has_counted = self.counted_there != <[Volume; 2]>::default();
        (if has_counted { THERE } else { 0 }) | (if self.is_given { GIVEN } else { 0 })
    }
}

fn write_volume(volume: &Volume, out: &mut Vec<u8>) {
    put_varint(out, volume.packets);
    put_varint(out, volume.bytes);
}

fn read_volume(reader: &mut Reader<'_>) -> Result<Volume, DecodeError> {
    Ok(Volume { packets: read_count(reader)?, bytes: read_count(reader)? })
}

fn presence(life: &Life, is_usual_fate: bool) -> u16 {
    let sides = life.tcp.map_or([SideImage::default(); 2], |image| image.sides);
    let facts = [
        (life.app != NO_APP, APP),
        (!is_usual_fate, FATE),
        (life.causes != Causes::default(), CAUSES),
        (life.timer != life.usual_timer(), TIMER),
        (life.timeout.is_some(), TIMEOUT),
        (life.idle >= IDLE_STEP, IDLE),
        (life.volume[0] != Volume::default(), VOLUME[0]),
        (life.volume[1] != Volume::default(), VOLUME[1]),
        (life.service != TimeoutOverride::default(), SERVICE),
        (life.handshake != Handshake::default(), HANDSHAKE),
        (sides[1].facts != 0, SERVER),
        (sides.iter().any(|side| side.scale != 0), SCALES),
    ];
    facts.into_iter().fold(0, |has, (is_there, bit)| if is_there { has | bit } else { has })
}

pub(super) fn read(reader: &mut Reader<'_>, protocol_number: u8) -> Result<(Life, Aside), DecodeError> {
    let has = reader.short()?;
    if has & !ALL != 0 {
        return Err(DecodeError::Value("the presence word"));
    }
    let flags = reader.byte()?;
    let generation = Generation(reader.varint_u32()?);
    let rule = RuleId(reader.varint_u32()?.wrapping_sub(1));
    let app = if has & APP != 0 { AppId(reader.varint_u16()?) } else { NO_APP };
    let (state, action, action_source) = if has & FATE != 0 {
        read_fate(reader.byte()?)?
    } else {
        (State::Active, Action::Allow, ActionSource::Policy)
    };
    let causes = if has & CAUSES != 0 { Causes::from_bits(reader.varint_u16()?) } else { Causes::default() };
    let timer = if has & TIMER != 0 {
        let number = usize::from(reader.byte()?);
        Some(Timer::ALL.get(number).copied().ok_or(DecodeError::Value("the timer"))?)
    } else {
        None
    };
    let timeout = if has & TIMEOUT != 0 { Some(reader.varint_u32()?) } else { None };
    let idle = if has & IDLE != 0 { reader.varint_u32()?.saturating_mul(IDLE_STEP) } else { 0 };
    let mut volume = [Volume::default(); 2];
    for (bit, volume) in core::iter::zip(VOLUME, &mut volume) {
        if has & bit != 0 {
            *volume = read_volume(reader)?;
        }
    }
    let mut aside = Aside { is_given: has & GIVEN != 0, ..Aside::default() };
    if has & THERE != 0 {
        aside.counted_there = [read_volume(reader)?, read_volume(reader)?];
    }
    let service = if has & SERVICE != 0 { read_service(reader)? } else { TimeoutOverride::default() };
    let handshake = Handshake(if has & HANDSHAKE != 0 { reader.varint_u32()? } else { 0 });
    let tcp = if protocol_number == protocol::TCP { Some(read_tcp(reader, has)?) } else { None };
    let mut life = Life {
        generation,
        rule,
        app,
        state,
        action,
        action_source,
        flags,
        causes,
        handshake,
        timer: Timer::Other,
        timeout,
        idle,
        volume,
        protocol: protocol_number,
        tcp,
        service,
    };
    life.timer = timer.unwrap_or_else(|| life.usual_timer());
    Ok((life, aside))
}

/// A count that packets are added to without a look.
fn read_count(reader: &mut Reader<'_>) -> Result<u64, DecodeError> {
    Some(reader.varint()?).filter(|count| *count <= COUNT_MAX).ok_or(DecodeError::Value("what was counted"))
}

fn read_fate(byte: u8) -> Result<(State, Action, ActionSource), DecodeError> {
    let state = match byte >> 4 {
        1 => State::Active,
        2 => State::Discard,
        _ => return Err(DecodeError::Value("the state")),
    };
    let action = Action::ALL.get(usize::from(byte >> 1 & 7)).copied();
    let source = if byte & 1 == 0 { ActionSource::Policy } else { ActionSource::Application };
    Ok((state, action.ok_or(DecodeError::Value("the action"))?, source))
}

fn write_service(service: &TimeoutOverride, out: &mut Vec<u8>) {
    for seconds in [service.timeout, service.half_closed, service.time_wait] {
        put_varint(out, seconds.map_or(0, |seconds| u64::from(seconds) + 1));
    }
}

fn read_service(reader: &mut Reader<'_>) -> Result<TimeoutOverride, DecodeError> {
    let mut next = || -> Result<Option<u32>, DecodeError> { Ok(reader.varint_u32()?.checked_sub(1)) };
    Ok(TimeoutOverride { timeout: next()?, half_closed: next()?, time_wait: next()? })
}

/// The client's facts have a bit to spare: its initial number is told, as it is not that of its SYN.
const OTHER_ISN: u8 = 128;

fn write_tcp(image: &Image, has: u16, out: &mut Vec<u8>) {
    let [client, server] = &image.sides;
    let is_own_isn = client.has_first() && image.client_isn == client.first.wrapping_sub(1);
    out.push(image.connection as u8 | image.facts << 3);
    out.push(client.facts | if is_own_isn { 0 } else { OTHER_ISN });
    if has & SERVER != 0 {
        out.push(server.facts);
    }
    if has & SCALES != 0 {
        out.push(client.scale << 4 | server.scale & 0xf);
    }
    for side in &image.sides {
        if side.has_first() {
            out.extend(side.first.to_be_bytes());
        }
    }
    if !is_own_isn {
        out.extend(image.client_isn.to_be_bytes());
    }
}

fn read_tcp(reader: &mut Reader<'_>, has: u16) -> Result<Image, DecodeError> {
    let head = reader.byte()?;
    let connection = Connection::ALL.get(usize::from(head & 7)).copied();
    let client = reader.byte()?;
    let server = if has & SERVER != 0 { reader.byte()? } else { 0 };
    let scales = if has & SCALES != 0 { reader.byte()? } else { 0 };
    let mut side = |facts: u8, scale: u8| -> Result<SideImage, DecodeError> {
        let mut side = SideImage { facts, first: 0, scale };
        if side.has_first() {
            side.first = reader.number()?;
        }
        Ok(side)
    };
    let sides = [side(client & !OTHER_ISN, scales >> 4)?, side(server, scales & 0xf)?];
    let client_isn = if client & OTHER_ISN != 0 {
        reader.number()?
    } else if sides[0].has_first() {
        sides[0].first.wrapping_sub(1)
    } else {
        return Err(DecodeError::Value("the client's initial number"));
    };
    Ok(Image {
        connection: connection.ok_or(DecodeError::Value("the connection's state"))?,
        facts: head >> 3 & 7,
        client_isn,
        sides,
    })
}
