//! BitTorrent: the peers' handshake (BEP 3), the distributed hash table (BEP 5), UDP trackers (BEP 15),
//! local discovery (BEP 14) and uTP (BEP 29). The header of uTP says too little alone: both ends must fit
//! each other.

use bifrons_catalog::app;

use super::text::{Fit, starts_with};
use crate::{Evidence, Probe, ProbeAnswer, Transport};

pub(super) const PROBE: Probe = Probe { name: "bittorrent", tcp: true, udp: true, probe, decoder: None };

const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
/// BEP 15: what a client says before the tracker has given it a connection number.
const TRACKER: [u8; 12] = [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0];
const UTP_HEADER: usize = 20;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Tcp => evidence.judge(|side| match starts_with_exactly(side, HANDSHAKE) {
            Fit::Yes => ProbeAnswer::Certain(app::BITTORRENT),
            Fit::Open => ProbeAnswer::Unsure,
            Fit::No => ProbeAnswer::NotMine,
        }),
        Transport::Udp => datagrams(evidence),
    }
}

fn datagrams(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut all = evidence.each_datagram();
    let Some((opener, first)) = all.next() else {
        return ProbeAnswer::Unsure;
    };
    if is_hash_table_message(first)
        || (first.len() == 16 && first.starts_with(&TRACKER))
        || starts_with(first, b"BT-SEARCH * HTTP/1.1\r\n") == Fit::Yes
    {
        return ProbeAnswer::Certain(app::BITTORRENT);
    }
    let Some(opening) = utp_opening(first) else {
        return ProbeAnswer::NotMine;
    };
    for (direction, datagram) in all {
        match datagram.get(UTP_HEADER..) {
            Some(payload) if payload.starts_with(HANDSHAKE) => return ProbeAnswer::Certain(app::BITTORRENT),
            Some([]) if direction != opener => {
                return if answers(datagram, opening) {
                    ProbeAnswer::Certain(app::BITTORRENT)
                } else {
                    ProbeAnswer::NotMine
                };
            }
            Some(_) | None => (),
        }
    }
    ProbeAnswer::Unsure
}

/// A dictionary of the kinds query, response or error. Keys should be sorted, so that `a`, `e`, `ip` or `r`
/// comes first; what counts where they are not is the node's number near the beginning.
fn is_hash_table_message(datagram: &[u8]) -> bool {
    const NODE: &[u8] = b"2:id20:";
    let beginning = datagram.get(..48).unwrap_or(datagram);
    if beginning.starts_with(b"d1:") && beginning.windows(NODE.len()).any(|window| window == NODE) {
        return true;
    }
    let kind = datagram
        .windows(6)
        .any(|window| matches!(window, [b'1', b':', b'y', b'1', b':', b'q' | b'r' | b'e']));
    kind && [&b"d1:eli2"[..], b"d2:ip6:", b"d2:ip18:"].iter().any(|beginning| datagram.starts_with(beginning))
}

/// ST_SYN of version 1: the connection number, if the header is as a first packet's is.
fn utp_opening(datagram: &[u8]) -> Option<[u8; 2]> {
    match datagram {
        // Type and version, extension, connection; then time, difference 0, window; sequence 1,
        // acknowledgement 0.
        [0x41, 0..=2, high, low, _, _, _, _, 0, 0, 0, 0, _, _, _, _, 0, 1, 0, 0, ..]
            if datagram.len() <= 40 =>
        {
            Some([*high, *low])
        }
        _ => None,
    }
}

/// ST_STATE of the same connection that acknowledges the first packet.
fn answers(datagram: &[u8], connection: [u8; 2]) -> bool {
    matches!(datagram, [0x21, 0..=2, high, low, ..] if [*high, *low] == connection)
        && datagram.get(18..20) == Some(&[0, 1])
}

fn starts_with_exactly(bytes: &[u8], text: &[u8]) -> Fit {
    if !bytes.iter().zip(text).all(|(byte, expected)| byte == expected) {
        Fit::No
    } else if bytes.len() < text.len() {
        Fit::Open
    } else {
        Fit::Yes
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use bifrons_model::Direction;

    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised};

    fn ask_udp(datagrams: &[(Direction, &[u8])]) -> ProbeAnswer {
        let side = |side: Direction| -> Vec<u8> {
            datagrams
                .iter()
                .filter(|(way, _)| *way == side)
                .flat_map(|(_, bytes)| bytes.iter().copied())
                .collect()
        };
        let lengths: Vec<_> = datagrams.iter().map(|(way, bytes)| (*way, bytes.len())).collect();
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: 40_000,
            server_port: 40_001,
            sent: &side(Direction::ClientToServer),
            received: &side(Direction::ServerToClient),
            datagrams: &lengths,
        })
    }

    #[test]
    fn the_handshake_of_either_peer() {
        let handshake = [HANDSHAKE, &[0; 48]].concat();
        assert_recognised(PROBE, app::BITTORRENT, &handshake, b"");
        assert_recognised(PROBE, app::BITTORRENT, b"", &handshake);
        assert_never_certain(PROBE, b"\x13BitTorrent Protocol", b"");
        assert_never_certain(PROBE, b"BitTorrent protocol", b"");
    }

    #[test]
    fn hash_table_tracker_and_discovery() {
        let c = Direction::ClientToServer;
        for datagram in [
            &b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"[..],
            b"d1:rd2:id20:0123456789abcdefghije1:t2:aa1:y1:re",
            b"d1:eli201e5:errore1:t2:aa1:y1:ee",
            b"d1:q9:find_node1:rd2:id20:0123456789abcdefghije1:t2:aa1:y1:re",
            b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd",
            b"BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\n",
        ] {
            assert_eq!(ask_udp(&[(c, datagram)]), ProbeAnswer::Certain(app::BITTORRENT));
        }
        for datagram in
            [&b"d1:eli201e5:errore1:t2:aae"[..], b"d2:ip3:abce", b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0"]
        {
            assert_eq!(ask_udp(&[(c, datagram)]), ProbeAnswer::NotMine);
        }
    }

    #[test]
    fn utp_needs_both_ends() {
        let (c, s) = (Direction::ClientToServer, Direction::ServerToClient);
        let syn = [0x41, 0, 7, 8, 1, 2, 3, 4, 0, 0, 0, 0, 0, 15, 0, 0, 0, 1, 0, 0];
        let state = [0x21, 0, 7, 8, 1, 2, 3, 4, 9, 9, 9, 9, 0, 15, 0, 0, 0x33, 0x44, 0, 1];
        assert_eq!(ask_udp(&[(c, &syn)]), ProbeAnswer::Unsure);
        assert_eq!(ask_udp(&[(c, &syn), (s, &state)]), ProbeAnswer::Certain(app::BITTORRENT));
        let mut other = state;
        other[3] = 9;
        assert_eq!(ask_udp(&[(c, &syn), (s, &other)]), ProbeAnswer::NotMine);
        let data = [&syn[..], HANDSHAKE].concat();
        assert_eq!(ask_udp(&[(c, &syn), (c, &data)]), ProbeAnswer::Certain(app::BITTORRENT));
    }
}
