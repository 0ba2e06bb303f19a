//! Which ports of the translated addresses are taken.
//!
//! A port space belongs to one address and protocol; TCP and UDP do not get into each other's way. It is
//! made with the first port and freed with the last. Few ports are a list; more are a bitmap.
//!
//! With an oversubscription of n there are n layers of a space, and a session's destination chooses its
//! layer: two sessions of one layer never share a port, and two of different layers have different
//! destinations. A layer that is full spills into the others.

use alloc::vec::Vec;
use core::{hash::BuildHasher, net::IpAddr, ops::Range};

use bifrons_wire::protocol;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, hash_map::Entry};

use super::{PortShare, bits::Bits};

/// Words of the bitmap for each parity.
const PLANE: usize = 512;
/// Words of a plane that are ports below 1,024.
const LOW: usize = 8;
/// Where the second device's half of them begins: port 512.
const LOW_HALF: usize = 4;
/// Where its half of the others begins: port 33,280.
const HIGH_HALF: usize = 260;
/// How many ports are a list before they are a bitmap.
const FEW: usize = 32;
/// How many free ports are tried when the session table already knows their tuples.
const TRIES: usize = 64;

/// What a port space belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Space {
    pub address: IpAddr,
    pub protocol: u8,
}

impl Space {
    /// ICMP and ICMPv6 identifiers are one space, for NAT64 makes one from the other.
    pub fn new(address: IpAddr, protocol_number: u8) -> Self {
        let protocol = if protocol_number == protocol::ICMPV6 { protocol::ICMP } else { protocol_number };
        Self { address, protocol }
    }
}

/// The port spaces of all addresses.
#[derive(Debug)]
pub(super) struct PortSpaces {
    layers: HashMap<(Space, u8), PortSet, FixedState>,
    seed: FixedState,
    sequence: u64,
}

/// What a port is to be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// The port before translation: its parity and range are kept where that is possible.
    pub original: u16,
    /// How many layers there are.
    pub layers: u8,
    /// The layer of the session's destination.
    pub layer: u8,
    /// Which ports this device gives.
    pub share: PortShare,
}

impl PortSpaces {
    pub fn new(secret: u64) -> Self {
        let seed = FixedState::with_seed(secret);
        Self { layers: HashMap::with_hasher(seed.clone()), seed, sequence: 0 }
    }

    /// The layer of a destination, of 1, 2, 4 or 8.
    pub fn layer_of(&self, destination: (IpAddr, u16), layers: u8) -> u8 {
        if layers <= 1 { 0 } else { (self.seed.hash_one(destination) % u64::from(layers)) as u8 }
    }

    /// Takes a free port for which `is_free` is true.
    ///
    /// It keeps parity and range (RFC 4787, REQ-3 and REQ-4) while there are such ports, then the range,
    /// then takes one above 1,023. Where in the range it lies is not to be guessed from outside
    /// (RFC 6056).
    pub fn take(&mut self, space: Space, wish: &Wish, mut is_free: impl FnMut(u16) -> bool) -> Option<u16> {
        self.sequence = self.sequence.wrapping_add(1);
        let random = self.seed.hash_one(self.sequence);
        for range in ranges(space.protocol, wish, random) {
            for step in 0..wish.layers.max(1) {
                let layer = (wish.layer + step) % wish.layers.max(1);
                if let Some(port) = self.take_from((space, layer), &range, random, &mut is_free) {
                    return Some(port);
                }
            }
        }
        None
    }

    fn take_from(
        &mut self,
        key: (Space, u8),
        range: &Range<usize>,
        random: u64,
        is_free: &mut impl FnMut(u16) -> bool,
    ) -> Option<u16> {
        let first = range.start as u32 * 64;
        let count = (range.end - range.start) as u32 * 64;
        let mut number = first + (random % u64::from(count.max(1))) as u32;
        let set = self.layers.get(&key);
        for _ in 0..TRIES {
            number = match set {
                Some(set) => set.first_free(range, number)?,
                None => number.max(1),
            };
            if is_free(port_of(number)) {
                self.layers.entry(key).or_insert_with(PortSet::new).add(number);
                return Some(port_of(number));
            }
            number = if number + 1 == first + count { first } else { number + 1 };
        }
        None
    }

    /// Notes that a port is taken; false where every layer has it already.
    pub fn note(&mut self, space: Space, port: u16, layer: u8, layers: u8) -> bool {
        (0..layers.max(1)).any(|step| {
            let layer = (layer + step) % layers.max(1);
            self.layers.entry((space, layer)).or_insert_with(PortSet::new).add(number_of(port))
        })
    }

    /// Gives a port back; false where it was not taken. The layers are searched, because a commit may have
    /// changed their number since the port was taken.
    pub fn release(&mut self, space: Space, port: u16, layer: u8) -> bool {
        (0..8).any(|step| {
            let Entry::Occupied(mut entry) = self.layers.entry((space, layer ^ step)) else { return false };
            let was_taken = entry.get_mut().remove(number_of(port));
            if entry.get().is_empty() {
                entry.remove();
            }
            was_taken
        })
    }

    /// How many ports are taken.
    pub fn used(&self, space: Space) -> u32 {
        (0..8).filter_map(|layer| self.layers.get(&(space, layer))).map(PortSet::len).sum()
    }

    /// Whether no port of any address is taken.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

/// Where to look for a port, best first, in words of the bitmap.
fn ranges(protocol_number: u8, wish: &Wish, random: u64) -> impl Iterator<Item = Range<usize>> + use<> {
    let share = wish.share;
    // Identifiers have neither parity nor privilege.
    let is_identifier = protocol_number == protocol::ICMP;
    let parity = usize::from(if is_identifier { random >> 63 != 0 } else { wish.original & 1 == 1 });
    let is_low = !is_identifier && (1..1024).contains(&wish.original);
    let low = [share.low(parity), share.low(1 - parity)];
    let high = [share.high(parity), share.high(1 - parity)];
    low.into_iter().filter(move |_| is_low).chain(high)
}

impl PortShare {
    fn low(self, parity: usize) -> Range<usize> {
        self.part(parity, [0, LOW_HALF, LOW])
    }

    fn high(self, parity: usize) -> Range<usize> {
        self.part(parity, [LOW, HIGH_HALF, PLANE])
    }

    fn part(self, parity: usize, range: [usize; 3]) -> Range<usize> {
        let plane = parity * PLANE;
        let part = self.cut(range);
        plane + part.start..plane + part.end
    }
}

/// Even ports come first, so that each parity is one stretch of the bitmap.
const fn number_of(port: u16) -> u32 {
    ((port & 1) as u32) << 15 | (port >> 1) as u32
}

const fn port_of(number: u32) -> u16 {
    ((number << 1 & 0xfffe) | (number >> 15 & 1)) as u16
}

/// The ports of one layer that are taken, as numbers of the bitmap.
#[derive(Debug)]
enum PortSet {
    Few(Vec<u16>),
    Many(Bits),
}

impl PortSet {
    fn new() -> Self {
        Self::Few(Vec::new())
    }

    fn len(&self) -> u32 {
        match self {
            Self::Few(numbers) => numbers.len() as u32,
            Self::Many(bits) => bits.used() - 1,
        }
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn has(&self, number: u32) -> bool {
        match self {
            Self::Few(numbers) => numbers.iter().any(|taken| u32::from(*taken) == number),
            Self::Many(bits) => bits.has(number),
        }
    }

    fn add(&mut self, number: u32) -> bool {
        if number == 0 || self.has(number) {
            return false;
        }
        match self {
            Self::Few(numbers) if numbers.len() < FEW => {
                numbers.push(number as u16);
                true
            }
            Self::Few(numbers) => {
                let mut bits = Bits::new(2 * PLANE);
                // Port 0 is never given.
                bits.add(0);
                for taken in numbers {
                    bits.add(u32::from(*taken));
                }
                bits.add(number);
                *self = Self::Many(bits);
                true
            }
            Self::Many(bits) => bits.add(number),
        }
    }

    fn remove(&mut self, number: u32) -> bool {
        match self {
            Self::Few(numbers) => match numbers.iter().position(|taken| u32::from(*taken) == number) {
                Some(place) => {
                    numbers.swap_remove(place);
                    true
                }
                None => false,
            },
            Self::Many(bits) => number != 0 && bits.remove(number),
        }
    }

    /// The first free number at or after `start`, then from the beginning of the range.
    fn first_free(&self, range: &Range<usize>, start: u32) -> Option<u32> {
        match self {
            Self::Many(bits) => bits.first_free(range, start),
            Self::Few(numbers) => {
                let (first, end) = (range.start as u32 * 64, range.end as u32 * 64);
                let mut number = start;
                // One more than can be taken, and the number that is never given.
                for _ in 0..numbers.len() + 2 {
                    if number != 0 && !self.has(number) {
                        return Some(number);
                    }
                    number = if number + 1 >= end { first } else { number + 1 };
                }
                None
            }
        }
    }
}
