//! Two members, their links, and virtual time.

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use bifrons_config::typed::{ActiveActive, HaLink, HaMode, HaTimers, HighAvailability};
use bifrons_model::{MacAddress, Timestamp};

use super::*;

mod active_active;
mod active_passive;
mod exchange;
mod monitored;
mod random;

const START: u64 = 1_000;

/// What travels.
#[derive(Clone, Debug)]
enum Item {
    Message(HaLinkId, Vec<u8>),
    Heard,
    Synchronized,
    Answer(PathId),
}

/// A device, unless it is switched off.
#[derive(Clone, Debug)]
struct Device {
    settings: Settings,
    member: Option<Member>,
    /// What it did: when, and in which words.
    story: Vec<(Timestamp, MemberOutput)>,
}

/// Two devices and the links between them.
#[derive(Clone, Debug)]
struct Pair {
    now: Timestamp,
    devices: [Device; 2],
    /// Sorted by time, then by when it was sent.
    queue: BTreeMap<(Timestamp, u64), (usize, Item)>,
    number: u64,
    delay: Duration,
    /// Links over which nothing from this device arrives.
    silent: [Vec<HaLinkId>; 2],
    /// Until when a device does nothing.
    stalled: [Timestamp; 2],
    /// Of 1,000 messages, so many are lost.
    loss: u64,
    random: u64,
    /// How long a joining device needs for the sessions; `None` for ever.
    join: Option<Duration>,
    /// Of each destination group, so many answer pings.
    answers: usize,
    /// All messages to a device, where a test wants them.
    record: Option<Vec<(usize, HaLinkId, Vec<u8>)>>,
}

fn link() -> Option<HaLink> {
    Some(HaLink::default())
}

/// A configuration with all links of the mode.
fn configuration(priority: u8) -> HighAvailability {
    let mut config = HighAvailability { enabled: true, group_id: 7, ..HighAvailability::default() };
    config.election.device_priority = priority;
    config.links.ha1 = link();
    config.links.ha1_backup = link();
    config.links.ha2 = link();
    config
}

fn active_active(device_id: u8) -> HighAvailability {
    let mut config = configuration(100);
    config.mode = HaMode::ActiveActive(ActiveActive { device_id, ..ActiveActive::default() });
    config.links.ha3 = Some(String::from("ethernet1/8"));
    config
}

fn settings(device: u8, config: HighAvailability) -> Settings {
    let identity = Identity {
        serial: alloc::format!("00{device}"),
        model: String::from("B-1"),
        software: SoftwareVersion { major: 1, minor: 2, maintenance: 3 },
        content: String::from("8000-1"),
        ha1_mac: MacAddress([2, 0, 0, 0, 0, device]),
        ..Identity::default()
    };
    let interfaces = (1..=4).map(|number| alloc::format!("ethernet1/{number}")).collect();
    Settings { config: Arc::new(config), identity, interfaces }
}

impl Pair {
    /// Two devices, both off.
    fn new(a: HighAvailability, b: HighAvailability) -> Self {
        let device = |settings| Device { settings, member: None, story: Vec::new() };
        Self {
            now: Timestamp::from_secs(START),
            devices: [device(settings(1, a)), device(settings(2, b))],
            queue: BTreeMap::new(),
            number: 0,
            delay: Duration::from_micros(500),
            silent: [Vec::new(), Vec::new()],
            stalled: [Timestamp::ZERO; 2],
            loss: 0,
            random: 1,
            join: Some(Duration::from_millis(300)),
            answers: usize::MAX,
            record: None,
        }
    }

    /// Two devices that have been running for a minute.
    fn running(a: HighAvailability, b: HighAvailability) -> Self {
        let mut pair = Self::new(a, b);
        pair.boot(0);
        pair.boot(1);
        pair.run(Duration::from_secs(60));
        pair
    }

    fn with_timers(timers: &HaTimers) -> Self {
        let config = |priority| {
            let mut config = configuration(priority);
            config.election.timers = timers.clone();
            config
        };
        Self::running(config(100), config(110))
    }

    fn boot(&mut self, device: usize) {
        let mut member = Member::new(self.now, self.devices[device].settings.clone());
        for link in HaLinkId::ALL {
            member.handle_link(self.now, link, true);
        }
        self.devices[device].member = Some(member);
        self.collect(device);
    }

    fn crash(&mut self, device: usize) {
        self.devices[device].member = None;
    }

    /// Nothing passes over the links any more, in either way; nobody is told.
    fn cut(&mut self, links: &[HaLinkId]) {
        for silent in &mut self.silent {
            silent.extend(links);
        }
    }

    fn heal(&mut self) {
        self.silent = [Vec::new(), Vec::new()];
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    fn coin(&mut self) -> bool {
        self.random().is_multiple_of(2)
    }

    fn is_lost(&mut self) -> bool {
        self.loss > 0 && self.random() % 1_000 < self.loss
    }

    fn send(&mut self, after: Duration, to: usize, item: Item) {
        self.number += 1;
        self.queue.insert((self.now + after, self.number), (to, item));
    }

    fn member(&mut self, device: usize) -> &mut Member {
        self.devices[device].member.as_mut().expect("the device is on")
    }

    fn with<T>(&mut self, device: usize, act: impl FnOnce(&mut Member, Timestamp) -> T) -> T {
        let now = self.now;
        let result = act(self.member(device), now);
        self.collect(device);
        result
    }

    fn state(&self, device: usize) -> Option<HaState> {
        self.devices[device].member.as_ref().map(Member::state)
    }

    fn states(&self) -> [Option<HaState>; 2] {
        [self.state(0), self.state(1)]
    }

    /// When the device came into the state last.
    fn entered(&self, device: usize, state: HaState) -> Timestamp {
        let entries = self.devices[device].story.iter().rev();
        let is_it = |output: &MemberOutput| matches!(output, MemberOutput::State { to, .. } if *to == state);
        entries.clone().find(|(_, output)| is_it(output)).expect("it was in the state").0
    }

    /// The texts of the log that hold the words.
    fn logged(&self, device: usize, words: &str) -> usize {
        let is_it =
            |output: &MemberOutput| matches!(output, MemberOutput::Log(it) if it.text.contains(words));
        self.devices[device].story.iter().filter(|(_, output)| is_it(output)).count()
    }

    fn collect(&mut self, device: usize) {
        while let Some(output) = self.devices[device].member.as_mut().and_then(Member::poll_output) {
            match &output {
                MemberOutput::Message { link, bytes } => self.transmit(device, *link, bytes.clone()),
                MemberOutput::State { .. } | MemberOutput::Log(_) => {
                    self.devices[device].story.push((self.now, output));
                }
                MemberOutput::Ping { path, .. } => {
                    if path.address < self.answers {
                        self.send(self.delay, device, Item::Answer(*path));
                    }
                    self.devices[device].story.push((self.now, output));
                }
                MemberOutput::Peer { is_alive, .. } => {
                    if let (true, Some(join)) = (*is_alive, self.join) {
                        self.send(join, device, Item::Synchronized);
                    }
                }
            }
        }
    }

    fn transmit(&mut self, device: usize, link: HaLinkId, bytes: Vec<u8>) {
        if let Some(record) = &mut self.record {
            record.push((1 - device, link, bytes.clone()));
        }
        if !self.is_lost() && !self.silent[device].contains(&link) {
            self.send(self.delay, 1 - device, Item::Message(link, bytes));
        }
        // A device that works says something over HA2 at least as often as over HA1.
        if !self.is_lost() && !self.silent[device].contains(&HaLinkId::Ha2) {
            self.send(self.delay, 1 - device, Item::Heard);
        }
    }

    /// Time passes; what has arrived is handed in before timers are judged.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let timers = self.devices.iter().zip(self.stalled);
            let timers =
                timers.filter_map(|(it, stalled)| Some(it.member.as_ref()?.poll_timeout()?.max(stalled)));
            let next = self.queue.keys().map(|(at, _)| *at).next().into_iter().chain(timers).min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            self.now = self.now.max(next);
            while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let number = entry.key().1;
                let (to, item) = entry.remove();
                if self.stalled[to] > self.now {
                    self.queue.insert((self.stalled[to], number), (to, item));
                } else {
                    self.deliver(to, item);
                }
            }
            for device in 0..2 {
                let is_stalled = self.stalled[device] > self.now;
                let member = self.devices[device].member.as_mut().filter(|_| !is_stalled);
                let Some(member) = member.filter(|it| it.poll_timeout().is_some_and(|at| at <= self.now))
                else {
                    continue;
                };
                member.handle_timeout(self.now);
                let next = member.poll_timeout();
                assert!(
                    next.is_none_or(|at| at > self.now),
                    "it wakes again at once: {:?}",
                    member.next_timer()
                );
                self.collect(device);
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, to: usize, item: Item) {
        let now = self.now;
        let Some(member) = self.devices[to].member.as_mut() else { return };
        match item {
            Item::Message(link, bytes) => member.handle_message(now, link, &bytes),
            Item::Heard => member.handle_heard(now, HaLinkId::Ha2),
            Item::Answer(path) => member.handle_path(now, path, true),
            Item::Synchronized => member.handle_synchronized(now, true),
        }
        self.collect(to);
    }

    fn seconds(&mut self, seconds: u64) {
        self.run(Duration::from_secs(seconds));
    }
}
