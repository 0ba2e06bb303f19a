//! NetBIOS over UDP: name service and datagram service (RFC 1002 sections 4.2 and 4.4).
//!
//! What marks both are names in first-level encoding: 32 letters from A to P, two for each byte (RFC 1001
//! section 14.1).

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "netbios", tcp: false, udp: true, probe, decoder: None };

const PORT_NAME: u16 = 137;
const PORT_DATAGRAM: u16 = 138;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    for (_, datagram) in evidence.each_datagram() {
        if is_name_service(datagram, evidence.uses_port(PORT_NAME)) {
            return ProbeAnswer::Certain(app::NETBIOS_NS);
        }
        if is_datagram_service(datagram, evidence.uses_port(PORT_DATAGRAM)) {
            return ProbeAnswer::Certain(app::NETBIOS_DG);
        }
    }
    if evidence.datagrams.is_empty() || evidence.uses_port(PORT_NAME) || evidence.uses_port(PORT_DATAGRAM) {
        ProbeAnswer::Unsure
    } else {
        ProbeAnswer::NotMine
    }
}

/// Whether `name` begins with a label in first-level encoding.
pub(super) fn is_encoded_name(name: &[u8]) -> bool {
    match name.split_first_chunk::<33>() {
        Some(([32, letters @ ..], _)) => letters.iter().all(|letter| matches!(letter, b'A'..=b'P')),
        _ => false,
    }
}

/// The header of DNS, then a question or record with an encoded name and a type of NetBIOS. On its own port
/// the name may have been cut off or be of another form.
fn is_name_service(datagram: &[u8], at_home: bool) -> bool {
    let Some((header, rest)) = datagram.split_first_chunk::<12>() else {
        return false;
    };
    let opcode = header[2] >> 3 & 0xf;
    let entries: u32 = header[4..]
        .chunks(2)
        .map(|count| count.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        .sum();
    if !matches!(opcode, 0 | 5..=9 | 15) || entries == 0 || entries > 4 {
        return false;
    }
    let kind = rest.get(33..).and_then(|after| match after {
        [0, high, low, class_high, class_low, ..] => {
            Some((u16::from_be_bytes([*high, *low]), u16::from_be_bytes([*class_high, *class_low])))
        }
        _ => None,
    });
    match kind {
        Some((0x0a | 0x20 | 0x21, 1)) => is_encoded_name(rest) || at_home,
        _ => is_encoded_name(rest) && at_home,
    }
}

/// Type, flags, identifier, source address and port; then length, offset and the source's name, or an error
/// code, or a name that is asked for.
fn is_datagram_service(datagram: &[u8], at_home: bool) -> bool {
    let Some(([kind, flags, _, _, _, _, _, _, _, _], rest)) = datagram.split_first_chunk::<10>() else {
        return false;
    };
    if flags & 0xf0 != 0 {
        return false;
    }
    match (kind, rest) {
        (0x10..=0x12, [high, low, _, _, names @ ..]) => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            is_encoded_name(names) && (at_home || length == names.len())
        }
        (0x13, [0x82..=0x84]) => at_home,
        (0x14..=0x16, name) => is_encoded_name(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use bifrons_model::Direction;

    use super::*;
    use crate::Transport;

    const NAME: &[u8] = b"\x20FDEBENFAEMEFCACACACACACACACACAAA\x00";

    fn answer(port: u16, direction: Direction, datagram: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (datagram, &[][..]),
            Direction::ServerToClient => (&[][..], datagram),
        };
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: port,
            server_port: port,
            sent,
            received,
            datagrams: &[(direction, datagram.len())],
        })
    }

    fn name_query() -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 1, 0x10, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(NAME);
        message.extend([0, 0x20, 0, 1]);
        message
    }

    fn name_response() -> Vec<u8> {
        let mut message = vec![0x12, 0x34, 0x85, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        message.extend(NAME);
        message.extend([0, 0x20, 0, 1, 0, 0, 0, 9, 0, 6, 0, 0, 192, 0, 2, 1]);
        message
    }

    fn group_datagram() -> Vec<u8> {
        let content = [NAME, NAME, b"payload"].concat();
        let mut message = vec![0x11, 0x0a, 0x12, 0x34, 192, 0, 2, 1, 0, 138];
        message.extend((content.len() as u16).to_be_bytes());
        message.extend([0, 0]);
        message.extend(content);
        message
    }

    #[test]
    fn names_and_datagrams_are_known_either_way() {
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            for port in [137, 5000] {
                assert_eq!(answer(port, direction, &name_query()), ProbeAnswer::Certain(app::NETBIOS_NS));
                assert_eq!(answer(port, direction, &name_response()), ProbeAnswer::Certain(app::NETBIOS_NS));
            }
            for port in [138, 5000] {
                assert_eq!(answer(port, direction, &group_datagram()), ProbeAnswer::Certain(app::NETBIOS_DG));
            }
        }
    }

    #[test]
    fn truncations_are_never_certain_elsewhere() {
        for message in [name_query(), group_datagram()] {
            for length in 0..message.len() {
                assert_eq!(
                    answer(5000, Direction::ClientToServer, &message[..length]),
                    ProbeAnswer::NotMine,
                    "{length} bytes"
                );
            }
        }
    }

    #[test]
    fn dns_is_left_alone() {
        let query =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";
        assert_eq!(answer(53, Direction::ClientToServer, query), ProbeAnswer::NotMine);
        assert_eq!(answer(137, Direction::ClientToServer, query), ProbeAnswer::Unsure);
    }
}
