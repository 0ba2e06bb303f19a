//! BOOTP and DHCP (RFC 951, RFC 2131), and DHCP for IPv6 (RFC 8415).

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "dhcp", tcp: false, udp: true, probe, decoder: None };

const PORT_SERVER: u16 = 67;
const PORT_CLIENT: u16 = 68;
const PORT_CLIENT_V6: u16 = 546;
const PORT_SERVER_V6: u16 = 547;

/// Where the options begin, with the cookie.
const COOKIE_AT: usize = 236;
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let home = evidence.uses_port(PORT_SERVER) || evidence.uses_port(PORT_CLIENT);
    let home_v6 = evidence.uses_port(PORT_CLIENT_V6) || evidence.uses_port(PORT_SERVER_V6);
    for (_, datagram) in evidence.each_datagram() {
        if is_bootp(datagram, home) {
            return ProbeAnswer::Certain(app::DHCP);
        }
        if home_v6 && is_version_6(datagram) {
            return ProbeAnswer::Certain(app::DHCPV6);
        }
    }
    if home || home_v6 || evidence.datagrams.is_empty() { ProbeAnswer::Unsure } else { ProbeAnswer::NotMine }
}

/// Request or reply with a hardware address that fits its field, then the cookie; at home BOOTP may come
/// without it, and the capture may end before it.
fn is_bootp(datagram: &[u8], home: bool) -> bool {
    let [1 | 2, hardware, address_length @ 0..=16, 0..=16, rest @ ..] = datagram else {
        return false;
    };
    match datagram.get(COOKIE_AT..COOKIE_AT + COOKIE.len()) {
        Some(cookie) if cookie == COOKIE => true,
        _ => home && rest.len() >= 24 && *hardware == 1 && *address_length == 6,
    }
}

/// A message's type, its transaction or its relay addresses, then options that follow one another to the
/// end.
fn is_version_6(datagram: &[u8]) -> bool {
    const HIGHEST_OPTION: u16 = 200;
    let header = match datagram.first() {
        Some(1..=11 | 14..=36) => 4,
        Some(12 | 13) => 34,
        _ => return false,
    };
    let Some(mut options) = datagram.get(header..) else {
        return false;
    };
    let mut seen = 0;
    while let [code_high, code_low, length_high, length_low, rest @ ..] = options {
        let code = u16::from_be_bytes([*code_high, *code_low]);
        let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
        if code == 0 || code > HIGHEST_OPTION {
            return false;
        }
        seen += 1;
        match rest.get(length..) {
            Some(after) => options = after,
            None => return seen > 1,
        }
    }
    seen > 0 && options.is_empty()
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use bifrons_model::Direction;

    use super::*;
    use crate::Transport;

    fn answer(ports: (u16, u16), direction: Direction, datagram: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (datagram, &[][..]),
            Direction::ServerToClient => (&[][..], datagram),
        };
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: ports.0,
            server_port: ports.1,
            sent,
            received,
            datagrams: &[(direction, datagram.len())],
        })
    }

    fn discover() -> Vec<u8> {
        let mut message = vec![1, 1, 6, 0];
        message.resize(COOKIE_AT, 0);
        message.extend(COOKIE);
        message.extend([53, 1, 1, 255]);
        message
    }

    const SOLICIT: [u8; 18] = [1, 0x10, 8, 0x74, 0, 1, 0, 4, 0, 3, 0, 1, 0, 8, 0, 2, 0, 0];

    #[test]
    fn the_cookie_is_known_on_any_port_and_either_way() {
        let mut offer = discover();
        offer[0] = 2;
        for ports in [(68, 67), (67, 67), (4011, 5000)] {
            assert_eq!(
                answer(ports, Direction::ClientToServer, &discover()),
                ProbeAnswer::Certain(app::DHCP)
            );
            assert_eq!(answer(ports, Direction::ServerToClient, &offer), ProbeAnswer::Certain(app::DHCP));
        }
    }

    #[test]
    fn without_the_cookie_only_at_home() {
        let mut bootp = discover();
        bootp[COOKIE_AT] = 0;
        assert_eq!(answer((68, 67), Direction::ClientToServer, &bootp), ProbeAnswer::Certain(app::DHCP));
        assert_eq!(answer((5000, 5001), Direction::ClientToServer, &bootp), ProbeAnswer::NotMine);
    }

    #[test]
    fn version_6_is_known_at_home() {
        let relayed = [&[12, 0][..], &[0; 32], &[0, 9, 0, 4, 1, 2, 3, 4]].concat();
        for message in [&SOLICIT[..], &relayed] {
            assert_eq!(
                answer((546, 547), Direction::ClientToServer, message),
                ProbeAnswer::Certain(app::DHCPV6)
            );
            assert_eq!(
                answer((546, 547), Direction::ServerToClient, message),
                ProbeAnswer::Certain(app::DHCPV6)
            );
            assert_eq!(answer((5000, 5001), Direction::ClientToServer, message), ProbeAnswer::NotMine);
        }
    }

    #[test]
    fn truncations_are_not_certain_elsewhere() {
        let message = discover();
        for length in 0..COOKIE_AT + COOKIE.len() {
            assert_eq!(
                answer((5000, 5001), Direction::ClientToServer, &message[..length]),
                ProbeAnswer::NotMine,
                "{length} bytes"
            );
        }
        for length in 0..8 {
            assert_eq!(
                answer((546, 547), Direction::ClientToServer, &SOLICIT[..length]),
                ProbeAnswer::Unsure
            );
        }
    }

    #[test]
    fn look_alikes_are_left_alone() {
        assert_eq!(answer((68, 67), Direction::ClientToServer, &[0; 300]), ProbeAnswer::Unsure);
        assert_eq!(answer((68, 67), Direction::ClientToServer, &[0xff; 300]), ProbeAnswer::Unsure);
        let options_overrun = [1, 0, 0, 1, 0, 1, 0, 200, 1];
        assert_eq!(answer((546, 547), Direction::ClientToServer, &options_overrun), ProbeAnswer::Unsure);
    }
}
