//! SMTP (RFC 5321) and LMTP's greeting of it (RFC 2033). It stays SMTP after STARTTLS.

use bifrons_catalog::app;

use super::text::{Fit, command, contains, first_line, is_text, reply};
use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "smtp", tcp: true, udp: false, probe, decoder: None };

const PORTS: [u16; 2] = [25, 587];
const OPENING_COMMANDS: [&[u8]; 3] = [b"EHLO", b"HELO", b"LHLO"];
/// What a client may say without having said hello.
const OTHER_COMMANDS: [&[u8]; 6] = [b"MAIL", b"RSET", b"QUIT", b"NOOP", b"STARTTLS", b"HELP"];
/// Words that mail servers put into their greeting.
const GREETING_WORDS: [&[u8]; 4] = [b"smtp", b"postfix", b"sendmail", b"exim"];

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let hello = command(evidence.sent, &OPENING_COMMANDS);
    if hello == Fit::No && command(evidence.sent, &OTHER_COMMANDS) == Fit::No || !is_text(evidence.received) {
        return ProbeAnswer::NotMine;
    }
    let server = match evidence.received {
        [] => Fit::Open,
        received => greeting(received),
    };
    if server == Fit::No {
        return ProbeAnswer::NotMine;
    }
    if hello == Fit::Yes && first_line(evidence.sent).is_some_and(|line| line.len() > 5) {
        return ProbeAnswer::Certain(app::SMTP_BASE);
    }
    let Some(line) = first_line(evidence.received) else {
        return ProbeAnswer::Unsure;
    };
    let named = GREETING_WORDS.iter().any(|word| contains(line, word));
    let on_port = PORTS.iter().any(|port| evidence.uses_port(*port));
    if server == Fit::Yes && (named || on_port) {
        ProbeAnswer::Certain(app::SMTP_BASE)
    } else {
        ProbeAnswer::Unsure
    }
}

/// The service is ready, or says at once that it is not (RFC 5321 section 3.1).
fn greeting(received: &[u8]) -> Fit {
    [b"220", b"421", b"554"].into_iter().map(|code| reply(received, code)).fold(
        Fit::No,
        |so_far, fit| match (so_far, fit) {
            (Fit::Yes, _) | (_, Fit::Yes) => Fit::Yes,
            (Fit::Open, _) | (_, Fit::Open) => Fit::Open,
            (Fit::No, Fit::No) => Fit::No,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{ask_tcp, ask_tcp_port, assert_never_certain, assert_recognised};

    #[test]
    fn greeting_or_hello() {
        assert_recognised(PROBE, app::SMTP_BASE, b"", b"220 a.test ESMTP ready\r\n");
        assert_recognised(PROBE, app::SMTP_BASE, b"", b"554 a.test SMTP not for you\r\n");
        assert_recognised(PROBE, app::SMTP_BASE, b"ehlo a.test\r\n", b"");
        assert_recognised(PROBE, app::SMTP_BASE, b"HELO a\r\n", b"220 a.test ready\r\n");
    }

    #[test]
    fn the_port_decides_only_with_a_greeting() {
        assert_eq!(ask_tcp(PROBE, b"", b"220 a.test ready\r\n"), ProbeAnswer::Unsure);
        assert_eq!(
            ask_tcp_port(PROBE, 25, b"", b"220 a.test ready\r\n"),
            ProbeAnswer::Certain(app::SMTP_BASE)
        );
        assert_eq!(ask_tcp_port(PROBE, 25, b"", b"200 a.test ready\r\n"), ProbeAnswer::NotMine);
    }

    #[test]
    fn others_are_not() {
        assert_never_certain(PROBE, b"USER a\r\n", b"220 a.test ready\r\n");
        assert_never_certain(PROBE, b"", b"220 ftp.a.test ready\r\n");
        assert_never_certain(PROBE, b"GET / HTTP/1.0\r\n", b"");
        assert_never_certain(PROBE, b"", b"+OK SMTP\r\n");
        assert_never_certain(PROBE, b"HELO\r\n", b"");
        assert_never_certain(PROBE, b"", b"220 \x00SMTP\r\n");
    }
}
