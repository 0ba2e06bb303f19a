//! Many lines from a byte source, plain or compressed, in bounded memory.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::{
    frame::Framing,
    parser::Parser,
    reject::Reject,
    utf16::Utf16,
    window::{Next, Window},
};
use crate::record::LogRecord;

/// The longest line that is read, unless the reader is told otherwise: several times the longest that a
/// device sends.
pub const LINE_MAX: usize = 1 << 20;

/// Reads the records of a source one after the other.
///
/// Memory does not grow beyond about twice the longest line that is accepted, whatever the source holds.
pub struct Reader<'s> {
    source: Box<dyn Read + Send + 's>,
    window: Window,
    parser: Parser,
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

impl<'s> Reader<'s> {
    /// A reader of the lines of `source`, which may be compressed with gzip or zstd, or be UTF-16: its first
    /// bytes tell.
    ///
    /// # Errors
    /// When the source's first bytes cannot be read.
    pub fn new(source: impl Read + Send + 's) -> io::Result<Self> {
        Ok(Self {
            source: plain(source)?,
            window: Window::new(Framing::Lines, LINE_MAX),
            parser: Parser::new(),
            counts: Counts::default(),
        })
    }

    /// Tells messages apart as `framing` says.
    pub fn with_framing(mut self, framing: Framing) -> Self {
        self.window.framing = framing;
        self
    }

    /// Rejects lines longer than `line_max` bytes, at most 1 GiB.
    pub fn with_line_max(mut self, line_max: usize) -> Self {
        self.window = Window::new(self.window.framing, line_max);
        self
    }

    /// The next record, or the next line that is none; `None` at the end. Blank lines, and lines that name
    /// columns, are passed over.
    ///
    /// # Errors
    /// When the source cannot be read, or its compression is damaged. What was read before is not affected.
    #[expect(clippy::should_implement_trait, reason = "what is given borrows the reader")]
    pub fn next(&mut self) -> io::Result<Option<Result<LogRecord<'_>, Rejected<'_>>>> {
        loop {
            let place = match self.window.next() {
                Next::More => {
                    self.window.fill(&mut self.source)?;
                    continue;
                }
                Next::End => return Ok(None),
                Next::Message(place) => place,
                Next::TooLong => {
                    self.counts.lines += 1;
                    self.counts.rejected += 1;
                    let Self { window, counts, .. } = self;
                    let reason = Reject::TooLong { limit: window.message_max() };
                    return Ok(Some(Err(Rejected { number: counts.lines, line: window.begin(), reason })));
                }
            };
            self.counts.lines += 1;
            let line = self.window.message(&place);
            if line.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
                self.counts.blank += 1;
            } else if is_heading(line) {
                self.counts.headings += 1;
            } else {
                return Ok(Some(self.parse(&place)));
            }
        }
    }

    /// How many lines have been read so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn parse(&mut self, place: &std::ops::Range<usize>) -> Result<LogRecord<'_>, Rejected<'_>> {
        let Self { parser, window, counts, .. } = self;
        let line = window.message(place);
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
}

/// The source without its compression, if it has any, and as UTF-8 where a mark says that it is UTF-16.
fn plain<'s>(mut source: impl Read + Send + 's) -> io::Result<Box<dyn Read + Send + 's>> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    // A pipe may give the first bytes one by one.
    let mut start = Vec::with_capacity(ZSTD.len());
    source.by_ref().take(ZSTD.len() as u64).read_to_end(&mut start)?;
    let is = |magic: &[u8]| start.starts_with(magic);
    let [gzip, zstd, little, big] = [is(GZIP), is(ZSTD), is(b"\xff\xfe"), is(b"\xfe\xff")];
    let mark = if little || big { 2 } else { 0 };
    let source = io::Cursor::new(start.split_off(mark)).chain(source);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(BufReader::new(source)))
    } else if zstd {
        Box::new(zstd::Decoder::new(source)?)
    } else if little || big {
        Box::new(Utf16::new(source, big))
    } else {
        Box::new(source)
    })
}

/// Whether a line names columns, as the first one of an exported file does: the fourth is called `type`.
fn is_heading(line: &[u8]) -> bool {
    let third = memchr::memchr_iter(b',', line).nth(2);
    let fourth = third.and_then(|comma| line.get(comma + 1..comma + 6));
    fourth.is_some_and(|name| name.eq_ignore_ascii_case(b"type,"))
        && !line.split(|byte| *byte == b',').take(3).any(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests;
