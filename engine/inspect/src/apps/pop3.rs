//! POP3 (RFC 1939). It stays POP3 after STLS.

use bifrons_catalog::app;

use super::text::{Fit, command, contains, first_line, is_text, starts_with};
use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "pop3", tcp: true, udp: false, probe, decoder: None };

const PORT: u16 = 110;
const COMMANDS: [&[u8]; 6] = [b"USER", b"APOP", b"CAPA", b"AUTH", b"STLS", b"QUIT"];
/// Of these, what is no command of Redis, whose answers are like POP3's.
const DECIDING_COMMANDS: [&[u8]; 4] = [b"USER", b"APOP", b"CAPA", b"STLS"];
/// Commands that no other protocol opens with.
const OWN_COMMANDS: [&[u8]; 3] = [b"APOP", b"CAPA", b"STLS"];

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let client = command(evidence.sent, &COMMANDS);
    if client == Fit::No || !is_text(evidence.received) {
        return ProbeAnswer::NotMine;
    }
    match (starts_with(evidence.received, b"+OK"), starts_with(evidence.received, b"-ERR ")) {
        (Fit::No, Fit::No) => return ProbeAnswer::NotMine,
        (Fit::Yes, _) => (),
        (Fit::No | Fit::Open, _) => {
            let own =
                command(evidence.sent, &OWN_COMMANDS) == Fit::Yes && first_line(evidence.sent).is_some();
            return if own { ProbeAnswer::Certain(app::POP3) } else { ProbeAnswer::Unsure };
        }
    }
    let Some(line) = first_line(evidence.received) else {
        return ProbeAnswer::Unsure;
    };
    let stamp = line.contains(&b'<') && line.contains(&b'@') && line.ends_with(b">");
    let decided = command(evidence.sent, &DECIDING_COMMANDS) == Fit::Yes;
    if decided || contains(line, b"pop") || stamp || evidence.uses_port(PORT) {
        return ProbeAnswer::Certain(app::POP3);
    }
    ProbeAnswer::Unsure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{ask_tcp, ask_tcp_port, assert_never_certain, assert_recognised};

    #[test]
    fn greeting_or_command() {
        assert_recognised(PROBE, app::POP3, b"", b"+OK POP3 server ready\r\n");
        assert_recognised(PROBE, app::POP3, b"", b"+OK <1896.697170952@a.test>\r\n");
        assert_recognised(PROBE, app::POP3, b"CAPA\r\n", b"");
        assert_recognised(PROBE, app::POP3, b"USER a\r\n", b"+OK ready\r\n");
    }

    #[test]
    fn the_port_decides_only_with_a_greeting() {
        assert_eq!(ask_tcp(PROBE, b"", b"+OK ready\r\n"), ProbeAnswer::Unsure);
        assert_eq!(ask_tcp_port(PROBE, PORT, b"", b"+OK ready\r\n"), ProbeAnswer::Certain(app::POP3));
    }

    #[test]
    fn others_are_not() {
        assert_never_certain(PROBE, b"USER a\r\n", b"220 pop.a.test\r\n");
        assert_never_certain(PROBE, b"*1\r\n$4\r\nPING\r\n", b"+OK\r\n");
        assert_never_certain(PROBE, b"USER a\r\nPASS b\r\n", b"");
        assert_never_certain(PROBE, b"AUTH a b\r\nPING\r\n", b"+OK\r\n");
        assert_never_certain(PROBE, b"CAPABILITY\r\n", b"");
    }
}
