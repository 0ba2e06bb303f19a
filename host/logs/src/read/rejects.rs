//! The file of lines that could not be read.

use std::io::{self, Write};

use super::stream::Rejected;

/// Writes what could not be read, one line each: source, line number, reason, and the line itself.
///
/// The line stands last, after a tab, and bytes that are no printable text are escaped as in Rust's byte
/// strings, so that the file is text whatever the source held.
pub struct RejectFile<W> {
    out: W,
    written: u64,
}

impl<W: Write> RejectFile<W> {
    /// A file of rejects that is written to `out`.
    pub fn new(out: W) -> Self {
        Self { out, written: 0 }
    }

    /// Adds a line that came from `source`.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn add(&mut self, source: &str, rejected: &Rejected<'_>) -> io::Result<()> {
        self.written += 1;
        let Rejected { number, line, reason } = rejected;
        writeln!(self.out, "{source}:{number}: {reason}\t{}", Escaped(line))
    }

    /// How many lines have been added.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes out what is still held back.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Escaped<'a>(&'a [u8]);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\\' => f.write_str("\\\\")?,
                    _ if character.is_control() => write!(f, "{}", character.escape_default())?,
                    _ => write!(f, "{character}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Reject;

    #[test]
    fn rejects_are_text() {
        let mut out = Vec::new();
        let mut file = RejectFile::new(&mut out);
        let line = b"a\\b\xff\tc\0\xe4\xc3\xa4";
        file.add("x.log", &Rejected { number: 7, line, reason: Reject::NotUtf8 { at: 4 } }).unwrap();
        assert_eq!(file.written(), 1);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "x.log:7: byte 4 is not UTF-8: another encoding, or no text at all\ta\\\\b\\xff\\tc\\u{0}\\xe4ä\n"
        );
    }
}
