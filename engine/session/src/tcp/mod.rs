//! What TCP does to a session (RFC 9293, RFC 5961, RFC 7323): one machine per session, fed with the
//! segments of both directions in the order in which they pass.
//!
//! ```text
//!          SYN          SYN-ACK          ACK              FIN             the other FIN
//! (new) ───────► Opening ─────► Answered ─────► Established ─────► HalfClosed ─────► Closed
//!                   │               │               │                  │              │
//!                   └───────────────┴───────┬───────┴──────────────────┴──────────────┘
//!                                           ├─ RST, exact ─────────► Reset
//!                                           └─ RST, in window only ► ResetUnverified
//!                                                 (and back, when its "sender" goes on sending)
//! ```
//!
//! Opening runs on the init timer, Answered on the handshake timer, and so on: `Connection::timer` is the
//! table. A SYN that begins another connection on the same ports is answered with `Outcome::NewConnection`;
//! the caller closes the session and admits the packet again.

mod image;
mod segment;
mod window;

use bifrons_model::{Direction, DropReason, Handshake, HandshakeStep, Tracker};
use bifrons_wire::{Tcp, TcpFlags};

use crate::{Causes, Timer};
pub use image::Image;
pub use segment::{Knobs, Outcome, Segment};
pub use window::SideImage;
use window::{Fit, ResetFit, Side};

/// How far a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Connection {
    /// The client's SYN was seen.
    #[default]
    Opening,
    /// The server's SYN-ACK was seen.
    Answered,
    /// The handshake is complete, or the session was picked up behind it.
    Established,
    /// One side has sent its FIN.
    HalfClosed,
    /// Both sides have.
    Closed,
    /// A reset that must be real was seen.
    Reset,
    /// A reset that may be forged was seen.
    ResetUnverified,
}

impl Connection {
    /// The timer that runs in this state.
    pub const fn timer(self) -> Timer {
        match self {
            Self::Opening => Timer::TcpInit,
            Self::Answered => Timer::TcpHandshake,
            Self::Established => Timer::Tcp,
            Self::HalfClosed => Timer::TcpHalfClosed,
            Self::Closed | Self::Reset => Timer::TcpTimeWait,
            Self::ResetUnverified => Timer::TcpUnverifiedReset,
        }
    }
}

/// A session's TCP state. Times and records are the caller's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracking {
    sides: [Side; 2],
    /// The client's initial sequence number, or that of a SYN that may reopen the connection.
    client_isn: u32,
    connection: Connection,
    facts: u8,
    /// How many more segments are taken as they come, after a take-over.
    loose: u8,
}

/// The handshake was completed, or the session was picked up behind it.
const WAS_ESTABLISHED: u8 = 1;
/// SYN, SYN-ACK and ACK were all seen.
const HANDSHAKE_COMPLETE: u8 = 2;
/// A SYN with another sequence number waits for the server's opinion.
const MAY_REOPEN: u8 = 4;

const CLIENT: usize = Direction::ClientToServer.index();
const SERVER: usize = Direction::ServerToClient.index();

impl Tracking {
    /// How far the connection is.
    #[inline]
    pub const fn connection(&self) -> Connection {
        self.connection
    }

    /// Whether SYN, SYN-ACK and ACK were all seen.
    pub const fn is_handshake_complete(&self) -> bool {
        self.facts & HANDSHAKE_COMPLETE != 0
    }

    /// The sequence number of a direction's first payload byte, where its SYN was seen.
    pub const fn first_sequence(&self, direction: Direction) -> Option<u32> {
        self.sides[direction.index()].first_sequence()
    }

    /// The numbers of a reset towards the receiver of `direction`'s packets, in the name of their sender: the
    /// sequence number that the receiver expects next (RFC 5961, section 3.2, accepts no other), and what the
    /// sender expects next as the acknowledgement. `dropped` is the segment that the session is blocked for:
    /// it has been tracked, but its receiver does not get it, and so waits for it.
    pub fn reset_numbers(&self, direction: Direction, dropped: &Segment) -> (u32, u32) {
        let [to_server, to_client] = self.acknowledged();
        let expected = |way: Direction| {
            let acknowledged = if way == Direction::ClientToServer { to_server } else { to_client };
            if way == dropped.direction {
                dropped.expected_behind(acknowledged)
            } else {
                self.sides[way.index()].next()
            }
        };
        (expected(direction), expected(direction.reverse()))
    }

    /// Up to where each direction's bytes are acknowledged by their receiver; `None` where its answers take
    /// another path.
    pub const fn acknowledged(&self) -> [Option<u32>; 2] {
        let is_opening = matches!(self.connection, Connection::Opening | Connection::Answered);
        let [client, server] = &self.sides;
        match (client.acknowledged(), server.acknowledged()) {
            (by_client, None) if is_opening => [client.first_sequence(), by_client],
            (None, by_server) if is_opening => [by_server, server.first_sequence()],
            (by_client, by_server) => [by_server, by_client],
        }
    }

    /// Which way the first packet of a session goes: a SYN-ACK comes from the server.
    pub const fn direction_of_first(tcp: &Tcp) -> Direction {
        let is_answer = tcp.flags.has(TcpFlags::SYN) && tcp.flags.has(TcpFlags::ACK);
        if is_answer { Direction::ServerToClient } else { Direction::ClientToServer }
    }

    /// Whether a segment with this header may begin a session; `Some` is what the configuration forgives.
    ///
    /// # Errors
    /// The reason for which it is dropped.
    pub fn admits(tcp: &Tcp, knobs: &Knobs) -> Result<Option<DropReason>, DropReason> {
        const OPENING: TcpFlags = TcpFlags::SYN.with(TcpFlags::RST).with(TcpFlags::ACK);
        let is_plain_syn = tcp.flags.0 & OPENING.0 == TcpFlags::SYN.0;
        match flags_wrong(tcp) {
            Some(reason) if knobs.drop_zero_flags => Err(reason),
            _ if !is_plain_syn && !knobs.accept_non_syn => Err(DropReason::TcpNonSyn),
            _ if !is_plain_syn => Ok(Some(DropReason::TcpNonSyn)),
            _ if tcp.window < knobs.initial_window_min => Err(DropReason::TcpSmallWindow),
            _ => Ok(None),
        }
    }

    /// Takes the first segment of a new session, whose direction is that of `direction_of_first`.
    pub fn open(
        &mut self,
        segment: &Segment,
        knobs: &Knobs,
        causes: &mut Causes,
        handshake: &mut Handshake,
    ) -> Outcome {
        let noticed = match Self::admits(&segment.tcp, knobs) {
            Ok(noticed) => noticed,
            Err(reason) => return Outcome::Drop(reason),
        };
        *self = Self::default();
        let is_syn = segment.has(TcpFlags::SYN) && !segment.has(TcpFlags::RST);
        let is_plain_syn = is_syn && !segment.has(TcpFlags::ACK);
        self.sides[segment.direction.index()].begin(segment, is_syn);
        note_step(segment, handshake);
        if is_plain_syn {
            self.client_isn = segment.tcp.sequence;
            // Some scans and old stacks send SYN and FIN at once: the FIN counts.
            if segment.has(TcpFlags::FIN) {
                self.finish_side(segment, causes);
            }
            return Outcome::Pass;
        }
        if is_syn {
            self.client_isn = segment.tcp.acknowledgement.wrapping_sub(1);
            self.sides[CLIENT].assume_next(segment.tcp.acknowledgement);
            self.connection = Connection::Answered;
        } else {
            self.establish();
            if segment.has(TcpFlags::RST) {
                self.reset(segment, ResetFit::InWindow, causes);
            } else if segment.has(TcpFlags::FIN) {
                self.finish_side(segment, causes);
            }
        }
        noticed.map_or(Outcome::Pass, Outcome::PassNoticed)
    }

    /// Takes a later segment.
    #[inline(always)]
    pub fn track(
        &mut self,
        segment: &Segment,
        knobs: &Knobs,
        causes: &mut Causes,
        handshake: &mut Handshake,
    ) -> Outcome {
        const USUAL: TcpFlags = TcpFlags::SYN.with(TcpFlags::FIN).with(TcpFlags::RST);
        let is_plain = !segment.has(USUAL) && segment.has(TcpFlags::ACK);
        if is_plain && matches!(self.connection, Connection::Established) {
            return self.acknowledge(segment, knobs);
        }
        self.track_control(segment, knobs, causes, handshake)
    }

    /// Everything but data and acknowledgements in mid-connection.
    fn track_control(
        &mut self,
        segment: &Segment,
        knobs: &Knobs,
        causes: &mut Causes,
        handshake: &mut Handshake,
    ) -> Outcome {
        if let Some(reason) = flags_wrong(&segment.tcp) {
            return if knobs.drop_zero_flags { Outcome::Drop(reason) } else { Outcome::PassNoticed(reason) };
        }
        if self.facts & WAS_ESTABLISHED == 0 {
            note_step(segment, handshake);
        }
        // RFC 9293, section 3.10.7.4, fifth step: once in sync, hosts drop whatever has no ACK.
        const MEANT_WITHOUT_ACK: TcpFlags = TcpFlags::ACK.with(TcpFlags::SYN).with(TcpFlags::RST);
        let lacks_ack = !segment.has(MEANT_WITHOUT_ACK);
        if lacks_ack && self.connection != Connection::Opening {
            return refuse(knobs, DropReason::TcpOutOfSync);
        }
        if segment.has(TcpFlags::RST) {
            self.track_reset(segment, knobs, causes)
        } else if segment.has(TcpFlags::SYN) && !segment.has(TcpFlags::ACK) {
            self.track_syn(segment, knobs, causes)
        } else if segment.has(TcpFlags::SYN) {
            self.track_syn_ack(segment, knobs, causes)
        } else {
            self.track_data(segment, knobs, causes)
        }
    }

    /// A SYN on a session that exists: a repetition, the other half of a simultaneous open, or another
    /// connection.
    fn track_syn(&mut self, segment: &Segment, knobs: &Knobs, causes: &mut Causes) -> Outcome {
        let is_from_client = segment.direction == Direction::ClientToServer;
        let is_repeated = self.sides[segment.direction.index()].is_own_syn(segment.tcp.sequence);
        match self.connection {
            _ if is_repeated => {
                if self.connection == Connection::Reset && self.facts & WAS_ESTABLISHED == 0 {
                    // The client was refused and tries the same SYN again.
                    self.connection = Connection::Opening;
                }
                if segment.has(TcpFlags::FIN) {
                    self.finish_side(segment, causes);
                }
                Outcome::Pass
            }
            Connection::Opening | Connection::Answered
                if !is_from_client && !self.sides[SERVER].is_seen() =>
            {
                self.sides[SERVER].begin(segment, true);
                Outcome::Pass
            }
            Connection::Answered if is_from_client && self.precedes_its_answer(segment) => {
                self.sides[CLIENT].begin(segment, true);
                Outcome::Pass
            }
            Connection::Opening | Connection::Answered | Connection::Established
                if knobs.reject_different_syn =>
            {
                Outcome::Drop(DropReason::TcpDifferentSyn)
            }
            Connection::Established if is_from_client => {
                self.client_isn = segment.tcp.sequence;
                self.facts |= MAY_REOPEN;
                Outcome::MayReopen
            }
            // Another SYN of the server: its peer answers with a challenge ACK (RFC 5961, section 4).
            Connection::Established => Outcome::Pass,
            Connection::Opening | Connection::Answered if !is_from_client => Outcome::Pass,
            Connection::Opening
            | Connection::Answered
            | Connection::HalfClosed
            | Connection::Closed
            | Connection::Reset
            | Connection::ResetUnverified => Outcome::NewConnection,
        }
    }

    /// A tap may deliver the SYN-ACK first: the SYN is the one that it acknowledges.
    const fn precedes_its_answer(&self, segment: &Segment) -> bool {
        self.sides[CLIENT].first_sequence().is_none() && segment.tcp.sequence == self.client_isn
    }

    fn track_syn_ack(&mut self, segment: &Segment, knobs: &Knobs, causes: &mut Causes) -> Outcome {
        let sender = segment.direction.index();
        let answers = segment.tcp.acknowledgement;
        if self.facts & MAY_REOPEN != 0
            && segment.direction == Direction::ServerToClient
            && answers == self.client_isn.wrapping_add(1)
        {
            return Outcome::Reopened;
        }
        match self.connection {
            Connection::Opening | Connection::Answered => {}
            Connection::Established
            | Connection::HalfClosed
            | Connection::Closed
            | Connection::Reset
            | Connection::ResetUnverified => return self.acknowledge(segment, knobs),
        }
        let is_fitting = self.sides[1 - sender].has_sent(answers);
        if !is_fitting {
            return refuse(knobs, DropReason::TcpOutOfSync);
        }
        let first_answer = !self.sides[sender].is_seen();
        let is_simultaneous = self.sides[CLIENT].is_seen() && self.sides[SERVER].is_seen() && !first_answer;
        if first_answer {
            self.sides[sender].begin(segment, true);
        } else {
            self.sides[sender].update(segment);
        }
        let [client, server] = &mut self.sides;
        client.settle_scaling(server);
        self.connection = Connection::Answered;
        if is_simultaneous && segment.direction == Direction::ClientToServer {
            self.complete_handshake();
        }
        if segment.has(TcpFlags::FIN) {
            self.finish_side(segment, causes);
        }
        Outcome::Pass
    }

    /// A segment without SYN and RST.
    fn track_data(&mut self, segment: &Segment, knobs: &Knobs, causes: &mut Causes) -> Outcome {
        let outcome = match self.connection {
            Connection::Opening => self.track_while_opening(segment, knobs),
            Connection::Answered => {
                let outcome = self.acknowledge(segment, knobs);
                let answers_syn_ack =
                    segment.direction == Direction::ClientToServer && segment.has(TcpFlags::ACK);
                if answers_syn_ack && !matches!(outcome, Outcome::Drop(_)) {
                    self.complete_handshake();
                }
                outcome
            }
            Connection::ResetUnverified => {
                let outcome = self.acknowledge(segment, knobs);
                if outcome == Outcome::Pass && segment.payload_length > 0 {
                    self.disprove_reset(segment, causes);
                }
                outcome
            }
            Connection::Established | Connection::HalfClosed | Connection::Closed | Connection::Reset => {
                self.acknowledge(segment, knobs)
            }
        };
        if segment.has(TcpFlags::FIN) && !matches!(outcome, Outcome::Drop(_)) {
            self.finish_side(segment, causes);
        }
        outcome
    }

    /// A segment without SYN while the SYN-ACK is still missing.
    fn track_while_opening(&mut self, segment: &Segment, knobs: &Knobs) -> Outcome {
        if self.loose > 0 && self.goes_on_after_take_over(segment) {
            return Outcome::Pass;
        }
        match segment.direction {
            Direction::ServerToClient if !self.sides[CLIENT].has_sent(segment.tcp.acknowledgement) => {
                // An ACK that does not answer the SYN: the server believes in an older connection.
                if !knobs.allow_challenge_ack {
                    return Outcome::Drop(DropReason::TcpChallengeAck);
                }
                self.sides[SERVER].challenge(segment);
                Outcome::PassNoticed(DropReason::TcpChallengeAck)
            }
            Direction::ServerToClient | Direction::ClientToServer => {
                // The SYN-ACK took another path.
                let outcome = refuse(knobs, DropReason::TcpOutOfSync);
                if !matches!(outcome, Outcome::Drop(_)) {
                    let side = &mut self.sides[segment.direction.index()];
                    if side.is_seen() {
                        side.update(segment)
                    } else {
                        side.begin(segment, false)
                    }
                    self.establish();
                }
                outcome
            }
        }
    }

    /// Windows and acknowledgement numbers.
    #[inline(always)]
    fn acknowledge(&mut self, segment: &Segment, knobs: &Knobs) -> Outcome {
        if self.loose > 0 {
            return self.acknowledge_loosely(segment);
        }
        // By value and by index: packets of both directions alternate at random, a branch would be
        // mispredicted.
        let sender = segment.direction.index();
        let mut side = self.sides[sender];
        let peer = &self.sides[sender ^ 1];
        let is_seen = side.is_seen();
        let fit = if is_seen { side.fit(peer, segment) } else { Fit::Inside };
        let outcome = match fit {
            Fit::Inside => Outcome::Pass,
            Fit::OutOfWindow => refuse(knobs, DropReason::TcpOutOfWindow),
            Fit::OutOfSync => refuse(knobs, DropReason::TcpOutOfSync),
        };
        if matches!(outcome, Outcome::Drop(_)) {
            return outcome;
        }
        if is_seen {
            side.update(segment)
        } else {
            side.begin(segment, false)
        }
        self.sides[sender] = side;
        if fit == Fit::OutOfSync {
            // The peer has sent what was not seen here.
            self.sides[sender ^ 1].catch_up(segment.tcp.acknowledgement);
        }
        outcome
    }

    fn track_reset(&mut self, segment: &Segment, knobs: &Knobs, causes: &mut Causes) -> Outcome {
        let sender = segment.direction.index();
        let is_opening = self.connection == Connection::Opening;
        let fit = if is_opening && segment.direction == Direction::ServerToClient {
            // RFC 9293, section 3.10.7.3: it must acknowledge the SYN.
            let answers =
                segment.has(TcpFlags::ACK) && self.sides[CLIENT].has_sent(segment.tcp.acknowledgement);
            if answers { ResetFit::Exact } else { ResetFit::Outside }
        } else {
            let fit = self.sides[sender].reset_fit(&self.sides[1 - sender], segment.tcp.sequence);
            // Where the answers take another path nothing can be verified.
            let is_blind = !is_opening && !self.sides[1 - sender].is_seen();
            if is_blind && fit == ResetFit::Exact { ResetFit::InWindow } else { fit }
        };
        match fit {
            ResetFit::Exact => {}
            ResetFit::InWindow if !knobs.strict_reset && self.sides[1 - sender].is_seen() => {
                self.reset(segment, ResetFit::Exact, causes);
                return Outcome::Pass;
            }
            ResetFit::InWindow => {}
            ResetFit::Outside if knobs.asymmetric_path_bypass => {
                self.reset(segment, ResetFit::InWindow, causes);
                return Outcome::PassNoticed(DropReason::TcpRstOutOfWindow);
            }
            ResetFit::Outside => return Outcome::Drop(DropReason::TcpRstOutOfWindow),
        }
        self.reset(segment, fit, causes);
        Outcome::Pass
    }

    fn reset(&mut self, segment: &Segment, fit: ResetFit, causes: &mut Causes) {
        causes.add(reset_by(segment.direction));
        self.sides[segment.direction.index()].mark_reset();
        self.connection = match (self.connection, fit) {
            // A closed connection stays closed; its timer is the same.
            (Connection::Closed, _) => Connection::Closed,
            (Connection::Reset, _) => Connection::Reset,
            (
                Connection::Opening
                | Connection::Answered
                | Connection::Established
                | Connection::HalfClosed
                | Connection::ResetUnverified,
                ResetFit::Exact,
            ) => Connection::Reset,
            (
                Connection::Opening
                | Connection::Answered
                | Connection::Established
                | Connection::HalfClosed
                | Connection::ResetUnverified,
                ResetFit::InWindow | ResetFit::Outside,
            ) => Connection::ResetUnverified,
        };
    }

    /// The side that is said to have reset goes on sending: the reset was forged.
    fn disprove_reset(&mut self, segment: &Segment, causes: &mut Causes) {
        let side = &mut self.sides[segment.direction.index()];
        if side.take_reset() {
            causes.withdraw(reset_by(segment.direction));
            if self.sides.iter().any(Side::has_reset) {
                return;
            }
            let has_fin = self.sides.iter().any(Side::has_fin);
            self.connection = if has_fin { Connection::HalfClosed } else { Connection::Established };
        }
    }

    fn finish_side(&mut self, segment: &Segment, causes: &mut Causes) {
        causes.add(Tracker::TcpFin);
        self.sides[segment.direction.index()].mark_fin();
        let both = self.sides.iter().all(Side::has_fin);
        self.connection = match self.connection {
            Connection::Opening | Connection::Answered | Connection::Established | Connection::HalfClosed => {
                if both {
                    Connection::Closed
                } else {
                    Connection::HalfClosed
                }
            }
            Connection::Closed => Connection::Closed,
            Connection::Reset => Connection::Reset,
            Connection::ResetUnverified => Connection::ResetUnverified,
        };
    }

    fn complete_handshake(&mut self) {
        self.facts |= HANDSHAKE_COMPLETE;
        self.establish();
    }

    fn establish(&mut self) {
        self.facts |= WAS_ESTABLISHED;
        self.connection = Connection::Established;
    }
}

const fn reset_by(direction: Direction) -> Tracker {
    match direction {
        Direction::ClientToServer => Tracker::TcpRstClient,
        Direction::ServerToClient => Tracker::TcpRstServer,
    }
}

/// A segment without any of the six flags of RFC 9293.
fn flags_wrong(tcp: &Tcp) -> Option<DropReason> {
    (tcp.flags.0 & 0x3f == 0).then_some(DropReason::TcpZeroFlags)
}

const fn refuse(knobs: &Knobs, reason: DropReason) -> Outcome {
    if knobs.asymmetric_path_bypass { Outcome::PassNoticed(reason) } else { Outcome::Drop(reason) }
}

fn note_step(segment: &Segment, handshake: &mut Handshake) {
    let step = HandshakeStep::of(
        segment.direction,
        segment.has(TcpFlags::SYN),
        segment.has(TcpFlags::ACK),
        segment.has(TcpFlags::FIN),
        segment.has(TcpFlags::RST),
    );
    let is_early_data = segment.payload_length > 0
        && matches!(step, Some(HandshakeStep::Ack | HandshakeStep::ServerAck) | None)
        && !handshake.has(HandshakeStep::SynAck);
    match step {
        _ if is_early_data => handshake.push(HandshakeStep::Data),
        Some(step) => handshake.push(step),
        None => {}
    }
}

#[cfg(test)]
mod tests;
