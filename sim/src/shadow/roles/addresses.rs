//! Which of two devices that both forward has an address.
//!
//! | the devices | an interface's own address | one that floats |
//! |---|---|---|
//! | both forward | at its device | at home |
//! | one forwards, and knows that the other one does not | at its device, if that is the one | at the one |
//! | anything else, or it is too early to say | nobody can tell | nobody can tell |

use std::{net::Ipv4Addr, time::Duration};

use bifrons_ha::HaState;
use bifrons_model::Timestamp;

use super::{Announcing, Roles};
use crate::shadow::{Judged, What};

/// How long after a change of either device nobody can tell where addresses are.
const MOVES: Duration = Duration::from_millis(200);

/// With which device an address is at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shadow) struct Home {
    pub device: usize,
    pub zone: usize,
    /// The other device has it while that one does not work.
    pub floats: bool,
}

impl Roles {
    /// The device that has an address now; `None` where nobody can tell.
    pub(in crate::shadow) fn holder(&self, home: Home) -> Option<usize> {
        if !self.both_forward() {
            return None;
        }
        let forward = self.states.map(|state| state.is_some_and(HaState::forwards));
        let (is_calm, changed) = (self.are_addresses_calm(), self.before.map(|(_, at)| at));
        match forward {
            _ if !is_calm => None,
            [true, true] => Some(home.device),
            [true, false] | [false, true] => {
                let one = usize::from(forward[1]);
                let knows = self.now > changed[1 - one] + self.bounds.detect + MOVES;
                (knows && (home.floats || home.device == one)).then_some(one)
            }
            [false, false] => None,
        }
    }

    /// A device has told that it has an address.
    pub(in crate::shadow) fn told_of(&self, device: usize, home: Home, address: Ipv4Addr) -> Judged {
        match self.holder(home).filter(|holder| *holder != device) {
            None => Ok(()),
            Some(holder) => {
                let text =
                    format!("device {device} tells that it has {address}, which is at device {holder}");
                Err((What::Neighbor, text))
            }
        }
    }

    /// Nothing has happened lately for which addresses might be elsewhere.
    fn are_addresses_calm(&self) -> bool {
        let last = [self.unrest[0], self.unrest[1], self.breach].map(|at| at + self.bounds.heal);
        let changed = [self.before[0].1, self.before[1].1, self.cables[0], self.cables[1]];
        let last = last.into_iter().chain(changed.map(|at| at + MOVES)).max();
        self.pulled.is_empty() && !self.is_lossy && last.is_some_and(|last| self.now > last)
    }

    /// Where both forward, one says so that has the addresses of the other one now.
    pub(super) fn follow_addresses(&mut self, now: Timestamp, device: usize, before: Option<HaState>) {
        let forwards = |state: Option<HaState>| state.is_some_and(HaState::forwards);
        let heir = 1 - device;
        self.announcing[device] = None;
        self.announcing[heir] =
            (forwards(before) && !forwards(self.states[device]) && forwards(self.states[heir]))
                .then(|| Announcing { since: now, knows: now + self.bounds.detect, ..Announcing::default() });
    }
}
