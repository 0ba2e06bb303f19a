//! Packets as a capture lends them.

use bifrons_model::Timestamp;
use bifrons_wire::LinkType;

/// The longest packet that is accepted, in bytes: 256 KiB, the limit of libpcap. A longer one means damage.
pub const PACKET_LENGTH_MAX: u32 = 256 * 1024;

/// What the frames of an interface begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaptureLink {
    /// A link layer that the engine reads.
    Supported(LinkType),
    /// Any other one, by its number in the LINKTYPE registry.
    Unsupported(u32),
}

impl CaptureLink {
    /// From the number in the LINKTYPE registry.
    pub const fn from_number(number: u32) -> Self {
        match LinkType::from_capture(number) {
            Some(link) => Self::Supported(link),
            None => Self::Unsupported(number),
        }
    }

    /// The link layer when the engine reads it.
    pub const fn supported(self) -> Option<LinkType> {
        match self {
            Self::Supported(link) => Some(link),
            Self::Unsupported(_) => None,
        }
    }
}

/// An interface that a capture describes. A pcap file has one, without name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CaptureInterface {
    /// The name on the capturing host, at most 256 bytes are kept.
    pub name: Option<String>,
    /// What its frames begin with.
    pub link: CaptureLink,
    /// Bytes of frame check sequence behind each frame in the file; packets are lent without them.
    pub fcs_length: u32,
}

/// One packet, lent from the buffer of its [`Capture`](super::Capture).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedPacket<'a> {
    /// When it was captured. A pcapng Simple Packet has no time of its own and carries that of the packet
    /// before.
    pub time: Timestamp,
    /// Place in [`Capture::interfaces`](super::Capture::interfaces).
    pub interface: u32,
    /// What the frame begins with.
    pub link: CaptureLink,
    /// Length on the wire in bytes, without frame check sequence; never below the length of `data`.
    pub original_length: u32,
    /// What was captured of the frame, without frame check sequence.
    pub data: &'a [u8],
}

/// Up to as many packets as were asked for, all lent from one buffer.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    pub(super) slots: &'a [Slot],
    pub(super) bytes: &'a [u8],
    pub(super) interfaces: &'a [CaptureInterface],
}

impl<'a> Batch<'a> {
    /// The interface that a packet of this batch names.
    pub fn interface(&self, number: u32) -> Option<&'a CaptureInterface> {
        self.interfaces.get(number as usize)
    }

    /// How many packets; never 0.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no packet.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The packet at a place, 0 being the first.
    #[inline]
    pub fn get(&self, index: usize) -> Option<CapturedPacket<'a>> {
        self.slots.get(index).map(|slot| slot.packet(self.bytes))
    }

    /// The packets in file order.
    pub fn iter(&self) -> BatchPackets<'a> {
        BatchPackets { slots: self.slots.iter(), bytes: self.bytes }
    }
}

impl<'a> IntoIterator for Batch<'a> {
    type Item = CapturedPacket<'a>;
    type IntoIter = BatchPackets<'a>;

    fn into_iter(self) -> BatchPackets<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Batch<'a> {
    type Item = CapturedPacket<'a>;
    type IntoIter = BatchPackets<'a>;

    fn into_iter(self) -> BatchPackets<'a> {
        self.iter()
    }
}

/// The packets of a [`Batch`] in file order.
#[derive(Clone, Debug)]
pub struct BatchPackets<'a> {
    slots: std::slice::Iter<'a, Slot>,
    bytes: &'a [u8],
}

impl<'a> Iterator for BatchPackets<'a> {
    type Item = CapturedPacket<'a>;

    #[inline]
    fn next(&mut self) -> Option<CapturedPacket<'a>> {
        self.slots.next().map(|slot| slot.packet(self.bytes))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl ExactSizeIterator for BatchPackets<'_> {}

/// A packet by its place in the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub time: Timestamp,
    pub interface: u32,
    pub link: CaptureLink,
    pub original_length: u32,
    pub start: usize,
    pub length: u32,
}

impl Slot {
    /// A packet of `captured` bytes at `start`, the last `fcs_length` bytes of the frame on the wire left
    /// out.
    #[inline]
    pub fn new(time: Timestamp, start: usize, captured: u32, original: u32, from: &Origin) -> Self {
        // Some writers leave the original length 0; a frame cannot have been shorter than what was captured
        // of it.
        let original_length = original.max(captured).saturating_sub(from.fcs_length);
        let length = captured.min(original_length);
        Self { time, interface: from.interface, link: from.link, original_length, start, length }
    }

    #[inline]
    fn packet<'a>(&self, bytes: &'a [u8]) -> CapturedPacket<'a> {
        let data = bytes.get(self.start..self.start + self.length as usize).unwrap_or_default();
        CapturedPacket {
            time: self.time,
            interface: self.interface,
            link: self.link,
            original_length: self.original_length,
            data,
        }
    }
}

/// What all packets of an interface share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub interface: u32,
    pub link: CaptureLink,
    pub fcs_length: u32,
}
