//! The classic format: a file header, then packets, each behind a record header (draft-ietf-opsawg-pcap).

use bifrons_model::Timestamp;

use super::{
    CaptureInterface, CaptureLink, PACKET_LENGTH_MAX, Step,
    byte_order::ByteOrder,
    packet::{Origin, Slot},
};
use crate::CaptureProblem;

/// Length of the file header.
pub(super) const HEADER_LENGTH: usize = 24;

const RECORD_HEADER_LENGTH: usize = 16;

/// The modified format adds interface, protocol and packet type to each record header.
const MODIFIED_RECORD_HEADER_LENGTH: usize = 24;

/// In the link-type field: a length of the frame check sequence is given.
const FCS_PRESENT: u32 = 0x0400_0000;

/// A pcap file after its header.
pub(super) struct Pcap {
    order: ByteOrder,
    nanos_per_unit: u64,
    record_header_length: usize,
    lengths: Lengths,
    origin: Origin,
}

impl Pcap {
    /// Whether a file that begins so is pcap.
    pub fn recognizes(magic: [u8; 4]) -> bool {
        Variant::from_magic(magic).is_some()
    }

    /// Reads the file header.
    pub fn from_header(header: &[u8; HEADER_LENGTH]) -> Result<(Self, CaptureInterface), CaptureProblem> {
        let [a, b, c, d, major_0, major_1, minor_0, minor_1, .., link_0, link_1, link_2, link_3] = *header;
        let found = [a, b, c, d];
        let variant = Variant::from_magic(found).ok_or(CaptureProblem::UnknownFormat { found })?;
        let order = variant.order;
        let major = order.u16([major_0, major_1]);
        let minor = order.u16([minor_0, minor_1]);
        let lengths = match (major, minor) {
            (2, 0..=2) => Lengths::OriginalFirst,
            (2, 3) => Lengths::SmallerIsCaptured,
            (2, 4) => Lengths::CapturedFirst,
            (_, _) => {
                let expected = "2.0 to 2.4";
                return Err(CaptureProblem::UnsupportedVersion { format: "pcap", major, minor, expected });
            }
        };
        // The snapshot length between version and link type is often 0 or huge and binds nobody.
        let field = order.u32([link_0, link_1, link_2, link_3]);
        let link = CaptureLink::from_number(field & 0xffff);
        let fcs_length = if field & FCS_PRESENT == 0 { 0 } else { (field >> 28) * 2 };
        let pcap = Self {
            order,
            nanos_per_unit: variant.nanos_per_unit,
            record_header_length: variant.record_header_length,
            lengths,
            origin: Origin { interface: 0, link, fcs_length },
        };
        Ok((pcap, CaptureInterface { name: None, link, fcs_length }))
    }

    /// Takes the next packet from the front of the window.
    #[inline]
    pub fn step(&self, window: &[u8]) -> Result<Step, CaptureProblem> {
        let Some(header) = window.first_chunk::<RECORD_HEADER_LENGTH>() else {
            return Ok(match window {
                [] => Step::Boundary,
                _ => Step::Incomplete { needed: RECORD_HEADER_LENGTH, record: "pcap record header" },
            });
        };
        let [s0, s1, s2, s3, f0, f1, f2, f3, a0, a1, a2, a3, b0, b1, b2, b3] = *header;
        let seconds = self.order.u32([s0, s1, s2, s3]);
        let fraction = self.order.u32([f0, f1, f2, f3]);
        let first = self.order.u32([a0, a1, a2, a3]);
        let second = self.order.u32([b0, b1, b2, b3]);
        let (captured, original) = self.lengths.captured_and_original(first, second);
        if captured > PACKET_LENGTH_MAX {
            return Err(CaptureProblem::PacketLength { length: captured, maximum: PACKET_LENGTH_MAX });
        }
        let needed = self.record_header_length + captured as usize;
        if window.len() < needed {
            return Ok(Step::Incomplete { needed, record: "pcap record" });
        }
        // Both factors are below 2^32, so nothing can overflow.
        let nanos = u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.nanos_per_unit;
        let time = Timestamp::from_nanos(nanos);
        let slot = Slot::new(time, self.record_header_length, captured, original, &self.origin);
        Ok(Step::Packet { slot, consumed: needed })
    }
}

/// What the magic number tells.
struct Variant {
    order: ByteOrder,
    nanos_per_unit: u64,
    record_header_length: usize,
}

impl Variant {
    fn from_magic(magic: [u8; 4]) -> Option<Self> {
        let (order, nanos_per_unit, record_header_length) = match magic {
            [0xa1, 0xb2, 0xc3, 0xd4] => (ByteOrder::Big, 1_000, RECORD_HEADER_LENGTH),
            [0xd4, 0xc3, 0xb2, 0xa1] => (ByteOrder::Little, 1_000, RECORD_HEADER_LENGTH),
            [0xa1, 0xb2, 0x3c, 0x4d] => (ByteOrder::Big, 1, RECORD_HEADER_LENGTH),
            [0x4d, 0x3c, 0xb2, 0xa1] => (ByteOrder::Little, 1, RECORD_HEADER_LENGTH),
            [0xa1, 0xb2, 0xcd, 0x34] => (ByteOrder::Big, 1_000, MODIFIED_RECORD_HEADER_LENGTH),
            [0x34, 0xcd, 0xb2, 0xa1] => (ByteOrder::Little, 1_000, MODIFIED_RECORD_HEADER_LENGTH),
            [_, _, _, _] => return None,
        };
        Some(Self { order, nanos_per_unit, record_header_length })
    }
}

/// The order of the two lengths in a record header changed with version 2.3, whose writers did not agree.
#[derive(Clone, Copy, Debug)]
enum Lengths {
    OriginalFirst,
    SmallerIsCaptured,
    CapturedFirst,
}

impl Lengths {
    #[inline]
    fn captured_and_original(self, first: u32, second: u32) -> (u32, u32) {
        match self {
            Self::CapturedFirst => (first, second),
            Self::OriginalFirst => (second, first),
            Self::SmallerIsCaptured => (first.min(second), first.max(second)),
        }
    }
}
