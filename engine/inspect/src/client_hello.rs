//! The TLS ClientHello (RFC 8446 section 4.1.2), above all the server's name in it (RFC 6066 section 3).
//!
//! TLS carries the message in records and QUIC in CRYPTO frames; both hand its first bytes here, however
//! many there are by then. An answer other than `Incomplete` stays the same when more bytes come. Once the
//! message is whole the rest of it can be read too.

use alloc::{boxed::Box, string::String};

/// What the first bytes of a handshake say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientHelloAnswer {
    /// A ClientHello so far; the name may still come.
    Incomplete,
    /// A ClientHello that names no server, or not by a usable name.
    NoName,
    /// The server's name: lower case, 1 to 255 visible ASCII characters.
    Name(Box<str>),
    /// Another message, or lengths that contradict each other.
    NotAClientHello,
}

/// Reads the server's name. `handshake` starts with the message's type and 3-byte length; bytes after the
/// message are ignored.
pub(crate) fn server_name(handshake: &[u8]) -> ClientHelloAnswer {
    match search(handshake) {
        Ok(Some(name)) => ClientHelloAnswer::Name(name),
        Ok(None) => ClientHelloAnswer::NoName,
        Err(Stop::MoreNeeded) => ClientHelloAnswer::Incomplete,
        Err(Stop::Contradiction) => ClientHelloAnswer::NotAClientHello,
    }
}

/// A whole ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    /// The message with its header.
    pub(crate) message: &'a [u8],
    /// The version before there was an extension for it.
    pub(crate) legacy_version: u16,
    ciphers: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the message, if all of it is there and its lengths fit.
    pub(crate) fn read(handshake: &'a [u8]) -> Option<Self> {
        let mut header = Field { bytes: handshake, length: usize::MAX };
        if header.number(1).ok()? != CLIENT_HELLO {
            return None;
        }
        let mut body = header.field(3).ok().filter(|body| body.bytes.len() == body.length)?;
        let message = handshake.get(..4 + body.length)?;
        let legacy_version = u16::try_from(body.number(2).ok()?).ok()?;
        body.skip(32).ok()?;
        let session_id = body.field(1).ok()?;
        body.skip_rest_of(&session_id).ok()?;
        // DTLS has a cookie here (RFC 6347 section 4.2.1).
        if usize::from(legacy_version >> 8) == MAJOR_DTLS {
            let cookie = body.field(1).ok()?;
            body.skip_rest_of(&cookie).ok()?;
        }
        let ciphers = body.field(2).ok()?;
        body.skip_rest_of(&ciphers).ok()?;
        let compression_methods = body.field(1).ok()?;
        body.skip_rest_of(&compression_methods).ok()?;
        let extensions = if body.length == 0 { &[][..] } else { body.field(2).ok()?.bytes };
        Some(Self { message, legacy_version, ciphers: ciphers.bytes, extensions })
    }

    /// The cipher suites, as they stand.
    pub(crate) fn ciphers(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.ciphers)
    }

    /// Each extension's number and content, up to the first that does not fit.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = Field { bytes: self.extensions, length: self.extensions.len() };
        core::iter::from_fn(move || {
            let kind = u16::try_from(rest.number(2).ok()?).ok()?;
            let content = rest.field(2).ok()?;
            rest.skip_rest_of(&content).ok()?;
            Some((kind, content.bytes))
        })
    }

    /// The versions of the extension for them.
    pub(crate) fn versions(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.extension(EXTENSION_VERSIONS).get(1..).unwrap_or_default())
    }

    /// The signature algorithms.
    pub(crate) fn signature_algorithms(&self) -> impl Iterator<Item = u16> + use<'a> {
        numbers(self.extension(EXTENSION_SIGNATURE_ALGORITHMS).get(2..).unwrap_or_default())
    }

    /// The protocols that may follow (RFC 7301).
    pub(crate) fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let list = self.extension(EXTENSION_PROTOCOLS).get(2..).unwrap_or_default();
        let mut rest = Field { bytes: list, length: list.len() };
        core::iter::from_fn(move || {
            let name = rest.field(1).ok()?;
            rest.skip_rest_of(&name).ok()?;
            Some(name.bytes)
        })
    }

    fn extension(&self, wanted: u16) -> &'a [u8] {
        self.extensions().find(|(kind, _)| *kind == wanted).map_or(&[], |(_, content)| content)
    }
}

const EXTENSION_SIGNATURE_ALGORITHMS: u16 = 13;
const EXTENSION_PROTOCOLS: u16 = 16;
const EXTENSION_VERSIONS: u16 = 43;

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair))
}

const CLIENT_HELLO: usize = 1;
/// DTLS writes its versions as complements.
const MAJOR_DTLS: usize = 0xfe;
const EXTENSION_SERVER_NAME: usize = 0;
const NAME_TYPE_HOST: usize = 0;
const LONGEST_NAME: usize = 255;

fn search(handshake: &[u8]) -> Result<Option<Box<str>>, Stop> {
    let mut message = Field { bytes: handshake, length: usize::MAX };
    if message.number(1)? != CLIENT_HELLO {
        return Err(Stop::Contradiction);
    }
    let mut body = message.field(3)?;
    let major = body.number(2)? >> 8;
    if major != 3 && major != MAJOR_DTLS {
        return Err(Stop::Contradiction);
    }
    body.skip(32)?;
    let session_id = body.field(1)?;
    body.skip_rest_of(&session_id)?;
    if major == MAJOR_DTLS {
        let cookie = body.field(1)?;
        body.skip_rest_of(&cookie)?;
    }
    let cipher_suites = body.field(2)?;
    body.skip_rest_of(&cipher_suites)?;
    let compression_methods = body.field(1)?;
    body.skip_rest_of(&compression_methods)?;
    if session_id.length > 32 || cipher_suites.length % 2 != 0 || compression_methods.length == 0 {
        return Err(Stop::Contradiction);
    }
    if body.length == 0 {
        return Ok(None);
    }
    let mut extensions = body.field(2)?;
    while extensions.length > 0 {
        let kind = extensions.number(2)?;
        let extension = extensions.field(2)?;
        if kind == EXTENSION_SERVER_NAME {
            return host_name(extension);
        }
        extensions.skip_rest_of(&extension)?;
    }
    Ok(None)
}

/// The first host name of the extension's list.
fn host_name(mut extension: Field<'_>) -> Result<Option<Box<str>>, Stop> {
    if extension.length == 0 {
        return Ok(None);
    }
    let mut names = extension.field(2)?;
    while names.length > 0 {
        let kind = names.number(1)?;
        let name = names.field(2)?;
        if kind == NAME_TYPE_HOST {
            return if name.bytes.len() < name.length {
                Err(Stop::MoreNeeded)
            } else {
                Ok(usable(name.bytes))
            };
        }
        names.skip_rest_of(&name)?;
    }
    Ok(None)
}

/// A name as logs and rules want it, if it can be one.
pub(crate) fn usable(name: &[u8]) -> Option<Box<str>> {
    if name.is_empty() || name.len() > LONGEST_NAME || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    Some(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect::<String>().into_boxed_str())
}

enum Stop {
    MoreNeeded,
    Contradiction,
}

/// A field of known length of which perhaps only the first bytes are there.
struct Field<'a> {
    bytes: &'a [u8],
    length: usize,
}

impl<'a> Field<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let length = self.length.checked_sub(count).ok_or(Stop::Contradiction)?;
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Stop::MoreNeeded)?;
        *self = Self { bytes: rest, length };
        Ok(taken)
    }

    fn skip(&mut self, count: usize) -> Result<(), Stop> {
        self.take(count).map(|_| ())
    }

    fn number(&mut self, width: usize) -> Result<usize, Stop> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// The field that begins here with its length in `width` bytes. Its content is not skipped, so that
    /// what is there of it can be read before the rest has come.
    fn field(&mut self, width: usize) -> Result<Field<'a>, Stop> {
        let length = self.number(width)?;
        if length > self.length {
            return Err(Stop::Contradiction);
        }
        Ok(Field { bytes: self.bytes.get(..length).unwrap_or(self.bytes), length })
    }

    fn skip_rest_of(&mut self, field: &Field<'_>) -> Result<(), Stop> {
        self.skip(field.length)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([2, 9, 9]);
        body.extend([0, 4, 0x13, 1, 0x13, 2]);
        body.extend([1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        message
    }

    fn name_extension(name: &[u8]) -> Vec<u8> {
        let length = name.len() as u16;
        let mut extension = vec![0, 0];
        extension.extend((length + 5).to_be_bytes());
        extension.extend((length + 3).to_be_bytes());
        extension.push(0);
        extension.extend(length.to_be_bytes());
        extension.extend(name);
        extension
    }

    #[test]
    fn reads_the_name_after_other_extensions() {
        let mut extensions = vec![0, 43, 0, 3, 2, 3, 4];
        extensions.extend(name_extension(b"WWW.Example.com"));
        assert_eq!(server_name(&hello(&extensions)), ClientHelloAnswer::Name("www.example.com".into()));
    }

    #[test]
    fn every_prefix_is_incomplete_until_the_name_is_there() {
        let mut message = hello(&[&name_extension(b"a.test")[..], &[0, 43, 0, 3, 2, 3, 4]].concat());
        let end_of_name = message.len() - 7;
        for length in 0..message.len() {
            let expected = if length < end_of_name {
                ClientHelloAnswer::Incomplete
            } else {
                ClientHelloAnswer::Name("a.test".into())
            };
            assert_eq!(server_name(&message[..length]), expected, "{length} bytes");
        }
        message.extend([2, 0, 0, 0]);
        assert_eq!(server_name(&message), ClientHelloAnswer::Name("a.test".into()));
    }

    #[test]
    fn names_that_cannot_be_used_are_none() {
        assert_eq!(server_name(&hello(&name_extension(b""))), ClientHelloAnswer::NoName);
        assert_eq!(server_name(&hello(&name_extension(b"a b"))), ClientHelloAnswer::NoName);
        assert_eq!(server_name(&hello(&name_extension(&[b'a'; 256]))), ClientHelloAnswer::NoName);
        assert_eq!(server_name(&hello(&[0, 43, 0, 3, 2, 3, 4])), ClientHelloAnswer::NoName);
        let mut without_extensions = hello(&[]);
        without_extensions.truncate(without_extensions.len() - 2);
        without_extensions[3] -= 2;
        assert_eq!(server_name(&without_extensions), ClientHelloAnswer::NoName);
    }

    #[test]
    fn other_messages_and_contradictions_are_told() {
        assert_eq!(server_name(&[2, 0, 0, 4, 3, 3]), ClientHelloAnswer::NotAClientHello);
        assert_eq!(server_name(&[1, 0, 0, 60, 2, 0]), ClientHelloAnswer::NotAClientHello);
        let mut message = hello(&name_extension(b"a.test"));
        let list_length = message.len() - 11;
        message[list_length + 1] = 200;
        assert_eq!(server_name(&message), ClientHelloAnswer::NotAClientHello);
    }

    #[test]
    fn any_byte_changed_never_panics() {
        let message = hello(&name_extension(b"a.test"));
        for place in 0..message.len() {
            for value in 0..=255 {
                let mut changed = message.clone();
                changed[place] = value;
                server_name(&changed);
            }
        }
    }
}
