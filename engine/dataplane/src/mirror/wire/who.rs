//! Who a session is: its two keys, interfaces, beginning and translation.

use alloc::vec::Vec;
use core::time::Duration;

use bifrons_model::{InterfaceId, NatRuleId, Timestamp, ZoneId};
use bifrons_session::FlowKey;
use bifrons_wire::{Addresses, protocol};

use super::{DecodeError, Reader, put_varint};

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

/// Sessions that began less than so long ago tell only the low bits of when.
const RECENT: Duration = Duration::from_secs(12 * 3_600);
const RECENT_BITS: u32 = 48;

/// Who a session is: what never changes in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// Client to server and server to client, each as it arrives, zones included. What they differ in is the
    /// translation.
    pub keys: [FlowKey; 2],
    /// Where its first packet came in.
    pub interface_in: InterfaceId,
    /// Where that left.
    pub interface_out: InterfaceId,
    /// When that came.
    pub start: Timestamp,
    /// The NAT rule that matched.
    pub nat_rule: Option<NatRuleId>,
    /// Whether it has taken something from that rule's pool.
    pub has_taken: bool,
}

impl Who {
    /// The IP protocol number.
    pub const fn protocol(&self) -> u8 {
        self.keys[0].protocol()
    }

    /// What stands for a NAT rule's number: it, whether something was taken, and whether the beginning is
    /// told in full.
    fn nat_number(&self, is_old: bool) -> u64 {
        let rule = self.nat_rule.map_or(0, |rule| u64::from(rule.0) + 1);
        rule << 2 | u64::from(self.has_taken) << 1 | u64::from(is_old)
    }
}

pub(super) fn write(who: &Who, now: Timestamp, out: &mut Vec<u8>) {
    let [c2s, s2c] = &who.keys;
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
    put_varint(out, who.interface_in.0.into());
    put_varint(out, who.interface_out.0.into());
    let is_old = now.since(who.start) > RECENT || who.start > now;
    put_varint(out, who.nat_number(is_old));
    let start = who.start.as_nanos().to_be_bytes();
    out.extend(start.iter().skip(if is_old { 0 } else { 2 }));
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

pub(super) fn read(reader: &mut Reader<'_>, now: Timestamp) -> Result<Who, DecodeError> {
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
    let nat = reader.varint()?;
    let start = if nat & 1 != 0 { reader.long()? } else { recent(reader, now)? };
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
        start: Timestamp::from_nanos(start),
        nat_rule: match (nat >> 2).checked_sub(1) {
            None => None,
            Some(rule) => {
                Some(NatRuleId(u32::try_from(rule).map_err(|_| DecodeError::Value("the NAT rule"))?))
            }
        },
        has_taken: nat & 2 != 0,
    })
}

/// A time of which the low bits are told: the one that is next to now.
fn recent(reader: &mut Reader<'_>, now: Timestamp) -> Result<u64, DecodeError> {
    let low = u64::from(reader.short()?) << 32 | u64::from(reader.number()?);
    let span = 1_u64 << RECENT_BITS;
    let now = now.as_nanos();
    let near = now & !(span - 1) | low;
    Ok(match near.cast_signed().wrapping_sub(now.cast_signed()) {
        ahead if ahead > (span / 2).cast_signed() => near.saturating_sub(span),
        behind if behind < -(span / 2).cast_signed() => near.saturating_add(span),
        _ => near,
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
