//! Tagged values, written and read.

use alloc::{string::String, vec::Vec};

use super::{HEAD, MAX_TEXT, Unreadable};

/// Writes a message.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn new(version: u16, kind: u8, epoch: u64, sequence: u64) -> Self {
        let mut bytes = Vec::with_capacity(HEAD + 64);
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&[kind, 0]);
        bytes.extend_from_slice(&epoch.to_be_bytes());
        bytes.extend_from_slice(&sequence.to_be_bytes());
        bytes.extend_from_slice(&[0; 2]);
        Self(bytes)
    }

    pub fn bytes(&mut self, tag: u8, value: &[u8]) {
        // Whoever calls this has at most a few dozen bytes.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        let value = value.get(..usize::from(length)).unwrap_or(value);
        self.0.push(tag);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
    }

    pub fn u8(&mut self, tag: u8, value: u8) {
        self.bytes(tag, &[value]);
    }

    pub fn u64(&mut self, tag: u8, value: u64) {
        self.bytes(tag, &value.to_be_bytes());
    }

    pub fn u16s(&mut self, tag: u8, values: &[u16]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        self.bytes(tag, &bytes);
    }

    /// At most [`MAX_TEXT`] bytes, cut between two characters.
    pub fn text(&mut self, tag: u8, text: &str) {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.bytes(tag, text.get(..end).unwrap_or_default().as_bytes());
    }

    pub fn finish(mut self) -> Vec<u8> {
        let length = self.0.len().saturating_sub(HEAD);
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(field) = self.0.get_mut(HEAD - 2..HEAD) {
            field.copy_from_slice(&length);
        }
        self.0
    }
}

/// The fields of a message. Of two with one tag the first one counts.
pub(super) struct Fields<'bytes>(&'bytes [u8]);

impl<'bytes> Fields<'bytes> {
    /// Fails unless the bytes are whole fields.
    pub fn new(bytes: &'bytes [u8]) -> Result<Self, Unreadable> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let short = Unreadable::Short { length: HEAD + bytes.len(), part: "fields" };
            (_, _, rest) = split(rest).ok_or(short)?;
        }
        Ok(Self(bytes))
    }

    fn find(&self, wanted: u8) -> Option<&'bytes [u8]> {
        let mut rest = self.0;
        while let Some((tag, value, behind)) = split(rest) {
            if tag == wanted {
                return Some(value);
            }
            rest = behind;
        }
        None
    }

    /// A newer device may have made a value longer; its beginning is what this one knows.
    pub fn array<const N: usize>(&self, tag: u8, default: [u8; N]) -> Result<[u8; N], Unreadable> {
        let Some(value) = self.find(tag) else { return Ok(default) };
        value.first_chunk::<N>().copied().ok_or(Unreadable::Value(tag))
    }

    pub fn u8(&self, tag: u8, default: u8) -> Result<u8, Unreadable> {
        self.array(tag, [default]).map(|[value]| value)
    }

    pub fn bool(&self, tag: u8, default: bool) -> Result<bool, Unreadable> {
        match self.u8(tag, u8::from(default))? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unreadable::Value(tag)),
        }
    }

    pub fn u64(&self, tag: u8, default: u64) -> Result<u64, Unreadable> {
        self.array(tag, default.to_be_bytes()).map(u64::from_be_bytes)
    }

    pub fn u16s<const N: usize>(&self, tag: u8, default: [u16; N]) -> Result<[u16; N], Unreadable> {
        let Some(value) = self.find(tag) else { return Ok(default) };
        let mut numbers = value.as_chunks::<2>().0.iter().map(|bytes| u16::from_be_bytes(*bytes));
        let mut values = default;
        for slot in &mut values {
            *slot = numbers.next().ok_or(Unreadable::Value(tag))?;
        }
        Ok(values)
    }

    /// As many as there are, the first `limit` at most; none where the field is not there.
    pub fn words(&self, tag: u8, limit: usize) -> impl Iterator<Item = u16> {
        let words = self.find(tag).unwrap_or_default().as_chunks::<2>().0;
        words.iter().take(limit).map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub fn text(&self, tag: u8, limit: usize) -> Result<String, Unreadable> {
        let value = self.find(tag).unwrap_or_default();
        let text = core::str::from_utf8(value).ok().filter(|text| text.len() <= limit);
        text.map(String::from).ok_or(Unreadable::Value(tag))
    }
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([tag, high, low], rest) = bytes.split_first_chunk::<3>()?;
    let (value, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
    Some((*tag, value, behind))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn of_a_value_that_is_longer_than_known_the_beginning_counts() {
        let mut writer = Writer::new(1, 1, 7, 9);
        writer.u16s(21, &[1, 2, 3, 4]);
        writer.bytes(22, &[0, 5, 6]);
        let bytes = writer.finish();
        let fields = Fields::new(bytes.get(HEAD..).unwrap_or_default()).expect("whole fields");
        let words = |tag| fields.words(tag, 3).collect::<Vec<_>>();
        assert_eq!([words(21), words(22), words(23)], [vec![1, 2, 3], vec![5], vec![]]);
        assert_eq!(fields.array(21, [0; 2]), Ok([0, 1]));
    }
}
