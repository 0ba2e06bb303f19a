//! What is known of one neighbor.
//!
//! ```text
//!            ask                  answer
//! (nothing) ────► INCOMPLETE ───────────────► REACHABLE ◄──────────┐
//!                  │   │ it asks, or tells        │ time           │
//!                  │   └──────────────┐           ▼                │ answer
//!       no answer  │                  └───────► STALE              │
//!                  ▼                              │ used           │
//!               FAILED ◄──── no answer ── PROBE ◄─┴─ DELAY ────────┤
//!                  │ time                   └──────────────────────┘
//!                  ▼
//!              (nothing)
//! ```
//!
//! The states are those of RFC 4861, section 7.3.2, for ARP as well; FAILED keeps a neighbor that does not
//! answer from being asked more often than the rest. STATIC ones are configured and stay.

use core::time::Duration;

use bifrons_model::{MacAddress, Timestamp};

/// How often a neighbor is asked before it counts as unreachable (MAX_MULTICAST_SOLICIT and
/// MAX_UNICAST_SOLICIT of RFC 4861, section 10).
const ATTEMPTS: u8 = 3;
/// DELAY_FIRST_PROBE_TIME of RFC 4861, section 10.
const DELAY: Duration = Duration::from_secs(5);
/// How long a neighbor is kept that nobody talks to.
const STALE: Duration = Duration::from_secs(1200);

/// How long things take on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// Between two questions.
    pub retransmission: Duration,
    /// How long an answer holds.
    pub reachable: Duration,
}

/// A neighbor's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighborState {
    /// It was asked for and has not answered yet.
    Incomplete,
    /// It answered not long ago.
    Reachable,
    /// It was heard, or answered long ago.
    Stale,
    /// It was stale when it was used, and is asked soon unless it is heard.
    Delay,
    /// It is asked whether it is still there.
    Probe,
    /// It does not answer.
    Failed,
    /// It is configured.
    Static,
}

/// What happens to a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A packet is to be sent to it.
    Wanted,
    /// It told its address of its own accord.
    Heard(MacAddress),
    /// It told its address in a message that may answer a question.
    Told { mac: Option<MacAddress>, is_solicited: bool, is_override: bool },
    /// A higher layer knows that packets arrive there.
    Confirmed,
    /// Its deadline has come.
    Timeout,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Nothing,
    /// Ask everyone.
    AskAll,
    /// Ask the neighbor alone.
    Ask(MacAddress),
    /// Say that it does not answer.
    GiveUp,
    /// Forget it.
    Forget,
}

/// One neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub state: NeighborState,
    /// `None` where it is not known: INCOMPLETE and FAILED.
    pub mac: Option<MacAddress>,
    /// Questions without an answer.
    tries: u8,
    pub deadline: Option<Timestamp>,
}

impl Entry {
    /// One that is asked for the first time.
    pub fn incomplete(now: Timestamp, times: &Times) -> Self {
        let deadline = Some(now + times.retransmission);
        Self { state: NeighborState::Incomplete, mac: None, tries: 1, deadline }
    }

    /// One that told its address before it was asked.
    pub fn heard(now: Timestamp, mac: MacAddress) -> Self {
        Self { state: NeighborState::Stale, mac: Some(mac), tries: 0, deadline: Some(now + STALE) }
    }

    pub const fn fixed(mac: MacAddress) -> Self {
        Self { state: NeighborState::Static, mac: Some(mac), tries: 0, deadline: None }
    }

    /// What workers know of it: its address, and whether they are to say when they use it.
    pub fn known(&self) -> Option<(MacAddress, bool)> {
        self.mac.map(|mac| (mac, self.state == NeighborState::Stale))
    }

    pub fn handle(&mut self, now: Timestamp, event: Event, times: &Times) -> Reaction {
        use NeighborState::{Delay, Failed, Incomplete, Probe, Reachable, Stale, Static};
        match (self.state, event) {
            (Static, _)
            | (Incomplete | Failed, Event::Wanted | Event::Confirmed)
            | (Reachable | Delay | Probe, Event::Wanted) => {}
            (Incomplete | Failed, Event::Heard(mac)) => self.become_stale(now, mac),
            (Incomplete | Failed, Event::Told { mac: None, .. }) => {}
            (Incomplete | Failed, Event::Told { mac: Some(mac), is_solicited, .. }) => {
                self.become_stale(now, mac);
                if is_solicited {
                    self.become_reachable(now, times);
                }
            }
            (Reachable | Stale | Delay | Probe, Event::Heard(mac)) => {
                if self.mac != Some(mac) {
                    self.become_stale(now, mac);
                }
            }
            (Reachable | Stale | Delay | Probe, Event::Told { mac, is_solicited, is_override }) => {
                self.update(now, mac, is_solicited, is_override, times);
            }
            (Reachable | Stale | Delay | Probe, Event::Confirmed) => self.become_reachable(now, times),
            (Stale, Event::Wanted) => {
                self.state = Delay;
                self.deadline = Some(now + DELAY);
            }
            (Incomplete | Probe, Event::Timeout) if self.tries >= ATTEMPTS => {
                (self.state, self.mac) = (Failed, None);
                self.deadline = Some(now + times.retransmission);
                return Reaction::GiveUp;
            }
            (Incomplete, Event::Timeout) => {
                self.ask_again(now, times);
                return Reaction::AskAll;
            }
            (Delay | Probe, Event::Timeout) => {
                self.tries = if self.state == Delay { 0 } else { self.tries };
                self.state = Probe;
                self.ask_again(now, times);
                return self.mac.map_or(Reaction::AskAll, Reaction::Ask);
            }
            (Reachable, Event::Timeout) => {
                self.state = Stale;
                self.deadline = Some(now + STALE);
            }
            (Stale | Failed, Event::Timeout) => return Reaction::Forget,
        }
        Reaction::Nothing
    }

    /// RFC 4861, section 7.2.5, of an entry whose address is known.
    fn update(
        &mut self,
        now: Timestamp,
        mac: Option<MacAddress>,
        is_solicited: bool,
        is_override: bool,
        times: &Times,
    ) {
        let other = mac.filter(|mac| self.mac != Some(*mac));
        match other {
            Some(_) if !is_override && self.state == NeighborState::Reachable => {
                self.state = NeighborState::Stale;
                self.deadline = Some(now + STALE);
            }
            Some(_) if !is_override => {}
            Some(mac) => {
                self.become_stale(now, mac);
                if is_solicited {
                    self.become_reachable(now, times);
                }
            }
            None if is_solicited => self.become_reachable(now, times),
            None => {}
        }
    }

    fn become_stale(&mut self, now: Timestamp, mac: MacAddress) {
        *self = Self::heard(now, mac);
    }

    fn become_reachable(&mut self, now: Timestamp, times: &Times) {
        self.state = NeighborState::Reachable;
        self.tries = 0;
        self.deadline = Some(now + times.reachable);
    }

    fn ask_again(&mut self, now: Timestamp, times: &Times) {
        self.tries += 1;
        self.deadline = Some(now + times.retransmission);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NeighborState::{Delay, Failed, Incomplete, Probe, Reachable, Stale, Static};

    const A: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xa]);
    const B: MacAddress = MacAddress([2, 0, 0, 0, 0, 0xb]);
    const NOW: Timestamp = Timestamp::from_secs(100);
    const TIMES: Times = Times { retransmission: Duration::from_secs(1), reachable: Duration::from_secs(30) };

    fn entry(state: NeighborState, tries: u8) -> Entry {
        let mac = (!matches!(state, Incomplete | Failed)).then_some(A);
        Entry { state, mac, tries, deadline: Some(NOW) }
    }

    fn told(mac: Option<MacAddress>, is_solicited: bool, is_override: bool) -> Event {
        Event::Told { mac, is_solicited, is_override }
    }

    /// The state, the address and the seconds to the deadline after each event, in the order of `events`.
    type Row = [(NeighborState, Option<MacAddress>, u64, Reaction); 11];

    #[test]
    fn every_event_in_every_state() {
        use Reaction::{Ask, AskAll, Forget, GiveUp, Nothing};
        let events = [
            Event::Wanted,
            Event::Heard(A),
            Event::Heard(B),
            told(None, true, true),
            told(Some(A), true, false),
            told(Some(A), false, true),
            told(Some(B), true, true),
            told(Some(B), false, true),
            told(Some(B), true, false),
            Event::Confirmed,
            Event::Timeout,
        ];
        let (a, b) = (Some(A), Some(B));
        let same = |state: NeighborState| (state, entry(state, 0).mac, 0, Nothing);
        let stale = |mac| (Stale, mac, 1200, Nothing);
        let reachable = |mac| (Reachable, mac, 30, Nothing);
        let unknown = |state, timeout| -> Row {
            [
                same(state),
                stale(a),
                stale(b),
                same(state),
                reachable(a),
                stale(a),
                reachable(b),
                stale(b),
                reachable(b),
                same(state),
                timeout,
            ]
        };
        let known = |state, wanted, contradicted, timeout| -> Row {
            [
                wanted,
                same(state),
                stale(b),
                reachable(a),
                reachable(a),
                same(state),
                reachable(b),
                stale(b),
                contradicted,
                reachable(a),
                timeout,
            ]
        };
        let table: [(NeighborState, u8, Row); 9] = [
            (Incomplete, 1, unknown(Incomplete, (Incomplete, None, 1, AskAll))),
            (Incomplete, 3, unknown(Incomplete, (Failed, None, 1, GiveUp))),
            (Failed, 3, unknown(Failed, (Failed, None, 0, Forget))),
            (Reachable, 0, known(Reachable, same(Reachable), stale(a), stale(a))),
            (Stale, 0, known(Stale, (Delay, a, 5, Nothing), same(Stale), (Stale, a, 0, Forget))),
            (Delay, 0, known(Delay, same(Delay), same(Delay), (Probe, a, 1, Ask(A)))),
            (Probe, 1, known(Probe, same(Probe), same(Probe), (Probe, a, 1, Ask(A)))),
            (Probe, 3, known(Probe, same(Probe), same(Probe), (Failed, None, 1, GiveUp))),
            (Static, 0, [same(Static); 11]),
        ];
        for (state, tries, row) in table {
            for (event, (wanted, mac, seconds, reaction)) in events.into_iter().zip(row) {
                let mut entry = entry(state, tries);
                let found = entry.handle(NOW, event, &TIMES);
                let deadline = Some(NOW + Duration::from_secs(seconds));
                let what = (entry.state, entry.mac, entry.deadline, found);
                assert_eq!(what, (wanted, mac, deadline, reaction), "{state:?} {tries} {event:?}");
            }
        }
    }

    #[test]
    fn a_neighbor_that_falls_silent_is_asked_three_times_more() {
        let mut entry = entry(Delay, 0);
        let asked = (0..5).map(|_| entry.handle(NOW, Event::Timeout, &TIMES)).collect::<alloc::vec::Vec<_>>();
        let ask = Reaction::Ask(A);
        assert_eq!(asked, [ask, ask, ask, Reaction::GiveUp, Reaction::Forget]);
    }
}
