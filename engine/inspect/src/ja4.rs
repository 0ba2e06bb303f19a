//! JA4: the fingerprint of a TLS client (the open, BSD-licensed part of the family).
//!
//! Three parts joined by underscores. The first is legible: transport, version, whether a server is named,
//! how many cipher suites and extensions, the first and last character of the first protocol offered. The
//! second is a hash of the cipher suites in order of their numbers; the third one of the extensions
//! likewise, with the signature algorithms as they stand. Values reserved by RFC 8701 are left out.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write as _};

use sha2::{Digest, Sha256};

use crate::client_hello::ClientHello;

/// A client's fingerprint: 36 ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ja4([u8; LENGTH]);

const LENGTH: usize = 36;
/// Hexadecimal digits that are kept of a hash.
const HASH: usize = 12;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What carries the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Quic,
    Dtls,
}

impl Ja4 {
    /// The fingerprint of a whole ClientHello.
    pub(crate) fn of(hello: &ClientHello<'_>, carrier: Carrier) -> Self {
        let mut ciphers: Vec<u16> = hello.ciphers().filter(|value| !is_reserved(*value)).collect();
        let mut extensions: Vec<u16> = hello.extensions().map(|(kind, _)| kind).collect();
        extensions.retain(|kind| !is_reserved(*kind));
        let mut text = String::with_capacity(LENGTH);
        text.push(match carrier {
            Carrier::Tcp => 't',
            Carrier::Quic => 'q',
            Carrier::Dtls => 'd',
        });
        text.push_str(version(hello));
        text.push(if extensions.contains(&SERVER_NAME) { 'd' } else { 'i' });
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{:02}{:02}", ciphers.len().min(99), extensions.len().min(99));
        let [first, last] = protocol(hello.protocols().next().unwrap_or_default());
        text.extend([char::from(first), char::from(last), '_']);
        ciphers.sort_unstable();
        push_hash(&mut text, list(&ciphers));
        text.push('_');
        extensions.retain(|kind| *kind != SERVER_NAME && *kind != ALPN);
        extensions.sort_unstable();
        let mut listed = list(&extensions);
        let algorithms: Vec<u16> =
            hello.signature_algorithms().filter(|value| !is_reserved(*value)).collect();
        if !listed.is_empty() && !algorithms.is_empty() {
            listed.push('_');
            listed.push_str(&list(&algorithms));
        }
        push_hash(&mut text, listed);
        let mut fingerprint = [b'0'; LENGTH];
        for (to, from) in fingerprint.iter_mut().zip(text.bytes()) {
            *to = from;
        }
        Self(fingerprint)
    }

    /// From its text; `None` where that has another length or holds anything but visible ASCII.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text: [u8; LENGTH] = text.try_into().ok()?;
        text.iter().all(u8::is_ascii_graphic).then_some(Self(text))
    }

    /// The fingerprint as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Ja4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Values that mean nothing, which clients strew in (RFC 8701).
pub(crate) const fn is_reserved(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn version(hello: &ClientHello<'_>) -> &'static str {
    let offered = hello.versions().filter(|version| !is_reserved(*version));
    // DTLS counts downwards.
    let version = match hello.legacy_version >> 8 {
        0xfe => offered.min(),
        _ => offered.max(),
    };
    match version.unwrap_or(hello.legacy_version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of a protocol's name; of its hexadecimal form if either is no letter or digit.
fn protocol(name: &[u8]) -> [u8; 2] {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return *b"00";
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last];
    }
    let digit = |value: u8| b"0123456789abcdef".get(usize::from(value)).copied().unwrap_or(b'0');
    [digit(first >> 4), digit(last & 0xf)]
}

fn list(values: &[u16]) -> String {
    let mut text = String::with_capacity(values.len() * 5);
    for value in values {
        let separator = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{separator}{value:04x}");
    }
    text
}

fn push_hash(text: &mut String, listed: String) {
    if listed.is_empty() {
        text.extend(['0'; HASH]);
        return;
    }
    for byte in Sha256::digest(listed.as_bytes()).iter().take(HASH / 2) {
        let _ = write!(text, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &(content.len() as u16).to_be_bytes(), content].concat()
    }

    fn numbers(values: &[u16]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_be_bytes()).collect()
    }

    fn with_length(content: &[u8]) -> Vec<u8> {
        [&(content.len() as u16).to_be_bytes()[..], content].concat()
    }

    /// The hello of the worked example in the fingerprint's public description, in another order.
    fn message() -> Vec<u8> {
        let ciphers = [
            0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
            0x9c, 0x9d, 0x2f, 0x35,
        ];
        let algorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601];
        let mut extensions = extension(0x8a8a, &[0]);
        extensions.extend(extension(0, b"\0\x09\0\0\x06a.test"));
        extensions.extend(extension(0x0d, &with_length(&numbers(&algorithms))));
        extensions.extend(extension(0x10, b"\0\x0c\x02h2\x08http/1.1"));
        extensions.extend(extension(0x2b, b"\x06\x2a\x2a\x03\x04\x03\x03"));
        for kind in [0xff01, 0x4469, 0x33, 0x2d, 0x23, 0x1b, 0x17, 0x15, 0x12, 0x0b, 0x0a, 0x05] {
            extensions.extend(extension(kind, &[0]));
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend(with_length(&numbers(&ciphers)));
        body.extend([1, 0]);
        body.extend(with_length(&extensions));
        let mut message = vec![1, 0];
        message.extend(with_length(&body));
        message
    }

    #[test]
    fn the_published_example() {
        let message = message();
        let hello = ClientHello::read(&message).unwrap();
        assert_eq!(Ja4::of(&hello, Carrier::Tcp).as_str(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(Ja4::of(&hello, Carrier::Quic).as_str(), "q13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(ClientHello::read(&message[..message.len() - 1]), None);
    }

    #[test]
    fn nothing_offered_is_zeros() {
        let mut bare = vec![1, 0, 0, 41, 3, 1];
        bare.extend([7; 32]);
        bare.extend([0, 0, 2, 0x0a, 0x0a, 1, 0]);
        let hello = ClientHello::read(&bare).unwrap();
        assert_eq!(Ja4::of(&hello, Carrier::Tcp).as_str(), "t10i000000_000000000000_000000000000");
    }

    #[test]
    fn protocols_that_are_no_text_are_hexadecimal() {
        assert_eq!(protocol(b"h2"), *b"h2");
        assert_eq!(protocol(b"\xab\xcd"), *b"ad");
        assert_eq!(protocol(b""), *b"00");
        assert_eq!(protocol(b"x"), *b"xx");
    }
}
