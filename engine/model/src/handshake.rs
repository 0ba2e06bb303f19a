//! The evidence of how a TCP session opened: which of its first segments came, from whom, in which order.

use core::fmt;

use crate::Direction;

/// One step of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum HandshakeStep {
    /// A SYN from the client.
    Syn = 1,
    /// A SYN and ACK from the server.
    SynAck = 2,
    /// An ACK from the client.
    Ack = 3,
    /// A RST from the client.
    Rst = 4,
    /// An ACK without SYN from the server before its SYN-ACK: a challenge ACK (RFC 5961, section 4).
    ServerAck = 5,
    /// A RST from the server.
    ServerRst = 6,
    /// A SYN without ACK from the server: a simultaneous open (RFC 9293, section 3.5).
    ServerSyn = 7,
    /// A FIN from the client before the handshake was complete.
    Fin = 8,
    /// A FIN from the server before the handshake was complete.
    ServerFin = 9,
    /// A SYN and ACK from the client: its half of a simultaneous open.
    ClientSynAck = 10,
    /// Payload before the handshake was complete, or the first packet of a session picked up in mid-stream.
    Data = 11,
}

impl HandshakeStep {
    const ALL: [Self; 11] = [
        Self::Syn,
        Self::SynAck,
        Self::Ack,
        Self::Rst,
        Self::ServerAck,
        Self::ServerRst,
        Self::ServerSyn,
        Self::Fin,
        Self::ServerFin,
        Self::ClientSynAck,
        Self::Data,
    ];

    /// The word in logs: the flags, and the side where it is not the usual one.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn-ack",
            Self::Ack => "ack",
            Self::Rst => "rst",
            Self::ServerAck => "ack",
            Self::ServerRst => "rst (server)",
            Self::ServerSyn => "syn (server)",
            Self::Fin => "fin",
            Self::ServerFin => "fin (server)",
            Self::ClientSynAck => "syn-ack (client)",
            Self::Data => "data",
        }
    }

    /// The step that a segment with these flags from this side is; `None` for one with none of them.
    pub const fn of(direction: Direction, syn: bool, ack: bool, fin: bool, rst: bool) -> Option<Self> {
        use Direction::{ClientToServer, ServerToClient};
        Some(match (direction, rst, syn, fin, ack) {
            (ClientToServer, true, _, _, _) => Self::Rst,
            (ServerToClient, true, _, _, _) => Self::ServerRst,
            (ClientToServer, false, true, _, false) => Self::Syn,
            (ClientToServer, false, true, _, true) => Self::ClientSynAck,
            (ServerToClient, false, true, _, true) => Self::SynAck,
            (ServerToClient, false, true, _, false) => Self::ServerSyn,
            (ClientToServer, false, false, true, _) => Self::Fin,
            (ServerToClient, false, false, true, _) => Self::ServerFin,
            (ClientToServer, false, false, false, true) => Self::Ack,
            (ServerToClient, false, false, false, true) => Self::ServerAck,
            (_, false, false, false, false) => return None,
        })
    }
}

/// Up to eight steps in four bits each, the first in the lowest. Repetitions of the last step are not kept.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Handshake(pub u32);

/// What the evidence amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeOutcome {
    /// Not TCP: there is no handshake.
    None,
    /// SYN, SYN-ACK and ACK came.
    Complete,
    /// Both sides opened at once and it was completed.
    Simultaneous,
    /// The server never answered the SYN.
    NoAnswer,
    /// The server answered the SYN with a reset.
    Refused,
    /// The client took its SYN back with a reset or a FIN before any answer.
    Abandoned,
    /// The server answered the SYN with an ACK, the client reset it: the server holds a stale session.
    ChallengeAck,
    /// The server's SYN-ACK was never acknowledged.
    HalfOpen,
    /// The client went on without a SYN-ACK that was seen: the answers take another path.
    Asymmetric,
    /// The session was picked up after its handshake, or its SYN was not seen.
    Midstream,
}

impl HandshakeOutcome {
    /// The word in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Complete => "complete",
            Self::Simultaneous => "simultaneous-open",
            Self::NoAnswer => "no-answer",
            Self::Refused => "refused",
            Self::Abandoned => "abandoned",
            Self::ChallengeAck => "challenge-ack",
            Self::HalfOpen => "half-open",
            Self::Asymmetric => "asymmetric",
            Self::Midstream => "midstream",
        }
    }
}

impl Handshake {
    const STEPS_MAX: u32 = 8;

    /// Adds a step, unless it repeats the last one or the evidence is full.
    pub const fn push(&mut self, step: HandshakeStep) {
        let length = self.len();
        if length == Self::STEPS_MAX {
            return;
        }
        if length > 0 && (self.0 >> ((length - 1) * 4)) & 0xf == step as u32 {
            return;
        }
        self.0 |= (step as u32) << (length * 4);
    }

    /// How many steps are kept.
    pub const fn len(self) -> u32 {
        Self::STEPS_MAX - self.0.leading_zeros() / 4
    }

    /// Whether nothing was seen.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The steps in the order they came.
    pub fn steps(self) -> impl Iterator<Item = HandshakeStep> {
        (0..self.len()).filter_map(move |place| {
            let code = (self.0 >> (place * 4)) & 0xf;
            HandshakeStep::ALL.into_iter().find(|step| *step as u32 == code)
        })
    }

    /// Whether `step` was seen.
    pub fn has(self, step: HandshakeStep) -> bool {
        self.steps().any(|seen| seen == step)
    }

    /// What the steps amount to.
    pub fn outcome(self) -> HandshakeOutcome {
        use HandshakeStep as Step;
        let first = self.steps().next();
        match first {
            None => return HandshakeOutcome::None,
            Some(Step::Syn) => {}
            Some(
                Step::SynAck
                | Step::Ack
                | Step::Rst
                | Step::ServerAck
                | Step::ServerRst
                | Step::ServerSyn
                | Step::Fin
                | Step::ServerFin
                | Step::ClientSynAck
                | Step::Data,
            ) => return HandshakeOutcome::Midstream,
        }
        let answered = self.has(Step::SynAck);
        if self.has(Step::ServerSyn) && (answered || self.has(Step::ClientSynAck)) {
            HandshakeOutcome::Simultaneous
        } else if answered && (self.has(Step::Ack) || self.has(Step::Fin)) {
            HandshakeOutcome::Complete
        } else if answered {
            HandshakeOutcome::HalfOpen
        } else if self.has(Step::ServerAck) && (self.has(Step::Rst) || !self.has(Step::Ack)) {
            HandshakeOutcome::ChallengeAck
        } else if self.has(Step::ServerRst) {
            HandshakeOutcome::Refused
        } else if self.has(Step::Rst) || self.has(Step::Fin) {
            HandshakeOutcome::Abandoned
        } else if self.has(Step::Ack) || self.has(Step::Data) {
            HandshakeOutcome::Asymmetric
        } else {
            HandshakeOutcome::NoAnswer
        }
    }
}

/// `syn > syn-ack > ack`
impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps().enumerate() {
            if place > 0 {
                f.write_str(" > ")?;
            }
            f.write_str(step.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn evidence(steps: &[HandshakeStep]) -> Handshake {
        let mut handshake = Handshake::default();
        steps.iter().for_each(|step| handshake.push(*step));
        handshake
    }

    #[test]
    fn steps_are_kept_in_order_and_repetitions_are_not() {
        use HandshakeStep::{Ack, Syn, SynAck};
        let handshake = evidence(&[Syn, Syn, SynAck, Ack, Ack]);
        assert_eq!(handshake.to_string(), "syn > syn-ack > ack");
        let many = evidence(&[Syn, SynAck, Syn, SynAck, Syn, SynAck, Syn, SynAck, Syn, SynAck]);
        assert_eq!(many.len(), 8);
    }

    #[test]
    fn outcomes_are_named() {
        use HandshakeStep::*;
        for (steps, outcome) in [
            (&[][..], HandshakeOutcome::None),
            (&[Syn], HandshakeOutcome::NoAnswer),
            (&[Syn, SynAck], HandshakeOutcome::HalfOpen),
            (&[Syn, SynAck, Rst], HandshakeOutcome::HalfOpen),
            (&[Syn, SynAck, Ack], HandshakeOutcome::Complete),
            (&[Syn, ServerRst], HandshakeOutcome::Refused),
            (&[Syn, Rst], HandshakeOutcome::Abandoned),
            (&[Syn, ServerAck, Rst], HandshakeOutcome::ChallengeAck),
            (&[Syn, ServerSyn, SynAck], HandshakeOutcome::Simultaneous),
            (&[Syn, Ack], HandshakeOutcome::Asymmetric),
            (&[SynAck, Ack], HandshakeOutcome::Midstream),
            (&[Data], HandshakeOutcome::Midstream),
        ] {
            assert_eq!(evidence(steps).outcome(), outcome, "{steps:?}");
        }
    }
}
