//! What the two devices call each other's numbers.
//!
//! ```text
//!  id 0:                 | generation of the running configuration: 4 | digest of what both share of it: 8 |
//!  id kind << 32 | number:  the name
//! ```
//!
//! Zones, interfaces, rules and the like are numbers in sessions and frames. Numbers are given over all
//! configurations that a device has run, so those of two devices are seldom the same. Each tells the names of
//! its numbers by HA2, before anything that refers to them, and takes the other one's numbers for the own
//! ones of the same names. A name that the own configuration does not have yet, or has no longer, is given a
//! number too.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

use bifrons_dataplane::{DecodeError, MirrorItem, PeerFrame, Renumber, UnknownNumber};
use bifrons_model::{Generation, InterfaceId, NameKind, Names, SessionId, Timestamp, ZoneId};
use bifrons_policy::Policy;

/// The longest name that is taken.
const LONGEST_NAME: usize = 255;
/// The highest number that is taken, of kinds with many.
const MANY: usize = 1 << 20;

/// The item that tells which configuration runs.
const CONFIGURATION: u64 = 0;

/// What the other device is told of this one's numbers.
#[derive(Debug, Default)]
pub(crate) struct OwnNumbers {
    names: Names,
    generation: Generation,
    /// Of the configuration's part that both devices have in common.
    digest: u64,
}

/// What the other device has told of its numbers, and what they are here.
#[derive(Debug, Default)]
pub(crate) struct PeerNumbers {
    /// The start of the other device: it gives its numbers anew at each.
    start: u64,
    /// By kind and number.
    told: [Vec<Option<Box<str>>>; NameKind::ALL.len()],
    own: [Vec<Option<u32>>; NameKind::ALL.len()],
    configuration: Option<(Generation, u64)>,
    /// Whether `own` is of all that was told and of the policy in force.
    is_settled: bool,
    /// What of the configurations is the same: the peer's generation and the own one.
    shared: Option<(Generation, Generation)>,
    /// The own one in force.
    generation: Generation,
}

/// Why what the other device describes by its numbers means nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undescribed {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Number(#[from] UnknownNumber),
}

impl OwnNumbers {
    /// Whether the policy's numbers are those that are told.
    pub fn are_those_of(&self, policy: &Policy) -> bool {
        let has_all = |kind: &NameKind| self.names.count(*kind) == policy.names().count(*kind);
        self.generation == policy.generation() && NameKind::ALL.iter().all(has_all)
    }

    /// Another policy is in force; the items that are to be told.
    pub fn follow(&mut self, policy: &Policy, digest: u64) -> Vec<u64> {
        let (before, after) = (&self.names, policy.names());
        let mut items = Vec::new();
        if (self.generation, self.digest) != (policy.generation(), digest) {
            items.push(CONFIGURATION);
        }
        for kind in NameKind::ALL {
            let numbers = 0..u32::try_from(after.count(kind)).unwrap_or(u32::MAX);
            let news = numbers.filter(|number| before.get(kind, *number) != after.get(kind, *number));
            items.extend(news.map(|number| item_of(kind, number)));
        }
        self.names = after.clone();
        (self.generation, self.digest) = (policy.generation(), digest);
        items
    }

    /// Appends what an item says; false where there is no such number.
    pub fn encode(&self, id: u64, out: &mut Vec<u8>) -> bool {
        if id == CONFIGURATION {
            out.extend(self.generation.0.to_be_bytes());
            out.extend(self.digest.to_be_bytes());
            return true;
        }
        let name = number_of(id).and_then(|(kind, number)| self.names.get(kind, number));
        out.extend(name.unwrap_or_default().as_bytes());
        name.is_some()
    }

    /// The items after `after`, in order, at most `limit`.
    pub fn next_items(&self, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        let all = NameKind::ALL.into_iter().flat_map(|kind| {
            let count = u32::try_from(self.names.count(kind)).unwrap_or(u32::MAX);
            // The numbers of a kind are followed by those of the next one.
            let from = match after.and_then(number_of) {
                Some((last, number)) if last == kind => number.saturating_add(1),
                Some((last, _)) if last > kind => count,
                Some(_) | None => 0,
            };
            (from..count).map(move |number| item_of(kind, number))
        });
        let first = after.is_none().then_some(CONFIGURATION);
        out.extend(first.into_iter().chain(all).take(limit));
    }
}

impl PeerNumbers {
    /// What comes from here on is told by the other device as it is since this start.
    pub fn begin(&mut self, start: u64) {
        if self.start != start {
            *self = Self { start, ..Self::default() };
        }
    }

    /// Takes what an item says; false where that is nothing.
    pub fn learn(&mut self, id: u64, payload: &[u8]) -> bool {
        let is_taken = match number_of(id) {
            None if id == CONFIGURATION => self.learn_configuration(payload),
            None => false,
            Some((kind, number)) => self.learn_name(kind, number, payload),
        };
        self.is_settled &= !is_taken;
        is_taken
    }

    /// The own numbers are others now.
    pub const fn unsettle(&mut self) {
        self.is_settled = false;
    }

    /// Finds the own numbers for what was told. Where names have none, the policy in which they have.
    pub fn settle(&mut self, policy: &Policy, own: &OwnNumbers) -> Option<Policy> {
        if self.is_settled {
            return None;
        }
        self.is_settled = true;
        self.generation = policy.generation();
        let shared = self.configuration.filter(|(_, digest)| *digest == own.digest);
        self.shared = shared.map(|(generation, _)| (generation, policy.generation()));
        let numbers = numbers(policy.names());
        let all = NameKind::ALL.into_iter().zip(&self.told).zip(&numbers);
        let unknown = all.flat_map(|((kind, told), known)| {
            let names = told.iter().flatten().map(|name| &**name);
            names.filter(|name| !known.contains_key(name)).map(move |name| (kind, name))
        });
        let unknown: Vec<_> = unknown.collect();
        if unknown.is_empty() {
            self.own = translate(&self.told, &numbers);
            return None;
        }
        let policy = policy.clone().with_reserved(unknown.into_iter());
        self.own = translate(&self.told, &self::numbers(policy.names()));
        Some(policy)
    }

    /// A frame of the other device's with own numbers. What has none, or was not told yet, is nothing that a
    /// policy knows; a session that cannot be described is left out.
    pub fn frame(&self, now: Timestamp, mut frame: PeerFrame) -> PeerFrame {
        frame.interface = self.interface(frame.interface).unwrap_or(InterfaceId(u16::MAX));
        frame.zone = self.zone(frame.zone).unwrap_or(ZoneId(u16::MAX));
        if !frame.description.is_empty() {
            let id = u32::try_from(frame.session).map_or(SessionId(0), SessionId);
            let item = self.session(id, &frame.description, now);
            frame.description.clear();
            if let Ok(item) = item {
                item.encode(now, &mut frame.description);
            }
        }
        frame
    }

    /// The own number of an interface of the other device's.
    pub fn interface(&self, interface: InterfaceId) -> Option<InterfaceId> {
        let number = self.number(NameKind::Interface, interface.0.into())?;
        u16::try_from(number).ok().map(InterfaceId)
    }

    /// The own number of a zone of the other device's.
    fn zone(&self, zone: ZoneId) -> Option<ZoneId> {
        let number = self.number(NameKind::Zone, zone.0.into())?;
        u16::try_from(number).ok().map(ZoneId)
    }

    /// A session as the other device describes it, in own numbers.
    pub fn session(&self, id: SessionId, bytes: &[u8], now: Timestamp) -> Result<MirrorItem, Undescribed> {
        let mut item = MirrorItem::decode(id, bytes, now)?;
        item.renumber(self)?;
        Ok(item)
    }

    fn learn_configuration(&mut self, payload: &[u8]) -> bool {
        let Some((generation, rest)) = payload.split_first_chunk() else { return false };
        let Some(digest) = rest.first_chunk() else { return false };
        let generation = Generation(u32::from_be_bytes(*generation));
        self.configuration = Some((generation, u64::from_be_bytes(*digest)));
        true
    }

    fn learn_name(&mut self, kind: NameKind, number: u32, payload: &[u8]) -> bool {
        let most = match kind {
            NameKind::Rule | NameKind::User => MANY,
            NameKind::Zone
            | NameKind::Interface
            | NameKind::NatRule
            | NameKind::Category
            | NameKind::Application => 1 << 16,
        };
        let number = number as usize;
        let name = str::from_utf8(payload).ok().filter(|name| name.len() <= LONGEST_NAME);
        let Some(told) = self.told.get_mut(kind.index()).filter(|_| number < most) else { return false };
        let Some(name) = name else { return false };
        if told.len() <= number {
            told.resize(number + 1, None);
        }
        if let Some(place) = told.get_mut(number) {
            *place = Some(name.into());
        }
        true
    }
}

impl Renumber for PeerNumbers {
    fn number(&self, kind: NameKind, number: u32) -> Option<u32> {
        self.own.get(kind.index())?.get(number as usize).copied().flatten()
    }

    fn generation(&self, generation: Generation) -> Generation {
        match self.shared {
            Some((theirs, own)) if theirs == generation => own,
            Some(_) | None => Generation(self.generation.0.wrapping_sub(1)),
        }
    }
}

const fn item_of(kind: NameKind, number: u32) -> u64 {
    (kind.index() as u64 + 1) << 32 | number as u64
}

fn number_of(id: u64) -> Option<(NameKind, u32)> {
    let place = usize::try_from(id >> 32).ok()?.checked_sub(1)?;
    Some((*NameKind::ALL.get(place)?, id as u32))
}

/// The numbers by name.
fn numbers(names: &Names) -> [BTreeMap<&str, u32>; NameKind::ALL.len()] {
    NameKind::ALL.map(|kind| {
        let all = (0..).map_while(|number| Some((names.get(kind, number)?, number)));
        // Of equal ones the first counts.
        let mut numbers = BTreeMap::new();
        all.for_each(|(name, number)| _ = numbers.entry(name).or_insert(number));
        numbers
    })
}

fn translate(
    told: &[Vec<Option<Box<str>>>; NameKind::ALL.len()],
    numbers: &[BTreeMap<&str, u32>; NameKind::ALL.len()],
) -> [Vec<Option<u32>>; NameKind::ALL.len()] {
    let mut own: [Vec<Option<u32>>; NameKind::ALL.len()] = Default::default();
    for ((own, told), known) in own.iter_mut().zip(told).zip(numbers) {
        own.extend(told.iter().map(|name| known.get(name.as_deref()?).copied()));
    }
    own
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn policy(zones: &[&str], generation: u32) -> Policy {
        let zone = |name: &&str| bifrons_config::typed::Zone { name: (*name).into(), ..Default::default() };
        let config = bifrons_config::Config {
            zones: zones.iter().map(zone).collect(),
            ..bifrons_config::Config::default()
        };
        Policy::compile(&config, Generation(generation))
    }

    fn tell(own: &OwnNumbers, peer: &mut PeerNumbers) {
        let (mut after, mut items) = (None, Vec::new());
        loop {
            let before = items.len();
            own.next_items(after, 2, &mut items);
            if items.len() == before {
                break;
            }
            after = items.last().copied();
        }
        assert!(items.is_sorted_by(|one, next| one < next));
        for id in items {
            let mut payload = Vec::new();
            assert!(own.encode(id, &mut payload) && peer.learn(id, &payload));
        }
    }

    #[test]
    fn the_same_names_have_other_numbers() {
        let (here, there) = (policy(&["a", "b", "c"], 7), policy(&["c", "gone", "a"], 3));
        let (mut own, mut other) = (OwnNumbers::default(), OwnNumbers::default());
        own.follow(&here, 5);
        other.follow(&there, 5);
        let mut peer = PeerNumbers::default();
        tell(&other, &mut peer);
        let more = peer.settle(&here, &own).unwrap();
        assert_eq!(more.names().zones, ["a", "b", "c", "gone"]);
        assert_eq!(own.follow(&more, 5), [item_of(NameKind::Zone, 3)]);
        assert!(peer.settle(&more, &own).is_none());
        let numbers = [0, 1, 2, 3].map(|number| peer.number(NameKind::Zone, number));
        assert_eq!(numbers, [Some(2), Some(3), Some(0), None]);
        // The same configuration is in force under either name; any other one is not.
        assert_eq!(peer.generation(Generation(3)), Generation(7));
        assert_ne!(peer.generation(Generation(7)), Generation(7));
        own.follow(&policy(&["a"], 7), 6);
        peer.unsettle();
        assert!(peer.settle(&more, &own).is_none());
        assert_ne!(peer.generation(Generation(3)), Generation(7), "they run different configurations");
    }

    /// The other device goes on by another connection, or has started anew.
    #[test]
    fn numbers_mean_nothing_before_they_are_told() {
        let policy = policy(&["a", "b"], 7);
        let (mut own, mut peer) = (OwnNumbers::default(), PeerNumbers::default());
        own.follow(&policy, 5);
        for (start, is_told, wanted) in
            [(3, false, None), (3, true, Some(1)), (3, false, Some(1)), (4, false, None)]
        {
            peer.begin(start);
            if is_told {
                tell(&own, &mut peer);
            }
            assert!(peer.settle(&policy, &own).is_none());
            assert_eq!(peer.zone(ZoneId(1)), wanted.map(ZoneId), "start {start}");
        }
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let mut peer = PeerNumbers::default();
        let long = String::from_utf8(alloc::vec![b'x'; LONGEST_NAME + 1]).unwrap();
        assert!(!peer.learn(item_of(NameKind::Zone, 0), long.as_bytes()));
        assert!(!peer.learn(item_of(NameKind::Zone, 0), &[0xff]));
        assert!(!peer.learn(item_of(NameKind::Zone, 1 << 16), b"a"));
        assert!(!peer.learn(item_of(NameKind::Rule, u32::MAX), b"a"));
        assert!(!peer.learn(99 << 32, b"a"));
        assert!(!peer.learn(5, b"a"));
        assert!(!peer.learn(CONFIGURATION, &[0; 11]));
        assert!(peer.learn(item_of(NameKind::Zone, 0xffff), b"a"));
    }
}
