//! Captures made by hand, one for each variation and each way to be wrong.

mod gzip;
mod pcap;
mod pcapng;
mod stream;

use std::io::{self, Cursor, Read};

use bifrons_model::Timestamp;
use bifrons_wire::LinkType;

use super::{Capture, CaptureLink};
use crate::{CaptureError, CaptureProblem};

const ETHERNET: CaptureLink = CaptureLink::Supported(LinkType::Ethernet);

/// A packet that outlives its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    time: Timestamp,
    interface: u32,
    link: CaptureLink,
    original_length: u32,
    data: Vec<u8>,
}

/// A capture read to its end.
struct Outcome {
    packets: Vec<Owned>,
    error: Option<CaptureError>,
    /// The capture behind its end; `None` when it could not be opened.
    capture: Option<Capture>,
}

impl Outcome {
    /// The packets of a capture without error.
    #[track_caller]
    fn good(self) -> Vec<Owned> {
        assert!(self.error.is_none(), "{:?}", self.error);
        self.packets
    }

    /// The problem of a capture, with the number of packets before it and the place of the error.
    #[track_caller]
    fn bad(self) -> (usize, u64, CaptureProblem) {
        let error = self.error.expect("an error");
        (self.packets.len(), error.offset(), error.problem)
    }
}

fn read(bytes: &[u8]) -> Outcome {
    read_from(Box::new(Cursor::new(bytes.to_vec())), 256)
}

fn read_from(reader: Box<dyn Read + Send>, packets_max: usize) -> Outcome {
    let mut capture = match Capture::from_reader(reader, "test") {
        Ok(capture) => capture,
        Err(error) => return Outcome { packets: Vec::new(), error: Some(error), capture: None },
    };
    let mut packets = Vec::new();
    let error = loop {
        match capture.next_batch(packets_max) {
            Ok(None) => break None,
            Err(error) => break Some(error),
            Ok(Some(batch)) => {
                assert!((1..=packets_max.max(1)).contains(&batch.len()));
                assert_eq!(batch.iter().len(), batch.len());
                packets.extend(batch.iter().map(|packet| Owned {
                    time: packet.time,
                    interface: packet.interface,
                    link: packet.link,
                    original_length: packet.original_length,
                    data: packet.data.to_vec(),
                }));
            }
        }
    };
    assert!(capture.next_batch(1).expect("finished").is_none(), "nothing comes after the end");
    Outcome { packets, error, capture: Some(capture) }
}

/// Gives a stream a few bytes at a time, as a pipe may.
struct Trickle {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl Trickle {
    fn boxed(bytes: &[u8], step: usize) -> Box<dyn Read + Send> {
        Box::new(Self { bytes: bytes.to_vec(), at: 0, step })
    }
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let count = rest.len().min(self.step).min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Builds a file in one byte order.
#[derive(Clone)]
struct Builder {
    big: bool,
    bytes: Vec<u8>,
}

impl Builder {
    fn new(big: bool) -> Self {
        Self { big, bytes: Vec::new() }
    }

    fn u16(mut self, value: u16) -> Self {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    fn padded(self, bytes: &[u8]) -> Self {
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        self.bytes(bytes).bytes(&vec![0; padding])
    }

    /// A pcap file header of version 2.4.
    fn pcap(big: bool, magic: u32, link: u32) -> Self {
        Self::new(big).u32(magic).u16(2).u16(4).u32(0).u32(0).u32(65_535).u32(link)
    }

    /// A pcap record.
    fn record(self, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Self {
        self.u32(seconds).u32(fraction).u32(data.len() as u32).u32(original).bytes(data)
    }

    /// A pcapng block around a body.
    fn block(self, kind: u32, body: impl FnOnce(Self) -> Self) -> Self {
        let body = body(Self::new(self.big)).bytes;
        let length = body.len() as u32 + 12;
        self.u32(kind).u32(length).bytes(&body).u32(length)
    }

    fn section(self) -> Self {
        self.block(0x0a0d_0d0a, |body| body.u32(0x1a2b_3c4d).u16(1).u16(0).u32(u32::MAX).u32(u32::MAX))
    }

    fn option(self, code: u16, value: &[u8]) -> Self {
        self.u16(code).u16(value.len() as u16).padded(value)
    }

    /// An interface description without options.
    fn interface(self, link: u16) -> Self {
        self.block(1, |body| body.u16(link).u16(0).u32(0))
    }

    /// An Enhanced Packet without options.
    fn enhanced(self, interface: u32, units: u64, original: u32, data: &[u8]) -> Self {
        self.block(6, |body| {
            body.u32(interface)
                .u32((units >> 32) as u32)
                .u32(units as u32)
                .u32(data.len() as u32)
                .u32(original)
                .padded(data)
        })
    }
}
