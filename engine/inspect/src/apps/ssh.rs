//! SSH: the identification string of either side (RFC 4253 section 4.2; 1.x and 1.99 likewise).

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "ssh", tcp: true, udp: false, probe, decoder: None };

/// A server may send other lines before its own (RFC 4253, section 4.2), a client may not.
fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let is_client_open = evidence.sent.is_empty() || side(evidence.sent) != ProbeAnswer::NotMine;
    if is_client_open && side(evidence.received) == ProbeAnswer::NotMine {
        return behind_lines(evidence.received);
    }
    evidence.judge(side)
}

/// What the first line that begins like an identification says; more is waited for while all lines are text.
fn behind_lines(received: &[u8]) -> ProbeAnswer {
    if !received.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')) {
        return ProbeAnswer::NotMine;
    }
    let lines = received.split(|byte| *byte == b'\n');
    lines.map(side).find(|answer| matches!(answer, ProbeAnswer::Certain(_))).unwrap_or(ProbeAnswer::Unsure)
}

/// `SSH-`, one digit, a dot, one or two digits, `-`.
fn side(bytes: &[u8]) -> ProbeAnswer {
    let expected = [
        |byte: u8| byte == b'S',
        |byte| byte == b'S',
        |byte| byte == b'H',
        |byte| byte == b'-',
        |byte: u8| byte.is_ascii_digit(),
        |byte| byte == b'.',
        |byte: u8| byte.is_ascii_digit(),
    ];
    if bytes.iter().zip(expected).any(|(byte, fits)| !fits(*byte)) {
        return ProbeAnswer::NotMine;
    }
    match bytes.get(expected.len()..) {
        Some([b'-', ..] | [b'0'..=b'9', b'-', ..]) => ProbeAnswer::Certain(app::SSH),
        None | Some([] | [b'0'..=b'9']) => ProbeAnswer::Unsure,
        Some(_) => ProbeAnswer::NotMine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised};

    #[test]
    fn a_server_may_send_other_lines_first() {
        let lines = b"Authorised users only.\r\n\r\n\nSSH-2.0-x\r\n";
        assert_recognised(PROBE, app::SSH, b"", lines);
        assert_recognised(PROBE, app::SSH, b"SSH-2.0-y\r\n", lines);
        assert_never_certain(PROBE, lines, b"");
        assert_never_certain(PROBE, b"GET / HTTP/1.1\r\n\r\n", lines);
    }

    #[test]
    fn either_side_is_enough() {
        for banner in [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"SSH-1.99-Cisco-1.25\n", b"SSH-1.5-x\n"] {
            assert_recognised(PROBE, app::SSH, banner, b"");
            assert_recognised(PROBE, app::SSH, b"", banner);
        }
    }

    #[test]
    fn others_are_not() {
        for text in
            [&b"SSH"[..], b"SSH-", b"SSH-2.0", b"SSH 2.0-x", b"SSH-x.0-y", b"SSH-2.0 y", b"220 SSH-2.0-x"]
        {
            assert_never_certain(PROBE, text, b"");
            assert_never_certain(PROBE, b"", text);
        }
        assert_never_certain(PROBE, b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-OpenSSH_9.6\r\n");
    }
}
