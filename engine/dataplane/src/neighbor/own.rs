//! An address of ours on a link: looked for duplicates, announced, defended.
//!
//! Duplicate search and announcements are those of RFC 5227 for IPv4 and RFC 4862, section 5.4, with RFC
//! 4861, section 7.2.6, for IPv6. A device whose address is its neighbors' way out does not give it up
//! (RFC 5227, section 2.4 c): a conflict with an address in use is answered and told.

use core::{net::IpAddr, time::Duration};

use bifrons_config::typed::Prefix;
use bifrons_model::{MacAddress, Timestamp};

/// How often an address is announced (ANNOUNCE_NUM of RFC 5227, section 1.1).
const ANNOUNCEMENTS: u8 = 2;
/// ANNOUNCE_INTERVAL of RFC 5227, section 1.1.
const ANNOUNCE: Duration = Duration::from_secs(2);
/// A conflict is answered and told at most so often (DEFEND_INTERVAL of RFC 5227, section 1.1).
pub(super) const DEFEND: Duration = Duration::from_secs(10);

/// An address that a device has on an interface, and the Ethernet address that it says it is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address in its network.
    pub prefix: Prefix,
    /// Where it is: the interface's Ethernet address, or one that moves between the devices of a pair.
    pub mac: MacAddress,
    /// How often the link is asked whether someone has it already, before it is used; 0 uses it at once.
    pub probes: u8,
}

/// How far an address has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The link was asked so often whether someone has it.
    Tentative(u8),
    /// It is in use, and has been announced so often.
    InUse(u8),
    /// Someone had it before us: it is not used.
    Duplicate,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnReaction {
    Nothing,
    /// Ask whether someone has it.
    Probe,
    /// Tell everyone.
    Announce,
    /// Tell everyone, and the operator.
    Defend,
    /// Tell the operator that someone has it.
    Complain,
}

/// One address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub address: OwnAddress,
    state: State,
    pub deadline: Option<Timestamp>,
    complained: Option<Timestamp>,
}

impl Own {
    /// It begins when its deadline, which is now, is handled.
    pub const fn new(now: Timestamp, address: OwnAddress) -> Self {
        let state = if address.probes > 0 { State::Tentative(0) } else { State::InUse(0) };
        Self { address, state, deadline: Some(now), complained: None }
    }

    /// One that is in use without a word: the other device of a pair has looked for duplicates and speaks
    /// for it.
    pub const fn settled(address: OwnAddress) -> Self {
        Self { address, state: State::InUse(ANNOUNCEMENTS), deadline: None, complained: None }
    }

    pub const fn ip(&self) -> IpAddr {
        self.address.prefix.address
    }

    pub const fn is_usable(&self) -> bool {
        matches!(self.state, State::InUse(_))
    }

    pub const fn is_tentative(&self) -> bool {
        matches!(self.state, State::Tentative(_))
    }

    pub fn handle_timeout(&mut self, now: Timestamp, retransmission: Duration) -> OwnReaction {
        let announce = if self.ip().is_ipv4() { ANNOUNCE } else { retransmission };
        match self.state {
            State::Tentative(sent) if sent < self.address.probes => {
                self.state = State::Tentative(sent + 1);
                self.deadline = Some(now + retransmission);
                OwnReaction::Probe
            }
            State::Tentative(_) => {
                self.state = State::InUse(1);
                self.deadline = Some(now + announce);
                OwnReaction::Announce
            }
            State::InUse(sent) if sent < ANNOUNCEMENTS => {
                self.state = State::InUse(sent + 1);
                self.deadline = (sent + 1 < ANNOUNCEMENTS).then(|| now + announce);
                OwnReaction::Announce
            }
            State::InUse(_) | State::Duplicate => {
                self.deadline = None;
                OwnReaction::Nothing
            }
        }
    }

    /// Someone else says that it has the address.
    pub fn handle_conflict(&mut self, now: Timestamp) -> OwnReaction {
        match self.state {
            State::Tentative(_) => {
                self.state = State::Duplicate;
                self.deadline = None;
                self.complained = Some(now);
                OwnReaction::Complain
            }
            State::InUse(_) | State::Duplicate => {
                if self.complained.is_some_and(|last| now.since(last) < DEFEND) {
                    return OwnReaction::Nothing;
                }
                self.complained = Some(now);
                if self.is_usable() { OwnReaction::Defend } else { OwnReaction::Complain }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OwnReaction::{Announce, Complain, Defend, Nothing, Probe};

    const NOW: Timestamp = Timestamp::from_secs(100);
    const SECOND: Duration = Duration::from_secs(1);

    fn own(probes: u8) -> Own {
        let prefix = Prefix { address: "10.0.0.1".parse().unwrap(), length: 24 };
        Own::new(NOW, OwnAddress { prefix, mac: MacAddress([2; 6]), probes })
    }

    /// Reactions and seconds since the start, until nothing is to come.
    fn run(own: &mut Own) -> alloc::vec::Vec<(u64, OwnReaction)> {
        let mut done = alloc::vec::Vec::new();
        while let Some(at) = own.deadline {
            done.push((at.since(NOW).as_secs(), own.handle_timeout(at, SECOND)));
        }
        done
    }

    #[test]
    fn an_address_is_looked_for_then_announced_twice() {
        assert_eq!(run(&mut own(0)), [(0, Announce), (2, Announce)]);
        assert_eq!(run(&mut own(2)), [(0, Probe), (1, Probe), (2, Announce), (4, Announce)]);
        let mut own = own(1);
        assert!(!own.is_usable());
        run(&mut own);
        assert!(own.is_usable());
    }

    #[test]
    fn a_duplicate_is_not_used_and_an_address_in_use_is_defended_now_and_then() {
        let mut tentative = own(1);
        tentative.handle_timeout(NOW, SECOND);
        assert_eq!(tentative.handle_conflict(NOW), Complain);
        assert!(!tentative.is_usable() && tentative.deadline.is_none());
        assert_eq!(tentative.handle_timeout(NOW, SECOND), Nothing);
        assert_eq!(tentative.handle_conflict(NOW), Nothing);
        assert_eq!(tentative.handle_conflict(NOW + DEFEND), Complain);
        let mut used = own(0);
        assert_eq!(used.handle_conflict(NOW), Defend);
        assert_eq!(used.handle_conflict(NOW + SECOND), Nothing);
        assert_eq!(used.handle_conflict(NOW + DEFEND), Defend);
        assert!(used.is_usable());
    }
}
