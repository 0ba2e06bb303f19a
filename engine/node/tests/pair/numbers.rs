//! Two devices that number the same names differently.

use std::time::Duration;

use bifrons_ha::{HaLinkId, HaState, StateRequest};
use bifrons_node::{Command, Reply};
use bifrons_session::SessionFlags;

use super::{INSIDE, OUTSIDE, Pair, config, node_with, open, segment};

/// Lines in front of all others: whoever begins with them gives their names the first numbers.
fn front(name: &str, net: u8) -> String {
    format!(
        "set network interface ethernet ethernet1/{net} layer3 ip 10.{net}.0.254/24\n\
         set network virtual-router default interface ethernet1/{net}\n\
         set zone {name} network layer3 ethernet1/{net}\n\
         set rulebase security rules {name} from any to outside source any destination any\n\
         set rulebase security rules {name} application any service any action allow log-end yes\n\
         set rulebase nat rules {name}-hide from {name} to outside source any destination any service any\n\
         set rulebase nat rules {name}-hide source-translation dynamic-ip-and-port interface-address \
         interface ethernet1/2\n"
    )
}

/// A session in words: rule, zones, interfaces, NAT rule.
type Words = (String, [String; 2], [String; 2], String);

impl Pair {
    /// All sessions of a device, in words, and whether it holds them for the other one.
    fn words(&mut self, device: usize) -> Vec<(Words, bool)> {
        let node = self.node(device);
        let names = node.policy().names().clone();
        let mut all = Vec::new();
        for worker in node.workers() {
            let table = worker.sessions();
            for slot in table.slots() {
                let session = table.get(slot);
                let zones = table.keys(slot).map(|key| names.zone(key.zone()).to_string());
                let interfaces = [session.interface_in, session.interface_out];
                let interfaces = interfaces.map(|interface| names.interface(interface).to_string());
                let nat = names.nat_rule(bifrons_model::NatRuleId(session.nat_rule.into())).to_string();
                let words = (names.rule(session.rule).to_string(), zones, interfaces, nat);
                all.push((words, session.flags.has(SessionFlags::COPY)));
            }
        }
        all
    }

    fn numbers_of(&mut self, device: usize) -> [Option<usize>; 3] {
        let names = self.node(device).policy().names();
        let place = |names: &[String], name: &str| names.iter().position(|other| other == name);
        [place(&names.rules, "FIRST"), place(&names.zones, "inside"), place(&names.interfaces, "ethernet1/1")]
    }

    fn commit_on_both(&mut self, device: usize, text: &str) {
        assert_eq!(self.commit(device, text).unwrap(), Reply::Proposed);
        self.run(Duration::from_secs(1));
    }

    fn restart(&mut self, device: usize, workers: usize, text: &str) {
        self.nodes[device] = None;
        self.run(Duration::from_secs(2));
        self.nodes[device] = Some(node_with(device, self.now, workers, text));
        self.run(Duration::from_secs(14));
    }
}

fn first() -> Words {
    (
        "FIRST".into(),
        ["inside".into(), "outside".into()],
        ["ethernet1/1".into(), "ethernet1/2".into()],
        "hide".into(),
    )
}

/// Device 0 has run three configurations, device 1 only the last one.
fn apart(workers: usize) -> Pair {
    let mut pair = Pair::new(workers);
    pair.commit_on_both(0, &(front("GONE", 8) + &config(0)));
    pair.commit_on_both(0, &(front("FIRST", 9) + &config(0)));
    pair.restart(1, workers, &(front("FIRST", 9) + &config(1)));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    for place in 0..3 {
        let numbers = [0, 1].map(|device| pair.numbers_of(device)[place].unwrap());
        assert_ne!(numbers[0], numbers[1], "{place}");
    }
    pair
}

#[test]
fn copies_are_under_the_rule_of_the_same_name() {
    for workers in [1, 3] {
        let mut pair = apart(workers);
        let port = open(&mut pair, 0);
        pair.run(Duration::from_millis(20));
        assert_eq!(pair.words(0), [(first(), false)]);
        assert_eq!(pair.words(1), [(first(), true)]);

        pair.nodes[0] = None;
        pair.run(Duration::from_millis(60));
        assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "A", 501, 106, b"world")), 1);
        assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "FA", 106, 506, b"")), 1);
        assert_eq!(pair.passes(1, OUTSIDE, segment(false, port, "FA", 506, 107, b"")), 1);
        assert_eq!(pair.passes(1, INSIDE, segment(true, 0, "A", 107, 507, b"")), 1);
        pair.run(Duration::from_secs(40));
        let [(1, record)] = &pair.records[..] else { panic!("one record of device 1") };
        let record = record.clone();
        let names = pair.node(1).policy().names();
        assert_eq!(names.rule(record.rule), "FIRST");
        assert_eq!([names.zone(record.zone_from), names.zone(record.zone_to)], ["inside", "outside"]);
        assert_eq!(names.interface(record.interface_in), "ethernet1/1");
        assert_eq!(record.sent.packets, 4);
    }
}

#[test]
fn copies_are_right_at_the_device_with_more_history() {
    let mut pair = apart(1);
    pair.order(0, Command::PairState(StateRequest::Suspend)).unwrap();
    pair.run(Duration::from_secs(3));
    pair.order(0, Command::PairState(StateRequest::Functional)).unwrap();
    pair.run(Duration::from_secs(15));
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Passive, HaState::Active]);
    open(&mut pair, 1);
    pair.run(Duration::from_millis(20));
    assert_eq!(pair.words(1), [(first(), false)]);
    assert_eq!(pair.words(0), [(first(), true)]);
}

#[test]
fn names_that_only_one_device_has_ever_had_are_known_to_the_other() {
    let mut pair = Pair::new(1);
    pair.commit_on_both(0, &(front("GONE", 8) + &config(0)));
    open(&mut pair, 0);
    // The rule is gone, the session stays under it until its next packet.
    pair.commit_on_both(0, &config(0));
    pair.restart(1, 1, &config(1));
    let words = pair.words(0);
    assert_eq!(words[0].0.0, "GONE");
    assert_eq!(pair.words(1), [(words[0].0.clone(), true)]);
}

#[test]
fn a_session_under_a_rule_that_the_peer_is_about_to_have_keeps_it() {
    let mut pair = Pair::new(1);
    assert_eq!(pair.commit(0, &(front("FIRST", 9) + &config(0))).unwrap(), Reply::Proposed);
    // Message by message, until only one device has it.
    let has_it = |pair: &mut Pair| [0, 1].map(|device| pair.numbers_of(device)[0].is_some());
    while has_it(&mut pair) == [false, false] {
        pair.run(Duration::from_millis(1));
    }
    assert_eq!(has_it(&mut pair), [true, false]);
    let messages = std::mem::take(&mut pair.wire).into_iter();
    let (control, state): (Vec<_>, Vec<_>) = messages.partition(|(_, link, _)| *link == HaLinkId::Ha1);
    pair.wire.extend(state);
    open(&mut pair, 0);
    pair.run(Duration::from_millis(5));
    assert_eq!(pair.words(1), [(first(), true)]);
    assert_eq!(has_it(&mut pair), [true, true], "its number is known, not yet its configuration");
    pair.wire.extend(control);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.words(1), [(first(), true)]);
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    let words = pair.words(1);
    assert_eq!((words[0].0.clone(), words.len()), (first(), 1));
}
