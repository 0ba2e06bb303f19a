//! What finds a session: the five-tuple and the zone that the packet came from.

use bifrons_model::ZoneId;
use bifrons_wire::{Addresses, Packet};

/// A flow's key, packed for comparing and hashing. Two keys are equal when addresses, ports, protocol and
/// ingress zone are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// IPv4: source and destination address. IPv6: 0.
    pub(crate) v4: u64,
    /// Ports, zone, family and protocol.
    pub(crate) rest: u64,
    /// IPv6: source and destination address. IPv4: 0.
    pub(crate) v6: [u128; 2],
}

const FAMILY_V6: u64 = 1 << 8;

impl FlowKey {
    /// From its parts; ports are 0 where the protocol has none.
    pub const fn new(
        addresses: Addresses,
        source_port: u16,
        destination_port: u16,
        protocol: u8,
        zone: ZoneId,
    ) -> Self {
        let rest = (source_port as u64) << 48
            | (destination_port as u64) << 32
            | (zone.0 as u64) << 16
            | protocol as u64;
        match addresses {
            Addresses::V4 { source, destination } => {
                Self { v4: (source as u64) << 32 | destination as u64, rest, v6: [0; 2] }
            }
            Addresses::V6 { source, destination } => {
                Self { v4: 0, rest: rest | FAMILY_V6, v6: [source, destination] }
            }
        }
    }

    /// The key that `packet` has when it comes from `zone`.
    #[inline]
    pub const fn of(packet: &Packet, zone: ZoneId) -> Self {
        Self::new(packet.addresses, packet.source_port, packet.destination_port, packet.protocol, zone)
    }

    /// The key of the answer when it comes from `zone`.
    #[must_use]
    pub const fn reversed(&self, zone: ZoneId) -> Self {
        Self::new(
            self.addresses().reversed(),
            self.destination_port(),
            self.source_port(),
            self.protocol(),
            zone,
        )
    }

    /// Source and destination.
    pub const fn addresses(&self) -> Addresses {
        if self.is_v6() {
            Addresses::V6 { source: self.v6[0], destination: self.v6[1] }
        } else {
            Addresses::V4 { source: (self.v4 >> 32) as u32, destination: self.v4 as u32 }
        }
    }

    /// The source port.
    pub const fn source_port(&self) -> u16 {
        (self.rest >> 48) as u16
    }

    /// The destination port.
    pub const fn destination_port(&self) -> u16 {
        (self.rest >> 32) as u16
    }

    /// The zone that packets of this flow come from.
    pub const fn zone(&self) -> ZoneId {
        ZoneId((self.rest >> 16) as u16)
    }

    /// The IP protocol number.
    pub const fn protocol(&self) -> u8 {
        self.rest as u8
    }

    /// Whether the addresses are IPv6.
    pub const fn is_v6(&self) -> bool {
        self.rest & FAMILY_V6 != 0
    }
}

/// The secret that keys the hash, so that nobody outside can choose keys that collide. It never shows in a
/// result.
#[derive(Clone, Copy)]
pub struct HashSeed([u64; 2]);

impl HashSeed {
    /// From 128 bits; the shell takes them from the system's entropy, tests from a number of their choice.
    pub const fn new(secret: u128) -> Self {
        // Odd constants keep a zero secret from cancelling the multiplication.
        Self([secret as u64 ^ 0x9e37_79b9_7f4a_7c15, (secret >> 64) as u64 ^ 0xd1b5_4a32_d192_ed03])
    }

    /// The secret, for functions that are keyed with it.
    pub const fn halves(&self) -> [u64; 2] {
        self.0
    }

    /// The key's hash.
    #[inline]
    pub(crate) fn hash(&self, key: &FlowKey) -> u64 {
        let mut hash = fold(key.v4 ^ self.0[0], key.rest ^ self.0[1]);
        if key.is_v6() {
            for address in key.v6 {
                hash = fold(hash ^ address as u64 ^ self.0[1], (address >> 64) as u64 ^ self.0[0]);
            }
        }
        fold(hash ^ self.0[1], 0xa076_1d64_78bd_642f)
    }
}

/// Both halves of the 128-bit product.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: u32, port: u16) -> FlowKey {
        FlowKey::new(Addresses::V4 { source, destination: 0x0a00_0001 }, port, 443, 6, ZoneId(3))
    }

    #[test]
    fn parts_come_back_out_of_a_key() {
        let v4 = key(0xc000_0201, 7);
        assert_eq!(v4.addresses(), Addresses::V4 { source: 0xc000_0201, destination: 0x0a00_0001 });
        assert_eq!(
            (v4.source_port(), v4.destination_port(), v4.protocol(), v4.zone()),
            (7, 443, 6, ZoneId(3))
        );
        let back = v4.reversed(ZoneId(4));
        assert_eq!((back.source_port(), back.destination_port(), back.zone()), (443, 7, ZoneId(4)));
        assert_eq!(back.reversed(ZoneId(3)), v4);
        let v6 = FlowKey::new(Addresses::V6 { source: 1, destination: 2 }, 1, 2, 17, ZoneId(0));
        assert_eq!(v6.reversed(ZoneId(0)).addresses(), Addresses::V6 { source: 2, destination: 1 });
    }

    /// Each input bit flips each output bit about half of the time.
    #[test]
    fn the_hash_avalanches() {
        let seed = HashSeed::new(0x1234_5678_9abc_def0_0fed_cba9_8765_4321);
        let mut flips = [0_u32; 64];
        let mut trials = 0;
        for sample in 0..2_000_u32 {
            let base = key(sample.wrapping_mul(2_654_435_761), sample as u16);
            for bit in 0..64 {
                let other = FlowKey { v4: base.v4 ^ (1 << bit), ..base };
                let difference = seed.hash(&base) ^ seed.hash(&other);
                for (place, flip) in flips.iter_mut().enumerate() {
                    *flip += (difference >> place) as u32 & 1;
                }
                trials += 1;
            }
        }
        for (place, flip) in flips.iter().enumerate() {
            let share = f64::from(*flip) / f64::from(trials);
            assert!((0.45..0.55).contains(&share), "output bit {place} flips in {share}");
        }
    }
}
