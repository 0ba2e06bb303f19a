//! The tracker against its table of states and events, then what single rules ask for, then random
//! conversations of two honest hosts.

mod honest;
mod rules;
mod table;

use super::*;
use bifrons_model::Direction::{ClientToServer, ServerToClient};

/// The client's initial sequence number in these tests.
const CLIENT_ISN: u32 = 1_000;
/// The server's.
const SERVER_ISN: u32 = 5_000;

const SYN: TcpFlags = TcpFlags::SYN;
const ACK: TcpFlags = TcpFlags::ACK;
const SYN_ACK: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);
const FIN_ACK: TcpFlags = TcpFlags::FIN.with(TcpFlags::ACK);
const RST: TcpFlags = TcpFlags::RST;
const RST_ACK: TcpFlags = TcpFlags::RST.with(TcpFlags::ACK);

/// As a device without any setting has it.
const STRICT: Knobs = Knobs {
    asymmetric_path_bypass: false,
    accept_non_syn: false,
    reject_different_syn: false,
    strict_reset: true,
    drop_zero_flags: true,
    allow_challenge_ack: false,
    initial_window_min: 0,
};

/// The same with `asymmetric-path bypass`.
const BYPASS: Knobs = Knobs { asymmetric_path_bypass: true, ..STRICT };

/// A tracker with what it reports to.
#[derive(Clone, Debug, Default)]
struct Scene {
    tracking: Tracking,
    causes: Causes,
    handshake: Handshake,
    is_open: bool,
    /// The next sequence number of each side, as an honest host would count.
    next: [u32; 2],
}

/// A segment from `direction`; its window is 65,535.
fn segment(
    direction: Direction,
    flags: TcpFlags,
    sequence: u32,
    acknowledgement: u32,
    length: u32,
) -> Segment {
    let tcp = Tcp { sequence, acknowledgement, window: u16::MAX, flags, options_length: 0 };
    Segment { direction, tcp, payload_length: length, window_scale: None }
}

impl Scene {
    /// Lets a segment through the tracker.
    fn pass(&mut self, knobs: &Knobs, segment: Segment) -> Outcome {
        let side = segment.direction.index();
        let outcome = if core::mem::replace(&mut self.is_open, true) {
            self.tracking.track(&segment, knobs, &mut self.causes, &mut self.handshake)
        } else {
            self.tracking.open(&segment, knobs, &mut self.causes, &mut self.handshake)
        };
        if !matches!(outcome, Outcome::Drop(_)) && !segment.has(RST) {
            self.next[side] = segment.end();
        }
        outcome
    }

    /// A segment that continues what `direction` has sent and acknowledges all that the other side has.
    fn next_of(&self, direction: Direction, flags: TcpFlags, length: u32) -> Segment {
        segment(direction, flags, self.next[direction.index()], self.next[1 - direction.index()], length)
    }

    /// Sends such a segment, which must pass.
    fn send(&mut self, direction: Direction, flags: TcpFlags, length: u32) {
        let segment = self.next_of(direction, flags, length);
        assert_eq!(self.pass(&STRICT, segment), Outcome::Pass, "{segment:?} after {self:?}");
    }

    fn connection(&self) -> Connection {
        self.tracking.connection()
    }

    /// The client's SYN was seen.
    fn opening() -> Self {
        let mut scene = Self { next: [CLIENT_ISN, SERVER_ISN], ..Self::default() };
        let syn = segment(ClientToServer, SYN, CLIENT_ISN, 0, 0);
        assert_eq!(scene.pass(&STRICT, syn), Outcome::Pass);
        scene
    }

    /// And the server's SYN-ACK.
    fn answered() -> Self {
        let mut scene = Self::opening();
        scene.send(ServerToClient, SYN_ACK, 0);
        scene
    }

    /// And the client's ACK, then a hundred bytes each way.
    fn established() -> Self {
        let mut scene = Self::answered();
        scene.send(ClientToServer, ACK, 0);
        scene.send(ClientToServer, ACK, 100);
        scene.send(ServerToClient, ACK, 100);
        scene.send(ClientToServer, ACK, 0);
        scene
    }

    /// A connection in this state, as it usually comes about.
    fn in_state(connection: Connection) -> Self {
        let scene = match connection {
            Connection::Opening => Self::opening(),
            Connection::Answered => Self::answered(),
            Connection::Established => Self::established(),
            Connection::HalfClosed => {
                let mut scene = Self::established();
                scene.send(ClientToServer, FIN_ACK, 0);
                scene
            }
            Connection::Closed => {
                let mut scene = Self::in_state(Connection::HalfClosed);
                scene.send(ServerToClient, FIN_ACK, 0);
                scene.send(ClientToServer, ACK, 0);
                scene
            }
            Connection::Reset => {
                let mut scene = Self::established();
                scene.send(ServerToClient, RST_ACK, 0);
                scene
            }
            Connection::ResetUnverified => {
                let mut scene = Self::established();
                let mut reset = scene.next_of(ServerToClient, RST_ACK, 0);
                reset.tcp.sequence += 1;
                assert_eq!(scene.pass(&STRICT, reset), Outcome::Pass);
                scene
            }
        };
        assert_eq!(scene.connection(), connection);
        scene
    }
}
