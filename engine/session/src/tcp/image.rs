//! A connection as the other device of a pair knows it, and how its tracking goes on after a take-over.
//!
//! What the handshake has settled is told; sequence numbers and windows are not, for they change with each
//! segment. So the first segments after a take-over are taken as they come, and numbers and windows are
//! learnt from them.

use bifrons_model::Direction;
use bifrons_wire::TcpFlags;

use super::{CLIENT, Connection, HANDSHAKE_COMPLETE, MAY_REOPEN, Outcome, SERVER, Segment, Side, SideImage};
use super::{Tracking, WAS_ESTABLISHED};

/// Segments that are taken as they come after a take-over: enough for what was on its way between two hosts,
/// few enough that a stranger who guesses gains little.
const LOOSE_SEGMENTS: u8 = 128;

/// How far behind a SYN an acknowledgement may lie that a lost SYN-ACK explains: a first window.
const FIRST_WINDOW: u32 = 1 << 20;

/// What the other device of a pair is told of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// How far it is.
    pub connection: Connection,
    /// Bits: 1 it was established, 2 its handshake was seen whole, 4 a SYN waits that may reopen it.
    pub facts: u8,
    /// The client's initial sequence number, or that of the SYN that may reopen the connection.
    pub client_isn: u32,
    /// Client, server.
    pub sides: [SideImage; 2],
}

impl Connection {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Opening,
        Self::Answered,
        Self::Established,
        Self::HalfClosed,
        Self::Closed,
        Self::Reset,
        Self::ResetUnverified,
    ];
}

impl Tracking {
    /// What the other device is told of it.
    pub const fn image(&self) -> Image {
        let [client, server] = &self.sides;
        Image {
            connection: self.connection,
            facts: self.facts,
            client_isn: self.client_isn,
            sides: [client.image(), server.image()],
        }
    }

    /// The tracking of a connection that the other device has tracked so far.
    pub fn from_image(image: &Image) -> Self {
        let mut sides = [Side::from_image(&image.sides[CLIENT]), Side::from_image(&image.sides[SERVER])];
        if matches!(image.connection, Connection::Opening | Connection::Answered) {
            sides.iter_mut().for_each(Side::stand_at_syn);
        }
        Self {
            sides,
            client_isn: image.client_isn,
            connection: image.connection,
            facts: image.facts & (WAS_ESTABLISHED | HANDSHAKE_COMPLETE | MAY_REOPEN),
            loose: LOOSE_SEGMENTS,
        }
    }

    /// Windows and acknowledgement numbers, learnt from a segment.
    #[cold]
    pub(super) fn acknowledge_loosely(&mut self, segment: &Segment) -> Outcome {
        self.loose -= 1;
        let sender = segment.direction.index();
        let side = &mut self.sides[sender];
        if side.is_seen() {
            side.update(segment);
        } else {
            side.resume(segment);
        }
        let peer = &mut self.sides[sender ^ 1];
        if segment.has(TcpFlags::ACK) && peer.is_seen() {
            peer.catch_up(segment.tcp.acknowledgement);
        }
        Outcome::Pass
    }

    /// Whether a segment without SYN, that came while the SYN-ACK is missing, goes on behind one that the
    /// other device has seen and could not tell any more.
    #[cold]
    pub(super) fn goes_on_after_take_over(&mut self, segment: &Segment) -> bool {
        let is_from_client = segment.direction == Direction::ClientToServer;
        let first = self.sides[CLIENT].first_sequence();
        let answers_syn =
            first.is_some_and(|first| segment.tcp.acknowledgement.wrapping_sub(first) < FIRST_WINDOW);
        if !segment.has(TcpFlags::ACK) || !(is_from_client || answers_syn) {
            return false;
        }
        self.acknowledge_loosely(segment);
        self.complete_handshake();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    use crate::{Causes, tcp::Knobs};
    use bifrons_config::typed::{SessionSettings, TcpSettings};
    use bifrons_model::Handshake;
    use bifrons_wire::Tcp;

    const SYN: TcpFlags = TcpFlags::SYN;
    const ACK: TcpFlags = TcpFlags::ACK;
    const C: Direction = Direction::ClientToServer;
    const S: Direction = Direction::ServerToClient;

    fn segment(direction: Direction, flags: TcpFlags, numbers: (u32, u32), length: u32) -> Segment {
        let window_scale = flags.has(SYN).then_some(7);
        let tcp =
            Tcp { sequence: numbers.0, acknowledgement: numbers.1, window: 500, flags, ..Tcp::default() };
        Segment { direction, tcp, payload_length: length, window_scale }
    }

    fn conversation() -> Vec<Segment> {
        vec![
            segment(C, SYN, (999, 0), 0),
            segment(S, SYN.with(ACK), (4_999, 1_000), 0),
            segment(C, ACK, (1_000, 5_000), 0),
            segment(C, ACK, (1_000, 5_000), 300),
            segment(S, ACK, (5_000, 1_300), 1_400),
            segment(S, ACK, (6_400, 1_300), 1_400),
            segment(C, ACK, (1_300, 7_800), 0),
            segment(C, ACK.with(TcpFlags::FIN), (1_300, 7_800), 0),
            segment(S, ACK.with(TcpFlags::FIN), (7_800, 1_301), 0),
            segment(C, ACK, (1_301, 7_801), 0),
        ]
    }

    fn knobs() -> Knobs {
        Knobs::new(&SessionSettings::default(), &TcpSettings::default(), None, None)
    }

    fn take(tracking: &mut Tracking, segment: &Segment, is_first: bool) -> Outcome {
        let (mut causes, mut handshake) = (Causes::default(), Handshake::default());
        if is_first {
            tracking.open(segment, &knobs(), &mut causes, &mut handshake)
        } else {
            tracking.track(segment, &knobs(), &mut causes, &mut handshake)
        }
    }

    #[test]
    fn an_image_of_an_image_is_the_same() {
        let mut tracking = Tracking::default();
        for (place, segment) in conversation().iter().enumerate() {
            assert_eq!(take(&mut tracking, segment, place == 0), Outcome::Pass);
            assert_eq!(Tracking::from_image(&tracking.image()).image(), tracking.image(), "{place}");
        }
    }

    /// The device dies after any segment, and what it has told last is of any segment before.
    #[test]
    fn a_connection_goes_on_at_the_other_device() {
        let all = conversation();
        for told in 1..all.len() {
            for died in told..all.len() {
                let mut first = Tracking::default();
                for (place, segment) in all.iter().take(told).enumerate() {
                    take(&mut first, segment, place == 0);
                }
                let mut other = Tracking::from_image(&first.image());
                for segment in all.iter().skip(died) {
                    assert_eq!(take(&mut other, segment, false), Outcome::Pass, "{told} {died} {segment:?}");
                }
                let is_known = died == told;
                assert!(!is_known || other.connection() == Connection::Closed, "{told}");
            }
        }
    }

    #[test]
    fn windows_count_again_after_some_segments() {
        let all = conversation();
        let mut first = Tracking::default();
        for (place, segment) in all.iter().take(3).enumerate() {
            take(&mut first, segment, place == 0);
        }
        let mut other = Tracking::from_image(&first.image());
        let stray = segment(C, ACK, (0x7000_0000, 5_000), 10);
        for round in 0..u32::from(LOOSE_SEGMENTS) / 2 {
            assert_eq!(take(&mut other, &segment(C, ACK, (1_000, 5_000 + round), 0), false), Outcome::Pass);
            assert_eq!(take(&mut other, &segment(S, ACK, (5_000 + round, 1_000), 1), false), Outcome::Pass);
        }
        assert!(matches!(take(&mut other, &stray, false), Outcome::Drop(_)));
        assert_eq!(take(&mut other, &segment(C, ACK, (1_000, 5_064), 10), false), Outcome::Pass);
    }
}
