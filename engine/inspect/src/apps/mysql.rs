//! MySQL: the server's greeting (protocol 10), its error instead of a greeting, and the client's login
//! where the greeting was not captured. Client/Server Protocol: Protocol::HandshakeV10, ERR_Packet,
//! Protocol::HandshakeResponse41.

use bifrons_catalog::app;

use super::text::contains;
use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "mysql", tcp: true, udp: false, probe, decoder: None };

const PORT: u16 = 3306;
const HEADER: usize = 4;
const LONGEST_VERSION: usize = 80;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match (evidence.sent, evidence.received) {
        ([], []) => ProbeAnswer::Unsure,
        (sent, []) => client(sent, evidence.uses_port(PORT)),
        ([], received) => server(received, evidence.uses_port(PORT)),
        // A client that speaks before the greeting speaks another protocol; after it, only its packet number
        // is left to see.
        ([_, _, _, number, ..], received) if *number <= 2 => server(received, evidence.uses_port(PORT)),
        ([_, _, _, _, ..], _) => ProbeAnswer::NotMine,
        (_, received) => server(received, evidence.uses_port(PORT)),
    }
}

/// A greeting: length, packet number 0, protocol 10, the version as text, connection number, 8 bytes of
/// challenge, 0.
fn server(bytes: &[u8], on_port: bool) -> ProbeAnswer {
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        let fits = bytes.get(2).is_none_or(|high| *high == 0);
        return if fits { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine };
    };
    let [low, high, 0, 0] = *header else {
        return ProbeAnswer::NotMine;
    };
    let length = usize::from(u16::from_le_bytes([low, high]));
    match payload {
        [] => ProbeAnswer::Unsure,
        [10, rest @ ..] if (24..=500).contains(&length) => greeting(rest, length - 1),
        [0xff, code_low, code_high, rest @ ..] if (5..=500).contains(&length) => {
            let code = u16::from_le_bytes([*code_low, *code_high]);
            let is_named = on_port || contains(rest, b"mysql") || contains(rest, b"mariadb");
            let is_text =
                rest.iter().take(length - 3).all(|byte| (b' '..0x7f).contains(byte) || *byte >= 0x80);
            let complete = rest.len() >= length - 3;
            match ((1000..5000).contains(&code) && is_text, complete) {
                (true, true) if is_named => ProbeAnswer::Certain(app::MYSQL),
                (true, false) => ProbeAnswer::Unsure,
                (true, true) | (false, _) => ProbeAnswer::NotMine,
            }
        }
        [0xff] | [0xff, _] => ProbeAnswer::Unsure,
        _ => ProbeAnswer::NotMine,
    }
}

fn greeting(rest: &[u8], length: usize) -> ProbeAnswer {
    let version_length = rest.iter().take(LONGEST_VERSION).take_while(|byte| **byte != 0).count();
    let (version, after) = rest.split_at(version_length);
    let plausible = version.iter().all(u8::is_ascii_graphic)
        && version.first().is_none_or(u8::is_ascii_digit)
        && version_length < LONGEST_VERSION
        && version_length + 14 <= length;
    if !plausible {
        return ProbeAnswer::NotMine;
    }
    match after.get(1 + 4 + 8) {
        None => ProbeAnswer::Unsure,
        Some(0) if version_length >= 3 && version.contains(&b'.') => ProbeAnswer::Certain(app::MYSQL),
        Some(_) => ProbeAnswer::NotMine,
    }
}

/// A login: packet number 1, capabilities with protocol 4.1, and filler of which 19 bytes are 0 in every
/// variant. Only on the port: elsewhere it takes the greeting to be certain.
fn client(bytes: &[u8], on_port: bool) -> ProbeAnswer {
    const CLIENT_PROTOCOL_41: u16 = 0x0200;
    const FILLER: usize = HEADER + 9;
    const LOGIN: usize = FILLER + 19;
    let fits = |place: usize, value: u8| bytes.get(place).is_none_or(|byte| *byte == value);
    if !on_port || !fits(2, 0) || !fits(3, 1) || !bytes.iter().take(LOGIN).skip(FILLER).all(|byte| *byte == 0)
    {
        return ProbeAnswer::NotMine;
    }
    let capabilities = bytes.first_chunk::<6>().map(|[.., low, high]| u16::from_le_bytes([*low, *high]));
    if capabilities.is_some_and(|capabilities| capabilities & CLIENT_PROTOCOL_41 == 0) {
        return ProbeAnswer::NotMine;
    }
    if bytes.len() >= LOGIN { ProbeAnswer::Certain(app::MYSQL) } else { ProbeAnswer::Unsure }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::apps::testing::{ask_tcp, ask_tcp_port, assert_never_certain, assert_recognised};

    fn greeting_of(version: &[u8]) -> Vec<u8> {
        let mut payload = vec![10];
        payload.extend(version);
        payload.extend([0, 9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0xff, 0xf7, 8, 2, 0, 0xff, 0x81, 21]);
        payload.extend([0; 10]);
        [&[payload.len() as u8, 0, 0, 0], &payload[..]].concat()
    }

    #[test]
    fn greetings() {
        assert_recognised(PROBE, app::MYSQL, b"", &greeting_of(b"8.0.36"));
        assert_recognised(
            PROBE,
            app::MYSQL,
            b"",
            &greeting_of(b"5.5.5-10.11.6-MariaDB-1:10.11.6+maria~deb12"),
        );
    }

    #[test]
    fn errors_and_logins_need_the_port() {
        let error = [&[10, 0, 0, 0, 0xff, 0x6a, 4][..], b"Host 'a"].concat();
        assert_eq!(ask_tcp_port(PROBE, PORT, b"", &error), ProbeAnswer::Certain(app::MYSQL));
        assert_eq!(ask_tcp(PROBE, b"", &error), ProbeAnswer::NotMine);
        let named = [&[35, 0, 0, 0, 0xff, 0x6a, 4][..], b"Host is not let in by this MySQL"].concat();
        assert_eq!(ask_tcp(PROBE, b"", &named), ProbeAnswer::Certain(app::MYSQL));
        let mut login = vec![60, 0, 0, 1, 0x85, 0xa6, 0xff, 1, 0, 0, 0, 1, 33];
        login.resize(36, 0);
        login.extend(b"root\0");
        assert_eq!(ask_tcp_port(PROBE, PORT, &login, b""), ProbeAnswer::Certain(app::MYSQL));
        assert_eq!(ask_tcp_port(PROBE, PORT, &login[..20], b""), ProbeAnswer::Unsure);
        assert_eq!(ask_tcp(PROBE, &login, b""), ProbeAnswer::NotMine);
        login[20] = 1;
        assert_eq!(ask_tcp_port(PROBE, PORT, &login, b""), ProbeAnswer::NotMine);
    }

    #[test]
    fn look_alikes_are_not() {
        assert_never_certain(PROBE, b"", &greeting_of(b"eight"));
        assert_never_certain(PROBE, b"", &greeting_of(b"8"));
        assert_never_certain(PROBE, b"GET / HTTP/1.0\r\n\r\n", &greeting_of(b"8.0.36"));
        assert_never_certain(PROBE, b"", &[10, 0, 0, 0, 10, b'8', b'.', b'0', 0, 0, 0, 0, 0, 0]);
    }
}
