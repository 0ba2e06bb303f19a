//! Addresses that a pair of devices has together: who answers for them, and at which Ethernet address.

use core::net::IpAddr;

use bifrons_config::typed::Prefix;
use bifrons_model::{MacAddress, SeededHash, Timestamp};

use super::{Hearers, own::DEFEND};

/// An address that moves between the two devices of a pair, or that both have. It stands in the settings of
/// a device as long as that device has it or a share of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualAddress {
    /// The address in its network.
    pub prefix: Prefix,
    /// Who gets an answer, and which.
    pub answers: Answers,
}

/// Who gets an answer, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Everyone: the address is at this Ethernet address, whichever device has it.
    All(MacAddress),
    /// Each requester gets the Ethernet address of the share that it belongs to, from the device that has
    /// that share.
    Requesters {
        /// To which share a requester belongs.
        by: Sharing,
        /// The Ethernet addresses of share 0 and share 1.
        macs: [MacAddress; 2],
        /// Which shares this device has.
        has: [bool; 2],
    },
}

/// How those who ask for a shared address are divided into two shares (`arp-load-sharing`). Share 0 is at
/// home with device 0, share 1 with device 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// By the lowest bit of the requester's address: even ones belong to share 0.
    Modulo,
    /// By the lowest bit of a hash of it ([`SeededHash`] of the address as a number).
    Hash {
        /// What the hash begins with, the same on both devices.
        seed: u32,
    },
}

impl Sharing {
    /// 0 or 1: the share that a requester belongs to.
    pub fn share_of(self, requester: IpAddr) -> u8 {
        let bits = match requester {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits(),
        };
        match self {
            Self::Modulo => (bits & 1) as u8,
            Self::Hash { seed } => (SeededHash::new(seed).with(bits).value() & 1) as u8,
        }
    }
}

/// What tells one share from the other, where there is only one of two.
const fn of_share<T: Copy>(two: [T; 2], share: u8) -> T {
    let [zero, one] = two;
    if share == 0 { zero } else { one }
}

impl Answers {
    /// The Ethernet address that this requester is to get from us.
    pub fn mac_for(&self, requester: IpAddr) -> Option<MacAddress> {
        match *self {
            Self::All(mac) => Some(mac),
            Self::Requesters { by, macs, has } => {
                let share = by.share_of(requester);
                of_share(has, share).then(|| of_share(macs, share))
            }
        }
    }

    /// The Ethernet addresses that are here, and whom each is to be announced to.
    pub fn held(&self) -> impl Iterator<Item = (MacAddress, Hearers)> + use<> {
        let held = match *self {
            Self::All(mac) => [Some((mac, Hearers::Hosts)), None],
            Self::Requesters { macs: [zero, one], has, .. } => {
                let share = |mac, has: bool| has.then_some((mac, Hearers::Switches));
                [share(zero, has[0]), share(one, has[1])]
            }
        };
        held.into_iter().flatten()
    }

    /// Whether the address may be at this Ethernet address, here or at the other device.
    pub fn is_at(&self, mac: MacAddress) -> bool {
        match self {
            Self::All(own) => *own == mac,
            Self::Requesters { macs, .. } => macs.contains(&mac),
        }
    }
}

/// A virtual address on a link, and when a conflict over it was last told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Virtual {
    pub address: VirtualAddress,
    complained: Option<Timestamp>,
}

impl Virtual {
    pub const fn new(address: VirtualAddress) -> Self {
        Self { address, complained: None }
    }

    pub const fn ip(&self) -> IpAddr {
        self.address.prefix.address
    }

    /// Someone outside the pair says that it has the address; whether that is to be told now.
    pub fn handle_conflict(&mut self, now: Timestamp) -> bool {
        let is_told = self.complained.is_none_or(|last| now.since(last) >= DEFEND);
        if is_told {
            self.complained = Some(now);
        }
        is_told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const MACS: [MacAddress; 2] = [MacAddress([2, 0, 0, 0, 0, 0]), MacAddress([2, 0, 0, 0, 0, 1])];

    #[test]
    fn a_requester_is_answered_by_exactly_one_device() {
        let seeds = [Sharing::Modulo, Sharing::Hash { seed: 0 }, Sharing::Hash { seed: u32::MAX }];
        for by in seeds {
            let device = |has| Answers::Requesters { by, macs: MACS, has };
            let mut at_zero = 0;
            for number in 0..2_000_u32 {
                for requester in [
                    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)),
                    IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number))),
                ] {
                    let [zero, one] =
                        [[true, false], [false, true]].map(|has| device(has).mac_for(requester));
                    assert!(zero.is_some() != one.is_some());
                    assert!(zero.is_none_or(|mac| mac == MACS[0]) && one.is_none_or(|mac| mac == MACS[1]));
                    // A survivor gives the same answer.
                    assert_eq!(device([true, true]).mac_for(requester), zero.or(one));
                    assert_eq!(device([false, false]).mac_for(requester), None);
                    at_zero += u32::from(zero.is_some());
                }
            }
            assert!((1_900..2_100).contains(&at_zero), "{by:?} {at_zero}");
        }
    }

    #[test]
    fn even_requesters_belong_to_device_0() {
        let share = |text: &str| Sharing::Modulo.share_of(text.parse().unwrap());
        assert_eq!(["10.0.0.2", "10.0.0.3", "2001:db8::4", "2001:db8::5"].map(share), [0, 1, 0, 1]);
    }
}
