//! One configuration on two devices.

use std::time::Duration;

use bifrons_config::{CommitRequest, Committed, Document};
use bifrons_ha::{
    HaLinkId, HaState,
    config_sync::{ConfigMark, ConfigState, Refused},
};
use bifrons_node::{Command, CommandError, Node, Notice, PairCommit, Reply};

use super::{Pair, config, node};

const RULE: &str = "
set rulebase security rules ADDED from outside to inside source any destination any
set rulebase security rules ADDED application any service any action deny
";

impl Pair {
    pub fn node(&mut self, device: usize) -> &mut Node {
        self.nodes[device].as_mut().unwrap()
    }

    pub fn commit(&mut self, device: usize, text: &str) -> Result<Reply, CommandError> {
        let command = Command::Commit {
            document: Document::parse(text, "test").unwrap(),
            request: CommitRequest { admin: "alice".into(), ..CommitRequest::default() },
        };
        let now = self.now;
        let reply = self.node(device).handle_command(now, command);
        self.drain(device);
        reply
    }

    pub fn order(&mut self, device: usize, command: Command) -> Result<Reply, CommandError> {
        let now = self.now;
        let reply = self.node(device).handle_command(now, command);
        self.drain(device);
        reply
    }

    /// HA1 is cut, or carries again; both devices see it.
    pub fn cut(&mut self, is_cut: bool) {
        self.is_cut = is_cut;
        for device in [0, 1] {
            self.order(device, Command::PairLink { link: HaLinkId::Ha1, is_up: !is_cut }).unwrap();
        }
    }

    /// The devices whose policies have a rule.
    fn with_rule(&mut self, name: &str) -> [bool; 2] {
        [0, 1].map(|device| {
            let policy = self.node(device).policy();
            // Names outlive their rules, for the log.
            let mut rules = policy.enabled_rules().filter_map(|rule| policy.names().rules.get(rule.index()));
            rules.any(|rule| **rule == *name)
        })
    }

    fn states(&mut self) -> [ConfigState; 2] {
        [0, 1].map(|device| self.node(device).pair_configuration().unwrap())
    }

    /// What came of what a device proposed.
    fn outcomes(&mut self, device: usize) -> Vec<PairCommit> {
        let notices = self.notices[device].drain(..);
        let outcome = |notice| if let Notice::PairCommit(outcome) = notice { Some(outcome) } else { None };
        notices.filter_map(outcome).collect()
    }

    /// Each device has its own lines, and tells the other one that it runs the same as that.
    fn check_own_lines(&mut self) {
        for device in [0, 1] {
            let status = self.node(device).pair_status().unwrap();
            assert_eq!(status.own.priority, 100 + device as u8);
            let peer = std::net::IpAddr::from([10, 255, 0, 2 - device as u8]);
            assert_eq!(status.settings.config.peer_address, Some(peer));
            assert_eq!(status.peer.hello.unwrap().configuration, status.own.configuration);
            assert_ne!(status.own.configuration.generation, 0);
        }
        assert_eq!(self.states(), [ConfigState::Synchronized, ConfigState::Synchronized]);
    }
}

#[test]
fn a_commit_runs_on_both() {
    for device in [0, 1] {
        let mut pair = Pair::new(1);
        assert_eq!(pair.states(), [ConfigState::Synchronized, ConfigState::Synchronized]);
        assert_eq!(pair.commit(device, &(config(device) + RULE)).unwrap(), Reply::Proposed);
        assert_eq!(pair.with_rule("ADDED"), [false, false], "nobody runs what not both can");
        assert_eq!(
            pair.commit(device, &config(device).replace("hide", "seek")).unwrap_err(),
            CommandError::PairCommit(Refused::Busy)
        );
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.with_rule("ADDED"), [true, true]);
        let outcomes = pair.outcomes(device);
        assert!(
            matches!(
                &outcomes[..],
                [PairCommit::Committed { committed: Committed { version: 2, .. }, with_peer: true }]
            ),
            "{outcomes:?}"
        );
        pair.check_own_lines();
        assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
        // The other device can take it back.
        let other = 1 - device;
        assert_eq!(pair.commit(other, &config(other)).unwrap(), Reply::Proposed);
        pair.run(Duration::from_secs(1));
        assert_eq!(pair.with_rule("ADDED"), [false, false]);
        pair.check_own_lines();
    }
}

#[test]
fn lines_of_ones_own_ask_nobody() {
    let mut pair = Pair::new(1);
    let text = config(1).replace("device-priority 101", "device-priority 120");
    assert!(matches!(pair.commit(1, &text).unwrap(), Reply::Committed(_)));
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.node(1).pair_status().unwrap().own.priority, 120);
    assert_eq!(pair.node(0).pair_status().unwrap().own.priority, 100);
    assert_eq!(pair.states(), [ConfigState::Synchronized, ConfigState::Synchronized]);
}

#[test]
fn what_one_device_cannot_run_runs_on_neither() {
    let mut pair = Pair::new(1);
    let text = config(1) + OWN_NEED;
    pair.commit(1, &text).unwrap();
    pair.run(Duration::from_secs(1));
    let reply = pair.commit(0, &config(0).replace("ethernet1/2", "ethernet1/3"));
    assert_eq!(reply.unwrap(), Reply::Proposed);
    pair.run(Duration::from_secs(1));
    let outcomes = pair.outcomes(0);
    let [PairCommit::Refused(Refused::Peer(reason))] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(reason.contains("ethernet1/2"), "{reason}");
    for device in [0, 1] {
        let config = pair.node(device).pair_status().unwrap().settings.interfaces;
        assert!(config.iter().any(|name| &**name == "ethernet1/2"), "{config:?}");
    }
    assert_eq!(pair.states(), [ConfigState::Synchronized, ConfigState::Synchronized]);
    assert_eq!(pair.commit(0, &(config(0) + RULE)).unwrap(), Reply::Proposed, "nothing is left over");
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.with_rule("ADDED"), [true, true]);
}

/// A line of a device's own that names an interface.
const OWN_NEED: &str = "set deviceconfig high-availability group monitoring link-monitoring link-group need \
                        interface ethernet1/2\n";

#[test]
fn a_commit_while_the_peer_is_away_reaches_it_when_it_returns() {
    let mut pair = Pair::new(1);
    pair.nodes[1] = None;
    pair.run(Duration::from_secs(2));
    assert!(matches!(pair.commit(0, &(config(0) + RULE)).unwrap(), Reply::Committed(_)));
    pair.nodes[1] = Some(node(1, pair.now, 1));
    assert_eq!(pair.with_rule("ADDED"), [true, false]);
    pair.run(Duration::from_secs(12));
    assert_eq!(pair.with_rule("ADDED"), [true, true]);
    pair.check_own_lines();
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
}

#[test]
fn a_cut_at_any_message_ends_with_one_configuration() {
    for messages in 0..8 {
        let mut pair = Pair::new(1);
        pair.commit(0, &(config(0) + RULE)).unwrap();
        pair.run(Duration::from_millis(messages));
        pair.cut(true);
        pair.run(Duration::from_secs(2));
        let outcomes = pair.outcomes(0);
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        let [runs_here, runs_there] = pair.with_rule("ADDED");
        assert_eq!(matches!(outcomes[0], PairCommit::Committed { .. }), runs_here);
        assert!(runs_here || !runs_there, "after {messages} ms");
        pair.cut(false);
        pair.run(Duration::from_secs(20));
        assert_eq!(pair.with_rule("ADDED"), [runs_here; 2], "after {messages} ms");
        assert_eq!(pair.states(), [ConfigState::Synchronized, ConfigState::Synchronized]);
    }
}

#[test]
fn messages_that_are_lost_unseen_are_missed() {
    let mut pair = Pair::new(1);
    for (silence, text) in [(3, config(0) + RULE), (1, config(0)), (2, config(0) + RULE)] {
        // Nobody tells the devices that messages are lost.
        pair.is_cut = true;
        let is_new = text.contains("ADDED");
        pair.commit(0, &text).unwrap();
        pair.run(Duration::from_millis(silence));
        pair.is_cut = false;
        pair.run(Duration::from_secs(4));
        assert_eq!(pair.outcomes(0), [PairCommit::Refused(Refused::PeerLost)]);
        assert_eq!(pair.commit(0, &text).unwrap(), Reply::Proposed);
        pair.run(Duration::from_secs(4));
        assert!(matches!(pair.outcomes(0)[..], [PairCommit::Committed { with_peer: true, .. }]));
        assert_eq!(pair.with_rule("ADDED"), [is_new; 2]);
    }
}

#[test]
fn a_commit_that_nobody_confirms_is_taken_back_on_both() {
    let mut pair = Pair::new(1);
    let request = CommitRequest { confirm_within: Some(1), ..CommitRequest::default() };
    let document = Document::parse(&(config(0) + RULE), "test").unwrap();
    assert_eq!(pair.order(0, Command::Commit { document, request }).unwrap(), Reply::Proposed);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.with_rule("ADDED"), [true, true]);
    pair.run(Duration::from_secs(62));
    assert_eq!(pair.with_rule("ADDED"), [false, false]);
    pair.check_own_lines();
}

#[test]
fn devices_that_begin_apart_wait_for_a_word() {
    let mut pair = Pair::new(1);
    pair.nodes[1] = None;
    pair.run(Duration::from_secs(1));
    pair.commit(0, &(config(0) + RULE)).unwrap();
    let marks = pair.notices[0]
        .iter()
        .filter_map(|notice| if let Notice::PairMark(mark) = notice { Some(*mark) } else { None });
    let kept: Vec<ConfigMark> = marks.collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].generation, 1);
    // Another one that no commit has made: the first device forgets its mark.
    pair.nodes = [Some(super::node_with(0, pair.now, 1, &(config(0) + RULE))), Some(node(1, pair.now, 1))];
    pair.run(Duration::from_secs(12));
    assert_eq!(pair.with_rule("ADDED"), [true, false]);
    assert!(matches!(pair.states(), [ConfigState::NotSynchronized(_), ConfigState::NotSynchronized(_)]));
    assert_eq!(pair.order(0, Command::SyncToRemote).unwrap(), Reply::Proposed);
    pair.run(Duration::from_secs(1));
    assert_eq!(pair.outcomes(0), [PairCommit::Synchronized]);
    assert_eq!(pair.with_rule("ADDED"), [true, true]);
    pair.check_own_lines();
}
