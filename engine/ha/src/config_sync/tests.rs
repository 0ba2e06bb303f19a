//! Two devices, cut at any message: never one configuration here and another there once they are connected.

use alloc::format;
use alloc::string::ToString;

use proptest::prelude::*;

use super::*;

/// A device and what its driver keeps through a restart.
struct Device {
    machine: ConfigSync,
    device: DeviceId,
    /// What was applied last.
    kept: (ConfigMark, Arc<str>),
    /// Common parts that it cannot apply contain this.
    refuses: &'static str,
    outgoing: VecDeque<Vec<u8>>,
    validated: Vec<Transaction>,
    committed: Vec<(Transaction, bool)>,
    refused: Vec<(Transaction, Refused)>,
    logs: Vec<String>,
    applied: usize,
}

struct Pair {
    devices: [Device; 2],
    now: Timestamp,
}

const SAME: Compatibility = Compatibility {
    software: [1, 0, 0],
    features: 0,
    url_database: 0,
    licences: 0,
    plugins: 0,
    dataplane_ready: true,
};

fn settings(device: DeviceId) -> ConfigSettings {
    ConfigSettings { enabled: true, device, longest_text: 1 << 20 }
}

impl Device {
    fn new(device: DeviceId) -> Self {
        let text: Arc<str> = "set zone old\n".into();
        let mark =
            ConfigMark { generation: 1, committed_at: Timestamp::ZERO, digest: ConfigMark::digest_of(&text) };
        Self {
            machine: ConfigSync::new(settings(device), SAME, mark, Arc::clone(&text)),
            device,
            kept: (mark, text),
            refuses: "refused everywhere",
            outgoing: VecDeque::new(),
            validated: Vec::new(),
            committed: Vec::new(),
            refused: Vec::new(),
            logs: Vec::new(),
            applied: 0,
        }
    }

    fn restart(&mut self) {
        let (mark, text) = self.kept.clone();
        self.machine = ConfigSync::new(settings(self.device), SAME, mark, text);
        self.outgoing.clear();
        self.validated.clear();
    }

    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                ConfigOutput::Message(message) => self.outgoing.push_back(message),
                ConfigOutput::Validate { transaction, text } => {
                    self.validated.push(transaction);
                    let bad = text.contains(self.refuses);
                    let answer = if bad { Err(format!("no {}", self.refuses)) } else { Ok(()) };
                    self.machine.handle_answer(now, transaction, answer);
                }
                ConfigOutput::Prepare { transaction } => {
                    assert!(self.validated.contains(&transaction));
                    self.machine.handle_answer(now, transaction, Ok(()));
                }
                ConfigOutput::Apply { mark, text, transaction } => {
                    assert!(self.validated.contains(&transaction), "applied without a check");
                    assert_eq!(ConfigMark::digest_of(&text), mark.digest);
                    assert!(!text.contains(self.refuses));
                    self.kept = (mark, text);
                    self.applied += 1;
                }
                ConfigOutput::Discard { transaction } => {
                    self.validated.retain(|validated| *validated != transaction);
                }
                ConfigOutput::Committed { transaction, with_peer } => {
                    self.committed.push((transaction, with_peer));
                }
                ConfigOutput::Refused { transaction, reason } => self.refused.push((transaction, reason)),
                ConfigOutput::Log(log) => self.logs.push(format!("{}: {log}", log.severity().name())),
            }
        }
    }
}

impl Pair {
    fn new() -> Self {
        let devices = [DeviceId::Zero, DeviceId::One].map(Device::new);
        Self { devices, now: Timestamp::from_secs(1_000) }
    }

    fn connected() -> Self {
        let mut pair = Self::new();
        pair.connect(true);
        pair.run(usize::MAX);
        pair
    }

    fn connect(&mut self, connected: bool) {
        for device in &mut self.devices {
            device.drain(self.now);
            device.outgoing.clear();
            device.machine.handle_peer(self.now, connected);
            if !connected {
                device.drain(self.now);
                device.outgoing.clear();
            }
        }
    }

    /// Deliver up to `most` messages; how many there were.
    fn run(&mut self, most: usize) -> usize {
        let mut delivered = 0;
        while delivered < most {
            self.now = self.now.after_secs(1);
            self.devices.iter_mut().for_each(|device| device.drain(self.now));
            // Which device is heard first varies.
            let from = (0..2)
                .map(|turn| (turn + delivered / 3) % 2)
                .find(|from| !self.devices[*from].outgoing.is_empty());
            let Some(from) = from else { break };
            let message = self.devices[from].outgoing.pop_front().unwrap();
            self.devices[1 - from].machine.handle_message(self.now, &message).unwrap();
            delivered += 1;
        }
        self.devices.iter_mut().for_each(|device| device.drain(self.now));
        delivered
    }

    fn propose(&mut self, device: usize, text: &str) -> Result<Transaction, Busy> {
        self.now = self.now.after_secs(1);
        self.devices[device].machine.propose(self.now, text.into())
    }

    /// Connect anew, wait until nothing happens any more, and compare.
    fn heal(&mut self) -> String {
        self.connect(false);
        self.connect(true);
        assert!(self.run(10_000) < 10_000, "they never come to rest");
        let [first, second] = &self.devices;
        assert_eq!(first.kept.1, second.kept.1);
        assert_eq!(first.machine.mark(), second.machine.mark());
        for device in &self.devices {
            assert_eq!(device.machine.state(), ConfigState::Synchronized);
        }
        first.kept.1.to_string()
    }
}

fn long(name: &str) -> String {
    format!("set zone {name}\n").repeat(4_000)
}

#[test]
fn a_commit_is_applied_on_both() {
    let mut pair = Pair::connected();
    assert_eq!(pair.devices[0].machine.state(), ConfigState::Synchronized);
    let transaction = pair.propose(0, &long("new")).unwrap();
    assert_eq!(pair.devices[0].machine.state().name(), "synchronization in progress");
    assert_eq!(pair.propose(0, "set zone newer\n"), Err(Busy));
    pair.run(usize::MAX);
    assert_eq!(pair.devices[0].committed, [(transaction, true)]);
    for device in &pair.devices {
        assert_eq!((&*device.kept.1, device.kept.0.generation), (&*long("new"), 2));
        assert_eq!((device.applied, device.machine.state()), (1, ConfigState::Synchronized));
    }
}

#[test]
fn what_one_device_refuses_is_applied_on_neither() {
    for refusing in 0..2 {
        let mut pair = Pair::connected();
        pair.devices[refusing].refuses = "bad";
        let transaction = pair.propose(0, "set zone bad\n").unwrap();
        pair.run(usize::MAX);
        let reason =
            if refusing == 0 { Refused::Here("no bad".into()) } else { Refused::Peer("no bad".into()) };
        assert_eq!(pair.devices[0].refused, [(transaction, reason)]);
        assert!(pair.devices.iter().all(|device| device.applied == 0 && device.validated.is_empty()));
        assert_eq!(pair.devices[1].machine.state(), ConfigState::Synchronized);
        assert_eq!(pair.heal(), "set zone old\n");
    }
}

#[test]
fn a_cut_at_any_message_heals() {
    let whole = {
        let mut pair = Pair::connected();
        pair.propose(0, &long("new")).unwrap();
        pair.run(usize::MAX)
    };
    assert!(whole > 6);
    let mut outcomes = Vec::new();
    for cut in 0..=whole {
        for restarted in [None, Some(0), Some(1)] {
            let mut pair = Pair::connected();
            pair.propose(0, &long("new")).unwrap();
            pair.run(cut);
            if let Some(restarted) = restarted {
                pair.devices[restarted].restart();
            }
            let promised = pair.devices[0].committed.len() == 1;
            pair.connect(false);
            let in_doubt = ConfigState::NotSynchronized(Difference::InDoubt);
            let is_in_doubt = pair.devices[1].machine.state() == in_doubt;
            let apart = pair.devices[0].kept != pair.devices[1].kept;
            assert!(!apart || is_in_doubt || restarted == Some(1), "cut {cut}: apart without a name");
            let text = pair.heal();
            assert_eq!(text == long("new"), promised, "cut {cut}, restarted {restarted:?}");
            outcomes.push((promised, apart));
        }
    }
    for outcome in [(false, false), (true, false), (true, true)] {
        assert!(outcomes.contains(&outcome), "{outcome:?} never happened");
    }
}

#[test]
fn a_commit_made_alone_is_brought_to_the_peer_and_the_later_one_wins() {
    let mut pair = Pair::new();
    let transaction = pair.propose(0, "set zone a\n").unwrap();
    pair.run(usize::MAX);
    assert_eq!(pair.devices[0].committed, [(transaction, false)]);
    assert_eq!(pair.devices[0].machine.state(), ConfigState::Unknown);
    assert_eq!(pair.heal(), "set zone a\n");
    pair.connect(false);
    for (device, text) in [(1, "set zone b\n"), (0, "set zone c\n")] {
        pair.propose(device, text).unwrap();
        pair.run(usize::MAX);
    }
    assert_eq!(pair.heal(), "set zone c\n", "of equal generation, the later time");
    let replaced = "high: Running configuration 3 of this device gives way to the peer's";
    assert!(pair.devices[1].logs.iter().any(|log| log == replaced), "{:?}", pair.devices[1].logs);
    pair.connect(false);
    for (device, text) in [(1, "set zone d\n"), (1, "set zone e\n"), (0, "set zone f\n")] {
        pair.propose(device, text).unwrap();
        pair.run(usize::MAX);
    }
    assert_eq!(pair.heal(), "set zone e\n", "the higher generation");
}

#[test]
fn of_two_that_commit_at_once_one_goes_on() {
    for delivered in 0..4 {
        let mut pair = Pair::connected();
        let first = pair.propose(0, &long("zero")).unwrap();
        pair.run(delivered);
        let Ok(second) = pair.propose(1, &long("one")) else { continue };
        pair.run(usize::MAX);
        assert_eq!(pair.devices[0].committed, [(first, true)]);
        assert_eq!(pair.devices[1].refused, [(second, Refused::PeerCommits)]);
        assert_eq!(pair.heal(), long("zero"));
    }
}

#[test]
fn a_refused_configuration_is_offered_once_and_on_request_again() {
    let mut pair = Pair::new();
    pair.devices[1].refuses = "bad";
    pair.propose(0, "set zone bad\n").unwrap();
    pair.run(usize::MAX);
    pair.connect(true);
    assert!(pair.run(1_000) < 1_000);
    let differences = pair.devices.iter().map(|device| device.machine.state().to_string());
    assert_eq!(
        differences.collect::<Vec<_>>(),
        [
            "not synchronized (refused by the peer: no bad)",
            "not synchronized (refused by this device: no bad)",
        ]
    );
    pair.devices[1].refuses = "worse";
    pair.devices[0].machine.sync_to_remote(pair.now).unwrap();
    pair.run(usize::MAX);
    assert_eq!(&*pair.devices[1].kept.1, "set zone bad\n");
    assert_eq!(pair.heal(), "set zone bad\n");
}

#[test]
fn sync_to_remote_wins_over_a_later_commit_of_the_peer() {
    let mut pair = Pair::new();
    pair.devices[0].refuses = "later";
    pair.propose(1, "set zone later\n").unwrap();
    pair.run(usize::MAX);
    pair.connect(true);
    pair.run(usize::MAX);
    assert_eq!(pair.devices[0].machine.state().name(), "not synchronized");
    pair.devices[0].machine.sync_to_remote(pair.now).unwrap();
    pair.run(usize::MAX);
    assert_eq!(pair.heal(), "set zone old\n");
    pair.connect(false);
    assert_eq!(pair.devices[0].machine.sync_to_remote(pair.now), Err(Refused::PeerLost));
}

#[test]
fn devices_that_do_not_fit_exchange_nothing_until_they_do() {
    let others = [
        (Compatibility { software: [2, 0, 0], ..SAME }, true, Block::Software),
        (Compatibility { dataplane_ready: false, ..SAME }, true, Block::DataplaneNotReady),
        (SAME, false, Block::Disabled),
    ];
    for (compatibility, enabled, block) in others {
        let mut pair = Pair::connected();
        let other = ConfigSettings { enabled, ..settings(DeviceId::One) };
        pair.devices[1].machine.handle_settings(pair.now, other, compatibility);
        pair.run(usize::MAX);
        let transaction = pair.propose(0, "set zone new\n").unwrap();
        pair.run(usize::MAX);
        assert_eq!(pair.devices[0].committed, [(transaction, false)], "{block:?}");
        let blocked = ConfigState::NotSynchronized(Difference::Blocked(block));
        assert_eq!(pair.devices[0].machine.state(), blocked);
        assert_eq!(pair.devices[0].machine.sync_to_remote(pair.now), Err(Refused::Blocked(block)));
        assert_eq!(pair.devices[1].applied, 0);
        pair.devices[1].machine.handle_settings(pair.now, settings(DeviceId::One), SAME);
        pair.run(usize::MAX);
        assert_eq!(&*pair.devices[1].kept.1, "set zone new\n");
    }
}

#[test]
fn a_peer_that_never_votes_is_given_up() {
    let mut pair = Pair::connected();
    let transaction = pair.propose(0, "set zone new\n").unwrap();
    pair.devices[0].drain(pair.now);
    let due = pair.devices[0].machine.poll_timeout().unwrap();
    pair.devices[0].machine.handle_timeout(due);
    pair.devices[0].drain(due);
    assert_eq!(pair.devices[0].refused, [(transaction, Refused::TimedOut)]);
    assert_eq!(pair.devices[0].machine.poll_timeout(), None);
    assert_eq!(pair.heal(), "set zone old\n");
}

#[test]
fn nothing_is_applied_before_it_has_been_prepared() {
    let mut pair = Pair::connected();
    let text = "set zone new\n";
    let mark =
        ConfigMark { generation: 9, committed_at: Timestamp::ZERO, digest: ConfigMark::digest_of(text) };
    let propose = Message::Propose { transaction: 2, mark, base: None, length: text.len() as u32 };
    let piece = Message::Piece { transaction: 2, bytes: text.into() };
    let apply = Message::Apply { transaction: 2 };
    for message in [propose, piece, apply.clone()] {
        pair.devices[1].machine.handle_message(pair.now, &message.write()).unwrap();
    }
    pair.devices[1].drain(pair.now);
    assert_eq!(pair.devices[1].applied, 0);
    pair.devices[1].machine.handle_message(pair.now, &apply.write()).unwrap();
    pair.devices[1].drain(pair.now);
    assert_eq!(pair.devices[1].applied, 1);
}

#[test]
fn too_long_or_changed_texts_are_refused() {
    let mut pair = Pair::connected();
    pair.propose(0, &"x".repeat((1 << 20) + 1)).unwrap();
    pair.run(usize::MAX);
    assert!(matches!(pair.devices[0].refused[0].1, Refused::Peer(_)));
    let mark = ConfigMark { generation: 9, ..ConfigMark::default() };
    let propose = Message::Propose { transaction: 2, mark, base: None, length: 3 };
    let piece = Message::Piece { transaction: 2, bytes: b"abcd".to_vec() };
    let apply = Message::Apply { transaction: 2 };
    for message in [propose, piece, apply] {
        pair.devices[1].machine.handle_message(pair.now, &message.write()).unwrap();
    }
    pair.devices[1].drain(pair.now);
    assert_eq!(pair.devices[1].applied, 0);
    assert!(pair.devices[1].machine.handle_message(pair.now, &[1, 2, 3]).is_err());
}

proptest! {
    #[test]
    fn both_run_the_same_after_any_life(
        steps in proptest::collection::vec((0..10u8, 0..2usize, 0..12usize, 0..4u8), 1..60),
    ) {
        let mut pair = Pair::connected();
        pair.devices[1].refuses = "nine";
        let mut connected = true;
        for (place, (step, device, count, name)) in steps.into_iter().enumerate() {
            match step {
                0..=3 => {
                    let name = if name == 3 && connected { "nine".to_string() } else { format!("z{place}") };
                    let _ = pair.propose(device, &long(&name));
                }
                4..=6 => drop(pair.run(count)),
                7 => {
                    connected = !connected;
                    pair.connect(connected);
                }
                8 => {
                    pair.connect(false);
                    pair.devices[device].restart();
                    pair.connect(connected);
                }
                _ => drop(pair.devices[device].machine.sync_to_remote(pair.now)),
            }
        }
        pair.devices[1].refuses = "refused everywhere";
        let text = pair.heal();
        prop_assert!(text.starts_with("set zone "));
    }

    #[test]
    fn any_bytes_do_no_harm(
        messages in proptest::collection::vec((0..8u8, proptest::collection::vec(any::<u8>(), 0..60)), 1..20),
    ) {
        let mut pair = Pair::connected();
        for (kind, body) in messages {
            let mut message = alloc::vec![1, kind];
            message.extend_from_slice(&body);
            let _ = pair.devices[0].machine.handle_message(pair.now, &message);
            let _ = pair.devices[0].machine.handle_message(pair.now, &body);
        }
        pair.run(100);
        prop_assert_eq!(pair.devices[0].applied, 0);
    }
}
