//! A dynamic-ip pool: each source has an address of its own as long as it has sessions, and perhaps longer.

use alloc::collections::VecDeque;
use core::{net::IpAddr, time::Duration};

use bifrons_model::Timestamp;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map::Entry};

use super::{PortShare, bits::Bits, places::Places};

/// How many addresses of a pool are used.
const ADDRESSES_MAX: u128 = 32_768;

/// One rule's pool of one family.
#[derive(Debug)]
pub(super) struct AddressPool {
    places: Places,
    /// Even places first, so that each device's half is one stretch.
    taken: Bits,
    /// Words of `taken` for each half.
    half: usize,
    bindings: HashMap<IpAddr, Binding, FixedState>,
    /// Sources whose binding has a time to end, one entry for each, soonest first.
    reserved: VecDeque<IpAddr>,
    /// Live sessions on addresses that commits took out of the pool.
    departed: HashMap<(IpAddr, IpAddr), u32, FixedState>,
    /// Where the last search ended: addresses rest before they come again.
    cursor: u32,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    place: u32,
    sessions: u32,
    /// When it ends, unless the source comes again.
    until: Timestamp,
    /// Whether it is in `reserved`.
    is_queued: bool,
}

impl AddressPool {
    pub fn new(places: Places, seed: &FixedState) -> Self {
        let count = places.len().min(ADDRESSES_MAX) as u32;
        let half = count.div_ceil(2).div_ceil(64) as usize;
        let mut taken = Bits::new(2 * half);
        let numbers = half as u32 * 64;
        for step in 0..numbers {
            for (first, parity) in [(0, 0), (numbers, 1)] {
                if step * 2 + parity >= count {
                    taken.add(first + step);
                }
            }
        }
        Self {
            places,
            taken,
            half,
            bindings: HashMap::with_hasher(seed.clone()),
            reserved: VecDeque::new(),
            departed: HashMap::with_hasher(seed.clone()),
            cursor: 0,
        }
    }

    /// The pool that takes this one's place at a commit: sources keep their addresses where it has them.
    pub fn replaced_by(mut self, places: Places, seed: &FixedState) -> Self {
        if places == self.places {
            return self;
        }
        let mut next = Self::new(places, seed);
        next.departed = core::mem::take(&mut self.departed);
        for source in &self.reserved {
            if self.bindings.get(source).is_some_and(|binding| binding.sessions == 0) {
                next.adopt(&self, *source);
            }
        }
        for (source, binding) in &self.bindings {
            if binding.sessions > 0 && !next.adopt(&self, *source) {
                let Some(address) = self.address_of(binding) else { continue };
                *next.departed.entry((*source, address)).or_insert(0) += binding.sessions;
            }
        }
        next
    }

    fn adopt(&mut self, other: &Self, source: IpAddr) -> bool {
        let Some(binding) = other.bindings.get(&source) else { return false };
        let place = other.address_of(binding).and_then(|address| self.place_of(address));
        let Some(place) = place.filter(|place| self.taken.add(self.number_of(*place))) else {
            return false;
        };
        let is_queued = binding.sessions == 0;
        self.bindings.insert(source, Binding { place, is_queued, ..*binding });
        if is_queued {
            self.reserved.push_back(source);
        }
        true
    }

    /// The address of a new session's source; `None` when the pool is used up.
    pub fn take(&mut self, now: Timestamp, source: IpAddr, share: PortShare) -> Option<IpAddr> {
        if let Some(binding) = self.bindings.get_mut(&source) {
            binding.sessions += 1;
            let place = binding.place;
            return self.places.at(u128::from(place));
        }
        self.expire(now);
        let range = share.of_device([0, self.half, 2 * self.half]);
        let number = self.taken.first_free(&range, self.cursor.max(range.start as u32 * 64))?;
        self.cursor = number + 1;
        self.taken.add(number);
        self.bind(source, self.place_at(number))
    }

    /// Notes a session that another device gave an address; false where another source has it.
    pub fn note(&mut self, source: IpAddr, address: IpAddr) -> bool {
        let Some(place) = self.place_of(address) else {
            *self.departed.entry((source, address)).or_insert(0) += 1;
            return true;
        };
        match self.bindings.get_mut(&source) {
            Some(binding) if binding.place == place => {
                binding.sessions += 1;
                true
            }
            Some(_) => {
                *self.departed.entry((source, address)).or_insert(0) += 1;
                true
            }
            None => self.taken.add(self.number_of(place)) && self.bind(source, place).is_some(),
        }
    }

    /// A session ends; false where the pool knows nothing of it. Without `reserve` the address is free with
    /// the source's last session.
    pub fn release(
        &mut self,
        now: Timestamp,
        source: IpAddr,
        address: IpAddr,
        reserve: Option<Duration>,
    ) -> bool {
        if self.address_in_use(source) != Some(address) {
            return self.release_departed(source, address);
        }
        let Entry::Occupied(mut entry) = self.bindings.entry(source) else { return false };
        let binding = entry.get_mut();
        binding.sessions -= 1;
        if binding.sessions > 0 {
            return true;
        }
        match reserve {
            Some(time) => {
                binding.until = now + time;
                if !core::mem::replace(&mut binding.is_queued, true) {
                    self.reserved.push_back(source);
                }
            }
            None => self.unbind(source),
        }
        true
    }

    /// Sources without a session give up the addresses of a share that they keep.
    pub fn give_back(&mut self, share: PortShare) {
        let range = share.of_device([0, self.half, 2 * self.half]);
        let mut reserved = core::mem::take(&mut self.reserved);
        reserved.retain(|source| {
            let Some(binding) = self.bindings.get(source) else { return false };
            let is_given_up =
                binding.sessions == 0 && range.contains(&(self.number_of(binding.place) as usize / 64));
            if is_given_up {
                self.unbind(*source);
            }
            !is_given_up
        });
        self.reserved = reserved;
    }

    /// Whether an address is of the pool.
    pub fn has(&self, address: IpAddr) -> bool {
        self.places.place_of(address).is_some()
    }

    /// How many addresses have a source, and how many there are.
    pub fn usage(&self) -> (u32, u32) {
        (self.bindings.len() as u32, self.places.len().min(ADDRESSES_MAX) as u32)
    }

    fn address_in_use(&self, source: IpAddr) -> Option<IpAddr> {
        let binding = self.bindings.get(&source).filter(|binding| binding.sessions > 0)?;
        self.address_of(binding)
    }

    fn release_departed(&mut self, source: IpAddr, address: IpAddr) -> bool {
        let Entry::Occupied(mut entry) = self.departed.entry((source, address)) else { return false };
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
        true
    }

    fn bind(&mut self, source: IpAddr, place: u32) -> Option<IpAddr> {
        let binding = Binding { place, sessions: 1, until: Timestamp::ZERO, is_queued: false };
        self.bindings.insert(source, binding);
        self.places.at(u128::from(place))
    }

    fn unbind(&mut self, source: IpAddr) {
        if let Some(binding) = self.bindings.remove(&source) {
            let number = self.number_of(binding.place);
            self.taken.remove(number);
        }
    }

    /// Frees the addresses whose time is over. A source that came again in the meantime waits anew when its
    /// sessions are gone.
    fn expire(&mut self, now: Timestamp) {
        for _ in 0..self.reserved.len() {
            let Some(source) = self.reserved.front().copied() else { return };
            let Some(binding) = self.bindings.get_mut(&source) else {
                self.reserved.pop_front();
                continue;
            };
            if binding.sessions > 0 {
                binding.is_queued = false;
                self.reserved.pop_front();
            } else if binding.until <= now {
                self.reserved.pop_front();
                self.unbind(source);
            } else {
                return;
            }
        }
    }

    fn address_of(&self, binding: &Binding) -> Option<IpAddr> {
        self.places.at(u128::from(binding.place))
    }

    fn place_of(&self, address: IpAddr) -> Option<u32> {
        let place = self.places.place_of(address)?;
        (place < ADDRESSES_MAX).then_some(place as u32)
    }

    fn number_of(&self, place: u32) -> u32 {
        (place & 1) * self.half as u32 * 64 + place / 2
    }

    fn place_at(&self, number: u32) -> u32 {
        let numbers = self.half as u32 * 64;
        if number < numbers { number * 2 } else { (number - numbers) * 2 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_config::typed::AddressRange;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn source(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    fn places(last: &str) -> Places {
        Places::new(&[AddressRange { first: ip("192.0.2.0"), last: ip(last) }], false)
    }

    fn pool(last: &str) -> AddressPool {
        AddressPool::new(places(last), &FixedState::with_seed(1))
    }

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    #[test]
    fn each_source_has_an_address_until_its_last_session_ends() {
        let mut pool = pool("192.0.2.2");
        let first = pool.take(NOW, source(1), PortShare::WHOLE).unwrap();
        assert_eq!(pool.take(NOW, source(1), PortShare::WHOLE), Some(first));
        let others = [2, 3].map(|number| pool.take(NOW, source(number), PortShare::WHOLE).unwrap());
        assert!(!others.contains(&first) && others[0] != others[1]);
        assert_eq!(pool.take(NOW, source(4), PortShare::WHOLE), None);
        assert!(pool.release(NOW, source(1), first, None));
        assert_eq!(pool.take(NOW, source(4), PortShare::WHOLE), None);
        assert!(pool.release(NOW, source(1), first, None));
        assert!(!pool.release(NOW, source(1), first, None));
        assert_eq!(pool.take(NOW, source(4), PortShare::WHOLE), Some(first));
        assert_eq!(pool.usage(), (3, 3));
    }

    #[test]
    fn a_reserved_address_waits_for_its_source() {
        let mut pool = pool("192.0.2.0");
        let hour = Some(Duration::from_secs(3_600));
        let address = pool.take(NOW, source(1), PortShare::WHOLE).unwrap();
        pool.release(NOW, source(1), address, hour);
        let later = NOW + Duration::from_secs(3_599);
        assert_eq!(pool.take(later, source(2), PortShare::WHOLE), None);
        assert_eq!(pool.take(later, source(1), PortShare::WHOLE), Some(address));
        let latest = later + Duration::from_secs(3_600);
        assert_eq!(pool.take(latest, source(2), PortShare::WHOLE), None);
        pool.release(latest, source(1), address, hour);
        assert_eq!(pool.take(latest + Duration::from_secs(3_599), source(2), PortShare::WHOLE), None);
        assert_eq!(
            pool.take(latest + Duration::from_secs(3_600), source(2), PortShare::WHOLE),
            Some(address)
        );
    }

    #[test]
    fn two_devices_give_different_addresses() {
        let (mut first, mut second) = (pool("192.0.2.9"), pool("192.0.2.9"));
        for number in 0..5 {
            let mine = first.take(NOW, source(number), PortShare::half(0)).unwrap();
            assert!(second.note(source(number), mine));
            let theirs = second.take(NOW, source(100 + number), PortShare::half(1)).unwrap();
            assert!(first.note(source(100 + number), theirs));
            assert_eq!(second.take(NOW, source(number), PortShare::half(1)), Some(mine));
        }
        assert_eq!(first.take(NOW, source(50), PortShare::half(0)), None);
        assert_eq!(first.take(NOW, source(50), PortShare::WHOLE), None);
    }

    /// Who has used the other device's addresses keeps them for no session that is to come.
    #[test]
    fn what_is_the_other_devices_is_not_reserved_when_it_is_back() {
        let mut pool = pool("192.0.2.9");
        let hour = Some(Duration::from_secs(3_600));
        let held = [0, 1].map(|half| {
            [1, 2].map(|number| {
                let number = 10 * half + number;
                (source(number), pool.take(NOW, source(number), PortShare::half(half)).unwrap())
            })
        });
        let [[idle_own, _], [idle_other, busy_other]] = held;
        for (source, address) in [idle_own, idle_other] {
            pool.release(NOW, source, address, hour);
        }
        pool.give_back(PortShare::half(1));
        assert_eq!(pool.take(NOW, idle_own.0, PortShare::half(0)), Some(idle_own.1));
        let anew = pool.take(NOW, idle_other.0, PortShare::half(0)).unwrap();
        assert!(anew != idle_other.1 && pool.place_of(anew).unwrap().is_multiple_of(2));
        // What a live session has, its source's other sessions have, too.
        assert_eq!(pool.take(NOW, busy_other.0, PortShare::half(0)), Some(busy_other.1));
        assert!(pool.note(source(99), idle_other.1), "the other device may give it again");
    }

    #[test]
    fn a_commit_keeps_what_the_new_pool_has_and_lets_the_rest_end() {
        let mut pool = pool("192.0.2.9");
        let seed = &FixedState::with_seed(1);
        let held = [0, 1, 2, 3].map(|number| pool.take(NOW, source(number), PortShare::WHOLE).unwrap());
        let mut pool = pool.replaced_by(places("192.0.2.3"), seed);
        for (number, address) in (0..).zip(held) {
            let kept = address <= ip("192.0.2.3");
            assert_eq!(pool.bindings.contains_key(&source(number)), kept);
            assert!(pool.release(NOW, source(number), address, None));
            assert!(!pool.release(NOW, source(number), address, None));
        }
        assert!(pool.departed.is_empty() && pool.bindings.is_empty());
        let fresh: alloc::collections::BTreeSet<_> =
            (0..4).map(|number| pool.take(NOW, source(number), PortShare::WHOLE).unwrap()).collect();
        assert_eq!(fresh.len(), 4);
    }
}
