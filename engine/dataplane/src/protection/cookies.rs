//! SYN cookies: a sequence number that tells, when it comes back, that a SYN was answered with it (RFC 4987,
//! section 3.6).
//!
//! ```text
//!  31      27 26  24 23                          0
//! ├──────────┼──────┼─────────────────────────────┤
//! │   slot   │ size │  keyed hash over all of it  │
//! └──────────┴──────┴─────────────────────────────┘
//! ```

use core::hash::Hasher;

use bifrons_model::Timestamp;
use bifrons_session::{FlowKey, HashSeed};
use bifrons_wire::Addresses;
use siphasher::sip::SipHasher24;

/// Segment sizes that a cookie can hold: the largest that is not above the client's is taken.
const SEGMENT_SIZES: [u16; 8] = [88, 536, 1220, 1360, 1400, 1440, 1460, 8960];
/// How long a cookie is made in the same slot; it holds for the rest of its slot and the next one.
const SLOT_SECONDS: u64 = 64;

const SLOT_SHIFT: u32 = 27;
const SIZE_SHIFT: u32 = 24;
const HASH_MASK: u32 = 0x00ff_ffff;

/// The key of all cookies.
pub(super) struct Cookies {
    key: [u64; 2],
}

impl Cookies {
    pub const fn new(seed: &HashSeed) -> Self {
        Self { key: seed.halves() }
    }

    /// The sequence number that answers a SYN of this flow, with the client's own number and segment size.
    pub fn make(&self, now: Timestamp, flow: &FlowKey, client: u32, segment_size: u16) -> u32 {
        let size = SEGMENT_SIZES.iter().rposition(|size| *size <= segment_size).unwrap_or(0) as u32;
        self.cookie(now.as_secs() / SLOT_SECONDS, flow, client, size)
    }

    /// The client's segment size if the number is a cookie that was made for it lately.
    pub fn check(&self, now: Timestamp, flow: &FlowKey, client: u32, cookie: u32) -> Option<u16> {
        let slot = now.as_secs() / SLOT_SECONDS;
        let size = cookie >> SIZE_SHIFT & 7;
        let is_ours = [slot, slot.wrapping_sub(1)]
            .into_iter()
            .filter(|slot| (*slot as u32) << SLOT_SHIFT == cookie & !((1 << SLOT_SHIFT) - 1))
            .any(|slot| self.cookie(slot, flow, client, size) == cookie);
        SEGMENT_SIZES.get(size as usize).copied().filter(|_| is_ours)
    }

    fn cookie(&self, slot: u64, flow: &FlowKey, client: u32, size: u32) -> u32 {
        let [first, second] = self.key;
        let mut hasher = SipHasher24::new_with_keys(first, second);
        match flow.addresses() {
            Addresses::V4 { source, destination } => {
                hasher.write(&source.to_be_bytes());
                hasher.write(&destination.to_be_bytes());
            }
            Addresses::V6 { source, destination } => {
                hasher.write(&source.to_be_bytes());
                hasher.write(&destination.to_be_bytes());
            }
        }
        let ports = u32::from(flow.source_port()) << 16 | u32::from(flow.destination_port());
        hasher.write(&ports.to_be_bytes());
        hasher.write(&(u32::from(flow.zone().0) << 3 | size).to_be_bytes());
        hasher.write(&client.to_be_bytes());
        hasher.write(&slot.to_be_bytes());
        (slot as u32) << SLOT_SHIFT | size << SIZE_SHIFT | hasher.finish() as u32 & HASH_MASK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_model::ZoneId;
    use proptest::prelude::*;

    fn flow(source: u32, port: u16) -> FlowKey {
        FlowKey::new(Addresses::V4 { source, destination: 9 }, port, 443, 6, ZoneId(3))
    }

    const COOKIES: Cookies = Cookies::new(&HashSeed::new(1));

    #[test]
    fn a_cookie_holds_for_a_while() {
        let start = Timestamp::from_secs(640);
        let cookie = COOKIES.make(start, &flow(1, 2), 77, 1460);
        for second in [640, 700, 767] {
            let now = Timestamp::from_secs(second);
            assert_eq!(COOKIES.check(now, &flow(1, 2), 77, cookie), Some(1460));
        }
        for second in [639, 768, 640 + 64 * 32, 640 + 64 * 33] {
            assert_eq!(COOKIES.check(Timestamp::from_secs(second), &flow(1, 2), 77, cookie), None);
        }
    }

    #[test]
    fn segment_sizes_are_never_above_the_clients() {
        for (told, kept) in [(0, 88), (535, 88), (536, 536), (1459, 1440), (1460, 1460), (u16::MAX, 8960)] {
            let cookie = COOKIES.make(Timestamp::ZERO, &flow(1, 2), 77, told);
            assert_eq!(COOKIES.check(Timestamp::ZERO, &flow(1, 2), 77, cookie), Some(kept));
        }
    }

    proptest! {
        #[test]
        fn another_flow_number_or_key_has_another_cookie(
            source: u32, port: u16, client: u32, other in 1_u32..u32::MAX,
        ) {
            let now = Timestamp::from_secs(1_000);
            let cookie = COOKIES.make(now, &flow(source, port), client, 1460);
            let check = |cookies: &Cookies, flow: FlowKey, client, cookie| {
                cookies.check(now, &flow, client, cookie)
            };
            prop_assert!(check(&COOKIES, flow(source, port), client, cookie).is_some());
            prop_assert!(check(&COOKIES, flow(source ^ other, port), client, cookie).is_none());
            prop_assert!(check(&COOKIES, flow(source, port), client ^ other, cookie).is_none());
            let wrong = cookie ^ (other & HASH_MASK | 1);
            prop_assert!(check(&COOKIES, flow(source, port), client, wrong).is_none());
            let foreign = Cookies::new(&HashSeed::new(2));
            prop_assert!(check(&foreign, flow(source, port), client, cookie).is_none());
        }
    }
}
