//! Every state against every event (RFC 9293, section 3.10; RFC 5961; PAN-OS help, "TCP Settings").

use super::*;
use alloc::{format, string::String, vec::Vec};

/// What comes, from either side; `next` is the side's next sequence number, `other` that of its peer.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A SYN with the sequence number of the side's own one.
    SynSame,
    /// A SYN with another.
    SynOther,
    /// A SYN-ACK that acknowledges the peer's SYN.
    SynAckFits,
    /// A SYN-ACK for what the peer never sent.
    SynAckOther,
    Ack,
    Data,
    Fin,
    /// At `next`.
    ResetExact,
    /// One behind `next`.
    ResetInWindow,
    /// Far behind the window, and for what the peer never sent.
    ResetOutside,
}

const EVENTS: [Event; 10] = [
    Event::SynSame,
    Event::SynOther,
    Event::SynAckFits,
    Event::SynAckOther,
    Event::Ack,
    Event::Data,
    Event::Fin,
    Event::ResetExact,
    Event::ResetInWindow,
    Event::ResetOutside,
];

/// One line for each state and side. `=` it passes and the state stays; `>X` it passes and the state
/// becomes X; `xY` it is dropped for reason Y and nothing changes; `~Y` it passes although reason Y could
/// drop it; `new` it begins another connection; `may` it may begin one. States: Opening, Answered,
/// Established, HalfClosed, Closed, Reset, Unverified. Reasons: out of Sync, Reset out of window.
const STRICT_TABLE: &str = "
  state       from    SYN   SYN    SYN-ACK  SYN-ACK  ACK   data  FIN   RST    RST        RST
                      same  other  fits     other                      exact  in window  outside
  Opening     client  =     new    xS       xS       xS    xS    xS    >R     xR         xR
  Opening     server  =     =      >A       xS       xS    xS    xS    >R     >R         xR
  Answered    client  =     new    >E       xS       >E    >E    >H    >R     >U         xR
  Answered    server  =     =      =        xS       =     =     >H    >R     >U         xR
  Established client  =     may    =        xS       =     =     >H    >R     >U         xR
  Established server  =     =      =        xS       =     =     >H    >R     >U         xR
  HalfClosed  client  =     new    =        xS       =     =     =     >R     >U         xR
  HalfClosed  server  =     new    =        xS       =     =     >C    >R     >U         xR
  Closed      client  =     new    =        xS       =     =     =     =      =          xR
  Closed      server  =     new    =        xS       =     =     =     =      =          xR
  Reset       client  =     new    =        xS       =     =     =     =      =          xR
  Reset       server  =     new    =        xS       =     =     =     =      =          xR
  Unverified  client  =     new    =        xS       =     =     =     >R     =          xR
  Unverified  server  =     new    =        xS       =     >E    =     >R     =          xR
";

/// The same with `asymmetric-path bypass`: what was dropped passes. Where the SYN-ACK took another path the
/// connection is picked up; a reset that cannot be judged is not verified.
const BYPASS_TABLE: &str = "
  state       from    SYN   SYN    SYN-ACK  SYN-ACK  ACK   data  FIN   RST    RST        RST
                      same  other  fits     other                      exact  in window  outside
  Opening     client  =     new    ~S       ~S       ~S>E  ~S>E  ~S>H  >R     ~R>U       ~R>U
  Opening     server  =     =      >A       ~S       ~S>E  ~S>E  ~S>H  >R     >R         ~R>U
  Answered    client  =     new    >E       ~S       >E    >E    >H    >R     >U         ~R>U
  Answered    server  =     =      =        ~S       =     =     >H    >R     >U         ~R>U
  Established client  =     may    =        ~S       =     =     >H    >R     >U         ~R>U
  Established server  =     =      =        ~S       =     =     >H    >R     >U         ~R>U
  HalfClosed  client  =     new    =        ~S       =     =     =     >R     >U         ~R>U
  HalfClosed  server  =     new    =        ~S       =     =     >C    >R     >U         ~R>U
  Closed      client  =     new    =        ~S       =     =     =     =      =          ~R
  Closed      server  =     new    =        ~S       =     =     =     =      =          ~R
  Reset       client  =     new    =        ~S       =     =     =     =      =          ~R
  Reset       server  =     new    =        ~S       =     =     =     =      =          ~R
  Unverified  client  =     new    =        ~S       =     =     =     >R     =          ~R
  Unverified  server  =     new    =        ~S       =     >E    =     >R     =          ~R
";

#[test]
fn every_event_in_every_state_strictly() {
    compare(STRICT_TABLE, &STRICT);
}

#[test]
fn every_event_in_every_state_with_bypass() {
    compare(BYPASS_TABLE, &BYPASS);
}

fn compare(table: &str, knobs: &Knobs) {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in table.lines().skip(3).filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [state, from, expected @ ..] = words.as_slice() else { panic!("{line}") };
        assert_eq!(expected.len(), EVENTS.len(), "{line}");
        for (event, expected) in EVENTS.into_iter().zip(expected) {
            let found = cell(state_called(state), side_called(from), event, knobs);
            compared += 1;
            if found != *expected {
                wrong.push(format!("{state} {from} {event:?}: expected {expected}, found {found}"));
            }
        }
    }
    assert_eq!(compared, 7 * 2 * EVENTS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What one event does, as the tables spell it.
fn cell(before: Connection, direction: Direction, event: Event, knobs: &Knobs) -> String {
    let mut scene = Scene::in_state(before);
    let untouched = scene.clone();
    let outcome = scene.pass(knobs, event_of(&scene, direction, event));
    let after = scene.connection();
    let step = if after == before { String::new() } else { format!(">{}", letter(after)) };
    match outcome {
        Outcome::Pass if after == before => "=".into(),
        Outcome::Pass => step,
        Outcome::PassNoticed(reason) => format!("~{}{step}", reason_letter(reason)),
        Outcome::Drop(reason) => {
            assert_eq!(after, before, "a dropped segment changes nothing");
            assert_eq!(scene.causes, untouched.causes, "a dropped segment is no cause");
            format!("x{}", reason_letter(reason))
        }
        Outcome::NewConnection => "new".into(),
        Outcome::MayReopen => "may".into(),
        Outcome::Reopened => "reopened".into(),
    }
}

fn event_of(scene: &Scene, direction: Direction, event: Event) -> Segment {
    let isn = [CLIENT_ISN, SERVER_ISN];
    let (own, other) = (isn[direction.index()], isn[1 - direction.index()]);
    let beyond = scene.next[1 - direction.index()] + 5_000;
    let at = |flags, sequence, acknowledgement| segment(direction, flags, sequence, acknowledgement, 0);
    let reset = |offset| {
        let mut reset = scene.next_of(direction, RST_ACK, 0);
        reset.tcp.sequence += offset;
        reset
    };
    match event {
        Event::SynSame => at(SYN, own, 0),
        Event::SynOther => at(SYN, own + 77_777, 0),
        Event::SynAckFits => at(SYN_ACK, own, other + 1),
        Event::SynAckOther => at(SYN_ACK, own, beyond),
        Event::Ack => scene.next_of(direction, ACK, 0),
        Event::Data => scene.next_of(direction, ACK, 10),
        Event::Fin => scene.next_of(direction, FIN_ACK, 0),
        Event::ResetExact => reset(0),
        Event::ResetInWindow => reset(1),
        Event::ResetOutside => {
            let mut reset = reset(1_000_000);
            reset.tcp.acknowledgement = beyond;
            reset
        }
    }
}

const STATES: [(&str, Connection); 7] = [
    ("Opening", Connection::Opening),
    ("Answered", Connection::Answered),
    ("Established", Connection::Established),
    ("HalfClosed", Connection::HalfClosed),
    ("Closed", Connection::Closed),
    ("Reset", Connection::Reset),
    ("Unverified", Connection::ResetUnverified),
];

fn state_called(word: &str) -> Connection {
    STATES.into_iter().find(|(name, _)| *name == word).map(|(_, state)| state).expect("a state")
}

fn letter(state: Connection) -> char {
    let (name, _) = STATES.into_iter().find(|(_, other)| *other == state).expect("a state");
    name.chars().next().expect("a letter")
}

fn side_called(word: &str) -> Direction {
    match word {
        "client" => ClientToServer,
        "server" => ServerToClient,
        other => panic!("{other}"),
    }
}

fn reason_letter(reason: DropReason) -> char {
    [(DropReason::TcpOutOfSync, 'S'), (DropReason::TcpOutOfWindow, 'W'), (DropReason::TcpRstOutOfWindow, 'R')]
        .into_iter()
        .find(|(other, _)| *other == reason)
        .map_or('?', |(_, letter)| letter)
}

/// Each state runs on its own timer (PAN-OS help, "Session Timeouts").
#[test]
fn every_state_has_its_timer() {
    for (state, timer) in [
        (Connection::Opening, Timer::TcpInit),
        (Connection::Answered, Timer::TcpHandshake),
        (Connection::Established, Timer::Tcp),
        (Connection::HalfClosed, Timer::TcpHalfClosed),
        (Connection::Closed, Timer::TcpTimeWait),
        (Connection::Reset, Timer::TcpTimeWait),
        (Connection::ResetUnverified, Timer::TcpUnverifiedReset),
    ] {
        assert_eq!(state.timer(), timer, "{state:?}");
    }
}
