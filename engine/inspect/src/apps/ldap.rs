//! LDAP (RFC 4511) and its form over UDP: an LDAPMessage is a SEQUENCE of a message number and one
//! operation. Operation and its first element are checked, which tells it from SNMP and other users of the
//! same encoding.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

pub(super) const PROBE: Probe = Probe { name: "ldap", tcp: true, udp: true, probe, decoder: None };

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Tcp => evidence.judge(side),
        Transport::Udp => match evidence.each_datagram().next().map(|(_, datagram)| message(datagram)) {
            Some(Some(true)) => ProbeAnswer::Certain(app::LDAP),
            Some(Some(false) | None) => ProbeAnswer::NotMine,
            None => ProbeAnswer::Unsure,
        },
    }
}

fn side(bytes: &[u8]) -> ProbeAnswer {
    match message(bytes) {
        Some(true) => ProbeAnswer::Certain(app::LDAP),
        Some(false) => ProbeAnswer::NotMine,
        None => ProbeAnswer::Unsure,
    }
}

/// Whether an LDAPMessage begins here; `None` while it cannot be told.
fn message(bytes: &[u8]) -> Option<bool> {
    let mut rest = Reader { bytes };
    let (tag, length) = (rest.byte()?, rest.length());
    if tag != SEQUENCE {
        return Some(false);
    }
    let Some(length) = length? else {
        return Some(false);
    };
    if rest.byte()? != INTEGER {
        return Some(false);
    }
    let number = rest.byte()?;
    // RFC 4511 section 4.1.1.1: message numbers are 0 to 2^31 - 1.
    if !(1..=4).contains(&number)
        || length < usize::from(number) + 4
        || rest.skip(usize::from(number))? & 0x80 != 0
    {
        return Some(false);
    }
    let operation = rest.byte()?;
    // An unbind request and an abandon request have no element inside.
    match operation {
        0x42 => return Some(rest.byte()? == 0 && length == usize::from(number) + 4),
        0x50 => return rest.length()?.map_or(Some(false), |inner| Some((1..=4).contains(&inner))),
        0x4a => return rest.length()?.map_or(Some(false), |inner| distinguished_name(&mut rest, inner)),
        _ => (),
    }
    let Some(inner) = rest.length()? else {
        return Some(false);
    };
    if inner > length {
        return Some(false);
    }
    first_element(operation, &mut rest)
}

/// The first element of an operation (RFC 4511 sections 4.2 to 4.13).
fn first_element(operation: u8, rest: &mut Reader<'_>) -> Option<bool> {
    match operation {
        // A bind request begins with the version.
        0x60 => Some(rest.byte()? == INTEGER && rest.byte()? == 1 && (1..=3).contains(&rest.byte()?)),
        // These begin with a distinguished name.
        0x63 | 0x64 | 0x66 | 0x68 | 0x6c | 0x6e => {
            if rest.byte()? != OCTET_STRING {
                return Some(false);
            }
            match rest.length()? {
                Some(length) if operation == 0x63 => search_scope(length, rest),
                Some(length) => distinguished_name(rest, length),
                None => Some(false),
            }
        }
        // These begin with a result code.
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => {
            Some(rest.byte()? == ENUMERATED && rest.byte()? == 1 && rest.byte()? <= 123)
        }
        // An extended request begins with the name of what is asked, a dotted number.
        0x77 => {
            if rest.byte()? != 0x80 {
                return Some(false);
            }
            let length = rest.byte()?;
            Some((3..128).contains(&length) && rest.byte()?.is_ascii_digit() && rest.byte()? == b'.')
        }
        _ => Some(false),
    }
}

/// After the base object the scope: an enumeration of 0 to 3.
fn search_scope(length: usize, rest: &mut Reader<'_>) -> Option<bool> {
    if length > 1024 {
        return Some(false);
    }
    if length > 0 {
        rest.skip(length)?;
    }
    Some(rest.byte()? == ENUMERATED && rest.byte()? == 1 && rest.byte()? <= 3)
}

/// A name is text of at least `x=y`, or a GUID or SID in angle brackets; in an entry it may be empty.
fn distinguished_name(rest: &mut Reader<'_>, length: usize) -> Option<bool> {
    let seen = rest.bytes.get(..length.min(8)).unwrap_or(rest.bytes);
    if length > 4096 || seen.iter().any(|byte| *byte < b' ') {
        return Some(false);
    }
    if seen.len() < length.min(8) {
        return None;
    }
    Some(length == 0 || seen.contains(&b'=') || length > 8)
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*first)
    }

    /// Skips at least one byte and says the first.
    fn skip(&mut self, count: usize) -> Option<u8> {
        let (skipped, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        skipped.first().copied()
    }

    /// A length in its short form or in up to four bytes; `Some(None)` if it is neither.
    fn length(&mut self) -> Option<Option<usize>> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(Some(usize::from(first)));
        }
        let width = usize::from(first & 0x7f);
        if !(1..=4).contains(&width) {
            return Some(None);
        }
        let mut length = 0;
        for _ in 0..width {
            length = length << 8 | usize::from(self.byte()?);
        }
        Some((length < 1 << 24).then_some(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised};

    #[test]
    fn requests_and_responses() {
        for bytes in [
            // bindRequest, anonymous, simple
            &[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0][..],
            // the same with lengths in four bytes, as Windows writes them
            &[0x30, 0x84, 0, 0, 0, 16, 2, 1, 1, 0x60, 0x84, 0, 0, 0, 7, 2, 1, 3, 4, 0, 0x80, 0],
            // searchRequest of the root
            &[0x30, 37, 2, 1, 2, 0x63, 32, 4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0],
            // bindResponse
            &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0],
            // searchResultEntry
            &[0x30, 40, 2, 1, 2, 0x64, 35, 4, 9, b'd', b'c', b'=', b't', b'e', b's', b't', b',', b'o', 0x30],
            // unbindRequest
            &[0x30, 5, 2, 1, 3, 0x42, 0],
            // extendedRequest StartTLS
            &[0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22, b'1', b'.', b'3', b'.'],
        ] {
            assert_recognised(PROBE, app::LDAP, bytes, b"");
            assert_recognised(PROBE, app::LDAP, b"", bytes);
        }
    }

    #[test]
    fn look_alikes_are_not() {
        for bytes in [
            // SNMP version 1
            &[0x30, 38, 2, 1, 0, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0, 25][..],
            // SNMP version 3
            &[0x30, 62, 2, 1, 3, 0x30, 17, 2, 4, 0, 0, 0, 1],
            &[0x30, 5, 2, 1, 3, 0x42, 9],
            &[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 9, 4, 0, 0x80, 0],
            &[0x30, 12, 2, 1, 1, 0x60, 70, 2, 1, 3, 4, 0, 0x80, 0],
            &[0x30, 0x80, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0],
            &[0x31, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0],
        ] {
            assert_never_certain(PROBE, bytes, b"");
        }
    }
}
