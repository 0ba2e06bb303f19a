//! TFTP (RFC 1350) with options (RFC 2347).
//!
//! Only the request goes to the known port. The transfer runs between two other ports and is known by
//! blocks that are acknowledged by their number.

use alloc::boxed::Box;

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Decoder, Evidence, Findings, Keep, Probe, ProbeAnswer,
    alg::{Announced, tftp},
};

pub(super) const PROBE: Probe = Probe { name: "tftp", tcp: false, udp: true, probe, decoder: Some(decoder) };

const PORT: u16 = 69;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.uses_port(PORT);
    let mut latest_block = None;
    let mut exchanges = 0;
    for (direction, datagram) in evidence.each_datagram() {
        match Packet::read(datagram) {
            Some(Packet::Request | Packet::Options) => return ProbeAnswer::Certain(app::TFTP),
            Some(Packet::Error) if at_home => return ProbeAnswer::Certain(app::TFTP),
            Some(Packet::Data(block)) => latest_block = Some((direction.reverse(), block)),
            Some(Packet::Acknowledgment(block)) => {
                if latest_block == Some((direction, block)) {
                    exchanges += 1;
                }
            }
            Some(Packet::Error) | None => {
                return if at_home { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine };
            }
        }
    }
    let begins_here = evidence.each_datagram().next().and_then(|(_, datagram)| Packet::read(datagram));
    let at_start = matches!(begins_here, Some(Packet::Data(0 | 1) | Packet::Acknowledgment(0 | 1)));
    let transfers = exchanges >= 2 || (exchanges == 1 && at_start) || (exchanges == 1 && at_home);
    if transfers { ProbeAnswer::Certain(app::TFTP) } else { ProbeAnswer::Unsure }
}

enum Packet {
    Request,
    Data(u16),
    Acknowledgment(u16),
    Error,
    Options,
}

impl Packet {
    fn read(datagram: &[u8]) -> Option<Self> {
        let ([0, operation], rest) = datagram.split_first_chunk::<2>()? else {
            return None;
        };
        match (operation, rest) {
            (1 | 2, _) => is_request(rest).then_some(Self::Request),
            (3, [high, low, ..]) => Some(Self::Data(u16::from_be_bytes([*high, *low]))),
            (4, [high, low]) => Some(Self::Acknowledgment(u16::from_be_bytes([*high, *low]))),
            (5, [0, 0..=8, text @ .., 0]) if text.is_ascii() => Some(Self::Error),
            (6, _) => is_options(rest).then_some(Self::Options),
            _ => None,
        }
    }
}

/// A file name and one of the modes, each ended by a zero byte.
fn is_request(bytes: &[u8]) -> bool {
    let mut texts = bytes.split(|byte| *byte == 0);
    let has_name =
        texts.next().is_some_and(|name| !name.is_empty() && !name.iter().any(u8::is_ascii_control));
    let has_mode = texts.next().is_some_and(|mode| {
        [&b"octet"[..], b"netascii", b"mail"].iter().any(|known| mode.eq_ignore_ascii_case(known))
    });
    // What follows the last zero byte is one more, empty, text.
    has_name && has_mode && texts.next().is_some()
}

/// The names of RFC 2348, RFC 2349 and RFC 7440, first among what the server accepts.
fn is_options(bytes: &[u8]) -> bool {
    let known = [&b"blksize"[..], b"tsize", b"timeout", b"windowsize", b"multicast"];
    let first = bytes.split(|byte| *byte == 0).next();
    bytes.last() == Some(&0)
        && first.is_some_and(|name| known.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

fn decoder() -> Box<dyn Decoder> {
    Box::new(Reader)
}

/// Looks for requests, which are answered from another port.
struct Reader;

impl Decoder for Reader {
    fn data(&mut self, direction: Direction, bytes: &[u8], findings: &mut Findings) -> Keep {
        let mut announced = Announced::default();
        tftp::datagram(direction, bytes, &mut announced);
        findings.announce(announced);
        Keep::Following
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use bifrons_model::Direction::{ClientToServer, ServerToClient};

    use super::*;
    use crate::Transport;

    fn answer(port: u16, datagrams: &[(Direction, &[u8])]) -> ProbeAnswer {
        let side = |wanted: Direction| -> Vec<u8> {
            datagrams.iter().filter(|(way, _)| *way == wanted).flat_map(|(_, bytes)| bytes.to_vec()).collect()
        };
        let lengths: Vec<_> = datagrams.iter().map(|(way, bytes)| (*way, bytes.len())).collect();
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: 40000,
            server_port: port,
            sent: &side(ClientToServer),
            received: &side(ServerToClient),
            datagrams: &lengths,
        })
    }

    const REQUEST: &[u8] = b"\0\x01startup.cfg\0octet\0";

    #[test]
    fn requests_and_options_are_known_either_way() {
        for datagram in [REQUEST, b"\0\x02a\0NetASCII\0blksize\x001024\0", b"\0\x06blksize\x001024\0"] {
            for way in [ClientToServer, ServerToClient] {
                for port in [69, 5000] {
                    assert_eq!(answer(port, &[(way, datagram)]), ProbeAnswer::Certain(app::TFTP));
                }
            }
        }
        assert_eq!(
            answer(69, &[(ServerToClient, b"\0\x05\0\x01File not found\0")]),
            ProbeAnswer::Certain(app::TFTP)
        );
    }

    #[test]
    fn a_transfer_is_known_by_its_acknowledgments() {
        let block = |number: u8| [&[0, 3, 0, number][..], &[b'x'; 512]].concat();
        let acknowledgment = |number: u8| [0, 4, 0, number];
        assert_eq!(
            answer(5000, &[(ServerToClient, &block(1)), (ClientToServer, &acknowledgment(1))]),
            ProbeAnswer::Certain(app::TFTP)
        );
        assert_eq!(
            answer(5000, &[(ServerToClient, &block(1)), (ClientToServer, &acknowledgment(2))]),
            ProbeAnswer::Unsure
        );
        let later = [
            (ServerToClient, &block(7)[..]),
            (ClientToServer, &acknowledgment(7)[..]),
            (ServerToClient, &block(8)[..]),
            (ClientToServer, &acknowledgment(8)[..]),
        ];
        assert_eq!(answer(5000, &later[..2]), ProbeAnswer::Unsure);
        assert_eq!(answer(5000, &later), ProbeAnswer::Certain(app::TFTP));
    }

    #[test]
    fn truncations_are_not_certain() {
        for length in 0..REQUEST.len() {
            let cut = &REQUEST[..length];
            assert_eq!(answer(69, &[(ClientToServer, cut)]), ProbeAnswer::Unsure, "{length} bytes");
            assert_eq!(answer(5000, &[(ClientToServer, cut)]), ProbeAnswer::NotMine, "{length} bytes");
        }
    }

    #[test]
    fn look_alikes_are_left_alone() {
        assert_eq!(answer(5000, &[(ClientToServer, b"\0\x01\0\x08ABCDEFGHIJKLMNOP")]), ProbeAnswer::NotMine);
        assert_eq!(answer(5000, &[(ClientToServer, b"\0\x01name\0mode\0")]), ProbeAnswer::NotMine);
        assert_eq!(answer(5000, &[(ClientToServer, &[0xff; 40])]), ProbeAnswer::NotMine);
        assert_eq!(answer(5000, &[(ClientToServer, &[0; 40])]), ProbeAnswer::NotMine);
    }
}
