//! Packets that come in parts, and when they are whole: only the whole has ports, is allowed or not, and
//! leaves.

use std::{collections::BTreeMap, collections::HashMap, net::IpAddr, time::Duration};

use bifrons_model::Timestamp;

use super::border::Spot;
use crate::frame::{Body, Packet, Piece};

/// How long parts wait for the others here: longer than any firewall keeps them.
const KEPT: Duration = Duration::from_secs(120);

/// The length of a UDP header.
const UDP_HEADER: usize = 8;

/// Packets that are not whole yet.
#[derive(Default)]
pub(super) struct Pieces {
    open: HashMap<Key, Open>,
}

/// What the parts of one packet share, and where they are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Spot,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u16,
}

struct Open {
    since: Timestamp,
    /// Lengths by where they begin.
    parts: BTreeMap<usize, usize>,
    total: Option<usize>,
    whole: Whole,
}

/// A packet whose parts are all there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// The packet, with the ports of its first part.
    pub packet: Packet,
    /// The frames that it came in, repeated ones among them.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Pieces {
    /// Takes a part; the whole packet where it was the last one missing.
    pub fn add(
        &mut self,
        now: Timestamp,
        place: Spot,
        packet: &Packet,
        piece: Piece,
        length: usize,
    ) -> Option<Whole> {
        self.open.retain(|_, open| now.since(open.since) < KEPT);
        let key = Key {
            place,
            source: packet.source,
            destination: packet.destination,
            protocol: packet.protocol,
            identification: piece.identification,
        };
        let open = self.open.entry(key).or_insert_with(|| Open {
            since: now,
            parts: BTreeMap::new(),
            total: None,
            whole: Whole {
                packet: Packet { piece: None, payload: 0, body: Body::Other, ..*packet },
                frames: 0,
                bytes: 0,
            },
        });
        open.take(packet, piece, length);
        if !open.is_whole() {
            return None;
        }
        self.open.remove(&key).map(|open| open.whole)
    }

    /// Whether parts of any packet wait for others.
    pub fn are_open(&self) -> bool {
        !self.open.is_empty()
    }
}

impl Open {
    fn take(&mut self, packet: &Packet, piece: Piece, length: usize) {
        self.whole.frames += 1;
        self.whole.bytes += length as u64;
        if self.parts.insert(piece.offset, piece.length).is_some() {
            return;
        }
        let whole = &mut self.whole.packet;
        whole.payload = whole.payload.wrapping_add(packet.payload);
        whole.is_sound &= packet.is_sound;
        // Parts that took different ways would show as a wrong number of hops.
        whole.hop_limit = whole.hop_limit.min(packet.hop_limit);
        if piece.offset == 0 {
            whole.body = packet.body;
        }
        if !piece.has_more {
            self.total = Some(piece.offset + piece.length);
            whole.payload_length = (piece.offset + piece.length).saturating_sub(UDP_HEADER);
        }
    }

    fn is_whole(&self) -> bool {
        let end = self.parts.iter().try_fold(
            0,
            |end, (offset, length)| {
                if *offset == end { Some(end + length) } else { None }
            },
        );
        self.total.is_some() && end == self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(100);

    fn part(offset: usize, length: usize, has_more: bool) -> (Packet, Piece) {
        let body = if offset == 0 { Body::Udp(7, 9) } else { Body::Other };
        let piece = Piece { identification: 5, offset, length, has_more };
        let packet = Packet {
            source: IpAddr::from([10, 0, 0, 1]),
            destination: IpAddr::from([10, 0, 0, 2]),
            protocol: 17,
            hop_limit: 64,
            is_sound: true,
            piece: Some(piece),
            body,
            payload_length: length,
            payload: offset as u64 + 1,
        };
        (packet, piece)
    }

    fn add(pieces: &mut Pieces, (packet, piece): (Packet, Piece)) -> Option<Whole> {
        pieces.add(NOW, Spot { device: 0, zone: 0 }, &packet, piece, piece.length + 34)
    }

    #[test]
    fn parts_in_any_order_become_one_packet() {
        let mut pieces = Pieces::default();
        assert_eq!(add(&mut pieces, part(16, 8, true)), None);
        assert_eq!(add(&mut pieces, part(24, 4, false)), None);
        assert_eq!(add(&mut pieces, part(24, 4, false)), None);
        assert!(pieces.are_open());
        let whole = add(&mut pieces, part(0, 16, true)).expect("all parts are there");
        assert_eq!((whole.frames, whole.packet.payload_length), (4, 20));
        assert_eq!((whole.packet.ports(), whole.packet.payload), ((7, 9), 1 + 17 + 25));
        assert!(!pieces.are_open() && whole.packet.piece.is_none());
    }

    #[test]
    fn other_packets_have_parts_of_their_own() {
        let mut pieces = Pieces::default();
        assert_eq!(add(&mut pieces, part(0, 16, true)), None);
        let (mut packet, piece) = part(16, 8, false);
        packet.source = IpAddr::from([10, 0, 0, 3]);
        assert_eq!(add(&mut pieces, (packet, piece)), None);
        assert!(add(&mut pieces, part(16, 8, false)).is_some());
    }
}
