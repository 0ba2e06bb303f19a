//! Peers that hide what they speak: the generic sign of a peer-to-peer session that no probe knows.
//!
//! Encrypted peer-to-peer protocols (BitTorrent's Message Stream Encryption above all) open with a key
//! exchange and random padding: each end's first bytes are 96 to 608 of noise, without any structure a
//! probe could hold on to. A session is called `unknown-p2p` only if both ends open so, both ports lie
//! outside the ranges where services are registered in number, and no probe was certain within the budget.
//! It is never more than a word for an unknown session.

use bifrons_model::Direction;

/// A public key of 768 bits and at most 512 bytes of padding.
const FIRST_FLIGHT: core::ops::RangeInclusive<usize> = 96..=608;
/// Below it stand nearly all registered services; peers choose above it (6881 is BitTorrent's traditional
/// first port).
const LOWEST_PORT: u16 = 6881;
/// Bytes that are weighed.
const SAMPLE: usize = 96;
/// Of 96 random bytes 80 are different on average, with a deviation of 3; of Base64 at most 64 can be.
const FEWEST_DIFFERENT: u32 = 70;
/// Bytes at the beginning where protocols with a header show it: of 16 random bytes hardly ever fewer than
/// 14 are different, or more than one is zero.
const HEADER: usize = 16;
/// Of 768 random bits 384 are set on average, with a deviation of 14.
const BITS_SET: core::ops::RangeInclusive<u32> = 328..=440;

/// What the first bytes of each end look like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerNoise {
    is_between_peers: bool,
    is_noise: [Option<bool>; 2],
}

impl PeerNoise {
    /// For a session between these ports.
    pub(crate) const fn new(client_port: u16, server_port: u16) -> Self {
        Self {
            is_between_peers: client_port >= LOWEST_PORT && server_port >= LOWEST_PORT,
            is_noise: [None; 2],
        }
    }

    /// Takes bytes of one end; only the first of each end count.
    pub(crate) fn see(&mut self, direction: Direction, bytes: &[u8]) {
        if self.is_between_peers {
            self.is_noise[direction.index()].get_or_insert_with(|| is_first_flight(bytes));
        }
    }

    /// Whether both ends opened with noise, between ports of peers.
    pub(crate) fn is_mutual(&self) -> bool {
        self.is_noise == [Some(true); 2]
    }
}

fn is_first_flight(bytes: &[u8]) -> bool {
    let Some(sample) = bytes.get(..SAMPLE) else {
        return false;
    };
    let header = sample.get(..HEADER).unwrap_or_default();
    let bits_set = sample.iter().map(|byte| byte.count_ones()).sum::<u32>();
    FIRST_FLIGHT.contains(&bytes.len())
        && different(header) >= 14
        && header.iter().filter(|byte| **byte == 0).count() <= 1
        && different(sample) >= FEWEST_DIFFERENT
        && BITS_SET.contains(&bits_set)
}

/// How many different values occur.
fn different(bytes: &[u8]) -> u32 {
    let mut seen = [0_u64; 4];
    for byte in bytes {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|part| part.count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn noise(mut seed: u32, length: usize) -> Vec<u8> {
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn both_ends_must_open_with_noise() {
        for (client_port, server_port, is_mutual) in
            [(50_000, 51_413, true), (50_000, 6881, true), (50_000, 443, false)]
        {
            let mut peers = PeerNoise::new(client_port, server_port);
            peers.see(Direction::ClientToServer, &noise(1, 300));
            assert!(!peers.is_mutual());
            peers.see(Direction::ServerToClient, &noise(2, 97));
            assert_eq!(peers.is_mutual(), is_mutual);
            peers.see(Direction::ServerToClient, b"later bytes do not count");
            assert_eq!(peers.is_mutual(), is_mutual);
        }
    }

    #[test]
    fn text_and_structure_are_no_noise() {
        let base64: Vec<u8> = noise(3, 300).iter().map(|byte| b'A' + byte % 26 + 32 * (byte >> 7)).collect();
        assert!(!is_first_flight(&base64));
        assert!(!is_first_flight(&[0; 200]));
        assert!(!is_first_flight(&noise(4, 95)));
        assert!(!is_first_flight(&noise(4, 609)));
        let mut padded = noise(5, 200);
        padded[20..60].fill(0);
        assert!(!is_first_flight(&padded));
        let mut with_header = noise(6, 200);
        assert!(is_first_flight(&with_header));
        with_header[..4].copy_from_slice(&[200, 0, 0, 0]);
        assert!(!is_first_flight(&with_header));
    }
}
