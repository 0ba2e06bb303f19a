//! The TCP tracker takes any segments: what it drops changes nothing, and what it says of a connection fits
//! its states.
#![no_main]

use bifrons_fuzz::{Input, direction};
use bifrons_model::{Direction, Handshake, Tracker};
use bifrons_session::{
    Causes,
    tcp::{Connection, Knobs, Outcome, Segment, Tracking},
};
use bifrons_wire::{Tcp, TcpFlags};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let bits = input.byte();
    let knobs = Knobs {
        asymmetric_path_bypass: bits & 1 != 0,
        accept_non_syn: bits & 2 != 0,
        reject_different_syn: bits & 4 != 0,
        strict_reset: bits & 8 != 0,
        drop_zero_flags: bits & 16 != 0,
        allow_challenge_ack: bits & 32 != 0,
        initial_window_min: u16::from(bits >> 6),
    };
    let isn = [input.u32(), input.u32()];
    let mut tracking = Tracking::default();
    let (mut causes, mut handshake) = (Causes::default(), Handshake::default());
    let mut is_open = false;
    while !input.is_empty() {
        let control = input.byte();
        let direction = direction(control);
        // Near the initial numbers most of the time, anywhere else at times.
        let place = |input: &mut Input<'_>, isn: u32| match control >> 6 {
            3 => input.u32(),
            shift => isn.wrapping_add(u32::from(input.byte()) << (shift * 8)),
        };
        let tcp = Tcp {
            sequence: place(&mut input, isn[direction.index()]),
            acknowledgement: place(&mut input, isn[1 - direction.index()]),
            window: if control & 2 == 0 { u16::MAX } else { input.u16() },
            flags: TcpFlags(input.byte()),
            options_length: 0,
        };
        let payload_length = if control & 4 == 0 { 0 } else { u32::from(input.u16()) };
        let window_scale = if control & 8 == 0 { None } else { Some(input.byte()) };
        let segment = Segment { direction, tcp, payload_length, window_scale };
        if !is_open {
            let first = Segment { direction: Tracking::direction_of_first(&tcp), ..segment };
            is_open = !matches!(tracking.open(&first, &knobs, &mut causes, &mut handshake), Outcome::Drop(_));
            continue;
        }
        let before = (tracking.connection(), causes);
        let outcome = tracking.track(&segment, &knobs, &mut causes, &mut handshake);
        let after = tracking.connection();
        if let Outcome::Drop(_) | Outcome::NewConnection | Outcome::MayReopen | Outcome::Reopened = outcome {
            assert_eq!((after, causes), before, "{segment:?} {outcome:?}");
        }
        if after == Connection::Closed {
            assert!(causes.has(Tracker::TcpFin));
        }
        if matches!(after, Connection::Reset | Connection::ResetUnverified) {
            assert!(causes.has(Tracker::TcpRstClient) || causes.has(Tracker::TcpRstServer));
        }
        let _ =
            [Direction::ClientToServer, Direction::ServerToClient].map(|side| tracking.first_sequence(side));
        let _ = handshake.outcome();
        if matches!(outcome, Outcome::NewConnection | Outcome::Reopened) {
            is_open = false;
            (causes, handshake) = (Causes::default(), Handshake::default());
        }
    }
});
