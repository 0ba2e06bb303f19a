//! Text in UTF-16, as Windows tools leave it, as UTF-8.

use std::io::{self, Read};

/// Reads UTF-16 behind its byte order mark and gives UTF-8. Half a surrogate pair, and half a unit at the
/// end, become the replacement character.
pub(super) struct Utf16<R> {
    source: R,
    big_endian: bool,
    /// What is read and not yet given.
    ready: Vec<u8>,
    given: usize,
    /// Bytes that are less than a character.
    begun: Vec<u8>,
}

const PORTION: usize = 8 << 10;

/// The replacement character.
const REPLACEMENT: u16 = 0xfffd;

impl<R: Read> Utf16<R> {
    pub(super) fn new(source: R, big_endian: bool) -> Self {
        Self { source, big_endian, ready: Vec::new(), given: 0, begun: Vec::new() }
    }

    /// Reads and translates the next portion; nothing is ready after it only at the end.
    fn fill(&mut self) -> io::Result<()> {
        self.ready.clear();
        self.given = 0;
        while self.ready.is_empty() {
            let mut bytes = std::mem::take(&mut self.begun);
            let count = self.source.by_ref().take(PORTION as u64).read_to_end(&mut bytes)?;
            let last = count < PORTION;
            if bytes.is_empty() {
                return Ok(());
            }
            let (pairs, odd) = bytes.as_chunks::<2>();
            let unit = |pair: &[u8; 2]| {
                if self.big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) }
            };
            let mut units: Vec<u16> = pairs.iter().map(unit).collect();
            if last && !odd.is_empty() {
                units.push(REPLACEMENT);
            }
            // The first half of a pair waits for the second.
            let waits = !last && units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
            let kept = odd.len() + if waits { 2 } else { 0 };
            if waits {
                units.pop();
            }
            if !last {
                self.begun = bytes.split_off(bytes.len() - kept);
            }
            for character in char::decode_utf16(units) {
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.ready.len() {
            self.fill()?;
        }
        let ready = self.ready.get(self.given..).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_and_any_length() {
        for count in [0, 1, 2_000, 5_000] {
            let text = format!("{}x", "aä😀\n".repeat(count));
            let units: Vec<u16> = text.encode_utf16().collect();
            for big_endian in [false, true] {
                let bytes: Vec<u8> = units
                    .iter()
                    .flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() })
                    .collect();
                let mut found = String::new();
                Utf16::new(&bytes[..], big_endian).read_to_string(&mut found).unwrap();
                assert_eq!(found, text);
            }
        }
    }

    #[test]
    fn halves_are_replaced() {
        let mut found = String::new();
        Utf16::new(&b"a\0\x3d\xd8b\0\x3d\xd8"[..], false).read_to_string(&mut found).unwrap();
        assert_eq!(found, "a\u{fffd}b\u{fffd}");
        found.clear();
        Utf16::new(&b"a\0b"[..], false).read_to_string(&mut found).unwrap();
        assert_eq!(found, "a\u{fffd}");
    }
}
