//! Two machines joined by links that lose, repeat, delay and reorder.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::ToString;

use super::*;
use crate::DeviceId;

mod copies;
mod hostile;
mod links;

const MILLISECOND: Duration = Duration::from_millis(1);

/// A driver's table: id to revision, per kind of entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Table {
    entries: BTreeMap<(Space, u64), u64>,
    /// Bytes of a payload beside the revision.
    padding: usize,
    /// Times that a payload was asked for.
    asked: usize,
}

impl Source for Table {
    fn encode(&mut self, kind: ItemKind, id: u64, out: &mut Vec<u8>) -> bool {
        self.asked += 1;
        let Some(revision) = self.entries.get(&(kind.space(), id)) else { return false };
        out.extend_from_slice(&revision.to_be_bytes());
        out.resize(out.len() + self.padding, 0x5a);
        true
    }

    fn next_ids(&mut self, space: Space, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        let from = after.map_or(0, |after| after + 1);
        let ids = self.entries.range((space, from)..=(space, u64::MAX)).map(|((_, id), _)| *id);
        out.extend(ids.take(limit));
    }
}

/// One device: the machine, its own table, and its copy of the peer's.
struct Device {
    machine: Synchronizer,
    own: Table,
    copy: BTreeMap<(Space, u64), u64>,
    /// Entries told since the peer's join began.
    told: Option<BTreeSet<(Space, u64)>>,
    loose: usize,
    logs: Vec<SyncLog>,
    events: Vec<alloc::string::String>,
    /// Updates of entries that the copy did not hold.
    surprises: usize,
    /// The tables of all items, as they came.
    order: Vec<Space>,
}

impl Device {
    fn new(settings: Settings) -> Self {
        Self {
            machine: Synchronizer::new(settings),
            own: Table::default(),
            copy: BTreeMap::new(),
            told: None,
            loose: 0,
            logs: Vec::new(),
            events: Vec::new(),
            surprises: 0,
            order: Vec::new(),
        }
    }

    fn set(&mut self, now: Timestamp, space: Space, id: u64, revision: u64) {
        let fresh = self.own.entries.insert((space, id), revision).is_none();
        let kind = if space == Space::Sessions && !fresh { ItemKind::SessionUpdate } else { space.whole() };
        self.machine.mark(now, kind, id);
    }

    fn remove(&mut self, now: Timestamp, space: Space, id: u64) {
        if self.own.entries.remove(&(space, id)).is_some() {
            self.machine.mark(now, space.gone(), id);
        }
    }

    fn apply(&mut self, kind: ItemKind, id: u64, payload: &[u8]) {
        let key = (kind.space(), id);
        self.order.push(kind.space());
        if kind == kind.space().gone() {
            self.copy.remove(&key);
            return;
        }
        let revision = u64::from_be_bytes(*payload.first_chunk().unwrap());
        self.surprises += usize::from(kind == ItemKind::SessionUpdate && !self.copy.contains_key(&key));
        self.copy.insert(key, revision);
        if let Some(told) = &mut self.told {
            told.insert(key);
        }
    }

    /// Take all that the machine hands out; messages are returned.
    fn drain(&mut self) -> Vec<(HaLinkId, Vec<u8>)> {
        let mut messages = Vec::new();
        loop {
            let (kind, id, payload, loose) = match self.machine.poll_output() {
                None => return messages,
                Some(SyncOutput::Message { link, bytes }) => {
                    messages.push((link, bytes.to_vec()));
                    continue;
                }
                Some(SyncOutput::Item { kind, id, payload, loose }) => (kind, id, payload.to_vec(), loose),
                Some(SyncOutput::JoinBegins(_)) => {
                    self.told = Some(BTreeSet::new());
                    continue;
                }
                Some(SyncOutput::Joined(_)) => {
                    let told = self.told.take().unwrap_or_default();
                    self.copy.retain(|key, _| told.contains(key));
                    continue;
                }
                Some(SyncOutput::Log(log)) => {
                    self.logs.push(log);
                    self.events.push(log.to_string());
                    continue;
                }
                Some(event @ (SyncOutput::Told(_) | SyncOutput::Lost(_) | SyncOutput::Resumed)) => {
                    self.events.push(alloc::format!("{event:?}"));
                    continue;
                }
            };
            self.loose += usize::from(loose);
            self.apply(kind, id, &payload);
        }
    }
}

/// What the links do, in percent.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    loss: u64,
    repetition: u64,
    /// The longest delay in milliseconds; messages overtake each other.
    delay: u64,
}

struct World {
    devices: [Device; 2],
    now: Timestamp,
    /// Arrival, order, to whom, on which link, the bytes.
    travelling: BTreeMap<(Timestamp, u64), (usize, HaLinkId, Vec<u8>)>,
    order: u64,
    random: u64,
    faults: Faults,
    epoch: u32,
    /// Links that swallow everything although they have a carrier.
    deaf: Vec<(usize, HaLinkId)>,
    /// Everything that was sent, for those who replay it.
    recorded: Vec<(usize, HaLinkId, Vec<u8>)>,
    bytes: usize,
}

impl World {
    fn new(seed: u64, settings: &Settings) -> Self {
        Self {
            devices: [Device::new(settings.clone()), Device::new(settings.clone())],
            now: Timestamp::from_secs(1_000),
            travelling: BTreeMap::new(),
            order: 0,
            random: seed | 1,
            faults: Faults { delay: 1, ..Faults::default() },
            epoch: 0,
            deaf: Vec::new(),
            recorded: Vec::new(),
            bytes: 0,
        }
    }

    /// Both devices up, connected and sending.
    fn connected(seed: u64, settings: &Settings) -> Self {
        let mut world = Self::new(seed, settings);
        for device in 0..2 {
            world.link(device, HaLinkId::Ha2, true);
            world.devices[device].machine.handle_sending(world.now, true);
        }
        world.connect();
        world
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below.max(1)
    }

    fn keys(&self) -> Keys {
        let secret = self.epoch as u8;
        Keys { epoch: self.epoch, side: DeviceId::Zero, send: [secret; 16], receive: [secret ^ 0x80; 16] }
    }

    fn connect(&mut self) {
        self.epoch += 1;
        let keys = self.keys();
        let [first, second] = &mut self.devices;
        first.machine.handle_peer(self.now, PeerEvent::Connected(keys.clone())).unwrap();
        second.machine.handle_peer(self.now, PeerEvent::Connected(keys.for_peer())).unwrap();
    }

    fn link(&mut self, device: usize, link: HaLinkId, up: bool) {
        self.devices[device].machine.handle_link(self.now, link, up);
    }

    /// Send what is to be sent, then go on to the next thing that happens, at most `until`.
    fn step(&mut self, until: Timestamp) {
        for device in 0..2 {
            let due = self.devices[device].machine.poll_timeout();
            if due.is_some_and(|due| due <= self.now) {
                let Device { machine, own, .. } = &mut self.devices[device];
                machine.handle_timeout(self.now, own);
            }
            for (link, bytes) in self.devices[device].drain() {
                self.send(device, link, bytes);
            }
        }
        let timers = self.devices.iter().filter_map(|device| device.machine.poll_timeout());
        let arrivals = self.travelling.keys().map(|(at, _)| *at);
        let next = timers.chain(arrivals.take(1)).min().unwrap_or(until);
        self.now = next.max(self.now).min(until);
        while let Some(entry) = self.travelling.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (device, link, bytes) = entry.remove();
            let _ = self.devices[device].machine.handle_message(self.now, link, &bytes);
        }
    }

    fn send(&mut self, from: usize, link: HaLinkId, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.recorded.push((1 - from, link, bytes.clone()));
        if self.deaf.contains(&(from, link)) || self.random(100) < self.faults.loss {
            return;
        }
        let copies = 1 + u64::from(self.random(100) < self.faults.repetition);
        for _ in 0..copies {
            let delay = Duration::from_micros(50 + self.random(1_000 * self.faults.delay));
            self.order += 1;
            self.travelling.insert((self.now + delay, self.order), (1 - from, link, bytes.clone()));
        }
    }

    fn run(&mut self, span: Duration) {
        let until = self.now + span;
        while self.now < until {
            self.step(until);
        }
    }

    /// Random changes at one device during `span`.
    fn traffic(&mut self, device: usize, span: Duration, ids: u64) {
        let until = self.now + span;
        while self.now < until {
            for _ in 0..self.random(20) {
                self.change(device, ids);
            }
            let pause = self.now + Duration::from_micros(100 + self.random(900));
            while self.now < pause.min(until) {
                self.step(pause.min(until));
            }
        }
    }

    fn change(&mut self, device: usize, ids: u64) {
        let space = Space::ALL[self.random(4) as usize];
        let id = (self.random(ids) << 3) | device as u64;
        let revision = self.random(u64::MAX);
        let now = self.now;
        if self.random(4) == 0 {
            self.devices[device].remove(now, space, id);
        } else {
            self.devices[device].set(now, space, id, revision);
        }
    }

    fn assert_equal_copies(&self) {
        for device in 0..2 {
            let (own, copy) = (&self.devices[device].own.entries, &self.devices[1 - device].copy);
            assert_eq!(own.len(), copy.len(), "entries of device {device} at its peer");
            assert_eq!(own, copy, "entries of device {device} at its peer");
        }
    }

    fn assert_bounds(&self, settings: &Settings) {
        for device in &self.devices {
            let backlog = device.machine.backlog();
            assert!(backlog.in_flight <= settings.window, "{backlog:?}");
            assert!(backlog.behind_gap < receiver::WINDOW, "{backlog:?}");
            assert!(backlog.dirty <= settings.capacity, "{backlog:?}");
            assert!(backlog.bytes_in_flight <= settings.window * settings.largest_message, "{backlog:?}");
        }
    }
}
