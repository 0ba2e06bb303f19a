//! As much of ASN.1's basic encoding rules (ITU-T X.690) as the recognition of SNMP and Kerberos needs.

/// Values one after the other, of which the last may be cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    rest: &'a [u8],
}

/// One value: its tag byte, its content as far as it is there, and its declared length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) length: usize,
}

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const SEQUENCE: u8 = 0x30;

impl<'a> Values<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next value if it has `tag`; nothing is consumed otherwise.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Value<'a>> {
        let mut ahead = *self;
        let value = ahead.next().filter(|value| value.tag == tag)?;
        *self = ahead;
        Some(value)
    }

    /// The next value if it is a whole integer of at most four bytes.
    pub(crate) fn integer(&mut self) -> Option<i32> {
        let value = self.expect(INTEGER)?;
        let whole = value.content.len() == value.length && (1..=4).contains(&value.length);
        whole.then(|| {
            let sign = if value.content.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
            value.content.iter().fold(sign, |number, byte| number << 8 | i32::from(*byte))
        })
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    /// Single-byte tags and definite lengths of up to four bytes; `None` for anything else.
    fn next(&mut self) -> Option<Value<'a>> {
        let (tag, rest) = self.rest.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = if *first < 0x80 {
            (usize::from(*first), rest)
        } else {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if !(1..=4).contains(&bytes.len()) {
                return None;
            }
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        };
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (content, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        self.rest = rest;
        Some(Value { tag: *tag, content, length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_follow_one_another() {
        let mut values = Values::new(&[0x30, 0, 2, 2, 0xff, 0x7f, 4, 0x82, 0, 3, b'a']);
        assert_eq!(values.integer(), None);
        assert_eq!(values.expect(SEQUENCE), Some(Value { tag: SEQUENCE, content: &[], length: 0 }));
        assert_eq!(values.integer(), Some(-129));
        assert_eq!(values.next(), Some(Value { tag: OCTET_STRING, content: b"a", length: 3 }));
        assert_eq!(values.next(), None);
    }

    #[test]
    fn lengths_that_are_not_definite_or_too_long_end_it() {
        for bytes in
            [&[0x30, 0x80, 1][..], &[0x30, 0x85, 1, 1, 1, 1, 1, 1], &[0x1f, 1, 1], &[0x30, 0x82, 1], &[0x30]]
        {
            assert_eq!(Values::new(bytes).next(), None);
        }
    }
}
