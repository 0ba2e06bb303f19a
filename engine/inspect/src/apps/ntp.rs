//! NTP (RFC 5905), its control messages (RFC 9327) and the older private ones.
//!
//! The 48 bytes have no mark of their own. On the port of NTP plausible fields are enough; elsewhere a
//! server's answer must repeat the time that the client put into its question.

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "ntp", tcp: false, udp: true, probe, decoder: None };

const PORT: u16 = 123;
const PACKET_LENGTH: usize = 48;
const MODE_CLIENT: u8 = 3;
const MODE_SERVER: u8 = 4;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    if evidence.uses_port(PORT) {
        let found = evidence.each_datagram().any(|(_, datagram)| is_time(datagram) || is_control(datagram));
        return if found { ProbeAnswer::Certain(app::NTP_BASE) } else { ProbeAnswer::Unsure };
    }
    let mut asked = None;
    for (direction, datagram) in evidence.each_datagram() {
        if !is_time(datagram) {
            return ProbeAnswer::NotMine;
        }
        match (direction, mode(datagram)) {
            (Direction::ClientToServer, Some(MODE_CLIENT)) => asked = datagram.get(40..48),
            (Direction::ServerToClient, Some(MODE_SERVER)) => {
                let echoed = datagram.get(24..32);
                if asked.is_some() && asked == echoed && asked != Some(&[0; 8]) {
                    return ProbeAnswer::Certain(app::NTP_BASE);
                }
            }
            _ => return ProbeAnswer::NotMine,
        }
    }
    ProbeAnswer::Unsure
}

fn mode(datagram: &[u8]) -> Option<u8> {
    datagram.first().map(|byte| byte & 7)
}

fn version(first: u8) -> u8 {
    first >> 3 & 7
}

/// A packet that tells or asks the time: known version and mode, a stratum that exists, poll and precision
/// as exponents of seconds within what the protocol can mean, extensions and authentication in whole words.
fn is_time(datagram: &[u8]) -> bool {
    let Some(([first, stratum, poll, precision, ..], rest)) = datagram.split_first_chunk::<PACKET_LENGTH>()
    else {
        return false;
    };
    matches!(version(*first), 1..=4)
        && matches!(first & 7, 1..=5)
        && *stratum <= 16
        && (-17..=24).contains(&poll.cast_signed())
        && (-64..=32).contains(&precision.cast_signed())
        && rest.len() % 4 == 0
}

/// Mode 6, whose count is that of the data, and mode 7, whose data are items of equal size.
fn is_control(datagram: &[u8]) -> bool {
    match datagram {
        [first, _, _, _, _, _, _, _, _, _, count_high, count_low, data @ ..] if first & 7 == 6 => {
            let count = usize::from(u16::from_be_bytes([*count_high, *count_low]));
            first & 0xc0 == 0 && matches!(version(*first), 1..=4) && count <= data.len()
        }
        [first, _, implementation, request, _, _, _, _, ..] if first & 7 == 7 => {
            matches!(version(*first), 1..=4) && matches!(implementation, 0 | 2 | 3) && *request <= 63
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    const ASKED: [u8; 8] = [0xe5, 1, 2, 3, 4, 5, 6, 7];

    fn client() -> [u8; 48] {
        let mut packet = [0; 48];
        packet[..4].copy_from_slice(&[0x23, 0, 6, 0xec]);
        packet[40..].copy_from_slice(&ASKED);
        packet
    }

    fn server() -> [u8; 48] {
        let mut packet = [9; 48];
        packet[..4].copy_from_slice(&[0x24, 2, 6, 0xe8]);
        packet[24..32].copy_from_slice(&ASKED);
        packet
    }

    fn answer(
        server_port: u16,
        datagrams: &[(Direction, usize)],
        sent: &[u8],
        received: &[u8],
    ) -> ProbeAnswer {
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: 40000,
            server_port,
            sent,
            received,
            datagrams,
        })
    }

    #[test]
    fn at_home_one_packet_either_way_is_enough() {
        let sent = [(Direction::ClientToServer, 48)];
        let received = [(Direction::ServerToClient, 48)];
        assert_eq!(answer(123, &sent, &client(), &[]), ProbeAnswer::Certain(app::NTP_BASE));
        assert_eq!(answer(123, &received, &[], &server()), ProbeAnswer::Certain(app::NTP_BASE));
    }

    #[test]
    fn elsewhere_the_answer_must_repeat_the_question() {
        let both = [(Direction::ClientToServer, 48), (Direction::ServerToClient, 48)];
        assert_eq!(answer(5000, &both[..1], &client(), &[]), ProbeAnswer::Unsure);
        assert_eq!(answer(5000, &both, &client(), &server()), ProbeAnswer::Certain(app::NTP_BASE));
        let mut other = server();
        other[24] ^= 1;
        assert_eq!(answer(5000, &both, &client(), &other), ProbeAnswer::Unsure);
    }

    #[test]
    fn control_messages_are_known_at_home() {
        for message in
            [&b"\x16\x02\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"[..], b"\x17\x00\x03\x2a\x00\x00\x00\x00"]
        {
            let one = [(Direction::ClientToServer, message.len())];
            assert_eq!(answer(123, &one, message, &[]), ProbeAnswer::Certain(app::NTP_BASE));
            assert_eq!(answer(5000, &one, message, &[]), ProbeAnswer::NotMine);
        }
    }

    #[test]
    fn truncations_and_look_alikes_are_not_certain() {
        for length in 0..48 {
            let one = [(Direction::ClientToServer, length)];
            assert_eq!(answer(123, &one, &client()[..length], &[]), ProbeAnswer::Unsure, "{length} bytes");
        }
        let mut stratum = client();
        stratum[1] = 77;
        assert_eq!(answer(123, &[(Direction::ClientToServer, 48)], &stratum, &[]), ProbeAnswer::Unsure);
        assert_eq!(answer(123, &[(Direction::ClientToServer, 48)], &[0xff; 48], &[]), ProbeAnswer::Unsure);
    }
}
