//! FTP's control connection (RFC 959). The greeting `220` is shared with SMTP: what decides is a word in
//! it, the client's first command, or the port when the greeting is all there is.

use alloc::boxed::Box;

use bifrons_catalog::app;
use bifrons_model::Direction;

use super::text::{Fit, command, contains, first_line, is_text, lines, reply};
use crate::{
    Decoder, Evidence, Findings, Keep, Probe, ProbeAnswer,
    alg::{Announced, ftp::Control},
};

pub(super) const PROBE: Probe = Probe { name: "ftp", tcp: true, udp: false, probe, decoder: Some(decoder) };

const PORT: u16 = 21;
/// Commands that may come first and that SMTP does not have.
const FIRST_COMMANDS: [&[u8]; 7] = [b"USER", b"AUTH", b"FEAT", b"SYST", b"PASS", b"ACCT", b"OPTS"];
/// Commands that neither SMTP nor POP3 has.
const OWN_COMMANDS: [&[u8]; 14] = [
    b"SYST", b"FEAT", b"TYPE", b"PASV", b"EPSV", b"PORT", b"EPRT", b"CWD", b"PWD", b"MLSD", b"STOR", b"PBSZ",
    b"PROT", b"OPTS",
];

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let client = match evidence.sent {
        [] => Fit::Open,
        sent => command(sent, &FIRST_COMMANDS),
    };
    if client == Fit::No || !is_text(evidence.received) {
        return ProbeAnswer::NotMine;
    }
    if evidence.received.is_empty() {
        return client_alone(evidence.sent);
    }
    match (reply(evidence.received, b"220"), refusal(evidence.received)) {
        (Fit::Yes, _) => greeting(evidence, client == Fit::Yes),
        (_, Fit::Yes) => greeting(evidence, false),
        (Fit::Open, _) | (_, Fit::Open) => ProbeAnswer::Unsure,
        (Fit::No, Fit::No) => ProbeAnswer::NotMine,
    }
}

/// What a server may say instead of 220 (RFC 959 section 5.4), and what servers that are full say.
fn refusal(received: &[u8]) -> Fit {
    [b"120", b"421", b"530"]
        .into_iter()
        .map(|code| reply(received, code))
        .find(|fit| *fit != Fit::No)
        .unwrap_or(Fit::No)
}

fn greeting(evidence: &Evidence<'_>, is_told_by_client: bool) -> ProbeAnswer {
    if contains(evidence.received, b"smtp") {
        return ProbeAnswer::NotMine;
    }
    let has_line = first_line(evidence.received).is_some();
    if has_line && (is_told_by_client || names_ftp(evidence.received) || evidence.uses_port(PORT)) {
        return ProbeAnswer::Certain(app::FTP);
    }
    ProbeAnswer::Unsure
}

/// `FTP` in capitals, `ftpd`, or `ftp` as the beginning of a word: it may stand inside a host's name by
/// chance.
fn names_ftp(text: &[u8]) -> bool {
    let mut before = b' ';
    for (place, byte) in text.iter().enumerate() {
        let rest = text.get(place..).unwrap_or_default();
        if rest.starts_with(b"FTP")
            || rest.starts_with(b"ftpd")
            || (!before.is_ascii_alphanumeric() && rest.starts_with(b"ftp"))
        {
            return true;
        }
        before = *byte;
    }
    contains(text, b"filezilla server")
}

/// Only the client's way was captured: a first command, and later one that only FTP has.
fn client_alone(sent: &[u8]) -> ProbeAnswer {
    if !is_text(sent) {
        return ProbeAnswer::NotMine;
    }
    let own = lines(sent).any(|line| line.len() < 200 && command_line(line));
    if own && command(sent, &FIRST_COMMANDS) == Fit::Yes && lines(sent).count() >= 2 {
        return ProbeAnswer::Certain(app::FTP);
    }
    ProbeAnswer::Unsure
}

fn command_line(line: &[u8]) -> bool {
    let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    OWN_COMMANDS.iter().any(|command| word.eq_ignore_ascii_case(command))
}

fn decoder() -> Box<dyn Decoder> {
    Box::new(Reader::default())
}

/// Follows where the data connections go.
#[derive(Default)]
struct Reader(Control);

impl Decoder for Reader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        let mut announced = Announced::default();
        let keep = self.0.data(direction, bytes, &mut announced);
        findings.announce(announced);
        keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{ask_tcp, ask_tcp_port, assert_never_certain, assert_recognised};

    #[test]
    fn a_word_in_the_greeting_decides() {
        for greeting in [
            &b"220 (vsFTPd 3.0.5)\r\n"[..],
            b"220 Microsoft FTP Service\r\n",
            b"220-FileZilla Server 1.8.1\r\n220 ready\r\n",
            b"220 ftp.a.test ready\r\n",
            b"421 Too many users on this FTP server\r\n",
        ] {
            assert_recognised(PROBE, app::FTP, b"", greeting);
        }
    }

    #[test]
    fn the_first_command_decides() {
        assert_recognised(PROBE, app::FTP, b"USER anonymous\r\n", b"220 a.test ready\r\n");
        assert_recognised(PROBE, app::FTP, b"AUTH TLS\r\n", b"220 a.test ready\r\n");
        assert_recognised(PROBE, app::FTP, b"USER a\r\nPASS b\r\nSYST\r\n", b"");
    }

    #[test]
    fn the_port_decides_only_with_a_greeting() {
        let greeting = b"220 a.test ready\r\n";
        assert_eq!(ask_tcp_port(PROBE, PORT, b"", greeting), ProbeAnswer::Certain(app::FTP));
        assert_eq!(ask_tcp(PROBE, b"", greeting), ProbeAnswer::Unsure);
        assert_eq!(ask_tcp_port(PROBE, PORT, b"", b"SSH-2.0-x\r\n"), ProbeAnswer::NotMine);
        assert_eq!(ask_tcp_port(PROBE, PORT, b"\x16\x03\x01", greeting), ProbeAnswer::NotMine);
    }

    #[test]
    fn mail_is_not_ftp() {
        assert_never_certain(PROBE, b"", b"220 mail.softpro.test ready\r\n");
        assert_never_certain(PROBE, b"EHLO a.test\r\n", b"220 a.test ready\r\n");
        assert_never_certain(PROBE, b"USER a\r\nPASS b\r\nSTAT\r\nLIST\r\n", b"");
        assert_never_certain(PROBE, b"USER a\r\n", b"+OK ready\r\n");
        assert_never_certain(PROBE, b"USER a\r\n", b"220 a.test FTP-like SMTP\r\n");
    }
}
