//! IMAP4 (RFC 9051). It stays IMAP after STARTTLS.

use bifrons_catalog::app;

use super::text::{Fit, command, first_line, is_text, starts_with};
use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "imap", tcp: true, udp: false, probe, decoder: None };

const GREETINGS: [&[u8]; 4] = [b"* OK", b"* PREAUTH", b"* BYE", b"* CAPABILITY IMAP"];
const COMMANDS: [&[u8]; 10] = [
    b"CAPABILITY",
    b"LOGIN",
    b"AUTHENTICATE",
    b"STARTTLS",
    b"NOOP",
    b"ID",
    b"SELECT",
    b"EXAMINE",
    b"LIST",
    b"LOGOUT",
];
/// Commands that are seen in no other protocol after a tag.
const OWN_COMMANDS: [&[u8]; 4] = [b"CAPABILITY", b"AUTHENTICATE", b"STARTTLS", b"EXAMINE"];
const LONGEST_TAG: usize = 16;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let client = client(evidence.sent, &COMMANDS);
    let server = server(evidence.received);
    if client == Fit::No || server == Fit::No {
        return ProbeAnswer::NotMine;
    }
    let has_line = first_line(evidence.received).is_some();
    if server == Fit::Yes && has_line {
        return ProbeAnswer::Certain(app::IMAP);
    }
    let own = self::client(evidence.sent, &OWN_COMMANDS) == Fit::Yes && first_line(evidence.sent).is_some();
    if own { ProbeAnswer::Certain(app::IMAP) } else { ProbeAnswer::Unsure }
}

/// An untagged status response, which is how every server begins (RFC 9051 section 7.1).
fn server(received: &[u8]) -> Fit {
    if !is_text(received) {
        return Fit::No;
    }
    let mut answer = Fit::No;
    for greeting in GREETINGS {
        match starts_with(received, greeting) {
            Fit::Yes => return Fit::Yes,
            Fit::Open => answer = Fit::Open,
            Fit::No => (),
        }
    }
    answer
}

/// A tag and a command.
fn client(sent: &[u8], commands: &[&[u8]]) -> Fit {
    let tag = sent.iter().take(LONGEST_TAG + 1).take_while(|byte| is_tag_byte(**byte)).count();
    match sent.get(tag..) {
        None | Some([]) if tag <= LONGEST_TAG => Fit::Open,
        Some([b' ', rest @ ..]) if tag > 0 => command(rest, commands),
        None | Some(_) => Fit::No,
    }
}

const fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'$')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised};

    #[test]
    fn greeting_or_command() {
        assert_recognised(PROBE, app::IMAP, b"", b"* OK [CAPABILITY IMAP4rev1] ready\r\n");
        assert_recognised(PROBE, app::IMAP, b"", b"* OK\r\n");
        assert_recognised(PROBE, app::IMAP, b"", b"* PREAUTH welcome\r\n");
        assert_recognised(PROBE, app::IMAP, b"a001 capability\r\n", b"");
        assert_recognised(PROBE, app::IMAP, b"1 LOGIN a b\r\n", b"* OK ready\r\n");
    }

    #[test]
    fn others_are_not() {
        assert_never_certain(PROBE, b"", b"*1\r\n$4\r\nPING\r\n");
        assert_never_certain(PROBE, b"", b"* NO\r\n");
        assert_never_certain(PROBE, b"NICK a\r\n", b"");
        assert_never_certain(PROBE, b"a001 LOGIN a b\r\n", b"220 a.test\r\n");
        assert_never_certain(PROBE, b"GET /capability\r\n", b"");
    }
}
