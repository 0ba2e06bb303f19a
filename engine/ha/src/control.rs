//! Which messages count: each once, none of an earlier start.

use bifrons_model::MacAddress;

use crate::HaLinkId;

/// The links that carry hellos and heartbeats.
pub const CONTROL_LINKS: [HaLinkId; 3] = [HaLinkId::Ha1, HaLinkId::Ha1Backup, HaLinkId::HeartbeatBackup];

/// How a message stands to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is new.
    Fresh,
    /// It is the first of another start of the peer.
    NewEpoch,
    /// It was here before, or is older than anything that can still be judged.
    Old,
}

/// What has come from the peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receiver {
    /// The peer's start.
    epoch: Option<u64>,
    /// By the places of [`CONTROL_LINKS`].
    windows: [Window; 3],
    /// The newest hello.
    hello_seen: u64,
    /// The newest order.
    order_seen: u64,
}

impl Receiver {
    /// Judges a message's head. An earlier start counts only with proof that the message is not an old one:
    /// the answer to a question that was just asked. So a peer whose clock went back while it was off is
    /// heard again.
    pub fn admit(&mut self, link: HaLinkId, epoch: u64, sequence: u64, is_proven: bool) -> Admission {
        let Some(place) = CONTROL_LINKS.iter().position(|it| *it == link) else { return Admission::Old };
        let is_new = match self.epoch {
            None => true,
            Some(known) => epoch > known || epoch < known && is_proven,
        };
        if is_new {
            *self = Self { epoch: Some(epoch), ..Self::default() };
        } else if self.epoch != Some(epoch) {
            return Admission::Old;
        }
        let is_fresh = self.windows.get_mut(place).is_some_and(|window| window.take(sequence));
        match (is_fresh, is_new) {
            (true, true) => Admission::NewEpoch,
            (true, false) => Admission::Fresh,
            (false, _) => Admission::Old,
        }
    }

    /// Whether a hello is newer than all before it, over all links.
    pub const fn take_hello(&mut self, sequence: u64) -> bool {
        let is_newer = sequence > self.hello_seen;
        if is_newer {
            self.hello_seen = sequence;
        }
        is_newer
    }

    /// Whether an order is newer than all before it.
    pub const fn take_order(&mut self, number: u64) -> bool {
        let is_newer = number > self.order_seen;
        if is_newer {
            self.order_seen = number;
        }
        is_newer
    }

    /// The sequence number of the newest hello, 0 for none.
    pub const fn hello_seen(&self) -> u64 {
        self.hello_seen
    }
}

/// The last 64 sequence numbers of a link, as in RFC 4303, section 3.4.3.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    highest: u64,
    /// Bit n: `highest - n` was here.
    seen: u64,
}

impl Window {
    fn take(&mut self, sequence: u64) -> bool {
        if sequence == 0 {
            return false;
        }
        if sequence > self.highest {
            let shift = u32::try_from(sequence - self.highest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.highest = sequence;
            return true;
        }
        let back = u32::try_from(self.highest - sequence).unwrap_or(u32::MAX);
        let Some(bit) = 1_u64.checked_shl(back) else { return false };
        let is_fresh = self.seen & bit == 0;
        self.seen |= bit;
        is_fresh
    }
}

/// A number that no other question of any start has, in all likelihood: the start, the device and the
/// question, mixed (the finaliser of SplitMix64).
pub(crate) fn nonce(mac: MacAddress, epoch: u64, beat: u64) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    let mix = |value: u64| {
        let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    };
    mix(mix(u64::from_be_bytes([0, 0, a, b, c, d, e, f]) ^ epoch).wrapping_add(beat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_counts_once_and_reordering_is_harmless() {
        let mut receiver = Receiver::default();
        let link = HaLinkId::Ha1;
        assert_eq!(receiver.admit(link, 7, 5, false), Admission::NewEpoch);
        for (sequence, expected) in [
            (5, Admission::Old),
            (7, Admission::Fresh),
            (6, Admission::Fresh),
            (6, Admission::Old),
            (100, Admission::Fresh),
            (36, Admission::Old),
            (37, Admission::Fresh),
            (0, Admission::Old),
            (u64::MAX, Admission::Fresh),
            (100, Admission::Old),
        ] {
            assert_eq!(receiver.admit(link, 7, sequence, false), expected, "{sequence}");
        }
        assert_eq!(receiver.admit(HaLinkId::Ha1Backup, 7, 5, false), Admission::Fresh);
        assert_eq!(receiver.admit(HaLinkId::Ha2, 7, 6, false), Admission::Old);
    }

    #[test]
    fn an_earlier_start_counts_only_with_proof() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.admit(HaLinkId::Ha1, 7, 5, false), Admission::NewEpoch);
        assert!(receiver.take_hello(5));
        assert!(!receiver.take_hello(5));
        assert_eq!(receiver.admit(HaLinkId::Ha1, 6, 9, false), Admission::Old);
        assert_eq!(receiver.hello_seen(), 5);
        assert_eq!(receiver.admit(HaLinkId::Ha1, 6, 9, true), Admission::NewEpoch);
        assert_eq!(receiver.hello_seen(), 0);
        assert!(receiver.take_order(1) && !receiver.take_order(1));
    }
}
