//! Who a session is: its two keys, interfaces, beginning and translation.

use alloc::vec::Vec;

use bifrons_model::{InterfaceId, NatRuleId, SessionId, Timestamp, ZoneId};
use bifrons_session::FlowKey;
use bifrons_wire::{Addresses, protocol};

use super::{
    super::{Life, NoteState, SessionState},
    BatchContext, DecodeError, Reader, put_varint,
};

const TCP: u8 = 0;
const UDP: u8 = 1;
const OTHER: u8 = 2;
const PROTOCOL: u8 = 3;
/// The client's side is IPv6.
const V6: u8 = 4;
/// The server's side is of the other family; both of its addresses follow.
const OTHER_FAMILY: u8 = 8;
/// It leaves with another source address, source port, destination address, destination port.
const LEAVES_WITH: [u8; 4] = [16, 32, 64, 128];

/// What stands for a NAT rule's number: it and whether something was taken, 0 without a rule.
fn nat_number(state: &SessionState) -> u64 {
    state.nat_rule.map_or(0, |rule| (u64::from(rule.0) + 1) << 1 | u64::from(state.has_taken))
}

pub(super) struct Who {
    keys: [FlowKey; 2],
    interface_in: InterfaceId,
    interface_out: InterfaceId,
    start: Timestamp,
    nat_rule: Option<NatRuleId>,
    has_taken: bool,
}

impl Who {
    pub const fn protocol(&self) -> u8 {
        self.keys[0].protocol()
    }

    pub const fn state(self, id: SessionId, life: Life, notes: NoteState) -> SessionState {
        let Self { keys, interface_in, interface_out, start, nat_rule, has_taken } = self;
        SessionState { id, keys, interface_in, interface_out, start, nat_rule, has_taken, life, notes }
    }
}

pub(super) fn write(state: &SessionState, context: &BatchContext, out: &mut Vec<u8>) {
    let [c2s, s2c] = &state.keys;
    // Packets of the client leave as the server's answers arrive, turned round.
    let leaving = s2c.reversed(c2s.zone());
    let differs = differences(c2s, &leaving);
    let is_other_family = c2s.is_v6() != s2c.is_v6();
    let mut form = match c2s.protocol() {
        protocol::TCP => TCP,
        protocol::UDP => UDP,
        _ => OTHER,
    };
    form |= if c2s.is_v6() { V6 } else { 0 };
    form |= if is_other_family { OTHER_FAMILY } else { 0 };
    form |= core::iter::zip(LEAVES_WITH, differs).map(|(bit, set)| if set { bit } else { 0 }).sum::<u8>();
    out.push(form);
    if form & PROTOCOL == OTHER {
        out.push(c2s.protocol());
    }
    let addresses = c2s.addresses();
    put_end(out, source(addresses));
    put_end(out, destination(addresses));
    out.extend(c2s.source_port().to_be_bytes());
    out.extend(c2s.destination_port().to_be_bytes());
    put_varint(out, c2s.zone().0.into());
    put_varint(out, s2c.zone().0.into());
    put_varint(out, state.interface_in.0.into());
    put_varint(out, state.interface_out.0.into());
    put_varint(out, context.time.as_nanos().wrapping_sub(state.start.as_nanos()));
    put_varint(out, nat_number(state));
    let [source_address, source_port, destination_address, destination_port] = differs;
    if source_address {
        put_end(out, source(leaving.addresses()));
    }
    if source_port {
        out.extend(leaving.source_port().to_be_bytes());
    }
    if destination_address {
        put_end(out, destination(leaving.addresses()));
    }
    if destination_port {
        out.extend(leaving.destination_port().to_be_bytes());
    }
}

pub(super) fn read(reader: &mut Reader<'_>, context: &BatchContext) -> Result<Who, DecodeError> {
    let form = reader.byte()?;
    let protocol = match form & PROTOCOL {
        TCP => protocol::TCP,
        UDP => protocol::UDP,
        OTHER => reader.byte()?,
        _ => return Err(DecodeError::Value("the protocol")),
    };
    let is_v6 = form & V6 != 0;
    let ends = (take_end(reader, is_v6)?, take_end(reader, is_v6)?);
    let ports = (reader.short()?, reader.short()?);
    let (zone_from, zone_to) = (ZoneId(reader.varint_u16()?), ZoneId(reader.varint_u16()?));
    let interface_in = InterfaceId(reader.varint_u16()?);
    let interface_out = InterfaceId(reader.varint_u16()?);
    let start = Timestamp::from_nanos(context.time.as_nanos().wrapping_sub(reader.varint()?));
    let nat = reader.varint_u32()?;
    let leaves_v6 = is_v6 != (form & OTHER_FAMILY != 0);
    let has = |place: usize| form & LEAVES_WITH[place] != 0;
    if leaves_v6 != is_v6 && !(has(0) && has(2)) {
        return Err(DecodeError::Value("the translation"));
    }
    let source = if has(0) { take_end(reader, leaves_v6)? } else { ends.0 };
    let source_port = if has(1) { reader.short()? } else { ports.0 };
    let destination = if has(2) { take_end(reader, leaves_v6)? } else { ends.1 };
    let destination_port = if has(3) { reader.short()? } else { ports.1 };
    let c2s = FlowKey::new(addresses(ends, is_v6), ports.0, ports.1, protocol, zone_from);
    let leaving = addresses((source, destination), leaves_v6);
    let leaving = FlowKey::new(leaving, source_port, destination_port, protocol, zone_from);
    Ok(Who {
        keys: [c2s, leaving.reversed(zone_to)],
        interface_in,
        interface_out,
        start,
        nat_rule: (nat >> 1).checked_sub(1).map(NatRuleId),
        has_taken: nat > 1 && nat & 1 == 1,
    })
}

fn differences(c2s: &FlowKey, leaving: &FlowKey) -> [bool; 4] {
    let (one, other) = (c2s.addresses(), leaving.addresses());
    let is_other_family = c2s.is_v6() != leaving.is_v6();
    [
        is_other_family || source(one) != source(other),
        c2s.source_port() != leaving.source_port(),
        is_other_family || destination(one) != destination(other),
        c2s.destination_port() != leaving.destination_port(),
    ]
}

/// An address as its bits, and whether it is IPv6.
type End = (u128, bool);

const fn source(addresses: Addresses) -> End {
    match addresses {
        Addresses::V4 { source, .. } => (source as u128, false),
        Addresses::V6 { source, .. } => (source, true),
    }
}

const fn destination(addresses: Addresses) -> End {
    match addresses {
        Addresses::V4 { destination, .. } => (destination as u128, false),
        Addresses::V6 { destination, .. } => (destination, true),
    }
}

const fn addresses((source, destination): (End, End), is_v6: bool) -> Addresses {
    if is_v6 {
        Addresses::V6 { source: source.0, destination: destination.0 }
    } else {
        Addresses::V4 { source: source.0 as u32, destination: destination.0 as u32 }
    }
}

fn put_end(out: &mut Vec<u8>, (bits, is_v6): End) {
    if is_v6 {
        out.extend(bits.to_be_bytes());
    } else {
        out.extend((bits as u32).to_be_bytes());
    }
}

fn take_end(reader: &mut Reader<'_>, is_v6: bool) -> Result<End, DecodeError> {
    Ok(if is_v6 { (reader.address_v6()?, true) } else { (reader.number()?.into(), false) })
}
