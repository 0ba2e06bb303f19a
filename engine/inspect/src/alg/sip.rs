//! SIP (RFC 3261) with SDP (RFC 8866): where the media go, and every place where addresses stand.

use alloc::vec::Vec;
use core::ops::Range;

use bifrons_model::Direction;

use super::{Announced, Text, TextForm};
use crate::Keep;

mod literal;
mod sdp;

/// Bytes of a message that are kept until its end comes over TCP; longer ones are passed over.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// Texts and expectations of one packet; a message with more is hostile.
const MOST_TEXTS: usize = 256;
const MOST_EXPECTATIONS: usize = 32;

/// Follows the messages of one session, over UDP or TCP.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// The start of a message whose end has not come.
    kept: [Vec<u8>; 2],
}

impl Messages {
    /// Takes the next bytes of one direction, or one datagram.
    pub(crate) fn data(&mut self, direction: Direction, bytes: &[u8], announced: &mut Announced) -> Keep {
        let kept = &mut self.kept[direction.index()];
        if begins_message(bytes) {
            // A datagram that was cut, or a stream that lost its place.
            kept.clear();
        }
        let before = kept.len();
        if before == 0 {
            let rest = read_all(direction, bytes, 0, announced);
            keep_start(kept, rest);
        } else {
            let mut joined = core::mem::take(kept);
            joined.extend(bytes);
            let rest = read_all(direction, &joined, before, announced);
            keep_start(kept, rest);
        }
        announced.texts.truncate(MOST_TEXTS);
        announced.expectations.truncate(MOST_EXPECTATIONS);
        Keep::Following
    }
}

fn keep_start(kept: &mut Vec<u8>, rest: &[u8]) {
    if rest.len() <= LONGEST_MESSAGE && begins_message(rest) {
        *kept = rest.to_vec();
    }
}

/// Reads whole messages; returns what is left. The first `before` bytes came in earlier packets.
fn read_all<'a>(direction: Direction, bytes: &'a [u8], before: usize, announced: &mut Announced) -> &'a [u8] {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or(&[]);
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        at += blank;
        let rest = rest.get(blank..).unwrap_or(&[]);
        let Some(message) = Message::read(rest, at) else {
            return rest;
        };
        let next = message.end;
        message.announce(direction, bytes, before, announced);
        if next <= at {
            return &[];
        }
        at = next;
    }
}

/// Whether the bytes begin like a request or status line.
fn begins_message(bytes: &[u8]) -> bool {
    const LONGEST_METHOD: usize = 16;
    if bytes.starts_with(b"SIP/2.0 ") {
        return true;
    }
    let method = bytes.iter().take(LONGEST_METHOD).take_while(|byte| byte.is_ascii_uppercase()).count();
    let target = bytes.get(method..).unwrap_or(&[]);
    method > 0
        && [&b" sip:"[..], b" sips:", b" tel:"]
            .iter()
            .any(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// One message's parts, as places in what was read.
struct Message {
    /// Start line and header fields.
    head: Range<usize>,
    body: Range<usize>,
    end: usize,
    has_sdp: bool,
    /// Where the number of Content-Length stands, and what it says.
    length: Option<(Range<usize>, usize)>,
}

impl Message {
    /// The message at the start of `rest`, which begins at `at`; `None` while its end has not come.
    fn read(rest: &[u8], at: usize) -> Option<Self> {
        let head = rest.get(..LONGEST_MESSAGE).unwrap_or(rest);
        let head_length = head
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map(|end| end + 4)
            .or_else(|| head.windows(2).position(|window| window == b"\n\n").map(|end| end + 2))?;
        let mut message = Self {
            head: at..at + head_length,
            body: at + head_length..at + rest.len(),
            end: at + rest.len(),
            has_sdp: false,
            length: None,
        };
        for (name, value) in fields(rest.get(..head_length)?) {
            let text = rest.get(value.clone()).unwrap_or(&[]);
            if is_field(name, b"Content-Type", b'c') {
                let kind = text.trim_ascii_start();
                message.has_sdp = starts_with(kind, b"application/sdp") || starts_with(kind, b"multipart/");
            } else if is_field(name, b"Content-Length", b'l') {
                message.length = length(text).map(|(place, number)| {
                    let start = at + value.start;
                    (start + place.start..start + place.end, number)
                });
            }
        }
        if let Some((_, length)) = message.length {
            let end = message.body.start.checked_add(length)?;
            if end > at + rest.len() {
                return None;
            }
            message.body.end = end;
            message.end = end;
        }
        Some(message)
    }

    /// Tells what the message names; `bytes` is what its places count in.
    fn announce(&self, direction: Direction, bytes: &[u8], before: usize, announced: &mut Announced) {
        let mut found = Announced::default();
        for (name, value) in fields(bytes.get(self.head.clone()).unwrap_or(&[])) {
            if !names_addresses(name) {
                continue;
            }
            let start = self.head.start + value.start;
            let text = bytes.get(start..self.head.start + value.end).unwrap_or(&[]);
            literal::each(text, |place, address, port| {
                found.texts.push(Text {
                    place: start + place.start..start + place.end,
                    form: TextForm::HostPort,
                    address: Some(address),
                    port,
                });
            });
        }
        if self.has_sdp {
            let body = bytes.get(self.body.clone()).unwrap_or(&[]);
            sdp::read(direction, body, self.body.start, &mut found);
        }
        if let Some((place, length)) = &self.length {
            found.texts.push(Text {
                place: place.clone(),
                form: TextForm::ContentLength { body: self.body.start, length: *length },
                address: None,
                port: None,
            });
        }
        self.take_over(found, before, announced);
    }

    /// Places become those in this packet's payload. A message that began in an earlier packet has lost its
    /// length field there, so nothing of it can be rewritten.
    fn take_over(&self, found: Announced, before: usize, announced: &mut Announced) {
        let is_whole = self.head.start >= before;
        announced.expectations.extend(found.expectations.into_iter().map(|mut expectation| {
            expectation.is_rewritable = is_whole;
            expectation
        }));
        if !is_whole {
            return;
        }
        announced.texts.extend(found.texts.into_iter().map(|mut text| {
            text.place = text.place.start - before..text.place.end - before;
            if let TextForm::ContentLength { body, .. } = &mut text.form {
                *body -= before;
            }
            text
        }));
    }
}

/// The start line, under an empty name, and the header fields: each name and where its value stands. A value
/// goes on in lines that begin with a blank (RFC 3261, section 7.3.1); those are given under the name before.
fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], Range<usize>)> {
    let mut at = 0;
    let mut name: &[u8] = b"";
    head.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len();
        let mut value = start;
        let goes_on = matches!(line.first(), Some(b' ' | b'\t'));
        if start > 0 && !goes_on {
            let colon = line.iter().position(|byte| *byte == b':');
            name = colon.and_then(|colon| line.get(..colon)).unwrap_or(b"-").trim_ascii_end();
            value += colon.map_or(line.len(), |colon| colon + 1);
        }
        (name, value..at)
    })
}

/// The fields in which translated addresses stand, and the start line.
fn names_addresses(name: &[u8]) -> bool {
    name.is_empty()
        || [(&b"Via"[..], b'v'), (b"Contact", b'm'), (b"From", b'f'), (b"To", b't')]
            .iter()
            .any(|(long, short)| is_field(name, long, *short))
        || [&b"Route"[..], b"Record-Route"].iter().any(|long| name.eq_ignore_ascii_case(long))
}

/// RFC 3261, section 7.3.3: long and compact form, in any case.
fn is_field(name: &[u8], long: &[u8], short: u8) -> bool {
    name.eq_ignore_ascii_case(long) || matches!(name, [only] if only.eq_ignore_ascii_case(&short))
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
}

/// A number in a field, and where it stands.
fn length(text: &[u8]) -> Option<(Range<usize>, usize)> {
    const MOST_DIGITS: usize = 7;
    let start = text.iter().position(u8::is_ascii_digit)?;
    let digits = text.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let words = core::str::from_utf8(text.get(start..start + digits.min(MOST_DIGITS))?).ok()?;
    Some((start..start + digits, words.parse().ok()?))
}

#[cfg(test)]
mod tests;
