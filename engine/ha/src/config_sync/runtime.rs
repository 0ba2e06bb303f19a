//! State of the management plane that both devices hold: dynamic routes, user mappings, leases. Entries are
//! opaque; of two versions the newer one stays, wherever it came from.
//!
//! A version's stamp is the time of its change, or one more than the highest stamp seen if that is later, so
//! that a change made after another one was known is newer than it even if the clocks differ. Removed
//! entries are remembered as such, a bounded number of them, so that a peer that was away does not bring
//! them back.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use bifrons_model::Timestamp;

use super::MalformedMessage;
use crate::DeviceId;

const VERSION: u8 = 1;
/// Bytes of one message, about.
const PAGE: usize = 16 * 1024;
/// Bytes of a key or a value.
const LONGEST: usize = 4 * 1024;
/// Removed entries that are remembered.
const REMEMBERED: usize = 16 * 1024;

/// What kind of entry it is (PAN-OS, "System Runtime Information Synchronized Between HA Peers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuntimeKind {
    /// A dynamic route; of active/passive devices only.
    Route,
    /// A user of an address, or a group of a user.
    UserMapping,
    /// A lease of the DHCP server or client.
    DhcpLease,
    /// A resolved name; PAN-OS keeps these apart, so it is off unless switched on.
    DnsCache,
}

impl RuntimeKind {
    const fn code(self) -> u8 {
        match self {
            Self::Route => 1,
            Self::UserMapping => 2,
            Self::DhcpLease => 3,
            Self::DnsCache => 4,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Route),
            2 => Some(Self::UserMapping),
            3 => Some(Self::DhcpLease),
            4 => Some(Self::DnsCache),
            _ => None,
        }
    }
}

/// How a [`RuntimeState`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeSettings {
    /// Which device this is; decides between changes of the same time.
    pub device: DeviceId,
    /// Whether routes are exchanged: in active/passive mode.
    pub routes: bool,
    /// Whether resolved names are.
    pub dns_cache: bool,
    /// Entries that are held; more are refused.
    pub capacity: usize,
}

/// What the driver must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeOutput {
    /// Send over HA1.
    Message(Vec<u8>),
    /// The peer knows something newer: take it over, or remove the entry when there is no value.
    Changed {
        /// Its kind.
        kind: RuntimeKind,
        /// Which entry.
        key: Vec<u8>,
        /// What it is now.
        value: Option<Vec<u8>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    time: u64,
    device: DeviceId,
}

type Key = (RuntimeKind, Vec<u8>);

struct Entry {
    stamp: Stamp,
    /// None for a removed one.
    value: Option<Vec<u8>>,
}

/// The machine. After each call take [`Self::poll_output`] until it is empty.
pub struct RuntimeState {
    settings: RuntimeSettings,
    entries: BTreeMap<Key, Entry>,
    /// Entries that have a value.
    held: usize,
    /// Removed ones, the oldest first.
    removed: VecDeque<(Key, Stamp)>,
    highest: u64,
    connected: bool,
    /// Changes that the peer has not been told.
    changed: BTreeSet<Key>,
    /// Where telling everything has come to.
    joining: Option<Option<Key>>,
    outputs: VecDeque<RuntimeOutput>,
}

impl RuntimeState {
    /// Without entries and without a peer.
    pub const fn new(settings: RuntimeSettings) -> Self {
        Self {
            settings,
            entries: BTreeMap::new(),
            held: 0,
            removed: VecDeque::new(),
            highest: 0,
            connected: false,
            changed: BTreeSet::new(),
            joining: None,
            outputs: VecDeque::new(),
        }
    }

    /// Other settings, after a commit or with another peer. What is held stays.
    pub const fn handle_settings(&mut self, settings: RuntimeSettings) {
        self.settings = settings;
    }

    /// HA1 connects the devices, or no longer does. A peer that has come is told everything.
    pub fn handle_peer(&mut self, connected: bool) {
        self.connected = connected;
        self.changed.clear();
        self.joining = connected.then_some(None);
    }

    /// An entry has come or changed here. `false` when there is no room for it, or it is longer than 4,096
    /// bytes.
    pub fn set(&mut self, now: Timestamp, kind: RuntimeKind, key: &[u8], value: &[u8]) -> bool {
        let stamp = self.stamp(now);
        let fits = key.len() <= LONGEST && value.len() <= LONGEST;
        fits && self.put((kind, Vec::from(key)), stamp, Some(Vec::from(value)), true)
    }

    /// An entry has gone here.
    pub fn remove(&mut self, now: Timestamp, kind: RuntimeKind, key: &[u8]) {
        let stamp = self.stamp(now);
        let key = (kind, Vec::from(key));
        if self.entries.get(&key).is_some_and(|entry| entry.value.is_some()) {
            self.put(key, stamp, None, true);
        }
    }

    /// A message has come over HA1.
    pub fn handle_message(&mut self, message: &[u8]) -> Result<(), MalformedMessage> {
        let (version, mut rest) = message.split_first().ok_or(MalformedMessage)?;
        if *version == 0 {
            return Err(MalformedMessage);
        }
        while !rest.is_empty() {
            let (told, behind) = Told::split(rest).ok_or(MalformedMessage)?;
            rest = behind;
            let Some(kind) = RuntimeKind::of(told.code).filter(|kind| self.exchanges(*kind)) else {
                continue;
            };
            self.highest = self.highest.max(told.stamp.time);
            let value = told.value.map(Vec::from);
            if self.put((kind, Vec::from(told.key)), told.stamp, value.clone(), false) {
                self.outputs.push_back(RuntimeOutput::Changed { kind, key: Vec::from(told.key), value });
            }
        }
        Ok(())
    }

    /// What is to be done next. Messages are made one by one here.
    pub fn poll_output(&mut self) -> Option<RuntimeOutput> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.changed.is_empty() && self.joining.is_none() {
            return None;
        }
        let mut message = Vec::new();
        message.push(VERSION);
        while message.len() < PAGE {
            let Some(key) = self.changed.pop_first() else { break };
            if let Some(entry) = self.entries.get(&key).filter(|_| self.exchanges(key.0)) {
                append(&mut message, &key, entry);
            }
        }
        if let Some(after) = self.joining.take() {
            self.joining = self.tell_after(after, &mut message);
        }
        (message.len() > 1).then_some(RuntimeOutput::Message(message))
    }

    /// The entries of a kind.
    pub fn entries(&self, kind: RuntimeKind) -> impl Iterator<Item = (&[u8], &[u8])> {
        let own = self.entries.iter().filter(move |((of, _), _)| *of == kind);
        own.filter_map(|((_, key), entry)| Some((key.as_slice(), entry.value.as_deref()?)))
    }

    /// Append entries behind `after`; where to go on, or nothing when all have been told.
    fn tell_after(&self, after: Option<Key>, message: &mut Vec<u8>) -> Option<Option<Key>> {
        use core::ops::Bound::{Excluded, Unbounded};
        let from = after.as_ref().map_or(Unbounded, Excluded);
        let mut last = None;
        for (key, entry) in self.entries.range((from, Unbounded)) {
            if message.len() >= PAGE {
                return Some(last.or(after));
            }
            if self.exchanges(key.0) {
                append(message, key, entry);
            }
            last = Some(key.clone());
        }
        None
    }

    const fn exchanges(&self, kind: RuntimeKind) -> bool {
        match kind {
            RuntimeKind::Route => self.settings.routes,
            RuntimeKind::DnsCache => self.settings.dns_cache,
            RuntimeKind::UserMapping | RuntimeKind::DhcpLease => true,
        }
    }

    fn stamp(&mut self, now: Timestamp) -> Stamp {
        self.highest = now.as_nanos().max(self.highest.saturating_add(1));
        Stamp { time: self.highest, device: self.settings.device }
    }

    /// Whether the version is the newest and has been kept.
    fn put(&mut self, key: Key, stamp: Stamp, value: Option<Vec<u8>>, tell: bool) -> bool {
        let known = self.entries.get(&key);
        if known.is_some_and(|known| known.stamp >= stamp) {
            return false;
        }
        let was_held = known.is_some_and(|known| known.value.is_some());
        let is_held = value.is_some();
        if is_held && !was_held && self.held >= self.settings.capacity {
            return false;
        }
        self.held = self.held + usize::from(is_held) - usize::from(was_held);
        if !is_held {
            self.remember_removed(key.clone(), stamp);
        }
        if tell && self.connected {
            self.changed.insert(key.clone());
        }
        self.entries.insert(key, Entry { stamp, value });
        true
    }

    fn remember_removed(&mut self, key: Key, stamp: Stamp) {
        self.removed.push_back((key, stamp));
        if self.removed.len() <= REMEMBERED {
            return;
        }
        if let Some((oldest, stamp)) = self.removed.pop_front()
            && self.entries.get(&oldest).is_some_and(|entry| entry.stamp == stamp && entry.value.is_none())
        {
            self.entries.remove(&oldest);
        }
    }
}

/// An entry as it stands in a message.
struct Told<'a> {
    code: u8,
    stamp: Stamp,
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

fn append(message: &mut Vec<u8>, (kind, key): &Key, entry: &Entry) {
    let value = entry.value.as_deref();
    message.push(kind.code());
    message.push(u8::from(value.is_some()) | entry.stamp.device.number() << 1);
    message.extend_from_slice(&entry.stamp.time.to_be_bytes());
    for bytes in [key.as_slice(), value.unwrap_or_default()] {
        // Both are at most LONGEST.
        message.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        message.extend_from_slice(bytes);
    }
}

impl<'a> Told<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let ([code, flags], rest) = bytes.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (key, rest) = split_bytes(rest)?;
        let (value, rest) = split_bytes(rest)?;
        let stamp = Stamp { time: u64::from_be_bytes(*time), device: DeviceId::of(flags >> 1) };
        let value = (flags & 1 == 1).then_some(value);
        Some((Self { code: *code, stamp, key, value }, rest))
    }
}

fn split_bytes(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length > LONGEST {
        return None;
    }
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn device(device: DeviceId) -> RuntimeState {
        RuntimeState::new(RuntimeSettings { device, routes: true, dns_cache: false, capacity: 1_000 })
    }

    fn all(state: &RuntimeState) -> Vec<(RuntimeKind, Vec<u8>, Vec<u8>)> {
        let kinds = [RuntimeKind::Route, RuntimeKind::UserMapping, RuntimeKind::DhcpLease];
        let entries = kinds.into_iter().flat_map(|kind| state.entries(kind).map(move |entry| (kind, entry)));
        entries.map(|(kind, (key, value))| (kind, Vec::from(key), Vec::from(value))).collect()
    }

    /// Hand over up to `most` messages in each direction.
    fn exchange(devices: &mut [RuntimeState; 2], most: usize) {
        for _ in 0..most {
            for from in 0..2 {
                while let Some(output) = devices[from].poll_output() {
                    if let RuntimeOutput::Message(message) = output {
                        devices[1 - from].handle_message(&message).unwrap();
                        break;
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn both_hold_the_newest_after_any_cuts(
            changes in
                proptest::collection::vec((0..2usize, 0..3u8, 0..20u8, any::<bool>(), 0..12u64), 1..200),
        ) {
            let mut devices = [device(DeviceId::Zero), device(DeviceId::One)];
            let kinds = [RuntimeKind::Route, RuntimeKind::UserMapping, RuntimeKind::DhcpLease];
            for (place, (at, kind, key, set, action)) in changes.into_iter().enumerate() {
                // The second device's clock is behind.
                let now = Timestamp::from_secs(1_000 - 10 * at as u64 + place as u64);
                let kind = kinds[usize::from(kind)];
                if set {
                    prop_assert!(devices[at].set(now, kind, &[key], &[place as u8; 900]));
                } else {
                    devices[at].remove(now, kind, &[key]);
                }
                match action {
                    0 => devices.iter_mut().for_each(|device| device.handle_peer(false)),
                    1 => devices.iter_mut().for_each(|device| device.handle_peer(true)),
                    2..=5 if devices[0].connected => exchange(&mut devices, action as usize),
                    _ => {}
                }
            }
            devices.iter_mut().for_each(|device| device.handle_peer(true));
            exchange(&mut devices, 100);
            prop_assert_eq!(all(&devices[0]), all(&devices[1]));
        }

        #[test]
        fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut state = device(DeviceId::Zero);
            let _ = state.handle_message(&bytes);
            while state.poll_output().is_some() {}
        }
    }

    #[test]
    fn a_removed_entry_stays_removed_and_only_so_many_are_remembered() {
        let mut devices = [device(DeviceId::Zero), device(DeviceId::One)];
        devices.iter_mut().for_each(|device| device.handle_peer(true));
        let now = Timestamp::from_secs(5);
        assert!(devices[0].set(now, RuntimeKind::UserMapping, b"192.0.2.1", b"alice"));
        exchange(&mut devices, 4);
        devices.iter_mut().for_each(|device| device.handle_peer(false));
        devices[0].remove(now, RuntimeKind::UserMapping, b"192.0.2.1");
        devices.iter_mut().for_each(|device| device.handle_peer(true));
        exchange(&mut devices, 4);
        assert_eq!(all(&devices[1]), []);
        for key in 0..2 * REMEMBERED as u32 {
            assert!(devices[0].set(now, RuntimeKind::DhcpLease, &key.to_be_bytes(), b""));
            devices[0].remove(now, RuntimeKind::DhcpLease, &key.to_be_bytes());
        }
        assert!(devices[0].entries.len() <= REMEMBERED + 1);
    }

    #[test]
    fn routes_and_names_travel_only_where_they_are_shared() {
        let settings =
            RuntimeSettings { device: DeviceId::Zero, routes: false, dns_cache: false, capacity: 2 };
        let mut first = RuntimeState::new(settings);
        let mut second = RuntimeState::new(RuntimeSettings { device: DeviceId::One, ..settings });
        first.handle_peer(true);
        second.handle_peer(true);
        let now = Timestamp::from_secs(5);
        assert!(first.set(now, RuntimeKind::Route, b"0.0.0.0/0", b"192.0.2.1"));
        assert!(first.set(now, RuntimeKind::DnsCache, b"example.org", b"192.0.2.2"));
        assert_eq!(first.poll_output(), None);
        assert!(!first.set(now, RuntimeKind::UserMapping, b"192.0.2.1", b"alice"), "no room");
        assert!(!second.set(now, RuntimeKind::UserMapping, &[0; LONGEST + 1], b"alice"), "too long");
    }
}
