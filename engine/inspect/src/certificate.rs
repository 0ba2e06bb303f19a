//! The name of a server's certificate (RFC 5280): the common name of its subject, or the first DNS name where
//! it has none. A certificate's further names may be those of other customers of the same operator.

use alloc::boxed::Box;

use crate::{
    ber::{OCTET_STRING, SEQUENCE, Value, Values},
    client_hello::usable,
};

const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 0x01;
/// `[2] IA5String` of a GeneralName.
const DNS_NAME: u8 = 0x82;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The name of the first certificate in a Certificate message of TLS 1.2 and before (RFC 5246 section
/// 7.4.2), without its header. A wildcard stands for the domain it is in.
pub(crate) fn name(message: &[u8]) -> Option<Box<str>> {
    let whole = Values::new(first_certificate(message)?).expect(SEQUENCE)?;
    let mut fields = Values::new(Values::new(whole.content).expect(SEQUENCE)?.content);
    fields.expect(VERSION);
    fields.next()?;
    // Algorithm, issuer, validity.
    for _ in 0..3 {
        fields.expect(SEQUENCE)?;
    }
    common_name(fields.expect(SEQUENCE)?).or_else(|| alternative(fields))
}

fn first_certificate(message: &[u8]) -> Option<&[u8]> {
    let rest = message.get(3..)?;
    let ([high, middle, low], rest) = rest.split_first_chunk()?;
    rest.get(..usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low))
}

/// The last one: the most specific.
fn common_name(subject: Value<'_>) -> Option<Box<str>> {
    let sets = Values::new(subject.content).filter(|set| set.tag == SET);
    let pairs = sets.flat_map(|set| Values::new(set.content)).filter(|pair| pair.tag == SEQUENCE);
    let names = pairs.filter_map(|pair| {
        let mut parts = Values::new(pair.content);
        let is_name = parts.expect(OBJECT).is_some_and(|object| object.content == COMMON_NAME);
        parts.next().filter(|_| is_name).and_then(|name| domain(name.content))
    });
    names.last()
}

/// The first DNS name among the extensions that stand behind the subject.
fn alternative(mut fields: Values<'_>) -> Option<Box<str>> {
    fields.expect(SEQUENCE)?;
    let extensions = fields.find(|field| field.tag == EXTENSIONS)?;
    for extension in Values::new(Values::new(extensions.content).expect(SEQUENCE)?.content) {
        let mut parts = Values::new(extension.content);
        if parts.expect(OBJECT)?.content != ALTERNATIVE_NAME {
            continue;
        }
        parts.expect(BOOLEAN);
        let all = Values::new(parts.expect(OCTET_STRING)?.content).expect(SEQUENCE)?;
        let mut names = Values::new(all.content).filter(|name| name.tag == DNS_NAME);
        return names.find_map(|name| domain(name.content));
    }
    None
}

/// A name with a dot in it; people and devices have others.
fn domain(name: &[u8]) -> Option<Box<str>> {
    let name = name.strip_prefix(b"*.").unwrap_or(name);
    usable(name).filter(|name| name.contains('.'))
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    fn value(tag: u8, content: &[u8]) -> Vec<u8> {
        assert!(content.len() < 0x1_0000);
        [&[tag, 0x82], &(content.len() as u16).to_be_bytes()[..], content].concat()
    }

    fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        value(SEQUENCE, &parts.concat())
    }

    /// A Certificate message without its header, for these names.
    pub(crate) fn message(common_name: &[u8], alternatives: &[&[u8]]) -> Vec<u8> {
        let name = sequence(&[value(OBJECT, COMMON_NAME), value(0x0c, common_name)]);
        let alternatives = alternatives.iter().map(|name| value(DNS_NAME, name)).collect::<Vec<_>>();
        let extension = sequence(&[
            value(OBJECT, ALTERNATIVE_NAME),
            value(BOOLEAN, &[0xff]),
            value(OCTET_STRING, &sequence(&alternatives)),
        ]);
        let empty = sequence(&[]);
        let certificate = sequence(&[sequence(&[
            value(VERSION, &value(2, &[2])),
            value(2, &[7]),
            empty.clone(),
            empty.clone(),
            empty.clone(),
            sequence(&[value(SET, &name)]),
            empty.clone(),
            value(EXTENSIONS, &sequence(&[sequence(&[value(OBJECT, &[0x55, 0x1d, 0x0f])]), extension])),
        ])]);
        let length = certificate.len() as u16;
        let mut message = vec![0];
        message.extend((length + 3).to_be_bytes());
        message.push(0);
        message.extend(length.to_be_bytes());
        message.extend(certificate);
        message
    }

    #[test]
    fn the_subject_s_own_name_comes_first() {
        assert_eq!(name(&message(b"WWW.a.test", &[b"b.test"])).as_deref(), Some("www.a.test"));
        assert_eq!(name(&message(b"Some Device", &[b"*.b.test", b"c.test"])).as_deref(), Some("b.test"));
        assert_eq!(name(&message(b"Some Device", &[b"c d"])), None);
    }

    #[test]
    fn damage_is_survived() {
        let message = message(b"Some Device", &[b"b.test"]);
        for length in 0..message.len() {
            assert_eq!(name(&message[..length]), None, "{length} bytes");
        }
        for place in 0..message.len() {
            for value in [0, 1, 0x30, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = message.clone();
                changed[place] = value;
                name(&changed);
            }
        }
    }
}
