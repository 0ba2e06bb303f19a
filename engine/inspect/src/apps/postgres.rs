//! PostgreSQL: the client's first message (Frontend/Backend Protocol, "Message Formats"): a startup, or a
//! request for TLS, for GSSAPI encryption or for a cancellation. What a request for encryption leads to
//! stays PostgreSQL.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "postgres", tcp: true, udp: false, probe, decoder: None };

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const VERSION_3: u32 = 3 << 16;
const LONGEST_STARTUP: u32 = 10_000;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    if evidence.sent.is_empty() {
        return if evidence.received.is_empty() { ProbeAnswer::Unsure } else { server(evidence.received) };
    }
    client(evidence.sent)
}

fn client(sent: &[u8]) -> ProbeAnswer {
    let Some((length, rest)) = sent.split_first_chunk::<4>() else {
        let fits = sent.iter().take(2).all(|byte| *byte == 0);
        return if fits { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine };
    };
    let length = u32::from_be_bytes(*length);
    let Some((code, rest)) = rest.split_first_chunk::<4>() else {
        return if (8..=LONGEST_STARTUP).contains(&length) {
            ProbeAnswer::Unsure
        } else {
            ProbeAnswer::NotMine
        };
    };
    match (u32::from_be_bytes(*code), length) {
        (SSL_REQUEST | GSS_REQUEST, 8) | (CANCEL_REQUEST, 16..=268) => ProbeAnswer::Certain(app::POSTGRES),
        (VERSION_3..=0x0003_0002, 9..=LONGEST_STARTUP) => startup(rest),
        _ => ProbeAnswer::NotMine,
    }
}

/// Names and values as text with a zero after each; `user` must be among them and comes first or second in
/// practice.
fn startup(parameters: &[u8]) -> ProbeAnswer {
    const NAMES: [&[u8]; 9] = [
        b"user\0",
        b"database\0",
        b"options\0",
        b"application_name\0",
        b"client_encoding\0",
        b"replication\0",
        b"DateStyle\0",
        b"TimeZone\0",
        b"extra_float_digits\0",
    ];
    if NAMES.iter().any(|name| parameters.starts_with(name)) {
        ProbeAnswer::Certain(app::POSTGRES)
    } else if NAMES.iter().any(|name| name.starts_with(parameters)) {
        ProbeAnswer::Unsure
    } else {
        ProbeAnswer::NotMine
    }
}

/// Only the server's way was captured: its request for authentication, or its first error.
fn server(received: &[u8]) -> ProbeAnswer {
    match received {
        // AuthenticationOk to AuthenticationSASL: the length fits the kind.
        [b'R', 0, 0, 0, 8, 0, 0, 0, 0 | 2 | 3 | 6 | 7 | 9, ..] | [b'R', 0, 0, 0, 12, 0, 0, 0, 5, ..] => {
            ProbeAnswer::Certain(app::POSTGRES)
        }
        [b'R', 0, 0, 0, 14..=80, 0, 0, 0, 10, b'S', b'C', b'R', b'A', b'M', ..] => {
            ProbeAnswer::Certain(app::POSTGRES)
        }
        [b'E', 0, 0, _, _, b'S', b'F' | b'E', ..] if super::text::contains(received, b"\0C") => {
            ProbeAnswer::Certain(app::POSTGRES)
        }
        // The one-byte answer to a request for TLS is followed by nothing readable.
        [b'R' | b'E'] | [b'R' | b'E', 0, ..] if received.len() < 64 => ProbeAnswer::Unsure,
        _ => ProbeAnswer::NotMine,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised};

    fn message(code: u32, rest: &[u8]) -> Vec<u8> {
        [&(rest.len() as u32 + 8).to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
    }

    #[test]
    fn first_messages() {
        assert_recognised(PROBE, app::POSTGRES, &message(SSL_REQUEST, b""), b"");
        assert_recognised(PROBE, app::POSTGRES, &message(GSS_REQUEST, b""), b"");
        assert_recognised(PROBE, app::POSTGRES, &message(CANCEL_REQUEST, &[0, 0, 1, 2, 3, 4, 5, 6]), b"");
        assert_recognised(PROBE, app::POSTGRES, &message(VERSION_3, b"user\0a\0database\0b\0\0"), b"");
        assert_recognised(PROBE, app::POSTGRES, &message(SSL_REQUEST, b""), b"N");
        assert_recognised(PROBE, app::POSTGRES, b"", &[b'R', 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4]);
        assert_recognised(PROBE, app::POSTGRES, b"", b"E\0\0\0\x20SFATAL\0C28000\0Mno\0\0");
    }

    #[test]
    fn look_alikes_are_not() {
        assert_never_certain(PROBE, &message(SSL_REQUEST, b"x"), b"");
        assert_never_certain(PROBE, &message(VERSION_3, b"abc\0"), b"");
        assert_never_certain(PROBE, &message(2 << 16, b"user\0a\0"), b"");
        assert_never_certain(PROBE, b"", b"RFB 003.008\n");
        assert_never_certain(PROBE, b"", b"EHLO a.test\r\n");
        assert_never_certain(PROBE, &[0, 0, 0, 8, 0, 0, 0, 0], b"");
    }
}
