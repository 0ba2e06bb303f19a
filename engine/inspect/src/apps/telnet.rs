//! Telnet: the negotiation of options (RFC 854, RFC 855) with which either side begins.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "telnet", tcp: true, udp: false, probe, decoder: None };

const PORT: u16 = 23;
const IAC: u8 = 255;
/// SB: a subnegotiation, which ends with IAC SE.
const SB: u8 = 250;
/// WILL to DONT.
const NEGOTIATION: core::ops::RangeInclusive<u8> = 251..=254;
/// The highest option in use (RFC 2066 and the IANA list up to 49); above it only the extended list.
const HIGHEST_OPTION: u8 = 49;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let sides = [commands(evidence.sent), commands(evidence.received)];
    let [Some(sent), Some(received)] = sides else {
        return ProbeAnswer::NotMine;
    };
    // One command is three bytes, too few to be certain of alone.
    if sent + received >= 2 || (sent + received == 1 && evidence.uses_port(PORT)) {
        return ProbeAnswer::Certain(app::TELNET);
    }
    ProbeAnswer::Unsure
}

/// The complete commands that a side begins with; `None` if it begins otherwise.
fn commands(mut bytes: &[u8]) -> Option<usize> {
    let mut count = 0;
    loop {
        bytes = match bytes {
            [] | [IAC] | [IAC, SB..=254] => return Some(count),
            [IAC, verb, option, rest @ ..]
                if NEGOTIATION.contains(verb) && (*option <= HIGHEST_OPTION || *option == IAC) =>
            {
                count += 1;
                rest
            }
            [IAC, SB, option, ..] if *option <= HIGHEST_OPTION => return Some(count + 1),
            _ => return (count > 0).then_some(count),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::testing::{ask_tcp, ask_tcp_port, assert_never_certain, assert_recognised};

    #[test]
    fn negotiations() {
        let will_and_do = [255, 251, 1, 255, 253, 3];
        assert_recognised(PROBE, app::TELNET, &will_and_do, b"");
        assert_recognised(PROBE, app::TELNET, b"", &will_and_do);
        assert_recognised(PROBE, app::TELNET, &[255, 252, 24], &[255, 253, 24]);
        assert_recognised(PROBE, app::TELNET, b"", b"\xff\xfd\x18\xff\xfa\x18\x01\xff\xf0login: ");
        assert_recognised(PROBE, app::TELNET, &[255, 253, 3, 255, 251, 24, b'x'], b"");
    }

    #[test]
    fn one_command_needs_the_port() {
        assert_eq!(ask_tcp(PROBE, &[255, 253, 24], b""), ProbeAnswer::Unsure);
        assert_eq!(ask_tcp_port(PROBE, PORT, b"", &[255, 253, 24]), ProbeAnswer::Certain(app::TELNET));
    }

    #[test]
    fn others_are_not() {
        assert_never_certain(PROBE, &[255, 255, 255, 255, 255, 255, 255], b"");
        assert_never_certain(PROBE, &[255, 251, 90, 255, 251, 91], b"");
        assert_never_certain(PROBE, b"login: ", b"");
        assert_never_certain(PROBE, b"GET /", &[255, 251, 1, 255, 253, 3]);
    }
}
