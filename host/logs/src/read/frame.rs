//! Where messages end in a stream of bytes (RFC 6587), and in a datagram (RFC 5426).

use memchr::memchr;

/// How messages are told apart in a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Each ends with a line break, as in files.
    #[default]
    Lines,
    /// As syslog over TCP and TLS: a message that begins with its count of octets and a blank is so long, any
    /// other ends with a line break or a NUL. Both may come in one stream.
    Syslog,
}

/// What stands at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message: so many bytes are skipped, so many are it, and so many in all are done with.
    Message {
        /// Where it begins.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Where what follows begins.
        next: usize,
    },
    /// More bytes are needed to tell.
    Incomplete,
    /// A message begins that is longer than the limit.
    TooLong {
        /// How many bytes it says that it has; `None` when only the line break will tell.
        counted: Option<usize>,
    },
}

/// The most digits of a count of octets that make sense.
const COUNT_DIGITS: usize = 10;

impl Framing {
    /// What stands at the front of `buffer`; `last` says that nothing follows it. Messages longer than `max`
    /// bytes are too long.
    pub fn frame(self, buffer: &[u8], last: bool, max: usize) -> Frame {
        match self {
            Self::Syslog if buffer.first().is_some_and(|byte| matches!(byte, b'1'..=b'9')) => {
                counted(buffer, last, max).unwrap_or_else(|| line(buffer, last, max, true))
            }
            Self::Syslog => line(buffer, last, max, true),
            Self::Lines => line(buffer, last, max, false),
        }
    }
}

fn line(buffer: &[u8], last: bool, max: usize, nul_ends: bool) -> Frame {
    let window = buffer.get(..max.saturating_add(1)).unwrap_or(buffer);
    let found = if nul_ends { memchr::memchr2(b'\n', 0, window) } else { memchr(b'\n', window) };
    match found {
        Some(end) => Frame::Message { start: 0, end, next: end + 1 },
        None if buffer.len() > max => Frame::TooLong { counted: None },
        None if last && !buffer.is_empty() => {
            Frame::Message { start: 0, end: buffer.len(), next: buffer.len() }
        }
        None => Frame::Incomplete,
    }
}

/// A message after its count; `None` when what stands there is no count.
fn counted(buffer: &[u8], last: bool, max: usize) -> Option<Frame> {
    let digits = buffer.iter().take(COUNT_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    match buffer.get(digits..digits + 2) {
        Some(b" <") if digits <= COUNT_DIGITS => {}
        // The blank and the priority may still be on their way.
        None if !last && digits <= COUNT_DIGITS && buffer.get(digits).is_none_or(|byte| *byte == b' ') => {
            return Some(Frame::Incomplete);
        }
        _ => return None,
    }
    let count = std::str::from_utf8(buffer.get(..digits)?).ok()?.parse::<usize>().ok()?;
    let start = digits + 1;
    let end = start + count;
    Some(if count > max {
        Frame::TooLong { counted: Some(end) }
    } else if end <= buffer.len() {
        Frame::Message { start, end, next: end }
    } else if last {
        Frame::Message { start, end: buffer.len(), next: buffer.len() }
    } else {
        Frame::Incomplete
    })
}

/// The messages of a datagram: mostly one, and one for each line where a sender packs several.
pub fn datagram(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| matches!(byte, b'\n' | 0))
        .map(<[u8]>::trim_ascii)
        .filter(|message| !message.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_counts() {
        use Frame::{Incomplete, TooLong};
        let message = |start, end, next| Frame::Message { start, end, next };
        for (framing, buffer, last, expected) in [
            (Framing::Lines, "ab\ncd", false, message(0, 2, 3)),
            (Framing::Lines, "ab", false, Incomplete),
            (Framing::Lines, "ab", true, message(0, 2, 2)),
            (Framing::Lines, "", true, Incomplete),
            (Framing::Lines, "12345678901\n", false, TooLong { counted: None }),
            (Framing::Lines, "1234567890\n", false, message(0, 10, 11)),
            (Framing::Lines, "3 <1\n", false, message(0, 4, 5)),
            (Framing::Syslog, "3 <1>4 <2>x", false, message(2, 5, 5)),
            (Framing::Syslog, "4 <1>", false, Incomplete),
            (Framing::Syslog, "4 <1>", true, message(2, 5, 5)),
            (Framing::Syslog, "1", false, Incomplete),
            (Framing::Syslog, "12 ", false, Incomplete),
            (Framing::Syslog, "1,2\n", false, message(0, 3, 4)),
            (Framing::Syslog, "<1>a\0b", false, message(0, 4, 5)),
            (Framing::Syslog, "11 <1>", false, TooLong { counted: Some(14) }),
            (Framing::Syslog, "99999999999 <", false, TooLong { counted: None }),
        ] {
            assert_eq!(framing.frame(buffer.as_bytes(), last, 10), expected, "{buffer}");
        }
    }

    #[test]
    fn datagrams_with_one_and_several_messages() {
        let messages: Vec<_> = datagram(b"<14>a\n<14>b\r\n\n\0").collect();
        assert_eq!(messages, [b"<14>a", b"<14>b"]);
        assert_eq!(datagram(b"").count(), 0);
    }
}
