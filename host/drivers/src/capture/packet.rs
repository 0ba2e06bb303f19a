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

/// One packet, lent from the buffer of its [`Capture`](super::Capture); `Data` is `&[u8]`, or `&mut [u8]`
/// for who rewrites it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedPacket<Data> {
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
    pub data: Data,
}

/// Up to as many packets as were asked for, all lent from one buffer.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) slots: &'a [Slot],
    pub(super) bytes: &'a mut [u8],
    pub(super) interfaces: &'a [CaptureInterface],
}

impl<'a> Batch<'a> {
    /// The interface that a packet of this batch names.
    pub fn interface(&self, number: u32) -> Option<&'a CaptureInterface> {
        self.interfaces.get(number as usize)
    }

    /// The interfaces that packets of this batch name, by number.
    pub const fn interfaces(&self) -> &'a [CaptureInterface] {
        self.interfaces
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
    pub fn get(&self, index: usize) -> Option<CapturedPacket<&[u8]>> {
        self.slots.get(index).map(|slot| slot.packet(slot.bytes_in(self.bytes)))
    }

    /// The packets in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = CapturedPacket<&[u8]>> {
        self.slots.iter().map(|slot| slot.packet(slot.bytes_in(self.bytes)))
    }

    /// The packets in file order, to be changed in place.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = CapturedPacket<&mut [u8]>> {
        let mut rest = &mut *self.bytes;
        let mut at = 0;
        self.slots.iter().map(move |slot| {
            // The slots follow one another in the buffer.
            let (_, from) = core::mem::take(&mut rest)
                .split_at_mut_checked(slot.start.saturating_sub(at))
                .unwrap_or_default();
            let (data, behind) = from.split_at_mut_checked(slot.length as usize).unwrap_or_default();
            rest = behind;
            at = slot.start + slot.length as usize;
            slot.packet(data)
        })
    }
}

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
    fn bytes_in<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        buffer.get(self.start..self.start + self.length as usize).unwrap_or_default()
    }

    #[inline]
    const fn packet<Data>(&self, data: Data) -> CapturedPacket<Data> {
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
