//! SNMP versions 1 (RFC 1157), 2c (RFC 1901) and 3 (RFC 3412), traps included.

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Evidence, Probe, ProbeAnswer, Transport,
    ber::{OCTET_STRING, SEQUENCE, Values},
};

pub(super) const PROBE: Probe = Probe { name: "snmp", tcp: true, udp: true, probe, decoder: None };

const PORTS: [u16; 2] = [161, 162];

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = PORTS.iter().any(|port| evidence.uses_port(*port));
    let found = match evidence.transport {
        Transport::Udp => evidence.each_datagram().any(|(_, datagram)| is_message(datagram, at_home)),
        Transport::Tcp => [Direction::ClientToServer, Direction::ServerToClient]
            .iter()
            .any(|direction| is_message(evidence.bytes(*direction), at_home)),
    };
    let bytes = evidence.sent.len() + evidence.received.len();
    if found {
        ProbeAnswer::Certain(app::SNMP_BASE)
    } else if at_home || (bytes < 16 && evidence.transport == Transport::Tcp) || bytes == 0 {
        ProbeAnswer::Unsure
    } else {
        ProbeAnswer::NotMine
    }
}

/// A sequence of version, community and PDU; or, in version 3, of version, header, security parameters and
/// data. Off its ports the outer length must be that of the datagram or more (a capture cut short, a stream
/// still coming).
fn is_message(bytes: &[u8], at_home: bool) -> bool {
    let mut outer = Values::new(bytes);
    let Some(message) = outer.expect(SEQUENCE) else {
        return false;
    };
    if !at_home && outer.next().is_some() {
        return false;
    }
    let mut fields = Values::new(message.content);
    match fields.integer() {
        Some(0 | 1) => {
            let community = fields.expect(OCTET_STRING);
            let is_pdu = fields.next().is_some_and(|pdu| matches!(pdu.tag, 0xa0..=0xa8));
            community.is_some_and(|community| at_home || community.length <= 255) && is_pdu
        }
        Some(3) => {
            let Some(header) = fields.expect(SEQUENCE) else {
                return false;
            };
            let mut header = Values::new(header.content);
            let has_sizes = header.integer().is_some() && header.integer().is_some();
            has_sizes && header.expect(OCTET_STRING).is_some_and(|flags| flags.length == 1)
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &[u8] = &[
        0x30, 0x26, 2, 1, 1, 4, 6, b'p', b'u', b'b', b'l', b'i', b'c', 0xa0, 0x19, 2, 1, 1, 2, 1, 0, 2, 1, 0,
        0x30, 0x0e, 0x30, 0x0c, 6, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0, 5, 0,
    ];
    const DISCOVERY: &[u8] = &[
        0x30, 0x20, 2, 1, 3, 0x30, 0x0e, 2, 2, 0x12, 0x34, 2, 3, 0, 0xff, 0xe3, 4, 1, 4, 2, 1, 3, 4, 2, 0x30,
        0, 0x30, 7, 4, 0, 4, 0, 0xa0, 1, 0,
    ];

    fn answer(transport: Transport, port: u16, direction: Direction, bytes: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (bytes, &[][..]),
            Direction::ServerToClient => (&[][..], bytes),
        };
        let datagrams = [(direction, bytes.len())];
        let datagrams = if transport == Transport::Udp { &datagrams[..] } else { &[] };
        probe(&Evidence { transport, client_port: 40000, server_port: port, sent, received, datagrams })
    }

    #[test]
    fn each_version_is_known_either_way() {
        let mut trap = GET.to_vec();
        trap[4] = 0;
        trap[13] = 0xa4;
        for message in [GET, &trap, &DISCOVERY[..34]] {
            for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                for transport in [Transport::Udp, Transport::Tcp] {
                    for port in [161, 5000] {
                        assert_eq!(
                            answer(transport, port, direction, message),
                            ProbeAnswer::Certain(app::SNMP_BASE)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn truncations_before_the_pdu_are_not_certain() {
        for length in 0..15 {
            let cut = &GET[..length];
            assert_eq!(answer(Transport::Udp, 161, Direction::ClientToServer, cut), ProbeAnswer::Unsure);
            assert_eq!(answer(Transport::Tcp, 5000, Direction::ClientToServer, cut), ProbeAnswer::Unsure);
        }
    }

    #[test]
    fn other_users_of_the_encoding_are_left_alone() {
        let ldap_bind = [0x30, 0x0c, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0, 0, 0, 0];
        assert_eq!(answer(Transport::Tcp, 389, Direction::ClientToServer, &ldap_bind), ProbeAnswer::NotMine);
        assert_eq!(answer(Transport::Udp, 389, Direction::ClientToServer, &ldap_bind), ProbeAnswer::NotMine);
        assert_eq!(answer(Transport::Udp, 161, Direction::ClientToServer, &[0xff; 40]), ProbeAnswer::Unsure);
    }
}
