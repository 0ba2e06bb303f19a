//! The window over the byte stream of a capture: one buffer that slides forward, gzip undone on the way.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use crate::CaptureProblem;

/// The most that one record may need at once.
pub(super) const BUFFER_LENGTH: usize = 1024 * 1024;

/// How much is read at a time: small enough that the bytes are still in the second-level cache when they
/// are used.
const READ_LENGTH: usize = 128 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A byte stream with a sliding window. What lies in the window stays in place until [`Input::fill`].
pub(super) struct Input {
    source: Source,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Where `start` is in the stream.
    position: u64,
    /// Bytes behind `end` that nobody wants to see.
    skip: u64,
}

impl Input {
    pub fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            source: Source::Plain(Counted { reader, count: 0 }),
            buffer: vec![0; BUFFER_LENGTH].into_boxed_slice(),
            start: 0,
            end: 0,
            position: 0,
            skip: 0,
        }
    }

    /// Reads until the window has `length` bytes; false when the stream ends before.
    pub fn require(&mut self, length: usize) -> Result<bool, CaptureProblem> {
        while self.window().len() < length {
            if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Undoes gzip when the stream begins with it. To be called before anything is consumed.
    pub fn detect_gzip(&mut self) -> Result<(), CaptureProblem> {
        if !self.require(GZIP_MAGIC.len())? || !self.window().starts_with(&GZIP_MAGIC) {
            return Ok(());
        }
        let head = Cursor::new(self.window().to_vec());
        self.end = self.start;
        let nothing = Source::Plain(Counted { reader: Box::new(io::empty()), count: 0 });
        self.source = match std::mem::replace(&mut self.source, nothing) {
            Source::Plain(rest) => {
                let compressed = BufReader::with_capacity(READ_LENGTH, head.chain(rest));
                Source::Gzip(Box::new(MultiGzDecoder::new(compressed)))
            }
            Source::Gzip(decoder) => Source::Gzip(decoder),
        };
        Ok(())
    }

    /// The bytes that are there and not yet consumed.
    #[inline]
    pub fn window(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The buffer around the window; the window begins at [`Input::start`].
    pub fn buffer_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    #[inline]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Where the window begins, in bytes from the start of the decompressed stream.
    #[inline]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How many of the bytes given to [`Input::advance`] have not come yet.
    pub fn skipping(&self) -> u64 {
        self.skip
    }

    /// Consumes bytes, also such that are not there yet.
    #[inline]
    pub fn advance(&mut self, count: u64) {
        let present = (self.end - self.start) as u64;
        self.position += count;
        if count <= present {
            self.start += count as usize;
        } else {
            self.start = self.end;
            self.skip += count - present;
        }
    }

    /// Reads once more from the stream; false at its end. Moves the window to the front of the buffer.
    pub fn fill(&mut self) -> Result<bool, CaptureProblem> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        debug_assert!(self.end < self.buffer.len(), "no record may need more than the buffer holds");
        loop {
            let limit = self.buffer.len().min(self.end + READ_LENGTH);
            let count = match self.source.read(self.buffer.get_mut(self.end..limit).unwrap_or_default()) {
                Ok(0) => return Ok(false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.source.problem(error)),
            };
            self.end = limit.min(self.end + count);
            // Bytes are skipped only when the window is empty, so they are the first that come.
            let skipped = self.skip.min(self.end as u64);
            self.skip -= skipped;
            self.start = skipped as usize;
            if self.start < self.end {
                return Ok(true);
            }
            (self.start, self.end) = (0, 0);
        }
    }

    /// Bytes taken from the file or pipe, compressed ones for gzip.
    pub fn bytes_read(&self) -> u64 {
        match &self.source {
            Source::Plain(counted) => counted.count,
            Source::Gzip(decoder) => decoder.get_ref().get_ref().get_ref().1.count,
        }
    }
}

/// The bytes that showed that the stream is gzip, and the rest of it.
type Compressed = BufReader<Chain<Cursor<Vec<u8>>, Counted>>;

enum Source {
    Plain(Counted),
    Gzip(Box<MultiGzDecoder<Compressed>>),
}

impl Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(counted) => counted.read(into),
            Self::Gzip(decoder) => decoder.read(into),
        }
    }

    /// The decoder reports a bad stream and a bad file by the same type; the kind tells them apart.
    fn problem(&self, error: io::Error) -> CaptureProblem {
        let kind = error.kind();
        match self {
            Self::Gzip(_) if kind == io::ErrorKind::UnexpectedEof => CaptureProblem::GzipTruncated,
            Self::Gzip(_) if matches!(kind, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                CaptureProblem::GzipDamaged(error)
            }
            Self::Gzip(_) | Self::Plain(_) => CaptureProblem::Read(error),
        }
    }
}

struct Counted {
    reader: Box<dyn Read + Send>,
    count: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(into)?;
        self.count += count as u64;
        Ok(count)
    }
}
