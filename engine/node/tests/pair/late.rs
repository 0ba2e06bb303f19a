//! What a device has told while it led, and the other one hears when it leads itself.

use std::time::Duration;

use bifrons_dataplane::ClearFilter;
use bifrons_ha::{HaState, StateRequest};
use bifrons_node::{Command, Reply};

use super::{OUTSIDE, Pair, open, segment};

const MOMENT: Duration = Duration::from_millis(100);
const WHILE: Duration = Duration::from_secs(1);

impl Pair {
    /// Device 0 hands over to device 1.
    fn hand_over(&mut self) {
        self.order(0, Command::PairState(StateRequest::Suspend)).unwrap();
        self.run(MOMENT);
        assert_eq!([self.state(0), self.state(1)], [HaState::Suspended, HaState::Active]);
    }

    fn clear(&mut self, device: usize) -> Reply {
        self.order(device, Command::ClearSessions(ClearFilter::default())).unwrap()
    }

    fn known(&self) -> [usize; 2] {
        [self.sessions(0), self.sessions(1)]
    }
}

#[test]
fn a_session_that_is_told_late_is_known_to_both() {
    let mut pair = Pair::new(1);
    pair.deaf = Some(1);
    let port = open(&mut pair, 0);
    pair.hand_over();
    assert_eq!(pair.known(), [0, 0], "who leads tells of all that there is");
    pair.deaf = None;
    pair.run(WHILE);
    assert_eq!(pair.known(), [1, 1]);
    assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "A", 501, 106, b"world")), 1);
    assert_eq!(pair.clear(1), Reply::Cleared(1));
    pair.run(MOMENT);
    assert_eq!((pair.known(), pair.records.len()), ([0, 0], 1));
}

#[test]
fn an_end_that_is_told_late_is_one_for_both() {
    let mut pair = Pair::new(1);
    open(&mut pair, 0);
    pair.run(MOMENT);
    pair.deaf = Some(1);
    assert_eq!(pair.clear(0), Reply::Cleared(1));
    pair.hand_over();
    assert_eq!(pair.known(), [1, 1], "the new leader has not heard of the end");
    pair.deaf = None;
    pair.run(WHILE);
    assert_eq!((pair.known(), pair.records.len()), ([0, 0], 1));
}

#[test]
fn a_join_that_comes_late_gives_no_session_back_to_who_follows() {
    let mut pair = Pair::new(1);
    open(&mut pair, 0);
    pair.hand_over();
    pair.order(0, Command::PairState(StateRequest::Functional)).unwrap();
    pair.run(Duration::from_secs(15));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Passive, HaState::Active]);
    pair.deaf = Some(0);
    pair.run(MOMENT);
    // Only the device that hears nothing on HA2 takes the other one for dead.
    pair.cut(true);
    pair.run(MOMENT);
    pair.cut(false);
    pair.run(WHILE);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    pair.deaf = None;
    pair.run(WHILE);
    assert_eq!(pair.known(), [1, 1]);
    assert_eq!(pair.clear(0), Reply::Cleared(1), "its owner is the device that leads");
    pair.run(MOMENT);
    assert_eq!((pair.known(), pair.records.len()), ([0, 0], 1));
}
