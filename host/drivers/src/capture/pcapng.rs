//! The next-generation format: sections of typed blocks (draft-ietf-opsawg-pcapng).
//!
//! Every block has its type, its total length, a body and the total length again. A section header resets
//! the byte order and the list of interfaces. Packet blocks and interface descriptions are read; other
//! blocks, known or not, are skipped without being held.

use std::collections::HashMap;

use bifrons_model::Timestamp;

use super::{
    CaptureInterface, PACKET_LENGTH_MAX, Step,
    byte_order::ByteOrder,
    input::BUFFER_LENGTH,
    interface::{self, Described},
    packet::Slot,
};
use crate::CaptureProblem;

/// The most interfaces that a section may describe and a file may have.
pub(super) const INTERFACES_MAX: u32 = 4096;

/// What a pcapng file begins with, in both byte orders.
pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;

const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

/// Type and total length.
const BLOCK_HEADER_LENGTH: usize = 8;

/// The total length again.
const TRAILER_LENGTH: usize = 4;

/// Section header: block header, byte-order magic, version, section length.
pub(super) const SECTION_HEADER_LENGTH: usize = 24;

/// Option of both packet blocks that can tell the length of the frame check sequence.
const OPTION_PACKET_FLAGS: u16 = 2;

/// A pcapng file from its first section header on.
pub(super) struct Pcapng {
    order: ByteOrder,
    /// The interfaces of this section.
    section: Vec<Described>,
    /// The interfaces of the file. One that a later section describes alike at the same place is the same
    /// one.
    interfaces: Vec<CaptureInterface>,
    numbers: HashMap<(usize, CaptureInterface), u32>,
    /// The length that must stand at the end of the block that is being skipped.
    trailer: Option<u32>,
    last_time: Timestamp,
}

impl Pcapng {
    pub fn new() -> Self {
        Self {
            order: ByteOrder::Little,
            section: Vec::new(),
            interfaces: Vec::new(),
            numbers: HashMap::new(),
            trailer: None,
            last_time: Timestamp::ZERO,
        }
    }

    /// All interfaces described so far.
    pub fn interfaces(&self) -> &[CaptureInterface] {
        &self.interfaces
    }

    /// Takes the next block, or the end of the one that is being skipped, from the front of the window.
    #[inline]
    pub fn step(&mut self, window: &[u8]) -> Result<Step, CaptureProblem> {
        if let Some(head) = self.trailer {
            return self.trailer_of_skipped(head, window);
        }
        let Some(header) = window.first_chunk::<BLOCK_HEADER_LENGTH>() else {
            return Ok(match window {
                [] => Step::Boundary,
                _ => Step::Incomplete { needed: BLOCK_HEADER_LENGTH, record: "pcapng block header" },
            });
        };
        let [k0, k1, k2, k3, l0, l1, l2, l3] = *header;
        let kind = self.order.u32([k0, k1, k2, k3]);
        let length = self.order.u32([l0, l1, l2, l3]);
        match kind {
            ENHANCED_PACKET | SIMPLE_PACKET | PACKET => self.packet_block(kind, length, window),
            INTERFACE_DESCRIPTION => self.interface_description(length, window),
            SECTION_HEADER => self.section_header([l0, l1, l2, l3], window),
            _ => self.skip(kind, length, BLOCK_HEADER_LENGTH + TRAILER_LENGTH),
        }
    }

    #[inline]
    fn packet_block(&mut self, kind: u32, length: u32, window: &[u8]) -> Result<Step, CaptureProblem> {
        let body = match whole_block(kind, length, window)? {
            Whole::Body { body, tail } => {
                check_trailer(length, self.order.u32(tail))?;
                body
            }
            Whole::Incomplete(needed) => {
                return Ok(Step::Incomplete { needed, record: "pcapng packet block" });
            }
        };
        let slot = match kind {
            ENHANCED_PACKET => self.enhanced_packet(body),
            SIMPLE_PACKET => self.simple_packet(body),
            _ => self.obsolete_packet(body),
        };
        let expected = "room for the fixed fields";
        let slot = slot.unwrap_or(Err(CaptureProblem::BlockLength { kind, length, expected }))?;
        self.last_time = slot.time;
        Ok(Step::Packet { slot, consumed: length as usize })
    }

    /// `None` when the body cannot hold the fixed fields; so for the other two kinds.
    #[inline]
    fn enhanced_packet(&self, body: &[u8]) -> Option<Result<Slot, CaptureProblem>> {
        let (fields, rest) = body.split_first_chunk::<20>()?;
        let [n0, n1, n2, n3, times_and_lengths @ ..] = *fields;
        let interface = self.order.u32([n0, n1, n2, n3]);
        Some(self.timed_packet(interface, &times_and_lengths, rest))
    }

    fn obsolete_packet(&self, body: &[u8]) -> Option<Result<Slot, CaptureProblem>> {
        let (fields, rest) = body.split_first_chunk::<20>()?;
        let [n0, n1, _drops_0, _drops_1, times_and_lengths @ ..] = *fields;
        let interface = self.order.u16([n0, n1]);
        Some(self.timed_packet(u32::from(interface), &times_and_lengths, rest))
    }

    #[inline]
    fn timed_packet(&self, interface: u32, fields: &[u8; 16], rest: &[u8]) -> Result<Slot, CaptureProblem> {
        let [h0, h1, h2, h3, l0, l1, l2, l3, c0, c1, c2, c3, o0, o1, o2, o3] = *fields;
        let high = self.order.u32([h0, h1, h2, h3]);
        let low = self.order.u32([l0, l1, l2, l3]);
        let captured = self.order.u32([c0, c1, c2, c3]);
        let original = self.order.u32([o0, o1, o2, o3]);
        let described = self.described(interface)?;
        let data_end = check_captured(captured, rest)?;
        let time = described.clock.time(u64::from(high) << 32 | u64::from(low));
        let mut origin = described.origin;
        let options = rest.get(data_end.next_multiple_of(4)..).unwrap_or_default();
        if !options.is_empty()
            && let Some(length) = self.fcs_in_flags(options)
        {
            origin.fcs_length = length;
        }
        Ok(Slot::new(time, BLOCK_HEADER_LENGTH + 20, captured, original, &origin))
    }

    fn simple_packet(&self, body: &[u8]) -> Option<Result<Slot, CaptureProblem>> {
        let (&original, rest) = body.split_first_chunk::<4>()?;
        let original = self.order.u32(original);
        let slot = self.described(0).and_then(|described| {
            let captured = original.min(described.snapshot_length);
            check_captured(captured, rest)?;
            Ok(Slot::new(self.last_time, BLOCK_HEADER_LENGTH + 4, captured, original, &described.origin))
        });
        Some(slot)
    }

    #[inline]
    fn described(&self, interface: u32) -> Result<&Described, CaptureProblem> {
        let described = self.section.len() as u32;
        let found = self.section.get(interface as usize);
        found.ok_or(CaptureProblem::UnknownInterface { interface, described })
    }

    /// Bits 5 to 8 of the flags hold the length of the frame check sequence in bytes, 0 for unknown.
    /// Options that are malformed cost this length only, never the packet.
    fn fcs_in_flags(&self, options: &[u8]) -> Option<u32> {
        let flags = interface::options(self.order, options)
            .map_while(Result::ok)
            .find(|option| option.code == OPTION_PACKET_FLAGS)?;
        let flags = self.order.u32(*flags.value.first_chunk()?);
        Some(flags >> 5 & 0xf).filter(|length| *length > 0)
    }

    fn interface_description(&mut self, length: u32, window: &[u8]) -> Result<Step, CaptureProblem> {
        let body = match whole_block(INTERFACE_DESCRIPTION, length, window)? {
            Whole::Body { body, tail } => {
                check_trailer(length, self.order.u32(tail))?;
                body
            }
            Whole::Incomplete(needed) => {
                return Ok(Step::Incomplete { needed, record: "pcapng interface description" });
            }
        };
        let place = self.section.len();
        if place >= INTERFACES_MAX as usize {
            return Err(CaptureProblem::TooManyInterfaces { maximum: INTERFACES_MAX });
        }
        let (interface, mut described) = interface::read(self.order, length, body)?;
        described.origin.interface = self.number_of(place, interface)?;
        self.section.push(described);
        Ok(Step::Skip(u64::from(length)))
    }

    /// The number of an interface in the whole file.
    fn number_of(&mut self, place: usize, interface: CaptureInterface) -> Result<u32, CaptureProblem> {
        let key = (place, interface);
        if let Some(number) = self.numbers.get(&key) {
            return Ok(*number);
        }
        let number = self.interfaces.len() as u32;
        if number >= INTERFACES_MAX {
            return Err(CaptureProblem::TooManyInterfaces { maximum: INTERFACES_MAX });
        }
        self.interfaces.push(key.1.clone());
        self.numbers.insert(key, number);
        Ok(number)
    }

    fn section_header(&mut self, length: [u8; 4], window: &[u8]) -> Result<Step, CaptureProblem> {
        let Some(header) = window.first_chunk::<SECTION_HEADER_LENGTH>() else {
            return Ok(Step::Incomplete { needed: SECTION_HEADER_LENGTH, record: "pcapng section header" });
        };
        let [_, _, _, _, _, _, _, _, m0, m1, m2, m3, a0, a1, i0, i1, ..] = *header;
        let order = match [m0, m1, m2, m3] {
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            found => return Err(CaptureProblem::ByteOrder { found }),
        };
        let (major, minor) = (order.u16([a0, a1]), order.u16([i0, i1]));
        // Some writers put 1.2 for what differs in nothing from 1.0.
        if !matches!((major, minor), (1, 0 | 2)) {
            let expected = "1.0";
            return Err(CaptureProblem::UnsupportedVersion { format: "pcapng", major, minor, expected });
        }
        self.order = order;
        self.section.clear();
        self.skip(SECTION_HEADER, order.u32(length), SECTION_HEADER_LENGTH + TRAILER_LENGTH)
    }

    fn skip(&mut self, kind: u32, length: u32, least: usize) -> Result<Step, CaptureProblem> {
        check_length(kind, length, least)?;
        self.trailer = Some(length);
        Ok(Step::Skip(u64::from(length) - TRAILER_LENGTH as u64))
    }

    fn trailer_of_skipped(&mut self, head: u32, window: &[u8]) -> Result<Step, CaptureProblem> {
        let Some(tail) = window.first_chunk::<TRAILER_LENGTH>() else {
            return Ok(Step::Incomplete { needed: TRAILER_LENGTH, record: "pcapng block" });
        };
        check_trailer(head, self.order.u32(*tail))?;
        self.trailer = None;
        Ok(Step::Skip(TRAILER_LENGTH as u64))
    }
}

/// A block that is read as a whole.
enum Whole<'a> {
    Body { body: &'a [u8], tail: [u8; TRAILER_LENGTH] },
    Incomplete(usize),
}

#[inline]
fn whole_block(kind: u32, length: u32, window: &[u8]) -> Result<Whole<'_>, CaptureProblem> {
    check_length(kind, length, BLOCK_HEADER_LENGTH + TRAILER_LENGTH)?;
    let needed = length as usize;
    if needed > BUFFER_LENGTH {
        return Err(CaptureProblem::BlockLength { kind, length, expected: "at most 1 MiB" });
    }
    let block = window.get(BLOCK_HEADER_LENGTH..needed).and_then(<[u8]>::split_last_chunk);
    Ok(block.map_or(Whole::Incomplete(needed), |(body, tail)| Whole::Body { body, tail: *tail }))
}

#[inline]
fn check_length(kind: u32, length: u32, least: usize) -> Result<(), CaptureProblem> {
    if (length as usize) < least {
        return Err(CaptureProblem::BlockLength { kind, length, expected: "room for the fixed fields" });
    }
    if !length.is_multiple_of(4) {
        return Err(CaptureProblem::BlockLength { kind, length, expected: "a multiple of 4" });
    }
    Ok(())
}

#[inline]
fn check_trailer(head: u32, tail: u32) -> Result<(), CaptureProblem> {
    if head == tail { Ok(()) } else { Err(CaptureProblem::BlockTrailer { head, tail }) }
}

/// The captured length must be possible and lie within the rest of the block.
#[inline]
fn check_captured(captured: u32, rest: &[u8]) -> Result<usize, CaptureProblem> {
    if captured > PACKET_LENGTH_MAX {
        return Err(CaptureProblem::PacketLength { length: captured, maximum: PACKET_LENGTH_MAX });
    }
    let length = captured as usize;
    if length > rest.len() {
        let available = rest.len() as u32;
        return Err(CaptureProblem::PacketOutsideBlock { length: captured, available });
    }
    Ok(length)
}
