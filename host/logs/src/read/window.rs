//! A buffer over a stream of bytes that messages are taken from, in bounded memory.

use std::{
    io::{self, Read},
    ops::Range,
};

use memchr::memchr;

use super::frame::{Frame, Framing};
use crate::record::LENGTH_MAX;

/// The bytes that have been read and not yet been used, and where messages are in them.
pub(crate) struct Window {
    pub(crate) framing: Framing,
    message_max: usize,
    buffer: Vec<u8>,
    unread: Range<usize>,
    ended: bool,
    /// A message that is too long and is being passed over.
    long: Option<Long>,
    /// The begin of the last one.
    begin: Vec<u8>,
}

/// What the window holds next.
pub(crate) enum Next {
    /// A message at this place, which stays until the window is filled.
    Message(Range<usize>),
    /// A message that was too long has been passed over; [`Window::begin`] has its begin.
    TooLong,
    /// The window has to be filled.
    More,
    /// Nothing is left and nothing will come.
    End,
}

struct Long {
    /// How many of its bytes are still to come; `None` when only its end will tell.
    left: Option<usize>,
}

/// How much is read at a time.
const PORTION: usize = 256 << 10;

/// How much of a message that is too long is kept.
pub(super) const KEPT: usize = 512;

impl Window {
    /// Messages longer than `message_max` bytes, at most [`LENGTH_MAX`], are passed over.
    pub(crate) fn new(framing: Framing, message_max: usize) -> Self {
        Self {
            framing,
            message_max: message_max.clamp(1, LENGTH_MAX),
            buffer: Vec::new(),
            unread: 0..0,
            ended: false,
            long: None,
            begin: Vec::new(),
        }
    }

    pub(crate) fn message_max(&self) -> usize {
        self.message_max
    }

    /// What comes next; it is used up with that.
    pub(crate) fn next(&mut self) -> Next {
        if self.long.is_some() {
            return self.pass_over();
        }
        let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
        match self.framing.frame(unread, self.ended, self.message_max) {
            Frame::Message { start, end, next } => {
                let base = self.unread.start;
                self.unread.start += next;
                Next::Message(base + start..base + end)
            }
            Frame::TooLong { counted } => {
                self.begin.clear();
                self.long = Some(Long { left: counted });
                self.pass_over()
            }
            Frame::Incomplete if self.ended => Next::End,
            Frame::Incomplete => Next::More,
        }
    }

    pub(crate) fn message(&self, place: &Range<usize>) -> &[u8] {
        self.buffer.get(place.clone()).unwrap_or_default()
    }

    /// The first bytes of the last message that was too long.
    pub(crate) fn begin(&self) -> &[u8] {
        &self.begin
    }

    /// Reads more behind what is unread, which is moved to the buffer's front.
    pub(crate) fn fill(&mut self, source: &mut (impl Read + ?Sized)) -> io::Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.buffer.len() < self.unread.end + PORTION {
            self.buffer.resize(self.unread.end + PORTION, 0);
        }
        let free = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
        loop {
            match source.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => self.unread.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            return Ok(());
        }
    }

    /// Nothing more will come.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    fn pass_over(&mut self) -> Next {
        let Self { buffer, unread, long: Some(Long { left }), .. } = self else { return Next::More };
        let bytes = buffer.get(unread.clone()).unwrap_or_default();
        // How many bytes are of the message, and how many are done with.
        let (of_it, over, done) = match left {
            Some(left) => {
                let over = bytes.len().min(*left);
                *left -= over;
                (over, over, *left == 0)
            }
            None => match memchr(b'\n', bytes) {
                Some(end) => (end, end + 1, true),
                None => (bytes.len(), bytes.len(), false),
            },
        };
        let room = KEPT.min(self.message_max).saturating_sub(self.begin.len());
        self.begin.extend(bytes.iter().take(of_it.min(room)));
        unread.start += over;
        if !done && !self.ended {
            return Next::More;
        }
        self.long = None;
        Next::TooLong
    }
}
