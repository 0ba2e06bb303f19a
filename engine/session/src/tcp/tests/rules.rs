//! Single rules: windows, wrapping, the ways to open and to close, resets, what the knobs change.

use super::*;
use alloc::string::ToString;
use bifrons_model::HandshakeOutcome;

/// A handshake with these ISNs, window fields and scale options. The SYNs' windows are never scaled.
fn handshake(isn: [u32; 2], window: u16, scale: [Option<u8>; 2]) -> Scene {
    let mut scene = Scene { next: isn, ..Scene::default() };
    for (direction, flags) in [(ClientToServer, SYN), (ServerToClient, SYN_ACK), (ClientToServer, ACK)] {
        let mut segment = scene.next_of(direction, flags, 0);
        segment.tcp.window = window;
        segment.window_scale = scale[direction.index()].filter(|_| flags.has(SYN));
        assert_eq!(scene.pass(&STRICT, segment), Outcome::Pass);
    }
    scene
}

/// What becomes of a segment of the client that begins `ahead` bytes behind the server's last
/// acknowledgement.
fn ahead(scene: &Scene, ahead: u32) -> Outcome {
    let mut scene = scene.clone();
    let mut segment = scene.next_of(ClientToServer, ACK, 1);
    segment.tcp.sequence = segment.tcp.sequence.wrapping_add(ahead);
    scene.pass(&STRICT, segment)
}

const OUT_OF_WINDOW: Outcome = Outcome::Drop(DropReason::TcpOutOfWindow);
const OUT_OF_SYNC: Outcome = Outcome::Drop(DropReason::TcpOutOfSync);

#[test]
fn without_scaling_the_window_is_what_the_header_says() {
    for scale in [[None, None], [Some(7), None], [None, Some(7)]] {
        let mut scene = handshake([CLIENT_ISN, SERVER_ISN], 1_000, scale);
        // A window that both have announced behind the handshake, too.
        let mut segment = scene.next_of(ServerToClient, ACK, 0);
        segment.tcp.window = 1_000;
        assert_eq!(scene.pass(&STRICT, segment), Outcome::Pass);
        assert_eq!(ahead(&scene, 999), Outcome::Pass, "{scale:?}");
        // One byte behind the window is how a closed one is probed (RFC 9293, section 3.8.6.1).
        assert_eq!(ahead(&scene, 1_000), Outcome::Pass, "{scale:?}");
        assert_eq!(ahead(&scene, 1_001), OUT_OF_WINDOW, "{scale:?}");
    }
}

/// RFC 7323, section 2.3.
#[test]
fn with_scaling_the_window_is_shifted_by_the_receiver_s_option() {
    let mut scene = handshake([CLIENT_ISN, SERVER_ISN], 1_000, [Some(2), Some(7)]);
    assert_eq!(ahead(&scene, 1_001), OUT_OF_WINDOW, "a SYN-ACK's window is not shifted");
    let mut segment = scene.next_of(ServerToClient, ACK, 0);
    segment.tcp.window = 1_000;
    assert_eq!(scene.pass(&STRICT, segment), Outcome::Pass);
    assert_eq!(ahead(&scene, 128_000), Outcome::Pass);
    assert_eq!(ahead(&scene, 128_001), OUT_OF_WINDOW);
}

#[test]
fn a_shift_above_fourteen_counts_as_fourteen() {
    let mut scene = handshake([CLIENT_ISN, SERVER_ISN], 10, [Some(0), Some(255)]);
    let mut segment = scene.next_of(ServerToClient, ACK, 0);
    segment.tcp.window = 10;
    assert_eq!(scene.pass(&STRICT, segment), Outcome::Pass);
    assert_eq!(ahead(&scene, 10 << 14), Outcome::Pass);
    assert_eq!(ahead(&scene, (10 << 14) + 1), OUT_OF_WINDOW);
}

#[test]
fn numbers_wrap_around() {
    let mut scene = handshake([u32::MAX - 500, u32::MAX], 65_535, [None, None]);
    for _ in 0..100 {
        scene.send(ClientToServer, ACK, 1_000);
        scene.send(ServerToClient, ACK, 700);
    }
    assert_eq!(scene.next, [99_500, 70_000]);
    assert_eq!(ahead(&scene, 70_000), OUT_OF_WINDOW);
    scene.send(ClientToServer, FIN_ACK, 0);
    scene.send(ServerToClient, FIN_ACK, 0);
    assert_eq!(scene.connection(), Connection::Closed);
}

#[test]
fn acknowledgements_must_be_for_what_was_sent() {
    let scene = Scene::established();
    for (offset, outcome) in
        [(0, Outcome::Pass), (1, OUT_OF_SYNC), (u32::MAX - 50, Outcome::Pass), (1 << 31, OUT_OF_SYNC)]
    {
        let mut scene = scene.clone();
        let mut segment = scene.next_of(ServerToClient, ACK, 10);
        segment.tcp.acknowledgement = segment.tcp.acknowledgement.wrapping_add(offset);
        assert_eq!(scene.pass(&STRICT, segment), outcome, "{offset}");
    }
}

/// What bypass lets pass moves the numbers along, so that the rest of the connection fits again.
#[test]
fn bypass_catches_up_with_what_was_not_seen() {
    let mut scene = Scene::established();
    let mut segment = scene.next_of(ClientToServer, ACK, 0);
    segment.tcp.acknowledgement += 40_000;
    assert_eq!(scene.pass(&BYPASS, segment), Outcome::PassNoticed(DropReason::TcpOutOfSync));
    scene.next[1] += 40_000;
    scene.send(ClientToServer, ACK, 5);
    scene.send(ServerToClient, ACK, 5);
}

#[test]
fn data_before_the_first_segment_that_is_still_wanted_is_dropped() {
    let mut scene = handshake([CLIENT_ISN, SERVER_ISN], 1_000, [None, None]);
    for _ in 0..5 {
        let mut segment = scene.next_of(ClientToServer, ACK, 1_000);
        segment.tcp.window = 1_000;
        assert_eq!(scene.pass(&STRICT, segment), Outcome::Pass);
        let mut segment = scene.next_of(ServerToClient, ACK, 0);
        segment.tcp.window = 1_000;
        assert_eq!(scene.pass(&STRICT, segment), Outcome::Pass);
    }
    let repeated = |back: u32| segment(ClientToServer, ACK, scene.next[0] - back, scene.next[1], 100);
    assert_eq!(
        scene.clone().pass(&STRICT, repeated(1_000)),
        Outcome::Pass,
        "its acknowledgement may have got lost"
    );
    assert_eq!(scene.clone().pass(&STRICT, repeated(1_500)), OUT_OF_WINDOW);
}

#[test]
fn half_open_stays_answered() {
    let mut scene = Scene::answered();
    let again = segment(ServerToClient, SYN_ACK, SERVER_ISN, CLIENT_ISN + 1, 0);
    assert_eq!(scene.pass(&STRICT, again), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::Answered);
    assert!(!scene.tracking.is_handshake_complete());
    assert_eq!(scene.handshake.outcome(), HandshakeOutcome::HalfOpen);
}

/// RFC 9293, section 3.5, figure 8; either SYN-ACK may pass first.
#[test]
fn both_may_open_at_once() {
    for order in [[ClientToServer, ServerToClient], [ServerToClient, ClientToServer]] {
        let mut scene = Scene::opening();
        let syn = segment(ServerToClient, SYN, SERVER_ISN, 0, 0);
        assert_eq!(scene.pass(&STRICT, syn), Outcome::Pass);
        for direction in order {
            let (own, other) =
                if direction == ClientToServer { (CLIENT_ISN, SERVER_ISN) } else { (SERVER_ISN, CLIENT_ISN) };
            assert_eq!(scene.pass(&STRICT, segment(direction, SYN_ACK, own, other + 1, 0)), Outcome::Pass);
        }
        assert_eq!(scene.connection(), Connection::Established, "{order:?}");
        assert_eq!(scene.handshake.outcome(), HandshakeOutcome::Simultaneous, "{order:?}");
        scene.send(ClientToServer, ACK, 10);
        scene.send(ServerToClient, ACK, 10);
    }
}

/// RFC 9293, section 3.6, figure 13: both FINs are on their way at once.
#[test]
fn both_may_close_at_once() {
    let mut scene = Scene::established();
    let fins = [ClientToServer, ServerToClient].map(|direction| scene.next_of(direction, FIN_ACK, 0));
    assert_eq!(fins.map(|fin| scene.pass(&STRICT, fin)), [Outcome::Pass; 2]);
    scene.send(ClientToServer, ACK, 0);
    scene.send(ServerToClient, ACK, 0);
    assert_eq!(scene.connection(), Connection::Closed);
    assert_eq!(scene.causes.decisive(), Tracker::TcpFin);
}

#[test]
fn the_half_that_is_open_goes_on() {
    let mut scene = Scene::in_state(Connection::HalfClosed);
    for _ in 0..200 {
        scene.send(ServerToClient, ACK, 1_400);
        scene.send(ClientToServer, ACK, 0);
    }
    assert_eq!(scene.connection(), Connection::HalfClosed);
}

/// A stale session at the server (RFC 5961, section 4): SYN, ACK of something else, RST at that number.
#[test]
fn a_challenge_ack_in_answer_to_the_syn() {
    let challenge = segment(ServerToClient, ACK, 900_000, 700_000, 0);
    let mut strict = Scene::opening();
    assert_eq!(strict.pass(&STRICT, challenge), Outcome::Drop(DropReason::TcpChallengeAck));
    // The client never saw it, but it may reset its SYN for reasons of its own.
    assert_eq!(strict.pass(&STRICT, segment(ClientToServer, RST, CLIENT_ISN + 1, 0, 0)), Outcome::Pass);
    assert_eq!(strict.connection(), Connection::Reset);

    let allowing = Knobs { allow_challenge_ack: true, ..STRICT };
    let mut scene = Scene::opening();
    assert_eq!(scene.pass(&allowing, challenge), Outcome::PassNoticed(DropReason::TcpChallengeAck));
    assert_eq!(scene.connection(), Connection::Opening);
    assert_eq!(scene.pass(&allowing, segment(ClientToServer, RST, 700_000, 0, 0)), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::Reset);
    assert_eq!(scene.causes.decisive(), Tracker::TcpRstClient);
    assert_eq!(scene.handshake.outcome(), HandshakeOutcome::ChallengeAck);
    assert_eq!(scene.handshake.to_string(), "syn > ack > rst");
    // The client repeats its SYN, and now the server answers.
    assert_eq!(scene.pass(&allowing, segment(ClientToServer, SYN, CLIENT_ISN, 0, 0)), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::Opening);
    let answer = segment(ServerToClient, SYN_ACK, SERVER_ISN, CLIENT_ISN + 1, 0);
    assert_eq!(scene.pass(&allowing, answer), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::Answered);
}

/// RFC 9293, section 3.10.7.3: a reset counts when it acknowledges the SYN.
#[test]
fn a_refused_syn() {
    for (flags, acknowledgement, outcome) in [
        (RST_ACK, CLIENT_ISN + 1, Outcome::Pass),
        (RST_ACK, CLIENT_ISN, Outcome::Drop(DropReason::TcpRstOutOfWindow)),
        (RST_ACK, CLIENT_ISN + 2, Outcome::Drop(DropReason::TcpRstOutOfWindow)),
        (RST, CLIENT_ISN + 1, Outcome::Drop(DropReason::TcpRstOutOfWindow)),
    ] {
        let mut scene = Scene::opening();
        assert_eq!(scene.pass(&STRICT, segment(ServerToClient, flags, 0, acknowledgement, 0)), outcome);
        let is_refused = outcome == Outcome::Pass;
        assert_eq!(scene.connection() == Connection::Reset, is_refused);
        assert_eq!(scene.causes.has(Tracker::TcpRstServer), is_refused);
    }
}

/// RFC 5961, section 3: only the exact number is surely real, unless the operator says otherwise.
#[test]
fn a_reset_in_the_window_is_believed_when_resets_are_not_strict() {
    let lax = Knobs { strict_reset: false, ..STRICT };
    let mut scene = Scene::established();
    let mut reset = scene.next_of(ServerToClient, RST, 0);
    reset.tcp.sequence += 20_000;
    assert_eq!(scene.pass(&lax, reset), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::Reset);
}

#[test]
fn a_reset_is_disproved_when_its_sender_goes_on() {
    let mut scene = Scene::in_state(Connection::ResetUnverified);
    assert_eq!(scene.causes.decisive(), Tracker::TcpRstServer);
    scene.send(ClientToServer, ACK, 10);
    assert_eq!(
        scene.connection(),
        Connection::ResetUnverified,
        "the client's data says nothing of the server"
    );
    scene.send(ServerToClient, ACK, 10);
    assert_eq!(scene.connection(), Connection::Established);
    assert_eq!(scene.causes.decisive(), Tracker::None);
}

#[test]
fn a_disproved_reset_leaves_the_half_closed_connection_half_closed() {
    let mut scene = Scene::in_state(Connection::HalfClosed);
    let mut reset = scene.next_of(ServerToClient, RST, 0);
    reset.tcp.sequence += 7;
    assert_eq!(scene.pass(&STRICT, reset), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::ResetUnverified);
    scene.send(ServerToClient, ACK, 10);
    assert_eq!(scene.connection(), Connection::HalfClosed);
    assert_eq!(scene.causes.decisive(), Tracker::TcpFin);
}

/// Two resets in different names: disproving one leaves the other.
#[test]
fn each_side_s_reset_is_disproved_by_itself() {
    let mut scene = Scene::in_state(Connection::ResetUnverified);
    let mut reset = scene.next_of(ClientToServer, RST, 0);
    reset.tcp.sequence += 1;
    assert_eq!(scene.pass(&STRICT, reset), Outcome::Pass);
    scene.send(ServerToClient, ACK, 10);
    assert_eq!(scene.causes.decisive(), Tracker::TcpRstClient);
    assert_eq!(scene.connection(), Connection::ResetUnverified);
    scene.send(ClientToServer, ACK, 10);
    assert_eq!(scene.connection(), Connection::Established);
}

#[test]
fn both_fins_behind_a_disproved_reset_close_the_connection() {
    let mut scene = Scene::in_state(Connection::HalfClosed);
    let mut reset = scene.next_of(ClientToServer, RST, 0);
    reset.tcp.sequence += 7;
    assert_eq!(scene.pass(&STRICT, reset), Outcome::Pass);
    scene.send(ServerToClient, FIN_ACK, 0);
    // The client repeats its last data and its FIN.
    let again = segment(ClientToServer, FIN_ACK, scene.next[0] - 101, scene.next[1], 100);
    assert_eq!(scene.pass(&STRICT, again), Outcome::Pass);
    assert_eq!(scene.connection(), Connection::Closed);
}

/// Whoever guesses ports can send a SYN in the server's name; the server's own segments must still pass.
#[test]
fn a_forged_syn_of_the_server_does_not_move_its_numbers() {
    let mut scene = Scene::answered();
    let forged = segment(ServerToClient, SYN, SERVER_ISN + 1_000_000, 0, 0);
    let next = scene.next;
    scene.pass(&STRICT, forged);
    scene.next = next;
    scene.send(ClientToServer, ACK, 0);
    scene.send(ServerToClient, ACK, 10);
    assert_eq!(scene.tracking.first_sequence(ServerToClient), Some(SERVER_ISN + 1));
}

/// The published order of end reasons: a reset before a FIN, the client's before the server's.
#[test]
fn the_highest_cause_is_logged() {
    let mut scene = Scene::in_state(Connection::HalfClosed);
    assert_eq!(scene.causes.decisive(), Tracker::TcpFin);
    scene.send(ServerToClient, RST_ACK, 0);
    assert_eq!(scene.causes.decisive(), Tracker::TcpRstServer);
    scene.send(ClientToServer, RST, 0);
    assert_eq!(scene.causes.decisive(), Tracker::TcpRstClient);
    assert!(scene.causes.has(Tracker::TcpFin) && scene.causes.has(Tracker::TcpRstServer));
}

#[test]
fn the_first_payload_byte_follows_the_syn() {
    let mut scene = Scene::opening();
    assert_eq!(scene.tracking.first_sequence(ClientToServer), Some(CLIENT_ISN + 1));
    assert_eq!(scene.tracking.first_sequence(ServerToClient), None);
    scene.send(ServerToClient, SYN_ACK, 0);
    assert_eq!(scene.tracking.first_sequence(ServerToClient), Some(SERVER_ISN + 1));
    let mut midstream = Scene::default();
    let knobs = Knobs { accept_non_syn: true, ..BYPASS };
    midstream.pass(&knobs, segment(ClientToServer, ACK, 77, 88, 5));
    assert_eq!(midstream.tracking.first_sequence(ClientToServer), None);
    let mut wrapped = Scene::default();
    wrapped.pass(&STRICT, segment(ClientToServer, SYN, u32::MAX, 0, 0));
    assert_eq!(wrapped.tracking.first_sequence(ClientToServer), Some(0));
}

#[test]
fn what_may_open_a_session() {
    let lax = Knobs { accept_non_syn: true, ..STRICT };
    let noticed = Outcome::PassNoticed(DropReason::TcpNonSyn);
    for (flags, direction, state) in [
        (SYN_ACK, ServerToClient, Connection::Answered),
        (ACK, ClientToServer, Connection::Established),
        (FIN_ACK, ClientToServer, Connection::HalfClosed),
        (RST_ACK, ClientToServer, Connection::ResetUnverified),
    ] {
        let first = segment(direction, flags, 10, 20, 0);
        assert_eq!(Tracking::direction_of_first(&first.tcp), direction);
        assert_eq!(Scene::default().pass(&STRICT, first), Outcome::Drop(DropReason::TcpNonSyn));
        let mut scene = Scene::default();
        assert_eq!(scene.pass(&lax, first), noticed, "{flags:?}");
        assert_eq!(scene.connection(), state, "{flags:?}");
    }
}

/// PAN-OS knobs for first packets.
#[test]
fn knobs_of_the_first_segment() {
    let mut small = segment(ClientToServer, SYN, 1, 0, 0);
    small.tcp.window = 3;
    let minimum = Knobs { initial_window_min: 4, ..STRICT };
    assert_eq!(Scene::default().pass(&minimum, small), Outcome::Drop(DropReason::TcpSmallWindow));
    small.tcp.window = 4;
    assert_eq!(Scene::default().pass(&minimum, small), Outcome::Pass);
    let nothing = segment(ClientToServer, TcpFlags(0), 1, 0, 0);
    assert_eq!(Scene::default().pass(&STRICT, nothing), Outcome::Drop(DropReason::TcpZeroFlags));
    assert_eq!(Scene::established().pass(&STRICT, nothing), Outcome::Drop(DropReason::TcpZeroFlags));
    let forgiving = Knobs { drop_zero_flags: false, ..STRICT };
    let mut scene = Scene::established();
    let nothing = scene.next_of(ClientToServer, TcpFlags(0), 0);
    assert_eq!(scene.pass(&forgiving, nothing), Outcome::PassNoticed(DropReason::TcpZeroFlags));
}

#[test]
fn a_different_syn_is_dropped_when_told() {
    let knobs = Knobs { reject_different_syn: true, ..STRICT };
    for state in [Connection::Opening, Connection::Answered, Connection::Established] {
        let mut scene = Scene::in_state(state);
        let other = segment(ClientToServer, SYN, CLIENT_ISN + 9, 0, 0);
        assert_eq!(scene.pass(&knobs, other), Outcome::Drop(DropReason::TcpDifferentSyn), "{state:?}");
        let own = segment(ClientToServer, SYN, CLIENT_ISN, 0, 0);
        assert_eq!(scene.pass(&knobs, own), Outcome::Pass, "{state:?}");
    }
}

#[test]
fn a_syn_on_a_live_connection_waits_for_the_server_s_opinion() {
    let mut scene = Scene::established();
    let other = segment(ClientToServer, SYN, 500_000, 0, 0);
    let next = scene.next;
    assert_eq!(scene.pass(&STRICT, other), Outcome::MayReopen);
    scene.next = next;
    // The server does not agree: a challenge ACK, and the connection goes on.
    let mut refused = scene.clone();
    refused.send(ServerToClient, ACK, 0);
    refused.send(ClientToServer, ACK, 10);
    assert_eq!(refused.connection(), Connection::Established);
    // It does.
    let agreed = segment(ServerToClient, SYN_ACK, 42, 500_001, 0);
    assert_eq!(scene.pass(&STRICT, agreed), Outcome::Reopened);
}

/// A tap may deliver the SYN-ACK before the SYN that it answers.
#[test]
fn the_syn_behind_its_own_answer_is_no_other_connection() {
    let knobs = Knobs { accept_non_syn: true, ..BYPASS };
    let mut scene = Scene::default();
    scene.pass(&knobs, segment(ServerToClient, SYN_ACK, SERVER_ISN, CLIENT_ISN + 1, 0));
    let outcome = scene.pass(&knobs, segment(ClientToServer, SYN, CLIENT_ISN, 0, 0));
    assert!(matches!(outcome, Outcome::Pass | Outcome::PassNoticed(_)), "{outcome:?}");
}

/// RFC 9293, section 3.10.7.4, fifth step: hosts in sync drop a segment without ACK.
#[test]
fn a_segment_without_ack_is_out_of_sync() {
    for state in [Connection::Answered, Connection::Established, Connection::HalfClosed, Connection::Closed] {
        for flags in [TcpFlags::PSH, TcpFlags::FIN, TcpFlags::FIN.with(TcpFlags::PSH).with(TcpFlags::URG)] {
            let mut scene = Scene::in_state(state);
            let bare = scene.next_of(ClientToServer, flags, 10);
            assert_eq!(scene.pass(&STRICT, bare), Outcome::Drop(DropReason::TcpOutOfSync), "{state:?}");
            assert_eq!(scene.connection(), state);
            assert_eq!(
                scene.pass(&BYPASS, bare),
                Outcome::PassNoticed(DropReason::TcpOutOfSync),
                "{state:?}"
            );
        }
    }
}

#[test]
fn acknowledgements_are_told_by_the_direction_of_what_they_acknowledge() {
    assert_eq!(Scene::opening().tracking.acknowledged(), [Some(CLIENT_ISN + 1), None]);
    assert_eq!(Scene::answered().tracking.acknowledged(), [Some(CLIENT_ISN + 1), Some(SERVER_ISN + 1)]);
    let acknowledged = [Some(CLIENT_ISN + 101), Some(SERVER_ISN + 101)];
    assert_eq!(Scene::established().tracking.acknowledged(), acknowledged);
}

/// RFC 5961, section 3.2: only the next expected number resets. The dropped segment's receiver still waits
/// for it, even if later ones have come.
#[test]
fn a_reset_has_the_number_that_its_receiver_expects() {
    let mut scene = Scene::established();
    let [client, server] = scene.next;
    let later = segment(ClientToServer, ACK, client + 50, server, 50);
    assert_eq!(scene.pass(&STRICT, later), Outcome::Pass);
    let dropped = segment(ClientToServer, ACK, client, server, 50);
    assert_eq!(scene.pass(&STRICT, dropped), Outcome::Pass);
    assert_eq!(scene.tracking.reset_numbers(ClientToServer, &dropped), (client, server));
    assert_eq!(scene.tracking.reset_numbers(ServerToClient, &dropped), (server, client));
    let repeated = segment(ClientToServer, ACK, client - 20, server, 70);
    assert_eq!(scene.tracking.reset_numbers(ClientToServer, &repeated), (client, server));
}
