//! Reads captures: pcap and pcapng, plain or in gzip.
//!
//! The reader is our own because the packets of a whole batch are lent from one buffer and every length is
//! bounded, which the `pcap-parser` crate, lending one block at a time, does not offer.

mod byte_order;
mod input;
mod interface;
mod packet;
mod pcap;
mod pcapng;

fn interfaces_of(format: &Format) -> &[CaptureInterface] {
    match format {
        Format::Pcap(_, interface) => std::slice::from_ref(interface),
        Format::Pcapng(pcapng) => pcapng.interfaces(),
    }
}

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use input::Input;
use packet::Slot;
pub use packet::{Batch, CaptureInterface, CaptureLink, CapturedPacket, PACKET_LENGTH_MAX};
use pcap::Pcap;
use pcapng::Pcapng;

use crate::{CaptureError, CaptureProblem};

/// A capture that is being read, in constant memory: about 1 MiB and 40 bytes per packet of a batch.
///
/// Packets come in file order through [`Capture::next_batch`]. An error comes after all packets that could
/// be read before it, and ends the capture.
pub struct Capture {
    name: String,
    input: Input,
    format: Format,
    slots: Vec<Slot>,
    /// The error behind the packets of the last batch.
    pending: Option<CaptureError>,
    finished: bool,
    total_bytes: Option<u64>,
}

impl Capture {
    /// Opens a file, or standard input when the path is `-`, and reads its header.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        if path.as_os_str() == "-" {
            return Self::from_reader(Box::new(io::stdin()), "standard input");
        }
        let name = path.display().to_string();
        let cannot_open = |error| CaptureError::new(&name, 0, CaptureProblem::Open(error));
        let file = File::open(path).map_err(cannot_open)?;
        let metadata = file.metadata().map_err(cannot_open)?;
        let mut capture = Self::from_reader(Box::new(file), &name)?;
        capture.total_bytes = metadata.is_file().then_some(metadata.len());
        Ok(capture)
    }

    /// Reads the header from anything; `name` stands in errors.
    pub fn from_reader(reader: Box<dyn Read + Send>, name: &str) -> Result<Self, CaptureError> {
        let mut input = Input::new(reader);
        match Format::detect(&mut input) {
            Ok(format) => Ok(Self {
                name: name.to_owned(),
                input,
                format,
                slots: Vec::new(),
                pending: None,
                finished: false,
                total_bytes: None,
            }),
            Err(problem) => Err(CaptureError::new(name, input.position(), problem)),
        }
    }

    /// The next packets, at least one and at most `packets_max` (0 counts as 1), as many as can be had
    /// without waiting for more of the stream; `None` at the end and after an error.
    pub fn next_batch(&mut self, packets_max: usize) -> Result<Option<Batch<'_>>, CaptureError> {
        self.gather(packets_max.max(1))?;
        let interfaces = interfaces_of(&self.format);
        let batch = Batch { slots: &self.slots, bytes: self.input.buffer_mut(), interfaces };
        Ok(if batch.is_empty() { None } else { Some(batch) })
    }

    /// The name of the file as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The interfaces known so far; those of a pcapng file become known as it is read.
    pub fn interfaces(&self) -> &[CaptureInterface] {
        interfaces_of(&self.format)
    }

    /// That no interface known so far has a link type the engine reads, so that no packet can become a
    /// session. For pcapng the answer is final at the end.
    pub fn link_problem(&self) -> Option<LinkProblem> {
        let mut numbers = Vec::new();
        for interface in self.interfaces() {
            match interface.link {
                CaptureLink::Supported(_) => return None,
                CaptureLink::Unsupported(number) => numbers.push(number),
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() { None } else { Some(LinkProblem { file: self.name.clone(), numbers }) }
    }

    /// Bytes taken from the file so far, compressed ones for gzip: what progress compares with
    /// [`Capture::total_bytes`]. Runs up to a read buffer ahead of the packets.
    pub fn bytes_read(&self) -> u64 {
        self.input.bytes_read()
    }

    /// The length of a regular file when it was opened.
    pub const fn total_bytes(&self) -> Option<u64> {
        self.total_bytes
    }

    /// Fills the slots, or leaves them empty at the end.
    fn gather(&mut self, packets_max: usize) -> Result<(), CaptureError> {
        self.slots.clear();
        if let Some(error) = self.pending.take() {
            return Err(error);
        }
        while !self.finished {
            let lack = match self.take_from_window(packets_max) {
                Ok(lack) => lack,
                Err(problem) => return self.fail(problem),
            };
            // More can be read only when nothing is lent from the buffer.
            if !self.slots.is_empty() {
                return Ok(());
            }
            match self.input.fill() {
                Ok(true) => {}
                Ok(false) => match lack.at_end(&self.input) {
                    Some(problem) => return self.fail(problem),
                    None => self.finished = true,
                },
                Err(problem) => return self.fail(problem),
            }
        }
        Ok(())
    }

    /// Takes packets until there are enough or the window has no whole one.
    fn take_from_window(&mut self, packets_max: usize) -> Result<Lack, CaptureProblem> {
        while self.slots.len() < packets_max {
            match self.format.step(self.input.window())? {
                Step::Packet { mut slot, consumed } => {
                    slot.start += self.input.start();
                    self.slots.push(slot);
                    self.input.advance(consumed as u64);
                }
                Step::Skip(count) => self.input.advance(count),
                Step::Boundary => return Ok(Lack::None),
                Step::Incomplete { needed, record } => return Ok(Lack::Bytes { needed, record }),
            }
        }
        Ok(Lack::None)
    }

    /// Ends the capture; the error waits until the packets before it have been fetched.
    fn fail(&mut self, problem: CaptureProblem) -> Result<(), CaptureError> {
        self.finished = true;
        let error = CaptureError::new(&self.name, self.input.position(), problem);
        if self.slots.is_empty() {
            return Err(error);
        }
        self.pending = Some(error);
        Ok(())
    }
}

/// A capture of which the engine can read no packet, for want of a link layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: link type {} is not supported, no packet of it becomes a session", list(.numbers))]
pub struct LinkProblem {
    file: String,
    numbers: Vec<u32>,
}

impl LinkProblem {
    /// The link types of the capture by their numbers in the LINKTYPE registry, ascending.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }
}

/// What the front of the window turned out to be.
enum Step {
    /// A packet, its `start` counted from the window's.
    Packet { slot: Slot, consumed: usize },
    /// Nothing of interest for so many bytes, which may reach beyond the window.
    Skip(u64),
    /// Nothing: the window is empty between two records.
    Boundary,
    /// The beginning of a record, of which at least so many bytes are needed, never more than the buffer
    /// holds.
    Incomplete { needed: usize, record: &'static str },
}

/// What is missing from the window.
enum Lack {
    None,
    Bytes { needed: usize, record: &'static str },
}

impl Lack {
    /// What it means when nothing more comes.
    fn at_end(&self, input: &Input) -> Option<CaptureProblem> {
        match *self {
            Self::None => None,
            Self::Bytes { needed, record } => {
                let missing =
                    (needed.saturating_sub(input.window().len()) as u64).saturating_add(input.skipping());
                Some(CaptureProblem::Truncated { record, missing })
            }
        }
    }
}

/// The formats.
enum Format {
    Pcap(Pcap, CaptureInterface),
    Pcapng(Box<Pcapng>),
}

impl Format {
    /// Finds out the format and reads the file header.
    fn detect(input: &mut Input) -> Result<Self, CaptureProblem> {
        input.detect_gzip()?;
        input.require(4)?;
        let Some(&found) = input.window().first_chunk::<4>() else {
            return Err(match 4 - input.window().len() {
                4 => CaptureProblem::Empty,
                missing => CaptureProblem::Truncated { record: "file header", missing: missing as u64 },
            });
        };
        if u32::from_le_bytes(found) == pcapng::SECTION_HEADER {
            return Self::begin_pcapng(input);
        }
        if !Pcap::recognizes(found) {
            return Err(CaptureProblem::UnknownFormat { found });
        }
        input.require(pcap::HEADER_LENGTH)?;
        let Some(header) = input.window().first_chunk() else {
            let missing = (pcap::HEADER_LENGTH - input.window().len()) as u64;
            return Err(CaptureProblem::Truncated { record: "pcap file header", missing });
        };
        let (pcap, interface) = Pcap::from_header(header)?;
        input.advance(pcap::HEADER_LENGTH as u64);
        Ok(Self::Pcap(pcap, interface))
    }

    /// Reads the first section header.
    fn begin_pcapng(input: &mut Input) -> Result<Self, CaptureProblem> {
        let mut pcapng = Box::new(Pcapng::new());
        input.require(pcapng::SECTION_HEADER_LENGTH)?;
        let window = input.window();
        let Step::Skip(count) = pcapng.step(window)? else {
            let missing = pcapng::SECTION_HEADER_LENGTH.saturating_sub(window.len()) as u64;
            return Err(CaptureProblem::Truncated { record: "pcapng section header", missing });
        };
        input.advance(count);
        Ok(Self::Pcapng(pcapng))
    }

    #[inline]
    fn step(&mut self, window: &[u8]) -> Result<Step, CaptureProblem> {
        match self {
            Self::Pcap(pcap, _) => pcap.step(window),
            Self::Pcapng(pcapng) => pcapng.step(window),
        }
    }
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
