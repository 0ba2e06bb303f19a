//! Redis: a command as an array of bulk strings (RESP), an inline command with the answer to it, or a
//! server that refuses at once.

use bifrons_catalog::app;

use super::text::{Fit, command, starts_with};
use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "redis", tcp: true, udp: false, probe, decoder: None };

const LONGEST_COMMAND: usize = 40;
const INLINE_COMMANDS: [&[u8]; 5] = [b"PING", b"INFO", b"AUTH", b"CONFIG", b"COMMAND"];
/// Answers that only Redis gives.
const OWN_ANSWERS: [&[u8]; 5] =
    [b"-NOAUTH Auth", b"-DENIED Redis", b"-WRONGPASS ", b"-ERR unknown command", b"-MISCONF Redis"];

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match (evidence.sent, evidence.received) {
        ([], []) => ProbeAnswer::Unsure,
        ([], received) => answer_to_inline(received),
        ([b'*', ..], []) => array(evidence.sent),
        ([b'*', ..], [kind, ..]) => {
            if b"+-:$*_#,(!=%~>|".contains(kind) {
                array(evidence.sent)
            } else {
                ProbeAnswer::NotMine
            }
        }
        (sent, received) => match command(sent, &INLINE_COMMANDS) {
            Fit::No => ProbeAnswer::NotMine,
            Fit::Open => ProbeAnswer::Unsure,
            Fit::Yes if received.is_empty() => ProbeAnswer::Unsure,
            Fit::Yes => answer_to_inline(received),
        },
    }
}

/// `*`, the number of strings, `$`, the length of the first one, and that one, which is the command's name.
fn array(bytes: &[u8]) -> ProbeAnswer {
    let (count, rest) = match number(bytes, b'*') {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let (length, rest) = match number(rest, b'$') {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    if count == 0 || length == 0 || length > LONGEST_COMMAND {
        return ProbeAnswer::NotMine;
    }
    let is_name = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_' | b'-' | b'0'..=b'9');
    let name = rest.get(..length).unwrap_or(rest);
    if !name.iter().all(is_name) || starts_with(rest.get(length..).unwrap_or_default(), b"\r\n") == Fit::No {
        return ProbeAnswer::NotMine;
    }
    if rest.len() >= length + 2 { ProbeAnswer::Certain(app::REDIS) } else { ProbeAnswer::Unsure }
}

/// A mark, up to seven digits and the end of the line; what follows.
fn number(bytes: &[u8], mark: u8) -> Result<(usize, &[u8]), ProbeAnswer> {
    const MOST_DIGITS: usize = 7;
    let Some((first, rest)) = bytes.split_first() else {
        return Err(ProbeAnswer::Unsure);
    };
    let digits = rest.iter().take(MOST_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, after) = rest.split_at(digits);
    let value = number.iter().fold(0, |value, digit| value * 10 + usize::from(digit - b'0'));
    if *first != mark || digits > MOST_DIGITS {
        return Err(ProbeAnswer::NotMine);
    }
    match starts_with(after, b"\r\n") {
        Fit::Yes if digits > 0 => Ok((value, after.get(2..).unwrap_or_default())),
        Fit::Open if digits > 0 || after.is_empty() => Err(ProbeAnswer::Unsure),
        Fit::Yes | Fit::Open | Fit::No => Err(ProbeAnswer::NotMine),
    }
}

fn answer_to_inline(received: &[u8]) -> ProbeAnswer {
    let info = number(received, b'$').map(|(_, text)| starts_with(text, b"# Server\r\n"));
    let answers = OWN_ANSWERS.iter().map(|answer| starts_with(received, answer));
    let pong = starts_with(received, b"+PONG\r\n");
    let mut open = matches!(info, Ok(Fit::Open) | Err(ProbeAnswer::Unsure)) || pong == Fit::Open;
    if info == Ok(Fit::Yes) || pong == Fit::Yes {
        return ProbeAnswer::Certain(app::REDIS);
    }
    for answer in answers {
        match answer {
            Fit::Yes => return ProbeAnswer::Certain(app::REDIS),
            Fit::Open => open = true,
            Fit::No => (),
        }
    }
    if open { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised};

    #[test]
    fn commands_and_answers() {
        assert_recognised(PROBE, app::REDIS, b"*1\r\n$4\r\nPING\r\n", b"");
        assert_recognised(PROBE, app::REDIS, b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", b"$-1\r\n");
        assert_recognised(PROBE, app::REDIS, b"PING\r\n", b"+PONG\r\n");
        assert_recognised(PROBE, app::REDIS, b"info\r\n", b"$4000\r\n# Server\r\nredis_version:7");
        assert_recognised(PROBE, app::REDIS, b"", b"-NOAUTH Authentication required.\r\n");
    }

    #[test]
    fn look_alikes_are_not() {
        assert_never_certain(PROBE, b"", b"+OK ready\r\n");
        assert_never_certain(PROBE, b"AUTH PLAIN\r\n", b"+OK\r\n");
        assert_never_certain(PROBE, b"* OK ready\r\n", b"");
        assert_never_certain(PROBE, b"*1\r\n$4\r\nP NG\r\n", b"");
        assert_never_certain(PROBE, b"*1\r\n$4\r\nPING", b"");
        assert_never_certain(PROBE, b"*0\r\n$4\r\nPING\r\n", b"");
        assert_never_certain(PROBE, b"*99999999\r\n$4\r\nPING\r\n", b"");
        assert_never_certain(PROBE, b"PING a.test\r\n", b"PONG a.test\r\n");
    }
}
