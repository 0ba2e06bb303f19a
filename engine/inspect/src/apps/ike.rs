//! IKE versions 1 (RFC 2408) and 2 (RFC 7296), and ESP inside UDP (RFC 3948).

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "ike", tcp: false, udp: true, probe, decoder: None };

const PORT: u16 = 500;
/// IKE behind address translation, and ESP.
const PORT_TRANSLATED: u16 = 4500;
const HEADER_LENGTH: usize = 28;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.uses_port(PORT) || evidence.uses_port(PORT_TRANSLATED);
    let mut latest = [None, None];
    for (direction, datagram) in evidence.each_datagram() {
        if is_message(datagram, at_home) {
            return ProbeAnswer::Certain(app::IKE);
        }
        match datagram {
            [0, 0, 0, 0, message @ ..] if is_message(message, at_home) => {
                return ProbeAnswer::Certain(app::IKE);
            }
            _ => {}
        }
        let Some(packet) = SecurityPayload::read(datagram).filter(|_| evidence.uses_port(PORT_TRANSLATED))
        else {
            continue;
        };
        let [sent, received] = &mut latest;
        let latest = match direction {
            Direction::ClientToServer => sent,
            Direction::ServerToClient => received,
        };
        if latest.is_some_and(|latest| packet.follows(latest)) {
            return ProbeAnswer::Certain(app::IPSEC_ESP_UDP);
        }
        *latest = Some(packet);
    }
    if at_home || evidence.datagrams.is_empty() { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
}

/// A header of one of the versions with an exchange that it has, of the datagram's length. At home the
/// capture may have cut the datagram.
fn is_message(bytes: &[u8], at_home: bool) -> bool {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER_LENGTH>() else {
        return false;
    };
    let [initiator @ .., _, _, _, _, _, _, _, _, next, version, exchange, flags, _, _, _, _, a, b, c, d] =
        header;
    let length = u32::from_be_bytes([*a, *b, *c, *d]);
    let fits = match usize::try_from(length) {
        Ok(length) => length == bytes.len() || (at_home && length > bytes.len() && length < 0x1_0000),
        Err(_) => false,
    };
    let has_initiator = initiator.iter().any(|byte: &u8| *byte != 0);
    let is_version_1 =
        *version == 0x10 && matches!(exchange, 0..=6 | 32 | 33) && flags & 0xf8 == 0 && *next <= 23;
    let is_version_2 = version & 0xf0 == 0x20
        && matches!(exchange, 34..=44)
        && flags & 0xc7 == 0
        && matches!(next, 0 | 33..=54);
    fits && has_initiator && (is_version_1 || is_version_2)
}

/// The two fields of ESP that are not encrypted.
#[derive(Clone, Copy)]
struct SecurityPayload {
    parameters_index: u32,
    sequence: u32,
}

impl SecurityPayload {
    /// Indices below 256 are reserved (RFC 4303 section 2.1).
    fn read(datagram: &[u8]) -> Option<Self> {
        const SHORTEST: usize = 24;
        let (index, rest) = datagram.split_first_chunk()?;
        let (sequence, _) = rest.split_first_chunk()?;
        let parameters_index = u32::from_be_bytes(*index);
        let packet = Self { parameters_index, sequence: u32::from_be_bytes(*sequence) };
        (parameters_index >= 256 && datagram.len() >= SHORTEST).then_some(packet)
    }

    fn follows(self, earlier: Self) -> bool {
        let step = self.sequence.wrapping_sub(earlier.sequence);
        self.parameters_index == earlier.parameters_index && (1..=64).contains(&step)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::Transport;

    fn message(version: u8, exchange: u8, next: u8, flags: u8) -> Vec<u8> {
        let mut message = vec![7; 8];
        message.extend([0; 8]);
        message.extend([next, version, exchange, flags, 0, 0, 0, 0, 0, 0, 0, 36]);
        message.extend([0, 0, 0, 8, 1, 2, 3, 4]);
        message
    }

    fn answer(port: u16, direction: Direction, datagrams: &[&[u8]]) -> ProbeAnswer {
        let bytes = datagrams.concat();
        let (sent, received) = match direction {
            Direction::ClientToServer => (&bytes[..], &[][..]),
            Direction::ServerToClient => (&[][..], &bytes[..]),
        };
        let lengths: Vec<_> = datagrams.iter().map(|datagram| (direction, datagram.len())).collect();
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: port,
            server_port: port,
            sent,
            received,
            datagrams: &lengths,
        })
    }

    #[test]
    fn both_versions_are_known_either_way_with_and_without_marker() {
        for message in [message(0x10, 2, 1, 0), message(0x20, 34, 33, 8), message(0x20, 37, 46, 0x20)] {
            let marked = [&[0; 4][..], &message].concat();
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                for port in [500, 4500, 5000] {
                    assert_eq!(answer(port, direction, &[&message]), ProbeAnswer::Certain(app::IKE));
                    assert_eq!(answer(port, direction, &[&marked]), ProbeAnswer::Certain(app::IKE));
                }
            }
        }
    }

    #[test]
    fn two_packets_of_one_index_are_security_payload() {
        let packet = |sequence: u8| [&[0xc1, 2, 3, 4, 0, 0, 0, sequence][..], &[9; 40]].concat();
        let way = Direction::ServerToClient;
        assert_eq!(answer(4500, way, &[&packet(1)]), ProbeAnswer::Unsure);
        assert_eq!(
            answer(4500, way, &[&[0xff], &packet(1), &packet(2)]),
            ProbeAnswer::Certain(app::IPSEC_ESP_UDP)
        );
        assert_eq!(answer(4500, way, &[&packet(2), &packet(1)]), ProbeAnswer::Unsure);
        assert_eq!(answer(5000, way, &[&packet(1), &packet(2)]), ProbeAnswer::NotMine);
    }

    #[test]
    fn truncations_count_at_home_from_the_whole_header_on() {
        let message = message(0x20, 34, 33, 8);
        for length in 0..message.len() {
            let cut = &message[..length];
            let expected =
                if length < HEADER_LENGTH { ProbeAnswer::Unsure } else { ProbeAnswer::Certain(app::IKE) };
            assert_eq!(answer(500, Direction::ClientToServer, &[cut]), expected, "{length} bytes");
            assert_eq!(
                answer(5000, Direction::ClientToServer, &[cut]),
                ProbeAnswer::NotMine,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn look_alikes_are_left_alone() {
        for message in [message(0x30, 34, 33, 8), message(0x10, 34, 1, 0), vec![0xff; 60], vec![0; 60]] {
            assert_eq!(answer(500, Direction::ClientToServer, &[&message]), ProbeAnswer::Unsure);
        }
    }
}
