//! Writes captures: pcap with nanoseconds, little-endian.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use bifrons_model::Timestamp;
use bifrons_wire::LinkType;

use crate::{CaptureError, CaptureProblem, PACKET_LENGTH_MAX};

/// The magic number of pcap with nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;

/// Writes one pcap file with one link type. Call [`CaptureWriter::finish`] at the end: dropping the writer
/// also writes what is left, but nobody hears of errors then.
pub struct CaptureWriter<W: Write = BufWriter<File>> {
    name: String,
    out: W,
    position: u64,
}

impl CaptureWriter {
    /// Creates the file, or empties it when it exists.
    pub fn create(path: impl AsRef<Path>, link: LinkType) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file =
            File::create(path).map_err(|error| CaptureError::new(&name, 0, CaptureProblem::Create(error)))?;
        Self::new(BufWriter::with_capacity(128 * 1024, file), &name, link)
    }
}

impl<W: Write> CaptureWriter<W> {
    /// Writes to anything; `name` stands in errors.
    pub fn new(out: W, name: &str, link: LinkType) -> Result<Self, CaptureError> {
        let mut writer = Self { name: name.to_owned(), out, position: 0 };
        let (major, minor) = (2_u16, 4_u16);
        let mut header = Vec::with_capacity(24);
        header.extend(MAGIC.to_le_bytes());
        header.extend(major.to_le_bytes());
        header.extend(minor.to_le_bytes());
        header.extend([0; 8]);
        header.extend(PACKET_LENGTH_MAX.to_le_bytes());
        header.extend(number_of(link).to_le_bytes());
        writer.put(&header)?;
        Ok(writer)
    }

    /// Writes a packet. `original_length` is its length on the wire, `data` what there is of it, at most
    /// [`PACKET_LENGTH_MAX`] bytes. A packet that is refused leaves the file as it was.
    pub fn write(&mut self, time: Timestamp, data: &[u8], original_length: u32) -> Result<(), CaptureError> {
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        if captured > PACKET_LENGTH_MAX {
            let problem = CaptureProblem::PacketLength { length: captured, maximum: PACKET_LENGTH_MAX };
            return Err(CaptureError::new(&self.name, self.position, problem));
        }
        let Ok(seconds) = u32::try_from(time.as_secs()) else {
            let problem = CaptureProblem::TimeRange { seconds: time.as_secs() };
            return Err(CaptureError::new(&self.name, self.position, problem));
        };
        let mut header = [0; 16];
        let fields = [seconds, time.subsec_nanos(), captured, original_length.max(captured)];
        for (place, field) in header.as_chunks_mut::<4>().0.iter_mut().zip(fields) {
            *place = field.to_le_bytes();
        }
        self.put(&header)?;
        self.put(data)
    }

    /// Writes what is still in memory and gives back what was written to.
    pub fn finish(mut self) -> Result<W, CaptureError> {
        match self.out.flush() {
            Ok(()) => Ok(self.out),
            Err(error) => Err(CaptureError::new(&self.name, self.position, CaptureProblem::Write(error))),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), CaptureError> {
        self.out
            .write_all(bytes)
            .map_err(|error| CaptureError::new(&self.name, self.position, CaptureProblem::Write(error)))?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

/// The number in the LINKTYPE registry; of several that mean the same, the most common.
const fn number_of(link: LinkType) -> u32 {
    match link {
        LinkType::Ethernet => 1,
        LinkType::RawIp => 101,
        LinkType::LinuxCooked => 113,
        LinkType::LinuxCooked2 => 276,
        LinkType::BsdLoopback => 0,
        LinkType::Ppp => 9,
        LinkType::CiscoHdlc => 104,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{Capture, CaptureLink};

    #[test]
    fn what_is_written_is_read() {
        let packets: [(u64, &[u8], u32); 3] =
            [(0, b"", 0), (1_700_000_000_123_456_789, b"abc", 1500), (4_294_967_295_999_999_999, b"x", 1)];
        for link in [
            LinkType::Ethernet,
            LinkType::RawIp,
            LinkType::LinuxCooked,
            LinkType::LinuxCooked2,
            LinkType::BsdLoopback,
            LinkType::Ppp,
            LinkType::CiscoHdlc,
        ] {
            let mut writer = CaptureWriter::new(Vec::new(), "test", link).unwrap();
            for (nanos, data, original) in packets {
                writer.write(Timestamp::from_nanos(nanos), data, original).unwrap();
            }
            let file = writer.finish().unwrap();
            assert_eq!(file.len(), 24 + 3 * 16 + 4);
            let mut capture = Capture::from_reader(Box::new(Cursor::new(file)), "test").unwrap();
            let batch = capture.next_batch(9).unwrap().unwrap();
            assert!(batch.iter().all(|packet| packet.link == CaptureLink::Supported(link)));
            let read =
                batch.iter().map(|packet| (packet.time.as_nanos(), packet.data, packet.original_length));
            assert!(read.eq(packets));
        }
    }

    #[test]
    fn what_pcap_cannot_hold_is_refused() {
        let mut writer = CaptureWriter::new(Vec::new(), "test", LinkType::Ethernet).unwrap();
        let long = vec![0; PACKET_LENGTH_MAX as usize + 1];
        let error = writer.write(Timestamp::ZERO, &long, 0).unwrap_err();
        assert!(matches!(error.problem(), CaptureProblem::PacketLength { length: 262_145, .. }));
        let error = writer.write(Timestamp::from_secs(1 << 32), b"x", 1).unwrap_err();
        assert!(matches!(error.problem(), CaptureProblem::TimeRange { seconds: 4_294_967_296 }));
        assert_eq!(writer.finish().unwrap().len(), 24);
    }

    #[test]
    fn a_file_is_complete_after_finish() {
        let path = std::env::temp_dir().join(format!("bifrons-writer-{}.pcap", std::process::id()));
        let mut writer = CaptureWriter::create(&path, LinkType::Ethernet).unwrap();
        writer.write(Timestamp::ZERO, b"abc", 3).unwrap();
        writer.finish().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 24 + 16 + 3);
        std::fs::remove_file(&path).unwrap();
        let nowhere = path.join("below-no-folder");
        let error = CaptureWriter::create(nowhere, LinkType::Ethernet).map(|_| ()).unwrap_err();
        assert!(matches!(error.problem(), CaptureProblem::Create(_)));
    }
}
