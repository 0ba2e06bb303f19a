//! What the targets share: reading decisions off the front of the fuzzer's bytes.

use bifrons_model::Direction;
use bifrons_wire::LinkType;

/// Every link layer that the engine reads.
pub const LINKS: [LinkType; 7] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::LinuxCooked,
    LinkType::LinuxCooked2,
    LinkType::BsdLoopback,
    LinkType::Ppp,
    LinkType::CiscoHdlc,
];

/// The fuzzer's bytes, taken from the front; zeros behind their end.
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// Whether all is taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next two bytes as a number.
    pub fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    /// Up to `count` bytes.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A direction by the lowest bit.
pub const fn direction(bits: u8) -> Direction {
    if bits & 1 == 0 { Direction::ClientToServer } else { Direction::ServerToClient }
}
