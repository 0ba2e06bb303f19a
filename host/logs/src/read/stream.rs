//! Many lines from a byte source, plain or compressed, in bounded memory.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::{
    frame::{Frame, Framing},
    parser::Parser,
    reject::Reject,
};
use crate::record::{LENGTH_MAX, LogRecord};

/// The longest line that is read, unless the reader is told otherwise: several times the longest that a
/// device sends.
pub const LINE_MAX: usize = 1 << 20;

/// Reads the records of a source one after the other.
///
/// Memory does not grow beyond about twice the longest line that is accepted, whatever the source holds.
pub struct Reader<'s> {
    source: Box<dyn Read + Send + 's>,
    framing: Framing,
    line_max: usize,
    parser: Parser,
    buffer: Vec<u8>,
    /// What of the buffer is not yet read.
    unread: std::ops::Range<usize>,
    ended: bool,
    counts: Counts,
}

/// How many lines of each kind have been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All lines.
    pub lines: u64,
    /// Lines that are records.
    pub records: u64,
    /// Lines that hold nothing.
    pub blank: u64,
    /// Lines that name columns.
    pub headings: u64,
    /// Lines that could not be read.
    pub rejected: u64,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected<'a> {
    /// Its number, from 1.
    pub number: u64,
    /// The line without its end; of one that is too long, its begin.
    pub line: &'a [u8],
    /// What is wrong.
    pub reason: Reject,
}

/// What a read of the buffer came to.
enum Step {
    Line { start: usize, end: usize },
    TooLong { start: usize, end: usize },
    End,
}

const BUFFER: usize = 256 << 10;

/// How much of a line that is too long is kept.
const KEPT: usize = 512;

impl<'s> Reader<'s> {
    /// A reader of the lines of `source`, which may be compressed with gzip or zstd: its first bytes tell.
    ///
    /// # Errors
    /// When the source's first bytes cannot be read.
    pub fn new(source: impl Read + Send + 's) -> io::Result<Self> {
        let mut source = BufReader::with_capacity(BUFFER, source);
        let start = source.fill_buf()?;
        let source: Box<dyn Read + Send> = if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(source))
        } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Box::new(zstd::Decoder::with_buffer(source)?)
        } else {
            Box::new(source)
        };
        Ok(Self {
            source,
            framing: Framing::Lines,
            line_max: LINE_MAX,
            parser: Parser::new(),
            buffer: Vec::new(),
            unread: 0..0,
            ended: false,
            counts: Counts::default(),
        })
    }

    /// Tells messages apart as `framing` says.
    pub fn with_framing(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }

    /// Rejects lines longer than `line_max` bytes, at most 1 GiB.
    pub fn with_line_max(self, line_max: usize) -> Self {
        Self { line_max: line_max.clamp(1, LENGTH_MAX), ..self }
    }

    /// The next record, or the next line that is none; `None` at the end. Blank lines, and lines that name
    /// columns, are passed over.
    ///
    /// # Errors
    /// When the source cannot be read, or its compression is damaged. What was read before is not affected.
    #[expect(clippy::should_implement_trait, reason = "what is given borrows the reader")]
    pub fn next(&mut self) -> io::Result<Option<Result<LogRecord<'_>, Rejected<'_>>>> {
        loop {
            let (start, end) = match self.step()? {
                Step::Line { start, end } => (start, end),
                Step::TooLong { start, end } => {
                    self.counts.rejected += 1;
                    let line = self.buffer.get(start..end).unwrap_or_default();
                    let reason = Reject::TooLong { limit: self.line_max };
                    return Ok(Some(Err(Rejected { number: self.counts.lines, line, reason })));
                }
                Step::End => return Ok(None),
            };
            let line = self.buffer.get(start..end).unwrap_or_default();
            if line.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
                self.counts.blank += 1;
            } else if is_heading(line) {
                self.counts.headings += 1;
            } else {
                return Ok(Some(self.parse(start, end)));
            }
        }
    }

    /// How many lines have been read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn parse(&mut self, start: usize, end: usize) -> Result<LogRecord<'_>, Rejected<'_>> {
        let Self { parser, buffer, counts, .. } = self;
        let line = buffer.get(start..end).unwrap_or_default();
        match parser.parse(line) {
            Ok(record) => {
                counts.records += 1;
                Ok(record)
            }
            Err(reason) => {
                counts.rejected += 1;
                Err(Rejected { number: counts.lines, line, reason })
            }
        }
    }

    /// The place of the next line in the buffer.
    fn step(&mut self) -> io::Result<Step> {
        loop {
            let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
            match self.framing.frame(unread, self.ended, self.line_max) {
                Frame::Message { start, end, next } => {
                    let base = self.unread.start;
                    self.unread.start += next;
                    self.counts.lines += 1;
                    return Ok(Step::Line { start: base + start, end: base + end });
                }
                Frame::TooLong { counted } => {
                    self.counts.lines += 1;
                    return self.skip_long(counted);
                }
                Frame::Incomplete if self.ended => return Ok(Step::End),
                Frame::Incomplete => self.fill()?,
            }
        }
    }

    /// Passes over a line that is too long, but for its begin.
    fn skip_long(&mut self, counted: Option<usize>) -> io::Result<Step> {
        let start = self.unread.start;
        let kept = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let kept: Vec<u8> = kept.iter().take(KEPT).copied().collect();
        let mut left = counted;
        loop {
            let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
            let (done, over) = match &mut left {
                Some(left) => {
                    let skipped = unread.len().min(*left);
                    *left -= skipped;
                    (*left == 0, skipped)
                }
                None => match memchr::memchr(b'\n', unread) {
                    Some(end) => (true, end + 1),
                    None => (false, unread.len()),
                },
            };
            self.unread.start += over;
            if done || self.ended {
                break;
            }
            self.fill()?;
        }
        // The begin goes to the front of what is free; there is always room, as the line was longer.
        let place = self.unread.start.saturating_sub(kept.len()).min(start);
        let end = place + kept.len();
        match self.buffer.get_mut(place..end) {
            Some(room) if end <= self.unread.start => room.copy_from_slice(&kept),
            _ => return Ok(Step::TooLong { start: 0, end: 0 }),
        }
        Ok(Step::TooLong { start: place, end })
    }

    /// Reads more behind what is unread, which is moved to the buffer's front.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.buffer.len() < self.unread.end + BUFFER {
            self.buffer.resize(self.unread.end + BUFFER, 0);
        }
        let free = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
        loop {
            match self.source.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.unread.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }
}

/// Whether a line names columns, as the first one of an exported file does: the fourth is called `type`.
fn is_heading(line: &[u8]) -> bool {
    line.split(|byte| *byte == b',').nth(3).is_some_and(|name| name.eq_ignore_ascii_case(b"type"))
        && !line.split(|byte| *byte == b',').take(3).any(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests;
